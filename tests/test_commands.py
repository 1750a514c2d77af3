"""What operators do beside serving, as they do it: in a shell, with a server that runs or has run."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

import preloaded
import pytest
from cases import for_each
from in_process import run_main
from numbered import Numbered

from parley.conformance.targets import launch
from parley.server import commands
from parley.server.commands import shipped
from parley.server.commands.status import status_lines
from parley.server.protocols import PROTOCOLS
from parley.server.storage import directory
from parley.server.storage.database import Database
from parley.server.storage.directory import Directory
from parley.server.supervisor import passwords
from stress.proofs import voices
from stress.proofs.clients import Client, Closed
from stress.proofs.processes import children, wait_until, worker_of

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 60

USERS = {"users": [{"username": "Alice", "password": "123"}, {"username": "Zoë"}]}
HISTORY = {"conversations": [
    {"users": ["Alice", "Bob"], "messages": [
        {"user": "Alice", "text": "hi 'Bob' \u2028 \U0001f600", "timestamp": 1600000000.25},
        {"user": "Bob", "text": "two\nlines", "timestamp": 1600000001}]},
    {"users": ["Cid", "Bob"], "messages": []},
]}

# Arguments, what the standard input has, and words of the one line that says what is wrong.
MISTAKES = [
    (["log"], "", ["nothing is stored", "--storage"]),
    (["log", "--storage", "nowhere"], "", ["nowhere", "no database"]),
    (["status", "--storage", "nowhere"], "", ["nowhere/control.sock", "no server answers", "No such file"]),
    (["status", "--storage", ""], "", ["--storage", "not an empty text"]),
    (["status"], "", ["4000.sock", "no server answers", "No such file"]),
    (["status", "--storage", "memory"], "", ["4000.sock", "no server answers"]),
    (["status", "--socket", "nowhere"], "", ["nowhere", "no server answers", "No such file"]),
    (["status", "--socket", "."], "", [".", "no server answers", "socket"]),
    (["passwd", "ann"], "pw\n", ["4000.sock", "no server answers"]),
    (["passwd", "--socket", "nowhere", "ann"], "pw\n", ["nowhere", "no server answers"]),
    (["who"], "", ["4000.sock", "no server answers"]),
    (["kick", "--storage", "nowhere", "ann"], "", ["nowhere/control.sock", "no server answers"]),
    (["say", "--socket", "nowhere", "hi"], "", ["nowhere", "no server answers"]),
    (["say", "x" * 4000], "", ["too long"]),
    (["ban", "--storage", "nowhere", "ann"], "", ["nowhere", "no database"]),
    (["ban", "300.1.1.1"], "", ["300.1.1.1", "no address"]),
    (["ban", "192.0.2.1/33"], "", ["192.0.2.1/33", "no address"]),
    (["ban", "2001:db8::g/32"], "", ["4000.sock", "no server answers"]),
    (["ban", "2001:db8:::/32"], "", ["2001:db8:::/32", "no address"]),
    (["ban", "192.0.2.0/24"], "", ["4000.sock", "no server answers"]),
    (["ban", "--room", "dev", "300.1.1.1"], "", ["4000.sock", "no server answers"]),
    (["backup", os.fsdecode(b"a\xff")], "", ["not UTF-8", "another name"]),
    (["rooms", "--storage", "nowhere"], "", ["nowhere", "no database"]),
    (["drop", "--storage", "nowhere", "dev"], "", ["nowhere", "no database"]),
    (["backup", "--storage", "nowhere", "copy"], "", ["nowhere", "no database"]),
    (["refill"], "", ["4000.sock", "no server answers"]),
    (["mute", os.fsdecode(b"a\xff")], "", ["nobody's name"]),
    (["passwd", "--storage", "new", "ann"], "\n", ["at least one character"]),
    (["passwd", "--storage", "new", "ann"], "x" * 1025 + "\n", ["at most 1024 bytes"]),
    (["passwd", "--storage", "new", "a b"], "x\n", ["'a b'", "not a valid name"]),
    (["passwd", "--storage", "new", os.fsdecode(b"a\xff")], "x\n", ["not a valid name"]),
    (["passwd", "--storage", "new", "ann"], "x\udcff\n", ["UTF-8"]),
    (["import", "--storage", "new", "users", "nowhere.json"], "", ["nowhere.json", "No such file"]),
    (["import", "--storage", "new", "users", "-"], "{", ["not JSON"]),
    (["import", "--storage", "new", "users", "-"], json.dumps({"users": [{"username": "a", "password": "x" * 1025}]}),
     ["at most 1024 bytes"]),
    (["import", "--storage", "new", "users", "-"], "[]", ["-:1: [] instead of a mapping; expected {"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "a", "secret": 1}]}',
     ["-:1: users[0].secret: something else instead of a text"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "a", "secret": "x"}]}', ["not a secret"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "a", "secret": ""}]}', ["not a secret"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "lobby"}]}', ["not a valid name"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "ann"}, {"username": "ANN"}]}',
     ["too much like"]),
    (["import", "--storage", "new", "history", "-"],
     '{"conversations": [{"users": ["a", "b"], "messages": [{"user": "c", "text": "x", "timestamp": 1}]}]}',
     ["not one of the two"]),
    (["export", "--storage", "nowhere", "users", "-"], "", ["no database"]),
    (["import", "--storage", "new", "users", "-"], '{"users": {"username": "a"}}', ["users: {", "instead of a list"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "a"}, {"name": "b"}]}',
     ["-:1: users[1]: 'username' is missing"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "a"}, 5]}',
     ["-:1: users[1]: 5 instead of a mapping"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "\\ud800"}]}',
     ["-:1: users[0].username: ", "half of a character"]),
    (["import", "--storage", "new", "history", "-"], '{"conversations": [{"users": ["a"], "messages": []}]}',
     ["-:1: conversations[0].users: there are 1 users"]),
    (["import", "--storage", "new", "history", "-"], '{"conversations": [{"users": ["a", "b"]}]}',
     ["-:1: conversations[0]: 'messages' is missing"]),
]
TIMES = ["1e30", "1" + 30 * "0", "-1", "-0.5", "NaN", "Infinity", "-Infinity", '"5"', "true", "null", "[1]",
         "253402300800"]  # fmt: skip
MISTAKES += [
    (["import", "--storage", "new", "history", "-"],
     '{"conversations": [{"users": ["a", "b"], "messages": []}, {"users": ["a", "b"], "messages": ['
     '{"user": "a", "text": "x", "timestamp": 1}, {"user": "a", "text": "x", "timestamp": %s}]}]}' % when,
     ["-:1: conversations[1].messages[1].timestamp: %s" % when[:20]])
    for when in TIMES]


@pytest.fixture
def command(monkeypatch, tmp_path):
    """command(argument, ..., given="") is `python -m server` with these arguments, in an empty directory.

    Its environment has more variables; among them is where no server of this machine is found.
    """
    monkeypatch.setattr(passwords, "COSTS", {"scrypt": (2, 1, 1), "pbkdf2": (1,)})

    def run(*arguments, given="", encoding="utf-8", **variables):
        with monkeypatch.context() as patch:
            for name, value in dict({"XDG_RUNTIME_DIR": str(tmp_path)}, **variables).items():
                patch.setenv(name, value)
            patch.setattr(tempfile, "tempdir", str(tmp_path))
            return run_main(monkeypatch, tmp_path, arguments, given.encode("utf-8", "surrogateescape"), encoding)

    return run


@pytest.fixture
def process(tmp_path):
    """The same in a process, with more variables in its environment."""

    def run(*arguments, given="", **variables):
        environment = dict(os.environ, PYTHONPATH=ROOT, PYTHONIOENCODING="utf-8", TMPDIR=str(tmp_path))
        environment.pop("XDG_RUNTIME_DIR", None)
        environment.update(variables)
        return subprocess.run(
            [sys.executable, "-m", "server", *arguments], cwd=str(tmp_path), env=environment, timeout=SECONDS,
            input=given.encode("utf-8", "surrogateescape"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return run


@pytest.fixture
def storage(tmp_path):
    return str(tmp_path / "storage")


@pytest.fixture
def serve():
    """launch(...) with these variables, in the place of what the tests' own are."""
    def start(*arguments, **variables):
        environment = ["env"] + ["%s=%s" % pair for pair in variables.items()]
        return launch(workers=2, args=arguments, command=[*environment, *preloaded.SERVER])

    return start


