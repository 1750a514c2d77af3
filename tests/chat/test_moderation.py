"""What is done in rooms: who hears of it on which workers, what stays, and what ends."""
import pytest
from roomed import BEGIN, DONE, Roomed, texts

from parley.server.chat.gate import acts
from parley.server.chat.members import holder_of
from parley.server.chat.names import claims
from parley.server.chat.rooms import MEMBER, OP, OWNER, VOICE
from parley.server.ipc.queues import AWAITED, HEAD, TALK, record, said, talk
from parley.server.protocols.events import REDACTED, Reason, of_note

DAY = 86400
REPLACED = Reason.REPLACED.encode()


@pytest.fixture
def roomed():
    return Roomed(operators=[b"boss"])


@pytest.fixture
def spread(roomed):
    """A room that owner has made on worker 1, with ann and bob on 2 and cid on 3; dan is outside, on 4."""
    roomed.owner(b"owner", 1)
    for name, worker in ((b"ann", 2), (b"bob", 2), (b"cid", 3), (b"dan", 4)):
        roomed.come(name, worker)
    roomed.make(b"owner", b"ann", b"bob", b"cid")
    return roomed


def dev(roomed):
    return roomed.rooms.by_name[b"#dev"]


def roles(roomed, room=b"#dev"):
    """{name: role} of the members."""
    return {roomed.members.names[holder]: role for holder, role in roomed.rooms.by_name[room].members.items()}


# ---- coming and going


def test_who_comes_first_makes_the_room_and_only_its_worker_is_told(roomed):
    roomed.come(b"ann", 3)
    roomed.drain()
    assert roomed.enter(b"ann") is None
    assert roomed.drain() == [([3], "entered", 1, b"#dev", b"", 3, roomed.people[b"ann"][1], b"ann")]
    assert (roles(roomed), dev(roomed).lasts, roomed.store.rooms) == ({b"ann": OP}, False, {})


def test_somebody_with_a_password_owns_the_room_for_good(roomed):
    roomed.owner(b"ann")
    roomed.make(b"ann")
    assert (roles(roomed), dev(roomed).lasts) == ({b"ann": OWNER}, True)
    assert dev(roomed).roles == {b"ann": OWNER}
    assert roomed.store.rooms[1][0] == b"#dev"


@pytest.fixture
def late(spread):
    """owner has asked for a new room, #new, which is not stored yet."""
    spread.store.late = True
    assert spread.enter(b"owner", b"#new") is None
    return spread


def answered(roomed):
    """(session, DONE or why not) of each, and what was told; what is asked for later is stored at once."""
    roomed.drain()
    roomed.store.catch_up()
    answers, roomed.post.answers = roomed.post.answers, []
    return [(session, answer) for _, session, answer in answers], roomed.drain()


def test_who_makes_a_room_that_lasts_enters_it_once_it_is_stored(late):
    worker, session = late.people[b"owner"]
    assert late.drain() == []
    assert answered(late) == ([], [([1], "entered", 2, b"#new", b"", worker, session, b"owner")])
    assert roles(late, b"#new") == {b"owner": OWNER}
    assert 2 in late.store.rooms


def test_a_room_that_cannot_be_stored_is_not_made(late):
    late.store.broken = True
    assert answered(late) == ([(late.people[b"owner"][1], Reason.NOT_STORED)], [])
    assert b"#new" not in late.rooms.by_name


def test_whoever_has_entered_a_room_that_could_not_be_stored_is_in_one_that_does_not_last(late):
    assert late.enter(b"ann", b"#new") is None
    late.store.broken = True
    assert answered(late) == ([(late.people[b"owner"][1], Reason.NOT_STORED)], [])
    late.store.broken = False
    assert roles(late, b"#new") == {b"ann": MEMBER}
    late.enter(b"owner", b"#new")
    assert roles(late, b"#new") == {b"ann": MEMBER, b"owner": MEMBER}
    late.exit(b"owner", b"#new")
    assert late.exit(b"ann", b"#new") == DONE
    assert b"#new" not in late.rooms.by_name


def test_requests_behind_one_for_a_new_room_are_answered_behind_it(late):
    assert [late.enter(b"owner", room) for room in (b"#dev", b"#NEW", b"#more", b"#lobby")] == [None] * 4
    session = late.people[b"owner"][1]
    answers, told = answered(late)
    assert answers == [(session, DONE), (session, Reason.INVALID_ROOM), (session, DONE)]
    assert [(what[1], what[3]) for what in told] == [("entered", b"#new"), ("entered", b"#more")]


def test_who_goes_before_its_room_is_stored_leaves_it_behind_empty(late):
    assert late.enter(b"owner", b"#more") is None
    late.go(b"owner")
    assert answered(late) == ([], [])
    assert (late.rooms.by_name[b"#new"].members, b"#more" in late.rooms.by_name) == ({}, False)
    late.owner(b"owner")
    late.enter(b"owner", b"#new")
    assert roles(late, b"#new") == {b"owner": OWNER}


def test_a_room_that_is_dropped_before_it_is_stored_is_not_entered(late):
    late.owner(b"boss")
    assert late.do(b"boss", "drop", room=b"#new") is None
    boss, owner = late.people[b"boss"][1], late.people[b"owner"][1]
    assert answered(late) == ([(owner, Reason.NO_ROOM), (boss, DONE)], [])
    assert 2 not in late.store.rooms


def test_of_accounts_that_were_deleted_just_before_the_end_nothing_is_left_in_the_rooms(spread):
    """The store has been told of the account, and not yet of the room."""
    spread.owner(b"pat")
    spread.enter(b"pat")
    assert spread.do(b"owner", "op", b"pat") == DONE
    assert spread.do(b"owner", "set", b"key", b"word") == DONE
    kept = [(number, name, state) for number, (name, state) in spread.store.rooms.items()]
    again = Roomed()
    again.account(b"owner")
    again.entering.restore(kept, 1)
    assert dev(again).roles == {b"owner": OWNER}
    assert list(dev(again).since) == [b"owner"]


def test_an_account_without_a_password_owns_nothing(roomed):
    roomed.account(b"ann", None)
    roomed.make(b"ann")
    assert (roles(roomed), dev(roomed).lasts, dev(roomed).roles) == ({b"ann": OP}, False, {})


