"""Nothing acknowledged is lost, whatever is killed. The long run is `python -m stress.proofs durable`."""
from stress.proofs import durable


def test_nothing_acknowledged_is_lost_when_workers_journal_and_hub_are_killed():
    durable.prove(lambda text: None, kills=6, workers=2)