@for_each("arguments, given, words", MISTAKES)
def test_a_mistake_is_one_line(command, arguments, given, words):
    done = command(*arguments, given=given)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert told.startswith("parley: ") and told.count("\n") == 1
    for word in words:
        assert word in told


@for_each("arguments", [
    ["status", "--bogus"], ["delete"], ["box"], ["accounts", "x"], ["export"], ["export", "all", "-"],
    ["log", "--since", "x"], ["passwd"], ["import", "users"], ["kick"], ["kick", "x", "--room", "a b"], ["ban"],
    ["say"], ["drop"], ["drop", "a,b"], ["backup"], ["mute", "x", "y"], ["who", "x"],
])  # fmt: skip
def test_wrong_usage_is_one_line(command, arguments):
    done = command(*arguments)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b"")
    assert told.startswith("parley: ") and "--help" in told and told.count("\n") == 1


@pytest.mark.parametrize("arguments, given, words", [MISTAKES[0], MISTAKES[5]], ids=["config", "bytes"])
def test_a_mistake_in_a_shell_is_one_line_too(process, arguments, given, words):
    done = process(*arguments, given=given)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"parley: ") and done.stderr.count(b"\n") == 1
    assert all(word in done.stderr.decode() for word in words)


def test_wrong_usage_in_a_shell_is_one_line_too(process):
    done = process("export", "all", "-")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)


