"""What one client does costs the others nothing: turns, rates, and bugs that show in work done for everybody."""
import logging
import socket

import pytest
from web_frames import MORE, PONG, frame, said

from parley.server.ipc.messages import ToWorker
from parley.server.protocols import PROTOCOLS, web
from parley.server.protocols.events import HOME
from parley.server.protocols.rare_frames import RareFrames
from parley.server.worker import connection as connection_module
from parley.server.worker import loop
from parley.server.worker.outbox import MOST_SENT
from parley.server.worker.strangers import MOST_LINES
from parley.server.worker.throttle import BURST

RATE = 100  # messages a second, as configured
AT_ONCE = int(RATE * BURST)


class SteppingClock:
    """In the place of the module `time`: a millisecond passes with each look."""

    def __init__(self, clock):
        self._clock = clock
        self.sleep = clock.sleep

    def process_time(self):
        return 0.0

    def monotonic(self):
        self._clock.now += 0.001
        return self._clock.now


def fill(peer, data):
    """Send as much as the kernel takes; gives how much that was."""
    sent = 0
    try:
        while sent < len(data):
            sent += peer.sock.send(data[sent:])
    except BlockingIOError:
        pass
    return sent


def binary(kind, content):
    return b"\1" + b"".join(number.to_bytes(4, "big") for number in (kind, 0, len(content))) + bytes(14) + content


def one_turn_a_tick(monkeypatch):
    """The time of a tick is always over."""
    monkeypatch.setattr(loop, "CLIENTS_TIME", -1)
    monkeypatch.setattr(loop, "FLOODS_TIME", -1)
    monkeypatch.setattr(loop, "MOST_TIME", -1)
    monkeypatch.setattr(loop, "SENDING_TIME", -1)


# ---- turns


def test_a_tick_ends_after_its_time_and_the_others_have_their_turn_in_the_next(house, clock, monkeypatch):
    peers = [house.connect() for _ in range(40)]
    for peer in peers:
        fill(peer, b"x\n" * 1000)
    monkeypatch.setattr(loop, "time", SteppingClock(clock))
    heard, ticks = 0, 0
    while heard < len(peers):
        house.tick()
        ticks += 1
        answered = sum(bool(peer.heard()) for peer in peers)
        assert answered <= loop.CLIENTS_TIME * 1000 + 1
        heard += answered
        assert ticks < 100


def test_of_many_answers_of_the_hub_a_tick_hears_some_in_order_and_clients_have_their_turns_between(
        house, clock, monkeypatch):
    """As when everybody comes back at once, and each is told a list of thousands of users that is written for it."""
    calm, askers = house.member(b"calm"), [house.member(b"asker%d" % number) for number in range(30)]
    house.settle()
    for peer in (calm, *askers):
        peer.heard()
    for number in range(len(askers)):
        house.hub.worker(1, ToWorker.Tell(number + 2, "Notice", [b"%d" % number]))
    house.hub.turn(0)
    monkeypatch.setattr(loop, "time", SteppingClock(clock))
    heard = []
    while len(heard) < len(askers):
        calm.send(b"PING\n")
        house.tick()
        house.tick()
        assert calm.heard().endswith(b"PONG\n")
        new = [asker for asker in askers if asker not in heard and b"INFO" in asker.heard()]
        assert new == askers[len(heard):len(heard) + len(new)] and len(new) <= 2 * (1000 * loop.CLIENTS_TIME + 1)
        heard += new


def test_a_crowd_at_the_door_waits_for_those_who_are_in(open_house, clock, monkeypatch):
    house = open_house(ports=[("line", b"#dev")])
    calm, (door,) = house.connect(), house.doors
    door.listen(100)
    crowd = [socket.socket() for _ in range(100)]
    for one in crowd:
        one.setblocking(False)
        one.connect_ex(door.getsockname())
    one_turn_a_tick(monkeypatch)
    stats, came = house.worker.stats, []
    for number in range(200):
        if number % 2:
            clock.now += loop.PASSED_OVER
        else:
            calm.send(b"x\n")
        came.append(-stats.accepted)
        house.tick()
        came[-1] += stats.accepted
        if number % 2 == 0:
            assert calm.heard() and came[-1] == 0
    assert sum(came) == len(crowd) and max(came) <= 16
    for one in crowd:
        one.close()


