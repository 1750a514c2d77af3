"""The fan-out: what a tick has for one worker's clients, by the form in which they are sent it.

What happens is rendered once for a form and kept as frames, in one list over all rooms, as the hub's order is one. At
the end of the tick each member gets the frames of its rooms in one send. The rooms in which anything happened in the
tick are its active ones; the members who are in the same of these are a group, and get the same bytes, joined once.

Who is to hear something else (a speaker not its own words, a newcomer only what follows, somebody an answer) gets the
same frames with cuts. A cut is (start, stop, instead, rooms): the frames `instead` take the place of the frames from
start to stop, and those before are heard as far as they are of `rooms`, in which the session was until then. The
indices are into the one list, whichever rooms a session is in.
"""
import collections
import itertools
import logging
import time

from parley.server.chat.room import EVERYWHERE, LOBBY
from parley.server.chat.session import WAITING
from parley.server.protocols import events
from parley.server.protocols.events import Said, Users
from parley.server.worker.outbox import Outbox
from parley.server.worker.throttle import KIB_SHIFT

MOST_ALONE = 16  # frames of one tick that go out in sends of their own
SHARED_SHIFT = 14  # each 16 KiB of an answer that was made already costs as much as a message

NOWHERE = frozenset()  # the rooms of who is no member
NOTHING = b""  # a frame that is not heard

_LONG = frozenset(events.LONG_ANSWERS.values())

log = logging.getLogger(__name__)


def audience(protocol, form, strangers):
    """The audience for a form of a protocol module, of the kind that its traits call for.

    strangers: `server.worker.strangers.Strangers`, as a bug in an encoder may show again and again.
    """
    if protocol.TRAITS.personal:
        kind = Personal
    elif protocol.TRAITS.answers_first:
        kind = AnswersFirst
    else:
        kind = Audience if protocol.TRAITS.coalesces else OneByOne
    return kind(protocol.NAME, protocol.TRAITS, protocol.FORMS[form], strangers)


def _charge(session, frames, shift):
    """What these frames cost, in messages: one for each 1 << shift bytes."""
    session.charge(sum(map(len, frames)) >> shift)


class Group:
    """The tick's frames so far as they are heard by those who are in the same of its active rooms.

    frames: all of the tick's, so that cuts fit; in the place of what is not heard there is NOTHING.
    size: how many of them are heard.
    text: these joined; offsets: where each of `frames` begins in it. Both are None until they are wanted.
    """

    __slots__ = ("frames", "size", "text", "offsets")

    def __init__(self, frames, size):
        self.frames = frames
        self.size = size
        self.text = self.offsets = None

    def join(self):
        """The one text that all who are in the group are sent, or parts of it."""
        if self.text is None:
            self.text = memoryview(b"".join(self.frames))
        return self.text

    def measure(self):
        """The offsets."""
        self.join()
        self.offsets = [0, *itertools.accumulate(map(len, self.frames))]
        return self.offsets

    def heard(self, start, stop):
        """Those of the frames from start to stop that are."""
        frames = self.frames[start:stop]
        return frames if self.size == len(self.frames) else [frame for frame in frames if frame is not NOTHING]


_NO_FRAMES = Group([], 0)


