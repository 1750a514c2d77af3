"""Who is here or known, and what is told of people."""
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from parley.server.protocols.events.registry import HOME, answer, command, long_answer, push

# ---- what a client asks

@command
class Who(NamedTuple):
    """Who is here, or in a room?"""

    room: bytes = HOME


@command
class Accounts(NamedTuple):
    """Which names are known that match a shell pattern? None: all."""

    pattern: Optional[bytes]


@command
class Describe(NamedTuple):
    """From where is `name` connected?"""

    name: bytes


@command
class Count(NamedTuple):
    """How many are here?"""


@command
class Wallops(NamedTuple):
    """Tell all operators this, and whoever wants to hear it; for operators."""

    text: bytes


@command
class Away(NamedTuple):
    """I am away, or here again. Nothing answers this. `text`: why, or empty."""

    away: bool
    text: bytes = b""


@command
class Introduce(NamedTuple):
    """This is what I am called in full, and what user I am at home. Nothing answers this."""

    real_name: bytes
    user: bytes = b""


@command
class SetName(NamedTuple):
    """This is what I am called in full from now on."""

    real_name: bytes


@command
class SetFlag(NamedTuple):
    """I have a flag, or not any more: "B", I am a bot; "i", I am not to be found; "w", I hear operators (`Wallops`)."""

    flag: bytes
    on: bool


MOST_KEYS = 30  # of metadata, of somebody or a room
MOST_FOLLOWED = 50
LONGEST_KEY, LONGEST_VALUE = 64, 300  # bytes


@command
class SetMetadata(NamedTuple):
    """Others are to be told this value by this key, of a room, or (if that is not empty) of somebody, who is me.

    value: None takes it back; then the key may be empty for all keys.
    """

    room: bytes
    name: bytes
    key: bytes
    value: Optional[bytes]


@command
class ReadMetadata(NamedTuple):
    """What is told by these keys (None: by all) of a room, or (if that is not empty) of somebody?

    everybody: of those in the room, too.
    """

    room: bytes
    name: bytes
    keys: Optional[Tuple[bytes, ...]]
    everybody: bool = False


@command
class Follow(NamedTuple):
    """Tell me of metadata by these keys when it changes, and by no others any more. Nothing answers this."""

    keys: Tuple[bytes, ...]


@command
class Whois(NamedTuple):
    """Who is called so, how long are they here, and in which rooms?"""

    name: bytes


@command
class WhoWas(NamedTuple):
    """Who was called so, lately? At most `most` of them; 0 is all."""

    name: bytes
    most: int


@command
class Watch(NamedTuple):
    """Tell me of these names who is here, away or gone, now and when it changes, and of no others any more."""

    names: Tuple[bytes, ...]


@command
class PublishDevices(NamedTuple):
    """The devices of my account are these from now on: a signed list (docs/sealing.md), its name and its number."""

    name: bytes
    number: int
    data: bytes


@command
class DevicesOf(NamedTuple):
    """Which devices has this account?"""

    name: bytes


@command
class Poll(NamedTuple):
    """Is there anything new?"""


# ---- what answers it

@long_answer(Who)
class Present(NamedTuple):
    """The answer to `Who`: the names of all members, in the order in which they logged in, or came to the room."""

    names: Sequence[bytes]
    room: bytes = HOME


@long_answer(Accounts)
class Known(NamedTuple):
    """The answer to `Accounts`. `rooms`: those that you are in, if all names were asked for."""

    names: Sequence[bytes]
    rooms: Sequence[bytes] = ()


@answer
class Described(NamedTuple):
    """The answer to `Describe`."""

    name: bytes
    host: str
    port: int


@answer
class Counted(NamedTuple):
    """The answer to `Count`: members, rooms, and operators among the members."""

    members: int
    rooms: int
    operators: int


@answer
class DevicesTold(NamedTuple):
    """The answer to `DevicesOf`: the list of the account's devices; empty if there is none."""

    name: bytes
    data: bytes


@answer
class WhoisTold(NamedTuple):
    """The answer to `Whois`.

    rooms: (name, role) of those that the asker may know of; the role is empty, or as in `RolesTold`.
    signed_on: seconds since the epoch. idle: for how many seconds it has said nothing.
    host, port: from where it is connected, if the asker may know that; else empty, and 0.
    """

    name: bytes
    rooms: Sequence[Tuple[bytes, bytes]]
    signed_on: int
    idle: int
    operator: bool
    host: str = ""
    port: int = 0


@answer
class WhoWasTold(NamedTuple):
    """The answer to `WhoWas`, the latest first: (name, account, real name, when it left, user) of each.

    The time is in seconds since the epoch; what is not known is empty.
    """

    people: Sequence[Tuple[bytes, bytes, bytes, int, bytes]]


@answer
class MetadataTold(NamedTuple):
    """The answer to `ReadMetadata`, and to `SetMetadata`, where it is what has changed.

    target: a room's name, or somebody's. rows: (a room's name or somebody's, key, value) of each; None is no value.
    """

    target: bytes
    rows: Sequence[Tuple[bytes, bytes, Optional[bytes]]]


@long_answer(Poll)
class News(NamedTuple):
    """The answer to `Poll`: (name, online) for each known name, and the rooms that you are in."""

    users: Sequence[Tuple[bytes, bool]]
    rooms: Sequence[bytes] = ()


# ---- what it is told besides

@push
class Presence(NamedTuple):
    """Somebody whom you watch is "here", "away" or "gone".

    name: as it is watched; where clients find names in whatever case they are written, as it is.
    """

    name: bytes
    state: str


class Person(NamedTuple):
    """What there is to tell of somebody beside the name.

    account: whose password it has given; empty if none. away: why, perhaps empty; None if it is here.
    flags: as in `SetFlag`, and "o" if it is an operator; in order. user: what it says that it is called at home.
    """

    account: bytes = b""
    real_name: bytes = b""
    away: Optional[bytes] = None
    flags: bytes = b""
    user: bytes = b""


@push
class Changed(NamedTuple):
    """Something is new of somebody who is in a room with you, or whom you watch. `field`: of a `Person`."""

    name: bytes
    field: str
    person: Person


@push
class DevicesChanged(NamedTuple):
    """An account has another list of devices, of this number."""

    name: bytes
    number: int


@push
class MetadataChanged(NamedTuple):
    """Something is told now of a room that you are in, or of somebody who is in one with you, or whom you watch.

    target: the room's name, or somebody's. value: None if it was taken back.
    """

    target: bytes
    key: bytes
    value: Optional[bytes]


@push
class Wallopped(NamedTuple):
    """An operator says something to operators, and whoever wants to hear it."""

    by: bytes
    text: bytes


@push
class Users(NamedTuple):
    """(name, online) for each known name, and the rooms that you are in, sent when the list has changed."""

    users: Sequence[Tuple[bytes, bool]]
    rooms: Sequence[bytes] = ()


@push
class Marked(NamedTuple):
    """`Users`, and {sender: messages} for what is kept for you."""

    users: List[Tuple[bytes, bool]]
    unread: Dict[bytes, int]
    rooms: Sequence[bytes] = ()
