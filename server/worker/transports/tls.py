"""TLS: the context for a certificate, and a transport that speaks it."""
import base64
import calendar
import ipaddress
import re
import socket
import ssl
import tempfile
import time

from parley.server.worker.transports import Unopened
from parley.server.worker.watching import READ, WRITE

_RECORD = 16384  # the most plain bytes in one record (RFC 8446, 5.1)
# A client that negotiates anew and anew makes the worker compute. Python has a name for this since 3.7, OpenSSL since
# 1.1.0h.
_NO_RENEGOTIATION = getattr(
    ssl, "OP_NO_RENEGOTIATION", 1 << 30 if ssl.OPENSSL_VERSION_INFO[:4] >= (1, 1, 0, 8) else 0)
_MOST_UNSENT = 65536  # bytes of TLS's own messages that wait for a client that takes nothing

_CERTIFICATE = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]+)-----END")
_ENCRYPTED = re.compile(rb"BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED")
# The validity in a certificate (RFC 5280, 4.1): a sequence of two times, whose forms are fixed to the byte.
_VALIDITY = re.compile(rb"\x30[\x1e\x20\x22](?:\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)")
# The names in a certificate (RFC 5280, 4.2.1.6), which are critical in none that has a subject.
_ALTERNATIVE_NAMES = b"\x06\x03\x55\x1d\x11"
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87

_WORDS = {  # OpenSSL's reasons that can be said more plainly
    None: "damaged",
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "KEY_TYPE_MISMATCH": "the key does not belong to the certificate",
}


class Unfit(ValueError):
    """A certificate or a key that cannot be used; the text says why."""


def context(certificate, key):
    """The context of a server for TLS 1.2 or newer. The arguments are PEM texts (bytes); Unfit if unusable."""
    if not _CERTIFICATE.search(certificate):
        raise Unfit("no certificate in PEM form")
    if b"PRIVATE KEY-----" not in key:
        raise Unfit("no private key in PEM form")
    if _ENCRYPTED.search(key):
        raise Unfit("the key is encrypted; `openssl pkey -in FILE -out FILE` makes a plain copy of it")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if hasattr(ssl, "TLSVersion"):  # novermin
        made.minimum_version = ssl.TLSVersion.TLSv1_2  # novermin
    else:
        made.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    made.options |= ssl.OP_NO_COMPRESSION | _NO_RENEGOTIATION
    if hasattr(made, "num_tickets"):  # novermin
        # Chats are long, so nothing is resumed; and a ticket that the client never reads can, when it leaves, cost us
        # its last words: its kernel answers it with a reset.
        made.num_tickets = 0  # novermin
    try:
        _load(made, certificate, key)
    except ssl.SSLError as error:
        raise Unfit(_WORDS.get(error.reason) or "OpenSSL cannot use it: " + _worded(error)) from None
    except OSError as error:
        raise Unfit(error.strerror) from None
    return made


def _load(made, certificate, key):
    """Python's `ssl` reads files only. These have no name, so that no key stays behind on the disk."""
    with tempfile.TemporaryFile() as first, tempfile.TemporaryFile() as second:
        for file, text in ((first, certificate), (second, key)):
            file.write(text)
            file.seek(0)
        made.load_cert_chain("/dev/fd/%d" % first.fileno(), "/dev/fd/%d" % second.fileno(), "")


def _worded(error):
    """OpenSSL's reason, as "unsupported protocol"."""
    return (error.reason or str(error)).replace("_", " ").lower()


def expiry(certificate):
    """Until when the first certificate of a PEM text is valid, in seconds since the epoch; None if it does not say."""
    validity = _VALIDITY.search(base64.b64decode(_CERTIFICATE.search(certificate).group(1)))
    if not validity:
        return None
    short, long = validity.groups()
    return calendar.timegm(time.strptime((long or b"20" + short).decode("ascii"), "%Y%m%d%H%M%S"))


def names(certificate):
    """The names of hosts and the addresses (str) that the first certificate of a PEM text is for."""
    found = []
    rest = base64.b64decode(_CERTIFICATE.search(certificate).group(1)).partition(_ALTERNATIVE_NAMES)[2]
    for _ in range(2):  # a string of bytes, and in it a sequence
        _, rest, _ = _element(rest)
    while rest:
        kind, value, rest = _element(rest)
        if kind == _DNS_NAME:
            found.append(value.decode("ascii", "replace"))
        elif kind == _IP_ADDRESS and len(value) in (4, 16):
            found.append(str(ipaddress.ip_address(value)))
    return found


