"""Joins the page's scripts into one, so that browsers need one request instead of one for each."""
import re
from typing import Dict, List

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w.]+)";$', re.MULTILINE)
_COMMENT = re.compile(r"^ *//.*\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:class|const|function\*?) ([\w$]+))", re.MULTILINE)


def joined(scripts: Dict[str, str], first: str) -> str:
    """One script that does what the ES module `first` does, with all that it imports.

    scripts: {name: text}. The only import may be `import {a, b} from "./name";` at the beginning of a line, the only
    export `export` in front of a declaration at the beginning of a line. Imports may not be circular. Lines that are
    comments are left out, so no line of a string may begin with `//`.
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
    """Append to `found` all scripts that this one imports, then the script itself."""
    for match in _IMPORT.finditer(scripts[name]):
        if match.group(2) not in found:
            _find(scripts, match.group(2), found)
    found.append(name)


def _variable(name: str) -> str:
    return "module_" + name.replace(".", "_")
