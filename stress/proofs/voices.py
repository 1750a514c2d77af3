"""Clients that wait for the answer to what they ask, one class a protocol; what else they hear is dropped.

`say(to, text)` tells whether it was acknowledged; `to` is None for the lobby. Names and texts are bytes. Closed or
another OSError if the connection ends, Silence if an answer does not come.
"""
import json
import re
import socket
import time

from stress.proofs.clients import CHUNK, Closed, Silence

SECONDS = 60.0  # for an answer: a process may have to be replaced first, and not at once
LATER = 0.02  # seconds until a name that is not free yet is asked for again


class Voice:
    """One connection, with its name."""

    def __init__(self, address, name=None, seconds=SECONDS):
        self.name = name
        self.refusal = None  # the latest one
        self.seconds = seconds
        self._held = b""
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
        """Hear until `answered(message)` is not None; gives that."""
        deadline = time.monotonic() + self.seconds
        while True:
            for message in self._messages():
                result = answered(message)
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
            self._held += data

    def _messages(self):
        """The whole messages that have come, taken out one by one."""
        raise NotImplementedError

    def _refused(self, why):
        self.refusal = why
        return False

    def _insist(self, attempt):
        """Attempt it until it is granted: the name may still be held by a connection that has just ended."""
        deadline = time.monotonic() + self.seconds
        while not attempt():
            if time.monotonic() > deadline:
                raise Silence("%r was not let in for %g s: %r" % (self.name, self.seconds, self.refusal))
            time.sleep(LATER)


class Padded(Voice):
    """Its name comes with each text, and nobody else can be called "Msg received" or "[ERROR] "."""

    _ANSWER = re.compile(rb"Msg received|\[ERROR\] [^\[]*\.|\[SERVER\] ")

    def _messages(self):
        while True:
            found = self._ANSWER.search(self._held)
            if not found:
                self._held = self._held[-200:]
                return
            self._held = self._held[found.end():]
            yield found.group()

    def say(self, to, text):
        """Into the lobby."""
        body = b"[05:55 AM] %b: %b" % (self.name, text)
        self._sock.sendall(b"%-64d%b" % (len(body), body))
        answer = self._until(lambda message: message)
        return answer == b"Msg received" or self._refused(answer)

    def enter(self):
        """The name is asked for with the first text."""


class Delimited(Voice):
    """Frames of items."""

    _CREATE, _LIST, _SEND, _DELIVER, _DELETE, _LOGIN, _RESPONSE, _LISTED = range(8)

    def _messages(self):
        while len(self._held) >= 42:
            end = 42 + int.from_bytes(self._held[2:42], "big")
            if len(self._held) < end:
                return
            message = self._held[1], self._held[42:end]
            self._held = self._held[end:]
            yield message

    def _send(self, *frames):
        self._sock.sendall(b"".join(
            b"\0%c%b%b" % (command, len(data).to_bytes(40, "big"), data) for command, data in frames))

    def _responded(self, message):
        command, data = message
        if command != self._RESPONSE:
            return None
        return self._refused(data) if data else True

    def create(self):
        """A new account, and come in as it."""
        self._send((self._CREATE, self.name))
        return self._until(self._responded)

    def enter(self):
        """Come in under an account that there is."""

        def attempt():
            self._send((self._LOGIN, self.name))
            return self._until(self._responded)

        self._insist(attempt)

    def say(self, to, text):
        """Acknowledged by its echo."""
        data = b"|||".join((self.name, to or b"lobby", _written(text)))
        self._send((self._SEND, data))
        return self._until(
            lambda message: True if message == (self._SEND, data) else self._responded(message))

    def deliver(self):
        """The texts that were kept, and those that are said to it meanwhile."""
        texts = []

        def take(message):
            command, data = message
            if command == self._SEND:
                texts.append(_read(data.split(b"|||")[2]))
            elif command == self._RESPONSE:
                raise Closed("nothing is delivered to %r: %r" % (self.name, data))
            return True if command == self._LISTED else None

        self._send((self._DELIVER, b""), (self._LIST, b"~nobody"))
        self._until(take)
        return texts

    def delete(self):
        """Delete the account, which is answered only if it cannot be done; then this is nobody any more."""
        refused = []

        def take(message):
            command, data = message
            if command == self._RESPONSE:
                refused.append(data)
            return True if command == self._LISTED else None

        self._send((self._DELETE, b""), (self._LIST, b"~nobody"))
        self._until(take)
        return self._refused(refused[0]) if refused else True

    def accounts(self):
        """The names of all."""
        self._send((self._LIST, b""))
        return self._until(lambda message: message[1].split(b"|||") if message[0] == self._LISTED else None)


