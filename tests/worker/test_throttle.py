"""Message rates, by an invented clock."""
import pytest

from server.worker.throttle import BURST, STEP, Throttle

RATE = 8  # messages a second; a power of two, so that sums are exact
AT_ONCE = int(RATE * BURST)


class Somebody:
    paid_until = 0.0


@pytest.fixture
def throttle():
    one = Throttle()
    one.rate = RATE
    return one


def test_a_burst_passes_and_one_message_more_is_held(throttle):
    ann = Somebody()
    assert not any(throttle.charge(ann, 1, 1000.0) for _ in range(AT_ONCE))
    assert throttle.charge(ann, 1, 1000.0)
    assert throttle.holds(ann)


def test_a_page_at_once_is_a_burst(throttle):
    assert not throttle.charge(Somebody(), AT_ONCE, 1000.0)


def test_who_keeps_to_the_rate_is_never_held(throttle):
    ann = Somebody()
    assert not any(throttle.charge(ann, RATE, 1000.0 + second) for second in range(1000))


def test_the_average_of_a_flood_is_the_rate(throttle):
    ann, now, passed = Somebody(), 1000.0, 0
    while now < 1100:
        passed += 7
        if throttle.charge(ann, 7, now):
            now = throttle.next_release()
            assert throttle.release(now) == [ann]
    assert RATE * 100 <= passed <= RATE * 100 + AT_ONCE + 14


def test_a_silence_earns_one_burst_and_not_more(throttle):
    ann = Somebody()
    throttle.charge(ann, AT_ONCE, 1000.0)
    assert not throttle.charge(ann, AT_ONCE, 5000.0)
    assert throttle.charge(ann, 1, 5000.0)


def test_the_held_are_released_when_their_time_has_come(throttle):
    ann, bob = Somebody(), Somebody()
    throttle.charge(ann, AT_ONCE + 2 * RATE, 1000.0)
    throttle.charge(bob, AT_ONCE + 1 * RATE, 1000.0)
    assert throttle.next_release() == 1001.0
    assert throttle.release(1000.9) == []
    assert throttle.release(1001.0) == [bob]
    assert throttle.holds(ann) and not throttle.holds(bob)
    assert throttle.next_release() == 1002.0
    assert throttle.release(1005.0) == [ann]
    assert throttle.next_release() is None


def test_a_crowd_of_the_held_is_looked_at_a_few_times_a_second(throttle):
    crowd, now, looks, released = [Somebody() for _ in range(1000)], 1000.0, 0, []
    for number, somebody in enumerate(crowd):
        throttle.charge(somebody, AT_ONCE + RATE * number / 1000, now)
    while throttle.next_release() is not None:
        now = throttle.next_release()
        looks += 1
        released += throttle.release(now)
    assert released == crowd[1:]
    assert looks <= 1 / STEP + 2


def test_one_members_flood_holds_nobody_else(throttle):
    ann, bob = Somebody(), Somebody()
    assert throttle.charge(ann, 10 * AT_ONCE, 1000.0)
    assert not throttle.charge(bob, 1, 1000.0)
    assert not throttle.holds(bob)


def test_who_is_gone_is_forgotten(throttle):
    ann = Somebody()
    throttle.charge(ann, 10 * AT_ONCE, 1000.0)
    throttle.forget(ann)
    throttle.forget(ann)
    assert throttle.next_release() is None


def test_rate_0_is_no_limit():
    assert not Throttle().charge(Somebody(), 1 << 30, 1000.0)
