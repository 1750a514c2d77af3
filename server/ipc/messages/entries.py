"""The entries of the order that are not requests of workers."""
from typing import Any, Collection, Dict, List, NamedTuple, Optional, Tuple, Union

from parley.server.ipc.messages.fields import Marker


class Proven:
    """Requests whose passwords have been checked: these get a place in the order, without the passwords."""

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
        """As `ToHub.Create`. unproven: there is a password, which is hashed once the name is known to be free."""

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
    """What an operator asks for; the token comes back with the answer. asker: always 0, for no session."""

    class SetPassword(NamedTuple):
        """The account, which may be a new one, has this secret."""

        asker: int
        token: int
        name: bytes
        secret: str

    class RemoveAccount(NamedTuple):
        """The account is deleted, and a member of its name disconnected."""

        asker: int
        token: int
        name: bytes

    class EmptyBox(NamedTuple):
        """The messages that are kept for the account are deleted."""

        asker: int
        token: int
        name: bytes

    class ManageRoom(NamedTuple):
        """As `ToHub.Manage`, by the server's administrator."""

        asker: int
        token: int
        room_name: bytes
        act: str
        about: bytes
        text: bytes

    class Announce(NamedTuple):
        """The server's administrator says something in the lobby."""

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
    """The store's answers, in the last field, to requests for a holder or for an operator's token."""

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
        """Are the messages that were kept for the account deleted?"""

        asker: int
        token: int
        stored: Optional[bool]

    class Kept(NamedTuple):
        """Is the message stored for which space was reserved?

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
        """Is the message with this tag, in the session of this key, stored?"""

        asker: int
        key: bytes
        tag: bytes
        stored: Optional[bool]

    class Began(NamedTuple):
        """The resumable session is stored, or cannot be. The fields are those of `ToWorker.Begun`.

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
        """How much is kept for the account: `ReadStore.Box`."""

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
        """Likewise for a direct message."""

        asker: int
        by: bytes
        to: bytes
        message: bytes
        why: bytes
        stored: Optional[bool]

    class RoomOpened(NamedTuple):
        """Is the new room, which the holder wants to enter, stored?"""

        asker: int
        room: int
        stored: Optional[bool]


class Shared:
    """Entries by which the nodes' hubs tell each other something."""

    class Beat(NamedTuple):
        """A node is alive. checksum: of its state (`ClusterHub._checksum`) after the entry of number `place`."""

        place: int
        checksum: int

    class Configure(NamedTuple):
        """These settings, which have to be the same on all nodes, are in force from now on."""

        settings: Dict[str, Any]

    class Serve(NamedTuple):
        """A node has clients from now on."""

    class Snapshot(NamedTuple):
        """There is a snapshot of the state after the entry of this number."""

        place: int

    class Introduce(NamedTuple):
        """An account of a node's users file, unless there is one of this name."""

        name: bytes
        secret: str

    class WrongPassword(NamedTuple):
        """Somebody at this address has given a wrong password for the account."""

        host: str
        name: bytes

    class RightPassword(NamedTuple):
        """Somebody at this address has given the right password for the account."""

        host: str
        name: bytes
