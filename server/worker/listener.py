"""Where clients of one protocol arrive."""
import errno
import logging
import socket

from parley.server.worker.transports.plain import Plain

_AT_ONCE = 64  # connections accepted in one go; a crowd at the door must not starve those inside

# Out of descriptors or memory: accepting can only succeed later. Anything else concerns one connection alone.
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

log = logging.getLogger(__name__)


class Listener:
    """One listening socket of this worker; `worker.admit` gets what arrives, on a TLS port `worker.shake_hands`."""

    def __init__(self, sock, protocol, worker, tls=False):
        self.sock = sock
        self._protocol = protocol
        self._worker = worker
        self._admit = worker.shake_hands if tls else worker.admit

    def on_ready(self, mask):
        """Accept those who wait."""
        for _ in range(_AT_ONCE):
            try:
                sock, _ = self.sock.accept()
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._worker.stop_accepting(error)
                elif not isinstance(error, BlockingIOError):
                    continue
                return
            transport = Plain.of(sock)
            transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._admit(transport, self._protocol)

    def crash(self):
        """Called in an exception handler: whoever was arriving is lost, the listener goes on."""
        level = self._worker.strangers.level("a bug", "", self._worker.now, logging.ERROR)
        log.log(level, "a bug while accepting", exc_info=True)
