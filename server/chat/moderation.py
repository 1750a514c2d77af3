"""Moderation of rooms: who may speak, and acts such as kick and ban. Decided in the order of the entries."""
import functools
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

from parley.server.chat.accounts import Accounts
from parley.server.chat.contract import Post
from parley.server.chat.entering import Entering
from parley.server.chat.gate import Gate
from parley.server.chat.gate.settings import setting, settings_of
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.names import spelled
from parley.server.chat.origins import network_of, written
from parley.server.chat.room import LOBBY
from parley.server.chat.rooms import INVITED_FOR, MEMBER, OP, OPERATOR, ROLES, VOICE, Room, Rooms
from parley.server.ipc.asked import AskedStore, ignore
from parley.server.ipc.messages import Settled, ToStore, ToWorker, entry
from parley.server.ipc.queues import AWAITED, EXTRA, placed, record, said, speakers, talk, talk_of, words
from parley.server.order.numbers import Numbers
from parley.server.protocols import events
from parley.server.protocols.events import Reason

# Act -> the method of `Room` that does it, and the role that it gives or takes.
_ROLES = {"voice": (Room.give, VOICE), "devoice": (Room.take, VOICE), "op": (Room.give, OP), "deop": (Room.take, OP)}
_SAYS = {"voice": VOICE, "devoice": MEMBER, "op": OP, "deop": MEMBER}  # the role that is announced
_PUTS = {"except": "excepted", "invex": "invex"}  # act -> the list to which it adds
_TAKES_OFF = {"unexcept": "excepted", "uninvex": "invex"}
_CHANGES_WHO_IS_BARRED = frozenset([
    "ban", "unban", "bar", "mute", "unmute", "except", "unexcept"])
SERVER = b"server"  # the administrator's name in what others are told; no user can have it


