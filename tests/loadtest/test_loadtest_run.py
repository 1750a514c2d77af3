"""The whole load test, Locust included, against our server, and a toy server that is correct or breaks one promise."""
import importlib.util
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from loadtest._codecs import CODECS

# It is not imported here: gevent would replace the threads of these processes.
if importlib.util.find_spec("locust") is None:
    pytest.skip("Locust is not installed: `./dev setup` does that, but not on PyPy", allow_module_level=True)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOY = os.path.join("tests", "loadtest", "toy_server.py")

# The fault, how the report's line about it begins (Python 3.6 shows an exception with one more comma), and the seconds
# of load until it has struck for sure. What is lost is waited for, so that one begins first.
BROKEN = [
    ("drop", "Broken('lost, as here: MSG of ", 6),
    ("double", "Broken('doubled, as here: MSG of ", 6),
    ("reorder", "Broken('reordered, as here: MSG of ", 9),
    ("contradict", "Broken('contradicted, as here: MSG of ", 9),
    ("alter", "Broken('altered, as here: MSG of ", 6),
    ("leak", "Broken('altered, as here: MSG of ", 8),
    ("echo", "Broken('misdelivered, as here: MSG of ", 6),
    ("refuse", "Refused('invalid-username'", 4),
    ("deaf", "ConnectionRefusedError", 4),
]
BROKEN_WHEN_IDLE = [
    ("hurry", "Broken('closed before the limit'"),
    ("mute", "Broken('closed without INFO idle-timeout'"),
]
AT_ONCE = 4  # runs; they wait more than they work


def run(*arguments):
    """Exit code and output of a short run."""
    # Both outputs in one, unbuffered, so that a failed test shows them in the order in which they were written.
    command = [sys.executable, "-u", "-m", "loadtest._run", "--users", "7"]
    process = subprocess.Popen(
        command + list(arguments),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    output = process.communicate(timeout=300)[0]
    print(output)
    return process.returncode, output


def run_together(runs):
    """Several runs, some at the same time: their exit codes and outputs."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda arguments: run(*arguments), runs))


def toy(*arguments):
    return " ".join((sys.executable, TOY) + arguments)


def test_our_server_passes_in_all_protocols_and_a_broken_promise_ends_with_1():
    fault, report, seconds = BROKEN[0]
    (code, output), (broken_code, broken_output) = run_together([
        ("--users", "14", "--idle-limit", "4", "--time", "15"),
        ("--server", toy("--fault", fault), "--idle-limit", "60", "--time", str(seconds)),
    ])
    assert code == 0 and "0 findings" in output
    for protocol in CODECS:  # what every user is sure to do, however few they are
        for name in ("CONNECT", "LOGIN", "MSG delivery", "PING"):
            assert_reports(protocol, name, output)
    for name in ("DM delivery", "WHO"):
        assert_reports(r"\w+", name, output)
    assert broken_code == 1 and report in broken_output


@pytest.mark.long
def test_correct_servers_pass_and_an_idle_limit_beyond_the_run_is_skipped():
    (code, output), (short_code, short_output) = run_together([
        ("--server", toy("--idle-timeout", "5"), "--idle-limit", "5", "--time", "14"),
        ("--server", toy(), "--idle-limit", "60", "--time", "4"),
    ])
    assert (code, short_code) == (0, 0)
    assert "0 findings" in output
    for name in ("CONNECT", "LOGIN", "MSG delivery", "DM delivery", "WHO", "PING", "idle-timeout"):
        assert_reports("line", name, output)
    assert "idle-timeout check skipped" in short_output


def assert_reports(protocol, name, output):
    assert re.search(r"%s +%s " % (protocol, name), output), (protocol, name)


@pytest.mark.long
def test_every_broken_promise_is_reported_and_ends_with_1():
    wanted = [(fault, report) for fault, report, _ in BROKEN] + BROKEN_WHEN_IDLE
    outcomes = run_together([
        ("--server", toy("--fault", fault), "--idle-limit", "60", "--time", str(seconds))
        for fault, _, seconds in BROKEN
    ] + [
        ("--server", toy("--fault", fault, "--idle-timeout", "1.2"), "--idle-limit", "1.2", "--time", "6")
        for fault, _ in BROKEN_WHEN_IDLE
    ])
    found = [(fault, report in output, code) for (fault, report), (code, output) in zip(wanted, outcomes)]
    assert found == [(fault, True, 1) for fault, _ in wanted]


def test_what_is_missing_is_said():
    (code, output), (other_code, other_output) = run_together([
        ("--server", sys.executable + " -c pass"),
        ("--protocols", "line,morse"),
    ])
    assert "exit code: 0" in output
    assert code == 1
    assert "no such protocol: morse" in other_output
    assert other_code == 2
