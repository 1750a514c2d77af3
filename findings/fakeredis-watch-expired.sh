#!/usr/bin/env bash
# fakeredis carries out a transaction that Redis refuses, as the time of a watched key has run out.
#
# WATCH makes EXEC fail if a watched key has changed, and since Redis 6.0.9 a key whose time runs out between the two
# counts as changed. It is how one makes sure that one still holds a lock, or a lease, when one writes. fakeredis as
# Redis 7 notices every other change of the key, but not its end.
# Seen with the PyPI packages fakeredis 2.41.0 and redis 8.1.0, and Redis 7.0.15 (Debian package redis-tools).
# Tests with fakeredis of code that holds locks or leases: what is written by who has lost the lock is stored there,
# and refused by Redis, so neither the guard nor what follows on it is tested.
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
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check fakeredis==2.41.0 redis==8.1.0
echo "fakeredis 2.41.0, redis 8.1.0, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys, time

import fakeredis
import redis

FOLDER = sys.argv[1]


# What becomes of the lock between WATCH and EXEC.
CHANGES = {
    "nothing": lambda client: None,
    "deleted": lambda client: client.delete("lock"),
    "taken": lambda client: client.set("lock", "bob"),
    "runs out": lambda client: time.sleep(0.3),
}
REFUSED = {"nothing": False, "deleted": True, "taken": True, "runs out": True}


def is_refused(client, change):
    """Is what the lock's holder writes refused after that change of the lock?"""
    client.flushall()
    client.set("lock", "ann", px=200)
    with client.pipeline() as pipe:
        pipe.watch("lock")
        assert pipe.get("lock") == b"ann"
        CHANGES[change](client)
        pipe.multi()
        pipe.set("written", "by ann")
        try:
            pipe.execute()
        except redis.WatchError:
            assert client.get("written") is None
            return True
    assert client.get("written") == b"by ann"
    return False


with socket.socket() as sock:
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
server = subprocess.Popen([FOLDER + "/redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                           "--dir", FOLDER], stdout=subprocess.DEVNULL)
try:
    real = redis.Redis(port=port)
    for _ in range(200):
        try:
            real.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    fake = fakeredis.FakeRedis(server=fakeredis.FakeServer(version=(7,)))
    different = []
    for name, client in (("Redis", real), ("fakeredis", fake)):
        for change in CHANGES:
            seen = is_refused(client, change)
            print("  %-10s lock: %-9s write: %s" % (name, change, "refused" if seen else "done"))
            if seen != (REFUSED[change] and (name, change) != ("fakeredis", "runs out")):
                different.append("%s, %s" % (name, change))
    if different:
        sys.exit("DIFFERENT: " + "; ".join(different))
finally:
    server.kill()
    server.wait()
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: who has lost the lock by time writes into fakeredis."
