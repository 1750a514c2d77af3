"""The state of rooms: what is stored of them, who is banned, and who is where."""
import json

import pytest

from parley.server.chat.names import claims
from parley.server.chat.room import LOBBY
from parley.server.chat.rooms import LOBBY_NAME, MEMBER, OP, OWNER, SETTINGS, VOICE, Room, Rooms

DEV, OPS = b"#dev", b"#ops"
ANN, BOB, CID = 1 << 32 | 5, 1 << 32 | 6, 2 << 32 | 5
OF_MEMBERS = ("members", "voiced", "listeners", "interest", "invited", "barred", "spoke")  # what ends with them


@pytest.fixture
def rooms():
    return Rooms()


@pytest.fixture
def dev(rooms):
    return rooms.open(DEV)


def set_all(room):
    """Let everything differ from what it is in a new room."""
    room.lasts = True
    room.private = room.invite = room.moderated = room.open_topic = room.noctcp = True
    room.key, room.limit, room.slow = "sch\u00fc".encode(), 20, 5
    room.topic = "gr\u00fcn\u2424".encode(), b"ann", 1600000000
    room.roles = {b"ann": OWNER, "b\u00f6b".encode(): OP, b"cid": VOICE}
    for entries, *entry in ((room.banned, b"eve", b"ann", b"why", 7), (room.banned, b"bot*", b"ann", b"", 8),
                            (room.muted, b"mel", b"ann", b"loud", 9), (room.muted, b"ned", b"bob", b"", 0),
                            (room.excepted, b"$a:eva", b"ann", b"", 9), (room.invex, b"bob!*@*", b"ann", b"", 10)):
        room.put(entries, *entry)
    room.since = {b"cid": 17}
    room.made_at, room.left_at = 1600000000, 1600000001


def everything(room):
    left_out = "number", "name", "occupied", "_bans", "_space"
    return {slot: getattr(room, slot) for slot in Room.__slots__ if slot not in left_out}


# ---- what is stored


def test_all_that_outlives_the_members_comes_back_from_its_state(dev):
    set_all(dev)
    other = Room(7, DEV)
    other.restore(dev.state())
    assert everything(other) == everything(dev)
    assert other.state() == dev.state()


def test_a_new_room_comes_back_from_its_state_as_one_that_lasts(dev):
    other = Room(7, DEV)
    other.restore(dev.state())
    assert everything(other) == dict(everything(dev), lasts=True)


def test_the_state_is_json_and_the_same_for_equal_rooms(dev):
    set_all(dev)
    assert type(json.loads(dev.state())) is dict
    other = Room(7, OPS)
    other.roles = dict(reversed(list(dev.roles.items())))
    set_all(other)
    assert dev.state() == other.state()


def test_what_ends_with_the_members_is_not_stored(rooms, dev):
    before = dev.state()
    rooms.enter(dev, ANN, 1, OP)
    dev.invited[b"bob"] = 1600000000000
    dev.spoke[ANN] = 1600000000000
    assert dev.state() == before
    other = Room(7, DEV)
    other.restore(dev.state())
    assert not any(getattr(other, slot) for slot in OF_MEMBERS)


def test_nothing_of_a_room_is_forgotten_to_be_stored(dev):
    """Whatever a room has is either in its state or ends with its members."""
    kept = set(json.loads(dev.state()))
    assert kept | {"number", "name", "occupied", "lasts", "listed", "_bans", "_space", *OF_MEMBERS} == {*Room.__slots__}
    assert set(SETTINGS) <= kept


def test_a_room_comes_back_from_what_an_earlier_version_has_stored_of_it(dev):
    set_all(dev)
    state = json.loads(dev.state())
    for entries in ("banned", "muted"):
        state[entries] = {name: entry[:2] for name, entry in state[entries].items()}
    for later in ("excepted", "invex", "open_topic", "noctcp", "made_at"):
        del state[later]
    other = Room(7, DEV)
    other.restore(json.dumps(state))
    assert other.banned == {b"eve": (b"ann", b"why", 0), b"bot*": (b"ann", b"", 0)}
    assert (other.excepted, other.invex, other.open_topic, other.made_at) == ({}, {}, False, 0)
    assert (other.key, other.left_at) == (dev.key, dev.left_at)


