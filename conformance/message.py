"""A message with fields, for protocols whose messages are more than a text."""
from typing import NamedTuple

from parley.conformance.transcript import shortened

_SHOWN_VALUE = 120
_HEX_BYTES = 96


class Message(NamedTuple):
    """What the fields of one message are, and the bytes it came as."""

    fields: dict
    raw: bytes = b""

    def __str__(self):
        return told(self.fields)


def told(fields):
    """Fields in one line, as transcripts show them."""
    return " ".join("%s=%s" % (name, shortened(_value(value), _SHOWN_VALUE)) for name, value in fields.items())


def _value(value):
    return value if isinstance(value, str) and value.isalnum() else repr(value)


def dump(data):
    """Bytes as hex; of long ones both ends, since faults are at the beginning or at the end."""
    if len(data) <= _HEX_BYTES:
        return spaced(data)
    return "%s ...(%d)... %s" % (spaced(data[:_HEX_BYTES - 16]), len(data), spaced(data[-16:]))


def spaced(data):
    return " ".join("%02X" % byte for byte in data)
