"""Processes that are killed, stopped, starved or showered with signals, and machines that stand still."""
import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time

from stress.proofs import voices
from stress.proofs.clients import Client
from stress.proofs.processes import children, group, is_running, wait_until, worker_of

UNLIMITED = {"limits": {"messages_per_second": 0, "outbox_bytes": 1 << 30, "stall_seconds": 60}, "idle_timeout": 0}
STORED = ("line", "delimited")
TEXT = 1000 * "x"
ROOM_TO_GROW = 8 << 20  # bytes
STARVED = 6  # seconds
STOOD_STILL = 12  # seconds; longer than anything that takes a silence for a death
BUSY = "while True: pass"


def test_when_everything_was_killed_nobody_is_here_and_all_acknowledged_is_there(start, tmp_path):
    storage = ("--storage", str(tmp_path / "storage"))
    server = start(args=storage, protocols=STORED, trouble=True)
    with contextlib.ExitStack() as stack:
        for number in range(5):
            stack.enter_context(Client(server.address(), "user-%d" % number))
        ann = stack.enter_context(voices.Delimited(server.address("delimited"), b"ann"))
        assert ann.create()
        assert all(ann.say(None, b"%d" % number) for number in range(50))
        os.killpg(server.pid, signal.SIGKILL)
        wait_until(lambda: not group(server.pid))
    again = start(args=storage, protocols=STORED)
    with Client(again.address(), "reader") as reader:
        reader.say("WHO")
        assert reader.heard() == [b"USER reader"]
        reader.say("HISTORY")
        told = [line.split(b" ", 4)[4] for line in reader.heard() if line.startswith(b"HIST ")]
        assert told == [b"%d" % number for number in range(50)]


def test_a_worker_without_memory_costs_the_others_nothing(start, join):
    server = start(workers=2, config=UNLIMITED, trouble=True)
    speaker, witness = join(server.worker_address(0), "speaker"), join(server.worker_address(0), "witness")
    stuck = join(server.worker_address(1), "stuck", receive_buffer=4096)
    victim = worker_of(server, 1)
    limit = _address_space(victim) + ROOM_TO_GROW
    resource.prlimit(victim, resource.RLIMIT_AS, (limit, limit))
    said, heard = 0, []
    while b"INFO stuck disconnected" not in heard:
        assert said < 100000, "it had all the memory that it wanted"
        lines = ["MSG %d %s" % (number, TEXT) for number in range(said, said + 20)]
        said += 20
        speaker.say(*lines)
        asked = time.monotonic()
        heard += witness.heard()
        assert time.monotonic() - asked < 5, "the others had to wait"
    heard += witness.heard()
    heard.remove(b"INFO stuck disconnected")
    assert heard == [b"MSG speaker %d %s" % (number, TEXT.encode()) for number in range(said)]
    stuck.close()
    newcomer = join(server.worker_address(1), "newcomer")
    speaker.say("MSG hello")
    newcomer.until("MSG speaker hello")


def _address_space(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def test_a_hung_worker_does_not_keep_the_server_from_stopping(start, join):
    server = start(workers=2, trouble=True)
    ann = join(server.worker_address(0), "ann")
    join(server.worker_address(1), "bob")
    os.kill(worker_of(server, 1), signal.SIGSTOP)
    began = time.monotonic()
    server.terminate()
    assert ann.rest(12) == [b"INFO server-shutdown"]
    ann.close()
    wait_until(lambda: server.exit_code is not None, 20)
    assert time.monotonic() - began < 15
    assert not group(server.pid)


def test_a_second_server_on_a_directory_is_refused_and_a_dead_ones_is_taken_over(start, run, tmp_path):
    storage = ("--storage", str(tmp_path / "storage"))
    first = start(args=storage, trouble=True)
    second = run("0", "--host", "127.0.0.1", *storage)
    wait_until(lambda: second.exit_code is not None)
    assert second.exit_code == 75
    assert "in use by another server (pid %d)" % first.pid in second.stderr_text()
    assert second.stderr_text().count("\n") == 1
    os.killpg(first.pid, signal.SIGKILL)
    third = run("0", "--host", "127.0.0.1", *storage)
    third.wait_until_ready(10)


def test_a_shower_of_signals_loses_nothing(start, settings, join):
    settings.write(**UNLIMITED)
    server = start(workers=2, args=settings.args)
    workers = children(server.pid)
    ann, bob = join(server.worker_address(0), "ann"), join(server.worker_address(1), "bob")
    over = threading.Event()

    def shower():
        while not over.wait(0.001):
            for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGWINCH):
                os.kill(server.pid, number)
            for pid in workers:
                for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGHUP, signal.SIGCHLD, signal.SIGINT):
                    os.kill(pid, number)

    showering = threading.Thread(target=shower)
    showering.start()
    try:
        for first in range(0, 3000, 10):
            ann.say(*["MSG %d" % number for number in range(first, first + 10)])
            bob.expect(*["MSG ann %d" % number for number in range(first, first + 10)])
    finally:
        over.set()
        showering.join()
    assert children(server.pid) == workers


def test_processes_that_die_at_the_same_time_are_all_replaced_and_none_stays_a_zombie(start, join):
    server = start(workers=4, trouble=True)
    for _ in range(3):
        dead = children(server.pid)
        for pid in dead:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(children(server.pid)) - set(dead)) == len(dead), 20)
        assert not any(os.path.exists("/proc/%d" % pid) for pid in dead)
    for slot in range(4):
        join(server.worker_address(slot), "user-%d" % slot)


def test_a_worker_that_gets_hardly_any_time_serves_slowly_and_is_not_taken_for_dead(start, join):
    server = start(workers=2)
    ann, bob = join(server.worker_address(0), "ann"), join(server.worker_address(1), "bob")
    starved = worker_of(server, 1)
    os.setpriority(os.PRIO_PROCESS, starved, 19)
    hogs = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        until, number = time.monotonic() + STARVED, 0
        while time.monotonic() < until:
            ann.say("MSG %d" % number)
            bob.expect("MSG ann %d" % number)
            number += 1
            time.sleep(0.05)  # so that it is the hogs that take the time
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert is_running(starved) and worker_of(server, 1) == starved


def test_a_machine_that_stood_still_takes_nobody_for_dead_or_idle(start, join, tmp_path):
    """Stopped as a whole, as a virtual machine may be. In a real suspend not even the monotonic clock goes on."""
    server = start(workers=4, config={"idle_timeout": {"line": 5}, "limits": {"frame_seconds": 5}}, protocols=STORED,
                   args=("--storage", str(tmp_path / "storage")))
    family = group(server.pid)
    everybody = [join(server.worker_address(number % 4), "user-%d" % number) for number in range(8)]
    with voices.Delimited(server.address("delimited"), b"del") as deli:
        assert deli.create()
        for client in everybody[::2]:
            client.send(b"PI")
        os.killpg(server.pid, signal.SIGSTOP)
        wait_until(lambda: all(map(_is_stopped, family)))
        for number, client in enumerate(everybody):
            client.send(b"PING\n" if number % 2 else b"NG\n")
        time.sleep(STOOD_STILL)  # it is the time that is tested
        os.killpg(server.pid, signal.SIGCONT)
        assert deli.say(None, b"and afterwards")
    for client in everybody:
        assert {client.line(), client.line()} == {b"PONG", b"MSG del and afterwards"}, client.name
        assert set(client.heard()) <= {b"INFO del disconnected"}
    assert group(server.pid) == family


def _is_stopped(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(")")[2].split()[0] == "T"
