"""The desktop client over `web`, without a window, beside one over `dollar` and people of other protocols."""
import os
import re
import socket
import sys

import pytest
from gui_servers import SECONDS, USERS, wait_until

from parley.client import connect
from parley.client.files import told_in
from parley.client.gui.account import NewAccount, address_of
from parley.client.gui.conversation import ROOM
from parley.client.gui.model import Model
from parley.client.settings import Settings
from parley.conformance.targets import launch


@pytest.fixture(scope="module")
def server():
    """Our server; the tests use names of their own."""
    with launch(workers=2, users=USERS, protocols=("line", "dollar", "web")) as server:
        yield server


def url(server, protocol):
    return "%s://%s:%d" % ((protocol,) + tuple(server.address(protocol)))


@pytest.fixture
def window(server):
    """window(protocol, name, password): the model of a window, logged in and with the lobby open."""
    models = []

    def log_in(protocol, name, password=""):
        model = Model(url(server, protocol), name, password)
        models.append(model)
        until(model, lambda: name in model.online and model.has_room)
        model.open_conversation(model.conversation(ROOM))
        until(model, lambda: model.open.is_loaded)
        return model

    yield log_in
    for model in models:
        model.close(0)


def until(model, is_so):
    wait_until(is_so, model.tick)


def told(model, partner):
    """(who, what) of each message, but for what has happened."""
    return [(one.sender, one.text) for one in model.conversation(partner).messages if one.sender]


def test_what_is_typed_as_a_server_may_be_of_the_web():
    assert str(address_of("web://chat.example")) == "web://chat.example:8000"
    with pytest.raises(ValueError, match="`dollar` and `web`"):
        address_of("binary://chat.example")


def test_two_windows_talk_over_web_and_dollar(window):
    alice, gina = window("dollar", "Alice", USERS["Alice"]), window("web", "gina")
    until(gina, lambda: gina.online.get("Alice"))
    assert gina.say("hi all") and {message.state for message in gina.open.messages} == {"sending"}
    until(alice, lambda: told(alice, ROOM)[-1:] == [("gina", "hi all")])
    until(gina, lambda: {message.state for message in gina.open.messages} == {""})
    gina.open_conversation(gina.conversation("Alice"))
    assert gina.say("psst")
    until(alice, lambda: told(alice, "gina") == [("gina", "psst")])
    gina.set_focus(False)
    assert alice.say("/dm gina what?")
    until(gina, lambda: gina.unread == 1)
    assert told(gina, "Alice") == [("gina", "psst"), ("Alice", "what?")]
    assert gina.say("/who #lobby")
    until(gina, lambda: any("Alice" in one.text for one in gina.open.messages if not one.sender))
    alice.close()
    until(gina, lambda: not gina.online.get("Alice"))


def test_who_comes_goes_and_is_renamed_is_in_the_list(server, window):
    ida = window("web", "ida")
    with connect(url(server, "line"), "jo") as jo:
        until(ida, lambda: ida.online.get("jo"))
        jo.close()
    until(ida, lambda: "jo" not in ida.online)
    with connect(url(server, "web"), "kim") as kim:
        until(ida, lambda: ida.online.get("kim"))
        kim.rename("kai")
        assert kim.finish(SECONDS)
        until(ida, lambda: ida.online.get("kai") and "kim" not in ida.online)


def test_what_was_said_while_the_line_was_cut_is_there_once_and_unread(server, window):
    lea = window("web", "Bob", USERS["Bob"])
    with connect(url(server, "line"), "max") as max_:
        max_.say("before")
        assert max_.finish(SECONDS)
        until(lea, lambda: told(lea, ROOM)[-1:] == [("max", "before")])
        assert lea.say("/join #cut")
        until(lea, lambda: lea.open.partner == "#cut")
        max_.join_room("#cut")
        lea._chat.DELAYS = (0,)
        lea._chat._sock.shutdown(socket.SHUT_RDWR)
        until(lea, lambda: not lea.is_online)
        for text, room in (("one", None), ("two", "#cut")):
            max_.say(text, room)
        max_.whisper("Bob", "three")
        assert max_.finish(SECONDS)
        until(lea, lambda: lea.is_online and ("max", "three") in told(lea, "max") and ("max", "one") in told(lea, ROOM)
              and ("max", "two") in told(lea, "#cut"))
        max_.say("after")
        until(lea, lambda: told(lea, ROOM)[-1:] == [("max", "after")])
    for partner, text in ((ROOM, "one"), ("#cut", "two"), ("max", "three")):
        assert told(lea, partner).count(("max", text)) == 1
    assert (lea.unread, lea.conversation("max").unread) == (3, 1)  # "#cut" is open


