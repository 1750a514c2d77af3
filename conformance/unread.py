"""What Linux knows of a connection: whether a server on this machine has read what was written to it."""
import re
import socket
import struct
import time

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)

# From linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_ALL_STATES, _NO_COOKIE = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
_HEAD = struct.Struct("=IHHII")  # of a message: length, kind, flags, number, sender
_UNREAD_AT = 56  # bytes behind the head: family, state and others, the connection, a timer
_LINK_SECONDS = 1.0

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_STEP_SECONDS = 0.002
_MOST_READS = 100  # of what a server may send for ever


def wait_until_read(sock, seconds, otherwise):
    """Return when the server has read all that was written to `sock`, or after `seconds`; returns False if it has not.

    Where the kernel does not know, as the server is elsewhere, wait for `otherwise` seconds.
    """
    deadline = time.monotonic() + seconds
    left = _unread(sock)
    if left is None:
        time.sleep(otherwise)
        return True
    while left and time.monotonic() < deadline:
        time.sleep(_STEP_SECONDS)
        left = _unread(sock)
    return not left


def is_unread(sock):
    """Whether the server has not read all that was written to `sock`; False where the kernel does not know."""
    return bool(_unread(sock))


def acknowledge_at_once(sock):
    """Let a server that writes line by line, without TCP_NODELAY, not wait 40 ms for each acknowledgement."""
    if _QUICKACK is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def forget_what_came(sock):
    """Before closing, read what has come: the kernel resets a connection that is closed with something unread."""
    try:
        sock.setblocking(False)
        for _ in range(_MOST_READS):
            if not sock.recv(65536):
                return
    except OSError:
        pass  # nothing more, or closed meanwhile


def _unread(sock):
    """The bytes that are waiting at the other end of a connection; None if that is not on this machine."""
    try:
        return _asked(sock)
    except (OSError, AttributeError, struct.error):
        return _looked_up(sock)  # no Linux, or one that does not tell so


def _asked(sock):
    """`_unread`, as sock_diag(7) has it, which takes microseconds; OSError if there is no such connection."""
    family, there, here = sock.family, sock.getpeername(), sock.getsockname()
    hosts = [socket.inet_pton(family, host.partition("%")[0]).ljust(16, b"\0") for host in (there[0], here[0])]
    connection = struct.pack(">HH16s16sIQ", there[1], here[1], hosts[0], hosts[1], 0, _NO_COOKIE)
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES) + connection
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as link:
        link.settimeout(_LINK_SECONDS)
        link.sendto(_HEAD.pack(_HEAD.size + len(request), _SOCK_DIAG_BY_FAMILY, 1, 1, 0) + request, (0, 0))
        answer = link.recv(65536)
    if _HEAD.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        raise ConnectionError("there is no such connection")
    return struct.unpack_from("=I", answer, _HEAD.size + _UNREAD_AT)[0]


def _looked_up(sock):
    """`_unread`, as it stands in the tables of all connections."""
    try:
        ports = sock.getpeername()[1], sock.getsockname()[1]
        connection = re.compile(":%04X [0-9A-F]+:%04X [0-9A-F]{2} [0-9A-F]+:([0-9A-F]+)" % ports)
        for path in _TABLES:
            with open(path) as file:
                found = connection.search(file.read())
            if found:
                return int(found.group(1), 16)
    except OSError:
        pass  # no Linux, or closed meanwhile
    return None
