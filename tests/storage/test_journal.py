"""The journal: by hand, with both ends of its queues in one process; and with processes that are killed."""
import contextlib
import multiprocessing
import os
import select
import signal
import sqlite3
import tempfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numbered import Numbered

from parley.server.ipc.messages import ToStore, packed
from parley.server.ipc.queues import Queue, called, control, placed
from parley.server.storage import backup as backup_module
from parley.server.storage import journal as journal_module
from parley.server.storage import scribe as scribe_module
from parley.server.storage.database import Database
from parley.server.storage.journal import MOST_UNANSWERED, TALK_SIZE, InProcess, Journal
from parley.server.storage.memory import Store
from parley.server.storage.scribe import LATER, Scribe

PATIENCE = 60  # seconds that an answer may really take
FULL = sqlite3.OperationalError("database or disk is full")
FORK = multiprocessing.get_context("fork")


def texts(found):
    """Of what a store says of the lobby."""
    return [text for _, _, text, _ in found[0]]


class CountingDatabase(Database):
    """Counts its transactions, and fails in them as it is told."""

    transactions = 0
    trouble = None

    @contextlib.contextmanager
    def transaction(self):
        self.transactions += 1
        with super().transaction():
            yield
            if self.trouble:
                raise self.trouble


class ByHand:
    """A process that does something when the test says so."""

    def __init__(self, journal, store, make_queue):
        self.store = store
        (down, self.down), (self.up, up) = make_queue(), make_queue()
        self._journal = journal
        self._scribe = None
        journal.attach(down, up)

    def work(self, answer=True):
        """As `Journal.process` does it, once."""
        self._journal.flush()
        frames = self.down.get()
        if frames and self._scribe is None:
            entry, (run, answered) = called(frames.pop(0))
            assert entry == "begin"
            self._scribe = Scribe(self.store, run, answered)
            self.up.put(control("through", self._scribe.through))
        if frames:
            results = self._scribe.write(frames)
            if answer:
                scribe = self._scribe
                self.up.put(control("results", results, scribe.broken, scribe.failing, scribe.commit_seconds))
        elif self._scribe and self._scribe.failing and self._scribe.try_again():
            self.up.put(control("results", [], False, False, None))
        self._hear()

    def _hear(self):
        if select.select([self._journal.up], [], [], 0)[0]:
            self._journal.hear()

    def die(self):
        """And the hub notices."""
        self.down.close()
        self.up.close()
        with pytest.raises(EOFError):
            while True:
                self._journal.hear()
        for queue in self._journal.detach():
            queue.close()


@pytest.fixture
def journal():
    journal = Numbered(Journal(None))
    yield journal
    for queue in journal.detach():
        queue.close()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "parley.db")


@pytest.fixture
def start(journal, path, make_queue):
    """Starts a process by hand, with the test's one database."""
    processes = []

    def make():
        processes.append(ByHand(journal, CountingDatabase(path, "system"), make_queue))
        return processes[-1]

    yield make
    for process in processes:
        process.down.close()
        process.up.close()
        process.store.close()


@pytest.fixture
def told():
    """What was told, in order: (whatever name it was asked under, the result)."""
    return []


@pytest.fixture
def say(journal, told, spoken):
    """Says something, under its own text."""
    return lambda text: journal.talk(spoken(text), lambda result: told.append((text, result)))


@pytest.fixture
def read(journal, told):
    """Asks what was said, under a name."""
    return lambda name: journal.ask(lambda result: told.append((name, result and texts(result))), "lobby", 0, 1000)


# ---- asking and answering


def test_a_process_is_told_of_the_run_before_it_is_asked_anything(journal, start, say):
    say(b"one")
    process = start()
    journal.flush()
    say(b"two")
    journal.flush()
    ((entry, (run, answered)),) = [called(frame) for frame in process.down.get()]
    assert (entry, len(run), answered) == ("begin", 16, 0)
    assert not journal.ready


