"""Waiting: for a message, for the proof that none comes, and for the end of a connection.

For our own server each has the reply timeout. For a foreign server the suite waits only as long as an answer may still
come, and less for what did not come before (`conformance.patience`).
"""
import collections
import contextlib
import time

from parley.conformance.barrier import DEAF_SECONDS, ROUND_TRIPS, SELF, BarrierFailed
from parley.conformance.probes import PROBES
from parley.conformance.profile import told

# Timeouts for messages of a foreign server. Of a pair, the first is for a quick server, the second the maximum.
_PATIENCE_SECONDS = 0.3  # for a member, before the suite makes the round trip that proves that nothing comes
_STRANGERS_SECONDS = 0.3  # before the login, where nothing can prove that, for messages that only some servers send
_SLOW_SECONDS = (1.0, 5.0)  # likewise for messages that all servers should send
_DISAPPOINTED_SECONDS = 0.05  # for a message that did not come the last time
_NOTICE_SECONDS = 0.02  # for the server to notice the end of a connection, where nothing announces it
_NEWS_SECONDS = 2.0  # for news, where nothing can prove that none comes
_PROOF_SECONDS = (1.5, 3.0)  # for a proof that nothing comes
_BARRIER_SECONDS = (2.0, 5.0)  # for a barrier
_BARRIER_AGAIN_SECONDS = (1.0, 2.0)  # for a barrier after one that failed
_SLOWEST_TIMES = 10  # times the slowest answer so far: the timeout, between the two of a pair
_MOST_NEWS = 50  # messages of news that are read before the expected one


