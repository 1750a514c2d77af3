"""Everything that the processes of the server say to each other, or put into the order, but for talk.

A message is a named tuple, in a class that says who hears it. Whoever hears it has a method of the message's name in
lower case that takes the fields in order; from a worker, the hub's methods are given the worker's number before them:
see `handlers`. Talk has frames of its own: `parley.server.ipc.queues`.

Types of fields:

    session      number of a session, given by its worker, never twice (32 bits)
    sessions     of one worker, that have asked the same and get the same answer
    holder       a session of any worker: the worker's number << 32 | that of the session
    name, text   canonical bytes
    occupied     what a name occupies: `parley.server.chat.names.claims`
    host, port   of a client, as it is connected
    source       the address that a message comes from: `parley.server.chat.origins.network`
    time         seconds since the epoch; the store is told milliseconds
    id           of a message that is kept for somebody who is away
    room         a room's number, 0 for the lobby; `room_name`: its name, with "#" in front
    owner        of read markers: the name of an account, or a session's key as hexadecimal digits. Behind a name may
                 stand "|ms": then the numbers are times, in milliseconds
"""
import re
from typing import Any, Callable, Collection, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type, Union

from parley.server.ipc.queues import control

Listed = Tuple[int, bytes, bytes, int]  # number or id, sender, text, time
Missed = Tuple[int, bytes, bytes, bytes, int]  # number, sender, to whom (empty in a room), text, time
Marks = Tuple[Tuple[bytes, int], ...]  # room, or empty of what was said to one alone; number
Marker = Tuple[int, bytes, int]  # room, partner (or empty), number: up to where somebody has read
Message = Tuple[Any, ...]


