r"""The `web` protocol: JSON objects in the text frames of a WebSocket, for browsers and bots (subprotocol `parley.1`).

A message of a client is an object; `do` is the command. An `id`, a string of at most 64 characters, is repeated in the
answer. Unknown keys are ignored. A message of the server is an object, too; `on` is its kind. A `room` that a client
leaves out is "#lobby"; `at` is in seconds since the epoch; `n` is the number of a message.

    do                                  on, in the answer
    hello {[session], [resume]}         hello {server, run, limits: {text, register, guests, file}, motd}, and with a
                                        session welcome or no
    login {name, [password]}            welcome {name, account, session, me, read}, and waiting {count} if messages were
                                        kept
    register {name, password}           welcome; or done, if the client is logged in under this name
    rename {name}                       welcome
    password {old, new}                 done
    say {[room], text, [tag]}           done {n, at}, once it is stored
    whisper {to, text, [tag]}           done {n, at}, once it is stored
    who {[room]}                        who {room, names}
    history {[room] | with, [before | after], [most]}
                                        history {room | with, messages: [{n, by, at, text}], more}
    missed                              missed {messages: [{by, at, text}]}
    join {room, [key]}                  room {room, topic, [sealed]}; sealed: true where only sealed messages are taken
    part {room}                         done
    rooms {[pattern]}                   rooms {rooms: [{room, members, topic, inside}]}
    topic {room, [text]}                topic {room, topic, by, at}; or, with a text, done
    roles {[room]}                      roles {room, roles: {name: role}, settings: {setting: number}}; a role is voice,
                                        op, owner or operator; a setting that is on is 1, and so is a key
    kick, ban, mute {room, name, [text]}, invite, unban, unmute, voice, devoice, op, deop {room, name},
    set {room, setting, value}, drop {room}
                                        done
    typing {[room] | to}, away {away}, watch {names}, read {[room] | with, n}
                                        nothing; after watch, presence tells the state of these names
    offer {name, size, [sha256]}        offer {file, token, url, text}: the file is sent to url by PUT, and then shared
    share {file, token, [room] | to, [tag], [text: a sealed message]}
                                        done {n, at}: a message with the text of the offer, or with the sealed one, is
                                        said
    keys {publish: list}                done: the list is that of the account's devices from now on
    keys {of}                           keys {name, devices: list or ""}
    logout                              done, and a close frame: the session has ended, and the name is free
    delete                              done
    ping                                pong
    (any that is refused)               no {why, text}: the word for the reason, and a sentence

To resume a session, a client sends `hello` first. The `session` of its last welcome gives it the name without a
password, until ten minutes after its connection has ended. `resume` is {"run": run of the last hello, room: n of the
latest message that it has seen there, ..., "me": n of the latest direct message, or `me` of the welcome}. After the
welcome, and before everything else, it gets `room` or `no` for each of its rooms but the lobby, then for each room and
for "me" `missed {room or me: true, messages: [{n, by, to, at, text}], gap}`; gap: are older ones left out? A message
that is sent again with the same `tag`, of at most 64 characters, is answered with the number that it got at first.

`read` moves the read marker of a room in which the client is, or of the conversation with a partner. It never goes
back. A welcome has all markers as {room or name: n}, so that another device knows what is new: the latest 200, kept for
as long as the account, and those of guests for as long as the session.

    on, in events
    said {n, room, by, at, text}        whispered {n, by, to, at, text}
    joined {room, name}                 left {room, name}                   renamed {room, old, new}
    managed {room, act, by, name, text} invited {room, by}                  notice {text}
    typing {room | from, name}          presence {name, state}: here, away, gone
    keys {name, number}: there is a new list of an account's devices (docs/sealing.md); a list is in base64url
    bye {why, text, [retry]}, and a close frame. retry: seconds after which to come back

A text has at most the `text_bytes` of the configuration. A message has at most 64 KiB, in one frame or several; if
`text_bytes` is above 20 KiB, three times `text_bytes` and 4 KiB. Close codes beside those of RFC 6455: 4000 the client
reads too slowly, 4001 another login took over, 4002 it is idle.
"""
import base64
import functools
import json
import re
from json.encoder import encode_basestring_ascii
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from parley import __version__
from parley.server.protocols import events, websocket
from parley.server.protocols.contract import Encoders, Frames, Limits
from parley.server.protocols.events import Malformed, Reason
from parley.server.protocols.reasons import SENTENCES
from parley.server.protocols.sealed import is_envelope, read_list
from parley.server.protocols.text import BACKSLASH, LF, QUOTE, TAB, canonical, canonical_within
from parley.server.protocols.traits import Traits
from parley.server.protocols.websocket import close_frame, text_frame

