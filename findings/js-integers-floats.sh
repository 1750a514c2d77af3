#!/usr/bin/env bash
# From 4294967296 on, an id that JavaScript packs with cbor-x, msgpackr or msgpack-lite is a float in Python.
#
# CBOR and MessagePack have integers of 64 bits, and JavaScript numbers are exact up to 2**53. The three write integers
# from 2**32 on as floats of 64 bits, the latter two also those below -2**31: an id, or a time in milliseconds, changes
# its type with its value. The number is right, but in Python its text ends in `.0`, as does the name of a key that is
# made of it, and it cannot be an index or a length. cbor and @msgpack/msgpack write integers.
# Seen with the npm packages cbor-x 1.6.9, msgpackr 2.1.4, msgpack-lite 0.2.2, cbor 10.0.12 and @msgpack/msgpack 3.1.3,
# and the PyPI packages cbor2 6.3.0 and msgpack 1.2.4.
# Messages with ids or times between a server in Node and others: all tests with small ids pass.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    cbor-x@1.6.9 msgpackr@2.1.4 msgpack-lite@0.2.2 cbor@10.0.12 @msgpack/msgpack@3.1.3 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check cbor2==6.3.0 msgpack==1.2.4
echo "cbor-x 1.6.9, msgpackr 2.1.4, msgpack-lite 0.2.2, cbor 10.0.12, @msgpack/msgpack 3.1.3, Node $(node --version)"
echo "cbor2 6.3.0, msgpack 1.2.4, $(python3 --version)"

cat >"$tmp/pack.cjs" <<'JAVASCRIPT'
// Prints in hexadecimal what each library makes of the numbers that are given as JSON.
const numbers = JSON.parse(process.argv[2]);
const packers = {
  "cbor-x": require("cbor-x").encode,
  cbor: require("cbor").encode,
  msgpackr: require("msgpackr").pack,
  "msgpack-lite": require("msgpack-lite").encode,
  "@msgpack/msgpack": require("@msgpack/msgpack").encode,
};
const packed = Object.entries(packers).map(([name, pack]) => [name, Buffer.from(pack(numbers)).toString("hex")]);
console.log(JSON.stringify(Object.fromEntries(packed)));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, os, subprocess, sys

import cbor2
import msgpack

NUMBERS = [2**32 - 1, 2**32, 1764547200000, 2**53 - 1, -(2**31), -(2**31) - 1]
FLOATS = {"cbor-x": [1, 2, 3], "msgpackr": [1, 2, 3, 5], "msgpack-lite": [1, 2, 3, 5], "cbor": [],
          "@msgpack/msgpack": []}
packed = json.loads(subprocess.run(["node", os.path.join(sys.argv[1], "pack.cjs"), json.dumps(NUMBERS)],
                                   stdout=subprocess.PIPE, check=True, timeout=30).stdout)
different = []
for name, floats in FLOATS.items():
    data = bytes.fromhex(packed[name])
    seen = cbor2.loads(data) if name.startswith("cbor") else msgpack.unpackb(data)
    print("  %-18s %s" % (name, " ".join("room:%s" % number for number in seen)))
    if seen != NUMBERS or [at for at, number in enumerate(seen) if isinstance(number, float)] != floats:
        different.append("%s, expected floats at %s" % (name, floats))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: large integers of three libraries are floats."
