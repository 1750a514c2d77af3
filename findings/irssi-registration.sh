#!/usr/bin/env bash
# irssi does not say who it is until the server has answered CAP LS, or said 451.
#
# irssi opens with `CAP LS 302` and `JOIN :`, and holds NICK and USER back. The odd JOIN is there to get
# numeric 451 (not registered) out of a server without CAP; CAP * LS and 451 are what irssi goes on at.
# A server that passes over both lines, or answers numeric 421 (unknown command) to each, waits for NICK
# while irssi waits for it, and nobody gets in.
# Seen with irssi 1.4.3 (Debian package irssi), on a terminal.
# A small IRC server that was tried with other clients only keeps irssi's users out this way.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v irssi >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends irssi >/dev/null
fi
export HOME=$tmp TERM=xterm
timeout 10 irssi --version

cat >"$tmp/try.py" <<'PYTHON'
import fcntl, os, pty, signal, socket, struct, sys, termios, threading

OPENING = b"CAP LS 302\r\nJOIN :\r\n"


def drain(terminal):
    """Reads the screen, so that irssi never waits for us."""
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass


def until(server, end, seconds):
    """What irssi says up to `end`, or within that time."""
    got = b""
    server.settimeout(seconds)
    try:
        while end not in got:
            more = server.recv(4096)
            if not more:
                sys.exit("DIFFERENT: irssi has closed, after %r" % got)
            got += more
    except socket.timeout:
        pass
    return got


def answered(lines, seconds):
    """Whether irssi says its NICK within that time after the server's lines."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(20)
    port = str(listener.getsockname()[1])
    pid, terminal = pty.fork()
    if pid == 0:
        home = os.environ["HOME"]
        os.execvp("irssi", ["irssi", "--home", home, "-c", "127.0.0.1", "-p", port, "-n", "someone"])
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        threading.Thread(target=drain, args=(terminal,), daemon=True).start()
        server, _ = listener.accept()
        opening = until(server, b"JOIN :\r\n", 20)
        if opening != OPENING:
            sys.exit("DIFFERENT: irssi opens with %r" % opening)
        server.sendall(b"".join(b":irc.test.invalid " + line + b"\r\n" for line in lines))
        return b"NICK someone\r\n" in until(server, b"NICK someone\r\n", seconds)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


print("irssi opens with", OPENING)
for lines, told in (
    ((b"CAP * LS :",), True),
    ((b"451 * :You have not registered",), True),
    ((b"421 * CAP :Unknown command", b"421 * JOIN :Unknown command"), False),
    ((), False),
):
    seen = answered(lines, 20 if told else 3)
    print("%-66s %s" % (b" + ".join(lines).decode() or "(no answer)", "NICK" if seen else "nothing in 3 s"))
    if seen != told:
        sys.exit("DIFFERENT: expected %s" % ("NICK" if told else "nothing"))
PYTHON
timeout 120 python3 "$tmp/try.py"
echo "As told: only CAP LS or 451 makes irssi go on."