NAME = "web"
PORT = 8000
IDLE_TIMEOUT = 0  # pings find out which clients are gone
TRAITS = Traits(
    acknowledges=True, numbered=True, resumes=True, open_to_strangers=(events.Ping, events.Quit, None),
    shared_answers=(events.Present,), labels=True, http=True, optional=True, sealed=True,
    heartbeat=websocket.PING)

LONGEST_MESSAGE = 65536  # bytes; more if `text_bytes` needs it (`Decoder`)
AROUND_TEXT = 4096  # bytes of a message beside its text
AT_ONCE = 512  # bytes; wsproto takes 50 us for each frame, and there may be 85 in these
LONGEST_LABEL = LONGEST_TAG = 64  # characters
LONGEST_FILE_NAME = 1024  # bytes
MOST_MARKS = 100  # keys of `resume`
MOST_WATCHED = 200  # names
MOST_HISTORY = 200  # messages of one answer
_LOBBY = b"#lobby"
_ALONE = "me"  # stands for direct messages among rooms
_MOST_DIGITS = 18

Fields = Mapping[str, Any]

_UNANSWERED = (events.Typing, events.Away, events.Watch, events.MarkRead)
_BAD_FORM = Malformed(Reason.BAD_FORM, None)
_UNKNOWN = Malformed(Reason.UNKNOWN_COMMAND, None)
_UNKNOWN_COMMAND = None, None  # in the place of a row of _COMMANDS
_ENDS = {
    websocket.UNSUPPORTED: events.Broken(Reason.FOREIGN),
    websocket.NOT_UTF8: events.Broken(Reason.NOT_UTF8),
    websocket.TOO_LONG: events.Broken(Reason.TOO_LONG),
}


class _Unfit(ValueError):
    """A field is missing, has the wrong type, or is too long. reason: a Reason."""

    def __init__(self, reason: str = Reason.BAD_FORM) -> None:
        super().__init__(reason)
        self.reason = reason


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("no number here is so long")
    return int(digits)


_JSON = json.JSONDecoder(parse_int=_whole)
_BASE64URL = re.compile(rb"[A-Za-z0-9_-]+")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


def _decoded(text: str) -> Any:
    """The value of a JSON text. ValueError or RecursionError if it is not one."""
    if text[:1] == "{":
        fields, end = _JSON.raw_decode(text)  # takes half the time of decode, but allows no white space around it
        if end == len(text):
            return fields
    return _JSON.decode(text)


class Decoder(websocket.Decoder):
    """Bytes in, commands out. Holds at most one unfinished message."""

    __slots__ = ("_text_limit",)
    form = "json"

    def __init__(self, limits: Limits) -> None:
        self._text_limit: int = limits["text_bytes"]
        super().__init__(max(LONGEST_MESSAGE, 3 * self._text_limit + AROUND_TEXT), AT_ONCE)

    def feed(self, data: bytes) -> List[events.Command]:
        """The commands that `data` completes; none after a Broken or a Quit."""
        return [self._parse(message) if type(message) is str else self._command(message)
                for message in self.receive(data)]

    @staticmethod
    def _command(message: websocket.Message) -> events.Command:
        if isinstance(message, websocket.Pinged):
            return events.Ping(message.content)
        if isinstance(message, websocket.Closed):
            return events.Quit()
        if isinstance(message, websocket.Failed):
            return _ENDS.get(message.code, events.Broken(Reason.BROKEN))
        return events.Nothing()

    def _parse(self, text: str) -> events.Command:
        try:
            fields = _decoded(text)
        except (ValueError, RecursionError):
            return _BAD_FORM
        if type(fields) is not dict:
            return _BAD_FORM
        label = fields.get("id")
        if label is not None and not (type(label) is str and len(label) <= LONGEST_LABEL):
            return _BAD_FORM
        word = fields.get("do")
        kind, read = _COMMANDS.get(word, _UNKNOWN_COMMAND) if type(word) is str else _UNKNOWN_COMMAND
        if read is None:
            command: events.Command = _UNKNOWN if type(word) is str else _BAD_FORM
        else:
            try:
                command = read(fields, self._text_limit)
            except _Unfit as error:
                command = Malformed(error.reason, kind)
        if label is None or isinstance(command, _UNANSWERED):
            return command
        return events.Labelled(encode_basestring_ascii(label).encode(), command)