class ToHub:
    """What a worker says for its sessions, or of itself."""

    # ---- a session asks, and waits for the answer

    class Claim(NamedTuple):
        """Login, SignIn or Post, which `command` says, with a password: the session wants the name."""

        session: int
        name: bytes
        occupied: Collection[bytes]
        command: str
        password: bytes
        host: str

    class ClaimUnproven(NamedTuple):
        """The same without a password, or (given) with one for a name that has none, so that there is nothing to prove.

        given: was there a password that is not empty?
        """

        session: int
        name: bytes
        occupied: Collection[bytes]
        command: str
        given: bool = False
        host: str = ""

    class ClaimGuest(NamedTuple):
        """The session wants any free name for guests."""

        session: int
        host: str = ""

    class Create(NamedTuple):
        """The session wants an account, and its name if it has none."""

        session: int
        name: bytes
        occupied: Collection[bytes]
        password: Optional[bytes]
        host: str

    class ChangePassword(NamedTuple):
        """The owner of an account wants another password."""

        session: int
        name: bytes
        old: bytes
        new: bytes
        host: str

    class Hello(NamedTuple):
        """The session wants to know which run of numbers this is."""

        session: int

    class Bring(NamedTuple):
        """The session is about to ask for a name, and wants to be able to come back with this key.

        marks: (room, number) as in `parley.server.protocols.events.Hello`; it goes on in these rooms.
        """

        session: int
        key: bytes
        marks: Marks

    class Resume(NamedTuple):
        """The session comes back with the key of an earlier one, whose name it wants."""

        session: int
        key: bytes
        marks: Marks
        host: str

    class SayOnce(NamedTuple):
        """A member says something in a room, unless it has said it before by the same tag.

        serial: which of its words this is.
        """

        session: int
        room: int
        text: bytes
        tag: bytes
        serial: int = 0

    class SayOutside(NamedTuple):
        """A member says something in a room that it is not in."""

        session: int
        room_name: bytes
        text: bytes

    class Watch(NamedTuple):
        """A member wants to know of these names who is here, away or gone, and of no others any more.

        any_case: who is called so but for capital letters is meant, too.
        """

        session: int
        names: Sequence[bytes]
        any_case: bool = False

    class Away(NamedTuple):
        """A member is away, or here again."""

        session: int
        away: bool
        text: bytes = b""

    class RealName(NamedTuple):
        """What a session is called in full, and as a user at home; it may have no name yet."""

        session: int
        real_name: bytes
        user: bytes = b""

    class SetName(NamedTuple):
        """What a member is called in full from now on."""

        session: int
        real_name: bytes

    class SetFlag(NamedTuple):
        """`parley.server.protocols.events.SetFlag`."""

        session: int
        flag: bytes
        on: bool

    class SetMetadata(NamedTuple):
        """`parley.server.protocols.events.SetMetadata`; the name of the room is empty, or that of somebody."""

        session: int
        room_name: bytes
        name: bytes
        key: bytes
        value: Optional[bytes]

    class ReadMetadata(NamedTuple):
        """`parley.server.protocols.events.ReadMetadata`; likewise."""

        session: int
        room_name: bytes
        name: bytes
        keys: Optional[Sequence[bytes]]
        everybody: bool

    class Follow(NamedTuple):
        """A member wants to know of metadata by these keys, and by no others any more."""

        session: int
        keys: Sequence[bytes]

    class Identify(NamedTuple):
        """A session, which may have no name yet, wants to prove that an account is its own.

        as_operator: or only that it may act as an operator.
        """

        session: int
        name: bytes
        password: bytes
        as_operator: bool
        host: str

    class ScramBegin(NamedTuple):
        """A session wants to prove by SCRAM whose account is its own."""

        session: int
        name: bytes

    class ScramFinish(NamedTuple):
        """Likewise: `parley.server.protocols.events.ScramFinish`."""

        session: int
        name: bytes
        message: bytes
        proof: bytes
        host: str

    class Whois(NamedTuple):
        """A member asks who somebody is."""

        session: int
        name: bytes

    class WhoWas(NamedTuple):
        """A member asks who has been called so."""

        session: int
        name: bytes
        most: int

    class PublishDevices(NamedTuple):
        """The account of a member has another list of devices, of this number."""

        session: int
        number: int
        data: bytes

    class DevicesOf(NamedTuple):
        """A member asks for the list of an account's devices."""

        session: int
        name: bytes

    class Typing(NamedTuple):
        """A member is typing in a room, or to one member."""

        session: int
        room: int
        to: bytes

    class MarkRead(NamedTuple):
        """A member has read, up to this number, what was said in a room, or (if not empty) by a partner and it."""

        session: int
        room: int
        partner: bytes
        number: int

    class ReadMark(NamedTuple):
        """`parley.server.protocols.events.ReadMark`; the name of the room is empty, or the partner."""

        session: int
        room_name: bytes
        partner: bytes
        time: Optional[int]

    class LogOut(NamedTuple):
        """A member leaves, and its session is not to be resumed."""

        session: int

    class Rename(NamedTuple):
        """A member wants another name."""

        session: int
        name: bytes
        occupied: Collection[bytes]

    class Delete(NamedTuple):
        """A member leaves its name, and deletes the account if it is one."""

        session: int
        name: bytes

    class Whisper(NamedTuple):
        """A member says something to one other. `time` is its own clock's, or None. `tag`: as in `SayOnce`.

        extra: `parley.server.protocols.events.Say`.
        """

        session: int
        sender: bytes
        to: bytes
        text: bytes
        time: Optional[int]
        host: str
        tag: bytes = b""
        extra: bytes = b""

    class Describe(NamedTuple):
        """A member asks where another one is connected from."""

        session: int
        name: bytes

    class Enter(NamedTuple):
        """A member wants to be in a room, which is made if there is none of this name.

        converses: as its protocol's trait. Then a room whose name differs in case only is the one that is meant, and
            with the answer it may be told who is there (`ToWorker.Around`).
        seals: can its client seal what it says?
        """

        session: int
        room_name: bytes
        occupied: Collection[bytes]
        key: Optional[bytes]
        converses: bool = False
        seals: bool = False

    class Exit(NamedTuple):
        """A member wants to be in the room no more. `why`: in its words, or empty."""

        session: int
        room_name: bytes
        why: bytes = b""

    class Manage(NamedTuple):
        """A member does something to a room: `parley.server.protocols.events.Manage`."""

        session: int
        room_name: bytes
        act: str
        about: bytes
        text: bytes

    class Redact(NamedTuple):
        """A member removes what it has said to one alone: `parley.server.protocols.events.Redact`."""

        session: int
        to: bytes
        number: bytes
        text: bytes

    class Topic(NamedTuple):
        """A member asks for a room's topic."""

        session: int
        room_name: bytes

    class Tally(NamedTuple):
        """A member asks how many are here."""

        session: int

    class Roles(NamedTuple):
        """A member asks who has which role in a room, and for its settings."""

        session: int
        room_name: bytes

    class Masks(NamedTuple):
        """A member asks who is on a list of a room: `parley.server.protocols.events.Masks`."""

        session: int
        room_name: bytes
        kind: str

    class Wallops(NamedTuple):
        """An operator says something to the others."""

        session: int
        text: bytes

    # ---- sessions ask what may take long to tell: see `parley.server.worker.lookups`

    class Who(NamedTuple):
        """Who is here?"""

        sessions: Sequence[int]

    class Within(NamedTuple):
        """Who is in the room?"""

        sessions: Sequence[int]
        room_name: bytes

    class ListRooms(NamedTuple):
        """Which rooms are there? With a shell pattern: of those that match. Without one: of those the session is in.

        with_lobby: is the lobby one of them, if anybody is in it? invited: only of those the session is invited to.
        """

        sessions: Sequence[int]
        pattern: Optional[bytes]
        with_lobby: bool = False
        invited: bool = False

    class Look(NamedTuple):
        """Who is in the room, and how is it set? Answered also to who may not see that."""

        sessions: Sequence[int]
        room_name: bytes

    class Accounts(NamedTuple):
        """Who is known? With a shell pattern: of those that match."""

        sessions: Sequence[int]
        pattern: Optional[bytes]

    class News(NamedTuple):
        """Who is known, and who of them is here?"""

        sessions: Sequence[int]

    class History(NamedTuple):
        """What have the two said to each other?"""

        sessions: Sequence[int]
        name: bytes
        partner: bytes

    class Recall(NamedTuple):
        """What was said in the lobby after the message `since`? None: lately."""

        sessions: Sequence[int]
        since: Optional[int]
        most: int

    class Reread(NamedTuple):
        """What was said in the room after the message at the place `since`? None: lately."""

        sessions: Sequence[int]
        room_name: bytes
        since: Optional[int]
        most: int

    class Browse(NamedTuple):
        """As `parley.server.protocols.events.Browse`; the room is empty, or the partner is."""

        sessions: Sequence[int]
        room_name: bytes
        partner: bytes
        before: Optional[int]
        after: Optional[int]
        most: int

    class BrowseExactly(NamedTuple):
        """Likewise, exactly."""

        sessions: Sequence[int]
        room_name: bytes
        partner: bytes
        before: Optional[int]
        after: Optional[int]
        most: int
        before_time: Optional[int]
        after_time: Optional[int]
        latest: bool

    class Partners(NamedTuple):
        """`parley.server.protocols.events.Partners`."""

        sessions: Sequence[int]
        after_time: int
        before_time: int
        most: int

    class CatchUp(NamedTuple):
        """What has the session missed: what was said since its marks, and up to the number `through`?

        run: of which the numbers of its marks are.
        """

        sessions: Sequence[int]
        run: bytes
        marks: Marks
        through: int

    class Deliver(NamedTuple):
        """What is kept for the member? In portions: for a client that reads a frame at a time."""

        sessions: Sequence[int]
        name: bytes
        in_portions: bool

    class Unread(NamedTuple):
        """From whom is something kept for the member, and how much?"""

        sessions: Sequence[int]
        name: bytes

    # ---- a worker tells how it went

    class Release(NamedTuple):
        """The session is gone. `why`: `parley.server.protocols.events.Left`."""

        session: int
        why: bytes = b""

    class Told(NamedTuple):
        """The session has been sent everything in front of the `ToWorker.Mark`."""

        session: int
        mark: int

    class Taken(NamedTuple):
        """The session has been sent what was kept for the name, up to an id."""

        session: int
        name: bytes
        last: int

    class Read(NamedTuple):
        """The same, but only what the partner had said."""

        session: int
        name: bytes
        partner: bytes
        last: int

    class Probed(NamedTuple):
        """The answer to `ToWorker.Probe`: the session has been checked, and released if its client was gone."""

        asker: int
        session: int

    class Located(NamedTuple):
        """The answer to `ToWorker.Locate`; the name is None if the session has left."""

        asker: int
        name: Optional[bytes]
        host: str
        port: int

    class Timed(NamedTuple):
        """The answer to `ToWorker.Time`: for how many seconds the session is here, and has said nothing."""

        asker: int
        session: int
        seconds: int
        idle: int
        host: str
        port: int

    class Arrived(NamedTuple):
        """There is a new session; told while there is a limit of those with one address."""

        session: int
        host: str

    class CameBy(NamedTuple):
        """The session has come by a room's own port: that room stands in the lobby's place for it.

        room_name: empty if none does, until it enters one itself.
        host: of a client that hears what happens there before it has a name; else None.
        """

        session: int
        room_name: bytes
        host: Optional[str] = None

    class Departed(NamedTuple):
        """A session that had arrived is gone."""

        session: int

    class Owes(NamedTuple):
        """An address has used up its rate until then, monotonic seconds."""

        address: str
        until: float

    class Ready(NamedTuple):
        """The worker serves."""

    class AskHealth(NamedTuple):
        """Is the server well? Somebody asks the worker."""

    class AskStatus(NamedTuple):
        """What is there to tell of the server? Somebody asks the worker."""

    class Alive(NamedTuple):
        """The worker's loop turns; its counters."""

        report: Dict[str, Any]

    class Done(NamedTuple):
        """The worker, told to stop, has nothing more to ask."""


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
        """The place in the order at which it is answered from what the worker knows."""

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
        """What was said is stored: (session, which of its words) each; the number of the first, and the time of all.

        at: the same time in milliseconds.
        """

        said: Sequence[Tuple[int, int]]
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