def test_each_who_comes_is_told_to_the_workers_of_members_and_its_own(spread):
    assert spread.enter(b"dan") is None
    worker, session = spread.people[b"dan"]
    assert spread.drain() == [([1, 2, 3, 4], "entered", 1, b"#dev", b"", worker, session, b"dan")]
    assert dev(spread).interest == {1: 1, 2: 2, 3: 1, 4: 1}


def test_who_comes_is_told_the_topic(spread):
    assert spread.do(b"owner", "topic", text=b"news") == DONE
    spread.drain()
    spread.enter(b"dan")
    assert spread.drain()[0][:5] == ([1, 2, 3, 4], "entered", 1, b"#dev", b"news")


def test_who_is_in_a_room_already_or_in_the_lobby_enters_it_without_a_word(spread):
    spread.do(b"owner", "set", b"invite", b"on")
    spread.drain()
    before = spread.state()
    assert [spread.enter(b"ann"), spread.enter(b"ann", b"#lobby")] == [DONE, DONE]
    assert (spread.drain(), spread.state()) == ([], before)


@pytest.mark.parametrize("name", [b"#DEV", b"#d\xd0\xb5v", b"#lobby1", b"#LOBBY", b"#l0bby"])
def test_there_are_no_two_rooms_that_look_alike(spread, name):
    assert spread.enter(b"dan", name) == (None if name == b"#lobby1" else Reason.INVALID_ROOM)


def test_who_leaves_is_told_to_all_who_were_there_and_last_to_its_worker(spread):
    for name, workers, interest in ((b"ann", [1, 2, 3], {1: 1, 2: 1, 3: 1}), (b"cid", [1, 2, 3], {1: 1, 2: 1}),
                                    (b"bob", [1, 2], {1: 1})):
        worker, session = spread.people[name]
        assert spread.exit(name) == DONE
        assert spread.drain() == [(workers, "exited", 1, worker, [session], [name])]
        assert dev(spread).interest == interest


@pytest.mark.parametrize("room, reason", [
    (b"#dev", Reason.NOT_INSIDE), (b"#none", Reason.NOT_INSIDE), (b"", Reason.NOT_INSIDE),
    (b"#lobby", Reason.IS_LOBBY)])
def test_nobody_leaves_a_room_in_which_it_is_not(spread, room, reason):
    assert spread.exit(b"dan", room) == reason


def test_who_goes_leaves_all_its_rooms_before_its_name_is_gone(spread):
    spread.make(b"ann", room=b"#ops")
    spread.make(b"cid", room=b"#ops")
    worker, session = spread.people[b"ann"]
    spread.go(b"ann")
    assert spread.drain() == [
        ([1, 2, 3], "exited", 1, worker, [session], [b"ann"], True),
        ([3], "exited", 2, worker, [session], [b"ann"], True),
        (None, "left", b"ann")]
    assert spread.rooms.joined(holder_of(worker, session)) == []


def test_the_last_of_a_worker_who_goes_is_told_to_the_others_only(spread):
    worker, session = spread.people[b"cid"]
    spread.go(b"cid")
    assert spread.drain() == [([1, 2], "exited", 1, worker, [session], [b"cid"], True), (None, "left", b"cid")]


def test_of_a_dead_worker_all_leave_each_room_in_one_frame(spread):
    spread.make(b"bob", b"ann", b"cid", room=b"#ops")
    spread.make(b"ann", room=b"#own")
    sessions = [spread.people[name][1] for name in (b"ann", b"bob")]
    spread.register.lose(2)
    told = spread.drain()
    assert told[:2] == [
        ([1, 3], "exited", 1, 2, sessions, [b"ann", b"bob"], True),
        ([3], "exited", 2, 2, sessions[::-1], [b"bob", b"ann"], True)]
    assert sorted(told[2:]) == [(None, "left", b"ann"), (None, "left", b"bob")]
    assert [room.interest for room in spread.rooms.by_number.values()] == [{}, {1: 1, 3: 1}, {3: 1}]
    assert b"#own" not in spread.rooms.by_name


def test_who_is_replaced_by_its_own_name_leaves_its_rooms(spread):
    old = spread.people[b"owner"]
    spread.come(b"owner", 3)
    assert spread.drain() == [
        ([1], "evict", old[1], Reason.REPLACED), ([2, 3], "exited", 1, 1, [old[1]], [b"owner"], True, REPLACED),
        (None, "left", b"owner", True, REPLACED), (None, "joined", 3, spread.people[b"owner"][1], b"owner")]
    assert spread.enter(b"owner") is None
    assert roles(spread)[b"owner"] == OWNER


def test_what_comes_of_a_session_without_a_name_is_not_answered(spread):
    """It has been told already that somebody else has its name now."""
    before = spread.state()
    spread.register.enter(9, 9, b"#dev", tuple(claims(b"#dev")), None)
    spread.register.manage(9, 9, b"#dev", "kick", b"ann", b"")
    assert (spread.post.answers, spread.drain(), spread.state()) == ([], [], before)


# ---- what lasts


def test_a_room_of_guests_ends_with_its_last_member(roomed):
    roomed.make(b"ann", b"bob")
    roomed.do(b"ann", "set", b"slow", b"5")
    roomed.exit(b"ann")
    assert b"#dev" in roomed.rooms.by_name
    roomed.go(b"bob")
    assert list(roomed.rooms.by_name) == [b"#lobby"]
    assert roomed.store.closed == [1]
    roomed.come(b"bob")
    roomed.make(b"bob")
    assert (dev(roomed).number, dev(roomed).slow, roles(roomed)) == (2, 0, {b"bob": OP})


@pytest.mark.parametrize("end", [
    lambda roomed: roomed.exit(b"ann"), lambda roomed: roomed.go(b"ann"), lambda roomed: roomed.register.lose(1),
    lambda roomed: roomed.do(b"ann", "kick", b"ann"), lambda roomed: roomed.do(b"ann", "drop"),
    lambda roomed: roomed.do(b"boss", "kick", b"ann"),
    lambda roomed: [roomed.do(b"ann", "deop", b"ann"), roomed.do(b"boss", "ban", b"a*")]])
