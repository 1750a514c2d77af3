"""The requirements of each protocol, which `scenarios/*/requirements.yaml` lists."""
import functools
import os
from typing import NamedTuple, Optional, Tuple

from parley.conformance.model import MIXED
from parley.conformance.yamlnodes import Document, read

LEVELS = ("must", "should", "may", "survive")
_KEYS = ("level", "says", "in", "from", "disputed", "we_read", "untestable")

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCENARIOS = os.path.join(ROOT, "scenarios")
INSTALLED = os.path.exists(os.path.join(ROOT, "py.typed"))  # not a checkout, where py.typed is in parley/


class Requirement(NamedTuple):
    """One requirement.

    `level` is one of LEVELS. `source` names the section of the document, `statements` the numbers (S1, ...) of its
    statements in docs/protocols/. `disputed` says where the document contradicts itself or is silent, `we_read` how we
    read it, `untestable` why no scenario is evidence for it.
    """

    ident: str
    level: str
    says: str
    source: str
    statements: Tuple[str, ...]
    disputed: Optional[str] = None
    we_read: Optional[str] = None
    untestable: Optional[str] = None


def path_of(protocol):
    return os.path.join(SCENARIOS, protocol, "requirements.yaml")


def protocols():
    """The names of all protocols that have requirements, including `mixed`, sorted."""
    return sorted(name for name in os.listdir(SCENARIOS) if os.path.exists(path_of(name)))


@functools.lru_cache(maxsize=None)  # it is called once for each scenario
def available_to(protocol):
    """{id: requirement} that a scenario of the protocol may name: the protocol's own, or all if it is `mixed`."""
    found = {}
    for name in protocols() if protocol == MIXED else [protocol]:
        found.update(load(name))
    return found


def load(protocol):
    """{id: requirement} of a protocol, in the file's order; raises FileErrors."""
    path = os.path.relpath(path_of(protocol))
    return parse(read(path), path)


@functools.lru_cache(maxsize=None)  # each of what a server does wrong asks for it
def parse(text, path):
    document = Document(path, text)
    document.raise_errors()
    found = {}
    for ident, _, node in document.pairs(document.root, "the requirements"):
        found[ident] = _requirement(document, ident, node)
    document.raise_errors()
    return found


def _requirement(document, ident, node):
    nodes = {key: value for key, _, value in document.known_pairs(node, ident, _KEYS)}
    missing = [key for key in ("level", "says", "in", "from") if key not in nodes]
    if missing:
        return document.error(node, "%s lacks %s" % (ident, ", ".join(missing)))
    extra = {key: document.text(nodes[key], key) for key in ("disputed", "we_read", "untestable") if key in nodes}
    return Requirement(ident, document.choice(nodes["level"], "level", LEVELS), document.text(nodes["says"], "says"),
                       document.text(nodes["in"], "in"), document.texts(nodes["from"], "from"), **extra)


def strictest(levels):
    """The strictest of the levels of a step's requirements; `must` if it has none."""
    return min(levels, key=LEVELS.index) if levels else "must"
