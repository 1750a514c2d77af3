"""Who holds which name, and what leaves in which order."""
import pytest

from server.chat.names import claims
from server.chat.register import Register
from server.protocols.events import Reason

TAKEN = ("worker", 2, "refused", 7, Reason.NAME_TAKEN)
LOOK_ALIKES = [
    (b"ann", b"ann"), (b"ann", b"ANN"), (b"Bill", b"BiII"), (b"ian", b"IAN"), (b"lan", b"IAN"), (b"bob", b"b0b"),
]  # fmt: skip
NOT_ALIKE = [(b"ian", b"lan"), (b"ann", b"anne")]


@pytest.fixture
def register(post):
    return Register(post)


def claim(register, worker, number, name):
    register.claim(worker, number, name, tuple(claims(name)))


def test_a_free_name_is_given_and_everyone_is_told(register, post):
    claim(register, 1, 5, b"ann")
    assert post.drain() == [("everyone", "joined", 1, 5, b"ann")]


@pytest.mark.parametrize("held, wanted", LOOK_ALIKES + [(b, a) for a, b in LOOK_ALIKES])
def test_a_taken_name_and_its_look_alikes_are_refused(register, post, held, wanted):
    claim(register, 1, 5, held)
    post.drain()
    claim(register, 2, 7, wanted)
    assert post.drain() == [TAKEN]


@pytest.mark.parametrize("held, wanted", NOT_ALIKE)
def test_another_name_is_given_too(register, post, held, wanted):
    claim(register, 1, 5, held)
    post.drain()
    claim(register, 2, 7, wanted)
    assert post.drain() == [("everyone", "joined", 2, 7, wanted)]


@pytest.mark.parametrize("held, wanted", LOOK_ALIKES)
def test_a_released_name_is_free_with_all_its_look_alikes(register, post, held, wanted):
    claim(register, 1, 5, held)
    register.release(1, 5)
    post.drain()
    claim(register, 2, 7, wanted)
    assert post.drain() == [("everyone", "joined", 2, 7, wanted)]


def test_a_refused_claim_takes_nothing(register, post):
    claim(register, 1, 1, b"lan")
    claim(register, 1, 2, b"IAN")  # would take "ian" too
    post.drain()
    claim(register, 1, 3, b"ian")
    assert post.drain() == [("everyone", "joined", 1, 3, b"ian")]


def test_everyone_is_told_once_that_a_member_has_left(register, post):
    claim(register, 1, 5, b"ann")
    post.drain()
    register.release(1, 5)
    register.release(1, 5)
    assert post.drain() == [("everyone", "left", b"ann")]


def test_who_held_no_name_leaves_without_a_word(register, post):
    claim(register, 1, 5, b"ann")
    claim(register, 2, 7, b"ann")
    post.drain()
    register.release(2, 7)
    register.release(2, 5)  # another worker's session of the same number
    assert post.drain() == []
    register.whisper(2, 9, b"bob", b"ann", b"still there?")
    assert post.drain()[0][0:3] == ("worker", 1, "whispered")


def test_a_whisper_reaches_its_member_before_its_sender_is_answered(register, post):
    claim(register, 1, 5, b"ann")
    claim(register, 2, 7, b"bob")
    post.drain()
    register.whisper(2, 7, b"bob", b"ann", b"hi")
    assert post.drain() == [("worker", 1, "whispered", 5, b"bob", b"hi"), ("worker", 2, "confirmed", 7)]


def test_a_whisper_to_oneself_arrives(register, post):
    claim(register, 1, 5, b"ann")
    post.drain()
    register.whisper(1, 5, b"ann", b"ann", b"hi")
    assert post.drain() == [("worker", 1, "whispered", 5, b"ann", b"hi"), ("worker", 1, "confirmed", 5)]


@pytest.mark.parametrize("to", [b"bob", b"Ann", b"ANN", b"an", b"", b"\xff"])
def test_a_whisper_finds_only_who_is_called_exactly_so(register, post, to):
    claim(register, 1, 5, b"ann")
    post.drain()
    register.whisper(1, 5, b"ann", to, b"hi")
    assert post.drain() == [("worker", 1, "refused", 5, Reason.NO_SUCH_MEMBER)]


def test_who_has_left_is_not_found(register, post):
    claim(register, 1, 5, b"ann")
    register.release(1, 5)
    post.drain()
    register.whisper(1, 6, b"bob", b"ann", b"hi")
    assert post.drain() == [("worker", 1, "refused", 6, Reason.NO_SUCH_MEMBER)]


def test_who_is_answered_where_it_is_asked(register, post):
    register.who(2, 7)
    assert post.drain() == [("worker", 2, "who", 7)]


def test_a_new_worker_is_told_who_is_here_in_login_order(register, post):
    for number, name in enumerate([b"zoe", b"ann", b"bob"]):
        claim(register, 1, number, name)
    register.release(1, 1)
    claim(register, 2, 0, b"ann")
    post.drain()
    register.admit(3)
    assert post.drain() == [("worker", 3, "present", [b"zoe", b"bob", b"ann"])]


def test_a_lost_worker_takes_its_members_and_no_others(register, post):
    for worker, number, name in [(1, 1, b"ann"), (2, 1, b"bob"), (1, 2, b"cid"), (2, 2, b"dan")]:
        claim(register, worker, number, name)
    post.drain()
    register.lose(1)
    assert post.drain() == [("everyone", "left", b"ann"), ("everyone", "left", b"cid")]
    register.lose(1)
    assert post.drain() == []
    claim(register, 3, 1, b"ann")
    assert post.drain() == [("everyone", "joined", 3, 1, b"ann")]


def test_answers_leave_in_the_order_of_the_requests(register, post):
    claim(register, 1, 1, b"ann")
    register.who(1, 1)
    claim(register, 1, 2, b"ann")
    register.release(1, 1)
    claim(register, 1, 2, b"ann")
    assert [call[1:] if call[0] == "everyone" else call[2:] for call in post.drain()] == [
        ("joined", 1, 1, b"ann"), ("who", 1), ("refused", 2, Reason.NAME_TAKEN), ("left", b"ann"),
        ("joined", 1, 2, b"ann")]
