"""The order of a server on one machine: its hub is the only node, so what is submitted is delivered in the same turn.

An entry is a talk frame, or (name, fields) of a message: see `parley.server.ipc.messages`. What an entry leads to may
depend on nothing but the entries before it, its own fields, and `now`: no clock, no chance, no password, no answer of
a store. What needs one of these is done before, and carried by the entry.
"""
import collections
from typing import Any, Callable, Deque, Tuple, Union

Entry = Union[bytes, Tuple[str, Tuple[Any, ...]]]


class Order:
    """What every engine has.

    It is made with a function `deliver(worker, entry)`, which it calls for each entry, on every node, in the same
    order, and never for two at a time.

    now: the time of the entry that is being delivered, milliseconds since the epoch.
    """

    now: int

    def submit(self, worker: int, entry: Entry) -> None:
        """Put an entry into the order. `worker`: the number of the one that asked for it, or 0 if none did."""
        raise NotImplementedError


class AtHand(Order):
    """Delivers each entry as it is submitted, but one that is submitted while another is delivered only after that.

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
