"""The index of files: a database in the folder of the files, which only the process that keeps them has open.

A file is in one of these states:

    OFFERED     not all of it has come and is on the disk
    WHOLE       all of it is there, and nobody has been told of it
    SHARED      a message that announces it is about to be said, or has been said; not yet found among stored ones
    SAID        the message has been found among the stored ones

A SHARED file is kept until it is clear whether the message was stored. So a stored message never announces a file that
is not there, whenever processes die.
"""
import sqlite3
import urllib.parse

OFFERED, WHOLE, SHARED, SAID = "offered", "whole", "shared", "said"
_COLUMNS = "file token owner name size sha256 kind state since floor number teller sealed"
_TABLE = """
    CREATE TABLE IF NOT EXISTS files (
        file TEXT PRIMARY KEY, token TEXT, owner TEXT, name TEXT, size INTEGER, sha256 TEXT, kind TEXT, state TEXT,
        since INTEGER, floor INTEGER, number INTEGER, teller TEXT, sealed TEXT) WITHOUT ROWID"""


class File:
    """A row.

    file: its id, 32 hexadecimal digits. token: the SHA-256 of the token that only its sender knows, in hexadecimal.
    owner: the account or the address to whose space it counts. size: bytes of the complete file.
    sha256: as it was announced by the sender, or "" if it was not; that of the file once it is WHOLE.
    kind: its media type. since: the beginning of its state, seconds since the epoch.
    floor: the message that announces it has a number greater than this.
    number: that of the latest message that is known to announce it, or None.
    teller: the name of the user who shared it last: messages of others with the same text do not count.
    sealed: while it is SHARED by a sealed message, the digest of that; else "".
    """

    __slots__ = tuple(_COLUMNS.split())

    def __init__(self, *values):
        for name, value in zip(self.__slots__, values):
            setattr(self, name, value)


class Index:
    """The database at `path`. Changes are on the disk after `commit`. Any method may raise sqlite3.Error."""

    def __init__(self, path):
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._counted = None  # the last result of `counted`, until something changes
        self._rows("PRAGMA journal_mode = WAL")
        self._rows(_TABLE)
        self._rows("CREATE INDEX IF NOT EXISTS owned_by ON files (owner)")
        self._rows("CREATE INDEX IF NOT EXISTS in_state ON files (state, since)")

    def _rows(self, query, *values):
        return self._connection.execute(query, values).fetchall()

    def _change(self, query, *values):
        if not self._connection.in_transaction:
            self._rows("BEGIN IMMEDIATE")
        self._counted = None
        self._rows(query, *values)

    def commit(self):
        """Everything that was changed is on the disk when this returns."""
        if self._connection.in_transaction:
            self._rows("COMMIT")

    def roll_back(self):
        """Forget what was changed since the last commit."""
        self._counted = None
        if self._connection.in_transaction:
            self._rows("ROLLBACK")

    def close(self):
        """Close the database."""
        self._connection.close()

    def _files(self, condition, *values):
        return [File(*row) for row in self._rows(
            "SELECT %s FROM files WHERE %s" % (_COLUMNS.replace(" ", ","), condition), *values)]

    def find(self, file):
        """The File with this id, or None."""
        return next(iter(self._files("file = ?", file)), None)

    def all(self):  # noqa: A003 - of them
        """Every file."""
        return self._files("1")

    def in_state(self, state, before, most=-1):
        """The files that have been in a state since before this time, seconds since the epoch; at most `most`, or all.
        """
        return self._files("state = ? AND since < ? LIMIT ?", state, before, most)

    def in_turn(self, state, behind, most):
        """At most `most` files in a state, with ids greater than `behind`, in the order of their ids."""
        return self._files("state = ? AND file > ? ORDER BY file LIMIT ?", state, behind, most)

    def bytes_of(self, owner):
        """Bytes of all files of an owner; those that are OFFERED count completely."""
        return self._rows("SELECT coalesce(sum(size), 0) FROM files WHERE owner = ?", owner)[0][0]

    def total(self):
        """Bytes of all files, counted likewise."""
        return self._rows("SELECT coalesce(sum(size), 0) FROM files")[0][0]

    def counted(self):
        """({state: files}, bytes of all files)."""
        if self._counted is None:
            rows = self._rows("SELECT state, count(*), sum(size) FROM files GROUP BY state")
            self._counted = {state: count for state, count, _ in rows}, sum(size for _, _, size in rows)
        return self._counted

    def add(self, *values):
        """Add a file; values: of all columns, in the order of `File`."""
        self._change("INSERT INTO files VALUES (%s)" % ",".join("?" * len(values)), *values)

    def update(self, file, **values):
        """Change columns of a file."""
        self._change("UPDATE files SET %s WHERE file = ?" % ",".join("%s = ?" % name for name in values),
                     *values.values(), file)

    def begin_again(self, now):
        """States that began in the future, as the clock was ahead, begin now. now: seconds since the epoch."""
        if self._rows("SELECT 1 FROM files WHERE since > ? LIMIT 1", now):
            self._change("UPDATE files SET since = ? WHERE since > ?", now, now)

    def remove(self, file):
        """Remove a file from the index."""
        self._change("DELETE FROM files WHERE file = ?", file)


class Messages:
    """The stored messages in the server's database, read only; the journal writes it.

    Any method raises sqlite3.Error if the database cannot be read at the moment.
    """

    def __init__(self, path):
        self._uri = "file:%s?mode=ro" % urllib.parse.quote(path)

    def _rows(self, query, *values):
        connection = sqlite3.connect(self._uri, uri=True, timeout=1)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def latest(self):
        """The number of the latest message."""
        return self._rows("SELECT coalesce(max(number), 0) FROM messages")[0][0]

    def telling(self, mark, floor):
        """(number, sender, text) of the messages with numbers above `floor` whose text begins with `mark`."""
        return self._rows("SELECT number, sender, text FROM messages WHERE number > ? AND substr(text, 1, ?) = ?",
                          floor, len(mark), mark)

    def gone(self, numbers):
        """Those of these numbers whose messages are not stored any more."""
        there = {number for number, in self._rows(
            "SELECT number FROM messages WHERE number IN (%s)" % ",".join(map(str, numbers)))}
        return set(numbers) - there
