"""Rules of rooms that are easily got round: ranks, names that change hands, and what outlives a session."""
import pytest
from roomed import DONE, Roomed

from parley.server.chat.members import holder_of
from parley.server.chat.names import claims
from parley.server.chat.replica import Replica
from parley.server.chat.room import EVERYWHERE, LOBBY
from parley.server.chat.room import Rooms as RoomsHere
from parley.server.chat.rooms import MEMBER, OP, OWNER
from parley.server.protocols.events import Enter, Entered, Manage, Reason, Renamed, Topic
from parley.server.protocols.text import canonical
from parley.server.protocols.traits import Traits

DAY = 86400
LONG = b"Bartholomew-the-long"  # is shown by an alias where names are short


@pytest.fixture
def roomed():
    """#dev of owner, with the guests ann, an op, and bob; and boss, an operator, who is not in it."""
    roomed = Roomed(operators=[b"boss"])
    for name in (b"owner", b"boss"):
        roomed.owner(name)
    roomed.make(b"owner", b"ann", b"bob")
    assert roomed.do(b"owner", "op", b"ann") == DONE
    roomed.drain()
    return roomed


def role(roomed, name):
    return roomed.rooms.by_name[b"#dev"].members[roomed.holder(name)]


# ---- ranks


@pytest.mark.parametrize("act", ["voice", "devoice", "op", "deop"])
def test_an_op_takes_nothing_from_the_owner_but_may_from_another_op(roomed, act):
    roomed.do(b"owner", "op", b"bob")
    assert (roomed.do(b"ann", act, b"owner"), role(roomed, b"owner")) == (Reason.OUTRANKED, OWNER)
    assert (roomed.do(b"ann", act, b"bob"), role(roomed, b"bob")) == (DONE, MEMBER if act == "deop" else OP)
    assert roomed.rooms.by_name[b"#dev"].roles == {b"owner": OWNER}


@pytest.mark.parametrize("act", ["voice", "devoice", "op", "deop"])
def test_an_owner_cannot_leave_the_room_without_one(roomed, act):
    """Or it might make as many rooms that last as it likes."""
    assert roomed.do(b"owner", act, b"owner") == (Reason.OUTRANKED if act in ("op", "deop") else DONE)
    assert roomed.rooms.owned(b"owner") == 1
    assert role(roomed, b"owner") == OWNER
    assert roomed.do(b"ann", act, b"ann") == DONE


@pytest.mark.parametrize("act", ["ban", "mute"])
@pytest.mark.parametrize("name", [b"owner", b"boss"])
@pytest.mark.parametrize("is_here", [True, False])
def test_nobody_does_anything_to_a_better_one_who_is_outside(roomed, act, name, is_here):
    roomed.exit(name)
    if not is_here:
        roomed.go(name)
    assert roomed.do(b"ann", act, name) == Reason.OUTRANKED


# ---- bans and mutes


@pytest.mark.parametrize("name", [b"[bot]", b"what?", b"*star*", b"[", b"a[b"])
@pytest.mark.parametrize("room", [b"#dev", b"#lobby"])
def test_a_ban_of_a_name_is_of_that_name_whatever_characters_it_has(roomed, room, name):
    roomed.come(name)
    roomed.enter(name)
    assert roomed.do(b"boss", "ban", name, room=room) == DONE
    if room == b"#dev":
        assert roomed.holder(name) not in roomed.rooms.by_name[room].members
        assert roomed.enter(name) == Reason.BANNED
    else:
        assert name not in roomed.members.names.values()
        assert roomed.come(name) == Reason.BANNED


@pytest.mark.parametrize("register", [True, False])
def test_who_is_banned_in_the_lobby_gets_no_account_under_which_it_would_be_here(roomed, register):
    roomed.accounts.register = True
    assert roomed.do(b"boss", "ban", b"eve", room=b"#lobby") == DONE
    roomed.register.open_account(
        2, 99, b"eve", tuple(claims(b"eve")), "secret" if register else None, False, "192.0.2.1")
    assert b"eve" not in roomed.members.names.values()
    assert roomed.post.answers == [(2, 99, Reason.BANNED)]


def test_a_guest_that_is_given_a_name_gets_none_that_is_banned(roomed):
    assert roomed.do(b"boss", "ban", b"guest-*", room=b"#lobby") == DONE
    roomed.register.claim_guest(2, 99)
    assert roomed.post.answers == [(2, 99, Reason.BANNED)]
    assert not [name for name in roomed.members.names.values() if name.startswith(b"guest-")]


