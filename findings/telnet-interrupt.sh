#!/usr/bin/env bash
# GNU inetutils telnet throws away what the server says after Ctrl+C, until the server answers a question.
#
# At Ctrl+C telnet sends IAC IP (interrupt) and IAC DO TIMING-MARK. From then on it discards every byte
# of text from the server until IAC WILL TIMING-MARK or IAC WONT TIMING-MARK comes. A server that skips
# telnet commands without answering looks dead from then on, though what the user types still arrives.
# Seen with inetutils telnet 2.4 (Debian package inetutils-telnet), on a terminal, port not 23.
# A chat server should answer DO TIMING-MARK, if only with WONT, or its people see nothing any more.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v telnet >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends inetutils-telnet >/dev/null
fi
timeout 10 telnet --version | sed -n 1p

cat >"$tmp/try.py" <<'PYTHON'
import os, pty, select, signal, socket, sys, time

IP, DO_TIMING_MARK, WONT_TIMING_MARK = b"\xff\xf4", b"\xff\xfd\x06", b"\xff\xfc\x06"


def until(end, read, what):
    """Reads until `end` is in what was read."""
    got, last = b"", time.monotonic() + 10
    while end not in got:
        left = last - time.monotonic()
        if left <= 0 or not select.select([read.fileno()], [], [], left)[0]:
            sys.exit("DIFFERENT: no %r %s, only %r" % (end, what, got))
        got += os.read(read.fileno(), 4096)
    return got


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
listener.settimeout(10)
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("telnet", ["telnet", "127.0.0.1", str(listener.getsockname()[1])])
try:
    server, _ = listener.accept()
    screen = os.fdopen(terminal, "r+b", buffering=0)
    server.sendall(b"before\r\n")
    until(b"before", screen, "on the screen")
    screen.write(b"\x03")
    print("at Ctrl+C telnet sends", until(DO_TIMING_MARK, server, "from telnet"))
    server.sendall(b"unanswered\r\n")
    screen.write(b"still typing\r")
    print("what is typed arrives:", until(b"\n", server, "from telnet"))
    server.sendall(WONT_TIMING_MARK + b"answered\r\n")
    seen = until(b"answered\r\n", screen, "on the screen")
    print("the screen shows", seen)
    if b"unanswered" in seen:
        sys.exit("DIFFERENT: telnet showed what came before the answer")
finally:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
PYTHON
timeout 60 python3 "$tmp/try.py"
echo "As told: text sent between Ctrl+C and the answer to TIMING-MARK is never shown."
