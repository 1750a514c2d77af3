"""10 000 idle WebSockets answer their pings and are kept; a thousand come back within seconds of their worker's death.

The members behave as the page does: they answer pings, and reconnect half a second after the end of a connection (plus
or minus 30 %), with their session and the last numbers that they have seen. Nobody needs a password for that.
"""
import collections
import contextlib
import json
import os
import random
import re
import resource
import selectors
import signal
import sys
import time

from parley.conformance.targets import WEB, launch
from stress import web
from stress.proofs import demand
from stress.proofs.clients import CHUNK, connected
from stress.proofs.processes import children, worker_of, workers_of
from stress.usage import cpu_seconds, family, memory

DESCRIPTORS = 1000  # beside the members'
AT_ONCE = 200  # that come in together
QUIET = 0.1  # seconds
PATIENCE = 60.0  # seconds for something that should happen at once
PING_EVERY = 25.0  # seconds of silence
PAUSE, SPREAD = 0.5, 0.3  # seconds until a page comes back, give or take this part of it
SOON = 5.0  # seconds after the death of a worker in which all are back
PASSWORDS = 5  # members with a password
A_LITTLE = 0.1  # seconds of CPU that an idle process may need
SECRET = "not to be hashed again"

_PONG = web.frame(b"", web.PONG)
_PINGED = b"\x89\x00"  # which no text contains
_ANSWER = re.compile(rb'\{"on":"(welcome|no|hello)"[^{}]*(\{[^{}]*\}[^{}]*)?\}')
_SAID = re.compile(rb'\{"on":"said"[^{}]*"text":"([^"]*)"\}')


def prove(say, idle=10000, rounds=3, returning=1000):
    """`idle` members stay for `rounds` rounds of pings; `returning` members come back."""
    _raise_limit(idle + DESCRIPTORS)
    with launch(2, protocols=(WEB,)) as server, contextlib.ExitStack() as stack:
        stay(server, stack.enter_context(contextlib.closing(Crowd())), idle, rounds, say)
    ours = [sys.executable, "-m", "server"]  # at the real cost of passwords
    with launch(2, command=ours, protocols=("line", WEB)) as server, contextlib.ExitStack() as stack:
        come_back(server, stack.enter_context(contextlib.closing(Crowd())), returning, say)


def _raise_limit(enough):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def stay(server, crowd, count, rounds, say):
    """So many members each answer so many pings, and all are still connected then."""
    pids = family(server.pid)
    before, began = memory(pids), time.monotonic()
    members = [Member(server.address(WEB), "idle%d" % number) for number in range(count)]
    for first in range(0, count, AT_ONCE):
        crowd.enter(members[first:first + AT_ONCE])
        crowd.settle()  # or what is kept for those who lag would be measured too
    each = (memory(pids) - before) / count
    say("%d have come in %.0f s: %.2f KB each" % (count, time.monotonic() - began, each / 1024))
    began, used = time.monotonic(), cpu_seconds(pids)
    asked = [member.pings for member in crowd.members]
    deadline = began + (rounds + 2) * PING_EVERY + PATIENCE
    while time.monotonic() < deadline and any(
            member.pings - first < rounds for member, first in zip(crowd.members, asked)):
        crowd.listen(1.0)
    seconds, used = time.monotonic() - began, cpu_seconds(pids) - used
    pings = [member.pings - first for member, first in zip(crowd.members, asked)]
    ended = sum(member.ended for member in crowd.members)
    demand(not ended, "%d of %d were ended", ended, count)
    demand(min(pings) >= rounds, "somebody had only %d pings", min(pings))
    say("%d idle for %.0f s: %d lost, %d to %d pings each, %.2f %% of a processor" % (
        count, seconds, ended, min(pings), max(pings), 100 * used / seconds))


def come_back(server, crowd, count, say, soon=SOON):
    """So many members of one worker are all back soon after it was killed, and receive what is said."""
    members = [Member(server.worker_address(0, WEB), "back%d" % number, SECRET if number < PASSWORDS else None)
               for number in range(count)]
    verifiers = set(children(server.pid)) - set(workers_of(server))
    used = cpu_seconds(verifiers)
    crowd.enter(members)
    a_password = (cpu_seconds(verifiers) - used) / PASSWORDS
    chance = random.Random(count)
    used, victim = cpu_seconds(verifiers), worker_of(server, 0)
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    crowd.wait(lambda: all(member.ended for member in members))
    crowd.enter(members, count, lambda: PAUSE * chance.uniform(1 - SPREAD, 1 + SPREAD))
    took = time.monotonic() - killed
    demand(cpu_seconds(verifiers) - used < max(A_LITTLE, a_password / 2), "a password was hashed")
    with web.WebClient(server.worker_address(1, WEB), "speaker") as speaker:
        speaker.ask("say", text="all back")
        crowd.wait(lambda: all(b"all back" in member.heard for member in members))
    demand(took < soon, "the last of %d was back after %.1f s", count, took)
    say("%d are back %.2f s after their worker's death, no password was hashed (%.2f s of CPU for one before)" % (
        count, took, a_password))


