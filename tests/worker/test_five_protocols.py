"""Clients of all five protocols on real workers and a real hub: what they hear of each other, and in what portions."""
import json
import re
import struct

import pytest

from parley.server.chat.accounts import Accounts
from parley.server.chat.names import claims
from parley.server.chat.replica import USERS_EVERY
from parley.server.protocols.events import Reason
from parley.server.worker.paced import GAP

PASSWORD = b"123"


def binary(code, content=b""):
    return struct.pack(">BIII10sI", 1, code, 0, len(content), b"", 0) + content


def padded(text):
    return b"%-64d%b" % (len(text), text)


def delimited(command, *items):
    data = b"|||".join(items)
    return bytes([0, command]) + len(data).to_bytes(40, "big") + data


def dollar(text):
    return b"$%-10d%b$" % (len(text), text)


def frames(data):
    """(type, content) of each binary frame."""
    found = []
    while data:
        _, code, _, size, _, _ = struct.unpack_from(">BIII10sI", data)
        found.append((code, data[27:27 + size]))
        data = data[27 + size:]
    return found


# How each says "hi" under its name, and what others hear of "hi" from ann.
SAYS = {
    "line": lambda name: b"MSG hi\n",
    "binary": lambda name: binary(100, b"hi"),
    "padded": lambda name: padded(b"[05:55 AM] %b: hi" % name),
    "delimited": lambda name: delimited(2, name, b"lobby", b"hi"),
    "dollar": lambda name: dollar(
        b"{'purpose': 'send_message', 'from_user': '%b', 'to_user': 'lobby', 'message': 'hi'}" % name),
}
HEARS = {
    "line": lambda sender, me: b"MSG %b hi\n" % sender,
    "binary": lambda sender, me: b"hi",
    "padded": lambda sender, me: b"M] %b: hi" % sender,
    "delimited": lambda sender, me: delimited(2, sender, me, b"hi"),
    "dollar": lambda sender, me: dollar(
        b"{'purpose': 'receive_message', 'from_user': 'lobby', 'message': '%b: hi'}" % sender),
}
EVERYBODY = [
    ("line", b"lea", 1), ("binary", b"ben", 2), ("padded", b"pat", 1), ("delimited", b"del", 2), ("dollar", b"dora", 1),
]  # fmt: skip
ACKNOWLEDGES = {
    "line": b"",
    "binary": b"",
    "padded": b"Msg received",
    "delimited": delimited(2, b"ann", b"lobby", b"hi"),
    "dollar": dollar(b"{'purpose': 'send_message', 'result': True}"),
}
LONG = b"MSG %b\n" % (b"x" * 4000)
USERS = b"{'purpose': 'reload_user_list', 'users': ["


def sign_in(name, password=PASSWORD):
    return dollar(b"{'purpose': 'login', 'username': '%b', 'password': '%b'}" % (name, password))


@pytest.fixture
def home(open_house, store):
    """Two workers, and accounts with a password, which is verified at once; with a switch off, bert has one without."""

    def make(register=True, guests=True, **settings):
        memory = Accounts(store, register, guests)
        for name in (b"ann", b"dora"):
            memory.begin_with(name, tuple(claims(name)), "secret")
        if not (register and guests):
            memory.begin_with(b"bert", tuple(claims(b"bert")))
        house = open_house(workers=2, memory=memory, **settings)
        house.memory = memory
        house.hub.verifier.verify = lambda password, secret, then: then(
            None if password == PASSWORD else Reason.WRONG_PASSWORD, None)
        return house

    return make


def enter(house, protocol, name, worker=1, buffer=None):
    """A new client of a protocol that has its name, and heard so."""
    peer = house.connect(worker, buffer, protocol)
    if protocol == "line":
        peer.send(b"LOGIN %b\n" % name)
    elif protocol == "binary":
        peer.send(binary(200, name))
    elif protocol == "padded":
        peer.send(padded(b"[05:55 AM] %b: first" % name))
    elif protocol == "delimited":
        peer.send(delimited(0, name))
    else:
        peer.send(sign_in(name))
    house.settle()
    assert peer.heard()
    return peer


@pytest.mark.parametrize("speaker", sorted(SAYS))
def test_what_is_said_in_one_protocol_is_heard_in_all(home, speaker):
    house = home()
    listeners = {protocol: enter(house, protocol, name, worker) for protocol, name, worker in EVERYBODY}
    name = b"ann" if speaker == "dollar" else b"eva"  # whose account has a password
    ann = enter(house, speaker, name, worker=2)
    house.wait(2)
    for peer in (*listeners.values(), ann):
        peer.heard()
    ann.send(SAYS[speaker](name))
    house.settle()
    assert ann.heard() == ACKNOWLEDGES[speaker].replace(b"ann", name)
    for protocol, me, _ in EVERYBODY:
        heard = listeners[protocol].heard()
        expected = HEARS[protocol](name, me)
        assert heard == expected or protocol in ("binary", "padded") and heard.endswith(expected), protocol


