#!/usr/bin/env bash
# Tk's Text and Entry cut a text at its first NUL without a word; Label, Listbox and StringVar keep it.
#
# text.insert("end", "ab\0cd") inserts "ab"; the rest is gone, and no error is raised. The same holds for
# Entry.insert, title() and the clipboard; what a Label, Listbox or StringVar is given comes back whole.
# Seen with Tk 8.6.13 and Python 3.11 (Debian package python3-tk; needs xvfb).
# Text from the network may hold a NUL (it is valid UTF-8 and valid JSON as \u0000): in the window of a
# chat client the rest of that message is missing, while its log has it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v xvfb-run >/dev/null || ! /usr/bin/python3 -c 'import tkinter' 2>/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends python3-tk xvfb xauth >/dev/null
fi

cat >"$tmp/try.py" <<'PYTHON'
import sys, tkinter

WHOLE, CUT = "ab\0cd", "ab"
root = tkinter.Tk()
print("Python", sys.version.split()[0], "- Tk", root.tk.call("info", "patchlevel"))


def check(what, seen, expected):
    print("%-10s of %a: %a" % (what, WHOLE, seen))
    if seen != expected:
        sys.exit("DIFFERENT: expected %a" % expected)


text = tkinter.Text(root)
text.insert("end", WHOLE)
check("Text", text.get("1.0", "end-1c"), CUT)
entry = tkinter.Entry(root)
entry.insert("end", WHOLE)
check("Entry", entry.get(), CUT)
root.title(WHOLE)
check("title", root.title(), CUT)
root.clipboard_clear()
root.clipboard_append(WHOLE)
check("clipboard", root.clipboard_get(), CUT)
check("Label", tkinter.Label(root, text=WHOLE)["text"], WHOLE)
listbox = tkinter.Listbox(root)
listbox.insert("end", WHOLE)
check("Listbox", listbox.get(0), WHOLE)
check("StringVar", tkinter.StringVar(root, WHOLE).get(), WHOLE)
PYTHON
timeout 60 xvfb-run -a /usr/bin/python3 "$tmp/try.py"
echo "As told: the rest after a NUL is lost in four places and kept in three."
