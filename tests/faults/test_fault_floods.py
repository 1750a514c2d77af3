"""Clients that say too much, too slowly, or never finish; and those that connect only to go."""
import os
import selectors
import signal
import socket
import time

import pytest

from stress.proofs.clients import Client, Silence
from stress.proofs.names import take
from stress.proofs.processes import descriptors, wait_until, worker_of, workers_of
from stress.usage import cpu_seconds

LATE = 12  # seconds after a deadline at which a client is surely gone, on a busy machine


def alive(client):
    """Is it answered at once? On a busy machine that may take some seconds."""
    began = time.monotonic()
    client.expect("PONG", after="PING")
    assert time.monotonic() - began < 5


def test_500_clients_that_send_byte_by_byte_are_ended_and_nobody_else_notices(start, join):
    server = start(workers=2, config={"limits": {"frame_seconds": 1}, "idle_timeout": {"line": 1}})
    base = [descriptors(pid) for pid in workers_of(server)]
    good = join(server.address(), "good")
    slow = [Client(server.address()) for _ in range(500)]
    began = time.monotonic()
    last_words = {client: b"" for client in slow}
    with selectors.DefaultSelector() as selector:
        for client in slow:
            client.sock.setblocking(False)
            selector.register(client.sock, selectors.EVENT_READ, client)
        while any(word is not None for word in last_words.values()):
            assert time.monotonic() - began < 1 + LATE
            alive(good)
            for client in slow:
                if last_words[client] == b"":
                    client.sock.send(b"x")
            for key, _ in selector.select(0.1):
                last_words[key.data] = _read_on(selector, key, last_words[key.data])
    assert time.monotonic() - began >= 0.9
    good.close()
    wait_until(lambda: [descriptors(pid) for pid in workers_of(server)] == base)


def _read_on(selector, key, heard):
    """What a slow client has heard; None once it knows why it was ended, and is."""
    try:
        data = key.fileobj.recv(1000)
    except ConnectionError:
        data = b""
    if data:
        return heard + data
    assert heard == b"ERR line-timeout\n"
    selector.unregister(key.fileobj)
    key.fileobj.close()
    return None


def test_a_client_that_asks_nothing_is_ended(start, join):
    server = start(workers=1, config={"limits": {"first_command_seconds": 1}})
    good, silent = join(server.address(), "good"), join(server.address())
    assert silent.rest(1 + LATE) == [b"INFO idle-timeout"]
    alive(good)


def test_a_line_without_end_is_cut_short(start, join):
    server = start(workers=1)
    good, endless = join(server.address(), "good"), join(server.address(), "endless")
    try:
        for _ in range(100):
            endless.send(b"x" * 100000)
    except OSError:
        pass
    good.expect("INFO endless disconnected")
    alive(good)


def test_the_farewell_of_a_line_too_long_arrives(start, join):
    client = join(start(workers=1).address(), "ann")
    client.send(b"MSG " + b"x" * 60000)
    assert client.rest() == [b"ERR line-too-long"]


def test_a_flood_is_delayed_and_never_dropped(start, join):
    server = start(workers=1, config={"limits": {"messages_per_second": 100}})
    good, flooder = join(server.address(), "good"), join(server.address(), "flooder")
    messages = ["MSG %d %s" % (number, "x" * 2000) for number in range(500)]  # which count for three each
    began = time.monotonic()
    flooder.sock.settimeout(0)
    unsent, heard = "\n".join(messages + [""]).encode(), []
    while len(heard) < len(messages):
        try:
            unsent = unsent[flooder.sock.send(unsent):] if unsent else unsent
        except BlockingIOError:
            pass
        assert time.monotonic() - began < 30
        before = time.monotonic()
        heard += good.heard()
        assert time.monotonic() - before < 5, "the flood is felt by others"
    assert time.monotonic() - began > 1, "the flood was not delayed"
    assert heard == [b"MSG flooder " + message[4:].encode() for message in messages]


def test_a_flooder_that_is_delayed_is_not_idle(start, join):
    server = start(workers=1, config={"limits": {"messages_per_second": 20}, "idle_timeout": 3})
    good, flooder = join(server.address(), "good"), join(server.address(), "flooder")
    flooder.say(*["MSG x"] * 300, "MSG done")  # 15 seconds' worth, and 10 may come at once
    heard, deadline = [], time.monotonic() + 30
    while b"MSG flooder done" not in heard:
        assert time.monotonic() < deadline, "what was delayed never came"
        heard += good.heard()
        time.sleep(0.2)  # asking more often would be a flood too
    assert heard == [b"MSG flooder x"] * 300 + [b"MSG flooder done"]


