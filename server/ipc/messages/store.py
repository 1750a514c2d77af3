"""Messages between the hub and its store, which is in the hub's process or the journal's."""
from typing import Any, List, NamedTuple, Optional, Tuple, Union


class ToStore:
    """What the hub asks of the store, in its own process or in the journal's; see `parley.server.storage.memory`.

    A write is answered with True, and anything with None that could not be done.
    """

    class Reserve(NamedTuple):
        """Reserve all numbers up to this one."""

        through: int

    class Release(NamedTuple):
        """Give back the reserved numbers after this one, which were not used."""

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
        """Keep a direct message that is stored already, as it was not delivered."""

        time: int
        sender: bytes
        to: bytes
        text: bytes
        source: str

    class Taken(NamedTuple):
        """The kept messages up to an id, of one sender or (None) of all, have been delivered."""

        name: bytes
        last: int
        sender: Optional[bytes] = None

    class Expire(NamedTuple):
        """Delete what was kept before this time, in seconds."""

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
