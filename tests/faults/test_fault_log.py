"""The log of a whole server: what it says, and that a stderr which takes nothing does no harm."""
import json
import os
import signal
import socket

import pytest

from parley.server.worker.strangers import MOST_LINES
from stress.proofs.clients import SECONDS, Client
from stress.proofs.processes import children, wait_until, worker_of

BUG = """
import os
try:
    from parley.server.worker import connection, loop
except ImportError:
    pass
else:
    def strike(*args):
        raise RuntimeError("injected")

    if os.environ["BUG_IN"] == "connection":
        connection.Connection._take = strike
    else:
        loop.Worker._sweep = lambda self: self.admission.connections and strike()
"""


def events(text):
    """Every line is a JSON object."""
    return [json.loads(line) for line in text.splitlines()]


def come_and_go(server, *observers):
    """Clients that log in and leave, each of which is a line in the log; the observers hear that, and nothing else."""
    for number in range(5):
        Client(server.address(), "visitor-%d" % number).close()
    for observer in observers:
        assert {observer.line() for _ in range(5)} == {b"INFO visitor-%d disconnected" % number for number in range(5)}
        assert observer.heard() == []


@pytest.fixture
def fifo(tmp_path):
    """A named pipe that takes nothing more: its path and its reading end."""
    path = str(tmp_path / "stderr")
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(end, b"x" * 4096)
    yield path, end
    os.close(end)


def test_nobody_reads_stderr_and_the_chat_goes_on_and_later_it_says_what_was_dropped(start, join, fifo):
    path, end = fifo
    server = start(workers=2, trouble=True, stderr="2>" + path, args=("--log-format", "json", "--log-level", "debug"))
    ann, bob = join(server.worker_address(0), "ann"), join(server.worker_address(0), "bob")
    for number in range(200):
        Client(server.worker_address(0), "visitor").close()
        ann.expect("INFO visitor disconnected")
        ann.say("MSG %d" % number)
        bob.expect("INFO visitor disconnected", "MSG ann %d" % number)
    worker = worker_of(server, 1)
    family = len(children(server.pid))
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(children(server.pid)) == family and worker not in children(server.pid))
    read_all(end)
    Client(server.worker_address(0), "visitor").close()
    bob.expect("INFO visitor disconnected")
    told = []

    def of_worker_0():
        """The other one may tell now that it has begun."""
        told.extend(events(read_all(end)))
        return [event for event in told if event["process"] == "worker 0"]

    event, = wait_until(of_worker_0)
    assert (event["event"], event["name"]) == ("connection ended", "visitor") and event["dropped"] >= 200


def read_all(end):
    """What is there now, without what filled it."""
    pieces = []
    try:
        while True:
            pieces.append(os.read(end, 1 << 16))
    except BlockingIOError:
        return b"".join(pieces).lstrip(b"x").decode()


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-", "2>/dev/null"])
def test_a_stderr_that_takes_nothing_does_no_harm(start, join, stderr):
    server = start(workers=2, stderr=stderr, args=("--log-level", "debug"))
    ann, bob = join(server.worker_address(0), "ann"), join(server.worker_address(1), "bob")
    come_and_go(server, ann, bob)
    for pid in [server.pid] + children(server.pid):
        assert os.readlink("/proc/%d/fd/2" % pid).startswith("/dev/"), "something else became stderr"
    assert server.stop() == 0


def test_a_stderr_whose_reader_is_gone_does_no_harm(start, join, tmp_path):
    path = str(tmp_path / "stderr")
    os.mkfifo(path)
    end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    server = start(workers=1, stderr="2>" + path)
    os.close(end)
    come_and_go(server, join(server.address(), "ann"))
    assert server.stop() == 0


def test_a_log_in_json_is_json_in_every_line(start, join):
    server = start(workers=2, args=("--log-format", "json", "--log-level", "debug"))
    ann = join(server.worker_address(1), "ann")
    host, port = ann.sock.getsockname()
    join(server.worker_address(0)).say("NONSENSE")
    socket.create_connection(server.worker_address(0)).close()
    ann.close()
    wait_until(lambda: server.stderr_text().count("connection ended") == 2)
    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: "configuration reread" in server.stderr_text())
    assert server.stop() == 0
    told = events(server.stderr_text())
    assert {event["process"] for event in told} == {"parent", "worker 0", "worker 1"}
    assert {event["level"] for event in told} <= {"debug", "info"}
    ended, = [event for event in told if event.get("name") == "ann"]
    assert (ended["event"], ended["level"], ended["reason"]) == ("connection ended", "info", "hangup")
    assert (ended["protocol"], ended["host"], ended["port"], ended["process"]) == ("line", host, port, "worker 1")
    assert 0 < ended["seconds"] < 60
    assert [event["reason"] for event in told if event["event"] == "command refused"] == ["must-login"]
    assert sorted(event["reason"] for event in told if event["event"] == "connection ended" and not event["name"]) == [
        "hangup", "shutdown"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_stranger_who_comes_again_and_again_is_summed_up(start, form):
    many = 300
    server = start(workers=2, args=("--log-format", form), protocols=("binary",))
    for number in range(many):
        with socket.create_connection(server.worker_address(number % 2, "binary"), SECONDS) as stranger:
            stranger.sendall(b"x" * 27)
            while stranger.recv(4096):
                pass
    assert server.stop() == 0
    text = server.stderr_text()
    if form == "text":
        assert text.count(": connection ended protocol=binary ") == 2 * MOST_LINES
        assert text.count(": connection ended: %d more like it addresses=1\n" % (many // 2 - MOST_LINES)) == 2
    else:
        assert len([event for event in events(text) if event["event"] == "connection ended"]) == 2 * MOST_LINES
        told = [event for event in events(text) if "more" in event]
        assert [(event["kind"], event["addresses"]) for event in told] == [("connection ended", 1)] * 2
        assert sum(event["more"] for event in told) == many - 2 * MOST_LINES


@pytest.mark.parametrize("place, event, level", [
    ("connection", "a bug: the connection is closed", "error"), ("loop", "a bug ended this process", "critical")])
def test_the_traceback_of_a_bug_is_one_field(start, join, tmp_path, place, event, level):
    (tmp_path / "sitecustomize.py").write_text(BUG)
    where = os.pathsep.join([str(tmp_path), os.getcwd()])
    server = start(workers=1, trouble=True, environment={"PYTHONPATH": where, "BUG_IN": place},
                   args=("--log-format", "json"))
    join(server.address()).say("PING")
    wait_until(lambda: "injected" in server.stderr_text())
    bug = [told for told in events(server.stderr_text()) if "traceback" in told][0]
    assert (bug["event"], bug["level"], bug["process"]) == (event, level, "worker 0")
    assert bug["traceback"].endswith("RuntimeError: injected")
