#!/usr/bin/env bash
# "The 20th Monday of each year" is every Monday for ical.js, and "the last workday of a month" each one for ice_cube.
#
# Both are examples of RFC 5545 (3.8.5.3): `FREQ=YEARLY;BYDAY=20MO`, and BYSETPOS, which chooses from what the other
# parts give (3.3.10). ical.js reads the 20 and forgets it, ice_cube passes over BYSETPOS, and there is no error. A date
# that a month or a year does not have is left out and not counted (3.3.10): after 31 January a monthly one is on 31
# March, and a yearly one of 29 February in 2028. ice_cube has 28 February for both, ical.js 1 March for the second.
# Seen with the npm packages ical.js 2.2.1 and rrule 2.8.1, the PyPI package python-dateutil 2.9.0.post0, and ice_cube
# 0.16.4 (Debian package ruby-ice-cube). rrule and dateutil have what the RFC says.
# Bots that remind people of what stands in somebody's calendar: two libraries for one rule show such differences.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
ruby -rice_cube -e 1 2>/dev/null || missing+=(ruby ruby-ice-cube)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts ical.js@2.2.1 rrule@2.8.1 \
    >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check python-dateutil==2.9.0.post0
echo "ical.js 2.2.1, rrule 2.8.1, Node $(node --version); python-dateutil 2.9.0.post0, $(python3 --version)"
ruby -rice_cube -e 'puts "ice_cube #{IceCube::VERSION}, Ruby #{RUBY_VERSION}"'

# Each prints the first three days of a rule, as JSON.
cat >"$tmp/ical.mjs" <<'JAVASCRIPT'
import ICAL from "ical.js";
const [rule, start] = process.argv.slice(2);
const turns = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateTimeString(`${start}T09:00:00`));
console.log(JSON.stringify([1, 2, 3].map(() => turns.next().toString().slice(0, 10))));
JAVASCRIPT
cat >"$tmp/rrule.cjs" <<'JAVASCRIPT'
const [rule, start] = process.argv.slice(2);
const all = require("rrule").rrulestr(`DTSTART:${start.replace(/-/g, "")}T090000Z\nRRULE:${rule}`).all();
console.log(JSON.stringify(all.map((one) => one.toISOString().slice(0, 10))));
JAVASCRIPT
cat >"$tmp/ice_cube.rb" <<'RUBY'
require "ice_cube"
require "json"
schedule = IceCube::Schedule.new(Time.utc(*ARGV[1].split("-").map(&:to_i), 9))
schedule.add_recurrence_rule(IceCube::Rule.from_ical(ARGV[0]))
puts JSON.generate(schedule.first(3).map { |one| one.strftime("%Y-%m-%d") })
RUBY
cat >"$tmp/try.py" <<'PYTHON'
import datetime, json, subprocess, sys

from dateutil.rrule import rrulestr

TWENTIETH, LAST, MONTHLY, YEARLY = RULES = [
    ("FREQ=YEARLY;BYDAY=20MO;COUNT=3", "1997-05-19"),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3", "1997-09-30"),
    ("FREQ=MONTHLY;COUNT=3", "2026-01-31"),
    ("FREQ=YEARLY;COUNT=3", "2024-02-29"),
]
STANDARD = {
    TWENTIETH: ["1997-05-19", "1998-05-18", "1999-05-17"],
    LAST: ["1997-09-30", "1997-10-31", "1997-11-28"],
    MONTHLY: ["2026-01-31", "2026-03-31", "2026-05-31"],
    YEARLY: ["2024-02-29", "2028-02-29", "2032-02-29"],
}
EXPECTED = {
    "dateutil": STANDARD,
    "rrule": STANDARD,
    "ical.js": STANDARD | {TWENTIETH: ["1997-05-19", "1997-05-26", "1997-06-02"],
                            YEARLY: ["2024-02-29", "2025-03-01", "2026-03-01"]},
    "ice_cube": STANDARD | {LAST: ["1997-09-30", "1997-10-01", "1997-10-02"],
                            MONTHLY: ["2026-01-31", "2026-02-28", "2026-03-31"],
                            YEARLY: ["2024-02-29", "2025-02-28", "2026-02-28"]},
}


def by_command(*command):
    def days(rule, start):
        told = subprocess.run([*command, rule, start], cwd=sys.argv[1], stdout=subprocess.PIPE, check=True, timeout=30)
        return json.loads(told.stdout)
    return days


def by_dateutil(rule, start):
    return [one.strftime("%Y-%m-%d") for one in rrulestr(rule, dtstart=datetime.datetime.fromisoformat(start))]


READERS = {"dateutil": by_dateutil, "rrule": by_command("node", "rrule.cjs"),
           "ical.js": by_command("node", "ical.mjs"), "ice_cube": by_command("ruby", "ice_cube.rb")}
different = []
for rule in RULES:
    print("  %s from %s" % rule)
    for name, days in READERS.items():
        if (name, rule) == ("ice_cube", TWENTIETH):
            continue
        seen, expected = days(*rule), EXPECTED[name][rule]
        print("    %-9s %s" % (name, ", ".join(seen)))
        if seen != expected:
            different.append("%s, expected %s for %s" % (name, expected, rule[0]))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: the same rules are other days for two of four."
