"""Plays one scenario on one server: what is said, what must come back, and that nothing else comes."""
import time
from typing import NamedTuple, Optional

from parley.conformance import matching, model
from parley.conformance.actor import Actor
from parley.conformance.barrier import Broken
from parley.conformance.message import Message, dump, told
from parley.conformance.transcript import Transcript
from parley.conformance.variants import Renaming
from parley.conformance.wire import CODECS

SCENARIO_SECONDS = 60.0


class Failed(Exception):
    """A step did not get what it wanted. `wanted` and `got` are lines that differ, `dumps` those that show bytes."""

    def __init__(self, step, actor, what, wanted, got, dumps=()):
        super().__init__("%s: wanted %s, got %s" % (what, wanted, got))
        self.dumps = list(dumps)
        self.step = step
        self.actor = actor
        self.what = what
        self.wanted = wanted
        self.got = [str(one) for one in got]
        self.dumps += ["+ hex: " + dump(one.raw) for one in got if isinstance(one, Message)]


class Held(NamedTuple):
    """Messages of one actor kept back to leave in one segment with the next ones."""

    actor: Optional[Actor] = None
    data: bytes = b""
    shown: tuple = ()


class Run:
    """One run of one scenario. `passed` collects (requirement, grade) of the steps that were met."""

    def __init__(self, scenario, variant, house, suffix=""):
        self.scenario = scenario
        self.variant = variant
        self.house = house
        self.transcript = Transcript(time.monotonic)
        self.values = {"start": int(time.time())}
        self.passed = []
        self.renaming = Renaming(scenario.names, suffix)
        self._stretch = self._time_stretch()
        self._deadline = time.monotonic() + self._allowance()
        self._held = Held()
        self.actors = {ident: self._make_actor(ident, CODECS[protocol])
                       for ident, protocol in zip(scenario.actors, scenario.speaks)}

    def _make_actor(self, ident, codec):
        ignore_echo = self.house.echoes and "echo" not in self.scenario.tags
        is_crowd = self.house.is_crowd_for(self.renaming.suffix)
        return Actor(ident, codec, self.house.ears, self.transcript.add, is_crowd, ignore_echo)

    def _time_stretch(self):
        """How much longer than written this server's idle limit is."""
        limits = getattr(self.house.target, "idle_limits", {})
        declared = limits.get(self.scenario.protocols[0])
        wanted = self.scenario.needs.idle_limit
        return max(1.0, declared / wanted) if declared and wanted else 1.0

    def _allowance(self):
        waits = sum(getattr(step, "seconds", 0) or getattr(step, "within", 0) or 0
                    for step in model.every_step(self.scenario.steps))
        return (SCENARIO_SECONDS + waits * self._stretch) * self.house.time_scale

    def play(self):
        """Play all steps; raises Failed. Leaves no connection behind."""
        try:
            self._play(self.scenario.steps)
            self._flush()
            if not self.scenario.lenient:
                self._finish()
        finally:
            for actor in self.actors.values():
                actor.leave()

    def _play(self, steps):
        for step in steps:
            try:
                getattr(self, "_do_" + type(step).__name__.lower())(step)
            except Broken as broken:
                raise Failed(step, broken.actor.ident, "proof that nothing more comes: %s" % broken, [],
                             list(broken.actor.inbox)) from broken
            except OSError as error:
                raise Failed(step, getattr(step, "actor", None), "connection: %s" % error, [], []) from error
            self.passed.extend((ident, "ok") for ident in step.req)

    # One actor's step

    def _do_step(self, step):
        actor = self.actors[step.actor]
        self._flush_others(actor)
        if step.connect:
            self._connect(actor)
        self._demand_connection(step, actor)
        if step.cut:
            self._send_cut(actor, step)
        else:
            for sending in step.sendings:
                self._send(actor, sending)
        self._expectations(step, actor)

    def _expectations(self, step, actor):
        if step.expects or step.nothing or step.close or step.disconnect:
            self._flush()
        for matcher in step.expects:
            self._expect(step, actor, matcher)
        if step.nothing:
            self._expect_nothing(step, actor)
        if step.close:
            self._expect_close(step, actor)
        if step.disconnect:
            self._disconnect(actor, step.disconnect)

    def _demand_connection(self, step, actor):
        if not actor.connected:
            raise Failed(step, actor.ident, "the scenario uses a connection that is not open", [], [])

    def _connect(self, actor):
        self._flush()
        address = self.house.address(actor.codec.NAME, self._worker_of(actor))
        actor.connect(address, self.house.patience)

    def _worker_of(self, actor):
        if self.variant.placement == "any":
            return None
        if self.variant.placement == "same":
            return 0
        return self.scenario.actors.index(actor.ident) % self.house.target.workers

    def _disconnect(self, actor, how):
        if how == "half":
            actor.half_close()
        else:
            actor.leave(how)

    # Sending

    def _send(self, actor, sending):
        if sending.kind == "chunks":
            self._flush()
            return self._send_chunks(actor, self._filled_in(actor, sending.content))
        data, shown = self._ready(actor, sending)
        if self.variant.segmentation == "joined":
            self._flush_others(actor)
            self._held = Held(actor, self._held.data + data, self._held.shown + (shown,))
        else:
            actor.send_bytes(self._pieces(data), shown)

    def _send_cut(self, actor, step):
        """All that the step sends, cut in two where it says so; a cut behind its end cuts nothing."""
        self._flush()
        data = b"".join(self._ready(actor, sending)[0] for sending in step.sendings)
        cut = int(matching.fill_in(str(step.cut), self.values))
        self._send_chunks(actor, [part for part in (data[:cut], data[cut:]) if part])

    def _ready(self, actor, sending):
        """The bytes of a sending and how the transcript shows them."""
        if sending.kind == "message":
            message = matching.filled(self.renaming.value(sending.content), self.values)
            return actor.codec.encode(message, actor.name), told(message) if actor.codec.STRUCTURED else message
        data = self._filled_in(actor, [sending.content])[0]
        return data, data.decode("utf-8", "backslashreplace")

    def _filled_in(self, actor, parts):
        """Bytes of the parts (texts or bytes) with names and placeholders as they are in this run."""
        filled = [part if isinstance(part, bytes) else matching.fill_in(part, self.values).encode("utf-8")
                  for part in parts]
        return filled if actor.codec.FRAMED else self.renaming.chunks(filled)

    def _pieces(self, data):
        if self.variant.segmentation == "bytes":
            return [data[i:i + 1] for i in range(len(data))]
        return [data]

    def _send_chunks(self, actor, chunks):
        for chunk in chunks:
            actor.send_bytes([chunk], chunk.decode("utf-8", "backslashreplace"))
            if chunk is not chunks[-1]:
                self.house.barrier.pause(self._worker_of(actor), self._soon())

    def _flush_others(self, actor):
        if self._held.actor is not actor:
            self._flush()

    def _flush(self):
        held, self._held = self._held, Held()
        if held.actor is not None and held.actor.connected:
            held.actor.send_bytes([held.data], " + ".join(held.shown))

    # Expecting

    def _soon(self, within=None):
        """The moment by which something must have happened."""
        seconds = within * self._stretch * self.house.time_scale if within else self.house.patience
        return min(time.monotonic() + seconds, self._deadline)

    def _next_message(self, actor, within=None):
        """The actor's next message, or None when none comes in time or the connection is over."""
        self.house.ears.hear_until(lambda: actor.inbox or actor.closed_by_peer, self._soon(within))
        return actor.inbox.popleft() if actor.inbox else None

    def _expect(self, step, actor, matcher):
        matcher = self.renaming.matcher(matcher)
        self.values["now"] = int(time.time()) + 1
        if isinstance(matcher, matching.Maybe):
            return self._expect_maybe(step, actor, matcher)
        message = self._next_message(actor, step.within)
        outcome = matching.NO if message is None else matcher.judge(message, self.values)
        if not outcome.fits:
            self._fail(step, actor, "expect", [matcher], message)
        self._take(step, outcome)

    def _take(self, step, outcome):
        self.values.update(outcome.groups)
        if outcome.grade != "ok":
            self.passed.extend((ident, outcome.grade) for ident in step.req)

    def _expect_maybe(self, step, actor, matcher):
        self._prove([actor])
        if actor.inbox:
            outcome = matcher.judge(actor.inbox[0], self.values)
            if outcome.fits:
                actor.inbox.popleft()
                self._take(step, outcome)

    def _fail(self, step, actor, what, wanted, message):
        got = ([] if message is None else [message]) + list(actor.inbox)
        if message is None:
            got.append("(closed by the server)" if actor.closed_by_peer else "(nothing came in time)")
        described = [matcher.describe(self.values) for matcher in wanted]
        raise Failed(step, actor.ident, what, described, got, self._dumps(actor, wanted))

    def _dumps(self, actor, wanted):
        """The bytes of the wanted messages, as far as their fields are given; the codec has usual values for others."""
        found = []
        for matcher in wanted:
            fields = matcher.literal(self.values) if isinstance(matcher, matching.Fields) else None
            if fields is not None:
                try:
                    found.append("- hex: " + dump(actor.codec.encode(fields, None)))
                except (KeyError, TypeError, ValueError):
                    pass  # not everything was named
        return found

    def _expect_nothing(self, step, actor):
        self._prove([actor])
        if actor.inbox:
            raise Failed(step, actor.ident, "expect_nothing", ["(nothing)"], list(actor.inbox))
        if actor.closed_by_peer:
            raise Failed(step, actor.ident, "expect_nothing", ["(open)"], ["(closed by the server)"])

    def _prove(self, actors):
        speakers = [actor for actor in self.actors.values() if actor.spoke]
        self.house.barrier.prove(actors, speakers, self._soon())

    def _expect_close(self, step, actor):
        self.house.ears.hear_until(lambda: actor.closed_by_peer, self._soon(step.within))
        if actor.inbox:
            raise Failed(step, actor.ident, "expect_close", ["(close)"], list(actor.inbox))
        if not actor.closed_by_peer:
            raise Failed(step, actor.ident, "expect_close", ["(close)"], ["(still open)"])
        if step.close not in ("any", actor.closed_by_peer):
            raise Failed(step, actor.ident, "expect_close", [step.close], [actor.closed_by_peer])
        actor.leave()

    # Groups

    def _do_unordered(self, group):
        self._flush()
        for actor in [self.actors[ident] for ident in dict.fromkeys(step.actor for step in group.steps)]:
            self._expect_in_any_order(group, actor)

    def _expect_in_any_order(self, group, actor):
        wanted = [(self.renaming.matcher(matcher), step)
                  for step in group.steps if step.actor == actor.ident for matcher in step.expects]
        while wanted:
            message = self._next_message(actor)
            matchers = [matcher for matcher, _ in wanted]
            taken = None if message is None else matching.take_any(matchers, message, self.values)
            if taken is None:
                self._fail(wanted[0][1], actor, "expect in any order", matchers, message)
            position = matchers.index(taken[0])
            self._take(wanted[position][1], taken[1])
            self.passed.extend((ident, "ok") for ident in wanted.pop(position)[1].req)

    def _do_concurrent(self, group):
        self._flush()
        ready = []
        for step in group.steps:
            actor = self.actors[step.actor]
            if step.connect:
                self._connect(actor)
            self._demand_connection(step, actor)
            parts = [self._ready(actor, sending) for sending in step.sendings]
            ready.append((actor, b"".join(data for data, _ in parts), " + ".join(shown for _, shown in parts)))
        # Everything is prepared, so the writes are microseconds apart; each round begins with another actor.
        start = self.values.get("round", 0) % len(ready)
        for actor, data, shown in ready[start:] + ready[:start]:
            actor.send_bytes(self._pieces(data), shown)
        self._count(group)
        for step in group.steps:
            self._expectations(step, self.actors[step.actor])
            self.passed.extend((ident, "ok") for ident in step.req)

    def _count(self, group):
        if not group.tally:
            return
        messages = [self._next_message(self.actors[step.actor]) for step in group.steps]
        wanted = [self.renaming.matcher(matcher) for matcher, times in group.tally for _ in range(times)]
        left = list(wanted)
        for message in messages:
            taken = None if message is None else matching.take_any(left, message, self.values)
            if taken:
                left.remove(taken[0])
        if left:
            raise Failed(group, None, "tally of %s" % ", ".join(step.actor for step in group.steps),
                         [matcher.describe(self.values) for matcher in wanted], messages)

    def _do_repeat(self, group):
        for self.values["round"] in range(1, group.times + 1):
            self._play(group.steps)

    def _do_wait(self, step):
        self._flush()
        until = time.monotonic() + step.seconds * self._stretch * self.house.time_scale
        self.house.ears.hear_until(lambda: False, min(until, self._deadline))

    def _do_serverstep(self, step):
        self._flush()
        target = self.house.target
        if step.stop:
            self.house.withdraw_witnesses()  # a server that is stopping may wait for those who do not hang up
            target.terminate()
        for matcher in step.printed:
            found = target.wait_for_line(lambda line: matcher.judge(line, self.values).fits, self.house.patience)
            if not found:
                raise Failed(step, None, "printed by the server", [matcher.describe(self.values)], target.stdout)

    # The end

    def _finish(self):
        """No surprise is left over: every open connection is shown to have nothing more to say."""
        still_open = [actor for actor in self.actors.values() if actor.connected]
        end = model.Step(self.scenario.place, "", req=())
        if not still_open:
            return
        try:
            self._prove(still_open)
        except Broken as broken:
            self._complain(end, still_open)
            raise Failed(end, broken.actor.ident, "at the end: %s" % broken, [], list(broken.actor.inbox)) from broken
        self._complain(end, still_open)
        # A stranger, or somebody in the middle of a line, cannot be proved silent by markers: read him to the end.
        for actor in still_open:
            if actor.name is None or not actor.conversation.can_ask or actor.silent:
                self._read_to_the_end(end, actor)

    def _complain(self, end, actors):
        for actor in actors:
            if actor.inbox:
                raise Failed(end, actor.ident, "at the end, nothing more", ["(nothing)"], list(actor.inbox))
            if actor.closed_by_peer and not actor.silent:
                raise Failed(end, actor.ident, "at the end, still open", ["(open)"], ["(closed by the server)"])

    def _read_to_the_end(self, end, actor):
        if not actor.silent:
            actor.half_close()
        self.house.ears.hear_until(lambda: actor.closed_by_peer, self._soon())
        if actor.inbox:
            raise Failed(end, actor.ident, "at the end, nothing more", ["(nothing)"], list(actor.inbox))
