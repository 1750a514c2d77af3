"""Frames of WebSocket from a client that do not come as most do, read by wsproto: pieces of frames, parts of messages.

wsproto has no limit of its own, so `_Sizes` refuses a message that becomes too long, at the header that says so.
"""
from typing import Any, List, Optional

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode, ParseFailed

from parley.server.protocols.websocket import (
    FRAGMENT,
    HEADER,
    MEDIUM,
    PONGED,
    SHORT,
    UNSUPPORTED,
    Closed,
    Failed,
    Message,
    Pinged,
)

_PLAIN = False, False, False  # no reserved bit is used


class _Sizes(Extension):
    """Counts what the headers announce; wsproto shows them to its extensions, and nobody else.

    It shows a header again if the mask was not there yet, and the frame's content after the last time.

    awaited: bytes that the headers have announced, less those that have come.
    begun: bytes of what is unfinished, as far as announced.
    message: bytes of the unfinished message's content, likewise.
    """

    name = "sizes"

    def __init__(self, most: int) -> None:
        self.awaited = self.begun = self.message = 0
        self._again = 0, 0  # what the header shown last has added, to the size and to the message
        self._most = most

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool:
        return False

    def frame_inbound_header(self, proto: Any, opcode: Any, rsv: Any, payload_length: int) -> Any:
        before, of_message = self._again
        size = payload_length + HEADER
        if payload_length > SHORT:
            size += 2 if payload_length <= MEDIUM else 8
        self._again = size, 0 if opcode.iscontrol() else payload_length
        self.message += self._again[1] - of_message
        self.awaited += size - before
        self.begun += size - before
        return CloseReason.MESSAGE_TOO_BIG if self.message > self._most else _PLAIN

    def frame_inbound_payload_data(self, proto: Any, data: bytes) -> bytes:
        self._again = 0, 0
        return data


class RareFrames:
    """Bytes in, messages out. Holds at most one unfinished message of at most `most` bytes."""

    __slots__ = ("_frames", "_sizes", "_parts")

    def __init__(self, most: int) -> None:
        self._sizes = _Sizes(most)
        self._frames = FrameProtocol(False, [self._sizes])
        self._parts: Optional[List[str]] = None  # of the text of an unfinished message

    @property
    def unfinished(self) -> int:
        """How many bytes have come of a frame or a message that has not ended?"""
        return self._sizes.begun - self._sizes.awaited

    def receive(self, data: bytes) -> List[Message]:
        """The messages that `data` completes; a Closed or a Failed is the last one, behind which nothing is read."""
        self._sizes.awaited -= len(data)
        self._frames.receive_bytes(data)
        found: List[Message] = []
        try:
            for frame in self._frames.received_frames():
                message = self._message(frame.opcode, frame.payload, frame.frame_finished, frame.message_finished)
                if message is not None:
                    found.append(message)
                    if isinstance(message, (Closed, Failed)):
                        break
        except ParseFailed as error:
            found.append(Failed(int(error.code)))
        return found

    def _message(self, opcode: Any, content: Any, frame_ends: bool, message_ends: bool) -> Optional[Message]:
        """What a piece of a frame completes."""
        if opcode is Opcode.TEXT:
            if not frame_ends or not message_ends or self._parts is not None:
                if self._parts is None:
                    self._parts = []
                if content:
                    self._parts.append(content)
                if not frame_ends:
                    return None
                if not message_ends:
                    return FRAGMENT
                content, self._parts = "".join(self._parts), None
            self._sizes.begun = self._sizes.message = 0
            text: str = content
            return text
        if opcode is Opcode.BINARY:
            return Failed(UNSUPPORTED)
        if self._parts is None:
            self._sizes.begun = 0
        if opcode is Opcode.PING:
            return Pinged(bytes(content))
        if opcode is Opcode.PONG:
            return PONGED
        return Closed(int(content[0]))
