"""Clients of the framed protocols, for tests of faults that need load, time or several processes.

They use the codecs of the conformance suite. The tables say how the protocols differ; everything below them is the
same for all. Every text ends with a period, as the server's sentences in `padded` do, because that protocol does not
mark the end of a message in any other way.
"""
import collections
import contextlib
import itertools
import re
import socket
import statistics
import time

from parley.conformance.wire import CODECS, binary, delimited, padded
from stress.padded import Decoder as PaddedDecoder
from stress.proofs.clients import SECONDS, Connected, Silence

PROTOCOLS = ("line", "binary", "padded", "delimited", "dollar")
FRAMED = PROTOCOLS[1:]
HELLO = "here."  # in `padded` a client takes its name with its first text
LONG = 2000 * "x"  # with a number before it, it still goes into one frame of `binary`

SILENT, UNFINISHED, SLOW_READER = "silent", "unfinished", "slow reader"

# The sentence with which a connection is ended. In `dollar` it would look like talk from `lobby`.
FAREWELLS = {
    "binary": {
        SILENT: "You were silent for too long.",
        UNFINISHED: "The message did not arrive in time.",
        SLOW_READER: "You read too slowly.",
    },
    "padded": {
        UNFINISHED: "The message did not arrive in time.",
        SLOW_READER: "You read too slowly.",
    },
    "delimited": {
        SILENT: "you were silent for too long",
        UNFINISHED: "command took too long to arrive",
        SLOW_READER: "you read too slowly",
    },
    "dollar": {},
}

# The request for a name. In `delimited` and `dollar` it must be that of an account.
_LOGINS = {
    "binary": lambda name: {"type": binary.JOIN, "content": name},
    "padded": lambda name: padded.say(name, HELLO),
    "delimited": lambda name: {"LOGIN": [delimited.escaped(name)]},
    "dollar": lambda name: {"purpose": "login", "username": name, "password": ""},
}
_NEEDS_ACCOUNT = ("delimited", "dollar")

# Whether the name was granted; None if the message is not the answer to that request.
_VERDICTS = {
    "binary": lambda message: {binary.JOINED: True, binary.NOT_JOINED: False}.get(message.fields["type"]),
    "padded": lambda text: text == padded.RECEIVED if padded.is_probe_reply(text) else None,
    "delimited": lambda message: message.fields["RESPONSE"] == [] if "RESPONSE" in message.fields else None,
    "dollar": lambda message: message.fields["result"] if message.fields["purpose"] == "login" else None,
}

_SPOKEN = re.compile(r"\[[0-9]{2}:[0-9]{2} [AP]M\] (\S+): (.+)")


def _of_delimited(message):
    sender, receiver, text = message.fields.get("SEND") or (None, "lobby", None)
    return None if receiver == "lobby" else (sender, text)  # the sender's own copy is to the lobby


def _of_dollar(message):
    sender, text = message.fields.get("from_user"), message.fields.get("message")
    if sender == "lobby":
        sender, _, text = text.partition(": ")
    return (sender, text) if text is not None else None


# (sender, text) of a message in the lobby; None if it is anything else.
_TALK = {
    "binary": lambda message: (
        (message.fields["user"], message.fields["content"]) if message.fields["type"] == binary.TALK else None),
    "padded": lambda text: _SPOKEN.fullmatch(text).groups() if _SPOKEN.fullmatch(text) else None,
    "delimited": _of_delimited,
    "dollar": _of_dollar,
}

# The text of the server's own sentences; None if the message is anything else.
_SENTENCES = {
    "binary": lambda message: message.fields["content"] if message.fields["type"] == binary.ERROR else None,
    "padded": lambda text: text.partition("[ERROR] ")[2] or None,
    "delimited": lambda message: "".join(message.fields.get("RESPONSE", ())) or None,
    "dollar": lambda message: None,
}

_numbers = itertools.count(1)


