"""Processes that die or hang, and what the others notice of it: nothing but that somebody has left."""
import contextlib
import os
import re
import signal
import socket
import time

from parley.conformance.targets import WEB
from stress.proofs import kills, web
from stress.proofs.clients import SECONDS, Client, clients
from stress.proofs.names import take
from stress.proofs.processes import children, group, wait_until, worker_of

UNLIMITED = {"limits": {"messages_per_second": 0, "outbox_bytes": 1 << 28}, "idle_timeout": 0}

DIES_YOUNG = """
import os
try:
    from parley.server.worker import loop
except ImportError:
    pass
else:
    loop.Worker.run = lambda self: os._exit(3)
"""

HAS_BUGS = """
try:
    from parley.server.chat.claims import Claims
    from parley.server.chat.questions import Questions
except ImportError:
    pass
else:
    def who(self, *arguments):
        raise RuntimeError("injected")

    grant = Claims.grant

    def grant_and_fail(self, holder, name, *others):
        grant(self, holder, name, *others)
        if name == b"torn":
            raise RuntimeError("injected")

    Questions.who, Claims.grant = who, grant_and_fail
"""


def test_pages_come_back_with_their_sessions_after_the_death_of_their_worker(start):
    server = start(workers=2, protocols=("line", WEB), trouble=True)
    with contextlib.closing(web.Crowd()) as crowd:
        web.come_back(server, crowd, 20, lambda text: None, soon=SECONDS)


def test_a_bug_in_the_hub_costs_the_session_that_asked_and_in_the_middle_of_a_change_ends_the_server_in_order(
        start, join, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HAS_BUGS)
    here = os.pathsep.join([str(tmp_path), os.getcwd()])
    server = start(workers=2, trouble=True, environment={"PYTHONPATH": here})
    ann, bob = join(server.worker_address(0), "ann"), join(server.worker_address(1), "bob")
    asker = join(server.worker_address(1), "asker")
    asker.say("WHO")
    assert asker.rest() == [b"ERR internal-error"]
    bob.until("INFO asker disconnected")
    ann.say("MSG still here")
    bob.until("MSG ann still here")
    take(join(server.worker_address(0)), "asker")
    join(server.worker_address(1)).say("LOGIN torn")
    for client in (ann, bob):
        assert client.rest()[-1] == b"INFO server-shutdown"
    wait_until(lambda: server.exit_code is not None)
    assert server.exit_code == 70
    assert server.stderr_text().count("RuntimeError: injected") == 2
    wait_until(lambda: not group(server.pid))


def test_when_the_parent_is_killed_the_workers_say_goodbye_and_leave(start, join):
    server = start(workers=3, trouble=True)
    inside = [join(server.worker_address(slot), "user-%d" % slot) for slot in range(3)]
    os.kill(server.pid, signal.SIGKILL)
    for client in inside:
        assert client.rest() == [b"INFO server-shutdown"]
        client.close()
    wait_until(lambda: not group(server.pid))


def test_when_the_parent_is_killed_a_new_server_can_have_its_port_at_once(start, run, join):
    server = start(workers=2, trouble=True)
    inside = [join(server.worker_address(slot), "user-%d" % slot) for slot in range(2)]
    os.kill(server.pid, signal.SIGKILL)
    for client in inside:
        assert client.rest() == [b"INFO server-shutdown"]  # and leaves its own end open
    successor = run(str(server.address()[1]), "--host", "127.0.0.1", "--listen", "binary=off", "--listen", "padded=off",
                    "--listen", "delimited=off", "--listen", "dollar=off")
    successor.wait_until_ready(SECONDS)
    for client in inside:
        client.close()


def test_when_the_parent_is_killed_under_load_nothing_stays(start):
    server = start(workers=2, config=UNLIMITED, trouble=True)
    with clients([server.worker_address(0), server.worker_address(1)], ["a", "b", "c", "d"]) as everybody:
        for client in everybody:
            client.send_until_stuck(b"MSG x\n" * 20000, 0.05)
        os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: not group(server.pid))


def test_a_hung_worker_is_replaced_within_ten_seconds_and_the_others_go_on(start, join):
    server = start(workers=2, config=UNLIMITED, trouble=True)
    ann, bob = join(server.worker_address(0), "ann"), join(server.worker_address(0), "bob")
    victim = join(server.worker_address(1), "victim")
    hung = worker_of(server, 1)
    began = time.monotonic()
    os.kill(hung, signal.SIGSTOP)
    said, heard = 0, []
    while b"INFO victim disconnected" not in heard and time.monotonic() < began + SECONDS:
        ann.say("MSG %d" % said)
        said += 1
        asked = time.monotonic()
        heard += bob.heard()
        assert time.monotonic() - asked < 4, "the others had to wait"
        time.sleep(0.01)  # that they go on is asked, not how fast they could
    assert time.monotonic() - began < 10 + 5  # a busy machine's
    assert not victim.rest()
    heard += bob.heard()
    heard.remove(b"INFO victim disconnected")
    assert heard == [b"MSG ann %d" % number for number in range(said)]
    take(join(server.worker_address(1)), "victim")
    assert worker_of(server, 1) != hung


