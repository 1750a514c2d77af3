"""Copies of the database, made while the server writes to it."""
import contextlib
import fcntl
import os
import sqlite3
import sys
import threading
from typing import Any, Callable, Optional, Union
from urllib.parse import quote

UNFINISHED = ".unfinished"  # suffix of a copy's name until it is complete
PAGES = 256  # of 4 KiB each, copied between two pauses
STEPS = 20000  # of SQLite's virtual machine between two pauses, where one statement copies all pages
IN_PAGES = hasattr(sqlite3.Connection, "backup")  # from Python 3.7 on
PAUSE = 0.005  # seconds of a pause, so that the disk has time for others

Result = Union[bool, str]  # True, or why there is no copy


class _Stopped(Exception):
    """The copy was called off."""


class Copying:
    """A copy that is made by a thread. database, path: see `copied`."""

    def __init__(self, database: str, path: str) -> None:
        self._result: Optional[Result] = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(database, path), daemon=True)
        self._thread.start()

    def _run(self, database: str, path: str) -> None:
        self._result = copied(database, path, self._pause)

    def _pause(self, *progress: Any) -> None:
        if self._stopped.wait(PAUSE):
            raise _Stopped

    def result(self) -> Optional[Result]:
        """What `copied` has returned; None until then."""
        return self._result

    def stop(self) -> None:
        """Stop, unless the copy is complete."""
        self._stopped.set()
        self._thread.join()


def copied(database: str, path: str, pause: Optional[Callable[..., None]] = None) -> Result:
    """Copy a database as it was after the last commit. Meanwhile others may read it and write to it.

    Returns True once the copy is on the disk, or a text that says why there is none.

    database: its path. path: of the copy, absolute; no file may be there. Only this user may read the copy.
    pause: called between any two pieces; an exception from it ends the copying.
    """
    if not os.path.isabs(path):
        return "%s: not an absolute path" % path
    unfinished = path + UNFINISHED
    try:
        if os.path.lexists(path):
            return "%s: is there already; choose another name" % path
        if _is_being_made(unfinished):
            return "%s: another copy is being made there" % path
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished)  # left by a server that was killed
        lock = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _lock(lock)
            _copy(database, unfinished, pause)
            _flush(unfinished)
            os.rename(unfinished, path)
        except BaseException:
            os.unlink(unfinished)
            raise
        finally:
            os.close(lock)
        _flush(os.path.dirname(path))
    except OSError as error:
        return "%s: %s" % (path, error.strerror)
    except (sqlite3.Error, ValueError) as error:  # ValueError: no path can be like that
        return "%s: %s" % (path, error)
    except _Stopped:
        return "%s: the server ends" % path
    return True


def _is_being_made(unfinished: str) -> bool:
    """Is a process making this copy? Otherwise the file, if there is one, was left by a process that was killed."""
    try:
        file = os.open(unfinished, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        return not _lock(file)
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    """Lock a file (its descriptor) until it is closed. False if another has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # there are no locks on this disk
    return True


def _copy(database: str, path: str, pause: Optional[Callable[..., None]]) -> None:
    with contextlib.closing(
            sqlite3.connect("file:%s?mode=ro" % quote(database), isolation_level=None, uri=True)) as source:
        if IN_PAGES:
            # Outside of a transaction it would start over after each commit of others.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchall()
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as target:
                target.execute("PRAGMA journal_mode = OFF").fetchall()
                source.backup(target, pages=PAGES, progress=pause)
        elif sqlite3.sqlite_version_info >= (3, 27):
            source.set_progress_handler(pause, STEPS)
            source.execute("VACUUM INTO ?", (path,))
        else:
            raise ValueError("Python %d.%d with SQLite %s copies no database in use; stop the server, and copy the file"
                             % (*sys.version_info[:2], sqlite3.sqlite_version))


def _flush(path: str) -> None:
    """Flush a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