def test_a_room_that_was_restored_bans_whom_it_banned(dev):
    dev.banned = {b"bob": (b"ann", b"", 0), b"bot*": (b"ann", b"", 0)}
    other = Room(7, DEV)
    other.restore(dev.state())
    assert [other.bans(name) for name in (b"b0b", b"bot7", b"ann")] == [True, True, False]


def test_restored_rooms_have_their_numbers_and_new_ones_get_others(rooms, dev):
    set_all(dev)
    rooms.lobby.slow = 3
    other = Rooms()
    other.restore([(LOBBY, LOBBY_NAME, rooms.lobby.state()), (4, DEV, dev.state()), (2, OPS, dev.state())], 9)
    assert {name: room.number for name, room in other.by_name.items()} == {LOBBY_NAME: LOBBY, DEV: 4, OPS: 2}
    assert other.lobby is other.by_number[LOBBY] and other.lobby.slow == 3
    assert other.open(b"#new").number == 10
    assert other.is_alike(claims(b"#DEV"))


def test_a_number_is_given_once_even_if_the_last_room_is_restored_without_it(rooms, dev):
    other = Rooms()
    other.restore([(12, DEV, dev.state())], 0)
    other.close(other.by_name[DEV])
    assert other.open(DEV).number == 13


# ---- bans


@pytest.mark.parametrize("ban, banned, free", [
    (b"bob", [b"bob", b"BOB", b"b0b", "b\u043eb".encode()], [b"bobby", b"bo", b"rob"]),
    (b"BiII", [b"BiII", b"Bill", b"Bi11"], [b"Bil"]),
    (b"torn", [b"tom", b"torn"], [b"to"]),
    (b"bot*", [b"bot", b"bot7", b"BOT-7", b"Bottom"], [b"robot", b"bo", b"b0t"]),
    (b"BOT*", [b"bot7"], [b"robot"]),
    (b"?ob", [b"bob", b"Rob"], [b"ob", b"boob"]),
    (b"[br]ob", [b"bob", b"ROB"], [b"cob"]),
    (b"*", [b"ann", "\u65e5\u672c".encode()], []),
    ("gr\u00fc*".encode(), ["gr\u00fcn".encode(), "GR\u00dcN".encode()], [b"gru"]),
])
def test_a_ban_is_a_name_with_its_look_alikes_or_a_pattern(dev, ban, banned, free):
    dev.put(dev.banned, ban, b"ann", b"", 0)
    assert [name for name in banned + free if dev.bans(name)] == banned
    dev.strike(dev.banned, ban)
    assert not any(map(dev.bans, banned))


def test_of_several_bans_each_counts_and_ends_by_itself(dev):
    for ban in (b"bob", b"b*", b"eve"):
        dev.put(dev.banned, ban, b"ann", b"", 0)
    assert dev.bans(b"bob") and dev.bans(b"EVE") and not dev.bans(b"ann")
    dev.strike(dev.banned, b"b*")
    assert dev.bans(b"bob") and not dev.bans(b"bea")
    dev.strike(dev.banned, b"bob")
    assert not dev.bans(b"bob") and dev.bans(b"eve")


def test_a_ban_that_is_set_again_counts_again(dev):
    for _ in range(3):
        dev.put(dev.banned, b"bob", b"ann", b"", 0)
        assert dev.bans(b"bob")
        dev.strike(dev.banned, b"bob")
        assert not dev.bans(b"bob")


def test_a_room_knows_what_its_lists_take_and_where_it_was_made(dev):
    dev.source = "192.0.2.1"
    for entries in (dev.banned, dev.muted, dev.excepted, dev.invex):
        dev.put(entries, b"b*!*@*", b"ann", b"", 0)
        dev.put(entries, b"b*!*@*", b"ann", b"why", 0)
    size = dev.listed
    assert size > 4 * 1600, "about as much was measured"
    again = Room(7, b"#dev")
    again.restore(dev.state())
    assert (again.listed, again.source) == (size, "192.0.2.1")
    for entries in (dev.banned, dev.muted, dev.excepted, dev.invex):
        dev.strike(entries, b"b*!*@*")
    assert dev.listed == 0


