"""The client as people use it: typed to in a pseudo-terminal, and looked at in tmux where that is installed."""
import contextlib
import fcntl
import importlib
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time

import pytest
from surroundings import PROTOCOLS, ROOT, SECONDS, alone, enter, hear

from client import Said, Whispered

COMMAND = [sys.executable, "-m", "client"]
WITHOUT_PROMPT_TOOLKIT = [
    sys.executable, "-c",
    "import sys; sys.modules['prompt_toolkit'] = None; from client.cli import main; sys.exit(main())"]

ENTER, TAB, UP, CONTROL_C, CONTROL_D, CONTROL_U = "\r", "\t", "\x1b[A", "\x03", "\x04", "\x15"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]|\r")


class Typist:
    """Somebody at a terminal of 100 by 24: types, and reads what is shown."""

    def __init__(self, arguments, environment, command=COMMAND):
        self._terminal, inside = pty.openpty()
        self._edits_itself = command is COMMAND
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        # A terminal that nobody asks where its cursor is, as nobody would answer.
        self.process = subprocess.Popen(
            command + arguments, cwd=ROOT, stdin=inside, stdout=inside, stderr=inside, start_new_session=True,
            env=dict(os.environ, TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1", **environment))
        os.close(inside)
        self.raw = ""
        self._seen = 0  # of what is shown

    def type(self, keys):
        """Type once the terminal is not being written to: just then it is in another mode, with keys of its own."""
        deadline = time.monotonic() + SECONDS
        while self._edits_itself and termios.tcgetattr(self._terminal)[3] & termios.ICANON:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        os.write(self._terminal, keys.encode())

    def enter(self, line):
        self.type(line + ENTER)

    def sees(self, text):
        """It is shown, behind what was seen before."""
        deadline = time.monotonic() + SECONDS
        while text not in self.shown[self._seen:]:
            assert time.monotonic() < deadline and self._read(), "no %r in %r" % (text, self.shown[self._seen:])
        self._seen = self.shown.index(text, self._seen) + len(text)

    @property
    def shown(self):
        return _ESCAPES.sub("", self.raw)

    def _read(self):
        ready, _, _ = select.select([self._terminal], [], [], SECONDS)
        try:
            data = os.read(self._terminal, 65536) if ready else b""
        except OSError:  # everybody has left the terminal
            data = b""
        self.raw += data.decode(errors="replace")
        return bool(data)

    def ends(self):
        """The exit code, once it has ended by itself."""
        while self._read():
            pass
        return self.process.wait(SECONDS)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)


@pytest.fixture(autouse=True)
def comfort():
    """The test extra has prompt_toolkit; without it this would test something else."""
    importlib.import_module("prompt_toolkit")


@pytest.fixture
def home(tmp_path):
    """The environment of somebody with a home directory of their own."""
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def sit_down(home):
    """sit_down(url, ...) gives a Typist; all are sent home after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **more: stack.enter_context(
            contextlib.closing(Typist(list(arguments), home, **more)))


def joined(typist, name):
    typist.sees("[CONNECTED] Connected to ")
    typist.enter("/nick " + name)
    typist.sees("Nickname set to " + name)
    return typist


def test_what_is_typed_is_said_and_what_is_said_is_shown(server, join, sit_down):
    other = enter(join, server["line"], "other")
    typist = joined(sit_down(server["line"]), "tina")
    typist.enter("hello *there*")
    typist.sees("tina: hello there")
    assert "\x1b[0;1mthere" in typist.raw
    hear(other, lambda event: isinstance(event, Said) and event.text == "hello *there*")
    typist.type("half a li")
    other.say("one `two` \x1b[31m")
    typist.sees("other: one two \u241b[31m")
    typist.sees("half a li")  # it is below again
    typist.type("ne" + ENTER)
    hear(other, lambda event: isinstance(event, Said) and event.text == "half a line")
    typist.enter("/quit")
    typist.sees("Disconnected from the server.")
    assert typist.ends() == 0


def test_what_could_not_be_done_stays_in_the_input_line(server, join, sit_down):
    other = enter(join, server["line"], "ear")
    typist = sit_down(server["line"])
    typist.sees("[CONNECTED]")
    typist.enter("hello")
    typist.sees("[ERROR] You have not set a nickname.")
    typist.enter("\x7f" * 5 + "/nick tom")
    typist.sees("Nickname set to tom")
    typist.enter("/dm")
    typist.sees("[ERROR] This is written /dm NAME TEXT.")
    typist.enter(" ear hi")
    hear(other, lambda event: isinstance(event, Whispered) and event.text == "hi")
    typist.enter("/dm nobody psst")
    typist.sees("[ERROR] Nobody here has that name.")
    typist.sees("/dm nobody psst")


def test_commands_and_names_complete(server, join, sit_down):
    alone(enter(join, server["line"], "rumpelstilzchen"))
    typist = joined(sit_down(server["line"]), "tess")
    typist.enter("/users")
    typist.sees(": rumpelstilzchen, tess")
    typist.type("/pi" + TAB + ENTER)
    typist.sees("Round-trip time")
    typist.type("/dm rum" + TAB + "psst" + ENTER)
    typist.sees("tess (to rumpelstilzchen): psst")


def test_passwords_are_not_shown_and_not_kept(server, sit_down, home):
    typist = sit_down(server["line"])
    typist.sees("[CONNECTED]")
    typist.enter("/login Bob")
    typist.sees("Password of Bob:")
    typist.enter("456")
    typist.sees("Nickname set to Bob")
    typist.enter("/login Bob 456again")
    typist.sees("[ERROR] You are Bob already")
    typist.type(CONTROL_C)
    typist.enter("/quit")
    assert typist.ends() == 0
    assert "456" not in typist.shown.replace("/login Bob 456again", "")
    with open(os.path.join(home["XDG_STATE_HOME"], "parley", "typed"), encoding="utf-8") as file:
        kept = file.read()
    assert "/login Bob\n" in kept
    assert "456" not in re.sub("# .*", "", kept)


def test_what_was_typed_comes_back_another_day(server, sit_down):
    typist = joined(sit_down(server["line"]), "tim")
    typist.enter("a memorable line")
    typist.sees("tim: a memorable line")
    typist.type(CONTROL_D)
    assert typist.ends() == 0
    typist = sit_down()
    typist.sees("/help shows what else there is.")
    typist.type(UP)
    typist.sees("a memorable line")
    typist.type(CONTROL_C + CONTROL_C)
    assert typist.ends() == 0


def test_five_people_in_five_protocols_and_a_restart(restarted, sit_down, join):
    names = {"line": "lea", "binary": "bea", "padded": "pat", "delimited": "dan", "dollar": "Alice"}
    people = {protocol: sit_down(restarted.urls[protocol]) for protocol in PROTOCOLS}
    for protocol, typist in people.items():
        typist.sees("[CONNECTED]")
        typist.enter("/login Alice 123" if protocol == "dollar" else "/nick " + names[protocol])
        typist.sees("Nickname set to " + names[protocol])
    everybody_talks(people, names, "first")
    restarted.kill()
    for typist in people.values():
        typist.sees("[DISCONNECTED] ")
        typist.enter("too early")
        typist.sees("[ERROR] You are not connected to a server.")
    restarted.start(lambda url: say_meanwhile(join, url))
    for protocol, typist in people.items():
        typist.sees("Nickname set to " + names[protocol])
        typist.sees("visitor: in between" if protocol in ("line", "dollar") else "cannot be asked for")
    for typist in people.values():
        typist.type(CONTROL_U)
    everybody_talks(people, names, "second")
    for typist in people.values():
        typist.enter("/quit")
        assert typist.ends() == 0


def everybody_talks(people, names, text):
    for protocol, speaker in people.items():
        speaker.enter(text + " from " + protocol)
        for listener in people.values():
            listener.sees("%s: %s from %s" % (names[protocol], text, protocol))


def say_meanwhile(join, url):
    with join(url, "visitor") as visitor:
        visitor.say("in between")


def test_without_prompt_toolkit_there_are_plain_lines_and_a_hint(server, sit_down):
    typist = sit_down(server["line"], command=WITHOUT_PROMPT_TOOLKIT)
    typist.sees("pip install 'parley-chat[client]'")
    joined(typist, "plain")
    typist.enter("hello")
    typist.sees("plain: hello")
    typist.enter("/login Bob")
    typist.sees("[ERROR] You are plain already")
    typist.enter("/quit")
    assert typist.ends() == 0


def test_without_prompt_toolkit_a_password_is_not_shown(server, sit_down):
    typist = sit_down(server["dollar"], command=WITHOUT_PROMPT_TOOLKIT)
    typist.sees("[CONNECTED]")
    typist.enter("/login Alice")
    typist.sees("Password of Alice:")
    typist.enter("123")
    typist.sees("Nickname set to Alice")
    typist.type(CONTROL_D)
    assert typist.ends() == 0
    assert "123" not in typist.shown


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_the_input_line_and_the_status_are_below_the_talk(server, join, home, tmp_path):
    other = enter(join, server["line"], "below")
    tmux = ["tmux", "-f", os.devnull, "-S", str(tmp_path / "tmux")]
    client = ["env", "XDG_STATE_HOME=" + home["XDG_STATE_HOME"], *COMMAND, server["line"]]
    subprocess.check_call([*tmux, "new-session", "-d", "-x", "80", "-y", "12", *client], cwd=ROOT)

    def screen_with(*texts):
        deadline = time.monotonic() + SECONDS
        while True:
            screen = subprocess.check_output([*tmux, "capture-pane", "-p"]).decode()
            if all(text in screen for text in texts):
                return [line for line in screen.split("\n") if line]
            assert time.monotonic() < deadline, screen
            time.sleep(0.05)

    def keys(*keys):
        subprocess.check_call([*tmux, "send-keys", *keys])

    try:
        screen_with("connected", "no name yet")
        keys("/nick tux", "Enter")
        screen_with("Nickname set to tux")
        keys("unfinished")
        screen_with("> unfinished")
        for number in range(30):
            other.say("talk %d" % number)
        screen = screen_with("talk 29", "30 unread")
        assert [line[-7:] for line in screen[-4:-2]] == ["talk 28", "talk 29"]
        assert screen[-2] == "> unfinished"
        assert re.match(r" connected  line://127\.0\.0\.1:\d+  tux  30 unread", screen[-1])
        keys("C-u")
        screen_with("tux")
        keys("/quit", "Enter")
        deadline = time.monotonic() + SECONDS
        while subprocess.call([*tmux, "has-session"], stderr=subprocess.DEVNULL) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        subprocess.call([*tmux, "kill-server"], stderr=subprocess.DEVNULL)
