"""The disk is full at any statement of a transaction: nothing of that is stored, and nothing is remembered of it."""
import contextlib
import sqlite3

import pytest

from parley.server.ipc.queues import EXTRA, placed, record, talk
from parley.server.storage.database import Database

NOW = 1600000000


class Failing:
    """A connection of which one statement fails, and the ROLLBACK behind it perhaps."""

    def __init__(self, connection, at, with_rollback):
        self._connection, self._left, self._with_rollback, self.has_failed = connection, at, with_rollback, False

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, statement, *values):
        if statement == "ROLLBACK" and self._with_rollback:
            self._connection.execute(statement)
            raise sqlite3.OperationalError("cannot rollback - no transaction is active")
        self._count()
        return self._connection.execute(statement, *values)

    def executemany(self, *arguments):
        self._count()
        return self._connection.executemany(*arguments)

    def _count(self):
        self._left -= 1
        if self._left == 0:
            self.has_failed = True
            raise sqlite3.OperationalError("database or disk is full")


def said(room, number, *texts, kind=None):
    frame = talk(room, 1, [record(1, b"ann", text, NOW) for text in texts], *([] if kind is None else [kind]))
    return "talk", placed(frame, number, NOW * 1000)


def requests(first, name):
    """One of each kind. first: the first of ten numbers; name: of somebody who is in no other transaction."""
    key, room = name.ljust(32, b"_"), first
    return [
        ("open_account", name, "secret"), ("keep_session", key, name, True, first, "192.0.2.1"),
        ("keep_room", room, b"#" + name, "{}"), said(0, first, b"one", b"two"), said(room, first + 2, b"in the room"),
        said(0, first + 3, b"\0extra", kind=EXTRA),
        ("whisper", first + 4, NOW * 1000, b"ann", name, b"hi", True, "192.0.2.1", key, b"tag", b"more"),
        ("say_once", key, b"tag2", said(0, first + 5, b"once")[1]),
        ("redact", 0, first, [b"ann"], 0, b"(removed)"), ("redact_alone", first + 4, b"ann", name, 0, b"(removed)"),
        ("mark_read", name, 0, b"", first), ("keep_metadata", name, "{}"), ("keep_devices", name, b"list"),
        ("protect", name, "other"), ("use", name), ("reserve", first + 1000),
        ("taken", name, 99, b"ann"), ("drop_sessions", [key]), ("close_room", room), ("close_account", name)]


def do(database, wanted):
    with database.transaction():
        for request, *arguments in wanted:
            getattr(database, request)(*arguments)


def stored(database):
    tables = [name.decode() for name, in database._rows(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")]
    return {table: sorted(database._rows("SELECT * FROM %s WHERE %s" % (
        table, "key <> 'identity'" if table == "facts" else "1"))) for table in tables}


@pytest.mark.parametrize("with_rollback", [False, True])
@pytest.mark.parametrize("kept", [slice(None), slice(-4)])
def test_nothing_of_a_transaction_that_failed_is_stored_or_remembered(tmp_path, with_rollback, kept):
    before, failing, after = (requests(first, name)[kept] for first, name in ((1, b"bob"), (11, b"cid"), (21, b"dan")))
    wanted = Database(str(tmp_path / "wanted.db"), "system", clock=lambda: NOW)
    do(wanted, before)
    after_first = stored(wanted)
    database = Database(str(tmp_path / "full.db"), "system", clock=lambda: NOW)
    do(database, before)
    real, at, has_failed = database._connection, 0, True
    while has_failed:
        at += 1
        database._connection = Failing(real, at, with_rollback)
        with contextlib.suppress(sqlite3.OperationalError):
            do(database, failing)
        has_failed = database._connection.has_failed
        database._connection = real
        assert not has_failed or stored(database) == after_first, at
    assert at > 30
    do(database, after)
    do(wanted, failing)
    do(wanted, after)
    assert stored(database) == stored(wanted)
    database.close()
    wanted.close()
