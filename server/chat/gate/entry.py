"""Who may make a room, and who may enter one."""
from typing import Callable, Collection, Dict, Optional

from parley.server.chat.accounts import Accounts
from parley.server.chat.gate.roles import Roles, is_reached
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.members import Members
from parley.server.chat.room import LOBBY_NAME
from parley.server.chat.rooms import OP, Room, Rooms
from parley.server.protocols.events import Reason
from parley.server.protocols.sealed import MOST_MEMBERS

_JOINS_AT_ONCE = 10000  # milliseconds' worth of joins that may come at once: clients come back to all their rooms


class Entry(Roles):
    """Making rooms, and entering them."""

    def __init__(self, members: Members, accounts: Accounts, rooms: Rooms, now: Callable[[], int],
                 keys: LoginThrottle) -> None:
        super().__init__(members, accounts, rooms, now)
        self._keys = keys
        self._paid_until: Dict[int, float] = {}  # holder -> until when its joins have used up its rate, milliseconds

    def forget(self, holder: int) -> None:
        """The session is gone."""
        super().forget(holder)
        self._paid_until.pop(holder, None)

    # ---- a new room

    def why_no_room(self, holder: int, owner: bytes, occupied: Collection[bytes]) -> Optional[str]:
        """Why the holder cannot make a room that `owner` will own. occupied: what the room's name occupies."""
        if self._rooms.is_alike(occupied) or self._accounts.owners(occupied):  # accounts from before there were rooms
            return Reason.INVALID_ROOM
        if self._has_no_room_left(self.origin_of(holder)):
            return Reason.TOO_MANY_ROOMS
        if self.is_protected(owner) and is_reached(self.limits["owned"], self._rooms.owned(owner)):
            return Reason.TOO_MANY_OWNED
        return None

    def _has_no_room_left(self, source: str) -> bool:
        """Is the limit of rooms reached? An address may make no more rooms than it leaves to others."""
        most, rooms = self.limits["most"], self._rooms.by_name.values()
        left = most - (len(rooms) - 1)  # without the lobby
        return bool(most) and (left <= 0 or bool(source) and sum(room.source == source for room in rooms) >= left)

    # ---- an existing room

    def why_not_enter(
            self, room: Room, holder: int, key: Optional[bytes], was_inside: bool = False) -> Optional[str]:
        """Why the holder may not enter the room. A wrong key is remembered.

        was_inside: as in `Entering.let_in`.
        """
        return self._why_kept_out(room, holder, self._members.names[holder], key, was_inside)

    def _why_kept_out(self, room: Room, holder: int, name: bytes, key: Optional[bytes],
                      was_inside: bool = False) -> Optional[str]:
        """As `why_not_enter`, under this name."""
        trouble = self._why_not_sealing(room, holder, name) if room.sealed else None
        if self._standing(room, name) >= OP or self._members.identities and self.is_above(room, holder, name):
            return trouble
        invited = was_inside or room.is_invited(name, self._now())
        account = self._members.identities.get(holder) or (name if self.is_protected(name) else b"")
        if room.banned and any(room.bans(one, account=account, user=self.user_of(holder)) for one in (
                name, *self._members.former.get(holder, ()))):
            trouble = Reason.BANNED
        elif room.invite and not invited and not room.lists(room.invex, name, account=account):
            trouble = Reason.INVITE_ONLY
        elif trouble and invited:
            return trouble
        elif is_reached(room.limit, len(room.members)):
            trouble = Reason.ROOM_FULL
        elif not trouble and room.key and not invited:
            trouble = self._why_not_with_key(room, holder, key)
        return Reason.INVITE_ONLY if trouble and room.private else trouble  # the true reason would say more of the room

    def _why_not_sealing(self, room: Room, holder: int, name: bytes) -> Optional[str]:
        """Why the holder, under this name, may not be in a sealed room, whatever its role."""
        if not self._can_seal(holder, name):
            return Reason.SEALED_ROOM
        return Reason.ROOM_FULL if len(room.members) >= MOST_MEMBERS else None

    def _why_not_with_key(self, room: Room, holder: int, key: Optional[bytes]) -> Optional[str]:
        """Why the key is refused. After wrong keys, further tries are refused for a while, as with passwords."""
        if key is None:
            return Reason.WRONG_KEY
        host = self._members.host(holder)
        if self._keys.wait(host, room.name):
            return Reason.TRY_LATER
        if key != room.key:
            self._keys.failed(host, room.name)
            return Reason.WRONG_KEY
        self._keys.succeeded(host, room.name)
        return None

    def why_no_more_joins(self, holder: int) -> Optional[str]:
        """Why the holder may enter no further room at the moment. If it may, the join is charged to its rate."""
        if is_reached(self.limits["joined"], len(self._rooms.joined(holder))):
            return Reason.TOO_MANY_JOINED
        rate, now = self.limits["joins_per_second"], self._now()
        if rate:
            paid_until = max(self._paid_until.get(holder, 0), now)
            if paid_until - now > _JOINS_AT_ONCE + 1000 / rate:  # the clock was set back
                paid_until = now
            if paid_until - now >= _JOINS_AT_ONCE:
                return Reason.JOINS_TOO_FAST
            self._paid_until[holder] = paid_until + 1000 / rate
        return None

    # ---- a room's own port

    def is_in_lobby(self, holder: int) -> bool:
        """Is the holder in the lobby, as everybody is who has not connected to a room's own port?"""
        return self._rooms.homes.get(holder, LOBBY_NAME) == LOBBY_NAME

    def why_not_come(self, holder: int, name: bytes) -> Optional[str]:
        """Why the holder, under this name, may not enter the room to whose port it has connected."""
        home = self._rooms.homes.get(holder)
        room = self._rooms.by_name.get(home) if home else None
        if room is None or room is self._rooms.lobby or holder in room.members:
            return None
        return self._why_kept_out(room, holder, name, None)

    def may_listen(self, room: Room, host: str) -> bool:
        """May a client without a name, from this address, hear the room to whose port it has connected?"""
        return (room.is_open and not room.sealed and not is_reached(room.limit, len(room.members))
                and not self._rooms.lobby.bans(b"", host))
