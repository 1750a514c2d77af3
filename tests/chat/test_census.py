"""How many connections an address has, and which is one too many."""
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain import plain

from parley.server.chat.census import Census
from parley.server.chat.origins import network, origin
from parley.server.protocols.events import Reason

HOME, OTHER = "192.0.2.1", "192.0.2.2"

SAME = [
    ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::2"), ("2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff"),
    ("fe80::1%eth0", "fe80::2%eth1"), ("", ""), ("::ffff:192.0.2.1", "192.0.2.1"),
]  # fmt: skip
DIFFERENT = [
    ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1"), ("::1", "127.0.0.1"), ("", "192.0.2.1"),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.2"), ("::ffff:192.0.2.1", "::1"),
]  # fmt: skip


@pytest.fixture
def census(post):
    """Two connections of one address are enough."""
    one = Census(post)
    one.most = 2
    return one


@pytest.mark.parametrize("one, other", SAME)
def test_these_count_as_one_address(one, other):
    assert origin(one) == origin(other)


@pytest.mark.parametrize("one, other", DIFFERENT)
def test_these_do_not(one, other):
    assert origin(one) != origin(other)


@pytest.mark.parametrize("host, told", [
    ("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"),
    ("::1", "::/64"), ("", ""),
])  # fmt: skip
def test_what_counts_as_one_address_can_be_written(host, told):
    assert network(host) == told


def test_a_worker_that_is_gone_leaves_nothing_behind(census, post):
    census.arrived(1, 1, HOME)
    census.lose(1)
    census.departed(1, 1)
    assert (dict(census._homes), census._crowds) == ({}, {})


def test_one_too_many_is_evicted_whatever_worker_it_is_on(census, post):
    census.arrived(1, 1, HOME)
    census.arrived(2, 1, HOME)
    assert post.drain() == []
    census.arrived(3, 7, HOME)
    census.arrived(1, 2, OTHER)
    assert post.drain() == [("worker", 3, "evict", 7, Reason.TOO_MANY_CONNECTIONS)]


def test_who_departs_makes_room(census, post):
    for number in (1, 2):
        census.arrived(1, number, HOME)
    census.departed(1, 1)
    census.arrived(2, 1, HOME)
    assert post.drain() == []
    census.arrived(2, 2, HOME)
    assert post.drain() == [("worker", 2, "evict", 2, Reason.TOO_MANY_CONNECTIONS)]


def test_the_departure_of_an_evicted_makes_none(census, post):
    for number in (1, 2, 3):
        census.arrived(1, number, HOME)
    census.departed(1, 3)
    post.drain()
    census.arrived(1, 4, HOME)
    assert post.drain() == [("worker", 1, "evict", 4, Reason.TOO_MANY_CONNECTIONS)]


def test_a_worker_that_died_makes_room_for_all_it_had(census, post):
    census.arrived(1, 1, HOME)
    census.arrived(2, 1, HOME)
    census.lose(1)
    census.lose(5)
    census.arrived(3, 1, HOME)
    assert post.drain() == []
    census.arrived(3, 2, HOME)
    assert post.drain() == [("worker", 3, "evict", 2, Reason.TOO_MANY_CONNECTIONS)]


def test_without_a_limit_nobody_is_evicted_but_all_are_counted(census, post):
    census.most = 0
    for number in range(10):
        census.arrived(1, number, HOME)
    assert post.drain() == []
    census.most = 10
    census.arrived(1, 10, HOME)
    assert post.drain() == [("worker", 1, "evict", 10, Reason.TOO_MANY_CONNECTIONS)]


@given(st.lists(st.tuples(st.sampled_from(["arrive", "depart", "die"]), st.integers(1, 2), st.integers(1, 4),
                          st.sampled_from([HOME, OTHER, "2001:db8::1"]))))
def test_it_is_exact_and_forgets_who_has_gone(steps):
    posted, homes = [], {}

    class Post:
        worker = staticmethod(lambda worker, message: posted.append((worker, *plain(message))))

    census = Census(Post)
    census.most = 2
    for step, worker, number, host in steps:
        if step == "die":
            census.lose(worker)
            homes = {place: home for place, home in homes.items() if place[0] != worker}
        elif step == "depart":
            census.departed(worker, number)
            homes.pop((worker, number), None)
        elif (worker, number) not in homes:
            census.arrived(worker, number, host)
            full = list(homes.values()).count(host) == 2
            assert posted == ([(worker, "evict", number, Reason.TOO_MANY_CONNECTIONS)] if full else [])
            posted.clear()
            if not full:
                homes[worker, number] = host
    for worker, number in homes:
        census.departed(worker, number)
    assert not census._crowds