def test_whoever_asks_is_answered_in_order_once_it_is_stored(journal, start, say, read, told):
    process = start()
    say(b"one")
    read("lobby")
    say(b"two")
    process.work()
    assert (journal.ready, told, journal.depth) == (True, [], 3)
    process.work()
    assert told == [(b"one", True), ("lobby", [b"one"]), (b"two", True)]
    assert (journal.depth, journal.status()["waiting"], journal.status()["bytes"]) == (0, 0, 0)


def test_what_was_asked_meanwhile_is_one_transaction(journal, start, say, told):
    process = start()
    process.work()
    for number in range(100):
        say(b"%d" % number)
        journal.flush()
    process.work()
    assert told == [(b"%d" % number, True) for number in range(100)]
    assert process.store.transactions == 1


def test_what_is_only_read_is_no_transaction(start, read, told):
    process = start()
    process.work()
    for number in range(5):
        read(number)
    process.work()
    assert told == [(number, []) for number in range(5)]
    assert process.store.transactions == 0


def test_who_is_answered_may_ask_at_once(journal, start, spoken, told):
    process = start()
    process.work()

    def ask_on(result):
        told.append(result)
        if len(told) < 3:
            journal.talk(spoken(b"more"), ask_on)

    journal.talk(spoken(b"one"), ask_on)
    for _ in range(3):
        process.work()
    assert told == [True] * 3
    assert journal.depth == 0


# ---- a process dies


def test_what_was_committed_but_not_answered_is_not_written_twice(start, say, told):
    first = start()
    first.work()
    say(b"one")
    say(b"two")
    first.work(answer=False)
    first.die()
    assert told == []
    second = start()
    say(b"three")
    second.work()
    assert told == [(b"one", True), (b"two", True)]
    second.work()
    assert told == [(b"one", True), (b"two", True), (b"three", True)]
    assert texts(second.store.lobby(0, 9)) == [b"one", b"two", b"three"]


def test_what_was_not_committed_is_written_by_the_successor(journal, start, say, told):
    first = start()
    first.work()
    say(b"one")
    journal.flush()
    first.die()
    say(b"two")
    second = start()
    second.work()
    second.work()
    assert told == [(b"one", True), (b"two", True)]
    assert texts(second.store.lobby(0, 9)) == [b"one", b"two"]


def test_what_was_to_be_read_is_asked_again(start, say, read, told):
    first = start()
    first.work()
    say(b"one")
    read("lobby")
    first.work(answer=False)
    first.die()
    second = start()
    second.work()
    second.work()
    assert told == [(b"one", True), ("lobby", [b"one"])]
    say(b"two")
    second.work(answer=False)
    second.die()
    third = start()
    third.work()
    third.work()
    assert told[2:] == [(b"two", True)]
    assert texts(third.store.lobby(0, 9)) == [b"one", b"two"]


def test_another_run_of_the_server_knows_nothing_of_the_requests_of_this_one(start, say, told, make_queue, spoken):
    process = start()
    process.work()
    say(b"one")
    process.work()
    process.die()
    other = Numbered(Journal(None))
    other.last = 1  # number given before
    successor = ByHand(other, process.store, make_queue)
    other.talk(spoken(b"two"), told.append)
    successor.work()
    successor.work()
    assert told == [(b"one", True), True]
    assert texts(process.store.lobby(0, 9)) == [b"one", b"two"]
    successor.die()


REQUESTS = st.lists(st.sampled_from(["say", "say", "whisper", "read", "work", "mute", "die"]), max_size=40)


