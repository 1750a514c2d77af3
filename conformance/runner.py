"""Runs one scenario on one server: sends, checks what comes back, and that nothing else comes."""
import functools
import json
import time

from parley.conformance import judging, matching, model
from parley.conformance.actor import Actor
from parley.conformance.barrier import BarrierFailed
from parley.conformance.failure import MOST_GOT, StepFailed
from parley.conformance.message import hex_dump
from parley.conformance.names import letters_of
from parley.conformance.probes import PROBES
from parley.conformance.sending import Sender
from parley.conformance.transcript import Transcript
from parley.conformance.variants import Renaming
from parley.conformance.waiting import Waiting, is_news, set_news_aside
from parley.conformance.wire import CODECS

_ENOUGH = 3  # failed steps with the same requirements, after which a run ends

SCENARIO_SECONDS = 60.0  # the timeout of a scenario, apart from its own waits


def vanishes(scenario):
    """Whether the scenario tests that a connection may end without a good-bye."""
    about = model.requirement_ids(scenario)
    ends = any(getattr(step, "disconnect", None) for step in model.every_step(scenario.steps))
    return ends and any(PROBES[protocol].STAYS in about for protocol in scenario.protocols)


def _without_proof(step, what, actor):
    failed = StepFailed(step, actor.ident, what, [], list(actor.inbox))
    failed.lacks_proof = True
    return failed


