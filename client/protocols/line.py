"""The client's side of the `line` protocol (`server.protocols.line` has its table).

The reply to WHO has no end mark, and MSG and DM have no reply; a PING after them supplies both.
"""
import re

from parley.client import events
from parley.client.protocol import MAX_MISSED, REPLACED, ClientProtocol, Impossible, ProtocolError, fitting
from parley.server.protocols.line import LONGEST_HISTORY, USUAL_HISTORY

_LONGEST_LINE = 1 << 20  # bytes, from a server

_WHY = {
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
_WHISPER_ERRORS = ("user-not-found", "invalid-dm-format", "mailbox-full")


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
    }

    def __init__(self, position):
        super().__init__(position)
        self._users, self._recalled = [], []

    # ---- out

    def join(self, name):
        self._request(b"LOGIN %b\n" % _word(name), "join", name)

    def login(self, name, password):
        self._request(b"LOGIN %b %b\n" % (_word(name), _line(password)), "login", name)

    def create(self, name, password):
        if not password:
            raise Impossible("`line` makes accounts with a password only: /create NAME PASSWORD.")
        self._request(b"REGISTER %b %b\n" % (_word(name), _word(password)), "create", name)

    def say(self, text):
        for line in self._lines(text, self.MAX_TEXT_BYTES):
            self.position.add_said(self.me, line)
            self._request(b"MSG %b\n" % line.encode(), "say", None, line)

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
        if partner is not None:
            raise Impossible("`line` keeps no conversations, only what was said in the room.")
        self._request(b"HISTORY %d\n" % min(most or USUAL_HISTORY, LONGEST_HISTORY), "history")

    def deliver(self):
        self._request(b"UNREAD\n", "deliver")

    def mark(self):
        self.position.mark_requested()
        self._request(b"HISTORY 1\n", "mark")

    def catch_up(self):
        if self.position.mark is None:
            self.mark()
            return super().catch_up()
        self._recalled = []
        self._request_since(self.position.mark)
        return None

    def _request_since(self, number):
        self.position.mark_requested()
        self._request(b"HISTORY SINCE %d\n" % number, "missed")

    # ---- in

    def _next(self):
        end = self._buffer.find(b"\n")
        if (end if end >= 0 else len(self._buffer)) > _LONGEST_LINE:
            raise ProtocolError()
        return None if end < 0 else self._take(0, end, end + 1)

    def _events_in(self, line):
        word, _, rest = line.decode(errors="replace").rstrip("\r").partition(" ")
        if word not in self._WORDS:
            raise ProtocolError()
        return self._WORDS[word](self, rest)

    def _ok(self, rest):
        request = self._first_pending("join", "login", "create")
        return self._welcome(request) if request else []

    def _err(self, word):
        why = _WHY.get(word, word)
        request = self._first_pending("say", "whisper") if word == "storage-failed" else None
        if word == "invalid-username" and self._first_pending("login"):
            why = "No account of this name has a password."
        if word in _WHISPER_ERRORS:
            request = self._first_pending("whisper")
        if request:
            self._pending.remove(request)  # the other texts may still be refused
            return [events.Refused(request, why)]
        missed = self._first_pending("missed")
        if missed and word == "no-such-number":
            lost = self.position.unconfirmed
            self.position.reset()  # the server has a new log
            self._request_since(0)
            return self._answer(missed) + [events.Unsure(events.Request("say", None, text)) for text in lost]
        return self._refuse(why)

    def _msg(self, rest):
        sender, _, text = rest.partition(" ")
        if sender == self.me:
            return []  # the echo, which is optional in the server
        self.position.add_said(sender, text)
        return [events.Said(sender, text, None)]

    def _dm(self, rest):
        sender, _, text = rest.partition(" ")
        return [events.Whispered(sender, text, None)]

    def _user(self, name):
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
        return self._notice(_WHY.get(rest, rest))

    def _hist(self, rest):
        number, time, sender, text = (rest.split(" ", 3) + [""] * 3)[:4]
        _number(number)
        request = self._first_pending("history", "mark", "missed")
        if request and request.kind == "history":
            return [events.Recalled(None, sender, text, _number(time))]
        self._recalled.append((sender, text, _number(time)))
        return []

    def _unread(self, rest):
        time, sender, text = (rest.split(" ", 2) + [""] * 2)[:3]
        return [events.Whispered(sender, text, _number(time))]

    def _end(self, rest):
        what, number, state = (rest.split(" ") + [""] * 2)[:3]
        if what == "UNREAD":
            request = self._first_pending("deliver")
            return self._done(request) if request else []
        request = self._first_pending("history", "mark", "missed")
        if what != "HISTORY" or not request:
            return []
        number = _number(number)
        if request.kind == "missed":
            return self._missed(request, number, state == "more")
        if request.kind == "mark":
            self.position.set_mark(number)
            self._recalled = []
        return self._done(request)

    def _missed(self, request, number, is_more):
        if is_more and len(self._recalled) < MAX_MISSED:
            self._request_since(number)
            return [*self._answer(request), events.Progress(request, len(self._recalled))]
        missed = self._missed_in(self._recalled)
        self.position.set_mark(number)
        self._recalled = []
        return [
            *missed,
            *([events.Notice("More was said than is shown here.")] if is_more else []),
            *self._done(request),
        ]

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
    }


def _number(word):
    """A number from the server: that of a message, or a time in seconds; raises `ProtocolError`."""
    if not _NUMBER.fullmatch(word):
        raise ProtocolError()
    return int(word)


def _word(word):
    if not word or any(character.isspace() for character in word):
        raise Impossible("A name or a password in `line` is one word.")
    return word.encode()


def _line(password):
    if "\n" in password:
        raise Impossible("A password in `line` is one line.")
    return password.encode()
