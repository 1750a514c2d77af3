"""kill -9 of workers, journal and hub under load: nothing acknowledged is lost, doubled or told otherwise.

Speakers of four protocols say unique texts in the lobby, to each other and to accounts whose owners are away. What was
acknowledged is recorded, and at the end compared with the database and with what a new server tells. The effect of a
loss of power cannot be shown by kill -9: the kernel keeps what was written.
"""
import collections
import contextlib
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import traceback

from parley.conformance.targets import DidNotStart, launch
from stress.proofs import demand
from stress.proofs.clients import Closed, Silence
from stress.proofs.ledger import KINDS, Ledger, Stored, mark_of
from stress.proofs.processes import group, journal_of, wait_until, worker_of
from stress.proofs.voices import Delimited, Dollar, Line, Padded

PROTOCOLS = ("line", "padded", "delimited", "dollar")
CONFIG = {"limits": {"messages_per_second": 0, "outbox_bytes": 1 << 26, "stall_seconds": 60}, "idle_timeout": 0}
VICTIMS = ("worker", "journal", "hub")
PAUSE = 0.02  # seconds between two texts of one speaker
DEPTH = 6  # calls in the report of where a silent client waits
BETWEEN_KILLS = (0.3, 0.9)  # seconds
COMES_BACK = 60.0  # seconds for a new server after the hub was killed
BOX = 150  # messages kept for one account; the server takes about 250 of this length from one address
PADDING = " grün ||x| 'y' \\ \U0001f600 {z} $"  # has something that each protocol might mangle


def prove(say, kills=200, workers=4, seed=None, victims=VICTIMS, pauses=BETWEEN_KILLS):
    """Kill `kills` processes, the `victims` in turn, with pauses (shortest, longest) that `seed` decides."""
    seed = random.randrange(1 << 32) if seed is None else seed
    chance, ledger = random.Random(seed), Ledger()
    say("seed %d" % seed)
    with tempfile.TemporaryDirectory(prefix="durable-") as directory:
        storage = os.path.join(directory, "storage")
        with House(storage, workers, ledger) as house:
            with Speakers(house, ledger, everybody()) as speakers:
                speakers.flow()
                for number in range(kills):
                    time.sleep(chance.uniform(*pauses))  # no synchronisation: any moment is a good one
                    house.kill(victims[number % len(victims)], chance)
                speakers.flow()
        stored, accounts = read(storage)
        with House(storage, workers, ledger) as house:
            ask(house, ledger, stored, accounts)
        report(say, ledger, stored, ledger.judge(stored, accounts))


def report(say, ledger, stored, violated):
    """Report the figures; raises `Violation` if anything is wrong."""
    took = ledger.now()
    say("%d processes killed in %.0f s: %s" % (len(ledger.deaths), took, _counted(what for _, what in ledger.deaths)))
    say("%d messages said, %d acknowledged, %d refused, %d stored; %d accounts acknowledged" % (
        len(ledger.said), len(ledger.acknowledged), len(ledger.refused), len(stored), len(ledger.accounts)))
    say("acknowledged by speaker: %s" % _counted(mark.split(b"-")[0].decode() for mark in ledger.acknowledged))
    say("refused: %s" % _counted(why.decode() for why in ledger.refused.values()))
    marks = {mark_of(message.text) for message in stored}
    heard = {mark_of(text) for life in ledger.heard for text in life}
    say("%d kept for somebody who was away; %d heard by observers in %d lives, of which %d were never stored, and never"
        " acknowledged" % (len(ledger.kept), len(heard), len(ledger.heard), len(heard - marks)))
    counts = collections.Counter(kind for kind, _ in violated)
    say("violations: %s" % ", ".join("%s %d" % (kind, counts[kind]) for kind in KINDS))
    for kind, details in violated[:20]:
        say("%s (%s): %s" % (kind, KINDS[kind], details))
    demand(not violated, "%d violations: %s", len(violated), dict(counts))


