"""A million random and mutated inputs for each decoder: each yields only commands, and none costs much.

An input is a few valid frames, in which pieces were changed, lost, doubled or replaced by noise. Some are repeated to
64 KiB and timed. Commands of IRC are executed too, as far as that is possible without answers.
"""
import json
import random
import struct
import time

from parley.server.chat.roll import Roll
from parley.server.chat.room import People
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.events import COMMANDS, Labelled, Turn
from stress.proofs import demand
from stress.web import BINARY, CLOSE, MASK, MORE, PING, TEXT, asked, frame


class _Nobody:
    """Stands in for the replica of a worker."""

    accounts = frozenset()
    people = People()
    roll = Roll()
    most_members = 0


LIMITS = {"line_bytes": 8192, "text_bytes": 16384, "known": _Nobody,
          "irc": {"name": b"irc.test", "network": b"Test", "scram": True, "topic_bytes": 390, "guests": True}}
CHUNK = 65536  # bytes, what a worker reads at once
TIMED = 200  # one input in so many is repeated to the length of a chunk and timed


def prove(say, inputs=1000000, seed=1):
    """Feed `inputs` inputs to each decoder; the same seed gives the same inputs."""
    for name in FRAMES:
        protocol = PROTOCOLS[name]
        chance, worst, began = random.Random(seed), (0.0, b""), time.monotonic()
        for number in range(inputs):
            data = mutated(chance, FRAMES[name])
            check(protocol, data, chance.randrange(len(data) + 1), "%s, input %d" % (name, number))
            if number % TIMED == 0 and data:
                worst = max(worst, cost(protocol, data))
        say("%-9s %d inputs in %.0f s, no surprise; the most expensive 64 KiB took %.1f ms of CPU: %r ..."
            % (name, inputs, time.monotonic() - began, worst[0] * 1000, worst[1][:40]))


def check(protocol, data, cut, where):
    """Check that the decoder yields commands, and the same ones if the input is cut in two."""
    whole, pieces = protocol.Decoder(LIMITS), protocol.Decoder(LIMITS)
    name = b"ann" if cut % 2 else None
    commands = done(fed(whole, data), where, name)
    again = done(fed(pieces, data[:cut]), where, name)
    if not again or type(again[-1]).__name__ != "Broken":
        again += done(fed(pieces, data[cut:]), where, name)
    demand(known(commands) == known(again), "%s: %r cut at %d gave %r, whole %r", where, data, cut, again, commands)


def fed(decoder, data):
    """The commands in `data`, which the decoder may read in several turns."""
    commands = []
    while data:
        commands += decoder.feed(data)
        data = decoder.rest
        if data:
            decoder.rest = b""
    return commands


def done(commands, where, name):
    """The commands of a client of this name, or of one that has not logged in (None), without their labels.

    A `Turn` is taken, and replaced by the frames and the commands that it gives.
    """
    found = []
    for command in commands:
        demand(type(command) in COMMANDS, "%s: a %r came of it", where, type(command))
        if type(command) is Turn:
            frames, more = command.take(name)
            found += [*frames, *done(more, where, name)]
        else:
            found.append(command.command if type(command) is Labelled and callable(command.label) else command)
    return found


def known(commands):
    """The commands up to the first `Broken`; what follows that does not count."""
    kinds = [type(command).__name__ for command in commands]
    return commands[:kinds.index("Broken") + 1] if "Broken" in kinds else commands


def cost(protocol, data):
    """(seconds of CPU, input) for the input repeated to one chunk."""
    data = (data * (CHUNK // len(data) + 1))[:CHUNK]
    decoder, began = protocol.Decoder(LIMITS), time.process_time()
    done(fed(decoder, data), "timed", b"ann")
    return time.process_time() - began, data


def mutated(chance, frames):
    """One random input, made from these frames."""
    data = bytearray(b"".join(chance.choice(frames) for _ in range(chance.randrange(1, 4))))
    for _ in range(chance.randrange(4)):
        start = chance.randrange(len(data) + 1)
        stop = min(len(data), start + chance.randrange(1, 9))
        data[start:stop] = chance.choice((
            b"", data[start:stop] * 2, bytes([chance.randrange(256)]), b"%d" % chance.getrandbits(40),
            chance.choice(NOISE), chance.choice(frames)))
    return bytes(data)


def _caps(names):
    return b"CAP REQ :%b\r\n" % names


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
    "web": (
        asked("hello", session=None, resume={"run": "a", "#lobby": 3}), asked("login", name="ann", password="b"),
        asked("say", text="gr\u00fc\u00dfe \U0001f600\n", tag="t", id="1"), asked("whisper", to="bob", text="x"),
        asked("history", before=9, most=5), asked("watch", names=["bob", "eve"]), asked("ping"),
        asked("keys", publish="AAAA"), asked("offer", name="a.bin", size=3, sha256="0" * 64), asked("set", room="#a"),
        frame(json.dumps({"do": "say", "text": "in parts"}).encode()[:9], is_last=False), frame(b'"}', MORE),
        frame(b"beat", PING), frame(b"x" * 200, BINARY), frame(b"\x03\xe8bye", CLOSE), frame(b"[1, {}]", TEXT), MASK),
    "irc": (
        b"NICK ann\r\nUSER ann 0 * :Ann\r\n", b"JOIN #a,#b key\n", b"PRIVMSG #lobby :hi there\r\n",
        b"PRIVMSG bob,eve :\x01ACTION waves\x01\r\n", b"@+typing=active;label=7 TAGMSG #a\r\n", b"PING :x\r\n",
        _caps(b"draft/multiline batch message-tags labeled-response"), _caps(b"draft/metadata-3 sasl"),
        b"CAP LS 302\r\n", b"BATCH +r draft/multiline #a\r\n@batch=r PRIVMSG #a :one\r\n", b"BATCH -r\r\n",
        b"AUTHENTICATE PLAIN\r\n", b"AUTHENTICATE AGFubgBzZWNyZXQ=\r\n", b"METADATA * SET avatar :x\r\n",
        b"METADATA #a SYNC\r\n", b"MONITOR + bob,eve\r\n", b"MARKREAD #a timestamp=2026-11-30T00:00:00.000Z\r\n",
        b"CHATHISTORY LATEST #a timestamp=2026-11-30T00:00:00.000Z 50\r\n",
        b"MODE #a +ob-v ann *!*@* bob\r\n", b"REDACT #a 5 :why\r\n", b"RENAME #a #b :why\r\n", b"WHO #a %tcuhn,7\r\n",
        b"REGISTER * * secret\r\n", "TOPIC #a :gr\u00fc\u00dfe\r\n".encode()),
}
