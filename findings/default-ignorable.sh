#!/usr/bin/env bash
# Leaving out all Default_Ignorable characters still leaves names that nobody can see.
#
# U+1D159 MUSICAL SYMBOL NULL NOTEHEAD, U+16FE4 KHITAN SMALL SCRIPT FILLER and U+2800 BRAILLE PATTERN
# BLANK have no ink by definition, but are not Default_Ignorable_Code_Point and not white space, and
# Python's str.isprintable() says yes to all three. The other way round U+3164 HANGUL FILLER is
# Default_Ignorable but a letter, so str.isalpha() and str.isidentifier() are true for it, and the
# package wcwidth gives it two columns.
# Seen with the PyPI packages regex 2024.11.6 and wcwidth 0.2.13, Python 3.11 (Unicode 14).
# A chat server that wants visible nicknames needs a list of its own beside the property.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check regex==2024.11.6 wcwidth==0.2.13

cat >"$tmp/try.py" <<'PYTHON'
import sys, unicodedata

import regex, wcwidth

print("Python", sys.version.split()[0], "with Unicode", unicodedata.unidata_version,
      "- regex", regex.__version__, "- wcwidth", wcwidth.__version__)
ignorable = regex.compile(r"\p{Default_Ignorable_Code_Point}")
expected = {
    "\U0001d159": (False, False, True, False, 1),
    "\U00016fe4": (False, False, True, False, 0),
    "\u2800": (False, False, True, False, 1),
    "\u3164": (True, False, True, True, 2),
}
for character, told in expected.items():
    seen = (
        bool(ignorable.match(character)), character.isspace(),
        character.isprintable(), character.isidentifier(), wcwidth.wcwidth(character),
    )
    print("U+%04X %-30s ignorable %-5s space %-5s printable %-5s identifier %-5s columns %d"
          % ((ord(character), unicodedata.name(character)) + seen))
    if seen != told:
        sys.exit("DIFFERENT: expected %s" % (told,))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: invisible and printable, none of them white space."
