"""What a store in memory forgets, and in which order; and that what it counts is what it takes."""
import collections
import functools
import gc
import platform
import random
import sys
import types

import pytest
from numbered import Numbered
from registered import Settling

from parley.server.chat import accounts as accounts_module
from parley.server.chat import contract
from parley.server.chat.accounts import SHARE_SIZE, Accounts, kept_size
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.names import claims
from parley.server.chat.register import Register
from parley.server.order.numbers import BLOCK, Numbers
from parley.server.storage import conversations as conversations_module
from parley.server.storage import journal as journal_module
from parley.server.storage import memory as memory_module
from parley.server.storage import talk as talk_module
from parley.server.storage.conversations import CONVERSATION_SIZE, SAID_SIZE, SOURCE_SIZE
from parley.server.storage.journal import InProcess, Journal
from parley.server.storage.memory import MARKER_SIZE, OWNER_SIZE, ROOM_SIZE, Store
from parley.server.storage.talk import TALK_SIZE

measured = pytest.mark.skipif(platform.python_implementation() != "CPython", reason="PyPy does not tell sizes")


@pytest.fixture
def memory():
    return Numbered(Store(), lambda: 1600000000)


def lobby(memory):
    return [(number, text[:1]) for number, _, text, _ in memory.lobby(0, 1000)[0]]


def conversation_size(*texts, names=b"annbob"):
    return CONVERSATION_SIZE + len(names) + sum(SAID_SIZE + len(text) for text in texts)


def test_of_the_lobby_no_more_is_remembered_than_the_most(memory, spoken, monkeypatch):
    frame = spoken(b"x" * 100)
    monkeypatch.setattr(memory_module, "MOST_OF_LOBBY", 3 * (TALK_SIZE + len(frame)))
    for number in range(1, 10):
        memory.talk(spoken(b"%d" % number * 100))
    assert lobby(memory) == [(7, b"7"), (8, b"8"), (9, b"9")]
    assert memory.lobby(3, 1) == ([(7, b"ann", b"7" * 100, 1600000000)], 7, True)
    memory.talk(spoken(b"x" * 2000))
    assert (lobby(memory), memory.lobby(None, 9)) == ([], ([], 10, False))
    memory.talk(frame)
    assert lobby(memory) == [(11, b"x")]


def room_texts(memory, room):
    return [text[:1] for _, _, text, _ in memory.room(room, 0, 1000, 0)[0]]


def test_of_all_rooms_together_the_one_with_the_most_talk_forgets_some_first(memory, spoken, monkeypatch):
    frame = spoken(b"x" * 100)
    monkeypatch.setattr(memory_module, "MOST_OF_ROOMS", 3 * ROOM_SIZE + 5 * (TALK_SIZE + len(frame)))
    for room, text in [(1, b"a"), (1, b"b"), (2, b"c"), (2, b"d"), (3, b"e"), (2, b"f"), (2, b"g")]:
        memory.talk(spoken(text * 100, room=room))
    # Somewhat more is forgotten than must be: with f there is one too many, so two go, with g nothing has to.
    assert [room_texts(memory, room) for room in (1, 2, 3)] == [[b"b"], [b"d", b"f", b"g"], [b"e"]]
    assert memory.room(2, 0, 9, 0)[0][0][0] == 2  # its place
    memory.talk(spoken(b"h" * 1500, room=3))
    assert [room_texts(memory, room) for room in (1, 2, 3)] == [[b"b"], [b"d", b"f", b"g"], []]
    assert memory.room(3, None, 9, 0) == ([], 2, False)
    memory.talk(spoken(b"i" * 100, room=3))
    assert memory.room(3, 0, 9, 0) == ([(3, b"ann", b"i" * 100, 1600000000)], 3, False)
    for room in (1, 2, 3):
        memory.close_room(room)
    assert (memory._rooms, memory._rooms_size) == ({}, 0)


