"""How to know that nothing more is coming, without waiting for a time to pass.

Everything that a server does for one connection keeps its order on the way, but two connections may sit in different
workers. So the proof is a round trip that starts at the watched actor, goes to a witness on every worker, and comes
back: whatever was on its way to the actor when the witness answered has then arrived. Before that, everyone who spoke
shows with a marker of his own that the server has read what he said.

Weaker proofs, for servers where the round trip does not work: `self` (a PING of one's own, which says nothing of other
workers) and `quiet` (no bytes for a while). The report names the kind.
"""
import itertools
import time

RELAY, SELF, QUIET = "relay", "self", "quiet"
_QUIET_SECONDS = 0.2
_TRIES = 3


class Broken(Exception):
    """The proof did not come through for this actor."""

    def __init__(self, actor, why):
        super().__init__(why)
        self.actor = actor


class _WitnessLost(Exception):
    pass


class Barrier:
    """Proofs on one server; `house` keeps its witnesses."""

    def __init__(self, house):
        self.house = house
        self.kind = RELAY
        self._counter = itertools.count(1)

    def prove(self, watched, speakers, deadline):
        """Return when nothing that was caused so far can still be on its way to the watched actors."""
        for _ in range(_TRIES):
            try:
                return self._prove(watched, speakers, deadline)
            except _WitnessLost:
                continue  # an idle limit closed a witness; another one takes its place
        raise Broken(watched[0], "the server keeps closing the suite's witnesses")

    def _prove(self, watched, speakers, deadline):
        members = [actor for actor in watched if _is_member(actor)]
        strangers = [actor for actor in watched if actor not in members and _can_ask(actor)]
        if self.kind == RELAY:
            self.house.refresh_witnesses()
            self._settle(speakers, deadline)
            self._cross(deadline)
            self._round_trips(members, deadline)
        elif self.kind == SELF:
            self._ping(members, deadline)
        else:
            self._hush()
        self._ask_strangers(strangers, deadline)
        if self.kind == RELAY:
            self._call_out([actor for actor in strangers if actor.codec.HEARS_AT_ONCE], deadline)
        for actor in speakers:
            actor.spoke = False

    def _settle(self, speakers, deadline):
        """The server has acted on all that they said before: a marker from each has reached a witness.

        Who cannot whisper asks a question of his own; the witnesses' markers, which go between all workers after that,
        do the rest of the way.
        """
        self._ping([actor for actor in speakers if _can_ask(actor) and self._only_asks(actor)], deadline)
        whispering = [actor for actor in speakers if _is_member(actor) and not self._only_asks(actor)]
        self._deliver(self._to_a_witness(whispering), deadline)

    def _to_a_witness(self, actors):
        for actor in actors:
            others = [witness for witness in self.house.witnesses if witness is not actor] or [actor]
            yield actor, others[0], others[0].name

    def _only_asks(self, actor):
        """Whether an actor's round trip begins with a question: in the room his marker would trouble everybody."""
        return not actor.codec.CAN_WHISPER and self.house.codec.CAN_WHISPER

    def _cross(self, deadline):
        """Each witness to each other: everything on its way between workers has arrived."""
        self._deliver([(one, other, other.name) for one in self.house.witnesses for other in self.house.witnesses
                       if one is not other], deadline)

    def _round_trips(self, members, deadline):
        asking = [member for member in members if self._only_asks(member)]
        self._ping(asking, deadline)
        there = self._deliver([(member, witness, witness.name) for member in members if member not in asking
                               for witness in self._witnesses_for(member)], deadline)
        # The answer goes to the name that the witness saw: the server may have written it otherwise than the member.
        back = [(witness, member, _seen_sender(witness, nonce)) for member, witness, nonce in there]
        back += [(witness, member, member.name) for member in asking for witness in self.house.witnesses]
        self._deliver(back, deadline)

    def _witnesses_for(self, member):
        """All witnesses; where one is watched himself and has no way to talk to himself, the others."""
        return [one for one in self.house.witnesses if one is not member or one.codec.CAN_WHISPER]

    def _call_out(self, hearing, deadline):
        """Who hears the room without a name cannot be whispered to: the witnesses say their markers to all."""
        if not hearing:
            return
        expected = []
        for witness in self.house.witnesses:
            nonce = self._nonce()
            witness.ask(witness.codec.say(witness.name, nonce))
            expected.extend((witness, actor, nonce) for actor in hearing)
        self._await(expected, deadline)

    def _nonce(self):
        return "~sync%d" % next(self._counter)

    def _deliver(self, routes, deadline):
        """Send a marker for each (from, to, name of to) and wait until all have arrived."""
        expected = []
        for sender, receiver, name in routes:
            nonce, codec = self._nonce(), sender.codec
            sender.ask(codec.whisper(sender.name, name, nonce) if codec.CAN_WHISPER else codec.say(sender.name, nonce))
            expected.append((sender, receiver, nonce))
        self._await(expected, deadline)
        return expected

    def _await(self, expected, deadline):
        def arrived(sender, receiver, nonce):
            return any(marker[1] == nonce for marker in receiver.markers)

        def over():
            gone = any(receiver.closed_by_peer or sender.closed_by_peer for sender, receiver, _ in expected)
            return gone or all(arrived(*item) for item in expected)

        self.house.ears.hear_until(over, deadline)
        for sender, receiver, nonce in expected:
            if not arrived(sender, receiver, nonce):
                self._explain(sender, receiver)

    def _explain(self, sender, receiver):
        for actor in (sender, receiver):
            if actor.closed_by_peer and actor in self.house.witnesses:
                raise _WitnessLost()
        actor = receiver if sender in self.house.witnesses else sender
        raise Broken(actor, "the suite's direct message from %s to %s did not arrive" % (sender.ident, receiver.ident))

    def _ping(self, actors, deadline):
        for actor in actors:
            wanted = actor.answers + 1
            actor.ask(actor.codec.still_there())
            if not self.house.ears.hear_until(lambda: actor.answers >= wanted or actor.closed_by_peer, deadline):
                raise Broken(actor, "no answer to the suite's own question")

    def _hush(self):
        self.house.ears.hear_until(lambda: False, time.monotonic() + _QUIET_SECONDS)

    def _ask_strangers(self, strangers, deadline):
        """Who is not logged in cannot be whispered to. He asks, and the next line must be the answer.

        A surprise that looks like that answer is found at the end only, when his connection is read to its end.
        """
        for actor in strangers:
            if actor.inbox:
                continue  # a surprise already
            wanted = actor.answers + 1
            actor.ask(actor.codec.still_there())
            if not self.house.ears.hear_until(
                    lambda: actor.inbox or actor.answers >= wanted or actor.closed_by_peer, deadline):
                raise Broken(actor, "no answer to the suite's own question")
            if actor.inbox and actor.codec.answers_still_there(actor.inbox[0]):
                actor.take_back()

    def pause(self, worker, deadline):
        """A round trip through one worker, so that what was written just before has most likely been read alone."""
        if self.kind == RELAY:
            self.house.refresh_witnesses()
            self._ping([self.house.witnesses[(worker or 0) % len(self.house.witnesses)]], deadline)


def _seen_sender(witness, nonce):
    return next(sender for sender, seen in witness.markers if seen == nonce)


def _can_ask(actor):
    return actor.connected and actor.closed_by_peer is None and actor.conversation.can_ask and not actor.silent


def _is_member(actor):
    return _can_ask(actor) and actor.name is not None
