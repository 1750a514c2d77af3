"""What a store in memory forgets, and in which order."""
import pytest

from server.storage import memory as memory_module
from server.storage.memory import Store


@pytest.fixture
def memory():
    return Store(lambda: 1600000000)


def lobby(memory):
    return [(number, text[:1]) for number, _, text, _ in memory.lobby(0, 1000)[0]]


def test_of_the_lobby_no_more_bytes_are_remembered_than_the_most(memory, spoken, monkeypatch):
    frame = spoken(b"x" * 100)
    monkeypatch.setattr(memory_module, "MOST_OF_LOBBY", 3 * len(frame))
    for number in range(1, 10):
        memory.talk(spoken(b"%d" % number * 100))
    assert lobby(memory) == [(7, b"7"), (8, b"8"), (9, b"9")]
    assert memory.lobby(3, 1) == ([(7, b"ann", b"7" * 100, 1600000000)], 7, True)
    memory.talk(spoken(b"x" * 1000))
    assert (lobby(memory), memory.lobby(None, 9)) == ([], ([], 10, False))
    memory.talk(frame)
    assert lobby(memory) == [(11, b"x")]


def test_the_conversation_that_was_silent_longest_is_forgotten_first(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_OF_CONVERSATIONS", 3)
    for sender, to in ((b"ann", b"bob"), (b"ann", b"cid"), (b"bob", b"ann"), (b"ann", b"dan")):
        memory.whisper(sender, to, b"x", False)
    assert [len(memory.conversation(b"ann", name)) for name in (b"bob", b"cid", b"dan")] == [2, 0, 1]


def test_what_a_closed_account_had_said_takes_no_room_any_more(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_OF_CONVERSATIONS", 2)
    memory.open_account(b"ann", None)
    memory.whisper(b"ann", b"bob", b"x", False)
    memory.whisper(b"bob", b"cid", b"x", False)
    memory.close_account(b"ann")
    memory.whisper(b"cid", b"dan", b"x", False)
    assert len(memory.conversation(b"bob", b"cid")) == len(memory.conversation(b"cid", b"dan")) == 1


def test_what_one_conversation_forgets_makes_room_too(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_OF_CONVERSATIONS", 4)
    monkeypatch.setattr(memory_module, "MOST_MESSAGES", 3)
    memory.whisper(b"bob", b"cid", b"x", False)
    for _ in range(10):
        memory.whisper(b"ann", b"bob", b"x", False)
    assert len(memory.conversation(b"bob", b"cid")) == 1
