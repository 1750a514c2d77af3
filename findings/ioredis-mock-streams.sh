#!/usr/bin/env bash
# In ioredis-mock a stream's entry can be read once, by one reader, and the id `9-1` is `9-1-0`.
#
# Reading takes nothing from a stream: each reader gets all that is above the id that it names, and null if there is
# nothing (redis.io/commands/xread). ioredis-mock marks what it has given, so who reads from 0 once more, or as the
# second one, finds nothing. XADD answers the id that it was given (redis.io/commands/xadd); the mock adds `-0`, takes
# the same id twice, and compares ids as texts, for which `10-1` is below `9-2`: who has read up to that never hears it.
# Seen with the npm packages ioredis-mock 8.13.1 and ioredis 5.8.2, and Redis 7.0.15 (Debian package redis-server).
# Tests of logs and their readers: what the mock lets pass fails with Redis, and the other way round.
set -euo pipefail
tmp=$(mktemp -d)
redis=
trap '[[ -z $redis ]] || kill "$redis" 2>/dev/null || true; wait || true; rm -rf "$tmp"' EXIT

# redis-tools has the server too, under another name, and starts no service.
missing=()
command -v redis-check-rdb >/dev/null || missing+=(redis-tools)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
ln -s "$(command -v redis-check-rdb)" "$tmp/redis-server"
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    ioredis-mock@8.13.1 ioredis@5.8.2 >/dev/null
"$tmp/redis-server" --version
echo "ioredis-mock 8.13.1, ioredis 5.8.2, Node $(node --version)"
timeout 100 "$tmp/redis-server" --port 0 --unixsocket "$tmp/socket" --save "" --dir "$tmp" >"$tmp/log" &
redis=$!

cat >"$tmp/try.js" <<'JAVASCRIPT'
const Redis = require("ioredis"), Mock = require("ioredis-mock");

const TOO_SMALL = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
const entries = (...ids) => ids.map((id) => [id, ["text", "hi"]]);
const CASES = [ // a command, Redis's answer, the mock's
  [["xadd", "log", "9-1", "text", "hi"], "9-1", "9-1-0"],
  [["xread", "STREAMS", "log", "0"], [["log", entries("9-1")]], [["log", entries("9-1-0")]]],
  [["xread", "STREAMS", "log", "0"], [["log", entries("9-1")]], [["log", []]]],
  [["xadd", "log", "9-2", "text", "hi"], "9-2", "9-2-0"],
  [["xadd", "log", "9-2", "text", "hi"], TOO_SMALL, "9-2-0"],
  [["xadd", "log", "10-1", "text", "hi"], "10-1", "10-1-0"],
  [["xread", "STREAMS", "log", "9-2"], [["log", entries("10-1")]], [["log", entries("9-2-0")]]],
  [["xread", "STREAMS", "log", "9-2"], [["log", entries("10-1")]], [["log", []]]],
  [["xread", "STREAMS", "log", "10-1"], null, [["log", entries("10-1-0")]]],
  [["xlen", "log"], 3, 4],
];

async function answer(client, [command, ...rest]) {
  try {
    return await client[command](...rest);
  } catch (error) {
    return error.message;
  }
}

(async () => {
  const redis = new Redis({ path: "socket", retryStrategy: () => 100, maxRetriesPerRequest: 100 });
  redis.on("error", () => {}); // it is just being started
  const mock = new Mock();
  const different = [];
  for (const [command, ...expected] of CASES) {
    const seen = [await answer(redis, command), await answer(mock, command)].map((one) => JSON.stringify(one));
    console.log(`  ${command.join(" ").padEnd(30)} ${seen[0]}\n  ${"the mock".padStart(30)} ${seen[1]}`);
    expected.forEach((one, which) => {
      if (seen[which] !== JSON.stringify(one)) different.push(`${["Redis", "mock"][which]}: ${command.join(" ")}`);
    });
  }
  if (different.length) console.log("DIFFERENT: " + different.join("; "));
  process.exit(different.length ? 1 : 0);
})();
JAVASCRIPT
(cd "$tmp" && timeout 60 node try.js)
echo "As told: what the mock has given once it gives to nobody any more."
