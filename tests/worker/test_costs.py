"""What a message costs, in counts that are the same on every machine: system calls, renderings, copies, calls.

They tell of a change that makes the server slower long before a clock would.
"""
import collections
import gc
import os
import platform
import re
import sys
import threading
import tracemalloc

import pytest
import web_frames

from parley.server.chat.members import holder_of
from parley.server.chat.roll import Roll
from parley.server.chat.room import LOBBY
from parley.server.http.metrics import METRICS
from parley.server.ipc.queues import PIECE, Queue
from parley.server.protocols import PROTOCOLS, dollar, irc_words, person
from parley.server.protocols.events import HOME, Said, Users
from parley.server.worker import admission, fanout, loop, stats
from parley.server.worker.audience_kinds import MOST_ALONE
from parley.server.worker.audiences import audience
from parley.server.worker.strangers import Strangers
from parley.server.worker.watching import READ

FORMS = [(protocol, form) for protocol in PROTOCOLS.values() for form in protocol.FORMS]
CROWDS = [(2, 1), (5, 1), (30, 1), (5, 2), (30, 4)]  # members, workers
MESSAGES = [1, 2, 300]
MANY = 120  # members
CALLS_A_RECEIVER = 12  # of Python and C functions, from the tick's text to the kernel
CALLS_A_SPEAKER = 18  # the same for who has said something in the tick, and hears what is around that
CALLS_A_TICK = 215  # of two workers and the hub in a round, whatever is said
CALLS_IN_A_SMALL_ROOM = 210  # of all for one message, from the bytes that are read to those that nine others are sent
# How many more in other protocols, for one message, and for each of ten at once; in web who talks is told that, too.
CALLS_MORE = {"irc": (7, 2.5), "web": (65, 34)}
CALLS_A_MESSAGE = 7  # from the bytes of one read to the hub, where there are several
TALK = b"MSG hi\n"


class Counted:
    """Counts the system calls of a whole house, by name; those of a client's socket count themselves."""

    def __init__(self, house, monkeypatch):
        self.calls = collections.Counter()
        self._house = house
        for name in ("read", "write"):
            self._count(monkeypatch, os, name, name)
        for selector in [house.hub.selector, *(driven.worker.selector for driven in house.driven)]:
            for name in ("register", "unregister", "modify"):
                self._count(monkeypatch, selector, name, "epoll_ctl")

    def _count(self, monkeypatch, where, name, counted):
        real = getattr(where, name)

        def counting(*arguments, **named):
            self.calls[counted] += 1
            return real(*arguments, **named)

        monkeypatch.setattr(where, name, counting)

    def during(self, action):
        """What `action` costs."""
        self.calls.clear()
        sockets = [peer.counted for peer in self._house._peers]
        for sock in sockets:
            sock.sends = sock.recvs = 0
        action()
        return dict(self.calls, send=sum(sock.sends for sock in sockets), recv=sum(sock.recvs for sock in sockets))


@pytest.fixture
def crowd(open_house):
    """Makes a house with so many members, dealt out to so many workers; its `members`."""

    def make(count, workers=1):
        house = open_house(workers=workers)
        house.members = [house.connect(number % workers + 1) for number in range(count)]
        for number, peer in enumerate(house.members):
            peer.send(b"LOGIN m%d\n" % number)
        house.settle()
        assert all(peer.heard() == b"OK\n" for peer in house.members)
        return house

    return make


def function_calls(action):
    """How many functions of Python and C are called."""
    calls = [0]

    def profile(frame, event, argument):
        calls[0] += event in ("call", "c_call")

    before = sys.getprofile()
    gc.disable()  # hypothesis is called at each collection, whenever that comes
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls[0]


# ---- system calls


@pytest.mark.parametrize("messages", MESSAGES)
@pytest.mark.parametrize("count, workers", CROWDS)
def test_what_is_said_at_once_costs_one_send_a_receiver_and_a_read_and_a_write_a_queue(
        crowd, monkeypatch, count, workers, messages):
    house = crowd(count, workers)
    house.settle()
    assert len(TALK) * messages < PIECE
    house.members[0].send(TALK * messages)
    cost = Counted(house, monkeypatch).during(house.settle)
    assert cost == {"recv": 1, "write": 1 + workers, "read": 1 + workers, "send": count - 1}
    assert all(peer.heard().count(b"\n") == messages for peer in house.members[1:])


