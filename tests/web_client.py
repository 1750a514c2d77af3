"""A small WebSocket client for real servers, written for the tests alone."""
import base64
import json
import os
import socket
import time

from web_frames import CLOSE, PING, PONG, TEXT, frame, said

from parley.conformance.wire.web import first_frame

PATIENCE = 60  # seconds, for a busy machine
_NOTHING = object()


def request(path="/", method="GET", headers=()):
    lines = ["%s %s HTTP/1.1" % (method, path), *headers]
    if not any(line.startswith("Host:") for line in lines):
        lines.append("Host: test")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def upgrade(path="/chat", headers=()):
    key = base64.b64encode(os.urandom(16)).decode()
    return request(path, headers=[
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key,
        "Sec-WebSocket-Protocol: parley.1", *headers])


def ask(address, *arguments, **named):
    """(status, {header: value}, body) of one request on a connection of its own."""
    with socket.create_connection(address, PATIENCE) as sock:
        return fetch(sock, request(*arguments, **named))


def fetch(sock, data):
    """Likewise, on a connection; of an upgrade the body is empty."""
    sock.sendall(data)
    held = b""
    while b"\r\n\r\n" not in held:
        held += _more(sock)
    head, _, body = held.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += _more(sock)
    return int(status.split()[1]), headers, body


def _more(sock):
    data = sock.recv(65536)
    assert data, "the server has closed the connection"
    return data


class WebClient:
    """closed: the code of the server's close frame, once it has come."""

    def __init__(self, address, path="/chat", headers=(), wrap=None, source=None):
        self.closed = None
        self._sock = socket.create_connection(address, PATIENCE, source and (source, 0))
        if wrap:
            self._sock = wrap(self._sock)
        status, self.headers, rest = fetch(self._sock, upgrade(path, headers))
        if status != 101:
            self._sock.close()
            raise AssertionError("no WebSocket: %d %r" % (status, rest))
        self._held = rest

    def do(self, word, **fields):
        self._sock.sendall(said(do=word, **fields))

    def send(self, data):
        self._sock.sendall(data)

    def next(self):
        """The next object; None at the end of the connection. Pings are answered on the way."""
        while True:
            found = self._frame()
            if found is None:
                return None
            opcode, content = found
            if opcode == TEXT:
                return json.loads(content.decode())
            if opcode == PING:
                self.send(frame(content, PONG))
            elif opcode == CLOSE:
                self.closed = int.from_bytes(content[:2], "big")

    def until(self, on, **fields):
        """The next object of this kind with these fields; those before it are forgotten."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.next()
            assert found is not None, "the connection has ended before %s" % on
            if found["on"] == on and all(found.get(name, _NOTHING) == value for name, value in fields.items()):
                return found
        raise AssertionError("no %s" % on)

    def answer(self, word, **fields):
        """What a command is answered."""
        self.do(word, id="~", **fields)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.next()
            assert found is not None, "the connection has ended before the answer to %s" % word
            if found.get("id") == "~":
                return found
        raise AssertionError("no answer to %s" % word)

    def rest(self):
        """All objects to the end."""
        return list(iter(self.next, None))

    def close(self):
        self._sock.close()

    def _frame(self):
        while True:
            found = first_frame(self._held)
            if found is not None:
                opcode, _, _, content, size = found
                self._held = self._held[size:]
                return opcode, content
            data = self._sock.recv(65536)
            if not data:
                return None
            self._held += data
