"""Which files there are: a database of its own beside them, that only the process which keeps them has open.

A file is OFFERED until all of it is here and on the disk, WHOLE until somebody says it, SHARED from just before that
until the message is found among those that are stored, and SAID from then on. What is SHARED is kept until that is
clear, so a message that is stored never points to a file that is not here, whenever processes die.
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

    file: its id, 32 hexadecimal digits. token: the SHA-256 of what its owner shows, in hexadecimal digits.
    owner: whose space it takes. size: in bytes, of all of it. sha256: what it has to be, or is; empty if nobody says.
    kind: its media type. since: of its state, seconds since 1970.
    floor: the message behind which the one that tells of it is looked for.
    number: of the latest message that is known to tell of it, or None.
    teller: who has wanted to tell of it last, as messages name their sender; others may repeat the words.
    sealed: the digest of the sealed message by which, while it is SHARED; empty: it is told openly.
    """

    __slots__ = tuple(_COLUMNS.split())

    def __init__(self, *values):
        for name, value in zip(self.__slots__, values):
            setattr(self, name, value)


class Index:
    """The database at `path`. What changes is on the disk after `commit`. Errors are those of sqlite3."""

    def __init__(self, path):
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._counted = None  # what `counted` gave last, while nothing has changed
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
        """No more."""
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

    def in_state(self, state, before):
        """The files that are in a state since before this time."""
        return self._files("state = ? AND since < ?", state, before)

    def said(self, behind, most):
        """So many SAID files, in the order of their ids, behind this one."""
        return self._files("state = 'said' AND file > ? ORDER BY file LIMIT ?", behind, most)

    def bytes_of(self, owner):
        """What an owner's files take, with all that was promised."""
        return self._rows("SELECT coalesce(sum(size), 0) FROM files WHERE owner = ?", owner)[0][0]

    def total(self):
        """What all take."""
        return self._rows("SELECT coalesce(sum(size), 0) FROM files")[0][0]

    def counted(self):
        """({state: how many files}, what all take)."""
        if self._counted is None:
            rows = self._rows("SELECT state, count(*), sum(size) FROM files GROUP BY state")
            self._counted = {state: count for state, count, _ in rows}, sum(size for _, _, size in rows)
        return self._counted

    def add(self, *values):
        """A new one; values: of its columns."""
        self._change("INSERT INTO files VALUES (%s)" % ",".join("?" * len(values)), *values)

    def update(self, file, **values):
        """Change columns of it."""
        self._change("UPDATE files SET %s WHERE file = ?" % ",".join("%s = ?" % name for name in values),
                     *values.values(), file)

    def remove(self, file):
        """Forget it."""
        self._change("DELETE FROM files WHERE file = ?", file)


class Messages:
    """What is stored of messages, in the server's database, which the journal writes; here it is only read.

    A question raises sqlite3.Error where the database cannot be read at the moment: then nobody knows.
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
        """(number, sender, text) of those behind the number `floor` whose text begins with `mark`."""
        return self._rows("SELECT number, sender, text FROM messages WHERE number > ? AND substr(text, 1, ?) = ?",
                          floor, len(mark), mark)

    def gone(self, numbers):
        """Those of the numbers that no message has any more."""
        there = {number for number, in self._rows(
            "SELECT number FROM messages WHERE number IN (%s)" % ",".join(map(str, numbers)))}
        return set(numbers) - there
