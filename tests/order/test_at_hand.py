"""The contract of an engine, for each that there is."""
import pytest

from parley.server.order.at_hand import AtHand


class Node:
    """Applies what is delivered: some entries lead to others."""

    def __init__(self, make):
        self.applied = []
        self.order = make(self._deliver)

    def _deliver(self, worker, entry):
        self.applied.append((worker, entry, self.order.now))
        name, fields = entry
        for follower in fields:
            self.order.submit(worker, (follower, ()))
        if name == "bug":
            raise RuntimeError("injected")


class Clock:
    def __init__(self):
        self.now = 1600000000.5

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture(params=[AtHand])
def node(request):
    """A node of an engine: here there is one engine, and it has one node."""
    return Node(lambda deliver: request.param(deliver, Clock()))


def test_what_is_submitted_is_delivered_in_the_order_in_which_it_was(node):
    for number in range(5):
        node.order.submit(number, ("say", ()))
    assert [worker for worker, _, _ in node.applied] == list(range(5))


def test_what_an_entry_leads_to_is_delivered_behind_it_and_not_within(node):
    node.order.submit(1, ("one", ("two", "three")))
    node.order.submit(2, ("four", ()))
    assert [name for _, (name, _), _ in node.applied] == ["one", "two", "three", "four"]


def test_each_entry_has_a_time_in_milliseconds(node):
    node.order.submit(1, ("one", ("two",)))
    assert [time for _, _, time in node.applied] == [1600000001500, 1600000002500]


def test_the_time_before_the_epoch_is_the_epoch():
    order = AtHand(lambda worker, entry: None, lambda: -7.5)
    order.submit(1, ("say", ()))
    assert order.now == 0


def test_an_error_in_one_entry_is_told_and_the_next_ones_are_delivered(node):
    with pytest.raises(RuntimeError):
        node.order.submit(1, ("bug", ("two",)))
    node.order.submit(1, ("three", ()))
    assert [name for _, (name, _), _ in node.applied] == ["bug", "two", "three"]
