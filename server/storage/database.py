"""The store of a server that keeps everything: an SQLite database."""
import binascii
import collections
import contextlib
import heapq
import logging
import os
import shutil
import sqlite3
import time
import zlib
from typing import Any, Callable, ContextManager, Counter, Dict, Generator, Iterable, Iterator, List, Optional, Tuple
from urllib.parse import quote

from parley.server.chat.accounts import KEPT_SIZE, Box
from parley.server.chat.room import LOBBY
from parley.server.chat.sessions import BY_TIME, MOST_TAGS, RESUMED_FOR, Stored
from parley.server.ipc.messages import Listed, Marker, Missed
from parley.server.ipc.queues import CONTROL, HEAD, place, said, without_extra
from parley.server.protocols.events import REDACTED, Reason
from parley.server.storage.backup import Result, copied
from parley.server.storage.memory import MOST_MARKERS, Pair, Row, Told, latest_between, whole, with_kept
from parley.server.storage.pages import BEHIND_ALL, MOST_MESSAGES, Pages, page

DAY = 86400  # seconds

# Where a commit has to be, by the name of the setting: on the disk, or with the operating system, so that a crash of
# the server does it no harm, but a loss of power may.
SYNC = {"each-commit": "FULL", "system": "NORMAL"}

# What leads from each version of the schema to the next; the database has as many behind it as its user_version says.
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
    # Times of messages are milliseconds from here on. What is damaged stays so.
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
    # The numbers of messages are those of this database, whose name `identity` no other has. Of what was said by a tag,
    # `tags` has the latest (see `server.chat.sessions`).
    """
    INSERT INTO facts VALUES ('identity', lower(hex(randomblob(8))));
    CREATE TABLE sessions (key BLOB PRIMARY KEY, name TEXT, account INTEGER, since INTEGER) WITHOUT ROWID;
    CREATE TABLE tags (number INTEGER PRIMARY KEY, session BLOB, tag BLOB, time INTEGER);
    CREATE INDEX with_other ON conversations (other);
    """,
    # Up to where somebody has read: what was said in a room, or (if not empty) by the partner and the owner.
    """
    CREATE TABLE markers (
        owner TEXT, room INTEGER, partner TEXT, number INTEGER, PRIMARY KEY (owner, room, partner)) WITHOUT ROWID;
    """,
    # What goes along with messages; of those without a text there is nothing else.
    """
    CREATE TABLE extras (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, extra BLOB, checksum INTEGER);
    CREATE INDEX extras_in ON extras (conversation, number);
    """,
    # The signed list of an account's devices (`server.chat.devices`).
    """
    ALTER TABLE accounts ADD COLUMN devices BLOB;
    """,
)

_TOLD_BY = "metadata "  # the key of what an account tells is this and its name
_PRUNED_AT_ONCE = 500  # messages, so that nobody waits long behind it
_MOST_PAIRS = 10000  # whose conversations' ids are remembered
_LAST_NUMBER = (1 << 63) - 1  # or place, that SQLite can compare with
_LONGEST_CHECK = 256 << 20  # bytes of a file that is looked through at the start, which takes a second or two

log = logging.getLogger(__name__)


class StoreError(Exception):
    """The database is not fit for use; the text says which, why, and what to do."""


class TooNew(StoreError):
    """A newer server has written it."""


