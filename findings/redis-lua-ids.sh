#!/usr/bin/env bash
# In a script of Redis two rooms with ids of 16 digits have one key, and in JSON other ids; fakeredis keeps the latter.
#
# Lua's numbers keep integers up to 2^53, so 1700000000123456, microseconds since 1970, is one of them, and as an
# argument of redis.call() it has all its digits. But `"room:" .. id` and cjson.encode(id) write 14 digits and an
# exponent: the keys of ids that differ in the last two digits are one key. What a script has read and written again has
# another id, and `{}` for an empty list. fakeredis has the `..` of Redis, but a cjson that keeps digits and lists: what
# its tests pass is broken in Redis, without an error.
# Seen with Redis 7.0.15 (Debian package redis-tools), and the PyPI packages fakeredis 2.41.0, lupa 2.8 and redis 8.1.0.
# Chats that number in microseconds and change messages in scripts: use `string.format("%.0f", id)`, or texts for ids.
set -euo pipefail
tmp=$(mktemp -d)
redis=
trap '[[ -z $redis ]] || kill "$redis" 2>/dev/null || true; wait || true; rm -rf "$tmp"' EXIT

# redis-tools has the program too, under another name, and starts no service.
if ! command -v redis-check-rdb >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends redis-tools >/dev/null
fi
ln -s "$(command -v redis-check-rdb)" "$tmp/redis-server"
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check fakeredis==2.41.0 lupa==2.8 redis==8.1.0
"$tmp/redis-server" --version
echo "fakeredis 2.41.0, lupa 2.8, redis 8.1.0, $(python3 --version)"
timeout 100 "$tmp/redis-server" --port 0 --unixsocket "$tmp/socket" --save "" --dir "$tmp" >/dev/null &
redis=$!

cat >"$tmp/try.py" <<'PYTHON'
import json, sys, time

import fakeredis
import redis

MESSAGE = json.dumps({"id": 1700000000123456, "to": []})
OTHER = json.dumps({"id": 1700000000123457, "to": []})
SHORT = "1.7000000001235e+15"
CASES = [
    ("SET room id", 'redis.call("SET", "room", cjson.decode(ARGV[1]).id) return redis.call("GET", "room")',
     "1700000000123456", "1700000000123456"),
    ('"room:" .. id', 'return "room:" .. cjson.decode(ARGV[1]).id', "room:" + SHORT, "room:" + SHORT),
    ("one key for two", 'return tostring("room:" .. cjson.decode(ARGV[1]).id == "room:" .. cjson.decode(ARGV[2]).id)',
     "true", "true"),
    ("id in JSON", "return cjson.encode({id = cjson.decode(ARGV[1]).id})",
     '{"id":%s}' % SHORT, '{"id":1700000000123456}'),
    ("list in JSON", "return cjson.encode({to = cjson.decode(ARGV[1]).to})", '{"to":{}}', '{"to":[]}'),
    ("string.format", 'return string.format("room:%.0f", cjson.decode(ARGV[1]).id)',
     "room:1700000000123456", "room:1700000000123456"),
]
real = redis.Redis(unix_socket_path=sys.argv[1], decode_responses=True)
for _ in range(100):
    try:
        real.ping()
        break
    except redis.ConnectionError:
        time.sleep(0.1)
fake = fakeredis.FakeRedis(decode_responses=True)
different = []
print("  %-16s %-28s %s" % ("", "Redis", "fakeredis"))
for name, script, *expected in CASES:
    seen = [server.eval(script, 0, MESSAGE, OTHER) for server in (real, fake)]
    print("  %-16s %-28s %s" % (name, *seen))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp/socket"
echo "As told: digits and lists get lost in Redis, and fakeredis keeps them in JSON."
