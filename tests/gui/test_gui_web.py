"""The desktop client over `web`, without a window, beside one over `dollar` and people of other protocols."""
import os
import socket

import pytest
from gui_servers import SECONDS, USERS, wait_until

from parley.client import connect
from parley.client.files import told_in
from parley.client.gui.model import ROOM, Model, NewAccount, address_of
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
        assert (ann.has_files, dora.has_files) == (True, False)
        assert ann.send_file(str(tmp_path / "my plan.bin"))
        seen = set()
        until(ann, lambda: seen.add(ann.moving) or ann.open.messages)
        assert "Sending my plan.bin: 100 %" in seen and ann.moving == ""
        assert ann.open.messages[-1].text == "my plan.bin is sent to the lobby."
        until(bea, lambda: told(bea, ROOM))
        until(dora, lambda: told(dora, ROOM))
        (sender, text), = told(bea, ROOM)
        assert (sender, told_in(text)[:2]) == ("ann", ("my plan.bin", "3.1 MB"))

        assert bea.say("/save") and bea.say("/save my plan.bin")
        until(bea, lambda: sum("is saved as" in one.text for one in bea.open.messages) == 2)
        assert bea.save_file(text, str(tmp_path / "mine.bin"))  # as the dialog does
        until(bea, lambda: bea.open.messages[-1].text == "my plan.bin is saved as %s." % (tmp_path / "mine.bin"))
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
    finally:
        for one in (ann, bea, dora):
            one.close(0)