def test_more_rooms_than_there_is_memory_for_have_no_talk(memory, spoken, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_OF_ROOMS", 3 * ROOM_SIZE)
    for room in range(1, 9):
        memory.talk(spoken(b"x", room=room))
    assert [memory.room(room, 0, 9, 0) for room in range(1, 9)] == [([], 1, False)] * 8


def test_a_room_forgets_what_is_never_told_of_it(spoken):
    memory = Numbered(Store(keep_room_messages=3))
    for _ in range(5):
        memory.talk(spoken(b"1", b"2", room=1))
    assert memory._rooms[1].size == 2 * (TALK_SIZE + len(spoken(b"1", b"2")))
    memory.talk(spoken(*[b"x"] * 9, room=1))
    assert memory._rooms[1].size == TALK_SIZE + len(spoken(*[b"x"] * 9))
    assert memory._rooms_size == ROOM_SIZE + memory._rooms[1].size


def test_the_conversation_that_was_silent_longest_is_forgotten_first(memory, monkeypatch):
    monkeypatch.setattr(
        memory_module, "MOST_OF_CONVERSATIONS", SOURCE_SIZE + conversation_size(b"x") + conversation_size(b"x", b"x"))
    for sender, to in ((b"ann", b"bob"), (b"ann", b"cid"), (b"bob", b"ann"), (b"ann", b"dan")):
        memory.whisper(sender, to, b"x", False)
    assert [len(memory.conversation(b"ann", name)) for name in (b"bob", b"cid", b"dan")] == [2, 0, 1]


def test_nobody_talks_the_conversations_of_others_away(memory):
    for number in range(100):
        memory.whisper(b"ann", b"a%d" % number, b"x", False, "192.0.2.1")
        memory.whisper(b"a%d" % number, b"ann", b"y", False, "192.0.2.%d" % (number % 7))
    for number in range(20000):
        memory.whisper(b"guest-%d" % number, b"a%d" % (number % 100), b"z", False, "192.0.2.99")
        if number == 10000:
            memory.whisper(b"guest-1", b"a0", b"x" * 16384, False, "192.0.2.99")
    assert memory._size <= memory_module.MOST_OF_CONVERSATIONS
    assert all(len(memory.conversation(b"ann", b"a%d" % number)) == 2 for number in range(100))
    assert not memory.conversation(b"guest-2", b"a2") and memory.conversation(b"guest-19999", b"a99")


def test_a_conversation_counts_for_whom_has_said_the_latest(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_OF_CONVERSATIONS", 200000)
    memory.whisper(b"ann", b"bob", b"x", False, "192.0.2.1")
    memory.whisper(b"cid", b"dan", b"x" * 50000, False, "192.0.2.2")
    for _ in range(9):  # an answer that is longer than what it answers
        memory.whisper(b"bob", b"ann", b"y" * 16000, False, "192.0.2.3")
    assert len(memory.conversation(b"cid", b"dan")) == 1
    assert memory._size < 200000
    assert {key: len(source.conversations) for key, source in memory._sources.items()} == {
        "192.0.2.2": 1, "192.0.2.3": 1}
    memory.whisper(b"ann", b"bob", b"x" * 10000, False, "192.0.2.3")
    assert (memory.conversation(b"ann", b"bob"), len(memory.conversation(b"cid", b"dan"))) == ([], 1)
    memory.close_account(b"cid")
    assert (memory._size, memory._sources, memory._conversations) == (0, {}, {})


def test_what_a_closed_account_had_said_takes_no_room_any_more(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_OF_CONVERSATIONS", SOURCE_SIZE + 2 * conversation_size(b"x"))
    memory.open_account(b"ann", None)
    memory.whisper(b"ann", b"bob", b"x", False)
    memory.whisper(b"bob", b"cid", b"x", False)
    memory.close_account(b"ann")
    memory.whisper(b"cid", b"dan", b"x", False)
    assert len(memory.conversation(b"bob", b"cid")) == len(memory.conversation(b"cid", b"dan")) == 1


def test_what_one_conversation_forgets_makes_room_too(memory, monkeypatch):
    monkeypatch.setattr(
        memory_module, "MOST_OF_CONVERSATIONS",
        SOURCE_SIZE + conversation_size(b"x") + conversation_size(*[b"x"] * 3))
    monkeypatch.setattr(conversations_module, "MOST_MESSAGES", 3)
    memory.whisper(b"bob", b"cid", b"x", False)
    for _ in range(10):
        memory.whisper(b"ann", b"bob", b"x", False)
    assert len(memory.conversation(b"bob", b"cid")) == 1


def test_of_one_conversation_no_more_is_remembered_than_can_be_told(memory):
    for _ in range(100):
        memory.whisper(b"ann", b"bob", b"x" * 16384, False)
    assert memory._size <= conversations_module.MOST_OF_ONE
    assert len(memory.conversation(b"ann", b"bob")) == conversations_module.MOST_BYTES // 16384


def test_of_what_is_gone_nothing_is_left(memory):
    memory.open_account(b"ann", None)
    memory.keep(b"bob", b"ann", b"x")
    memory.taken(b"ann", 1)
    memory.taken(b"nobody", 1)
    memory.close_account(b"ann")
    memory.taken(b"ann", 1)
    memory.expire(b"ann", 1700000000)
    assert memory._kept == memory._accounts == {}


# ---- what is counted is what it takes


def taken_up(*roots):
    """Bytes of memory that are reached from these objects, and from nothing else that was there."""
    seen, size, left = set(), 0, list(roots)
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, (type, types.ModuleType, types.BuiltinFunctionType, types.CodeType)):
            continue
        seen.add(id(one))
        size += -(-sys.getsizeof(one) // 16) * 16
        left += [one.__closure__] if isinstance(one, types.FunctionType) else gc.get_referents(one)
    return size


def check(counted, really, most=2):
    """Never less than it takes, and not much more than that."""
    assert really <= counted <= most * really, (counted, really)


def fresh(text):
    """Bytes that nobody else has, as each frame brings its own."""
    return bytes(bytearray(text))


SHAPES = [  # of what a client sends to take up as much as it can: names, texts
    (lambda number: b"a%d" % number, lambda number: b"x"),
    (lambda number: b"a%d" % number, lambda number: b"x" * (number % 700)),
    (lambda number: "\U0001f600".encode() * 27 + b"%d" % number, lambda number: b"x"),
    (lambda number: b"a%d" % (number % 40), lambda number: b"x"),
    (lambda number: b"a%d" % (number % 40), lambda number: b"x" * 16384),
]  # fmt: skip


@measured
@pytest.mark.parametrize("bytes_", [1 << 20, pytest.param(memory_module.MOST_OF_CONVERSATIONS, marks=pytest.mark.long)])
@pytest.mark.parametrize("sources", [1, 500, 20000])
@pytest.mark.parametrize("name, text", SHAPES)
def test_conversations_take_what_is_counted(memory, monkeypatch, name, text, sources, bytes_):
    monkeypatch.setattr(memory_module, "MOST_OF_CONVERSATIONS", bytes_)
    bare = taken_up(memory)
    for number in range(30000):
        memory.whisper(name(number), fresh(b"b%d" % (number // 40)), fresh(text(number)), False,
                       "2001:db8:1:%x::/64" % (number % sources))
        if memory._size > bytes_ * 0.95:
            break
    check(memory._size, taken_up(memory) - bare)


@measured
@pytest.mark.parametrize("size, messages", [(1, 1), (1, 10), (400, 1), (16384, 1)])
def test_the_lobby_takes_what_is_counted(memory, spoken, size, messages):
    bare = taken_up(memory)
    while memory._lobby.size < memory_module.MOST_OF_LOBBY // 4:
        memory.talk(spoken(*[b"x" * size] * messages))
    check(memory._lobby.size, taken_up(memory) - bare)


@measured
@pytest.mark.parametrize("size, rooms", [(1, 1), (1, 100), (1, 1500), (400, 100), (16384, 3)])
def test_rooms_take_what_is_counted(memory, spoken, size, rooms):
    bare = taken_up(memory)
    for number in range(3000):
        memory.talk(spoken(b"x" * size, room=1000 + number % rooms))
        if memory._rooms_size > memory_module.MOST_OF_ROOMS // 4:
            break
    check(memory._rooms_size, taken_up(memory) - bare)


@measured
@pytest.mark.parametrize("owners", [1, 20, 3000])
def test_markers_take_what_is_counted(memory, owners):
    bare = taken_up(memory)
    for number in range(3000):
        memory.mark_read(fresh(b"a%d" % (number % owners)), 1000 + number, fresh(b"b%d" % number), 10000 + number)
    check(memory._markers_size, taken_up(memory) - bare, 2.2)


def test_of_all_markers_those_are_forgotten_that_moved_first(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_OF_MARKERS", 3 * (OWNER_SIZE + MARKER_SIZE))
    for owner in (b"ann", b"bob", b"cid", b"ann", b"dan"):
        memory.mark_read(owner, 0, b"", 7)
    assert [len(memory.markers(owner)) for owner in (b"ann", b"bob", b"cid", b"dan")] == [1, 0, 1, 1]
    assert memory._markers_size == 3 * (OWNER_SIZE + MARKER_SIZE)


MANY = 1000  # accounts, and messages for them


@pytest.fixture
def kept_in(memory):
    """Memory with many accounts, and its store."""
    kept = Accounts(InProcess(memory._store))
    for number in range(MANY):
        name = b"a%d" % number
        kept.begin_with(name, tuple(claims(name)))
    kept.order = Settling(kept, lambda: 1600000000)
    kept.order.told = collections.deque(maxlen=0)
    return kept, memory


@measured
@pytest.mark.parametrize("sources, boxes, most", [(1, 10, 2), (20, 10, 2), (MANY, MANY, 2.2), (MANY, 10, 5)])
@pytest.mark.parametrize("name, text", SHAPES[:3] + SHAPES[4:])
def test_boxes_take_what_is_counted(kept_in, monkeypatch, sources, boxes, most, name, text):
    monkeypatch.setattr(accounts_module, "MOST_OF_BOX", 1 << 30)
    kept, store = kept_in
    bare, conversations = taken_up(kept), store._size
    for number in range(MANY):
        kept.keep(b"a%d" % (number % boxes), fresh(name(number)), fresh(text(number)),
                  "2001:db8:1234:%x::/64" % (number % sources), number)
        for conversation in list(store._conversations.values()):
            store._forget(conversation)
    assert store._size == conversations
    check(kept._size, taken_up(kept) - bare, most)


@measured
def test_what_is_held_until_it_has_been_sent_takes_what_is_counted(kept_in, spoken):
    kept, memory = kept_in
    register = Register(Nobody(), kept, None, LoginThrottle(0, 0, lambda: 0), Nothing(), Numbers(InProcess(memory)))
    for number in range(10):
        register.claims.grant(number, b"a%d" % number, claims(b"a%d" % number), "192.0.2.1")
    untold = register.direct._untold
    bare = taken_up(untold, kept)
    for number in range(3000):
        register.direct.whisper(
            1, 1, fresh(b"bob"), b"a%d" % (number % 10), fresh(b"x"), 7, "192.0.2.%d" % (number % 9))
    assert sum(map(len, untold.values())) > 1000
    check(kept._size, taken_up(untold, kept) - bare)


class Nobody(contract.Post):
    """Hears all, remembers nothing."""

    def everyone(self, *entry):
        pass

    worker = everyone

    def change(self):
        pass

    def guarded(self, worker, asker, then):
        return then


class Nothing:
    """A store that stores nothing, and is asked at once."""

    def ask(self, then, request):
        then(True)


@measured
@pytest.mark.parametrize("size", [1, 16384])
def test_talk_that_waits_for_the_journal_takes_what_is_counted(spoken, size):
    journal = Journal(None)
    bare = taken_up(journal)
    for number in range(500):
        frame = spoken(b"x" * size)
        journal.talk(frame, functools.partial(check, number, frame))
    in_the_queue = sum(len(frame) for frame, _ in journal._waiting)  # a second time
    check(journal.status()["bytes"], taken_up(journal) - bare + in_the_queue)


@pytest.mark.slow
@measured
@pytest.mark.parametrize("sizes", [[1], [16384], [1, 700]])
def test_what_is_asked_of_the_journal_takes_what_is_counted(kept_in, sizes):
    kept, _ = kept_in
    journal = Journal(None, 0, BLOCK)
    kept._store = journal
    register = Register(Nobody(), kept, None, LoginThrottle(0, 0, lambda: 0), journal, Numbers(journal))
    bare, random_ = taken_up(journal, kept), random.Random(1)
    for number in range(2000):
        text = fresh(b"x" * random_.choice(sizes))
        register.direct.whisper(1, 1, fresh(b"bob"), b"a%d" % (number % 10), text, 7, "192.0.2.1")
    in_the_queue = sum(len(frame) for frame, _ in journal._waiting)  # a second time
    check(journal.status()["bytes"] + kept._size, taken_up(journal, kept) - bare + in_the_queue)


def test_the_bounds_together_leave_room_under_64_megabytes():
    """Beside 26 MB of a parent process without clients."""
    in_memory = (memory_module.MOST_OF_LOBBY + memory_module.MOST_OF_ROOMS + memory_module.MOST_OF_CONVERSATIONS
                 + accounts_module.MOST_OF_BOXES)
    shares = accounts_module.MOST_OF_STORED_BOXES * SHARE_SIZE // (SHARE_SIZE + kept_size(b"", b""))
    assert in_memory <= 24 << 20
    assert journal_module.MOST_WAITING + shares <= 48 << 20


def test_of_tens_of_thousands_of_messages_only_those_are_looked_at_that_may_be_told(spoken, clock, monkeypatch):
    began, memory = clock.now, Numbered(Store(), lambda: clock.now)
    for number in range(5000):
        clock.now = began + number
        memory.talk(spoken(b"%d" % number, room=5))
    looked_at, real = [], talk_module.said
    monkeypatch.setattr(talk_module, "said", lambda frame: looked_at.append(frame) or real(frame))
    first, middle, last = (int(began * 1000) + 1000 * number for number in (0, 2500, 4999))
    for before, after, before_time, after_time, told in (
            (1, None, None, None, 0), (3, None, None, None, 2), (None, 4998, None, None, 2),
            (2501, 2498, None, None, 2), (None, None, first, None, 0), (None, None, None, last, 0),
            (None, None, first + 2000, None, 2), (None, None, middle, middle - 3000, 2), (None, None, 0, last, 0)):
        for latest in (True, False):
            found, _, _ = memory.browse_exactly(5, b"", b"", before, after, 9, 0, before_time, after_time, latest)
            assert len(found) == told, (before, after, before_time, after_time)
    for before, after, told in ((1, None, 0), (3, None, 2), (2501, 2498, 2)):
        assert len(memory.browse(5, before, after, 9, 0)[0]) == told
    assert memory.redact(5, 9999999, [], 0, b"(gone)") is False and memory.redact(5, 2500, [], 0, b"(gone)") is True
    assert memory.browse(5, 2501, 2499, 9, 0)[0][0][2] == b"(gone)"
    assert len(looked_at) < 100
