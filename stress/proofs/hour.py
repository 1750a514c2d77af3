"""For an hour, clients of all protocols come and go under new long names: no process keeps growing."""
import contextlib
import os
import struct
import tempfile
import time

from parley.conformance.targets import PROTOCOLS, launch
from stress.proofs import demand
from stress.proofs.clients import CHUNK, Client
from stress.proofs.processes import children, descriptors, resident, wait_until
from stress.proofs.soak import slope
from stress.proofs.voices import Delimited, Line, Padded

ALLOWED = 1024  # bytes in 1000 operations
# Visits before the measurement, which fill what is bounded: the talk of the lobby and conversations, 6 MiB each.
THAT_FILL = 30000
SETTLING = 1 / 6  # of the time, which does not count either: the database's cache fills, and freed memory is reused
PAUSE = 0.005  # seconds between two visits, so that the machine can do something else as well
SAMPLES = 120
EVERY = 1.0  # seconds between two reads by the listeners, which would be ended as slow readers otherwise

# All visitors have one address, which would meet these limits.
LIMITS = {"messages_per_second": 0}


def prove(say, minutes=60):
    """Log in, talk, ask and leave, again and again, each time under a new name of more than ten bytes."""
    with contextlib.ExitStack() as stack:
        directory = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="hour-")), "storage")
        storage = {"directory": directory, "sync": "system", "keep_messages": 10000}
        houses = [
            _House("without storage", stack, {"limits": LIMITS}),
            _House("with storage", stack, {"limits": LIMITS, "storage": storage})]
        looked = 0

        def visit(number):
            nonlocal looked
            for house in houses:
                house.visit(number)
            if time.monotonic() > looked + EVERY:
                looked = time.monotonic()
                for house in houses:
                    house.listen()

        for number in range(THAT_FILL):
            visit(number)
        for house in houses:
            house.begin()
        began = time.monotonic()
        for sample in range(1, SAMPLES + 1):
            until = began + 60 * minutes * sample / SAMPLES
            while time.monotonic() < until:
                number += 1
                visit(number)
                time.sleep(PAUSE)
            for house in houses:
                house.sample()
        grown = [growth for house in houses for growth in house.grown(say)]
        demand(max(grown) <= ALLOWED, "a process grows by %.0f bytes in 1000 operations", max(grown))


class _House:
    """A server with two listeners, and the sizes of its processes."""

    def __init__(self, what, stack, config):
        self._what = what
        self._operations = [0]  # the number of operations at each sample
        self._server = stack.enter_context(launch(2, dict(config, idle_timeout=0), protocols=PROTOCOLS))
        # This client is shown long names by aliases; the others get them as they are.
        self._listeners = [stack.enter_context(Client(self._server.address("binary")))]
        self._listeners[0].send(_frame(200, b"listener"))
        self._listeners.append(stack.enter_context(Client(self._server.address(), "observer")))
        self._pids = [self._server.pid, *children(self._server.pid)]
        self._descriptors = {pid: descriptors(pid) for pid in self._pids}
        self._sizes = {pid: [] for pid in self._pids}

    def begin(self):
        """Begin to count."""
        self._operations = [0]

    def visit(self, number):
        """A new client logs in, in one protocol after the other, and does what clients of that protocol do."""
        name = b"somebody-else-%d" % number
        operations = (self._by_line, self._by_binary, self._by_padded, self._by_delimited)[number % 4](name, number)
        self._operations[-1] += operations

    def _by_line(self, name, number):
        with Line(self._server.address(), name) as line:
            line.enter()
            line.say(None, b"hello %d" % number)
            for listener in (b"observer", b"listener"):
                line.say(listener, b"psst")
            line.ask(b"HISTORY 5")
            line.ask(b"WHO")
        return 7

    def _by_binary(self, name, number):
        client = Client(self._server.address("binary"))
        for code, content in ((200, name), (100, b"hello %d" % number), (203, b""), (202, name + b"-renamed")):
            client.send(_frame(code, content))
        client.close()
        return 5

    def _by_padded(self, name, number):
        with Padded(self._server.address("padded"), name) as padded:
            padded.say(None, b"hello %d" % number)
            padded.name = name + b"-renamed"
            padded.say(None, b"hello again")
        return 4

    def _by_delimited(self, name, number):
        """An account is made, gets a message while its owner is away, and is deleted."""
        with Delimited(self._server.address("delimited"), name) as delimited:
            delimited.create()
        with Line(self._server.address(), b"writes-to-" + name) as line:
            line.enter()
            line.say(name, b"for later %d" % number)
        with Delimited(self._server.address("delimited"), name) as delimited:
            delimited.enter()
            delimited.deliver()
            delimited.delete()
        return 9

    def listen(self):
        """Read and drop what the listeners have received."""
        for listener in self._listeners:
            listener.sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while listener.sock.recv(CHUNK):
                    pass

    def sample(self):
        """Note the sizes of all processes."""
        for pid in self._pids:
            self._sizes[pid].append(resident(pid))
        self._operations.append(self._operations[-1])

    def grown(self, say):
        """Bytes that each process grows in 1000 operations. Also waits until all descriptors are closed."""
        first = int(SAMPLES * SETTLING)
        thousands = (self._operations[-1] - self._operations[first]) / (SAMPLES - first) / 1000
        say("%s: %d operations" % (self._what, self._operations[-1]))
        wait_until(lambda: self._descriptors == {pid: descriptors(pid) for pid in self._pids})
        for place, sizes in enumerate(self._sizes.values()):
            growth = slope(sizes[first:]) / thousands
            say("%s: process %d: %s KiB of its own in each sixth of the time, slope %+.0f bytes in 1000 operations" % (
                self._what, place, ", ".join(str(size // 1024) for size in sizes[first - 1::first]), growth))
            yield growth


def _frame(code, content):
    return struct.pack("!BIII10sI", 1, code, 0, len(content), b"", 0) + content
