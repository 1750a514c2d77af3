#!/usr/bin/env bash
# An event called `C:\new` is "C:\", a line feed and "ew" for three of four readers of iCalendar.
#
# In a text a backslash is written as two, and `\n` is a line feed (RFC 5545, 3.3.11), so `C:\\new` has no line feed.
# ics, node-ical and Ruby's icalendar undo the escapes one kind after the other. A parameter in quotes may have `;` and
# `:` (3.2): of `CN="Doe; J"` node-ical has the name `"Doe`. A comma with a backslash does not divide CATEGORIES: it
# does for node-ical. And a line may be folded within a letter of several bytes; who unfolds must put it together again
# (3.1): icalendar for Python, which is given bytes, has two U+FFFD there.
# Seen with the PyPI packages ics 0.7.3 and icalendar 7.3.2, the npm package node-ical 0.26.1, and icalendar 2.8.0 for
# Ruby (Debian package ruby-icalendar).
# Bots that tell what is on today in a room.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
ruby -rstringio -ricalendar -e 1 2>/dev/null || missing+=(ruby ruby-icalendar)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts node-ical@0.26.1 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check ics==0.7.3 icalendar==7.3.2
echo "node-ical 0.26.1, Node $(node --version); ics 0.7.3, icalendar 7.3.2, $(python3 --version)"
echo "$(ruby --version | cut -d ' ' -f 1,2), $(dpkg-query -W -f '${Package} ${Version}' ruby-icalendar)"

# These print as JSON the summary, the place, the name and the categories in the file that they are given.
cat >"$tmp/node_ical.cjs" <<'JAVASCRIPT'
const text = require("fs").readFileSync(process.argv[2], "utf8");
const event = Object.values(require("node-ical").sync.parseICS(text)).find((one) => one.type === "VEVENT");
console.log(JSON.stringify([event.summary, event.location, event.attendee.params.CN, event.categories]));
JAVASCRIPT
cat >"$tmp/icalendar.rb" <<'RUBY'
require "date"
require "json"
require "stringio"
require "icalendar"
event = Icalendar::Calendar.parse(File.read(ARGV[0], encoding: "UTF-8")).first.events.first
puts JSON.generate([event.summary.to_s, event.location.to_s, event.attendee.first.ical_params["cn"].first,
                    event.categories.flatten.map(&:to_s)])
RUBY
cat >"$tmp/try.py" <<'PYTHON'
import json, os, subprocess, sys

import icalendar
import ics

FOLDER = sys.argv[1]
EVENT = r"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//example//EN
BEGIN:VEVENT
UID:1@example.org
DTSTAMP:20260101T000000Z
DTSTART:20260101T100000Z
SUMMARY:C:\\new
LOCATION:Röom
ATTENDEE;CN="Doe; J":mailto:doe@example.org
CATEGORIES:A\,B,C
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n").encode()
FOLDED = EVENT.replace("ö".encode(), b"\xc3\r\n \xb6")
FILE = os.path.join(FOLDER, "event.ics")


def by_ics():
    event, = ics.Calendar(EVENT.decode()).events
    attendee, = event.attendees
    return [event.name, event.location, attendee.common_name, sorted(event.categories)]


def by_icalendar(data):
    event, = icalendar.Calendar.from_ical(data).walk("VEVENT")
    return [str(event["SUMMARY"]), str(event["LOCATION"]), event["ATTENDEE"].params["CN"],
            [str(one) for one in event["CATEGORIES"].cats]]


def by_command(*command):
    told = subprocess.run([*command, FILE], cwd=FOLDER, stdout=subprocess.PIPE, check=True, timeout=60)
    return json.loads(told.stdout)


with open(FILE, "wb") as file:
    file.write(EVENT)
RIGHT = ["C:\\new", "Röom", "Doe; J", ["A,B", "C"]]
WRONG = "C:\\\new"
different = []
for name, seen, expected in (
    ("icalendar", by_icalendar(EVENT), RIGHT),
    ("icalendar, folded", by_icalendar(FOLDED), RIGHT[:1] + ["R\ufffd\ufffdom"] + RIGHT[2:]),
    ("ics", by_ics(), [WRONG] + RIGHT[1:]),
    ("icalendar of Ruby", by_command("ruby", "icalendar.rb"), [WRONG] + RIGHT[1:]),
    ("node-ical", by_command("node", "node_ical.cjs"), [WRONG, "Röom", '"Doe', ["A\\", "B", "C"]]),
):
    print("  %-18s %a" % (name, seen))
    if seen != expected:
        different.append("%s, expected %a" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: three of four read a line feed where there is none."
