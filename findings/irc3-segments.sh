#!/usr/bin/env bash
# The Python library irc3 loses a letter when the network cuts a message in the middle of it.
#
# irc3 turns each read of the socket into text by itself and passes over what is not UTF-8, before it looks
# for the ends of lines. An umlaut whose two bytes come in two reads is gone from the text, and nothing is
# logged. The same bytes in one read are whole.
# Seen with the PyPI package irc3 1.1.12.
# Whoever tries a bot on its own machine sees whole lines only; over a network each burst that is longer
# than a segment can lose letters, so a history or a list of names is the first to suffer. No server can
# prevent it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check irc3==1.1.12 setuptools==65.5.0
echo "irc3 1.1.12, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import os, socket, sys, threading, time

import irc3

listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(20)
heard = []
LINE = ":ann!ann@host PRIVMSG #room :Grüße, %s\r\n"


def serve():
    """Let the bot in, say the line whole and then cut within its first umlaut, and compare."""
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.settimeout(20)
    said = b""
    while b"\r\nUSER " not in b"\r\n" + said:
        said += client.recv(4096)
    client.sendall(b":irc.test.invalid 001 bot :Welcome\r\n:irc.test.invalid 376 bot :End\r\n")
    whole, cut = ((LINE % word).encode() for word in ("whole", "cut"))
    middle = cut.index("ü".encode()) + 1
    for part in (whole, cut[:middle], cut[middle:]):
        client.sendall(part)
        time.sleep(0.7)
    for text in heard:
        print("  heard", ascii(text))
    if heard != ["Grüße, whole", "Grße, cut"]:
        print("DIFFERENT: the umlaut is kept")
        sys.stdout.flush()
        os._exit(1)
    print("As told: the letter that was cut is gone.")
    sys.stdout.flush()
    os._exit(0)


@irc3.plugin
class Ear:
    def __init__(self, bot):
        pass

    @irc3.event(irc3.rfc.PRIVMSG)
    def on_text(self, data=None, **rest):
        heard.append(str(data))


threading.Thread(target=serve).start()
bot = irc3.IrcBot(
    nick="bot", host="127.0.0.1", port=listener.getsockname()[1], includes=["irc3.plugins.core", __name__], level=50
)
bot.run()
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
