#!/usr/bin/env bash
# The terminal emulator pyte shows nothing of a line from the first invisible character on.
#
# Its documentation says that characters without width do not change the screen. In truth draw() stops at the first that
# is no accent, such as the non-joiner that Persian words have, the joiner of Hindi ones, a direction mark or the
# selector behind a coloured sign, and drops what was fed together with it up to the next control character. Letter by
# letter the same text is whole, so what is shown depends on the sizes of the reads.
# Seen with the PyPI packages pyte 0.8.2 and wcwidth 0.2.13.
# Tests of terminal clients that compare pyte's screen, and web terminals and recorders built on it: the client seems to
# cut messages, and only in some languages.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check pyte==0.8.2 wcwidth==0.2.13
python3 --version

cat >"$tmp/try.py" <<'PYTHON'
import sys

import pyte

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # "I want", whose prefix a non-joiner keeps apart
INVISIBLE = "\u200c\u200d\ufe0f\u200e\u2060"
TEXTS = {
    "a non-joiner": PERSIAN + " tea",
    "a joiner in Hindi": "\u0915\u094d\u200d\u0937 is a letter",
    "a sign's variation": "\u260e\ufe0f 030 1234",
    "a direction mark": "\u200eann (away)",
    "a word joiner": "10\u2060%",
    "no such character": "10%",
}


def shown(pieces):
    screen = pyte.Screen(40, 3)
    stream = pyte.Stream(screen)
    for piece in pieces:
        stream.feed(piece)
    return [line.rstrip() for line in screen.display]


different = []
for name, text in TEXTS.items():
    whole = shown(["ann: %s\r\nbob: yes" % text])
    by_letters = shown("ann: %s\r\nbob: yes" % text)
    print("  %-18s in one piece %s, letter by letter %s" % (name, ascii(whole[0]), ascii(by_letters[0])))
    before = next((at for at, letter in enumerate(text) if letter in INVISIBLE), len(text))
    visible = "".join(letter for letter in text if letter not in INVISIBLE)
    if [whole, by_letters] != [[("ann: " + part).rstrip(), "bob: yes", ""] for part in (text[:before], visible)]:
        different.append(name)
if different:
    sys.exit("DIFFERENT: " + ", ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: the line ends at an invisible character, and not if the letters come one by one."