def _counted(things):
    return ", ".join("%s %d" % pair for pair in sorted(collections.Counter(things).items()))


# ---- the server


class House:
    """A server on a storage directory, started again, as a service manager would, when its hub is killed."""

    def __init__(self, storage, workers, ledger):
        self._storage = storage
        self._workers = workers
        self._ledger = ledger
        self._server = None
        self._stack = contextlib.ExitStack()
        self._hubs = []

    def __enter__(self):
        self._start()
        return self

    def __exit__(self, *error):
        self._end()
        for pid in self._hubs:
            wait_until(lambda: not group(pid))

    def _start(self):
        try:
            self._server = self._stack.enter_context(launch(
                self._workers, CONFIG, ("--storage", self._storage), seconds=COMES_BACK, protocols=PROTOCOLS))
        except DidNotStart as error:
            demand(False, "the server does not come back after %r: %s", self._ledger.deaths[-2:], error)
        self._hubs.append(self._server.pid)

    def _end(self):
        server, self._server = self._server, None
        self._stack.close()
        if server:
            demand("Traceback" not in server.stderr_text(), "%s", server.stderr_text())

    def address(self, protocol):
        """(host, port) of a protocol; Closed if there is no server at the moment."""
        server = self._server
        if server is None:
            raise Closed("the server is being started again")
        return server.address(protocol)

    def kill(self, what, chance):
        """kill -9 a process of this kind."""
        pid = self._pid(what, chance)
        os.kill(pid, signal.SIGKILL)
        self._ledger.died(what)
        if what == "hub":
            self._end()
            self._start()

    def _pid(self, what, chance):
        if what == "hub":
            return self._server.pid
        if what == "worker":
            return worker_of(self._server, chance.randrange(self._workers))
        return journal_of(self._server, 40)  # its successor may have to wait


# ---- speakers and listeners


class Speakers:
    """All speakers and listeners, each in a thread of its own, until the end of the block."""

    def __init__(self, house, ledger, everybody):
        self._over = threading.Event()
        self._ledger = ledger
        self._failures = []
        self._all = everybody
        for one in self._all:
            one.house, one.ledger = house, ledger
        self._threads = [threading.Thread(target=self._live, args=(one,)) for one in self._all]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        for thread in self._threads:
            thread.join()
        if not error[0]:
            demand(not self._failures, "%s", self._failures)

    def flow(self, seconds=60.0):
        """Wait until every speaker and listener has done something."""
        waiting = {one: one.done for one in self._all}
        deadline = time.monotonic() + seconds
        while waiting:
            demand(not self._failures, "failures: %s", self._failures)
            if time.monotonic() > deadline:
                demand(False, "nothing more from %s", "; ".join(map(self._how_is, waiting)))
            time.sleep(PAUSE)
            waiting = {one: so_far for one, so_far in waiting.items() if one.done <= so_far}

    def _how_is(self, one):
        """What a client does, and why its last connection ended."""
        frame = sys._current_frames().get(self._threads[self._all.index(one)].ident)
        stack = traceback.extract_stack(frame)[-DEPTH:] if frame else ()
        return "%s %r in %s, last ended by %s" % (
            type(one).__name__, one.name, " > ".join(entry[2] for entry in stack), one.ended)

    def _live(self, one):
        """Act with a role; reconnect after each end of its connections."""
        try:
            while not self._over.is_set():
                try:
                    with contextlib.ExitStack() as stack:
                        one.come(stack.enter_context)
                        while not self._over.is_set() and one.stays():
                            one.act()
                            one.done += 1
                            time.sleep(one.pause)
                except OSError as error:
                    one.ended = repr(error)
                    time.sleep(PAUSE)
                except Silence as silence:
                    one.ended = repr(silence)
                    self._ledger.note("silent", "%s" % silence)
        except Exception as error:  # a bug of ours, which would end the thread silently
            self._failures.append(repr(error))


