"""Messages, in rooms and direct ones."""
from typing import Any, NamedTuple, Optional

from parley.server.protocols.events.registry import HOME, answer, command, push

# ---- what a client asks

@command
class Say(NamedTuple):
    """Say `text` in a room. `claimed` and `time`: sender and time as the client has sent them, or None.

    tag: the client's key for this message, so that it is said once however often it is sent; or empty.
    extra: bytes that go along with the text, only to clients whose protocol has the trait `extras`. With an extra the
        text may be empty; then no others get the message.
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
    """Send a direct message; the other fields are as in `Say`."""

    to: bytes
    text: bytes
    claimed: Optional[bytes]
    time: Optional[int]
    tag: bytes = b""
    extra: bytes = b""


@command
class Redact(NamedTuple):
    """Remove the direct message of this number, which I have sent. `text`: why."""

    to: bytes
    number: bytes
    text: bytes


@command
class Typing(NamedTuple):
    """I am typing in a room, or (if `to` is not empty) a direct message. Nothing answers this."""

    room: bytes
    to: bytes


@command
class MarkRead(NamedTuple):
    """I have read a room, or (if `partner` is not empty) a conversation, up to this number. Nothing answers this."""

    room: bytes
    partner: bytes
    number: int


@command
class ReadMark(NamedTuple):
    """Up to when have I read a room, or (if `partner` is not empty) a conversation?

    time: set the marker to this time, milliseconds since the epoch; None only asks for it.
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

    time: by the sender's clock. at: when it got its number, milliseconds since the epoch. extra: as in `Say`.
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
    """A direct message of `sender` to you. The other fields are as in `Said`."""

    sender: bytes
    text: bytes
    time: int
    number: Optional[int] = None
    at: int = 0
    extra: bytes = b""


@push
class Redacted(NamedTuple):
    """`by` has removed its direct message of this number to you. `text`: why."""

    by: bytes
    number: bytes
    text: bytes


@push
class IsTyping(NamedTuple):
    """`name` is typing in a room, or a direct message to you."""

    name: bytes
    room: bytes = HOME
    alone: bool = False
