"""The log: what a line looks like, and what becomes of it when stderr does not take it."""
import json
import logging
import multiprocessing
import os
import re
import select

import pytest

from parley.server import logs

HOSTILE = "a\x1b]52;c;x\x07\r\n\x9b2J\u202e\u2028\x00\x7f\udc80b"
CLEAN = re.compile(r"[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]*")

# a value of a field: how the text form shows it
SHOWN = [
    ("ann", "ann"), ("\u00c5sa", "\u00c5sa"), ("192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", '"fe80::1%eth0"'),
    (None, "-"), ("-", '"-"'), ("", '""'), ("a b", '"a b"'), ('a"b', '"a\\"b"'), ("a=b", '"a=b"'),
    ("a\nb", '"a\\nb"'), ("\x1b[2J", '"\\u001b[2J"'), ("\x9b2J", '"\\x9b2J"'), ("\u202ea", '"\\u202ea"'),
    (4711, "4711"), (1.25, "1.25"), (True, "True"), ({"hangup": 2}, '{"hangup": 2}'),
]  # fmt: skip

WRITERS, LINES = 4, 300


@pytest.fixture
def pipe():
    """A pipe's reading and writing end; the reader does not block."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            pass


@pytest.fixture
def make_log():
    """Makes a log that writes to a descriptor."""
    def make(descriptor, form="json"):
        log = logging.Logger("server.test")
        log.addHandler(logs.Handler(descriptor, logs.FORMS[form]))
        return log

    return make


def read(descriptor):
    """All that is there now."""
    pieces = []
    while True:
        try:
            piece = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            piece = b""
        if not piece:
            return b"".join(pieces).decode()
        pieces.append(piece)


def events(descriptor):
    return [json.loads(line) for line in read(descriptor).splitlines()]


def fill(writer):
    """Nothing more gets into the pipe; how much did."""
    os.set_blocking(writer, False)
    size = 0
    try:
        while True:
            size += os.write(writer, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writer, True)
        return size


# ---- what a line looks like


def test_a_json_line_has_these_fields(pipe, make_log):
    reader, writer = pipe
    make_log(writer).info("connection ended", {"name": "ann", "seconds": 1.5})
    event, = events(reader)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("time"))
    assert event == {"level": "info", "pid": os.getpid(), "process": multiprocessing.current_process().name,
                     "event": "connection ended", "name": "ann", "seconds": 1.5}


def test_a_text_line_has_the_same(pipe, make_log):
    reader, writer = pipe
    make_log(writer, "text").warning("%s is %d", "this", 1)
    make_log(writer, "text").info("connection ended", {"name": "ann", "seconds": 1.5})
    first, second = read(reader).splitlines()
    where = r"\S{10}T\S{12}Z %%s %s \(%d\): " % (multiprocessing.current_process().name, os.getpid())
    assert re.fullmatch(where % "warning" + "this is 1", first)
    assert re.fullmatch(where % "info" + r"connection ended name=ann seconds=1\.5", second)


@pytest.mark.parametrize("seconds, shown", [
    (0, "1970-01-01T00:00:00.000Z"), (1700000000.9996, "2023-11-14T22:13:20.999Z"),
    (4102444799, "2099-12-31T23:59:59.000Z")])
def test_times_are_utc_with_milliseconds(seconds, shown):
    record = logging.LogRecord("server", logging.INFO, "", 1, "x", (), None)
    record.created, record.msecs = seconds, seconds % 1 * 1000
    assert logs._event(record)["time"] == shown


@pytest.mark.parametrize("value, shown", SHOWN, ids=repr)
def test_a_value_is_shown_so_that_it_can_be_told_where_it_ends(pipe, make_log, value, shown):
    reader, writer = pipe
    make_log(writer, "text").info("x", {"field": value})
    assert read(reader).endswith(": x field=%s\n" % shown)


@pytest.mark.parametrize("form", sorted(logs.FORMS))
@pytest.mark.parametrize("how", [
    lambda log: log.info("%s", HOSTILE), lambda log: log.info("x", {"name": HOSTILE}),
    lambda log: log.info("x", {"endings": {HOSTILE: 1}})], ids=["event", "field", "inside a field"])
def test_nothing_acts_on_a_terminal(pipe, make_log, form, how):
    reader, writer = pipe
    how(make_log(writer, form))
    line = read(reader)
    assert line.count("\n") == 1 and CLEAN.fullmatch(line[:-1])


def test_what_the_text_quotes_is_a_field_in_json_and_not_said_twice_in_text(pipe, make_log):
    reader, writer = pipe
    for form in ("json", "text"):
        make_log(writer, form).info("%(name)s: %(count)d more", {"name": "ann", "count": 3, "host": "192.0.2.1"})
    first, second = read(reader).splitlines()
    event = json.loads(first)
    assert (event["event"], event["name"], event["count"], event["host"]) == ("ann: 3 more", "ann", 3, "192.0.2.1")
    assert "quoted" not in event and second.endswith(": ann: 3 more host=192.0.2.1")


@pytest.mark.parametrize("form", sorted(logs.FORMS))
@pytest.mark.parametrize("value, shown", [
    (b"ann", "ann"), ("\u00c5sa".encode(), "\u00c5sa"), (b"\xff", "\\xff"), ([b"ann"], ["ann"]),
    ({"a": b"b"}, {"a": "b"}),
])
def test_bytes_are_text_without_pythons_quotes(pipe, make_log, form, value, shown):
    reader, writer = pipe
    make_log(writer, form).info("x", {"field": value})
    line = read(reader)
    if form == "json":
        assert json.loads(line)["field"] == shown
    else:
        told = line.rstrip("\n").partition("field=")[2]
        assert told == shown or json.loads(told) == shown


def raised(text):
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return error


def test_a_traceback_follows_its_line_in_text(pipe, make_log):
    reader, writer = pipe
    make_log(writer, "text").error("a bug", {"name": "ann"}, exc_info=raised("gone\x1b[2J"))
    first, *trace = read(reader).splitlines()
    assert first.endswith("a bug name=ann")
    assert trace[0] == "Traceback (most recent call last):" and trace[-1] == "RuntimeError: gone\\x1b[2J"
    assert all(map(CLEAN.fullmatch, trace))


def test_a_traceback_is_one_field_in_json(pipe, make_log):
    reader, writer = pipe
    make_log(writer).error("a bug", exc_info=raised("gone"))
    event, = events(reader)
    assert event["traceback"].startswith("Traceback") and event["traceback"].endswith("RuntimeError: gone")


@pytest.mark.parametrize("form", sorted(logs.FORMS))
@pytest.mark.parametrize("text", ["x" * 100000, "\x1b" * 100000, "\U0001f642" * 100000], ids=["x", "escape", "emoji"])
def test_no_line_is_longer_than_what_a_pipe_takes_whole(pipe, make_log, form, text):
    reader, writer = pipe
    make_log(writer, form).error("a bug", {"name": "ann"}, exc_info=raised(text + "the end"))
    line = read(reader)
    assert len(line.encode()) < select.PIPE_BUF
    assert "the end" in line and "a bug" in line and "ann" in line


# ---- when stderr does not take it


def test_nobody_waits_for_a_full_pipe_and_the_next_line_says_how_many_were_dropped(pipe, make_log):
    reader, writer = pipe
    log = make_log(writer)
    log.info("before")
    fill(writer)
    for _ in range(5):
        log.info("lost")
    read(reader)
    log.info("after")
    log.info("later")
    assert [(event["event"], event.get("dropped")) for event in events(reader)] == [("after", 5), ("later", None)]


def test_a_pipe_that_nobody_reads_any_more_is_no_error(pipe, make_log, capsys):
    reader, writer = pipe
    os.close(reader)
    log = make_log(writer)
    assert log.info("lost") is None  # logging.raiseExceptions is on: a failure would be a traceback
    assert capsys.readouterr().err == ""


def test_a_closed_stderr_is_no_error(pipe, make_log, capsys):
    log = make_log(pipe[1])
    os.close(pipe[1])
    assert log.info("lost") is None
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_a_full_disk_is_no_error(make_log, pipe):
    reader, writer = pipe
    full = os.open("/dev/full", os.O_WRONLY)
    log = make_log(full)
    log.info("lost")
    log.info("lost")
    os.dup2(writer, full)
    log.info("after")
    os.close(full)
    event, = events(reader)
    assert event["dropped"] == 2


def test_a_line_that_was_torn_does_not_tear_the_next(pipe, make_log, monkeypatch):
    reader, writer = pipe
    log = make_log(writer)
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real_write(descriptor, data[:20]))
    log.info("torn")
    monkeypatch.undo()
    log.info("whole")
    torn, whole = read(reader).splitlines()
    assert len(torn) == 20
    assert json.loads(whole)["event"] == "whole" and json.loads(whole)["dropped"] == 1


def write_lines(descriptor):
    """One of several processes on one pipe: numbered lines, of which the last one gets through."""
    log = logging.Logger("server.test")
    handler = logs.Handler(logs._reopen(descriptor), logs.FORMS["json"])
    log.addHandler(handler)
    for number in range(10000):
        log.info("line", {"number": number, "padding": "x" * 1000})
        if number >= LINES:
            select.select([], [descriptor], [], 1)
            if not handler._dropped:
                return


def test_several_processes_share_a_pipe_and_none_waits_or_tears_a_line(pipe):
    reader, writer = pipe
    writers = [multiprocessing.get_context("fork").Process(target=write_lines, args=(writer,)) for _ in range(WRITERS)]
    for process in writers:
        process.start()
    pieces = []
    for _ in range(100000):
        pieces.append(read(reader))
        select.select([reader], [], [], 0.01)
        if not any(process.is_alive() for process in writers):
            break
    pieces.append(read(reader))
    for process in writers:
        process.join(1)
        assert process.exitcode == 0
    found = [json.loads(line) for line in "".join(pieces).splitlines()]
    for process in writers:
        mine = [event for event in found if event["pid"] == process.pid]
        numbers = [event["number"] for event in mine]
        assert numbers == sorted(numbers) and numbers[-1] >= LINES
        assert len(mine) + sum(event.get("dropped", 0) for event in mine) == numbers[-1] + 1


def test_with_a_full_pipe_even_a_race_for_its_last_room_makes_nobody_wait(pipe, monkeypatch):
    """Between the look and the write somebody else may fill the pipe."""
    reader, writer = pipe
    ours = logs._reopen(writer)
    handler = logs.Handler(ours, logs.FORMS["json"])
    log = logging.Logger("server.test")
    log.addHandler(handler)
    real_write = os.write

    def write_late(descriptor, data):
        monkeypatch.setattr(os, "write", real_write)
        fill(writer)
        return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", write_late)
    log.info("lost")
    os.close(ours)
    assert handler._dropped == 1
    assert os.get_blocking(writer), "the descriptor that others share is as it was"


def test_a_forked_process_does_not_say_what_its_parent_dropped(pipe, make_log):
    reader, writer = pipe
    log = make_log(writer)
    fill(writer)
    log.info("lost")
    read(reader)
    child = multiprocessing.get_context("fork").Process(target=log.info, args=("the child's",))
    child.start()
    child.join(10)
    log.info("the parent's")
    assert [event.get("dropped") for event in events(reader)] == [None, 1]


def test_a_terminal_is_not_made_non_blocking_for_others(make_log):
    master, slave = os.openpty()
    ours = logs._reopen(slave)
    make_log(ours, "text").info("hello")
    os.set_blocking(master, False)
    assert read(master).rstrip().endswith("hello")
    assert os.get_blocking(slave)
    for descriptor in {master, slave, ours}:
        os.close(descriptor)