def test_those_who_say_much_have_less_time_in_a_tick_than_those_who_say_something(house, clock, monkeypatch):
    peers = [house.connect() for _ in range(40)]
    for peer in peers:
        fill(peer, b"x\n" * 1000)
    house.settle(1)  # so that each has had a turn
    monkeypatch.setattr(loop, "time", SteppingClock(clock))
    for _ in range(10):
        for peer in peers:
            peer.heard()
        house.tick()
        assert sum(bool(peer.heard()) for peer in peers) <= loop.FLOODS_TIME * 1000 + 1


@pytest.mark.parametrize("milliseconds, turns", [(0, 5), (2, 12), (5, 24), (100, 50)])
def test_where_it_takes_long_to_tell_everybody_more_are_heard_in_a_tick(house, clock, monkeypatch, milliseconds, turns):
    """As what is heard together is told together."""
    peers = [house.connect() for _ in range(70)]
    house.settle()
    monkeypatch.setattr(loop, "time", SteppingClock(clock))
    audience = house.driven[0].worker.audiences["line", "text", HOME]
    flush = audience.flush

    def flush_slowly():
        clock.now += milliseconds / 1000
        flush()

    audience.flush = flush_slowly
    for peer in peers:
        fill(peer, b"x\n" * 10)
    house.tick()
    for peer in peers:
        peer.heard()
    house.tick()
    assert abs(sum(bool(peer.heard()) for peer in peers) - turns) <= 1


def test_in_a_turn_a_client_is_read_once_and_a_slice_of_it_is_handled(house, clock, monkeypatch):
    """With a clock that is past the tick's time after one turn."""
    house.settle()
    peer = house.connect()
    fill(peer, b"x\n" * 1000)
    one_turn_a_tick(monkeypatch)
    house.tick()
    assert peer.counted.recvs == 1
    assert peer.heard() == b""  # more than a slice waits for the next turn
    house.tick()
    assert peer.counted.recvs == 1
    assert peer.heard() == b"ERR must-login-first\n" * connection_module._SLICE


def test_who_says_little_has_its_turn_before_one_who_says_much_has_a_second(house, monkeypatch):
    flooders, calm = [house.connect() for _ in range(5)], house.connect()
    for flooder in flooders:
        fill(flooder, b"x\n" * 1000)
    calm.send(b"x\n")
    one_turn_a_tick(monkeypatch)
    for _ in range(6):
        house.tick()
    assert calm.heard() == b"ERR must-login-first\n"
    assert [flooder.heard() for flooder in flooders] == [b""] * 5
    for _ in range(5):
        house.tick()
    assert all(flooder.heard() for flooder in flooders)


def test_who_has_said_the_rest_in_time_is_not_too_slow_however_late_its_turn_comes(open_house, clock, monkeypatch):
    house = open_house(frame_seconds=5)
    peers = [house.member(b"m%d" % number) for number in range(5)]
    for peer in peers:
        peer.send(b"PI")
    house.settle()
    one_turn_a_tick(monkeypatch)
    clock.now += 20  # the machine has stood still meanwhile
    for peer in peers:
        peer.send(b"NG\n")
    house.settle(10)
    assert all(peer.heard().endswith(b"PONG\n") and not peer.ended for peer in peers)


def test_who_says_little_waits_for_no_turn_of_each_who_says_much(house, monkeypatch):
    flooders, calm = [house.connect() for _ in range(20)], house.connect()
    for flooder in flooders:
        fill(flooder, b"x\n" * 900)
    one_turn_a_tick(monkeypatch)
    for _ in flooders:
        house.tick()
    for _ in range(20):
        calm.send(b"x\n")
        house.tick()
        assert calm.heard() == b"ERR must-login-first\n"


def test_who_says_much_has_its_turns_although_others_always_have_something_new(house, clock, monkeypatch):
    flooder, others = house.connect(), [house.connect() for _ in range(5)]
    fill(flooder, b"x\n" * 900)
    one_turn_a_tick(monkeypatch)
    heard, began = b"", clock.now
    while heard.count(b"\n") < 900:
        for other in others:
            other.send(b"x\n")
        house.tick()
        clock.now += loop.PASSED_OVER / 5
        heard += flooder.heard()
        assert clock.now - began < (900 / connection_module._SLICE + 3) * 2 * loop.PASSED_OVER