@pytest.mark.parametrize("room", [b"#dev", b"#lobby"])
def test_a_guests_name_is_no_way_out_of_the_mute_of_an_account(roomed, room):
    roomed.owner(b"pat")
    roomed.make(b"pat")
    assert roomed.do(b"boss", "mute", b"pat", room=room) == DONE
    assert roomed.say(b"pat", room=room)[0] == Reason.MUTED
    roomed.rename(b"pat", b"anybody")
    assert roomed.say(b"anybody", room=room)[0] == Reason.MUTED


@pytest.mark.parametrize("act", ["kick", "ban", "mute"])
@pytest.mark.parametrize("room", [b"#dev", b"#lobby"])
def test_why_is_no_longer_than_a_topic(roomed, room, act):
    """It is stored with each change of the room, and told in one line."""
    assert roomed.do(b"boss", act, b"bob", b"x" * 391, room=room) == Reason.TEXT_TOO_LONG
    assert roomed.do(b"boss", act, b"bob", b"x" * 390, room=room) == DONE


@pytest.mark.parametrize("room", [b"#dev", b"#lobby"])
def test_a_mute_goes_along_with_a_guest_and_does_not_multiply(roomed, room):
    """Or the list would soon be full, and others muted who get such a name."""
    roomed.do(b"boss", "mute", b"bob", room=room)
    names = [b"bob", *[b"bob%d" % number for number in range(9)]]
    for name, new in zip(names, names[1:]):
        roomed.rename(name, new)
        assert roomed.say(new, room=room)[0] == Reason.MUTED
    assert list(roomed.rooms.by_name[room].muted) == [b"bob"]
    roomed.go(b"bob8")
    roomed.make(b"bob8")
    assert roomed.say(b"bob8", room=room)[0] == DONE


def test_leaving_and_coming_back_is_no_way_to_speak_sooner(roomed):
    assert roomed.do(b"owner", "set", b"slow", b"60") == DONE
    assert roomed.say(b"bob")[0] == DONE
    roomed.exit(b"bob")
    roomed.enter(b"bob")
    assert roomed.say(b"bob")[0] == Reason.SLOW_MODE


def test_another_setting_is_no_way_to_speak_sooner(roomed):
    assert roomed.do(b"owner", "set", b"slow", b"60") == DONE
    assert roomed.say(b"bob")[0] == DONE
    assert roomed.do(b"owner", "set", b"limit", b"20") == DONE
    assert roomed.say(b"bob")[0] == Reason.SLOW_MODE


# ---- names that change hands


@pytest.mark.parametrize("setting, text", [(b"private", b"on"), (b"invite", b"on"), (b"key", b"word")])
def test_another_name_opens_nothing_of_what_was_said_before_one_came(roomed, setting, text):
    roomed.register.numbers.take(41)
    roomed.do(b"owner", "set", setting, text)
    roomed.come(b"dan")
    roomed.do(b"owner", "invite", b"dan")
    roomed.enter(b"dan", key=b"word")
    roomed.rename(b"dan", b"don")
    roomed.drain()
    roomed.tell(b"don", "reread", b"#dev", None, 9)
    assert roomed.store.read[-1].after == 41


def test_the_next_guest_of_a_name_reads_nothing_from_before_it_came(roomed):
    """And what is kept of a room does not grow with each guest that was there."""
    roomed.do(b"owner", "set", b"private", b"on")
    for number in range(9):
        roomed.register.numbers.take(10)
        for name in (b"dan", b"guest%d" % number):
            roomed.make(name)
            roomed.tell(name, "reread", b"#dev", None, 9)
            assert roomed.store.read[-1].after == 10 * (number + 1)
            roomed.exit(name)
            roomed.enter(name)
            roomed.rename(name, b"other")
            roomed.go(b"other")
        assert list(roomed.rooms.by_name[b"#dev"].since) == [b"owner"]


