"""What the hub says to workers."""
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from parley.server.ipc.messages.fields import Listed, Missed


class ToWorker:
    """What the hub says to a worker."""

    # ---- to all workers, or all that are concerned, in one order: what happens

    class Known(NamedTuple):
        """To a new worker: all accounts and members, and {name: alias} of those with an alias.

        proven: the members that have given the password of the account of their name. people: {name: Person}, without
            those of whom nothing is known but the name (`parley.server.protocols.events.Person`).
        """

        accounts: List[bytes]
        present: List[bytes]
        aliases: Dict[bytes, bytes]
        proven: Sequence[bytes] = ()
        people: Sequence[Tuple[bytes, Tuple[Any, ...]]] = ()

    class Barred(NamedTuple):
        """The networks that are banned in the lobby: clients from there without a name hear nothing of it."""

        networks: List[str]

    class DevicesChanged(NamedTuple):
        """The account has another list of devices, of this number."""

        name: bytes
        number: int

    class AccountOpened(NamedTuple):
        """There is a new account."""

        name: bytes

    class AccountClosed(NamedTuple):
        """An account is deleted."""

        name: bytes

    class Joined(NamedTuple):
        """The session has its name, for which `kept` messages are waiting.

        proven: is it that of an account with a password?
        """

        worker: int
        session: int
        name: bytes
        alias: Optional[bytes] = None
        kept: int = 0
        in_lobby: bool = True
        proven: bool = False

    class Renamed(NamedTuple):
        """The session has another name."""

        worker: int
        session: int
        old: bytes
        new: bytes
        alias: Optional[bytes] = None
        kept: int = 0
        in_lobby: bool = True
        proven: bool = False

    class Left(NamedTuple):
        """A member is gone. `why`: `parley.server.protocols.events.Left`."""

        name: bytes
        in_lobby: bool = True
        why: bytes = b""

    class Person(NamedTuple):
        """What is known of a member: `parley.server.protocols.events.Person`.

        field: what has changed; empty if no client is to be told. rooms: whose members are told. alone: (worker,
            session) of others who are told.
        """

        worker: int
        session: int
        name: bytes
        account: bytes
        real_name: bytes
        away: Optional[bytes]
        flags: bytes
        user: bytes
        field: str
        rooms: Sequence[int]
        alone: Sequence[Tuple[int, int]]

    class Entered(NamedTuple):
        """The session is in the room now. To the workers that have members there, this one's among them."""

        room: int
        room_name: bytes
        topic: bytes
        worker: int
        session: int
        name: bytes
        alias: Optional[bytes] = None  # if the session has come by the room's own port: then `Joined` follows
        role: bytes = b""
        sealed: bool = False

    class Around(NamedTuple):
        """What the session of the next `Entered` sees in the room: the fields of a `Looked`. To its worker."""

        fields: Tuple[Any, ...]

    class Listening(NamedTuple):
        """The session, which has no name yet, hears what happens in the room from here on, or not. To its worker."""

        session: int
        room: int
        room_name: bytes
        hears: bool

    class Exited(NamedTuple):
        """These sessions of a worker, with these names, have left the room. To the workers with members there.

        gone, why: `parley.server.protocols.events.Exited`.
        """

        room: int
        worker: int
        sessions: Sequence[int]
        names: Sequence[bytes]
        gone: bool = False
        why: bytes = b""

    class RenamedIn(NamedTuple):
        """A member of the room has another name. To the workers with members there."""

        room: int
        worker: int
        session: int
        old: bytes
        new: bytes
        alias: Optional[bytes]

    class Managed(NamedTuple):
        """Something was done to the room: `parley.server.protocols.events.Managed`. To the workers with members there.

        out: (worker, session) of those who have to leave the room because of it.
        """

        room: int
        act: str
        by: bytes
        about: bytes
        text: bytes
        out: Sequence[Tuple[int, int]]
        number: int = 0
        at: int = 0

    class Typing(NamedTuple):
        """A member of the room is typing. To the workers that have members there."""

        room: int
        worker: int
        session: int
        name: bytes

    class Owes(NamedTuple):
        """As `ToHub.Owes`."""

        address: str
        until: float

    class Configure(NamedTuple):
        """New settings: `parley.server.config.Settings.of_workers`."""

        settings: Dict[str, Any]

    class Health(NamedTuple):
        """The answer to `ToHub.AskHealth`: what is wrong, in words; nothing if all is well."""

        troubles: Sequence[str]

    class Status(NamedTuple):
        """The answer to `ToHub.AskStatus`: `parley.server.supervisor.hub.Hub.status`."""

        status: Dict[str, Any]

    class Stop(NamedTuple):
        """Accept nothing new, and finish what was asked."""

    class End(NamedTuple):
        """Say good-bye to all clients, and exit."""

    # ---- to one worker: the answers for its sessions

    class Answer(NamedTuple):
        """The answer to what these sessions have asked, as an event by its name (`BY_NAME`) with its fields.

        See `parley.server.protocols.events`.
        """

        sessions: Sequence[int]
        event: str
        fields: Tuple[Any, ...]

    class Confirmed(NamedTuple):
        """Done. After a direct message: its number and time; `at`: the same time in milliseconds."""

        session: int
        number: int = 0
        time: int = 0
        at: int = 0

    class Greeted(NamedTuple):
        """The answer to `ToHub.Hello`."""

        session: int
        run: bytes

    class Begun(NamedTuple):
        """The session has its name, and is resumable; or it is resumed.

        account: has the name an account? number: of the latest message. kept: how many messages are waiting.
        entered: (room, topic, is it sealed?) of each room that it is in again. refused: (room, why not) of the others.
        read: its read markers: `parley.server.protocols.events.Welcome`.
        """

        session: int
        account: bool
        number: int
        kept: int
        entered: List[Tuple[bytes, bytes, bool]]
        refused: List[Tuple[bytes, str]]
        read: List[Tuple[bytes, bytes, int]]

    class CaughtUp(NamedTuple):
        """The answer to `ToHub.CatchUp`: `parley.server.protocols.events.CaughtUp` of each.

        last: the id up to which all that was kept for the session is among them, or 0.
        """

        sessions: Sequence[int]
        parts: List[Tuple[bytes, List[Missed], bool]]
        last: int

    class Browsed(NamedTuple):
        """The answer to `ToHub.Browse`; all that was kept from the partner up to the id `last` is before its end."""

        sessions: Sequence[int]
        room_name: bytes
        partner: bytes
        messages: List[Listed]
        more: bool
        last: int

    class Refused(NamedTuple):
        """The answer no, with a `parley.server.protocols.events.Reason`."""

        session: int
        reason: str

    class Deleted(NamedTuple):
        """The session's account is deleted: by itself, or by an operator."""

        session: int

    class ScramTold(NamedTuple):
        """The answer to `ToHub.ScramBegin`."""

        session: int
        salt: bytes
        rounds: int

    class Who(NamedTuple):
        """At this place in the order the worker answers the question from its replica."""

        sessions: Sequence[int]

    class Accounts(NamedTuple):
        """Likewise."""

        sessions: Sequence[int]
        pattern: Optional[bytes]

    class News(NamedTuple):
        """Likewise."""

        sessions: Sequence[int]

    class Past(NamedTuple):
        """The answer to `ToHub.History`: (sender, text, time) of each; what was kept up to the id `last` is in it."""

        sessions: Sequence[int]
        name: bytes
        partner: bytes
        messages: List[Tuple[bytes, bytes, int]]
        last: int

    class Kept(NamedTuple):
        """The answer to `ToHub.Deliver`. more: there is another portion."""

        sessions: Sequence[int]
        name: bytes
        messages: List[Listed]
        more: bool

    class Unread(NamedTuple):
        """The answer to `ToHub.Unread`: (sender, messages) of each."""

        sessions: Sequence[int]
        counts: List[Tuple[bytes, int]]

    class Stored(NamedTuple):
        """Messages of a room are stored: the number of the first, and the time of all.

        said: (session, serial of the first message, number of messages) of each block.
        at: the same time in milliseconds.
        """

        said: Sequence[Tuple[int, int, int]]
        first: int = 0
        time: int = 0
        at: int = 0

    class Unsaid(NamedTuple):
        """Messages, likewise, were not passed on, or not stored, for this `Reason`."""

        said: Sequence[Tuple[int, int]]
        reason: str

    # ---- to one worker: what it is to do for a session

    class Tell(NamedTuple):
        """An event for the session alone, in the form of `Answer`."""

        session: int
        event: str
        fields: Tuple[Any, ...]

    class Whispered(NamedTuple):
        """Somebody says something to the session alone; `message` is its number."""

        session: int
        sender: bytes
        text: bytes
        time: int
        message: int
        at: int = 0  # milliseconds
        extra: bytes = b""

    class Mark(NamedTuple):
        """Answer with `ToHub.Told` once the session has been sent everything before this."""

        session: int
        mark: int

    class Probe(NamedTuple):
        """The claim of the holder `asker` depends on whether the session's client is gone: answer `ToHub.Probed`."""

        session: int
        asker: int

    class Locate(NamedTuple):
        """The holder `asker` wants to know where the session is connected from: answer with `ToHub.Located`."""

        session: int
        asker: int

    class Time(NamedTuple):
        """The holder `asker` wants to know how long the session has been here: answer with `ToHub.Timed`."""

        session: int
        asker: int

    class Evict(NamedTuple):
        """End the session for this reason."""

        session: int
        reason: str
