"""What somebody at a keyboard does: lines that are typed become requests, what is heard becomes lines to show."""
import time
from collections import namedtuple

from client import events, showing
from client.chat import Chat
from client.conversation import Impossible


class Left(Exception):
    """They want to go."""


class Session:
    """Between a screen and a chat.

    The screen has show(line), sent(line), error(line), give_back(text), for what was typed and could not be done, and
    ask_password(prompt, then), which calls then(password), and `completes`: does it complete names?
    """

    def __init__(self, screen, trust=None):
        self.chat = None
        self.unread = 0  # messages since somebody was seen at the keyboard
        self.progress = None  # how much of a long history has come
        self._screen = screen
        self._trust = trust
        self._nick = None  # which is taken wherever one connects to
        self._histories = 0  # that were asked for
        self._recalled = 0  # messages of the one that is coming
        self._lost = False
        self._lists = 0  # of users, that were asked for only to complete names

    # ---- typed

    def enter(self, typed):
        """Do what was typed; could it be done? `Left` if they want to go."""
        typed = typed.rstrip("\r\n")
        if not typed.strip():
            return True
        if typed.startswith("/") and not typed.startswith("//"):
            return self.attempt(self._command, typed)
        return self.attempt(self._say, typed[1:] if typed.startswith("//") else typed)

    def attempt(self, do, typed):
        """do(typed); could it be done?"""
        try:
            do(typed)
        except Impossible as impossible:
            self._screen.error(showing.error(str(impossible)))
            return False
        return True

    def _command(self, typed):
        word, _, rest = typed.partition(" ")
        command = BY_NAME.get(word)
        if not command:
            raise Impossible("Unknown command %s; /help shows them all." % word)
        words = rest.split(None, command.most - 1) if command.most else rest.split()
        if not command.least <= len(words) <= command.most:
            raise Impossible("This is written %s." % command.usage)
        command.run(self, *words)

    def _say(self, text):
        self._connected().say(text)
        self._screen.sent(showing.message(self.chat.me, text, time.time()))

    def _dm(self, to, text):
        self._connected().whisper(to, text)
        self._screen.sent(showing.message(self.chat.me, text, time.time(), " (to %s)" % showing.visible(to)))

    def _connected(self):
        if not self.chat:
            raise Impossible("You are not connected to a server.")
        return self.chat

    def connect(self, url):
        """Leave where one is, and go there."""
        try:
            chat = Chat(url, self._trust)
        except ValueError as error:
            raise Impossible(str(error)) from None
        self.leave()
        self.chat, self._lost = chat, False
        if self._nick:
            chat.join(self._nick)

    def _take_nick(self, name):
        if self.chat:
            self.chat.join(name)
        else:
            self._screen.show(showing.line(events.Welcomed(name)))
        self._nick = name

    def _login(self, name, password=None):
        self._connected().check("login")
        if password is None and self.chat.address.protocol in ("line", "dollar"):
            self._screen.ask_password("Password of %s: " % showing.visible(name),
                                      lambda given: self._login(name, given))
        else:
            self.chat.login(name, password or "")

    def _create(self, name, password=None):
        self._connected().check("create")
        if password is None and self.chat.address.protocol == "line":
            self._screen.ask_password("A password for %s: " % showing.visible(name),
                                      lambda given: self._create(name, given))
        else:
            self.chat.create(name, password)

    def _history(self, what=None):
        if what is None or what.isdigit():
            self._connected().history(None, int(what or 0) or None)
        else:
            self._connected().history(what)
        self._histories += 1
        self._recalled = 0

    def _help(self):
        width = max(len(command.usage) for command in COMMANDS) + 2
        for command in COMMANDS:
            can = not command.request or not self.chat or self.chat.can(command.request)
            self._screen.show([
                ("class:code", command.usage.ljust(width)),
                ("", command.says + ("" if can else " (not in `%s`)" % self.chat.address.protocol))])
        self._screen.show(showing.aside("Anything else is said in the room; // is a slash."))

    def _leave_for_good(self):
        raise Left()

    def leave(self):
        """Leave the server, if there is one."""
        if self.chat:
            was_connected = self.chat.state == "connected"
            self.chat.close()
            self.hear()
            self.chat = None
            if was_connected:
                self._screen.show([("", "Disconnected from the server.")])

    # ---- heard

    def hear(self):
        """Show what has come."""
        for event in self.chat.poll() if self.chat else ():
            self._hear(event)

    def _hear(self, event):
        kind = type(event)
        if kind is events.Progress:
            self.progress = event.count
        elif kind is events.Disconnected:
            self._hear_disconnected(event)
        elif kind is events.Recalled:
            self._hear_recalled(event)
        elif kind is events.Done:
            self._hear_done(event)
        elif kind in (events.Refused, events.Unsure):
            self._hear_trouble(event)
        elif kind is events.Users and self._lists:
            self._lists -= 1
        else:
            self.unread += kind in (events.Said, events.Whispered)
            self._show(event)
        if kind is events.Welcomed and self._screen.completes:
            self._ask_for_names()

    def _ask_for_names(self):
        if self.chat.me is not None and self.chat.can("users"):
            self.chat.users()
            self._lists += 1

    def _show(self, event):
        line = showing.line(event)
        if line:
            self._screen.show(line)

    def _hear_disconnected(self, event):
        self.progress, self._lists, self._histories = None, 0, 0
        # That it cannot be reached yet is said once; the status line tells how it goes on.
        if event.again is None or not self._lost:
            self._screen.error(showing.line(event))
        self._lost = event.again is not None

    def _hear_recalled(self, event):
        if not self._histories and not self._recalled:
            self._screen.show(showing.aside("What was said meanwhile:"))
        self._recalled += 1
        self._show(event)

    def _hear_done(self, event):
        self.progress = None
        kind = event.request.kind
        if kind in ("history", "missed"):
            if kind == "history":
                self._histories -= 1
                if not self._recalled:
                    self._screen.show(showing.aside("Nothing has been said yet."))
            self._recalled = 0
        self._lost = self._lost and kind not in ("join", "login")
        self._show(event)

    def _hear_trouble(self, event):
        self._screen.error(showing.line(event))
        kind, about, text = event.request
        if kind == "history" and self._histories:
            self._histories -= 1
        if kind == "say":
            self._screen.give_back(text)
        elif kind == "whisper":
            self._screen.give_back("/dm %s %s" % (about, text))


# usage: how it is written. least, most: how many words it takes, the last of which takes the rest. request: the method
# of `Chat` that it needs, if not every protocol has that.
Command = namedtuple("Command", "usage least most request run says")

COMMANDS = (
    Command("/connect URL", 1, 1, None, Session.connect, "go to a server: line://host:4000, binary://host, host:port"),
    Command("/nick NAME", 1, 1, None, Session._take_nick, "be called NAME"),
    Command("/username NAME", 1, 1, "rename", Session._take_nick, "be called NAME from now on"),
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
    Command("/deliver", 0, 0, "deliver", lambda self: self._connected().deliver(), "what was kept for you"),
    Command("/delete", 0, 0, "delete", lambda self: self._connected().delete(), "delete your account"),
    Command("/help", 0, 0, None, Session._help, "show this"),
    Command("/quit", 0, 0, None, Session._leave_for_good, "leave"),
)
BY_NAME = {command.usage.split(" ")[0]: command for command in COMMANDS}
