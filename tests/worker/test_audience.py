"""What each of one worker's clients hears, against a model that writes everybody's bytes one by one."""
import collections

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.worker.audience import Audience

SESSIONS = 4
STRANGER, MEMBER, GONE = "stranger", "member", "gone"

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "leave", "hear", "hear", "hear", "tell", "tell", "flush"]),
        st.integers(0, SESSIONS - 1),
        st.sampled_from([b"", b"a\n", b"bb\n", b"ccc\n", b"dddd\n"]),
    ),
    max_size=60,
)


# Told as a stranger, then as a member, while others talk; and gone in the middle of a tick.
A_NEWCOMER = [
    ("tell", 0, b"a\n"), ("enter", 1, b""), ("hear", 1, b"a\n"), ("tell", 0, b"a\n"), ("enter", 0, b""),
    ("hear", 0, b"bb\n"), ("tell", 0, b"a\n"), ("hear", 1, b"ccc\n"), ("leave", 0, b""), ("hear", 1, b"a\n"),
]  # fmt: skip


class Ear:
    """A session that remembers what it is sent."""

    def __init__(self):
        self.state = STRANGER
        self.sends = 0
        self.received = b""

    def send(self, pieces):
        assert all(len(piece) for piece in pieces)
        self.sends += bool(pieces)
        self.received += b"".join(pieces)


class Model:
    """Who hears what, in the simplest way."""

    def __init__(self, ears, echo):
        self.text = collections.defaultdict(bytes)
        self._ears = ears
        self._echo = echo

    def hear(self, data, origin):
        for ear in self._ears:
            if ear.state is MEMBER and (ear is not origin or self._echo):
                self.text[ear] += data

    def tell(self, ear, data):
        self.text[ear] += data


@given(ACTIONS, st.booleans())
@example(A_NEWCOMER, False)
def test_everybody_hears_exactly_what_is_meant_for_them_in_order(actions, echo):
    ears = [Ear() for _ in range(SESSIONS)]
    audience, model = Audience("any", bytes, echo), Model(ears, echo)
    for action, index, data in actions + [("flush", 0, b"")]:
        ear = ears[index]
        if action == "flush":
            flush(audience, ears)
            assert [one.received for one in ears] == [model.text[one] for one in ears]
        elif action == "hear":
            audience.hear(data, ear)
            model.hear(data, ear)
        elif action == "tell" and ear.state is not GONE:
            audience.tell(ear, data)
            model.tell(ear, data)
        elif action == "enter" and ear.state is STRANGER:
            audience.enter(ear)
            ear.state = MEMBER
        elif action == "leave" and ear.state is not GONE:
            audience.leave(ear)
            ear.state = GONE
            assert ear.received == model.text[ear]


def flush(audience, ears):
    before = [ear.sends for ear in ears]
    audience.flush()
    assert all(ear.sends <= sends + 1 for ear, sends in zip(ears, before))


@pytest.fixture
def ears():
    return [Ear() for _ in range(3)]


@pytest.fixture
def audience(ears):
    """An audience of which all but the last are members."""
    one = Audience("any", bytes)
    for ear in ears[:-1]:
        one.enter(ear)
    one.flush()
    return one


def test_a_tick_is_one_send_per_member_however_much_was_said(audience, ears):
    for number in range(50):
        audience.hear(b"%d\n" % number, ears[number % 2])
        audience.tell(ears[0], b"!\n")
    audience.flush()
    assert [ear.sends for ear in ears] == [1, 1, 0]


def test_members_who_hear_the_same_are_sent_the_same_object(audience, ears):
    sent = []
    for ear in ears:
        ear.send = sent.append
    audience.hear(b"a\n")
    audience.hear(b"b\n")
    audience.flush()
    (one,), (other,) = sent
    assert one is other


def test_what_happens_is_rendered_once_however_many_hear_it(ears):
    rendered = []
    audience = Audience("any", lambda data: rendered.append(data) or data)
    for ear in ears:
        audience.enter(ear)
    audience.hear(b"a\n", ears[0])
    audience.flush()
    assert rendered == [b"a\n"]


def test_a_quiet_tick_sends_nothing(audience, ears):
    audience.hear(b"")
    audience.flush()
    audience.flush()
    assert [ear.sends for ear in ears] == [0, 0, 0]
