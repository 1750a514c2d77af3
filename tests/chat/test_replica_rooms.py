"""What the hub's stream means to the members of rooms on one worker."""
import pytest

from parley.server.chat.replica import Replica
from parley.server.chat.room import EVERYWHERE, LOBBY, Rooms
from parley.server.chat.session.states import MEMBER, WAITING
from parley.server.protocols.events import (
    Done,
    Enter,
    Entered,
    Exit,
    Exited,
    Inside,
    Invited,
    Manage,
    Managed,
    Present,
    Reason,
    Recall,
    Recalled,
    Refused,
    Renamed,
    Roles,
    RolesTold,
    RoomList,
    Said,
    Say,
    Topic,
    TopicTold,
    Who,
)
from parley.server.protocols.events import Rooms as AskRooms

HERE, ELSEWHERE = 3, 4  # workers
DEV = 5
ENTER, SAY = Enter(b"#dev", None), Say(b"hi", None, 7, b"#dev")


class Company:
    """Members on one worker, ann and bob, and its replica."""

    def __init__(self, make_member, hub, **differences):
        self.ann, self.bob = self.members = [make_member(name, **differences) for name in (b"ann", b"bob")]
        self.rooms = Rooms([member.audience for member in self.members])
        self.sessions = {member.number: member for member in self.members}
        for member in self.members:
            member.rooms = self.rooms
        self.replica = Replica(HERE, self.sessions, self.rooms, hub)

    def enter(self, member, topic=b""):
        """A member asks to enter #dev, and does."""
        member.hear([ENTER])
        self.replica.entered(DEV, b"#dev", topic, HERE, member.number, member.name)

    def heard(self):
        """What each has heard: happenings, and (happening,) of what all in its rooms hear."""
        return [[(one[2],) if type(one) is tuple and one[0] == "hear" else one for one in member.audience.drain()]
                for member in self.members]

    def are_forgotten(self):
        """Is no room known but the lobby?"""
        return (self.rooms.by_name, sorted(self.rooms.by_number)) == ({}, [EVERYWHERE, LOBBY]) and all(
            set(member.audience.rooms) <= {EVERYWHERE, LOBBY} for member in self.members)


@pytest.fixture
def company(make_member, hub):
    return Company(make_member, hub)


@pytest.fixture
def both(company):
    """Both are in #dev, and nobody remembers anything."""
    for member in company.members:
        company.enter(member)
    company.heard()
    return company


# ---- coming and going


def test_who_enters_is_told_so_and_the_others_that_it_is_there(company):
    company.enter(company.ann, b"news")
    company.enter(company.bob, b"news")
    assert company.heard() == [
        [("enter", DEV), Inside(b"#dev", b"news", ENTER), (Entered(b"#dev", b"bob"),)],
        [("enter", DEV), Inside(b"#dev", b"news", ENTER)]]
    assert company.rooms.by_name[b"#dev"].members == company.members
    assert [member.state for member in company.members] == [MEMBER, MEMBER]


def test_of_who_enters_elsewhere_only_those_hear_who_are_in_the_room(company):
    company.replica.entered(DEV, b"#dev", b"", ELSEWHERE, 1, b"cid")
    assert company.are_forgotten()
    company.enter(company.ann)
    company.heard()
    company.replica.entered(DEV, b"#dev", b"", ELSEWHERE, company.ann.number, b"dan")
    assert company.heard() == [[(Entered(b"#dev", b"dan"),)], []]


def test_who_has_gone_before_it_could_enter_leaves_no_room_behind(company):
    company.ann.hear([ENTER])
    del company.sessions[company.ann.number]
    company.replica.entered(DEV, b"#dev", b"", HERE, company.ann.number, b"ann")
    company.replica.exited(DEV, HERE, [company.ann.number], [b"ann"])
    assert company.are_forgotten()


def test_who_leaves_hears_nothing_more_of_the_room_not_even_that(both):
    both.ann.hear([Exit(b"#dev")])
    both.replica.exited(DEV, HERE, [both.ann.number], [b"ann"])
    both.replica.said(DEV, HERE, 1, [(both.bob.number, b"bob", b"hi", 7, 1)])
    both.replica.confirmed(both.ann.number)
    ann, bob = both.heard()
    assert ann == [("leave", DEV), Done(Exit(b"#dev"))]
    assert bob[0] == (Exited(b"#dev", b"ann"),) and len(bob) == 2