def test_however_the_last_guest_goes_the_room_is_closed(roomed, end):
    roomed.owner(b"boss", 2)
    roomed.make(b"ann")
    end(roomed)
    assert list(roomed.rooms.by_name) == [b"#lobby"]
    assert roomed.store.closed == [1] and roomed.store.rooms == {}


def test_a_room_that_lasts_keeps_all_that_is_set(spread):
    for act in (("topic", b"", b"news"), ("set", b"slow", b"5"), ("ban", b"eve", b"why"), ("mute", b"mel", b""),
                ("op", b"ann", b"")):
        assert spread.do(b"owner", *act) == DONE
    for name in list(spread.people):
        spread.go(name)
    room = dev(spread)
    assert (room.members, room.interest, room.topic[0], room.slow) == ({}, {}, b"news", 5)
    assert (room.banned, room.muted) == (
        {b"eve": (b"owner", b"why", BEGIN)}, {b"mel": (b"owner", b"", BEGIN)})
    assert spread.store.rooms[1] == (b"#dev", room.state())
    assert spread.store.closed == []


@pytest.mark.parametrize("days, is_there", [(29, True), (31, False)])
def test_a_room_in_which_nobody_is_is_closed_after_the_days_of_the_setting(spread, days, is_there):
    spread.wait(100 * DAY)
    spread.tidy()
    assert b"#dev" in spread.rooms.by_name, "somebody is there"
    for name in list(spread.people):
        spread.go(name)
    spread.wait(days * DAY)
    spread.tidy()
    assert (b"#dev" in spread.rooms.by_name) == is_there
    assert spread.store.closed == ([] if is_there else [1])


def test_whoever_comes_lets_the_days_begin_anew(spread):
    for name in list(spread.people):
        spread.go(name)
    for _ in range(3):
        spread.wait(29 * DAY)
        spread.tidy()
        spread.owner(b"owner")
        assert spread.enter(b"owner") is None
        spread.go(b"owner")
    assert b"#dev" in spread.rooms.by_name


def test_the_days_of_an_empty_room_begin_when_the_last_member_leaves(roomed):
    roomed.owner(b"owner")
    roomed.make(b"owner", room=b"#ops")
    roomed.wait(DAY - 1)
    roomed.exit(b"owner", b"#ops")
    roomed.wait(30 * DAY - 1)
    roomed.tidy()
    assert b"#ops" in roomed.rooms.by_name
    roomed.wait(2 * DAY)
    roomed.tidy()
    assert b"#ops" not in roomed.rooms.by_name


def test_that_somebody_came_is_stored_once_a_day_for_the_days_to_begin_anew_after_a_crash_too(spread):
    stored = []
    for name in list(spread.people):
        spread.go(name)
    spread.owner(b"owner")
    for days in (0, 2, 0):
        spread.wait(days * DAY)
        spread.store.rooms.clear()
        spread.enter(b"owner")
        stored.append(1 in spread.store.rooms)
        spread.exit(b"owner")
    assert stored == [False, True, False]


def test_rooms_are_looked_at_again_after_the_clock_was_set_back(spread):
    spread.wait(40 * 365 * DAY)
    spread.tidy()
    spread.owner(b"owner")
    spread.make(b"owner", room=b"#ops")
    spread.go(b"owner")
    spread.wait(-40 * 365 * DAY)
    for days in (0, 29):
        spread.wait(days * DAY)
        spread.tidy()
    assert b"#ops" in spread.rooms.by_name
    spread.wait(2 * DAY)
    spread.tidy()
    assert b"#ops" not in spread.rooms.by_name


def test_with_no_days_rooms_are_kept_for_ever():
    roomed = Roomed(empty_room_days=0)
    roomed.owner(b"ann")
    roomed.make(b"ann")
    roomed.go(b"ann")
    roomed.wait(10000 * DAY)
    roomed.tidy()
    assert b"#dev" in roomed.rooms.by_name


def test_the_lobby_is_never_closed(roomed):
    roomed.wait(1000 * DAY)
    roomed.tidy()
    assert b"#lobby" in roomed.rooms.by_name


def test_what_is_done_is_confirmed_once_it_is_stored_and_not_stored_is_said(spread):
    spread.store.broken = True
    assert spread.do(b"owner", "topic", text=b"news") == Reason.NOT_STORED
    spread.store.broken = False
    assert spread.do(b"owner", "topic", text=b"newer") == DONE


@pytest.mark.parametrize("is_left", [True, False])
def test_that_a_room_is_dropped_is_confirmed_once_it_is_stored(spread, is_left):
    spread.owner(b"boss", 4)
    if is_left:
        for name in (b"owner", b"ann", b"bob", b"cid"):
            spread.exit(name)
    spread.store.broken = True
    assert spread.do(b"boss", "drop") == Reason.NOT_STORED


def test_however_the_last_member_is_put_out_a_room_is_closed_once(spread):
    spread.make(b"dan", room=b"#own")
    assert spread.do(b"owner", "drop") == DONE
    assert spread.do(b"dan", "kick", b"dan", room=b"#own") == DONE
    assert spread.store.closed == [1, 2]


def test_of_a_room_of_guests_nothing_is_stored(roomed):
    roomed.make(b"ann", b"bob")
    roomed.store.broken = True
    for act in (("topic", b"", b"news"), ("set", b"slow", b"5"), ("voice", b"bob", b""), ("kick", b"bob", b"")):
        assert roomed.do(b"ann", *act) == DONE
    assert roomed.store.rooms == {}


# ---- keeping order: who is told


@pytest.mark.parametrize("act, about, text", [
    ("topic", b"", b"news"), ("topic", b"", b""), ("ban", b"eve", b"why"), ("mute", b"ann", b"loud"),
    ("voice", b"cid", b""), ("devoice", b"cid", b""), ("op", b"ann", b""), ("deop", b"ann", b""),
    ("set", b"limit", b"20"), ("set", b"private", b"on")])
def test_what_is_done_is_told_once_to_the_workers_that_have_members(spread, act, about, text):
    assert spread.do(b"owner", act, about, text) == DONE
    assert spread.drain() == [([1, 2, 3], "managed", 1, act, b"owner", about, text, [])]


def test_a_key_is_told_to_nobody(spread):
    assert spread.do(b"owner", "set", b"key", b"secret") == DONE
    assert spread.drain() == [([1, 2, 3], "managed", 1, "set", b"owner", b"key", b"", [])]
    assert dev(spread).key == b"secret"


