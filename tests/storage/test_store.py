"""What every store promises: one set of claims, against all there are."""
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.server.chat.accounts import kept_size
from parley.server.ipc.queues import EXTRA, record, talk
from parley.server.protocols.events import REDACTED, Reason
from parley.server.storage import pages as pages_module
from parley.server.storage.pages import MOST_MARKERS
from parley.server.storage.talk import Talk

SECOND = 1600000000
NAMES = [b"ann", b"ANN", b"an", b"ann'", "\u00e4nn".encode(), "\U0001f600".encode()]
TEXTS = [b"hi", b"a\nb\tc", "\u00e9\u00fc\U0001f600".encode(), b"'; DROP TABLE messages; --", b" ", b"x" * 16384]


def numbers(messages):
    return [message[0] for message in messages]


def texts(messages):
    """Of messages with or without a number."""
    return [message[-2] for message in messages]


def all_of_lobby(store, most=1000):
    """As a client reads it that asks on until there is no more."""
    found, last, more = [], 0, True
    while more:
        messages, last, more = store.lobby(last, most)
        found += messages
    return found


# ---- numbers


def test_messages_are_numbered_in_their_order_whatever_frame_they_came_in(store, spoken):
    store.talk(spoken(b"1", b"2", b"3"))
    store.talk(spoken())
    store.talk(spoken(b"4"))
    found, last, more = store.lobby(0, 10)
    assert found == [(number, b"ann", b"%d" % number, SECOND) for number in (1, 2, 3, 4)]
    assert (last, more) == (4, False)


def test_whispers_and_talk_are_numbered_alike(store, spoken):
    store.talk(spoken(b"1"))
    store.whisper(b"ann", b"bob", b"2", True)
    store.talk(spoken(b"3"))
    store.whisper(b"ann", b"bob", b"4", False)
    assert numbers(store.lobby(0, 10)[0]) == [1, 3]
    assert store.lobby(3, 10) == ([], 4, False)


def test_a_write_gives_true(store, spoken):
    assert store.open_account(b"ann", None) is True
    assert store.protect(b"ann", "secret") is True
    assert store.talk(spoken(b"hi")) is True
    assert store.whisper(b"bob", b"ann", b"hi", True) is True
    assert store.taken(b"ann", 9) is True
    assert store.taken(b"nobody", 9) is True
    assert store.keep(b"bob", b"ann", b"hi", "192.0.2.1") is True
    assert store.use(b"ann") is True
    assert store.close_account(b"ann") is True
    assert store.close_account(b"ann") is True  # somebody else has asked for that too
    assert store.protect(b"ann", "secret") is True
    assert store.accounts() == []


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:20])
def test_texts_and_names_come_back_as_they_were(store, spoken, text):
    for name in NAMES:
        store.talk(spoken(text, sender=name))
        store.whisper(name, b"bob", text, True)
        assert store.conversation(b"bob", name) == [(name, text, SECOND)]
    assert [message[1:] for message in all_of_lobby(store)] == [(name, text, SECOND) for name in NAMES]
    assert [message[1:] for message in store.kept(b"bob")] == [(name, text, SECOND) for name in NAMES]


def test_a_message_has_the_time_at_which_the_server_had_it(store, spoken, clock):
    for when in (1500000000.2, 1700000000.9, 1600000000.5):  # a clock may be set back; the order stays
        clock.now = when
        store.talk(spoken(b"hi"))
        store.whisper(b"ann", b"bob", b"hi", True)
    times = [1500000000, 1700000000, 1600000000]
    for found in (store.lobby(0, 9)[0], store.conversation(b"ann", b"bob"), store.kept(b"bob")):
        assert [message[-1] for message in found] == times
        assert all(type(message[-1]) is int for message in found)


# ---- rooms


def all_of_room(store, room, most=1000, after=0):
    """As a client reads it that asks on until there is no more."""
    found, last, more = [], 0, True
    while more:
        messages, last, more = store.room(room, last, most, after)
        found += messages
    return found


def test_what_is_said_in_a_room_has_places_there_without_a_gap(store, spoken):
    for number, room in enumerate([7, 0, 7, 8, 7, 8]):
        store.talk(spoken(b"%d" % number, b"and on", room=room))
        store.whisper(b"ann", b"bob", b"hi", False)
    said = [b"0", b"and on", b"2", b"and on", b"4", b"and on"]
    assert all_of_room(store, 7) == [(place, b"ann", text, SECOND) for place, text in enumerate(said, 1)]
    assert texts(all_of_room(store, 8)) == [b"3", b"and on", b"5", b"and on"]
    assert texts(all_of_lobby(store)) == [b"1", b"and on"]
    assert numbers(all_of_lobby(store)) == [4, 5]
    assert all_of_room(store, 0) == [(1, b"ann", b"1", SECOND), (2, b"ann", b"and on", SECOND)]


def test_of_a_room_in_which_nothing_was_said_there_is_nothing(store, spoken):
    for since in (None, 0, 7, 1 << 70, -1 << 70):
        assert store.room(5, since, 10, 0) == store.room(0, since, 10, 0) == ([], 0, False)


