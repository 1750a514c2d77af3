"""Messages between the hub and its store, which is in the hub's process or the journal's."""
from typing import Any, List, NamedTuple, Optional, Tuple, Union


class ToStore:
    """Writes to the store, which is in the hub's process or in the journal's.

    `parley.server.storage.memory.Store` has a method for each of these, which explains the fields. The answer is True
    unless a message says otherwise, and None for any request that failed.
    """

    class Reserve(NamedTuple):
        """Reserve all numbers up to this one."""

        through: int

    class Release(NamedTuple):
        """Give back the reserved numbers after this one, which were not used."""

        last: int

    class Whisper(NamedTuple):
        """Store a direct message."""

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
        """Store a message in a room: a talk frame with one message, its tag, and the key of its session."""

        key: bytes
        tag: bytes
        frame: bytes

    class KeepSession(NamedTuple):
        """Store a session, or its present name."""

        key: bytes
        name: bytes
        account: bool
        since: int
        source: str

    class DropSessions(NamedTuple):
        """These sessions have ended."""

        keys: List[bytes]

    class MarkRead(NamedTuple):
        """Move the read marker of a room, or of the conversation with a partner."""

        owner: bytes
        room: int
        partner: bytes
        number: int

    class Keep(NamedTuple):
        """Keep a stored direct message in the receiver's box, as it was not delivered."""

        time: int
        sender: bytes
        to: bytes
        text: bytes
        source: str

    class Taken(NamedTuple):
        """Remove from a box what has been delivered."""

        name: bytes
        last: int
        sender: Optional[bytes] = None

    class Expire(NamedTuple):
        """Remove from a box what is older than a time."""

        name: bytes
        before: int

    class KeepRoom(NamedTuple):
        """Store a room that outlives its last member."""

        room: int
        room_name: bytes
        state: str

    class KeepMetadata(NamedTuple):
        """Store the metadata of an account."""

        name: bytes
        state: str

    class Redact(NamedTuple):
        """Replace a message in a room. The answer may be False, or a `Reason`."""

        room: int
        number: int
        names: List[bytes]
        since: int
        text: bytes

    class RedactAlone(NamedTuple):
        """Replace a direct message. The answer may be False."""

        number: int
        sender: bytes
        to: bytes
        since: int
        text: bytes

    class CloseRoom(NamedTuple):
        """Delete a room with its messages."""

        room: int

    class OpenAccount(NamedTuple):
        """Store a new account."""

        name: bytes
        secret: Optional[str]

    class Protect(NamedTuple):
        """Store another secret of an account."""

        name: bytes
        secret: str

    class KeepDevices(NamedTuple):
        """Store the list of devices of an account."""

        name: bytes
        data: bytes

    class Use(NamedTuple):
        """Note that an account is used now."""

        name: bytes

    class CloseAccount(NamedTuple):
        """Delete an account."""

        name: bytes

    class Backup(NamedTuple):
        """Copy the store to an absolute path. Answered once that is done, by True or by a sentence that says why not.

        Later requests may be answered before.
        """

        path: str


class ReadStore:
    """Questions to the store, which change nothing. `parley.server.storage.memory.Store` has a method for each."""

    class Kept(NamedTuple):
        """The messages in a box."""

        name: bytes

    class Unread(NamedTuple):
        """How many messages are in a box, by sender."""

        name: bytes

    class Box(NamedTuple):
        """How much is in a box, by source."""

        name: bytes

    class Past(NamedTuple):
        """A conversation, with what is in the box of `name` from the partner."""

        name: bytes
        partner: bytes

    class Lobby(NamedTuple):
        """Messages of the lobby."""

        since: Optional[int]
        most: int

    class Room(NamedTuple):
        """Messages of a room, by places."""

        room: int
        since: Optional[int]
        most: int
        after: int

    class Browse(NamedTuple):
        """A page of the messages of a room."""

        room: int
        before: Optional[int]
        after: Optional[int]
        most: int
        since: int

    class BrowseDirect(NamedTuple):
        """A page of a conversation, and how much of it is in the box of `name`."""

        name: bytes
        partner: bytes
        before: Optional[int]
        after: Optional[int]
        most: int
        since: int

    class BrowseExactly(NamedTuple):
        """A page of a room, or (if `partner` is not empty) of a conversation, with extras and by times too."""

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
        """Rooms and conversations whose latest message lies between two times."""

        name: bytes
        rooms: List[int]
        after_time: int
        before_time: int
        most: int

    class CatchUp(NamedTuple):
        """What a resumed session has missed."""

        rooms: List[Tuple[int, int]]
        name: bytes
        after: Optional[int]
        since: int
        through: int

    class Markers(NamedTuple):
        """The read markers of an owner."""

        owner: bytes

    class Listed(NamedTuple):
        """A page of accounts."""

        after: bytes
        most: int

    class Outside(NamedTuple):
        """A page of a box, without the texts."""

        name: bytes
        after: int
        most: int


class ToJournal:
    """What the hub says to the process of the journal, beside requests."""

    class Begin(NamedTuple):
        """The first message. run: a text that identifies this life of the server. answered: requests with an answer."""

        run: str
        answered: int


class FromJournal:
    """What the process of the journal says to the hub."""

    class Through(NamedTuple):
        """The answer to `Begin`: how many requests of this run are in the database, or were answered."""

        through: int

    class Results(NamedTuple):
        """The results of the next requests.

        broken: does the process end without doing any more? failing: could these not be stored?
        commit_seconds: duration of the transaction; None if it failed, or if there were only questions.
        """

        results: List[Any]
        broken: bool
        failing: bool
        commit_seconds: Optional[float]

    class BackedUp(NamedTuple):
        """The copy that is being made is complete (True), or has failed, and why."""

        result: Union[bool, str]
