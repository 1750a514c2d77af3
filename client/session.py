"""The terminal client without its screen: typed lines to requests, events to lines of output."""
import time
from collections import namedtuple

from parley.client import events, sealing, showing
from parley.client.address import with_name
from parley.client.chat import Chat
from parley.client.files import chosen, meant_by, told_in
from parley.client.places import Places
from parley.client.protocol import Impossible
from parley.client.settings import Settings

SHOWN_AGAIN = 10  # lines of a place that one goes to, if not more are unread
TYPING_EVERY = 3  # seconds after which others are told again that one is typing
TYPING_LASTS = 5  # seconds for which somebody counts as typing


class Quit(Exception):
    """The user wants to leave."""


class Session:
    """Connects a screen to a chat.

    The screen has show(line), sent(line), error(line), not_sent(line) for texts that could not be sent, echo(typed) for
    a command that is about to run, ask_password(prompt, callback), which calls callback(password), look(lines) for what
    was said in a place that is open now, search(text), ring() when one's name is mentioned, and two properties:
    `completes`: does it complete names? `has_places`: does it show only what is said in the open place? A line is a
    list of (style, text). trust: as in `client.connect`.

    Own texts are shown once the server has accepted them.
    """

    def __init__(self, screen, trust=None, settings=None):
        self.chat = None
        self.places = Places()
        self.rooms = set()  # the names of those that were heard of
        self.unread = 0  # messages shown since the last key was pressed
        self.progress = None  # messages of a long history received so far
        self.moved = {}  # {request to send or save a file: the latest Moved of it}
        self._screen = screen
        self._trust = trust
        self._settings = settings or Settings()
        self._nick = self._settings.name or None  # taken along to the next server; never an account
        self._name = None  # the current name, or the last one
        self._going = None  # the room that is being entered, to be gone to
        self._histories = 0  # pending requests
        self._recalled = 0  # messages received of the current one
        self._lost = False
        self._reached = False  # has there been a connection since the loss was reported?
        self._lists = 0  # of users, requested only to complete names
        self._typing_told_at = 0.0  # monotonic seconds, as the next
        self._typing = {}  # {(place, name): when it was last told that somebody is typing there}

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

    def tell_typing(self):
        """Tell whoever is in the open place that one is typing, where the protocol can, and not too often."""
        chat, now = self.chat, time.monotonic()
        if chat and chat.me is not None and chat.can("typing") and now - self._typing_told_at >= TYPING_EVERY:
            self._typing_told_at = now
            chat.typing(self.places.open.name)

    @property
    def typists(self):
        """The names of those who are typing in the open place, sorted."""
        since = time.monotonic() - TYPING_LASTS
        return sorted(name for (place, name), told in self._typing.items()
                      if place == self.places.open.name and told > since and not self._is_ignored(name))

    def _command(self, typed):
        typed = typed.rstrip()
        word, _, rest = typed.partition(" ")
        command = BY_NAME.get(word)
        if not command or command.run not in UNECHOED:
            self._screen.echo(typed)
        if not command:
            raise Impossible("Unknown command %s; /help shows them all." % word)
        room = ()
        if "[#ROOM]" in command.usage:
            first, _, others = rest.partition(" ")
            room, rest = ((first,), others) if first.startswith("#") else ((self.places.open.room,), rest)
        words = rest.split(None, command.most - 1) if command.most else rest.split()
        if not command.least <= len(words) <= command.most:
            raise Impossible("This is written %s." % command.usage)
        command.run(self, *room, *words)

    def _say(self, text):
        self._send(self.places.open.name, text)

    def _me(self, text):
        self._say("* %s %s" % (self._connected().me, text))

    def _dm(self, to, text):
        if to in self.places:
            self._read(self.places[to])
        self._send(to, text)

    def _send(self, to, text):
        try:
            chat = self._connected()
            chat.say(text, to) if to is None or to.startswith("#") else chat.whisper(to, text)
        except Impossible as impossible:
            self._screen.not_sent(showing.not_sent(str(impossible), to, text))

    # ---- files

    def _send_file(self, typed):
        path, to = meant_by(typed, self.places.open.name)
        self._connected().send_file(path, to)

    def _save_file(self, which="1"):
        self._connected().save_file(chosen(self.places.open.files, which))

    @property
    def moving(self):
        """The progress of file transfers: texts such as "plan.pdf 45 %"."""
        return ["%s %d %%" % (showing.visible(request.text), 100 * moved.done // max(1, moved.total))
                for request, moved in self.moved.items()]

    def _note_file(self, place, text):
        """It can be saved, if this tells of one."""
        if told_in(text):
            if text in place.files:
                place.files.remove(text)
            place.files.append(text)

    # ---- places

    def go(self, name):
        """Open a place: what is typed is said there, and what is said there is shown."""
        if name.startswith("#") and name not in self.places and name not in ("#lobby", *self._inside):
            raise Impossible("You are not in %s: /join %s." % (name, name))
        self.open(self.places[name])

    def open(self, place):
        """The same, of a `Place`."""
        self.places.open = place
        again = list(place.talk)[-max(place.unread, SHOWN_AGAIN):] if self._screen.has_places else []
        old = max(0, len(again) - place.unread)
        self._read(place)
        heading = [("class:place", "--- %s ---" % showing.visible(place.shown_name))]
        self._screen.look([heading, *map(showing.dimmed, again[:old]), *again[old:]])

    def _read(self, place):
        place.unread = place.mentions = 0

    def _go(self, name=None):
        if name:
            self.go(name)
            return
        self._screen.show(showing.aside("; ".join(
            place.shown_name + (", which is open" if place is self.places.open else
                                ": %d unread" % place.unread if place.unread else "")
            for place in self.places.listing())))

    @property
    def _inside(self):
        return self.chat.inside if self.chat else ()

    def _join(self, room, key=None):
        self._connected().join_room(room, key)
        self._going = room

    def _part(self, name=None):
        name = name or self.places.open.name
        if name is None:
            raise Impossible("Everybody is in the lobby; /quit leaves the server.")
        if name in self._inside:
            self._connected().leave_room(name)
        elif name in self.places:
            self._forget(name)
        else:
            raise Impossible("You are not in %s." % name)

    def _forget(self, name):
        was_open = name is not None and self.places.open.name == name
        self.places.remove(name)
        if was_open:
            self.open(self.places.lobby)

    def _rooms(self, pattern="#*"):
        self._connected().rooms(pattern if pattern.startswith("#") else "#" + pattern)

    def _who(self, room):
        if room == "#lobby":
            self._connected().users()
        else:
            self._connected().who(room)

    def _away(self, word="on"):
        if word not in ("on", "off"):
            raise Impossible("This is written /away, or /away off.")
        self._connected().away(word == "on")
        self._screen.show(showing.aside(
            "You are away; /away off says that you are here again." if word == "on" else "You are here again."))

    def _topic(self, room, text=None):
        self._connected().topic(room, "" if text == "-" else text)

    def _ignore(self, name=None):
        if name:
            is_now = self._settings.ignore(name)
            self._screen.show(showing.aside("%s is %s." % (name, "ignored now" if is_now else "no longer ignored")))
        else:
            ignored = ", ".join(sorted(self._settings.ignored))
            self._screen.show(showing.aside("Ignored: %s." % ignored if ignored else "Nobody is ignored."))

    def _search(self, text):
        self._screen.search(text)

    # ---- sealing

    def _seal(self, *words):
        self._screen.show(showing.aside(sealing.seal(self._connected(), self.places.open.name, *words)))

    def _verify(self, *words):
        self._screen.show(showing.aside(sealing.verify(self._connected(), *words)))

    # ---- servers and names

    def _connected(self):
        if not self.chat:
            raise Impossible("You are not connected to a server.")
        return self.chat

    def connect(self, url):
        """Leave the current server, and connect to another. A name before an @ in the URL is taken there."""
        name, url = with_name(url)
        try:
            chat = self._chat(url)
        except ValueError as error:
            raise Impossible(str(error)) from None
        self.leave()
        self._go_to(chat)
        self.places.clear()
        self.rooms.clear()
        self._nick = name or self._nick
        if self._nick and chat.protocol.HAS_GUESTS:
            chat.join(self._nick)
        elif name:
            self._login(name)

    def _chat(self, url):
        chat = Chat(url, self._trust)
        sealing.give_seals(chat, self._settings.folder)
        return chat

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
        if name == me and method == "create" and self.chat.can("change_password"):
            self.chat.create(name, *password)
            return
        if name == me and method != "create":
            raise Impossible("You are %s already." % me)
        chat = self._chat(str(self.chat.address))
        try:
            getattr(chat, method)(name, *password)
            chat.finish()
            if chat.me is None:
                raise Impossible("%s You are still %s." % (chat.why_not(), me))
        except Impossible:
            chat.close(0)
            raise
        self._screen.show(showing.aside("You leave as %s, and come back as %s." % (me, chat.me)))
        rooms = dict(self.chat.inside)
        self._go_to(chat)
        for room, key in rooms.items():
            chat.join_room(room, key)
        for event in chat.poll():
            if type(event) is not events.Connected:  # as there was a connection all the time
                self._handle(event)

    def _login(self, name, password=None):
        if password is None and self._connected().protocol.HAS_PASSWORDS:
            self._screen.ask_password("Password of %s: " % showing.visible(name),
                                      lambda given: self._login(name, given))
        else:
            self._enter("login", name, password or "")

    def _create(self, name, password=None):
        if password is None and self._connected().protocol.HAS_PASSWORDS and self.chat.can("create"):
            self._screen.ask_password("A password for %s: " % showing.visible(name),
                                      lambda given: self._create(name, given))
        else:
            self._enter("create", name, password)

    def _change_password(self, *given):
        self._connected().check("change_password")
        if len(given) < 2:
            self._screen.ask_password("Another password: " if given else "Your password now: ",
                                      lambda password: self._change_password(*given, password))
        else:
            self.chat.change_password(*given)

    def _history(self, what=None):
        if what is None or what.isdecimal() and len(what) < 10:
            self._connected().history(self.places.open.name, int(what or 0) or None)
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
            "Anything else is said in the place that is open; // is a slash. [#ROOM] is the one that is open, if it is "
            "left out. \u2191 brings back what was typed, Tab completes, PageUp looks back, Alt+\u2191 and Alt+\u2193 "
            "open the place above and below, Alt+N the next one with unread messages."))

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
        elif kind is events.Moved:
            self.moved[event.request] = event
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
        elif kind is events.Users and self._lists and event.room is None:
            self._lists -= 1
        elif kind is events.Typing:
            self._typing[event.place, event.name] = time.monotonic()
        elif kind in (events.Said, events.Whispered):
            self._typing.pop((event.sender if kind is events.Whispered else event.room, event.sender), None)
            self._on_talk(event)
        elif kind in (events.Joined, events.Left, events.Renamed, events.RoomNotice) and event.room:
            self._on_room_notice(event)
        elif kind in (events.Joined, events.Left, events.Renamed):
            self._on_coming(event)
        elif kind is events.RoomRenamed:
            self._on_room_renamed(event)
        else:
            self._note_rooms(event)
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

    def _note_rooms(self, event):
        """Remember the names of rooms, to complete them."""
        if type(event) is events.Rooms:
            self.rooms.update(name for name, _, _ in event.rooms)
        elif type(event) is events.Invited:
            self.rooms.add(event.room)

    def _is_ignored(self, name):
        return name in self._settings.ignored

    def _on_talk(self, event):
        if self._is_ignored(event.sender):
            return
        is_direct = type(event) is events.Whispered
        place = self.places[event.sender if is_direct else event.room]
        self._note_file(place, event.text)
        is_mention = showing.mentions(event.text, self._name)
        note = (" (direct)" if is_direct else self._note(event.room)) + showing.seal(event.text)
        line = showing.message(event.sender, event.text, event.time, note, self._name)
        self._put(place, line, is_direct)
        self._count(place, is_mention)
        if is_mention:
            self._screen.ring()

    def _note(self, room):
        """The prefix that names the room of a message, if all places are shown at once."""
        return " (%s)" % showing.visible(room) if room and not self._screen.has_places else ""

    def _put(self, place, line, at_once=False):
        """Show a line where it belongs; at_once: now, too, whatever is open."""
        is_open = place is self.places.open
        self._keep(place, line)
        if is_open or at_once or not self._screen.has_places:
            self._screen.show(line)
            self.unread += 1

    def _keep(self, place, line):
        """Keep a line of a place. If that is open, the screen keeps it among the others that it shows."""
        place.talk.append(line)
        if place is not self.places.open:
            place.lines.append(line)

    def _count(self, place, is_mention):
        if self._screen.has_places and place is not self.places.open:
            place.unread += 1
            place.mentions += is_mention

    def _put_uncounted(self, place, line):
        """Show what nobody has said where it belongs."""
        unread = self.unread
        self._put(place, line)
        self.unread = unread

    def _on_coming(self, event):
        """Somebody comes to the server, goes, or is renamed: told in the lobby, and in the conversation with them."""
        line, name = showing.line(event), event.old if type(event) is events.Renamed else event.name
        self._put_uncounted(self.places.lobby, line)
        if self._screen.has_places and name in self.places:
            self._put_uncounted(self.places[name], line)

    def _on_room_notice(self, event):
        line = showing.in_room(event, "" if self._screen.has_places else event.room + ": ")
        if event.room in self.places or event.room in self._inside:
            self._put_uncounted(self.places[event.room], line)
        else:
            self._screen.show(showing.in_room(event, event.room + ": "))

    def _on_room_renamed(self, event):
        """The place of the room, with its talk and what is unread, goes on under the new name."""
        self.places.rename(event.room, event.name)
        self.rooms.discard(event.room)
        self.rooms.add(event.name)
        self._on_room_notice(event if not self._screen.has_places else event._replace(room=event.name))

    def _on_disconnected(self, event):
        self.progress, self._lists, self._histories = None, 0, 0
        # That there is no connection is reported once; the status line shows further attempts. A refusal is reported.
        if event.again is None or not self._lost or self._reached:
            self._screen.error(showing.line(event))
        self._lost, self._reached = event.again is not None, False

    def _on_recalled(self, event):
        if self._is_ignored(event.sender):
            return
        self._note_file(self.places[event.partner], event.text)
        line = showing.line(event)
        if self._histories:
            self._recalled += 1
            if self._recalled == 1:
                self._screen.show(showing.aside("What was said before:"))
            self._screen.show(showing.dimmed(line))
            return
        place = self.places[event.partner]
        if not self._recalled:
            self._put_uncounted(place, showing.aside("What was said meanwhile:"))
        self._recalled += 1
        unread = self.unread
        self._put(place, line)
        self.unread = unread + (self.unread > unread and event.sender != self._name)
        self._count(place, showing.mentions(event.text, self._name))

    def _on_done(self, event):
        kind, about, text = event.request
        if kind in ("say", "whisper"):
            self._on_sent(about, text)
            return
        self.moved.pop(event.request, None)
        self.progress = None
        if kind in ("history", "missed"):
            self._end_history(kind == "history", about)
        if kind in ("login", "create"):
            self._nick = None
        self._lost = self._lost and kind not in ("join", "login")
        if kind == "join_room":
            self._on_entered(about)
        elif kind == "leave_room":
            self._forget(about)
        self._show(event)

    def _on_sent(self, to, text):
        is_direct = to is not None and not to.startswith("#")
        line = showing.sent(self._name, to, text, ("" if is_direct else self._note(to)) + showing.seal(text))
        self._keep(self.places[to], line)
        self._screen.sent(line)

    def _on_entered(self, room):
        """Go to a room that was entered by hand, and ask who is there and what it is about."""
        place = self.places[room]
        if room == self._going:
            self._going = None
            self.open(place)
            self.chat.topic(room)
            self.chat.who(room)

    def _end_history(self, was_requested, about):
        self._histories -= was_requested
        if self._recalled and was_requested:
            self._screen.show(showing.aside("End of what was said before."))
        elif self._recalled:
            self._put_uncounted(self.places[about], showing.aside("End of what was said meanwhile."))
        elif was_requested:
            self._screen.show(showing.aside("Nothing has been said yet."))
        self._recalled = 0

    def _on_refused(self, event):
        kind, about, text = event.request
        self.moved.pop(event.request, None)
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


