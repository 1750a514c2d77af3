#!/usr/bin/env bash
# A Hindi syllable that takes two columns in tmux has one for rich, and a Thai one with U+0E33 has one for string-width.
#
# string-width tells "the number of columns required to display" a text, and rich lays out tables and boxes by its own
# count. A vowel sign of general category Mc, a spacing mark as U+093F of Hindi, has a column of its own in terminals;
# rich counts it as part of the letter before it. Thai SARA AM is no mark at all, but a letter (Lo); string-width counts
# a whole cluster of UAX #29 as its first letter. Each is right where the other is wrong, and wcwidth in both.
# Seen with the PyPI packages rich 15.0.0 and wcwidth 0.9.4, the npm package string-width 8.3.0, and tmux 3.3a (Debian
# package), which is asked where its cursor is.
# Chats in a terminal: behind such words the border of a table or box is moved, or the line is one column too long.
set -euo pipefail
tmp=$(mktemp -d)
trap 'for one in "$tmp"/tmux.*; do tmux -S "$one" kill-server 2>/dev/null || true; done; rm -rf "$tmp"' EXIT

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
command -v tmux >/dev/null || missing+=(tmux)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts string-width@8.3.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check rich==15.0.0 wcwidth==0.9.4
echo "string-width 8.3.0, Node $(node --version); rich 15.0.0, wcwidth 0.9.4, $(python3 --version); $(tmux -V)"

cat >"$tmp/width.mjs" <<'JAVASCRIPT'
import stringWidth from "string-width";
console.log(JSON.stringify(JSON.parse(process.argv[2]).map((text) => stringWidth(text))));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, os, subprocess, sys, time

import rich.cells
import wcwidth

FOLDER = sys.argv[1]
TEXTS = {"Latin": "ab", "Hindi": "\u0928\u093f", "Tamil": "\u0b95\u0bcb", "Bengali": "\u0995\u09be",
         "Thai": "\u0e17\u0e33"}
EXPECTED = {
    "tmux": [2, 2, 2, 2, 2],
    "wcwidth": [2, 2, 2, 2, 2],
    "rich": [2, 1, 1, 1, 2],
    "string-width": [2, 2, 2, 2, 1],
}


def by_tmux(name, text):
    """The column of the cursor behind the text, in an empty window of a server of its own."""
    tmux = ["tmux", "-S", os.path.join(FOLDER, "tmux." + name), "-f", "/dev/null", "-u"]
    written = os.path.join(FOLDER, "written." + name)
    command = "printf %s; touch %s; sleep 60" % (text, written)
    subprocess.run(tmux + ["new-session", "-d", "-x", "40", "-y", "5", command], check=True, timeout=30,
                   env=dict(os.environ, LC_ALL="C.UTF-8"))
    for _ in range(300):
        told = subprocess.run(tmux + ["display-message", "-p", "#{cursor_x}"], stdout=subprocess.PIPE, timeout=30)
        if os.path.exists(written) and told.stdout.strip() not in (b"", b"0"):
            break
        time.sleep(0.1)
    subprocess.run(tmux + ["kill-server"], timeout=30)
    return int(told.stdout)


command = ["node", "width.mjs", json.dumps(list(TEXTS.values()))]
told = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, check=True, timeout=60)
seen = {
    "tmux": [by_tmux(name, text) for name, text in TEXTS.items()],
    "wcwidth": [wcwidth.wcswidth(text) for text in TEXTS.values()],
    "rich": [rich.cells.cell_len(text) for text in TEXTS.values()],
    "string-width": json.loads(told.stdout),
}
print("  %-13s %s" % ("", "  ".join("%-7s" % name for name in TEXTS)))
different = []
for name, expected in EXPECTED.items():
    print("  %-13s %s" % (name, "  ".join("%-7d" % one for one in seen[name])))
    if seen[name] != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 150 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: two libraries count one column where the terminal has two."
