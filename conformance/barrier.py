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
        members = [actor for actor in watched if _can_whisper(actor)]
        strangers = [actor for actor in watched if actor not in members and _can_ask(actor)]
        if self.kind == RELAY:
            self.house.refresh_witnesses()
            self._settle([actor for actor in speakers if _can_whisper(actor)], deadline)
            self._cross(deadline)
            self._round_trips(members, deadline)
        elif self.kind == SELF:
            self._ping(members, deadline)
        else:
            self._hush()
        self._ask_strangers(strangers, deadline)
        for actor in speakers:
            actor.spoke = False

    def _settle(self, speakers, deadline):
        """Everyone's marker has reached a witness: the server has acted on all that they said before."""
        witness = self.house.witnesses[0]
        self._deliver([(speaker, witness, witness.name) for speaker in speakers], deadline)

    def _cross(self, deadline):
        """Each witness to each other: everything on its way between workers has arrived."""
        self._deliver([(one, other, other.name) for one in self.house.witnesses for other in self.house.witnesses
                       if one is not other], deadline)

    def _round_trips(self, members, deadline):
        there = self._deliver([(member, witness, witness.name) for member in members
                               for witness in self.house.witnesses], deadline)
        # The answer goes to the name that the witness saw: the server may have written it otherwise than the member.
        self._deliver([(witness, member, _seen_sender(witness, nonce)) for member, witness, nonce in there], deadline)

    def _deliver(self, routes, deadline):
        """Send a marker for each (from, to, name of to) and wait until all have arrived."""
        expected = []
        for sender, receiver, name in routes:
            nonce = "~sync%d" % next(self._counter)
            sender.ask(self.house.codec.whisper(name, nonce))
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
            actor.ask(self.house.codec.still_there())
            if not self.house.ears.hear_until(lambda: actor.answers >= wanted or actor.closed_by_peer, deadline):
                raise Broken(actor, "no answer to the suite's own question")

    def _hush(self):
        self.house.ears.hear_until(lambda: False, time.monotonic() + _QUIET_SECONDS)

    def _ask_strangers(self, strangers, deadline):
        """Who is not logged in cannot be whispered to. He asks, and the next line must be the answer.

        A surprise that looks like that answer is found at the end only, when his connection is read to its end.
        """
        codec = self.house.codec
        for actor in strangers:
            if actor.inbox:
                continue  # a surprise already
            wanted = actor.answers + 1
            actor.ask(codec.still_there())
            if not self.house.ears.hear_until(
                    lambda: actor.inbox or actor.answers >= wanted or actor.closed_by_peer, deadline):
                raise Broken(actor, "no answer to the suite's own question")
            if actor.inbox and codec.answers_still_there(actor.inbox[0]):
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


def _can_whisper(actor):
    return _can_ask(actor) and actor.name is not None
