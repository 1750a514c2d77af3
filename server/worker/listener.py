"""A listening socket of a worker."""
import errno
import socket

from parley.server.protocols.events import HOME
from parley.server.worker.transports.plain import Plain

_AT_ONCE = 16  # connections accepted in one turn; many new ones must not starve the existing ones

# Out of descriptors or memory: accepting can only succeed later. Anything else concerns one connection alone.
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """One listening socket of this worker; `admission` admits who arrives, on a TLS port after a handshake.

    home: the name of the room that stands in the lobby's place here, or HOME.
    """

    def __init__(self, sock, protocol, admission, tls=False, home=HOME):
        self.sock = sock
        self._protocol = protocol
        self._home = home
        self._admission = admission
        self._tls = tls
        self._enter = admission.entrance(protocol, tls)

    def on_ready(self, mask):
        """Accept the connections that wait."""
        for _ in range(_AT_ONCE):
            try:
                sock, _ = self.sock.accept()
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._admission.stop_accepting(error)
                elif not isinstance(error, BlockingIOError):
                    continue
                return
            transport = Plain.of(sock)
            transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._admission.expects_proxies:
                self._admission.arrive(transport, self._protocol, self._home, self._tls)
            else:
                self._enter(transport, self._protocol, self._home)

    def crash(self):
        """Called in an exception handler: the connection that was being accepted is lost, the listener goes on."""
        self._admission.lose_one()
