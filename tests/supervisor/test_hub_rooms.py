"""Rooms through the hub's queues: which workers are told, and how much."""
import pytest

from parley.server.chat.accounts import Accounts
from parley.server.chat.names import claims
from parley.server.ipc.queues import AWAITED, HEAD, control, record, talk
from parley.server.protocols.events import Reason

HOST = "192.0.2.1"
DEV = 1  # the number of the first room
WORKERS = 10
NOW = 1600001000  # by the invented clock


def claim(number, name):
    return control("claim", number, name, tuple(claims(name)), "Login", None, HOST)


def enter(number, room=b"#dev"):
    return control("enter", number, room, tuple(claims(room)), None)


def manage(number, act, about=b"", text=b""):
    return control("manage", number, b"#dev", act, about, text)


def said_in(room, worker, *numbers, **kind):
    return talk(room, worker, [record(number, b"somebody", b"hi", 7) for number in numbers], **kind)


@pytest.fixture
def crew(make_hub, attach, store):
    """Many workers: on the first three there are two members of #dev each, on all the others two who are not."""
    hub = make_hub(memory=Accounts(store))
    ends = [attach(hub, number) for number in range(1, WORKERS + 1)]
    for number, end in enumerate(ends, 1):
        end.say(claim(1, b"one%d" % number), claim(2, b"two%d" % number))
    hub.turn(0)
    for end in ends[:3]:
        end.say(enter(1), enter(2))
        hub.turn(0)
    frames_of(ends)
    return hub, ends


def frames_of(ends):
    """How many frames each worker has got."""
    return [len(end.frames()) for end in ends]


def test_talk_is_a_frame_to_each_worker_with_members_and_to_no_other(crew):
    hub, ends = crew
    ends[1].say(said_in(DEV, 2, 1, 2))
    hub.turn(0)
    heard = [end.heard() for end in ends]
    assert heard == [[said_in(DEV, 2, 1, 2)]] * 3 + [[]] * 7
    ends[1].say(said_in(0, 2, 1))
    hub.turn(0)
    assert frames_of(ends) == [1] * WORKERS


def test_talk_in_a_room_has_its_place_in_the_one_sequence(crew):
    hub, ends = crew
    ends[0].say(said_in(0, 1, 1), said_in(DEV, 1, 1, 2), said_in(0, 1, 1))
    hub.turn(0)
    assert [place[:2] for place in ends[0].places()] == [(1, 1), (2, 2), (4, 1)]
    assert [place[:2] for place in ends[5].places()] == [(1, 1), (4, 1)]


def test_what_may_not_be_said_goes_nowhere_and_takes_no_number(crew):
    hub, ends = crew
    ends[8].say(said_in(DEV, 9, 1), said_in(77, 9, 2), said_in(0, 9, 1))
    hub.turn(0)
    assert ends[8].heard() == [
        ("unsaid", [(1, 0)], Reason.NOT_INSIDE), ("unsaid", [(2, 0)], Reason.NO_ROOM), said_in(0, 9, 1)]
    assert [place[0] for place in ends[0].places()] == [1]


def test_of_a_frame_the_rest_is_said_and_who_waits_is_told(crew):
    hub, ends = crew
    ends[0].say(manage(1, "set", b"moderated", b"on"))
    hub.turn(0)
    frames_of(ends)
    ends[0].say(said_in(DEV, 1, 2, 1, 2, kind=AWAITED))
    hub.turn(0)
    hub.turn(0)
    assert ends[0].heard() == [
        ("unsaid", [(2, 0), (2, 0)], Reason.MODERATED), said_in(DEV, 1, 1, kind=AWAITED),
        ("stored", [(1, 0, 1)], 1, NOW, NOW * 1000)]
    assert [end.heard() for end in ends[1:]] == [[said_in(DEV, 1, 1, kind=AWAITED)]] * 2 + [[]] * 7


@pytest.mark.parametrize("request_, frames", [
    (enter(1), [1, 1, 1, 1]), (enter(1, b"#new"), [0, 0, 0, 1]), (control("exit", 1, b"#dev"), [0, 0, 0, 1]),
    (control("within", [1], b"#dev"), [0, 0, 0, 1]), (control("list_rooms", [1], b"*"), [0, 0, 0, 1]),
    (control("topic", 1, b"#dev"), [0, 0, 0, 1])])
def test_who_enters_or_looks_costs_frames_for_the_workers_that_it_concerns(crew, request_, frames):
    hub, ends = crew
    ends[3].say(request_)
    hub.turn(0)
    assert frames_of(ends) == frames + [0] * (WORKERS - 4)


def test_what_is_done_in_a_room_costs_a_frame_for_each_worker_with_members(crew):
    hub, ends = crew
    ends[0].say(manage(1, "kick", b"two3", b"why"))
    hub.turn(0)
    assert frames_of(ends) == [2, 1, 1] + [0] * 7, "and an answer"
    ends[2].say(control("exit", 1, b"#dev"))
    hub.turn(0)
    assert frames_of(ends) == [1, 1, 2] + [0] * 7
    ends[0].say(said_in(DEV, 1, 1))
    hub.turn(0)
    assert frames_of(ends) == [1, 1] + [0] * 8, "nobody of the third is there any more"


def test_a_dead_workers_members_leave_in_one_frame(crew):
    hub, ends = crew
    ends[0].die()
    hub.turn(0)
    hub.detach(1)
    hub.turn(0)
    left = [("left", b"one1"), ("left", b"two1")]
    assert ends[1].heard() == ends[2].heard() == [("exited", DEV, 1, [1, 2], [b"one1", b"two1"], True), *left]
    assert ends[3].heard() == left
    assert hub.register.rooms.by_number[DEV].interest == {2: 2, 3: 2}


def test_a_round_of_talk_in_many_rooms_is_one_write_to_each_worker(crew):
    hub, ends = crew
    for number in range(5):
        ends[0].say(enter(1, b"#r%d" % number))
    hub.turn(0)
    frames_of(ends)
    ends[0].say(*[said_in(DEV + 1 + number, 1, 1) for number in range(5)])
    hub.turn(0)
    rooms = [HEAD.unpack_from(frame)[1] for frame in ends[0].frames()]
    assert rooms == [DEV + 1 + number for number in range(5)]
    assert frames_of(ends) == [0] * WORKERS


def test_a_worker_that_begins_later_hears_of_rooms_from_its_first_member_on(crew, attach):
    hub, ends = crew
    late = attach(hub, WORKERS + 1)
    ends[0].say(said_in(DEV, 1, 1))
    hub.turn(0)
    assert [entry[0] for entry in late.heard()] == ["known"]
    late.say(claim(1, b"late"))
    hub.turn(0)
    late.heard()
    late.say(enter(1))
    hub.turn(0)
    ends[0].say(said_in(DEV, 1, 1))
    hub.turn(0)
    assert late.heard() == [("entered", DEV, b"#dev", b"", WORKERS + 1, 1, b"late"), said_in(DEV, 1, 1)]


def test_the_status_counts_rooms_without_the_lobby(crew):
    hub, ends = crew
    assert hub.status()["rooms"] == 1
    for number in range(3):
        ends[number].say(control("exit", 1, b"#dev"), control("release", 2))
    hub.turn(0)
    assert hub.status()["rooms"] == 0
