"""Several nodes on one engine, each with processes that can be killed or stopped, and a link that can be cut."""
import contextlib
import os
import signal

from stress.cluster.relay import OPEN, Relay

SILENCE = 6  # seconds, after which a node is taken for dead


class Nodes:
    """`count` nodes of one chat, each with a relay to the engine; they end with the block.

    A subclass has `start(node)`, `end(node)`, which may be called for a node that has ended, `runs(node)`, `pids(node)`
    and `address(node, protocol)`, which raises Closed while the node is being restarted. It may have `kinds` of
    processes that can be killed or stopped alone: then `pid_of(node, kind, chance)` chooses one.
    """

    kinds = ()

    def __init__(self, engine, count=2):
        self.count = count
        self.relays = []
        self._engine = engine
        self._frozen = set()

    def __enter__(self):
        servers, sentinels = [[one.port for one in some] for some in (self._engine.servers, self._engine.sentinels)]
        try:
            for node in range(self.count):
                self.relays.append(Relay(servers, sentinels))
                self.start(node)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self.thaw()
        for node in range(self.count):
            self.end(node)
        for relay in self.relays:
            relay.close()

    def sentinels_of(self, node):
        """The ports at which this node finds the Sentinels."""
        return [self.relays[node].ports[one.port] for one in self._engine.sentinels]

    def forget(self):
        """Make the nodes forget what is not in the engine, if that can be done."""

    def name(self, node):
        return "abcdefghijklmnop"[node]

    # ---- what can be done to it

    def kill(self, *pids):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def freeze(self, *pids):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self._frozen.add(pid)

    def thaw(self):
        """Resume all frozen processes that still run."""
        while self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._frozen.pop(), signal.SIGCONT)

    def mend(self):
        """Resume, reconnect and restart all nodes."""
        self.thaw()
        for node, relay in enumerate(self.relays):
            relay.do(OPEN)
            if not self.runs(node):
                self.end(node)
                self.start(node)
