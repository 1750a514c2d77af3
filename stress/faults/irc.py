"""Faults by clients of `irc`, while a client of `line` and one of `web` talk."""
import contextlib
import time

from parley.conformance.targets import IRC
from stress.faults.web import KEPT, LATE, STREAM, UNLIMITED, heard_to_the_end, open_all, speak_until_gone
from stress.irc import IrcClient, command_of
from stress.proofs.clients import Silence
from stress.proofs.logins import GUESSER
from stress.proofs.processes import resident, worker_of, workers_of

LONG_LINES = [
    "JOIN " + ",".join("#r%d" % number for number in range(900)), "NAMES " + ",".join(["#n"] * 900),
    "PRIVMSG " + ",".join(["nobody"] * 900) + " :hi", "MODE #lobby " + "+b-b" * 900,
    "@" + ";".join("a%d" % number for number in range(700)) + " PING tagged",
]
REGISTRATION = b"NICK short\r\nUSER x 0 * :x\r\n"


def listening(client, wanted, found):
    """A condition for `Neighbours.talk_until`: has the client received so many lines? They are added to `found`."""
    def condition():
        with contextlib.suppress(Silence):
            while len(found) < wanted:
                found.append(client.line(0.05))
        return len(found) >= wanted
    return condition


def test_half_lines_are_given_a_time(settle):
    server, neighbours = settle(dict(UNLIMITED, frame_seconds=2))
    socks, heard = open_all(server, 500, b"NICK ", IRC), {}
    everybody = list(socks)
    neighbours.talk_until(lambda: heard_to_the_end(socks, heard, b"x"), 2 + LATE)
    assert {heard[sock][:7] for sock in everybody} == {b"ERROR :"}


def test_3000_that_come_and_go_at_any_moment_leave_nothing(settle):
    server, neighbours = settle()
    firsts = [b"", b"CAP LS 302\r\n", REGISTRATION[:14], REGISTRATION, REGISTRATION + b"JOIN #lobby\r\nPRIVMSG #lob"]
    for number in range(3000):
        sock, = open_all(server, 1, firsts[number % len(firsts)], IRC)
        with sock:
            if number % 2:
                sock.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: a reset
        if number % 100 == 0:
            neighbours.talk()


def test_a_line_without_end_is_refused_once_and_not_kept(settle):
    server, neighbours = settle()
    worker, before = worker_of(server, 0), []
    for _round in range(2):  # the first one brings what a worker needs once for all
        with IrcClient(server.worker_address(0, IRC), "endless") as client:
            before.append(resident(worker))
            for _ in range(STREAM >> 16):
                client.send(b"x" * (1 << 16))
            client.say("", "PING still")
            assert command_of(client.line()) == "417"
            assert command_of(client.line()) == "PONG"
        neighbours.talk()
    assert resident(worker) - before[1] < KEPT


def test_a_storm_of_capabilities_is_answered_in_order_at_the_rate(settle):
    server, neighbours = settle({"messages_per_second": 500})
    with IrcClient(server.worker_address(0, IRC)) as client:
        asked = ["nonsense-%d" % number for number in range(8000)]
        client.say(*["CAP REQ :" + one for one in asked])
        told, began = [], time.monotonic()
        neighbours.talk_until(listening(client, len(asked), told), 60)
        assert [line.decode().rstrip().split(":")[-1].strip() for line in told] == asked
        assert time.monotonic() - began > (len(asked) / 500 - 10) / 2


def test_of_fifty_who_want_a_nick_over_two_workers_one_gets_it(settle):
    server, neighbours = settle()
    for number in range(20):
        crowd = [IrcClient(server.worker_address(worker % 2, IRC)) for worker in range(50)]
        for client in crowd:
            client.say("NICK prize%d" % number, "USER x 0 * :x")
        told = [command_of(client.told("001", "433")) for client in crowd]
        for client in crowd:
            client.close()
        assert (told.count("001"), told.count("433")) == (1, 49)
        neighbours.talk()


def test_who_stops_reading_is_ended(settle, join):
    server, neighbours = settle(dict(UNLIMITED, stall_seconds=2))
    speaker = join(server.worker_address(0), "speaker")
    with IrcClient(server.worker_address(1, IRC), "stuck", receive_buffer=4096) as stuck:
        stuck.say("JOIN #lobby")
        stuck.told("366")
        speak_until_gone(speaker, neighbours, b"stuck")
        heard = [command_of(line) for line in stuck.rest() if line.count(b" ") > 1]
    assert set(heard[:-1]) <= {"PRIVMSG", "QUIT", "JOIN"}
    speaker.close()


def test_floods_that_are_reset_end_nobody_else(settle):
    server, neighbours = settle({"messages_per_second": 100})
    flood = ("PRIVMSG #lobby :x\r\n" * 3000 + "JOIN #a,#b,#c,#d\r\nPART #a,#b,#c,#d\r\n" * 300
             + "WHO *\r\nLIST\r\nNAMES #lobby\r\n" * 300).encode()
    for number in range(30):
        client = IrcClient(server.worker_address(number % 2, IRC), "flood%d" % number, source=GUESSER)
        with contextlib.suppress(OSError):
            client.sock.settimeout(0.2)
            client.sock.sendall(b"JOIN #lobby\r\n" + flood)
        client.reset()
        neighbours.talk()


def test_lines_with_900_parts_hold_nobody_up(settle):
    server, neighbours = settle()
    before = [resident(pid) for pid in workers_of(server)]
    for number, line in enumerate(LONG_LINES):
        with IrcClient(server.worker_address(0, IRC), "greedy%d" % number) as client:
            client.say(*[line] * 5 + ["PING last"])
            heard = []

            def listen():
                with contextlib.suppress(Silence):
                    while not heard or not heard[-1].endswith(b"last"):  # noqa: B023
                        heard.append(client.line(0.05))  # noqa: B023
                    return True
                return False

            neighbours.talk_until(listen, 60)
        neighbours.talk()
    assert all(resident(pid) - size < 16 * KEPT for pid, size in zip(workers_of(server), before))
