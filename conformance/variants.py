"""The variants in which a scenario is run: the actors' workers, the segmentation of what they send, their names."""
import itertools
import re
from typing import NamedTuple

from parley.conformance import matching, model
from parley.conformance.names import in_case


class Variant(NamedTuple):
    """One way to run a scenario.

    `placement` is split, same or any: actors on different workers, on one, or wherever a foreign server puts them.
    `segmentation` is whole, bytes or joined: each message, byte or run of messages is a segment.
    """

    placement: str
    segmentation: str

    def __str__(self):
        return "%s-%s" % self


def variants_of(scenario, foreign):
    """The variants of a scenario that differ: one actor needs one placement, and single messages cannot be joined."""
    placements = ["any"] if foreign else [one for one in model.PLACEMENTS if one in scenario.placements]
    if len(scenario.actors) == 1:
        placements = placements[:1]
    segmentations = [one for one in scenario.segmentations if one != "joined" or _has_consecutive_sends(scenario.steps)]
    return [Variant(placement, segmentation) for placement in placements for segmentation in segmentations]


def _has_consecutive_sends(steps):
    """Whether an actor sends twice in a row without reading in between."""
    previous = None
    for step in model.every_step(steps):
        sends = getattr(step, "sends", ())
        if len(sends) > 1 or (sends and previous == getattr(step, "actor", None)):
            return True
        quiet = isinstance(step, model.Step) and not (
            step.expects or step.expect_nothing or step.expect_close or step.disconnect)
        previous = step.actor if quiet and sends else None
    return False


class Renaming:
    """Adds a suffix to each declared name wherever it is a whole word, so that names are free on a used server.

    case: names are written in these letters (`names.CASES`) too, unless two of them differ only in that.
    """

    def __init__(self, names, suffix, case=""):
        self._case = case if len({name.lower() for name in names}) == len(set(names)) else ""
        self.suffix = in_case("a" + suffix, self._case)[1:]  # as it stands behind a name
        longest_first = sorted(filter(None, names), key=len, reverse=True)
        self._names = re.compile(r"(?<!\w)(%s)(?!\w)" % "|".join(map(re.escape, longest_first)))
        self.active = bool(suffix and longest_first)

    def text(self, text):
        return self._names.sub(self._renamed, text) if self.active else text

    def without_names(self, text):
        """The text without the names that get a suffix."""
        return self._names.sub("", text) if self.active else text

    def _renamed(self, found):
        return in_case(found.group() + self.suffix, self._case)

    def raw(self, data):
        return self.chunks([data])[0]

    def chunks(self, chunks):
        """The chunks renamed; a name that is split between two gets its suffix in the second."""
        if not self.active:
            return chunks
        text = b"".join(chunks).decode("utf-8", "surrogateescape")
        ends = [len(text[:found.end()].encode("utf-8", "surrogateescape")) for found in self._names.finditer(text)]
        data = self.text(text).encode("utf-8", "surrogateescape")
        cuts = [0] + list(itertools.accumulate(len(chunk) for chunk in chunks))
        moved = [cut + len(self.suffix.encode("utf-8")) * sum(end <= cut for end in ends) for cut in cuts]
        return [data[start:end] for start, end in zip(moved, moved[1:])]

    def value(self, value):
        """A value of any shape with all its texts and matchers renamed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return self.matcher(value) if hasattr(value, "match") else value

    def matcher(self, matcher):
        """The matcher with all its texts renamed."""
        if isinstance(matcher, matching.OneOf):
            return matching.OneOf(tuple((self.matcher(one), grade) for one, grade in matcher.choices))
        if isinstance(matcher, matching.Maybe):
            return matching.Maybe(self.matcher(matcher.wanted))
        if isinstance(matcher, matching.Fields):
            return matcher._replace(wanted=tuple((name, self.value(one)) for name, one in matcher.wanted))
        if isinstance(matcher, matching.AnyOrder):
            return matching.AnyOrder(tuple(self.value(one) for one in matcher.wanted))
        if isinstance(matcher, matching.Between):
            return matcher
        return type(matcher)(self.text(matcher[0]))
