r"""The `dollar` protocol (document 004): the text of a dictionary, with its length, between two dollar signs.

    size  field
    1     "$"
    10    the length of the data in bytes: decimal digits, then spaces; at most 4 * text_bytes + 4096
    n     the data: a dictionary in UTF-8, as Python or JSON writes it (`server.protocols.literal`)
    1     "$"

    purpose, from the client                           server, to the client               server, to others
    login {username, password}                         login {result}                      reload_user_list {users}
    send_message {from_user, to_user, message}         send_message {result}               receive_message
                                                                                           {from_user, message}
    start_reload_message_list {target_user}            start_reload_message_list {message_list}, then
                                                       continue_reload_message_list {message_list}, ten in each
    poll                                               poll {result, messages, users}
    exit                                               exit {result}                       reload_user_list {users}
    (any other)                                        the same {result: False}

    in rooms, which are an extension of ours and begin with "#"
    send_message {from_user, to_user: "#dev", message} send_message {result, [reason]}     receive_message from "#dev"
                                                       it enters the room first
    start_reload_message_list {target_user: "#dev"}    as above
    join_room {room, [key]}                            join_room {result, [reason]}        receive_message from "#dev"
    leave_room {room}                                  leave_room {result, [reason]}       receive_message from "#dev"
    list_rooms {[pattern]}                             list_rooms {result, rooms | reason}: those that match, or that
                                                       one is in, each {room, members, topic, joined}
    room {room, act, [about], [text]}                  room {result, [reason]}             receive_message from "#dev"
    room {room, act: "who"}                            room {result, users | reason}
    room {room, act: "topic"}                          room {result, topic | reason}

A client may also put spaces before the digits, or omit the padding. Without padding, the digits end at the brace with
which a dictionary begins. A length with a space before or after its digits must fill the ten bytes.

Each of `users` is {username, status}. In the first list after a login it may also have {unread}: the number of messages
from this user that came while the client was away, and that it has not read in the history with that user since.

The room is a user called "lobby", which is always there. What others say in it comes from "lobby" as
"<sender>: <text>", in its history too, because clients show only their own messages and those of the user they have
selected.

A room that one is in is a user, too, "#dev", which is always there. What others say in it comes from it in the same
form, with a TAB behind each line end, so that no line looks like another message. What happens in it comes from it as
"* bob joined", with the words of `server.protocols.happenings`. Notices, invitations, what is done to the lobby, and
why the server ends the connection of a member come from "lobby" in that form. As no name has a blank in it, nobody's
words begin with "* ".

The acts are those of `events.ACTS`: `about` is a name, or a setting for "set"; with kick, ban and mute `text` may say
why; as a topic, "-" or an empty text takes it away. Fields that an act does not take are left out or empty.

Answers are written like the request, as Python or as JSON: clients that write Python read nothing else, and evaluate
what they read. So only plain str, int, bool, list and dict are sent, written by `repr` or `json.dumps`.
"""
import json
import re
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from parley.server.protocols import events
from parley.server.protocols.acts import is_room, request
from parley.server.protocols.contract import Frames, Limits
from parley.server.protocols.events import HOME, Malformed, Reason
from parley.server.protocols.framing import FramedDecoder
from parley.server.protocols.happenings import EVENT, indented, sentence, spoken
from parley.server.protocols.literal import NotALiteral, parse
from parley.server.protocols.reasons import SENTENCES
from parley.server.protocols.text import canonical, canonical_within
from parley.server.protocols.traits import Traits

NAME = "dollar"
PORT = 8080
IDLE_TIMEOUT = 0  # its clients only poll if they follow the document; others sit silent for hours
TRAITS = Traits(
    answers_first=True, acknowledges=True, wants_users=True, open_to_strangers=(events.Ping, events.Quit),
    shared_answers=(events.News,), enters_by_talking=True, if_missed=events.Unread())

