"""A bug of ours at any line that is run on behalf of one client costs that client its connection, and nobody else's.

A client of each protocol does what its protocol knows. Each line of the server that is run for it is noted; then it
comes again for each of them, and that line raises. `./dev long` tries all of the lines, `./dev test` a few by chance.
"""
import linecache
import logging
import os
import sys

import pytest

from parley import server
from parley.server.chat import replica

ROOT = os.path.dirname(os.path.abspath(server.__file__))
CONNECTION = os.path.join(ROOT, "worker", "connection.py")
PACED = os.path.join(ROOT, "worker", "paced.py")
FANOUT = [os.path.join(ROOT, "worker", name) for name in ("fanout.py", "audience_kinds.py")]
# Whatever is run below these is run for one client: methods of a connection, of its pace, and of an audience for it.
ENTRANCES = ("on_ready", "heed", "send", "catch_up", "take_turn", "pause", "notice_reset")
SENDS = ("_send", "_pieces")
# What ends a connection, a bug included, is the way out itself.
WAY_OUT = {"crash", "leave", "part", "close", "finish", "_lose", "_watch", "parted", "closed", "accept", "forget"}


def binary(kind, content, name=b"victim"):
    return b"\1" + b"".join(number.to_bytes(4, "big") for number in (kind, len(name), len(content))) \
        + name.ljust(10, b"\0") + bytes(4) + content


def padded(text):
    return b"%-64d%b" % (len(text), text)


def delimited(command, *items):
    data = b"|||".join(items)
    return bytes([0, command]) + len(data).to_bytes(40, "big") + data


def dollar(**fields):
    data = repr(fields).encode()
    return b"$%-10d%b$" % (len(data), data)


# What each client does, step by step. `victim` has an account without a password for those that need one.
LIVES = {
    "line": [b"LOGIN victim\n", b"MSG hello\nMSG again\n", b"DM victim psst\n", b"DM nobody x\n", b"WHO\nPING\n",
             b"HISTORY\nHISTORY SINCE 1\n", b"MSG\nNONSENSE\nLOGIN again\n",
             "MSG gr\u00fc\u00dfe \x1b\u202e\n".encode(), b"MSG \xff\xfd\x01\xc3\n", b"half a li"],
    "binary": [binary(200, b"victim"), binary(100, b"hello"), binary(100, b"x" * 5000), binary(203, b""),
               binary(201, b"bystander"), binary(202, b"other"), binary(211, b"1.5"), binary(99, b"?"),
               binary(100, b"\xff"), binary(200, b"victim"), binary(100, b"half of it")[:20]],
    "padded": [padded(b"[05:55 AM] victim: hello"), padded(b"hello"), padded(b""), padded(b"[05:55 AM] other: hello"),
               padded(b"[05:55 AM] a b: refused"), padded(b"\xff"), padded("[SERVER] \u202e\n".encode()), b"64  "],
    "delimited": [delimited(5, b"victim"), delimited(1), delimited(1, b"v*"),
                  delimited(2, b"victim", b"lobby", b"hello"), delimited(2, b"victim", b"bystander", b"psst"),
                  delimited(2, b"victim", b"nobody", b"x"), delimited(3), delimited(2), delimited(9),
                  delimited(5, b"victim"), delimited(0, b"other"),
                  delimited(2, b"victim", b"lobby", b"\\u00e9\\u007c"), delimited(2)[:9]],
    "dollar": [dollar(purpose="login", username="victim", password=""), dollar(purpose="poll"),
               dollar(purpose="send_message", from_user="victim", to_user="lobby", message="hello"),
               dollar(purpose="send_message", from_user="victim", to_user="victim", message="psst"),
               dollar(purpose="start_reload_message_list", target_user="victim"), dollar(purpose="unknown"),
               b'$21        {"purpose": "poll"  }$', dollar(purpose=1), b"$9         {'a': [}]}$", b"$10  "],
}
FEWEST_POINTS = 100
SAMPLE = 10  # of the lines, for each protocol


