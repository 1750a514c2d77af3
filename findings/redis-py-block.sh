#!/usr/bin/env bash
# redis-py 8.1 with its defaults: a BLPOP or XREAD that waits for longer than five seconds never ends in time.
#
# `Redis()` has a socket timeout of five seconds and ten retries by now, for commands that block too. So
# `blpop("jobs", timeout=7)` is sent eleven times and raises TimeoutError after a minute, where it returned
# None after 7 s before (and still does with timeout=4). `xread({"s": "$"}, block=7000)` does likewise, and
# each time "$" means what is the latest then: what is added between two of the tries is never told.
# Seen with redis 8.1.0 from PyPI, beside 6.4.0, and Redis 7.0.15 (Debian package redis-server).
# Who waits for work or messages in this way sets socket_timeout to more than the longest wait, or to None.
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

folder, is_new = sys.argv[1], redis.__version__.startswith("8.")
with socket.socket() as sock:
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
server = subprocess.Popen([folder + "/redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                           "--dir", folder], stdout=subprocess.DEVNULL)
# Nothing is added while somebody waits, but as soon as nobody does.
ADD = """if string.find(redis.call('INFO', 'clients'), 'blocked_clients:0') then
    return redis.call('XADD', 's', '*', 'text', 'hello') end"""
told = {}


def ask(name, call):
    began = time.monotonic()
    try:
        answer = call()
    except redis.TimeoutError as error:
        answer = "TimeoutError: %s" % error
    told[name] = answer, time.monotonic() - began


def play(name, call, meanwhile=lambda: None):
    before = calls(name)
    thread = threading.Thread(target=ask, args=(name, call), daemon=True)
    thread.start()
    meanwhile()
    thread.join(150)
    answer, seconds = told.get(name, ("nothing", 150.0))
    print("  %-34s %-38s after %4.1f s, sent %d times" % (name, answer, seconds, calls(name) - before), flush=True)
    return answer, seconds


def calls(name):
    return watcher.info("commandstats").get("cmdstat_" + name, {"calls": 0})["calls"]


def add_once_nobody_waits():
    while watcher.info("clients")["blocked_clients"] == 0:
        time.sleep(0.01)
    deadline = time.monotonic() + 50
    while time.monotonic() < deadline and "xread" not in told:
        if watcher.eval(ADD, 0):
            print("  added to the stream while xread goes on: one entry", flush=True)
            return


try:
    for _ in range(200):
        try:
            watcher = redis.Redis(port=port)
            watcher.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    print("redis-py", redis.__version__, "- socket_timeout of Redis():",
          redis.Redis().connection_pool.make_connection().socket_timeout, flush=True)
    short = play("blpop", lambda: redis.Redis(port=port).blpop("jobs", timeout=4))
    if short[0] is not None or short[1] > 20:
        sys.exit("DIFFERENT: blpop for 4 s does not return None")
    told.clear()
    ends = [play("blpop", lambda: redis.Redis(port=port).blpop("jobs", timeout=7))]
    ends.append(play("xread", lambda: redis.Redis(port=port).xread({"s": "$"}, block=7000),
                     add_once_nobody_waits if is_new else lambda: None))
    for answer, seconds in ends:
        if is_new != ("TimeoutError" in str(answer)) or is_new != (seconds > 30):
            sys.exit("DIFFERENT: this is not how that version waits")
    if is_new != (watcher.xlen("s") == 1):
        sys.exit("DIFFERENT: there was no moment between two tries")
finally:
    server.kill()
    server.wait()
PYTHON
for version in 6.4.0 8.1.0; do
    python3 -m venv "$tmp/$version"
    timeout 300 "$tmp/$version/bin/pip" -q --disable-pip-version-check install "redis==$version"
    timeout 400 "$tmp/$version/bin/python" "$tmp/try.py" "$tmp"
done
echo "As told: with the defaults of 8.1.0 waits of seven seconds take a minute, fail, and pass over what came."
