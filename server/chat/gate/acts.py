"""Acts: what may be done to a room and its members, such as kick, ban and set."""
from typing import Collection, Dict, NamedTuple, Optional, Sequence, Tuple

from parley.server.chat.gate.roles import Roles, is_reached
from parley.server.chat.gate.settings import INVALID, setting, settings_of
from parley.server.chat.names import InvalidName, room_and_claims
from parley.server.chat.rooms import MEMBER, NOBODY, OP, OPERATOR, OWNER, SETTINGS, Room, size_of
from parley.server.protocols.events import Reason
from parley.server.protocols.sealed import MOST_MEMBERS

MOST_INVITED = 1000  # to one room, who have not entered it yet
MOST_OF_LISTS = 12 << 20  # bytes of memory: bans, mutes, exceptions and invitations of all rooms
_NO_NUMBER = (1 << 63) - 1  # greater than that of any message


class _Act(NamedTuple):
    """The preconditions of an act.

    role: the lowest role that may do it; `Acts._why_not_with_role` has the exceptions.
    about_user: must its target be online? about_member: must its target be in the room?
    outranks: must the role of its target be at most one's own, and lower if the target is an owner or operator?
    in_lobby: can it be done in the lobby?
    gives_role: does it change the target's best role? Not that of an owner: the limit of owned rooms counts on that.
    """

    role: int
    about_user: bool = False
    about_member: bool = False
    outranks: bool = False
    in_lobby: bool = False
    gives_role: bool = False


_ACTS: Dict[str, _Act] = {
    "topic": _Act(OP, in_lobby=True),
    "invite": _Act(MEMBER, about_user=True),
    "kick": _Act(OP, about_member=True, outranks=True, in_lobby=True),
    "ban": _Act(OP, outranks=True, in_lobby=True),
    "unban": _Act(OP, in_lobby=True),
    "bar": _Act(OP, outranks=True),
    "except": _Act(OP),
    "unexcept": _Act(OP),
    "invex": _Act(OP),
    "uninvex": _Act(OP),
    "mute": _Act(OP, outranks=True, in_lobby=True),
    "unmute": _Act(OP, in_lobby=True),
    "voice": _Act(OP, about_member=True, outranks=True),
    "devoice": _Act(OP, about_member=True, outranks=True),
    "op": _Act(OP, about_member=True, outranks=True, gives_role=True),
    "deop": _Act(OP, about_member=True, outranks=True, gives_role=True),
    "set": _Act(OP, in_lobby=True),
    "drop": _Act(OWNER),
    "rename": _Act(OP),
    "redact": _Act(MEMBER, in_lobby=True),
}
_WITH_TEXT = ("topic", "kick", "ban", "bar", "mute", "rename", "redact")  # a topic, or why it is done
# Acts -> the list of the room to which they add an entry, or from which they remove one.
_PUTS = {"ban": "banned", "bar": "banned", "mute": "muted", "except": "excepted", "invex": "invex"}
_TAKES_OFF = {"unban": "banned", "unmute": "muted", "unexcept": "excepted", "uninvex": "invex"}
_NOT_ON = {"unban": Reason.NOT_BANNED, "unmute": Reason.NOT_MUTED}
_LOBBY_SETTINGS = ("moderated", "slow")


