"""The page's scripts, joined into one: a browser asks once instead of once for each, and none waits for another."""
import re
from typing import Dict, List

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w.]+)";$', re.MULTILINE)
_COMMENT = re.compile(r"^ *//.*\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:class|const|function\*?) ([\w$]+))", re.MULTILINE)


def joined(scripts: Dict[str, str], first: str) -> str:
    """One script that does what the ES module `first` does, with all that it imports.

    scripts: their texts, by name. They may only have `import {a, b} from "./name";`, each at a line's start, and
    `export` in front of what they declare there. None may import itself by way of others. Lines of comments are left
    out, so no other line may begin with `//`, in a text either.
    """
    found: List[str] = []
    _find(scripts, first, found)
    parts = ['"use strict";\n']
    for name in found:
        text = _IMPORT.sub(
            lambda match: "const {%s} = %s;" % (match.group(1), _variable(match.group(2))),
            _COMMENT.sub("", scripts[name]))
        names = [match.group(2) for match in _EXPORT.finditer(text)]
        parts.append("const %s = (() => {\n%s\nreturn {%s};\n})();\n" % (
            _variable(name), _EXPORT.sub(r"\1", text), ", ".join(names)))
    return "".join(parts)


def _find(scripts: Dict[str, str], name: str, found: List[str]) -> None:
    """Add a script to those that were found, behind all that it imports."""
    for match in _IMPORT.finditer(scripts[name]):
        if match.group(2) not in found:
            _find(scripts, match.group(2), found)
    found.append(name)


def _variable(name: str) -> str:
    return "module_" + name.replace(".", "_")
