"""Clients that take one recv for one frame: they get the next once they will have taken the last."""
import struct

import pytest

from parley.server.worker.paced import CALM, FLOOD, GAP, HURRY, LAG

FLOODED = int(FLOOD / GAP) + 1  # more messages than wait
LONGEST_QUEUE = FLOODED - 2  # frames that wait at once


def binary(code, content=b""):
    return struct.pack(">BIII10sI", 1, code, 0, len(content), b"", 0) + content


def padded(text):
    return b"%-64d%b" % (len(text), text)


def contents(data):
    """What each of the binary frames says."""
    found = []
    while data:
        size = struct.unpack_from(">I", data, 9)[0]
        found.append(data[27:27 + size])
        data = data[27 + size:]
    return found


def pass_on(house):
    """What was said arrives, but no time passes."""
    for _ in range(6):
        house.tick()
        house.hub.turn(0)


@pytest.fixture
def house(open_house):
    return open_house(workers=1)


@pytest.fixture
def ben(house):
    """A binary client that has been told nothing lately."""
    peer = house.connect(protocol="binary")
    peer.send(binary(200, b"ben"))
    house.settle()
    assert contents(peer.heard()) == [b""]
    house.wait(1)
    return peer


@pytest.fixture
def lea(house, ben):
    """She talks; what ben has been told before is some time ago."""
    peer = house.member(b"lea")
    house.wait(1)
    ben.heard()
    return peer


def test_who_joins_with_a_word_is_heard_as_two(house, ben):
    pat = house.connect(protocol="padded")
    pat.send(padded(b"[05:55 AM] pat: hi"))
    pass_on(house)
    assert contents(ben.heard()) == [b"pat joined!"]
    house.clock.now += GAP
    pass_on(house)
    assert contents(ben.heard()) == [b"hi"]


def test_each_frame_takes_its_turn_in_order(house, ben):
    lea = house.member(b"lea")
    house.settle()
    ben.heard()
    lea.send(b"MSG 1\nMSG 2\nMSG 3\n")
    for word in (b"1", b"2", b"3"):
        house.clock.now += GAP
        pass_on(house)
        assert contents(ben.heard()) == [word]


def test_what_is_said_before_the_turn_waits(house, ben, lea):
    lea.send(b"MSG 1\n")
    pass_on(house)
    house.clock.now += GAP / 2
    lea.send(b"MSG 2\n")
    pass_on(house)
    assert contents(ben.heard()) == [b"1"]
    house.clock.now += GAP / 2
    pass_on(house)
    assert contents(ben.heard()) == [b"2"]


def test_the_worker_wakes_up_for_a_turn(house, ben, lea):
    lea.send(b"MSG 1\nMSG 2\n")
    pass_on(house)
    assert house.worker.turns.next == house.clock.now + GAP
    house.clock.now += GAP
    pass_on(house)
    assert house.worker.turns.next == float("inf")


def test_whoever_asks_after_each_answer_never_waits(house):
    pat = house.connect(protocol="padded")
    for number in range(2 * FLOODED):
        house.clock.now += GAP / 100
        pat.send(padded(b"[05:55 AM] pat: %d" % number))
        pass_on(house)
        assert pat.heard() == b"Msg received"


def test_a_flood_is_not_held_back(house, ben, lea):
    words = [b"%d" % number for number in range(2 * FLOODED)]
    for word in words:
        lea.send(b"MSG %b\n" % word)
        pass_on(house)
    assert contents(ben.heard()) == words


def test_after_a_flood_frames_are_apart_again(house, ben):
    lea = house.member(b"lea")
    for _ in range(4 * FLOODED):
        lea.send(b"MSG much\n")
        pass_on(house)
    house.clock.now += CALM
    pass_on(house)
    ben.heard()
    lea.send(b"MSG 1\nMSG 2\n")
    pass_on(house)
    assert contents(ben.heard()) == [b"1"]


def test_last_words_take_their_turn_before_the_end(house, ben, lea):
    lea.send(b"MSG 1\nMSG 2\n")
    pass_on(house)
    ben.send(binary(205))
    pass_on(house)
    assert contents(ben.heard()) == [b"1"] and not ben.ended
    for word in (b"2", b""):
        house.clock.now += GAP
        pass_on(house)
        assert contents(ben.heard()) == [word]
    assert ben.ended


