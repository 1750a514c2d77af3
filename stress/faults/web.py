"""Faults by clients of `web` and visitors of its port, while a client of `line` and one of `web` talk."""
import contextlib
import os
import socket
import statistics
import time

import pytest

from parley.conformance.targets import IRC, PROTOCOLS, WEB
from stress.proofs.clients import Silence
from stress.proofs.logins import GUESSER, OWNER
from stress.proofs.processes import descriptors, resident, worker_of, workers_of
from stress.web import BINARY, CLOSE, MORE, PING, PONG, TEXT, UPGRADE, WebClient, asked, frame, head, parted

UNLIMITED = {"messages_per_second": 0}
LONG = 1000 * "x"
LATE = 20  # seconds after a deadline by which the server has ended everybody, even on a busy machine
STREAM = 100 << 20  # bytes
KEPT = 1 << 20  # bytes that a worker may grow by; what it reads at once is 4 KiB, and memory comes in larger pieces
HEAD_SECONDS = 10
TOO_LONG, SLOW_READER, TOO_SLOW = 1009, 4000, 4002


class Neighbours:
    """A client of `line` on the first worker and one of `web` on the last, which talk to each other."""

    def __init__(self, line, web):
        self._line = line
        self._web = web
        self._said = 0
        self._took = []

    def talk(self):
        """Each says a text, which the other receives."""
        self._said += 1
        began, word = time.monotonic(), "word %d." % self._said
        self._line.say("MSG " + word)
        self._web.until(lambda told: told["on"] == "said" and told["text"] == word)
        assert self._web.answer("say", text=word)["on"] == "done"
        self._line.until("MSG web " + word)
        self._took.append(time.monotonic() - began)

    def talk_until(self, condition, seconds):
        """Talk until condition() is true, which it must be within so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            self.talk()
            with contextlib.suppress(Silence):
                self._line.line(0.02)  # whatever comes; talk without a pause would be a flood, too

    def assert_undisturbed(self):
        """The limits are generous, as the machine may be busy with other tests, or stand still for seconds."""
        assert len(self._took) > 2
        assert max(self._took) < 20, "they had to wait for %.1f s" % max(self._took)
        assert statistics.median(self._took) < 2, "each time they had to wait"


@pytest.fixture
def settle(start, join):
    """settle(limits, ...): (server, Neighbours). At the end these must be undisturbed, and no descriptor lost."""
    with contextlib.ExitStack() as stack:

        def one(limits=UNLIMITED, workers=2, accounts=None):
            config = {"limits": limits, "idle_timeout": {"line": 0}, "accounts": accounts or {}}
            server = start(workers, config, protocols=(*PROTOCOLS, WEB, IRC))
            line = join(server.worker_address(0), "line")
            web = stack.enter_context(WebClient(server.worker_address(workers - 1, WEB), "web"))
            pids = workers_of(server)
            before = [descriptors(pid) for pid in pids]
            neighbours = Neighbours(line, web)
            neighbours.talk()
            settled.append((neighbours, pids, before))
            return server, neighbours

        settled = []
        yield one
        for neighbours, pids, before in settled:
            neighbours.talk_until(lambda: [descriptors(pid) for pid in pids] == before, 100)
            neighbours.assert_undisturbed()


def open_all(server, count, first, protocol=WEB):
    """The non-blocking sockets of so many connections that have sent `first`."""
    socks = []
    for _ in range(count):
        socks.append(socket.create_connection(server.address(protocol), 30))
        socks[-1].sendall(first)
        socks[-1].setblocking(False)
    return socks


def heard_to_the_end(socks, heard, drip=b""):
    """Read from all into `heard`, {socket: bytes}; open ones send `drip`. Returns whether the server has ended all."""
    for sock in list(socks):
        try:
            data = sock.recv(65536)
            heard[sock] = heard.get(sock, b"") + data
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        if data == b"":
            sock.close()
            socks.remove(sock)
        elif drip:
            with contextlib.suppress(OSError):
                sock.send(drip)
    return not socks


def closing_code(heard):
    """The code of the close frame, which must be the last frame after the handshake."""
    frames, unfinished = parted(heard.partition(b"\r\n\r\n")[2])
    assert not unfinished
    opcode, content = frames[-1]
    assert opcode == CLOSE
    return int.from_bytes(content[:2], "big")


# ---- before it is a WebSocket


@pytest.mark.parametrize("first, drip", [
    (UPGRADE[:60], b""),
    (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n"),
], ids=["half a handshake", "a head without end"])
def test_heads_that_never_end_are_refused_in_time(settle, first, drip):
    server, neighbours = settle()
    socks, heard, began = open_all(server, 1000, first), {}, time.monotonic()
    everybody = list(socks)
    neighbours.talk_until(lambda: heard_to_the_end(socks, heard, drip), HEAD_SECONDS + LATE)
    assert time.monotonic() - began > HEAD_SECONDS / 2
    assert {heard[sock][:13] for sock in everybody} == {b"HTTP/1.1 408 "}


def test_3000_that_come_and_go_at_any_moment_leave_nothing(settle):
    server, neighbours = settle()
    firsts = [b"", UPGRADE[:30], UPGRADE, UPGRADE + asked("login", name="short"), UPGRADE + frame(b"{")[:3]]
    for number in range(3000):
        with socket.create_connection(server.address(WEB), 30) as sock:
            sock.sendall(firsts[number % len(firsts)])
            if number % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if number % 100 == 0:
            neighbours.talk()


# ---- frames


def speak_until_gone(speaker, neighbours, name):
    """Let the speaker, in `line`, say so much that the one of this name, who does not read, is ended."""
    gone = []

    def speak():
        if not gone:
            speaker.say(*["MSG %d %s" % (number, LONG) for number in range(50)])
            gone.extend(line for line in speaker.heard() if line == b"INFO %b disconnected" % name)
        return gone

    neighbours.talk_until(speak, 60)


def test_a_page_that_stops_reading_is_told_and_ended(settle, join):
    server, neighbours = settle(dict(UNLIMITED, stall_seconds=2))
    speaker = join(server.worker_address(0), "speaker")
    with WebClient(server.worker_address(1, WEB), "stuck", receive_buffer=4096) as stuck:
        speak_until_gone(speaker, neighbours, b"stuck")
        code, objects = stuck.rest()
    assert code in (SLOW_READER, None)  # where more is unread than the kernel holds, there is no place for its end
    assert {told["on"] for told in objects} <= {"said", "joined", "left", "bye"}
    assert [told["on"] for told in objects if told["on"] == "said"]
    speaker.close()


def test_half_frames_are_given_a_time(settle):
    server, neighbours = settle(dict(UNLIMITED, frame_seconds=2))
    socks, heard = open_all(server, 500, UPGRADE), {}
    everybody = list(socks)
    for sock in socks:
        sock.send(head(1000))
    neighbours.talk_until(lambda: heard_to_the_end(socks, heard, b"x"), 2 + LATE)
    assert {closing_code(heard[sock]) for sock in everybody} == {TOO_SLOW}


@pytest.mark.parametrize("piece", [frame(b"", MORE, False), frame(b"x", MORE, False)], ids=["empty", "of a byte"])
def test_fragments_without_end_are_given_a_time_and_hold_little(settle, piece):
    server, neighbours = settle(dict(UNLIMITED, frame_seconds=2))
    before = [resident(pid) for pid in workers_of(server)]
    socks, heard = open_all(server, 20, UPGRADE), {}
    everybody = list(socks)
    for sock in socks:
        sock.send(frame(b"", TEXT, False))
    neighbours.talk_until(lambda: heard_to_the_end(socks, heard, piece * 100), 2 + LATE)
    assert {closing_code(heard[sock]) for sock in everybody} <= {TOO_SLOW, TOO_LONG}
    assert all(resident(pid) - size < 8 * KEPT for pid, size in zip(workers_of(server), before))


@pytest.mark.parametrize("size", [1 << 17, 1 << 32, (1 << 63) - 1])
def test_a_huge_frame_is_refused_at_its_head_and_not_kept(settle, size):
    server, neighbours = settle()
    with WebClient(server.worker_address(0, WEB), "once") as client:
        client.send(frame(b"{}"))
    before, worker = [], worker_of(server, 0)
    for _round in range(2):  # the first one brings what a worker needs once for all
        with WebClient(server.worker_address(0, WEB), "huge") as client:
            before.append(resident(worker))
            with contextlib.suppress(OSError):
                client.send(head(size))
                for _ in range(min(size, STREAM) >> 16):
                    client.send(bytes(1 << 16))
            with contextlib.suppress(OSError):
                assert client.rest()[0] in (TOO_LONG, None)
        neighbours.talk()
    assert resident(worker) - before[1] < KEPT


def test_a_flood_of_pings_is_answered_in_order_at_the_rate(settle):
    server, neighbours = settle({"messages_per_second": 500})
    with WebClient(server.worker_address(0, WEB), "pinging") as client:
        pings = [b"%d" % number for number in range(8000)]
        client.send(b"".join(frame(ping, PING) for ping in pings))
        pongs, began = [], time.monotonic()

        def listen():
            with contextlib.suppress(Silence):
                while len(pongs) < len(pings):
                    opcode, content = client.frame(0.05)
                    if opcode == PONG:
                        pongs.append(content)
            return len(pongs) == len(pings)

        neighbours.talk_until(listen, 60)
        assert pongs == pings
        assert time.monotonic() - began > (len(pings) / 500 - 10) / 2


def test_floods_that_are_reset_and_what_is_against_the_rules_end_nobody_else(settle):
    server, neighbours = settle({"messages_per_second": 100})
    flood = frame(b"x", PING) * 5000 + asked("say", text="x") * 5000
    for number in range(30):
        client = WebClient(server.worker_address(number % 2, WEB), "flood%d" % number, source=GUESSER)
        with contextlib.suppress(OSError):
            client.sock.settimeout(0.2)
            client.sock.sendall(flood)
        client.reset()
        for broken, code in ((frame(b"x", BINARY), 1003), (frame(b"x", MORE), 1002), (b"\x81\x01x", 1002),
                             (frame(b"\xff"), 1007)):
            with WebClient(server.worker_address(number % 2, WEB)) as client:
                client.send(broken)
                assert client.rest()[0] == code
        neighbours.talk()


# ---- who one is


def test_a_storm_of_sessions_that_there_are_not_gives_nobody_a_name(settle):
    server, neighbours = settle({"messages_per_second": 1000})
    with WebClient(server.worker_address(0, WEB), "real") as client:
        session = client.session
    strangers = [WebClient(server.worker_address(number % 2, WEB)) for number in range(50)]
    for round_ in range(40):
        for stranger in strangers:
            wrong = "%032x" % int.from_bytes(os.urandom(16), "big")
            stranger.ask("hello", session=wrong, resume={"run": wrong, "#lobby": 1 << 40, "me": round_})
        for stranger in strangers:
            assert stranger.until(lambda told: told["on"] != "hello")["why"] == "no-session"
        if round_ % 5 == 0:
            neighbours.talk()
    assert strangers[0].come_back(session)["name"] == "real"
    for stranger in strangers:
        stranger.close()


def test_a_flood_of_passwords_by_web_lets_the_owner_in_alone(settle, tmp_path):
    users = tmp_path / "users.json"
    users.write_text('{"users": [{"username": "Alice", "password": "the right one"}]}')
    server, neighbours = settle({"messages_per_second": 1000}, accounts={"users_file": str(users)})
    guessers = [WebClient(server.worker_address(number % 2, WEB), source=GUESSER) for number in range(100)]
    for number in range(10):
        for guesser in guessers:
            guesser.ask("login", id="%d" % number, name="Alice", password="guess %d" % number)
    neighbours.talk()
    with WebClient(server.worker_address(0, WEB), source=OWNER) as owner:
        owner.welcomed(owner.answer("login", name="Alice", password="the right one"))
        neighbours.talk()
    answers = []

    def listen():
        for guesser in guessers:
            with contextlib.suppress(Silence):
                answers.append(guesser.told(0.01))
        return len(answers) > 90  # a few have to wait for up to a minute

    neighbours.talk_until(listen, 60)
    assert {told.get("why", told["on"]) for told in answers} <= {"wrong-password", "try-again-later", "joined", "said"}
    for guesser in guessers:
        guesser.close()
