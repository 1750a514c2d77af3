"""Workers driven by hand: real loops, real queues, a real hub, socketpairs for clients, and an invented clock.

A worker's `run` has a thread to itself, but never runs while the test does: it stands still in its `select`, until the
test lets it make one tick. So nothing depends on time.
"""
import selectors
import socket
import threading

import pytest
from queue_ends import two_ends

from parley.server import config
from parley.server.chat.accounts import Accounts
from parley.server.http.metrics import METRICS
from parley.server.protocols.events import HOME
from parley.server.supervisor import hub as hub_module
from parley.server.worker import loop, paced
from parley.server.worker.transports.plain import Plain

PATIENCE = 60  # seconds that a tick may really take, before the test is given up


class Clock:
    """In the place of the module `time`: stands still unless it is moved."""

    def __init__(self):
        self.now = 1000.0
        self.spent = 0.0  # CPU seconds

    def monotonic(self):
        return self.now

    def process_time(self):
        return self.spent

    def time(self):
        return 1600000000 + self.now

    def sleep(self, seconds):
        self.now += seconds


class Peer:
    """The client's end of a connection."""

    def __init__(self, sock):
        self.sock = sock
        self.ended = False
        sock.setblocking(False)

    def send(self, data):
        """All of it, at once."""
        assert self.sock.send(data) == len(data)

    def heard(self):
        """What has come since the last time; `ended` then says whether more can come."""
        pieces = []
        while not self.ended:
            try:
                pieces.append(self.sock.recv(1 << 16))
            except BlockingIOError:
                break
            self.ended = not pieces[-1]
        return b"".join(pieces)

    def hang_up(self):
        """Send nothing more, but listen."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        """Be gone; with something unread, this is a reset."""
        self.sock.close()


class CountedSocket(Plain):
    """A plain transport that counts the calls that cost a server its time."""

    def __init__(self, sock):
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.setblocking(False)
        self.sends = self.recvs = 0

    def send(self, *arguments):
        self.sends += 1
        return super().send(*arguments)

    def sendmsg(self, *arguments):
        self.sends += 1
        return super().sendmsg(*arguments)

    def recv(self, *arguments):
        self.recvs += 1
        return super().recv(*arguments)

    def getpeername(self):
        return "192.0.2.1", 4711  # a socketpair has no address


class Abandoned(BaseException):
    """The test is over."""


class Driven:
    """A worker whose `run` makes a tick when it is told to."""

    def __init__(self, number, down, up, settings, listening=()):
        self.ended = False
        self.found = []  # who was ready at the last tick
        self._error = None
        self._abandoned = False
        # Each is let go by the other thread. A semaphore would do the same with twenty calls more for each tick.
        self._go, self._stands = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._stands.acquire()
        self.worker = self._make(number, down, up, settings, list(listening))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait()

    def _make(self, number, down, up, settings, listening):
        driven = self

        class Standing:
            def select(self, timeout=None):
                driven._stand()
                driven.found = super().select(0)
                return driven.found

        class StandingSelector(Standing, selectors.DefaultSelector):
            pass

        class StandingWatch(Standing, loop.Selector):
            pass

        class TimelessSelector(selectors.SelectSelector):
            def select(self, timeout=None):
                driven._stand()
                driven.found = super().select(0)
                if not driven.found:
                    loop.time.sleep(timeout)
                return driven.found

        originals = selectors.DefaultSelector, selectors.SelectSelector, loop.Selector
        selectors.DefaultSelector, selectors.SelectSelector = StandingSelector, TimelessSelector
        loop.Selector = StandingWatch
        try:
            return loop.Worker(number, down, up, listening, settings.of_workers())
        finally:
            selectors.DefaultSelector, selectors.SelectSelector, loop.Selector = originals

    def _run(self):
        try:
            self.worker.run()
        except Abandoned:
            pass
        except BaseException as error:
            self._error = error
        self.ended = True
        self._stands.release()

    def _stand(self):
        self._stands.release()
        self._go.acquire()
        if self._abandoned:
            raise Abandoned

    def _wait(self):
        assert self._stands.acquire(timeout=PATIENCE), "a tick does not end"
        if self._error:
            raise self._error

    def tick(self):
        """Whoever is ready now is served, once."""
        if not self.ended:
            self._go.release()
            self._wait()

    def abandon(self):
        """Stop wherever it stands."""
        self._abandoned = True
        self._go.release()
        self._thread.join(PATIENCE)


class House:
    """Some workers and their hub, in one process. ports: (protocol, room) of each port of a room's own: its door."""

    def __init__(self, clock, settings, workers, memory, store, ports=()):
        self.clock = clock
        self.settings = settings
        self.store = store
        self.hub = hub_module.Hub(settings.pacing_ms / 1000, memory, store)
        self.hub.census.most = settings.limits["connections_per_address"]
        self._ports = ports
        self.doors = []
        self.hub.register.entering.found({room for _, room in ports if room})
        self.driven = [self._start(number) for number in range(1, workers + 1)]
        self._last_number = workers
        self._peers = []
        self.settle()

    def kill(self, index):
        """A worker dies, as by kill -9; another takes its place."""
        old = self.driven[index]
        old.abandon()
        worker = old.worker
        for connection in list(worker.admission.connections.values()):
            if connection.transport is not None:
                connection.transport.close()
        worker.selector.close()
        worker._down.close()
        worker.uplink._queue.close()
        number = worker.uplink._worker
        while number not in self.hub.failed:
            self.hub.turn(0)
        self.hub.detach(number)
        self._last_number += 1
        self.driven[index] = self._start(self._last_number)

    def _start(self, number):
        (down, to_worker), (from_worker, up) = two_ends(), two_ends()
        self.hub.attach(number, down, up)
        listening = []
        for protocol, room in self._ports:  # nobody of the test's connects there: see `connect`
            self.doors.append(socket.socket())
            self.doors[-1].bind(("127.0.0.1", 0))
            self.doors[-1].listen(1)
            self.doors[-1].setblocking(False)  # somebody may, who looks for a server that had this port before
            listening.append((protocol, self.doors[-1], False, room))
        return Driven(number, to_worker, from_worker, self.settings, listening)

    @property
    def worker(self):
        """The first one."""
        return self.driven[0].worker

    def connect(self, worker=1, buffer=None, protocol="line", tls=False, http=False, home=HOME):
        """A new client of a worker; `buffer` are the bytes that the kernel keeps for a slow one.

        home: the room by whose port it comes.
        """
        ours, theirs = socket.socketpair()
        if buffer:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        peer = Peer(theirs)
        self._peers.append(peer)
        peer.counted = CountedSocket(ours)
        admission = self.driven[worker - 1].worker.admission
        visit = admission.scrapers.visit if protocol == METRICS else admission.visitors.visit
        come = admission.shake_hands if tls else visit if http else admission.admit
        come(peer.counted, protocol, home)
        return peer

    def member(self, name, worker=1, buffer=None):
        """A new client that has logged in and heard so."""
        peer = self.connect(worker, buffer)
        peer.send(b"LOGIN %b\n" % name)
        self.settle()
        assert peer.heard() == b"OK\n"
        return peer

    def tick(self):
        """Each worker makes one tick; the hub hears nothing of it yet."""
        for driven in self.driven:
            driven.tick()

    def settle(self, rounds=6):
        """Until all that was said has been heard."""
        for _ in range(rounds):
            self.tick()
            self.hub.turn(0)
            while self._next_turn() < float("inf"):
                self.clock.now = max(self.clock.now, self._next_turn())
                self.tick()

    def _next_turn(self):
        """When a client is to be sent the next frame, or the hub asked a question, because it has just been one."""
        return min(min(driven.worker.turns.next, driven.worker.lookups.next) for driven in self.driven)

    def wait(self, seconds, step=0.5):
        """Let the invented time pass, in steps in which everybody does what is due."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + step)
            self.settle(2)

    def close(self):
        for driven in self.driven:
            driven.abandon()
            driven.worker.selector.close()
        for peer in (*self._peers, *self.doors):
            peer.close()
        for stream in self.hub.streams.values():
            stream.up.close()
            stream.down.close()


@pytest.fixture
def clock(monkeypatch):
    """The time that workers and hub go by."""
    invented = Clock()
    monkeypatch.setattr(loop, "time", invented)
    monkeypatch.setattr(paced, "time", invented)
    monkeypatch.setattr(hub_module, "time", invented)
    return invented


@pytest.fixture
def open_house(clock, store):
    """Makes a `House`; keyword arguments are limits, or settings by their name, of those protocols that differ.

    Nobody waits for a beat, unless `pacing_ms` is given.
    """
    houses = []

    def make(workers=1, memory=None, ports=(), store=store, **changes):
        settings = config.defaults()
        limits = {name: changes.pop(name) for name in list(changes) if name in settings.limits}
        for name in ("idle_timeout", "echo"):
            changes[name] = dict(getattr(settings, name), **changes.get(name, {}))
        changes.setdefault("pacing_ms", 0)
        settings = settings._replace(workers=workers, limits=dict(settings.limits, **limits), **changes)
        houses.append(House(clock, settings, workers, memory or Accounts(store), store, ports))
        return houses[-1]

    yield make
    for house in houses:
        house.close()


@pytest.fixture
def house(open_house):
    """Two workers with the default settings."""
    return open_house(workers=2)
