"""Resumable sessions, tags (idempotency keys) of messages, and read markers. Decided in the order of the entries.

A login by a protocol with the trait `resumes` comes with a key: the hash of a random token, which only the client has.
A client that presents the key again within RESUMED_FOR gets the name again, without a password, and is in its rooms
again. If a client sends a message again with the same tag, because it got no answer, the answer is the number that the
message got the first time. The store keeps read markers as long as the account exists, or the session of a guest.
"""
import binascii
import collections
import functools
import hashlib
from typing import Callable, Counter, Dict, FrozenSet, Iterable, List, Optional, Tuple

from parley.server.chat.accounts import Account, Accounts
from parley.server.chat.claims import Claims
from parley.server.chat.contract import Post, changes_nothing
from parley.server.chat.entering import Entering
from parley.server.chat.gate import Gate
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.names import InvalidName, claims, room_and_claims
from parley.server.chat.room import LOBBY
from parley.server.chat.rooms import Rooms
from parley.server.ipc.asked import AskedStore, ignore
from parley.server.ipc.messages import Marker, Marks, ReadStore, Settled, ToHub, ToStore, ToWorker, entry
from parley.server.ipc.queues import AWAITED, placed, record, talk
from parley.server.order.numbers import Numbers
from parley.server.protocols import events
from parley.server.protocols.events import Reason

RESUMED_FOR = 600  # seconds after the end of the connection
MOST_ENDED = 16384  # sessions without a connection; with more, the address that has most of them loses some
MOST_TAGS = 64  # of one session
MOST_MARKS = 200  # read markers, as times, of a member without an account
BY_TIME = b"|ms"  # follows the name of the owner of read markers that are times; no name has "|" in it
MOST_ROOMS = 100  # rooms in which a resumed session may go on

# A stored session: key, name, has the name an account?, since, source, and (tag, number, milliseconds) of the messages
# with tags.
Stored = Tuple[bytes, bytes, bool, int, str, List[Tuple[bytes, int, int]]]


def key_of(token: bytes) -> bytes:
    """The key of the session with this token."""
    return hashlib.sha256(token).digest()


class _Said:
    """A message with a tag: its number, its time in milliseconds, is it stored?, and who waits to be told so.

    waiting: (holder, serial of the message within its connection) of each.
    """

    __slots__ = ("number", "time", "stored", "waiting")

    def __init__(self, number: int, time: int, stored: bool, waiting: List[Tuple[int, int]]) -> None:
        self.number = number
        self.time = time
        self.stored = stored
        self.waiting = waiting


_NO_ROOMS: FrozenSet[int] = frozenset()


class _Session:
    """One session.

    serial: of its account, or 0.
    since: messages up to this number are not part of the history of a session without an account.
    holder: its connection, or None.
    source: the address of its last connection, see `Gate.origin_of`; empty if it is not known.
    rooms, since_in_rooms: the numbers of the rooms that it was in when its connection ended; see
        `Rooms.since_of_guests`.
    tags: {tag: message}, the latest last; None, to save memory, if there are none.
    """

    __slots__ = ("key", "name", "serial", "since", "holder", "source", "rooms", "since_in_rooms", "tags")

    def __init__(self, key: bytes, name: bytes, serial: int, since: int) -> None:
        self.key = key
        self.name = name
        self.serial = serial
        self.since = since
        self.holder: Optional[int] = None
        self.source = ""
        self.rooms: FrozenSet[int] = _NO_ROOMS
        self.since_in_rooms: Optional[Dict[int, int]] = None
        self.tags: Optional[Dict[bytes, _Said]] = None

    def tagged(self, tag: bytes) -> Optional[_Said]:
        """The message with a tag, or None."""
        return self.tags.get(tag) if self.tags else None