def test_a_long_answer_goes_out_in_turns_and_others_are_answered_meanwhile(house, clock, monkeypatch):
    """However much the kernel takes at once, and however many get it."""
    ann, askers = house.member(b"ann"), [house.member(b"asker%d" % number) for number in range(8)]
    for _ in range(60):
        ann.send(b"MSG %b\n" % (b"x" * 4000))
        house.settle(2)
        for asker in askers:
            asker.heard()
    for asker in askers:
        asker.send(b"HISTORY 60\n")
    house.settle(1)
    one_turn_a_tick(monkeypatch)
    heard, answered = [b""] * len(askers), 0
    for _ in range(100):
        ann.send(b"PING\n")
        house.hub.turn(0)
        house.tick()
        clock.now += loop.PASSED_OVER / 3
        news = [asker.heard() for asker in askers]
        assert all(len(new) <= MOST_SENT for new in news)
        answered += ann.heard().count(b"PONG\n")
        heard = [before + new for before, new in zip(heard, news)]
    assert answered >= 95
    assert all(len(one) > 1.5 * MOST_SENT and one.endswith(b"END HISTORY 60 complete\n") for one in heard)


def test_those_who_are_sent_much_have_a_short_time_of_their_own(house, clock, monkeypatch):
    """However much time there is to hear what clients say."""
    calm, readers = house.member(b"calm"), [house.member(b"reader%d" % number) for number in range(20)]
    house.settle()
    calm.heard()
    for connection in house.worker.admission.connections.values():
        if connection.name != b"calm":
            connection.send([bytes(4 * MOST_SENT)])
    monkeypatch.setattr(loop, "time", SteppingClock(clock))
    monkeypatch.setattr(loop, "CLIENTS_TIME", 1.0)
    left, ticks = 4 * MOST_SENT * len(readers), 0
    while left > 0:
        calm.send(b"PING\n")
        before = [reader.counted.sends for reader in readers]
        house.tick()
        assert calm.heard().endswith(b"PONG\n")
        assert sum(reader.counted.sends for reader in readers) - sum(before) <= 1000 * loop.SENDING_TIME + 1
        left -= sum(reader.heard().count(0) for reader in readers)
        ticks += 1
        assert ticks < 1000


def test_they_take_no_more_than_a_share_of_the_time_and_are_not_watched_meanwhile(house, clock):
    """So that most of the machine is left to other workers, and what others say is heard as soon as it comes."""
    reader, calm = house.member(b"reader"), house.member(b"calm")
    house.settle()
    connection, = [one for one in house.worker.admission.connections.values() if one.name == b"reader"]
    sendmsg, select, waits = reader.counted.sendmsg, house.worker.selector.select, []

    def note(seconds):
        if house.worker._resting:
            waits.append(seconds)
        return select(seconds)

    house.worker.selector.select = note

    def send_slowly(pieces):
        clock.now, clock.spent = clock.now + 0.001, clock.spent + 0.001
        return sendmsg(pieces)

    reader.counted.sendmsg = send_slowly
    connection.send([bytes(20 * MOST_SENT)])
    began, before, left, told = clock.now, clock.spent, 20 * MOST_SENT, 0
    while left:
        clock.now += 0.0005
        calm.send(b"PING\n")
        house.tick()
        told += (connection, loop.WRITE) in house.driven[0].found
        left -= reader.heard().count(0)
        assert calm.heard().endswith(b"PONG\n")
        assert clock.spent - before <= (clock.now - began) / loop.SENDING_SHARE + 2 * loop.SENDING_TIME
    assert clock.now - began < 2 * loop.SENDING_SHARE * (clock.spent - before)
    assert told <= reader.counted.sends
    assert waits and 0 < max(waits) <= 2 * loop.SENDING_SHARE * loop.SENDING_TIME


@pytest.mark.slow
@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_others_have_their_turns_in_a_flood_of_the_smallest_commands(house, clock, monkeypatch, protocol):
    """From ten who read nothing of what they are answered."""
    calm = house.member(b"calm")
    smallest = {"line": b"x\n", "binary": binary(1, b""), "padded": b"%-64d" % 0, "delimited": bytes([0, 2] + 40 * [0]),
                "dollar": b"$2         {}$", "web": frame(b"", PONG), "irc": b"x\n"}[protocol]
    flooders = [house.connect(protocol=protocol) for _ in range(10)]
    for flooder in flooders:
        assert fill(flooder, smallest * 3000) >= 1000 * len(smallest)
    monkeypatch.setattr(loop, "time", SteppingClock(clock))
    for _ in range(30):
        calm.send(b"PING\n")
        for _ in range(len(flooders)):
            house.tick()
        assert calm.heard() == b"PONG\n"
    assert not any(driven.ended for driven in house.driven)