class Acts(Roles):
    """Acts, as `parley.server.protocols.events.Manage` has them."""

    def why_not_manage(self, room: Room, holder: int, act: str, about: bytes, text: bytes) -> Optional[str]:
        """Why the holder may not do this to the room."""
        return self.why_not_with(self.role(room, holder), room, holder, act, about, text)

    def why_not_with(self, role: int, room: Room, holder: int, act: str, about: bytes, text: bytes) -> Optional[str]:
        """Why somebody with this role may not do it. holder: 0 for the administrator, who is not online."""
        rule = _ACTS[act]
        if role == NOBODY:
            return Reason.NOT_INSIDE if self.knows(room, holder) else Reason.NO_ROOM
        if room is self._rooms.lobby and not rule.in_lobby or (
                act in ("drop", "rename") and room.name in self._rooms.with_ports):
            return Reason.IS_LOBBY
        return (self._why_not_with_role(room, rule, role, act)
                or self._why_not_about(room, rule, role, holder, about)
                or self._why_no_value(room, act, about, text))

    def _why_not_with_role(self, room: Room, rule: _Act, role: int, act: str) -> Optional[str]:
        needed = rule.role
        if room is self._rooms.lobby and act != "redact":
            needed = OPERATOR
        elif act == "invite" and not room.is_open:
            needed = OP
        elif act == "drop" and not room.lasts:
            needed = OP
        elif act == "topic" and room.open_topic:
            needed = MEMBER
        return Reason.NOT_ALLOWED if role < needed else None

    def _why_not_about(self, room: Room, rule: _Act, role: int, holder: int, about: bytes) -> Optional[str]:
        whom = self._members.described_as(about)
        if (rule.about_user or rule.about_member) and whom is None:
            return Reason.NOBODY
        if rule.about_member and room is not self._rooms.lobby and whom not in room.members:
            return Reason.NOT_THERE
        if rule.outranks and (whom != holder or role == OWNER and rule.gives_role):
            its = self.role(room, whom) if whom in room.members else self._standing(room, about)
            return Reason.OUTRANKED if its > role or its == role >= OWNER else None
        return None

    def _why_no_value(self, room: Room, act: str, about: bytes, text: bytes) -> Optional[str]:
        if act in _WITH_TEXT and is_reached(self.limits["topic_bytes"], len(text) - 1):
            return Reason.TEXT_TOO_LONG
        if act == "rename":
            return self._why_no_such_name(room, about)
        if act == "redact" and not (about.isdigit() and len(about) < 19):
            return Reason.NO_SUCH_NUMBER
        if act == "invite" and about not in room.invited:
            is_full = len(room.invited) >= MOST_INVITED and room.is_invited(next(iter(room.invited)), self._now())
            return Reason.LIST_FULL if is_full or self._has_no_space_left(room, 0) else None
        if act in _PUTS:
            if len(about.decode(errors="replace").split()) != 1:  # there is no white space in any name
                return Reason.NOBODY
            size = size_of(about, b"", text)
            is_full = self.is_full(getattr(room, _PUTS[act])) or self._has_no_space_left(room, size)
            return Reason.LIST_FULL if is_full else None
        if act in _TAKES_OFF and about not in getattr(room, _TAKES_OFF[act]):
            return _NOT_ON.get(act, Reason.NOBODY)
        return self._why_not_set(room, about, text) if act == "set" else None

    def is_full(self, entries: Collection[bytes]) -> bool:
        """Is this list of the room as long as it may be?"""
        return is_reached(self.limits["bans"], len(entries))

    def _has_no_space_left(self, room: Room, size: int) -> bool:
        """Is there no memory for another `size` bytes on the lists of the room?

        The lists of all rooms share MOST_OF_LISTS. Those of rooms that were made from one address may take no more of
        it than they leave to others. The lists of the lobby count, but may always grow.
        """
        space = self._rooms.space
        left = MOST_OF_LISTS - size - space.total
        return room is not self._rooms.lobby and (
            left < 0 or bool(room.source) and left < size + space.of_sources.get(room.source, 0))

    def _why_not_set(self, room: Room, about: bytes, text: bytes) -> Optional[str]:
        known = _LOBBY_SETTINGS if room is self._rooms.lobby else SETTINGS
        for name, value in settings_of(about, text):
            if name.decode(errors="replace") not in known or setting(name, value) is INVALID:
                return Reason.INVALID_SETTING
            if name == b"sealed" and setting(name, value):
                trouble = self._why_not_seal(room)
                if trouble:
                    return trouble
        return None

    def _why_not_seal(self, room: Room) -> Optional[str]:
        """Why the room cannot be set to sealed messages only, which every member must be able to read."""
        if room.name in self._rooms.with_ports:
            return Reason.IS_LOBBY
        if not all(self._can_seal(holder, self._members.names[holder]) for holder in room.members):
            return Reason.CANNOT_SEAL
        return Reason.ROOM_FULL if len(room.members) > MOST_MEMBERS else None

    def _why_no_such_name(self, room: Room, name: bytes) -> Optional[str]:
        """Why the room cannot have this name."""
        try:
            canonical, occupied = room_and_claims(name)
        except InvalidName:
            return Reason.INVALID_ROOM
        if self._rooms.is_like_another(room, occupied):
            return Reason.NAME_TAKEN
        return Reason.INVALID_ROOM if canonical != name or self._accounts.owners(occupied) else None

    # ---- removing messages

    def whose_messages(self, room: Room, holder: int) -> Tuple[Sequence[bytes], int]:
        """(names, number): the holder may remove messages of the room by these names after this number.

        No names mean everybody's messages. A guest may remove nothing from before its session began: another guest may
        have said it under the same name.
        """
        if self.role(room, holder) >= OP:
            return (), 0
        name = self._members.names[holder]
        return ((name,) if self.is_protected(name) else self._members.names_of(holder)), self.since_of_messages(holder)

    def since_of_messages(self, holder: int) -> int:
        """Messages under the holder's name are its own after this number; all are, if the name is an account's."""
        since = 0 if self.is_protected(self._members.names[holder]) else self._members.since(holder)
        return _NO_NUMBER if since is None else since