LENGTH_BYTES = 10
LOBBY = "lobby"
LONGEST_PURPOSE = 64  # characters; an unknown purpose is sent back
CHUNK = 10  # messages in one packet of a history
LOBBY_HISTORY = 1000  # messages

Fields = Dict[str, Any]  # of a dictionary

_SIGN = ord("$")
# In the ten bytes after the sign: all ten, or digits that end at anything but a space.
_LENGTH = re.compile(rb"(?=[ 0-9]{10}) *([0-9]+) *\Z|([0-9]+)(?=[^ 0-9])")
_LENGTH_BEGUN = re.compile(rb" *[0-9]* *")
_QUOTE = re.compile(rb"['\"]")


class Decoder(FramedDecoder):
    """Bytes in, commands out. Holds at most one unfinished packet."""

    __slots__ = ("form",)

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.form = "python"

    def _next(self) -> Optional[events.Command]:
        """The next command, or None if its packet is incomplete."""
        held = self._held
        if held and held[0] != _SIGN:
            return self._break(Reason.BROKEN)
        head = bytes(held[1:1 + LENGTH_BYTES])
        length = _LENGTH.match(head)
        if not length:
            may_become_one = len(head) < LENGTH_BYTES and _LENGTH_BEGUN.fullmatch(head)
            return None if may_become_one else self._break(Reason.BROKEN)
        size = int(length.group(length.lastindex))  # type: ignore[arg-type]
        if size > 4 * self._text_limit + 4096:
            return self._break(Reason.TOO_LONG)
        content = 1 + length.end()
        end = content + size
        if len(held) <= end:
            return None
        if held[end] != _SIGN:
            return self._break(Reason.BROKEN)
        return self._parse(self._take(content, end, end + 1))

    def _parse(self, data: bytes) -> events.Command:
        quote = _QUOTE.search(data)
        self.form = "json" if quote and quote.group() == b'"' else "python"
        try:
            fields = parse(data.decode())
        except UnicodeDecodeError:
            return Malformed(Reason.NOT_UTF8, None)
        except NotALiteral:
            return Malformed(Reason.BAD_FORM, None)
        purpose = fields.get("purpose")
        if not isinstance(purpose, str):
            return Malformed(Reason.BAD_FORM, None)
        return _REQUESTS.get(purpose, _other)(fields, self._text_limit)


def _strings(fields: Fields, *keys: str) -> Optional[List[bytes]]:
    """The values of `keys` in UTF-8; None if one is missing or not a string."""
    values: List[Any] = [fields.get(key) for key in keys]
    return [value.encode() for value in values] if all(isinstance(value, str) for value in values) else None


def _made_of(command: Any, *keys: str) -> Callable[[Fields, int], events.Command]:
    """A parser for requests that become `command(*values of the keys)`."""

    def request(fields: Fields, text_limit: int) -> events.Command:
        values = _strings(fields, *keys)
        made: events.Command = Malformed(Reason.BAD_FORM, command) if values is None else command(*values)
        return made

    return request


def _send_message(fields: Fields, text_limit: int) -> events.Command:
    asks: type = events.Say if fields.get("to_user") == LOBBY or _room(fields, "to_user") else events.Whisper
    values = _strings(fields, "from_user", "to_user", "message")
    if values is None or not values[2]:
        return Malformed(Reason.BAD_FORM, asks)
    claimed, to, raw = values
    if to == claimed and asks is events.Whisper:
        return Malformed(Reason.YOURSELF, asks)
    text = canonical_within(raw, text_limit)
    if text is None:
        return Malformed(Reason.TEXT_TOO_LONG, asks)
    if asks is events.Whisper:
        return events.Whisper(to, text, claimed, None)
    return events.Say(text, claimed, None, _room(fields, "to_user") or HOME)


def _history_of(fields: Fields, text_limit: int) -> events.Command:
    if fields.get("target_user") == LOBBY:
        return events.Recall(None, LOBBY_HISTORY)
    room = _room(fields, "target_user")
    return events.Recall(None, LOBBY_HISTORY, room) if room else _OF_TWO(fields, text_limit)


