"""The listening sockets, which the parent opens."""
import errno
import socket
import sys

import pytest

from server.supervisor.listening import open_private, open_shares, shown

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
    """Opens shares, and closes them in the end."""
    sockets = []

    def open_all(host=HOST, port=0, workers=1):
        shares = open_shares(host, port, workers)
        sockets.extend(shares)
        return shares

    yield open_all
    for sock in sockets:
        sock.close()


def port_of(sock):
    return sock.getsockname()[1]


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
    assert shown(share) == "127.0.0.1:%d" % port_of(share)


@needs_ipv6
def test_an_ipv6_address_is_served_and_shown_in_brackets(opened):
    shares = opened(host="::1", workers=2)
    assert len(shares) == 2
    assert shown(shares[0]) == "[::1]:%d" % port_of(shares[0])
    with socket.create_connection(("::1", port_of(shares[0]))):
        pass


@needs_ipv6
def test_two_colons_are_everybody(opened):
    (share,) = opened(host="::")
    for address in ("::1", HOST):
        with socket.create_connection((address, port_of(share))):
            pass


def test_who_is_accepted_is_asked_by_the_kernel_whether_it_is_still_there(opened):
    listening, = opened()
    with socket.create_connection(listening.getsockname()):
        listening.setblocking(True)
        client, _ = listening.accept()
        with client:
            assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if sys.platform.startswith("linux"):
                assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
