"""A million random and mutated inputs for each decoder here: nothing but commands comes of them, and none costs much.

An input is a few valid frames, of which pieces were changed, lost, doubled or swapped for noise. Some are repeated to
64 KiB and timed.
"""
import random
import struct
import time

from parley.server.protocols import PROTOCOLS
from parley.server.protocols.events import COMMANDS
from stress.proofs import demand

LIMITS = {"line_bytes": 8192, "text_bytes": 16384}
CHUNK = 65536  # bytes, what a worker reads at once
TIMED = 200  # one input in so many is made that long and timed


def prove(say, inputs=1000000, seed=1):
    """Feed all of them, with the same choices for the same seed."""
    for name in FRAMES:
        protocol = PROTOCOLS[name]
        chance, worst, began = random.Random(seed), (0.0, b""), time.monotonic()
        for number in range(inputs):
            data = mutated(chance, FRAMES[name])
            check(protocol, data, chance.randrange(len(data) + 1), "%s, input %d" % (name, number))
            if number % TIMED == 0 and data:
                worst = max(worst, cost(protocol, data))
        say("%-9s %d inputs in %.0f s, no surprise; the dearest 64 KiB took %.1f ms of CPU: %r ..."
            % (name, inputs, time.monotonic() - began, worst[0] * 1000, worst[1][:40]))


def check(protocol, data, cut, where):
    """Commands come of it, and the same ones wherever it is cut."""
    whole, pieces = protocol.Decoder(LIMITS), protocol.Decoder(LIMITS)
    commands = whole.feed(data)
    demand(all(type(command) in COMMANDS for command in commands), "%s: %r gave %r", where, data, commands)
    again = pieces.feed(data[:cut])
    if not again or type(again[-1]).__name__ != "Broken":
        again += pieces.feed(data[cut:])
    demand(known(commands) == known(again), "%s: %r cut at %d gave %r, whole %r", where, data, cut, again, commands)


def known(commands):
    """The commands up to the first `Broken`, after which nothing is looked at, and without times claimed by a clock."""
    kinds = [type(command).__name__ for command in commands]
    return commands[:kinds.index("Broken") + 1] if "Broken" in kinds else commands


def cost(protocol, data):
    """(seconds of CPU, input) for the input repeated to one chunk."""
    data = (data * (CHUNK // len(data) + 1))[:CHUNK]
    decoder, began = protocol.Decoder(LIMITS), time.process_time()
    decoder.feed(data)
    return time.process_time() - began, data


def mutated(chance, frames):
    """One input."""
    data = bytearray(b"".join(chance.choice(frames) for _ in range(chance.randrange(1, 4))))
    for _ in range(chance.randrange(4)):
        start = chance.randrange(len(data) + 1)
        stop = min(len(data), start + chance.randrange(1, 9))
        data[start:stop] = chance.choice((
            b"", data[start:stop] * 2, bytes([chance.randrange(256)]), b"%d" % chance.getrandbits(40),
            chance.choice(NOISE), chance.choice(frames)))
    return bytes(data)


def _binary(kind, name, content):
    return struct.pack("!BIII10sI", 1, kind, len(name), len(content), name, 1600000000) + content


def _padded(text):
    return b"%-64d%b" % (len(text), text)


def _delimited(command, *items):
    data = b"|||".join(items)
    return bytes([0, command]) + len(data).to_bytes(40, "big") + data


def _dollar(text):
    return b"$%-10d%b$" % (len(text), text)


NOISE = (
    b"\n", b"\r\n",
    b"\xff\xfd\x01", b"\xff\xfa", b"\xc3", b"\xed\xa0\x80", b"\0", b"\x1b[31m", b"|||", b"|", b"$", b"[[[[",
    b"{'a':", b"\\ud800", b"\\u00e9", b"9" * 30, b" " * 64, "\u202e\u2066\u2069".encode(), b"'", b'"', b"\xff" * 8,
)
FRAMES = {
    "line": (b"LOGIN ann\n", b"LOGIN ann secret\r\n", b"MSG hi there\n", b"DM bob psst\n", b"WHO\n", b"PING\n", b"\n",
             b"GET / HTTP/1.1\r\n", "MSG gr\u00fc\u00dfe \U0001f600\n".encode()),
    "binary": tuple(_binary(kind, b"ann", content) for kind, content in (
        (200, b"ann"), (100, b"hi there"), (202, b"bea"), (203, b""), (201, b"bob"), (211, b"1.5"), (205, b""),
        (7, b""))),
    "padded": (_padded(b"[05:55 AM] ann: hi there"), _padded(b"hi"), _padded(b""), _padded("gr\u00fc\u00dfe".encode())),
    "delimited": (_delimited(0, b"ann"), _delimited(5, b"ann"), _delimited(1), _delimited(1, b"a*"),
                  _delimited(2, b"ann", b"bob", b"hi"), _delimited(2, b"ann", b"lobby", b"\\u00e9"), _delimited(3),
                  _delimited(4)),
    "dollar": tuple(map(_dollar, (
        b"{'purpose': 'login', 'username': 'Alice', 'password': '123'}", b'{"purpose": "poll"}',
        b"{'purpose': 'send_message', 'from_user': 'Alice', 'to_user': 'lobby', 'message': 'it\\'s \\u00e9'}",
        b"{'purpose': 'start_reload_message_list', 'target_user': 'Bob'}", b"{'purpose': 'exit'}", b"{}",
        b"{'purpose': [1, -2.5, True, None, {'a': []}]}"))),
}
