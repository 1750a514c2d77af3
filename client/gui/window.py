"""The window: the login, and then the conversations."""
from parley.client.gui import looks
from parley.client.gui.login import Login
from parley.client.gui.model import Model
from parley.client.gui.talking import Talking

TICK = 100  # milliseconds, as document 004 has it


class Window:
    """What is in `root`, and the clock that keeps it going. `model` is None until somebody logs in.

    server, name: what the login has to begin with. scale: a factor for all sizes, None for the screen's own.
    """

    def __init__(self, root, server="localhost", name="", scale=None, trust=None):
        self.root, self.model = root, None
        self._trust = trust
        self.fonts = looks.prepare(root, scale)
        self.shown = looks.shower(root)
        self.login = Login(root, self.enter, self.give_up)
        self.talking = None
        self.login.fill("server", server)
        self.login.fill("name", name)
        self.login.pack(fill="both", expand=True)
        self._set_size()
        root.title("Parley")
        root.protocol("WM_DELETE_WINDOW", self.leave)
        for keys in ("<Control-q>", "<Control-Q>"):  # with Caps Lock, too
            root.bind(keys, lambda event: self.leave())
        # Tk's own for X11 are those of Emacs.
        root.event_delete("<<LineStart>>", "<Control-a>", "<Control-A>")
        root.event_add("<<SelectAll>>", "<Control-a>", "<Control-A>")
        root.bind("<FocusIn>", lambda event: self._look(True))
        root.bind("<FocusOut>", lambda event: self._look(root.focus_get() is not None))
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
            self.model = Model(server, name, password, self._trust)
        except ValueError as error:
            self.login.say(str(error))
            return
        self.login.set_waiting(True)
        self.login.say(self.model.connection, is_trouble=False)

    def give_up(self):
        """Do not log in; without a login under way, leave."""
        if self.model:
            self._forget("")
        else:
            self.leave()

    def leave(self):
        """Close the window, and log out, which nobody has to see."""
        self.root.after_cancel(self._next_tick)
        self.root.withdraw()
        self.root.update_idletasks()
        if self.model:
            self.model.close()
        self.root.destroy()

    def _tick(self):
        try:
            self._work()
        finally:  # so that a mistake of ours in one tick does not stop the clock
            # Only now: Tk draws when no timer is due, as one would always be set before a tick longer than TICK.
            self._next_tick = self.root.after(TICK, self._tick)
        self.root.update_idletasks()

    def _work(self):
        if not self.model:
            return
        if self.talking:
            self.talking.tick()
            return
        self.model.tick()
        if self.model.is_welcome:
            self.login.pack_forget()
            self.talking = Talking(self.root, self.model, self.fonts, self.shown)
            self.talking.frame.pack(fill="both", expand=True)
            self.talking.tick()
            self.talking.entry.focus_set()
        elif self.model.why_given_up:
            self._forget(self.model.why_given_up)

    def _forget(self, sentence):
        self.model.close(0)
        self.model = None
        self.login.set_waiting(False)
        self.login.say(self.shown(sentence))
        self.login.focus_empty()

    def _look(self, is_looked_at):
        if self.model:
            self.model.look(is_looked_at)
