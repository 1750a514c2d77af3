"""The hub: puts everything that happens into one order, and sends it to the workers.

It reads what the workers sent, puts it into the order (`server.order`), decides the requests (`server.chat.register`),
and writes the results to the workers' streams, that of the origin included. Talk passes verbatim: the hub reads the
heads of its frames and numbers them, but in general does not parse their messages.
"""
import collections
import contextlib
import functools
import logging
import selectors
import time

from parley.server.chat.census import Census
from parley.server.chat.contract import Post
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.members import split
from parley.server.chat.operators import Asked, Operators
from parley.server.chat.register import Register
from parley.server.ipc.messages import Noticed, ToHub, ToWorker, entry, messages, packed
from parley.server.ipc.queues import CONTROL, HEAD, KIND_AT, NOT_AWAITED, called, placed, runs, unplaced, words
from parley.server.order.at_hand import AtHand
from parley.server.order.numbers import Numbers
from parley.server.protocols.events import Reason
from parley.server.protocols.text import canonical, one_line
from parley.server.supervisor.door import Door
from parley.server.supervisor.figures import Figures
from parley.server.supervisor.hashing import Verifier
from parley.server.worker.beat import wait_for
from parley.server.worker.strangers import Strangers

LOOK_EVERY = 1.5  # seconds between two looks at who still gives signs of life
MISSED_IF_WELL = 3  # such looks without a sign of life; a worker with more counts as silent
MOST_MISSED = 4  # likewise; a worker with more is stuck
GATHERING = 0.5  # part of `pacing` for which one worker's talk waits for that of the others
FADES = 0.9  # factor by which the number of messages of a usual round falls, at most, from one round to the next
FEW = 4  # users who may enter rooms in one round without making later ones wait
# Seconds between two rounds in which many enter rooms: for each time that a member is told of a newcomer; at most.
TELLING, ARRIVALS_EVERY = 4e-6, 0.02
LONG_ANSWERS = 1 << 18  # bytes of answers in a round; with more, further questions wait for the next
LONGEST_COMMIT = 5.0  # seconds, after which the server is not ready
MOST_LAST_WORDS = 64  # reads of a dead process's queue; what it holds takes fewer
# The slots of its helper processes; those of workers are numbers.
HASHING, JOURNAL, FILES = "hashing", "journal", "files"
PRESSED = 0.002  # seconds between two rounds while a worker that is far behind catches up
ENOUGH_PENDING = 8 << 20  # bytes kept for a worker that is behind; with more, no worker is heard until it catches up
MOST_PENDING = 32 << 20  # bytes kept for one that gives no sign of life either

# Questions whose answers may be long, as `server.worker.lookups` asks them.
_QUESTIONS = frozenset(name for name, kind in messages(ToHub).items() if kind._fields[:1] == ("sessions",))

log = logging.getLogger(__name__)


class Torn(Exception):
    """An exception in the middle of a change: names or accounts may be inconsistent, so the server has to end."""


class Stream:
    """The queues to and from one worker, and what is known of it."""

    def __init__(self, down, up):
        self.down = down
        self.up = up
        self.frames = []  # of this round
        self.waiting = False  # does the hub wait for room in `down`?
        self.missed = 0  # looks since the worker's last sign of life
        self.ready = False  # has the worker begun to serve?
        self.done = False  # has the worker, told to stop, asked its last question?
        self.report = {}  # the latest counters of the worker

    @property
    def is_silent(self):
        """Has it given no sign of life for some seconds?"""
        return self.missed > MISSED_IF_WELL

    def is_pressed(self):
        """Is it far behind, but alive? Then the hub waits for it."""
        return self.down.backlog_size > ENOUGH_PENDING and self.missed <= 1


