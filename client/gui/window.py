"""The window: the login, and then the conversations."""
from tkinter import messagebox

from parley.client.gui import theme
from parley.client.gui.account import NewAccount
from parley.client.gui.chat_view import ChatView
from parley.client.gui.login import Login
from parley.client.gui.model import Model

TICK = 100  # milliseconds, as document 004 has it


class Window:
    """The content of `root`, and the timer that updates it. `model` is None until the user logs in.

    server, name: the initial content of the login form. scale: a factor for all sizes, None for that of the screen.
    trust: as in `client.connect`. settings: a `client.settings.Settings`, or None.
    """

    def __init__(self, root, server="localhost", name="", scale=None, trust=None, settings=None):
        self.root, self.model = root, None
        self._account, self._typed = None, ()  # the `NewAccount`, and the arguments of the login that follows
        self._trust, self._settings = trust, settings
        self.fonts = theme.prepare(root, scale)
        self.shown = theme.text_filter(root)
        self.login = Login(root, self.enter, self.create, self.cancel)
        self.chat_view = None
        self.login.fill("server", server)
        self.login.fill("name", name)
        self.login.take_name_of_server()
        self.login.pack(fill="both", expand=True)
        self._set_size()
        root.title("Parley")
        root.protocol("WM_DELETE_WINDOW", self._ask_and_leave)
        for keys in ("<Control-q>", "<Control-Q>"):  # with Caps Lock, too
            root.bind(keys, lambda event: self._ask_and_leave())
        # Tk's defaults for X11 are those of Emacs.
        root.event_delete("<<LineStart>>", "<Control-a>", "<Control-A>")
        root.event_add("<<SelectAll>>", "<Control-a>", "<Control-A>")
        root.bind("<FocusIn>", lambda event: self._on_focus(True))
        root.bind("<FocusOut>", lambda event: self._on_focus(root.focus_get() is not None))
        self.login.focus_empty()
        self._next_tick = root.after(TICK, self._tick)

    def _set_size(self):
        width, height = (self.root.winfo_pixels(length) for length in ("640p", "440p"))
        width = min(width, self.root.winfo_screenwidth())
        height = min(height, self.root.winfo_screenheight())
        self.root.geometry("%dx%d" % (width, height))
        self.root.minsize(min(width, self.root.winfo_pixels("420p")), min(height, self.root.winfo_pixels("300p")))

    def enter(self, server, name, password):
        """Log in with what was typed."""
        try:
            self.model = Model(server, name, password, self._trust, settings=self._settings)
        except ValueError as error:
            self.login.show(str(error))
            return
        self.login.set_waiting(True)
        self.login.show(self.model.connection, is_error=False)

    def create(self, server, name, password, port=None):
        """Make an account of what was typed, and log in to it. port: as in `NewAccount`."""
        try:
            self._account = NewAccount(server, name, password, self._trust, port)
        except ValueError as error:
            self.login.show(str(error))
            return
        self._typed = server, name, password
        self.login.set_waiting(True)
        self.login.show("Making the account ...", is_error=False)

    def cancel(self):
        """Cancel the login; leave if there is none in progress."""
        if self._account:
            self._end_account("")
        elif self.model:
            self._back_to_login("")
        else:
            self.leave()

    def leave(self):
        """Close the window, then log out."""
        self.root.after_cancel(self._next_tick)
        self.root.withdraw()
        self.root.update_idletasks()
        for one in filter(None, (self._account, self.model)):
            one.close()
        self.root.destroy()

    def _ask_and_leave(self):
        """Leave, unless there are files on their way and the user wants to wait for them."""
        moving = self.model.moving if self.model else ""
        if not moving or messagebox.askokcancel(
                "Parley", "%s\n\nIt comes to nothing if you leave now." % self.shown(moving), parent=self.root):
            self.leave()

    def _tick(self):
        try:
            self._work()
        finally:  # so that a bug in one tick does not stop the timer
            # Only now: Tk draws when no timer is due, which would never be the case if a tick took longer than TICK.
            self._next_tick = self.root.after(TICK, self._tick)
        self.root.update_idletasks()

    def _work(self):
        if self._account:
            self._account.tick()
            if self._account.is_made:
                self._end_account("")
                self.enter(*self._typed)
            elif self._account.why_not:
                self._end_account(self._account.why_not)
            return
        if not self.model:
            return
        if self.chat_view:
            self.chat_view.tick()
            return
        self.model.tick()
        if self.model.is_welcome:
            self.login.pack_forget()
            self.chat_view = ChatView(self.root, self.model, self.fonts, self.shown)
            self.chat_view.frame.pack(fill="both", expand=True)
            self.chat_view.tick()
            self.chat_view.entry.focus_set()
        elif self.model.why_given_up:
            self._back_to_login(self.model.why_given_up)

    def _end_account(self, sentence):
        self._account.close(1 if self._account.is_made else 0)
        self._account = None
        self._show_login(sentence)

    def _back_to_login(self, sentence):
        self.model.close(0)
        self.model = None
        self._show_login(sentence)

    def _show_login(self, sentence):
        self.login.set_waiting(False)
        self.login.show(self.shown(sentence))
        self.login.focus_empty()

    def _on_focus(self, has_focus):
        if self.model:
            self.model.set_focus(has_focus)
