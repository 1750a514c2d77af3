"""The desktop client's window, used as people use it: keys, clicks, and a look at what it shows."""
import gc
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from gui_servers import SECONDS, USERS, login_elsewhere, wait_until

from parley.client import Failed, Moved, Request, connect, showing
from parley.client.gui.conversation import ROOM
from parley.conformance.targets import launch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What Tk could stumble over, and what it shows of it at least.
NASTY = [
    ("a\0b", "a\u2400b"), ("\x1b[31mred", "\u241b[31mred"), ("{[$x]} \\", "{[$x]} \\"), ("-tag %s", "-tag %s"),
    ("\u202eright", "\u202eright"), ("tab\there", "tab\there"), ("one\ntwo", "one\ntwo"), ("x" * 16000, "x" * 16000),
    ("\U0001f600 grin", "grin"), ("\u2764\ufe0f heart", "heart"), ("\ue000", "\ue000"), ("\U0010ffff end", "end")]


A_FILE = Request("send_file", None, "a.zip")
typing = pytest.mark.skipif(not shutil.which("xdotool"), reason="xdotool is not installed")


class Seen:
    """A window, and what one sees and does there."""

    def __init__(self, address, name, scale=None):
        import tkinter

        from parley.client.gui.window import Window
        self.root = tkinter.Tk()
        self.broken = []  # tracebacks that would go to the console
        self.root.report_callback_exception = lambda *raised: self.broken.append(raised)
        self.window = Window(self.root, address if type(address) is str else "%s:%d" % address, name, scale)

    @property
    def chat_view(self):
        return self.window.chat_view

    def until(self, is_so):
        wait_until(is_so, self.root.update)
        assert not self.broken

    def press(self, widget, *keys):
        # Without a window manager nobody hands the keyboard over.
        widget.focus_force()
        self.until(lambda: self.root.focus_get() is widget)
        for key in keys:
            (self.root.focus_get() or widget).event_generate(key)
            self.root.update()

    def log_in(self, password):
        self.window.login.fill("password", password)
        self.press(self.window.login.entries["password"], "<Return>")

    def enter(self, password):
        self.log_in(password)
        self.until(lambda: self.chat_view and len(self.chat_view.model.online) >= len(USERS))

    def type(self, text, *keys):
        self.chat_view.entry.insert("end", text)
        self.press(self.chat_view.entry, *keys)

    def rows(self):
        """(text, unread) of each row of the list."""
        tree = self.chat_view.list
        return [(tree.item(row, "text"), str(tree.set(row, "unread"))) for row in tree.get_children()]

    def row(self, name):
        return next((row for row in self.chat_view.list.get_children()
                     if self.chat_view.list.item(row, "text").endswith("  " + name)), None)

    def click(self, name, partner=None):
        self.until(lambda: self.row(name) and self.chat_view.list.bbox(self.row(name), "#0"))
        x, y, width, height = self.chat_view.list.bbox(self.row(name), "#0")
        for event in ("<ButtonPress-1>", "<ButtonRelease-1>"):
            self.chat_view.list.event_generate(event, x=x + width // 2, y=y + height // 2)
        self.until(lambda: self.chat_view.model.open and self.chat_view.model.open.partner == (partner or name))

    @property
    def said(self):
        return self.chat_view.said.get("1.0", "end-1c")

    def sees_end(self):
        self.root.update()
        return self.chat_view.said.bbox("end-2c") is not None

    @property
    def sentence(self):
        return str(self.window.login.sentence.cget("text")).strip()

    def close(self):
        self.window.leave()
        # Here, as Tcl aborts if another thread finds the garbage.
        self.root = self.window = None
        gc.collect()
        assert not self.broken


@pytest.fixture
def see(screen):
    """see(address, name): a window; all are closed after the test."""
    windows = []

    def show(*arguments):
        windows.append(Seen(*arguments))
        return windows[-1]

    yield show
    for seen in windows:
        seen.close()


@pytest.fixture
def bob(server):
    with connect("dollar://%s:%d" % server.address, "Bob", USERS["Bob"]) as bob:
        yield bob


def test_control_a_selects_all_there_is(server, see):
    seen = see(server.address, "Alice")
    name = seen.window.login.entries["name"]
    seen.press(name, "<Control-a>", "<x>")
    assert name.get() == "x"
    seen.window.login.fill("name", "Alice")
    seen.enter(USERS["Alice"])
    entry = seen.chat_view.entry
    entry.insert("end", "one\ntwo")
    seen.press(entry, "<Control-a>", "<x>")
    assert entry.get("1.0", "end-1c") == "x"


def test_an_address_may_have_the_name_in_front(foreign, see):
    host, port = foreign.address
    seen = see("Alice@%s:%d" % (host, port), "")
    fields = seen.window.login.entries
    assert [fields[field].get() for field in ("server", "name")] == ["%s:%d" % (host, port), "Alice"]
    seen.window.login.fill("server", "dollar://Bob@%s:%d" % (host, port))
    seen.enter(USERS["Bob"])
    assert seen.chat_view.model.me == "Bob"


def test_one_talks_with_who_is_clicked(server, see, bob):
    alice = see(server.address, "Alice")
    alice.enter(USERS["Alice"])
    lobby = [("#  lobby", "")] if server.has_room else []
    alice.until(lambda: alice.rows() == lobby + [("\u25cf  Bob", ""), ("\u25cb  Charlie", "")])
    alice.click("Bob")
    assert str(alice.chat_view.heading.cget("text")) == "Bob, online"
    assert not alice.chat_view.file.winfo_ismapped()  # as `dollar` carries none
    alice.type("with Enter", "<Return>")
    alice.type("with Send")
    alice.chat_view.send.invoke()
    alice.until(lambda: [message.state for message in alice.chat_view.model.open.messages] == ["", ""])
    assert "Alice  with Enter\n" in alice.said and "Alice  with Send\n" in alice.said
    assert alice.chat_view.entry.get("1.0", "end-1c") == ""
    wait_until(lambda: bob.poll(0.1))
    bob.whisper("Alice", "hello Alice")
    alice.until(lambda: "Bob  hello Alice\n" in alice.said)


def test_who_is_not_looked_at_is_marked_until_then(server, see, bob):
    alice = see(server.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.click("Charlie")
    bob.whisper("Alice", "one")
    bob.whisper("Alice", "two")
    alice.until(lambda: ("\u25cf  Bob", "(2)") in alice.rows())
    assert "unread" in alice.chat_view.list.item(alice.row("Bob"), "tags")
    assert alice.root.title().startswith("(2) ")
    alice.press(alice.chat_view.entry, "<Alt-n>")
    alice.until(lambda: "one" in alice.said and "two" in alice.said)
    assert ("\u25cf  Bob", "") in alice.rows() and not alice.root.title().startswith("(")


@pytest.fixture
def stopped(foreign, see):
    """Alice's window at a server of document 004, whose clock does not tick by itself."""
    alice = see(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.root.after_cancel(alice.window._next_tick)
    return alice


def test_what_was_said_while_one_was_away_is_marked_in_the_list(marking, see):
    for text in ("one", "two"):
        marking.say("Bob", "Alice", text)
    alice = see(marking.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.until(lambda: alice.rows() == [("\u25cb  Bob", "(2)"), ("\u25cb  Charlie", "")])
    assert "unread" in alice.chat_view.list.item(alice.row("Bob"), "tags") and alice.root.title().startswith("(2) ")
    alice.press(alice.chat_view.entry, "<Alt-n>")
    alice.until(lambda: "two" in alice.said)
    assert re.search(r"\u2014  new  \u2014\n\d\d:\d\d\tBob  one\n\d\d:\d\d\tBob  two\n", alice.said)
    assert alice.rows()[0] == ("\u25cb  Bob", "") and not alice.root.title().startswith("(")


def test_the_next_unread_is_found_before_it_is_shown(foreign, stopped):
    stopped.click("Charlie")
    wait_until(lambda: stopped.chat_view.model.open.is_loaded, stopped.chat_view.tick)
    foreign.say("Bob", "Alice", "psst")
    assert select.select([stopped.chat_view.model._chat], [], [], SECONDS)[0]  # it has come
    stopped.press(stopped.chat_view.entry, "<Alt-n>")
    assert stopped.chat_view.model.open.partner == "Bob" and "psst" in stopped.said


def test_a_click_counts_if_the_clock_ticks_before_it_is_done(stopped):
    stopped.click("Bob")
    stopped.chat_view.list.selection_set(stopped.row("Charlie"))  # which tells what has been selected a little later
    stopped.chat_view.tick()
    stopped.root.update()
    assert stopped.chat_view.model.open.partner == "Charlie"


def test_one_row_stays_selected(stopped):
    stopped.click("Bob")
    stopped.chat_view.list.selection_set(())
    stopped.root.update()
    stopped.chat_view.tick()
    assert stopped.chat_view.list.selection() == (stopped.row("Bob"),)


def test_what_is_typed_to_nobody_is_kept_for_somebody(stopped):
    stopped.type("hello", "<Return>")
    assert "To whom?" in str(stopped.chat_view.trouble.cget("text"))
    stopped.click("Bob")
    assert stopped.chat_view.entry.get("1.0", "end-1c") == "hello"
    assert not stopped.chat_view.trouble.winfo_ismapped()


def test_a_name_that_is_too_long_ends_in_dots(foreign, see):
    foreign.users = dict(USERS, **{"W" * 400: "1"})
    alice = see(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.root.update()
    rows = [text for text, _ in alice.rows() if "W" in text]
    assert rows and rows[0].endswith("W\u2026")
    assert alice.window.fonts["bold"].measure(rows[0]) < alice.chat_view.list.column("#0", "width")


def test_bold_italic_and_code_are_shown_as_such(foreign, see):
    alice = see(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.click("Bob")
    foreign.say("Bob", "Alice", "*loud* and _soft_,\n`x = 1`, 2*3*4, snake_case_name")
    alice.until(lambda: "Bob  loud and soft,\nx = 1, 2*3*4, snake_case_name\n" in alice.said)
    said = alice.chat_view.said
    for style, text in (("bold", "loud"), ("italic", "soft"), ("code", "x = 1")):
        assert said.get(*said.tag_ranges("class:" + style)) == text
        assert said.tag_cget("class:" + style, "font") == str(alice.window.fonts[style])
    assert said.tag_names()[-1] == "sel"  # what is selected can be read, whatever it is
    assert "further" in said.tag_names("end-2l") and "further" not in said.tag_names("end-3l")


def test_a_click_on_a_link_opens_it_in_the_browser(foreign, see, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: bool(opened.append(url)))
    alice = see(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.click("Bob")
    foreign.say("Bob", "Alice", "Alice, look: http://a.example/x_y_z?alice. *Now*")
    alice.until(lambda: "a.example/x_y_z?alice. Now\n" in alice.said)
    said = alice.chat_view.said
    x, y, width, height = said.bbox(said.tag_ranges("link")[0])
    for event in ("<Motion>", "<ButtonPress-1>", "<ButtonRelease-1>"):
        said.event_generate(event, x=x + width // 2, y=y + height // 2)
    alice.until(lambda: "No browser could be started." in alice.said)
    assert opened == ["http://a.example/x_y_z?alice"]


def test_where_one_is_mentioned_is_marked_and_rung_once_and_shown_in_the_list(foreign, see):
    alice, rang = see(foreign.address, "Alice"), []
    alice.enter(USERS["Alice"])
    alice.root.bell = lambda: rang.append(True)
    foreign.say("Bob", "Alice", "is Alicey there, or *alice*?")
    alice.until(lambda: ("\u25cb  Bob", "(1!)") in alice.rows())
    alice.click("Bob")
    alice.until(lambda: "or alice?" in alice.said)
    said = alice.chat_view.said
    assert [str(one) for one in said.tag_ranges("class:mention")] == [str(one) for one in said.tag_ranges("class:bold")]
    assert said.get(*said.tag_ranges("class:mention")) == "alice"
    foreign.say("Bob", "Alice", "nobody")
    alice.until(lambda: "nobody" in alice.said)
    assert (rang, ("\u25cb  Bob", "") in alice.rows()) == ([True], True)


def test_whoever_reads_what_was_said_earlier_stays_there(foreign, see):
    alice = see(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.click("Bob")
    for number in range(60):
        foreign.say("Bob", "Alice", "number %d." % number)
    alice.until(lambda: "number 59." in alice.said)
    said = alice.chat_view.said
    alice.until(alice.sees_end)
    alice.root.geometry("%dx%d" % alice.root.minsize())
    alice.until(lambda: alice.root.winfo_width() == alice.root.minsize()[0])
    alice.until(alice.sees_end)
    said.see("1.0")
    alice.chat_view.model.open.messages[30].state = "not sent"
    foreign.say("Bob", "Alice", "the latest")
    alice.until(lambda: "the latest" in alice.said and "not sent" in alice.said)
    assert said.index("@0,0") == "1.0"
    alice.type("/nonsense", "<Return>")
    alice.until(lambda: alice.chat_view.trouble.winfo_ismapped())
    alice.until(alice.sees_end)


def test_the_keyboard_alone_suffices(server, see, bob):
    alice = see(server.address, "")
    login = alice.window.login
    alice.press(login.entries["server"], "<Tab>")
    assert alice.root.focus_get() is login.entries["name"]
    login.entries["name"].insert(0, "Alice")
    alice.press(login.entries["name"], "<Tab>")
    assert alice.root.focus_get() is login.entries["password"]
    alice.enter(USERS["Alice"])
    chat_view = alice.chat_view
    alice.press(chat_view.entry)
    names = [conversation.partner for conversation in chat_view.model.listing()]
    for keys in ("<Alt-Down>", "<Control-Next>"):
        at = names.index(chat_view.model.open.partner) if chat_view.model.open else -1
        alice.press(chat_view.entry, keys)
        assert chat_view.model.open.partner == names[(at + 1) % len(names)]
    alice.press(chat_view.entry, "<Alt-Up>")
    assert chat_view.model.open.partner == names[at]
    reached = []
    for _ in range(20):
        reached.append(alice.root.focus_get())
        alice.press(reached[-1], "<Tab>")
    assert {chat_view.list, chat_view.said, chat_view.entry, chat_view.send} <= set(reached)
    alice.press(chat_view.entry, "<Shift-Return>")
    assert chat_view.entry.get("1.0", "end-1c") == "\n"


@pytest.fixture
def web(tmp_path):
    """The address of a server that speaks `web` and keeps files."""
    with launch(1, {"storage": {"directory": str(tmp_path / "storage")}}, protocols=("web",), users=USERS) as server:
        yield "web://%s:%d" % server.address("web")


def test_over_web_files_go_by_a_button_and_a_click_and_what_is_sealed_has_a_lock(web, see, tmp_path, monkeypatch):
    from tkinter import filedialog, messagebox
    (tmp_path / "plan.txt").write_bytes(b"to do")
    monkeypatch.setattr(filedialog, "askopenfilename", lambda **options: str(tmp_path / "plan.txt"))
    monkeypatch.setattr(filedialog, "asksaveasfilename",
                        lambda initialfile, **options: str(tmp_path / ("my " + initialfile)))
    alice = see(web, "Alice")
    alice.log_in(USERS["Alice"])
    with connect(web, "bea") as bea:
        bea.send_file(str(tmp_path / "plan.txt"))
        assert bea.finish(SECONDS)
    alice.until(lambda: alice.chat_view and "bea  plan.txt  5 B\n" in alice.said)
    said = alice.chat_view.said
    assert said.get(*said.tag_ranges("file")) == "plan.txt"
    x, y, width, height = said.bbox(said.tag_ranges("file")[0])
    for event in ("<Motion>", "<ButtonPress-1>", "<ButtonRelease-1>"):
        said.event_generate(event, x=x + width // 2, y=y + height // 2)
    alice.until(lambda: "was saved as %s" % (tmp_path / "my plan.txt") in alice.said)
    assert (tmp_path / "my plan.txt").read_bytes() == b"to do"
    alice.press(alice.chat_view.file, "<Return>")
    alice.until(lambda: "plan.txt was sent to the lobby.\n" in alice.said)
    alice.chat_view.model._moved = {A_FILE: Moved(A_FILE, 1, 3)}
    alice.until(alice.chat_view.moving.winfo_ismapped)
    assert str(alice.chat_view.moving.cget("text")) == "Sending a.zip: 33 %"
    asked = []
    monkeypatch.setattr(messagebox, "askokcancel", lambda title, text, **options: asked.append(text))
    alice.press(alice.chat_view.entry, "<Control-q>")
    assert "Sending a.zip: 33 %" in asked[0] and alice.root.winfo_exists()

    pytest.importorskip("cryptography", reason="sealing takes cryptography")
    alice.type("sealed  Bob  openly", "<Return>")
    alice.until(lambda: "\tAlice  sealed  Bob  openly\n" in alice.said)
    assert not alice.chat_view.lock.winfo_ismapped()
    alice.type("/seal", "<Return>")
    alice.until(alice.chat_view.lock.winfo_ismapped)
    alice.type("for us alone", "<Return>")
    alice.until(lambda: "\tsealed  Alice  for us alone\n" in alice.said
                and not alice.chat_view.model.open.messages[-1].state)
    assert lock_of(alice, ROOM)
    alice.press(alice.chat_view.file, "<Return>")
    alice.until(lambda: alice.said.count("plan.txt was sent to the lobby.\n") == 2)
    alice.type("/seal off", "<Return>")
    alice.until(lambda: not alice.chat_view.lock.winfo_ismapped())
    assert not lock_of(alice, ROOM)
    alice.chat_view.model.keeps_files = False  # as after a restart with other settings
    alice.until(lambda: not alice.chat_view.file.winfo_ismapped())


def lock_of(window, partner):
    """The lock in front of a conversation in the list, or nothing."""
    return window.chat_view.list.item(window.chat_view._rows[partner], "image")


def test_the_history_is_there_on_a_click(server, see, bob):
    alice = see(server.address, "Alice")
    for number in range(23):
        bob.whisper("Alice", "number %d." % number)
    assert bob.finish(SECONDS)
    alice.enter(USERS["Alice"])
    alice.click("Bob")
    alice.until(lambda: alice.said.count("number") == 23)
    assert [alice.said.index("number %d." % number) for number in range(23)] == sorted(
        alice.said.index("number %d." % number) for number in range(23))
    alice.until(alice.sees_end)


def test_every_text_can_be_shown(foreign, see):
    alice = see(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.click("Bob")
    for text, shown in NASTY:
        foreign.say("Bob", "Alice", text)
        alice.until(lambda: shown in alice.said)
    alice.chat_view.said.see("1.0")
    alice.root.update()
    alice.type("\U0001f600" if sys.version_info >= (3, 8) else "x", "<Return>")
    alice.until(lambda: not alice.chat_view.model.open.messages[-1].state)


def test_pictures_that_cannot_be_shown_are_written_out(screen, monkeypatch):
    import tkinter

    from parley.client.gui import theme
    root = tkinter.Tk()
    try:
        monkeypatch.setattr(theme, "_cannot_draw_emoji", lambda root: True)
        assert theme.text_filter(root)("a \u2764 \U0001f600 \U0010ffff \u00e9") == (
            "a [heavy black heart] [grinning face] [u+10ffff] \u00e9")
    finally:
        root.destroy()


def test_what_is_typed_belongs_to_its_conversation(server, see, bob):
    alice = see(server.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.click("Bob")
    alice.type("half a sent")
    alice.click("Charlie")
    assert alice.chat_view.entry.get("1.0", "end-1c") == ""
    alice.click("Bob")
    assert alice.chat_view.entry.get("1.0", "end-1c") == "half a sent"


def test_a_text_that_is_too_long_stays(server, see, bob):
    alice = see(server.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.click("Bob")
    alice.type("x" * 20000, "<Return>")
    alice.until(lambda: "too long" in str(alice.chat_view.trouble.cget("text")))
    assert len(alice.chat_view.entry.get("1.0", "end-1c")) == 20000


def test_what_is_wrong_with_a_login_stands_in_the_window(server, see, bob):
    alice = see(server.address, "Alice")
    alice.log_in("no")
    alice.until(lambda: "wrong" in alice.sentence)
    assert [alice.window.login.entries[field].get() for field in ("name", "password")] == ["Alice", "no"]
    assert alice.window.login.entries["password"].selection_present()
    alice.window.login.fill("name", "Bob")
    alice.log_in(USERS["Bob"])
    alice.until(lambda: "in use" in alice.sentence and alice.window.model is None)


def test_no_server_is_a_sentence_in_the_window(see):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        alice = see(taken.getsockname(), "Alice")
        alice.log_in("123")
        alice.until(lambda: "refused" in alice.sentence)
    for typed, why in (("", "Which server?"), ("a b", "not an address"), ("line://localhost", "speaks only"),
                       ("x" * 64, "host"), ("\u20ac..x", "host")):
        alice.window.login.fill("server", typed)
        alice.log_in("123")
        alice.until(lambda: why in alice.sentence and alice.window.model is None)
        assert alice.window.login.entries["server"].get() == typed


def test_a_server_that_goes_and_comes_back_is_no_end(server, see):
    alice = see(server.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.click("Bob")
    alice.type("before", "<Return>")
    alice.until(lambda: "before" in alice.said and not alice.chat_view.model.open.messages[-1].state)
    server.stop()
    alice.until(lambda: alice.chat_view.banner.winfo_ismapped())
    assert "Trying again in" in str(alice.chat_view.banner_text.cget("text"))
    alice.type("not yet", "<Return>")
    assert alice.chat_view.entry.get("1.0", "end-1c") == "not yet" and str(alice.chat_view.trouble.cget("text"))
    server.start()
    with connect("dollar://%s:%d" % server.address, "Bob", USERS["Bob"]) as bob:
        bob.whisper("Alice", "meanwhile")
        assert bob.finish(SECONDS)
        alice.until(lambda: "meanwhile" in alice.said and not alice.chat_view.banner.winfo_ismapped())
        assert alice.said.count("before") == 1 and not alice.chat_view.trouble.winfo_ismapped()
        alice.press(alice.chat_view.entry, "<Return>")
        alice.until(lambda: "not yet" in alice.said and not alice.chat_view.model.open.messages[-1].state)


def test_who_has_logged_in_elsewhere_sees_so_and_comes_back_by_the_button(mixed, see):
    alice = see(mixed["dollar"], "Alice")
    alice.enter(USERS["Alice"])
    alice.window.model._chat.DELAYS = (0.01,)
    with login_elsewhere(mixed, "line", "Alice"):
        alice.until(lambda: alice.chat_view.banner_button.winfo_ismapped())
        assert str(alice.chat_view.banner_text.cget("text")).startswith("You have logged in elsewhere")
    alice.chat_view.banner_button.invoke()
    alice.until(lambda: alice.window.model.is_online and not alice.chat_view.banner.winfo_ismapped())


def test_closing_logs_out(server, see, bob):
    alice = Seen(server.address, "Alice")
    alice.enter(USERS["Alice"])
    alice.press(alice.chat_view.entry)
    alice.close()
    wait_until(lambda: _can_log_in(server, "Alice"))


def _can_log_in(server, name):
    try:
        connect("dollar://%s:%d" % server.address, name, USERS[name]).close()
    except Failed:  # the server learns only after us that the connection has ended
        return False
    return True


def test_the_window_is_gone_before_the_server_has_answered(foreign, screen):
    alice = Seen(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    root, log_out, was_seen = alice.root, alice.chat_view.model.close, []
    alice.chat_view.model.close = lambda: (was_seen.append(root.winfo_viewable()), log_out())
    assert root.winfo_viewable()
    alice.close()
    assert was_seen == [False] and "exit" in foreign.heard


@pytest.mark.parametrize("scale", [1, 2])
def test_nothing_is_clipped(foreign, see, scale):
    alice = see(foreign.address, "Alice", scale)
    alice.root.update()
    _check_sizes(alice.root)
    alice.enter(USERS["Alice"])
    alice.root.update()
    _check_sizes(alice.root)


def _check_sizes(widget):
    """Every label and button has the room that it asks for."""
    for child in widget.winfo_children():
        if child.winfo_ismapped() and child.winfo_class() in ("TLabel", "TButton"):
            assert child.winfo_width() >= child.winfo_reqwidth() - 1, child.cget("text")
            assert child.winfo_height() >= child.winfo_reqheight() - 1, child.cget("text")
            assert child.winfo_rooty() + child.winfo_height() <= child.winfo_toplevel().winfo_rooty() + (
                child.winfo_toplevel().winfo_height()), child.cget("text")
        _check_sizes(child)


def test_twice_the_scale_is_twice_as_large(foreign, see):
    heights = [see(foreign.address, "Alice", scale).window.fonts["bold"].metrics("linespace") for scale in (1, 2)]
    assert 1.8 <= heights[1] / heights[0] <= 2.2


@typing
def test_a_person_with_a_keyboard_logs_in_talks_and_leaves(foreign, screen):
    client = subprocess.Popen([sys.executable, "-m", "client.gui", "%s:%d" % foreign.address, "--name", "Alice"],
                              cwd=ROOT, stderr=subprocess.PIPE)
    try:
        _xdotool("search", "--sync", "--onlyvisible", "--class", "Parley", "windowfocus", "--sync")
        _xdotool("type", USERS["Alice"])
        _xdotool("key", "Return")
        wait_until(lambda: foreign.heard.count("login") == 1 and "Alice" in foreign.names.values())
        wait_until(lambda: _typed_into_a_conversation(foreign))
        _xdotool("key", "ctrl+q")
        assert client.wait(SECONDS) == 0
        assert "exit" in foreign.heard and client.stderr.read() == b""
    finally:
        client.kill()
        client.wait()
        client.stderr.close()


def _xdotool(*arguments):
    subprocess.check_call(["xdotool", *arguments], stdout=subprocess.DEVNULL, timeout=SECONDS)


def _typed_into_a_conversation(foreign):
    """Only the screen tells when the second window is there, so this is tried until it has worked."""
    _xdotool("key", "alt+Down")
    _xdotool("type", "hello")
    _xdotool("key", "Return")
    return any("hello" in message["text"] for said in foreign.conversations.values() for message in said)


def test_names_are_told_apart_and_can_be_read():
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    from parley.client.gui import theme
    colours = {theme.colour("user%d" % number) for number in range(200)}
    assert len(colours) == len(showing.COLOURS)
    for colour in colours:
        assert min(_contrast(colour, theme.PAPER), _contrast(colour, theme.OWN)) >= 4.5, colour


def _contrast(*colours):
    """From 1 to 21, as the WCAG has it, which wants 4.5."""
    dark, light = sorted(map(_brightness, colours))
    return (light + 0.05) / (dark + 0.05)


def _brightness(colour):
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear))


def test_ticks_that_last_longer_than_their_interval_leave_tk_time_to_draw(foreign, see, monkeypatch):
    alice = see(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    monkeypatch.setattr("parley.client.gui.window.TICK", 1)
    ticks, drawn = [], []

    def tick():
        ticks.append(None)
        time.sleep(0.005)  # five times the interval
        alice.root.after_idle(lambda: drawn.append(len(ticks)))
        if len(ticks) == 5:
            alice.root.quit()
    monkeypatch.setattr(alice.chat_view, "tick", tick)
    alice.root.mainloop()
    assert drawn[:4] == [1, 2, 3, 4]


def test_a_mistake_in_one_tick_does_not_stop_the_clock(foreign, see, monkeypatch):
    alice = see(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    ticks = []

    def tick():
        ticks.append(None)
        if len(ticks) == 2:
            alice.root.quit()
        raise ValueError("a mistake")
    monkeypatch.setattr(alice.chat_view, "tick", tick)
    alice.root.mainloop()
    assert len(ticks) == 2 and [raised[0] for raised in alice.broken] == [ValueError] * 2
    alice.broken.clear()


def test_who_leaves_while_a_tick_is_drawn_is_gone(foreign, see, monkeypatch):
    alice = see(foreign.address, "Alice")
    alice.enter(USERS["Alice"])
    # As a signal does that comes in the middle of a tick.
    monkeypatch.setattr(alice.chat_view, "tick", lambda: alice.root.after_idle(alice.window.leave))
    alice.root.mainloop()
    assert not alice.broken and "exit" in foreign.heard
    alice.window.leave = lambda: None  # it is closed already


def test_the_installed_command_opens_the_window():
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        module, function = re.search(r'^parley-window = "([\w.]+):(\w+)"$', file.read(), re.MULTILINE).groups()
    program = "import sys, %s as module; sys.argv[1:] = ['--help']; module.%s()" % (module, function)
    shown = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, universal_newlines=True)
    assert "The desktop client of Parley." in shown


def _refused(environment, *command):
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=SECONDS)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_without_a_screen_it_says_so():
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    assert "no screen" in _refused(environment, "-m", "client.gui")


def test_without_tkinter_it_says_so():
    program = "import runpy, sys; sys.modules['tkinter'] = None; runpy.run_module('client.gui', run_name='__main__')"
    assert "tkinter" in _refused(dict(os.environ), "-c", program)


@typing
@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
def test_who_ends_it_by_a_signal_is_logged_out(foreign, screen, wish):
    client = subprocess.Popen([sys.executable, "-m", "client.gui", "%s:%d" % foreign.address, "--name", "Alice"],
                              cwd=ROOT, stderr=subprocess.PIPE)
    try:
        _xdotool("search", "--sync", "--onlyvisible", "--class", "Parley", "windowfocus", "--sync")
        _xdotool("type", USERS["Alice"])
        _xdotool("key", "Return")
        wait_until(lambda: "start_reload_message_list" in foreign.heard)  # it knows that it is in, and goes on
        client.send_signal(wish)
        assert client.wait(SECONDS) == 0
        assert "exit" in foreign.heard and client.stderr.read() == b""
    finally:
        client.kill()
        client.wait()
        client.stderr.close()


# ---- rooms and new accounts


def test_a_room_in_the_list_is_opened_by_a_click_and_one_writes_at_once(mixed, see):
    seen = see(mixed["dollar"], "Alice")
    seen.enter(USERS["Alice"])
    with connect("line://%s:%d" % mixed["line"], "Bob", USERS["Bob"], timeout=SECONDS) as bob:
        bob.join_room("#dev")
        bob.topic("#dev", "what for")
        assert bob.finish(SECONDS)
        seen.type("/join #dev", "<Return>")
        seen.until(lambda: str(seen.chat_view.heading.cget("text")) == "#dev, what for")
        seen.press(seen.chat_view.entry, "<Alt-Up>")
        seen.until(lambda: seen.chat_view.model.open.partner is None)
        bob.say("* Bob waves", "#dev")
        seen.until(lambda: ("#  dev", "(1)") in seen.rows())
        seen.root.focus_force()
        seen.click("dev", "#dev")
        seen.until(lambda: "* Bob waves" in seen.said)
        seen.until(lambda: seen.root.focus_get() is seen.chat_view.entry)
        bob.kick("#dev", "Alice")
        seen.until(lambda: str(seen.chat_view.heading.cget("text")) == "#dev, in which you are not")
        assert "Bob kicked Alice." in seen.said


def test_an_account_is_made_in_the_login_window(mixed, see):
    seen = see(mixed["dollar"], "Dora")
    create = seen.window.create
    seen.window.login._create = lambda *typed: create(*typed, port=mixed["line"][1])
    seen.window.login.new.invoke()
    assert "Which name and which password" in seen.sentence
    seen.window.login.fill("password", "s3cret")
    seen.press(seen.window.login.new, "<Return>")
    seen.until(lambda: seen.chat_view)
    assert seen.window.model.me == "Dora"


def test_an_account_that_cannot_be_made_leaves_one_at_the_login(mixed, see):
    seen = see(mixed["dollar"], "Alice")
    create = seen.window.create
    seen.window.login._create = lambda *typed: create(*typed, port=mixed["line"][1])
    seen.window.login.fill("password", "guess")
    seen.window.login.new.invoke()
    seen.until(lambda: seen.sentence == "The name is taken.")
    assert str(seen.window.login.new.cget("state")) == "normal"
