"""Every stream of bytes is fed in every way it may arrive: whole, byte by byte, cut in two at every point."""
import pytest

from parley.server.protocols.events import Broken


def every_way(stream):
    """The lists of pieces in which a stream may arrive."""
    yield [stream]
    yield [stream[position:position + 1] for position in range(len(stream))]
    for cut in range(len(stream) + 1):
        yield [stream[:cut], stream[cut:]]


def commands_of(decoder, pieces):
    """What a decoder makes of the pieces. A session ends with a `Broken`: nothing is fed or counts after it."""
    commands = []
    for piece in pieces:
        for command in decoder.feed(piece):
            commands.append(command)
            if isinstance(command, Broken):
                return commands
    return commands


@pytest.fixture
def decoded():
    """Checks that a stream gives the same commands in every way, and returns them."""

    def decode(make_decoder, stream):
        ways = [(pieces, commands_of(make_decoder(), pieces)) for pieces in every_way(stream)]
        expected = ways[0][1]
        for pieces, commands in ways:
            assert commands == expected, "arrived as %r" % (pieces,)
        return expected

    return decode