class Waiting:
    """Waits on behalf of one run, on a `ServerFixture`.

    actors: {ident: `Actor`} of the run, which may get more. worker_of: called with an actor, gives the number of its
    worker, or None. seconds: that the run may take in all, before scaling. stretch: the factor by which the waits of
    the scenario are longer than written.
    """

    def __init__(self, fixture, actors, worker_of, seconds, stretch=1.0):
        self.fixture = fixture
        self._actors = actors
        self._worker_of = worker_of
        self._stretch = stretch
        self._deadline = time.monotonic() + seconds * fixture.time_scale

    def reply_deadline(self, within=None):
        """When an expectation that starts now times out (monotonic seconds); `within` is the scenario's own timeout."""
        seconds = within * self._stretch * self.fixture.time_scale if within else self.fixture.reply_seconds
        return min(time.monotonic() + seconds, self._deadline)

    def pause(self, seconds):
        """Read whatever comes in so many seconds of the scenario."""
        until = time.monotonic() + seconds * self._stretch
        self.fixture.selector.read_until(lambda: False, min(until, self._deadline))

    def briefly(self, actor):
        """Read for a moment, in which unexpected messages may come."""
        self._read_for(actor, _DISAPPOINTED_SECONDS)

    def notice(self):
        """Give a foreign server time to notice the end of a connection, where nothing announces it."""
        self.fixture.selector.read_until(lambda: False, time.monotonic() + _NOTICE_SECONDS * self.fixture.time_scale)

    # ---- a message

    def for_message(self, actor, step, kind, fits):
        """The actor's next message, or None on a timeout or at the end of the connection.

        kind: of the message that is waited for, as the `probes` have it. step: the one that waits, or None. News of a
        foreign server for which fits(message) is false is taken only where nothing else comes.
        """
        if not actor.profile:
            self._read(actor, self.reply_deadline(getattr(step, "within", None)))
            return actor.inbox.popleft() if actor.inbox else None
        news = None
        for _ in range(_MOST_NEWS):
            self._read_with_patience(actor, step, kind)
            message = actor.inbox.popleft() if actor.inbox else None
            if not is_news(actor, message) or fits(message):
                break
            news, message = message, None
        is_wanted = news is not None and PROBES[actor.codec.NAME].kind(told(news)) == kind
        return news if message is None and is_wanted else message

    def _read_with_patience(self, actor, step, kind):
        """Wait for a message of this kind of a foreign server until there is a proof that it does not come.

        To a client that is not logged in there is no proof: it waits for long the first time, and not again for what
        did not come then. What has to come in time is waited for that long once for the same requirements.
        """
        within = getattr(step, "within", None)
        start = time.monotonic()
        if within:
            what = (kind, step.req)
            self._read_for(actor, self.fixture.patience.seconds(what, within * self._stretch, _PATIENCE_SECONDS))
        else:
            what = kind
            seconds = self.fixture.patience.seconds(what, *self._full_and_short(actor, kind))
            if self.is_provable(actor):
                self._read(actor, time.monotonic() + seconds)  # the proof takes as long as the server does
            else:
                self._read_unless_deaf(actor, seconds)
        if actor.inbox and PROBES[actor.codec.NAME].kind(str(actor.inbox[0])) == kind:
            self.fixture.patience.note(what, True)
            if not within and kind not in (PROBES[actor.codec.NAME].ENDED, *PROBES[actor.codec.NAME].NEWS):
                self.fixture.patience.slowest = max(self.fixture.patience.slowest, time.monotonic() - start)
        elif not actor.inbox and not actor.closed_by_peer:
            self.fixture.patience.note(what, False)
            if not within:
                self.prove_silence(actor)  # with which it may come after all

    def _full_and_short(self, actor, kind):
        """How long (seconds) a message of this kind is waited for, and how long where it did not come before."""
        if kind == PROBES[actor.codec.NAME].ENDED and actor.profile.end_seconds:
            return max(_PATIENCE_SECONDS, actor.profile.end_seconds), _PATIENCE_SECONDS
        if kind in PROBES[actor.codec.NAME].NEWS:
            return _NEWS_SECONDS, _DISAPPOINTED_SECONDS  # a server may tell of several changes at a time
        if actor.name is not None and actor.profile.proof:
            return _PATIENCE_SECONDS, _DISAPPOINTED_SECONDS
        unlikely = actor.profile.proof and not PROBES[actor.codec.NAME].ground(kind)
        return _STRANGERS_SECONDS if unlikely else self._as_quick(actor, _SLOW_SECONDS), _PATIENCE_SECONDS

    def _as_quick(self, actor, seconds):
        """How long to wait for the actor's server: `seconds` are (at least, at most)."""
        least, most = seconds
        slowest = actor.profile.slowest_seconds
        if not slowest:
            return most  # that was not measured
        return min(most, max(least, _SLOWEST_TIMES * max(slowest, self.fixture.patience.slowest)))

    def _read_for(self, actor, seconds):
        self._read(actor, min(self._deadline, time.monotonic() + seconds * self.fixture.time_scale))

    def _read_unless_deaf(self, actor, seconds):
        """Read for so long, or less if the server turns out not to read this connection."""
        self._read_for(actor, min(seconds, DEAF_SECONDS))
        is_waiting = not actor.inbox and not actor.closed_by_peer
        if is_waiting and seconds > DEAF_SECONDS and not self.fixture.barrier.is_deaf_to([actor]):
            self._read_for(actor, seconds - DEAF_SECONDS)

    def _read(self, actor, deadline):
        self.fixture.selector.read_until(lambda: actor.inbox or actor.closed_by_peer, deadline)

    # ---- the proof that none comes

    def is_provable(self, actor):
        """Whether a round trip shows that nothing more comes to the actor of a foreign server."""
        return (actor.name is not None and actor.profile.proof in ROUND_TRIPS + (SELF,)
                and actor.state.at_message_boundary and not actor.half_closed)

    def prove_silence(self, actor):
        """Make sure that what does not come to the actor of a foreign server is not merely late.

        For one that is not logged in there is no proof; but then the server is not slow, if it answers somebody else.
        """
        with contextlib.suppress(BarrierFailed, OSError):  # the server answers nothing at all
            if actor.name is not None and actor.profile.proof:
                self._patiently([actor], "a proof of silence", self._as_quick(actor, _PROOF_SECONDS), _PATIENCE_SECONDS)
            else:
                took = self.fixture.barrier.pause(self._worker_of(actor), self._proof_deadline())
                self._read_for(actor, min(max(_DISAPPOINTED_SECONDS, _SLOWEST_TIMES * took), max(_SLOW_SECONDS)))

    def prove(self, actors):
        """Make a barrier for these actors of a foreign server; raises BarrierFailed, or OSError, if that fails."""
        self._barrier(actors, self._proof_deadline())

    def barrier(self, actors):
        """Wait until all that was said has reached these actors; raises BarrierFailed, or OSError."""
        foreign = next((actor for actor in actors if actor.profile), None)
        if foreign:
            self._patiently(actors, "a barrier", self._as_quick(foreign, _BARRIER_SECONDS),
                            self._as_quick(foreign, _BARRIER_AGAIN_SECONDS))
        else:
            self._barrier(actors, self.reply_deadline())

    def _barrier(self, actors, deadline):
        speakers = [actor for actor in self._actors.values() if actor.spoke]
        self.fixture.barrier.wait(actors, speakers, deadline)

    def _patiently(self, actors, what, full, short):
        """A barrier on a foreign server: for `full` seconds, or `short` if the last one for this was in vain."""
        seconds = self.fixture.patience.seconds(what, full, short) * self.fixture.time_scale
        came = False
        try:
            self._barrier(actors, min(self._deadline, time.monotonic() + seconds))
            came = True
        finally:
            self.fixture.patience.note(what, came)

    def _proof_deadline(self):
        return time.monotonic() + max(_PROOF_SECONDS) * self.fixture.time_scale

    # ---- the end of a connection

    def for_close(self, actor, what, within=None, slow=False):
        """Wait until the server closes the connection: `what` says for which reason.

        within: the scenario's own timeout. slow: may a foreign server be as slow with it as with its first answer?
        """
        if actor.profile:
            full, short = _PATIENCE_SECONDS, _DISAPPOINTED_SECONDS
            if slow:
                full, short = self._as_quick(actor, _SLOW_SECONDS), _PATIENCE_SECONDS
            full = within * self._stretch if within else max(full, actor.profile.end_seconds)
            seconds = self.fixture.patience.seconds(what, full, min(full, short)) * self.fixture.time_scale
            deadline = min(self._deadline, time.monotonic() + seconds)
        else:
            deadline = self.reply_deadline(within)
        self.fixture.selector.read_until(lambda: actor.closed_by_peer, deadline)
        if actor.profile:
            self.fixture.patience.note(what, bool(actor.closed_by_peer))


def is_news(actor, message):
    """Whether a foreign server may tell a member this at any time, as something may have changed."""
    if message is None or not (actor.profile and actor.name):
        return False
    probes = PROBES[actor.codec.NAME]
    return bool(probes.NEWS) and probes.kind(told(message)) in probes.NEWS


def set_news_aside(actor):
    """Take all news of a foreign server out of the actor's inbox, where nothing is expected."""
    kept = [one for one in actor.inbox if not is_news(actor, one)]
    if len(kept) < len(actor.inbox):
        actor.inbox = collections.deque(kept)
