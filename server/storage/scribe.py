"""The process of the journal, which writes to the database and reads from it.

It takes all requests that are there into one transaction (group commit); talk without acknowledgement first waits
UNAWAITED seconds for more. So only those who wait for an answer wait for the disk. The answers come in the order of the
requests, whose count is part of each commit.
"""
import contextlib
import logging
import multiprocessing.connection
import sqlite3
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Union

from parley.server.ipc.messages import FromJournal, Message, ReadStore, ToStore, handlers, messages, packed
from parley.server.ipc.queues import CONTROL, HEAD, NOT_AWAITED, Queue, called
from parley.server.storage.backup import Copying, Result
from parley.server.storage.database import Database
from parley.server.storage.memory import Store

READS = frozenset(messages(ReadStore)) | {"backup"}  # requests that change nothing in the database
LATER = "later"  # the result of a request that is answered by `FromJournal.BackedUp`, later
UNAWAITED = 0.02  # seconds that talk without acknowledgement waits for more; a request with an answer ends the wait
PRUNE_EVERY, PRUNE_AGAIN = 60.0, 0.1  # seconds; the latter while there is more to delete
LOOK_AT_COPY = 0.1  # seconds between two checks whether a copy is complete
TRY_AGAIN = 10.0  # seconds after a failure until the process tries whether it can store again

log = logging.getLogger(__name__)


class Writing:
    """The loop of the process."""

    def __init__(self, store: Database, down: Queue, up: Queue) -> None:
        self._store = store
        self._down, self._up = down, up
        self._scribe: Optional[Scribe] = None  # from the hub's first message on, `ToJournal.Begin`
        self._frames: List[bytes] = []  # requests that wait for more
        self._due = self._next_try = self._next_prune = time.monotonic() + PRUNE_EVERY

    def run(self) -> None:
        """Until the hub is gone, or the database is broken."""
        with contextlib.suppress(EOFError, BrokenPipeError):  # the hub is gone
            while True:
                multiprocessing.connection.wait([self._down.fileno()], self._seconds_to_wait())
                came = self._down.get()
                if came and self._scribe is None:
                    self._begin(came.pop(0))
                if self._scribe:
                    self._take(self._scribe, came)
                    if self._scribe.broken:
                        break
                self._prune()
        if self._scribe:
            if self._frames:
                self._scribe.write(self._frames)  # the hub is gone, but this was said
            self._scribe.stop_copying()

    def _seconds_to_wait(self) -> float:
        times = [self._due if self._frames else self._next_prune]
        if self._scribe and self._scribe.is_copying:
            times.append(time.monotonic() + LOOK_AT_COPY)
        if self._scribe and self._scribe.failing and not self._frames:
            times.append(self._next_try)
        return max(0.0, min(times) - time.monotonic())

    def _tell(self, message: Message) -> None:
        self._up.put(packed(message))

    def _begin(self, frame: bytes) -> None:
        _, (run, answered) = called(frame)
        self._scribe = Scribe(self._store, run, answered)
        self._tell(FromJournal.Through(self._scribe.through))

    def _take(self, scribe: "Scribe", came: List[bytes]) -> None:
        """Write what has come, unless it is only talk that waits for more; then look after failures and copies."""
        now = time.monotonic()
        if came and not self._frames:
            self._due = now + UNAWAITED
        self._frames += came
        if self._frames and (now >= self._due or not all(map(_is_unawaited, came))):
            frames, self._frames = self._frames, []
            results = scribe.write(frames)
            self._tell(FromJournal.Results(results, scribe.broken, scribe.failing, scribe.commit_seconds))
            self._next_try = time.monotonic() + TRY_AGAIN
        elif scribe.failing and not self._frames and now >= self._next_try:
            self._next_try = now + TRY_AGAIN
            if scribe.try_again():
                self._tell(FromJournal.Results([], False, False, None))
        copied = scribe.copied()
        if copied is not None:
            self._tell(FromJournal.BackedUp(copied))

    def _prune(self) -> None:
        if time.monotonic() >= self._next_prune:
            is_more = self._scribe and self._scribe.prune()
            self._next_prune = time.monotonic() + (PRUNE_AGAIN if is_more else PRUNE_EVERY)