def _element(data):
    """(tag, content, rest) of the first element in DER; empty ones if there is none."""
    if len(data) < 2:
        return 0, b"", b""
    begin, length = 2, data[1]
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[2:begin], "big")
    return data[0], data[begin:begin + length], data[begin + length:]


class TLS:
    """TLS over another transport.

    What is sent counts as taken when the kernel has it encrypted. `recv` gives up to a record more than it was asked
    for.
    """

    __slots__ = ("begun", "_below", "_incoming", "_outgoing", "_tls", "_unsent", "_ended")

    def __init__(self, below, tls_context):
        self.begun = 0
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls_context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._unsent = b""  # encrypted, and not taken yet; more may wait in _outgoing
        self._ended = False  # the client sends nothing more, or nothing that can be read

    def fileno(self):
        return self._below.fileno()

    def getpeername(self):
        return self._below.getpeername()

    def proxied(self, address):
        self._below = self._below.proxied(address)
        return self

    def open(self):
        """Go on with the handshake."""
        try:
            data = self._below.recv(_RECORD)
        except BlockingIOError:
            pass  # it waited to write
        else:
            if not data:
                raise ConnectionAbortedError
            self._incoming.write(data)
        awaits = 0
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            awaits = READ
        except ssl.SSLError as error:
            raise Unopened(_worded(error)) from None
        return awaits if self._push() else WRITE

    # ---- receiving

    def recv(self, most):
        """The next plain bytes; b"" at the end, in whatever way the client has ended."""
        if self._ended:
            return b""
        if not self._incoming.pending:  # as it is, but for what came along with the end of the handshake
            data = self._below.recv(most)
            if not data:
                return data
            self._incoming.write(data)
        data = b"".join(self._records())
        if not self._push() and self._outgoing.pending > _MOST_UNSENT:
            raise ConnectionAbortedError("it makes TLS answer, and does not take the answers")
        if not data and not self._ended:
            raise BlockingIOError
        if data and self._ended:
            self._below.shutdown(socket.SHUT_RD)  # or no selector would know that there is an end to be read
        return data

    def _records(self):
        while self._incoming.pending:
            try:
                data = self._tls.read(_RECORD)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLError:
                data = b""
            if not data:
                self._ended = True
                return
            yield data

    # ---- sending

    def send(self, piece):
        """Send one piece. Returns how many bytes the kernel has taken; BlockingIOError if none."""
        sent = self.write([piece])
        if not sent:
            raise BlockingIOError
        return sent

    def write(self, pieces):
        """Send these pieces, in as few records as possible. Returns how many bytes the kernel has taken."""
        data = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        sent = 0
        while sent < len(data):
            if not self.begun:
                self.begun = self._tls.write(data[sent:sent + _RECORD])
            if not self._push():
                break
            taken = min(self.begun, len(data) - sent)
            self.begun -= taken
            sent += taken
        return sent

    @property
    def unsaid(self):
        """Are there alerts or other messages of TLS itself that the kernel has not taken?"""
        return bool(self._unsent or self._outgoing.pending) and not self.begun

    def speak(self):
        """Send them."""
        if not self.begun:
            self._push()

    def _push(self):
        """Send all that is encrypted. Returns whether the kernel has taken everything."""
        while self._unsent or self._outgoing.pending:
            self._unsent = self._unsent or self._outgoing.read()
            taken = self._below.write([self._unsent])
            if not taken:
                return False
            self._unsent = self._unsent[taken:]
        return True

    # ---- the end

    def shutdown(self, how):
        """Tell the client that the server sends nothing more (close_notify)."""
        self._close_notify()
        self._below.shutdown(how)

    def close(self):
        """Close. The client gets close_notify if it has got everything, or the alert if the handshake has failed."""
        if not self.begun:
            try:
                self._close_notify()
            except OSError:
                pass  # it is gone
        self._below.close()

    def _close_notify(self):
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # it would wait for the client's, or there was no handshake to end, or it is said already
        # If the kernel's buffer is full it is lost: the client then has got everything but close_notify.
        self._push()