# ---- fields

def _raw(fields: Fields, key: str) -> bytes:
    """A required string as UTF-8; half a surrogate pair becomes bytes that are not valid UTF-8."""
    value = fields.get(key)
    if not isinstance(value, str):
        raise _Unfit
    return value.encode("utf-8", "surrogatepass")


def _raw_or_none(fields: Fields, key: str) -> Optional[bytes]:
    return None if fields.get(key) is None else _raw(fields, key)


def _room(fields: Fields) -> bytes:
    room = _raw_or_none(fields, "room")
    if room == b"":
        raise _Unfit
    return events.HOME if room is None else room


def _text(fields: Fields, most: int) -> bytes:
    """The text of a message, in canonical form; half a surrogate pair is one U+FFFD."""
    raw = _raw(fields, "text")
    if b"\xed" in raw:
        raw = _HALF_PAIR.sub("\ufffd", fields["text"]).encode()
    text = canonical_within(raw, most)
    if text is None:
        raise _Unfit(Reason.TEXT_TOO_LONG)
    return text


def _number(fields: Fields, key: str) -> Optional[int]:
    value = fields.get(key)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise _Unfit
    return value


def _most(fields: Fields) -> int:
    most = _number(fields, "most")
    return MOST_HISTORY if most is None else max(1, min(most, MOST_HISTORY))


# ---- commands

def _tag(fields: Fields) -> bytes:
    tag = fields.get("tag")
    if tag is None:
        return b""
    if not isinstance(tag, str) or len(tag) > LONGEST_TAG:
        raise _Unfit
    return tag.encode("utf-8", "surrogatepass")


def _say(fields: Fields, most: int) -> events.Command:
    room, text = fields.get("room"), fields.get("text")
    if type(text) is type(room) is str and text.isprintable() and room and "tag" not in fields:
        raw = text.encode()  # a printable text is canonical
        if len(raw) <= most:
            said: events.Say = tuple.__new__(
                events.Say, (raw, None, None, room.encode("utf-8", "surrogatepass"), b"", b""))
            return said  # a short cut for most messages, in half the time
    return events.Say(_text(fields, most), None, None, _room(fields), _tag(fields))


def _hello(fields: Fields, most: int) -> events.Command:
    resume = fields.get("resume")
    if resume is None:
        resume = {}
    if not isinstance(resume, dict) or len(resume) > MOST_MARKS:
        raise _Unfit
    run = _raw_or_none(resume, "run") or b""
    marks = []
    for room in resume:
        number = _number(resume, room) if room != "run" else None
        if number is not None:
            marks.append((events.HOME if room == _ALONE else room.encode("utf-8", "surrogatepass"), number))
    return events.Hello(_raw_or_none(fields, "session"), run, tuple(marks))


def _history(fields: Fields, most: int) -> events.Command:
    partner, before, after = _raw_or_none(fields, "with"), _number(fields, "before"), _number(fields, "after")
    if partner == b"" or partner is not None and "room" in fields or before is not None and after is not None:
        raise _Unfit
    return events.Browse(_room(fields) if partner is None else None, partner, before, after, _most(fields))


def _typing(fields: Fields, most: int) -> events.Command:
    to = _raw_or_none(fields, "to")
    return events.Typing(_room(fields), b"") if to is None else events.Typing(events.HOME, to)


def _away(fields: Fields, most: int) -> events.Command:
    away = fields.get("away", True)
    if not isinstance(away, bool):
        raise _Unfit
    return events.Away(away)


