"""Logging in and leaving, names and accounts."""
from typing import Any, NamedTuple, Optional, Sequence, Tuple

from parley.server.protocols.events.registry import HOME, answer, command, long_answer, push

# ---- what a client asks

@command
class Hello(NamedTuple):
    """The first command of a client whose session is resumable: from where it wants to go on, once it is a member.

    session: that of its last `Welcome`, so that it gets the same name without a password; or None.
    run: that of its last `Greeted`, or empty.
    marks: (room, number) of the latest message that it has of each room; HOME stands for direct messages.
    """

    session: Optional[bytes]
    run: bytes
    marks: Tuple[Tuple[bytes, int], ...]


@command
class Login(NamedTuple):
    """Be known as `name`; `password` is None if none was given."""

    name: bytes
    password: Optional[bytes]


@command
class SignIn(NamedTuple):
    """Log in to the account `name`, which must exist."""

    name: bytes
    password: Optional[bytes]


@command
class Create(NamedTuple):
    """Make the account `name`, and log in to it."""

    name: bytes


@command
class SignUp(NamedTuple):
    """Make the account `name` with a password, and log in to it. A member does so for its own name."""

    name: bytes
    password: bytes


@command
class ChangePassword(NamedTuple):
    """Change the password of my account."""

    old: bytes
    new: bytes


@command
class Rename(NamedTuple):
    """Be known as `name` from now on."""

    name: bytes


@command
class Identify(NamedTuple):
    """This account is mine, whatever name I have or am going to have."""

    account: bytes
    password: bytes


@command
class Oper(NamedTuple):
    """I am an operator: I know the password of an operator's account."""

    account: bytes
    password: bytes


@command
class ScramBegin(NamedTuple):
    """I am going to prove by SCRAM-SHA-256 (RFC 7677) that this account is mine. With which salt and rounds?"""

    account: bytes


@command
class ScramFinish(NamedTuple):
    """The account is mine: see `Identify`. message: the AuthMessage of RFC 5802. proof: the ClientProof, 32 bytes."""

    account: bytes
    message: bytes
    proof: bytes


@command
class Delete(NamedTuple):
    """Delete my account."""


@command
class LogOut(NamedTuple):
    """I am leaving, and will not come back to my session."""


@command
class Quit(NamedTuple):
    """I am leaving. `why`: what others are told, or empty."""

    why: bytes = b""


# ---- what answers it

@answer
class Greeted(NamedTuple):
    """The answer to `Hello`. `run`: if it is another than before, the numbers that the client knows are void.

    text_bytes: how long a text may be. register: may clients make accounts? guests: may names without one be used?
    file_bytes: how long a file may be; 0: none are kept. motd: the message of the day, or empty.
    """

    run: bytes
    text_bytes: int = 0
    register: bool = True
    guests: bool = True
    file_bytes: int = 0
    motd: bytes = b""


@answer
class Welcome(NamedTuple):
    """You are a member now, called `name`.

    If the session is resumable (see `Hello`): has the name an account? With which `session` can it be resumed? `number`
    is that of the latest message; later ones come as they are said, or in a `CaughtUp`.

    read: (room, partner, number) of each read marker; the room is empty, or the partner is.
    """

    name: bytes
    asked: Any
    account: bool = False
    session: bytes = b""
    number: int = 0
    read: Sequence[Tuple[bytes, bytes, int]] = ()


@long_answer(Hello)
class CaughtUp(NamedTuple):
    """Follows a `Welcome` that answers a `Hello`: what you have missed in a room, or (HOME) of direct messages.

    messages: (number, sender, receiver, text, time) of each, oldest first; the receiver is empty in a room. The number
        is 0 if the message was kept in the box and is too old to have one.
    gap: are older ones left out, as there were too many?
    """

    room: bytes
    messages: Sequence[Tuple[int, bytes, bytes, bytes, int]]
    gap: bool


@answer
class Waiting(NamedTuple):
    """Follows a `Welcome`: `count` messages were kept for you while you were away."""

    count: int  # type: ignore[assignment]  # not tuple.count


@answer
class ScramTold(NamedTuple):
    """The answer to `ScramBegin`. nonce: what the server adds to the client's, which nobody can guess."""

    salt: bytes
    rounds: int
    nonce: bytes


@answer
class ScramProven(NamedTuple):
    """The account is yours, and this is the server's. signature: the ServerSignature of RFC 5802."""

    signature: bytes


# ---- what it is told besides

@push
class Joined(NamedTuple):
    """`name` is here now."""

    name: bytes


@push
class Left(NamedTuple):
    """`name` is no longer here.

    gone: is it offline? If not, it has only left the lobby. why: its own words, or a Reason; or empty.
    """

    name: bytes
    gone: bool = True
    why: bytes = b""


@push
class Renamed(NamedTuple):
    """`old` is called `new` now. Told to those who are in a room with it."""

    old: bytes
    new: bytes
    room: bytes = HOME


@push
class Farewell(NamedTuple):
    """The last event before the connection ends, and why it ends."""

    reason: str
