"""Who may do what: tables of what is done, by whom and where, and why it is refused."""
import pytest
from cases import for_each
from roomed import BEGIN, DONE, Roomed

from parley.server.chat import gate
from parley.server.chat.gate import LIMITS
from parley.server.chat.gate.settings import INVALID, setting
from parley.server.chat.members import holder_of
from parley.server.chat.rooms import INVITED_FOR, MEMBER, OP, OWNER, VOICE, size_of
from parley.server.ipc.queues import record, said, talk
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.events import ACTS, Reason

ROLES = {"member": MEMBER, "voice": VOICE, "op": OP, "owner": OWNER}

# Who asks: somebody outside; members by their roles; an operator in the room and one outside. `.` is allowed, and else
# there is the reason: Inside, Hidden (no such room), Allowed not, Lobby (where it cannot be done).
WHO = ["outside", "member", "voice", "op", "owner", "operator", "operator outside"]
OPEN_AND_LASTING = {
    "topic": "I A A . . . .",
    "invite": "I . . . . . .",
    "kick": "I A A . . . .",
    "ban": "I A A . . . .",
    "unban": "I A A . . . .",
    "mute": "I A A . . . .",
    "unmute": "I A A . . . .",
    "voice": "I A A . . . .",
    "devoice": "I A A . . . .",
    "op": "I A A . . . .",
    "deop": "I A A . . . .",
    "set": "I A A . . . .",
    "drop": "I A A A . . .",
}
PRIVATE = {act: line.replace("I", "H") for act, line in dict(OPEN_AND_LASTING, invite="I A A . . . .").items()}
NOT_OPEN = dict(OPEN_AND_LASTING, invite="I A A . . . .")  # for the invited only, or with a key
NOT_LASTING = dict(OPEN_AND_LASTING, drop="I A A . . . .")
LOBBY = dict.fromkeys(ACTS, "L L L L L L L")
LOBBY.update(dict.fromkeys(["topic", "kick", "ban", "unban", "mute", "unmute", "set"], "A A A A A . ."))
REASONS = {".": None, "I": Reason.NOT_INSIDE, "H": Reason.NO_ROOM, "A": Reason.NOT_ALLOWED, "L": Reason.IS_LOBBY}

PLACES = {
    "open": (OPEN_AND_LASTING, {}),
    "private": (PRIVATE, {"private": True}),
    "for the invited": (NOT_OPEN, {"invite": True}),
    "with a key": (NOT_OPEN, {"key": b"word"}),
    "moderated": (OPEN_AND_LASTING, {"moderated": True}),
    "not lasting": (NOT_LASTING, {"lasts": False}),
    "lobby": (LOBBY, {}),
}
CASES = [(place, act, line.split()) for place, (table, _) in PLACES.items() for act, line in table.items()]


def with_all_roles():
    """Rooms with somebody of each role, `target` being a plain member, and an operator who is not in the room."""
    roomed = Roomed(operators=[b"operator", b"operator-outside"])
    roomed.owner(b"owner")
    roomed.make(b"owner")
    for name in (b"operator", b"operator-outside"):
        roomed.owner(name, 2)
    roomed.come(b"outside", 2)
    roomed.make(b"member", b"voice", b"op", b"operator", b"target", b"bystander")
    room = roomed.rooms.by_name[b"#dev"]
    for name, role in ROLES.items():
        room.members[roomed.holder(name.encode())] = role
    for one in (room, roomed.rooms.lobby):
        one.banned = {b"eve": (b"owner", b"", 0)}
        one.muted = {b"mel": (b"owner", b"", 0)}
    return roomed


@pytest.fixture
def roomed():
    return with_all_roles()


def target_of(act):
    return {"unban": b"eve", "unmute": b"mel", "set": b"slow", "topic": b"", "drop": b""}.get(act, b"target")


def why_not(roomed, name, act, about=None, text=b"", room=b"#dev"):
    about = target_of(act) if about is None else about
    text = b"5" if act == "set" and not text else text
    return roomed.gate.why_not_manage(
        roomed.rooms.by_name[room], roomed.holder(name.encode().replace(b" ", b"-")), act, about, text)


# ---- managing: the table


def test_the_tables_have_every_act():
    assert all(list(table) == list(ACTS) for table, _ in PLACES.values())
    assert all(len(line) == len(WHO) for _, _, line in CASES)


@for_each("place, act, line", CASES)
def test_what_is_managed_where_by_whom(place, act, line):
    roomed = with_all_roles()
    room = b"#lobby" if place == "lobby" else b"#dev"
    for name, value in PLACES[place][1].items():
        setattr(roomed.rooms.by_name[room], name, value)
    before = roomed.state()
    assert [why_not(roomed, who, act, room=room) for who in WHO] == [REASONS[reason] for reason in line]
    assert roomed.state() == before, "it was only asked"


@for_each("place, act, who, reason", [
    (place, act, who, reason) for place, act, line in CASES for who, reason in zip(WHO, line)
    if place in ("open", "private", "lobby") and who not in ROLES])
