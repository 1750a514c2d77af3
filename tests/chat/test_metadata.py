"""Metadata: what people tell of themselves and of their rooms, who may, and who is told."""
import pytest
from roomed import DONE, Roomed

from parley.server.chat.metadata import MOST_OF_GUESTS, MOST_TOLD
from parley.server.chat.room import LOBBY_NAME
from parley.server.protocols.events import MOST_KEYS, Reason


@pytest.fixture
def chat():
    """ann, with an account, bob and cid, of whom ann and bob are in #dev; op has an operator's account."""
    chat = Roomed(operators=[b"op"])
    chat.is_watched = False
    chat.account(b"op")
    chat.owner(b"ann")
    chat.make(b"ann", b"bob")
    for name in (b"cid", b"op"):
        chat.come(name, 2)
    chat.drain()
    return chat


def put(chat, name, key, value, whom=None, room=b""):
    """What somebody is told who sets a key of itself, or of a room; and who is told of it."""
    answer = chat._ask("set_metadata", chat.people[name], room, b"" if room else whom or name, key, value)
    told = chat.drain()
    if answer is None:
        (answer,) = [one[3:] for one in told if one[1] == "MetadataTold"]
    return answer, [(one[0][0], one[2], *one[3:]) for one in told if one[1] == "MetadataChanged"]


def read(chat, name, whom=b"", room=b"", keys=None, everybody=False):
    answer = chat._ask("read_metadata", chat.people[name], room, whom, keys, everybody)
    return answer or chat.drain()[0][3:]


def follow(chat, name, *keys):
    chat.register.follow(*chat.people[name], keys)


def test_what_one_tells_can_be_read_by_all_and_is_told_to_those_who_follow_and_are_near(chat):
    for name, keys in ((b"ann", [b"url"]), (b"bob", [b"url", b"bot"]), (b"cid", [b"bot"])):
        follow(chat, name, *keys)
    to_bob = chat.people[b"bob"]
    assert put(chat, b"ann", b"url", b"x") == ((b"ann", [(b"ann", b"url", b"x")]), [(*to_bob, b"ann", b"url", b"x")])
    assert put(chat, b"ann", b"avatar", b"y")[1] == []
    assert read(chat, b"cid", b"ann") == (b"ann", [(b"ann", b"avatar", b"y"), (b"ann", b"url", b"x")])
    assert read(chat, b"cid", b"ann", keys=[b"url", b"bot"]) == (b"ann", [(b"ann", b"url", b"x")])
    assert put(chat, b"ann", b"url", None) == (
        (b"ann", [(b"ann", b"url", None)]), [(*to_bob, b"ann", b"url", None)])
    assert put(chat, b"ann", b"url", None) == ((b"ann", []), [])  # there was none
    follow(chat, b"bob")
    assert put(chat, b"ann", b"url", b"z")[1] == []
    assert put(chat, b"ann", b"", None)[0] == (b"ann", [(b"ann", b"avatar", None), (b"ann", b"url", None)])
    assert read(chat, b"cid", b"ann") == (b"ann", [])


def test_who_follows_is_told_in_the_lobby_too_and_of_whom_it_watches(chat):
    follow(chat, b"cid", b"url")
    chat.rooms.homes.update({chat.holder(name): b"" for name in (b"ann", b"bob", b"cid")})  # they came by IRC
    assert put(chat, b"ann", b"url", b"x")[1] == []
    chat.register.watch(*chat.people[b"cid"], [b"ann"])
    chat.drain()
    assert len(put(chat, b"ann", b"url", b"x")[1]) == 1
    chat.register.watch(*chat.people[b"cid"], [])
    for name in (b"cid", b"ann"):
        assert chat.enter(name, LOBBY_NAME) is None
    told = [one for one in chat.drain() if one[1] == "MetadataChanged"]
    assert told == [([2], "MetadataChanged", chat.people[b"cid"][1], b"ann", b"url", b"x")]
    assert len(put(chat, b"ann", b"url", b"x")[1]) == 1
    assert read(chat, b"cid", room=LOBBY_NAME, keys=[b"url"], everybody=True) == (
        LOBBY_NAME, [(b"ann", b"url", b"x")])


