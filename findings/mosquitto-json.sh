#!/usr/bin/env bash
# In the JSON of `mosquitto_sub -F %j` a payload ends at its first NUL, and of Latin-1 it is no JSON.
#
# A payload is whatever bytes the publisher has (MQTT 3.1.1, 3.3.3), and the manual says of %j that it is "a quoted and
# escaped payload". What comes behind a NUL is left out, while `payloadlen` beside it counts it. Bytes that are no UTF-8
# are written as they are, so that the line is no JSON: Python's json and Node's parser see different things in it, an
# exception and U+FFFD. An empty payload is null and not "". %p and %x give all of it.
# Seen with mosquitto 2.0.11 (Debian packages mosquitto and mosquitto-clients).
# Whoever keeps what is published as lines of JSON: use %x, and decode it where it is read.
set -euo pipefail
tmp=$(mktemp -d)
mosquitto=
trap '[[ -z $mosquitto ]] || kill "$mosquitto" 2>/dev/null || true; wait || true; rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
missing=()
command -v mosquitto >/dev/null && command -v mosquitto_sub >/dev/null || missing+=(mosquitto mosquitto-clients)
command -v node >/dev/null || missing+=(nodejs)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
dpkg-query -W -f '${Package} ${Version}\n' mosquitto mosquitto-clients
echo "$(python3 --version), Node $(node --version)"
port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$tmp/mosquitto.conf"
timeout 200 mosquitto -c "$tmp/mosquitto.conf" 2>"$tmp/log" &
mosquitto=$!

cat >"$tmp/try.py" <<'PYTHON'
import json, subprocess, sys, time

ABOUT = ["-h", "127.0.0.1", "-p", sys.argv[1]]
NODE = ('const chunks = []; process.stdin.on("data", (one) => chunks.push(one)).on("end", () => process.stdout.write('
        'JSON.stringify(JSON.parse(Buffer.concat(chunks).toString()).payload)));')
CASES = [
    ("Grüße".encode(), "Grüße", "Grüße"),
    (b'q"b\\\x01', 'q"b\\\x01', 'q"b\\\x01'),
    (b"one\0two", "one", "one"),
    ("Grüße".encode("latin-1"), "UnicodeDecodeError", "Gr\ufffd\ufffde"),
    (b"", None, None),
]


def published(payload, format_):
    """What mosquitto_sub writes of a message with the payload, which is retained unless it is empty."""
    topic = "room/%d" % len(payload)
    if payload:
        subprocess.run(["mosquitto_pub", *ABOUT, "-t", topic, "-r", "-s"], input=payload, check=True, timeout=30)
    command = ["mosquitto_sub", *ABOUT, "-t", topic, "-F", format_, "-C", "1", "-W", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as subscriber:
        while not payload and subscriber.poll() is None:
            time.sleep(0.5)
            subprocess.run(["mosquitto_pub", *ABOUT, "-t", topic, "-n"], check=True, timeout=30)
        return subscriber.communicate(timeout=30)[0]


def by_python(line):
    try:
        return json.loads(line.decode())["payload"]
    except ValueError as error:
        return type(error).__name__


def by_node(line):
    told = subprocess.run(["node", "-e", NODE], input=line, stdout=subprocess.PIPE, check=True, timeout=30).stdout
    return json.loads(told.decode())


for _ in range(100):
    if subprocess.run(["mosquitto_pub", *ABOUT, "-t", "up", "-m", "up"], stderr=subprocess.DEVNULL).returncode == 0:
        break
    time.sleep(0.1)
different = []
for payload, *expected in CASES:
    line = published(payload, "%j")
    seen = [by_python(line), by_node(line)]
    whole = bytes.fromhex(published(payload, "%x").decode()) == payload
    print("  %-20a %%j for Python %-22a for Node %-16a %%x is all of it: %s" % (payload, *seen, whole))
    if seen != expected or not whole or b'"payloadlen":%d,' % len(payload) not in line:
        different.append("%a, expected %a" % (payload, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 150 python3 "$tmp/try.py" "$port"
echo "As told: of five payloads one is cut, one no JSON, and one null."
