"""The pytest plugin: options, an item for each scenario and variant, verdicts, and the table at the end."""
import json
import math
import os
import shlex
import sys

import pytest

from parley.conformance import failure, loader, model, options, preflight, report, requirements, verdict
from parley.conformance.acquaintance import ANSWER_SECONDS, Refused, acquaint
from parley.conformance.barrier import RELAY, BarrierFailed
from parley.conformance.charging import charge
from parley.conformance.fixture import NotUsable, new_suffix
from parley.conformance.pool import Pool, needs_own_server
from parley.conformance.probes import PROBES
from parley.conformance.profile import Profile
from parley.conformance.progress import Progress, ProgressPlugin
from parley.conformance.requirements import INSTALLED, ROOT, SCENARIOS
from parley.conformance.runner import Run, StepFailed, vanishes
from parley.conformance.targets import DidNotStart, Foreign
from parley.conformance.transcript import visible
from parley.conformance.variants import variants_of
from parley.conformance.wire import CODECS
from parley.conformance.yamlnodes import FileErrors

NAME = "parley-conformance"
TRANSCRIPTS = os.path.join(os.getcwd() if INSTALLED else ROOT, "build", "transcripts")
_HERE = os.path.dirname(os.path.abspath(__file__))
_LOST = 2  # after so many scenarios without an answer a foreign server is taken to be gone


def register(pluginmanager):
    """Register the plugin; the conftest files of several folders call this, and the first one takes effect."""
    if not pluginmanager.hasplugin(NAME):
        pluginmanager.register(__import__("parley.conformance.plugin", fromlist=["plugin"]), NAME)


def pytest_addoption(parser):
    group = parser.getgroup("conformance", "conformance of a chat server")
    group.addoption("--target", action="append", default=[], metavar="PROTOCOL=HOST:PORT",
                    help="test the server at this address instead of starting ours")
    group.addoption("--idle-limit", action="append", default=[], metavar="PROTOCOL=SECONDS",
                    help="the idle limit of the target; without it the idle scenarios are skipped")
    group.addoption("--workers", type=options.workers, default=2, help="worker processes of our server (default 2)")
    group.addoption("--nodes", type=options.workers, default=1, metavar="N",
                    help="start N servers for each, nodes on one Redis, between which actors alternate")
    group.addoption("--server-command", default=None, metavar="COMMAND",
                    help="start this instead of our server; it must have the same options and output")
    group.addoption("--time-scale", type=options.time_scale, default=1.0, metavar="N",
                    help="multiply every time limit, for slow machines")
    group.addoption("--all-levels", action="store_true", help="with --target: let every level fail, not only `must`")
    group.addoption("--req", action="append", default=[], metavar="ID", help="only scenarios with this requirement")
    group.addoption("--table", action="store_true", help="print the whole table of requirements")
    group.addoption("--json", default=None, metavar="FILE", help="write the verdicts to a JSON file")
    group.addoption("--report", default=None, metavar="FILE", help="write the table of requirements to a Markdown file")


def pytest_configure(config):
    try:
        config.parley = Suite(config)
    except options.UsageError as error:
        raise pytest.UsageError(str(error)) from None
    if config.parley.foreign:  # the verdict tells what pytest would, once for each cause
        if config.option.tbstyle == "auto":
            config.option.tbstyle = "no"
        if config.option.reportchars == "fE":
            config.option.reportchars = "E"


def pytest_sessionstart(session):
    """Check once, in the controller of `-n`, what would make every scenario fail, or none run."""
    suite = session.config.parley
    if hasattr(session.config, "workerinput"):
        return
    try:
        options.check_requirements(suite.requested)
        options.check_report("--report", suite.report_path)
        options.check_report("--json", suite.json_path)
        if suite.foreign and not session.config.option.collectonly:
            preflight.check(suite.foreign, suite.time_scale)
            suite.get_acquainted(_teller(session.config), _shown_progress(session.config))
    except (options.UsageError, FileErrors, NotUsable) as error:
        raise pytest.UsageError(str(error)) from None


