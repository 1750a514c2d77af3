"""What the hub says to workers."""
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from parley.server.ipc.messages.fields import Listed, Missed


class ToWorker:
    """What the hub says to a worker."""

    # ---- to all workers, in one order: what happens to everybody

    class Known(NamedTuple):
        """To a worker that begins: the accounts and the members there are, and {name: alias} of those with one.

        proven: the members that are called as accounts whose passwords they have given. people: {name: Person} of those
            of whom there is something to tell (`parley.server.protocols.events.Person`).
        """

        accounts: List[bytes]
        present: List[bytes]
        aliases: Dict[bytes, bytes]
        proven: Sequence[bytes] = ()
        people: Sequence[Tuple[bytes, Tuple[Any, ...]]] = ()

    class Barred(NamedTuple):
        """From these networks nobody hears the lobby without a name: addresses that are banned there."""

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
        """What there is to tell of a member: `parley.server.protocols.events.Person`.

        field: what is new, of which those are told who are in one of these rooms with it, and those `alone`, (worker,
            session) of each; empty if nobody is.
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
        alias: Optional[bytes] = None  # of who comes by the room's own port, of whom `joined` tells next
        role: bytes = b""
        sealed: bool = False

    class Around(NamedTuple):
        """What the session sees that enters a room next (`Entered`): the fields of a `Looked`. To its worker."""

        fields: Tuple[Any, ...]

    class Listening(NamedTuple):
        """The session, which has no name yet, hears what happens in the room from here on, or not. To its worker."""

        session: int
        room: int
        room_name: bytes
        hears: bool

    class Exited(NamedTuple):
        """These sessions of a worker, with these names, are in the room no more. To the workers with members there.

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

        out: (worker, session) of who is in the room no more because of it.
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
        """The settings are these from now on: `parley.server.config.Settings.of_workers`."""

        settings: Dict[str, Any]

    class Health(NamedTuple):
        """The answer to AskHealth: what is not as it should be, in words; nothing if all is well."""

        troubles: Sequence[str]

    class Status(NamedTuple):
        """The answer to AskStatus: `parley.server.supervisor.hub.Hub.status`."""

        status: Dict[str, Any]

    class Stop(NamedTuple):
        """Take nothing new; be done with what was asked."""

    class End(NamedTuple):
        """Say good-bye to everybody, and end."""

    # ---- to one worker: the answers for its sessions

    class Answer(NamedTuple):
        """The answer to what these sessions have asked, as an event by its name (`BY_NAME`) with its fields.

        See `parley.server.protocols.events`.
        """

        sessions: Sequence[int]
        event: str
        fields: Tuple[Any, ...]

    class Confirmed(NamedTuple):
        """Yes. If the session has said something to one alone: its number and time; `at`: in milliseconds."""

        session: int
        number: int = 0
        time: int = 0
        at: int = 0

    class Greeted(NamedTuple):
        """The answer to `ToHub.Hello`."""

        session: int
        run: bytes

    class Begun(NamedTuple):
        """The session, which has its name, is one that may come back.

        account: has the name an account? number: of the latest message. kept: messages that are waiting.
        entered: (room, topic, is it sealed?) of each that it is in again. refused: (room, why not) of the others.
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
        """No; why is a `parley.server.protocols.events.Reason`."""

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
        """The answer to `ToHub.Deliver`. More: there is another portion."""

        sessions: Sequence[int]
        name: bytes
        messages: List[Listed]
        more: bool

    class Unread(NamedTuple):
        """The answer to `ToHub.Unread`: (sender, messages) of each."""

        sessions: Sequence[int]
        counts: List[Tuple[bytes, int]]

    class Stored(NamedTuple):
        """What was said is stored; the number of the first message, and the time of all.

        said: (session, which of its words the first is, number of messages) of what each said at once.
        at: the same time in milliseconds.
        """

        said: Sequence[Tuple[int, int, int]]
        first: int = 0
        time: int = 0
        at: int = 0

    class Unsaid(NamedTuple):
        """What was said, likewise, is not heard, or not stored; why is a `Reason`."""

        said: Sequence[Tuple[int, int]]
        reason: str

    # ---- to one worker: what it is to do for a session

    class Tell(NamedTuple):
        """What happens to the session alone, likewise."""

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
        """Answer with `ToHub.Told` once everything in front of this has been sent."""

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
        """The holder `asker` wants to know how long the session is here: answer with `ToHub.Timed`."""

        session: int
        asker: int

    class Evict(NamedTuple):
        """End the session for this reason."""

        session: int
        reason: str
