"""What a database promises beyond a store: that it is there after the end, whatever the end was."""
import logging
import os
import random
import shutil
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbered import Numbered

from parley.server.chat.accounts import kept_size
from parley.server.ipc.queues import EXTRA, placed, record, talk
from parley.server.storage.database import Database
from parley.server.storage.tables import pruning, schema
from parley.server.storage.tables.checksums import checksum_of
from parley.server.storage.tables.file import DAY
from parley.server.storage.tables.schema import MIGRATIONS, StoreError, TooNew

NOTHING = b""
NO_DATABASES = {
    "foreign": b"this is no database, but something else\n" * 500,
    "short": b"SQLite format",
    "zeros": bytes(8192),
}


class Trouble(Exception):
    """Something that has nothing to do with the database."""


def texts(messages):
    return [message[-2] for message in messages]


def numbers(messages):
    return [message[0] for message in messages]


def everything(database):
    """All that can be read of it."""
    return (database.lobby(0, 1000), database.conversation(b"ann", b"bob"), database.kept(b"bob"),
            database.accounts(), list(database.conversations()))


def write(database, frame, *requests):
    """A talk frame, if it is one, and requests, in one transaction."""
    with database.transaction():
        if frame:
            database.talk(frame)
        for request, *arguments in requests:
            getattr(database, request)(*arguments)


def prune(database):
    """All that is to be; in how many steps."""
    for step in range(1, 1000):
        with database.transaction():
            more = database.prune()
        if not more:
            return step
    raise AssertionError("there is no end to it")


# ---- transactions


def test_what_was_committed_is_there_when_it_is_opened_again(database, spoken):
    write(database(), spoken(b"one", b"two"), ("open_account", b"bob", "x"),
          ("whisper", b"ann", b"bob", b"three", True))
    before = everything(database())
    assert before[0] == ([(1, b"ann", b"one", 1600000000), (2, b"ann", b"two", 1600000000)], 2, False)
    assert before[3] == [(b"bob", "x", 1, 5)]
    assert everything(database()) == before


def test_of_a_transaction_that_fails_nothing_is_left_and_its_numbers_are_not_used_again(database, spoken):
    store = database()
    write(store, spoken(b"one"), ("whisper", b"ann", b"bob", b"two", True))
    before = everything(store)
    with pytest.raises(Trouble):
        with store.transaction():
            store.talk(spoken(b"no", b"never"))
            store.whisper(b"ann", b"bob", b"no", True)
            store.whisper(b"cid", b"dan", b"no", True)  # a conversation that was not there
            store.open_account(b"cid", None)
            store.taken(b"bob", 1 << 40)
            store.note("run", 9)
            store.talk(spoken(b"no", room=5))  # a room that was not there
            raise Trouble
    assert everything(store) == before
    assert store.through("run") == 0
    write(store, spoken(b"three"), ("whisper", b"cid", b"dan", b"four", False))
    assert numbers(store.lobby(0, 9)[0]) == [1, 8]
    assert store.room(0, 0, 9, 0)[1] == 2
    assert store.room(5, 0, 9, 0) == ([], 0, False)
    write(store, spoken(b"five", room=5))
    assert numbers(store.room(5, 0, 9, 0)[0]) == [1]
    assert store.rooms() == ([], 5)
    assert texts(store.conversation(b"cid", b"dan")) == [b"four"]
    assert texts(database().conversation(b"cid", b"dan")) == [b"four"]


def test_what_is_not_committed_is_not_seen_by_others(database, spoken):
    store = database()
    other = Database(database.path, mode="ro")
    with store.transaction():
        store.talk(spoken(b"one"))
        assert other.lobby(0, 9)[0] == []
    assert texts(other.lobby(0, 9)[0]) == [b"one"]
    other.close()


def test_who_only_reads_cannot_write(database, spoken):
    database()
    other = Database(database.path, mode="ro")
    with pytest.raises(sqlite3.Error):
        write(other, spoken(b"one"))
    other.close()


def test_who_only_reads_makes_no_database(tmp_path):
    with pytest.raises(StoreError):
        Database(str(tmp_path / "none.db"), mode="ro")
    assert os.listdir(str(tmp_path)) == []


def test_how_many_requests_of_a_run_are_in_it_is_part_of_the_transaction(database, spoken):
    store = database()
    assert store.through("run") == 0
    write(store, spoken(b"one"), ("note", "run", 3))
    with pytest.raises(Trouble):
        with store.transaction():
            store.note("run", 4)
            raise Trouble
    store = database()
    assert (store.through("run"), store.through("another")) == (3, 0)
    write(store, NOTHING, ("note", "another", 1))
    assert (store.through("run"), store.through("another")) == (0, 1)


@pytest.mark.parametrize("sync, level", [("each-commit", 2), ("system", 1)])
def test_a_commit_is_where_the_setting_says(database, sync, level):
    connection = database(sync=sync)._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == (b"wal",)


class Hoarding(sqlite3.Connection):
    """Holds on to every cursor, as PyPy does until it collects its garbage."""

    def execute(self, *arguments):
        cursor = super().execute(*arguments)
        vars(self).setdefault("cursors", []).append(cursor)
        return cursor


def test_no_statement_is_left_open_whenever_its_cursor_is_collected(database, spoken, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **options: connect(*args, factory=Hoarding, **options))
    store = database(keep_messages=20)
    for _ in range(3):
        write(store, spoken(*[b"x" * 1000] * 20), ("open_account", b"bob", "x"),
              ("whisper", b"ann", b"bob", b"three", True))
        assert texts(store.lobby(0, 1)[0]) and texts(store.lobby(None, 1)[0])
        assert everything(store)
        assert store.check() is None
        prune(store)
    write(store, NOTHING, ("close_account", b"bob"))
    assert len(store._connection.cursors) > 50


# ---- how much is kept, and for how long


def test_no_limit_forgets_nothing(database, spoken, clock):
    store = database()
    write(store, spoken(*[b"x"] * 50))
    clock.now += 1000 * DAY
    prune(store)
    assert len(store.lobby(0, 1000)[0]) == 50


