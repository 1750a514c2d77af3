#!/usr/bin/env bash
# A service's `room=`, a room without a name, is for bonjour-service a key called "room=", and `=x` is one called "".
#
# In a TXT record of DNS-SD `room=` is a key with an empty value and `room` one without any, which is not the same; an
# entry that begins with `=` must be passed over, capitals in keys mean nothing, and of a key that is there twice the
# first holds (RFC 6763, 6.4). bonjour-service has "room=" as a name, without a value; it and zeroconf have a key
# without a name for `=x`, and take `Mode` and `mode` for two. dns-txt reads as the RFC says. bonjour-service cannot
# announce a key without a value either: what it reads as undefined it writes as `room=undefined`, or `room=true`.
# Seen with the npm packages bonjour-service 1.4.4 and dns-txt 2.0.2, and the PyPI package zeroconf 0.154.0.
# Chats that find each other in a local network and are written in two languages.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    bonjour-service@1.4.4 dns-txt@2.0.2 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check zeroconf==0.154.0
echo "bonjour-service 1.4.4, dns-txt 2.0.2, Node $(node --version); zeroconf 0.154.0, $(python3 --version)"

cat >"$tmp/txt.cjs" <<'JAVASCRIPT'
// Prints as JSON what each library reads of the entries, as pairs, and what it writes of a key without a value.
const path = require("path");
const entries = JSON.parse(process.argv[2]).map((entry) => Buffer.from(entry));
const { DnsTxt } = require(path.join(__dirname, "node_modules/bonjour-service/dist/lib/dns-txt.js"));
const service = new DnsTxt();
const plain = require("dns-txt")();
const whole = Buffer.concat(entries.map((entry) => Buffer.concat([Buffer.from([entry.length]), entry])));
const pairs = (read) => Object.entries(read).map(([key, value]) => [key, value === undefined ? null : value]);
console.log(JSON.stringify({
  "bonjour-service": [pairs(service.decodeAll(entries)),
                      service.encode({ away: true }).map(String), service.encode({ away: undefined }).map(String)],
  "dns-txt": [pairs(plain.decode(whole)), [plain.encode({ away: true }).subarray(1).toString()], null],
}));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, subprocess, sys

import zeroconf

ENTRIES = ["away", "room=", "=x", "mode=a", "Mode=b"]


def by_zeroconf():
    text = b"".join(bytes([len(entry)]) + entry.encode() for entry in ENTRIES)
    read = zeroconf.ServiceInfo("_chat._tcp.local.", "a._chat._tcp.local.", properties=text).properties
    written = zeroconf.ServiceInfo("_chat._tcp.local.", "a._chat._tcp.local.", properties={"away": None}).text
    return [[[key.decode(), value if value is None else value.decode()] for key, value in read.items()],
            [written[1:].decode()], None]


# In dns-txt a key without a value is true; in the others undefined and None.
EXPECTED = {
    "dns-txt": [[["away", True], ["room", ""], ["mode", "a"]], ["away"], None],
    "zeroconf": [[["away", None], ["room", ""], ["", "x"], ["mode", "a"], ["Mode", "b"]], ["away"], None],
    "bonjour-service": [[["away", None], ["room=", None], ["", "x"], ["mode", "a"], ["Mode", "b"]], ["away=true"],
                        ["away=undefined"]],
}
told = subprocess.run(["node", "txt.cjs", json.dumps(ENTRIES)], cwd=sys.argv[1], stdout=subprocess.PIPE, check=True,
                      timeout=30)
seen = json.loads(told.stdout)
seen["zeroconf"] = by_zeroconf()
different = []
print("  entries: " + ", ".join(ENTRIES))
for name, expected in EXPECTED.items():
    read, written, undefined = seen[name]
    print("  %-16s %s; writes %s" % (name, ", ".join("%r: %r" % (key, value) for key, value in read),
                                     " or ".join(written + (undefined or []))))
    if seen[name] != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: one of three reads the record as the RFC has it."
