"""What every transport promises to a connection: see `parley.server.worker.transports`."""
import os
import selectors
import socket
import ssl

import pytest

from parley.server.worker.transports import Unopened, tls
from parley.server.worker.transports.plain import Plain

CERTIFICATES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "certificates")
MOST = 4096  # bytes of one receive
LARGE = b"0123456789abcdef" * 65536  # more than any kernel takes here at once


class PlainClient:
    """The other end, without anything in between.

    transport: the server's end.
    """

    begins_with_words = False

    def __init__(self):
        ours, self._sock = socket.socketpair()
        self.transport = self._make(Plain.of(ours))
        self._sock.setblocking(False)
        self.ended = False

    def _make(self, plain):
        return plain

    def open(self):
        assert self.transport.open() == 0

    def send(self, data):
        self._send(data)

    def end(self):
        """Nothing more comes from here."""
        self._sock.shutdown(socket.SHUT_WR)

    def garble(self):
        """Send what makes the transport speak for itself; False if nothing does."""
        return False

    def receive(self):
        """What the transport has received; None if nothing has come."""
        try:
            return self.transport.recv(MOST)
        except BlockingIOError:
            return None

    def heard(self):
        return self._recv()

    def close(self):
        self._sock.close()

    def _send(self, data):
        assert self._sock.send(data) == len(data)

    def _recv(self):
        pieces = []
        while not self.ended:
            try:
                pieces.append(self._sock.recv(1 << 20))
            except BlockingIOError:
                break
            self.ended = not pieces[-1]
        return b"".join(pieces)


class TLSClient(PlainClient):
    """The other end of TLS."""

    begins_with_words = True

    def _make(self, plain):
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.load_verify_locations(os.path.join(CERTIFICATES, "first.pem"))
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = client.wrap_bio(self._incoming, self._outgoing)
        self.told_so = False  # that nothing more comes
        return tls.TLS(plain, context())

    def hello(self):
        """The next part of the handshake."""
        self._incoming.write(self._recv())
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        self._pass_on()

    def open(self):
        for _ in range(4):
            self.hello()
            if not self.transport.open():
                break
        self.hello()

    def _pass_on(self):
        data = self._outgoing.read()
        if data:
            self._send(data)

    def send(self, data):
        self._tls.write(data)
        self._pass_on()

    def end(self):
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass
        self._pass_on()

    def garble(self):
        self._send(b"\x17\x03\x03\0\x20" + b"x" * 32)  # a record that nobody has encrypted: TLS answers with an alert
        return True

    def heard(self):
        self._incoming.write(self._recv())
        pieces = []
        while not self.told_so:
            try:
                pieces.append(self._tls.read(1 << 20))
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                pieces.append(b"")
            self.told_so = not pieces[-1]
        return b"".join(pieces)


def context():
    with open(os.path.join(CERTIFICATES, "first.pem"), "rb") as certificate:
        with open(os.path.join(CERTIFICATES, "first.key"), "rb") as key:
            return tls.context(certificate.read(), key.read())


@pytest.fixture(params=[PlainClient, TLSClient], ids=["plain", "TLS"])
def fresh(request):
    """A client that has just connected."""
    one = request.param()
    yield one
    one.transport.close()
    one.close()


@pytest.fixture
def client(fresh):
    """A client whose transport is open."""
    fresh.open()
    return fresh


def is_found(transport):
    """Would a selector find that there is something to be received?"""
    with selectors.DefaultSelector() as selector:
        selector.register(transport, selectors.EVENT_READ)
        return bool(selector.select(0))


