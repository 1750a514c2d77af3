"""What protocols and chat exchange: frozen, and never equal across types."""
import itertools

import pytest
from cases import for_each

from parley.server.protocols.events import ANSWERS, COMMANDS, HAPPENINGS, PUSHES, REASONS, Reason

EVENTS = COMMANDS + HAPPENINGS
ONE_OF_EACH = [kind(*[b"x"] * len(kind._fields)) for kind in EVENTS]


def test_events_of_different_types_are_never_equal():
    for one, other in itertools.combinations(ONE_OF_EACH, 2):
        assert one != other
        assert not one == other


@for_each("event", ONE_OF_EACH)
def test_an_event_is_equal_to_one_of_its_type_with_the_same_content(event):
    twin = type(event)(*event)
    assert event == twin
    assert not event != twin
    assert hash(event) == hash(twin)
    assert event != tuple(event)


@for_each("event", [event for event in ONE_OF_EACH if len(event)])
def test_an_event_with_other_content_is_another(event):
    assert event != type(event)(*[b"y"] * len(event))


@for_each("event", ONE_OF_EACH)
def test_an_event_is_frozen_and_shows_its_name(event):
    with pytest.raises(AttributeError):
        event.anything = 1
    for field in event._fields:
        with pytest.raises(AttributeError):
            setattr(event, field, b"")
    assert repr(event).startswith(type(event).__name__ + "(")


def test_all_kinds_can_be_told_apart_in_one_table():
    assert len({event: None for event in ONE_OF_EACH}) == len(EVENTS)
    assert len({kind.__name__ for kind in EVENTS}) == len(EVENTS)


def test_whatever_happens_is_an_answer_or_a_push():
    assert set(ANSWERS) | set(PUSHES) == set(HAPPENINGS)
    assert not set(ANSWERS) & set(PUSHES)


def test_all_reasons_are_listed_and_none_means_two_things():
    assert len(REASONS) == len(set(REASONS))
    assert Reason.NAME_TAKEN in REASONS and Reason.BUG in REASONS
