"""Spaces out frames for clients that take one recv for one frame: the next waits until the last should be read.

A send for each frame is not enough: the kernel joins what a client has not read yet, and the frames of one tick, such
as that a user joined and what the user said, are sent within microseconds. TCP cannot tell what a program has read; so
the program gets time to wake up and read.
"""
import collections
import time

GAP = 0.05  # seconds between two frames: a busy machine wakes a program late
LAG = 4 * GAP  # seconds that a frame may wait, as an answer may be behind it; if many wait, their gaps are shorter
FLOOD = 16 * GAP  # what would wait longer is sent at once: nobody could read it, and talk must not lag behind
HURRY = GAP / (FLOOD / GAP)  # seconds between two frames before an answer, so that it comes within a GAP
CALM = 2 * FLOOD  # seconds at most after a flood until frames are apart again


class Pace:
    """Keeps one connection's frames apart. A client that has spoken since the last one is awake, and needs no gap.

    If it speaks while frames wait, these come in a HURRY, and so does what it is told within a GAP after that, which
    may be its answer. If none waits, what comes then does not, such as the messages kept for who logs in.

    kept: the frames that wait for their turn, a deque; None if none does.
    """

    __slots__ = ("kept", "_since", "_hurried", "_told_at", "_load_until", "_all_sent_by")

    def __init__(self):
        self.kept = None
        self._since = 0.0  # when the first of these was kept, monotonic seconds
        self._hurried = 0  # how many of these, from the first on, are sent in a HURRY
        self._told_at = self._load_until = float("-inf")
        self._all_sent_by = 0.0  # when the last of them is to have gone out, monotonic seconds

    @property
    def turn(self):
        """When the next frame may go out, monotonic seconds."""
        if self._hurried:
            return self._told_at + HURRY
        share = (self._all_sent_by - self._told_at) / len(self.kept) if self.kept else GAP
        return self._told_at + min(GAP, share)

    def send(self, connection, pieces):
        """Send a frame now, if none has just been sent; else keep it. Was it kept?"""
        now = time.monotonic()  # a tick may have taken long
        load = (self._load_until - now if self._load_until > now else 0.0) + GAP
        self._load_until = now + (load if load < CALM else CALM)
        if load > FLOOD:
            kept, self.kept = self.kept, None
            for earlier in kept or ():
                connection.send(earlier, True)
        elif self.kept is not None or (now < self._told_at + GAP and connection.heard_at <= self._told_at):
            if self.kept is None:
                self.kept, self._since, self._hurried = collections.deque(), now, 0
            self.kept.append(pieces)
            if connection.heard_at > max(self._since, min(self._told_at, now - GAP)):
                self._hurried = len(self.kept)
            self._all_sent_by = now + LAG
            return True
        self._told_at = now
        connection.send(pieces, True)
        return False

    def take_turn(self, connection):
        """Send the next frame that waits; is there another?"""
        if self.kept is None:
            return False
        self._told_at = time.monotonic()
        pieces = self.kept.popleft()
        self._hurried = max(0, self._hurried - 1)
        more = bool(self.kept)
        if not more:
            self.kept = None
        connection.send(pieces, True)
        connection.finish()
        return more and self.kept is not None


class Turns:
    """Who waits for its turn, and when to look next."""

    def __init__(self):
        self._waiting = {}  # an ordered set of connections
        self.next = float("inf")  # monotonic seconds

    def wait(self, connection):
        """It has a frame to be sent in its turn."""
        self._waiting[connection] = None
        self.next = min(self.next, connection.pace.turn)

    def give(self, now):
        """Let everybody send whose turn it is."""
        if now < self.next:
            return
        for connection in [connection for connection in self._waiting if connection.pace.turn <= now]:
            try:
                more = connection.pace.take_turn(connection)
            except Exception:
                connection.crash()
                more = connection.transport is not None  # its last output may have to wait for a turn
            if not more:
                del self._waiting[connection]
        self.next = min((connection.pace.turn for connection in self._waiting), default=float("inf"))
