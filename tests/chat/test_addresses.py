"""Who is kept away by its address: banned from the lobby, or kicked just now."""
import pytest
from roomed import DONE, HOST, Roomed

from parley.server.chat.names import claims
from parley.server.chat.origins import address, network_of, written
from parley.server.chat.rooms import Room
from parley.server.protocols.events import Reason

SAME_64, OTHER_64 = "2001:db8::7:1", "2001:db8:0:1::1"


@pytest.mark.parametrize("text, network", [
    ("192.0.2.1", "192.0.2.1"), ("192.0.2.1/32", "192.0.2.1"), ("192.0.2.77/24", "192.0.2.0/24"),
    ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::/64"), ("2001:db8::1/128", "2001:db8::1/128"),
    ("2001:DB8::/32", "2001:db8::/32"), ("0.0.0.0/0", "0.0.0.0/0"), ("fe80::1%eth0", "fe80::/64"),
])  # fmt: skip
def test_an_address_is_a_network_that_is_found_again_by_its_text(text, network):
    assert written(network_of(text)) == network
    assert written(network_of(network)) == network or network.endswith("::/64")


@pytest.mark.parametrize("text", ["", "bob", "1", "192.0.2", "192.0.2.1/33", "192.0.2.256", "2001:db8::/129", "*",
                                  "192.0.2.*", "a/8", "/", "192.0.2.1/", "\u0661.2.3.4", "bot[1-3]"])
def test_what_is_no_address_is_a_name(text):
    assert network_of(text) is None


@pytest.mark.parametrize("host", ["", "localhost", "/run/socket"])
def test_who_comes_from_nowhere_has_no_address(host):
    assert address(host) is None


@pytest.fixture
def roomed():
    """An operator, who has come from elsewhere."""
    roomed = Roomed(operators=[b"boss"])
    roomed.account(b"boss")
    roomed.come(b"boss", host="198.51.100.1")
    roomed.drain()
    return roomed


def hosts(roomed):
    """The addresses that are known, by name."""
    return {name: host for name, (_, host, *_) in roomed.members._held.items()}


def ban(roomed, about, room=b"#lobby"):
    assert roomed.do(b"boss", "ban", about, b"why", room) == DONE


@pytest.mark.parametrize("ban_, kept_out, let_in", [
    (b"192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.2.2", "", "2001:db8::1"]),
    (b"192.0.2.9/24", ["192.0.2.1", "192.0.2.255"], ["192.0.3.1"]),
    (b"2001:db8::1", ["2001:db8::1", SAME_64, "2001:db8::1%eth0"], [OTHER_64, "192.0.2.1"]),
    (b"2001:db8::/32", ["2001:db8::1", OTHER_64], ["2001:db9::1"]),
])  # fmt: skip
def test_a_banned_address_gets_no_name(roomed, ban_, kept_out, let_in):
    ban(roomed, ban_)
    for number, host in enumerate(kept_out):
        assert roomed.come(b"one%d" % number, host=host) == Reason.BANNED
    for number, host in enumerate(let_in):
        assert roomed.come(b"other%d" % number, host=host) is None


def test_it_gets_no_name_in_whatever_way_it_asks(roomed):
    roomed.account(b"zoe")
    ban(roomed, b"192.0.2.0/24")
    register, name = roomed.register, b"new"
    assert roomed.come(b"zoe") == Reason.BANNED  # with the right password
    for number, command in enumerate(["Login", "SignIn", "Post"], 50):
        register.claim_unproven(1, number, name, tuple(claims(name)), command, False, HOST)
    register.claim_guest(1, 60, HOST)
    register.open_account(1, 61, name, tuple(claims(name)), None, False, HOST)
    answers, roomed.post.answers = roomed.post.answers, []
    assert [answer for _, _, answer in answers] == [
        Reason.BANNED, Reason.NO_ACCOUNT, Reason.BANNED, Reason.BANNED, Reason.BANNED]
    assert list(roomed.members.names.values()) == [b"boss"] and name not in roomed.accounts.accounts


def test_a_ban_of_names_holds_for_new_accounts_and_guests_too(roomed):
    ban(roomed, b"*")
    roomed.register.claim_guest(1, 60, HOST)
    roomed.register.open_account(1, 61, b"new", tuple(claims(b"new")), None, False, HOST)
    assert roomed.post.answers == [(1, 60, Reason.BANNED), (1, 61, Reason.BANNED)]


def test_a_ban_that_comes_while_an_account_is_stored_keeps_its_owner_out(roomed):
    asked, roomed.store.ask = [], lambda then, request: asked.append((then, request))
    roomed.register.open_account(1, 61, b"new", tuple(claims(b"new")), None, False, HOST)
    (then, _), = asked
    del roomed.store.ask
    ban(roomed, HOST.encode())
    then(True)
    assert roomed.post.answers == [(1, 61, Reason.BANNED)]
    assert hosts(roomed) == {b"boss": "198.51.100.1"}