class TestEveryTransport:
    """The contract."""

    def test_it_is_open_once_what_comes_first_is_done(self, fresh):
        if fresh.begins_with_words:
            assert fresh.transport.open() == selectors.EVENT_READ
        fresh.open()
        fresh.send(b"hi")
        assert fresh.receive() == b"hi"

    def test_who_does_not_do_what_comes_first_is_told_apart_from_who_goes(self, fresh):
        if not fresh.begins_with_words:
            return
        PlainClient.send(fresh, b"LOGIN ann\n")
        with pytest.raises(Unopened) as raised:
            fresh.transport.open()
        assert str(raised.value)

    def test_who_goes_before_it_is_open_is_lost(self, fresh):
        if not fresh.begins_with_words:
            return
        fresh.close()
        with pytest.raises(OSError):
            fresh.transport.open()

    def test_what_comes_is_received_and_nothing_when_nothing_comes(self, client):
        assert client.receive() is None
        client.send(b"one")
        client.send(b"two")
        received = b""
        while is_found(client.transport):
            received += client.receive() or b""
        assert received == b"onetwo"
        assert client.receive() is None

    def test_what_was_not_received_is_found_by_a_selector(self, client):
        for _ in range(20):
            client.send(b"x" * 1000)
        received = []
        while is_found(client.transport):
            received.append(client.receive())
        assert sum(map(len, filter(None, received))) == 20000
        assert len(received) > 2

    def test_the_end_is_received_behind_the_last_words_and_stays(self, client):
        client.send(b"last")
        client.end()
        received = []
        while len(received) < 9 and b"" not in received:
            assert is_found(client.transport)
            received.append(client.receive())
        assert b"".join(filter(None, received)) == b"last"
        assert client.receive() == b""

    def test_who_has_ended_can_still_be_sent_something(self, client):
        client.end()
        assert client.receive() == b""
        assert client.transport.write([b"bye"]) == 3
        if not client.begins_with_words:  # a client of TLS that has said goodbye reads no more
            assert client.heard() == b"bye"

    def test_a_lost_client_is_an_error(self, client):
        client.transport.write([b"unread"])
        client.close()
        with pytest.raises(OSError):
            for _ in range(3):
                client.transport.write([b"more"])
        with pytest.raises(OSError):
            if client.receive() == b"":
                raise ConnectionResetError  # some kernels tell of a reset once only

    def test_pieces_arrive_in_order_and_are_taken_whole_where_there_is_room(self, client):
        assert client.transport.send(b"one") == 3
        assert client.transport.write([b"two", memoryview(b"three"), b"four"]) == 12
        assert client.heard() == b"onetwothreefour"
        assert client.transport.begun == 0

    def test_what_is_not_taken_goes_out_later_and_nothing_twice(self, client):
        heard, rest = b"", LARGE
        for _ in range(10000):
            taken = client.transport.write([memoryview(rest)[:100000]])
            assert client.transport.begun <= len(rest) - taken
            rest = rest[taken:]
            if not rest:
                break
            if not taken:
                heard += client.heard()
        heard += client.heard()
        assert heard == LARGE

    def test_where_nothing_is_taken_none_is(self, client):
        rest = memoryview(LARGE)
        taken = client.transport.write([rest])
        while taken:
            rest = rest[taken:]
            taken = client.transport.write([rest])
        assert rest and client.transport.write([rest]) == 0
        with pytest.raises(BlockingIOError):
            client.transport.send(rest)

    def test_it_has_nothing_to_say_by_itself_while_all_is_well(self, client):
        client.send(b"hi")
        client.receive()
        client.transport.write([b"ho"])
        assert not client.transport.unsaid
        client.transport.speak()
        assert client.heard() == b"ho"

    def test_own_words_that_are_not_taken_are_said_once_there_is_room(self, client):
        with pytest.raises(BlockingIOError):
            while True:  # the pipe is full to the brim
                os.write(client.transport.fileno(), b"x")
        if not client.garble():
            return
        assert client.receive() == b""
        assert client.transport.unsaid
        client.transport.speak()
        assert client.transport.unsaid
        assert client._recv().strip(b"x") == b""
        client.transport.speak()
        assert not client.transport.unsaid
        assert client._recv()

    def test_a_shutdown_lets_the_client_know_that_it_has_everything(self, client):
        client.transport.write([b"last"])
        client.transport.shutdown(socket.SHUT_WR)
        assert client.heard() == b"last"
        assert client.ended and getattr(client, "told_so", True)
        client.send(b"still heard")
        assert client.receive() == b"still heard"

    def test_a_close_ends_it_and_closes_its_descriptor(self, client):
        client.transport.write([b"last"])
        client.transport.close()
        assert client.transport.fileno() == -1
        assert client.heard() == b"last"
        assert client.ended and getattr(client, "told_so", True)


class Talkative(Plain):
    """Has a word of its own for each that comes, but the client takes it only later."""

    def __init__(self, sock):
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.setblocking(False)

    def getpeername(self):
        return "192.0.2.1", 4711

    def recv(self, most):
        data = super().recv(most)
        self.unsaid = bool(data)
        return data

    def speak(self):
        self.unsaid = False
        self.send(b"<own word>")


def test_a_connection_lets_its_transport_speak_when_the_client_takes_something_again(house):
    ours, theirs = socket.socketpair()
    with theirs:
        house.worker.admission.admit(Talkative(ours), "line")
        theirs.send(b"PING\n")
        house.settle()
        assert theirs.recv(MOST) == b"ERR must-login-first\n<own word>"
        assert house.driven[0].found == []  # and it waits for nothing more
