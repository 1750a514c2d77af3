"""Shell patterns over names, matched without backtracking, so that no pattern takes long."""
import re
from typing import Callable

from parley.server.chat.names import LONGEST

_LONGEST_PATTERN = 512  # characters; only sets could make one longer that still matches a name

# Stars; a set, in which "]" stands for itself if it comes first; any other character, an unclosed "[" too.
_PART = re.compile(r"\*+|\[(?:[!^]|(?![!^])).[^\]]*\]|.", re.DOTALL)
_RANGE = re.compile(r"(.)-(.)|(.)", re.DOTALL)


def matcher(pattern: str) -> Callable[[str], object]:
    """A function whose result is true if a name matches `pattern`: `*`, `?` and `[...]` as in a shell.

    What stands between two stars is sought from the left and then held (a lookahead and a reference to what it found),
    so nothing is tried twice.
    """
    pieces, size = [""], 0
    for part in _PART.findall(pattern[:_LONGEST_PATTERN]):
        if part[0] == "*":
            pieces.append("")
        else:
            pieces[-1] += _regex(part)
            size += 1
    if size > LONGEST + 1 or len(pattern) > _LONGEST_PATTERN:
        return lambda name: False
    if len(pieces) == 1:
        regex = pieces[0]
    else:
        held = "".join("(?=(?P<g%d>.*?%s))(?P=g%d)" % (n, piece, n) for n, piece in enumerate(pieces[1:-1]))
        regex = pieces[0] + held + ".*" + pieces[-1]
    return re.compile("(?s:%s)\\Z" % regex).match


def _regex(part: str) -> str:
    """The regular expression of what matches one character."""
    if part == "?":
        return "."
    if len(part) == 1:
        return re.escape(part)
    negated = part[1] in "!^"
    ranges = "".join(_range(*found) for found in _RANGE.findall(part[2 if negated else 1:-1]))
    if not ranges:
        return "." if negated else "(?!)"
    return "[%s%s]" % ("^" if negated else "", ranges)


def _range(low: str, high: str, one: str) -> str:
    if one:
        return re.escape(one)
    return "%s-%s" % (re.escape(low), re.escape(high)) if low <= high else ""
