"""Whatever twenty clients of all protocols do, the hub and the copies of its workers agree on who is where."""
import json
import struct

import pytest
from web_frames import said

from parley.server.chat.members import holder_of
from parley.server.chat.room import EVERYWHERE, LOBBY
from parley.server.chat.rooms import NOBODY

NAMES = ["ann", "bob", "cid", "a-name-of-more-than-ten", "B\u00f6b", "x y", "\U0001f600",
         *["n%d" % number for number in range(20)]]
ROOMS = ["#a", "#b", "#Long-Name-Of-A-Room", "#lobby"]
ACTS = ["kick", "ban", "unban", "mute", "unmute", "op", "deop", "voice", "devoice", "invite"]
SETTINGS = [("private", "on"), ("private", "off"), ("invite", "on"), ("invite", "off"), ("moderated", "on"),
            ("moderated", "off"), ("limit", "3"), ("limit", "off"), ("key", "k"), ("key", "off")]


def binary(code, content="", name=""):
    return struct.pack(">BIII10sI", 1, code, min(len(name.encode()), 10), len(content.encode()), name.encode()[:10],
                       0) + content.encode()


def delimited(code, *items):
    data = "|||".join(item.encode("ascii", "backslashreplace").decode() for item in items).encode()
    return bytes([0, code]) + len(data).to_bytes(40, "big") + data


def dollar(**fields):
    data = json.dumps(fields).encode()
    return b"$%-10d%b$" % (len(data), data)


def line(*words):
    return " ".join(words).encode() + b"\n"


# Protocol -> how its client comes under a name.
COMES = {
    "line": lambda name: line("LOGIN", name),
    "binary": lambda name: binary(200, name, name),
    "padded": lambda name: b"%-64d%b" % (len(name.encode()) + 15, b"[05:55 AM] %b: hi" % name.encode()),
    "delimited": lambda name: delimited(0, name) + delimited(5, name),
    "dollar": lambda name: dollar(purpose="login", username=name, password=""),
    "web": lambda name: said(do="hello") + said(do="login", name=name),
    "irc": lambda name: line("CAP REQ :echo-message\nCAP END\nNICK", name, "\nUSER u 0 * :r"),
}
# Protocol -> what its client may ask: functions of chance, its name, another name, and a room. The second ones end what
# is there, and are seldom asked.
ASKS = {
    "line": ([
        lambda chance, me, name, room: line("JOIN", room),
        lambda chance, me, name, room: line(room, "SET", *chance.choice(SETTINGS)),
        lambda chance, me, name, room: line(room, "MSG hi"),
        lambda chance, me, name, room: line("DM", name, "hi")], [
        lambda chance, me, name, room: line("PART", room),
        lambda chance, me, name, room: line(room, chance.choice(ACTS).upper(), name),
        lambda chance, me, name, room: line(room, "DROP"), lambda chance, me, name, room: line("QUIT")]),
    "binary": ([
        lambda chance, me, name, room: binary(400, room), lambda chance, me, name, room: binary(202, name),
        lambda chance, me, name, room: binary(404, room + " hi")], [
        lambda chance, me, name, room: binary(405, room), lambda chance, me, name, room: binary(205),
        lambda chance, me, name, room: binary(408, " ".join([room, chance.choice(ACTS), name]))]),
    "padded": ([lambda chance, me, name, room: COMES["padded"](me)], [
        lambda chance, me, name, room: COMES["padded"](name)]),
    "delimited": ([
        lambda chance, me, name, room: delimited(8, room), lambda chance, me, name, room: delimited(2, me, room, "hi"),
        lambda chance, me, name, room: delimited(2, me, name, "hi")], [
        lambda chance, me, name, room: delimited(9, room), lambda chance, me, name, room: delimited(4),
        lambda chance, me, name, room: delimited(11, room, chance.choice(ACTS), name)]),
    "dollar": ([
        lambda chance, me, name, room: dollar(purpose="join_room", room=room),
        lambda chance, me, name, room: dollar(purpose="send_message", from_user=me, to_user=room, message="hi")], [
        lambda chance, me, name, room: dollar(purpose="leave_room", room=room),
        lambda chance, me, name, room: dollar(purpose="room", room=room, act=chance.choice(ACTS), about=name),
        lambda chance, me, name, room: dollar(purpose="exit")]),
    "web": ([
        lambda chance, me, name, room: said(do="join", room=room),
        lambda chance, me, name, room: said(do="rename", name=name),
        lambda chance, me, name, room: said(do="away", away=chance.choice([True, False])),
        lambda chance, me, name, room: said(do="watch", names=[name, "bob"])], [
        lambda chance, me, name, room: said(do="part", room=room),
        lambda chance, me, name, room: said(do=chance.choice(ACTS), room=room, name=name),
        lambda chance, me, name, room: said(do="drop", room=room),
        lambda chance, me, name, room: said(do="logout")]),
    "irc": ([
        lambda chance, me, name, room: line("JOIN", room), lambda chance, me, name, room: line("NICK", name),
        lambda chance, me, name, room: line("AWAY", chance.choice(["", ":lunch"])),
        lambda chance, me, name, room: line("SETNAME", ":" + name),
        lambda chance, me, name, room: line("MONITOR +", name),
        lambda chance, me, name, room: line("METADATA * SET avatar :x")], [
        lambda chance, me, name, room: line("PART", room, ":x"), lambda chance, me, name, room: line("JOIN 0"),
        lambda chance, me, name, room: line("RENAME", room, chance.choice(ROOMS)),
        lambda chance, me, name, room: line("KICK", room, name),
        lambda chance, me, name, room: line(
            "MODE", room, chance.choice(["+o", "-o", "+v", "-v", "+b", "-b", "+i", "-i"]), name),
        lambda chance, me, name, room: line("QUIT :x")]),
}


