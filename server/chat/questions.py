"""Questions, which change nothing: the store answers them, or another worker, or the asker's own worker."""
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from parley.server.chat.contract import Post
from parley.server.chat.members import Members, holder_of, split
from parley.server.ipc.asked import AskedStore
from parley.server.ipc.messages import Listed, Message, ReadStore, ToWorker
from parley.server.order.numbers import Numbers
from parley.server.protocols import events
from parley.server.protocols.events import Reason


class Questions:
    """The questions of sessions. The methods handle messages: see `parley.server.ipc.messages`."""

    def __init__(self, post: Post, members: Members, store: AskedStore, numbers: Numbers) -> None:
        self._post = post
        self._members = members
        self._store = store
        self._numbers = numbers
        self._locating: Dict[int, int] = {}  # holder that asks where somebody is -> the worker that knows

    # ---- what the store knows

    def unread(self, worker: int, sessions: Sequence[int], name: bytes) -> None:
        """From whom something is kept for a member, and how much."""

        def tell(counts: Optional[List[Tuple[bytes, int]]]) -> None:
            self._post.worker(worker, ToWorker.Unread(sessions, counts or []))  # without the store there are no counts

        self._store.ask(self._post.guarded(worker, sessions, tell), ReadStore.Unread(name))

    def history(self, worker: int, sessions: Sequence[int], name: bytes, partner: bytes) -> None:
        """What two have said to each other."""

        def tell(found: Tuple[List[Tuple[bytes, bytes, int]], int]) -> None:
            self._post.worker(worker, ToWorker.Past(sessions, name, partner, *found))

        self._look_up(worker, sessions, tell, ReadStore.Past(name, partner))

    def recall(self, worker: int, sessions: Sequence[int], since: Optional[int], most: int) -> None:
        """What was said in the lobby after the message of number `since`, or (None) lately: at most `most` messages."""

        def tell(found: Tuple[List[Listed], int, bool]) -> None:
            messages, last, more = found
            self._post.answer(worker, sessions, events.Recalled(messages, max(last, since or 0), more))

        if since is not None and since > self._numbers.last:
            self._post.refuse_all(worker, sessions, Reason.NO_SUCH_NUMBER)
            return
        self._look_up(worker, sessions, tell, ReadStore.Lobby(since, most))

    def _look_up(
            self, worker: int, sessions: Sequence[int], tell: Callable[[Any], None], request: Message) -> None:
        """Ask the store, and tell the sessions what it finds."""

        def answer(found: Any) -> None:
            if found is None:
                self._post.refuse_all(worker, sessions, Reason.NOT_STORED)
            else:
                tell(found)

        self._store.ask(self._post.guarded(worker, sessions, answer), request)

    # ---- what a worker knows

    def describe(self, worker: int, session: int, name: bytes) -> None:
        """Where a member comes from (the name may be its alias): only its worker knows, and is asked."""
        holder, asker = self._members.described_as(name), holder_of(worker, session)
        if holder is None:
            self._post.refuse(asker, Reason.NOBODY)
        else:
            there, whom = split(holder)
            self._locating[asker] = there
            self._post.worker(there, ToWorker.Locate(whom, asker))

    def located(self, worker: int, asker: int, name: Optional[bytes], host: str, port: int) -> None:
        """Pass the worker's answer on to the asker; the name is None if the member has left meanwhile."""
        if name is None:
            self._locate_nobody(asker)
        elif self._locating.pop(asker, None) is not None:
            there, whom = split(asker)
            self._post.answer(there, [whom], events.Described(name, host, port))

    def _locate_nobody(self, asker: int) -> None:
        if self._locating.pop(asker, None) is not None:
            self._post.refuse(asker, Reason.NOBODY)

    def who(self, worker: int, sessions: Sequence[int]) -> None:
        """Mark the place at which the asking worker answers from its replica."""
        self._post.worker(worker, ToWorker.Who(sessions))

    def accounts(self, worker: int, sessions: Sequence[int], pattern: Optional[bytes]) -> None:
        """Likewise."""
        self._post.worker(worker, ToWorker.Accounts(sessions, pattern))

    def news(self, worker: int, sessions: Sequence[int]) -> None:
        """Likewise."""
        self._post.worker(worker, ToWorker.News(sessions))

    # ---- who is gone

    def forget(self, holder: int) -> None:
        """The session is gone, and needs no answer."""
        self._locating.pop(holder, None)

    def lose(self, worker: int) -> None:
        """A worker died: it locates nobody any more."""
        for asker in [asker for asker, target in self._locating.items() if target == worker]:
            self._locate_nobody(asker)
