"""The suite knows whether a server on this machine has read what was written to it."""
import contextlib
import socket
import time

import pytest

from parley.conformance import actor, unread
from parley.conformance.profile import Profile
from parley.conformance.wire import line


@contextlib.contextmanager
def connected(host, listens_at=None):
    """Both ends of a connection: (client, server)."""
    with contextlib.ExitStack() as undo:
        family = socket.AF_INET6 if ":" in (listens_at or host) else socket.AF_INET
        listener = undo.enter_context(socket.socket(family))
        if listens_at:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((listens_at or host, 0))
        listener.listen(1)
        client = undo.enter_context(socket.create_connection((host, listener.getsockname()[1])))
        server, _ = listener.accept()
        yield client, undo.enter_context(server)


def soon(way, sock, count):
    """Whether it says so, at the latest when the kernel has brought the bytes to the other end."""
    deadline = time.monotonic() + 10
    while way(sock) != count and time.monotonic() < deadline:
        time.sleep(0.001)
    return way(sock) == count


@pytest.mark.parametrize("way", [unread._unread, unread._asked, unread._looked_up])
@pytest.mark.parametrize("host, listens_at", [("127.0.0.1", None), ("::1", None), ("127.0.0.1", "::")])
def test_what_is_not_read_yet_is_counted(host, listens_at, way):
    with connected(host, listens_at) as (client, server):
        assert way(client) == 0
        client.sendall(b"hello")
        assert soon(way, client, 5)
        server.recv(3)
        assert soon(way, client, 2)


def test_a_connection_that_has_ended_is_unknown():
    with connected("127.0.0.1") as (client, _):
        client.close()
        assert unread._unread(client) is None


def test_without_sock_diag_the_tables_are_read(monkeypatch):
    monkeypatch.delattr(socket, "AF_NETLINK")
    with connected("127.0.0.1") as (client, _):
        client.sendall(b"hello")
        assert soon(unread._unread, client, 5)


def test_a_connection_that_is_not_read_is_told_apart():
    with connected("127.0.0.1") as (client, server):
        assert unread.wait_until_read(client, 0, 0)
        assert not unread.is_unread(client)
        client.sendall(b"hello")
        assert soon(unread._unread, client, 5)
        assert not unread.wait_until_read(client, 0, 0)
        assert unread.is_unread(client)


def test_what_a_server_does_not_read_is_waited_for_once(monkeypatch):
    waits = []
    monkeypatch.setattr(actor, "wait_until_read", lambda *arguments: waits.append(arguments))
    with connected("127.0.0.1") as (client, _), contextlib.closing(actor.Selector()) as selector:
        ann = actor.Actor("ann", line, selector, lambda *seen: None, lambda name: False, profile=Profile(pause=0.05))
        ann.socket, ann.state = client, line.ClientState()
        for _ in range(3):
            ann.send_bytes([b"PING\n"], "PING")
    assert len(waits) == 1


def test_a_server_that_takes_one_read_for_one_message_is_let_read_each_message_and_not_each_byte(monkeypatch):
    waits = []
    monkeypatch.setattr(actor, "wait_until_read", lambda *arguments: waits.append(arguments) or True)
    with connected("127.0.0.1") as (client, _), contextlib.closing(actor.Selector()) as selector:
        ann = actor.Actor("ann", line, selector, lambda *seen: None, lambda name: False, profile=Profile(pause=0.05))
        ann.socket, ann.state = client, line.ClientState()
        for text in (b"PING\n", b"\b \b  PING\n", b"MSG a\nMSG b\n", b"MSG half", b" a line\n"):
            ann.send_bytes([text[at:at + 1] for at in range(len(text))], "text")
    assert len(waits) == 1 + 1 + 2 + 1 + 1
