"""The list of faults is complete, and everything that it names exists."""
import os
import subprocess
import sys
from collections import Counter

import pytest

from parley.conformance.requirements import ROOT
from stress.faults import battery
from stress.faults.rows import ALL, Row, covers, load

PROTOCOLS = ("line", "binary", "padded", "delimited", "dollar")
LAST = {"K": 43, "binary-": 18, "padded-": 14, "delimited-": 19, "line-": 16, "dollar-": 17, "web-": 12, "irc-": 12,
        "P": 19, "D": 7, "T": 2, "R": 7, "F": 7}
IDS = ["%s%d" % (kind, number) for kind, last in LAST.items() for number in range(1, last + 1)] + ["X"]

ROWS = load()

GOOD, BAD, LEFT_OUT = ("a.py::t", (battery.PASS, "")), ("b.py::t", (battery.FAIL, "boom")), ("c.py::t[1]", (
    battery.SKIPPED, "needs root"))


def test_every_fault_is_there_exactly_once():
    assert Counter(row.ident for row in ROWS) == Counter(IDS)


def test_what_measures_time_is_a_part_of_the_battery_and_runs_alone():
    references = [ref for row in ROWS for ref in row.references]
    for alone in battery.ALONE:
        assert any(covers(alone, ref) for ref in references), alone


def test_every_fault_is_shown_or_it_is_said_why_not():
    for row in ROWS:
        assert row.fault and row.expected, row.ident
        assert bool(row.references) != bool(row.not_applicable), row.ident
        assert all(row.shown_by.values()), "%s: an empty list" % row.ident
        assert set(row.shown_by) in (set(), {ALL}, set(PROTOCOLS)), "%s: all protocols, or none" % row.ident


def test_every_function_that_is_named_exists():
    for reference in sorted({ref for row in ROWS for ref in row.references}):
        path, _, name = reference.partition("::")
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            text = file.read()
        assert not path.endswith(".py") or not name or "def %s(" % name.split("[")[0] in text, reference


@pytest.mark.long  # as everything is collected
def test_everything_that_is_named_exists():
    references = sorted({ref for row in ROWS for ref in row.references})
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", "-p", "no:cacheprovider",
         *battery.sole(references)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()
    nodes = [line for line in listed.split("\n") if "::" in line]
    assert [ref for ref in references if not any(covers(ref, node) for node in nodes)] == [], listed[-2000:]


def row_shown_by(*references, **more):
    return Row("K1", "all", "a fault", "an outcome", {ALL: list(references)}, None, "", **more)


@pytest.mark.parametrize("references, verdict, words", [
    (["a.py"], battery.PASS, "1 check"),
    (["a.py", "b.py"], battery.FAIL, "2 checks (1 failed); failed: b.py::t"),
    (["a.py", "c.py::t"], battery.IN_PART, "2 checks (1 skipped); skipped: needs root"),
    (["c.py::t"], battery.SKIPPED, "1 check (1 skipped); skipped: needs root"),
    (["a.py", "d.py"], battery.FAIL, "2 checks (1 failed); failed: d.py"),
])
def test_a_verdict_is_that_of_the_worst_check(references, verdict, words):
    seen = battery.judged(row_shown_by(*references), dict([GOOD, BAD, LEFT_OUT]))
    assert (seen.verdict, seen.text) == (verdict, words)


def test_what_does_not_apply_is_never_passed():
    row = Row("K1", "all", "a fault", "an outcome", {}, "there is none", "")
    assert battery.judged(row, {}) == battery.Seen(row, battery.NOT_APPLICABLE, "there is none")


def test_what_is_named_twice_is_run_once():
    assert battery.sole(["a.py::t", "a.py", "b.py::t[1]", "b.py::t", "b.py::tt"]) == ["a.py", "b.py::t", "b.py::tt"]


def test_the_table_takes_the_place_of_the_one_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("What is promised.\n" + battery.TABLE + "\nold\n")
    battery.write(str(page), "new")
    assert page.read_text() == "What is promised.\n" + battery.TABLE + "\nnew\n"
