"""What the hub's stream means to one worker."""
import pytest

from server.chat.replica import Replica
from server.chat.room import LOBBY, Room
from server.protocols.events import (
    Joined,
    Left,
    Login,
    Present,
    Reason,
    Refused,
    Said,
    Welcome,
    Whisper,
    Whispered,
    Who,
)

HERE, ELSEWHERE = 3, 4  # workers

ANSWERS_TO_NOBODY = [
    ("whispered", 99, b"bob", b"hi"),
    ("refused", 99, Reason.NAME_TAKEN),
    ("confirmed", 99),
    ("who", 99),
    ("joined", HERE, 99, b"bob"),
    ("said", LOBBY, HERE, [(99, b"bob", b"hi")]),
]


class Listeners:
    """An audience that remembers what it hears and from which of its sessions."""

    def __init__(self):
        self.heard = []

    def hear(self, happening, origin):
        self.heard.append((happening, origin))


@pytest.fixture
def listeners():
    return Listeners()


@pytest.fixture
def sessions():
    return {}


@pytest.fixture
def replica(sessions, listeners):
    return Replica(HERE, sessions, {LOBBY: Room([listeners])})


@pytest.fixture
def ann(stranger, sessions, replica, listeners):
    """Session 1 of this worker, a member."""
    sessions[1] = stranger
    stranger.hear([Login(b"ann")])
    replica.joined(HERE, 1, b"ann")
    stranger.audience.drain()
    listeners.heard.clear()
    return stranger


def test_a_granted_claim_is_heard_by_all_and_makes_a_member(stranger, sessions, replica, listeners):
    sessions[1] = stranger
    stranger.hear([Login(b"ann")])
    replica.joined(HERE, 1, b"ann")
    assert listeners.heard == [(Joined(b"ann"), stranger)]
    assert stranger.audience.drain() == ["enter", Welcome()]
    assert stranger.name == b"ann"


def test_a_newcomer_enters_the_room_after_its_own_arrival_was_heard(stranger, sessions, replica, listeners):
    order = []
    listeners.hear = lambda happening, origin: order.append(happening)
    stranger.audience.enter = lambda session: order.append("enter")
    sessions[1] = stranger
    stranger.hear([Login(b"ann")])
    replica.said(LOBBY, ELSEWHERE, [(1, b"bob", b"before")])
    replica.joined(HERE, 1, b"ann")
    replica.said(LOBBY, ELSEWHERE, [(1, b"bob", b"after")])
    assert order == [Said(b"bob", b"before"), Joined(b"ann"), "enter", Said(b"bob", b"after")]


def test_another_workers_session_of_the_same_number_is_somebody_else(ann, replica, listeners):
    replica.said(LOBBY, ELSEWHERE, [(1, b"bob", b"hi")])
    replica.joined(ELSEWHERE, 1, b"cid")
    assert listeners.heard == [(Said(b"bob", b"hi"), None), (Joined(b"cid"), None)]
    assert ann.name == b"ann"
    assert ann.audience.drain() == []


def test_talk_is_heard_in_order_and_from_its_session(ann, replica, listeners):
    replica.said(LOBBY, HERE, [(1, b"ann", b"one"), (2, b"bob", b"two"), (1, b"ann", b"three")])
    assert listeners.heard == [
        (Said(b"ann", b"one"), ann), (Said(b"bob", b"two"), None), (Said(b"ann", b"three"), ann)]


def test_every_audience_of_the_room_hears(sessions):
    both = [Listeners(), Listeners()]
    Replica(HERE, sessions, {LOBBY: Room(both)}).left(b"ann")
    assert [listeners.heard for listeners in both] == [[(Left(b"ann"), None)]] * 2


def test_who_is_answered_from_what_the_stream_has_said_so_far(ann, replica):
    replica.present([b"zoe", b"bob"])
    replica.joined(ELSEWHERE, 1, b"cid")
    replica.left(b"zoe")
    ann.hear([Who()])
    replica.who(1)
    replica.joined(ELSEWHERE, 2, b"dan")
    assert ann.audience.drain() == [Present([b"ann", b"bob", b"cid"])]


def test_who_comes_again_is_last_in_login_order(ann, replica):
    replica.joined(ELSEWHERE, 1, b"bob")
    replica.left(b"ann")
    replica.joined(ELSEWHERE, 2, b"ann")
    ann.hear([Who()])
    replica.who(1)
    assert ann.audience.drain() == [Present([b"bob", b"ann"])]


def test_an_answer_that_was_given_does_not_change_any_more(ann, replica):
    ann.hear([Who()])
    replica.who(1)
    replica.left(b"ann")
    assert ann.audience.drain() == [Present([b"ann"])]


def test_a_whisper_is_told_to_its_session(ann, replica, listeners):
    replica.whispered(1, b"bob", b"hi")
    assert ann.audience.drain() == [Whispered(b"bob", b"hi")]
    assert listeners.heard == []


def test_a_refused_claim_is_answered(stranger, sessions, replica):
    sessions[1] = stranger
    stranger.hear([Login(b"ann")])
    replica.refused(1, Reason.NAME_TAKEN)
    assert stranger.audience.drain() == [Refused(Reason.NAME_TAKEN)]


def test_a_refused_and_a_confirmed_whisper_are_answered(ann, replica):
    ann.hear([Whisper(b"bob", b"hi"), Whisper(b"cid", b"hi"), Who()])
    replica.confirmed(1)
    assert ann.audience.drain() == []
    replica.refused(1, Reason.NO_SUCH_MEMBER)
    replica.who(1)
    assert ann.audience.drain() == [Refused(Reason.NO_SUCH_MEMBER), Present([b"ann"])]


@pytest.mark.parametrize("entry", ANSWERS_TO_NOBODY, ids=repr)
def test_answers_for_sessions_that_are_gone_are_ignored(ann, replica, entry):
    getattr(replica, entry[0])(*entry[1:])
    assert ann.audience.drain() == []


def test_a_claim_granted_to_one_who_has_gone_is_present_until_it_is_released(ann, replica, listeners):
    replica.joined(HERE, 99, b"bob")
    replica.left(b"bob")
    assert listeners.heard == [(Joined(b"bob"), None), (Left(b"bob"), None)]
    ann.hear([Who()])
    replica.who(1)
    assert ann.audience.drain() == [Present([b"ann"])]
