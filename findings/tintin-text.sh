#!/usr/bin/env bash
# TinTin++ sends other text than the person typed: it splits, repeats and leaves out.
#
# A plain line with an ordinary character in it is changed before it is sent, with no word about it:
# "yes; no" becomes two lines, "#3 votes" the line "votes" three times, "!important" nothing at all
# (it looks for an earlier line), "#shrug" nothing either, and "\o/" loses its backslash.
# Seen with TinTin++ 2.02.20 (Debian package tintin++), its settings as they come.
# A chat server gets such lines from people who use a MUD client: a "flood" of equal lines may be one
# line typed, and a complaint about lost characters need not be about the server.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/games
if ! command -v tt++ >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends tintin++ >/dev/null
fi
echo "TinTin++ $(dpkg-query -W -f='${Version}' tintin++)"
export HOME=$tmp TERM=xterm

cat >"$tmp/try.py" <<'PYTHON'
import fcntl, os, pty, select, signal, socket, struct, sys, termios, threading, time

TYPED = {
    "yes; no": b"yes\r\nno\r\n",
    "#3 votes": b"votes\r\nvotes\r\nvotes\r\n",
    "!important": b"",
    "#shrug": b"",
    "\\o/": b"o/\r\n",
}
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
listener.settimeout(10)
parent_ready, child_waits = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    os.close(child_waits)
    os.read(parent_ready, 1)  # until the terminal has a size, without which tt++ does not start
    address = "#session it 127.0.0.1 %d" % listener.getsockname()[1]
    os.execvp("tt++", ["tt++", "-G", "-e", address])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
os.close(child_waits)


def drain():
    """Reads the screen, so that tt++ never waits for us."""
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass


def until(server, end):
    got = b""
    while not got.endswith(end):
        try:
            more = server.recv(4096)
        except socket.timeout:
            more = b""
        if not more:
            sys.exit("DIFFERENT: %r did not come, only %r" % (end, got))
        got += more
    return got


try:
    threading.Thread(target=drain, daemon=True).start()
    server, _ = listener.accept()
    server.settimeout(10)
    os.write(terminal, b"start\r")
    until(server, b"start\r\n")
    for line, expected in TYPED.items():
        os.write(terminal, line.encode() + b"\rend\r")
        got = until(server, b"end\r\n")[: -len(b"end\r\n")]
        print("%-12s is sent as %r" % (line, got))
        if got != expected:
            sys.exit("DIFFERENT: expected %r" % expected)
finally:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
PYTHON
timeout 60 python3 "$tmp/try.py"
echo "As told: what is sent is not what was typed."
