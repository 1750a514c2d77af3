"""What goes along with a message, for those in whose protocol there is such a thing, and what the others hear."""
import pytest
from queue_ends import two_ends

from parley.server.chat.replica import Replica
from parley.server.chat.room import LOBBY, Rooms
from parley.server.chat.session.talk import LONGEST_EXTRA
from parley.server.ipc.queues import EXTRA, EXTRA_AWAITED, HEAD, placed, record, said, talk, without_extra
from parley.server.protocols.events import Reason, Refused, Said, Say, Whisper, Whispered
from parley.server.worker.uplink import Uplink

HERE = 3


class Company:
    """ann, whose protocol has extras, and bob, whose has none, on one worker."""

    def __init__(self, make_member, hub):
        self.ann, self.bob = make_member(b"ann", extras=True), make_member(b"bob")
        rooms = Rooms([self.ann.audience, self.bob.audience])
        self.replica = Replica(HERE, {member.number: member for member in (self.ann, self.bob)}, rooms, hub)
        for member in (self.ann, self.bob):
            member.audience.hear_talk = lambda room, talk, whose=member.audience: whose.calls.append((room, talk))

    def heard(self):
        return [member.audience.drain() for member in (self.ann, self.bob)]


@pytest.fixture
def company(make_member, hub):
    return Company(make_member, hub)


def test_an_extra_is_heard_only_where_there_is_such_a_thing(company):
    company.replica.said_with_extra(LOBBY, HERE, 9, [(company.bob.number, b"bob", b"hi\0more", 7)])
    assert company.heard() == [
        [(LOBBY, [(Said(b"bob", b"hi", 7, 9, b"", 0, extra), company.bob)])] for extra in (b"more", b"")]
    company.replica.said_with_extra(LOBBY, HERE + 1, 10, [(1, b"cid", b"\0more", 7)])
    assert company.heard() == [[(LOBBY, [(Said(b"cid", b"", 7, 10, b"", 0, b"more"), None)])], []]
    company.replica.said_with_extra(77, HERE, 9, [(1, b"cid", b"hi\0more", 7)])  # nobody is there
    assert company.heard() == [[], []]


def test_what_is_said_to_one_alone_may_have_an_extra_too(company):
    for member in (company.ann, company.bob):
        company.replica.whispered(member.number, b"cid", b"hi", 7, 9, 0, b"more")
        company.replica.whispered(member.number, b"cid", b"", 7, 10, 0, b"more")
    company.replica.whispered(99, b"cid", b"", 7, 10, 0, b"more")  # has just left
    told = [Whispered(b"cid", b"hi", 7, 9, 0, b"more"), Whispered(b"cid", b"", 7, 10, 0, b"more")]
    assert company.heard() == [told, told[:1]]


def test_a_text_may_be_empty_if_there_is_an_extra_and_that_has_a_longest(member, hub):
    member.hear([Say(b"", None, 7, extra=b"more"), Say(b"hi", None, 7, extra=b"x" * LONGEST_EXTRA)])
    assert hub.drain() == [("say_with_extra", LOBBY, 1, b"ann", text, extra, 7, False, 0)
                           for text, extra in ((b"", b"more"), (b"hi", b"x" * LONGEST_EXTRA))]
    too_long, blank = Say(b"hi", None, 7, extra=b"x" * (LONGEST_EXTRA + 1)), Whisper(b"bob", b" ", None, 7, b"", b"x")
    member.hear([too_long, blank])
    assert member.audience.drain() == [Refused(Reason.TEXT_TOO_LONG, too_long), Refused(Reason.BAD_FORM, blank)]
    member.hear([Whisper(b"bob", b"", None, 7, b"", b"more")])
    assert hub.drain() == [("whisper", 1, b"ann", b"bob", b"", 7, "192.0.2.1", b"", b"more")]


def test_a_message_with_an_extra_has_a_frame_of_its_own_among_the_others(uplink_and_frames):
    uplink, frames = uplink_and_frames
    uplink.say(5, 1, b"ann", b"one", None, False)
    uplink.say_with_extra(5, 1, b"ann", b"two", b"more", None, False)
    uplink.say_with_extra(5, 2, b"bob", b"", b"more", 8, True)
    uplink.say(5, 1, b"ann", b"three", None, False)
    uplink.flush()
    told = [(HEAD.unpack_from(frame)[0], HEAD.unpack_from(frame)[1], said(frame)) for frame in frames()]
    assert told == [(1, 5, [(1, b"ann", b"one", 7)]), (EXTRA, 5, [(1, b"ann", b"two\0more", 7)]),
                    (EXTRA_AWAITED, 5, [(2, b"bob", b"\0more", 8)]), (1, 5, [(1, b"ann", b"three", 7)])]


def test_talk_without_its_extra_has_the_same_place():
    for text, left in ((b"hi\0a\0b", [(1, b"ann", b"hi", 7)]), (b"\0a\0b", [])):
        frame, extra = without_extra(placed(talk(5, 1, [record(1, b"ann", text, 7)], EXTRA), 9, 7000))
        assert (said(frame), extra, HEAD.unpack_from(frame)[4:]) == (left, b"a\0b", (len(left), 9, 7000))


@pytest.fixture
def uplink_and_frames():
    """An uplink, and what gives the frames that it has sent."""
    writing, reading = two_ends()
    yield Uplink(writing, 1, lambda: 7), reading.get
    for end in (writing, reading):
        end.close()