class Hub(Post):
    """Names, order, and the queues of all workers, by worker number.

    pacing: the delay that saving a round is worth, in seconds (see `server.worker.beat`); 0 if talk never waits.
    accounts: `server.chat.accounts.Accounts`. store: `server.storage.journal.Journal`, or InProcess.
    failed_logins_per_minute, accounts_per_address: see `server.chat.login_throttle.LoginThrottle`.

    aides: {slot: the hub's end of a helper process}. first_worker: the least number of a worker.
    may_serve: may workers be started? has_served: has this server served before, with another hub?
    """

    first_worker = 1
    may_serve = True
    has_served = False

    def __init__(self, pacing, accounts, store, failed_logins_per_minute=0, accounts_per_address=0):
        self.pacing = pacing
        self.verifier = Verifier()
        self.keeper = None  # `server.files.keeper.Keeper`, if files are kept
        self.streams = {}
        self.workers_wanted = 0  # how many there should be
        self.failed = {}  # number of a process that has to be replaced -> what is wrong with it
        self.selector = selectors.DefaultSelector()
        self.strangers = Strangers()
        self.census = Census(self)
        self.store = store
        self._order = accounts.order = self._make_order()
        throttle = LoginThrottle(failed_logins_per_minute, accounts_per_address, self._throttle_clock())
        self.door = Door(self.verifier, self._heeded(throttle), time.monotonic)
        self._numbers = Numbers(store)
        self.register = Register(self, accounts, self.door, throttle, store, self._numbers)
        self._at_once, self._in_order = self.register.tables(self.census, self)
        self.slot_of = lambda worker: worker  # as the log and `status` call a worker
        self.figures = Figures()
        self._asked = Asked(self._order)
        self.reply = self._asked.reply
        self._aides = {}  # number of a helper process -> the hub's end of it: the verifier, the journal
        self.requests_of_operators = {
            name: functools.partial(self._attempt, answer)
            for name, answer in Operators(self.register, accounts, store, self._asked.submit).requests().items()}
        self.requests_of_operators["refill"] = self.refill
        self._changed = False  # has the current request changed names or accounts already?
        self._arrivals = []  # (worker, request) of those who want to enter rooms
        self._questions = collections.deque()  # (worker, name, arguments) of those that wait for another round
        self._answer_bytes = 0  # sent to single workers in this round
        self._stored = None  # (worker, first number, time, runs) of talk that is stored, but not acknowledged yet
        self._stored_next = None  # (worker, number, time) of talk that can join it in one acknowledgement
        self._next_look = self._next_arrivals = time.monotonic()
        self._talked = set()  # workers with talk in this round
        self._expected = set()  # workers with talk in the last round that had any, if they were several
        self._messages = 0  # of talk, in this round
        self._usual = 0.0  # how many messages a full round has lately had
        self._talk_waits = 0.0  # for how many seconds the talk of this round may wait for more
        self._hurries = False  # is there anything in this round that must not wait for talk?

    def _make_order(self):
        return AtHand(self._deliver, time.time)

    def _throttle_clock(self):
        """The clock, in seconds, by which wrong passwords are forgotten."""
        return time.monotonic

    def _heeded(self, throttle):
        """The throttle to which the door reports passwords; a node of a cluster tells the other nodes, too."""
        return throttle

    @property
    def aides(self):
        """See above."""
        aides = {HASHING: self.verifier}
        if self.store.process:
            aides[JOURNAL] = self.store
        if self.keeper:
            aides[FILES] = self.keeper
        return aides

    @property
    def depth(self):
        """How many requests are not answered yet."""
        return self.store.depth

    def set_limits(self, rooms, operators, connections_per_address):
        """Apply the settings that concern the hub: see `server.chat.gate.Gate`, and `server.chat.census.Census`."""
        self.census.most = connections_per_address
        self.register.gate.limits = rooms
        self.register.gate.operators = operators

    def found(self, rooms):
        """Create the rooms that have ports of their own."""
        self.register.entering.found(rooms)

    @staticmethod
    def refill(reply):
        """For an operator: restore the cluster's log, which Redis has lost, from the state of this node."""
        reply({"error": "this server has no log in Redis"})

    def turn(self, wait):
        """One round: read, decide, pass on. Waits at most `wait` seconds for something to do."""
        now = time.monotonic()
        until = min(self._next_look, self.door.next_due)
        if self._questions:
            wait = 0.0
        self._hear_all(max(0.0, min(wait, (min(until, self._next_arrivals) if self._arrivals else until) - now)))
        if self._talked:
            self._gather()
            self._usual = max(self._messages, self._usual * FADES)
            self._expected = self._talked if len(self._talked) > 1 else set()
            self._talked, self._messages, self._talk_waits = set(), 0, 0.0
        if self._arrivals and time.monotonic() >= self._next_arrivals:
            self._let_in()
        self.door.look_at_clock()
        self._look_around()
        if self._questions:
            self.speak()
            self._answer_questions()
        self._hurries, self._answer_bytes = bool(self._questions), 0
        self.speak()

    def _answer_questions(self):
        """Answer waiting questions, one after the other. Talk of this round has been written before."""
        while self._questions and self._answer_bytes < LONG_ANSWERS:
            worker, name, arguments = self._questions.popleft()
            if worker in self.streams:
                self._do(worker, arguments[:1], self._at_once[name], worker, *arguments)

    def _hear_all(self, wait):
        """Read all queues; those of workers only if no worker is so far behind that the hub has to wait for it."""
        pressed = any(stream.waiting and stream.is_pressed() for stream in self.streams.values())
        if pressed:
            time.sleep(PRESSED)
        for key, mask in self.selector.select(wait):
            if isinstance(key.data, int):
                if mask & selectors.EVENT_READ and not (pressed and key.data in self.streams):
                    self._hear(key.data)
            elif key.data is not None:
                key.data.on_ready()
                self._hurries = True

    def _gather(self):
        """There is talk: wait for more of it, so that one round serves all.

        It waits for as long as the workers allow (see `server.worker.beat`). If several workers had talk in the last
        round, it also waits a moment for those of them that have none yet. The wait ends with any request, and as soon
        as there are as many messages as full rounds have had lately.
        """
        now = time.monotonic()
        soon, latest = now + self.pacing * GATHERING, now + self._talk_waits
        while self.pacing and not self._hurries:
            have_all_talked = self._expected <= self._talked
            if have_all_talked and self._messages >= self._usual:
                break
            left = (latest if have_all_talked else max(soon, latest)) - time.monotonic()
            if left <= 0:
                break
            if wait_for(self.selector, left):
                self._hear_all(0)

    def _let_in(self):
        """Decide all requests to enter rooms together: most of the cost is to tell the members who has come."""
        arrivals, self._arrivals = self._arrivals, []
        told = self.register.entering.told_of_newcomers
        for worker, request in arrivals:
            self._order.submit(worker, request)
        if len(arrivals) > FEW:
            told = self.register.entering.told_of_newcomers - told
            self._next_arrivals = time.monotonic() + min(ARRIVALS_EVERY, told * TELLING)

    def _hear(self, number):
        """Read a child's queue: that of a worker or of a helper process."""
        if number in self.streams:
            self._hear_worker(number)
        elif number in self._aides:
            self._hear_aide(number)

    def _hear_worker(self, worker):
        stream = self.streams[worker]
        try:
            frames = stream.up.get()
        except EOFError:
            self.selector.unregister(stream.up)
            self.failed[worker] = "is gone"
            return
        may_wait = None
        for frame in frames:
            if frame[KIND_AT] == CONTROL:
                self._ask(worker, *called(frame))
            else:
                messages, may_wait = unplaced(frame)
                self._messages += messages
                self._order.submit(worker, frame)
        if may_wait is not None:  # the same for all talk of a tick
            self._talked.add(worker)
            self._talk_waits = max(self._talk_waits, may_wait)

    def _ask(self, worker, name, arguments):
        """Handle a worker's message that is not talk."""
        self._hurries = True
        if name == "enter":
            self._arrivals.append((worker, (name, arguments)))
        elif name in self._in_order:
            self._order.submit(worker, (name, arguments))
        elif name in _QUESTIONS and (self._questions or self._answer_bytes >= LONG_ANSWERS):
            self._questions.append((worker, name, arguments))
        else:
            self._do(worker, arguments[:1], self._at_once[name], worker, *arguments)

    def _deliver(self, worker, what):
        """Deliver the next entry of the order: decide it, or pass on talk."""
        if isinstance(what, bytes):
            self._say(worker, what)
        else:
            name, fields = what
            if fields and fields[0]:
                self._do(worker, fields[:1], self._in_order[name], worker, *fields)
            else:  # no session has asked for it
                self._attempt(self._in_order[name], worker, *fields)

    def _say(self, worker, frame):
        """Give talk its numbers and time, and send it to the workers with members in the room, and to the store."""
        kind, room, _, _, count, _, _ = HEAD.unpack_from(frame)
        fit, interest = self.register.moderation.heard(worker, room, frame)
        if fit is None:
            return
        if fit is not frame:
            count = HEAD.unpack_from(fit)[4]
        number = self._numbers.take(count)
        if number is None:
            self._settle(worker, kind, fit, False)
        else:
            frame = placed(fit, number, self._order.now)
            self._pass_on(frame, interest)
            self.store.talk(frame, functools.partial(self._settle, worker, kind, frame))

    def announce(self, frame, then):
        """See `Post.announce`."""
        number = self._numbers.take()
        if number is None:
            then(None)
        else:
            frame = placed(frame, number, self._order.now)
            self._pass_on(frame)
            self.store.talk(frame, then)

    def spread(self, frame, workers):
        """See `Post.spread`."""
        self.change()
        self._pass_on(frame, workers)

    # ---- bugs

    def _do(self, worker, askers, action, *arguments):
        """Call an action for sessions that asked. An exception ends them, or, after a change, the server (Torn).

        askers: a sequence of one item, the first argument of the request: a session of this worker by its number, a
            list of several, or a holder.
        """
        try:
            self._attempt(action, *arguments)
        except Torn:
            raise
        except Exception:
            self.strangers.log_bug(time.monotonic(), "a bug: the session that asked is ended")
            for asker in _each(askers):
                self.worker(asker >> 32 or worker, ToWorker.Evict(asker & 0xFFFFFFFF, Reason.BUG))

    def _attempt(self, action, *arguments, **named):
        """Call an action; raises Torn if it fails after it has changed something."""
        before, self._changed = self._changed, False
        try:
            action(*arguments, **named)
        except Torn:
            raise
        except Exception as error:
            if self._changed:
                raise Torn("a bug in the middle of a change") from error
            raise
        finally:
            self._changed = self._changed or before

    def change(self):
        """Called when all checks are done, before names or accounts change."""
        self._changed = True

    def guarded(self, worker, asker, then):
        """Wrap the callback `then`: a bug in it ends only the session, or the sessions, that it is for."""
        return functools.partial(self._do, worker, [asker], then)

    def _settle(self, worker, kind, frame, stored):
        """Talk is stored, or could not be: tell the sessions that asked for an acknowledgement."""
        if not stored:
            self.worker(worker, ToWorker.Unsaid(words(frame), Reason.NOT_STORED))
        elif kind not in NOT_AWAITED:
            _, _, _, _, count, first, when = HEAD.unpack_from(frame)
            if (worker, first, when) != self._stored_next:
                self._tell_stored()
                self._stored = worker, first, when, []
            self._stored[3].extend(runs(frame))
            self._stored_next = worker, first + count, when

    def _tell_stored(self):
        """Acknowledge stored talk: all of one worker's in one message, which saves most of the cost."""
        if self._stored is not None:
            (worker, first, when, said), self._stored, self._stored_next = self._stored, None, None
            self.worker(worker, ToWorker.Stored(said, first, when // 1000, when))

    def _hear_aide(self, number):
        self._hurries = self._hurries or self._aides[number] is self.verifier  # somebody waits to get in
        try:
            self._aides[number].hear()
        except EOFError:
            self.selector.unregister(self._aides[number].up)
            self.failed[number] = "is gone"

    def _look_around(self):
        """Check periodically which processes give no sign of life, and what has been kept for too long."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY
        self.strangers.look_at_clock(now)
        self._order.submit(0, entry(Noticed.Tidied()))
        for worker, stream in self.streams.items():
            stream.missed += 1
            if stream.missed > MOST_MISSED:
                self.failed[worker] = "does not answer"
        for number, aide in self._aides.items():
            if aide.is_stuck():
                self.failed[number] = "does not answer"

    def speak(self):
        """Write the streams, as far as the queues take them."""
        self._tell_stored()
        for worker, stream in self.streams.items():
            if not stream.frames and not stream.waiting:
                continue
            frames, stream.frames = stream.frames, []
            try:
                stream.down.put(b"".join(frames))
            except BrokenPipeError:
                self.failed[worker] = "is gone"
            if stream.down.backlog_size > MOST_PENDING and stream.missed > 1:
                self.failed[worker] = "is too far behind"
            self._wait_for_room(worker, stream)
        for number, aide in self._aides.items():
            aide.flush()
            self._wait_for_room(number, aide)

    def _wait_for_room(self, worker, stream):
        waiting = stream.down.backlog_size > 0
        if waiting and not stream.waiting:
            self.selector.register(stream.down, selectors.EVENT_WRITE, worker)
        elif stream.waiting and not waiting:
            self.selector.unregister(stream.down)
        stream.waiting = waiting

    # ---- what goes where

    def _pass_on(self, frame, workers=None):
        """Put a frame into the streams of these workers, or of all."""
        if workers is None:
            for stream in self.streams.values():
                stream.frames.append(frame)
        else:
            for worker in workers:
                if worker in self.streams:  # it may have just died
                    self.streams[worker].frames.append(frame)

    def everyone(self, message):
        """Put a message into every worker's stream."""
        self._tell_stored()
        frame = packed(message)
        self.change()
        self._pass_on(frame)

    def some(self, workers, message):
        """Put a message into these workers' streams."""
        self._tell_stored()
        frame = packed(message)
        self.change()
        self._pass_on(frame, workers)

    def worker(self, worker, message):
        """Put a message into one worker's stream, unless it has just died."""
        self._tell_stored()
        if worker in self.streams:
            frame = packed(message)
            self.streams[worker].frames.append(frame)
            self._answer_bytes += len(frame)

    def prove(self, holder, trouble):
        """An account may be made, or may not: see `server.chat.prover.Prover.prove`."""
        self.register.prover.prove(holder, trouble)

    def audit(self, who, holder, act, room, about, text):
        """See `Post.audit`; docs/operating.md has the form of the line."""
        source = "control socket"
        if holder:
            worker, session = split(holder)
            host = self.register.members.host(holder) or "?"
            source = "%s worker %s session %d" % (host, self.slot_of(worker), session)
        fields = {"who": who, "from": source.encode(), "act": act.encode(), "room": room, "about": about, "text": text}
        log.info("audit", {name: _in_one_line(value) or None for name, value in fields.items()})

    def place_of(self, worker):
        """The slot of a worker, by which operators know it; None if it has just died."""
        return self.slot_of(worker)

    def report(self, host, name, reason):
        """Something was refused to somebody: see `Door.report`."""
        self.door.report(host, name, reason)

    def status(self):
        """The server's status, in plain values. A worker's report is as old as its last sign of life."""
        workers = {
            self.slot_of(worker): {
                "ready": stream.ready, "silent": stream.is_silent, "missed_signs_of_life": stream.missed,
                "queued_bytes": stream.down.backlog_size, "report": stream.report}
            for worker, stream in self.streams.items()
        }
        told = self.figures.told([stream.report for stream in self.streams.values()])
        return dict(self.register.count(), workers=workers, workers_wanted=self.workers_wanted,
                    journal=self.store.status(), files=self.keeper.status() if self.keeper else {}, **told)

    # ---- workers come and go

    def attach(self, worker, down, up):
        """A worker has been forked; these are our ends of its queues."""
        self.streams[worker] = Stream(down, up)
        self.selector.register(up, selectors.EVENT_READ, worker)
        self.register.admit(worker)

    def attach_aide(self, number, aide, down, up):
        """A process that works for the hub has been forked."""
        self._aides[number] = aide
        self.selector.register(up, selectors.EVENT_READ, number)
        aide.attach(down, up)

    def take_leave(self):
        """Stop reading from the workers, and tell all processes to end."""
        self.everyone(ToWorker.End())
        self.speak()
        self.dismiss_aides()

    def dismiss_aides(self):
        """Close the queues to the helper processes, which then exit."""
        self._numbers.close()
        for aide in self._aides.values():
            aide.flush()
        for number in list(self._aides):
            self._close(*self._aides.pop(number).detach())

    def detach(self, number):
        """A process is dead: its queues are closed, and if it was a worker, the names of its clients are free."""
        if number in self._aides:
            aide = self._aides.pop(number)
            with contextlib.suppress(EOFError):
                for _ in range(MOST_LAST_WORDS):
                    aide.hear()  # what it has said last still counts
            self._close(*aide.detach())
        elif number in self.streams:
            stream = self.streams.pop(number)
            self._close(stream.down, stream.up)
            self.figures.lose(stream.report)
            self._lose(number)
        self.failed.pop(number, None)

    def _lose(self, worker):
        self._order.submit(worker, entry(Noticed.Lost()))
        self.census.lose(worker)

    def _close(self, *queues):
        for queue in queues:
            try:
                self.selector.unregister(queue)
            except KeyError:
                pass  # not watched at the moment
            queue.close()

    def let_go(self):
        """In a forked child: close what belongs to the parent."""
        self.selector.close()
        for aide in self._aides.values():
            for queue in aide.detach():
                queue.close()
        for stream in self.streams.values():
            stream.up.close()
            stream.down.close()

    # ---- what workers tell of themselves

    def owes(self, worker, address, until):
        """Somebody at an address has used up the rate; reconnecting, to any worker, does not restore it."""
        self.everyone(ToWorker.Owes(address, until))

    def ready(self, worker):
        """The worker has begun to serve."""
        self.streams[worker].ready = True

    def ask_health(self, worker):
        """The worker asks for the server's health."""
        self.worker(worker, ToWorker.Health(self._troubles()))

    def ask_status(self, worker):
        """The worker asks for the server's status."""
        self.worker(worker, ToWorker.Status(self.status()))

    def _troubles(self):
        troubles = []
        ready = sum(stream.ready and not stream.is_silent for stream in self.streams.values())
        if ready < self.workers_wanted:
            troubles.append("%d of %d workers serve" % (ready, self.workers_wanted))
        journal = self.store.status()
        if not self.store.ready or journal["failing"] or journal["waiting"] and journal["seconds"] > LONGEST_COMMIT:
            troubles.append("the journal does not commit")
        return troubles

    def alive(self, worker, report):
        """The worker gives a sign of life."""
        self.streams[worker].missed = 0
        self.streams[worker].report = report

    def done(self, worker):
        """Told to stop, the worker has nothing more to ask."""
        self.streams[worker].done = True


def _each(askers):
    """The sessions, or holders, that a request is for; none if it is the worker's own."""
    asker = askers[0] if askers else ()
    return [asker] if isinstance(asker, int) else asker if isinstance(asker, list) else ()


def _in_one_line(text):
    """Text for the log, without line ends and control characters."""
    return one_line(canonical(text)).replace(b"\t", b" ").decode()