def test_whoever_asks_the_register_is_answered_by_the_table(place, act, who, reason):
    roomed = with_all_roles()
    room = b"#lobby" if place == "lobby" else b"#dev"
    for name, value in PLACES[place][1].items():
        setattr(roomed.rooms.by_name[room], name, value)
    answer = roomed.do(who.encode().replace(b" ", b"-"), act, target_of(act), b"5" if act == "set" else b"", room)
    assert answer == (REASONS[reason] or DONE)


# ---- ranks


RANKS = ["member", "voice", "op", "owner", "operator"]


@pytest.mark.parametrize("act", ["kick", "ban", "mute", "devoice", "deop"])
@pytest.mark.parametrize("who", RANKS[2:])
def test_nobody_does_anything_to_one_of_a_better_role(roomed, act, who):
    """But to oneself, except that an owner stays one."""
    rank, stays = RANKS.index(who), who == "owner" and act == "deop"
    assert [why_not(roomed, who, act, whom.encode()) for whom in RANKS] == [
        Reason.OUTRANKED if place >= rank and (whom != who or stays) else None for place, whom in enumerate(RANKS)]


def test_ops_may_do_each_other_anything_and_owners_nothing(roomed):
    room = roomed.rooms.by_name[b"#dev"]
    for role, who, reason in ((OP, "op", None), (OWNER, "owner", Reason.OUTRANKED)):
        room.members[roomed.holder(b"bystander")] = role
        for act in ("kick", "ban", "mute", "devoice", "deop"):
            assert why_not(roomed, who, act, b"bystander") == reason


def test_in_the_lobby_operators_do_each_other_nothing_and_whoever_else_is_there_anything(roomed):
    for act in ("kick", "ban", "mute"):
        assert why_not(roomed, "operator", act, b"operator-outside", room=b"#lobby") == Reason.OUTRANKED
        assert why_not(roomed, "operator", act, b"owner", room=b"#lobby") is None


# ---- whom it is about


@pytest.mark.parametrize("act, absent, outside", [
    ("kick", Reason.NOBODY, Reason.NOT_THERE), ("voice", Reason.NOBODY, Reason.NOT_THERE),
    ("devoice", Reason.NOBODY, Reason.NOT_THERE), ("op", Reason.NOBODY, Reason.NOT_THERE),
    ("deop", Reason.NOBODY, Reason.NOT_THERE), ("invite", Reason.NOBODY, None), ("ban", None, None),
    ("mute", None, None), ("unban", Reason.NOT_BANNED, Reason.NOT_BANNED),
    ("unmute", Reason.NOT_MUTED, Reason.NOT_MUTED)])
def test_whom_it_is_about_has_to_be_there_if_that_matters(roomed, act, absent, outside):
    assert why_not(roomed, "owner", act, b"nobody-here") == absent
    assert why_not(roomed, "owner", act, b"outside") == outside
    assert why_not(roomed, "owner", act, b"") in (Reason.NOBODY, Reason.NOT_THERE, absent)


def test_in_the_lobby_everybody_is_there(roomed):
    assert why_not(roomed, "operator", "kick", b"outside", room=b"#lobby") is None
    assert why_not(roomed, "operator", "kick", b"nobody-here", room=b"#lobby") == Reason.NOBODY


def test_who_is_shown_by_an_alias_is_found_by_it(roomed):
    long = b"Bartholomew-the-long"
    roomed.come(long)
    roomed.enter(long)
    alias = roomed.accounts.aliases.of([long])[long]
    assert why_not(roomed, "op", "kick", alias) is None
    assert roomed.do(b"owner", "mute", alias) == DONE
    assert list(roomed.rooms.by_name[b"#dev"].muted) == [b"mel", long]


# ---- values


@for_each("about, text, value", [
    *[(switch, text, value) for switch in (b"private", b"invite", b"moderated") for text, value in (
        (b"on", True), (b"off", False), (b"", INVALID), (b"ON", INVALID), (b"1", INVALID), (b"true", INVALID))],
    *[(count, text, value) for count in (b"limit", b"slow") for text, value in (
        (b"1", 1), (b"20", 20), (b"1000000", 1000000), (b"off", 0), (b"0", INVALID), (b"-1", INVALID),
        (b"1000001", INVALID), (b"99999999", INVALID), (b"1" * 100, INVALID), (b"1.5", INVALID), (b"", INVALID),
        (b"on", INVALID), (b" 1", INVALID), ("\u0664".encode(), INVALID), (b"\xff", INVALID))],
    (b"key", b"word", b"word"), (b"key", b"off", None), (b"key", b"", INVALID), (b"key", b"two words", INVALID),
    (b"key", b"x" * 64, b"x" * 64), (b"key", b"x" * 65, INVALID), (b"key", b"on", b"on"),
])
def test_the_values_of_settings(about, text, value):
    assert setting(about, text) is value or setting(about, text) == value != INVALID


