"""What the window shows, without a window: who is there, what was said, what is unread and what went wrong."""
import time

from parley.client import address, events
from parley.client.chat import Chat
from parley.client.conversation import Impossible
from parley.server.protocols.text import canonical

ROOM = None  # stands for the room where a partner's name would
MOST_MESSAGES = 2000  # of one conversation that are kept
MOST_LOOKED_THROUGH = 50  # conversations whose history is requested after a break
CLOCKS_DIFFER = 3  # seconds by which the server's clock and ours may differ
MOST_CROSSING = 20  # messages of a history that may also be pushed, as they were on their way

# `dollar` cannot tell which. A name is taken over by somebody who gives its password in another protocol.
NOT_AGAIN = "You have logged in elsewhere, or your password is another now."
SENDING, FAILED, UNSURE = "sending", "not sent", "may not have arrived"


def address_of(typed):
    """The `Address` that was typed; ValueError with a sentence if this window cannot use it."""
    typed = typed.strip()
    if not typed:
        raise ValueError("Which server? Type its host, such as localhost or chat.example:8080.")
    found = address.parse(typed, "dollar")
    if found.protocol != "dollar":
        raise ValueError("This window speaks only `dollar`; for %s there is the terminal client." % typed)
    return found


class Message:
    """Somebody's words. `state` is empty once they have arrived; `time` is in seconds since the epoch.

    is_told: is it known from a history only?
    """

    __slots__ = ("sender", "text", "time", "state", "is_told")

    def __init__(self, sender, text, seconds, state="", is_told=False):
        self.sender, self.text, self.time, self.state, self.is_told = sender, text, seconds, state, is_told


class Talk:
    """The conversation with one partner, or in the room."""

    def __init__(self, partner):
        self.partner = partner
        self.messages = []
        self.unread = 0
        self.kept = 0  # how many of these the server has not sent yet: they come with the history
        self.first_unread = None  # the first message that was unread when the conversation was opened
        self.draft = ""  # what is typed and not sent
        self.is_loaded = False  # has the server's history been put before it?

    def add(self, message):
        self.messages.append(message)
        if len(self.messages) > MOST_MESSAGES * 5 // 4:  # many at once, as the window then draws all anew
            del self.messages[:-MOST_MESSAGES]

    def is_known(self, heard):
        """Was this message already in the history? True only once for each."""
        for message in self.messages[-MOST_CROSSING:]:
            if message.is_told and (message.sender, message.text) == (heard.sender, heard.text) and (
                    abs(message.time - heard.time) <= CLOCKS_DIFFER):
                message.is_told = False
                return True
        return False

    def merge(self, told):
        """Put the server's messages, its history, in their places; those that were not here."""
        here = {}
        for message in self.messages:
            here.setdefault((message.sender, message.text), []).append(message)
        new, merged, found = [], [], set()
        for message in told:
            known = here.get((message.sender, message.text))
            if known:
                message = known.pop(0)
                message.state = ""
                found.add(message)
            else:
                new.append(message)
            merged.append(message)
        places = [place for place, message in enumerate(self.messages) if message in found]
        first = places[0] if places else len(self.messages) if self.is_loaded else 0
        merged = self.messages[:first] + merged + [m for m in self.messages[first:] if m not in found]
        self.messages, self.is_loaded = merged[-MOST_MESSAGES:], True
        return new

    def settle(self, me, text, state):
        """What `me` said with this text, and has not arrived yet, is in `state` now."""
        for message in self.messages:
            if message.state == SENDING and (message.sender, message.text) == (me, text):
                message.state = state
                return