class Fault:
    """Notes the lines of the server that are run for one client, and raises at one of them, once."""

    def __init__(self):
        self.victim = None  # the connection for which lines are noted
        self.points = {}  # (file, line), in the order in which they were first run
        self.strike_at = None
        self.struck = False

    def of_thread(self, frame, event, argument):
        """For sys.settrace, in the worker's thread."""
        return self.of_frame if frame.f_code.co_filename.startswith(ROOT) else None

    def of_frame(self, frame, event, argument):
        if event == "line" and self._is_for_the_victim(frame):
            point = frame.f_code.co_filename, frame.f_lineno
            self.points[point] = None
            if point == self.strike_at and not self.struck:
                self.struck = True
                raise RuntimeError("injected at %s:%d" % point)
        return self.of_frame

    def _is_for_the_victim(self, frame):
        within = False
        while frame is not None and frame.f_code.co_filename.startswith(ROOT):
            code = frame.f_code
            if code.co_name in WAY_OUT:
                return False
            if code.co_filename == CONNECTION and code.co_name in ENTRANCES:
                within = within or frame.f_locals["self"] is self.victim
            elif code.co_filename == PACED and code.co_name in ENTRANCES:
                within = within or frame.f_locals["connection"] is self.victim
            elif code.co_filename in FANOUT and code.co_name in SENDS:
                within = within or frame.f_locals["session"] is self.victim
            frame = frame.f_back
        return within


def trace(house, fault):
    """In the worker's thread, from its next tick on and at each: Python drops a trace function that raises."""
    select = house.worker.selector.select

    def tracing_select(timeout=None):
        ready = select(timeout)
        sys.settrace(fault.of_thread)
        return ready

    house.worker.selector.select = tracing_select


def live(house, fault, protocol):
    """A victim lives its life; it may be ended at any moment."""
    peer = house.connect(protocol=protocol)
    fault.victim = house.worker.admission.connections[house.worker.stats.accepted]
    for step in LIVES[protocol]:
        try:
            peer.send(step)
        except OSError:  # it has been ended
            break
        house.settle(3)
    fault.victim = None
    return peer


@pytest.mark.slow
@pytest.mark.parametrize("extent", ["sample", pytest.param("all", marks=pytest.mark.long)])
@pytest.mark.parametrize("protocol", sorted(LIVES))
def test_a_bug_at_any_line_costs_one_connection(open_house, protocol, extent, caplog, chance, monkeypatch):
    monkeypatch.setattr(replica, "USERS_AT_ONCE", 0)  # each life runs the same lines, without the list of users
    caplog.set_level(logging.DEBUG, "parley.server")  # to which more bugs than a minute has lines for are told
    house, fault = open_house(), Fault()
    trace(house, fault)
    founder = house.connect(protocol="delimited")
    founder.send(delimited(0, b"victim"))
    house.settle()
    founder.close()
    house.settle()
    bystander = house.member(b"bystander")
    for _ in range(2):  # the first one fills caches
        fault.points.clear()
        live(house, fault, protocol).close()
        house.settle()
    points = [point for point in fault.points if linecache.getline(*point).strip() != "try:"]  # which cannot fail
    assert len(points) >= FEWEST_POINTS
    if extent == "sample":
        points = chance.sample(points, SAMPLE)
    for number, point in enumerate(points):
        where = "%s:%d" % point
        fault.strike_at, fault.struck = point, False
        caplog.clear()
        victim = live(house, fault, protocol)
        assert fault.struck, where
        house.settle()
        victim.heard()
        assert victim.ended, "%s: the connection stays" % where
        victim.close()
        house.settle()
        assert [record for record in caplog.records if record.exc_info], "%s: nothing is logged" % where
        bystander.heard()
        witness = house.connect()
        witness.send(b"LOGIN witness\nMSG %d\nWHO\n" % number)
        house.settle()
        assert b"MSG witness %d\n" % number in bystander.heard(), where
        assert witness.heard() == b"OK\nUSER bystander\nUSER witness\n", where
        witness.close()
        house.settle()
    assert len(house.worker.admission.connections) == 1
