"""The hub of one node of a cluster: it appends its requests to a shared log, and applies the entries of all nodes.

All nodes apply the same entries in the same order, so they reach the same state: who has which name, what was said, and
which number it has. Whatever else a decision needs is in the entries, or is a setting that is the same on all nodes.
See docs/architecture.md, *Several machines*.
"""
import functools
import logging
import time
import unicodedata
import zlib

from parley.server.chat.members import holder_of, split
from parley.server.chat.moderation import SERVER
from parley.server.chat.names import claims
from parley.server.ipc.codec import Malformed
from parley.server.ipc.messages import Noticed, Shared, ToEngine, ToWorker, entry, handlers
from parley.server.ipc.queues import words
from parley.server.order.engine import Engine
from parley.server.order.replicated import Replicated
from parley.server.order.scripts import COUNT_BITS, GONE, OLDEST, VERSION
from parley.server.protocols.events import Reason
from parley.server.supervisor import snapshot
from parley.server.supervisor.hub import HASHING, Hub, Torn

SILENT = "the engine is silent"
ENGINE = "engine"  # the slot of the process that talks to the engine
BEAT_EVERY = 1.0  # seconds
LOOK_AT_ORDER = 0.25  # seconds between two looks at late packets and silent nodes
FLOWS = 2.0  # seconds under way of an own packet; then the silence of other nodes means nothing
MOST_SKEW = 60.0  # seconds between the clocks of this machine and of the engine; more is logged
STARTS_WITHIN = 10.0  # seconds in which a server that starts has to reach the engine
GRACE = 3.0  # seconds beyond `silence_seconds` until a node with other settings gives up: by then dead nodes are found
PIECE, WHILE_TAKING = 256 << 10, 0.005  # bytes of a snapshot that are passed on in a turn; the longest turn, in seconds
ENTRIES_OF_SNAPSHOT = 50000  # entries after which there is a new snapshot
FENCED, FOREIGN, DIFFERS = REJOINS = ("fenced", "foreign", "differs")
WORKER_BITS = 16  # of a worker's number; the bits above are the number of its node

# Messages of workers about themselves and about this server, which never go into the log.
_FOR_ITSELF = frozenset(["owes", "ready", "alive", "done", "ask_health", "ask_status"])
# Messages that a hub alone handles at once, and that have to go into the log here.
_ORDERED = frozenset(["describe", "located", "arrived", "departed"])
# While the engine does not answer: requests that are dropped as nobody waits for an answer; that are refused; and whose
# refusal goes to an operator.
_DROPPED = frozenset([
    "typing", "away", "real_name", "watch", "mark_read", "tidied", "beat", "wrong_password", "right_password",
    "follow"])
_REFUSED = frozenset([
    "claim_unproven", "claim_guest", "claim_name", "open_account", "replace_password", "rename", "delete", "whisper",
    "enter", "exit", "manage", "resume", "describe", "log_out", "set_name", "set_flag", "identified", "whois",
    "wallops", "read_mark", "publish_devices", "set_metadata", "say_outside",
    "redact"])
_REPLIED = frozenset(["set_password", "remove_account", "empty_box", "manage_room", "announce"])

log = logging.getLogger(__name__)


class Unusable(Exception):
    """The node cannot take part; the text says why, and what to do."""


class Rejoin(Exception):
    """The node has to join again, with the state of the others; the text says why. reason: one of REJOINS."""

    def __init__(self, reason, why):
        super().__init__(why)
        self.reason = reason


class SharedLoginThrottle:
    """Reports wrong and right passwords to all nodes."""

    def __init__(self, throttle, tell):
        self.wait = throttle.wait
        self._tell = tell

    def failed(self, host, name):
        """See `parley.server.chat.login_throttle.LoginThrottle`."""
        self._tell(Shared.WrongPassword(host, name))

    def succeeded(self, host, name):
        """Likewise."""
        self._tell(Shared.RightPassword(host, name))


