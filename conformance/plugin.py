"""The pytest side: options, one item for each scenario and variant, verdicts, the table at the end."""
import json
import os
import shlex

import pytest

from parley.conformance import failure, loader, model, options, preflight, report, requirements
from parley.conformance.house import NotUsable, new_suffix
from parley.conformance.pool import Pool, is_alone
from parley.conformance.requirements import INSTALLED, ROOT, SCENARIOS
from parley.conformance.runner import Failed, Run
from parley.conformance.targets import DidNotStart, Foreign
from parley.conformance.transcript import visible
from parley.conformance.variants import variants_of
from parley.conformance.wire import CODECS
from parley.conformance.yamlnodes import FileFaults

NAME = "parley-conformance"
TRANSCRIPTS = os.path.join(os.getcwd() if INSTALLED else ROOT, "build", "transcripts")
_HERE = os.path.dirname(os.path.abspath(__file__))


def register(pluginmanager):
    """Called by the conftest files; whichever comes first wins."""
    if not pluginmanager.hasplugin(NAME):
        pluginmanager.register(__import__("parley.conformance.plugin", fromlist=["plugin"]), NAME)


def pytest_addoption(parser):
    group = parser.getgroup("conformance", "conformance of a chat server")
    group.addoption("--target", action="append", default=[], metavar="PROTOCOL=HOST:PORT",
                    help="judge the server at this address instead of starting ours")
    group.addoption("--idle-limit", action="append", default=[], metavar="PROTOCOL=SECONDS",
                    help="the idle limit of the target; without it the idle scenarios are skipped")
    group.addoption("--workers", type=options.workers, default=2, help="worker processes of our server (default 2)")
    group.addoption("--server-command", default=None, metavar="COMMAND",
                    help="start this instead of ours; same options, same lines on its output")
    group.addoption("--time-scale", type=options.time_scale, default=1.0, metavar="N",
                    help="multiply every time limit, for slow machines")
    group.addoption("--all-levels", action="store_true", help="with --target: let every level fail, not only `must`")
    group.addoption("--req", action="append", default=[], metavar="ID", help="only scenarios with this requirement")
    group.addoption("--report", default=None, metavar="FILE", help="write the table of requirements to a Markdown file")


def pytest_configure(config):
    try:
        config.parley = Suite(config)
    except options.Mistake as mistake:
        raise pytest.UsageError(str(mistake)) from None


def pytest_sessionstart(session):
    """What would make every single scenario fail, or none be played, is said once, by one of the processes of `-n`."""
    suite = session.config.parley
    if hasattr(session.config, "workerinput"):
        return
    try:
        options.check_requirements(suite.wanted)
        options.check_report(suite.report_path)
        if suite.foreign and not session.config.option.collectonly:
            preflight.check(suite.foreign, session.config.getoption("--time-scale"))
    except (options.Mistake, FileFaults, NotUsable) as error:
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config):
    if hasattr(config, "parley"):  # not after a mistake on the command line
        config.parley.pool.close()


def pytest_collect_file(file_path, parent):
    if file_path.name.endswith(loader.SUFFIX):
        return ScenarioFile.at(parent, file_path)
    # `pytest conformance/` means the scenarios, which lie beside it; this file stands for them.
    if str(file_path) == os.path.join(_HERE, "conftest.py") and not _scenarios_are_named(parent.config):
        return AllScenarios.from_parent(parent, path=file_path)
    return None