class Proven:
    """What a session asked for, once its password has been looked at: this is what gets a place in the order."""

    class ClaimName(NamedTuple):
        """As `ToHub.Claim`, with the right password for the account of this serial.

        renewed: the secret that is to replace the account's, or None.
        """

        session: int
        name: bytes
        command: str
        serial: int
        renewed: Optional[str]
        host: str = ""

    class OpenAccount(NamedTuple):
        """As `ToHub.Create`. Unproven: there is a password, which is hashed once the name is known to be free."""

        session: int
        name: bytes
        occupied: Collection[bytes]
        secret: Optional[str]
        unproven: bool
        host: str

    class ReplacePassword(NamedTuple):
        """As `ToHub.ChangePassword`: the old one was right for the account with this serial."""

        session: int
        name: bytes
        serial: int
        secret: str


    class Identified(NamedTuple):
        """As `ToHub.Identify`, with the right password for the account of this serial. renewed: as in `ClaimName`.

        signature: what the session is told, if it has proven it by SCRAM.
        """

        session: int
        name: bytes
        serial: int
        renewed: Optional[str]
        as_operator: bool
        signature: bytes = b""


class Operated:
    """What an operator asks for; the token comes back with the answer. Asker: nobody, 0."""

    class SetPassword(NamedTuple):
        """The account, which may be a new one, has this secret."""

        asker: int
        token: int
        name: bytes
        secret: str

    class RemoveAccount(NamedTuple):
        """The account is deleted, and whoever is here under its name sent away."""

        asker: int
        token: int
        name: bytes

    class EmptyBox(NamedTuple):
        """What is kept for the account is thrown away."""

        asker: int
        token: int
        name: bytes


    class ManageRoom(NamedTuple):
        """As `ToHub.Manage`, by who runs the server."""

        asker: int
        token: int
        room_name: bytes
        act: str
        about: bytes
        text: bytes

    class Announce(NamedTuple):
        """Who runs the server says something in the lobby."""

        asker: int
        token: int
        text: bytes


