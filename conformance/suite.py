"""The state of one pytest process: options, servers, what is known of them, and verdicts."""
import json
import math
import os
import shlex

from parley.conformance import options, report, requirements, verdict
from parley.conformance.acquaintance import ANSWER_SECONDS, Refused, acquaint
from parley.conformance.fixture import NotUsable
from parley.conformance.pool import Pool
from parley.conformance.probes import PROBES
from parley.conformance.profile import Profile
from parley.conformance.requirements import INSTALLED, ROOT, SCENARIOS
from parley.conformance.targets import Foreign
from parley.conformance.wire import CODECS
from parley.conformance.yamlnodes import FileErrors


class Suite:
    """The state of one pytest process: options, servers and verdicts."""

    def __init__(self, config):
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


def _shell(words):
    return " ".join(map(shlex.quote, words))
