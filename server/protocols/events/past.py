"""What was said before."""
from typing import NamedTuple, Optional, Sequence, Tuple

from parley.server.protocols.events.registry import HOME, command, long_answer

# ---- what a client asks

@command
class History(NamedTuple):
    """What have a partner and I said to each other?"""

    partner: bytes


@command
class Recall(NamedTuple):
    """What was said in a room after message `since`? None: the latest. At most `most` messages.

    `since` is the message's number if the room is HOME, otherwise its place in the room.
    """

    since: Optional[int]
    most: int
    room: bytes = HOME


@command
class Browse(NamedTuple):
    """What was said in a room, or by a partner and me to each other? Either the room or the partner is None.

    before, after: a message's number, for messages before it or after it; both None: the latest. The answer has at most
    `most` messages, those nearest to that number.
    exactly: with extras, with messages without a text, and with times in milliseconds. Only then these count, too:
        before_time, after_time: limits in milliseconds since the epoch.
        latest: are the last messages between the limits wanted, and not the first?
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
    """Which of my rooms and conversations have their latest message between these times, in milliseconds?"""

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

    If asked `exactly`, the time is in milliseconds, and behind the text there may be NUL and an extra.
    """

    room: Optional[bytes]
    partner: Optional[bytes]
    messages: Sequence[Tuple[int, bytes, bytes, int]]
    more: bool


@long_answer(Partners)
class PartnersTold(NamedTuple):
    """The answer to `Partners`: (name of a room or a user, milliseconds) of each, the earliest first."""

    partners: Sequence[Tuple[bytes, int]]
