"""The listening sockets, which the parent opens before it forks and keeps for life."""
import errno
import socket
import sys

BACKLOG = 4096  # the kernel caps it; a successor finds those who knocked while a worker was replaced

_BALANCED = sys.platform.startswith("linux")  # elsewhere SO_REUSEPORT exists but balances nothing


def open_shares(host, port, workers):
    """One listening socket per worker, all on one port; port 0 takes any free one.

    OSError if the port is taken, by another server of ours as well: SO_REUSEPORT would let a second one share it
    without a word, so the first socket claims the port without that option, and only then joins in.
    """
    first = _bound(host, port)
    if not _BALANCED:
        first.listen(BACKLOG)
        return [first] * workers
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shares = [first]
    port = first.getsockname()[1]
    shares += [_bound(host, port, share=True) for _ in range(workers - 1)]
    for sock in shares:
        sock.listen(BACKLOG)
    return shares


def open_private(host):
    """A listening socket of one worker alone, on any free port."""
    sock = _bound(host, 0)
    sock.listen(BACKLOG)
    return sock


def shown(sock):
    """The address as people write it: 127.0.0.1:4000 or [::1]:4000."""
    host, port = sock.getsockname()[:2]
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)


def _keep_alive(sock):
    """Have the kernel ask who is silent whether it is still there; what is accepted inherits that."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):  # two minutes in all
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _bound(host, port, share=False):
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except ValueError:  # UnicodeError is one
        raise OSError(errno.EINVAL, "not the name of a host") from None
    family, kind, _, _, address = found[0]
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _keep_alive(sock)
        if share:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")  # "::" means everybody
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
