#!/usr/bin/env bash
# After `Link: <https://h.example/log?from=1;to=9>; rel=next` requests goes to `https://h.example/log?from=1`.
#
# What stands between < and > is the address, `;` and `,` in it included (RFC 8288, 3; a URL may have both, RFC 3986,
# 2.2). `response.links` of requests cuts the entry at each `;` first. Names of parameters are the same in capitals
# (RFC 8288, 3): for `REL="next"` requests, li and parse-link-header find no next page. Of a rel that is there twice the
# first holds (3.3): two take the last. "start next" is two relations (3.3): `response.links` has one of that name. And
# what parse-link-header tells as the link's has the names of the address's query in it, so `?title=` is a title.
# Seen with the PyPI package requests 2.34.2 and the npm packages parse-link-header 2.0.0, li 1.3.0 and http-link-header
# 1.1.4, which reads all of these as the RFC says.
# Programs that fetch a history page by page stop after the first one, or ask for another part of it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    parse-link-header@2.0.0 li@1.3.0 http-link-header@1.1.4 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check requests==2.34.2
echo "parse-link-header 2.0.0, li 1.3.0, http-link-header 1.1.4, Node $(node --version)"
echo "requests 2.34.2, $(python3 --version)"

cat >"$tmp/read.cjs" <<'JAVASCRIPT'
// Prints as JSON, for each library and header, the address of each relation, and the title of the last.
const headers = JSON.parse(process.argv[2]);
const plain = (module_) => module_.default || module_;

function byParse(header) {
  const found = plain(require("parse-link-header"))(header) || {};
  return Object.entries(found).map(([rel, link]) => [rel, link.url, link.title || null]);
}

const readers = {
  "http-link-header": (header) => require("http-link-header").parse(header).refs.map(
    (link) => [link.rel, link.uri, link.title || null]),
  "parse-link-header": byParse,
  "li": (header) => Object.entries(require("li").parse(header)).map(([rel, url]) => [rel, url, null]),
};
const seen = {};
for (const name in readers) seen[name] = headers.map(readers[name]);
console.log(JSON.stringify(seen));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, subprocess, sys

import requests

PAGE = "https://h.example/log?page=2"
PART = "https://h.example/log?from=1;to=9"
TITLE = "https://h.example/log?title=7"
HEADERS = ["<%s>; rel=next" % PART, '<%s>; REL="next"' % PAGE, "<%s>; rel=next; rel=last" % PAGE,
           '<%s>; rel="start next"' % PAGE, "<%s>; rel=next" % TITLE]
STANDARD = [[["next", PART, None]], [["next", PAGE, None]], [["next", PAGE, None]],
            [["start", PAGE, None], ["next", PAGE, None]], [["next", TITLE, None]]]
EXPECTED = {
    "http-link-header": STANDARD,
    "li": STANDARD[:1] + [[]] + STANDARD[2:],
    "parse-link-header": STANDARD[:1] + [[], [["last", PAGE, None]]] + STANDARD[3:4] + [[["next", TITLE, "7"]]],
    "requests": [[["next", PART.split(";")[0], None]], [[PAGE, PAGE, None]], [["last", PAGE, None]],
                 [["start next", PAGE, None]], [["next", TITLE, None]]],
}


def by_requests(header):
    """What `links` has; where a link has no rel, it stands there below its address."""
    response = requests.Response()
    response.headers["Link"] = header
    return [[rel, link["url"], link.get("title")] for rel, link in response.links.items()]


told = subprocess.run(["node", "read.cjs", json.dumps(HEADERS)], cwd=sys.argv[1], stdout=subprocess.PIPE, check=True,
                      timeout=30)
seen = json.loads(told.stdout)
seen["requests"] = [by_requests(header) for header in HEADERS]
different = []
for number, header in enumerate(HEADERS):
    print("  " + header)
    for name, expected in EXPECTED.items():
        found = seen[name][number]
        print("    %-18s %s" % (name, "; ".join("%s: %s" % (rel, url) + (", title %s" % title if title else "")
                                               for rel, url, title in found) or "nothing"))
        if found != expected[number]:
            different.append("%s, expected %s" % (name, expected[number]))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: three of four find no next page, or another."
