"""Barriers: how to know that nothing more is coming, without waiting for a time to pass.

A server keeps what it does for one connection in order, but two connections may be in different workers. So a barrier
is a round trip that starts at the watched actor, goes to a witness on every worker, and comes back. Whatever was on its
way to the actor when the witness replied has then arrived. Before that, everyone who has spoken sends a marker, which
shows that the server has read what was said.

If the server has neither direct messages nor PING, the markers are said to everybody, and there is a second witness.

There are two weaker kinds, for servers where the round trip does not work: `self`, a PING by the actor itself, which
says nothing about other workers, and `quiet`, no bytes for a while. The report names the kind.
"""
import itertools
import time

RELAY, ROOM, SELF, QUIET = "relay", "room", "self", "quiet"
ROUND_TRIPS = (RELAY, ROOM)
STRANGERS, PROBES = "a probe before the login", "a probe"  # in `Profile.unanswered`
QUIET_SECONDS = 0.2
_FOREIGN_SECONDS = 3.0  # for a foreign server's answer to a probe
_DISAPPOINTED_SECONDS = 0.3  # the same after one that was not answered
DEAF_SECONDS = 1.5  # in which a server reads what was sent, if it reads that connection at all
_ATTEMPTS = 3


class BarrierFailed(Exception):
    """A marker or a reply did not arrive for `actor`; the text says which."""

    def __init__(self, actor, why):
        super().__init__(why)
        self.actor = actor


class _WitnessLost(Exception):
    """The server has closed a witness's connection."""


