"""The worker process: one loop over its clients, its two queues to the hub, and the clock."""
import collections
import logging
import os
import selectors
import time

from parley.server.chat.origins import origin
from parley.server.chat.replica import Replica
from parley.server.chat.room import LOBBY, Room
from parley.server.chat.session import GONE, RESET, WAITING
from parley.server.ipc.messages import ToHub, ToWorker, handlers
from parley.server.ipc.queues import CONTROL, HEAD, called, said
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.events import Reason
from parley.server.worker.audience import audience
from parley.server.worker.beat import next_beat
from parley.server.worker.connection import READ, WRITE, Connection
from parley.server.worker.deadlines import Deadlines
from parley.server.worker.listener import Listener
from parley.server.worker.paced import Paced, Turns
from parley.server.worker.strangers import Strangers
from parley.server.worker.throttle import Throttle
from parley.server.worker.tls import Handshake, Unfit, context
from parley.server.worker.uplink import Uplink

# Seconds for the clients in one tick, until the hub and the clock have their turn again: at least, and for each second
# that it takes to tell all what was heard, as words that are heard together are told together; and at most.
CLIENTS_TIME, TIME_FOR_EACH_TOLD, MOST_TIME = 0.005, 4, 0.05
FADES = 0.9  # of what it took, after each tick in which it took less
PASSED_OVER = 0.05  # seconds for which those who have had a turn may have to wait for others
DEBT_STEP = 0.2  # seconds by which a debt grows until the other workers are told again
SWEEP = 1.0  # seconds between two looks at the deadlines
LAST_READS = 100  # ticks' worth at most of what clients have said when the server stops
STANDSTILL = 5.0  # seconds that such a look comes late only if it was the machine that stood still
LONGEST_TYPING = 3600.0  # seconds for a line where silence has no limit
HANDSHAKES_AT_ONCE = 4  # in one tick: each may cost a millisecond of the others' time
FD_SETSIZE = 1024  # of select.h
IDLE_SWEEP = 5.0  # document 003 looks every 10 s; this keeps a close well inside the 10 s after the limit

log = logging.getLogger(__name__)


