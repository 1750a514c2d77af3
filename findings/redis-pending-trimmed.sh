#!/usr/bin/env bash
# A consumer of a Redis stream that was down for a while cannot read what it owes: TypeError from two clients.
#
# After a crash a consumer reads its pending entries (`XREADGROUP … STREAMS key 0`). Entries that were trimmed or
# deleted in the meantime are among them, with null in the place of their fields, until they are acknowledged.
# node-redis raises "Cannot read properties of null" on that answer, coredis "'NoneType' object is not iterable": the
# entries that are still there are not had either, and the ids that would have to be acknowledged are not told. Each new
# start ends in the same way. redis-py has an empty dict, ioredis and ruby-redis have null.
# Seen with the npm packages redis 6.3.1 and ioredis 6.0.0, the PyPI packages coredis 6.9.0 and redis 8.1.0, and Redis
# 7.0.15 and ruby-redis 4.8.0 (Debian packages redis-tools and ruby-redis).
# Streams with MAXLEN, as they are made for chats: XPENDING tells the ids with all clients, and XACK takes them away.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# redis-tools has the server's program too, under another name, and starts no service.
missing=()
command -v redis-check-rdb >/dev/null || missing+=(redis-tools)
command -v npm >/dev/null || missing+=(nodejs npm)
ruby -e 'require "redis"' 2>/dev/null || missing+=(ruby ruby-redis)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
ln -s "$(command -v redis-check-rdb)" "$tmp/redis-server"
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    redis@6.3.1 ioredis@6.0.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check coredis==6.9.0 redis==8.1.0
"$tmp/redis-server" --version
echo "redis 6.3.1, ioredis 6.0.0, Node $(node --version); coredis 6.9.0, redis 8.1.0, $(python3 --version)"
dpkg-query -W -f '${Package} ${Version}\n' ruby-redis

# Each of these prints what the consumer has of its pending entries.
cat >"$tmp/node_redis.cjs" <<'JAVASCRIPT'
const { createClient } = require("redis");
(async () => {
  const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}` });
  client.on("error", () => {});
  await client.connect();
  await client.xReadGroup("group", "ann", { key: "room", id: "0" })
    .then((it) => console.log(JSON.stringify(it[0].messages)), (error) => console.log(`${error}`));
  process.exit(0);
})();
JAVASCRIPT
cat >"$tmp/ioredis.cjs" <<'JAVASCRIPT'
const Redis = require("ioredis");
const client = new Redis(Number(process.argv[2]), "127.0.0.1");
client.xreadgroup("GROUP", "group", "ann", "STREAMS", "room", "0").then((it) => {
  console.log(JSON.stringify(it[0][1]));
  process.exit(0);
});
JAVASCRIPT
cat >"$tmp/by_coredis.py" <<'PYTHON'
import asyncio, sys

import coredis


async def main():
    async with coredis.Redis(host="127.0.0.1", port=int(sys.argv[1]), decode_responses=True) as client:
        try:
            print(dict(await client.xreadgroup("group", "ann", streams={"room": "0"}))["room"])
        except TypeError as error:
            print("TypeError: %s" % error)


asyncio.run(main())
PYTHON
cat >"$tmp/by_redis_py.py" <<'PYTHON'
import sys

import redis

client = redis.Redis(port=int(sys.argv[1]), decode_responses=True)
print(client.xreadgroup("group", "ann", {"room": "0"})[0][1])
PYTHON
cat >"$tmp/ruby_redis.rb" <<'RUBY'
require "redis"
p Redis.new(port: ARGV[0].to_i).xreadgroup("group", "ann", "room", "0")["room"]
RUBY
cat >"$tmp/try.py" <<'PYTHON'
import os, socket, subprocess, sys, time

import redis

FOLDER = sys.argv[1]
PYTHON = os.path.join(FOLDER, "venv", "bin", "python")
CLIENTS = [
    ("node-redis", ["node", "node_redis.cjs"], "TypeError: Cannot read properties of null (reading 'length')"),
    ("coredis", [PYTHON, "by_coredis.py"], "TypeError: 'NoneType' object is not iterable"),
    ("redis-py", [PYTHON, "by_redis_py.py"], "[('1-1', {}), ('2-1', {'text': 'two'})]"),
    ("ioredis", ["node", "ioredis.cjs"], '[["1-1",null],["2-1",["text","two"]]]'),
    ("ruby-redis", ["ruby", "ruby_redis.rb"], '[["1-1", nil], ["2-1", {"text"=>"two"}]]'),
]
with socket.socket() as some:
    some.bind(("127.0.0.1", 0))
    port = some.getsockname()[1]
server = subprocess.Popen([FOLDER + "/redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                           "--dir", FOLDER], stdout=subprocess.DEVNULL)
different = []
try:
    direct = redis.Redis(port=port)
    for _ in range(200):
        try:
            direct.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    direct.xgroup_create("room", "group", mkstream=True)
    for number, text in enumerate(("one", "two"), 1):
        direct.xadd("room", {"text": text}, id="%d-1" % number)
    direct.xreadgroup("group", "ann", {"room": ">"})  # both are pending now
    direct.xadd("room", {"text": "three"}, id="3-1", maxlen=2, approximate=False)
    for name, command, expected in CLIENTS:
        seen = subprocess.run(command + [str(port)], cwd=FOLDER, stdout=subprocess.PIPE, timeout=60).stdout
        seen = seen.decode().strip()
        print("  %-12s %s" % (name, seen))
        if seen != expected:
            different.append("%s, expected %s" % (name, expected))
finally:
    server.kill()
    server.wait()
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 200 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: two clients raise TypeError, and the pending entry that is there is not had."
