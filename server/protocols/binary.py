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

    in rooms, which are an extension of ours and begin with "#"
    400 <room> [<key>]          401 <room> [<topic>]                409 <room> <name> joined
    404 <room> <text>           nothing | 402 <room> <why>          404 <room> <text>
    405 <room>                  401 <room>                          409 <room> <name> left
    406 [<pattern>]             407 [('#dev', 12, 'the topic')], of those that match, or that one is in
    408 <room> who              410 <room> ['ann', 'bob']
    408 <room> topic            401 <room> [<topic>]
    408 <room> topic <text>     401 <room>                          409 <room> <name> set the topic: <text>
    408 <room> <act> ...        401 <room>                          409 <room> <what was done>
    what is refused             402 <room> <why>, or 402 <why> if it is of no known form; 102 <why> for such a 404
    (an invitation, a notice, something done to the lobby)          101 <what it is>

A name ends with its content, or at the first NUL, which programs in C send with it. Existing clients ignore the content
of 209 and 204, and read that of 210 as a tuple unless it is empty.

The acts are those of `events.ACTS`, each with a name, "set" with a setting and its value; behind kick, ban and mute may
stand why. "-" as a topic takes it away. The words of 409 are those of `server.protocols.happenings`. A client that
never sends any of 400 to 408 never gets any of 401 to 410.

Existing clients read a frame with one recv(2048), and stop if it returns two. So each frame is a send of its own, with
time to read it before the next, except in a flood (see `audience_kinds.OneByOne` and `paced` in `server.worker`),
and no frame is longer than 2048 bytes except 303, 210, 407 and 410, which cannot be split.

What becomes of the texts of others:

    carried   all characters of a text, including tabs and line ends, and its time
    cut       a text over 2021 bytes comes in several frames, cut between characters
    marked    a direct message begins with "[direct] ", in each of its frames; in a room, its name does
    escaped   "[direct] " in talk has U+FF3B for its bracket, as only the server may mark so; in a room, a
              TAB follows each line end, so that no line looks like one of another room
    ended     a 401 or 409 that would not fit into a frame has "..." (U+2026) for its end
    shortened names over 10 bytes, in the name field and in contents (`server.protocols.aliases`)
    clamped   times before 1970 and after 2106
    lost      lists of accounts, histories, and who is known but not here
