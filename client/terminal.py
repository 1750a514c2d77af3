"""The client on a terminal: messages above, then the input line, then a status line."""
import asyncio
import os

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.application import in_terminal
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

from parley.client import showing
from parley.client.commands import BY_NAME, Quit
from parley.client.pager import Pager, holds, wrapped
from parley.client.session import Session

STYLE = Style.from_dict({
    "time": "fg:ansibrightblack",
    "note": "italic",
    "bold": "bold",
    "italic": "italic",
    "code": "fg:#138d90",  # on white as readable as on black, unlike what terminals call cyan and green
    "aside": "fg:ansibrightblack",
    "error": "fg:ansired bold",
    "good": "fg:#27865c bold",
    "prompt": "bold",
    "place": "bold",
    "mention": "bold reverse",
    "found": "reverse",
    "bottom-toolbar": "noreverse bg:#444444 fg:#dddddd",
    "bottom-toolbar.bad": "bg:#a03030 fg:#ffffff",
    "bottom-toolbar.unread": "bold fg:#ffd75f",
})  # fmt: skip


class Terminal:
    """A screen that is a terminal."""

    completes = has_places = True

    def __init__(self, trust=None, settings=None):
        self.session = Session(self, trust, settings)
        self._lines = []  # to be printed
        self._is_printing = self._is_paging = False
        self._has_hinted = False  # at how to recall what was typed
        self._on_password = self._password_prompt = None  # while a password is requested: its callback, and the prompt
        self._loop = asyncio.new_event_loop()
        self._watched = self._timer = None
        self._prompt = PromptSession(
            self._message, style=STYLE, history=_history(), completer=_Names(self.session), bottom_toolbar=self._status,
            key_bindings=self._keys(), is_password=Condition(lambda: self._on_password is not None),
            complete_while_typing=False, complete_style=CompleteStyle.READLINE_LIKE, refresh_interval=0.5,
            erase_when_done=True)
        self._buffer = self._prompt.default_buffer
        self._buffer.accept_handler = self._accept
        self._prompt.app.key_processor.after_key_press += self._on_key
        self._resized, self._prompt.app._on_resize = self._prompt.app._on_resize, self._on_resize

    # ---- what a session shows

    def show(self, line):
        self._lines.append(line)
        self.session.places.open.lines.append(line)

    sent = error = show

    def not_sent(self, line):
        self.show(line)
        if not self._has_hinted:
            self._has_hinted = True
            self.show(showing.aside("(\u2191 brings back what was typed.)"))

    def echo(self, typed):
        """Show the command above its output, as the input line is cleared."""
        self.show(showing.aside("> " + _without_password(typed)))

    def look(self, lines):
        self._lines += lines

    def search(self, text):
        if any(holds(line, text) for line in self.session.places.open.lines):
            self._page(text)
        else:
            self.show(showing.aside("That was not said here."))

    def ring(self):
        self._prompt.app.output.bell()
        self._prompt.app.output.flush()

    def ask_password(self, prompt, callback):
        self._password_prompt, self._on_password = prompt, callback

    # ---- the loop

    def run(self, url):
        """Run until the user leaves; the exit code."""
        asyncio.set_event_loop(self._loop)
        try:
            self._connect(url)
            self._loop.run_until_complete(self._prompt.prompt_async())
        except (EOFError, KeyboardInterrupt):
            pass
        finally:
            self._unwatch()
            self.session.leave()
            self._print()
            self._loop.close()
        return 0

    def _connect(self, url):
        if url:
            self.session.connect(url)
        else:
            self.show(showing.aside("/connect HOST:PORT goes to a server, /help shows what else there is."))
        self._loop.call_soon(self._update)

    def _update(self):
        """Show what has been received, and wait for more."""
        self.session.update()
        self._print()
        self._watch()

    def _print(self):
        app = self._prompt.app
        if not app.is_running:
            print_formatted_text(self._text(), end="", style=STYLE)
        elif self._lines and not self._is_printing and not self._is_paging:
            self._is_printing = True
            app.create_background_task(self._print_above())

    async def _print_above(self):
        """Print above the input line. Unlike `run_in_terminal`, stay in raw mode, so that no key is lost."""
        app = self._prompt.app
        await app.renderer.wait_for_cpr_responses()  # or the terminal would reply for another row
        self._is_printing = False
        if self._is_paging:
            return
        app.renderer.erase()
        app.print_text(self._text(), STYLE)
        app.renderer.request_absolute_cursor_position()
        app.invalidate()

    def _text(self):
        lines, self._lines = self._lines, []
        columns = self._prompt.app.output.get_size().columns
        rows = [row for line in lines for row in wrapped(line, columns)]
        return FormattedText([piece for row in rows for piece in [*row, ("", "\n")]])

    def _on_resize(self):
        """Take along what a terminal that has become narrower has wrapped of the input line, before it is erased."""
        app = self._prompt.app
        screen = app.renderer.last_rendered_screen
        if screen and not self._is_paging and not os.environ.get("XTERM_VERSION"):  # xterm does not wrap it
            at = screen.get_cursor_position(app.layout.current_window)
            app.output.cursor_up(_rows_added(screen, at, app.output.get_size().columns))
        self._resized()

    def _page(self, needle=None):
        """Look back at what was shown in the open place."""
        if not self._is_paging and self.session.places.open.lines:
            self._is_paging = True
            self._prompt.app.create_background_task(self._look_back(needle))

    async def _look_back(self, needle):
        place = self.session.places.open
        pager = Pager(showing.visible(place.shown_name), place.lines, STYLE, needle)
        try:
            async with in_terminal():
                typed = await pager.run()
        finally:
            self._is_paging = False
        self._buffer.insert_text(typed)
        self._update()

    def _watch(self):
        chat = self.session.chat
        if self._timer:
            self._timer.cancel()
        if chat is not self._watched:
            self._unwatch()
            if chat:
                self._loop.add_reader(chat.fileno(), self._update)
                self._watched, self._watched_at = chat, chat.fileno()
        due = chat.until_next() if chat else None
        self._timer = None if due is None else self._loop.call_later(due, self._update)

    def _unwatch(self):
        if self._watched:
            self._loop.remove_reader(self._watched_at)
        self._watched = None

    # ---- the input line

    def _message(self):
        place = self.session.places.open
        prompt = "%s> " % showing.visible(place.name) if place.name else "> "
        return [("class:prompt", self._password_prompt if self._on_password else prompt)]

    def _accept(self, buffer):
        """Execute the line that was entered, and clear the input line."""
        text, on_password, self._on_password = buffer.text, self._on_password, None
        if on_password:
            buffer.reset()  # now, or it would be added to the history
        try:
            self.session.attempt(on_password, text) if on_password else self.session.enter(text)
            self._loop.call_soon(self._update)  # once the line is cleared
            # By default it is loaded when the line is drawn; an arrow key before that would find nothing.
            self._loop.call_soon(self._buffer.load_history_if_not_yet_loaded)
        except Quit:
            self._prompt.app.exit()
        return False

    def _keys(self):
        keys = KeyBindings()

        @keys.add("c-c")
        def cancel(event):
            if self._on_password or event.current_buffer.text:
                self._on_password = None
                event.current_buffer.reset()
            else:
                event.app.exit()

        @keys.add("c-d", filter=Condition(lambda: not self._buffer.text))
        def leave(event):
            event.app.exit()

        @keys.add("pageup")
        def look_back(event):
            self._page()

        @keys.add("escape", "up")
        def above(event):
            self._open(self.session.places.beside(-1))

        @keys.add("escape", "down")
        def below(event):
            self._open(self.session.places.beside(1))

        @keys.add("escape", "n")
        def unread(event):
            self._open(self.session.places.next_unread())

        return keys

    def _open(self, place):
        if place and place is not self.session.places.open:
            self.session.open(place)
            self._loop.call_soon(self._update)

    def _on_key(self, keys):
        """Called after each key: whoever types has read, and may be about to say something."""
        self.session.unread = 0
        if self._buffer.text and not self._buffer.text.startswith("/") and not self._on_password:
            self.session.tell_typing()

    # ---- the status line

    def _status(self):
        session, chat = self.session, self.session.chat
        if not chat:
            return [("class:bottom-toolbar.bad", " not connected ")]
        is_connected = chat.state == "connected"
        pieces = [("" if is_connected else "class:bottom-toolbar.bad", " %s " % _state(chat))]
        if is_connected:
            pieces.append(("bold", " %s " % showing.visible(chat.me or _how_to_get_a_name(chat))))
        if session.progress:
            pieces.append(("", " reading the history: %d messages " % session.progress))
        pieces += [("", " %s " % text) for text in session.moving]
        if chat.unconfirmed:
            pieces.append(("", " %d on the way " % chat.unconfirmed))
        if session.typists:
            pieces.append(("", " %s typing " % ", ".join(map(showing.visible, session.typists))))
        if session.unread:
            pieces.append(("class:bottom-toolbar.unread", " %d unread " % session.unread))
        for place in session.places.listing():
            if place.unread:
                count = "%d!" % place.unread if place.mentions else "%d" % place.unread
                pieces.append(("class:bottom-toolbar.unread", " %s %s " % (showing.visible(place.shown_name), count)))
        return pieces + [("", " %s " % showing.visible(str(chat.address)))]  # last, as a narrow terminal cuts it off


