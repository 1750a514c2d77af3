"""The load generator: several processes of `bench.generator`, which get their commands at the same time."""
import collections
import contextlib
import itertools
import multiprocessing
import os
import signal
import time

from bench.generator import Newcomer, Process
from bench.wires import WIRES
from stress.usage import cpu_seconds

LEAD = 0.05  # seconds from the command to the moment at which all processes begin

_fork = multiprocessing.get_context("fork")

Outcome = collections.namedtuple("Outcome", "texts deliveries cpu wall p50 p99 missing disordered differing")
Outcome.__doc__ = """The figures of one talk.

cpu: seconds of the server's processes. wall: seconds from the first text to the last delivery.
p50, p99: seconds from when a text was due until it was heard.
missing, disordered: see `bench.generator.Heard`. differing: how many members have heard other bytes than the rest.
"""


class Broken(Exception):
    """It cannot be measured: a member could not log in, was disconnected, or had no answer."""


class Crowd:
    """Members of a chat, who talk and listen. processes: over how many they are distributed."""

    def __init__(self, processes):
        inboxes = [os.pipe() for _ in range(processes)]
        pipes = [_fork.Pipe() for _ in range(processes)]
        self._controls = [ours for ours, _ in pipes]
        self._asked = 0  # number of commands so far
        self._processes = []
        for number, (_, theirs) in enumerate(pipes):
            self._processes.append(_fork.Process(
                target=_be_process, args=(number, theirs, inboxes, self._controls), daemon=True))
            self._processes[-1].start()
        for (_, theirs), ends in zip(pipes, inboxes):
            theirs.close()
            for end in ends:
                os.close(end)
        self.pids = [process.pid for process in self._processes]

    def close(self):
        """End all processes."""
        for control in self._controls:
            control.close()
        for process in self._processes:
            process.join(5)
            process.terminate()

    def enter(self, newcomers, at_once=32, seconds=60):
        """Log these members in, `at_once` at a time. Returns how many seconds that took."""
        began = time.monotonic()
        self._ask("enter", [(share, -(-at_once // len(self._controls)), seconds) for share in self._shares(newcomers)])
        return time.monotonic() - began

    def leave(self, those):
        """Disconnect the members that have logged in last."""
        self._ask("leave", [(len(share),) for share in self._shares(those)])

    def clear(self):
        """Disconnect all members."""
        self._ask("clear", [()] * len(self._controls))

    def settle(self, seconds=60):
        """Wait until no member has received anything for a while."""
        self._ask("settle", [(seconds,)] * len(self._controls))

    def saturate(self, pids, speakers, seconds, window):
        """An Outcome: the `speakers` talk as fast as they can, at most `window` texts ahead of what all have heard."""
        return self._talk("saturate", pids, speakers, seconds, window)

    def pace(self, pids, speakers, seconds, rate):
        """An Outcome: the `speakers` say `rate` texts a second."""
        return self._talk("pace", pids, speakers, seconds, rate)

    def _talk(self, how, pids, speakers, seconds, measure):
        self._ask("begin", [(speakers,)] * len(self._controls))
        start, before = time.monotonic() + LEAD, cpu_seconds(pids)
        said = {}
        for part in self._ask(how, [(start, seconds, measure, speakers)] * len(self._controls)):
            said.update(part)
        heard = self._ask("drain", [(said,)] * len(self._controls))
        cpu = cpu_seconds(pids) - before
        sums = collections.defaultdict(set)
        for wire, checksum in set().union(*(part.sums for part in heard)):
            sums[wire].add(checksum)
        latencies = sorted(latency for part in heard for latency in part.latencies) or [0]
        return Outcome(
            sum(said.values()), sum(part.texts for part in heard), cpu, max(part.last for part in heard) - start,
            latencies[len(latencies) // 2] / 1e6, latencies[len(latencies) * 99 // 100] / 1e6,
            sum(part.missing for part in heard), sum(part.disordered for part in heard),
            sum(len(different) - 1 for different in sums.values()))

    def _shares(self, everybody):
        """Divide the members into equal parts, with the speakers in few of them, so that they talk at the same time."""
        ordered, several = sorted(everybody, key=lambda one: one.speaker is None), len(self._controls)
        return [ordered[len(ordered) * number // several:len(ordered) * (number + 1) // several]
                for number in range(several)]

    def _ask(self, method, arguments):
        """Call a method in each process, with a tuple of arguments for each. Returns the answers."""
        self._asked += 1
        try:
            for control, those in zip(self._controls, arguments):
                control.send((self._asked, method, those))
            answers = [self._answer(control) for control in self._controls]
        except (EOFError, OSError) as error:
            raise Broken("a process of the load is gone: %r" % error) from None
        for error, _ in answers:
            if error:
                raise Broken(error)
        return [result for _, result in answers]

    def _answer(self, control):
        """(error or None, result) of the last command; answers to earlier ones are dropped."""
        while True:
            asked, error, result = control.recv()
            if asked == self._asked:
                return error, result


def _be_process(number, control, inboxes, controls):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when its end of the control pipe is closed
    for other in controls:
        other.close()
    Process(number, control, inboxes).run()


@contextlib.contextmanager
def crowd(processes):
    """A context: a Crowd, which is closed at its end."""
    everybody = Crowd(processes)
    try:
        yield everybody
    finally:
        everybody.close()


def newcomers(count, speakers, address, wires, joins=True, first=0):
    """`count` clients of these protocols in turn; and `speakers` of the first protocol, some of them or further ones.

    address: gives (host, port) for a protocol. joins: do they listen? first: the number in the first one's name.
    """
    found = [Newcomer(b"n%05d" % (first + index), address(wire), wire, joins, None)
             for index, wire in zip(range(count), itertools.cycle(wires))]
    if WIRES[wires[0]].speaks_only:
        return found + [
            Newcomer(b"s%05d" % number, address(wires[0]), wires[0], False, number) for number in range(speakers)]
    able = range(0, count, len(wires))
    for number in range(speakers):
        index = able[number * len(able) // speakers]
        found[index] = found[index]._replace(speaker=number)
    return found
