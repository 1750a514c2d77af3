"""The verdict of a run on each requirement, collected from the properties of pytest's items, as a table."""
import json
from collections import Counter, OrderedDict

from parley.conformance.barrier import ROUND_TRIPS
from parley.conformance.requirements import LEVELS

PASS, TOLERATED, FAIL, DIFFERS, SKIPPED, NOT_COVERED = "pass", "tolerated", "fail", "differs", "skipped", "not covered"
UNTESTABLE, NOT_REACHED = "not testable", "not reached"
VERDICTS = (PASS, TOLERATED, FAIL, DIFFERS, SKIPPED, UNTESTABLE, NOT_REACHED, NOT_COVERED)

# If a requirement has several verdicts, the first of these counts.
_WORST_FIRST = (FAIL, DIFFERS, TOLERATED, PASS, NOT_REACHED, SKIPPED, NOT_COVERED)


class Results:
    """The verdicts of a run, by requirement."""

    def __init__(self):
        self._verdicts = {}
        self._notes = {}
        self._weak = {}
        self._strong = set()
        self.transcripts = {}  # requirement: the smallest transcript that shows that it is broken
        self.learnt = set()  # requirements of which the acquaintance has found that they are broken
        self.hinders = set()  # requirements that are in the way of others
        self.lost = ""  # the scenario from which on the server let nobody in

    def add(self, properties):
        """Add the properties of one item: [(name, value)].

        `verdicts` is [[requirement, verdict, note], ...] as JSON, `evidence` the kind of barrier, such as relay,
        `transcripts` {requirement: text} as JSON, `learnt` a requirement that the acquaintance has found broken,
        `hinders` one that is in the way of others, and `lost` the scenario from which on the server let nobody in.
        """
        properties = dict(properties)
        for ident, verdict, note in json.loads(properties.get("verdicts", "[]")):
            self._verdicts.setdefault(ident, Counter())[verdict] += 1
            if note:
                self._notes.setdefault((ident, verdict), note)
            if properties.get("evidence") in ROUND_TRIPS:
                self._strong.add(ident)
            elif properties.get("evidence"):
                self._weak[ident] = properties["evidence"]

        for ident, text in json.loads(properties.get("transcripts", "{}")).items():
            if len(text) < len(self.transcripts.get(ident, text + " ")):
                self.transcripts[ident] = text
        if properties.get("learnt"):
            self.learnt.add(properties["learnt"])
        if properties.get("hinders"):
            self.hinders.add(properties["hinders"])
        self.lost = self.lost or properties.get("lost", "")

    def __bool__(self):
        return bool(self._verdicts)

    def covers(self, requirements):
        """Whether there is a verdict on any of these."""
        return bool(self._verdicts.keys() & set(requirements))

    def verdict(self, requirement):
        seen = self._verdicts.get(requirement.ident, {})
        for verdict in _WORST_FIRST:
            if seen.get(verdict):
                return verdict
        return UNTESTABLE if requirement.untestable else NOT_COVERED

    def note(self, requirement):
        verdict = self.verdict(requirement)
        if verdict == UNTESTABLE:
            return requirement.untestable
        note = self._notes.get((requirement.ident, verdict), "")
        runs = self._verdicts.get(requirement.ident, {})
        if verdict in (FAIL, DIFFERS) and runs.get(PASS) and requirement.ident not in self.learnt:
            note = "%d of %d checks: %s" % (runs[verdict], sum(runs.values()), note)
        if requirement.ident in self._weak and requirement.ident not in self._strong:
            note = (note + " " if note else "") + "(weak evidence: %s)" % self._weak[requirement.ident]
        return note


def counts_table(requirements, results):
    """Lines of a Markdown table: how many of the requirements, {id: requirement}, of each level have each verdict."""
    counts = OrderedDict((level, Counter()) for level in LEVELS)
    for requirement in requirements.values():
        counts[requirement.level][results.verdict(requirement)] += 1
    head = ["level"] + list(VERDICTS) + ["all"]
    rows = [[level] + [str(count[verdict] or "-") for verdict in VERDICTS] + [str(sum(count.values()))]
            for level, count in counts.items()]
    return markdown([head] + rows)


def full_table(requirements, results, verdicts=VERDICTS):
    """Lines of a Markdown table: each requirement that has one of the verdicts; empty if none has."""
    rows = [[one.ident, one.level, results.verdict(one), one.says, results.note(one)]
            for one in requirements.values() if results.verdict(one) in verdicts]
    return markdown([["requirement", "level", "verdict", "what it asks", "note"]] + rows) if rows else []


def markdown(rows):
    """Lines of a Markdown table, of rows of cells; the columns are aligned for the terminal."""
    rows = [[cell.replace("|", "\\|").replace("\n", " ").strip() for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = ["| %s |" % " | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return [aligned[0], "|%s|" % "|".join("-" * (width + 2) for width in widths)] + aligned[1:]