@pytest.mark.parametrize("about", [b"", b"Private", b"topic", b"lasts", b"members", b"__class__", b"\xff", b"number"])
def test_what_is_no_setting_cannot_be_set(roomed, about):
    for text in (b"on", b"off", b"1"):
        assert why_not(roomed, "owner", "set", about, text) == Reason.INVALID_SETTING
        assert roomed.do(b"owner", "set", about, text) == Reason.INVALID_SETTING


@pytest.mark.parametrize("about, text, allowed", [
    (b"moderated", b"on", True), (b"slow", b"5", True), (b"private", b"on", False), (b"invite", b"on", False),
    (b"key", b"word", False), (b"limit", b"5", False)])
def test_the_lobby_has_two_settings(roomed, about, text, allowed):
    assert why_not(roomed, "operator", "set", about, text, b"#lobby") == (None if allowed else Reason.INVALID_SETTING)


@pytest.mark.parametrize("size, reason", [(390, None), (391, Reason.TEXT_TOO_LONG)])
def test_a_topic_is_not_too_long(roomed, size, reason):
    assert why_not(roomed, "owner", "topic", b"", b"x" * size) == reason
    roomed.gate.limits = dict(LIMITS, topic_bytes=0)
    assert why_not(roomed, "owner", "topic", b"", b"x" * size) is None


@pytest.mark.parametrize("act", ["ban", "mute"])
def test_lists_are_not_too_long(roomed, act):
    roomed.gate.limits = dict(LIMITS, bans=3)
    assert [roomed.do(b"owner", act, b"x%d" % number) for number in range(4)] == [
        DONE, DONE, Reason.LIST_FULL, Reason.LIST_FULL]
    assert roomed.do(b"owner", "un" + act, b"x0") == DONE
    assert roomed.do(b"owner", act, b"x4") == DONE


# ---- entering


# What stands in the way: which roles it stops, by why.
OBSTACLES = [
    (lambda room: room.banned.update({b"newcomer": (b"owner", b"", 0)}), Reason.BANNED),
    (lambda room: room.banned.update({b"NEWC*": (b"owner", b"", 0)}), Reason.BANNED),
    (lambda room: setattr(room, "invite", True), Reason.INVITE_ONLY),
    (lambda room: setattr(room, "key", b"word"), Reason.WRONG_KEY),
    (lambda room: setattr(room, "limit", 7), Reason.ROOM_FULL),
    (lambda room: setattr(room, "private", True), None),
    (lambda room: setattr(room, "moderated", True), None),
    (lambda room: setattr(room, "limit", 8), None),
]


@for_each("role", [MEMBER, VOICE, OP, OWNER, "operator"])
@for_each("hinder, reason", OBSTACLES)
def test_ops_owners_and_operators_are_never_kept_out(hinder, reason, role):
    roomed = with_all_roles()
    roomed.owner(b"newcomer")
    room = roomed.rooms.by_name[b"#dev"]
    if role == "operator":
        roomed.gate.operators |= {b"newcomer"}
    elif role != MEMBER:
        room.roles[b"newcomer"] = role
    hinder(room)
    assert len(room.members) == 7
    expected = reason if role in (MEMBER, VOICE) else None
    assert roomed.gate.why_not_enter(room, roomed.holder(b"newcomer"), None) == expected
    assert roomed.enter(b"newcomer") == expected  # who enters is told so by what all members are told


@pytest.mark.parametrize("key, reason", [
    (b"word", None), (None, Reason.WRONG_KEY), (b"", Reason.WRONG_KEY), (b"WORD", Reason.WRONG_KEY),
    (b"words", Reason.WRONG_KEY)])
def test_a_key_has_to_be_the_right_one(roomed, key, reason):
    roomed.rooms.by_name[b"#dev"].key = b"word"
    assert roomed.enter(b"outside", key=key) == reason


@pytest.fixture
def locked():
    """#dev of owner needs a key, as does #ops; ann and bob, who are at another address, are outside."""
    roomed = Roomed(failures=3)
    roomed.owner(b"owner")
    for room in (b"#dev", b"#ops"):
        roomed.make(b"owner", room=room)
        assert roomed.do(b"owner", "set", b"key", b"word", room=room) == DONE
    roomed.come(b"ann")
    roomed.come(b"bob", host="198.51.100.7")
    roomed.drain()
    return roomed


def test_whoever_gives_wrong_keys_has_to_wait_and_nobody_else(locked):
    assert [locked.enter(b"ann", key=b"wrong") for _ in range(5)] == [Reason.WRONG_KEY] * 3 + [Reason.TRY_LATER] * 2
    assert locked.enter(b"ann", key=b"word") == Reason.TRY_LATER
    assert locked.enter(b"ann") == Reason.WRONG_KEY  # it has not tried one
    assert locked.enter(b"bob", key=b"word") is None
    locked.wait(20)
    assert [locked.enter(b"ann", key=b"wrong") for _ in range(2)] == [Reason.WRONG_KEY, Reason.TRY_LATER]
    locked.wait(20)
    assert locked.enter(b"ann", key=b"word") is None


