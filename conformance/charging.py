"""Which requirement a failed step of a scenario is charged to, on a foreign server.

Each deviation is charged once, to the requirement that forbids it. What cannot be judged because of it is not reached.
"""
import re

from parley.conformance import model, report
from parley.conformance.probes import PROBES

_NOTHING = "(nothing)"


def charge(failed, run, known, serves=True, earlier=None):
    """{requirement: verdict, or the id of the broken requirement that prevents one}, for a failed run.

    earlier: the requirement that has failed before in this run, if it went on; else None.

    known: {id: Requirement} of those that the scenario may name. All requirements of the failed step are in it, and
    others where what came breaks another one. serves: the server lets somebody in after that.
    """
    case = _Case(failed, run, known)
    return case.verdicts(serves) if earlier is None else case.verdicts_after(earlier)


class _Case:
    def __init__(self, failed, run, known):
        self.failed = failed
        self.run = run
        self.known = known
        self.actor = run.actors.get(failed.actor)
        codec = self.actor.codec if self.actor else run.fixture.codec
        self.probes = PROBES[codec.NAME]
        self.profile = run.fixture.profile_of(codec)
        self.broken = self.profile.failed if self.profile else {}
        self.passed = {one.ident for one in self.profile.findings if one.verdict == "pass"} if self.profile else set()

    def verdicts(self, serves):
        asked = list(self.failed.step.req)
        if not serves and self._has_cut_off():
            return {**dict.fromkeys(asked, self.probes.CUT_OFF), self.probes.CUT_OFF: report.FAIL}
        absent = self._absent()
        if absent:
            return {**dict.fromkeys(asked, absent), absent: report.FAIL}
        cause = self._known_cause()
        if cause:
            return {ident: report.FAIL if ident == cause else cause for ident in asked}
        blamed = self._blamed()
        found = {ident: blamed[0] for ident in asked}
        found.update((ident, report.FAIL) for ident in blamed)
        return found

    def verdicts_after(self, earlier):
        """A failure after another one may be a consequence of it, unless the server says what it does not support."""
        asked = list(self.failed.step.req)
        found = self.verdicts(True) if self._absent() or self._known_cause() in asked else {}
        return found or dict.fromkeys(asked, earlier)

    def _absent(self):
        """The requirement that is broken because the server says that it does not support the command."""
        found = [self.probes.absent(one, self.failed.step) for one in self.failed.messages[:1]]
        return next((ident for ident in found if ident in self.known), None)

    def _has_cut_off(self):
        """Whether the run has reset a connection, and there is a requirement that this does no harm."""
        return self.probes.CUT_OFF in self.known and any(
            getattr(step, "disconnect", None) == "rst" for step in self._steps())

    def _steps(self):
        """The steps up to the failed one, which is the last."""
        return model.every_step(self.run.played[:self.failed.played] + [self.failed.step])

    def _known_cause(self):
        """A requirement that the acquaintance has found broken and that explains the failure; None if there is none."""
        if self._refuses_a_name():
            return self.probes.NAMES[0]
        for ident in self._suspects():
            if ident in self.broken:
                return ident
        if self._was_closed_as_profiled():
            return next((ident for ident in self.probes.CLOSED if ident in self.broken), None)
        if self._waits_for_an_end_in_vain():
            return self.probes.ENDS
        for ground in map(self.probes.ground, self.failed.wanted[:1] if self._was_closed_to_a_stranger() else ()):
            if ground in self.broken:
                return ground
        for wanted in [] if self._has_acted() else self.failed.wanted:
            if self.profile and self.probes.kind(wanted) in self.profile.unanswered:
                return self.probes.ground(wanted)
        grounds = set(map(self.probes.ground, self.failed.wanted))
        used = self._used() - grounds if self._was_answered_otherwise() else self._used() | grounds
        if self.passed.issuperset(self.failed.step.req):
            used.update(model.requirement_ids(self.run.scenario))  # its subject is a likelier cause
        if any(not got.startswith("(") for got in self.failed.got[:1]):
            used.discard(self.probes.ENDS)  # it can only explain that a message is missing
        return next((ident for ident, one in self.broken.items() if one.hinders and ident in used), None)

    def _refuses_a_name(self):
        """Whether a valid name was refused by a server that is known to do so."""
        requirement, refusal, login, other = self.probes.NAMES
        if requirement not in self.broken or "OK" not in self.failed.wanted:
            return False
        sends = [send for step in model.every_step([self.failed.step]) for send in getattr(step, "sends", ())]
        return all(send.kind == "message" and re.fullmatch(login, str(send.content)) for send in sends) and any(
            got == refusal or self.profile.accepts(refusal, got) and not self.profile.accepts(other, got)
            for got in self.failed.got[:1])

    def _waits_for_an_end_in_vain(self):
        """Whether the close is missing because the server does not notice that a client sends no more."""
        ends = self.broken.get(self.probes.ENDS)
        return bool(ends and ends.hinders and self.failed.wanted == ["(close)"] and self.actor.half_closed)

    def _was_closed_to_a_stranger(self):
        """Whether the server has closed the connection of a client that was not logged in."""
        return self.failed.got[:1] == ["(closed by the server)"] and self.actor and self.actor.state.name is None

    def _has_acted(self):
        """Whether the server has answered the step, though not as wanted."""
        if self.actor is None or self.actor.codec.STRUCTURED:
            return False
        return any(not got.startswith("(") and self.probes.is_answer(got) for got in self.failed.got[:1])

    def _is_refused(self):
        """Whether a refusal came where something else was wanted: one of the commands may not exist."""
        return any(got.startswith("ERR ") and self.probes.kind(got) not in map(self.probes.kind, self.failed.wanted)
                   for got in self.failed.got[:1])

    def _was_answered_otherwise(self):
        """Whether another of the document's answers came, which a deviation in the wanted one does not explain."""
        got = str(self.failed.came)
        return bool(self.probes.ground(got) and self.probes.is_answer(self.failed.came)
                    and self.probes.kind(got) not in map(self.probes.kind, self.failed.wanted))

    def _was_closed_as_profiled(self):
        """Whether nothing came because the server has closed a connection, as its profile says."""
        if any(not got.startswith("(") for got in self.failed.got[:1]):
            return False
        return bool(self.profile) and any(
            actor.closed_by_peer and self.profile.closes_after(actor.latest) for actor in self.run.actors.values())

    def _suspects(self):
        """The requirements that may be the cause, the likeliest first."""
        yield from filter(None, [self._unexpected()])
        yield from self.failed.step.req

    def _unexpected(self):
        """The requirement that forbids the message that came."""
        for got in self.failed.got[:1]:
            if not self.failed.wanted or self.probes.kind(got) not in map(self.probes.kind, self.failed.wanted):
                return self._forbidding(got)
        return None

    def _forbidding(self, got):
        blamed = self.probes.blame(got, self.actor)
        relative = next((one for one in self.probes.RELATIVES.get(blamed, ()) if one in self.broken), None)
        if blamed in self.broken and (blamed not in self.probes.ONCE or self._came_before()):
            return blamed
        return relative or (None if blamed in self.broken else blamed)

    def _used(self):
        """The requirements that the scenario has relied on up to the failed step."""
        found = set(self.failed.step.req)
        if self.failed.lacks_proof:
            found.update(self.probes.CUT.values())  # a marker may be in one segment with the message before it
        if self._is_silent_beside():
            found.add(self.probes.SILENT_BESIDE)
        for step in self._steps():
            found.update(getattr(step, "req", ()))
            found.update(self.probes.relies_on(step, self.run.variant, self.run.renaming))
            if self._is_refused() and getattr(step, "actor", None) == self.failed.actor:
                found.update(self.probes.asks(step))
        return found

    def _is_silent_beside(self):
        """Whether nothing came while another client was connected and not logged in."""
        return self.failed.is_beside_stranger and self.failed.got[:1] == ["(nothing came in time)"]

    def _blamed(self):
        """The requirements to charge."""
        asked = list(self.failed.step.req)
        unexpected = self._unexpected()
        if unexpected in asked or unexpected and not asked or unexpected in self.probes.ONCE and self._came_before():
            return [unexpected]
        cut = self._cut()
        if cut and not self._asks_more_than(cut):
            return [cut]
        grounds = [self.probes.ground(wanted) for wanted in self.failed.wanted]
        if asked:
            # A requirement that was met elsewhere is less likely to be broken here.
            likely = [ident for ident in asked if ident not in self.passed] or asked[:1]
            if self.probes.GROUNDS_FIRST and not self.failed.messages:  # earlier messages have met the others
                met = {ident for ident, _ in self.run.passed}
                likely = [ident for ident in likely if ident not in met] or likely
            return [ident for ident in likely if self.probes.GROUNDS_FIRST and ident in grounds] or likely
        return [ident for ident in grounds if ident] or model.requirement_ids(self.run.scenario)[:1]

    def _came_before(self):
        """Whether the message that came has come to the same client before."""
        return any(self.actor.delivered[got] > 1 for got in self.failed.got[:1])

    def _asks_more_than(self, cut):
        """Whether the step names requirements that were not met elsewhere, in a scenario that is never played whole."""
        others = set(self.failed.step.req) - self.passed - {cut}
        return bool(cut in self.passed and others and "whole" not in self.run.scenario.segmentations)

    def _cut(self):
        """The requirement that segmentation does not matter, if the scenario has passed whole, without extensions."""
        levels = {self.known[ident].level for ident in self.failed.step.req if ident in self.known}
        return self.probes.CUT.get(self.run.variant.segmentation) if not levels & {"may", "survive"} else None
