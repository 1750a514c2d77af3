"""The login window."""
from tkinter import ttk

from parley.client import address

FIELDS = (("server", "Server", ""), ("name", "Name", ""), ("password", "Password", "\u2022"))


class Login(ttk.Frame):
    """The login form. It calls enter(server, name, password) with what was typed, and cancel() on Escape.

    create(server, name, password) is called instead for a new account.
    """

    def __init__(self, window, enter, create, cancel):
        super().__init__(window)
        self._enter, self._create = enter, create
        self.entries = {}
        card = ttk.Frame(self)
        card.place(relx=0.5, rely=0.48, anchor="center")
        ttk.Label(card, text="Parley", style="Title.TLabel").grid(columnspan=2, sticky="w", pady=("0p", "14p"))
        for row, (field, label, hidden) in enumerate(FIELDS, 1):
            ttk.Label(card, text=label).grid(row=row, sticky="w", padx=("0p", "12p"), pady="4p")
            entry = self.entries[field] = ttk.Entry(card, width=32, show=hidden, font="TkTextFont")
            entry.grid(row=row, column=1, sticky="ew", pady="4p")
            entry.bind("<Return>", self._submit)
            entry.bind("<KP_Enter>", self._submit)
        buttons = ttk.Frame(card)
        buttons.grid(row=4, column=1, sticky="e", pady=("12p", "8p"))
        self.button = ttk.Button(buttons, text="Log in", style="Send.TButton", command=self._submit)
        self.button.pack(side="right")
        self.button.bind("<Return>", self._submit)
        self.new = ttk.Button(buttons, text="Create account", command=self._submit_new)
        self.new.pack(side="right", padx=("0p", "8p"))
        self.new.bind("<Return>", self._submit_new)
        # Always two lines high, so that the layout does not change.
        self.sentence = ttk.Label(card, style="Trouble.TLabel", text="\n")
        self.sentence.grid(row=5, columnspan=2, sticky="w")
        keys = ttk.Label(self, style="Faint.TLabel",
                         text="Enter  log in   \u00b7   Tab  next field   \u00b7   Esc  give up")
        keys.place(relx=0.5, rely=1.0, y="-12p", anchor="s")
        card.bind("<Configure>", lambda event: self.sentence.configure(wraplength=event.width))
        self.bind_all("<Escape>", lambda event: cancel() if self.winfo_ismapped() else None)

    def fill(self, field, text):
        self.entries[field].delete(0, "end")
        self.entries[field].insert(0, text)

    def take_name_of_server(self):
        """If the server was typed with a name, as in `ann@localhost`: that is the name."""
        name, server = address.with_name(self.entries["server"].get())
        if name:
            self.fill("name", name)
            self.fill("server", server)

    def focus_empty(self):
        """Focus the first empty field, or the password if there is none, which is replaced by what is typed then."""
        empty = [entry for entry in self.entries.values() if not entry.get()]
        entry = (empty or [self.entries["password"]])[0]
        entry.focus_set()
        entry.selection_range(0, "end")

    def show(self, sentence, is_error=True):
        self.sentence.configure(text=sentence, style="Trouble.TLabel" if is_error else "TLabel")

    def set_waiting(self, is_waiting):
        self.button.configure(state="disabled" if is_waiting else "normal",
                              text="Connecting ..." if is_waiting else "Log in")
        self.new.configure(state="disabled" if is_waiting else "normal")

    def _submit(self, event=None):
        return self._call(self._enter)

    def _submit_new(self, event=None):
        return self._call(self._create)

    def _call(self, then):
        if str(self.button.cget("state")) != "disabled":
            self.take_name_of_server()
            then(*(self.entries[field].get() for field, _, _ in FIELDS))
        return "break"