def _teller(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.write_line if reporter and config.option.verbose >= 0 else lambda line: None


def _shown_progress(config):
    """The `Progress` of the run, which is shown where standard error is a terminal; None elsewhere."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not (reporter and sys.stderr.isatty() and config.option.verbose == 0):
        return None
    progress = Progress(sys.stderr)
    alone = sys.stdout.isatty()
    if alone:
        reporter.showfspath = False
    config.pluginmanager.register(ProgressPlugin(progress, alone))
    return progress


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Tell a process of `-n` what the controller has learnt about the server."""
    profiles = node.config.parley.profiles
    node.workerinput["parley_profiles"] = {protocol: one.to_json() for protocol, one in profiles.items()}


def pytest_unconfigure(config):
    if hasattr(config, "parley"):  # not after a UsageError
        config.parley.pool.close()


def pytest_collect_file(file_path, parent):
    if file_path.name.endswith(loader.SUFFIX):
        return ScenarioFile.at(parent, file_path)
    # `pytest conformance/` runs the scenarios, which are in another folder: this file stands for them.
    if str(file_path) == os.path.join(_HERE, "conftest.py") and not _names_scenarios(parent.config):
        return AllScenarios.from_parent(parent, path=file_path)
    return None


def _names_scenarios(config):
    """Whether the arguments name scenarios, which must not be collected twice.

    A scenario outside of `scenarios/` is given together with `conformance/`, so that pytest finds this plugin.
    """
    paths = [os.path.abspath(str(arg).split("::")[0]) for arg in config.args]
    return any(path.endswith(loader.SUFFIX) or os.path.commonpath([path, SCENARIOS]) in (path, SCENARIOS)
               for path in paths)


def pytest_collection_modifyitems(config, items):
    """Run last what a foreign server may not survive, so that few results are lost if it crashes."""
    if config.parley.foreign:
        items.sort(key=_danger)


def _danger(item):
    """How likely the item is to crash a server that is not robust; the higher, the likelier.

    Reset connections crash more servers than bad input does, and scenarios that consist of bad input more than those
    that contain some. Connections that end without a good-bye, after which some users can never log in again, come in
    front of the scenarios that are mostly bad input.
    """
    if not isinstance(item, ScenarioItem):
        return 0
    if any(getattr(step, "disconnect", None) == "rst" for step in model.every_step(item.scenario.steps)):
        return 3
    known = requirements.available_to(item.scenario.protocol)
    survive = [known[ident].level == "survive" for ident in model.requirement_ids(item.scenario)]
    return max(2 * sum(survive) / max(1, len(survive)), vanishes(item.scenario))


def pytest_report_header(config):
    foreign = config.parley.foreign
    if foreign:
        return ["conformance target: %s" % ", ".join("%s at %s:%d" % ((name,) + address)
                                                     for name, address in foreign.addresses.items())]
    return None


def pytest_runtest_logreport(report):
    if _suite is not None and dict(report.user_properties).get("verdicts") and report.when == "call":
        _suite.results.add(report.user_properties)


def pytest_terminal_summary(terminalreporter, config):
    suite = config.parley
    if suite.results:
        for protocol in requirements.protocols():
            suite.summarise(terminalreporter, protocol)
    if config.option.tbstyle == "no":
        _tell_of_bugs(terminalreporter)


def _tell_of_bugs(terminalreporter):
    """Show what no verdict tells: scenarios that ended in an exception of the suite itself."""
    for one in terminalreporter.getreports("failed") + terminalreporter.getreports("error"):
        if one.when != "collect" and not isinstance(one.longrepr, str):
            terminalreporter.section("a bug of the suite, not of the server: %s" % one.nodeid)
            terminalreporter.write_line(one.longreprtext)


_suite = None  # for pytest_runtest_logreport, which does not get the configuration


class Suite:
    """The state of one pytest process: options, servers and verdicts."""

    def __init__(self, config):
        global _suite
        _suite = self
        option = config.getoption
        self.config = config
        self.strict = option("--all-levels", False)
        self.requested = option("--req", [])
        self.report_path = option("--report", None)
        self.json_path = option("--json", None)
        self.whole_table = option("--table", False)
        self.as_json = {}
        addresses = options.targets(option("--target", []))
        idle_limits = options.idle_limits(option("--idle-limit", []), addresses)
        self.foreign = Foreign(addresses, idle_limits) if addresses else None
        self.workers = option("--workers", 2)
        self.nodes = options.nodes(option("--nodes", 1), self.foreign)
        learnt = getattr(config, "workerinput", {}).get("parley_profiles", {})
        self.profiles = {protocol: Profile.from_json(text) for protocol, text in learnt.items()}
        self.time_scale = option("--time-scale", 1.0)
        self.pool = Pool(self.workers, self.time_scale, options.command(option("--server-command", None)),
                         self.foreign, self.profiles, self.nodes)
        self.lost = 0  # scenarios in a row to which a foreign server did not answer
        self.failed_scenarios = set()
        self.kept_scenarios = set()  # of which a variant was played in this process, and met
        self.failed_requirements = set()
        self.suffixes = set()  # of the names in this process, so far
        self.reported = False
        self.results = report.Results()

    def get_acquainted(self, tell, progress):
        """Learn how each target talks, before the first scenario, and tell(line); progress: a `Progress`, or None."""
        for protocol, address in self.foreign.addresses.items():
            show = [progress.show] if progress else []
            try:
                self.profiles[protocol] = acquaint(
                    CODECS[protocol], address, PROBES[protocol], self._scale_for_guests(protocol), *show)
            except (Refused, OSError) as error:
                # Where that takes no account, the check before this one has logged somebody in.
                since = "" if CODECS[protocol].login("") is None else " any more, as the first visitor has left"
                raise NotUsable("--target %s=%s:%d: nobody is let in%s; the server replies %s" % (
                    (protocol,) + address + (since, error))) from None
            finally:
                if progress:
                    progress.clear()
            failed = self.profiles[protocol].failed
            tell("acquainted with the %s server: %s" % (
                protocol, "it breaks %s" % ", ".join(failed) if failed else "nothing to be noted"))

    def _scale_for_guests(self, protocol):
        """The time scale for profiling, limited so that no guest becomes idle."""
        idle_limit = self.foreign.idle_limits.get(protocol, math.inf)
        return min(self.time_scale, idle_limit / (2 * ANSWER_SECONDS))

    def reason_to_skip(self, scenario):
        """Why the scenario cannot run on this server; None if it can."""
        needs = scenario.needs
        if self.foreign is None:
            return "needs %d workers" % needs.workers if needs.workers > self.workers * self.nodes else None
        reasons = [
            (json.loads(needs.config), "needs a configuration of our server: %s" % needs.config),
            (needs.workers > 1, "needs a choice of workers"),
            (needs.fresh, "needs a server of its own"),
            (needs.exact_names, "needs names without a suffix"),
            (needs.idle_limit and not set(scenario.protocols) <= set(self.foreign.idle_limits),
             "needs a known idle limit (--idle-limit)"),
        ]
        return next((why for applies, why in reasons if applies), None)

    def rerun_command(self, nodeid):
        """The shell command that runs one item again."""
        extra = self._extra_options()
        if INSTALLED:
            return _shell(["parley-conformance", nodeid] + extra)
        elsewhere = os.path.relpath(SCENARIOS, ROOT) != nodeid.split("/")[0]
        return _shell(["pytest"] + ["conformance/"] * elsewhere + [nodeid] + extra)

    def repeat_command(self, ident):
        """The shell command that judges one requirement again."""
        start = ["parley-conformance"] if INSTALLED else ["pytest", "conformance/"]
        return _shell(start + self._extra_options() + ["--req=" + ident])

    def _extra_options(self):
        option = self.config.getoption
        extra = ["--target=%s" % one for one in option("--target", [])]
        extra += ["--idle-limit=%s" % one for one in option("--idle-limit", [])]
        if option("--server-command", None):
            extra.append("--server-command=%s" % option("--server-command"))
        if self.workers != 2:
            extra.append("--workers=%d" % self.workers)
        if self.nodes != 1:
            extra.append("--nodes=%d" % self.nodes)
        return extra

    def summarise(self, reporter, protocol):
        try:
            all_of_them = requirements.load(protocol)
        except FileErrors:
            return  # a collection error already
        if not self.results.covers(all_of_them):
            return
        if self.foreign:
            reporter.section("verdict on %s" % protocol)
            for line in verdict.told(all_of_them, self.results, self.repeat_command):
                reporter.write_line(line)
        reporter.section("requirements of %s" % protocol)
        shown = report.VERDICTS if self.whole_table else (report.FAIL, report.TOLERATED, report.SKIPPED)
        shown = () if self.foreign and not self.whole_table else shown
        table = report.full_table(all_of_them, self.results, shown)
        counts = report.counts_table(all_of_them, self.results)
        for line in table + [""] * bool(table) + counts:
            reporter.write_line(line)
        if self.report_path:
            with open(self.report_path, "a" if self.reported else "w", encoding="utf-8") as file:
                rows = ["## %s" % protocol, ""] + counts + [""] + report.full_table(all_of_them, self.results)
                file.write("\n" * self.reported + "\n".join(rows) + "\n")
            self.reported = True
        if self.json_path:
            self.as_json[protocol] = verdict.as_json(all_of_them, self.results)
            with open(self.json_path, "w", encoding="utf-8") as file:
                json.dump(self.as_json, file, indent=1)
                file.write("\n")


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
        if finding.verdict == report.FAIL:
            self.user_properties.append(("learnt", finding.ident))
        if finding.hinders:
            self.user_properties.append(("hinders", finding.ident))
        if finding.verdict == report.FAIL:
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


def _shell(words):
    return " ".join(map(shlex.quote, words))


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
