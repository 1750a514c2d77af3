r"""The `delimited` protocol (document 002): a fixed header, then ASCII items joined by "|||".

    offset  size  field    meaning
    0       1     version  always 0
    1       1     command  see below
    2       40    length   of the data in bytes, unsigned, big-endian; refused above 2 * text_bytes + 1024
    42      n     data     ASCII items joined by "|||"; no data, no items

    client                            server, to the client                        server, to others
    CREATE 0       name               RESPONSE: no item if done, else why not
    LIST 1         [pattern]          LISTRESPONSE
    SEND 2         from, to, text     SEND of these items | RESPONSE why not       SEND from, receiver, text
    DELIVER 3                         SEND for each text | RESPONSE why not
    DELETE 4                          nothing | RESPONSE why not
    LOGIN 5        name               RESPONSE: no item if done, else why not
    RESPONSE 6     [why not]          (only from the server)
    LISTRESPONSE 7 names              (only from the server)

    in rooms, which are an extension of ours and begin with "#"
    SEND 2         from, room, text   as above; it enters the room first     SEND room, receiver, "<from>: <text>"
    LIST 1         #pattern           LISTRESPONSE of the rooms that match
    JOIN 8         room, [key]        RESPONSE: no item if done, else why not SEND room, receiver, "* <name> joined"
    PART 9         room               RESPONSE                               SEND room, receiver, "* <name> left"
    ROOMS 10       [pattern]          ROOMSRESPONSE: "#dev 12 the topic" for each room that matches, or that one is in
    MANAGE 11      room, act, [about], [text]
                                      RESPONSE                               SEND room, receiver, "* <what was done>"
                   room, "who"        ROOMSRESPONSE of the names of those who are there
                   room, "topic"      ROOMSRESPONSE of the topic, if there is one
    ROOMSRESPONSE 12                  (only from the server)

A SEND to "lobby" is said in the room. What others say there reaches a client as a SEND to that client, because clients
ignore a SEND to anybody else. A SEND has exactly three items, none of them empty. An item neither contains "|||" nor
begins or ends with "|", or nobody could tell where it ends.

LIST without a pattern begins with the rooms that one is in. The acts are those of `events.ACTS`, each with a name,
"set" with a setting and its value, "topic" with a text; behind kick, ban and mute may stand why. "-" as a topic takes
it away. What happens in a room is told in the words of `server.protocols.happenings`. Notices, invitations and what is
done to the lobby come from "lobby", in the same form.

No name has a blank in it, so no "<from>: " begins with "* ", and in what is said in a room a TAB follows each line end:
nobody can forge a sentence or somebody else's words there, neither for a program nor for the eye.

Texts and names that this cannot carry are escaped with a backslash, "u" and four lower-case hex digits, by the server
and by clients that want to:

    written as     is
    \u00e9         a character that is not ASCII, or a control character other than TAB and LF
    \ud83d\ude00   one beyond U+FFFF, as its two surrogates
    \u007c         "|"; so written where it stands at an edge, or in a run of three or more
    \u005c         "\"; so written where it would otherwise begin one of these

Nothing else is an escape: \u0041, \u00E9 and half a surrogate pair stand for themselves. So every text has exactly one
escaped form, which is read as the same text. What a client wrote comes back as it wrote it, except for a \u007c or
\u005c that was not needed.
"""
import re
import struct
from functools import lru_cache
from typing import Any, Callable, Dict, List, Match, NamedTuple, Optional, Sequence, Tuple, Union

from parley.server.protocols import events
from parley.server.protocols.acts import is_about_somebody, is_room, request
from parley.server.protocols.contract import EncodersFor, Frames
from parley.server.protocols.events import HOME, Reason
from parley.server.protocols.framing import FramedDecoder
from parley.server.protocols.happenings import EVENT, indented, sentence, spoken
from parley.server.protocols.reasons import in_lower_case
from parley.server.protocols.text import canonical, canonical_within, one_line
from parley.server.protocols.traits import Traits

NAME = "delimited"
PORT = 9000
IDLE_TIMEOUT = 0  # its clients may sit silent for hours
TRAITS = Traits(
    personal=True, acknowledges=True, open_to_strangers=(events.Accounts,), shared_answers=(events.Known,),
    enters_by_talking=True)

VERSION = 0
CREATE, LIST, SEND, DELIVER, DELETE, LOGIN, RESPONSE, LISTRESPONSE, JOIN, PART, ROOMS, MANAGE, ROOMSRESPONSE = range(13)
LENGTH_BYTES = 40
HEADER_BYTES = 2 + LENGTH_BYTES
_HEADER = struct.Struct(">BB32xQ")  # of our frames, whose length fits into the last 8 of its 40 bytes
DELIMITER = b"|||"
LOBBY = b"lobby"