class _Wanted(NamedTuple):
    """The result of a request for a copy at this path, which begins after the commit of the request's transaction."""

    path: str


class Scribe:
    """Writes batches of requests into a database, one transaction for each.

    run: a text that identifies this life of the server. answered: how many of its requests the hub has got answers to.
    through: how many of its requests are in the database or answered.
    broken: has a batch failed for any reason but a full disk? Then the open database may not fit its file any more.
    failing: could the last batch not be stored?
    commit_seconds: duration of the last batch's transaction; None if it failed, or only read.
    """

    def __init__(self, store: Database, run: str, answered: int) -> None:
        self._store = store
        self._handlers: Dict[str, Callable[..., Any]] = dict(handlers_of(store), backup=_Wanted)
        self._copying: Optional[Copying] = None
        self._run = run
        self.through = max(answered, store.through(run))
        self.broken = self.failing = False
        self.commit_seconds: Optional[float] = None

    def write(self, frames: Sequence[bytes]) -> List[Any]:
        """Do the requests in `frames` in one transaction. Returns their results.

        The result is None for a request that failed, and LATER for a copy, which is then being made: see `copied`.
        """
        through = self.through + len(frames)
        failed, self.failing, self.commit_seconds = self.failing, False, None
        try:
            if all(map(is_read, frames)):
                results = [self._read(frame) for frame in frames]
                self.failing = failed  # reading says nothing about storing
            else:
                began = time.monotonic()
                with self._store.transaction():
                    results = [self._do(frame) for frame in frames]
                    self._store.note(self._run, through)
                self.commit_seconds = time.monotonic() - began
        except sqlite3.Error as error:
            self.failing = True
            if not failed:
                log.error("nothing can be stored: %s; senders of messages get an error", error)
            self.broken = "full" not in str(error)  # Python 3.6 has no error codes
            results = [self._read(frame) if is_read(frame) else None for frame in frames]
        else:
            if failed and not self.failing:
                log.error("messages can be stored again")
        self.through = through
        return [self._begin(result) if isinstance(result, _Wanted) else result for result in results]

    def try_again(self) -> bool:
        """After a batch that failed: can something be stored again?"""
        try:
            with self._store.transaction():
                self._store.note(self._run, self.through)
        except sqlite3.Error:
            return False
        self.failing = False
        log.error("messages can be stored again")
        return True

    def _begin(self, wanted: _Wanted) -> Union[str, int]:
        if self._copying:
            return "another copy is being made"
        self._copying = Copying(self._store.path, wanted.path)
        return LATER

    @property
    def is_copying(self) -> bool:
        """Is a copy being made?"""
        return self._copying is not None

    def copied(self) -> Optional[Result]:
        """The result of the copy, once: True, or why there is none. None before, after, and if there is no copy."""
        result = self._copying.result() if self._copying else None
        if result is not None:
            self._copying = None
        return result

    def stop_copying(self) -> None:
        """Stop the copy, if one is being made."""
        if self._copying:
            self._copying.stop()

    def _do(self, frame: bytes) -> Any:
        if HEAD.unpack_from(frame)[0] != CONTROL:
            return self._store.talk(frame)
        request, arguments = called(frame)
        return self._handlers[request](*arguments)

    def _read(self, frame: bytes) -> Any:
        try:
            return self._do(frame)
        except sqlite3.Error as error:
            log.error("reading from the database failed: %s", error)
            return None

    def prune(self) -> bool:
        """See `Database.prune`; False also if it fails."""
        try:
            with self._store.transaction():
                return self._store.prune()
        except sqlite3.Error as error:
            log.error("old messages could not be deleted: %s", error)
            return False


def handlers_of(store: Union[Store, Database]) -> Dict[str, Callable[..., Any]]:
    """{name of a request: method of the store}."""
    return dict(handlers(ToStore, store), **handlers(ReadStore, store))


def _is_unawaited(frame: bytes) -> bool:
    """Is this talk without acknowledgement?"""
    return HEAD.unpack_from(frame)[0] in NOT_AWAITED


def is_read(frame: bytes) -> bool:
    """Is this a request that changes nothing in the database?"""
    kind: int = HEAD.unpack_from(frame)[0]
    return kind == CONTROL and called(frame)[0] in READS