@pytest.mark.slow
def test_whenever_processes_die_everything_is_written_once_and_answered_once(make_queue, spoken, monkeypatch):
    monkeypatch.setattr(journal_module, "HOPELESS", 1 << 30)

    @given(REQUESTS)
    @example(["work", "read", "work", "die", "work", "say", "mute"])  # what was only read is in no database
    @example(["work", "say", "read", "read", "say", "mute", "work", "die", "read", "say", "mute"])
    def property_(requests):
        said, told, journal = [], [], Numbered(Journal(None))
        with tempfile.TemporaryDirectory() as directory:
            store = Database(os.path.join(directory, "parley.db"), "system")
            process = ByHand(journal, store, make_queue)
            for number, request in enumerate(requests):
                text = b"%d" % number
                if request == "say":
                    said.append(text)
                    journal.talk(spoken(text), lambda result, text=text: told.append((text, result)))
                elif request == "whisper":
                    journal.ask(lambda result, text=text: told.append((text, result)),
                                "whisper", b"ann", b"bob", text, False)
                elif request == "read":
                    journal.ask(lambda result, text=text, so_far=list(said): told.append(
                        (text, set(so_far) <= set(texts(result)) or result)), "lobby", 0, 1000)
                elif request == "die":
                    process.die()
                    process = ByHand(journal, store, make_queue)
                else:
                    process.work(answer=request == "work")
                    if request == "mute":
                        process.die()
                        process = ByHand(journal, store, make_queue)
            for _ in range(3):
                process.work()
            process.die()
            whispered = [text for _, text, _ in store.conversation(b"ann", b"bob")]
            lobby = texts(store.lobby(0, 1000))
            store.close()
        assert lobby == said
        asked = [b"%d" % number for number, request in enumerate(requests) if request in ("say", "whisper", "read")]
        assert sorted(told) == sorted((text, True) for text in asked)
        written = [b"%d" % number for number, request in enumerate(requests) if request in ("say", "whisper")]
        assert [text for text, _ in told if text in written] == written
        assert [text for text, _ in told if text not in written] == [text for text in asked if text not in written]
        assert whispered == [text for text in written if text not in said]

    property_()


def test_one_process_that_does_nothing_is_not_the_end_and_two_are(start, say, told):
    say(b"one")
    start().die()
    assert told == []
    start().die()
    assert told == [(b"one", None)]
    say(b"two")
    assert told[1:] == [(b"two", None)]


def test_whoever_asks_after_that_is_heard_again_once_there_is_a_process_that_works(start, say, told):
    for _ in range(2):
        start().die()
    process = start()
    say(b"too early")
    process.work()
    say(b"one")
    process.work()
    assert told == [(b"too early", None), (b"one", True)]
    assert texts(process.store.lobby(0, 9)) == [b"one"]


# ---- copies


def test_a_request_that_is_answered_with_no_is_answered(journal, start, told):
    process = start()
    process.work()
    journal.ask(told.append, "redact", 0, 7, [b"bob"], (1 << 63) - 1, b"(removed)")
    process.work()
    assert told == [False]


@pytest.fixture
def slow_copies(monkeypatch):
    """None of them is ever done."""
    monkeypatch.setattr(backup_module, "PAGES", 1)
    monkeypatch.setattr(backup_module, "STEPS", 10)
    monkeypatch.setattr(backup_module, "PAUSE", 2 * PATIENCE)


@pytest.fixture
def back_up(journal, told, tmp_path):
    """Asks for a copy."""
    return lambda name: journal.ask(lambda result: told.append((name, result)), "backup", str(tmp_path / name))


def test_a_copy_has_what_was_said_before_in_the_same_transaction(path, tmp_path, spoken):
    store = Database(path, "system")
    scribe = Scribe(store, "run", 0)
    copy = str(tmp_path / "copy.db")
    results = scribe.write([placed(spoken(b"one"), 1, 7), packed(ToStore.Backup(copy)),
                            packed(ToStore.Backup(copy + "2")), placed(spoken(b"two"), 2, 7)])
    assert results == [True, LATER, "another copy is being made", True]
    assert scribe.is_copying
    scribe._copying._thread.join()
    assert [scribe.copied(), scribe.copied(), scribe.is_copying] == [True, None, False]
    assert lobby(copy) == [b"one", b"two"]
    store.close()