def test_those_who_follow_hear_what_a_newcomer_tells(chat):
    follow(chat, b"bob", b"url", b"bot")
    put(chat, b"cid", b"bot", b"x")
    put(chat, b"cid", b"avatar", b"y")
    chat.enter(b"cid")
    worker, session = chat.people[b"bob"]
    assert [one for one in chat.drain() if one[1] == "MetadataChanged"] == [
        ([worker], "MetadataChanged", session, b"cid", b"bot", b"x")]


def test_nobody_tells_anything_of_others_and_only_ops_of_rooms(chat):
    for name, whom, room, reason in (
            (b"bob", b"ann", b"", Reason.NOT_ALLOWED), (b"bob", b"eve", b"", Reason.NOBODY),
            (b"bob", b"", b"#dev", Reason.NOT_ALLOWED), (b"cid", b"", b"#dev", Reason.NOT_ALLOWED),
            (b"bob", b"", b"#no", Reason.NO_ROOM), (b"ann", b"", LOBBY_NAME, Reason.NOT_ALLOWED)):
        assert put(chat, name, b"url", b"x", whom, room) == (reason, [])
    follow(chat, b"bob", b"url")
    for name, room in ((b"ann", b"#dev"), (b"op", b"#dev"), (b"op", LOBBY_NAME)):
        answer, told = put(chat, name, b"url", name, room=room)
        assert answer == (room, [(room, b"url", name)])
        assert told == [(*chat.people[b"bob"], room, b"url", name)]
    assert read(chat, b"cid", room=b"#dev") == (b"#dev", [(b"#dev", b"url", b"op")])


def test_of_a_room_that_is_not_open_only_its_members_are_told(chat):
    put(chat, b"ann", b"url", b"x", room=b"#dev")
    put(chat, b"bob", b"url", b"y")
    assert read(chat, b"cid", room=b"#dev", everybody=True) == Reason.NOT_INSIDE
    assert chat.do(b"ann", "set", b"invite", b"on") == DONE
    chat.drain()
    assert read(chat, b"cid", room=b"#dev") == Reason.NOT_INSIDE
    assert read(chat, b"bob", room=b"#dev", everybody=True) == (
        b"#dev", [(b"#dev", b"url", b"x"), (b"bob", b"url", b"y")])
    chat.do(b"ann", "set", b"private", b"on")
    chat.drain()
    assert read(chat, b"cid", room=b"#dev") == Reason.NO_ROOM == put(chat, b"cid", b"url", b"x", room=b"#dev")[0]


def test_there_are_bounds(chat):
    for number in range(MOST_KEYS):
        put(chat, b"bob", b"%d" % number, b"x")
    assert put(chat, b"bob", b"more", b"x") == (Reason.LIST_FULL, [])
    assert put(chat, b"bob", b"1", b"y")[0] == (b"bob", [(b"bob", b"1", b"y")])
    chat.register.whole.metadata._values[chat.holder(b"bob")] = {b"%d" % number: b"x" for number in range(MOST_TOLD)}
    put(chat, b"ann", b"url", b"x")
    told = read(chat, b"bob", room=b"#dev", everybody=True)
    assert len(told[1]) == MOST_TOLD and told[2]
    del chat.register.whole.metadata._values[chat.holder(b"bob")]
    assert len(read(chat, b"bob", room=b"#dev", everybody=True)) == 2, "and no more"


def test_what_an_account_tells_is_stored_and_stays_until_that_is_deleted(chat):
    asked, keep = [], chat.store._keep
    chat.store._keep = lambda request: asked.append(tuple(request)) or keep(request)
    put(chat, b"bob", b"url", b"guest")
    put(chat, b"ann", b"url", "\u00e4".encode())
    assert asked == [(b"ann", '{"url": "\\u00e4"}')]
    for name in (b"ann", b"bob"):
        chat.go(name)
        chat.come(name)
    chat.drain()
    assert read(chat, b"cid", b"ann")[1] == [(b"ann", b"url", "\u00e4".encode())]
    assert read(chat, b"cid", b"bob")[1] == []
    metadata = chat.register.whole.metadata
    metadata._values.clear()
    metadata.restore([(b"ann", '{"url": "x"}'), (b"gone", '{"url": "x"}'), (b"op", "{}")])
    assert metadata._values == {b"ann": {b"url": b"x"}}
    metadata.account_closed(b"ann")
    assert metadata._values == {}


