"""Coverage: does every normative statement have a requirement, and every requirement a scenario?"""
import os
import re
from typing import NamedTuple

from parley.conformance import loader, model, requirements
from parley.conformance.requirements import ROOT, SCENARIOS

NOT_NORMATIVE = "not normative"
KINDS = ("rule", "example", "program", NOT_NORMATIVE)

_ROW = re.compile(r"\| ([SR]\d+) \| ([^|]+) \| (.+) \|")


class Statement(NamedTuple):
    """One statement of a protocol's document, in our words."""

    number: str
    kind: str
    text: str


class Coverage(NamedTuple):
    """A protocol's statements, {id: requirement}, and {id: names of the scenarios that are evidence for it}."""

    statements: tuple
    requirements: dict
    scenarios: dict


def statements_path(protocol):
    return os.path.join(ROOT, "docs", "protocols", protocol + ".md")


def extensions_path(protocol):
    """What docs/rooms.md says of a protocol; its statements are called R1, R2, ... It need not be there."""
    return os.path.join(SCENARIOS, protocol, "rooms.md")


def statements_in(text):
    """The numbered statements in the text of such a page."""
    return tuple(Statement(*found.groups()) for found in map(_ROW.fullmatch, text.split("\n")) if found)


def scenario_paths(protocol):
    folder = os.path.join(SCENARIOS, protocol)
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(loader.SUFFIX)]


def of_protocol(protocol):
    """The coverage of a protocol, from its files; raises FileErrors."""
    statements = ()
    for path in filter(os.path.exists, (statements_path(protocol), extensions_path(protocol))):
        with open(path, encoding="utf-8") as file:
            statements += statements_in(file.read())
    wanted = requirements.load(protocol)
    scenarios = {ident: [] for ident in wanted}
    for folder in dict.fromkeys((protocol, model.MIXED)):  # mixed scenarios may be evidence for any protocol
        for path in scenario_paths(folder):
            scenario = loader.load(path, requirements.available_to)
            for ident in set(model.requirement_ids(scenario)) & set(scenarios):
                scenarios[ident].append(scenario.name)
    return Coverage(statements, wanted, scenarios)


def gaps(coverage):
    """One sentence for each gap in a protocol's coverage; empty if there is none."""
    return (_misnumbered(coverage.statements) + _without_requirement(coverage) + _without_statement(coverage)
            + _without_scenario(coverage))


def _misnumbered(statements):
    misnumbered = []
    for letter in "SR":
        found = [one.number for one in statements if one.number.startswith(letter)]
        if found != ["%s%d" % (letter, number) for number in range(1, len(found) + 1)]:
            misnumbered.append("the statements are not numbered %s1 to %s%d in order" % (letter, letter, len(found)))
    return misnumbered + ["%s has an unknown kind: %s" % (one.number, one.kind)
                          for one in statements if one.kind not in KINDS]


def _without_requirement(coverage):
    required = {number for one in coverage.requirements.values() for number in one.statements}
    return ["%s has no requirement: %s" % (one.number, one.text)
            for one in coverage.statements if one.kind != NOT_NORMATIVE and one.number not in required]


def _without_statement(coverage):
    kinds = {one.number: one.kind for one in coverage.statements}
    found = []
    for one in coverage.requirements.values():
        for number in one.statements:
            if number not in kinds:
                found.append("%s is based on %s, which does not exist" % (one.ident, number))
            elif kinds[number] == NOT_NORMATIVE:
                found.append("%s is based on %s, which is not normative" % (one.ident, number))
        if not one.statements:
            found.append("%s is based on no statement" % one.ident)
    return found


def _without_scenario(coverage):
    found = []
    for one in coverage.requirements.values():
        scenarios = coverage.scenarios[one.ident]
        if not scenarios and not one.untestable:
            found.append("%s (%s) has no step in any scenario, and no reason why not" % (one.ident, one.level))
        if scenarios and one.untestable:
            found.append("%s is marked untestable, but %s tests it" % (one.ident, scenarios[0]))
    return found
