"""The PROXY protocol, versions 1 and 2: a header in which a proxy gives the address of its client."""
import ipaddress
import logging
import struct

from parley.server.worker.transports import client_host
from parley.server.worker.watching import READ

SECONDS = 10.0  # for the whole header
_LEAST = 8  # bytes that a header of either version has at least
_MOST_V1 = 107  # bytes of the line of version 1
_MOST_V2 = 4096  # bytes behind the fixed part of version 2: addresses and extensions
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_LAST_PORT = 0xFFFF
_PORTS = struct.Struct("!HH")

log = logging.getLogger(__name__)


class Garbled(ValueError):
    """These bytes are no PROXY header."""


def wanted(head):
    """How many more bytes surely belong to the header that begins with `head`; 0 if it is complete. Or Garbled."""
    if not head:
        return _LEAST
    if head.startswith(_SIGNATURE[:len(head)]):
        if len(head) < _HEAD.size:
            return _HEAD.size - len(head)
        size = _HEAD.unpack_from(head)[3]
        if size > _MOST_V2:
            raise Garbled("it is too long")
        return _HEAD.size + size - len(head)
    if head.startswith(b"PROXY "[:len(head)]):
        if head.endswith(b"\r\n"):
            return 0
        if len(head) < _MOST_V1:
            return 1 if head.endswith(b"\r") else 2
    raise Garbled("it does not begin with a PROXY header")


def client(head):
    """(host, port) of the client in a complete header; None if the proxy speaks for itself. Or Garbled."""
    return _client_v2(head) if head.startswith(_SIGNATURE) else _client_v1(head)


def _client_v1(line):
    words = line[:-2].split(b" ")
    if words[1:2] == [b"UNKNOWN"]:
        return None
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise Garbled("it is not of the right form")
    try:
        host, port = ipaddress.ip_address(words[2].decode("ascii")), int(words[4])
    except ValueError:
        raise Garbled("it has no address") from None
    if not 0 <= port <= _LAST_PORT:
        raise Garbled("it has no port")
    return _plain(host), port


def _client_v2(head):
    _, command, family, size = _HEAD.unpack_from(head)
    if command == _LOCAL:
        return None
    if command != _PROXY:
        raise Garbled("it is of an unknown version")
    length = {_TCP4: 4, _TCP6: 16}.get(family)
    if length is None:
        return None  # another family of addresses, such as Unix sockets
    if size < 2 * length + _PORTS.size:
        raise Garbled("it is too short")
    host = ipaddress.ip_address(head[_HEAD.size:_HEAD.size + length])
    port, _ = _PORTS.unpack_from(head, _HEAD.size + 2 * length)
    return _plain(host), port


def _plain(host):
    return str(getattr(host, "ipv4_mapped", None) or host)


class Introduction:
    """A connection from a proxy whose header is not complete. Reads no byte after the header."""

    unfinished = True  # so a connection that is late counts as too slow, not as idle
    is_typed = False

    def __init__(self, transport, protocol, home, tls, admission, worker):
        self._transport = transport
        self._whereto = protocol, home, tls
        self._admission = admission
        self._worker = worker
        self._head = b""
        worker.selector.register(transport, READ, self)
        worker.deadlines.began(self, worker.now)

    def on_ready(self, mask):
        """More of the header has come."""
        try:
            more = wanted(self._head)
            while more:
                data = self._transport.recv(more)
                if not data:
                    self._end()
                    return
                self._head += data
                more = wanted(self._head)
            told = client(self._head)
        except BlockingIOError:
            return
        except OSError:
            self._end()
            return
        except Garbled as error:
            self._fail(str(error))
            return
        self._unwatch()
        transport = self._transport if told is None else self._transport.proxied(told)
        self._admission.receive(transport, *self._whereto)

    def give_up(self, reason):
        """The header has not come in time."""
        self._fail("it took too long")

    def _fail(self, why):
        host = client_host(self._transport) or "?"
        level = self._worker.strangers.level("PROXY header", host, self._worker.now, logging.WARNING)
        log.log(level, "no PROXY header from the proxy %(host)s: %(why)s", {"host": host, "why": why})
        self._end()

    def crash(self):
        """Called in an exception handler: this connection is lost."""
        self._worker.strangers.log_bug(self._worker.now, "a bug while a proxy introduced its client")
        self._end()

    def _unwatch(self):
        self._worker.selector.unregister(self._transport)
        self._worker.deadlines.completed(self)

    def _end(self):
        self._unwatch()
        self._transport.close()
        self._admission.turned_away(self, self._whereto[0], "proxy")
