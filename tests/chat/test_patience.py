"""How long whoever fails has to wait, and that nobody else has to."""
import pytest

from parley.server.chat import patience as patience_module
from parley.server.chat.patience import LONGEST_WAIT, MEMORY, Patience

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
def patience(clock):
    return Patience(3, 2, clock)


def fail(patience, times, host=HOST, name=b"ann"):
    for _ in range(times):
        patience.failed(host, name)


def test_three_failures_are_free_and_each_further_one_costs_20_seconds(patience):
    waits = []
    for _ in range(7):
        waits.append(patience.wait(HOST, b"ann"))
        fail(patience, 1)
    assert waits == [0, 0, 0, 20, 40, 60, 80]


def test_who_tries_as_often_as_it_may_tries_three_times_a_minute(patience, clock):
    tries = []
    while clock.now < 1000 + 600:
        if not patience.wait(HOST, b"ann"):
            fail(patience, 1)
            tries.append(clock.now - 1000)
        clock.now += 1
    assert tries == [0, 1, 2, *range(20, 600, 20)]


def test_failures_count_for_all_accounts_of_an_address_together(patience):
    for number in range(30):
        assert patience.wait(HOST, b"dan") == 0
        fail(patience, 1, HOST, b"u%d" % number)
    assert patience.wait(HOST, b"dan") == 2
    assert patience.wait(OTHER, b"dan") == 0


def test_who_has_failed_waits_for_the_others_that_guess_at_the_account(patience):
    for number in range(6):
        fail(patience, 1, "198.51.100.%d" % number)
    fail(patience, 1, OTHER, b"bob")
    assert patience.wait(OTHER, b"ann") == 80
    assert patience.wait(OTHER, b"bob") == 0


def test_who_has_not_failed_waits_for_nobody(patience):
    fail(patience, 1000)
    assert patience.wait(OTHER, b"ann") == 0


def test_however_many_fail_nobody_waits_for_long_after_it_is_over(patience, clock):
    fail(patience, 10000)
    clock.now += 60
    assert patience.wait(HOST, b"ann") <= LONGEST_WAIT


def test_a_failure_is_forgotten_in_time(patience, clock):
    for number in range(1000):
        fail(patience, 1, "198.51.100.%d" % (number % 250))
    fail(patience, 6)
    clock.now += MEMORY - 1
    fail(patience, 3, "198.51.100.7")
    assert patience.wait(HOST, b"ann") == 20
    clock.now += 1
    assert patience.wait(HOST, b"ann") == 0


def test_a_right_password_ends_the_wait_of_its_address(patience):
    fail(patience, 3)
    patience.succeeded(HOST, b"ann")
    assert patience.wait(HOST, b"bob") == 0
    assert patience.wait(HOST, b"ann") == 0


def test_ones_own_password_does_not_make_up_for_guesses_at_others(patience):
    fail(patience, 3, HOST, b"ann")
    fail(patience, 1, HOST, b"mallory")
    patience.succeeded(HOST, b"mallory")
    assert patience.wait(HOST, b"ann") == 20
    fail(patience, 3, OTHER, b"ann")
    patience.succeeded(OTHER, b"mallory")
    assert patience.wait(OTHER, b"ann") > 0


def test_a_right_password_helps_nobody_elsewhere(patience):
    fail(patience, 3)
    fail(patience, 31, OTHER)
    patience.succeeded(HOST, b"ann")
    assert patience.wait(OTHER, b"ann") > 0


@pytest.mark.parametrize("one, other, same", [
    ("2001:db8::1", "2001:db8::2", True), ("2001:db8::1", "2001:db8:0:1::1", False), ("fe80::1%eth0", "fe80::2", True),
    ("192.0.2.1", "192.0.2.2", False), ("", "", True)])
def test_of_ipv6_the_network_counts(patience, one, other, same):
    fail(patience, 3, one)
    assert (patience.wait(other, b"ann") > 0) == same


def test_0_is_no_limit(clock):
    patience = Patience(0, 0, clock)
    fail(patience, 1000)
    for number in range(1000):
        patience.opened(HOST, b"u%d" % number)
    assert patience.wait(HOST, b"ann") == 0
    assert patience.may_open(HOST)


@pytest.mark.parametrize("per_minute", [1, 2, 7, 60, 1000000])
def test_other_rates_work_alike(clock, per_minute):
    patience = Patience(per_minute, 0, clock)
    fail(patience, min(per_minute, 1000))
    if per_minute <= 1000:
        assert patience.wait(HOST, b"ann") == pytest.approx(60 / per_minute)
    else:
        assert patience.wait(HOST, b"ann") == 0


def test_one_address_makes_only_so_many_accounts(patience):
    told = []
    for number in range(3):
        told.append(patience.may_open(HOST))
        patience.opened(HOST, b"u%d" % number)
    assert told == [True, True, False]
    assert patience.may_open(OTHER)


def test_deleted_accounts_do_not_count(patience):
    for name in (b"ann", b"bob"):
        patience.opened(HOST, name)
    patience.closed(b"somebody's from the users file")
    assert not patience.may_open(HOST)
    patience.closed(b"ann")
    assert patience.may_open(HOST)
    patience.closed(b"bob")
    assert patience._opened == {} and patience._openers == {}


def test_what_is_remembered_is_bounded_and_the_latest_is_kept(patience, monkeypatch):
    monkeypatch.setattr(patience_module, "MOST_REMEMBERED", 50)
    for number in range(1000):
        host = "198.51.%d.%d" % divmod(number, 250)
        fail(patience, 31, host, b"u%d" % number)
        fail(patience, 1)
    assert [len(table) for table in (patience._addresses, patience._accounts)] == [50, 50]
    assert patience.wait(HOST, b"x") > 0
    assert patience.wait("198.51.3.249", b"x") > 0
    assert patience.wait("198.51.0.0", b"x") == 0