"""
import re
import struct
import time
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from parley.server.protocols import events
from parley.server.protocols.acts import is_about_somebody, is_room, request
from parley.server.protocols.aliases import shortened
from parley.server.protocols.contract import Aliases, EncodersFor, Frames
from parley.server.protocols.events import HOME, Reason
from parley.server.protocols.framing import FramedDecoder
from parley.server.protocols.happenings import indented, sentence
from parley.server.protocols.reasons import with_full_stops
from parley.server.protocols.text import canonical, is_utf8, name_and_password, one_line, pieces
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
_MOST = LONGEST_FRAME - HEADER.size  # bytes of a frame's content
_SERVER = b"server"
_LATEST = 0xFFFFFFFF  # seconds
_LOBBY = b"#lobby"
_LONGEST_ROOM = 512  # bytes of a room's name that is repeated as the client has spelled it
_CUT = "\u2026".encode()
MARK, _NO_MARK = b"[direct] ", "\uff3bdirect] ".encode()
# A client may ping with a time or any other number, which is sent back; hence the limit of its length.
_NUMBER = re.compile(rb"(?=.{1,40}\Z)[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Type:
    """The types of frames."""

    TALK = 100
    SERVER_SAYS, ERROR = 101, 102
    JOIN, USER, RENAME, USERS, QUIT, PING = 200, 201, 202, 203, 205, 211
    NOT_RENAMED, RENAMED, JOINED, QUITTED, NOT_JOINED, USER_IS, PONG = 204, 206, 207, 208, 209, 210, 212
    SOMEBODY_JOINED, SOMEBODY_LEFT, SOMEBODY_RENAMED, USERS_ARE = 300, 301, 302, 303
    ENTER, DONE, NOT_DONE, ROOM_TALK, EXIT, ROOMS, ROOMS_ARE, MANAGE = 400, 401, 402, 404, 405, 406, 407, 408
    HAPPENED, USERS_IN_ROOM = 409, 410


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
    if name_size not in (len(name), len(name) + 1, LONGEST_NAME) or not is_utf8(name):
        return events.Malformed(Reason.BAD_FORM, command)
    if command in _NAMED:
        content = content.partition(b"\0")[0]
    if not is_utf8(content):
        return events.Malformed(Reason.NOT_UTF8, command)
    return parse(content, claimed_time)


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


def _enter(content: bytes, claimed_time: int) -> events.Command:
    room, key = name_and_password(content)
    return events.Enter(room, key and canonical(key)) if _is_one_room(room) else _bad(events.Enter)


def _exit(content: bytes, claimed_time: int) -> events.Command:
    room = content.strip(b" ")
    return events.Exit(room) if _is_one_room(room) else _bad(events.Exit)


def _say_in_room(content: bytes, claimed_time: int) -> events.Command:
    room, _, text = content.partition(b" ")
    return events.Say(canonical(text), None, claimed_time, room) if is_room(room) and text else _bad(events.Say)


def _rooms(content: bytes, claimed_time: int) -> events.Command:
    return events.Rooms(content or None)


def _manage(content: bytes, claimed_time: int) -> events.Command:
    room, _, rest = content.partition(b" ")
    act, _, rest = rest.strip(b" ").partition(b" ")
    about, text = b"", rest.strip(b" ")
    if is_about_somebody(act):
        about, _, text = text.partition(b" ")
    return request(room, act, about or None, text.strip(b" ") or None)


def _is_one_room(raw: bytes) -> bool:
    return is_room(raw) and b" " not in raw


def _bad(asked: type) -> events.Malformed:
    return events.Malformed(Reason.BAD_FORM, asked)


_UNKNOWN = events.Malformed(Reason.UNKNOWN_COMMAND, None)
_WHO, _QUIT = events.Who(), events.Quit()

# Commands whose content is a name, or begins with one.
_NAMED = (events.Login, events.Rename, events.Describe, events.Enter, events.Exit, events.Rooms, events.Manage)
_COMMANDS: Dict[int, Tuple[type, Callable[[bytes, int], events.Command]]] = {
    Type.TALK: (events.Say, _say),
    Type.JOIN: (events.Login, _join),
    Type.RENAME: (events.Rename, _rename),
    Type.USERS: (events.Who, lambda content, claimed_time: _WHO),
    Type.USER: (events.Describe, lambda content, claimed_time: events.Describe(content)),
    Type.PING: (events.Ping, lambda content, claimed_time: events.Ping(content)),
    Type.QUIT: (events.Quit, lambda content, claimed_time: _QUIT),
    Type.ENTER: (events.Enter, _enter),
    Type.ROOM_TALK: (events.Say, _say_in_room),
    Type.EXIT: (events.Exit, _exit),
    Type.ROOMS: (events.Rooms, _rooms),
    Type.MANAGE: (events.Manage, _manage),
}

_WORDS = {
    **with_full_stops(),
    Reason.MUST_LOGIN: b"You must join first.",
    Reason.ALREADY_IN: b"You have joined already.",
    Reason.PASSWORD_REQUIRED: b"The name needs its password behind it.",
}

_DONE_IN_ROOMS = (events.Enter, events.Exit, events.Manage)
_FAILURES = {
    events.Login: Type.NOT_JOINED, events.Rename: Type.NOT_RENAMED, events.Describe: Type.USER_IS,
    **dict.fromkeys([events.Enter, events.Exit, events.Rooms, events.Manage, events.Topic], Type.NOT_DONE),
}


def _frame(code: int, sender: bytes, content: bytes, seconds: float) -> bytes:
    stamp = min(max(int(seconds), 0), _LATEST)
    return HEADER.pack(VERSION, code, len(sender), len(content), sender, stamp) + content


def _own(code: int, content: bytes = b"") -> Frames:
    """A message of the server itself, in one frame."""
    return (_frame(code, _SERVER, content, now()),)


def _talk(talk: Any, text: bytes, aliases: Aliases, mark: bytes = b"", code: int = Type.TALK) -> Frames:
    """A member's message, in as many frames as it needs, each with a mark in front."""
    sender = _shown(talk.sender, aliases)
    return tuple(_frame(code, sender, mark + piece, talk.time) for piece in pieces(text, _MOST - len(mark)))


def _said(said: events.Said, aliases: Aliases) -> Frames:
    text = said.text.replace(MARK, _NO_MARK)
    if said.room == HOME:
        return _talk(said, text, aliases)
    return _talk(said, indented(text), aliases, said.room + b" ", Type.ROOM_TALK)


def _about(room: bytes, code: int, words: bytes) -> Frames:
    """A message of the server itself about a room, in one frame, cut if it is too long."""
    content = b"%b %b" % (room, words) if words else room
    if len(content) > _MOST:
        content = next(pieces(content, _MOST - len(_CUT))) + _CUT
    return _own(code, content)


def _happened(happening: Any, aliases: Aliases) -> Frames:
    told = sentence(happening, lambda name: _shown(name, aliases))
    return _about(happening.room, Type.HAPPENED, told) if happening.room else _server_says(told)


def _server_says(text: bytes) -> Frames:
    return tuple([frame for piece in pieces(text, _MOST) for frame in _own(Type.SERVER_SAYS, piece)])


