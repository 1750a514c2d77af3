"""Bans and mutes: the masks on the lists of a room, held against the names and accounts of a member."""
from typing import Collection, Optional

from parley.server.chat.gate.roles import Roles
from parley.server.chat.rooms import FROM_MUTES, OP, Room, is_mask
from parley.server.protocols.events import Reason


class Masks(Roles):
    """Whom the masks on the lists of a room mean.

    All names that a member has or lately had are compared, so that a ban or mute is not escaped by another name.
    """

    def is_banned(self, room: Room, holder: int) -> bool:
        """Is the member banned from the room, and not an op there?"""
        host, account = self._members.host(holder), self.account_of(holder) or b""
        return self.role(room, holder) < OP and any(
            room.bans(name, host, account, self.user_of(holder)) for name in self._members.names_of(holder))

    def why_barred(self, room: Room, holder: int) -> Optional[str]:
        """Why a member of the room may not speak there because of a mask, whatever it says."""
        if room.banned and self.is_banned(room, holder):
            return Reason.BANNED
        masks = [*filter(is_mask, room.muted)]
        return Reason.MUTED if self._is_muted(room, holder, masks) else None

    def _is_muted(self, room: Room, holder: int, mutes: Collection[bytes]) -> bool:
        """Is the member meant by any of these mutes of the room?"""
        account = self.account_of(holder) or b""
        return bool(mutes) and any(
            room.mutes(mutes, name, account, self.user_of(holder)) for name in self._members.names_of(holder))

    def _is_muted_by_name(self, room: Room, holder: int) -> bool:
        """Is the member muted by name, and not by a mask, for which see `why_barred`?"""
        return bool(room.muted) and self._is_muted(
            room, holder, [name for name in self._members.names_of(holder) if name in room.muted])

    def is_meant(self, room: Room, holder: int, mask: bytes) -> bool:
        """Can this mask on one of the room's lists mean the member?"""
        account, user = self.account_of(holder) or b"", self.user_of(holder)
        masks = [mask[len(FROM_MUTES):] if mask.startswith(FROM_MUTES) else mask]
        return any(room.lists(masks, name, "", account, user) for name in self._members.names_of(holder))
