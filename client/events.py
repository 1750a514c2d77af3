"""The events that a client receives. Names and texts are str, times seconds since the epoch.

Texts are as the server sent them and not safe to print on a terminal; `client.showing` makes them so.
"""
from typing import Dict, NamedTuple, Optional, Tuple, Union

from parley.client.address import Address
from parley.server.protocols.events import event

# ---- the connection

@event
class Connected(NamedTuple):
    """The connection is there."""

    address: Address


@event
class Disconnected(NamedTuple):
    """The connection is lost. `again`: seconds until the next attempt; None if there will be none."""

    why: str
    again: Optional[float]


@event
class Notice(NamedTuple):
    """A sentence from the server, or about something that it cannot do."""

    text: str


# ---- requests and their answers

@event
class Request(NamedTuple):
    """A request: the name of the method of `Chat`, the user or pattern that it is about, and its text, or None."""

    kind: str
    about: Optional[str]
    text: Optional[str]


@event
class Welcomed(NamedTuple):
    """You are logged in as `name`: after a login, and after a rename."""

    name: str


@event
class Done(NamedTuple):
    """The request has succeeded, and all its results have come."""

    request: Request


@event
class Refused(NamedTuple):
    """The request has failed; `why` is a sentence."""

    request: Request
    why: str


@event
class Unsure(NamedTuple):
    """The connection was lost before the server confirmed this message, so it may not have arrived."""

    request: Request


@event
class Users(NamedTuple):
    """(name, is online) for each requested user; None where the server does not say whether they are."""

    users: Tuple[Tuple[str, Optional[bool]], ...]


@event
class Described(NamedTuple):
    """The address from which a user is connected."""

    name: str
    host: str
    port: int


@event
class Pong(NamedTuple):
    """The reply to a ping: the round-trip time."""

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
    """The server has kept `count` direct messages for you, which `deliver` requests.

    `partners` is {sender: number of messages}, as far as the server says.
    """

    count: int  # type: ignore[assignment]  # not tuple.count
    partners: Dict[str, int]


@event
class Progress(NamedTuple):
    """`count` messages of a long history have come so far."""

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
    """`name` has joined."""

    name: str


@event
class Left(NamedTuple):
    """`name` has left."""

    name: str


@event
class Listed(NamedTuple):
    """(name, is online) for each user, which `dollar` servers send unrequested; and whether there is a room."""

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
