"""The client's side of the `padded` protocol (`server.protocols.padded` has its table).

A message from a server has no end mark, but a recognisable beginning, and "Msg received" is a message by itself. So a
message ends where the next one begins, or when nothing follows for a moment.
"""
import re
import time

from parley.client import events
from parley.client.protocol import ClientProtocol, fitting, with_password, without_presence
from parley.server.protocols.padded import HEADER_BYTES, written_clock

_RECEIVED = b"Msg received"
_BEGINNING = re.compile(rb"\[[0-9]{2}:[0-9]{2} [AP]M\] |\[ERROR\] |\[SERVER\] |" + _RECEIVED)
_TALK = re.compile(r"\[[0-9]{2}:[0-9]{2} [AP]M\] (.+?)( \(direct\))?: (.*)", re.DOTALL)
_ERROR, _SERVER = "[ERROR] ", "[SERVER] "
_NAME_REFUSAL = re.compile("nickname|password|^Try again later")


class Padded(ClientProtocol):
    """The state of one connection in `padded`."""

    NAME = "padded"
    SETTLE_SECONDS = 0.1
    UNSUPPORTED = {
        "whisper": "`padded` has no direct messages.",
        "users": "`padded` has no list of users.",
        "describe": "`padded` does not tell where somebody is.",
        "create": "`padded` has no accounts.",
        "change_password": "`padded` cannot change a password; `line` and `web` can.",
        "history": "`padded` has no history.",
        "deliver": "`padded` keeps no messages for those who are away.",
        "delete": "`padded` has no accounts.",
        **dict.fromkeys(
            ("join_room", "leave_room", "rooms", "who", "topic", "manage"),
            "`padded` has no commands for rooms; a room can have a port of its own."),
        **without_presence("padded"),
    }

    now = staticmethod(time.time)

    def __init__(self, position):
        super().__init__(position)
        self._proven = None  # the last name under which a message was accepted; a name alone is always acknowledged
        self._password = None  # for the current name, until a message is accepted

    # ---- out

    def _frame(self, body, kind, about=None, text=None):
        raw = body.encode()
        self._request((b"%d" % len(raw)).ljust(HEADER_BYTES) + raw, kind, about, text)

    def _talk(self, nick, text):
        return "%s%s: %s" % (written_clock(self.now()).decode(), nick, text)

    def join(self, name):
        self.login(name, None)

    def login(self, name, password):
        nick, kind = with_password(name, password), "login" if password else "join"
        self._frame(self._talk(nick, ""), kind, name)  # acknowledged, but sent to nobody
        self._password = password

    def rename(self, name):
        self._frame(self._talk(name, ""), "rename", name)
        self._password = None

    def say(self, text):
        nick = self.me if self.me == self._proven else with_password(self.me, self._password)
        self._frame(self._talk(nick, fitting(self.NAME, text, self.MAX_TEXT_BYTES)), "say", None, text)

    def ping(self):
        self._frame("", "ping")

    def fence(self):
        self._frame("", "fence")

    # ---- in

    @property
    def unsettled(self):
        return bool(self._buffer)

    def settle(self):
        """What is buffered counts as a complete message. If more of it comes, that is a message of its own."""
        return self._events_in(self._take(0, len(self._buffer), len(self._buffer))) if self._buffer else []

    def _next(self):
        """The next message whose end is known."""
        beginning = _BEGINNING.search(self._buffer, 0)
        if not beginning:
            return None
        if beginning.start():  # the rest of a message that counted as complete
            end = beginning.start()
        elif beginning.group() == _RECEIVED:
            end = len(_RECEIVED)
        else:
            following = _BEGINNING.search(self._buffer, beginning.end())
            if not following:
                return None
            end = following.start()
        return self._take(0, end, end)

    def _events_in(self, raw):
        message = raw.decode(errors="replace")
        if raw == _RECEIVED:
            return self._received()
        if message.startswith(_ERROR):
            return self._refused(message[len(_ERROR):])
        if message.startswith(_SERVER):
            return [events.Notice(message[len(_SERVER):])]
        talk = _TALK.fullmatch(message)
        if not talk:
            return [events.Notice(message)]
        sender, direct, text = talk.groups()
        if sender == self.me and not direct:
            return []
        return [(events.Whispered if direct else events.Said)(sender, text, None)]

    def _refused(self, why):
        refused = self._refuse(why)
        if not _NAME_REFUSAL.search(why) or self.me == self._proven:
            return refused
        self.me = self._proven
        return refused + ([events.Welcomed(self.me)] if self.me else [])

    def _received(self):
        request = next(iter(self._pending), None)
        if request is None:
            return []
        if request.kind == "say":
            self._proven = self.me
        return self._welcome(request) if request.kind in ("join", "login", "rename") else self._done(request)
