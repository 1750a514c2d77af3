"""What the client's tests share: an address that stays while a server is restarted, and how to wait for what comes."""
import base64
import contextlib
import hashlib
import os
import re
import socket
import threading
import time
import weakref

from doorway import end

from parley.client import Address, Failed, Users
from parley.client.protocols import CLIENT_PROTOCOLS
from parley.conformance.targets import launch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROTOCOLS = ("line", "binary", "padded", "delimited", "web", "dollar")
USERS = {"Alice": "123", "Bob": "456"}
SECONDS = 60  # before it is thought to hang; a client may itself wait for half of that before it tries again


_unheard = weakref.WeakKeyDictionary()  # chat -> the events that came together with one that was waited for


def opened(protocol, position=None):
    """The client's side of a connection that is there, and that in `web` the server has accepted."""
    kind = CLIENT_PROTOCOLS[protocol]
    chat = kind(position or kind.POSITION())
    chat.open(Address(protocol, "chat.example", 1, False))
    if protocol == "web":
        chat.feed(accepting(chat.to_send()))
    return chat


def accepting(request, subprotocol=b"parley.1"):
    """The answer to the request of a WebSocket."""
    key = re.search(rb"(?i)\r\nsec-websocket-key: *(\S+)", request).group(1)
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: %b\r\n\r\n" % (accept, subprotocol))


def hear(chat, wanted):
    """The events until the first for which wanted(event), that one included."""
    heard, coming, deadline = [], _unheard.pop(chat, []), time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for number, event in enumerate(coming, 1):
            heard.append(event)
            if wanted(event):
                _unheard[chat] = coming[number:]
                return heard
        coming = chat.poll(0.2)
    raise AssertionError("it has not come: %s" % heard)


def enter(join, *arguments):
    """join(url, name ...), even if somebody of that name has only just left."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return join(*arguments)
        except Failed:
            if time.monotonic() > deadline:
                raise


def alone(chat):
    """Wait until nobody else is in the room, so that nobody who has only just left is seen or heard to leave."""
    deadline = time.monotonic() + SECONDS
    while True:
        chat.users()
        there = next(event.users for event in hear(chat, lambda event: type(event) is Users) if type(event) is Users)
        if {name for name, _ in there} == {chat.me}:
            return chat
        assert time.monotonic() < deadline, there


def urls(server):
    """{protocol: URL} of a launched server."""
    return {protocol: "%s://%s:%d" % ((protocol,) + tuple(server.address(protocol))) for protocol in PROTOCOLS}


class Scripted:
    """Something that listens, says its pieces to whoever comes, and nothing else.

    answers: it says each once it has been spoken to.
    """

    def __init__(self, pieces, answers=False):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(4)
        self.address = self._listener.getsockname()
        self._visitors = []
        threading.Thread(target=self._serve, args=(pieces, answers), daemon=True).start()

    def _serve(self, pieces, answers):
        with contextlib.suppress(OSError):
            while True:
                self._visitors.append(self._listener.accept()[0])
                for piece in pieces:
                    if answers:
                        self._visitors[-1].recv(65536)
                    self._visitors[-1].sendall(piece)

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        end([self._listener] + self._visitors)


class Answering(Scripted):
    """The same for `line`: it answers each command with what `answers` has for its first word, if anything."""

    def __init__(self, answers):
        self.heard = []  # the commands
        super().__init__((), answers)

    def _serve(self, pieces, answers):
        with contextlib.suppress(OSError):
            while True:
                self._visitors.append(self._listener.accept()[0])
                with self._visitors[-1].makefile("rb") as lines:
                    for line in lines:
                        self.heard.append(line.rstrip().decode())
                        self._visitors[-1].sendall(answers.get(line.split()[0], b""))


class Restarted:
    """A server behind doorways, that can be killed and started again."""

    def __init__(self, doorways, directory):
        self.doorways, self._directory, self._stack = doorways, directory, None
        self.urls = {protocol: "%s://%s:%d" % ((protocol,) + doorway.address) for protocol, doorway in doorways.items()}

    def start(self, meanwhile=None):
        """meanwhile(url of `line`) is called before anybody can come back."""
        self._stack = contextlib.ExitStack()
        self._server = self._stack.enter_context(launch(
            workers=2, protocols=PROTOCOLS, users=USERS, args=["--storage", self._directory]))
        if meanwhile:
            meanwhile("line://%s:%d" % self._server.address())
        for protocol, doorway in self.doorways.items():
            doorway.lead_to(self._server.address(protocol))

    def kill(self):
        for doorway in self.doorways.values():
            doorway.shut()
        if self._stack:
            self._stack.close()
        self._stack = None
