#!/usr/bin/env bash
# In TinyFugue, a client for MUDs, a typed "ü" fetches an earlier line and sends it.
#
# tf knows no UTF-8, also in a UTF-8 locale: each of the two bytes of an umlaut is for it the Alt key with some other.
# "ü" is Alt+C and Alt+<, which goes back to the first line typed, so that after "the key is under the mat" the word
# "für" is sent as "the key is under the matr". "ö" ends in Alt+6, which types the next letter six times. Where a key
# has no meaning, an escape character comes along.
# Seen with tf 5.0 beta 8 (Debian package tf5), its settings as they come, and the PyPI package pexpect 4.9.0 for the
# keyboard.
# A chat server hears escape characters, which it must not show to anybody as they are, and private lines in the wrong
# room, all from people who typed a plain word. Neither is the server's fault.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v tf >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends tf5 >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check pexpect==4.9.0
echo "$(python3 --version), tf5 $(dpkg-query -W -f '${Version}' tf5), C.UTF-8"

cat >"$tmp/try.py" <<'PYTHON'
import os, socket, sys, time

import pexpect


class Server:
    """A server of lines with one client, TinyFugue, at whose keyboard somebody types."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        port = self.listener.getsockname()[1]
        environment = {"PATH": os.environ["PATH"], "HOME": sys.argv[1], "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        self.keyboard = pexpect.spawn(
            "tf", ["-f/dev/null", "127.0.0.1", str(port)], env=environment, encoding="utf-8", codec_errors="replace",
            dimensions=(24, 80))
        self.client, _ = self.listener.accept()
        self.client.settimeout(20)
        self.client.sendall(b"hello\r\n")
        self.keyboard.expect("hello", timeout=20)

    def hear(self, typed):
        """The line that arrives of one that was typed."""
        self.keyboard.send(typed + "\r")
        line = b""
        while not line.endswith(b"\n"):
            line += self.client.recv(1)
        return line.rstrip(b"\r\n")

    def close(self):
        self.keyboard.close(force=True)
        self.client.close()
        self.listener.close()


BEFORE = "the key is under the mat"
TYPED = {
    "fine": b"fine",
    "f\u00fcr": BEFORE.encode() + b"r",
    "sch\u00f6n": b"sch\x1bCnnnnnn",
    "na\u00efve": b"na\x1bCve",
    "caf\u00e9 open": b"caf\x1bC\x1b) open",
}
different = []
for typed, expected in TYPED.items():
    server = Server()
    server.hear(BEFORE)
    heard = server.hear(typed)
    server.close()
    print("  typed %-12s heard %r" % (typed, heard))
    if heard != expected:
        different.append("%s, expected %r" % (typed, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
PYTHONIOENCODING=utf-8 timeout 55 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: letters beyond ASCII are keys for editing the line, or escape characters in it."