@pytest.mark.parametrize("act, about", [("kick", b"cid"), ("ban", b"cid"), ("ban", b"CID"), ("ban", b"c*")])
def test_whoever_is_put_out_is_told_it_with_all_who_were_there(spread, act, about):
    worker, session = spread.people[b"cid"]
    assert spread.do(b"owner", act, about, b"why") == DONE
    assert spread.drain() == [([1, 2, 3], "managed", 1, act, b"owner", about, b"why", [(worker, session)])]
    assert dev(spread).interest == {1: 1, 2: 2}
    assert spread.enter(b"cid") == (None if act == "kick" else Reason.BANNED)


def test_a_pattern_puts_out_all_below_ops_who_match(spread):
    spread.do(b"owner", "op", b"bob")
    spread.drain()
    assert spread.do(b"owner", "ban", b"*") == DONE
    assert spread.drain() == [([1, 2, 3], "managed", 1, "ban", b"owner", b"*", b"", [
        spread.people[b"ann"], spread.people[b"cid"]])]
    assert roles(spread) == {b"owner": OWNER, b"bob": OP}


def test_a_room_that_is_dropped_is_told_it_and_is_gone(spread):
    assert spread.do(b"owner", "drop") == DONE
    assert spread.drain() == [([1, 2, 3], "managed", 1, "drop", b"owner", b"", b"", [
        spread.people[name] for name in (b"owner", b"ann", b"bob", b"cid")])]
    assert list(spread.rooms.by_name) == [b"#lobby"]
    assert (spread.store.rooms, spread.store.closed) == ({}, [1])
    assert spread.do(b"owner", "drop") == Reason.NO_ROOM


def test_an_operator_drops_a_room_in_which_nobody_is(spread):
    spread.owner(b"boss", 4)
    for name in (b"owner", b"ann", b"bob", b"cid"):
        spread.go(name)
    spread.drain()
    assert spread.do(b"boss", "drop") == DONE
    assert (spread.drain(), spread.store.closed) == ([], [1])
    assert list(spread.rooms.by_name) == [b"#lobby"]


def test_a_topic_is_kept_among_what_was_said(roomed):
    roomed.make(b"ann", b"bob")
    roomed.do(b"ann", "topic", b"", b"news")
    roomed.do(b"ann", "voice", b"bob")
    (frame,) = roomed.store.noted
    ((_, sender, text, _),) = said(frame)
    assert sender == b"ann" and of_note(text.partition(b"\0")[2]) == ("topic", b"", b"news")
    assert of_note(REDACTED) is of_note(b"PRIVMSG \nhi") is of_note(b"") is None


def test_who_set_the_topic_and_when_is_told(spread):
    spread.wait(60)
    spread.do(b"owner", "topic", text=b"news")
    spread.drain()
    for name in (b"ann", b"dan"):
        assert spread.tell(name, "topic", b"#dev") == (b"#dev", b"news", b"owner", BEGIN + 60)
    assert spread.tell(b"ann", "topic", b"#none") == Reason.NO_ROOM


def test_who_has_which_role_is_told_to_members_and_how_the_room_is_set(spread):
    spread.do(b"owner", "voice", b"ann")
    for setting, value in ((b"slow", b"5"), (b"moderated", b"on"), (b"key", b"word")):
        spread.do(b"owner", "set", setting, value)
    spread.drain()
    for name in (b"ann", b"bob"):
        assert spread.tell(name, "roles", b"#dev") == (
            b"#dev", [(b"owner", b"owner"), (b"ann", b"voice")], [(b"moderated", 1), (b"slow", 5), (b"key", 1)])
    assert spread.tell(b"dan", "roles", b"#dev") == Reason.NOT_INSIDE
    assert spread.tell(b"ann", "roles", b"#none") == Reason.NO_ROOM


def test_in_the_lobby_the_operators_who_are_here_are_told(spread):
    spread.gate.operators = frozenset([b"owner", b"nobody"])
    assert spread.tell(b"ann", "roles", b"#lobby") == (b"#lobby", [(b"owner", b"operator")], [])


# ---- the lobby


def test_a_kick_in_the_lobby_ends_the_connection_there(spread):
    spread.owner(b"boss", 4)
    spread.drain()
    worker, session = spread.people[b"cid"]
    assert spread.do(b"boss", "kick", b"cid", b"why", b"#lobby") == DONE
    assert spread.drain() == [
        (None, "managed", 0, "kick", b"boss", b"cid", b"why", []),
        ([worker], "evict", session, Reason.KICKED),
        ([1, 2], "exited", 1, worker, [session], [b"cid"], True, b"kicked"),
        (None, "left", b"cid", True, b"kicked")]
    assert spread.come(b"cid", host="198.51.100.1") is None


def test_a_ban_in_the_lobby_ends_the_connections_of_all_but_operators(spread):
    spread.owner(b"boss", 4)
    spread.drain()
    gone = [spread.people[name] for name in (b"owner", b"ann", b"bob", b"cid", b"dan")]
    assert spread.do(b"boss", "ban", b"*", room=b"#lobby") == DONE
    told = spread.drain()
    assert told[0] == (None, "managed", 0, "ban", b"boss", b"*", b"", [])
    assert [one for one in told if one[1] == "evict"] == [
        ([worker], "evict", session, Reason.BANNED) for worker, session in gone]
    assert list(spread.members.names.values()) == [b"boss"]
    assert spread.store.rooms[0] == (b"#lobby", spread.rooms.lobby.state())


def test_all_workers_are_told_of_the_lobby(spread):
    spread.owner(b"boss", 4)
    spread.drain()
    assert spread.do(b"boss", "topic", text=b"welcome", room=b"#lobby") == DONE
    assert spread.drain() == [(None, "managed", 0, "topic", b"boss", b"", b"welcome", [])]
    assert spread.tell(b"ann", "topic", b"#lobby") == (b"#lobby", b"welcome", b"boss", BEGIN)


# ---- roles and names


