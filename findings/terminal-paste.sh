#!/usr/bin/env bash
# Three lines that are pasted into a chat are one line in Textual, one text in prompt_toolkit, three in urwid.
#
# A terminal tells programs what is pasted (bracketed paste). Textual's Input keeps the first line and drops the others
# without a word: if the paste begins with an empty line, nothing comes. It ends a line where Python's splitlines()
# does, at U+2028, U+0085 and form feeds too. prompt_toolkit's prompt(), which is for one line, returns all of them with
# line feeds between them. urwid takes each line for typed, and a tab for nothing.
# Seen with the PyPI packages textual 8.2.8, prompt-toolkit 3.0.53 and urwid 5.1.0, in a pseudo-terminal.
# Chat clients: the others read the first line of an answer, or, where a line feed ends a message on the wire, the
# client says three texts of which it knows one.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    textual==8.2.8 prompt-toolkit==3.0.53 urwid==5.1.0
echo "textual 8.2.8, prompt-toolkit 3.0.53, urwid 5.1.0, $(python3 --version)"

# Each of these writes to the file that it is given: "ready", and then what is entered, one ASCII line for each text.
cat >"$tmp/by_textual.py" <<'PYTHON'
import sys

from textual.app import App
from textual.widgets import Input


def tell(text):
    with open(sys.argv[1], "a") as file:
        file.write(ascii(text) + "\n")


class Chat(App):
    def compose(self):
        yield Input()

    def on_ready(self):
        tell("ready")

    def on_input_submitted(self, event):
        event.input.value = ""
        tell(event.value)


Chat().run()
PYTHON
cat >"$tmp/by_prompt_toolkit.py" <<'PYTHON'
import sys

from prompt_toolkit import PromptSession


def tell(text):
    with open(sys.argv[1], "a") as file:
        file.write(ascii(text) + "\n")


session = PromptSession()
text = session.prompt("> ", pre_run=lambda: tell("ready"))
while True:
    tell(text)
    text = session.prompt("> ")
PYTHON
cat >"$tmp/by_urwid.py" <<'PYTHON'
import sys

import urwid


def tell(text):
    with open(sys.argv[1], "a") as file:
        file.write(ascii(text) + "\n")


class Line(urwid.Edit):
    def keypress(self, size, key):
        if key != "enter":
            return super().keypress(size, key)
        tell(self.edit_text)
        self.set_edit_text("")


loop = urwid.MainLoop(urwid.Filler(Line()))
loop.set_alarm_in(0, lambda *_: tell("ready"))
loop.run()
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import ast, os, pty, select, signal, sys, time

FOLDER = sys.argv[1]
PASTES = ["one\rtwo\rthree", "\rone", "one\u2028two", "one\ttwo"]
PROGRAMS = [
    ("textual", [["one"], [""], ["one"], ["one\ttwo"]]),
    ("prompt_toolkit", [["one\ntwo\nthree"], ["\none"], ["one\u2028two"], ["one\ttwo"]]),
    ("urwid", [["one", "two", "three"], ["", "one"], ["one\u2028two"], ["onetwo"]]),
]
LAST = "that is all"


def texts(path):
    try:
        with open(path) as file:
            return [ast.literal_eval(line) for line in file.read().split("\n")[:-1]]
    except FileNotFoundError:
        return []


def entered(name, paste):
    """What the program has as entered after the paste and Enter."""
    path = os.path.join(FOLDER, "told")
    program, python = os.path.join(FOLDER, "by_%s.py" % name), os.path.join(FOLDER, "venv", "bin", "python")
    if os.path.exists(path):
        os.remove(path)
    child, terminal = pty.fork()
    if not child:
        os.environ["TERM"] = "xterm-256color"
        os.execv(python, [python, program, path])

    def until(done):
        """Reads what the program draws, until it is done; and a moment more, as a person looks before they type."""
        end = time.monotonic() + 30
        while not done() and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                os.read(terminal, 65536)
        end = time.monotonic() + 0.7
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                os.read(terminal, 65536)

    try:
        until(lambda: "ready" in texts(path))
        os.write(terminal, b"\x1b[200~" + paste.encode() + b"\x1b[201~")
        until(lambda: True)
        os.write(terminal, b"\r")
        until(lambda: len(texts(path)) > 1)
        os.write(terminal, LAST.encode())
        until(lambda: True)
        os.write(terminal, b"\r")
        until(lambda: LAST in texts(path))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    return texts(path)[1:-1]


different = []
for name, expected in PROGRAMS:
    for paste, wanted in zip(PASTES, expected):
        seen = entered(name, paste)
        print("  %-16s pasted: %-20a entered: %s" % (name, paste.replace("\r", "\n"), ascii(seen)))
        if seen != wanted:
            different.append("%s, expected %a" % (name, wanted))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 300 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: three libraries make three things of it."
