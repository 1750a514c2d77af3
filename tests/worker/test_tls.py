"""TLS in a worker: the handshake, what of a socket's ways survives it, and how it ends."""
import base64
import errno
import logging
import os
import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.server import config
from parley.server.ipc.messages import ToWorker
from parley.server.worker import admission, connection
from parley.server.worker.deadlines import LINGER
from parley.server.worker.strangers import MINUTE, MOST_LINES
from parley.server.worker.transports import tls

CERTIFICATES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "certificates")
ALERT, TALK = 21, 23  # types of records, as far as they can be seen
NEVER_TLS = [
    b"LOGIN ann\n", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 100, b"\0" * 100, b"\xff" * 600]


def stored(name):
    with open(os.path.join(CERTIFICATES, name), "rb") as file:
        return file.read()


def given_as(name):
    """The settings of a certificate."""
    return config.Tls({}, *[config.File(name + kind, stored(name + kind)) for kind in (".pem", ".key")], room_ports=())


FIRST, SECOND = given_as("first"), given_as("second")


def pair(given):
    return given.certificate.content, given.key.content


class Client:
    """A TLS client without a socket: gives and takes bytes, and so decides what arrives together.

    ended: has the server said, orderly, that nothing more comes?
    """

    def __init__(self, newest=False, ciphers=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(os.path.join(CERTIFICATES, "first.pem"))
        context.load_verify_locations(os.path.join(CERTIFICATES, "second.pem"))
        if not newest and hasattr(ssl, "TLSVersion"):  # novermin
            context.maximum_version = ssl.TLSVersion.TLSv1_2  # novermin
        elif not newest:
            context.options |= getattr(ssl, "OP_NO_TLSv1_3", 0)
        if ciphers:
            context.set_ciphers(ciphers)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing)
        self.ended = False

    def hello(self):
        """The next bytes of a handshake, b"" if there are none to be sent."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()

    def encrypted(self, data):
        self.tls.write(data)
        return self._outgoing.read()

    def goodbye(self):
        """A close_notify."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        return self._outgoing.read()

    def hold(self, data):
        """Take it later."""
        self._incoming.write(data)

    def take(self, data):
        """What these bytes say. An ssl.SSLError if something is missing or was changed."""
        self._incoming.write(data)
        pieces = []
        while not self.ended:
            try:
                pieces.append(self.tls.read(1 << 16))
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                pieces.append(b"")
            self.ended = not pieces[-1]
        return b"".join(pieces)

    def begin(self, data):
        """Answer a part of a handshake."""
        self._incoming.write(data)
        return self.hello()


def records(data):
    """The types of the records in these bytes."""
    types = []
    while data:
        types.append(data[0])
        data = data[5 + int.from_bytes(data[3:5], "big"):]
    return types


class Guest:
    """A client of a house on a TLS port."""

    def __init__(self, house, worker=1, newest=True, buffer=None, protocol="line", with_last=b""):
        self._house = house
        self.peer = house.connect(worker, buffer, protocol, tls=True)
        self.client = Client(newest)
        self.peer.send(self.client.hello())
        for _ in range(3):
            house.settle(1)
            answer = self.client.begin(self.peer.heard())
            if answer:
                done = self.client.tls.cipher() and self._is_done()
                self.peer.send(answer + (self.client.encrypted(with_last) if with_last and done else b""))
        assert self._is_done()

    def _is_done(self):
        try:
            self.client.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def send(self, data):
        self.peer.send(self.client.encrypted(data))

    def heard(self):
        return self.client.take(self.peer.heard())

    def certificate(self):
        return self.client.tls.getpeercert(binary_form=True)


def member(house, name, **options):
    guest = Guest(house, **options)
    guest.send(b"LOGIN %b\n" % name)
    house.settle()
    assert guest.heard() == b"OK\n"
    return guest


@pytest.fixture
def open_house(open_house):
    """With a certificate."""
    return lambda *arguments, **changes: open_house(*arguments, tls=FIRST, **changes)


@pytest.fixture
def endings(house):
    """Why connections have ended, counted."""
    return house.worker.stats.by_reason


# ---- talking


