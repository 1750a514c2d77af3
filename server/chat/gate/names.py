"""Who may be here under which name, and which names may get an account."""
from typing import Callable, Collection, List, Optional, Tuple

from parley.server.chat.accounts import Accounts
from parley.server.chat.gate.entry import Entry
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.members import Members
from parley.server.chat.names import claims
from parley.server.chat.origins import Origin, origin
from parley.server.chat.rooms import OP, Rooms
from parley.server.protocols.events import Reason

_KICKED_FOR = 60000  # milliseconds that somebody who was kicked from the lobby is kept away
_FIRST_OF_ROOMS = b"#&"  # with either of these begin the names of rooms, and of no users


class Names(Entry):
    """Names. Whether one is taken already, `parley.server.chat.claims` decides."""

    def __init__(self, members: Members, accounts: Accounts, rooms: Rooms, now: Callable[[], int],
                 keys: LoginThrottle) -> None:
        super().__init__(members, accounts, rooms, now, keys)
        # (what the name occupies, address, until when in milliseconds) of those who were kicked from the lobby.
        self._kicked: List[Tuple[Collection[bytes], Origin, int]] = []

    def why_no_name(self, name: bytes, holder: int, host: str = "") -> Optional[str]:
        """Why the holder, from this address, may not be here under the name."""
        if name not in self._accounts.accounts:
            if self.is_of_rooms(name):
                return Reason.INVALID_NAME
            if not self._accounts.guests:
                return Reason.ACCOUNT_REQUIRED
        return self.why_kept_away(name, host) or (self.why_not_come(holder, name) if self._rooms.homes else None)

    def why_no_other_name(self, name: bytes, holder: int) -> Optional[str]:
        """Why the member may not have this name instead of its own."""
        for room in self._rooms.joined(holder):
            if self.role_as_another(room, holder) < OP and room.bans(
                    name, account=self._members.identities.get(holder, b""), user=self.user_of(holder)):
                return Reason.BANNED
            if room.sealed and not self._can_seal(holder, name):
                return Reason.SEALED_ROOM
        return self.why_no_name(name, holder, self._members.host(holder))

    def why_no_account(self, name: bytes) -> Optional[str]:
        """Why no client may make an account of this name."""
        if not self._accounts.register:
            return Reason.REGISTRATION_CLOSED
        if name in self.operators:
            return Reason.NAME_TAKEN  # its account was deleted: only the administrator may make another
        return Reason.INVALID_NAME if self.is_of_rooms(name) else None

    @staticmethod
    def is_of_rooms(name: bytes) -> bool:
        """Does the name begin like that of a room, or look as if it did?"""
        return name[0] in _FIRST_OF_ROOMS or name[0] > 0x7F and any(
            claim[0] in _FIRST_OF_ROOMS for claim in claims(name) if claim)

    def why_kept_away(self, name: bytes, host: str) -> Optional[str]:
        """Why nobody from this address may be here under the name at the moment: it is banned, or was kicked."""
        lobby = self._rooms.lobby
        if lobby.banned and not self.is_operator(name) and lobby.bans(name, host):
            return Reason.BANNED
        if self._kicked and host:
            occupied, now = claims(name), self._now()
            for names, source, until in self._kicked:
                if now < until <= now + _KICKED_FOR and source == origin(host) and not occupied.isdisjoint(names):
                    return Reason.TRY_LATER
        return None

    def kicked(self, name: bytes, host: str) -> None:
        """A user was kicked from the lobby: for a while the name is not given to the same address again."""
        now = self._now()
        self._kicked = [one for one in self._kicked if now < one[2] <= now + _KICKED_FOR]  # the clock may be set back
        if host:
            self._kicked.append((claims(name), origin(host), now + _KICKED_FOR))
