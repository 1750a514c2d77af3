"""The gate (authorization): may this user do this now? A refusal is a Reason, and changes nothing.

It is asked before each command that affects others, in the order of the entries. It depends only on the state that
these have led to, and on the settings.
"""
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from parley.server.chat.accounts import Accounts
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.members import Members
from parley.server.chat.names import InvalidName, claims, room_and_claims
from parley.server.chat.origins import Origin, network, origin
from parley.server.chat.room import LOBBY_NAME
from parley.server.chat.rooms import (
    COUNTS,
    FROM_MUTES,
    MEMBER,
    NOBODY,
    OP,
    OPERATOR,
    OWNER,
    SETTINGS,
    SWITCHES,
    VOICE,
    Room,
    Rooms,
    is_mask,
    size_of,
)
from parley.server.protocols.events import Reason
from parley.server.protocols.sealed import MOST_MEMBERS, is_envelope

# The limits of a server whose configuration says nothing; 0 is no limit.
LIMITS = {"most": 1000, "owned": 10, "joined": 50, "joins_per_second": 5, "topic_bytes": 390, "bans": 100,
          "empty_room_days": 30, "keep_messages": 0}
_JOINS_AT_ONCE = 10000  # milliseconds' worth of joins that may come at once: clients come back to all their rooms
_KICKED_FOR = 60000  # milliseconds
_FIRST_WITHOUT_NAME = b"#&"  # of a name, with which those of rooms begin
_MOST_COUNT = 10 ** 6
_LONGEST_KEY = 64  # bytes
MOST_INVITED = 1000  # to one room, who have not come yet
MOST_OF_LISTS = 12 << 20  # bytes of memory: bans, mutes, exceptions and invitations of all rooms
_NO_NUMBER = (1 << 63) - 1  # of a message


