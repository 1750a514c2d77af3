"""Runs the tests and scenarios of all rows, each once, and reports row by row what was expected and seen."""
import collections
import os
import platform
import time

import pytest

from parley.conformance.requirements import ROOT
from stress.faults.rows import ALL, covers, load

PASS, IN_PART, FAIL, SKIPPED, NOT_APPLICABLE = "pass", "pass in part", "fail", "skipped", "not applicable"
VERDICTS = (PASS, IN_PART, FAIL, SKIPPED, NOT_APPLICABLE)
# These measure how long something takes, and other tests would disturb them.
ALONE = "stress/faults/neighbours.py", "stress/faults/proofs.py::test_workers_killed_under_load"
TABLE = "<!-- what follows is written by python -m stress.faults -->\n"

Seen = collections.namedtuple("Seen", "row verdict text")


class Outcomes:
    """A pytest plugin: {node id: (PASS, FAIL or SKIPPED, why)}."""

    def __init__(self):
        self.by_node = {}

    def pytest_runtest_logreport(self, report):
        known, _ = self.by_node.get(report.nodeid, (None, ""))
        if report.failed:
            self.by_node[report.nodeid] = FAIL, report.longreprtext
        elif report.skipped and known != FAIL:
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
            self.by_node[report.nodeid] = SKIPPED, why.replace("Skipped: ", "")
        elif report.when == "call" and known is None:
            self.by_node[report.nodeid] = PASS, ""


def main(wanted, processes, path):
    """Run these rows, or all, in so many processes; returns the exit code. The table is also written to `path`."""
    rows = load()
    unknown = sorted(set(wanted) - {row.ident for row in rows})
    if unknown:
        print("there is no row %s; there are: %s" % (", ".join(unknown), " ".join(row.ident for row in rows)))
        return 2
    rows = [row for row in rows if row.ident in wanted or not wanted]
    outcomes, began = Outcomes(), time.monotonic()
    references = sole(ref for row in rows for ref in row.references)
    if references:
        os.chdir(ROOT)
        together = [ref for ref in references if not any(covers(alone, ref) for alone in ALONE)]
        for some, count in ((together, processes), ([ref for ref in references if ref not in together], "0")):
            if some:
                # All tests that are named, those marked `long` too.
                pytest.main(["-q", "--no-summary", "-p", "no:cacheprovider", "-m", "", "-n", count, *some],
                            plugins=[outcomes])
    all_seen = [judged(row, outcomes.by_node) for row in rows]
    text = told(all_seen, outcomes.by_node, time.monotonic() - began)
    print(text)
    for node_id, (outcome, why) in sorted(outcomes.by_node.items()):
        if outcome == FAIL:
            print("\n==== %s\n%s" % (node_id, why))
    if path:
        write(path, text)
    return 1 if any(seen.verdict == FAIL for seen in all_seen) else 0


def sole(references):
    """The references without duplicates and without those that another one covers."""
    references = sorted(set(references))
    return [ref for ref in references if not any(other != ref and covers(other, ref) for other in references)]


def judged(row, by_node):
    """The `Seen` of one row."""
    if row.not_applicable:
        return Seen(row, NOT_APPLICABLE, row.not_applicable)
    parts, verdicts, reasons = [], set(), []
    for protocol, references in row.shown_by.items():
        if isinstance(references, str):
            parts.append("%s: %s" % (protocol, references))
            continue
        outcomes = []
        for ref in references:
            found = [(node_id, outcome) for node_id, outcome in by_node.items() if covers(ref, node_id)]
            outcomes += found or [(ref, (FAIL, "never ran"))]
        counts = collections.Counter(outcome for _, (outcome, _) in outcomes)
        parts.append((protocol + " " if protocol != ALL else "") + _counted(counts))
        verdicts |= set(counts)
        reasons += ["failed: %s" % node_id for node_id, (outcome, _) in outcomes if outcome == FAIL]
        reasons += ["skipped: %s" % why for _, (outcome, why) in outcomes if outcome == SKIPPED]
    text = "; ".join([", ".join(parts)] + list(dict.fromkeys(reasons)) + [row.note] * bool(row.note))
    if FAIL in verdicts:
        return Seen(row, FAIL, text)
    if SKIPPED in verdicts:
        return Seen(row, IN_PART if PASS in verdicts else SKIPPED, text)
    return Seen(row, PASS, text)


def _counted(counts):
    total = sum(counts.values())
    rest = ["%d %s" % (counts[kind], word) for kind, word in ((FAIL, "failed"), (SKIPPED, "skipped")) if counts[kind]]
    return "%d check%s%s" % (total, "s" * (total != 1), " (%s)" % ", ".join(rest) if rest else "")


def told(all_seen, by_node, seconds):
    """The counts and the tables, as Markdown."""
    counts = collections.Counter(seen.verdict for seen in all_seen)
    lines = ["%d rows: %s. %d checks in %.0f s, with Python %s on %s, %d processors, %s." % (
        len(all_seen), ", ".join("%d %s" % (counts[verdict], verdict) for verdict in VERDICTS), len(by_node), seconds,
        platform.python_version(), platform.system(), os.cpu_count() or 1,
        "as root" if os.geteuid() == 0 else "not as root")]
    for section in dict.fromkeys(seen.row.section for seen in all_seen):
        table = [[seen.row.ident, seen.row.fault, seen.row.expected, seen.text, seen.verdict]
                 for seen in all_seen if seen.row.section == section]
        lines += ["", "### " + section, "", "| | fault | expected | seen | verdict |", "|---|---|---|---|---|"]
        lines += ["| %s |" % " | ".join(cell.replace("|", "\\|") for cell in cells) for cells in table]
    return "\n".join(lines)


def write(path, text):
    """Replace the table in the page."""
    with open(path, encoding="utf-8") as file:
        before = file.read().partition(TABLE)[0]
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + TABLE + "\n" + text + "\n")