class Model:
    """One's time at one server. Call `tick` ten times a second, and show what is here.

    me: one's name. here: {name: is online}. open: the `Talk` one looks at, or None. has_room: is there a room?
    is_welcome: has one been logged in, ever? trouble: a sentence about what went wrong last, or "".
    """

    def __init__(self, server, name, password, trust=None, clock=time.time, connect=Chat):
        """ValueError with a sentence, if what was typed cannot be used."""
        found = address_of(server)
        self.me = name.strip()
        if not self.me:
            raise ValueError("What is your name? Type that of your account.")
        self.here = {}
        self.open = None
        self.has_room = self.is_welcome = False
        self.trouble = ""
        self.why_given_up = ""  # why there will be no further automatic try
        self.is_looked_at = True
        self._password = password
        self._clock = clock
        self._talks = {}
        self._recalled = []
        self._why = ""
        self._broke_at = self._retry_at = None
        self._chat = connect(str(found), trust)
        self._chat.login(self.me, password)

    # ---- what is

    @property
    def place(self):
        """host:port of the server."""
        return self._chat.address.place

    @property
    def is_online(self):
        return self._chat.me is not None

    @property
    def connection(self):
        """A sentence about the connection; "" if it is there."""
        if self.is_online:
            return ""
        if self.why_given_up:
            return self.why_given_up
        if self._retry_at is None:
            return (self._why + " Trying again ...").lstrip() if self._why else "Connecting to %s ..." % self.place
        return "%s Trying again in %d s." % (self._why, max(1, round(self._retry_at - self._clock())))

    @property
    def unread(self):
        return sum(talk.unread for talk in self._talks.values())

    def listing(self):
        """The conversations in the order of a list: the room, who is online, who is not."""
        names = set(self.here) | {partner for partner, talk in self._talks.items() if talk.messages}
        ordered = sorted(names - {self.me, ROOM}, key=lambda name: (not self.here.get(name), name.lower(), name))
        return [self.talk(partner) for partner in ([ROOM] if self.has_room else []) + ordered]

    def talk(self, partner):
        return self._talks.setdefault(partner, Talk(partner))

    # ---- what one does

    def look_at(self, talk):
        """Open a conversation."""
        if talk is self.open:
            return
        self.open = talk
        self.trouble = ""
        self._see()
        if not talk.is_loaded:
            self._ask_history(talk)

    def look(self, is_looked_at):
        """Whether somebody sees the window."""
        self.is_looked_at = is_looked_at
        self._see()

    def say(self, text):
        """Say it in the open conversation; could it be sent?"""
        text = canonical(text.rstrip().encode("utf-8", "replace")).decode()
        talk = self.open
        if not text:
            return False
        if not talk:
            self.trouble = "To whom? Choose somebody on the left first."
            return False
        try:
            if talk.partner is ROOM:
                self._chat.say(text)
            else:
                self._chat.whisper(talk.partner, text)
        except Impossible as impossible:
            self.trouble = str(impossible)
            return False
        talk.add(Message(self.me, text, self._clock(), SENDING))
        talk.first_unread, self.trouble = None, ""
        return True

    def retry(self):
        """Log in again, after it was given up."""
        self.why_given_up = self.trouble = ""
        self._chat.login(self.me, self._password)

    def close(self, timeout=1):
        """Log out, waiting at most so many seconds for the server."""
        self._chat.close(timeout)

    def tick(self):
        """Do what there is to do, and hear what has come."""
        for event in self._chat.poll():
            self._REACTIONS.get(type(event), Model._pass_over)(self, event)

    # ---- what one hears

    def _pass_over(self, event):
        pass

    def _hear_said(self, event):
        self._receive(self.talk(ROOM), event)

    def _hear_whispered(self, event):
        self._receive(self.talk(event.sender), event)

    def _receive(self, talk, event):
        message = Message(event.sender, event.text, event.time)
        if talk.is_known(message):
            return
        talk.add(message)
        self._mark_unread(talk, [message])

    def _hear_listed(self, event):
        self.here, self.has_room = dict(event.users), event.has_room

    def _hear_kept(self, event):
        for partner, count in event.partners.items():
            talk = self.talk(partner)
            if not talk.is_loaded:  # else the history, which is asked for again, tells what is new
                talk.unread += 0 if self._is_seen(talk) else count - talk.kept
                talk.kept = count

    def _hear_welcomed(self, event):
        is_back, self.is_welcome, self._why, self.trouble = self.is_welcome, True, "", ""
        talks = self.listing() if is_back else []
        talks.sort(key=lambda talk: not talk.is_loaded)  # what has been looked at is looked through in any case
        for count, talk in enumerate(talks):
            if talk.is_loaded or talk is self.open or count < MOST_LOOKED_THROUGH:
                self._ask_history(talk)

    def _hear_recalled(self, event):
        self._recalled.append(Message(event.sender, event.text, event.time, is_told=True))

    def _hear_disconnected(self, event):
        self._recalled = []
        self._why = event.why
        if event.again is None:
            self.why_given_up = event.why
        else:
            self._retry_at = self._clock() + event.again
        if self._broke_at is None:
            self._broke_at = self._clock()

    def _hear_connected(self, event):
        self._retry_at = None

    def _hear_done(self, event):
        kind, about, text = event.request
        told, self._recalled = self._recalled, []
        if kind == "history":
            self._put_history(self.talk(about), told)
        elif kind in ("say", "whisper"):
            self.talk(about).settle(self.me, text, "")

    def _hear_refused(self, event):
        kind, about, text = event.request
        if kind == "login":
            self.why_given_up = NOT_AGAIN if self.is_welcome else event.why
        elif kind in ("say", "whisper"):
            self._give_back(about, text, FAILED)
            self.trouble = event.why
        elif kind != "history":  # which is asked for again
            self.trouble = event.why

    def _hear_unsure(self, event):
        # What is in the history that comes next has arrived after all.
        self.talk(event.request.about).settle(self.me, event.request.text, UNSURE)

    def _hear_notice(self, event):
        self.trouble = event.text

    _REACTIONS = {
        events.Connected: _hear_connected,
        events.Disconnected: _hear_disconnected,
        events.Welcomed: _hear_welcomed,
        events.Listed: _hear_listed,
        events.Kept: _hear_kept,
        events.Said: _hear_said,
        events.Whispered: _hear_whispered,
        events.Recalled: _hear_recalled,
        events.Done: _hear_done,
        events.Refused: _hear_refused,
        events.Unsure: _hear_unsure,
        events.Notice: _hear_notice,
    }

    # ----

    def _ask_history(self, talk):
        if self.is_online:
            self._chat.history(talk.partner)

    def _put_history(self, talk, told):
        is_first = not talk.is_loaded
        new = talk.merge(told)
        if is_first and talk.kept:
            self._put_kept(talk, new)
            return
        if is_first and (talk is self.open or self._broke_at is None):
            return
        if is_first:
            new = [message for message in new if message.time >= self._broke_at - CLOCKS_DIFFER]
        self._mark_unread(talk, new)

    def _put_kept(self, talk, new):
        """The texts of what has been counted as unread already are here: the last that the partner said."""
        theirs = [message for message in new if message.sender == talk.partner]
        talk.first_unread = (theirs[-talk.kept:] or [talk.first_unread])[0]
        talk.kept = 0

    def _mark_unread(self, talk, messages):
        messages = [message for message in messages if message.sender != self.me]
        if messages and not self._is_seen(talk):
            if not talk.unread:
                talk.first_unread = messages[0]
            talk.unread += len(messages)

    def _is_seen(self, talk):
        return talk is self.open and self.is_looked_at

    def _see(self):
        if self.open and self.is_looked_at:
            if not self.open.unread:
                self.open.first_unread = None
            self.open.unread = 0

    def _give_back(self, about, text, state):
        talk = self.talk(about)
        talk.settle(self.me, text, state)
        talk.draft = talk.draft or text