def test_roles_of_accounts_with_a_password_stay_and_others_end(spread):
    spread.owner(b"pat", 4)
    spread.make(b"pat")
    for name in (b"ann", b"pat"):
        assert spread.do(b"owner", "op", name) == DONE
    assert spread.do(b"owner", "voice", b"bob") == DONE
    assert dev(spread).roles == {b"owner": OWNER, b"pat": OP}
    for name in (b"ann", b"bob", b"pat"):
        spread.exit(name)
        spread.enter(name)
    assert roles(spread) == {b"owner": OWNER, b"cid": MEMBER, b"ann": MEMBER, b"bob": MEMBER, b"pat": OP}
    assert spread.do(b"owner", "deop", b"pat") == DONE
    assert dev(spread).roles == {b"owner": OWNER}


def test_of_two_roles_it_is_told_which_is_left(spread):
    told = []
    for act in ("voice", "op", "deop", "op", "devoice", "voice", "deop", "devoice", "op", "deop"):
        spread.drain()
        assert spread.do(b"owner", act, b"ann", b"owner") == DONE
        told += [(entry[3], entry[6]) for entry in spread.drain()]
    assert told == [
        ("voice", b""), ("op", b""), ("deop", b"voice"), ("op", b""), ("devoice", b"op"), ("voice", b"op"),
        ("deop", b"voice"), ("devoice", b""), ("op", b""), ("deop", b"")]


def test_a_guests_role_goes_with_it_to_another_name(spread):
    spread.do(b"owner", "op", b"ann")
    spread.drain()
    worker, session = spread.people[b"ann"]
    assert spread.rename(b"ann", b"eve") is None
    assert sorted(spread.drain(), key=repr) == [
        (None, "renamed", worker, session, b"ann", b"eve"),
        ([1, 2, 3], "renamed_in", 1, worker, session, b"ann", b"eve", None)]
    assert roles(spread)[b"eve"] == OP
    spread.come(b"ann", 4)
    spread.enter(b"ann")
    assert roles(spread)[b"ann"] == MEMBER


def test_an_accounts_role_stays_with_the_account(spread):
    assert spread.rename(b"owner", b"anybody") is None
    assert (roles(spread)[b"anybody"], dev(spread).roles) == (MEMBER, {b"owner": OWNER})
    assert spread.do(b"anybody", "kick", b"ann") == Reason.NOT_ALLOWED
    spread.owner(b"owner")
    spread.enter(b"owner")
    assert roles(spread)[b"owner"] == OWNER


def test_in_rooms_in_which_somebody_is_not_its_rename_is_not_told(spread):
    spread.rename(b"dan", b"don")
    assert [told[1] for told in spread.drain()] == ["renamed"]


def test_another_name_is_no_way_out_of_a_mute(spread):
    spread.owner(b"boss", 4)
    assert spread.do(b"owner", "mute", b"ann") == DONE
    assert spread.do(b"boss", "mute", b"bob", room=b"#lobby") == DONE
    spread.rename(b"ann", b"eve")
    spread.rename(b"bob", b"rob")
    assert spread.say(b"eve")[0] == Reason.MUTED
    assert spread.say(b"rob", room=b"#lobby")[0] == Reason.MUTED
    assert spread.say(b"rob") == (DONE, [1, 2, 3])
    assert spread.do(b"owner", "unmute", b"eve") == DONE
    assert spread.say(b"eve")[0] == DONE


def test_another_name_while_one_is_outside_is_no_way_out_of_a_mute_either(spread):
    assert spread.do(b"owner", "mute", b"ann") == DONE
    assert spread.exit(b"ann") == DONE
    for old, new in ((b"ann", b"eve"), (b"eve", b"eva")):
        spread.rename(old, new)
    assert spread.enter(b"eva") is None
    assert spread.say(b"eva")[0] == Reason.MUTED
    assert spread.do(b"owner", "unmute", b"eva") == DONE
    assert (dev(spread).muted, spread.say(b"eva")[0]) == ({}, DONE)


@pytest.mark.parametrize("ban", [b"ann", b"a*", b"ANN"])
def test_another_name_is_no_way_out_of_a_ban(spread, ban):
    assert spread.do(b"owner", "ban", ban) == DONE
    spread.rename(b"ann", b"eve")
    assert spread.enter(b"eve") == Reason.BANNED
    assert spread.do(b"owner", "unban", b"eve" if ban == b"ann" else ban) == DONE
    assert spread.enter(b"eve") is None


def test_a_ban_is_of_all_names_that_one_has_had(spread):
    spread.rename(b"ann", b"eve")
    assert spread.do(b"owner", "ban", b"ann") == DONE
    assert roles(spread) == {b"owner": OWNER, b"bob": MEMBER, b"cid": MEMBER}


@pytest.mark.parametrize("ban", [b"eve", b"e*", b"EVE"])
def test_nobody_takes_a_name_that_is_banned_where_one_is(spread, ban):
    spread.do(b"owner", "ban", ban)
    assert spread.rename(b"ann", b"eve") == Reason.BANNED
    assert spread.rename(b"dan", b"eve") is None


def test_a_guest_who_is_an_op_takes_a_name_that_is_banned_and_an_account_loses_its_role_with_its_name(spread):
    spread.owner(b"pat")
    spread.enter(b"pat")
    for name in (b"ann", b"pat"):
        assert spread.do(b"owner", "op", name) == DONE
    spread.do(b"owner", "ban", b"e*")
    assert (spread.rename(b"ann", b"eve"), spread.rename(b"pat", b"ede")) == (None, Reason.BANNED)


def test_only_so_many_names_of_one_are_remembered(spread):
    spread.rename(b"ann", b"a0")
    for number in range(1, 200):
        spread.rename(b"a%d" % (number - 1), b"a%d" % number)
    former = [b"a%d" % number for number in range(183, 199)]
    assert spread.members.names_of(spread.holder(b"a199")) == (b"a199", *former)
    spread.go(b"a199")
    assert spread.members.former == {}


def test_who_was_made_an_op_keeps_order(spread):
    assert spread.do(b"ann", "kick", b"cid") == Reason.NOT_ALLOWED
    spread.do(b"owner", "op", b"ann")
    assert spread.do(b"ann", "kick", b"owner") == Reason.OUTRANKED
    assert spread.do(b"ann", "kick", b"cid") == DONE
    assert spread.do(b"ann", "drop") == Reason.NOT_ALLOWED
    assert spread.do(b"owner", "deop", b"ann") == DONE
    assert roles(spread)[b"ann"] == MEMBER