class Barrier:
    """The barriers on one server; `fixture` has its witnesses."""

    def __init__(self, fixture):
        self.fixture = fixture
        self.kind = RELAY
        self._counter = itertools.count(1)

    def wait(self, watched, speakers, deadline):
        """Return once nothing that was caused so far can still be on its way to the watched actors.

        speakers: the actors who have sent something since the last barrier. deadline: monotonic seconds. Raises
        BarrierFailed.
        """
        for _ in range(_ATTEMPTS):
            try:
                return self._wait(watched, speakers, deadline)
            except _WitnessLost:
                continue  # an idle limit has closed it; `refresh_witnesses` logs in another
        raise BarrierFailed(watched[0], "the server keeps closing the suite's witnesses")

    def _wait(self, watched, speakers, deadline):
        members = [actor for actor in watched if _is_member(actor)]
        strangers = [actor for actor in watched if actor not in members and _can_send(actor)]
        if self.kind == RELAY and len(self.fixture.witnesses) == 1 and self.fixture.codec.CAN_WHISPER:
            self.fixture.refresh_witnesses()
            self._relay_by_one(members, speakers, deadline)
        elif self.kind in ROUND_TRIPS:
            self.fixture.refresh_witnesses()
            self._flush_speakers(speakers, deadline)
            self._flush_workers(deadline)
            self._round_trips(members, deadline)
        elif self.kind == SELF:
            self._probe([one for one in speakers if _is_member(one) and one not in members], deadline)
            self._probe(members, deadline)
        else:
            self.wait_quietly()
        self._probe_strangers(strangers, deadline)
        if self.kind == RELAY:
            self._broadcast_to([actor for actor in strangers if actor.codec.HEARS_BEFORE_LOGIN], deadline)
        if any(actor.connected and actor.closed_by_peer is None and _has_begun(actor) for actor in watched):
            self.wait_quietly()  # a marker would complete the unfinished line
        for actor in speakers:
            actor.spoke = False

    def _relay_by_one(self, members, speakers, deadline):
        """The barrier with one witness: the marker of a member that has spoken is the first half of its round trip."""
        speakers = [actor for actor in speakers if _can_send(actor) and (_is_member(actor) or self._probes_only(actor))]
        everybody = list(dict.fromkeys(speakers + members))
        self._probe([actor for actor in everybody if self._probes_only(actor)], deadline)
        witness, = self.fixture.witnesses
        outward = self._send_markers([(actor, witness, witness.name) for actor in everybody
                                      if not self._probes_only(actor)], deadline)
        names = {actor: _seen_sender(witness, nonce) for actor, _, nonce in outward}
        self._send_markers([(witness, actor, names.get(actor, actor.name)) for actor in members], deadline)

    def _flush_speakers(self, speakers, deadline):
        """Make sure that the server has acted on all that was said: a marker from each speaker reaches a witness.

        Speakers who cannot whisper send a probe instead. The markers between witnesses, which follow, then cover the
        way to the other workers.
        """
        self._probe([actor for actor in speakers if _can_send(actor) and self._probes_only(actor)], deadline)
        whispering = [actor for actor in speakers if _is_member(actor) and not self._probes_only(actor)]
        self._send_markers(self._to_a_witness(whispering), deadline)

    def _to_a_witness(self, actors):
        for actor in actors:
            others = [witness for witness in self.fixture.witnesses if witness is not actor] or [actor]
            yield actor, others[0], others[0].name

    def _probes_only(self, actor):
        """Whether an actor's round trip starts with a probe, as its marker would be heard by everybody in the room."""
        return not actor.codec.CAN_WHISPER and self.fixture.codec.CAN_WHISPER

    def _can_whisper(self, actor):
        return actor.codec.CAN_WHISPER and self.kind != ROOM

    def _flush_workers(self, deadline):
        """Send a marker from each witness to each other: what was on its way between workers has then arrived."""
        self._send_markers([(one, other, other.name) for one in self.fixture.witnesses
                            for other in self.fixture.witnesses if one is not other], deadline)

    def _round_trips(self, members, deadline):
        probing = [member for member in members if self._probes_only(member)]
        self._probe(probing, deadline)
        outward = self._send_markers([(member, witness, witness.name) for member in members if member not in probing
                                      for witness in self._witnesses_for(member)], deadline)
        # The way back is to the name that the witness saw: the server may spell it differently from the member.
        back = [(witness, member, _seen_sender(witness, nonce)) for member, witness, nonce in outward]
        back += [(witness, member, member.name) for member in probing for witness in self.fixture.witnesses]
        self._send_markers(back, deadline)

    def _witnesses_for(self, member):
        """All witnesses, except the member itself if it is a witness that cannot send itself direct messages."""
        return [one for one in self.fixture.witnesses if one is not member or self._can_whisper(one)]

    def _broadcast_to(self, listeners, deadline):
        """Send markers to the room for actors without a name who hear it, as nobody can whisper to them."""
        if not listeners:
            return
        expected = []
        for witness in self.fixture.witnesses:
            nonce = self._nonce()
            witness.send_own(witness.codec.say(witness.name, nonce))
            expected.extend((witness, actor, nonce) for actor in listeners)
        self._await_markers(expected, deadline)

    def _nonce(self):
        return "~sync%d" % next(self._counter)

    def _send_markers(self, routes, deadline):
        """Send a marker for each (sender, receiver, name of the receiver), and wait until all have arrived.

        Returns (sender, receiver, nonce) for each.
        """
        expected = []
        for sender, receiver, name in routes:
            nonce, codec = self._nonce(), sender.codec
            sender.send_own(codec.whisper(sender.name, name, nonce) if self._can_whisper(sender) else
                            codec.say(sender.name, nonce))
            expected.append((sender, receiver, nonce))
        self._await_markers(expected, deadline)
        return expected

    def _await_markers(self, expected, deadline):
        def arrived(sender, receiver, nonce):
            return any(marker[1] == nonce for marker in receiver.markers)

        def finished():
            closed = any(receiver.closed_by_peer or sender.closed_by_peer for sender, receiver, _ in expected)
            return closed or all(arrived(*item) for item in expected)

        soon = time.monotonic() + DEAF_SECONDS * self.fixture.time_scale
        if not self.fixture.selector.read_until(finished, min(soon, deadline)):
            if not self.is_deaf_to([sender for sender, *rest in expected if not arrived(sender, *rest)]):
                self.fixture.selector.read_until(finished, deadline)
        for sender, receiver, nonce in expected:
            if not arrived(sender, receiver, nonce):
                self._fail(sender, receiver)

    def is_deaf_to(self, senders):
        """Whether a foreign server does not read what one of these has written, but what the witnesses have."""
        deaf = [one for one in senders if one.profile and one not in self.fixture.witnesses and one.is_unread]
        return bool(deaf) and not any(one.is_unread for one in self.fixture.witnesses)

    def _fail(self, sender, receiver):
        for actor in (sender, receiver):
            if actor.closed_by_peer and actor in self.fixture.witnesses:
                raise _WitnessLost()
        actor = receiver if sender in self.fixture.witnesses else sender
        raise BarrierFailed(
            actor, "the suite's marker from %s to %s did not arrive" % (sender.ident, receiver.ident))

    def _probe(self, actors, deadline):
        for actor in self._answering(actors, PROBES):
            expected = actor.replies + 1
            self._await_probe(actor, PROBES, lambda: actor.replies >= expected or actor.closed_by_peer, deadline)

    def _answering(self, actors, what):
        """The actors whose server answers such a probe; for the others, wait for a moment of silence."""
        silent = [one for one in actors if not _is_answered(one, what)]
        if silent:
            self.wait_quietly()
        return [one for one in actors if one not in silent]

    def _await_probe(self, actor, what, satisfied, deadline):
        """Send a probe, and read until `satisfied()`; not for long if a foreign server did not answer the last one."""
        patience = self.fixture.patience
        actor.send_own(actor.codec.probe())
        if actor.profile:
            seconds = patience.seconds(what, _FOREIGN_SECONDS, _DISAPPOINTED_SECONDS)
            deadline = min(deadline, time.monotonic() + seconds * self.fixture.time_scale)
        answered = self.fixture.selector.read_until(satisfied, deadline)
        patience.note(what, answered)
        if not answered:
            raise BarrierFailed(actor, "no reply to the suite's probe")

    def wait_quietly(self, seconds=QUIET_SECONDS):
        self.fixture.selector.read_until(lambda: False, time.monotonic() + seconds)

    def _probe_strangers(self, strangers, deadline):
        """Probe actors who are not logged in, as nobody can whisper to them: their next message must be the reply.

        An unexpected message that looks like the reply is only found at the end, when the connection is read to EOF.
        """
        for actor in self._answering([one for one in strangers if not one.inbox], STRANGERS):  # or it is unexpected
            expected = actor.replies + 1
            self._await_probe(
                actor, STRANGERS, lambda: actor.inbox or actor.replies >= expected or actor.closed_by_peer, deadline)
            if actor.inbox and actor.codec.is_probe_reply(actor.answer(actor.inbox[0])):
                actor.discard_reply()

    def pause(self, worker, deadline):
        """Make a round trip through one worker, after which it has most likely read what was written just before.

        Returns how long it took (seconds), 0 where there is none.
        """
        if self.kind not in (RELAY, SELF) or not self.fixture.witnesses:
            return 0
        self.fixture.refresh_witnesses()
        witness = self.fixture.witnesses[(worker or 0) % len(self.fixture.witnesses)]
        start = time.monotonic()
        self._probe([witness], deadline)
        return time.monotonic() - start if _is_answered(witness) else 0


def _is_answered(actor, what=PROBES):
    """Whether a foreign server answers such a probe, as far as is known."""
    return not (actor.profile and what in actor.profile.unanswered)


def _seen_sender(witness, nonce):
    return next(sender for sender, seen in witness.markers if seen == nonce)


def _can_send(actor):
    return (actor.connected and actor.closed_by_peer is None and actor.state.at_message_boundary
            and not actor.half_closed and not _has_begun(actor))


def _has_begun(actor):
    """Whether part of a line was sent to a foreign server, even if the suite's codec ignores these bytes."""
    return bool(actor.profile and getattr(actor.state, "half_sent", b""))


def _is_member(actor):
    return _can_send(actor) and actor.name is not None
