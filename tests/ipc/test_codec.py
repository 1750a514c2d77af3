"""What leaves the machine: plain values, read as they were written, and nothing else."""
import collections

import pytest
from hypothesis import given
from hypothesis import strategies as some

from parley.server.ipc.codec import DEEPEST, Malformed, dumps, loads
from parley.server.ipc.messages import ToHub

PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.binary() | some.text(),
    lambda inner: some.lists(inner) | some.lists(inner).map(tuple) | some.dictionaries(some.text(), inner)
    | some.sets(some.binary()) | some.frozensets(some.integers()), max_leaves=20)

# As it is in the table of the module.
WRITTEN = [
    (None, b"N"), (True, b"T"), (False, b"F"), (1, b"i\0\0\0\0\0\0\0\1"), (-1, b"i" + b"\xff" * 8),
    (1 << 63, b"I\0\0\0\x139223372036854775808"), (0.5, b"f\x3f\xe0\0\0\0\0\0\0"), (b"ab", b"b\0\0\0\2ab"),
    ("\xe9", b"s\0\0\0\2\xc3\xa9"), ((None,), b"t\0\0\0\1N"), ([], b"l\0\0\0\0"),
    ({b"b", b"a"}, b"S\0\0\0\2b\0\0\0\1ab\0\0\0\1b"),
    (frozenset(), b"Z\0\0\0\0"), ({"k": None}, b"d\0\0\0\1s\0\0\0\1kN")]


def deep(levels):
    value = None
    for _ in range(levels):
        value = [value]
    return value


def same(value):
    return [type(value), value] if not isinstance(value, (list, tuple)) else [type(value), [*map(same, value)]]


@given(PLAIN)
def test_what_is_written_is_read_as_it_was(value):
    assert same(loads(dumps(value))) == same(value)


def test_each_kind_is_written_as_the_table_has_it():
    for value, data in WRITTEN:
        assert dumps(value) == data
        assert same(loads(data)) == same(value)


def test_a_message_is_read_as_a_tuple_and_any_dictionary_as_a_usual_one():
    assert loads(dumps(ToHub.Hello(7))) == (7,)
    assert type(loads(dumps(collections.OrderedDict(a=1)))) is dict


def test_what_is_no_plain_value_cannot_be_written():
    for value in (object(), len, ToHub, [bytearray(b"a")]):
        with pytest.raises(TypeError):
            dumps(value)


def test_other_values_are_written_as_what_is_made_of_them():
    data = dumps([complex(1, 2), ToHub.Hello(7)], lambda value: list(value) if isinstance(value, tuple) else value.imag)
    assert loads(data, lambda made: ("made", made)) == [("made", 2.0), ("made", [7])]
    with pytest.raises(Malformed):
        loads(data)


@given(some.binary(max_size=40))
def test_any_bytes_are_a_value_or_malformed(data):
    try:
        value = loads(data)
    except Malformed:
        return
    assert loads(dumps(value)) == value or value != value


def test_what_ends_too_early_too_late_or_is_too_deep_is_malformed():
    whole = dumps([1, (b"two", {"three": 4.0})])
    others = [whole + b"N", b"l\xff\xff\xff\xffN", dumps(deep(DEEPEST + 1))]
    for data in [whole[:end] for end in range(len(whole))] + others:
        with pytest.raises(Malformed):
            loads(data)
    assert loads(dumps(deep(DEEPEST))) == deep(DEEPEST)