class ClusterHub(Hub):
    """A hub whose order is the log of all nodes.

    place: `parley.server.order.place.Place`.
    settings: {name: value} of those that have to be the same on all nodes, beside those that `set_limits` and `found`
        are given.
    introduced: (name, secret) of the accounts in the users file.
    past: {"served": has this process served before? Then it waits for the engine without a limit; and for each of
        REJOINS: how often it has joined again for this reason}.

    number: of this node; 0 until it has joined. token: see `parley.server.order.scripts`. applied: the id of the latest
    entry. nodes: {number: name} of the nodes that are alive; serving: {number: True} of those that have clients.
    workers: {number of a node: {worker: True}}. shared: the settings in force. version: of the log, in force.
    kept: the number of the entry of the latest snapshot.
    """

    def __init__(self, place, settings, introduced, past, *arguments):
        self.number = 0
        self.token = self.applied = ""
        self.nodes, self.serving, self.workers, self.shared, self.kept, self.version = {}, {}, {}, {}, 0, OLDEST
        self._place = place
        self._settings = dict(settings, unicode=unicodedata.unidata_version)
        self._introduced = introduced
        self.has_served = bool(past["served"])
        self._past = past
        self._at = 0  # number of the latest entry
        self._bytes = 0  # of entries since the latest snapshot
        self._is_keeping = False  # is a snapshot being made, that has not been told to all nodes yet?
        self._is_wanted = False  # has somebody asked for a snapshot, of any age?
        self._tried = 0  # number of the entry at which the last snapshot was begun
        self._taking = None  # `snapshot.Taking`, until all of it has been passed to the engine's process
        self._pieces = []  # of a snapshot that is being read
        self._reply_to_refill = None  # a function of the reply, while an operator waits for `refill`
        self._gone = set()  # holders whose end has been submitted, while questions from before wait
        self._silence = {}  # number of a node -> seconds since its latest entry, while the log was read
        self._sums = {}  # number of an entry -> checksum of the state after it
        self._agreed = 0  # number of the latest entry after which the checksum was that of the first node
        self._where = ""  # the server from which the log is read
        self._trouble = None  # why the engine does not answer; "" if it does; None until it is known
        self._skewed = None  # the direction in which the clocks differ, as was logged
        self._logged = []  # why the engine does not answer, or packets do not get through, as logged since it last did
        self._logged_at = 0.0  # when the latest of these was logged, monotonic seconds
        self._caught_up_at = self._settled_at = None  # monotonic seconds
        self._began_at = self._looked_at = self._heard_at = time.monotonic()
        self._next_beat = 0.0
        super().__init__(*arguments)
        self.engine = Engine(place, self._order, self)
        self._login_throttle = self.register.enrollment._login_throttle
        self._of_nodes = handlers(Shared, self)
        self._rearrange()
        self.reply = self._reply_here
        self._parts = snapshot.parts(
            self.register, self.register._accounts, self.census, self.store._store, self._numbers, self)

    def _rearrange(self):
        """Answer questions on this node, once all earlier requests of its sessions are decided; log everything else."""
        ordered, at_once = self._in_order, self._at_once
        for name in _ORDERED:
            ordered[name] = at_once.pop(name)
        for name in at_once.keys() - _FOR_ITSELF:
            at_once[name] = functools.partial(self._answer_later, at_once[name])
        ordered["lost"] = self._apply_lost
        if ordered.keys() & self._of_nodes.keys():
            raise TypeError("two messages of one name")

    def _answer_later(self, action, worker, *arguments):
        self._order.after_own(functools.partial(self._answer, action, worker, *arguments))

    def _answer(self, action, worker, asker, *arguments):
        """Answer, unless the asker is gone: its claim might follow its end in the log, and the name never be freed."""
        if worker in self.streams and not (isinstance(asker, int) and holder_of(worker, asker) in self._gone):
            self._do(worker, (asker,), action, worker, asker, *arguments)

    # ---- what a hub alone does otherwise

    def _make_order(self):
        return Replicated(self._deliver, self._refuse)

    def _throttle_clock(self):
        return lambda: self._order.now / 1000

    def _heeded(self, throttle):
        return SharedLoginThrottle(throttle, self._tell_nodes)

    @property
    def aides(self):
        """See `Hub`."""
        return {HASHING: self.verifier, ENGINE: self.engine}

    @property
    def first_worker(self):
        """See `Hub`."""
        return self.number << WORKER_BITS | 1

    @property
    def may_serve(self):
        """Does this node have the state and the settings of the others?"""
        return self._settled_at is not None

    @property
    def depth(self):
        """See `Hub`."""
        return self._order.depth

    def set_limits(self, rooms, operators, connections_per_address):
        """See `Hub`. Once this node serves, they take effect on all nodes."""
        self._settings.update(rooms=dict(rooms), operators=sorted(operators),
                              connections_per_address=connections_per_address)
        if self.may_serve:
            self._tell_nodes(Shared.Configure(self._settings))

    def found(self, rooms):
        """See `Hub`."""
        self._settings["ports"] = sorted(rooms)

    def attach(self, worker, down, up):
        """See `Hub`."""
        if worker >> WORKER_BITS != self.number:
            raise Rejoin(FENCED, "it has had as many workers as one node can have")
        super().attach(worker, down, up)

    def attach_aide(self, number, aide, down, up):
        """See `Hub`."""
        if aide is self.engine:
            self._pieces, self._is_keeping = [], False
            self._take_no_more()
            self.refilled("", "the process that talks to Redis has ended; try it again")
        super().attach_aide(number, aide, down, up)

    def _ask(self, worker, name, arguments):
        if name == "release":
            holder = holder_of(worker, arguments[0])
            self.register.prover.forget(holder)
            if not self._order.is_asked:
                self._gone.clear()
            self._gone.add(holder)
        super()._ask(worker, name, arguments)

    def _lose(self, worker):
        self.register.prover.lose(worker)
        self._order.submit(worker, entry(Noticed.Lost()))

    def _apply_lost(self, worker):
        self.register.lost(worker)
        self.census.lose(worker)
        self.workers.get(worker >> WORKER_BITS, {}).pop(worker, None)

    def audit(self, who, holder, act, room, about, text):
        """See `Hub`: only on the node on which it was asked for."""
        if not holder or split(holder)[0] in self.streams:
            super().audit(who, holder, act, room, about, text)

    def _reply_here(self, token, error):
        if token >> 32 == self.number:
            self._asked.reply(token, error)

    def dismiss_aides(self):
        """See `Hub`. Tells the other nodes that this one is gone."""
        self._take_no_more()
        self.engine.tell(ToEngine.Bury(self.number, self.token))
        super().dismiss_aides()

    def let_go(self):
        """See `Hub`."""
        super().let_go()
        if self._taking:
            self._taking.let_go()

    def place_of(self, worker):
        """See `Hub`."""
        slot = self.slot_of(worker)
        return self.nodes.get(worker >> WORKER_BITS) if slot is None else slot

    # ---- what is asked, and delivered

    def _deliver(self, worker, what):
        if not isinstance(what, bytes):
            name, fields = what
            if name in self._of_nodes:
                self._of_nodes[name](worker >> WORKER_BITS, *fields)
                return
            if name not in self._in_order:
                raise Unusable("another node is of a newer version: it says %r, which this one does not know" % name)
        if worker:
            self.workers.setdefault(worker >> WORKER_BITS, {})[worker] = True
        try:
            super()._deliver(worker, what)
        except Exception:  # all nodes have done the same, and have the same state
            log.critical("a bug: what was asked is done in part, on all nodes", exc_info=True)

    def _do(self, worker, askers, action, *arguments):
        try:
            super()._do(worker, askers, action, *arguments)
        except Torn:
            log.critical("a bug: what was asked is done in part, on all nodes", exc_info=True)

    def _refuse(self, worker, what):
        """Refuse a request, as the engine does not answer; False if it must be submitted nevertheless."""
        if isinstance(what, bytes):
            self.worker(worker, ToWorker.Unsaid(words(what), Reason.NOT_STORED))
            return True
        name, fields = what
        if name in _REFUSED:
            self.refuse(holder_of(worker, fields[0]), Reason.NOT_STORED)
        elif name == "say_once":
            session, *_, serial = fields
            self.worker(worker, ToWorker.Unsaid([(session, serial)], Reason.NOT_STORED))
        elif name == "deliver":
            self.refuse_all(worker, fields[0], Reason.NOT_STORED)
        elif name in _REPLIED:
            self.reply(fields[1], "the engine of the cluster does not answer; `status` says more")
        else:
            return name in _DROPPED
        return True

    # ---- what the engine says

    def piece(self, piece):
        """A piece of a snapshot."""
        self._pieces.append(piece)

    def restore(self, applied):
        """Begin with the state that the pieces contain."""
        pieces, self._pieces = self._pieces, []
        try:
            snapshot.restore(self._parts, b"".join(pieces))
        except Malformed as error:
            raise Unusable("the snapshot in the engine cannot be used: %s" % error) from None
        self._go_to(applied)
        self._heed(self.shared)

    def _go_to(self, id_):
        self.applied = id_
        self._at = int(id_.partition("-")[0])

    def joined(self, number, token, run):
        """See `FromEngine.Joined`."""
        self.number, self.token = number, token
        self.store.identity = run
        self._asked.count_from(number << 32 | 1)
        log.info("joined %(name)s as node %(node)s", {"name": self._place.name, "node": self._place.node})

    def entries(self, entries):
        """Apply the next entries of the log."""
        for place, (id_, fields) in enumerate(entries, 1):
            number, who = map(int, id_.split("-"))
            if number != self._at + 1:
                raise Rejoin(FOREIGN, "the log goes on with entry %d behind entry %d" % (number, self._at))
            self._at, self.applied = number, id_
            node, count = who >> COUNT_BITS, who & (1 << COUNT_BITS) - 1
            self._silence[node] = 0.0
            when = int(fields[b"t"])
            if b"f" in fields:
                self._bytes += len(fields[b"f"])
                try:
                    self._order.apply(when, fields[b"f"], count if node == self.number else None)
                except Malformed as error:
                    raise Unusable("entry %s of the log cannot be read: %s" % (id_, error)) from None
            elif b"u" in fields:
                self._order.now = when
                self._up(int(fields[b"m"]), fields[b"u"].decode())
            elif b"d" in fields:
                self._order.now = when
                if int(fields[b"d"]) == self.number:  # if another one has the name now, it came in the same script
                    self.fenced(any(later.get(b"u") == self._place.node.encode() for _, later in entries[place:]))
                self._dead(int(fields[b"d"]))
            if b"v" in fields:
                self._heed_version(int(fields[b"v"]))
            if b"s" in fields:
                self._is_wanted = True
        self._heard_at = time.monotonic()
        if self._trouble:
            self.working("", "")
        self._keep_state()

    def _heed_version(self, version):
        """From here on all nodes use this version of the log."""
        if not OLDEST <= version <= VERSION:
            raise Unusable("version %d of Parley's log is in force, and this server can read and write %d to %d" % (
                version, OLDEST, VERSION))
        self.version = version

    def _up(self, number, name):
        self.nodes[number] = name
        self._silence[number] = 0.0
        if number == self.number:
            if name != self._place.node:
                raise Rejoin(FENCED, "node %s has got the number of this one, whose arrival was lost" % name)
            self._caught_up_at = time.monotonic()
        elif self.number:
            log.info("node %(node)s is here", {"node": name})

    def _dead(self, number):
        name = self.nodes.pop(number, None)
        self.serving.pop(number, None)
        self._silence.pop(number, None)
        for worker in [*self.workers.get(number, ())]:
            self._order.apply_one(worker, entry(Noticed.Lost()))
        self.workers.pop(number, None)
        if self.number:
            log.warning("node %(node)s is gone", {"node": name})

    def working(self, why, where):
        """See `FromEngine.Working`."""
        if where and where != self._where:
            log.info("reading from %(where)s", {"where": where})
        self._where = where or self._where
        if why and (not self._trouble or why == GONE != self._trouble):
            log.error("the engine does not answer: %(why)s", {"why": why})
            self._logged, self._logged_at = [why], time.monotonic()
        elif not why and self._trouble:
            log.warning("the engine answers again")
            self._logged = []
        self._trouble = why

    def fenced(self, replaced):
        """The other nodes have declared this node dead."""
        if replaced:
            raise Unusable("another process has joined %s as node %s; each node needs a name of its own"
                           " (storage.redis.node)" % (self._place.name, self._place.node))
        raise Rejoin(FENCED, "the others have taken this node for dead")

    def foreign(self, why):
        """The log is not the one that this node knows."""
        raise Rejoin(FOREIGN, why)

    def unusable(self, why):
        """The engine cannot be used."""
        raise Unusable("the engine at %s cannot be used: %s" % (self._place.shown, why))

    # ---- what nodes tell each other

    def _tell_nodes(self, message):
        self._order.tell(self.number << WORKER_BITS, entry(message))

    def beat(self, node, place, checksum):
        """See `Shared.Beat`. All nodes compare the checksum of the node with the lowest number with their own."""
        if node == self.number:
            self._compare_clocks()
        if self.nodes and node == min(self.nodes):
            own = self._sums.get(place)
            if own is not None and own == checksum:
                self._agreed = place
            elif own is not None:
                raise Rejoin(DIFFERS, "its state differs from that of node %s, at entry %d" % (
                    self.nodes[node], place))
            self._sums = {self._at: self._checksum()}

    def _compare_clocks(self):
        """Messages have the engine's time; this machine's is in its log."""
        skew = time.time() - self._order.now / 1000
        which = None if abs(skew) <= MOST_SKEW else "ahead of" if skew > 0 else "behind"
        if which and which != self._skewed:
            log.warning("the clock of this machine is %(seconds).0f s %(which)s that of Redis", {
                "seconds": abs(skew), "which": which})
        self._skewed = which

    def _checksum(self):
        """Of the names in use, the accounts and the latest message number."""
        names, accounts = self.register.members.names, self.register._accounts.accounts
        text = b"\0".join([*names.values(), b"", *accounts, b"%d" % self._numbers.last])
        return zlib.crc32(text)

    def serve(self, node):
        """A node has clients from now on."""
        self.serving[node] = True

    def configure(self, node, settings):
        """These settings are in force."""
        self.shared = settings
        self._heed(settings)

    def _heed(self, settings):
        if settings:
            super().set_limits(settings["rooms"], frozenset(settings["operators"]),
                               settings["connections_per_address"])
            super().found(settings["ports"])

    def introduce(self, node, name, secret):
        """There is an account of this name, unless it or one that looks like it was there before."""
        accounts = self.register._accounts
        if name not in accounts.accounts and not accounts.owners(claims(name)):
            accounts.open(name, tuple(claims(name)), secret)

    def wrong_password(self, node, host, name):
        """A password was wrong."""
        self._login_throttle.failed(host, name)

    def right_password(self, node, host, name):
        """A password was right."""
        self._login_throttle.succeeded(host, name)

    def snapshot(self, node, place):
        """There is a snapshot."""
        self.kept = place
        self._bytes = 0
        self._is_wanted = False

    def _keep_state(self):
        """If the latest snapshot is old, and this node has the lowest number, begin another one."""
        is_due = self._at - self.kept > ENTRIES_OF_SNAPSHOT or self._bytes > self._place.log_bytes // 4
        is_due = is_due and self._at - self._tried > ENTRIES_OF_SNAPSHOT // 10
        if (is_due or self._is_wanted) and not self._is_keeping and self.may_serve and self.number == min(self.nodes):
            self._is_keeping, self._tried, self._is_wanted = True, self._at, False
            self._taking = snapshot.Taking(self._parts, self.applied, self.kept)

    def _go_on_taking(self):
        """Pass the next piece of a snapshot to the engine's process, unless that has not taken the last one yet."""
        if self.engine.waiting:
            return
        try:
            piece = self._taking.read(PIECE)
        except EOFError:
            log.error("a snapshot could not be taken: the process that was to write it has ended")
            self._is_keeping, self._taking = False, None
            self.refilled("", "the process that was to write all of it has ended; is there memory for it?")
            return
        if piece:
            self.engine.tell(ToEngine.Piece(piece, not self._taking.has_begun))
            self._taking.has_begun = True
        elif piece is not None:
            self.engine.tell(self._refill() if self._reply_to_refill else ToEngine.Keep(
                self._taking.applied, self._taking.floor))
            self._taking = None

    def _take_no_more(self):
        taking, self._taking = self._taking, None
        if taking:
            taking.stop()

    def stored(self, applied):
        """The snapshot is stored, or could not be."""
        self._is_keeping = False
        if applied:
            self._tell_nodes(Shared.Snapshot(int(applied.partition("-")[0])))

    def refill(self, reply):
        """See `Hub`."""
        if self._trouble != GONE or not self.may_serve:
            reply({"error": "Redis has not lost the log, or this node has not found out; `status` would say so"})
        elif self._reply_to_refill:
            reply({"error": "it is being done"})
        else:
            self._take_no_more()
            self._reply_to_refill, self._is_keeping = reply, True
            self._taking = snapshot.Taking(self._parts, self.applied, 0)

    def _refill(self):
        """The message that begins a new log with this node's state. Others have no token in it, so they join again."""
        return ToEngine.Refill(self._taking.applied, self.store.identity, self.version, [
            (number, name, *((self.token, self._order.through) if number == self.number else ("", 0)))
            for number, name in sorted(self.nodes.items())])

    def refilled(self, applied, why):
        """See `FromEngine.Refilled`: reply to the operator."""
        reply, self._reply_to_refill = self._reply_to_refill, None
        if reply:
            reply({"error": why} if why else {"entry": self._at})
            self.stored(applied)
            if applied:
                self.audit(SERVER, 0, "refill", b"", self._place.name.encode(), applied.encode())

    # ---- the clock

    def turn(self, wait):
        """See `Hub`."""
        if self._taking:
            wait = WHILE_TAKING
            self._go_on_taking()
        super().turn(min(wait, self.engine.due_in,
                         LOOK_AT_ORDER if self._order.depth or not self.may_serve else BEAT_EVERY / 2))
        now = time.monotonic()
        passed = now - self._looked_at
        if passed >= LOOK_AT_ORDER:
            self._looked_at = now
            self._look_at_nodes(now, min(passed, BEAT_EVERY))

    def _look_at_nodes(self, now, passed):
        if not self.may_serve:
            self._settle_in(now, passed)
        if not self.number:
            return
        if now >= self._next_beat:
            self._next_beat = now + BEAT_EVERY
            self._tell_nodes(Shared.Beat(*next(iter(self._sums.items()), (0, 0))))
        self._order.look_at_clock()
        self._look_for_delay(now)
        if not self._trouble and self.engine.hangs(passed):
            self.failed.update((number, "does not answer") for number, aide in self._aides.items()
                               if aide is self.engine)
        if self.may_serve and not self._order.is_late(FLOWS) and not self._trouble:
            self._look_for_silence(passed)

    def _look_for_delay(self, now):
        """Log why nothing gets through: each reason once until it is mended, and at most one in FLOWS seconds."""
        is_late = self._order.is_late(FLOWS)
        if self._trouble:
            self._log_why("the engine does not answer: %(why)s", self._trouble, now)
        elif is_late:
            self._log_why("what is said here does not get through the log: %(why)s", self._why_late(), now)
        elif self._logged:
            self._logged = []
            log.warning("what is said here gets through the log again")

    def _log_why(self, words, why, now):
        if why not in self._logged and (self._logged in ([], [SILENT]) or now - self._logged_at > FLOWS):
            self._logged.append(why)
            self._logged_at = now
            log.error(words, {"why": why})

    def _why_late(self):
        """Why a packet has been under way for so long, for people."""
        if self.engine.has_accepted:
            return "the log has it, and it does not come from %s" % (self._where or "the server that is read from")
        return self.engine.refusal or SILENT

    def _look_for_silence(self, passed):
        """Bury nodes that have been silent for too long. passed: seconds since the last look."""
        for node in self.nodes:
            if node != self.number:
                self._silence[node] = self._silence.get(node, 0.0) + passed
                if self._silence[node] > self._place.silence_seconds:
                    log.warning("node %(node)s has said nothing for %(seconds).0f s", {
                        "node": self.nodes[node], "seconds": self._silence[node]})
                    self._silence[node] = 0.0
                    self.engine.tell(ToEngine.Bury(node))

    def _settle_in(self, now, passed):
        """While joining: find out when this node may serve."""
        if self._caught_up_at is None:
            if not self.has_served and now - self._began_at > STARTS_WITHIN and self._trouble:
                raise Unusable("the engine at %s does not answer: %s" % (self._place.shown, self._trouble))
        elif self._settings == self.shared:
            introduced, self._introduced = self._introduced, ()
            for name, secret in introduced:
                if name not in self.register._accounts.accounts:
                    self._tell_nodes(Shared.Introduce(name, secret))
            if not self._order.depth:  # all accounts are there, those of operators too, before clients come
                self._settled_at = now
                self._tell_nodes(Shared.Serve())
        elif not self.serving and self.number == min(self.nodes):
            if not self._order.depth:
                self._tell_nodes(Shared.Configure(self._settings))
        elif self.serving and now - self._caught_up_at > self._place.silence_seconds + GRACE:
            raise Unusable(self._difference())
        else:
            self._look_for_silence(passed)

    def _difference(self):
        others = ", ".join(name for number, name in sorted(self.nodes.items()) if number != self.number)
        names = [name for name in sorted(self._settings) if self._settings[name] != self.shared.get(name)]
        return ("the settings differ from those of the other nodes (%s), and have to be the same: %s" % (
            others, "; ".join("%s is %s here and %s there" % (
                name, self._settings[name], self.shared.get(name)) for name in names)))

    # ---- how it is

    def _troubles(self):
        troubles = super()._troubles()
        if not self.may_serve:
            troubles.append("this node has not caught up with the others")
        elif self._order.is_late(FLOWS) or self._trouble:
            troubles.append("the engine does not answer")
        return troubles

    def status(self):
        """See `Hub`."""
        late = self._order.is_late(FLOWS)
        return dict(super().status(), cluster={
            "rejoins": {reason: self._past[reason] for reason in REJOINS},
            "role": "replica" if self._where.startswith("the replica") else "master",
            "lag_seconds": round(self._order.lag, 3),
            "name": self._place.name, "node": self._place.node, "number": self.number, "entry": self._at,
            "agreed": self._agreed, "version": self.version,
            "engine": self._place.shown, "read_from": self._where,
            "trouble": self._trouble or (self._why_late() if late else ""),
            "waiting": self._order.depth, "sent_again": self.engine.sent_again, "snapshot": self.kept,
            "seconds": round(time.monotonic() - self._heard_at, 1),
            "nodes": {name: {"number": number, "silent_seconds": round(self._silence.get(number, 0.0), 1)}
                      for number, name in sorted(self.nodes.items())}})
