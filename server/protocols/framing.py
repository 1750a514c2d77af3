"""What the decoders of protocols with framed messages have in common."""
from server.protocols import events


class FramedDecoder:
    """Bytes in, commands out. Keeps at most one unfinished frame.

    A subclass has `_next()`: the next command, taken out of `_held` (`_take`); None if it is not all here; or
    `_break(reason)`.
    """

    __slots__ = ("_held", "_broken", "_text_limit")

    def __init__(self, limits):
        self._held = bytearray()  # which takes bytes at its end and gives them from its beginning without a copy
        self._broken = False
        self._text_limit = limits["text_bytes"]

    @property
    def unfinished(self):
        """How many bytes have come of a frame that has not ended?"""
        return len(self._held)

    def feed(self, data):
        """The commands that `data` completes; none after a `Broken`."""
        if self._broken:
            return []
        self._held += data
        return list(iter(self._next, None))

    def _next(self):
        raise NotImplementedError

    def _take(self, start, end, frame_end):
        """The held bytes from start to end, the content of a frame that ends at `frame_end` and is held no more."""
        content = bytes(self._held[start:end])
        del self._held[:frame_end]
        return content

    def _break(self, reason):
        self._broken = True
        self._held.clear()
        return events.Broken(reason)
