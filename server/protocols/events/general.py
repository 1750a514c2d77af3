"""What has to do with any command, or with the connection."""
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
    """A command whose answer is to bear the client's label for it, or what else the protocol puts there."""

    label: Any
    command: Any


@command
class Turn(NamedTuple):
    """What a client has sent, where the decoder says in its turn only what it means: that depends on what was before.

    take: take(name) gives what answers it at once, frames, and the commands that it is. name: the client's, or None.
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
    """The type of a request, for `asked` of an answer: that is a command, or its type if only that is known."""
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


# ---- what it is told besides

@push
class Notice(NamedTuple):
    """Something that the server says to you, such as its message of the day."""

    text: bytes