def test_a_terminal_that_cannot_show_a_text_gets_it_escaped(process, command, storage):
    command("import", "--storage", storage, "users", "-", given=json.dumps(USERS))
    done = process("passwd", "--storage", storage, "Zoë", given="x\n", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, b"Zo\\xeb has a password now\n")
    done = command("export", "--storage", storage, "users", "-", encoding="ascii")
    assert "Zoë" in done.stdout.decode()  # JSON is UTF-8 everywhere


@for_each("name", [
    "status", "log", "passwd", "accounts", "delete", "box", "who", "kick", "ban", "unban", "mute", "unmute", "say",
    "rooms", "drop", "backup", "export", "import"])  # fmt: skip
def test_every_command_explains_itself(command, name):
    done = command(name, "--help")
    assert done.returncode == 0
    assert b"--storage" in done.stdout


def test_the_configuration_to_begin_with_is_the_one_of_the_checkout(command):
    with open(os.path.join(ROOT, "config.yaml"), "rb") as file:
        assert command("config").stdout == file.read()


def test_the_examples_are_listed_and_printed(command):
    names = command("example").stdout.decode().split()
    assert {"parley.service", "users.json", "echo_bot.py"} <= set(names)
    with open(os.path.join(ROOT, "examples", "parley.service"), "rb") as file:
        assert command("example", "parley.service").stdout == file.read()
    done = command("example", "../config.yaml")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)


def test_a_folder_among_the_examples_is_none(monkeypatch, tmp_path, capsys):
    """Such as __pycache__."""
    (tmp_path / "examples" / "folder").mkdir(parents=True)
    monkeypatch.setattr(shipped.parley, "__path__", [str(tmp_path)])
    assert commands.run(["example", "folder"]) == 1
    assert capsys.readouterr() == ("", "parley: there is no example 'folder'; without a name, all are listed\n")