def test_a_room_is_told_in_pages_by_places(store, spoken):
    store.talk(spoken(b"in the lobby", b"in the lobby"))
    store.talk(spoken(*[b"%d" % number for number in range(1, 5)], room=1))
    store.talk(spoken(*[b"%d" % number for number in range(5, 8)], room=1))
    assert [(numbers(found), last, more) for found, last, more in (
        store.room(1, since, 3, 0) for since in (0, 3, 6, 7, 1 << 70, -1 << 70, None))] == [
            ([1, 2, 3], 3, True), ([4, 5, 6], 6, True), ([7], 7, False), ([], 7, False), ([], 7, False),
            ([1, 2, 3], 3, True), ([5, 6, 7], 7, False)]
    assert store.room(1, 4, 3, 0)[1:] == (7, False)


def test_nothing_is_told_of_a_room_up_to_a_number(store, spoken):
    store.talk(spoken(b"in the lobby", b"in the lobby"))  # 1, 2
    store.talk(spoken(b"3", b"4", room=1))
    store.whisper(b"ann", b"bob", b"5", False)
    store.talk(spoken(b"6", b"7", room=1))
    for after, expected in [(0, b"3467"), (2, b"3467"), (3, b"467"), (4, b"67"), (5, b"67"), (6, b"7"), (7, b""),
                            (1 << 70, b"")]:
        told = texts(store.room(1, 0, 9, after)[0])
        assert b"".join(told) == expected
        assert texts(store.room(1, None, 9, after)[0]) == told
        assert texts(all_of_room(store, 1, 1, after)) == told
        assert texts(store.room(1, None, 1, after)[0]) == told[-1:]
    assert store.room(1, 2, 9, 3) == ([(3, b"ann", b"6", SECOND), (4, b"ann", b"7", SECOND)], 4, False)
    assert store.room(1, 0, 9, 7) == store.room(1, None, 9, 7) == ([], 4, False)