def test_the_right_key_makes_the_wrong_ones_before_forgotten(locked):
    for _ in range(3):
        assert [locked.enter(b"ann", key=b"wrong") for _ in range(2)] == [Reason.WRONG_KEY] * 2
        assert locked.enter(b"ann", key=b"word") is None
        assert locked.exit(b"ann") == DONE


def test_wrong_keys_of_other_rooms_count_a_tenth(locked):
    for _ in range(4):
        locked.enter(b"ann", key=b"wrong")
    assert locked.enter(b"ann", b"#ops", b"word") is None


def test_another_name_or_connection_makes_no_key_sooner_tried(locked):
    for _ in range(3):
        locked.enter(b"ann", key=b"wrong")
    locked.rename(b"ann", b"eve")
    assert locked.enter(b"eve", key=b"word") == Reason.TRY_LATER
    locked.go(b"eve")
    locked.come(b"eva")
    assert locked.enter(b"eva", key=b"word") == Reason.TRY_LATER


def test_in_a_private_room_wrong_keys_are_not_told_from_right_ones(locked):
    assert locked.do(b"owner", "set", b"private", b"on") == DONE
    answers = [locked.enter(b"ann", key=key) for key in (b"wrong", b"wrong", b"wrong", b"word")]
    assert answers == [Reason.INVITE_ONLY] * 4


def test_a_clock_that_is_set_back_locks_nobody_out(locked):
    for _ in range(9):
        locked.enter(b"ann", key=b"wrong")
    locked.wait(-3600)
    assert locked.enter(b"ann", key=b"word") is None


@pytest.mark.parametrize("key", [None, b"wrong"])
@pytest.mark.parametrize("obstacle", [
    ("invite", True), ("key", b"word"), ("limit", 7), ("banned", {b"outside": (b"owner", b"", 0)})])
def test_of_a_private_room_one_is_not_told_why_one_may_not_enter(roomed, obstacle, key):
    room = roomed.rooms.by_name[b"#dev"]
    room.private = True
    setattr(room, *obstacle)
    assert roomed.enter(b"outside", key=key) == Reason.INVITE_ONLY


def test_of_a_private_room_one_is_not_told_that_it_has_a_port(roomed):
    roomed.rooms.with_ports = frozenset([b"#dev"])
    assert why_not(roomed, "outside", "drop") == Reason.NOT_INSIDE
    roomed.rooms.by_name[b"#dev"].private = True
    assert why_not(roomed, "outside", "drop") == Reason.NO_ROOM


@pytest.mark.parametrize("obstacle, reason", [
    (("invite", True), None), (("key", b"word"), None), (("limit", 7), Reason.ROOM_FULL),
    (("banned", {b"outside": (b"owner", b"", 0)}), Reason.BANNED)])
def test_an_invitation_opens_what_is_for_the_invited_and_needs_a_key_and_no_more(roomed, obstacle, reason):
    room = roomed.rooms.by_name[b"#dev"]
    assert roomed.do(b"owner", "invite", b"outside") == DONE
    setattr(room, *obstacle)
    assert roomed.enter(b"outside") == reason


