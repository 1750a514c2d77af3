#!/usr/bin/env bash
# socat's option crnl doubles the CR of lines that have one, and drops every CR that it receives.
#
# `socat - TCP:HOST:PORT,crnl` is the usual advice for talking to a CR LF protocol by hand. It puts a CR
# before each LF, also where there is one already (CR CR LF), and removes all CRs of the other side, not
# only those before an LF. `ncat -C` and OpenBSD's `nc -C` leave a CR LF alone and change nothing received.
# Seen with socat 1.7.4.4 and ncat 7.93 (Debian packages socat, ncat).
# A recorded CR LF session that is replayed through socat shows a chat server lines that end in a CR, and
# hides a stray CR in the server's answers.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for tool in socat ncat; do
    if ! command -v $tool >/dev/null; then
        timeout 300 apt-get -qq update
        timeout 300 apt-get -qq install -y --no-install-recommends $tool >/dev/null
    fi
    echo "$tool $(dpkg-query -W -f='${Version}' $tool)"
done

cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys


def exchange(*command):
    """What the server gets and what the client prints."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(10)
    port = str(listener.getsockname()[1])
    client = subprocess.Popen(
        [word.replace("PORT", port) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        client.stdin.write(b"a\r\nb\n")
        client.stdin.flush()
        server, _ = listener.accept()
        server.settimeout(10)
        got = b""
        while b"b" not in got or not got.endswith(b"\n"):
            got += server.recv(100)
        server.sendall(b"x\ry\r\n")
        server.close()
        return got, client.communicate(timeout=10)[0]
    finally:
        client.kill()
        client.wait()


def check(expected, *command):
    seen = exchange(*command)
    print("%-28s sends %r, prints %r" % ((" ".join(command),) + seen))
    if seen != expected:
        sys.exit("DIFFERENT: expected %r" % (expected,))


print(r"typed is 'a\r\nb\n', the server answers 'x\ry\r\n'")
check((b"a\r\nb\r\n", b"x\ry\r\n"), "ncat", "-C", "127.0.0.1", "PORT")
check((b"a\r\r\nb\r\n", b"xy\n"), "socat", "-", "TCP:127.0.0.1:PORT,crnl")
PYTHON
timeout 60 python3 "$tmp/try.py"
echo "As told: socat sends CR CR LF and prints no CR at all."
