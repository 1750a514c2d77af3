"""What the decoders of protocols with framed messages have in common."""
from typing import List, Optional

from parley.server.protocols import events
from parley.server.protocols.contract import Limits


class FramedDecoder:
    """Bytes in, commands out. Holds at most one unfinished frame.

    A subclass implements `_next()`, which returns the next command and removes it from `_held` (`_take`); None if the
    frame is incomplete; or `_break(reason)`.
    """

    __slots__ = ("_held", "_broken", "_text_limit")
    rest = b""

    def __init__(self, limits: Limits) -> None:
        self._held = bytearray()  # it can append at the end and delete at the beginning without copying the rest
        self._broken = False
        self._text_limit: int = limits["text_bytes"]

    @property
    def unfinished(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._held)

    def feed(self, data: bytes) -> List[events.Command]:
        """The commands that `data` completes; none after a `Broken`."""
        if self._broken:
            return []
        self._held += data
        return list(iter(self._next, None))

    def _next(self) -> Optional[events.Command]:
        raise NotImplementedError

    def _take(self, start: int, end: int, frame_end: int) -> bytes:
        """The content of a frame, which is held from `start` to `end`; remove the frame, up to `frame_end`."""
        content = bytes(self._held[start:end])
        del self._held[:frame_end]
        return content

    def _break(self, reason: str) -> events.Broken:
        self._broken = True
        self._held.clear()
        return events.Broken(reason)
