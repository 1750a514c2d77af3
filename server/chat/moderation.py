"""What members do in rooms: enter, exit, look, speak, and keep order. Decided in the order of the requests."""
import functools
from typing import Callable, Collection, Dict, Iterable, List, Optional, Sequence, Tuple, Union

from parley.server.chat.accounts import Accounts
from parley.server.chat.contract import Post, changes_nothing
from parley.server.chat.gate import Gate, setting, settings_of
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.names import spelled
from parley.server.chat.origins import network_of, written
from parley.server.chat.patterns import matcher
from parley.server.chat.room import LOBBY, LOBBY_NAME
from parley.server.chat.rooms import (
    COUNTS,
    INVITED_FOR,
    LISTS,
    MEMBER,
    OP,
    OPERATOR,
    OWNER,
    ROLES,
    SWITCHES,
    VOICE,
    Room,
    Rooms,
)
from parley.server.ipc.asked import AskedStore
from parley.server.ipc.messages import Listed, Message, ReadStore, Settled, ToStore, ToWorker, entry
from parley.server.ipc.queues import AWAITED, EXTRA, placed, record, said, speakers, talk, talk_of, words
from parley.server.order.numbers import Numbers
from parley.server.protocols import events
from parley.server.protocols.events import Reason

DAY = 86400  # seconds
MILLISECONDS = 1000
# By the act: how the room does it, and with which role.
_ROLES = {"voice": (Room.give, VOICE), "devoice": (Room.take, VOICE), "op": (Room.give, OP), "deop": (Room.take, OP)}
_SAYS = {"voice": VOICE, "devoice": MEMBER, "op": OP, "deop": MEMBER}  # the role that one has then, as a rule
_PUTS = {"except": "excepted", "invex": "invex"}  # on which list
_TAKES_OFF = {"unexcept": "excepted", "uninvex": "invex"}
_CHANGES_WHO_IS_BARRED = frozenset([
    "ban", "unban", "bar", "mute", "unmute", "except", "unexcept"])
SERVER = b"server"  # the name of who runs the server, which nobody can have


