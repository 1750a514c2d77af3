"""Well-behaved clients, which ping and talk a little, within the rate, and measure how long that takes.

They are in a process of their own, so that other work of a test does not disturb the measurement. They also ping an
echo program, which does nothing else: its latency is that of the machine at the moment.
"""
import collections
import contextlib
import multiprocessing
import os
import re
import selectors
import socket
import struct
import time

from parley.conformance.targets import PROTOCOLS
from stress import framed
from stress.proofs.clients import Client

PEOPLE = 100
ECHO, ECHOES = "echo", 20  # the name of the echo program in figures, and the number of connections to it
PAUSE = 0.005  # seconds between two actions, by the clients in turn: each pings twice a second
TALK_EVERY = 41  # one action in so many is a message to all; no divisor of PEOPLE, so that each client has a turn
PATIENCE = 30.0  # seconds for an answer that should come at once
CHUNK = 1 << 18

_UNKNOWN = b"{'purpose': '~ping'}"
# The ping of each protocol, and bytes that only its answer contains. Protocols without a ping use a message without a
# text, a message to an unknown user (which the hub has to answer), or an unknown purpose.
PINGS = {
    "line": (b"PING\n", b"PONG\n"),
    "binary": (struct.pack("!BIII10sI", 1, 211, 0, 4, b"", 0) + b"7.25", struct.pack("!BI", 1, 212)),
    "padded": (b"%-64d" % 0, b"Msg received"),
    "delimited": (b"", b"\0\6" + bytes(36)),
    "dollar": (b"$%-10d%b$" % (len(_UNKNOWN), _UNKNOWN), b"~ping"),
    ECHO: (b"~ping\n", b"~ping\n"),
}
_SAID = re.compile(rb"said ([0-9]+)\.")

Seen = collections.namedtuple("Seen", "pings talk ended lost")
Seen.__doc__ = """What happened since the last report.

pings: [(seconds, protocol or ECHO)], one for each round trip. talk: [seconds until a message was received]. ended: a
text for each connection that ended. lost: how many pings were not answered, or messages not received, within PATIENCE.
"""

_fork = multiprocessing.get_context("fork")


@contextlib.contextmanager
def going_on(server):
    """The clients ping and talk during the block; gives a Crowd."""
    ours, theirs = _fork.Pipe()
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(ECHOES)
        echo = _fork.Process(target=_echo, args=(door,))
        process = _fork.Process(target=_run, args=(server, door.getsockname(), theirs))
        echo.start()
        process.start()
    theirs.close()
    try:
        ours.recv()  # all are in
        yield Crowd([process.pid, echo.pid], ours)
    finally:
        with contextlib.suppress(OSError):
            ours.send(False)
        process.join(PATIENCE)
        process.terminate()
        echo.terminate()
        echo.join()


class Crowd:
    """The test's view of these clients. pids: of their process, and of the echo program."""

    def __init__(self, pids, conductor):
        self.pids = pids
        self._conductor = conductor

    def told(self):
        """What happened since the last report: a Seen."""
        self._conductor.send(True)
        return Seen(*self._conductor.recv())