def everybody():
    """The roles of this proof."""
    addressees = [b"delimited0", b"delimited1", b"dollar0", b"dollar1"]
    return [
        *[Speaker(Padded, b"padded%d" % n, [None]) for n in range(3)],
        *[Speaker(Delimited, b"delimited%d" % n, [None]) for n in range(2)],
        *[Speaker(Delimited, b"whisperer%d" % n, addressees) for n in range(2)],
        *[Speaker(Dollar, b"dollar%d" % n, [None, b"dollar%d" % (1 - n)]) for n in range(2)],
        *[Speaker(Line, b"line%d" % n, [None]) for n in range(2)],
        Hoarder(), Founder(), Postman(), Reader(),
        *[Observer(b"observer%d" % n) for n in range(2)],
    ]


class Role:
    """A kind of client. come(enter) connects, and enters the contexts that are to be closed; act() does one thing."""

    house = ledger = name = None
    pause = PAUSE
    done = 0
    ended = None  # why the latest connection has ended
    _count = 0

    def stays(self):
        """Does it go on with its connection?"""
        return True

    def meet(self, enter, kind, name, account=False):
        """A connection that is logged in under this name; account: make an account of that name first."""
        if account and name not in self.ledger.accounts:
            self.found(name)
        voice = enter(kind(self.house.address(kind.__name__.lower()), name))
        voice.enter()
        return voice

    def found(self, name):
        """Make an account; it may exist already, if its acknowledgement was lost."""
        with Delimited(self.house.address("delimited"), name) as voice:
            if voice.create():
                self.ledger.accounts[name] = self.ledger.now()
            elif voice.refusal == b"username already exists":
                self.ledger.accounts.setdefault(name, self.ledger.now())
            else:
                raise Closed("no account for %r: %r" % (name, voice.refusal))

    def utter(self, voice, to):
        """Say a new text, and record the outcome; returns its mark if it was acknowledged, else None."""
        self._count += 1
        mark = b"%b-%d" % (voice.name, self._count)
        text = b"%b %b" % (mark, PADDING.encode() * (self._count % 4))
        text = text.strip()
        self.ledger.say(mark, voice.name, to, text)
        if voice.say(to, text):
            self.ledger.acknowledge(mark)
            return mark
        if voice.refusal is not None:
            self.ledger.refused[mark], voice.refusal = voice.refusal, None
        return None


class Speaker(Role):
    """Says something to each of the receivers `to` in turn; None is the lobby."""

    def __init__(self, kind, name, to):
        self._kind = kind
        self._name = name
        self._to = to

    def come(self, enter):
        self._voice = self.meet(enter, self._kind, self._name, account=self._kind in (Delimited, Dollar))
        if self._kind is Delimited:
            self._voice.deliver()  # or its box would fill up

    def act(self):
        self.utter(self._voice, self._to[self._count % len(self._to)])


