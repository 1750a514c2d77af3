"""Presence (here, away or gone) for subscribers, and typing notifications. Decided in the order of the entries."""
from typing import Dict, Sequence, Tuple, Union

from parley.server.chat.contract import Post
from parley.server.chat.gate import Gate
from parley.server.chat.members import Members, holder_of
from parley.server.chat.people import People
from parley.server.chat.room import LOBBY
from parley.server.chat.rooms import Rooms
from parley.server.ipc.messages import ToWorker
from parley.server.protocols import events
from parley.server.protocols.text import folded

HERE, AWAY, GONE = "here", "away", "gone"
MOST_WATCHED = 200  # names


class Presence:
    """The presence of members. The methods handle messages: see `parley.server.ipc.messages`."""

    def __init__(self, post: Post, members: Members, rooms: Rooms, gate: Gate, people: People) -> None:
        self._post = post
        self._members = members
        self._rooms = rooms
        self._gate = gate
        self._people = people
        self._watched: Dict[int, Tuple[Union[bytes, str], ...]] = {}  # holder -> the keys of `watchers` that have it
        self._watchers = people.watchers

    def watch(self, worker: int, session: int, names: Sequence[bytes], any_case: bool = False) -> None:
        """Subscribe the member to the presence of exactly these names, and tell it their present state."""
        holder = holder_of(worker, session)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        self._post.change()
        self._watch_nobody(holder)
        watched = {folded(name) if any_case else name: name for name in [*dict.fromkeys(names)][:MOST_WATCHED]}
        self._watched[holder] = tuple(watched)
        for key, name in watched.items():
            self._watchers.setdefault(key, {})[holder] = True
            whom = self._members.meant(name) if any_case else self._members.called(name)
            if whom is not None and any_case and folded(self._members.names[whom]) != key:
                whom = None  # it only looks like that
            self._post.tell(holder, events.Presence(name, GONE) if whom is None else events.Presence(
                self._members.names[whom], self._state(whom)))

    def _watch_nobody(self, holder: int) -> None:
        for name in self._watched.pop(holder, ()):
            watchers = self._watchers[name]
            del watchers[holder]
            if not watchers:
                del self._watchers[name]

    def away(self, worker: int, session: int, away: bool, text: bytes = b"") -> None:
        """The member is away from now on, or here again."""
        holder = holder_of(worker, session)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        was_away = self._people.is_away(holder)
        if away or was_away:
            self._people.set_away(holder, text if away else None)
        if away != was_away:
            self._tell(self._members.names[holder], self._state(holder))

    def _state(self, holder: int) -> str:
        return AWAY if self._people.is_away(holder) else HERE

    def _tell(self, name: bytes, state: str) -> None:
        for watcher in self._people.watchers_of(name):
            self._post.tell(watcher, events.Presence(name, state))

    def came(self, holder: int) -> None:
        """Somebody has its first name."""
        name = self._members.names[holder]
        if self._people.is_known(holder) or holder in self._members.identities or name in self._gate.operators:
            self._people.came(holder)
        self._tell(name, self._state(holder))

    def renamed(self, holder: int, old: bytes, new: bytes) -> None:
        """A member has another name."""
        if self._people.is_known(holder):
            self._people.renamed(holder)
        if old != new:
            self._people.note_gone(holder, old)
            for watcher in self._watchers.get(old, ()) if folded(old) == folded(new) else self._people.watchers_of(old):
                self._post.tell(watcher, events.Presence(old, GONE))
            self._tell(new, self._state(holder))

    def forget(self, holder: int) -> None:
        """The session is gone."""
        self._watch_nobody(holder)
        name = self._members.names.get(holder)
        if name is not None:
            self._people.note_gone(holder, name)
            self._tell(name, GONE)
        self._people.forget(holder)

    def typing(self, worker: int, session: int, room: int, to: bytes) -> None:
        """The member is typing: tell those in the room, or (if that is not empty) the member called `to`."""
        holder = holder_of(worker, session)
        name, where = self._members.names.get(holder), self._rooms.by_number.get(room)
        if name is None:
            return
        if to:
            whom = self._members.called(to)
            if whom is not None:
                self._post.tell(whom, events.IsTyping(name, alone=True))
        elif where is not None and self._gate.may_type(where, holder):
            message = ToWorker.Typing(room, worker, session, name)
            if room == LOBBY:
                self._post.everyone(message)
            else:
                self._post.some(where.interest, message)
