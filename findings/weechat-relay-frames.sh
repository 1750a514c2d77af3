#!/usr/bin/env bash
# WeeChat's relay hangs up on a WebSocket client whose frame does not come in one piece.
#
# The relay takes what one read of the socket gives for whole frames. RFC 6455, 5.2 says how long a frame is, and TCP
# keeps no borders: a frame that the network cuts in two ends the connection without a close frame, and one of more than
# about 4 KiB, which is read in two goes, does not arrive either. Whole, the same frames are answered.
# Seen with WeeChat 3.8 (Debian package weechat-headless) and the PyPI package websockets 17.4.
# Remote interfaces for WeeChat on a phone or behind a proxy: who pastes a long text loses the connection, and the text.
set -euo pipefail
tmp=$(mktemp -d)
weechat=
trap '[[ -z $weechat ]] || kill "$weechat" 2>/dev/null || true; wait || true; rm -rf "$tmp"' EXIT

if ! command -v weechat-headless >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends weechat-headless weechat-plugins >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check websockets==17.4
echo "WeeChat $(weechat-headless --version), websockets 17.4, $(python3 --version)"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
timeout 120 weechat-headless --temp-dir -r '/set relay.network.password "test"' -r "/relay add weechat $port" \
    </dev/null >/dev/null 2>&1 &
weechat=$!

cat >"$tmp/try.py" <<'PYTHON'
import socket, sys, time

import websockets.exceptions
from websockets.sync.client import connect

PORT = int(sys.argv[1])
PAUSE = 0.7


class Cutting(socket.socket):
    """A socket that sends its next piece in two segments, cut behind `at` bytes, as a network may do."""

    at = None

    def sendall(self, data, *flags):
        if self.at:
            super().sendall(data[: self.at])
            time.sleep(PAUSE)
            data, self.at = data[self.at :], None
        super().sendall(data, *flags)


def ask(letters, at=None):
    """What comes of a ping with so many letters whose frame is cut there."""
    sock = Cutting()
    sock.connect(("127.0.0.1", PORT))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connect("ws://127.0.0.1:%d/weechat" % PORT, sock=sock, compression=None, close_timeout=1) as relay:
        relay.send("init password=test\n")
        time.sleep(PAUSE)
        sock.at = at
        try:
            relay.send("ping %s\n" % ("x" * letters))
            return "answered" if relay.recv(timeout=4).endswith(b"x" * letters) else "answered otherwise"
        except TimeoutError:
            return "not answered"
        except websockets.exceptions.ConnectionClosed as error:
            return "ended with %s frame" % ("a close" if error.rcvd else "no close")


for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", PORT)).close()
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
EXPECTED = [
    ("10 letters, whole", (10,), "answered"),
    ("10 letters, cut in two", (10, 12), "ended with no close frame"),
    ("4000 letters, whole", (4000,), "answered"),
    ("5000 letters, whole", (5000,), "ended with no close frame"),
]
different = []
for what, ping, expected in EXPECTED:
    seen = ask(*ping)
    print("  %-23s %s" % (what, seen))
    if seen != expected:
        different.append("%s, expected %s" % (what, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 90 "$tmp/venv/bin/python" "$tmp/try.py" "$port"
echo "As told: only frames that come whole are heard."
