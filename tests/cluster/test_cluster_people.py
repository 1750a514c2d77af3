"""People who talk to a cluster."""
import pytest

from stress.cluster.people import Contender
from stress.cluster.record import Record
from stress.proofs.clients import Closed


class Voice:
    """Gets all that it asks for."""

    def attempt(self):
        return True

    def say(self, to, text):
        return True


def test_who_always_gets_the_name_does_something():
    contender = Contender(None, "crown", 0)
    contender.ledger, contender.voice = Record(), Voice()
    before = contender.done
    with pytest.raises(Closed):
        contender.act()
    assert contender.done == before + 1
    assert len(contender.ledger.acknowledged) == 3
