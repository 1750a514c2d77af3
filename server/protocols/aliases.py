"""Short forms of names, for a protocol whose field for a name is shorter than names are.

A name of at most 10 bytes is its own short form. A longer one gets an alias: its beginning, "|", and four characters
drawn from all of it. "|" stands in no name, so no alias is ever a name; that two members do not share one is seen to
where names are given.
"""
import base64
import functools
import hashlib

LONGEST = 10  # bytes
_KEPT = 5  # bytes of the name, to which come "|" and the four characters


def short(name):
    """The short form of a name, bytes to bytes."""
    return name if len(name) <= LONGEST else _alias(name)


@functools.lru_cache(maxsize=4096)
def _alias(name):
    end = _KEPT
    while end and name[end] & 0xC0 == 0x80:  # a continuation byte: the character began before
        end -= 1
    drawn = base64.b32encode(hashlib.sha256(name).digest()[:5]).lower()
    return b"%b|%b" % (name[:end], drawn[:LONGEST - _KEPT - 1])
