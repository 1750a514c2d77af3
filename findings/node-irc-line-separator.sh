#!/usr/bin/env bash
# Two IRC libraries for Node cut a text at a Unicode line separator, which is no end of a line in IRC.
#
# Both take the text of a line with a regular expression that ends in `(.*)`, and in JavaScript the dot does
# not match U+2028 and U+2029. The pattern has no `$`, so it fits all the same, and the rest of the text is
# gone without an error. U+0085 and the vertical tab, which Python's splitlines() ends lines at, stay.
# Seen with the npm packages matrix-org-irc 3.0.0 and irc-upd 0.11.0.
# Word processors write U+2028 for Shift+Enter, and it comes along with a paste; a bridge then passes on the
# first half only.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    matrix-org-irc@3.0.0 irc-upd@0.11.0 >/dev/null
echo "matrix-org-irc 3.0.0, irc-upd 0.11.0, Node $(node --version)"

cat >"$tmp/try.js" <<'JAVASCRIPT'
const { parseMessage } = require("matrix-org-irc/lib/parse_message");
const parseUpd = require("irc-upd/lib/parse_message");

const CASES = [
  ["one\u2028two", "one"],
  ["one\u2029two", "one"],
  ["one\u0085two", "one\u0085two"],
  ["one\u000btwo", "one\u000btwo"],
];
const escaped = (letter) => "\\u" + letter.charCodeAt(0).toString(16).padStart(4, "0");
const shown = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g, escaped);
let different = false;
for (const [said, expected] of CASES) {
  const line = `:ann!ann@host PRIVMSG #room :${said}`;
  const heard = [parseMessage(line, false).args[1], parseUpd(line, false, false).args[1]];
  console.log("  said %s, heard by matrix-org-irc %s, by irc-upd %s", shown(said), ...heard.map(shown));
  different = different || heard.some((text) => text !== expected);
}
if (different) {
  console.log("DIFFERENT: expected", ...CASES.map(([, expected]) => shown(expected)));
  process.exit(1);
}
JAVASCRIPT
(cd "$tmp" && timeout 30 node try.js)
echo "As told: what is behind U+2028 or U+2029 is gone."
