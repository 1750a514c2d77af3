"""A bug at any line of the hub that is run for a request costs the session that asked, or the hub says it must end.

A session asks for everything there is to ask for. Each line that is run for it is noted; then it does so again for each
of them, in a new hub, and that line raises. What must not happen is that the hub goes on with names or accounts that
are half changed. `./dev long` tries all of the lines, `./dev test` a few by chance.
"""
import linecache
import os
import sys

import pytest

from parley import server
from parley.server.chat.accounts import Accounts
from parley.server.chat.names import claims
from parley.server.ipc.queues import control, record, talk
from parley.server.protocols.events import Reason
from parley.server.supervisor.hub import Torn

ROOT = os.path.dirname(os.path.abspath(server.__file__))
HUB = os.path.join(ROOT, "supervisor", "hub.py")
WAY_OUT = {"release", "lose", "_vacate"}  # what ends a session, a bug included; a bug in there ends the server
VICTIM, BYSTANDER = 5, 9
ROOM = 2  # the number of the first that the victim makes; the bystander has made one before
FEWEST_POINTS = 100
SAMPLE = 10  # of the lines, for each life


def claim(number, name, command="Login", password=None):
    occupied = tuple(claims(name))
    if command in ("Create", "SignUp"):
        return control("create", number, name, occupied, password, "192.0.2.1")
    if password is None:
        return control("claim_unproven", number, name, occupied, command)
    return control("claim", number, name, occupied, command, password, "192.0.2.1")


def enter(number, room, key=None):
    return control("enter", number, room, tuple(claims(room)), key)


# What a session does, one step after the other; each begins with a hub in which bob (on worker 2) and two accounts are.
LIVES = {
    "a name": [claim(VICTIM, b"ann"), control("rename", VICTIM, b"eva", tuple(claims(b"eva")))],
    "a taken name": [claim(VICTIM, b"bob")],
    "a guest's name": [control("claim_guest", VICTIM)],
    "a password": [claim(VICTIM, b"owner", "Login", b"pw")],
    "a takeover": [claim(VICTIM + 1, b"owner", "Login", b"pw"), claim(VICTIM, b"owner", "Login", b"pw")],
    "an account": [claim(VICTIM, b"ann", "Create"), control("delete", VICTIM, b"ann")],
    "an account with a password": [
        claim(VICTIM, b"ann", "SignUp", b"pw"),
        control("change_password", VICTIM, b"ann", b"pw", b"other", "192.0.2.1")],
    "whispers": [
        claim(VICTIM, b"plain"), control("whisper", VICTIM, b"plain", b"bob", b"hi", None),
        control("whisper", VICTIM, b"plain", b"owner", b"hi", None),
        control("whisper", VICTIM, b"plain", b"box", b"hi", None), control("whisper", VICTIM, b"plain", b"x", b"hi", 7),
        control("whisper", VICTIM, b"plain", b"plain", b"hi", None), control("told", VICTIM, 1),
        control("deliver", [VICTIM], b"plain")],
    "a box": [
        claim(VICTIM, b"ann"), control("whisper", VICTIM, b"ann", b"box", b"hi", None),
        claim(VICTIM + 1, b"box", "SignIn"), control("deliver", [VICTIM + 1], b"box"),
        control("taken", VICTIM + 1, b"box", 1, 1, 2)],
    "questions": [
        claim(VICTIM, b"ann"), control("who", [VICTIM]), control("accounts", [VICTIM], b"*"),
        control("news", [VICTIM]), control("history", [VICTIM], b"ann", b"bob"), control("recall", [VICTIM], None, 9),
        control("recall", [VICTIM], 999, 9), control("describe", VICTIM, b"bob"), control("describe", VICTIM, b"x")],
    "a room": [
        claim(VICTIM, b"ann"), enter(VICTIM, b"#dev"), control("manage", VICTIM, b"#dev", "topic", b"", b"news"),
        talk(ROOM, 1, [record(VICTIM, b"ann", b"hi", 7)]), control("manage", VICTIM, b"#dev", "set", b"slow", b"9"),
        talk(ROOM, 1, [record(VICTIM, b"ann", b"hi", 7)] * 2), control("topic", VICTIM, b"#dev"),
        control("manage", VICTIM, b"#dev", "kick", b"x", b""), control("exit", VICTIM, b"#dev"),
        control("exit", VICTIM, b"#dev")],
    "a room that lasts": [
        claim(VICTIM, b"owner", "Login", b"pw"), enter(VICTIM, b"#dev"),
        *(control("manage", VICTIM, b"#dev", *act) for act in (
            ("ban", b"b*", b""), ("unban", b"b*", b""), ("mute", b"bob", b""), ("unmute", b"bob", b""),
            ("set", b"key", b"word"), ("invite", b"bob", b""), ("op", b"owner", b""), ("drop", b"", b"")))],
    "other rooms": [
        claim(VICTIM, b"ann"), enter(VICTIM, b"#den"), enter(VICTIM, b"#DEN"), enter(VICTIM, b"#one"),
        control("rename", VICTIM, b"eva", tuple(claims(b"eva"))), control("within", [VICTIM], b"#den"),
        control("list_rooms", [VICTIM], None), control("list_rooms", [VICTIM], b"#*"),
        control("reread", [VICTIM], b"#den", None, 9), control("manage", VICTIM, b"#den", "kick", b"bob", b"why"),
        control("manage", VICTIM, b"#lobby", "kick", b"bob", b"why")],
    "a place": [control("arrived", VICTIM, "192.0.2.1"), control("departed", VICTIM)],
}


