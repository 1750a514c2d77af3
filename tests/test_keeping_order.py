"""Operators keep order, with a server that runs, or over the database of one that has run."""
import os
import re
import shutil

import pytest
from in_process import run_main

from parley.conformance.targets import launch
from parley.server.supervisor import passwords
from stress.proofs.clients import Client

AUDIT = re.compile(  # as docs/operating.md has it
    r'\S+ info parent \([0-9]+\): audit who=(\S+) from=("[^"]*") act=(\S+) room=(\S+) about=(\S+) text=(.*)')


@pytest.fixture
def command(monkeypatch, tmp_path):
    """command(argument, ...) is `python -m server` with these arguments: what it prints, if it can do it."""
    monkeypatch.setattr(passwords, "COSTS", {"scrypt": (2, 1, 1), "pbkdf2": (1,)})

    def run(*arguments, given=b"", fails=False):
        done = run_main(monkeypatch, tmp_path, arguments, given)
        assert done.returncode == (1 if fails else 0), done
        if fails:
            assert done.stdout == b"" and done.stderr.startswith(b"parley: ") and done.stderr.count(b"\n") == 1
        return (done.stderr if fails else done.stdout).decode()

    return run


@pytest.fixture(params=["storage", "memory"])
def place(request, tmp_path):
    """(arguments of a server, those of the commands that ask it)."""
    if request.param == "storage":
        return (["--storage", str(tmp_path / "kept")],) * 2
    return ["--socket", str(tmp_path / "socket")], ["--socket", str(tmp_path / "socket")]


def audited(server):
    """(who, from, act, room, about, text) of the acts in the log."""
    return [AUDIT.fullmatch(line).groups() for line in server.stderr_text().splitlines() if " audit " in line]


def test_order_is_kept_while_the_server_runs(command, place):
    of_server, of_commands = place
    with launch(workers=2, config={"motd": "Hello,\nyou."}, args=of_server) as server:
        with Client(server.address(), "bob") as bob, Client(server.address(), "cid") as cid:
            for client in (bob, cid):
                client.say("JOIN #dev")
                client.until("OK")
            bob.until("#dev INFO cid joined")
            assert command("kick", "cid", "too", "loud", "--room", "dev", *of_commands) == "cid is kicked out of #dev\n"
            bob.until("#dev INFO server kicked cid: too loud")
            cid.until("#dev INFO server kicked cid: too loud")
            rows = [line.split() for line in command("who", *of_commands).splitlines()]
            assert [(row[0], row[2:]) for row in rows] == [
                ("name", ["address", "rooms"]), ("bob", ["127.0.0.1", "#lobby", "#dev"]),
                ("cid", ["127.0.0.1", "#lobby"])]
            assert {row[1] for row in rows[1:]} <= {"0", "1"}
            assert "2 names in use, 0 accounts, 1 rooms, 2 workers" in command("status", *of_commands)
            assert command("say", "hello", "all", *of_commands) == ""
            bob.until("MSG server hello all")
            assert command("mute", "bob", *of_commands) == "bob is muted in the lobby\n"
            bob.say("MSG hi")
            bob.until("ERR muted")
            assert command("unmute", "bob", *of_commands) == "bob is no longer muted in the lobby\n"
            bob.say("HISTORY")
            assert bob.until("END HISTORY 1 complete")[-1].endswith(b" server hello all")
            assert command("kick", "bob", *of_commands) == "bob is kicked out of the lobby\n"
            assert bob.rest()[-1] == b"INFO kicked"
            with Client(server.address()) as again:
                again.say("LOGIN bob")
                again.expect("ERR try-again-later")
                again.say("LOGIN rob")
                again.expect("OK")
                again.expect("INFO Hello,")
                again.expect("INFO you.")
            command("ban", "127.0.0.0/8", "spam", *of_commands)
            assert cid.rest()[-1] == b"INFO banned"
            with Client(server.address()) as again:
                again.say("LOGIN new")
                again.expect("ERR banned")
            assert "these are: 127.0.0.0/8" in command("unban", "127.0.0.1", *of_commands, fails=True)
            command("unban", "127.0.0.0/8", *of_commands)
            assert "nobody called bob is here" in command("kick", "bob", *of_commands, fails=True)
            assert "the lobby cannot be dropped" in command("drop", "lobby", *of_commands, fails=True)
        assert [act[:5] for act in audited(server)] == [
            ("server", '"control socket"', *act) for act in (
                ("kick", '"#dev"', "cid"), ("say", '"#lobby"', "-"), ("mute", '"#lobby"', "bob"),
                ("unmute", '"#lobby"', "bob"), ("kick", '"#lobby"', "bob"), ("ban", '"#lobby"', "127.0.0.0/8"),
                ("unban", '"#lobby"', "127.0.0.0/8"))]
        assert audited(server)[0][5] == '"too loud"'


