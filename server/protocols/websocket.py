"""WebSocket (RFC 6455) without sockets: bytes from a client to its messages, and frames to a client.

Clients' frames are read by wsproto, but for those that come as most do, whole and one message each: to read these here
takes a fraction of the time. wsproto has no limit of its own, so `_Sizes` refuses a message that becomes too long, at
the header that says so. Frames to a client are unmasked and depend on nothing but their content, so they are written
here, once for all who get them. No extension is ever agreed on.
"""
import struct
from typing import Any, List, NamedTuple, Optional, Tuple, Union

try:
    from wsproto.extensions import Extension
    from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode, ParseFailed
except ImportError:  # the clients of this package do without; the server says at its start that it is missing
    Extension = object  # type: ignore[misc, assignment]

NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, NOT_UTF8, POLICY, TOO_LONG, BUG = (
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011)  # codes of close frames
PING = b"\x89\x00"

_in_two_bytes = struct.Struct("!BBH").pack

_PLAIN = False, False, False  # no reserved bit is used
_HEADER = 6  # bytes of a client's header, with its mask, for a frame of up to _SHORT bytes
_SHORT, _MEDIUM = 125, 65535
_MOST_OF_CONTROL = 125
_MASKED = 0x80  # in the second byte
_IN_TWO_BYTES = 0xFE  # that second byte, if the length follows it
_TEXT, _PING, _PONG = _SIMPLE = 0x81, 0x89, 0x8A  # the first byte of a whole message


class Text(NamedTuple):
    """A whole text message."""

    text: str


class Fragment(NamedTuple):
    """A frame has come of a message of several, and it is not the last."""


class Pinged(NamedTuple):
    """A ping, to be answered with a pong of the same content."""

    content: bytes


class Ponged(NamedTuple):
    """A pong."""


class Closed(NamedTuple):
    """A close frame: nothing comes after it. code: 1005 if the client gives none."""

    code: int


class Failed(NamedTuple):
    """The client broke the rules: nothing is read any more. code: for the close frame."""

    code: int


Message = Union[Text, Fragment, Pinged, Ponged, Closed, Failed]
_PONGED, _FRAGMENT = Ponged(), Fragment()


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
        size = payload_length + _HEADER
        if payload_length > _SHORT:
            size += 2 if payload_length <= _MEDIUM else 8
        self._again = size, 0 if opcode.iscontrol() else payload_length
        self.message += self._again[1] - of_message
        self.awaited += size - before
        self.begun += size - before
        return CloseReason.MESSAGE_TOO_BIG if self.message > self._most else _PLAIN

    def frame_inbound_payload_data(self, proto: Any, data: bytes) -> bytes:
        self._again = 0, 0
        return data


class Decoder:
    """Bytes in, messages out. Holds at most one unfinished message of at most `most` bytes.

    Between two messages it holds nothing.
    """

    __slots__ = ("_most", "_frames", "_sizes", "_parts", "_ended")

    def __init__(self, most: int) -> None:
        self._most = most
        self._frames: Optional[FrameProtocol] = None
        self._sizes: Optional[_Sizes] = None
        self._parts: Optional[List[str]] = None  # of the text of an unfinished message
        self._ended = False

    @property
    def unfinished(self) -> int:
        """How many bytes have come of a frame or a message that has not ended?"""
        return self._sizes.begun - self._sizes.awaited if self._sizes else 0

    def receive(self, data: bytes) -> List[Message]:
        """The messages that `data` completes; none after a Closed or a Failed."""
        found: List[Message] = []
        while data and not self._ended:
            message, size = self._whole(data) if self._frames is None else (None, 0)
            if message is None:
                return found + self._receive(data)
            found.append(message)
            data = data[size:]
        return found

    def _whole(self, data: bytes) -> Tuple[Optional[Message], int]:
        """The message of a frame that has come whole, and the size of that; None if it is not so simple."""
        size, start = len(data), _HEADER
        if size < start or data[0] not in _SIMPLE or data[1] < _MASKED:
            return None, 0
        first, length = data[0], data[1] - _MASKED
        if length > _SHORT:
            start += 2
            length = int.from_bytes(data[2:4], "big")
            if first != _TEXT or data[1] != _IN_TWO_BYTES or length <= _SHORT:
                return None, 0
        end = start + length
        if end > size or length > self._most:
            return None, 0
        mask = (data[start - 4:start] * (length // 4 + 1))[:length]
        content = (int.from_bytes(data[start:end], "big") ^ int.from_bytes(mask, "big")).to_bytes(length, "big")
        if first == _TEXT:
            try:
                return tuple.__new__(Text, (content.decode(),)), end  # which takes half the time
            except UnicodeDecodeError:
                return self._fail(NOT_UTF8), end
        return Pinged(content) if first == _PING else _PONGED, end

    def _receive(self, data: bytes) -> List[Message]:
        """What wsproto finds."""
        if self._sizes is None or self._frames is None:
            self._sizes = _Sizes(self._most)
            self._frames = FrameProtocol(False, [self._sizes])
        self._sizes.awaited -= len(data)
        self._frames.receive_bytes(data)
        found: List[Message] = []
        try:
            for frame in self._frames.received_frames():
                message = self._message(frame.opcode, frame.payload, frame.frame_finished, frame.message_finished)
                if message is not None:
                    found.append(message)
                    if self._ended:
                        break
        except ParseFailed as error:
            found.append(self._fail(error.code))
        if self._ended or not self.unfinished:
            self._frames = self._sizes = self._parts = None
        return found

    def _message(self, opcode: Any, content: Any, frame_ends: bool, message_ends: bool) -> Optional[Message]:
        """What a piece of a frame completes."""
        assert self._sizes
        if opcode is Opcode.TEXT:
            if not frame_ends or not message_ends or self._parts is not None:
                if self._parts is None:
                    self._parts = []
                if content:
                    self._parts.append(content)
                if not frame_ends:
                    return None
                if not message_ends:
                    return _FRAGMENT
                content, self._parts = "".join(self._parts), None
            self._sizes.begun = self._sizes.message = 0
            return Text(content)
        if opcode is Opcode.BINARY:
            return self._fail(UNSUPPORTED)
        if self._parts is None:
            self._sizes.begun = 0
        if opcode is Opcode.PING:
            return Pinged(bytes(content))
        if opcode is Opcode.PONG:
            return _PONGED
        self._ended = True
        return Closed(int(content[0]))

    def _fail(self, code: int) -> Failed:
        self._ended = True
        return Failed(int(code))


def text_frame(text: bytes) -> bytes:
    """The frame of a text message."""
    size = len(text)
    if _SHORT < size <= _MEDIUM:
        return _in_two_bytes(_TEXT, 0x7e, size) + text
    if size <= _SHORT:
        return b"\x81%c%b" % (size, text)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), text)


def text_of(frame: bytes) -> bytes:
    """What `text_frame` was given."""
    return frame[{0x7e: 4, 0x7f: 10}.get(frame[1], 2):]


def pong_frame(content: bytes) -> bytes:
    """The answer to a ping."""
    return b"\x8a%c%b" % (len(content), content)


def close_frame(code: int, why: bytes = b"") -> bytes:
    """The last frame. why: UTF-8, in one close frame's 123 bytes."""
    assert len(why) <= _MOST_OF_CONTROL - 2
    return b"\x88%c%b%b" % (len(why) + 2, struct.pack("!H", code), why)