def _as_spelled(asked: Any) -> bytes:
    """The room that was asked about, as the client has spelled it; empty if there was none, or it is far too long."""
    room = HOME if isinstance(asked, type) else getattr(asked, "room", HOME)
    return one_line(canonical(room)) if len(room) <= _LONGEST_ROOM else HOME


def _done(done: events.Done, aliases: Aliases) -> Frames:
    asked = events.kind_of(done.asked)
    if asked is events.Quit:
        return _own(Type.QUITTED)
    return _own(Type.DONE, _as_spelled(done.asked)) if asked in _DONE_IN_ROOMS else ()


def _room_list(listed: events.RoomList, aliases: Aliases) -> Frames:
    return _own(Type.ROOMS_ARE, _literal([
        (name.decode(), members, topic.decode()) for name, members, topic, _ in listed.rooms]))


def _literal(value: Any) -> bytes:
    """`value` as Python writes it, for clients that evaluate it: only texts and numbers may be in it."""
    return repr(value).encode()


def _shown(name: bytes, aliases: Aliases) -> bytes:
    return shortened(name, LONGEST_NAME, aliases)


def _welcome(welcome: events.Welcome, aliases: Aliases) -> Frames:
    if events.kind_of(welcome.asked) is events.Rename:
        return _own(Type.RENAMED, _shown(welcome.name, aliases))
    return _own(Type.JOINED)


def _joined(name: bytes, aliases: Aliases) -> Frames:
    return _own(Type.SOMEBODY_JOINED, b"%b joined!" % _shown(name, aliases))


def _left(name: bytes, aliases: Aliases) -> Frames:
    return _own(Type.SOMEBODY_LEFT, b"%b left!" % _shown(name, aliases))


def _renamed(renamed: events.Renamed, aliases: Aliases) -> Frames:
    if renamed.room != HOME:
        return _happened(renamed, aliases)
    return _own(Type.SOMEBODY_RENAMED, b"user '%b' changed username to '%b'!" % (
        _shown(renamed.old, aliases), _shown(renamed.new, aliases)))


def _present(present: events.Present, aliases: Aliases) -> Frames:
    names = _literal([_shown(name, aliases).decode() for name in present.names])
    if present.room == HOME:
        return _own(Type.USERS_ARE, names)
    return _own(Type.USERS_IN_ROOM, b"%b %b" % (present.room, names))


def _described(described: events.Described, aliases: Aliases) -> Frames:
    return _own(Type.USER_IS, _literal((_shown(described.name, aliases).decode(), described.host, described.port)))


def _refused(refused: events.Refused, aliases: Aliases) -> Frames:
    asked = events.kind_of(refused.asked)
    code, room = _FAILURES.get(asked), _as_spelled(refused.asked)
    if room or code == Type.NOT_DONE:
        return _own(Type.NOT_DONE, b"%b %b" % (room, _WORDS[refused.reason]) if room else _WORDS[refused.reason])
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
    events.Done: _done,
    events.Said: _said,
    events.Whispered: lambda whispered, aliases: _talk(whispered, whispered.text, aliases, MARK),
    events.Missed: lambda missed, aliases: tuple([
        frame for sender, text, time in missed.messages
        for frame in _talk(events.Whispered(sender, text, time), text, aliases, MARK)]),
    events.Joined: lambda joined, aliases: _joined(joined.name, aliases),
    events.Left: lambda left, aliases: _left(left.name, aliases),
    events.Renamed: _renamed,
    events.Present: _present,
    events.Described: _described,
    events.Pong: _pong,
    events.Inside: lambda inside, aliases: _about(inside.room, Type.DONE, one_line(inside.topic)),
    events.TopicTold: lambda told, aliases: _about(told.room or _LOBBY, Type.DONE, one_line(told.text)),
    events.RoomList: _room_list,
    events.Entered: lambda entered, aliases: (
        _happened(entered, aliases) if entered.room else _joined(entered.name, aliases)),
    events.Exited: lambda exited, aliases: _happened(exited, aliases) if exited.room else _left(exited.name, aliases),
    events.Managed: _happened,
    events.Invited: lambda invited, aliases: _server_says(sentence(invited, lambda name: _shown(name, aliases))),
    events.Notice: lambda notice, aliases: _server_says(indented(notice.text)),
    events.Farewell: lambda farewell, aliases: _own(Type.ERROR, _WORDS[farewell.reason]),
}
_NONE: Mapping[bytes, bytes] = {}


def encode(happening: events.Happening, me: Optional[bytes], aliases: Aliases = _NONE) -> Frames:
    """The frames for `happening`; none if this protocol has no message for it.

    aliases: {name: alias} of the members whose names are longer than LONGEST_NAME.
    """
    return ENCODERS[type(happening)](happening, aliases)


FORMS = {"binary": encode}
