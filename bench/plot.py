"""Plots as SVG, on logarithmic axes: bars in groups, and lines. Nothing but text is needed to draw them."""
import math
from xml.sax.saxutils import escape

COLOURS = ["#1f6fb2", "#7fb2dd", "#123f66", "#17a2a8", "#d9822b", "#8f6bb3", "#4c9f70", "#a3c586", "#c0504d", "#7f7f7f",
           "#c9a227"]
WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 80, 30, 70, 50
BAR, GAP = 12, 14


class Scale:
    """From values to places on a logarithmic axis."""

    def __init__(self, values, start, end):
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        self._start, self._end = start, end

    def __call__(self, value):
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def marks(self):
        """The powers of ten."""
        return [10.0 ** power for power in range(self._low, self._high + 1)]


def bars(title, axis, groups):
    """An SVG of [(label, [(series, median, least, most)])]."""
    height = TOP + BOTTOM + sum(BAR * len(bars) + GAP for _, bars in groups)
    scale = Scale([value for _, bars in groups for bar in bars for value in bar[1:]], LEFT, WIDTH - RIGHT)
    names = _in_order(series for _, bars in groups for series, _, _, _ in bars)
    parts = [*_legend(title, names), *_across(scale, height, axis)]
    y = TOP
    for label, members in groups:
        parts.append(_text(LEFT - 8, y + BAR * len(members) / 2 + 4, label, "end"))
        for series, middle, least, most in members:
            colour = COLOURS[names.index(series) % len(COLOURS)]
            parts.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"/>' % (
                LEFT, y, scale(middle) - LEFT, BAR - 2, colour))
            parts.append(_line(scale(least), y + BAR / 2 - 1, scale(most), y + BAR / 2 - 1, "#000"))
            y += BAR
        y += GAP
    return _svg(height, parts)


def lines(title, across, up, series):
    """An SVG of {name: [(x, median, least, most)]}."""
    height = 420
    points = [point for those in series.values() for point in those]
    x_scale = Scale([point[0] for point in points], LEFT, WIDTH - RIGHT)
    y_scale = Scale([value for point in points for value in point[1:]], height - BOTTOM, TOP)
    parts = [*_legend(title, list(series)), *_across(x_scale, height, across), _text(10, TOP - 10, up, "start")]
    for mark in y_scale.marks():
        parts.append(_line(LEFT, y_scale(mark), WIDTH - RIGHT, y_scale(mark), "#ddd"))
        parts.append(_text(LEFT - 8, y_scale(mark) + 4, "%g" % mark, "end"))
    for number, those in enumerate(series.values()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join("%.1f,%.1f" % (x_scale(point[0]), y_scale(point[1])) for point in those)
        parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, colour))
        for x, middle, least, most in those:
            parts.append('<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x_scale(x), y_scale(middle), colour))
            parts.append(_line(x_scale(x), y_scale(least), x_scale(x), y_scale(most), colour))
    return _svg(height, parts)


def _svg(height, parts):
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">' % (
            WIDTH, height),
        '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>", ""])


def _legend(title, names):
    """The title, and below it the names of the series."""
    yield _text(10, 20, title, "start", 'font-size="14"')
    x, y = 10, 39
    for number, name in enumerate(names):
        width = 30 + 6.5 * len(name)
        if x + width > WIDTH:
            x, y = 10, y + 16
        yield '<rect x="%d" y="%d" width="10" height="10" fill="%s"/>' % (x, y - 9, COLOURS[number % len(COLOURS)])
        yield _text(x + 14, y, name, "start")
        x += width


def _across(scale, height, label):
    """The axis at the bottom."""
    for mark in scale.marks():
        yield _line(scale(mark), TOP - 5, scale(mark), height - BOTTOM, "#ddd")
        yield _text(scale(mark), height - BOTTOM + 16, "%g" % mark, "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, height - 12, label, "middle")


def _text(x, y, text, anchor, more=""):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>' % (x, y, anchor, more, escape(text))


def _line(x1, y1, x2, y2, colour):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>' % (x1, y1, x2, y2, colour)


def _in_order(names):
    """Each of them once."""
    return list(dict.fromkeys(names))
