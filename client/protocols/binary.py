"""The client's side of the `binary` protocol (`server.protocols.binary` has its table)."""
import re
import time

from parley.client import events
from parley.client.protocol import (
    MAX_FRAME_BYTES,
    ClientProtocol,
    Impossible,
    ProtocolError,
    fitting,
    one_word,
    sentence_of,
    unindented,
    with_password,
    without_presence,
)
from parley.server.protocols.binary import HEADER, LONGEST_NAME, MARK, VERSION, Type
from parley.server.protocols.literal import NotALiteral, parse

_MARK = MARK.decode()
_NAME_REFUSED = "The name is taken, or cannot be one."  # if the server gives no reason
_NOTICES = (
    (re.compile(r"(.+) joined!", re.DOTALL), events.Joined),
    (re.compile(r"(.+) left!", re.DOTALL), events.Left),
    (re.compile(r"user '(.+)' changed username to '(.+)'!", re.DOTALL), events.Renamed),
)
_STRING = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_ROOMS = re.compile(r"\(%s, ([0-9]{1,18}), %s\)(?:, |(?=\]))" % (_STRING, _STRING))
_ABOUT_ROOMS = ("join_room", "leave_room", "say", "manage", "who", "topic")


class Binary(ClientProtocol):
    """The state of one connection in `binary`."""

    NAME = "binary"
    SILENT_REQUESTS = ("say",)
    UNSUPPORTED = {
        "whisper": "`binary` has no direct messages.",
        "create": "`binary` has no accounts.",
        "change_password": "`binary` cannot change a password; `line` and `web` can.",
        "history": "`binary` has no history.",
        "deliver": "`binary` keeps no messages for those who are away.",
        "delete": "`binary` has no accounts.",
        **without_presence("binary"),
    }

    now = staticmethod(time.time)

    # ---- out

    def _frame(self, code, content, kind, about=None, text=None):
        me, raw = (self.me or "").encode(), content.encode()
        head = HEADER.pack(VERSION, code, len(me), len(raw), me, int(self.now()))
        self._request(head + raw, kind, about, text)

    def join(self, name):
        self._frame(Type.JOIN, _checked(name), "join", name)

    def login(self, name, password):
        self._frame(Type.JOIN, with_password(_checked(name), password), "login" if password else "join", name)

    def rename(self, name):
        self._frame(Type.RENAME, _checked(name), "rename", name)

    def say(self, text, room=None):
        if room is None:
            self._frame(Type.TALK, fitting(self.NAME, text, self.MAX_TEXT_BYTES), "say", None, text)
            return
        content = fitting(self.NAME, "%s %s" % (room, text), self.MAX_TEXT_BYTES)
        self._frame(Type.ROOM_TALK, content, "say", room, text)
        if self._pending[-1].kind == "say":
            self.fence()

    def users(self, pattern=None):
        self._frame(Type.USERS, "", "users", pattern)

    def describe(self, name):
        self._frame(Type.USER, name, "describe", name)

    def join_room(self, room, key=None):
        self._frame(Type.ENTER, "%s %s" % (room, one_word(key, "A key")) if key else room, "join_room", room)

    def leave_room(self, room):
        self._frame(Type.EXIT, room, "leave_room", room)

    def rooms(self, pattern=None):
        self._frame(Type.ROOMS, pattern or "", "rooms", pattern)

    def who(self, room):
        self._frame(Type.MANAGE, room + " who", "who", room)

    def topic(self, room):
        self._frame(Type.MANAGE, room + " topic", "topic", room)

    def manage(self, room, act, about, text):
        words = [room, act, about and one_word(about, "A name"), text or "-" * (act == "topic")]
        content = fitting(self.NAME, " ".join(filter(None, words)), self.MAX_TEXT_BYTES)
        self._frame(Type.MANAGE, content, "manage", room, " ".join(filter(None, (act, about, text))))

    def ping(self):
        self._frame(Type.PING, "%.6f" % self.now(), "ping")

    def fence(self):
        self._frame(Type.PING, "%.6f" % self.now(), "fence")

    def quit(self):
        self._frame(Type.QUIT, "", "quit")

    # ---- in

    def _next(self):
        if self._buffer and self._buffer[0] != VERSION:
            raise ProtocolError()
        if len(self._buffer) < HEADER.size:
            return None
        _, code, name_size, content_size, name, seconds = HEADER.unpack_from(self._buffer)
        if name_size > LONGEST_NAME or content_size > MAX_FRAME_BYTES:
            raise ProtocolError()
        end = HEADER.size + content_size
        if len(self._buffer) < end:
            return None
        content = self._take(HEADER.size, end, end).decode(errors="replace")
        return code, name[:name_size].decode(errors="replace"), content, seconds

    def _events_in(self, frame):
        code, sender, content, seconds = frame
        if code == Type.TALK:
            return self._talk(sender, content, seconds)
        if code in self._IN_ROOMS:
            room, _, rest = content.partition(" ")
            return self._IN_ROOMS[code](self, room, rest, sender, seconds)
        if code in self._ANSWERS:
            kind, answer = self._ANSWERS[code]
            request = self._first_pending(*kind)
            return answer(self, request, content) if request else []
        if code == Type.SERVER_SAYS:
            return self._notice(content)
        if code == Type.ERROR:
            return self._refuse(content, *("say",) if self._first_pending("say") else ())
        for pattern, event in _NOTICES:
            notice = pattern.fullmatch(content)
            if notice:
                return [event(*notice.groups())]
        return []

    def _talk(self, sender, text, seconds):
        if text.startswith(_MARK):
            return [events.Whispered(sender, text[len(_MARK):], seconds)]
        return [] if sender == self.me else [events.Said(sender, text, seconds)]

    def _room_talk(self, room, text, sender, seconds):
        return [] if sender == self.me else [events.Said(sender, unindented(text), seconds, room)]

    def _about(self, room):
        """The first pending request about a room."""
        return next((request for request in self._pending
                     if request.kind in _ABOUT_ROOMS and request.about == room), None)

    def _room_done(self, room, topic, sender, seconds):
        request = self._about(room)
        if not request:
            return []
        return self._done(request, *([events.Topic(room, topic)] if request.kind == "topic" else []))

    def _room_refused(self, room, why, sender, seconds):
        if not room.startswith("#"):  # there was no room in the request, or none that can be one
            return self._refuse(sentence_of("%s %s" % (room, why)), "rooms", *_ABOUT_ROOMS)
        request = self._about(room)
        if request is None:
            return [events.Notice("%s: %s" % (room, sentence_of(why)))]
        return [*self._answer(request), events.Refused(request, sentence_of(why))]

    def _room_news(self, room, words, sender, seconds):
        return self._room_happening(room, words)

    def _room_users(self, room, names, sender, seconds):
        request = self._first_pending("who")
        users = tuple((name, True) for name in _names(names))
        return self._done(request, events.Users(users, room)) if request else []

    def _rooms(self, request, content):
        found = _ROOMS.findall(content)
        rooms = tuple((_literal("[%s]" % name)[0], int(members), _literal("[%s]" % topic)[0])
                      for name, members, topic in found)
        return self._done(request, events.Rooms(rooms))

    def _users(self, request, content):
        return self._listed(request, [(name, True) for name in _names(content)])

    def _user(self, request, content):
        if not content:
            return self._refuse("Nobody here has that name.", "describe")
        described = _literal("[%s]" % content[1:-1])
        if len(described) != len(events.Described._fields):
            raise ProtocolError()
        return self._done(request, events.Described(*described))

    _IN_ROOMS = {
        Type.DONE: _room_done,
        Type.NOT_DONE: _room_refused,
        Type.ROOM_TALK: _room_talk,
        Type.HAPPENED: _room_news,
        Type.USERS_IN_ROOM: _room_users,
    }

    _ANSWERS = {
        Type.ROOMS_ARE: (("rooms",), _rooms),
        Type.JOINED: (("join", "login"), lambda self, request, content: self._welcome(request)),
        Type.NOT_JOINED: (
            ("join", "login"), lambda self, request, content: self._refuse(content or _NAME_REFUSED, request.kind)),
        Type.RENAMED: (("rename",), lambda self, request, content: self._welcome(request)),
        Type.NOT_RENAMED: (
            ("rename",), lambda self, request, content: self._refuse(content or _NAME_REFUSED, "rename")),
        Type.USERS_ARE: (("users",), _users),
        Type.USER_IS: (("describe",), _user),
        Type.PONG: (("ping", "fence"), lambda self, request, content: self._done(request)),
        Type.QUITTED: (("quit",), lambda self, request, content: self._done(request)),
    }


def _checked(name):
    if len(name.encode()) > LONGEST_NAME:
        raise Impossible("A name in `binary` has at most %d bytes." % LONGEST_NAME)
    return name


def _literal(text):
    """The list of a text in Python's notation; raises `ProtocolError`."""
    try:
        found = parse("{'': %s}" % text)[""]
    except NotALiteral:
        raise ProtocolError() from None
    if not isinstance(found, list):
        raise ProtocolError()
    return found


def _names(text):
    """The list of names of a text in Python's notation; raises `ProtocolError`."""
    found = _literal(text)
    if not all(isinstance(name, str) for name in found):
        raise ProtocolError()
    return found
