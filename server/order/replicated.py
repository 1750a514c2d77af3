"""The order of several machines: entries are appended to a shared log, and delivered as they come from it.

The entries of one round are a packet. A node has one packet under way at a time; entries that are submitted meanwhile
form the next one. So with a slow engine packets get larger, not more. A packet that does not come from the log in time
is sent again; the engine recognizes a duplicate by the packet's count.
"""
import collections
import time
from typing import Any, Callable, Deque, List, NamedTuple, Optional, Tuple

from parley.server.ipc.codec import dumps, loads
from parley.server.order.at_hand import Entry, Order

Item = Tuple[int, Entry]  # the worker that has submitted it, and the entry
LONG = 2.0  # seconds under way; then questions do not wait for the packet any more
TOO_LONG = 10.0  # seconds under way; then requests are refused
AGAIN = 1.0  # seconds under way; then a packet is sent again
MOST_WAITING = 8 << 20  # bytes of talk for the next packet; more is refused


class _Packet(NamedTuple):
    """serial: its number among this node's packets. since: when it was first sent, in monotonic seconds."""

    serial: int
    data: bytes
    since: float


class Replicated(Order):
    """The order of one node of a cluster.

    deliver: see `Order`. refuse(worker, entry): refuse the request, and tell whoever made it; False if it must be
        submitted nevertheless, such as the end of a session.
    under_way: the packet that has been sent and has not come out of the log yet, or None.
    """

    def __init__(self, deliver: Callable[[int, Entry], None], refuse: Callable[[int, Entry], bool]) -> None:
        self.now = 0
        self.under_way: Optional[_Packet] = None
        self._deliver = deliver
        self._refuse = refuse
        self._round: List[Item] = []
        self._round_bytes = 0
        self._count = 0  # serial of the latest packet
        self._later: Deque[Tuple[int, Callable[[], Any]]] = collections.deque()
        self._followers: Deque[Item] = collections.deque()
        self._is_delivering = False

    @property
    def depth(self) -> int:
        """How many entries wait for the next packet, and one more if a packet is under way."""
        return len(self._round) + (self.under_way is not None)

    @property
    def through(self) -> int:
        """The serial of the latest packet of this node that is delivered."""
        return self._count - (self.under_way is not None)

    @property
    def is_asked(self) -> bool:
        """Are there pending calls of `after_own`?"""
        return bool(self._later)

    @property
    def lag(self) -> float:
        """For how many seconds the present packet has been under way; 0 if there is none."""
        return 0.0 if self.under_way is None else time.monotonic() - self.under_way.since

    def is_late(self, seconds: float) -> bool:
        """Has a packet been under way for longer than that?"""
        return self.lag > seconds

    def submit(self, worker: int, entry: Entry) -> None:
        """See `Order`. During a delivery each node submits what follows from the delivered entry itself."""
        if self._is_delivering:
            self._followers.append((worker, entry))
        elif not ((self._round_bytes > MOST_WAITING or self.is_late(TOO_LONG)) and self._refuse(worker, entry)):
            self._round.append((worker, entry))
            self._round_bytes += len(entry) if isinstance(entry, bytes) else 0

    def tell(self, worker: int, entry: Entry) -> None:
        """Submit an entry of this node that does not follow from the one being delivered."""
        if not (self.is_late(TOO_LONG) and self._refuse(worker, entry)):
            self._round.append((worker, entry))

    def after_own(self, action: Callable[[], Any]) -> None:
        """Call this once all earlier entries of this node are delivered; at once, if that takes too long."""
        if not self.depth or self.is_late(LONG):
            action()
        else:
            self._later.append((self._count + bool(self._round), action))

    def next_packet(self) -> Optional[_Packet]:
        """The packet to send now, or None; it is under way from then on."""
        if self.under_way is not None or not self._round:
            return None
        self._count += 1
        self.under_way = _Packet(self._count, dumps(self._round), time.monotonic())
        self._round, self._round_bytes = [], 0
        return self.under_way

    def look_at_clock(self) -> None:
        """Refuse entries that have waited for too long, and make the calls that need not wait any longer."""
        if self.is_late(LONG):
            while self._later:
                self._later.popleft()[1]()
        if self.is_late(TOO_LONG):
            self._round = [item for item in self._round if not self._refuse(*item)]

    def apply(self, time_: int, packet: bytes, own_serial: Optional[int]) -> None:
        """Deliver the entries of a packet that has come out of the log.

        time_: that of the log's entry, milliseconds since the epoch. own_serial: its serial if it is this node's, else
        None.
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
