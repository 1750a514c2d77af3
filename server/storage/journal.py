"""The journal, in the hub: sends requests to the process that has the database, and gets the answers in their order.

Requests are counted, and the count is part of each commit. A process that takes over from a dead one reports the count
in its database, and gets the later requests again. `scribe.py` is what runs in the process.
"""
import collections
import logging
import os
import time
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple, Union

from parley.server.chat.sizes import BYTES, ITEM, tuple_of
from parley.server.ipc.aide import Aide
from parley.server.ipc.asked import AskedStore, Then
from parley.server.ipc.counts import Durations
from parley.server.ipc.messages import FromJournal, Message, ToJournal, handlers, name_of, packed
from parley.server.ipc.queues import CONTROL, HEAD, Queue
from parley.server.storage.backup import Result
from parley.server.storage.database import Database
from parley.server.storage.memory import Store
from parley.server.storage.scribe import LATER, Writing, handlers_of, is_read
from parley.server.storage.tables.schema import StoreError

MOST_WAITING = 24 << 20  # bytes of memory for requests without an answer; further ones are answered with None at once
# Memory of a request beside its frame, with the function that waits for the answer, and with what that refers to.
TALK_SIZE = tuple_of(2) + ITEM + BYTES + 576
QUESTION_SIZE = tuple_of(2) + ITEM + BYTES + 704
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
        self._handlers = handlers_of(store)

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
            if is_read(frame):
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


def _size(frame: bytes) -> int:
    """Bytes of memory of a waiting request; its frame counts twice, as it may be in the queue to the process too."""
    return (QUESTION_SIZE if HEAD.unpack_from(frame)[0] == CONTROL else TALK_SIZE) + 2 * len(frame)
