"""The whole load test, Locust included, against a toy server that is correct or breaks one promise."""
import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOY = os.path.join("tests", "loadtest", "toy_server.py")

# The fault, how the report's line about it begins (Python 3.6 shows an exception with one more comma), and the seconds
# of load until it has struck for sure.
BROKEN = [
    ("drop", "Broken('lost'", 3),
    ("double", "Broken('doubled'", 3),
    ("reorder", "Broken('reordered'", 5),
    ("contradict", "Broken('contradicted'", 4),
    ("alter", "Broken('altered'", 3),
    ("leak", "Broken('altered'", 3),
    ("echo", "Broken('misdelivered'", 3),
    ("refuse", "Refused('invalid-username'", 2),
    ("deaf", "ConnectionRefusedError", 2),
]
BROKEN_WHEN_IDLE = [
    ("hurry", "Broken('closed before the limit'"),
    ("mute", "Broken('closed without INFO idle-timeout'"),
]


def run(server, *arguments):
    """Exit code and output of a short run against this server."""
    # Both outputs in one, unbuffered, so that a failed test shows them in the order in which they were written.
    command = [sys.executable, "-u", "-m", "loadtest._run", "--users", "7", "--server", server]
    process = subprocess.Popen(
        command + list(arguments),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    output = process.communicate(timeout=60)[0]
    print(output)
    return process.returncode, output


def toy(*arguments):
    return " ".join((sys.executable, TOY) + arguments)


def test_a_correct_server_passes():
    code, output = run(toy("--idle-timeout", "2"), "--idle-limit", "2", "--time", "5")
    assert code == 0
    assert "0 findings" in output
    for name in ("CONNECT", "LOGIN", "MSG delivery", "DM delivery", "WHO", "PING", "idle-timeout"):
        assert re.search(r"line +%s " % name, output)


@pytest.mark.parametrize("fault, report, seconds", BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_promise_is_reported_and_ends_with_1(fault, report, seconds):
    code, output = run(toy("--fault", fault), "--idle-limit", "60", "--time", str(seconds))
    assert report in output
    assert code == 1


@pytest.mark.parametrize("fault, report", BROKEN_WHEN_IDLE, ids=[row[0] for row in BROKEN_WHEN_IDLE])
def test_a_broken_idle_timeout_is_reported_and_ends_with_1(fault, report):
    code, output = run(toy("--fault", fault, "--idle-timeout", "1.2"), "--idle-limit", "1.2", "--time", "4")
    assert report in output
    assert code == 1


def test_an_idle_limit_beyond_the_run_is_skipped_and_said_so():
    code, output = run(toy(), "--idle-limit", "60", "--time", "1")
    assert "idle-timeout check skipped" in output
    assert code == 0


def test_a_server_that_does_not_start_is_an_error():
    code, output = run(sys.executable + " -c pass")
    assert "before it was ready" in output
    assert code == 1
