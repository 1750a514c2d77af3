"""Messages between the hub and its other helper processes."""
from typing import Any, Dict, List, NamedTuple, Optional, Tuple


class ToHasher:
    """What the hub asks of the process that hashes passwords; the token comes back with the answer."""

    class Verify(NamedTuple):
        """Is the secret made of this password?"""

        token: int
        password: bytes
        secret: str

    class Hash(NamedTuple):
        """Make a secret of the password."""

        token: int
        password: bytes


class FromHasher:
    """What the process that hashes passwords says to the hub."""

    class Done(NamedTuple):
        """A job is done: why it has failed is a Reason, or None; the secret that is to be kept, or None."""

        token: int
        trouble: Optional[str]
        secret: Optional[str]


class ToKeeper:
    """What the hub says to the process that keeps files; requests come from workers (`parley.server.files.keeper`)."""

    class Look(NamedTuple):
        """Are you there?"""


class FromKeeper:
    """What the process that keeps files says to the hub."""

    class Seen(NamedTuple):
        """Here I am.

        figures: {"files": {state: how many}, "bytes": that they take with what was promised, "uploads": how many come
            now, "counters": since the process began, for `counts.total`}.
        """

        figures: Dict[str, Any]


class ToEngine:
    """What the hub says to the process that talks to the engine of the order: see `parley.server.order.engine`."""

    class Begin(NamedTuple):
        """Where to go on: the node's number and token (see `parley.server.order.scripts`), or 0 if it has to join.

        applied: the id behind which entries are wanted, or none.
        """

        number: int
        token: str
        applied: str

    class Submit(NamedTuple):
        """A packet. serial: which one of the node's it is."""

        serial: int
        packet: bytes

    class Bury(NamedTuple):
        """The node of this number is dead. token: of the one that is meant, if it is this node itself; or empty."""

        number: int
        token: str = ""

    class Piece(NamedTuple):
        """A piece of what the node has come to; with the first one, those before it are forgotten."""

        piece: bytes
        is_first: bool

    class Keep(NamedTuple):
        """The pieces are all there: it had come to this with the entry of this id. Entries up to `floor` may go."""

        applied: str
        floor: int

    class Refill(NamedTuple):
        """The pieces are all there: begin a new log behind them, in the place of the one that the engine has lost.

        applied: as of `Keep`. run: as of `FromEngine.Joined`. version: that is in force.
        nodes: number, name, token, and serial of the latest packet of each; without a token a node has to join anew.
        """

        applied: str
        run: bytes
        version: int
        nodes: List[Tuple[int, str, str, int]]


class FromEngine:
    """What the process that talks to the engine says to the hub."""

    class Piece(NamedTuple):
        """A piece of what some node had come to."""

        piece: bytes

    class Restore(NamedTuple):
        """The pieces are all there: it had come to this with the entry of this id."""

        applied: str

    class Joined(NamedTuple):
        """The node has a number, and a token for it. run: a text that no other log has."""

        number: int
        token: str
        run: bytes

    class Entries(NamedTuple):
        """Entries of the log, each with its id, and its fields."""

        entries: List[Tuple[str, Dict[bytes, bytes]]]

    class Stored(NamedTuple):
        """There is a snapshot as of the entry of this id; none, if that could not be stored."""

        applied: str

    class Refilled(NamedTuple):
        """There is a new log that begins behind the entry of this id; or there is none, and why."""

        applied: str
        why: str

    class Accepted(NamedTuple):
        """The packet of this serial is in the log."""

        serial: int

    class Doubt(NamedTuple):
        """Nobody knows what has become of the packet."""

    class Working(NamedTuple):
        """The engine answers, or (why) does not. where: from where it is read."""

        why: str
        where: str

    class Fenced(NamedTuple):
        """The node counts as dead. Replaced: another process has its name."""

        replaced: bool

    class Foreign(NamedTuple):
        """What the node has applied is not what the log has."""

        why: str

    class Unusable(NamedTuple):
        """The engine cannot be used, and this will not change by itself."""

        why: str
