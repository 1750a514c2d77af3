"""The pytest plugin: options, an item for each scenario and variant, verdicts, and the table at the end."""
import json
import os
import shlex

import pytest

from parley.conformance import failure, loader, model, options, preflight, report, requirements
from parley.conformance.fixture import NotUsable, new_suffix
from parley.conformance.pool import Pool, needs_own_server
from parley.conformance.requirements import INSTALLED, ROOT, SCENARIOS
from parley.conformance.runner import Run, StepFailed
from parley.conformance.targets import DidNotStart, Foreign
from parley.conformance.transcript import visible
from parley.conformance.variants import variants_of
from parley.conformance.wire import CODECS
from parley.conformance.yamlnodes import FileErrors

NAME = "parley-conformance"
TRANSCRIPTS = os.path.join(os.getcwd() if INSTALLED else ROOT, "build", "transcripts")
_HERE = os.path.dirname(os.path.abspath(__file__))


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
    group.addoption("--server-command", default=None, metavar="COMMAND",
                    help="start this instead of our server; it must have the same options and output")
    group.addoption("--time-scale", type=options.time_scale, default=1.0, metavar="N",
                    help="multiply every time limit, for slow machines")
    group.addoption("--all-levels", action="store_true", help="with --target: let every level fail, not only `must`")
    group.addoption("--req", action="append", default=[], metavar="ID", help="only scenarios with this requirement")
    group.addoption("--report", default=None, metavar="FILE", help="write the table of requirements to a Markdown file")


def pytest_configure(config):
    try:
        config.parley = Suite(config)
    except options.UsageError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_sessionstart(session):
    """Check once, in the controller of `-n`, what would make every scenario fail, or none run."""
    suite = session.config.parley
    if hasattr(session.config, "workerinput"):
        return
    try:
        options.check_requirements(suite.requested)
        options.check_report(suite.report_path)
        if suite.foreign and not session.config.option.collectonly:
            preflight.check(suite.foreign, session.config.getoption("--time-scale"))
    except (options.UsageError, FileErrors, NotUsable) as error:
        raise pytest.UsageError(str(error)) from None


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
        addresses = options.targets(option("--target", []))
        idle_limits = options.idle_limits(option("--idle-limit", []), addresses)
        self.foreign = Foreign(addresses, idle_limits) if addresses else None
        self.workers = option("--workers", 2)
        self.pool = Pool(self.workers, option("--time-scale", 1.0), options.command(option("--server-command", None)),
                         self.foreign)
        self.reported = False
        self.results = report.Results()

    def reason_to_skip(self, scenario):
        """Why the scenario cannot run on this server; None if it can."""
        needs = scenario.needs
        if self.foreign is None:
            return "needs %d workers" % needs.workers if needs.workers > self.workers else None
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
        option = self.config.getoption
        extra = ["--target=%s" % one for one in option("--target", [])]
        extra += ["--idle-limit=%s" % one for one in option("--idle-limit", [])]
        if option("--server-command", None):
            extra.append("--server-command=%s" % option("--server-command"))
        if self.workers != 2:
            extra.append("--workers=%d" % self.workers)
        if INSTALLED:
            return " ".join(shlex.quote(word) for word in ["parley-conformance", nodeid] + extra)
        elsewhere = os.path.relpath(SCENARIOS, ROOT) != nodeid.split("/")[0]
        return " ".join(shlex.quote(word) for word in ["pytest"] + ["conformance/"] * elsewhere + [nodeid] + extra)

    def summarise(self, reporter, protocol):
        try:
            all_of_them = requirements.load(protocol)
        except FileErrors:
            return  # a collection error already
        if not self.results.covers(all_of_them):
            return
        foreign = self.foreign is not None
        reporter.section("requirements of %s" % protocol)
        shown = report.VERDICTS if foreign else (report.FAIL, report.TOLERATED, report.SKIPPED)
        table = report.full_table(all_of_them, self.results, shown)
        counts = report.counts_table(all_of_them, self.results)
        for line in table + [""] * bool(table) + counts:
            reporter.write_line(line)
        if self.report_path:
            with open(self.report_path, "a" if self.reported else "w", encoding="utf-8") as file:
                rows = ["## %s" % protocol, ""] + counts + [""] + report.full_table(all_of_them, self.results)
                file.write("\n" * self.reported + "\n".join(rows) + "\n")
            self.reported = True


class AllScenarios(pytest.File):
    """Every scenario file of every protocol, in a stable order."""

    def collect(self):
        for folder, folders, names in os.walk(SCENARIOS):
            folders.sort()
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
        with self.suite.pool.fixture_for(self.scenario) as fixture:
            foreign = fixture.is_foreign
            if foreign:
                fixture.ignore_bystanders()
            suffix = new_suffix() if foreign and _may_rename(self.scenario) else ""
            run = Run(self.scenario, self.variant, fixture, suffix)
            stderr_start = fixture.target.stderr_size()
            try:
                run.play()
                self._clean_up(fixture)
                self._require_no_traceback(fixture, stderr_start)
            except StepFailed as failed:
                self._fail(failed, run)
            else:
                self._record(_verdicts(run.passed), fixture.barrier.kind)

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
        """Record the verdicts of a failed run and fail the item.

        On a foreign server only a `must` fails it; other levels are reported. Our server must meet all levels.
        """
        known = requirements.available_to(self.scenario.protocol)
        level = requirements.strictest([known[ident].level for ident in failed.step.req])
        rerun = self.suite.rerun_command(self.nodeid) + (" -m ''" if self.get_closest_marker("long") else "")
        text = failure.format_failure(failed, run, known, rerun)
        failure.save(text, TRANSCRIPTS, self.name)
        serves = run.fixture.is_foreign and run.fixture.still_serves()
        lenient = serves and level != "must" and not self.suite.strict
        verdict = report.DIFFERS if lenient and level in ("may", "survive") else report.FAIL
        note = "wanted %s, got %s" % (_in_one_line(failed.wanted, run), _in_one_line(failed.got, run))
        verdicts = _verdicts(run.passed) + [(ident, verdict, note) for ident in failed.step.req]
        reached = {ident for ident, _, _ in verdicts}
        verdicts += [(ident, report.NOT_COVERED, "not reached in %s" % self.scenario.name)
                     for ident in model.requirement_ids(self.scenario) if ident not in reached]
        self._record(verdicts, run.fixture.barrier.kind)
        if lenient:
            pytest.xfail("%s (%s): %s" % (", ".join(failed.step.req), level, note))
        failed.text = text if serves or not run.fixture.is_foreign else text + "\n  and the server no longer serves"
        raise failed

    def _record(self, verdicts, evidence):
        """Add the properties that `report.Results.add` reads; they also go into JUnit XML."""
        self.user_properties.append(("req", " ".join(model.requirement_ids(self.scenario))))
        self.user_properties.append(("verdicts", json.dumps(verdicts)))
        if evidence:
            self.user_properties.append(("evidence", evidence))

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, StepFailed):
            return excinfo.value.text
        if isinstance(excinfo.value, (DidNotStart, NotUsable)):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

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


def _in_one_line(lines, run):
    """The lines as one for a table: printable, at most 80 characters, without the suffix of the run's names."""
    text = visible(" / ".join(lines) or "a reply")
    text = text.replace(run.renaming.suffix, "") if run.renaming.active else text
    return text if len(text) <= 80 else text[:77] + "..."