def test_nobody_waits_for_a_copy_but_who_has_asked_for_it(journal, start, say, told, back_up, slow_copies):
    process = start()
    process.work()
    back_up("copy.db")
    say(b"one")
    process.work()
    back_up("other.db")
    say(b"two")
    process.work()
    assert told == [(b"one", True), ("other.db", "another copy is being made"), (b"two", True)]
    assert journal.depth == 0
    process.up.put(control("backed_up", True))
    journal.hear()
    assert told[3:] == [("copy.db", True)]
    process._scribe.stop_copying()


def test_who_waits_for_a_copy_is_told_that_the_process_has_died(start, say, told, back_up, slow_copies):
    first = start()
    first.work()
    say(b"one")
    back_up("copy.db")
    first.work()
    first._scribe.stop_copying()
    first.die()
    assert told == [(b"one", True), ("copy.db", "the process that made the copy has ended")]


def test_a_copy_that_was_not_begun_is_asked_of_the_successor(start, say, told, back_up, slow_copies):
    first = start()
    first.work()
    say(b"one")
    back_up("copy.db")
    first.work(answer=False)
    first._scribe.stop_copying()
    first.die()
    second = start()
    second.work()
    second.work()
    assert told == [(b"one", True)]
    assert second._scribe.is_copying
    second._scribe.stop_copying()


def test_a_process_makes_a_copy_and_says_so(forked, path, tmp_path, spoken, told):
    one = forked()
    one.start()
    one.journal.talk(spoken(b"one"), lambda result: None)
    one.journal.ask(told.append, "backup", str(tmp_path / "copy.db"))
    while not told:
        one.turn()
    assert told == [True]
    assert lobby(str(tmp_path / "copy.db")) == [b"one"]


def test_a_process_whose_hub_is_gone_makes_no_copy_any_more(forked, tmp_path, spoken, told, slow_copies):
    one = forked()
    one.start()
    one.journal.talk(spoken(b"one"), told.append)
    one.journal.ask(told.append, "backup", str(tmp_path / "copy.db"))
    one.settle()
    assert one.dismiss() == 0
    assert [name for name in os.listdir(str(tmp_path)) if "copy" in name] == []
    assert told == [True]


# ---- trouble on the disk


def no_room(store):
    """A real one: the file may not grow."""
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute("PRAGMA max_page_count = %d" % pages)


def room(store):
    store._connection.execute("PRAGMA max_page_count = 1000000")


def test_what_a_full_disk_does_not_take_is_said_to_be_not_stored_and_what_is_read_is_read(
        journal, start, say, read, told, caplog):
    process = start()
    process.work()
    say(b"one")
    process.work()
    no_room(process.store)
    say(b"x" * 100000)
    read("lobby")
    say(b"two")
    process.work()
    read("again")
    process.work()
    assert told == [(b"one", True), (b"x" * 100000, None), ("lobby", [b"one"]), (b"two", None), ("again", [b"one"])]
    assert "full" in caplog.text
    room(process.store)
    say(b"three")
    process.work()
    assert told[-1] == (b"three", True)
    found, last, _ = process.store.lobby(0, 9)
    assert [(number, text) for number, _, text, _ in found] == [(1, b"one"), (4, b"three")]
    assert journal.depth == 0


def test_the_log_says_once_that_the_disk_is_full_and_once_that_it_is_not(start, say, read, caplog):
    process = start()
    process.work()
    no_room(process.store)
    for number in range(3):
        say(b"x" * 100000)
        process.work()
        read(number)  # which can be done
        process.work()
    assert len(caplog.records) == 1
    room(process.store)
    for _ in range(2):
        say(b"one")
        process.work()
    assert ["again" in record.getMessage() for record in caplog.records] == [False, True]


def test_the_hub_knows_whether_the_disk_is_full_also_if_nobody_says_anything_more(journal, start, say):
    process = start()
    process.work()
    assert journal.status()["commits"]["counts"]["+Inf"] == 0
    no_room(process.store)
    say(b"x" * 100000)
    process.work()
    assert journal.status()["failing"]
    assert sum(journal.status()["commits"]["counts"].values()) == 0
    room(process.store)
    process.work()
    assert not journal.status()["failing"]
    say(b"one")
    process.work()
    status = journal.status()
    assert (sum(status["commits"]["counts"].values()), status["failing"]) == (1, False)
    assert status["commits"]["seconds"] > 0