class Member:
    """A client that behaves as the page does.

    name, password: for the login; with a password it makes an account. pings: how many it has answered. heard: the
    texts that it has received. is_in, ended: has it been welcomed, or has the connection ended?
    """

    def __init__(self, address, name, password=None):
        self.pings = 0
        self.heard = set()
        self.is_in = False
        self.ended = True
        self.sock = None
        self._address = address
        self._held = b""
        self._is_upgraded = False
        self._first = web.asked("hello") + (
            web.asked("register", name=name, password=password) if password else web.asked("login", name=name))
        self._marks = {}

    def connect(self):
        """Connect; `hear` then resumes the session, or logs in if there is none."""
        self.sock, self._held, self._is_upgraded, self.ended = connected(self._address), b"", False, False
        self.sock.sendall(web.UPGRADE)
        self.sock.setblocking(False)

    def hear(self):
        """Read and handle what has come; returns False at the end of the connection."""
        try:
            data = self.sock.recv(CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self.ended, self.is_in = True, False
            self.sock.close()
            return False
        self._held += data
        if not self._is_upgraded:
            found = web.UPGRADED.match(self._held)
            if not found:
                return True
            self._is_upgraded, self._held = True, self._held[found.end():]
            self._send(self._first)
        self._answer_pings()
        if self.is_in:
            self.heard.update(_SAID.findall(self._held))
            self._held = self._held[self._held.rfind(b"}") + 1:]
        else:
            self._look_for_answers()
        return True

    def _answer_pings(self):
        pings = self._held.count(_PINGED)
        if pings:
            self._held = self._held.replace(_PINGED, b"")
            self._send(_PONG * pings)
            self.pings += pings

    def _look_for_answers(self):
        end = 0
        for found in _ANSWER.finditer(self._held):
            self._be_told(json.loads(found.group().decode()))
            end = found.end()
        self._held = self._held[end:]

    def _send(self, data):
        with contextlib.suppress(OSError):  # `hear` notices the end
            self.sock.send(data)

    def _be_told(self, told):
        demand(told["on"] != "no", "it was refused: %s", told)
        if told["on"] == "hello":
            self._marks["run"] = told["run"]
        else:
            self.is_in = True
            self._marks.update({"#lobby": told["me"], "me": told["me"]})
            self._first = web.asked("hello", session=told["session"], resume=self._marks)


class Crowd:
    """All members, served by one loop."""

    def __init__(self):
        self.members = []
        self._selector = selectors.DefaultSelector()

    def enter(self, members, at_once=AT_ONCE, pause=lambda: 0.0):
        """Connect members, at most `at_once` at a time, each after pause() seconds; failed ones again after another."""
        self.members += [member for member in members if member.sock is None]
        outside = collections.deque((time.monotonic() + pause(), member) for member in members)
        arriving, deadline = set(), time.monotonic() + PATIENCE + len(members) / 50
        while outside or arriving:
            demand(time.monotonic() < deadline, "%d could not come in", len(outside) + len(arriving))
            for _ in range(len(outside)):
                due, member = outside.popleft()
                if due > time.monotonic() or len(arriving) >= at_once:
                    outside.append((due, member))
                else:
                    member.connect()
                    arriving.add(member)
                    self._selector.register(member.sock, selectors.EVENT_READ, member)
            self.listen(0.01)
            outside.extend((time.monotonic() + pause(), member) for member in arriving if member.ended)
            arriving = {member for member in arriving if not (member.is_in or member.ended)}

    def wait(self, condition):
        """Listen until `condition` is true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            demand(time.monotonic() < deadline, "it has not come")
            self.listen(0.1)

    def settle(self):
        """Listen until nobody has received anything for a moment."""
        deadline = time.monotonic() + PATIENCE
        while self.listen(QUIET) and time.monotonic() < deadline:
            pass

    def listen(self, seconds):
        """Read what comes within so many seconds, or has come; returns how many members received something."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            if not key.data.hear():
                self._selector.unregister(key.fileobj)
        return len(ready)

    def close(self):
        """Disconnect all."""
        self._selector.close()
        for member in self.members:
            if member.sock is not None:
                member.sock.close()
