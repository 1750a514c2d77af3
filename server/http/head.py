"""Heads of HTTP/1.1 requests, decoded by h11, and answers as bytes."""
from http import HTTPStatus
from typing import List, NamedTuple, Optional, Sequence, Tuple

import h11

MOST = 8192  # bytes of a head

Headers = Sequence[Tuple[bytes, bytes]]
_TLS = (b"\x16\x03", b"\x16")  # the first bytes of a client that expects TLS


class Request(NamedTuple):
    """A request. path: without the query. headers: with names in lower case.

    length: bytes of the body behind it, which only a PUT may have.
    """

    method: bytes
    target: bytes
    headers: Headers
    version: bytes
    length: int = 0

    @property
    def path(self) -> bytes:
        return self.target.partition(b"?")[0]

    def all(self, name: bytes) -> List[bytes]:  # noqa: A003 - all of this name
        """The values of a header that is a list, from all its lines in order."""
        values = b",".join([value for key, value in self.headers if key == name])
        return [value for value in (one.strip() for one in values.split(b",")) if value]

    def one(self, name: bytes) -> Optional[bytes]:
        """The value of a header that may occur once; None if it is missing or repeated."""
        values = [value for key, value in self.headers if key == name]
        return values[0] if len(values) == 1 else None

    def has(self, name: bytes, word: bytes) -> bool:
        """Is the word, in lower case, in a header that is a list? Case does not matter there."""
        return word in [value.lower() for value in self.all(name)]

    @property
    def keeps_alive(self) -> bool:
        """May another request follow on the same connection?"""
        return self.version == b"1.1" and not self.has(b"connection", b"close")


class Answer(NamedTuple):
    """The answer to a request.

    closes: is it the last one on this connection? length: bytes of the body, if that is sent separately; else None.
    """

    status: int
    headers: Headers
    body: bytes
    closes: bool = False
    length: Optional[int] = None


class Refused(ValueError):
    """The bytes are no request that the server takes; the text says why. status: of the answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Reader:
    """Bytes in, requests out, one at a time. rest: the bytes that have come behind the last request."""

    __slots__ = ("rest", "_reader", "_come")

    def __init__(self) -> None:
        self.rest = b""
        self._reader: Optional[h11.Connection] = None
        self._come = 0  # bytes of the unfinished head

    @property
    def has_begun(self) -> bool:
        """Has a part of a head come?"""
        return self._come > 0

    def feed(self, data: bytes) -> Optional[Request]:
        """The next request, or None if it is not complete. After Refused nothing more may be fed."""
        if self._reader is None:
            self._reader = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST)
        if not self._come and data.startswith(_TLS):
            raise Refused(400, "this port speaks HTTP, not HTTPS")
        self._come += len(data)
        self._reader.receive_data(data)
        try:
            event = self._reader.next_event()
        except h11.RemoteProtocolError as error:
            why = str(error).partition(": bytearray(")[0]  # behind it the line, as Python would write it
            raise Refused(error.error_status_hint, why or "this is not HTTP/1.1") from None
        if event is h11.NEED_DATA:
            return None
        self.rest = self._reader.trailing_data[0]
        too_long = self._come - len(self.rest) > MOST
        self._reader, self._come = None, 0
        if not isinstance(event, h11.Request):
            raise Refused(400, "this is not an HTTP request")
        if too_long:
            raise Refused(431, "the head of the request is longer than %d bytes" % MOST)
        request = Request(bytes(event.method), bytes(event.target), _plain(event.headers), bytes(event.http_version))
        if request.all(b"transfer-encoding"):
            raise Refused(413, "a request with a body of unknown length is not taken here")
        length = int(request.one(b"content-length") or 0)  # which h11 has found to be one number
        if length and request.method != b"PUT":
            raise Refused(413, "a request with a body is not taken here")
        return request._replace(length=length)


def _plain(headers: Headers) -> List[Tuple[bytes, bytes]]:
    return [(bytes(name), bytes(value)) for name, value in headers]


def rendered(answer: Answer, date: str, without_body: bool) -> List[bytes]:
    """An answer as pieces of bytes; the body is not copied.

    date: for the header Date, RFC 7231, 7.1.1.1. without_body: leave it out, as for HEAD.
    """
    lines = [b"HTTP/1.1 %d %b" % (answer.status, _phrase(answer.status)), b"Date: " + date.encode()]
    lines += [b"%b: %b" % header for header in answer.headers]
    if answer.status not in (101, 304):
        length = len(answer.body) if answer.length is None else answer.length
        lines.append(b"Content-Length: %d" % length)
    if answer.closes:
        lines.append(b"Connection: close")
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    return [head] if without_body else [head, answer.body]


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Misdirected Request" if status == 421 else b""  # Python 3.6 does not know it