def test_what_was_said_to_be_not_stored_is_not_stored_by_a_successor_either(start, say, told):
    first = start()
    first.work()
    no_room(first.store)
    say(b"x" * 100000)
    first.work()
    first.die()
    second = start()
    say(b"one")
    second.work()
    second.work()
    assert told == [(b"x" * 100000, None), (b"one", True)]
    assert texts(second.store.lobby(0, 9)) == [b"one"]


def test_after_any_other_error_the_process_leaves_and_nobody_waits_for_the_next_one(journal, start, say, read, told):
    first = start()
    first.work()
    first.store.trouble = sqlite3.OperationalError("disk I/O error")
    say(b"one")
    read("lobby")
    journal.flush()
    frames = first.down.get()
    say(b"two")  # which that process does not look at any more
    results = first._scribe.write(frames)
    assert first._scribe.broken
    first.up.put(control("results", results, True, True, None))
    journal.hear()
    assert told == [(b"one", None), ("lobby", []), (b"two", None)]
    say(b"three")
    assert told[-1] == (b"three", None)
    assert journal.depth == 0
    first.die()
    second = start()
    second.work()
    say(b"four")
    second.work()
    assert told[-1] == (b"four", True)
    assert texts(second.store.lobby(0, 9)) == [b"four"]


def test_what_cannot_be_read_is_answered_too(start, read, say, told):
    process = start()
    process.work()
    handlers = process._scribe._handlers
    lobby = handlers["lobby"]
    handlers["lobby"] = lambda since, most: raise_(sqlite3.DatabaseError("malformed"))
    read("lobby")
    process.work()
    assert told == [("lobby", None)]
    handlers["lobby"] = lobby
    say(b"one")
    read("again")
    process.work()
    assert told[1:] == [(b"one", True), ("again", [b"one"])]


def raise_(error):
    raise error


@pytest.mark.parametrize("error, more", [(None, True), (None, False), (FULL, False)])
def test_pruning_is_a_transaction_of_its_own_and_its_troubles_are_nobodys(path, error, more):
    store = CountingDatabase(path, "system")
    store.trouble, store.prune = error, lambda: more
    scribe = Scribe(store, "run", 0)
    assert scribe.prune() is more
    assert (store.transactions, scribe.broken) == (1, False)
    store.close()


# ---- a process that is slow or stuck


def test_no_more_waits_than_the_most(journal, start, say, told, monkeypatch, spoken):
    monkeypatch.setattr(journal_module, "MOST_WAITING", 3 * (TALK_SIZE + 2 * len(spoken(b"1"))))
    process = start()
    for number in range(6):
        say(b"%d" % number)
    assert told == [(b"4", None), (b"5", None)]
    process.work()
    process.work()
    assert told[2:] == [(b"0", True), (b"1", True), (b"2", True), (b"3", True)]
    say(b"6")
    process.work()
    assert told[-1] == (b"6", True)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(journal_module, "time", clock)
    return clock


def looks(journal):
    """What many looks at it come to."""
    return [journal.is_stuck() for _ in range(MOST_UNANSWERED + 2)]


