"""What a scenario may expect of one message. Each matcher says whether it fits, and what it would have liked."""
import re
from typing import Any, NamedTuple, Tuple

from parley.conformance.message import Message, told

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class Outcome(NamedTuple):
    """The judgement on one message: does it fit, how well, and which named parts it had."""

    fits: bool
    grade: str = "ok"
    groups: Tuple = ()


NO = Outcome(False)


def fill_in(text, values):
    """The text with each `${name}` replaced by its value; an unknown name stays as it is."""
    return _PLACEHOLDER.sub(lambda found: str(values.get(found.group(1), found.group(0))), text)


def filled(value, values):
    """The same for all texts in a value of any shape."""
    if isinstance(value, str):
        return fill_in(value, values)
    if isinstance(value, list):
        return [filled(item, values) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, values) for key, item in value.items()}
    return value


class Literal(NamedTuple):
    """Exactly this message."""

    text: str

    def judge(self, message, values):
        return Outcome(message == fill_in(self.text, values))

    def describe(self, values):
        return fill_in(self.text, values)


class Pattern(NamedTuple):
    """A regular expression for the whole message; its named groups become values for later steps."""

    source: str

    def judge(self, message, values):
        if not isinstance(message, str):
            return NO
        # Values are data, not pattern: a name such as `a.b` must not match `axb`.
        escaped = {name: re.escape(str(value)) for name, value in values.items()}
        found = re.fullmatch(fill_in(self.source, escaped), message, re.DOTALL)
        return Outcome(True, "ok", tuple(found.groupdict().items())) if found else NO

    def describe(self, values):
        return "/%s/" % fill_in(self.source, values)


class Between(NamedTuple):
    """A number, or a text that reads as one, between two limits; `${...}` may stand for them."""

    low: Any
    high: Any

    def judge(self, value, values):
        low, high = (float(filled(limit, values)) for limit in self)
        try:
            return Outcome(not isinstance(value, bool) and low <= float(value) <= high)
        except (TypeError, ValueError):
            return NO

    def describe(self, values):
        return "between %s and %s" % tuple(filled(limit, values) for limit in self)


class AnyOrder(NamedTuple):
    """A list with these values, in any order."""

    wanted: Tuple

    def judge(self, value, values):
        if not isinstance(value, list) or len(value) != len(self.wanted):
            return NO
        left, groups = list(self.wanted), ()
        for item in value:
            outcomes = [(one, _judge_value(one, item, values)) for one in left]
            one, outcome = next((pair for pair in outcomes if pair[1].fits), (None, NO))
            if not outcome.fits:
                return NO
            left.remove(one)
            groups += outcome.groups
        return Outcome(True, "ok", groups)

    def describe(self, values):
        return "in any order: %s" % [_described(one, values) for one in self.wanted]


def _judge_value(wanted, value, values):
    """The judgement on one field's value: by a matcher, or by equality of shape, types and content."""
    if hasattr(wanted, "judge"):
        return wanted.judge(value, values)
    if isinstance(wanted, str):
        return Outcome(isinstance(value, str) and value == fill_in(wanted, values))
    if type(wanted) is not type(value):
        return NO
    if isinstance(wanted, list):
        return _judge_all(zip(wanted, value), values) if len(wanted) == len(value) else NO
    if isinstance(wanted, dict):
        same_keys = wanted.keys() == value.keys()
        return _judge_all([(wanted[key], value[key]) for key in wanted], values) if same_keys else NO
    return Outcome(wanted == value)


def _judge_all(pairs, values):
    outcomes = [_judge_value(wanted, value, values) for wanted, value in pairs]
    if not all(outcome.fits for outcome in outcomes):
        return NO
    return Outcome(True, "ok", tuple(group for outcome in outcomes for group in outcome.groups))


def _described(wanted, values):
    return wanted.describe(values) if hasattr(wanted, "describe") else filled(wanted, values)


class Fields(NamedTuple):
    """A message with these fields; with others beside them unless `no_more`."""

    wanted: Tuple[Tuple[str, Any], ...]
    no_more: bool = False

    def judge(self, message, values):
        if not isinstance(message, Message) or not {name for name, _ in self.wanted} <= set(message.fields):
            return NO
        if self.no_more and len(self.wanted) != len(message.fields):
            return NO
        return _judge_all([(wanted, message.fields[name]) for name, wanted in self.wanted], values)

    def describe(self, values):
        shown = told({name: _described(wanted, values) for name, wanted in self.wanted})
        return shown + " and no more" * self.no_more

    def literal(self, values):
        """The fields as values, or None if one of them is more than that."""
        plain = all(type(wanted) in (str, int, float, bool, bytes) for _, wanted in self.wanted)
        return {name: filled(wanted, values) for name, wanted in self.wanted} if plain else None


class OneOf(NamedTuple):
    """Any of several messages, each with its grade: `ok`, or `tolerated` where the document merely allows it."""

    choices: Tuple[Tuple[object, str], ...]

    def judge(self, message, values):
        for matcher, grade in self.choices:
            outcome = matcher.judge(message, values)
            if outcome.fits:
                return outcome._replace(grade=grade)
        return NO

    def describe(self, values):
        return " or ".join(matcher.describe(values) for matcher, _ in self.choices)


class Maybe(NamedTuple):
    """A message that may be missing."""

    wanted: object

    def judge(self, message, values):
        return self.wanted.judge(message, values)

    def describe(self, values):
        return "(perhaps) " + self.wanted.describe(values)


def take_any(matchers, message, values):
    # type: (list, object, dict) -> Optional[Tuple[object, Outcome]]
    """The first of the matchers that the message fits, with the judgement; None if it fits none."""
    for matcher in matchers:
        outcome = matcher.judge(message, values)
        if outcome.fits:
            return matcher, outcome
    return None
