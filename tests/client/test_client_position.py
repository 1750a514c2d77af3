"""What was missed is found from what was received, as everybody receives messages in the same order."""
from hypothesis import given
from hypothesis import strategies as st

from parley.client.position import ResumePosition

TEXTS = st.lists(st.sampled_from(["ok", "yes", "no"]), max_size=8)


def talk(texts, sender="bea"):
    return [(sender, text) for text in texts]


def followed(before, after=()):
    """A position with the messages `before`, a lost connection, and the messages `after`."""
    position = ResumePosition()
    position.mark_requested()
    position.set_mark(1)
    for sender, text in before:
        position.add_said(sender, text)
    position.connection_lost()
    for sender, text in after:
        position.add_said(sender, text)
    return position


@given(TEXTS, TEXTS)
def test_what_was_received_is_not_missed(heard, missed):
    # More may be taken for heard only where the same words come again at once.
    new, lost = followed(talk(heard)).missed("ann", talk(heard) + talk(missed, "carl"))
    assert (new, lost) == (talk(missed, "carl"), [])


def test_everything_is_missed_if_nothing_was_received():
    assert followed([]).missed("ann", talk(["a", "b"])) == (talk(["a", "b"]), [])


def test_what_was_on_its_way_when_the_mark_was_given_does_not_matter():
    assert followed(talk(["early", "a"])).missed("ann", talk(["a", "b"])) == (talk(["b"]), [])


def test_what_was_received_since_is_not_missed():
    position = followed(talk(["a"]), talk(["c", "d"]))
    assert position.missed("ann", talk(["a", "b", "c", "d"])) == (talk(["b"]), [])


def test_own_messages_are_not_missed_and_those_that_the_log_lacks_are_lost():
    position = followed([("ann", "hi"), ("ann", "gone"), ("bea", "a")])
    assert position.missed("ann", [("bea", "a"), ("ann", "hi"), ("bea", "b")]) == (talk(["b"]), ["gone"])


def test_what_i_said_elsewhere_meanwhile_is_missed():
    assert followed([("ann", "hi")]).missed("ann", [("ann", "hi"), ("ann", "from home")]) == (
        [("ann", "from home")], [])


def test_a_mark_forgets_what_was_before_it():
    position = followed(talk(["a", "b"]))
    position.mark_requested()
    position.add_said("bea", "c")
    position.set_mark(7)
    assert position.mark == 7
    position.connection_lost()
    assert position.missed("ann", talk(["c", "d"])) == (talk(["d"]), [])


def test_a_new_mark_is_needed_after_many_messages_until_it_is_requested():
    position = followed(talk(["a"] * 499))
    assert not position.needs_new_mark
    position.add_said("bea", "a")
    assert position.needs_new_mark
    position.mark_requested()
    assert not position.needs_new_mark


def test_a_conversation_is_missed_after_its_last_known_message():
    position = ResumePosition()
    position.add_whisper("bea", "bea", "hi")
    position.add_whisper("bea", "ann", "lost on the way")
    log = [("bea", "old", 1), ("bea", "hi", 2), ("bea", "are you there?", 3)]
    assert position.partners() == ["bea"]
    assert position.missed_whispers("bea", log) == log[2:]
    assert position.missed_whispers("bea", log[:1]) == log[:1]


def test_of_equal_messages_in_a_conversation_none_is_told_again():
    position, log = ResumePosition(), talk(["ok", "no", "ok", "new"])
    for sender, text in log[:3]:
        position.add_whisper("bea", sender, text)
    assert position.missed_whispers("bea", log) == log[3:]


def test_of_thousands_who_write_once_the_latest_are_remembered():
    position = ResumePosition()
    for number in range(5000):
        position.add_whisper("u%d" % number, "u%d" % number, "hi")
        position.add_whisper("bea", "bea", "hi")
    assert len(position.partners()) == 200 and {"bea", "u4999"} <= set(position.partners())
    assert position.missed_whispers("u1", [("u1", "hi", 1)]) == [("u1", "hi", 1)]
