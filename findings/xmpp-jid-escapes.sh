#!/usr/bin/env bash
# A user called `c:\net` has another address with xmpp.js than with the server Prosody, as XEP-0106's own example shows.
#
# What an address may not have is escaped as `\3a`, and a backslash as `\5c` only where it would otherwise begin such
# an escape (XEP-0106, 4.2, and the table of examples in 5.1): `c:\net` is `c\3a\net`, and `c:\5commas` is
# `c\3a\5c5commas`. @xmpp/jid and the older node-xmpp-jid write `c\3a\5cnet`, each backslash escaped: a valid address,
# of somebody else. Read back it is the same name, so that a test with one library passes. stanza and Prosody follow.
# Seen with the npm packages @xmpp/jid 0.14.0, node-xmpp-jid 2.3.0 and stanza 12.22.1, and Prosody 0.12.3 (Debian
# package prosody).
# Gateways that make addresses of other networks' names, as IRC's, in which backslashes are letters.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
[[ -f /usr/lib/prosody/util/jid.lua ]] || missing+=(prosody)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
lua=$(head -1 "$(command -v prosody)" | grep -o 'lua5\.[0-9]')
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    @xmpp/jid@0.14.0 node-xmpp-jid@2.3.0 stanza@12.22.1 >/dev/null
echo "@xmpp/jid 0.14.0, node-xmpp-jid 2.3.0, stanza 12.22.1, Node $(node --version)"
dpkg-query -W -f 'prosody ${Version}\n' prosody

cat >"$tmp/escape.lua" <<'LUA'
package.path = "/usr/lib/prosody/?.lua;" .. package.path
package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath
print(require "util.jid".escape(arg[1]))
LUA
cat >"$tmp/try.cjs" <<'JAVASCRIPT'
const { execFileSync } = require("child_process");
const path = require("path");
const xmpp = require("@xmpp/jid");
const older = require("node-xmpp-jid");
const stanza = require("stanza/JID");

const byProsody = (name) => execFileSync(process.argv[2], [path.join(__dirname, "escape.lua"), name],
                                         { encoding: "utf8", timeout: 10000 }).replace(/\n$/, "");
const writers = {
  "prosody": byProsody,
  "stanza": stanza.escapeLocal,
  "@xmpp/jid": (name) => String(xmpp.jid(name, "h.example")).split("@")[0],
  "node-xmpp-jid": (name) => new older.JID(name, "h.example").toString().split("@")[0],
};
const examples = [
  ["d'artagnan", "d\\27artagnan", "d\\27artagnan"],
  ["c:\\net", "c\\3a\\net", "c\\3a\\5cnet"],
  ["c:\\cool stuff", "c\\3a\\cool\\20stuff", "c\\3a\\5ccool\\20stuff"],
  ["c:\\5commas", "c\\3a\\5c5commas", "c\\3a\\5c5commas"],
];
const different = [];
for (const [name, standard, always] of examples) {
  const seen = Object.entries(writers).map(([writer, write]) => [writer, write(name)]);
  console.log(`  ${name.padEnd(16)}${seen.map(([writer, text]) => `${writer} ${text}`).join("  ")}`);
  for (const [writer, text] of seen) {
    const expected = writer === "prosody" || writer === "stanza" ? standard : always;
    if (text !== expected) different.push(`${writer}, expected ${expected}`);
  }
}
if (xmpp.jid("c\\3a\\5cnet@h.example").equals(xmpp.jid("c\\3a\\net@h.example"))) different.push("both are equal");
if (different.length) {
  console.error(`DIFFERENT: ${different.join("; ")}`);
  process.exit(1);
}
JAVASCRIPT
timeout 60 node "$tmp/try.cjs" "$lua"
echo "As told: two of four escape each backslash, and have another address."
