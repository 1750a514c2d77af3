"""WebSocket (RFC 6455) without sockets: bytes from a client to its messages, and frames to a client.

Most frames of clients are complete messages in one read; these are decoded here, in a fraction of the time that wsproto
takes. All others are read by wsproto (`parley.server.protocols.rare_frames`). Frames to clients are not masked, so they
depend on their content alone, and are encoded here, once for all receivers. No extension is ever negotiated.
"""
import struct
import sys
from typing import TYPE_CHECKING, List, NamedTuple, Optional, Union

if TYPE_CHECKING:
    from parley.server.protocols.rare_frames import RareFrames

NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, NOT_UTF8, POLICY, TOO_LONG, BUG = (
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011)  # codes of close frames
PING = b"\x89\x00"

_in_two_bytes = struct.Struct("!BBH").pack

HEADER = 6  # bytes of a client's header, with its mask, for a frame of up to SHORT bytes
SHORT, MEDIUM = 125, 65535
_MOST_OF_CONTROL = 125
_MASKED = 0x80  # in the second byte
_IN_TWO_BYTES = 0xFE  # that second byte, if the length follows it
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A  # the first byte of a whole message


class Fragment(NamedTuple):
    """A frame of a message in several frames has come, but not the last one."""


class Pinged(NamedTuple):
    """A ping, to be answered with a pong of the same content."""

    content: bytes


class Ponged(NamedTuple):
    """A pong."""


class Closed(NamedTuple):
    """A close frame: nothing comes after it. code: 1005 if the client gives none."""

    code: int


class Failed(NamedTuple):
    """The client broke the protocol: nothing after this is read. code: for the close frame."""

    code: int


Message = Union[str, Fragment, Pinged, Ponged, Closed, Failed]
"""A str is a whole text message."""
PONGED, FRAGMENT = Ponged(), Fragment()


class Decoder:
    """Bytes in, messages out. It holds one unfinished message at most.

    most: bytes of a message. at_once: bytes that wsproto reads in one call of `receive`; what follows is left in
    `rest`, to be received in another call.
    """

    __slots__ = ("rest", "_most", "_at_once", "_rare", "_ended")

    def __init__(self, most: int, at_once: int = sys.maxsize) -> None:
        self.rest = b""
        self._most = most
        self._at_once = at_once
        self._rare: Optional["RareFrames"] = None  # while something is unfinished
        self._ended = False

    @property
    def unfinished(self) -> int:
        """How many bytes of an unfinished frame or message are held."""
        return self._rare.unfinished if self._rare else 0

    def receive(self, data: bytes) -> List[Message]:
        """The messages that `data` completes; none after a Closed or a Failed."""
        found: List[Message] = []
        while data and not self._ended:
            size = 0
            if self._rare is None:
                size = self._receive_texts(data, found) if data[0] == _TEXT else self._receive_control(data, found)
            if not size:
                found += self._receive_rare(data[:self._at_once])
                self.rest = b"" if self._ended else data[self._at_once:]
                return found
            data = data[size:]
        return found

    def _receive_texts(self, data: bytes, found: List[Message]) -> int:
        """Find the texts whose simple and complete frames `data` begins with; returns how many bytes these frames are.

        They are unmasked together, which takes half the time.
        """
        size, position = len(data), 0
        contents, masks = [], []
        while position + HEADER <= size and data[position] == _TEXT:
            start, length = position + HEADER, data[position + 1] - _MASKED
            if length > SHORT:
                start += 2
                length = data[position + 2] << 8 | data[position + 3]
                if length <= SHORT or data[position + 1] != _IN_TWO_BYTES:
                    break
            end = start + length
            if length < 0 or length > self._most or end > size:
                break
            contents.append(data[start:end])
            masks.append((data[start - 4:start] * (length // 4 + 1))[:length])
            position = end
        plain, start = _unmasked(b"".join(contents), b"".join(masks)), 0
        for content in contents:
            end = start + len(content)
            try:
                found.append(plain[start:end].decode())
            except UnicodeDecodeError:
                found.append(Failed(NOT_UTF8))
                self._ended = True
                break
            start = end
        return position

    @staticmethod
    def _receive_control(data: bytes, found: List[Message]) -> int:
        """The same for one ping or pong."""
        if data[0] not in (_PING, _PONG) or len(data) < HEADER or not _MASKED <= data[1] <= _MASKED + SHORT:
            return 0
        length = data[1] - _MASKED
        end = HEADER + length
        if end > len(data):
            return 0
        found.append(PONGED if data[0] == _PONG else Pinged(
            _unmasked(data[HEADER:end], (data[2:HEADER] * (length // 4 + 1))[:length])))
        return end

    def _receive_rare(self, data: bytes) -> List[Message]:
        if self._rare is None:
            # The server has loaded it already. Clients of this package only encode frames, and do without wsproto.
            from parley.server.protocols.rare_frames import RareFrames
            self._rare = RareFrames(self._most)
        found = self._rare.receive(data)
        self._ended = bool(found) and isinstance(found[-1], (Closed, Failed))
        if self._ended or not self._rare.unfinished:
            self._rare = None
        return found


def _unmasked(content: bytes, mask: bytes) -> bytes:
    """The content of frames. mask: of as many bytes."""
    return (int.from_bytes(content, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(content), "big")


def text_frame(text: bytes) -> bytes:
    """The frame of a text message."""
    size = len(text)
    if SHORT < size <= MEDIUM:
        return _in_two_bytes(_TEXT, 0x7e, size) + text
    if size <= SHORT:
        return b"\x81%c%b" % (size, text)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), text)


def text_of(frame: bytes) -> bytes:
    """The text in a frame that `text_frame` made."""
    return frame[{0x7e: 4, 0x7f: 10}.get(frame[1], 2):]


def pong_frame(content: bytes) -> bytes:
    """The answer to a ping."""
    return b"\x8a%c%b" % (len(content), content)


def close_frame(code: int, why: bytes = b"") -> bytes:
    """The last frame. code: see RFC 6455, 7.4. why: UTF-8, at most 123 bytes."""
    assert len(why) <= _MOST_OF_CONTROL - 2
    return b"\x88%c%b%b" % (len(why) + 2, struct.pack("!H", code), why)