def test_a_voice_is_given_and_taken(spread):
    spread.do(b"owner", "set", b"moderated", b"on")
    assert spread.say(b"ann")[0] == Reason.MODERATED
    spread.do(b"owner", "voice", b"ann")
    assert (spread.say(b"ann")[0], roles(spread)[b"ann"]) == (DONE, VOICE)
    spread.do(b"owner", "devoice", b"ann")
    assert spread.say(b"ann")[0] == Reason.MODERATED


# ---- invitations


def test_who_is_invited_is_told_it_alone_and_the_room_that_it_was_done(spread):
    worker, session = spread.people[b"dan"]
    assert spread.do(b"ann", "invite", b"dan") == DONE
    assert sorted(spread.drain(), key=repr) == [
        ([1, 2, 3], "managed", 1, "invite", b"ann", b"dan", b"", []), ([worker], "Invited", session, b"#dev", b"ann")]


def test_an_invitation_is_for_one_time_and_for_one_name(spread):
    spread.come(b"eve", 4)
    spread.do(b"owner", "set", b"invite", b"on")
    spread.do(b"owner", "invite", b"dan")
    assert spread.enter(b"eve") == Reason.INVITE_ONLY
    assert spread.enter(b"dan") is None
    spread.exit(b"dan")
    assert spread.enter(b"dan") == Reason.INVITE_ONLY


def test_invitations_that_have_ended_are_forgotten(spread):
    for number in range(20):
        spread.come(b"guest%d" % number)
        assert spread.do(b"owner", "invite", b"guest%d" % number) == DONE
        spread.wait(1000)
    assert len(dev(spread).invited) <= 5


def test_invitations_of_a_clock_that_was_ahead_hold_no_longer_than_others(spread, monkeypatch):
    monkeypatch.setattr(acts, "MOST_INVITED", 2)
    for name in (b"eve", b"eva", b"ivy"):
        spread.come(name, 4)
    spread.do(b"owner", "set", b"invite", b"on")
    spread.wait(7200)
    assert [spread.do(b"owner", "invite", name) for name in (b"eve", b"eva", b"ivy")] == [DONE, DONE, Reason.LIST_FULL]
    spread.wait(-60)
    assert spread.enter(b"eva") is None, "a clock may be set right"
    spread.wait(-7200)
    assert spread.enter(b"eve") == Reason.INVITE_ONLY
    assert spread.do(b"owner", "invite", b"ivy") == DONE and [*dev(spread).invited] == [b"ivy"]
    assert spread.enter(b"ivy") is None and dev(spread).invited == {}


def test_there_are_only_so_many_invitations_to_a_room_until_some_are_used_or_have_ended(spread, monkeypatch):
    monkeypatch.setattr(acts, "MOST_INVITED", 3)
    for number in range(4):
        spread.come(b"guest%d" % number)
    assert [spread.do(b"owner", "invite", b"guest%d" % number) for number in (0, 1, 0, 2, 3, 0)] == [
        DONE, DONE, DONE, DONE, Reason.LIST_FULL, DONE]
    assert [*dev(spread).invited] == [b"guest1", b"guest2", b"guest0"]
    assert spread.enter(b"guest2") is None and spread.do(b"owner", "invite", b"guest3") == DONE
    spread.exit(b"guest2")
    assert spread.do(b"owner", "invite", b"guest2") == Reason.LIST_FULL
    spread.wait(3601)
    assert spread.do(b"owner", "invite", b"guest2") == DONE and [*dev(spread).invited] == [b"guest2"]


# ---- what is told of the past


def test_in_an_open_room_all_of_the_past_is_told_from_its_beginning(spread):
    spread.register.numbers.take(41)
    spread.store.past = [(1, b"ann", b"hi", 7)], 1, False
    spread.enter(b"dan")
    spread.drain()
    assert spread.tell(b"dan", "reread", b"#dev", None, 9) == ([(1, b"ann", b"hi", 7)], 1, False, b"#dev")
    assert [tuple(request) for request in spread.store.read] == [(1, None, 9, 0)]


@pytest.mark.parametrize("setting, text, key", [
    (b"private", b"on", None), (b"invite", b"on", None), (b"key", b"word", b"word")])
def test_where_not_everybody_may_enter_the_past_begins_with_the_first_coming(spread, setting, text, key):
    spread.owner(b"pat", 4)
    spread.do(b"owner", "set", setting, text)
    spread.do(b"owner", "invite", b"pat")
    spread.register.numbers.take(41)
    spread.enter(b"pat", key=key)
    spread.exit(b"pat")
    spread.register.numbers.take(10)
    spread.do(b"owner", "invite", b"pat")
    spread.enter(b"pat", key=key)
    spread.drain()
    spread.tell(b"pat", "reread", b"#dev", 5, 9)
    assert spread.store.read[-1].after == 41, "not the second coming"
    assert tuple(spread.store.read[-1])[:3] == (1, 5, 9)
    assert '"pat": 41' in spread.store.rooms[1][1]


def test_when_an_account_with_a_password_first_came_is_kept_for_good_and_when_a_guest_did_while_it_is_here(spread):
    spread.register.numbers.take(41)
    spread.do(b"owner", "set", b"key", b"word")
    for name in (b"pat", b"guest"):
        (spread.owner if name == b"pat" else spread.come)(name)
        spread.enter(name, key=b"word")
        spread.go(name)
    spread.register.numbers.take(10)
    assert dev(spread).since == {b"owner": 0, b"pat": 41}
    assert '"pat": 41' in spread.store.rooms[1][1]
    for name, after in ((b"pat", 41), (b"guest", 51)):
        (spread.owner if name == b"pat" else spread.come)(name)
        spread.enter(name, key=b"word")
        spread.drain()
        spread.tell(name, "reread", b"#dev", None, 9)
        assert spread.store.read[-1].after == after


def test_of_rooms_that_are_gone_it_is_forgotten_when_a_guest_came(spread):
    for number in range(20):
        spread.come(b"maker%d" % number)
        room = b"#room%d" % number
        spread.make(b"maker%d" % number, room=room)
        spread.do(b"maker%d" % number, "set", b"key", b"word", room)
        spread.enter(b"dan", room, b"word")
        spread.do(b"maker%d" % number, "drop", room=room)
    assert len(spread.rooms.since_of_guests[spread.holder(b"dan")]) == 1