@pytest.mark.parametrize("protocol", sorted(SAYS))
def test_a_name_taken_in_one_protocol_is_taken_in_all(home, protocol):
    house = home()
    name = b"ann" if protocol == "dollar" else b"eva"
    enter(house, protocol, name)
    for other, claim, refused in [
            ("line", b"LOGIN %b\n" % name.upper(), b"ERR username-taken\n"),
            ("binary", binary(200, name.upper()), struct.pack(">I", 209)),
            ("padded", padded(b"[05:55 AM] %b: hi" % name.upper()), b"[ERROR] The nickname is taken."),
            ("delimited", delimited(0, name), b"username already exists")]:
        peer = house.connect(2, protocol=other)
        peer.send(claim)
        house.settle()
        assert refused in peer.heard(), other


def test_a_direct_message_finds_its_user_whatever_it_speaks(home):
    house = home()
    lea, ben = enter(house, "line", b"lea"), enter(house, "binary", b"ben", 2)
    delia, dora = enter(house, "delimited", b"delia", 2), enter(house, "dollar", b"dora")
    house.wait(2)
    for peer in (lea, ben, delia, dora):
        peer.heard()
    lea.send(b"DM ben one\nDM delia two\nDM dora three\n")
    house.settle(20)
    assert frames(ben.heard()) == [(100, b"[direct] one")]
    assert delia.heard() == delimited(2, b"lea", b"delia", b"two")
    assert dora.heard() == dollar(b"{'purpose': 'receive_message', 'from_user': 'lea', 'message': 'three'}")
    delia.send(delimited(2, b"delia", b"lea", b"back"))
    dora.send(dollar(b"{'purpose': 'send_message', 'from_user': 'dora', 'to_user': 'lea', 'message': 'too'}"))
    house.settle(10)
    assert lea.heard() in (b"DM delia back\nDM dora too\n", b"DM dora too\nDM delia back\n")


# What somebody says, and what the answers have: where only names with an account may be used, and where clients may
# make no accounts.
WITHOUT_GUESTS = [
    ("line", b"LOGIN eva\n", b"ERR account-required\n"),
    ("line", b"LOGIN eva pw\n", b"ERR account-required\n"),
    ("line", b"LOGIN bert\n", b"OK\n"),
    ("line", b"LOGIN ann 123\n", b"OK\n"),
    ("line", b"REGISTER eva pw\n", b"OK\n"),
    ("binary", binary(200, b"eva"), struct.pack(">I", 209)),
    ("binary", binary(200, b"bert"), struct.pack(">I", 207)),
    ("binary", binary(200, b"bert") + binary(202, b"eva"), struct.pack(">I", 204)),
    ("padded", padded(b"[05:55 AM] eva: hi"), b"[ERROR] Only nicknames that have an account can be used here."),
    ("padded", padded(b"hi"), b"[ERROR] Only nicknames that have an account can be used here."),
    ("padded", padded(b"[05:55 AM] bert: hi"), b"Msg received"),
    ("padded", padded(b"[05:55 AM] bert: hi") + padded(b"[05:55 AM] eva: hi"),
     b"Msg received[ERROR] Only nicknames that have an account can be used here."),
    ("delimited", delimited(5, b"eva"), b"username does not exist"),
    ("delimited", delimited(5, b"bert"), delimited(6)),
    ("delimited", delimited(0, b"eva"), delimited(6)),
    ("dollar", sign_in(b"eva"), b"'result': False"),
    ("dollar", sign_in(b"ann"), b"'result': True"),
]
WITHOUT_REGISTERING = [
    ("line", b"REGISTER eva pw\n", b"ERR registration-closed\n"),
    ("line", b"REGISTER ann pw\n", b"ERR registration-closed\n"),
    ("line", b"LOGIN eva\nREGISTER eva pw\n", b"OK\nERR registration-closed\n"),
    ("line", b"LOGIN ann 123\nPASSWD 123 new\n", b"OK\nOK\n"),
    ("delimited", delimited(0, b"eva"), b"new accounts cannot be made here"),
    ("delimited", delimited(5, b"bert"), delimited(6)),
]


def _answered(house, protocol, said):
    house.hub.verifier.hash = lambda password, then: then(None, "new")
    peer = house.connect(2, protocol=protocol)
    peer.send(said)
    house.settle(20)
    return peer.heard()


@pytest.mark.parametrize("protocol, said, answer", WITHOUT_GUESTS)
def test_where_names_need_an_account_the_others_are_refused_in_each_protocols_words(home, protocol, said, answer):
    assert answer in _answered(home(guests=False), protocol, said)


@pytest.mark.parametrize("protocol, said, answer", WITHOUT_REGISTERING)
def test_where_clients_make_no_accounts_they_are_refused_in_each_protocols_words(home, protocol, said, answer):
    house = home(register=False)
    accounts = house.hub.status()["accounts"]
    assert answer in _answered(house, protocol, said)
    assert house.hub.status()["accounts"] == accounts


# ---- binary


