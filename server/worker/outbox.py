"""A client's unsent output: what the kernel has not taken yet, or what exceeds one turn."""
import collections
import itertools

_AT_ONCE = 64  # pieces in one sendmsg
MOST_SENT = 1 << 17  # bytes in one turn: eighty clients that get a history of 2 MB must not keep the others waiting


class Outbox:
    """Holds references to shared bytes, so that many clients that lag behind the same talk cost its memory once.

    size: bytes still to send.
    """

    __slots__ = ("size", "_pieces")

    def __init__(self):
        self.size = 0
        self._pieces = collections.deque()

    def __iter__(self):
        return iter(self._pieces)

    def extend(self, pieces):
        """Keep several pieces."""
        for piece in pieces:
            self.append(piece)

    def append(self, piece):
        """Keep one bytes-like piece; an empty one would never be seen to be sent."""
        if len(piece):
            self._pieces.append(piece)
            self.size += len(piece)

    def keep_first(self, begun=0):
        """Drop all pieces but those that are being sent; each piece has whole messages.

        These are the first one, or those that hold the first `begun` bytes.
        """
        while len(self._pieces) > 1 and self.size - len(self._pieces[-1]) >= begun:
            self.size -= len(self._pieces.pop())

    def send(self, transport):
        """Send what the transport takes, at most one turn's worth. Returns how many bytes; OSError if it is closed."""
        total = 0
        while self._pieces and total < MOST_SENT:
            batch = self._batch(MOST_SENT - total)
            sent = transport.write(batch)
            total += sent
            self._drop(sent)
            if sent < sum(map(len, batch)):
                break
        return total

    def _batch(self, most):
        """The first pieces, at most `most` bytes together."""
        batch = []
        for piece in itertools.islice(self._pieces, _AT_ONCE):
            batch.append(memoryview(piece)[:most] if len(piece) > most else piece)
            most -= len(piece)
            if most <= 0:
                break
        return batch

    def _drop(self, sent):
        self.size -= sent
        while sent:
            first = self._pieces.popleft()
            if sent < len(first):
                self._pieces.appendleft(memoryview(first)[sent:])
                return
            sent -= len(first)