def _room(fields: Fields, key: str = "room") -> Optional[bytes]:
    """The room that is the value of a key; None if there is none."""
    name = fields.get(key)
    return name.encode() if isinstance(name, str) and is_room(name[:1].encode()) else None


def _optional(fields: Fields, *keys: str) -> Optional[List[Optional[bytes]]]:
    """The values of `keys` in UTF-8, None for those that are missing; None if one is not a string."""
    values: List[Any] = [fields.get(key) for key in keys]
    if not all(value is None or isinstance(value, str) for value in values):
        return None
    return [None if value is None else value.encode() for value in values]


def _join_room(fields: Fields, text_limit: int) -> events.Command:
    room, optional = _room(fields), _optional(fields, "key")
    if room is None or optional is None:
        return Malformed(Reason.BAD_FORM, events.Enter)
    key, = optional
    return events.Enter(room, canonical(key) if key else None)


def _leave_room(fields: Fields, text_limit: int) -> events.Command:
    room = _room(fields)
    return Malformed(Reason.BAD_FORM, events.Exit) if room is None else events.Exit(room)


def _list_rooms(fields: Fields, text_limit: int) -> events.Command:
    optional = _optional(fields, "pattern")
    return Malformed(Reason.BAD_FORM, events.Rooms) if optional is None else events.Rooms(optional[0] or None)


def _of_room(fields: Fields, text_limit: int) -> events.Command:
    room, act, optional = _room(fields), _strings(fields, "act"), _optional(fields, "about", "text")
    if room is None or act is None or optional is None:
        return Malformed(Reason.BAD_FORM, events.Manage)
    about, text = optional
    if act != [b"topic"]:  # which may become an empty one
        text = text or None
    return request(room, act[0], about or None, text, text_limit)


def _other(fields: Fields, text_limit: int) -> events.Command:
    purpose = fields["purpose"]
    return events.Ping(purpose.encode()) if len(purpose) <= LONGEST_PURPOSE else Malformed(Reason.BAD_FORM, None)


_OF_TWO = _made_of(events.History, "target_user")
_REQUESTS: Dict[str, Callable[[Fields, int], events.Command]] = {
    "login": _made_of(events.SignIn, "username", "password"),
    "send_message": _send_message,
    "start_reload_message_list": _history_of,
    "poll": _made_of(events.Poll),
    "exit": _made_of(events.Quit),
    "join_room": _join_room,
    "leave_room": _leave_room,
    "list_rooms": _list_rooms,
    "room": _of_room,
}


def _result(purpose: str, result: bool) -> Fields:
    return {"purpose": purpose, "result": result}


def _history(messages: Iterable[Tuple[str, str, int]]) -> Tuple[Fields, ...]:
    """A history of (sender, text, time), in chunks; an empty one is an empty chunk."""
    said = [{"user": sender, "text": text, "timestamp": time} for sender, text, time in messages]
    return tuple(
        {"purpose": "continue_reload_message_list" if start else "start_reload_message_list",
         "message_list": said[start:start + CHUNK]}
        for start in range(0, len(said) or 1, CHUNK))


def _past(past: events.Past, me: bytes) -> Tuple[Fields, ...]:
    return _history((sender.decode(), text.decode(), time) for sender, text, time in past.messages)


def _recalled(recalled: events.Recalled, me: bytes) -> Tuple[Fields, ...]:
    """A room's history as the client heard it: what `me` said comes from `me`, everything else from the room."""
    room = _as_user(recalled.room)
    return _history(
        (me.decode(), text.decode(), time) if sender == me else (room, _in_room(recalled.room, sender, text), time)
        for _, sender, text, time in recalled.messages)


def _as_user(room: bytes) -> str:
    return room.decode() or LOBBY


