"""The PROXY protocol: what a proxy says first of its client, cut anywhere, and not a byte behind it."""
import ipaddress
import struct

import pytest

from parley.server import config
from parley.server.protocols.events import HOME
from parley.server.worker import loop
from parley.server.worker.proxy import Garbled, client, wanted

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TCP4, TCP6, UNIX, UNSPECIFIED = 0x11, 0x21, 0x31, 0x00
PROXY = config.Web(("192.0.2.1/32",), (), b"")


def v2(command, family, addresses, more=b""):
    return SIGNATURE + struct.pack("!BBH", command, family, len(addresses + more)) + addresses + more


def packed(source, target, port):
    return ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed + struct.pack("!HH", port, 4000)


INTRODUCTIONS = [
    (b"PROXY TCP4 203.0.113.5 192.0.2.1 4711 4000\r\n", ("203.0.113.5", 4711)),
    (b"PROXY TCP6 2001:db8::5 2001:db8::1 4711 4000\r\n", ("2001:db8::5", 4711)),
    (b"PROXY TCP6 ::ffff:203.0.113.5 ::1 4711 4000\r\n", ("203.0.113.5", 4711)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
    (v2(0x21, TCP4, packed("203.0.113.5", "192.0.2.1", 4711)), ("203.0.113.5", 4711)),
    (v2(0x21, TCP6, packed("2001:db8::5", "::1", 4711)), ("2001:db8::5", 4711)),
    (v2(0x21, TCP6, packed("::ffff:203.0.113.5", "::1", 4711)), ("203.0.113.5", 4711)),
    (v2(0x21, TCP4, packed("203.0.113.5", "192.0.2.1", 4711), b"\3\0\4abcd"), ("203.0.113.5", 4711)),
    (v2(0x20, UNSPECIFIED, b""), None),
    (v2(0x20, TCP4, packed("203.0.113.5", "192.0.2.1", 4711)), None),
    (v2(0x21, UNIX, bytes(216)), None),
    # As HAProxy 2.6.12 says it (send-proxy-v2 with proxy-v2-options ssl,cert-cn,ssl-cipher,crc32c,authority,unique-id):
    # a health check, two plain connections, and one with TLS.
    (v2(0x20, UNSPECIFIED, bytes.fromhex("030004889da1df 2000050000000000")), None),
    (v2(0x21, TCP4, bytes.fromhex("7f000001 7f000001 caa4 b7fd"), bytes.fromhex(
        "030004f57c9c1c 05000d37463030303030313a43414134 2000050000000000")), ("127.0.0.1", 51876)),
    (v2(0x21, TCP6, bytes(15) + b"\1" + bytes(15) + b"\1" + bytes.fromhex("d4d4 b7fe"), bytes.fromhex(
        "030004fbf5ac38 050025") + b"0" * 31 + b"1:D4D4" + bytes.fromhex("2000050000000000")), ("::1", 54484)),
    (v2(0x21, TCP4, bytes.fromhex("7f000001 7f000001 a41c b7ff"), bytes.fromhex(
        "03000409740e6b 010008687474702f312e31 02000c636861742e6578616d706c65 05000d37463030303030313a41343143"
        "200028010000000021 0007544c5376312e33 230016544c535f4145535f3235365f47434d5f534841333834")),
     ("127.0.0.1", 42012)),
]
NONE = [
    b"LOGIN ann\n", b"\n", b"\r\n\r\nx", b"PROXY TCP4\r\n", b"PROXY TCP4 a b 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 x 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
    b"PROXY SCTP 1.2.3.4 1.2.3.4 1 2\r\n", b"PROXY " + b"x" * 200, b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
    v2(0x31, TCP4, packed("203.0.113.5", "192.0.2.1", 4711)), v2(0x21, TCP4, bytes(11)),
    SIGNATURE + b"\x21\x11\xff\xff",
]  # fmt: skip


def read(data, most=1 << 20):
    """What is taken of `data`, of which `most` bytes come at a time; Garbled as `wanted` has it."""
    head = b""
    while wanted(head):
        head += data[len(head):][:min(most, wanted(head))]
        if head == data and wanted(head):
            return None
    return head


@pytest.mark.parametrize("data, told", INTRODUCTIONS, ids=repr)
def test_a_proxy_introduces_its_client_and_nothing_behind_that_is_read(data, told):
    for most in (1 << 20, 1):
        assert read(data + b"PROXY behind it\r\n", most) == data
    assert client(data) == told


@pytest.mark.parametrize("data", NONE, ids=lambda data: repr(data)[:40])
def test_what_is_no_introduction_is_refused(data):
    with pytest.raises(Garbled):
        client(read(data))


@pytest.fixture
def house(open_house):
    return open_house(proxy=True, web=PROXY)


def arrive(house, protocol="line", http=False, worker=1):
    """Somebody who may be a proxy connects."""
    admission = house.driven[worker - 1].worker.admission
    real, house.driven[worker - 1].worker.admission = admission, Arriving(admission)
    try:
        return house.connect(worker, protocol=protocol, http=http)
    finally:
        house.driven[worker - 1].worker.admission = real


class Arriving:
    """An admission at which everybody comes by the listener's way."""

    def __init__(self, admission):
        self.visitors = self.scrapers = self
        self.admit = self.visit = lambda transport, protocol, home=HOME: admission.arrive(
            transport, protocol, home, False)


@pytest.mark.parametrize("data, told", INTRODUCTIONS[:6], ids=repr)
def test_the_client_of_a_proxy_is_admitted_with_its_address(house, data, told):
    peer = arrive(house)
    for byte in data:
        peer.send(bytes([byte]))
        house.settle(1)
    peer.send(b"LOGIN ann\nPING\n")
    house.settle()
    assert peer.heard() == b"OK\nPONG\n"
    connection, = house.worker.admission.connections.values()
    assert connection.address() == (told or ("192.0.2.1", 4711))


def test_it_is_admitted_by_http_too(house):
    peer = arrive(house, "web", http=True)
    peer.send(INTRODUCTIONS[0][0] + b"GET /x HTTP/1.0\r\n\r\n")
    house.settle()
    assert peer.heard().startswith(b"HTTP/1.1 404 ")


def test_whoever_asks_for_the_metrics_is_not_introduced(house):
    pytest.importorskip("prometheus_client")
    peer = arrive(house, "metrics", http=True)
    peer.send(b"GET /metrics HTTP/1.0\r\n\r\n")
    house.settle()
    assert peer.heard().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("data", [b"LOGIN an", b"PROXY TCP4 no 1.2.3.4 1 2\r\n"])
def test_a_proxy_that_says_nothing_of_the_kind_is_ended_and_the_log_says_so(house, data, caplog, monkeypatch):
    peer = arrive(house)
    monkeypatch.setattr(type(peer.counted), "getpeername", lambda self: ("::ffff:192.0.2.1", 4711))
    peer.send(data)
    house.settle()
    assert peer.heard() == b"" and peer.ended
    assert house.worker._report()["ended"] == {"proxy": 1}
    told = [record for record in caplog.records if "PROXY header" in record.msg]
    assert [(record.levelname, record.args["host"]) for record in told] == [("WARNING", "192.0.2.1")]


def test_an_introduction_has_to_come_in_time(house):
    slow, gone = arrive(house), arrive(house)
    slow.send(b"PROXY ")
    gone.close()
    house.wait(house.settings.limits["frame_seconds"] - 1)
    assert not slow.ended and slow.heard() == b""
    house.wait(1 + 2 * loop.SWEEP)
    assert slow.heard() == b"" and slow.ended
    assert house.worker._report()["ended"] == {"proxy": 2}


def test_others_are_served_as_ever(open_house):
    house = open_house(proxy=True, web=PROXY._replace(trusted_proxies=("192.0.2.9/32",)))
    peer = arrive(house)
    peer.send(b"LOGIN ann\n")
    house.settle()
    assert peer.heard() == b"OK\n"


def test_a_proxys_own_connections_are_not_counted_by_their_address(open_house):
    house = open_house(proxy=True, web=PROXY, connections_per_address=1)
    checks = [arrive(house) for _ in range(3)]
    of_one = [arrive(house) for _ in range(2)]
    for peer in checks:
        peer.send(b"PROXY UNKNOWN\r\n")
    for peer in of_one:
        peer.send(INTRODUCTIONS[0][0])
    house.settle()
    assert [peer.heard() for peer in checks] == [b""] * 3
    assert sorted(peer.heard() for peer in of_one) == [b"", b"ERR too-many-connections\n"]