# usage: how it is typed; where [#ROOM] comes first, `run` gets a room first, which may be the open one. least, most:
# the number of arguments beside it; the last one takes the rest of the line. request: the method of `Chat` that it
# needs, or None if all protocols have it. says: its description in /help.
Command = namedtuple("Command", "usage least most request run says")


def _managing(act, usage, least, most, says):
    """The command that does `act` in a room."""
    return Command("/%s [#ROOM] %s" % (act, usage) if usage else "/%s [#ROOM]" % act, least, most, "manage",
                   lambda self, room, *words: self._connected().manage(room, act, *words), says)


COMMANDS = (
    Command("/connect URL", 1, 1, None, Session.connect, "go to a server: line://host:4000, binary://host, host:port"),
    Command("/nick NAME", 1, 1, None, Session._take_nick, "be called NAME, now or once you are connected"),
    Command("/username NAME", 1, 1, None, Session._take_nick, "the same"),
    Command("/login NAME [PASSWORD]", 1, 2, None, Session._login, "be the account NAME; a password is asked for"),
    Command("/create NAME [PASSWORD]", 1, 2, "create", Session._create, "make the account NAME"),
    Command("/passwd [OLD NEW]", 0, 2, "change_password", Session._change_password,
            "change your password; you are asked for both"),
    Command("/msg TEXT", 1, 1, None, Session._say, "say TEXT in the open place, like TEXT alone"),
    Command("/me TEXT", 1, 1, None, Session._me, "say what you do: * NAME TEXT"),
    Command("/dm NAME TEXT", 2, 2, "whisper", Session._dm, "say TEXT to NAME alone"),
    Command("/go [PLACE]", 0, 1, None, Session._go, "open a room, lobby, or the conversation with a user; list them"),
    Command("/join #ROOM [KEY]", 1, 2, "join_room", Session._join, "enter a room, which is made if there is none"),
    Command("/part [PLACE]", 0, 1, None, Session._part, "leave a room, close a conversation"),
    Command("/rooms [PATTERN]", 0, 1, "rooms", Session._rooms, "which rooms there are, with their members and topics"),
    Command("/who [#ROOM]", 0, 0, "who", Session._who, "who is in the room"),
    Command("/away [off]", 0, 1, "away", Session._away, "let others know that you are away; off: here again"),
    Command("/topic [#ROOM] [TEXT]", 0, 1, "topic", Session._topic, "the topic; change it; - takes it away"),
    _managing("invite", "NAME", 1, 1, "let NAME in"),
    _managing("kick", "NAME [WHY]", 1, 2, "put NAME out"),
    _managing("ban", "PATTERN [WHY]", 1, 2, "put NAME, or all of a pattern such as bot*, out for good"),
    _managing("unban", "PATTERN", 1, 1, "take a ban back"),
    _managing("mute", "NAME [WHY]", 1, 2, "do not let NAME speak"),
    _managing("unmute", "NAME", 1, 1, "let NAME speak again"),
    _managing("voice", "NAME", 1, 1, "let NAME speak where not everybody may"),
    _managing("devoice", "NAME", 1, 1, "take that back"),
    _managing("op", "NAME", 1, 1, "let NAME keep order, too"),
    _managing("deop", "NAME", 1, 1, "take that back"),
    _managing("set", "SETTING VALUE", 2, 2,
              "private, invite, moderated, sealed: on, off; key, limit, slow: a value, off"),
    _managing("drop", "", 0, 0, "close the room for good"),
    Command("/seal [off, devices, accept ID or remove ID]", 0, 2, None, Session._seal,
            "seal what is said in the open place, or not any more; your devices"),
    Command("/verify NAME [yes]", 1, 2, None, Session._verify, "the digits to compare with NAME; they are the same"),
    Command("/send FILE [TO]", 1, 1, "send_file", Session._send_file, "send a file to the open place, or to TO"),
    Command("/save [NUMBER or NAME]", 0, 1, "save_file", Session._save_file,
            "save the latest file of the open place here, or an earlier one"),
    Command("/ignore [NAME]", 0, 1, None, Session._ignore, "hide what NAME says, or show it again; who is ignored"),
    Command("/search TEXT", 1, 1, None, Session._search, "where TEXT was said in the open place"),
    Command("/users [PATTERN]", 0, 1, "users", lambda self, pattern=None: self._connected().users(pattern),
            "who is there; PATTERN may have * and ?"),
    Command("/user NAME", 1, 1, "describe", lambda self, name: self._connected().describe(name),
            "where NAME is connected from"),
    Command("/ping", 0, 0, None, lambda self: self._connected().ping(), "how long an answer of the server takes"),
    Command("/history [NUMBER or PLACE]", 0, 1, "history", Session._history, "what was said here, or there"),
    Command("/deliver", 0, 0, "deliver", lambda self: self._connected().deliver(),
            "what was kept for you while you were away"),
    Command("/delete", 0, 0, "delete", lambda self: self._connected().delete(), "delete your account"),
    Command("/help", 0, 0, None, Session._help, "show this"),
    Command("/quit", 0, 0, None, Session._leave_for_good, "leave"),
)
UNECHOED = (Session._say, Session._me, Session._dm, Session._search)
BY_NAME = {command.usage.split(" ")[0]: command for command in COMMANDS}