class Noticed:
    """What the hub itself has noticed."""

    class Lost(NamedTuple):
        """The worker is dead, and its sessions with it."""

    class Tidied(NamedTuple):
        """It is time to look for what has been kept for too long."""


class Settled:
    """What the store has answered, in the last field, to what was asked of it for a holder or an operator's token."""

    class Opened(NamedTuple):
        """Is the new account stored?"""

        asker: int
        token: int
        name: bytes
        stored: Optional[bool]

    class Protected(NamedTuple):
        """Is the account's new secret stored?"""

        asker: int
        token: int
        name: bytes
        serial: int
        secret: str
        stored: Optional[bool]

    class Published(NamedTuple):
        """Is the account's new list of devices stored?"""

        asker: int
        name: bytes
        serial: int
        number: int
        data: bytes
        stored: Optional[bool]

    class Closed(NamedTuple):
        """Is it stored that the account is deleted?"""

        asker: int
        token: int
        name: bytes
        serial: int
        stored: Optional[bool]

    class Emptied(NamedTuple):
        """Is it stored that nothing is kept any more?"""

        asker: int
        token: int
        stored: Optional[bool]

    class Kept(NamedTuple):
        """Is the message stored that room was held for?

        number, time: its own, in seconds, if somebody waits for the answer. key, tag: as in `Said`, or empty.
        """

        asker: int
        name: bytes
        serial: int
        source: str
        size: int
        number: int
        time: int
        key: bytes
        tag: bytes
        stored: Optional[bool]

    class Said(NamedTuple):
        """Is what was said by this tag, in the session of this key, stored?"""

        asker: int
        key: bytes
        tag: bytes
        stored: Optional[bool]

    class Began(NamedTuple):
        """The session that may come back is stored, or cannot be. The fields are those of `ToWorker.Begun`.

        markers: of what its owner has read (`ReadStore.Markers`); None if they could not be told.
        """

        asker: int
        account: bool
        number: int
        kept: int
        entered: List[Tuple[bytes, bytes, bool]]
        refused: List[Tuple[bytes, str]]
        markers: Optional[List[Marker]]

    class Boxed(NamedTuple):
        """What is kept for the account: `ReadStore.Box`."""

        asker: int
        name: bytes
        serial: int
        found: Optional[Tuple[List[Tuple[str, int, int]], Optional[int]]]

    class Redacted(NamedTuple):
        """Is the message removed from the room? False: there is none; or why not. by, why: who wants that, and why."""

        asker: int
        token: int
        room: int
        by: bytes
        message: int
        why: bytes
        stored: Union[bool, str, None]

    class RedactedAlone(NamedTuple):
        """Likewise what one has said to another alone."""

        asker: int
        by: bytes
        to: bytes
        message: bytes
        why: bytes
        stored: Optional[bool]

    class RoomOpened(NamedTuple):
        """Is the new room stored that the holder wants to be in?"""

        asker: int
        room: int
        stored: Optional[bool]


