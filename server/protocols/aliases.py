"""Short forms of names, for protocols whose name field is too short for some names.

An alias is the beginning of a name, "|", and four characters of a digest of the whole name. No name contains "|", so no
alias is a name. The hub gives each name the first of the candidates below that nobody else has (`server.chat.aliases`).
"""
import base64
import hashlib
import itertools
from typing import Iterator

from parley.server.protocols.contract import Aliases

_DIGEST = 4  # characters of five bits each


def candidates(name: bytes, longest: int) -> Iterator[bytes]:
    """Possible aliases of `name` for a field of `longest` bytes, without end, the preferred one first."""
    beginning = _beginning(name, longest - _DIGEST - 1)
    for number in itertools.count():
        yield b"%b|%b" % (beginning, digest(name + b"|%d" % number if number else name, _DIGEST))


def digest(name: bytes, characters: int) -> bytes:
    """A digest of the name in so many characters, at most 16, of five bits each."""
    return base64.b32encode(hashlib.sha256(name).digest()[:10]).lower()[:characters]


def shortened(name: bytes, longest: int, aliases: Aliases) -> bytes:
    """`name` as a field of `longest` bytes shows it: itself, or its alias.

    A name that is too long and has no alias is cut and ends with "|", which no alias does.
    """
    if len(name) <= longest:
        return name
    return aliases.get(name) or _beginning(name, longest - 1) + b"|"


def _beginning(name: bytes, size: int) -> bytes:
    """As many whole characters as fit into `size` bytes."""
    while 0 < size < len(name) and name[size] & 0xC0 == 0x80:  # a continuation byte: the character began before
        size -= 1
    return name[:size]
