#!/usr/bin/env bash
# A bot that tells what is new on a page says nothing, ends in a TypeError, or leaves out the `<b>` that it is about.
#
# The title of an entry in an Atom feed is a text, HTML or XHTML (RFC 4287, 3.1). Of an XHTML title, which has elements
# inside, fastfeedparser has "", atoma no title at all (None), and rss-parser an object in the place of a string, which
# JavaScript cannot make one of. Of a text, `use &lt;b&gt; for bold`, which is to be shown as it is, the npm package
# feedparser has "use  for bold", as it takes off what looks like HTML, and the type is not told any more. feedparser of
# PyPI has all three, and tells the type.
# Seen with the PyPI packages feedparser 6.0.14, fastfeedparser 0.6.5 and atoma 0.0.17, and the npm packages rss-parser
# 3.13.0 and feedparser 2.6.0.
# Feeds about code, with a `List<String>` in a title, and those that are written in XHTML.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    rss-parser@3.13.0 feedparser@2.6.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check feedparser==6.0.14 fastfeedparser==0.6.5 \
    atoma==0.0.17
echo "feedparser 6.0.14, fastfeedparser 0.6.5, atoma 0.0.17, $(python3 --version)"
echo "rss-parser 3.13.0, feedparser 2.6.0, Node $(node --version)"

cat >"$tmp/feed.xml" <<'XML'
<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<title>News</title><id>urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6</id><updated>2026-01-01T00:00:00Z</updated>
<author><name>Ann</name></author>
<entry>
<title>plain</title><id>urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa61</id><updated>2026-01-01T00:00:00Z</updated>
</entry>
<entry>
<title type="text">use &lt;b&gt; for bold</title>
<id>urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa62</id><updated>2026-01-01T00:00:00Z</updated>
</entry>
<entry>
<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">a <em>new</em> room</div></title>
<id>urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa63</id><updated>2026-01-01T00:00:00Z</updated>
</entry>
</feed>
XML
cat >"$tmp/rss_parser.cjs" <<'JAVASCRIPT'
const Parser = require("rss-parser");
const xml = require("fs").readFileSync(process.argv[2], "utf8");

function asText(title) {
  try {
    return `${title}`;
  } catch (error) {
    return `${error.name} of an ${typeof title}`;
  }
}

new Parser().parseString(xml).then((feed) => console.log(JSON.stringify(feed.items.map((it) => asText(it.title)))));
JAVASCRIPT
cat >"$tmp/feedparser.cjs" <<'JAVASCRIPT'
const FeedParser = require("feedparser");
const titles = [];
const parser = new FeedParser();
parser.on("data", (item) => titles.push(item.title));
parser.on("end", () => console.log(JSON.stringify(titles)));
require("fs").createReadStream(process.argv[2]).pipe(parser);
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, os, subprocess, sys

import atoma
import fastfeedparser
import feedparser

FOLDER = sys.argv[1]
FEED = os.path.join(FOLDER, "feed.xml")
with open(FEED, encoding="utf-8") as file:
    XML = file.read()


def by_atoma():
    entries = atoma.parse_atom_bytes(XML.encode()).entries
    return [None if entry.title is None else entry.title.value for entry in entries]


def by_node(program):
    return json.loads(subprocess.run(["node", os.path.join(FOLDER, program), FEED], stdout=subprocess.PIPE, check=True,
                                     timeout=30).stdout)


TEXT = "use <b> for bold"
different = []
for name, titles, expected in (
    ("feedparser (PyPI)", [it.title for it in feedparser.parse(XML).entries], ["plain", TEXT, "a <em>new</em> room"]),
    ("fastfeedparser", [it.title for it in fastfeedparser.parse(XML).entries], ["plain", TEXT, ""]),
    ("atoma", by_atoma(), ["plain", TEXT, None]),
    ("rss-parser", by_node("rss_parser.cjs"), ["plain", TEXT, "TypeError of an object"]),
    ("feedparser (npm)", by_node("feedparser.cjs"), ["plain", "use  for bold", "a new room"]),
):
    print("  %-18s %s" % (name, "  ".join("%-24r" % title for title in titles)))
    if titles != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: one of five has what each title says."