@pytest.mark.slow
def test_while_clients_have_more_to_say_than_a_tick_has_time_for_the_worker_gives_signs_of_life(
        house, clock, monkeypatch):
    for _ in range(20):
        fill(house.connect(), b"x\n" * 50000)
    monkeypatch.setattr(loop, "time", SteppingClock(clock))
    for _ in range(2000):
        house.tick()
        house.hub.turn(0)
    assert house.hub.failed == {}
    assert clock.now > 1010


@pytest.mark.slow
def test_who_says_little_is_heard_in_a_crowd_that_says_much_and_takes_long_to_be_told(house, clock, monkeypatch):
    crowd, calm = [house.connect() for _ in range(100)], house.connect()
    for one in crowd:
        fill(one, b"x\n" * 900)
    monkeypatch.setattr(loop, "time", SteppingClock(clock))
    audience = house.driven[0].worker.audiences["line", "text", HOME]
    flush = audience.flush

    def flush_slowly():
        clock.now += 0.02
        flush()

    audience.flush = flush_slowly
    for _ in range(5):  # so that all the others have had a turn
        house.tick()
    for _ in range(7):
        calm.send(b"x\n")
        for _ in range(3):
            house.tick()
            for one in crowd:
                one.heard()
        assert calm.heard() == b"ERR must-login-first\n"


def test_what_was_asked_before_a_stop_is_answered_although_its_turn_comes_later(house, monkeypatch):
    ann = house.member(b"ann")
    ann.send(b"MSG hi\n" * 500 + b"PING\n")
    one_turn_a_tick(monkeypatch)
    house.tick()
    house.hub.everyone(ToWorker.Stop())
    for _ in range(40):
        house.settle(1)
    assert ann.heard() == b"PONG\n"
    assert all(stream.done for stream in house.hub.streams.values())


# ---- rates


def test_a_burst_is_heard_at_once_and_the_rest_at_the_rate(house):
    bob, ann = house.member(b"bob", worker=2), house.member(b"ann")
    said = b"".join([b"MSG %d\n" % number for number in range(3000)])
    assert fill(ann, said) == len(said)
    house.settle(30)
    heard = bob.heard()
    assert AT_ONCE - 10 <= heard.count(b"\n") <= AT_ONCE + 1
    house.wait(5)
    heard += bob.heard()
    assert AT_ONCE + 4 * RATE <= heard.count(b"\n") <= AT_ONCE + 5 * RATE + 10
    house.wait(30)
    assert heard + bob.heard() == said.replace(b"MSG ", b"MSG ann ")


def test_each_kib_counts_as_a_message(house):
    bob, ann = house.member(b"bob", worker=2, buffer=1 << 20), house.member(b"ann")
    line = b"MSG %b\n" % (b"x" * 8000)
    for _ in range(300):
        if fill(ann, line) < len(line):
            break
        house.settle(2)
    house.settle(30)
    assert len(bob.heard()) <= (AT_ONCE << 10) * 1.01


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_coming_back_does_not_make_the_rate_good(open_house, workers):
    house = open_house(workers=workers)
    bob, said = house.member(b"bob"), 0
    for round_ in range(20):
        ann = house.connect(worker=round_ % workers + 1)
        fill(ann, b"LOGIN ann%d\n" % round_ + b"MSG a\n" * 5000)
        house.wait(1)
        said += bob.heard().count(b"MSG ")
        ann.close()  # with something unread, so that is a reset
        house.settle()
    assert said <= AT_ONCE + 20 * 1.5 * RATE  # the clock of these tests goes by half seconds


def test_newcomers_from_there_are_heard_all_the_same(house):
    flooder = house.connect()
    fill(flooder, b"x\n" * 50000)
    house.settle()
    calm = house.connect(worker=2)
    calm.send(b"LOGIN calm\n")
    house.wait(1)
    assert calm.heard() == b"OK\n"


def test_the_name_of_who_is_reset_while_its_flood_is_held_is_free_soon(house):
    bob, ann = house.member(b"bob", worker=2), house.member(b"ann")
    fill(ann, b"x\n" * 5000)
    house.settle()
    assert house.worker._report()["held"] == 1
    ann.close()
    house.wait(2)
    assert bob.heard() == b"INFO ann disconnected\n"


