#!/usr/bin/env bash
# Of a NATS message to ann and bob, said so in a header by a JavaScript client, nats-py knows bob only.
#
# A header of NATS may be there more than once, and its values are a list, as in HTTP (NATS architecture decision ADR-4,
# "NATS Message Headers"). The npm package nats sends them so, and hears them so from itself. nats-py makes a dict of
# texts, in which the last value is left, without a word; blanks at the ends of a value are gone for both. A program in
# Python cannot send two either, so that in tests among Python programs nothing is lost.
# Seen with nats-server 2.9.10 (Debian package nats-server), the npm package nats 2.29.3 and the PyPI package nats-py
# 2.16.0.
# Programs in two languages: put lists into one value, or into the body.
set -euo pipefail
tmp=$(mktemp -d)
nats=
trap '[[ -z $nats ]] || kill "$nats" 2>/dev/null || true; wait || true; rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
missing=()
command -v nats-server >/dev/null || missing+=(nats-server)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts nats@2.29.3 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check nats-py==2.16.0
echo "$(nats-server --version); nats 2.29.3, Node $(node --version); nats-py 2.16.0, $(python3 --version)"
port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
timeout 100 nats-server -a 127.0.0.1 -p "$port" >"$tmp/log" 2>&1 &
nats=$!

cat >"$tmp/client.cjs" <<'JAVASCRIPT'
// Answers who asks with the header's values that it heard, and says the message to "python" as soon as that asks.
const { connect, headers } = require("nats");

(async () => {
  const client = await connect({ servers: `127.0.0.1:${process.argv[2]}` });
  const message = headers();
  message.append("to", "ann");
  message.append("to", "bob");
  message.append("room", " the hall ");
  client.subscribe("javascript", { callback: (error, heard) => {
    console.log(JSON.stringify({ to: heard.headers.values("to"), room: heard.headers.values("room") }));
  } });
  client.subscribe("go", { callback: async () => {
    for (const who of ["javascript", "python"]) client.publish(who, "hello", { headers: message });
    await client.drain();
  } });
  await client.flush();
  console.log("ready");
})();
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import asyncio, json, sys

import nats

FOLDER, PORT = sys.argv[1:]


async def connected():
    for _ in range(100):
        try:
            return await nats.connect("nats://127.0.0.1:" + PORT, allow_reconnect=False, connect_timeout=10)
        except (OSError, nats.errors.Error):
            await asyncio.sleep(0.1)
    sys.exit("DIFFERENT: no server")


async def main():
    client = await connected()
    heard = asyncio.get_running_loop().create_future()

    async def told(message):
        heard.set_result(message.headers)

    await client.subscribe("python", cb=told)
    command = "node", "client.cjs", PORT
    script = await asyncio.create_subprocess_exec(*command, cwd=FOLDER, stdout=asyncio.subprocess.PIPE)
    assert await asyncio.wait_for(script.stdout.readline(), 60) == b"ready\n"
    await client.publish("go")
    by_python = dict(await asyncio.wait_for(heard, 60))
    by_javascript = json.loads(await asyncio.wait_for(script.stdout.readline(), 60))
    await script.wait()
    await client.close()
    return by_javascript, by_python


seen = asyncio.run(main())
print("  nats (npm) hears %s\n  nats-py    hears %s" % seen)
expected = {"to": ["ann", "bob"], "room": ["the hall"]}, {"to": "bob", "room": "the hall"}
if seen != expected:
    sys.exit("DIFFERENT: expected %s, %s" % expected)
PYTHON
timeout 150 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp" "$port"
echo "As told: of two people one is left."
