"""The client as people use it: typed to in a pseudo-terminal, and looked at in tmux where that is installed."""
import contextlib
import fcntl
import importlib
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import sys
import termios
import time
from unittest import mock

import pytest
from surroundings import PROTOCOLS, ROOT, SECONDS, Scripted, alone, enter, hear

from parley.client import Said, Typing, Whispered
from parley.client.session import Session

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
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}


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


def test_what_could_not_be_done_leaves_the_line_empty_and_comes_back_with_an_arrow(server, join, sit_down):
    other = enter(join, server["line"], "ear")
    typist = sit_down(server["line"])
    typist.sees("[CONNECTED]")
    typist.enter("hello")
    typist.sees("[ERROR] You have not set a nickname. Not sent: hello")
    typist.sees("\u2191 brings back what was typed.")
    typist.enter("/nick tom")
    typist.sees("Nickname set to tom")
    typist.enter("/dm nobody psst")
    typist.sees("[ERROR] Nobody here has that name. Not sent: /dm nobody psst")
    assert "tom (to nobody)" not in typist.shown
    typist.type(UP)
    typist.sees("/dm nobody psst")
    typist.enter("\x7f" * len("nobody psst") + "ear hi")
    hear(other, lambda event: isinstance(event, Whispered) and event.text == "hi")
    typist.sees("tom (to ear): hi")


def test_answers_stand_below_their_question_and_history_is_no_talk(server, sit_down):
    typist = joined(sit_down(server["line"]), "quentin")
    typist.enter("hello")
    typist.sees("quentin: hello")
    for typed, *shown in (("/users quent*", "1 user: quentin"),
                          ("/history 1", "What was said before:", "quentin: hello", "End of what was said before."),
                          ("/wat", "[ERROR] Unknown command /wat")):
        typist.enter(typed)
        for text in ["> " + typed, *shown]:
            typist.sees(text)
    assert re.search(r"\x1b\[0;90m\[\d\d:\d\d [AP]M\] quentin: hello", typist.raw)  # all of it is dim


def test_that_one_is_typing_is_told(server, join, sit_down):
    other = enter(join, server["web"], "typo")
    typist = joined(sit_down(server["web"]), "wendy")
    typist.type("all")
    hear(other, lambda event: event == Typing(None, "wendy"))
    typist.enter(" done")
    hear(other, lambda event: isinstance(event, Said) and event.text == "all done")


def test_who_is_typing_is_known_until_they_have_said_it(server, join):
    other, session = enter(join, server["web"], "typo"), Session(mock.MagicMock(has_places=True, completes=False))
    session.chat = enter(join, server["web"], "wanda")
    other.typing()
    updated(session, lambda: session.typists == ["typo"])
    session.open(session.places["typo"])
    assert session.typists == []  # there it is not
    session.open(session.places.lobby)
    other.say("done")
    updated(session, lambda: not session.typists)


def updated(session, is_enough):
    """Let a session hear until that is so."""
    deadline = time.monotonic() + SECONDS
    while not is_enough():
        assert time.monotonic() < deadline
        select.select([session.chat], [], [], 0.1)
        session.update()


def test_commands_and_names_complete(server, join, sit_down):
    alone(enter(join, server["line"], "rumpelstilzchen"))
    typist = joined(sit_down(server["line"]), "tess")
    typist.enter("/users")
    typist.sees("users: ")
    typist.sees("rumpelstilzchen")
    typist.type("/pi" + TAB + ENTER)
    typist.sees("Round-trip time")
    typist.type("/dm rum" + TAB + "psst" + ENTER)
    typist.sees("tess (to rumpelstilzchen): psst")


def test_rooms_are_places_and_keys_are_not_kept(server, join, sit_down, home):
    other = enter(join, server["line"], "roomer")
    other.join_room("#places", "sesame")
    typist = joined(sit_down(server["line"]), "rosa")
    typist.enter("/join #places sesame")
    typist.sees("--- #places ---")
    typist.sees("2 in #places: roomer, rosa")
    typist.sees("#places>")
    typist.enter("hello")
    hear(other, lambda event: isinstance(event, Said) and (event.text, event.room) == ("hello", "#places"))
    typist.type("/go lob" + TAB + ENTER)
    typist.sees("--- lobby ---")
    other.say("Rosa?", "#places")
    typist.sees("\a")
    typist.type("\x1bn")
    typist.sees("roomer: Rosa?")
    typist.enter("/part")
    typist.sees("You have left #places.")
    typist.enter("/quit")
    assert typist.ends() == 0
    with open(os.path.join(home["XDG_STATE_HOME"], "parley", "typed"), encoding="utf-8") as file:
        assert "sesame" not in file.read()