def test_a_name_in_the_configuration_is_an_operators(command, tmp_path):
    kept = ["--storage", str(tmp_path / "kept")]
    command("passwd", "ann", *kept, given=b"pw\n")
    with launch(workers=2, config={"operators": ["ann"]}, args=kept) as server:
        with Client(server.address()) as ann, Client(server.address(), "bob") as bob:
            ann.say("LOGIN ann pw")
            ann.expect("OK")
            ann.say("#lobby KICK bob why\tso")
            ann.until("OK")
            assert bob.rest()[-1] == b"INFO kicked"
        ((who, place, act, room, about, text),) = audited(server)
        assert re.fullmatch('"127.0.0.1 worker [01] session [0-9]+"', place)
        assert (who, act, room, about, text) == ("ann", "kick", '"#lobby"', "bob", '"why so"')


@pytest.mark.parametrize("arguments", [["who"], ["kick", "ann"], ["say", "hi"]])
def test_what_needs_a_server_says_so(command, tmp_path, arguments):
    kept = ["--storage", str(tmp_path / "kept")]
    command("passwd", "ann", *kept, given=b"pw\n")
    assert "no server answers" in command(*arguments, *kept, fails=True)


def make_a_room(server, topic):
    """zoe, whose password is pw, makes a room, and two things are said."""
    with Client(server.address()) as zoe, Client(server.address(), "bob") as bob:
        zoe.say("LOGIN zoe pw")
        zoe.until("OK")
        for client in (zoe, bob):
            client.say("JOIN #dev")
            client.until("OK")
        for line in ("#dev TOPIC " + topic, "#dev VOICE bob", "#dev BAN eve", "#dev SET slow 7"):
            zoe.say(line)
            zoe.until("OK")
        zoe.say("#dev MSG first")
        zoe.say("MSG in the lobby")
        bob.until("MSG zoe in the lobby")


def is_there_again(server, topic):
    """Everything that `make_a_room` has left."""
    with Client(server.address()) as zoe:
        zoe.say("LOGIN zoe pw")
        zoe.until("OK")
        for said, heard in (("JOIN #dev", "OK"), ("#dev TOPIC", "#dev TOPIC " + topic),
                            ("#dev HISTORY", "#dev END HISTORY 1 complete"), ("HISTORY", "END HISTORY 3 complete"),
                            ("#dev UNBAN eve", "OK"), ("#dev DROP", "OK")):
            zoe.say(said)
            zoe.until(heard)


def test_rooms_are_kept_and_managed_without_a_server(command, tmp_path):
    kept = ["--storage", str(tmp_path / "kept")]
    command("passwd", "zoe", *kept, given=b"pw\n")
    with launch(workers=2, args=kept) as server:
        make_a_room(server, "the topic")
    listed = "room    members  owner  bans  mutes  settings  topic\n"
    assert command("rooms", *kept) == (
        listed + "#dev          0  zoe       1      0  slow=7    the topic\n#lobby        0  -         0      0  -\n")
    command("ban", "bot*", "--room", "#dev", *kept)
    command("mute", "mel", *kept)
    command("ban", "2001:db8::1", *kept)
    assert "these are: 2001:db8::/64" in command("unban", "bot*", *kept, fails=True)
    command("unban", "eve", "--room", "#dev", *kept)
    with launch(workers=2, args=kept) as server, Client(server.address(), "mel") as mel:
        mel.say("MSG hi")
        mel.until("ERR muted")
        with Client(server.address(), "bot1") as bot:
            bot.say("JOIN #dev")
            bot.until("ERR banned")
        assert command("unmute", "mel", *kept) == "mel is no longer muted in the lobby\n"
    assert command("drop", "dev", *kept) == "#dev is dropped\n"
    assert command("rooms", *kept) == (
        "room    members  owner  bans  mutes  settings  topic\n#lobby        0  -         1      0  -\n")
    assert "there is no room #dev" in command("drop", "dev", *kept, fails=True)


@pytest.mark.parametrize("running", [True, False], ids=["of a server", "of a database"])
def test_what_a_copy_has_is_there_again(command, tmp_path, running):
    kept, copy = ["--storage", str(tmp_path / "kept")], str(tmp_path / "copy.db")
    command("passwd", "zoe", *kept, given=b"pw\n")
    with launch(workers=2, args=kept) as server:
        make_a_room(server, "the topic")
        if running:
            assert command("backup", "copy.db", *kept) == "copy.db is a copy of everything that is stored\n"
            assert "is there already" in command("backup", "copy.db", *kept, fails=True)
            assert ("server", '"control socket"', "backup", "-", copy, "-") in audited(server)
    if not running:
        command("backup", "copy.db", *kept)
        assert "is there already" in command("backup", "copy.db", *kept, fails=True)
    assert os.stat(copy).st_mode & 0o077 == 0
    for name in os.listdir(str(tmp_path / "kept")):
        if name.startswith("parley.db"):
            os.unlink(str(tmp_path / "kept" / name))
    shutil.copy(copy, str(tmp_path / "kept" / "parley.db"))
    with launch(workers=2, args=kept) as server:
        is_there_again(server, "the topic")


def test_without_a_storage_there_is_nothing_to_copy(command, tmp_path):
    socket = ["--socket", str(tmp_path / "socket")]
    with launch(workers=1, args=socket):
        assert "keeps nothing on a disk" in command("backup", "copy.db", *socket, fails=True)
