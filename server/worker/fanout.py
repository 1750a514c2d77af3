"""Those of one worker's clients who hear in the same form, and what this tick tells them.

What happens is rendered once and kept as frames; at the end of the tick everybody gets them in one send. Who is to hear
something else (a speaker not its own words, a newcomer only what follows, somebody an answer) gets the same frames with
cuts. A cut is (start, stop, instead): the frames `instead` take the place of the frames from start to stop.
"""
import itertools
import logging
import time

from parley.server.chat.session import WAITING
from parley.server.protocols import events
from parley.server.protocols.events import Said, Users
from parley.server.worker.outbox import Outbox
from parley.server.worker.throttle import KIB_SHIFT

MOST_ALONE = 16  # frames of one tick that go out in sends of their own
SHARED_SHIFT = 14  # each 16 KiB of an answer that was made already costs as much as a message

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


class Audience:
    """The members that hear in one form on this worker, and the tick's frames for them.

    protocol: its name; traits: `server.protocols.traits`; encode: (happening, receiver's name) to frames.
    echo: do speakers hear themselves?
    deliveries: frames that were for everybody, times members; those who said them or came later counted in.
    """

    def __init__(self, protocol, traits, encode, strangers):
        self.protocol = protocol
        self.traits = traits
        self.echo = False
        self.deliveries = 0
        self.members = {}  # an ordered set of sessions
        self._encode = encode
        self._strangers = strangers
        self._shared = {}  # type -> (the last answer of this type that is the same for all who ask, its frames)
        self._unlisted = set()  # sessions that get a list of users of their own, soon, and none until then
        self._held = {}  # session that waits for an answer -> Outbox of what it is to be sent behind that
        self._clear()

    def _clear(self):
        self._frames = []
        self._cuts = {}
        self._text = None  # the frames joined, once they are wanted so
        self._offsets = None  # where each begins in the text

    def show_by(self, aliases):
        """Long names are shown by these, {name: alias}; only where the protocol has a `longest_name`."""
        encode = self._encode
        self._encode = lambda happening, me: encode(happening, me, aliases)

    # ---- who hears

    def enter(self, session):
        """From here on it hears everything."""
        self._cut(session, 0, ())
        self.members[session] = None

    def leave(self, session):
        """It gets what it has heard so far, and nothing of what follows."""
        self._send(session, self._pieces(session))
        self._cuts.pop(session, None)
        self._unlisted.discard(session)
        self.members.pop(session, None)
        self._text = None  # there may be more to come
        session.send([*self._held.pop(session, ())])

    def move(self, session, other):
        """From here on it hears in another form."""
        member, unlisted = session in self.members, session in self._unlisted
        self.leave(session)
        session.audience = other
        if member:
            other.enter(session)
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

    def hear(self, happening, origin=None):
        """All members hear it, but for the session it comes from."""
        start = len(self._frames)
        try:
            self._frames += self._render(happening)
        except Exception:
            self._skip(happening)
        if origin in self.members:
            self._cut(origin, start, ())
        if self._unlisted and type(happening) is Users:
            for session in self._unlisted:
                self._cut(session, start, ())

    def hear_talk(self, talk):
        """All members hear what was said: (Said, the session it comes from, or None) each, in order.

        Speakers hear themselves only if an echo is wanted.
        """
        frames, members, render = self._frames, self.members, self._render
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
            self._cut(session, len(self._frames) if session in self.members else 0, frames)

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
        self._cuts.setdefault(session, []).append((start, len(self._frames), instead))

    # ---- the end of the tick

    def flush(self):
        """Send the tick's frames: in here a busy server spends its time."""
        failed = {}  # session -> the bug that kept it from being sent its frames
        if self._frames:
            self.deliveries += len(self._frames) * len(self.members)
            self._send_to_others(self._cuts, failed)
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

    def _send_to_others(self, special, failed):
        """To all but those, who have cuts: the same bytes."""
        whole = self._span(None, 0, len(self._frames))
        for member in self.members:
            if member not in special:
                try:
                    member.send(whole)
                except Exception as error:
                    failed[member] = error

    def _pieces(self, session):
        """What one session has heard in this tick."""
        position, pieces = 0, []
        for start, stop, instead in self._cuts.get(session, ()):
            if start > position:
                pieces += self._span(session, position, start)
            pieces += instead
            position = stop
        if session in self.members and position < len(self._frames):
            pieces += self._span(session, position, len(self._frames))
        return pieces

    # ---- what differs with the kind of audience

    def _render(self, happening):
        return self._encode(happening, None)

    def _span(self, session, start, stop):
        """The frames from start to stop as they are sent to `session`: a list of bytes-like pieces."""
        if self._text is None:
            self._text = memoryview(b"".join(self._frames))
            self._offsets = [0, *itertools.accumulate(map(len, self._frames))]
        return [self._text[self._offsets[start]:self._offsets[stop]]]

    def _send(self, session, pieces):
        session.send(pieces)


class Separate(Audience):
    """What a member is sent is put together for it alone."""

    def _send_to_others(self, special, failed):
        for member in self.members:
            if member not in special:
                try:
                    self._send(member, self._span(member, 0, len(self._frames)))
                except Exception as error:
                    failed[member] = error


class OneByOne(Separate):
    """Each frame is a send of its own, for clients that take one recv for one frame.

    In a flood they are sent together: the kernel joins what such a client has not read yet, so it loses them anyway.
    """

    def _span(self, session, start, stop):
        if len(self._frames) > MOST_ALONE:
            return super()._span(session, start, stop)
        return self._frames[start:stop]

    def _send(self, session, pieces):
        for piece in pieces:
            session.send([piece])


class Personal(Separate):
    """Frames name their receiver: what is kept is what happened, rendered for each.

    Whoever says something gets it back once it is stored, and still in its place: what follows it waits for that.
    """

    def hold(self, session):
        self._send(session, self._pieces(session))
        self._cuts[session] = [(0, len(self._frames), ())]
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

    def _span(self, session, start, stop):
        encode, name = self._encode, session.name
        text = b"".join([frame for happening in self._frames[start:stop] for frame in encode(happening, name)])
        return [text] if text else []


class AnswersFirst(Separate):
    """The next thing a client gets after a request is its answer; what happens meanwhile goes out behind that."""

    def __init__(self, protocol, traits, encode, strangers):
        super().__init__(protocol, traits, encode, strangers)
        self._answers = {}  # session -> frames

    def answer(self, session, happening):
        self._answers.setdefault(session, []).extend(self._answer_frames(session, happening))

    def flush(self):
        for session in self._answers.keys() - self._cuts.keys():
            self._cut(session, len(self._frames) if session in self.members else 0, ())
        super().flush()

    def _send(self, session, pieces):
        answers = self._answers.pop(session, ())
        if session.state is WAITING:
            if pieces:
                self._held.setdefault(session, Outbox()).extend(pieces)
            session.send(answers)
        else:
            session.send([*answers, *self._held.pop(session, ()), *pieces])
