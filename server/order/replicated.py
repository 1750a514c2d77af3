"""The order of several machines: what is submitted on one goes into a log, and what comes out of the log is delivered.

What is submitted in one round is a packet. A node has one packet under way at a time, and the next one is what has come
meanwhile: so a slow engine makes packets larger, and not more. A packet that is not heard is sent again; the engine
knows by its count whether it has it.
"""
import collections
import time
from typing import Any, Callable, Deque, List, NamedTuple, Optional, Tuple

from parley.server.ipc.codec import dumps, loads
from parley.server.order.at_hand import Entry, Order

Item = Tuple[int, Entry]  # the worker that has asked, and what for
LONG = 2.0  # seconds after which a packet that is not heard means that something is wrong
TOO_LONG = 10.0  # seconds after which nobody is kept waiting any more
AGAIN = 1.0  # seconds after which a packet is sent again
MOST_WAITING = 8 << 20  # bytes of what is not sent yet


class _Packet(NamedTuple):
    """serial: which one of this node's it is. since: when it was sent first, monotonic seconds."""

    serial: int
    data: bytes
    since: float


class Replicated(Order):
    """The order of a node among others.

    deliver: see `Order`. refuse(worker, entry): tell whoever asked that nothing comes of it; False if it must be asked
        nevertheless, as a session that is gone.
    under_way: the packet that is sent and not heard, or None.
    """

    def __init__(self, deliver: Callable[[int, Entry], None], refuse: Callable[[int, Entry], bool]) -> None:
        self.now = 0
        self.under_way: Optional[_Packet] = None
        self._deliver = deliver
        self._refuse = refuse
        self._round: List[Item] = []
        self._round_bytes = 0
        self._count = 0  # of the latest packet
        self._later: Deque[Tuple[int, Callable[[], Any]]] = collections.deque()
        self._followers: Deque[Item] = collections.deque()
        self._is_delivering = False

    @property
    def depth(self) -> int:
        """How much has been submitted here and is not delivered."""
        return len(self._round) + (self.under_way is not None)

    @property
    def through(self) -> int:
        """The serial of the latest packet of this node that is delivered."""
        return self._count - (self.under_way is not None)

    @property
    def is_asked(self) -> bool:
        """Does anything wait that is to be done `after_own`?"""
        return bool(self._later)

    @property
    def lag(self) -> float:
        """For how long has something been under way? Seconds."""
        return 0.0 if self.under_way is None else time.monotonic() - self.under_way.since

    def is_late(self, seconds: float) -> bool:
        """Has something been under way for so long?"""
        return self.lag > seconds

    def submit(self, worker: int, entry: Entry) -> None:
        """See `Order`. What is submitted while an entry is delivered follows from it, so every node does it itself."""
        if self._is_delivering:
            self._followers.append((worker, entry))
        elif not ((self._round_bytes > MOST_WAITING or self.is_late(TOO_LONG)) and self._refuse(worker, entry)):
            self._round.append((worker, entry))
            self._round_bytes += len(entry) if isinstance(entry, bytes) else 0

    def tell(self, worker: int, entry: Entry) -> None:
        """Submit something of this node's own, which does not follow from what is being delivered."""
        if not (self.is_late(TOO_LONG) and self._refuse(worker, entry)):
            self._round.append((worker, entry))

    def after_own(self, action: Callable[[], Any]) -> None:
        """Do this once all that was submitted here before is delivered; at once, if that takes too long."""
        if not self.depth or self.is_late(LONG):
            action()
        else:
            self._later.append((self._count + bool(self._round), action))

    def next_packet(self) -> Optional[_Packet]:
        """What is to be sent now, if anything is; it is under way then."""
        if self.under_way is not None or not self._round:
            return None
        self._count += 1
        self.under_way = _Packet(self._count, dumps(self._round), time.monotonic())
        self._round, self._round_bytes = [], 0
        return self.under_way

    def look_at_clock(self) -> None:
        """Refuse what has waited for too long, and answer what need not wait."""
        if self.is_late(LONG):
            while self._later:
                self._later.popleft()[1]()
        if self.is_late(TOO_LONG):
            self._round = [item for item in self._round if not self._refuse(*item)]

    def apply(self, time_: int, packet: bytes, own_serial: Optional[int]) -> None:
        """Deliver what a packet of any node has. time_: of the entry. own_serial: if it is one of this node, which.
        """
        self.now = time_
        for worker, entry in loads(packet):
            self.apply_one(worker, entry)
        if own_serial is not None and self.under_way is not None and self.under_way.serial == own_serial:
            self.under_way = None
            while self._later and self._later[0][0] <= own_serial:
                self._later.popleft()[1]()

    def apply_one(self, worker: int, entry: Entry) -> None:
        """Deliver an entry, and what follows from it."""
        self._followers.append((worker, entry))
        try:
            self._is_delivering = True
            while self._followers:
                self._deliver(*self._followers.popleft())
        finally:
            self._is_delivering = False
