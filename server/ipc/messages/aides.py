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
    """What the hub says to the process that keeps files; requests come from workers (`parley.server.files.keeping`)."""

    class Look(NamedTuple):
        """Are you there?"""


class FromKeeper:
    """What the process that keeps files says to the hub."""

    class Seen(NamedTuple):
        """Here I am.

        figures: {"files": {state: how many}, "bytes": taken by them and reserved for uploads, "uploads": how many are
            in progress, "counters": since the process began, for `counts.total`}.
        """

        figures: Dict[str, Any]


class ToEngine:
    """What the hub says to the process that talks to the engine of the order: see `parley.server.order.engine`."""

    class Begin(NamedTuple):
        """Read the log. The node's number and token (see `parley.server.order.scripts`), or 0 and "" if it has to join.

        applied: the id of the latest entry that has been applied, or "".
        """

        number: int
        token: str
        applied: str

    class Submit(NamedTuple):
        """Append a packet to the log. serial: its number among the node's packets."""

        serial: int
        packet: bytes

    class Bury(NamedTuple):
        """The node of this number is dead. token: for this node itself, its own; else empty."""

        number: int
        token: str = ""

    class Piece(NamedTuple):
        """A piece of a snapshot of this node's state. is_first: it begins a snapshot; earlier pieces are void."""

        piece: bytes
        is_first: bool

    class Keep(NamedTuple):
        """All pieces have been sent; they are the state after the entry of this id. Entries up to `floor` may go."""

        applied: str
        floor: int

    class Refill(NamedTuple):
        """All pieces have been sent: begin a new log behind them, in the place of the one that the engine has lost.

        applied: as in `Keep`. run: as in `FromEngine.Joined`. version: the one in force.
        nodes: number, name, token, and serial of the latest packet of each; a node without a token has to join again.
        """

        applied: str
        run: bytes
        version: int
        nodes: List[Tuple[int, str, str, int]]


class FromEngine:
    """What the process that talks to the engine says to the hub."""

    class Piece(NamedTuple):
        """A piece of a snapshot of the state of some node."""

        piece: bytes

    class Restore(NamedTuple):
        """All pieces have come; they are the state after the entry of this id."""

        applied: str

    class Joined(NamedTuple):
        """The node has joined, with this number and token. run: a text that identifies the log."""

        number: int
        token: str
        run: bytes

    class Entries(NamedTuple):
        """The next entries of the log: id and fields of each."""

        entries: List[Tuple[str, Dict[bytes, bytes]]]

    class Stored(NamedTuple):
        """The snapshot is stored, as of the entry of this id; "" if that has failed."""

        applied: str

    class Refilled(NamedTuple):
        """There is a new log that begins behind the entry of this id; or "", and why there is none."""

        applied: str
        why: str

    class Accepted(NamedTuple):
        """The packet of this serial, which had been submitted before, is in the log."""

        serial: int

    class Doubt(NamedTuple):
        """It is not known whether the latest packet is in the log, and why; or it is known that it is not."""

        why: str

    class Working(NamedTuple):
        """The engine answers, or it does not, and why. where: the server that is read from, for people."""

        why: str
        where: str

    class Fenced(NamedTuple):
        """The node counts as dead. replaced: has another process joined under its name?"""

        replaced: bool

    class Foreign(NamedTuple):
        """The log is not the one that this node has applied."""

        why: str

    class Unusable(NamedTuple):
        """The engine cannot be used, and this will not change by itself."""

        why: str
