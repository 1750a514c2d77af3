"""What concerns any command, or the connection."""
from typing import Any, Callable, NamedTuple, Optional, Sequence, Tuple, Type

from parley.server.protocols.events.past import Unread
from parley.server.protocols.events.registry import answer, command, long_answer, push

# ---- what a client asks

@command
class ReadMotd(NamedTuple):
    """What is the message of the day?"""


@command
class Ping(NamedTuple):
    """Are you there? The answer repeats the token."""

    token: bytes


@command
class Help(NamedTuple):
    """What can I ask?"""


@command
class TimingMark(NamedTuple):
    """Tell me when you have processed everything before this."""


@command
class Labelled(NamedTuple):
    """A command whose answer gets the client's label, or whatever else the protocol uses to recognize it."""

    label: Any
    command: Any


@command
class Turn(NamedTuple):
    """What a client has sent, if its meaning depends on the commands before: the decoder reads it only in its turn.

    take: take(name) returns frames that answer it at once, and the commands that it means. name: the client's, or None.
    """

    take: Callable[[Optional[bytes]], Tuple[Tuple[bytes, ...], Sequence[Any]]]


@command
class Nothing(NamedTuple):
    """Bytes that ask for nothing, such as a blank line."""


@command
class Malformed(NamedTuple):
    """Bytes that are no valid command. `asked` is the type of the command they begin, or None."""

    reason: str
    asked: Optional[Type[Any]]


@command
class Broken(NamedTuple):
    """The client broke the framing. Nothing after this can be read, so the session ends."""

    reason: str


@command
class Hangup(NamedTuple):
    """The client has closed the connection."""


def kind_of(asked: Any) -> Type[Any]:
    """The type of a request. asked: that of an answer, which is the command, or its type if only that is known."""
    return asked if isinstance(asked, type) else type(asked)


# ---- what answers it

@long_answer(Unread)
class Done(NamedTuple):
    """Your request was carried out."""

    asked: Any


@answer
class Refused(NamedTuple):
    """Your request was not carried out."""

    reason: str
    asked: Any


@answer
class Pong(NamedTuple):
    """The answer to `Ping`."""

    token: bytes


# ---- what it is told unasked

@push
class Notice(NamedTuple):
    """Something that the server says to you, such as its message of the day."""

    text: bytes