def test_a_flooder_that_has_gone_leaves_no_ghost(start, join):
    server = start(workers=1, config={"limits": {"messages_per_second": 20}})
    witness, flooder = join(server.address(), "witness"), join(server.address(), "flooder")
    flooder.say(*["MSG x"] * 260)  # 13 seconds' worth, and 10 may come at once
    witness.expect(*["MSG flooder x"] * 260)
    flooder.sock.shutdown(socket.SHUT_WR)
    witness.expect("INFO flooder disconnected", seconds=20)


@pytest.mark.parametrize("line", ["LOGIN a b", "MSG x", "", "NONSENSE", "WHO"])
def test_a_flood_before_the_login_is_delayed_too(start, join, line):
    server = start(workers=1, config={"limits": {"messages_per_second": 1000}})
    good, flooder = join(server.address(), "good"), join(server.address())
    stuck = flooder.send_until_stuck((line + "\n").encode() * 4000000, 0.3)
    assert stuck < 4000000 * (len(line) + 1), "it was never held back"
    alive(good)


def cpu_share(pid, seconds):
    """How much of one CPU a process uses, measured for so long."""
    began, used = time.monotonic(), cpu_seconds([pid])
    time.sleep(seconds)
    return (cpu_seconds([pid]) - used) / (time.monotonic() - began)


def test_2000_that_connect_and_close_leave_nothing(start, join):
    server = start(workers=2)
    observer = join(server.address(), "observer")
    pids = [server.pid] + workers_of(server)
    base = [descriptors(pid) for pid in pids]
    for number in range(2000):
        client = Client(server.address())
        if number % 3:
            client.close()
        else:
            client.reset()
    wait_until(lambda: [descriptors(pid) for pid in pids] == base)
    assert observer.heard() == []


def test_without_descriptors_it_stops_accepting_does_not_spin_and_comes_back(start, join):
    server = start(workers=1, descriptors=60, config={"limits": {"first_command_seconds": 0}})
    worker = worker_of(server, 0)
    first = join(server.address(), "first")
    began = time.monotonic()
    crowd = [Client(server.address()) for _ in range(100)]
    wait_until(lambda: "not accepting for a moment" in server.stderr_text())
    assert cpu_share(worker, 2.0) < 0.1
    assert server.stderr_text().count("not accepting") < 3 + time.monotonic() - began  # tried once a second
    alive(first)
    left_out = crowd.pop()
    left_out.say("LOGIN last")
    with pytest.raises(Silence):
        left_out.line(0.2)
    for client in crowd:
        client.close()
    left_out.expect("OK")
    left_out.close()


def test_without_descriptors_the_configuration_is_still_read(start, join, settings):
    settings.write(limits={"first_command_seconds": 0})
    server = start(workers=1, descriptors=60, args=settings.args)
    first = join(server.address(), "first")
    for _ in range(100):
        join(server.address())
    wait_until(lambda: "not accepting for a moment" in server.stderr_text())
    settings.write(echo=True)
    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: "configuration reread" in server.stderr_text())
    first.heard()
    first.expect("MSG first me", after="MSG me")


def test_idle_clients_are_told_and_ended_and_the_others_hear_of_it_once(start, join):
    server = start(workers=2, config={"idle_timeout": 3})
    idle = join(server.worker_address(0), "idle")
    busy = join(server.worker_address(1), "busy")
    deadline, heard = time.monotonic() + 30, []
    while not heard:
        assert time.monotonic() < deadline
        heard += busy.heard()
        time.sleep(0.1)  # it is the passing of time that is tested
    assert heard == [b"INFO idle disconnected"]
    assert idle.rest() == [b"INFO idle-timeout"]
    with pytest.raises(OSError):
        while time.monotonic() < deadline:
            idle.say("PING")
            assert busy.heard() == []
            time.sleep(0.01)
    take(join(server.worker_address(1)), "idle")
    assert busy.heard() == []


def test_ping_keeps_a_client_alive(start, join):
    client = join(start(workers=1, config={"idle_timeout": 3}).address(), "ann")
    until = time.monotonic() + 6
    while time.monotonic() < until:
        alive(client)
        time.sleep(0.3)  # what counts is how seldom it pings


def test_keep_alive_of_tcp_keeps_nobody_alive(start, join):
    client = join(start(workers=1, config={"idle_timeout": 1}).address(), "ann")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    assert client.rest(1 + LATE) == [b"INFO idle-timeout"]
