"""Start and stop: the lines, the signals, the exit codes, and that everything said is heard."""
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from parley.conformance.targets import ROOT
from stress.proofs.clients import SECONDS, Client, clients
from stress.proofs.processes import children, group, is_running, wait_until, worker_of

FAREWELL = b"INFO server-shutdown"
# Whoever chooses a port chooses that of `line`; the others are not to be those that anybody on this machine may use.
LINE_ALONE = [word for name in ("binary", "padded", "delimited", "dollar") for word in ("--listen", name + "=off")]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


def test_the_start_is_said_in_the_documents_words(start):
    server = start(workers=2)
    shared = "[SERVER] Chat server started on 127.0.0.1:%d" % server.address()[1]
    private = ["[SERVER] Worker %d serves line on 127.0.0.1:%d" % (slot, server.worker_address(slot)[1])
               for slot in (0, 1)]
    assert sorted(server.stdout[:2]) == sorted(private)
    assert server.stdout[2:] == [shared, "[SERVER] Waiting for connections..."]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_stops_everything_in_order(start, join, number):
    server = start(workers=2)
    inside = [join(server.worker_address(slot), "user-%d" % slot) for slot in (0, 1)]
    family = [server.pid] + children(server.pid)
    os.kill(server.pid, number)
    for client in inside:
        assert client.rest() == [FAREWELL]
        client.close()
    wait_until(lambda: server.exit_code is not None)  # before `stop`, whose signal would be a second one
    assert server.stop() == 0
    assert server.stdout[-2:] == ["[SERVER] Shutting down...", "[SERVER] Server stopped."]
    assert not any(is_running(pid) for pid in family)


def test_a_signal_that_means_something_to_other_servers_only_ends_nothing(start, join):
    server = start(workers=1)
    ann, bob = join(server.address(), "ann"), join(server.address(), "bob")
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        os.killpg(server.pid, number)
        wait_until(lambda: number.name + " means nothing" in server.stderr_text() or server.exit_code is not None)
        ann.say("MSG %s" % number.name)
        bob.expect("MSG ann " + number.name)
    assert "is gone" not in server.stderr_text()


def test_an_interrupt_from_the_keyboard_goes_to_the_whole_group_and_does_no_harm(start, join):
    server = start()
    client = join(server.address(), "ann")
    os.killpg(server.pid, signal.SIGINT)
    assert client.rest() == [FAREWELL]
    client.close()
    wait_until(lambda: server.exit_code is not None)  # before `stop`, whose signal would be a second one
    assert server.stop() == 0


def test_what_was_said_before_the_stop_reaches_everybody(start):
    server = start(workers=3)
    names = ["u%d" % number for number in range(9)]
    with clients([server.worker_address(slot) for slot in range(3)], names) as everybody:
        for client in everybody:
            client.say(*["MSG %d" % number for number in range(200)])
        server.terminate()
        for client in everybody:
            heard = client.rest()
            assert heard.pop() == FAREWELL
            assert not any(line.startswith(b"INFO") for line in heard)
            for other in set(names) - {client.name}:
                mine = ("MSG %s " % other).encode()
                said = [int(line[len(mine):]) for line in heard if line.startswith(mine)]
                assert said == list(range(200)), "%s heard %d messages of %s" % (client.name, len(said), other)
    assert server.stop() == 0


def test_a_question_asked_before_the_stop_is_answered(start, join):
    server = start()
    asker = join(server.address(), "ann")
    asker.say("WHO", "DM nobody hi", "DM ann hi")
    os.kill(server.pid, signal.SIGTERM)
    assert asker.rest() == [b"USER ann", b"ERR user-not-found", b"DM ann hi", FAREWELL]


def test_a_client_that_never_stops_asking_does_not_delay_the_stop(start, join):
    server = start(workers=1, config={"limits": {"messages_per_second": 0}})
    asker = join(server.address(), "ann")
    asker.send_until_stuck((b"DM ann " + b"x" * 8000 + b"\n") * 1300, 0.05)
    began = time.monotonic()
    server.terminate()
    asker.rest()
    asker.close()
    wait_until(lambda: server.exit_code is not None)
    assert time.monotonic() - began < 4.5, "it waited until its patience of five seconds was at an end"


def test_a_second_signal_stops_at_once(start):
    server = start()
    os.kill(worker_of(server, 0), signal.SIGSTOP)  # so the server waits for it some seconds
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait_for_line(lambda line: line == "[SERVER] Shutting down...", SECONDS)
    time.sleep(0.6)  # a second signal within half a second counts as the first
    assert server.exit_code is None
    os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: server.exit_code is not None)
    assert server.exit_code == 128 + signal.SIGTERM
    wait_until(lambda: not group(server.pid))


