import threading

import pytest
from cases import for_each


@pytest.fixture
def seen():
    return []


@for_each("one, other", [(1, "a"), (2, "b")])
@for_each("sign", "+-")
def go_through(seen, one, other, sign):
    seen.append((one, other, sign))


def test_all_cases_are_gone_through_in_order_and_fixtures_are_passed_on(seen):
    go_through(seen=seen)
    assert seen == [(1, "a", "+"), (1, "a", "-"), (2, "b", "+"), (2, "b", "-")]


@for_each("number", [1, 2, 3, 4])
def test_a_case_is_a_test_for_pytest_too(seen, number):
    assert seen == list(range(1, number))
    seen.append(number)


def test_cases_can_be_tried_at_once():
    all_there = threading.Barrier(3)

    @for_each("number", [1, 22, 3], at_once=3)
    def waits(number):
        all_there.wait(60)
        assert number < 9

    with pytest.raises(AssertionError) as raised:
        waits()
    assert str(raised.value).splitlines()[1:] == ["22"]


@pytest.mark.parametrize("fail", [pytest.fail, int])
def test_every_case_that_fails_is_named_and_the_first_is_shown(fail):
    @for_each("number", [1, 22, 3, 44])
    def fails(number):
        if number > 9:
            fail("too large: %d" % number)

    with pytest.raises(AssertionError) as raised:
        fails()
    assert str(raised.value).splitlines() == [
        "2 of 4 cases failed, of which the first is shown above:", "22", "44"]
    assert "too large: 22" in str(raised.value.__cause__)


def test_a_name_that_is_no_parameter_is_a_mistake():
    with pytest.raises(AssertionError):
        for_each("nubmer", [1])(lambda number: None)


def test_no_cases_are_a_mistake():
    with pytest.raises(AssertionError):
        for_each("number", [])