def test_several_who_leave_at_once_are_told_one_after_the_other(both):
    both.replica.exited(DEV, ELSEWHERE, [both.ann.number, 9], [b"cid", b"dan"])
    assert both.heard() == [[(Exited(b"#dev", b"cid"),), (Exited(b"#dev", b"dan"),)]] * 2
    assert both.rooms.by_name[b"#dev"].members == both.members


def test_a_rename_is_told_in_the_room_by_its_name(both):
    both.replica.renamed_in(DEV, ELSEWHERE, 1, b"cid", b"dan", None)
    both.replica.renamed_in(99, ELSEWHERE, 1, b"cid", b"dan", None)
    assert both.heard() == [[(Renamed(b"cid", b"dan", b"#dev"),)]] * 2


def test_talk_has_the_rooms_name_and_comes_from_its_session(both):
    both.replica.said(DEV, HERE, 7, [(both.ann.number, b"ann", b"one", 1, 1), (99, b"cid", b"two", 2, 1)])
    one, two = Said(b"ann", b"one", 1, 7, b"#dev"), Said(b"cid", b"two", 2, 8, b"#dev")
    assert [member.audience.drain() for member in both.members] == [
        [("hear_talk", DEV, [(one, both.ann), (two, None)])]] * 2


# ---- what is done


@pytest.mark.parametrize("act", ["kick", "ban"])
def test_who_is_put_out_hears_that_as_the_last_of_the_room(both, act):
    both.replica.managed(DEV, act, b"cid", b"ann", b"why", [(HERE, both.ann.number), (ELSEWHERE, both.bob.number)])
    both.replica.said(DEV, ELSEWHERE, 1, [(1, b"cid", b"hi", 7, 1)])
    told = (Managed(b"#dev", act, b"cid", b"ann", b"why"),)
    ann, bob = both.heard()
    assert ann == [told, ("leave", DEV)]
    assert bob[0] == told and len(bob) == 2
    assert both.rooms.by_name[b"#dev"].members == [both.bob]


def test_where_clients_converse_each_is_told_that_it_is_no_more_in_a_room_that_is_dropped(make_member, hub):
    company = Company(make_member, hub, converses=True)
    for member in company.members:
        company.enter(member)
    company.heard()
    company.replica.managed(DEV, "drop", b"cid", b"", b"", [(HERE, member.number) for member in company.members])
    assert [heard[-1] for heard in company.heard()] == [Exited(b"#dev", name) for name in (b"ann", b"bob")]


def test_a_room_that_is_dropped_is_told_it_and_is_forgotten(both):
    both.replica.managed(DEV, "drop", b"cid", b"", b"", [(HERE, member.number) for member in both.members])
    assert both.heard() == [[(Managed(b"#dev", "drop", b"cid", b"", b""),), ("leave", DEV)]] * 2
    assert both.are_forgotten()


def test_what_is_done_to_a_room_of_which_nobody_is_here_is_ignored(company):
    company.replica.managed(DEV, "kick", b"cid", b"dan", b"", [(ELSEWHERE, 1)])
    company.replica.exited(DEV, ELSEWHERE, [1], [b"cid"])
    assert company.heard() == [[], []]
    assert company.are_forgotten()


def test_an_operators_act_in_the_lobby_is_told_to_all(both):
    both.replica.managed(LOBBY, "topic", b"boss", b"", b"news", [])
    assert both.heard() == [[(Managed(b"", "topic", b"boss", b"", b"news"),)]] * 2


def test_who_is_put_out_while_it_waits_still_gets_its_answer(both):
    both.ann.hear([Manage(b"#dev", "kick", b"ann", b"")])
    both.replica.managed(DEV, "kick", b"ann", b"ann", b"", [(HERE, both.ann.number)])
    assert both.ann.state is WAITING
    both.replica.confirmed(both.ann.number)
    assert both.heard()[0] == [
        (Managed(b"#dev", "kick", b"ann", b"ann", b""),), ("leave", DEV), Done(Manage(b"#dev", "kick", b"ann", b""))]


# ---- for one alone