def _scenarios_are_named(config):
    """Whether the arguments name scenarios by themselves: some of these, which must not be collected twice, or others.

    Others, in a file elsewhere, need `conformance/` as well: pytest finds this plugin by nothing else.
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
        _suite.gathered.add(report.user_properties)


def pytest_terminal_summary(terminalreporter, config):
    suite = config.parley
    if suite.gathered:
        for protocol in requirements.protocols():
            suite.summarise(terminalreporter, protocol)


_suite = None  # pytest_runtest_logreport is not told the configuration


class Suite:
    """What one pytest process shares: options, requirements, servers, verdicts."""

    def __init__(self, config):
        global _suite
        _suite = self
        option = config.getoption
        self.config = config
        self.strict = option("--all-levels", False)
        self.wanted = option("--req", [])
        self.report_path = option("--report", None)
        addresses = options.targets(option("--target", []))
        idle_limits = options.idle_limits(option("--idle-limit", []), addresses)
        self.foreign = Foreign(addresses, idle_limits) if addresses else None
        self.workers = option("--workers", 2)
        self.pool = Pool(self.workers, option("--time-scale", 1.0), options.command(option("--server-command", None)),
                         self.foreign)
        self.reported = False
        self.gathered = report.Gathered()

    def reason_to_skip(self, scenario):
        """Why the scenario cannot apply to the server, or None."""
        needs = scenario.needs
        if self.foreign is None:
            return "needs %d workers" % needs.workers if needs.workers > self.workers else None
        reasons = [
            (json.loads(needs.config), "needs a configuration of our server: %s" % needs.config),
            (needs.workers > 1, "needs the choice of the worker"),
            (needs.fresh, "needs a server of its own"),
            (needs.exact_names, "needs names without a suffix"),
            (needs.idle_limit and not set(scenario.protocols) <= set(self.foreign.idle_limits),
             "needs a known idle limit (--idle-limit)"),
        ]
        return next((why for applies, why in reasons if applies), None)

    def again(self, nodeid):
        """The command that repeats one item."""
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
        except FileFaults:
            return  # the collection has told it already
        if not self.gathered.knows(all_of_them):
            return
        foreign = self.foreign is not None
        reporter.section("requirements of %s" % protocol)
        shown = report.VERDICTS if foreign else (report.FAIL, report.TOLERATED, report.SKIPPED)
        table = report.full_table(all_of_them, self.gathered, shown)
        counts = report.counts_table(all_of_them, self.gathered)
        for line in table + [""] * bool(table) + counts:
            reporter.write_line(line)
        if self.report_path:
            with open(self.report_path, "a" if self.reported else "w", encoding="utf-8") as file:
                rows = ["## %s" % protocol, ""] + counts + [""] + report.full_table(all_of_them, self.gathered)
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
    """One *.scenario.yaml. A fault in it is a collection error, so a green run cannot hide it."""

    @classmethod
    def at(cls, parent, path):
        # pytest has no name for what lies outside of the checkout.
        nodeid = os.path.relpath(str(path), str(parent.config.rootpath)).replace(os.sep, "/")
        return cls.from_parent(parent, path=path, nodeid=nodeid)

    def collect(self):
        suite = self.config.parley
        try:
            scenario = loader.load(str(self.path), requirements.usable_in)
        except FileFaults as faults:
            raise self.CollectError(str(faults)) from None
        if suite.wanted and not set(suite.wanted) & set(model.requirements_of(scenario)):
            return
        if suite.foreign and not set(scenario.protocols) <= set(suite.foreign.addresses):
            return  # the target does not speak it, as far as we were told
        variants = variants_of(scenario, suite.foreign is not None)
        for variant in variants:
            item = ScenarioItem.from_parent(self, name="%s[%s]" % (scenario.name, variant), scenario=scenario,
                                            variant=variant)
            if all(ours != first for ours, first in zip(variant, variants[0])):
                item.add_marker("long")  # where the actors sit and how bytes are cut have nothing to do with each other
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
            self._give([(ident, report.SKIPPED, reason) for ident in model.requirements_of(self.scenario)], None)
            pytest.skip(reason)
        with self.suite.pool.house_for(self.scenario) as house:
            foreign = house.is_foreign
            if foreign:
                house.meet_bystanders()
            suffix = new_suffix() if foreign and _may_rename(self.scenario) else ""
            run = Run(self.scenario, self.variant, house, suffix)
            stderr_start = house.target.stderr_size()
            try:
                run.play()
                self._clean_up(house)
                self._demand_no_bug(house, stderr_start)
            except Failed as failed:
                self._judge(failed, run)
            else:
                self._give(_verdicts(run.passed), house.barrier.kind)

    def _clean_up(self, house):
        """Our server must have forgotten everybody before the next scenario uses the same names."""
        if house.is_foreign or house.target.exit_code is not None or is_alone(self.scenario):
            return
        names = house.wait_until_empty()
        for codec in [CODECS[protocol] for protocol in self.scenario.protocols]:
            if not names and hasattr(codec, "deletion"):
                names = house.delete_accounts(codec, set(json.loads(self.scenario.needs.users)))
        if names:
            end = model.Step(self.scenario.place, "")
            raise Failed(end, None, "everybody has left, the list must be empty", ["(nobody)"], sorted(names))

    def _demand_no_bug(self, house, stderr_start):
        """Whatever the clients saw: a traceback is a bug of the server."""
        text = house.target.stderr_text(stderr_start)
        if "Traceback" in text:
            end = model.Step(self.scenario.place, "")
            raise Failed(end, None, "the server has no bug", ["(no traceback)"], text.rstrip().split("\n")[-1:])

    def _judge(self, failed, run):
        """Only a `must` fails a foreign server; the other levels are written down. Ours must keep its own readings."""
        known = requirements.usable_in(self.scenario.protocol)
        level = requirements.gravest([known[ident].level for ident in failed.step.req])
        again = self.suite.again(self.nodeid) + (" -m ''" if self.get_closest_marker("long") else "")
        story = failure.told(failed, run, known, again)
        failure.keep(story, TRANSCRIPTS, self.name)
        serves = run.house.is_foreign and run.house.still_serves()
        lenient = serves and level != "must" and not self.suite.strict
        verdict = report.DIFFERS if lenient and level in ("may", "survive") else report.FAIL
        note = "wanted %s, got %s" % (_brief(failed.wanted, run), _brief(failed.got, run))
        verdicts = _verdicts(run.passed) + [(ident, verdict, note) for ident in failed.step.req]
        reached = {ident for ident, _, _ in verdicts}
        verdicts += [(ident, report.NOT_COVERED, "not reached in %s" % self.scenario.name)
                     for ident in model.requirements_of(self.scenario) if ident not in reached]
        self._give(verdicts, run.house.barrier.kind)
        if lenient:
            pytest.xfail("%s (%s): %s" % (", ".join(failed.step.req), level, note))
        failed.story = story if serves or not run.house.is_foreign else story + "\n  and the server no longer serves"
        raise failed

    def _give(self, verdicts, evidence):
        self.user_properties.append(("req", " ".join(model.requirements_of(self.scenario))))
        self.user_properties.append(("verdicts", json.dumps(verdicts)))
        if evidence:
            self.user_properties.append(("evidence", evidence))

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, Failed):
            return excinfo.value.story
        if isinstance(excinfo.value, (DidNotStart, NotUsable)):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, self.scenario.place.line - 1, "%s: %s" % (self.name, self.scenario.title)


def _may_rename(scenario):
    """Accounts have the names that they have."""
    return scenario.needs.users == "{}"


def _verdicts(passed):
    """Each requirement once; a tolerated answer is worth less than a plain one."""
    found = {}
    for ident, grade in passed:
        if grade == report.TOLERATED or ident not in found:
            found[ident] = report.TOLERATED if grade == report.TOLERATED else report.PASS
    return [(ident, verdict, "") for ident, verdict in found.items()]


def _brief(lines, run):
    """The lines for a table: in one line, printable, and without the suffix of the run's names."""
    text = visible(" / ".join(lines) or "an answer")
    text = text.replace(run.renaming.suffix, "") if run.renaming.active else text
    return text if len(text) <= 80 else text[:77] + "..."
