"""The worker process: one loop over its clients, its two queues to the hub, and the clock."""
import collections
import logging
import selectors
import time

from parley.server.chat.origins import origin
from parley.server.chat.replica import Replica
from parley.server.chat.room import Rooms
from parley.server.chat.session.states import RESET, WAITING
from parley.server.files.desk import Desk
from parley.server.ipc.counts import BOUNDS
from parley.server.ipc.messages import ToHub, ToWorker, handlers
from parley.server.ipc.queues import CONTROL, HEAD, called, records, said
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.events import Reason
from parley.server.worker.admission import Admission
from parley.server.worker.audiences import Audiences
from parley.server.worker.beat import FD_SETSIZE, Beat
from parley.server.worker.deadlines import Deadlines
from parley.server.worker.listener import Listener
from parley.server.worker.paced import Turns
from parley.server.worker.stats import Stats
from parley.server.worker.strangers import Strangers
from parley.server.worker.throttle import Throttle
from parley.server.worker.uplink import Uplink
from parley.server.worker.watching import READ, WRITE, Selector

# The time in one tick for reading from the hub, and again for the clients: the minimum in seconds; a factor of the time
# that it takes to send everybody what was said, as messages that are sent together share their sends; the maximum.
CLIENTS_TIME, TIME_FOR_EACH_TOLD, MOST_TIME = 0.005, 4, 0.05
FLOODS_TIME = 0.002  # seconds at least, likewise, for those who have had a turn and have said more than that
SENDING_TIME = 0.002  # seconds in one tick for those who are to be sent more than goes out at once
SENDING_SHARE = 4  # they get at most a quarter of the time: the machine is needed by other workers, too
FADES = 0.9  # factor by which the estimate of the time for sending everybody falls, at most, in each tick
PASSED_OVER = 0.05  # seconds that those who have had a turn may have to wait for others
DEBT_STEP = 0.2  # seconds by which a debt grows until the other workers are told again
SWEEP = 1.0  # seconds between two looks at the deadlines
LAST_READS = 100  # ticks, at most, that go on reading what clients have sent when the server stops
STANDSTILL = 5.0  # seconds between two looks; more means that the whole machine stood still
LONGEST_TYPING = 3600.0  # seconds for a line where silence has no limit
HEARTBEAT = 25.0  # seconds of silence after which a client is sent a heartbeat; proxies close what is silent for 60
MOST_SILENCE = 3 * HEARTBEAT  # after two that were not answered
_FROM_HUB = (None, READ)  # what a selector says when the hub has said something
_WITH_HEARTBEATS = [name for name, protocol in PROTOCOLS.items() if protocol.TRAITS.heartbeat]
IDLE_SWEEP = 5.0  # seconds; document 003 looks every 10 s, and this ends a client well within 10 s after the limit

log = logging.getLogger(__name__)


