"""What a chat with a server can ask, and whether it can now."""
import collections
import time
import unicodedata
from typing import Any, Deque, Dict, Iterable, Optional, Type

from parley.client.address import Address
from parley.client.protocol import LOBBY_ROOM, ClientProtocol, Impossible
from parley.client.protocols import CLIENT_PROTOCOLS
from parley.client.rooms import RoomRequests, place, room_name
from parley.server.protocols.text import canonical, is_blank

LOGINS = ("join", "login", "create")


class Requests(RoomRequests):
    """The requests of a `Chat`, except those about rooms; each method says which event is its result."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._protocol: Any = None  # of the current connection
        self._keys: Dict[str, Optional[str]] = {}  # of the rooms that are being entered, None where there is none
        self._ping_times: Deque[float] = collections.deque()
        self._new_passwords: Deque[str] = collections.deque()  # that are requested

    @property
    def me(self) -> Optional[str]:
        """The name under which you are logged in, or None."""
        me: Optional[str] = self._protocol.me if self._protocol else None
        return me

    @property
    def protocol(self) -> Type[ClientProtocol]:
        """The protocol: its class has what is the same for all of its connections, such as MAX_TEXT_BYTES."""
        return CLIENT_PROTOCOLS[self.address.protocol]

    def can(self, request: str) -> bool:
        """Does the protocol support this request, such as "whisper"? It is the name of the method."""
        return request not in self.protocol.UNSUPPORTED

    @property
    def keeps_files(self) -> bool:
        """Does the server that you are connected to keep files?"""
        return bool(self._protocol and self._protocol.longest_file)

    def check(self, request: str) -> None:
        """Raise `Impossible` if this request, the name of a method, cannot be made now."""
        if not self.can(request):
            raise Impossible(self.protocol.UNSUPPORTED[request])
        if request in LOGINS:
            if self.me is not None:
                raise Impossible("You are %s already." % self.me)
        elif not self._protocol:
            raise Impossible("You are not connected to a server.")
        elif self.me is None:
            raise Impossible("You have not set a nickname.")
        elif request == "send_file" and not self.keeps_files:
            raise Impossible("This server keeps no files.")

    # ---- logins

    def enter(self, name: str, password: Optional[str] = None) -> None:
        """`login` if there is a password, else `join`."""
        if password is None:
            self.join(name)
        else:
            self.login(name, password)

    def join(self, name: str) -> None:
        """Log in as `name`, without a password. In `delimited` this creates the account if there is none."""
        if self.me is None:
            self._enter("join", nfc(name))
        else:
            self.rename(name)

    def login(self, name: str, password: Optional[str]) -> None:
        """Log in to the account `name`."""
        self._enter("login", nfc(name), password or "")

    def create(self, name: str, password: Optional[str] = None) -> None:
        """Create the account `name`, and log in to it; or, in `line` and `web`, make one of the name that you have."""
        name = nfc(name)
        if name == self.me and password and self.can("change_password"):
            self._request("protect", password)
            self._new_passwords.append(password)
        else:
            self._enter("create", name, password)

    def change_password(self, old: str, new: str) -> None:
        """Change the password of your account, which is `old` now."""
        self._request("change_password", old, new)
        self._new_passwords.append(new)

    def rename(self, name: str) -> None:
        """Change the name to `name`."""
        self._request("rename", nfc(name))

    def delete(self) -> None:
        """Delete your account."""
        self._request("delete")

    # ---- talk

    def join_room(self, room: str, key: Optional[str] = None) -> None:
        """Enter `room`, which is made if there is none of this name; `key`: the word that its owner may demand.

        The chat enters it again when it has reconnected.
        """
        super().join_room(room, key)
        self._keys[room_name(room)] = key

    def say(self, text: str, room: Optional[str] = None) -> None:
        """Say `text` in `room`, None: in the lobby."""
        text, room = _canonical(text), place(room)
        if room:
            self.check("join_room")
        if not is_blank(text.encode()):
            self._request("say", text, *filter(None, [room]))

    def whisper(self, to: str, text: str) -> None:
        """Say `text` to one user alone."""
        text = _canonical(text)
        if not is_blank(text.encode()):
            self._request("whisper", nfc(to), text)

    def typing(self, to: Optional[str] = None) -> None:
        """Let others know that you are typing: in the lobby, or in the room or to the user `to`. Nothing answers."""
        self._request("typing", None if to == LOBBY_ROOM else to and nfc(to))

    def away(self, is_away: bool = True) -> None:
        """Let those who watch you know that you are away, or here again. Nothing answers."""
        self._request("away", is_away)

    # ---- questions

    def users(self, pattern: Optional[str] = None) -> None:
        """The users whose names match a shell pattern, or all: `Users`."""
        self._request("users", pattern)

    def describe(self, name: str) -> None:
        """The address from which a user is connected: `Described`."""
        self._request("describe", nfc(name))

    def watch(self, names: Iterable[str]) -> None:
        """Be told who of these is here, away or gone, now and when it changes: `Presence`. Of nobody else any more."""
        self._request("watch", [nfc(name) for name in names])

    def ping(self) -> None:
        """The round-trip time: `Pong`."""
        start = time.perf_counter()
        self._request("ping")
        self._ping_times.append(start)

    def history(self, partner: Optional[str] = None, most: Optional[int] = None) -> None:
        """The latest messages in the lobby, or in the room or with the user `partner`, at most `most`: `Recalled`s."""
        self._request("history", None if partner == LOBBY_ROOM else partner and nfc(partner), most)

    def deliver(self) -> None:
        """The direct messages that were kept while you were away: `Whispered` for each, in `delimited` `Said`."""
        self._request("deliver")

    # ---- how they are sent

    def _request(self, method: str, *arguments: Any) -> None:
        self.check(method)
        getattr(self._protocol, method)(*arguments)
        self._flush()

    def _enter(self, method: str, name: str, *arguments: Optional[str]) -> None:
        """Request this login, now or once there is a connection."""
        raise NotImplementedError

    def _flush(self) -> None:
        """Send what can be sent now."""
        raise NotImplementedError


def nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())


def _canonical(text: str) -> str:
    return canonical(text.encode("utf-8", "replace")).decode()
