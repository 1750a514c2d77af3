"""Aliases: given out, so that everybody has one and nobody two."""
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.server.chat import aliases as aliases_module
from parley.server.chat.aliases import Aliases
from parley.server.chat.names import LONGEST, InvalidName, canonical_name
from parley.server.protocols import LONGEST_FOR_ALL, PROTOCOLS
from parley.server.protocols.aliases import candidates, shortened

FIELD = 10  # bytes
NAME = b"annabelle-the-first"
FIRST = b"annab|xn62"  # the best candidate, which must stay the same for ever
STUDENTS = [b"student-%04d" % number for number in range(1, 3001)]  # four pairs of them have the same best candidate


@pytest.fixture
def aliases():
    return Aliases()


def first(name):
    return next(candidates(name, FIELD))


def test_only_names_that_are_too_long_for_a_protocol_get_an_alias(aliases):
    assert LONGEST_FOR_ALL == FIELD == PROTOCOLS["binary"].TRAITS.longest_name
    assert aliases.hold(b"0123456789") is None
    assert aliases.hold(b"0123456789a") == first(b"0123456789a")
    assert aliases.of([b"0123456789", b"0123456789a", b"somebody-else"]) == {b"0123456789a": first(b"0123456789a")}
    assert aliases.alias(b"0123456789") is None and aliases.alias(b"0123456789a") == first(b"0123456789a")


def test_everybody_has_an_alias_of_their_own_and_most_have_the_best_one(aliases):
    given_out = [aliases.hold(name) for name in STUDENTS]
    assert len(set(given_out)) == len(STUDENTS)
    assert sum(alias != first(name) for name, alias in zip(STUDENTS, given_out)) == 4
    assert [aliases.name(alias) for alias in given_out] == STUDENTS


def test_whoever_comes_first_has_the_first_choice_and_whoever_comes_next_the_next(aliases):
    one, other = STUDENTS[104], STUDENTS[1500]
    best, second = itertools.islice(candidates(other, FIELD), 2)
    assert first(one) == best
    assert (aliases.hold(one), aliases.hold(other)) == (best, second)
    aliases.free(one)
    assert aliases.of([one, other]) == {other: second}, "an alias changed while its name was held"
    assert (aliases.name(best), aliases.name(second)) == (None, other)


def test_a_name_that_is_held_twice_keeps_its_alias_until_it_is_freed_twice(aliases):
    alias = aliases.hold(NAME)
    assert aliases.hold(NAME) == alias
    aliases.free(NAME)
    assert aliases.name(alias) == NAME
    aliases.free(NAME)
    assert aliases.name(alias) is None
    assert aliases.of([NAME]) == {}


def test_nothing_is_remembered_of_who_has_gone(aliases):
    for name in STUDENTS + [b"ann"]:
        aliases.hold(name)
    for name in STUDENTS + [b"ann"]:
        aliases.free(name)
    assert vars(aliases) == vars(Aliases())


def test_there_is_an_alias_however_many_candidates_are_taken(aliases, monkeypatch):
    shared = [b"a|%04d" % number for number in range(100)]
    monkeypatch.setattr(aliases_module, "candidates", lambda name, longest: iter(shared))
    assert [aliases.hold(b"name-number-%d" % number) for number in range(100)] == shared


# ---- what may be one


def test_a_candidate_is_the_beginning_of_a_name_and_something_of_all_of_it():
    assert first(NAME) == FIRST
    assert first(b"same-ten-b-one")[:6] == first(b"same-ten-b-two")[:6] == b"same-|"
    assert first(b"same-ten-b-one") != first(b"same-ten-b-two")


@pytest.mark.parametrize("name, beginning", [
    ("123\u00fc56789ab", "123\u00fc"), ("1234\u00fc6789a", "1234"), ("\U0001f600\U0001f600\U0001f600", "\U0001f600"),
    ("\u20ac\u20ac\u20ac\u20ac", "\u20ac"),
])  # fmt: skip
def test_an_alias_is_cut_between_characters(name, beginning):
    assert first(name.encode()).decode()[:-5] == beginning


@pytest.mark.slow
@given(st.text(min_size=1, max_size=32))
def test_no_alias_is_a_name_and_all_fit(text):
    try:
        name = canonical_name(text.encode("utf-8", "replace"))
    except InvalidName:
        return
    if len(name) <= FIELD:
        return
    several = list(itertools.islice(candidates(name, FIELD), 20))
    assert len(set(several)) > 15
    for alias in (*several, shortened(name, FIELD, {})):
        assert len(alias) <= FIELD
        assert name.startswith(alias[:alias.index(b"|")])
        with pytest.raises(InvalidName):
            canonical_name(alias)


# ---- how a name is shown in a short field


def test_a_short_name_is_its_own_short_form():
    assert shortened(b"0123456789", FIELD, {b"0123456789": b"0|"}) == b"0123456789"
    assert shortened(b"a", FIELD, {}) == b"a"


def test_a_long_name_is_shown_by_its_alias():
    assert shortened(NAME, FIELD, {NAME: FIRST}) == FIRST


@given(st.binary(min_size=FIELD + 1, max_size=LONGEST))
def test_the_name_of_somebody_who_is_not_here_is_cut_and_is_nobodys_alias(name):
    shown = shortened(name, FIELD, {})
    assert len(shown) <= FIELD and shown.endswith(b"|") and name.startswith(shown[:-1])


def test_the_cut_is_between_characters():
    assert shortened("12345678\u00fcab".encode(), FIELD, {}) == b"12345678|"