def test_of_many_messages_so_many_are_kept(database, spoken):
    store = database(keep_messages=10)
    write(store, spoken(*[b"x"] * 10))
    prune(store)
    assert numbers(store.lobby(0, 99)[0]) == list(range(1, 11))
    write(store, spoken(*[b"x"] * 8), *[("whisper", b"ann", b"bob", b"%d" % number, False) for number in range(7)])
    prune(store)  # numbers 16 to 25 are left, of which the lobby has the first three
    assert numbers(store.lobby(0, 99)[0]) == [16, 17, 18]
    assert len(store.conversation(b"ann", b"bob")) == 7
    write(store, spoken(*[b"x"] * 5))
    prune(store)
    assert texts(store.conversation(b"ann", b"bob")) == [b"2", b"3", b"4", b"5", b"6"]


def test_numbers_that_were_never_stored_do_not_count_as_kept_messages(database, spoken):
    store = database(keep_messages=10)
    write(store, spoken(*[b"x"] * 6))  # 1 to 6
    store.last += 1 << 20  # as after a crash
    write(store, spoken(*[b"y"] * 3))
    store.last += 5  # of which nothing could be stored
    write(store, spoken(*[b"z"] * 3))
    prune(store)
    assert texts(store.lobby(0, 99)[0]) == [b"x"] * 4 + [b"y"] * 3 + [b"z"] * 3
    write(store, spoken(*[b"z"] * 5))
    prune(store)
    assert texts(store.lobby(0, 99)[0]) == [b"y"] * 2 + [b"z"] * 8
    assert count(store, "gaps") == 1
    write(store, spoken(*[b"z"] * 2))
    prune(store)
    assert (texts(store.lobby(0, 99)[0]), count(store, "gaps")) == ([b"z"] * 10, 0)


def test_what_is_reserved_counts_as_given_until_it_is_given_back(database, spoken):
    store = database()
    write(store, spoken(b"one", b"two"), ("reserve", 1000), ("reserve", 900))
    assert database().last_given() == 1000
    store = database()
    write(store, NOTHING, ("release", 7))
    assert database().last_given() == 7
    store = database()
    write(store, NOTHING, ("add_conversation", b"ann", b"bob", [(b"ann", b"hi", 5), (b"bob", b"ho", 6)]))
    assert database().last_given() == 9
    assert database().conversation(b"ann", b"bob") == [(b"ann", b"hi", 5), (b"bob", b"ho", 6)]


def test_whoever_asks_for_what_is_forgotten_gets_what_follows_it(database, spoken):
    store = database(keep_messages=3)
    write(store, spoken(*[b"x"] * 9))
    prune(store)
    found, last, more = store.lobby(2, 99)
    assert (numbers(found), last, more) == ([7, 8, 9], 9, False)


def test_old_messages_are_forgotten_day_by_day(database, spoken, clock):
    store = database(keep_days=2)
    midnight = 18000 * DAY
    for day in range(5):
        clock.now = midnight + day * DAY + 0.5
        write(store, spoken(b"%d" % day), ("whisper", b"ann", b"bob", b"%d" % day, False))
        clock.now = midnight + day * DAY + DAY - 0.5
        write(store, spoken(b"%d" % day))
        prune(store)
        left = [b"%d" % left for left in range(max(0, day - 2), day + 1)]
        assert sorted(set(texts(store.lobby(0, 99)[0]))) == left
        assert texts(store.conversation(b"ann", b"bob")) == left
        assert store._row("SELECT count(*) FROM days")[0] <= 4
    clock.now += 2 * DAY
    store = database(keep_days=2)
    prune(store)
    assert sorted(set(texts(store.lobby(0, 99)[0]))) == [b"4"]
    clock.now += DAY
    prune(store)
    assert store.lobby(0, 99) == ([], 15, False)


def test_a_clock_that_was_set_back_forgets_nothing_too_early(database, spoken, clock):
    store = database(keep_days=1)
    clock.now = 18000 * DAY
    write(store, spoken(b"one"))
    clock.now = 17000 * DAY
    write(store, spoken(b"two"))
    prune(store)
    assert texts(store.lobby(0, 9)[0]) == [b"one", b"two"]
    clock.now = 18000 * DAY + 1
    write(store, spoken(b"three"))
    prune(store)
    assert b"three" in texts(store.lobby(0, 9)[0])


def test_one_message_from_the_future_keeps_no_others(database, spoken, clock):
    """A clock was once far ahead; what was said before and after goes as it should, and so does what was said then."""
    midnight = 18000 * DAY
    store = database(keep_days=2)
    for day, text in ((0, b"before"), (40000, b"ahead"), (0, b"same day"), (1, b"next day")):
        clock.now = midnight + day * DAY
        write(store, spoken(text))
    found = []
    for day in range(2, 8):
        clock.now = midnight + day * DAY
        write(store, spoken(b"day %d" % day))
        store = database(keep_days=2)
        prune(store)
        found.append(texts(store.lobby(0, 99)[0]))
    assert found == [
        [b"before", b"ahead", b"same day", b"next day", b"day 2"],
        [b"ahead", b"same day", b"next day", b"day 2", b"day 3"],  # at the latest said on the next day
        [b"day 2", b"day 3", b"day 4"],
        *[[b"day %d" % (day - past) for past in (2, 1, 0)] for day in range(5, 8)]]
    assert store._row("SELECT count(*), max(day) FROM days") == (3, 18007)


def test_a_last_message_from_the_future_gets_older_too(database, spoken, clock):
    midnight = 18000 * DAY
    store = database(keep_days=2)
    clock.now = midnight + 40000 * DAY
    write(store, spoken(b"ahead"))
    left = []
    for day in range(5):
        clock.now = midnight + day * DAY
        prune(store)
        left.append(len(store.lobby(0, 99)[0]))
    assert left == [1, 1, 1, 0, 0]


def test_a_clock_that_was_behind_for_a_while_lets_nothing_go_too_early(database, spoken, clock):
    store = database(keep_days=30)
    for now, text in ((18000, b"before"), (17000, b"meanwhile"), (17001, b"a day later"), (18002, b"after")):
        clock.now = now * DAY
        write(store, spoken(text))
        prune(store)
        prune(store)
    assert texts(store.lobby(0, 9)[0]) == [b"before", b"meanwhile", b"a day later", b"after"]
    clock.now = 18031 * DAY
    write(store, spoken(b"much later"))
    prune(store)
    assert texts(store.lobby(0, 9)[0]) == [b"after", b"much later"]


