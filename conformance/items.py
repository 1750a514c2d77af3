"""What pytest collects: files of scenarios, an item for each scenario and variant, and one for each finding."""
import json
import os

import pytest

from parley.conformance import failure, loader, model, report, requirements
from parley.conformance.barrier import RELAY, BarrierFailed
from parley.conformance.charging import charge
from parley.conformance.failure import StepFailed
from parley.conformance.fixture import NotUsable, new_suffix
from parley.conformance.pool import needs_own_server
from parley.conformance.probes import PROBES
from parley.conformance.requirements import INSTALLED, ROOT, SCENARIOS
from parley.conformance.runner import Run
from parley.conformance.targets import DidNotStart
from parley.conformance.transcript import visible
from parley.conformance.variants import variants_of
from parley.conformance.wire import CODECS
from parley.conformance.yamlnodes import FileErrors

TRANSCRIPTS = os.path.join(os.getcwd() if INSTALLED else ROOT, "build", "transcripts")
_LOST = 2  # scenarios in a row without an answer, after which a foreign server is taken to be gone


class AllScenarios(pytest.File):
    """Every scenario file of every protocol, in a stable order."""

    def collect(self):
        suite = self.config.parley
        for protocol, profile in suite.profiles.items():
            for finding in profile.findings:
                if not suite.requested or finding.ident in suite.requested:
                    yield FindingItem.from_parent(self, name="acquaintance[%s]" % finding.ident, protocol=protocol,
                                                  finding=finding)
        for folder, folders, names in os.walk(SCENARIOS):
            # What belongs to protocols that the target has not need not be read.
            folders[:] = sorted(set(folders) - set(CODECS) | set(folders) & set(suite.foreign.addresses)
                                if suite.foreign else folders)
            for name in sorted(names):
                if name.endswith(loader.SUFFIX):
                    yield ScenarioFile.at(self, type(self.path)(folder, name))


class ScenarioFile(pytest.File):
    """One *.scenario.yaml. An error in it is a collection error, which fails the run."""

    @classmethod
    def at(cls, parent, path):
        # pytest makes no node id for a file outside of its root directory.
        nodeid = os.path.relpath(str(path), str(parent.config.rootpath)).replace(os.sep, "/")
        return cls.from_parent(parent, path=path, nodeid=nodeid)

    def collect(self):
        suite = self.config.parley
        try:
            scenario = loader.load(str(self.path), requirements.available_to)
        except FileErrors as errors:
            raise self.CollectError(str(errors)) from None
        if suite.requested and not set(suite.requested) & set(model.requirement_ids(scenario)):
            return
        if suite.foreign and not set(scenario.protocols) <= set(suite.foreign.addresses):
            return  # no --target for one of its protocols
        variants = variants_of(scenario, suite.foreign is not None)
        for variant in variants:
            item = ScenarioItem.from_parent(self, name="%s[%s]" % (scenario.name, variant), scenario=scenario,
                                            variant=variant)
            if all(one != first for one, first in zip(variant, variants[0])):
                item.add_marker("long")  # placement and segmentation are independent of each other
            yield item


class FindingItem(pytest.Item):
    """What the acquaintance with a foreign server has found out about one requirement."""

    def __init__(self, protocol, finding, **kwargs):
        super().__init__(**kwargs)
        self.finding = finding
        self.requirement = requirements.load(protocol)[finding.ident]

    def runtest(self):
        finding, suite = self.finding, self.config.parley
        self.user_properties.append(("req", finding.ident))
        word = finding.verdict
        if word == report.FAIL and self.requirement.level in ("may", "survive") and not suite.strict:
            word = report.DIFFERS
        self.user_properties.append(("verdicts", json.dumps([(finding.ident, word, finding.note)])))
        self.user_properties.append(("evidence", RELAY))
        if finding.evidence:
            self.user_properties.append(("transcripts", json.dumps({finding.ident: finding.evidence})))
        if finding.hinders:
            self.user_properties.append(("hinders", finding.ident))
        if finding.verdict == report.FAIL:
            self.user_properties.append(("learnt", finding.ident))
            suite.failed_requirements.add(finding.ident)
            if self.requirement.level == "must" or suite.strict:
                raise Broken(finding.note)
            pytest.xfail(finding.note)
        if finding.verdict != report.PASS:
            pytest.skip(finding.note)

    def repr_failure(self, excinfo):
        return _told(excinfo.value) or super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, 0, "%s: %s" % (self.name, self.requirement.says)


