"""Questions about rooms, which change nothing: members, settings, and the list of rooms."""
from typing import Callable, Iterable, List, Optional, Sequence, Tuple

from parley.server.chat.contract import Post
from parley.server.chat.gate import Gate
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.patterns import matcher
from parley.server.chat.rooms import COUNTS, LISTS, OP, ROLES, SWITCHES, Room, Rooms
from parley.server.ipc.messages import ToWorker
from parley.server.protocols import events
from parley.server.protocols.events import Reason


class RoomQuestions:
    """What members want to know of rooms. The methods handle messages: see `parley.server.ipc.messages`.

    now: gives the time of the entry that is decided, in milliseconds.
    """

    def __init__(self, post: Post, members: Members, rooms: Rooms, gate: Gate, now: Callable[[], int]) -> None:
        self._post = post
        self._members = members
        self._rooms = rooms
        self._gate = gate
        self._now = now

    def within(self, worker: int, sessions: Sequence[int], room_name: bytes) -> None:
        """Who is in the room?"""
        room = self._rooms.by_name.get(room_name)
        inside = []
        for session in sessions:
            trouble = self._gate.why_not_look(room, holder_of(worker, session))
            if trouble:
                self._post.refuse(holder_of(worker, session), trouble)
            else:
                inside.append(session)
        if room is not None and inside:
            names = [self._members.names[holder] for holder in room.members]
            self._post.answer(worker, inside, events.Present(names, room_name))

    def look(self, worker: int, sessions: Sequence[int], room_name: bytes) -> None:
        """Who is in the room, and what are its settings? Somebody who may not see that is told only its name."""
        room = self._rooms.by_name.get(room_name)
        seeing = []
        for session in sessions:
            if room is None or not self._gate.knows(room, holder_of(worker, session)):
                self._post.answer(worker, [session], events.Looked(room_name))
            else:
                seeing.append(session)
        if room is not None and seeing:
            members = self._members_of(room)
            for session in seeing:
                self._post.answer(worker, [session], self._looked(room, holder_of(worker, session), members))

    def show_around(self, room: Room, holder: int) -> None:
        """Let a holder, whose entering the workers are told next, see who is in the room, without another question."""
        looked = self._looked(room, holder, self._members_of(room))
        self._post.worker(split(holder)[0], ToWorker.Around(tuple(looked)))

    def _looked(self, room: Room, holder: int, members: Sequence[Tuple[bytes, bytes]]) -> events.Looked:
        is_inside = holder in room.members or room is self._rooms.lobby and self._gate.is_in_lobby(holder)
        voiced = [self._members.names[one] for one in sorted(room.voiced)]
        return events.Looked(room.name, is_inside, members, *room.topic, self._settings(room), room.made_at, voiced)

    def _members_of(self, room: Room) -> List[Tuple[bytes, bytes]]:
        names = self._members.names
        inside = ((holder, self._gate.role(room, holder)) for holder in filter(self._gate.is_in_lobby, names)) \
            if room is self._rooms.lobby else self._gate.roles(room)
        return [(names[holder], ROLES.get(role, b"")) for holder, role in inside]

    def tally(self, worker: int, session: int) -> None:
        """How many are here? IRC asks this for its PING, too, as the answer comes after all earlier ones."""
        operators = sum(self._members.called(name) is not None for name in self._gate.operators)
        self._post.answer(
            worker, [session], events.Counted(len(self._members.names), len(self._rooms.by_name), operators))

    @staticmethod
    def _settings(room: Room) -> List[Tuple[bytes, int]]:
        found = [(setting.encode(), int(getattr(room, setting))) for setting in (*SWITCHES, *COUNTS)
                 if getattr(room, setting)]
        return [*found, (b"key", 1)] if room.key is not None else found

    def list_rooms(self, worker: int, sessions: Sequence[int], pattern: Optional[bytes], with_lobby: bool = False,
                   invited: bool = False) -> None:
        """Which rooms are there that the sessions may know of, that they are in, or to which they are invited?"""
        if invited:
            for session in sessions:
                self._post.answer(worker, [session], events.RoomList(self._inviting(holder_of(worker, session))))
            return
        fits = None if pattern is None else matcher(pattern.decode(errors="replace"))
        for session in sessions:
            holder = holder_of(worker, session)
            if fits is None:
                found = self._rooms.joined(holder)
            else:
                found = [room for room in self._rooms.by_number.values() if room is not self._rooms.lobby
                         and self._gate.knows(room, holder) and fits(room.name.decode())]
            rows = [(room.name, len(room.members), room.topic[0], holder in room.members) for room in found]
            lobby, is_inside = self._rooms.lobby, self._gate.is_in_lobby(holder)
            if with_lobby and (is_inside if fits is None else fits(lobby.name.decode())):
                inside = sum(map(self._gate.is_in_lobby, self._members.names))
                if inside:
                    rows.insert(0, (lobby.name, inside, lobby.topic[0], is_inside))
            self._post.answer(worker, [session], events.RoomList(rows))

    def _inviting(self, holder: int) -> List[Tuple[bytes, int, bytes, bool]]:
        name = self._members.names.get(holder, b"")
        return [(room.name, 0, b"", False) for room in self._rooms.by_number.values()
                if room.is_invited(name, self._now()) and holder not in room.members]

    def topic(self, worker: int, session: int, room_name: bytes) -> None:
        """What is the room's topic?"""
        holder, room = holder_of(worker, session), self._rooms.by_name.get(room_name)
        if room is None or not self._gate.knows(room, holder):
            self._post.refuse(holder, Reason.NO_ROOM)
        else:
            self._post.answer(worker, [session], events.TopicTold(room_name, *room.topic))

    def masks(self, worker: int, session: int, room_name: bytes, kind: str) -> None:
        """Who is on a list of the room? Only its ops may see whom it lets in."""
        holder, room = holder_of(worker, session), self._rooms.by_name.get(room_name)
        trouble = self._gate.why_not_look(room, holder)
        if room is None or trouble:
            self._post.refuse(holder, trouble or Reason.NO_ROOM)
        elif kind not in LISTS:
            self._post.refuse(holder, Reason.INVALID_SETTING)
        elif kind in ("except", "invex") and self._gate.role(room, holder) < OP:
            self._post.refuse(holder, Reason.NOT_ALLOWED)
        else:
            self._post.answer(worker, [session], events.MasksTold(room_name, kind, [
                (mask, by, when) for mask, (by, _, when) in getattr(room, LISTS[kind]).items()]))

    def roles(self, worker: int, session: int, room_name: bytes) -> None:
        """Who has which role in the room, and what are its settings?"""
        holder, room = holder_of(worker, session), self._rooms.by_name.get(room_name)
        trouble = self._gate.why_not_look(room, holder)
        if room is None or trouble:
            self._post.refuse(holder, trouble or Reason.NO_ROOM)
            return
        holders: Iterable[Optional[int]] = room.members
        if room is self._rooms.lobby:
            holders = map(self._members.called, sorted(self._gate.operators))
        found = [(self._members.names[one], ROLES[self._gate.role(room, one)])
                 for one in holders if one is not None and self._gate.role(room, one) in ROLES]
        self._post.answer(worker, [session], events.RolesTold(room_name, found, self._settings(room)))
