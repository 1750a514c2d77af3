"""Rooms: who is in them, their settings, and what is done to them."""
from typing import Any, NamedTuple, Optional, Sequence, Tuple

from parley.server.protocols.events.registry import HOME, answer, command, long_answer, push

# What can be done to a room -> what `about` and `text` of a `Manage` are then.
ACTS = {
    "topic": "text: the new topic, or nothing",
    "invite": "about: a name",
    "kick": "about: a name; text: why",
    "ban": "about: a name, or a shell pattern of names; text: why",
    "unban": "about: as it was banned",
    "mute": "about: a name; text: why",
    "unmute": "about: a name",
    "voice": "about: a name; text, in a `Managed`: the role that this one has then, if it is another than the act says",
    "devoice": "likewise",
    "op": "likewise",
    "deop": "likewise: who had a voice before has it again",
    "set": "about: a setting (see `parley.server.chat.rooms`), or several that are on or off, with commas between; "
           "text: its value, or theirs",
    "drop": "",
}

# What some protocols only have words for: a mask is a name, a pattern of names, "$a:" and an account or a pattern of
# them, or such a pattern with "!user@host" behind it.
MORE_ACTS = {
    "bar": "a ban of those who are not here; those who are stay, and may not speak; about: a mask; text: why",
    "except": "about: a mask of those for whom no ban counts, or with \"mute:\" in front no mute",
    "unexcept": "about: as it was excepted",
    "invex": "about: a mask of those who need no invitation",
    "uninvex": "about: likewise",
    "rename": "about: the new name of the room; text: why",
    "redact": "about: the number of a message, which is removed; text: why",
}
REDACTED = b"\0"  # the extra of a message that was removed; its text is replaced by a note that says so
NOTED = ("topic",)  # acts that are kept among what was said, as messages without a text


def noted(act: str, about: bytes, text: bytes) -> bytes:
    """The extra by which an act is kept."""
    return b"\0%b %b\n%b" % (act.encode(), about, text)


def of_note(extra: bytes) -> Optional[Tuple[str, bytes, bytes]]:
    """(act, about, text) of such an extra; None of all others."""
    if extra[:1] != b"\0" or len(extra) < 2:
        return None
    head, _, text = extra[1:].partition(b"\n")
    act, _, about = head.partition(b" ")
    return act.decode(), about, text


# ---- what a client asks

@command
class Enter(NamedTuple):
    """Enter a room, which is created if it does not exist. `key`: the one that the room may demand, or None."""

    room: bytes
    key: Optional[bytes]


@command
class Exit(NamedTuple):
    """Leave a room. `why`: the client's own words, or empty."""

    room: bytes
    why: bytes = b""


@command
class Rooms(NamedTuple):
    """Which rooms are there that I may know of, and whose names match a shell pattern? None: which am I in?

    names_only: only their names are wanted. invited: to which am I invited? The answer has only their names.
    """

    pattern: Optional[bytes]
    names_only: bool = False
    invited: bool = False


@command
class Topic(NamedTuple):
    """What is a room's topic?"""

    room: bytes


@command
class Look(NamedTuple):
    """Who is in a room, and what are its topic and its settings?"""

    room: bytes


@command
class Roles(NamedTuple):
    """Which members of a room have a role, and what are its settings?"""

    room: bytes = HOME


@command
class Manage(NamedTuple):
    """Do something to a room or to somebody in it. `act`: of ACTS or MORE_ACTS, which say what `about` and `text` are.
    """

    room: bytes
    act: str
    about: bytes
    text: bytes


@command
class Masks(NamedTuple):
    """Who is on a list of a room? kind: "ban", "mute", "except" or "invex"."""

    room: bytes
    kind: str


# ---- what answers it

@answer
class Inside(NamedTuple):
    """The answer to `Enter`: you are in the room. `topic`: empty if there is none.

    sealed: are only sealed messages allowed there?
    """

    room: bytes
    topic: bytes
    asked: Any
    sealed: bool = False


@long_answer(Rooms)
class RoomList(NamedTuple):
    """The answer to `Rooms`: (name, number of members, topic, are you in it?) of each."""

    rooms: Sequence[Tuple[bytes, int, bytes, bool]]
    asked: Any = None


@answer
class TopicTold(NamedTuple):
    """The answer to `Topic`: the text, empty if there is none, who set it, and when."""

    room: bytes
    text: bytes
    by: bytes
    time: int


@answer
class RolesTold(NamedTuple):
    """The answer to `Roles`: (name, role) of the members that have one, and (setting, value) of the settings in force.

    A role is "voice", "op", "owner" or "operator". A value is a number; 1 means on, and that there is a key.
    """

    room: bytes
    roles: Sequence[Tuple[bytes, bytes]]
    settings: Sequence[Tuple[bytes, int]]


@long_answer(Look)
class Looked(NamedTuple):
    """The answer to `Look`; if the asker may not see into the room, it has only the room's name.

    inside: is the asker in the room? members: (name, role) of each, in the order in which they came; a role is one of
        `RolesTold`, or empty.
    topic, by, time: as in `TopicTold`. settings: as in `RolesTold`. since: when it was made, seconds, or 0.
    voiced: the names of members who have a voice beside their role.
    """

    room: bytes
    inside: bool = False
    members: Sequence[Tuple[bytes, bytes]] = ()
    topic: bytes = b""
    by: bytes = b""
    time: int = 0
    settings: Sequence[Tuple[bytes, int]] = ()
    since: int = 0
    voiced: Sequence[bytes] = ()


@answer
class MasksTold(NamedTuple):
    """The answer to `Masks`: (mask, by whom, seconds since the epoch or 0) of each, in the order in which they came."""

    room: bytes
    kind: str
    masks: Sequence[Tuple[bytes, bytes, int]]


# ---- what it is told besides

@push
class Entered(NamedTuple):
    """`name` is in the room now. `role`: empty, or as in `RolesTold`."""

    room: bytes
    name: bytes
    role: bytes = b""


@push
class Exited(NamedTuple):
    """`name` has left the room. `gone`: because its connection has ended.

    why: as in `Left`.
    """

    room: bytes
    name: bytes
    gone: bool = False
    why: bytes = b""


@push
class Managed(NamedTuple):
    """Somebody has done something to the room, or to somebody in it: see `Manage`.

    Told to all who were in the room then: to somebody who was kicked, and to the members of a room that was dropped, it
    is the last event of the room. number, at: those of the message by which it is kept (see NOTED), or 0.
    """

    room: bytes
    act: str
    by: bytes
    about: bytes
    text: bytes
    number: int = 0
    at: int = 0


@push
class Invited(NamedTuple):
    """`by` invites you to a room."""

    room: bytes
    by: bytes