def test_a_command_that_is_interrupted_does_not_seem_to_have_succeeded(monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    for name in ("export", "log"):
        monkeypatch.setitem(commands.COMMANDS, name, interrupted)
    assert commands.run(["export", "--storage", "x", "history", "y"]) == 128 + signal.SIGINT
    assert commands.run(["log", "--storage", "x"]) == 128 + signal.SIGINT
    assert commands.run(["log", "--storage", "x", "--follow"]) == 0


def test_a_client_among_the_examples_runs_where_they_were_printed(command, tmp_path):
    listed = command("example").stdout.decode().split()
    for name in {"talk.py", "users.json", "dollar_client.py"} & set(listed):
        (tmp_path / name).write_bytes(command("example", name).stdout)
    done = subprocess.run([sys.executable, "dollar_client.py", "zoe"], cwd=str(tmp_path), stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"zoe is not in users.json, which has: Alice, Bob, Charlie\n")


def test_the_help_of_the_server_names_the_commands(command):
    told = command("--help").stdout.decode()
    listed = told[told.index("\ncommands, "):]
    assert "\n  mute        forbid somebody to speak in a room\n" in listed
    assert re.findall(r"\n  (\w+) ", listed) == [
        "status", "log", "passwd", "accounts", "delete", "box", "who", "kick", "ban", "unban", "mute", "unmute", "say",
        "rooms", "drop", "backup", "refill", "export", "import", "cert", "config", "example"]


def test_a_command_that_there_is_not_is_called_so(command):
    done = command("stauts")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"'stauts' is neither a command nor a port" in done.stderr


def test_users_and_history_come_out_as_they_went_in(command, storage):
    done = command("import", "--storage", storage, "users", "-", given=json.dumps(USERS))
    assert done.stdout == b"2 users imported\n"
    assert command("import", "--storage", storage, "history", "-", given=json.dumps(HISTORY)).returncode == 0
    users = json.loads(command("export", "--storage", storage, "users", "-").stdout.decode())["users"]
    assert [user["username"] for user in users] == ["Alice", "Zoë"]
    assert "secret" in users[0] and "password" not in users[0] and "secret" not in users[1]
    history = json.loads(command("export", "--storage", storage, "history", "-").stdout.decode())
    conversation, = history["conversations"]
    assert conversation["users"] == ["Alice", "Bob"]
    assert [(said["user"], said["timestamp"]) for said in conversation["messages"]] == [
        ("Alice", 1600000000), ("Bob", 1600000001)]
    assert conversation["messages"][1]["text"] == "two\nlines"


def test_exported_users_can_be_imported_elsewhere(command, storage, tmp_path):
    command("import", "--storage", storage, "users", "-", given=json.dumps(USERS))
    command("export", "--storage", storage, "users", "users.json")
    assert (tmp_path / "users.json").stat().st_mode & 0o077 == 0
    assert command("import", "--storage", storage + "2", "users", "users.json").returncode == 0
    again = command("export", "--storage", storage + "2", "users", "-").stdout
    assert again.decode() == (tmp_path / "users.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["users", "history"])
def test_an_export_is_for_this_user_alone_whatever_was_there_before(command, storage, tmp_path, kind):
    command("import", "--storage", storage, "users", "-", given=json.dumps(USERS))
    file = tmp_path / "export.json"
    file.write_text("x" * 10000)
    file.chmod(0o644)
    assert command("export", "--storage", storage, kind, "export.json").returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(file.read_text())) in (["users"], ["conversations"])
    before = os.stat("/dev/null").st_mode
    assert command("export", "--storage", storage, kind, "/dev/null").returncode == 0
    assert os.stat("/dev/null").st_mode == before


@pytest.mark.parametrize("make", [
    lambda command, storage: command("passwd", "--storage", storage, "ann", given="pw\n"),
    lambda command, storage: command(
        "import", "--storage", storage, "users", "-", given='{"users": [{"username": "ann", "password": "pw"}]}'),
], ids=["passwd", "import"])
def test_an_account_does_not_inherit_what_strangers_of_its_name_said(command, storage, make):
    with launch(workers=1, args=["--storage", storage]) as server:
        with Client(server.address(), "ann") as ann, Client(server.address(), "bob") as bob:
            ann.say("DM bob my secret")
            bob.expect("DM ann my secret")
    assert make(command, storage).returncode == 0
    database = Database(os.path.join(storage, "parley.db"))
    assert b"my secret" in [text for _, said in database.conversations() for _, text, _ in said]
    assert database.conversation(b"ann", b"bob") == []
    database.close()
    history = {"conversations": [{"users": ["ann", "bob"], "messages": [
        {"user": "bob", "text": "from elsewhere", "timestamp": 1600000000}]}]}
    assert command("import", "--storage", storage, "history", "-", given=json.dumps(history)).returncode == 0
    database = Database(os.path.join(storage, "parley.db"))
    assert [text for _, text, _ in database.conversation(b"ann", b"bob")] == [b"from elsewhere"]
    database.close()


def test_users_that_look_alike_are_imported_together_but_not_beside_those_there_are(command, storage):
    users = {"users": [{"username": "tom"}, {"username": "torn"}]}
    assert command("import", "--storage", storage, "users", "-", given=json.dumps(users)).returncode == 0
    more = {"users": [{"username": "torn", "password": "123"}, {"username": "t0m"}]}
    done = command("import", "--storage", storage, "users", "-", given=json.dumps(more))
    assert (done.returncode, done.stderr) == (
        1, b"parley: -:1: users[1]: t0m: looks too much like the name of another account\n")
    assert json.loads(command("export", "--storage", storage, "users", "-").stdout.decode()) == users


def test_what_fails_half_way_imports_nothing(command, storage):
    users = {"users": [{"username": "ann"}, {"username": "a b"}]}
    assert command("import", "--storage", storage, "users", "-", given=json.dumps(users)).returncode == 1
    assert json.loads(command("export", "--storage", storage, "users", "-").stdout.decode()) == {"users": []}


def test_nothing_is_imported_while_a_server_runs(command, storage, monkeypatch):
    monkeypatch.setattr(directory, "WAIT", 0)
    with launch(workers=1, args=["--storage", storage]) as server:
        done = command("import", "--storage", storage, "users", "-", given=json.dumps(USERS))
        assert done.returncode == 1
        assert b"in use by another server (pid %d)" % server.pid in done.stderr


def test_a_password_protects_a_name_at_once_and_for_good(command, storage):
    with launch(workers=2, args=["--storage", storage]) as server:
        assert command("passwd", "--storage", storage, "ann", given="s3cret\n").stdout == b"ann has a password now\n"
        with Client(server.address()) as client:
            client.say("LOGIN ann")
            client.expect("ERR password-required")
            client.say("LOGIN ann s3cret")
            client.expect("OK")
        assert command("passwd", "--storage", storage, "ANN", given="x\n").returncode == 1
    assert command("passwd", "--storage", storage, "ann", given="other\n").returncode == 0
    with launch(workers=1, args=["--storage", storage]) as server, Client(server.address()) as client:
        client.say("LOGIN ann s3cret")
        client.expect("ERR wrong-password")
        client.say("LOGIN ann other")
        client.expect("OK")


def test_the_log_shows_what_was_said_and_follows_it(command, storage):
    with launch(workers=2, args=["--storage", storage]) as server, Client(server.address(), "ann") as client:
        client.say("MSG hi \x1b[31mthere")
        wait_until(lambda: command("log", "--storage", storage).stdout, SECONDS)
        shown = command("log", "--storage", storage).stdout.decode()
        assert shown.startswith("1 20") and shown.endswith(" ann: hi \u241b[31mthere\n")
        following = subprocess.Popen(
            [sys.executable, "-m", "server", "log", "--storage", storage, "--since", "1", "--follow"], cwd=ROOT,
            stdout=subprocess.PIPE, env=dict(os.environ, PYTHONIOENCODING="utf-8"))
        try:
            for word in (b"again", b"and again"):
                client.say("MSG " + word.decode())
                assert following.stdout.readline().endswith(b" ann: %b\n" % word)
            following.send_signal(signal.SIGINT)
            assert following.wait(SECONDS) == 0
        finally:
            following.kill()
            following.wait()
            following.stdout.close()


def boxes(storage, *said):
    """Bring what was said to accounts into a database: (sender, account, text, address)."""
    Directory(storage).let_go()
    database = Database(os.path.join(storage, "parley.db"), clock=lambda: 1600000000)
    with database.transaction():
        for name, secret in ((b"zoe", None), (b"ann", "secret"), ("\u00e4nn".encode(), None)):
            database.open_account(name, secret)
        numbered = Numbered(database, lambda: 1600000000)
        for sender, to, text, source in said:
            numbered.whisper(sender, to, text, True, source)
    database.close()


LISTING = """account  password  kept  bytes  made        last used
ann      no           0      0  %s  -
zoe      no           3      8  %s  -
\u00e4nn      no           1      2  %s  -
"""


@pytest.mark.parametrize("running", [True, False], ids=["on a server", "on a database"])
def test_operators_see_and_empty_boxes_and_delete_accounts(command, process, storage, running):
    boxes(storage, (b"bob", b"zoe", b"one", "192.0.2.1"), (b"cid", b"zoe", b"2", "2001:db8::/64"),
          ("b\u00f6b".encode(), b"zoe", "\u00e9\u00e9".encode(), ""), (b"bob", "\u00e4nn".encode(), b"hi", "192.0.2.1"))
    with contextlib.ExitStack() as stack:
        if running:
            for_ever = {"accounts": {"keep_box_days": 0}}
            stack.enter_context(launch(workers=2, config=for_ever, args=["--storage", storage]))
        shown = process("accounts", "--storage", storage, TZ="UTC").stdout.decode()
        assert shown.replace("yes", "no ") == LISTING % (("2020-09-13",) * 3)
        assert shown.splitlines()[1].split()[:2] == ["ann", "yes"]
        shown = process("box", "zoe", "--storage", storage, TZ="UTC").stdout.decode()
        assert shown.splitlines() == [
            "3 messages for zoe, 8 bytes", "from  address        time                 bytes",
            "bob   192.0.2.1      2020-09-13 12:26:40      3", "cid   2001:db8::/64  2020-09-13 12:26:40      1",
            "b\u00f6b   -              2020-09-13 12:26:40      4"]
        done = command("box", "a\u0308nn", "--empty", "--storage", storage)
        assert (done.returncode, done.stdout.decode()) == (0, "1 messages for a\u0308nn deleted\n")
        assert command("delete", "zoe", "--storage", storage).stdout == b"zoe is deleted\n"
        for arguments in (["delete", "zoe"], ["box", "zoe"], ["box", "bob", "--empty"], ["delete", "a b"],
                          ["box", os.fsdecode(b"\xff")]):
            done = command(*arguments, "--storage", storage)
            assert (done.returncode, done.stdout) == (1, b"")
            assert done.stderr.startswith(b"parley: there is no account ") and done.stderr.count(b"\n") == 1
    left = [line.split()[:4] for line in command("accounts", "--storage", storage).stdout.decode().splitlines()[1:]]
    assert left == [["ann", "yes", "0", "0"], ["\u00e4nn", "no", "0", "0"]]


def test_an_emptied_box_has_room_and_a_deleted_account_is_nobodys(command, storage):
    with launch(workers=2, args=["--storage", storage], protocols=("line", "delimited")) as server:
        with voices.Delimited(server.address("delimited"), b"ann") as ann:
            assert ann.create()
        with voices.Delimited(server.address("delimited"), b"bob") as bob:
            assert bob.create()
            while bob.say(b"ann", b"x" * 16000):
                pass
            assert bob.refusal == b"recipient has too many undelivered messages"
            assert command("box", "ann", "--empty", "--storage", storage).returncode == 0
            assert bob.say(b"ann", b"x" * 16000)
        with voices.Delimited(server.address("delimited"), b"ann") as ann:
            ann.enter()
            with Client(server.address(), "witness") as witness:
                assert command("delete", "ann", "--storage", storage).returncode == 0
                witness.until("INFO ann disconnected")
                with pytest.raises(Closed):
                    while True:
                        ann.deliver()
            with voices.Delimited(server.address("delimited"), b"ann") as other:
                assert other.create()
                assert other.deliver() == []


def test_many_accounts_are_listed_in_pages(command, storage):
    Directory(storage).let_go()
    database = Database(os.path.join(storage, "parley.db"))
    names = ["%s%04d" % ("\U0001f600" * 28, number) for number in range(1234)]
    with database.transaction():
        for name in names:
            database.open_account(name.encode(), None)
    database.close()
    with launch(workers=1, args=["--storage", storage]):
        online = command("accounts", "--storage", storage)
    assert [line.split()[0] for line in online.stdout.decode().splitlines()[1:]] == names
    assert command("accounts", "--storage", storage).stdout == online.stdout


@pytest.mark.parametrize("arguments", [["accounts"], ["delete", "ann"], ["box", "ann"]])
def test_where_there_is_no_database_none_is_made(command, storage, arguments):
    done = command(*arguments, "--storage", storage)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"parley: ") and b"there is no database" in done.stderr
    assert not os.path.exists(storage)