CANNOT_FAIL = {"try:", "self._is_delivering = False"}


class Fault:
    """Notes the lines that are run below `Hub._attempt`, and raises at one of them, once."""

    def __init__(self, strike_at=None):
        self.points = {}
        self.strike_at = strike_at
        self.struck = False

    def of_call(self, frame, event, argument):
        """For sys.settrace."""
        return self.of_line if frame.f_code.co_filename.startswith(ROOT) else None

    def of_line(self, frame, event, argument):
        if event == "line" and not self.struck and _is_for_a_request(frame):
            point = frame.f_code.co_filename, frame.f_lineno
            self.points[point] = None
            if point == self.strike_at:
                self.struck = True
                raise RuntimeError("injected at %s:%d" % point)
        return self.of_line


def _is_for_a_request(frame):
    while frame is not None and frame.f_code.co_filename.startswith(ROOT):
        name = frame.f_code.co_name
        if name in WAY_OUT:
            return False
        if frame.f_code.co_filename == HUB and name == "_attempt":
            return linecache.getline(HUB, frame.f_lineno).strip() == "action(*arguments, **named)"
        frame = frame.f_back
    return False


class House:
    """A hub, a worker of the session that asks, one of a bystander, and a process that finds every password right."""

    def __init__(self, hub, one, two, verifier):
        self.hub, self.one, self.two, self.verifier = hub, one, two, verifier
        self.heard = []
        self.two.say(claim(BYSTANDER, b"bob"), enter(BYSTANDER, b"#den"))
        self.settle()

    def settle(self):
        for _ in range(6):
            self.hub.turn(0)
            for entry, token, *_ in self.verifier.heard():
                self.verifier.say(control("done", token, None, "secret" if entry == "hash" else None))
            for number, worker in ((1, self.one), (2, self.two)):
                for entry in worker.heard():
                    if isinstance(entry, tuple):  # and not talk
                        self.heard.append((number,) + entry)
                        self._answer(worker, *entry)

    def _answer(self, worker, entry, *arguments):
        """As a worker does."""
        if entry == "probe":
            worker.say(control("probed", arguments[1], arguments[0]))
        elif entry == "locate":
            worker.say(control("located", arguments[1], b"bob", "192.0.2.9", 4711))
        elif entry == "evict":
            worker.say(control("release", arguments[0]))

    def state(self):
        """Who has which name, and which accounts there are."""
        members = self.hub.register.members
        held = {name: holder for name, (holder, *_) in members._held.items()}
        return (dict(members.names), held, dict(members._reserved),
                {name: (account.secret, account.kept, account.size)
                 for name, account in members._accounts.accounts.items()})

    def is_sound(self):
        """Do all these agree, and with what everybody has been told?"""
        members, held, reserved, _ = self.state()
        if not self._rooms_are_sound(members):
            return False
        told = {}
        for _, entry, *arguments in [heard for heard in self.heard if heard[0] == 2]:
            if entry == "joined":
                told[arguments[2]] = True
            elif entry == "left":
                told.pop(arguments[0])
            elif entry == "renamed":
                told.pop(arguments[2])
                told[arguments[3]] = True
        return set(told) == set(members.values()) and held == {
            name: holder for names in (members, reserved) for holder, name in names.items()}

    def _rooms_are_sound(self, members):
        rooms = self.hub.register.rooms
        for room in rooms.by_number.values():
            homes = [holder >> 32 for holder in room.members]
            if room.interest != {worker: homes.count(worker) for worker in homes}:
                return False
            if not set(room.members) <= set(members):
                return False
        return all(room in rooms.by_name.values() and rooms.is_alike(room.occupied) and all(
            room in rooms.joined(holder) for holder in room.members) for room in rooms.by_number.values())


