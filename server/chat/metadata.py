"""Metadata: key-value pairs that users set for themselves, such as "avatar", and ops for their rooms. Decided in order.

The values of a user with an account belong to the account, in all its sessions, until it is deleted; those of others
end with their session. The values of a room are stored with the room.
"""
import functools
import json
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from parley.server.chat import sizes
from parley.server.chat.accounts import Accounts
from parley.server.chat.contract import Post, changes_nothing
from parley.server.chat.entering import Entering
from parley.server.chat.gate import Gate
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.people import People
from parley.server.chat.rooms import NOBODY, OP, Room, Rooms
from parley.server.ipc.asked import AskedStore, ignore
from parley.server.ipc.messages import ToStore
from parley.server.protocols import events
from parley.server.protocols.events import Reason

MOST_TOLD = 1000  # values in one answer
MOST_OF_GUESTS = 256 << 10  # bytes of all guests at one address, who may be thousands

Values = Dict[bytes, bytes]
Row = Tuple[bytes, bytes, Optional[bytes]]  # the name of a user or a room, the key, the value


class Metadata:
    """Metadata of people and rooms. The methods handle messages: see `parley.server.ipc.messages`."""

    def __init__(self, post: Post, members: Members, accounts: Accounts, rooms: Rooms, gate: Gate, people: People,
                 entering: Entering, store: AskedStore) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts
        self._store = store
        self._rooms = rooms
        self._gate = gate
        self._people = people
        self._entering = entering
        self._values: Dict[Union[bytes, int], Values] = {}  # account, or a holder without one -> its metadata
        # Of holders without an account: the size of the metadata of each, and its address; and the size of all there.
        self._shares: Dict[int, Tuple[str, int]] = {}
        self._told_from: Dict[str, int] = {}
        self._followed: Dict[int, Tuple[bytes, ...]] = {}  # holder -> the keys to which it subscribes

    def _owner(self, holder: int) -> Union[bytes, int]:
        return self._gate.account_of(holder) or holder

    def _of(self, holder: int) -> Mapping[bytes, bytes]:
        return self._values.get(self._owner(holder), {})

    # ---- telling

    def set_metadata(self, worker: int, session: int, room_name: bytes, name: bytes, key: bytes,
                     value: Optional[bytes]) -> None:
        """The member sets a key of a room, or (if that is not empty) of a user. None removes it; no key means all."""
        holder = holder_of(worker, session)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        room = None if name else self._rooms.by_name.get(room_name)
        whom = self._members.meant(name) if name else None
        trouble = self._why_not_set(room, whom, holder, bool(name))
        values: Mapping[bytes, bytes] = {} if trouble else self._of(holder) if room is None else room.metadata
        if not trouble and value is not None:
            trouble = self._why_no_space(values, None if room is not None else holder, key, value)
        if trouble:
            self._post.refuse(holder, trouble)
            return
        target = room.name if room is not None else self._members.names[holder]
        rows = [(target, one, value) for one in ([key] if key else sorted(values))
                if value is not None or one in values]
        if rows:
            self._post.change()
        if room is not None:
            self._put(room.metadata, rows)
        elif rows:
            self._put_own(holder, rows)
        self._tell(rows, room, holder)
        told = functools.partial(self._stored, holder, events.MetadataTold(target, rows))
        if room is not None:
            self._entering.keep(room, told, worker, session)
        else:
            self._keep(self._owner(holder), self._post.guarded(worker, session, told))

    def _put_own(self, holder: int, rows: Sequence[Row]) -> None:
        """Change the metadata of the member itself: of its account, or of its session if it has none."""
        owner = self._owner(holder)
        own = self._values.setdefault(owner, {})
        self._put(own, rows)
        if not own:
            del self._values[owner]
        if owner == holder:
            self._count(holder)

    def _count(self, holder: int) -> None:
        """Count the metadata of somebody without an account, which has changed or is gone."""
        source, before = self._shares.pop(holder, (None, 0))
        if source is None:
            source = self._gate.origin_of(holder)
        size = sum(_size(key, value) for key, value in self._values.get(holder, {}).items())
        if size:
            self._shares[holder] = source, size
        self._told_from[source] = self._told_from.get(source, 0) + size - before
        if not self._told_from[source]:
            del self._told_from[source]

    def _why_not_set(self, room: Optional[Room], whom: Optional[int], holder: int, is_of_somebody: bool
                     ) -> Optional[str]:
        if is_of_somebody:
            return Reason.NOBODY if whom is None else Reason.NOT_ALLOWED if whom != holder else None
        if room is None or not self._gate.knows(room, holder):
            return Reason.NO_ROOM
        needed = OP + 1 if room is self._rooms.lobby else OP
        return Reason.NOT_ALLOWED if self._gate.role(room, holder) < needed else None

    def _why_no_space(self, values: Mapping[bytes, bytes], holder: Optional[int], key: bytes, value: bytes
                      ) -> Optional[str]:
        """Why this cannot be added to the values, which are the holder's or (None) those of a room."""
        if key not in values and len(values) >= events.MOST_KEYS:
            return Reason.LIST_FULL
        if holder is not None and self._owner(holder) == holder:
            size = self._told_from.get(self._gate.origin_of(holder), 0) + _size(key, value)
            return Reason.LIST_FULL if size > MOST_OF_GUESTS else None
        return None

    @staticmethod
    def _put(values: Values, rows: Sequence[Row]) -> None:
        for _, key, value in rows:
            if value is None:
                del values[key]
            else:
                values[key] = value

    def _keep(self, owner: Union[bytes, int], then: Callable[[Optional[bool]], None]) -> None:
        """Store the metadata of an account; that of others is not stored."""
        if isinstance(owner, int):
            then(True)
            return
        values = {key.decode(): value.decode() for key, value in self._values.get(owner, {}).items()}
        self._store.ask(then, ToStore.KeepMetadata(owner, json.dumps(values, sort_keys=True)))

    def restore(self, kept: Iterable[Tuple[bytes, str]]) -> None:
        """(account, state) of each, as it was stored. An account may have been deleted just before the server ended."""
        for name, state in kept:
            values = {key.encode(): value.encode() for key, value in json.loads(state).items()}
            if values and name in self._accounts.accounts:
                self._values[name] = values

    def _stored(self, holder: int, told: events.MetadataTold, stored: Optional[bool]) -> None:
        if stored:
            worker, session = split(holder)
            self._post.answer(worker, [session], told)
        else:
            self._post.refuse(holder, Reason.NOT_STORED)

    # ---- following

    def follow(self, worker: int, session: int, keys: Sequence[bytes]) -> None:
        """The member subscribes to these keys, and to no others: of its rooms, of people there, of those it watches."""
        holder = holder_of(worker, session)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        self._post.change()
        self._followed.pop(holder, None)
        if keys:
            self._followed[holder] = tuple(keys[:events.MOST_FOLLOWED])

    def _tell(self, rows: Sequence[Row], room: Optional[Room], holder: int) -> None:
        """Tell the followers of a room's value, or (None) of the holder's, except the holder itself."""
        for follower, keys in self._followed.items():
            if any(key in keys for _, key, _ in rows) and follower != holder and (
                    self._is_in(room, follower) if room is not None else self._sees(follower, holder)):
                for row in rows:
                    if row[1] in keys:
                        self._post.tell(follower, events.MetadataChanged(*row))

    def _is_in(self, room: Room, holder: int) -> bool:
        return self._gate.is_in_lobby(holder) if room is self._rooms.lobby else holder in room.members

    def _sees(self, follower: int, holder: int) -> bool:
        """Are the two in a room together, or does the first watch the other?"""
        return (follower in self._people.watchers_of(self._members.names[holder])
                or self._gate.is_in_lobby(holder) and self._gate.is_in_lobby(follower)
                or any(follower in room.members for room in self._rooms.joined(holder)))

    def entered(self, room: Room, holder: int) -> None:
        """A member has entered the room: the subscribers there are told its metadata."""
        values = self._of(holder) if self._followed else None
        for follower, keys in self._followed.items() if values else ():
            if follower != holder and self._is_in(room, follower):
                for row in self._rows(self._members.names[holder], values or {}, keys):
                    self._post.tell(follower, events.MetadataChanged(*row))

    @staticmethod
    def _rows(target: bytes, values: Mapping[bytes, bytes], keys: Optional[Sequence[bytes]]) -> List[Row]:
        return [(target, key, values[key]) for key in (sorted(values) if keys is None else keys) if key in values]

    # ---- asking

    @changes_nothing
    def read_metadata(self, worker: int, session: int, room_name: bytes, name: bytes,
                      keys: Optional[Sequence[bytes]], everybody: bool) -> None:
        """The values of a room, or (if that is not empty) of a user. None: those of all keys.

        everybody: also of those who are in the room; so the asker has to be in it.
        """
        holder = holder_of(worker, session)
        room = None if name else self._rooms.by_name.get(room_name)
        whom = self._members.meant(name) if name else None
        trouble = self._why_not_read(room, holder, everybody) if not name else Reason.NOBODY if whom is None else None
        if trouble:
            self._post.refuse(holder, trouble)
        elif room is not None:
            rows = self._rows(room.name, room.metadata, keys)
            inside = [one for one in self._members.names if self._is_in(room, one)] if room is self._rooms.lobby \
                else room.members
            for one in inside if everybody else ():
                if len(rows) > MOST_TOLD:
                    break
                rows += self._rows(self._members.names[one], self._of(one), keys)
            self._post.answer(worker, [session], events.MetadataTold(
                room.name, rows[:MOST_TOLD], len(rows) > MOST_TOLD))
        elif whom is not None:
            target = self._members.names[whom]
            self._post.answer(worker, [session], events.MetadataTold(target, self._rows(target, self._of(whom), keys)))

    def _why_not_read(self, room: Optional[Room], holder: int, everybody: bool) -> Optional[str]:
        if room is None or not self._gate.knows(room, holder):
            return Reason.NO_ROOM
        is_outside = self._gate.role(room, holder) == NOBODY
        return Reason.NOT_INSIDE if is_outside and (everybody or not room.is_open) else None

    # ---- who goes

    def forget(self, holder: int) -> None:
        """The session is gone."""
        self._followed.pop(holder, None)
        if self._values.pop(holder, None):
            self._count(holder)

    def account_opened(self, name: bytes) -> None:
        """There is a new account: the metadata of a member of its name is the account's from now on."""
        holder = self._members.called(name)
        if holder in self._values and self._gate.is_protected(name):
            self._values[name] = self._values.pop(holder)
            self._count(holder)
            self._keep(name, ignore)

    def account_closed(self, name: bytes) -> None:
        """The account is gone."""
        self._values.pop(name, None)


def _size(key: bytes, value: bytes) -> int:
    return 2 * sizes.BYTES + sizes.SLOT + len(key) + len(value)