def test_each_frame_is_a_send_of_its_own(home):
    house = home()
    ben, lea = enter(house, "binary", b"ben"), enter(house, "line", b"lea", 2)
    ben.heard()
    ben.counted.sends = 0
    lea.send(b"MSG one\nMSG two\nMSG three\n")
    ben.send(binary(203) + binary(211, b"1.5"))
    house.settle(10)
    heard = frames(ben.heard())
    assert len(heard) == ben.counted.sends == 5
    assert (303, b"['ben', 'lea']") in heard and (212, b"1.5") in heard


@pytest.mark.parametrize("asker", [1, 2])
def test_where_somebody_comes_from_is_told_across_workers(home, asker):
    house = home()
    enter(house, "line", b"lea", 1)
    ben = house.connect(asker, protocol="binary")
    ben.send(binary(201, b"lea") + binary(201, b"nobody"))
    house.settle(20)
    assert frames(ben.heard()) == [(210, b"('lea', '192.0.2.1', 4711)"), (210, b"")]


def test_a_rename_is_one_moment_for_all(home):
    house = home()
    ben, lea = enter(house, "binary", b"ben"), enter(house, "line", b"lea", 2)
    ben.heard()
    ben.send(binary(202, b"rob") + binary(100, b"hi"))
    house.settle(10)
    assert frames(ben.heard()) == [(206, b"rob")]
    assert lea.heard() == b"INFO ben is now rob\nMSG rob hi\n"


def test_who_quits_is_told_so_and_closed(home):
    house = home()
    ben, lea = enter(house, "binary", b"ben"), enter(house, "line", b"lea", 2)
    ben.heard()
    ben.send(binary(205) + binary(100, b"more"))
    house.settle()
    assert frames(ben.heard()) == [(208, b"")]
    assert ben.ended
    assert lea.heard() == b"INFO ben disconnected\n"


# ---- padded


def test_who_only_listens_hears_the_room_for_hours(home):
    house = home()
    listener, lea = house.connect(protocol="padded"), enter(house, "line", b"lea", 2)
    house.wait(50)
    lea.send(b"MSG hi\n")
    house.wait(50)
    assert listener.heard().endswith(b"M] lea: hi")
    assert not listener.ended


def test_posts_are_acknowledged_one_by_one_and_guests_are_numbered(home):
    house = home()
    lea = enter(house, "line", b"lea", 2)
    one, other = house.connect(protocol="padded"), house.connect(protocol="padded")
    one.send(padded(b"hi") + padded(b"") + padded(b"ho"))
    house.settle(10)
    assert one.heard() == b"Msg received" * 3
    one.counted.sends = 0
    other.send(padded(b"me too"))
    house.settle(10)
    assert lea.heard() == b"MSG guest-1 hi\nMSG guest-1 ho\nMSG guest-2 me too\n"
    assert one.counted.sends == 1


# ---- delimited


def test_what_is_not_spoken_of_costs_no_call(home):
    house = home()
    delia = enter(house, "delimited", b"delia")
    delia.counted.sends = 0
    enter(house, "line", b"lea", 2)
    assert delia.heard() == b""
    assert delia.counted.sends == 0


def test_what_is_kept_is_delivered_once_and_an_account_can_be_deleted(home):
    house = home()
    delia, lea = enter(house, "delimited", b"delia"), enter(house, "line", b"lea", 2)
    delia.hang_up()
    house.settle()
    lea.heard()
    lea.send(b"DM delia one\nDM delia two\n")
    house.settle(10)
    again = house.connect(2, protocol="delimited")
    again.send(delimited(5, b"delia"))
    house.settle()
    assert again.heard() == delimited(6)
    again.send(delimited(3) + delimited(3) + delimited(4) + delimited(3) + delimited(5, b"delia"))
    house.settle(20)
    assert again.heard() == (
        delimited(2, b"lea", b"delia", b"one") + delimited(2, b"lea", b"delia", b"two")
        + delimited(6, b"you are not logged in") + delimited(6, b"username does not exist"))


def test_what_was_said_before_an_account_is_deleted_is_still_heard(home):
    house = home()
    delia, lea = enter(house, "delimited", b"delia"), enter(house, "line", b"lea")
    lea.send(b"MSG hi\n")
    house.tick()
    delia.send(delimited(4))
    house.tick()
    house.settle()
    assert delia.heard() == delimited(2, b"lea", b"delia", b"hi")


def test_a_full_box_can_be_delivered(home):
    """Whatever was kept reaches its owner, although it is more than a client may lag behind."""
    house = home(messages_per_second=0)
    delia, eva = enter(house, "delimited", b"delia"), enter(house, "delimited", b"eva", 2)
    delia.hang_up()
    house.settle()
    kept = 0
    for number in range(300):  # of 16000 bytes each
        eva.send(delimited(2, b"eva", b"delia", b"%d" % number + b"x" * 16000))
        house.settle(3)
        kept += eva.heard()[1:2] == b"\2"
    again, heard = house.connect(protocol="delimited"), b""
    again.send(delimited(5, b"delia") + delimited(3))
    for _ in range(200):
        house.settle(1)
        heard += again.heard()
    assert heard.count(b"x" * 16000) == kept
    assert not again.ended