@pytest.fixture
def open_house(make_hub, attach, attach_verifier, store):
    def make():
        memory = Accounts(type(store)())
        memory.begin_with(b"owner", tuple(claims(b"owner")), "secret")
        memory.begin_with(b"box", tuple(claims(b"box")))
        memory.begin_with(b"plain", tuple(claims(b"plain")))
        hub = make_hub(memory=memory, store=memory._store, failed_logins_per_minute=3, accounts_per_address=3)
        hub.census.most = 3
        one, two = attach(hub, 1), attach(hub, 2)
        hub.turn(0)
        one.heard(), two.heard()
        return House(hub, one, two, attach_verifier(hub, 3))

    return make


def live(house, life, fault):
    """Gives whether the hub said that it must end."""
    for step in LIVES[life]:
        house.one.say(step)
        sys.settrace(fault.of_call)
        try:
            house.settle()
        except Torn:
            return True
        finally:
            sys.settrace(None)
    return False


def points_of(open_house, life):
    fault = Fault()
    assert not live(open_house(), life, fault)
    return [point for point in fault.points if linecache.getline(*point).strip() not in CANNOT_FAIL]


def test_everything_that_can_be_asked_is_asked(open_house):
    points = {point for life in LIVES for point in points_of(open_house, life)}
    assert len(points) >= FEWEST_POINTS


@pytest.mark.parametrize("extent", ["sample", pytest.param("all", marks=pytest.mark.long)])
@pytest.mark.parametrize("life", sorted(LIVES))
def test_a_bug_at_any_line_costs_the_session_that_asked_or_ends_the_server_in_order(
        open_house, life, extent, caplog, chance):
    points = points_of(open_house, life)
    if extent == "sample":
        points = chance.sample(points, min(SAMPLE, len(points)))
    for point in points:
        where = "%s:%d" % point
        house, fault = open_house(), Fault(point)
        torn = live(house, life, fault)
        assert fault.struck, where
        if torn:
            continue
        assert house.is_sound(), where
        assert [record for record in caplog.records if record.exc_info], "%s: nothing is logged" % where
        evicted = [entry[2] for entry in house.heard if entry[1] == "evict" and entry[3] == Reason.BUG]
        assert evicted and BYSTANDER not in evicted, where
        house.two.say(claim(BYSTANDER + 1, b"cid"), control("who", [BYSTANDER]))
        house.settle()
        assert (2, "joined", 2, BYSTANDER + 1, b"cid") in house.heard, where
        assert (2, "who", [BYSTANDER]) in house.heard, where
        caplog.clear()