def _written(text):
    """In ASCII, with an escape for each UTF-16 unit of anything else."""
    return re.sub("[^ -~]", lambda found: re.sub("(....)", r"\\u\1", found.group().encode("utf-16-be").hex()),
                  text.decode()).encode()


def _read(item):
    return re.sub(rb"(\\u[0-9a-f]{4})+", lambda found: bytes.fromhex(found.group().replace(b"\\u", b"").decode())
                  .decode("utf-16-be").encode(), item)


class Dollar(Voice):
    """Dictionaries, as JSON. Its account has no password."""

    def _messages(self):
        while len(self._held) > 11:
            end = 11 + int(self._held[1:11])
            if len(self._held) <= end:
                return
            message = self._held[11:end]
            self._held = self._held[end + 1:]
            yield message

    def _send(self, *requests):
        packets = []
        for request in requests:
            data = json.dumps(request).encode()
            packets.append(b"$%-10d%b$" % (len(data), data))
        self._sock.sendall(b"".join(packets))

    def _answered(self, purpose, key="result"):
        beginning = b'{"purpose": "%b"' % purpose.encode()
        return self._until(
            lambda message: json.loads(message.decode())[key] if message.startswith(beginning) else None)

    def enter(self):
        """Come in under an account that there is."""

        def attempt():
            self._send({"purpose": "login", "username": self.name.decode(), "password": ""})
            return self._answered("login")

        self._insist(attempt)

    def say(self, to, text):
        """Acknowledged by a result."""
        self._send({"purpose": "send_message", "from_user": self.name.decode(), "to_user": (to or b"lobby").decode(),
                    "message": text.decode()})
        return self._answered("send_message") or self._refused(b"result: False")

    def is_online(self, name):
        """Is somebody here?"""
        self._send({"purpose": "poll"})
        return any(user["username"] == name.decode() and user["status"] == "online"
                   for user in self._answered("poll", "users"))

    def history(self, partner):
        """(sender, text) of what was said with `partner`, lately."""
        found = []

        def take(message):
            message = json.loads(message.decode())
            found.extend((said["user"].encode(), said["text"].encode()) for said in message.get("message_list", ()))
            return True if message["purpose"] == "the end" else None

        self._send({"purpose": "start_reload_message_list", "target_user": partner.decode()}, {"purpose": "the end"})
        self._until(take)
        return found


class Line(Voice):
    """Lines; what is said is acknowledged by nothing."""

    def _messages(self):
        while True:
            line, end, rest = self._held.partition(b"\n")
            if not end:
                return
            self._held = rest
            yield line

    def _send(self, *lines):
        self._sock.sendall(b"".join(line + b"\n" for line in lines))

    def enter(self):
        """Come in."""

        def attempt():
            self._send(b"LOGIN " + self.name)
            return self._until(lambda line: True if line == b"OK" else
                               self._refused(line) if line.startswith(b"ERR") else None)

        self._insist(attempt)

    def say(self, to, text):
        """Never acknowledged."""
        self._send(b"DM %b %b" % (to, text) if to else b"MSG " + text)
        self.is_there()
        return False

    def is_there(self):
        """Wait until all that was asked is answered; what comes meanwhile is dropped."""
        self._send(b"PING")
        return self._until(lambda line: True if line == b"PONG" else None)

    def ask(self, *commands):
        """Wait for the answers to commands, which are dropped."""
        self._send(*commands)
        self.is_there()

    def hear(self):
        """The text of the next message in the lobby."""
        return self._until(lambda line: line.split(b" ", 2)[2] if line.startswith(b"MSG ") else None)

    def recall(self, since):
        """What was said in the lobby after the number `since`: ([(number, sender, text)], last number, more?).

        None if it is not told, and `refusal` says why.
        """
        found = []

        def take(line):
            word, _, rest = line.partition(b" ")
            if word == b"HIST":
                number, _, sender, text = rest.split(b" ", 3)
                found.append((int(number), sender, text))
            elif word == b"ERR":
                self.refusal = line
                return False
            elif line.startswith(b"END HISTORY "):
                _, _, last, more = line.split(b" ")
                return found, int(last), more == b"more"
            return None

        self._send(b"HISTORY SINCE %d" % since)
        return self._until(take) or None
