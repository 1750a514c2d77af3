"""Message rates, by an invented clock."""
import pytest

from parley.server.worker.throttle import BURST, MOST_DEBTORS, STEP, Throttle

RATE = 8  # messages a second; a power of two, so that sums are exact
AT_ONCE = int(RATE * BURST)


class Somebody:
    paid_until = 0.0


@pytest.fixture
def throttle():
    one = Throttle()
    one.rate = RATE
    return one


def test_a_burst_passes_and_not_one_message_more(throttle):
    ann = Somebody()
    assert all(throttle.affords(ann, 1, 1000.0) for _ in range(AT_ONCE))
    assert not throttle.affords(ann, 1, 1000.0)
    assert throttle.allowance(ann, 1000.0) == 0


def test_a_page_at_once_is_a_burst(throttle):
    assert throttle.affords(Somebody(), AT_ONCE, 1000.0)


def test_of_too_many_at_once_none_is_charged_for_but_a_burst_is_allowed(throttle):
    ann = Somebody()
    assert not throttle.affords(ann, AT_ONCE + 1, 1000.0)
    assert throttle.allowance(ann, 1000.0) == AT_ONCE


def test_who_keeps_to_the_rate_never_waits(throttle):
    ann = Somebody()
    assert all(throttle.affords(ann, RATE, 1000.0 + second) for second in range(1000))


def test_the_average_of_a_flood_is_the_rate(throttle):
    ann, now, passed = Somebody(), 1000.0, 0
    while now < 1100:
        allowed = min(7, throttle.allowance(ann, now))
        throttle.charge(ann, allowed, now)
        passed += allowed
        if not allowed:
            throttle.hold(ann)
            now = throttle.next
            assert throttle.release(now) == [ann]
    assert RATE * 100 <= passed <= RATE * 100 + AT_ONCE + 14


def test_a_silence_earns_one_burst_and_not_more(throttle):
    ann = Somebody()
    assert throttle.affords(ann, AT_ONCE, 1000.0)
    assert throttle.affords(ann, AT_ONCE, 5000.0)
    assert not throttle.affords(ann, 1, 5000.0)


def test_what_is_dear_passes_while_there_is_credit_and_is_paid_for_by_waiting(throttle):
    ann = Somebody()
    assert throttle.affords(ann, AT_ONCE - 1, 1000.0)
    throttle.charge(ann, 3 * AT_ONCE, 1000.0)
    assert throttle.allowance(ann, 1000.0 + 2 * BURST) == 0
    assert throttle.allowance(ann, 1000.0 + 3 * BURST) == 1


def test_what_was_not_handled_is_given_back(throttle):
    ann = Somebody()
    assert throttle.affords(ann, AT_ONCE, 1000.0)
    throttle.charge(ann, -5, 1000.0)
    assert throttle.allowance(ann, 1000.0) == 5


def hold(throttle, somebody, cost):
    throttle.charge(somebody, cost, 1000.0)
    throttle.hold(somebody)


def test_the_held_are_released_when_their_time_has_come(throttle):
    ann, bob = Somebody(), Somebody()
    hold(throttle, ann, AT_ONCE + 2 * RATE)
    hold(throttle, bob, AT_ONCE + 1 * RATE)
    assert throttle.next == 1001.0
    assert throttle.release(1000.9) == []
    assert throttle.release(1001.0) == [bob]
    assert throttle.holds(ann) and not throttle.holds(bob)
    assert throttle.next == 1002.0
    assert throttle.release(1005.0) == [ann]
    assert throttle.next == float("inf")


def test_a_crowd_of_the_held_is_looked_at_a_few_times_a_second(throttle):
    crowd, now, looks, released = [Somebody() for _ in range(1000)], 1000.0, 0, []
    for number, somebody in enumerate(crowd):
        hold(throttle, somebody, AT_ONCE + RATE * number / 1000)
    while throttle.next < float("inf"):
        now = throttle.next
        looks += 1
        released += throttle.release(now)
    assert released == crowd
    assert looks <= 1 / STEP + 2


def test_one_members_flood_holds_nobody_else(throttle):
    ann, bob = Somebody(), Somebody()
    hold(throttle, ann, 10 * AT_ONCE)
    assert throttle.affords(bob, 1, 1000.0)
    assert not throttle.holds(bob)


def test_who_is_gone_is_forgotten(throttle):
    ann = Somebody()
    hold(throttle, ann, 10 * AT_ONCE)
    throttle.forget(ann)
    throttle.forget(ann)
    assert throttle.next == float("inf")


def test_rate_0_is_no_limit():
    throttle = Throttle()
    assert throttle.affords(Somebody(), 1 << 30, 1000.0)
    assert throttle.allowance(Somebody(), 1000.0) > 1 << 30


# ---- who comes back


def test_newcomers_from_where_the_rate_is_used_up_have_no_burst(throttle):
    assert throttle.remember("192.0.2.1", 1000.0 + BURST)
    ann = Somebody()
    ann.paid_until = throttle.debt("192.0.2.1", 1000.0)
    assert throttle.allowance(ann, 1000.0) == 0
    assert throttle.allowance(ann, 1001.0) == RATE
    assert throttle.debt("192.0.2.2", 1000.0) == 0.0


def test_a_debt_is_paid_by_the_time_it_takes(throttle):
    throttle.remember("192.0.2.1", 1000.0 + BURST)
    assert throttle.debt("192.0.2.1", 1000.0 + BURST) == 0.0


def test_nobody_is_silenced_for_long_by_what_others_there_have_done(throttle):
    throttle.remember("192.0.2.1", 9000.0)
    assert throttle.debt("192.0.2.1", 1000.0) == 1000.0 + BURST


def test_only_what_is_news_is_told_to_others(throttle):
    assert throttle.remember("192.0.2.1", 1010.0, 1.0)
    assert not throttle.remember("192.0.2.1", 1010.5, 1.0)
    assert not throttle.remember("192.0.2.1", 1005.0)
    assert throttle.remember("192.0.2.1", 1010.5)
    assert throttle.remember("192.0.2.1", 1012.0, 1.0)


def test_only_so_many_addresses_are_remembered(throttle):
    for number in range(MOST_DEBTORS + 1):
        throttle.remember(b"%d" % number, 1010.0)
    assert throttle.debt(b"0", 1000.0) == 0.0
    assert throttle.debt(b"1", 1000.0) == 1010.0


def test_who_has_come_back_meanwhile_is_not_the_first_to_be_forgotten(throttle):
    for number in range(MOST_DEBTORS):
        throttle.remember(b"%d" % number, 1010.0)
    throttle.remember(b"0", 1020.0)
    throttle.remember(b"another", 1010.0)
    assert (throttle.debt(b"0", 1010.0), throttle.debt(b"1", 1000.0)) == (1020.0, 0.0)
