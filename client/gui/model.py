"""The desktop client without its window: users, rooms, conversations, unread messages, and errors."""
import collections
import os
import time

from parley.client import address, events, sealing, showing
from parley.client.chat import Chat
from parley.client.files import chosen, meant_by, told_in
from parley.client.gui import commands
from parley.client.protocol import Impossible
from parley.client.sealed import Opened
from parley.client.settings import Settings
from parley.server.protocols.text import canonical

ROOM = None  # the lobby, where otherwise the name of a room or of a partner is
MAX_MESSAGES = 2000  # that are kept of a conversation
MAX_HISTORIES = 50  # that are requested after a reconnect
MAX_CLOCK_SKEW = 3  # seconds between the server's clock and ours
MAX_IN_FLIGHT = 20  # messages of a history that may come once more, as they were on their way

# `dollar` cannot say which of the two. Somebody takes a name over with its password, in another protocol.
LOGGED_IN_ELSEWHERE = "You have logged in elsewhere, or your password is another now."
ACCOUNTS = "line"  # the protocol in which those accounts are made that are for `dollar`, at its usual port
SENDING, FAILED, UNSURE = "sending", "not sent", "may not have arrived"


def address_of(typed):
    """The `Address` that was typed; raises ValueError, with a sentence, if this client cannot use it."""
    typed = typed.strip()
    if not typed:
        raise ValueError("Which server? Type its host, such as localhost or chat.example:8080.")
    found = address.parse(typed, "dollar")
    if found.protocol not in ("dollar", "web"):
        raise ValueError("This window speaks only `dollar` and `web`; for %s there is the terminal client." % typed)
    return found


def downloads():
    """The folder into which files are saved where nobody says another one."""
    home = os.path.expanduser("~")
    usual = os.path.join(home, "Downloads")
    return usual if os.path.isdir(usual) else home


class NewAccount:
    """An account that is being made. `dollar` cannot do that, so for it that is done in `line`, on the same host."""

    def __init__(self, server, name, password, trust=None, port=None):
        """Raises ValueError, with a sentence, for what cannot be used. port: that of `line`; None: the usual one."""
        found = address_of(server)
        if not name.strip() or not password:
            raise ValueError("Which name and which password shall the account have? Type them above.")
        self.is_made, self.why_not = False, ""
        self._where = ""
        if found.protocol == "dollar":
            host = found.host_port.rpartition(":")[0]
            found = "%s%s://%s%s" % (ACCOUNTS, "+tls" * found.tls, host, ":%d" % port if port else "")
            self._where = " (Accounts are made in `%s`, there.)" % ACCOUNTS
        self._chat = Chat(str(found), trust)
        try:
            self._chat.create(name.strip(), password)
        except Impossible as impossible:
            self.why_not = str(impossible)

    def tick(self):
        """See whether it `is_made`, or else `why_not`, a sentence."""
        for event in self._chat.poll():
            if type(event) is events.Disconnected and not self.why_not:
                self.why_not = event.why + self._where
            elif type(event) is events.Refused:
                self.why_not = event.why
            elif type(event) is events.Done and event.request.kind == "create":
                self.is_made = True

    def close(self, timeout=1):
        """Log out, so that the name is free again."""
        self._chat.close(timeout)


class Message:
    """A message. `time` is in seconds since the epoch; without a `sender` it tells what has happened.

    `state` is SENDING, FAILED or UNSURE, or empty if the message has arrived.
    from_history: is it in a history, and has not been received live? is_counted: has it been among the unread ones, or
    could have been? is_sealed: was it, or will it be?
    """

    __slots__ = ("sender", "text", "time", "state", "from_history", "is_counted")

    def __init__(self, sender, text, seconds, state="", from_history=False):
        self.sender, self.text, self.time, self.state, self.from_history = sender, text, seconds, state, from_history
        self.is_counted = False

    @property
    def is_sealed(self):
        return isinstance(self.text, Opened)

    @property
    def said(self):
        """What makes it the same as another one: who has said what, sealed or openly."""
        return self.sender, self.text, self.is_sealed


class Conversation:
    """The conversation with one partner, in a room, or in the lobby."""

    def __init__(self, partner):
        self.partner = partner
        self.is_room = partner is not ROOM and partner.startswith("#")
        self.topic = ""  # of a room
        self.messages = []
        self.unread = 0
        self.mentions = 0  # of these with one's own name in them
        self.kept = 0  # how many of these the server has kept; they come with the history
        self.first_unread = None  # the first message that was unread when the conversation was opened
        self.draft = ""  # what is typed and not sent
        self.is_loaded = False  # has the server's history been merged?

    def add(self, message):
        self.messages.append(message)
        if len(self.messages) > MAX_MESSAGES * 5 // 4:  # many at once, as the window then redraws everything
            del self.messages[:-MAX_MESSAGES]

    def known(self, received):
        """The message of the history that this live one is, or None. It is found only once."""
        for message in self.messages[-MAX_IN_FLIGHT:]:
            if message.from_history and message.said == received.said and (
                    abs(message.time - received.time) <= MAX_CLOCK_SKEW):
                message.from_history = False
                return message
        return None

    def merge(self, history):
        """Merge the messages of the server's history; returns those that are new."""
        present = {}
        for message in self.messages:
            present.setdefault(message.said, []).append(message)
        new, merged, found = [], [], set()
        for message in history:
            known = present.get(message.said)
            if known:
                message = known.pop(0)
                message.state = ""
                found.add(message)
            else:
                new.append(message)
            merged.append(message)
        positions = [position for position, message in enumerate(self.messages) if message in found]
        first = positions[0] if positions else len(self.messages) if self.is_loaded else 0
        merged = self.messages[:first] + merged + [m for m in self.messages[first:] if m not in found]
        self.messages, self.is_loaded = merged[-MAX_MESSAGES:], True
        return new

    def settle(self, me, text, state):
        """Set the state of the message with this text that `me` is sending."""
        for message in self.messages:
            if message.state == SENDING and (message.sender, message.text) == (me, text):
                message.state, message.text = state, text  # which tells whether it was sealed
                return


