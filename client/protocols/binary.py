"""The client's side of the `binary` protocol (`server.protocols.binary` has its table)."""
import re
import time

from parley.client import events
from parley.client.protocol import MAX_FRAME_BYTES, ClientProtocol, Impossible, ProtocolError, fitting, with_password
from parley.server.protocols.binary import HEADER, LONGEST_NAME, MARK, VERSION, Type
from parley.server.protocols.literal import NotALiteral, parse

_MARK = MARK.decode()
_NAME_REFUSED = "The name is taken, or cannot be one."  # if the server gives no reason
_NOTICES = (
    (re.compile(r"(.+) joined!", re.DOTALL), events.Joined),
    (re.compile(r"(.+) left!", re.DOTALL), events.Left),
    (re.compile(r"user '(.+)' changed username to '(.+)'!", re.DOTALL), events.Renamed),
)


class Binary(ClientProtocol):
    """The state of one connection in `binary`."""

    NAME = "binary"
    SILENT_REQUESTS = ("say",)
    UNSUPPORTED = {
        "whisper": "`binary` has no direct messages.",
        "create": "`binary` has no accounts.",
        "history": "`binary` has no history.",
        "deliver": "`binary` keeps no messages for those who are away.",
        "delete": "`binary` has no accounts.",
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

    def say(self, text):
        self._frame(Type.TALK, fitting(self.NAME, text, self.MAX_TEXT_BYTES), "say", None, text)

    def users(self, pattern=None):
        self._frame(Type.USERS, "", "users", pattern)

    def describe(self, name):
        self._frame(Type.USER, name, "describe", name)

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
        if code in self._ANSWERS:
            kind, answer = self._ANSWERS[code]
            request = self._first_pending(*kind)
            return answer(self, request, content) if request else []
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

    def _users(self, request, content):
        return self._listed(request, [(name, True) for name in _literal(content)])

    def _user(self, request, content):
        if not content:
            return self._refuse("Nobody here has that name.", "describe")
        described = _literal("[%s]" % content[1:-1])
        if len(described) != len(events.Described._fields):
            raise ProtocolError()
        return self._done(request, events.Described(*described))

    _ANSWERS = {
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