def _in_room(room: bytes, sender: bytes, text: bytes) -> str:
    return (spoken(sender, text) if room else b"%b: %b" % (sender, text)).decode()


def _with_users(dictionary: Fields, users: List[Tuple[bytes, bool]], rooms: Sequence[bytes] = ()) -> Fields:
    """`dictionary` with (name, online) of each user as its last value; `_written` turns these into dictionaries."""
    return dict(dictionary, users=[(name, True) for name in (LOBBY.encode(), *rooms)] + users)


def _marked(marked: events.Marked, me: bytes) -> Tuple[Fields, ...]:
    """The list of users, including those whose messages were kept but who have left and have no account."""
    strangers = sorted(marked.unread.keys() - {name for name, _ in marked.users})
    return (_with_users({"purpose": "reload_user_list", "unread": marked.unread},
                        marked.users + [(name, False) for name in strangers], marked.rooms),)


def _received(sender: str, message: str) -> Tuple[Fields, ...]:
    return ({"purpose": "receive_message", "from_user": sender, "message": message},)


def _told(room: bytes, words: bytes) -> Tuple[Fields, ...]:
    """The server's own words about a room."""
    return _received(_as_user(room), (EVENT + words).decode())


def _happened(happening: Any, me: bytes) -> Tuple[Fields, ...]:
    return _told(happening.room, sentence(happening))


def _happened_in_room(happening: Any, me: bytes) -> Tuple[Fields, ...]:
    """An event that is told in rooms, and not in the lobby: the document has no message for it."""
    return _happened(happening, me) if happening.room != HOME else ()


def _room_list(listed: events.RoomList, me: bytes) -> Tuple[Fields, ...]:
    return (dict(_result("list_rooms", True), rooms=[
        {"room": name.decode(), "members": members, "topic": topic.decode(), "joined": joined}
        for name, members, topic, joined in listed.rooms]),)


def _present(present: events.Present, me: bytes) -> Tuple[Fields, ...]:
    if present.room == HOME:
        return ()
    return (dict(_result("room", True), users=[(name, True) for name in present.names]),)


def _refused(refused: events.Refused, me: bytes) -> Tuple[Fields, ...]:
    asked = events.kind_of(refused.asked)
    if asked in (events.History, events.Recall):
        return _history([])
    answer = _result(_PURPOSES.get(asked, "error"), False)
    if asked in _OF_ROOMS or isinstance(refused.asked, events.Say) and refused.asked.room != HOME:
        answer["reason"] = SENTENCES[refused.reason]
    return (answer,)


_PURPOSES: Dict[type, str] = {
    events.SignIn: "login",
    events.Say: "send_message",
    events.Whisper: "send_message",
    events.Poll: "poll",
    events.Quit: "exit",
    events.Enter: "join_room",
    events.Exit: "leave_room",
    events.Rooms: "list_rooms",
    events.Manage: "room",
    events.Topic: "room",
    events.Who: "room",
}
_OF_ROOMS = (events.Enter, events.Exit, events.Rooms, events.Manage, events.Topic, events.Who)  # refused with a reason


def _done(done: events.Done, me: bytes) -> Tuple[Fields, ...]:
    purpose = _PURPOSES.get(type(done.asked))
    return (_result(purpose, True),) if purpose else ()


def _farewell(farewell: events.Farewell, me: Optional[bytes]) -> Tuple[Fields, ...]:
    """Told to members only: a client that logs in takes the next packet for the answer."""
    return () if me is None else _told(HOME, SENTENCES[farewell.reason].encode())


def _silence(happening: events.Happening, me: bytes) -> Tuple[Fields, ...]:
    return ()


