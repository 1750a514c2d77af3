#!/usr/bin/env bash
# plink -telnet never ends a line with CR LF: on a terminal it sends a bare LF, or CR NUL after WILL ECHO.
#
# PuTTY's command line client also speaks telnet. Three things surprise a server that knows GNU telnet:
# - it negotiates seven options at once, also on a port that is not 23;
# - Enter is LF; when the server has said WILL ECHO and WILL SUPPRESS-GO-AHEAD it is CR NUL;
# - piped input that has CR LF arrives as CR NUL LF, and the end of input is the telnet command
#   IAC EOF (236): the connection is not half-closed, so a server that waits for the end waits on.
# Seen with plink 0.78 (Debian package putty-tools). A line-based chat server has to take LF, CR NUL,
# and CR NUL LF for one line's end each, or plink's lines never end or carry a NUL.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v plink >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends putty-tools >/dev/null
fi
export HOME=$tmp
timeout 10 plink -V | sed -n 1p

cat >"$tmp/try.py" <<'PYTHON'
import os, pty, signal, socket, subprocess, sys

WILL_ECHO_AND_GO_AHEAD = b"\xff\xfb\x01\xff\xfb\x03"


def listen():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(10)
    return listener, ["plink", "-telnet", "-P", str(listener.getsockname()[1]), "127.0.0.1"]


def until(server, end, got=b""):
    while end not in got:
        try:
            more = server.recv(4096)
        except socket.timeout:
            more = b""
        if not more:
            sys.exit("DIFFERENT: %r did not come, only %r" % (end, got))
        got += more
    return got


def check(what, got, expected):
    print("%-34s %r" % (what, got))
    if got != expected:
        sys.exit("DIFFERENT: %s: expected %r" % (what, expected))


listener, command = listen()
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
try:
    server, _ = listener.accept()
    server.settimeout(10)
    options = until(server, b"\xff\xfd\x03")
    check("at connect, options asked for", options.count(b"\xff"), 7)
    os.write(terminal, b"one\r")
    check("Enter on a terminal", until(server, b"\n"), b"one\n")
    # plink answers WILL LOGOUT (18) with DONT, which proves that it has read what came before.
    server.sendall(WILL_ECHO_AND_GO_AHEAD + b"\xff\xfb\x12")
    until(server, b"\xff\xfe\x12")
    os.write(terminal, b"two\r")
    check("Enter after WILL ECHO", until(server, b"\0"), b"two\r\0")
finally:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

listener, command = listen()
plink = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
try:
    server, _ = listener.accept()
    server.settimeout(10)
    until(server, options)
    plink.stdin.write(b"three\r\nfour\n")
    plink.stdin.close()
    got = until(server, b"\xff\xec")
    check("a pipe's CR LF, LF and end", got, b"three\r\0\nfour\n\xff\xec")
    server.settimeout(1)
    try:
        sys.exit("DIFFERENT: after IAC EOF came %r" % server.recv(1))
    except socket.timeout:
        print("%-34s %s" % ("one second later", "the connection is open in both directions"))
finally:
    plink.kill()
    plink.wait()
PYTHON
timeout 60 python3 "$tmp/try.py"
echo "As told: LF, CR NUL or CR NUL LF, never CR LF; and IAC EOF in place of a half-close."