class Audience:
    """The members that hear in one form on this worker, and the tick's frames for them.

    protocol: its name; traits: `server.protocols.traits`; encode: (happening, receiver's name) to frames.
    echo: do speakers hear themselves?
    members: session -> the rooms it is in, a frozenset which those share who are in the same; an ordered mapping.
    rooms: room -> an ordered set of those members who are in it; no room is empty but for EVERYWHERE.
    deliveries: how many of the frames that are for all who are in a room were sent, each counted for each receiver.
    """

    def __init__(self, protocol, traits, encode, strangers):
        self.protocol = protocol
        self.traits = traits
        self.echo = False
        self.deliveries = 0
        self.members = {}
        self.rooms = {EVERYWHERE: self.members}
        self._sets = {}  # the values of `members`, each by itself; and some that were
        self._encode = encode
        self._strangers = strangers
        self._shared = {}  # type -> (the last answer of this type that is the same for all who ask, its frames)
        self._unlisted = set()  # sessions that get a list of users of their own, soon, and none until then
        self._held = {}  # session that waits for an answer -> Outbox of what it is to be sent behind that
        self._room = LOBBY  # that the last frames were of
        self._runs = [(0, LOBBY)]  # (start, room): the frames from there to the next run are of that room
        self._active = NOWHERE  # the rooms of the frames that there are groups for
        self._clear()

    def _clear(self):
        self._frames = []
        self._cuts = {}
        self._groups = {}  # rooms -> Group, for as many frames as `_all` has; made when somebody is first sent any
        self._all = _NO_FRAMES  # the group that hears all of these frames
        if len(self._runs) > 1:
            self._runs = [(0, self._room)]

    def show_by(self, aliases):
        """Long names are shown by these, {name: alias}; only where the protocol has a `longest_name`."""
        encode = self._encode
        self._encode = lambda happening, me: encode(happening, me, aliases)

    # ---- who hears

    def enter(self, session, room):
        """From here on it hears what happens in the room; and everywhere, as all members do."""
        self._join(session, frozenset((room, EVERYWHERE)))

    def _join(self, session, rooms):
        before = self.members.get(session, NOWHERE)
        self._cut(session, len(self._frames), ())
        self.members[session] = self._interned(before | rooms)
        for room in rooms - before - {EVERYWHERE}:
            self.rooms.setdefault(room, {})[session] = None

    def leave(self, session, room=EVERYWHERE):
        """From here on it hears nothing of the room. Who leaves everywhere is sent at once what it has heard so far."""
        rooms = self.members.get(session, NOWHERE)
        if room == EVERYWHERE:
            self._send(session, self._pieces(session))
            self._cuts.pop(session, None)
            self._unlisted.discard(session)
            self.members.pop(session, None)
            self._take_out(session, rooms - {EVERYWHERE})
            session.send([*self._held.pop(session, ())])
        elif room in rooms:
            self._cut(session, len(self._frames), ())
            self.members[session] = self._interned(rooms - {room})
            self._take_out(session, (room,))

    def _take_out(self, session, rooms):
        for room in rooms:
            members = self.rooms.get(room, {})  # a bug may have kept it from entering
            members.pop(session, None)
            if not members:
                self.rooms.pop(room, None)

    def _interned(self, rooms):
        """The one set for all members who are in just these rooms."""
        if len(self._sets) > 2 * len(self.members) + 1:
            self._sets = {known: known for known in self.members.values()}
        return self._sets.setdefault(rooms, rooms)

    def move(self, session, other):
        """From here on it hears in another form, what happens in the same rooms."""
        rooms, unlisted = self.members.get(session, NOWHERE), session in self._unlisted
        self.leave(session)
        session.audience = other
        if rooms:
            other._join(session, rooms)
        if unlisted:
            other.await_list(session)

    def await_list(self, session):
        """Where lists of users are pushed it gets one of its own, `tell_list`, and none until then."""
        if self.traits.wants_users:
            self._unlisted.add(session)

    def tell_list(self, session, marked):
        """Its own list of users, a Marked, which is charged for. From here on it gets the same as everybody."""
        self._unlisted.discard(session)
        frames = self._encode(marked, session.name)
        _charge(session, frames, KIB_SHIFT)
        self._tell(session, frames)

    # ---- what they hear

    def hear(self, room, happening, origin=None):
        """All who are in the room hear it, but for the session it comes from."""
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

    def hear_talk(self, room, talk):
        """All who are in the room hear what was said there: (Said, the session it comes from, or None) each, in order.

        Speakers hear themselves only if an echo is wanted.
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
        """The frames from here on are of another room."""
        self._room = room
        start = len(self._frames)
        if self._runs[-1][0] == start:
            self._runs.pop()  # of that one nothing was told in this form
        if not self._runs or self._runs[-1][1] != room:
            self._runs.append((start, room))

    def _skip(self, happening):
        """Called in an exception handler: a bug in an encoder must not cost the members more than this one event."""
        level = self._strangers.level("a bug", "", time.monotonic(), logging.ERROR)
        log.log(level, "a bug: an event of type %s is not heard in %s", type(happening).__name__, self.protocol,
                exc_info=True)

    def tell(self, session, happening):
        """One session hears it, in its place; a stranger hears nothing else."""
        self._tell(session, self._encode(happening, session.name))

    def _tell(self, session, frames):
        if frames:
            self._cut(session, len(self._frames), frames)

    def answer(self, session, happening):
        """One session hears it, as the answer to what it asked."""
        self._tell(session, self._answer_frames(session, happening))

    def _answer_frames(self, session, happening):
        """The frames of an answer; those that are the same for all who ask are made once. Long ones are charged for."""
        kind = type(happening)
        if kind not in _LONG:
            return self._encode(happening, session.name)
        known, frames = self._shared.get(kind, (None, None))
        is_new = known is not happening
        if is_new:
            frames = self._encode(happening, session.name)
        if kind in self.traits.shared_answers:
            self._shared[kind] = happening, frames
        _charge(session, frames, KIB_SHIFT if is_new else SHARED_SHIFT)
        return frames

    def hold(self, session):
        """This is the place of what it has said, of which it will be told that it is stored."""

    def holds(self, session):
        """Is there anything that it is sent only once it has been answered?"""
        return session in self._held

    def kept_waiting(self, most):
        """The sessions for which more than `most` bytes are held until they have been answered."""
        return [session for session, held in self._held.items() if held.size > most]

    def _cut(self, session, start, instead):
        cut = start, len(self._frames), instead, self.members.get(session, NOWHERE)
        self._cuts.setdefault(session, []).append(cut)

    # ---- the groups

    def _regroup(self):
        """There are more frames than those that there are groups for. Gives the group that hears them all."""
        self._groups = {}
        if len(self._runs) > 1:
            self._active = frozenset([room for _, _, room in self._stretches()])
        elif len(self._active) != 1 or self._room not in self._active:  # in most ticks it is the room of the last one
            self._active = frozenset((self._room,))
        self._all = Group(self._frames, len(self._frames))
        return self._all

    def _group(self, rooms):
        """The group of those who are in these rooms. `_all` must have all frames (see `_regroup`)."""
        if self._active <= rooms:
            group = self._all
        else:
            active = rooms & self._active
            group = self._groups.get(active) or self._make_group(active)
            self._groups[active] = group
        self._groups[rooms] = group
        return group

    def _make_group(self, rooms):
        frames, size = [], 0
        for start, stop, room in self._stretches():
            if room in rooms:
                frames += self._frames[start:stop]
                size += stop - start
            else:
                frames += [NOTHING] * (stop - start)
        return Group(frames, size)

    def _stretches(self):
        """(start, stop, room) of the runs in which there are any frames."""
        stops = [start for start, _ in self._runs[1:]] + [len(self._frames)]
        return [(start, stop, room) for (start, room), stop in zip(self._runs, stops) if start < stop]

    def _receivers(self):
        """(group, members) of those who have no cuts; others may be among them."""
        group = self._regroup()
        if len(self._active) > 1:
            return self._receivers_by_rooms()
        (room,) = self._active
        members = self.rooms.get(room, ())
        others = sum(map(members.__contains__, self._cuts)) if self._cuts else 0
        self.deliveries += group.size * (len(members) - others)
        return ((group, members),)

    def _receivers_by_rooms(self):
        hearing, by_rooms = {}, collections.defaultdict(list)
        for room in self._active:
            hearing.update(self.rooms.get(room, ()))
        for member in hearing:
            if member not in self._cuts:
                by_rooms[self.members[member]].append(member)
        groups = [(self._groups.get(rooms) or self._group(rooms), members) for rooms, members in by_rooms.items()]
        self.deliveries += sum(group.size * len(members) for group, members in groups)
        return groups

    # ---- the end of the tick

    def flush(self):
        """Send the tick's frames: in here a busy server spends its time."""
        if not self._frames and not self._cuts:
            return
        failed = {}  # session -> the bug that kept it from being sent its frames
        if self._frames:
            for group, members in self._receivers():
                self._send_to_group(group, members, failed)
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

    def _send_to_group(self, group, members, failed):
        """To all members but those who have cuts: the same bytes."""
        whole, cuts = [group.join()], self._cuts
        for member in members:
            if member not in cuts:
                try:
                    member.send(whole)
                except Exception as error:
                    failed[member] = error

    def _pieces(self, session):
        """What one session has heard in this tick."""
        size = len(self._frames)
        if self._all.size != size:
            self._regroup()
        groups, position, pieces, delivered = self._groups, 0, [], 0
        last = size, size, (), self.members.get(session, NOWHERE)
        for start, stop, instead, rooms in [*self._cuts.get(session, ()), last]:
            if start > position and rooms:
                group = groups.get(rooms) or self._group(rooms)
                pieces += self._span(session, group, position, start)
                delivered += start - position if group.size == size else len(group.heard(position, start))
            pieces += instead
            position = stop
        self.deliveries += delivered
        return pieces

    # ---- what differs with the kind of audience

    def _render(self, happening):
        return self._encode(happening, None)

    def _span(self, session, group, start, stop):
        """The group's frames from start to stop, as they are sent to `session`: bytes-like pieces."""
        offsets = group.offsets or group.measure()
        start, stop = offsets[start], offsets[stop]
        return [group.text[start:stop]] if start < stop else ()

    def _send(self, session, pieces):
        session.send(pieces)