class Sessions:
    """All resumable sessions. The methods handle messages: see `parley.server.ipc.messages`."""

    def __init__(self, post: Post, members: Members, accounts: Accounts, claims: Claims, rooms: Rooms, gate: Gate,
                 entering: Entering, store: AskedStore, numbers: Numbers) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts
        self._claims = claims
        self._rooms = rooms
        self._gate = gate
        self._entering = entering
        self._store = store
        self._numbers = numbers
        self._sessions: Dict[bytes, _Session] = {}  # by key
        self._of_holders: Dict[int, _Session] = {}
        self._brought: Dict[int, Tuple[bytes, Marks]] = {}  # holder without a name yet -> the key and marks it has sent
        # Key -> the second in which the connection ended, in that order; 0 if that was before the server's start.
        self._ended: Dict[bytes, int] = collections.OrderedDict()
        # Holder without an account -> {(room, partner): its read marker, in milliseconds}.
        self._of_guests: Dict[int, Dict[Tuple[int, bytes], int]] = {}
        claims.deciders["resume"] = self.resume

    def restore(self, stored: Iterable[Stored]) -> None:
        """The sessions that were stored before the server started; for all of them it ended just now."""
        for key, name, is_account, since, source, tags in stored:
            account = self._accounts.accounts.get(name)
            if is_account != (account is not None):
                continue
            session = self._sessions[key] = _Session(key, name, account.serial if account else 0, since)
            session.source = source
            if tags:
                session.tags = collections.OrderedDict(
                    (tag, _Said(number, time, True, [])) for tag, number, time in tags)
            self._ended[key] = 0

    # ---- beginning a session, or resuming it

    @changes_nothing
    def hello(self, worker: int, session: int) -> None:
        """Which sequence of message numbers is this?"""
        self._post.worker(worker, ToWorker.Greeted(session, self._store.identity))

    def bring(self, worker: int, session: int, key: bytes, marks: Marks) -> None:
        """A client is about to ask for a name, and wants to be able to resume the session."""
        self._brought[holder_of(worker, session)] = key, marks

    def resume(self, worker: int, session: int, key: bytes, marks: Marks, host: str,
               alive: Optional[int] = None) -> None:
        """Give a client the name of the session whose key it has; a connection that still has the session is ended.

        First the worker of this client confirms that the client is still connected. Otherwise a client that has come
        back twice would be disconnected, if the request of its first, closed connection is read after the second one's.

        alive: a holder whose worker has just confirmed that it is connected, or None.
        """
        holder, known = holder_of(worker, session), self._sessions.get(key)
        account = None if known is None else self._accounts.accounts.get(known.name)
        if known is None or known.serial != (account.serial if account else 0):
            self._post.refuse(holder, Reason.NO_SESSION)
            return
        name, occupied = known.name, account.occupied if account else tuple(claims(known.name))
        trouble = self._gate.why_no_name(name, holder, host)
        if trouble:
            self._post.refuse(holder, trouble)
            return
        claim = ToHub.Resume(session, key, marks, host)
        ghost = self._members.called(name)
        if ghost is not None and (account or ghost == known.holder):
            if alive != holder:
                self._claims.check(holder, holder, claim)
                return
            self._post.change()
            self._claims.evict(ghost, Reason.REPLACED)
        taken = self._claims.is_taken(holder, name, occupied, alive)
        if taken is None:
            self._claims.probe(holder, claim, name, occupied)
        elif taken:
            self._post.refuse(holder, Reason.NAME_TAKEN)
        else:
            self._brought[holder] = key, marks
            self._claims.grant(holder, name, occupied, host)

    def begin(self, holder: int) -> None:
        """A member has its name. If it has sent a key, its session begins, or is resumed."""
        key, marks = self._brought.pop(holder, (None, ()))
        if key is None:
            return
        name, session = self._members.names[holder], self._sessions.get(key)
        account = self._accounts.accounts.get(name)
        is_new = session is None
        if session is None:
            session = self._sessions[key] = _Session(key, name, account.serial if account else 0, self._numbers.last)
        source = self._gate.origin_of(holder)
        is_elsewhere = source != session.source
        session.holder, session.source = holder, source
        self._ended.pop(key, None)
        self._of_holders[holder] = session
        if session.since_in_rooms:
            self._rooms.since_of_guests[holder] = session.since_in_rooms
        began = functools.partial(
            Settled.Began, holder, account is not None, self._numbers.last, account.kept if account else 0,
            *self._go_on_in_rooms(session, holder, marks))
        session.rooms, session.since_in_rooms = _NO_ROOMS, None
        if is_new or is_elsewhere:
            self._store.ask(ignore, self._kept(session, account))
        self._store.ask(lambda markers: self._accounts.order.submit(0, entry(began(markers))),
                        ReadStore.Markers(_owner(session)))

    def _go_on_in_rooms(self, session: _Session, holder: int, marks: Marks) -> Tuple[
            List[Tuple[bytes, bytes, bool]], List[Tuple[bytes, str]]]:
        """Let it into its rooms again. Returns `entered` and `refused` as in `ToWorker.Begun`."""
        entered, refused = [], []
        self._rooms.sealing.add(holder)  # as can all clients that come back with a key
        _, alias, _ = self._members.introduction(session.name)
        for written, _ in marks[:MOST_ROOMS]:
            try:
                name, occupied = room_and_claims(written)
            except InvalidName:
                if written:
                    refused.append((written, Reason.INVALID_ROOM))
                continue
            room = self._rooms.by_name.get(name)
            if room is self._rooms.lobby:
                continue
            was_inside = room is not None and room.number in session.rooms
            if room is None and self._gate.is_protected(session.name):  # it would create a room that lasts
                refused.append((name, Reason.NO_ROOM))
                continue
            trouble = self._entering.let_in(holder, name, occupied, None, alias, was_inside)
            if trouble:
                refused.append((name, trouble))
            else:
                entered.append((name, self._rooms.by_name[name].topic[0], self._rooms.by_name[name].sealed))
        return entered, refused

    def began(self, worker: int, holder: int, account: bool, number: int, kept: int,
              entered: List[Tuple[bytes, bytes, bool]], refused: List[Tuple[bytes, str]],
              markers: Optional[List[Marker]]) -> None:
        """The session is stored; if it could not be, it lasts as long as the server."""
        if holder in self._members:
            there, session = split(holder)
            read = [(b"" if partner else self._rooms.by_number[room].name, partner, last)
                    for room, partner, last in markers or () if room in self._rooms.by_number]
            self._post.worker(there, ToWorker.Begun(session, account, number, kept, entered, refused, read))

    # ---- what was read

    def mark_read(self, worker: int, session: int, room: int, partner: bytes, number: int) -> None:
        """A member has read a room that it is in, or a conversation, up to this number."""
        holder = holder_of(worker, session)
        mine, where = self._of_holders.get(holder), self._rooms.by_number.get(room)
        if mine is None or where is None:
            return
        if partner or holder in where.members or where is self._rooms.lobby and self._gate.is_in_lobby(holder):
            self._store.ask(ignore, ToStore.MarkRead(_owner(mine), room, partner, min(number, self._numbers.last)))

    def read_mark(self, worker: int, session: int, room_name: bytes, partner: bytes, time: Optional[int]) -> None:
        """A member sets a read marker to this time, or asks for it. That of a guest is forgotten when it leaves."""
        holder, room = holder_of(worker, session), self._rooms.by_name.get(room_name)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        trouble = self._gate.why_not_look(room, holder) if room_name else None
        if trouble or room is self._rooms.lobby and not self._gate.is_in_lobby(holder):
            self._post.refuse(holder, trouble or Reason.NOT_INSIDE)
            return
        # Times hold for a new room of the same name, too. No partner's name begins with "#".
        where = LOBBY, partner or room_name
        account = self._gate.account_of(holder)

        def tell(markers: Optional[List[Marker]]) -> None:
            if markers is None:
                self._post.refuse(holder, Reason.NOT_STORED)
            else:
                last = max([last for *known, last in markers if tuple(known) == where], default=0)
                self._post.answer(worker, [session], events.ReadTold(room_name, partner, last))

        if account is None:
            tell(self._mark_of_guest(holder, where, time))
            return
        owner = account + BY_TIME
        if time is not None:
            self._store.ask(ignore, ToStore.MarkRead(owner, *where, time))
        self._store.ask(self._post.guarded(worker, session, tell), ReadStore.Markers(owner))

    def _mark_of_guest(self, holder: int, where: Tuple[int, bytes], time: Optional[int]) -> List[Marker]:
        marks = self._of_guests.setdefault(holder, {})
        if time is not None:
            marks[where] = max(time, marks.get(where, 0))
            while len(marks) > MOST_MARKS:
                del marks[next(iter(marks))]
        elif not marks:
            del self._of_guests[holder]
        return [(*where, marks.get(where, 0))]

    # ---- what becomes of a session

    def _kept(self, session: _Session, account: Optional[Account]) -> ToStore.KeepSession:
        return ToStore.KeepSession(session.key, session.name, account is not None, session.since,
                                   session.source)

    def _change(self, holder: int) -> None:
        """The holder's name has changed, or whether that has an account."""
        session, name = self._of_holders.get(holder), self._members.names.get(holder)
        if session is not None and name is not None:
            account = self._accounts.accounts.get(name)
            session.name, session.serial = name, account.serial if account else 0
            self._store.ask(ignore, self._kept(session, account))

    def renamed(self, holder: int, old: bytes, new: bytes) -> None:
        """The session goes on under another name; earlier messages of that name are not its own."""
        session = self._of_holders.get(holder)
        if session is not None and old != new:
            session.since = self._numbers.last
            self._change(holder)

    def account_opened(self, name: bytes) -> None:
        """There is a new account: a member of its name has it."""
        holder = self._members.called(name)
        if holder is not None:
            self._change(holder)

    def account_changed(self, name: bytes, but: int = 0) -> None:
        """The account's password has changed, or the account is gone: its sessions end, except that of `but`."""
        self._drop([session for session in self._sessions.values()
                    if session.name == name and session.serial and (not but or session.holder != but)])

    def log_out(self, worker: int, session: int) -> None:
        """The member, who leaves next, ends its session; the answer comes once that is stored."""
        holder = holder_of(worker, session)
        mine = self._of_holders.get(holder)
        self._post.change()
        self._drop([mine] if mine else [],
                   self._post.guarded(worker, session, lambda stored: self._post.confirm(holder, stored)))

    def leave_rooms(self, worker: int) -> None:
        """A worker died. Before its members leave their rooms, remember which these were."""
        for holder, session in self._of_holders.items():
            if split(holder)[0] == worker:
                self._note_rooms(holder, session)

    def _note_rooms(self, holder: int, session: _Session) -> None:
        rooms = {room.number for room in self._rooms.joined(holder)}
        if rooms:
            session.rooms |= rooms
        session.since_in_rooms = self._rooms.since_of_guests.get(holder)

    def forget(self, holder: int) -> None:
        """The connection has ended."""
        self._brought.pop(holder, None)
        self._of_guests.pop(holder, None)
        session = self._of_holders.pop(holder, None)
        if session is not None:
            self._note_rooms(holder, session)
            session.holder = None
            self._ended[session.key] = self._accounts.seconds

    def tidy(self) -> None:
        """End the sessions whose connections ended long ago, and some others if there are too many."""
        now, over = self._accounts.seconds, []
        if not 0 < next(iter(self._ended.values()), now) <= now:  # restored, or the clock was set back
            for key, ended in self._ended.items():
                self._ended[key] = min(ended or now, now)
        for key, ended in self._ended.items():
            if ended + RESUMED_FOR > now:
                break
            over.append(self._sessions[key])
        self._drop(over)
        if len(self._ended) > MOST_ENDED:
            self._drop(self._too_many())

    def _too_many(self) -> List[_Session]:
        """The sessions without a connection that have to end, as there are too many.

        They are those after which the most others of the same address have ended. So a client that connects again and
        again ends no sessions of other addresses.
        """
        later: Counter[str] = collections.Counter()
        ranked = []
        for key in [*self._ended][::-1]:
            session = self._sessions[key]
            later[session.source] += 1
            ranked.append((later[session.source], session))
        ranked.sort(key=lambda one: one[0])
        return [session for _, session in ranked[MOST_ENDED:]]

    def _drop(self, sessions: List[_Session], then: Optional[Callable[[Optional[bool]], object]] = None) -> None:
        for session in sessions:
            del self._sessions[session.key]
            self._ended.pop(session.key, None)
            if session.holder is not None:
                del self._of_holders[session.holder]
        if sessions or then:
            self._store.ask(then or ignore, ToStore.DropSessions([session.key for session in sessions]))

    def since(self, holder: int) -> int:
        """Messages up to this number are not part of the holder's history, if its name has no account."""
        session = self._of_holders.get(holder)
        return self._numbers.last if session is None else 0 if session.serial else session.since

    # ---- messages with tags

    def say_once(self, worker: int, session: int, room: int, text: bytes, tag: bytes, serial: int = 0) -> None:
        """Say it in the room, unless there was a message with this tag before."""
        holder = holder_of(worker, session)
        name, where = self._members.names.get(holder), self._rooms.by_number.get(room)
        if name is None or self.was_said(holder, tag, serial):
            return  # its name was taken over meanwhile, or it is answered
        trouble = Reason.NO_ROOM if where is None else self._gate.why_not_say(where, holder, text)
        number = None if trouble else self._numbers.take()
        if number is None:
            self._post.worker(worker, ToWorker.Unsaid([(session, serial)], trouble or Reason.NOT_STORED))
            return
        self._post.change()
        frame = placed(talk(room, worker, [record(session, name, text, self._accounts.seconds)], AWAITED), number,
                       self._accounts.order.now)
        key = self.note(holder, tag, number, serial)
        self._post.spread(frame, None if where is None or room == LOBBY else where.interest)
        if key:
            self._store.ask(self.settler(key, tag), ToStore.SayOnce(key, tag, frame))
        else:  # the session has ended, as its account has got another password
            at = self._accounts.order.now
            self._store.talk(frame, self._post.guarded(
                worker, session, lambda stored: self._post.confirm(
                    holder, stored, number or 0, at // 1000, serial, at)))

    def say_outside(self, worker: int, session: int, room_name: bytes, text: bytes) -> None:
        """Say it in a room that the member is not in, if the room's settings allow that."""
        holder, where = holder_of(worker, session), self._rooms.by_name.get(room_name)
        name = self._members.names.get(holder)
        if name is None:
            return  # its name was taken over meanwhile
        trouble = self._gate.why_not_say_outside(where, holder)
        number = None if trouble else self._numbers.take()
        if where is None or number is None:
            self._post.refuse(holder, trouble or Reason.NOT_STORED)
            return
        self._post.change()
        at = self._accounts.order.now
        # As talk of no worker: its sender is no member of the room on any worker.
        frame = placed(talk(where.number, 0, [record(0, name, text, self._accounts.seconds)], AWAITED), number, at)
        self._post.spread(frame, where.interest)
        self._store.talk(frame, self._post.guarded(
            worker, session, lambda stored: self._post.confirm(holder, stored, number or 0, at // 1000, 0, at)))

    def was_said(self, holder: int, tag: bytes, serial: int = 0) -> bool:
        """Has the holder sent a message with this tag before? Then it is answered, at once or when that is stored.
        """
        session = self._of_holders.get(holder)
        known = session.tagged(tag) if session else None
        if known is None or known.time // 1000 + RESUMED_FOR <= self._accounts.seconds:
            return False
        if known.stored:
            self._post.confirm(holder, True, known.number, known.time // 1000, serial, known.time)
        else:
            known.waiting.append((holder, serial))
        return True

    def note(self, holder: int, tag: bytes, number: int, serial: int = 0) -> bytes:
        """The holder's message with this tag has this number. Returns the key of its session; empty if it has none."""
        session = self._of_holders.get(holder)
        if session is None or not tag:
            return b""
        if session.tags is None:
            session.tags = collections.OrderedDict()
        session.tags.pop(tag, None)
        session.tags[tag] = _Said(number, self._accounts.order.now, False, [(holder, serial)])
        while len(session.tags) > MOST_TAGS:
            oldest = next(iter(session.tags))
            if not session.tags[oldest].stored:
                break  # somebody waits for its acknowledgement
            del session.tags[oldest]
        return session.key

    def settler(self, key: bytes, tag: bytes) -> "functools.partial[None]":
        """The function to call with the store's answer about a message with a tag."""
        return functools.partial(self._settle, key, tag)

    def _settle(self, key: bytes, tag: bytes, stored: Optional[bool]) -> None:
        self._accounts.order.submit(0, entry(Settled.Said(0, key, tag, stored)))

    def said(self, worker: int, asker: int, key: bytes, tag: bytes, stored: Optional[bool]) -> None:
        """The store's answer about a message with a tag. If it is not stored, the tag may be used again."""
        session = self._sessions.get(key)
        known = session.tagged(tag) if session else None
        if session is None or session.tags is None or known is None:
            return
        known.stored = bool(stored)
        if not stored:
            del session.tags[tag]
        waiting, known.waiting = known.waiting, []
        for holder, serial in waiting:
            if holder in self._members:
                self._post.confirm(holder, stored, known.number, known.time // 1000, serial, known.time)


def _owner(session: _Session) -> bytes:
    """The owner of the session's read markers: its account, or else itself. No name is as long as a key."""
    return session.name if session.serial else binascii.hexlify(session.key)
