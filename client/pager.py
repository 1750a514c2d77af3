"""Lines wrapped at the width of the terminal, and a pager for the lines of a place."""
import re

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import create_input
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.utils import get_cwidth

# A row may end behind each Chinese or Japanese character, but not in front of what closes a sentence or a bracket.
_CJK = "\u2e80-\u2fff\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_CLOSING = "\u3001\u3002\u3009\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f,.;:!?)"
_WORDS = re.compile("\n|[%s][%s]* *|[^\n %s]+ *| +" % (_CJK, re.escape(_CLOSING), _CJK))


def wrapped(line, width):
    """The rows, lists of (style, text), of a line that is wrapped between words.

    Its further rows begin below the end of its first piece, if that is short and more follows.
    """
    indent = _indent(line, width)
    styles = [style for style, text in line for _ in text]
    rows, row, used, at = [], [], 0, 0
    for found in _WORDS.finditer("".join(text for _, text in line)):
        word = found.group()
        if word == "\n":
            rows.append(row)
            row, used = [], 0
            continue
        if used + get_cwidth(word.rstrip(" ")) > width and used > indent and word.strip(" "):
            rows.append(row)
            row, used = [("", " " * indent)], indent
        for at, character in enumerate(word, found.start()):
            size = get_cwidth(character)
            if used + size > width:
                if character == " ":
                    break
                rows.append(row)
                row, used = [("", " " * indent)], indent
            row.append((styles[at], character))
            used += size
    return [_joined(one) for one in rows + [row]]


def _indent(line, width):
    first = line[0][1] if len(line) > 1 else ""
    size = get_cwidth(first)
    return size if first.endswith(" ") and "\n" not in first and size <= width // 2 else 0


def _joined(row):
    """The row, in which neighbours of the same style are one piece."""
    joined = []
    for style, text in row:
        if joined and joined[-1][0] == style:
            joined[-1] = style, joined[-1][1] + text
        else:
            joined.append((style, text))
    return joined


def _marked(row, needle):
    """The row, in which each `needle` stands out."""
    text = "".join(piece for _, piece in row)
    styles = [style for style, piece in row for _ in piece]
    for found in re.finditer(re.escape(needle), text, re.IGNORECASE):
        for at in range(found.start(), found.end()):
            styles[at] += " class:found"
    return _joined(list(zip(styles, text)))


def holds(line, needle):
    """Is the text `needle` in this line, in upper or lower case?"""
    return needle.lower() in "".join(text for _, text in line).lower()


class Pager:
    """Shows `lines` on the whole terminal, from a page above the end, or from the last one with `needle`."""

    def __init__(self, title, lines, style, needle=None):
        self._title, self._lines, self._needle = title, list(lines), needle
        self._width = None
        self._rows, self._hits = [], []  # and the numbers of those that have the needle
        self._top = 0
        self._app = Application(
            Layout(HSplit([Window(FormattedTextControl(self._text), wrap_lines=False),
                           Window(FormattedTextControl(self._status), height=1, style="class:bottom-toolbar")])),
            # With an input of its own: that of the prompt would flush a lone Escape, and keep it for itself.
            key_bindings=self._keys(), style=style, full_screen=True, input=create_input())
        self._app.ttimeoutlen = 0.1  # seconds after which an escape is the key of that name

    async def run(self):
        """Run until the user leaves. Returns the keys that were typed for the input line."""
        return await self._app.run_async()

    @property
    def _height(self):
        return max(1, self._app.output.get_size().rows - 1)

    def _fit(self):
        """Wrap the lines again, if the width has changed."""
        width = self._app.output.get_size().columns
        if width == self._width:
            return
        is_first, self._width = self._width is None, width
        self._rows, self._hits = [], []
        for line in self._lines:
            if self._needle and holds(line, self._needle):
                self._hits.append(len(self._rows))
            self._rows += wrapped(line, width)
        if is_first:
            self._top = len(self._rows) - 2 * self._height + 1
            if self._hits:
                self._show_hit(self._hits[-1])
        self._scroll(0)

    def _scroll(self, rows):
        self._top = max(0, min(self._top + rows, len(self._rows) - self._height))

    def _show_hit(self, row):
        self._top = row - self._height // 3
        self._hit = row

    def _next_hit(self, by):
        if self._hits:
            at = self._hits.index(self._hit) + by
            self._show_hit(self._hits[max(0, min(at, len(self._hits) - 1))])
            self._scroll(0)

    def _text(self):
        self._fit()
        shown = self._rows[self._top:self._top + self._height]
        if self._needle:
            shown = [_marked(row, self._needle) for row in shown]
        return FormattedText([piece for row in shown for piece in [*row, ("", "\n")]][:-1])

    def _status(self):
        self._fit()
        last = min(self._top + self._height, len(self._rows))
        found = ""
        if self._hits:
            found = "   match %d of %d: N, n" % (self._hits.index(self._hit) + 1, len(self._hits))
        return [("", " %s, rows %d to %d of %d%s   PageUp, PageDown, Home, End   Esc goes back " % (
            self._title, min(self._top + 1, last), last, len(self._rows), found))]

    def _keys(self):
        keys = KeyBindings()
        for names, act in (
                (("pageup",), lambda event: self._scroll(-self._height)),
                (("pagedown",), lambda event: self._page_down()),
                (("up",), lambda event: self._scroll(-1)), (("down",), lambda event: self._scroll(1)),
                (("home",), lambda event: self._scroll(-len(self._rows))),
                (("end",), lambda event: self._scroll(len(self._rows))),
                (("q", "enter", "c-c", "c-d"), lambda event: self._leave("")),
                ((Keys.Any,), lambda event: self._leave(event.data))):
            for name in names:
                keys.add(name)(act)
        keys.add("escape", eager=True)(lambda event: self._leave(""))  # without waiting for what may follow
        if self._needle:
            keys.add("n")(lambda event: self._next_hit(1))
            keys.add("N")(lambda event: self._next_hit(-1))
        return keys

    def _page_down(self):
        if self._top >= len(self._rows) - self._height:
            self._leave("")
        self._scroll(self._height)

    def _leave(self, typed):
        if not self._app.is_done:
            self._app.exit(result=typed)