class ToStore:
    """What the hub asks of the store, in its own process or in the journal's; see `parley.server.storage.memory`.

    A write is answered with True, and anything with None that could not be done.
    """

    class Reserve(NamedTuple):
        """Numbers up to this one may be given."""

        through: int

    class Release(NamedTuple):
        """Numbers behind this one have not been given."""

        last: int

    class Whisper(NamedTuple):
        """Said by one to another; by a tag, in the session of this key, unless these are empty."""

        number: int
        time: int
        sender: bytes
        to: bytes
        text: bytes
        keep: bool
        source: str
        key: bytes = b""
        tag: bytes = b""
        extra: bytes = b""

    class SayOnce(NamedTuple):
        """Said in a room: a talk frame with one message, by a tag in the session of this key."""

        key: bytes
        tag: bytes
        frame: bytes

    class KeepSession(NamedTuple):
        """There is a session of this key and name, or it has another name now.

        account: has the name an account? since: what was said up to this number is not its own past.
        """

        key: bytes
        name: bytes
        account: bool
        since: int

    class DropSessions(NamedTuple):
        """The sessions of these keys are over."""

        keys: List[bytes]

    class MarkRead(NamedTuple):
        """The owner has read up to this number: in a room, or (if not empty) of what a partner and it have said."""

        owner: bytes
        room: int
        partner: bytes
        number: int

    class Keep(NamedTuple):
        """Said by one to another before, and not told: kept."""

        time: int
        sender: bytes
        to: bytes
        text: bytes
        source: str

    class Taken(NamedTuple):
        """What is kept up to an id, of one sender or (None) of all, has been told."""

        name: bytes
        last: int
        sender: Optional[bytes] = None

    class Expire(NamedTuple):
        """What was kept before then is forgotten; in seconds."""

        name: bytes
        before: int

    class KeepRoom(NamedTuple):
        """A room that lasts is as `state` has it (`parley.server.chat.rooms`)."""

        room: int
        room_name: bytes
        state: str

    class KeepMetadata(NamedTuple):
        """What the account tells is as `state` has it (`parley.server.chat.metadata`)."""

        name: bytes
        state: str

    class Redact(NamedTuple):
        """A message in a room is removed: only this text is left of it. False, if there is none; or why not.

        names: only if it is by one of these; any, if there are none. since: only if its number is greater.
        """

        room: int
        number: int
        names: List[bytes]
        since: int
        text: bytes

    class RedactAlone(NamedTuple):
        """Likewise what one has said to another alone."""

        number: int
        sender: bytes
        to: bytes
        since: int
        text: bytes

    class CloseRoom(NamedTuple):
        """The room is gone, with all that was said in it."""

        room: int

    class OpenAccount(NamedTuple):
        """A new account, with a secret or (None) without."""

        name: bytes
        secret: Optional[str]

    class Protect(NamedTuple):
        """The account has another secret."""

        name: bytes
        secret: str

    class KeepDevices(NamedTuple):
        """The account has this list of devices."""

        name: bytes
        data: bytes

    class Use(NamedTuple):
        """The account is in use."""

        name: bytes

    class CloseAccount(NamedTuple):
        """The account is deleted."""

        name: bytes

    class Backup(NamedTuple):
        """Copy it all to an absolute path, where nothing may be. Answered once that is done: True, or why it is not.

        What is asked later may be answered before.
        """

        path: str


