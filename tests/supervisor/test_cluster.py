"""The hubs of two nodes, and a log between them that is in this process."""
import collections
import itertools
import logging
import os
import time
import types

import pytest
from queue_ends import two_ends

from parley.server.chat.accounts import Accounts
from parley.server.chat.gate import LIMITS
from parley.server.chat.names import claims
from parley.server.ipc.messages import FromEngine, Operated, Proven, ToEngine, ToHub, messages, packed
from parley.server.ipc.queues import AWAITED, control, record, talk
from parley.server.order import engine as engine_module
from parley.server.order import replicated, scripts
from parley.server.order.place import Place
from parley.server.order.scripts import COUNT_BITS
from parley.server.protocols.events import Reason
from parley.server.storage.journal import InProcess
from parley.server.storage.memory import Store
from parley.server.supervisor import cluster as cluster_module
from parley.server.supervisor import snapshot
from parley.server.supervisor.cluster import ClusterHub, Rejoin, Unusable

SILENCE = 6
HOST = "192.0.2.1"
SECONDS = 60.0  # a bound against hanging, by the true clock


class Log:
    """What the engine does, at once."""

    def __init__(self, clock):
        self._clock = clock
        self._numbers = itertools.count(1)
        self.entries = []
        self.through = {}
        self.snapshot = None
        self.works = True

    def _append(self, who, **fields):
        fields = {name.encode(): value for name, value in fields.items()}
        fields[b"t"] = b"%d" % (self._clock.time() * 1000)
        self.entries.append(("%d-%d" % (len(self.entries) + 1, who), fields))

    def join(self, name):
        number = next(self._numbers)
        self.through[number] = 0
        self._append(number << COUNT_BITS, u=name.encode(), m=b"%d" % number)
        return number

    def submit(self, number, count, packet):
        if count == self.through[number] + 1:
            self.through[number] = count
            self._append(number << COUNT_BITS | count, f=packet)

    def bury(self, number):
        if self.through.pop(number, None) is not None:
            self._append(number << COUNT_BITS, d=b"%d" % number)

    def since(self, at):
        return self.entries[at:]


class Node:
    """A hub, and what goes between it and the log."""

    def __init__(self, log, name, attach, most=LIMITS["most"], introduced=()):
        store = InProcess(Store(lambda: accounts.order.now / 1000))
        accounts = Accounts(store)
        self.hub = ClusterHub(
            Place("redis://h:1/0", (), "", "none", None, "parley", name, SILENCE, 1 << 20), {"guests": True},
            introduced, collections.Counter(), 0, accounts, store, 3, 1000)
        self.hub.set_limits(dict(LIMITS, most=most), frozenset(), 0)
        self.hub.found([])
        self.log, self.name, self._attach, self.worker = log, name, attach, None
        self.told = []  # the engine's process
        self.kept = []  # what is to become a snapshot
        self.hub.engine.tell = self.told.append
        if log.snapshot:
            self.hub.piece(log.snapshot[0])
            self.hub.restore(log.snapshot[1])
        self.hear()
        self.hub.joined(log.join(name), "token", b"run")

    def hear(self):
        if self.log.works:
            self.hub.entries(self.log.since(self.hub._at))

    def say(self):
        """What the process does with what it is told."""
        self.hub.engine.flush()
        told, self.told[:] = list(self.told), []
        for message in told:
            if type(message) is ToEngine.Submit and self.log.works and self.hub.number in self.log.through:
                self.log.submit(self.hub.number, message.serial, message.packet)
            elif type(message) is ToEngine.Bury:
                self.log.bury(message.number)
            elif type(message) in (ToEngine.Piece, ToEngine.Keep, ToEngine.Refill):
                self.kept.append(message)

    def turn(self):
        self.hub.turn(0)
        self.say()
        self.hear()
        self.hub.speak()

    def serve(self):
        """Attach a worker."""
        assert self.hub.may_serve
        self.worker = self._attach(self.hub, self.hub.first_worker)
        self.number = self.hub.first_worker
        return self


@pytest.fixture
def log(clock, monkeypatch):
    for module in (cluster_module, replicated, engine_module):
        monkeypatch.setattr(module, "time", clock)
    return Log(clock)


@pytest.fixture
def make_node(log, attach):
    nodes = []

    def make(name, **more):
        nodes.append(Node(log, name, attach, **more))
        return nodes[-1]

    yield make
    for node in nodes:
        for stream in node.hub.streams.values():
            stream.up.close()
            stream.down.close()
        node.hub.selector.close()


