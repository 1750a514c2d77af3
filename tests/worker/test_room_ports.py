"""Clients of all five protocols that come by a room's own port: what they hear, and how they are kept out."""
import socket

import pytest
from test_five_protocols import binary, delimited, dollar, padded, sign_in

from parley.server.chat.accounts import Accounts
from parley.server.chat.names import claims

DEV = b"#dev"
PROTOCOLS = ("line", "binary", "padded", "delimited", "dollar")
LOGINS = {
    "line": lambda name: b"LOGIN %b\n" % name, "binary": lambda name: binary(200, name),
    "padded": lambda name: padded(b"[05:55 AM] %b: here" % name), "delimited": lambda name: delimited(0, name),
    "dollar": sign_in}
IN_DOLLAR = {b"pat": b"pat-8080", b"eve": b"eve-8080"}  # where only accounts get in


@pytest.fixture
def house(open_house, store):
    """Two workers, with a port for #dev in each protocol; and boss, an operator, on the second."""
    memory = Accounts(store)
    memory.begin_with(b"boss", tuple(claims(b"boss")), "secret")
    for name in IN_DOLLAR.values():
        memory.begin_with(name, tuple(claims(name)), "secret")
    house = open_house(workers=2, memory=memory, ports=[(protocol, DEV) for protocol in PROTOCOLS])
    house.hub.verifier.verify = lambda password, secret, then: then(None, None)
    house.hub.register.gate.operators = frozenset([b"boss"])
    house.boss = house.connect(2)
    tell(house, house.boss, b"LOGIN boss secret\n")
    return house


def tell(house, peer, data):
    """What a client hears after it has sent something."""
    peer.heard()
    peer.send(data)
    house.settle()
    return peer.heard()


def manage(house, act, room=DEV):
    """Boss does something to a room."""
    assert tell(house, house.boss, b"%b %b\n" % (room, act)).endswith(b"OK\n"), act


def come(house, protocol, name=b"pat", worker=1):
    """A client that has come by the room's port, with what it heard to its login."""
    peer = house.connect(worker, protocol=protocol, home=DEV)
    house.settle()
    return peer, tell(house, peer, LOGINS[protocol](name))


def named(protocol, name):
    """The name of somebody who may come in the protocol."""
    return IN_DOLLAR[name] if protocol == "dollar" else name


def come_from(house, host):
    """Let all who are here have come from this address."""
    held = house.hub.register.members._held
    for name, (holder, _, *others) in [*held.items()]:
        held[name] = (holder, host, *others)


def members(house):
    """The names of those in #dev."""
    register = house.hub.register
    return [register.members.names[holder] for holder in register.rooms.by_name[DEV].members]


@pytest.fixture
def talk(house):
    """talk(text): somebody says it in #dev, from the other worker."""
    speaker, _ = come(house, "line", b"ann", 2)

    def say(text):
        assert tell(house, speaker, b"MSG %b\n" % text) == b""

    return say


def test_a_client_of_padded_hears_the_room_from_its_connection_on(house, talk):
    stranger, lobby = house.connect(protocol="padded", home=DEV), house.connect(protocol="padded")
    house.settle()
    talk(b"news")
    assert stranger.heard().endswith(b"M] ann: news")
    assert tell(house, house.boss, b"MSG all\n") == b""
    assert (stranger.heard(), lobby.heard()[-12:]) == (b"", b"M] boss: all")
    assert members(house) == [b"ann"]
    assert tell(house, stranger, padded(b"[05:55 AM] pat: hi")).endswith(b"Msg received")
    assert members(house) == [b"ann", b"pat"]
    talk(b"more")
    assert stranger.heard().endswith(b"M] ann: more")


@pytest.mark.parametrize("protocol", [protocol for protocol in PROTOCOLS if protocol != "padded"])
def test_in_the_other_protocols_nothing_is_heard_before_a_login(house, talk, protocol):
    stranger = house.connect(protocol=protocol, home=DEV)
    house.settle()
    talk(b"news")
    assert stranger.heard() == b""


@pytest.mark.parametrize("setting", [b"private on", b"invite on", b"key word"])
def test_nothing_is_heard_before_a_login_where_not_everybody_may_enter(house, talk, setting):
    early = house.connect(protocol="padded", home=DEV)
    house.settle()
    manage(house, b"SET " + setting)
    late = house.connect(protocol="padded", home=DEV)
    house.settle()
    talk(b"secret")
    assert (early.heard(), late.heard()) == (b"", b"")
    assert house.driven[0].worker.rooms.by_name == {}
    assert members(house) == [b"ann"]


