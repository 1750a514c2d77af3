#!/usr/bin/env bash
# Valid TOML that five readers take for something else, without an error: nothing, another letter, false, 0, today.
#
# A text of several lines that end in CR LF, as Windows writes them, is `{}` for toml of PyPI: all that was set is gone.
# TOML leaves the choice of line ends to the reader (1.0.0, "String"). A local time loses its half second there.
# fast-toml cuts \U00020BB7 to 16 bits, another letter, and has false for nan. Of a time of day toml-patch makes one of
# the day on which it runs. @ltd/j-toml without BigInt, an option of its own, has 0 for octal numbers. And for Perl's
# TOML a dotted key (1.0.0, "Keys") is one key with a dot in its name.
# Seen with the PyPI package toml 0.10.2, the npm packages fast-toml 0.5.4, toml-patch 0.2.3, @ltd/j-toml 1.38.0 and
# smol-toml 1.9.1, libtoml-perl 0.97 (Debian package), and tomllib of Python 3.11, which with smol-toml is right.
# Whoever changes the reader of a configuration, or has one file read by programs in two languages.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
perl -MTOML -e 1 2>/dev/null || missing+=(libtoml-perl)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    fast-toml@0.5.4 toml-patch@0.2.3 @ltd/j-toml@1.38.0 smol-toml@1.9.1 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check toml==0.10.2
echo "fast-toml 0.5.4, toml-patch 0.2.3, @ltd/j-toml 1.38.0, smol-toml 1.9.1, Node $(node --version)"
echo "toml 0.10.2, $(python3 --version), $(dpkg-query -W -f '${Package} ${Version}' libtoml-perl)"

cat >"$tmp/read.mjs" <<'JAVASCRIPT'
// Prints as JSON what each library makes of each document: "error", or its values as texts.
import fast from "fast-toml";
import patch from "toml-patch";
import jtoml from "@ltd/j-toml";
import { parse as smol } from "smol-toml";

const asText = (value) => JSON.parse(JSON.stringify(
  value, (key, inner) => ["number", "bigint", "boolean"].includes(typeof inner) ? String(inner) : inner));
const readers = {
  "smol-toml": smol,
  "fast-toml": fast.parse,
  "toml-patch": patch.parse,
  "@ltd/j-toml": (text) => jtoml.parse(text, 1.0, "\n", false),
};
const seen = {};
for (const name in readers) {
  seen[name] = JSON.parse(process.argv[2]).map((text) => {
    try {
      return asText(readers[name](text));
    } catch (error) {
      return "error";
    }
  });
}
console.log(JSON.stringify(seen));
JAVASCRIPT
cat >"$tmp/read.pl" <<'PERL'
use TOML ();
use JSON::PP;
my $json = JSON::PP->new->canonical->allow_nonref->ascii;
my @seen = map {
    my ($read, $error) = TOML::from_toml($_);
    $error ? "error" : $read;
} @{$json->decode($ARGV[0])};
print $json->encode(\@seen);
PERL
cat >"$tmp/try.py" <<'PYTHON'
import datetime, json, subprocess, sys, tomllib

import toml

LINES, TIME, LETTER, NAN, OCTAL, DOTTED = DOCUMENTS = [
    'a = """x\r\ny"""\r\n', "a = 07:32:00.5\n", 'a = "\\U00020BB7"\n', "a = nan\n", "a = 0o755\n", "a.b = 1\n"]


def as_text(value):
    if isinstance(value, dict):
        return {key: as_text(inner) for key, inner in value.items()}
    return value.isoformat() if isinstance(value, datetime.time) else str(value)


def by_python(loads):
    return [as_text(loads(text)) for text in DOCUMENTS]


def by_command(*command):
    told = subprocess.run([*command, json.dumps(DOCUMENTS)], cwd=sys.argv[1], stdout=subprocess.PIPE, check=True,
                          timeout=30)
    return json.loads(told.stdout)


seen = by_command("node", "read.mjs")
seen["tomllib"], seen["toml"], seen["Perl's TOML"] = by_python(tomllib.loads), by_python(toml.loads), by_command(
    "perl", "read.pl")
today = datetime.datetime.now(datetime.timezone.utc)
days = [(today - datetime.timedelta(days=one)).strftime("%Y-%m-%d") for one in (0, 1)]
EXPECTED = [
    (LINES, "tomllib", [{"a": "x\ny"}]),
    (LINES, "smol-toml", [{"a": "x\r\ny"}]),
    (LINES, "toml", [{}]),
    (TIME, "tomllib", [{"a": "07:32:00.500000"}]),
    (TIME, "toml", [{"a": "07:32:00"}]),
    (TIME, "toml-patch", [{"a": day + "T07:32:00.500Z"} for day in days]),
    (LETTER, "tomllib", [{"a": "\U00020bb7"}]),
    (LETTER, "fast-toml", [{"a": "\u0bb7"}]),
    (NAN, "tomllib", [{"a": "nan"}]),
    (NAN, "fast-toml", [{"a": "false"}]),
    (OCTAL, "tomllib", [{"a": "493"}]),
    (OCTAL, "@ltd/j-toml", [{"a": "0"}]),
    (DOTTED, "tomllib", [{"a": {"b": "1"}}]),
    (DOTTED, "Perl's TOML", [{"a.b": 1}]),
]
different = []
for document, name, expected in EXPECTED:
    read = seen[name][DOCUMENTS.index(document)]
    print("  %-24s %-12s %a" % (ascii(document)[1:-1], name, read))
    if read not in expected:
        different.append("%s, expected %a" % (name, expected[0]))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 env TZ=UTC "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: five readers have another value, and no error."
