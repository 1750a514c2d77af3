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

A client may also put spaces before the digits, or omit the padding. Without padding, the digits end at the brace with
which a dictionary begins. A length with a space before or after its digits must fill the ten bytes.

Each of `users` is {username, status}. In the first list after a login it may also have {unread}: the number of messages
from this user that came while the client was away, and that it has not read in the history with that user since.

The room is a user called "lobby", which is always there. What others say in it comes from "lobby" as
"<sender>: <text>", in its history too, because clients show only their own messages and those of the user they have
selected.

Answers are written like the request, as Python or as JSON: clients that write Python read nothing else, and evaluate
what they read. So only plain str, int, bool, list and dict are sent, written by `repr` or `json.dumps`.
"""
import json
import re
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from parley.server.protocols import events
from parley.server.protocols.contract import Frames, Limits
from parley.server.protocols.events import Malformed, Reason
from parley.server.protocols.framing import FramedDecoder
from parley.server.protocols.literal import NotALiteral, parse
from parley.server.protocols.text import canonical_within
from parley.server.protocols.traits import Traits

NAME = "dollar"
PORT = 8080
IDLE_TIMEOUT = 0  # its clients only poll if they follow the document; others sit silent for hours
TRAITS = Traits(
    answers_first=True, acknowledges=True, wants_users=True, open_to_strangers=(events.Ping, events.Quit),
    shared_answers=(events.News,), if_missed=events.Unread())

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
    asks: type = events.Say if fields.get("to_user") == LOBBY else events.Whisper
    values = _strings(fields, "from_user", "to_user", "message")
    if values is None or not values[2]:
        return Malformed(Reason.BAD_FORM, asks)
    claimed, to, raw = values
    if to == claimed and asks is events.Whisper:
        return Malformed(Reason.YOURSELF, asks)
    text = canonical_within(raw, text_limit)
    if text is None:
        return Malformed(Reason.TEXT_TOO_LONG, asks)
    return events.Say(text, claimed, None) if asks is events.Say else events.Whisper(to, text, claimed, None)


def _history_of(fields: Fields, text_limit: int) -> events.Command:
    if fields.get("target_user") == LOBBY:
        return events.Recall(None, LOBBY_HISTORY)
    return _OF_TWO(fields, text_limit)


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
    """The room's history as it was heard: what `me` said comes from `me`, everything else from the lobby."""
    return _history(
        (me.decode(), text.decode(), time) if sender == me else (LOBBY, _in_the_lobby(sender, text), time)
        for _, sender, text, time in recalled.messages)


def _in_the_lobby(sender: bytes, text: bytes) -> str:
    return "%s: %s" % (sender.decode(), text.decode())


def _with_users(dictionary: Fields, users: Iterable[Tuple[bytes, bool]]) -> Fields:
    """`dictionary` with (name, online) of each user as its last value; `_written` turns these into dictionaries."""
    return dict(dictionary, users=[(LOBBY, True)] + [(name.decode(), online) for name, online in users])


def _marked(marked: events.Marked, me: bytes) -> Tuple[Fields, ...]:
    """The list of users, including those whose messages were kept but who have left and have no account."""
    strangers = sorted(marked.unread.keys() - {name for name, _ in marked.users})
    unread = {name.decode(): count for name, count in marked.unread.items()}
    return (_with_users({"purpose": "reload_user_list", "unread": unread},
                        marked.users + [(name, False) for name in strangers]),)


def _received(sender: str, message: str) -> Tuple[Fields, ...]:
    return ({"purpose": "receive_message", "from_user": sender, "message": message},)


def _refused(refused: events.Refused, me: bytes) -> Tuple[Fields, ...]:
    asked = events.kind_of(refused.asked)
    if asked in (events.History, events.Recall):
        return _history([])
    return (_result(_PURPOSES.get(asked, "error"), False),)


_PURPOSES: Dict[type, str] = {
    events.SignIn: "login",
    events.Say: "send_message",
    events.Whisper: "send_message",
    events.Poll: "poll",
    events.Quit: "exit",
}


def _done(done: events.Done, me: bytes) -> Tuple[Fields, ...]:
    purpose = _PURPOSES.get(type(done.asked))
    return (_result(purpose, True),) if purpose else ()


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
    events.News: lambda news, me: (_with_users(dict(_result("poll", True), messages=[]), news.users),),
    events.Pong: lambda pong, me: (_result(pong.token.decode(), False),),
    events.Said: lambda said, me: _received(LOBBY, _in_the_lobby(said.sender, said.text)),
    events.Whispered: lambda whispered, me: _received(whispered.sender.decode(), whispered.text.decode()),
    events.Users: lambda users, me: (_with_users({"purpose": "reload_user_list"}, users.users),),
    events.Marked: _marked,
}


def _packet(text: str) -> bytes:
    data = text.encode()
    return b"$%-10d%b$" % (len(data), data)


def _written(dictionary: Fields, write: Callable[[Any], str], write_text: Callable[[str], str]) -> str:
    """`dictionary` as `write` writes it.

    There may be thousands of users, so the dictionary of a user is written once for each status, without a name, and
    each name is inserted there.
    """
    if "users" not in dictionary:
        return write(dictionary)
    shapes = [write({"username": "", "status": status}).split(write_text("")) for status in ("offline", "online")]
    (beginning, offline), (_, online) = shapes
    rest, users = dict(dictionary, users=[]), dictionary["users"]
    listed = [beginning + write_text(name) + (online if is_online else offline) for name, is_online in users]
    unread = rest.pop("unread", ())
    if unread:
        mark = ", %s: %%d}" % write_text("unread")
        listed = [text[:-1] + mark % unread[name] if name in unread else text
                  for text, (name, _) in zip(listed, users)]
    return write(rest)[:-len("]}")] + ", ".join(listed) + "]}"


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
