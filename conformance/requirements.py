"""The requirements of a protocol: an id, a level, our own words, and the statements of the document they come from."""
import functools
import os
from typing import NamedTuple, Optional, Tuple

from parley.conformance.model import MIXED
from parley.conformance.yamlnodes import Document, read

LEVELS = ("must", "should", "may", "survive")
_KEYS = ("level", "says", "in", "from", "disputed", "we_read", "untestable")

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCENARIOS = os.path.join(ROOT, "scenarios")
INSTALLED = os.path.exists(os.path.join(ROOT, "py.typed"))  # and not a checkout, where this lies a folder deeper


class Requirement(NamedTuple):
    """`found_in` names the place in the document, `statements` the numbers in our list of its statements."""

    ident: str
    level: str
    says: str
    found_in: str
    statements: Tuple[str, ...]
    disputed: Optional[str] = None
    we_read: Optional[str] = None
    untestable: Optional[str] = None


def path_of(protocol):
    return os.path.join(SCENARIOS, protocol, "requirements.yaml")


def protocols():
    """All protocols that have requirements, `mixed` included, in a stable order."""
    return sorted(name for name in os.listdir(SCENARIOS) if os.path.exists(path_of(name)))


@functools.lru_cache(maxsize=None)  # as many scenarios name the same ones
def usable_in(protocol):
    """The requirements that a scenario of the protocol may name: its own; a mixed one may name all."""
    found = {}
    for name in protocols() if protocol == MIXED else [protocol]:
        found.update(load(name))
    return found


def load(protocol):
    """The requirements of a protocol by id, in the file's order; raises FileFaults."""
    path = os.path.relpath(path_of(protocol))
    return parse(read(path), path)


def parse(text, path):
    document = Document(path, text)
    document.raise_faults()
    found = {}
    for ident, _, node in document.pairs(document.root, "the requirements"):
        found[ident] = _requirement(document, ident, node)
    document.raise_faults()
    return found


def _requirement(document, ident, node):
    nodes = {key: value for key, _, value in document.known_pairs(node, ident, _KEYS)}
    missing = [key for key in ("level", "says", "in", "from") if key not in nodes]
    if missing:
        return document.fault(node, "%s lacks %s" % (ident, ", ".join(missing)))
    extra = {key: document.text(nodes[key], key) for key in ("disputed", "we_read", "untestable") if key in nodes}
    return Requirement(ident, document.choice(nodes["level"], "level", LEVELS), document.text(nodes["says"], "says"),
                       document.text(nodes["in"], "in"), document.texts(nodes["from"], "from"), **extra)


def gravest(levels):
    """The level that counts when a step is evidence for several; a step without requirements is taken as a must."""
    return min(levels, key=LEVELS.index) if levels else "must"