def test_nothing_is_heard_before_a_login_from_an_address_that_is_banned(house, talk):
    early = house.connect(protocol="padded", home=DEV)
    house.settle()
    speaker = members(house)
    come_from(house, "")  # all come from the same
    manage(house, b"BAN 192.0.2.0/24", b"#lobby")
    late = house.connect(protocol="padded", home=DEV)
    house.settle()
    talk(b"secret")
    assert (early.heard(), late.heard(), members(house)) == (b"", b"", speaker)


def test_in_the_lobby_nothing_is_heard_without_a_name_from_an_address_that_is_banned(house):
    early = house.connect(protocol="padded")
    house.settle()
    come_from(house, "198.51.100.7")  # boss, who may say something yet
    manage(house, b"BAN 192.0.2.0/24", b"#lobby")
    late = house.connect(protocol="padded")
    tell(house, house.boss, b"MSG secret\n")
    assert (early.heard(), late.heard()) == (b"", b"")
    assert b"banned" in tell(house, late, LOGINS["padded"](b"pat"))
    assert tell(house, late, LOGINS["padded"](b"boss secret")).endswith(b"Msg received")  # whom no ban keeps out
    house.boss = house.connect(2)
    tell(house, house.boss, b"LOGIN boss secret\n")
    manage(house, b"UNBAN 192.0.2.0/24", b"#lobby")
    again = house.connect(protocol="padded")
    house.settle()
    tell(house, house.boss, b"MSG news\n")
    assert again.heard().endswith(b"M] boss: news")


def test_where_the_room_is_full_nothing_is_heard_before_a_login(house, talk):
    manage(house, b"SET limit 1")
    stranger = house.connect(protocol="padded", home=DEV)
    house.settle()
    talk(b"news")
    assert stranger.heard() == b""


def test_of_listeners_who_have_gone_nothing_is_left(house):
    room = house.hub.register.rooms.by_name[DEV]
    strangers = [house.connect(worker, protocol="padded", home=DEV) for worker in (1, 1, 2)]
    house.settle()
    assert room.interest == {1: 2, 2: 1}
    for stranger in strangers:
        stranger.close()
    house.settle()
    assert (room.interest, room.listeners, house.hub.register.rooms.homes) == ({}, {}, {})
    assert house.driven[0].worker.rooms.by_name == {}


FAREWELLS = {
    "line": (b"INFO kicked\n", b"INFO banned\n"),
    "binary": (b"You were kicked.", b"You are banned here."),
    "padded": (b"[ERROR] You were kicked.", b"[ERROR] You are banned here."),
    "delimited": (delimited(6, b"you were kicked"), delimited(6, b"you are banned here")),
    "dollar": tuple(
        dollar(b"{'purpose': 'receive_message', 'from_user': 'lobby', 'message': '* %b'}" % words)
        for words in (b"you were kicked", b"you are banned here"))}


@pytest.mark.parametrize("room", [DEV, b"#lobby"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_is_put_out_is_told_why_the_connection_ends(house, protocol, room):
    for act, farewell in zip((b"KICK", b"BAN"), FAREWELLS[protocol]):
        name = named(protocol, b"pat" if act == b"KICK" else b"eve")  # who is kicked does not get the name at once
        peer, _ = come(house, protocol, name)
        manage(house, b"%b %b" % (act, name), room)
        end = peer.heard()
        assert peer.ended and end.endswith(farewell), end


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_is_banned_or_not_invited_is_refused_at_the_login(house, protocol):
    manage(house, b"BAN " + named(protocol, b"eve"))
    assert (b"banned" if protocol != "dollar" else b"False") in come(house, protocol, named(protocol, b"eve"))[1]
    manage(house, b"SET invite on")
    assert (b"invit" if protocol != "dollar" else b"False") in come(house, protocol, named(protocol, b"pat"))[1]
    assert members(house) == []


def test_whoever_comes_by_the_real_port_is_a_client_and_holds_nobody_up(house):
    with socket.create_connection(house.doors[0].getsockname()):
        assert tell(house, house.boss, b"PING\n") == b"PONG\n"