def _echo(door):
    """A server that sends back what it is sent, to as many as connect, until one of them leaves."""
    os.setsid()  # as below
    with selectors.DefaultSelector() as selector, contextlib.suppress(ConnectionError):
        selector.register(door, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is door:
                    sock, _ = door.accept()
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(sock, selectors.EVENT_READ)
                elif not key.fileobj.send(key.fileobj.recv(CHUNK)):
                    return


def _run(server, echo, conductor):
    os.setsid()  # with automatic groups (autogroup), Linux shares out CPU time among sessions
    with contextlib.ExitStack() as stack:
        people = [_Bystander(stack.enter_context(_enter(server, number)), number) for number in range(PEOPLE)]
        at_echo = [_Bystander(stack.enter_context(_Echoed(echo)), number) for number in range(ECHOES)]
        people = _People(people, at_echo)
        conductor.send(True)
        while people.go_on_until_told(conductor):
            conductor.send(people.seen())


def _enter(server, number):
    """Log in client `number`. Those of `dollar` are the last, as each later login would push a new list to them."""
    protocol, slot = PROTOCOLS[number * len(PROTOCOLS) // PEOPLE], number % server.workers
    if protocol != "line":
        return framed.enter(server, protocol, "by%d" % number, slot)
    client = Client(server.worker_address(slot), "by%d" % number)
    client.protocol = protocol
    return client


class _Echoed:
    """A connection to the echo program."""

    protocol = name = ECHO
    frame = None  # it only pings

    def __init__(self, address):
        self.sock = socket.create_connection(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.sock.close()


class _Bystander:
    """One client.

    due: for each unanswered ping, when it was due; None for a text that has the same answer as a ping.
    """

    def __init__(self, client, number):
        self.sock = client.sock
        self.sock.setblocking(False)
        self.protocol = client.protocol
        self.name = client.name
        self.due = collections.deque()
        self._say = (lambda text: b"MSG %b\n" % text.encode()) if self.protocol == "line" else client.frame
        self._ping, self._mark = PINGS[self.protocol]
        if self.protocol == "delimited":
            data = b"by%d|||nobody|||~ping" % number
            self._ping = b"\0\2" + len(data).to_bytes(40, "big") + data
        self._held = b""

    def ping(self, due):
        self.due.append(due)
        self.sock.send(self._ping)

    def say(self, text):
        if self.protocol == "padded":
            self.due.append(None)
        self.sock.send(self._say(text))

    def hear(self):
        """(the bytes that have come, the number of answers that they complete)."""
        data = self.sock.recv(CHUNK)
        if not data:
            raise ConnectionError("it was ended, after %r" % self._held[-80:])
        heard = self._held + data
        answers = heard.count(self._mark)
        self._held = heard[1 - len(self._mark):]
        return data, answers


class _People:
    def __init__(self, people, at_echo):
        self._people = people
        self._at_echo = at_echo
        self._ear = people[0]  # it never talks; its stream shows when messages arrive
        self._overheard = b""
        self._said = {}  # number of a message -> when it was said
        self._number = 0
        self._there = {*people, *at_echo}
        self._forget()

    def _forget(self):
        self._pings, self._talk, self._ended = [], [], []

    def seen(self):
        """The report; what is not answered by now counts as lost."""
        lost = len(self._said) + sum(len(person.due) for person in self._there)
        result = tuple(Seen(self._pings, self._talk, self._ended, lost))
        self._forget()
        self._said.clear()
        return result

    def go_on_until_told(self, conductor):
        """Ping and talk until a report is asked for, and all is answered. Returns False if told to end."""
        with selectors.DefaultSelector() as selector:
            selector.register(conductor, selectors.EVENT_READ)
            for person in self._there:
                selector.register(person.sock, selectors.EVENT_READ, person)
            due = time.monotonic()
            while not self._listen(selector, max(0.0, due - time.monotonic())):
                while due <= time.monotonic():
                    self._do_next(due)
                    self._ping(self._at_echo[self._number % ECHOES], due)
                    due += PAUSE
            if not conductor.recv():
                return False
            selector.unregister(conductor)
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline and (self._said or any(person.due for person in self._there)):
                self._listen(selector, 0.1)
        return True

    def _do_next(self, due):
        self._number += 1
        person = self._people[self._number % PEOPLE]
        if person not in self._there:
            return
        if self._number % TALK_EVERY or person is self._ear:
            self._ping(person, due)
            return
        self._said[self._number] = time.monotonic()
        try:
            person.say("said %d." % self._number)
        except OSError as error:
            self._lose(person, error)

    def _ping(self, person, due):
        """Ping; measured from when it was due if others are unanswered, so that a wait counts for each of them."""
        try:
            person.ping(due if person.due else time.monotonic())
        except OSError as error:
            self._lose(person, error)

    def _listen(self, selector, seconds):
        """Read from all connections that have data; returns whether the conductor has sent something."""
        told = False
        for key, _ in selector.select(seconds):
            person = key.data
            if person is None:
                told = True
                continue
            try:
                data, answers = person.hear()
            except OSError as error:
                selector.unregister(person.sock)
                self._lose(person, error)
                continue
            now = time.monotonic()
            for _ in range(min(answers, len(person.due))):  # a good-bye may look like one answer more
                due = person.due.popleft()
                if due is not None:
                    self._pings.append((now - due, person.protocol))
            if person is self._ear:
                self._overhear(data, now)
        return told

    def _overhear(self, data, now):
        lines, _, self._overheard = (self._overheard + data).rpartition(b"\n")
        for number in map(int, _SAID.findall(lines)):
            if number in self._said:
                self._talk.append(now - self._said.pop(number))

    def _lose(self, person, error):
        self._ended.append("%s of %s: %s" % (person.name, person.protocol, error))
        self._there.discard(person)
        self._said.clear()
