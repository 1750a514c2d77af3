"""The beat: how long talk waits for more talk."""
import selectors
import socket

import pytest

from parley.server.worker import beat
from parley.server.worker.beat import LIVELY, MOST_PATIENCE, SAID, Beat, next_round, wait_for

NOW, PACING = 1000.0001, 0.0005


@pytest.mark.parametrize("said, length", [(0, 2 ** -10), (0.5, 2 ** -11), (0.9, 2 ** -14)])
def test_the_less_was_said_of_what_is_worth_a_round_the_longer_is_the_beat(said, length):
    moment = next_round(NOW, PACING, said * PACING / SAID)
    assert NOW < moment <= NOW + length
    assert moment % length == 0


@pytest.mark.parametrize("pacing, reading", [(PACING, PACING / SAID), (PACING, 1), (0, 0)])
def test_after_what_was_worth_a_round_or_if_nobody_is_to_wait_the_next_one_comes_at_once(pacing, reading):
    assert next_round(NOW, pacing, reading) == NOW
    one = Beat(NOW)
    one.read(NOW + 1, pacing, reading)
    assert one.next == NOW + 1


def test_lively_talk_waits_for_as_long_as_the_last_took_to_be_told_and_what_follows_a_quiet_time_does_not():
    one = Beat(NOW)
    assert one.patience(NOW) == 0
    one.told(NOW, 0.004)
    assert one.patience(NOW + 0.99 * LIVELY * 0.004) == 0.004
    assert one.patience(NOW + 1.01 * LIVELY * 0.004) == 0
    one.told(NOW, 9)
    assert one.patience(NOW) == MOST_PATIENCE


@pytest.mark.parametrize("is_high", [False, True])
def test_a_selector_is_waited_for_until_there_is_something_to_do(monkeypatch, is_high):
    if is_high:
        monkeypatch.setattr(beat, "FD_SETSIZE", 0)
    ours, theirs = socket.socketpair()
    with ours, theirs, selectors.DefaultSelector() as selector:
        selector.register(ours, selectors.EVENT_READ)
        wait_for(selector, 0)
        theirs.send(b"!")
        wait_for(selector, 60)
        assert selector.select(0)