class Run:
    """One run of one scenario, on a `ServerFixture`.

    suffix: added to all names. `passed` collects (requirement, grade) of the steps that were met.
    """

    def __init__(self, scenario, variant, fixture, suffix=""):
        self.scenario = scenario
        self.variant = variant
        self.fixture = fixture
        self.transcript = Transcript(time.monotonic)
        self.values = {"start": int(time.time()), "path": fixture.path}
        self.passed = []
        self.passed_over = {}  # requirement: {what would be evidence for it, and never comes from this server}
        self._cut_off = set()  # the names of those whose connections the scenario has reset
        self._dropped = {}  # {ident of a stranger whose connection the server closed wrongly: was it a bare one?}
        self._left_out = set()  # {(id() of a step, a requirement for which it is no evidence)}
        self.unproved = []  # steps that were not met although the run went on
        self.other_words = []  # a StepFailed for each answer in other words than the scenario's
        self.played = []
        profiles = filter(None, (fixture.profile_of(CODECS[protocol]) for protocol in scenario.protocols))
        case = next((one.names_case for one in profiles if one.names_case), "")
        self.renaming = Renaming(scenario.names, suffix, case)
        self._manners = {protocol: self._manner(CODECS[protocol]) for protocol in scenario.protocols}
        self.actors = {ident: self._make_actor(ident, CODECS[protocol])
                       for ident, protocol in zip(scenario.actors, scenario.actor_protocols)}
        stretch = self._time_stretch()
        self.waiting = Waiting(fixture, self.actors, self._worker_of, self._time_limit(stretch), stretch)
        self.sender = Sender(variant, self.renaming, self.values, self._pause)

    def _make_actor(self, ident, codec):
        ignore_echo = self.fixture.echoes and "echo" not in self.scenario.tags
        users = set(json.loads(self.scenario.needs.users))
        is_ignored = self.fixture.ignore_filter(
            self.renaming.suffix, self._said_as_it_is(), users and users | {getattr(codec, "LOBBY", None)})
        return Actor(ident, codec, self.fixture.selector, self.transcript.add, is_ignored, ignore_echo,
                     self.fixture.profile_of(codec), self._manners[codec.NAME])

    def _said_as_it_is(self):
        """All that the scenario sends, without those names in messages that get a suffix."""
        sends = [send for step in model.every_step(self.scenario.steps) for send in getattr(step, "sends", ())]
        names = self.renaming.without_names(str([send for send in sends if send.kind == "message"]))
        return names + str([send for send in sends if send.kind != "message"])

    def _manner(self, codec):
        """The `Manner` that translates a foreign server's messages for an `Actor`; None if there is none."""
        probes = PROBES[codec.NAME]
        if probes.Manner is None or not self.fixture.profile_of(codec):
            return None
        return functools.partial(probes.Manner, kept=probes.kept_before(self.fixture, self.scenario))

    def _time_stretch(self):
        """The factor by which the idle limit of a foreign server is longer than the scenario's."""
        limits = getattr(self.fixture.target, "idle_limits", {})
        actual = limits.get(self.scenario.protocols[0])
        written = self.scenario.needs.idle_limit
        return max(1.0, actual / written) if actual and written else 1.0

    def _time_limit(self, stretch):
        waits = sum(getattr(step, "seconds", 0) or getattr(step, "within", 0) or 0
                    for step in model.every_step(self.scenario.steps))
        return SCENARIO_SECONDS + waits * stretch

    def play(self):
        """Run all steps, and close all connections; raises StepFailed."""
        try:
            self._play(self.scenario.steps)
            self.sender.flush()
            if not self.scenario.lenient:
                self._check_end()
        finally:
            for actor in self.actors.values():
                self._take_leave(actor)
                actor.disconnect()

    def _play(self, steps):
        for step in steps:
            try:
                self._do(step)
            except BarrierFailed as error:
                raise _without_proof(step, "barrier: %s" % error, error.actor) from error
            except OSError as error:
                raise StepFailed(step, getattr(step, "actor", None), "connection: %s" % error, [], []) from error
            except StepFailed as failed:
                failed.lines = len(self.transcript.lines)
                failed.is_beside_stranger = self._is_beside_stranger(failed.actor)
                if not self._can_go_on_without(step, failed):
                    raise
                failed.played = len(self.played)
                failed.lacks = judging.lacking(self.actors[step.actor], step, failed)
                failed.hides = self._hidden_by(step, failed)
                self.unproved.append(step)
                self.other_words.append(failed)
            if step not in self.unproved:
                self.passed.extend((ident, "ok") for ident in step.req if not self._proves_nothing(step, ident))
            self.played.append(step)

    def _do(self, step):
        """Do a step; try again if a foreign server had closed the connection after an earlier refusal."""
        do = getattr(self, "_do_" + type(step).__name__.lower())
        try:
            do(step)
        except StepFailed as failed:
            actor = self.actors.get(getattr(step, "actor", None))
            if not judging.was_closed_before(actor, step, failed):
                raise
            failed.lines, failed.played, failed.is_done_again = len(self.transcript.lines), len(self.played), True
            self._connect(actor, bare=True)
            do(step)
            closed = PROBES[actor.codec.NAME].CLOSED
            failed.step = step._replace(req=closed)
            self.other_words.append(failed)
            self._left_out.update((id(step), ident) for ident in closed)

    def _is_beside_stranger(self, ident):
        return any(one.connected and one.name is None and not one.closed_by_peer
                   for one in self.actors.values() if one.ident != ident)

    def _hidden_by(self, step, failed):
        """The requirements of a failed step for which later messages are no evidence, as something else came."""
        if not failed.messages or failed.lacks:
            return set()
        return set(step.req) - {ident for ident, _ in self.passed}

    def _proves_nothing(self, step, ident):
        """Whether the evidence was passed over, or nothing comes as this has failed before in a run that went on."""
        if (id(step), ident) in self._left_out:
            return True
        if getattr(step, "expects", True):
            return False
        profile = self.fixture.profile_of(CODECS[self.scenario.protocols[0]])
        if profile and any(one.ident == ident and one.verdict == "not reached" for one in profile.findings):
            return True  # nothing comes as another requirement is broken
        return any(ident in one.step.req for one in self.other_words if PROBES[self.scenario.protocols[0]].GOES_ON)

    def _can_go_on_without(self, step, failed):
        """Whether the run can continue after a step that a foreign server has failed, without the messages it caused.

        So it is where each command has an answer of its own. What fails later may be a consequence.
        """
        actor = self.actors.get(getattr(step, "actor", None))
        if actor and actor.profile and actor.half_closed and failed.what == "expect_close" and not failed.messages:
            actor.disconnect()  # the others may have heard what they should
            return True
        if not (actor and actor.profile and PROBES[actor.codec.NAME].GOES_ON):
            return False
        if step.expect_close or step.disconnect or actor.closed_by_peer:
            if actor.name is None and not (step.expect_close or step.disconnect):
                self._dropped[actor.ident] = actor.is_bare  # nothing is lost: the run goes on with another connection
            self._take_leave(actor)
            actor.disconnect()
        there = [one for one in self.actors.values() if one.connected and not one.closed_by_peer]
        if actor.connected and actor.name is None and not failed.messages or self._tells_no_more(step):
            return False
        try:
            self.waiting.prove(there)
        except (BarrierFailed, OSError):
            return False
        for one in there:
            one.inbox.clear()
        return True

    def _tells_no_more(self, step):
        """Whether this step has failed like several before it, and the run has no other requirement left."""
        same = [one for one in self.other_words if one.step.req == step.req]
        left = model.every_step(self.scenario.steps[len(self.played):])
        return len(same) >= _ENOUGH and all(set(getattr(one, "req", ())) <= set(step.req) for one in left)

    # One actor's step

    def _do_step(self, step):
        actor = self.actors[step.actor]
        self.sender.flush_others(actor)
        if step.connect:
            self._connect(actor, step.connect == model.BARE)
        elif self._was_closed_as_profiled(actor):
            self._connect(actor)
        elif step.actor in self._dropped:
            self._connect(actor, self._dropped.pop(step.actor))
        self._require_connection(step, actor)
        if step.cut:
            self.sender.send_cut(actor, step)
        else:
            for send in step.sends:
                self.sender.send(actor, send)
        self._expectations(step, actor)

    def _expectations(self, step, actor):
        if step.expects or step.expect_nothing or step.expect_close or step.disconnect:
            self.sender.flush()
        for number, matcher in enumerate(step.expects, 1):
            self._expect(step, actor, matcher, step.expects[number:])
        if step.expect_nothing:
            self._expect_nothing(step, actor)
        if step.expect_close:
            self._expect_close(step, actor)
        if step.disconnect:
            self._disconnect(actor, step.disconnect)

    def _require_connection(self, step, actor):
        if not actor.connected:
            raise StepFailed(step, actor.ident, "the scenario uses a connection that is not open", [], [])

    def _connect(self, actor, bare=False):
        self.sender.flush()
        if not vanishes(self.scenario):
            self._take_leave(actor)
        address = self.fixture.address(actor.codec.NAME, self._worker_of(actor))
        actor.connect(address, self.fixture.reply_seconds, bare)

    def _was_closed_as_profiled(self, actor):
        """Whether a foreign server has closed a stranger's connection where the acquaintance says that it does.

        The scenario goes on with another one.
        """
        is_stranger = actor.connected and actor.profile and actor.name is None and not actor.half_closed
        if not (is_stranger and actor.profile.closes_after(actor.latest)):
            return False
        self.waiting.for_close(actor, "a close behind a refusal")
        return bool(actor.closed_by_peer and not actor.inbox)

    def _worker_of(self, actor):
        if self.variant.placement == "any":
            return None
        if self.variant.placement == "same":
            return 0
        return self.scenario.actors.index(actor.ident) % self.fixture.target.workers

    def _pause(self, actor):
        """Let the server read what was sent by itself, before more follows."""
        self.fixture.barrier.pause(self._worker_of(actor), self.waiting.reply_deadline())

    def _take_leave(self, actor):
        """Say good-bye, as a foreign server may keep a user logged in whose connection was only closed."""
        if not (actor.profile and actor.name and hasattr(actor.codec, "goodbyes")):
            return
        for goodbye in actor.codec.goodbyes():
            if not (actor.half_closed or actor.closed_by_peer):
                actor.send_bytes([goodbye], "a good-bye", own=True)
                self.waiting.for_close(actor, goodbye)

    def _disconnect(self, actor, how):
        if not vanishes(self.scenario):
            self._take_leave(actor)
        if how == "half":
            actor.half_close()
            return
        if how == "rst":
            self._cut_off.add(actor.name)
        actor.disconnect(how)
        if actor.profile and PROBES[actor.codec.NAME].SILENT_ENDS:
            self.waiting.notice()

    # Expecting

    def _next_message(self, actor, step, wanted):
        """The actor's next message, or None; `wanted` are the matchers that are left. See `Waiting.for_message`."""
        def fits(message):
            self._note_now()
            return judging.first_match(actor, wanted, message, self.values)
        kind = PROBES[actor.codec.NAME].kind(wanted[0].describe({}))
        message = self.waiting.for_message(actor, step, kind, fits)
        self._note_now()
        return message

    def _note_now(self):
        """Set `${now}`: what has come by now was sent before the end of this second."""
        self.values["now"] = int(time.time()) + 1

    def _expect(self, step, actor, matcher, later):
        """Check the next message; `later` are the step's expectations of those that follow."""
        matcher = self.renaming.matcher(matcher)
        self._note_now()
        if isinstance(matcher, matching.Maybe):
            return self._expect_maybe(step, actor, matcher)
        if judging.is_left_out(actor, matcher, self.values):
            return None
        if judging.never_comes(actor, matcher, self._cut_off):
            return self._pass_over(step, actor, matcher, later)
        message = self._next_message(actor, step, [matcher])
        is_gone = message is None and actor.profile and actor.closed_by_peer
        if is_gone and judging.is_farewell(actor, matcher, step, self.values):
            return None
        result = matching.NO_MATCH if message is None else judging.match(actor, matcher, message, self.values)
        if result.matches:
            self._note_ground(step, actor, matcher)
            self._catch_up(actor)
            return self._accept(step, result)
        try:
            self._fail(step, actor, "expect", [matcher], message)
        except StepFailed as failed:
            if not judging.may_go_on(actor, matcher, message, self.values):
                raise
            failed.played = len(self.played)
            self.unproved.append(step)
            self.other_words.append(failed)

    def _catch_up(self, actor):
        """Ignore what a foreign server sends to a client that has just logged in: the history, or a list of users."""
        if actor.has_caught_up or actor.name is None or not actor.profile:
            return
        if not (actor.profile.replays or actor.profile.unasked):
            return
        actor.has_caught_up = True
        self.waiting.prove_silence(actor)
        probes = PROBES[actor.codec.NAME]
        while actor.profile.replays and actor.inbox and probes.kind(actor.inbox[0]) in probes.REPLAYED:
            actor.inbox.popleft()

    def _note_ground(self, step, actor, matcher):
        """Count the message as evidence for the requirement that asks for it, whether or not the step is met."""
        ground = actor.profile and PROBES[actor.codec.NAME].GOES_ON and PROBES[actor.codec.NAME].ground(
            matcher.describe(self.values))
        if ground in step.req:
            self.passed.append((ground, "ok"))

    def _pass_over(self, step, actor, matcher, later):
        """Continue without a message that never comes, or take it if it does come; another answer is a failure."""
        is_provable = self.waiting.is_provable(actor)
        if is_provable:
            self.waiting.prove_silence(actor)
        if not is_provable or matcher.describe({}).startswith("INFO "):
            self.waiting.briefly(actor)  # an end that is never announced may come after a proof
        message = actor.inbox[0] if actor.inbox else None
        if message is not None and judging.match(actor, matcher, message, self.values).matches:
            actor.inbox.popleft()
        elif message is not None and PROBES[actor.codec.NAME].is_answer(message) and not any(
                judging.match(actor, self.renaming.matcher(one), message, self.values).matches for one in later):
            self._fail(step, actor, "expect", [matcher], actor.inbox.popleft())
        for ident in self._unproved_by(step, actor, matcher):
            self.passed_over.setdefault(ident, set()).add(matcher.describe({}))

    def _unproved_by(self, step, actor, matcher):
        """The requirements of the step for which there is no evidence without this message."""
        probes = PROBES[actor.codec.NAME]
        others = [one for one in step.expects if not judging.never_comes(actor, one, self._cut_off)]
        ground = probes.ground(matcher.describe({}))
        if probes.GROUNDS_FIRST and others and ground in actor.profile.failed:
            self._left_out.add((id(step), ground))
            return set(step.req) & {ground}
        self.unproved.append(step)
        return step.req

    def _accept(self, step, result):
        self.values.update(result.groups)
        if result.grade != "ok":
            self.passed.extend((ident, result.grade) for ident in step.req)

    def _expect_maybe(self, step, actor, matcher):
        self.waiting.barrier([actor])
        self._note_now()
        while len(actor.inbox) > 1 and is_news(actor, actor.inbox[0]) and not judging.match(
                actor, matcher, actor.inbox[0], self.values).matches:
            actor.inbox.popleft()
        if actor.inbox:
            result = judging.match(actor, matcher, actor.inbox[0], self.values)
            if result.matches:
                actor.inbox.popleft()
                self._accept(step, result)

    def _fail(self, step, actor, what, wanted, message):
        got = ([] if message is None else [message]) + list(actor.inbox)
        if message is None:
            got.append("(closed by the server)" if actor.closed_by_peer else "(nothing came in time)")
        described = [matcher.describe(self.values) for matcher in wanted]
        raise StepFailed(step, actor.ident, what, described, got, self._dumps(actor, wanted))

    def _dumps(self, actor, wanted):
        """Lines with the bytes of the wanted messages that the codec can encode from the fields given."""
        found = []
        for matcher in wanted:
            fields = matcher.literal(self.values) if isinstance(matcher, matching.Fields) else None
            if fields is not None and not getattr(actor.codec, "AS_TEXT", False):
                try:
                    found.append("- hex: " + hex_dump(actor.codec.encode(fields, None)))
                except (KeyError, TypeError, ValueError):
                    pass  # a field is missing
        return found

    def _expect_nothing(self, step, actor):
        self.waiting.barrier([actor])
        set_news_aside(actor)
        if actor.inbox:
            raise StepFailed(step, actor.ident, "expect_nothing", ["(nothing)"], list(actor.inbox))
        if actor.closed_by_peer:
            raise StepFailed(step, actor.ident, "expect_nothing", ["(open)"], ["(closed by the server)"])

    def _expect_close(self, step, actor):
        self.waiting.for_close(actor, ("a close", step.req), step.within)
        set_news_aside(actor)
        judging.drop_farewells(actor)
        if actor.inbox:
            raise StepFailed(step, actor.ident, "expect_close", ["(close)"], list(actor.inbox))
        if not actor.closed_by_peer:
            raise StepFailed(step, actor.ident, "expect_close", ["(close)"], ["(still open)"])
        if step.expect_close not in ("any", actor.closed_by_peer):
            raise StepFailed(step, actor.ident, "expect_close", [step.expect_close], [actor.closed_by_peer])
        actor.disconnect()

    # Groups

    def _do_unordered(self, group):
        self.sender.flush()
        for actor in [self.actors[ident] for ident in dict.fromkeys(step.actor for step in group.steps)]:
            self._expect_in_any_order(group, actor)

    def _expect_in_any_order(self, group, actor):
        wanted = [(self.renaming.matcher(matcher), step)
                  for step in group.steps if step.actor == actor.ident for matcher in step.expects]
        wanted = [(matcher, step) for matcher, step in wanted if not judging.is_left_out(actor, matcher, self.values)]
        while wanted:
            matchers = [matcher for matcher, _ in wanted]
            message = self._next_message(actor, None, matchers)
            found = None if message is None else judging.first_match(actor, matchers, message, self.values)
            if found is None:
                self._fail(wanted[0][1], actor, "expect in any order", matchers, message)
            position = matchers.index(found[0])
            self._accept(wanted[position][1], found[1])
            self.passed.extend((ident, "ok") for ident in wanted.pop(position)[1].req)

    def _do_concurrent(self, group):
        self.sender.flush()
        ready = []
        for step in group.steps:
            actor = self.actors[step.actor]
            if step.connect:
                self._connect(actor, step.connect == model.BARE)
            self._require_connection(step, actor)
            parts = [self.sender.encoded(actor, send) for send in step.sends]
            ready.append((actor, b"".join(data for data, _ in parts), " + ".join(shown for _, shown in parts)))
        # All is encoded, so the writes are microseconds apart. Each round of a `repeat` starts with another actor.
        start = self.values.get("round", 0) % len(ready)
        for actor, data, shown in ready[start:] + ready[:start]:
            actor.send_bytes(self.sender.pieces(data), shown)
        self._check_tally(group)
        for step in group.steps:
            self._expectations(step, self.actors[step.actor])
            self.passed.extend((ident, "ok") for ident in step.req)

    def _check_tally(self, group):
        if not group.tally:
            return
        wanted = [self.renaming.matcher(matcher) for matcher, times in group.tally for _ in range(times)]
        messages = [self._next_counted(self.actors[step.actor], wanted) for step in group.steps]
        for step in group.steps:
            self._catch_up(self.actors[step.actor])
        left = list(wanted)
        for step, message in zip(group.steps, messages):
            actor = self.actors[step.actor]
            found = None if message is None else judging.first_match(actor, left, message, self.values)
            if found:
                left.remove(found[0])
        if left:
            raise StepFailed(group, None, "tally of %s" % ", ".join(step.actor for step in group.steps),
                         [matcher.describe(self.values) for matcher in wanted], messages)

    def _next_counted(self, actor, wanted):
        """The actor's next message; on a foreign server, news of a user who has just left may come before it."""
        message = self._next_message(actor, None, wanted)
        while (actor.profile and message is not None and actor.codec.subject_of(message)
               and not judging.first_match(actor, wanted, message, self.values)):
            message = self._next_message(actor, None, wanted)
        return message

    def _do_repeat(self, group):
        for self.values["round"] in range(1, group.times + 1):
            self.values["letters"] = letters_of(self.values["round"])
            self._play(group.steps)

    def _do_wait(self, step):
        self.sender.flush()
        self.waiting.pause(step.seconds)

    def _do_serverstep(self, step):
        self.sender.flush()
        target = self.fixture.target
        if step.stop:
            self.fixture.disconnect_witnesses()  # a server that is stopping may wait for its clients
            if getattr(target, "nodes", 1) > 1:
                self._ignore_who_leaves()
            target.terminate()
        for matcher in step.printed:
            found = target.wait_for_line(
                lambda line: matcher.match(line, self.values).matches, self.fixture.reply_seconds)
            if not found:
                raise StepFailed(step, None, "printed by the server", [matcher.describe(self.values)], target.stdout)

    def _ignore_who_leaves(self):
        """Ignore who leaves: while one node of several stops, the clients of another may be told who was on it."""
        for actor in self.actors.values():
            actor.is_ignored = bool  # whatever is about a user

    # The end

    def _check_end(self):
        """Check that nothing more comes on any open connection."""
        still_open = [actor for actor in self.actors.values() if actor.connected]
        end = model.Step(self.scenario.location, "", req=())
        if not still_open:
            return
        try:
            self.waiting.barrier(still_open)
        except BarrierFailed as error:
            self._require_empty_inboxes(end, still_open)
            raise _without_proof(end, "at the end: %s" % error, error.actor) from error
        self._require_empty_inboxes(end, still_open)
        # Markers prove nothing for actors who are not logged in, or have sent half a message: read these to EOF.
        for actor in still_open:
            if actor.name is None or not actor.state.at_message_boundary or actor.half_closed:
                self._read_to_eof(end, actor)

    def _require_empty_inboxes(self, end, actors):
        for actor in actors:
            set_news_aside(actor)
            if actor.inbox:
                raise StepFailed(end, actor.ident, "at the end, nothing more", ["(nothing)"], list(actor.inbox))
            if actor.closed_by_peer and not actor.half_closed and not self._was_closed_as_profiled(actor):
                raise StepFailed(end, actor.ident, "at the end, still open", ["(open)"], ["(closed by the server)"])

    def _read_to_eof(self, end, actor):
        if not actor.half_closed:
            actor.half_close()
        self.waiting.for_close(actor, "the end of a half-closed connection", slow=True)
        if actor.profile and len(actor.inbox) > MOST_GOT:
            return  # a server that repeats without end what it says about the closed connection
        judging.drop_last_words(actor)
        if actor.inbox:
            raise StepFailed(end, actor.ident, "at the end, nothing more", ["(nothing)"], list(actor.inbox))
