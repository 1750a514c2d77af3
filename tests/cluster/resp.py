"""Just enough of Redis's protocol for the tiny servers, which shall share no code with what judges them."""
import socket

HOST = "127.0.0.1"
SECONDS = 1.0  # for an answer
PAUSE = 0.05  # seconds until something is tried again


class Lost(Exception):
    """There is no answer, or an error."""


class Redis:
    """redis("GET", "key") gives the answer."""

    def __init__(self, port):
        try:
            self._sock = socket.create_connection((HOST, port), SECONDS)
        except OSError as error:
            raise Lost(error) from error
        self._file = self._sock.makefile("rb")

    def __call__(self, *words):
        words = [str(word).encode() for word in words]
        try:
            self._sock.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in words))
            return self._answer()
        except (OSError, ValueError) as error:
            raise Lost(error) from error

    def _answer(self):
        line = self._file.readline()
        kind, rest = line[:1], line[1:].rstrip()
        if kind in (b"+", b":"):
            return rest if kind == b"+" else int(rest)
        if kind not in (b"$", b"*"):
            raise Lost(line.decode() or "the end")
        if int(rest) < 0:
            return None
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return self._file.read(int(rest) + 2)[:-2]


def first_answer(sentinels, *words):
    """What the first Sentinel that answers says."""
    for port in sentinels:
        try:
            return Redis(port)("SENTINEL", *words)
        except Lost as error:
            latest = error
    raise latest


def address_of_master(sentinels):
    return int(first_answer(sentinels, "GET-MASTER-ADDR-BY-NAME", "parley")[1])