def test_an_account_is_made_at_the_port_of_the_page_and_what_was_kept_is_unread(server, window):
    made = NewAccount(url(server, "web"), "nora", "s3cret")
    wait_until(lambda: made.is_made or made.why_not, made.tick)
    assert not made.why_not
    made.close()
    with connect(url(server, "line"), "otto") as otto:
        otto.whisper("nora", "are you there?")
        assert otto.finish(SECONDS)
    nora = window("web", "nora", "s3cret")
    until(nora, lambda: nora.conversation("otto").unread == 1)
    assert told(nora, "otto") == [("otto", "are you there?")]
    nora.open_conversation(nora.conversation("otto"))
    until(nora, lambda: nora.open.is_loaded)
    assert (told(nora, "otto"), nora.unread) == ([("otto", "are you there?")], 0)
    again = NewAccount(url(server, "web"), "nora", "other")
    wait_until(lambda: again.why_not, again.tick)
    assert "line" not in again.why_not
    again.close()


@pytest.fixture(scope="module")
def keeping(tmp_path_factory):
    """Our server, with files."""
    directory = str(tmp_path_factory.mktemp("kept") / "storage")
    config = {"storage": {"directory": directory}, "files": {"file_bytes": 9 << 20}}
    with launch(1, config, users=USERS, protocols=("dollar", "web")) as server:
        yield server