def _watch(fields: Fields, most: int) -> events.Command:
    names = fields.get("names")
    if not isinstance(names, list) or len(names) > MOST_WATCHED or not all(isinstance(name, str) for name in names):
        raise _Unfit
    return events.Watch(tuple(name.encode("utf-8", "surrogatepass") for name in names))


def _mark_read(fields: Fields, most: int) -> events.Command:
    partner, number = _raw_or_none(fields, "with"), _number(fields, "n")
    if number is None or partner == b"" or partner is not None and "room" in fields:
        raise _Unfit
    return events.MarkRead(_room(fields), partner or b"", number)


def _word(fields: Fields, key: str, most: int) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or len(value) > most or not value.isalnum():
        raise _Unfit
    return value


def _offer(fields: Fields, most: int) -> events.Command:
    name, size = _raw(fields, "name"), _number(fields, "size")
    if not 0 < len(name) <= LONGEST_FILE_NAME or size is None:
        raise _Unfit
    return events.Offer(name, size, "" if fields.get("sha256") is None else _word(fields, "sha256", LONGEST_LABEL))


def _share(fields: Fields, most: int) -> events.Command:
    to = _raw_or_none(fields, "to")
    if to is not None and ("room" in fields or not to):
        raise _Unfit
    text = _text(fields, most) if "text" in fields else b""
    if text and not is_envelope(text):
        raise _Unfit
    return events.Share(_word(fields, "file", LONGEST_LABEL), _word(fields, "token", LONGEST_LABEL),
                        _room(fields) if to is None else events.HOME, to or b"", _tag(fields), text)


def _keys(fields: Fields, most: int) -> events.Command:
    published, name = _raw_or_none(fields, "publish"), _raw_or_none(fields, "of")
    if published is None and name is not None:
        return events.DevicesOf(name)
    if published is None or name is not None or not _BASE64URL.fullmatch(published):
        raise _Unfit
    try:
        data = base64.urlsafe_b64decode(published + b"=" * (-len(published) % 4))
        return events.PublishDevices(*read_list(data), data)
    except (ValueError, IndexError):
        raise _Unfit from None


def _topic(fields: Fields, most: int) -> events.Command:
    if fields.get("text") is None:
        return events.Topic(_room(fields))
    return events.Manage(_room(fields), "topic", b"", _text(fields, most))


def _act(act: str) -> Callable[[Fields, int], events.Command]:
    """How a command is read that acts on a member of a room."""

    def read(fields: Fields, most: int) -> events.Command:
        text = b"" if fields.get("text") is None else _text(fields, most)
        return events.Manage(_room(fields), act, _raw(fields, "name"), text)

    return read


# Word of a command -> (type of the command, function that reads it from the fields; int: `text_bytes`).
_Read = Callable[[Fields, int], events.Command]
_COMMANDS: Dict[str, Any] = {
    "hello": (events.Hello, _hello),
    "login": (events.Login, lambda fields, most: events.Login(
        _raw(fields, "name"), _raw_or_none(fields, "password"))),
    "register": (events.SignUp, lambda fields, most: events.SignUp(_raw(fields, "name"), _raw(fields, "password"))),
    "rename": (events.Rename, lambda fields, most: events.Rename(_raw(fields, "name"))),
    "password": (events.ChangePassword, lambda fields, most: events.ChangePassword(
        _raw(fields, "old"), _raw(fields, "new"))),
    "say": (events.Say, _say),
    "whisper": (events.Whisper, lambda fields, most: events.Whisper(
        _raw(fields, "to"), _text(fields, most), None, None, _tag(fields))),
    "who": (events.Who, lambda fields, most: events.Who(_room(fields))),
    "history": (events.Browse, _history),
    "missed": (events.Deliver, lambda fields, most: events.Deliver()),
    "join": (events.Enter, lambda fields, most: events.Enter(_raw(fields, "room"), _raw_or_none(fields, "key"))),
    "part": (events.Exit, lambda fields, most: events.Exit(_raw(fields, "room"))),
    "rooms": (events.Rooms, lambda fields, most: events.Rooms(_raw_or_none(fields, "pattern"))),
    "topic": (events.Manage, _topic),
    "roles": (events.Roles, lambda fields, most: events.Roles(_room(fields))),
    "set": (events.Manage, lambda fields, most: events.Manage(
        _room(fields), "set", _raw(fields, "setting"), canonical(_raw(fields, "value")))),
    "drop": (events.Manage, lambda fields, most: events.Manage(_room(fields), "drop", b"", b"")),
    **{act: (events.Manage, _act(act)) for act in (
        "invite", "kick", "ban", "unban", "mute", "unmute", "voice", "devoice", "op", "deop")},
    "typing": (events.Typing, _typing),
    "away": (events.Away, _away),
    "watch": (events.Watch, _watch),
    "read": (events.MarkRead, _mark_read),
    "offer": (events.Offer, _offer),
    "share": (events.Share, _share),
    "keys": (events.PublishDevices, _keys),
    "logout": (events.LogOut, lambda fields, most: events.LogOut()),
    "delete": (events.Delete, lambda fields, most: events.Delete()),
    "ping": (events.TimingMark, lambda fields, most: events.TimingMark()),
}