class Model:
    """The state of the client, logged in to one server. Call `tick` ten times a second, and show what is here.

    me: the user's name. online: {name: is online}. open: the `Conversation` that is shown, or None. has_room: does the
    server have a lobby? is_welcome: has there been a login? trouble: a sentence about the latest error, or "".
    rings: how often one's own name was mentioned in what was heard.
    keeps_files: does the server? settings: those of the terminal client, of which this one knows who is ignored.
    """

    def __init__(self, server, name, password, trust=None, clock=time.time, connect=Chat, settings=None):
        """Raises ValueError, with a sentence, if what was typed cannot be used."""
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
        self._going = None  # the room that was entered by hand and will be open
        self._shown_topics = set()  # the rooms whose topics were asked for by hand
        self._lists = collections.deque()  # of each list of users that was asked for: was it by hand?
        self._password = password
        self._clock = clock
        self._conversations = {}
        self._recalled = collections.defaultdict(list)  # {partner: messages that have come of an answer so far}
        self._why = ""
        self._lost_at = self._retry_at = None
        self._resumes = found.protocol == "web"  # which tells what was missed, and does not send the list of users
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
        """A sentence about the connection; empty while it is there."""
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
        """The names of the rooms that one is in."""
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
        """Enter a room, and open it once one is in it; raises `Impossible`."""
        self._chat.join_room(room, key)
        self._going = room

    def forget(self, room):
        """Leave a room, and have no more of it in the list; raises `Impossible`."""
        if room in self.inside:
            self._chat.leave_room(room)
        else:
            self._on_left_room(room)

    def ask_users(self):
        """Ask who is here, to tell it; raises `Impossible`."""
        self._chat.users()
        self._lists.append(True)

    def ask_topic(self, room):
        """Ask for the topic, to tell it; raises `Impossible`."""
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
        """Is what is said there sealed?"""
        return sealing.is_sealed(self._chat, conversation.partner)

    def send_file(self, path, to=None):
        """Send the file at `path` to somebody, or to the open conversation; returns whether it begins."""
        return self._attempt(self._send_file, path, to)

    def _send_file(self, path, to=None):
        if to is None:
            to = self._opened().partner
        self._chat.send_file(path, to)

    def send_typed(self, typed):
        """Do what is typed behind /send; raises `Impossible`."""
        path, to = meant_by(typed, None)
        self._send_file(path, to)

    def save_file(self, text, path):
        """Save the file that a message tells of under this path; returns whether it begins."""
        folder, name = os.path.split(path)
        return self._attempt(self._chat.save_file, text, folder or ".", name)

    def save_chosen(self, which):
        """Save the file of the open conversation that is meant by a number or a name; raises `Impossible`."""
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
        """A sentence about the files that are on their way; empty if there are none."""
        return " \u00b7 ".join(
            "%s %s: %d %%" % ("Sending" if request.kind == "send_file" else "Saving", showing.visible(request.text),
                             100 * moved.done // max(1, moved.total)) for request, moved in self._moved.items())

    def retry(self):
        """Log in again, after the last attempt."""
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
        self.rings += showing.mentions(event.text, self.me)  # also if a history has told it just before
        message = Message(event.sender, event.text, event.time)
        known = conversation.known(message)
        if known is None:
            conversation.add(message)
        if known is None or not known.is_counted:
            self._mark_unread(conversation, [known or message])

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
            return  # the list tells who is here
        conversation = self.conversation(event.room)
        self.tell(showing.plain_text(showing.in_room(event)), conversation)
        if type(event) is events.RoomNotice and self.is_online and event.room in self.inside:
            self._chat.topic(event.room)  # which may be another now

    def _on_room_renamed(self, event):
        """The conversation goes on under the new name, with all that is in it."""
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
            if not conversation.is_loaded:  # otherwise the history, which is requested again, shows what is new
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
        conversations.sort(key=lambda one: not one.is_loaded)  # the histories of loaded ones are always requested
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
        elif kind != "history":  # which is requested again
            self.trouble = event.why
            if kind == "users":
                self._lists.popleft()

    def _on_unsure(self, event):
        # The history that comes next may show that it has arrived.
        self.conversation(event.request.about).settle(self.me, event.request.text, UNSURE)

    def _on_moved(self, event):
        self._moved[event.request] = event

    def _on_notice(self, event):
        if self._resumes:  # it may be about devices, and stays until it is read
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
        """Add what was said while there was no connection."""
        for message in messages:
            self._receive(conversation, message)

    def _mark_kept(self, conversation, new):
        """Find the first unread message, now that those that were only counted have come: the partner's last ones."""
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
        """Put a text that was refused back into the entry."""
        conversation = self.conversation(about)
        conversation.settle(self.me, text, state)
        conversation.draft = conversation.draft or str(text)