@pytest.mark.parametrize("later, holds", [(0, True), (INVITED_FOR // 1000 - 1, True), (INVITED_FOR // 1000 + 1, False)])
def test_an_invitation_holds_for_an_hour(roomed, later, holds):
    roomed.rooms.by_name[b"#dev"].invite = True
    roomed.do(b"owner", "invite", b"outside")
    roomed.wait(later)
    assert roomed.enter(b"outside") == (None if holds else Reason.INVITE_ONLY)


# ---- speaking


@pytest.mark.parametrize("name, reason", [
    (b"member", Reason.MODERATED), (b"voice", None), (b"op", None), (b"owner", None), (b"operator", None),
    (b"outside", Reason.NOT_INSIDE), (b"operator-outside", Reason.NOT_INSIDE)])
def test_where_it_is_moderated_it_takes_a_voice_to_speak(roomed, name, reason):
    assert roomed.say(name)[0] == (reason if reason == Reason.NOT_INSIDE else DONE)
    roomed.rooms.by_name[b"#dev"].moderated = True
    assert roomed.say(name)[0] == (reason or DONE)


@pytest.mark.parametrize("name, reason", [
    (b"member", Reason.MUTED), (b"voice", None), (b"op", None), (b"owner", None), (b"operator", None)])
def test_who_is_muted_needs_a_voice(roomed, name, reason):
    roomed.rooms.by_name[b"#dev"].muted[name] = b"owner", b"", 0
    assert roomed.say(name)[0] == (reason or DONE)
    assert roomed.say(b"bystander")[0] == DONE


@pytest.mark.parametrize("name, reason", [
    (b"member", Reason.SLOW_MODE), (b"voice", None), (b"op", None), (b"owner", None), (b"operator", None)])
def test_where_it_is_slow_members_wait_between_two_messages(roomed, name, reason):
    roomed.rooms.by_name[b"#dev"].slow = 5
    assert roomed.say(name)[0] == DONE
    for wait in (0, 4):
        roomed.wait(wait)
        assert roomed.say(name)[0] == (reason or DONE)
        assert roomed.say(b"bystander")[0] == (DONE if not wait else Reason.SLOW_MODE)
    roomed.wait(1)
    assert roomed.say(name)[0] == DONE


@pytest.mark.parametrize("setting, reason", [
    (("muted", {b"outside": (b"operator", b"", 0)}), Reason.MUTED), (("moderated", True), Reason.MODERATED)])
def test_in_the_lobby_operators_have_the_only_voice(roomed, setting, reason):
    assert roomed.say(b"outside", room=b"#lobby") == (DONE, None)
    setattr(roomed.rooms.lobby, *setting)
    assert roomed.say(b"outside", room=b"#lobby")[0] == reason
    assert roomed.say(b"operator", room=b"#lobby") == (DONE, None)
    roomed.rooms.lobby.muted[b"operator"] = b"operator", b"", 0
    assert roomed.say(b"operator", room=b"#lobby") == (DONE, None)


def test_the_lobby_may_be_slow(roomed):
    roomed.rooms.lobby.slow = 5
    assert [roomed.say(b"outside", room=b"#lobby")[0] for _ in range(2)] == [DONE, Reason.SLOW_MODE]
    assert [roomed.say(b"operator", room=b"#lobby")[0] for _ in range(2)] == [DONE, DONE]


# ---- names


@pytest.mark.parametrize("name", [
    b"#dev", b"#", b"&dev", b"&", b"#ann", b"&#", b"#lobby", *map(str.encode, (
        "\uff03dev", "\ufe5fdev", "\uff06dev", "\ufe60dev", "\uff03"))])
def test_new_names_do_not_begin_as_those_of_rooms(name):
    roomed = Roomed()
    assert roomed.come(name) == Reason.INVALID_NAME
    roomed.come(b"ann")
    assert roomed.rename(b"ann", name) == Reason.INVALID_NAME
    assert roomed._ask("open_account", roomed.people[b"ann"], name, (name,), None, False, "::1") == Reason.INVALID_NAME
    answers = []
    roomed.register.set_password(name, "secret", answers.append)
    assert "error" in answers[0]


@pytest.mark.parametrize("name", [b"a#b", b"a&", b"ann#", b"*dev", b"!dev", b"+dev"])
def test_elsewhere_in_a_name_these_are_characters_like_others(name):
    assert Roomed().come(name) is None


@pytest.mark.parametrize("name", [b"#old", b"&old", "\uff03old".encode()])
@pytest.mark.parametrize("secret", [None, "secret"])
def test_accounts_that_have_such_a_name_keep_it(name, secret):
    roomed = Roomed()
    roomed.account(name, secret)
    assert roomed.come(name) is None
    assert roomed.make(name).members == {roomed.holder(name): OWNER if secret else OP}
    roomed.go(name)
    roomed.come(b"ann")
    assert roomed.rename(b"ann", name) == (Reason.PASSWORD_REQUIRED if secret else None)


def test_who_is_banned_in_the_lobby_gets_no_name_but_operators_do():
    roomed = Roomed(operators=[b"boss"])
    roomed.owner(b"boss")
    roomed.account(b"bob")
    roomed.account(b"bot1", None)
    for ban in (b"bob", b"bo?*"):
        assert roomed.do(b"boss", "ban", ban, room=b"#lobby") == DONE
    roomed.go(b"boss")
    assert [roomed.come(name) for name in (b"bob", b"BOB", b"bot1", b"bot2", b"boss", b"rob")] == [
        Reason.BANNED, Reason.BANNED, Reason.BANNED, Reason.BANNED, None, None]
    assert roomed.rename(b"rob", b"b0b") == Reason.BANNED
    for ban in (b"bob", b"bo?*"):
        assert roomed.do(b"boss", "unban", ban, room=b"#lobby") == DONE
    assert roomed.rename(b"rob", b"bot2") is None


# ---- limits


def test_the_server_has_only_so_many_rooms_beside_the_lobby():
    roomed = Roomed(most=2)
    roomed.come(b"ann", host="")
    assert [roomed.enter(b"ann", b"#r%d" % number) for number in range(3)] == [None, None, Reason.TOO_MANY_ROOMS]
    assert roomed.enter(b"ann", b"#r0") == DONE
    roomed.exit(b"ann", b"#r0")
    assert roomed.enter(b"ann", b"#r2") is None


def test_one_address_leaves_as_many_rooms_to_others_as_it_has_made():
    roomed = Roomed(most=8)
    for name, host in ((b"ann", "192.0.2.1"), (b"bob", "192.0.2.1"), (b"cid", "192.0.2.2"), (b"dan", "2001:db8::1")):
        roomed.come(name, host=host)
    made = [roomed.enter(name, b"#%b%d" % (name, number)) for name in (b"ann", b"bob") for number in range(3)]
    assert made == [None] * 4 + [Reason.TOO_MANY_ROOMS] * 2
    assert [roomed.enter(b"cid", b"#c%d" % number) for number in range(3)] == [None, None, Reason.TOO_MANY_ROOMS]
    assert roomed.enter(b"dan", b"#dan0") is None
    roomed.exit(b"ann", b"#ann0")
    assert roomed.enter(b"bob", b"#bob3") == Reason.TOO_MANY_ROOMS
    roomed.exit(b"ann", b"#ann1")
    assert roomed.enter(b"bob", b"#bob3") is None


def test_one_address_leaves_as_much_memory_to_the_lists_of_others_as_those_of_its_rooms_take(monkeypatch):
    monkeypatch.setattr(gate.acts, "MOST_OF_LISTS", 8 * size_of(b"x0", b"ann", b"") + 100)
    roomed = Roomed()
    for name, host in ((b"ann", "192.0.2.1"), (b"bob", "192.0.2.1"), (b"cid", "2001:db8::1")):
        roomed.come(name, host=host)
        roomed.enter(name, b"#" + name)
    acts = [("ban", b"ann"), ("mute", b"bob"), ("except", b"ann"), ("invex", b"bob"), ("bar", b"ann")]
    put = [roomed.do(name, act, b"x%d" % number, room=b"#" + name) for number, (act, name) in enumerate(acts)]
    assert put == [DONE] * 4 + [Reason.LIST_FULL]
    assert [roomed.do(b"cid", "ban", b"x%d" % number, room=b"#cid") for number in range(3)] == [
        DONE, DONE, Reason.LIST_FULL]
    assert roomed.do(b"ann", "invite", b"cid", room=b"#ann") == Reason.LIST_FULL
    assert roomed.do(b"ann", "unban", b"x0", room=b"#ann") == DONE
    assert roomed.do(b"ann", "invite", b"cid", room=b"#ann") == DONE
    roomed.exit(b"bob", b"#bob")
    assert roomed.do(b"ann", "ban", b"x0", room=b"#ann") == DONE


def test_rooms_of_unknown_origin_are_not_taken_for_those_of_one_address_and_the_lobby_may_always_grow(monkeypatch):
    monkeypatch.setattr(gate.acts, "MOST_OF_LISTS", 3 * size_of(b"x0", b"ann", b"") + 100)
    roomed = Roomed(operators=[b"boss"])
    roomed.owner(b"boss")
    roomed.come(b"ann", host="")
    roomed.enter(b"ann", b"#ann")
    assert [roomed.do(b"ann", "ban", b"x%d" % number, room=b"#ann") for number in range(4)] == [
        DONE] * 3 + [Reason.LIST_FULL]
    assert [roomed.do(b"boss", "ban", b"x%d" % number, room=b"#lobby") for number in range(4)] == [DONE] * 4


def test_somebody_owns_only_so_many_rooms():
    roomed = Roomed(owned=2)
    for name in (b"ann", b"bob"):
        roomed.owner(name)
    roomed.come(b"guest")
    for number in range(2):
        assert roomed.enter(b"ann", b"#r%d" % number) is None
        roomed.exit(b"ann", b"#r%d" % number)
    assert roomed.enter(b"ann", b"#r2") == Reason.TOO_MANY_OWNED
    assert roomed.enter(b"bob", b"#r2") is None
    assert roomed.enter(b"ann", b"#r2") is None, "it need not own what it enters"
    assert [roomed.enter(b"guest", b"#g%d" % number) for number in range(3)] == [None] * 3
    roomed.enter(b"ann", b"#r0")
    assert roomed.do(b"ann", "drop", room=b"#r0") == DONE
    assert roomed.enter(b"ann", b"#r3") is None


def test_somebody_is_in_only_so_many_rooms():
    roomed = Roomed(joined=2)
    roomed.come(b"ann")
    roomed.come(b"bob")
    assert roomed.enter(b"bob", b"#r3") is None
    assert [roomed.enter(b"ann", b"#r%d" % number) for number in range(4)] == [
        None, None, Reason.TOO_MANY_JOINED, Reason.TOO_MANY_JOINED]
    assert roomed.enter(b"ann", b"#lobby") == DONE
    roomed.exit(b"ann", b"#r0")
    assert roomed.enter(b"ann", b"#r3") is None


def test_somebody_enters_only_so_many_rooms_a_second():
    roomed = Roomed()
    roomed.gate.limits = dict(LIMITS, joins_per_second=2, joined=0)
    roomed.come(b"ann")
    roomed.come(b"bob")
    answers = [roomed.enter(b"ann", b"#r%d" % number) for number in range(25)]
    assert answers == [None] * 20 + [Reason.JOINS_TOO_FAST] * 5
    assert roomed.enter(b"bob", b"#r1") is None
    assert roomed.enter(b"ann", b"#r1") == DONE, "in which it is already"
    roomed.wait(1)
    assert [roomed.enter(b"ann", b"#s%d" % number) for number in range(3)] == [None, None, Reason.JOINS_TOO_FAST]
    roomed.wait(10)
    assert [roomed.enter(b"ann", b"#t%d" % number) for number in range(21)] == [None] * 20 + [Reason.JOINS_TOO_FAST]


def test_a_clock_that_is_set_back_keeps_nobody_waiting():
    roomed = Roomed(operators=[b"boss"], joins_per_second=1)
    roomed.owner(b"boss")
    roomed.come(b"ann")
    roomed.come(b"bob", host="192.0.2.7")
    assert [roomed.enter(b"ann", b"#r%d" % number) for number in range(11)] == [None] * 10 + [Reason.JOINS_TOO_FAST]
    assert roomed.do(b"ann", "set", b"slow", b"5", room=b"#r0") == DONE
    roomed.enter(b"bob", b"#r0")
    assert roomed.say(b"bob", room=b"#r0")[0] == DONE
    roomed.come(b"cid", host="192.0.2.8")
    assert roomed.do(b"boss", "kick", b"cid", room=b"#lobby") == DONE
    roomed.wait(-3600)
    assert roomed.enter(b"ann", b"#s") is None
    assert roomed.say(b"bob", room=b"#r0")[0] == DONE
    assert roomed.say(b"bob", room=b"#r0")[0] == Reason.SLOW_MODE
    assert roomed.gate.why_kept_away(b"cid", "192.0.2.8") is None


def test_what_is_refused_is_not_counted_as_a_join():
    roomed = Roomed(joins_per_second=1)
    roomed.owner(b"owner")
    roomed.make(b"owner").invite = True
    roomed.come(b"ann")
    assert [roomed.enter(b"ann") for _ in range(100)] == [Reason.INVITE_ONLY] * 100
    assert roomed.enter(b"ann", b"#ops") is None


@pytest.mark.parametrize("limit", ["most", "owned", "joined", "bans"])
def test_no_limit_is_no_limit(limit):
    roomed = Roomed(**dict(dict.fromkeys(("most", "owned", "joined", "bans"), 0), **{limit: 0}))
    roomed.owner(b"ann")
    assert all(roomed.enter(b"ann", b"#r%d" % number) is None for number in range(60))
    assert all(roomed.do(b"ann", "ban", b"x%d" % number, room=b"#r0") == DONE for number in range(150))


def test_what_a_session_has_used_up_is_forgotten_with_it():
    roomed = Roomed()
    roomed.gate.limits = LIMITS
    for number in range(100):
        name = b"guest%d" % number
        roomed.make(name)
        if number % 2:
            roomed.go(name)
    roomed.register.lose(1)
    assert roomed.gate._paid_until == {}
    assert roomed.now == BEGIN


# ---- sealed rooms


ENVELOPE = b"parley:sealed:1:" + b"A" * 300


def seal(roomed, *names):
    """These have accounts with devices, and clients that seal, with which they are in the room or want to be."""
    for name in names:
        if name not in roomed.accounts.accounts:
            roomed.account(name)
        roomed.accounts.accounts[name].devices = b"a list"
        roomed.rooms.sealing.add(roomed.holder(name))


@pytest.fixture
def sealed():
    """A room with ann, its owner, and bob, who can seal, which takes nothing else; ida and others are outside."""
    roomed = Roomed(operators=[b"root"])
    for name in (b"ann", b"bob", b"ida"):
        roomed.owner(name)
    for name in (b"gus", b"lea"):
        roomed.come(name)
    roomed.owner(b"root", 2)
    roomed.make(b"ann", b"bob")
    seal(roomed, b"ann", b"bob")
    assert roomed.do(b"ann", "set", b"sealed", b"on") == DONE
    roomed.drain()
    return roomed


def test_a_sealed_room_takes_sealed_messages_only_from_whomever(sealed):
    for name in (b"ann", b"bob"):
        assert sealed.say(name, ENVELOPE)[0] == DONE
        for text in (b"hi", b"", b"[file] plan.pdf, 1.2 MB: https://host/files/x", ENVELOPE + b" hi", ENVELOPE[:99],
                     ENVELOPE + b"\0+react=x", b"\0" + ENVELOPE):
            assert sealed.say(name, text) == (Reason.NOT_SEALED, [])
    assert sealed.do(b"ann", "mute", b"bob") == DONE
    assert sealed.say(b"bob", ENVELOPE) == (Reason.MUTED, [])
    assert sealed.do(b"ann", "set", b"open_talk", b"on") == DONE
    sealed.register.say_outside(*sealed.people[b"ida"], b"#dev", ENVELOPE)
    assert sealed._answer(*sealed.people[b"ida"]) == Reason.NOT_INSIDE
    assert sealed.do(b"ann", "unmute", b"bob") == DONE
    assert sealed.do(b"ann", "set", b"sealed", b"off") == DONE
    assert sealed.say(b"bob", b"hi")[0] == DONE


def test_of_what_is_said_together_the_open_messages_are_refused(sealed):
    worker, session = sealed.people[b"ann"]
    room = sealed.rooms.by_name[b"#dev"]
    records = [record(session, b"ann", text, 7, serial) for serial, text in enumerate((ENVELOPE, b"hi", ENVELOPE), 1)]
    frame, workers = sealed.moderation.heard(worker, room.number, talk(room.number, worker, records))
    assert [text for _, _, text, _ in said(frame)] == [ENVELOPE, ENVELOPE] and sorted(workers) == [worker]
    assert sealed.drain() == [([worker], "unsaid", [(session, 2)], Reason.NOT_SEALED)]


def test_only_who_can_seal_enters_a_sealed_room(sealed):
    def enter(name, seals):
        return sealed._ask("enter", sealed.people[name], b"#dev", (b"#dev",), None, False, seals)

    assert enter(b"ida", True) == Reason.SEALED_ROOM  # no device
    sealed.accounts.accounts[b"ida"].devices = b"a list"
    sealed.rooms.sealing.clear()
    assert enter(b"ida", False) == Reason.SEALED_ROOM  # a client of another protocol
    assert enter(b"gus", True) == Reason.SEALED_ROOM  # no account
    assert enter(b"root", True) == Reason.SEALED_ROOM  # an operator cannot either
    assert sealed.do(b"ann", "invite", b"gus") == DONE
    assert enter(b"gus", True) == Reason.SEALED_ROOM
    for switch in (b"invite", b"private"):
        assert sealed.do(b"ann", "set", switch, b"on") == DONE
        assert enter(b"lea", True) == Reason.INVITE_ONLY
        assert enter(b"gus", True) == Reason.SEALED_ROOM  # who is invited knows of it, and is told what it takes
        assert sealed.do(b"ann", "set", switch, b"off") == DONE
    sealed.drain()
    assert enter(b"ida", True) is None
    ((_, *told),) = sealed.drain()
    assert told[0] == "entered" and told[-1] is True


def test_a_sealed_room_has_at_most_as_many_members_as_clients_seal_for(sealed, monkeypatch):
    for part in (gate.acts, gate.entry):
        monkeypatch.setattr(part, "MOST_MEMBERS", 2)
    seal(sealed, b"ida")
    assert sealed.enter(b"ida") == Reason.ROOM_FULL
    assert sealed.do(b"ann", "set", b"sealed", b"off") == DONE
    assert sealed.enter(b"ida") is None
    assert sealed.do(b"ann", "set", b"sealed", b"on") == Reason.ROOM_FULL


def test_a_room_is_sealed_only_if_everybody_there_can_seal(sealed):
    assert sealed.do(b"ann", "set", b"sealed", b"off") == DONE
    assert sealed.enter(b"gus") is None
    assert sealed.do(b"ann", "set", b"sealed", b"on") == Reason.CANNOT_SEAL
    assert sealed.do(b"ann", "set", b"private,sealed", b"on,on") == Reason.CANNOT_SEAL
    assert sealed.do(b"bob", "set", b"sealed", b"on") == Reason.NOT_ALLOWED
    assert sealed.do(b"root", "set", b"sealed", b"on", room=b"#lobby") == Reason.INVALID_SETTING
    assert sealed.do(b"ann", "kick", b"gus") == DONE
    assert sealed.do(b"ann", "set", b"sealed", b"on") == DONE


def test_nobody_takes_a_name_in_a_sealed_room_that_has_no_device(sealed):
    assert sealed.rename(b"bob", b"rob") == Reason.SEALED_ROOM
    assert sealed.exit(b"bob") == DONE
    assert sealed.rename(b"bob", b"rob") is None


def test_a_room_with_a_port_is_not_sealed_and_a_sealed_one_is_not_entered_by_a_port(sealed):
    room = sealed.rooms.by_name[b"#dev"]
    sealed.entering.found([b"#dev"])
    assert not sealed.gate.may_listen(room, "192.0.2.9")
    sealed.register.came_by(1, 77, b"#dev", None)
    assert sealed.gate.why_not_come(holder_of(1, 77), b"new") == Reason.SEALED_ROOM
    assert sealed.do(b"ann", "set", b"sealed", b"off") == DONE
    assert sealed.do(b"ann", "set", b"sealed", b"on") == Reason.IS_LOBBY


def test_a_room_stays_sealed_where_it_is_stored(sealed):
    _, state = sealed.store.rooms[sealed.rooms.by_name[b"#dev"].number]
    later = Roomed()
    later.entering.restore([(5, b"#dev", state)], 5)
    assert later.rooms.by_name[b"#dev"].sealed
    later.come(b"bob")
    assert later.enter(b"bob") == Reason.SEALED_ROOM


def test_who_is_gone_is_forgotten_and_a_session_that_goes_on_seals(sealed):
    holder = sealed.holder(b"bob")
    sealed.go(b"bob")
    assert holder not in sealed.rooms.sealing
    assert {name for name, protocol in PROTOCOLS.items() if protocol.TRAITS.resumes} == {
        name for name, protocol in PROTOCOLS.items() if protocol.TRAITS.sealed}
