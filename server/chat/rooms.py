"""Rooms in the hub: members, roles and settings. The state on which the decisions of `parley.server.chat.gate` depend.

The lobby is room 0. Everybody who has not connected to a room's own port is in it, so no members of the lobby are kept
here. Nobody owns it: only operators may moderate it.
"""
import json
from typing import Any, Collection, Dict, FrozenSet, Iterable, List, Optional, Set, Tuple

from parley.server.chat.names import Occupied, claimed, claims
from parley.server.chat.origins import address, network_of
from parley.server.chat.patterns import matcher
from parley.server.chat.room import LOBBY, LOBBY_NAME
from parley.server.chat.sizes import BYTES, INT, SLOT, tuple_of
from parley.server.protocols.text import folded

NOBODY, MEMBER, VOICE, OP, OWNER, OPERATOR = range(6)  # the roles; each may do everything that the ones before it may
INVITED_FOR = 3600 * 1000  # milliseconds

# The settings of a room: SWITCHES are True or False, COUNTS numbers (0 is off), and the key is a text or None.
ROLES = {VOICE: b"voice", OP: b"op", OWNER: b"owner", OPERATOR: b"operator"}
SWITCHES = ("private", "invite", "moderated", "open_topic", "open_talk", "noctcp", "sealed")
COUNTS = ("limit", "slow")
SETTINGS = (*SWITCHES, *COUNTS, "key")
_PATTERN_CHARACTERS = frozenset(b"*?[")
LISTS = {"ban": "banned", "mute": "muted", "except": "excepted", "invex": "invex"}  # kind in a request -> the list
HOST = "parley"  # in masks, the host of everybody without an account
_ACCOUNT_MASKS = b"$a:", b"account:"
FROM_MUTES = b"mute:"  # precedes the mask of an exception from mutes; others are exceptions from bans

# Memory of an entry of a list beside its texts, with what finds out whether it means somebody; as much again for each
# wildcard; and of an invitation.
_ENTRY_SIZE = 2 * SLOT + tuple_of(3) + 3 * BYTES + INT + 1280
_WILDCARD_SIZE = 192
_INVITATION_SIZE = SLOT + BYTES + 2 * INT

# {what: (by whom, why, seconds since the epoch)}
Entries = Dict[bytes, Tuple[bytes, bytes, int]]


class ListSpace:
    """Bytes of memory that the lists and invitations of rooms take: in all, and of those made from each address."""

    __slots__ = ("total", "of_sources")

    def __init__(self) -> None:
        self.total = 0
        self.of_sources: Dict[str, int] = {}

    def add(self, source: str, size: int) -> None:
        """The lists of a room that was made from there take so much more."""
        self.total += size
        if source and size:
            self.of_sources[source] = self.of_sources.get(source, 0) + size
            if not self.of_sources[source]:
                del self.of_sources[source]


