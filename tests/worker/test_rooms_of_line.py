"""Rooms as clients of `line` see them, on several workers."""
import pytest

from parley.server.chat.room import EVERYWHERE, LOBBY


@pytest.fixture
def trio(house):
    """Ann and bob on the first worker and cid on the second; all have come, and heard so."""
    return [house.member(name, worker) for name, worker in ((b"ann", 1), (b"bob", 1), (b"cid", 2))]


def ask(house, peer, line):
    """What one client hears after a line."""
    peer.send(line + b"\n")
    house.settle()
    return peer.heard()


def join(house, *peers):
    for peer in peers:
        assert ask(house, peer, b"JOIN #dev") == b"OK\n"
    for peer in peers:
        peer.heard()


def rooms_known(house):
    return [sorted(driven.worker.rooms.by_number) for driven in house.driven]


def test_what_is_said_in_a_room_is_heard_by_those_who_are_in_it(house, trio):
    ann, bob, cid = trio
    join(house, ann, cid)
    assert ask(house, ann, b"#dev MSG hi") == b""
    assert (bob.heard(), cid.heard()) == (b"", b"#dev MSG ann hi\n")
    assert ask(house, ann, b"MSG all") == b""
    assert (bob.heard(), cid.heard()) == (b"MSG ann all\n", b"MSG ann all\n")
    assert ask(house, bob, b"#dev MSG ho") == b"ERR not-in-room\n"
    assert (ann.heard(), cid.heard()) == (b"", b"")


def test_who_comes_and_goes_is_told(house, trio):
    ann, bob, cid = trio
    join(house, ann)
    ask(house, cid, b"JOIN #dev")
    ask(house, bob, b"JOIN #dev")
    assert (ann.heard(), cid.heard()) == (b"#dev INFO cid joined\n#dev INFO bob joined\n", b"#dev INFO bob joined\n")
    assert ask(house, bob, b"PART #dev") == b"OK\n"
    cid.close()
    house.settle()
    assert ann.heard() == b"#dev INFO bob left\n#dev INFO cid left\nINFO cid disconnected\n"
    assert bob.heard() == b"INFO cid disconnected\n"


def test_a_kick_is_the_last_that_is_heard_of_a_room(house, trio):
    ann, bob, cid = trio
    join(house, *trio)
    ann.send(b"#dev MSG one\n#dev KICK cid why\n#dev MSG two\n#dev KICK bob\n#dev MSG three\n")
    house.settle()
    assert cid.heard() == b"#dev MSG ann one\n#dev INFO ann kicked cid: why\n"
    assert bob.heard() == (
        b"#dev MSG ann one\n#dev INFO ann kicked cid: why\n#dev MSG ann two\n#dev INFO ann kicked bob\n")
    assert ann.heard() == b"#dev INFO ann kicked cid: why\nOK\n#dev INFO ann kicked bob\nOK\n"
    assert ask(house, cid, b"#dev MSG no") == b"ERR not-in-room\n"
    assert ask(house, ann, b"#dev WHO") == b"#dev USER ann\n#dev END WHO\n"


def test_a_topic_with_a_rename_and_a_drop(house, trio):
    ann, bob, cid = trio
    join(house, ann)
    assert ask(house, ann, b"#dev TOPIC two  words") == b"#dev INFO ann set the topic: two  words\nOK\n"
    assert ask(house, bob, b"#dev TOPIC") == b"#dev TOPIC two  words\n"
    assert ask(house, bob, b"ROOMS #*") == b"ROOM #dev 1 two  words\nEND ROOMS\n"
    assert ask(house, ann, b"ROOMS") == b"ROOM #dev 1 two  words\nEND ROOMS\n"
    assert ask(house, cid, b"ROOMS") == b"END ROOMS\n"
    assert ask(house, ann, b"#dev DROP") == b"#dev INFO ann closed the room\nOK\n"
    assert rooms_known(house) == [[EVERYWHERE, LOBBY]] * 2


def test_an_invitation_is_told_to_whom_it_is_for(house, trio):
    ann, bob, cid = trio
    join(house, ann)
    assert ask(house, ann, b"#dev SET invite on") == b"#dev INFO ann set invite: on\nOK\n"
    assert ask(house, cid, b"JOIN #dev") == b"ERR invite-only\n"
    ask(house, ann, b"#dev INVITE cid")
    assert cid.heard() == b"INFO ann invites you to #dev\n"
    assert ask(house, cid, b"JOIN #dev") == b"OK\n"


@pytest.mark.parametrize("act, line, reason", [
    (b"#dev SET moderated on", b"#dev MSG no", b"moderated"), (b"#dev MUTE cid", b"#dev MSG no", b"muted"),
    (b"#dev SET private on", b"#dev KICK ann", b"not-allowed"), (b"#dev VOICE cid", b"#dev KICK zed", b"not-allowed")])
def test_a_refusal_is_told_in_one_word(house, trio, act, line, reason):
    ann, _, cid = trio
    join(house, ann, cid)
    ask(house, ann, act)
    cid.heard()
    assert ask(house, cid, line) == b"ERR %b\n" % reason
    assert ann.heard() == b""


def test_a_worker_forgets_the_rooms_of_which_nobody_is_here(house, trio):
    ann, bob, cid = trio
    join(house, ann, cid)
    dev = rooms_known(house)[0][-1]
    assert rooms_known(house) == [[EVERYWHERE, LOBBY, dev]] * 2
    ask(house, cid, b"PART #dev")
    assert rooms_known(house) == [[EVERYWHERE, LOBBY, dev], [EVERYWHERE, LOBBY]]
    ann.close()
    house.settle()
    assert rooms_known(house) == [[EVERYWHERE, LOBBY]] * 2
    for driven in house.driven:
        for audience in driven.worker.audiences.values():
            assert set(audience.rooms) <= {EVERYWHERE, LOBBY}
            assert all(set(rooms) <= {EVERYWHERE, LOBBY} for rooms in audience.members.values())
    assert house.hub.register.rooms.by_number.keys() == {LOBBY}


def test_many_who_join_talk_and_part_leave_nothing_behind(house, trio):
    ann, bob, cid = trio
    for number in range(40):
        room = b"#r%d" % number
        for peer in trio:
            peer.send(b"JOIN %b\n%b MSG hi\n%b\n" % (room, room, b"PART " + room if number % 2 else b"PING"))
        house.settle(2)
        for peer in trio:
            if not number % 2:
                peer.send(b"PART %b\n" % room)
        house.settle(2)
        house.clock.now += 1
    house.settle()
    assert rooms_known(house) == [[EVERYWHERE, LOBBY]] * 2
    assert len(house.hub.register.rooms.by_name) == 1
    assert house.hub.register.rooms._joined == {}
