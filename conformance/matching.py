"""Matchers: what a scenario may expect of one message.

Each has match(message, values), a `MatchResult`, and describe(values), a text for a failure. `values` is {name: value}
for the placeholders `${name}`.
"""
import re
from typing import Any, NamedTuple, Tuple

from parley.conformance.message import Message, format_fields

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class MatchResult(NamedTuple):
    """Whether a message matches, the grade of the matching alternative, and (name, value) of each named group."""

    matches: bool
    grade: str = "ok"
    groups: Tuple = ()


NO_MATCH = MatchResult(False)


def substitute(text, values):
    """The text with each `${name}` replaced by its value; an unknown name stays as it is."""
    return _PLACEHOLDER.sub(lambda found: str(values.get(found.group(1), found.group(0))), text)


def substitute_all(value, values):
    """`substitute` for every text in a value of any shape."""
    if isinstance(value, str):
        return substitute(value, values)
    if isinstance(value, list):
        return [substitute_all(item, values) for item in value]
    if isinstance(value, dict):
        return {key: substitute_all(item, values) for key, item in value.items()}
    return value.number(values) if isinstance(value, Number) else value


class Literal(NamedTuple):
    """Exactly this message."""

    text: str

    def match(self, message, values):
        return MatchResult(message == substitute(self.text, values))

    def describe(self, values):
        return substitute(self.text, values)


class Pattern(NamedTuple):
    """A regular expression for the whole message; its named groups become values for later steps."""

    source: str

    def match(self, message, values):
        if not isinstance(message, str):
            return NO_MATCH
        # Values are not patterns: a name such as `a.b` must not match `axb`.
        escaped = {name: re.escape(str(value)) for name, value in values.items()}
        found = re.fullmatch(substitute(self.source, escaped), message, re.DOTALL)
        return MatchResult(True, "ok", tuple(found.groupdict().items())) if found else NO_MATCH

    def describe(self, values):
        return "/%s/" % substitute(self.source, values)


class Between(NamedTuple):
    """A number, or a text that is one, between two limits, inclusive; a limit may be a placeholder."""

    low: Any
    high: Any

    def match(self, value, values):
        low, high = (float(substitute_all(limit, values)) for limit in self)
        try:
            return MatchResult(not isinstance(value, bool) and low <= float(value) <= high)
        except (TypeError, ValueError):
            return NO_MATCH

    def describe(self, values):
        return "between %s and %s" % tuple(substitute_all(limit, values) for limit in self)


class Number(NamedTuple):
    """A whole number. Where it is expected, `text` is a name, under which later steps have it, or the number itself."""

    text: str

    def number(self, values):
        """The number for which the text stands; ValueError if it is none."""
        return int(substitute(self.text, values))

    def match(self, value, values):
        if type(value) is not int:
            return NO_MATCH
        if self.text.isidentifier():
            return MatchResult(True, "ok", ((self.text, value),))
        return MatchResult(value == self.number(values))

    def describe(self, values):
        return "a number" if self.text.isidentifier() else substitute(self.text, values)


class AnyOrder(NamedTuple):
    """A list with these values, in any order."""

    wanted: Tuple

    def match(self, value, values):
        if not isinstance(value, list) or len(value) != len(self.wanted):
            return NO_MATCH
        left, groups = list(self.wanted), ()
        for item in value:
            results = [(one, _match_value(one, item, values)) for one in left]
            one, result = next((pair for pair in results if pair[1].matches), (None, NO_MATCH))
            if not result.matches:
                return NO_MATCH
            left.remove(one)
            groups += result.groups
        return MatchResult(True, "ok", groups)

    def describe(self, values):
        return "in any order: %s" % [_described(one, values) for one in self.wanted]


def _match_value(wanted, value, values):
    """Match one field's value against a matcher, or against a value: equal in types, shape and content."""
    if hasattr(wanted, "match"):
        return wanted.match(value, values)
    if isinstance(wanted, str):
        return MatchResult(isinstance(value, str) and value == substitute(wanted, values))
    if type(wanted) is not type(value):
        return NO_MATCH
    if isinstance(wanted, list):
        return _match_all(zip(wanted, value), values) if len(wanted) == len(value) else NO_MATCH
    if isinstance(wanted, dict):
        same_keys = wanted.keys() == value.keys()
        return _match_all([(wanted[key], value[key]) for key in wanted], values) if same_keys else NO_MATCH
    return MatchResult(wanted == value)


def _match_all(pairs, values):
    results = [_match_value(wanted, value, values) for wanted, value in pairs]
    if not all(result.matches for result in results):
        return NO_MATCH
    return MatchResult(True, "ok", tuple(group for result in results for group in result.groups))


def _described(wanted, values):
    if isinstance(wanted, list):
        return [_described(item, values) for item in wanted]
    if isinstance(wanted, dict):
        return {key: _described(item, values) for key, item in wanted.items()}
    return wanted.describe(values) if hasattr(wanted, "describe") else substitute_all(wanted, values)


class Fields(NamedTuple):
    """A message with at least these fields; with `no_more`, with exactly these."""

    wanted: Tuple[Tuple[str, Any], ...]
    no_more: bool = False

    def match(self, message, values):
        if not isinstance(message, Message) or not {name for name, _ in self.wanted} <= set(message.fields):
            return NO_MATCH
        if self.no_more and len(self.wanted) != len(message.fields):
            return NO_MATCH
        return _match_all([(wanted, message.fields[name]) for name, wanted in self.wanted], values)

    def describe(self, values):
        shown = format_fields({name: _described(wanted, values) for name, wanted in self.wanted})
        return shown + " and no more" * self.no_more

    def literal(self, values):
        """The fields as {name: value}; None if one of them is a matcher or has a shape."""
        plain = all(type(wanted) in (str, int, float, bool, bytes) for _, wanted in self.wanted)
        return {name: substitute_all(wanted, values) for name, wanted in self.wanted} if plain else None


class OneOf(NamedTuple):
    """Any of several messages, each with a grade: `ok`, or `tolerated` where the document merely allows it."""

    choices: Tuple[Tuple[object, str], ...]

    def match(self, message, values):
        for matcher, grade in self.choices:
            result = matcher.match(message, values)
            if result.matches:
                return result._replace(grade=grade)
        return NO_MATCH

    def describe(self, values):
        return " or ".join(matcher.describe(values) for matcher, _ in self.choices)


class Maybe(NamedTuple):
    """An optional message."""

    wanted: object

    def match(self, message, values):
        return self.wanted.match(message, values)

    def describe(self, values):
        return "(optional) " + self.wanted.describe(values)
