"""History by message numbers: pages, and what a client that resumes its session has missed. Questions to the store."""
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from parley.server.chat.contract import Post
from parley.server.chat.entering import Entering
from parley.server.chat.gate import Gate
from parley.server.chat.members import Members, holder_of
from parley.server.chat.room import LOBBY, LOBBY_NAME
from parley.server.chat.rooms import Room, Rooms
from parley.server.chat.sessions import Sessions
from parley.server.ipc.asked import AskedStore
from parley.server.ipc.messages import Listed, Marks, Message, Missed, ReadStore, ToWorker
from parley.server.protocols import events
from parley.server.protocols.events import Reason


class Past:
    """Pages of history, for members. The methods handle messages: see `parley.server.ipc.messages`."""

    def __init__(self, post: Post, members: Members, rooms: Rooms, gate: Gate, entering: Entering,
                 sessions: Sessions, store: AskedStore) -> None:
        self._post = post
        self._members = members
        self._rooms = rooms
        self._gate = gate
        self._entering = entering
        self._sessions = sessions
        self._store = store

    def reread(
            self, worker: int, sessions: Sequence[int], room_name: bytes, since: Optional[int], most: int) -> None:
        """What was said in the room; in one that is not open, since the member first came there."""
        room = self._rooms.by_name.get(room_name)
        asking: Dict[int, List[int]] = {}  # number of the message after which the past begins -> sessions
        for session in sessions:
            holder = holder_of(worker, session)
            trouble = self._gate.why_not_look(room, holder)
            if room is None or trouble:
                self._post.refuse(holder, trouble or Reason.NO_ROOM)
            else:
                asking.setdefault(self._entering.past_of(room, holder), []).append(session)
        for after, those in asking.items():
            if room is not None:
                self._tell_past(room, worker, those, since, most, after)

    def _tell_past(self, room: Room, worker: int, sessions: List[int], since: Optional[int], most: int,
                   after: int) -> None:

        def tell(found: Optional[Tuple[List[Listed], int, bool]]) -> None:
            if found is None:
                self._post.refuse_all(worker, sessions, Reason.NOT_STORED)
            elif since is not None and since > found[1]:
                self._post.refuse_all(worker, sessions, Reason.NO_SUCH_NUMBER)
            else:
                self._post.answer(worker, sessions, events.Recalled(*found, room.name))

        self._store.ask(self._post.guarded(worker, sessions, tell), ReadStore.Room(room.number, since, most, after))

    def browse(self, worker: int, sessions: Sequence[int], room_name: bytes, partner: bytes, before: Optional[int],
               after: Optional[int], most: int) -> None:
        """A page of what was said in a room, or by the partner and each of the sessions to each other."""
        for session in sessions:
            holder = holder_of(worker, session)
            if holder not in self._members:
                continue  # its name was taken over meanwhile
            request: Message
            if room_name:
                room = self._rooms.by_name.get(room_name)
                trouble = self._why_not_read(room_name, holder)
                if room is None or trouble:
                    self._post.refuse(holder, trouble or Reason.NO_ROOM)
                    continue
                request = ReadStore.Browse(room.number, before, after, most, self._entering.past_of(room, holder))
            else:
                request = ReadStore.BrowseDirect(
                    self._members.names[holder], partner, before, after, most, self._sessions.since(holder))
            tell = self._teller(worker, session, room_name, partner)
            self._store.ask(self._post.guarded(worker, session, tell), request)

    def browse_exactly(self, worker: int, sessions: Sequence[int], room_name: bytes, partner: bytes,
                       before: Optional[int], after: Optional[int], most: int, before_time: Optional[int],
                       after_time: Optional[int], latest: bool) -> None:
        """The same with extras, with messages without a text, and with times in milliseconds."""
        for session in sessions:
            holder = holder_of(worker, session)
            room, since = self._rooms.by_name.get(room_name), 0
            if holder not in self._members:
                continue  # its name was taken over meanwhile
            trouble = self._why_not_read(room_name, holder) if room_name else None
            if trouble or room_name and room is None:
                self._post.refuse(holder, trouble or Reason.NO_ROOM)
                continue
            name = self._members.names[holder]
            if room is not None:
                since = self._entering.past_of(room, holder)
            elif not self._gate.is_protected(name):
                introduced = self._members.since(holder)
                since = self._sessions.since(holder) if introduced is None else introduced
            tell = self._teller(worker, session, room_name, partner)
            self._store.ask(self._post.guarded(worker, session, tell), ReadStore.BrowseExactly(
                0 if room is None else room.number, name, partner, before, after, most, since, before_time, after_time,
                latest))

    def partners(self, worker: int, sessions: Sequence[int], after_time: int, before_time: int, most: int) -> None:
        """The rooms and conversations whose latest message is from between these times."""
        for session in sessions:
            holder = holder_of(worker, session)
            if holder not in self._members:
                continue
            name, joined = self._members.names[holder], self._rooms.joined(holder)
            rooms = {room.number: room.name for room in joined if not self._entering.past_of(room, holder)}
            if self._gate.is_in_lobby(holder):
                rooms[LOBBY] = LOBBY_NAME
            self._store.ask(
                self._post.guarded(worker, session, self._partners_teller(worker, session, rooms)), ReadStore.Partners(
                    name if self._gate.is_protected(name) else b"", list(rooms), after_time, before_time, most))

    def _partners_teller(self, worker: int, session: int, rooms: Dict[int, bytes]) -> Callable[[Any], None]:

        def tell(found: Optional[List[Tuple[int, bytes, int]]]) -> None:
            if found is None:
                self._post.refuse(holder_of(worker, session), Reason.NOT_STORED)
            else:
                self._post.answer(worker, [session], events.PartnersTold(
                    [(partner or rooms[room], when) for room, partner, when in found]))

        return tell

    def _teller(self, worker: int, session: int, room_name: bytes, partner: bytes) -> Callable[[Any], None]:

        def tell(found: Optional[Tuple[List[Listed], bool, int]]) -> None:
            if found is None:
                self._post.refuse(holder_of(worker, session), Reason.NOT_STORED)
            else:
                self._post.worker(worker, ToWorker.Browsed([session], room_name, partner, *found))

        return tell

    def _why_not_read(self, room_name: bytes, holder: int) -> Optional[str]:
        if room_name == LOBBY_NAME:
            return None if self._gate.is_in_lobby(holder) else Reason.NOT_INSIDE
        return self._gate.why_not_look(self._rooms.by_name.get(room_name), holder)

    def catch_up(self, worker: int, sessions: Sequence[int], run: bytes, marks: Marks, through: int) -> None:
        """What each session has missed since its marks. Numbers of another run, or not given yet, count as 0."""
        for session in sessions:
            holder = holder_of(worker, session)
            if holder in self._members:
                self._catch_up(worker, session, holder, run, marks, through)

    def _catch_up(self, worker: int, session: int, holder: int, run: bytes, marks: Marks, through: int) -> None:
        names, rooms, alone = [], [], None
        for room_name, number in marks:
            begin = number if run == self._store.identity and 0 <= number <= through else 0
            room = self._rooms.by_name.get(room_name)
            if not room_name:
                alone = begin
            elif room is not None and not self._why_not_read(room_name, holder) and room_name not in names:
                names.append(room_name)
                rooms.append((room.number, max(begin, self._entering.past_of(room, holder))))

        def tell(found: Optional[Tuple[List[Tuple[List[Missed], bool]], int]]) -> None:
            told = [*names, b""] if alone is not None else names
            parts, last = found if found is not None else ([([], True) for _ in told], 0)  # the store has failed
            self._post.worker(worker, ToWorker.CaughtUp(
                [session], [(name, *part) for name, part in zip(told, parts)], last))

        self._store.ask(self._post.guarded(worker, session, tell), ReadStore.CatchUp(
            rooms, self._members.names[holder], alone, self._sessions.since(holder), through))
