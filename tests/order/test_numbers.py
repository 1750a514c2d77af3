"""The numbers of messages: no number is given twice, and none that is not reserved."""
import pytest
from plain import plain

from parley.server.order.numbers import BLOCK, Numbers


class Store:
    """Reserves what it is asked for, at once or when the test says so."""

    def __init__(self, last_number=0, reserved=0):
        self.last_number = last_number
        self.reserved = reserved
        self.late = False
        self.asked = []
        self._waiting = []

    def ask(self, then, request):
        self.asked.append(plain(request))
        self._waiting.append(then)
        if not self.late:
            self.answer(True)

    def answer(self, stored):
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(stored)


def test_each_message_has_the_next_number():
    numbers = Numbers(Store())
    assert [numbers.take(), numbers.take(3), numbers.take()] == [1, 2, 5]
    assert numbers.last == 5


def test_numbers_go_on_behind_those_that_may_have_been_given_before():
    assert Numbers(Store(1000, 2000)).take() == 1001


def test_the_next_block_is_reserved_while_half_of_this_one_is_left():
    store = Store(0, BLOCK)
    numbers = Numbers(store)
    store.late = True
    numbers.take(BLOCK // 2)
    assert store.asked == []
    numbers.take()
    assert store.asked == []  # there was half of it before that
    numbers.take()
    numbers.take()
    assert store.asked == [("reserve", BLOCK // 2 + 1 + BLOCK)]


def test_what_is_not_reserved_is_not_given():
    store = Store(0, 3)
    store.late = True
    numbers = Numbers(store)
    assert (numbers.take(3), numbers.take()) == (1, None)
    store.answer(False)
    assert (numbers.take(), numbers.last) == (None, 3)
    store.answer(True)
    assert numbers.take(2) == 4
    assert store.asked == [("reserve", BLOCK)] + [("reserve", 3 + BLOCK)]


@pytest.mark.parametrize("given", [0, 7])
def test_at_an_orderly_end_the_rest_is_given_back(given):
    store = Store(0, BLOCK)
    numbers = Numbers(store)
    numbers.take(given)
    numbers.close()
    assert store.asked[-1] == ("release", given)
    store.late = True
    assert numbers.take() is None
