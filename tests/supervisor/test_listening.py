"""The listening sockets, which the parent opens."""
import errno
import os
import socket
import sys

import pytest

from parley.server.supervisor import listening
from parley.server.supervisor.listening import format_address, open_private, open_shares, reachable_addresses

HOST = "127.0.0.1"


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
needs_balance = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux balances shares")


@pytest.fixture
def opened():
    """Opens shares, and closes them in the end; of each worker the only socket, or all if `every`."""
    sockets = []

    def open_all(host=HOST, port=0, workers=1, every=False):
        shares = open_shares(host, port, workers)
        for own in shares:
            sockets.extend(own)
        if every:
            return shares
        assert {len(own) for own in shares} == {1}
        return [sock for own in shares for sock in own]

    yield open_all
    for sock in sockets:
        sock.close()


@pytest.fixture
def no_ipv6(monkeypatch):
    """As on a machine whose kernel has none."""
    def open_socket(family=socket.AF_INET, *arguments, **options):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return real_socket(family, *arguments, **options)

    real_socket = socket.socket
    monkeypatch.setattr(listening.socket, "socket", open_socket)


def port_of(sock):
    return sock.getsockname()[1]


def can_connect(address, port):
    try:
        socket.create_connection((address, port)).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..example"])
def test_what_can_be_no_host_is_an_error_like_one_that_is_unknown(opened, host):
    with pytest.raises(OSError, match="host|known"):
        opened(host)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_there_is_a_share_for_each_worker_on_one_port(opened, workers):
    shares = opened(workers=workers)
    assert len(shares) == workers
    assert len({port_of(sock) for sock in shares}) == 1
    assert port_of(shares[0]) > 0


@needs_balance
def test_each_worker_has_a_socket_of_its_own(opened):
    assert len({sock.fileno() for sock in opened(workers=4)}) == 4


def test_every_share_listens_without_blocking(opened):
    for sock in opened(workers=3):
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        with pytest.raises(BlockingIOError):
            sock.accept()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_taken_port_is_an_error(opened, workers):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen(1)
        with pytest.raises(OSError) as raised:
            opened(port=port_of(taken), workers=workers)
    assert raised.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("before", [1, 3])
def test_a_port_that_another_server_of_ours_shares_is_an_error_too(opened, before, workers):
    port = port_of(opened(workers=before)[0])
    with pytest.raises(OSError) as raised:
        opened(port=port, workers=workers)
    assert raised.value.errno == errno.EADDRINUSE


def test_a_port_is_free_again_after_its_server(opened):
    shares = opened(workers=3)
    port = port_of(shares[0])
    with socket.create_connection((HOST, port)):
        pass
    for sock in shares:
        sock.close()
    assert port_of(opened(port=port, workers=3)[0]) == port


def test_an_address_that_is_not_here_is_an_error(opened):
    with pytest.raises(OSError):
        opened(host="192.0.2.1")


def test_a_private_port_is_one_of_its_own(opened):
    share, private = opened()[0], open_private(HOST)
    try:
        assert port_of(private) not in (0, port_of(share))
        assert private.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    finally:
        private.close()


def test_an_address_is_shown_as_people_write_it(opened):
    (share,) = opened()
    assert format_address(share) == "127.0.0.1:%d" % port_of(share)


@needs_ipv6
def test_an_ipv6_address_is_served_and_shown_in_brackets(opened):
    shares = opened(host="::1", workers=2)
    assert len(shares) == 2
    assert format_address(shares[0]) == "[::1]:%d" % port_of(shares[0])
    with socket.create_connection(("::1", port_of(shares[0]))):
        pass


@needs_ipv6
@pytest.mark.parametrize("host", ["auto", "::"])
def test_one_socket_may_have_everybody_and_is_shown_as_all_ipv4_addresses(opened, host):
    (share,) = opened(host=host)
    assert format_address(share) == "0.0.0.0:%d" % port_of(share)
    for address in ("::1", HOST):
        with socket.create_connection((address, port_of(share))):
            pass


@needs_ipv6
def test_all_ipv4_addresses_are_no_ipv6_address(opened):
    (share,) = opened(host="0.0.0.0")
    assert format_address(share) == "0.0.0.0:%d" % port_of(share)
    assert can_connect(HOST, port_of(share)) and not can_connect("::1", port_of(share))


def test_without_ipv6_everybody_is_who_has_ipv4(opened, no_ipv6):
    shares = opened(host="auto", workers=2)
    assert [sock.family for sock in shares] == [socket.AF_INET] * 2
    assert format_address(shares[0]) == "0.0.0.0:%d" % port_of(shares[0])
    with pytest.raises(OSError) as raised:
        opened(host="::")
    assert raised.value.errno == errno.EAFNOSUPPORT


