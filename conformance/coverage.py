"""Whether document, requirements and scenarios hang together: every statement asked for, every requirement played."""
import os
import re
from typing import NamedTuple

from parley.conformance import loader, model, requirements
from parley.conformance.requirements import ROOT, SCENARIOS

NOT_NORMATIVE = "not normative"
KINDS = ("rule", "example", "program", NOT_NORMATIVE)

_ROW = re.compile(r"\| (S\d+) \| ([^|]+) \| (.+) \|")


class Statement(NamedTuple):
    """One statement of a protocol's document, in our words."""

    number: str
    kind: str
    text: str


class Coverage(NamedTuple):
    """What belongs together: statements, requirements by id, and the scenarios with a step for each id."""

    statements: tuple
    requirements: dict
    scenarios: dict


def statements_path(protocol):
    return os.path.join(ROOT, "docs", "protocols", protocol + ".md")


def statements_in(text):
    """The numbered statements of a docs/protocols page."""
    return tuple(Statement(*found.groups()) for found in map(_ROW.fullmatch, text.split("\n")) if found)


def scenario_paths(protocol):
    folder = os.path.join(SCENARIOS, protocol)
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(loader.SUFFIX)]


def of_protocol(protocol):
    """Read everything there is on a protocol; raises FileFaults."""
    with open(statements_path(protocol), encoding="utf-8") as file:
        statements = statements_in(file.read())
    wanted = requirements.load(protocol)
    scenarios = {ident: [] for ident in wanted}
    for folder in dict.fromkeys((protocol, model.MIXED)):  # mixed scenarios may be evidence for any protocol
        for path in scenario_paths(folder):
            scenario = loader.load(path, requirements.usable_in)
            for ident in set(model.requirements_of(scenario)) & set(scenarios):
                scenarios[ident].append(scenario.name)
    return Coverage(statements, wanted, scenarios)


def gaps(coverage):
    """What is missing or loose, one sentence each; empty when everything hangs together."""
    return _bad_numbers(coverage.statements) + _unasked(coverage) + _loose(coverage) + _unplayed(coverage)


def _bad_numbers(statements):
    wanted = ["S%d" % number for number in range(1, len(statements) + 1)]
    found = [one.number for one in statements]
    gaps_found = [] if found == wanted else ["the statements are not numbered S1 to S%d in order" % len(found)]
    return gaps_found + ["%s is of an unknown kind: %s" % (one.number, one.kind)
                         for one in statements if one.kind not in KINDS]


def _unasked(coverage):
    asked = {number for one in coverage.requirements.values() for number in one.statements}
    return ["%s has no requirement: %s" % (one.number, one.text)
            for one in coverage.statements if one.kind != NOT_NORMATIVE and one.number not in asked]


def _loose(coverage):
    kinds = {one.number: one.kind for one in coverage.statements}
    found = []
    for one in coverage.requirements.values():
        for number in one.statements:
            if number not in kinds:
                found.append("%s rests on %s, which does not exist" % (one.ident, number))
            elif kinds[number] == NOT_NORMATIVE:
                found.append("%s rests on %s, which is not normative" % (one.ident, number))
        if not one.statements:
            found.append("%s rests on no statement" % one.ident)
    return found


def _unplayed(coverage):
    found = []
    for one in coverage.requirements.values():
        played = coverage.scenarios[one.ident]
        if not played and not one.untestable:
            found.append("%s (%s) has no step in any scenario, and no reason why not" % (one.ident, one.level))
        if played and one.untestable:
            found.append("%s is said to be untestable, but %s plays it" % (one.ident, played[0]))
    return found
