"""TLS: the context for a certificate, a socket that speaks it without ever blocking, and the handshake before that."""
import base64
import calendar
import logging
import re
import selectors
import socket
import ssl
import tempfile
import time

from parley.server.chat.origins import as_people_write_it
from parley.server.protocols.events import Reason

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_RECORD = 16384  # the most plain bytes in one record (RFC 8446, 5.1)
_MOST_UNSENT = 65536  # bytes that TLS itself may have to say to a client that takes nothing

_CERTIFICATE = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]+)-----END")
_ENCRYPTED = re.compile(rb"BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED")
# The validity in a certificate (RFC 5280, 4.1): a sequence of two times, whose forms are fixed to the byte.
_VALIDITY = re.compile(rb"\x30[\x1e\x20\x22](?:\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)")

_WORDS = {  # OpenSSL's reasons that can be said more plainly
    None: "damaged",
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "KEY_TYPE_MISMATCH": "the key does not belong to the certificate",
}

log = logging.getLogger(__name__)


class Unfit(ValueError):
    """A certificate or a key that cannot be used; the text says why."""


def context(certificate, key):
    """What a server needs to speak TLS 1.2 or newer. The arguments are PEM texts (bytes); Unfit if they do not do."""
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
    made.options |= ssl.OP_NO_COMPRESSION | getattr(ssl, "OP_NO_RENEGOTIATION", 0)
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


class TLSSocket:
    """A client's socket behind TLS, with what `Connection` uses of a socket.

    It never leaves anything in the TLS layer that was received, because no selector would find it there: `recv` gives
    up to a record more than it was asked for. What is sent counts as sent when the kernel has taken it encrypted.

    begun: how many of the bytes that were not sent are encrypted already: the next ones to be sent must be these.
    """

    __slots__ = ("begun", "_sock", "_incoming", "_outgoing", "_tls", "_unsent", "_ended")

    def __init__(self, sock, tls_context):
        self.begun = 0
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls_context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._unsent = b""  # encrypted, and not taken by the kernel yet; more may wait in _outgoing
        self._ended = False  # the client sends nothing more, or nothing that can be read

    def fileno(self):
        return self._sock.fileno()

    def getpeername(self):
        return self._sock.getpeername()

    def shake_hands(self):
        """Go on with the handshake: READ or WRITE if it waits for that, 0 when it is done. OSError if it failed."""
        try:
            data = self._sock.recv(_RECORD)
            if not data:
                raise ConnectionAbortedError
            self._incoming.write(data)
        except BlockingIOError:
            pass  # it waited to write
        awaits = 0
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            awaits = READ
        return awaits if self._push() else WRITE

    # ---- receiving

    def recv(self, size):
        """As of a socket, but up to a record more; b"" is the end in any form."""
        if self._ended:
            return b""
        if not self._incoming.pending:  # as it is, but for what came along with the end of the handshake
            data = self._sock.recv(size)
            if not data:
                return b""
            self._incoming.write(data)
        data = b"".join(self._records())
        if not self._push() and self._outgoing.pending > _MOST_UNSENT:
            raise ConnectionAbortedError("it makes TLS answer, and does not take the answers")
        if not data and not self._ended:
            raise BlockingIOError
        if data and self._ended:
            self._sock.shutdown(socket.SHUT_RD)  # or no selector would know that there is an end to be read
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

    def send(self, data):
        """As of a socket."""
        return self.sendmsg([data])

    def sendmsg(self, pieces):
        """As of a socket. What one call is given goes out in as few records as possible."""
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
        if data and not sent:
            raise BlockingIOError
        return sent

    def _push(self):
        """Give the kernel all that is encrypted: has it taken everything?"""
        while self._unsent or self._outgoing.pending:
            self._unsent = self._unsent or self._outgoing.read()
            try:
                self._unsent = self._unsent[self._sock.send(self._unsent):]
            except BlockingIOError:
                return False
        return True

    # ---- the end

    def shutdown(self, how):
        """Say that nothing more comes from us, and what we have said is all of it."""
        self._close_notify()
        self._sock.shutdown(how)

    def close(self):
        """Close it; a client that has had everything hears that it has, and one with a bad handshake what was bad."""
        if not self.begun:
            try:
                self._close_notify()
            except OSError:
                pass  # it is gone
        self._sock.close()

    def _close_notify(self):
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # it would wait for the client's, or there was no handshake to end, or it is said already
        # A kernel that is full to the brim does not take it: the client then has all our words, but not this one.
        self._push()


class Handshake:
    """A client on a TLS port that is not admitted yet. When it is ready it queues for its turn, which costs us time."""

    unfinished = True  # who is late at this is too slow, not idle
    is_typed = False

    def __init__(self, sock, protocol, worker):
        self._client = TLSSocket(sock, worker.tls)
        self._protocol = protocol
        self._worker = worker
        self._awaits = 0
        self._await(READ)
        worker.deadlines.began(self, worker.now)

    def _await(self, mask):
        """Be watched by the selector for this, or not at all."""
        if mask:
            self._worker.selector.register(self._client, mask, self)
        elif self._awaits:
            self._worker.selector.unregister(self._client)
        self._awaits = mask

    def on_ready(self, mask):
        """The selector found the socket ready."""
        self._await(0)
        self._worker.handshakes.append(self)

    def go_on(self):
        """Its turn has come."""
        worker = self._worker
        if worker.stopping:
            self._end("shutdown")
            return
        try:
            awaits = self._client.shake_hands()
        except ssl.SSLError as error:
            self._fail("failed", _worded(error))
        except OSError:
            self._end("aborted")
        else:
            if awaits:
                self._await(awaits)
            else:
                worker.deadlines.completed(self)
                worker.greet(self._client, self._protocol)

    def give_up(self, reason):
        """It has taken too long, unless it is we who let it wait."""
        if self._awaits:
            self._fail(reason, "it took too long")

    def _fail(self, ending, why):
        host = self._address()
        log.log(self._worker.strangers.level("TLS handshake", host, self._worker.now),
                "TLS handshake with %(host)s for %(protocol)s failed: %(why)s",
                {"host": host, "protocol": self._protocol, "why": why})
        self._end(ending)

    def _address(self):
        try:
            return as_people_write_it(self._client.getpeername()[0])
        except OSError:
            return "?"  # it is gone

    def crash(self):
        """Called in an exception handler: this client is lost."""
        level = self._worker.strangers.level("a bug", self._address(), self._worker.now, logging.ERROR)
        log.log(level, "a bug in a TLS handshake", exc_info=True)
        self._end(Reason.BUG)

    def _end(self, ending):
        self._await(0)
        self._client.close()
        self._worker.turned_away(self, "tls-" + ending)