def test_passwords_are_not_shown_and_not_kept(server, sit_down, home):
    typist = sit_down(server["line"])
    typist.sees("[CONNECTED]")
    typist.enter("/login Bob")
    typist.sees("Password of Bob:")
    typist.enter("456")
    typist.sees("Nickname set to Bob")
    typist.enter("/login Bob 456again")
    typist.sees("> /login Bob")
    typist.sees("You are Bob already.")
    typist.enter("/passwd")
    typist.sees("Your password now:")
    typist.enter("456")
    typist.sees("Another password:")
    typist.enter("456")
    typist.sees("Your password was changed.")
    typist.enter("/passwd 456 ")
    typist.sees("Another password:")
    typist.enter("456")
    typist.sees("Your password was changed.")
    typist.enter("/quit")
    assert typist.ends() == 0
    place = server["line"].rpartition("/")[2]  # whose port may have the same digits
    assert "456" not in typist.shown.replace("/login Bob 456again", "").replace(place, "")
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


def test_people_in_all_protocols_and_a_restart(restarted, sit_down, join):
    names = {"line": "lea", "binary": "bea", "padded": "pat", "delimited": "dan", "web": "wes", "dollar": "Alice"}
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
        typist.sees("visitor: in between" if protocol in ("line", "web", "dollar") else "cannot be asked for")
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
    typist.enter("/nick plainer")
    typist.sees("You leave as plain, and come back as plainer.")
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


@pytest.fixture
def tmux(home, tmp_path):
    """A function: tmux(words of a tmux command) gives what it prints."""
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    command = ["tmux", "-f", os.devnull, "-S", str(tmp_path / "tmux")]
    yield lambda *words: subprocess.check_output([*command, *words], cwd=ROOT).decode()
    subprocess.call([*command, "kill-server"], stderr=subprocess.DEVNULL)


def opened(tmux, home, url, columns=80):
    """The client at `url` in a terminal of 12 lines; when it has ended, that shows its exit code."""
    client = ["env", *("%s=%s" % one for one in home.items()), *COMMAND, url]
    # Not what tmux says of a pane that is dead: it does not always learn how.
    shell = " ".join(map(shlex.quote, client)) + "; echo exit code $?"
    tmux("new-session", "-d", "-x", str(columns), "-y", "12", shell, ";", "set", "-g", "remain-on-exit", "on")


def screen_with(tmux, *texts):
    """The lines of the screen, once it shows these: texts, or what matches a pattern."""
    deadline = time.monotonic() + SECONDS
    while True:
        screen = tmux("capture-pane", "-p")
        if all(text in screen if isinstance(text, str) else text.search(screen) for text in texts):
            return [line for line in screen.split("\n") if line]
        assert time.monotonic() < deadline, screen
        time.sleep(0.05)


def test_the_input_line_and_the_status_are_below_the_talk(server, join, home, tmux):
    other = enter(join, server["line"], "below")
    opened(tmux, home, server["line"])
    first = screen_with(tmux, " connected  no name yet: /nick NAME ")[0]
    assert first.startswith("[CONNECTED]")  # nothing has scrolled away
    tmux("send-keys", "/nick tux", "Enter")
    screen_with(tmux, " connected  tux ")
    tmux("send-keys", "unfinished")
    screen_with(tmux, "> unfinished")
    for number in range(30):
        other.say("talk %d" % number)
    screen_with(tmux, re.compile(r"talk 28\n.*talk 29\n> unfinished\n connected  tux  30 unread  line://127\.0\.0\.1:\d+"))
    tmux("send-keys", "C-u")
    screen_with(tmux, "tux")
    tmux("send-keys", "/quit", "Enter")
    screen_with(tmux, "Disconnected from the server.", "exit code 0")


def test_a_terminal_that_becomes_narrower_shows_what_is_typed_once(server, home, tmux):
    typed = "a text that is typed, and long enough to be wrapped twice in the end"
    opened(tmux, home, server["line"])
    tmux("send-keys", "/help", "Enter", typed)
    screen_with(tmux, typed, "unread messages.")
    for columns in (60, 50, 30, 29):
        tmux("resize-window", "-x", str(columns))
        tmux("send-keys", "!")  # so that it is seen when the client has drawn all again
        typed += "!"
        rows = [("> " + typed)[at:at + columns].rstrip() for at in range(0, len(typed) + 2, columns)]
        assert "\n".join(screen_with(tmux, "\n".join(rows))).count("> a text") == 1


