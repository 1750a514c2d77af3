"""The fan-out: sends a tick's events to one worker's clients, in the encoding (form) that each of them uses.

An event is encoded once for each form, and kept as frames in one list over all rooms, in the hub's order. At the end of
the tick each member gets the frames of its rooms in one send. The rooms in which anything happened in the tick are its
active rooms. If there is one, all its members get the same bytes, joined once; if there are several, the bytes are
joined for each member, unless the member before gets the same.

A member that gets less than the others (not its own messages, or only what follows its login) or more (an answer) gets
the same frames with cuts. A cut is (start, stop, instead, rooms): the frames `instead` replace the frames from start to
stop; of the frames before, the session gets those of `rooms`, in which it was until then. The indices are into the one
list, whichever rooms a session is in.

`groups.py` groups members that get the same; `audience_kinds.py` has what is different for some protocols;
`audiences.py` has all audiences of a worker.
"""
import itertools
import time

from parley.server.chat.room import EVERYWHERE, LOBBY
from parley.server.protocols import events
from parley.server.protocols.events import HOME, Users
from parley.server.protocols.sealed import shown
from parley.server.worker.groups import NO_FRAMES, Group
from parley.server.worker.throttle import KIB_SHIFT

SHARED_SHIFT = 14  # each 16 KiB of an answer that was made already costs as much as a message

NOWHERE = ()  # the rooms of a session that is no member
MOST_SHARED = 3  # rooms in a tuple that all members share which are in just these; few are in the same larger set
LONG = frozenset(events.LONG_ANSWERS.values())