DELETED = {
    "line": b"INFO account-deleted\n", "binary": b"Your account was deleted", "padded": b"Your account was deleted",
    "delimited": b"your account was deleted", "dollar": b"* your account was deleted",
}


@pytest.mark.parametrize("protocol", sorted(DELETED))
def test_whose_account_an_operator_deletes_is_told_so_and_ended(home, protocol):
    house, replies = home(), []
    witness = enter(house, "line", b"wit", 2)
    name, password = b"dora" if protocol == "dollar" else b"lea", b""
    operators = house.hub.requests_of_operators
    if protocol in ("line", "binary", "padded"):
        operators["passwd"](replies.append, name="lea", secret="secret")
        password = b" " + PASSWORD
    peer = enter(house, protocol, name + password)
    operators["delete"](replies.append, name=name.decode())
    house.settle()
    assert replies[-1] == {"done": True}
    assert DELETED[protocol] in peer.heard()
    assert peer.ended
    assert witness.heard().split(b"\n")[-2] == b"INFO %b disconnected" % name
    assert house.worker._report()["ended"] == {"account-deleted": 1}


# ---- dollar


def test_the_answer_is_the_next_packet_and_the_list_of_users_comes_behind_it(home):
    house = home()
    enter(house, "line", b"lea", 2)
    dora = house.connect(protocol="dollar")
    dora.send(sign_in(b"dora", b"wrong"))
    house.settle()
    assert dora.heard() == dollar(b"{'purpose': 'login', 'result': False}")
    dora.send(sign_in(b"dora"))
    house.settle()
    assert dora.heard() == dollar(b"{'purpose': 'login', 'result': True}") + dollar(
        USERS + b"{'username': 'lobby', 'status': 'online'}, {'username': 'ann', 'status': 'offline'}, "
        b"{'username': 'dora', 'status': 'online'}, {'username': 'lea', 'status': 'online'}]}")


def test_pushes_wait_for_the_answer(home):
    house = home()
    dora, lea = enter(house, "dollar", b"dora"), enter(house, "line", b"lea")
    house.wait(2)
    dora.heard()
    lea.send(b"MSG hi\n")
    house.tick()
    dora.send(dollar(b"{'purpose': 'start_reload_message_list', 'target_user': 'ann'}"))
    house.tick()
    house.settle()
    assert dora.heard() == (
        dollar(b"{'purpose': 'start_reload_message_list', 'message_list': []}")
        + dollar(b"{'purpose': 'receive_message', 'from_user': 'lobby', 'message': 'lea: hi'}"))


def test_who_writes_json_is_answered_in_json(home):
    house = home()
    dora, lea = house.connect(protocol="dollar"), enter(house, "line", b"lea", 2)
    dora.send(dollar(b'{"purpose": "login", "username": "dora", "password": "123"}'))
    house.settle()
    assert dora.heard().startswith(dollar(b'{"purpose": "login", "result": true}'))
    lea.send(b"MSG hi\n")
    house.settle()
    assert dora.heard() == dollar(b'{"purpose": "receive_message", "from_user": "lobby", "message": "lea: hi"}')
    dora.send(dollar(b"{'purpose': 'nonsense'}"))
    house.settle()
    assert dora.heard() == dollar(b"{'purpose': 'nonsense', 'result': False}")


def test_the_list_of_users_comes_at_once_and_then_at_most_so_often(home):
    house = home()
    dora = enter(house, "dollar", b"dora")
    house.wait(2)
    dora.heard()
    for number in range(4):
        enter(house, "line", b"m%d" % number, 2)
        assert dora.heard().count(USERS) == 1
    for number in range(4, 20):
        enter(house, "line", b"m%d" % number, 2)
    assert dora.heard() == b""  # no time has passed
    house.clock.now += USERS_EVERY
    house.settle()
    heard = dora.heard()
    assert heard.count(USERS) == 1
    assert heard.count(b"'username': 'm") == 20


def test_a_history_is_told_in_portions_of_ten(home):
    house = home()
    dora, lea = enter(house, "dollar", b"dora"), enter(house, "line", b"lea")
    lea.send(b"".join(b"DM dora %d\n" % number for number in range(25)))
    house.settle(80)
    dora.heard()
    dora.send(dollar(b"{'purpose': 'start_reload_message_list', 'target_user': 'lea'}"))
    house.settle()
    heard = dora.heard()
    assert heard.count(b"'start_reload_message_list'") == 1
    assert heard.count(b"'continue_reload_message_list'") == 2
    assert heard.count(b"'user': 'lea'") == 25
    assert heard.index(b"'text': '0'") < heard.index(b"'text': '24'")


