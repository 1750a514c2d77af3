"""What holds for the decoder of frames with a length in front, whatever it is fed."""
from parley.server.protocols.events import COMMANDS, Broken


def check_cuts(make_decoder, stream, cuts, most_held):
    """A stream that is cut at these places gives the same commands, and of it less than `most_held` bytes are held."""
    whole = make_decoder().feed(stream)
    one, commands, last = make_decoder(), [], 0
    for cut in sorted(cuts) + [len(stream)]:
        commands += one.feed(stream[last:cut])
        last = max(last, cut)
        assert len(one._held) < most_held
    assert commands == whole
    assert all(isinstance(command, COMMANDS) for command in commands)
    assert not any(isinstance(command, Broken) for command in commands[:-1])


def copied_in_tiny_pieces(decoder, stream):
    """(commands, bytes): what a new decoder makes of a stream byte by byte, and how many bytes it copies for that."""
    held = decoder._held = _CountingBuffer()
    commands = [command for position in range(len(stream)) for command in decoder.feed(stream[position:position + 1])]
    return commands, held.copied


class _CountingBuffer(bytearray):
    """Counts the bytes that are copied out of it."""

    copied = 0

    def __getitem__(self, key):
        got = super().__getitem__(key)
        self.copied += len(got) if isinstance(key, slice) else 1
        return got
