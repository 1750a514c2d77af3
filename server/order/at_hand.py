"""The order of a server on one machine: its hub is the only node, so an entry is delivered as it is submitted.

An entry is a talk frame, or (name, fields) of a message: see `parley.server.ipc.messages`. Its effect may depend only
on the entries before it, its own fields, and `now`: not on a clock, a random number, a password or an answer of the
store. Whatever needs one of these is done before, and its result is in the entry.
"""
import collections
from typing import Any, Callable, Deque, Tuple, Union

Entry = Union[bytes, Tuple[str, Tuple[Any, ...]]]


class Order:
    """The interface of every engine.

    It is created with a function `deliver(worker, entry)`, which it calls for each entry, on every node, in the same
    order, one at a time.

    now: the time of the entry that is being delivered, milliseconds since the epoch.
    """

    now: int

    def submit(self, worker: int, entry: Entry) -> None:
        """Put an entry into the order. `worker`: the number of the one that asked for it, or 0 if none did."""
        raise NotImplementedError


class AtHand(Order):
    """Delivers each entry at once; one that is submitted during a delivery comes after that.

    clock: gives seconds since the epoch.
    """

    def __init__(self, deliver: Callable[[int, Entry], None], clock: Callable[[], float]) -> None:
        self.now = 0
        self._deliver = deliver
        self._clock = clock
        self._entries: Deque[Tuple[int, Entry]] = collections.deque()
        self._is_delivering = False

    def submit(self, worker: int, entry: Entry) -> None:
        """See `Order`. What `deliver` raises is raised here."""
        self._entries.append((worker, entry))
        if self._is_delivering:
            return
        try:
            self._is_delivering = True
            while self._entries:
                self.now = max(0, int(self._clock() * 1000))
                self._deliver(*self._entries.popleft())
        finally:
            self._is_delivering = False
