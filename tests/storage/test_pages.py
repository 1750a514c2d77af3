"""What was said is told by numbers: pages of it, and what somebody has missed. One set of claims for every store."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.server.storage import pages as pages_module
from parley.server.storage.memory import Store

SECOND = 1600000000
LOBBY, DEV = 0, 1
NAMES = [b"ann", b"bob", b"cid"]
SAID = st.lists(st.one_of(
    st.tuples(st.just("talk"), st.sampled_from([LOBBY, DEV]), st.integers(1, 3)),
    st.tuples(st.just("whisper"), st.sampled_from(NAMES), st.sampled_from(NAMES))), max_size=25)
NUMBER = st.one_of(st.none(), st.integers(0, 45))


def fill(store, spoken, said):
    """Say it; gives (number, where, sender, to whom, text) of each message."""
    everything = []
    for index, (kind, one, other) in enumerate(said):
        text = b"%d" % index
        if kind == "talk":
            store.talk(spoken(*[text] * other, room=one))
            everything += [(len(everything) + 1 + number, one, b"ann", b"", text) for number in range(other)]
        else:
            store.whisper(one, other, text, False)
            everything.append((len(everything) + 1, tuple(sorted([one, other])), one, other, text))
    return everything


def page_of(messages, before, after, most):
    """As the claims have it: (messages, more)."""
    found = [message for message in messages
             if (before is None or message[0] < before) and (after is None or message[0] > after)]
    if after is None:
        return found[max(0, len(found) - most):], len(found) > most
    return found[:most], len(found) > most


@pytest.mark.parametrize("kind", ["memory", "database"])
@given(said=SAID, before=NUMBER, after=NUMBER, most=st.integers(1, 8), since=st.integers(0, 20))
def test_a_page_has_what_was_asked_for(open_empty, spoken, kind, said, before, after, most, since):
    with open_empty(kind) as store:
        everything = fill(store, spoken, said)
        for room in (LOBBY, DEV):
            wanted = page_of([(number, by, text, SECOND) for number, where, by, _, text in everything
                              if where == room and number > since], before, after, most)
            assert store.browse(room, before, after, most, since) == (*wanted, 0)
        wanted = page_of([(number, by, text, SECOND) for number, where, by, _, text in everything
                          if where == (b"ann", b"bob") and number > since], before, after, most)
        assert store.browse_direct(b"ann", b"bob", before, after, most, since)[:2] == wanted


@pytest.mark.parametrize("kind", ["memory", "database"])
@given(said=SAID, marks=st.tuples(*[st.integers(0, 45)] * 3), through=st.integers(0, 45))
def test_who_comes_back_is_told_what_follows_its_numbers(open_empty, spoken, kind, said, marks, through):
    with open_empty(kind) as store:
        everything = fill(store, spoken, said)
        lobby, dev, alone = marks
        parts, last = store.catch_up([(LOBBY, lobby), (DEV, dev)], b"ann", alone, 0, through)
        wanted = [[(number, by, b"", text, SECOND) for number, where, by, _, text in everything
                   if where == room and mark < number <= through] for room, mark in ((LOBBY, lobby), (DEV, dev))]
        wanted.append([(number, by, to, text, SECOND) for number, where, by, to, text in everything
                       if b"ann" in (by, to) and to and alone < number <= through])
        assert (parts, last) == ([(part, False) for part in wanted], 0)


def test_of_too_many_the_latest_are_told_behind_a_gap(store, spoken, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_MISSED", 5)
    monkeypatch.setattr(pages_module, "MOST_BEHIND_GAP", 2)
    for number in range(6):
        store.talk(spoken(b"%d" % number))
        store.whisper(b"bob", b"ann", b"%d" % number, False)
    for after, texts, gap in ((0, [b"4", b"5"], True), (2, [b"1", b"2", b"3", b"4", b"5"], False)):
        parts, _ = store.catch_up([(LOBBY, after)], b"ann", after, 0, 99)
        assert [([message[3] for message in messages], is_gap) for messages, is_gap in parts] == [(texts, gap)] * 2


class _Looked(list):
    """Messages that count how many of them are looked at."""

    looks = 0

    def __getitem__(self, position):
        _Looked.looks += 1
        return super().__getitem__(position)

    def __iter__(self):
        _Looked.looks += len(self)
        return super().__iter__()


def test_of_thousands_of_direct_messages_only_those_are_looked_at_that_are_told(monkeypatch):
    """The hub does that, and everybody waits meanwhile."""
    monkeypatch.setattr(pages_module, "MOST_MISSED", 5)
    store = Store(lambda: SECOND)
    for number in range(1, 901):
        store.whisper(number, 0, b"p%d" % (number % 3), b"ann", b"hi", False)
    for conversation in store._conversations.values():
        conversation.messages = _Looked(conversation.messages)
    _Looked.looks = 0
    parts, _ = store.catch_up([], b"ann", 0, 0, 900)
    assert ([message[0] for message in parts[0][0]], parts[0][1]) == ([896, 897, 898, 899, 900], True)
    assert _Looked.looks < 50


def test_all_rooms_together_have_no_more_bytes_than_are_told_at_once(store, spoken, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_MISSED_BYTES", 400)
    for room in range(6):
        store.talk(spoken(b"x" * 50, b"y" * 50, room=room))
    parts, _ = store.catch_up([(room, 0) for room in range(6)], b"ann", None, 0, 99)
    assert [(len(messages), gap) for messages, gap in parts] == [(2, False)] * 2 + [(1, True)] * 4


def test_what_is_kept_and_has_no_number_any_more_is_told_too(store):
    store.open_account(b"ann", None)
    store.keep(b"bob", b"ann", b"forgotten")
    store.whisper(b"bob", b"ann", b"known", True)
    parts, last = store.catch_up([], b"ann", 0, 0, 99)
    assert parts == [([(0, b"bob", b"ann", b"forgotten", SECOND), (1, b"bob", b"ann", b"known", SECOND)], False)]
    assert last == store.kept(b"ann")[-1][0]


def test_what_the_client_has_and_is_kept_nevertheless_is_not_told_again(store):
    store.open_account(b"ann", None)
    store.whisper(b"bob", b"ann", b"known", True)
    parts, last = store.catch_up([], b"ann", 1, 0, 99)
    assert (parts, last) == ([([], False)], store.kept(b"ann")[-1][0])
    for number, name in enumerate([b"bob", b"cid", b"dan"]):
        store.whisper(name, b"ann", b"as well", True)
        parts, last = store.catch_up([], b"ann", 2 + number, 0, 99)
        assert (parts, last) == ([([], False)], store.kept(b"ann")[-1][0])


def test_what_is_kept_is_told_though_the_other_one_has_answered_with_the_same_words(store):
    store.open_account(b"ann", None)
    store.keep(b"bob", b"ann", b"hi")
    store.whisper(b"ann", b"bob", b"hi", False)
    told, _ = store.past(b"ann", b"bob")
    assert sorted(sender for sender, _, _ in told) == [b"ann", b"bob"]


def test_the_latest_page_of_a_conversation_has_what_is_kept_of_it(store):
    store.open_account(b"ann", None)
    for text in (b"one", b"two"):
        store.whisper(b"bob", b"ann", text, True)
    last = store.kept(b"ann")[-1][0]
    for before, after, most, wanted in ((None, None, 9, last), (2, None, 9, 0), (None, 0, 1, 0), (None, 0, 9, last)):
        assert store.browse_direct(b"ann", b"bob", before, after, most, 0)[2] == wanted


def test_an_account_is_not_told_what_was_said_before_it_was_made(store):
    store.whisper(b"bob", b"ann", b"old", False)
    store.open_account(b"ann", None)
    store.whisper(b"bob", b"ann", b"new", False)
    assert [message[2] for message in store.browse_direct(b"ann", b"bob", None, None, 9, 0)[0]] == [b"new"]
    assert [message[3] for message in store.catch_up([], b"ann", 0, 0, 99)[0][0][0]] == [b"new"]
    assert [message[2] for message in store.browse_direct(b"bob", b"ann", None, None, 9, 0)[0]] == [b"old", b"new"]
