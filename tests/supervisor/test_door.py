"""Who is let in to have its password looked at, in which order, when, and who is sent away."""
import logging

import pytest

from parley.server.chat.login_throttle import LoginThrottle
from parley.server.protocols.events import Reason
from parley.server.supervisor import door as door_module
from parley.server.supervisor.door import MOST_OF_ONE, MOST_WAITING, Door

HOST, OTHER = "192.0.2.1", "192.0.2.2"
WRONG, LATER = Reason.WRONG_PASSWORD, Reason.TRY_LATER


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Secrets:
    """One job after the other, done when the test says so."""

    def __init__(self):
        self.jobs = []

    def verify(self, password, secret, then):
        self.jobs.append(((password, secret), then))

    def hash(self, password, then):
        self.jobs.append(((password,), then))

    def finish(self, trouble=None, secret=None):
        """The job is done; what it was. There is never more than one."""
        ((job, then),) = self.jobs
        self.jobs.clear()
        then(trouble, secret)
        return job


class Account:
    secret = "secret"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def secrets():
    return Secrets()


class Visitors:
    """Those who come to a door, by number."""

    def __init__(self, door):
        self.door = door
        self.told = []  # (number, trouble, secret)

    def knock(self, *numbers, host=HOST, name=b"ann"):
        for number in numbers:
            self.door.verify(number, host, name, Account, b"pw%d" % number, self._then(number))

    def ask(self, *numbers, host=HOST):
        for number in numbers:
            self.door.hash(number, host, b"pw%d" % number, self._then(number))

    def _then(self, number):
        return lambda trouble, secret: self.told.append((number, trouble, secret))

    def drain(self):
        told, self.told = self.told, []
        return told


@pytest.fixture
def door(secrets, clock):
    return Door(secrets, LoginThrottle(3, 0, clock), clock)


@pytest.fixture
def visitors(door):
    return Visitors(door)


def fail(visitors, secrets, times, **where):
    """Somebody comes who is wrong."""
    for number in range(9000, 9000 + times):
        visitors.knock(number, **where)
        secrets.finish(WRONG)
    assert visitors.drain() == [(number, WRONG, None) for number in range(9000, 9000 + times)]


def let_in(door, secrets, clock, times=1000):
    """Let the time pass until nobody waits; who was let in and when."""
    seen = []
    for _ in range(times):
        while secrets.jobs:
            seen.append((clock.now - 1000, secrets.finish(WRONG)[0]))
        if door.next_due == float("inf"):
            return seen
        clock.now = door.next_due
        door.look_at_clock()
    raise AssertionError("somebody still waits")


def test_one_after_the_other_is_let_in(visitors, secrets):
    visitors.knock(1, 2)
    visitors.ask(3)
    assert secrets.finish() == (b"pw1", "secret")
    assert secrets.finish(None, "renewed") == (b"pw2", "secret")
    assert secrets.finish(None, "new") == (b"pw3",)
    assert visitors.drain() == [(1, None, None), (2, None, "renewed"), (3, None, "new")]
    assert secrets.jobs == []


def test_one_of_each_address_is_let_in_in_turn(visitors, secrets):
    visitors.ask(1, 2, 3)
    visitors.ask(4, 5, host=OTHER)
    visitors.ask(6, host="192.0.2.3")
    order = [secrets.finish()[0] for _ in range(6)]
    assert order == [b"pw1", b"pw2", b"pw4", b"pw6", b"pw3", b"pw5"]


def test_the_secret_is_the_one_the_account_has_by_then(door, secrets):
    account = Account()
    door.verify(1, HOST, b"ann", account, b"one", print)
    door.verify(2, HOST, b"ann", account, b"two", lambda trouble, secret: None)
    door.leave(1)
    account.secret = "changed"
    secrets.finish()
    assert secrets.finish() == (b"two", "changed")


def test_who_has_failed_three_times_has_to_wait(door, visitors, secrets, clock):
    fail(visitors, secrets, 3)
    visitors.knock(1, 2, 3, 4)
    assert (visitors.drain(), secrets.jobs) == ([(4, LATER, None)], [])
    assert let_in(door, secrets, clock) == [(20, b"pw1"), (40, b"pw2"), (60, b"pw3")]
    assert visitors.drain() == [(number, WRONG, None) for number in (1, 2, 3)]
    assert door.refusals == {WRONG: 6, LATER: 1}


def test_a_hundred_at_once_are_a_hundred(door, visitors, secrets, clock):
    visitors.knock(*range(100))
    assert [number for number, trouble, _ in visitors.drain() if trouble == LATER] == list(range(MOST_OF_ONE + 1, 100))
    seen = let_in(door, secrets, clock)
    assert seen == [(0, b"pw0"), (0, b"pw1"), (0, b"pw2"), (20, b"pw3"), (40, b"pw4"), (60, b"pw5")]
    assert len(visitors.drain()) == MOST_OF_ONE + 1


def test_many_who_are_right_need_not_wait(door, visitors, secrets, clock):
    visitors.knock(*range(MOST_OF_ONE))
    for _ in range(MOST_OF_ONE):
        secrets.finish()
    assert visitors.drain() == [(number, None, None) for number in range(MOST_OF_ONE)]
    assert door.refusals == {}


def test_who_comes_from_elsewhere_does_not_wait_for_one_who_guesses(door, visitors, secrets, clock):
    visitors.knock(*range(100))
    visitors.knock(777, host=OTHER)
    for _ in range(2):
        secrets.finish(WRONG)
    assert secrets.finish()[0] == b"pw777"
    assert (777, None, None) in visitors.told


def test_who_is_right_after_a_wait_starts_anew(door, visitors, secrets, clock):
    fail(visitors, secrets, 3)
    visitors.knock(1)
    clock.now += 20
    door.look_at_clock()
    secrets.finish()
    assert visitors.drain() == [(1, None, None)]
    fail(visitors, secrets, 3)


