"""The file of the database: opening it, queries, transactions."""
import contextlib
import os
import sqlite3
from typing import Any, Callable, ContextManager, Iterator, List
from urllib.parse import quote

from parley.server.storage.backup import Result, copied
from parley.server.storage.pages import whole
from parley.server.storage.tables.schema import StoreError, check_version, upgrade

DAY = 86400  # seconds

# Value of the setting `sync` -> SQLite's `synchronous`. FULL: a commit is on the disk. NORMAL: the operating system has
# it, so it survives a crash of the server, but perhaps not a loss of power.
SYNC = {"each-commit": "FULL", "system": "NORMAL"}

_LONGEST_CHECK = 256 << 20  # bytes; a larger file is not checked at the start, as it would take more than two seconds


class DatabaseFile:
    """An SQLite database in a file; the base of all classes of `parley.server.storage.tables`.

    path: of the database; StoreError if it cannot be used.
    sync: a key of SYNC.
    clock: gives seconds since the epoch.
    mode: "rwc" creates the file if it is not there, "rw" does not, "ro" only reads.
    """

    def __init__(self, path: str, sync: str, clock: Callable[[], float], mode: str) -> None:
        self.path = path
        self._clock = clock
        try:
            self._connection = sqlite3.connect(
                "file:%s?mode=%s" % (quote(path), mode), isolation_level=None, uri=True)
        except sqlite3.Error as error:
            raise StoreError("%s: %s; is the directory there, and this user's?" % (path, error)) from None
        self._connection.text_factory = bytes
        try:
            if mode != "ro":
                self._pragma("auto_vacuum = INCREMENTAL")
                self._pragma("journal_mode = WAL")
                self._pragma("synchronous = " + SYNC[sync])
                upgrade(self._connection, path)
            else:
                check_version(self._connection, path)
            self._load()
            self._file = os.stat(path).st_ino
        except sqlite3.Error as error:
            self.close()
            raise StoreError("%s: %s; %s" % (path, error, _remedy(error))) from None
        except StoreError:
            self.close()
            raise

    def _load(self) -> None:
        """Read from the file what is cached in memory: at the start, and again after a transaction has failed."""
        self._number: int = self._fact("number")  # of the latest message

    def _cursor(self, query: str, *values: Any) -> ContextManager[sqlite3.Cursor]:
        """A context with a cursor, which is closed at its end.

        A statement with rows that have not been fetched would prevent commits. CPython ends it with the last reference
        to its cursor, PyPy at some later time.
        """
        return contextlib.closing(self._connection.execute(query, values))

    def _rows(self, query: str, *values: Any) -> List[Any]:
        with self._cursor(query, *values) as cursor:
            return cursor.fetchall()

    def _row(self, query: str, *values: Any) -> Any:
        """The first row, or None."""
        rows = self._rows(query, *values)
        return rows[0] if rows else None

    def _pragma(self, words: str) -> None:
        self._rows("PRAGMA " + words)

    def _fact(self, key: str) -> Any:
        return self._row("SELECT value FROM facts WHERE key = ?", key)[0]

    def _now(self) -> int:
        """Whole seconds since the epoch."""
        return whole(self._clock())

    def _today(self) -> int:
        """Days since the epoch."""
        return self._now() // DAY

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A context: what is written in it is committed at its end, or rolled back if anything is raised."""
        if not self._is_in_place():
            raise sqlite3.OperationalError("the file %s has been removed" % self.path)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("UPDATE facts SET value = ? WHERE key = 'number'", (self._number,))
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk may prevent it; then closing rolls back
                self._connection.execute("ROLLBACK")
            self._load()
            raise

    def _is_in_place(self) -> bool:
        """Is the file still at its path? What is written into a removed file is lost."""
        try:
            return os.stat(self.path).st_ino == self._file
        except OSError:
            return False

    def backup(self, path: str) -> Result:
        return copied(self.path, path)

    def check(self) -> None:
        """StoreError if the file is damaged; one of more than _LONGEST_CHECK bytes is not checked."""
        if os.stat(self.path).st_size > _LONGEST_CHECK:
            return
        trouble = self._row("PRAGMA quick_check(1)")[0]
        if trouble != b"ok":
            raise StoreError("%s: damaged: %s; restore it from a copy, or move it away to start with an empty one"
                             % (self.path, " ".join(trouble.decode(errors="replace").split())))

    def identity(self) -> bytes:
        """A text that identifies this database, different from that of any other."""
        identity: bytes = self._fact("identity")
        return identity

    def through(self, run: str) -> int:
        """How many of the requests of this run (life of the server) are in the database."""
        through: int = self._fact("through") if self._fact("run") == run.encode() else 0
        return through

    def note(self, run: str, through: int) -> None:
        """Set what `through` returns, in the transaction that stores the last of these requests."""
        self._connection.execute("UPDATE facts SET value = ? WHERE key = 'run'", (run,))
        self._connection.execute("UPDATE facts SET value = ? WHERE key = 'through'", (through,))


def _remedy(error: sqlite3.Error) -> str:
    if "full" in str(error):
        return "make room for it"
    if type(error) is sqlite3.DatabaseError:  # what SQLite says of a file that is damaged, or no database
        return "restore it from a copy, or move it away to start with an empty one"
    return "see that this user may read and write it, and that no other program has it open"
