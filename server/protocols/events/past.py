"""What was said before."""
from typing import NamedTuple, Optional, Sequence, Tuple

from parley.server.protocols.events.registry import HOME, command, long_answer

# ---- what a client asks

@command
class History(NamedTuple):
    """What have the two of us said to each other?"""

    partner: bytes


@command
class Recall(NamedTuple):
    """What was said in a room after message `since`? None: the latest. At most `most` messages.

    `since` is a message's number if the room is HOME, and else its place in the room.
    """

    since: Optional[int]
    most: int
    room: bytes = HOME


@command
class Browse(NamedTuple):
    """What was said in a room, or by a partner and me to each other? The other one is None.

    before, after: a message's number, for those said before it or after it; if both are None: the latest. At most
    `most` messages, of which the nearest to that number are told.
    exactly: with extras, of messages without a text too, and with times in milliseconds. Only then there are
        before_time, after_time: likewise by milliseconds since the epoch.
        latest: of all between these, are the last ones wanted?
    """

    room: Optional[bytes]
    partner: Optional[bytes]
    before: Optional[int]
    after: Optional[int]
    most: int
    exactly: bool = False
    before_time: Optional[int] = None
    after_time: Optional[int] = None
    latest: bool = False


@command
class Partners(NamedTuple):
    """In which of my rooms, and with whom, was the latest said between these times, milliseconds since the epoch?"""

    after_time: int
    before_time: int
    most: int


@command
class Deliver(NamedTuple):
    """What was kept for me while I was away?"""


@command
class Unread(NamedTuple):
    """How many messages are kept for me, and from whom?"""


# ---- what answers it

@long_answer(History)
class Past(NamedTuple):
    """The answer to `History`: (sender, text, time) of each message, oldest first."""

    messages: Sequence[Tuple[bytes, bytes, int]]


@long_answer(Deliver)
class Missed(NamedTuple):
    """The answer to `Deliver`: (sender, text, time) of each message, oldest first."""

    messages: Sequence[Tuple[bytes, bytes, int]]


@long_answer(Recall)
class Recalled(NamedTuple):
    """The answer to `Recall`: (number, sender, text, time) of each message, and the number to ask from next.

    Where the room is not HOME these numbers are places in it: 1, 2, 3 and so on.
    """

    messages: Sequence[Tuple[int, bytes, bytes, int]]
    last: int
    more: bool
    room: bytes = HOME


@long_answer(Browse)
class Browsed(NamedTuple):
    """The answer to `Browse`: (number, sender, text, time) of each message, oldest first; are there more that way?

    Exactly: the time is in milliseconds, and behind the text may stand NUL and an extra.
    """

    room: Optional[bytes]
    partner: Optional[bytes]
    messages: Sequence[Tuple[int, bytes, bytes, int]]
    more: bool


@long_answer(Partners)
class PartnersTold(NamedTuple):
    """The answer to `Partners`: (name of a room or of somebody, milliseconds) of each, the earliest first."""

    partners: Sequence[Tuple[bytes, int]]
