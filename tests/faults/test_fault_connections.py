"""Limits of connections, over all workers of a real server."""
import os
import signal
import socket

from stress.proofs.processes import children, wait_until, worker_of

TOO_MANY = b"ERR too-many-connections"


def test_an_address_has_as_many_connections_as_it_may_over_all_workers(start, join):
    server = start(workers=2, config={"limits": {"connections_per_address": 3}})
    here = [join(server.worker_address(number % 2), "user-%d" % number) for number in range(3)]
    for slot in (0, 1):
        assert join(server.worker_address(slot)).rest() == [TOO_MANY]
    with socket.create_connection(server.worker_address(1), 10, ("127.0.0.2", 0)) as elsewhere:
        elsewhere.sendall(b"WHO\n")
        assert elsewhere.recv(100) == b"ERR must-login-first\n"
    here.pop().close()
    here[0].expect("INFO user-2 disconnected")
    join(server.worker_address(0), "next")
    assert join(server.worker_address(1)).rest() == [TOO_MANY]


def test_a_worker_that_is_killed_makes_room(start, join):
    server = start(workers=2, trouble=True, config={"limits": {"connections_per_address": 2}})
    worker = worker_of(server, 0)
    for _ in range(2):
        join(server.worker_address(0)).expect("ERR must-login-first", after="WHO")
    assert join(server.worker_address(1)).rest() == [TOO_MANY]
    family = len(children(server.pid))
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(children(server.pid)) == family and worker not in children(server.pid))
    for slot in (0, 1):
        join(server.worker_address(slot), "user-%d" % slot)
    assert join(server.worker_address(1)).rest() == [TOO_MANY]


def test_a_crowd_at_once_is_counted_exactly(start, join):
    server = start(workers=2, config={"limits": {"connections_per_address": 20}})
    crowd = [join(server.worker_address(number % 2)) for number in range(60)]
    wait_until(lambda: server.stderr_text().count("reason=too-many-connections") == 40)
    for client in crowd:
        client.say("WHO")
    answers = [client.line() for client in crowd]
    assert answers.count(TOO_MANY) == 40 and answers.count(b"ERR must-login-first") == 20


def test_a_worker_has_its_share_of_all_connections_and_the_limit_is_reread(start, join, settings):
    settings.write(limits={"connections": 2})
    server = start(workers=2, args=settings.args)
    first = join(server.worker_address(0), "first")
    assert join(server.worker_address(0)).rest() == [TOO_MANY]
    join(server.worker_address(1), "other")
    settings.write(limits={"connections": 0})
    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: "configuration reread" in server.stderr_text())
    first.heard()
    join(server.worker_address(0), "second")
