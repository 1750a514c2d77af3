"""What workers say to the hub."""
from typing import Any, Collection, Dict, NamedTuple, Optional, Sequence

from parley.server.ipc.messages.fields import Marks


class ToHub:
    """What a worker says for its sessions, or of itself."""

    # ---- a session asks, and waits for the answer

    class Claim(NamedTuple):
        """The session wants the name, with a password. command: Login, SignIn or Post."""

        session: int
        name: bytes
        occupied: Collection[bytes]
        command: str
        password: bytes
        host: str

    class ClaimUnproven(NamedTuple):
        """The session wants the name, and there is nothing to prove: no password was given, or the name has none.

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
        """The session asks for the identity of the sequence of message numbers: `run` in the answer."""

        session: int

    class Bring(NamedTuple):
        """The session is about to ask for a name, and is to be resumable with this key.

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
        """A member says something in a room, unless it has said it before with the same tag.

        serial: the message's number within the session.
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
        """A member subscribes to the presence of these names, in the place of those before.

        any_case: are capital and small letters the same in these names?
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
        """The real name and the user name of a session, which may have no name in the chat yet."""

        session: int
        real_name: bytes
        user: bytes = b""

    class SetName(NamedTuple):
        """A member has another real name."""

        session: int
        real_name: bytes

    class SetFlag(NamedTuple):
        """`parley.server.protocols.events.SetFlag`."""

        session: int
        flag: bytes
        on: bool

    class SetMetadata(NamedTuple):
        """`parley.server.protocols.events.SetMetadata`; either the room's name or the user's is empty."""

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
        """A member subscribes to metadata with these keys, in the place of those before."""

        session: int
        keys: Sequence[bytes]

    class Identify(NamedTuple):
        """A session, which may have no name yet, wants to prove that an account is its own.

        as_operator: it does so only to act as an operator.
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
        """A member asks who had this name before."""

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
        """A member has read a room, or (if `partner` is not empty) a conversation, up to this number."""

        session: int
        room: int
        partner: bytes
        number: int

    class ReadMark(NamedTuple):
        """`parley.server.protocols.events.ReadMark`; either the room's name or the partner is empty."""

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
        """A member sends a direct message. time: by the client's own clock, or None. tag: as in `SayOnce`.

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
        """A member enters a room, which is created if it does not exist.

        converses: its protocol's trait. If true, the name may differ from the room's in capital letters, and the answer
            may include who is there (`ToWorker.Around`).
        seals: can its client seal what it says?
        """

        session: int
        room_name: bytes
        occupied: Collection[bytes]
        key: Optional[bytes]
        converses: bool = False
        seals: bool = False

    class Exit(NamedTuple):
        """A member leaves the room. why: its own words, or empty."""

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
        """A member removes one of its direct messages: `parley.server.protocols.events.Redact`."""

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

    # ---- questions whose answers may be long: see `parley.server.worker.lookups`

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
        """Who is in the room, and what are its settings? Somebody who may not see that gets an answer without them."""

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

        run: the identity of the sequence to which the numbers of its marks belong.
        """

        sessions: Sequence[int]
        run: bytes
        marks: Marks
        through: int

    class Deliver(NamedTuple):
        """What is kept for the member? in_portions: for a client that reads a frame at a time."""

        sessions: Sequence[int]
        name: bytes
        in_portions: bool

    class Unread(NamedTuple):
        """From whom is something kept for the member, and how much?"""

        sessions: Sequence[int]
        name: bytes

    # ---- a worker reports

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
        """The answer to `ToWorker.Time`: for how many seconds the session has been here, and has said nothing."""

        asker: int
        session: int
        seconds: int
        idle: int
        host: str
        port: int

    class Arrived(NamedTuple):
        """There is a new session. Sent only while connections of one address are limited."""

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
        """The worker asks for the server's health, for somebody who has asked it."""

    class AskStatus(NamedTuple):
        """The worker asks for the data of the metrics, for somebody who has asked it."""

    class Alive(NamedTuple):
        """A sign of life, with the worker's counters."""

        report: Dict[str, Any]

    class Done(NamedTuple):
        """The worker, told to stop, has nothing more to ask."""
