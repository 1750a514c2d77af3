#!/usr/bin/env bash
# yaml.safe_load raises four kinds of errors that are no yaml.YAMLError.
#
# A scalar with a tag, or one that looks like a date or a number, is handed to Python code that does not
# expect nonsense: "!!bool maybe" is a KeyError, "!!timestamp soon" an AttributeError, "!!int ''" an
# IndexError, and the plain, untagged 2024-02-30 a ValueError. `except yaml.YAMLError` catches none.
# Seen with PyYAML 6.0.2.
# A server that reloads its configuration while it runs must catch more, or a mistyped date ends it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check PyYAML==6.0.2

cat >"$tmp/try.py" <<'PYTHON'
import sys

import yaml

print("PyYAML", yaml.__version__)
for text, told in (
    ("since: 2024-02-30", ValueError),
    ("id: 0x_", ValueError),
    ("on: !!bool maybe", KeyError),
    ("since: !!timestamp soon", AttributeError),
    ("port: !!int ''", IndexError),
    ("rate: !!float ''", IndexError),
    ("name: !!str [a]", yaml.YAMLError),
):
    try:
        outcome = yaml.safe_load(text)
    except Exception as error:
        outcome = error
    print("%-25s %-17s YAMLError: %s" % (text, type(outcome).__name__, isinstance(outcome, yaml.YAMLError)))
    if not isinstance(outcome, told):
        sys.exit("DIFFERENT: expected " + told.__name__)
    if told is not yaml.YAMLError and isinstance(outcome, yaml.YAMLError):
        sys.exit("DIFFERENT: it is a YAMLError now")
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: 'except yaml.YAMLError' is not enough."