@pytest.fixture
def both(make_node, run):
    """Two nodes that serve, with a worker each."""
    nodes = make_node("a"), make_node("b")
    run(nodes, 2)
    for node in nodes:
        node.serve()
    run(nodes, 1)
    for node in nodes:
        node.worker.heard()
    return nodes


@pytest.fixture
def run(clock):
    """Lets the time pass for nodes."""

    def run(nodes, seconds):
        for _ in range(int(seconds * 4)):
            clock.now += 0.25
            for node in nodes:
                node.turn()

    return run


def claim(number, name):
    return control("claim_unproven", number, name, tuple(claims(name)), "Login", False, HOST)


def login(node, run, number, name):
    node.worker.say(claim(number, name))
    run([node], 1)


def says(node, text, number=1, kind=AWAITED):
    node.worker.say(talk(0, node.number, [record(number, b"ann", text, 7)], kind))


def kinds(heard):
    return collections.Counter(one[0] for one in heard if not isinstance(one, bytes))


def test_who_is_first_in_the_log_has_the_name(both, run):
    a, b = both
    b.worker.say(claim(5, b"ann"))
    a.worker.say(claim(1, b"ann"))
    for node in both:
        node.turn()
    run(both, 1)
    heard_a, heard_b = a.worker.heard(), b.worker.heard()
    assert kinds(heard_a)["joined"] == kinds(heard_b)["joined"] == 1
    b_probes, a_probes = kinds(heard_b)["probe"], kinds(heard_a)["probe"]
    assert a_probes + b_probes == 1  # the worker of who has it is asked whether its client is there, on whichever node
    for node, heard in ((a, heard_a), (b, heard_b)):
        for one in heard:
            if one[0] == "probe":
                node.worker.say(control("probed", one[2], one[1]))
    run(both, 1)
    refused = [one for node in both for one in node.worker.heard() if one[0] == "refused"]
    assert [one[2] for one in refused] == [Reason.NAME_TAKEN]
    assert a.hub.register.members.names == b.hub.register.members.names


def claim_that_waits(number):
    """A claim whose password is looked at once what comes before it is decided."""
    return control("away", 1, True), control("claim", number, b"eve", tuple(claims(b"eve")), "Login", b"", HOST)


def test_who_leaves_before_its_claim_is_put_into_the_order_has_no_name(both, run):
    a, b = both
    a.worker.say(*claim_that_waits(5), control("release", 5), *claim_that_waits(6))
    run(both, 1)
    assert [*b.hub.register.members.names] == [a.number << 32 | 6]


def test_nor_has_one_whose_worker_is_lost_before(both, run):
    a, b = both
    a.worker.say(*claim_that_waits(5))
    a.hub.turn(0)
    a.hub.detach(a.number)
    run(both, 1)
    assert not b.hub.register.members.names


def test_a_server_that_is_not_the_node_whose_arrival_is_told_joins_anew(both):
    a, _ = both
    with pytest.raises(Rejoin, match="number of this one"):
        a.hub._up(a.hub.number, "c")


def test_a_node_leaves_when_a_version_is_in_force_that_it_does_not_know(both):
    a, _ = both
    assert a.hub.version == scripts.OLDEST
    with pytest.raises(Unusable, match="version %d .* is in force" % (scripts.VERSION + 1)):
        a.hub.entries([("%d-0" % (a.hub._at + 1), {b"t": b"1", b"v": b"%d" % (scripts.VERSION + 1)})])


def test_what_is_said_is_heard_on_all_nodes_in_one_order_with_the_same_numbers(both, run):
    a, b = both
    for node, number in ((a, 1), (b, 2)):
        login(node, run, number, node.name.encode())
    run(both, 1)
    for node in both:
        node.worker.came()
    for number in range(5):
        for node in both:
            says(node, b"%s%d" % (node.name.encode(), number))
            node.turn()
    run(both, 1)
    one, other = [[frame for frame in node.worker.came() if frame[0] == AWAITED] for node in both]
    assert one == other and len(one) == 10


