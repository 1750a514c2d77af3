"""What a valid name is, and when two names are too alike to be here together.

A name is 1 to 32 printable characters in Unicode's NFC, without white space, "|", a leading "/" or a leading
combining mark, and not one of the reserved words. In the server it is the UTF-8 of that.
"""
import unicodedata

from server.chat.lookalikes import LOOKS_LIKE

LONGEST = 32
_LONGEST_RAW = 512  # bytes; more cannot become LONGEST characters, and normalising a long run of marks takes long

_ORIGINAL = {ord(copy): original for original, copies in LOOKS_LIKE.items() for copy in copies}
_ORIGINAL.update({ord("0"): "o", ord("1"): "l", ord("I"): "l"})
# Printable by their category, but nothing is drawn: joiners, fillers, variation selectors, the empty Braille cell.
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
_ORIGINAL.update(dict.fromkeys([*map(ord, _INVISIBLE), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))


class InvalidName(ValueError):
    """This can be nobody's name."""


def canonical_name(raw):
    """The name that the received bytes stand for; InvalidName if they stand for none."""
    if len(raw) > _LONGEST_RAW:
        raise InvalidName(raw)
    try:
        name = unicodedata.normalize("NFC", raw.decode())
    except UnicodeDecodeError:
        raise InvalidName(raw) from None
    # isprintable() leaves out controls, format characters, surrogates, unassigned ones and all white space but " ".
    if not 1 <= len(name) <= LONGEST or not name.isprintable() or " " in name or "|" in name:
        raise InvalidName(raw)
    if name[0] == "/" or unicodedata.category(name[0])[0] == "M" or not _RESERVED.isdisjoint(_skeletons(name)):
        raise InvalidName(raw)
    return name.encode()


def spelled(raw):
    """The spelling under which `raw` would be found among canonical names; empty if it can be none."""
    if len(raw) > _LONGEST_RAW:
        return b""
    try:
        return unicodedata.normalize("NFC", raw.decode()).encode()
    except UnicodeDecodeError:
        return b""


def claims(name):
    """All that a canonical name occupies, as a set of bytes; a name that shares any of it with another looks like that.

    Its skeletons, because two names with a common one look alike. There are two because "I" looks like "l" but is the
    capital of "i": "BiII" must not pass for "Bill", nor "IAN" for "ian".
    """
    return {skeleton.encode() for skeleton in _skeletons(name.decode(errors="replace"))}


class Occupied:
    """Which names occupy what.

    Several may share it: accounts from before it was known how much they look alike keep their names.
    """

    def __init__(self):
        self._names = {}  # what is occupied -> a tuple of names

    def add(self, name, occupied):
        """`name` occupies all of `occupied`."""
        for key in occupied:
            self._names[key] = (*self._names.get(key, ()), name)

    def remove(self, name, occupied):
        """Undo `add`."""
        for key in occupied:
            others = tuple(other for other in self._names[key] if other != name)
            if others:
                self._names[key] = others
            else:
                del self._names[key]

    def names(self, occupied):
        """The names that share any of it."""
        return {name for key in occupied for name in self._names.get(key, ())}


def _skeletons(name):
    drawn = unicodedata.normalize("NFKC", name)
    return {drawn.translate(_ORIGINAL).casefold(), drawn.casefold().translate(_ORIGINAL)}


_RESERVED = frozenset().union(*map(_skeletons, (
    "", "server", "lobby",
    "LOGIN", "OK", "ERR", "MSG", "WHO", "USER", "DM", "PING", "PONG", "INFO", "disconnected", "idle-timeout",
)))  # fmt: skip