class Database(Pages):
    """A store as `server.storage.memory.Store` describes it, in a file.

    Writes belong into a `transaction()`. Any method may raise sqlite3.Error; what is not committed is then not stored.

    path: of the database. StoreError if it cannot be used.
    sync: a key of SYNC.
    keep_messages, keep_days: how many messages, and for how long; 0 is no limit.
    keep_room_messages: how many of each room but the lobby; 0 is no limit.
    clock: gives seconds since the epoch.
    mode: "rwc" makes the file if it is not there, "rw" does not, "ro" only reads.
    """

    def __init__(self, path: str, sync: str = "each-commit", keep_messages: int = 0, keep_days: int = 0,
                 clock: Callable[[], float] = time.time, mode: str = "rwc", keep_room_messages: int = 0) -> None:
        self.path = path
        self._clock = clock
        self._keep_messages = keep_messages
        self._keep_days = keep_days
        self._keep_room_messages = keep_room_messages
        self._looked_at = ""  # the latest room that `prune` has looked at, as its conversation is named
        try:
            self._connection = sqlite3.connect(
                "file:%s?mode=%s" % (quote(path), mode), isolation_level=None, uri=True)
        except sqlite3.Error as error:
            raise StoreError("%s: %s; is the directory there, and this user's?" % (path, error)) from None
        self._connection.text_factory = bytes
        try:
            if mode != "ro":
                self._prepare(path, sync)
            elif self._version(path) < len(MIGRATIONS):
                raise StoreError("%s: written by an older version of this server; start this one, which upgrades it"
                                 % path)
            self._load()
            self._file = os.stat(path).st_ino
        except sqlite3.Error as error:
            self.close()
            raise StoreError("%s: %s; %s" % (path, error, _remedy(error))) from None
        except StoreError:
            self.close()
            raise

    def _prepare(self, path: str, sync: str) -> None:
        self._pragma("auto_vacuum = INCREMENTAL")
        self._pragma("journal_mode = WAL")
        self._pragma("synchronous = " + SYNC[sync])
        version = self._version(path)
        if not version and self._row("SELECT count(*) FROM sqlite_master")[0]:
            raise StoreError("%s: a database of another program; choose another directory" % path)
        if 0 < version < len(MIGRATIONS):
            self._pragma("wal_checkpoint(TRUNCATE)")
            self._back_up("%s.schema-%d" % (path, version))
        self._connection.create_function("in_milliseconds", 4, _in_milliseconds)
        self._connection.create_function("next_place", 1, _Places().next)
        for number in range(version, len(MIGRATIONS)):
            self._connection.executescript(
                "BEGIN; %s PRAGMA user_version = %d; COMMIT;" % (MIGRATIONS[number], number + 1))

    def _version(self, path: str) -> int:
        """Of the schema."""
        version: int = self._row("PRAGMA user_version")[0]
        if version > len(MIGRATIONS):
            raise TooNew("%s: written by a newer version of this server (schema %d, known are %d)"
                         % (path, version, len(MIGRATIONS)))
        return version

    def _back_up(self, path: str) -> None:
        try:
            shutil.copy2(self.path, path)
        except OSError as error:
            raise StoreError("%s: no copy can be made before the schema changes: %s" % (path, error.strerror)) from None

    def _load(self) -> None:
        """What is kept in memory of the last commit."""
        self._number = self._fact("number")
        self._day: Optional[int] = None  # the last one that was noted
        self._conversations: Dict[Tuple[str, str], int] = {}  # ids, by the two names, sorted
        self._places: Dict[int, int] = {}  # id of a conversation -> the place of its latest message

    def _cursor(self, query: str, *values: Any) -> ContextManager[sqlite3.Cursor]:
        """A cursor for a `with`, at the end of which it is closed.

        A statement with rows that nobody has fetched keeps transactions from their commit. CPython ends it with the
        last reference to its cursor, PyPy at some later time.
        """
        return contextlib.closing(self._connection.execute(query, values))

    def _rows(self, query: str, *values: Any) -> List[Any]:
        with self._cursor(query, *values) as cursor:
            return cursor.fetchall()

    def _row(self, query: str, *values: Any) -> Any:
        """The first one, or None."""
        rows = self._rows(query, *values)
        return rows[0] if rows else None

    def _pragma(self, words: str) -> None:
        self._rows("PRAGMA " + words)

    def _fact(self, key: str) -> Any:
        return self._row("SELECT value FROM facts WHERE key = ?", key)[0]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A context: what is written in it is stored at its end or, if anything is raised, not at all."""
        if not self._is_in_place():
            raise sqlite3.OperationalError("the file %s has been removed" % self.path)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("UPDATE facts SET value = ? WHERE key = 'number'", (self._number,))
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # the disk may be full for this as well; closing does it too
                self._connection.execute("ROLLBACK")
            self._load()
            raise

    def _is_in_place(self) -> bool:
        """What is written into a file that nobody finds any more is not stored."""
        try:
            return os.stat(self.path).st_ino == self._file
        except OSError:
            return False

    def backup(self, path: str) -> Result:
        return copied(self.path, path)

    def check(self) -> None:
        """Raise StoreError if the file is damaged. One of more than 256 MiB is not looked through."""
        if os.stat(self.path).st_size > _LONGEST_CHECK:
            return
        trouble = self._row("PRAGMA quick_check(1)")[0]
        if trouble != b"ok":
            raise StoreError("%s: damaged: %s; restore it from a copy, or move it away to begin anew"
                             % (self.path, " ".join(trouble.decode(errors="replace").split())))

    # ---- which requests are in it

    def through(self, run: str) -> int:
        """How many of the requests of this run of the server are in the database."""
        through: int = self._fact("through") if self._fact("run") == run.encode() else 0
        return through

    def note(self, run: str, through: int) -> None:
        """Write down what `through` is to return; in the transaction that stores the last of these requests."""
        self._connection.execute("UPDATE facts SET value = ? WHERE key = 'run'", (run,))
        self._connection.execute("UPDATE facts SET value = ? WHERE key = 'through'", (through,))

    # ---- writing

    def _now(self) -> int:
        return whole(self._clock())

    def last_given(self) -> int:
        """The latest number that may have been given to a message, whether or not that is stored."""
        reserved: int = self._fact("reserved")
        return max(self._number, reserved)

    def reserve(self, through: int) -> bool:
        self._connection.execute("UPDATE facts SET value = max(value, ?) WHERE key = 'reserved'", (through,))
        return True

    def release(self, last: int) -> bool:
        self._connection.execute("UPDATE facts SET value = ? WHERE key = 'reserved'", (last,))
        return True

    def talk(self, frame: bytes) -> bool:
        kind, room = HEAD.unpack_from(frame)[:2]
        first, now = place(frame)
        talk = self._talk_of(room)
        if kind > CONTROL:
            ((_, sender, _, _),) = said(frame)
            frame, extra = without_extra(frame)
            self._note_extra(first, talk, now, sender, extra)
        self._insert(talk, first, ((sender, text, now) for _, sender, text, _ in said(frame)))
        return True

    def _note_extra(self, number: int, conversation: int, time: int, sender: bytes, extra: bytes) -> None:
        self._connection.execute("INSERT INTO extras VALUES (?, ?, ?, ?, ?, ?)", (
            number, conversation, time, sender.decode(), extra, _checksum(time, sender, extra)))

    def say_once(self, key: bytes, tag: bytes, frame: bytes) -> bool:
        self.talk(frame)
        self._note_tag(key, tag, *place(frame))
        return True

    def _note_tag(self, key: bytes, tag: bytes, number: int, time: int) -> None:
        self._connection.execute("INSERT INTO tags VALUES (?, ?, ?, ?)", (number, key, tag, time))

    def keep_session(self, key: bytes, name: bytes, account: bool, since: int) -> bool:
        self._connection.execute(
            "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)", (key, name.decode(), account, since))
        return True

    def drop_sessions(self, keys: List[bytes]) -> bool:
        self._connection.executemany("DELETE FROM sessions WHERE key = ?", [(key,) for key in keys])
        self._connection.executemany(
            "DELETE FROM markers WHERE owner = ?", [(binascii.hexlify(key).decode(),) for key in keys])
        return True

    def mark_read(self, owner: bytes, room: int, partner: bytes, number: int) -> bool:
        place = owner.decode(), room, partner.decode()
        moved = self._connection.execute(
            "UPDATE markers SET number = max(number, ?) WHERE owner = ? AND room = ? AND partner = ?", (number, *place))
        if moved.rowcount:
            return True
        self._connection.execute("INSERT INTO markers VALUES (?, ?, ?, ?)", (*place, number))
        for room, partner in self._rows(
                "SELECT room, partner FROM markers WHERE owner = ? ORDER BY number DESC, room DESC, partner DESC"
                " LIMIT -1 OFFSET ?", place[0], MOST_MARKERS):
            self._connection.execute("DELETE FROM markers WHERE owner = ? AND room = ? AND partner = ?",
                                     (place[0], room, partner.decode()))
        return True

    def keep_metadata(self, name: bytes, state: str) -> bool:
        self._connection.execute(
            "INSERT OR REPLACE INTO facts SELECT ?, ? WHERE EXISTS (SELECT 1 FROM accounts WHERE name = ?)",
            (_TOLD_BY + name.decode(), state, name.decode()))
        return True

    def whisper(self, number: int, time: int, sender: bytes, to: bytes, text: bytes, keep: bool, source: str = "",
                key: bytes = b"", tag: bytes = b"", extra: bytes = b"") -> bool:
        conversation = self._conversation(sender, to)
        self._insert(conversation, number, [(sender, text, time)] if text else [])
        if extra:
            self._note_extra(number, conversation, time, sender, extra)
        if key:
            self._note_tag(key, tag, number, time)
        if keep:
            self.keep(time, sender, to, text, source)
        return True

    def keep(self, time: int, sender: bytes, to: bytes, text: bytes, source: str = "") -> bool:
        self._connection.execute(
            "INSERT INTO kept (receiver, time, sender, text, checksum, source) VALUES (?, ?, ?, ?, ?, ?)",
            (to.decode(), time, sender.decode(), text.decode(), _checksum(time, sender, text), source))
        return True

    def add_conversation(self, one: bytes, other: bytes, messages: Iterable[Told]) -> None:
        """Add what two have said to each other elsewhere: (sender, text, time) of each, in order; times in seconds."""
        self._insert(self._conversation(one, other), self.last_given() + 1,
                     [(sender, text, when * 1000) for sender, text, when in messages])
        self.reserve(self._number)

    def _insert(self, conversation: int, first: int, messages: Iterable[Told]) -> None:
        """(sender, text, time) of each, in order; times in milliseconds. The first one has the number `first`."""
        shift = self._place(conversation) + 1 - first
        rows = [(conversation, number + shift, number, when, sender.decode(), text.decode(),
                 _checksum(when, sender, text)) for number, (sender, text, when) in enumerate(messages, first)]
        if not rows:
            return
        if first > self._number + 1:
            self._connection.execute("INSERT INTO gaps VALUES (?, ?)", (self._number, first))
        if self._today() != self._day:
            self._note_day(first)
        self._connection.executemany(
            "INSERT INTO messages (conversation, place, number, time, sender, text, checksum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._number = first + len(rows) - 1
        self._places[conversation] = self._number + shift

    def _place(self, conversation: int) -> int:
        """Of the latest message."""
        if conversation not in self._places:
            if len(self._places) == _MOST_PAIRS:
                self._places.clear()
            self._places[conversation] = self._last_place(conversation)
        return self._places[conversation]

    def _today(self) -> int:
        return self._now() // DAY

    def _note_day(self, first: int) -> None:
        """What is said from this number on is said today."""
        self._day = self._today()
        self._connection.execute("INSERT OR IGNORE INTO days VALUES (?, ?)", (self._day, first))

    def _talk_of(self, room: int) -> int:
        """The id of its conversation, which is made if there is none."""
        if room == LOBBY:
            return LOBBY  # its conversation has the same number
        pair = _room_pair(room)
        if pair not in self._conversations:
            self._note_room(room)
        return self._id(pair)

    def _note_room(self, room: int) -> None:
        self._connection.execute("UPDATE facts SET value = max(value, ?) WHERE key = 'room'", (room,))

    def _conversation(self, one: bytes, other: bytes) -> int:
        return self._id(_pair(one, other))

    def _id(self, pair: Tuple[str, str]) -> int:
        if pair not in self._conversations:
            if len(self._conversations) == _MOST_PAIRS:
                self._conversations.clear()
            self._connection.execute("INSERT OR IGNORE INTO conversations (one, other) VALUES (?, ?)", pair)
            self._conversations[pair] = self._row("SELECT id FROM conversations WHERE one = ? AND other = ?", *pair)[0]
        return self._conversations[pair]

    def taken(self, name: bytes, last: int, sender: Optional[bytes] = None) -> bool:
        self._connection.execute(
            "DELETE FROM kept WHERE receiver = ? AND id <= ? AND sender = coalesce(?, sender)",
            (name.decode(), last, sender and sender.decode()))
        return True

    def expire(self, name: bytes, before: int) -> bool:
        receiver = name.decode()
        self._connection.execute(
            "DELETE FROM kept WHERE receiver = ? AND (time < ? OR time > ? AND id < ("
            "SELECT max(id) FROM kept WHERE receiver = ? AND time < ?))",
            (receiver, before * 1000, self._now() * 1000 + 999, receiver, before * 1000))
        return True

    def open_account(self, name: bytes, secret: Optional[str], since: Optional[int] = None) -> bool:
        self._connection.execute(
            "INSERT OR REPLACE INTO accounts (name, secret, since, made) VALUES (?, ?, ?, ?)",
            (name.decode(), secret, self._number if since is None else since, self._now()))
        self._connection.execute("DELETE FROM kept WHERE receiver = ?", (name.decode(),))  # it was for somebody else
        return True

    def protect(self, name: bytes, secret: str) -> bool:
        self._connection.execute("UPDATE accounts SET secret = ? WHERE name = ?", (secret, name.decode()))
        return True

    def keep_devices(self, name: bytes, data: bytes) -> bool:
        self._connection.execute("UPDATE accounts SET devices = ? WHERE name = ?", (data, name.decode()))
        return True

    def use(self, name: bytes) -> bool:
        self._connection.execute("UPDATE accounts SET used = ? WHERE name = ?", (self._now(), name.decode()))
        return True

    def close_account(self, name: bytes) -> bool:
        owner = name.decode()
        execute = self._connection.execute
        execute("DELETE FROM accounts WHERE name = ?", (owner,))
        execute("DELETE FROM kept WHERE receiver = ?", (owner,))
        execute("DELETE FROM markers WHERE owner IN (?, ?)", (owner, owner + BY_TIME.decode()))
        execute("DELETE FROM facts WHERE key = ?", (_TOLD_BY + owner,))
        self._forget("one = ? OR other = ? AND one > ''", owner, owner)
        return True

    def keep_room(self, room: int, room_name: bytes, state: str) -> bool:
        self._connection.execute("INSERT OR REPLACE INTO rooms VALUES (?, ?, ?)", (room, room_name.decode(), state))
        self._note_room(room)
        return True

    def redact(self, room: int, number: int, names: List[bytes], since: int, text: bytes) -> Result:
        talk = LOBBY if room == LOBBY else self._known(_room_pair(room))
        return False if talk is None else self._redact(talk, number, names, since, text)

    def _redact(self, talk: int, number: int, names: List[bytes], since: int, text: bytes) -> Result:
        found = self._row("SELECT sender, time, 1 FROM messages WHERE number = ?1 AND conversation = ?2 UNION ALL"
                          " SELECT sender, time, 0 FROM extras WHERE number = ?1 AND conversation = ?2", number, talk)
        if found is None:
            return False
        if number <= since or names and found[0] not in names:
            return Reason.NOT_ALLOWED
        sender, when, has_text = found
        self._connection.execute("DELETE FROM extras WHERE number = ?", (number,))
        if has_text:
            self._connection.execute("UPDATE messages SET text = ?, checksum = ? WHERE number = ?", (
                text.decode(), _checksum(when, sender, text), number))
            self._note_extra(number, talk, when, sender, REDACTED)
        return True

    def redact_alone(self, number: int, sender: bytes, to: bytes, since: int, text: bytes) -> bool:
        talk = self._known(_pair(sender, to))
        kept = self._row("SELECT time, text FROM messages WHERE number = ? AND conversation = ?", number, talk)
        if talk is None or self._redact(talk, number, [sender], since, text) is not True:
            return False
        if kept is not None:
            when, old = kept
            self._connection.execute(
                "UPDATE kept SET text = ?, checksum = ? WHERE receiver = ? AND sender = ? AND time = ? AND text = ?", (
                    text.decode(), _checksum(when, sender, text), to.decode(), sender.decode(), when, old.decode()))
        return True

    def close_room(self, room: int) -> bool:
        self._connection.execute("DELETE FROM rooms WHERE number = ?", (room,))
        self._forget("one = ? AND other = ?", *_room_pair(room))
        return True

    def _forget(self, condition: str, *values: str) -> None:
        """Nobody finds these conversations any more.

        There may be so many messages in them that `prune` is to delete them bit by bit.
        """
        self._connection.execute("UPDATE conversations SET one = NULL, other = NULL WHERE " + condition, values)
        self._let_go_of_ids()

    def _let_go_of_ids(self) -> None:
        """Conversations are gone, and others may get their ids."""
        self._conversations.clear()
        self._places.clear()

    def prune(self) -> bool:
        """Delete some of the messages that are not to be kept any longer; true if there may be more of them."""
        forgotten = self._row("SELECT id FROM conversations WHERE one IS NULL LIMIT 1")
        if forgotten:
            if not self._delete(_PRUNED_AT_ONCE, "conversation = ? ORDER BY place", *forgotten):
                self._connection.execute("DELETE FROM extras WHERE conversation = ?", forgotten)
                self._connection.execute("DELETE FROM conversations WHERE id = ?", forgotten)
            return True
        if self._keep_room_messages and self._prune_rooms():
            return True
        if self._prune_tags():
            return True
        first = self._first_of(self._keep_messages) if self._keep_messages else 0
        if self._keep_days:
            first = max(first, self._first_since(self._today() - self._keep_days))
        if self._delete(_PRUNED_AT_ONCE, "number < ? ORDER BY number", first):
            return True
        self._connection.execute(
            "DELETE FROM days WHERE first < (SELECT max(first) FROM days WHERE first <= ?)", (first,))
        self._connection.execute("DELETE FROM gaps WHERE first <= ?", (first,))
        self._prune_extras(first)
        for _ in range(_PRUNED_AT_ONCE):  # pages, one at a time: Python 3.11 takes but one step of each statement
            self._pragma("incremental_vacuum(1)")
        return False

    def _prune_extras(self, first: int) -> None:
        """Forget what goes along with messages before this number, and conversations in which there is nothing then."""
        alone = self._rows("SELECT DISTINCT conversation FROM extras WHERE number < ?", first)
        self._connection.execute("DELETE FROM extras WHERE number < ?", (first,))
        self._drop_empty([conversation for (conversation,) in alone])

    def _drop_empty(self, conversations: Iterable[int]) -> None:
        """Delete those that are not of rooms, and of which nothing is left: the next that is made may get the id."""
        gone = self._connection.executemany(
            "DELETE FROM conversations WHERE id = ?1 AND one IS NOT ''"
            " AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM extras WHERE conversation = ?1)", [(one,) for one in conversations])
        if gone.rowcount > 0:
            self._let_go_of_ids()

    def _prune_tags(self) -> bool:
        """Forget some of the tags that are too old, or of a time that is still to come; true if there may be more."""
        now = self._now()
        gone = self._connection.execute(
            "DELETE FROM tags WHERE number IN (SELECT number FROM tags WHERE time < ? OR time > ? LIMIT ?)",
            ((now - RESUMED_FOR) * 1000, (now + RESUMED_FOR) * 1000, _PRUNED_AT_ONCE))
        return gone.rowcount == _PRUNED_AT_ONCE

    def _prune_rooms(self) -> bool:
        """Look at some of the rooms, in turn, and delete what is too much; true if there are more to look at."""
        rooms = self._rows(
            "SELECT other, id, (SELECT max(place) FROM messages WHERE conversation = id) FROM conversations"
            " WHERE one = '' AND other > ? ORDER BY other LIMIT ?", self._looked_at, _PRUNED_AT_ONCE)
        left = _PRUNED_AT_ONCE
        for name, conversation, last in rooms:
            if last is not None:
                left -= self._delete(
                    left, "conversation = ? AND place <= ? ORDER BY place", conversation,
                    last - self._keep_room_messages)
            if not left:
                return True  # perhaps there is more to delete in this one
            self._looked_at = name.decode()
        if len(rooms) == _PRUNED_AT_ONCE:
            return True
        self._looked_at = ""
        return False

    def _delete(self, most: int, which: str, *values: int) -> int:
        """Delete at most so many of these messages, and conversations that have none then; how many were there?

        The rows of rooms stay, as the next message there needs to know its place.
        """
        query = "SELECT number, conversation, place FROM messages WHERE %s LIMIT ?" % which
        rows = self._rows(query, *values, most)
        self._connection.executemany("DELETE FROM messages WHERE number = ?", [(number,) for number, _, _ in rows])
        latest = {conversation: number for number, conversation, _ in rows}  # they come in order
        self._connection.executemany(
            "DELETE FROM extras WHERE conversation = ? AND number <= ?", list(latest.items()))
        last = {conversation: place for _, conversation, place in rows}
        self._connection.executemany(
            "UPDATE conversations SET last_place = ? WHERE id = ? AND one = ''",
            [(place, conversation) for conversation, place in last.items()])
        self._drop_empty(last)
        return len(rows)

    def _first_of(self, most: int) -> int:
        """The number of the first of the latest `most` messages. Numbers in gaps, never stored, do not count."""
        last = self._number
        for before, after in self._rows("SELECT last, first FROM gaps ORDER BY last DESC"):
            if last - after + 1 >= most:
                break
            most -= last - after + 1
            last = before
        return max(0, last + 1 - most)

    def _first_since(self, oldest_day: int) -> int:
        """The number of the first message of this day or a later one.

        A day that is still to come was noted under a clock that was ahead. What was said then was said no later than
        what follows it, so it is as old as that; and if nothing does, it may be of today.
        """
        today, first = self._today(), self._number + 1
        latest = self._row("SELECT day FROM days ORDER BY first DESC, day LIMIT 1")
        if latest and latest[0] > today:
            self._note_day(first)  # so that it gets older, even if nobody says anything any more
        day = today
        for start, noted in self._rows("SELECT first, day FROM days ORDER BY first DESC, day DESC"):
            if noted <= today:
                day = noted
            if day >= oldest_day:
                first = start
        return first

    # ---- reading

    def accounts(self) -> List[Tuple[bytes, Optional[str], int, int]]:
        rows = self._rows(
            "SELECT accounts.name, accounts.secret, count(kept.id), coalesce(sum(length(CAST(kept.text AS BLOB))), 0)"
            " FROM accounts LEFT JOIN kept ON kept.receiver = accounts.name GROUP BY accounts.id ORDER BY accounts.id")
        return [(name, secret and secret.decode(), kept, size) for name, secret, kept, size in rows]

    def device_lists(self) -> Dict[bytes, bytes]:
        return dict(self._rows("SELECT name, devices FROM accounts WHERE devices IS NOT NULL"))

    def listed(self, after: bytes, most: int) -> List[Row]:
        rows = self._rows(
            "SELECT name, secret IS NOT NULL, count(kept.id), coalesce(sum(length(CAST(kept.text AS BLOB))), 0), made,"
            " used FROM (SELECT * FROM accounts WHERE name > ? ORDER BY name LIMIT ?) LEFT JOIN kept ON receiver = name"
            " GROUP BY name ORDER BY name", after.decode(), most)
        return [(name, bool(has_password), kept, size, made, used)
                for name, has_password, kept, size, made, used in rows]

    def outside(self, name: bytes, after: int, most: int) -> List[Tuple[int, bytes, str, int, int]]:
        rows = self._rows(
            "SELECT id, sender, source, time / 1000, length(CAST(text AS BLOB)) FROM kept WHERE receiver = ? AND id > ?"
            " ORDER BY id LIMIT ?", name.decode(), after, most)
        return [(number, sender, source.decode(), when, size) for number, sender, source, when, size in rows]

    def box(self, name: bytes) -> Box:
        shares = self._rows(_BOXES % "WHERE receiver = ?", name.decode())
        return ([(source.decode(), messages, size) for _, source, messages, size, _ in shares],
                min([oldest for *_, oldest in shares], default=None))

    def boxes(self) -> Dict[bytes, Tuple[List[Tuple[str, int, int]], int]]:
        """{name: what `box` returns for it} of all accounts for which anything is kept."""
        boxes: Dict[bytes, Tuple[List[Tuple[str, int, int]], int]] = {}
        for name, source, messages, size, oldest in self._rows(_BOXES % ""):
            shares, before = boxes.get(name, ([], oldest))
            boxes[name] = [*shares, (source.decode(), messages, size)], min(before, oldest)
        return boxes

    def kept(self, name: bytes) -> List[Listed]:
        return list(_sound(self._rows(
            "SELECT id, sender, text, time, checksum FROM kept WHERE receiver = ? ORDER BY id", name.decode())))

    def unread(self, name: bytes) -> List[Tuple[bytes, int]]:
        return self._rows(
            "SELECT sender, count(*) FROM kept WHERE receiver = ? GROUP BY sender ORDER BY min(id)", name.decode())

    def conversation(self, one: bytes, other: bytes) -> List[Told]:
        known = self._known(_pair(one, other))
        if known is None:
            return []
        found = self._latest("number", known, self._place_of(known, self._since(one)), MOST_MESSAGES)
        return [message[1:] for message in found]

    def _since(self, name: bytes) -> int:
        """The number of the latest message when the account was made; 0 if it is none."""
        since: Tuple[int] = self._row("SELECT since FROM accounts WHERE name = ?", name.decode()) or (0,)
        return since[0]

    def _look(self, room: int, after: int, before: int, latest: bool) -> Generator[Listed, None, None]:
        talk = LOBBY if room == LOBBY else self._known(_room_pair(room))
        if talk is None:
            return
        start = 0
        if self._keep_room_messages and room != LOBBY:
            start = self._last_place(talk) - self._keep_room_messages
        yield from self._look_in(talk, start, after, before, latest)

    def _look_in(self, conversation: int, start: int, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        """The messages behind the place `start` with numbers between two others."""
        start, stop = max(start, self._place_of(conversation, after)), self._place_of(conversation, before - 1)
        with self._cursor(
                "SELECT number, sender, text, time, checksum FROM messages WHERE conversation = ? AND place > ?"
                " AND place <= ? ORDER BY place %s" % ("DESC" if latest else "ASC"), conversation, start, stop) as rows:
            yield from _sound(rows)

    def _look_between(self, one: bytes, other: bytes, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        known = self._known(_pair(one, other))
        if known is not None:
            yield from self._look_in(known, 0, max(after, self._since(one)), before, latest)

    def _look_alone(self, name: bytes, after: int, before: int, latest: bool) -> Generator[Missed, None, None]:
        after = max(after, self._since(name))
        conversations = self._rows(
            "SELECT id, one, other FROM (SELECT *, (SELECT number FROM messages WHERE conversation = id"
            " ORDER BY place DESC LIMIT 1) AS latest FROM conversations WHERE one = ?1 OR other = ?1 AND one > '')"
            " WHERE latest > ?2 ORDER BY latest DESC LIMIT ?3", name.decode(), after, MOST_MESSAGES + 1)
        with contextlib.ExitStack() as stack:
            found = []
            for conversation, one, other in conversations:
                messages = stack.enter_context(contextlib.closing(
                    self._look_in(conversation, 0, after, before, latest)))
                found.append(_with_receiver(messages, one, other))
            yield from heapq.merge(*found, reverse=latest)

    def _look_exactly(self, room: int, name: bytes, partner: bytes, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        start = 0
        if partner:
            talk, after = self._known(_pair(name, partner)), max(after, self._since(name))
        else:
            talk = LOBBY if room == LOBBY else self._known(_room_pair(room))
            if talk is not None and self._keep_room_messages and room != LOBBY:
                start = self._last_place(talk) - self._keep_room_messages
        if talk is None:
            return
        before = min(before, _LAST_NUMBER)
        order = "DESC" if latest else "ASC"
        start, stop = max(start, self._place_of(talk, after)), self._place_of(talk, before - 1)
        with self._cursor(
                "SELECT messages.number, messages.sender, text, messages.time, messages.checksum, extra FROM messages"
                " LEFT JOIN extras ON extras.number = messages.number WHERE messages.conversation = ?"
                " AND place > ? AND place <= ? ORDER BY place " + order, talk, start, stop) as texts, self._cursor(
                "SELECT number, sender, '', time, checksum, extra FROM extras WHERE conversation = ? AND number > ?"
                " AND number < ? AND NOT EXISTS (SELECT 1 FROM messages WHERE number = extras.number)"
                " ORDER BY number " + order, talk, after, before) as others:
            yield from heapq.merge(_exactly(texts), _exactly(others), reverse=latest)

    def _number_at(self, time: int) -> int:
        """By halves: no message's time is earlier than that of one with a smaller number, unless the clock was set."""
        low, high = 0, self._number + 1
        while low < high:
            middle = (low + high) // 2
            found = self._row("SELECT number, time FROM messages WHERE number >= ? ORDER BY number LIMIT 1", middle)
            if found and found[1] < time:
                low = found[0] + 1
            else:
                high = middle
        return low

    def _number_from(self, time: int) -> int:
        found = self._row("SELECT min(number) FROM messages WHERE number >= ?", self._number_at(time))
        return BEHIND_ALL if found is None or found[0] is None else int(found[0])

    def partners(self, name: bytes, rooms: List[int], after_time: int, before_time: int, most: int) -> List[
            Tuple[int, bytes, int]]:
        found = []
        for room in rooms:
            talk = LOBBY if room == LOBBY else self._known(_room_pair(room))
            latest = None if talk is None else self._row(
                "SELECT time FROM messages WHERE conversation = ? ORDER BY place DESC LIMIT 1", talk)
            if latest:
                found.append((room, b"", latest[0]))
        for one, other, number, when in self._rows(
                "SELECT one, other, number, time FROM (SELECT one, other, (SELECT number FROM messages WHERE"
                " conversation = id ORDER BY place DESC LIMIT 1) AS latest FROM conversations"
                " WHERE one = ?1 OR other = ?1 AND one > '') JOIN messages ON number = latest",
                name.decode()) if name else ():
            if number > self._since(name):
                found.append((0, other if name == one else one, when))
        return latest_between(found, after_time, before_time, most)

    def _known(self, pair: Tuple[str, str]) -> Optional[int]:
        """The id of a conversation, if there is one."""
        known: Tuple[Optional[int]] = (
            self._row("SELECT id FROM conversations WHERE one = ? AND other = ?", *pair) or (None,))
        return known[0]

    def past(self, name: bytes, partner: bytes) -> Tuple[List[Told], int]:
        return with_kept(self.conversation(name, partner), partner, self.kept(name))

    def lobby(self, since: Optional[int], most: int) -> Tuple[List[Listed], int, bool]:
        if since is None:
            found, more = self._latest("number", LOBBY, 0, most), False
        else:
            found, more = self._page("number", "ASC", LOBBY, self._place_of(LOBBY, since), most)
        return found, found[-1][0] if found else self._number, more

    def room(self, room: int, since: Optional[int], most: int, after: int) -> Tuple[List[Listed], int, bool]:
        talk = LOBBY if room == LOBBY else self._known(_room_pair(room))
        if talk is None:
            return [], 0, False
        last, start = self._last_place(talk), self._place_of(talk, after)
        if self._keep_room_messages and room != LOBBY:
            start = max(start, last - self._keep_room_messages)
        if since is None:
            found, more = self._latest("place", talk, start, most), False
        else:
            found, more = self._page("place", "ASC", talk, max(start, min(since, _LAST_NUMBER)), most)
        return found, found[-1][0] if found else last, more

    def _last_place(self, conversation: int) -> int:
        """The place of the latest message that a conversation ever had."""
        last: int = self._row(
            "SELECT max(last_place, coalesce((SELECT max(place) FROM messages WHERE conversation = id), 0))"
            " FROM conversations WHERE id = ?", conversation)[0]
        return last

    def _place_of(self, conversation: int, number: int) -> int:
        """A place that all of its messages up to this number are at or before, and all others behind.

        The index is of places only, so the number is searched for by halves: not behind the place that it would be if
        nothing had been said elsewhere before, nor before that if nothing had been since.
        """
        if number <= 0:
            return 0
        last = self._last_place(conversation)
        newest: int = self._row("SELECT coalesce(max(number), 0) FROM messages")[0]
        low, high = max(0, last - max(0, newest - number)), min(last, number)
        while low < high:
            middle = (low + high + 1) // 2
            found = self._row("SELECT place, number FROM messages WHERE conversation = ? AND place <= ?"
                              " ORDER BY place DESC LIMIT 1", conversation, middle)
            if found and found[1] > number:
                high = found[0] - 1
            else:
                low = middle
        return low

    def _latest(self, key: str, conversation: int, start: int, most: int) -> List[Listed]:
        return self._page(key, "DESC", conversation, start, most)[0][::-1]

    def _page(self, key: str, order: str, conversation: int, start: int, most: int) -> Tuple[List[Listed], bool]:
        """(messages, more): (number or place, which `key` says, sender, text, time) of those behind the place `start`.

        At most `most`, and what may be told at once.
        """
        with self._cursor(
                "SELECT %s, sender, text, time, checksum FROM messages WHERE conversation = ? AND place > ?"
                " ORDER BY place %s" % (key, order), conversation, start) as rows:  # there may be millions
            return page(_sound(rows, key), most)

    def rooms(self) -> Tuple[List[Tuple[int, bytes, str]], int]:
        """(rooms, last), for a server that starts: no transaction may have begun.

        rooms: (number, name, state) of those that were kept. What was said in any other is forgotten, as these have
        ended with the server before.
        last: a number from which on no room has had one, of which anything is stored.
        """
        try:
            with self.transaction():
                self._forget("one = '' AND other > '' AND other NOT IN (SELECT '#' || number FROM rooms)")
        except sqlite3.Error as error:  # the next start tries it again; no other room gets the number
            log.error("what was said in rooms that have ended could not be forgotten: %s", error)
        kept = self._rows("SELECT number, name, state FROM rooms ORDER BY number")
        return [(number, name, state.decode()) for number, name, state in kept], self._fact("room")

    def identity(self) -> bytes:
        """What no other database is called."""
        identity: bytes = self._fact("identity")
        return identity

    def sessions(self) -> List[Stored]:
        tags: Dict[bytes, List[Tuple[bytes, int, int]]] = {}
        for key, tag, number, when in self._rows("SELECT session, tag, number, time FROM tags ORDER BY number"):
            tags.setdefault(key, []).append((tag, number, when))
        return [(key, name, bool(account), since, tags.get(key, [])[-MOST_TAGS:])
                for key, name, account, since in self._rows("SELECT key, name, account, since FROM sessions")]

    def metadata(self) -> List[Tuple[bytes, str]]:
        return [(key[len(_TOLD_BY):], state.decode()) for key, state in self._rows(
            "SELECT key, value FROM facts WHERE key > ? AND key < ?", _TOLD_BY, _TOLD_BY[:-1] + "!")]

    def markers(self, owner: bytes) -> List[Marker]:
        return self._rows("SELECT room, partner, number FROM markers WHERE owner = ?", owner.decode())

    def conversations(self) -> Iterator[Tuple[Pair, List[Told]]]:
        """((one, other), messages) for each two who have talked to each other: (sender, text, time) of each message."""
        for conversation, one, other in self._rows(
                "SELECT id, one, other FROM conversations WHERE one > '' ORDER BY id"):
            messages = _sound(self._rows(
                "SELECT number, sender, text, time, checksum FROM messages WHERE conversation = ? ORDER BY place",
                conversation))
            yield (one, other), [message[1:] for message in messages]


