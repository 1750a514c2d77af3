"""What a valid name is, and when two names are too alike to be here together.

A name is 1 to 32 printable characters in Unicode's NFC, without white space, "|", a leading "/" or a leading
combining mark, and not one of the reserved words. In the server it is the UTF-8 of that.
"""
import functools
import re
import unicodedata
from typing import Collection, Dict, FrozenSet, Set, Tuple

from parley.server.chat.lookalikes import LOOKS_LIKE, NOT_DRAWN, PAIRS

LONGEST = 32
_NOT_OF_ROOMS = frozenset(",:")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_LONGEST_RAW = 512  # bytes; more cannot become LONGEST characters, and normalising a long run of marks takes long

# What UTS 39 makes of each character: its prototype, or nothing where nothing is drawn.
_PROTOTYPES: Dict[int, str] = {
    ord(copy): prototype for line in LOOKS_LIKE.split("\n")
    for prototype, _, copies in [line.rpartition("\t")] for copy in copies}
_PROTOTYPES.update((code, "") for first, last in NOT_DRAWN for code in range(first, last + 1))


class InvalidName(ValueError):
    """This can be nobody's name."""


def canonical_name(raw: bytes) -> bytes:
    """The name that the received bytes stand for; InvalidName if they stand for none."""
    if len(raw) > _LONGEST_RAW:
        raise InvalidName(raw)
    try:
        name = unicodedata.normalize("NFC", raw.decode())
    except UnicodeDecodeError:
        raise InvalidName(raw) from None
    if not _is_drawn(name) or name[0] == "/" or not _RESERVED.isdisjoint(_skeletons(name)):
        raise InvalidName(raw)
    return name.encode()


def _is_drawn(name: str) -> bool:
    """Is it of the right length, and is each of its characters visible as one?"""
    # isprintable() is false for controls, format characters, surrogates, unassigned ones and all white space but " ".
    return (1 <= len(name) <= LONGEST and name.isprintable() and " " not in name and "|" not in name
            and unicodedata.category(name[0])[0] != "M" and not all(skeleton == "" for skeleton in _skeletons(name)))


def canonical_room(raw: bytes) -> bytes:
    """The name of a room that the received bytes stand for, with its "#"; InvalidName if they stand for none.

    Behind the "#" the rules for names hold, but reserved words are allowed, and "," and ":" are not.
    """
    if raw[:1] != b"#" or len(raw) > _LONGEST_RAW:
        raise InvalidName(raw)
    try:
        name = unicodedata.normalize("NFC", raw[1:].decode())
    except UnicodeDecodeError:
        raise InvalidName(raw) from None
    if not _is_drawn(name) or not _NOT_OF_ROOMS.isdisjoint(name):
        raise InvalidName(raw)
    return b"#" + name.encode()


@functools.lru_cache(maxsize=1024)
def room_and_claims(raw: bytes) -> Tuple[bytes, Tuple[bytes, ...]]:
    """`canonical_room` and what that name occupies; cached, as many clients ask for the same rooms."""
    name = canonical_room(raw)
    return name, tuple(claims(name))


def spelled(raw: bytes) -> bytes:
    """The spelling under which `raw` would be found among canonical names; empty if no name is like that.

    So it has no control characters, and may be repeated to clients.
    """
    if len(raw) > _LONGEST_RAW:
        return b""
    try:
        name = unicodedata.normalize("NFC", raw.decode())
    except UnicodeDecodeError:
        return b""
    return name.encode() if name.isprintable() or not _CONTROLS.search(name) else b""


def claims(name: bytes) -> Set[bytes]:
    """What a canonical name occupies. Two names that occupy anything in common look alike.

    A name occupies its skeletons (see `_skeletons`), in which a letter that looks like two is written as two: "tom" as
    "torn".
    """
    return {_with_pairs(skeleton).encode() for skeleton in _skeletons(name.decode(errors="replace"))}


@functools.lru_cache(maxsize=2048)
def claimed(name: bytes) -> FrozenSet[bytes]:
    """`claims`, cached, for names that are compared with many masks."""
    return frozenset(claims(name))


def _with_pairs(skeleton: str) -> str:
    for one, two in PAIRS.items():
        skeleton = skeleton.replace(one, two)
    return skeleton


class Occupied:
    """Which names occupy what.

    Several may share it: accounts keep their names, even if these are found to look alike later.
    """

    def __init__(self) -> None:
        self._first: Dict[bytes, bytes] = {}  # what is occupied -> the name that occupies it, most often the only one
        self._others: Dict[bytes, Tuple[bytes, ...]] = {}  # what several occupy -> those behind the first

    def add(self, name: bytes, occupied: Collection[bytes]) -> None:
        """`name` occupies all of `occupied`."""
        for key in occupied:
            if self._first.setdefault(key, name) != name:
                self._others[key] = (*self._others.get(key, ()), name)

    def remove(self, name: bytes, occupied: Collection[bytes]) -> None:
        """Undo `add`."""
        for key in occupied:
            left = [one for one in (self._first.pop(key), *self._others.pop(key, ())) if one != name]
            if left:
                self._first[key] = left[0]
            if left[1:]:
                self._others[key] = tuple(left[1:])

    def names(self, occupied: Collection[bytes]) -> Set[bytes]:
        """The names that share any of it."""
        found = {self._first[key] for key in occupied if key in self._first}
        if self._others:
            found.update(*[self._others.get(key, ()) for key in occupied])
        return found


@functools.lru_cache(maxsize=1)  # who claims a name asks twice: is it valid, and what does it occupy
def _skeletons(name: str) -> Set[str]:
    """The skeletons of a name, which keep only what one sees of it: names with a common skeleton look alike.

    There are two, because "I" looks like "l" but is the capital of "i": one takes the letters as they are drawn, so
    that "BiII" does not pass for "Bill"; one folds them first, so that "IAN" does not pass for "ian".
    """
    drawn = unicodedata.normalize("NFD", name).translate(_PROTOTYPES)
    folded = unicodedata.normalize("NFKD", name).casefold()
    return {unicodedata.normalize("NFKD", one).translate(_PROTOTYPES).casefold() for one in (drawn, folded)}


_RESERVED: FrozenSet[str] = frozenset().union(*map(_skeletons, (
    "", "server", "lobby",
    "LOGIN", "OK", "ERR", "MSG", "WHO", "DM", "PING", "PONG", "INFO", "disconnected", "idle-timeout",
)))  # fmt: skip
