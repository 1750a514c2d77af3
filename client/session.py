"""The terminal client without its screen: typed lines to requests, events to lines of output."""
from collections import namedtuple

from parley.client import events, showing
from parley.client.chat import Chat
from parley.client.protocol import Impossible


class Quit(Exception):
    """The user wants to leave."""


class Session:
    """Connects a screen to a chat.

    The screen has show(line), sent(line), error(line), not_sent(line) for texts that could not be sent, echo(typed) for
    a command that is about to run, ask_password(prompt, callback), which calls callback(password), and `completes`:
    does it complete names? A line is a list of (style, text). trust: as in `client.connect`.

    Own texts are shown once the server has accepted them.
    """

    def __init__(self, screen, trust=None):
        self.chat = None
        self.unread = 0  # messages since the last key was pressed
        self.progress = None  # messages of a long history received so far
        self._screen = screen
        self._trust = trust
        self._nick = None  # taken along to the next server; never an account
        self._name = None  # the current name, or the last one
        self._histories = 0  # pending requests
        self._recalled = 0  # messages received of the current one
        self._lost = False
        self._reached = False  # has there been a connection since the loss was reported?
        self._lists = 0  # of users, requested only to complete names

    # ---- typed

    def enter(self, typed):
        """Execute a typed line; raises `Quit` if the user wants to leave."""
        typed = typed.rstrip("\r\n")
        if typed.startswith("/") and not typed.startswith("//"):
            self.attempt(self._command, typed)
        elif typed.strip():
            self.attempt(self._say, typed[1:] if typed.startswith("//") else typed)

    def attempt(self, action, typed):
        """Call action(typed), and show why if it is not possible."""
        try:
            action(typed)
        except Impossible as impossible:
            self._screen.error(showing.error(str(impossible)))

    def _command(self, typed):
        typed = typed.rstrip()
        word, _, rest = typed.partition(" ")
        command = BY_NAME.get(word)
        if not command or command.run not in (Session._say, Session._dm):
            self._screen.echo(typed)
        if not command:
            raise Impossible("Unknown command %s; /help shows them all." % word)
        words = rest.split(None, command.most - 1) if command.most else rest.split()
        if not command.least <= len(words) <= command.most:
            raise Impossible("This is written %s." % command.usage)
        command.run(self, *words)

    def _say(self, text):
        self._send("say", None, text)

    def _dm(self, to, text):
        self._send("whisper", to, text)

    def _send(self, kind, to, text):
        try:
            chat = self._connected()
            chat.say(text) if to is None else chat.whisper(to, text)
        except Impossible as impossible:
            self._screen.not_sent(showing.not_sent(str(impossible), to, text))

    def _connected(self):
        if not self.chat:
            raise Impossible("You are not connected to a server.")
        return self.chat

    def connect(self, url):
        """Leave the current server, and connect to another."""
        try:
            chat = Chat(url, self._trust)
        except ValueError as error:
            raise Impossible(str(error)) from None
        self.leave()
        self._go_to(chat)
        if self._nick and chat.address.protocol != "dollar":  # which takes only accounts
            chat.join(self._nick)

    def _go_to(self, chat):
        if self.chat:
            self.chat.close()
            self.update()
        self.chat, self._lost = chat, False

    def _take_nick(self, name):
        if not self.chat:
            self._screen.show(showing.line(events.Welcomed(name)))
        elif self.chat.me is not None and self.chat.can("rename"):
            self.chat.rename(name)
        else:
            self._enter("join", name)
        self._nick = name

    def _enter(self, method, name, *password):
        """Log in as `name`. The current name, if there is one, is kept until this succeeds."""
        me = self._connected().me
        if self._lost:
            raise Impossible("You are not connected to a server.")
        if me is None:
            getattr(self.chat, method)(name, *password)
            return
        if name == me and method != "create":
            raise Impossible("You are %s already." % me)
        chat = Chat(str(self.chat.address), self._trust)
        try:
            getattr(chat, method)(name, *password)
            chat.finish()
            if chat.me is None:
                raise Impossible("%s You are still %s." % (chat.why_not(), me))
        except Impossible:
            chat.close(0)
            raise
        self._screen.show(showing.aside("You leave as %s, and come back as %s." % (me, chat.me)))
        self._go_to(chat)
        for event in chat.poll():
            if type(event) is not events.Connected:  # as there was a connection all the time
                self._handle(event)

    def _login(self, name, password=None):
        if password is None and self._connected().address.protocol != "delimited":  # which has none
            self._screen.ask_password("Password of %s: " % showing.visible(name),
                                      lambda given: self._login(name, given))
        else:
            self._enter("login", name, password or "")

    def _create(self, name, password=None):
        if password is None and self._connected().address.protocol == "line":
            self._screen.ask_password("A password for %s: " % showing.visible(name),
                                      lambda given: self._create(name, given))
        else:
            self._enter("create", name, password)

    def _history(self, what=None):
        if what is None or what.isdecimal() and len(what) < 10:
            self._connected().history(None, int(what or 0) or None)
        else:
            self._connected().history(what)
        self._histories += 1

    def _help(self):
        width = max(len(command.usage) for command in COMMANDS) + 2
        for command in COMMANDS:
            can = not command.request or not self.chat or self.chat.can(command.request)
            self._screen.show([
                ("class:code", command.usage.ljust(width)),
                ("", command.says + ("" if can else " (not in `%s`)" % self.chat.address.protocol))])
        self._screen.show(showing.aside(
            "Anything else is said in the room; // is a slash. \u2191 brings back what was typed."))

    def _leave_for_good(self):
        raise Quit()

    def leave(self):
        """Leave the server, if there is one."""
        was_connected = self.chat and self.chat.state == "connected"
        self._go_to(None)
        if was_connected:
            self._screen.show([("", "Disconnected from the server.")])

    # ---- received

    def update(self):
        """Show what has been received."""
        for event in self.chat.poll() if self.chat else ():
            self._handle(event)

    def _handle(self, event):
        kind = type(event)
        if kind is events.Progress:
            self.progress = event.count
        elif kind is events.Disconnected:
            self._on_disconnected(event)
        elif kind is events.Recalled:
            self._on_recalled(event)
        elif kind is events.Done:
            self._on_done(event)
        elif kind is events.Refused:
            self._on_refused(event)
        elif kind is events.Unsure:
            self._screen.not_sent(showing.line(event))
        elif kind is events.Users and self._lists:
            self._lists -= 1
        else:
            self.unread += kind in (events.Said, events.Whispered)
            self._show(event)
        if kind is events.Kept and self.chat.state == "connected":
            self.chat.deliver()
        if kind is events.Connected:
            self._reached = True
        if kind is events.Welcomed:
            self._name = event.name
            self._nick = self._nick and event.name
            self._ask_for_names()

    def _ask_for_names(self):
        if self._screen.completes and self.chat.me is not None and self.chat.can("users"):
            self.chat.users()
            self._lists += 1

    def _show(self, event):
        line = showing.line(event)
        if line:
            self._screen.show(line)

    def _on_disconnected(self, event):
        self.progress, self._lists, self._histories = None, 0, 0
        # That there is no connection is reported once; the status line shows further attempts. A refusal is reported.
        if event.again is None or not self._lost or self._reached:
            self._screen.error(showing.line(event))
        self._lost, self._reached = event.again is not None, False

    def _on_recalled(self, event):
        if not self._recalled:
            self._screen.show(showing.aside("What was said %s:" % ("before" if self._histories else "meanwhile")))
        self._recalled += 1
        line = showing.line(event)
        self.unread += not self._histories and event.sender != self._name
        self._screen.show(showing.dimmed(line) if self._histories else line)

    def _on_done(self, event):
        kind, about, text = event.request
        if kind in ("say", "whisper"):
            self._screen.sent(showing.sent(self._name, about, text))
            return
        self.progress = None
        if kind in ("history", "missed"):
            self._end_history(kind == "history")
        if kind in ("login", "create"):
            self._nick = None
        self._lost = self._lost and kind not in ("join", "login")
        self._show(event)

    def _end_history(self, was_requested):
        self._histories -= was_requested
        if self._recalled:
            self._screen.show(showing.aside("End of what was said %s." % ("before" if was_requested else "meanwhile")))
        elif was_requested:
            self._screen.show(showing.aside("Nothing has been said yet."))
        self._recalled = 0

    def _on_refused(self, event):
        kind, about, text = event.request
        if kind == "users" and self._lists:
            self._lists -= 1
            return
        if kind in ("say", "whisper"):
            self._screen.not_sent(showing.not_sent(event.why, about, text))
            self._nick = self._nick and self.chat.me
            return
        if kind == "history" and self._histories:
            self._histories -= 1
        if kind in ("join", "rename"):
            self._nick = self.chat.me
        self._lost = self._lost and kind not in ("join", "login")
        self._screen.error(showing.line(event))


