"""What a file is called and how it is told of: one line of text, the same in all protocols.

    [file] plan.pdf, 1.2 MB: https://chat.example.org/files/0f3c.../plan.pdf

A name from a client is changed until it can be nothing but a name: no path, no end of a line, nothing that turns the
direction of writing, and none of the characters that are more than text in this line, in an address, in a protocol or
to a file system.
"""
import re
import unicodedata
import urllib.parse
from typing import Tuple

MOST_NAME = 100  # characters, and
MOST_BYTES = 120  # bytes, so that the whole line fits into one of IRC's
LONGEST_IN_ADDRESS = 120  # bytes of a name; a longer one is left out but for its ending
MARK = "[file] "
LINE = re.compile(
    r"\[file\] (?P<name>[^:/\n]{1,%d}), (?P<size>[0-9.]{1,6} [kMG]?B): (?P<url>https?://[^\s/]+(?:/[^\s/]+)*"
    r"/files/(?P<file>[0-9a-f]{32})/[^\s/]+)" % MOST_NAME)

_SPECIAL = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
# What a device of Windows is called, with whatever ending.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)
# Controls, what is not to be seen (also the marks of direction), halves of pairs, what nobody has assigned, and ends of
# lines and paragraphs.
_UNFIT = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")
_UNITS = ("B", "kB", "MB", "GB")


def clean(name: str) -> str:
    """The name under which a file is kept that a client calls so: never empty, and never a path."""
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
    """(all but the ending, the ending with its dot), where that looks like one."""
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if stem and ending.isalnum() and len(ending.encode()) <= 10 else (name, "")


def size_of(size: float) -> str:
    """So many bytes as people write it, in thousands."""
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return "%s %s" % ("%.0f" % size if not unit or size >= 99.95 else "%.1f" % size, _UNITS[unit])


def address(base: str, file: str, name: str) -> str:
    """Where it is; base: the address of the page, without a slash at its end."""
    quoted = urllib.parse.quote(name, safe="-._~")
    if len(quoted) > LONGEST_IN_ADDRESS:
        quoted = urllib.parse.quote("file" + _parted(name)[1], safe="-._~")
    return "%s/files/%s/%s" % (base, file, quoted)


def line(base: str, file: str, name: str, size: int) -> str:
    """How it is told of. A client finds the file in this by LINE."""
    return "%s%s, %s: %s" % (MARK, name, size_of(size), address(base, file, name))
