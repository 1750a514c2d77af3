"""Queues between processes: framing, fullness, ends."""
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queue_ends import two_ends

from parley.server.ipc import queues
from parley.server.ipc.queues import CONTROL, HEAD, TALK, called, control, placed, record, said, talk, words

FRAMES = [
    control("ready"),
    talk(0, 1, [record(1, b"ann", b"hi", 1600000000), record(2, b"bob", b"", 0)]),
    control("known", [b"ann"], [b"ann", b"bob"], {b"ann": b"a|"}),
    talk(7, 2, []),
    control("joined", 1, 2, "\u00fc".encode()),
]
STREAM = b"".join(FRAMES)

CALLS = [
    ("ready",),
    ("claim", 1, b"ann", (b"ann",), "Login", None),
    ("known", [b"ann"], [b"ann", b"bob"], {b"ann": b"a|"}),
    ("kept", 1, [(b"ann", b"hi", 1600000000)]),
    ("described", 1, b"ann", "192.0.2.1", 4711),
    ("configure", {"echo": {"line": True}, "idle_timeout": {"line": 0.5}, "limits": {"line_bytes": 8192}}),
    ("refused", (1 << 31) + 1, "name-taken"),
]


def write(ends, data):
    assert os.write(ends[0].fileno(), data) == len(data)


def take_all(reading):
    frames = []
    while True:
        try:
            frames += reading.get()
        except EOFError:
            return frames


@pytest.mark.parametrize("call", CALLS, ids=repr)
def test_a_control_frame_carries_its_call(call):
    assert called(control(*call)) == (call[0], call[1:])
    assert HEAD.unpack_from(control(*call))[0] == CONTROL


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
       st.lists(st.tuples(
           st.integers(0, 2**32 - 1), st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 2**32 - 1))))
def test_a_talk_frame_carries_its_records_in_order(room, worker, records):
    frame = talk(room, worker, [record(*one) for one in records])
    assert list(said(frame)) == records
    assert words(frame) == [(number, 0) for number, _, _, _ in records]
    assert words(talk(room, worker, [record(*one, serial) for serial, one in enumerate(records)])) == [
        (number, serial) for serial, (number, _, _, _) in enumerate(records)]
    assert HEAD.unpack_from(frame) == (TALK, room, worker, len(frame) - HEAD.size, len(records), 0, 0)


@given(st.integers(1, 2**63 - 1), st.integers(0, 2**63 - 1), st.lists(st.binary(max_size=9)))
def test_a_talk_frame_gets_its_place_and_is_else_as_it_was(number, time, texts):
    frame = talk(1, 2, [record(3, b"ann", text, 4) for text in texts])
    there = placed(frame, number, time)
    assert HEAD.unpack_from(there) == HEAD.unpack_from(frame)[:5] + (number, time)
    assert placed(there, 0, 0) == frame


@pytest.mark.parametrize("time, kept", [(2**32 - 1, 2**32 - 1), (2**32 + 7, 7), (-1, 2**32 - 1)])
def test_of_a_time_32_bits_are_kept(time, kept):
    assert list(said(talk(0, 1, [record(1, b"ann", b"hi", time)]))) == [(1, b"ann", b"hi", kept)]


def test_frames_arrive_whole_and_in_order(ends):
    writing, reading = ends
    for frame in FRAMES:
        writing.put(frame)
    assert reading.get() == FRAMES
    assert reading.get() == []


def test_frames_cut_anywhere_arrive_whole(ends):
    for cut in range(len(STREAM) + 1):
        write(ends, STREAM[:cut])
        frames = ends[1].get()
        write(ends, STREAM[cut:])
        assert frames + ends[1].get() == FRAMES, cut


def test_frames_that_come_byte_by_byte_arrive_whole(ends):
    frames = []
    for position in range(len(STREAM)):
        write(ends, STREAM[position:position + 1])
        frames += ends[1].get()
    assert frames == FRAMES


def test_the_torn_tail_of_a_dead_writer_is_dropped():
    for torn in range(1, len(FRAMES[1])):
        writing, reading = two_ends()
        write((writing, reading), FRAMES[0] + FRAMES[1][:torn])
        writing.close()
        assert take_all(reading) == FRAMES[:1], torn
        with pytest.raises(EOFError):
            reading.get()
        reading.close()


def test_what_a_dead_writer_completed_is_read_before_its_end(ends):
    ends[0].put(STREAM)
    ends[0].close()
    assert take_all(ends[1]) == FRAMES


def test_putting_to_a_dead_reader_is_an_error(ends):
    ends[1].close()
    with pytest.raises(BrokenPipeError):
        ends[0].put(STREAM)


def test_a_full_pipe_blocks_nobody_and_loses_nothing(ends):
    writing, reading = ends
    frames = [control("entry", number, b"x" * 5000) for number in range(600)]  # three megabytes
    for frame in frames:
        writing.put(frame)
    assert writing.backlog_size > 0
    received = []
    while writing.backlog_size:
        received += reading.get()
        writing.put()
    received += reading.get() + reading.get()
    assert received == frames


def test_the_backlog_is_counted_in_bytes(ends):
    writing, reading = ends
    data = control("entry", b"x" * (4 << 20))
    writing.put(data)
    writing.put(data)
    kept = writing.backlog_size
    taken = 0
    while len(reading._held) + kept < 2 * len(data) and taken < 100:
        reading.get()
        taken += 1
    assert kept + len(reading._held) == 2 * len(data)


def test_one_get_does_not_read_for_ever(ends, monkeypatch):
    monkeypatch.setattr(queues, "PIECE", 8)
    monkeypatch.setattr(queues, "DRAIN", 3)
    reads = []
    monkeypatch.setattr(queues.os, "read", lambda fd, size, read=os.read: reads.append(size) or read(fd, size))
    write(ends, STREAM)
    ends[1].get()
    assert reads == [8, 8, 8]


def test_an_end_can_be_watched_by_a_selector(ends):
    writing, reading = ends
    assert os.write(writing.fileno(), b"x") == 1
    assert os.read(reading.fileno(), 1) == b"x"
    assert not os.get_blocking(writing.fileno())
    assert not os.get_blocking(reading.fileno())
