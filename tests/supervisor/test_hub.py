"""The hub: one order for everybody, and who has to be replaced."""
import logging
import os
import selectors
import socket
import types

import pytest

from parley.server.chat.accounts import Accounts
from parley.server.chat.names import claims
from parley.server.ipc.messages import ToWorker
from parley.server.ipc.queues import AWAITED, Queue, control, record, talk
from parley.server.protocols.events import Reason
from parley.server.supervisor import hub as hub_module
from parley.server.supervisor.hub import GATHERING, LONG_ANSWERS, Torn
from parley.server.worker.strangers import MINUTE, MOST_LINES

HOST = "192.0.2.1"


def claim(number, name, command="Login", password=None):
    if command == "Create":
        return control("create", number, name, tuple(claims(name)), password, HOST)
    if password is None:
        return control("claim_unproven", number, name, tuple(claims(name)), command)
    return control("claim", number, name, tuple(claims(name)), command, password, HOST)


def one_talk(worker, text=b"hi", number=1):
    return talk(0, worker, [record(number, b"ann", text, 7)])


# ---- order


def test_talk_passes_verbatim_to_every_worker_its_origin_too(hub, workers):
    one, two = workers
    frame = talk(0, 1, [record(1, b"ann", b"hi", 7), record(2, b"bob", b"\xff\n\x00", 8)])
    one.say(frame)
    hub.turn(0)
    assert one.frames()[-1:] == two.frames()[-1:] == [frame]


def test_all_that_is_said_gets_its_place_in_one_sequence(hub, workers, store, clock):
    one, two = workers
    one.say(claim(5, b"ann", "Create"), talk(0, 1, [record(1, b"ann", text, 7) for text in (b"one", b"two")]))
    hub.turn(0)
    two.say(control("whisper", 7, b"bob", b"ann", b"three", 7, HOST),
            control("whisper", 7, b"bob", b"nobody", b"no", 7, HOST), one_talk(2, b"four"))
    hub.turn(0)
    now = int(clock.time() * 1000)
    assert two.places() == [(1, 2, now), (4, 1, now)]
    assert [entry[-2] for entry in one.heard() if entry[0] == "whispered"] == [3]
    assert [message[0] for message in store.store.lobby(0, 9)[0]] == [1, 2, 4]


def test_what_cannot_be_stored_keeps_its_number(hub, workers, store):
    one, two = workers
    store.late = True
    one.say(one_talk(1, b"heard"))
    hub.turn(0)
    store.answer(False)
    one.say(one_talk(1, b"stored"))
    hub.turn(0)
    store.answer()
    assert [place[0] for place in two.places()] == [1, 2]
    assert [message[:3] for message in store.store.lobby(0, 9)[0]] == [(2, b"ann", b"stored")]


def test_without_a_number_nothing_is_said(make_hub, store, attach):
    store.reserved, store.late = 1, True
    hub = make_hub()
    one, two = attach(hub, 1), attach(hub, 2)
    one.say(one_talk(1, b"one"), one_talk(1, b"two"), claim(5, b"ann"),
            control("whisper", 5, b"ann", b"ann", b"three", 7, HOST))
    hub.turn(0)
    store.answer()
    hub.turn(0)
    assert [place[:2] for place in two.places()] == [(1, 1)]
    two.say(one_talk(2, b"four"))
    hub.turn(0)
    assert [place[:2] for place in two.places()] == [(2, 1)]
    heard = one.heard()
    assert ("unsaid", [(1, 0)], Reason.NOT_STORED) in heard and ("refused", 5, Reason.NOT_STORED) in heard


def test_all_workers_are_told_the_same_in_the_same_order(hub, workers):
    one, two = workers
    for number in range(20):
        one.say(one_talk(1, b"a%d" % number), claim(number, b"one%d" % number))
        two.say(one_talk(2, b"b%d" % number), claim(number, b"two%d" % number))
        if number % 3:
            hub.turn(0)
    hub.turn(0)
    told = one.heard()
    assert told == two.heard()
    assert len(told) == 80


def test_one_workers_frames_keep_their_order(hub, workers):
    one, two = workers
    frames = [one_talk(1, b"%d" % number) for number in range(100)]
    one.say(*frames)
    hub.turn(0)
    assert two.heard() == frames


def test_what_is_said_behind_a_claim_comes_behind_it(hub, workers):
    one, two = workers
    one.say(one_talk(1, b"before"), claim(5, b"ann"), one_talk(1, b"after"), control("release", 5), control("who", [6]))
    hub.turn(0)
    public = [one_talk(1, b"before"), ("joined", 1, 5, b"ann"), one_talk(1, b"after"), ("left", b"ann")]
    assert two.heard() == public
    assert one.heard() == public + [("who", [6])]


