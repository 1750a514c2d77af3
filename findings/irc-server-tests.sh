#!/usr/bin/env bash
# A bot that is tested with the server of the Python package irc meets another IRC than on a real server.
#
# The package brings a server for tests, `python -m irc.server`, with "basic support" for channels, nicknames and
# messages. Its PONG has the server's name in the place of what the client sent, so that a client that measures by it
# waits for ever. With a reason a member stays in the room, after 403. A topic is told to whom sets it, and to no
# member. `#Room` is not `#room`, two receivers in one message are nobody, and ann|away is no nickname. ngIRCd does all
# that as in RFC 2812 (2.2, 2.3.1, 3.2.2, 3.2.4, 3.3.1, 3.7.3).
# Seen with the PyPI package irc 20.5.0, and ngIRCd 26.1 (Debian package ngircd).
# Bots whose tests start it because it needs no installation: the faults that it hides are those of texts that never
# came.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
command -v ngircd >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ngircd >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check irc==20.5.0
timeout 10 ngircd --version | sed -n 1p
echo "irc 20.5.0, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import os, re, socket, subprocess, sys, time

FOLDER = sys.argv[1]
CONFIG = """
[Global]
Name = irc.test.invalid
Info = A test
Listen = 127.0.0.1
Ports = %d
[Options]
DNS = no
Ident = no
PAM = no
"""
CASES = [  # who sends what, and who is to hear it, in these words
    ("ann", "PING :cookie 7", "ann", r"PONG\b.*\bcookie 7$"),
    ("ann", "TOPIC #room :lunch", "bob", r"^:ann\S* TOPIC #room :lunch$"),
    ("ann", "PRIVMSG #ROOM :in capitals", "bob", r"^:ann\S* PRIVMSG #room :in capitals$"),
    ("ann", "PRIVMSG BOB :in capitals", "bob", r"^:ann\S* PRIVMSG (?i:bob) :in capitals$"),
    ("ann", "PRIVMSG #room,bob :to both", "bob", r"^:ann\S* PRIVMSG bob :to both$"),
    ("bob", "NICK bob|away", "ann", r"^:bob\S* NICK :?bob\|away$"),
    ("ann", "PART #room :see you", "bob", r"^:ann\S* PART #room :see you$"),
]


class Person:
    def __init__(self, port, name):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._lines = self._socket.makefile("r", encoding="utf-8", newline="\r\n")
        self.send("NICK %s\r\nUSER %s 0 * :%s" % (name, name, name))
        self.until(" 001 ")
        self.send("JOIN #room")
        self.until(" 366 ")

    def send(self, line):
        self._socket.sendall(line.encode() + b"\r\n")

    def until(self, part):
        """The lines up to one with that part, without it."""
        heard = []
        for line in self._lines:
            if part in line:
                return heard
            heard.append(line.rstrip("\r\n"))
        sys.exit("the server has hung up")

    def close(self):
        self._lines.close()
        self._socket.close()


def arrived(port, sender, line, receiver, words):
    people = {name: Person(port, name) for name in ("ann", "bob")}
    people[sender].send(line)
    people[sender].send("ISON ann bob")  # its answer comes after all that the line led to
    heard = {sender: people[sender].until(" 303 ")}
    other = "bob" if sender == "ann" else "ann"
    people[other].send("ISON ann bob")
    heard[other] = people[other].until(" 303 ")
    for person in people.values():
        person.send("QUIT")
        person.close()
    return any(re.search(words, one) for one in heard[receiver])


def free():
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


seen = {}
for name in ("ngIRCd", "irc.server"):
    port = free()
    with open(os.path.join(FOLDER, "ngircd.conf"), "w") as file:
        file.write(CONFIG % port)
    command = {
        "ngIRCd": ["ngircd", "-n", "-f", os.path.join(FOLDER, "ngircd.conf")],
        "irc.server": [os.path.join(FOLDER, "venv", "bin", "python"), "-m", "irc.server", "-a", "127.0.0.1",
                       "-p", str(port)],
    }[name]
    for case in CASES:
        # a server of its own for each case, so that nobody of the one before is there
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.1)
            seen[name, case] = arrived(port, *case)
        finally:
            server.kill()
            server.wait()
print("  %-32s %-8s %s" % ("", "ngIRCd", "irc.server"))
for case in CASES:
    print("  %-4s %-28s %-8s %s" % (case[0], case[1],
                                    *("arrives" if seen[name, case] else "-" for name in ("ngIRCd", "irc.server"))))
different = [case[1] for case in CASES if not seen["ngIRCd", case] or seen["irc.server", case]]
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 250 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: of seven lines none does there what it does on a real server."