# Each gives a tuple of dictionaries, which both forms can write.
ENCODERS: Dict[type, Callable[[Any, Any], Tuple[Fields, ...]]] = {
    **dict.fromkeys(events.HAPPENINGS, _silence),
    events.Welcome: lambda welcome, me: (_result("login", True),),
    events.Refused: _refused,
    events.Done: _done,
    events.Past: _past,
    events.Recalled: _recalled,
    events.News: lambda news, me: (_with_users(dict(_result("poll", True), messages=[]), news.users, news.rooms),),
    events.Pong: lambda pong, me: (_result(pong.token.decode(), False),),
    events.Said: lambda said, me: _received(_as_user(said.room), _in_room(said.room, said.sender, said.text)),
    events.Whispered: lambda whispered, me: _received(whispered.sender.decode(), whispered.text.decode()),
    events.Users: lambda users, me: (_with_users({"purpose": "reload_user_list"}, users.users, users.rooms),),
    events.Marked: _marked,
    events.Inside: lambda inside, me: (
        (_result("join_room", True),) if events.kind_of(inside.asked) is events.Enter else ()),
    events.RoomList: _room_list,
    events.Present: _present,
    events.TopicTold: lambda told, me: (dict(_result("room", True), topic=told.text.decode()),),
    events.Entered: _happened_in_room,
    events.Exited: _happened_in_room,
    events.Renamed: _happened_in_room,
    events.Managed: _happened,
    events.Invited: lambda invited, me: _told(HOME, sentence(invited)),
    events.Notice: lambda notice, me: _told(HOME, indented(notice.text)),
    events.Farewell: _farewell,
}


def _packet(text: str) -> bytes:
    data = text.encode()
    return b"$%-10d%b$" % (len(data), data)


def _written(dictionary: Fields, write: Callable[[Any], str], write_text: Callable[[str], str]) -> str:
    """`dictionary` as `write` writes it.

    There may be thousands of users, so what is the same for all of a status is written once, and joined to the names.
    """
    users = dictionary.get("users")
    if not users:
        return write(dictionary)
    rest = dict(dictionary, users=[])
    unread = rest.pop("unread", None)
    (front, offline), (_, online) = [
        write({"username": "", "status": status}).split(write_text("")) for status in ("offline", "online")]
    statuses = [online if is_online else offline for _, is_online in users]
    if unread:
        mark = ", %s: %%d}" % write_text("unread")
        statuses = [status[:-1] + mark % unread[name] if name in unread else status
                    for status, (name, _) in zip(statuses, users)]
    names = _quoted([name for name, _ in users], write_text)
    listed = (", " + front).join([name + status for name, status in zip(names, statuses)])
    return "%s%s%s]}" % (write(rest)[:-len("]}")], front, listed)


def _quoted(names: List[bytes], write_text: Callable[[str], str]) -> List[str]:
    """Each name as `write_text` writes it.

    All are written at once, with blanks between them; but those alone that have an apostrophe, which decides how Python
    quotes a text, and all if there is a blank in any, which the server has no names with.
    """
    text = b" ".join(names).decode()
    if text.count(" ") >= len(names):
        return [write_text(name.decode()) for name in names]
    written = write_text(text.replace("'", ""))
    quoted = written.replace(" ", "%s %s" % (written[-1], written[0])).split(" ")
    if "'" in text:
        for number, name in enumerate(text.split(" ")):
            if "'" in name:
                quoted[number] = write_text(name)
    return quoted


def _packets(happening: events.Happening, me: Optional[bytes],
             write: Callable[[Any], str], write_text: Callable[[str], str]) -> Frames:
    return tuple(
        _packet(_written(dictionary, write, write_text)) for dictionary in ENCODERS[type(happening)](happening, me))


def encode(happening: events.Happening, me: Optional[bytes]) -> Frames:
    """The packets for `happening`, written as Python; none if this protocol has no message for it."""
    return _packets(happening, me, repr, repr)


def encode_json(happening: events.Happening, me: Optional[bytes]) -> Frames:
    """The packets for `happening`, written as JSON."""
    return _packets(happening, me, _json, json.encoder.encode_basestring)


_json = json.JSONEncoder(ensure_ascii=False).encode


FORMS = {"python": encode, "json": encode_json}