def test_an_invitation_is_told_to_one(company):
    company.replica.tell(company.bob.number, "Invited", (b"#dev", b"cid"))
    company.replica.tell(99, "Invited", (b"#dev", b"cid"))
    assert company.heard() == [[], [Invited(b"#dev", b"cid")]]


@pytest.mark.parametrize("question, entry, heard", [
    (Who(b"#dev"), ("answer", [1], "Present", ([b"ann"], b"#dev")), Present([b"ann"], b"#dev")),
    (AskRooms(None), ("answer", [1], "RoomList", ([(b"#dev", 1, b"", True)],)),
     RoomList([(b"#dev", 1, b"", True)], AskRooms(None))),
    (Topic(b"#dev"), ("answer", [1], "TopicTold", (b"#dev", b"news", b"cid", 7)),
     TopicTold(b"#dev", b"news", b"cid", 7)),
    (Roles(b"#dev"), ("answer", [1], "RolesTold", (b"#dev", [(b"ann", b"op")], [(b"slow", 5)])),
     RolesTold(b"#dev", [(b"ann", b"op")], [(b"slow", 5)])),
    (Recall(None, 9, b"#dev"), ("answer", [1], "Recalled", ([(1, b"ann", b"hi", 7)], 1, False, b"#dev")),
     Recalled([(1, b"ann", b"hi", 7)], 1, False, b"#dev")),
    (Topic(b"#dev"), ("refused", 1, Reason.NO_ROOM), Refused(Reason.NO_ROOM, Topic(b"#dev"))),
    (ENTER, ("refused", 1, Reason.BANNED), Refused(Reason.BANNED, ENTER)),
], ids=repr)
def test_an_answer_ends_the_question(company, question, entry, heard):
    company.ann.hear([question])
    getattr(company.replica, entry[0])(*entry[1:])
    assert (company.heard(), company.ann.state) == ([[heard], []], MEMBER)


@pytest.mark.parametrize("reason", [Reason.MUTED, Reason.SLOW_MODE, Reason.NOT_INSIDE, Reason.NO_ROOM])
def test_who_may_not_speak_is_told_why(make_member, hub, both, reason):
    both.ann.hear([SAY])
    both.replica.unsaid([(both.ann.number, 0), (99, 0)], reason)
    assert both.heard() == [[Refused(reason, Say)], []]
    waiting = Company(make_member, hub, acknowledges=True)
    waiting.enter(waiting.ann)
    waiting.heard()
    waiting.ann.hear([SAY])
    waiting.replica.unsaid([(waiting.ann.number, 0)], reason)
    assert (waiting.heard()[0], waiting.ann.state) == ([Refused(reason, SAY)], MEMBER)


# ---- what is forgotten


def test_rooms_of_which_nobody_is_here_any_more_are_forgotten(company):
    """After a thousand that came, in each of the ways in which they end."""
    ends = [
        lambda number: company.replica.exited(number, HERE, [1], [b"ann"]),
        lambda number: company.replica.managed(number, "kick", b"cid", b"ann", b"", [(HERE, 1)]),
        lambda number: company.replica.managed(number, "drop", b"cid", b"", b"", [(HERE, 1)]),
        lambda number: company.rooms.leave_all(company.ann)]
    for number in range(1, 1001):
        room = b"#r%d" % number
        company.ann.hear([Enter(room, None)])
        company.replica.entered(number, room, b"", HERE, company.ann.number, b"ann")
        assert list(company.rooms.by_name) == [room]
        ends[number % len(ends)](number)
        company.heard()
        assert company.are_forgotten(), number
    assert company.ann.state is MEMBER


def test_a_new_room_of_the_same_name_is_another_one(both):
    old = both.rooms.by_name[b"#dev"]
    both.replica.exited(DEV, HERE, [both.bob.number], [b"bob"])
    both.bob.hear([ENTER])
    both.replica.entered(DEV + 1, b"#dev", b"", HERE, both.bob.number, b"bob")
    assert both.rooms.by_name[b"#dev"] is not old
    both.rooms.leave_all(both.ann)
    assert [room.members for room in both.rooms.by_name.values()] == [[both.bob]]
    both.bob.hear([SAY])
    assert both.bob.hub.drain()[-1] == ("say", DEV + 1, both.bob.number, b"bob", b"hi", 7, False)
