"""Frames of `web`, and a client that sends and receives them; without code of the server."""
import json
import re
import time

from parley.conformance.wire import web as wire
from stress.proofs.clients import SECONDS, Connected, connected

# The request for a WebSocket. Without a proxy in between, the same key and mask can be used by all.
UPGRADE = (b"GET /chat HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
           b"Sec-WebSocket-Protocol: parley.1\r\n\r\n")
UPGRADED = re.compile(rb"HTTP/1\.1 101 .*\r\n\r\n", re.DOTALL)
MASK = b"\x12\x34\xab\xfe"
MORE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(content, opcode=TEXT, is_last=True):
    """One frame, as clients send it."""
    return wire.frame(opcode, content, is_last, MASK)


def head(size, opcode=TEXT, is_last=True):
    """The beginning of a frame of so many bytes, with its mask."""
    return wire.head(opcode, size, is_last, MASK)


def asked(do, **fields):
    """The frame of a request, such as `asked("say", text="hi")`."""
    return frame(json.dumps(dict(fields, do=do)).encode())


def parted(data):
    """([(opcode, content) of each complete frame from a server], the bytes of the incomplete one)."""
    found = []
    while True:
        first = wire.first_frame(data)
        if first is None:
            return found, data
        opcode, _, _, content, size = first
        found.append((opcode, content))
        data = data[size:]


class WebClient(Connected):
    """One connection, upgraded to WebSocket. It answers pings.

    name: logs in under it at once; None: does not log in. session: the token of the last welcome, for `come_back`.
    receive_buffer, source: as of `stress.proofs.clients.Client`.
    """

    def __init__(self, address, name=None, receive_buffer=None, source=None):
        super().__init__(connected(address, receive_buffer, source))
        self.session = None
        self._held = b""
        self._frames = []
        self.send(UPGRADE)
        deadline = time.monotonic() + SECONDS
        while not UPGRADED.match(self._held):
            self._held += self._received(deadline, self._held)
        self._held = self._held[UPGRADED.match(self._held).end():]
        if name is not None:
            self.welcomed(self.answer("login", name=name))

    def welcomed(self, welcome):
        """Note what the welcome says, and return it."""
        assert welcome["on"] == "welcome", welcome
        self.name, self.session = welcome["name"], welcome["session"]
        return welcome

    def ask(self, do, **fields):
        """Send a request."""
        self.send(asked(do, **fields))

    def answer(self, do, **fields):
        """Send a request, and return its answer; what comes before that is dropped."""
        self.ask(do, id="~", **fields)
        return self.until(lambda told: told.get("id") == "~")

    def come_back(self, session, **marks):
        """Resume an earlier session; returns the welcome. marks: the last number seen in each room."""
        self.ask("hello", session=session, resume=marks)
        return self.welcomed(self.until(lambda told: told["on"] in ("welcome", "no")))

    def frame(self, seconds=SECONDS):
        """The next (opcode, content). Closed at the end of the stream, Silence after `seconds`."""
        deadline = time.monotonic() + seconds
        while not self._frames:
            self._frames, self._held = parted(self._held + self._received(deadline, self._held))
        opcode, content = self._frames.pop(0)
        if opcode == PING:
            self.send(frame(content, PONG))
        return opcode, content

    def told(self, seconds=SECONDS):
        """The next object. Closed at the end of the stream, Silence after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            opcode, content = self.frame(max(0.0, deadline - time.monotonic()))
            if opcode == TEXT:
                return json.loads(content.decode())

    def until(self, satisfies, seconds=SECONDS):
        """The next object for which `satisfies` is true; those before it are dropped."""
        deadline = time.monotonic() + seconds
        while True:
            told = self.told(max(0.0, deadline - time.monotonic()))
            if satisfies(told):
                return told

    def rest(self, seconds=SECONDS):
        """(code of the close frame or None, all objects) until the server ends the connection; Silence if it does not.
        """
        deadline, code, objects = time.monotonic() + seconds, None, []
        try:
            while True:
                opcode, content = self.frame(max(0.0, deadline - time.monotonic()))
                if opcode == TEXT:
                    objects.append(json.loads(content.decode()))
                elif opcode == CLOSE:
                    code = int.from_bytes(content[:2], "big")
        except ConnectionError:
            return code, objects
