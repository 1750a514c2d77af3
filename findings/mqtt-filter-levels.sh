#!/usr/bin/env bash
# Two of five matchers of MQTT topic filters know no empty level, and one takes `rooms` for a topic below `room`.
#
# A level of a topic may be empty, and `+` matches it: `/finance` matches `+/+` (MQTT 3.1.1, 4.7.1.3). mqtt-pattern and
# mqtt-regex want a character there: who listens to `room/+/text` misses `room//text`, which a broker such as mosquitto
# delivers. `room/#` matches `room` itself and all below it (4.7.1.2), with mqtt-regex also `rooms`, another topic; and
# its `room/ann` also matches `room/ann/`. mqtt-match, mqtt-wildcard and mqtt-emitter do as the standard says.
# Seen with the npm packages mqtt-pattern 2.1.1, mqtt-regex 1.1.0, mqtt-match 3.0.0, mqtt-wildcard 3.0.9 and
# mqtt-emitter 4.1.0, and mosquitto 2.0.11 (Debian packages mosquitto and mosquitto-clients).
# Programs that share one connection and hand its messages to their parts by filter.
set -euo pipefail
tmp=$(mktemp -d)
mosquitto=
trap '[[ -z $mosquitto ]] || kill "$mosquitto" 2>/dev/null || true; wait || true; rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
missing=()
command -v mosquitto >/dev/null && command -v mosquitto_sub >/dev/null || missing+=(mosquitto mosquitto-clients)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    mqtt-pattern@2.1.1 mqtt-regex@1.1.0 mqtt-match@3.0.0 mqtt-wildcard@3.0.9 mqtt-emitter@4.1.0 >/dev/null
echo "mqtt-pattern 2.1.1, mqtt-regex 1.1.0, mqtt-match 3.0.0, mqtt-wildcard 3.0.9, mqtt-emitter 4.1.0"
echo "$(dpkg-query -W -f 'mosquitto ${Version}' mosquitto), Node $(node --version)"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$tmp/mosquitto.conf"
timeout 100 mosquitto -c "$tmp/mosquitto.conf" 2>"$tmp/log" &
mosquitto=$!

cat >"$tmp/match.js" <<'JAVASCRIPT'
// Prints as JSON, for each library, which of the topics each filter matches.
const cases = JSON.parse(process.argv[2]);
const plain = (module_) => module_.default || module_;

function byEmitter(filter, topic) {
  const emitter = new (plain(require("mqtt-emitter")))();
  let heard = false;
  emitter.on(filter, () => { heard = true; });
  emitter.emit(topic, "");
  return heard;
}

const matchers = {
  "mqtt-pattern": require("mqtt-pattern").matches,
  "mqtt-regex": (filter, topic) => Boolean(plain(require("mqtt-regex"))(filter).exec(topic)),
  "mqtt-match": plain(require("mqtt-match")),
  "mqtt-wildcard": (filter, topic) => plain(require("mqtt-wildcard"))(topic, filter) !== null,
  "mqtt-emitter": byEmitter,
};
const seen = {};
for (const name in matchers) seen[name] = cases.map(([filter, topic]) => matchers[name](filter, topic));
console.log(JSON.stringify(seen));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, subprocess, sys, time

FOLDER, PORT = sys.argv[1:]
CASES = [("room/+", "room/ann"), ("+/+", "/finance"), ("room/+/text", "room//text"), ("room/+", "room/"),
         ("room/#", "room"), ("room/#", "rooms"), ("room/ann", "room/ann/")]
STANDARD = [True, True, True, True, True, False, False]
EXPECTED = {
    "mosquitto": STANDARD, "mqtt-match": STANDARD, "mqtt-wildcard": STANDARD, "mqtt-emitter": STANDARD,
    "mqtt-pattern": [True, False, False, False, True, False, False],
    "mqtt-regex": [True, False, False, False, True, True, True],
}


def by_mosquitto(filter_, topic):
    """Whether a retained message of the topic is delivered to a subscriber of the filter."""
    about = ["-h", "127.0.0.1", "-p", PORT]
    for _ in range(100):
        said = subprocess.run(["mosquitto_pub", *about, "-t", topic, "-r", "-m", "hi"], stderr=subprocess.DEVNULL)
        if said.returncode == 0:
            break
        time.sleep(0.1)
    # The second subscription is to a message that is always there, and comes after all of the first.
    subprocess.run(["mosquitto_pub", *about, "-t", "end", "-r", "-m", "hi"], check=True, timeout=10)
    command = ["mosquitto_sub", *about, "-t", filter_, "-t", "end", "-F", "%t", "-W", "1"]
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10)
    heard = told.stdout.decode().splitlines()
    subprocess.run(["mosquitto_pub", *about, "-t", topic, "-r", "-n"], check=True, timeout=10)
    if "end" not in heard:
        sys.exit("DIFFERENT: mosquitto delivers nothing")
    return topic in heard


command = ["node", "match.js", json.dumps(CASES)]
told = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, check=True, timeout=30)
seen = json.loads(told.stdout.decode())
seen["mosquitto"] = [by_mosquitto(*case) for case in CASES]
print("  %-14s %s" % ("filter", "".join("%-13s" % filter_ for filter_, _ in CASES)))
print("  %-14s %s" % ("topic", "".join("%-13s" % topic for _, topic in CASES)))
different = []
for name, expected in EXPECTED.items():
    print("  %-14s %s" % (name, "".join("%-13s" % ("yes" if one else "no") for one in seen[name])))
    if seen[name] != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 90 python3 "$tmp/try.py" "$tmp" "$port"
echo "As told: two know no empty level, and one a topic too many."
