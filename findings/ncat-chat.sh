#!/usr/bin/env bash
# In the chat of ncat a name stands before each piece that the network brings, not before each line.
#
# The manual of `ncat -l --chat` says that each message gets the sender's name. A message is what one read gives: of two
# lines that come together, as from a paste, the second has no name, and a line that the network cuts in two has one in
# its middle. Control characters are escaped to protect terminals, and all bytes of UTF-8 count as such: "grüße" arrives
# as "gr\303\274\303\237e".
# Seen with ncat 7.93 (Debian package ncat), and Python sockets as its people.
# It is a quick chat for a meeting, and a quick server for trying a client of lines: with one short line a second it
# seems to keep lines, and does not.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

command -v ncat >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ncat >/dev/null; }
echo "ncat $(dpkg-query -W -f '${Version}' ncat)"
port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
ncat -l --chat 127.0.0.1 "$port" 2>"$tmp/out" &

cat >"$tmp/try.py" <<'PYTHON'
import re, socket, sys, time

PORT = int(sys.argv[1])


def join():
    """A connection that has been told who is there."""
    for _ in range(100):
        try:
            connection = socket.create_connection(("127.0.0.1", PORT), timeout=20)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    return connection, until(connection, b"already connected")


def until(connection, part):
    heard = b""
    while part not in heard or not heard.endswith(b"\n"):
        heard += connection.recv(4096)
    return heard


ann, _ = join()
bob, told = join()
NAME = re.search(rb"already connected: [0-9.]+ as (<\w+>)", told).group(1)
CASES = [
    ("a line", [b"hello\n"], b"<ann> hello\n"),
    ("two lines at once", [b"one\ntwo\n"], b"<ann> one\ntwo\n"),
    ("a line in two pieces", [b"hel", b"lo\n"], b"<ann> hel<ann> lo\n"),
    ("umlauts", ["gr\u00fc\u00dfe\n".encode()], rb"<ann> gr\303\274\303\237e" + b"\n"),
]
different = []
for name, pieces, expected in CASES:
    heard = b""
    for piece in pieces:
        ann.sendall(piece)
        if not piece.endswith(b"\n"):  # the second piece comes when the first has been passed on
            while piece not in heard:
                heard += bob.recv(4096)
    heard += until(bob, b"\n")
    heard = heard.replace(NAME, b"<ann>")
    print("  %-21s %s" % (name, heard.decode()[:-1].replace("\n", " | ")))
    if heard != expected:
        different.append("%s, expected %r" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 30 python3 "$tmp/try.py" "$port"
echo "As told: names stand before pieces, not before lines, and UTF-8 is written as octal numbers."
