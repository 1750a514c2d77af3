"""What is said, in a room or to one alone."""
from typing import Any, NamedTuple, Optional

from parley.server.protocols.events.registry import HOME, answer, command, push

# ---- what a client asks

@command
class Say(NamedTuple):
    """Say `text` in a room. `claimed` and `time`: who and when, according to the client; None if it does not tell.

    tag: what the client calls it, so that it is said once however often it is sent; empty if it is not called anything.
    extra: what goes along with the text to those only whose protocol has the trait `extras`. With an extra the text may
        be empty; then nobody else hears of it.
    """

    text: bytes
    claimed: Optional[bytes]
    time: Optional[int]
    room: bytes = HOME
    tag: bytes = b""
    extra: bytes = b""


@command
class Post(NamedTuple):
    """Be known as `name` (None: as now, or as a guest), then say `text`."""

    name: Optional[bytes]
    password: Optional[bytes]
    text: bytes
    time: Optional[int]


@command
class Whisper(NamedTuple):
    """Say `text` to one user alone; the other fields as in `Say`."""

    to: bytes
    text: bytes
    claimed: Optional[bytes]
    time: Optional[int]
    tag: bytes = b""
    extra: bytes = b""


@command
class Redact(NamedTuple):
    """Remove the message of this number, which I have said to one alone. `text`: why."""

    to: bytes
    number: bytes
    text: bytes


@command
class Typing(NamedTuple):
    """I am typing in a room, or (if `to` is not empty) to one user alone. Nothing answers this."""

    room: bytes
    to: bytes


@command
class MarkRead(NamedTuple):
    """I have read up to this number, in a room or (if that is not empty) with a partner. Nothing answers this."""

    room: bytes
    partner: bytes
    number: int


@command
class ReadMark(NamedTuple):
    """Up to when have I read, in a room or (if that is not empty) with a partner?

    time: I have read up to then, milliseconds since the epoch; None: this only asks.
    """

    room: bytes
    partner: bytes
    time: Optional[int]


# ---- what answers it

@answer
class Stored(NamedTuple):
    """What you said is stored, and has this number. `time`: as history tells it. `at`: in milliseconds."""

    asked: Any
    number: int
    time: int
    at: int = 0


@answer
class ReadTold(NamedTuple):
    """The answer to `ReadMark`: milliseconds since the epoch; 0 if nothing was read."""

    room: bytes
    partner: bytes
    time: int


# ---- what it is told besides

@push
class Said(NamedTuple):
    """`sender` said `text` in a room. `number` is the message's, None where it is not known.

    time: as the sender has it. at: when it got its number, milliseconds since the epoch. extra: as in `Say`.
    """

    sender: bytes
    text: bytes
    time: int
    number: Optional[int] = None
    room: bytes = HOME
    at: int = 0
    extra: bytes = b""


@push
class Whispered(NamedTuple):
    """`sender` said `text` to you alone. The other fields: as in `Said`."""

    sender: bytes
    text: bytes
    time: int
    number: Optional[int] = None
    at: int = 0
    extra: bytes = b""


@push
class Redacted(NamedTuple):
    """`by` has removed the message of this number, which it had said to you alone. `text`: why."""

    by: bytes
    number: bytes
    text: bytes


@push
class IsTyping(NamedTuple):
    """`name` is typing in a room, or to you alone."""

    name: bytes
    room: bytes = HOME
    alone: bool = False
