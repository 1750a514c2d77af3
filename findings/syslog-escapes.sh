#!/usr/bin/env bash
# A quoted word in the structured data of a syslog line moves all the data into the message, or keeps its backslashes.
#
# In a value `"`, `\` and `]` have a backslash before them, and before any other character one is a backslash (RFC
# 5424, 6.3.3). Of such a line nsyslog-parser has no data, and a message that begins with them; so with an element that
# has no parameters, `[x@1]`. syslog-rfc5424-parser leaves all escapes in. glossy takes the backslash of `C:\new`
# off. A parameter may be there twice, as `ip` is in 7.2.1: all three have the last one only.
# Seen with the PyPI package syslog-rfc5424-parser 0.3.2 and the npm packages glossy 0.1.7 and nsyslog-parser 0.10.1.
# Whoever looks for what somebody said in a log, and finds it in three shapes.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    glossy@0.1.7 nsyslog-parser@0.10.1 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check syslog-rfc5424-parser==0.3.2
echo "glossy 0.1.7, nsyslog-parser 0.10.1, Node $(node --version); syslog-rfc5424-parser 0.3.2, $(python3 --version)"

cat >"$tmp/parse.cjs" <<'JAVASCRIPT'
// The parameters and the message of each line, by each library, as JSON.
const lines = JSON.parse(process.argv[2]);
const glossy = require("glossy").Parse;
const nsyslog = require("nsyslog-parser");
const byGlossy = (line) => {
  const read = glossy.parse(line);
  return [(read.structuredData || {})["x@1"] || {}, read.message];
};
const byNsyslog = (line) => {
  const read = nsyslog(line);
  const { $id, ...data } = read.structuredData[0] || {};
  return [data, read.message];
};
console.log(JSON.stringify({ "glossy": lines.map(byGlossy), "nsyslog-parser": lines.map(byNsyslog) }));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, subprocess, sys

from syslog_rfc5424_parser import SyslogMessage

DATA = [r'[x@1 said="\"yes\" [x\]"]', r'[x@1 said="C:\new"]', r'[x@1 said="\\\\host"]', "[x@1]",
        '[x@1 ip="192.0.2.1" ip="192.0.2.129"]']
LINES = ["<165>1 2003-10-11T22:14:15.003Z host chat - - %s hello" % data for data in DATA]
RFC = [{"said": '"yes" [x]'}, {"said": r"C:\new"}, {"said": r"\\host"}, {}, {"ip": ["192.0.2.1", "192.0.2.129"]}]
TWICE = [{"ip": "192.0.2.129"}, "hello"]
EXPECTED = {
    "syslog-rfc5424-parser": [[{"said": r'\"yes\" [x\]'}, "hello"], [{"said": r"C:\new"}, "hello"],
                              [{"said": r"\\\\host"}, "hello"], [{}, "hello"], TWICE],
    "glossy": [[{"said": '"yes" [x]'}, "hello"], [{"said": "C:new"}, "hello"], [{"said": r"\\host"}, "hello"],
               [{}, "hello"], TWICE],
    "nsyslog-parser": [[{}, DATA[0] + " hello"], [{"said": r"C:\new"}, "hello"], [{"said": r"\\\\host"}, "hello"],
                       [{}, DATA[3] + " hello"], TWICE],
}


def by_parser(line):
    read = SyslogMessage.parse(line).as_dict()
    return [read["sd"].get("x@1", {}), read["msg"]]


told = subprocess.run(["node", "parse.cjs", json.dumps(LINES)], cwd=sys.argv[1], stdout=subprocess.PIPE, check=True,
                      timeout=30)
seen = json.loads(told.stdout)
seen["syslog-rfc5424-parser"] = [by_parser(line) for line in LINES]
different = []
for number, data in enumerate(DATA):
    print("  %s hello, by the RFC %s" % (data, RFC[number]))
    for name, expected in EXPECTED.items():
        print("    %-22s %s, message %s" % (name, *seen[name][number]))
        if seen[name][number] != expected[number]:
            different.append("%s, expected %s" % (name, expected[number]))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: none of three reads all that may stand in a value."