# What follows the backslash in an escape.
_CODE = (
    r"u(?:005c|007[cf]|000[0-8b-f]|001[0-9a-f]|00[89a-f][0-9a-f]|0[1-9a-f][0-9a-f]{2}|[1-9abcef][0-9a-f]{3}"
    r"|d[0-7][0-9a-f]{2}|d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})"
)
# A literal backslash: not followed by a code, nor by the second half of one.
_BACKSLASH = re.compile((r"\\(?!%s)(?!(?<=\\ud[89ab][0-9a-f]{2}\\)ud[c-f][0-9a-f]{2})" % _CODE).encode())
_MUST_BE_ESCAPED = re.compile(r"[^\t\n -~]+|\|{3,}|\A\||\|\Z|\\(?=%s)" % _CODE)
_UNUSUAL = re.compile(rb"[^\t\n -\[\]-{}~]")
_NOT_ASCII = re.compile(rb"[^\x00-\x7f]")


def read(item: bytes) -> bytes:
    """The UTF-8 text that an ASCII item stands for."""
    if b"\\" not in item:
        return item
    characters = _BACKSLASH.sub(rb"\\\\", item).decode("unicode_escape")
    return characters.encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()


def write(text: bytes) -> bytes:
    """The ASCII item that stands for a UTF-8 text."""
    return _MUST_BE_ESCAPED.sub(_escapes, text.decode()).encode() if _UNUSUAL.search(text) else text


def _escapes(match: Match[str]) -> str:
    digits = match.group().encode("utf-16-be").hex()
    return "".join(["\\u" + digits[start:start + 4] for start in range(0, len(digits), 4)])


class Decoder(FramedDecoder):
    """Bytes in, commands out. Holds at most one unfinished frame."""

    __slots__ = ()
    form = "items"

    def _next(self) -> Optional[events.Command]:
        """The next command, or None if its frame is incomplete."""
        held = self._held
        if held and held[0] != VERSION:
            return self._break(Reason.BROKEN)
        if len(held) < HEADER_BYTES:
            return None
        length = int.from_bytes(held[HEADER_BYTES - LENGTH_BYTES:HEADER_BYTES], "big")
        if length > 2 * self._text_limit + 1024:
            return self._break(Reason.TOO_LONG)
        end, code = HEADER_BYTES + length, held[1]
        if len(held) < end:
            return None
        return self._parse(code, self._take(HEADER_BYTES, end, end))

    def _parse(self, code: int, data: bytes) -> events.Command:
        if code not in _REQUESTS:
            return _UNKNOWN
        request = _REQUESTS[code]
        if _NOT_ASCII.search(data):
            return events.Malformed(Reason.NOT_UTF8, request.asks)
        items = data.split(DELIMITER) if data else []
        if len(items) not in request.counts or not all(map(_is_well_formed, items)):
            return events.Malformed(Reason.BAD_FORM, request.asks)
        if request.has_text:
            return request.command(self._text_limit, *map(read, items))
        return request.command(*map(read, items))


def _is_well_formed(item: bytes) -> bool:
    return bool(item) and not item.startswith(b"|") and not item.endswith(b"|")


def _send(text_limit: int, claimed: bytes, to: bytes, raw: bytes) -> events.Command:
    asks: type = events.Say if to == LOBBY or is_room(to) else events.Whisper
    text = canonical_within(raw, text_limit)
    if text is None:
        return events.Malformed(Reason.TEXT_TOO_LONG, asks)
    if asks is events.Whisper:
        return events.Whisper(to, text, claimed, None)
    return events.Say(text, claimed, None, HOME if to == LOBBY else to)


def _list(pattern: Optional[bytes] = None) -> events.Command:
    return events.Rooms(pattern, True) if is_room(pattern or b"") else events.Accounts(pattern)


def _join(room: bytes, key: Optional[bytes] = None) -> events.Command:
    return events.Enter(room, key and canonical(key)) if is_room(room) else _BAD_ENTER


def _part(room: bytes) -> events.Command:
    return events.Exit(room) if is_room(room) else _BAD_EXIT


def _manage(text_limit: int, room: bytes, act: bytes, *items: bytes) -> events.Command:
    given: List[Optional[bytes]] = [*items] if is_about_somebody(act) else [None, *items]
    if len(given) > 2:
        return _BAD_MANAGE
    about, text = [*given, None, None][:2]
    return request(room, act, about, text, text_limit)


