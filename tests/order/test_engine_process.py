"""The hub's end of the process that talks to the engine."""
import pytest

from parley.server.ipc.codec import dumps
from parley.server.ipc.messages import FromEngine, messages
from parley.server.order import engine, replicated
from parley.server.order.replicated import AGAIN, Replicated


class Node:
    """A hub, which hears nothing here."""

    number, token, applied = 1, "token", "0-0"

    def __getattr__(self, name):
        if name in messages(FromEngine).keys() - {"accepted", "doubt"}:
            return lambda *arguments: None
        raise AttributeError(name)


class Ends:
    """The queues to the process and from it: what was put into them."""

    backlog_size = 0

    def __init__(self):
        self.packets = []

    def put(self, frames):
        if frames:
            self.packets.append(frames)

    def get(self):
        return []


@pytest.fixture
def order():
    return Replicated(lambda worker, entry: None, lambda worker, entry: True)


@pytest.fixture
def one(order):
    made = engine.Engine(None, order, Node())
    made.attach(Ends(), Ends())
    made.flush()
    made.down.packets.clear()
    return made


def test_a_process_has_longer_for_its_first_sign_of_life(one):
    for most in (engine.MOST_AT_START, engine.MOST_UNANSWERED, engine.MOST_UNANSWERED):
        assert [one.is_stuck() for _ in range(most + 1)] == [False] * most + [True]
        one.hear()
    one.attach(Ends(), Ends())
    assert [one.is_stuck() for _ in range(engine.MOST_AT_START + 1)].count(True) == 1


def test_a_process_that_hangs_while_the_engine_answers_is_found_before_others_miss_the_node(one):
    half = int(engine.MOST_SILENT * 2)
    assert not any(one.hangs(0.5) for _ in range(half + 1)), "it has just been started"
    for _ in range(2):
        one.hear()
        assert [one.hangs(0.5) for _ in range(half + 1)] == [False] * half + [True]
    assert not one.is_stuck()


def test_what_is_refused_for_long_is_sent_again_less_often(one, order, monkeypatch):
    clock = [100.0]
    for module in (engine, replicated):
        monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    order.submit(0, b"talk")
    one.flush()
    for passed, wait in ((0, engine.SOON), (engine.LONG / 2, engine.SOON), (engine.LONG, engine.SELDOM)):
        clock[0] += passed
        one.doubt("no memory")
        assert one.due_in == pytest.approx(wait)
    order.apply(1, dumps([]), 1)
    assert one.due_in == AGAIN


def test_a_packet_is_sent_again_soon_after_a_doubt_and_else_once_it_is_not_heard_for_long(one, order, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(engine.time, "monotonic", lambda: clock[0])
    down = one.down
    order.submit(0, b"talk")
    sent = []
    for passed, doubts in ((0, False), (0.1, False), (0, True), (engine.SOON / 2, False), (engine.SOON, False),
                           (engine.SOON * 2, False), (AGAIN, False)):
        clock[0] += passed
        if doubts:
            one.doubt("no memory")
        before = len(down.packets)
        one.flush()
        sent.append(len(down.packets) - before)
    assert sent == [1, 0, 0, 0, 1, 0, 1]
    assert one.sent_again == 2
    assert (one.refusal, one.has_accepted) == ("no memory", False)
    one.accepted(2)
    assert not one.has_accepted, "that is another packet"
    one.accepted(1)
    assert (one.refusal, one.has_accepted) == ("", True)
    order.submit(0, b"more")
    order.apply(1, dumps([]), 1)
    one.flush()
    assert (one.refusal, one.has_accepted) == ("", False)
