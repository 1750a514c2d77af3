"""How a client of `binary` sees people whose names are too long for its frames, on real workers and a real hub."""
import struct

import pytest

TWINS = b"student-0105", b"student-1501"  # the first candidate for an alias is the same
FIRST = b"stude|5syb"


def frame(code, content=b""):
    return struct.pack(">BIII10sI", 1, code, 0, len(content), b"", 0) + content


def frames(data):
    """(type, name, content) of each frame."""
    found = []
    while data:
        _, code, name_size, size, name, _ = struct.unpack_from(">BIII10sI", data)
        found.append((code, name[:name_size], data[27:27 + size]))
        data = data[27 + size:]
    return found


@pytest.fixture
def watchers(house):
    """One client of `binary` on each worker, who have heard nothing yet."""
    both = [house.connect(worker, protocol="binary") for worker in (1, 2)]
    for peer, name in zip(both, (b"ann", b"bob")):
        peer.send(frame(200, name))
    house.settle()
    for peer in both:
        peer.heard()
    return both


def enter(house, worker, name):
    peer = house.connect(worker)
    peer.send(b"LOGIN %b\n" % name)
    house.settle()
    assert peer.heard() == b"OK\n"
    return peer


def heard_by_all(watchers):
    """What both have heard, which must be the same."""
    one, other = [frames(peer.heard()) for peer in watchers]
    assert one == other
    return one


def test_everybody_gets_in_and_each_has_one_alias_wherever_it_is_seen(house, watchers):
    students = [enter(house, number % 2 + 1, name) for number, name in enumerate(TWINS)]
    (_, _, one), (_, _, other) = heard_by_all(watchers)
    aliases = [notice[:-len(b" joined!")] for notice in (one, other)]
    assert aliases[0] == FIRST != aliases[1]
    for student in students:
        student.send(b"MSG hi\n")
        house.settle()
    assert heard_by_all(watchers) == [(100, alias, b"hi") for alias in aliases]
    for peer in watchers:
        peer.send(frame(203))
    house.settle()
    assert heard_by_all(watchers) == [
        (303, b"server", b"['ann', 'bob', '%b', '%b']" % tuple(aliases))]
    for alias in aliases:
        for peer in watchers:
            peer.send(frame(201, alias))
        house.settle()
        (code, _, where), = heard_by_all(watchers)
        assert code == 210 and where.startswith(b"('%b', " % alias)


def test_who_speaks_and_leaves_at_once_is_still_shown_by_its_alias(house, watchers):
    students = [enter(house, number % 2 + 1, name) for number, name in enumerate(TWINS)]
    aliases = [notice[:-len(b" joined!")] for _, _, notice in heard_by_all(watchers)]
    for student in students:
        student.send(b"MSG one\nMSG two\n")
        student.hang_up()
    house.settle()
    told = heard_by_all(watchers)
    for alias in aliases:
        assert [(code, content) for code, name, content in told if alias in (name, content.split(b" ")[0])] == [
            (100, b"one"), (100, b"two"), (301, b"%b left!" % alias)]


def test_a_new_worker_shows_those_who_were_here_before_as_the_others_do(house):
    for number, name in enumerate(TWINS):
        enter(house, number % 2 + 1, name)
    house.driven.append(house._start(3))
    house.settle()
    lists = []
    for worker in (1, 3):
        peer = house.connect(worker, protocol="binary")
        peer.send(frame(203))
        house.settle()
        lists.append(frames(peer.heard()))
    assert lists[0] == lists[1] and FIRST in lists[0][0][2]


def test_a_rename_by_a_protocol_that_can_is_told_by_both_names(house, watchers):
    enter(house, 1, TWINS[0])
    padded = house.connect(2, protocol="padded")
    for name in TWINS[1], b"short", TWINS[1]:
        text = b"[05:55 AM] %b: hi" % name
        padded.send(b"%-64d%b" % (len(text), text))
        house.settle()
    told = [content for code, _, content in heard_by_all(watchers) if code in (300, 302)]
    second = told[1][:-len(b" joined!")]
    assert told == [
        FIRST + b" joined!", second + b" joined!",
        b"user '%b' changed username to 'short'!" % second, b"user 'short' changed username to '%b'!" % second]


def test_in_other_protocols_no_name_is_shortened(house, watchers):
    line = enter(house, 1, b"lea")
    enter(house, 2, TWINS[0]).send(b"MSG hi\n")
    house.settle()
    assert line.heard() == b"MSG %b hi\n" % TWINS[0]