class _Act(NamedTuple):
    """The preconditions of an act.

    role: the lowest role that may do it; `Gate._why_not_with_role` has the exceptions.
    about_user, about_member: is it about somebody who has to be on the server, or in the room?
    outranks: must the role of its target be at most one's own, and lower if the target is an owner or operator?
    in_lobby: can it be done in the lobby?
    gives_role: does it change the target's best role? An owner stays one; else the limit of owned rooms would fail.
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
_WITH_TEXT = ("topic", "kick", "ban", "bar", "mute", "rename", "redact")  # or why
# What these put on a list, or take off it.
_PUTS = {"ban": "banned", "bar": "banned", "mute": "muted", "except": "excepted", "invex": "invex"}
_TAKES_OFF = {"unban": "banned", "unmute": "muted", "unexcept": "excepted", "uninvex": "invex"}
_LOBBY_SETTINGS = ("moderated", "slow")


class Gate:
    """Decides who may do what.

    operators: the names that may do all of it in every room, as long as they are those of accounts with passwords.
    limits: {name: number}, see LIMITS.
    now: gives milliseconds since the epoch, those of the entry.
    keys: the `LoginThrottle` for wrong keys of rooms; it has the same clock.
    opered: {holder: account} of those who have given the password of an operator's account to act as one.
    user_of: a function that returns the user name that the holder's client has sent, or nothing.
    """

    def __init__(self, members: Members, accounts: Accounts, rooms: Rooms, now: Callable[[], int],
                 keys: LoginThrottle) -> None:
        self.operators: FrozenSet[bytes] = frozenset()
        self.limits: Mapping[str, int] = LIMITS
        self.opered: Dict[int, bytes] = {}
        self.user_of: Callable[[int], bytes] = lambda holder: b""
        self._members = members
        self._accounts = accounts
        self._rooms = rooms
        self._now = now
        self._keys = keys
        # (what the name occupies, address, until when, milliseconds) of who was kicked from the lobby.
        self._kicked: List[Tuple[Collection[bytes], Origin, int]] = []
        self._paid_until: Dict[int, float] = {}  # holder -> how far its joins have used up its rate, milliseconds

    def forget(self, holder: int) -> None:
        """The session is gone."""
        self._paid_until.pop(holder, None)
        self.opered.pop(holder, None)

    # ---- roles

    def role(self, room: Room, holder: int) -> int:
        """The holder's role in a room."""
        if self.is_operator_here(holder):
            return OPERATOR
        if room is self._rooms.lobby:
            return MEMBER
        return room.members.get(holder, NOBODY)

    def roles(self, room: Room) -> Iterator[Tuple[int, int]]:
        """(holder, role) of each member of a room, which is not the lobby."""
        here = {self._members.called(name) for name in self.operators if self.is_protected(name)}
        for holder, role in room.members.items():
            is_operator = self.operators and (holder in here or self._is_operator_by_account(holder))
            yield holder, OPERATOR if is_operator else role

    def is_operator(self, name: Optional[bytes]) -> bool:
        """Is this an operator's name? Not while it has no account with a password, as anybody could take it then."""
        return name is not None and name in self.operators and self.is_protected(name)

    def is_operator_here(self, holder: int) -> bool:
        """Has the holder an operator's name or account, or acts as one?"""
        return self.is_operator(self._members.names.get(holder)) or self._is_operator_by_account(holder)

    def _is_operator_by_account(self, holder: int) -> bool:
        return self.is_operator(self._members.identities.get(holder)) or self.is_operator(self.opered.get(holder))

    def account_of(self, holder: int) -> Optional[bytes]:
        """The account whose password the holder has given, or None."""
        identity, name = self._members.identities.get(holder), self._members.names.get(holder)
        return identity or (name if name is not None and self.is_protected(name) else None)

    def role_of_account(self, room: Room, holder: int, name: bytes) -> int:
        """The role of the holder, who is to have this name, on entering a room: by the name or by its account."""
        role, identity = self.first_role(room, name), self._members.identities.get(holder)
        return role if identity is None else max(role, self.first_role(room, identity))

    def first_role(self, room: Room, name: bytes) -> int:
        """The role that a user of this name has on entering."""
        return room.roles.get(name, MEMBER) if self.is_protected(name) else MEMBER

    def role_as_another(self, room: Room, holder: int) -> int:
        """The holder's role in a room under another name, which has no password: an account's role stays with that."""
        return MEMBER if self.keeps_behind(room, holder, self._members.names[holder]) else room.members[holder]

    def keeps_behind(self, room: Room, holder: int, name: bytes) -> bool:
        """Is the holder's role under this name that of an account, so that it loses it with another name?"""
        return name in room.roles and self._members.identities.get(holder) != name

    def _standing(self, room: Room, name: bytes) -> int:
        """The role that a user of this name, who is not in the room, would have there."""
        return OPERATOR if self.is_operator(name) else self.first_role(room, name)

    def is_protected(self, name: bytes) -> bool:
        """Is this the name of an account with a password?"""
        account = self._accounts.accounts.get(name)
        return account is not None and account.secret is not None

    def knows(self, room: Room, holder: int) -> bool:
        """May the holder know that the room exists?"""
        return not room.private or self.role(room, holder) != NOBODY

    def why_not_look(self, room: Optional[Room], holder: int) -> Optional[str]:
        """Why the holder may not see the room's members or history; None if it may."""
        if room is None or not self.knows(room, holder):
            return Reason.NO_ROOM
        return Reason.NOT_INSIDE if self.role(room, holder) == NOBODY else None

    # ---- names and accounts

    def is_in_lobby(self, holder: int) -> bool:
        """Is the holder in the lobby, as all are who have not connected to a room's own port?"""
        return self._rooms.homes.get(holder, LOBBY_NAME) == LOBBY_NAME

    def why_not_come(self, holder: int, name: bytes) -> Optional[str]:
        """Why the holder, who is to have this name, may not enter the room whose port it has connected to."""
        home = self._rooms.homes.get(holder)
        room = self._rooms.by_name.get(home) if home else None
        if room is None or room is self._rooms.lobby or holder in room.members:
            return None
        return self._why_kept_out(room, holder, name, None)

    def may_listen(self, room: Room, host: str) -> bool:
        """May a client without a name, from this address, hear the room whose port it has connected to?"""
        return (room.is_open and not room.sealed and not _is_reached(room.limit, len(room.members))
                and not self._rooms.lobby.bans(b"", host))

    def kicked(self, name: bytes, host: str) -> None:
        """A user was kicked from the lobby: for a while the same address does not get the name again."""
        now = self._now()
        self._kicked = [one for one in self._kicked if now < one[2] <= now + _KICKED_FOR]  # the clock may be set back
        if host:
            self._kicked.append((claims(name), origin(host), now + _KICKED_FOR))

    def why_kept_away(self, name: bytes, host: str) -> Optional[str]:
        """Why nobody who comes from this address may be here under the name, whosever it is."""
        lobby = self._rooms.lobby
        if lobby.banned and not self.is_operator(name) and lobby.bans(name, host):
            return Reason.BANNED
        if self._kicked and host:
            occupied, now = claims(name), self._now()
            for names, source, until in self._kicked:
                if now < until <= now + _KICKED_FOR and source == origin(host) and not occupied.isdisjoint(names):
                    return Reason.TRY_LATER
        return None

    def why_no_name(self, name: bytes, holder: int, host: str = "") -> Optional[str]:
        """Why the holder, who comes from this address, may not be here under the name."""
        if name not in self._accounts.accounts:
            if self.is_of_rooms(name):
                return Reason.INVALID_NAME
            if not self._accounts.guests:
                return Reason.ACCOUNT_REQUIRED
        return self.why_kept_away(name, host) or (self.why_not_come(holder, name) if self._rooms.homes else None)

    def why_no_account(self, name: bytes) -> Optional[str]:
        """Why nobody may make an account of this name."""
        if not self._accounts.register:
            return Reason.REGISTRATION_CLOSED
        if name in self.operators:
            return Reason.NAME_TAKEN  # its account was deleted: only who runs the server may make another
        return Reason.INVALID_NAME if self.is_of_rooms(name) else None

    @staticmethod
    def is_of_rooms(name: bytes) -> bool:
        """Does the name begin like that of a room, or look as if it did?"""
        return name[0] in _FIRST_WITHOUT_NAME or name[0] > 0x7F and any(
            claim[0] in _FIRST_WITHOUT_NAME for claim in claims(name) if claim)

    def why_no_other_name(self, name: bytes, holder: int) -> Optional[str]:
        """Why the member may not have this name instead of its own."""
        for room in self._rooms.joined(holder):
            if self.role_as_another(room, holder) < OP and room.bans(
                    name, account=self._members.identities.get(holder, b""), user=self.user_of(holder)):
                return Reason.BANNED
            if room.sealed and not self._can_seal(holder, name):
                return Reason.SEALED_ROOM
        return self.why_no_name(name, holder, self._members.host(holder))

    def _can_seal(self, holder: int, name: bytes) -> bool:
        """Can the holder, who has this name or is to have it, seal what it says, and others for it?"""
        account = self._accounts.accounts.get(name)
        return holder in self._rooms.sealing and account is not None and bool(account.devices)

    def is_banned(self, room: Room, holder: int) -> bool:
        """Must a member of the room leave it because of a ban?"""
        host, account = self._members.host(holder), self.account_of(holder) or b""
        return self.role(room, holder) < OP and any(
            room.bans(name, host, account, self.user_of(holder)) for name in self._members.names_of(holder))

    def why_barred(self, room: Room, holder: int) -> Optional[str]:
        """Why a member of the room may not speak there, whatever it says, because of a mask; or None."""
        if room.banned and self.is_banned(room, holder):
            return Reason.BANNED
        masks = [*filter(is_mask, room.muted)]
        return Reason.MUTED if self._is_muted(room, holder, masks) else None

    def _is_muted(self, room: Room, holder: int, mutes: Collection[bytes]) -> bool:
        """Does any of these mutes of the room hold for a name that a member has or had?"""
        account = self.account_of(holder) or b""
        return bool(mutes) and any(
            room.mutes(mutes, name, account, self.user_of(holder)) for name in self._members.names_of(holder))

    def is_meant(self, room: Room, holder: int, mask: bytes) -> bool:
        """Can a mask on one of the room's lists mean the member, by any name that it has or had?"""
        account, user = self.account_of(holder) or b"", self.user_of(holder)
        masks = [mask[len(FROM_MUTES):] if mask.startswith(FROM_MUTES) else mask]
        return any(room.lists(masks, name, "", account, user) for name in self._members.names_of(holder))

    def _is_muted_by_name(self, room: Room, holder: int) -> bool:
        """Is a member muted by exactly a name that it has or had, beside what `why_barred` looks for?"""
        return bool(room.muted) and self._is_muted(
            room, holder, [name for name in self._members.names_of(holder) if name in room.muted])

    # ---- coming to a room

    def why_no_room(self, holder: int, owner: bytes, occupied: Collection[bytes]) -> Optional[str]:
        """Why the holder cannot make a new room, whose name occupies this."""
        if self._rooms.is_alike(occupied) or self._accounts.owners(occupied):  # accounts from before there were rooms
            return Reason.INVALID_ROOM
        if self._has_no_room_left(self.origin_of(holder)):
            return Reason.TOO_MANY_ROOMS
        if self.is_protected(owner) and _is_reached(self.limits["owned"], self._rooms.owned(owner)):
            return Reason.TOO_MANY_OWNED
        return None

    def origin_of(self, holder: int) -> str:
        """Where a member comes from, as `origins.network` has it; empty where that is not known."""
        return network(self._members.host(holder))

    def _has_no_room_left(self, source: str) -> bool:
        """Are there as many rooms as there may be, or has this address made as many as can still be made?"""
        most, rooms = self.limits["most"], self._rooms.by_name.values()
        left = most - (len(rooms) - 1)  # without the lobby
        return bool(most) and (left <= 0 or bool(source) and sum(room.source == source for room in rooms) >= left)

    def _has_no_space_left(self, room: Room, size: int) -> bool:
        """Is there no memory for so many bytes more on the lists of the room?

        The lists of all rooms share MOST_OF_LISTS; those of the rooms that one address has made may take no more of it
        than they leave to others. The lobby's count, but may always grow.
        """
        rooms = self._rooms.by_number.values()
        left = MOST_OF_LISTS - size - sum(other.size for other in rooms)
        return room is not self._rooms.lobby and (left < 0 or bool(room.source) and left < size + sum(
            other.size for other in rooms if other.source == room.source))

    def why_not_enter(
            self, room: Room, holder: int, key: Optional[bytes], was_inside: bool = False) -> Optional[str]:
        """Why the holder may not enter the room, which it is not in. A wrong key is remembered.

        was_inside: as in `Entering.let_in`.
        """
        return self._why_kept_out(room, holder, self._members.names[holder], key, was_inside)

    def _why_kept_out(self, room: Room, holder: int, name: bytes, key: Optional[bytes],
                      was_inside: bool = False) -> Optional[str]:
        trouble = self._why_not_sealing(room, holder, name) if room.sealed else None
        if self._standing(room, name) >= OP or self._members.identities and self.is_above(room, holder, name):
            return trouble
        invited = was_inside or room.invited.get(name, 0) >= self._now()
        account = self._members.identities.get(holder) or (name if self.is_protected(name) else b"")
        if room.banned and any(room.bans(one, account=account, user=self.user_of(holder)) for one in (
                name, *self._members.former.get(holder, ()))):
            trouble = Reason.BANNED
        elif room.invite and not invited and not room.lists(room.invex, name, account=account):
            trouble = Reason.INVITE_ONLY
        elif trouble and invited:
            return trouble
        elif _is_reached(room.limit, len(room.members)):
            trouble = Reason.ROOM_FULL
        elif not trouble and room.key and not invited:
            trouble = self._why_not_with_key(room, holder, key)
        return Reason.INVITE_ONLY if trouble and room.private else trouble  # as the true one would tell more of it

    def _why_not_sealing(self, room: Room, holder: int, name: bytes) -> Optional[str]:
        """Why the holder, who is to have this name, may not be in a sealed room, whatever its role."""
        if not self._can_seal(holder, name):
            return Reason.SEALED_ROOM
        return Reason.ROOM_FULL if len(room.members) >= MOST_MEMBERS else None

    def is_above(self, room: Room, holder: int, name: bytes) -> bool:
        """Is the holder, who is to have this name, an op of the room by its account, or an operator?"""
        return self.is_operator_here(holder) or self.role_of_account(room, holder, name) >= OP

    def _why_not_with_key(self, room: Room, holder: int, key: Optional[bytes]) -> Optional[str]:
        """Why the key is refused. After wrong ones further tries are refused for a while, as with passwords."""
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
        """Why the holder may not enter another room, whichever; if it may, that counts against its rate."""
        if _is_reached(self.limits["joined"], len(self._rooms.joined(holder))):
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

    # ---- speaking

    def why_not_say(self, room: Room, holder: int, text: bytes) -> Optional[str]:
        """Why the holder may not say this in the room; if it may, and the room is slow, note the time."""
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
        """Why the holder may not speak in a room that it is not in; if it may, and the room is slow, note the time."""
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
        """Is the room told that the holder, a member, is typing? Not if it may not speak there."""
        role = room.members.get(holder, MEMBER)
        if room is not self._rooms.lobby and holder not in room.members:
            return False
        if not room.is_restricted or role >= VOICE or self.is_operator_here(holder):
            return True
        return not (room.moderated or holder in room.barred or self._is_muted_by_name(room, holder))

    # ---- managing

    def why_not_manage(self, room: Room, holder: int, act: str, about: bytes, text: bytes) -> Optional[str]:
        """Why the holder may not do this to the room: see `parley.server.protocols.events.Manage`."""
        return self.why_not_with(self.role(room, holder), room, holder, act, about, text)

    def why_not_with(self, role: int, room: Room, holder: int, act: str, about: bytes, text: bytes) -> Optional[str]:
        """Why whoever has this role may not do it. `holder`: 0 for who runs the server, and is not here."""
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
        if act in _WITH_TEXT and _is_reached(self.limits["topic_bytes"], len(text) - 1):
            return Reason.TEXT_TOO_LONG
        if act == "rename":
            return self._why_no_such_name(room, about)
        if act == "redact" and not (about.isdigit() and len(about) < 19):
            return Reason.NO_SUCH_NUMBER
        if act == "invite" and about not in room.invited:
            is_full = len(room.invited) >= MOST_INVITED and next(iter(room.invited.values())) >= self._now()
            return Reason.LIST_FULL if is_full or self._has_no_space_left(room, 0) else None
        if act in _PUTS:
            if not about:
                return Reason.NOBODY
            size = size_of(about, b"", text)
            is_full = self.is_full(getattr(room, _PUTS[act])) or self._has_no_space_left(room, size)
            return Reason.LIST_FULL if is_full else None
        if act in _TAKES_OFF and about not in getattr(room, _TAKES_OFF[act]):
            return Reason.NOBODY
        return self._why_not_set(room, about, text) if act == "set" else None

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
        """Why the room cannot be set to sealed messages only: every member must be able to read them."""
        if room.name in self._rooms.with_ports:
            return Reason.IS_LOBBY
        if not all(self._can_seal(holder, self._members.names[holder]) for holder in room.members):
            return Reason.CANNOT_SEAL
        return Reason.ROOM_FULL if len(room.members) > MOST_MEMBERS else None

    def _why_no_such_name(self, room: Room, name: bytes) -> Optional[str]:
        """Why the room cannot be called so."""
        try:
            canonical, occupied = room_and_claims(name)
        except InvalidName:
            return Reason.INVALID_ROOM
        if self._rooms.is_like_another(room, occupied):
            return Reason.NAME_TAKEN
        return Reason.INVALID_ROOM if canonical != name or self._accounts.owners(occupied) else None

    def whose_messages(self, room: Room, holder: int) -> Tuple[Sequence[bytes], int]:
        """(names, number): which messages of the room the holder may remove: by these, behind this number.

        No names: by whomever. What somebody without an account said before it came, another guest may have said.
        """
        if self.role(room, holder) >= OP:
            return (), 0
        name = self._members.names[holder]
        return ((name,) if self.is_protected(name) else self._members.names_of(holder)), self.since_of_messages(holder)

    def since_of_messages(self, holder: int) -> int:
        """Messages after this number under the holder's name are its own: all, if the name is its account's."""
        since = 0 if self.is_protected(self._members.names[holder]) else self._members.since(holder)
        return _NO_NUMBER if since is None else since

    def is_full(self, entries: Collection[bytes]) -> bool:
        """Is a list of bans or of mutes as long as it may be?"""
        return _is_reached(self.limits["bans"], len(entries))


INVALID = object()
_SWITCHED = {b"on": True, b"off": False}


def settings_of(about: bytes, text: bytes) -> List[Tuple[bytes, bytes]]:
    """(setting, value) of each: one, or several that are on or off, with commas between them and their values."""
    names, values = about.split(b","), text.split(b",")
    are_switches = len(names) == len(values) and all(name.decode(errors="replace") in SWITCHES for name in names)
    return [*zip(names, values)] if len(names) > 1 and are_switches else [(about, text)]


def setting(about: bytes, text: bytes) -> Any:
    """The value of a setting of a room that a text stands for; INVALID if it stands for none."""
    name = about.decode(errors="replace")
    if name in SWITCHES:
        return _SWITCHED.get(text, INVALID)
    if text == b"off":
        return 0 if name in COUNTS else None
    if name in COUNTS:
        return int(text) if text.isdigit() and len(text) < 8 and 0 < int(text) <= _MOST_COUNT else INVALID
    return text if 0 < len(text) <= _LONGEST_KEY and b" " not in text else INVALID


def _is_reached(limit: int, count: int) -> bool:
    return 0 < limit <= count