def test_what_follows_is_asked_for_in_the_order_in_which_it_was(both, run):
    a, b = both
    login(a, run, 1, b"ann")
    a.worker.heard()
    a.log.works = False
    says(a, b"hi")
    a.worker.say(control("recall", [1], None, 5))
    a.hub.turn(0)
    assert not kinds(a.worker.heard())["Recalled"]
    a.log.works = True
    run(both, 1)
    recalled = [one for one in a.worker.heard() if one[0] == "Recalled"]
    assert [message[2] for message in recalled[0][2]] == [b"hi"]


def test_a_node_that_is_silent_is_buried_once_and_its_names_are_free(both, run):
    a, b = both
    login(b, run, 1, b"bob")
    run([a], SILENCE - 1)
    assert 2 in a.log.through
    run([a], 3)
    assert 2 not in a.log.through
    assert kinds(a.worker.heard())["left"] == 1
    assert not a.hub.register.members.names and list(a.hub.nodes.values()) == ["a"]
    with pytest.raises(Rejoin):
        run([b], 1)


def test_nobody_is_buried_for_a_silence_of_the_engine(both, run):
    a, b = both
    a.log.works = False
    run(both, 5 * SILENCE)
    a.log.works = True
    run(both, 2 * SILENCE)
    assert set(a.log.through) == {1, 2} and a.hub.nodes == b.hub.nodes == {1: "a", 2: "b"}


def test_without_the_engine_who_asks_is_refused_after_a_while_and_questions_are_answered(both, run):
    a, b = both
    login(a, run, 1, b"ann")
    run(both, 1)
    a.worker.heard()
    a.log.works = False
    says(a, b"under way")
    run([a], 1)
    says(a, b"waits")
    a.worker.say(claim(7, b"dan"), control("recall", [1], None, 5))
    run([a], 2)
    heard = kinds(a.worker.heard())
    assert heard["Recalled"] == 1 and not heard["unsaid"]
    assert a.hub._troubles()[-1:] == ["the engine does not answer"]
    run([a], 9)
    heard = kinds(a.worker.heard())
    assert heard["unsaid"] == heard["refused"] == 1
    a.worker.say(control("release", 1))  # this cannot be refused
    run([a], 1)
    a.log.works = True
    run(both, 2)
    assert not b.hub.register.members.names
    assert [message[2] for message in b.hub.store._store.lobby(None, 9)[0]] == [b"under way"]