class Room:
    """One room.

    number: never given again. name: with "#" in front. occupied: what the name occupies (see `names.claims`).
    lasts: does it outlive its last member, because an account with a password owns it?
    members: {holder: role} of its members, in the order in which they came.
    voiced: the holders of members who have a voice beside a better role.
    listeners: {holder: address} of clients that have connected to its port, and hear it without a name.
    interest: {worker: number of its members and listeners}, of the workers that have any.
    roles: {name: role} of accounts with passwords.
    banned, muted: {what: (by whom, why, seconds since the epoch)}; a name or a mask (see `events.MORE_ACTS`), or for
        the lobby a network. Changed by `put` and `strike`, as the next two are.
    excepted: likewise: those for whom no ban counts, or, with "mute:" in front of the mask, no mute. invex: those who
        need no invitation.
    barred: {holder: Reason} of members who may not speak because of a mask.
    invited: {name: milliseconds since the epoch, until which the invitation holds}, the earliest first.
    since: {name: number} of accounts with passwords that came while the room was not open: their history begins after
        the message of this number. For others see `Rooms.since_of_guests`.
    private: is it shown to members only? invite: does one need an invitation?
    moderated: does one need a voice to speak? open_topic: may every member set the topic?
    open_talk: may people speak who are not in the room?
    noctcp: are messages for programs refused?
    sealed: are only sealed messages allowed?
    key: the password for entering, or None. limit: of members, 0 for none. slow: seconds between two messages.
    topic: (text, by whom, seconds since the epoch).
    metadata: {key: value}, see `parley.server.chat.metadata`.
    made_at: seconds since the epoch; 0 if that is not known.
    left_at: seconds since the epoch: when the last member left, or it was opened; with members, when it was stored.
    spoke: {holder: when it spoke last, milliseconds since the epoch}, while the room is slow.
    source: the address of its creator (see `Gate.origin_of`); empty if that is not known.
    listed: bytes of memory that its four lists take.
    """

    __slots__ = (
        "number", "name", "occupied", "lasts", "members", "voiced", "listeners", "interest", "roles", "banned",
        "muted", "excepted", "invex", "barred", "invited", "since", "private", "invite", "moderated", "open_topic",
        "open_talk", "noctcp", "sealed", "key", "limit", "slow", "topic", "metadata", "made_at", "left_at", "spoke",
        "source", "listed", "_bans", "_space")

    def __init__(self, number: int, name: bytes, space: Optional[ListSpace] = None) -> None:
        self.number = number
        self.name = name
        self.occupied: Collection[bytes] = tuple(claims(name))
        self.lasts = False
        self.members: Dict[int, int] = {}
        self.voiced: Set[int] = set()
        self.listeners: Dict[int, str] = {}
        self.interest: Dict[int, int] = {}
        self.roles: Dict[bytes, int] = {}
        self.banned: Entries = {}
        self.muted: Entries = {}
        self.excepted: Entries = {}
        self.invex: Entries = {}
        self.barred: Dict[int, str] = {}
        self.invited: Dict[bytes, int] = {}
        self.since: Dict[bytes, int] = {}
        self.private = self.invite = self.moderated = self.open_topic = self.open_talk = self.noctcp = False
        self.sealed = False
        self.key: Optional[bytes] = None
        self.limit = self.slow = 0
        self.topic = b"", b"", 0
        self.metadata: Dict[bytes, bytes] = {}
        self.made_at = self.left_at = 0
        self.spoke: Dict[int, int] = {}
        self.source = ""
        self.listed = 0
        self._bans: Dict[bytes, Any] = {}  # ban -> its `_matcher`
        self._space = ListSpace() if space is None else space  # in which its lists are counted

    @property
    def is_open(self) -> bool:
        """May everybody enter who is not banned, and read what was said before?"""
        return not (self.private or self.invite or self.key)

    def bans(self, name: bytes, host: str = "", account: bytes = b"", user: bytes = b"") -> bool:
        """Is somebody of this name or account banned, or from the lobby somebody who comes from this address?

        user: the user name that the client has sent. It counts only in exceptions, which an op makes knowingly.
        """
        return (bool(self.banned) and self.lists(self.banned, name, host, account)
                and not self.lists([mask for mask in self.excepted if not mask.startswith(FROM_MUTES)],
                                   name, host, account, user))

    def mutes(self, entries: Collection[bytes], name: bytes, account: bytes = b"", user: bytes = b"") -> bool:
        """Is somebody of this name or account muted by any of these masks? user: as in `bans`."""
        return (bool(entries) and self.lists(entries, name, "", account)
                and not self.lists([mask[len(FROM_MUTES):] for mask in self.excepted if mask.startswith(FROM_MUTES)],
                                   name, "", account, user))

    def lists(self, entries: Collection[bytes], name: bytes, host: str = "", account: bytes = b"", user: bytes = b""
              ) -> bool:
        """Is somebody of this name or account on one of its lists?"""
        if not entries:
            return False
        occupied, origin = claimed(name), address(host) if host else None
        for mask in entries:
            known = self._bans.get(mask)
            if known is None:
                known = self._bans[mask] = _matcher(mask, self.number == LOBBY)
            if known(name, occupied, origin, account, user):
                return True
        return False

    def put(self, entries: Entries, mask: bytes, by: bytes, why: bytes, when: int) -> None:
        """Put something on one of its lists."""
        if mask in entries:
            self.strike(entries, mask)
        entries[mask] = by, why, when
        self._list(size_of(mask, by, why))

    def strike(self, entries: Entries, mask: bytes) -> None:
        """Take something off one of its lists."""
        by, why, _ = entries.pop(mask)
        self._list(-size_of(mask, by, why))
        self._bans.pop(mask, None)
        self._bans.pop(mask[len(FROM_MUTES):], None)

    def _list(self, size: int) -> None:
        self.listed += size
        self._space.add(self.source, size)

    def invite_until(self, name: bytes, until: int) -> None:
        """An invitation holds until then, in milliseconds since the epoch; it is the latest."""
        self.uninvite(name)
        self.invited[name] = until
        self._space.add(self.source, _INVITATION_SIZE)

    def is_invited(self, name: bytes, now: int) -> bool:
        """Does an invitation hold for this name? Not one of a clock that was set back by an hour and more since."""
        return now <= self.invited.get(name, -1) <= now + 2 * INVITED_FOR

    def drop_invitations(self, now: int) -> None:
        """Forget those that hold no more; the earliest is the first."""
        while self.invited and not self.is_invited(next(iter(self.invited)), now):
            self.uninvite(next(iter(self.invited)))

    def uninvite(self, name: bytes) -> None:
        """There is no invitation for this name any more."""
        if self.invited.pop(name, None) is not None:
            self._space.add(self.source, -_INVITATION_SIZE)

    def count_in(self, space: ListSpace, source: Optional[str] = None) -> None:
        """Its lists are counted in this space from now on. source: from where it was made, if that is known only now.
        """
        self._space.add(self.source, -self.size)
        self._space, self.source = space, self.source if source is None else source
        self._space.add(self.source, self.size)

    @property
    def size(self) -> int:
        """Bytes of memory that its lists take, and those who are invited."""
        return self.listed + _INVITATION_SIZE * len(self.invited)

    # ---- roles

    def give(self, holder: int, role: int) -> None:
        """The member has this role, VOICE or OP, from now on; it may have both."""
        before = self.members[holder]
        if (before == VOICE) if role == OP else before >= OP:
            self.voiced.add(holder)
        self.members[holder] = OP if role == OP else max(before, role)

    def take(self, holder: int, role: int) -> None:
        """The member loses this role, VOICE or OP, and keeps the other one if it has both."""
        before = self.members[holder]
        has_voice = before == VOICE or holder in self.voiced
        self.voiced.discard(holder)
        if role == OP or before == VOICE:
            self.members[holder] = VOICE if role == OP and has_voice else MEMBER

    @property
    def is_restricted(self) -> bool:
        """Is talk in the room restricted in any way, so that the hub has to check its speakers?"""
        return bool(self.muted or self.moderated or self.slow or self.barred or self.sealed)

    # ---- what is stored

    def state(self) -> str:
        """Everything about it that outlives its members, as JSON."""
        kept: Dict[str, Any] = {setting: getattr(self, setting) for setting in (*SWITCHES, *COUNTS)}
        kept["key"] = self.key and self.key.decode()
        kept["topic"] = [self.topic[0].decode(), self.topic[1].decode(), self.topic[2]]
        kept["roles"] = {name.decode(): role for name, role in self.roles.items()}
        kept["since"] = {name.decode(): number for name, number in self.since.items()}
        for entries in LISTS.values():
            kept[entries] = {name.decode(): [by.decode(), why.decode(), when]
                             for name, (by, why, when) in getattr(self, entries).items()}
        kept["metadata"] = {key.decode(): value.decode() for key, value in self.metadata.items()}
        kept["left_at"], kept["made_at"], kept["source"] = self.left_at, self.made_at, self.source
        return json.dumps(kept, sort_keys=True)

    def restore(self, state: str) -> None:
        """Take over a stored state. One that an earlier version has written may lack something."""
        kept = json.loads(state)
        for setting in (*SWITCHES, *COUNTS, "left_at", "made_at", "source"):
            setattr(self, setting, kept.get(setting, getattr(self, setting)))
        self.key = kept["key"] and kept["key"].encode()
        text, by, when = kept["topic"]
        self.topic = text.encode(), by.encode(), when
        self.roles = {name.encode(): role for name, role in kept["roles"].items()}
        self.since = {name.encode(): number for name, number in kept["since"].items()}
        for entries in LISTS.values():
            for name, (by, why, *when) in kept.get(entries, {}).items():
                self.put(getattr(self, entries), name.encode(), by.encode(), why.encode(), *(when or [0]))
        self.metadata = {key.encode(): value.encode() for key, value in kept.get("metadata", {}).items()}
        self.lasts = True


