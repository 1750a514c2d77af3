"""What operators do beside serving, as they do it: in a shell, with a server that runs or has run."""
import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from in_process import run_main

from bench.proofs.clients import Client
from bench.proofs.processes import wait_until
from conformance.targets import launch
from server.storage import directory
from server.supervisor import hashing

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
    (["status", "--storage", "nowhere"], "", ["no server answers"]),
    (["passwd", "--storage", "new", "ann"], "\n", ["at least one character"]),
    (["passwd", "--storage", "new", "a b"], "x\n", ["'a b'", "not a valid name"]),
    (["passwd", "--storage", "new", os.fsdecode(b"a\xff")], "x\n", ["not a valid name"]),
    (["passwd", "--storage", "new", "ann"], "x\udcff\n", ["UTF-8"]),
    (["import", "--storage", "new", "users", "nowhere.json"], "", ["nowhere.json", "No such file"]),
    (["import", "--storage", "new", "users", "-"], "{", ["not JSON"]),
    (["import", "--storage", "new", "users", "-"], "[]", ["not of document 004's form"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "a", "secret": 1}]}', ["form"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "a", "secret": "x"}]}', ["not a secret"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "a", "secret": ""}]}', ["not a secret"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "lobby"}]}', ["not a valid name"]),
    (["import", "--storage", "new", "users", "-"], '{"users": [{"username": "ann"}, {"username": "ANN"}]}',
     ["too much like"]),
    (["import", "--storage", "new", "history", "-"],
     '{"conversations": [{"users": ["a", "b"], "messages": [{"user": "c", "text": "x", "timestamp": 1}]}]}',
     ["somebody else's"]),
    (["export", "--storage", "nowhere", "users", "-"], "", ["no database"]),
]


@pytest.fixture
def command(monkeypatch, tmp_path):
    """command(argument, ..., given="") is `python -m server` with these arguments, in an empty directory."""
    monkeypatch.setattr(hashing, "COSTS", {"scrypt": (2, 1, 1), "pbkdf2": (1,)})

    def run(*arguments, given="", encoding="utf-8"):
        return run_main(monkeypatch, tmp_path, arguments, given.encode("utf-8", "surrogateescape"), encoding)

    return run


@pytest.fixture
def process(tmp_path):
    """The same in a process, with more variables in its environment."""

    def run(*arguments, given="", **variables):
        environment = dict(os.environ, PYTHONPATH=ROOT, PYTHONIOENCODING="utf-8")
        environment.update(variables)
        return subprocess.run(
            [sys.executable, "-m", "server", *arguments], cwd=str(tmp_path), env=environment, timeout=SECONDS,
            input=given.encode("utf-8", "surrogateescape"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return run


@pytest.fixture
def storage(tmp_path):
    return str(tmp_path / "storage")


@pytest.mark.parametrize("arguments, given, words", MISTAKES, ids=lambda value: "-".join(value[:5]))
def test_a_mistake_is_one_line(command, arguments, given, words):
    done = command(*arguments, given=given)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert told.startswith("parley: ") and told.count("\n") == 1
    for word in words:
        assert word in told


@pytest.mark.parametrize("arguments", [
    ["status", "--bogus"], ["export"], ["export", "all", "-"], ["log", "--since", "x"], ["passwd"], ["import", "users"],
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
    assert (done.returncode, done.stdout) == (0, b"Zo\\xeb has a password\n")
    done = command("export", "--storage", storage, "users", "-", encoding="ascii")
    assert "Zoë" in done.stdout.decode()  # JSON is UTF-8 everywhere


@pytest.mark.parametrize("name", ["status", "log", "passwd", "export", "import"])
def test_every_command_explains_itself(command, name):
    done = command(name, "--help")
    assert done.returncode == 0
    assert b"--storage" in done.stdout


def test_the_help_of_the_server_names_the_commands(command):
    assert b"status|log|passwd|export|import" in command("--help").stdout


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
        assert command("passwd", "--storage", storage, "ann", given="s3cret\n").stdout == b"ann has a password\n"
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
        assert lines[0] == "1 names in use, 0 accounts, 2 workers"
        assert lines[2].split()[:3] == ["worker", "pid", "line"]
    assert command("status", "--storage", storage).returncode == 1


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
