#!/usr/bin/env bash
# A time that msgpack-lite packs is bytes for other readers of MessagePack, and one that two others pack an empty map.
#
# MessagePack's own type for a time is the extension -1, in three lengths (its specification, "Timestamp extension
# type"). msgpack-lite packs a Date as extension 13, with milliseconds inside, and has bytes for one of type -1; its
# types are its own, below 128, where other programs have others. what-the-pack and tiny-msgpack pack a Date as a map
# of nothing, without an error, as if it had no value. ormsgpack raises an error for type -1.
# Seen with the npm packages msgpack-lite 0.2.2, what-the-pack 2.0.3, tiny-msgpack 2.2.0, @msgpack/msgpack 3.1.3,
# notepack.io 3.0.1 and msgpack5 6.1.0, and the PyPI packages msgpack 1.2.4, u-msgpack-python 2.8.0 and ormsgpack
# 1.13.1.
# Programs in two languages, or with two libraries: times as numbers or texts arrive everywhere.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts msgpack-lite@0.2.2 \
    what-the-pack@2.0.3 tiny-msgpack@2.2.0 @msgpack/msgpack@3.1.3 notepack.io@3.0.1 msgpack5@6.1.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    msgpack==1.2.4 u-msgpack-python==2.8.0 ormsgpack==1.13.1
echo "msgpack-lite 0.2.2, what-the-pack 2.0.3, tiny-msgpack 2.2.0, @msgpack/msgpack 3.1.3, notepack.io 3.0.1"
echo "msgpack5 6.1.0, Node $(node --version)"
echo "msgpack 1.2.4, u-msgpack-python 2.8.0, ormsgpack 1.13.1, $(python3 --version)"

cat >"$tmp/pack.cjs" <<'JAVASCRIPT'
// Packs one time with each library, and unpacks the one that its argument is; prints all as JSON.
const time = new Date("2013-03-21T20:04:00Z");
const given = Buffer.from(process.argv[2], "hex");
const whatThePack = require("what-the-pack").initialize(2 ** 16);
const five = require("msgpack5")();
const libraries = {
  "msgpack-lite": [require("msgpack-lite").encode, require("msgpack-lite").decode],
  "what-the-pack": [whatThePack.encode, whatThePack.decode],
  "tiny-msgpack": [require("tiny-msgpack").encode, require("tiny-msgpack").decode],
  "@msgpack/msgpack": [require("@msgpack/msgpack").encode, require("@msgpack/msgpack").decode],
  "notepack.io": [require("notepack.io").encode, require("notepack.io").decode],
  "msgpack5": [(value) => five.encode(value).slice(), (bytes) => five.decode(bytes)],
};
function asTold(value) {
  return value instanceof Date ? value.toISOString() : "bytes of type " + value.type;
}
const quiet = console.error;
console.error = () => {};
const seen = {};
for (const [name, [pack, unpack]] of Object.entries(libraries)) {
  let read = "an error";
  try {
    read = asTold(unpack(name === "tiny-msgpack" ? new Uint8Array(given) : given));
  } catch (error) {}
  seen[name] = [Buffer.from(pack(time)).toString("hex"), read];
}
console.error = quiet;
console.log(JSON.stringify(seen));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, subprocess, sys

import msgpack
import ormsgpack
import umsgpack

STANDARD = "d6ff514b67b0"
TIME = "2013-03-21T20:04:00.000Z"
EXPECTED = {
    "msgpack-lite": ["c7090dcb4273d8e8d0780000", "bytes of type 255"],
    "what-the-pack": ["80", "an error"],
    "tiny-msgpack": ["80", "an error"],
    "@msgpack/msgpack": [STANDARD, TIME],
    "notepack.io": [STANDARD, TIME],
    "msgpack5": [STANDARD, TIME],
}
PYTHON_EXPECTED = {"msgpack": True, "umsgpack": True, "ormsgpack": False}
told = subprocess.run(["node", "pack.cjs", STANDARD], cwd=sys.argv[1], stdout=subprocess.PIPE, check=True, timeout=30)
seen = json.loads(told.stdout)
different = []
print("  %-18s %-26s %s" % ("", "packs a Date as", "unpacks the standard's as"))
for name, expected in EXPECTED.items():
    print("  %-18s %-26s %s" % (name, *seen[name]))
    if seen[name] != expected:
        different.append("%s, expected %s" % (name, expected))


def as_time(value):
    return getattr(value, "seconds", None) or value.timestamp()


for name, unpack in (("msgpack", msgpack.unpackb), ("umsgpack", umsgpack.unpackb), ("ormsgpack", ormsgpack.unpackb)):
    try:
        right = as_time(unpack(bytes.fromhex(STANDARD))) == 1363896240
    except ValueError:
        right = False
    print("  %-18s %-26s %s" % (name, "", "a time" if right else "an error"))
    if right != PYTHON_EXPECTED[name]:
        different.append(name)
lite = msgpack.unpackb(bytes.fromhex(seen["msgpack-lite"][0]))
if not isinstance(lite, msgpack.ExtType) or lite.code != 13:
    different.append("msgpack reads %r of msgpack-lite" % (lite,))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: one type of its own, two times that are nothing, and errors."
