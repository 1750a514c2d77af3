"""Single clients: that stand still, whose cable is pulled, or whose segments are tiny; and limits at full length."""
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from parley.conformance.targets import PROTOCOLS, ROOT
from stress.faults.cable import HELLOS
from stress.proofs import voices
from stress.proofs.clients import Client
from stress.proofs.processes import wait_until

UNLIMITED = {"limits": {"messages_per_second": 0}}
STOOD_STILL = 5  # seconds
LONG = 1000 * "x"
MOST_SAID = 4000  # such messages, of which a server without a storage forgets none

# A process of its own, so that it can be stopped: logs in, and writes down each line that it hears.
LISTENER = """
import socket, sys
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.sendall(b"LOGIN listener\\n")
for line in sock.makefile("rb"):
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
"""

# Linux sends no smaller segments, whatever it is told: 48 bytes and the options.
SMALLEST_SEGMENT = 88
IN_A_NETWORK_OF_ITS_OWN = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])


def test_a_client_that_was_stopped_for_five_seconds_has_missed_nothing(start, join, tmp_path):
    server = start(workers=2, config=UNLIMITED)
    speaker = join(server.worker_address(0), "speaker")
    heard = tmp_path / "heard"
    with open(str(heard), "wb") as file:
        listener = subprocess.Popen([sys.executable, "-c", LISTENER, *map(str, server.worker_address(1))], stdout=file)
    try:
        wait_until(lambda: heard.read_bytes() == b"OK\n")
        os.kill(listener.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        lines = ["MSG %d %s" % (number, LONG) for number in range(600)]
        for first in range(0, len(lines), 20):
            speaker.say(*lines[first:first + 20])
            speaker.heard()
        time.sleep(max(0.0, stopped + STOOD_STILL - time.monotonic()))  # it is the time that is tested
        os.kill(listener.pid, signal.SIGCONT)
        speaker.say("MSG that is all")
        wait_until(lambda: heard.read_bytes().endswith(b"that is all\n"))
        assert heard.read_bytes().decode().split("\n") == [
            "OK", *["MSG speaker " + line[4:] for line in lines], "MSG speaker that is all", ""]
    finally:
        listener.kill()
        listener.wait()


def test_who_was_cut_off_reads_what_it_has_missed(start, join):
    """As a client that was stopped for minutes: here a second is too long."""
    server = start(workers=2, config={"limits": {"messages_per_second": 0, "stall_seconds": 1}})
    speaker, witness = join(server.worker_address(0), "speaker"), join(server.worker_address(0), "witness")
    stuck = join(server.worker_address(1), "stuck", receive_buffer=4096)
    said, heard = [], []
    while b"INFO stuck disconnected" not in heard:
        if len(said) < MOST_SAID:
            said += ["%d %s" % (len(said) + number, LONG) for number in range(20)]
            speaker.say(*["MSG " + text for text in said[-20:]])
        heard += witness.heard()
    live = [line for line in stuck.rest() if line.startswith(b"MSG ")]
    again = join(server.worker_address(1), "stuck")
    told, last, more = [], 0, True
    while more:
        again.say("HISTORY SINCE %d" % last)
        line = again.line()
        while line.startswith(b"HIST "):
            told.append(line.split(b" ", 4)[-1])
            line = again.line()
        last, more = int(line.split()[2]), line.endswith(b" more")
    assert told == [text.encode() for text in said]
    assert live == [b"MSG speaker " + text for text in told[:len(live)]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_client_with_tiny_segments_is_served(start, join, protocol):
    server = start(workers=1, protocols=PROTOCOLS)
    observer = join(server.worker_address(0), "observer")
    with voices.Delimited(server.worker_address(0, "delimited"), b"carl") as founder:
        assert founder.create()
    observer.until("INFO carl disconnected")
    with socket.socket() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALLEST_SEGMENT)
        sock.settimeout(10)
        sock.connect(server.worker_address(0, protocol))
        sock.sendall(HELLOS[protocol])
        heard = sock.recv(4096)
        assert heard, "it was not let in"
        observer.say("MSG " + LONG)
        while LONG.encode() not in heard:
            heard += sock.recv(4096)
    observer.until("INFO carl disconnected")


def test_who_is_silent_is_ended_between_60_and_70_seconds_and_who_pings_is_not(start, join):
    """The limits of document 003 at full length, which everybody else shortens."""
    server = start(workers=2)
    silent, pinging = join(server.worker_address(0), "silent"), join(server.worker_address(1), "pinging")
    stranger = Client(server.worker_address(0))
    began = time.monotonic()
    while not pinging.heard():
        assert time.monotonic() - began < 75
        time.sleep(1)  # what counts is the time, and that it says something now and then
    assert 60 <= time.monotonic() - began < 72
    assert silent.rest(1) == [b"INFO idle-timeout"]
    assert stranger.rest(15) == [b"INFO idle-timeout"]
    pinging.expect("PONG", after="PING")
    stranger.close()


def test_a_client_whose_cable_is_pulled_is_ended_at_the_idle_limit():
    """In a network of its own, whose cables can be pulled without harm; see cable.py."""
    tried = subprocess.run(IN_A_NETWORK_OF_ITS_OWN + ["ip", "link", "set", "lo", "up"], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    if tried.returncode:
        pytest.skip("this user may not make a network: %s" % tried.stdout.decode().strip())
    done = subprocess.run(IN_A_NETWORK_OF_ITS_OWN + [sys.executable, "-m", "stress.faults.cable"], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 0, done.stdout.decode()
