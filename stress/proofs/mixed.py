"""Five protocols in one busy room: nothing lost or reordered, and what a delivery costs compared with `line` alone.

Clients that only listen, in equal parts of each protocol, and a `line` client that talks at an even pace. The same is
then done with `line` clients only, and again without `binary`, which takes a send for each frame by design.
"""
import re
import selectors
import socket
import struct
import time

from parley.conformance.targets import launch
from stress.proofs import demand
from stress.proofs.processes import children

LISTENERS = 500
MESSAGES = 300
EVERY = 0.02  # seconds between two messages
SECONDS = 60  # for everything that is waited for
MARK = re.compile(rb"=([0-9]{6})=")
EVERYTHING_BUT_TALK = {"messages_per_second": 0, "first_command_seconds": 0}


def prove(say, listeners=LISTENERS, messages=MESSAGES):
    """The three rooms, one after the other."""
    alone = room(("line",), listeners, messages)
    say("line alone: %.2f us of CPU a delivery" % alone)
    for protocols in (("line", "padded", "delimited", "dollar"), ("line", "binary", "padded", "delimited", "dollar")):
        cost = room(protocols, listeners, messages)
        say("%s: %.2f us, %.2f times that of line" % (", ".join(protocols), cost, cost / alone))


def room(protocols, listeners, messages):
    """Fill a room, talk in it, check what everybody heard; the microseconds of server CPU for each delivery."""
    config = {"limits": EVERYTHING_BUT_TALK, "idle_timeout": {"line": 0}, "accounts": {"accounts_per_address": 0}}
    with launch(workers=2, config=config, protocols=tuple({*protocols, "line", "delimited"})) as server:
        with selectors.DefaultSelector() as selector:
            talker = socket.create_connection(server.address("line"), SECONDS)
            talker.sendall(b"LOGIN talker\n")
            speaks = [protocols[number % len(protocols)] for number in range(listeners)]
            _make_accounts(server, [_name(number) for number in range(listeners) if speaks[number] == "dollar"], talker)
            heard = [_enter(server, speaks[number], _name(number), selector) for number in range(listeners)]
            _until(selector, lambda: all(client.is_in for client in heard), "not everybody could come in")
            before = _cpu(server)
            due = time.monotonic()
            for number in range(messages):
                talker.sendall(b"MSG =%06d= and some more words, as people use them\n" % number)
                due += EVERY
                while time.monotonic() < due:
                    _hear(selector, max(0.0, due - time.monotonic()))
            wanted = [b"%06d" % number for number in range(messages)]
            _until(selector, lambda: all(len(client.marks) >= messages for client in heard), "something was lost")
            spent = _cpu(server) - before
            for client in heard:
                demand(client.marks == wanted, "a %s client heard other things: %r", client.protocol, client.marks[:9])
                client.sock.close()
            talker.close()
    return spent / (messages * listeners) * 1e6


class _Client:
    """Somebody who listens. Whatever its protocol, the marks in what it hears stand there as they were sent."""

    def __init__(self, protocol, sock, sign):
        self.protocol = protocol
        self.sock = sock
        self.marks = []
        self.is_in = sign is None
        self._sign = sign
        self._rest = b""

    def hear(self):
        data = self._rest + self.sock.recv(1 << 18)
        demand(data != self._rest, "a %s client was sent away", self.protocol)
        self.is_in = self.is_in or self._sign in data
        self.marks += MARK.findall(data)
        last = data.rfind(b"=")
        self._rest = data[max(last, len(data) - 7):] if last >= 0 and MARK.match(data, last - 7) is None else data[-6:]
        if b"=" not in self._rest:
            self._rest = b""


def _name(number):
    return b"n%d" % number


def _enter(server, protocol, name, selector):
    sock = socket.create_connection(server.address(protocol), SECONDS)
    hello, sign = _HELLOS[protocol](name)
    sock.sendall(hello)
    client = _Client(protocol, sock, sign)
    sock.setblocking(False)
    selector.register(sock, selectors.EVENT_READ, client)
    return client


def _make_accounts(server, names, talker):
    """Accounts without passwords, made through `delimited`, so that nothing has to be hashed; all logged out again."""
    for name in names:
        with socket.create_connection(server.address("delimited"), SECONDS) as sock:
            sock.sendall(_delimited(name))
            demand(len(sock.recv(42)) == 42, "no account for %r", name)
    deadline, present = time.monotonic() + SECONDS, b""
    while present.count(b"USER") != 1:
        demand(time.monotonic() < deadline, "somebody did not leave")
        talker.sendall(b"WHO\nPING\n")
        present = b""
        while not present.endswith(b"PONG\n"):
            present += talker.recv(65536)


def _delimited(name):
    return b"\0\0" + len(name).to_bytes(40, "big") + name


def _dollar(name):
    data = b"{'purpose': 'login', 'username': '%b', 'password': ''}" % name
    return b"$%-10d%b$" % (len(data), data)


# What to send, and what in the answer says that it is in; None if nothing has to be sent to hear the room.
_HELLOS = {
    "line": lambda name: (b"LOGIN %b\n" % name, b"OK\n"),
    "binary": lambda name: (
        struct.pack("!BIII10sI", 1, 200, len(name), len(name), name, 0) + name, struct.pack("!I", 207)),
    "padded": lambda name: (b"", None),
    "delimited": lambda name: (_delimited(name), b"\0\6"),
    "dollar": lambda name: (_dollar(name), b"'result': True"),
}


def _hear(selector, wait):
    for key, _ in selector.select(wait):
        key.data.hear()


def _until(selector, condition, trouble):
    deadline = time.monotonic() + SECONDS
    while not condition():
        demand(time.monotonic() < deadline, trouble)
        _hear(selector, 0.1)


def _cpu(server):
    """Seconds of CPU that the server's processes have used."""
    return sum(_nanoseconds(pid) for pid in [server.pid, *children(server.pid)]) / 1e9


def _nanoseconds(pid):
    with open("/proc/%d/schedstat" % pid) as file:
        return int(file.read().split()[0])
