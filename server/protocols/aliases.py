"""Short forms of names, for protocols whose field for a name is shorter than names are.

An alias is the beginning of a name, "|", and four characters drawn from all of the name. "|" stands in no name, so no
alias is ever a name. Of the candidates here the hub gives each name one that nobody else has (`server.chat.aliases`).
"""
import base64
import hashlib
import itertools

_DRAWN = 4  # characters of five bits


def candidates(name, longest):
    """What may be the alias of `name` in a field of `longest` bytes, without end; the best comes first."""
    beginning = _beginning(name, longest - _DRAWN - 1)
    for number in itertools.count():
        digest = hashlib.sha256(name + b"|%d" % number if number else name).digest()
        yield b"%b|%b" % (beginning, base64.b32encode(digest[:5]).lower()[:_DRAWN])


def shortened(name, longest, aliases):
    """The form of `name` for a field of `longest` bytes, where {name: alias} are those who are here.

    A name that is not among them keeps its beginning, and "|" at the end, which is nobody's alias.
    """
    if len(name) <= longest:
        return name
    return aliases.get(name) or _beginning(name, longest - 1) + b"|"


def _beginning(name, size):
    """Whole characters of at most so many bytes."""
    while size and name[size] & 0xC0 == 0x80:  # a continuation byte: the character began before
        size -= 1
    return name[:size]