class ReadStore:
    """What the hub asks of the store that changes nothing."""

    class Kept(NamedTuple):
        """What is kept for an account."""

        name: bytes

    class Unread(NamedTuple):
        """How much is kept for an account, by sender."""

        name: bytes

    class Box(NamedTuple):
        """How much is kept for an account, by source."""

        name: bytes

    class Past(NamedTuple):
        """What two have said to each other."""

        name: bytes
        partner: bytes

    class Lobby(NamedTuple):
        """What was said to all."""

        since: Optional[int]
        most: int

    class Room(NamedTuple):
        """What was said in a room, of the messages with numbers above `after`; `since`: a place in it."""

        room: int
        since: Optional[int]
        most: int
        after: int

    class Browse(NamedTuple):
        """What was said in a room behind the number `since`: of that, what is before or after a number."""

        room: int
        before: Optional[int]
        after: Optional[int]
        most: int
        since: int

    class BrowseDirect(NamedTuple):
        """Likewise what two have said to each other, and what of it is kept for `name`."""

        name: bytes
        partner: bytes
        before: Optional[int]
        after: Optional[int]
        most: int
        since: int

    class BrowseExactly(NamedTuple):
        """What was said in a room, or (if not empty) by a partner and `name`, behind the number `since`.

        The other fields: `parley.server.protocols.events.Browse`.
        """

        room: int
        name: bytes
        partner: bytes
        before: Optional[int]
        after: Optional[int]
        most: int
        since: int
        before_time: Optional[int]
        after_time: Optional[int]
        latest: bool

    class Partners(NamedTuple):
        """Where was the latest said between these times: in which of these rooms, and by whom and `name`?"""

        name: bytes
        rooms: List[int]
        after_time: int
        before_time: int
        most: int

    class CatchUp(NamedTuple):
        """What was said behind a number in each of these rooms, and to or by `name` alone, up to `through`.

        rooms: (room, number) of each. after: the number for what was said alone, or None if that is not wanted.
        since: nothing up to this number was said to or by `name`.
        """

        rooms: List[Tuple[int, int]]
        name: bytes
        after: Optional[int]
        since: int
        through: int

    class Markers(NamedTuple):
        """Up to where the owner has read."""

        owner: bytes

    class Listed(NamedTuple):
        """A page of accounts."""

        after: bytes
        most: int

    class Outside(NamedTuple):
        """A page of what is kept for an account, without the texts."""

        name: bytes
        after: int
        most: int


