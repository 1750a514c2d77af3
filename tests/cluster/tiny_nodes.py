"""Nodes that are tiny servers, of the naive or of the right kind, and people who talk to them."""
import contextlib
import os
import subprocess
import sys

from parley.conformance.targets import end_with_us
from stress.cluster.nodes import Nodes
from stress.cluster.people import Contender, Historian, Listener, Speaker
from stress.proofs.clients import Closed
from stress.proofs.voices import Line

TINY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny.py")


class Told(Line):
    """`line`, as the tiny servers speak it: what is said is acknowledged."""

    def say(self, to, text):
        self._send(b"MSG " + text)
        return self._until(self._accepted)


class TinyNodes(Nodes):
    """kind: naive or right."""

    def __init__(self, engine, kind, count=2):
        super().__init__(engine, count)
        self._kind = kind
        self._running = [None] * count

    def start(self, node):
        process = subprocess.Popen(
            [sys.executable, TINY, self._kind, self.name(node), *map(str, self.sentinels_of(node))],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, universal_newlines=True, start_new_session=True,
            preexec_fn=end_with_us)
        self._running[node] = process, int(process.stdout.readline())

    def end(self, node):
        if self._running[node]:
            process, _ = self._running[node]
            self._running[node] = None
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
            process.stdout.close()

    def address(self, node, protocol="line"):
        running = self._running[node]
        if running is None:
            raise Closed("node %d is being started again" % node)
        return "127.0.0.1", running[1]

    def runs(self, node):
        return self._running[node] is not None and self._running[node][0].poll() is None

    def forget(self):
        for node in range(self.count):
            self.end(node)
        for node in range(self.count):
            self.start(node)

    def pids(self, node):
        return [self._running[node][0].pid]


def cast(seconds, count=2):
    """At each node one who listens, one who reads the past, two who talk; and three who want one name.

    seconds: in which they want an answer.
    """
    everybody = [one for node in range(count) for one in (
        Listener("line", "ear%d" % node, node), Historian("historian%d" % node, node, ()),
        Speaker(Told, "ann%d" % node, node), Speaker(Told, "bob%d" % node, node))]
    everybody += [Contender(Told, "crown", number) for number in range(3)]
    for one in everybody:
        one.seconds = seconds
    return everybody
