"""The `binary` protocol (document 000): a big-endian header of 27 bytes, then the content, in both directions.

    offset  size  field         meaning
    0       1     version       always 1
    1       4     type          see below
    5       4     name size     bytes of the name, at most 10; the rest of the field is padding
    9       4     content size  bytes; from clients at most `text_bytes`
    13      10    name          UTF-8, padded with NUL; "server" where the server itself speaks. From a client it may
                                have anything after the first NUL, and its size may include that NUL or be 10
    23      4     time          seconds since the epoch, unsigned
    27      n     content       UTF-8

    client                      server, to the client               server, to others
    200 <name> [<password>]
                     join       207 | 209 <why>                     300 <name> joined!
    100 <text>       talk       nothing | 102 <why>                 100 <text>
    202 <name>       rename     206 <name> | 204 <why>              302 user '<old>' changed username to '<new>'!
    203              users      303 ['ann', 'bob']
    201 <name>       user       210 ('ann', '127.0.0.1', 42546) | 210
    211 <number>     ping       212 <the same number, or the server's time>
    205              quit       208, and the end of the connection  301 <name> left!
    anything else               102 <why>

A name ends with its content, or at the first NUL, which programs in C send with it. Existing clients ignore the content
of 209 and 204, and read that of 210 as a tuple unless it is empty.

Existing clients read a frame with one recv(2048), and stop if it returns two. So each frame is a send of its own, with
time to read it before the next, except in a flood (see `server.worker.fanout.OneByOne` and `server.worker.paced`),
and no frame is longer than 2048 bytes except 303 and 210, which cannot be split.

What becomes of the texts of others:

    carried   all characters of a text, including tabs and line ends, and its time
    cut       a text over 2021 bytes comes in several frames, cut between characters
    marked    a direct message begins with "[direct] ", in each of its frames
    escaped   "[direct] " in a text said in the room has U+FF3B for its bracket, as only the server may mark
    shortened names over 10 bytes, in the name field and in contents (`server.protocols.aliases`)
    clamped   times before 1970 and after 2106
    lost      lists of accounts, histories, and who is known but not here
"""
import re
import struct
import time
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from parley.server.protocols import events
from parley.server.protocols.aliases import shortened
from parley.server.protocols.contract import Aliases, EncodersFor, Frames
from parley.server.protocols.events import Reason
from parley.server.protocols.framing import FramedDecoder
from parley.server.protocols.text import canonical, name_and_password, pieces
from parley.server.protocols.traits import Traits

NAME = "binary"
PORT = 12000
IDLE_TIMEOUT = 0
VERSION = 1
LONGEST_NAME = 10  # bytes
LONGEST_FRAME = 2048  # bytes, to a client
TRAITS = Traits(
    coalesces=False, longest_name=LONGEST_NAME,
    open_to_strangers=(events.Who, events.Describe, events.Ping, events.Quit), shared_answers=(events.Present,),
    if_missed=events.Deliver())

now = time.time