def test_a_long_history_can_be_told(home):
    """However long two have talked, whoever asks for that is not taken for a slow reader."""
    house = home(messages_per_second=0)
    dora, eva = enter(house, "dollar", b"dora"), enter(house, "delimited", b"eva", 2)
    for number in range(150):  # of 16000 bytes each
        eva.send(delimited(2, b"eva", b"dora", b"%d" % number + b"x" * 16000))
        house.settle(4)
        eva.heard()
        dora.heard()
    dora.send(dollar(b"{'purpose': 'start_reload_message_list', 'target_user': 'eva'}"))
    heard = b""
    for _ in range(100):
        house.settle(1)
        heard += dora.heard()
    assert b"149xxx" in heard
    assert not dora.ended


# ---- what is stored


REFUSES = {
    "line": b"ERR storage-failed\n",
    "binary": b"The server could not store this.",
    "padded": b"[ERROR] The server could not store this.",
    "delimited": delimited(6, b"the server could not store this"),
    "dollar": dollar(b"{'purpose': 'send_message', 'result': False}"),
}


@pytest.fixture
def met(home, store):
    """Makes a house in which lea, of line, and a speaker of a protocol have met; and the store is late."""

    def make(protocol, **settings):
        house, name = home(**settings), b"ann" if protocol == "dollar" else b"eva"
        lea, speaker = enter(house, "line", b"lea"), enter(house, protocol, name, 2)
        house.wait(2)
        lea.heard()
        speaker.heard()
        store.late = True
        return house, lea, speaker, name

    return make


@pytest.mark.parametrize("protocol", sorted(SAYS))
def test_what_is_said_is_heard_at_once_and_acknowledged_once_it_is_stored(met, store, protocol):
    house, lea, speaker, name = met(protocol)
    speaker.send(SAYS[protocol](name))
    house.settle()
    assert (lea.heard(), speaker.heard()) == (b"MSG %b hi\n" % name, b"")
    store.answer()
    house.settle()
    assert (lea.heard(), speaker.heard()) == (b"", ACKNOWLEDGES[protocol].replace(b"ann", name))


@pytest.mark.parametrize("protocol", sorted(SAYS))
def test_what_is_not_stored_is_refused_in_the_protocols_words(met, store, protocol):
    house, lea, speaker, name = met(protocol)
    speaker.send(SAYS[protocol](name))
    house.settle()
    store.answer(stored=False)
    house.settle()
    assert lea.heard() == b"MSG %b hi\n" % name
    heard = speaker.heard()
    assert heard == REFUSES[protocol] or protocol == "binary" and heard.endswith(REFUSES[protocol])
    speaker.send(SAYS[protocol](name))  # the next one may be stored again
    house.settle()
    store.answer()
    house.settle()
    assert speaker.heard() == ACKNOWLEDGES[protocol].replace(b"ann", name)


def test_of_several_in_one_tick_each_is_told_that_its_words_are_not_stored(met, store):
    house, lea, eva, _ = met("line")
    ida = enter_late(house, store, b"ida", 2)
    eva.send(b"MSG one\nMSG two\n")
    ida.send(b"MSG three\n")
    house.settle()
    store.answer(stored=False)
    house.settle()
    assert eva.heard().count(b"ERR storage-failed\n") == 2
    assert ida.heard().count(b"ERR storage-failed\n") == 1
    assert b"ERR" not in lea.heard()


def enter_late(house, store, name, worker):
    """A new client of line, although the store is late."""
    peer = enter(house, "line", name, worker)
    store.answer()
    house.settle()
    peer.heard()
    return peer


@pytest.mark.parametrize("protocol", ["padded", "delimited", "dollar"])
def test_what_is_said_next_waits_until_the_first_is_acknowledged(met, store, protocol):
    house, lea, speaker, name = met(protocol)
    speaker.send(SAYS[protocol](name) * 2)
    house.settle()
    assert lea.heard() == b"MSG %b hi\n" % name
    store.answer()
    house.settle()
    assert lea.heard() == b"MSG %b hi\n" % name
    assert speaker.heard() == ACKNOWLEDGES[protocol].replace(b"ann", name)
    store.answer()
    house.settle()
    assert speaker.heard() == ACKNOWLEDGES[protocol].replace(b"ann", name)


def test_nobody_else_waits_for_the_store(met, store):
    house, lea, eva, _ = met("padded")
    ida = enter(house, "line", b"ida", 2)
    eva.send(SAYS["padded"](b"eva"))
    lea.send(b"MSG one\nMSG two\nWHO\nPING\n")
    house.settle(10)
    assert sorted(ida.heard().splitlines()) == [b"MSG eva hi", b"MSG lea one", b"MSG lea two"]
    heard = lea.heard()
    assert b"USER lea\nUSER eva\nUSER ida\n" in heard and heard.endswith(b"PONG\n")


def test_ones_own_words_come_back_in_their_place_and_what_follows_them_waits(met, store):
    house, lea, eva, _ = met("delimited")
    said = {text: delimited(2, b"lea", b"eva", text) for text in (b"one", b"two", b"three", b"four")}
    lea.send(b"MSG one\n")
    house.settle()
    assert eva.heard() == said[b"one"]
    eva.send(SAYS["delimited"](b"eva"))
    house.settle()
    lea.send(b"MSG two\nDM eva three\n")
    house.settle()
    assert eva.heard() == b""
    store.answer()
    house.settle()
    assert eva.heard() == delimited(2, b"eva", b"lobby", b"hi") + said[b"two"] + said[b"three"]
    lea.send(b"MSG four\n")
    house.settle()
    assert eva.heard() == said[b"four"]