# Receiver, source, messages, what they cost, the earliest time; see `server.storage.memory.Store.box`.
_BOXES = (
    "SELECT receiver, source, count(*), sum(%d + length(CAST(sender AS BLOB)) + length(CAST(text AS BLOB))),"
    " min(time) / 1000 FROM kept %%s GROUP BY receiver, source ORDER BY min(id)" % KEPT_SIZE)


def _exactly(rows: Iterable[Tuple[int, bytes, bytes, int, int, Optional[bytes]]]) -> Iterator[Listed]:
    """(number, sender, text with its extra, milliseconds) of each row (..., checksum, extra), if it is sound."""
    for number, sender, text, when, checksum, extra in rows:
        if not text and extra is not None:
            if _checksum(when, sender, extra) == checksum:
                yield number, sender, b"\0" + extra, when
        elif _checksum(when, sender, text) == checksum:
            yield number, sender, text if extra is None else b"%b\0%b" % (text, extra), when


def _remedy(error: sqlite3.Error) -> str:
    if "full" in str(error):
        return "make room for it"
    if type(error) is sqlite3.DatabaseError:  # what SQLite says of a file that is damaged, or no database
        return "restore it from a copy, or move it away to begin anew"
    return "see that this user may read and write it, and that no other program has it open"


def _pair(one: bytes, other: bytes) -> Tuple[str, str]:
    first, second = sorted([one.decode(), other.decode()])
    return first, second


