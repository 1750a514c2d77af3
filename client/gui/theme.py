"""Colours, fonts and sizes, and texts that every Tk can show. Lengths are in points, so that they scale."""
import ctypes
import ctypes.util
import re
import time
import tkinter
import unicodedata
from tkinter import font, ttk

from parley.client import showing
from parley.server.protocols.text import canonical

PAPER, GROUND, LINE, INK, FAINT = "#ffffff", "#f2f4f7", "#cfd5de", "#1d2433", "#5f6b7d"
ACCENT, OWN, CODE, TROUBLE, WARNING = "#1f5fbf", "#e9f1fd", "#0d6d70", "#b3261e", "#fdf1d3"
SEALED = "#1c6b41"
# The colours of the terminal client, darker, as the background is light.
NAMES = {bright: "#%02x%02x%02x" % tuple(int(bright[at:at + 2], 16) * 3 // 4 for at in (1, 3, 5))
         for bright in showing.COLOURS}

_LATEST = 0xFFFFFFFF  # seconds since the epoch; later times are shown as this one
_EMOJI_VERSION = 20305  # the first libXft that can draw coloured glyphs
_BEYOND_FFFF = re.compile("[\U00010000-\U0010ffff]")
_EMOJI = re.compile("[\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U00010000-\U0010ffff]")


def prepare(root, scale=None):
    """Configure fonts and styles; returns {name: font}. scale: a factor for all sizes, None for that of the screen."""
    if scale:
        root.tk.call("tk", "scaling", scale * 4 / 3)  # pixels a point; 96 to the inch is 1
    for name in ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont"):
        font.nametofont(name).configure(size=11)
    family = font.nametofont("TkDefaultFont").actual("family")
    made = {
        "bold": font.Font(root, family=family, size=11, weight="bold"),
        "italic": font.Font(root, family=family, size=11, slant="italic"),
        "code": font.Font(root, family=font.nametofont("TkFixedFont").actual("family"), size=11),
        "tiny": font.Font(root, family=family, size=1),
        "small": font.Font(root, family=family, size=9),
        "title": font.Font(root, family=family, size=18, weight="bold"),
        "heading": font.Font(root, family=family, size=13, weight="bold"),
    }
    style = ttk.Style(root)
    if root.tk.call("tk", "windowingsystem") == "x11":
        style.theme_use("clam")
    root.configure(background=GROUND)
    style.configure(".", background=GROUND, foreground=INK, bordercolor=LINE, lightcolor=GROUND, darkcolor=GROUND,
                    troughcolor=GROUND, font="TkDefaultFont")
    style.configure("TEntry", fieldbackground=PAPER, padding=root.winfo_pixels("4p"))
    style.map("TEntry", bordercolor=[("focus", ACCENT)], lightcolor=[("focus", ACCENT)],
              selectbackground=[("!focus", PAPER), ("", ACCENT)], selectforeground=[("!focus", INK), ("", PAPER)])
    style.configure("TButton", padding=(root.winfo_pixels("12p"), root.winfo_pixels("5p")))
    style.configure("Send.TButton", background=ACCENT, foreground=PAPER, bordercolor=ACCENT, lightcolor=ACCENT,
                    darkcolor=ACCENT, focuscolor=PAPER)
    style.map("Send.TButton", background=[("disabled", LINE), ("active", "#174a96")],
              foreground=[("disabled", FAINT)])
    # A bar without arrows, which is invisible while there is nothing to scroll.
    style.layout("Vertical.TScrollbar", [("Vertical.Scrollbar.trough", {"sticky": "ns", "children": [
        ("Vertical.Scrollbar.thumb", {"sticky": "nswe"})]})])
    style.configure("TScrollbar", gripcount=0, background=LINE, troughcolor=PAPER, bordercolor=PAPER,
                    lightcolor=LINE, darkcolor=LINE, arrowsize=root.winfo_pixels("7p"))
    style.map("TScrollbar", **{part: [("disabled", PAPER), ("active", FAINT)]
                               for part in ("background", "lightcolor", "darkcolor")})
    style.layout("Treeview", [("Treeview.treearea", {"sticky": "nswe"})])  # without a frame
    style.layout("Treeview.Item", [("Treeitem.padding", {"sticky": "nswe", "children": [
        ("Treeitem.image", {"side": "left", "sticky": ""}), ("Treeitem.text", {"sticky": "nswe"})]})])
    style.configure("Treeview.Item", padding=(root.winfo_pixels("6p"), 0, 0, 0))
    style.configure("Treeview", background=PAPER, fieldbackground=PAPER, foreground=INK, borderwidth=0,
                    rowheight=font.nametofont("TkDefaultFont").metrics("linespace") + root.winfo_pixels("6p"))
    style.map("Treeview", background=[("selected", ACCENT)], foreground=[("selected", PAPER)])
    style.configure("Faint.TLabel", foreground=FAINT, font=made["small"])
    style.configure("Sealed.TLabel", foreground=SEALED, font=made["small"])
    style.configure("Trouble.TLabel", foreground=TROUBLE)
    style.configure("Title.TLabel", font=made["title"])
    style.configure("Heading.TLabel", font=made["heading"])
    style.configure("Warning.TFrame", background=WARNING)
    style.configure("Warning.TLabel", background=WARNING)
    return made


def lock(root, width, ink):
    """A picture of a lock, so many pixels wide, and as much more as stands before what is behind it."""
    height, line = width * 4 // 3, max(1, width // 6)
    body, middle, radius = height - width * 3 // 4, (width - 1) / 2, width * 0.4
    made = tkinter.PhotoImage(master=root, width=width + width // 2, height=height)
    for y in range(height):
        for x in range(width):
            from_centre = ((x - middle) ** 2 + min(0, y - radius) ** 2) ** 0.5
            if y >= body or radius - line - 0.2 <= from_centre <= radius:
                made.put(ink, (x, y))
    return made


def colour(name):
    """The colour of a user's name, as #rrggbb: the same as in the terminal client."""
    return NAMES[showing.colour(name)]


def day(seconds):
    return time.strftime("%A, %d %B %Y", _local(seconds))


def hour(seconds):
    return time.strftime("%H:%M", _local(seconds))


def _local(seconds):
    return time.localtime(min(max(int(seconds), 0), _LATEST))


def text_filter(root):
    """A function that makes a text safe to show in this Tk, with emoji written out where they would crash it."""
    emoji = _EMOJI if _cannot_draw_emoji(root) else _BEYOND_FFFF if _lacks_astral_characters(root) else None

    def shown(text):
        text = canonical(text.encode("utf-8", "replace")).decode()
        return emoji.sub(_in_words, text) if emoji else text
    return shown


def _lacks_astral_characters(root):
    """Whether Tk cannot represent characters beyond U+FFFF, as before Python 3.8."""
    try:
        root.tk.call("string", "length", "\U0001f600")
    except (tkinter.TclError, ValueError):
        return True
    return False


def _cannot_draw_emoji(root):
    """Whether an old libXft would crash the program when it draws a coloured glyph."""
    if root.tk.call("tk", "windowingsystem") != "x11":
        return False
    try:
        return ctypes.CDLL(ctypes.util.find_library("Xft")).XftGetVersion() < _EMOJI_VERSION
    except (OSError, AttributeError, TypeError):
        return True


def _in_words(match):
    return "[%s]" % unicodedata.name(match.group(), "U+%X" % ord(match.group())).lower()
