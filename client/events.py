"""The events that a client receives. Names and texts are str, times seconds since the epoch.

A `room` is the name of a room, such as #dev, or None for the lobby, in which everybody is.

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
    """A request: the name of the method of `Chat`, the user, room or pattern that it is about, and its text, or None.

    Those of `manage`, and of all methods that are one of its acts, are `manage`; the text is as in "kick bob why".
    """

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
    """(name, is online) for each requested user; None where the server does not say whether they are.

    `room`: they are the members of this room; None: everybody.
    """

    users: Tuple[Tuple[str, Optional[bool]], ...]
    room: Optional[str] = None


@event
class Rooms(NamedTuple):
    """(name, number of members, topic) for each requested room; the topic is empty if there is none."""

    rooms: Tuple[Tuple[str, int, str], ...]


@event
class Topic(NamedTuple):
    """The topic of a room; empty if there is none."""

    room: str
    text: str


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
    """An earlier message: in the lobby (`partner` is None), in the room `partner`, or between you and `partner`.

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
    """`sender` said `text` in a room."""

    sender: str
    text: str
    time: int
    room: Optional[str] = None


@event
class Whispered(NamedTuple):
    """`sender` said `text` to you alone."""

    sender: str
    text: str
    time: int


@event
class Joined(NamedTuple):
    """`name` has joined: the server, or a room."""

    name: str
    room: Optional[str] = None


@event
class Left(NamedTuple):
    """`name` has left: the server, or a room. Yourself: you are out of that room, whether you wanted it or not."""

    name: str
    room: Optional[str] = None


@event
class Listed(NamedTuple):
    """(name, is online) for each user, which `dollar` servers send unrequested.

    `has_room`: is there a lobby? `rooms`: those that you are in.
    """

    users: Tuple[Tuple[str, Optional[bool]], ...]
    has_room: bool
    rooms: Tuple[str, ...] = ()


@event
class Renamed(NamedTuple):
    """`old` is called `new` now. `room`: one that you share; None where the server says it of everybody."""

    old: str
    new: str
    room: Optional[str] = None


@event
class RoomNotice(NamedTuple):
    """Something was done to a room or to somebody in it, in the server's words: "ann kicked bob: why"."""

    room: str
    text: str


@event
class RoomRenamed(NamedTuple):
    """The room `room` is called `name` from now on; `text` says so in the server's words. Who was in it still is."""

    room: str
    name: str
    text: str


@event
class Typing(NamedTuple):
    """`name` is typing: in the lobby (`place` is None), in the room `place`, or to you alone, and `place` is `name`."""

    place: Optional[str]
    name: str


@event
class Presence(NamedTuple):
    """Of somebody whom you watch: `state` is here, away or gone."""

    name: str
    state: str


@event
class Invited(NamedTuple):
    """`by` invites you to a room."""

    room: str
    by: str


@event
class Offered(NamedTuple):
    """The server takes a file, by this id and token; `Chat.send_file` does the rest."""

    request: Request
    file: str
    token: str


@event
class Moved(NamedTuple):
    """Of a file that is sent or saved, `done` of `total` bytes are through."""

    request: Request
    done: int
    total: int


@event
class Saved(NamedTuple):
    """A file is saved, whole and as it was sent, at `path`. `name`: as it was told of."""

    path: str
    name: str


Event = Union[
    Connected, Disconnected, Notice, Welcomed, Done, Refused, Unsure, Users, Described, Pong, Recalled, Kept, Progress,
    Said, Whispered, Joined, Left, Listed, Renamed, Rooms, Topic, RoomNotice, RoomRenamed, Invited, Typing,
    Presence, Offered, Moved, Saved,
]  # fmt: skip