def _room_pair(room: int) -> Tuple[str, str]:
    """The names of the conversation of a room, which is not the lobby."""
    return "", "#%d" % room


def _with_receiver(messages: Iterable[Listed], one: bytes, other: bytes) -> Iterator[Missed]:
    for number, sender, text, when in messages:
        yield number, sender, one if sender == other else other, text, when


class _Places:
    """Gives places to messages, whose conversations it is told in the order of their numbers."""

    def __init__(self) -> None:
        self._last: Counter[int] = collections.Counter()

    def next(self, conversation: int) -> int:
        """The place of the next one."""
        self._last[conversation] += 1
        return self._last[conversation]


def _in_milliseconds(checksum: int, seconds: int, sender: bytes, text: bytes) -> int:
    """The checksum of a message whose time was in seconds; none that fits if it did not before."""
    return _checksum(seconds * 1000, sender, text) if checksum == _checksum(seconds, sender, text) else -1


def _checksum(now: int, sender: bytes, text: bytes) -> int:
    return zlib.crc32(b"%d %b %b" % (now, sender, text))


def _sound(rows: Iterable[Tuple[int, bytes, bytes, int, int]], key: str = "number") -> Iterator[Listed]:
    """(key, sender, text, time in seconds) of each row (key, sender, text, milliseconds, checksum).

    The key is a number, a place or an id, which `key` says. A message that does not fit its checksum is left out, and
    logged.
    """
    for number, sender, text, when, checksum in rows:
        if _checksum(when, sender, text) == checksum:
            yield number, sender, text, when // 1000
        else:
            log.error("message %s%s is damaged on the disk: left out", "at the place " * (key == "place"), number)