class Mixed:
    """A client that comes again, by any protocol, when its connection has ended."""

    def __init__(self, house, chance):
        self._house, self._chance = house, chance
        self.begin()

    def begin(self):
        chance = self._chance
        self.protocol, self._name = chance.choice(list(COMES)), chance.choice(NAMES)
        self.peer = self._house.connect(chance.randrange(2) + 1, protocol=self.protocol)
        self._send(COMES[self.protocol](self._name))

    def ask(self):
        chance = self._chance
        if chance.random() < 0.01:
            self.peer.close()  # a reset, mostly
            self.begin()
            return
        often, seldom = ASKS[self.protocol]
        asks = [chance.choice(seldom if chance.random() < 0.1 else often) for _ in range(chance.randrange(1, 4))]
        self._send(b"".join(ask(chance, self._name, chance.choice(NAMES), chance.choice(ROOMS)) for ask in asks))

    def _send(self, data):
        try:
            self.peer.sock.send(data)
        except OSError:
            self.peer.ended = True

    def listen(self):
        try:
            self.peer.heard()
        except ConnectionResetError:
            self.peer.ended = True
        if self.peer.ended:
            self.peer.close()
            self.begin()


def check(house):
    """Hub and workers agree, once all has been heard."""
    register = house.hub.register
    members, rooms = register.members, register.rooms
    for driven in house.driven:
        worker = driven.worker
        replica, number = worker._replica, worker.uplink._worker
        local = replica._rooms
        assert replica._roll.present() == [*members.names.values()]
        assert list(replica._roll._accounts) == [*register._accounts.accounts]
        assert local.aliases == members._aliases.of(members.names.values())
        for holder, name in members.names.items():
            assert local.people.fields(name) == members.described(holder), name
        assert local.accounts == {name for holder, name in members.names.items() if register.gate.account_of(holder)
                                  == name}
        sessions = {session.number: session for session in local.everywhere.members}
        here = {holder_of(number, session.number): session.name for session in sessions.values() if session.name}
        assert here == {holder: name for holder, name in members.names.items() if holder >> 32 == number}
        named = {known for known in local.by_number if known not in (EVERYWHERE, LOBBY)}
        assert named == {room.number for room in rooms.by_number.values() if number in room.interest}
        for known in named:
            room = rooms.by_number[known]
            assert local.by_number[known].name == room.name and local.by_name[room.name] is local.by_number[known]
            assert {holder_of(number, session.number) for session in local.by_number[known].members} == {
                holder for holder in room.members if holder >> 32 == number}
    for room in rooms.by_number.values():
        homes = [holder >> 32 for holder in room.members]
        assert room.interest == {worker: homes.count(worker) for worker in homes}, room.name
        assert set(room.members) <= set(members.names) and NOBODY not in room.members.values()
        assert all(room in rooms.joined(holder) for holder in room.members)
        assert room.members or room.lasts or room is rooms.lobby
    assert set(rooms._joined) <= set(members.names)
    counted = {worker: set(sessions) for worker, sessions in house.hub.census._homes.items() if sessions}
    assert set(counted) <= {driven.worker.uplink._worker for driven in house.driven}
    for driven in house.driven:
        assert counted.get(driven.worker.uplink._worker, set()) == set(driven.worker.admission.connections)
    assert sum(house.hub.census._crowds.values()) == sum(map(len, counted.values()))


def do_much(house, chance, answer):
    """Thousands of commands; answer(chance) may let the store answer what waits for it."""
    crowd = [Mixed(house, chance) for _ in range(20)]
    for _ in range(60):
        for _ in range(35):
            chance.choice(crowd).ask()
            if chance.random() < 0.3:
                house.settle(1)
                answer(False)
        if chance.random() < 0.05:
            house.kill(chance.randrange(2))
        for _ in range(3):
            house.settle(6)
            answer(True)
        house.settle(6)
        for one in crowd:
            one.listen()
        house.wait(1)
        for _ in range(3):
            house.settle(6)
            answer(True)
        house.settle(6)
        check(house)


TIMES = [1, *[pytest.param(time, marks=pytest.mark.long) for time in range(2, 31)]]


@pytest.mark.slow
@pytest.mark.parametrize("time", TIMES)
def test_hub_and_workers_agree_on_who_is_where(open_house, chance, time):
    house = open_house(workers=2, messages_per_second=0, connections_per_address=100)
    do_much(house, chance, lambda all_of_it: None)


@pytest.mark.slow
@pytest.mark.parametrize("time", TIMES)
def test_they_agree_while_a_slow_disk_stores_only_some_of_it(open_house, chance, store, time):
    """What is not stored has no effect, or one that all agree on; and the store has the accounts that the hub has."""
    house = open_house(workers=2, messages_per_second=0, connections_per_address=100)
    store.late = True

    def answer(all_of_it):
        while store.asked() and (all_of_it or chance.random() < 0.7):
            store.answer_next(chance.randrange(1, 4), chance.random() < 0.7)
        if all_of_it:
            assert set(store._store._accounts) == set(house.hub.register._accounts.accounts)

    do_much(house, chance, answer)