# ---- what a client is told

_ESCAPES = [(b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\t", b"\\t")]


def _is_plain(text: bytes) -> bool:
    """Is a canonical text its own JSON string? Canonical texts have no other characters that JSON escapes."""
    return not (QUOTE in text or BACKSLASH in text or LF in text or TAB in text)


def quoted(text: bytes) -> bytes:
    """A canonical text as a JSON string."""
    if not _is_plain(text):
        for character, escaped in _ESCAPES:
            text = text.replace(character, escaped)
    return b'"%b"' % text


_quoted_name = functools.lru_cache(maxsize=256)(quoted)


def _list(items: Iterable[bytes]) -> bytes:
    return b"[%b]" % b",".join(items)


def _shown(room: bytes) -> bytes:
    return quoted(room or _LOBBY)


def _on(word: bytes, *fields: bytes) -> Frames:
    """The frame for an object; fields: key and value each."""
    return (text_frame(b",".join([b'{"on":"%b"' % word, *fields]) + b"}"),)


def _with_room(word: bytes) -> Callable[[Any], Frames]:
    """Encoder of events that somebody has entered a room, or left it."""
    return lambda happening: _on(
        word, b'"room":%b' % _shown(getattr(happening, "room", events.HOME)), b'"name":' + quoted(happening.name))


_DONE: Dict[type, Frames] = {
    events.TimingMark: _on(b"pong"),
    events.LogOut: (*_on(b"done"), close_frame(websocket.NORMAL)),
    events.Quit: (close_frame(websocket.NORMAL),),
}
_CLOSE_CODES = {
    Reason.SHUTDOWN: websocket.GOING_AWAY,
    Reason.BROKEN: websocket.PROTOCOL_ERROR,
    Reason.FOREIGN: websocket.UNSUPPORTED,
    Reason.NOT_UTF8: websocket.NOT_UTF8,
    Reason.TOO_LONG: websocket.TOO_LONG,
    Reason.BUG: websocket.BUG,
    Reason.NOT_STORED: websocket.BUG,
    Reason.SLOW_READER: 4000,
    Reason.REPLACED: 4001,
    Reason.IDLE: 4002,
    Reason.TOO_SLOW: 4002,
}
_RETRY = {Reason.SHUTDOWN: 2, Reason.TOO_MANY_CONNECTIONS: 30}  # seconds


def _why(reason: str) -> bytes:
    return b'"why":"%b","text":"%b"' % (reason.encode(), SENTENCES[reason].encode())


def _farewell(farewell: events.Farewell) -> Frames:
    reason = farewell.reason
    retry = [b'"retry":%d' % _RETRY[reason]] if reason in _RETRY else []
    return (*_on(b"bye", _why(reason), *retry),
            close_frame(_CLOSE_CODES.get(reason, websocket.POLICY), reason.encode()))


def _said(said: events.Said) -> Frames:
    return (text_frame(b'{"on":"said","n":%d,"room":%b,"by":%b,"at":%d,"text":%b}' % (
        said.number or 0, _shown(said.room), quoted(said.sender), said.time, quoted(said.text))),)


def _whispered(whispered: events.Whispered, me: Optional[bytes]) -> Frames:
    return _on(b"whispered", b'"n":%d,"by":%b,"to":%b,"at":%d,"text":%b' % (
        whispered.number or 0, quoted(whispered.sender), quoted(me or b""), whispered.time, quoted(whispered.text)))


def _message(number: int, sender: bytes, text: bytes, time: int) -> bytes:
    return b'{"n":%d,"by":%b,"at":%d,"text":%b}' % (number, quoted(sender), time, quoted(text))


def _bool(value: bool) -> bytes:
    return b"true" if value else b"false"


def _browsed(browsed: events.Browsed) -> Frames:
    where = b'"with":' + quoted(browsed.partner) if browsed.room is None and browsed.partner else \
        b'"room":' + _shown(browsed.room or events.HOME)
    messages = _list(_message(*message) for message in browsed.messages)
    return _on(b"history", where, b'"messages":%b,"more":%b' % (messages, _bool(browsed.more)))


def _caught_up(caught: events.CaughtUp) -> Frames:
    alone = caught.room == events.HOME
    messages = _list(
        b'{"n":%d,"by":%b,%b"at":%d,"text":%b}' % (
            number, quoted(sender), b'"to":%b,' % quoted(to) if alone else b"", time, quoted(text))
        for number, sender, to, text, time in caught.messages)
    where = b'"me":true' if alone else b'"room":' + quoted(caught.room)
    return _on(b"missed", where, b'"messages":%b,"gap":%b' % (messages, _bool(caught.gap)))


def _greeted(greeted: events.Greeted) -> Frames:
    return _on(b"hello", b'"server":%b,"run":%b,"limits":{"text":%d,"register":%b,"guests":%b,"file":%d},"motd":%b' % (
        quoted(b"Parley " + __version__.encode()), quoted(greeted.run), greeted.text_bytes, _bool(greeted.register),
        _bool(greeted.guests), greeted.file_bytes, quoted(greeted.motd)))


def _welcomed(welcome: events.Welcome) -> Frames:
    read = b",".join([b"%b:%d" % (quoted(partner) if partner else _shown(room), number)
                      for room, partner, number in welcome.read])
    coming_back = b'"session":%b,"me":%d,"read":{%b}' % (quoted(welcome.session), welcome.number, read)
    return _on(b"welcome", b'"name":%b,"account":%b' % (quoted(welcome.name), _bool(welcome.account)),
               *[coming_back] if welcome.session else [])


def _missed(missed: events.Missed) -> Frames:
    return _on(b"missed", b'"messages":' + _list(
        b'{"by":%b,"at":%d,"text":%b}' % (quoted(sender), time, quoted(text))
        for sender, text, time in missed.messages))


def _room_list(listed: events.RoomList) -> Frames:
    return _on(b"rooms", b'"rooms":' + _list(
        b'{"room":%b,"members":%d,"topic":%b,"inside":%b}' % (
            quoted(name), members, quoted(topic), _bool(inside))
        for name, members, topic, inside in listed.rooms))


def _roles_told(told: events.RolesTold) -> Frames:
    roles = b",".join(b"%b:%b" % (quoted(name), quoted(role)) for name, role in told.roles)
    settings = b",".join(b"%b:%d" % (quoted(setting), value) for setting, value in told.settings)
    return _on(b"roles", b'"room":%b,"roles":{%b},"settings":{%b}' % (_shown(told.room), roles, settings))


def _managed(managed: events.Managed) -> Frames:
    if managed.act == "set" and managed.about == b"key":
        managed = managed._replace(text=b"")  # which is never told
    return _on(b"managed", b'"room":%b,"act":"%b","by":%b,"name":%b,"text":%b' % (
        _shown(managed.room), managed.act.encode(), quoted(managed.by), quoted(managed.about), quoted(managed.text)))


def _silence(happening: events.Happening) -> Frames:
    return ()


ENCODERS: Encoders = {
    **dict.fromkeys(events.HAPPENINGS, _silence),
    events.Greeted: _greeted,
    events.Welcome: _welcomed,
    events.CaughtUp: _caught_up,
    events.Stored: lambda stored: (text_frame(b'{"on":"done","n":%d,"at":%d}' % (stored.number, stored.time)),),
    events.Offered: lambda offered: _on(
        b"offer", b'"file":"%b","token":"%b","url":"files/%b","text":%b' % (
            offered.file.encode(), offered.token.encode(), offered.file.encode(), quoted(offered.text))),
    events.Waiting: lambda waiting: _on(b"waiting", b'"count":%d' % waiting.count),
    events.Done: lambda done: _DONE.get(events.kind_of(done.asked)) or _on(b"done"),
    events.Refused: lambda refused: _on(b"no", _why(refused.reason)),
    events.Present: lambda present: _on(
        b"who", b'"room":%b,"names":%b' % (_shown(present.room), _list(map(quoted, present.names)))),
    events.Missed: _missed,
    events.Browsed: _browsed,
    events.Pong: lambda pong: (websocket.pong_frame(pong.token),),
    events.Inside: lambda inside: _on(
        b"room", b'"room":%b,"topic":%b' % (quoted(inside.room), quoted(inside.topic)),
        *[b'"sealed":true'] if inside.sealed else []),
    events.RoomList: _room_list,
    events.TopicTold: lambda told: _on(b"topic", b'"room":%b,"topic":%b,"by":%b,"at":%d' % (
        _shown(told.room), quoted(told.text), quoted(told.by), told.time)),
    events.RolesTold: _roles_told,
    events.Said: _said,
    events.Joined: _with_room(b"joined"),
    events.Left: _with_room(b"left"),
    events.Entered: _with_room(b"joined"),
    events.Exited: _with_room(b"left"),
    events.Renamed: lambda renamed: _on(b"renamed", b'"room":%b,"old":%b,"new":%b' % (
        _shown(renamed.room), quoted(renamed.old), quoted(renamed.new))),
    events.Managed: _managed,
    events.Invited: lambda invited: _on(b"invited", b'"room":%b,"by":%b' % (quoted(invited.room), quoted(invited.by))),
    events.IsTyping: lambda typing: _on(
        b"typing", b'"from":' + quoted(typing.name) if typing.alone else b'"room":' + _shown(typing.room),
        b'"name":' + quoted(typing.name)),
    events.Presence: lambda presence: _on(
        b"presence", b'"name":%b,"state":"%b"' % (quoted(presence.name), presence.state.encode())),
    events.DevicesTold: lambda told: _on(b"keys", b'"name":%b,"devices":"%b"' % (
        quoted(told.name), base64.urlsafe_b64encode(told.data).rstrip(b"="))),
    events.DevicesChanged: lambda changed: _on(b"keys", b'"name":%b,"number":%d' % (
        quoted(changed.name), changed.number)),
    events.Notice: lambda notice: _on(b"notice", b'"text":' + quoted(notice.text)),
    events.Farewell: _farewell,
}


def encode(happening: events.Happening, me: Optional[bytes]) -> Frames:
    """The frames for an event; none if this protocol has no message for it. me: the receiver's name."""
    if type(happening) is events.Whispered:
        return _whispered(happening, me)
    return ENCODERS[type(happening)](happening)


def with_label(frame: bytes, label: bytes) -> bytes:
    """A frame of an answer, with the `id` of the command. label: the id, as a JSON string."""
    return text_frame(b'{"id":%b,%b' % (label, websocket.text_of(frame)[1:])) if frame[:1] == b"\x81" else frame


def encode_talk(
        room: bytes, records: Sequence[Tuple[int, bytes, bytes, int, int]], first: int, at: int = 0
) -> Optional[List[bytes]]:
    """A frame for each message of the records: see TALK in `parley.server.protocols`."""
    frames: List[bytes] = []
    shown = _quoted_name(room or _LOBBY)
    for _, sender, text, time, count in records:
        start = b',"room":%b,"by":%b,"at":%d,"text":"' % (shown, _quoted_name(sender), time)
        texts = text.split(b"\0") if count > 1 else [text]
        if not _is_plain(text):
            texts = [quoted(one)[1:-1] for one in texts]
        frames += [text_frame(b'{"on":"said","n":%d%b%b"}' % (number, start, one))
                   for number, one in enumerate(texts, first + len(frames))]
    return frames


FORMS = {"json": encode}
TALK = {"json": encode_talk}
