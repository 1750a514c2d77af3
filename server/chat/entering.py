"""Entering and leaving rooms, creating and closing them. Decided in the order of the entries."""
from typing import Callable, Collection, Dict, Iterable, List, Optional, Sequence, Tuple

from parley.server.chat.accounts import Accounts
from parley.server.chat.contract import Post
from parley.server.chat.gate import Gate
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.origins import network_of
from parley.server.chat.room import LOBBY, LOBBY_NAME
from parley.server.chat.room_questions import RoomQuestions
from parley.server.chat.rooms import MEMBER, OP, OWNER, ROLES, Room, Rooms
from parley.server.ipc.asked import AskedStore, ignore
from parley.server.ipc.messages import Message, Settled, ToStore, ToWorker, entry
from parley.server.order.numbers import Numbers
from parley.server.protocols.events import Reason

DAY = 86400  # seconds
MILLISECONDS = 1000


class Entering:
    """Who is in which room. The methods handle messages: see `parley.server.ipc.messages`.

    told_of_newcomers: how many times a member has been told of a newcomer, since the start.
    on_enter: functions called with a room and the holder that has entered it; for the lobby only if it asked to enter.
    """

    def __init__(self, post: Post, members: Members, accounts: Accounts, rooms: Rooms, gate: Gate,
                 questions: RoomQuestions, store: AskedStore, numbers: Numbers) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts
        self._rooms = rooms
        self._gate = gate
        self._questions = questions
        self._store = store
        self._numbers = numbers
        self.told_of_newcomers = 0
        self.on_enter: List[Callable[[Room, int], None]] = []
        self._tidied_at = 0  # milliseconds
        # Holder whose new room is being stored -> its requests to enter other rooms, which are answered after that one.
        self._opening: Dict[int, List[Tuple[bytes, Collection[bytes], Optional[bytes]]]] = {}

    # ---- which rooms there are

    def restore(self, kept: Iterable[Tuple[int, bytes, str]], last: int) -> None:
        """See `Rooms.restore`. An account may have been deleted just before the server ended."""
        self._rooms.restore(kept, last)
        for room in self._rooms.by_number.values():
            for names in (room.roles, room.since):
                for name in [name for name in names if name not in self._accounts.accounts]:
                    del names[name]

    def found(self, names: Iterable[bytes]) -> None:
        """Create the rooms that have ports of their own. They last, and their first member gets no role."""
        self._rooms.with_ports = frozenset(names)
        for name in sorted(self._rooms.with_ports - self._rooms.by_name.keys()):
            room = self._rooms.open(name)
            room.lasts, room.made_at = True, self._accounts.seconds
            self.keep(room)

    def keep(self, room: Room, then: Optional[Callable[[Optional[bool]], None]] = None, worker: int = 0,
              session: int = 0) -> None:
        """Store the room if it lasts, or store that it is gone; then answer."""
        answer = ignore if then is None else self._post.guarded(worker, session or (), then)
        if room.members:
            room.left_at = self._accounts.seconds  # in case the server ends now
        if room.number not in self._rooms.by_number:
            self._store.ask(answer, ToStore.CloseRoom(room.number))
        elif room.lasts or room is self._rooms.lobby:
            self._store.ask(answer, ToStore.KeepRoom(room.number, room.name, room.state()))
        elif then is not None:
            then(True)

    def tidy(self) -> None:
        """Once a day, close rooms that nobody has visited for too long. A room with members is visited today.

        If a room was left while the clock was ahead, that counts as now.
        """
        days = self._gate.limits["empty_room_days"]
        if not days or 0 <= self._accounts.order.now - self._tidied_at < DAY * MILLISECONDS:
            return
        self._tidied_at = self._accounts.order.now
        self._post.change()
        for room in [*self._rooms.by_number.values()]:
            room.left_at = min(room.left_at, self._accounts.seconds)
            if room.members:
                self.keep(room)
            elif not (room is self._rooms.lobby or room.name in self._rooms.with_ports
                      or room.left_at >= self._accounts.seconds - days * DAY):
                self._rooms.close(room)
                self.keep(room)

    def account_closed(self, name: bytes) -> None:
        """The account is gone, and with it its roles and invitations: the next owner of the name inherits nothing."""
        for room in self._rooms.by_number.values():
            room.uninvite(name)
            if name in room.roles or name in room.since:
                room.roles.pop(name, None)
                room.since.pop(name, None)
                self.keep(room)

    # ---- by a room's own port

    def came_by(self, worker: int, session: int, room_name: bytes, host: Optional[str] = None) -> None:
        """The session has connected to a room's own port. host: its address, if it hears the room without a name."""
        holder = holder_of(worker, session)
        self._rooms.homes[holder] = room_name
        if not room_name:
            return
        room = self._rooms.by_name[room_name]
        if host is not None and self._gate.may_listen(room, host):
            self._rooms.listen(room, holder, worker, host)
            self._post.worker(worker, ToWorker.Listening(session, room.number, room.name, True))

    def turn_away(self) -> None:
        """Stop sending a room's events to clients without a name that may no longer hear it."""
        for name in self._rooms.with_ports:
            room = self._rooms.by_name[name]
            for holder, host in [*room.listeners.items()]:
                if not self._gate.may_listen(room, host):
                    worker, session = split(holder)
                    self._rooms.turn_away(room, holder, worker)
                    self._post.worker(worker, ToWorker.Listening(session, room.number, room.name, False))

    def come_home(self, holder: int) -> None:
        """A member has its first name: if it has connected to a room's port, it enters that room."""
        home = self._rooms.homes.get(holder)
        if home:
            name, alias, _ = self._members.introduction(self._members.names[holder])
            self._admit(self._rooms.by_name[home], holder, split(holder)[0], name, alias)

    def barred(self) -> List[str]:
        """The networks that are banned in the lobby."""
        return [ban.decode() for ban in self._rooms.lobby.banned if network_of(ban.decode(errors="replace"))]

    # ---- coming

    def enter(self, worker: int, session: int, room_name: bytes, occupied: Collection[bytes],
              key: Optional[bytes], converses: bool = False, seals: bool = False) -> None:
        """Let the member into the room. If it does not exist it is created; one that lasts is stored first."""
        holder = holder_of(worker, session)
        if seals and holder in self._members:
            self._rooms.sealing.add(holder)
        if converses:
            room_name = self._rooms.meant(room_name, occupied)
        room = self._rooms.by_name.get(room_name)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        if holder in self._opening:
            self._opening[holder].append((room_name, occupied, key))
            return
        if room is self._rooms.lobby and self._rooms.homes.get(holder) == b"":
            self._come_to_lobby(worker, session, holder, converses)
        elif room is self._rooms.lobby and not self._gate.is_in_lobby(holder):
            self._post.refuse(holder, Reason.IS_LOBBY)
        elif room is self._rooms.lobby or room is not None and holder in room.members:
            self._post.confirm(holder, True)
        else:
            trouble = self.let_in(holder, room_name, occupied, key, looks=converses)
            if trouble:
                self._post.refuse(holder, trouble)

    def _come_to_lobby(self, worker: int, session: int, holder: int, looks: bool) -> None:
        """A member that was in no room at its login enters the lobby."""
        lobby, name = self._rooms.lobby, self._members.names[holder]
        trouble = self._gate.why_kept_away(name, self._members.host(holder))
        if trouble:
            self._post.refuse(holder, trouble)
            return
        self._post.change()
        self._rooms.homes[holder] = LOBBY_NAME
        if looks:
            self._questions.show_around(lobby, holder)
        self._post.everyone(ToWorker.Entered(LOBBY, LOBBY_NAME, lobby.topic[0], worker, session, name))
        for follow in self.on_enter:
            follow(lobby, holder)

    def let_in(self, holder: int, room_name: bytes, occupied: Collection[bytes], key: Optional[bytes],
               alias: Optional[bytes] = None, was_inside: bool = False, looks: bool = False) -> Optional[str]:
        """Let the member into a room other than the lobby. Returns the Reason why not, or None if it is in.

        alias: the member's, if the workers do not know the member yet. was_inside: was it in the room when its
            connection ended? Then it needs no key and no invitation. looks: is it told who is there, unless the room
            has to be stored first?
        """
        name, room = self._members.names[holder], self._rooms.by_name.get(room_name)
        owner = self._members.identities.get(holder, name)
        if room is None:
            trouble = self._gate.why_no_room(holder, owner, occupied)
        elif holder in room.members:
            return None
        else:
            trouble = self._gate.why_not_enter(room, holder, key, was_inside)
        trouble = trouble or self._gate.why_no_more_joins(holder)
        if trouble:
            return trouble
        self._post.change()
        if room is None:
            room = self._open(room_name, owner)
            room.count_in(self._rooms.space, self._gate.origin_of(holder))
            if room.lasts:
                self._opening[holder] = []
                self.keep(room, lambda stored: self._accounts.order.submit(
                    0, entry(Settled.RoomOpened(holder, room.number, stored))), *split(holder))
                return None
        self._admit(room, holder, split(holder)[0], name, alias, looks)
        return None

    def _open(self, room_name: bytes, owner: bytes) -> Room:
        room = self._rooms.open(room_name)
        room.left_at = room.made_at = self._accounts.seconds
        room.lasts = self._gate.is_protected(owner)
        if room.lasts:
            room.roles[owner] = OWNER
        return room

    def room_opened(self, worker: int, asker: int, number: int, stored: Optional[bool]) -> None:
        """The store's answer to a new room: its creator may enter it.

        If it could not be stored, it is removed, or lasts only until those who have entered it meanwhile have left.
        """
        self._post.change()
        room = self._rooms.by_number.get(number)
        if room is not None and not stored:
            room.lasts = False
            room.roles.clear()
            if not room.members:
                self._rooms.close(room)
        waiting = self._opening.pop(asker, None)
        if waiting is None:
            return  # it has left meanwhile
        worker, session = split(asker)
        if not stored:
            self._post.refuse(asker, Reason.NOT_STORED)
        elif room is None:
            self._post.refuse(asker, Reason.NO_ROOM)  # the room was dropped meanwhile
        else:
            self._admit(room, asker, worker, self._members.names[asker])
        for request in waiting:
            self.enter(worker, session, *request)

    def _admit(self, room: Room, holder: int, worker: int, name: bytes, alias: Optional[bytes] = None,
               looks: bool = False) -> None:
        role = self._gate.role_of_account(room, holder, name)
        if not room.members and not room.lasts:
            role = OP
        room.uninvite(name)
        is_new = not room.is_open and self.begin_past(room, holder, name, self._numbers.last)
        self._rooms.turn_away(room, holder, worker)  # it hears the room as a member from now on
        self._rooms.enter(room, holder, worker, role)
        if room.banned or room.muted:
            self.note_if_barred(room, holder)
        self.told_of_newcomers += len(room.members)
        if is_new or room.left_at < self._accounts.seconds - DAY:
            self.keep(room)
        if looks:
            self._questions.show_around(room, holder)
        self._tell(room, ToWorker.Entered(
            room.number, room.name, room.topic[0], worker, split(holder)[1], name, alias, ROLES.get(role, b""),
            room.sealed))
        for follow in self.on_enter:
            follow(room, holder)

    def begin_past(self, room: Room, holder: int, name: bytes, number: int) -> bool:
        """In a room that is not open, a member's history begins after this message, or earlier if it was there before.

        Returns whether this has to be stored.
        """
        name = self._members.identities.get(holder, name)
        if not self._gate.is_protected(name):
            of_guest = self._rooms.since_of_guests.setdefault(holder, {})
            for gone in of_guest.keys() - self._rooms.by_number.keys():
                del of_guest[gone]
            of_guest.setdefault(room.number, number)
        elif name not in room.since:
            room.since[name] = self._rooms.since_of_guests.get(holder, {}).get(room.number, number)
            return True
        return False

    def past_of(self, room: Room, holder: int) -> int:
        """The number of the message after which the room's history begins for the holder."""
        if room.is_open:
            return 0
        of_guest = self._rooms.since_of_guests.get(holder, {})
        name = self._members.identities.get(holder, self._members.names[holder])
        return room.since.get(name, of_guest.get(room.number, 0))

    # ---- going

    def exit(self, worker: int, session: int, room_name: bytes, why: bytes = b"") -> None:
        """The member leaves the room."""
        holder, room = holder_of(worker, session), self._rooms.by_name.get(room_name)
        if room is self._rooms.lobby and holder in self._members and self._rooms.homes.get(holder) in (b"", LOBBY_NAME):
            self._leave_lobby(worker, session, holder, why)
        elif room is self._rooms.lobby or room is not None and room_name == self._rooms.homes.get(holder):
            self._post.refuse(holder, Reason.IS_LOBBY)
        elif room is None or holder not in room.members:
            self._post.refuse(holder, Reason.NOT_INSIDE)
        else:
            self._post.change()
            self._tell(room, ToWorker.Exited(
                room.number, worker, [session], [self._members.names[holder]], False, why))
            self.take_out(room, holder)
            if not room.members:
                self.keep(room)
            self._post.confirm(holder, True)

    def _leave_lobby(self, worker: int, session: int, holder: int, why: bytes) -> None:
        """A member that was in no room at its login leaves the lobby."""
        if not self._rooms.homes[holder]:
            self._post.refuse(holder, Reason.NOT_INSIDE)
            return
        self._post.change()
        self._rooms.homes[holder] = b""
        self._post.everyone(ToWorker.Exited(LOBBY, worker, [session], [self._members.names[holder]], False, why))
        self._post.confirm(holder, True)

    def take_out(self, room: Room, holder: int) -> None:
        """Remove the holder from the room. If the room is empty now, that has to be stored."""
        self._rooms.leave(room, holder, split(holder)[0])
        if not room.members:
            room.left_at = self._accounts.seconds
            if not room.lasts:
                self._rooms.close(room)

    def forget(self, holder: int) -> None:
        """The session is gone, from all rooms."""
        self._gate.forget(holder)
        self._rooms.sealing.discard(holder)
        self._opening.pop(holder, None)
        for room in self._rooms.slow:
            room.spoke.pop(holder, None)
        self._rooms.since_of_guests.pop(holder, None)
        worker, session = split(holder)
        home = self._rooms.homes.pop(holder, None)
        if home and home != LOBBY_NAME:
            self._rooms.turn_away(self._rooms.by_name[home], holder, worker)
        name, why = self._members.names.get(holder, b""), self._members.last_words.get(holder, b"")
        for room in [*self._rooms.joined(holder)]:
            self._rooms_left(room, worker, [session], [name], why)

    def lose(self, worker: int) -> None:
        """A worker died, and its clients with it: they leave each room at once."""
        for holder in [one for one in self._rooms.homes if split(one)[0] == worker and one not in self._members]:
            self.forget(holder)  # before the members are released, where their homes matter
        for room in [room for room in self._rooms.by_number.values() if worker in room.interest]:
            sessions = [split(holder)[1] for holder in room.members if split(holder)[0] == worker]
            names = [self._members.names[holder_of(worker, session)] for session in sessions]
            self._rooms_left(room, worker, sessions, names)

    def _rooms_left(self, room: Room, worker: int, sessions: Sequence[int], names: Sequence[bytes],
                    why: bytes = b"") -> None:
        for session in sessions:
            self.take_out(room, holder_of(worker, session))
        if not room.members:
            self.keep(room)
        self._tell(room, ToWorker.Exited(room.number, worker, sessions, names, True, why))

    def renamed(self, holder: int, old: bytes, new: bytes) -> None:
        """A member has changed to a name without a password. It keeps its own role, but not that of an account."""
        worker, session = split(holder)
        rooms = self._rooms.joined(holder)
        for room in rooms:
            if not room.is_open and old in room.since:
                self.begin_past(room, holder, new, room.since[old])
        _, alias, _ = self._members.introduction(new)
        for room in rooms:
            if self._gate.keeps_behind(room, holder, old):
                room.members[holder] = MEMBER  # see `Gate.role_as_another`
                room.voiced.discard(holder)
            if room.banned or room.muted:
                self.note_if_barred(room, holder)
            self._tell(room, ToWorker.RenamedIn(room.number, worker, session, old, new, alias))

    def has_account(self, holder: int) -> None:
        """A member has another account now, or none: masks on the lists of its rooms may be of accounts."""
        for room in self._rooms.joined(holder):
            if room.banned or room.muted:
                self.note_if_barred(room, holder)

    def note_if_barred(self, room: Room, holder: int) -> None:
        """Remember whether a mask keeps the member from speaking, so that no masks are matched when it speaks."""
        reason = self._gate.why_barred(room, holder) if room.banned or room.muted else None
        room.barred.pop(holder, None)
        if reason:
            room.barred[holder] = reason

    def _tell(self, room: Room, message: Message) -> None:
        """Tell the workers that have members in the room."""
        self._post.some(room.interest, message)