class Worker:
    """Serves its share of the clients until the hub says so or is gone.

    number: of this process; no other process of this server ever has it.
    down, up: the queues from and to the hub.
    listening: (protocol name, socket, with TLS?) of each socket to accept from.
    settings: `server.config.Settings`.
    """

    def __init__(self, number, down, up, listening, settings):
        self.now = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.uplink = Uplink(up, number)
        self.lookups = self.uplink.lookups
        self.deadlines = Deadlines()
        self.throttle = Throttle()
        self.turns = Turns()
        self.strangers = Strangers()
        self.lost = []  # connections that the kernel gave up on in this tick
        self.overfull = []  # connections whose outbox grew too large in this tick
        self._latest = {}  # source -> what it is ready for, in order: who has something new, and no turn yet
        self._postponed = {}  # likewise: who is to have another turn
        self._last_postponed = self.now  # when one of these had its turn, or there was none
        self._telling = 0.0  # seconds that it takes to tell all what a lively tick has for them
        self._down = down
        self._hub_alone = selectors.DefaultSelector()  # watched instead while the hub's queue is full
        # And until the next beat. epoll only waits whole milliseconds; select knows no higher descriptors.
        self._between_beats = (selectors.SelectSelector if down.fileno() < FD_SETSIZE else selectors.DefaultSelector)()
        self._sessions = {}
        self._next_number = 0
        self._audiences = {(name, form): audience(protocol, form, self.strangers)
                           for name, protocol in PROTOCOLS.items() for form in protocol.FORMS}
        self.tls = self._certificate = None  # the context for handshakes, and what it was made of
        self.handshakes = collections.deque()  # that can go on
        self._listeners = [Listener(sock, name, self, tls) for name, sock, tls in listening]
        self._accepting = self.stopping = self._done = self._ending = False
        self._next_sweep = self._next_idle_sweep = self._next_push = self._next_reading = self.now
        self._present = collections.Counter()  # connections by protocol
        self._endings = collections.Counter()  # connections that have ended, by reason
        self._refusals = collections.Counter()  # commands by reason
        self._messages = 0  # that clients have sent
        self._reported = self.now, 0  # when the hub was last told, and how many there were then
        self._counted = set()  # numbers of the sessions that the hub counts by their address
        self.configure(settings)
        self._replica = replica = Replica(
            number, self._sessions, {LOBBY: Room(list(self._audiences.values()))}, self.uplink)
        self._said = replica.said
        self._handlers = handlers(ToWorker, replica, self)
        self.selector.register(down, READ)
        self._between_beats.register(down, READ)
        self._hub_alone.register(down, READ)
        self._hub_alone.register(up, WRITE)

    def run(self):
        """Hear the hub, then the clients, then the clock; then speak to the hub, and last to the clients."""
        self._accept(True)
        self.uplink.ask(ToHub.Ready())
        self._speak()
        while not self._ending or self.deadlines.parting:
            ready = self._select()
            self.now = time.monotonic()
            if any(key.data is None for key, _ in ready):
                self._hear_hub()
            if not self.uplink.full:
                self._serve_all(ready)
                self._go_on_with_handshakes()
            self._look_at_clock()
            self._speak()
            if self.uplink.talked:
                self.uplink.talked = False
                self._next_reading = next_beat(self.now, self._settings["pacing"])
        self.strangers.close()
        log.info("worker done", {"connections_ended": self._endings})

    def _select(self):
        """Who is ready. While the hub's queue is full no client is read: TCP pushes back on the senders.

        Where clients talk, they are read only on the beat (`server.worker.beat`); the hub is heard at any time.
        """
        wake = min(self._next_sweep, self._next_push, self.turns.next, self.throttle.next_release() or self._next_sweep)
        wait = max(0.0, wake - time.monotonic())
        if not self.uplink.full:
            pause = self._next_reading - time.monotonic()
            if pause > 0:
                from_hub = self._between_beats.select(pause)
                if from_hub:
                    return from_hub
            return self.selector.select(0 if self.handshakes or self._latest or self._postponed else wait)
        ready = self._hub_alone.select(wait)
        self.uplink.retry()
        return [(key, mask) for key, mask in ready if mask & READ]

    def _serve_all(self, ready):
        """The clients, and those at the door; not the hub. They have turns until all is done, or the time is over.

        Whoever has something new comes before those who have had a turn, so that a word is not behind one of each who
        says much; unless these have been passed over for PASSED_OVER.
        """
        latest, postponed = self._latest, self._postponed
        if not postponed:
            self._last_postponed = self.now
        for key, mask in ready:
            source = key.data
            if source in postponed:
                postponed[source] |= mask
            elif source is not None:
                latest[source] = latest.get(source, 0) | mask
        lines = [latest, postponed]
        if self.now - self._last_postponed > PASSED_OVER:
            lines.reverse()
        until = time.monotonic() + max(CLIENTS_TIME, min(TIME_FOR_EACH_TOLD * self._telling, MOST_TIME))
        while latest or postponed:
            for line in lines:
                if line and not self._serve_line(line, until):
                    return

    def _serve_line(self, line, until):
        """A turn for each who is in it now; false if the time is over."""
        now = self.now
        for source in list(line):
            mask = line.pop(source, None)
            if mask is None:
                continue  # it has just been closed
            try:
                source.on_ready(mask)
            except Exception:
                source.crash()
            now = time.monotonic()
            if now > until:
                break
        if line is self._postponed:
            self._last_postponed = now
        return now <= until

    def postpone(self, connection, mask=0):
        """Give a connection another turn, once the others have had theirs."""
        line = self._latest if connection in self._latest else self._postponed
        line[connection] = line.get(connection, 0) | mask

    def _forget_turn(self, source):
        self._latest.pop(source, None)
        self._postponed.pop(source, None)

    def _has_turn(self, source):
        """Is it about to be served?"""
        return source in self._latest or source in self._postponed

    def _speak(self):
        """The end of a tick: what was asked goes to the hub, what was heard to the clients."""
        self.lookups.go_on(self.now)
        self.uplink.flush()
        began = time.monotonic()
        for hearers in self._audiences.values():
            hearers.flush()
        self._telling = max(time.monotonic() - began, self._telling * FADES)
        self.uplink.told()
        self.lookups.go_on(self.now)
        if self.overfull or self.lost:
            self._part_with_the_hopeless()
        self.uplink.flush()  # their names are free now, not at the next tick

    def _part_with_the_hopeless(self):
        overfull, self.overfull = self.overfull, []
        self._each(overfull, "give_up", Reason.SLOW_READER)
        lost, self.lost = self.lost, []
        self._each(lost, "leave", None, RESET)

    # ---- the hub

    def _hear_hub(self):
        try:
            frames = self._down.get()
        except EOFError:
            self._lose_hub()
            return
        for frame in frames:
            kind, room, worker, _, _, number, _ = HEAD.unpack_from(frame)
            if kind == CONTROL:
                name, arguments = called(frame)
                self._handlers[name](*arguments)
            else:
                self._said(room, worker, number, said(frame))

    def _lose_hub(self):
        log.error("the parent process is gone: closing all connections")
        self.selector.unregister(self._down)
        self._between_beats.unregister(self._down)
        self.uplink.close()
        self.end()
        for listener in self._listeners:
            listener.sock.close()  # while last words are on their way here, a new server may want the port

    def _live(self):
        """The sign of life: the loop turns, however much there is to do."""
        self.uplink.ask(ToHub.Alive(self._report()))
        self._reported = self.now, self._messages

    def _report(self):
        """What there is now, and what there has been since this worker began: plain values for the hub."""
        before, messages = self._reported
        return {
            "pid": os.getpid(),
            "connections": dict(self._present),
            "accepted": self._next_number,
            "ended": dict(self._endings),
            "refused": dict(self._refusals),
            "messages": self._messages,
            "messages_per_second": (self._messages - messages) / max(self.now - before, 1e-3),
            "deliveries": sum(hearers.deliveries for hearers in self._audiences.values()),
            "behind": self.deadlines.lagging,
            "held": len(self.throttle.held()),
        }

    def configure(self, settings):
        """These are the settings from now on: `server.config.Settings.of_workers`."""
        self._settings = settings
        self.deadlines.limits = settings["limits"]
        texts = settings["limits"]["text_bytes"]
        self._decoder_limits = {
            name: {"line_bytes": settings["limits"]["line_bytes"], "text_bytes": texts.get(name),
                   "goodbye": settings["goodbye"].get(name)} for name in PROTOCOLS}
        self.throttle.rate = settings["limits"]["messages_per_second"]
        for (protocol, _), hearers in self._audiences.items():
            hearers.echo = settings["echo"][protocol]
        if settings["certificate"] not in (None, self._certificate):
            self._certify(settings["certificate"])

    def _certify(self, certificate):
        """What those who connect from now on are shown. The parent has checked it, but a file more may not be had."""
        try:
            self.tls, self._certificate = context(*certificate), certificate
        except Unfit as error:
            if self.tls is None:
                raise
            log.error("the new certificate cannot be used here, the old one stays in force: %s", error)

    def stop(self):
        """Take nothing new; what was asked until now is still answered, even if it waits to be read on the beat."""
        self._accept(False)
        for _ in range(LAST_READS):
            ready = self.selector.select(0)
            self._serve_all(ready)
            if all(key.data is None for key, _ in ready):
                break
        self.stopping = True
        self._each(self._sessions.values(), "pause")

    def end(self):
        """Everybody has heard everything: say good-bye."""
        self._accept(False)
        self.stopping = self._done = self._ending = True
        self._each(self._sessions.values(), "leave", Reason.SHUTDOWN)

    @staticmethod
    def _each(connections, action, *arguments):
        """Let each of them do it; a bug costs the one in whose turn it shows, and not those behind it."""
        for connection in list(connections):
            try:
                getattr(connection, action)(*arguments)
            except Exception:
                connection.crash()

    # ---- the clients

    def shake_hands(self, sock, protocol):
        """A client has connected to a TLS port."""
        Handshake(sock, protocol, self)

    def greet(self, sock, protocol):
        """Its handshake is done; what it said at once came along with that, and no selector knows of it."""
        self._each([self.admit(sock, protocol)], "on_ready", READ)

    def _go_on_with_handshakes(self):
        for _ in range(min(len(self.handshakes), HANDSHAKES_AT_ONCE)):
            handshake = self.handshakes.popleft()
            try:
                handshake.go_on()
            except Exception:
                handshake.crash()

    def turned_away(self, handshake, ending):
        """It never became a client."""
        self._endings[ending] += 1
        self.closed(handshake)

    def admit(self, sock, protocol):
        """A client has connected: its connection."""
        self._next_number += 1
        decoder = PROTOCOLS[protocol].Decoder(self._decoder_limits[protocol])
        kind = Connection if PROTOCOLS[protocol].TRAITS.coalesces else Paced
        connection = kind(self._next_number, sock, self, self._audiences[protocol, decoder.form], decoder)
        connection.paid_until = self.throttle.debt(origin(connection.address()[0]), self.now)
        self._sessions[connection.number] = connection
        self._present[protocol] += 1
        if not connection.audience.traits.hears_at_once:  # who only listens need not say anything
            self.deadlines.arrived(connection, self.now)
        self._ask_for_room(connection)
        return connection

    def _ask_for_room(self, connection):
        """There may be one too many of this worker's, or, which only the hub knows, of one address."""
        limits = self._settings["limits"]
        if limits["connections"] and len(self._sessions) > limits["connections"]:
            connection.leave(Reason.TOO_MANY_CONNECTIONS)
        elif limits["connections_per_address"]:
            self._counted.add(connection.number)
            self.uplink.ask(ToHub.Arrived(connection.number, connection.address()[0]))

    def evict(self, number, reason):
        """The hub ends a session, and says why."""
        if number in self._sessions:
            self._each([self._sessions[number]], "leave", reason)

    def heed_form(self, connection, form):
        """A client writes in this form, and is to be answered in it."""
        hearers = self._audiences[connection.audience.protocol, form]
        if hearers is not connection.audience:
            connection.audience.move(connection, hearers)

    def began(self, connection):
        """A command has begun; typing it may take as long as silence may, as each byte shows that somebody is there."""
        typing_seconds = None
        if connection.is_typed:
            typing_seconds = self._settings["idle_timeout"][connection.audience.protocol] or LONGEST_TYPING
        self.deadlines.began(connection, self.now, typing_seconds)

    def parted(self, connection, reason):
        """A client is none any more; its last words may still be on their way."""
        self._endings[reason] += 1
        self._present[connection.audience.protocol] -= 1
        del self._sessions[connection.number]
        if connection.number in self._counted:
            self._counted.remove(connection.number)
            self.uplink.ask(ToHub.Departed(connection.number))
        if self.throttle.is_debtor(connection, self.now):
            self._remember_debt(connection)
        self.throttle.forget(connection)
        self.deadlines.parted(connection, self.now)

    def closed(self, connection):
        """A socket is closed, so there is a descriptor to accept another with."""
        self._forget_turn(connection)
        self.deadlines.closed(connection)
        self._accept(not self.stopping)

    def fell_behind(self, connection):
        """A client does not take what it is sent; too far behind is the end of it."""
        if connection.state is GONE:
            return  # it has LINGER seconds for our last words
        if self.deadlines.behind(connection, self.now):
            self.overfull.append(connection)

    def admits(self, connection, messages):
        """Charge for so many messages if the connection's rate allows them all; does it?"""
        affords = self.throttle.affords(connection, messages, self.now)
        if affords:
            self._messages += messages
        return affords

    def allow(self, connection, most):
        """Charge for as many messages as its rate allows, at most `most`; how many? With none it is held back."""
        allowed = min(most, self.throttle.allowance(connection, self.now))
        if allowed:
            self.charge(connection, allowed)
        else:
            self._hold(connection)
        return allowed

    def charge(self, connection, messages):
        """Count a client's messages, against its rate too."""
        self._messages += messages
        self.throttle.charge(connection, messages, self.now)

    def owes(self, address, until):
        """Somebody at an address has used up the rate, on whatever worker."""
        self.throttle.remember(address, until)

    def _hold(self, connection):
        """It is not heard until it is in credit."""
        self.throttle.hold(connection)
        connection.pause()
        self._remember_debt(connection, DEBT_STEP)

    def _remember_debt(self, connection, step=0.0):
        """Nor does it win anything by coming back, to whatever worker."""
        address = origin(connection.address()[0])
        if self.throttle.remember(address, connection.paid_until, step):
            self.uplink.ask(ToHub.Owes(address, connection.paid_until))

    def count_refusal(self, connection, reason):
        """What a client asked for is not done."""
        self._refusals[reason] += 1
        if log.isEnabledFor(logging.DEBUG):
            log.debug("command refused", dict(connection.described(), reason=reason))

    def stop_accepting(self, error):
        """Nothing can be accepted at the moment; tried again with the next close, or at the next sweep."""
        level = self.strangers.level("not accepting", "", self.now, logging.WARNING)
        log.log(level, "not accepting for a moment: %(why)s", {"why": error.strerror})
        self._accept(False)

    def _accept(self, wanted):
        if wanted != self._accepting:
            self._accepting = wanted
            for listener in self._listeners:
                if wanted:
                    self.selector.register(listener.sock, READ, listener)
                else:
                    self.selector.unregister(listener.sock)
                    self._forget_turn(listener)

    # ---- the clock

    def _look_at_clock(self):
        if self.stopping and not self._done and not self._latest and not self._postponed \
                and not any(s.state is WAITING for s in self._sessions.values()):
            self._done = True
            self.uplink.ask(ToHub.Done())
        self._each(self.throttle.release(self.now), "catch_up")
        self.turns.give(self.now)
        if self.now - self._next_sweep > STANDSTILL:
            self._next_sweep = self.now  # at the end of the next tick, when what was said meanwhile has been heard
        elif self.now >= self._next_sweep:
            self._next_sweep = self.now + SWEEP
            self._accept(not self.stopping)
            self._sweep()
        self._next_push = self._replica.push_users(self.now) or self._next_sweep

    def _sweep(self):
        self._live()
        self.strangers.look_at_clock(self.now)
        for connection, reason in self.deadlines.overdue(self.now):
            self._each([connection], "give_up", reason)
        self._each(self.deadlines.lingering(self.now), "close")
        self._each(self.throttle.held(), "notice_reset")
        for hearers in self._audiences.values():
            self._each(hearers.kept_waiting(self._settings["limits"]["outbox_bytes"]), "give_up", Reason.NOT_STORED)
        if self.now >= self._next_idle_sweep:
            limits = self._settings["idle_timeout"]
            self._next_idle_sweep = self.now + min([IDLE_SWEEP] + [limit / 10 for limit in limits.values() if limit])
            self._each([session for session in self._sessions.values() if self._is_idle(session)], "leave", Reason.IDLE)

    def _is_idle(self, session):
        limit = self._settings["idle_timeout"][session.audience.protocol]
        return limit and self.now - session.heard_at >= limit and not self._is_ours_to_speak(session)

    def _is_ours_to_speak(self, session):
        """True if the client is silent because of us: an answer, its rate or its turn is still to come."""
        return session.state is WAITING or self.throttle.holds(session) or self._has_turn(session)