def test_what_all_say_in_one_tick_costs_one_send_a_receiver(crowd, monkeypatch):
    house = crowd(30, workers=2)
    for peer in house.members:
        peer.send(TALK * 3)
    cost = Counted(house, monkeypatch).during(house.settle)
    # The hub hears both workers in one turn.
    assert cost == {"recv": 30, "write": 2 + 2, "read": 2 + 2, "send": 30}


def test_nothing_costs_nothing(crowd, monkeypatch):
    house = crowd(5, workers=2)
    assert Counted(house, monkeypatch).during(house.settle) == {"recv": 0, "send": 0}


# ---- renderings and copies


class Ear:
    """A session that keeps the very pieces that it is sent."""

    state = "member"

    def __init__(self, number):
        self.name = b"ear%d" % number
        self.sends = []

    def send(self, pieces):
        if pieces:
            self.sends.append(pieces)


@pytest.fixture
def hearers(monkeypatch):
    """Makes the audience of a form: (audience, its members, what it has rendered)."""

    def make(protocol, form, count):
        rendered, encode = [], protocol.FORMS[form]
        counting = {form: lambda happening, me: rendered.append(happening) or encode(happening, me)}
        monkeypatch.setattr(protocol, "FORMS", counting)
        those, ears = audience(protocol, form, Strangers()), [Ear(number) for number in range(count)]
        for ear in ears:
            those.enter(ear, LOBBY)
        those.flush()
        return those, ears, rendered

    return make


def say(those, messages):
    for number in range(messages):
        those.hear(LOBBY, Said(b"ann", b"%d" % number, 1600000000))
    those.flush()


@pytest.mark.parametrize("messages", MESSAGES)
@pytest.mark.parametrize("protocol, form", FORMS)
def test_a_tick_costs_a_rendering_a_message_and_a_send_a_receiver(hearers, protocol, form, messages):
    those, ears, rendered = hearers(protocol, form, 7)
    say(those, messages)
    # Only where frames name their receiver each has its own; only clients that need them apart get them apart.
    assert len(rendered) == messages * (7 if protocol.TRAITS.personal else 1)
    together = protocol.TRAITS.coalesces or messages > MOST_ALONE
    assert [len(ear.sends) for ear in ears] == [1 if together else messages] * 7


@pytest.mark.parametrize("protocol, form", [those for those in FORMS if not those[0].TRAITS.personal])
def test_all_are_sent_the_same_bytes_of_which_there_is_one_copy(hearers, protocol, form):
    those, ears, _ = hearers(protocol, form, 7)
    say(those, 3)
    kept = {id(piece.obj if isinstance(piece, memoryview) else piece)
            for ear in ears for pieces in ear.sends for piece in pieces}
    assert len(kept) == (1 if protocol.TRAITS.coalesces else 3)


@pytest.mark.parametrize("form", sorted(dollar.FORMS))
def test_the_list_of_users_takes_as_many_calls_however_many_accounts_there_are(form):
    """It is written again whenever somebody comes or goes, and nobody is served meanwhile."""

    def calls(accounts):
        roll = Roll()
        for number in range(accounts):
            roll.open(b"account%d" % number)
        return function_calls(lambda: dollar.FORMS[form](Users(roll.users()), None))

    assert calls(50) == calls(1000)


def talk_in(those, *rooms):
    for number, room in enumerate(rooms):
        those.hear_talk(room, [(Said(b"ann", b"%d" % number, 1600000000, None, b"#%d" % room), None)])
    those.flush()


def texts(ears):
    """The texts that they were sent, each once."""
    return {id(piece): piece for ear in ears for pieces in ear.sends for piece in pieces}.values()