class Hoarder(Role):
    """Says something to accounts whose owners never log in."""

    _box = None

    def come(self, enter):
        self._voice = self.meet(enter, Delimited, b"hoarder", account=True)
        self._lookout = self.meet(enter, Dollar, b"lookout", account=True)

    def act(self):
        box = b"box%d" % (self._count // BOX)
        if box != self._box:
            if box not in self.ledger.accounts:
                self.found(box)
            if self._lookout.is_online(box):
                return  # the connection that made it has only just ended
            self._box = box
        mark = self.utter(self._voice, box)
        if mark:
            self.ledger.kept[mark] = box


class Founder(Role):
    """Makes accounts."""

    pause = 0.1

    def come(self, enter):
        """Do nothing: each account is made on a connection of its own."""

    def act(self):
        self._count += 1
        self.found(b"founded%d" % self._count)


class Postman(Role):
    """Says something to an account whose owner is away, and then fetches it as the owner."""

    pause = 0.1
    _box = b"postbox"

    def come(self, enter):
        self.found(self._box) if self._box not in self.ledger.accounts else None
        self._voice = self.meet(enter, Dollar, b"postman", account=True)

    def act(self):
        if self._voice.is_online(self._box):
            return  # it has only just left
        for _ in range(10):
            mark = self.utter(self._voice, self._box)
            if mark:
                self.ledger.kept[mark] = self._box
        fetch(self.house, self.ledger, self._box)


def fetch(house, ledger, box):
    """Log in as the owner of an account, and record which kept messages are delivered."""
    with Delimited(house.address("delimited"), box) as owner:
        owner.enter()
        ledger.delivered.update(map(mark_of, owner.deliver()))


class Reader(Role):
    """Reads the history of the lobby again and again."""

    pause = 0.1
    _last = 0

    def come(self, enter):
        self._voice = self.meet(enter, Line, b"reader")

    def act(self):
        since = random.randrange(self._last + 1) if self.done % 4 == 0 else self._last
        told = self._voice.recall(since)
        if told is None:
            if self._voice.refusal != b"ERR storage-failed":
                self.ledger.note("served", "HISTORY SINCE %d: %r, though %d was shown" % (
                    since, self._voice.refusal, self._last))
            return
        messages, last, _ = told
        for number, sender, text in messages:
            self.ledger.show(number, sender, text)
        self._last = max(self._last, last)


class Observer(Role):
    """Listens to the lobby."""

    pause = 0.0

    def __init__(self, name):
        self._name = name

    def come(self, enter):
        self._voice = self.meet(enter, Line, self._name)
        self._voice.seconds = 0.5
        self._life = []
        self.ledger.heard.append(self._life)

    def act(self):
        with contextlib.suppress(Silence):  # nobody talks at the moment
            self._life.append(self._voice.hear())


# ---- what is left at the end


def read(storage):
    """([Stored] of all messages, {names of accounts}), read from the database itself."""
    path = os.path.join(storage, "parley.db")
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as database:
        sound = database.execute("PRAGMA integrity_check").fetchone()[0]
        demand(sound == "ok", "the database is damaged: %s", sound)
        rows = database.execute("SELECT number, sender, one, other, text FROM messages"
                                " JOIN conversations ON id = conversation ORDER BY number")
        stored = [Stored(number, sender.encode(), (other if sender == one else one).encode() or None, text.encode())
                  for number, sender, one, other, text in rows]
        return stored, {name.encode() for name, in database.execute("SELECT name FROM accounts")}


def ask(house, ledger, stored, accounts):
    """Compare what a server tells with the database, and fetch all messages that are still kept."""
    for box in sorted({*ledger.kept.values()}):
        fetch(house, ledger, box)
    with contextlib.ExitStack() as stack:
        role = Role()
        role.house, role.ledger = house, ledger
        reader = role.meet(stack.enter_context, Line, b"reader")
        _compare(ledger, "the lobby", _lobby(reader), [
            (message.number, message.sender, message.text) for message in stored if message.to is None])
        one = role.meet(stack.enter_context, Dollar, b"dollar0")
        told = one.history(b"dollar1")
        said = [(sender, text) for _, sender, to, text in stored if {sender, to} == {b"dollar0", b"dollar1"}]
        _compare(ledger, "a conversation", told, said[-len(told):])
        other = role.meet(stack.enter_context, Delimited, b"whisperer0")
        told = {*other.accounts()} - {b"reader"}  # which is here, but no account
        _compare(ledger, "the accounts", sorted(told), sorted(accounts))


def _lobby(reader):
    told, last, more = [], 0, True
    while more:
        messages, last, more = reader.recall(last)
        told += messages
    return told


def _compare(ledger, what, told, stored):
    if told != stored:
        missing, extra = [x for x in stored if x not in told][:3], [x for x in told if x not in stored][:3]
        ledger.note("served", "%s: %d told, %d stored; missing %r, extra %r" % (
            what, len(told), len(stored), missing, extra))