class Rooms:
    """All rooms of the server, by name and by number, and who is in which.

    slow: the rooms with the setting `slow`.
    with_ports: the names of the rooms that have ports of their own.
    homes: {holder: name of a room} of those who have connected to a room's own port, and are not in the lobby; and of
        those who were in no room at first: empty, or the lobby's name while they are there.
    since_of_guests: {holder: {number of a room: see `Room.since`}} of those who came without an account that has a
        password, as long as they are here.
    sealing: the holders that have entered a room with a client that can seal messages.
    last: the latest number that was given to a room.
    space: what their lists take in memory.
    """

    def __init__(self) -> None:
        self.space = ListSpace()
        self.lobby = Room(LOBBY, LOBBY_NAME, self.space)
        self.by_name: Dict[bytes, Room] = {LOBBY_NAME: self.lobby}
        self.by_number: Dict[int, Room] = {LOBBY: self.lobby}
        self.last = 0
        self.homes: Dict[int, bytes] = {}
        self.since_of_guests: Dict[int, Dict[int, int]] = {}
        self.slow: Set[Room] = set()
        self.sealing: Set[int] = set()
        self.with_ports: FrozenSet[bytes] = frozenset()
        self._occupied = Occupied()
        self._occupied.add(LOBBY_NAME, self.lobby.occupied)
        self._joined: Dict[int, Tuple[int, List[Room]]] = {}  # holder -> (the same, its rooms), one object for all uses

    def restore(self, kept: Iterable[Tuple[int, bytes, str]], last: int) -> None:
        """The rooms that lasted: (number, name, state) of each; `last` is the latest number that was given."""
        for number, name, state in kept:
            room = self.lobby if number == LOBBY else self.open(name, number)
            room.restore(state)
            self.note_slow(room)
        self.last = max(last, self.last)

    def open(self, name: bytes, number: Optional[int] = None) -> Room:
        """Make a room."""
        if number is None:
            number = self.last + 1
        self.last = max(self.last, number)
        room = self.by_name[name] = self.by_number[number] = Room(number, name, self.space)
        self._occupied.add(name, room.occupied)
        return room

    def rename(self, room: Room, name: bytes) -> None:
        """The room has another name from now on."""
        del self.by_name[room.name]
        self._occupied.remove(room.name, room.occupied)
        room.name, room.occupied = name, tuple(claims(name))
        self.by_name[name] = room
        self._occupied.add(name, room.occupied)

    def is_like_another(self, room: Room, occupied: Collection[bytes]) -> bool:
        """Does a name that occupies this look like that of another room?"""
        return bool(self._occupied.names(occupied) - {room.name})

    def close(self, room: Room) -> None:
        """The room, which has no members, is gone."""
        room.count_in(ListSpace())
        del self.by_name[room.name], self.by_number[room.number]
        self.slow.discard(room)
        self._occupied.remove(room.name, room.occupied)

    def note_slow(self, room: Room) -> None:
        """The setting `slow` of the room has changed. Nobody counts as having spoken there yet."""
        room.spoke.clear()
        (self.slow.add if room.slow else self.slow.discard)(room)

    def measure(self) -> None:
        """Count again what the lists take: the rooms have just been restored."""
        self.space = ListSpace()
        for room in self.by_number.values():
            room.count_in(self.space)

    def is_alike(self, occupied: Collection[bytes]) -> bool:
        """Does a name that occupies this look like that of a room?"""
        return bool(self._occupied.names(occupied))

    def meant(self, name: bytes, occupied: Collection[bytes]) -> bytes:
        """The name of a room that differs from this in case only; if there is none, the name as given."""
        if name in self.by_name:
            return name
        return next((one for one in sorted(self._occupied.names(occupied)) if folded(one) == folded(name)), name)

    def joined(self, holder: int) -> List[Room]:
        """The rooms that the holder is in, without the lobby, in the order in which it came."""
        return self._joined.get(holder, (0, []))[1]

    def enter(self, room: Room, holder: int, worker: int, role: int) -> None:
        """The holder is in the room from now on."""
        holder, rooms = self._joined.setdefault(holder, (holder, []))
        rooms.append(room)
        room.members[holder] = role
        room.interest[worker] = room.interest.get(worker, 0) + 1

    def leave(self, room: Room, holder: int, worker: int) -> None:
        """The holder has left the room."""
        rooms = self._joined[holder][1]
        rooms.remove(room)
        room.barred.pop(holder, None)
        room.voiced.discard(holder)
        if not rooms:
            del self._joined[holder]
        del room.members[holder]
        _lose_interest(room, worker)

    @staticmethod
    def listen(room: Room, holder: int, worker: int, host: str) -> None:
        """The holder, which has no name, hears the room from now on."""
        room.listeners[holder] = host
        room.interest[worker] = room.interest.get(worker, 0) + 1

    @staticmethod
    def turn_away(room: Room, holder: int, worker: int) -> None:
        """If the holder hears the room without a name, it no longer does."""
        if room.listeners.pop(holder, None) is not None:
            _lose_interest(room, worker)

    def owned(self, name: bytes) -> int:
        """How many rooms does the account own?"""
        return sum(room.roles.get(name) == OWNER for room in self.by_number.values())