# usage: how it is typed. least, most: the number of arguments; the last one takes the rest of the line. request: the
# method of `Chat` that it needs, or None if all protocols have it. says: its description in /help.
Command = namedtuple("Command", "usage least most request run says")

COMMANDS = (
    Command("/connect URL", 1, 1, None, Session.connect, "go to a server: line://host:4000, binary://host, host:port"),
    Command("/nick NAME", 1, 1, None, Session._take_nick, "be called NAME, now or once you are connected"),
    Command("/username NAME", 1, 1, None, Session._take_nick, "the same"),
    Command("/login NAME [PASSWORD]", 1, 2, None, Session._login, "be the account NAME; a password is asked for"),
    Command("/create NAME [PASSWORD]", 1, 2, "create", Session._create, "make the account NAME"),
    Command("/msg TEXT", 1, 1, None, Session._say, "say TEXT in the room, like TEXT alone"),
    Command("/dm NAME TEXT", 2, 2, "whisper", Session._dm, "say TEXT to NAME alone"),
    Command("/users [PATTERN]", 0, 1, "users", lambda self, pattern=None: self._connected().users(pattern),
            "who is there; PATTERN may have * and ?"),
    Command("/user NAME", 1, 1, "describe", lambda self, name: self._connected().describe(name),
            "where NAME is connected from"),
    Command("/ping", 0, 0, None, lambda self: self._connected().ping(), "how long an answer of the server takes"),
    Command("/history [NUMBER or NAME]", 0, 1, "history", Session._history, "what was said in the room, or with NAME"),
    Command("/deliver", 0, 0, "deliver", lambda self: self._connected().deliver(),
            "what was kept for you while you were away"),
    Command("/delete", 0, 0, "delete", lambda self: self._connected().delete(), "delete your account"),
    Command("/help", 0, 0, None, Session._help, "show this"),
    Command("/quit", 0, 0, None, Session._leave_for_good, "leave"),
)
BY_NAME = {command.usage.split(" ")[0]: command for command in COMMANDS}
