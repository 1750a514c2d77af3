"""Handshakes, which precede the admission of a client on a TLS port."""
import logging

from parley.server.protocols.events import Reason
from parley.server.worker.transports import Unopened, client_host
from parley.server.worker.watching import READ

log = logging.getLogger(__name__)


class Handshake:
    """A client on a TLS port that is not admitted yet. When it is ready it queues for a turn, which costs CPU time.

    where: see `Admission.shaken`.
    """

    unfinished = True  # so a client that is late counts as too slow, not as idle
    is_typed = False

    def __init__(self, transport, protocol, home, admission, worker, where):
        self._transport = transport
        self._host = client_host(transport) or "?"  # asked now, as a client that is gone has no address
        self._protocol = protocol
        self._home = home
        self._admission = admission
        self._worker = worker
        self._where = where
        self._awaits = 0
        self._await(READ)
        worker.deadlines.began(self, worker.now)

    def _await(self, mask):
        """Have the selector watch for READ or WRITE; 0 for nothing."""
        if mask:
            self._worker.selector.register(self._transport, mask, self)
        elif self._awaits:
            self._worker.selector.unregister(self._transport)
        self._awaits = mask

    def on_ready(self, mask):
        """The selector found the transport ready."""
        self._await(0)
        self._admission.line_up(self)

    def go_on(self):
        """Continue the handshake, as its turn has come."""
        worker = self._worker
        if worker.stopping:
            self._end("shutdown")
            return
        try:
            awaits = self._transport.open()
        except Unopened as error:
            self._fail("failed", error)
        except OSError:
            self._end("aborted")
        else:
            if awaits:
                self._await(awaits)
            else:
                worker.deadlines.completed(self)
                self._leave()
                self._admission.greet(self._transport, self._protocol, self._home)

    def give_up(self, reason):
        """It has taken too long. Close it, unless it is waiting for its turn."""
        if self._awaits:
            self._fail(reason, "it took too long")

    def _fail(self, ending, why):
        log.log(self._worker.strangers.level("TLS handshake", self._host, self._worker.now),
                "TLS handshake with %(host)s for %(protocol)s failed: %(why)s",
                {"host": self._host, "protocol": self._protocol, "why": str(why)})
        self._end(ending)

    def crash(self):
        """Called in an exception handler: this client is lost."""
        self._worker.strangers.log_bug(self._worker.now, "a bug in a TLS handshake", host=self._host)
        self._end(Reason.BUG)

    def _end(self, ending):
        self._await(0)
        self._transport.close()
        self._leave()
        self._admission.turned_away(self, self._protocol, "tls-" + ending)

    def _leave(self):
        if self._where is not None:
            self._admission.shaken(self._where)
        self._where = None
