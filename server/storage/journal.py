"""The journal: the process that makes things durable, and its end in the hub.

The hub asks in one order and gets its answers in the same order, later. Whatever has come to the process meanwhile is
one transaction (group commit), so that a busy chat has few of them, and talk of which nobody wants to know that it is
stored waits a moment for more. Nobody but who waits for an answer waits for a disk. Requests are counted: a process
that takes over from a dead one says how many are in the database, and is asked again what is not.
"""
import collections
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

READS = frozenset(messages(ReadStore)) | {"backup"}  # what changes nothing
LATER = "later"  # the result, which no other has, of a request that gets an answer of its own: `FromJournal.BackedUp`
MOST_WAITING = 24 << 20  # bytes of memory for requests that wait for the process; more are answered with None at once
# What one takes beside its frame, with what is to be done once it is answered: for talk little, for a question a few
# functions and their variables.
TALK_SIZE = tuple_of(2) + ITEM + BYTES + 576
QUESTION_SIZE = tuple_of(2) + ITEM + BYTES + 704
UNAWAITED = 0.02  # seconds until talk is stored, if nothing comes meanwhile that somebody awaits
PRUNE_EVERY = 60.0  # seconds
LOOK_AT_COPY = 0.1  # seconds
TRY_AGAIN = 10.0  # seconds until it is tried whether something can be stored again
MOST_UNANSWERED = 6  # looks of the hub without an answer, some nine seconds
HOPELESS = 2  # processes that died one after the other without having done anything

log = logging.getLogger(__name__)


class InProcess(AskedStore):
    """Asks a store in this process: the answer comes at once."""

    process = None
    ready = True
    depth = last_number = reserved = 0

    @staticmethod
    def status() -> Dict[str, Any]:
        """See `Journal`."""
        return {"waiting": 0, "bytes": 0, "seconds": 0.0, "failing": False}

    def __init__(self, store: Union[Store, Database]) -> None:
        self.identity = os.urandom(8).hex().encode()  # as the store in memory is another at each start
        self._store = store
        self._handlers = _handlers(store)

    def talk(self, frame: bytes, then: Then) -> None:
        """See `AskedStore`."""
        then(self._store.talk(frame))

    def ask(self, then: Then, request: Message) -> None:
        """See `AskedStore`."""
        then(self._handlers[name_of(request)](*request))


