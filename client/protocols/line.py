"""The client's side of the `line` protocol (`server.protocols.line` has its table).

The reply to WHO has no end mark, and MSG and DM have no reply; a PING after each of them supplies both. So every
request has a reply, and an ERR is about the first one that is pending.
"""
import re

from parley.client import events
from parley.client.protocol import (
    BANNED,
    KICKED,
    MAX_MISSED,
    REPLACED,
    ClientProtocol,
    Impossible,
    ProtocolError,
    fitting,
    one_word,
    sentence_of,
    without_presence,
)
from parley.server.protocols.events import ROOM_REASONS
from parley.server.protocols.line import LONGEST_HISTORY, USUAL_HISTORY

_LONGEST_LINE = 1 << 20  # bytes, from a server

_WHY = {
    **{word: sentence_of(word) for word in ROOM_REASONS},
    "must-login-first": "You must log in first.",
    "unknown-command": "The server does not know this command.",
    "username-taken": "The name is taken.",
    "invalid-username": "This cannot be a name.",
    "password-required": "The name has a password: /login NAME PASSWORD.",
    "wrong-password": "The password is wrong.",
    "invalid-password": "This cannot be a password.",
    "unverifiable-password": "The server cannot verify this password.",
    "try-again-later": "Too many wrong passwords: try again later.",
    "too-many-accounts": "There are too many accounts.",
    "registration-closed": "New accounts cannot be made here.",
    "account-required": "Only names that have an account can be used here.",
    "not-your-name": "You can only register the name you have.",
    "user-not-found": "Nobody here has that name.",
    "invalid-dm-format": "This is not of the form NAME TEXT.",
    "mailbox-full": "Too much is kept for them already.",
    "storage-failed": "The server could not store this.",
    "no-such-number": "The server's log does not go that far.",
    "invalid-history-format": "This is no number of messages.",
    "idle-timeout": "You were silent for too long.",
    "server-shutdown": "The server is shutting down.",
    "slow-reader": "You read too slowly.",
    "too-many-connections": "There are too many connections.",
    "logged-in-elsewhere": REPLACED,
    "account-deleted": "Your account was deleted by an operator.",
    "line-too-long": "The message was too long.",
    "line-timeout": "The message did not arrive in time.",
    "unknown-protocol": "The server expected another protocol.",
    "internal-error": "The server made a mistake.",
}
_KEPT = re.compile(r"[1-9][0-9]{0,8} messages? while you were away")
_NUMBER = re.compile(r"[0-9]{1,18}")
_ENDS = {"kicked": KICKED, "banned": BANNED}  # of the connection
_CONFIRMED = ("join", "login", "create", "join_room", "leave_room", "manage", "change_password", "protect")  # by OK
_PASTS = ("history", "mark", "missed")


