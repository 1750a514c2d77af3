"""Messages with fields, for protocols whose messages are more than a text."""
import json
from typing import NamedTuple

from parley.conformance.transcript import shortened

_SHOWN_VALUE = 120
_HEX_BYTES = 96


class Message(NamedTuple):
    """A message that was received: {field: value}, and its bytes."""

    fields: dict
    raw: bytes = b""

    def __str__(self):
        return format_fields(self.fields)


def format_fields(fields):
    """{field: value} as one line, as transcripts show it; long values are shortened."""
    return " ".join("%s=%s" % (name, shortened(_value(value), _SHOWN_VALUE)) for name, value in fields.items())


def in_short(message, codec):
    """A message as a transcript shows it: in the short form that its codec has, if any."""
    summary = getattr(codec, "summary", None)
    return as_text(summary(message)) if summary and isinstance(message, Message) else str(message)


def as_text(message):
    """A message, as a text or by its fields, as one line."""
    return message if isinstance(message, str) else format_fields(message)


def _value(value):
    return value if isinstance(value, str) and value.isalnum() else repr(value)


def strict_json(text):
    """The value of a JSON text by the letter of RFC 8259, without a key twice; else ValueError or RecursionError."""
    return json.loads(text, parse_constant=_refuse, object_pairs_hook=_without_doubles)


def _refuse(word):
    raise ValueError(word)


def _without_doubles(pairs):
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def hex_dump(data):
    """Bytes as hex. Of long ones both ends are shown, as errors are usually there."""
    if len(data) <= _HEX_BYTES:
        return hex_bytes(data)
    return "%s ...(%d)... %s" % (hex_bytes(data[:_HEX_BYTES - 16]), len(data), hex_bytes(data[-16:]))


def hex_bytes(data):
    return " ".join("%02X" % byte for byte in data)