def test_why_what_is_said_does_not_get_through_is_told_to_operators_once(both, run, caplog):
    """The engine answers, and takes nothing."""
    a, b = both
    for happens, words in ((lambda: a.hub.engine.doubt("it has no memory"), "it has no memory"),
                           (lambda: a.hub.engine.accepted(a.hub._order.under_way.serial), "does not come from there"),
                           (lambda: None, "the engine is silent")):
        caplog.clear()
        a.log.works = False
        for _ in range(5):
            says(a, b"hi")
            run([a], 1)
            a.hub.working("", "there")
            happens()
        assert words in a.hub.status()["cluster"]["trouble"]
        (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
        assert words in record.getMessage() % record.args
        a.log.works = True
        run(both, 2)
        assert a.hub.status()["cluster"]["trouble"] == ""
        assert "again" in caplog.records[-1].getMessage()


def test_each_reason_is_logged_once_and_not_many_at_a_time(both, run, caplog):
    a, _ = both

    def logged():
        return [record.getMessage() % record.args for record in caplog.records]

    a.log.works = False
    for why in ("the connection is lost", *["wrong password"] * 20, *["no such user", "wrong password"] * 8):
        a.hub.working(why, "")
        run([a], 0.25)
    assert logged() == ["the engine does not answer: the connection is lost",
                        "the engine does not answer: wrong password",
                        "the engine does not answer: no such user"]
    a.hub.working("", "there")
    a.log.works = True
    run(both, 2)
    caplog.clear()
    a.log.works = False
    says(a, b"hi")
    run([a], 3)
    a.hub.engine.doubt("it has no memory")
    run([a], 1)
    assert logged() == ["what is said here does not get through the log: the engine is silent",
                        "what is said here does not get through the log: it has no memory"]
    for why in ("its disk is full", "it is a replica"):
        a.hub.engine.doubt(why)
        run([a], 2.5)
    assert [line.rpartition(": ")[2] for line in logged()[2:]] == ["its disk is full", "it is a replica"]


def test_a_wrong_clock_is_told_once(both, run, caplog):
    log = both[0].log
    for skew, words in ((3600, "3600 s behind"), (-100, "100 s ahead of"), (0, None), (-90, "90 s ahead of")):
        log._clock = types.SimpleNamespace(time=lambda: cluster_module.time.time() + skew)
        run(both, 4)
        assert [record.getMessage() % record.args for record in caplog.records] == (
            ["the clock of this machine is %s that of Redis" % words] * 2 if words else [])
        caplog.clear()


@pytest.fixture
def process(both):
    """The hub's queue from the process of the first node that talks to the engine, which has given a sign of life."""
    hub = both[0].hub
    (down, down_end), (up_end, up) = two_ends(), two_ends()
    hub.attach_aide(99, hub.engine, down, up)
    up_end.put(packed(FromEngine.Working("", "there")))
    yield up_end
    hub.detach(99)
    for end in (down_end, up_end):
        end.close()


def test_a_process_that_hangs_is_replaced_before_the_node_is_buried_unless_it_is_the_engine_that_hangs(
        both, run, process):
    hub = both[0].hub
    run(both, 1)
    assert 99 not in hub.failed
    process.put(packed(FromEngine.Working("no answer", "")))
    both[0].log.works = False
    run(both, 5)
    assert 99 not in hub.failed, "it may have to wait for several servers, one after the other"
    both[0].log.works = True
    process.put(packed(FromEngine.Working("", "there")))
    run(both, SILENCE // 2)
    assert hub.failed[99] == "does not answer"


def test_a_packet_that_is_not_heard_is_sent_again(both, run):
    a, b = both
    a.log.works = False
    says(a, b"once")
    run([a], 4)
    assert a.hub.engine.sent_again >= 2
    a.log.works = True
    run(both, 2)
    assert [message[2] for message in b.hub.store._store.lobby(None, 9)[0]] == [b"once"]


def keep(node, nodes, run, kind=ToEngine.Keep):
    """Wait for a snapshot, which is taken by a process."""
    deadline = time.monotonic() + SECONDS
    while not node.kept or type(node.kept[-1]) is not kind:
        assert time.monotonic() < deadline
        run(nodes, 0.25)


def test_a_node_that_joins_goes_on_from_a_snapshot(both, run, make_node, monkeypatch):
    a, b = both
    login(a, run, 1, b"ann")
    says(a, b"before")
    run(both, 1)
    monkeypatch.setattr(cluster_module, "ENTRIES_OF_SNAPSHOT", 5)
    keep(a, both, run)
    *pieces, (applied, floor) = a.kept
    assert [piece.is_first for piece in pieces] == [True] + [False] * (len(pieces) - 1)
    assert not b.kept  # only the first one makes it
    a.log.snapshot = b"".join(message.piece for message in pieces), applied
    a.hub.stored(applied)
    run(both, 1)
    assert a.hub.kept == b.hub.kept == int(applied.partition("-")[0]) and floor == 0
    says(a, b"behind")
    run(both, 1)
    c = make_node("c")
    run([a, b, c], 2)
    c.serve()
    assert c.hub.register.members.names == a.hub.register.members.names
    assert [message[2] for message in c.hub.store._store.lobby(None, 9)[0]] == [b"before", b"behind"]
    assert c.hub._checksum() == a.hub._checksum()


def test_a_snapshot_that_somebody_asks_for_is_taken_by_one_node(both, run):
    a, b = both
    a.log._append(0, s=b"")
    run(both, 1)
    keep(a, both, run)
    a.hub.stored(a.kept[-1].applied)
    run(both, 2)
    kept = len(a.kept)
    run(both, 3)
    assert a.hub.kept == b.hub.kept > 0 and len(a.kept) == kept and not b.kept
    assert not b.hub._is_wanted, "or it would take one again when it is the first"


def test_a_snapshot_that_cannot_be_written_is_none_and_is_made_anew(both, run, monkeypatch, caplog):
    a, b = both
    monkeypatch.setattr(cluster_module, "ENTRIES_OF_SNAPSHOT", 5)
    with monkeypatch.context() as broken:
        broken.setattr(snapshot, "taken", None)
        deadline = time.monotonic() + SECONDS
        while "could not be taken" not in caplog.text:
            assert time.monotonic() < deadline
            run(both, 0.25)
        assert not a.kept
    keep(a, both, run)


def test_what_is_not_read_of_a_snapshot_ends_with_the_node(both, run, monkeypatch):
    a, _ = both
    monkeypatch.setattr(cluster_module, "ENTRIES_OF_SNAPSHOT", 5)
    monkeypatch.setattr(a.hub, "_go_on_taking", lambda: None)
    run(both, 3)
    process = a.hub._taking._pid
    a.hub.dismiss_aides()
    assert a.hub._taking is None
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.fixture
def refill():
    """What is answered to an operator who asks a node for it."""

    def ask(node):
        replies = []
        node.hub.requests_of_operators["refill"](replies.append)
        return replies

    return ask


def test_the_engine_that_has_lost_the_log_goes_on_with_what_a_node_has_come_to(both, run, refill):
    a, b = both
    login(a, run, 1, b"ann")
    run(both, 1)
    lost, = refill(a)
    assert "has not lost the log" in lost["error"]
    a.log.works = False
    a.hub.working("it restarts", "")
    a.hub.working(scripts.GONE, "")
    says(a, b"waits")
    run([a], 3)
    assert a.hub._troubles()[-1:] == ["the engine does not answer"]
    asked = refill(a)
    assert refill(a) == [{"error": "it is being done"}] and not asked
    keep(a, [a], run, ToEngine.Refill)
    *pieces, told = a.kept
    through = a.hub._order.under_way.serial - 1
    assert told == (a.hub.applied, b"run", scripts.OLDEST, [(1, "a", "token", through), (2, "b", "", 0)])
    a.hub.refilled(told.applied, "")
    assert asked == [{"entry": a.hub._at}]
    a.log.snapshot, a.log.works = (b"".join(message.piece for message in pieces), told.applied), True
    run([a], 2)  # what waits is said again within a second
    assert a.hub.kept == int(told.applied.partition("-")[0]) and not a.hub._trouble
    assert [message[2] for message in a.hub.store._store.lobby(None, 9)[0]] == [b"waits"]


def test_an_operator_is_told_if_the_log_cannot_be_made_anew(both, run, refill, monkeypatch):
    a, _ = both
    a.hub.working(scripts.GONE, "")
    a.log.works = False
    asked = refill(a)
    a.hub.refilled("", "there is a log again")
    assert asked == [{"error": "there is a log again"}]
    monkeypatch.setattr(snapshot, "taken", None)
    asked, deadline = refill(a), time.monotonic() + SECONDS
    while not asked:
        assert time.monotonic() < deadline
        run([a], 0.25)
    assert "has ended" in asked[0]["error"]
    asked, ((down, far), (other, up)) = refill(a), (two_ends(), two_ends())
    a.hub.attach_aide(99, a.hub.engine, down, up)
    assert "try it again" in asked[0]["error"]
    a.hub.detach(99)
    for end in (far, other):
        end.close()


def test_who_has_come_to_something_else_joins_anew(both, run):
    a, b = both
    b.hub.register.members.names[7] = b"nobody else's"
    with pytest.raises(Rejoin, match="its state differs from that of node a"):
        run(both, 3)


def test_settings_that_decide_have_to_be_the_same(both, run, make_node):
    c = make_node("c", most=7)
    with pytest.raises(Unusable, match="rooms is .*'most': 7"):
        run([*both, c], 3 * SILENCE)
    assert not c.hub.may_serve


def test_settings_that_are_read_again_are_those_of_all_nodes(both, run):
    a, b = both
    b.hub.set_limits(dict(LIMITS, most=7), frozenset([b"ann"]), 0)
    run(both, 1)
    assert a.hub.register.gate.limits["most"] == 7 and a.hub.register.gate.operators == {b"ann"}


def test_accounts_of_a_users_file_are_made_once(make_node, run):
    a = make_node("a", introduced=[(b"Alice", "secret")])
    run([a], 2)
    b = make_node("b", introduced=[(b"Alice", "other"), (b"alice", "alike"), (b"Bob", "secret")])
    run([a, b], 3)
    for node in (a, b):
        accounts = node.hub.register._accounts.accounts
        assert {name: account.secret for name, account in accounts.items()} == {b"Alice": "secret", b"Bob": "secret"}


def test_a_node_serves_once_the_accounts_of_its_users_file_are_there(make_node, clock):
    a = make_node("a", introduced=[(b"Alice", "secret")])
    for _ in range(9):
        clock.now += 0.25
        a.hub.turn(0)
        assert not a.hub.may_serve or b"Alice" in a.hub.register._accounts.accounts
        a.say()
        a.hear()
    assert a.hub.may_serve


def test_who_is_replaced_under_its_name_does_not_come_back(both):
    with pytest.raises(Unusable, match="name of its own"):
        both[0].hub.fenced(True)
    with pytest.raises(Rejoin):
        both[0].hub.fenced(False)


@pytest.mark.parametrize("name, ends", [(b"a", Unusable), (b"c", Rejoin), (None, Rejoin)])
def test_who_reads_that_it_is_dead_reads_whether_another_one_has_its_name(both, name, ends):
    hub = both[0].hub
    entries = [{b"d": b"%d" % hub.number}, {b"v": b"%d" % hub.version}, *([{b"u": name, b"m": b"9"}] if name else [])]
    with pytest.raises(ends, match="name of its own" if ends is Unusable else "taken this node for dead"):
        hub.entries([("%d-0" % (hub._at + place), {b"t": b"1", **fields}) for place, fields in enumerate(entries, 1)])


def test_a_gap_in_the_log_is_noticed(both):
    a, _ = both
    with pytest.raises(Rejoin):
        a.hub.entries([("%d-0" % (a.hub._at + 2), {b"t": b"1"})])


def test_what_operators_ask_is_answered_where_they_ask(both, run):
    a, b = both
    replies = []
    a.hub.requests_of_operators["passwd"](replies.append, name="ann", secret="s")
    b.hub.requests_of_operators["passwd"](replies.append, name="bob", secret="s")
    run(both, 1)
    assert replies == [{"done": True}] * 2
    assert set(b.hub.register._accounts.accounts) == {b"ann", b"bob"}


def test_wrong_passwords_are_counted_over_all_nodes(both, run):
    a, b = both
    for _ in range(40):
        a.hub.door._login_throttle.failed(HOST, b"ann")
    run(both, 1)
    assert a.hub.door._login_throttle.wait(HOST, b"ann") == b.hub.door._login_throttle.wait(HOST, b"ann") > 0


def test_a_member_of_another_node_is_described_by_it(both, run):
    a, b = both
    login(b, run, 4, b"bob")
    login(a, run, 1, b"ann")
    run(both, 1)
    a.worker.say(control("describe", 1, b"bob"))
    run(both, 1)
    asked, = [one for one in b.worker.heard() if one[0] == "locate"]
    b.worker.say(control("located", asked[2], b"bob", HOST, 77))
    run(both, 1)
    described, = [one for one in a.worker.heard() if one[0] == "Described"]
    assert described[1:] == ([1], b"bob", HOST, 77)


# What a session asks and waits for nothing, and what changes something that must not be forgotten.
ASKED_UNTIL_IT_IS_DONE = {
    "bring", "came_by", "located", "probed", "read", "release", "taken", "timed", "told", "arrived", "departed"}


def test_of_each_request_it_is_known_what_becomes_of_it_without_the_engine(both):
    """A new one that is in no list would be neither answered nor refused while the engine is silent."""
    cluster, ordered = cluster_module, both[0].hub._in_order
    asked = {name for direction in (ToHub, Proven, Operated) for name in messages(direction) if name in ordered}
    kinds = [cluster._DROPPED, cluster._REFUSED, cluster._REPLIED, {"say_once", "deliver"}, ASKED_UNTIL_IT_IS_DONE]
    of_the_hub = {"beat", "wrong_password", "right_password", "tidied"}
    new, gone = asked - set().union(*kinds), set().union(*kinds) - asked - of_the_hub
    assert not new, (
        "Say what becomes of %s while the engine of a cluster is silent. In server/supervisor/cluster.py: _REFUSED, if"
        " who has asked waits for an answer, and is told that nothing comes of it; _DROPPED, if nobody waits; _REPLIED,"
        " if an operator asks by the control socket. Here: ASKED_UNTIL_IT_IS_DONE, if it must be done in the end. What"
        " only asks needs none of this, but @changes_nothing at its handler." % ", ".join(sorted(new)))
    assert not gone, "these are no requests: " + ", ".join(sorted(gone))
    assert sum(map(len, kinds)) == len(set().union(*kinds)), "a request is in two lists"


def test_the_status_tells_of_all_nodes(both, run):
    a, _ = both
    status = a.hub.status()["cluster"]
    assert status["node"] == "a" and set(status["nodes"]) == {"a", "b"} and status["trouble"] == ""
    assert status["role"] == "master" and status["lag_seconds"] == 0 and status["rejoins"]["fenced"] == 0
