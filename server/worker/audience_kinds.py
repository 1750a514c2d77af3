"""The kinds of audience, for protocols whose traits call for one. All other protocols use `Audience` itself."""
import collections

from parley.server.chat.room import EVERYWHERE
from parley.server.chat.session.states import GONE, WAITING
from parley.server.protocols.events import Exited, Left, Managed, Renamed, Said, Users
from parley.server.worker.fanout import LONG, Audience, charge_for
from parley.server.worker.outbox import Outbox
from parley.server.worker.throttle import KIB_SHIFT

MOST_ALONE = 16  # frames of one tick that go out in sends of their own

# Events that come once for each room of a user; the last two only if the user is gone.
_OF_SOMEBODY = frozenset([Renamed, Exited, Left])


class Holding(Audience):
    """Holds back what follows in the order while a member waits for something that has to come first."""

    def flush(self):
        if self._held:
            for session in self._held.keys() - self._cuts.keys():
                self._cut(session, len(self._frames), ())
        super().flush()

    def _send(self, session, pieces):
        if session in self._held:
            self._held[session].extend(pieces)
        else:
            session.send(pieces)


class Resuming(Holding):
    """A client that resumes its session gets what it has missed first; what happens meanwhile is held back for it."""

    def hold_back(self, session):
        """From here until `let_go_on` send the session only answers, and hold back everything else."""
        if session not in self._held:
            self._send_so_far(session)
            self._held[session] = Outbox()

    def let_go_on(self, session):
        """Send the session what was held back; from here on it gets everything again."""
        if session in self._held:
            self._send_so_far(session)
            session.send([b"".join(self._held.pop(session))])

    def answer(self, session, happening):
        self._answer(session, self._answer_frames(session, happening))

    def _answer(self, session, frames):
        if session in self._held:
            session.send(frames)
        else:
            self._tell(session, frames)


class Labelling(Resuming):
    """Puts the label of a command into its answer.

    with_label: a function of (frame, label) that returns the frame with the label.
    """

    def __init__(self, with_label, *arguments):
        super().__init__(*arguments)
        self._with_label = with_label
        self._labels = {}  # session -> label of the command whose answer it waits for

    def label(self, session, label):
        """The next answer gets this label."""
        self._labels[session] = label

    def _answer_frames(self, session, happening):
        return self._labelled(super()._answer_frames(session, happening), self._labels.pop(session, None))

    def _labelled(self, frames, label):
        return (self._with_label(frames[0], label), *frames[1:]) if frames and label is not None else frames

    def answer_all(self, session, answers):
        frames, encode, name = [], self._encode, session.name
        for label, happening in answers:
            if label is None and self._labels:
                label = self._labels.pop(session, None)  # of a word that was the only one under way
            answer = encode(happening, name)
            frames += answer if label is None else self._labelled(answer, label)
        self._answer(session, frames)

    def leave(self, session, room=EVERYWHERE):
        if room == EVERYWHERE and session.state is GONE:  # or else it has deleted its account, and is answered next
            self._labels.pop(session, None)
        super().leave(session, room)


class Conversing(Holding):
    """The session's decoder encodes what is told to it alone, as the decoder knows what the client has asked.

    Where talk is acknowledged, the acknowledgement has the message's place in the order: what follows it waits.
    An event that concerns a user, and not a room, is sent once to each member who shares any room with that user.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._happened = None, ()  # the last event about a user, without its room; who was told of it
        self._later = {}  # session -> Outboxes of what follows its second message without an answer, its third ...
        self._collecting = set()  # sessions whose decoders collect the answer to a command

    @staticmethod
    def label(session, label):
        """The next answer is to the command with this label."""
        session.decoder.label(label)

    def tell(self, session, happening):
        self._tell(session, session.decoder.tell(self._to_tell(happening), session.name))

    def tell_frames(self, session, frames):
        (self._collecting.add if session.decoder.collects else self._collecting.discard)(session)
        self._tell(session, frames)

    def leave(self, session, room=EVERYWHERE):
        if room == EVERYWHERE:
            self._collecting.discard(session)
            for held in self._later.pop(session, ()):
                self._held[session].extend(held)
        super().leave(session, room)

    def answer(self, session, happening):
        frames = session.decoder.tell(self._to_tell(happening), session.name)
        if type(happening) in LONG:
            charge_for(session, frames, KIB_SHIFT)
        if session not in self._held:
            self._tell(session, frames)
            return
        session.send([*frames, *self._held.pop(session)])
        if session in self._later:
            self._held[session] = self._later[session].pop(0)
            if not self._later[session]:
                del self._later[session]

    def hear(self, room, happening, origin=None):
        if type(happening) in _OF_SOMEBODY and getattr(happening, "gone", True):
            self._hear_of_somebody(room, happening, origin)
            return
        self._happened = None, ()
        if type(happening) is Managed and happening.act == "rename":
            self._tell_of_rename(room, happening)
            return
        if self._collecting and type(happening) is Managed:
            origin = self._collect(room, happening) or origin
        super().hear(room, happening, origin)

    def _hear_of_somebody(self, room, happening, origin):
        """The same event comes once for each room: tell each member only the first time."""
        event = _without_room(happening)
        known, told = self._happened
        if event != known:
            self._happened = event, set(self.rooms.get(room, ()))
            super().hear(room, happening, origin)
            return
        frames = self._render(happening)
        for session in self.rooms.get(room, ()):
            if session not in told and session is not origin:
                told.add(session)
                self._tell(session, frames)

    def _tell_of_rename(self, room, managed):
        """Tell each member separately that a room was renamed: some clients have to join it again."""
        for session in [*self.rooms.get(room, ())]:
            self.tell(session, managed)
            for command in session.decoder.after_rename(managed):
                session.hub.hear_once_told(session, command)

    def _collect(self, room, managed):
        """If a session's answer is being collected, its own change of the room is part of that. Returns the session."""
        members = self.rooms.get(room, ())
        for session in self._collecting:
            if session in members and session.name == managed.by:
                session.decoder.collect(self._encode(managed, None))
                return session
        return None

    def hear_plainly(self, room, name, first, records, find, at=0):
        if find is not None and self.traits.acknowledges and any(
                find(record[0]) in self.rooms[room] for record in records):
            return False
        return super().hear_plainly(room, name, first, records, find, at)

    def hold(self, session):
        self._send_so_far(session)
        if session in self._held:
            self._later.setdefault(session, []).append(Outbox())
        else:
            self._held[session] = Outbox()

    def _send(self, session, pieces):
        if session in self._later:
            self._later[session][-1].extend(pieces)
        else:
            super()._send(session, pieces)


