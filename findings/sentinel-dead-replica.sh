#!/usr/bin/env bash
# Right after a failover Sentinel gives out the master that it has just found dead as a good replica.
#
# The Sentinels agree that the master is down, promote its replica, and from then on list the dead one as a
# replica of the new master: without `s_down`, until they have missed it for `down-after-milliseconds`
# once more (30 s by default). So redis-py's `discover_slaves`, which leaves out what is down, gives it. If it
# hangs, as a stopped machine does, every read from `slave_for(...)` times out until then; after that
# they go to the new master.
# Seen with Redis 7.0.15 (Debian package redis-server), redis 8.1.0 from PyPI, two servers and three Sentinels.
# Who reads from replicas should remember which master has fallen.
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
timeout 300 "$tmp/venv/bin/pip" -q --disable-pip-version-check install redis==8.1.0

cat >"$tmp/try.py" <<'PYTHON'
import os, signal, socket, subprocess, sys, time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

folder, processes = sys.argv[1], []
LAST = time.monotonic() + 120
ONCE = {"retry": Retry(NoBackoff(), 0), "socket_timeout": 0.5, "socket_connect_timeout": 0.5}  # nothing is asked twice
print("redis-py", redis.__version__)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def start(name, lines, *mode):
    port = free_port()
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write("\n".join(["port %d" % port, "bind 127.0.0.1", "dir " + folder, 'save ""' * (not mode), *lines, ""]))
    log = open(path + ".log", "wb")
    processes.append(subprocess.Popen([os.path.join(folder, "redis-server"), path, *mode], stdout=log, stderr=log))
    return port


def until(what, condition):
    while True:
        try:
            if condition():
                return time.monotonic()
        except redis.RedisError:
            pass
        if time.monotonic() > LAST:
            sys.exit("DIFFERENT: %s: not in time" % what)
        time.sleep(0.02)


try:
    one = start("one", ["repl-diskless-sync-delay 0"])
    two = start("two", ["repl-diskless-sync-delay 0", "replicaof 127.0.0.1 %d" % one])
    until("the replica follows", lambda: redis.Redis(port=two, **ONCE).info("replication")["master_link_status"] == "up")
    ports = [start("sentinel%d" % number, [
        "sentinel monitor it 127.0.0.1 %d 2" % one, "sentinel down-after-milliseconds it 3000"], "--sentinel")
        for number in range(3)]
    clients = [redis.Redis(port=port, **ONCE) for port in ports]
    for client in clients:
        until("the Sentinels know each other", lambda: len(client.sentinel_sentinels("it")) == 2
              and len(client.sentinel_slaves("it")) == 1)
    sentinel = Sentinel([("127.0.0.1", port) for port in ports], sentinel_kwargs=ONCE, **ONCE)
    processes[0].send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    down = until("the master is found dead", lambda: all(client.sentinel_masters()["it"]["is_sdown"] for client in clients))
    switched = until("there is a successor", lambda: all(
        client.sentinel_masters()["it"]["port"] == two for client in clients))
    print("%-56s %.1f s" % ("all Sentinels have found the master dead after", down - stopped))
    print("%-56s %.1f s" % ("they name its successor after", switched - stopped))
    found = sentinel.discover_slaves("it")
    state, = clients[0].sentinel_slaves("it")
    print("%-56s %s, flags %r" % ("and then discover_slaves() gives", found, state["flags"]))
    reads, failed, why = 0, 0, ""
    while sentinel.discover_slaves("it"):
        reads += 1
        try:
            sentinel.slave_for("it").get("key")
        except redis.RedisError as error:
            why = "%s: %s" % (type(error).__name__, error)
            failed += 1
        if time.monotonic() > LAST:
            sys.exit("DIFFERENT: it is never found dead as a replica")
    again = time.monotonic()
    print("%-56s %.1f s" % ("which is there for", again - switched))
    print("%-56s %d of %d" % ("of the reads from slave_for() failed meanwhile", failed, reads))
    sentinel.slave_for("it").get("key")
    print("%-56s %s" % ("and after it they", "are answered, by the new master"))
    is_listed = found == [("127.0.0.1", one)] and "s_down" not in state["flags"] and again - switched > 1.5
    if not is_listed or failed < reads - 1 or not failed:
        sys.exit("DIFFERENT: the dead master was not given out as a replica")
finally:
    for process in processes:
        process.kill()
        process.wait()
PYTHON
timeout 180 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: the dead master was a good replica until it was found dead once more."
