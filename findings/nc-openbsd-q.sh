#!/usr/bin/env bash
# OpenBSD's nc counts the seconds of -q from the server's end, not from the end of its own input.
#
# The manual says of `-q 1`: after the end of input wait a second, then quit. In truth it half-closes at
# once and then waits for the server without limit; only when the server has closed does it wait the
# second. So -q delays a session that is over, and does not end one with a silent server; -q 0 never
# quits by itself. The other program called nc (netcat-traditional) does what its -q says.
# Seen with netcat-openbsd 1.219-1 and netcat-traditional 1.10-47 (Debian packages).
# A check of a chat server as `echo hello | nc -q 1 HOST PORT` hangs as long as the server lets a
# half-closed client stay.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for variant in openbsd traditional; do
    if ! command -v nc.$variant >/dev/null; then
        timeout 300 apt-get -qq update
        timeout 300 apt-get -qq install -y --no-install-recommends netcat-$variant >/dev/null
    fi
    echo "netcat-$variant $(dpkg-query -W -f='${Version}' netcat-$variant)"
done
timeout 10 man nc_openbsd 2>/dev/null | sed -n '/^ *-q seconds/,/^$/p' || true

cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys, time


def lasts(program, seconds, closes):
    """How long nc lives after the end of its input, or after the server's close; None: over 4 s."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(10)
    port = str(listener.getsockname()[1])
    nc = subprocess.Popen([program, "-q", str(seconds), "127.0.0.1", port], stdin=subprocess.PIPE)
    try:
        nc.stdin.write(b"hello\n")
        nc.stdin.close()
        server, _ = listener.accept()
        server.settimeout(10)
        if server.recv(100) != b"hello\n":
            sys.exit("DIFFERENT: the line did not come")
        if program == "nc.openbsd" and server.recv(100) != b"":
            sys.exit("DIFFERENT: no half-close")
        if closes:
            server.close()
        start = time.monotonic()
        nc.wait(4)
        return time.monotonic() - start
    except subprocess.TimeoutExpired:
        return None
    finally:
        nc.kill()
        nc.wait()


def check(program, seconds, closes, expected):
    took = lasts(program, seconds, closes)
    said = "stays over 4 s" if took is None else "ends after %.1f s" % took
    print("%-14s -q %d, server %-13s %s" % (program, seconds, "closes:" if closes else "stays silent:", said))
    if (took is None) != (expected is None) or took is not None and not expected <= took + 0.1 < expected + 1:
        sys.exit("DIFFERENT: expected %s" % expected)


check("nc.traditional", 1, False, 1)
check("nc.openbsd", 1, False, None)
check("nc.openbsd", 0, False, None)
check("nc.openbsd", 2, True, 2)
PYTHON
timeout 60 python3 "$tmp/try.py"
echo "As told: the seconds of -q start when the server has closed."
