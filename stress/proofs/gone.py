"""The names of a node that is killed, or hangs, are free at the others within 7 s, and these hear of each once.

A client is at one of two nodes. Another asks for the same name at the other node, again and again, from the moment in
which the first node is killed or stopped.
"""
import contextlib
import random
import statistics
import time

from parley.conformance import engine
from stress.cluster.parley_nodes import ParleyNodes
from stress.proofs import demand
from stress.proofs.clients import Client
from stress.proofs.processes import wait_until

WITHIN = 7.0  # seconds
SECONDS = 60.0  # a bound against hanging
BETWEEN = (0.3, 1.5)  # seconds, as nodes are heard once a second
AGAIN = 0.02  # seconds
NAME = "bob"
LEFT = b"INFO bob disconnected"


def prove(say, kills=10, seed=None):
    """Lose so many nodes in each way."""
    demand(engine.PROGRAMS, engine.MISSING)
    chance, took = random.Random(seed), {"killed": [], "stopped": []}
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(engine.started(replica=True, sentinels=3))
        nodes = stack.enter_context(ParleyNodes(one, workers=1))
        witness = stack.enter_context(Client(nodes.address(0), "ann"))
        for _ in range(kills):
            for how in took:
                time.sleep(chance.uniform(*BETWEEN))  # no synchronisation: any moment is a good one
                took[how].append(_lose(nodes, how, witness))
                nodes.mend()
                wait_until(lambda: _serves(nodes), SECONDS, 0.1)
                witness.heard()
    for how, seconds in took.items():
        say("the names of a node that is %s are free after %.1f s (median of %d), at most %.1f" % (
            how, statistics.median(seconds), kills, max(seconds)))
    demand(max(map(max, took.values())) <= WITHIN, "it took longer than %g s", WITHIN)


def _lose(nodes, how, witness):
    """Seconds until the name of somebody at the node is free at the other, where a witness has heard of it once."""
    with Client(nodes.address(1), NAME), Client(nodes.address(0)) as other:
        witness.heard()  # that of those who had the name before
        pids, began = nodes.pids(1), time.monotonic()
        (nodes.kill if how == "killed" else nodes.freeze)(*pids)
        while True:
            other.say("LOGIN " + NAME)
            if other.line(SECONDS) == b"OK":
                break
            time.sleep(AGAIN)
        seconds, lines = time.monotonic() - began, witness.heard()
        demand(lines.count(LEFT) == 1, "it was told otherwise than once: %s", lines)
        return seconds


def _serves(nodes):
    """Is the lost node back? A name is given only once the log has it."""
    with contextlib.suppress(OSError, AssertionError), Client(nodes.address(1), "eve"):
        return True
