"""The hub's end of the process that talks to the engine of the order."""
import time
from typing import Any, List

from parley.server.ipc.aide import Aide
from parley.server.ipc.messages import FromEngine, Message, ToEngine, handlers, packed
from parley.server.ipc.queues import Queue
from parley.server.order.place import Place
from parley.server.order.replicated import AGAIN, Replicated

# Seconds until a packet is sent again that could not be put into the log; and after so many seconds, until then.
SOON, LONG, SELDOM = 0.05, 10.0, 0.5
MOST_UNANSWERED = 6  # looks of the hub without a sign of life, some nine seconds
# Seconds without one, while the engine answers: a read waits for 1.5 at most. A successor has to be heard of by the
# other nodes before these take the node for dead.
MOST_SILENT = 2.0
MOST_AT_START = 40  # before the first one, as the process has to import its library, on a busy machine too


class Engine(Aide):
    """Sends the hub's entries to the process, and passes on what comes back.

    node: has a method for each message of `FromEngine` but Accepted and Doubt, and `number`, `token` and `applied` as
        in `ToEngine.Begin`.
    sent_again: how often a packet was sent again.
    refusal: why the packet that is under way could not be put into the log, or "".
    has_accepted: is it known that it is there?
    """

    def __init__(self, place: Place, order: Replicated, node: Any) -> None:
        super().__init__()
        self.sent_again = 0
        self.refusal, self.has_accepted = "", False
        self._place = place
        self._order = order
        self._node = node
        self._handlers = handlers(FromEngine, self, node)
        self._unsent: List[bytes] = []
        self._most_unanswered = MOST_AT_START
        self._sent, self._sent_at = 0, 0.0  # which packet was sent last, and when; monotonic seconds
        self._silent = 0.0  # seconds since the last sign of life, as far as looks were made

    def tell(self, message: Message) -> None:
        """Send the process a message, if there is a process."""
        if self.down is not None:
            self._unsent.append(packed(message))

    def attach(self, down: Queue, up: Queue) -> None:
        """See `Aide`."""
        super().attach(down, up)
        self._sent, self._silent = 0, 0.0
        self._most_unanswered = MOST_AT_START
        self._unsent = [packed(ToEngine.Begin(self._node.number, self._node.token, self._node.applied))]

    def flush(self) -> None:
        """Send the next packet, or repeat the one that is under way."""
        if self._node.number:
            packet = self._order.next_packet() or self._order.under_way
            now = time.monotonic()
            if packet is not None and (packet.serial != self._sent or now - self._sent_at > AGAIN):
                if packet.serial == self._sent:
                    self.sent_again += 1
                else:
                    self.refusal, self.has_accepted = "", False
                self._sent, self._sent_at = packet.serial, now
                self.tell(ToEngine.Submit(packet.serial, packet.data))
        unsent, self._unsent = self._unsent, []
        self._put(b"".join(unsent))

    @property
    def due_in(self) -> float:
        """For how many seconds `flush` need not be called, if nothing happens."""
        if not self.refusal or self._order.under_way is None:
            return AGAIN
        return max(0.0, self._sent_at + AGAIN - time.monotonic())

    def hear(self) -> None:
        """See `Aide`."""
        super().hear()
        self._most_unanswered = MOST_UNANSWERED
        self._silent = 0.0

    def is_stuck(self) -> bool:
        """It gives signs of life without being asked."""
        self._unanswered += 1
        return self._unanswered > self._most_unanswered

    def hangs(self, passed: float) -> bool:
        """While the engine answers: is the process stuck? passed: seconds since the last look."""
        self._silent += passed
        return self._silent > MOST_SILENT and self._most_unanswered == MOST_UNANSWERED

    def accepted(self, serial: int) -> None:
        """See `FromEngine.Accepted`; what counts is that it is heard."""
        if serial == self._sent:
            self.refusal, self.has_accepted = "", True

    def doubt(self, why: str) -> None:
        """See `FromEngine.Doubt`: send the packet again, after a pause."""
        self._sent_at = time.monotonic() - AGAIN + (SOON if self._order.lag < LONG else SELDOM)
        self.refusal, self.has_accepted = why, False

    def process(self, down: Queue, up: Queue) -> None:
        """See `Aide`."""
        from parley.server.order.redis_log import process  # with the library, which nobody else needs
        process(self._place, down, up)
