#!/usr/bin/env bash
# What a bot with circuits says as ":)" arrives as ")", and ":-) hello" as "-) hello".
#
# The colon before the last parameter of a line is no part of it, so a text that begins with a colon needs another one
# (RFC 2812, 2.3.1). circuits writes a colon if there is a blank, unless the text begins with one already, and none if
# there is no blank. So smileys and commands as `:w` lose their first letter, and what is said to people with a bot
# that repeats what it hears is not what it heard. Its own parser reads the line as everybody does. The library irc
# writes two colons.
# Seen with the PyPI packages circuits 3.2.5 and irc 20.5.0, and ngIRCd 26.1 (Debian package ngircd).
# Relays and bots: put a colon before each text yourself, whatever it begins with.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

command -v ngircd >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ngircd >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check circuits==3.2.5 irc==20.5.0
echo "circuits 3.2.5, irc 20.5.0, $(python3 --version), $(dpkg-query -W -f '${Package} ${Version}' ngircd)"
port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
cat >"$tmp/ngircd.conf" <<CONF
[Global]
Name = irc.example.net
Info = test
Listen = 127.0.0.1
Ports = $port
[Options]
DNS = no
Ident = no
PAM = no
CONF
ngircd -n -f "$tmp/ngircd.conf" >"$tmp/out" 2>&1 &

cat >"$tmp/bot.py" <<'PYTHON'
"""Enters #room as bot and says the texts."""
import sys

library, port, *texts = sys.argv[1:]
if library == "circuits":
    from circuits import Component
    from circuits.net.events import connect
    from circuits.net.sockets import TCPClient
    from circuits.protocols.irc import IRC, JOIN, NICK, PRIVMSG, USER

    class Bot(Component):
        channel = "bot"

        def init(self):
            TCPClient(channel=self.channel).register(self)
            IRC(channel=self.channel).register(self)

        def ready(self, component):
            self.fire(connect("127.0.0.1", int(port)))

        def connected(self, host, port):
            self.fire(NICK("bot"))
            self.fire(USER("bot", "0", "*", "Bot"))

        def numeric(self, source, numeric, *args):
            if numeric in (376, 422):
                self.fire(JOIN("#room"))
            if numeric == 366:
                for text in texts:
                    self.fire(PRIVMSG("#room", text))

    Bot().run()
else:
    import irc.client

    reactor = irc.client.Reactor()
    connection = reactor.server().connect("127.0.0.1", int(port), "bot")
    connection.add_global_handler("welcome", lambda connection, event: connection.join("#room"))
    connection.add_global_handler(
        "endofnames", lambda connection, event: [connection.privmsg("#room", text) for text in texts])
    reactor.process_forever()
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import os, socket, subprocess, sys, time

from circuits.protocols.irc.utils import parsemsg

FOLDER, PORT = sys.argv[1], int(sys.argv[2])
TEXTS = [":)", ":-) hello", ":w saves it", "hello :)", "end"]
LOST = [")", "-) hello", "w saves it", "hello :)", "end"]


def entered():
    for _ in range(100):
        try:
            ear = socket.create_connection(("127.0.0.1", PORT), timeout=20)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    lines = ear.makefile("rwb", buffering=0)
    lines.write(b"NICK ear\r\nUSER ear 0 * ear\r\n")
    for line in lines:
        if line.split()[1] in (b"376", b"422"):
            lines.write(b"JOIN #room\r\n")
        if line.split()[1] == b"366":
            return lines


def heard(lines, library):
    """What another one in the room hears."""
    command = [sys.executable, os.path.join(FOLDER, "bot.py"), library, str(PORT)] + TEXTS
    bot = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    texts = []
    try:
        while texts[-1:] != ["end"]:
            line = lines.readline().rstrip(b"\r\n")
            if line.startswith(b"PING"):
                lines.write(b"PONG" + line[4:] + b"\r\n")
            if b" PRIVMSG " in line:
                texts.append(line.split(b" :", 1)[1].decode())
    finally:
        bot.kill()
        bot.wait()
    while b"QUIT" not in lines.readline():
        pass
    return texts


different = []
lines = entered()
print("  %-9s %s" % ("said", TEXTS))
for library, expected in (("circuits", LOST), ("irc", TEXTS)):
    seen = heard(lines, library)
    print("  %-9s %s" % (library, seen))
    if seen != expected:
        different.append("%s, expected %s" % (library, expected))
read = parsemsg(b":ann!ann@host PRIVMSG #room ::-) hello")[2][-1]
print("  read by circuits from two colons: %s" % read)
if read != ":-) hello":
    different.append("read, expected :-) hello")
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp" "$port"
echo "As told: three of four smileys and commands lose their colon."
