"""One connection: a socket, a decoder, an inbox, and a column of the transcript."""
import selectors
import socket
import struct
import time
from collections import deque

from parley.conformance import transcript as script
from parley.conformance.message import spaced, told

_READ_SIZE = 65536
_SEND_SECONDS = 30.0


class Ears:
    """Listens to every open connection at once, so that the transcript has the true order of arrival."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()

    def add(self, actor):
        self._selector.register(actor.socket, selectors.EVENT_READ, actor)

    def remove(self, actor):
        self._selector.unregister(actor.socket)

    def hear_until(self, satisfied, deadline):
        """Read whatever comes until `satisfied()`; true if it became so before the deadline (monotonic clock)."""
        while not satisfied():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(left):
                key.data.read()
        return True

    def close(self):
        self._selector.close()


class Actor:
    """Somebody with a connection.

    `is_crowd` tells whether a name belongs to a bystander or to one of the suite's own witnesses: lines about them are
    shown in the transcript and kept out of the inbox, because they are nobody's answer.
    """

    def __init__(self, ident, codec, ears, record, is_crowd, ignore_echo=False):
        self.ident = ident
        self.codec = codec
        self.ears = ears
        self.record = record
        self.is_crowd = is_crowd
        self.ignore_echo = ignore_echo
        self.socket = None
        self.closed_by_peer = None
        self.silent = False
        self.markers = []
        self.answers = 0
        self.echoed = False
        self.inbox = deque()
        self.spoke = False

    @property
    def connected(self):
        return self.socket is not None

    @property
    def name(self):
        return self.conversation.name if self.connected else None

    def connect(self, address, seconds):
        self.leave()
        self.socket = socket.create_connection(address, timeout=seconds)
        self.socket.settimeout(_SEND_SECONDS)
        # Each write becomes a segment of its own as far as the kernel allows.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.closed_by_peer = None
        self.silent = False
        self.inbox.clear()
        self.decoder = self.codec.Decoder()
        self.conversation = self.codec.Conversation()
        self.ears.add(self)
        self.record(self.ident, script.NOTE, "connected")

    def send_bytes(self, pieces, shown, own=False):
        """Write the pieces one by one. A peer that closed meanwhile is no error here: what it said is read later."""
        self.record(self.ident, script.ASKED if own else script.SENT, shown)
        self.spoke = self.spoke or not own
        for piece in pieces:
            self.conversation.sent(piece, own)
            try:
                self.socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return

    def ask(self, message):
        """Send a message of the suite's own."""
        shown = told(message) if self.codec.STRUCTURED else message
        self.send_bytes([self.codec.encode(message, self.name)], shown, own=True)

    def read(self):
        """Take in what has arrived; called when the socket is readable."""
        try:
            data = self.socket.recv(_READ_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            self._note_end("rst")
            return
        if not data:
            self._note_end("fin")
        for message in self.decoder.feed(data):
            self._sort_in(message)

    def _sort_in(self, message):
        marker = self.codec.marker_in(message)
        if marker:
            self.markers.append(marker)
        is_answer = not marker and self.conversation.received(message)
        self.answers += is_answer
        if marker or is_answer or self._is_background(message):
            self.record(self.ident, script.ANSWERED, self._shown(message))
            return
        self._hear(message)

    def _hear(self, message):
        without = getattr(self.codec, "without", None)
        if without:
            message = without(message, self.is_crowd)
        if message is not None:
            self.record(self.ident, script.RECEIVED, self._shown(message))
            self.inbox.append(message)

    def _shown(self, message):
        """The message as its column has room for."""
        brief = getattr(self.codec, "brief", None)
        return told(brief(message)) if brief else str(message)

    def _is_background(self, message):
        is_echo = self.conversation.is_echo(message)
        self.echoed = self.echoed or is_echo
        return (is_echo and self.ignore_echo) or self.is_crowd(self.codec.about(message))

    def _note_end(self, how):
        self.closed_by_peer = how
        if self.decoder.unfinished:
            rest = self.decoder.unfinished
            shown = spaced(rest) if self.codec.STRUCTURED else rest.decode("utf-8", "backslashreplace")
            self.inbox.append(shown + " (without an end)")
        self.ears.remove(self)
        self.record(self.ident, script.NOTE, "closed by the server (%s)" % how)

    def take_back(self):
        """Take the next message out of the inbox: it answers the suite's own question."""
        self.record(self.ident, script.ANSWERED, "(to the suite) %s" % (self.inbox.popleft(),))

    def half_close(self):
        self.silent = True
        self.record(self.ident, script.NOTE, "says no more (half-close)")
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer was faster; reading will tell

    def leave(self, how="fin"):
        """Close the connection; `rst` cuts it."""
        if not self.connected:
            return
        if self.closed_by_peer is None:
            self.ears.remove(self)
        if how == "rst":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        self.socket = None
        self.record(self.ident, script.NOTE, "leaves (%s)" % how)
