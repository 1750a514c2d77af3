"""The rows of the battery, as they stand in rows.yaml."""
import os
import re
from typing import NamedTuple

import yaml

from parley.conformance.yamlnodes import LOADER

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows.yaml")
KEYS = {"row", "fault", "expected", "shown_by", "not_applicable", "note"}
ALL = ""  # the key in `shown_by` of checks that are not about one protocol

_SCENARIO = re.compile(r"(\w+)/([\w-]+)(\[[\w-]+\])?")


class Row(NamedTuple):
    """One fault.

    shown_by: {protocol or ALL: pytest node ids, without the brackets of parameters where it is all of them}; instead of
        these a protocol may have a sentence that says why it has none.
    not_applicable: why there is nothing to show, or None. note: what a reader should know, or "".
    """

    ident: str
    section: str
    fault: str
    expected: str
    shown_by: dict
    not_applicable: str
    note: str

    @property
    def references(self):
        """All node ids, in order."""
        return [ref for refs in self.shown_by.values() if not isinstance(refs, str) for ref in refs]


def load(path=PATH):
    """All rows in order; ValueError if one is not of the right form."""
    with open(path, encoding="utf-8") as file:
        entries = yaml.load(file, Loader=LOADER)  # noqa: S506  it is a safe one
    rows, section = [], None
    for entry in entries:
        if "section" in entry:
            section = entry["section"]
        elif set(entry) <= KEYS:
            rows.append(_row(entry, section))
        else:
            raise ValueError("%s: unknown keys %s" % (entry.get("row"), sorted(set(entry) - KEYS)))
    return rows


def _row(entry, section):
    shown_by = entry.get("shown_by", {})
    if isinstance(shown_by, list):
        shown_by = {ALL: shown_by}
    return Row(str(entry["row"]), section, entry["fault"], entry["expected"],
               {protocol: refs if isinstance(refs, str) else [_node_id(ref) for ref in refs]
                for protocol, refs in shown_by.items()},
               entry.get("not_applicable"), entry.get("note", ""))


def _node_id(reference):
    """`line/ping` is scenarios/line/ping.scenario.yaml, `line/ping[same-whole]` one variant of it."""
    found = _SCENARIO.fullmatch(reference)
    if not found:
        return reference
    folder, name, variant = found.groups()
    path = "scenarios/%s/%s.scenario.yaml" % (folder, name)
    return "%s::%s%s" % (path, name, variant) if variant else path


def covers(reference, node_id):
    """Whether a reference names this node, or a file or function that it belongs to."""
    return node_id == reference or node_id.startswith((reference + "::", reference + "["))
