"""The hub: one order for everybody, and who has to be replaced."""
import os

import pytest

from server.chat.names import claims
from server.protocols.events import Reason
from server.supervisor import hub as hub_module
from server.worker.queues import control, record, talk


def claim(number, name):
    return control("claim", number, name, tuple(claims(name)))


def one_talk(worker, text=b"hi", number=1):
    return talk(0, worker, [record(number, b"ann", text)])


# ---- order


def test_talk_passes_verbatim_to_every_worker_its_origin_too(hub, workers):
    one, two = workers
    frame = talk(0, 1, [record(1, b"ann", b"hi"), record(2, b"bob", b"\xff\n\x00")])
    one.say(frame)
    hub.turn(0)
    assert one.frames()[-1:] == two.frames()[-1:] == [frame]


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
    one.say(one_talk(1, b"before"), claim(5, b"ann"), one_talk(1, b"after"), control("release", 5), control("who", 6))
    hub.turn(0)
    public = [one_talk(1, b"before"), ("joined", 1, 5, b"ann"), one_talk(1, b"after"), ("left", b"ann")]
    assert two.heard() == public
    assert one.heard() == public + [("who", 6)]


def test_a_round_is_one_write_to_each_worker(hub, workers, monkeypatch):
    one, two = workers
    one.say(one_talk(1), claim(5, b"ann"), control("who", 5))
    two.say(one_talk(2), claim(5, b"bob"))
    writes = []
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(fd) or real_write(fd, data))
    hub.turn(0)
    downs = [stream.down.fileno() for stream in hub.streams.values()]
    assert [writes.count(fd) for fd in downs] == [1, 1]


# ---- names


def test_answers_go_only_where_they_are_awaited(hub, workers):
    one, two = workers
    one.say(claim(5, b"ann"))
    hub.turn(0)
    whispers = [control("whisper", 7, b"bob", to, b"psst") for to in (b"ann", b"cid")]
    two.say(claim(5, b"ANN"), *whispers)
    hub.turn(0)
    assert one.heard() == [("joined", 1, 5, b"ann"), ("whispered", 5, b"bob", b"psst")]
    assert two.heard() == [
        ("joined", 1, 5, b"ann"), ("refused", 5, Reason.NAME_TAKEN), ("confirmed", 7),
        ("refused", 7, Reason.NO_SUCH_MEMBER)]


def test_a_new_worker_is_told_who_is_here_before_anything_else(hub, workers, attach):
    workers[0].say(claim(1, b"zoe"), claim(2, b"ann"))
    hub.turn(0)
    three = attach(hub, 3)
    workers[0].say(one_talk(1))
    hub.turn(0)
    assert three.heard() == [("present", [b"zoe", b"ann"]), one_talk(1)]


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
    hub.worker(9, "who", 1)
    hub.detach(2)
    one.heard()
    one.say(control("whisper", 1, b"ann", b"bob", b"hi"))
    hub.turn(0)
    assert one.heard() == [("left", b"bob"), ("refused", 1, Reason.NO_SUCH_MEMBER)]


def test_detaching_closes_the_queues(hub, workers):
    stream = hub.streams[1]
    hub.detach(1)
    with pytest.raises(OSError):
        stream.up.fileno()
    with pytest.raises(BrokenPipeError):
        workers[0].say(control("ready"))


def test_a_worker_that_answers_pings_is_well(hub, workers, clock):
    for _ in range(20):
        clock.now += hub_module.PING_EVERY
        hub.turn(0)
        for worker in workers:
            worker.say(control("alive"))
        hub.turn(0)
    assert hub.failed == {}


def test_a_worker_that_answers_no_ping_fails_within_10_seconds(hub, workers, clock):
    hung = 0.0
    while not hub.failed:
        clock.now += 0.5
        hung += 0.5
        workers[1].say(control("alive"))
        hub.turn(0)
        assert hung < 10
    assert set(hub.failed) == {1}


def test_a_late_answer_is_enough(hub, workers, clock):
    for turn in range(24):
        clock.now += hub_module.PING_EVERY
        hub.turn(0)
        if turn % 3 == 2:
            workers[0].say(control("alive"))
            workers[1].say(control("alive"))
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


def test_a_worker_that_is_too_far_behind_has_to_be_replaced(hub, workers, monkeypatch):
    monkeypatch.setattr(hub_module, "MOST_PENDING", 200000)
    one, two = workers
    for _ in range(40):
        one.say(one_talk(1, b"x" * 60000))
        hub.turn(0)
        one.heard()
    assert set(hub.failed) == {2}
    hub.detach(2)
    one.say(one_talk(1, b"after"))
    hub.turn(0)
    assert one.heard() == [one_talk(1, b"after")]


# ---- what workers say of themselves


def test_a_worker_is_ready_and_done_when_it_says_so(hub, workers):
    assert [stream.ready for stream in hub.streams.values()] == [False, False]
    workers[0].say(control("ready"))
    workers[1].say(control("ready"), control("done"))
    hub.turn(0)
    assert [stream.ready for stream in hub.streams.values()] == [True, True]
    assert [stream.done for stream in hub.streams.values()] == [False, True]


# ---- pacing


def test_talk_after_a_quiet_time_does_not_wait(make_hub, attach, clock):
    hub = make_hub(pacing=0.002)
    one = attach(hub, 1)
    hub.turn(0)
    clock.now += 1
    one.say(one_talk(1))
    hub.turn(0)
    assert clock.slept == []
    assert one.heard()[-1] == one_talk(1)


def test_between_two_rounds_of_talk_is_the_pacing(make_hub, attach, clock):
    hub = make_hub(pacing=0.002)
    one = attach(hub, 1)
    for _ in range(5):
        one.say(one_talk(1))
        hub.turn(0)
    assert sum(clock.slept) == pytest.approx(4 * 0.002)


def test_no_pacing_is_no_wait(hub, workers, clock):
    for _ in range(5):
        workers[0].say(one_talk(1))
        hub.turn(0)
    assert clock.slept == []