_UNKNOWN = events.Malformed(Reason.UNKNOWN_COMMAND, None)
_BAD_ENTER, _BAD_EXIT, _BAD_MANAGE = (
    events.Malformed(Reason.BAD_FORM, asks) for asks in (events.Enter, events.Exit, events.Manage))
_DELIVER, _DELETE = events.Deliver(), events.Delete()

class _Request(NamedTuple):
    asks: type  # of command, for refusals
    counts: Tuple[int, ...]  # of items that it may have
    command: Callable[..., events.Command]  # makes it from the items
    has_text: bool = False  # if so, `command` gets the limit of texts before the items


_REQUESTS = {
    CREATE: _Request(events.Create, (1,), events.Create),
    LIST: _Request(events.Accounts, (0, 1), _list),
    SEND: _Request(events.Whisper, (3,), _send, has_text=True),
    DELIVER: _Request(events.Deliver, (0,), lambda: _DELIVER),
    DELETE: _Request(events.Delete, (0,), lambda: _DELETE),
    LOGIN: _Request(events.SignIn, (1,), lambda name: events.SignIn(name, None)),
    JOIN: _Request(events.Enter, (1, 2), _join),
    PART: _Request(events.Exit, (1,), _part),
    ROOMS: _Request(events.Rooms, (0, 1), lambda pattern=None: events.Rooms(pattern)),
    MANAGE: _Request(events.Manage, (2, 3, 4), _manage, has_text=True),
}

_WORDS = {
    **in_lower_case(),
    Reason.UNKNOWN_COMMAND: b"unknown command",
    Reason.BAD_FORM: b"this command takes other items",
    Reason.NOT_UTF8: b"only ASCII is allowed",
    Reason.TEXT_TOO_LONG: b"message is too long",
    Reason.MUST_LOGIN: b"you are not logged in",
    Reason.ALREADY_IN: b"you are already logged in",
    Reason.NOT_YOU: b"you can only send as yourself",
    Reason.INVALID_NAME: b"username is not allowed",
    Reason.NAME_TAKEN: b"username is taken",
    Reason.NO_ACCOUNT: b"username does not exist",
    Reason.ACCOUNT_REQUIRED: b"only usernames that have an account can be used here",
    Reason.PASSWORD_REQUIRED: b"username needs a password, which this protocol cannot give",
    Reason.WRONG_PASSWORD: b"wrong password",
    Reason.NO_PASSWORD: b"username has no password",
    Reason.INVALID_PASSWORD: b"password is not allowed",
    Reason.UNVERIFIABLE: b"password cannot be verified here",
    Reason.NOBODY: b"recipient does not exist",
    Reason.YOURSELF: b"you cannot send to yourself",
    Reason.BOX_FULL: b"recipient has too many undelivered messages",
    Reason.BROKEN: b"this server speaks version 0 of the protocol",
    Reason.TOO_LONG: b"data is too long",
    Reason.TOO_SLOW: b"command took too long to arrive",
    Reason.FOREIGN: b"unknown protocol",
    Reason.SHUTDOWN: b"server is shutting down",
    Reason.BUG: b"internal error",
}

# Where the words depend on the request.
_WORDS_FOR = {
    (events.Create, Reason.NAME_TAKEN): b"username already exists",
    (events.SignIn, Reason.NAME_TAKEN): b"user is already logged in",
    (events.Create, Reason.BAD_FORM): b"CREATE takes a username",
    (events.SignIn, Reason.BAD_FORM): b"LOGIN takes a username",
    (events.Accounts, Reason.BAD_FORM): b"LIST takes one pattern or none",
    (events.Say, Reason.BAD_FORM): b"SEND takes your username, a recipient and a message",
    (events.Whisper, Reason.BAD_FORM): b"SEND takes your username, a recipient and a message",
    (events.Deliver, Reason.BAD_FORM): b"DELIVER takes no data",
    (events.Delete, Reason.BAD_FORM): b"DELETE takes no data",
    (events.Enter, Reason.BAD_FORM): b"JOIN takes a room such as #dev, and perhaps its key",
    (events.Exit, Reason.BAD_FORM): b"PART takes a room such as #dev",
    (events.Rooms, Reason.BAD_FORM): b"ROOMS takes one pattern or none",
    (events.Manage, Reason.BAD_FORM): b"MANAGE takes a room such as #dev, an act, and what that is about",
    (events.Manage, Reason.UNKNOWN_COMMAND): b"MANAGE knows no such act",
    (events.Manage, Reason.NOBODY): b"username does not exist",
    (events.Manage, Reason.TEXT_TOO_LONG): b"text is too long",
}


def _frame(command: int, *items: bytes) -> bytes:
    data = DELIMITER.join(items)
    return _HEADER.pack(VERSION, command, len(data)) + data