def test_where_one_socket_cannot_have_both_families_everybody_is_who_has_ipv4(opened, monkeypatch):
    class Stubborn(socket.socket):
        def setsockopt(self, level, *arguments):
            if level == socket.IPPROTO_IPV6:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            super().setsockopt(level, *arguments)

    monkeypatch.setattr(listening.socket, "socket", Stubborn)
    assert [sock.family for sock in opened(host="auto")] == [socket.AF_INET]


@needs_ipv6
@pytest.mark.parametrize("workers", [1, 3])
def test_localhost_is_both_its_addresses_on_one_port_whatever_the_file_of_hosts_says(opened, workers):
    shares = opened(host="localhost", workers=workers, every=True)
    port = port_of(shares[0][0])
    addresses = [[format_address(sock) for sock in own] for own in shares]
    assert addresses == [["127.0.0.1:%d" % port, "[::1]:%d" % port]] * workers
    assert can_connect(HOST, port) and can_connect("::1", port)


def test_localhost_without_ipv6_is_its_other_address(opened, no_ipv6):
    (share,) = opened(host="localhost")
    assert format_address(share) == "127.0.0.1:%d" % port_of(share)


@needs_ipv6
@pytest.mark.parametrize("first, second", [
    (HOST, "localhost"), ("::1", "localhost"), ("::1", "auto"), (HOST, "auto"), ("localhost", "auto"),
    ("auto", "localhost"), ("auto", "0.0.0.0"), ("auto", "::"),
])  # fmt: skip
def test_a_port_that_is_taken_on_one_address_is_taken(opened, first, second):
    port = port_of(opened(host=first, workers=2, every=True)[0][0])
    with pytest.raises(OSError) as raised:
        opened(host=second, port=port, workers=2)
    assert raised.value.errno == errno.EADDRINUSE


@needs_ipv6
def test_any_free_port_is_one_that_is_free_on_all_addresses(opened, monkeypatch):
    asked, real_bound = [], listening._bound

    def bound(address, port, share=False):
        asked.append(address)
        if len(asked) == 2:
            raise OSError(errno.EADDRINUSE, "somebody else has it there")
        return real_bound(address, port, share)

    monkeypatch.setattr(listening, "_bound", bound)
    shares = opened(host="localhost", every=True)
    assert asked[:4] == [HOST, "::1", HOST, "::1"]
    assert len(shares[0]) == 2 and len({port_of(sock) for sock in shares[0]}) == 1


@needs_ipv6
def test_what_was_opened_before_an_error_is_closed(opened):
    port = port_of(opened(host="::1")[0])
    with pytest.raises(OSError):
        opened(host="localhost", port=port)
    assert not can_connect(HOST, port)


# What a datagram socket of each family says it would send from, None if it could not: where others reach us.
OWN_ADDRESSES = [
    ("192.0.2.7", "2001:db8::7", ["192.0.2.7:%d", "[2001:db8::7]:%d"]),
    ("10.0.0.1", None, ["10.0.0.1:%d"]),
    (None, "fd00::7", ["[fd00::7]:%d"]),
    (None, None, []),
    ("127.0.0.1", "::1", []),
    ("169.254.1.1", "fe80::7%eth0", []),
    ("0.0.0.0", "::", []),
]


@needs_ipv6
@pytest.mark.parametrize("ipv4, ipv6, addresses", OWN_ADDRESSES)
@pytest.mark.parametrize("host, families", [
    ("auto", "46"), ("0.0.0.0", "4"), (HOST, ""), ("::1", "")])
def test_who_has_all_addresses_is_reached_at_the_machines_own(
        opened, monkeypatch, host, families, ipv4, ipv6, addresses):
    (share,) = opened(host=host)

    class Datagrams:
        """Can do nothing that would send something."""

        def __init__(self, family, kind):
            assert kind == socket.SOCK_DGRAM
            self._own = {socket.AF_INET: ipv4, socket.AF_INET6: ipv6}[family]

        def connect(self, address):
            if self._own is None:
                raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

        def getsockname(self):
            return self._own, 1024

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(listening.socket, "socket", Datagrams)
    assert reachable_addresses(share) == [address % port_of(share) for address in addresses
                              if ("6" if "[" in address else "4") in families]


def test_where_others_are_said_to_reach_us_they_do(opened):
    (share,) = opened(host="auto")
    for address in reachable_addresses(share):
        assert can_connect(address.rpartition(":")[0].strip("[]"), port_of(share))


def test_who_is_accepted_is_asked_by_the_kernel_whether_it_is_still_there(opened):
    listening, = opened()
    with socket.create_connection(listening.getsockname()):
        listening.setblocking(True)
        client, _ = listening.accept()
        with client:
            assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if sys.platform.startswith("linux"):
                assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
