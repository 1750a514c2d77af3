"""A client's socket with nothing in between."""
import socket

_MOST_SLICES = 1024  # what sendmsg takes (IOV_MAX)


class Plain(socket.socket):
    """The socket is its own transport: an object in between would cost each client its memory, and each send a call."""

    __slots__ = ()

    begun = 0
    unsaid = False

    @staticmethod
    def of(sock):
        """Let an accepted socket be a transport itself, instead of making a second one of it; it never blocks."""
        sock.__class__ = Plain
        sock.setblocking(False)
        return sock

    def proxied(self, address):
        """The same for a client that a proxy speaks for. address: (host, port) of it."""
        transport = Proxied(self.family, self.type, self.proto, self.detach())
        transport.setblocking(False)
        transport.client = address
        return transport

    def open(self):
        """Nothing comes before the first message."""
        return 0

    def write(self, pieces):
        """Send: in one system call."""
        try:
            return self.sendmsg(pieces[:_MOST_SLICES])
        except BlockingIOError:
            return 0

    def speak(self):
        """Nothing is ever unsaid."""


class Proxied(Plain):
    """The socket of a proxy, with the address of the client that it speaks for."""

    __slots__ = ("client",)

    def getpeername(self):
        return self.client