def test_who_is_gone_has_no_turn(house, ben, lea):
    lea.send(b"MSG 1\nMSG 2\n")
    pass_on(house)
    ben.close()
    lea.send(b"WHO\n")
    house.wait(3)
    assert lea.heard().endswith(b"INFO ben disconnected\n")
    assert house.worker.turns.next == float("inf")


def test_what_waits_for_its_turn_has_not_been_taken(house, ben, lea):
    (connection,) = (one for one in house.worker.admission.connections.values() if one.name == b"ben")
    lea.send(b"DM ben 1\nDM ben 2\n")
    pass_on(house)
    assert connection.is_behind
    house.clock.now += GAP
    pass_on(house)
    assert not connection.is_behind


def test_no_more_waits_than_is_said_in_a_moment(house, ben, lea):
    lea.send(b"".join(b"MSG %d\n" % number for number in range(LONGEST_QUEUE + 1)))
    pass_on(house)
    assert len(contents(ben.heard())) == 1
    house.clock.now += FLOOD
    house.settle()
    assert len(contents(ben.heard())) == LONGEST_QUEUE


def test_where_many_wait_they_are_closer_so_that_none_waits_long(house, ben, lea):
    words = [b"%d" % number for number in range(LONGEST_QUEUE + 1)]
    lea.send(b"".join(b"MSG %b\n" % word for word in words))
    began = house.clock.now
    pass_on(house)
    assert contents(ben.heard()) == words[:1]
    for word in words[1:]:
        assert house.worker.turns.next > house.clock.now
        house.clock.now = house.worker.turns.next
        pass_on(house)
        assert contents(ben.heard()) == [word]
    assert house.clock.now - began <= LAG + 0.001


def test_who_asks_something_is_awake_and_gets_soon_what_waits_and_then_the_answer(house, ben, lea):
    words = [b"%d" % number for number in range(LONGEST_QUEUE - 1)]
    lea.send(b"".join(b"MSG %b\n" % word for word in words))
    pass_on(house)
    assert contents(ben.heard()) == words[:1]
    house.clock.now += HURRY
    ben.send(binary(211, b"7.25"))
    began = house.clock.now
    pass_on(house)
    heard = contents(ben.heard())
    while b"7.25" not in heard:
        assert len(heard) < len(words) and house.worker.turns.next > house.clock.now
        house.clock.now = house.worker.turns.next
        pass_on(house)
        frames = contents(ben.heard())
        assert len(frames) == 1
        heard += frames
    assert house.clock.now - began <= GAP
    assert heard[:-1] == words[1:]


def test_what_comes_after_it_has_spoken_keeps_its_gaps(house, ben, lea):
    lea.send(b"MSG 0\nMSG 1\nMSG 2\n")
    house.tick()
    house.hub.turn(0)
    ben.send(binary(211, b"7.25"))
    house.tick()  # in which it hears these, and has its answer
    assert contents(ben.heard()) == [b"0"]
    house.clock.now += HURRY
    house.tick()
    assert contents(ben.heard()) == []
    for word in (b"1", b"2", b"7.25"):
        house.clock.now += GAP
        house.tick()
        assert contents(ben.heard()) == [word]


def test_an_answer_is_not_late_however_much_was_said_before(house, ben, lea):
    lea.send(b"".join(b"MSG %d\n" % number for number in range(LONGEST_QUEUE - 1)))
    pass_on(house)
    house.clock.now += GAP / 10
    ben.send(binary(211, b"7.25"))
    pass_on(house)
    house.clock.now += LAG
    house.settle()
    assert contents(ben.heard())[-1] == b"7.25"
    assert house.worker.turns.next == float("inf")


def test_nothing_follows_on_what_was_forgotten_of_a_slow_reader(open_house):
    house = open_house(workers=1, outbox_bytes=20000)
    slow = house.connect(buffer=4096, protocol="padded")
    lea = house.member(b"lea")
    said = 0
    while not house.worker.stats.endings:
        lea.send(b"MSG %d %b\n" % (said, b"x" * 4000))
        said += 1
        house.clock.now += GAP / 2  # so that some wait for their turn while others wait for the client
        pass_on(house)
        assert said < 100
    text = b""
    while not slow.ended:
        text += slow.heard()
        house.wait(1)
    heard = [int(word.split()[0]) for word in text.split(b"lea: ")[1:]]
    assert heard == list(range(len(heard))) and len(heard) < said