class Separate(Audience):
    """A base for audiences whose `_send` does more for a member than send it its frames."""

    def _send_by_rooms(self, failed):
        self._cut_out_all_own()
        by_rooms = collections.defaultdict(list)
        for room in self._active:
            for member in self.rooms.get(room, ()):
                by_rooms[self.members[member]].append(member)
        for rooms, members in by_rooms.items():
            group = self._group(rooms)
            members = dict.fromkeys(members)  # each once, however many of the rooms it is in
            self.deliveries += group.size * self._count_uncut(members)
            self._send_to_group(group, members, failed)

    def _send_to_room(self, room, failed):
        self._cut_out_all_own()
        members = self.rooms.get(room, ())
        self.deliveries += self._all.size * self._count_uncut(members)
        self._send_to_group(self._all, members, failed)

    def _send_to_group(self, group, members, failed):
        whole = self._span(None, group, 0, group.size)
        for member in members:
            if member not in self._cuts:
                try:
                    self._send(member, whole)
                except Exception as error:
                    failed[member] = error


class OneByOne(Separate):
    """Sends each frame by a call of its own, for clients that take one recv for one frame.

    In a flood frames are sent together: the kernel would join what such a client has not read yet in any case.
    """

    def _span(self, session, group, first, behind):
        if group.size > MOST_ALONE:
            return super()._span(session, group, first, behind)
        return group.frames[first:behind]

    def _send(self, session, pieces):
        for piece in pieces:
            session.send([piece])


class Personal(Separate, Holding):
    """Frames name their receiver: the audience keeps events, and encodes them for each member.

    A sender gets its message back once it is stored, at its place in the order: what follows it waits for that.
    """

    def hold(self, session):
        self._send_so_far(session)
        self._held[session] = Outbox()

    def answer(self, session, happening):
        frames = self._answer_frames(session, happening)
        if session in self._held:
            session.send([*frames, *self._held.pop(session)])
        else:
            self._tell(session, frames)

    def _render(self, happening):
        """Keep talk; keep any other event only if the protocol has frames for it, as for most it has none."""
        return (happening,) if type(happening) is Said or self._encode(happening, b"") else ()

    def _span(self, session, group, first, behind):
        return self._written(session, group.frames[first:behind])

    def _written(self, session, happenings):
        encode, name = self._encode, session.name
        text = b"".join([frame for happening in happenings for frame in encode(happening, name)])
        return [text] if text else []

    def _send_to_group(self, group, members, failed):
        happenings = group.frames
        for member in members:
            if member not in self._cuts:
                try:
                    self._send(member, self._written(member, happenings))
                except Exception as error:
                    failed[member] = error


class AnswersFirst(Separate):
    """Between a client's request and its answer nothing else is sent; what happens meanwhile follows the answer.

    Of several lists of users that come meanwhile, the client gets only the last: an earlier one may still have a room
    that the client has left, by the answer.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._answers = {}  # session -> frames
        self._lists = {}  # session that waits for an answer -> Users

    def hear_users(self, users, own):
        start = len(self._frames)
        waiting = [session for session in self.members if session.state is WAITING]
        self._lists = {session: own.get(session, users) for session in waiting if session not in self._unlisted}
        super().hear_users(users, {session: own[session] for session in own if session not in self._lists})
        for session in self._lists:
            self._cut(session, start, ())

    def tell(self, session, happening):
        if type(happening) is not Users:
            super().tell(session, happening)
        elif session.state is WAITING:
            self._lists[session] = happening
        else:
            self._lists.pop(session, None)
            super().tell(session, happening)

    def leave(self, session, room=EVERYWHERE):
        if room == EVERYWHERE:
            self._lists.pop(session, None)
        super().leave(session, room)

    def answer(self, session, happening):
        self._answers.setdefault(session, []).extend(self._answer_frames(session, happening))
        if session not in self._cuts:
            self._cut(session, len(self._frames), ())

    def _send(self, session, pieces):
        answers = self._answers.pop(session, ())
        if session.state is WAITING:
            if pieces:
                self._held.setdefault(session, Outbox()).extend(pieces)
            session.send(answers)
        else:
            users = self._lists.pop(session, None)
            listed = () if users is None else self._encode(users, session.name)
            session.send([*answers, *self._held.pop(session, ()), *pieces, *listed])


def _without_room(happening):
    """The event without its room, to compare it with the same event in other rooms."""
    if type(happening) is Renamed:
        return happening.old, happening.new
    return happening.name
