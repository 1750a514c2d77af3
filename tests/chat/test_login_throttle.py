"""How long whoever fails has to wait, and that nobody else has to."""
import pytest

from parley.server.chat import login_throttle
from parley.server.chat.login_throttle import LONGEST_WAIT, MEMORY, LoginThrottle

HOST, OTHER = "192.0.2.1", "192.0.2.2"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(clock):
    return LoginThrottle(3, 2, clock)


def fail(throttle, times, host=HOST, name=b"ann"):
    for _ in range(times):
        throttle.failed(host, name)


def test_three_failures_are_free_and_each_further_one_costs_20_seconds(throttle):
    waits = []
    for _ in range(7):
        waits.append(throttle.wait(HOST, b"ann"))
        fail(throttle, 1)
    assert waits == [0, 0, 0, 20, 40, 60, 80]


def test_who_tries_as_often_as_it_may_tries_three_times_a_minute(throttle, clock):
    tries = []
    while clock.now < 1000 + 600:
        if not throttle.wait(HOST, b"ann"):
            fail(throttle, 1)
            tries.append(clock.now - 1000)
        clock.now += 1
    assert tries == [0, 1, 2, *range(20, 600, 20)]


def test_failures_count_for_all_accounts_of_an_address_together(throttle):
    for number in range(30):
        assert throttle.wait(HOST, b"dan") == 0
        fail(throttle, 1, HOST, b"u%d" % number)
    assert throttle.wait(HOST, b"dan") == 2
    assert throttle.wait(OTHER, b"dan") == 0


def test_who_has_failed_waits_for_the_others_that_guess_at_the_account(throttle):
    for number in range(6):
        fail(throttle, 1, "198.51.100.%d" % number)
    fail(throttle, 1, OTHER, b"bob")
    assert throttle.wait(OTHER, b"ann") == 80
    assert throttle.wait(OTHER, b"bob") == 0


def test_who_has_not_failed_waits_for_nobody(throttle):
    fail(throttle, 1000)
    assert throttle.wait(OTHER, b"ann") == 0


def test_however_many_fail_nobody_waits_for_long_after_it_is_over(throttle, clock):
    fail(throttle, 10000)
    clock.now += 60
    assert throttle.wait(HOST, b"ann") <= LONGEST_WAIT


def test_a_failure_is_forgotten_in_time(throttle, clock):
    for number in range(1000):
        fail(throttle, 1, "198.51.100.%d" % (number % 250))
    fail(throttle, 6)
    clock.now += MEMORY - 1
    fail(throttle, 3, "198.51.100.7")
    assert throttle.wait(HOST, b"ann") == 20
    clock.now += 1
    assert throttle.wait(HOST, b"ann") == 0


def test_a_clock_that_goes_back_makes_nobody_wait(throttle, clock):
    fail(throttle, 10)
    clock.now -= 3600
    assert throttle.wait(HOST, b"ann") == 0
    fail(throttle, 1, name=b"bob")
    assert throttle.wait(HOST, b"ann") == 0
    fail(throttle, 3)
    assert throttle.wait(HOST, b"ann") == 20


def test_a_right_password_ends_the_wait_of_its_address(throttle):
    fail(throttle, 3)
    throttle.succeeded(HOST, b"ann")
    assert throttle.wait(HOST, b"bob") == 0
    assert throttle.wait(HOST, b"ann") == 0


def test_ones_own_password_does_not_make_up_for_guesses_at_others(throttle):
    fail(throttle, 3, HOST, b"ann")
    fail(throttle, 1, HOST, b"mallory")
    throttle.succeeded(HOST, b"mallory")
    assert throttle.wait(HOST, b"ann") == 20
    fail(throttle, 3, OTHER, b"ann")
    throttle.succeeded(OTHER, b"mallory")
    assert throttle.wait(OTHER, b"ann") > 0


def test_a_right_password_helps_nobody_elsewhere(throttle):
    fail(throttle, 3)
    fail(throttle, 31, OTHER)
    throttle.succeeded(HOST, b"ann")
    assert throttle.wait(OTHER, b"ann") > 0


@pytest.mark.parametrize("one, other, same", [
    ("2001:db8::1", "2001:db8::2", True), ("2001:db8::1", "2001:db8:0:1::1", False), ("fe80::1%eth0", "fe80::2", True),
    ("192.0.2.1", "192.0.2.2", False), ("", "", True)])
def test_of_ipv6_the_network_counts(throttle, one, other, same):
    fail(throttle, 3, one)
    assert (throttle.wait(other, b"ann") > 0) == same


def test_0_is_no_limit(clock):
    throttle = LoginThrottle(0, 0, clock)
    fail(throttle, 1000)
    for number in range(1000):
        throttle.opened(HOST, b"u%d" % number)
    assert throttle.wait(HOST, b"ann") == 0
    assert throttle.may_open(HOST)


@pytest.mark.parametrize("per_minute", [1, 2, 7, 60, 1000000])
def test_other_rates_work_alike(clock, per_minute):
    throttle = LoginThrottle(per_minute, 0, clock)
    fail(throttle, min(per_minute, 1000))
    if per_minute <= 1000:
        assert throttle.wait(HOST, b"ann") == pytest.approx(60 / per_minute)
    else:
        assert throttle.wait(HOST, b"ann") == 0


def test_one_address_makes_only_so_many_accounts(throttle):
    told = []
    for number in range(3):
        told.append(throttle.may_open(HOST))
        throttle.opened(HOST, b"u%d" % number)
    assert told == [True, True, False]
    assert throttle.may_open(OTHER)


def test_deleted_accounts_do_not_count(throttle):
    for name in (b"ann", b"bob"):
        throttle.opened(HOST, name)
    throttle.closed(b"somebody's from the users file")
    assert not throttle.may_open(HOST)
    throttle.closed(b"ann")
    assert throttle.may_open(HOST)
    throttle.closed(b"bob")
    assert throttle._opened == {} and throttle._openers == {}


def test_what_is_remembered_is_bounded_and_the_latest_is_kept(throttle, monkeypatch):
    monkeypatch.setattr(login_throttle, "MOST_REMEMBERED", 50)
    for number in range(1000):
        host = "198.51.%d.%d" % divmod(number, 250)
        fail(throttle, 31, host, b"u%d" % number)
        fail(throttle, 1)
    assert [len(table) for table in (throttle._addresses, throttle._accounts)] == [50, 50]
    assert throttle.wait(HOST, b"x") > 0
    assert throttle.wait("198.51.3.249", b"x") > 0
    assert throttle.wait("198.51.0.0", b"x") == 0