def test_one_looks_back_and_searches(server, join, home, tmux):
    other = enter(join, server["line"], "bygone")
    opened(tmux, home, server["line"])
    screen_with(tmux, "no name yet")
    tmux("send-keys", "/nick luca", "Enter")
    screen_with(tmux, " connected  luca ")
    for number in range(60):
        other.say("talk %d" % number)
    screen_with(tmux, "talk 59\n")
    tmux("send-keys", "PageUp")
    screen_with(tmux, "talk 49\n", " lobby, rows ")
    tmux("send-keys", "PageUp")
    screen_with(tmux, "talk 38\n")
    other.say("while away")
    tmux("send-keys", "Escape")
    screen_with(tmux, "while away\n>")
    tmux("send-keys", "PageUp")
    screen_with(tmux, " lobby, rows ")
    tmux("send-keys", "PageDown", "PageDown")  # to the end, and out of it
    screen_with(tmux, "while away\n>")
    for chat in (other, enter(join, server["line"], "luca2")):
        chat.join_room("#past")
    tmux("send-keys", "/join #past", "Enter")
    screen_with(tmux, "3 in #past: bygone, luca, luca2\n#past>")
    tmux("send-keys", "M-Up")
    screen_with(tmux, "while away\n>\n")  # where it stood above the command, a command followed
    other.say("luca!", "#past")
    screen_with(tmux, " #past 1!  line:")
    tmux("send-keys", "/search TALK 1", "Enter")
    screen_with(tmux, "match 11 of 11", "talk 19\n")
    tmux("send-keys", "N")
    screen_with(tmux, "match 10 of 11")
    tmux("send-keys", "h")
    screen_with(tmux, "> h\n")
    tmux("send-keys", "C-u")
    tmux("send-keys", "/search never", "Enter")
    screen_with(tmux, "That was not said here.")


def test_what_is_on_its_way_shows_in_the_status_and_is_unconfirmed_in_the_end(home, tmux):
    with Scripted([b"OK\n"], answers=True) as mute:
        opened(tmux, home, "line://%s:%d" % mute.address, columns=60)
        screen_with(tmux, "no name yet")
        tmux("send-keys", "/nick ann", "Enter")
        screen_with(tmux, "Nickname set to ann")
        tmux("send-keys", "hello?", "Enter")
        screen_with(tmux, "connected  ann  1 on the way")
    screen = screen_with(tmux, "connecting again in", "may not have arrived: hello?")
    assert "".join(screen).count("hello?") == "".join(screen).count("[ERROR]") == 1
    tmux("send-keys", "Up")
    screen_with(tmux, "> hello?")


def test_keys_typed_while_others_talk_are_not_echoed_into_the_talk(server, join, sit_down):
    other = enter(join, server["line"], "chatty")
    typist = joined(sit_down(server["line"]), "typer")
    for number in range(50):
        other.say("word %d" % number)
        typist.type("ab")
    typist.sees("word 49")
    typist.type(ENTER)
    hear(other, lambda event: isinstance(event, Said) and event.text == "ab" * 50)


def test_whoever_is_refused_at_coming_back_sees_why(server, doorways, sit_down):
    host, _, port = server["line"].rpartition("/")[2].partition(":")
    doorways["line"].lead_to((host, int(port)))
    typist = joined(sit_down("line://%s:%d" % doorways["line"].address), "refused")
    doorways["line"].shut(keep_inside=True)  # the server does not notice
    typist.sees("[DISCONNECTED] The server has closed the connection. Trying to come back.")
    doorways["line"].lead_to((host, int(port)))
    typist.sees("[DISCONNECTED] The name is taken. Trying to come back.")
    doorways["line"].forget()
    typist.sees("Nickname set to refused")


def logged_in(typist, name, password):
    typist.enter("/login " + name)
    typist.sees("Password of %s:" % name)
    typist.enter(password)
    typist.sees("Nickname set to " + name)
    typist.enter("it is me")  # without which `padded` takes no name
    typist.sees(name + ": it is me")
    return typist


@pytest.mark.parametrize("protocol", ["line", "binary", "padded"])
def test_whoever_has_logged_in_elsewhere_sees_so_and_comes_back_only_by_hand(server, sit_down, protocol):
    first, second = sit_down(server[protocol]), sit_down(server[protocol])
    for typist in (first, second):
        typist.sees("[CONNECTED]")
        logged_in(typist, "Bob", "456")
    first.sees("[ERROR] You have logged in elsewhere.")
    first.enter("hello?")
    first.sees("[ERROR] You are not connected to a server. Not sent: hello?")
    assert not any(text in first.shown for text in ("[DISCONNECTED]", "[NOTICE]", "connecting again"))
    second.enter("still here")
    second.sees("Bob: still here")
    first.enter("/connect " + server[protocol])
    first.sees("[CONNECTED]")
    logged_in(first, "Bob", "456")
    second.sees("[ERROR] You have logged in elsewhere.")


def test_a_name_cannot_be_changed_while_the_server_is_away_and_is_still_there_after(restarted, sit_down):
    typist = joined(sit_down(restarted.urls["line"]), "stay")
    restarted.kill()
    typist.sees("[DISCONNECTED]")
    typist.enter("/nick other")
    typist.sees("[ERROR] You are not connected to a server.")
    restarted.start()
    typist.sees("Nickname set to stay")
