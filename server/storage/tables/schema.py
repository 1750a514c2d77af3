"""The tables of the database, and the migrations from each version of the schema to the next."""
import collections
import logging
import shutil
import sqlite3
from typing import Counter

from parley.server.storage.tables.checksums import checksum_of

log = logging.getLogger(__name__)

# The statements that lead from each version of the schema to the next; user_version says how many have been executed.
MIGRATIONS = (
    """
    CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    INSERT INTO facts VALUES ('number', 0), ('run', ''), ('through', 0);
    CREATE TABLE conversations (id INTEGER PRIMARY KEY, one TEXT, other TEXT, UNIQUE (one, other));
    INSERT INTO conversations VALUES (0, '', '');
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, text TEXT, checksum INTEGER);
    CREATE INDEX said_in ON messages (conversation);
    CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER);
    CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, secret TEXT, since INTEGER);
    CREATE TABLE kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT, time INTEGER, sender TEXT, text TEXT, checksum INTEGER);
    CREATE INDEX kept_for ON kept (receiver, id);
    """,
    """
    ALTER TABLE accounts ADD COLUMN made INTEGER;
    ALTER TABLE accounts ADD COLUMN used INTEGER;
    ALTER TABLE kept ADD COLUMN source TEXT NOT NULL DEFAULT '';
    DELETE FROM kept WHERE receiver NOT IN (SELECT name FROM accounts);
    DELETE FROM conversations WHERE id > 0 AND id NOT IN (SELECT conversation FROM messages);
    """,
    # From here on times of messages are milliseconds. Damaged messages stay damaged.
    """
    CREATE TABLE gaps (last INTEGER PRIMARY KEY, first INTEGER);
    INSERT INTO facts SELECT 'reserved', value FROM facts WHERE key = 'number';
    UPDATE messages SET time = time * 1000,
        checksum = in_milliseconds(checksum, time, CAST(sender AS BLOB), CAST(text AS BLOB));
    UPDATE kept SET time = time * 1000,
        checksum = in_milliseconds(checksum, time, CAST(sender AS BLOB), CAST(text AS BLOB));
    """,
    # The conversation of a room has the names '' and '#<number>', as no two people have; that of the lobby has '' and
    # ''. Each message has its place in its conversation: 1, 2, 3 in the order of their numbers, in which a table is
    # read without an index. `last_place` is the latest place in a room of which the message is deleted.
    """
    CREATE TABLE rooms (number INTEGER PRIMARY KEY, name TEXT, state TEXT);
    INSERT INTO facts VALUES ('room', 0);
    ALTER TABLE conversations ADD COLUMN last_place INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE messages ADD COLUMN place INTEGER;
    UPDATE messages NOT INDEXED SET place = next_place(conversation);
    DROP INDEX said_in;
    CREATE UNIQUE INDEX placed_in ON messages (conversation, place);
    """,
    # `identity` names this database, to which the numbers of messages belong; no other has the same. `tags` has the
    # latest messages with tags (see `server.chat.sessions`).
    """
    INSERT INTO facts VALUES ('identity', lower(hex(randomblob(8))));
    CREATE TABLE sessions (key BLOB PRIMARY KEY, name TEXT, account INTEGER, since INTEGER) WITHOUT ROWID;
    CREATE TABLE tags (number INTEGER PRIMARY KEY, session BLOB, tag BLOB, time INTEGER);
    CREATE INDEX with_other ON conversations (other);
    """,
    # Read markers: of a room, or, if `partner` is not empty, of the conversation with the partner.
    """
    CREATE TABLE markers (
        owner TEXT, room INTEGER, partner TEXT, number INTEGER, PRIMARY KEY (owner, room, partner)) WITHOUT ROWID;
    """,
    # Extras of messages. A message without a text is only here, and not in `messages`.
    """
    CREATE TABLE extras (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, extra BLOB, checksum INTEGER);
    CREATE INDEX extras_in ON extras (conversation, number);
    """,
    # The signed list of an account's devices (`server.chat.devices`).
    """
    ALTER TABLE accounts ADD COLUMN devices BLOB;
    """,
    # From where a session was used last, as for `kept`.
    """
    ALTER TABLE sessions ADD COLUMN source TEXT NOT NULL DEFAULT '';
    """,
    # The number of the latest message of a conversation of two, by which a user's latest conversations are found.
    """
    ALTER TABLE conversations ADD COLUMN latest INTEGER NOT NULL DEFAULT 0;
    UPDATE conversations SET latest = coalesce(
        (SELECT number FROM messages WHERE conversation = id ORDER BY place DESC LIMIT 1), 0) WHERE one > '';
    DROP INDEX with_other;
    CREATE INDEX latest_of_one ON conversations (one, latest);
    CREATE INDEX latest_of_other ON conversations (other, latest);
    """,
)


class StoreError(Exception):
    """The database cannot be used; the text says which, why, and what to do."""


class TooNew(StoreError):
    """It was written by a newer server."""


def upgrade(connection: sqlite3.Connection, path: str) -> None:
    """Create the tables, or migrate older ones. StoreError if that is not possible.

    Before a migration the file is copied to a path that ends with the number of its version.
    """
    version = _version_of(connection, path)
    if not version and connection.execute("SELECT count(*) FROM sqlite_master").fetchall()[0][0]:
        raise StoreError("%s: a database of another program; choose another directory" % path)
    if 0 < version < len(MIGRATIONS):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        copy = "%s.schema-%d" % (path, version)
        _back_up(path, copy)
        log.info("upgrading the database from schema %(old)d to %(new)d, which may take minutes; %(copy)s is a copy of"
                 " it as it was", {"old": version, "new": len(MIGRATIONS), "copy": copy})
    connection.create_function("in_milliseconds", 4, _in_milliseconds)
    connection.create_function("next_place", 1, _Places().next)
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(
            "BEGIN; %s PRAGMA user_version = %d; COMMIT;" % (MIGRATIONS[number], number + 1))


def check_version(connection: sqlite3.Connection, path: str) -> None:
    """StoreError if the schema is older or newer than this server's."""
    if _version_of(connection, path) < len(MIGRATIONS):
        raise StoreError("%s: written by an older version of this server; start this one, which upgrades it" % path)


def _version_of(connection: sqlite3.Connection, path: str) -> int:
    """The version of the schema; 0 if the database is empty. TooNew if it is newer than this server's."""
    version: int = connection.execute("PRAGMA user_version").fetchall()[0][0]
    if version > len(MIGRATIONS):
        raise TooNew("%s: written by a newer version of this server (schema %d, known are %d)"
                     % (path, version, len(MIGRATIONS)))
    return version


def _back_up(database: str, path: str) -> None:
    try:
        shutil.copy2(database, path)
    except OSError as error:
        raise StoreError("%s: no copy can be made before the schema changes: %s" % (path, error.strerror)) from None


class _Places:
    """Gives places to messages, in the order of their numbers."""

    def __init__(self) -> None:
        self._last: Counter[int] = collections.Counter()

    def next(self, conversation: int) -> int:
        """The place of the next message of a conversation."""
        self._last[conversation] += 1
        return self._last[conversation]


def _in_milliseconds(checksum: int, seconds: int, sender: bytes, text: bytes) -> int:
    """The new checksum of a message whose time was in seconds; -1, which never fits, if the old one did not fit."""
    return checksum_of(seconds * 1000, sender, text) if checksum == checksum_of(seconds, sender, text) else -1