def test_who_only_makes_a_password_never_waits(visitors, secrets):
    fail(visitors, secrets, 3)
    visitors.ask(1)
    secrets.finish(None, "new")
    assert visitors.drain() == [(1, None, "new")]


def test_the_line_is_bounded_and_so_is_one_addresss_part_in_it(door, visitors, secrets):
    for host in range(10):
        visitors.ask(*range(host * 100, host * 100 + 100), host="192.0.2.%d" % host)
    assert len(door.holders()) == MOST_WAITING + 8  # from each of the other addresses one, though the line is full
    assert len([number for number in door.holders() if number < 100]) == MOST_OF_ONE + 1
    assert len(visitors.drain()) == 1000 - MOST_WAITING - 8


def test_whoever_comes_from_an_address_that_has_none_waiting_gets_in_and_has_its_turn_soon(door, visitors, secrets):
    """Two addresses that give right passwords again and again fill the line."""
    for round_ in range(40):
        for host in (HOST, OTHER):
            visitors.knock(*range(round_ * 100, round_ * 100 + 40), host=host, name=b"hoarder")
        visitors.drain()
        owner = 1000000 + round_
        visitors.knock(owner, host="192.0.2.3", name=b"owner")
        assert visitors.drain() == []
        for _ in range(4):  # the one that had begun, and one of each address
            secrets.finish()
        assert (owner, None, None) in visitors.drain()


def test_the_addresses_are_bounded_too(door, visitors, monkeypatch):
    monkeypatch.setattr(door_module, "MOST_ADDRESSES", 100)
    for host in range(150):
        visitors.ask(host, host="192.0.2.%d" % host)
    assert len(door.holders()) == 101  # one has begun


def test_those_who_wait_for_their_time_are_bounded_and_keep_nobody_else_out(door, visitors, secrets, clock):
    for host in range(40):
        fail(visitors, secrets, 3, host="198.51.100.%d" % host, name=b"u%d" % host)
        visitors.knock(*range(host * 10, host * 10 + 3), host="198.51.100.%d" % host, name=b"u%d" % host)
        visitors.drain()
    assert len(door.holders()) == MOST_WAITING
    visitors.knock(777)
    secrets.finish()
    assert visitors.drain() == [(777, None, None)]


@pytest.mark.parametrize("failures", [0, 3])
def test_who_leaves_is_not_waited_for(door, visitors, secrets, clock, failures):
    fail(visitors, secrets, failures)
    visitors.ask(1, host=OTHER)
    visitors.knock(2, 3)
    door.leave(2)
    assert set(door.holders()) == {1, 3}
    secrets.finish()
    seen = let_in(door, secrets, clock)
    assert [password for _, password in seen] == [b"pw3"]
    assert [number for number, _, _ in visitors.drain()] == [1, 3]
    door.leave(2)
    door.leave(4)
    assert door.holders() == []


def test_leaving_in_time_does_not_make_a_guess_undone(door, visitors, secrets):
    for number in range(3):
        visitors.knock(number)
        door.leave(number)
        secrets.finish(WRONG)
    assert visitors.drain() == []
    visitors.knock(5)
    assert secrets.jobs == []


def test_a_password_that_cannot_be_verified_is_no_failure(visitors, secrets):
    for number in range(10):
        visitors.knock(number)
        secrets.finish(Reason.UNVERIFIABLE)
    assert visitors.drain() == [(number, Reason.UNVERIFIABLE, None) for number in range(10)]


def test_a_closed_door_answers_everybody_at_once(door, visitors, secrets, clock):
    fail(visitors, secrets, 3)
    visitors.ask(1, 2, host=OTHER)
    visitors.knock(3, 4)
    door.close()
    assert sorted(visitors.drain()) == [(number, LATER, None) for number in (1, 2, 3, 4)]
    secrets.finish()
    visitors.ask(5)
    visitors.knock(6)
    visitors.knock(7, host="192.0.2.3")
    assert visitors.drain() == [(number, LATER, None) for number in (5, 6, 7)]
    assert (secrets.jobs, door.holders(), door.next_due) == ([], [], float("inf"))


def test_who_asks_again_at_once_stands_at_the_end(door, secrets):
    order = []

    def again(trouble, secret):
        order.append("first")
        door.hash(1, HOST, b"again", lambda trouble, secret: order.append("again"))

    door.verify(1, HOST, b"ann", Account, b"pw", again)
    door.hash(2, HOST, b"pw", lambda trouble, secret: order.append("second"))
    for _ in range(3):
        secrets.finish()
    assert order == ["first", "second", "again"]


def test_refusals_are_counted_and_the_log_tells_of_them_once_a_second(door, visitors, secrets, clock, caplog):
    caplog.set_level(logging.INFO, logger=door_module.__name__)
    fail(visitors, secrets, 3)
    visitors.knock(*range(103))
    clock.now += 1
    visitors.knock(999)
    door.close()
    assert door.refusals == {WRONG: 3, LATER: 104}
    assert [record.getMessage() for record in caplog.records] == [
        "refused 192.0.2.1, account ann: wrong-password (1 so far)",
        "refused 192.0.2.1, account ann: try-again-later (1 so far)",
        "refused 192.0.2.1, account ann: try-again-later (101 so far)",
        "passwords and accounts refused: {'wrong-password': 3, 'try-again-later': 104}",
    ]
    assert caplog.records[2].args == {
        "host": "192.0.2.1", "account": "ann", "reason": LATER, "so_far": 101}
    assert caplog.records[3].args == {"refused": {WRONG: 3, LATER: 104}}
    assert "pw" not in caplog.text