def test_a_tick_of_several_rooms_costs_a_send_a_receiver_and_neighbours_share_what_they_are_sent(hearers):
    those, ears, rendered = hearers(PROTOCOLS["line"], "text", 40)
    for number, ear in enumerate(ears):
        those.enter(ear, 100 + number)  # quiet rooms, so that everybody is in others
        for room in (1, 2)[:number // 14]:
            those.enter(ear, room)
    those.flush()
    talk_in(those, LOBBY, 1, LOBBY, 2, 1, 3)
    assert len(rendered) == 6
    assert [len(ear.sends) for ear in ears] == [1] * 40
    assert sorted(bytes(text).count(b"\n") for text in texts(ears)) == [2, 4, 5]


def test_in_one_room_at_a_time_it_does_not_matter_what_else_members_are_in(hearers):
    those, ears, _ = hearers(PROTOCOLS["line"], "text", 40)
    talk_in(those, LOBBY)
    plain = function_calls(lambda: talk_in(those, LOBBY, LOBBY))
    for number, ear in enumerate(ears):
        for room in range(number % 5):
            those.enter(ear, 1 + room)
    those.flush()
    assert function_calls(lambda: talk_in(those, LOBBY, LOBBY)) == plain


def test_what_is_said_in_a_small_room_costs_nothing_for_those_who_are_in_others(hearers):
    those, ears, _ = hearers(PROTOCOLS["line"], "text", 10)
    for ear in ears[:3]:
        those.enter(ear, 1)
    those.flush()
    talk_in(those, 1)
    few = function_calls(lambda: talk_in(those, 1))
    for number in range(200):
        those.enter(Ear(number), LOBBY)
    those.flush()
    assert function_calls(lambda: talk_in(those, 1)) == few


# ---- the hub


@pytest.fixture
def stored(store, monkeypatch):
    """The frames of talk that the store was given."""
    frames, real = [], store.talk
    monkeypatch.setattr(store, "talk", lambda frame, then: frames.append(frame) or real(frame, then))
    return frames


def turn_calls(house):
    return function_calls(lambda: house.hub.turn(0))


def cost_of_a_turn(house, messages):
    """Of the hub, with one frame of so many messages."""
    house.members[0].send(TALK * messages)
    house.tick()
    calls = turn_calls(house)
    house.settle()
    return calls


def test_the_hub_does_the_same_for_a_frame_however_much_is_in_it(crowd, stored):
    house = crowd(5, workers=2)
    assert cost_of_a_turn(house, 1) == cost_of_a_turn(house, 300)
    assert len(stored) == 2


def test_the_hub_does_the_same_for_a_frame_however_many_are_here(crowd):
    assert cost_of_a_turn(crowd(2), 1) == cost_of_a_turn(crowd(MANY), 1)


# ---- Python's own work


FINALIZERS = 0 if platform.python_implementation() == "CPython" else 5  # others call them when they like


def cost_of_hearing(house, messages):
    """Of the first worker: what it hears of the hub, and tells all but one."""
    house.members[0].send(TALK * messages)
    house.tick()
    house.hub.turn(0)
    worker = house.worker
    calls = function_calls(worker._hear_hub), function_calls(worker._speak)
    house.settle()
    return calls


@pytest.mark.parametrize("messages", MESSAGES)
def test_a_worker_does_as_much_for_a_receiver_whatever_was_said(crowd, messages):
    few, many = (cost_of_hearing(crowd(count), messages) for count in (10, 50))
    assert abs(few[0] - many[0]) <= FINALIZERS, "what is heard is handled once, however many are here"
    assert many[1] - few[1] <= 40 * CALLS_A_RECEIVER


def test_what_was_said_does_not_cost_a_receiver_more_when_it_is_more(crowd):
    (_, few_one), (_, many_one) = (cost_of_hearing(crowd(count), 1) for count in (10, 50))
    (_, few_much), (_, many_much) = (cost_of_hearing(crowd(count), 300) for count in (10, 50))
    assert many_one - few_one == many_much - few_much


def cost_of_hearing_all(house):
    """Of a worker whose clients have all said something, until they are told what the others said."""
    for peer in house.members:
        peer.send(TALK)
    house.tick()
    house.hub.turn(0)
    calls = function_calls(house.worker._hear_hub) + function_calls(house.worker._speak)
    house.settle()
    return calls


def test_who_has_spoken_itself_costs_few_calls_more_than_who_only_hears(crowd):
    few, many = (cost_of_hearing_all(crowd(count)) for count in (10, 50))
    assert many - few <= 40 * CALLS_A_SPEAKER


def cost_of_reading(house, talk, messages):
    """Of the first worker: what one of its clients has said, up to what goes to the hub."""
    house.members[0].send(talk * messages)
    connection = min(house.worker.admission.connections.values(), key=lambda one: one.number)
    calls = function_calls(lambda: connection.on_ready(READ)) + function_calls(house.worker._speak)
    house.settle()
    assert all(peer.heard().count(b"\n") == messages for peer in house.members[1:])
    return calls


def test_what_comes_in_one_read_costs_little_more_than_one_message(crowd):
    house = crowd(3)
    few, many = (cost_of_reading(house, TALK, messages) for messages in (2, 52))
    assert many - few <= 50 * CALLS_A_MESSAGE


def test_what_comes_in_one_read_of_irc_costs_little_more_than_one_message(open_house):
    house = open_house(workers=1)
    house.members = [house.connect(protocol="irc") for _ in range(3)]
    for number, peer in enumerate(house.members):
        peer.send(b"NICK m%d\r\nUSER m 0 * :m\r\nJOIN #a\r\n" % number)
        house.settle()
    assert all(peer.heard() for peer in house.members)
    few, many = (cost_of_reading(house, b"PRIVMSG #a :hi\r\n", messages) for messages in (2, 52))
    assert many - few <= 50 * CALLS_A_MESSAGE


def test_what_one_says_at_once_is_heard_at_the_cost_of_one_message(crowd):
    house = crowd(10)
    few, many = (sum(cost_of_hearing(house, messages)) for messages in (2, 52))
    assert abs(many - few) <= FINALIZERS


def said_in(protocol, room):
    """The bytes by which something is said in a room."""
    return {"line": b"#%d MSG hi\n" % room, "irc": b"PRIVMSG #%d :hi\r\n" % room,
            "web": web_frames.said(do="say", room="#%d" % room, text="hi")}[protocol]


def joined(protocol, name, room):
    """The bytes by which somebody comes, and to a room."""
    return {"line": b"LOGIN %b\nJOIN #%d\n" % (name, room),
            "irc": b"NICK %b\r\nUSER m 0 * :m\r\nJOIN #%d\r\n" % (name, room),
            "web": web_frames.said(do="login", name=name.decode()) + web_frames.said(do="join", room="#%d" % room)
            }[protocol]


def cost_of_a_round(house, protocol, rooms, times=1):
    """Of two workers and the hub in a tick in which somebody says something in each of these rooms."""
    speakers = [house.members[10 * room] for room in rooms]
    ready = [[], []]
    for room, peer in zip(rooms, speakers):
        peer.send(said_in(protocol, room) * times)
        worker = house.driven[peer.worker].worker
        ready[peer.worker] += [(one, READ) for one in worker.admission.connections.values() if one.name == peer.name]

    def make_a_round():
        for driven, sources in zip(house.driven, ready):
            driven.worker._serve_all(sources)
            driven.worker._look_at_clock()
            driven.worker._speak()
        house.hub.turn(0)
        for driven in house.driven:
            driven.worker._hear_hub()
            driven.worker._serve_all([])
            driven.worker._look_at_clock()
            driven.worker._speak()

    calls = function_calls(make_a_round)
    assert sum(len(re.findall(rb"\bhi\b", peer.heard())) for peer in house.members) == 9 * len(rooms) * times
    return calls


def costs_in_small_rooms(house, protocol):
    """Calls (for one message more in a tick; of the tick beside that; for each of ten that are said at once)."""
    house.members = []
    for number in range(80):
        peer = house.connect(number % 2 + 1, protocol=protocol)
        peer.name, peer.worker = b"m%d" % number, number % 2
        house.members.append(peer)
        peer.send(joined(protocol, peer.name, number // 10))
        house.wait(0.1, 0.1)
    house.wait(2)
    assert all(peer.heard() for peer in house.members)
    for times in (1, 10):
        cost_of_a_round(house, protocol, range(8), times)  # whatever is done once in a process is done
    one, few, many = (cost_of_a_round(house, protocol, range(count)) for count in (1, 4, 8))
    each = (many - few) / 4
    return each, one - each, cost_of_a_round(house, protocol, range(8), 10) / 80


@pytest.mark.skipif(platform.python_implementation() == "PyPy", reason="its calls are not those of CPython")
def test_a_message_in_a_small_room_costs_few_calls(open_house):
    alone, tick, of_ten = costs_in_small_rooms(open_house(workers=2), "line")
    assert (alone <= CALLS_IN_A_SMALL_ROOM, tick <= CALLS_A_TICK) == (True, True), (alone, tick)
    for protocol, (more_alone, more_of_ten) in CALLS_MORE.items():
        found, _, each = costs_in_small_rooms(open_house(workers=2), protocol)
        assert found - alone <= more_alone and each - of_ten <= more_of_ten, (protocol, found - alone, each - of_ten)


def cost_of_a_guest(house, ends):
    """(of the hub, of the worker) when somebody comes, or goes."""
    guest = house.connect()
    house.settle()
    if ends:
        guest.send(b"LOGIN guest\n")
        house.settle()
        guest.close()
    else:
        guest.send(b"LOGIN guest\n")
    house.tick()
    holder_of.cache_clear()  # it may know a session of this number from another test
    hub, worker = turn_calls(house), function_calls(house.worker._hear_hub)
    told = function_calls(house.worker._speak)
    return hub, worker, told


def test_to_come_costs_the_same_however_many_are_here(crowd):
    assert cost_of_a_guest(crowd(10), False) == cost_of_a_guest(crowd(MANY), False)


def test_to_go_costs_no_more_than_telling_those_who_are_here(crowd):
    few, many = (cost_of_a_guest(crowd(count), True) for count in (10, MANY))
    assert few[:2] == many[:2]
    assert many[2] - few[2] <= (MANY - 10) * CALLS_A_RECEIVER


# ---- what is served and not used


SERVER = os.path.dirname(os.path.dirname(fanout.__file__))


class CallsOfServer:
    """Counts the calls that the server's functions make or are, in all threads that begin later, while `counted` is on.

    So whatever a worker and the hub do in a tick is counted, and nothing of what drives them here.
    """

    def __init__(self):
        self.counted = None  # the calls by file and function while they are counted
        threading.setprofile(self._profile)

    def _profile(self, frame, event, argument):
        if self.counted is None or event not in ("call", "c_call"):
            return
        own = frame.f_code.co_filename
        caller = frame.f_back.f_code.co_filename if event == "call" and frame.f_back else ""
        if own.startswith(SERVER) or caller.startswith(SERVER):
            name = frame.f_code.co_name if event == "call" else argument.__name__
            self.counted[os.path.basename(own), name] += 1

    def during(self, action):
        """The calls of these threads and of this one."""
        self.counted = collections.Counter()
        sys.setprofile(self._profile)
        gc.disable()  # a collection may call what has nothing to do with the server's work
        try:
            action()
        finally:
            sys.setprofile(None)
            gc.enable()
            counted, self.counted = self.counted, None
        return counted


@pytest.fixture
def all_calls():
    """A `CallsOfServer` for the workers that are made from now on."""
    before = sys.getprofile()
    yield CallsOfServer()
    threading.setprofile(None)
    sys.setprofile(before)


@pytest.fixture
def queue_frames(monkeypatch):
    """How many frames came out of all queues: [count]."""
    frames, real = [0], Queue.get

    def counting(queue):
        found = real(queue)
        frames[0] += len(found)
        return found

    monkeypatch.setattr(Queue, "get", counting)
    return frames


TALKED = [  # (which of four members, what it says); three are in #dev
    (0, TALK), (1, TALK * 30), (2, b"#dev MSG hi\n"), (0, b"#dev MSG hi\nMSG hi\n" * 3), (3, b"DM m0 psst\n"),
    (1, b"WHO\nNOPE\n#dev TOPIC new\n"), (2, b"PART #dev\n"), (2, b"JOIN #dev\n"), (0, b"#dev KICK m2\n"),
    (3, b"QUIT\n")]


def cost_of_talk(house, all_calls, queue_frames, monkeypatch):
    """(calls of functions, system calls, frames of the queues) for the same talk among four members of line."""
    members = [house.member(b"m%d" % number, number % 2 + 1) for number in range(4)]
    for peer in members[:3]:
        peer.send(b"JOIN #dev\n")
        house.settle()

    def talk():
        for number, said in TALKED:
            members[number].send(said)
            house.settle()

    queue_frames[0] = 0
    with monkeypatch.context() as patch:
        counted = Counted(house, patch)
        calls = all_calls.during(lambda: counted.during(talk))
        system = dict(counted.calls, send=sum(peer.counted.sends for peer in members),
                      recv=sum(peer.counted.recvs for peer in members))
    heard = members[1].heard()
    assert heard.count(b"hi\n") == 1 + 1 + 6 and b"#dev INFO m0 kicked m2" in heard and b"m3 disconnected" in heard
    return calls, system, queue_frames[0]


@pytest.mark.skipif(platform.python_implementation() == "PyPy", reason="its calls are not those of CPython")
def test_what_is_served_and_not_used_costs_nothing(open_house, all_calls, queue_frames, monkeypatch):
    def cost(ports, known=PROTOCOLS):
        with monkeypatch.context() as patch:
            for module in (loop, admission, stats):
                patch.setattr(module, "PROTOCOLS", known)
            house = open_house(workers=2, ports=[(protocol, HOME) for protocol in ports])
            return cost_of_talk(house, all_calls, queue_frames, monkeypatch)

    only_line = {"line": PROTOCOLS["line"]}
    cost(["line"], only_line)  # whatever is done once in a process is done
    calls, system, frames = cost(["line"], only_line)
    assert min(calls["fanout.py", "flush"], calls["hub.py", "turn"], frames, *system.values()) > 0, "all is counted"
    for others in ([], ["irc"], ["web"], [*PROTOCOLS, METRICS]):
        more_calls, *rest = cost(["line", *others])
        assert (more_calls - calls, calls - more_calls, rest) == ({}, {}, [system, frames]), others


def cost_of_pages(house, all_calls, text, listener):
    """Calls for the same text, said ten times by one of eight who speak web, with one more who listens, perhaps."""
    pages = [house.connect(number % 2 + 1, protocol="web") for number in range(8)]
    for number, page in enumerate(pages):
        page.send(web_frames.said(do="hello") + web_frames.said(do="login", name="m%d" % number))
        house.settle()
    if listener:
        house.member(b"lea", 1)
    pages[1].heard()

    def talk():
        for _ in range(10):
            pages[0].send(web_frames.said(do="say", text=text))
            house.settle()

    calls = all_calls.during(talk)
    assert [one.get("text") for one in web_frames.objects(pages[1].heard()) if one["on"] == "said"] == [text] * 10
    return sum(calls.values())


@pytest.mark.skipif(platform.python_implementation() == "PyPy", reason="its calls are not those of CPython")
def test_sealed_talk_costs_no_more_than_open_talk_and_hardly_more_where_somebody_is_told_that_it_is_sealed(
        open_house, all_calls):
    sealed = "parley:sealed:1:" + "A" * 300
    for listener, most in ((False, 1.0), (True, 1.05)):
        def cost(text):
            return cost_of_pages(open_house(workers=2), all_calls, text, listener)

        cost(sealed)  # whatever is done once in a process is done
        assert cost(sealed) <= most * cost("x" * len(sealed)), listener


# ---- memory of who does nothing

IDLE = (180, 330)  # connections; between these no dictionary grows
LOGINS = {"line": b"LOGIN NAME\n", "irc": b"NICK NAME\r\nUSER NAME 0 * :A Name\r\n"}
REMEMBERED = [irc_words.source_of, person.unpacked, holder_of]  # of the latest few hundred


def bytes_of_an_idle_client(house, protocol):
    """Of all that the server has of it, in two workers and the hub, but for places in dictionaries."""
    sizes = []
    tracemalloc.start()
    try:
        peers = []
        for number in range(IDLE[1] + 1):
            if number in IDLE:
                for cache in REMEMBERED:
                    cache.cache_clear()
                for driven in house.driven:
                    driven.worker.rooms.people._found.clear()
                gc.collect()
                ours = tracemalloc.Filter(True, os.path.join(SERVER, "*"))
                sizes.append(sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).traces))
            peers.append(house.connect(number % 2 + 1, protocol=protocol))
            peers[-1].send(LOGINS[protocol].replace(b"NAME", b"m%04d" % number))
            if number % 50 == 49:
                house.settle(4)
                for peer in peers:
                    peer.heard()
    finally:
        tracemalloc.stop()
    return (sizes[1] - sizes[0]) / (IDLE[1] - IDLE[0])


@pytest.mark.slow
@pytest.mark.skipif(platform.python_implementation() == "PyPy", reason="it does not tell the sizes of objects")
def test_an_idle_client_of_irc_takes_little_more_memory_than_one_of_line(open_house):
    line, irc = (bytes_of_an_idle_client(open_house(workers=2), protocol) for protocol in ("line", "irc"))
    assert 500 < line < irc < 1.25 * line, (line, irc)
