"""Who has which role, by what name or account; the base of the gate's other parts."""
from typing import Callable, Dict, FrozenSet, Iterator, Mapping, Optional, Tuple

from parley.server.chat.accounts import Accounts
from parley.server.chat.members import Members
from parley.server.chat.origins import network
from parley.server.chat.rooms import MEMBER, NOBODY, OP, OPERATOR, Room, Rooms
from parley.server.protocols.events import Reason

# The limits of a server whose configuration says nothing; 0 is no limit.
LIMITS = {"most": 1000, "owned": 10, "joined": 50, "joins_per_second": 5, "topic_bytes": 390, "bans": 100,
          "empty_room_days": 30, "keep_messages": 0}


class Roles:
    """What the gate knows, and the roles that follow from it; see `Gate`."""

    def __init__(self, members: Members, accounts: Accounts, rooms: Rooms, now: Callable[[], int]) -> None:
        self.operators: FrozenSet[bytes] = frozenset()
        self.limits: Mapping[str, int] = LIMITS
        self.opered: Dict[int, bytes] = {}
        self.user_of: Callable[[int], bytes] = lambda holder: b""
        self._members = members
        self._accounts = accounts
        self._rooms = rooms
        self._now = now

    def forget(self, holder: int) -> None:
        """The session is gone."""
        self.opered.pop(holder, None)

    # ---- names and accounts

    def is_protected(self, name: bytes) -> bool:
        """Is this the name of an account with a password?"""
        account = self._accounts.accounts.get(name)
        return account is not None and account.secret is not None

    def account_of(self, holder: int) -> Optional[bytes]:
        """The account whose password the holder has given, or None."""
        identity, name = self._members.identities.get(holder), self._members.names.get(holder)
        return identity or (name if name is not None and self.is_protected(name) else None)

    def is_operator(self, name: Optional[bytes]) -> bool:
        """Is this an operator's name? Only if it has an account with a password: others could take the name."""
        return name is not None and name in self.operators and self.is_protected(name)

    def is_operator_here(self, holder: int) -> bool:
        """Has the holder an operator's name or account, or does it act as an operator?"""
        return self.is_operator(self._members.names.get(holder)) or self._is_operator_by_account(holder)

    def _is_operator_by_account(self, holder: int) -> bool:
        return self.is_operator(self._members.identities.get(holder)) or self.is_operator(self.opered.get(holder))

    def origin_of(self, holder: int) -> str:
        """The address of a member, in the form of `origins.network`; empty if it is not known."""
        return network(self._members.host(holder))

    def _can_seal(self, holder: int, name: bytes) -> bool:
        """Can the holder, under this name, seal what it says, and can others seal messages for it?"""
        account = self._accounts.accounts.get(name)
        return holder in self._rooms.sealing and account is not None and bool(account.devices)

    # ---- roles in a room

    def role(self, room: Room, holder: int) -> int:
        """The holder's role in a room."""
        if self.is_operator_here(holder):
            return OPERATOR
        if room is self._rooms.lobby:
            return MEMBER
        return room.members.get(holder, NOBODY)

    def roles(self, room: Room) -> Iterator[Tuple[int, int]]:
        """(holder, role) of each member of a room other than the lobby."""
        here = {self._members.called(name) for name in self.operators if self.is_protected(name)}
        for holder, role in room.members.items():
            is_operator = self.operators and (holder in here or self._is_operator_by_account(holder))
            yield holder, OPERATOR if is_operator else role

    def first_role(self, room: Room, name: bytes) -> int:
        """The role that a user has on entering, by this name."""
        return room.roles.get(name, MEMBER) if self.is_protected(name) else MEMBER

    def role_of_account(self, room: Room, holder: int, name: bytes) -> int:
        """The role that the holder has on entering, by this name or by its account: the higher one."""
        role, identity = self.first_role(room, name), self._members.identities.get(holder)
        return role if identity is None else max(role, self.first_role(room, identity))

    def is_above(self, room: Room, holder: int, name: bytes) -> bool:
        """Is the holder, under this name, an op of the room or an operator?"""
        return self.is_operator_here(holder) or self.role_of_account(room, holder, name) >= OP

    def role_as_another(self, room: Room, holder: int) -> int:
        """The role that the holder keeps if it changes its name to one without a password."""
        return MEMBER if self.keeps_behind(room, holder, self._members.names[holder]) else room.members[holder]

    def keeps_behind(self, room: Room, holder: int, name: bytes) -> bool:
        """Does the holder have its role by this name alone, so that it loses the role with the name?"""
        return name in room.roles and self._members.identities.get(holder) != name

    def _standing(self, room: Room, name: bytes) -> int:
        """The role that somebody of this name would have in the room, being outside of it now."""
        return OPERATOR if self.is_operator(name) else self.first_role(room, name)

    # ---- what a role shows

    def knows(self, room: Room, holder: int) -> bool:
        """May the holder know that the room exists?"""
        return not room.private or self.role(room, holder) != NOBODY

    def why_not_look(self, room: Optional[Room], holder: int) -> Optional[str]:
        """Why the holder may not see the room's members or history; None if it may."""
        if room is None or not self.knows(room, holder):
            return Reason.NO_ROOM
        return Reason.NOT_INSIDE if self.role(room, holder) == NOBODY else None


def is_reached(limit: int, count: int) -> bool:
    """Is the limit reached? 0 means that there is none."""
    return 0 < limit <= count
