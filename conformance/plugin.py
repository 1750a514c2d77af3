"""The pytest plugin: options and hooks. `suite` has the state of a run, `items` what is collected."""
import os
import sys

import pytest

from parley.conformance import loader, model, options, preflight, requirements
from parley.conformance.fixture import NotUsable
from parley.conformance.items import AllScenarios, ScenarioFile, ScenarioItem
from parley.conformance.progress import Progress, ProgressPlugin
from parley.conformance.requirements import SCENARIOS
from parley.conformance.runner import vanishes
from parley.conformance.suite import Suite
from parley.conformance.yamlnodes import FileErrors

NAME = "parley-conformance"
_HERE = os.path.dirname(os.path.abspath(__file__))
_suite = None  # for pytest_runtest_logreport, which does not get the configuration


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
    global _suite
    try:
        _suite = config.parley = Suite(config)
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
