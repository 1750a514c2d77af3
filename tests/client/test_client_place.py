"""What was missed is told from what was heard, by the order that is everybody's."""
from hypothesis import given
from hypothesis import strategies as st

from parley.client.place import Place

TEXTS = st.lists(st.sampled_from(["ok", "yes", "no"]), max_size=8)


def talk(texts, sender="bea"):
    return [(sender, text) for text in texts]


def followed(before, after=()):
    """A place that has heard `before`, then a break, then `after`."""
    place = Place()
    place.ask()
    place.put(1)
    for sender, text in before:
        place.hear(sender, text)
    place.breaks()
    for sender, text in after:
        place.hear(sender, text)
    return place


@given(TEXTS, TEXTS)
def test_what_was_heard_is_not_missed(heard, missed):
    # More may be taken for heard only where the same words come again at once.
    new, lost = followed(talk(heard)).missed("ann", talk(heard) + talk(missed, "carl"))
    assert (new, lost) == (talk(missed, "carl"), [])


def test_nothing_heard_is_all_missed():
    assert followed([]).missed("ann", talk(["a", "b"])) == (talk(["a", "b"]), [])


def test_what_was_on_its_way_when_the_mark_was_given_does_not_matter():
    assert followed(talk(["early", "a"])).missed("ann", talk(["a", "b"])) == (talk(["b"]), [])


def test_what_has_been_heard_since_is_not_missed():
    place = followed(talk(["a"]), talk(["c", "d"]))
    assert place.missed("ann", talk(["a", "b", "c", "d"])) == (talk(["b"]), [])


def test_my_own_words_are_not_missed_and_those_that_the_log_lacks_are_lost():
    place = followed([("ann", "hi"), ("ann", "gone"), ("bea", "a")])
    assert place.missed("ann", [("bea", "a"), ("ann", "hi"), ("bea", "b")]) == (talk(["b"]), ["gone"])


def test_what_i_said_elsewhere_meanwhile_is_missed():
    assert followed([("ann", "hi")]).missed("ann", [("ann", "hi"), ("ann", "from home")]) == (
        [("ann", "from home")], [])


def test_a_mark_forgets_what_was_before_it():
    place = followed(talk(["a", "b"]))
    place.ask()
    place.hear("bea", "c")
    place.put(7)
    assert place.mark == 7
    place.breaks()
    assert place.missed("ann", talk(["c", "d"])) == (talk(["d"]), [])


def test_a_place_is_far_after_many_messages_until_it_is_asked_for():
    place = followed(talk(["a"] * 499))
    assert not place.is_far
    place.hear("bea", "a")
    assert place.is_far
    place.ask()
    assert not place.is_far


def test_a_conversation_is_missed_behind_the_last_that_is_known_of_it():
    place = Place()
    place.hear_from("bea", "bea", "hi")
    place.hear_from("bea", "ann", "lost on the way")
    log = [("bea", "old", 1), ("bea", "hi", 2), ("bea", "are you there?", 3)]
    assert place.partners() == ["bea"]
    assert place.missed_from("bea", log) == log[2:]
    assert place.missed_from("bea", log[:1]) == log[:1]
