"""The conversations: rooms and users on the left, messages on the right, and the text entry below them."""
import bisect
import tkinter
import webbrowser
from tkinter import filedialog, ttk

from parley.client import showing
from parley.client.files import told_in
from parley.client.gui import theme
from parley.client.gui.conversation import ROOM, SENDING
from parley.client.gui.model import downloads
from parley.client.protocol import LOBBY_ROOM
from parley.server.files.shown import clean

ROOM_NAME = "lobby"
HELP = ("Enter  send   \u00b7   Shift+Enter  new line   \u00b7   Alt+\u2191 \u2193  other conversation   \u00b7   "
        "Alt+N  next unread   \u00b7   Page\u2191 \u2193  scroll   \u00b7   Ctrl+Q  quit")


class ChatView:
    """Shows a `Model` that is logged in, in `frame`.

    fonts: what `theme.prepare` returns. shown: what `theme.text_filter` returns.
    """

    def __init__(self, root, model, fonts, shown):
        self.frame = ttk.Frame(root)
        self.model = model
        self._root, self._fonts, self._shown = root, fonts, shown
        # Of locks, on the normal and on the selected background. Tk deletes a picture without a reference.
        self._locks = [theme.lock(root, root.winfo_pixels("8p"), ink) for ink in (theme.SEALED, theme.PAPER)]
        self._rows = {}  # {partner: its row in the list}
        self._listed, self._head, self._selected = [], None, None  # as shown last
        self._drawn_conversation, self._drawn = None, []  # the conversation that is shown, and its messages
        self._starts = []  # the text index at which each message begins
        self._is_at_end = True  # is the latest message visible?
        self._make_footer()
        self._make_banner()
        self._panes = panes = ttk.Panedwindow(self.frame, orient="horizontal")
        panes.pack(fill="both", expand=True, padx="8p", pady=("8p", "0p"))
        panes.add(self._make_list(panes), weight=1)
        panes.add(self._make_conversation(panes), weight=4)
        self._bind_keys()

    # ---- parts

    def _make_footer(self):
        foot = ttk.Label(self.frame, text=HELP, style="Faint.TLabel", anchor="center", justify="center")
        foot.pack(side="bottom", fill="x", padx="8p", pady="6p")
        _wrap(foot)

    def _make_banner(self):
        self.banner = ttk.Frame(self.frame, style="Warning.TFrame", padding=self._root.winfo_pixels("6p"))
        self.banner_text = ttk.Label(self.banner, style="Warning.TLabel")
        self.banner_text.pack(side="left", fill="x", expand=True)
        _wrap(self.banner_text)
        self.banner_button = ttk.Button(self.banner, text="Log in again", command=self._retry)
        self.banner_button.bind("<Return>", self._retry)

    def _make_list(self, panes):
        frame = ttk.Frame(panes)
        me = self._shown(self.model.me)
        ttk.Label(frame, text=me, style="Heading.TLabel", foreground=theme.colour(self.model.me)).pack(anchor="w")
        ttk.Label(frame, text=self.model.host_port, style="Faint.TLabel").pack(anchor="w", pady=("0p", "6p"))
        outside = self._make_outside(frame)
        outside.pack(fill="both", expand=True)
        self.list = ttk.Treeview(outside, show="tree", columns=("unread",), selectmode="browse")
        width = self._fonts["bold"].measure("n" * 15)
        self.list.column("#0", width=width, minwidth=width // 2, stretch=True)
        self.list.column("unread", width=self._fonts["bold"].measure("(9999)"), stretch=False, anchor="e")
        _fill(outside, self.list)
        self.list.tag_configure("offline", foreground=theme.FAINT)
        self.list.tag_configure("unread", font=self._fonts["bold"])
        self.list.bind("<<TreeviewSelect>>", self._select)
        self.list.bind("<Return>", lambda event: self.entry.focus_set())
        self.list.bind("<ButtonRelease-1>", lambda event: self.entry.focus_set())
        return frame

    def _make_conversation(self, panes):
        frame = ttk.Frame(panes, padding=(self._root.winfo_pixels("4p"), 0, 0, 0))
        frame.columnconfigure(0, weight=1)
        frame.rowconfigure(1, weight=1)
        self.heading = ttk.Label(frame, style="Heading.TLabel")
        self.heading.grid(row=0, sticky="ew", pady=("0p", "6p"))
        self.lock = self._make_lock(frame)
        _wrap(self.heading)
        # Tiny, so that the empty line at the end takes no room; the tags have the fonts.
        self.said = self._make_text(frame, font=self._fonts["tiny"], height=1, takefocus=1, cursor="arrow",
                                    state="disabled")
        self.said.outside.grid(row=1, columnspan=2, sticky="nsew")
        self.said.bind("<Configure>", lambda event: self._is_at_end and self.said.see("end"))
        self.entry = self._make_text(frame, font="TkTextFont", height=3, undo=True, maxundo=1000)
        self.entry.outside.grid(row=2, sticky="nsew", pady=("8p", "0p"))
        buttons = ttk.Frame(frame)
        buttons.grid(row=2, column=1, sticky="nse", padx=("8p", "0p"), pady=("8p", "0p"))
        self.send = ttk.Button(buttons, text="Send", style="Send.TButton", width=6, command=self._say)
        self.send.pack(side="top", fill="both", expand=True)
        self.file = ttk.Button(buttons, text="File \u2026", width=6, command=self._choose_file)
        self.moving = ttk.Label(frame, style="Faint.TLabel")
        self.trouble = ttk.Label(frame, style="Trouble.TLabel")
        _wrap(self.moving)
        _wrap(self.trouble)
        self._make_tags()
        return frame

    def _make_lock(self, parent):
        """The picture of a lock; not a character, as not every Tk has one."""
        return ttk.Label(parent, text="sealed", image=self._locks[0], compound="left", style="Sealed.TLabel")

    def _make_outside(self, parent):
        """A frame that shows whether its content has the focus."""
        return tkinter.Frame(parent, background=theme.PAPER, highlightthickness=self._root.winfo_pixels("1p"),
                             highlightbackground=theme.LINE, highlightcolor=theme.ACCENT)

    def _make_text(self, parent, **options):
        outside = self._make_outside(parent)
        text = tkinter.Text(
            outside, wrap="word", background=theme.PAPER, foreground=theme.INK, borderwidth=0, highlightthickness=0,
            insertbackground=theme.INK, padx="6p", pady="4p", spacing1="2p", spacing3="1p",
            selectbackground=theme.ACCENT, selectforeground=theme.PAPER, width=1, **options)
        _fill(outside, text)
        text.outside = outside
        return text

    def _make_tags(self):
        indent = self._fonts["small"].measure("00:00   ") + self._root.winfo_pixels("2p")
        tags = self.said
        tags.tag_configure("message", font="TkTextFont", lmargin2=indent, tabs=(indent,))
        tags.tag_configure("further", lmargin1=indent, spacing1="0p")
        tags.tag_configure("own", background=theme.OWN)
        tags.tag_configure("time", font=self._fonts["small"], foreground=theme.FAINT)
        tags.tag_configure("day", font=self._fonts["small"], foreground=theme.FAINT, justify="center",
                           spacing1="8p", spacing3="4p")
        tags.tag_configure("notice", font="TkTextFont", foreground=theme.FAINT)
        tags.tag_configure("new", font=self._fonts["small"], foreground=theme.TROUBLE, justify="center")
        for style in ("bold", "italic", "code"):
            tags.tag_configure("class:" + style, font=self._fonts[style])
        tags.tag_configure("class:code", foreground=theme.CODE)
        tags.tag_configure("class:mention", background=theme.WARNING, font=self._fonts["bold"])
        for colour in theme.NAMES.values():
            tags.tag_configure(colour, font=self._fonts["bold"], foreground=colour)
        tags.tag_configure("file", foreground=theme.ACCENT, underline=True)
        tags.tag_configure("link", foreground=theme.ACCENT, underline=True)
        tags.tag_configure("size", font=self._fonts["small"], foreground=theme.FAINT)
        tags.tag_configure("sealed", font=self._fonts["small"], foreground=theme.SEALED)
        tags.tag_configure("sending", foreground=theme.FAINT)
        tags.tag_configure("state", font=self._fonts["small"], foreground=theme.TROUBLE)
        tags.tag_configure("empty", font="TkTextFont", foreground=theme.FAINT, justify="center", spacing1="20p")
        tags.tag_raise("sel")

    def _bind_keys(self):
        for keys, act in (
                ("<Return>", self._say), ("<KP_Enter>", self._say),
                ("<Tab>", lambda event: _focus(event.widget.tk_focusNext())),
                ("<Shift-Tab>", lambda event: _focus(event.widget.tk_focusPrev())),
                ("<Prior>", lambda event: self._scroll(-1)), ("<Next>", lambda event: self._scroll(1))):
            self.entry.bind(keys, act)
        self.entry.bind("<Shift-Return>", lambda event: None)  # the default action: a new line
        self.said.bind("<Button-1>", lambda event: self.said.focus_set())
        self.said.tag_bind("file", "<ButtonRelease-1>", self._save_clicked)
        self.said.tag_bind("link", "<ButtonRelease-1>", self._follow_clicked)
        for tag in ("file", "link"):
            self.said.tag_bind(tag, "<Enter>", lambda event: self.said.configure(cursor="hand2"))
            self.said.tag_bind(tag, "<Leave>", lambda event: self.said.configure(cursor="arrow"))
        self.send.bind("<Return>", self._say)
        self.file.bind("<Return>", self._choose_file)
        for keys, act in (
                ("<Alt-Up>", lambda event: self._step(-1)), ("<Alt-Down>", lambda event: self._step(1)),
                ("<Control-Prior>", lambda event: self._step(-1)), ("<Control-Next>", lambda event: self._step(1)),
                ("<Alt-n>", self._go_to_unread), ("<Alt-N>", self._go_to_unread)):  # with Caps Lock, too
            self._root.bind(keys, act)
            self.entry.bind(keys, act)  # before the default actions of a text

    # ---- what the user does

    def _typed(self):
        # An old Tk returns surrogates for characters beyond U+FFFF.
        return self.entry.get("1.0", "end-1c").encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _type(self, text):
        self.entry.delete("1.0", "end")
        self.entry.insert("1.0", self._shown(text))
        self.entry.edit_reset()

    def _say(self, event=None):
        self.tick()  # so that it comes after what has been received
        if self.model.say(self._typed()):
            self._type("")
            self.said.see("end")
            self.model.open.draft = ""
        self._show()
        self._is_at_end = True  # so that it stays in sight if a line about trouble appears below
        self.said.see("end")
        self.entry.focus_set()
        return "break"

    def _choose_file(self, event=None):
        # Now, as another one may be open when the dialog is done.
        to = self.model.open and (self.model.open.partner or LOBBY_ROOM)
        path = filedialog.askopenfilename(parent=self._root, title="Send a file")
        if path:
            self.model.send_file(str(path), to)
            self._show()
        return "break"

    def _save_clicked(self, event):
        at = bisect.bisect([_place(start) for start in self._starts], _place(self.said.index("@%d,%d" % (
            event.x, event.y)))) - 1
        if at < 0 or self.said.tag_ranges("sel"):  # a text was selected
            return
        text = self._drawn[at][0].text
        path = filedialog.asksaveasfilename(
            parent=self._root, title="Save the file", initialdir=downloads(), initialfile=clean(told_in(text).name),
            confirmoverwrite=False)  # no file is replaced
        if path:
            self.model.save_file(text, str(path))
            self._show()

    def _follow_clicked(self, event):
        if self.said.tag_ranges("sel"):
            return
        link = self.said.tag_prevrange("link", "@%d,%d +1c" % (event.x, event.y))
        if not webbrowser.open(self.said.get(*link)):
            self.model.tell("No browser could be started.")
            self._show()

    def _retry(self, event=None):
        self.model.retry()
        self._show()

    def _scroll(self, pages):
        self.said.yview_scroll(pages, "pages")
        return "break"

    def _select(self, event):
        row = self.list.selection()
        if not row:  # keep the open one selected
            self._selected = None
        for conversation in self.model.listing():
            if row and self._rows.get(conversation.partner) == row[0]:
                self._open(conversation)

    def _step(self, by):
        conversations = self.model.listing()
        if conversations:
            at = conversations.index(self.model.open) + by if self.model.open in conversations else 0
            self._open(conversations[at % len(conversations)])
        return "break"

    def _go_to_unread(self, event):
        self.tick()  # what counts as unread may have changed
        conversation = next((one for one in self.model.listing() if one.unread and one is not self.model.open), None)
        if conversation:
            self._open(conversation)
        return "break"

    def _open(self, conversation):
        if conversation is self.model.open:
            return
        if self.model.open:
            self.model.open.draft = self._typed()
        else:  # it was typed before a conversation was chosen
            conversation.draft = conversation.draft or self._typed()
        self.model.open_conversation(conversation)
        self._type(conversation.draft)
        self._show()

    # ---- what is shown

    def tick(self):
        """Process and show what has been received."""
        self._is_at_end = self._sees_end()
        conversation = self.model.open
        typed = self._typed()
        if conversation:
            conversation.draft = typed
        rings = self.model.rings
        self.model.tick()
        if self.model.rings != rings:
            self._root.bell()
        if conversation and conversation.draft != typed:  # a message that was refused
            self._type(conversation.draft)
        if not conversation and self.model.has_room:
            self._open(self.model.conversation(ROOM))
        self._show()

    def _show(self):
        self._show_list()
        self._show_head()
        self._show_said()

    def _show_list(self):
        width = self.list.column("#0", "width")
        listed = [(one.partner, self._is_online(one), self.model.is_sealed(one), one is self.model.open,
                   "%d!" % one.unread if one.mentions else one.unread, width) for one in self.model.listing()]
        if listed != self._listed:
            for changed in set(listed) - set(self._listed):
                self._show_row(*changed)
            for partner in set(self._rows) - {partner for partner, *_ in listed}:
                self.list.delete(self._rows.pop(partner))
            self.list.set_children("", *[self._rows[partner] for partner, *_ in listed])
            self._listed = listed
        row = self.model.open and self._rows.get(self.model.open.partner)
        # Only if it has changed: a row that the user has just selected is not open yet.
        if row and row != self._selected:
            self.list.selection_set((row,))
            self.list.focus(row)
            self.list.see(row)
        self._selected = row

    def _show_row(self, partner, is_online, is_sealed, is_open, unread, width):
        if partner not in self._rows:
            self._rows[partner] = self.list.insert("", "end")
        mark = "#" if partner is ROOM or partner.startswith("#") else "\u25cf" if is_online else "\u25cb"
        lock = self._locks[is_open] if is_sealed else ""
        taken = self._root.winfo_pixels("9p") + (lock.width() if lock else 0)
        text = self._cut("%s  %s" % (mark, self._called(partner).lstrip("#")), width - taken)
        self.list.item(self._rows[partner], text=text, image=lock, values=("(%s)" % unread if unread else "",),
                       tags=(() if is_online else ("offline",)) + (("unread",) if unread else ()))

    def _cut(self, text, width):
        """As much of the text as fits into `width` pixels."""
        measure, shown = self._fonts["bold"].measure, text
        while measure(shown) > width and len(text) > 4:
            text = text[:min(len(text) - 1, 100)]
            shown = text + "\u2026"
        return shown

    def _is_online(self, conversation):
        if conversation.is_room:
            return conversation.partner in self.model.inside
        return conversation.partner is ROOM or bool(self.model.online.get(conversation.partner))

    def _called(self, partner):
        return ROOM_NAME if partner is ROOM else self._shown(partner)

    def _show_head(self):
        model, conversation = self.model, self.model.open
        is_sealed = conversation is not None and model.is_sealed(conversation)
        head = (conversation and (conversation.partner, self._is_online(conversation), conversation.topic), is_sealed,
                model.keeps_files, model.connection, model.why_given_up, model.trouble, model.moving, model.unread)
        if head == self._head:
            return
        self._head = head
        if conversation is None:
            self.heading.configure(text="Choose somebody on the left")
        elif conversation.partner is ROOM:
            self.heading.configure(text=ROOM_NAME + ", where everybody hears everything")
        elif conversation.is_room:
            about = conversation.topic if self._is_online(conversation) else "in which you are not"
            self.heading.configure(text=self._called(conversation.partner) + (about and ", " + self._shown(about)))
        else:
            self.heading.configure(text="%s, %s" % (self._called(conversation.partner),
                                                    "online" if self._is_online(conversation) else "offline"))
        if model.keeps_files:
            self.file.pack(side="bottom", fill="x", pady=("4p", "0p"))
        else:
            self.file.pack_forget()
        if is_sealed:
            self.lock.grid(row=0, column=1, sticky="e", pady=("0p", "6p"))
        else:
            self.lock.grid_remove()
        for row, label, text in ((3, self.moving, model.moving), (4, self.trouble, model.trouble)):
            label.configure(text=self._shown(text))
            if text:
                label.grid(row=row, columnspan=2, sticky="ew", pady=("4p", "0p"))
            else:
                label.grid_remove()
        self._root.title("%sParley \u2013 %s" % ("(%d) " % model.unread if model.unread else "", self._shown(model.me)))
        self._show_banner()

    def _show_banner(self):
        sentence = self.model.connection
        if not sentence:
            self.banner.pack_forget()
            return
        self.banner_text.configure(text=self._shown(sentence))
        if self.model.why_given_up:
            self.banner_button.pack(side="right")
        else:
            self.banner_button.pack_forget()
        if not self.banner.winfo_ismapped():
            self.banner.pack(side="top", fill="x", before=self._panes)

    def _sees_end(self):
        # yview() only estimates what is not visible.
        return self.said.dlineinfo("end-1c") is not None

    def _show_said(self):
        conversation = self.model.open
        if conversation is None:
            return
        drawn = self._drawn if conversation is self._drawn_conversation else None
        first_unread = conversation.first_unread
        self._drawn = [(message, message.state, message is first_unread) for message in conversation.messages]
        if self._drawn == drawn:
            return
        self._is_at_end = conversation is not self._drawn_conversation or self._sees_end()
        self._drawn_conversation = conversation
        # Redraw only from the first change on, so that the scroll position stays.
        same = _common_prefix(drawn or [], self._drawn)
        self.said.configure(state="normal")
        self.said.delete([*self._starts, "end"][same] if same else "1.0", "end-1c")
        del self._starts[same:]
        for at in range(same, len(conversation.messages)):
            self._starts.append(self.said.index("end-1c"))
            self._draw(conversation.messages[at - 1] if at else None, conversation.messages[at])
        if not conversation.messages:
            self.said.insert("end", "Nothing has been said here yet.", "empty")
        self.said.configure(state="disabled")
        if self._is_at_end:
            self.said.see("end")

    def _draw(self, before, message):
        put, own = self.said.insert, ("own",) if message.sender == self.model.me else ()
        if before is None or theme.day(before.time) != theme.day(message.time):
            put("end", theme.day(message.time) + "\n", "day")
        if message is self.model.open.first_unread:
            put("end", "\u2014  new  \u2014\n", "new")
        put("end", theme.hour(message.time) + "\t", ("message", "time") + own)
        if message.sender is None:
            first = self.said.index("end-1c")
            put("end", self._shown(message.text) + "\n", ("message", "notice"))
            self.said.tag_add("further", first + " +1line linestart", "end-1c")
            return
        if message.is_sealed:  # in front of the name, where no text can stand
            put("end", "sealed  ", ("message", "sealed") + own)
        text, does = message.text, "* %s " % message.sender
        if text.startswith(does):
            put("end", "* ", ("message",) + own)
            text = text[len(does):]
        put("end", self._shown(message.sender) + ("  " if text is message.text else " "),
            ("message", theme.colour(message.sender)) + own)
        first = self.said.index("end-1c")
        sending = ("sending",) if message.state == SENDING else ()
        told = told_in(text) if self.model.has_files else None
        if told:
            put("end", self._shown(told.name), ("message", "file") + own)
            put("end", "  %s" % told.size, ("message", "size") + own)
            text = ""
        me = None if own else self.model.me
        for is_link, part in showing.links(self._shown(text)):
            pieces = [("link", part)] if is_link else showing.with_mentions(showing.marked_up(part), me)
            for style, piece in pieces:
                put("end", piece, ("message",) + tuple(style.split()) + own + sending)
        if message.state and not sending:
            put("end", "   (%s)" % message.state, ("message", "state") + own)
        put("end", "\n", ("message",) + own)
        self.said.tag_add("further", first + " +1line linestart", "end-1c")


def _place(index):
    """(line, column) of an index of a text."""
    return tuple(map(int, index.split(".")))


def _common_prefix(one, other):
    """The length of the common prefix of two lists."""
    return next((at for at, (this, that) in enumerate(zip(one, other)) if this != that), min(len(one), len(other)))


def _fill(outside, inside):
    """Pack the widget `inside` into a frame, with a scroll bar."""
    scroll = ttk.Scrollbar(outside, command=inside.yview, takefocus=0)
    inside.configure(yscrollcommand=scroll.set)
    scroll.pack(side="right", fill="y")
    inside.pack(side="left", fill="both", expand=True)


def _wrap(label):
    """Make a label wrap its text at its own width."""
    label.bind("<Configure>", lambda event: label.configure(wraplength=event.width))


def _focus(widget):
    widget.focus_set()
    return "break"
