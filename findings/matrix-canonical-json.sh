#!/usr/bin/env bash
# If a text has a ^A, what Matrix's another-json writes to be signed is no JSON: `"\U0001"`.
#
# Matrix signs events and keys over their canonical JSON: keys in the order of their code points, control characters as
# `\u0001` (its specification, appendix "Canonical JSON", with a grammar). another-json, on which matrix-js-sdk 43.0.0
# depends, writes `\U0001`, which no reader of JSON takes, and sorts by UTF-16: a key with a letter from beyond U+FFFF
# comes before one with `ﬁ`. canonicaljson, which Synapse uses, does as specified, and for signedjson the signature of
# such an object is wrong.
# Seen with the npm package another-json 0.2.0 and the PyPI packages canonicaljson 2.0.0 and signedjson 1.1.4.
# Bots and bridges in JavaScript that sign what people wrote: IRC's bold is a ^B, and bridged texts have it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts another-json@0.2.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check canonicaljson==2.0.0 signedjson==1.1.4
echo "another-json 0.2.0, Node $(node --version); canonicaljson 2.0.0, signedjson 1.1.4, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import base64, json, subprocess, sys

import canonicaljson
from signedjson.key import generate_signing_key, get_verify_key
from signedjson.sign import SignatureVerifyException, verify_signed_json

FOLDER = sys.argv[1]
NODE = 'process.stdout.write(require("another-json").stringify(JSON.parse(process.argv[1])))'
KEY = generate_signing_key("1")
CASES = [
    ({"body": "Grüße, \"ann\"\n"}, '{"body":"Grüße, \\"ann\\"\\n"}', (True, True)),
    ({"b": 1, "a": [True, None, -5]}, '{"a":[true,null,-5],"b":1}', (True, True)),
    ({"body": "a \x02bold\x02 word"}, '{"body":"a \\U0002bold\\U0002 word"}', (False, False)),
    ({"\ufb01": 1, "\U0001d11e": 2}, '{"\U0001d11e":2,"\ufb01":1}', (True, False)),
]


def is_json(text, value):
    try:
        return json.loads(text) == value
    except ValueError:
        return False


def is_signed(text, value):
    """Whether a signature over what another-json wrote is one of the value for signedjson."""
    signature = base64.b64encode(KEY.sign(text.encode()).signature).decode().rstrip("=")
    try:
        verify_signed_json(dict(value, signatures={"ann": {"ed25519:1": signature}}), "ann", get_verify_key(KEY))
    except SignatureVerifyException:
        return False
    return True


different = []
for value, expected, judged in CASES:
    command = ["node", "-e", NODE, json.dumps(value)]
    text = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, check=True, timeout=30).stdout.decode()
    seen = is_json(text, value), is_signed(text, value)
    print("  canonicaljson %a" % canonicaljson.encode_canonical_json(value).decode())
    print("  another-json  %a: %s, signature %s" % (
        text, "JSON" if seen[0] else "no JSON", "right" if seen[1] else "wrong"))
    if (text, seen) != (expected, judged):
        different.append("%a, expected %a, %s" % (value, expected, judged))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: of four signatures two are wrong, and one of them is over no JSON."