def test_the_next_who_has_the_name_of_a_deleted_account_inherits_nothing(roomed):
    """The next owner of the name is somebody else."""
    roomed.owner(b"pat")
    roomed.make(b"pat")
    roomed.do(b"owner", "op", b"pat")
    roomed.do(b"owner", "invite", b"pat")
    for name in (b"owner", b"pat"):
        roomed.register.delete(*roomed.people.pop(name), name)
        assert name not in roomed.accounts.accounts
        assert name not in roomed.rooms.by_name[b"#dev"].invited
        roomed.owner(name)
        roomed.enter(name)
    roomed.drain()
    assert (role(roomed, b"owner"), role(roomed, b"pat")) == (MEMBER, MEMBER)
    assert roomed.do(b"owner", "drop") == Reason.NOT_ALLOWED
    assert roomed.rooms.owned(b"owner") == 0


def test_the_next_who_has_the_name_of_a_deleted_account_is_not_invited(roomed):
    roomed.owner(b"pat")
    roomed.do(b"owner", "set", b"invite", b"on")
    roomed.do(b"owner", "invite", b"pat")
    roomed.register.delete(*roomed.people.pop(b"pat"), b"pat")
    roomed.come(b"pat")
    assert roomed.enter(b"pat") == Reason.INVITE_ONLY


def test_the_next_who_has_the_name_of_a_deleted_account_does_not_read_what_was_said_before(roomed):
    roomed.owner(b"pat")
    roomed.make(b"pat")
    roomed.do(b"owner", "set", b"private", b"on")
    roomed.register.numbers.take(10)
    roomed.register.delete(*roomed.people.pop(b"pat"), b"pat")
    roomed.owner(b"pat")
    roomed.do(b"owner", "invite", b"pat")
    roomed.enter(b"pat")
    roomed.drain()
    roomed.tell(b"pat", "reread", b"#dev", None, 9)
    assert roomed.store.read[-1].after == 10


def test_who_leaves_an_account_behind_for_another_name_reads_no_more_of_the_past_than_before(roomed):
    roomed.do(b"owner", "set", b"private", b"on")
    roomed.register.numbers.take(10)
    roomed.owner(b"pat")
    roomed.do(b"owner", "invite", b"pat")
    roomed.make(b"pat")
    for name in (b"pat", b"other"):
        if name != b"pat":
            roomed.rename(b"pat", name)
        roomed.drain()
        roomed.tell(name, "reread", b"#dev", None, 9)
        assert roomed.store.read[-1].after == 10


def test_who_loses_the_roles_of_an_account_by_another_name_has_no_voice_left_either(roomed):
    roomed.owner(b"pat")
    roomed.make(b"pat")
    for act in ("voice", "op"):
        assert roomed.do(b"owner", act, b"pat") == DONE
    roomed.rename(b"pat", b"other")
    assert role(roomed, b"other") == MEMBER
    for act in ("op", "deop"):
        assert roomed.do(b"owner", act, b"other") == DONE
    assert role(roomed, b"other") == MEMBER


def test_who_may_not_come_to_the_room_of_a_port_gets_no_account_there(roomed):
    roomed.accounts.register = True
    roomed.do(b"owner", "ban", b"eve")
    roomed.register.came_by(2, 99, b"#dev")
    roomed.register.open_account(2, 99, b"eve", tuple(claims(b"eve")), "secret", False, "192.0.2.1")
    assert roomed.post.answers == [(2, 99, Reason.BANNED)]
    assert b"eve" not in roomed.accounts.accounts


def test_a_guest_who_has_the_name_of_an_operator_is_none(roomed):
    """Its account was deleted, or never made."""
    roomed.register.delete(*roomed.people.pop(b"boss"), b"boss")
    roomed.come(b"boss")
    assert b"boss" in roomed.members.names.values()
    assert roomed.do(b"boss", "kick", b"bob") == Reason.NOT_INSIDE
    assert roomed.do(b"boss", "kick", b"bob", room=b"#lobby") == Reason.NOT_ALLOWED


@pytest.mark.parametrize("has_account", [True, False])
def test_who_is_here_under_the_name_of_an_operator_that_gets_a_password_becomes_none(roomed, has_account):
    roomed.register.delete(*roomed.people.pop(b"boss"), b"boss")
    if has_account:
        roomed.account(b"boss", None)
    roomed.come(b"boss")
    roomed.register.set_password(b"boss", "secret", [].append)
    assert roomed.gate.is_operator(b"boss")
    assert b"boss" not in roomed.members.names.values()
    assert roomed.come(b"boss") is None, "with the right password"


@pytest.mark.parametrize("name", [b"#new", b"&new"])
def test_not_even_who_runs_the_server_makes_an_account_with_the_name_of_a_room(roomed, name):
    answers = []
    roomed.register.set_password(name, "secret", answers.append)
    assert "error" in answers[0] and name not in roomed.accounts.accounts