def test_files_are_sent_and_saved_and_who_cannot_is_told_why(keeping, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    data = os.urandom(3 << 20)
    (tmp_path / "my plan.bin").write_bytes(data)
    (tmp_path / "big").write_bytes(bytes((9 << 20) + 1))
    ann, bea = (Model(url(keeping, "web"), name, "") for name in ("ann", "bea"))
    dora = Model(url(keeping, "dollar"), "Alice", USERS["Alice"])
    try:
        for one in (ann, bea, dora):
            until(one, lambda: one.has_room)
            one.open_conversation(one.conversation(ROOM))
            until(one, lambda: one.open.is_loaded)
        assert (ann.has_files, dora.has_files, ann.keeps_files, dora.keeps_files) == (True, False, True, False)
        assert ann.send_file(str(tmp_path / "my plan.bin"))
        seen = set()
        until(ann, lambda: seen.add(ann.moving) or ann.open.messages)
        assert "Sending my plan.bin: 100 %" in seen and ann.moving == ""
        assert ann.open.messages[-1].text == "my plan.bin was sent to the lobby."
        until(bea, lambda: told(bea, ROOM))
        until(dora, lambda: told(dora, ROOM))
        (sender, text), = told(bea, ROOM)
        assert (sender, told_in(text)[:2]) == ("ann", ("my plan.bin", "3.1 MB"))

        assert bea.say("/save") and bea.say("/save my plan.bin")
        until(bea, lambda: sum("was saved as" in one.text for one in bea.open.messages) == 2)
        assert bea.save_file(text, str(tmp_path / "mine.bin"))  # as the dialog does
        until(bea, lambda: bea.open.messages[-1].text == "my plan.bin was saved as %s." % (tmp_path / "mine.bin"))
        for path in (home / "my plan.bin", home / "my plan (1).bin", tmp_path / "mine.bin"):
            assert path.read_bytes() == data

        assert ann.say("/send %s bea" % (tmp_path / "my plan.bin"))
        until(ann, lambda: any("sent to bea" in one.text for one in ann.conversation("bea").messages))
        until(bea, lambda: [who for who, _ in told(bea, "ann")] == ["ann"])
        for typed, why in (("/send nothing", "no such file"), ("/save 7", "There is no such file here")):
            assert not ann.say(typed) and why in ann.trouble
        assert not ann.send_file(str(tmp_path)) and "is a directory" in ann.trouble
        assert ann.send_file(str(tmp_path / "big"))
        until(ann, lambda: ann.trouble)
        assert ann.trouble == "big is not sent: The file is too big."
        for typed in ("/send " + str(tmp_path / "big"), "/save"):
            assert not dora.say(typed) and "`dollar` carries no files" in dora.trouble
        for one, is_there in ((ann, True), (dora, False)):
            assert one.say("/help") and ("/send" in one.open.messages[-1].text) == is_there
            assert "\n/kick [#ROOM] NAME [WHY] \u2013 put NAME out\n" in one.open.messages[-1].text
            assert one.say("/help Kick")
            assert one.open.messages[-1].text == "/kick [#ROOM] NAME [WHY] \u2013 put NAME out"
            assert one.say("/help send") == is_there
    finally:
        for one in (ann, bea, dora):
            one.close(0)


@pytest.fixture
def account(server, tmp_path):
    """account(name, device): the model of a window of an account, made if it is not there, on a device of its own."""
    models, made = [], set()

    def log_in(name, device="first"):
        if name not in made:
            made.add(name)
            with connect(url(server, "web")) as chat:
                chat.create(name, "s3cret")
                assert chat.finish(SECONDS) and chat.me == name
        settings = Settings(str(tmp_path / (name + device) / "settings.ini"))
        model = Model(url(server, "web"), name, "s3cret", settings=settings)
        models.append(model)
        until(model, lambda: model.is_welcome)
        return model

    yield log_in
    for model in models:
        model.close(0)


def settled(*models):
    """Wait until all that was asked is answered."""
    for model in models:
        assert model._chat.finish(SECONDS)
        model.tick()


def talk_to(model, partner, *typed):
    """Open the conversation, type there, and wait until all of it is answered."""
    model.open_conversation(model.conversation(partner))
    until(model, lambda: model.open.is_loaded)
    for text in typed:
        assert model.say(text), model.trouble
    settled(model)


def last(model, partner):
    """(who, what, was it sealed?) of the latest message."""
    return next(((one.sender, one.text, one.is_sealed) for one in reversed(model.conversation(partner).messages)
                 if one.sender), None)


def test_what_is_sealed_is_shown_opened_and_the_answer_is_sealed_too(server, account):
    pytest.importorskip("cryptography")
    uma, vic = account("uma"), account("vic")
    talk_to(vic, ROOM, "/seal", "/seal off")
    talk_to(uma, "vic", "openly")
    assert last(uma, "vic") == ("uma", "openly", False) and not uma.is_sealed(uma.open)
    talk_to(uma, "vic", "/seal", "for you")
    assert last(uma, "vic") == ("uma", "for you", True) and uma.is_sealed(uma.open)
    assert any(one.text == "What you say to vic is sealed from now on." for one in uma.open.messages)
    until(vic, lambda: last(vic, "uma") == ("uma", "for you", True))
    assert vic.is_sealed(vic.conversation("uma"))
    talk_to(vic, "uma", "* vic nods")
    until(uma, lambda: last(uma, "vic") == ("vic", "* vic nods", True))
    assert not uma.keeps_files and not uma.send_file(__file__) and uma.trouble == "This server keeps no files."
    talk_to(uma, ROOM, "/seal")
    with connect(url(server, "line"), "wes"):
        assert uma.say("not for wes")
        until(uma, lambda: "wes has no device" in uma.trouble)
        assert uma.open.draft == "not for wes" and uma.open.messages[-1].state == "not sent"
    uma.close()
    again = account("uma")
    talk_to(again, "vic", "and on")
    assert [(one.text, one.is_sealed) for one in again.open.messages if one.sender] == [
        ("openly", False), ("for you", True), ("* vic nods", True), ("and on", True)]
    assert [one.text for one in again.open.messages if one.text == "and on"] == ["and on"]


def test_a_sealed_file_is_sent_and_saved_like_others_also_one_of_the_history(keeping, tmp_path):
    pytest.importorskip("cryptography")
    data = os.urandom(200000)
    (tmp_path / "plan.bin").write_bytes(data)
    alice, bob = models = [Model(url(keeping, "web"), name, USERS[name],
                                 settings=Settings(str(tmp_path / name / "settings.ini"))) for name in ("Alice", "Bob")]
    try:
        for one, other in ((bob, "Alice"), (alice, "Bob")):
            until(one, lambda one=one: one.is_welcome)
            talk_to(one, other, "/seal")
        talk_to(bob, "Alice", "here it comes")
        assert bob.send_file(str(tmp_path / "plan.bin"))
        until(bob, lambda: any("sent to Alice" in one.text for one in bob.open.messages) or bob.trouble)
        until(alice, lambda: last(alice, "Bob") == ("Bob", "[file] plan.bin, 200 kB", True))
        bob.close()
        again = Model(url(keeping, "web"), "Bob", USERS["Bob"],
                      settings=Settings(str(tmp_path / "Bob" / "settings.ini")))
        models.append(again)
        until(again, lambda: again.is_welcome)
        talk_to(again, "Alice")
        assert last(again, "Alice") == ("Bob", "[file] plan.bin, 200 kB", True)
        for one, name in ((alice, "of alice"), (again, "of bob")):
            assert one.save_file(one.open.messages[-1].text, str(tmp_path / name))
            until(one, lambda one=one: "was saved as" in one.open.messages[-1].text or one.trouble)
            assert (tmp_path / name).read_bytes() == data
    finally:
        for one in models:
            one.close(0)


def news_of(model):
    """What was told about own devices, wherever; it comes before or after a conversation is open."""
    return [one.text for place in (ROOM, "xia") for one in model.conversation(place).messages
            if one.sender is None and "You have a new device" in one.text]


def test_a_new_device_is_told_of_once_and_stops_who_has_compared(account):
    pytest.importorskip("cryptography")
    xia, yan = account("xia"), account("yan")
    talk_to(yan, "xia", "/seal")
    talk_to(xia, "yan", "/seal", "first")
    until(yan, lambda: last(yan, "xia") == ("xia", "first", True))
    talk_to(xia, "yan", "/verify yan")
    talk_to(yan, "xia", "/verify xia")
    digits = [model.open.messages[-1].text.split(": ")[1].split(".")[0] for model in (xia, yan)]
    assert digits[0] == digits[1] and len(digits[0].split()) == 12
    talk_to(xia, "yan", "/verify yan yes")
    yan.close()
    phone = account("yan", "phone")
    talk_to(phone, "xia", "/seal")
    until(xia, lambda: any("none of the others vouches for" in one.text for one in xia.open.messages))
    assert not xia.say("not for the phone") and "/verify yan" in xia.trouble
    phone.close()
    first = account("yan")
    talk_to(first, "xia")
    until(first, lambda: news_of(first))
    (news,) = news_of(first)
    talk_to(first, "xia", re.search(r"/seal accept \w+", news).group())
    until(xia, lambda: xia.say("for both"))  # once it has heard of that
    settled(xia)
    until(first, lambda: last(first, "xia") == ("xia", "for both", True))
    assert sum("none of the others vouches for" in one.text for one in xia.open.messages) == 1
    with pytest.raises(AssertionError, match="written /seal"):
        talk_to(first, "xia", "/seal what")


def test_where_nothing_can_be_sealed_a_sentence_says_why(window, monkeypatch):
    dora = window("dollar", "Charlie", USERS["Charlie"])
    for typed in ("/seal", "/verify gina"):
        assert not dora.say(typed) and dora.trouble == "Messages can be sealed in `web` only."
    monkeypatch.setitem(sys.modules, "parley.client.seal.talk", None)  # as without cryptography
    zoe = window("web", "zoe")
    for typed in ("/seal", "/seal off", "/verify gina"):
        assert not zoe.say(typed) and "pip install cryptography" in zoe.trouble
    assert not zoe.is_sealed(zoe.open)