@pytest.mark.parametrize("protocol, farewell", [
    pytest.param("delimited", REFUSES["delimited"], id="delimited"), pytest.param("dollar", b"'}$", id="dollar")])
def test_whoever_waits_for_the_store_in_a_flood_is_ended_when_too_much_is_held_for_it(met, store, protocol, farewell):
    house, lea, speaker, name = met(protocol, outbox_bytes=20000, messages_per_second=0)
    speaker.send(SAYS[protocol](name))
    house.settle()
    lea.send(LONG * 4)
    house.wait(5)
    assert speaker.heard() == b""
    lea.send(LONG)
    house.wait(2)
    heard = speaker.heard()
    assert (heard.count(b"x" * 4000), heard[-len(farewell):], speaker.ended) == (5, farewell, True)
    assert b"INFO %b disconnected\n" % name in lea.heard()
    assert not any(hearers._held for hearers in house.driven[1].worker.audiences.values())


def test_who_hangs_up_before_its_words_are_stored_leaves_nothing_behind(met, store):
    house, lea, eva, _ = met("delimited")
    eva.send(SAYS["delimited"](b"eva"))
    house.settle()
    eva.close()
    house.settle()
    store.answer()
    house.settle()
    assert lea.heard() == b"MSG eva hi\nINFO eva disconnected\n"
    assert all(not hearers._held for (name, _, _), hearers in house.driven[1].worker.audiences.items()
               if name == "delimited")


def test_an_account_is_made_once_it_is_stored_and_its_name_nobody_elses_until_then(met, store):
    house, lea, eva, _ = met("line")
    delia, other = house.connect(protocol="delimited"), house.connect(2, protocol="delimited")
    delia.send(delimited(0, b"delia"))
    house.settle()
    other.send(delimited(0, b"delia"))
    house.settle()
    assert (delia.heard(), other.heard()) == (b"", delimited(6, b"username already exists"))
    store.answer()
    house.settle()
    assert delia.heard() == delimited(6)


@pytest.mark.parametrize("goes", [True, False])
def test_a_name_whose_account_could_not_be_stored_or_whose_creator_has_gone_is_free(met, store, goes):
    house, lea, eva, _ = met("line")
    delia = house.connect(protocol="delimited")
    delia.send(delimited(0, b"delia"))
    house.settle()
    if goes:
        delia.close()
        house.settle()
    store.answer(stored=goes)
    house.settle()
    if not goes:
        assert delia.heard() == delimited(6, b"the server could not store this")
    other = house.connect(2)
    other.send(b"LOGIN delia\n")
    house.settle()
    assert other.heard() == b"OK\n"


DIRECT = delimited(2, b"lea", b"eva", b"are you there?")


def deliver_to_eva(house):
    """What she finds when she comes back, on the first worker."""
    eva = house.connect(protocol="delimited")
    eva.send(delimited(5, b"eva") + delimited(3))
    house.settle(10)
    heard = eva.heard()
    assert heard.startswith(delimited(6))
    return heard[len(delimited(6)):]


@pytest.mark.parametrize("reads", [True, False])
def test_what_a_reader_was_not_sent_when_it_was_ended_is_kept_for_it(home, reads):
    house = home(stall_seconds=3, messages_per_second=0)
    lea, eva = enter(house, "line", b"lea"), enter(house, "delimited", b"eva", 2, buffer=10000)
    lea.send(LONG * 50)
    house.settle(10)
    lea.send(b"DM eva are you there?\n")
    house.settle()
    for _ in range(200 if reads else 0):
        eva.heard()
        house.settle(1)
    house.wait(6)
    eva.close()
    house.settle()
    assert b"INFO eva disconnected\n" in lea.heard()
    assert deliver_to_eva(house) == (b"" if reads else DIRECT)


@pytest.mark.parametrize("goes", ["hung up", "with its worker"])
def test_what_came_too_late_for_a_member_is_kept_for_it(home, goes):
    house = home()
    lea, eva = enter(house, "line", b"lea"), enter(house, "delimited", b"eva", 2)
    lea.send(b"DM eva are you there?\n")
    house.driven[0].tick()
    house.hub.turn(0)  # which hands it to a worker
    if goes == "hung up":
        eva.close()
        house.settle()
    else:
        house.hub.detach(2)
    assert deliver_to_eva(house) == DIRECT


def test_what_waits_behind_an_answer_is_not_sent_yet(met, store):
    house, lea, eva, _ = met("delimited")
    eva.send(SAYS["delimited"](b"eva"))
    house.settle()
    lea.send(b"DM eva are you there?\n")
    house.settle()
    house.hub.detach(2)
    store.late = False
    store.answer()
    assert deliver_to_eva(house) == DIRECT


