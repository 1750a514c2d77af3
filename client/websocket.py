"""A client's end of a WebSocket without a socket: texts in and out, and the HTTP in front of them. It takes wsproto."""
from http import HTTPStatus

from parley.client.protocol import MAX_FRAME_BYTES, ProtocolError

try:
    from wsproto import ConnectionType, WSConnection
    from wsproto.connection import ConnectionState
    from wsproto.events import (
        AcceptConnection,
        CloseConnection,
        Message,
        Ping,
        RejectConnection,
        Request,
        TextMessage,
    )
    from wsproto.utilities import ProtocolError as WebSocketError
except ImportError:  # the other protocols do without
    WSConnection = None

_BEGINNING = b"HTTP/1.1 "  # of any answer; what begins otherwise might never come to an end for a reader of HTTP


class WebSocket:
    """One connection. What is sent before the server has accepted it is held back until then.

    url: for what is said to people. host_port, path, subprotocol: what is asked for. Raises `ProtocolError`, with a
    sentence, if that is not possible.
    """

    def __init__(self, url, host_port, path, subprotocol):
        if WSConnection is None:
            raise ProtocolError("WebSockets need wsproto: pip install wsproto.")
        self._url, self._subprotocol = url, subprotocol
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._out = self._connection.send(Request(host=host_port, target=path, subprotocols=[subprotocol]))
        self._held = []  # events that may not be sent yet
        self._first = b""  # the first bytes of the answer
        self._parts, self._size = [], 0  # of the text that has not ended

    @property
    def is_connecting(self):
        """Has the server not accepted the connection yet?"""
        return self._connection.state is ConnectionState.CONNECTING

    def to_send(self):
        """The bytes to send since the last call."""
        out, self._out = self._out, b""
        return out

    def send(self, text):
        """Send a text."""
        self._send(TextMessage(text))

    def _send(self, event):
        if self.is_connecting:
            self._held.append(event)
        elif self._connection.state is ConnectionState.OPEN:
            self._out += self._connection.send(event)

    def receive(self, data):
        """The texts that `data` completes; raises `ProtocolError`."""
        if self._connection.state is ConnectionState.CLOSED:
            return []
        if len(self._first) < len(_BEGINNING):
            self._first += data[:len(_BEGINNING) - len(self._first)]
            if not _BEGINNING.startswith(self._first):
                raise ProtocolError()
        try:
            self._connection.receive_data(data)
            return [text for event in self._connection.events() for text in self._texts_in(event)]
        except WebSocketError:
            raise ProtocolError() from None

    def _texts_in(self, event):
        if isinstance(event, AcceptConnection):
            self._accepted(event)
        elif isinstance(event, RejectConnection):
            raise ProtocolError("There is no chat at %s: %s." % (self._url, _status(event.status_code)))
        elif isinstance(event, Ping):
            self._send(event.response())
        elif isinstance(event, CloseConnection):
            self._closed(event)
        elif isinstance(event, Message):
            return self._parts_of(event)
        return []

    def _accepted(self, event):
        if event.subprotocol != self._subprotocol:
            raise ProtocolError("What is at %s speaks WebSocket, but not %s." % (self._url, self._subprotocol))
        held, self._held = self._held, []
        for one in held:
            self._send(one)

    def _closed(self, event):
        if self._connection.state is ConnectionState.REMOTE_CLOSING:
            self._out += self._connection.send(event.response())
        elif self._connection.state is not ConnectionState.CLOSED:  # so wsproto tells of frames that are none
            raise ProtocolError()

    def _parts_of(self, message):
        self._size += len(message.data)
        if not isinstance(message, TextMessage) or self._size > MAX_FRAME_BYTES:
            raise ProtocolError()
        self._parts.append(message.data)
        if not message.message_finished:
            return []
        text, self._parts, self._size = "".join(self._parts), [], 0
        return [text]


def _status(code):
    """A status of HTTP in words, such as "404 Not Found"."""
    try:
        return "%d %s" % (code, HTTPStatus(code).phrase)
    except ValueError:
        return str(code)