def test_a_process_that_is_asked_and_does_not_answer_is_stuck(clock, path, make_queue, spoken):
    journal = Numbered(Journal(None))
    process = ByHand(journal, CountingDatabase(path, "system"), make_queue)
    stuck = [False] * MOST_UNANSWERED + [True] * 2
    assert looks(journal) == stuck  # it has not even said how far it has come
    process.work()
    assert not any(looks(journal))  # nobody has asked
    journal.talk(spoken(b"one"), lambda result: None)
    clock.now += 1000  # the machine stood still
    assert not any(journal.is_stuck() for _ in range(MOST_UNANSWERED // 2))
    journal.talk(spoken(b"two"), lambda result: None)
    assert looks(journal)[-1]
    process.work()
    assert not journal.is_stuck()
    found = []
    for number in range(MOST_UNANSWERED + 2):
        journal.talk(spoken(b"%d" % number), lambda result: None)
        found.append(journal.is_stuck())
    assert found == stuck, "however much is said meanwhile"
    process.die()
    process.store.close()


def test_requests_that_were_answered_are_not_done_again_though_the_database_has_no_count_of_them(path):
    """They only read."""
    store = CountingDatabase(path, "system")
    assert Scribe(store, "run", 5).through == 5
    store.close()


# ---- real processes


class Killed(Database):
    """Kills its process once, before or after a commit."""

    mark = when = None

    @contextlib.contextmanager
    def transaction(self):
        with super().transaction():
            yield
            self._die("before")
        self._die("after")

    def _die(self, when):
        if when == self.when and os.path.exists(self.mark):
            os.unlink(self.mark)
            os.kill(os.getpid(), signal.SIGKILL)


class Forked:
    """A journal, and the processes that work for it one after the other."""

    def __init__(self, open_store):
        self.journal = Numbered(Journal(open_store))
        self.process = None

    def start(self):
        down, up = Queue(), Queue()
        self.process = FORK.Process(target=self._work, args=(down, up))
        self.process.start()
        self.journal.attach(down.write_here(), up.read_here())

    def _work(self, down, up):
        self.journal.process(down.read_here(), up.write_here())

    def turn(self):
        """What the hub does in one of its turns, when there is something to hear."""
        self.journal.flush()
        assert select.select([self.journal.up], [], [], PATIENCE)[0], "the process says nothing"
        self.journal.hear()

    def settle(self):
        """Until all is answered."""
        while self.journal.depth or not self.journal.ready:
            self.turn()

    def bury(self):
        """The process is dead, or about to be; its exit code."""
        with pytest.raises(EOFError):
            while True:
                self.turn()
        return self.dismiss()

    def dismiss(self):
        """There is nothing more to do; the exit code of the process."""
        for queue in self.journal.detach():
            queue.close()
        if self.process is None:
            return None
        self.process.join(PATIENCE)
        code = self.process.exitcode
        if code is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.join()
        self.process = None
        return code


@pytest.fixture
def forked(path):
    """Makes a Forked, by what its processes open."""
    made = []

    def make(open_store=lambda: Database(path, "system")):
        made.append(Forked(open_store))
        return made[-1]

    yield make
    for one in made:
        one.dismiss()


def lobby(path):
    """The texts in a database."""
    store = Database(path, mode="ro")
    try:
        return texts(store.lobby(0, 1000))
    finally:
        store.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_is_killed_around_a_commit_loses_nothing_and_nothing_is_there_twice(
        forked, path, tmp_path, spoken, told, when):
    (tmp_path / "mark").write_text("")

    def open_store():
        store = Killed(path, "system")
        store.mark, store.when = str(tmp_path / "mark"), when
        return store

    one = forked(open_store)
    one.start()
    for number in range(10):
        one.journal.talk(spoken(b"%d" % number), told.append)
    one.journal.ask(told.append, "lobby", 9, 1000)
    assert one.bury() == -signal.SIGKILL
    assert lobby(path) == ([] if when == "before" else [b"%d" % number for number in range(10)])
    one.start()
    one.settle()
    assert told[:10] == [True] * 10
    assert texts(told[10]) == [b"9"]
    assert one.dismiss() == 0
    assert lobby(path) == [b"%d" % number for number in range(10)]


def test_a_process_ends_when_the_hub_is_gone_and_all_is_stored(forked, path, spoken, told):
    one = forked()
    one.start()
    one.turn()
    for number in range(100):
        one.journal.talk(spoken(b"%d" % number), told.append)
    one.journal.flush()
    assert one.dismiss() == 0
    assert told == []
    assert lobby(path) == [b"%d" % number for number in range(100)]


def test_what_is_being_stored_as_the_hub_goes_is_stored_once(forked, path, spoken, told):
    stored, gone = FORK.Event(), FORK.Event()

    class Slow(Database):
        @contextlib.contextmanager
        def transaction(self):
            with super().transaction():
                yield
            stored.set()
            assert gone.wait(PATIENCE)

    one = forked(lambda: Slow(path, "system"))
    one.start()
    one.turn()
    one.journal.talk(spoken(b"one"), told.append)
    one.journal.ask(told.append, "lobby", None, 9)
    one.journal.flush()
    assert stored.wait(PATIENCE)
    for queue in one.journal.detach():
        queue.close()
    gone.set()
    assert one.dismiss() == 0
    assert lobby(path) == [b"one"]


def test_a_process_whose_disk_is_broken_leaves_and_a_successor_works(forked, path, tmp_path, spoken, told):
    (tmp_path / "broken").write_text("")

    class Broken(Database):
        def talk(self, frame):
            if os.path.exists(str(tmp_path / "broken")):
                raise sqlite3.OperationalError("disk I/O error")
            return super().talk(frame)

    one = forked(lambda: Broken(path, "system"))
    one.start()
    one.journal.talk(spoken(b"one"), told.append)
    assert one.bury() == 0
    assert told == [None]
    os.unlink(str(tmp_path / "broken"))
    one.start()
    one.turn()
    one.journal.talk(spoken(b"two"), told.append)
    one.settle()
    assert told == [None, True]
    assert lobby(path) == [b"two"]


def test_a_process_that_finds_its_database_unfit_leaves(forked, path, spoken, told):
    with open(path, "wb") as file:
        file.write(b"no database" * 1000)
    one = forked()
    one.journal.talk(spoken(b"one"), told.append)
    for expected in ([], [None]):
        one.start()
        assert one.bury() == 0
        assert told == expected


def test_whatever_comes_while_a_process_is_busy_is_its_next_transaction(forked, path, spoken, told):
    count, gate = FORK.Value("i", 0), FORK.Event()

    class Gated(Database):
        @contextlib.contextmanager
        def transaction(self):
            with super().transaction():
                yield
            count.value += 1
            assert gate.wait(PATIENCE)

    one = forked(lambda: Gated(path, "system"))
    one.start()
    one.turn()
    for number in range(200):
        one.journal.talk(spoken(b"%d" % number), told.append)
        one.journal.flush()
    gate.set()
    one.settle()
    assert told == [True] * 200
    assert count.value < 20  # however many were there when it began
    assert lobby(path) == [b"%d" % number for number in range(200)]


def test_talk_that_nobody_awaits_is_stored_with_what_somebody_does(forked, path, spoken, told, monkeypatch):
    monkeypatch.setattr(scribe_module, "UNAWAITED", 2 * PATIENCE)
    count = FORK.Value("i", 0)

    class Counting(Database):
        @contextlib.contextmanager
        def transaction(self):
            with super().transaction():
                yield
            count.value += 1

    one = forked(lambda: Counting(path, "system"))
    one.start()
    one.turn()
    for text in (b"one", b"two", b"three"):
        one.journal.talk(spoken(text), told.append)
        one.journal.flush()
    one.journal.ask(lambda found: told.append(texts(found)), "lobby", None, 9)
    one.settle()
    assert (told, count.value) == ([True, True, True, [b"one", b"two", b"three"]], 1)


def test_much_at_once_is_stored_and_nobody_blocks(forked, path, spoken, told):
    """More than the queues hold, in both directions."""
    one = forked()
    one.start()
    for number in range(300):
        one.journal.talk(spoken(b"%d" % number + b"x" * 16000), told.append)
        one.journal.ask(lambda result: told.append(bool(result)), "lobby", max(0, number - 3), 3)
    one.settle()
    assert told == [True] * 600
    assert len(lobby(path)) > 10


# ---- at hand or in another process


@pytest.fixture(params=["at hand", "journal"])
def asking(request, forked):
    """Something to ask, and what makes it answer all it was asked."""
    if request.param == "at hand":
        return Numbered(InProcess(Store())), lambda: None
    one = forked()
    one.start()
    return one.journal, one.settle


def test_answers_come_in_the_order_of_the_requests_and_later_ones_know_of_earlier_ones(asking, spoken, told):
    store, settle = asking
    for number in range(1, 30, 3):
        store.talk(spoken(b"%d" % number, b"%d" % (number + 1)), lambda result, number=number: told.append(
            (number, result)))
        store.ask(lambda result, number=number: told.append((number + 1, result)),
                  "whisper", b"ann", b"bob", b"%d" % number, True)
        store.ask(lambda result, number=number: told.append((number + 2, result[1])), "lobby", 0, 1000)
    settle()
    assert [number for number, _ in told] == list(range(1, 31))
    assert [result for _, result in told] == [
        result for number in range(1, 30, 3) for result in (True, True, number + 1)]


REQUESTS_AND_RESULTS = [
    (("open_account", b"bob", "secret"), True),
    (("protect", b"bob", None), True),
    (("whisper", b"ann", b"bob", "\u00e9".encode(), True), True),
    (("whisper", b"bob", b"ann", b"two", False), True),
    (("kept", b"bob"), [(b"ann", "\u00e9".encode())]),
    (("kept", b"ann"), []),
    (("past", b"bob", b"ann"), ([(b"ann", "\u00e9".encode()), (b"bob", b"two")], 1)),
    (("past", b"bob", b"nobody"), ([], 0)),
    (("unread", b"bob"), [(b"ann", 1)]),
    (("taken", b"bob", 1 << 40), True),
    (("kept", b"bob"), []),
    (("lobby", None, 10), ([], 2, False)),
    (("lobby", 0, 10), ([], 2, False)),
    (("close_account", b"bob"), True),
    (("past", b"bob", b"ann"), ([], 0)),
    (("keep_room", 1, b"#one", "{}"), True),
    (("room", 1, None, 10, 0), ([], 0, False)),
    (("room", 0, 0, 10, 0), ([], 0, False)),
    (("close_room", 1), True),
]


def without_times(messages):
    assert all(type(message) is tuple and type(message[-1]) is int for message in messages)
    return [message[-3:-1] for message in messages]


def test_every_request_has_its_result(asking):
    store, settle = asking
    for request, expected in REQUESTS_AND_RESULTS:
        found = []
        store.ask(found.append, *request)
        settle()
        (result,) = found
        if request[0] == "kept":
            result = without_times(result)
        elif request[0] == "past":
            result = without_times(result[0]), result[1]
        assert result == expected, request


def test_talk_goes_to_its_room(asking, spoken, told):
    store, settle = asking
    for room in (0, 7, 8, 7):
        store.talk(spoken(b"in %d" % room, room=room), told.append)
        store.ask(lambda found: told.append([(place, text) for place, _, text, _ in found[0]]), "room", 7, 0, 9, 0)
    store.ask(lambda found: told.append(texts(found)), "lobby", 0, 9)
    settle()
    assert told == [True, [], True, [(1, b"in 7")], True, [(1, b"in 7")], True, [(1, b"in 7"), (2, b"in 7")], [b"in 0"]]


def test_a_frame_that_nobody_waits_for_is_talk_like_any_other(asking, spoken, told):
    store, settle = asking
    store.talk(spoken(), told.append)
    store.talk(spoken(b"\xc3\xa9", b"\n"), told.append)
    store.ask(lambda found: told.append(texts(found)), "lobby", None, 9)
    settle()
    assert told == [True, True, [b"\xc3\xa9", b"\n"]]


def test_it_works_once_all_is_answered_and_nothing_waits(asking, spoken, told):
    store, settle = asking
    store.talk(spoken(b"one"), told.append)
    settle()
    assert (store.ready, store.depth) == (True, 0)
    assert {"waiting", "bytes", "seconds", "failing"} <= set(store.status())
    assert (store.status()["waiting"], store.status()["bytes"]) == (0, 0)
