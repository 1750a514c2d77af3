"""Commands whose output nobody reads any more, as with `| head`, end without a word, and leave nothing behind."""
import json
import os
import subprocess
import sys

import pytest

from parley.conformance.stdout import CLOSED
from stress.proofs.processes import is_running

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 120

# With a buffer the output fails at the end of the program, without one when the first of it is printed.
COMMANDS = [
    ("conformance --help", ""), ("stress.faults K99", ""), ("stress.faults K99", "1"),
    ("conformance coverage --list", "1"), ("bench --help", ""), ("stress.proofs --help", ""),
    ("loadtest._run --help", ""), ("server --help", ""), ("server log --help", ""), ("client --help", ""),
    ("client.gui --help", ""),
]

SERVER = """
import os, sys, time
print(os.getpid(), file=open(sys.argv[1], "w"))
print("[SERVER] Chat server started on 127.0.0.1:1", flush=True)
print("[SERVER] Waiting for connections...", flush=True)
time.sleep(600)
"""


def unread(*arguments, unbuffered="1", given=""):
    """(exit code, standard error) of a Python program that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, input=given.encode(), stdout=writer, stderr=subprocess.PIPE,
            env=dict(os.environ, PYTHONUNBUFFERED=unbuffered), timeout=SECONDS)
    finally:
        os.close(writer)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("command, unbuffered", COMMANDS)
def test_a_command_that_nobody_reads_ends_quietly(command, unbuffered):
    assert unread("-m", *command.split(), unbuffered=unbuffered) == (CLOSED, "")


@pytest.mark.parametrize("module", ["server", "conformance"])
def test_a_command_without_any_output_ends_well(module):
    done = subprocess.run(["sh", "-c", 'exec "$0" -m %s --help >&-' % module, sys.executable], cwd=ROOT,
                          stderr=subprocess.PIPE, timeout=SECONDS)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


def storage_of_ann(tmp_path):
    """The path of a storage directory with an account."""
    storage, users = str(tmp_path / "storage"), tmp_path / "users.json"
    users.write_text(json.dumps({"users": [{"username": "ann"}]}))
    subprocess.run([sys.executable, "-m", "server", "import", "--storage", storage, "users", str(users)], cwd=ROOT,
                   check=True, timeout=SECONDS)
    return storage


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no disk is full here")
def test_a_command_whose_output_does_not_fit_on_the_disk_says_so(tmp_path):
    storage = storage_of_ann(tmp_path)
    for command, unbuffered in (("config", ""), ("config", "1"), ("accounts --storage " + storage, "1"),
                                ("export --storage %s users -" % storage, ""), ("mute --help", "")):
        with open("/dev/full", "w") as full:
            done = subprocess.run([sys.executable, "-m", "server", *command.split()], cwd=ROOT, stdout=full,
                                  stderr=subprocess.PIPE, env=dict(os.environ, PYTHONUNBUFFERED=unbuffered),
                                  timeout=SECONDS)
        assert (done.returncode, done.stderr) == (1, b"parley: standard output: No space left on device\n"), command


def test_a_command_without_any_output_does_what_it_is_told(tmp_path):
    storage = storage_of_ann(tmp_path)
    for command in ("ban bot", "accounts"):
        done = subprocess.run(["sh", "-c", 'exec "$0" -m server %s --storage "$1" >&-' % command, sys.executable,
                               storage], cwd=ROOT, stderr=subprocess.PIPE, timeout=SECONDS)
        assert (done.returncode, done.stderr) == (0, b"")
    rooms = subprocess.check_output([sys.executable, "-m", "server", "rooms", "--storage", storage], cwd=ROOT)
    assert rooms.splitlines()[1].split()[:4] == [b"#lobby", b"0", b"-", b"1"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_export_that_nobody_reads_ends_quietly(tmp_path, unbuffered):
    storage = storage_of_ann(tmp_path)
    assert unread("-m", "server", "export", "--storage", storage, "users", "-", unbuffered=unbuffered) == (CLOSED, "")


def test_the_verdict_on_a_configuration_is_its_exit_code(tmp_path):
    code, said = unread("-m", "server", "--check-config", "--config", os.devnull)
    assert code == 0 and said.endswith("stdout is closed: nothing more is printed there\n") and said.count("\n") == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_load_test_that_nobody_reads_leaves_no_server_behind(tmp_path, unbuffered):
    server, pid = tmp_path / "server.py", tmp_path / "pid"
    server.write_text(SERVER)
    code, said = unread("-m", "loadtest._run", "--server", "%s %s %s" % (sys.executable, server, pid), "--",
                        "--version", unbuffered=unbuffered)
    assert code == CLOSED and "Traceback" not in said
    assert not is_running(int(pid.read_text()))