def test_a_killed_worker_costs_the_others_nothing(start):
    server = start(workers=3, config=UNLIMITED, trouble=True)
    family = len(children(server.pid))
    measured = kills.Figures()
    with kills.Load([server.worker_address(slot) for slot in range(3)]) as load:
        for slot in (1, 2, 1):
            kills.kill(server, load, slot, measured)
    load.check()
    # How soon exactly is for `python -m stress.proofs kills` to say, on a machine that does nothing else.
    assert max(measured.free) < 10, "names were free after %r" % measured.free
    assert max(measured.served) < 10
    assert len(children(server.pid)) == family


def test_the_clients_of_a_killed_worker_see_a_close(start, join):
    server = start(trouble=True)
    victims = [join(server.worker_address(1), "victim-%d" % number) for number in range(20)]
    observer = join(server.worker_address(0), "observer")
    os.kill(worker_of(server, 1), signal.SIGKILL)
    for client in victims:
        assert client.rest() == []
    told = sorted(observer.line() for _ in victims)
    assert told == sorted(b"INFO %s disconnected" % client.name.encode() for client in victims)
    assert observer.heard() == []


def test_whoever_knocks_while_a_worker_is_replaced_is_served_by_its_successor(start, join):
    server = start(workers=1, trouble=True)
    pid = worker_of(server, 0)
    os.kill(pid, signal.SIGSTOP)
    waiting = [join(server.address()) for _ in range(50)]  # the kernel accepts for a worker that does not
    os.kill(pid, signal.SIGKILL)
    for number, client in enumerate(waiting):
        client.expect("OK", after="LOGIN u%d" % number)


def test_a_message_torn_by_the_death_of_its_worker_is_never_heard(start, join):
    """The hub stands still, so that the worker's queue is full when it is killed."""
    server = start(workers=2, config=UNLIMITED, trouble=True)
    observer = join(server.worker_address(0), "observer")
    talker = join(server.worker_address(1), "talker")
    worker = worker_of(server, 1)
    text = 500 * b"x"
    os.kill(server.pid, signal.SIGSTOP)
    try:
        sent = talker.send_until_stuck(b"".join(b"MSG %d %s\n" % (number, text) for number in range(40000)))
        os.kill(worker, signal.SIGKILL)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert 2 << 20 < sent < 20 << 20, "the worker was to be stuck"
    heard = observer.until("INFO talker disconnected")
    assert heard == [b"MSG talker %d %s" % (number, text) for number in range(len(heard))]
    take(join(server.worker_address(1)), "talker")
    assert observer.heard() == []


def test_a_worker_that_dies_before_it_served_stops_the_server(run, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(DIES_YOUNG)
    here = os.pathsep.join([str(tmp_path), os.getcwd()])
    server = run("0", "--host", "127.0.0.1", "--workers", "2", PYTHONPATH=here)
    wait_until(lambda: server.exit_code is not None)
    assert server.exit_code == 70
    assert "before it served" in server.stderr_text() and "Traceback" not in server.stderr_text()
    wait_until(lambda: not group(server.pid))


def test_a_worker_that_keeps_dying_is_replaced_ever_more_slowly(start):
    server = start(workers=2, trouble=True)
    waits = []
    while waits[-1:] != ["0.8 s"]:
        assert len(waits) < 30  # who is killed only after a second, on a busy machine, has not died quickly
        os.kill(worker_of(server, 1), signal.SIGKILL)
        wait_until(lambda: server.stderr_text().count("replaced in") > len(waits))
        waits = re.findall("replaced in (.*)", server.stderr_text())
    assert waits[-3:] == ["0.2 s", "0.4 s", "0.8 s"]
    worker_of(server, 1)


def test_a_reset_of_every_client_at_once_is_survived(start, join):
    server = start(workers=2)
    observer = join(server.worker_address(0), "observer")
    names = ["u%d" % number for number in range(100)]
    crowd = [Client(server.worker_address(number % 2), name) for number, name in enumerate(names)]
    for client in crowd:
        client.say(*["MSG bye"] * 20)
        client.reset()
    gone = [b"INFO %s disconnected" % name.encode() for name in names]
    heard, missing = [], set(gone)
    while missing:
        heard.append(observer.line())
        missing.discard(heard[-1])
    assert sorted(line for line in heard if line.startswith(b"INFO")) == sorted(gone)
    assert all(line in gone or line.endswith(b" bye") for line in heard + observer.heard())
    socket.create_connection(server.worker_address(1)).close()