HEADER = struct.Struct(">BIII10sI")
_SERVER = b"server"
_LATEST = 0xFFFFFFFF  # seconds
MARK, _NO_MARK = b"[direct] ", "\uff3bdirect] ".encode()
# A client may ping with a time or any other number, which is sent back; hence the limit of its length.
_NUMBER = re.compile(rb"(?=.{1,40}\Z)[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Type:
    """The types of frames."""

    TALK = 100
    ERROR = 102
    JOIN, USER, RENAME, USERS, QUIT, PING = 200, 201, 202, 203, 205, 211
    NOT_RENAMED, RENAMED, JOINED, QUITTED, NOT_JOINED, USER_IS, PONG = 204, 206, 207, 208, 209, 210, 212
    SOMEBODY_JOINED, SOMEBODY_LEFT, SOMEBODY_RENAMED, USERS_ARE = 300, 301, 302, 303


class Decoder(FramedDecoder):
    """Bytes in, commands out. Holds at most one unfinished frame."""

    __slots__ = ()
    form = "binary"

    def _next(self) -> Optional[events.Command]:
        """The next command, or None if its frame is incomplete."""
        held = self._held
        if held and held[0] != VERSION:
            return self._break(Reason.BROKEN)
        if len(held) < HEADER.size:
            return None
        _, code, name_size, content_size, name, claimed_time = HEADER.unpack_from(held)
        if name_size > LONGEST_NAME:
            return self._break(Reason.BROKEN)
        if content_size > self._text_limit:
            return self._break(Reason.TOO_LONG)
        end = HEADER.size + content_size
        if len(held) < end:
            return None
        return _parse(code, name, name_size, self._take(HEADER.size, end, end), claimed_time)


def _parse(code: int, name: bytes, name_size: int, content: bytes, claimed_time: int) -> events.Command:
    known = _COMMANDS.get(code)
    if known is None:
        return _UNKNOWN
    command, parse = known
    # The name must be well formed or empty, but it is not used: the connection tells who speaks.
    name = name.partition(b"\0")[0]
    if name_size not in (len(name), len(name) + 1, LONGEST_NAME) or not _is_utf8(name):
        return events.Malformed(Reason.BAD_FORM, command)
    if command in _NAMED:
        content = content.partition(b"\0")[0]
    if not _is_utf8(content):
        return events.Malformed(Reason.NOT_UTF8, command)
    return parse(content, claimed_time)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _say(content: bytes, claimed_time: int) -> events.Command:
    if not content:
        return events.Malformed(Reason.BAD_FORM, events.Say)
    return events.Say(canonical(content), None, claimed_time)


# A client that keeps to the protocol cannot have a name longer than this.

def _join(content: bytes, claimed_time: int) -> events.Command:
    name, password = name_and_password(content)
    if len(name) > LONGEST_NAME:
        return events.Malformed(Reason.INVALID_NAME, events.Login)
    return events.Login(name, password)


def _rename(content: bytes, claimed_time: int) -> events.Command:
    if len(content) > LONGEST_NAME:
        return events.Malformed(Reason.INVALID_NAME, events.Rename)
    return events.Rename(content)


_UNKNOWN = events.Malformed(Reason.UNKNOWN_COMMAND, None)
_WHO, _QUIT = events.Who(), events.Quit()

_NAMED = (events.Login, events.Rename, events.Describe)  # commands whose content is a name
_COMMANDS: Dict[int, Tuple[type, Callable[[bytes, int], events.Command]]] = {
    Type.TALK: (events.Say, _say),
    Type.JOIN: (events.Login, _join),
    Type.RENAME: (events.Rename, _rename),
    Type.USERS: (events.Who, lambda content, claimed_time: _WHO),
    Type.USER: (events.Describe, lambda content, claimed_time: events.Describe(content)),
    Type.PING: (events.Ping, lambda content, claimed_time: events.Ping(content)),
    Type.QUIT: (events.Quit, lambda content, claimed_time: _QUIT),
}

_WORDS = {
    Reason.UNKNOWN_COMMAND: b"There is no such command.",
    Reason.BAD_FORM: b"The message is not of the right form.",
    Reason.NOT_UTF8: b"The message is not valid UTF-8.",
    Reason.TEXT_TOO_LONG: b"The message is too long.",
    Reason.MUST_LOGIN: b"You must join first.",
    Reason.ALREADY_IN: b"You have joined already.",
    Reason.NOT_YOU: b"You are somebody else.",
    Reason.INVALID_NAME: b"This cannot be a name.",
    Reason.NAME_TAKEN: b"The name is taken.",
    Reason.NO_ACCOUNT: b"There is no such account.",
    Reason.TOO_MANY_ACCOUNTS: b"There are too many accounts.",
    Reason.REGISTRATION_CLOSED: b"New accounts cannot be made here.",
    Reason.ACCOUNT_REQUIRED: b"Only names that have an account can be used here.",
    Reason.PASSWORD_REQUIRED: b"The name needs its password behind it.",
    Reason.WRONG_PASSWORD: b"The password is wrong.",
    Reason.NO_PASSWORD: b"The name has no password.",
    Reason.INVALID_PASSWORD: b"This cannot be a password.",
    Reason.UNVERIFIABLE: b"The password cannot be verified here.",
    Reason.TRY_LATER: b"Try again later.",
    Reason.NOBODY: b"Nobody here has that name.",
    Reason.YOURSELF: b"That is you.",
    Reason.BOX_FULL: b"The mailbox is full.",
    Reason.NOT_STORED: b"The server could not store this.",
    Reason.NO_SUCH_NUMBER: b"There is no such message.",
    Reason.BROKEN: b"The server does not understand this client.",
    Reason.TOO_LONG: b"The message is too long.",
    Reason.TOO_SLOW: b"The message did not arrive in time.",
    Reason.FOREIGN: b"This is another protocol.",
    Reason.IDLE: b"You were silent for too long.",
    Reason.SLOW_READER: b"You read too slowly.",
    Reason.TOO_MANY_CONNECTIONS: b"There are too many connections.",
    Reason.REPLACED: b"You have logged in elsewhere.",
    Reason.ACCOUNT_DELETED: b"Your account was deleted by an operator.",
    Reason.SHUTDOWN: b"The server is shutting down.",
    Reason.BUG: b"The server made a mistake.",
}

_FAILURES = {events.Login: Type.NOT_JOINED, events.Rename: Type.NOT_RENAMED, events.Describe: Type.USER_IS}


def _frame(code: int, sender: bytes, content: bytes, seconds: float) -> bytes:
    stamp = min(max(int(seconds), 0), _LATEST)
    return HEADER.pack(VERSION, code, len(sender), len(content), sender, stamp) + content


def _own(code: int, content: bytes = b"") -> Frames:
    """A message of the server itself, in one frame."""
    return (_frame(code, _SERVER, content, now()),)


def _talk(talk: Any, text: bytes, aliases: Aliases, mark: bytes = b"") -> Frames:
    """A member's words, in as many frames as they need."""
    sender = _shown(talk.sender, aliases)
    most = LONGEST_FRAME - HEADER.size - len(mark)
    return tuple(_frame(Type.TALK, sender, mark + piece, talk.time) for piece in pieces(text, most))


def _literal(value: Any) -> bytes:
    """`value` as Python writes it, for clients that evaluate it: only texts and numbers may be in it."""
    return repr(value).encode()


def _shown(name: bytes, aliases: Aliases) -> bytes:
    return shortened(name, LONGEST_NAME, aliases)


def _welcome(welcome: events.Welcome, aliases: Aliases) -> Frames:
    if events.kind_of(welcome.asked) is events.Rename:
        return _own(Type.RENAMED, _shown(welcome.name, aliases))
    return _own(Type.JOINED)


def _renamed(renamed: events.Renamed, aliases: Aliases) -> Frames:
    return _own(Type.SOMEBODY_RENAMED, b"user '%b' changed username to '%b'!" % (
        _shown(renamed.old, aliases), _shown(renamed.new, aliases)))


def _present(present: events.Present, aliases: Aliases) -> Frames:
    return _own(Type.USERS_ARE, _literal([_shown(name, aliases).decode() for name in present.names]))


def _described(described: events.Described, aliases: Aliases) -> Frames:
    return _own(Type.USER_IS, _literal((_shown(described.name, aliases).decode(), described.host, described.port)))


def _refused(refused: events.Refused, aliases: Aliases) -> Frames:
    asked = events.kind_of(refused.asked)
    code = _FAILURES.get(asked)
    if code is None or asked is events.Rename and refused.reason == Reason.MUST_LOGIN:
        code = Type.ERROR
    return _own(code, b"" if code == Type.USER_IS else _WORDS[refused.reason])


def _pong(pong: events.Pong, aliases: Aliases) -> Frames:
    return _own(Type.PONG, pong.token if _NUMBER.fullmatch(pong.token) else b"%.6f" % now())


def _silence(happening: events.Happening, aliases: Aliases) -> Frames:
    return ()


ENCODERS: EncodersFor = {
    **dict.fromkeys(events.HAPPENINGS, _silence),
    events.Welcome: _welcome,
    events.Refused: _refused,
    events.Done: lambda done, aliases: _own(Type.QUITTED) if events.kind_of(done.asked) is events.Quit else (),
    events.Said: lambda said, aliases: _talk(said, said.text.replace(MARK, _NO_MARK), aliases),
    events.Whispered: lambda whispered, aliases: _talk(whispered, whispered.text, aliases, MARK),
    events.Missed: lambda missed, aliases: tuple([
        frame for sender, text, time in missed.messages
        for frame in _talk(events.Whispered(sender, text, time), text, aliases, MARK)]),
    events.Joined: lambda joined, aliases: _own(Type.SOMEBODY_JOINED, b"%b joined!" % _shown(joined.name, aliases)),
    events.Left: lambda left, aliases: _own(Type.SOMEBODY_LEFT, b"%b left!" % _shown(left.name, aliases)),
    events.Renamed: _renamed,
    events.Present: _present,
    events.Described: _described,
    events.Pong: _pong,
    events.Farewell: lambda farewell, aliases: _own(Type.ERROR, _WORDS[farewell.reason]),
}
_NONE: Mapping[bytes, bytes] = {}


def encode(happening: events.Happening, me: Optional[bytes], aliases: Aliases = _NONE) -> Frames:
    """The frames for `happening`; none if this protocol has no message for it.

    aliases: {name: alias} of the members whose names are longer than LONGEST_NAME.
    """
    return ENCODERS[type(happening)](happening, aliases)


FORMS = {"binary": encode}
