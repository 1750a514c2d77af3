"""The client's side of the `delimited` protocol (`server.protocols.delimited` has its table).

DELIVER and DELETE may have no reply, so a LIST of a name that nobody can have follows them, which has one. Messages to
the lobby and direct messages look the same, and are all taken for messages to the lobby. A room looks like a user.
"""
import re

from parley.client import events
from parley.client.protocol import (
    MAX_FRAME_BYTES,
    ClientProtocol,
    Impossible,
    ProtocolError,
    fitting,
    sentence_of,
    unindented,
    without_presence,
)
from parley.server.protocols import delimited as wire

_LONGEST_DATA = 2 * 16384 + 1024  # bytes of data that a server accepts by default
_NO_ACCOUNT = "username does not exist"
_NUMBER = re.compile(r"[0-9]{1,18}")
_NOBODY = "/"  # no name begins with it


class Delimited(ClientProtocol):
    """The state of one connection in `delimited`."""

    NAME = "delimited"
    HAS_PASSWORDS = False
    SILENT_REQUESTS = ("deliver", "kept", "delete")
    UNSUPPORTED = {
        "rename": "`delimited` cannot change a name.",
        "change_password": "`delimited` cannot change a password; `line` and `web` can.",
        "describe": "`delimited` does not tell where somebody is.",
        "history": "`delimited` has no history; /deliver gives what was kept for you.",
        **without_presence("delimited"),
    }

    # ---- out

    def _frame(self, command, items, kind, about=None, text=None):
        data = wire.DELIMITER.join(wire.write(item.encode()) for item in items)
        head = b"%c%c%b" % (wire.VERSION, command, len(data).to_bytes(wire.LENGTH_BYTES, "big"))
        if len(data) > _LONGEST_DATA:
            raise Impossible("This message is too long: it takes %d bytes in `delimited`, and may have %d." % (
                len(data), _LONGEST_DATA))
        self._request(head + data, kind, about, text)

    def join(self, name):
        self._frame(wire.LOGIN, [name], "join", name)  # if there is no such account, it is created (`_on_refusal`)

    def login(self, name, password):
        if password:
            raise Impossible("`delimited` has no passwords.")
        self._frame(wire.LOGIN, [name], "login", name)

    def create(self, name, password):
        if password:
            raise Impossible("`delimited` has no passwords: /create NAME.")
        self._frame(wire.CREATE, [name], "create", name)

    def say(self, text, room=None):
        self._send(room or wire.LOBBY.decode(), text, "say", room)

    def whisper(self, to, text):
        self._send(to, text, "whisper", to)

    def _send(self, to, text, kind, about):
        self._frame(wire.SEND, [self.me, to, fitting(self.NAME, text, self.MAX_TEXT_BYTES)], kind, about, text)

    def users(self, pattern=None):
        self._frame(wire.LIST, [pattern] if pattern else [], "users", pattern)

    def join_room(self, room, key=None):
        self._frame(wire.JOIN, [room] + ([key] if key else []), "join_room", room)

    def leave_room(self, room):
        self._frame(wire.PART, [room], "leave_room", room)

    def rooms(self, pattern=None):
        self._frame(wire.ROOMS, [pattern] if pattern else [], "rooms", pattern)

    def who(self, room):
        self._frame(wire.MANAGE, [room, "who"], "who", room)

    def topic(self, room):
        self._frame(wire.MANAGE, [room, "topic"], "topic", room)

    def manage(self, room, act, about, text):
        items = [room, act] + ([about] if about else []) + ([text or "-"] if text or act == "topic" else [])
        self._frame(wire.MANAGE, items, "manage", room, " ".join(filter(None, (act, about, text))))

    def ping(self):
        self._frame(wire.LIST, [_NOBODY], "ping")

    def fence(self):
        self._frame(wire.LIST, [_NOBODY], "fence")

    def deliver(self):
        self._fenced(wire.DELIVER, "deliver")

    def delete(self):
        self._fenced(wire.DELETE, "delete")

    def _fenced(self, command, kind):
        self._frame(command, [], kind)
        if self._pending[-1].kind == kind:
            self.fence()

    def arrive(self):
        self._fenced(wire.DELIVER, "kept")

    def catch_up(self):
        self.arrive()
        return super().catch_up()

    # ---- in

    def _next(self):
        if self._buffer and self._buffer[0] != wire.VERSION:
            raise ProtocolError()
        if len(self._buffer) < wire.HEADER_BYTES:
            return None
        length = int.from_bytes(self._buffer[wire.HEADER_BYTES - wire.LENGTH_BYTES:wire.HEADER_BYTES], "big")
        if length > MAX_FRAME_BYTES:
            raise ProtocolError()
        end, command = wire.HEADER_BYTES + length, self._buffer[1]
        if len(self._buffer) < end:
            return None
        data = self._take(wire.HEADER_BYTES, end, end)
        items = data.split(wire.DELIMITER) if data else []
        return command, [wire.read(item).decode(errors="replace") for item in items]

    def _events_in(self, frame):
        command, items = frame
        if command == wire.SEND and len(items) == 3:
            return self._sent(*items)
        if command == wire.LISTRESPONSE:
            return self._list(items)
        if command == wire.ROOMSRESPONSE:
            return self._about_rooms(items)
        if command == wire.RESPONSE:
            return self._on_refusal(items[0]) if items else self._on_success()
        raise ProtocolError()

    def _sent(self, sender, to, text):
        if sender == wire.LOBBY.decode() and text.startswith("* "):
            return self._notice(text[2:])
        if sender.startswith("#"):
            return self._sent_in_room(sender, text)
        if sender != self.me:
            return [events.Said(sender, text, None)]
        request = self._first_pending("say", "whisper")
        # A message to oneself, and a copy that the server sends to its speaker, come in addition to the reply.
        return self._done(request) if request and to == (request.about or wire.LOBBY.decode()) else []

    def _sent_in_room(self, room, text):
        if text.startswith("* "):
            return self._room_happening(room, text[2:])
        sender, _, text = text.partition(": ")
        return [] if sender == self.me else [events.Said(sender, unindented(text), None, room)]

    def _about_rooms(self, items):
        request = self._first_pending("rooms", "who", "topic")
        if not request:
            return []
        if request.kind == "who":
            return self._done(request, events.Users(tuple((name, True) for name in items), request.about))
        if request.kind == "topic":
            return self._done(request, events.Topic(request.about, "".join(items[:1])))
        return self._done(request, events.Rooms(tuple(map(_room, items))))

    def _list(self, names):
        request = self._first_pending("users", "ping", "fence")
        if not request:
            return []
        users = tuple((name, None) for name in names if not name.startswith("#"))  # which are rooms
        return self._done(request, *([events.Users(users)] if request.kind == "users" else []))

    def _on_success(self):
        request = self._first_pending("join", "login", "create", "join_room", "leave_room", "manage")
        if not request:
            return []
        return self._welcome(request) if request.kind in ("join", "login", "create") else self._done(request)

    def _on_refusal(self, why):
        request = self._first_pending("join")
        if request and why == _NO_ACCOUNT:
            self._frame(wire.CREATE, [request.about], *request)
            return self._answer(request)
        first = [request.kind for request in self._pending][:1]
        return self._refuse(sentence_of(why), *first)


def _room(item):
    """(name, number of members, topic) of an item such as "#dev 12 what we talk about"."""
    name, members, topic = (item.split(" ", 2) + [""] * 2)[:3]
    if not _NUMBER.fullmatch(members):
        raise ProtocolError()
    return name, int(members), topic