@pytest.mark.parametrize("name", ["\uff03dev", "\ufe5fdev", "\uff06dev", "\u3164#dev", "\u115f\uff06dev"])
def test_no_guest_and_no_new_account_has_a_name_that_looks_like_that_of_a_room(roomed, name):
    assert roomed.come(name.encode()) == Reason.INVALID_NAME
    assert roomed.rename(b"bob", name.encode()) == Reason.INVALID_NAME
    assert roomed.gate.why_no_account(name.encode()) == Reason.INVALID_NAME
    roomed.account(name.encode())
    assert roomed.come(name.encode()) is None, "but an account that is there already keeps it"


class Short:
    """Listeners in whose protocol names are short, with the aliases that were known when they were told something."""

    def __init__(self):
        self.traits = Traits(longest_name=10)
        self.rooms = {number: {"somebody": None} for number in (EVERYWHERE, LOBBY, 1)}
        self.told = []

    def hear(self, room, happening, origin):
        self.told.append((happening, set(self.aliases)))


@pytest.mark.parametrize("old, new", [(b"dan", LONG), (LONG, b"dan"), (LONG, b"Wolfeschlegel-the-longer")])
def test_a_rename_in_a_room_is_told_with_the_aliases_of_both_names(roomed, hub, old, new):
    short = Short()
    here = RoomsHere([short])
    replica, short.aliases = Replica(7, {}, here, hub), here.aliases
    here.open(1, b"#dev")
    roomed.come(old)
    roomed.enter(old)
    roomed.rename(old, new)
    for _, name, *fields in roomed.drain():
        if name in ("joined", "renamed_in", "renamed"):
            getattr(replica, name)(*fields)
    known = {name for name in (old, new) if len(name) > 10}
    told = [(happening, aliases) for happening, aliases in short.told if type(happening) is Renamed]
    assert sorted(happening.room for happening, _ in told) == [b"", b"#dev"]
    assert all(aliases >= known for _, aliases in told)


def test_with_a_worker_all_are_forgotten_who_came_there_by_the_port_of_a_room(roomed):
    for worker, session in ((3, 90), (3, 91), (4, 90)):
        roomed.register.came_by(worker, session, b"#dev")
    roomed.register.claim_unproven(3, 90, b"dan", tuple(claims(b"dan")), "Login", False, "192.0.2.1")
    roomed.drain()
    roomed.register.lose(3)
    assert roomed.drain()[-1] == (None, "left", b"dan", False)
    assert list(roomed.rooms.homes) == [holder_of(4, 90)], "strangers, too"


def test_who_comes_by_the_port_of_a_room_is_told_there_with_its_alias(roomed, hub):
    short = Short()
    here = RoomsHere([short])
    replica, short.aliases = Replica(7, {}, here, hub), here.aliases
    here.open(1, b"#dev")
    roomed.register.came_by(3, 90, b"#dev")
    roomed.register.claim_unproven(3, 90, LONG, tuple(claims(LONG)), "Login", False, "192.0.2.1")
    for _, name, *fields in roomed.drain():
        if name in ("entered", "joined"):
            getattr(replica, name)(*fields)
    assert [(happening, LONG in aliases) for happening, aliases in short.told] == [(Entered(b"#dev", LONG), True)]


@pytest.mark.parametrize("key", [b"a\x01b", b"a\nb", b"\xff\xfe", "\u202eword".encode()])
def test_whatever_was_set_as_a_key_opens_the_room_as_it_was_written(member, hub, key):
    member.hear([Manage(b"#dev", "set", b"key", canonical(key))])
    member.confirm()
    member.hear([Enter(b"#dev", key), Enter(b"#ops", key)])
    (*_, word), *asked = hub.drain()
    assert [name for name, *_ in asked] == ["enter", "enter"]
    assert [given for *_, given in asked] == [word, word]


# ---- what many ask at once


