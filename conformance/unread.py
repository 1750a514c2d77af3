"""What Linux knows of a connection: whether a server on this machine has read what was written to it."""
import re
import socket
import time

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_STEP_SECONDS = 0.002
_MOST_READS = 100  # of what a server may send for ever


def wait_until_read(sock, seconds, otherwise):
    """Return when the server has read all that was written to `sock`, or after `seconds`.

    Where the kernel does not know, as the server is elsewhere, wait for `otherwise` seconds.
    """
    deadline = time.monotonic() + seconds
    left = _unread(sock)
    if left is None:
        time.sleep(otherwise)
        return
    while left and time.monotonic() < deadline:
        time.sleep(_STEP_SECONDS)
        left = _unread(sock)


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