@pytest.fixture
def box(home, store):
    """A house in which two messages are kept for delia, who is back on worker 2; and the store is late."""
    house = home()
    delia, lea = enter(house, "delimited", b"delia"), enter(house, "line", b"lea")
    delia.hang_up()
    house.settle()
    lea.send(b"DM delia one\nDM delia two\n")
    house.settle(10)
    again = house.connect(2, protocol="delimited")
    again.send(delimited(5, b"delia"))
    house.settle()
    assert again.heard() == delimited(6)
    store.late = True
    return house, again


BOTH = delimited(2, b"lea", b"delia", b"one") + delimited(2, b"lea", b"delia", b"two")


def test_what_is_asked_for_twice_in_one_segment_is_delivered_once(box, store):
    house, delia = box
    delia.send(delimited(3) * 2)
    for _ in range(3):
        house.settle()
        store.answer()
    house.settle()
    assert delia.heard() == BOTH
    assert store.store.kept(b"delia") == []


def test_what_was_not_sent_when_its_worker_died_is_delivered_again(box, store):
    house, delia = box
    delia.send(delimited(3))
    house.settle()
    store.answer()
    house.hub.turn(0)
    house.hub.detach(2)  # before it has read what the hub sent
    again = house.connect(protocol="delimited")
    again.send(delimited(5, b"delia") + delimited(3))
    for _ in range(3):
        house.driven[0].tick()
        house.hub.turn(0)
        store.answer()
        house.hub.turn(0)
    house.driven[0].tick()
    assert again.heard() == delimited(6) + BOTH
    house.driven[0].tick()
    house.hub.turn(0)
    store.answer()
    assert store.store.kept(b"delia") == []


def test_what_cannot_be_read_is_said_to_be_so_and_can_be_asked_for_again(box, store):
    house, delia = box
    delia.send(delimited(3))
    house.settle()
    store.answer(stored=False)
    house.settle()
    assert delia.heard() == delimited(6, b"the server could not store this")
    delia.send(delimited(3))
    house.settle()
    store.answer()
    house.settle()
    assert delia.heard() == BOTH


def test_what_was_said_is_told_by_number_while_the_chat_goes_on(met, store):
    house, lea, eva, _ = met("line")
    eva.send(b"MSG one\nMSG two\n")
    house.settle()
    store.answer()
    house.settle()
    lea.heard()
    lea.send(b"HISTORY 1\nHISTORY SINCE 0\nHISTORY SINCE 9\nPING\n")
    eva.send(b"MSG three\n")
    for _ in range(4):
        house.settle()
        store.answer()
    house.settle()
    one, two, three = [b"HIST %d TIME eva %b\n" % pair for pair in ((1, b"one"), (2, b"two"), (3, b"three"))]
    heard = re.sub(rb"(HIST \d+) \d+", rb"\1 TIME", lea.heard())
    assert heard.replace(b"MSG eva three\n", b"") in (
        two + b"END HISTORY 2 complete\n" + one + two + three + b"END HISTORY 3 complete\nERR no-such-number\nPONG\n",
        three + b"END HISTORY 3 complete\n" + one + two + three + b"END HISTORY 3 complete\nERR no-such-number\nPONG\n")


# ---- what was said to an account while its owner was away, whatever its owner speaks


@pytest.fixture
def missed(home):
    """A house in which lea has said something to ann, who was away."""
    house = home()
    lea = enter(house, "line", b"lea", 2)
    lea.send(b"DM ann one\nDM ann two\n")
    house.settle(10)
    assert lea.heard() == b""
    return house, lea


def come_in(house, protocol, *hello):
    """A new client on the first worker, and what it hears of this."""
    ann = house.connect(1, protocol=protocol)
    ann.send(b"".join(hello))
    house.settle(20)
    return ann, ann.heard()


def kept_for(house, name):
    return house.memory.accounts[name].kept


def test_in_line_who_comes_in_is_told_and_asks(missed):
    house, _ = missed
    ann, heard = come_in(house, "line", b"LOGIN ann 123\nPING\n")
    assert heard == b"OK\nINFO 2 messages while you were away\nPONG\n"
    ann.send(b"UNREAD\nUNREAD\n")
    house.settle(20)
    assert re.sub(rb"\d{10}", b"TIME", ann.heard()) == (
        b"UNREAD TIME lea one\nUNREAD TIME lea two\nEND UNREAD\nEND UNREAD\n")
    assert kept_for(house, b"ann") == 0
    ann.hang_up()
    house.settle(10)
    assert come_in(house, "line", b"LOGIN ann 123\n")[1] == b"OK\n"


def test_in_binary_it_is_said_behind_the_login(missed):
    house, _ = missed
    ann, heard = come_in(house, "binary", binary(200, b"ann 123"))
    house.wait(2)
    assert [content for _, content in frames(heard + ann.heard())] == [b"", b"[direct] one", b"[direct] two"]
    assert kept_for(house, b"ann") == 0


