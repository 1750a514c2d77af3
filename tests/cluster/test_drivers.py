"""The judge on tiny servers: it catches a log as it is often written, and passes one that keeps what it told."""
import pytest
from tiny_nodes import TinyNodes, cast

from stress.cluster import trial
from stress.cluster.failures import BEHIND_A_CUT, FOR_LONG, OF_A_NODE, OF_THE_ENGINE

IMPATIENT = 1.5  # seconds; what the naive log has lost, nobody waits for


def counts(start_engine, chance, kind, kinds, seconds=trial.SECONDS):
    """How often each thing is wrong."""
    engine = start_engine(replica=True, sentinels=3)
    with TinyNodes(engine, kind) as nodes:
        record = trial.hold(engine, nodes, cast(seconds), kinds, chance, seconds=seconds)
        return trial.report(print, record)


def test_bare_appends_to_the_master_are_caught(start_engine, chance):
    found = counts(start_engine, chance, "naive", ["cut, failover"], IMPATIENT)
    assert found["lost"] and found["gone"], found


def test_a_log_read_from_the_replica_passes(start_engine, chance):
    assert not counts(start_engine, chance, "right", ["cut, failover, cut"])


@pytest.mark.long
@pytest.mark.parametrize("kind", BEHIND_A_CUT)
def test_bare_appends_are_caught_behind_each_cut(start_engine, chance, kind):
    found = counts(start_engine, chance, "naive", [kind], IMPATIENT)
    assert found["lost"] and found["gone"], found


@pytest.mark.long
def test_a_log_read_from_the_replica_passes_each_failure(start_engine, chance):
    assert not counts(start_engine, chance, "right", 2 * [*OF_THE_ENGINE, *OF_A_NODE, *FOR_LONG])