def test_any_number_can_be_asked_for_and_any_time_be_shown(command, storage):
    Directory(storage).let_go()
    database = Database(os.path.join(storage, "parley.db"))
    with database.transaction():
        database._insert(0, 1, [(b"ann", b"x", when * 1000) for when in (0, 253402300799, 1 << 53)])
    database.close()
    for since, lines in (("-1", 3), ("-" + 30 * "9", 3), ("2", 1), (30 * "9", 0), ("9223372036854775808", 0)):
        done = command("log", "--storage", storage, "--since", since)
        assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (0, b"", lines)
    assert b"3 285428751-11-12 07:36:32 ann: x" in command("log", "--storage", storage).stdout


def test_the_status_tells_of_every_worker(command, storage):
    with launch(workers=2, args=["--storage", storage]) as server, Client(server.address(), "ann"):

        def status():
            told = json.loads(command("status", "--storage", storage, "--json").stdout.decode())
            reports = [worker["report"] for worker in told["workers"].values()]
            return told if sum(report.get("connections", {}).get("line", 0) for report in reports) == 1 else None

        wait_until(status, SECONDS)
        told = status()
        assert (told["names"], told["accounts"], len(told["workers"])) == (1, 0, 2)
        assert told["journal"]["waiting"] == 0
        lines = command("status", "--storage", storage).stdout.decode().splitlines()
        assert lines[0] == "1 names in use, 0 accounts, 0 rooms, 2 workers"
        assert lines[2].split()[:3] == ["worker", "pid", "line"]
        assert not any("HTTP" in line or "replaced" in line for line in lines)  # which is off, and none was
    assert command("status", "--storage", storage).returncode == 1


