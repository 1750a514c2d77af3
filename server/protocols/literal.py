r"""A reader for dictionaries written as Python or JSON. It never evaluates anything.

    dictionary  { string : value , ... }   at most 32 keys, none twice
    list        [ value , ... ]
    string      '...' or "..." in one line, with the escapes \\ \' \" \/ \b \f \n \r \t \xNN \uNNNN \UNNNNNNNN
    number      -12 or -1.25, at most 18 digits on either side of the point
    word        True False None true false null

Blanks and line ends may stand between all of these. Nesting is at most 8 deep, and the total number of values, without
keys, is limited. Nothing else is accepted: no tuples, sets, calls, operators, exponents, prefixes, comments or trailing
commas. Two \uNNNN that form a surrogate pair are one character; a lone surrogate is refused. The time is linear in the
length of the text, and reading stops at the limit of values.
"""
import re
from typing import Any, Callable, Dict, List, Tuple

DEEPEST = 8
MOST_KEYS = 32
MOST_VALUES = 64  # in a request, which needs only a handful; each takes longer to read than a thousand characters

# A string has no raw controls except TAB and no surrogates, and \U does not stand for a surrogate either.
_PLAIN = r"[^%s\\\x00-\x08\x0a-\x1f\ud800-\udfff]*"
_ESCAPED = (
    r"""\\(?:[\\'"/bfnrt]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}"""
    r"""|U(?:0000(?![dD][89a-fA-F])|000[1-9a-fA-F]|0010)[0-9a-fA-F]{4})"""
)
# A string without its closing quote. Runs of plain characters alternate with escapes, so that every character can
# match in one way only, and a missing quote causes no backtracking.
_SINGLE, _DOUBLE = (
    "{quote}{plain}(?:{escaped}{plain})*".format(quote=quote, plain=_PLAIN % quote, escaped=_ESCAPED)
    for quote in "'\""
)
_STRING = re.compile(_SINGLE + "|" + _DOUBLE)
_SCALAR = re.compile(r"""
    (?P<float>  -? (?: 0 | [1-9][0-9]{0,17} ) \. [0-9]{1,18} )
  | (?P<int>    -? (?: 0 | [1-9][0-9]{0,17} ) )
  | (?P<word>   [Tt]rue | [Ff]alse | None | null )
""", re.VERBOSE)
_SPACE = re.compile(r"[ \t\r\n]*")

_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}
_SCALARS: Dict[str, Callable[[str], Any]] = {"float": float, "int": int, "word": _WORDS.__getitem__}


class NotALiteral(ValueError):
    """The text is not a dictionary. The argument is the position at which that shows."""


def parse(text: str, most_values: int = MOST_VALUES) -> Dict[str, Any]:
    """The dictionary that `text` denotes; `NotALiteral` if it is none, or has more than `most_values` values."""
    return _Reader(text, most_values).read()


class _Reader:
    """Reads one text. A method that reads something at `at` returns it, and the position after it and any blanks."""

    __slots__ = ("_text", "_values", "_most_values")

    def __init__(self, text: str, most_values: int) -> None:
        self._text = text
        self._most_values = most_values
        self._values = 0  # seen so far

    def read(self) -> Dict[str, Any]:
        start = self._after_space(0)
        if not self._text.startswith("{", start):
            raise NotALiteral(start)
        value, end = self._dictionary(start, 1)
        if end != len(self._text):
            raise NotALiteral(end)
        return value

    def _after_space(self, at: int) -> int:
        return _SPACE.match(self._text, at).end()  # type: ignore[union-attr]  # it always matches

    def _after(self, mark: str, at: int) -> int:
        """The position after `mark`, which must stand at `at`."""
        if not self._text.startswith(mark, at):
            raise NotALiteral(at)
        return self._after_space(at + len(mark))

    def _value(self, at: int, depth: int) -> Tuple[Any, int]:
        """`depth`: how many brackets are open."""
        self._values += 1
        if self._values > self._most_values:
            raise NotALiteral(at)
        first = self._text[at:at + 1]
        if first in ("'", '"'):
            return self._string(at)
        if first in _BRACKETS:
            if depth == DEEPEST:
                raise NotALiteral(at)
            return _BRACKETS[first](self, at, depth + 1)
        scalar = _SCALAR.match(self._text, at)
        if not scalar:
            raise NotALiteral(at)
        return _SCALARS[scalar.lastgroup](scalar.group()), self._after_space(scalar.end())  # type: ignore[index]

    def _dictionary(self, at: int, depth: int) -> Tuple[Dict[str, Any], int]:
        found: Dict[str, Any] = {}

        def pair(at: int) -> int:
            key, colon = self._string(at)
            if key in found or len(found) == MOST_KEYS:
                raise NotALiteral(at)
            found[key], at = self._value(self._after(":", colon), depth)
            return at

        return found, self._members(at, "{", "}", pair)

    def _list(self, at: int, depth: int) -> Tuple[List[Any], int]:
        found: List[Any] = []

        def item(at: int) -> int:
            value, at = self._value(at, depth)
            found.append(value)
            return at

        return found, self._members(at, "[", "]", item)

    def _members(self, at: int, opening: str, closing: str, read: Callable[[int], int]) -> int:
        """The position after brackets and their members; `read(at)` reads one member and returns its end."""
        at = self._after(opening, at)
        if not self._text.startswith(closing, at):
            at = read(at)
            while not self._text.startswith(closing, at):
                at = read(self._after(",", at))
        return self._after(closing, at)

    def _string(self, at: int) -> Tuple[str, int]:
        string = _STRING.match(self._text, at)
        if not string or not self._text.startswith(self._text[at], string.end()):
            raise NotALiteral(at)
        inside = string.group()[1:]
        if "\\" in inside:
            try:
                inside = _unescaped(inside)
            except UnicodeDecodeError:  # half a pair of surrogates
                raise NotALiteral(at) from None
        return inside, self._after_space(string.end() + 1)


_BRACKETS: Dict[str, Callable[[_Reader, int, int], Tuple[Any, int]]] = {
    "{": _Reader._dictionary, "[": _Reader._list}


def _unescaped(inside: str) -> str:
    """The content of a string whose escapes are well formed, with the escapes replaced.

    Python's codec knows all of them except the slash, and reads surrogates one by one; UTF-16 joins them to pairs.
    """
    inside = inside.replace("\\\\", "\\x5c").replace("\\/", "/")
    characters = inside.encode("latin-1", "backslashreplace").decode("unicode_escape")
    return characters.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