class Line(ClientProtocol):
    """The state of one connection in `line`."""

    NAME = "line"
    MAX_TEXT_BYTES = 8192 - len("MSG ")
    KEEPALIVE = 25  # the server closes a connection after a minute of silence
    SILENT_REQUESTS = ("say", "whisper")
    HAS_LOG = True
    UNSUPPORTED = {
        "rename": "`line` cannot change a name.",
        "describe": "`line` does not tell where somebody is.",
        "delete": "`line` cannot delete an account.",
        **without_presence("line"),
    }

    def __init__(self, position):
        super().__init__(position)
        self._users, self._rooms = [], []
        self._recalled = {}  # {room: (sender, text, time) of what was missed in it}

    # ---- out

    def _request(self, data, kind, about=None, text=None):
        super()._request(data, kind, about, text)
        if kind in self.SILENT_REQUESTS and self._pending[-1].kind != "fence":
            self.fence()

    def join(self, name):
        self._request(b"LOGIN %b\n" % _word(name), "join", name)

    def login(self, name, password):
        self._request(b"LOGIN %b %b\n" % (_word(name), _line(password)), "login", name)

    def create(self, name, password):
        if not password:
            raise Impossible("`line` makes accounts with a password only: /create NAME PASSWORD.")
        self._request(b"REGISTER %b %b\n" % (_word(name), _word(password)), "create", name)

    def protect(self, password):
        self._request(b"REGISTER %b %b\n" % (_word(self.me), _word(password)), "protect", self.me)

    def change_password(self, old, new):
        self._request(b"PASSWD %b %b\n" % (_word(old), _word(new)), "change_password")

    def say(self, text, room=None):
        for line in self._lines(text, self.MAX_TEXT_BYTES - len(_front(room))):
            self.position.of(room).add_said(self.me, line)
            self._request(b"%bMSG %b\n" % (_front(room), line.encode()), "say", room, line)

    def whisper(self, to, text):
        for line in self._lines(text, self.MAX_TEXT_BYTES - len(_word(to))):
            self._request(b"DM %b %b\n" % (_word(to), line.encode()), "whisper", to, line)

    def _lines(self, text, longest):
        """The lines of a text without trailing blanks, which the server would remove."""
        lines = [line.rstrip(" \t") for line in text.split("\n")]
        return [fitting(self.NAME, line, longest) for line in lines if line]

    def users(self, pattern=None):
        self._out += b"WHO\n"
        self._request(b"PING\n", "users", pattern)

    def ping(self):
        self._request(b"PING\n", "ping")

    def fence(self):
        self._request(b"PING\n", "fence")

    def history(self, partner=None, most=None):
        if partner is not None and not partner.startswith("#"):
            raise Impossible("`line` keeps no conversations, only what was said in rooms.")
        most = min(most or USUAL_HISTORY, LONGEST_HISTORY)
        self._request(b"%bHISTORY %d\n" % (_front(partner), most), "history", partner)

    def deliver(self):
        self._request(b"UNREAD\n", "deliver")

    def mark(self, room=None):
        self.position.of(room).mark_requested()
        self._request(b"%bHISTORY 1\n" % _front(room), "mark", room)

    def catch_up(self):
        if self.position.mark is None:
            self.mark()
            return super().catch_up()
        self._request_since(self.position.mark)
        return None

    def catch_up_in(self, room):
        if self.position.of(room).mark is None:
            self.mark(room)
        else:
            self._request_since(self.position.of(room).mark, room)

    def _request_since(self, number, room=None):
        self.position.of(room).mark_requested()
        self._request(b"%bHISTORY SINCE %d\n" % (_front(room), number), "missed", room)

    def join_room(self, room, key=None):
        self._request(b" ".join([b"JOIN", _word(room)] + ([_word(key)] if key else [])) + b"\n", "join_room", room)

    def leave_room(self, room):
        self._request(b"PART %b\n" % _word(room), "leave_room", room)

    def rooms(self, pattern=None):
        self._request(b"ROOMS %b\n" % one_word(pattern, "A pattern").encode() if pattern else b"ROOMS\n",
                      "rooms", pattern)

    def who(self, room):
        self._request(_front(room) + b"WHO\n", "who", room)

    def topic(self, room):
        self._request(_front(room) + b"TOPIC\n", "topic", room)

    def manage(self, room, act, about, text):
        words = [act.upper()] + ([one_word(about, "A name")] if about else []) + [text or "-" * (act == "topic")]
        line = _front(room) + " ".join(filter(None, words)).encode()
        if b"\n" in line:
            raise Impossible("This takes one line of text.")
        fitting(self.NAME, line.decode(), self.MAX_TEXT_BYTES)
        self._request(line + b"\n", "manage", room, " ".join(filter(None, (act, about, text))))

    # ---- in

    def _next(self):
        end = self._buffer.find(b"\n")
        if (end if end >= 0 else len(self._buffer)) > _LONGEST_LINE:
            raise ProtocolError()
        return None if end < 0 else self._take(0, end, end + 1)

    def _events_in(self, line):
        line, room = line.decode(errors="replace").rstrip("\r"), None
        if line.startswith("#"):
            room, _, line = line.partition(" ")
        word, _, rest = line.partition(" ")
        words = self._WORDS if room is None else self._ROOM_WORDS
        if word not in words:
            raise ProtocolError()
        return words[word](self, rest) if room is None else words[word](self, rest, room)

    def _ok(self, rest):
        request = self._first_pending(*_CONFIRMED)
        if not request:
            return []
        return self._welcome(request) if request.kind in _CONFIRMED[:3] else self._done(request)

    def _err(self, word):
        why = _WHY.get(word, word)
        first = next(iter(self._pending), None)
        if first is None:
            return self._refuse(why)
        if word == "invalid-username" and first.kind == "login":
            why = "No account of this name has a password."
        if first.kind == "missed" and word == "no-such-number":
            return self._start_over(first)
        if first.kind == "missed" and word in ROOM_REASONS:  # that of a room in which we are no more
            self._recalled.pop(first.about, None)
            return [*self._answer(first), *self._given_up(self.position.forget(first.about), first.about)]
        return self._refuse(why, first.kind)

    def _start_over(self, missed):
        """The room has a new log."""
        position = self.position.of(missed.about)
        lost = position.unconfirmed
        position.reset()
        self._request_since(0, missed.about)
        return self._answer(missed) + self._given_up(lost, missed.about)

    def _given_up(self, texts, room):
        return [events.Unsure(events.Request("say", room, text)) for text in texts]

    def _msg(self, rest, room=None):
        sender, _, text = rest.partition(" ")
        if sender == self.me:
            return []  # the echo, which is optional in the server
        self.position.of(room).add_said(sender, text)
        return [events.Said(sender, text, None, room)]

    def _dm(self, rest):
        sender, _, text = rest.partition(" ")
        return [events.Whispered(sender, text, None)]

    def _user(self, name, room=None):
        self._users.append((name, True))
        return []

    def _pong(self, rest):
        request = self._first_pending("ping", "fence", "users")
        if not request:
            return []
        users, self._users = self._users, []
        return self._listed(request, users) if request.kind == "users" else self._done(request)

    def _info(self, rest):
        name, _, what = rest.partition(" ")
        if _KEPT.fullmatch(rest):
            return [events.Kept(int(name), {})]
        if what == "disconnected":
            return [events.Left(name)]
        if what.startswith("is now "):
            return [events.Renamed(name, what[len("is now "):])]
        return self._notice(_ENDS.get(rest) or _WHY.get(rest, rest))

    def _room_info(self, rest, room):
        return self._room_happening(room, rest)

    def _topic(self, rest, room):
        request = self._first_pending("topic")
        return self._done(request, events.Topic(room, rest)) if request else []

    def _room(self, rest):
        name, members, topic = (rest.split(" ", 2) + [""] * 2)[:3]
        self._rooms.append((name, _number(members), topic))
        return []

    def _hist(self, rest, room=None):
        number, time, sender, text = (rest.split(" ", 3) + [""] * 3)[:4]
        _number(number)
        request = self._first_pending(*_PASTS)
        if request and request.kind == "history":
            return [events.Recalled(room, sender, text, _number(time))]
        self._recalled.setdefault(room, []).append((sender, text, _number(time)))
        return []

    def _unread(self, rest):
        time, sender, text = (rest.split(" ", 2) + [""] * 2)[:3]
        return [events.Whispered(sender, text, _number(time))]

    def _end(self, rest, room=None):
        what, number, state = (rest.split(" ") + [""] * 2)[:3]
        request = self._first_pending(*self._ENDED.get(what, ()))
        if not request:
            return []
        if what == "HISTORY":
            return self._end_history(request, _number(number), state == "more")
        (users, self._users), (rooms, self._rooms) = (self._users, []), (self._rooms, [])
        told = {"who": [events.Users(tuple(users), room)], "rooms": [events.Rooms(tuple(rooms))]}
        return self._done(request, *told.get(request.kind, []))

    def _end_history(self, request, number, is_more):
        if request.kind == "missed":
            return self._missed(request, number, is_more)
        if request.kind == "mark":
            self.position.of(request.about).set_mark(number)
            self._recalled.pop(request.about, None)
        return self._done(request)

    def _missed(self, request, number, is_more):
        room = request.about
        recalled = self._recalled.get(room, [])
        if is_more and len(recalled) < MAX_MISSED:
            self._request_since(number, room)
            return [*self._answer(request), events.Progress(request, len(recalled))]
        missed = self._missed_in(recalled, room)
        self.position.of(room).set_mark(number)
        self._recalled.pop(room, None)
        return [
            *missed,
            *([events.Notice("More was said than is shown here.")] if is_more else []),
            *self._done(request),
        ]

    _ENDED = {"UNREAD": ("deliver",), "HISTORY": _PASTS, "WHO": ("who",), "ROOMS": ("rooms",)}

    _WORDS = {
        "OK": _ok,
        "ERR": _err,
        "MSG": _msg,
        "DM": _dm,
        "USER": _user,
        "PONG": _pong,
        "INFO": _info,
        "HIST": _hist,
        "UNREAD": _unread,
        "END": _end,
        "HELP": lambda self, rest: [],
        "ROOM": _room,
    }

    _ROOM_WORDS = {
        "MSG": _msg,
        "USER": _user,
        "TOPIC": _topic,
        "INFO": _room_info,
        "HIST": _hist,
        "END": _end,
    }


def _front(room):
    """What stands in front of a line about a room; nothing for the lobby."""
    return _word(room) + b" " if room else b""


def _number(word):
    """A number from the server: that of a message, or a time in seconds; raises `ProtocolError`."""
    if not _NUMBER.fullmatch(word):
        raise ProtocolError()
    return int(word)


def _word(word):
    return one_word(word, "A name or a password in `line`").encode()


def _line(password):
    if "\n" in password:
        raise Impossible("A password in `line` is one line.")
    return password.encode()
