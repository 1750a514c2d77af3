#!/usr/bin/env bash
# A planned SENTINEL FAILOVER, of servers that are all well, loses writes that were acknowledged.
#
# Sentinel names the new master after about a second, and makes a replica of the old one about ten seconds
# later. Until then a client that has a connection to the old one gets OK for each write, and no error;
# then its connection ends. All that it wrote meanwhile is gone. Who asks Sentinel only when a connection breaks, as client libraries do, does not notice.
# (WAIT, or reading back from the replica, would show it. Redis's own FAILOVER stops the writers first.)
# Seen with Redis 7.0.15 (Debian package redis-server), two servers and three Sentinels on one machine.
# Whoever switches masters by Sentinel for an upgrade has to stop the writers, or to count on a loss.
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
python3 --version

cat >"$tmp/try.py" <<'PYTHON'
import os, socket, subprocess, sys, time

folder, processes = sys.argv[1], []
LAST = time.monotonic() + 120


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


class Redis:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self.file = self.sock.makefile("rb")

    def __call__(self, *words):
        self.sock.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%b\r\n" % (len(word), word) for word in (str(word).encode() for word in words)))
        return self.answer()

    def answer(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:].strip()
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2] if int(rest) >= 0 else None
        return int(rest) if kind == b":" else (kind + rest).decode()


def until(what, condition):
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        if time.monotonic() > LAST:
            sys.exit("DIFFERENT: %s: not in time" % what)
        time.sleep(0.05)


def master_by(sentinel):
    return int(Redis(sentinel)("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "it")[1])


try:
    one = start("one", ["repl-diskless-sync-delay 0"])
    two = start("two", ["repl-diskless-sync-delay 0", "replicaof 127.0.0.1 %d" % one])
    until("the replica follows", lambda: Redis(one)("ROLE")[2] and Redis(two)("ROLE")[3] == b"connected")
    sentinels = [start("sentinel%d" % number, [
        "sentinel monitor it 127.0.0.1 %d 2" % one, "sentinel down-after-milliseconds it 1000"], "--sentinel")
        for number in range(3)]
    for sentinel in sentinels:
        until("the Sentinels know each other", lambda: len(Redis(sentinel)("SENTINEL", "SENTINELS", "it")) == 2
              and len(Redis(sentinel)("SENTINEL", "REPLICAS", "it")) == 1)

    writer, acknowledged, switched = Redis(one), [], None
    print("%-62s %s" % ("SENTINEL FAILOVER says", Redis(sentinels[0])("SENTINEL", "FAILOVER", "it")))
    began, number = time.monotonic(), 0
    while time.monotonic() < LAST:
        number += 1
        answer = writer("RPUSH", "list", number)
        if not isinstance(answer, int):
            break
        acknowledged.append(b"%d" % number)
        if switched is None and number % 10 == 0 and master_by(sentinels[0]) == two:
            switched = time.monotonic()
        time.sleep(0.02)
    ended = time.monotonic()
    print("%-62s %.1f s" % ("Sentinel names the other server as the master after", switched - began))
    print("%-62s %.1f s" % ("the old one goes on taking writes, without an error, for", ended - switched))
    print("%-62s %s" % ("and then", "says " + answer if answer else "ends the connection"))
    until("the old one follows", lambda: Redis(one)("ROLE")[3] == b"connected")
    left = set(Redis(two)("LRANGE", "list", 0, -1))
    gone = [one for one in acknowledged if one not in left]
    print("%-62s %d of %d" % ("of the acknowledged writes are gone", len(gone), len(acknowledged)))
    if ended - switched < 2 or answer or len(gone) < 50:
        sys.exit("DIFFERENT: the old master was stopped in time")
finally:
    for process in processes:
        process.kill()
        process.wait()
PYTHON
timeout 180 python3 "$tmp/try.py" "$tmp"
echo "As told: a planned failover took acknowledged writes back."
