"""Who may say what in a room."""
from typing import Optional

from parley.server.chat.gate.masks import Masks
from parley.server.chat.rooms import MEMBER, VOICE, Room
from parley.server.protocols.events import Reason
from parley.server.protocols.sealed import is_envelope


class Speech(Masks):
    """Saying something, and typing. A method that allows talk in a slow room notes the time."""

    def why_not_say(self, room: Room, holder: int, text: bytes) -> Optional[str]:
        """Why the holder may not say this in the room."""
        role = room.members.get(holder) if room is not self._rooms.lobby else MEMBER
        if role is None:
            return Reason.NOT_INSIDE
        if room.sealed and not is_envelope(text):
            return Reason.NOT_SEALED
        if not room.is_restricted or role >= VOICE:
            return None
        name = self._members.names.get(holder)
        if self.is_operator(name) or (
                (self.opered or self._members.identities) and self._is_operator_by_account(holder)):
            return None
        if name is not None and self._is_muted_by_name(room, holder):
            return Reason.MUTED
        if holder in room.barred:
            return room.barred[holder]
        if room.moderated:
            return Reason.MODERATED
        return self._why_too_soon(room, holder)

    def why_not_say_outside(self, room: Optional[Room], holder: int) -> Optional[str]:
        """Why the holder may not speak in a room that it is not in."""
        if room is None or not self.knows(room, holder):
            return Reason.NO_ROOM
        if not (room.open_talk and room.is_open) or room.sealed or room is self._rooms.lobby:
            return Reason.NOT_INSIDE
        names, account = self._members.names_of(holder), self.account_of(holder) or b""
        if room.banned and any(room.bans(name, account=account, user=self.user_of(holder)) for name in names):
            return Reason.BANNED
        if self._is_muted(room, holder, room.muted):
            return Reason.MUTED
        if room.moderated:
            return Reason.MODERATED
        return self._why_too_soon(room, holder)

    def _why_too_soon(self, room: Room, holder: int) -> Optional[str]:
        if room.slow:
            now = self._now()
            if 0 <= now - room.spoke.get(holder, 0) < room.slow * 1000:  # the clock may be set back
                return Reason.SLOW_MODE
            room.spoke[holder] = now
        return None

    def may_type(self, room: Room, holder: int) -> bool:
        """Is the room told that the holder is typing? Only if the holder is in the room, and may speak there."""
        role = room.members.get(holder, MEMBER)
        if room is not self._rooms.lobby and holder not in room.members:
            return False
        if not room.is_restricted or role >= VOICE or self.is_operator_here(holder):
            return True
        return not (room.moderated or holder in room.barred or self._is_muted_by_name(room, holder))
