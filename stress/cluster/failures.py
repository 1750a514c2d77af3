"""Failures of nodes and of their engine: each is caused, lasts for a while, and is repaired."""
import contextlib
import time

from parley.conformance.engine import EngineError, wait_until
from stress.cluster.nodes import SILENCE
from stress.cluster.relay import CUT, HANG

WHILE_CUT = (0.2, 1.0)  # seconds in which the master takes writes that do not reach the replica
SHORT = (0.2, 3.0)  # seconds, too short for any process to be taken for dead
LONG = (SILENCE + 1.0, SILENCE + 3.0)

# Behind a cut link a promoted replica has less than its master acknowledged: only these show what a log loses.
# In the last one the old master is made a replica that follows nobody: it still has what only it has acknowledged.
BEHIND_A_CUT = ("cut, failover", "cut, kill master", "cut, freeze master", "cut, failover, cut")
# While the old master is away, nodes read from its successor; when it is back it has less than they have heard.
AWAY = ("kill master for a while", "freeze master for a while")
OF_THE_ENGINE = (*BEHIND_A_CUT, *AWAY, "kill master", "freeze master", "failover", "kill replica", "freeze replica",
                 "cut", "drop connections")
OF_ONE_SERVER = ("restart engine", "freeze engine", "drop connections")  # for an engine without a replica
OF_A_NODE = ("kill node", "freeze node", "cut off node", "hang node's network")
FOR_LONG = ("freeze node for long", "cut off node for long")  # so that the others bury it


class Failures:
    """Causes failures of an `Engine` and of `Nodes`, and records them. chance: random numbers for the details."""

    def __init__(self, engine, nodes, record, chance):
        self._engine = engine
        self._nodes = nodes
        self._record = record
        self._chance = chance

    @property
    def kinds(self):
        """The names of all failures that can be caused; those of single processes end with the process."""
        of_the_engine = OF_THE_ENGINE if self._engine.sentinels else OF_ONE_SERVER
        return (*of_the_engine, *OF_A_NODE, *FOR_LONG, *["%s %s" % (verb, kind) for kind in self._nodes.kinds
                                              for verb in ("kill", "freeze")])

    def make(self, kind):
        """Cause a failure, wait until the engine has reacted, and repair everything."""
        self._record.fail(kind)
        if kind in OF_THE_ENGINE + OF_ONE_SERVER:
            self._harm_engine(kind)
        else:
            self._harm_node(kind, self._chance.randrange(self._nodes.count))
        self._engine.mend()
        self._nodes.mend()

    def _harm_engine(self, kind):
        engine, master = self._engine, self._engine.master()
        if kind.startswith("cut"):
            engine.cut_replication()
            self._last(WHILE_CUT)
        if "kill master" in kind or "freeze master" in kind:
            master.kill() if "kill" in kind else master.freeze()
            wait_until(lambda: engine.master() is not master, "the replica is not promoted")
            if kind in AWAY:
                self._last(SHORT)
        elif "failover" in kind:
            engine.failover()
            if kind.endswith("cut"):
                engine.cut_replication()
                self._last(WHILE_CUT)
        elif kind.endswith("replica"):
            engine.replica().kill() if "kill" in kind else engine.replica().freeze()
            self._last(SHORT)
        elif kind.endswith("engine"):
            master.kill() if "restart" in kind else master.freeze()
            self._last(SHORT)
        elif kind == "drop connections":
            for server in engine.servers:
                with contextlib.suppress(OSError, EngineError):
                    server.ask("CLIENT", "KILL", "TYPE", "normal")

    def _harm_node(self, kind, node):
        nodes, harm = self._nodes, kind.split(" for long")[0]
        if harm == "kill node":
            nodes.kill(*nodes.pids(node))
        elif harm == "freeze node":
            nodes.freeze(*nodes.pids(node))
        elif harm in ("cut off node", "hang node's network"):
            nodes.relays[node].do(CUT if harm == "cut off node" else HANG)
        else:
            verb, _, process = harm.partition(" ")
            pid = nodes.pid_of(node, process, self._chance)
            nodes.kill(pid) if verb == "kill" else nodes.freeze(pid)
        self._last(LONG if kind in FOR_LONG else SHORT)

    def _last(self, seconds):
        time.sleep(self._chance.uniform(*seconds))  # no synchronisation: it is the time that is tried