def test_what_somebody_tells_becomes_the_new_accounts(chat):
    put(chat, b"bob", b"url", b"x")
    chat.account(b"bob")
    chat.register.whole.metadata.account_opened(b"bob")
    assert chat.register.whole.metadata._values == {b"bob": {b"url": b"x"}}
    chat.go(b"bob")
    chat.come(b"bob")
    chat.drain()
    assert read(chat, b"cid", b"bob")[1] == [(b"bob", b"url", b"x")]


def test_what_is_told_of_a_room_is_stored_with_it(chat):
    put(chat, b"ann", b"url", b"x", room=b"#dev")
    room = chat.rooms.by_name[b"#dev"]
    state = chat.store.rooms[room.number][1]
    room.metadata = {}
    room.restore(state)
    assert room.metadata == {b"url": b"x"}


def test_what_cannot_be_stored_is_refused(chat):
    chat.store.broken = True
    assert put(chat, b"ann", b"url", b"x") == (Reason.NOT_STORED, [])
    assert put(chat, b"ann", b"url", b"x", room=b"#dev") == (Reason.NOT_STORED, [])


def test_who_has_left_follows_nothing_and_asks_nothing(chat):
    follow(chat, b"bob", b"url")
    left = chat.people[b"bob"]
    chat.go(b"bob")
    assert chat.register.whole.metadata._followed == {}
    for question in (("set_metadata", b"", b"bob", b"url", b"x"), ("follow", [b"url"])):
        getattr(chat.register, question[0])(*left, *question[1:])
    assert chat.register.whole.metadata._followed == chat.register.whole.metadata._values == {}


def test_what_many_without_an_account_at_one_address_tell_is_bounded(chat):
    told = 0
    for number in range(40):
        name = b"guest%d" % number
        chat.come(name, host="203.0.113.%d" % 9)
        for key in range(MOST_KEYS):
            answer, _ = put(chat, name, b"k%d" % key, b"x" * 300)
            if answer == Reason.LIST_FULL:
                break
            told += 300
    assert answer == Reason.LIST_FULL
    assert MOST_OF_GUESTS / 2 < told < MOST_OF_GUESTS
    for name in (b"bob", b"ann"):  # who comes from elsewhere, or has an account
        assert put(chat, name, b"mood", b"good")[0] != Reason.LIST_FULL
    assert put(chat, b"guest0", b"k0", None)[0] != Reason.LIST_FULL
    chat.come(b"late", host="203.0.113.9")
    assert put(chat, b"late", b"mood", b"good")[0] != Reason.LIST_FULL


def test_what_one_tells_is_not_reckoned_anew_with_what_all_others_tell(chat, monkeypatch):
    asked, metadata, origin_of = [], chat.register.whole.metadata, chat.gate.origin_of
    monkeypatch.setattr(chat.gate, "origin_of", lambda holder: asked.append(holder) or origin_of(holder))
    for number in range(40):
        chat.come(b"guest%d" % number, host="203.0.113.%d" % (number % 2))
        put(chat, b"guest%d" % number, b"mood", b"x" * number)
    del asked[:]
    put(chat, b"guest0", b"mood", b"good")
    assert asked in ([], [chat.holder(b"guest0")])
    assert sum(metadata._told_from.values()) == sum(size for _, size in metadata._shares.values())
    assert [sum(size for source, size in metadata._shares.values() if source == one)
            for one in ("203.0.113.0", "203.0.113.1")] == [*metadata._told_from.values()]
    put(chat, b"guest1", b"mood", None)
    for number in range(40):
        chat.go(b"guest%d" % number)
    assert metadata._values == metadata._shares == metadata._told_from == {}


def test_what_a_guest_tells_counts_no_more_for_its_address_once_the_name_is_an_account(chat):
    metadata = chat.register.whole.metadata
    put(chat, b"bob", b"url", b"x")
    assert len(metadata._shares) == len(metadata._told_from) == 1
    chat.account(b"bob")
    metadata.account_opened(b"bob")
    assert b"bob" in metadata._values and metadata._shares == metadata._told_from == {}