def test_the_same_signal_twice_in_a_moment_counts_once(start, join):
    server = start()
    client = join(server.address(), "ann")
    os.kill(server.pid, signal.SIGTERM)
    os.kill(server.pid, signal.SIGTERM)
    assert client.rest() == [FAREWELL]
    client.close()
    wait_until(lambda: server.exit_code is not None)  # before `stop`, whose signal would be a second one
    assert server.stop() == 0


def test_a_client_that_was_lost_while_it_was_sent_something_does_not_delay_the_stop(start, join):
    server = start(workers=1, config={"limits": {"messages_per_second": 1}})
    observer, lost = join(server.address(), "observer"), Client(server.address(), "lost")
    lost.say(*["MSG flood"] * 12)  # 10 may come at once, and from now on it is not read for a while
    observer.expect(*["MSG lost flood"] * 12)
    lost.reset()
    for _ in range(2):
        observer.say("MSG anybody there?")
        observer.heard()
    observer.close()
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 4
    assert server.stderr_text().count("worker done") == 1


def test_a_second_server_on_the_port_is_an_error_that_names_port_and_flag(start, run):
    port = start(workers=2).address()[1]
    second = run(str(port), "--host", "127.0.0.1", "--workers", "2", *LINE_ALONE)
    _assert_taken(second, port)


@pytest.mark.parametrize("way", ["PORT", "CHAT_PORT", "PORT wins"])
def test_a_port_that_another_program_has_is_an_error(run, way):
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen(1)
        port = foreign.getsockname()[1]
        if way == "CHAT_PORT":
            server = run("--host", "127.0.0.1", "--workers", "1", *LINE_ALONE, CHAT_PORT=port)
        else:
            other = {"CHAT_PORT": 0} if way == "PORT wins" else {}
            server = run(str(port), "--host", "127.0.0.1", "--workers", "1", *LINE_ALONE, **other)
        _assert_taken(server, port)


def _assert_taken(server, port):
    wait_until(lambda: server.exit_code is not None)
    assert server.exit_code == 69
    message = server.stderr_text()
    assert "port %d " % port in message and "--listen line=PORT" in message and message.count("\n") == 1
    assert server.stdout == []


def test_the_port_can_be_taken_again_as_soon_as_the_server_has_stopped(start, run, join):
    first = start()
    port = first.address()[1]
    client = Client(first.address(), "ann")
    assert first.stop() == 0
    client.close()
    second = run(str(port), "--host", "127.0.0.1", "--workers", "2", *LINE_ALONE)
    second.wait_until_ready(SECONDS)
    assert second.address()[1] == port
    join(second.address(), "ann")


def test_a_server_whose_reader_of_stdout_is_gone_still_stops_with_success():
    server = subprocess.Popen(
        [sys.executable, "-m", "server", "0", "--host", "127.0.0.1", "--workers", "1"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert b"[SERVER] Waiting for connections...\n" in iter(server.stdout.readline, b"")
        server.stdout.close()
        server.terminate()
        assert server.wait(SECONDS) == 0
    finally:
        server.kill()
        server.wait()


@needs_ipv6
@pytest.mark.parametrize("host, addresses", [("[::1]", ["::1"]), ("localhost", ["127.0.0.1", "::1"])])
def test_every_address_of_a_host_is_served_on_one_port(start, join, host, addresses):
    server = start(args=("--host", host))
    port = server.address()[1]
    first, *others, last = [line for line in server.stdout if "Worker" not in line]
    shown = ["[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port) for address in addresses]
    assert first == "[SERVER] Chat server started on " + shown[0]
    assert others == ["[SERVER] Serving line on " + address for address in shown[1:]]
    ann, bob = join((addresses[0], port), "ann"), join((addresses[-1], port), "bob")
    ann.say("MSG hi")
    bob.expect("MSG ann hi")


@needs_ipv6
def test_ipv4_clients_of_a_socket_of_both_families_are_shown_and_counted_as_ipv4(start, join):
    server = start(args=("--host", "auto"), config={"limits": {"connections_per_address": 1}})
    host, port = server.address()
    first, *others, last = [line for line in server.stdout if "Worker" not in line]
    assert first == "[SERVER] Chat server started on 0.0.0.0:%d" % port
    assert all(line.startswith("[SERVER] Others reach it at ") and line.endswith(":%d" % port) for line in others)
    for number, address in enumerate(["127.0.0.1", "::1", "127.0.0.2", "127.0.0.1"]):
        client = join((address, port), source=address)
        client.say("LOGIN u%d" % number)
        client.expect("OK" if number < 3 else "ERR too-many-connections")
    wait_until(lambda: "too-many-connections" in server.stderr_text())
    assert " host=127.0.0.1 " in server.stderr_text() and "::ffff:" not in server.stderr_text()
