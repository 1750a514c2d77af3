#!/usr/bin/env bash
# GNU inetutils telnet sends nothing of what a pipe gives it, if the pipe has ended.
#
# `printf 'hello\n' | telnet HOST PORT` connects, meets the end of its input and closes; the line that
# it had read is not sent, the exit status is 0. Only if the pipe stays open is the line sent.
# Seen with inetutils telnet 2.4 (Debian package inetutils-telnet).
# Who checks a chat server from a shell script this way takes the silence for the server's fault.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v telnet >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends inetutils-telnet >/dev/null
fi
timeout 10 telnet --version | sed -n 1p

cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys


def arrives(pipe_ends):
    """What a server gets of one line, and telnet's exit status."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(10)
    telnet = subprocess.Popen(
        ["telnet", "127.0.0.1", str(listener.getsockname()[1])],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        telnet.stdin.write(b"hello\n")
        telnet.stdin.flush()
        if pipe_ends:
            telnet.stdin.close()
        server, _ = listener.accept()
        server.settimeout(10)
        got = server.recv(100)
        server.close()
        return got, telnet.wait(10)
    finally:
        telnet.kill()
        telnet.wait()


ended, status = arrives(pipe_ends=True)
print("pipe ended:      the server gets", ended, "and telnet exits with", status)
kept, _ = arrives(pipe_ends=False)
print("pipe still open: the server gets", kept)
if (ended, status) != (b"", 0) or not kept.startswith(b"hello"):
    sys.exit("DIFFERENT: the line of a pipe that has ended was sent, or that of an open one was not")
PYTHON
for _ in 1 2 3; do
    timeout 60 python3 "$tmp/try.py"
done
echo "As told: three times out of three nothing arrived."