def test_whichever_limit_is_narrower_holds(database, spoken, clock):
    store = database(keep_messages=3, keep_days=1)
    write(store, spoken(*[b"old"] * 9))
    prune(store)
    assert len(store.lobby(0, 99)[0]) == 3
    clock.now += 2 * DAY
    prune(store)
    assert store.lobby(0, 99)[0] == []


def test_numbers_are_never_given_twice_even_when_all_was_forgotten(database, spoken, clock):
    store = database(keep_days=1)
    write(store, spoken(b"one", b"two"), ("whisper", b"ann", b"bob", b"three", True))
    clock.now += 10 * DAY
    prune(store)
    store = database(keep_days=1)
    assert store.lobby(0, 9) == ([], 3, False)
    write(store, spoken(b"four"))
    assert numbers(store.lobby(0, 9)[0]) == [4]


def test_ids_of_what_is_kept_are_never_given_twice_either(database):
    seen = []
    for _ in range(3):
        store = database()
        write(store, NOTHING, ("whisper", b"ann", b"bob", b"hi", True))
        seen += numbers(store.kept(b"bob"))
        write(store, NOTHING, ("taken", b"bob", seen[-1]))
    assert seen == sorted(set(seen))


def test_what_waits_for_its_receiver_is_not_forgotten(database, clock):
    store = database(keep_messages=1, keep_days=1)
    write(store, NOTHING, *[("whisper", b"ann", b"bob", b"%d" % number, True) for number in range(5)])
    clock.now += 100 * DAY
    prune(store)
    assert texts(store.kept(b"bob")) == [b"0", b"1", b"2", b"3", b"4"]


def test_much_is_forgotten_in_steps_so_that_nobody_waits_long(database, spoken, monkeypatch):
    monkeypatch.setattr(pruning, "_PRUNED_AT_ONCE", 10)
    store = database(keep_messages=5)
    write(store, spoken(*[b"x"] * 30), *[("whisper", b"ann", b"bob", b"x", False)] * 30)
    left = []
    for _ in range(10):
        with store.transaction():
            more = store.prune()
        left.append(len(store.lobby(0, 999)[0]) + len(store.conversation(b"ann", b"bob")))
        if not more:
            break
    assert left[-1] == 5
    assert all(before - after <= 20 for before, after in zip(left, left[1:]))
    assert len(left) > 3


def count(store, table):
    return store._row("SELECT count(*) FROM " + table)[0]


def test_conversations_go_with_their_last_message(database, spoken, monkeypatch):
    monkeypatch.setattr(pruning, "_PRUNED_AT_ONCE", 10)
    store = database(keep_messages=20)
    for number in range(100):
        write(store, spoken(b"x"), ("whisper", b"ann", b"b%d" % (number % 50), b"%d" % number, False))
    prune(store)
    assert count(store, "conversations") == 1 + 10  # the lobby's
    assert count(store, "messages") == 20
    assert texts(store.conversation(b"ann", b"b49")) == [b"99"]
    for name, expected in ((b"b0", []), (b"b41", [b"91"])):
        assert texts(store.conversation(b"ann", name)) == expected
        write(store, NOTHING, ("whisper", b"ann", name, b"again", False))
        assert texts(store.conversation(b"ann", name)) == expected + [b"again"]
    write(store, spoken(*[b"x"] * 20))
    prune(store)
    assert count(store, "conversations") == 1
    assert list(store.conversations()) == []


def test_what_a_deleted_account_has_said_goes_in_steps_too_and_nobody_finds_it_meanwhile(database, monkeypatch):
    monkeypatch.setattr(pruning, "_PRUNED_AT_ONCE", 10)
    store = database()
    for number in range(100):
        write(store, NOTHING, ("whisper", b"ann", b"b%d" % (number % 4), b"%d" % number, False),
              ("whisper", b"bob", b"b0", b"%d" % number, False))
    write(store, NOTHING, ("close_account", b"ann"))
    assert [pair for pair, _ in store.conversations()] == [("b0".encode(), b"bob")]
    assert store.conversation(b"ann", b"b0") == []
    write(store, NOTHING, ("whisper", b"ann", b"b0", b"by the next one", False))
    left = []
    while not left or left[-1] != count(store, "messages"):
        left.append(count(store, "messages"))
        write(store, NOTHING, ("prune",))
    assert all(before - after <= 10 for before, after in zip(left, left[1:]))
    assert (left[0], left[-1], count(store, "conversations")) == (201, 101, 3)
    assert texts(store.conversation(b"ann", b"b0")) == [b"by the next one"]
    assert len(store.conversation(b"bob", b"b0")) == 100


# ---- rooms


def test_rooms_that_are_kept_are_there_at_the_next_start_and_of_others_nothing_is(database, spoken):
    store = database()
    assert store.rooms() == ([], 0)
    write(store, spoken(b"one", room=1), ("keep_room", 1, b"#one", "first"), ("keep_room", 3, "#\u00e9".encode(), "{}"))
    write(store, spoken(b"two", room=2), ("keep_room", 1, b"#one", "second"), ("keep_room", 0, b"#lobby", "lobby"))
    write(store, spoken(b"lobby"), ("whisper", b"ann", b"bob", b"hi", False))
    assert database().room(2, 0, 9, 0)[1] == 1  # the journal's process, not the server, has begun again
    store = database()
    for _ in range(2):
        assert store.rooms() == ([(0, b"#lobby", "lobby"), (1, b"#one", "second"), (3, "#\u00e9".encode(), "{}")], 3)
        assert store.room(2, 0, 9, 0) == ([], 0, False)
        assert texts(store.room(1, 0, 9, 0)[0]) == [b"one"]
        assert (texts(store.lobby(0, 9)[0]), texts(store.conversation(b"ann", b"bob"))) == ([b"lobby"], [b"hi"])
    write(store, spoken(b"two, again", room=2))
    prune(store)
    assert store.room(2, 0, 9, 0)[0] == [(1, b"ann", b"two, again", 1600000000)]
    assert count(store, "messages") == 4