def test_who_is_here_from_a_banned_address_goes_but_operators_stay(roomed):
    roomed.account(b"boss2")
    roomed.gate.operators |= {b"boss2"}
    for name, host in ((b"ann", HOST), (b"bob", "192.0.2.2"), (b"cid", ""), (b"boss2", HOST)):
        roomed.come(name, host=host)
    roomed.drain()
    worker, session = roomed.people[b"ann"]
    ban(roomed, b"192.0.2.1/32")
    assert roomed.drain() == [
        (None, "managed", 0, "ban", b"boss", b"192.0.2.1", b"why", []), ([worker], "evict", session, Reason.BANNED),
        (None, "left", b"ann", True, b"banned"), (None, "barred", ["192.0.2.1"])]
    assert roomed.come(b"ann") == Reason.BANNED
    assert roomed.do(b"boss", "unban", b"192.0.2.1", room=b"#lobby") == DONE
    assert roomed.come(b"ann") is None


def test_operators_come_from_a_banned_address_with_their_passwords_only(roomed):
    roomed.go(b"boss")
    roomed.rooms.lobby.banned[HOST.encode()] = b"server", b"", 0
    assert roomed.come(b"boss") is None
    roomed.go(b"boss")
    roomed.accounts.accounts[b"boss"].secret = None
    assert roomed.come(b"boss") == Reason.BANNED


def test_bans_of_addresses_are_stored_with_the_lobby(roomed):
    ban(roomed, b"192.0.2.0/24")
    name, state = roomed.store.rooms[0]
    restored = Room(0, name)
    restored.restore(state)
    assert restored.bans(b"ann", "192.0.2.5") and not restored.bans(b"ann", "192.0.3.5")


def test_in_a_room_what_looks_like_an_address_is_a_name(roomed):
    roomed.make(b"boss")
    ban(roomed, b"192.0.2.1", b"#dev")
    roomed.come(b"ann")
    roomed.come(b"192.0.2.1", host="198.51.100.9")
    assert (roomed.enter(b"ann"), roomed.enter(b"192.0.2.1")) == (None, Reason.BANNED)


def test_nobody_is_banned_by_the_name_of_an_address(roomed):
    ban(roomed, b"192.0.2.1")
    assert roomed.come(b"192.0.2.1", host="198.51.100.9") is None


# ---- after a kick


@pytest.mark.parametrize("name, host, answer", [
    (b"ann", HOST, Reason.TRY_LATER), (b"ANN", HOST, Reason.TRY_LATER), (b"ann", "::ffff:" + HOST, Reason.TRY_LATER),
    (b"bob", HOST, None), (b"ann", "192.0.2.2", None), (b"ann", "", None),
])  # fmt: skip
def test_a_kicked_name_is_not_given_to_the_same_address_for_a_minute(roomed, name, host, answer):
    roomed.come(b"ann")
    assert roomed.do(b"boss", "kick", b"ann", room=b"#lobby") == DONE
    roomed.wait(59)
    assert roomed.come(name, host=host) == answer
    roomed.wait(2)
    if answer:
        assert roomed.come(name, host=host) is None


def test_nor_may_somebody_there_rename_to_it(roomed):
    roomed.come(b"ann")
    roomed.come(b"bob")
    roomed.come(b"cid", host="192.0.2.2")
    roomed.do(b"boss", "kick", b"ann", room=b"#lobby")
    assert roomed.rename(b"bob", b"ann") == Reason.TRY_LATER
    assert roomed.rename(b"cid", b"ann") is None


def test_of_ipv6_the_whole_network_is_one_address(roomed):
    roomed.come(b"ann", host="2001:db8::1")
    roomed.do(b"boss", "kick", b"ann", room=b"#lobby")
    assert roomed.come(b"ann", host=SAME_64) == Reason.TRY_LATER
    assert roomed.come(b"ann", host=OTHER_64) is None


def test_a_kick_out_of_another_room_keeps_nobody_away(roomed):
    roomed.make(b"boss", b"ann")
    roomed.do(b"boss", "kick", b"ann")
    roomed.go(b"ann")
    assert roomed.come(b"ann") is None


def test_of_kicks_that_are_over_nothing_is_left(roomed):
    for number in range(20):
        roomed.come(b"ann%d" % number)
        roomed.do(b"boss", "kick", b"ann%d" % number, room=b"#lobby")
        roomed.wait(30)
    assert len(roomed.gate._kicked) <= 3


def test_of_who_has_gone_no_address_is_left(roomed):
    for name in (b"ann", b"bob"):
        roomed.come(name)
    roomed.register.delete(*roomed.people.pop(b"bob"), b"bob")
    roomed.go(b"ann")
    assert hosts(roomed) == {b"boss": "198.51.100.1"}


# ---- operators whose account is gone


def test_an_operator_without_its_account_is_none_and_nobody_makes_it_anew(roomed):
    roomed.register.remove(b"boss", lambda done: None)
    register = roomed.register
    register.open_account(1, 70, b"boss", tuple(claims(b"boss")), "secret", False, HOST)
    assert roomed.post.answers == [(1, 70, Reason.NAME_TAKEN)]
    roomed.post.answers = []
    assert roomed.come(b"boss") is None
    assert roomed.do(b"boss", "kick", b"boss", room=b"#lobby") == Reason.NOT_ALLOWED