@pytest.mark.parametrize("newest", [False, True], ids=["TLS 1.2", "newest"])
def test_clients_with_and_without_tls_are_in_one_room(house, newest):
    bob, ann = house.member(b"bob", worker=2), member(house, b"ann", newest=newest)
    ann.send(b"MSG hi\nDM bob psst\nPING\n")
    bob.send(b"MSG ho\n")
    house.settle()
    assert bob.heard() == b"MSG ann hi\nDM ann psst\n"
    assert sorted(ann.heard().splitlines()) == [b"MSG bob ho", b"PONG"]


def test_what_comes_along_with_the_end_of_the_handshake_is_heard_at_once(house):
    ann = Guest(house, newest=False, with_last=b"")
    assert ann.heard() == b""
    early = Guest(house, with_last=b"LOGIN early\nPING\n")
    house.settle()
    assert early.heard() == b"OK\nPONG\n"


@pytest.mark.parametrize("newest", [False, True], ids=["TLS 1.2", "newest"])
def test_a_client_that_comes_byte_by_byte_is_heard(house, newest):
    peer, client = house.connect(tls=True), Client(newest)
    out = client.hello()
    for _ in range(4):
        for position in range(len(out)):
            peer.send(out[position:position + 1])
            house.tick()
        out = client.begin(peer.heard())
    for byte in bytearray(client.encrypted(b"LOGIN ann\n")):
        peer.send(bytes([byte]))
        house.tick()
    house.settle()
    assert client.take(peer.heard()) == b"OK\n"


