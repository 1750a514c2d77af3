"""The transcript of a scenario: what happened on all connections, with a column for each actor."""
from typing import NamedTuple

SENT, RECEIVED = "->", "<-"
OWN_SENT, OWN_RECEIVED = "~>", "<~"  # the suite's own traffic, which is in no scenario
NOTE = "--"

_MIN_COLUMN, _LINE = 14, 142  # characters
_MOST_ROWS = 1000  # that are shown: a server may say the same without end


class Line(NamedTuple):
    """One event on one connection; `seconds` since the transcript's first line."""

    seconds: float
    actor: str
    direction: str
    text: str


def visible(text):
    """The text as one line that is safe to print: what is unprintable is escaped, and so are blanks at the end."""
    seen = text.rstrip(" ")
    return "".join(char if char.isprintable() else _escaped(char) for char in seen) + r"\x20" * (len(text) - len(seen))


def _escaped(char):
    return char.encode("unicode_escape").decode("ascii")


def shortened(text, width):
    """The text, cut in its middle if it is longer than `width` characters: errors are often at the end."""
    if len(text) <= width:
        return text
    mark = "...(%d)..." % len(text)
    kept = max(width - len(mark), 2)
    return text[:kept - kept // 2] + mark + text[len(text) - kept // 2:]


class Transcript:
    """Lines in the order in which the runner saw them. `clock` returns monotonic seconds."""

    def __init__(self, clock):
        self._clock = clock
        self._start = None
        self.lines = []

    def add(self, actor, direction, text):
        now = self._clock()
        if self._start is None:
            self._start = now
        self.lines.append(Line(now - self._start, actor, direction, text))

    def render(self, actors, until=None, with_own=True):
        """The transcript as text: the time, then a column for each of these actors.

        until: so many lines of it; all if None. with_own: also what the suite says and hears for itself.
        """
        lines = [line for line in self.lines[:until]
                 if line.actor in actors and (with_own or line.direction not in (OWN_SENT, OWN_RECEIVED))]
        left_out = max(0, len(lines) - _MOST_ROWS)
        first, last = lines[:_MOST_ROWS // 2 if left_out else None], lines[-(_MOST_ROWS // 2):] if left_out else []
        widths = [self._column_width(first + last, actor, len(actors)) for actor in actors]
        starts = [sum(widths[:index]) + 2 * index for index in range(len(widths))]
        head = "".join(actor.ljust(width + 2) for actor, width in zip(actors, widths))
        rows = [self._row(line, starts[actors.index(line.actor)], widths[actors.index(line.actor)])
                for line in first + last]
        rows[len(first):len(first)] = ["   (%d more)" % left_out] * bool(left_out)
        return "\n".join([("  time  " + head).rstrip()] + rows)

    @staticmethod
    def _column_width(lines, actor, columns):
        longest = max([len(visible(line.text)) + 3 for line in lines if line.actor == actor] + [_MIN_COLUMN])
        return min(longest, max(_LINE // max(columns, 1) - 2, _MIN_COLUMN))

    @staticmethod
    def _row(line, start, width):
        return "%6.3f  %s%s" % (line.seconds, " " * start,
                                shortened("%s %s" % (line.direction, visible(line.text)), width))