class Audience:
    """The members on this worker that use one form, and the tick's frames for them.

    protocol: its name; traits: `server.protocols.traits`; encode: (happening, receiver's name) to frames.
    home, form: see `server.worker.audiences.audience`. encode_talk: see TALK in `server.protocols`; or None.
    echo: do senders get their own messages? motd: the message of the day, or empty. rules: those in a `Greeted`.
    clients: how many connections belong to it, of members and strangers.
    members: session -> the rooms it is in, a sorted tuple; an ordered mapping.
    rooms: room -> an ordered set of those members who are in it. Only EVERYWHERE may be empty.
    deliveries: how many of the frames that are for all who are in a room were sent, each counted for each receiver.
    commands: how many members and strangers have sent; said, whispered: how many of these were talk.
    """

    def __init__(self, protocol, traits, encode, strangers, home=HOME, form="", encode_talk=None):
        self.protocol = protocol
        self.form = form
        self._encode_talk = encode_talk
        self.home = home
        self.traits = traits
        self.echo = False
        self.motd = b""
        self.rules = 0, True, True, 0
        self.deliveries = self.commands = self.said = self.whispered = 0
        self.clients = 0
        self.members = {}
        self.rooms = {EVERYWHERE: self.members}
        self._tuples = {}  # {rooms: the same}: the short values of `members`, and some that were
        self._encode = encode
        self._strangers = strangers
        self._shared = {}  # type -> (the last answer of this type that is the same for all who ask, its frames)
        self._unlisted = set()  # sessions that will get a list of users of their own, and no other until then
        self._held = {}  # session that waits for an answer -> Outbox of what it is to be sent after that
        self._room = LOBBY  # the room of the last frames
        self._runs = [(0, LOBBY)]  # (start, room): the frames from there to the next run are of that room
        self._stretches = ()  # (start, stop, room) of the runs of these frames, if they may be of several rooms
        self._active = {}  # an ordered set of the rooms of the frames that there are groups for
        self._indices = {}  # room -> indices of its frames, if there are any groups but `_all`
        self._clear()

    def _clear(self):
        self._frames = []
        self._cuts = {}  # session -> its cuts, in order
        self._own = {}  # session that has no cuts -> (start of the run, start, stop) of own words it does not hear
        self._tails = {}  # likewise -> (index, frames that it alone hears before that of all, and behind its own words)
        self._groups = {}  # active rooms, sorted -> Group of `_all`'s frames; made when somebody is first sent any
        self._all = NO_FRAMES  # the group that hears all of these frames
        if len(self._runs) > 1:
            self._runs = [(0, self._room)]

    def is_empty(self):
        """Has it no clients?"""
        return not (self.clients or self.members or self._cuts or self._tails or self._held or self._frames)

    def take_counts(self, other):
        """Add the counts of another audience, which is about to be dropped."""
        for count in ("deliveries", "commands", "said", "whispered"):
            setattr(self, count, getattr(self, count) + getattr(other, count))

    # ---- who hears

    def enter(self, session, room):
        """From here on the session gets what happens in the room; and in EVERYWHERE, as all members do."""
        self._join(session, (EVERYWHERE, room))

    def _join(self, session, rooms):
        before = self.members.get(session, NOWHERE)
        self._cut(session, len(self._frames), ())
        self.members[session] = self._shared_tuple(tuple(sorted({*before, *rooms})))
        for room in rooms:
            if room != EVERYWHERE and room not in before:
                self.rooms.setdefault(room, {})[session] = None

    def leave(self, session, room=EVERYWHERE):
        """From here on the session gets nothing of the room. If it leaves EVERYWHERE, send its output at once."""
        rooms = self.members.get(session, NOWHERE)
        if room == EVERYWHERE:
            self._send(session, self._pieces(session))
            self._cuts.pop(session, None)
            self._unlisted.discard(session)
            self.members.pop(session, None)
            self._take_out(session, [room for room in rooms if room != EVERYWHERE])
            session.send([*self._held.pop(session, ())])
        elif room in rooms:
            self._cut(session, len(self._frames), ())
            self.members[session] = self._shared_tuple(tuple([other for other in rooms if other != room]))
            self._take_out(session, (room,))

    def _take_out(self, session, rooms):
        for room in rooms:
            members = self.rooms.get(room, {})  # a bug may have kept the session from entering
            members.pop(session, None)
            if not members:
                self.rooms.pop(room, None)

    def _shared_tuple(self, rooms):
        """The one tuple for all members who are in just these rooms, if there are few."""
        if len(rooms) > MOST_SHARED:
            return rooms
        if len(self._tuples) > 2 * len(self.members) + 1:
            self._tuples = {known: known for known in self.members.values() if len(known) <= MOST_SHARED}
        return self._tuples.setdefault(rooms, rooms)

    def move(self, session, other):
        """Move the session, with its rooms, to the audience of another form."""
        rooms, unlisted = self.members.get(session, NOWHERE), session in self._unlisted
        self.leave(session)
        session.audience = other
        self.clients -= 1
        other.clients += 1
        if rooms:
            other._join(session, rooms)
        if unlisted:
            other.await_list(session)

    def await_list(self, session):
        """Where lists of users are pushed: the session gets none until it gets one of its own, by `tell_list`."""
        if self.traits.wants_users:
            self._unlisted.add(session)

    def tell_list(self, session, marked):
        """Send the session its own list of users, a Marked, and charge for it. Then it gets the common lists."""
        self._unlisted.discard(session)
        frames = self._encode(marked, session.name)
        charge_for(session, frames, KIB_SHIFT)
        self._tell(session, frames)

    # ---- what they hear

    def hear(self, room, happening, origin=None):
        """Send the event to all members of the room, except the session that it comes from."""
        if room != self._room:
            self._begin(room)
        start = len(self._frames)
        try:
            self._frames += self._render(happening)
        except Exception:
            self._skip(happening)
        if origin in self.rooms.get(room, ()):
            self._cut(origin, start, ())
        if self._unlisted and type(happening) is Users:
            for session in self._unlisted:
                self._cut(session, start, ())

    def hear_users(self, users, own):
        """Send the list of users to all, except those who get one of their `own`, {session: Users}."""
        start = len(self._frames)
        self.hear(EVERYWHERE, users)
        for session, instead in own.items():
            if session not in self._unlisted:
                self._cut(session, start, self._encode(instead, session.name))

    def hear_plainly(self, room, name, first, records, find, at=0):
        """A fast path of `hear_talk`, for most talk in most forms; False, with nothing done, if it cannot be used.

        name: of the room. first: the number of the first message; at: when it got that, milliseconds.
        records: of talk, see `parley.server.ipc.queues`.
        find: gives the session of a number, if that is one of this worker's.
        """
        if self._encode_talk is None:
            return False
        try:
            rendered = self._encode_talk(HOME if name == self.home else name, records, first, at)
        except Exception:
            return False  # a bug, which `hear_talk` finds in one of them
        if rendered is None:
            return False
        if room != self._room:
            self._begin(room)
        start, frames = len(self._frames), self._frames
        frames += rendered
        if find is not None and not self.echo:
            members, speaker = self.rooms[room], None
            position = start
            for number, _, _, _, count in records:
                if number != speaker:
                    if speaker is not None:
                        self._cut_own(find(speaker), members, start, position)
                    speaker, start = number, position
                position += count
            self._cut_own(find(speaker), members, start, len(frames))
        return True

    def _cut_own(self, speaker, members, start, stop):
        if speaker in members:
            if speaker in self._tails:
                self._cut_out_own(speaker)
            if speaker in self._cuts:
                self._cuts[speaker].append((start, stop, (), self.members[speaker]))
            else:
                self._own.setdefault(speaker, []).append((self._runs[-1][0], start, stop))

    def hear_talk(self, room, talk):
        """Send what was said in the room to its members: (Said, the session it comes from, or None) of each, in order.

        Senders get their own messages only if `echo` is on.
        """
        if room != self._room:
            self._begin(room)
        frames, members, render = self._frames, self.rooms.get(room, ()), self._render
        for said, origin in talk:
            start = len(frames)
            try:
                frames += render(said)
            except Exception:
                self._skip(said)
            if origin in members:
                if not self.echo:
                    self._cut(origin, start, ())
                if self.traits.acknowledges:
                    try:
                        self.hold(origin)
                    except Exception:
                        origin.crash()

    def _begin(self, room):
        """The frames from here on belong to another room."""
        self._room = room
        start = len(self._frames)
        if self._runs[-1][0] == start:
            self._runs.pop()  # the run before has no frames in this form
        if not self._runs or self._runs[-1][1] != room:
            self._runs.append((start, room))

    def _skip(self, happening):
        """Called in an exception handler: a bug in an encoder costs the members only this one event."""
        self._strangers.log_bug(time.monotonic(), "a bug: an event of type %s is not sent in %s",
                                type(happening).__name__, self.protocol)

    def tell(self, session, happening):
        """Send one session the event, at its place among the frames. (A stranger gets nothing else.)"""
        self._tell(session, self._encode(self._to_tell(happening), session.name))

    def _to_tell(self, happening):
        return happening if self.traits.sealed else shown(happening)

    def _tell(self, session, frames):
        if not frames:
            return
        index = len(self._frames)
        if session in self._cuts or self._tails.setdefault(session, (index, []))[0] != index:
            self._cut(session, index, frames)
        else:
            self._tails[session][1].extend(frames)

    def tell_frames(self, session, frames):
        """Send one session these frames, at their place."""
        self._tell(session, frames)

    def answer(self, session, happening):
        """Send one session the event as the answer to its command."""
        self._tell(session, self._answer_frames(session, happening))

    def answer_all(self, session, answers):
        """Send one session several answers: (label or None, event) of each."""
        for label, happening in answers:
            if label is not None:
                self.label(session, label)
            self.answer(session, happening)

    def _answer_frames(self, session, happening):
        """The frames of an answer; answers that are the same for all are encoded once. Long ones are charged for."""
        happening, kind = self._to_tell(happening), type(happening)
        if kind not in LONG:
            return self._encode(happening, session.name)
        known, frames = self._shared.get(kind, (None, None))
        is_new = known is not happening
        if is_new:
            frames = self._encode(happening, session.name)
        if kind in self.traits.shared_answers:
            self._shared[kind] = happening, frames
        charge_for(session, frames, KIB_SHIFT if is_new else SHARED_SHIFT)
        return frames

    def hold(self, session):
        """Hold what follows for this session: its message, at this place, will be acknowledged once it is stored."""

    def holds(self, session):
        """Is any output held for this session until it has been answered?"""
        return session in self._held

    def kept_waiting(self, most):
        """The sessions for which more than `most` bytes are held."""
        return [session for session, held in self._held.items() if held.size > most]

    def _cut(self, session, start, instead):
        self._cut_out_own(session)
        cut = start, len(self._frames), instead, self.members.get(session, NOWHERE)
        self._cuts.setdefault(session, []).append(cut)

    def _cut_out_own(self, session):
        """Turn the session's own messages and its tail, which are kept in a cheaper form, into cuts."""
        if session in self._own or session in self._tails:
            rooms = self.members.get(session, NOWHERE)
            cuts = self._cuts[session] = [(start, stop, (), rooms) for _, start, stop in self._own.pop(session, ())]
            if session in self._tails:
                index, frames = self._tails.pop(session)
                cuts.append((index, index, frames, rooms))

    def _cut_out_all_own(self):
        for session in {**self._own, **self._tails}:
            self._cut_out_own(session)

    # ---- the groups

    def _regroup(self):
        """Frames were added: forget the groups, and note which runs of frames belong to which room."""
        self._groups = {}
        if len(self._runs) > 1:
            stops = [start for start, _ in self._runs[1:]] + [len(self._frames)]
            self._stretches = [
                (start, stop, room) for (start, room), stop in zip(self._runs, stops) if start < stop]
            self._active = dict.fromkeys([room for _, _, room in self._stretches])
            self._indices = {}
        elif len(self._active) != 1 or self._room not in self._active:  # in most ticks it is the room of the last one
            self._active = {self._room: None}
        self._all = Group(self._frames)

    def _group(self, rooms):
        """The group of members that are in these rooms. `_all` must have all frames (see `_regroup`)."""
        active = self._active
        if len(active) == 1:
            (room,) = active
            return self._all if room in rooms else NO_FRAMES
        rooms = tuple([room for room in rooms if room in active])
        if len(rooms) == len(active):
            return self._all
        group = self._groups.get(rooms)
        if group is None:
            indices = sorted(itertools.chain.from_iterable(map(self._indices_of, rooms)))
            group = self._groups[rooms] = Group(self._frames, indices)
        return group

    def _indices_of(self, room):
        if not self._indices:
            for start, stop, active in self._stretches:
                self._indices.setdefault(active, []).extend(range(start, stop))
        return self._indices[room]

    # ---- the end of the tick

    def flush(self):
        """Send the tick's frames. A busy server spends most of its time here."""
        failed = {}  # session -> the bug that kept it from being sent its frames
        if not self._frames:
            self._cut_out_all_own()
        else:
            self._regroup()
            self._cut_out_early_tails()
            if len(self._active) == 1:
                self._send_to_room(*self._active, failed)
            else:
                self._send_by_rooms(failed)
        for session in self._cuts:
            try:
                self._send(session, self._pieces(session))
            except Exception as error:
                failed[session] = error
        self._clear()
        for session, error in failed.items():
            try:
                raise error
            except Exception:
                session.crash()

    def _count_uncut(self, members):
        return len(members) - (sum(map(members.__contains__, self._cuts)) if self._cuts else 0)

    def _send_by_rooms(self, failed):
        """Send each member without cuts what happened in its rooms, if several rooms are active.

        Few members are in exactly the same rooms, so the bytes are joined for each member, unless the member before it
        gets the same.
        """
        hearing = {}  # member -> texts, in order
        of_several = {}  # text -> of how many frames, by its identity
        own = self._own_by_stretch()
        for start, stop, room in self._stretches:
            members = self.rooms.get(room, ())
            if stop - start == 1:
                text = self._frames[start]
            else:
                text = b"".join(self._frames[start:stop])
                of_several[id(text)] = stop - start
            self.deliveries += (stop - start) * len(members)
            for member in members:
                if member in hearing:
                    hearing[member].append(text)
                else:
                    hearing[member] = [text]
            if start in own:
                for member, spans in own[start].items():
                    texts = hearing[member]
                    texts.pop()
                    self._add_others(texts, start, spans, stop)
                    if not texts:
                        del hearing[member]
        for member in self._cuts:
            self.deliveries -= sum([of_several.get(id(text), 1) for text in hearing.pop(member, ())])
        for member, (_, frames) in self._tails.items():
            hearing.setdefault(member, []).extend(frames)
        last = whole = None
        for member, texts in hearing.items():
            if texts != last:
                last, whole = texts, texts if len(texts) < 2 else [b"".join(texts)]
            try:
                member.send(whole)
            except Exception as error:
                failed[member] = error

    def _cut_out_early_tails(self):
        size = len(self._frames)
        for session in [session for session, (index, _) in self._tails.items() if index < size]:
            self._cut_out_own(session)

    def _own_by_stretch(self):
        """{start of a stretch: {member: spans}} of those who spoke in it."""
        found = {}
        for member, own in self._own.items():
            for run, start, stop in own:
                found.setdefault(run, {}).setdefault(member, []).append((start, stop))
        return found

    def _add_others(self, texts, position, spans, stop):
        """Append the frames from `position` to `stop` without the member's own messages, which are the spans."""
        for start, behind in [*spans, (stop, stop)]:
            self.deliveries -= behind - start
            texts += self._frames[position:start]
            position = behind

    def _send_to_room(self, room, failed):
        """Send all members without cuts the same bytes; without a member's own messages, and with its tail."""
        group, members = self._all, self.rooms.get(room, ())
        whole = [group.join()]
        self.deliveries += group.size * self._count_uncut(members)
        apart = {**self._own, **self._tails}
        for member in members:
            if member not in apart and member not in self._cuts:
                try:
                    member.send(whole)
                except Exception as error:
                    failed[member] = error
        for member in apart:
            pieces = self._around(group, self._own.get(member, ())) if member in members else []
            try:
                member.send(pieces + self._tails[member][1] if member in self._tails else pieces)
            except Exception as error:
                failed[member] = error

    def _around(self, group, spans):
        """Pieces of the bytes for a member whose own messages are the spans."""
        offsets = group.offsets or group.measure()
        pieces, position = [], 0
        for _, start, stop in spans:
            if position < start:
                pieces.append(group.text[offsets[position]:offsets[start]])
            self.deliveries -= stop - start
            position = stop
        if position < group.size:
            pieces.append(group.text[offsets[position]:])
        return pieces

    def _pieces(self, session):
        """The pieces that one session gets of this tick."""
        size = len(self._frames)
        if self._all.size != size:
            self._regroup()
        self._cut_out_own(session)
        position, pieces, delivered = 0, [], 0
        last = size, size, (), self.members.get(session, NOWHERE)
        for start, stop, instead, rooms in [*self._cuts.get(session, ()), last]:
            if start > position and rooms:
                group = self._group(rooms)
                first, behind = group.place(position), group.place(start)
                if first < behind:
                    pieces += self._span(session, group, first, behind)
                    delivered += behind - first
            pieces += instead
            position = stop
        self.deliveries += delivered
        return pieces

    def _send_so_far(self, session):
        """Send the session, or hold for it, what this tick has for it so far, and exclude that from the flush."""
        self._send(session, self._pieces(session))
        self._cuts[session] = [(0, len(self._frames), (), NOWHERE)]

    # ---- what differs with the kind of audience

    def _render(self, happening):
        return self._encode(happening, None)

    def _span(self, session, group, first, behind):
        """The group's frames from `first` up to, not including, `behind`, as bytes-like pieces for `session`."""
        offsets = group.offsets or group.measure()
        return [group.text[offsets[first]:offsets[behind]]]

    def _send(self, session, pieces):
        session.send(pieces)


def charge_for(session, frames, shift):
    """What these frames cost, in messages: one for each 1 << shift bytes."""
    session.charge(sum(map(len, frames)) >> shift)
