"""Sealed messages, as far as a server knows of them: it recognizes them, and cannot read them.

A sealed message is an envelope, `parley:sealed:1:` and base64url, which goes through the server like any other text.
Clients of protocols without the trait `sealed` get NOTE in its place, everywhere: this module sees to that. A list of
devices (docs/sealing.md) begins with a number, by which a newer list is recognized; clients verify its signatures.
"""
import hashlib
import re
from typing import Any, Callable, Dict, Sequence, Tuple

from parley.server.protocols import events

NOTE = "\U0001f512 sealed message (open Parley's own client to read it)".encode()

# The shortest has 171 bytes. An envelope of a suite to come is one, too.
_ENVELOPE = re.compile(rb"parley:sealed:[1-9][0-9]?:[A-Za-z0-9_-]{228,}")
BEGINNING = "parley:sealed:"
_BEGINNING = BEGINNING.encode()

_SUITE = 1
_FIXED, _EACH = 8 + 64, 130  # bytes of a list beside the name, and of each device
MOST_DEVICES = 32
MOST_MEMBERS = 100  # of a room in which one can seal, as that is done for each of them

_BETWEEN = b"\0"  # two texts of a record, see `server.ipc.queues`
Record = Tuple[int, bytes, bytes, int, int]


def digest(text: bytes) -> str:
    """The digest by which the keeper finds the message that announces a file."""
    return hashlib.sha256(text).hexdigest()


def is_envelope(text: bytes) -> bool:
    """Is this a sealed message?"""
    return text.startswith(_BEGINNING) and _ENVELOPE.fullmatch(text) is not None


def _shown(text: bytes) -> bytes:
    """A text, behind which may be NUL and an extra, as it is told to those who cannot open it."""
    if not text.startswith(_BEGINNING):
        return text
    envelope, nul, extra = text.partition(b"\0")
    return NOTE + nul + extra if _ENVELOPE.fullmatch(envelope) else text


def records_shown(records: Sequence[Record]) -> Sequence[Record]:
    """Talk, as workers have it, for clients that cannot open envelopes; the same object if there are none in it."""
    for record in records:
        if _BEGINNING in record[2]:
            return [(number, sender, _shown(text) if count == 1 else _BETWEEN.join(map(_shown, text.split(_BETWEEN))),
                     time, count) for number, sender, text, time, count in records]
    return records


def shown(happening: events.Happening) -> events.Happening:
    """An event for a client that cannot open envelopes."""
    show = _SHOWN.get(type(happening))
    return happening if show is None else show(happening)


def _at(place: int) -> Callable[[Any], Any]:
    """For happenings that list messages, each a tuple with its text at this place."""

    def show(happening: Any) -> Any:
        if not any(message[place].startswith(_BEGINNING) for message in happening.messages):
            return happening
        return happening._replace(messages=[
            (*message[:place], _shown(message[place]), *message[place + 1:]) for message in happening.messages])

    return show


def _of_one(happening: Any) -> Any:
    text = _shown(happening.text)
    return happening if text is happening.text else happening._replace(text=text)


_SHOWN: Dict[type, Callable[[Any], Any]] = {
    events.Said: _of_one,
    events.Whispered: _of_one,
    events.Past: _at(1),
    events.Missed: _at(1),
    events.Recalled: _at(2),
    events.Browsed: _at(2),
    events.CaughtUp: _at(3),
}


def read_list(data: bytes) -> Tuple[bytes, int]:
    """(name of the account, number) of a list of devices; ValueError if it has not the form and the size of one."""
    if len(data) < _FIXED:
        raise ValueError("too short")
    end = 6 + data[5]
    name, count = data[6:end], data[end + 1]
    if data[0] != _SUITE or not 1 <= count <= MOST_DEVICES or len(data) != _FIXED + len(name) + count * _EACH:
        raise ValueError("no list of devices")
    return name, int.from_bytes(data[1:5], "big")
