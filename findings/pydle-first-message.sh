#!/usr/bin/env bash
# The Python library pydle hands over the first private message of a stranger after the second and third.
#
# Each line from the server gets a task of its own. For a message from somebody not yet known the task first
# asks WHOIS and waits for the answer; the next messages find the person known and do not wait. So "one, two,
# three" becomes "two, three, one". Where the server has WHOX in numeric 005 pydle does not ask, and the
# order stays: InspIRCd has it, ngIRCd has not.
# Seen with the PyPI package pydle 1.2.0, ngIRCd 26.1 (Debian package ngircd).
# Bots that read commands in private: "login", then "delete" arrives as "delete", then "login". Servers do
# well to say WHOX.
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
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check pydle==1.2.0
timeout 10 ngircd --version | sed -n 1p
echo "pydle 1.2.0, $(python3 --version)"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$tmp/ngircd.conf" <<CONF
[Global]
Name = irc.test.invalid
Info = A test
Listen = 127.0.0.1
Ports = $port
[Options]
DNS = no
Ident = no
PAM = no
CONF
timeout 100 ngircd -n -f "$tmp/ngircd.conf" >"$tmp/log" 2>&1 &
server=$!

cat >"$tmp/try.py" <<'PYTHON'
import os, socket, sys, threading, time

import pydle

port = int(sys.argv[1])
heard, connected = [], threading.Event()
WORDS = ["one", "two", "three"]


class Bot(pydle.Client):
    async def on_connect(self):
        await super().on_connect()
        connected.set()

    async def on_message(self, target, by, message):
        heard.append(message)


def end(status, words):
    print(words)
    sys.stdout.flush()
    os._exit(status)


def speak():
    """Say the words to the bot, one after the other in one connection."""
    if not connected.wait(30):
        end(1, "DIFFERENT: the bot is not let in")
    person = socket.create_connection(("127.0.0.1", port), timeout=20)
    person.sendall(b"NICK ann\r\nUSER ann 0 * :Ann\r\n")
    said = b""
    while b" 376 " not in said and b" 422 " not in said:
        said += person.recv(4096)
    person.sendall(b"".join(b"PRIVMSG bot :%s\r\n" % word.encode() for word in WORDS))
    deadline = time.monotonic() + 40
    while len(heard) < len(WORDS) and time.monotonic() < deadline:
        time.sleep(0.1)
    print("  said ", *WORDS)
    print("  heard", *heard)
    if heard != ["two", "three", "one"]:
        end(1, "DIFFERENT: another order")
    end(0, "As told: the first comes last.")


for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
threading.Thread(target=speak).start()
Bot("bot", realname="Bot").run("127.0.0.1", port, tls=False)
PYTHON
timeout 90 "$tmp/venv/bin/python" "$tmp/try.py" "$port" 2>"$tmp/err" || { tail -5 "$tmp/err"; exit 1; }