class Moderation:
    """Rooms and what is done in them. The methods handle messages: see `parley.server.ipc.messages`.

    told_of_newcomers: how many members have been told that somebody has come, each counted for each newcomer.
    evict: ends the session of a holder, and frees its name: evict(holder, reason).
    on_enter: what is called with a room and the holder who has come there; of the lobby only if it has asked for that.
    """

    def __init__(self, post: Post, members: Members, accounts: Accounts, rooms: Rooms, gate: Gate, store: AskedStore,
                 numbers: Numbers, evict: Callable[[int, str], None]) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts
        self._rooms = rooms
        self._gate = gate
        self._store = store
        self._numbers = numbers
        self._evict = evict
        self.told_of_newcomers = 0
        self.on_enter: List[Callable[[Room, int], None]] = []
        self._tidied_at = 0  # milliseconds
        # Holder whose new room is being stored -> its requests to enter others, which are answered behind that one.
        self._opening: Dict[int, List[Tuple[bytes, Collection[bytes], Optional[bytes]]]] = {}
        self._acts: Dict[str, Callable[[Room, bytes, bytes, bytes], Sequence[int]]] = {
            "topic": self._set_topic, "invite": self._invite, "kick": self._kick, "ban": self._ban,
            "unban": self._unban, "bar": self._bar, "mute": self._mute, "unmute": self._unmute,
            "set": self._set, "drop": self._drop,
            "rename": self._rename, "redact": self._note_redacted,
            **{act: functools.partial(self._put, entries) for act, entries in _PUTS.items()},
            **{act: functools.partial(self._take_off, entries) for act, entries in _TAKES_OFF.items()},
            **{act: functools.partial(self._set_role, *roles) for act, roles in _ROLES.items()}}

    @property
    def _now(self) -> int:
        return self._accounts.order.now

    @property
    def _seconds(self) -> int:
        return self._now // MILLISECONDS

    # ---- coming and going

    def restore(self, kept: Iterable[Tuple[int, bytes, str]], last: int) -> None:
        """See `Rooms.restore`. An account may have been deleted just before the server ended."""
        self._rooms.restore(kept, last)
        for room in self._rooms.by_number.values():
            for names in (room.roles, room.since):
                for name in [name for name in names if name not in self._accounts.accounts]:
                    del names[name]

    def found(self, names: Iterable[bytes]) -> None:
        """Make the rooms that have ports of their own. They last, and nobody has a role there for having come first."""
        self._rooms.with_ports = frozenset(names)
        for name in sorted(self._rooms.with_ports - self._rooms.by_name.keys()):
            room = self._rooms.open(name)
            room.lasts, room.made_at = True, self._seconds
            self.keep(room)

    def came_by(self, worker: int, session: int, room_name: bytes, host: Optional[str] = None) -> None:
        """The session has come by a room's own port. host: if it hears at once what happens there."""
        holder = holder_of(worker, session)
        self._rooms.homes[holder] = room_name
        if not room_name:
            return
        room = self._rooms.by_name[room_name]
        if host is not None and self._gate.may_listen(room, host):
            self._rooms.listen(room, holder, worker, host)
            self._post.worker(worker, ToWorker.Listening(session, room.number, room.name, True))

    def barred(self) -> List[str]:
        """The networks that are banned in the lobby."""
        return [ban.decode() for ban in self._rooms.lobby.banned if network_of(ban.decode(errors="replace"))]

    def _turn_away(self) -> None:
        """Those who may hear no more what happens in a room, without a name, hear nothing from here on."""
        for name in self._rooms.with_ports:
            room = self._rooms.by_name[name]
            for holder, host in [*room.listeners.items()]:
                if not self._gate.may_listen(room, host):
                    worker, session = split(holder)
                    self._rooms.turn_away(room, holder, worker)
                    self._post.worker(worker, ToWorker.Listening(session, room.number, room.name, False))

    def come_home(self, holder: int) -> None:
        """A member has its first name: if it has come by a room's port, it is in that room."""
        home = self._rooms.homes.get(holder)
        if home:
            name, alias, _ = self._members.introduction(self._members.names[holder])
            self._admit(self._rooms.by_name[home], holder, split(holder)[0], name, alias)

    def enter(self, worker: int, session: int, room_name: bytes, occupied: Collection[bytes],
              key: Optional[bytes], converses: bool = False, seals: bool = False) -> None:
        """Let the member into the room, which is made if there is none of this name; one that lasts is stored first."""
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
        """A member that was in no room from its login on enters the lobby."""
        lobby, name = self._rooms.lobby, self._members.names[holder]
        trouble = self._gate.why_kept_away(name, self._members.hosts.get(holder, ""))
        if trouble:
            self._post.refuse(holder, trouble)
            return
        self._post.change()
        self._rooms.homes[holder] = LOBBY_NAME
        if looks:
            self._show_around(lobby, holder)
        self._post.everyone(ToWorker.Entered(LOBBY, LOBBY_NAME, lobby.topic[0], worker, session, name))
        for follow in self.on_enter:
            follow(lobby, holder)

    def let_in(self, holder: int, room_name: bytes, occupied: Collection[bytes], key: Optional[bytes],
               alias: Optional[bytes] = None, was_inside: bool = False, looks: bool = False) -> Optional[str]:
        """Let the member into the room, which is not the lobby; why not, or None if it is in.

        alias: of the member, if the workers are told of it next. was_inside: was it in the room when its connection
            ended? Then it needs no key, and no invitation. looks: is it told who is there, unless the room has to be
            stored first?
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
            room.source = self._gate.origin_of(holder)
            if room.lasts:
                self._opening[holder] = []
                self.keep(room, lambda stored: self._accounts.order.submit(
                    0, entry(Settled.RoomOpened(holder, room.number, stored))), *split(holder))
                return None
        self._admit(room, holder, split(holder)[0], name, alias, looks)
        return None

    def _open(self, room_name: bytes, owner: bytes) -> Room:
        room = self._rooms.open(room_name)
        room.left_at = room.made_at = self._seconds
        room.lasts = self._gate.is_protected(owner)
        if room.lasts:
            room.roles[owner] = OWNER
        return room

    def room_opened(self, worker: int, asker: int, number: int, stored: Optional[bool]) -> None:
        """The store's answer to a new room: who has made it may be in it.

        If it is not stored, there is none, or only as long as those are in it who have entered it meanwhile.
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
            self._post.refuse(asker, Reason.NO_ROOM)  # it was dropped meanwhile
        else:
            self._admit(room, asker, worker, self._members.names[asker])
        for request in waiting:
            self.enter(worker, session, *request)

    def _admit(self, room: Room, holder: int, worker: int, name: bytes, alias: Optional[bytes] = None,
               looks: bool = False) -> None:
        role = self._gate.role_of_account(room, holder, name)
        if not room.members and not room.lasts:
            role = OP
        room.invited.pop(name, None)
        is_new = not room.is_open and self._begin_past(room, holder, name, self._numbers.last)
        self._rooms.turn_away(room, holder, worker)  # it is told as a member what happens
        self._rooms.enter(room, holder, worker, role)
        if room.banned or room.muted:
            self._note_if_barred(room, holder)
        self.told_of_newcomers += len(room.members)
        if is_new or room.left_at < self._seconds - DAY:
            self.keep(room)
        if looks:
            self._show_around(room, holder)
        self._tell(room, ToWorker.Entered(
            room.number, room.name, room.topic[0], worker, split(holder)[1], name, alias, ROLES.get(role, b""),
            room.sealed))
        for follow in self.on_enter:
            follow(room, holder)

    def _begin_past(self, room: Room, holder: int, name: bytes, number: int) -> bool:
        """In a room that is not open, a member's past begins behind this message, or earlier if it was there before.

        Is there anything new that has to be stored?
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
        """The number of the message behind which the past of the room begins for the holder."""
        if room.is_open:
            return 0
        of_guest = self._rooms.since_of_guests.get(holder, {})
        name = self._members.identities.get(holder, self._members.names[holder])
        return room.since.get(name, of_guest.get(room.number, 0))

    def exit(self, worker: int, session: int, room_name: bytes, why: bytes = b"") -> None:
        """The member leaves the room."""
        holder, room = holder_of(worker, session), self._rooms.by_name.get(room_name)
        if room is self._rooms.lobby and holder in self._members and self._rooms.homes.get(holder) in (b"", LOBBY_NAME):
            self._leave_lobby(worker, session, holder, why)
        elif room is self._rooms.lobby or room_name == self._rooms.homes.get(holder):
            self._post.refuse(holder, Reason.IS_LOBBY)
        elif room is None or holder not in room.members:
            self._post.refuse(holder, Reason.NOT_INSIDE)
        else:
            self._post.change()
            self._tell(room, ToWorker.Exited(
                room.number, worker, [session], [self._members.names[holder]], False, why))
            self._take_out(room, holder)
            if not room.members:
                self.keep(room)
            self._post.confirm(holder, True)

    def _leave_lobby(self, worker: int, session: int, holder: int, why: bytes) -> None:
        """A member that has entered the lobby by itself leaves it."""
        if not self._rooms.homes[holder]:
            self._post.refuse(holder, Reason.NOT_INSIDE)
            return
        self._post.change()
        self._rooms.homes[holder] = b""
        self._post.everyone(ToWorker.Exited(LOBBY, worker, [session], [self._members.names[holder]], False, why))
        self._post.confirm(holder, True)

    def _take_out(self, room: Room, holder: int) -> None:
        """The holder is in the room no more. If nobody is, that has to be stored."""
        self._rooms.leave(room, holder, split(holder)[0])
        if not room.members:
            room.left_at = self._seconds
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
            self.forget(holder)  # who has a name is released next, and its home matters there
        for room in [room for room in self._rooms.by_number.values() if worker in room.interest]:
            sessions = [split(holder)[1] for holder in room.members if split(holder)[0] == worker]
            names = [self._members.names[holder_of(worker, session)] for session in sessions]
            self._rooms_left(room, worker, sessions, names)

    def _rooms_left(self, room: Room, worker: int, sessions: Sequence[int], names: Sequence[bytes],
                    why: bytes = b"") -> None:
        for session in sessions:
            self._take_out(room, holder_of(worker, session))
        if not room.members:
            self.keep(room)
        self._tell(room, ToWorker.Exited(room.number, worker, sessions, names, True, why))

    def renamed(self, holder: int, old: bytes, new: bytes) -> None:
        """A member has another name, which has no password. A role of its own goes along, an account's stays there."""
        worker, session = split(holder)
        rooms = self._rooms.joined(holder)
        for room in rooms:
            if not room.is_open and old in room.since:
                self._begin_past(room, holder, new, room.since[old])
        _, alias, _ = self._members.introduction(new)
        for room in rooms:
            if self._gate.keeps_behind(room, holder, old):
                room.members[holder] = MEMBER  # see `Gate.role_as_another`
                room.voiced.discard(holder)
            if room.banned or room.muted:
                self._note_if_barred(room, holder)
            self._tell(room, ToWorker.RenamedIn(room.number, worker, session, old, new, alias))

    def account_closed(self, name: bytes) -> None:
        """The account is gone: the next who has its name is somebody else, and inherits nothing."""
        for room in self._rooms.by_number.values():
            room.invited.pop(name, None)
            if name in room.roles or name in room.since:
                room.roles.pop(name, None)
                room.since.pop(name, None)
                self.keep(room)

    def _tell(self, room: Room, message: Message) -> None:
        """Tell the workers that have members in the room."""
        self._post.some(room.interest, message)

    # ---- speaking

    def heard(self, worker: int, number: int, frame: bytes) -> Tuple[Optional[bytes], Optional[Dict[int, int]]]:
        """(frame, interest): what may be said of this talk, and which workers are to hear it; None is all of them.

        Those who may not speak are told. The frame is None if nothing is left.
        """
        room = self._rooms.by_number.get(number)
        if room is not None and not room.is_restricted:
            if room is self._rooms.lobby:
                return frame, None
            base, members = holder_of(worker, 0), room.members
            for session in speakers(frame):
                if base | session not in members:
                    break
            else:
                return frame, room.interest
        refused: Dict[str, List[Tuple[int, int]]] = {}
        fit = []
        for (session, serial), message in zip(words(frame), said(frame)):
            reason = Reason.NO_ROOM if room is None else self._gate.why_not_say(
                room, holder_of(worker, session), message[2])
            if reason is None:
                fit.append(record(*message, serial))
            else:
                refused.setdefault(reason, []).append((session, serial))
        for reason, unsaid in refused.items():
            self._post.worker(worker, ToWorker.Unsaid(unsaid, reason))
        if refused:
            frame = talk_of(frame, fit)
        interest = None if room is None or room is self._rooms.lobby else room.interest
        return frame if fit else None, interest

    # ---- looking

    @changes_nothing
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

    @changes_nothing
    def look(self, worker: int, sessions: Sequence[int], room_name: bytes) -> None:
        """Who is in the room, and how is it set? Who may not see that is told no more than its name."""
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

    def _members_of(self, room: Room) -> List[Tuple[bytes, bytes]]:
        names = self._members.names
        inside = ((holder, self._gate.role(room, holder)) for holder in filter(self._gate.is_in_lobby, names)) \
            if room is self._rooms.lobby else self._gate.roles(room)
        return [(names[holder], ROLES.get(role, b"")) for holder, role in inside]

    def _looked(self, room: Room, holder: int, members: Sequence[Tuple[bytes, bytes]]) -> events.Looked:
        is_inside = holder in room.members or room is self._rooms.lobby and self._gate.is_in_lobby(holder)
        voiced = [self._members.names[one] for one in sorted(room.voiced)]
        return events.Looked(room.name, is_inside, members, *room.topic, self._settings(room), room.made_at, voiced)

    def _show_around(self, room: Room, holder: int) -> None:
        """Let the holder, that the workers are told of next, see who is in the room, without another question."""
        looked = self._looked(room, holder, self._members_of(room))
        self._post.worker(split(holder)[0], ToWorker.Around(tuple(looked)))

    @changes_nothing
    def tally(self, worker: int, session: int) -> None:
        """How many are here? It has a place in the order, as PING of IRC is answered behind all that was done before.
        """
        operators = sum(self._members.called(name) is not None for name in self._gate.operators)
        self._post.answer(
            worker, [session], events.Counted(len(self._members.names), len(self._rooms.by_name), operators))

    @staticmethod
    def _settings(room: Room) -> List[Tuple[bytes, int]]:
        found = [(setting.encode(), int(getattr(room, setting))) for setting in (*SWITCHES, *COUNTS)
                 if getattr(room, setting)]
        return [*found, (b"key", 1)] if room.key is not None else found

    @changes_nothing
    def list_rooms(self, worker: int, sessions: Sequence[int], pattern: Optional[bytes], with_lobby: bool = False,
                   invited: bool = False) -> None:
        """Which rooms are there that the sessions may know of, or to which they are invited?"""
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
                if room.invited.get(name, 0) >= self._now and holder not in room.members]

    @changes_nothing
    def topic(self, worker: int, session: int, room_name: bytes) -> None:
        """What is the room's topic?"""
        holder, room = holder_of(worker, session), self._rooms.by_name.get(room_name)
        if room is None or not self._gate.knows(room, holder):
            self._post.refuse(holder, Reason.NO_ROOM)
        else:
            self._post.answer(worker, [session], events.TopicTold(room_name, *room.topic))

    @changes_nothing
    def masks(self, worker: int, session: int, room_name: bytes, kind: str) -> None:
        """Who is on a list of the room? Whom it lets in is for its ops to see."""
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

    @changes_nothing
    def roles(self, worker: int, session: int, room_name: bytes) -> None:
        """Who has which role in the room, and how is it set?"""
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

    @changes_nothing
    def reread(
            self, worker: int, sessions: Sequence[int], room_name: bytes, since: Optional[int], most: int) -> None:
        """What was said in the room; in one that is not open, since the member first came there."""
        room = self._rooms.by_name.get(room_name)
        asking: Dict[int, List[int]] = {}  # the message behind which the past begins for them -> sessions
        for session in sessions:
            holder = holder_of(worker, session)
            trouble = self._gate.why_not_look(room, holder)
            if room is None or trouble:
                self._post.refuse(holder, trouble or Reason.NO_ROOM)
            else:
                asking.setdefault(self.past_of(room, holder), []).append(session)
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

    # ---- keeping order

    def manage(self, worker: int, session: int, room_name: bytes, act: str, about: bytes, text: bytes) -> None:
        """Do something to the room, or to somebody in it."""
        holder, room = holder_of(worker, session), self._rooms.by_name.get(room_name)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        about = self._meant(room, act, about)
        trouble = Reason.NO_ROOM if room is None else self._gate.why_not_manage(room, holder, act, about, text)
        if room is None or trouble:
            self._post.refuse(holder, trouble or Reason.NO_ROOM)
            return
        if act == "redact":
            names, since = self._gate.whose_messages(room, holder)
            self._remove(room, self._members.names[holder], holder, 0, int(about), text, names, since)
            return
        self._do(room, self._members.names[holder], holder, act, about, text)
        self.keep(room, lambda stored: self._post.confirm(holder, stored), worker, session)

    def _remove(self, room: Room, by: bytes, asker: int, token: int, number: int, why: bytes, names: Sequence[bytes],
                since: int) -> None:
        """Have a message removed, by one of these names and behind the number `since`; that is told once it is done."""
        removed = b"(removed by %b)" % by
        self._post.change()
        self._store.ask(
            lambda stored: self._accounts.order.submit(0, entry(Settled.Redacted(
                asker, token, room.number, by, number, why, stored))),
            ToStore.Redact(room.number, number, list(names), since, removed))

    def redacted(self, worker: int, asker: int, token: int, number: int, by: bytes, message: int, why: bytes,
                 stored: Union[bool, str, None]) -> None:
        """The store's answer about a message that is to be removed; False: there is none; or why not."""
        room = self._rooms.by_number.get(number)
        if stored is True and room is not None:
            self._do(room, by, asker, "redact", b"%d" % message, why)
        trouble = stored if isinstance(stored, str) else _NOT_REMOVED[stored]
        if token:
            self._post.reply(token, trouble)
        elif asker in self._members and trouble:
            self._post.refuse(asker, trouble)
        elif asker in self._members:
            self._post.confirm(asker, True)

    def manage_room(self, worker: int, asker: int, token: int, room_name: bytes, act: str, about: bytes,
                    text: bytes) -> None:
        """Who runs the server does something to the room, or to somebody in it."""
        room = self._rooms.by_name.get(room_name)
        about = self._meant(room, act, spelled(about))
        trouble = Reason.NO_ROOM if room is None else self._gate.why_not_with(OPERATOR, room, 0, act, about, text)
        if room is None or trouble:
            self._post.reply(token, trouble)
            return
        if act == "redact":
            self._remove(room, SERVER, 0, token, int(about), text, (), 0)
            return
        self._do(room, SERVER, 0, act, about, text)
        self.keep(room, lambda stored: self._post.reply(token, None if stored else Reason.NOT_STORED))

    def announce(self, worker: int, asker: int, token: int, text: bytes) -> None:
        """Who runs the server says something in the lobby."""
        self._post.change()
        frame = talk(LOBBY, 0, [record(0, SERVER, text, self._seconds)], AWAITED)
        self._post.announce(frame, lambda stored: self._post.reply(token, None if stored else Reason.NOT_STORED))

    def _meant(self, room: Optional[Room], act: str, about: bytes) -> bytes:
        """What an act is about, as it is kept: a network, or the name of whoever is here and has this name or alias.

        What is taken back is that of a former name, if there is none of this.
        """
        if room is self._rooms.lobby and act in ("ban", "unban"):
            network = network_of(about.decode(errors="replace"))
            if network is not None:
                return written(network).encode()
        whom = None if act == "set" else self._members.described_as(about)
        if whom is None:
            return about
        names = self._members.names_of(whom)
        if act in ("bar", "rename", "redact", *_PUTS, *_TAKES_OFF):
            return about  # which may be told, and has to be taken back, as it is
        if room is not None and act in ("unban", "unmute"):
            entries = room.banned if act == "unban" else room.muted
            if about in entries:
                return about
            return next((name for name in names if name in entries), names[0])
        return names[0]

    def _do(self, room: Room, by: bytes, holder: int, act: str, about: bytes, text: bytes) -> None:
        """Do what the gate has let through, and tell the room. holder: of `by`, see `Post.audit`."""
        self._post.change()
        told = b"" if act == "set" and about == b"key" else text  # which is a secret
        self._post.audit(by, holder, act, room.name, about, told)
        interest = dict(room.interest)  # as those hear it who are in it now
        out = self._acts[act](room, by, about, text)
        kept = self._note(room, act, by, about, told) if act in events.NOTED else ()
        whom = self._members.called(about) if act in _ROLES else None
        if act in _ROLES:
            left = _SAYS[act] if whom is None else room.members.get(whom, _SAYS[act])
            told = b"" if left == _SAYS[act] else ROLES.get(left, b"")
        if room.members:
            for one in room.members if act in _CHANGES_WHO_IS_BARRED else [whom] if whom in room.members else []:
                self._note_if_barred(room, one)
        if room is self._rooms.lobby:
            self._post.everyone(ToWorker.Managed(room.number, act, by, about, told, [], *kept))
            for holder in out:  # they are told why their connection ends
                self._evict(holder, Reason.BANNED if act == "ban" else Reason.KICKED)
        else:
            self._post.some(interest, ToWorker.Managed(
                room.number, act, by, about, told, [split(holder) for holder in out], *kept))
        if act in ("set", "ban"):
            self._turn_away()
        if room is self._rooms.lobby and act in ("ban", "unban") and network_of(about.decode(errors="replace")):
            self._post.everyone(ToWorker.Barred(self.barred()))

    def _note(self, room: Room, act: str, by: bytes, about: bytes, text: bytes) -> Tuple[int, ...]:
        """Keep an act among what was said in the room: (number, milliseconds), or nothing."""
        number, now = self._numbers.take(), self._now
        if number is None:
            return ()
        frame = talk(room.number, 0, [record(0, by, b"\0" + events.noted(act, about, text), self._seconds)], EXTRA)
        self._store.talk(placed(frame, number, now), _ignore)
        return number, now

    def _set_topic(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.topic = text, by, self._seconds
        return ()

    def _invite(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.invited = {name: until for name, until in room.invited.items() if until >= self._now}
        room.invited[about] = self._now + INVITED_FOR
        whom = self._members.called(about)
        if whom is not None:
            self._post.tell(whom, events.Invited(room.name, by))
        return ()

    def _kick(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        whom = self._members.called(about)
        if room is self._rooms.lobby and whom is not None:
            self._gate.kicked(about, self._members.hosts.get(whom, ""))
        return self._put_out(room, [whom])

    def _ban(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.banned[about] = by, text, self._seconds
        inside = self._members.names if room is self._rooms.lobby else room.members
        return self._put_out(room, [
            holder for holder in inside if self._gate.is_banned(room, holder)])

    def _put_out(self, room: Room, holders: Sequence[Optional[int]]) -> Sequence[int]:
        out = [holder for holder in holders if holder is not None]
        if room is not self._rooms.lobby:
            for holder in out:
                self._take_out(room, holder)
        return out

    def _unban(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.unban(about)
        return ()

    def _mute(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.muted[about] = by, text, self._seconds
        return ()

    def _unmute(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.strike(room.muted, about)
        return ()

    def _bar(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.banned[about] = by, text, self._seconds
        return ()

    def _put(self, entries: str, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        getattr(room, entries)[about] = by, text, self._seconds
        return ()

    def _take_off(self, entries: str, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.strike(getattr(room, entries), about)
        return ()

    def _rename(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        self._rooms.rename(room, about)
        return ()

    def _note_redacted(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        return ()

    def _note_if_barred(self, room: Room, holder: int) -> None:
        """Remember whether a mask keeps the member from speaking, so that nobody looks at masks when it does."""
        reason = self._gate.why_barred(room, holder) if room.banned or room.muted else None
        room.barred.pop(holder, None)
        if reason:
            room.barred[holder] = reason

    def _set_role(self, change: Callable[[Room, int, int], None], given: int, room: Room, by: bytes, about: bytes,
                  text: bytes) -> Sequence[int]:
        holder = self._members.called(about)
        if holder not in room.members:
            return ()
        change(room, holder, given)
        role, account = room.members[holder], self._gate.account_of(holder)
        if account is not None:
            room.roles.pop(account, None)
            if role > MEMBER:
                room.roles[account] = role
        return ()

    def _set(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        was_open = room.is_open
        for name, value in settings_of(about, text):
            setattr(room, name.decode(), setting(name, value))
        if was_open and not room.is_open:
            for holder in room.members:  # they may have read all of the past
                self._begin_past(room, holder, self._members.names[holder], 0)
        if about == b"slow":
            self._rooms.note_slow(room)
        return ()

    def _drop(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        out = [*room.members]
        for holder in out:
            self._rooms.leave(room, holder, split(holder)[0])
        self._rooms.close(room)
        return out

    # ---- what is stored

    def keep(self, room: Room, then: Optional[Callable[[Optional[bool]], None]] = None, worker: int = 0,
              session: int = 0) -> None:
        """Store the room if it lasts, or that there is none any more; then answer."""
        answer = _ignore if then is None else self._post.guarded(worker, session or (), then)
        if room.members:
            room.left_at = self._seconds  # if the server should end now
        if room.number not in self._rooms.by_number:
            self._store.ask(answer, ToStore.CloseRoom(room.number))
        elif room.lasts or room is self._rooms.lobby:
            self._store.ask(answer, ToStore.KeepRoom(room.number, room.name, room.state()))
        elif then is not None:
            then(True)

    def tidy(self) -> None:
        """Once a day, close rooms that nobody has visited for too long; one in which somebody is was visited today."""
        days = self._gate.limits["empty_room_days"]
        if not days or self._now - self._tidied_at < DAY * MILLISECONDS:
            return
        self._tidied_at = self._now
        self._post.change()
        for room in [*self._rooms.by_number.values()]:
            if room.members:
                self.keep(room)
            elif not (room is self._rooms.lobby or room.name in self._rooms.with_ports
                      or room.left_at >= self._seconds - days * DAY):
                self._rooms.close(room)
                self.keep(room)


_NOT_REMOVED = {True: None, False: Reason.NO_SUCH_NUMBER, None: Reason.NOT_STORED}


def _ignore(stored: Optional[bool]) -> None:
    pass
