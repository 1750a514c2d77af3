r"""Dictionaries as text, in Python's notation or in JSON's, read as data: nothing is ever evaluated.

    dictionary  { string : value , ... }   at most 32 keys, none twice
    list        [ value , ... ]
    string      '...' or "..." in one line, with the escapes \\ \' \" \/ \b \f \n \r \t \xNN \uNNNN \UNNNNNNNN
    number      -12 or -1.25, at most 18 digits on either side of the point
    word        True False None true false null

Nested at most 8 deep, with blanks and line ends between. That is all: no tuples, sets, calls, operators, exponents,
prefixes, comments or trailing commas. Two \uNNNN that are a pair of surrogates are one character; a surrogate alone is
none. The time is linear in the length of the text.
"""
import re

DEEPEST = 8
MOST_KEYS = 32

# Raw controls other than TAB, and surrogates, are in no string.
_PLAIN = r"[^%s\\\x00-\x08\x0a-\x1f\ud800-\udfff]*"
_ESCAPED = r"""\\(?:[\\'"/bfnrt]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"""
# Plain characters in one repetition, between escapes: each character has one place, so there is nothing to backtrack.
_SINGLE, _DOUBLE = (
    "{quote}{plain}(?:{escaped}{plain})*{quote}".format(quote=quote, plain=_PLAIN % quote, escaped=_ESCAPED)
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

# A run of \u is one piece of UTF-16, so that pairs of surrogates are joined by who knows how.
_ESCAPE = re.compile(r"(?P<u>(?:\\u.{4})+)|(?P<U>\\U.{8})|(?P<x>\\x..)|\\(?P<letter>.)")
_CODECS = {"u": "utf-16-be", "U": "utf-32-be", "x": "latin-1"}
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class NotALiteral(ValueError):
    """This is not the text of a dictionary. The argument says where it ceases to be."""


def parse(text):
    """The dictionary that `text` is; NotALiteral if it is none."""
    start = _after_space(text, 0)
    if text[start:start + 1] != "{":
        raise NotALiteral(start)
    value, end = _dictionary(text, start, 1)
    if end != len(text):
        raise NotALiteral(end)
    return value


def _after_space(text, at):
    return _SPACE.match(text, at).end()


def _after(mark, text, at):
    """Where it goes on after `mark`, which must be at `at`."""
    if not text.startswith(mark, at):
        raise NotALiteral(at)
    return _after_space(text, at + len(mark))


# Each of these gives what begins at `at`, and where the text goes on after it and the white space behind it.

def _value(text, at, depth):
    """`depth`: how many brackets are open."""
    first = text[at:at + 1]
    if first in ("'", '"'):
        return _string(text, at)
    if first in _BRACKETS:
        if depth == DEEPEST:
            raise NotALiteral(at)
        return _BRACKETS[first](text, at, depth + 1)
    scalar = _SCALAR.match(text, at)
    if not scalar:
        raise NotALiteral(at)
    return _SCALARS[scalar.lastgroup](scalar.group()), _after_space(text, scalar.end())


def _dictionary(text, at, depth):
    found = {}

    def pair(at):
        key, colon = _string(text, at)
        if key in found or len(found) == MOST_KEYS:
            raise NotALiteral(at)
        found[key], at = _value(text, _after(":", text, colon), depth)
        return at

    return found, _members(text, at, "{}", pair)


def _list(text, at, depth):
    found = []

    def item(at):
        value, at = _value(text, at, depth)
        found.append(value)
        return at

    return found, _members(text, at, "[]", item)


def _members(text, at, brackets, read):
    """Where the text goes on after brackets and their members; `read(at)` takes one and says where it ends."""
    opening, closing = brackets
    at = _after(opening, text, at)
    if not text.startswith(closing, at):
        at = read(at)
        while not text.startswith(closing, at):
            at = read(_after(",", text, at))
    return _after(closing, text, at)


_BRACKETS = {"{": _dictionary, "[": _list}


def _string(text, at):
    string = _STRING.match(text, at)
    if not string:
        raise NotALiteral(at)
    inside = string.group()[1:-1]
    if "\\" in inside:
        try:
            inside = _ESCAPE.sub(_character, inside)
        except UnicodeDecodeError:  # half a pair of surrogates, or beyond U+10FFFF
            raise NotALiteral(at) from None
    return inside, _after_space(text, string.end())


def _character(escape):
    kind = escape.lastgroup
    if kind == "letter":
        return _LETTERS.get(escape.group(kind), escape.group(kind))
    return bytes.fromhex(escape.group().replace("\\" + kind, "")).decode(_CODECS[kind])