def test_the_status_tells_of_the_web_and_of_what_workers_that_are_gone_have_counted():
    report = {"pid": 5, "connections": {"web": 2}, "visitors": 3}
    status = {
        "names": 2, "accounts": 0, "rooms": 0, "serving": [["line", False], ["web", False]],
        "workers": {"0": {"queued_bytes": 0, "report": report}, "1": {"queued_bytes": 0, "report": {}}},
        "journal": {"waiting": 0, "bytes": 0, "seconds": 0.0, "failing": True},
        "restarts": {"died": 0, "stuck": 2, "behind": 0},
        "files": {"files": {"offered": 1, "said": 2}, "bytes": 700, "uploads": 1,
                  "counters": {"received": 900, "refused": {"quota-full": 2, "no-such-file": 4}, "removed": {}}},
        "totals": {"requests": {"/": {"200": 4, "304": 1}, "other": {"404": 2}}, "refused": {"muted": 3},
                   "ended": {"line": {"quit": 2, "idle": 1}, "web": {"quit": 2}}}}
    lines = list(status_lines(status))
    assert lines[1].endswith("0.0 s ago; nothing can be stored")
    assert (lines[2].split()[:3], lines[3].split()[:3]) == (["worker", "pid", "web"], ["0", "5", "2"])
    assert lines[5:] == ["HTTP: 3 connections open, 7 requests answered",
                         "files: 3, 700 bytes used or reserved; 1 uploads in progress, 900 bytes received",
                         "connections ended: quit 4, idle 1", "commands refused: muted 3",
                         "files refused: no-such-file 4, quota-full 2", "workers replaced: stuck 2"]


