r"""Dictionaries as text, in Python's notation or in JSON's, read as data: nothing is ever evaluated.

    dictionary  { string : value , ... }   at most 32 keys, none twice
    list        [ value , ... ]
    string      '...' or "..." in one line, with the escapes \\ \' \" \/ \b \f \n \r \t \xNN \uNNNN \UNNNNNNNN
    number      -12 or -1.25, at most 18 digits on either side of the point
    word        True False None true false null

Nested at most 8 deep, with a bound on the values in all, keys not counted, and with blanks and line ends between. That
is all: no tuples, sets, calls, operators, exponents, prefixes, comments or trailing commas. Two \uNNNN that are a pair
of surrogates are one character; a surrogate alone is none. The time is linear in the length of the text, and what is
more than the most values is not looked at.
"""
import re

DEEPEST = 8
MOST_KEYS = 32
MOST_VALUES = 64  # of a request, as none has more than a handful; each takes longer to read than a thousand characters

# Raw controls other than TAB, and surrogates, are in no string; \U stands for no half of a pair either.
_PLAIN = r"[^%s\\\x00-\x08\x0a-\x1f\ud800-\udfff]*"
_ESCAPED = (
    r"""\\(?:[\\'"/bfnrt]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}"""
    r"""|U(?:0000(?![dD][89a-fA-F])|000[1-9a-fA-F]|0010)[0-9a-fA-F]{4})"""
)
# A string without the quote at its end. Plain characters in one repetition, between escapes: each character has one
# place, and nothing is tried twice where that quote is missing.
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
_SCALARS = {"float": float, "int": int, "word": _WORDS.__getitem__}


class NotALiteral(ValueError):
    """This is not the text of a dictionary. The argument says where it ceases to be."""


def parse(text, most_values=MOST_VALUES):
    """The dictionary that `text` is; NotALiteral if it is none, or has more values than that."""
    return _Reader(text, most_values).read()


class _Reader:
    """Reads one text. Each method but `read` gives what begins at `at`, and where the text goes on after it."""

    __slots__ = ("_text", "_values", "_most_values")

    def __init__(self, text, most_values):
        self._text = text
        self._most_values = most_values
        self._values = 0  # seen so far

    def read(self):
        start = self._after_space(0)
        if not self._text.startswith("{", start):
            raise NotALiteral(start)
        value, end = self._dictionary(start, 1)
        if end != len(self._text):
            raise NotALiteral(end)
        return value

    def _after_space(self, at):
        return _SPACE.match(self._text, at).end()

    def _after(self, mark, at):
        """Where it goes on after `mark`, which must be at `at`."""
        if not self._text.startswith(mark, at):
            raise NotALiteral(at)
        return self._after_space(at + len(mark))

    def _value(self, at, depth):
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
        return _SCALARS[scalar.lastgroup](scalar.group()), self._after_space(scalar.end())

    def _dictionary(self, at, depth):
        found = {}

        def pair(at):
            key, colon = self._string(at)
            if key in found or len(found) == MOST_KEYS:
                raise NotALiteral(at)
            found[key], at = self._value(self._after(":", colon), depth)
            return at

        return found, self._members(at, "{}", pair)

    def _list(self, at, depth):
        found = []

        def item(at):
            value, at = self._value(at, depth)
            found.append(value)
            return at

        return found, self._members(at, "[]", item)

    def _members(self, at, brackets, read):
        """Where it goes on after brackets and their members; `read(at)` takes one and says where it ends."""
        opening, closing = brackets
        at = self._after(opening, at)
        if not self._text.startswith(closing, at):
            at = read(at)
            while not self._text.startswith(closing, at):
                at = read(self._after(",", at))
        return self._after(closing, at)

    def _string(self, at):
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


_BRACKETS = {"{": _Reader._dictionary, "[": _Reader._list}


def _unescaped(inside):
    """What stands between quotes, with its escapes, which are well formed, as the characters that they are.

    Python's own codec knows them all but the slash, and reads surrogates one by one: UTF-16 makes pairs of them.
    """
    inside = inside.replace("\\\\", "\\x5c").replace("\\/", "/")
    characters = inside.encode("latin-1", "backslashreplace").decode("unicode_escape")
    return characters.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
