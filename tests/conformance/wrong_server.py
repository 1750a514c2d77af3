"""A `line` server that can be wrong on purpose: it shows that the suite notices.

With no switch on it is correct, so it is also what the suite is developed against. One thread a connection. Its
"workers" are only labels, each with a listener of its own; what goes from one to another takes a queue and five
milliseconds, as slow as a bus between processes can be.

    python tests/conformance/wrong_server.py 0 --workers 2 --worker-ports --bug echo
"""
import argparse
import heapq
import itertools
import json
import os
import re
import signal
import socket
import threading
import time
import unicodedata

BUGS = {
    "echo": "the speaker gets a copy of his own message",
    "leak": "a direct message reaches one more user, on another worker",
    "no-info": "nobody is told that somebody left",
    "info-twice": "everybody is told twice that somebody left",
    "one-recv-is-one-line": "what one recv returns is taken as one line",
    "names-per-worker": "each worker has name lists of its own",
    "two-bobs": "a taken name is given away again",
    "mixes-order": "two messages to another worker may change places",
    "forgets-crlf": "the carriage return of a CRLF stays in the text",
    "who-lists-strangers": "the list has a line for connections that are not logged in",
    "who-lacks-self": "the list leaves out the one who asks",
    "who-goes-to-all": "everybody gets the answer to anybody's WHO",
    "idle-stays-open": "says idle-timeout, but does not close",
    "drops-the-rest": "forgets what came in the same segment behind a LOGIN",
    "cuts-utf8": "decodes what each read gives alone",
    "acknowledges-dm": "answers OK to a direct message",
    "acknowledges-msg": "answers OK to a message",
    "announces-joins": "tells everybody of a login",
    "strangers-hear": "connections that are not logged in get the messages",
    "strangers-speak": "messages before the login are relayed",
    "raw-escapes": "control characters reach the terminals of others",
    "keeps-names": "a name is never free again",
    "delivers-half": "an unfinished line counts when the connection ends",
    "no-line-limit": "a line may have any length",
    "ping-needs-no-login": "PING is answered before the login",
    "login-again": "a second LOGIN changes the name",
    "trims-text": "spaces around a text are lost",
    "info-from-text": "any line break character ends a line, so a text can forge an INFO line",
    "closes-on-error": "an unknown command ends the connection",
    "forgets-passwords": "a registered name needs no password",
    "registers-twice": "a registered name can be registered again",
    "keeps-old-password": "PASSWD says OK and changes nothing",
    "keeps-the-older": "the right password of a name in use is refused",
    "any-password-evicts": "a wrong password ends the connection that has the name",
    "evicts-whoever": "a password takes over a name that has none",
    "evicts-without-a-word": "a connection whose name is taken over is not told",
    "evicted-stay": "a connection whose name is taken over is told, and not closed",
    "evicts-in-secret": "the others are not told that it has ended",
    "tells-twice": "HISTORY SINCE tells the message of that number again",
    "tells-whispers": "direct messages are part of the history",
    "tells-newcomers-nothing": "HISTORY begins at one's own login",
    "tells-strangers": "HISTORY is answered before the login",
    "tells-whatever": "HISTORY with something else behind it is answered",
    "ends-too-early": "HISTORY says complete although there is more",
    "times-whole-lines": "a line's time runs from its first byte",
    "minds-blanks": "blanks around a command are part of it",
    "keeps-blanks": "blanks behind a text are part of it",
    "knows-no-backspace": "BS and DEL are characters like others",
    "erases-bytes": "BS erases a byte, not a character",
    "erases-lines": "BS goes back over the end of a line",
    "knows-no-mark": "a byte order mark is part of the first command",
    "leaves-telnet-waiting": "the timing mark is not answered",
    "answers-at-the-end": "the timing mark is answered when the line has ended",
    "answers-every-option": "other telnet options are answered too",
    "newline-only": "CR NUL ends no line",
    "says-nothing": "a text of which nothing can be seen is said",
    "leaves-silently": "QUIT is not answered",
    "stays": "QUIT is answered, and the connection stays",
    "loses-what-is-missed": "what is said to an account that is away is for nobody",
    "tells-missed-twice": "UNREAD tells again what it has told",
    "hides-missed": "whoever comes in is not told that something waits",
    "helps-members-only": "HELP is refused before the login",
}

