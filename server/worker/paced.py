"""Connections of clients that take one recv for one frame: the next is sent once they will have taken the last.

Sends of their own are not enough: the kernel joins what a client has not read yet, and what one tick has for it, such
as that somebody joined and what he said, is sent within microseconds. TCP cannot tell what a program has read; so it
gets time to wake up and do so.
"""
import collections
import time

from parley.server.chat.session import GONE
from parley.server.worker.connection import Connection

GAP = 0.05  # seconds between two frames: a busy machine wakes a program late
LAG = 4 * GAP  # seconds that a frame may wait, so that an answer behind it is no later: where many wait they are closer
FLOOD = 16 * GAP  # what would wait longer is sent at once: nobody could read it, and talk must not lag behind
CALM = 2 * FLOOD  # seconds at most after a flood until frames are apart again


class Paced(Connection):
    """Its frames go out apart. Whoever has spoken since the last one is awake, and need not be waited for."""

    __slots__ = ("_told_at", "_load_until", "_waiting", "_all_sent_by")

    def __init__(self, *arguments):
        self._told_at = self._load_until = float("-inf")
        self._waiting = None  # a deque of frames, while there are any
        self._all_sent_by = 0.0  # when the last of them is to have gone out, monotonic seconds
        super().__init__(*arguments)

    @property
    def turn(self):
        """When the next frame may go out, monotonic seconds."""
        share = (self._all_sent_by - self._told_at) / len(self._waiting) if self._waiting else GAP
        return self._told_at + min(GAP, share)

    @property
    def is_behind(self):
        """Is there anything that it was told and the kernel has not taken?"""
        return self._waiting is not None or super().is_behind

    def send(self, pieces):
        """Send a frame in its turn: now, if none has just been sent."""
        if self.transport is None or not pieces:
            return
        now = time.monotonic()  # a tick may have taken long
        load = (self._load_until - now if self._load_until > now else 0.0) + GAP
        self._load_until = now + (load if load < CALM else CALM)
        if load > FLOOD:
            if self._waiting is not None:
                self._send_waiting()
        elif self._waiting is not None or (now < self._told_at + GAP and self.heard_at <= self._told_at):
            self._wait(pieces, now)
            return
        self._told_at = now
        Connection.send(self, pieces)  # a call less than by super()

    def _wait(self, pieces, now):
        if self._waiting is None:
            self._waiting = collections.deque()
        self._waiting.append(pieces)
        self._all_sent_by = now + LAG
        self._worker.turns.wait(self)

    def take_turn(self):
        """Send the next frame that waits; is there another?"""
        if self._waiting is None:
            return False
        self._told_at = time.monotonic()
        pieces = self._waiting.popleft()
        more = bool(self._waiting)
        if not more:
            self._waiting = None
        super().send(pieces)
        self._finish()
        return more and self._waiting is not None

    def _send_waiting(self):
        waiting, self._waiting = self._waiting, None
        for pieces in waiting:
            super().send(pieces)

    def give_up(self, reason):
        """What waits follows on what is forgotten."""
        if self.outbox and self.state is not GONE:
            self._waiting = None
        super().give_up(reason)

    def _finish(self):
        if self._waiting is None:
            super()._finish()

    def close(self):
        """Close the socket, whatever is still unsent."""
        self._waiting = None
        super().close()


class Turns:
    """Who waits for its turn, and when to look next."""

    def __init__(self):
        self._waiting = {}  # an ordered set of connections
        self.next = float("inf")  # monotonic seconds

    def wait(self, connection):
        """It has a frame to be sent in its turn."""
        self._waiting[connection] = None
        self.next = min(self.next, connection.turn)

    def give(self, now):
        """Let everybody send whose turn it is."""
        if now < self.next:
            return
        for connection in [connection for connection in self._waiting if connection.turn <= now]:
            try:
                more = connection.take_turn()
            except Exception:
                connection.crash()
                more = connection.transport is not None  # its last words may have to wait for a turn
            if not more:
                del self._waiting[connection]
        self.next = min((connection.turn for connection in self._waiting), default=float("inf"))
