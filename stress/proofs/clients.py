"""Clients of the `line` protocol that see every byte: one at a time, or a crowd in one thread.

Lines are bytes without their end. Every wait has a deadline; a client that waits in vain raises `Silence`.
"""
import collections
import contextlib
import itertools
import selectors
import socket
import struct
import time

SECONDS = 30.0  # for anything that should happen at once: generous, because the machine may be busy
CHUNK = 65536

_numbers = itertools.count(1)


class Silence(AssertionError):
    """The expected message did not come in time; the text shows what came instead."""


class Closed(ConnectionError):
    """The server has ended the connection."""


class Connected:
    """A client's socket, of any protocol. Ends its connection when a `with` block does."""

    def __init__(self, sock):
        self.sock = sock
        self.name = None

    def fileno(self):
        """For a selector."""
        return self.sock.fileno()

    def send(self, data):
        """Send raw bytes."""
        self.sock.settimeout(SECONDS)
        self.sock.sendall(data)

    def _received(self, deadline, unfinished):
        """The next bytes; Silence if none come in time, Closed at the end of the stream. unfinished: for its text."""
        left = deadline - time.monotonic()
        try:
            if left <= 0:
                raise socket.timeout
            self.sock.settimeout(left)
            data = self.sock.recv(CHUNK)
        except socket.timeout:
            raise Silence("%r heard nothing more in time" % self.name) from None
        if not data:
            raise Closed("the connection of %r has ended, after %r" % (self.name, unfinished))
        return data

    def close(self):
        """End the connection properly."""
        self.sock.close()

    def reset(self):
        """End the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class Client(Connected):
    """One connection.

    name: logs in under it at once; None: does not log in.
    receive_buffer: bytes the kernel may keep for a client that does not read; None is the kernel's choice.
    source: the host to come from, such as 127.0.0.2; None is the kernel's choice.
    """

    def __init__(self, address, name=None, receive_buffer=None, source=None):
        super().__init__(connected(address, receive_buffer, source))
        self.name = name
        self.address = address
        self._held = b""
        self._lines = []
        if name is not None:
            self.expect("OK", after="LOGIN " + name)

    # ---- speaking

    def say(self, *lines):
        """Send lines (text), all in one segment."""
        self.send("".join(line + "\n" for line in lines).encode())

    def send_until_stuck(self, data, seconds=0.5):
        """Send until the other side takes nothing for `seconds`. Returns how many bytes it has taken."""
        self.sock.settimeout(seconds)
        sent = 0
        with contextlib.suppress(socket.timeout):
            while sent < len(data):
                sent += self.sock.send(data[sent:sent + CHUNK])
        return sent

    # ---- listening

    def line(self, seconds=SECONDS):
        """The next line. Closed at the end of the stream, Silence after `seconds`."""
        deadline = time.monotonic() + seconds
        while not self._lines:
            self._receive(deadline)
        return self._lines.pop(0)

    def _receive(self, deadline):
        *lines, self._held = (self._held + self._received(deadline, self._held)).split(b"\n")
        self._lines += lines

    def expect(self, *lines, after=None, seconds=SECONDS):
        """The next lines must be these (text); `after` is said first."""
        if after is not None:
            self.say(after)
        for line in lines:
            heard = self.line(seconds)
            assert heard == line.encode(), "expected %r, heard %r" % (line, heard)

    def until(self, last, seconds=SECONDS):
        """All lines before the line `last` (text), which must come."""
        deadline = time.monotonic() + seconds
        heard = []
        while True:
            try:
                line = self.line(max(0.0, deadline - time.monotonic()))
            except (Silence, OSError) as error:
                raise Silence("%r waited for %r: %s; heard %d lines, the last of them %r" % (
                    self.name, last, error, len(heard), heard[-3:])) from None
            if line == last.encode():
                return heard
            heard.append(line)

    def heard(self, seconds=SECONDS):
        """All lines up to now in the hub's order; a direct message to itself marks that point."""
        mark = "now-%d" % next(_numbers)
        self.say("DM %s %s" % (self.name, mark))
        return self.until("DM %s %s" % (self.name, mark), seconds)

    def rest(self, seconds=SECONDS):
        """All lines until the server ends the connection, a reset included; Silence if it does not."""
        deadline = time.monotonic() + seconds
        heard = []
        with contextlib.suppress(ConnectionError):
            while True:
                heard.append(self.line(max(0.0, deadline - time.monotonic())))
        return heard


def connected(address, receive_buffer=None, source=None):
    """A socket; see `Client`."""
    family, kind, _, _, where = socket.getaddrinfo(*address[:2], type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind)
    try:
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            sock.bind((source, 0))
        sock.settimeout(SECONDS)
        sock.connect(where)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


@contextlib.contextmanager
def clients(addresses, names):
    """Logged-in clients, one a name, over the addresses in turn; closed at the end of the block."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Client(address, name)) for name, address in zip(names, itertools.cycle(addresses))]


class Crowd:
    """Many clients that speak and listen at the same time, in one thread.

    The last member only listens. The others speak in turn, a line each, and no more than `in_flight` lines ahead of
    what it has heard, so that what they say really mixes.
    """

    def __init__(self, members, in_flight=100):
        self.heard = {client: bytearray() for client in members}  # everything received
        self._lines = dict.fromkeys(members, 0)  # how many that is
        self._listener = members[-1]
        self._in_flight = in_flight

    def run(self, speeches, lines, seconds):
        """Let each client of `speeches` say its lines (bytes), until each of `lines` has heard so many lines in all.

        Silence if that takes longer than `seconds`.
        """
        unsaid = collections.deque((client, iter(speech)) for client, speech in speeches.items())
        most = self._lines[self._listener] + self._in_flight
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for client in self.heard:
                selector.register(client, selectors.EVENT_READ)
            said = 0
            while unsaid or any(self._lines[client] < wanted for client, wanted in lines.items()):
                if time.monotonic() > deadline:
                    raise Silence("missing after %g s: %s" % (seconds, sorted(
                        (client.name, wanted - self._lines[client]) for client, wanted in lines.items())[-5:]))
                while unsaid and said < most:
                    said += self._speak(unsaid)
                for key, _ in selector.select(1.0):
                    self._listen(key.fileobj)
                most = self._lines[self._listener] + self._in_flight

    @staticmethod
    def _speak(unsaid):
        """Let the next client say a line; returns how many it said, 0 or 1."""
        client, speech = unsaid.popleft()
        line = next(speech, None)
        if line is None:
            return 0
        client.send(line)
        unsaid.append((client, speech))
        return 1

    def _listen(self, client):
        data = client.sock.recv(CHUNK)
        if not data:
            raise Closed("the server has ended the connection of %r" % client.name)
        self.heard[client] += data
        self._lines[client] += data.count(b"\n")