class Moderation:
    """Who may speak, and what may be done. The methods handle messages: see `parley.server.ipc.messages`.

    evict: ends the session of a holder, and frees its name: evict(holder, reason).
    """

    def __init__(self, post: Post, members: Members, accounts: Accounts, rooms: Rooms, gate: Gate, entering: Entering,
                 store: AskedStore, numbers: Numbers, evict: Callable[[int, str], None]) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts
        self._rooms = rooms
        self._gate = gate
        self._entering = entering
        self._store = store
        self._numbers = numbers
        self._evict = evict
        self._acts: Dict[str, Callable[[Room, bytes, bytes, bytes], Sequence[int]]] = {
            "topic": self._set_topic, "invite": self._invite, "kick": self._kick, "ban": self._ban,
            "unban": self._unban, "bar": self._bar, "mute": self._mute, "unmute": self._unmute,
            "set": self._set, "drop": self._drop,
            "rename": self._rename, "redact": self._note_redacted,
            **{act: functools.partial(self._put, entries) for act, entries in _PUTS.items()},
            **{act: functools.partial(self._take_off, entries) for act, entries in _TAKES_OFF.items()},
            **{act: functools.partial(self._set_role, *roles) for act, roles in _ROLES.items()}}

    # ---- speaking

    def heard(self, worker: int, number: int, frame: bytes) -> Tuple[Optional[bytes], Optional[Dict[int, int]]]:
        """(frame, interest): the part of this talk that may be said, and the workers that get it; None for all workers.

        Senders who may not speak are told. The frame is None if nothing is left.
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

    # ---- requests

    def manage(self, worker: int, session: int, room_name: bytes, act: str, about: bytes, text: bytes) -> None:
        """A member does something to the room, or to somebody in it."""
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
        self._entering.keep(room, lambda stored: self._post.confirm(holder, stored), worker, session)

    def manage_room(self, worker: int, asker: int, token: int, room_name: bytes, act: str, about: bytes,
                    text: bytes) -> None:
        """The administrator does something to the room, or to somebody in it, by the control socket."""
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
        self._entering.keep(room, lambda stored: self._post.reply(token, None if stored else Reason.NOT_STORED))

    def announce(self, worker: int, asker: int, token: int, text: bytes) -> None:
        """The administrator says something in the lobby."""
        self._post.change()
        frame = talk(LOBBY, 0, [record(0, SERVER, text, self._accounts.seconds)], AWAITED)
        self._post.announce(frame, lambda stored: self._post.reply(token, None if stored else Reason.NOT_STORED))

    def _meant(self, room: Optional[Room], act: str, about: bytes) -> bytes:
        """The target of an act, as it is stored: a network, or the name of the user with this name or alias.

        If the act removes a ban or a mute, and this name has none, it is a former name of the user that has one.
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

    def _remove(self, room: Room, by: bytes, asker: int, token: int, number: int, why: bytes, names: Sequence[bytes],
                since: int) -> None:
        """Remove a message, if it is by one of these names and after `since`. The answer comes once that is stored."""
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

    # ---- acts

    def _do(self, room: Room, by: bytes, holder: int, act: str, about: bytes, text: bytes) -> None:
        """Do what the gate has allowed, and tell the room. holder: of `by`, see `Post.audit`."""
        self._post.change()
        told = b"" if act == "set" and about == b"key" else text  # a key is a secret
        self._post.audit(by, holder, act, room.name, about, told)
        interest = dict(room.interest)  # of those who are in it now, and hear of this
        concerned = [one for one in room.members if self._gate.is_meant(room, one, about)] \
            if act in _CHANGES_WHO_IS_BARRED else []
        out = self._acts[act](room, by, about, text)
        kept = self._note(room, act, by, about, told) if act in events.NOTED else ()
        whom = self._members.called(about) if act in _ROLES else None
        if act in _ROLES:
            left = _SAYS[act] if whom is None else room.members.get(whom, _SAYS[act])
            told = b"" if left == _SAYS[act] else ROLES.get(left, b"")
        for one in concerned if whom is None else [whom]:
            if one in room.members:
                self._entering.note_if_barred(room, one)
        if room is self._rooms.lobby:
            self._post.everyone(ToWorker.Managed(room.number, act, by, about, told, [], *kept))
            for holder in out:  # they are told why their connection ends
                self._evict(holder, Reason.BANNED if act == "ban" else Reason.KICKED)
        else:
            self._post.some(interest, ToWorker.Managed(
                room.number, act, by, about, told, [split(holder) for holder in out], *kept))
        if act in ("set", "ban"):
            self._entering.turn_away()
        if room is self._rooms.lobby and act in ("ban", "unban") and network_of(about.decode(errors="replace")):
            self._post.everyone(ToWorker.Barred(self._entering.barred()))

    def _note(self, room: Room, act: str, by: bytes, about: bytes, text: bytes) -> Tuple[int, ...]:
        """Add an act to the room's history. Returns its (number, milliseconds), or nothing."""
        number, now = self._numbers.take(), self._accounts.order.now
        if number is None:
            return ()
        noted = record(0, by, b"\0" + events.noted(act, about, text), self._accounts.seconds)
        frame = talk(room.number, 0, [noted], EXTRA)
        self._store.talk(placed(frame, number, now), ignore)
        return number, now

    def _set_topic(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.topic = text, by, self._accounts.seconds
        return ()

    def _invite(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        now = self._accounts.order.now
        room.drop_invitations(now)
        room.invite_until(about, now + INVITED_FOR)
        whom = self._members.called(about)
        if whom is not None:
            self._post.tell(whom, events.Invited(room.name, by))
        return ()

    def _kick(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        whom = self._members.called(about)
        if room is self._rooms.lobby and whom is not None:
            self._gate.kicked(about, self._members.host(whom))
        return self._put_out(room, [whom])

    def _ban(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.put(room.banned, about, by, text, self._accounts.seconds)
        inside = self._members.names if room is self._rooms.lobby else room.members
        return self._put_out(room, [
            holder for holder in inside if self._gate.is_banned(room, holder)])

    def _put_out(self, room: Room, holders: Sequence[Optional[int]]) -> Sequence[int]:
        out = [holder for holder in holders if holder is not None]
        if room is not self._rooms.lobby:
            for holder in out:
                self._entering.take_out(room, holder)
        return out

    def _unban(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.strike(room.banned, about)
        return ()

    def _mute(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.put(room.muted, about, by, text, self._accounts.seconds)
        return ()

    def _unmute(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.strike(room.muted, about)
        return ()

    def _bar(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.put(room.banned, about, by, text, self._accounts.seconds)
        return ()

    def _put(self, entries: str, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.put(getattr(room, entries), about, by, text, self._accounts.seconds)
        return ()

    def _take_off(self, entries: str, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        room.strike(getattr(room, entries), about)
        return ()

    def _rename(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        self._rooms.rename(room, about)
        return ()

    def _note_redacted(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        return ()

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
            for holder in room.members:  # until now they could read all of the past
                self._entering.begin_past(room, holder, self._members.names[holder], 0)
        if about == b"slow":
            self._rooms.note_slow(room)
        return ()

    def _drop(self, room: Room, by: bytes, about: bytes, text: bytes) -> Sequence[int]:
        out = [*room.members]
        for holder in out:
            self._rooms.leave(room, holder, split(holder)[0])
        self._rooms.close(room)
        return out


_NOT_REMOVED = {True: None, False: Reason.NO_SUCH_NUMBER, None: Reason.NOT_STORED}
