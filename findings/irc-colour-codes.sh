#!/usr/bin/env bash
# None of six libraries that take the colours out of an IRC text leaves all of its words.
#
# A colour is ^C with one or two digits, and perhaps a comma with one or two more for the background; a comma without
# digits behind it is text, and so is any comma behind a bare ^C, which ends a colour (modern.ircdocs.horse/formatting).
# irc-colors, and irc-upd and matrix-org-irc with `stripColors`, drop each comma behind a code: "failed, see log"
# with a red first word is "failed see log". Limnoria takes a comma with digits behind a bare ^C for a background,
# so "3,14" loses its second half. Twisted drops the comma behind a colour with digits. Sopel knows codes of two digits
# only, and leaves the digit of the others in the text.
# Seen with the npm packages irc-colors 1.5.0, matrix-org-irc 3.0.0 and irc-upd 0.11.0, and the PyPI packages
# limnoria 2026.10.4, sopel 8.0.4 and twisted 26.10.0.
# Bridges and bots that forward what other bots say in colours: figures are not what was said.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    irc-colors@1.5.0 matrix-org-irc@3.0.0 irc-upd@0.11.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    limnoria==2026.10.4 sopel==8.0.4 twisted==26.10.0
echo "irc-colors 1.5.0, matrix-org-irc 3.0.0, irc-upd 0.11.0, Node $(node --version)"
echo "limnoria 2026.10.4, sopel 8.0.4, twisted 26.10.0, $(python3 --version)"

cat >"$tmp/strip.js" <<'JAVASCRIPT'
const [library, ...texts] = process.argv.slice(2);
const parsed = (parse) => (text) => parse(`:ann!ann@host PRIVMSG #room :${text}`, true).args[1];
const strip = {
  "irc-colors": () => require("irc-colors").stripColors,
  "irc-upd": () => parsed(require("irc-upd/lib/parse_message")),
  "matrix-org-irc": () => parsed(require("matrix-org-irc/lib/parse_message").parseMessage),
}[library]();
console.log(JSON.stringify(texts.map(strip)));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import contextlib, io, json, subprocess, sys

import sopel.formatting
from twisted.words.protocols import irc

with contextlib.redirect_stdout(io.StringIO()):
    from supybot import ircutils

TEXTS = ["\x0304failed\x03, see log", "\x0304pi\x03,14 is not pi", "\x0304,see log", "\x034red"]
WORDS = ["failed, see log", "pi,14 is not pi", ",see log", "red"]


def by_node(library):
    def strip():
        told = subprocess.run(["node", "strip.js", library] + TEXTS, stdout=subprocess.PIPE, check=True, timeout=30)
        return json.loads(told.stdout.decode())

    return strip


NO_COMMA = ["failed see log", "pi is not pi", "see log", "red"]
CASES = [
    ("irc-colors", by_node("irc-colors"), NO_COMMA),
    ("irc-upd", by_node("irc-upd"), NO_COMMA),
    ("matrix-org-irc", by_node("matrix-org-irc"), NO_COMMA),
    ("limnoria", lambda: [ircutils.stripColor(text) for text in TEXTS], WORDS[:1] + NO_COMMA[1:2] + WORDS[2:]),
    ("twisted", lambda: [irc.stripFormatting(text) for text in TEXTS], WORDS[:2] + NO_COMMA[2:3] + WORDS[3:]),
    ("sopel", lambda: [sopel.formatting.plain(text) for text in TEXTS], WORDS[:3] + ["4red"]),
]
print("  %-14s %s" % ("said", TEXTS))
print("  %-14s %s" % ("meant", WORDS))
different = []
for library, strip, expected in CASES:
    seen = strip()
    print("  %-14s %s" % (library, seen))
    if seen != expected:
        different.append("%s, expected %s" % (library, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
(cd "$tmp" && timeout 60 venv/bin/python try.py)
echo "As told: each changes at least one of four texts."
