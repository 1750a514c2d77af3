"""A node that comes late, after a million messages and 10 000 accounts, soon has the same state as the others.

Packets of an imaginary node are put into the log: accounts, and messages of a user in the lobby. One of two real nodes
is stopped meanwhile, until the log has lost what it would read next and it is taken for dead. Then it goes on, and a
third node is started. Both have to be let in, to agree by checksum with the node that was there all the time, and to
tell the same history.
"""
import contextlib
import os
import signal
import tempfile
import time

from parley.conformance import engine
from parley.conformance.targets import launch
from parley.server.ipc.codec import dumps
from parley.server.ipc.messages import Shared, entry
from parley.server.ipc.queues import record, talk
from parley.server.order import scripts
from parley.server.supervisor.control import ask
from parley.server.supervisor.passwords import secret_for
from stress.proofs import demand
from stress.proofs.processes import group, wait_until
from stress.proofs.voices import Line

NAME = "late"  # of the log
OF_PACKET = 8  # messages in a packet
AT_ONCE = 500  # accounts in a packet
FEW = 1000  # entries, more than the node that is stopped has read
WITHIN = 30.0  # seconds
SECONDS = 600.0  # a bound against hanging, for what is not measured
GHOST = "ghost"  # the imaginary node


def prove(say, messages=1000000, accounts=10000):
    """Put so many into the log."""
    demand(engine.PROGRAMS, engine.MISSING)
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(engine.started())
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="late-"))
        nodes = {name: stack.enter_context(_node(one, directory, name)) for name in "ab"}
        for pid in group(nodes["b"].pid):
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        latest = _fill(one.servers[0], messages, accounts)
        say("%d messages and %d accounts are in the log, after %.0f s" % (messages, accounts, time.monotonic() - began))
        wait_until(lambda: _status(directory, "a")["cluster"]["entry"] >= latest, SECONDS, 0.1)
        wait_until(lambda: _first_entry(one.servers[0]) > FEW, SECONDS, 0.1)
        say("a has come to all of it after %.0f s" % (time.monotonic() - began))
        began = time.monotonic()
        for pid in group(nodes["b"].pid):
            os.kill(pid, signal.SIGCONT)
        took = {"b": _until_it_agrees(directory, "b", latest, began)}
        began = time.monotonic()
        nodes["c"] = stack.enter_context(_node(one, directory, "c"))
        took["c"] = _until_it_agrees(directory, "c", latest, began)
        joins = _status(directory, "b")["cluster"]["rejoins"]
        told = {name: _told(node) for name, node in nodes.items()}
        counted = {name: _status(directory, name)["accounts"] for name in nodes}
    say("stopped and behind by %d entries, b has rejoined and agrees after %.1f s (%s)" % (latest, took["b"], joins))
    say("c, which is new, is let in and agrees after %.1f s" % took["c"])
    demand(joins["differs"] == 0 and sum(joins.values()) == 1, "b has rejoined: %s", joins)
    demand(set(counted.values()) == {accounts}, "accounts: %s", counted)
    demand(told["a"] and told["a"] == told["b"] == told["c"], "the nodes tell different histories")
    demand(max(took.values()) <= WITHIN, "it took longer than %g s", WITHIN)


def _node(one, directory, name):
    redis = {"url": one.url, "name": NAME, "node": name, "silence_seconds": 6}
    return launch(1, {"storage": {"redis": redis}, "idle_timeout": 0}, ("--socket", os.path.join(directory, name)))


def _status(directory, name):
    return ask(os.path.join(directory, name), "status")


def _until_it_agrees(directory, name, latest, began):
    """Seconds until it has found that it has the same as the first node."""

    def agrees():
        with contextlib.suppress(Exception):  # while it joins again it has no socket
            return _status(directory, name)["cluster"]["agreed"] > latest

    wait_until(agrees, SECONDS, 0.05)
    return time.monotonic() - began


def _fill(server, messages, accounts):
    """The number of the latest entry."""
    keys = ["{parley:%s}:%s" % (NAME, part) for part in ("log", "st")]
    with engine.Connection(server.port, SECONDS) as connection:
        number = connection("EVAL", scripts.JOIN, 2, *keys, GHOST, scripts.OLDEST, scripts.VERSION, "token")[1]
        script = connection("SCRIPT", "LOAD", scripts.SUBMIT).decode()
        for count, packet in enumerate(_packets(number, messages, accounts), 1):
            answer = connection("EVALSHA", script, 2, *keys, *scripts.submitted(number, GHOST, "token", count, packet))
            if answer == b"FENCED":
                raise AssertionError("the node that is not there was taken for dead")
        connection("EVAL", scripts.BURY, 2, *keys, number, "token")
        return int(connection("HGET", keys[1], "n"))


def _first_entry(server):
    """The number of the first one that the log still has."""
    id_, _ = server.ask("XRANGE", "{parley:%s}:log" % NAME, "-", "+", "COUNT", 1)[0]
    return int(id_.split(b"-")[0])


def _packets(number, messages, accounts):
    worker, secret = number << 16 | 1, secret_for(b"secret")
    for first in range(0, accounts, AT_ONCE):
        yield dumps([(worker, entry(Shared.Introduce(b"account%d" % place, secret)))
                     for place in range(first, min(first + AT_ONCE, accounts))])
    for first in range(0, messages, OF_PACKET):
        records = [record(1, b"ghost", b"message %d" % place, first) for place in range(first, first + OF_PACKET)]
        yield dumps([(worker, talk(0, worker, records))])


def _told(node):
    """What it tells of the past."""
    with Line(node.address(), b"reader", SECONDS) as reader:
        reader.enter()
        return reader.recall(0)[0]
