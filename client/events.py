"""What a client hears, as the public interface has it. Names and texts are str, times seconds since the epoch.

Nothing in them has been made harmless for a terminal; `client.showing` does that where something is shown.
"""
from typing import Dict, NamedTuple, Optional, Tuple, Union

from parley.client.address import Address
from parley.server.protocols.events import event

# ---- the connection

@event
class Connected(NamedTuple):
    """The server has answered."""

    address: Address


@event
class Disconnected(NamedTuple):
    """The connection is gone. `again`: seconds until the next try; None if there will be none."""

    why: str
    again: Optional[float]


@event
class Notice(NamedTuple):
    """A sentence from the server, or about something that it cannot do."""

    text: str


# ---- requests and their answers

@event
class Request(NamedTuple):
    """A request: the name of the method of `Chat`, whom or what it is about, and the text to be said, if any."""

    kind: str
    about: Optional[str]
    text: Optional[str]


@event
class Welcomed(NamedTuple):
    """You are a member called `name`: after a login, and after a rename."""

    name: str


@event
class Done(NamedTuple):
    """The request was carried out, and everything it asked for has come."""

    request: Request


@event
class Refused(NamedTuple):
    """The request was not carried out; `why` is a sentence."""

    request: Request
    why: str


@event
class Unsure(NamedTuple):
    """The connection ended before it was known whether this had been said."""

    request: Request


@event
class Users(NamedTuple):
    """(name, here) for each user that was asked for; `here` is None where the server does not tell."""

    users: Tuple[Tuple[str, Optional[bool]], ...]


@event
class Described(NamedTuple):
    """The address from which a user is connected."""

    name: str
    host: str
    port: int


@event
class Pong(NamedTuple):
    """The server has answered a ping, after this time."""

    seconds: float


@event
class Recalled(NamedTuple):
    """An earlier message: in the room (`partner` is None), or between you and `partner`.

    It is part of the answer to `history`, or was missed while the connection was down.
    """

    partner: Optional[str]
    sender: str
    text: str
    time: int


@event
class Kept(NamedTuple):
    """`count` direct messages came while you were away, and wait for `deliver`.

    `partners` is {sender: messages}, as far as the server tells.
    """

    count: int  # type: ignore[assignment]  # not tuple.count
    partners: Dict[str, int]


@event
class Progress(NamedTuple):
    """So far `count` messages of a long history have come."""

    request: Request
    count: int  # type: ignore[assignment]  # not tuple.count


# ---- what happens

@event
class Said(NamedTuple):
    """`sender` said `text` in the room."""

    sender: str
    text: str
    time: int


@event
class Whispered(NamedTuple):
    """`sender` said `text` to you alone."""

    sender: str
    text: str
    time: int


@event
class Joined(NamedTuple):
    """`name` is here now."""

    name: str


@event
class Left(NamedTuple):
    """`name` is no longer here."""

    name: str


@event
class Listed(NamedTuple):
    """(name, here) for each user, which some servers send unasked; and whether there is a room to talk in."""

    users: Tuple[Tuple[str, Optional[bool]], ...]
    has_room: bool


@event
class Renamed(NamedTuple):
    """`old` is called `new` now."""

    old: str
    new: str


Event = Union[
    Connected, Disconnected, Notice, Welcomed, Done, Refused, Unsure, Users, Described, Pong, Recalled, Kept, Progress,
    Said, Whispered, Joined, Left, Listed, Renamed,
]  # fmt: skip
