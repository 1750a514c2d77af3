"""Everybody the chat knows of, in order."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.server.chat.roll import Roll
from parley.server.protocols.text import folded

# What a worker is told, and whether the list of users is another one then.
CHANGES = [
    lambda roll: roll.enter(b"dan"),
    lambda roll: roll.leave(b"bob"),
    lambda roll: roll.rename(b"bob", b"rob"),
    lambda roll: roll.open(b"dan"),
    lambda roll: roll.close(b"ann"),
]

PATTERNS = [
    (None, [b"ann", b"zoe", b"bob", "\u00e4nn".encode()]),
    (b"*", [b"ann", b"zoe", b"bob", "\u00e4nn".encode()]),
    (b"?o?", [b"zoe", b"bob"]),
    ("?nn".encode(), [b"ann", "\u00e4nn".encode()]),
    ("\u00e4*".encode(), ["\u00e4nn".encode()]),
    (b"x*", []),
    (b"", []),
    (b"\xff*", []),
]


@pytest.fixture
def roll():
    """Accounts ann and zoe, of whom zoe is here, and bob and another ann without an account."""
    one = Roll()
    one.open(b"ann")
    one.open(b"zoe")
    for name in (b"bob", b"zoe", "\u00e4nn".encode()):
        one.enter(name)
    one.changed = False
    return one


def test_members_are_in_the_order_of_their_logins():
    roll = Roll()
    for name in (b"zoe", b"ann", b"bob"):
        roll.enter(name)
    roll.leave(b"zoe")
    roll.enter(b"zoe")
    assert roll.present() == [b"ann", b"bob", b"zoe"]


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave", "rename", "look"]), st.sampled_from(range(40)))))
def test_it_is_a_list_of_names_however_they_come_and_go(actions):
    roll, expected = Roll(), [b"name%d" % number for number in range(20)]
    for name in expected:
        roll.enter(name)
    for action, number in actions:
        name = b"name%d" % number
        if action == "enter" and name not in expected:
            roll.enter(name)
            expected.append(name)
        elif action == "leave" and name in expected:
            roll.leave(name)
            expected.remove(name)
        elif action == "rename" and expected and name not in expected:
            roll.rename(expected[0], name)
            expected[0] = name
        elif action == "look":
            assert roll.present() == expected
    assert roll.present() == expected


def test_a_renamed_member_keeps_its_place(roll):
    roll.rename(b"bob", b"rob")
    assert roll.present() == [b"rob", b"zoe", "\u00e4nn".encode()]


def test_known_are_the_accounts_in_order_and_then_the_members_without_one(roll):
    assert roll.known() == [b"ann", b"zoe", b"bob", "\u00e4nn".encode()]
    roll.enter(b"ann")
    assert roll.known() == [b"ann", b"zoe", b"bob", "\u00e4nn".encode()]
    roll.close(b"zoe")
    assert roll.known() == [b"ann", b"bob", b"zoe", "\u00e4nn".encode()]


@pytest.mark.parametrize("pattern, names", PATTERNS)
def test_a_pattern_finds_whom_it_matches_in_the_same_order(roll, pattern, names):
    assert roll.known(pattern) == names


def test_users_are_all_that_are_known_and_whether_they_are_here(roll):
    assert roll.users() == [(b"ann", False), (b"zoe", True), (b"bob", True), ("\u00e4nn".encode(), True)]


@pytest.mark.parametrize("change", CHANGES)
def test_it_knows_that_it_has_changed(roll, change):
    roll.present(), roll.known(), roll.users()
    assert not roll.changed
    change(roll)
    assert roll.changed


def test_what_was_given_does_not_change_any_more(roll):
    present, users = roll.present(), roll.users()
    roll.leave(b"bob")
    assert b"bob" in present and (b"bob", True) in users


NAMES_IN_CASES = [b"ann", b"Ann", b"ANN", "\u00e4".encode(), "\u00c4".encode(), "\uff41nn".encode(), b"bob"]


@given(st.lists(st.tuples(
    st.sampled_from(["enter", "leave", "rename", "open", "close"]), st.sampled_from(NAMES_IN_CASES),
    st.sampled_from(NAMES_IN_CASES))))
def test_a_name_means_who_is_here_or_else_an_account_in_whatever_case_it_is_written(actions):
    roll, here, accounts = Roll(), [], []
    for action, name, other in actions:
        if action == "enter" and name not in here:
            here.append(name)
            roll.enter(name)
        elif action == "leave" and name in here:
            here.remove(name)
            roll.leave(name)
        elif action == "rename" and name in here and other not in here:
            here[here.index(name)] = other
            roll.rename(name, other)
        elif action == "open" and name not in accounts:
            accounts.append(name)
            roll.open(name)
        elif action == "close" and name in accounts:
            accounts.remove(name)
            roll.close(name)
        for wanted in NAMES_IN_CASES:
            meant = roll.meant(wanted)
            alike = [[one for one in names if folded(one) == folded(wanted)] for names in (here, accounts)]
            if wanted in (*here, *accounts):
                assert meant == wanted
            elif alike[0] or alike[1]:
                assert meant in (alike[0] or alike[1])
            else:
                assert meant == wanted


def test_somebody_is_found_by_an_alias_however_names_come_and_go():
    roll, shown = Roll(), lambda name: name.replace(b".", b"|")
    roll.enter(b"a.b")
    assert roll.with_alias(b"a|b", shown) == b"a.b" and roll.with_alias(b"ann", shown) is None
    roll.open(b"c.d")
    roll.enter(b"c.d")
    roll.rename(b"a.b", b"e.f")
    roll.open(b"e.f")
    roll.close(b"e.f")
    roll.leave(b"c.d")
    assert [roll.with_alias(alias, shown) for alias in (b"a|b", b"c|d", b"e|f")] == [None, b"c.d", b"e.f"]
    roll.close(b"c.d")
    roll.leave(b"e.f")
    assert [roll.with_alias(alias, shown) for alias in (b"c|d", b"e|f")] == [None, None]
