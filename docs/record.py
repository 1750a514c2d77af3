"""Record the terminal client for the README: python docs/record.py.

Needs tmux and prompt_toolkit. It starts a server of its own, on a free port and with a storage directory, types a
little talk, kills the server and starts it again meanwhile, and writes docs/images/terminal.svg, which moves, and
docs/images/terminal.txt, which can be read.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from xml.sax.saxutils import escape

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from parley.conformance.targets import PROTOCOLS, SERVER, Launched  # noqa: E402

IMAGES = os.path.join(ROOT, "docs", "images")
COLUMNS, ROWS = 76, 24
WIDE, HIGH, MARGIN = 8.4, 18, 12
SECONDS = 20
TYPED, SEEN = 1.2, 2.4  # how long a picture stays: with a line that is typed, with what came of it
PAPER, INK = "#1e1e1e", "#d4d4d4"
SIXTEEN = ("#000000", "#cd3131", "#0dbc79", "#e5e510", "#2472c8", "#bc3fbc", "#11a8cd", "#e5e5e5",
           "#8a8a8a", "#f14c4c", "#23d18b", "#f5f543", "#3b8eea", "#d670d6", "#29b8db", "#ffffff")
PLAIN = {"fill": None, "paper": None, "bold": False, "italic": False, "reverse": False}


class Server:
    """Ours, which can be killed and started again where it was."""

    def __init__(self, directory):
        self._directory, self._launched, self.port = directory, None, 0

    def start(self):
        off = [word for name in PROTOCOLS if name != "line" for word in ("--listen", name + "=off")]
        storage = os.path.join(self._directory, "storage")
        self._launched = Launched(
            SERVER + [str(self.port), "--host", "127.0.0.1", "--storage", storage] + off, 1, self._directory)
        self._launched.wait_until_ready(SECONDS)
        self.port = self._launched.address()[1]

    def kill(self):
        """At once, with its workers."""
        if self._launched:
            os.killpg(self._launched.pid, signal.SIGKILL)
            self._launched.stop()
            self._launched = None


class Bea:
    """The other one: a script that takes its time."""

    def __init__(self, port):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "client", "line://localhost:%d" % port], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, universal_newlines=True)
        self.type("/nick bea")

    def type(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def leave(self):
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Screen:
    """A terminal in tmux, and the pictures taken of it."""

    def __init__(self):
        self.pictures = []  # (title, seconds, lines with escape codes)
        self._name = "parley-%d" % os.getpid()

    def open(self, directory):
        os.environ["TMUX_TMPDIR"] = directory  # where its socket is
        python = os.path.join(directory, "python")
        with open(python, "w") as file:
            file.write('#!/bin/sh\nexec "%s" "$@"\n' % sys.executable)
        os.chmod(python, 0o755)
        environment = dict(os.environ, PATH=directory + os.pathsep + os.environ["PATH"], PYTHONPATH=ROOT,
                           XDG_STATE_HOME=directory, LC_ALL="C.UTF-8")
        environment.pop("TMUX", None)
        environment.pop("ENV", None)
        self._tmux("-f", os.devnull, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "sh", ";",
                   "set", "-g", "status", "off", env=environment)
        self.wait(r"^[$#]")
        self._tmux("send-keys", "PS1='$ '; clear", "Enter")  # some shells do not take it from outside
        self.wait(r"\A\$")

    def _tmux(self, *words, **more):
        return subprocess.check_output(["tmux", "-u", "-L", self._name] + list(words), universal_newlines=True, **more)

    def close(self):
        subprocess.call(["tmux", "-L", self._name, "kill-server"], stderr=subprocess.DEVNULL)

    def text(self):
        return self._tmux("capture-pane", "-p")

    def wait(self, pattern):
        deadline = time.monotonic() + SECONDS
        while not re.search(pattern, self.text(), re.MULTILINE):
            if time.monotonic() > deadline:
                sys.exit("It did not come to %r; the screen was:\n%s" % (pattern, self.text()))
            time.sleep(0.1)

    def take(self, title, seconds=SEEN):
        time.sleep(0.7)  # the status line is drawn twice a second
        self.pictures.append((title, seconds, self._tmux("capture-pane", "-p", "-e").rstrip("\n").split("\n")))

    def type(self, line, pattern):
        self._tmux("send-keys", "-l", line)
        self.take("typed: " + line, TYPED)
        self._tmux("send-keys", "Enter")
        self.wait(pattern)
        self.take("then")


def record(screen, server):
    server.start()
    screen.type("python -m client", "(?s)python -m client.*^>")
    screen.type("/connect line://localhost:%d" % server.port, r"^\[CONNECTED\]")
    screen.type("/nick ann", "set to ann")
    bea = Bea(server.port)
    try:
        bea.type("Good morning! Does it *really* run on one port?")
        screen.wait("bea: Good morning")
        screen.take("bea says something")
        screen.type("On _five_: try `binary`", "ann: On five")
        screen.type("/dm bea Lunch at noon?", "to bea")
        bea.type("/dm ann Gladly.")
        screen.wait("Gladly")
        screen.take("bea answers")
        screen.type("/users", "^2 users: ")
        screen.type("/users b*", "^1 user: ")
        screen.type("/ping", "Round-trip time: ")
        screen.type("/join #dev", "--- #dev ---")
        bea.type("/join #dev")
        screen.wait("bea joined")
        bea.type("Here we are among ourselves, ann.")
        screen.wait("among ourselves")
        screen.take("bea says something there")
        screen.type("/topic The build of Friday", "ann set the topic")
        screen.type("/go lobby", "--- lobby ---")
        bea.type("Have you seen the build, ann?")
        screen.wait("#dev 1!")
        screen.take("bea mentions ann in the room")
        screen.type("/rooms #*", "#dev  2 ")
        screen.type("/go #dev", "(?s)--- #dev ---.*Have you seen")
        screen.type("Yes, and it is *green*.", "ann: Yes, and")
        screen.type("/go lobby", "(?s)--- lobby ---.*--- lobby ---")
        screen.type("/dm dora Are you there?", "Not sent: ")
        screen.type("/nick anna", "set to anna")
        server.kill()
        screen.wait("(?i)again")
        screen.take("the server is gone")
    finally:
        bea.leave()
    time.sleep(2)
    server.start()
    bea = Bea(server.port)
    try:
        bea.type("Did you notice the restart?")
        screen.wait("notice the restart")
        screen.take("the server is back")
        screen.type("No, I was there all along.", "anna: No, I was")
    finally:
        bea.leave()
    screen.type("/quit", r"(?s)Disconnected from the server.*^\$")


def runs(line, style):
    """(column, text, style) of each piece of a line with escape codes; the style goes on in the next line."""
    column, pieces = 0, []
    for piece in re.split("(\x1b\\[[0-9;]*m|\x0e|\x0f)", line):
        if piece.startswith("\x1b"):
            obey(style, [int(code or 0) for code in piece[2:-1].split(";")])
        elif piece and piece not in "\x0e\x0f":
            pieces.append((column, piece, dict(style)))
            column += len(piece)
    return pieces


def obey(style, codes):
    while codes:
        code = codes.pop(0)
        if code == 0:
            style.update(PLAIN)
        elif code in (1, 3, 7):
            style[{1: "bold", 3: "italic", 7: "reverse"}[code]] = True
        elif code in (38, 48):
            style["fill" if code == 38 else "paper"] = colour(codes)
        elif code in (39, 49):
            style["fill" if code == 39 else "paper"] = None
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style["fill"] = SIXTEEN[code - 30 if code < 90 else code - 82]


def colour(codes):
    """Of `5;N` or `2;R;G;B`, which it takes from the codes."""
    if codes.pop(0) == 2:
        return "#%02x%02x%02x" % tuple(codes.pop(0) for _ in range(3))
    number = codes.pop(0)
    if number < 16:
        return SIXTEEN[number]
    if number > 231:
        return "#%02x%02x%02x" % ((8 + 10 * (number - 232),) * 3)
    parts = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
    return "#%02x%02x%02x" % tuple(part and 55 + 40 * part for part in parts)


def drawn(line, style):
    """A line as SVG, at the height 0."""
    papers, texts = [], []
    for column, text, look in runs(line, style):
        fill, paper = look["fill"], look["paper"]
        if look["reverse"]:
            fill, paper = paper or PAPER, fill or INK
        x, width = "%g" % (column * WIDE), "%g" % (len(text) * WIDE)
        if paper:
            papers.append('<rect x="%s" y="-13" width="%s" height="%d" fill="%s"/>' % (x, width, HIGH, paper))
        if text.strip():
            looks = (' fill="%s"' % fill if fill else "") + ' font-weight="bold"' * look["bold"]
            looks += ' font-style="italic"' * look["italic"]
            texts.append('<tspan x="%s" textLength="%s"%s>%s</tspan>' % (x, width, looks, escape(text)))
    return "".join(papers) + ("<text>%s</text>" % "".join(texts) if texts else "")


def svg(pictures):
    """The pictures, one after the other and again; each different line is there once."""
    whole, begin = sum(seconds for _, seconds, _ in pictures), 0
    numbers, rules, groups = {}, [], []
    for number, (title, seconds, lines) in enumerate(pictures):
        since, until = 100 * begin / whole, 100 * (begin + seconds) / whole
        begin += seconds
        rules.append("@keyframes f%d{0%%{visibility:hidden}%.2f%%{visibility:visible}%.2f%%,100%%{visibility:hidden}}"
                     "#f%d{animation-name:f%d}" % (number, since, until, number, number))
        uses, style = [], dict(PLAIN)
        for row, line in enumerate([drawn(line, style) for line in lines]):
            if line:
                uses.append('<use href="#l%d" y="%d"/>' % (numbers.setdefault(line, len(numbers)), row * HIGH))
        groups.append('<g class="f" id="f%d"><title>%s</title>%s</g>' % (number, escape(title), "".join(uses)))
    width, height = COLUMNS * WIDE + 2 * MARGIN, ROWS * HIGH + 2 * MARGIN
    still = len(pictures) - 3  # for whoever does not want anything to move: the last before the good-bye
    return "\n".join(
        ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" '
         'xml:space="preserve">'
         % (width, height, width, height),
         "<style>text{white-space:pre}.f{visibility:hidden;animation:%gs step-end infinite}" % whole, *rules,
         "@media (prefers-reduced-motion:reduce){.f{animation:none}#f%d{visibility:visible}}</style>" % still,
         "<defs>"] + ['<g id="l%d">%s</g>' % (number, line) for line, number in numbers.items()]
        + ["</defs>", '<rect width="100%%" height="100%%" rx="8" fill="%s"/>' % PAPER,
           '<g transform="translate(%d,%d)" fill="%s" font-family="ui-monospace,Menlo,Consolas,\'DejaVu Sans Mono\','
           'monospace" font-size="14">' % (MARGIN, MARGIN + 13, INK), *groups, "</g>", "</svg>", ""])


def plain(pictures):
    """Of each picture what the one before did not have."""
    parts, before = [], []
    for title, _, lines in pictures:
        texts = ["".join(text for _, text, _ in runs(line, dict(PLAIN))).rstrip() for line in lines]
        texts = [text for text in texts if text]
        runs_before = [before[since:until] for since in range(len(before)) for until in range(since, len(before) + 1)]
        same = max((len(run) for run in runs_before if run == texts[:len(run)]), default=0)  # it may have scrolled
        parts.append("---- %s\n%s\n" % (title, "\n".join(texts[same:])))
        before = texts
    return "\n".join(parts)


def write(name, text):
    with open(os.path.join(IMAGES, name), "w", encoding="utf-8") as file:
        file.write(text)


def main():
    if not shutil.which("tmux"):
        sys.exit("This needs tmux (Debian: apt install tmux).")
    with tempfile.TemporaryDirectory() as directory:
        server, screen = Server(directory), Screen()
        try:
            screen.open(directory)
            record(screen, server)
        finally:
            screen.close()
            server.kill()
    write("terminal.svg", svg(screen.pictures))
    write("terminal.txt", plain(screen.pictures))


if __name__ == "__main__":
    main()
