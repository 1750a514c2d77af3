"""The order of a server on one machine: its hub is the only node, so what is submitted is delivered in the same turn.

Every engine keeps this contract:

    submit(worker, entry)     puts an entry into the order; it was asked for by that worker, or (0) by nobody's
    deliver(worker, entry)    is called for each entry, on every node, in one order, and for one after the other
    now                       the time of the entry that is being delivered, milliseconds since the epoch

An entry is a talk frame, or (name, fields) of a message: see `parley.server.ipc.messages`. What an entry leads to may
depend on nothing but the entries before it, its own fields, and `now`: no clock, no chance, no password, no answer of
a store. What needs one of these is done before, and carried by the entry.
"""
import collections
from typing import Any, Callable, Deque, Tuple, Union

Entry = Union[bytes, Tuple[str, Tuple[Any, ...]]]


class AtHand:
    """See above. Entries that are submitted while one is delivered come behind it.

    clock: gives seconds since the epoch.
    """

    def __init__(self, deliver: Callable[[int, Entry], None], clock: Callable[[], float]) -> None:
        self.now = 0
        self._deliver = deliver
        self._clock = clock
        self._entries: Deque[Tuple[int, Entry]] = collections.deque()
        self._is_delivering = False

    def submit(self, worker: int, entry: Entry) -> None:
        """Put an entry into the order. What `deliver` raises is raised here."""
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