def test_a_flood_before_an_orderly_end_is_heard_whole_and_the_name_is_free_for_whoever_asks(house):
    bob, ann = house.member(b"bob", worker=2), house.member(b"ann")
    fill(ann, b"MSG a\n" * 1300)
    ann.hang_up()
    house.wait(1)
    assert house.worker._report()["held"] == 1
    other = house.connect(2)
    other.send(b"LOGIN ann\n")
    house.wait(1)
    assert bob.heard().endswith(b"INFO ann disconnected\n")
    assert other.heard() == b"OK\n"
    fill(other, b"MSG b\n" * 1300)
    other.hang_up()
    house.wait(30)
    assert bob.heard() == b"MSG ann b\n" * 1300 + b"INFO ann disconnected\n"


@pytest.mark.slow
def test_a_question_that_waits_for_its_answer_is_charged_for_once(house):
    ann = house.member(b"ann")
    ann.send(b"WHO\n" * 400)
    heard = b""
    for _ in range(100):
        house.settle(10)
        heard += ann.heard()
    assert heard == b"USER ann\n" * 400
    assert house.worker._report()["messages"] == 401
    assert house.worker._report()["held"] == 0


# ---- readers on slow lines


@pytest.mark.slow
@pytest.mark.parametrize("reader", sorted(PROTOCOLS))
def test_a_burst_that_the_rate_allows_ends_no_reader_on_a_slow_line(open_house, reader):
    house = open_house(workers=2)
    ann = house.connect(protocol="binary")
    ann.send(binary(200, b"ann"))
    slow = house.connect(2, protocol=reader, buffer=1 << 16)
    slow.send({
        "line": b"LOGIN slow\n", "binary": binary(200, b"slow"), "padded": b"%-64d[05:55 AM] slow: hi" % 19,
        "delimited": b"\0\0" + (4).to_bytes(40, "big") + b"slow", "dollar": b"$2         {}$",
        "web": said(do="login", name="slow"),
        "irc": b"NICK slow\r\nUSER a b c d\r\nJOIN #lobby\r\n"}[reader])
    house.settle()
    frame, frames, heard, left = binary(100, b"x" * 16000), 120, 0, b""
    for _ in range(600):
        if frames and not left:
            frames, left = frames - 1, frame
        left = left[fill(ann, left):]
        house.wait(0.05)
        heard += _read_some(slow, 200000)
    assert not slow.ended
    assert not ann.ended


def _read_some(peer, most):
    """A slow line: not more than so many bytes."""
    size = 0
    while size < most:
        try:
            piece = peer.sock.recv(min(1 << 16, most - size))
        except BlockingIOError:
            break
        if not piece:
            peer.ended = True
            break
        size += len(piece)
    return size


# ---- bugs in what is done for everybody


def test_a_crowd_that_floods_and_is_reset_ends_nobody_else(house):
    calm = house.member(b"calm")
    flooders = [house.connect() for _ in range(12)]
    for flooder in flooders:
        fill(flooder, b"x\n" * 30000)
    house.settle()
    for flooder in flooders:
        flooder.close()
    house.wait(3)
    calm.send(b"PING\n")
    house.settle()
    assert calm.heard() == b"PONG\n"
    assert not any(driven.ended for driven in house.driven)


class Bug(RuntimeError):
    """Injected."""


@pytest.fixture
def broken(monkeypatch):
    """Lets a method of one connection fail, once."""

    def make(session, method):
        original = getattr(type(session), method)
        struck = []

        def failing(self, *arguments, **named):
            if self is session and not struck:
                struck.append(True)
                raise Bug(method)
            return original(self, *arguments, **named)

        monkeypatch.setattr(type(session), method, failing)
        return struck

    return make


def sessions(house):
    return list(house.worker.admission.connections.values())


def test_a_bug_at_the_end_of_a_tick_costs_the_one_member_for_whom_it_shows(house, broken, caplog):
    bob, ann, cid = (house.member(name) for name in (b"bob", b"ann", b"cid"))
    struck = broken(sessions(house)[0], "send")
    ann.send(b"MSG hi\n")
    house.settle()
    assert struck and bob.heard() == b"MSG ann hi\nERR internal-error\n"[11:] and bob.ended
    assert cid.heard() == b"MSG ann hi\nINFO bob disconnected\n"
    assert [record for record in caplog.records if record.exc_info]


