"""Messages and conversations, as the desktop client shows them."""
from parley.client.sealed import Opened

ROOM = None  # the lobby, in the place of the name of a room or a partner
MAX_MESSAGES = 2000  # that are kept of a conversation
MAX_CLOCK_SKEW = 3  # seconds between the clocks of the server and of this machine
MAX_IN_FLIGHT = 20  # messages of a history that may come live too, as they were on their way
SENDING, FAILED, UNSURE = "sending", "not sent", "may not have arrived"


class Message:
    """A message, or (without a `sender`) a line that tells what has happened.

    time: seconds since the epoch. state: SENDING, FAILED or UNSURE; "" if the message has arrived.
    from_history: has it come only as part of a history, and not live? is_counted: has it been looked at whether it is
    unread?
    """

    __slots__ = ("sender", "text", "time", "state", "from_history", "is_counted")

    def __init__(self, sender, text, seconds, state="", from_history=False):
        self.sender, self.text, self.time, self.state, self.from_history = sender, text, seconds, state, from_history
        self.is_counted = False

    @property
    def is_sealed(self):
        """Was it sealed, or will it be when it is sent?"""
        return isinstance(self.text, Opened)

    @property
    def said(self):
        """What two copies of the same message have in common: sender, text, and whether it is sealed."""
        return self.sender, self.text, self.is_sealed


class Conversation:
    """The conversation with one partner, in a room, or in the lobby."""

    def __init__(self, partner):
        self.partner = partner
        self.is_room = partner is not ROOM and partner.startswith("#")
        self.topic = ""  # of a room
        self.messages = []
        self.unread = 0
        self.mentions = 0  # unread messages that mention the user
        self.kept = 0  # unread messages that were kept by the server, and come with the history
        self.first_unread = None  # the first message that was unread when the conversation was opened
        self.draft = ""  # what is typed and not sent
        self.is_loaded = False  # has the server's history been merged?

    def add(self, message):
        self.messages.append(message)
        if len(self.messages) > MAX_MESSAGES * 5 // 4:  # many at a time, as the window redraws everything then
            del self.messages[:-MAX_MESSAGES]

    def known(self, received):
        """The message of a history of which this live one is a copy, or None. Each is found only once."""
        for message in self.messages[-MAX_IN_FLIGHT:]:
            if message.from_history and message.said == received.said and (
                    abs(message.time - received.time) <= MAX_CLOCK_SKEW):
                message.from_history = False
                return message
        return None

    def merge(self, history):
        """Merge the server's history, a list of messages, into the conversation; returns those that are new."""
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
                message.state, message.text = state, text  # the type of this text tells whether it was sealed
                return