class Broken(Exception):
    """A requirement is broken; the text says how, and the summary shows the evidence."""


def _told(error):
    """The report of an exception whose traceback would not help; None for all others."""
    if isinstance(error, StepFailed):
        return error.text
    quiet = (Broken, DidNotStart, NotUsable, pytest.xfail.Exception, pytest.skip.Exception)
    return str(error) if isinstance(error, quiet) else None


class ScenarioItem(pytest.Item):
    """One scenario in one variant."""

    def __init__(self, scenario, variant, **kwargs):
        super().__init__(**kwargs)
        self.scenario = scenario
        self.variant = variant
        for tag in scenario.tags:
            self.keywords[tag] = True

    @property
    def suite(self):
        return self.config.parley

    def runtest(self):
        reason = self.suite.reason_to_skip(self.scenario)
        if reason:
            self._record([(ident, report.SKIPPED, reason) for ident in model.requirement_ids(self.scenario)], None)
            pytest.skip(reason)
        if not self.suite.foreign:
            return self._play()
        self._skip_in_vain()
        try:
            self._play()
        except (NotUsable, OSError, BarrierFailed) as error:
            self.suite.lost += 1
            self._lose(str(error))
        self.suite.lost = 0
        return None

    def _lose(self, why):
        """The foreign server does not answer any more: everything is not reached."""
        note = "not reached: the server lets nobody in any more: " + why
        self._record([(ident, report.NOT_REACHED, note) for ident in model.requirement_ids(self.scenario)], None)
        if self.suite.lost == _LOST:
            self.suite.lost += 1
            self.user_properties.append(("lost", self.scenario.name))
            raise Broken(note)
        pytest.skip(note)

    def _play(self):
        with self.suite.pool.fixture_for(self.scenario) as fixture:
            foreign = fixture.is_foreign
            if foreign:
                fixture.ignore_bystanders()
            run = self._run(self.variant, fixture)
            stderr_start = fixture.target.stderr_size()
            try:
                run.play()
                self._clean_up(fixture)
                self._require_no_traceback(fixture, stderr_start)
            except StepFailed as failed:
                self._skip_if_whole_fails(fixture)
                self._forget_a_cut_that_does_not_matter(run)
                self._fail(failed, run)
            else:
                if run.other_words:
                    self._skip_if_whole_fails(fixture)
                    self._forget_a_cut_that_does_not_matter(run)
                if run.other_words or run.passed_over:
                    self._charge(None, run)
                else:
                    self.suite.kept_scenarios.add(self.scenario.name)
                    self._record(_verdicts(run.passed), fixture.barrier.kind)

    def _skip_in_vain(self):
        """Skip a cut variant if the whole one has failed, if it can show no more than profiling did, or takes too long.

        And everything if the server has been lost.
        """
        if self.suite.lost >= _LOST:
            self._lose("as before")
        if self.scenario.name in self.suite.failed_scenarios:
            pytest.skip("its first variant has failed")
        for protocol in self.scenario.protocols:
            profile = self.suite.profiles.get(protocol)
            cut = PROBES[protocol].CUT.get(self.variant.segmentation)
            if profile and cut in profile.failed:
                pytest.skip("%s failed" % cut)
            if profile and profile.is_slow and self.variant != variants_of(self.scenario, True)[0]:
                pytest.skip("the server takes long for each answer")

    def _skip_if_whole_fails(self, fixture):
        """Skip a cut variant that has failed if the first one fails too; another process may have played that."""
        first = variants_of(self.scenario, True)[0]
        if not fixture.is_foreign or self.variant == first or self.scenario.name in self.suite.kept_scenarios:
            return
        if self._fails(first, fixture):
            pytest.skip("its first variant fails")

    def _fails(self, variant, fixture):
        """Whether the scenario fails when it is played in this variant."""
        run = self._run(variant, fixture)
        try:
            run.play()
        except StepFailed:
            return True
        return bool(run.other_words)

    def _forget_a_cut_that_does_not_matter(self, run):
        """Have a failed run judged as if it had not been cut, if the same cuts are met the next time."""
        first = variants_of(self.scenario, True)[0]
        if run.fixture.is_foreign and self.variant != first and not self._fails(self.variant, run.fixture):
            run.variant = first

    def _run(self, variant, fixture):
        suffix = ""
        if fixture.is_foreign and _may_rename(self.scenario):
            limits = [one.longest_name for one in fixture.profiles.values() if one.longest_name]
            suffix = new_suffix(self.scenario.names, min(limits, default=0), self.suite.suffixes)
            self.suite.suffixes.add(suffix)
        return Run(self.scenario, variant, fixture, suffix)

    def _clean_up(self, fixture):
        """Make the names free for the next scenario on our server: wait for logouts, delete accounts."""
        if fixture.is_foreign or fixture.target.exit_code is not None or needs_own_server(self.scenario):
            return
        names = fixture.wait_until_empty()
        for codec in [CODECS[protocol] for protocol in self.scenario.protocols]:
            if not names and hasattr(codec, "delete_account"):
                names = fixture.delete_accounts(codec, set(json.loads(self.scenario.needs.users)))
        if names:
            end = model.Step(self.scenario.location, "")
            raise StepFailed(end, None, "after the scenario, an empty user list", ["(nobody)"], sorted(names))

    def _require_no_traceback(self, fixture, stderr_start):
        """Fail if the server has printed a traceback, whatever the clients have seen."""
        text = fixture.target.stderr_text(stderr_start)
        if "Traceback" in text:
            end = model.Step(self.scenario.location, "")
            raise StepFailed(end, None, "standard error", ["(no traceback)"], text.rstrip().split("\n")[-1:])

    def _fail(self, failed, run):
        """Record the verdicts of a failed run and fail the item: our server must meet all levels."""
        if run.fixture.is_foreign:
            return self._charge(failed, run)
        failed.text = self._described(failed, run)
        note = _note(failed, run)
        verdicts = _verdicts(run.passed) + [(ident, report.FAIL, note) for ident in failed.step.req]
        self._record(verdicts + self._not_reached(verdicts), run.fixture.barrier.kind)
        raise failed

    def _described(self, failed, run):
        """The failure as text, which is saved too."""
        rerun = self.suite.rerun_command(self.nodeid) + (" -m ''" if self.get_closest_marker("long") else "")
        text = failure.format_failure(failed, run, requirements.available_to(self.scenario.protocol), rerun)
        failure.save(text, TRANSCRIPTS, self.name)
        return text

    def _charge(self, failed, run):
        """Charge what went wrong in a run on a foreign server, where only a broken `must` fails the item.

        failed: the `StepFailed` that ended it, or None.
        """
        suite, known = self.suite, requirements.available_to(self.scenario.protocol)
        serves = run.fixture.still_serves()
        verdicts, transcripts, earlier = {}, {}, None
        for one in run.other_words + [failed] * bool(failed):
            charged = charge(one, run, known, serves, None if one.is_done_again else earlier)
            if not one.is_done_again:
                earlier = earlier or self._in_the_way(charged, one)
            if one is failed or not set(charged) <= set(verdicts):
                self._described(one, run)
            for ident, outcome in charged.items():
                if outcome != report.FAIL:
                    verdicts.setdefault(ident, (report.NOT_REACHED, "not reached: %s failed" % outcome))
                elif ident not in transcripts:
                    lenient = serves and known[ident].level in ("may", "survive") and not suite.strict
                    note = _note(one, run) + ("" if serves else "; since then the server lets nobody in")
                    verdicts[ident] = (report.DIFFERS if lenient else report.FAIL, note)
                    transcripts[ident] = failure.evidence(one, run)
        for ident, wanted in run.passed_over.items():
            own = [one for one in sorted(wanted) if one in (known[ident].we_read or "")]
            if own and verdicts.get(ident, (report.NOT_REACHED,))[0] == report.NOT_REACHED:
                verdicts[ident] = report.DIFFERS, "wanted %s, got (no answer)" % own[0]
            else:
                verdicts.setdefault(ident, (report.NOT_REACHED, "not reached: %s is never said" % min(wanted)))
        if failed or transcripts:
            suite.failed_scenarios.add(self.scenario.name)
        found = [(ident, verdict, note) for ident, (verdict, note) in verdicts.items()]
        partly = set(failed.step.req) if failed else set()  # what is in the way hides the rest of these
        partly.update(*(one.hides for one in run.other_words))
        # An extension is there or not: without a part of it, the rest is no evidence.
        partly.update(ident for one in run.other_words for ident in one.lacks if known[ident].level == "may")
        found += [one for one in _verdicts(run.passed) if one[0] not in partly.union(transcripts)]
        self._record(found + self._not_reached(found), run.fixture.barrier.kind)
        if transcripts:
            self.user_properties.append(("transcripts", json.dumps(transcripts)))
        failing = {ident for ident in transcripts if not serves or suite.strict or known[ident].level == "must"}
        news = failing - suite.failed_requirements
        suite.failed_requirements.update(transcripts)
        if news:
            raise Broken("%s: %s" % (", ".join(sorted(news)), verdicts[min(news)][1]))
        if failed or transcripts:
            pytest.xfail(", ".join(transcripts) or "explained by what is known")

    def _in_the_way(self, charged, failed):
        """The failed requirement that may cause later failures of the same run; None if nothing depends on it."""
        if failed.step is None or not PROBES[self.scenario.protocols[0]].GOES_ON:
            return None
        profile = self.suite.profiles.get(self.scenario.protocols[0])
        return next((ident for ident, outcome in charged.items() if outcome == report.FAIL and not (
            profile and ident in profile.failed and not profile.failed[ident].hinders)), None)

    def _not_reached(self, verdicts):
        reached = {ident for ident, _, _ in verdicts}
        return [(ident, report.NOT_REACHED, "not reached in %s" % self.scenario.name)
                for ident in model.requirement_ids(self.scenario) if ident not in reached]

    def _record(self, verdicts, evidence):
        """Add the properties that `report.Results.add` reads; they also go into JUnit XML."""
        self.user_properties.append(("req", " ".join(model.requirement_ids(self.scenario))))
        self.user_properties.append(("verdicts", json.dumps(verdicts)))
        if evidence:
            self.user_properties.append(("evidence", evidence))

    def repr_failure(self, excinfo):
        return _told(excinfo.value) or super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, self.scenario.location.line - 1, "%s: %s" % (self.name, self.scenario.title)


def _may_rename(scenario):
    """Whether names may get a suffix: those of existing accounts may not."""
    return scenario.needs.users == "{}"


def _verdicts(passed):
    """[(requirement, verdict, note)] without duplicates, from (requirement, grade) pairs; the lower grade counts."""
    found = {}
    for ident, grade in passed:
        if grade == report.TOLERATED or ident not in found:
            found[ident] = report.TOLERATED if grade == report.TOLERATED else report.PASS
    return [(ident, verdict, "") for ident, verdict in found.items()]


def _note(failed, run):
    if failed.lacks_proof and not failed.got:
        return failed.what
    return "wanted %s, got %s" % (_in_one_line(failed.wanted, run), _in_one_line(failed.got, run))


def _in_one_line(lines, run):
    """The lines as one for a table: printable, at most 80 characters, without the suffix of the run's names."""
    text = visible(" / ".join(lines) or "a reply")
    text = text.replace(run.renaming.suffix, "") if run.renaming.active else text
    return text if len(text) <= 80 else text[:77] + "..."
