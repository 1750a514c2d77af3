"""What one client is to be sent later, most often because the kernel would not take it yet."""
import collections

_AT_ONCE = 64  # pieces in one sendmsg
_MOST_SENT = 1 << 20  # bytes in one turn: a quick reader far behind must not keep the others waiting


class Outbox:
    """References to shared bytes, so that many readers who lag behind the same talk cost its memory once.

    size: bytes still to send.
    """

    __slots__ = ("size", "_pieces")

    def __init__(self):
        self.size = 0
        self._pieces = collections.deque()

    def __iter__(self):
        return iter(self._pieces)

    def extend(self, pieces):
        """Keep several."""
        for piece in pieces:
            self.append(piece)

    def append(self, piece):
        """Keep one bytes-like piece; an empty one would never be seen to be sent."""
        if len(piece):
            self._pieces.append(piece)
            self.size += len(piece)

    def keep_first(self, begun=0):
        """Forget all but the pieces that are being sent; each piece is of whole messages.

        These are the first one, or those that hold the first `begun` bytes.
        """
        while len(self._pieces) > 1 and self.size - len(self._pieces[-1]) >= begun:
            self.size -= len(self._pieces.pop())

    def send(self, transport):
        """Send what the transport takes, or some of it. Returns how many bytes; OSError if the connection is gone."""
        total = 0
        while self._pieces and total < _MOST_SENT:
            batch = [self._pieces[index] for index in range(min(_AT_ONCE, len(self._pieces)))]
            sent = transport.write(batch)
            total += sent
            self._drop(sent)
            if sent < sum(map(len, batch)):
                break
        return total

    def _drop(self, sent):
        self.size -= sent
        while sent:
            first = self._pieces.popleft()
            if sent < len(first):
                self._pieces.appendleft(memoryview(first)[sent:])
                return
            sent -= len(first)
