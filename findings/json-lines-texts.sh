#!/usr/bin/env bash
# Two readers of JSON Lines change the texts in a file, in silence.
#
# JSON Lines is UTF-8 with a line feed behind each value, and a JSON string may have any character beyond U+001F but the
# quote and the backslash as it is. jsonlines for Node makes each 64 KiB that are read a string by themselves, so that a
# letter on the border becomes two U+FFFD. ndjson for Python splits at everything that str.splitlines() takes for
# a line's end and puts a comma there, so that a text with U+2028 or U+0085 is one with a comma; not even what its own
# dumps() wrote with ensure_ascii=False comes back. ndjson for Node and jsonlines for Python are right.
# Seen with the npm packages jsonlines 0.1.1 and ndjson 2.0.0, and the PyPI packages ndjson 0.3.1 and jsonlines 4.0.0.
# Who keeps logs or chats as JSON Lines: write them as ASCII, with \u escapes, and every reader gets the same.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    jsonlines@0.1.1 ndjson@2.0.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check ndjson==0.3.1 jsonlines==4.0.0
echo "Node $(node --version) with jsonlines 0.1.1 and ndjson 2.0.0"
echo "$(python3 --version) with ndjson 0.3.1 and jsonlines 4.0.0"

# A text of 80 KB that has a letter on the border, and two with what is the end of a line for some, but not for JSON.
cat >"$tmp/write.py" <<'PYTHON'
import json, sys

with open(sys.argv[1], "w", encoding="utf-8", newline="") as file:
    for text in ("x" + "é" * 40000, "one\u2028two", "three\x85four"):
        file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
PYTHON
python3 "$tmp/write.py" "$tmp/texts.jsonl"

# Each reader prints the texts as ASCII, and of the long one how many letters it has, and which are foreign to it.
cat >"$tmp/read.js" <<'JAVASCRIPT'
const fs = require("fs");

const seen = [];
fs.createReadStream("texts.jsonl")
  .pipe(require(process.argv[2]).parse())
  .on("data", ({ text }) => {
    const others = [...text].filter((letter) => letter !== "é").join("");
    const told = JSON.stringify(text.length > 100 ? `${text.length} letters, foreign ones: ${others}` : text);
    seen.push(told.replace(/[^ -~]/g, (letter) => "\\u" + letter.charCodeAt(0).toString(16).padStart(4, "0")));
  })
  .on("end", () => console.log(seen.join(", ")));
JAVASCRIPT
cat >"$tmp/read.py" <<'PYTHON'
import json, sys

import jsonlines, ndjson

with open("texts.jsonl", encoding="utf-8", newline="\n") as file:
    found = ndjson.load(file) if sys.argv[1] == "ndjson" else list(jsonlines.Reader(file))
texts = [one["text"] for one in found]
others = texts[0].replace("é", "")
print(json.dumps(["%d letters, foreign ones: %s" % (len(texts[0]), others)] + texts[1:])[1:-1])
PYTHON

check() {
    local name=$1 expected=$2 seen
    shift 2
    seen=$(cd "$tmp" && timeout 30 "$@" 2>&1) || true
    printf '  %-20s %s\n' "$name" "$seen"
    [[ $seen == "$expected" ]] || { echo "DIFFERENT: expected $expected"; exit 1; }
}
long='"40001 letters, foreign ones: x"'
lines='"one\u2028two", "three\u0085four"'
check "jsonlines, Node" "\"40002 letters, foreign ones: x\\ufffd\\ufffd\", $lines" node read.js jsonlines
check "ndjson, Node" "$long, $lines" node read.js ndjson
check "ndjson, Python" "$long, \"one,two\", \"three,four\"" venv/bin/python read.py ndjson
check "jsonlines, Python" "$long, $lines" venv/bin/python read.py jsonlines
echo "As told: a letter is lost to the one, and two texts have a comma for the other."
