"""The journal: the process that writes to the database and reads from it, and its end in the hub.

The hub sends requests and gets the answers in the same order. The process takes all requests that are there into one
transaction (group commit); talk without acknowledgement first waits UNAWAITED seconds for more. So only those who wait
for an answer wait for the disk. Requests are counted, and the count is part of each commit: a process that takes over
from a dead one reports the count in the database, and gets the requests after that again.
"""
import collections
import contextlib
import logging
import multiprocessing.connection
import os
import sqlite3
import time
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from parley.server.chat.sizes import BYTES, ITEM, tuple_of
from parley.server.ipc.aide import Aide
from parley.server.ipc.asked import AskedStore, Then
from parley.server.ipc.counts import Durations
from parley.server.ipc.messages import (
    FromJournal,
    Message,
    ReadStore,
    ToJournal,
    ToStore,
    handlers,
    messages,
    name_of,
    packed,
)
from parley.server.ipc.queues import CONTROL, HEAD, NOT_AWAITED, Queue, called
from parley.server.storage.backup import Copying, Result
from parley.server.storage.database import Database
from parley.server.storage.memory import Store
from parley.server.storage.tables.schema import StoreError

READS = frozenset(messages(ReadStore)) | {"backup"}  # requests that change nothing in the database
LATER = "later"  # the result of a request that is answered by `FromJournal.BackedUp`, later
MOST_WAITING = 24 << 20  # bytes of memory for requests without an answer; further ones are answered with None at once
# Memory of a request beside its frame, with the function that waits for the answer, and with what that refers to.
TALK_SIZE = tuple_of(2) + ITEM + BYTES + 576
QUESTION_SIZE = tuple_of(2) + ITEM + BYTES + 704
UNAWAITED = 0.02  # seconds that talk without acknowledgement waits for more; a request with an answer ends the wait
PRUNE_EVERY, PRUNE_AGAIN = 60.0, 0.1  # seconds; the latter while there is more to delete
LOOK_AT_COPY = 0.1  # seconds between two checks whether a copy is complete
TRY_AGAIN = 10.0  # seconds after a failure until the process tries whether it can store again
MOST_UNANSWERED = 6  # checks of the hub without an answer, some nine seconds
HOPELESS = 2  # processes in a row that died without an answer; after that, waiting requests fail

log = logging.getLogger(__name__)


class InProcess(AskedStore):
    """The store in memory, in the hub's own process: answers come at once."""

    process = None
    ready = True
    depth = last_number = reserved = 0

    @staticmethod
    def status() -> Dict[str, Any]:
        """See `Journal`."""
        return {"waiting": 0, "bytes": 0, "seconds": 0.0, "failing": False}

    def __init__(self, store: Union[Store, Database]) -> None:
        self.identity = os.urandom(8).hex().encode()  # a new one at each start, like what it stores
        self._store = store
        self._handlers = _handlers(store)

    def talk(self, frame: bytes, then: Then) -> None:
        """See `AskedStore`."""
        then(self._store.talk(frame))

    def ask(self, then: Then, request: Message) -> None:
        """See `AskedStore`."""
        then(self._handlers[name_of(request)](*request))


