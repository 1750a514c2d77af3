"""Who is here or known, and what is known of people."""
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
    """Tell this to all operators, and to members with the flag "w"; for operators."""

    text: bytes


@command
class Away(NamedTuple):
    """I am away, or here again. Nothing answers this. `text`: why, or empty."""

    away: bool
    text: bytes = b""


@command
class Introduce(NamedTuple):
    """These are my real name and my user name. Nothing answers this."""

    real_name: bytes
    user: bytes = b""


@command
class SetName(NamedTuple):
    """This is my real name from now on."""

    real_name: bytes


@command
class SetFlag(NamedTuple):
    """I have a flag, or no more: "B", I am a bot; "i", do not list me for strangers; "w", send me `Wallops`."""

    flag: bytes
    on: bool


MOST_KEYS = 30  # of metadata, of somebody or a room
MOST_FOLLOWED = 50
LONGEST_KEY, LONGEST_VALUE = 64, 300  # bytes


@command
class SetMetadata(NamedTuple):
    """Set a key of the metadata of a room, or (if `name` is not empty) of that user, who is me.

    value: None removes the key; an empty key then stands for all keys.
    """

    room: bytes
    name: bytes
    key: bytes
    value: Optional[bytes]


@command
class ReadMetadata(NamedTuple):
    """Which values have these keys (None: all keys) of a room, or (if `name` is not empty) of that user?

    everybody: those of all members of the room, too.
    """

    room: bytes
    name: bytes
    keys: Optional[Tuple[bytes, ...]]
    everybody: bool = False


@command
class Follow(NamedTuple):
    """Tell me when metadata with these keys changes, in the place of those before. Nothing answers this."""

    keys: Tuple[bytes, ...]


@command
class Whois(NamedTuple):
    """Who has this name, since when are they here, and in which rooms?"""

    name: bytes


@command
class WhoWas(NamedTuple):
    """Who had this name lately? At most `most` of them; 0 is all."""

    name: bytes
    most: int


@command
class Watch(NamedTuple):
    """Tell me whether these users are here, away or gone, now and when it changes, in the place of those before."""

    names: Tuple[bytes, ...]


@command
class PublishDevices(NamedTuple):
    """These are the devices of my account from now on: a signed list (docs/sealing.md), and its name and number."""

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
    """The answer to `WhoWas`, the latest first: (name, account, real name, when it left, user name) of each.

    The time is in seconds since the epoch; what is not known is empty.
    """

    people: Sequence[Tuple[bytes, bytes, bytes, int, bytes]]


@answer
class MetadataTold(NamedTuple):
    """The answer to `ReadMetadata`; and to `SetMetadata`, with what has changed.

    target: the name of a room or a user. rows: (name of a room or a user, key, value) of each; None is no value.
    more: are there more values than are told?
    """

    target: bytes
    rows: Sequence[Tuple[bytes, bytes, Optional[bytes]]]
    more: bool = False


@long_answer(Poll)
class News(NamedTuple):
    """The answer to `Poll`: (name, online) for each known name, and the rooms that you are in."""

    users: Sequence[Tuple[bytes, bool]]
    rooms: Sequence[bytes] = ()


# ---- what it is told besides

@push
class Presence(NamedTuple):
    """Somebody whom you watch is "here", "away" or "gone".

    name: as it was given to `Watch`; or the user's own, in protocols in which the case of letters does not matter.
    """

    name: bytes
    state: str


class Person(NamedTuple):
    """What is known of a user beside the name.

    account: the one whose password was given; empty if none was. away: why, perhaps empty; None if not away.
    flags: as in `SetFlag`, and "o" for an operator, in order. user: the user name that the client has sent.
    """

    account: bytes = b""
    real_name: bytes = b""
    away: Optional[bytes] = None
    flags: bytes = b""
    user: bytes = b""


@push
class Changed(NamedTuple):
    """A `field` of the `Person` has changed, of somebody who is in a room with you, or whom you watch."""

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
    """Metadata has changed, of a room that you are in, or of somebody who is in one with you, or whom you watch.

    target: the name of the room or the user. value: None if it was removed.
    """

    target: bytes
    key: bytes
    value: Optional[bytes]


@push
class Wallopped(NamedTuple):
    """An operator has sent a `Wallops`."""

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