def test_in_padded_it_is_said_behind_the_first_words(missed):
    house, lea = missed
    ann, heard = come_in(house, "padded", padded(b"[05:55 AM] ann 123: hi"))
    house.wait(2)
    heard += ann.heard()
    assert heard.startswith(b"Msg received")
    assert [text.partition(b"lea (direct): ")[2] for text in heard.split(b"[")[1:]] == [b"one", b"two"]
    assert lea.heard() == b"MSG ann hi\n"
    assert kept_for(house, b"ann") == 0


def listed(packets):
    """{name: unread, or None} of the last list of users in these packets."""
    found = re.findall(rb"'users': (\[.*?\])", packets)
    return {user["username"]: user.get("unread") for user in json.loads(found[-1].replace(b"'", b'"').decode())}


def test_in_dollar_it_is_marked_in_the_first_list(missed):
    house, lea = missed
    lea.send(b"DM dora for dora\n")
    house.settle(10)
    ann, heard = come_in(house, "dollar", sign_in(b"ann"))
    assert heard.startswith(dollar(b"{'purpose': 'login', 'result': True}"))
    assert heard.count(b"reload_user_list") == 1
    assert listed(heard) == {"lobby": None, "ann": None, "dora": None, "lea": 2}
    ann.hang_up()
    house.settle(10)
    ann, heard = come_in(house, "dollar", sign_in(b"ann"))
    assert listed(heard)["lea"] == 2  # as long as it is not read
    enter(house, "line", b"pat", 2)
    house.wait(2)
    assert listed(ann.heard()) == {"lobby": None, "ann": None, "dora": None, "lea": None, "pat": None}
    ann.send(dollar(b"{'purpose': 'start_reload_message_list', 'target_user': 'lea'}"))
    house.settle(20)
    assert re.findall(rb"'text': '(\w+)'", ann.heard()) == [b"one", b"two"]
    assert (kept_for(house, b"ann"), kept_for(house, b"dora")) == (0, 1)
    ann.hang_up()
    house.settle(10)
    assert listed(come_in(house, "dollar", sign_in(b"ann"))[1])["lea"] is None


def test_in_dollar_who_has_left_for_good_is_in_the_list_of_whom_it_has_written_to(missed):
    house, lea = missed
    lea.hang_up()
    house.settle(10)
    _, heard = come_in(house, "dollar", sign_in(b"ann"))
    assert b"{'username': 'lea', 'status': 'offline', 'unread': 2}" in heard


def test_who_goes_on_in_json_gets_its_first_list_so(missed):
    house, _ = missed
    _, heard = come_in(house, "dollar", sign_in(b"ann") + dollar(b'{"purpose": "poll"}'))
    assert heard.count(b"reload_user_list") == 1 and b'"unread": 2' in heard


def test_what_a_conversation_has_forgotten_is_told_with_it_as_it_was_kept(missed, store):
    house, _ = missed
    store.store._conversations.clear()
    ann, _ = come_in(house, "dollar", sign_in(b"ann"))
    ann.send(dollar(b"{'purpose': 'start_reload_message_list', 'target_user': 'lea'}"))
    house.settle(20)
    assert re.findall(rb"'text': '(\w+)'", ann.heard()) == [b"one", b"two"]
    assert kept_for(house, b"ann") == 0


@pytest.mark.parametrize("protocol, hello, text", [
    ("binary", binary(200, b"ann 123"), rb"\[direct\] (\d+)"),
    ("padded", padded(b"[05:55 AM] ann 123: hi"), rb"direct\): (\d+)")], ids=["binary", "padded"])
def test_where_frames_come_one_at_a_time_a_full_box_does_too(home, protocol, hello, text):
    house = home(messages_per_second=0)
    lea = enter(house, "line", b"lea", 2)
    lea.send(b"".join(b"DM ann %d\n" % number for number in range(40)))
    house.settle(60)
    began, ann, told = house.clock.now, house.connect(1, protocol=protocol), b""
    ann.send(hello)
    for _ in range(400):
        house.settle(1)
        told += ann.heard()
        if kept_for(house, b"ann") == 0:
            break
    assert re.findall(text, told) == [b"%d" % number for number in range(40)]
    assert kept_for(house, b"ann") == 0
    assert house.clock.now - began > 30 * GAP  # they were no flood


def test_what_is_read_in_one_protocol_is_not_new_in_another(missed):
    house, _ = missed
    ann, _ = come_in(house, "binary", binary(200, b"ann 123"))
    house.wait(2)
    ann.hang_up()
    house.settle(10)
    assert b"unread" not in come_in(house, "dollar", sign_in(b"ann"))[1]


def test_a_full_box_is_said_to_be_so_whatever_its_owner_speaks(home):
    house = home(messages_per_second=0)
    lea, answers = enter(house, "line", b"lea", 2), b""
    for _ in range(100):
        lea.send(b"DM ann %b\n" % (b"x" * 4000))
        house.settle(3)
        answers += lea.heard()
    assert 0 < answers.count(b"ERR mailbox-full\n") < 100
    assert answers.replace(b"ERR mailbox-full\n", b"") == b""
    assert kept_for(house, b"ann") == 100 - answers.count(b"ERR mailbox-full\n")
