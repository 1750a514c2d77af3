"""The listening sockets, which the parent opens before it forks and keeps for life."""
import errno
import ipaddress
import socket
import sys

EVERYWHERE = "auto"  # the `host` that means every address of this machine
BACKLOG = 4096  # connections that wait to be accepted, as while a worker is replaced; the kernel may cap it

_BALANCED = sys.platform.startswith("linux")  # elsewhere SO_REUSEPORT exists but balances nothing
_LOCALHOST = ("127.0.0.1", "::1")  # of `localhost`, even if the hosts file lacks one of them (RFC 6761)
_REMOTE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # reserved, nobody's (RFC 5737, RFC 3849)
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_MOST_TRIES = 20  # to find a port that is free on all addresses of a host


def open_shares(host, port, workers):
    """For each worker a list of listening sockets, one for each address of `host`, all on one port.

    host: an address, a name, or EVERYWHERE. port: 0 means any free one.

    OSError if the port is in use, also by another Parley: with SO_REUSEPORT alone a second server could silently share
    the port, so the first socket is bound without that option, and gets it afterwards.
    """
    addresses = _addresses(host)
    for _ in range(_MOST_TRIES - 1 if port == 0 else 0):
        try:
            return _shares_on_all(addresses, port, workers)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return _shares_on_all(addresses, port, workers)


def open_private(host):
    """A listening socket for one worker alone, on any free port of the first address of `host`; or OSError."""
    sock = _bound(_addresses(host)[0], 0)
    sock.listen(BACKLOG)
    return sock


def format_address(sock):
    """The address of a socket as people write it: 127.0.0.1:4000 or [::1]:4000; 0.0.0.0:4000 for all addresses."""
    host, port = sock.getsockname()[:2]
    return _with_port("0.0.0.0" if host == "::" else host, port)  # noqa: S104 - see `_bound`


def reachable_addresses(sock):
    """If a socket listens on all addresses: those at which other machines reach it, such as "192.0.2.17:4000".

    They are those from which the system would send to other machines: a connected datagram socket shows its own address
    without sending anything. A machine that has only loopback addresses has none of them.
    """
    host, port = sock.getsockname()[:2]
    families = {"0.0.0.0": [socket.AF_INET], "::": [socket.AF_INET, socket.AF_INET6]}.get(host, [])  # noqa: S104
    return [_with_port(address, port) for address in own_addresses(families)]


def own_addresses(families=(socket.AF_INET, socket.AF_INET6)):
    """The addresses from which the system would send to another machine, at most one for each family."""
    return list(filter(None, map(_own_address, families)))


def _own_address(family):
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((_REMOTE[family], 9))
            address = sock.getsockname()[0]
    except OSError:
        return None  # there is no route to anywhere
    found = ipaddress.ip_address(address.partition("%")[0])
    return None if found.is_loopback or found.is_link_local or found.is_unspecified else address


def _with_port(host, port):
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)


def _addresses(host):
    """The addresses to listen on, IPv4 first: the start-up lines should begin with what most clients can use."""
    if host == EVERYWHERE:
        return ["::" if _has_dual_stack() else "0.0.0.0"]  # noqa: S104 - which is what it means
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except ValueError:  # UnicodeError is one
        raise OSError(errno.EINVAL, "not the name of a host") from None
    addresses = [_host_with_scope(address) for _, _, _, _, address in found]
    if host == "localhost":
        addresses += _LOCALHOST
    return sorted(dict.fromkeys(addresses), key=lambda address: ":" in address)


def _host_with_scope(address):
    """The host of an address from `getaddrinfo`, with the interface if it is a link-local one."""
    host, scope = address[0], address[3:]
    return "%s%%%d" % (host, scope[0]) if scope and scope[0] and "%" not in host else host


def _has_dual_stack():
    """Can one socket listen on all IPv4 and IPv6 addresses? Not without IPv6, and on some systems never."""
    try:
        _bound("::", 0).close()
    except OSError:
        return False
    return True


def _shares_on_all(addresses, port, workers):
    """As `open_shares`, for these addresses. Those that this machine lacks are left out; OSError if none is left."""
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
    """A listening socket on this address for each worker; or OSError."""
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
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")  # "::" includes IPv4
        sock.bind(where)
    except OSError:
        sock.close()
        raise
    return sock


def _keep_alive(sock):
    """Switch on TCP keep-alive, which accepted sockets inherit: silent peers that are gone are noticed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):  # two minutes in all
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _close(sockets):
    for sock in sockets:
        sock.close()
