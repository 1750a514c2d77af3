"""What outlives a connection, and within which bounds."""
import pytest

from server.chat import memory as memory_module
from server.chat.memory import Memory
from server.chat.names import claims


@pytest.fixture
def memory():
    return Memory()


def open_account(memory, name, secret=None):
    return memory.open(name, tuple(claims(name)), secret)


def message(number):
    return b"bob", b"%d" % number, number


def test_accounts_are_in_the_order_of_their_creation(memory):
    for name in (b"zoe", b"ann", b"bob"):
        open_account(memory, name)
    memory.close(b"ann")
    open_account(memory, b"ann")
    assert list(memory.accounts) == [b"zoe", b"bob", b"ann"]


def test_an_account_has_a_secret_or_none(memory):
    assert open_account(memory, b"ann").secret is None
    assert open_account(memory, b"bob", "hashed").secret == memory.accounts[b"bob"].secret == "hashed"


@pytest.mark.parametrize("before", [None, "hashed"])
def test_an_accounts_secret_can_be_set_and_changed(memory, before):
    account = open_account(memory, b"ann", before)
    memory.protect(b"ann", "another")
    assert memory.accounts[b"ann"] is account
    assert account.secret == "another"


def test_the_owners_of_a_name_are_the_accounts_too_much_like_it(memory):
    open_account(memory, b"ian")
    open_account(memory, b"lan")
    assert memory.owners(claims(b"ian")) == {b"ian"}
    assert memory.owners(claims(b"IAN")) == {b"ian", b"lan"}
    assert memory.owners(claims(b"bob")) == set()
    memory.close(b"ian")
    assert memory.owners(claims(b"IAN")) == {b"lan"}


def test_what_is_kept_is_handed_over_once_in_order(memory):
    open_account(memory, b"ann")
    assert all(memory.keep(b"ann", message(number)) for number in range(3))
    assert memory.hand_over(b"ann") == [message(0), message(1), message(2)]
    assert memory.hand_over(b"ann") == []
    assert memory.hand_over(b"nobody") == []


def test_what_was_handed_over_does_not_change_any_more(memory):
    open_account(memory, b"ann")
    memory.keep(b"ann", message(1))
    kept = memory.hand_over(b"ann")
    memory.keep(b"ann", message(2))
    assert kept == [message(1)]


def test_no_more_is_kept_than_the_most(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_MESSAGES", 3)
    open_account(memory, b"ann")
    assert [memory.keep(b"ann", message(number)) for number in range(5)] == [True, True, True, False, False]
    assert memory.hand_over(b"ann") == [message(0), message(1), message(2)]
    assert memory.keep(b"ann", message(5))


def test_a_conversation_is_the_same_from_both_sides(memory):
    memory.remember(b"ann", b"bob", message(1))
    memory.remember(b"bob", b"ann", message(2))
    assert memory.between(b"ann", b"bob") == memory.between(b"bob", b"ann") == [message(1), message(2)]
    assert memory.between(b"ann", b"cid") == memory.between(b"ann", b"ann") == []


def test_who_talks_to_itself_has_a_conversation_of_one(memory):
    memory.remember(b"ann", b"ann", message(1))
    assert memory.between(b"ann", b"ann") == [message(1)]
    memory.remember(b"ann", b"bob", message(2))
    assert memory.between(b"ann", b"ann") == [message(1)]


def test_a_conversation_remembers_its_latest(monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_MESSAGES", 3)
    memory = Memory()
    for number in range(5):
        memory.remember(b"ann", b"bob", message(number))
    assert memory.between(b"ann", b"bob") == [message(2), message(3), message(4)]


def test_no_more_bytes_are_kept_or_remembered_than_the_most(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_BYTES", 5)
    open_account(memory, b"ann")
    texts = [(b"bob", text, 7) for text in (b"one", b"two", b"4")]
    assert [memory.keep(b"ann", text) for text in texts] == [True, False, True]
    for text in texts:
        memory.remember(b"ann", b"bob", text)
    assert memory.between(b"ann", b"bob") == texts[1:]


def test_no_more_is_kept_for_all_than_the_most(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_KEPT", 2)
    for name in (b"ann", b"bob"):
        open_account(memory, name)
    assert [memory.keep(b"ann", message(1)), memory.keep(b"bob", message(2)), memory.keep(b"bob", message(3))] == [
        True, True, False]
    memory.close(b"ann")
    assert memory.keep(b"bob", message(3))


def test_what_could_not_be_handed_over_is_kept_on_in_its_order(memory):
    open_account(memory, b"ann")
    memory.keep(b"ann", message(1))
    kept = memory.hand_over(b"ann")
    memory.keep(b"ann", message(2))
    memory.take_back(b"ann", kept)
    assert memory.hand_over(b"ann") == [message(1), message(2)]
    memory.take_back(b"nobody", [message(3)])
    assert memory.hand_over(b"nobody") == []


def test_the_conversation_that_was_silent_longest_is_forgotten_first(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_REMEMBERED", 3)  # each message has a text of one byte
    memory.remember(b"ann", b"bob", message(1))
    memory.remember(b"ann", b"cid", message(2))
    memory.remember(b"bob", b"ann", message(3))
    memory.remember(b"ann", b"dan", message(4))
    assert memory.between(b"ann", b"bob") == [message(1), message(3)]
    assert memory.between(b"ann", b"cid") == []
    assert memory.between(b"ann", b"dan") == [message(4)]


def test_a_closed_account_leaves_nothing_behind(memory):
    for name in (b"ann", b"bob"):
        open_account(memory, name)
    memory.keep(b"ann", message(1))
    memory.remember(b"ann", b"bob", message(2))
    memory.remember(b"cid", b"ann", message(3))
    memory.remember(b"cid", b"bob", message(4))
    memory.close(b"ann")
    assert list(memory.accounts) == [b"bob"]
    assert memory.owners(claims(b"ann")) == set()
    assert memory.between(b"ann", b"bob") == memory.between(b"ann", b"cid") == []
    assert memory.between(b"cid", b"bob") == [message(4)]
    open_account(memory, b"ann")
    assert memory.hand_over(b"ann") == []
