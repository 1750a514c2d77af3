#!/usr/bin/env bash
# Three Python libraries for IRC, three ways to lose a text that is longer than a line.
#
# A line has at most 512 bytes with CR LF. irc3 cuts texts into pieces that fill all 512 and then adds CR LF;
# pydle counts letters, so pieces of accented letters are almost twice as long; ngIRCd ends the connection of
# whoever sends a longer line, so that nothing arrives, and both come back and try again. miniirc sends the
# first 512 bytes and drops the rest without a word.
# Seen with the PyPI packages irc3 1.1.12, pydle 1.2.0 and miniirc 1.10.0, ngIRCd 26.1 (Debian package).
# In English and in short the bots work; what a test with "hello" shows says nothing about a report of 600
# letters.
set -euo pipefail
tmp=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
if ! command -v ngircd >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ngircd >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    irc3==1.1.12 setuptools==65.5.0 pydle==1.2.0 miniirc==1.10.0
timeout 10 ngircd --version | sed -n 1p
echo "irc3 1.1.12, pydle 1.2.0, miniirc 1.10.0, $(python3 --version)"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$tmp/ngircd.conf" <<CONF
[Global]
Name = irc.test.invalid
Info = A test
Listen = 127.0.0.1
Ports = $port
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
CONF
timeout 150 ngircd -n -f "$tmp/ngircd.conf" >"$tmp/log" 2>&1 &
server=$!

cat >"$tmp/bot.py" <<'PYTHON'
import sys, time

library, port, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if library == "irc3":
    import irc3

    @irc3.plugin
    class Bot:
        def __init__(self, bot):
            self.bot = bot

        @irc3.event(irc3.rfc.JOIN)
        def on_join(self, channel=None, **rest):
            self.bot.privmsg(channel, text)

    includes = ["irc3.plugins.core", "irc3.plugins.autojoins", __name__]
    irc3.IrcBot(
        nick="bot", autojoins=["#room"], host="127.0.0.1", port=port, includes=includes, level=50
    ).run()
elif library == "pydle":
    import pydle

    class Bot(pydle.Client):
        async def on_connect(self):
            await super().on_connect()
            await self.join("#room")

        async def on_join(self, channel, user):
            await self.message(channel, text)

    Bot("bot", realname="Bot").run("127.0.0.1", port, tls=False)
else:
    import miniirc

    irc = miniirc.IRC("127.0.0.1", port, "bot", ["#room"], auto_connect=False)

    @irc.Handler("JOIN", colon=False)
    def on_join(irc, hostmask, args):
        irc.msg(args[0], text)

    irc.connect()
    time.sleep(60)
PYTHON

cat >"$tmp/try.py" <<'PYTHON'
import os, socket, subprocess, sys, time

port = int(sys.argv[1])
folder = os.path.dirname(sys.argv[0])
CASES = (("irc3", "a" * 600, 0), ("irc3", "ü" * 300, 0), ("pydle", "a" * 600, 600), ("pydle", "ü" * 400, 0),
         ("miniirc", "a" * 600, None))


def connect():
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except ConnectionRefusedError:
            time.sleep(0.1)
    sys.exit("DIFFERENT: ngircd does not start")


def hear(library, text):
    """How many letters of the text the bot brings into the room, and why it is thrown out if it is."""
    ear = connect()
    ear.sendall(b"NICK ear\r\nUSER ear 0 * :Ear\r\nJOIN #room\r\n")
    said = b""
    while b" 366 " not in said:
        said += ear.recv(4096)
    bot = subprocess.Popen(
        [sys.executable, os.path.join(folder, "bot.py"), library, str(port), text],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    said, deadline, letters, why = b"", time.monotonic() + 30, 0, ""
    try:
        while letters < len(text) and not why and time.monotonic() < deadline:
            ear.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                said += ear.recv(4096)
            except socket.timeout:
                break
            lines = said.decode("utf-8", "replace").split("\r\n")[:-1]
            texts = [line.split(" :", 1)[1] for line in lines if " PRIVMSG #room :" in line]
            letters = len("".join(texts))
            why = "".join(line.split(" :", 1)[1] for line in lines if line.startswith(":bot!") and " QUIT " in line)
            if texts and library == "miniirc":
                deadline = min(deadline, time.monotonic() + 3)
    finally:
        bot.kill()
        bot.wait()
    ear.sendall(b"QUIT\r\n")
    while ear.recv(4096):
        pass
    return letters, why


for library, text, expected in CASES:
    letters, why = hear(library, text)
    print("  %-8s %d times %s: %3d letters arrive%s" % (
        library, len(text), ascii(text[0]), letters, ", then " + why if why else ""))
    sys.stdout.flush()
    if expected is None:
        same = 0 < letters < 512 and not why
    else:
        same = letters == expected and (why == "Request too long") == (not expected)
    if not same:
        sys.exit("DIFFERENT: expected %s" % ("a part of the text" if expected is None else expected))
PYTHON
timeout 140 "$tmp/venv/bin/python" "$tmp/try.py" "$port"
echo "As told: what is longer than a line is lost in three ways."
