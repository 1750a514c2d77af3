"""The terminal client without its screen: typed lines to requests, events to lines of output."""
import collections
import functools
import time

from parley.client import commands, events, sealing, showing
from parley.client.address import with_name
from parley.client.chat import Chat
from parley.client.files import told_in
from parley.client.places import Places
from parley.client.protocol import Impossible
from parley.client.settings import Settings

SHOWN_AGAIN = 10  # lines of a place that one goes to, if not more are unread
TYPING_EVERY = 3  # seconds after which others are told again that one is typing
TYPING_LASTS = 5  # seconds for which somebody counts as typing


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
        self.screen = screen
        self._trust = trust
        self.settings = settings or Settings()
        self._nick = self.settings.name or None  # taken along to the next server; never an account
        self._name = None  # the current name, or the last one
        self._going = None  # the room that is being entered, to be gone to
        self._histories = 0  # pending requests of the user's
        self._pasts = {}  # {name of a place that was entered: its latest messages, as far as they have come}
        self._recalled = 0  # messages received of the current one
        self._lost = False
        self._reached = False  # has there been a connection since the loss was reported?
        self._lists = 0  # of users, requested only to complete names
        self._typing_told_at = 0.0  # monotonic seconds, as the next
        self._typing = {}  # {(place, name): when it was last told that somebody is typing there}

    # ---- typed

    def enter(self, typed):
        """Execute a typed line; raises `commands.Quit` if the user wants to leave."""
        typed = typed.rstrip("\r\n")
        if typed.startswith("/") and not typed.startswith("//"):
            self.attempt(functools.partial(commands.run, self), typed)
        elif typed.strip():
            self.send(self.places.open.name, typed[1:] if typed.startswith("//") else typed)

    def attempt(self, action, typed):
        """Call action(typed), and show why if it is not possible."""
        try:
            action(typed)
        except Impossible as impossible:
            self.screen.error(showing.error(str(impossible)))

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

    def send(self, to, text):
        """Say `text` in the lobby (None) or a room, or to a user."""
        try:
            chat = self.connected()
            chat.say(text, to) if to is None or to.startswith("#") else chat.whisper(to, text)
        except Impossible as impossible:
            self.screen.not_sent(showing.not_sent(str(impossible), to, text))

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
        if name.startswith("#") and name not in self.places and name not in ("#lobby", *self.inside):
            raise Impossible("You are not in %s: /join %s." % (name, name))
        self.open(self.places[name])

    def open(self, place):
        """The same, of a `Place`."""
        self.places.open = place
        again = list(place.talk)[-max(place.unread, SHOWN_AGAIN):] if self.screen.has_places else []
        old = max(0, len(again) - place.unread)
        self.read(place)
        heading = [("class:place", "--- %s ---" % showing.visible(place.shown_name))]
        self.screen.look([heading, *map(showing.dimmed, again[:old]), *again[old:]])
        if place.name and not place.is_room and not again:
            self._ask_for_past(place)

    def _ask_for_past(self, place):
        """Show the latest messages of a place that one is new in, if the server tells them."""
        if not self.screen.has_places or place.has_past:
            return
        try:
            self.connected().history(place.name, SHOWN_AGAIN)
        except Impossible:
            return
        place.has_past = True
        self._pasts[place.name] = []

    def read(self, place):
        """All that was said in a place has been read."""
        place.unread = place.mentions = 0

    def join(self, room, key=None):
        """Enter a room, and go to it then."""
        self.connected().join_room(room, key)
        self._going = room

    @property
    def inside(self):
        """The rooms that one is in, with their keys."""
        return self.chat.inside if self.chat else ()

    def forget(self, name):
        """Remove a place from the list."""
        was_open = name is not None and self.places.open.name == name
        self.places.remove(name)
        if was_open:
            self.open(self.places.lobby)

    # ---- servers and names

    def connected(self):
        """The chat; raises `Impossible` if there is none."""
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
            self.login(name)

    def _chat(self, url):
        chat = Chat(url, self._trust)
        sealing.give_seals(chat, self.settings.folder)
        return chat

    def _go_to(self, chat):
        if self.chat:
            self.chat.close()
            self.update()
        self.chat, self._lost = chat, False

    def take_nick(self, name):
        """Be called so, now or on the next server."""
        if not self.chat:
            self.screen.show(showing.line(events.Welcomed(name)))
        elif self.chat.me is not None and self.chat.can("rename"):
            self.chat.rename(name)
        else:
            self._enter("join", name)
        self._nick = name

    def _enter(self, method, name, *password):
        """Log in as `name`. The current name, if there is one, is kept until this succeeds."""
        me = self.connected().me
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
        self.screen.show(showing.aside("You leave as %s, and come back as %s." % (me, chat.me)))
        rooms = dict(self.chat.inside)
        self._go_to(chat)
        for room, key in rooms.items():
            chat.join_room(room, key)
        for event in chat.poll():
            if type(event) is not events.Connected:  # as there was a connection all the time
                self._handle(event)

    def login(self, name, password=None):
        """Log in to an account, and ask for the password if it is needed and not given."""
        if password is None and self.connected().protocol.HAS_PASSWORDS:
            self.screen.ask_password("Password of %s: " % showing.visible(name),
                                     lambda given: self.login(name, given))
        else:
            self._enter("login", name, password or "")

    def create(self, name, password=None):
        """Make an account, likewise."""
        if password is None and self.connected().protocol.HAS_PASSWORDS and self.chat.can("create"):
            self.screen.ask_password("A password for %s: " % showing.visible(name),
                                     lambda given: self.create(name, given))
        else:
            self._enter("create", name, password)

    def change_password(self, *given):
        """Change the password; given: the old and the new one, as far as they need not be asked for."""
        self.connected().check("change_password")
        if len(given) < 2:
            self.screen.ask_password("Another password: " if given else "Your password now: ",
                                     lambda password: self.change_password(*given, password))
        else:
            self.chat.change_password(*given)

    def history(self, name, count=None):
        """Ask for what was said in a place; count: so many messages, or as many as the server tells."""
        self.connected().history(name, count)
        self._histories += 1

    def leave(self):
        """Leave the server, if there is one."""
        was_connected = self.chat and self.chat.state == "connected"
        self._go_to(None)
        if was_connected:
            self.screen.show([("", "Disconnected from the server.")])

    # ---- received

    def update(self):
        """Show what has been received."""
        for event in self.chat.poll() if self.chat else ():
            self._handle(event)

    def _handle(self, event):
        self._REACTIONS.get(type(event), Session._show)(self, event)

    def _on_progress(self, event):
        self.progress = event.count

    def _on_moved(self, event):
        self.moved[event.request] = event

    def _on_connected(self, event):
        self._show(event)
        self._reached = True

    def _on_welcomed(self, event):
        self._show(event)
        self._name = event.name
        self._nick = self._nick and event.name
        self._ask_for_past(self.places.lobby)
        self._ask_for_names()

    def _on_kept(self, event):
        self._show(event)
        if self.chat.state == "connected":
            self.chat.deliver()

    def _on_users(self, event):
        if self._lists and event.room is None:
            self._lists -= 1
        else:
            self._show(event)

    def _on_typing(self, event):
        now = time.monotonic()
        self._typing = {where: told for where, told in self._typing.items() if told > now - TYPING_LASTS}
        self._typing[event.place, event.name] = now

    def _on_unsure(self, event):
        self.screen.not_sent(showing.line(event))

    def _ask_for_names(self):
        if self.screen.completes and self.chat.me is not None and self.chat.can("users"):
            self.chat.users()
            self._lists += 1

    def _show(self, event):
        line = showing.line(event)
        if line:
            self.screen.show(line)

    def _on_rooms(self, event):
        self.rooms.update(name for name, _, _ in event.rooms)
        self._show(event)

    def _on_invited(self, event):
        self.rooms.add(event.room)
        self._show(event)

    def _is_ignored(self, name):
        return name in self.settings.ignored

    def _on_talk(self, event):
        is_direct = type(event) is events.Whispered
        self._typing.pop((event.sender if is_direct else event.room, event.sender), None)
        if self._is_ignored(event.sender):
            return
        place = self.places[event.sender if is_direct else event.room]
        self._note_file(place, event.text)
        is_mention = showing.mentions(event.text, self._name)
        note = (" (direct)" if is_direct else self._note(event.room)) + showing.seal(event.text)
        line = showing.message(event.sender, event.text, event.time, note, self._name)
        place.live.append((event.sender, event.text))
        self._put(place, line, is_direct)
        self._count(place, is_mention)
        if is_mention:
            self.screen.ring()

    def _note(self, room):
        """The prefix that names the room of a message, if all places are shown at once."""
        return " (%s)" % showing.visible(room) if room and not self.screen.has_places else ""

    def _put(self, place, line, at_once=False):
        """Show a line where it belongs; at_once: now, too, whatever is open."""
        is_open = place is self.places.open
        self._keep(place, line)
        if is_open or at_once or not self.screen.has_places:
            self.screen.show(line)
            self.unread += 1

    def _keep(self, place, line):
        """Keep a line of a place. If that is open, the screen keeps it among the others that it shows."""
        place.talk.append(line)
        if place is not self.places.open:
            place.lines.append(line)

    def _count(self, place, is_mention):
        if self.screen.has_places and place is not self.places.open:
            place.unread += 1
            place.mentions += is_mention

    def _put_uncounted(self, place, line):
        """Show what nobody has said where it belongs."""
        unread = self.unread
        self._put(place, line)
        self.unread = unread

    def _on_coming(self, event):
        """Somebody comes to the server or a room, goes, or is renamed.

        What concerns the server is told in the lobby, and in the conversation with them.
        """
        if event.room:
            self._on_room_notice(event)
            return
        line, name = showing.line(event), event.old if type(event) is events.Renamed else event.name
        self._put_uncounted(self.places.lobby, line)
        if self.screen.has_places and name in self.places:
            self._put_uncounted(self.places[name], line)

    def _on_room_notice(self, event):
        if type(event) is events.Left and event.name == self._name:
            event = events.RoomNotice(event.room, "You are not in this room any more.")
        line = showing.in_room(event, "" if self.screen.has_places else event.room + ": ")
        if event.room in self.places or event.room in self.inside:
            self._put_uncounted(self.places[event.room], line)
        else:
            self.screen.show(showing.in_room(event, event.room + ": "))

    def _on_room_renamed(self, event):
        """The place of the room, with its talk and what is unread, goes on under the new name."""
        self.places.rename(event.room, event.name)
        self.rooms.discard(event.room)
        self.rooms.add(event.name)
        self._on_room_notice(event if not self.screen.has_places else event._replace(room=event.name))

    def _on_disconnected(self, event):
        self.progress, self._lists, self._histories = None, 0, 0
        self._pasts.clear()
        # That there is no connection is reported once; the status line shows further attempts. A refusal is reported.
        if event.again is None or not self._lost or self._reached:
            self.screen.error(showing.line(event))
        self._lost, self._reached = event.again is not None, False

    def _on_recalled(self, event):
        if self._is_ignored(event.sender):
            return
        self._note_file(self.places[event.partner], event.text)
        if event.partner in self._pasts:
            self._pasts[event.partner].append(event)
            return
        line = showing.line(event)
        if self._histories:
            self._recalled += 1
            if self._recalled == 1:
                self.screen.show(showing.aside("What was said before:"))
            self.screen.show(showing.dimmed(line))
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
        if kind == "history" and about in self._pasts:
            self._show_past(self.places[about], self._pasts.pop(about))
        elif kind in ("history", "missed"):
            self._end_history(kind == "history", about)
        if kind in ("login", "create"):
            self._nick = None
        self._lost = self._lost and kind not in ("join", "login")
        if kind == "join_room":
            self._on_entered(about)
        elif kind == "leave_room":
            self.forget(about)
        self._show(event)

    def _on_sent(self, to, text):
        is_direct = to is not None and not to.startswith("#")
        line = showing.sent(self._name, to, text, ("" if is_direct else self._note(to)) + showing.seal(text))
        self.places[to].live.append((self._name, text))
        self._keep(self.places[to], line)
        self.screen.sent(line)

    def _on_entered(self, room):
        """Go to a room that was entered by hand, and ask who is there and what it is about."""
        place = self.places[room]
        if room == self._going:
            self._going = None
            self.open(place)
            self._ask_for_past(place)
            self.chat.topic(room)
            self.chat.who(room)

    def _show_past(self, place, past):
        """Show the latest messages of a place, without those that have come live since they were asked for."""
        live = collections.Counter(place.live)
        shown = []
        for event in reversed(past):
            if live[event.sender, event.text]:
                live[event.sender, event.text] -= 1
            else:
                shown.insert(0, event)
        for event in shown:
            self._put_uncounted(place, showing.dimmed(showing.line(event)))

    def _end_history(self, was_requested, about):
        self._histories -= was_requested
        if self._recalled and was_requested:
            self.screen.show(showing.aside("End of what was said before."))
        elif self._recalled:
            self._put_uncounted(self.places[about], showing.aside("End of what was said meanwhile."))
        elif was_requested:
            self.screen.show(showing.aside("Nothing has been said yet."))
        self._recalled = 0

    def _on_refused(self, event):
        kind, about, text = event.request
        self.moved.pop(event.request, None)
        if kind == "users" and self._lists:
            self._lists -= 1
            return
        if kind in ("say", "whisper"):
            self.screen.not_sent(showing.not_sent(event.why, about, text))
            self._nick = self._nick and self.chat.me
            return
        if kind == "history" and self._pasts.pop(about, None) is not None:
            return  # the user has not asked for it
        if kind == "history" and self._histories:
            self._histories -= 1
        if kind in ("join", "rename"):
            self._nick = self.chat.me
        self._lost = self._lost and kind not in ("join", "login")
        self.screen.error(showing.line(event))

    _REACTIONS = {
        events.Connected: _on_connected,
        events.Disconnected: _on_disconnected,
        events.Welcomed: _on_welcomed,
        events.Kept: _on_kept,
        events.Said: _on_talk,
        events.Whispered: _on_talk,
        events.Typing: _on_typing,
        events.Recalled: _on_recalled,
        events.Progress: _on_progress,
        events.Moved: _on_moved,
        events.Done: _on_done,
        events.Refused: _on_refused,
        events.Unsure: _on_unsure,
        events.Joined: _on_coming,
        events.Left: _on_coming,
        events.Renamed: _on_coming,
        events.RoomNotice: _on_room_notice,
        events.RoomRenamed: _on_room_renamed,
        events.Invited: _on_invited,
        events.Rooms: _on_rooms,
        events.Users: _on_users,
    }
