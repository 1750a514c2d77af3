"""How connections begin and end in a worker: its listeners, handshakes, connection limits, and the open connections."""
import collections
import ipaddress
import logging

from parley.server.chat.origins import address, origin
from parley.server.http.metrics import METRICS, Metrics
from parley.server.http.site import Site, read_page
from parley.server.ipc.messages import ToHub
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.events import HOME, Reason
from parley.server.worker.connection import Connection
from parley.server.worker.handshake import Handshake
from parley.server.worker.listener import Listener
from parley.server.worker.proxy import Introduction
from parley.server.worker.transfers import Transfers
from parley.server.worker.transports import client_host
from parley.server.worker.transports.tls import TLS, Unfit, context
from parley.server.worker.visitor import Scrapers, Visitors
from parley.server.worker.watching import READ

HANDSHAKES_AT_ONCE = 4  # in one tick: each may delay all other clients by a millisecond

log = logging.getLogger(__name__)


class Admission:
    """Turns accepted sockets into connections, and keeps track of them until they close.

    worker: the `Worker` that they belong to.
    listening: (protocol name, socket, with TLS?, name of the room or HOME) of each socket to accept from.
    connections: this worker's clients, by number.
    """

    def __init__(self, worker, listening):
        self.connections = {}
        self._limits = {}
        self._worker = worker
        self._tls = self._certificate = None  # the context for handshakes, and what it was made of
        self._handshakes = collections.deque()  # those that can continue
        self._shaking = collections.Counter()  # origin -> number of its unfinished handshakes
        self._shaking_in_all = 0
        self._proxies = ()  # addresses and networks whose connections begin with what the proxy says of its client
        self.visitors = Visitors(worker, self)
        self.visitors.transfers = worker.files and Transfers(worker)
        self.scrapers = Scrapers(worker, self)
        self.scrapers.site = Metrics()
        self.all_visitors = self.visitors, self.scrapers
        self._listeners = [Listener(sock, name, self, tls, home) for name, sock, tls, home in listening]
        self._accepting = False
        self._counted = set()  # numbers of the clients that the hub counts by their address
        self._encrypted = set()  # numbers of the clients with TLS
        self._decoder_limits = {}

    def configure(self, settings):
        """Use these settings for new connections."""
        self._limits = limits = settings["limits"]
        self._decoder_limits = {
            name: {"line_bytes": limits["line_bytes"], "text_bytes": limits["text_bytes"].get(name),
                   "goodbye": settings["goodbye"].get(name), "irc": settings["irc"], "known": self._worker.rooms}
            for name in PROTOCOLS}
        web = settings["web"]
        proxies = [ipaddress.ip_network(one) for one in web["trusted_proxies"]]
        self._proxies = proxies if settings["proxy"] else ()
        self.visitors.site = Site(read_page(), web["path"], proxies, web["origins"], settings["only_tls"])
        if self.visitors.transfers:
            self.visitors.transfers.site = self.visitors.site
        self.visitors.most = limits["connections_per_address"]
        if settings["certificate"] not in (None, self._certificate):
            self._certify(settings["certificate"])

    def _certify(self, certificate):
        """Load the certificate for new connections. The parent has checked it, but loading takes file descriptors."""
        try:
            self._tls, self._certificate = context(*certificate), certificate
        except Unfit as error:
            if self._tls is None:
                raise
            log.error("the new certificate cannot be used here, the old one stays in force: %s", error)

    # ---- the listeners

    def accept(self, wanted):
        """Start or stop accepting clients."""
        if wanted != self._accepting:
            self._accepting = wanted
            for listener in self._listeners:
                if wanted:
                    self._worker.selector.register(listener.sock, READ, listener)
                else:
                    self._worker.selector.unregister(listener.sock)
                    self._worker.forget_turn(listener)

    def stop_accepting(self, error):
        """Nothing can be accepted at the moment; the next close, or the next sweep, tries again."""
        worker = self._worker
        level = worker.strangers.level("not accepting", "", worker.now, logging.WARNING)
        log.log(level, "not accepting for a moment: %(why)s", {"why": error.strerror})
        self.accept(False)

    def lose_one(self):
        """Called in an exception handler: a bug has cost a connection that was being accepted."""
        self._worker.strangers.log_bug(self._worker.now, "a bug while accepting")

    def close(self):
        """Close the listeners, so that a new server may have the ports."""
        for listener in self._listeners:
            listener.sock.close()

    # ---- before a client is admitted

    @property
    def hurries(self):
        """Are there handshakes that can continue?"""
        return bool(self._handshakes)

    @property
    def expects_proxies(self):
        """Do connections from some addresses begin with a PROXY header?"""
        return bool(self._proxies)

    def arrive(self, transport, protocol, home, tls):
        """A socket was accepted; the peer may be a proxy."""
        if protocol != METRICS and self._is_proxy(transport):
            Introduction(transport, protocol, home, tls, self, self._worker)
        else:
            self.receive(transport, protocol, home, tls)

    def _is_proxy(self, transport):
        """Does the connection come from a trusted proxy?"""
        if not self._proxies:
            return False
        try:
            host = address(transport.getpeername()[0])
        except OSError:
            return False  # it is gone
        return host is not None and any(host in network for network in self._proxies)

    def receive(self, transport, protocol, home, tls):
        """A client has connected, whose address is known."""
        self.entrance(protocol, tls)(transport, protocol, home)

    def entrance(self, protocol, tls):
        """The function that admits clients of this kind of port, called with (transport, protocol, home)."""
        if tls:
            return self.shake_hands
        if protocol == METRICS:
            return self.scrapers.visit
        return self.visitors.visit if PROTOCOLS[protocol].TRAITS.http else self.admit

    def shake_hands(self, transport, protocol, home=HOME):
        """A client has connected to a TLS port."""
        where, limits = origin(client_host(transport)), self._limits
        if (_is_reached(limits["connections"], self._shaking_in_all)
                or _is_reached(limits["connections_per_address"], self._shaking[where])
                and not self._is_proxy(transport)):
            transport.close()
            self._worker.stats.endings[protocol, "tls-" + Reason.TOO_MANY_CONNECTIONS] += 1
        else:
            Handshake(TLS(transport, self._tls), protocol, home, self, self._worker, where)
            self._shaking[where] += 1
            self._shaking_in_all += 1

    def shaken(self, where):
        """A handshake is done, or was given up. where: the origin of its client."""
        self._shaking_in_all -= 1
        self._shaking[where] -= 1
        if not self._shaking[where]:
            del self._shaking[where]

    def line_up(self, handshake):
        """Queue a handshake that can continue."""
        self._handshakes.append(handshake)

    def go_on(self):
        """Continue the first handshakes in the queue."""
        for _ in range(min(len(self._handshakes), HANDSHAKES_AT_ONCE)):
            handshake = self._handshakes.popleft()
            try:
                handshake.go_on()
            except Exception:
                handshake.crash()

    def greet(self, transport, protocol, home):
        """A handshake is done. Data of the client may have come with it, which no selector reports."""
        connection = self.entrance(protocol, False)(transport, protocol, home)
        try:
            connection.on_ready(READ)
        except Exception:
            connection.crash()

    def turned_away(self, handshake, protocol, ending):
        """A handshake ended without a client."""
        self._worker.stats.endings[protocol, ending] += 1
        self.closed(handshake)

    # ---- clients

    @property
    def is_full(self):
        """Does this worker have as many connections as it may have?"""
        most = self._limits["connections"]
        return most and len(self.connections) + len(self.visitors) > most

    def admit(self, transport, protocol, home=HOME):
        """A client is admitted. Returns its `Connection`."""
        worker = self._worker
        worker.stats.accepted += 1
        decoder = PROTOCOLS[protocol].Decoder(self._decoder_limits[protocol])
        connection = Connection(
            worker.stats.accepted, transport, worker, worker.audiences[protocol, decoder.form, home], decoder)
        connection.paid_until = worker.throttle.debt(origin(connection.address()[0]), worker.now)
        connection.audience.clients += 1
        self.connections[connection.number] = connection
        worker.stats.arrivals[protocol] += 1
        worker.stats.present[protocol] += 1
        if isinstance(transport, TLS):
            self._encrypted.add(connection.number)
            worker.stats.encrypted[protocol] += 1
        if not connection.audience.traits.hears_at_once:  # who only listens need not say anything
            worker.deadlines.arrived(connection, worker.now)
        self._ask_for_room(connection)
        return connection

    def _ask_for_room(self, connection):
        """Close it if this worker has too many connections. If its address has, only the hub knows: ask."""
        limits = self._limits
        if limits["connections"] and len(self.connections) > limits["connections"]:
            connection.leave(Reason.TOO_MANY_CONNECTIONS)
        elif limits["connections_per_address"] and not self._is_proxy(connection.transport):
            self._counted.add(connection.number)
            self._worker.uplink.ask(ToHub.Arrived(connection.number, connection.address()[0]))

    def parted(self, connection, reason):
        """The session has ended; its last output may still have to be sent."""
        worker = self._worker
        protocol = connection.audience.protocol
        worker.stats.endings[protocol, reason] += 1
        worker.stats.present[protocol] -= 1
        connection.audience.clients -= 1
        if connection.number in self._encrypted:
            self._encrypted.remove(connection.number)
            worker.stats.encrypted[protocol] -= 1
        del self.connections[connection.number]
        if connection.number in self._counted:
            self._counted.remove(connection.number)
            worker.uplink.ask(ToHub.Departed(connection.number))
        if worker.throttle.is_debtor(connection, worker.now):
            worker.remember_debt(connection)
        worker.throttle.forget(connection)
        worker.deadlines.parted(connection, worker.now)

    def closed(self, connection):
        """A socket is closed, so there is a descriptor to accept another one."""
        self._worker.forget_turn(connection)
        self._worker.deadlines.closed(connection)
        self.accept(not self._worker.stopping)


def _is_reached(limit, count):
    return 0 < limit <= count