def test_who_gets_an_account_while_it_is_in_a_room_knows_no_less_of_the_past(spread):
    spread.do(b"owner", "set", b"key", b"word")
    spread.register.numbers.take(41)
    spread.enter(b"dan", key=b"word")
    spread.register.numbers.take(10)
    spread.account(b"dan")
    spread.exit(b"dan")
    spread.enter(b"dan", key=b"word")
    spread.drain()
    spread.tell(b"dan", "reread", b"#dev", None, 9)
    assert spread.store.read[-1].after == 41
    assert dev(spread).since[b"dan"] == 41


def test_the_past_of_a_room_is_told_to_members_and_operators_only(spread):
    spread.owner(b"boss", 4)
    spread.drain()
    assert spread.tell(b"dan", "reread", b"#dev", None, 9) == Reason.NOT_INSIDE
    assert spread.tell(b"dan", "reread", b"#none", None, 9) == Reason.NO_ROOM
    spread.do(b"owner", "set", b"private", b"on")
    spread.drain()
    assert spread.tell(b"dan", "reread", b"#dev", None, 9) == Reason.NO_ROOM
    assert spread.store.read == []
    assert spread.tell(b"boss", "reread", b"#dev", None, 9) == ([], 0, False, b"#dev")


def test_a_place_that_is_not_there_yet_is_refused(spread):
    spread.store.past = [], 4, False
    assert spread.tell(b"ann", "reread", b"#dev", 4, 9) == ([], 4, False, b"#dev")
    assert spread.tell(b"ann", "reread", b"#dev", 5, 9) == Reason.NO_SUCH_NUMBER


def test_what_cannot_be_read_is_said_to_be_so(spread):
    spread.store.broken = True
    assert spread.tell(b"ann", "reread", b"#dev", None, 9) == Reason.NOT_STORED


# ---- looking


def test_who_is_in_a_room_is_told_in_the_order_of_their_coming(spread):
    assert spread.tell(b"ann", "within", b"#dev") == ([b"owner", b"ann", b"bob", b"cid"], b"#dev")
    spread.exit(b"owner")
    spread.enter(b"owner")
    spread.drain()
    assert spread.tell(b"ann", "within", b"#dev") == ([b"ann", b"bob", b"cid", b"owner"], b"#dev")
    assert spread.tell(b"ann", "within", b"#none") == Reason.NO_ROOM


def test_of_a_private_room_only_members_and_operators_know(spread):
    spread.owner(b"boss", 4)
    spread.do(b"owner", "set", b"private", b"on")
    spread.drain()
    listed = [(b"#dev", 4, b"", True)]
    assert spread.tell(b"ann", "list_rooms", b"*") == (listed,)
    assert spread.tell(b"boss", "list_rooms", b"*") == ([(b"#dev", 4, b"", False)],)
    assert spread.tell(b"dan", "list_rooms", b"*") == ([],)
    for question in ("within", "topic"):
        assert spread.tell(b"dan", question, b"#dev") == Reason.NO_ROOM
        assert spread.tell(b"boss", question, b"#dev") != Reason.NO_ROOM
    assert spread.do(b"dan", "kick", b"ann") == Reason.NO_ROOM


def test_rooms_are_listed_by_a_pattern_or_those_that_one_is_in(spread):
    spread.make(b"dan", room=b"#ops")
    spread.make(b"ann", room=b"#ops")
    spread.do(b"owner", "topic", text=b"news")
    spread.drain()
    dev_, ops = (b"#dev", 4, b"news"), (b"#ops", 2, b"")
    assert spread.tell(b"ann", "list_rooms", None) == ([(*dev_, True), (*ops, True)],)
    assert spread.tell(b"dan", "list_rooms", None) == ([(*ops, True)],)
    assert spread.tell(b"dan", "list_rooms", b"#*") == ([(*dev_, False), (*ops, True)],)
    assert spread.tell(b"dan", "list_rooms", b"#o*") == ([(*ops, True)],)
    assert spread.tell(b"dan", "list_rooms", b"#lobby") == ([],)
    assert spread.tell(b"bob", "list_rooms", b"x*") == ([],)


def test_one_is_told_to_which_rooms_one_is_invited(spread):
    assert spread.do(b"owner", "invite", b"dan") == DONE
    spread.drain()
    assert spread.tell(b"dan", "list_rooms", None, False, True) == ([(b"#dev", 0, b"", False)],)
    assert spread.tell(b"bob", "list_rooms", None, False, True) == ([],)
    spread.wait(3601)
    spread.tidy()  # as the hub does every 1.5 s, after which questions are answered by this time
    assert spread.tell(b"dan", "list_rooms", None, False, True) == ([],)


# ---- talk


def test_talk_is_heard_by_the_workers_that_have_members_and_in_the_lobby_by_all(spread):
    assert spread.say(b"ann") == (DONE, [1, 2, 3])
    assert spread.say(b"ann", room=b"#lobby") == (DONE, None)
    spread.exit(b"cid")
    assert spread.say(b"ann") == (DONE, [1, 2])


def test_talk_in_a_room_one_is_not_in_or_that_is_not_there_is_refused(spread):
    assert spread.say(b"dan") == (Reason.NOT_INSIDE, [])
    assert spread.say(b"dan", room=b"#none") == (Reason.NO_ROOM, [])


@pytest.mark.parametrize("kind", [TALK, AWAITED])
def test_of_a_frame_only_what_may_be_said_is_passed_on(spread, kind):
    spread.do(b"owner", "mute", b"bob")
    spread.drain()
    ann, bob = spread.people[b"ann"][1], spread.people[b"bob"][1]
    frame = talk(1, 2, [record(session, b"somebody", text, 7) for session, text in (
        (ann, b"one"), (bob, b"two"), (99, b"three"), (ann, b"four"), (bob, b"five"))], kind)
    passed, workers = spread.moderation.heard(2, 1, frame)
    assert texts(passed) == ([b"one", b"four"], 2)
    assert HEAD.unpack_from(passed)[:3] == (kind, 1, 2)
    assert sorted(workers) == [1, 2, 3]
    assert spread.drain() == [
        ([2], "unsaid", [(bob, 0), (bob, 0)], Reason.MUTED), ([2], "unsaid", [(99, 0)], Reason.NOT_INSIDE)]


