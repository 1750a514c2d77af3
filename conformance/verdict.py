"""The verdict on a foreign server: one sentence, and its faults in the order in which to fix them."""
from typing import NamedTuple

from parley.conformance import report
from parley.conformance.requirements import LEVELS

MOST_CAUSES = 7
_MOST_LINES = 16  # of a transcript
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_STRICT = ("must", "should")


class Cause(NamedTuple):
    """A broken requirement, why it counts as broken, and the smallest transcript that shows it."""

    requirement: object
    note: str
    transcript: str


def causes(requirements, results):
    """A `Cause` for each requirement, of {id: Requirement}, that failed: `must` first, and what is in others' way."""
    failed = [one for one in requirements.values() if results.verdict(one) == report.FAIL]
    failed.sort(key=lambda one: (LEVELS.index(one.level), one.ident not in results.hinders))
    return [Cause(one, results.note(one), results.transcripts.get(one.ident, "")) for one in failed]


def sentence(requirements, results):
    """The verdict, of the requirements of the levels must and should."""
    strict = [results.verdict(one) for one in requirements.values() if one.level in _STRICT]
    kept = sum(one in (report.PASS, report.TOLERATED) for one in strict)
    failed = causes(requirements, results)
    musts = sum(one.requirement.level == "must" for one in failed)
    lost = strict.count(report.NOT_REACHED)
    judged = kept + strict.count(report.FAIL)
    if not judged:
        return _without_demands(requirements, results)
    text = "%s, which keeps %d of %d requirements of the levels must and should" % (
        _kind_of_server(len(failed), musts), kept, judged)
    return text + ("; %d more could not be judged because of what failed." % lost if lost else ".")


def _without_demands(requirements, results):
    """The verdict where no requirement of the levels must and should was judged."""
    others = [results.verdict(one) for one in requirements.values() if one.level not in _STRICT]
    kept = sum(one in (report.PASS, report.TOLERATED) for one in others)
    judged = kept + others.count(report.DIFFERS) + others.count(report.FAIL)
    exist = any(one.level in _STRICT for one in requirements.values())
    text = "no requirement of the levels must and should %s" % ("could be judged" if exist else "is among these")
    return text + (", and none of the others." if not judged else
                   "; of the levels may and survive the server keeps %d of %d." % (kept, judged))


def _kind_of_server(faults, musts):
    if not faults:
        return "a faithful server"
    count = "%s fault%s" % (_number(faults), "s" * (faults > 1))
    if faults <= 3:
        return "a faithful server with " + count
    return "a server with %s, %s against a must" % (count, _number(musts))


def _number(number):
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def badge(requirements, results):
    """The text of a badge, such as `must 27/28, should 11/12`."""
    parts = []
    for level in _STRICT:
        verdicts = [results.verdict(one) for one in requirements.values() if one.level == level]
        kept = sum(one in (report.PASS, report.TOLERATED) for one in verdicts)
        parts.append("%s %d/%d" % (level, kept, kept + verdicts.count(report.FAIL)))
    return ", ".join(parts)


def told(requirements, results, rerun):
    """Lines: the verdict, then the causes; `rerun` gives the command that repeats a requirement, from its id."""
    found = causes(requirements, results)
    lines = [sentence(requirements, results)]
    if results.lost:
        lines += ["", "When scenario %s was to begin, the server let nobody in any more: it has ended, or hangs." %
                  results.lost, "Start it again, and judge what has not been reached with --req."]
    if found:
        lines += ["", "To mend, in this order:"]
    for number, cause in enumerate(found[:MOST_CAUSES], 1):
        one = cause.requirement
        lines += ["", "%d. %s (%s): %s" % (number, one.ident, one.level, one.says.strip()), "   " + one.source,
                  "   " + cause.note]
        lines += ["   " + line for line in _shortened(cause.transcript)]
        lines.append("   again: " + rerun(one.ident))
    if len(found) > MOST_CAUSES:
        lines += ["", "And %d more: %s." % (len(found) - MOST_CAUSES,
                                            ", ".join(one.requirement.ident for one in found[MOST_CAUSES:]))]
    return lines


def _shortened(transcript):
    lines = transcript.split("\n") if transcript else []
    return lines if len(lines) <= _MOST_LINES else lines[:1] + ["   ..."] + lines[2 - _MOST_LINES:]


def as_json(requirements, results):
    """The verdicts on {id: Requirement} as a value for JSON."""
    return {
        "verdict": sentence(requirements, results), "badge": badge(requirements, results),
        "causes": [one.requirement.ident for one in causes(requirements, results)],
        "requirements": {one.ident: {"level": one.level, "verdict": results.verdict(one), "note": results.note(one)}
                         for one in requirements.values()}}


class Change(NamedTuple):
    """A requirement on which two reports differ, with its two verdicts; `unknown` where one of them lacks it."""

    ident: str
    level: str
    old: str
    new: str


def changes(old, new):
    """The changes from one report to another, both {protocol: `as_json`}, in the order of the requirements."""
    for protocol in dict.fromkeys(list(old) + list(new)):
        before, after = (one.get(protocol, {}).get("requirements", {}) for one in (old, new))
        for ident, row in {**before, **after}.items():
            was, now = (one.get(ident, {}).get("verdict", "unknown") for one in (before, after))
            if was != now:
                yield Change(ident, row["level"], was, now)