def test_a_server_without_storage_is_found_by_its_port(command, serve, tmp_path):
    (tmp_path / "run").mkdir(0o700)
    with serve(XDG_RUNTIME_DIR=tmp_path / "run") as server:
        port = server.address()[1]
        path = tmp_path / "run" / "parley" / ("%d.sock" % port)
        assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
        here = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
        assert b"2 workers" in command("status", CHAT_PORT=str(port), **here).stdout
        (tmp_path / "config.yaml").write_text("listen: {line: %d}" % port)
        assert command("passwd", "ann", given="s3cret\n", **here).stdout == b"ann has a password now\n"
        with Client(server.address()) as client:
            client.say("LOGIN ann")
            client.expect("ERR password-required")
        lost = command("status", CHAT_PORT="1", **here)
        assert lost.returncode == 1 and lost.stderr.decode().endswith("name the right one with --socket: %s\n" % path)
    assert not path.exists()
    assert command("status", **here).returncode == 1


def test_without_a_folder_for_what_runs_it_is_among_the_temporary_files(process, serve, tmp_path):
    with serve(XDG_RUNTIME_DIR="", TMPDIR=tmp_path) as server:
        port = server.address()[1]
        assert (tmp_path / ("parley-%d" % os.geteuid()) / ("%d.sock" % port)).exists()
        assert b"2 workers" in process("status", CHAT_PORT=str(port)).stdout


def test_a_server_that_nobody_can_ask_serves_all_the_same(serve, tmp_path):
    (tmp_path / ("parley-%d" % os.geteuid())).write_text("in the way")
    with serve(XDG_RUNTIME_DIR="", TMPDIR=tmp_path) as server, Client(server.address(), "ann") as client:
        assert client.heard() == []
        assert server.stderr_text().count("there is no control socket") == 1


@pytest.mark.parametrize("more", [[], ["--storage", "storage"]])
def test_the_socket_may_be_chosen(command, serve, tmp_path, more):
    path = str(tmp_path / "chosen")
    with serve("--socket", path, *(str(tmp_path / word) if word == "storage" else word for word in more)):
        assert b"2 workers" in command("status", "--socket", "chosen").stdout
        assert command("passwd", "--socket", path, "ann", given="pw\n").stdout == b"ann has a password now\n"
    assert not os.path.exists(path)


def test_two_servers_of_one_port_on_two_addresses_do_not_take_each_others_socket(command, serve, tmp_path):
    (tmp_path / "run").mkdir(0o700)
    here = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    with serve(**here) as first:
        port = first.address()[1]
        here["CHAT_PORT"] = str(port)
        other = ["--host", "127.0.0.2", "--listen", "line=%d" % port]
        with serve(*other, XDG_RUNTIME_DIR=here["XDG_RUNTIME_DIR"]) as second:
            assert "another server uses this socket" in second.stderr_text()
            pids = set(children(first.pid))
            assert [worker["report"]["pid"] in pids for worker in reports(command, **here)] == [True, True]
        assert reports(command, **here)


def reports(command, *arguments, **variables):
    """What there is of each worker, once all have reported."""
    def told():
        workers = json.loads(command("status", "--json", *arguments, **variables).stdout.decode())["workers"].values()
        return all(worker["report"] for worker in workers) and list(workers)

    return wait_until(told, SECONDS)


