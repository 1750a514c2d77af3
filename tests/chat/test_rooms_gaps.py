"""Rules of rooms that are easily got round: ranks, names that change hands, and what outlives a session."""
import pytest
from roomed import DONE, Roomed

from parley.server.chat.names import claims
from parley.server.chat.replica import Replica
from parley.server.chat.room import EVERYWHERE, LOBBY
from parley.server.chat.room import Rooms as RoomsHere
from parley.server.chat.rooms import MEMBER, OP, OWNER
from parley.server.protocols.events import Manage, Reason, Renamed, Topic
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
def test_an_op_takes_nothing_from_the_owner_nor_from_another_op(roomed, act):
    roomed.do(b"owner", "op", b"bob")
    for name, its in ((b"owner", OWNER), (b"bob", OP)):
        assert roomed.do(b"ann", act, name) == Reason.OUTRANKED
        assert role(roomed, name) == its
    assert roomed.rooms.by_name[b"#dev"].roles == {b"owner": OWNER}


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


def test_leaving_and_coming_back_is_no_way_to_speak_sooner(roomed):
    assert roomed.do(b"owner", "set", b"slow", b"60") == DONE
    assert roomed.say(b"bob")[0] == DONE
    roomed.exit(b"bob")
    roomed.enter(b"bob")
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


def test_the_next_who_has_the_name_of_a_deleted_account_inherits_nothing(roomed):
    """The next owner of the name is somebody else."""
    roomed.owner(b"pat")
    roomed.make(b"pat")
    roomed.do(b"owner", "op", b"pat")
    for name in (b"owner", b"pat"):
        roomed.register.delete(*roomed.people.pop(name), name)
        assert name not in roomed.accounts.accounts
        roomed.owner(name)
        roomed.enter(name)
    roomed.drain()
    assert (role(roomed, b"owner"), role(roomed, b"pat")) == (MEMBER, MEMBER)
    assert roomed.do(b"owner", "drop") == Reason.NOT_ALLOWED
    assert roomed.rooms.owned(b"owner") == 0


def test_a_guest_who_has_the_name_of_an_operator_is_none(roomed):
    """Its account was deleted, or never made."""
    roomed.register.delete(*roomed.people.pop(b"boss"), b"boss")
    roomed.come(b"boss")
    assert b"boss" in roomed.members.names.values()
    assert roomed.do(b"boss", "kick", b"bob") == Reason.NOT_INSIDE
    assert roomed.do(b"boss", "kick", b"bob", room=b"#lobby") == Reason.NOT_ALLOWED


@pytest.mark.parametrize("name", [b"#new", b"&new"])
def test_not_even_who_runs_the_server_makes_an_account_with_the_name_of_a_room(roomed, name):
    answers = []
    roomed.register.set_password(name, "secret", answers.append)
    assert "error" in answers[0] and name not in roomed.accounts.accounts


class Short:
    """Listeners in whose protocol names are short, with the aliases that they knew when they were told something."""

    def __init__(self):
        self.traits = Traits(longest_name=10)
        self.rooms = {number: {"somebody": None} for number in (EVERYWHERE, LOBBY, 1)}
        self.told = []

    def show_by(self, aliases):
        self.aliases = aliases

    def hear(self, room, happening, origin):
        self.told.append((happening, set(self.aliases)))


@pytest.mark.parametrize("old, new", [(b"dan", LONG), (LONG, b"dan"), (LONG, b"Wolfeschlegel-the-longer")])
def test_a_rename_in_a_room_is_told_with_the_aliases_of_both_names(roomed, hub, old, new):
    short = Short()
    here = RoomsHere([short])
    replica = Replica(7, {}, here, hub)
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


# ---- what many ask at once


def test_of_all_who_ask_the_same_together_each_is_answered_and_the_answer_made_once(roomed):
    """As after a restart, when all come back to a room at the same moment."""
    for number in range(20):
        roomed.make(b"guest%d" % number)
    sessions = [session for name, (_, session) in roomed.people.items() if name.startswith(b"guest")]
    roomed.register.within(1, sessions, b"#dev")
    roomed.register.reread(1, sessions, b"#dev", None, 9)
    told = [(name, numbers) for _, name, numbers, *_ in roomed.drain()]
    assert sorted(number for name, numbers in told if name == "within" for number in numbers) == sessions
    assert sorted(number for name, numbers in told if name == "reread" for number in numbers) == sessions
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


# ---- names of rooms


@pytest.mark.parametrize("room", [b"#" + b"x" * 31, b"#" + b"x" * 32])
def test_the_longest_name_of_a_room_is_found_by_itself(roomed, room):
    roomed.make(b"bob", room=room)
    assert roomed.tell(b"ann", "list_rooms", room) == ([(room, 1, b"", False)],)


@pytest.mark.parametrize("room", [b"#\xff", b"\xff", b"#" + b"x" * 600])
@pytest.mark.parametrize("command", [Topic, lambda room: Manage(room, "kick", b"bob", b"")])
def test_what_can_be_no_rooms_name_is_not_the_lobby(member, hub, command, room):
    member.hear([command(room)])
    assert not [asked for asked in hub.drain() if b"#lobby" in asked]
