"""Plain values as bytes that leave the machine: every Python here reads what any other has written.

A value is a letter and what follows it. Counts of bytes or items are unsigned, big-endian and of 32 bits.

    N T F        None, True, False
    i 8 bytes    a whole number of 64 bits, signed
    I n bytes    a larger one, in decimal digits
    f 8 bytes    a floating-point number
    b n bytes    bytes
    s n bytes    text, in UTF-8
    t l S Z      a tuple, list, set or frozenset: n, then n values; those of sets in ascending order
    d n          a dictionary: n, then n keys, each followed by its value, in the dictionary's order
    o            a value of another kind, as the value that `reduce` makes of it

A named tuple is read as a tuple, unless `reduce` makes something else of it, and every mapping as a plain dictionary.
Reading runs no code.
"""
import struct
from typing import Any, Callable, Dict, List, Optional, Tuple

DEEPEST = 32  # levels of values within values

_INT = struct.Struct("!cq")
_FLOAT = struct.Struct("!cd")
_SIZED = struct.Struct("!cI")
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1

Convert = Optional[Callable[[Any], Any]]
Put = Callable[[bytes], object]


class Malformed(ValueError):
    """These bytes are not what `dumps` writes."""


def dumps(value: Any, reduce: Convert = None) -> bytes:
    """The bytes of a value; TypeError if it cannot be written.

    reduce: makes a value that can be written of one of any other kind.
    """
    pieces: List[bytes] = []
    _write(value, pieces.append, reduce)
    return b"".join(pieces)


def loads(data: bytes, build: Convert = None) -> Any:
    """The value of these bytes; Malformed if they are not those of one. build: undoes what `reduce` did."""
    try:
        value, end = _read(data, 0, DEEPEST, build)
    except (struct.error, IndexError, ValueError, KeyError, TypeError) as error:
        raise Malformed("not a value: %s" % error) from None
    if end != len(data):
        raise Malformed("%d bytes too many" % (len(data) - end))
    return value


def _write(value: Any, put: Put, reduce: Convert) -> None:
    write = _WRITERS.get(type(value))
    if write is not None:
        write(value, put, reduce)
    elif isinstance(value, dict):
        _write_dict(value, put, reduce)
    elif reduce is not None:
        put(b"o")
        _write(reduce(value), put, reduce)
    elif isinstance(value, tuple):
        _write_items(b"t", value, put, reduce)
    else:
        raise TypeError("%s cannot leave the machine" % type(value).__name__)


def _write_int(value: int, put: Put, reduce: Convert) -> None:
    if _LEAST <= value <= _MOST:
        put(_INT.pack(b"i", value))
    else:
        digits = b"%d" % value
        put(_SIZED.pack(b"I", len(digits)) + digits)


def _write_text(value: str, put: Put, reduce: Convert) -> None:
    text = value.encode("utf-8", "surrogateescape")
    put(_SIZED.pack(b"s", len(text)) + text)


def _write_dict(value: Dict[Any, Any], put: Put, reduce: Convert) -> None:
    put(_SIZED.pack(b"d", len(value)))
    for key, item in value.items():
        _write(key, put, reduce)
        _write(item, put, reduce)


def _write_items(letter: bytes, value: Any, put: Put, reduce: Convert) -> None:
    put(_SIZED.pack(letter, len(value)))
    for item in value:
        _write(item, put, reduce)


_WRITERS: Dict[type, Callable[[Any, Put, Convert], object]] = {
    type(None): lambda value, put, reduce: put(b"N"),
    bool: lambda value, put, reduce: put(b"T" if value else b"F"),
    int: _write_int,
    float: lambda value, put, reduce: put(_FLOAT.pack(b"f", value)),
    bytes: lambda value, put, reduce: put(_SIZED.pack(b"b", len(value)) + value),
    str: _write_text,
    dict: _write_dict,
    tuple: lambda value, put, reduce: _write_items(b"t", value, put, reduce),
    list: lambda value, put, reduce: _write_items(b"l", value, put, reduce),
    set: lambda value, put, reduce: _write_items(b"S", sorted(value), put, reduce),
    frozenset: lambda value, put, reduce: _write_items(b"Z", sorted(value), put, reduce),
}

_CONSTANTS: Dict[int, Any] = {ord("N"): None, ord("T"): True, ord("F"): False}
_CONTAINERS: Dict[int, Callable[[List[Any]], Any]] = {
    ord("t"): tuple, ord("l"): list, ord("S"): set, ord("Z"): frozenset,
    ord("d"): lambda items: dict(zip(items[::2], items[1::2]))}
_WHOLE, _LARGE, _FRACTION, _BYTES, _TEXT, _DICT, _OTHER = b"iIfbsdo"


def _read(data: bytes, start: int, depth: int, build: Convert) -> Tuple[Any, int]:
    """(value, where it ends) of what begins at `start`."""
    letter = data[start]
    if letter == _WHOLE:
        return _INT.unpack_from(data, start)[1], start + _INT.size
    if letter in _CONSTANTS:
        return _CONSTANTS[letter], start + 1
    if letter == _FRACTION:
        return _FLOAT.unpack_from(data, start)[1], start + _FLOAT.size
    if letter == _OTHER and build is not None and depth:
        value, end = _read(data, start + 1, depth - 1, build)
        return build(value), end
    _, size = _SIZED.unpack_from(data, start)
    start += _SIZED.size
    end = start + size
    if size > len(data) - start:
        raise Malformed("it ends too early")
    if letter == _BYTES:
        return data[start:end], end
    if letter == _TEXT:
        return data[start:end].decode("utf-8", "surrogateescape"), end
    if letter == _LARGE:
        return int(data[start:end]), end
    if not depth:
        raise Malformed("too deep")
    make = _CONTAINERS[letter]
    items = []
    for _ in range(size * 2 if letter == _DICT else size):
        item, start = _read(data, start, depth - 1, build)
        items.append(item)
    return make(items), start
