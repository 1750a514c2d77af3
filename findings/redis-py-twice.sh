#!/usr/bin/env bash
# redis-py from 6.0 on does a command again whose answer was lost, so one xadd() adds two entries, without an error.
#
# The server has done the command, and the connection ends before its answer has come: 5.2 raises
# ConnectionError, and the program decides. Since 6.0 a client with its defaults connects anew and sends the
# command again, whatever it is: XADD, INCR, RPUSH. All is returned as if it had been done once.
# Seen with redis 5.2.1, 6.4.0 and 8.1.0 from PyPI, and Redis 7.0.15 (Debian package redis-server).
# Whoever appends or counts gives the client `retry=Retry(NoBackoff(), 0)`, or makes the command one that can be
# sent twice: XADD with an id of one's own, or a script that looks for it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# redis-tools has the program too, under another name, and starts no service.
if ! command -v redis-check-rdb >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends redis-tools >/dev/null
fi
ln -s "$(command -v redis-check-rdb)" "$tmp/redis-server"
"$tmp/redis-server" --version

cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys, threading, time

import redis

folder, is_old = sys.argv[1], redis.__version__.startswith("5.")
with socket.socket() as sock:
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
server = subprocess.Popen([folder + "/redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                           "--dir", folder], stdout=subprocess.DEVNULL)
losing = []  # the command whose next answer is lost


def relay(near):
    """One command at a time, as the client sends none before it has the answer to the one before."""
    far = socket.create_connection(("127.0.0.1", port))
    while True:
        asked = near.recv(65536)
        if not asked:
            break
        far.sendall(asked)
        answer = far.recv(65536)
        if losing and losing[0] in asked:
            losing.clear()
            break
        near.sendall(answer)
    near.close()
    far.close()


def accept():
    while True:
        threading.Thread(target=relay, args=(listener.accept()[0],), daemon=True).start()


def attempt(what, call):
    try:
        return "returned %s" % call()
    except redis.ConnectionError as error:
        return "ConnectionError: %s" % error


try:
    direct = redis.Redis(port=port)
    for _ in range(200):
        try:
            direct.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    threading.Thread(target=accept, daemon=True).start()
    client = redis.Redis(port=listener.getsockname()[1])
    client.ping()
    print("redis-py", redis.__version__)
    seen = []
    for name, call, result in (
            (b"XADD", lambda: client.xadd("s", {"text": "hello"}), lambda: direct.xlen("s")),
            (b"INCR", lambda: client.incr("counter"), lambda: int(direct.get("counter")))):
        losing.append(name)
        told = attempt(name, call)
        seen.append(result())
        print("  %s, answer lost: %-56s done %d times" % (name.decode(), told, seen[-1]))
        if is_old != told.startswith("ConnectionError"):
            sys.exit("DIFFERENT: that is not what this version does")
    if seen != ([1, 1] if is_old else [2, 2]):
        sys.exit("DIFFERENT: expected each to be done %s" % ("once" if is_old else "twice"))
finally:
    server.kill()
    server.wait()
PYTHON
for version in 5.2.1 6.4.0 8.1.0; do
    python3 -m venv "$tmp/$version"
    timeout 300 "$tmp/$version/bin/pip" -q --disable-pip-version-check install "redis==$version"
    timeout 60 "$tmp/$version/bin/python" "$tmp/try.py" "$tmp"
done
echo "As told: since 6.0 one call is two entries."