class Worker:
    """Serves its share of the clients until the hub says so or is gone.

    number: of this process; no other process of this server ever has it.
    down, up: the queues from and to the hub.
    listening: (protocol name, socket, with TLS?, name of the room or HOME) of each socket to accept from.
    settings: `server.config.Settings`.
    keeper: `server.files.keeper.Keeper`, or None if no files are kept.
    """

    def __init__(self, number, down, up, listening, settings, keeper=None):
        self.now = time.monotonic()
        self.selector = Selector()
        self.uplink = Uplink(up, number)
        self.lookups = self.uplink.lookups
        self.files = keeper and Desk(self, keeper.door, keeper.folder)
        self._file_bytes = keeper.file_bytes if keeper else 0
        self.deadlines = Deadlines()
        self.throttle = Throttle()
        self.turns = Turns()
        self.strangers = Strangers()
        self.lost = []  # connections that the kernel gave up on in this tick
        self.overfull = []  # connections whose outbox grew too large in this tick
        self._latest = {}  # source -> what it is ready for, in order: who has something new, and no turn yet
        self._postponed = {}  # likewise: who is to have another turn
        self._sending = {}  # likewise: who is to be sent more of what is kept for it
        self._resting = {}  # likewise: those of them who are not watched until `_next_sending`
        self._next_sending = self.now
        self._last_postponed = self.now  # when one of these had its turn, or there was none
        self._has_told = False  # has this tick talk for clients?
        self._telling = 0.0  # seconds that it takes to send everybody the talk of a lively tick
        self._reading_time = 0.0  # seconds in this tick for reading, if that is more than CLIENTS_TIME or FLOODS_TIME
        self._down = down
        self._unheard = collections.deque()  # frames of the hub that there was no time for in the last tick
        self._hub_alone = selectors.DefaultSelector()  # watched instead while the hub's queue is full
        # Watched until the next beat: epoll waits whole milliseconds only, select takes no higher descriptors.
        self._between_beats = (selectors.SelectSelector if down.fileno() < FD_SETSIZE else selectors.DefaultSelector)()
        self._settings = settings
        self.audiences = Audiences(PROTOCOLS, self.strangers, self._configure_audience)
        self.rooms = self.audiences.known = Rooms(self.audiences.everyone)
        self.lookups.names = lambda: len(self.rooms.roll)
        self.stats = Stats(self.now)
        self.admission = Admission(self, listening)
        self.stopping = self._done = self._ending = False
        self._last_heartbeats = self.now
        self._next_sweep = self._next_idle_sweep = self._next_push = self.now
        self._woke = time.process_time()
        self._beat = Beat(self.now)
        self.configure(settings)
        self._replica = replica = Replica(number, self.admission.connections, self.rooms, self.uplink)
        self._said = replica.said
        self._said_with_extra = replica.said_with_extra
        self._handlers = handlers(ToWorker, replica, self)
        self.selector.register(down, READ)
        self._between_beats.register(down, READ)
        self._hub_alone.register(down, READ)
        self._hub_alone.register(up, WRITE)

    def run(self):
        """Read from the hub, then from the clients; check the timers; write to the hub, and last to the clients."""
        self.admission.accept(True)
        self.uplink.ask(ToHub.Ready())
        self._speak()
        while not self._ending or self.deadlines.parting:
            ready = self._select()
            self.now = time.monotonic()
            self._woke = time.process_time()
            self._reading_time = min(TIME_FOR_EACH_TOLD * self._telling, MOST_TIME)
            self.uplink.may_wait = self._beat.may_wait(self.now)
            if self._unheard or _FROM_HUB in ready:
                self._hear_hub()
            if not self.uplink.full:
                self._serve_all(ready)
                if self.admission.hurries:
                    self.admission.go_on()
            self._look_at_clock()
            self._speak()
        self.strangers.close()
        log.info("worker done", {"connections_ended": self.stats.by_reason()})

    def _select(self):
        """(source, mask) of each that is ready; the hub is None.

        While the hub's queue is full no client is read: TCP flow control slows the senders down. When clients talk,
        they are read only on the beat (`server.worker.beat`); the hub is read at any time.
        """
        wake = min(self._next_sweep, self._next_push, self.turns.next, self.throttle.next, self.lookups.next)
        now = time.monotonic()
        wait = max(0.0, wake - now)
        if not self.uplink.full:
            pause = self._beat.next - now
            if pause > 0 and not self._unheard and self._between_beats.select(pause):
                return [_FROM_HUB]
            if self._resting:
                wait = min(wait, max(0.0, self._next_sending - now))
            hurries = self.admission.hurries or self._latest or self._postponed or self._sending or self._unheard
            return self.selector.select(0 if hurries else wait)
        ready = self._hub_alone.select(0 if self._unheard else wait)
        self.uplink.retry()
        return [_FROM_HUB for _, mask in ready if mask & READ]

    def _serve_all(self, ready):
        """Serve clients and listeners, but not the hub, in turns until all is done or the time is over.

        Clients with new input come before those that have had a turn, so that one message does not wait for clients
        that send many; unless the latter have been passed over for PASSED_OVER. Last come clients with more output than
        goes out at once, with a time limit of their own: long histories must not delay the others. Listeners are among
        those that have had a turn: new connections wait for existing ones.
        """
        if self._resting and self.now >= self._next_sending:
            self._sending.update(self._resting)
            self._resting.clear()
        latest, postponed = self._latest, self._postponed
        if not postponed:
            self._last_postponed = self.now
        for source, mask in ready:
            if source is None:
                continue
            if mask & WRITE:
                self._sending[source] = WRITE
                mask &= ~WRITE
            if source in postponed or type(source) is Listener:
                postponed[source] = postponed.get(source, 0) | mask
            elif mask:
                latest[source] = latest.get(source, 0) | mask
        if not (latest or postponed or self._sending):
            return
        began, limit = time.monotonic(), self._reading_time
        lines = [(latest, began + max(CLIENTS_TIME, limit)), (postponed, began + max(FLOODS_TIME, limit))]
        if self.now - self._last_postponed > PASSED_OVER:
            lines.reverse()
        while (latest or postponed) and all(self._serve_line(line, until) for line, until in lines if line):
            pass
        if self._sending:
            self._send_more()

    def _send_more(self):
        """Send more to clients with a long output; then pause that for SENDING_SHARE - 1 times as long as it took."""
        began = time.monotonic()
        spent = time.process_time()
        while self._sending and self._serve_line(self._sending, began + SENDING_TIME):
            pass
        spent = time.process_time() - spent
        self._next_sending = max(self._next_sending, began + SENDING_SHARE * spent)

    def _serve_line(self, line, until):
        """Give each in the line one turn; False if the time is over."""
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
        if mask == WRITE:
            line = self._sending
        else:
            line = self._latest if connection in self._latest else self._postponed
        line[connection] = line.get(connection, 0) | mask

    def puts_off(self, connection):
        """Does a connection have to wait with its output, as enough has just been sent? Then it gets a turn later."""
        if self.now < self._next_sending:
            self._resting[connection] = WRITE
            return True
        return False

    def is_resting(self, connection):
        """Was it put off?"""
        return connection in self._resting

    def forget_turn(self, source):
        """It is closed, or not watched any more."""
        self._latest.pop(source, None)
        self._postponed.pop(source, None)
        self._sending.pop(source, None)
        self._resting.pop(source, None)

    def _has_turn(self, source):
        """Is it about to be served?"""
        return any(source in line for line in (self._latest, self._postponed, self._sending, self._resting))

    def _speak(self):
        """The end of a tick: write requests to the hub, and output to the clients."""
        self.lookups.go_on(self.now)
        self.uplink.flush()
        began = time.monotonic()
        spent = time.process_time()
        self.audiences.flush()
        told = time.monotonic()
        self._telling = max(told - began, self._telling * FADES)
        self._keep_beat(told, spent)
        turns, seconds = self.stats.turns, told - self.now
        if seconds > BOUNDS[0]:
            turns.note(seconds)
        else:
            turns.counts[0] += 1
            turns.seconds += seconds
        self.uplink.told()
        self.lookups.go_on(self.now)
        if self.overfull or self.lost:
            self._part_with_the_hopeless()
        self.uplink.flush()  # their names are free now, not at the next tick

    def _keep_beat(self, now, spent):
        """Set the beat by what this tick has cost. spent: the CPU clock, in seconds, when it began to send."""
        if self._has_told:
            self._beat.told(now, time.process_time() - spent)
        if self.uplink.said:
            self._beat.read(now, self._settings["pacing"], spent - self._woke, self.uplink.said)
        self._has_told, self.uplink.said = False, 0

    def _part_with_the_hopeless(self):
        overfull, self.overfull = self.overfull, []
        self._each(overfull, "give_up", Reason.SLOW_READER)
        lost, self.lost = self.lost, []
        self._each(lost, "leave", None, RESET)

    # ---- the hub

    def _hear_hub(self):
        """Handle what the hub sent, in order, until the time is over; the rest comes first in the next tick."""
        if not self._unheard:
            try:
                self._unheard.extend(self._down.get())
            except EOFError:
                self._lose_hub()
                return
        until, unheard = self.now + max(CLIENTS_TIME, self._reading_time), self._unheard
        while unheard:
            frame = unheard.popleft()
            kind, room, worker, _, _, number, at = HEAD.unpack_from(frame)
            if kind == CONTROL:
                name, arguments = called(frame)
                self._handlers[name](*arguments)
            else:
                self._has_told = True
                if kind > CONTROL:
                    self._said_with_extra(room, worker, number, said(frame), at)
                else:
                    self._said(room, worker, number, records(frame), at)
            if time.monotonic() > until:
                break

    def _lose_hub(self):
        log.error("the parent process is gone: closing all connections")
        self.selector.unregister(self._down)
        self._between_beats.unregister(self._down)
        self.uplink.close()
        self.end()
        self.admission.close()  # a new server may want the ports before all output is sent

    def _live(self):
        """Send the hub the sign of life: the loop turns, however much there is to do."""
        self.uplink.ask(ToHub.Alive(self._report()))
        self.stats.reported(self.now)

    def _report(self):
        """The report that the hub shows of this worker."""
        return self.stats.report(
            self.now, self.audiences.everyone, behind=self.deadlines.lagging, held=len(self.throttle.held()),
            visitors=len(self.admission.visitors), unsent_bytes=self.uplink.unsent)

    def configure(self, settings):
        """Use these settings from now on: `server.config.Settings.of_workers`."""
        self._settings = settings
        self.admission.configure(settings)
        self.deadlines.limits = settings["limits"]
        self.throttle.rate = settings["limits"]["messages_per_second"]
        for hearers in self.audiences.everyone:
            self._configure_audience(hearers)

    def _configure_audience(self, hearers):
        settings = self._settings
        hearers.echo = settings["echo"][hearers.protocol]
        hearers.motd = settings["motd"]
        hearers.rules = (
            settings["limits"]["text_bytes"].get(hearers.protocol, 0), settings["register"], settings["guests"],
            self._file_bytes)

    def stop(self):
        """Accept nothing new; what was asked until now is still answered, even if it waits to be read on the beat."""
        self.admission.accept(False)
        for _ in range(LAST_READS):
            ready = self.selector.select(0)
            self._serve_all(ready)
            if all(source is None for source, _ in ready):
                break
        self.stopping = True
        self._each(self.admission.connections.values(), "pause")

    def end(self):
        """Everything has been delivered: send the clients the farewell."""
        self.admission.accept(False)
        self.stopping = self._done = self._ending = True
        for visitors in self.admission.all_visitors:
            visitors.end()
        self._each(self.admission.connections.values(), "leave", Reason.SHUTDOWN)

    @staticmethod
    def _each(connections, action, *arguments):
        """Call an action for each of them; an exception ends only the one that it occurs for."""
        for connection in list(connections):
            try:
                getattr(connection, action)(*arguments)
            except Exception:
                connection.crash()

    # ---- the clients

    def health(self, troubles):
        """The hub says how the server is."""
        self.admission.visitors.tell([*troubles, "the server is stopping"] if self.stopping else troubles)

    def status(self, status):
        """The hub sends the data for the metrics."""
        self.admission.scrapers.tell(status)

    def evict(self, number, reason):
        """The hub ends a session, and says why."""
        if number in self.admission.connections:
            self._each([self.admission.connections[number]], "leave", reason)

    def began(self, connection):
        """A command has begun; typing it may take as long as silence may, as each byte shows that somebody is there."""
        typing_seconds = None
        if connection.is_typed:
            typing_seconds = self._settings["idle_timeout"][connection.audience.protocol] or LONGEST_TYPING
        self.deadlines.began(connection, self.now, typing_seconds)

    def admits(self, connection, messages):
        """Charge for `messages` if the connection's rate allows them all. Returns whether it does."""
        affords = self.throttle.affords(connection, messages, self.now)
        if affords:
            connection.audience.commands += messages
        return affords

    def allow(self, connection, most):
        """Charge for as many messages as its rate allows, at most `most`. Returns how many; with 0 it is held back."""
        allowed = min(most, self.throttle.allowance(connection, self.now))
        if allowed:
            self.charge(connection, allowed)
        else:
            self._hold(connection)
        return allowed

    def charge(self, connection, messages):
        """Count a client's messages, and charge its rate for them."""
        connection.audience.commands += messages
        self.throttle.charge(connection, messages, self.now)

    def owes(self, address, until):
        """A client at an address, of any worker, has used up its rate."""
        self.throttle.remember(address, until)

    def _hold(self, connection):
        """Do not read the client until it is in credit."""
        self.throttle.hold(connection)
        connection.pause()
        self.remember_debt(connection, DEBT_STEP)

    def remember_debt(self, connection, step=0.0):
        """Tell all workers of the client's debt, so that reconnecting does not restore its rate."""
        address = origin(connection.address()[0])
        if self.throttle.remember(address, connection.paid_until, step):
            self.uplink.ask(ToHub.Owes(address, connection.paid_until))

    # ---- the clock

    def _look_at_clock(self):
        if self.stopping and not self._done and not self._latest and not self._postponed \
                and not any(s.state is WAITING for s in self.admission.connections.values()):
            self._done = True
            self.uplink.ask(ToHub.Done())
        if self.now >= self.throttle.next:
            self._each(self.throttle.release(self.now), "catch_up")
        if self.now >= self.turns.next:
            self.turns.give(self.now)
        if self.now - self._next_sweep > STANDSTILL:
            self._next_sweep = self.now + SWEEP  # what was said meanwhile is heard by then, if not in this tick
            self._live()
        elif self.now >= self._next_sweep:
            self._next_sweep = self.now + SWEEP
            self.admission.accept(not self.stopping)
            self._sweep()
            if self.files:
                self.files.sweep(self.now)
            for visitors in self.admission.all_visitors:
                visitors.sweep(self.now)
        self._next_push = self._replica.push_users(self.now) or self._next_sweep

    def _sweep(self):
        self._live()
        self.strangers.look_at_clock(self.now)
        for connection, reason in self.deadlines.overdue(self.now):
            if reason is Reason.SLOW_READER or connection not in self._latest:  # else it may have said it in time
                self._each([connection], "give_up", reason)
        self._each(self.deadlines.lingering(self.now), "close")
        self._each(self.throttle.held(), "notice_reset")
        for hearers in self.audiences.everyone:
            self._each(hearers.kept_waiting(self._settings["limits"]["outbox_bytes"]), "give_up", Reason.NOT_STORED)
        self._look_for_the_silent()
        if self.now >= self._next_idle_sweep:
            limits = self._settings["idle_timeout"]
            self._next_idle_sweep = self.now + min([IDLE_SWEEP] + [limit / 10 for limit in limits.values() if limit])
            idle = [one for one in self.admission.connections.values() if self._is_idle(one)]
            self._each(idle, "leave", Reason.IDLE)

    def _is_idle(self, session):
        limit = self._settings["idle_timeout"][session.audience.protocol]
        return limit and self.now - session.heard_at >= limit and not self._is_ours_to_speak(session)

    def _look_for_the_silent(self):
        """Send silent clients a heartbeat, and end those that stay silent."""
        before, self._last_heartbeats = self._last_heartbeats, self.now
        if not any(map(self.stats.present.get, _WITH_HEARTBEATS)):
            return
        for one in list(self.admission.connections.values()):
            silence = self.now - one.heard_at
            if silence < HEARTBEAT or not one.audience.traits.heartbeat:
                continue
            if self.now - before > STANDSTILL:
                one.heard_at = self.now - HEARTBEAT
            if one.heard_at <= self.now - MOST_SILENCE and not (one.is_behind or self._is_ours_to_speak(one)):
                self._each([one], "leave", Reason.IDLE)
            elif silence // HEARTBEAT > (before - one.heard_at) // HEARTBEAT:
                self._each([one], "send", [one.audience.traits.heartbeat])

    def _is_ours_to_speak(self, session):
        """Is the client silent because of the server: does it wait for an answer, for its rate or for its turn?"""
        return session.state is WAITING or self.throttle.holds(session) or self._has_turn(session)
