"""The desktop client without its window: users, rooms, conversations, unread messages, and errors."""
import collections
import os
import time

from parley.client import events, sealing, showing
from parley.client.chat import Chat
from parley.client.files import chosen, meant_by, told_in
from parley.client.gui import commands
from parley.client.gui.account import address_of
from parley.client.gui.conversation import FAILED, MAX_CLOCK_SKEW, ROOM, SENDING, UNSURE, Conversation, Message
from parley.client.places import superfluous
from parley.client.protocol import Impossible
from parley.client.sealed import Opened
from parley.client.settings import Settings
from parley.server.protocols.text import canonical

MAX_HISTORIES = 50  # that are requested after a reconnect

# `dollar` does not say which of the two it is. In other protocols the password takes a name over.
LOGGED_IN_ELSEWHERE = "You have logged in elsewhere, or your password is another now."


def downloads():
    """The folder into which files are saved by default."""
    home = os.path.expanduser("~")
    usual = os.path.join(home, "Downloads")
    return usual if os.path.isdir(usual) else home


class Model:
    """The state of the client, logged in to one server. Call `tick` ten times a second, and show the attributes.

    me: the user's name. online: {name: is online}. open: the `Conversation` that is shown, or None. has_room: does the
    server have a lobby? is_welcome: has a login succeeded? trouble: a sentence about the latest error, or "".
    rings: how often the user has been mentioned in live messages. keeps_files: does the server keep files?
    settings: those of the terminal client; only the ignored names are used here.
    """

    def __init__(self, server, name, password, trust=None, clock=time.time, connect=Chat, settings=None):
        """Begin to log in. Raises ValueError, with a sentence, if what was typed cannot be used.

        trust: as in `client.connect`. clock: gives seconds since the epoch.
        """
        found = address_of(server)
        self.me = name.strip()
        if not self.me:
            raise ValueError("What is your name? Type that of your account.")
        self.online = {}
        self.open = None
        self.has_room = self.is_welcome = self.keeps_files = False
        self.trouble = ""
        self.why_given_up = ""  # why there will be no further attempt, or ""
        self.has_focus = True
        self.rings = 0
        self._moved = {}  # {request to send or save a file: the latest `Moved` of it}
        self.settings = settings or Settings()
        self._going = None  # the room that the user is entering, and that is opened then
        self._shown_topics = set()  # the rooms whose topics the user has asked for
        self._lists = collections.deque()  # for each pending list of users: has the user asked for it?
        self._password = password
        self._clock = clock
        self._conversations = {}
        self._recalled = collections.defaultdict(list)  # {partner: messages of an unfinished history}
        self._why = ""
        self._lost_at = self._retry_at = None
        self._resumes = found.protocol == "web"  # then the server tells what was missed, but not who is online
        self._chat = connect(str(found), trust)
        sealing.give_seals(self._chat, self.settings.folder)
        self._chat.login(self.me, password)

    # ---- state

    @property
    def host_port(self):
        """host:port of the server."""
        return self._chat.address.host_port

    @property
    def is_online(self):
        return self._chat.me is not None

    @property
    def has_files(self):
        """Does the server's protocol carry files?"""
        return self._chat.can("send_file")

    @property
    def connection(self):
        """A sentence about the connection; empty while the user is logged in."""
        if self.is_online:
            return ""
        if self.why_given_up:
            return self.why_given_up
        if self._retry_at is None:
            return (self._why + " Trying again ...").lstrip() if self._why else "Connecting to %s ..." % self.host_port
        return "%s Trying again in %d s." % (self._why, max(1, round(self._retry_at - self._clock())))

    @property
    def unread(self):
        return sum(conversation.unread for conversation in self._conversations.values())

    def listing(self):
        """The conversations in the order of the list: the lobby, rooms, users who are online, and users who are not."""
        talks = {partner for partner, one in self._conversations.items() if one.messages}
        rooms = set(self.inside) | {one for one in talks if one is not ROOM and one.startswith("#")}
        ordered = sorted((set(self.online) | talks) - {self.me, ROOM} - rooms,
                         key=lambda name: (not self.online.get(name), name.lower(), name))
        return [self.conversation(partner) for partner in ([ROOM] if self.has_room else []) + sorted(rooms) + ordered]

    @property
    def inside(self):
        """The rooms in which the user is, with their keys."""
        return self._chat.inside

    def conversation(self, partner):
        return self._conversations.setdefault(partner, Conversation(partner))

    # ---- what the user does

    def open_conversation(self, conversation):
        """Open a conversation."""
        if conversation is self.open:
            return
        self.open = conversation
        self.trouble = ""
        self._mark_read()
        if not conversation.is_loaded:
            self._request_history(conversation)

    def set_focus(self, has_focus):
        """Note whether the window has the focus; then the open conversation is read."""
        self.has_focus = has_focus
        self._mark_read()

    def say(self, text):
        """Say `text` in the open conversation, or do what it says if it is a command that begins with a slash.

        Returns whether it could be sent, else `trouble` says why not.
        """
        text = canonical(text.rstrip().encode("utf-8", "replace")).decode()
        return bool(text) and self._attempt(self._do, text)

    def _do(self, text):
        conversation = self._opened()
        if text.startswith("/") and not text.startswith("//"):
            commands.run(self, self._chat, text)
        else:
            self.say_to(conversation, text[1:] if text.startswith("//") else text)

    def say_to(self, conversation, text):
        """Say `text` in a conversation; raises `Impossible`."""
        if conversation.partner is ROOM or conversation.is_room:
            self._chat.say(text, conversation.partner)
        else:
            self._chat.whisper(conversation.partner, text)
        if self.is_sealed(conversation):
            text = Opened(text)
        conversation.add(Message(self.me, text, self._clock(), SENDING))
        conversation.first_unread = None

    def join(self, room, key=None):
        """Enter a room, and open it then; raises `Impossible`."""
        self._chat.join_room(room, key)
        self._going = room

    def forget(self, room):
        """Leave a room, and remove it from the list; raises `Impossible`."""
        if room in self.inside:
            self._chat.leave_room(room)
        else:
            self._on_left_room(room)

    def ask_users(self):
        """Show who is online, once the answer has come; raises `Impossible`."""
        self._chat.users()
        self._lists.append(True)

    def ask_topic(self, room):
        """Show the topic of a room, once the answer has come; raises `Impossible`."""
        self._chat.topic(room)
        self._shown_topics.add(room)

    def tell(self, text, conversation=None):
        """Show a sentence among the messages of a conversation, or of the open one."""
        conversation = conversation or self.open
        if conversation:
            conversation.add(Message(None, text, self._clock()))
        else:
            self.trouble = text

    def is_sealed(self, conversation):
        """Are messages sealed there?"""
        return sealing.is_sealed(self._chat, conversation.partner)

    def send_file(self, path, to=None):
        """Send the file at `path` to somebody, or to the open conversation; returns whether that has begun."""
        return self._attempt(self._send_file, path, to)

    def _send_file(self, path, to=None):
        if to is None:
            to = self._opened().partner
        self._chat.send_file(path, to)

    def send_typed(self, typed):
        """Do /send with this argument; raises `Impossible`."""
        path, to = meant_by(typed, None)
        self._send_file(path, to)

    def save_file(self, text, path):
        """Save the file that a message announces at this path; returns whether that has begun. text: of the message."""
        folder, name = os.path.split(path)
        return self._attempt(self._chat.save_file, text, folder or ".", name)

    def save_chosen(self, which):
        """Save a file of the open conversation; which: a number or a name. Raises `Impossible`."""
        self._chat.check("save_file")
        told = [message.text for message in self._opened().messages if message.sender and told_in(message.text)]
        self._chat.save_file(chosen(told, which), downloads())

    def _opened(self):
        if not self.open:
            raise Impossible("To whom? Choose somebody on the left first.")
        return self.open

    def _attempt(self, action, *arguments):
        try:
            self.trouble = ""
            action(*arguments)
        except Impossible as impossible:
            self.trouble = str(impossible)
        return not self.trouble

    @property
    def moving(self):
        """The progress of file transfers, as one text; empty if there are none."""
        return " \u00b7 ".join(
            "%s %s: %d %%" % ("Sending" if request.kind == "send_file" else "Saving", showing.visible(request.text),
                             100 * moved.done // max(1, moved.total)) for request, moved in self._moved.items())

    def retry(self):
        """Log in again, after the client has given up."""
        self.why_given_up = self.trouble = ""
        self._chat.login(self.me, self._password)

    def close(self, timeout=1):
        """Log out, waiting at most `timeout` seconds for the server."""
        self._chat.close(timeout)

    def tick(self):
        """Process what has been received."""
        for event in self._chat.poll():
            self._REACTIONS.get(type(event), Model._ignore)(self, event)

    # ---- what is received

    def _ignore(self, event):
        pass

    def _on_said(self, event):
        self._receive(self.conversation(event.room), event)

    def _on_whispered(self, event):
        self._receive(self.conversation(event.sender), event)

    def _receive(self, conversation, event):
        if event.sender in self.settings.ignored:
            return
        self.rings += showing.mentions(event.text, self.me)  # also if it is known from a history
        message = Message(event.sender, event.text, event.time)
        known = conversation.known(message)
        if known is None:
            if not conversation.messages:
                self._forget_some()
            conversation.add(message)
        if known is None or not known.is_counted:
            self._mark_unread(conversation, [known or message])

    def _forget_some(self):
        """If there are too many conversations, forget the one in which the least was said."""
        talks = [one for one in self._conversations.values()
                 if one.messages and one is not self.open and not (one.partner is ROOM or one.is_room)]
        for one in superfluous(talks, lambda one: len(one.messages)):
            del self._conversations[one.partner]

    def _on_joined(self, event):
        if event.room is None and self._resumes:
            self.online[event.name] = True
        self._on_room_notice(event)

    def _on_left(self, event):
        if event.room is None and self._resumes:
            self.online.pop(event.name, None)
        self._on_room_notice(event)

    def _on_renamed(self, event):
        if event.room is None and self._resumes and self.online.pop(event.old, None):
            self.online[event.new] = True
        self._on_room_notice(event)

    def _on_users(self, event):
        is_shown = event.room is not None or self._lists.popleft()
        if event.room is None and self._resumes:
            self.online = dict(event.users)
        if is_shown:
            self._on_answer(event)

    def _on_room_notice(self, event):
        if event.room is None:
            return  # the list of users shows that
        conversation = self.conversation(event.room)
        self.tell(showing.plain_text(showing.in_room(event)), conversation)
        if type(event) is events.RoomNotice and self.is_online and event.room in self.inside:
            self._chat.topic(event.room)  # it may have been changed

    def _on_room_renamed(self, event):
        """The conversation keeps its messages, under the new name."""
        conversation = self._conversations.pop(event.room, None)
        if conversation is not None:
            if self._conversations.get(event.name) is self.open:
                self.open = conversation
            conversation.partner = event.name
            self._conversations[event.name] = conversation
        if self._going == event.room:
            self._going = event.name
        if event.room in self._shown_topics:
            self._shown_topics.discard(event.room)
            self._shown_topics.add(event.name)
        self.tell(showing.plain_text(showing.in_room(event)), self.conversation(event.name))

    def _on_topic(self, event):
        self.conversation(event.room).topic = event.text
        if event.room in self._shown_topics:
            self._shown_topics.discard(event.room)
            self._on_answer(event)

    def _on_answer(self, event):
        self.tell(showing.plain_text(showing.line(event)))

    def _on_entered(self, room):
        conversation = self.conversation(room)
        self._chat.topic(room)
        if room == self._going:
            self._going = None
            self.open_conversation(conversation)

    def _on_left_room(self, room):
        conversation = self._conversations.pop(room, None)
        if conversation is not None and conversation is self.open:
            self.open = None
            if self.has_room:
                self.open_conversation(self.conversation(ROOM))

    def _on_listed(self, event):
        self.online, self.has_room = dict(event.users), event.has_room

    def _on_kept(self, event):
        if self._resumes:
            self._chat.deliver()
        for partner, count in event.partners.items():
            conversation = self.conversation(partner)
            if not conversation.is_loaded:  # else its history is requested again, and shows what is new
                conversation.unread += 0 if self._is_seen(conversation) else count - conversation.kept
                conversation.kept = count

    def _on_welcomed(self, event):
        is_back, self.is_welcome, self._why, self.trouble = self.is_welcome, True, "", ""
        self.keeps_files = self._chat.keeps_files
        if self._resumes:
            self.me, self.has_room = event.name, True
            self._chat.users()
            self._lists.append(False)
            if self.open and not self.open.is_loaded:
                self._request_history(self.open)
            return
        conversations = self.listing() if is_back else []
        conversations.sort(key=lambda one: not one.is_loaded)  # loaded ones first: their histories are all requested
        for count, conversation in enumerate(conversations):
            if conversation.is_loaded or conversation is self.open or count < MAX_HISTORIES:
                self._request_history(conversation)

    def _on_recalled(self, event):
        self._recalled[event.partner].append(Message(event.sender, event.text, event.time, from_history=True))

    def _on_disconnected(self, event):
        self._recalled.clear()
        self._lists.clear()
        self._why = event.why
        if event.again is None:
            self.why_given_up = event.why
        else:
            self._retry_at = self._clock() + event.again
        if self._lost_at is None:
            self._lost_at = self._clock()

    def _on_connected(self, event):
        self._retry_at = None

    def _on_done(self, event):
        kind, about, text = event.request
        if kind == "history":
            self._add_history(self.conversation(about), self._recalled.pop(about, []))
        elif kind == "missed":
            self._add_missed(self.conversation(about), self._recalled.pop(about, []))
        elif kind in ("say", "whisper"):
            self.conversation(about).settle(self.me, text, "")
        elif kind == "join_room":
            self._on_entered(about)
        elif kind == "leave_room":
            self._on_left_room(about)
        elif kind == "send_file":
            self.tell(showing.plain_text(showing.line(event)), self.conversation(about))
        self._moved.pop(event.request, None)

    def _on_refused(self, event):
        kind, about, text = event.request
        self._moved.pop(event.request, None)
        if kind == "login":
            self.why_given_up = LOGGED_IN_ELSEWHERE if self.is_welcome else event.why
        elif kind in ("say", "whisper"):
            self._return_draft(about, text, FAILED)
            self.trouble = event.why
        elif kind in ("send_file", "save_file"):
            self.trouble = "%s is not %s: %s" % (text, "sent" if kind == "send_file" else "saved", event.why)
        elif kind != "history":  # a history is requested again after the next login
            self.trouble = event.why
            if kind == "users":
                self._lists.popleft()

    def _on_unsure(self, event):
        # The next history may show that it has arrived.
        self.conversation(event.request.about).settle(self.me, event.request.text, UNSURE)

    def _on_moved(self, event):
        self._moved[event.request] = event

    def _on_notice(self, event):
        if self._resumes:  # it may be about devices, and has to stay visible until it is read
            self.tell(event.text, self.open or self.conversation(ROOM))
        else:
            self.trouble = event.text

    _REACTIONS = {
        events.Connected: _on_connected,
        events.Disconnected: _on_disconnected,
        events.Welcomed: _on_welcomed,
        events.Listed: _on_listed,
        events.Kept: _on_kept,
        events.Said: _on_said,
        events.Whispered: _on_whispered,
        events.Recalled: _on_recalled,
        events.Done: _on_done,
        events.Refused: _on_refused,
        events.Unsure: _on_unsure,
        events.Moved: _on_moved,
        events.Saved: _on_answer,
        events.Notice: _on_notice,
        events.Joined: _on_joined,
        events.Left: _on_left,
        events.Renamed: _on_renamed,
        events.RoomNotice: _on_room_notice,
        events.RoomRenamed: _on_room_renamed,
        events.Invited: _on_answer,
        events.Topic: _on_topic,
        events.Rooms: _on_answer,
        events.Users: _on_users,
    }

    # ---- histories and unread messages

    def _request_history(self, conversation):
        if self.is_online:
            self._chat.history(conversation.partner)

    def _add_history(self, conversation, history):
        is_first = not conversation.is_loaded
        new = conversation.merge([message for message in history if message.sender not in self.settings.ignored])
        if is_first and conversation.kept:
            self._mark_kept(conversation, new)
            return
        if is_first and (conversation is self.open or self._lost_at is None):
            return
        if is_first:
            new = [message for message in new if message.time >= self._lost_at - MAX_CLOCK_SKEW]
        self._mark_unread(conversation, new)

    def _add_missed(self, conversation, messages):
        """Add the messages that were said while there was no connection."""
        for message in messages:
            self._receive(conversation, message)

    def _mark_kept(self, conversation, new):
        """The history has come, and with it the messages that were kept, the partner's last ones. Find the first."""
        theirs = [message for message in new if message.sender == conversation.partner]
        conversation.first_unread = (theirs[-conversation.kept:] or [conversation.first_unread])[0]
        conversation.kept = 0

    def _mark_unread(self, conversation, messages):
        for message in messages:
            message.is_counted = True
        messages = [message for message in messages if message.sender != self.me]
        if messages and not self._is_seen(conversation):
            if not conversation.unread:
                conversation.first_unread = messages[0]
            conversation.unread += len(messages)
            conversation.mentions += sum(showing.mentions(message.text, self.me) for message in messages)

    def _is_seen(self, conversation):
        return conversation is self.open and self.has_focus

    def _mark_read(self):
        if self.open and self.has_focus:
            if not self.open.unread:
                self.open.first_unread = None
            self.open.unread = self.open.mentions = 0

    def _return_draft(self, about, text, state):
        """Put a refused text back into the entry, unless something is typed there."""
        conversation = self.conversation(about)
        conversation.settle(self.me, text, state)
        conversation.draft = conversation.draft or str(text)