def test_talk_that_may_be_said_passes_as_it_is(spread):
    frame = talk(1, 2, [record(spread.people[b"ann"][1], b"ann", b"\xff\0", 7)])
    assert spread.moderation.heard(2, 1, frame)[0] is frame
    lobby = talk(0, 2, [record(99, b"ann", b"hi", 7)])
    assert spread.moderation.heard(2, 0, lobby) == (lobby, None)


# ---- what it costs: how much is told


@pytest.mark.parametrize("members", [1, 10, 100])
def test_whoever_comes_speaks_and_goes_costs_one_frame_for_each_worker_with_members(roomed, members):
    for number in range(1, 51):
        roomed.come(b"idle%d" % number, number)
    for number in range(members):
        roomed.come(b"guest%d" % number, 1 + number % 5)
        roomed.make(b"guest%d" % number)
    workers = list(range(1, 1 + min(members, 5)))
    roomed.come(b"ann", 1)
    roomed.drain()
    roomed.enter(b"ann")
    (entered,) = roomed.drain()
    assert (entered[0], entered[1]) == (workers, "entered")
    assert roomed.say(b"ann") == (DONE, workers)
    roomed.exit(b"ann")
    (exited,) = roomed.drain()
    assert (exited[0], exited[1]) == (workers, "exited")
    assert len(repr(entered)) < 200 and len(repr(exited)) < 200, "it does not name all who are there"


def test_of_a_thousand_who_came_spoke_and_went_nothing_is_left(spread):
    spread.do(b"owner", "set", b"slow", b"5")
    before = [spread.state()[0], spread.state()[3]]
    for number in range(1000):
        name = b"guest%d" % number
        spread.come(name, 1 + number % 4)
        spread.enter(name)
        spread.say(name)
        if number % 3:
            spread.exit(name)
        spread.go(name)
    assert [spread.state()[0], spread.state()[3]] == before
    assert spread.gate._paid_until == {}


def test_the_lobby_is_listed_where_it_is_a_room_like_others():
    chat = Roomed()
    chat.make(b"ann", b"bob")
    chat.rooms.homes[chat.holder(b"bob")] = b""  # which has come by IRC
    for pattern, rooms in ((b"#*", {b"ann": [b"#lobby", b"#dev"], b"bob": [b"#lobby", b"#dev"]}), (b"#d*", {
            b"ann": [b"#dev"]}), (None, {b"ann": [b"#lobby", b"#dev"], b"bob": [b"#dev"]})):
        for name, wanted in rooms.items():
            worker, session = chat.people[name]
            chat.room_questions.list_rooms(worker, [session], pattern, True)
            ((*_, found),) = chat.drain()
            assert [room for room, _, _, _ in found] == wanted
            assert all(row == (b"#lobby", 1, b"", name == b"ann") for row in found if row[0] == b"#lobby")
    chat.go(b"ann")
    chat.drain()
    chat.room_questions.list_rooms(*chat.people[b"bob"][:1], [chat.people[b"bob"][1]], b"#*", True)
    assert [row[0] for row in chat.drain()[0][-1]] == [b"#dev"]  # nobody is in the lobby


def test_who_is_outside_speaks_in_a_room_only_if_that_is_set_so_and_nothing_forbids_it():
    chat = Roomed()
    chat.is_watched = False
    chat.owner(b"ann")
    chat.make(b"ann", b"bob")
    chat.come(b"cid", 2)
    chat.drain()

    def say(room=b"#dev"):
        answer = chat._ask("say_outside", chat.people[b"cid"], room, b"hi")
        return answer, chat.spread()

    assert say() == (Reason.NOT_INSIDE, []) and say(b"#no") == (Reason.NO_ROOM, [])
    assert say(b"#lobby") == (Reason.NOT_INSIDE, [])
    chat.do(b"ann", "set", b"open_talk", b"on")
    assert say() == (DONE, [([1], 0, b"cid", b"hi")])
    for act, about, text, back, why in (
            ("ban", b"cid", b"", ("unban", b"cid", b""), Reason.BANNED),
            ("mute", b"c*!*@*", b"", ("unmute", b"c*!*@*", b""), Reason.MUTED),
            ("set", b"moderated", b"on", ("set", b"moderated", b"off"), Reason.MODERATED),
            ("set", b"invite", b"on", ("set", b"invite", b"off"), Reason.NOT_INSIDE),
            ("set", b"private", b"on", ("set", b"private", b"off"), Reason.NO_ROOM)):
        assert chat.do(b"ann", act, about, text) == DONE
        assert say() == (why, [])
        assert chat.do(b"ann", *back) == DONE
    chat.do(b"ann", "set", b"slow", b"60")
    assert [say()[0], say()[0]] == [DONE, Reason.SLOW_MODE]
    left = chat.people[b"cid"]
    chat.go(b"cid")
    chat.register.say_outside(*left, b"#dev", b"hi")
    assert chat.spread() == []


def test_where_it_is_slow_again_what_was_said_before_does_not_count(spread):
    for value in (b"5", b"off", b"5"):
        assert spread.do(b"owner", "set", b"slow", value) == DONE
        assert spread.say(b"ann")[0] == DONE
    assert spread.say(b"ann")[0] == Reason.SLOW_MODE


def test_several_switches_are_set_at_once_or_none():
    chat = Roomed()
    chat.make(b"ann", b"bob")
    assert chat.do(b"ann", "set", b"invite,open_talk", b"on,on") == DONE
    room = chat.rooms.by_name[b"#dev"]
    assert room.invite and room.open_talk and not room.moderated
    ((_, *told),) = [one for one in chat.drain() if one[1] == "managed"]
    assert told[2:6] == ["set", b"ann", b"invite,open_talk", b"on,on"]
    for about, text in ((b"invite,open_talk", b"off"), (b"invite,colour", b"off,off"), (b"invite,key", b"off,word"),
                        (b"invite,moderated", b"off,maybe"), (b"invite,", b"off,"), (b"limit,slow", b"5,5")):
        assert chat.do(b"ann", "set", about, text) == Reason.INVALID_SETTING