def _refused(refused: events.Refused, me: Optional[bytes]) -> Frames:
    asked = events.kind_of(refused.asked)
    return (_frame(RESPONSE, _WORDS_FOR.get((asked, refused.reason)) or _WORDS[refused.reason]),)


def _done(done: events.Done, me: Optional[bytes]) -> Frames:
    """A SEND is echoed to its sender; most other requests that were done get no answer here."""
    if events.kind_of(done.asked) in (events.Enter, events.Exit, events.Manage):
        return (_frame(RESPONSE),)
    make = _ECHOES.get(type(done.asked))
    return _sent(me, *make(done.asked)) if make and me is not None else ()


_ECHOES: Dict[type, Callable[[Any], Tuple[bytes, bytes]]] = {
    events.Say: lambda say: (say.room or LOBBY, say.text),
    events.Whisper: lambda whisper: (whisper.to, whisper.text),
}


def _heard(said: Union[events.Said, events.Whispered], me: Optional[bytes]) -> Frames:
    return () if me is None else _sent(said.sender, me, said.text)


def _said(said: events.Said, me: Optional[bytes]) -> Frames:
    if said.room == HOME or me is None:
        return _heard(said, me)
    return _sent(said.room, me, spoken(said.sender, said.text))


def _told(room: bytes, words: bytes, me: Optional[bytes]) -> Frames:
    """The server's own words about a room."""
    return () if me is None else _sent(room or LOBBY, me, EVENT + words)


def _happened(happening: Any, me: Optional[bytes]) -> Frames:
    return _told(happening.room, sentence(happening), me)


def _happened_in_room(happening: Any, me: Optional[bytes]) -> Frames:
    """An event that is told in rooms, and not in the lobby: the document has no message for it."""
    return _happened(happening, me) if happening.room != HOME else ()


def _room_list(listed: events.RoomList, me: Optional[bytes]) -> Frames:
    if isinstance(listed.asked, events.Rooms) and listed.asked.names_only:
        return _items(LISTRESPONSE, [name for name, _, _, _ in listed.rooms])
    return _items(ROOMSRESPONSE, [
        b"%b %d %b" % (name, members, one_line(topic)) if topic else b"%b %d" % (name, members)
        for name, members, topic, _ in listed.rooms])


def _items(command: int, texts: Sequence[bytes]) -> Frames:
    return (_frame(command, *map(write, texts)),)


def _missed(missed: events.Missed, me: bytes) -> Frames:
    return tuple([frame for sender, text, _ in missed.messages for frame in _sent(sender, me, text)])


def _sent(sender: bytes, to: bytes, text: bytes) -> Frames:
    before, behind = _around(sender, text)
    data = before + write(to) + behind
    return (_HEADER.pack(VERSION, SEND, len(data)) + data,)


@lru_cache(maxsize=256)  # as what is said in the room is encoded for each receiver
def _around(sender: bytes, text: bytes) -> Tuple[bytes, bytes]:
    """The data of a SEND before and after its receiver."""
    return write(sender) + DELIMITER, DELIMITER + write(text)


def _silence(happening: events.Happening, me: Optional[bytes]) -> Frames:
    return ()


ENCODERS: EncodersFor = {
    **dict.fromkeys(events.HAPPENINGS, _silence),
    events.Welcome: lambda welcome, me: (_frame(RESPONSE),),
    events.Refused: _refused,
    events.Done: _done,
    events.Known: lambda known, me: _items(LISTRESPONSE, [*known.rooms, *known.names]),
    events.Said: _said,
    events.Whispered: _heard,
    events.Missed: _missed,
    events.Inside: lambda inside, me: (_frame(RESPONSE),) if events.kind_of(inside.asked) is events.Enter else (),
    events.RoomList: _room_list,
    events.Present: lambda present, me: _items(ROOMSRESPONSE, present.names) if present.room != HOME else (),
    events.TopicTold: lambda told, me: _items(ROOMSRESPONSE, [one_line(told.text)] if told.text else []),
    events.Entered: _happened_in_room,
    events.Exited: _happened_in_room,
    events.Renamed: _happened_in_room,
    events.Managed: _happened,
    events.Invited: lambda invited, me: _told(HOME, sentence(invited), me),
    events.Notice: lambda notice, me: _told(HOME, indented(notice.text), me),
    events.Farewell: lambda farewell, me: (_frame(RESPONSE, _WORDS[farewell.reason]),),
}


def encode(happening: events.Happening, me: Optional[bytes]) -> Frames:
    """The frames for `happening`, to `me` (None: a stranger); none if this protocol has no message for it."""
    return ENCODERS[type(happening)](happening, me)


FORMS = {"items": encode}