def test_what_the_lists_of_all_rooms_take_is_counted_as_it_changes():
    rooms = Rooms()
    dev, ops = rooms.open(DEV), rooms.open(OPS)
    for room in (dev, ops):
        room.count_in(rooms.space, "192.0.2.1")
    rooms.lobby.put(rooms.lobby.banned, b"eve", b"ann", b"", 0)
    dev.put(dev.banned, b"bob", b"ann", b"", 0)
    dev.put(dev.banned, b"bob", b"ann", b"why", 0)
    for until in (1, 2):
        ops.invite_until(b"cid", until)
    assert ops.size and rooms.space.of_sources == {"192.0.2.1": dev.size + ops.size}
    assert rooms.space.total == rooms.lobby.size + dev.size + ops.size
    rooms.close(dev)
    dev.strike(dev.banned, b"bob")
    assert rooms.space.of_sources == {"192.0.2.1": ops.size}
    ops.uninvite(b"cid")
    ops.uninvite(b"cid")
    assert (rooms.space.total, rooms.space.of_sources) == (rooms.lobby.size, {})


def test_no_pattern_takes_long_to_try(dev):
    dev.banned[b"*a" * 200 + b"b"] = b"ann", b"", 0
    dev.banned[b"[a-" * 100] = b"ann", b"", 0
    assert not dev.bans(b"a" * 32)


# ---- who is where


def test_members_are_in_the_order_of_their_coming_and_workers_counted(rooms, dev):
    for holder, worker, role in ((CID, 2, MEMBER), (ANN, 1, OP), (BOB, 1, MEMBER)):
        rooms.enter(dev, holder, worker, role)
    assert list(dev.members.items()) == [(CID, MEMBER), (ANN, OP), (BOB, MEMBER)]
    assert dev.interest == {2: 1, 1: 2}
    rooms.leave(dev, ANN, 1)
    assert (list(dev.members), dev.interest) == ([CID, BOB], {2: 1, 1: 1})
    rooms.leave(dev, BOB, 1)
    assert dev.interest == {2: 1}


def test_somebodys_rooms_are_in_the_order_of_its_coming(rooms, dev):
    ops = rooms.open(OPS)
    assert rooms.joined(ANN) == []
    rooms.enter(ops, ANN, 1, MEMBER)
    rooms.enter(dev, ANN, 1, MEMBER)
    assert rooms.joined(ANN) == [ops, dev]
    rooms.leave(ops, ANN, 1)
    assert rooms.joined(ANN) == [dev]
    rooms.leave(dev, ANN, 1)
    assert rooms.joined(ANN) == []


def test_of_a_thousand_who_came_and_went_nothing_is_left(rooms, dev):
    for number in range(1000):
        room = rooms.open(b"#r%d" % number)
        rooms.enter(room, ANN + number, 1, OP)
        rooms.enter(dev, ANN + number, 1, MEMBER)
        rooms.leave(dev, ANN + number, 1)
        rooms.leave(room, ANN + number, 1)
        rooms.close(room)
    assert (dev.members, dev.interest, rooms._joined) == ({}, {}, {})
    assert list(rooms.by_name) == [LOBBY_NAME, DEV] and len(rooms.by_number) == 2
    assert len(rooms._occupied._first) == len(rooms.lobby.occupied) + len(dev.occupied)


def test_a_name_that_looks_like_that_of_a_room_is_known_until_the_room_is_closed(rooms, dev):
    assert all(rooms.is_alike(claims(name)) for name in (DEV, b"#DEV", "#d\u0435v".encode(), LOBBY_NAME, b"#l0bby"))
    assert not rooms.is_alike(claims(OPS)) and not rooms.is_alike(claims(b"#devs"))
    rooms.close(dev)
    assert not rooms.is_alike(claims(b"#DEV"))
    assert rooms.open(b"#DEV").number == dev.number + 1


def test_the_lobby_is_there_from_the_beginning_and_has_no_members(rooms):
    assert rooms.by_name == {LOBBY_NAME: rooms.lobby} and rooms.by_number == {LOBBY: rooms.lobby}
    assert rooms.lobby.members == {} and rooms.joined(ANN) == []


def test_how_many_rooms_somebody_owns_is_counted_by_its_name(rooms, dev):
    ops = rooms.open(OPS)
    dev.roles = {b"ann": OWNER, b"bob": OP}
    ops.roles = {b"ann": OWNER}
    assert [rooms.owned(name) for name in (b"ann", b"bob", b"cid")] == [2, 0, 0]
