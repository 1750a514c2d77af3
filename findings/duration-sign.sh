#!/usr/bin/env bash
# A reminder for `-PT15M`, a quarter of an hour before, comes a quarter of an hour after with two of six libraries.
#
# RFC 5545 (3.3.6) puts a sign before a duration, and its alarms are set so: `TRIGGER:-PT15M` (3.8.6.3). Day.js parses
# the sign and drops it, iso8601-duration begins to read at the P; both give 15 minutes, and no error. ISO 8601 has a
# comma or a full stop before the decimals of the last number: `PT1,5S` is 0 for Day.js, not 1.5 s. For
# `P0000-00-00T12:30:05`, its other way to write one, Moment has 0 and Day.js NaN, where others raise an error.
# Seen with the npm packages dayjs 1.11.23 (its plugin duration), iso8601-duration 2.1.4, moment 2.31.0, luxon 3.7.2,
# duration-fns 3.0.2 and tinyduration 3.4.1.
# Programs that take times from calendars: what cannot be read should be an error, and so is seldom tested.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    dayjs@1.11.23 iso8601-duration@2.1.4 moment@2.31.0 luxon@3.7.2 duration-fns@3.0.2 tinyduration@3.4.1 >/dev/null
echo "dayjs 1.11.23, iso8601-duration 2.1.4, moment 2.31.0, luxon 3.7.2, duration-fns 3.0.2, tinyduration 3.4.1"
echo "Node $(node --version)"

cat >"$tmp/try.cjs" <<'JAVASCRIPT'
const dayjs = require("dayjs");
dayjs.extend(require("dayjs/plugin/duration"));
const { Duration } = require("luxon");
const iso = require("iso8601-duration");
const fns = require("duration-fns");
const tiny = require("tinyduration");

function byLuxon(text) {
  const read = Duration.fromISO(text);
  if (!read.isValid) throw new Error(read.invalidExplanation);
  return read.as("seconds");
}

function byTiny(text) {
  const read = tiny.parse(text);
  const seconds = (read.hours || 0) * 3600 + (read.minutes || 0) * 60 + (read.seconds || 0);
  return read.negative ? -seconds : seconds;
}

// Seconds, or "error".
const readers = {
  "luxon": byLuxon,
  "tinyduration": byTiny,
  "duration-fns": (text) => fns.toSeconds(fns.parse(text)),
  "moment": (text) => require("moment").duration(text).asSeconds(),
  "dayjs": (text) => dayjs.duration(text).asSeconds(),
  "iso8601-duration": (text) => iso.toSeconds(iso.parse(text)),
};
const texts = ["PT15M", "-PT15M", "PT1,5S", "P0000-00-00T12:30:05"];
const expected = {
  "luxon": [900, -900, 1.5, "error"],
  "tinyduration": [900, -900, 1.5, "error"],
  "duration-fns": [900, -900, 1.5, 45005],
  "moment": [900, -900, 1.5, 0],
  "dayjs": [900, 900, 0, "NaN"],
  "iso8601-duration": [900, 900, 1.5, "error"],
};

const different = [];
console.log(`  ${"".padEnd(18)}${texts.map((text) => text.padEnd(10)).join("")}`);
for (const name in expected) {
  const seen = texts.map((text) => {
    try {
      const seconds = readers[name](text);
      return Number.isNaN(seconds) ? "NaN" : seconds;
    } catch (error) {
      return "error";
    }
  });
  console.log(`  ${name.padEnd(18)}${seen.map((one) => String(one).padEnd(10)).join("")}`);
  if (JSON.stringify(seen) !== JSON.stringify(expected[name])) different.push(`${name}, expected ${expected[name]}`);
}
if (different.length) {
  console.error(`DIFFERENT: ${different.join("; ")}`);
  process.exit(1);
}
JAVASCRIPT
timeout 60 node "$tmp/try.cjs"
echo "As told: before is after for two of six, and two make nothing of what they cannot read."
