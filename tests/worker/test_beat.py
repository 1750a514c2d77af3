"""The beat: how long talk waits for more talk."""
import selectors
import socket

import pytest

from parley.server.worker import beat
from parley.server.worker.beat import LIVELY, MOST_WAIT, SAID, SENDS, Beat, next_round, wait_for

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
    one.read(NOW + 1, pacing, reading, 1)
    assert one.next == NOW + 1


def test_lively_talk_may_wait_for_twice_what_it_took_to_tell_the_last_and_what_follows_a_quiet_time_does_not():
    one = Beat(NOW)
    assert one.may_wait(NOW) == 0
    one.told(NOW, 0.004)
    assert one.may_wait(NOW + 0.99 * LIVELY * 0.004) == SENDS * 0.004
    assert one.may_wait(NOW + 1.01 * LIVELY * 0.004) == 0
    one.told(NOW, 9)
    assert one.may_wait(NOW) == MOST_WAIT


def rounds(seconds, said_meanwhile):
    """How many a worker has in so many seconds that tells each one 0.1 ms after it was read.

    said_meanwhile: (seconds since it was told, seconds since the worker began) -> messages.
    """
    one, now, told_at, count = Beat(NOW), NOW, NOW, 0
    while now < NOW + seconds:
        one.read(now, 0.002, 0, said_meanwhile(now - told_at, now - NOW))
        told_at = now + 0.0001
        one.told(told_at, 0)
        now = max(told_at, one.next)
        count += 1
    return count


def by_programs(since_told, _):
    """Who has heard everything says ten things, 0.2 ms later."""
    return 10 if since_told > 0.0002 else 0


def by_people(since_told, _):
    """Somebody speaks 3000 times a second."""
    return 3000 * since_told


def test_rounds_wait_for_more_where_people_talk_and_not_where_all_wait_for_each_other():
    each_second = 2 ** 8  # the beat that is at least 2 ms
    assert rounds(2, by_people) < 1.04 * 2 * each_second
    with_programs = rounds(2, by_programs)
    assert rounds(3, by_programs) - with_programs > 8 * each_second
    first_programs = rounds(4, lambda *times: (by_programs if times[1] < 2 else by_people)(*times))
    assert first_programs < with_programs + 1.04 * 2 * each_second


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