def _lose_interest(room: Room, worker: int) -> None:
    room.interest[worker] -= 1
    if not room.interest[worker]:
        del room.interest[worker]


def size_of(mask: bytes, by: bytes, why: bytes) -> int:
    """What an entry of a list takes in memory, in bytes."""
    wildcards = sum(map(mask.count, (b"*", b"?", b"[")))
    return _ENTRY_SIZE + _WILDCARD_SIZE * wildcards + len(mask) + len(by) + len(why)


def is_mask(what: bytes) -> bool:
    """Is it a mask, and not just a name?"""
    return not _PATTERN_CHARACTERS.isdisjoint(what) or b"!" in what or what.startswith(_ACCOUNT_MASKS)


def _matcher(ban: bytes, is_of_lobby: bool) -> Any:
    """A function (name, what it occupies, address or None, account, user) that is true of who is meant."""
    network = network_of(ban.decode(errors="replace")) if is_of_lobby else None
    if network is not None:
        return lambda name, others, origin, account, user: origin is not None and origin in network
    for prefix in _ACCOUNT_MASKS:
        if ban.startswith(prefix):
            fits = _name_matcher(ban[len(prefix):])
            return lambda name, others, origin, account, user: bool(account) and fits(account, claimed(account))
    if b"!" in ban and b"@" in ban.rpartition(b"!")[2]:
        return _mask_matcher(ban)
    fits = _name_matcher(ban)
    return lambda name, others, origin, account, user: fits(name, others)


def _name_matcher(ban: bytes) -> Any:
    """A function (name, what it occupies) that is true of a name or its look-alikes, or of a pattern of names."""
    occupied: Set[bytes] = claims(ban)
    if _PATTERN_CHARACTERS.isdisjoint(ban):
        return lambda name, others: not occupied.isdisjoint(others)
    matches = matcher(ban.decode(errors="replace").casefold())  # or it is a name that has such characters
    return lambda name, others: (
        not occupied.isdisjoint(others) or matches(name.decode(errors="replace").casefold()))


def _mask_matcher(mask: bytes) -> Any:
    """Likewise of "name!user@host": the user is the name, or `user`; the host that of the server, or the account's."""
    nick, _, where = mask.rpartition(b"!")
    fits = _name_matcher(nick)
    at_home, _, host = where.decode(errors="replace").casefold().partition("@")
    is_user, is_host = matcher(at_home), matcher(host)

    def is_meant(name: bytes, others: Collection[bytes], origin: object, account: bytes, user: bytes) -> bool:
        own = ("user/%s" % account.decode(errors="replace").casefold()) if account else HOST
        return bool(fits(name, others) and is_host(own) and any(
            is_user(one.decode(errors="replace").casefold()) for one in (name, user) if one))

    return is_meant
