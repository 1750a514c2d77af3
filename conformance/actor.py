"""One client connection of a scenario: a socket, a decoder, an inbox, and a column of the transcript."""
import selectors
import socket
import struct
import time
from collections import Counter, deque

from parley.conformance import transcript
from parley.conformance.message import as_text, hex_bytes, in_short
from parley.conformance.profile import Reader
from parley.conformance.unread import acknowledge_at_once, forget_what_came, is_unread, wait_until_read

_READ_SIZE = 65536
_SEND_SECONDS = 30.0
_READ_SECONDS = 1.5  # in which a server reads what was written to it, if it reads that connection at all
# The most messages, and bytes of one, that a foreign server may send to a client that is silent; more is a flood.
MOST_MESSAGES = 20000
_MOST_BYTES = 1 << 24
FLOODED = "stops reading, as the server sends without end"


class Selector:
    """Reads from all open connections at once, so that the transcript has the true order of arrival."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()

    def add(self, actor):
        self._selector.register(actor.socket, selectors.EVENT_READ, actor)

    def remove(self, actor):
        self._selector.unregister(actor.socket)

    def read_until(self, satisfied, deadline):
        """Read until `satisfied()` is true. Returns False if it is not by the deadline (monotonic seconds)."""
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
    """A client in a scenario, or one of the suite's own.

    record: called as record(ident, direction, text) for each line of the transcript, as `Transcript.add`.
    is_ignored: a predicate on names. Messages about such users go to the transcript, but not to the inbox.
    ignore_echo: keep the actor's own messages out of the inbox when the server sends them back.
    profile: the `Profile` of a foreign server, in whose manner its messages are read; None for ours. manner: see
    `profile.Reader`.
    """

    def __init__(self, ident, codec, selector, record, is_ignored, ignore_echo=False, profile=None,
                 manner=None):
        self.ident = ident
        self.codec = codec
        self.selector = selector
        self.record = record
        self.is_ignored = is_ignored
        self.ignore_echo = ignore_echo
        self.profile = profile
        self.manner = manner
        self.socket = None
        self.closed_by_peer = None  # "fin" or "rst"
        self.half_closed = False
        self.is_flooded = False  # has the server sent so much that the actor no longer reads?
        self.is_bare = False  # was the connection opened without the protocol's opening?
        self.is_read = True  # does the server read the connection, as far as is known?
        self.markers = []  # (sender, nonce) of each marker that has arrived
        self.replies = 0  # to the suite's own requests
        self.echoed = False
        self.heard = 0  # messages received, in whatever way they were handled
        self._unasked = 0  # those since the actor has sent something
        self.has_caught_up = False  # has it read what a foreign server sends behind a login?
        self.inbox = deque()
        self.latest = None  # the message that came into the inbox last
        self.delivered = Counter()  # how often each message has come into the inbox, as text
        self.spoke = False  # since the last barrier

    @property
    def connected(self):
        return self.socket is not None

    @property
    def name(self):
        """The name under which the actor is logged in, or None."""
        return self.state.name if self.connected else None

    @property
    def is_unread(self):
        """Whether the server has not read all that was written to the connection."""
        return self.connected and self.closed_by_peer is None and is_unread(self.socket)

    def connect(self, address, seconds, bare=False):
        """Open a new connection, after closing the current one; OSError if there is none within `seconds`.

        bare: without the protocol's opening.
        """
        self.disconnect()
        self.socket = socket.create_connection(address, timeout=seconds)
        self.socket.settimeout(_SEND_SECONDS)
        # Each write becomes a segment of its own as far as the kernel allows.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_bare = bare
        self.is_read = True
        self.closed_by_peer = None
        self.half_closed = self.has_caught_up = self.is_flooded = False
        self.inbox.clear()
        self.latest = None
        self.decoder = self.codec.Decoder()
        self.state = self.codec.ClientState()
        self.reader = Reader(self.profile, self.state, self.manner) if self.profile else None
        self.selector.add(self)
        self.record(self.ident, transcript.NOTE, "connected")
        if not bare and hasattr(self.decoder, "opening"):
            self._open(self.decoder.opening(address), seconds)

    def _open(self, opening, seconds):
        """Send the protocol's opening, and read the answer; an unusual one goes to the inbox."""
        opened = self.replies + 1
        self.send_bytes([opening], opening.split(b"\r\n")[0].decode("ascii"), own=True)
        self.selector.read_until(lambda: self.replies >= opened or self.inbox or self.closed_by_peer,
                                 time.monotonic() + seconds)

    def send_bytes(self, pieces, shown, own=False):
        """Write the pieces one by one; `shown` is their line in the transcript, `own` marks the suite's own traffic.

        It is no error if the server has closed the connection meanwhile: what it sent before is read later.
        """
        self.record(self.ident, transcript.OWN_SENT if own else transcript.SENT, shown)
        self.spoke = self.spoke or not own
        self._unasked = 0
        for number, piece in enumerate(pieces):
            if not number or not getattr(self.state, "half_sent", not self.state.at_message_boundary):
                self._pause()
            self.state.sent(piece, own)
            try:
                self.socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return

    def _pause(self):
        """Let a server that takes one read for one message, or for no more, read what was written before."""
        if self.profile and self.profile.pause and self.is_read:
            self.is_read = wait_until_read(self.socket, _READ_SECONDS, self.profile.pause)

    def send_own(self, message):
        """Send a message of the suite's own, whose reply stays out of the inbox."""
        self.send_bytes([self.codec.encode(message, self.name)], as_text(message), own=True)

    def read(self):
        """Process what has arrived; called when the socket is readable."""
        try:
            data = self.socket.recv(_READ_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            self._on_close("rst")
            return
        if not data:
            self._on_close("fin")
        elif self.profile:
            acknowledge_at_once(self.socket)
        for message in self.decoder.feed(data):
            self.heard += 1
            self._unasked += 1
            read = self.reader.read(message) if self.reader else [message]
            if not read:
                self.record(self.ident, transcript.OWN_RECEIVED, self._shown(message))
            for one in read:
                self._dispatch(one)
        for one in self.reader.read_unended(self.decoder.unfinished) if self.reader else ():
            self.decoder.unfinished = b""
            self._dispatch(one)
        self._read_no_flood()

    def _read_no_flood(self):
        """Stop reading from a foreign server that sends without end."""
        is_flooded = self._unasked > MOST_MESSAGES or len(self.decoder.unfinished) > _MOST_BYTES
        if self.profile and is_flooded and self.connected and self.closed_by_peer is None:
            self.is_flooded = True
            self.selector.remove(self)
            self.record(self.ident, transcript.NOTE, FLOODED)

    def _dispatch(self, message):
        beat = self.codec.heartbeat(message) if hasattr(self.codec, "heartbeat") else None
        if beat is not None:
            self.record(self.ident, transcript.OWN_RECEIVED, self._shown(message))
            self.send_own(beat)
            return
        marker = self.codec.marker_in(message)
        if marker:
            self.markers.append(marker)
        is_reply = not marker and self.state.received(self.answer(message))
        self.replies += is_reply
        if marker or is_reply or self._is_background(message):
            self.record(self.ident, transcript.OWN_RECEIVED, self._shown(message))
            return
        self._deliver(message)

    def answer(self, message):
        """The answer of the document for which a message stands, or the message itself."""
        return self.reader.answer(message) if self.reader else message

    def _deliver(self, message):
        without_names = getattr(self.codec, "without_names", None)
        if without_names:
            message = without_names(message, self.is_ignored)
        if message is not None:
            self.record(self.ident, transcript.RECEIVED, self._shown(message))
            self.inbox.append(message)
            self.latest = message
            self.delivered[str(message)] += 1

    def _shown(self, message):
        return in_short(message, self.codec)

    def _is_background(self, message):
        is_echo = self.state.is_echo(message)
        self.echoed = self.echoed or is_echo
        return (is_echo and self.ignore_echo) or self.is_ignored(self.codec.subject_of(message))

    def _on_close(self, how):
        self.closed_by_peer = how
        rest = self.decoder.unfinished
        if rest:
            shown = hex_bytes(rest) if self.codec.STRUCTURED else rest.decode("utf-8", "backslashreplace")
            if not (self.reader and self.reader.is_prompt(shown)):
                self.inbox.append(shown + " (incomplete)")
        self.selector.remove(self)
        self.record(self.ident, transcript.NOTE, "closed by the server (%s)" % how)

    def discard_reply(self):
        """Remove the next message from the inbox: it is the reply to the suite's own probe."""
        self.record(self.ident, transcript.OWN_RECEIVED, "(to the suite) %s" % (self.inbox.popleft(),))

    def half_close(self):
        self.half_closed = True
        self.record(self.ident, transcript.NOTE, "half-closes")
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has closed first, which is seen on reading

    def disconnect(self, how="fin"):
        """Close the connection, if there is one; `how` is fin or rst."""
        if not self.connected:
            return
        if self.closed_by_peer is None and not self.is_flooded:
            self.selector.remove(self)
        if how == "rst":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            forget_what_came(self.socket)
        self.socket.close()
        self.socket = None
        self.record(self.ident, transcript.NOTE, "disconnects (%s)" % how)
