"""Members of IRC on real workers: which rooms they are in, and in which order and how often they hear."""
import pytest

from parley.server.protocols.events import HOME
from parley.server.worker import audiences


def come(house, name, *rooms, worker=1, caps=b""):
    peer = house.connect(worker, protocol="irc")
    if caps:
        peer.send(b"CAP REQ :" + caps + b"\r\n")
    peer.send(b"NICK %b\r\nUSER %b 0 * :%b\r\nCAP END\r\n" % (name, name, name))
    house.settle()
    for room in rooms:
        peer.send(b"JOIN " + room + b"\r\n")
        house.settle()
    peer.heard()
    return peer


def lines(peer):
    return peer.heard().decode().split("\r\n")[:-1]


@pytest.fixture
def pair(open_house):
    """A server with two workers."""
    return open_house(workers=2)


def test_a_member_is_in_the_lobby_only_while_it_wants_to_be(pair):
    ann, bob = come(pair, b"ann"), pair.member(b"bob")
    bob.send(b"MSG one\n")
    pair.settle()
    assert (lines(ann), bob.heard()) == ([], b"")
    ann.send(b"JOIN #LOBBY\r\n")
    pair.settle()
    assert lines(ann)[0] == ":ann!ann@parley JOIN #lobby"
    bob.send(b"MSG two\n")
    pair.settle()
    assert lines(ann) == [":bob!bob@parley PRIVMSG #lobby :two"]
    ann.send(b"PART #lobby :bye\r\nPART #lobby\r\nPRIVMSG #lobby :hi\r\n")
    pair.settle()
    assert [line.split(" ")[1] for line in lines(ann)] == ["PART", "442", "404"]
    assert bob.heard() == b"INFO ann disconnected\n"


def test_what_a_browser_is_made_to_send_is_nobody(pair):
    web_page = pair.connect(protocol="irc")
    web_page.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nNICK eve\r\nUSER u 0 * :r\r\nPRIVMSG #lobby :hi\r\n")
    pair.settle()
    assert lines(web_page) == ["ERROR :Closing link: This is another protocol"] and web_page.ended
    assert [*pair.hub.register.members.names] == []


def test_to_leave_what_can_be_no_room_is_not_to_leave_the_lobby(pair):
    ann = come(pair, b"ann")
    ann.send(b"PART #%b\r\nPART ann\r\nPART #nosuch\r\n" % (b"x" * 3900))
    pair.settle()
    assert [line.split(" ")[1] for line in lines(ann)] == ["442"] * 3


@pytest.mark.parametrize("end, heard", [
    (b"QUIT :bye\r\n", ":eve!eve@parley QUIT :Quit: bye"), (b"NICK ivy\r\n", ":eve!eve@parley NICK ivy")])
def test_what_happens_to_somebody_is_told_once_however_many_rooms_one_shares(pair, end, heard):
    peers = [come(pair, b"ann", b"#a", b"#b", b"#lobby"), come(pair, b"bob", b"#b", b"#c", worker=2),
             come(pair, b"cid", b"#c"), come(pair, b"dan")]
    eve = come(pair, b"eve", b"#a", b"#b", b"#c", b"#lobby", worker=2)
    for peer in peers:
        peer.heard()
    eve.send(end)
    pair.settle()
    assert [lines(peer) for peer in peers] == [[heard]] * 3 + [[]]


@pytest.mark.parametrize("stored", [True, False])
def test_who_asks_for_echoes_between_two_words_gets_those_of_what_follows(pair, store, stored):
    ann, bob = come(pair, b"ann", b"#a"), come(pair, b"bob", b"#a", worker=2)
    lines(ann)
    store.late = True
    ann.send(b"PRIVMSG #a :one\r\nCAP REQ :echo-message\r\nPRIVMSG #a :two\r\nPRIVMSG #a :three\r\n")
    pair.settle()
    store.late = False
    store.answer(stored)
    pair.settle()
    failed = "The server could not store this"
    assert sorted(line.rpartition(":")[2] for line in lines(ann)) == sorted(
        ["echo-message", *(["two", "three"] if stored else [failed] * 3)])
    assert [line.rpartition(":")[2] for line in lines(bob)] == ["one", "two", "three"]
    ann.send(b"PRIVMSG #a :four\r\nCAP REQ :-echo-message\r\nPRIVMSG #a :five\r\n")
    bob.send(b"PRIVMSG #a :six\r\n")
    pair.settle()
    assert sorted(line.rpartition(":")[2] for line in lines(ann)) == ["-echo-message", "four", "six"]


def test_an_echo_stands_in_its_place_and_with_the_number(pair):
    ann, bob = come(pair, b"ann", b"#a", caps=b"echo-message message-tags"), come(pair, b"bob", b"#a", worker=2)
    ann.heard()
    for number in range(3):
        ann.send(b"PRIVMSG #a :a%d\r\n" % number)
        bob.send(b"PRIVMSG #a :b%d\r\n" % number)
    pair.settle()
    numbers = [int(line.partition(" ")[0].rpartition("=")[2]) for line in lines(ann)]
    assert numbers == sorted(numbers) and len(numbers) == 6
    assert [line for line in lines(bob) if "JOIN" not in line] == [
        ":ann!ann@parley PRIVMSG #a :a%d" % number for number in range(3)]


