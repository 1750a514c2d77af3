#!/usr/bin/env bash
# Where a text has a backslash, PyPI's logfmt reads it wrongly even from its own line, and takes the next field with it.
#
# In quotes a quote and a backslash have a backslash before them, as in JSON; npm's logfmt and @jclem/logfmt2 write and
# read that. PyPI's logfmt writes `C:\new` as it is, and after any backslash its reader misses the closing quote: the
# text is `C:new" end=`, there is no field `end`, and one named `x` instead. Of the proper line of the others it reads
# neither the text nor what follows. Without a backslash all agree, but for the text "true": npm's logfmt writes it
# without quotes and reads it as a boolean.
# Seen with the PyPI package logfmt 0.4 and the npm packages logfmt 1.4.0 and @jclem/logfmt2 2.4.3.
# Who logs what people say, and looks for it afterwards.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    logfmt@1.4.0 @jclem/logfmt2@2.4.3 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check logfmt==0.4
echo "logfmt 0.4 (PyPI), $(python3 --version); logfmt 1.4.0, @jclem/logfmt2 2.4.3 (npm), Node $(node --version)"

cat >"$tmp/node.js" <<'JAVASCRIPT'
// write RECORD or read LINE with one of the libraries; the answer is JSON.
const [library, verb, argument] = process.argv.slice(2);
const logfmt = require("logfmt"), logfmt2 = require("@jclem/logfmt2");
const by = {
  "logfmt": { write: logfmt.stringify, read: logfmt.parse },
  "@jclem/logfmt2": { write: logfmt2.encode, read: logfmt2.decode },
}[library];
console.log(JSON.stringify(by[verb](verb === "write" ? JSON.parse(argument) : argument)));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import io, json, subprocess, sys

import logfmt

PYPI, NPM, SECOND = "logfmt (PyPI)", "logfmt", "@jclem/logfmt2"
WRONG = {"nick": "ann", "text": 'C:new" end=', "x": True}


def record(text):
    return {"nick": "ann", "text": text, "end": "x"}


def by_node(library, verb, argument):
    told = subprocess.run(["node", "node.js", library, verb, argument], stdout=subprocess.PIPE, check=True, timeout=20)
    return json.loads(told.stdout.decode())


def written(library, fields):
    return next(logfmt.format(fields)) if library == PYPI else by_node(library, "write", json.dumps(fields))


def read(library, line):
    return next(logfmt.parse(io.StringIO(line))) if library == PYPI else by_node(library, "read", line)


CASES = [  # who writes a text, who reads it, and what it is then
    (PYPI, PYPI, 'say "hi"', record('say "hi"')),
    (PYPI, PYPI, "C:\\new", WRONG),
    (SECOND, PYPI, "C:\\new dir", {"nick": "ann", "text": True}),
    (SECOND, SECOND, "C:\\new dir", record("C:\\new dir")),
    (SECOND, NPM, "C:\\new dir", record("C:\\new dir")),
    (NPM, NPM, "true", dict(record("true"), text=True)),
    (NPM, SECOND, "true", record("true")),
]
different = []
for writer, reader, text, expected in CASES:
    line = written(writer, record(text))
    seen = read(reader, line)
    print("  %-14s writes %-37s %-14s reads %s" % (writer, line, reader, seen))
    if seen != expected:
        different.append("%s of %s's, expected %s" % (reader, writer, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
(cd "$tmp" && timeout 60 venv/bin/python try.py)
echo "As told: with a backslash the next field is part of the text."