class Journal(AskedStore, Aide):
    """Asks a database in another process.

    open_store: opens it; called in the process.
    last_number, reserved, identity: see `AskedStore`.
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
        self._answered = 0  # requests of this run
        self._waiting: Deque[Tuple[bytes, Then]] = collections.deque()
        self._waiting_size = 0  # in memory
        self._unsent: List[bytes] = []  # frames of this turn
        self._ready = False  # has the process said how far it has come?
        self._closed = False  # is it no use to ask until there is another process?
        self._fruitless = 0  # processes in a row that have done nothing
        self._mourned = False  # has the end of this process been noticed?
        self._heard_at = time.monotonic()
        self._failing = False
        self._commits = Durations()
        self._backed_up: Optional[Then] = None  # what waits for a copy that is being made

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
        """See `Aide`. What a dead process has not done its successor is asked again."""
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
        """Has the process opened the database, and said how far it has come?"""
        return self._ready

    @property
    def depth(self) -> int:
        """How many requests are not answered yet."""
        return len(self._waiting)

    def status(self) -> Dict[str, Any]:
        """What operators want to know.

        waiting: how many requests are not answered yet. bytes: of memory that these take.
        seconds: since the last answer, or since the first of these was asked.
        failing: could the latest of them not be stored? commits: how long storing took, as `Durations.plain`.
        """
        return {"waiting": len(self._waiting), "bytes": self._waiting_size,
                "seconds": time.monotonic() - self._heard_at, "failing": self._failing,
                "commits": self._commits.plain()}

    def is_stuck(self) -> bool:
        """See `Aide`: only while it has something to answer."""
        self._unanswered = self._unanswered + 1 if self._waiting or not self._ready else 0
        return self._unanswered > MOST_UNANSWERED

    def hear(self) -> None:
        """Take the answers that are there. EOFError if the process is gone."""
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
        """The process has this many requests of our run in its database: only what they were to read is asked again."""
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
        """See `FromJournal.Results`. If `broken`, the process ends without doing any more."""
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
        """Nobody is there to ask: whoever waits is told so."""
        self._closed = True
        while self._waiting:
            self._next()[1](None)

    # ---- in the process

    def process(self, down: Queue, up: Queue) -> None:
        """What the process does, until the hub is gone and all is stored, or the database is broken.

        Writes to `up` block; reads from `down` do not.
        """
        os.set_blocking(up.fileno(), True)
        try:
            store = self._open_store()
        except StoreError as error:
            log.error("%s", error)
            return
        scribe: Optional[Scribe] = None
        frames: List[bytes] = []
        next_prune = next_try = due = time.monotonic() + PRUNE_EVERY
        while True:
            patience = max(0.0, (due if frames else next_prune) - time.monotonic())
            if scribe and scribe.is_copying:
                patience = min(patience, LOOK_AT_COPY)
            if scribe and scribe.failing and not frames:
                patience = min(patience, max(0.0, next_try - time.monotonic()))
            multiprocessing.connection.wait([down.fileno()], patience)
            try:
                came = down.get()
                if came and scribe is None:
                    _, (run, answered) = called(came.pop(0))
                    scribe = Scribe(store, run, answered)
                    up.put(packed(FromJournal.Through(scribe.through)))
                if came and not frames:
                    due = time.monotonic() + UNAWAITED
                frames += came
                if scribe and frames and (time.monotonic() >= due or not all(map(_is_unawaited, came))):
                    batch, frames = frames, []
                    results = scribe.write(batch)
                    up.put(packed(FromJournal.Results(results, scribe.broken, scribe.failing, scribe.commit_seconds)))
                    next_try = time.monotonic() + TRY_AGAIN
                elif scribe and scribe.failing and not frames and time.monotonic() >= next_try:
                    next_try = time.monotonic() + TRY_AGAIN
                    if scribe.try_again():
                        up.put(packed(FromJournal.Results([], False, False, None)))
                copied = scribe.copied() if scribe else None
                if copied is not None:
                    up.put(packed(FromJournal.BackedUp(copied)))
            except (EOFError, BrokenPipeError):
                break
            if scribe and scribe.broken:
                break
            if time.monotonic() >= next_prune:
                next_prune = time.monotonic() + (0.1 if scribe and scribe.prune() else PRUNE_EVERY)
        if scribe and frames:
            scribe.write(frames)  # the hub is gone, but this was said
        if scribe:
            scribe.stop_copying()
        store.close()


class _Wanted(NamedTuple):
    """A copy at this path, of what is there once the transaction is committed."""

    path: str


class Scribe:
    """Writes batches of requests into a database, one transaction for each.

    run: of the server, a text that no other run has. answered: how many of its requests the hub has had answers to.
    through: how many of its requests are in the database or answered.
    broken: has anything but a full disk made a batch fail? Then what the open database knows of its file may be wrong.
    failing: could the last batch not be stored?
    commit_seconds: what storing the last batch took; None if it was not stored, or only asked.
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
        """Store the requests in `frames`. Returns their results.

        None for each that could not be stored, or read; LATER for a copy, which is being made then: see `copied`.
        """
        through = self.through + len(frames)
        failed, self.failing, self.commit_seconds = self.failing, False, None
        try:
            if all(map(_reads, frames)):
                results = [self._read(frame) for frame in frames]
                self.failing = failed  # which says nothing of what is to be stored
            else:
                began = time.monotonic()
                with self._store.transaction():
                    results = [self._do(frame) for frame in frames]
                    self._store.note(self._run, through)
                self.commit_seconds = time.monotonic() - began
        except sqlite3.Error as error:
            self.failing = True
            if not failed:
                log.error("nothing can be stored: %s; whoever says something gets an error", error)
            self.broken = "full" not in str(error)  # Python 3.6 has no error codes
            results = [self._read(frame) if _reads(frame) else None for frame in frames]
        else:
            if failed and not self.failing:
                log.error("messages can be stored again")
        self.through = through
        return [self._begin(result) if isinstance(result, _Wanted) else result for result in results]

    def try_again(self) -> bool:
        """Can something be stored again, after a batch that could not?"""
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
        """Has the copy been made? True, or why not. None until that is known, and again after it was told."""
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
        """See `Database.prune`; false also if that fails."""
        try:
            with self._store.transaction():
                return self._store.prune()
        except sqlite3.Error as error:
            log.error("old messages could not be deleted: %s", error)
            return False


def _handlers(store: Union[Store, Database]) -> Dict[str, Callable[..., Any]]:
    """{name of a request: the store's method}."""
    return dict(handlers(ToStore, store), **handlers(ReadStore, store))


def _size(frame: bytes) -> int:
    """What a request takes while it waits; its frame may be in the queue to the process too."""
    return (QUESTION_SIZE if HEAD.unpack_from(frame)[0] == CONTROL else TALK_SIZE) + 2 * len(frame)


def _is_unawaited(frame: bytes) -> bool:
    """Is this talk of which nobody wants to know when it is stored?"""
    return HEAD.unpack_from(frame)[0] in NOT_AWAITED


def _reads(frame: bytes) -> bool:
    kind: int = HEAD.unpack_from(frame)[0]
    return kind == CONTROL and called(frame)[0] in READS