def test_a_socket_that_is_chosen_and_cannot_be_is_one_line_and_a_code(command, serve, tmp_path):
    with serve("--socket", str(tmp_path / "taken")):
        for path, code, words in (
                ("taken", 75, b"another server uses this socket"), ("storage.json", 73, b"File exists"),
                ("nowhere/socket", 73, b"No such file")):
            (tmp_path / "storage.json").write_text("{}")
            done = command("0", "--host", "127.0.0.1", "--workers", "1", "--socket", path)
            assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (code, b"", 1)
            assert path.encode() in done.stderr and words in done.stderr
        assert (tmp_path / "storage.json").read_text() == "{}"


def test_the_status_numbers_the_workers_as_the_log_does(command, storage):
    with launch(workers=2, args=["--storage", storage]) as server:
        before = worker_of(server, 1)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: worker_of(server, 1) not in (None, before))

        def pids():
            workers = json.loads(command("status", "--storage", storage, "--json").stdout.decode())["workers"]
            return {number: worker["report"].get("pid") for number, worker in workers.items()}

        wait_until(lambda: pids() == {"0": worker_of(server, 0), "1": worker_of(server, 1)}, SECONDS)
        lines = command("status", "--storage", storage).stdout.decode().splitlines()
        assert [line.split()[:2] for line in lines[3:5]] == [
            [number, str(worker_of(server, int(number)))] for number in "01"]
        assert "workers replaced: died 1" in lines
        assert "parent (%d): worker 1 (pid %d, exit code -9) " % (server.pid, before) in server.stderr_text()
        told = {pid: number for number, pid in pids().items()}
        server.stop()
        found = re.findall(r"worker (\d+) \((\d+)\): worker done", server.stderr_text())
        assert {int(pid): number for number, pid in found} == told


# What is said to the control socket, and words of the answer: none of it may end anything.
HOSTILE = [
    (b"[" * 4090 + b"\n", "not a line of JSON"),
    (b'{"request": "passwd", "name": "ann", "secret": 3}\n', "the secret is not valid"),
    (b'{"request": "passwd", "name": 3, "secret": "pbkdf2$1$YWJj$YWJj"}\n', "the name is not valid"),
    (b"\xff" * 5000, "less than 4096 bytes"),
]


def test_nothing_that_the_control_socket_is_told_ends_a_process(command, serve, tmp_path):
    path = str(tmp_path / "s")
    with serve("--socket", path) as server, Client(server.address()) as client:
        family = children(server.pid)
        for said, words in HOSTILE:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(SECONDS)
                sock.connect(path)
                sock.sendall(said)
                assert words in sock.makefile("rb").readline().decode()
        client.say("LOGIN ann 3")
        client.expect("ERR invalid-username")
        client.say("REGISTER ann pw")
        client.expect("OK", seconds=SECONDS)
        assert children(server.pid) == family and "Traceback" not in server.stderr_text()


def test_who_calls_and_says_nothing_is_hung_up_on_without_anybody_else_calling(serve, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "from parley.server.supervisor import control\ncontrol.LONGEST_CALL = 0.01\n")
    path = str(tmp_path / "s")
    with serve("--socket", path, PYTHONPATH=os.pathsep.join([str(tmp_path), ROOT])):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.settimeout(SECONDS)
            silent.connect(path)
            assert b"longer than" in silent.makefile("rb").read()


def test_the_service_manager_hears_of_the_beginning_the_life_and_the_end(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(SECONDS)
        environment = ["env", "NOTIFY_SOCKET=" + manager.getsockname(), "WATCHDOG_USEC=2000000"]
        with launch(workers=1, command=environment + [sys.executable, "-m", "server"]):
            heard = {manager.recv(1000).split(b"\n")[0] for _ in range(3)}
            assert heard == {b"READY=1", b"WATCHDOG=1"}
        while manager.recv(1000) != b"STOPPING=1":
            pass


def test_the_systemd_unit_starts_what_there_is():
    with open(os.path.join(ROOT, "examples", "parley.service"), encoding="utf-8") as file:
        lines = dict(line.strip().split("=", 1) for line in file if "=" in line and not line.startswith("#"))
    assert (lines["Type"], lines["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    options = lines["ExecStart"].split()[1:]
    known = subprocess.run([sys.executable, "-m", "server", "--help"], cwd=ROOT, stdout=subprocess.PIPE).stdout.decode()
    assert all(option in known for option in options if option.startswith("--"))


def test_the_image_has_the_ports_of_all_protocols():
    with open(os.path.join(ROOT, "examples", "Dockerfile"), encoding="utf-8") as file:
        text = file.read()
    ports = {str(protocol.PORT) for protocol in PROTOCOLS.values()}
    assert set(re.search(r"(?m)^EXPOSE (.*)$", text).group(1).split()) == ports
    assert set(re.findall(r"-p (\d+):\1", text)) == ports