def test_the_number_of_a_room_is_remembered_when_that_is_gone(database, spoken):
    write(database(), spoken(b"x", room=7), ("close_room", 7))
    assert database().rooms() == ([], 7)
    write(database(), NOTHING, ("keep_room", 9, b"#nine", "{}"), ("close_room", 9))
    write(database(), spoken(b"x", room=8))
    prune(database())
    assert database().rooms() == ([], 9)


def test_rooms_are_told_even_if_nothing_can_be_written(database, spoken, monkeypatch, caplog):
    write(database(), spoken(b"x", room=7), ("keep_room", 1, b"#one", "{}"))
    store = database()
    store._connection.execute("PRAGMA query_only = ON")
    assert store.rooms() == ([(1, b"#one", "{}")], 7)
    assert "messages of closed rooms could not be deleted" in caplog.text


def test_places_go_on_when_all_was_forgotten(database, spoken):
    store = database(keep_messages=3)
    write(store, spoken(b"1", b"2", room=1), ("keep_room", 1, b"#one", "{}"))
    write(store, spoken(*[b"x"] * 5))
    prune(store)
    assert store.room(1, 0, 9, 0) == store.room(1, None, 9, 0) == ([], 2, False)
    assert database().room(1, 0, 9, 0) == ([], 2, False)
    write(database(), spoken(b"3", room=1))
    store = database(keep_messages=1)
    assert numbers(store.room(1, 0, 9, 0)[0]) == [3]
    write(store, spoken(b"4", room=1))
    prune(store)
    assert store.room(1, 0, 9, 0) == ([(4, b"ann", b"4", 1600000000)], 4, False)
    assert store.lobby(3, 9) == ([], 9, False)
    write(store, spoken(b"lobby"))
    assert (numbers(store.lobby(3, 9)[0]), numbers(store.room(0, 0, 9, 0)[0])) == ([10], [6])


def test_of_each_room_so_many_messages_are_kept(database, spoken):
    store = database(keep_room_messages=4)
    for room in (0, 1, 2, 1, 3, 1, 2):
        write(store, spoken(b"1", b"2", room=room))
        prune(store)
    places = store._rows("SELECT other, place FROM messages JOIN conversations ON id = conversation ORDER BY number")
    assert [(name.decode(), place) for name, place in places] == [
        ("", 1), ("", 2), ("#2", 1), ("#2", 2), ("#1", 3), ("#1", 4), ("#3", 1), ("#3", 2), ("#1", 5), ("#1", 6),
        ("#2", 3), ("#2", 4)]
    assert database().room(1, 0, 9, 0)[1] == 6
    write(database(), spoken(b"3", room=3))
    assert database().room(3, 0, 9, 0)[1] == 3


def test_rooms_are_pruned_in_steps_so_that_nobody_waits_long(database, spoken, monkeypatch):
    monkeypatch.setattr(pruning, "_PRUNED_AT_ONCE", 5)
    store = database(keep_room_messages=2)
    for room in range(1, 13):
        write(store, spoken(*[b"x"] * room, room=room), ("whisper", b"ann", b"b%d" % room, b"hi", False))
    left = [count(store, "messages")]
    steps = 0
    while left[-1] != 12 + 1 + 11 * 2:
        write(store, NOTHING, ("prune",))
        left.append(count(store, "messages"))
        steps += 1
        assert steps < 50
    assert all(before - after <= 5 for before, after in zip(left, left[1:]))
    prune(store)
    assert count(store, "messages") == left[-1]
    write(store, spoken(*[b"x"] * 3, room=1))
    prune(store)
    assert [numbers(store.room(room, 0, 99, 0)[0]) for room in (1, 2, 12)] == [[3, 4], [1, 2], [11, 12]]


def test_what_was_said_in_a_closed_room_goes_in_steps_and_nobody_finds_it_meanwhile(database, spoken, monkeypatch):
    monkeypatch.setattr(pruning, "_PRUNED_AT_ONCE", 10)
    store = database()
    write(store, spoken(*[b"x"] * 95, room=1), ("close_room", 1))
    write(store, spoken(b"new", room=1))
    left = [count(store, "messages")]
    for _ in range(12):
        assert store.room(1, 0, 9, 0) == ([(1, b"ann", b"new", 1600000000)], 1, False)
        write(store, NOTHING, ("prune",))
        left.append(count(store, "messages"))
    assert all(before - after <= 10 for before, after in zip(left, left[1:]))
    assert (left[-1], count(store, "conversations")) == (1, 2)


def test_what_is_said_in_rooms_is_no_conversation_of_two(database, spoken):
    store = database()
    write(store, spoken(b"x", room=1), ("whisper", b"ann", b"bob", b"hi", False), ("open_account", b"#1", None))
    assert [pair for pair, _ in store.conversations()] == [(b"ann", b"bob")]