class ToJournal:
    """What the hub says to the process of the journal besides."""

    class Begin(NamedTuple):
        """The run of the server, and how many of its requests have been answered."""

        run: str
        answered: int


class FromJournal:
    """What the process of the journal says to the hub."""

    class Through(NamedTuple):
        """So many requests of this run are in the database."""

        through: int

    class Results(NamedTuple):
        """The next requests are done. Broken: no more will be. Failing: could the last ones not be stored?

        commit_seconds: what storing them took; None if they were not stored, or only questions.
        """

        results: List[Any]
        broken: bool
        failing: bool
        commit_seconds: Optional[float]

    class BackedUp(NamedTuple):
        """The copy that is being made is complete (True), or there is none, and why."""

        result: Union[bool, str]


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
        """A piece of what the node has come to."""

        piece: bytes

    class Keep(NamedTuple):
        """The pieces are all there: it had come to this with the entry of this id. Entries up to `floor` may go."""

        applied: str
        floor: int


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


class Shared:
    """What the nodes tell each other: entries of the order, for the hubs themselves."""

    class Beat(NamedTuple):
        """A node is alive. At the entry of number `place` the names and accounts had this checksum for it."""

        place: int
        checksum: int

    class Configure(NamedTuple):
        """The settings that decide are these from now on."""

        settings: Dict[str, Any]

    class Serve(NamedTuple):
        """A node has clients from now on."""

    class Snapshot(NamedTuple):
        """What all have come to is stored, as of the entry of this number."""

        place: int

    class Introduce(NamedTuple):
        """An account that somebody's file of users has, unless there is one."""

        name: bytes
        secret: str

    class WrongPassword(NamedTuple):
        """Somebody has tried one for the account."""

        host: str
        name: bytes

    class RightPassword(NamedTuple):
        """Likewise."""

        host: str
        name: bytes


def messages(direction: type) -> Dict[str, Type[Message]]:
    """{name: message} of one of the classes above; the name is that of the method which handles it."""
    return {_snake(name): kind for name, kind in vars(direction).items() if isinstance(kind, type)}


def _snake(name: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "_", name).lower()


_DIRECTIONS = (
    ToHub, ToWorker, Proven, Operated, Noticed, Settled, ToStore, ReadStore, ToJournal, FromJournal, ToHasher,
    FromHasher, ToKeeper, FromKeeper, ToEngine, FromEngine, Shared)
_NAMES = {kind: name for direction in _DIRECTIONS for name, kind in messages(direction).items()}


def name_of(message: Message) -> str:
    """The name of a message's method."""
    return _NAMES[type(message)]


def entry(message: Message) -> Tuple[str, Message]:
    """A message as an entry of the order (see `parley.server.order.at_hand`)."""
    return _NAMES[type(message)], message


def packed(message: Message) -> bytes:
    """A message as a frame for a queue (see `parley.server.ipc.queues.called`)."""
    return control(_NAMES[type(message)], *message)


def handlers(direction: type, *owners: object) -> Dict[str, Callable[..., Any]]:
    """{name: method} for every message of a direction: of that owner which has one of this name.

    TypeError if none of the owners has a method for a message, or more than one.
    """
    found = {}
    for name in messages(direction):
        methods = [getattr(owner, name) for owner in owners if hasattr(owner, name)]
        if len(methods) != 1:
            raise TypeError("%s.%s has %d handlers" % (direction.__name__, name, len(methods)))
        found[name] = methods[0]
    return found