def test_a_round_is_one_write_to_each_worker(hub, workers, monkeypatch):
    one, two = workers
    one.say(one_talk(1), claim(5, b"ann"), control("who", [5]))
    two.say(one_talk(2), claim(5, b"bob"))
    writes = []
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(fd) or real_write(fd, data))
    hub.turn(0)
    downs = [stream.down.fileno() for stream in hub.streams.values()]
    assert [writes.count(fd) for fd in downs] == [1, 1]


# ---- names


def test_answers_go_only_where_they_are_awaited(hub, workers, clock):
    one, two = workers
    one.say(claim(5, b"ann"))
    hub.turn(0)
    whispers = [control("whisper", 7, b"bob", to, b"psst", 7, HOST) for to in (b"ann", b"cid")]
    two.say(claim(5, b"ANN"), *whispers)
    hub.turn(0)
    now = int(clock.time())
    assert one.heard() == [
        ("joined", 1, 5, b"ann"), ("probe", 5, 2 << 32 | 5),
        ("whispered", 5, b"bob", b"psst", 7, 1, now * 1000)]
    assert two.heard() == [
        ("joined", 1, 5, b"ann"), ("confirmed", 7, 1, now, now * 1000), ("refused", 7, Reason.NOBODY)]


def test_a_new_worker_is_told_who_is_here_before_anything_else(hub, workers, attach):
    workers[0].say(claim(1, b"zoe"), claim(2, b"ann", "Create"))
    hub.turn(0)
    three = attach(hub, 3)
    workers[0].say(one_talk(1))
    hub.turn(0)
    assert three.heard() == [("known", [b"ann"], [b"zoe", b"ann"], {}), one_talk(1)]


def test_every_question_is_answered(hub, workers, clock):
    one, two = workers
    one.say(claim(5, b"ann", "Create"), control("who", [5]), control("accounts", [5], b"*"), control("news", [5]),
            control("history", [5], b"ann", b"bob"), control("deliver", [5], b"ann", False), control("claim_guest", 6),
            control("whisper", 5, b"ann", b"guest-1", b"hi", None, HOST),
            control("rename", 6, b"bea", tuple(claims(b"bea"))), control("delete", 5, b"ann"))
    hub.turn(0)
    public = [("account_opened", b"ann"), ("joined", 1, 5, b"ann"), ("joined", 1, 6, b"guest-1"),
              ("renamed", 1, 6, b"guest-1", b"bea"), ("account_closed", b"ann"), ("left", b"ann")]
    now = int(clock.time())
    assert two.heard() == public
    assert one.heard() == [
        *public[:2], ("who", [5]), ("accounts", [5], b"*"), ("news", [5]),
        ("past", [5], b"ann", b"bob", [], 0), ("kept", [5], b"ann", [], False),
        public[2], ("whispered", 6, b"ann", b"hi", now, 1, now * 1000), ("confirmed", 5, 1, now, now * 1000),
        public[3], public[4], ("deleted", 5),
        public[5]]


def test_where_somebody_comes_from_is_asked_of_its_worker(hub, workers):
    one, two = workers
    one.say(claim(5, b"ann"))
    hub.turn(0)
    two.say(control("describe", 9, b"ann"))
    hub.turn(0)
    entry, number, asker = one.heard()[-1]
    assert (entry, number) == ("locate", 5)
    one.say(control("located", asker, b"ann", "192.0.2.1", 4711))
    hub.turn(0)
    assert two.heard()[-1] == ("Described", [9], b"ann", "192.0.2.1", 4711)


def test_who_asks_after_somebody_on_a_worker_that_dies_is_answered(hub, workers):
    one, two = workers
    one.say(claim(5, b"ann"))
    two.say(control("describe", 9, b"nobody"))
    hub.turn(0)
    two.say(control("describe", 9, b"ann"))
    hub.turn(0)
    two.heard()
    one.die()
    hub.turn(0)
    hub.detach(1)
    hub.turn(0)
    assert two.heard() == [("left", b"ann"), ("refused", 9, Reason.NOBODY)]


def test_what_was_said_in_the_lobby_is_its_history(hub, workers, clock):
    one, two = workers
    now = int(clock.time())
    one.say(one_talk(1, b"one"), control("recall", [5], None, 9), one_talk(1, b"two"))
    hub.turn(0)
    assert ("Recalled", [5], [(1, b"ann", b"one", now)], 1, False) in one.heard()


