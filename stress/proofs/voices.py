"""Clients that wait for the answer to each request, one class for each protocol; they drop everything else.

`say(to, text)` returns whether the message was acknowledged; `to` is None for the lobby. Names and texts are bytes.
Closed or another OSError if the connection ends, Silence if an answer does not come.
"""
import collections
import socket
import time

from parley.conformance.wire import delimited, dollar, line, padded
from stress.padded import Decoder as PaddedDecoder
from stress.proofs.clients import CHUNK, Closed, Silence

SECONDS = 60.0  # for an answer: a process may have to be replaced first, and not at once
LATER = 0.02  # seconds between two tries for a name that is not free yet


class Voice:
    """One connection, with its name. wire: the codec of the suite for its protocol."""

    wire = None

    def __init__(self, address, name=None, seconds=SECONDS):
        self.name = name
        self.refusal = None  # the latest refusal, in the server's words
        self.seconds = seconds
        self._decoder = self._make_decoder()
        self._come = collections.deque()  # messages that were not handled yet
        self._sock = socket.create_connection(address, seconds)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        """End the connection."""
        self._sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def _until(self, answered):
        """Read until `answered(message)` is not None; returns that."""
        deadline = time.monotonic() + self.seconds
        while True:
            while self._come:
                result = answered(self._come.popleft())
                if result is not None:
                    return result
            left = deadline - time.monotonic()
            if left <= 0:
                raise Silence("%r had no answer in %g s" % (self.name, self.seconds))
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(CHUNK)
            except socket.timeout:
                continue
            if not data:
                raise Closed("the connection of %r has ended" % self.name)
            self._come += self._decoder.feed(data)

    def _make_decoder(self):
        return self.wire.Decoder()

    def _send(self, *messages):
        self._sock.sendall(b"".join(self.wire.encode(message) for message in messages))

    def _refused(self, why):
        self.refusal = why
        return False

    def _insist(self, attempt):
        """Call attempt() until it succeeds: the former connection may still hold the name."""
        deadline = time.monotonic() + self.seconds
        while not attempt():
            if time.monotonic() > deadline:
                raise Silence("%r was not let in for %g s: %r" % (self.name, self.seconds, self.refusal))
            time.sleep(LATER)


class Padded(Voice):
    """A client of `padded`, whose name comes with each text."""

    wire = padded

    def _make_decoder(self):
        return PaddedDecoder()

    def say(self, to, text):
        """Say a text in the lobby."""
        self._send(padded.say(self.name.decode(), text.decode()))
        answer = self._until(
            lambda text: text if text.startswith((padded.RECEIVED, "[ERROR] ", "[SERVER] ")) else None)
        return answer == padded.RECEIVED or self._refused(answer.encode())

    def enter(self):
        """Do nothing: the first text asks for the name."""


class Delimited(Voice):
    """A client of `delimited`."""

    wire = delimited

    def _responded(self, message):
        response = message.fields.get("RESPONSE")
        if response is None:
            return None
        return self._refused(response[0].encode()) if response else True

    def create(self):
        """Make an account and log in to it; returns whether that was granted."""
        self._send({"CREATE": [self.name.decode()]})
        return self._until(self._responded)

    def enter(self):
        """Log in to the account."""

        def attempt():
            self._send({"LOGIN": [self.name.decode()]})
            return self._until(self._responded)

        self._insist(attempt)

    def say(self, to, text):
        """Say a text; the server acknowledges it by sending it back."""
        said = {"SEND": [self.name.decode(), to.decode() if to else delimited.LOBBY, delimited.escaped(text.decode())]}
        self._send(said)
        return self._until(lambda message: True if message.fields == said else self._responded(message))

    def deliver(self):
        """Request the kept messages; returns their texts, with those of direct messages that come meanwhile."""
        texts = []

        def take(message):
            if "SEND" in message.fields:
                texts.append(delimited.unescaped(message.fields["SEND"][2]).encode())
            elif "RESPONSE" in message.fields:
                raise Closed("nothing is delivered to %r: %s" % (self.name, message))
            return True if "LISTRESPONSE" in message.fields else None

        self._send({"DELIVER": []}, {"LIST": ["~nobody"]})
        self._until(take)
        return texts

    def delete(self):
        """Delete the account; returns whether that was granted. The server answers only if it was not."""
        refused = []

        def take(message):
            refused.extend(message.fields.get("RESPONSE", ()))
            return True if "LISTRESPONSE" in message.fields else None

        self._send({"DELETE": []}, {"LIST": ["~nobody"]})
        self._until(take)
        return self._refused(refused[0].encode()) if refused else True

    def accounts(self):
        """The names of all accounts."""
        self._send({"LIST": []})
        names = self._until(lambda message: message.fields.get("LISTRESPONSE"))
        return [name.encode() for name in names]


