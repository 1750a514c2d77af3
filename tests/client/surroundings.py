"""What the client's tests share: an address that stays while a server is restarted, and how to wait for what comes."""
import contextlib
import os
import socket
import threading
import time
import weakref

from parley.client import Failed, Users
from parley.conformance.targets import launch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROTOCOLS = ("line", "binary", "padded", "delimited", "dollar")
USERS = {"Alice": "123", "Bob": "456"}
SECONDS = 60  # before it is thought to hang; a client may itself wait for half of that before it tries again


_unheard = weakref.WeakKeyDictionary()  # chat -> the events that came together with one that was waited for


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


class Doorway:
    """An address that stays, whatever server is behind it, and refuses while there is none.

    Its port is held by a socket that does not listen, so nobody else gets it meanwhile.
    """

    def __init__(self):
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._holder.bind(("127.0.0.1", 0))
        self.address = self._holder.getsockname()
        self._listener, self._outside, self._inside = None, [], []
        self._is_deaf = False
        self._turning = threading.Lock()  # nobody comes in while it is shut

    def lead_to(self, address):
        """From now on, to a server at `address`."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._listener.bind(self.address)
        self._listener.listen(16)
        threading.Thread(target=self._accept, args=(self._listener, address), daemon=True).start()

    def deafen(self):
        """From now on nothing that clients say gets in."""
        self._is_deaf = True

    def shut(self, keep_inside=False):
        """Nobody comes in, and whoever is in has to leave; keep_inside: without the server's noticing."""
        with self._turning:
            ended, self._outside = ([self._listener] if self._listener else []) + self._outside, []
            self._listener = None
        _end(ended)
        self._is_deaf = False
        if not keep_inside:
            self.forget()

    def forget(self):
        """The server notices that those who had to leave are gone."""
        _end(self._inside)
        self._inside = []

    def close(self):
        self.shut()
        self._holder.close()

    def _accept(self, listener, address):
        with contextlib.suppress(OSError):
            while True:
                outside = listener.accept()[0]
                with self._turning:
                    if self._listener is not listener:  # it was shut behind this one
                        _end([outside])
                        return
                    self._outside.append(outside)
                inside = socket.create_connection(address)
                self._inside.append(inside)
                threading.Thread(target=self._carry_in, args=(outside, inside), daemon=True).start()
                threading.Thread(target=self._carry_out, args=(inside, outside), daemon=True).start()

    def _carry_in(self, outside, inside):
        with contextlib.suppress(OSError):
            for data in iter(lambda: outside.recv(65536), b""):
                if not self._is_deaf:
                    inside.sendall(data)
            if outside in self._outside:  # the client's end, and not the doorway's
                inside.shutdown(socket.SHUT_WR)

    def _carry_out(self, inside, outside):
        with contextlib.suppress(OSError):
            for data in iter(lambda: inside.recv(65536), b""):
                outside.sendall(data)
            outside.shutdown(socket.SHUT_RDWR)


def _end(socks):
    for sock in socks:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


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
        _end([self._listener] + self._visitors)


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
