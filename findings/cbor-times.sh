#!/usr/bin/env bash
# A time from cbor or cbor-x is one in January 1970 for cbor-sync; borc rounds, and two others write an empty map.
#
# Tag 1 is a time in seconds since 1970, and so is an example of RFC 8949 (3.4.2; appendix A, 1(1363896240)). cbor-sync
# reads these seconds as milliseconds. borc writes whole seconds and rounds, so that what happened half a second before
# is in the future. cbor-js and cbor-redux write a Date as a map of nothing, without an error, and read no time.
# Seen with the npm packages cbor-sync 1.0.4, borc 3.0.0, cbor-js 0.1.0, cbor-redux 1.0.0, cbor 10.0.12 and cbor-x
# 1.6.9; the PyPI package cbor2 6.3.0 agrees with the last two.
# Programs with two libraries, or those that change theirs: a test against itself passes with cbor-sync, which writes
# tag 0, a text.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    cbor-sync@1.0.4 borc@3.0.0 cbor-js@0.1.0 cbor-redux@1.0.0 cbor@10.0.12 cbor-x@1.6.9 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check cbor2==6.3.0
echo "cbor-sync 1.0.4, borc 3.0.0, cbor-js 0.1.0, cbor-redux 1.0.0, cbor 10.0.12, cbor-x 1.6.9, Node $(node --version)"
echo "cbor2 6.3.0, $(python3 --version)"

cat >"$tmp/times.cjs" <<'JAVASCRIPT'
// What each library writes of a time with half a second, and what it reads of the RFC's example, as JSON.
const time = new Date(1363896240500);
const example = Buffer.from("c11a514b67b0", "hex");
const buffer = new Uint8Array(example).buffer;
const libraries = {
  "cbor": [require("cbor").encode, () => require("cbor").decodeFirstSync(example)],
  "cbor-x": [require("cbor-x").encode, () => require("cbor-x").decode(example)],
  "cbor-sync": [require("cbor-sync").encode, () => require("cbor-sync").decode(example)],
  "borc": [require("borc").encode, () => require("borc").decode(example)],
  "cbor-js": [require("cbor-js").encode, () => require("cbor-js").decode(buffer)],
  "cbor-redux": [require("cbor-redux").encode, () => require("cbor-redux").decode(buffer)],
};
const seen = {};
for (const [name, [write, read]] of Object.entries(libraries)) {
  const got = read();
  seen[name] = [Buffer.from(write(time)).toString("hex"), got instanceof Date ? got.toISOString() : "no time"];
}
console.log(JSON.stringify(seen));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import datetime, json, subprocess, sys

import cbor2

RIGHT = "2013-03-21T20:04:00.000Z"
EXPECTED = {
    "cbor": ["20:04:00.500", RIGHT],
    "cbor-x": ["20:04:00.500", RIGHT],
    "cbor-sync": ["20:04:00.500", "1970-01-16T18:51:36.240Z"],
    "borc": ["20:04:01.000", RIGHT],
    "cbor-js": ["{}", "no time"],
    "cbor-redux": ["{}", "no time"],
}
different = []
if cbor2.loads(bytes.fromhex("c11a514b67b0")) != datetime.datetime(2013, 3, 21, 20, 4, tzinfo=datetime.timezone.utc):
    different.append("cbor2 reads the example otherwise")
told = subprocess.run(["node", "times.cjs"], cwd=sys.argv[1], stdout=subprocess.PIPE, check=True, timeout=30)
print("  %-12s %-32s %s" % ("", "for 20:04:00.5 cbor2 reads", "reads the RFC's example as"))
for name, (written, read) in json.loads(told.stdout).items():
    got = cbor2.loads(bytes.fromhex(written))
    if isinstance(got, datetime.datetime):
        got = got.isoformat(timespec="milliseconds")[11:23]
    seen = [str(got), read]
    print("  %-12s %-32s %s" % (name, *seen))
    if seen != EXPECTED[name]:
        different.append("%s, expected %s" % (name, EXPECTED[name]))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: seconds are milliseconds for one, and a time is nothing for two."
