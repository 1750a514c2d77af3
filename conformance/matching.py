"""What a scenario may expect of one message. Each matcher says whether it fits, and what it would have liked."""
import re
from typing import NamedTuple, Tuple

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
        # Values are data, not pattern: a name such as `a.b` must not match `axb`.
        escaped = {name: re.escape(str(value)) for name, value in values.items()}
        found = re.fullmatch(fill_in(self.source, escaped), message, re.DOTALL)
        return Outcome(True, "ok", tuple(found.groupdict().items())) if found else NO

    def describe(self, values):
        return "/%s/" % fill_in(self.source, values)


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
