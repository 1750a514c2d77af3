"""The name of a file, and the line of text that announces it, the same in all protocols.

    [file] plan.pdf, 1.2 MB: https://chat.example.org/files/0f3c.../plan.pdf

In a name from a client everything is replaced that could make it more than a name: path separators, line ends, marks
that change the direction of writing, and characters with a meaning in this line, in URLs, in a protocol or in a file
system.
"""
import re
import unicodedata
import urllib.parse
from typing import Tuple

MOST_NAME = 100  # characters of a name
MOST_BYTES = 120  # bytes of a name, so that the whole line fits into a line of IRC
LONGEST_IN_ADDRESS = 120  # bytes of a quoted name; in the place of a longer one stands "file" with its ending
MARK = "[file] "
LINE = re.compile(
    r"\[file\] (?P<name>[^:/\n]{1,%d}), (?P<size>[0-9.]{1,6} [kMG]?B): (?P<url>https?://[^\s/]+(?:/[^\s/]+)*"
    r"/files/(?P<file>[0-9a-f]{32})/[^\s/]+)" % MOST_NAME)

_SPECIAL = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
# Names of devices in Windows, which have that meaning with any ending.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)
# Unicode categories that are left out: control and format characters (also marks of direction), surrogates, unassigned
# and private characters, ends of lines and paragraphs.
_UNFIT = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")
_UNITS = ("B", "kB", "MB", "GB")


def clean(name: str) -> str:
    """A harmless form of the name that a client gives a file: never empty, and never a path."""
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(character for character in unicodedata.normalize("NFC", last)
                   if unicodedata.category(character) not in _UNFIT)
    plain = " ".join(_SPECIAL.sub("_", seen).split()).strip(". ")
    plain = "_" + plain if _DEVICE.match(plain) else plain
    if _is_long(plain):
        stem, ending = _parted(plain)
        while _is_long(stem + ending):
            stem = stem[:-1]
        plain = stem.rstrip(". ") + ending
    return plain or "file"


def _is_long(name: str) -> bool:
    return len(name) > MOST_NAME or len(name.encode()) > MOST_BYTES


def _parted(name: str) -> Tuple[str, str]:
    """(name without its ending, ending with its dot); ("...", "") if it has none of at most 10 bytes."""
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if stem and ending.isalnum() and len(ending.encode()) <= 10 else (name, "")


def size_of(size: float) -> str:
    """A number of bytes for people, in B, kB, MB or GB (powers of 1000)."""
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return "%s %s" % ("%.0f" % size if not unit or size >= 99.95 else "%.1f" % size, _UNITS[unit])


def address(base: str, file: str, name: str) -> str:
    """The URL of a file. base: the URL of the page, without a slash at its end. file: its id."""
    quoted = urllib.parse.quote(name, safe="-._~")
    if len(quoted) > LONGEST_IN_ADDRESS:
        quoted = urllib.parse.quote("file" + _parted(name)[1], safe="-._~")
    return "%s/files/%s/%s" % (base, file, quoted)


def line(base: str, file: str, name: str, size: int) -> str:
    """The text of the message that announces a file; clients recognize it by LINE."""
    return "%s%s, %s: %s" % (MARK, name, size_of(size), address(base, file, name))