class Client(Connected):
    """One connection.

    reads_little: make the kernels on both sides buffer some 200 KB and not megabytes, if the client does not read.
    """

    def __init__(self, address, protocol, reads_little=False):
        super().__init__(socket.socket())
        self.protocol = protocol
        self._codec = CODECS[protocol]
        self._decoder = PaddedDecoder() if protocol == "padded" else self._codec.Decoder()
        self._messages = collections.deque()
        if reads_little:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)  # which makes the server's buffer small
        self.sock.settimeout(SECONDS)
        try:
            self.sock.connect(address)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self.sock.close()
            raise

    # ---- speaking

    def ask(self, *messages):
        """Send messages, in the form that the codec encodes, all in one segment."""
        self.send(b"".join(self._codec.encode(message, self.name) for message in messages))

    def say(self, *texts):
        """Say texts in the lobby."""
        self.ask(*[self._codec.say(self.name, text) for text in texts])

    def frame(self, text):
        """The bytes of a text for the lobby, even before a login."""
        name = self.name or "nobody"
        return self._codec.encode(self._codec.say(name, text), name)

    def claim(self, name):
        """Ask for a name; returns whether it was granted."""
        self.ask(_LOGINS[self.protocol](name))
        verdict_of = _VERDICTS[self.protocol]
        given = verdict_of(self.until(lambda message: verdict_of(message) is not None)[-1])
        self.name = name if given else self.name
        return given

    def take(self, name, seconds=SECONDS):
        """Claim a name again and again until it is free."""
        deadline = time.monotonic() + seconds
        while not self.claim(name):
            assert time.monotonic() < deadline, "%r is not free after %g s" % (name, seconds)

    # ---- listening

    def message(self, seconds=SECONDS):
        """The next message. Closed at the end of the stream, Silence after `seconds`."""
        deadline = time.monotonic() + seconds
        while not self._messages:
            self._receive(deadline)
        return self._messages.popleft()

    def _receive(self, deadline):
        self._messages += self._decoder.feed(self._received(deadline, self._decoder.unfinished))

    def arrived(self):
        """The messages that one look at a socket with something to read brings; Closed at the end of the stream."""
        self._receive(time.monotonic() + SECONDS)
        messages, self._messages = list(self._messages), collections.deque()
        return messages

    def until(self, satisfies, seconds=SECONDS):
        """All messages up to and including the first for which `satisfies` is true, which must come."""
        deadline = time.monotonic() + seconds
        messages = [self.message(seconds)]
        while not satisfies(messages[-1]):
            messages.append(self.message(max(0.0, deadline - time.monotonic())))
        return messages

    def talk_in(self, messages):
        """(name, text) of all talk in these messages, without hellos."""
        talk = filter(None, map(_TALK[self.protocol], messages))
        return [(name, text) for name, text in talk if text != HELLO]

    def heard(self, name, text, seconds=SECONDS):
        """All talk up to and including this text, which must come."""
        return self.talk_in(self.until(lambda message: self.talk_in([message]) == [(name, text)], seconds))

    def meanwhile(self, seconds):
        """All messages that come within so many seconds."""
        deadline = time.monotonic() + seconds
        messages = []
        with contextlib.suppress(Silence):
            while True:
                messages.append(self.message(max(0.0, deadline - time.monotonic())))
        return messages

    def rest(self, seconds=SECONDS):
        """All messages until the server ends the connection, a reset included; Silence if it does not."""
        deadline = time.monotonic() + seconds
        messages = []
        while True:
            try:
                messages.append(self.message(max(0.0, deadline - time.monotonic())))
            except ConnectionError:
                assert not self._decoder.unfinished, "half a message at the end"
                return messages

    def last_words(self, messages):
        """The sentence of the server that is the last of these messages; None if the last one is anything else."""
        return _SENTENCES[self.protocol](messages[-1]) if messages else None


def enter(server, protocol, name, slot=0, reads_little=False):
    """A client that is in the room, on the worker in `slot`."""
    if protocol in _NEEDS_ACCOUNT:
        open_account(server, name)
    client = Client(server.worker_address(slot, protocol), protocol, reads_little)
    try:
        client.take(name)
    except BaseException:
        client.close()
        raise
    return client


def open_account(server, name):
    """Make an account without a password; returns whether it is new."""
    with Client(server.worker_address(0, "delimited"), "delimited") as client:
        client.ask({"CREATE": [delimited.escaped(name)]})
        return client.message().fields == {"RESPONSE": []}


class Bystanders:
    """A framed client and one of `line`, which talk to each other while their worker is under attack.

    noticed: what else the client of `line` receives, without hellos. overheard: other talk that the other receives.
    """

    def __init__(self, framed, line):
        self.framed = framed
        self.line = line
        self.noticed = []
        self.overheard = []
        self._took = []

    def talk(self, lines=1, filling=""):
        """Let the client of `line` say so many lines, and the other answer; returns [(name, text)] of the lines."""
        numbers = [next(_numbers) for _ in range(lines)]
        began = time.monotonic()
        self.line.say(*["MSG %d%s." % (number, filling) for number in numbers])
        said = [(self.line.name, "%d%s." % (number, filling)) for number in numbers]
        heard = self.framed.heard(*said[-1])
        assert [one for one in heard if one[0] == self.line.name] == said
        self.overheard += [one for one in heard if one[0] != self.line.name]
        self.framed.say("%d." % numbers[-1])
        self._notice(self.line.until("MSG %s %d." % (self.framed.name, numbers[-1])))
        self._took.append(time.monotonic() - began)
        return said

    def rest_a_little(self):
        """Wait a moment for other lines: talk without a pause would be a flood, too."""
        with contextlib.suppress(Silence):
            self._notice([self.line.line(0.05)])

    def _notice(self, lines):
        self.noticed += [line for line in lines if not line.endswith(b" " + HELLO.encode())]

    def assert_undisturbed(self):
        """The limits are generous, as the machine may be busy with other tests, or stand still for seconds."""
        assert max(self._took) < 20, "the others had to wait for %.1f s" % max(self._took)
        assert statistics.median(self._took) < 5, "each time they had to wait"