def test_of_all_who_ask_the_same_together_each_is_answered_and_the_answer_made_once(roomed):
    """As after a restart, when all come back to a room at the same moment."""
    for number in range(20):
        roomed.make(b"guest%d" % number)
    sessions = [session for name, (_, session) in roomed.people.items() if name.startswith(b"guest")]
    roomed.register.within(1, sessions, b"#dev")
    roomed.register.reread(1, sessions, b"#dev", None, 9)
    told = [(name, numbers) for _, name, numbers, *_ in roomed.drain()]
    assert sorted(number for name, numbers in told if name == "Present" for number in numbers) == sessions
    assert sorted(number for name, numbers in told if name == "Recalled" for number in numbers) == sessions
    assert (len(told), len(roomed.store.read)) == (2, 1)


# ---- what outlives a session, and the server


def test_who_spoke_in_a_slow_lobby_is_forgotten_when_it_goes(roomed):
    assert roomed.do(b"boss", "set", b"slow", b"5", b"#lobby") == DONE
    for number in range(100):
        name = b"guest%d" % number
        roomed.come(name)
        assert roomed.say(name, room=b"#lobby")[0] == DONE
        roomed.go(name)
    assert roomed.rooms.lobby.spoke == {}


def test_of_strangers_at_a_rooms_port_whose_worker_dies_nothing_is_left(roomed):
    roomed.register.came_by(2, 99, b"#dev")
    roomed.register.came_by(3, 99, b"#dev")
    roomed.register.lose(2)
    assert list(roomed.rooms.homes) == [holder_of(3, 99)]


def test_a_room_in_which_somebody_was_until_the_server_ended_is_not_closed_at_the_next_start(roomed):
    roomed.wait(40 * DAY)
    assert roomed.do(b"owner", "topic", text=b"busy every day") == DONE
    kept = [(number, name, state) for number, (name, state) in roomed.store.rooms.items()]
    again = Roomed()
    again.now = roomed.now + 60
    again.rooms.restore(kept, 1)
    again.tidy()
    assert b"#dev" in again.rooms.by_name
    again.wait(31 * DAY)
    again.tidy()
    assert b"#dev" not in again.rooms.by_name, "but nobody has come since"


# ---- texts


@pytest.mark.parametrize("key", [b"word", b"\xff\xfe", b"w\x1brd", "\u202eword".encode(), b"w\nord"])
def test_a_key_that_is_set_opens_the_room_as_it_was_typed(roomed, member, hub, key):
    member.hear([Manage(b"#dev", "set", b"key", canonical(key))])
    assert roomed.do(b"owner", *hub.drain()[-1][3:]) == DONE
    member.confirm()
    for _ in range(2):  # the second is asked while the first is open
        member.hear([Enter(b"#dev", key)])
    for name, asked in zip((b"dan", b"don"), hub.drain()):
        roomed.come(name)
        assert roomed.enter(name, key=asked[-1]) is None


@pytest.mark.parametrize("act", ["kick", "ban", "mute"])
def test_reasons_are_not_too_long_to_be_stored_with_each_act(roomed, act):
    assert roomed.do(b"owner", act, b"bob", b"x" * 391) == Reason.TEXT_TOO_LONG
    assert roomed.do(b"owner", act, b"bob", b"x" * 390) == DONE


def test_who_runs_the_server_mutes_a_name_however_it_is_spelled(roomed):
    roomed.come("b\u00f6b".encode())
    answers = []
    roomed.register.operators.manage(answers.append, "#lobby", "mute", "bo\u0308b", "")
    assert answers == [{"done": True}]
    assert roomed.say("b\u00f6b".encode(), room=b"#lobby")[0] == Reason.MUTED


# ---- names of rooms


@pytest.mark.parametrize("room", [b"#old", b"#OLD", "#\u043eld".encode()])
def test_no_room_looks_like_an_account_from_before_there_were_rooms(roomed, room):
    roomed.account(b"#old")
    assert roomed.enter(b"ann", room) == Reason.INVALID_ROOM


@pytest.mark.parametrize("room", [b"#" + b"x" * 31, b"#" + b"x" * 32])
def test_the_longest_name_of_a_room_is_found_by_itself(roomed, room):
    roomed.make(b"bob", room=room)
    assert roomed.tell(b"ann", "list_rooms", room) == ([(room, 1, b"", False)],)


@pytest.mark.parametrize("room", [b"#\xff", b"\xff", b"#" + b"x" * 600])
@pytest.mark.parametrize("command", [Topic, lambda room: Manage(room, "kick", b"bob", b"")])
def test_what_can_be_no_rooms_name_is_not_the_lobby(member, hub, command, room):
    member.hear([command(room)])
    assert not [asked for asked in hub.drain() if b"#lobby" in asked]
