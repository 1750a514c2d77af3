"""The listening sockets, which the parent opens before it forks and keeps for life."""
import errno
import ipaddress
import socket
import sys

EVERYWHERE = "auto"  # the host that is every address of this machine
BACKLOG = 4096  # the kernel caps it; a successor finds those who knocked while a worker was replaced

_BALANCED = sys.platform.startswith("linux")  # elsewhere SO_REUSEPORT exists but balances nothing
_LOCALHOST = ("127.0.0.1", "::1")  # what it has wherever these exist, whatever a file of hosts leaves out (RFC 6761)
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # of nobody (RFC 5737, RFC 3849)
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_TRIES = 20  # for a free port that is free on all addresses of a host


def open_shares(host, port, workers):
    """For each worker a list of listening sockets, one for each address of `host`, all on one port.

    host: an address, a name, or EVERYWHERE. port: 0 takes any free one.

    OSError if the port is taken, by another server of ours as well: SO_REUSEPORT would let a second one share it
    without a word, so the first socket claims the port without that option, and only then joins in.
    """
    addresses = _addresses(host)
    for _ in range(_TRIES - 1 if port == 0 else 0):
        try:
            return _shares_of(addresses, port, workers)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return _shares_of(addresses, port, workers)


def open_private(host):
    """A listening socket of one worker alone, on any free port; of several addresses on the first."""
    sock = _bound(_addresses(host)[0], 0)
    sock.listen(BACKLOG)
    return sock


def shown(sock):
    """The address as people write it: 127.0.0.1:4000 or [::1]:4000; 0.0.0.0:4000 if it has all that are IPv4."""
    host, port = sock.getsockname()[:2]
    return _joined("0.0.0.0" if host == "::" else host, port)  # noqa: S104 - see `_bound`


def reached(sock):
    """Where other machines reach a socket, as people write it, if it has all addresses: this machine's own.

    Those from which the system would send to somewhere else: a datagram socket knows it without sending anything. A
    machine with loopback addresses alone has none.
    """
    host, port = sock.getsockname()[:2]
    families = {"0.0.0.0": [socket.AF_INET], "::": [socket.AF_INET, socket.AF_INET6]}.get(host, [])  # noqa: S104
    own = [_source(family) for family in families]
    return [_joined(address, port) for address in own if address]


def _source(family):
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((_ELSEWHERE[family], 9))
            address = sock.getsockname()[0]
    except OSError:
        return None  # there is no way to anywhere
    found = ipaddress.ip_address(address.partition("%")[0])
    return None if found.is_loopback or found.is_link_local or found.is_unspecified else address


def _joined(host, port):
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)


def _addresses(host):
    """The addresses to listen on, IPv4 first: what the start says first is what most clients can use."""
    if host == EVERYWHERE:
        return ["::" if _has_dual_stack() else "0.0.0.0"]  # noqa: S104 - which is what it means
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except ValueError:  # UnicodeError is one
        raise OSError(errno.EINVAL, "not the name of a host") from None
    addresses = [_written(address) for _, _, _, _, address in found]
    if host == "localhost":
        addresses += _LOCALHOST
    return sorted(dict.fromkeys(addresses), key=lambda address: ":" in address)


def _written(address):
    """The host of an address as `getaddrinfo` has it, with the interface of one that is valid on a link only."""
    host, scope = address[0], address[3:]
    return "%s%%%d" % (host, scope[0]) if scope and scope[0] and "%" not in host else host


def _has_dual_stack():
    """May one socket have all addresses of both families? Not without IPv6, and on some systems never."""
    try:
        _bound("::", 0).close()
    except OSError:
        return False
    return True


def _shares_of(addresses, port, workers):
    """As `open_shares`. An address that this machine lacks is left out, unless that leaves none."""
    shares = [[] for _ in range(workers)]
    missing = None
    for address in addresses:
        try:
            opened = _shares(address, port, workers)
        except OSError as error:
            if error.errno in _NOT_HERE:
                missing = error
                continue
            for own in shares:
                _close(own)
            raise
        port = opened[0].getsockname()[1]
        for own, sock in zip(shares, opened):
            own.append(sock)
    if not shares[0]:
        raise missing
    return shares


def _shares(address, port, workers):
    """A listening socket for each worker."""
    shares = [_bound(address, port)]
    if not _BALANCED:
        shares[0].listen(BACKLOG)
        return shares * workers
    try:
        shares[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port = shares[0].getsockname()[1]
        for _ in range(workers - 1):
            shares.append(_bound(address, port, share=True))
        for sock in shares:
            sock.listen(BACKLOG)
    except OSError:
        _close(shares)
        raise
    return shares


def _bound(address, port, share=False):
    family, kind, _, _, where = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST)[0]
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _keep_alive(sock)
        if share:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")  # "::" means everybody
        sock.bind(where)
    except OSError:
        sock.close()
        raise
    return sock


def _keep_alive(sock):
    """Have the kernel ask who is silent whether it is still there; what is accepted inherits that."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):  # two minutes in all
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _close(sockets):
    for sock in sockets:
        sock.close()