HELP = ("HELP LOGIN <username> [<password>]", "HELP MSG <text>", "HELP WHO", "HELP DM <username> <text>", "HELP PING",
        "HELP HISTORY [<count>]", "HELP HISTORY SINCE <number>", "HELP REGISTER <username> <password>",
        "HELP PASSWD <old password> <new password>", "HELP UNREAD",
        "HELP JOIN #<room> [<key>]",
        "HELP PART #<room>",
        "HELP ROOMS [<pattern>]",
        "HELP #<room> MSG <text>",
        "HELP #<room> WHO",
        "HELP #<room> HISTORY [<count>]",
        "HELP #<room> HISTORY SINCE <place>",
        "HELP #<room> TOPIC [<text>]",
        "HELP #<room> INVITE|KICK|BAN|UNBAN|MUTE|UNMUTE|VOICE|DEVOICE|OP|DEOP <username> [<why>]",
        "HELP #<room> SET private|invite|moderated on|off",
        "HELP #<room> SET open_topic|open_talk|noctcp on|off",
        "HELP #<room> SET key|limit|slow <value>|off",
        "HELP #<room> DROP",
        "HELP HELP", "HELP QUIT", "END HELP")
LINE_LIMIT = 8192
BUS_SECONDS = 0.005
RESERVED = ("server lobby login ok err msg who user dm ping pong info disconnected idle-timeout").split()
LOOK_ALIKES = str.maketrans("аеорсухіѕАЕОРСУХІВМНТКΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "aeopcyxisaeopcyxibmhtkabezhikmnoptyxo")
FOREIGN_TONGUES = re.compile(rb"SSH-|EHLO|HELO|\x16\x03|\x03\x00|[A-Z]+ \S+ HTTP/")
TELNET = re.compile(rb"(\xff\xff)|(\xff[\xfb-\xfe][^\n])|\xff\xfa[^\n]*?\xff\xf0|\xff[\xec-\xf9]", re.DOTALL)
HALF_OF_TELNET = re.compile(rb"\xff(?:[\xfb-\xfe]|\xfa[^\n]*)?\Z")
WILL, WONT, DO, DONT = 251, 252, 253, 254
TIMING_MARK = b"\xff\xfd\x06"
CLOSERS = dict.fromkeys("\u202a\u202b\u202d\u202e", "\u202c")
CLOSERS.update(dict.fromkeys("\u2066\u2067\u2068", "\u2069"))


def erased(data):
    """A line as it stands after its BS and DEL."""
    kept = []
    for char in data.decode("utf-8", "surrogateescape"):
        if char not in "\b\x7f":
            kept.append(char)
        elif kept:
            kept.pop()
    return "".join(kept).encode("utf-8", "surrogateescape")


def is_seen(text):
    """Whether there is anything to be seen in a text."""
    unseen = "\u2800\u3164\u115f\u1160\ufe0f"
    return any(unicodedata.category(char)[0] not in "CZ" and char not in unseen for char in text)


def harmless(text):
    """The text as others may see it: no control characters, no open direction marks."""
    return "".join(map(_shown, text)) + _closing(text)


def _shown(char):
    code = ord(char)
    if char in "\x85\u2028\u2029":
        return "\u2424"
    if code < 0x20 and char != "\t":
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return "\ufffd" if 0x80 <= code < 0xA0 else char


def _closing(text):
    still_open = []
    for char in text:
        if char in CLOSERS:
            still_open.append(CLOSERS[char])
        elif char in "\u202c\u2069" and still_open and still_open[-1] == char:
            still_open.pop()
    return "".join(reversed(still_open))


def skeleton(name):
    return unicodedata.normalize("NFKC", name).translate(LOOK_ALIKES).casefold().translate(LOOK_ALIKES)


def good_name(name):
    categories = [unicodedata.category(char) for char in name]
    return (1 <= len(name) <= 32 and "|" not in name and name[0] not in "/#&"
            and not any(category in ("Cc", "Cf", "Cn", "Cs", "Co") or category[0] == "Z" for category in categories)
            and categories[0][0] != "M" and skeleton(name) not in RESERVED and "\ufffd" not in name)


class Client:
    """One connection."""

    def __init__(self, sock, worker):
        self.sock = sock
        self.worker = worker
        self.name = None
        self.since = 0  # what was said before that is not told to this one
        self.half = b""  # of a telnet command
        self.owed = b""  # what is answered when the line has ended
        self.begun = False  # whether it has said a line
        self.lock = threading.Lock()

    def put(self, line):
        self.put_bytes(line.encode("utf-8", "surrogateescape") + b"\n")

    def put_bytes(self, data):
        with self.lock:
            try:
                self.sock.sendall(data)
            except OSError:
                pass  # gone; the reader notices


class Bus(threading.Thread):
    """What goes to the clients of one worker from the others: in order, and late."""

    def __init__(self):
        super().__init__(daemon=True)
        self.items = []
        self.counter = itertools.count()
        self.changed = threading.Condition()
        self.stopped = False
        self.start()

    def put(self, client, line, late=0.0):
        with self.changed:
            heapq.heappush(self.items, (time.monotonic() + BUS_SECONDS + late, next(self.counter), client, line))
            self.changed.notify()

    def stop(self):
        with self.changed:
            self.stopped = True
            self.changed.notify()

    def run(self):
        while True:
            with self.changed:
                while not self.stopped and (not self.items or self.items[0][0] > time.monotonic()):
                    self.changed.wait(self.items[0][0] - time.monotonic() if self.items else None)
                if self.stopped:
                    return
                _, _, client, line = heapq.heappop(self.items)
            client.put(line)


class WrongServer:
    """The server; usable in a thread of a test, with the same face as the suite's launched servers."""

    exit_code = None

    def __init__(self, bugs=(), workers=2, config=None):
        assert set(bugs) <= set(BUGS), bugs
        config = config or {}
        self.bugs = frozenset(bugs)
        self.workers = workers
        self.echo = config.get("echo", {}).get("line", False) or "echo" in bugs
        self.idle = config.get("idle_timeout", {}).get("line", 60)
        self.frame_seconds = config.get("limits", {}).get("frame_seconds", 10)
        self.said = []  # (time, name, text), None for a direct message
        self.passwords = {}
        self.missed = {}  # account -> [(time, sender, text)]  # name of an account -> its password
        self.lock = threading.RLock()
        self.clients = []
        self.stdout = []
        self.stopping = False
        self.spoken = 0
        self.buses = [Bus() for _ in range(workers)]
        self.listeners = [self._listen(worker) for worker in range(workers)]
        self.shared = self._listen(0)
        for worker in range(workers):
            self._print("[SERVER] Worker %d serves line on %s:%d" % ((worker,) + self.worker_address(worker)))
        self._print("[SERVER] Chat server started on %s:%d" % self.address())
        self._print("[SERVER] Waiting for connections...")

    # The face of a launched server

    def address(self, protocol="line"):
        return self.shared.getsockname()

    def worker_address(self, index, protocol="line"):
        return self.listeners[index].getsockname()

    def stderr_size(self):
        return 0

    def stderr_text(self, start=0):
        return ""

    def wait_for_line(self, satisfied, seconds):
        return any(satisfied(line) for line in self.stdout)

    def terminate(self):
        self.stop()

    def stop(self):
        if self.stopping:
            return
        self.stopping = True
        self._print("[SERVER] Shutting down...")
        for listener in self.listeners + [self.shared]:
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
            listener.close()
        with self.lock:
            for client in list(self.clients):
                client.put("INFO server-shutdown")
                self._hang_up(client)
        for bus in self.buses:
            bus.stop()
        self._print("[SERVER] Server stopped.")

    def _print(self, line):
        self.stdout.append(line)
        print(line, flush=True)

    # Connections

    def _listen(self, worker):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        threading.Thread(target=self._accept, args=(listener, worker), daemon=True).start()
        return listener

    def _accept(self, listener, worker):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = Client(sock, worker)
            with self.lock:
                self.clients.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            self._converse(client)
        except OSError:
            pass
        finally:
            self._forget(client)
            self._hang_up(client)
            client.sock.close()

    def _hang_up(self, client):
        try:
            client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _forget(self, client):
        with self.lock:
            if client in self.clients:
                self.clients.remove(client)
            if client.name and not self.stopping and "no-info" not in self.bugs:
                for _ in range(2 if "info-twice" in self.bugs else 1):
                    self._tell_others(client, "INFO %s disconnected" % client.name)
            if "keeps-names" in self.bugs and client.name:
                self.clients.append(client)

    def _converse(self, client):
        held, idle_from, frame_from = b"", time.monotonic(), None
        while True:
            ends = [idle_from + self.idle] + ([frame_from + self.frame_seconds] if frame_from else [])
            client.sock.settimeout(max(min(ends) - time.monotonic(), 0.001))
            try:
                data = client.sock.recv(65536)
            except socket.timeout:
                if frame_from and time.monotonic() >= frame_from + self.frame_seconds:
                    return self._farewell(client, "ERR line-timeout")
                client.put("INFO idle-timeout")
                if "idle-stays-open" not in self.bugs:
                    return self._farewell(client, None)
                idle_from += 3600
                continue
            if not data:
                if "delivers-half" in self.bugs and held:
                    self._line(client, held)
                return
            idle_from = time.monotonic()
            lines = []
            for said, option in self._without_telnet(client, data):
                more, held = self._cut(held, said)
                lines += more
                for line in more:
                    was_stranger = client.name is None
                    if not self._checked_line(client, line):
                        return
                    if was_stranger and client.name and "drops-the-rest" in self.bugs:
                        held = b""
                        break
                self._heed_telnet(client, option)
            if len(held) > LINE_LIMIT and "no-line-limit" not in self.bugs:
                return self._farewell(client, "ERR line-too-long")
            if not client.name and held[:2] in (b"\x16\x03", b"\x03\x00"):
                return self._farewell(client, "ERR unknown-protocol")
            if not self._typed(client, held):
                frame_from = None
            elif lines or frame_from is None or "times-whole-lines" not in self.bugs:
                frame_from = idle_from

    def _without_telnet(self, client, data):
        """(what is said, the telnet option that follows it, or None) of all that has come."""
        data = client.half + data
        found, start, said = [], 0, b""
        for command in TELNET.finditer(data):
            said += data[start:command.start()] + (b"\xff" if command.group(1) else b"")
            start = command.end()
            if command.group(2):
                found.append((said, command.group(2)))
                said = b""
        rest = data[start:]
        half = HALF_OF_TELNET.search(rest)
        client.half = half.group() if half else b""
        return found + [(said + rest[:len(rest) - len(client.half)], None)]

    def _heed_telnet(self, client, option):
        if option == TIMING_MARK and "answers-at-the-end" in self.bugs:
            client.owed += b"\xff\xfc\x06"
        elif option == TIMING_MARK and "leaves-telnet-waiting" not in self.bugs:
            client.put_bytes(b"\xff\xfc\x06")
        elif option and option[1] in (DO, WILL) and "answers-every-option" in self.bugs:
            client.put_bytes(bytes([255, WONT if option[1] == DO else DONT, option[2]]))

    def _typed(self, client, line):
        """What a line says: without a mark, what was erased, and the blanks around it."""
        if not client.begun and "knows-no-mark" not in self.bugs and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        if "erases-bytes" in self.bugs:
            line = erased(line.decode("latin-1").encode()).decode().encode("latin-1")
        elif "knows-no-backspace" not in self.bugs:
            line = erased(line)
        if "minds-blanks" not in self.bugs:
            line = line.lstrip(b" \t\r\0\x04\xff\xf2")
        return line.rstrip(b"\0" + (b"" if "keeps-blanks" in self.bugs else b" \t") +
                           (b"" if "forgets-crlf" in self.bugs else b"\r"))

    def _cut(self, held, data):
        if "one-recv-is-one-line" in self.bugs:
            return [data.rstrip(b"\n")], b""
        if "cuts-utf8" in self.bugs:
            # As if each byte came alone: a busy machine may join segments before they are read.
            data = b"".join(bytes([byte]).decode("utf-8", "replace").encode("utf-8") for byte in data)
        if "info-from-text" in self.bugs:
            *lines, rest = re.split(r"[\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]",
                                    (held + data).decode("utf-8", "surrogateescape"))
            return [line.encode("utf-8", "surrogateescape") for line in lines], rest.encode("utf-8", "surrogateescape")
        data = held + data if "newline-only" in self.bugs else (held + data).replace(b"\r\0", b"\r\n")
        if "erases-lines" in self.bugs:
            while re.search(rb"\n\x08", data):
                data = re.sub(rb"\n\x08", b"", data)
        *lines, rest = data.split(b"\n")
        return lines, rest

    def _farewell(self, client, line):
        """Say a last word and close, without a reset that would eat it: read what is still coming."""
        if line:
            client.put(line)
        self._forget(client)
        client.name = None
        self._hang_up(client)
        client.sock.settimeout(1.0)
        end = time.monotonic() + 1.0
        while time.monotonic() < end and client.sock.recv(65536):
            pass

    # Commands

    def _checked_line(self, client, line):
        """Act on a line; false if the connection is over."""
        if len(line) - line.endswith(b"\r") > LINE_LIMIT and "no-line-limit" not in self.bugs:
            self._farewell(client, "ERR line-too-long")
            return False
        if not client.name and FOREIGN_TONGUES.match(line):
            self._farewell(client, "ERR unknown-protocol")
            return False
        if self._typed(client, line) == b"QUIT" and "stays" not in self.bugs:
            self._farewell(client, None if "leaves-silently" in self.bugs else "OK")
            return False
        self._line(client, line)
        return True

    def _line(self, client, line):
        text = self._typed(client, line).decode("utf-8", "replace")
        client.begun = True
        client.put_bytes(client.owed)
        client.owed = b""
        if not text:
            return
        word, space, rest = text.partition(" ")
        with self.lock:
            if word == "LOGIN" and (not client.name or "login-again" in self.bugs):
                answer = self._login(client, rest)
                client.put(answer)
                missed = self.missed.get(client.name)
                if answer == "OK" and missed and "hides-missed" not in self.bugs:
                    client.put("INFO %d messages while you were away" % len(missed))
            elif word == "REGISTER":
                client.put(self._register(client, rest))
            elif word in ("HELP", "QUIT") and rest:
                client.put("ERR unknown-command")
            elif word == "QUIT":
                client.put("OK")
            elif word == "HELP" and (client.name or "helps-members-only" not in self.bugs):
                for line in HELP:
                    client.put(line)
            elif client.name is None:
                self._stranger(client, word, rest)
            else:
                self._command(client, word, space, rest)

    def _stranger(self, client, word, rest):
        if word == "PING" and "ping-needs-no-login" in self.bugs:
            return client.put("PONG")
        if word == "HISTORY" and "tells-strangers" in self.bugs:
            return self._recall(client, rest, rest)
        if word == "MSG" and "strangers-speak" in self.bugs:
            self._tell_others(client, "MSG ? " + rest)
        client.put("ERR must-login-first")

    def _command(self, client, word, space, rest):
        if word == "MSG" and rest and (is_seen(rest) or "says-nothing" in self.bugs):
            self._say(client, rest)
        elif word == "DM":
            self._whisper(client, rest)
        elif word == "WHO" and not space:
            self._list(client)
        elif word == "PING" and not space:
            client.put("PONG")
        elif word == "HISTORY":
            self._recall(client, space, " ".join(rest.split()))
        elif word == "UNREAD" and not space:
            for when, name, text in self.missed.get(client.name, []):
                client.put("UNREAD %d %s %s" % (when, name, text))
            client.put("END UNREAD")
            if "tells-missed-twice" not in self.bugs:
                self.missed.pop(client.name, None)
        elif word == "PASSWD":
            client.put(self._change(client.name, rest.split()))
        else:
            client.put("ERR unknown-command")
            if "closes-on-error" in self.bugs:
                self._hang_up(client)

    def _login(self, client, rest):
        name = unicodedata.normalize("NFC", rest if "minds-blanks" in self.bugs else rest.lstrip(" "))
        account, _, password = name.partition(" ")
        password = password.strip(" ")
        if account in self.passwords and "forgets-passwords" not in self.bugs:
            is_right = password == self.passwords[account]
            if is_right or password and "any-password-evicts" in self.bugs:
                self._evict(account)
            if not is_right and (password or not self._taken(client, account)):
                return "ERR wrong-password" if password else "ERR password-required"
            name = account
        elif password and "evicts-whoever" in self.bugs:
            self._evict(account)
        if not good_name(name):
            return "ERR invalid-username"
        return self._enter(client, name)

    def _evict(self, name):
        for other in [] if "keeps-the-older" in self.bugs else self._members():
            if other.name == name:
                if "evicts-without-a-word" not in self.bugs:
                    other.put("INFO logged-in-elsewhere")
                if "evicts-in-secret" in self.bugs:
                    self.clients.remove(other)
                else:
                    self._forget(other)
                other.name = None
                if "evicted-stay" not in self.bugs:
                    self._hang_up(other)

    def _register(self, client, rest):
        name, _, password = rest.lstrip(" ").partition(" ")
        password = password.lstrip(" ")
        if not 1 <= len(password) <= 128 or " " in password or "\ufffd" in password:
            return "ERR invalid-password"
        if client.name not in (None, name):
            return "ERR not-your-name"
        if not good_name(name):
            return "ERR invalid-username"
        if name in self.passwords and "registers-twice" not in self.bugs:
            return "ERR username-taken"
        answer = "OK" if client.name else self._enter(client, name)
        if answer == "OK":
            self.passwords[name] = password
        return answer

    def _change(self, name, words):
        if len(words) != 2:
            return "ERR invalid-password"
        if name not in self.passwords:
            return "ERR no-password"
        if words[0] != self.passwords[name]:
            return "ERR wrong-password"
        if "keeps-old-password" not in self.bugs:
            self.passwords[name] = words[1]
        return "OK"

    def _taken(self, client, name):
        if any(skeleton(account) == skeleton(name) for account in self.passwords if account != name):
            return True
        for other in self._members():
            near = "names-per-worker" not in self.bugs or other.worker == client.worker
            if near and "two-bobs" not in self.bugs and skeleton(other.name) == skeleton(name):
                return True
        return False

    def _enter(self, client, name):
        if self._taken(client, name):
            return "ERR username-taken"
        # The list is in the order of logins.
        self.clients.remove(client)
        self.clients.append(client)
        client.name = name
        client.since = len(self.said) if "tells-newcomers-nothing" in self.bugs else 0
        if "announces-joins" in self.bugs:
            self._tell_others(client, "INFO %s joined" % name)
        return "OK"

    def _members(self):
        return [client for client in self.clients if client.name]

    def _say(self, client, text):
        text = text.strip() if "trims-text" in self.bugs else text
        line = "MSG %s %s" % (client.name, text if "raw-escapes" in self.bugs else harmless(text))
        self.spoken += 1
        self._tell_others(client, line, late=0.004 * (self.spoken % 2) if "mixes-order" in self.bugs else 0.0)
        if self.echo:
            client.put(line)
        if "acknowledges-msg" in self.bugs:
            client.put("OK")

        self.said.append((int(time.time()), client.name, harmless(text)))

    def _recall(self, client, space, rest):
        """Numbers are places in `said`, from 1 on."""
        since, count = re.fullmatch("SINCE ([0-9]{1,18})", rest), re.fullmatch("[1-9][0-9]{0,8}", rest, re.ASCII)
        if space and not since and not count and "tells-whatever" not in self.bugs:
            return client.put("ERR invalid-history-format")
        start = int(since.group(1)) if since else 0
        if start > len(self.said):
            return client.put("ERR no-such-number")
        found = [(number, *message) for number, message in enumerate(self.said, 1)
                 if message and number >= start + ("tells-twice" not in self.bugs)]
        if not since:
            found = [message for message in found if message[0] > client.since]
            found = found[-(int(rest) if count else 100):]
        size, last, more = 0, len(self.said), "complete"
        for told, (number, when, name, text) in enumerate(found):
            size += len(text.encode())
            if told == 1000 or size > 256 << 10:
                more = "complete" if "ends-too-early" in self.bugs else "more"
                break
            last = number
            client.put("HIST %d %d %s %s" % (number, when, name, text))
        client.put("END HISTORY %d %s" % (last, more))

    def _tell_others(self, client, line, late=0.0):
        for other in list(self.clients):
            if other is not client and (other.name or "strangers-hear" in self.bugs):
                self._deliver(client, other, line, late)

    def _deliver(self, sender, receiver, line, late=0.0):
        if sender.worker == receiver.worker:
            receiver.put(line)
        else:
            self.buses[receiver.worker].put(receiver, line, late)

    def _whisper(self, client, rest):
        name, _, text = rest.partition(" ")
        if not name or not is_seen(text):
            return client.put("ERR invalid-dm-format")
        name = unicodedata.normalize("NFC", name)
        found = [other for other in self._members() if other.name == name]
        if not found and name in self.passwords:
            if "loses-what-is-missed" not in self.bugs:
                self.missed.setdefault(name, []).append((int(time.time()), client.name, harmless(text)))
            return None
        if not found:
            return client.put("ERR user-not-found")
        line = "DM %s %s" % (client.name, harmless(text))
        self._deliver(client, found[0], line)
        self.said.append((int(time.time()), client.name, text) if "tells-whispers" in self.bugs else None)
        if "leak" in self.bugs and "~sync" not in text:
            for other in self._members():
                if other not in (client, found[0]) and other.worker != found[0].worker:
                    self._deliver(found[0], other, line)
        if "acknowledges-dm" in self.bugs:
            client.put("OK")

    def _list(self, client):
        lines = ["USER " + other.name for other in self._members()
                 if other is not client or "who-lacks-self" not in self.bugs]
        if "who-lists-strangers" in self.bugs:
            lines += ["USER %s:%d" % other.sock.getpeername() for other in self.clients if not other.name]
        for line in lines:
            for receiver in self._members() if "who-goes-to-all" in self.bugs else [client]:
                self._deliver(client, receiver, line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--host")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worker-ports", action="store_true")
    parser.add_argument("--config")
    parser.add_argument("--bug", action="append", default=[], choices=sorted(BUGS))
    options = parser.parse_args()
    config = {}
    if options.config:
        with open(options.config, encoding="utf-8") as file:
            config = json.load(file)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    server = WrongServer(options.bug, options.workers, config)
    over.wait()
    server.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