def test_an_echo_comes_once_its_words_are_stored_and_what_follows_them_waits(pair, store):
    ann, bob = come(pair, b"ann", b"#a", caps=b"echo-message"), come(pair, b"bob", b"#a", worker=2)
    ann.heard()
    store.late = True
    ann.send(b"PRIVMSG #a :one\r\n")
    pair.settle()
    for text in (b"two", b"three"):
        bob.send(b"PRIVMSG #a :%b\r\n" % text)
        pair.settle()
    assert lines(ann) == []
    store.answer()
    pair.settle()
    assert lines(ann) == [
        ":ann!ann@parley PRIVMSG #a :one", ":bob!bob@parley PRIVMSG #a :two", ":bob!bob@parley PRIVMSG #a :three"]
    bob.send(b"PRIVMSG #a :four\r\n")
    pair.settle()
    assert lines(ann) == [":bob!bob@parley PRIVMSG #a :four"]


def test_what_one_does_to_a_room_answers_the_label(pair):
    ann, bob = come(pair, b"ann", b"#a", caps=b"labeled-response batch"), come(pair, b"bob", b"#a")
    ann.heard()
    ann.send(b"@label=x TOPIC #a :new\r\n")
    pair.settle()
    assert lines(ann) == ["@label=x :ann!ann@parley TOPIC #a :new"]
    assert lines(bob) == [":ann!ann@parley TOPIC #a :new"]


def test_each_form_is_made_when_there_is_somebody_to_hear_it(pair):
    worker = pair.driven[0].worker
    assert not worker.audiences
    come(pair, b"ann", b"#a", caps=b"server-time")
    assert ("irc", "server-time", HOME) in worker.audiences


def test_a_form_without_members_is_dropped_where_there_are_many_unless_somebody_is_about_to_log_in_there(
        pair, monkeypatch):
    monkeypatch.setattr(audiences, "MANY", 0)
    forms = pair.driven[0].worker.audiences
    come(pair, b"bob", caps=b"batch").send(b"QUIT\r\n")
    slow = [pair.connect(1, protocol="irc") for _ in range(3)]
    for peer, caps in zip(slow, (b"server-time", b"message-tags", b"away-notify")):
        peer.send(b"CAP REQ :%b\r\n" % caps)
        pair.settle()
    cid = come(pair, b"cid", b"#a", caps=b"setname")
    for number, peer in enumerate(slow):
        peer.send(b"NICK m%d\r\nUSER m 0 * :m\r\nCAP END\r\nJOIN #a\r\n" % number)
    pair.settle()
    cid.send(b"PRIVMSG #a :hi\r\n")
    pair.settle()
    assert all(lines(peer)[-1].endswith(" PRIVMSG #a :hi") for peer in slow)
    assert sorted(form for _, form, _ in forms) == ["", "away-notify", "message-tags", "server-time", "setname"]


@pytest.mark.parametrize("caps, told, rounds", [
    (b"", ["JOIN", "353", "366"], 1), (b"draft/read-marker", ["JOIN", "MARKREAD", "353", "366"], 3)])
def test_who_joins_a_room_is_told_with_the_answer_who_is_there(pair, caps, told, rounds):
    bob = come(pair, b"bob", b"#a", b"#lobby", worker=2)
    ann = come(pair, b"ann", caps=caps)
    for room in (b"#a", b"#lobby"):
        ann.send(b"JOIN " + room + b"\r\n")
        for _ in range(rounds):
            pair.tick()
            pair.hub.turn(0)
        pair.tick()
        heard = lines(ann)
        assert [line.split(" ")[1] for line in heard] == told
        assert {name.lstrip("@") for name in heard[-2].rpartition(":")[2].split(" ")} == {"ann", "bob"}
    pair.settle()
    assert lines(ann) == [] and len(lines(bob)) == 2


def test_who_does_not_know_of_renames_leaves_and_comes_in_again(pair):
    ann = come(pair, b"ann", b"#a", caps=b"draft/channel-rename labeled-response batch")
    bob, cid = come(pair, b"bob", b"#a", b"#b", worker=2), come(pair, b"cid", b"#a", caps=b"server-time")
    ann.send(b"TOPIC #a :new\r\n")
    pair.settle()
    for peer in (ann, bob, cid):
        peer.heard()
    ann.send(b"@label=x RENAME #a #c :why\r\n")
    pair.settle()
    assert lines(ann) == ["@label=x :ann!ann@parley RENAME #a #c :why"]
    for peer, name in ((bob, "bob"), (cid, "cid")):
        told = [line.partition("Z ")[2] or line for line in lines(peer)]
        assert told[:3] == [":{0}!{0}@parley PART #a :why".format(name), ":{0}!{0}@parley JOIN #c".format(name),
                            ":irc.parley 332 %s #c :new" % name]
        assert told[4:] == [":irc.parley 353 %s = #c :@ann bob cid" % name,
                            ":irc.parley 366 %s #c :End of /NAMES list" % name]
    bob.send(b"PRIVMSG #c :hi\r\nPRIVMSG #a :hi\r\n")
    pair.settle()
    assert lines(ann) == [":bob!bob@parley PRIVMSG #c :hi"]
    ann.send(b"RENAME #c #b\r\nRENAME #c x\r\nRENAME #nix #y\r\n")
    pair.settle()
    assert [line.split(" ")[1:4] for line in lines(ann)] == [
        ["FAIL", "RENAME", "CHANNEL_NAME_IN_USE"], ["FAIL", "RENAME", "CANNOT_RENAME"], ["403", "ann", "#nix"]]