class Dollar(Voice):
    """A client of `dollar` in its JSON form. Its account has no password."""

    wire = dollar

    def _ask(self, **fields):
        self._send(dict(fields, form=dollar.JSON))

    def _answered(self, purpose, key="result"):
        return self._until(
            lambda message: message.fields[key] if message.fields.get("purpose") == purpose else None)

    def enter(self):
        """Log in to the account."""

        def attempt():
            self._ask(purpose="login", username=self.name.decode(), password="")
            return self._answered("login")

        self._insist(attempt)

    def say(self, to, text):
        """Say a text; the server acknowledges it by a result."""
        self._ask(purpose="send_message", from_user=self.name.decode(), to_user=to.decode() if to else dollar.LOBBY,
                  message=text.decode())
        return self._answered("send_message") or self._refused(b"result: False")

    def is_online(self, name):
        """Whether a user is online."""
        self._ask(purpose="poll")
        return any(user["username"] == name.decode() and user["status"] == "online"
                   for user in self._answered("poll", "users"))

    def history(self, partner):
        """[(sender, text)] of the latest messages with `partner`."""
        found = []

        def take(message):
            found.extend(
                (said["user"].encode(), said["text"].encode()) for said in message.fields.get("message_list", ()))
            return True if message.fields["purpose"] == "the end" else None

        self._ask(purpose="start_reload_message_list", target_user=partner.decode())
        self._ask(purpose="the end")
        self._until(take)
        return found


class Line(Voice):
    """A client of `line`, which has no acknowledgements."""

    wire = line

    def _send(self, *lines):
        super()._send(*[one.decode() for one in lines])

    def _until(self, answered):
        return super()._until(lambda text: answered(text.encode()))

    def enter(self):
        """Log in."""
        self._insist(self.attempt)

    def attempt(self):
        """Ask for the name once; returns whether it was granted."""
        self._send(b"LOGIN " + self.name)
        return self._until(self._accepted)

    def _accepted(self, line):
        return True if line == b"OK" else self._refused(line) if line.startswith(b"ERR") else None

    def say(self, to, text):
        """Say a text, and wait until the server has read it; returns False, as nothing acknowledges it."""
        self._send(b"DM %b %b" % (to, text) if to else b"MSG " + text)
        self.is_there()
        return False

    def is_there(self):
        """Wait until all requests are answered; what comes meanwhile is dropped."""
        self._send(b"PING")
        return self._until(lambda line: True if line == b"PONG" else None)

    def ask(self, *commands):
        """Send commands, and wait for their answers, which are dropped."""
        self._send(*commands)
        self.is_there()

    def hear(self):
        """The text of the next message in the lobby."""
        return self._until(lambda line: line.split(b" ", 2)[2] if line.startswith(b"MSG ") else None)

    def present(self):
        """The names of the users who are online."""
        names = set()

        def take(line):
            if line.startswith(b"USER "):
                names.add(line[len(b"USER "):])
            return True if line == b"PONG" else None

        self._send(b"WHO", b"PING")
        self._until(take)
        return names

    def recall(self, since, room=b""):
        """What the history has after a number, of the lobby or a room: ([(number, sender, text)], last number, more?).

        In a room a number is a message's place there. None if it is refused; `refusal` then says why.
        """
        found, before = [], room + b" " if room else b""

        def take(line):
            if line.startswith(b"ERR"):
                self.refusal = line
                return False
            word, _, rest = line[len(before):].partition(b" ") if line.startswith(before) else (b"", b"", b"")
            if word == b"HIST":
                number, _, sender, text = rest.split(b" ", 3)
                found.append((int(number), sender, text))
            elif word == b"END":
                _, last, more = rest.split(b" ")
                return found, int(last), more == b"more"
            return None

        self._send(before + b"HISTORY SINCE %d" % since)
        return self._until(take) or None