class Journal(AskedStore, Aide):
    """The hub's end: sends requests to the process, and calls the functions that wait for the answers.

    open_store: opens the database; called in the process. last_number, reserved, identity: see `AskedStore`.
    """

    def __init__(self, open_store: Callable[[], Database], last_number: int = 0, reserved: int = 0,
                 identity: bytes = b"") -> None:
        super().__init__()
        self.last_number = last_number
        self.reserved = reserved
        self.identity = identity
        self._open_store = open_store
        self._handlers = handlers(FromJournal, self)
        self._run = os.urandom(8).hex()
        self._answered = 0  # requests of this run (life of the server)
        self._waiting: Deque[Tuple[bytes, Then]] = collections.deque()
        self._waiting_size = 0  # in memory
        self._unsent: List[bytes] = []  # frames of this turn
        self._ready = False  # has the process reported the count in the database?
        self._closed = False  # do requests fail at once, until there is another process?
        self._fruitless = 0  # processes in a row that died without an answer
        self._mourned = False  # was the end of this process handled?
        self._heard_at = time.monotonic()
        self._failing = False
        self._commits = Durations()
        self._backed_up: Optional[Then] = None  # waits for the copy that is being made

    # ---- asking

    def talk(self, frame: bytes, then: Then) -> None:
        """See `AskedStore`."""
        if self._closed or self._waiting_size > MOST_WAITING:
            then(None)
            return
        if not self._waiting:
            self._heard_at = time.monotonic()
            self._unanswered = 0
        self._waiting.append((frame, then))
        self._waiting_size += _size(frame)
        if self._ready:
            self._unsent.append(frame)

    def ask(self, then: Then, request: Message) -> None:
        """See `AskedStore`."""
        self.talk(packed(request), then)

    def flush(self) -> None:
        """See `Aide`. What cannot be sent to a dead process is sent to its successor (`through`)."""
        unsent, self._unsent = self._unsent, []
        self._put(b"".join(unsent))

    # ---- the process and its queues

    def attach(self, down: Queue, up: Queue) -> None:
        """See `Aide`."""
        super().attach(down, up)
        self._heard_at = time.monotonic()
        self._unsent = [packed(ToJournal.Begin(self._run, self._answered))]
        self._mourned = False

    def detach(self) -> List[Queue]:
        """See `Aide`."""
        self._ready = False
        return super().detach()

    @property
    def ready(self) -> bool:
        """Has the process opened the database, and reported the count in it?"""
        return self._ready

    @property
    def depth(self) -> int:
        """How many requests are not answered yet."""
        return len(self._waiting)

    def status(self) -> Dict[str, Any]:
        """For operators.

        waiting: requests without an answer. bytes: of memory that these take. seconds: since the last answer, or since
        the first of these requests. failing: could the latest one not be stored? commits: durations of transactions, as
        `Durations.plain`.
        """
        return {"waiting": len(self._waiting), "bytes": self._waiting_size,
                "seconds": time.monotonic() - self._heard_at, "failing": self._failing,
                "commits": self._commits.plain()}

    def is_stuck(self) -> bool:
        """See `Aide`: only while it has something to answer."""
        self._unanswered = self._unanswered + 1 if self._waiting or not self._ready else 0
        return self._unanswered > MOST_UNANSWERED

    def hear(self) -> None:
        """See `Aide`. EOFError if the process has ended."""
        try:
            super().hear()
        except EOFError:
            self._mourn()
            raise
        self._heard_at = time.monotonic()

    def _mourn(self) -> None:
        if not self._mourned:
            self._mourned = True
            self._fruitless += 1
            if self._fruitless >= HOPELESS:
                self._give_up()
            if self._backed_up:
                self.backed_up("the process that made the copy has ended")

    def through(self, through: int) -> None:
        """See `FromJournal.Through`: of the requests up to there, only those that read are sent again."""
        again = []
        while self._answered < through:
            frame, then = self._next()
            if _reads(frame):
                again.append((frame, then))
            else:
                then(True)
        self._waiting.extendleft(reversed(again))
        self._waiting_size += sum(_size(frame) for frame, _ in again)
        self._unsent += [frame for frame, _ in self._waiting]
        self._ready = True
        self._closed = self._failing = False

    def results(self, results: List[Any], broken: bool, failing: bool, commit_seconds: Optional[float]) -> None:
        """See `FromJournal.Results`. If `broken`, the process ends without doing anything else."""
        self._fruitless = 0
        self._failing = failing
        if commit_seconds is not None:
            self._commits.note(commit_seconds)
        self._closed = broken
        for result in results:
            _, then = self._next()
            if result == LATER:
                self._backed_up = then
            else:
                then(result)
        if broken:
            self._give_up()

    def backed_up(self, result: Result) -> None:
        """A copy of the database is complete, or failed."""
        then, self._backed_up = self._backed_up, None
        if then:
            then(result)

    def _next(self) -> Tuple[bytes, Then]:
        frame, then = self._waiting.popleft()
        self._waiting_size -= _size(frame)
        self._answered += 1
        return frame, then

    def _give_up(self) -> None:
        """There is no process for now: all waiting requests fail."""
        self._closed = True
        while self._waiting:
            self._next()[1](None)

    # ---- in the process

    def process(self, down: Queue, up: Queue) -> None:
        """See `Aide`: until the hub is gone and everything is stored, or the database is broken.

        Writes to `up` block; reads from `down` do not.
        """
        os.set_blocking(up.fileno(), True)
        try:
            store = self._open_store()
        except StoreError as error:
            log.error("%s", error)
            return
        Writing(store, down, up).run()
        store.close()


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
        self._handlers: Dict[str, Callable[..., Any]] = dict(_handlers(store), backup=_Wanted)
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
            if all(map(_reads, frames)):
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
            results = [self._read(frame) if _reads(frame) else None for frame in frames]
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


def _handlers(store: Union[Store, Database]) -> Dict[str, Callable[..., Any]]:
    """{name of a request: method of the store}."""
    return dict(handlers(ToStore, store), **handlers(ReadStore, store))


def _size(frame: bytes) -> int:
    """Bytes of memory of a waiting request; its frame counts twice, as it may be in the queue to the process too."""
    return (QUESTION_SIZE if HEAD.unpack_from(frame)[0] == CONTROL else TALK_SIZE) + 2 * len(frame)


def _is_unawaited(frame: bytes) -> bool:
    """Is this talk without acknowledgement?"""
    return HEAD.unpack_from(frame)[0] in NOT_AWAITED


def _reads(frame: bytes) -> bool:
    kind: int = HEAD.unpack_from(frame)[0]
    return kind == CONTROL and called(frame)[0] in READS