def test_long_answers_come_one_in_a_round_and_nothing_else_waits_for_them(hub, workers):
    one, two = workers
    for _ in range(5):
        one.say(one_talk(1, LONG_ANSWERS // 4 * b"x"))
        hub.turn(0)
    one.came(), two.came()
    for number, worker in enumerate(workers):
        worker.say(control("recall", [5], None, 9), claim(7, b"ann%d" % number), control("who", [6]))
    rounds = []
    for wait in (0, 60, 60):  # seconds, if there is nothing to do
        hub.turn(wait)
        rounds.append([[message[0] for message in worker.heard()] for worker in workers])
    assert rounds == [
        [["Recalled", "joined", "joined"], ["joined", "joined"]],
        [["who"], ["Recalled"]],
        [[], ["who"]]]


# ---- passwords


@pytest.fixture
def protected(make_hub, attach, store):
    """A hub with an account that has a password, and a worker of it."""
    memory = Accounts(store)
    memory.begin_with(b"ann", tuple(claims(b"ann")), "secret")
    hub = make_hub(memory=memory)
    worker = attach(hub, 1)
    hub.turn(0)
    assert worker.heard() == [("known", [b"ann"], [], {})]
    return hub, worker


@pytest.mark.parametrize("trouble, answer", [
    (None, ("joined", 1, 5, b"ann")), (Reason.WRONG_PASSWORD, ("refused", 5, Reason.WRONG_PASSWORD))])
def test_a_password_is_verified_elsewhere_and_nobody_waits_for_it(protected, attach_verifier, trouble, answer):
    hub, worker = protected
    verifier = attach_verifier(hub, 2)
    worker.say(claim(5, b"ann", "Login", b"pw"), one_talk(1))
    hub.turn(0)
    assert worker.heard() == [one_talk(1)]
    ((entry, token, password, secret),) = verifier.heard()
    assert (entry, password, secret) == ("verify", b"pw", "secret")
    verifier.say(control("done", token, trouble, None))
    hub.turn(0)
    assert worker.heard() == [answer]


def test_who_has_to_wait_to_try_again_gets_its_turn_when_it_is_time(make_hub, attach, attach_verifier, clock, store):
    memory = Accounts(store)
    memory.begin_with(b"ann", tuple(claims(b"ann")), "secret")
    hub = make_hub(memory=memory, failed_logins_per_minute=3)
    worker, verifier = attach(hub, 1), attach_verifier(hub, 2)
    answers, began = [], clock.now
    for number in range(5):
        worker.say(claim(number, b"ann", "Login", b"pw"))
    while len(answers) < 5:
        assert clock.now - began < 100
        hub.turn(0)
        for _, token, _, _ in verifier.heard():
            verifier.say(control("done", token, Reason.WRONG_PASSWORD, None))
        answers += [(entry[1], clock.now - began) for entry in worker.heard() if entry[0] == "refused"]
        clock.now += 1
    assert [number for number, _ in answers] == [0, 1, 2, 3, 4]
    assert answers[2][1] < 10
    assert 20 <= answers[3][1] < 30 and 40 <= answers[4][1] < 50


def test_the_hub_sleeps_no_longer_than_until_somebody_may_try_again(protected, clock, monkeypatch):
    hub, _ = protected
    waits = []
    select = hub.selector.select
    monkeypatch.setattr(hub.selector, "select", lambda wait: waits.append(wait) or select(0))
    monkeypatch.setattr(type(hub.door), "next_due", clock.now + 0.25)
    hub.turn(1)
    assert waits == [0.25]


def test_when_the_door_is_closed_whoever_waits_is_answered(protected, attach_verifier):
    hub, worker = protected
    attach_verifier(hub, 2)
    worker.say(*[claim(number, b"ann", "Login", b"pw") for number in range(70)])
    hub.turn(0)
    worker.heard()
    hub.door.close()
    hub.turn(0)
    assert len(worker.heard()) == 33


def test_a_verifier_that_is_gone_has_to_be_replaced_and_its_successor_is_asked_again(protected, attach_verifier):
    hub, worker = protected
    first = attach_verifier(hub, 2)
    worker.say(claim(5, b"ann", "Login", b"one"), claim(6, b"ann", "Login", b"two"))
    hub.turn(0)
    token = first.heard()[0][1]
    first.say(control("done", token, Reason.WRONG_PASSWORD, None))
    hub.turn(0)
    first.die()
    hub.turn(0)
    hub.turn(0)
    assert hub.failed == {2: "is gone"}
    hub.detach(2)
    assert hub.failed == {}
    assert set(hub.streams) == {1}
    worker.say(claim(7, b"ann", "SignIn", b"three"))
    hub.turn(0)
    second = attach_verifier(hub, 3)
    for password in (b"two", b"three"):
        ((_, token, asked, _),) = second.heard()
        assert asked == password
        second.say(control("done", token, None, None))
        hub.turn(0)
    assert worker.heard() == [
        ("refused", 5, Reason.WRONG_PASSWORD), ("joined", 1, 6, b"ann"), ("probe", 6, 1 << 32 | 7)]


def test_detaching_the_verifier_closes_its_queues_and_nobodys_name_is_free(protected, attach_verifier):
    hub, worker = protected
    verifier = attach_verifier(hub, 2)
    worker.say(claim(5, b"bob"))
    hub.turn(0)
    worker.heard()
    hub.detach(2)
    with pytest.raises(BrokenPipeError):
        verifier.say(control("done", 1, None, None))
    hub.turn(0)
    assert worker.heard() == []


def test_the_verifier_owes_no_signs_of_life(protected, attach_verifier, clock):
    hub, worker = protected
    verifier = attach_verifier(hub, 2)
    for _ in range(20):
        clock.now += hub_module.LOOK_EVERY
        worker.say(control("alive", {}))
        hub.turn(0)
    assert hub.failed == {}
    assert verifier.frames() == []


# ---- what is stored


def awaited(worker, *messages):
    """Talk of (session number, text), of which somebody wants to know when it is stored."""
    return talk(0, worker, [record(number, b"ann", text, 7) for number, text in messages], AWAITED)


def test_talk_is_heard_at_once_and_who_wants_to_know_is_told_once_it_is_stored(hub, workers, store, clock):
    one, two = workers
    store.late = True
    frame = awaited(1, (5, b"hi"), (6, b"ho"))
    one.say(frame)
    hub.turn(0)
    assert one.heard() == two.heard() == [frame]
    store.answer()
    hub.turn(0)
    now = int(clock.time())
    assert (one.heard(), two.heard()) == ([("stored", [(5, 0, 1), (6, 0, 1)], 1, now, now * 1000)], [])


def test_where_nobody_wants_to_know_nobody_is_told(hub, workers, store):
    one, two = workers
    one.say(one_talk(1))
    hub.turn(0)
    hub.turn(0)
    assert one.heard() == two.heard() == [one_talk(1)]
    assert [text for _, _, text, _ in store.store.lobby(0, 9)[0]] == [b"hi"]


def test_what_the_clients_of_a_worker_say_in_a_row_is_stored_for_them_in_one_message(hub, workers, clock):
    one, two, *_ = workers
    one.say(awaited(1, (5, b"a")), awaited(1, (6, b"b"), (5, b"c")))
    two.say(awaited(2, (5, b"d")))
    hub.turn(0)
    now = int(clock.time())
    assert [[told for told in worker.heard() if isinstance(told, tuple)] for worker in (one, two)] == [
        [("stored", [(5, 0, 1), (6, 0, 1), (5, 0, 1)], 1, now, now * 1000)],
        [("stored", [(5, 0, 1)], 4, now, now * 1000)]]


@pytest.mark.parametrize("frame, numbers", [(one_talk(1), [1]), (awaited(1, (5, b"hi"), (6, b"ho")), [5, 6])])
def test_of_what_is_not_stored_everybody_is_told_who_said_it(hub, workers, store, frame, numbers):
    one, two = workers
    store.late = True
    one.say(frame)
    hub.turn(0)
    store.answer(stored=False)
    hub.turn(0)
    assert one.heard() == [frame, ("unsaid", [(number, 0) for number in numbers], Reason.NOT_STORED)]
    assert two.heard() == [frame]


def test_talk_and_questions_are_asked_of_the_store_in_their_order(hub, workers, store, clock):
    one, two = workers
    one.say(claim(5, b"ann", "Create"))
    hub.turn(0)
    one.heard()
    store.late = True
    one.say(awaited(1, (5, b"one")), control("recall", [5], None, 9), awaited(1, (5, b"two")),
            control("whisper", 5, b"ann", b"ann", b"three", None, HOST), control("history", [5], b"ann", b"ann"),
            control("deliver", [5], b"ann", False), control("taken", 5, b"ann", 9))
    hub.turn(0)
    assert store.asked() == ["talk", "lobby", "talk", "whisper", "past", "kept", "taken", "box"]
    store.answer()
    hub.turn(0)
    now = int(clock.time())
    assert [entry for entry in one.heard() if type(entry) is tuple and entry[0] not in ("whispered", "mark")] == [
        ("stored", [(5, 0, 1)], 1, now, now * 1000), ("Recalled", [5], [(1, b"ann", b"one", now)], 1, False),
        ("stored", [(5, 0, 1)], 2, now, now * 1000),
        ("confirmed", 5, 3, now, now * 1000), ("past", [5], b"ann", b"ann", [(b"ann", b"three", now)], 0),
        ("kept", [5], b"ann", [], False)]


def test_what_is_stored_for_a_worker_that_has_died_is_told_nobody(hub, workers, store):
    one, two = workers
    store.late = True
    one.say(awaited(1, (5, b"hi")), claim(5, b"ann", "Create"))
    hub.turn(0)
    one.die()
    hub.turn(0)
    hub.detach(1)
    store.answer()
    hub.turn(0)
    assert two.heard() == [awaited(1, (5, b"hi")), ("account_opened", b"ann")]


class Aide:
    """The hub's end of a process that works for it."""

    def __init__(self):
        self.down = self.up = None
        self.waiting = self.stuck = False
        self.flushed = self.heard = 0

    def attach(self, down, up):
        self.down, self.up = down, up

    def detach(self):
        return [self.down, self.up]

    def flush(self):
        self.flushed += 1
        self.down.put()

    def hear(self):
        self.up.get()
        self.heard += 1

    def is_stuck(self):
        return self.stuck


@pytest.fixture
def aided(hub, attach_aide):
    """A hub's end of its process 3, and that process's ends of the queues."""
    aide = Aide()
    return aide, attach_aide(hub, aide, 3)


def test_what_was_asked_in_a_round_is_sent_at_its_end_and_answers_are_heard(hub, aided):
    aide, process = aided
    hub.turn(0)
    assert (aide.flushed, aide.heard) == (1, 0)
    process.say(control("results", [True], False))
    hub.turn(0)
    assert (aide.flushed, aide.heard) == (2, 1)


def test_a_process_that_is_stuck_or_gone_has_to_be_replaced(hub, aided, clock):
    aide, process = aided
    aide.stuck = True
    clock.now += hub_module.LOOK_EVERY
    hub.turn(0)
    assert hub.failed == {3: "does not answer"}
    process.die()
    hub.turn(0)
    assert hub.failed == {3: "is gone"}
    hub.turn(0)
    hub.detach(3)
    assert hub.failed == {}


def test_what_a_process_does_not_take_at_once_is_sent_when_it_reads_on(hub, aided):
    aide, process = aided
    frames = [one_talk(1, b"%d" % number + b"x" * 60000) for number in range(40)]
    aide.down.put(b"".join(frames))
    hub.turn(0)
    assert aide.waiting
    found = []
    while len(found) < len(frames):
        more = process.frames()
        assert more
        found += more
        hub.turn(0)
    assert found == frames
    assert not aide.waiting


def test_who_works_for_the_hub_is_dismissed_by_the_end_of_its_queues(hub, aided):
    aide, process = aided
    hub.dismiss_aides()
    with pytest.raises(EOFError):
        process.down.get()
    hub.turn(0)
    assert hub.failed == {}


# ---- workers that die, hang or lag


def test_a_worker_that_is_gone_has_to_be_replaced(hub, workers):
    workers[0].die()
    hub.turn(0)
    assert set(hub.failed) == {1}


def test_what_a_dead_worker_completed_still_counts(hub, workers):
    one, two = workers
    os.write(one.up.fileno(), one_talk(1) + one_talk(1, b"torn")[:-1])
    one.die()
    hub.turn(0)
    hub.turn(0)
    assert two.heard() == [one_talk(1)]
    assert set(hub.failed) == {1}


def test_a_detached_workers_names_are_free_and_the_others_are_told(hub, workers):
    one, two = workers
    one.say(claim(1, b"ann"), claim(2, b"cid"))
    two.say(claim(1, b"bob"))
    hub.turn(0)
    two.heard()
    one.die()
    hub.turn(0)
    hub.detach(1)
    two.say(claim(2, b"ann"))
    hub.turn(0)
    assert two.heard() == [("left", b"ann"), ("left", b"cid"), ("joined", 2, 2, b"ann")]
    assert hub.failed == {}
    assert set(hub.streams) == {2}


def test_an_answer_for_a_detached_worker_is_dropped(hub, workers):
    one, two = workers
    two.say(claim(1, b"bob"))
    hub.turn(0)
    two.heard()
    hub.worker(9, ToWorker.Who([1]))
    hub.detach(2)
    one.heard()
    one.say(control("whisper", 1, b"ann", b"bob", b"hi", None, HOST))
    hub.turn(0)
    assert one.heard() == [("left", b"bob"), ("refused", 1, Reason.NOBODY)]


def test_detaching_closes_the_queues(hub, workers):
    stream = hub.streams[1]
    hub.detach(1)
    with pytest.raises(OSError):
        stream.up.fileno()
    with pytest.raises(BrokenPipeError):
        workers[0].say(control("ready"))


def test_a_worker_that_gives_signs_of_life_is_well(hub, workers, clock):
    for _ in range(20):
        clock.now += hub_module.LOOK_EVERY
        hub.turn(0)
        for worker in workers:
            worker.say(control("alive", {}))
        hub.turn(0)
    assert hub.failed == {}


def test_a_worker_that_gives_none_fails_within_10_seconds(hub, workers, clock):
    hung = 0.0
    while not hub.failed:
        clock.now += 0.5
        hung += 0.5
        workers[1].say(control("alive", {}))
        hub.turn(0)
        assert hung < 10
    assert set(hub.failed) == {1}


def test_a_late_sign_is_enough(hub, workers, clock):
    for turn in range(24):
        clock.now += hub_module.LOOK_EVERY
        hub.turn(0)
        if turn % 3 == 2:
            workers[0].say(control("alive", {}))
            workers[1].say(control("alive", {}))
            hub.turn(0)
    assert hub.failed == {}


def test_a_worker_that_does_not_read_is_kept_waiting_for_and_then_hears_everything(hub, workers):
    one, two = workers
    frames = [one_talk(1, b"%d" % number + b"x" * 60000) for number in range(40)]
    heard = []
    for frame in frames:
        one.say(frame)
        hub.turn(0)
        heard += one.heard()
    assert hub.streams[2].down.backlog_size > 0
    late = []
    for _ in range(40):
        late += two.heard()
        hub.turn(0)
    assert late == heard == frames
    assert hub.streams[2].down.backlog_size == 0
    assert hub.failed == {}


def flood(hub, one, rounds=40):
    """A worker has much to say and hears it, too; gives how much of it the hub has taken."""
    heard = []
    for _ in range(rounds):
        one.say(one_talk(1, b"x" * 60000))
        hub.turn(0)
        heard += one.heard()
    return len(heard)


def test_while_a_worker_that_lives_is_far_behind_nobody_is_heard(hub, workers, monkeypatch):
    monkeypatch.setattr(hub_module, "ENOUGH_PENDING", 200000)
    one, two = workers
    said = flood(hub, one)
    assert said < 40
    assert hub.streams[2].down.backlog_size < 400000
    for _ in range(60):
        one.say()  # what its queue did not take before
        hub.turn(0)
        said += len(one.heard())
        two.heard()
    assert said == 40
    assert hub.failed == {}


def test_while_nobody_is_heard_the_hub_does_not_spin(hub, workers, monkeypatch, clock):
    monkeypatch.setattr(hub_module, "ENOUGH_PENDING", 200000)
    flood(hub, workers[0])
    clock.slept.clear()
    for _ in range(10):
        hub.turn(1)
    assert len(clock.slept) >= 9


def test_for_a_worker_that_gives_no_sign_of_life_nobody_waits_and_too_far_behind_it_is_replaced(
        hub, workers, monkeypatch, clock):
    monkeypatch.setattr(hub_module, "ENOUGH_PENDING", 200000)
    monkeypatch.setattr(hub_module, "MOST_PENDING", 400000)
    one, two = workers
    for _ in range(2):
        clock.now += hub_module.LOOK_EVERY
        one.say(control("alive", {}))
        hub.turn(0)
    assert flood(hub, one) == 40
    assert set(hub.failed) == {2}


def test_when_a_worker_that_was_behind_is_gone_the_others_hear_what_follows(hub, workers):
    one, two = workers
    flood(hub, one)
    assert hub.streams[2].down.backlog_size > 0
    hub.detach(2)
    one.say(one_talk(1, b"after"))
    hub.turn(0)
    assert one.heard() == [one_talk(1, b"after")]


# ---- bugs


def bug(*arguments):
    raise RuntimeError("injected")


def test_a_bug_before_anything_is_changed_costs_the_session_that_asked(hub, workers, caplog):
    one, two = workers
    hub._at_once["who"] = bug
    one.say(claim(5, b"ann"), control("who", [5]), claim(6, b"bob"))
    hub.turn(0)
    joined = [("joined", 1, 5, b"ann"), ("joined", 1, 6, b"bob")]
    assert one.heard() == [joined[0], ("evict", 5, Reason.BUG), joined[1]]
    assert two.heard() == joined
    assert [record for record in caplog.records if record.exc_info]


def test_a_bug_that_shows_again_and_again_cannot_fill_the_log(hub, workers, clock, caplog):
    caplog.set_level(logging.INFO)
    hub._at_once["who"] = bug
    workers[0].say(*[control("who", [number]) for number in range(MOST_LINES + 40)])
    hub.turn(0)
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"] * MOST_LINES
    clock.now += MINUTE
    hub.turn(0)
    assert [record.getMessage() for record in caplog.records[MOST_LINES:]] == ["a bug: 40 more like it"]


def test_a_bug_after_something_has_changed_ends_the_server(hub, workers):
    def grant_and_fail(worker, number):
        hub.everyone(ToWorker.Joined(worker, number, b"ann"))
        bug()

    hub._in_order["claim_guest"] = grant_and_fail
    workers[0].say(control("claim_guest", 5))
    with pytest.raises(Torn):
        hub.turn(0)


def test_a_bug_in_what_follows_an_answer_of_the_store_costs_the_session_that_asked(hub, workers, store, monkeypatch):
    one, two = workers
    one.say(claim(5, b"ann"))
    hub.turn(0)
    one.heard()
    store.late = True
    one.say(control("recall", [5], None, 9), control("recall", [6], None, 9))
    hub.turn(0)
    answers = hub.worker
    monkeypatch.setattr(hub, "worker", lambda worker, message: bug() if type(message) is ToWorker.Answer and
                        message.sessions == [5] else answers(worker, message))
    store.answer()
    hub.turn(0)
    assert [entry[:2] for entry in one.heard()] == [("evict", 5), ("Recalled", [6])]


def test_a_bug_in_what_follows_a_password_costs_the_session_that_gave_it(protected, attach_verifier, monkeypatch):
    hub, worker = protected
    verifier = attach_verifier(hub, 2)
    worker.say(claim(5, b"ann", "Login", b"pw"))
    hub.turn(0)
    ((_, token, _, _),) = verifier.heard()
    monkeypatch.setitem(hub._in_order, "claim_name", bug)
    verifier.say(control("done", token, None, None))
    hub.turn(0)
    assert worker.heard() == [("evict", 5, Reason.BUG)]
    assert hub.door.holders() == []


def test_a_bug_in_what_a_worker_says_of_itself_costs_nobody(hub, workers):
    hub._at_once["alive"] = bug
    workers[0].say(control("alive", {}), one_talk(1))
    hub.turn(0)
    assert workers[1].heard() == [one_talk(1)]


# ---- what workers say of themselves


def test_a_worker_is_ready_and_done_when_it_says_so(hub, workers):
    assert [stream.ready for stream in hub.streams.values()] == [False, False]
    workers[0].say(control("ready"))
    workers[1].say(control("ready"), control("done"))
    hub.turn(0)
    assert [stream.ready for stream in hub.streams.values()] == [True, True]
    assert [stream.done for stream in hub.streams.values()] == [False, True]


def test_the_status_has_what_each_worker_reports_what_is_queued_and_who_is_here(hub, workers):
    one, two = workers
    one.say(claim(5, b"ann", "Create"), claim(6, b"bob"), control("ready"), control("alive", {"accepted": 7}))
    for _ in range(40):
        one.say(one_talk(1, b"x" * 60000))
        hub.turn(0)
        one.heard()
    queued = hub.streams[2].down.backlog_size
    status = hub.status()
    assert (status["names"], status["accounts"], status["rooms"], status["journal"]["waiting"]) == (2, 1, 0, 0)
    assert status["workers"] == {
        1: {"ready": True, "silent": False, "missed_signs_of_life": 0, "queued_bytes": 0, "report": {"accepted": 7}},
        2: {"ready": False, "silent": False, "missed_signs_of_life": 1, "queued_bytes": queued, "report": {}},
    }
    assert queued > 0


def test_a_connection_too_many_is_answered_to_its_worker_alone(hub, workers):
    one, two = workers
    hub.census.most = 1
    one.say(control("arrived", 1, "192.0.2.1"))
    hub.turn(0)
    two.say(control("arrived", 9, "192.0.2.1"), control("arrived", 10, "192.0.2.2"))
    hub.turn(0)
    assert (one.heard(), two.heard()) == ([], [("evict", 9, Reason.TOO_MANY_CONNECTIONS)])
    hub.detach(1)
    two.say(control("arrived", 11, "192.0.2.1"), control("departed", 11), control("arrived", 12, "192.0.2.1"))
    hub.turn(0)
    assert two.heard() == []


# ---- pacing


@pytest.fixture
def house(make_hub, attach, clock, monkeypatch):
    """A `hub` that paces, and two `workers` that both talked in the last round.

    late: (worker, frame) of what is said while it waits. waits: the seconds of each wait, of which half pass.
    """

    def wait_for(selector, seconds):
        house.waits.append(seconds)
        clock.now += max(seconds / 2, 1e-6)
        for worker, frame in house.late:
            worker.say(frame)
        heard, house.late = bool(house.late), []
        return heard

    monkeypatch.setattr(hub_module, "wait_for", wait_for)
    house = types.SimpleNamespace(hub=make_hub(pacing=0.002), late=[], waits=[])
    house.workers = [attach(house.hub, number) for number in (1, 2)]
    for number, worker in enumerate(house.workers, 1):
        worker.say(one_talk(number))
    house.hub.turn(0)
    for worker in house.workers:
        worker.heard()
    assert house.waits == []  # nobody had talked before
    return house


def test_the_talk_of_one_worker_waits_for_that_of_another_which_talked_in_the_last_round(house):
    one, two = house.workers
    one.say(one_talk(1))
    house.late = [(two, one_talk(2))]
    house.hub.turn(0)
    assert house.waits == [pytest.approx(0.002 * GATHERING)]
    assert one.heard() == two.heard() == [one_talk(1), one_talk(2)]


def test_if_that_has_nothing_to_say_it_is_passed_on_soon_and_not_waited_for_again(house, clock, monkeypatch):
    one, two = house.workers
    monkeypatch.setattr(hub_module, "wait_for", lambda selector, seconds: setattr(clock, "now", clock.now + seconds))
    passed = []
    for _ in range(2):
        began = clock.now
        one.say(one_talk(1))
        house.hub.turn(0)
        passed.append(clock.now - began)
        assert two.heard() == [one_talk(1)]
    assert passed == [pytest.approx(0.002 * GATHERING), 0]


def test_workers_that_talk_one_at_a_time_are_not_waited_for(house):
    waited = []
    for worker in house.workers * 3:
        worker.say(one_talk(1))
        house.hub.turn(0)
        waited.append(bool(house.waits))
        house.waits.clear()
    assert waited == [True, False, False, False, False, False]
    assert [len(worker.heard()) for worker in house.workers] == [6, 6]


def waiting_talk(messages=1):
    """A frame of so many messages that may wait for 3 ms."""
    return talk(0, 1, messages * [record(1, b"ann", b"hi", 7)], may_wait=3000)


def test_talk_waits_for_as_long_as_its_worker_would_have_it_wait_whoever_else_talks(house, clock):
    one, two = house.workers
    one.say(waiting_talk(4))
    two.say(one_talk(2))
    house.hub.turn(0)
    assert house.waits == []  # it is as much as all rounds before had
    one.heard(), two.heard()
    two.say(one_talk(2))
    one.say(waiting_talk())
    began = clock.now
    house.hub.turn(0)
    assert house.waits[0] == pytest.approx(0.003)
    assert clock.now - began == pytest.approx(0.003, rel=0.01)
    assert len(one.heard()) == len(two.heard()) == 2


def test_it_waits_no_longer_than_until_there_is_as_much_as_full_rounds_have_had_lately(house, clock):
    one, two = house.workers
    one.say(waiting_talk(5))
    two.say(one_talk(2))
    house.hub.turn(0)
    one.heard(), two.heard()
    one.say(waiting_talk(3))
    two.say(one_talk(2))
    house.late = [(two, one_talk(2)), (two, one_talk(2))]
    house.hub.turn(0)
    assert house.waits == [pytest.approx(0.003)]  # once: half of that has passed, and there are 6 messages
    assert len(one.heard()) == len(two.heard()) == 4


def test_who_asks_for_anything_does_not_wait_for_talk(house):
    one, two = house.workers
    one.say(one_talk(1), control("ask_health"))
    house.hub.turn(0)
    assert house.waits == []
    assert [one.heard()[0], two.heard()] == [one_talk(1), [one_talk(1)]]
    one.say(one_talk(1))
    two.say(one_talk(2))
    house.hub.turn(0)
    two.say(one_talk(2))
    house.late = [(two, control("ask_health"))]
    house.hub.turn(0)
    assert len(house.waits) == 1


def test_nor_does_an_operator_or_who_has_given_the_right_password(house):
    one, two = house.workers
    operator, ours = socket.socketpair()
    with operator, ours:
        house.hub.selector.register(ours, selectors.EVENT_READ, types.SimpleNamespace(on_ready=lambda: ours.recv(9)))
        operator.send(b"kick")
        one.say(one_talk(1))
        house.hub.turn(0)
        house.hub.selector.unregister(ours)
    assert house.waits == [] and len(two.heard()) == 1
    down, up = Queue(), Queue()
    house.hub.attach_aide(7, house.hub.verifier, down, up)
    house.hub.verifier.hear = up.get
    house.hub.turn(0)
    one.say(one_talk(1))
    two.say(one_talk(2))
    house.hub.turn(0)
    one.say(one_talk(1))
    up.put(control("verified"))
    house.hub.turn(0)
    assert house.waits == [] and len(two.heard()) == 3
    house.hub.detach(7)


def test_no_pacing_is_no_wait(house):
    house.hub.pacing = 0
    for _ in range(5):
        house.workers[0].say(one_talk(1))
        house.hub.turn(0)
    assert house.waits == []


def test_what_has_waited_for_too_long_is_forgotten_although_nothing_happens(make_hub, store, clock):
    memory = Accounts(store, keep_days=10)
    hub = make_hub(memory=memory)
    memory.begin_with(b"ann", tuple(claims(b"ann")))
    memory.order.now = int(clock.time() * 1000)
    memory.keep(b"ann", b"bob", b"hi", HOST, 1)
    for days in (0, 9, 2):
        assert memory.accounts[b"ann"].kept == 1
        clock.now += days * 86400 + hub_module.LOOK_EVERY
        hub.turn(0)
    assert memory.accounts[b"ann"].kept == 0


def test_an_act_is_one_line_of_the_log_without_control_characters(hub, caplog):
    caplog.set_level("INFO")
    hub.register.members.enter(3 << 32 | 7, b"ann", [b"ann"], "192.0.2.1")
    hub.slot_of = {3: 0, 4: 1}.get
    hub.audit(b"ann", 3 << 32 | 7, "kick", b"#dev", b"bob", b"a\tb\x1b[31m\nc")
    hub.audit(b"ann", 4 << 32 | 8, "topic", b"#dev", b"", b"")
    hub.audit(b"server", 0, "ban", b"#lobby", b"192.0.2.0/24", b"")
    assert [record.args for record in caplog.records] == [
        {"who": "ann", "from": "192.0.2.1 worker 0 session 7", "act": "kick", "room": "#dev", "about": "bob",
         "text": "a b\u241b[31m\u2424c"},
        {"who": "ann", "from": "? worker 1 session 8", "act": "topic", "room": "#dev", "about": None, "text": None},
        {"who": "server", "from": "control socket", "act": "ban", "room": "#lobby", "about": "192.0.2.0/24",
         "text": None}]
    assert {record.message for record in caplog.records} == {"audit"}