def test_no_more_of_a_room_is_told_at_once_than_of_the_lobby(store, spoken, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_MESSAGES", 3)
    monkeypatch.setattr(pages_module, "MOST_BYTES", 5)
    store.talk(spoken(b"1", b"2", b"3", b"4", b"much too long", b"5", b"67", b"89", room=1))
    assert texts(store.room(1, 0, 99, 0)[0]) == [b"1", b"2", b"3"]
    assert texts(store.room(1, 3, 99, 0)[0]) == [b"4"]
    assert texts(store.room(1, None, 99, 0)[0]) == [b"5", b"67", b"89"]
    assert len(all_of_room(store, 1)) == 8


def test_what_was_said_in_a_room_that_is_closed_is_gone_and_that_in_others_is_not(store, spoken):
    assert store.keep_room(1, b"#one", "{}") is True
    for room in (0, 1, 2):
        store.talk(spoken(b"%d" % room, room=room))
    assert store.close_room(1) is True
    assert store.close_room(3) is True
    assert store.room(1, 0, 9, 0) == ([], 0, False)
    assert texts(all_of_room(store, 2)) == [b"2"]
    assert texts(all_of_lobby(store)) == [b"0"]


def test_of_each_room_so_many_messages_are_told_and_of_the_lobby_all(kind, spoken, open_empty):
    with open_empty(kind, keep_room_messages=3) as store:
        for room in (0, 1, 2, 1, 1):
            store.talk(spoken(b"1", b"2", room=room))
        assert numbers(all_of_room(store, 1)) == numbers(store.room(1, None, 9, 0)[0]) == [4, 5, 6]
        assert numbers(all_of_room(store, 2)) == [1, 2]
        assert len(all_of_lobby(store)) == 2
        store.talk(spoken(*[b"x"] * 9, room=2))
        assert store.room(2, 1, 2, 0) == ([(9, b"ann", b"x", SECOND), (10, b"ann", b"x", SECOND)], 10, True)


def test_an_account_that_is_named_like_a_room_of_the_store_is_none(store, spoken):
    store.open_account(b"#1", None)
    store.talk(spoken(b"in the room", room=1))
    store.whisper(b"#1", b"ann", b"hi", False)
    assert texts(all_of_room(store, 1)) == [b"in the room"]
    assert texts(store.conversation(b"#1", b"ann")) == [b"hi"]
    store.close_account(b"#1")
    assert texts(all_of_room(store, 1)) == [b"in the room"]
    assert store.conversation(b"ann", b"#1") == []


# ---- the lobby


def test_of_an_empty_lobby_there_is_nothing_and_no_more(store):
    for since in (None, 0, 7):
        assert store.lobby(since, 10) == ([], 0, False)


def test_lately_is_the_latest_oldest_first(store, spoken):
    store.talk(spoken(b"1", b"2", b"3"))
    store.talk(spoken(b"4", b"5"))
    for most, expected in [(1, [5]), (2, [4, 5]), (3, [3, 4, 5]), (9, [1, 2, 3, 4, 5]), (2, [4, 5])]:
        found, last, more = store.lobby(None, most)
        assert (numbers(found), last, more) == (expected, 5, False)
    store.talk(spoken(b"6"))
    assert numbers(store.lobby(None, 2)[0]) == [5, 6]


def test_what_follows_a_number_is_told_in_pages(store, spoken):
    store.talk(spoken(*[b"%d" % number for number in range(1, 8)]))
    assert [(numbers(found), last, more) for found, last, more in (
        store.lobby(0, 3), store.lobby(3, 3), store.lobby(6, 3), store.lobby(7, 3), store.lobby(99, 3))] == [
            ([1, 2, 3], 3, True), ([4, 5, 6], 6, True), ([7], 7, False), ([], 7, False), ([], 7, False)]


def test_what_exactly_fills_a_page_is_complete(store, spoken):
    store.talk(spoken(b"1", b"2", b"3"))
    assert store.lobby(0, 3)[1:] == (3, False)
    assert store.lobby(1, 2)[1:] == (3, False)


def test_no_more_than_the_most_is_told_at_once(store, spoken, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_MESSAGES", 3)
    store.talk(spoken(*[b"%d" % number for number in range(1, 8)]))
    assert numbers(store.lobby(None, 99)[0]) == [5, 6, 7]
    assert [numbers(store.lobby(0, 99)[0]), store.lobby(0, 99)[2]] == [[1, 2, 3], True]
    assert len(all_of_lobby(store, 99)) == 7


def test_no_more_bytes_than_the_most_are_told_at_once_but_always_something(store, spoken, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_BYTES", 5)
    store.talk(spoken(b"one", b"two", b"3", b"much too long", b"5"))
    pages, last, more = [], 0, True
    while more:
        found, last, more = store.lobby(last, 99)
        pages.append(texts(found))
    assert pages == [[b"one"], [b"two", b"3"], [b"much too long"], [b"5"]]
    assert texts(store.lobby(None, 99)[0]) == [b"5"]


OPERATIONS = st.lists(st.one_of(
    st.tuples(st.just("talk"), st.lists(st.integers(0, 9), max_size=4)), st.tuples(st.just("whisper"), st.just(None)),
    st.tuples(st.just("ask"), st.integers(1, 5))), max_size=30)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "database"])
def test_whoever_asks_on_from_the_last_number_misses_nothing_and_gets_nothing_twice(
        kind, open_empty, spoken, small_pages):

    @given(OPERATIONS)
    def property_(operations):
        said, heard, last, number = [], [], 0, 0
        with open_empty(kind) as store:
            for operation, argument in operations + [("ask", 3)] * 60:
                if operation == "talk":
                    store.talk(spoken(*[b"x" * size for size in argument]))
                    said += [(number + place, size) for place, size in enumerate(argument, 1)]
                    number += len(argument)
                elif operation == "whisper":
                    store.whisper(b"ann", b"bob", b"hi", False)
                    number += 1
                else:
                    before = last
                    messages, last, more = store.lobby(before, argument)
                    heard += [(message[0], len(message[2])) for message in messages]
                    assert last == (messages[-1][0] if messages else number) >= before
                    assert more == (len(heard) < len(said))
        assert heard == said

    property_()


@pytest.fixture(scope="module")
def small_pages():
    """At most 3 messages and 12 bytes are told at once."""
    before = pages_module.MOST_MESSAGES, pages_module.MOST_BYTES
    pages_module.MOST_MESSAGES, pages_module.MOST_BYTES = 3, 12
    yield
    pages_module.MOST_MESSAGES, pages_module.MOST_BYTES = before


# ---- what is kept


def test_what_is_kept_is_in_order_until_it_is_taken(store):
    for number in range(1, 5):
        store.whisper(b"bob", b"ann", b"%d" % number, number != 2)
    kept = store.kept(b"ann")
    assert texts(kept) == [b"1", b"3", b"4"]
    assert numbers(kept) == sorted(set(numbers(kept)))
    assert store.kept(b"ann") == kept  # reading takes nothing
    store.taken(b"ann", kept[1][0])
    assert store.kept(b"ann") == kept[2:]
    store.taken(b"ann", kept[1][0])
    assert store.kept(b"ann") == kept[2:]
    store.taken(b"ann", kept[2][0])
    assert store.kept(b"ann") == []


def test_what_has_not_arrived_is_kept_behind_the_rest_and_is_no_new_message(store):
    store.whisper(b"bob", b"ann", b"1", True)
    store.whisper(b"bob", b"ann", b"2", False)
    before = store.conversation(b"ann", b"bob")
    store.keep(b"bob", b"ann", b"2")
    kept = store.kept(b"ann")
    assert texts(kept) == [b"1", b"2"] and numbers(kept) == sorted(set(numbers(kept)))
    assert store.conversation(b"ann", b"bob") == before
    store.taken(b"ann", kept[1][0])
    assert store.kept(b"ann") == []


def test_what_is_kept_for_one_is_nobody_elses(store):
    for name in NAMES:
        store.whisper(b"bob", name, name, True)
    store.taken(NAMES[0], 1 << 40)
    assert [texts(store.kept(name)) for name in NAMES] == [[]] + [[name] for name in NAMES[1:]]
    assert store.kept(b"bob") == []


def test_what_was_kept_has_another_id_than_what_is_kept_later(store):
    found = []
    for _ in range(3):
        store.whisper(b"bob", b"ann", b"hi", True)
        found += numbers(store.kept(b"ann"))
        store.taken(b"ann", found[-1])
    assert found == sorted(set(found))


def test_what_was_told_of_it_does_not_change_any_more(store):
    store.whisper(b"bob", b"ann", b"one", True)
    kept, conversation = store.kept(b"ann"), store.conversation(b"ann", b"bob")
    before = list(kept), list(conversation)
    store.whisper(b"bob", b"ann", b"two", True)
    store.taken(b"ann", kept[0][0])
    assert (kept, conversation) == before


SOURCES = ["192.0.2.1", "2001:db8::/64", ""]


def test_a_box_is_told_by_the_addresses_that_its_messages_came_from(store, clock):
    assert store.box(b"ann") == ([], None)
    for number, source in enumerate([SOURCES[0], SOURCES[1], SOURCES[0], SOURCES[2]]):
        clock.now = SECOND - number
        store.whisper(b"bob", b"ann", b"x" * number, True, source)
    store.whisper(b"bob", b"ann", b"not kept", False, SOURCES[0])
    store.keep("\u00e4nn".encode(), b"ann", "\u00e9".encode(), SOURCES[1])
    assert store.box(b"ann") == ([
        (SOURCES[0], 2, kept_size(b"bob", b"") + kept_size(b"bob", b"xx")),
        (SOURCES[1], 2, kept_size(b"bob", b"x") + kept_size(b"nnnn", b"ee")),
        (SOURCES[2], 1, kept_size(b"bob", b"xxx")),
    ], SECOND - 3)
    store.taken(b"ann", store.kept(b"ann")[3][0])
    assert store.box(b"ann") == ([(SOURCES[1], 1, kept_size(b"nnnn", b"ee"))], SECOND - 3)


def test_a_box_can_be_seen_from_outside(store, clock):
    for number, source in enumerate(SOURCES):
        clock.now = SECOND + number
        store.whisper(b"bob%d" % number, b"ann", "\u00e9".encode() * number, True, source)
    ids = numbers(store.kept(b"ann"))
    seen = [(ids[number], b"bob%d" % number, source, SECOND + number, 2 * number)
            for number, source in enumerate(SOURCES)]
    assert store.outside(b"ann", 0, 9) == seen
    assert store.outside(b"ann", ids[0], 1) == seen[1:2]
    assert store.outside(b"ann", ids[-1], 9) == store.outside(b"bob", 0, 9) == []


def test_what_was_kept_before_a_time_is_forgotten(store, clock):
    for number in range(5):
        clock.now = SECOND + number
        store.whisper(b"bob", b"ann", b"%d" % number, True)
        store.whisper(b"bob", b"cid", b"%d" % number, True)
    assert store.expire(b"ann", SECOND + 3) is True
    assert texts(store.kept(b"ann")) == [b"3", b"4"]
    assert len(store.kept(b"cid")) == 5
    assert store.expire(b"ann", SECOND + 99) is store.expire(b"nobody", SECOND + 99) is True
    assert (store.kept(b"ann"), store.box(b"ann")) == ([], ([], None))
    assert texts(store.conversation(b"ann", b"bob"))[-1] == b"4"


def test_what_was_kept_under_a_clock_that_was_ahead_is_forgotten_with_what_came_after_it(store, clock):
    for text, now in ((b"one", 0), (b"ahead", 10 ** 9), (b"two", 1), (b"ahead again", 10 ** 9), (b"three", 5)):
        clock.now = SECOND + now
        store.whisper(b"bob", b"ann", text, True)
    store.expire(b"ann", SECOND)
    assert len(store.kept(b"ann")) == 5
    store.expire(b"ann", SECOND + 1)  # nobody knows when "ahead" was said, but "two" is to be kept
    assert texts(store.kept(b"ann")) == [b"ahead", b"two", b"ahead again", b"three"]
    store.expire(b"ann", SECOND + 2)
    assert texts(store.kept(b"ann")) == [b"ahead again", b"three"]
    store.expire(b"ann", SECOND + 6)
    assert store.kept(b"ann") == []


def test_a_clock_that_was_set_back_makes_nothing_too_old(store, clock):
    store.whisper(b"bob", b"ann", b"one", True)
    clock.now = SECOND - 10 ** 9
    store.whisper(b"bob", b"ann", b"two", True)
    store.expire(b"ann", int(clock.now) - 10)
    assert texts(store.kept(b"ann")) == [b"one", b"two"]


def test_before_the_epoch_it_is_its_second(store, clock, spoken):
    clock.now = -5.5
    store.talk(spoken(b"hi"))
    store.whisper(b"bob", b"ann", b"hi", True)
    store.open_account(b"cid", None)
    assert store.lobby(0, 9)[0][0][-1] == store.conversation(b"ann", b"bob")[0][-1] == store.kept(b"ann")[0][-1] == 0
    assert store.listed(b"", 9) == [(b"cid", False, 0, 0, 0, None)]


# ---- conversations


def test_a_conversation_is_the_same_from_both_sides_and_nobody_elses(store):
    store.whisper(b"ann", b"bob", b"one", False)
    store.whisper(b"bob", b"ann", b"two", True)
    store.whisper(b"bob", b"cid", b"three", False)
    expected = [(b"ann", b"one", SECOND), (b"bob", b"two", SECOND)]
    assert store.conversation(b"ann", b"bob") == store.conversation(b"bob", b"ann") == expected
    assert store.conversation(b"ann", b"cid") == store.conversation(b"ann", b"ann") == []
    assert store.conversation(b"nobody", b"") == []


def test_who_talks_to_itself_has_a_conversation_of_one(store):
    store.whisper(b"ann", b"ann", b"one", False)
    store.whisper(b"ann", b"bob", b"two", False)
    assert texts(store.conversation(b"ann", b"ann")) == [b"one"]


def test_of_a_conversation_the_latest_is_told(store, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_MESSAGES", 3)
    for number in range(5):
        store.whisper(b"ann", b"bob", b"%d" % number, False)
    assert texts(store.conversation(b"bob", b"ann")) == [b"2", b"3", b"4"]


def test_of_a_conversation_no_more_bytes_than_the_most_are_told(store, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_BYTES", 5)
    for text in (b"one", b"two", b"4"):
        store.whisper(b"ann", b"bob", text, False)
    assert texts(store.conversation(b"ann", b"bob")) == [b"two", b"4"]
    store.whisper(b"ann", b"bob", b"much too long", False)
    assert texts(store.conversation(b"ann", b"bob")) == [b"much too long"]


def test_no_conversation_is_part_of_the_lobby(store, spoken):
    store.talk(spoken(b"said to all"))
    store.whisper(b"ann", b"lobby", b"said to one", False)
    assert texts(all_of_lobby(store)) == [b"said to all"]


# ---- accounts


def test_accounts_are_in_the_order_of_their_creation(store):
    for name in (b"zoe", b"ann", "\u00e4nn".encode(), b"bob"):
        store.open_account(name, None)
    store.close_account(b"ann")
    store.open_account(b"ann", "secret")
    store.protect(b"zoe", "other")
    assert store.accounts() == [
        (b"zoe", "other", 0, 0), ("\u00e4nn".encode(), None, 0, 0), (b"bob", None, 0, 0), (b"ann", "secret", 0, 0)]


def test_with_an_account_is_told_how_much_is_kept_for_it(store):
    for name in (b"ann", b"bob", b"cid"):
        store.open_account(name, None)
    store.whisper(b"bob", b"ann", "\u00e9\u00e9".encode(), True)
    store.whisper(b"bob", b"ann", b"123", True)
    store.whisper(b"bob", b"ann", b"not kept", False)
    store.whisper(b"ann", b"bob", b"x", True)
    assert store.accounts() == [(b"ann", None, 2, 7), (b"bob", None, 1, 1), (b"cid", None, 0, 0)]
    store.taken(b"ann", store.kept(b"ann")[0][0])
    assert store.accounts()[0] == (b"ann", None, 1, 3)


def test_accounts_are_listed_by_their_names_in_pages(store, clock):
    names = [b"zoe", b"ann", "\u00e4nn".encode(), "\U0001f600".encode(), "\uffee".encode(), b"Bob"]
    for number, name in enumerate(names):
        clock.now = SECOND + number
        store.open_account(name, "secret" if number % 2 else None)
    store.whisper(b"zoe", b"ann", "\u00e9".encode(), True)
    store.whisper(b"zoe", b"ann", b"123", True)
    clock.now = SECOND + 60
    store.use(b"zoe")
    assert store.use(b"nobody") is True
    everybody = [(name, bool(number % 2), *((2, 5) if name == b"ann" else (0, 0)), SECOND + number,
                  SECOND + 60 if name == b"zoe" else None) for number, name in enumerate(names)]
    assert store.listed(b"", 99) == sorted(everybody)
    pages, after = [], b""
    while True:
        page = store.listed(after, 4)
        if not page:
            break
        pages.append(len(page))
        after = page[-1][0]
    assert pages == [4, 2]
    store.close_account(b"Bob")
    store.protect(b"zoe", "new")
    assert [row[:2] for row in store.listed(b"", 99)][:2] == [(b"ann", True), (b"zoe", True)]


def test_a_closed_account_takes_all_that_was_said_to_it_or_by_it(store, spoken):
    for name in (b"ann", b"bob"):
        store.open_account(name, None)
    store.talk(spoken(b"said to all"))
    store.whisper(b"bob", b"ann", b"kept for ann", True)
    store.whisper(b"ann", b"bob", b"kept for bob", True)
    store.whisper(b"cid", b"ann", b"to ann", False)
    store.whisper(b"cid", b"bob", b"to bob", False)
    store.close_account(b"ann")
    store.open_account(b"ann", None)
    assert store.accounts() == [(b"bob", None, 1, 12), (b"ann", None, 0, 0)]
    assert store.kept(b"ann") == []
    assert store.conversation(b"ann", b"bob") == store.conversation(b"cid", b"ann") == []
    assert texts(store.conversation(b"cid", b"bob")) == [b"to bob"]
    assert texts(store.kept(b"bob")) == [b"kept for bob"]  # it is bob's
    assert texts(all_of_lobby(store)) == [b"said to all"]
    store.whisper(b"bob", b"ann", b"new", False)
    assert texts(store.conversation(b"ann", b"bob")) == [b"new"]


def test_a_new_account_inherits_nothing_that_was_said_to_or_by_its_name_before(store):
    store.whisper(b"bob", b"ann", b"to", True)
    store.whisper(b"ann", b"bob", b"by", False)
    store.open_account(b"ann", None)
    assert (store.kept(b"ann"), store.conversation(b"ann", b"bob")) == ([], [])
    assert texts(store.conversation(b"bob", b"ann")) == [b"to", b"by"]  # bob has said it
    store.close_account(b"ann")
    store.keep(b"bob", b"ann", b"late")
    store.whisper(b"bob", b"ann", b"too", False)
    store.open_account(b"ann", "secret")
    assert (store.kept(b"ann"), store.conversation(b"ann", b"bob")) == ([], [])
    assert store.accounts() == [(b"ann", "secret", 0, 0)]
    store.whisper(b"bob", b"ann", b"new", True)
    assert texts(store.kept(b"ann")) == texts(store.conversation(b"ann", b"bob")) == [b"new"]


# ---- both alike


def test_markers_never_go_back_and_the_oldest_goes_first(store, monkeypatch):
    assert store.markers(b"ann") == []
    for number in (7, 5):
        assert store.mark_read(b"ann", 0, b"", number) is True
    store.mark_read(b"bob", 0, b"", 2)
    assert store.markers(b"ann") == [(0, b"", 7)]
    for number in range(1, MOST_MARKERS + 2):
        store.mark_read(b"ann", 0, b"b%d" % number, 100 - number if number < 3 else 1000 - number)
    found = store.markers(b"ann")
    assert len(found) == MOST_MARKERS
    assert {(0, b"", 7), (0, b"b2", 98)}.isdisjoint(found) and (0, b"b3", 997) in found
    store.close_account(b"ann")
    assert (store.markers(b"ann"), store.markers(b"bob")) == ([], [(0, b"", 2)])


def test_the_markers_of_a_session_go_with_it(store):
    store.keep_session(b"\x01\x02", b"bob", False, 0)
    for owner in (b"0102", b"0103"):
        store.mark_read(owner, 3, b"", 7)
    store.drop_sessions([b"\x01\x02"])
    assert (store.markers(b"0102"), store.markers(b"0103")) == ([], [(3, b"", 7)])


PEOPLE = st.sampled_from([b"ann", b"bob", b"cid"])
SIZES = st.integers(1, 9).map(lambda size: b"x" * size)
REQUESTS = st.lists(st.one_of(
    st.tuples(st.just("talk"), st.lists(SIZES, max_size=3), st.integers(0, 2)),
    st.tuples(st.just("close_room"), st.integers(1, 2)),
    st.tuples(st.just("room"), st.integers(0, 2), st.one_of(st.none(), st.integers(0, 9)), st.integers(1, 5),
              st.integers(0, 40)),
    st.tuples(st.just("whisper"), PEOPLE, PEOPLE, SIZES, st.booleans()),
    st.tuples(st.just("taken"), PEOPLE, st.integers(0, 3)),
    st.tuples(st.just("reopen"), PEOPLE),
    st.tuples(st.just("lobby"), st.one_of(st.none(), st.integers(0, 40)), st.integers(1, 5)),
    st.tuples(st.just("mark_read"), PEOPLE, st.integers(0, 2), st.sampled_from([b"", b"bob"]), st.integers(0, 9)),
    st.tuples(st.just("conversation"), PEOPLE, PEOPLE)), max_size=40)


def answers(store, requests, frame):
    for name in (b"ann", b"bob", b"cid"):
        store.open_account(name, None)
    for request, *arguments in requests:
        if request == "talk":
            store.talk(frame(*arguments[0], room=arguments[1]))
        elif request == "taken":  # ids are each store's own
            kept = store.kept(arguments[0])[:arguments[1]]
            store.taken(arguments[0], kept[-1][0] if kept else 0)
        elif request == "reopen":
            store.close_account(*arguments)
            store.open_account(arguments[0], "secret")
        else:
            yield getattr(store, request)(*arguments)
        yield store.accounts()
        yield [[message[1:] for message in store.kept(name)] for name in (b"ann", b"bob", b"cid")]
        yield [sorted(store.markers(name)) for name in (b"ann", b"bob", b"cid")]


@pytest.mark.slow
def test_nobody_can_tell_one_store_from_another(open_empty, spoken, small_pages):

    @given(REQUESTS)
    def property_(requests):
        with open_empty("memory") as one, open_empty("database") as other:
            assert list(answers(one, requests, spoken)) == list(answers(other, requests, spoken))

    property_()


# ---- extras


def test_what_goes_along_with_a_message_is_no_part_of_its_text_and_has_no_place(store, spoken):
    def with_extra(text, room):
        return talk(room, 1, [record(1, b"ann", text, 7)], EXTRA)

    for room in (0, 5):
        store.talk(spoken(b"1", room=room))
        store.talk(with_extra(b"2\0more", room))
        store.talk(with_extra(b"\0more", room))
        store.talk(spoken(b"3", room=room))
        assert [message[:3] for message in store.room(room, 0, 9, 0)[0]] == [
            (1, b"ann", b"1"), (2, b"ann", b"2"), (3, b"ann", b"3")]
    assert numbers(store.lobby(0, 9)[0]) == [1, 2, 4]
    store.whisper(b"ann", b"bob", b"hi", False, "", b"", b"", b"more")
    assert store.conversation(b"ann", b"bob") == [(b"ann", b"hi", SECOND)]


def exactly(store, before=None, after=None, most=9, room=0, partner=b"", since=0, before_time=None, after_time=None,
            latest=False, name=b"ann"):
    """(messages, more) of a page."""
    return store.browse_exactly(
        room, name if partner else b"", partner, before, after, most, since, before_time, after_time, latest)[:2]


def test_of_what_was_said_to_one_alone_its_sender_alone_removes_all_but_a_word(store):
    for sender, to, text, extra in (
            (b"ann", b"bob", b"1", b"more"), (b"bob", b"ann", b"2", b""), (b"ann", b"bob", b"3", b""),
            (b"ann", b"bob", b"", b"only"), (b"ann", b"eve", b"5", b"")):
        store.whisper(sender, to, text, to == b"bob" and bool(text), "", b"", b"", extra)
    for number, sender, to, since, done in (
            (1, b"bob", b"ann", 0, False), (1, b"ann", b"eve", 0, False), (1, b"ann", b"bob", 1, False),
            (9, b"ann", b"bob", 0, False), (1, b"ann", b"dan", 0, False), (1, b"ann", b"bob", 0, True),
            (4, b"bob", b"ann", 0, False), (4, b"ann", b"bob", 0, True), (4, b"ann", b"bob", 0, False)):
        assert store.redact_alone(number, sender, to, since, b"(gone)") is done, (number, sender, to, since)
    assert [message[2] for message in exactly(store, partner=b"bob")[0]] == [b"(gone)\0" + REDACTED, b"2", b"3"]
    assert [message[2] for message in store.kept(b"bob")] == [b"(gone)", b"3"]


def test_the_past_is_told_exactly_with_extras_and_milliseconds(store, spoken, clock, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_MESSAGES", 1000)
    monkeypatch.setattr(pages_module, "MOST_BYTES", 1 << 18)
    said, began = [], int(clock.now * 1000)
    for number, text in enumerate((b"1", b"2\0two", b"\0three", b"4", b"5\0five"), 1):
        clock.now += 1.5
        store.talk(spoken(text, room=5) if b"\0" not in text else talk(
            5, 1, [record(1, b"ann", text, 7)], EXTRA))
        said.append((number, b"ann", text, began + 1500 * number))
    store.talk(spoken(b"elsewhere"))
    assert exactly(store, room=5) == (said, False)
    assert exactly(store, room=5, most=2) == (said[3:], True)
    assert exactly(store, room=5, before=4, most=2) == (said[1:3], True)
    assert exactly(store, room=5, after=1, most=2) == (said[1:3], True)
    assert exactly(store, room=5, after=1, before=5, most=9) == (said[1:4], False)
    assert exactly(store, room=5, after=1, before=5, most=1, latest=True) == (said[3:4], True)
    assert exactly(store, room=5, since=3) == (said[3:], False)
    for first, last in ((0, 5), (1, 3), (2, 2), (4, 5), (3, 1)):
        found = exactly(store, room=5, after_time=began + 1500 * first, before_time=began + 1500 * last)
        assert found == (said[first:last - 1], False), (first, last)
    assert exactly(store, room=5, after_time=began + 99000) == ([], False)
    assert exactly(store, room=5, before_time=began + 99000, most=1) == (said[4:], True)
    assert exactly(store, room=6) == ([], False)


def test_of_thousands_of_extras_only_those_that_are_told_are_looked_at():
    looked_at = []

    class Extras(dict):
        def __getitem__(self, number):
            looked_at.append(number)
            return super().__getitem__(number)

        def items(self):
            raise AssertionError("all of them")

    said = Talk()
    said.extras = Extras({number: (number, b"ann", b"x") for number in range(1, 9000)})
    assert [message[0] for message in itertools.islice(said.exactly(0, 1 << 62, True), 2)] == [8999, 8998]
    assert [message[0] for message in said.exactly(5, 8, False)] == [6, 7]
    assert len(looked_at) <= 6


def test_what_two_have_said_is_told_exactly_too(store, clock, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_MESSAGES", 1000)
    monkeypatch.setattr(pages_module, "MOST_BYTES", 1 << 18)
    store.open_account(b"ann", None)
    when = int(clock.now * 1000)
    store.whisper(b"ann", b"bob", b"1", False)
    store.whisper(b"bob", b"ann", b"2", False, "", b"", b"", b"two")
    assert exactly(store, partner=b"bob") == ([(1, b"ann", b"1", when), (2, b"bob", b"2\0two", when)], False)
    assert exactly(store, partner=b"bob", after=1) == ([(2, b"bob", b"2\0two", when)], False)
    store.whisper(b"ann", b"bob", b"", False, "", b"", b"", b"three")
    store.whisper(b"ann", b"bob", b"4", False)
    assert [message[0::2][1] for message in exactly(store, partner=b"bob")[0]] == [
        b"1", b"2\0two", b"\0three", b"4"]
    assert exactly(store, partner=b"bob", before=4, most=1) == ([(3, b"ann", b"\0three", when)], True)
    assert texts(store.conversation(b"ann", b"bob")) == [b"1", b"2", b"4"]
    store.whisper(b"ann", b"dan", b"", False, "", b"", b"", b"alone")
    assert (len(exactly(store, partner=b"dan")[0]), store.conversation(b"ann", b"dan")) == (1, [])
    assert [partner for _, partner, _ in store.partners(b"ann", [], 0, 1 << 60, 9)] == [b"bob"]
    store.open_account(b"ann", None)
    assert exactly(store, partner=b"bob") == exactly(store, partner=b"cid") == ([], False)


def test_it_is_known_where_the_latest_was_said_between_two_times(store, spoken, clock):
    began = int(clock.now * 1000)
    for room in (5, 0):
        store.talk(spoken(b"hi", room=room))
        clock.now += 1
    store.whisper(b"bob", b"ann", b"hi", False)
    store.whisper(b"bob", b"cid", b"hi", False)
    found = [(5, b"", began), (0, b"", began + 1000), (0, b"bob", began + 2000)]
    assert store.partners(b"ann", [0, 5, 6], began - 1, began + 2001, 9) == found
    assert store.partners(b"ann", [0, 5, 6], began - 1, began + 2001, 2) == found[:2]
    assert store.partners(b"ann", [0, 5], began, began + 2000, 9) == found[1:2]
    assert store.partners(b"", [5], began - 1, began + 9000, 9) == found[:1]
    store.open_account(b"ann", None)
    assert store.partners(b"ann", [], began - 1, began + 9000, 9) == []


def test_what_has_no_text_is_found_by_its_time_too(store, spoken, clock, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_MESSAGES", 1000)
    monkeypatch.setattr(pages_module, "MOST_BYTES", 1 << 18)
    times = []
    for text in (b"1", b"\0two", b"3", b"\0four"):
        clock.now += 1
        times.append(int(clock.now * 1000))
        store.talk(talk(5, 1, [record(1, b"ann", text, 7)], EXTRA) if b"\0" in text else spoken(text, room=5))

    def numbers(**asked):
        return [message[0] for message in exactly(store, room=5, **asked)[0]]

    assert numbers(before_time=times[2]) == [1, 2] and numbers(after_time=times[0], before_time=times[3]) == [2, 3]
    assert numbers(before_time=times[3] + 1) == [1, 2, 3, 4] and numbers(after_time=times[2]) == [4]


def test_of_a_message_that_is_removed_only_a_word_is_left(store, spoken, monkeypatch):
    monkeypatch.setattr(pages_module, "MOST_MESSAGES", 1000)
    monkeypatch.setattr(pages_module, "MOST_BYTES", 1 << 18)
    no = Reason.NOT_ALLOWED
    for room, first in ((5, 0), (0, 5)):
        store.talk(spoken(b"1", b"2", b"3", room=room))
        store.talk(talk(room, 1, [record(1, b"ann", b"4\0more", 7)], EXTRA))
        store.talk(talk(room, 1, [record(1, b"ann", b"\0only", 7)], EXTRA))
        for number, names, since, done in (
                (2, [b"bob"], 0, no), (2, [b"ann"], 2, no), (99, [], 0, False), (2, [b"bob", b"ann"], 1, True),
                (4, [], 0, True), (5, [b"bob"], 0, no), (5, [b"ann"], 0, True), (5, [], 0, False)):
            since += first if since else 0
            assert store.redact(room, first + number, names, since, b"(gone)") == done, (room, number)
        assert texts(store.room(room, 0, 9, 0)[0]) == [b"1", b"(gone)", b"3", b"(gone)"]
        assert [message[0::2][1] for message in exactly(store, room=room)[0]] == [
            b"1", b"(gone)\0" + REDACTED, b"3", b"(gone)\0" + REDACTED]
    assert texts(store.lobby(None, 9)[0]) == [b"1", b"(gone)", b"3", b"(gone)"]
    assert store.redact(6, 1, [], 0, b"(gone)") is False


def test_what_an_account_tells_is_kept_by_what_outlives_the_server_until_it_is_closed(kind, store):
    for name in (b"ann", b"b b"):
        store.open_account(name, "secret")
        assert store.keep_metadata(name, '{"url": "old"}') is True
        assert store.keep_metadata(name, '{"url": "x"}') is True
    assert sorted(store.metadata()) == (
        [(b"ann", '{"url": "x"}'), (b"b b", '{"url": "x"}')] if kind == "database" else [])
    store.close_account(b"ann")
    assert store.keep_metadata(b"ann", '{"url": "late"}') is True  # it was told while that was on its way
    assert store.metadata() == ([(b"b b", '{"url": "x"}')] if kind == "database" else [])