@pytest.mark.slow
@pytest.mark.parametrize("size", [16, 100, 4096, 1 << 16])
def test_nothing_is_left_where_no_selector_finds_it(open_house, monkeypatch, size):
    monkeypatch.setattr(connection, "_CHUNK", size)
    house = open_house(messages_per_second=0)
    bob, ann = house.member(b"bob"), member(house, b"ann")
    said = [b"%d " % number + b"x" * 3000 for number in range(20)]
    ann.peer.sock.setblocking(True)
    ann.send(b"".join(b"MSG %b\n" % text for text in said[:10]))
    for text in said[10:]:
        ann.send(b"MSG %b\n" % text)
    heard = b""
    for _ in range(70000 // size + 20):
        house.settle(1)
        heard += bob.heard()
        if heard.endswith(said[-1] + b"\n"):
            break
    assert heard == b"".join(b"MSG ann %b\n" % text for text in said)


@pytest.mark.parametrize("messages", [1, 100])
def test_a_tick_costs_a_receiver_one_send_of_one_record(open_house, messages):
    house = open_house(messages_per_second=0)
    bob, ann = member(house, b"bob"), house.member(b"ann")
    bob.peer.counted.sends = 0
    ann.send(b"MSG hi\n" * messages)
    house.settle()
    assert bob.peer.counted.sends == 1
    data = bob.peer.heard()
    assert records(data) == [TALK]
    assert bob.client.take(data) == b"MSG ann hi\n" * messages


def test_answers_among_talk_share_its_record(house):
    bob, ann = member(house, b"bob"), house.member(b"ann")
    bob.peer.counted.sends = 0
    bob.send(b"WHO\nPING\n")
    ann.send(b"MSG hi\n")
    house.settle()
    data = bob.peer.heard()
    assert sum(kind == TALK for kind in records(data)) <= bob.peer.counted.sends <= 2
    assert sorted(bob.client.take(data).splitlines()) == [b"MSG ann hi", b"PONG", b"USER ann", b"USER bob"]


def test_where_each_frame_is_a_send_it_is_a_record(house):
    pat, ann = Guest(house, protocol="padded"), house.member(b"ann")  # who hears everything from the beginning
    house.settle()
    pat.heard()
    ann.send(b"MSG hi\n" * 3)
    house.settle()
    data = pat.peer.heard()
    assert records(data) == [TALK] * 3
    assert pat.client.take(data).count(b"ann: hi") == 3


# ---- slow readers


def drain(house, guest, rounds):
    heard = b""
    for _ in range(rounds):
        heard += guest.heard()
        house.settle(1)
    return heard


def test_a_slow_reader_gets_everything_in_order(house):
    bob, ann = member(house, b"bob", buffer=4096), house.member(b"ann")
    said = [b"%d " % number + b"x" * 700 for number in range(80)]
    for text in said:
        ann.send(b"MSG %b\n" % text)
        house.settle(2)
    assert drain(house, bob, 100) == b"".join(b"MSG ann %b\n" % text for text in said)


@pytest.mark.parametrize("burst", [1, 60])
def test_a_slow_reader_that_falls_too_far_behind_is_ended_between_two_messages(open_house, burst):
    house = open_house(outbox_bytes=40000)
    bob, ann = member(house, b"bob", buffer=4096), house.member(b"ann")
    for _ in range(420 // burst):
        ann.send(b"MSG %b\n" % (b"x" * 990) * burst)
        house.settle(2)
    assert ann.heard() == b"INFO bob disconnected\n"
    lines = drain(house, bob, 420).split(b"\n")
    assert bob.client.ended
    assert lines[-2:] == [b"INFO slow-reader", b""]
    assert set(lines[:-2]) <= {b"MSG ann " + b"x" * 990}


def test_a_slow_reader_hears_why_even_if_a_record_of_many_messages_was_begun(open_house):
    house = open_house(outbox_bytes=40000)
    bob, ann = member(house, b"bob", buffer=4096), house.member(b"ann")
    for number in range(370):
        ann.send(b"MSG %b\n" % (b"x" * 990))
        house.settle(2)
        if number in (20, 22, 24):
            bob.client.hold(bob.peer.sock.recv(4096))
    assert ann.heard() == b"INFO bob disconnected\n"
    lines = drain(house, bob, 120).split(b"\n")
    assert bob.client.ended
    assert lines[-2:] == [b"INFO slow-reader", b""]
    assert set(lines[:-2]) == {b"MSG ann " + b"x" * 990}


def test_a_slow_reader_that_takes_nothing_is_ended_after_a_while(open_house):
    house = open_house(stall_seconds=10)
    member(house, b"bob", buffer=4096)
    ann = house.member(b"ann")
    for _ in range(40):
        ann.send(b"MSG %b\n" % (b"x" * 990))
        house.settle(2)
    house.wait(9)
    assert ann.heard() == b""
    house.wait(3 + LINGER)
    assert ann.heard() == b"INFO bob disconnected\n"


# ---- the end


def test_a_farewell_arrives_and_then_an_orderly_end(open_house):
    house = open_house(idle_timeout={"line": 60})
    ann = member(house, b"ann")
    house.wait(70)
    assert ann.heard() == b"INFO idle-timeout\n"
    assert ann.client.ended


def test_who_ends_in_an_orderly_way_still_gets_its_answers(house):
    bob, ann = house.member(b"bob"), Guest(house)
    ann.peer.send(ann.client.encrypted(b"LOGIN ann\nMSG hi\nWHO\n") + ann.client.goodbye())
    house.settle(10)
    assert ann.heard() == b"OK\nUSER bob\nUSER ann\n"
    assert ann.client.ended
    assert ann.peer.ended
    assert bob.heard() == b"MSG ann hi\nINFO ann disconnected\n"


@pytest.mark.parametrize("way", ["goodbye alone", "goodbye and end", "end alone", "garbage", "cut record"])
def test_an_end_of_any_kind_is_the_end_of_one_client(house, way):
    bob, ann = house.member(b"bob"), member(house, b"ann")
    if way.startswith("goodbye"):
        ann.peer.send(ann.client.goodbye())
    elif way == "garbage":
        ann.peer.send(b"MSG in the clear\n")
    elif way == "cut record":
        ann.peer.send(ann.client.encrypted(b"MSG never whole\n")[:-3])
    if way in ("goodbye and end", "end alone", "cut record"):
        ann.peer.close()
    house.settle()
    assert bob.heard() == b"INFO ann disconnected\n"
    assert len(house.worker.admission.connections) == 1


def test_what_was_said_before_the_garbage_is_heard(house):
    bob, ann = house.member(b"bob"), member(house, b"ann")
    ann.peer.send(ann.client.encrypted(b"MSG hi\n") + b"\x17\x03\x03\0\x20" + b"x" * 32)
    house.settle()
    assert bob.heard() == b"MSG ann hi\nINFO ann disconnected\n"


def test_whoever_sends_byte_by_byte_while_it_is_held_wins_nothing(open_house):
    house = open_house(messages_per_second=10)
    ann = member(house, b"ann")
    ann.send(b"PING\n" * 400)  # 40 seconds' worth
    house.wait(1)
    heard = ann.heard()
    for _ in range(20):
        ann.send(b"P")
        house.wait(0.5)
        heard += ann.heard()
    assert 190 <= heard.count(b"\n") <= 220
    house.wait(30)
    assert heard + ann.heard() == b"PONG\n" * 400


@pytest.mark.parametrize("newest", [True, False], ids=["newest", "TLS 1.2"])
@pytest.mark.parametrize("orderly", [True, False])
def test_a_held_client_that_ends_keeps_its_name_no_longer_than_its_words_take(open_house, newest, orderly):
    house = open_house(messages_per_second=10)
    bob, ann = house.member(b"bob"), member(house, b"ann", newest=newest)
    ann.send(b"PING\n" * 150)  # five seconds' worth more than a burst
    house.wait(2)
    if orderly:
        ann.peer.send(ann.client.goodbye())
    ann.peer.hang_up()
    house.wait(2)
    assert bob.heard() == b""
    house.wait(2)
    assert bob.heard() == b"INFO ann disconnected\n"


def test_a_held_client_that_says_more_is_held_on(open_house):
    house = open_house(messages_per_second=10)
    ann = member(house, b"ann")
    ann.send(b"PING\n" * 400)
    house.wait(2)
    heard = ann.heard()
    ann.send(b"PING\n" * 100)
    house.wait(20)
    heard += ann.heard()
    assert 300 <= heard.count(b"\n") <= 330
    house.wait(30)
    assert heard + ann.heard() == b"PONG\n" * 500


# ---- handshakes


def test_nobody_is_here_before_the_handshake_is_done(house):
    pat = house.connect(protocol="padded", tls=True)
    pat.send(Client().hello())
    house.settle()
    assert house.worker.admission.connections == {}


@pytest.mark.parametrize("data", NEVER_TLS, ids=lambda data: repr(data)[:20])
def test_who_speaks_no_tls_is_turned_away_and_one_line_says_so(house, caplog, endings, data):
    caplog.set_level(logging.INFO)
    peer = house.connect(tls=True)
    peer.send(data)
    house.settle()
    heard = peer.heard()
    assert peer.ended
    assert set(records(heard)) <= {ALERT}
    assert endings() == {"tls-failed": 1}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("TLS handshake with 192.0.2.1 for line failed: ")


def test_the_log_has_the_address_of_a_client_that_is_gone_when_its_handshake_fails(house, caplog, monkeypatch):
    """As it is after an alert: one that does not trust the certificate says so, and closes."""
    caplog.set_level(logging.INFO)
    peer = house.connect(tls=True)

    def gone(socket):
        raise OSError(errno.ENOTCONN, "not connected")

    monkeypatch.setattr(type(peer.counted), "getpeername", gone)
    peer.send(NEVER_TLS[0])
    house.settle()
    assert [record.args["host"] for record in caplog.records] == ["192.0.2.1"]


def test_handshakes_that_fail_cannot_fill_the_log(house, caplog, endings):
    caplog.set_level(logging.INFO)
    for _ in range(MOST_LINES + 40):
        house.connect(tls=True).send(NEVER_TLS[0])
        house.settle(1)
    house.settle(20)
    assert endings() == {"tls-failed": MOST_LINES + 40}
    assert [record.args["host"] for record in caplog.records] == ["192.0.2.1"] * MOST_LINES
    house.wait(MINUTE + 1)
    assert [record.getMessage() for record in caplog.records[MOST_LINES:]] == ["TLS handshake: 40 more like it"]


@pytest.mark.parametrize("protocol", ["line", "padded"])
@pytest.mark.parametrize("said", [0, 1, 50], ids=["nothing", "a byte", "some"])
def test_a_handshake_must_end_in_the_time_of_a_command(open_house, caplog, protocol, said):
    caplog.set_level(logging.INFO)
    house = open_house(frame_seconds=10)
    peer = house.connect(protocol=protocol, tls=True)
    peer.send(Client().hello()[:said])
    house.wait(9)
    peer.heard()
    assert not peer.ended
    house.wait(2.5)
    peer.heard()
    assert peer.ended
    assert house.worker.stats.by_reason() == {"tls-too-slow": 1}
    assert "failed: it took too long" in caplog.text


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
def test_there_are_no_more_handshakes_under_way_than_there_may_be_connections(open_house, limit):
    house = open_house(frame_seconds=10, **{limit: 3})
    peers = [house.connect(tls=True) for _ in range(5)]
    for peer in peers:
        peer.heard()
    assert [peer.ended for peer in peers] == [False] * 3 + [True] * 2
    assert house.worker.stats.by_reason() == {"tls-too-many-connections": 2}
    peers[0].close()
    house.settle()
    member(house, b"ann")
    house.wait(12)
    for peer in (*peers[1:3], *[house.connect(tls=True) for _ in range(3)]):
        peer.heard()
    assert house.worker.admission._shaking_in_all == 3 == sum(house.worker.admission._shaking.values())
    house.wait(12)
    assert (house.worker.admission._shaking_in_all, house.worker.admission._shaking) == (0, {})


def test_of_a_trusted_proxy_there_may_be_more_handshakes_under_way(open_house, monkeypatch):
    house = open_house(connections_per_address=1)
    monkeypatch.setattr(house.worker.admission, "_is_proxy", lambda transport: True)
    peers = [house.connect(tls=True) for _ in range(3)]
    for peer in peers:
        peer.heard()
    assert not any(peer.ended for peer in peers)


def test_a_handshake_that_cannot_begin_by_a_bug_takes_nobodys_place(open_house, monkeypatch):
    house = open_house(connections_per_address=1)
    with monkeypatch.context() as broken, pytest.raises(TypeError):
        broken.setattr(admission, "TLS", None)
        house.connect(tls=True)
    peer = house.connect(tls=True)
    peer.heard()
    assert not peer.ended


def test_a_handshake_that_is_done_is_awaited_no_more(open_house):
    house = open_house(frame_seconds=10, first_command_seconds=60)
    ann = Guest(house)
    house.wait(30)
    ann.heard()
    assert not ann.client.ended


def test_who_goes_during_the_handshake_is_only_counted(house, caplog, endings):
    caplog.set_level(logging.INFO)
    for _ in range(50):
        peer = house.connect(tls=True)
        peer.send(Client().hello())
        house.tick()
        peer.close()
    house.settle(30)
    assert endings() == {"tls-aborted": 50}
    assert caplog.records == []
    assert house.worker.selector.watched == 1  # the hub's queue


def test_a_crowd_of_handshakes_shares_its_ticks_with_the_others(house):
    ann = house.member(b"ann")
    crowd = [house.connect(tls=True) for _ in range(20)]
    for peer in crowd:
        peer.send(Client().hello())
    ann.send(b"PING\n")
    house.tick()
    assert ann.heard() == b"PONG\n"
    answered = [peer for peer in crowd if peer.heard()]
    assert len(answered) == admission.HANDSHAKES_AT_ONCE
    assert house.driven[0].found  # and those who wait cost nothing meanwhile
    house.tick()
    assert not house.driven[0].found
    house.settle(20)
    assert all(peer.heard() for peer in crowd if peer not in answered)


def test_who_waits_for_its_turn_is_not_blamed_for_it(open_house, monkeypatch):
    monkeypatch.setattr(admission, "HANDSHAKES_AT_ONCE", 0)
    house = open_house(frame_seconds=10)
    peer = house.connect(tls=True)
    peer.send(Client().hello())
    house.wait(20)
    assert peer.heard() == b""
    assert not peer.ended
    monkeypatch.setattr(admission, "HANDSHAKES_AT_ONCE", 4)
    house.settle()
    assert peer.heard()
    house.wait(2)  # but now it is its turn, and that late nobody waits any more
    peer.heard()
    assert peer.ended


def test_a_server_that_stops_does_not_begin_with_anybody(house):
    peer = house.connect(tls=True)
    house.hub.everyone(ToWorker.Stop())
    house.settle()
    peer.send(Client().hello())
    house.settle()
    assert house.worker.stats.by_reason() == {"tls-shutdown": 1}
    with pytest.raises(ConnectionResetError):
        peer.heard()


@pytest.fixture
def stuffed(house):
    """A client that has sent its hello, to which the server cannot answer: the pipe is full of x."""
    peer = house.connect(tls=True)
    with pytest.raises(BlockingIOError):
        while True:
            peer.counted.send(b"x")
    peer.client = Client()
    peer.send(peer.client.hello())
    house.settle()
    return peer


def test_a_client_that_does_not_take_the_servers_part_is_ended(house, stuffed):
    assert house.driven[0].found == []  # the server waits for room, and does not turn in circles
    house.wait(12)
    assert house.worker.stats.by_reason() == {"tls-too-slow": 1}


def test_a_handshake_goes_on_when_there_is_room_again(house, stuffed):
    assert stuffed.heard().strip(b"x") == b""
    house.settle()
    stuffed.send(stuffed.client.begin(stuffed.heard()))
    house.settle()
    stuffed.client.begin(stuffed.heard())
    stuffed.send(stuffed.client.encrypted(b"LOGIN ann\n"))
    house.settle()
    assert stuffed.client.take(stuffed.heard()) == b"OK\n"


def test_a_client_with_which_nothing_can_be_agreed_on_is_told_so(house, endings):
    peer, client = house.connect(tls=True), Client(ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    peer.send(client.hello())
    house.settle()
    with pytest.raises(ssl.SSLError, match="(?i)handshake.failure"):
        client.take(peer.heard())
    assert endings() == {"tls-failed": 1}


# ---- the certificate


def shown(house):
    guest = Guest(house)
    return guest, guest.certificate()


def test_a_new_certificate_is_for_who_comes_and_disturbs_nobody(house):
    ann, before = shown(house)
    house.hub.everyone(ToWorker.Configure(house.settings._replace(tls=SECOND).of_workers()))
    house.settle()
    _, after = shown(house)
    assert before == ssl.PEM_cert_to_DER_cert(FIRST.certificate.content.decode())
    assert after == ssl.PEM_cert_to_DER_cert(SECOND.certificate.content.decode())
    ann.send(b"PING\n")
    house.settle()
    assert ann.heard() == b"ERR must-login-first\n"


@pytest.mark.parametrize("bad", [None, (b"", b""), (pair(FIRST)[0], pair(SECOND)[1])])
def test_a_certificate_that_does_not_do_leaves_the_old_one(house, bad):
    house.hub.everyone(ToWorker.Configure(dict(house.settings.of_workers(), certificate=bad)))
    house.settle()
    assert shown(house)[1] == ssl.PEM_cert_to_DER_cert(FIRST.certificate.content.decode())


UNFIT = [
    (b"", pair(FIRST)[1], "no certificate"),
    (pair(FIRST)[0], b"", "no private key"),
    (pair(FIRST)[0], pair(FIRST)[0], "no private key"),
    (pair(FIRST)[0], pair(SECOND)[1], "does not belong"),
    (pair(FIRST)[0], stored("encrypted.key"), "encrypted"),
    (pair(FIRST)[0][:300] + pair(FIRST)[0][400:], pair(FIRST)[1], "damaged"),
    (pair(FIRST)[0], pair(FIRST)[1][:100] + pair(FIRST)[1][104:], "damaged"),
]


@pytest.mark.parametrize("certificate, key, words", UNFIT)
def test_what_is_unfit_is_said_to_be_so_in_words(certificate, key, words):
    with pytest.raises(tls.Unfit, match=words) as raised:
        tls.context(certificate, key)
    assert "\n" not in str(raised.value)


def test_nobody_may_negotiate_anew():
    """On no Python, if OpenSSL can refuse it."""
    if ssl.OPENSSL_VERSION_INFO[:4] < (1, 1, 0, 8):
        pytest.skip("OpenSSL before 1.1.0h cannot refuse it")
    assert tls.context(*pair(FIRST)).options & 1 << 30


def test_certificate_and_key_may_stand_in_one_text():
    both = pair(FIRST)[1] + pair(FIRST)[0]
    assert tls.context(both, both)


def test_the_key_file_may_hold_another_certificate_and_the_other_way_round():
    assert tls.context(pair(FIRST)[0] + pair(SECOND)[1], pair(SECOND)[0] + pair(FIRST)[1])


@pytest.mark.parametrize("name, end", [("first", 2713910400), ("second", 2713910400), ("expired", 1577836800)])
def test_the_end_of_a_certificate_is_known(name, end):
    assert tls.expiry(b"What openssl prints:\n" + stored(name + ".pem")) == end


def test_the_names_of_a_certificate_are_known():
    assert tls.names(b"What openssl prints:\n" + stored("first.pem")) == ["localhost", "127.0.0.1"]
    for der in (b"0\0", b"\x06\x03\x55\x1d\x11", b"\x06\x03\x55\x1d\x11\x04\x82"):
        pem = b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----\n" % base64.b64encode(der)
        assert tls.names(pem) == []


# ---- whatever the kernel takes


class Kernel:
    """Takes as many bytes in each call as it is told, then none; and has something to be received."""

    def __init__(self):
        self.takes = []
        self.taken = b""
        self.gives = []

    def write(self, pieces):
        if not self.takes:
            return 0
        data, size = b"".join(pieces), self.takes.pop(0)
        self.taken += data[:size]
        return min(size, len(data))

    def recv(self, most):
        if not self.gives:
            raise BlockingIOError
        return self.gives.pop(0)

    def all_taken(self):
        taken, self.taken = self.taken, b""
        return taken


@pytest.fixture(scope="module")
def context():
    return tls.context(*pair(FIRST))


def greet(context):
    """A kernel, and the two sides of a connection through it whose handshake is done."""
    kernel, client = Kernel(), Client(newest=True)
    server = tls.TLS(kernel, context)
    kernel.takes = [1 << 20] * 5
    for _ in range(3):
        data = client.begin(kernel.all_taken())
        if data:
            kernel.gives = [data]
            server.open()
    kernel.takes = []
    return kernel, client, server


@pytest.mark.skipif(not hasattr(ssl.SSLContext, "num_tickets"), reason="this Python cannot do without tickets")
def test_nothing_follows_the_handshake_that_a_client_could_leave_unread(context):
    kernel, client, server = greet(context)
    assert client.tls.version() == "TLSv1.3" and kernel.taken == b""
    kernel.takes = [1 << 20]
    server.write([b"hi"])
    assert records(kernel.taken) == [TALK] and client.take(kernel.all_taken()) == b"hi"
    assert not client.tls.session.has_ticket


def test_a_client_that_makes_tls_answer_and_takes_no_answers_is_lost(context, monkeypatch):
    kernel, client, server = greet(context)
    assert server.write([b"never taken"]) == 0
    kernel.gives = [client.encrypted(b"one"), client.encrypted(b"two")]
    assert server.recv(4096) == b"one"
    monkeypatch.setattr(tls, "_MOST_UNSENT", -1)
    with pytest.raises(ConnectionAbortedError):
        server.recv(4096)


@pytest.mark.slow
@settings(max_examples=40)
@given(pieces=st.lists(st.binary(max_size=40) | st.integers(0, 30000).map(bytes), max_size=20),
       takes=st.lists(st.integers(1, 9000), max_size=40), at_once=st.integers(1000, 50000))
def test_what_counts_as_sent_is_what_the_kernel_has_and_nothing_is_lost_or_doubled(context, pieces, takes, at_once):
    kernel, client, server = greet(context)
    kernel.takes = takes
    rest = text = b"".join(pieces)
    unsent, heard = list(pieces), b""
    for _ in range(len(takes) + 50 + len(text) // at_once):
        kernel.takes = kernel.takes or [1 << 20]  # whoever waits is served some time
        sent = server.write(unsent)
        heard += client.take(kernel.all_taken())
        assert sent <= len(b"".join(unsent))
        rest = rest[sent:]
        assert heard == text[:len(heard)]
        assert len(heard) >= len(text) - len(rest)
        unsent = [rest[:at_once]]
        if not rest:
            break
    assert heard == text
    assert server.begun == 0
