"""Two nodes on one Redis, people in seven protocols, and everything that fails: what is acknowledged stays, once.

The engine has a master, a replica and three Sentinels. Failures are made one after the other, in turn and in an order
that the seed decides: servers of the engine and processes of the nodes are killed or stopped, links are cut or hang,
and behind a cut link the replica takes over, which alone shows what a log loses.
"""
import contextlib
import random

from parley.conformance import engine
from stress.cluster import trial
from stress.cluster.failures import Failures
from stress.cluster.parley_nodes import ROOM, ParleyNodes, cast
from stress.proofs import demand


def prove(say, failures=200, workers=2, seed=None, sentinels=3, without=(), pace=1.0):
    """Make so many `failures`, of all kinds but some. sentinels: 0 for an engine of one server. pace: see `cast`."""
    demand(engine.PROGRAMS, engine.MISSING)
    seed = random.randrange(1 << 32) if seed is None else seed
    chance = random.Random(seed)
    say("seed %d" % seed)
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(engine.started(replica=bool(sentinels), sentinels=sentinels))
        nodes = stack.enter_context(ParleyNodes(one, workers=workers))
        kinds = [kind for kind in Failures(one, nodes, None, chance).kinds if kind not in without]
        chance.shuffle(kinds)
        chosen = [kinds[number % len(kinds)] for number in range(failures)]
        record = trial.hold(one, nodes, cast(nodes, pace), chosen, chance, rooms=(ROOM,), say=say)
        counts = trial.report(say, record)
    demand(not counts, "%d violations: %s", sum(counts.values()), dict(counts))
