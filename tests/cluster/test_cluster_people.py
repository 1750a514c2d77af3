"""People who talk to a cluster."""
import threading
import types

import pytest

from stress.cluster import people
from stress.cluster.people import Contender
from stress.cluster.record import Record
from stress.proofs import Violation
from stress.proofs.clients import Closed
from stress.proofs.durable import Role, Speakers


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


class Waiting(Role):
    """Is sent away once, and then waits for good, until the test is over."""

    name = b"ann"
    pause = 0.0

    def __init__(self, over):
        self._over, self._came = over, 0

    def come(self, enter):
        self._came += 1
        if self._came == 1:
            raise Closed("the first one")

    def act(self):
        self._over.wait()


def test_of_somebody_who_does_nothing_it_is_told_where_it_waits():
    over = threading.Event()
    with Speakers(None, Record(), [Waiting(over)]) as speakers:
        try:
            with pytest.raises(Violation, match=r"nothing more from Waiting b'ann' in .*act > wait.*the first one"):
                speakers.flow(0.2)
        finally:
            over.set()
        speakers.flow()


def test_who_has_gone_to_another_node_goes_home_again(monkeypatch):
    monkeypatch.setattr(people, "AWAY", 0.0)
    visited, stays = [], []
    traveller = people.Person("ann", 1)
    traveller.house = types.SimpleNamespace(count=2)
    traveller.arrive = lambda enter, node: visited.append(node)
    for _ in range(3):
        traveller.come(None)
        stays.append(traveller.stays())
    assert visited == [1, 0, 1] and stays == [True, False, True]