def test_a_bug_in_the_rendering_of_one_event_costs_no_connection(house, monkeypatch, caplog):
    bob, ann = house.member(b"bob"), house.member(b"ann")
    hearers = sessions(house)[0].audience
    render = hearers._encode
    monkeypatch.setattr(hearers, "_encode", lambda happening, me: render(happening, me) if b"bad" not in getattr(
        happening, "text", b"") else 1 // 0)
    monkeypatch.setattr(hearers, "_encode_talk", lambda room, records, first: 1 // 0)
    ann.send(b"MSG bad\n" * 2 * MOST_LINES + b"MSG good\n")
    house.settle(20)
    assert bob.heard() == b"MSG ann good\n"
    assert ann.heard() == b""
    told = [record for record in caplog.records if "is not sent" in record.message and record.levelno == logging.ERROR]
    assert len(told) == MOST_LINES


def test_a_bug_in_a_slow_readers_end_keeps_the_clock_going(open_house, broken):
    house = open_house(first_command_seconds=3)
    strangers = [house.connect() for _ in range(3)]
    struck = broken(sessions(house)[1], "give_up")
    house.wait(5)
    assert struck and all(stranger.heard() and stranger.ended for stranger in strangers)


def test_a_bug_while_held_clients_come_back_costs_that_one(house, broken):
    flooders = [house.connect() for _ in range(3)]
    for flooder in flooders:
        fill(flooder, b"x\n" * 5000)
    house.settle(20)
    for flooder in flooders:
        flooder.heard()
    struck = broken(sessions(house)[0], "catch_up")
    house.wait(3)
    assert struck
    assert flooders[0].heard().endswith(b"ERR internal-error\n") and flooders[0].ended
    assert flooders[1].heard() and not flooders[1].ended


@pytest.mark.parametrize("method", ["pause", "leave"])
def test_a_bug_while_the_server_stops_keeps_nobody_from_its_good_bye(house, broken, method):
    peers = [house.member(b"ann"), house.member(b"bob"), house.member(b"cid")]
    struck = broken(sessions(house)[1], method)
    house.hub.everyone(ToWorker.Stop())
    house.settle()
    house.hub.everyone(ToWorker.End())
    house.settle()
    assert struck
    for peer in (peers[0], peers[2]):
        assert peer.heard().endswith(b"INFO server-shutdown\n")


def test_a_bug_in_a_turn_of_a_paced_client_costs_that_one(house, broken, clock):
    peers = [house.connect(protocol="binary") for _ in range(2)]
    for number, peer in enumerate(peers):
        peer.send(binary(200, b"bea%d" % number))
    house.settle()
    ann = house.member(b"ann")
    for peer in peers:
        peer.heard()
    struck = broken(sessions(house)[0].pace, "take_turn")
    ann.send(b"MSG one\nMSG two\nMSG three\n")
    house.settle()
    assert struck and peers[0].heard() is not None and peers[0].ended
    assert peers[1].heard().count(b"ann") == 3


def test_what_happens_in_the_log_is_one_line_for_each_bug(house, broken, caplog):
    caplog.set_level(logging.INFO, "parley.server")
    house.member(b"bob")
    ann = house.member(b"ann")
    broken(sessions(house)[0], "send")
    ann.send(b"MSG hi\n")
    house.settle()
    assert [record.args["name"] for record in caplog.records if record.exc_info] == ["bob"]


def test_small_pieces_of_a_websocket_message_are_read_in_several_turns(house, monkeypatch):
    """wsproto takes 50 us for each of them, of which one read may have 600."""
    sizes, receive = [], RareFrames.receive
    monkeypatch.setattr(RareFrames, "receive", lambda self, data: sizes.append(len(data)) or receive(self, data))
    bob, page = house.member(b"bob"), house.connect(protocol="web")
    page.send(said(do="login", name="ann"))
    house.settle()
    text = b'{"do": "say", "text": "hi"}'
    page.send(frame(b"", last=False) + frame(b"", MORE, last=False) * 500
              + frame(text, MORE) + said(do="say", text="ho"))
    house.settle(40)
    assert bob.heard() == b"MSG ann hi\nMSG ann ho\n"
    assert max(sizes) <= web.AT_ONCE < sum(sizes)