class Separate(Audience):
    """There is more to do for a member than to send it its frames."""

    def _send_to_group(self, group, members, failed):
        whole = self._span(None, group, 0, len(group.frames))
        for member in members:
            if member not in self._cuts:
                try:
                    self._send(member, whole)
                except Exception as error:
                    failed[member] = error


class OneByOne(Separate):
    """Each frame is a send of its own, for clients that take one recv for one frame.

    In a flood they are sent together: the kernel joins what such a client has not read yet, so it loses them anyway.
    """

    def _span(self, session, group, start, stop):
        return super()._span(session, group, start, stop) if group.size > MOST_ALONE else group.heard(start, stop)

    def _send(self, session, pieces):
        for piece in pieces:
            session.send([piece])


class Personal(Audience):
    """Frames name their receiver: what is kept is what happened, rendered for each.

    Whoever says something gets it back once it is stored, and still in its place: what follows it waits for that.
    """

    def hold(self, session):
        self._send(session, self._pieces(session))
        self._cuts[session] = [(0, len(self._frames), (), NOWHERE)]
        self._held[session] = Outbox()

    def answer(self, session, happening):
        frames = self._answer_frames(session, happening)
        if session in self._held:
            session.send([*frames, *self._held.pop(session)])
        else:
            self._tell(session, frames)

    def _send(self, session, pieces):
        if session in self._held:
            self._held[session].extend(pieces)
        else:
            session.send(pieces)

    def _render(self, happening):
        """Kept, unless it is talk, only if the protocol speaks of it: most of what happens besides, it does not."""
        return (happening,) if type(happening) is Said or self._encode(happening, b"") else ()

    def _span(self, session, group, start, stop):
        return self._written(session, group.heard(start, stop))

    def _written(self, session, happenings):
        encode, name = self._encode, session.name
        text = b"".join([frame for happening in happenings for frame in encode(happening, name)])
        return [text] if text else []

    def _send_to_group(self, group, members, failed):
        happenings = group.heard(0, len(group.frames))
        for member in members:
            if member not in self._cuts:
                try:
                    self._send(member, self._written(member, happenings))
                except Exception as error:
                    failed[member] = error


class AnswersFirst(Separate):
    """The next thing a client gets after a request is its answer; what happens meanwhile goes out behind that."""

    def __init__(self, protocol, traits, encode, strangers):
        super().__init__(protocol, traits, encode, strangers)
        self._answers = {}  # session -> frames

    def answer(self, session, happening):
        self._answers.setdefault(session, []).extend(self._answer_frames(session, happening))

    def flush(self):
        for session in self._answers.keys() - self._cuts.keys():
            self._cut(session, len(self._frames), ())
        super().flush()

    def _send(self, session, pieces):
        answers = self._answers.pop(session, ())
        if session.state is WAITING:
            if pieces:
                self._held.setdefault(session, Outbox()).extend(pieces)
            session.send(answers)
        else:
            session.send([*answers, *self._held.pop(session, ()), *pieces])