def test_a_number_or_a_place_is_found_however_much_is_gone(database, spoken):
    store = database(keep_messages=40)
    for number in range(1, 61):
        write(store, spoken(b"%d" % number, room=number % 3))
    prune(store)
    write(store, NOTHING)
    store._connection.execute("DELETE FROM messages WHERE number IN (30, 33)")
    lobby = [number for number in range(21, 61) if number % 3 == 0 and number not in (30, 33)]
    ones = [number for number in range(21, 61) if number % 3 == 1]
    for since in range(63):
        assert numbers(store.lobby(since, 99)[0]) == [number for number in lobby if number > since]
        for found in (store.room(1, 0, 99, since), store.room(1, None, 99, since)):
            assert numbers(found[0]) == [(number + 2) // 3 for number in ones if number > since]


@pytest.mark.parametrize("since", [10 ** 30, 1 << 63, -1, -10 ** 30])
def test_any_number_can_be_asked_for(database, spoken, since):
    store = database()
    write(store, spoken(b"one"))
    assert texts(store.lobby(since, 9)[0]) == ([] if since > 0 else [b"one"])


# ---- the file


def test_what_was_forgotten_leaves_room_on_the_disk(database, spoken):
    store = database(keep_messages=10)
    for _ in range(100):
        write(store, spoken(*[b"x" * 1000] * 20))
    database().close()
    before = os.path.getsize(database.path)
    store = database(keep_messages=10)
    prune(store)
    prune(store)
    database().close()
    assert os.path.getsize(database.path) < before / 2


def test_what_is_written_into_a_file_that_nobody_finds_any_more_is_not_stored(database, spoken):
    for take_away in (os.unlink, lambda path: os.rename(path, path + ".moved"), replace):
        store = database()
        write(store, spoken(b"one"))
        take_away(database.path)
        with pytest.raises(sqlite3.OperationalError) as refused:
            write(store, spoken(b"two"))
        assert "has been removed" in str(refused.value)
        if os.path.exists(database.path):
            os.unlink(database.path)
        for ending in ("-wal", "-shm"):
            if os.path.exists(database.path + ending):
                os.unlink(database.path + ending)


def replace(path):
    """By a copy, as a restored backup is."""
    shutil.copy(path, path + ".copy")
    os.rename(path + ".copy", path)


# ---- damage


def corrupt(path, old, new):
    """Exchange bytes in a closed database."""
    assert not os.path.exists(path + "-wal")
    with open(path, "rb") as file:
        content = file.read()
    assert content.count(old) == 1 and len(old) == len(new)
    with open(path, "wb") as file:
        file.write(content.replace(old, new))


@pytest.mark.parametrize("old, new", [(b"second text", b"second tixt"), (b"walpurga", b"walpurgo")])
def test_a_message_that_is_not_as_it_was_written_is_left_out_and_said_to_be_so(database, spoken, caplog, old, new):
    write(database(), spoken(b"first text"))
    write(database(), spoken(b"second text", sender=b"walpurga"))
    write(database(), spoken(b"third text"))
    database().close()
    corrupt(database.path, old, new)
    store = database()
    for since in (0, None):
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            found, last, more = store.lobby(since, 9)
        assert (texts(found), last, more) == ([b"first text", b"third text"], 3, False)
        assert [record.getMessage() for record in caplog.records] == ["message 2 is damaged on the disk: left out"]
    write(store, spoken(b"fourth text"))
    assert numbers(store.lobby(0, 9)[0]) == [1, 3, 4]


def test_what_was_said_in_a_room_is_looked_at_likewise(database, spoken, caplog):
    write(database(), spoken(b"first text", b"second text", b"third text", room=1))
    database().close()
    corrupt(database.path, b"second text", b"second tixt")
    assert database().room(1, 0, 9, 0) == (
        [(1, b"ann", b"first text", 1600000000), (3, b"ann", b"third text", 1600000000)], 3, False)
    assert "message at the place 2 is damaged" in caplog.text


def test_what_is_kept_or_said_to_one_is_looked_at_likewise(database, caplog):
    write(database(), NOTHING, ("whisper", b"ann", b"bob", b"first text", False),
          ("whisper", b"ann", b"bob", b"kept text", True), ("whisper", b"ann", b"bob", b"last text", True))
    database().close()
    path = database.path
    connection = sqlite3.connect(path)
    connection.execute("UPDATE kept SET text = 'kapt text' WHERE text = 'kept text'")
    connection.execute("UPDATE messages SET text = 'forst text' WHERE text = 'first text'")
    connection.commit()
    connection.close()
    store = database()
    assert texts(store.kept(b"bob")) == [b"last text"]
    assert texts(store.conversation(b"ann", b"bob")) == [b"kept text", b"last text"]
    assert len([record for record in caplog.records if "damaged" in record.getMessage()]) == 2


@pytest.mark.parametrize("kind", sorted(NO_DATABASES))
@pytest.mark.parametrize("sync", ["system", None])
def test_what_is_no_database_is_refused_and_left_as_it_is(tmp_path, kind, sync):
    path = tmp_path / "parley.db"
    path.write_bytes(NO_DATABASES[kind])
    with pytest.raises(StoreError) as refused:
        Database(str(path), sync=sync)
    assert str(refused.value).startswith("%s: " % path)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == NO_DATABASES[kind]


def test_a_database_that_has_lost_its_end_is_refused(database, spoken):
    write(database(), spoken(*[b"x" * 100] * 500))
    database().close()
    size = os.path.getsize(database.path)
    for length in (size // 2, 4096, size - 4096, 1000):
        shutil.copy(database.path, database.path + ".cut")
        os.truncate(database.path + ".cut", length)
        with pytest.raises(StoreError):
            store = Database(database.path + ".cut", "system")
            try:
                store.check()
            finally:
                store.close()


def test_nobody_is_told_to_move_a_sound_database_away(database, spoken):
    write(database(), spoken(b"one"))
    database().close()
    os.mkdir(database.path + "-wal")
    with pytest.raises(StoreError) as refused:
        Database(database.path, "system")
    assert "move it away" not in str(refused.value) and "this user may read and write it" in str(refused.value)


def test_a_directory_in_its_place_is_refused(tmp_path):
    with pytest.raises(StoreError):
        Database(str(tmp_path), "system")


def test_a_check_finds_nothing_wrong_with_what_is_right(database, spoken):
    write(database(), spoken(*[b"x" * 100] * 500))
    assert database().check() is None


def test_a_page_of_noise_is_found_before_anything_is_served(database, spoken):
    """Whichever page it is: with all that is read at a start, it shows there, or does no harm."""
    write(database(), spoken(*[b"x" * 100] * 100), ("open_account", b"ann", "x"),
          *[("whisper", b"bob", b"ann", b"y" * 100, True)] * 50)
    database().close()
    expected = Database(database.path, mode="ro")
    accounts = expected.accounts()
    expected.close()
    noise = bytes(random.Random(7).getrandbits(8) for _ in range(4096))
    found = 0
    for start in range(0, os.path.getsize(database.path), 4096):
        path = "%s.%d" % (database.path, start)
        shutil.copy(database.path, path)
        with open(path, "r+b") as file:
            file.seek(start)
            file.write(noise)
        try:
            store = Database(path, "system")
            try:
                store.check()
                assert store.accounts() == accounts
            finally:
                store.close()
        except StoreError as error:
            found += 1
            assert str(error).startswith("%s: " % path)
            assert "\n" not in str(error)
    assert found > 5


# ---- the schema


def set_version(path, version):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = %d" % version)
    connection.commit()
    connection.close()


def version_of(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


def test_a_database_of_a_newer_server_is_refused_and_left_alone(database, spoken):
    write(database(), spoken(b"one"))
    database().close()
    set_version(database.path, len(MIGRATIONS) + 1)
    with pytest.raises(TooNew) as refused:
        database()
    assert "newer" in str(refused.value) and database.path in str(refused.value)
    assert version_of(database.path) == len(MIGRATIONS) + 1
    set_version(database.path, len(MIGRATIONS))
    assert texts(database().lobby(0, 9)[0]) == [b"one"]


def test_a_database_of_an_older_server_is_brought_up_to_date_and_kept_as_it_was_too(
        database, spoken, monkeypatch, caplog):
    caplog.set_level("INFO")
    write(database(), spoken(b"one", b"two"), ("open_account", b"ann", "x"))
    version, before = len(MIGRATIONS), everything(database())
    step = "ALTER TABLE accounts ADD COLUMN colour TEXT DEFAULT 'blue';"
    monkeypatch.setattr(schema, "MIGRATIONS", MIGRATIONS + (step, "CREATE TABLE another (x);"))
    assert caplog.messages == []
    store = database()
    assert everything(store) == before
    assert caplog.messages == [
        "upgrading the database from schema %d to %d, which may take minutes; %s.schema-%d is a copy of it as it was"
        % (version, version + 2, database.path, version)]
    assert store._connection.execute("SELECT colour FROM accounts").fetchall() == [(b"blue",)]
    assert version_of(database.path) == version + 2
    write(store, spoken(b"three"))
    assert version_of("%s.schema-%d" % (database.path, version)) == version
    monkeypatch.undo()
    old = Database("%s.schema-%d" % (database.path, version), "system")
    assert everything(old) == before
    old.close()


VERSION_1 = """
BEGIN;
%s
PRAGMA user_version = 1;
INSERT INTO accounts (name, secret, since) VALUES ('ann', NULL, 0), ('bob', 'secret', 2);
INSERT INTO conversations VALUES (1, 'ann', 'bob'), (2, 'ann', 'cid');
INSERT INTO messages VALUES (1, 1, 1500000000, 'ann', 'hi bob', %d), (2, 0, 1500000001, 'bob', 'hi all', %d);
INSERT INTO kept VALUES (3, 'ann', 1500000002, 'bob', 'kept', %d), (4, 'nobody', 1500000003, 'bob', 'lost', %d);
INSERT INTO days VALUES (17361, 1);
UPDATE facts SET value = 2 WHERE key = 'number';
COMMIT;
"""


def test_a_database_of_version_1_is_brought_up_to_date(database):
    checksums = [checksum_of(*said) for said in (
        (1500000000, b"ann", b"hi bob"), (1500000001, b"bob", b"hi all"),
        (1500000002, b"bob", b"kept"), (1500000003, b"bob", b"lost"))]
    connection = sqlite3.connect(database.path)
    connection.executescript(VERSION_1 % (MIGRATIONS[0], *checksums))
    connection.close()
    store = database()
    assert store.accounts() == [(b"ann", None, 1, 4), (b"bob", "secret", 0, 0)]
    assert store.listed(b"", 9) == [(b"ann", False, 1, 4, None, None), (b"bob", True, 0, 0, None, None)]
    assert store.boxes() == {b"ann": ([("", 1, kept_size(b"bob", b"kept"))], 1500000002)}
    assert store.outside(b"ann", 0, 9) == [(3, b"bob", "", 1500000002, 4)]
    assert list(store.conversations()) == [((b"ann", b"bob"), [(b"ann", b"hi bob", 1500000000)])]
    assert store.lobby(0, 9) == ([(2, b"bob", b"hi all", 1500000001)], 2, False)
    assert (count(store, "conversations"), count(store, "kept")) == (2, 1)
    assert version_of(database.path + ".schema-1") == 1


def left_by(version, path):
    """A connection to a database as a server of this schema has left it: see the file."""
    folder = os.path.dirname(os.path.abspath(__file__))
    connection = sqlite3.connect(path)
    with open(os.path.join(folder, "schema_%d.sql" % version), encoding="utf-8") as file:
        connection.executescript(file.read())
    return connection


def test_a_database_of_version_2_is_brought_up_to_date(database):
    connection = left_by(2, database.path)
    connection.execute("UPDATE messages SET text = 'by somebody else' WHERE number = 1")
    connection.commit()
    connection.close()
    store, then = database(), 1795935399
    assert store.lobby(0, 9) == ([(2, b"ann", "gr\u00fc\u00dfe \U0001f600".encode(), then)], 2, False)  # one is damaged
    assert store.conversation(b"ann", b"bob") == [(b"bob", b"while you were away", then)]
    assert store.kept(b"ann") == [(1, b"bob", b"while you were away", then)]
    assert store.boxes() == {b"ann": ([("127.0.0.1", 1, kept_size(b"bob", b"while you were away"))], then)}
    assert [name for name, *_ in store.accounts()] == [b"ann", b"bob"]
    assert store.last_given() == 5
    assert store._rows("SELECT time FROM messages WHERE number = 2") == [(then * 1000,)]
    assert version_of(database.path + ".schema-2") == 2


def test_a_database_of_version_3_is_brought_up_to_date(database, spoken):
    left_by(3, database.path).close()
    with pytest.raises(StoreError) as refused:
        Database(database.path, mode="ro")
    assert "written by an older version" in str(refused.value)
    store, then = database(), 1795952129
    assert store._rows("SELECT conversation, place, number FROM messages ORDER BY conversation, place") == [
        (0, 1, 1), (0, 2, 4), (0, 3, 6), (0, 4, 9), (1, 1, 2), (1, 2, 3), (1, 3, 7), (1, 4, 8), (2, 1, 5)]
    assert [row[1:] for row in store._rows("PRAGMA index_info(placed_in)")] == [(1, b"conversation"), (6, b"place")]
    assert store.lobby(1, 9) == (
        [(4, b"bob", b"hello, ann", then), (6, b"cid", "gr\u00fc\u00dfe \U0001f600".encode(), then),
         (9, b"ann", b"the last word", then + 1)], 9, False)
    assert texts(store.conversation(b"bob", b"ann")) == [b"hi bob", b"hi ann", b"how are you?", b"while you were away"]
    assert store.rooms() == ([], 0)
    write(store, spoken(b"next"), ("whisper", b"ann", b"bob", b"next", False))
    assert (store.room(0, 4, 9, 0)[1], store.room(0, None, 1, 0)[1]) == (5, 5)
    assert texts(store.conversation(b"ann", b"bob"))[-1] == b"next"
    prune(store)
    assert (count(store, "conversations"), count(store, "messages")) == (2, 10)
    assert version_of(database.path + ".schema-3") == 3


def test_a_database_of_version_4_is_brought_up_to_date(database, spoken):
    left_by(4, database.path).close()
    store, began = database(), 1795960000
    assert store.lobby(0, 9)[0] == [
        (1, b"ann", b"hello, all", began + 1), (8, b"cid", "gr\u00fc\u00dfe \U0001f600".encode(), began + 8),
        (10, b"ann", b"the last word", began + 10)]
    assert store.browse(1, None, None, 9, 0)[0] == [
        (4, b"ann", b"first in dev", began + 4), (5, b"bob", b"second in dev", began + 5)]
    assert store.rooms()[0][0][:2] == (1, b"#dev")
    alone = [(2, b"ann", b"bob", b"hi bob", began + 2), (3, b"bob", b"ann", b"hi ann", began + 3),
             (9, b"ann", b"bob", b"while you were away", began + 9)]
    assert store.catch_up([(0, 8)], b"bob", 0, 0, 10) == (
        [([(10, b"ann", b"", b"the last word", began + 10)], False), (alone, False)], 1)
    assert store.sessions() == []
    assert len(store.identity()) == 16
    write(store, None, ("keep_session", b"key", b"bob", True, 4),
          ("say_once", b"key", b"tag", store.place(spoken(b"next"))))
    ((key, name, is_account, since, _, ((tag, number, _),)),) = store.sessions()
    assert (key, name, is_account, since, tag, number) == (b"key", b"bob", True, 4, b"tag", 11)
    prune(store)
    assert count(store, "messages") == 9
    assert version_of(database.path + ".schema-4") == 4


def test_a_database_of_version_5_is_brought_up_to_date(database, spoken, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", MIGRATIONS[:5])
        write(database(), spoken(b"hi"))
    store = database()
    assert (texts(store.lobby(0, 9)[0]), store.markers(b"ann")) == ([b"hi"], [])
    write(store, None, ("mark_read", b"ann", 0, b"", 1))
    assert database().markers(b"ann") == [(0, b"", 1)]
    assert version_of(database.path + ".schema-5") == 5


def test_a_database_of_version_6_is_brought_up_to_date(database):
    left_by(6, database.path).close()
    store, began = database(), 1795960000
    assert store.lobby(0, 9)[0] == [(1, b"ann", b"hi all", began + 1)]
    assert [number for number, _, _ in store.rooms()[0]] == [1]
    assert store.markers(b"ann") == [(1, b"", 2)]
    write(store, placed(talk(0, 1, [record(1, b"ann", b"hi\0more", 7)], EXTRA), 5, began * 1000))
    assert texts(database().lobby(0, 9)[0]) == [b"hi all", b"hi"]
    store = database()
    write(store, None, ("mark_read", b"ann|ms", 0, b"", 7000), ("close_account", b"ann"))
    assert count(store, "markers") == 0
    assert version_of(database.path + ".schema-6") == 6


def test_a_database_of_version_7_is_brought_up_to_date(database):
    left_by(7, database.path).close()
    store, began = database(), 1795970000
    assert store.lobby(0, 9)[0] == [(1, b"ann", b"hi all", began + 1), (2, b"ann", b"hi", began + 2)]
    assert [row[0] for row in store.accounts()] == [b"ann", b"bob"]
    assert (store.device_lists(), store.markers(b"ann")) == ({}, [(0, b"", 1)])
    write(store, None, ("keep_devices", b"ann", b"\0list"), ("keep_devices", b"nobody", b"list"))
    assert database().device_lists() == {b"ann": b"\0list"}
    write(database(), None, ("close_account", b"ann"), ("open_account", b"ann", None))
    assert database().device_lists() == {}
    assert version_of(database.path + ".schema-7") == 7


def test_a_database_of_version_8_is_brought_up_to_date(database):
    left_by(8, database.path).close()
    store = database()
    assert store.sessions() == [(b"\1" * 32, b"ann", True, 0, "", []),
                                (b"\2" * 32, b"bob", False, 1, "", [(b"t1", 1, 1795970000000)])]
    write(store, None, ("keep_session", b"\2" * 32, b"bob", False, 1, "192.0.2.1"))
    assert database().sessions()[1][:5] == (b"\2" * 32, b"bob", False, 1, "192.0.2.1")
    assert version_of(database.path + ".schema-8") == 8


def test_a_database_of_version_9_is_brought_up_to_date(database):
    left_by(9, database.path).close()
    store, began = database(), 1795980000000
    assert store.partners(b"ann", [], 0, began + 9000, 9) == [(0, b"cid", began + 3000), (0, b"bob", began + 4000)]
    assert [row[3] for row in store.catch_up([], b"ann", 2, 0, 9)[0][0][0]] == [b"two", b"three"]
    with store.transaction():
        store._store.whisper(5, began + 5000, b"ann", b"cid", b"four", False)
    assert store.partners(b"ann", [], began, began + 9000, 9) == [(0, b"bob", began + 4000), (0, b"cid", began + 5000)]
    assert version_of(database.path + ".schema-9") == 9


def steps_of(store, action):
    """How many hundreds of instructions of SQLite's virtual machine this takes."""
    steps = []
    store._connection.set_progress_handler(lambda: steps.append(1) and None, 100)
    try:
        action()
    finally:
        store._connection.set_progress_handler(None, 0)
    return len(steps)


def test_what_is_asked_of_the_latest_conversations_takes_as_long_however_many_there_are(database):
    store, last, taken = database(), 0, []
    for count_of_all in (300, 3000):
        with store.transaction():
            for number in range(last + 1, count_of_all + 1):
                pair = [b"ann", b"g%d" % number][::1 if number % 2 else -1]
                store._store.whisper(number, number * 1000, *pair, b"hi", False)
        last = count_of_all
        taken.append([steps_of(store, question) for question in (
            lambda: store.partners(b"ann", [], (last - 9) * 1000, last * 1000 + 1, 5),
            lambda: store.partners(b"ann", [], 0, 1 << 60, 5),
            lambda: store.catch_up([], b"ann", last - 5, 0, last))])
    assert all(after <= 2 * before + 5 for before, after in zip(*taken)), taken
    assert max(taken[1]) < 60, taken


def test_a_conversation_of_extras_alone_is_forgotten_with_them(database, spoken):
    store = database(keep_messages=1)
    for partner, text, extra in ((b"bob", b"", b"alone"), (b"cid", b"hi", b"more"), (b"cid", b"", b"alone")):
        write(store, None, ("whisper", b"ann", partner, text, False, "", b"", b"", extra))
    prune(store)
    assert (count(store, "conversations"), count(store, "extras")) == (2, 1)  # one of them is the lobby
    write(store, spoken(b"4"))
    prune(store)
    assert (count(store, "conversations"), count(store, "extras")) == (1, 0)


@pytest.mark.parametrize("what", ["of a closed room", "of a room", "too many in all"])
def test_extras_are_forgotten_in_steps_so_that_nobody_waits_long(database, spoken, monkeypatch, what):
    monkeypatch.setattr(pruning, "_PRUNED_AT_ONCE", 10)
    store = database(keep_messages=5 if what == "too many in all" else 0,
                     keep_room_messages=1 if what == "of a room" else 0)
    for number in range(95):
        write(store, talk(1, 1, [record(1, b"ann", b"\0extra %d" % number, 7)], EXTRA))
    write(store, spoken(b"one", b"two", room=1))
    if what == "of a closed room":
        write(store, NOTHING, ("close_room", 1))
    left = []
    while not left or left[-1] != count(store, "extras"):
        left.append(count(store, "extras"))
        write(store, NOTHING, ("prune",))
    assert all(before - after <= 10 for before, after in zip(left, left[1:]))
    prune(store)
    assert (count(store, "extras"), count(store, "messages")) == {
        "of a closed room": (0, 0), "of a room": (0, 1), "too many in all": (3, 2)}[what]


def test_many_forgotten_conversations_go_in_few_steps(database):
    store = database()
    with store.transaction():
        for number in range(250):
            store.whisper(b"ann", b"b%d" % number, b"hi", False)
        store.close_account(b"ann")
    assert prune(store) <= 4
    assert (count(store, "conversations"), count(store, "messages")) == (1, 0)


def test_each_database_has_a_name_of_its_own_that_it_keeps(database, tmp_path):
    first = database().identity()
    assert database().identity() == first
    other = Database(str(tmp_path / "other.db"), "system")
    assert other.identity() != first
    other.close()


def test_what_the_log_of_an_older_database_still_holds_is_in_the_copy(database, spoken, monkeypatch):
    """A server that was killed has not brought it into the database."""
    store = database()
    write(store, spoken(b"one"))
    for ending in ("", "-wal"):
        shutil.copy(database.path + ending, database.path + ".killed" + ending)
    monkeypatch.setattr(schema, "MIGRATIONS", MIGRATIONS + ("CREATE TABLE another (x);",))
    Database(database.path + ".killed", "system").close()
    monkeypatch.undo()
    copy = Database("%s.killed.schema-%d" % (database.path, len(MIGRATIONS)), "system")
    assert texts(copy.lobby(0, 9)[0]) == [b"one"]
    copy.close()


def test_a_step_that_fails_leaves_the_older_database_as_it_was(database, spoken, monkeypatch):
    write(database(), spoken(b"one"))
    version = len(MIGRATIONS)
    database().close()
    monkeypatch.setattr(
        schema, "MIGRATIONS", MIGRATIONS + ("CREATE TABLE another (x); INSERT INTO nowhere VALUES (1);",))
    with pytest.raises(StoreError):
        database()
    monkeypatch.undo()
    assert version_of(database.path) == version
    store = database()
    assert texts(store.lobby(0, 9)[0]) == [b"one"]
    assert store._row("SELECT count(*) FROM sqlite_master WHERE name = 'another'") == (0,)


def test_a_new_database_has_the_newest_schema_and_no_copy(database, tmp_path):
    database().close()
    assert version_of(database.path) == len(MIGRATIONS)
    assert os.listdir(str(tmp_path)) == ["parley.db"]


# ---- a sudden end


@pytest.fixture(scope="module")
def killed(tmp_path_factory, spoken):
    """The path of a database, of which a process that was killed has left the log behind, and what was said in it."""
    path = str(tmp_path_factory.mktemp("killed") / "parley.db")
    store = Numbered(Database(path, "system"))
    said = [b"message %d " % number + b"x" * (number * 37 % 500) for number in range(60)]
    for text in said:
        write(store, spoken(text))
    for ending in ("", "-wal"):
        shutil.copy(path + ending, path + ".killed" + ending)
    store.close()
    return path + ".killed", said


def reopened(path, wal):
    """The texts in a copy that has this log; and that it goes on from there."""
    copy = path + ".copy"
    shutil.copy(path, copy)
    with open(copy + "-wal", "wb") as file:
        file.write(wal)
    store = Numbered(Database(copy, "system"))
    try:
        store.check()
        found, last, more = store.lobby(0, 1000)
        assert numbers(found) == list(range(1, len(found) + 1))
        assert (last, more) == (len(found), False)
        with store.transaction():
            store.whisper(b"ann", b"bob", b"and on it goes", True)
        assert store.lobby(last, 9) == ([], last + 1, False)
        return texts(found)
    finally:
        store.close()
        for name in (copy, copy + "-wal", copy + "-shm"):
            if os.path.exists(name):
                os.unlink(name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.slow
def test_of_a_log_whose_end_is_missing_a_beginning_is_there(killed):
    path, said = killed
    wal = read(path + "-wal")
    lengths = []
    for cut in [*range(0, len(wal), len(wal) // 50), len(wal) - 1, len(wal)]:
        found = reopened(path, wal[:cut])
        assert found == said[:len(found)]
        lengths.append(len(found))
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (0, len(said))
    assert len(set(lengths)) > 20


@pytest.mark.slow
def test_of_a_log_with_a_torn_end_a_beginning_is_there(killed):
    path, said = killed
    wal = read(path + "-wal")

    @given(st.integers(32, len(wal) - 1), st.binary(min_size=1, max_size=64))
    def property_(place, noise):
        torn = wal[:place] + noise + bytes(max(0, len(wal) - place - len(noise)))
        found = reopened(path, torn)
        assert found == said[:len(found)]

    property_()