def _rows_added(screen, cursor, columns):
    """How many more rows a screen takes above the cursor, once a terminal has wrapped it at this number of columns."""
    *above, end = [max((at for at, cell in screen.data_buffer[row].items() if cell.char != " "), default=0)
                   for row in range(cursor.y + 1)]
    return sum(end // columns for end in above) + min(cursor.x, end) // columns


def _how_to_get_a_name(chat):
    return "no name yet: /%s NAME" % ("nick" if chat.protocol.HAS_GUESTS else "login")


def _state(chat):
    if chat.state != "waiting":
        return "not connected" if chat.state == "closed" else chat.state
    return "connecting again in %d s" % max(1, round(chat.until_next() or 0))


class _Names(Completer):
    """Completes commands at the start of a line, and names of users and rooms anywhere."""

    def __init__(self, session):
        self._session = session

    def get_completions(self, document, complete_event):
        before = document.text_before_cursor
        word = before.rpartition(" ")[2]
        for name in sorted(BY_NAME if before.startswith("/") and " " not in before else self._names()):
            if name.lower().startswith(word.lower()):
                yield Completion(showing.visible(name) + " ", -len(word), display=showing.visible(name))


    def _names(self):
        chat = self._session.chat
        places = [place.shown_name for place in self._session.places.listing()]
        return {*places, *self._session.rooms, *(chat.names if chat else ()), *(chat.inside if chat else ())}


class _History(FileHistory):
    """The input history in a file, without passwords; errors on writing are ignored."""

    def append_string(self, string):
        super().append_string(_without_password(string))

    def store_string(self, string):
        try:
            super().store_string(string)
        except OSError:
            pass


def _without_password(typed):
    words = typed.split()
    if words and words[0] in ("/login", "/create", "/join"):
        return " ".join(words[:2])
    if words and words[0] == "/passwd":
        return words[0]
    return " ".join(words[:-1]) if words and words[0] == "/set" and "key" in words[:-1] else typed


def _history():
    """The input history, with that of earlier sessions if there can be a file."""
    folder = os.path.join(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"), "parley")
    path = os.path.join(folder, "typed")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
    except OSError:
        return InMemoryHistory()
    return _History(path)
