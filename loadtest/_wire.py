"""What the codecs of the load test have in common: the events that they give, and their base class.

They are built on the codecs of the conformance suite, which share no code with the server: a mistake made on both sides
would go unseen.
"""
from collections import namedtuple

# kind: MSG, DM   a message to all, a direct message
#       SENT      a message, in a protocol that does not say to whom it was
#       OK, ERR   the request was granted, or why it was not
#       USER      one line of a list of users, which ends with PONG
#       PONG      the answer to a ping
#       INFO      a notice of the server
#       OPEN      the opening was accepted; the login may follow
#       ALIVE?    a ping of the server; the text goes into the answer
#       broken    what no server may send
# The sender is empty for all but the first three.
Heard = namedtuple("Heard", "kind sender text")


class Codec:
    """One client's side of a protocol: commands to bytes, and bytes to what is heard. No socket.

    wire: the codec of the suite. port: the protocol's default port. port_option: the name of the option for another
    port, if it is not that of the protocol. acknowledges: is every message answered with OK or ERR, so that all answers
    come in the order of the commands? enters_by_talking: is the first message the login? needs_account: does a login
    need an account with a password? nobody: the text of the ERR for a receiver who is not online.
    """

    wire = port = port_option = None
    acknowledges = True
    enters_by_talking = False
    needs_account = False
    nobody = None

    def __init__(self, me, password="", is_whole=None):
        """is_whole(text): whether this is a complete text, for a protocol that does not mark the ends of texts."""
        self.me = me
        self.password = password
        self.is_whole = is_whole
        self._decoder = self.wire.Decoder()

    def opening(self, address):
        """The bytes to send before all others, to (host, port), which are answered with OPEN; b"" if there are none."""
        return b""

    def alive(self, text):
        """The answer to ALIVE?"""
        raise NotImplementedError

    def feed(self, data):
        """The `Heard`s that these bytes complete, in order. Keeps at most one unfinished message."""
        return [heard for message in self._decoder.feed(data) for heard in self._parse(message)]

    def _parse(self, message):
        """[Heard] of one message; empty if this test has no use for it."""
        raise NotImplementedError

    def _written(self, message):
        """The bytes of a message."""
        return self.wire.encode(message, self.me)

    def login(self):
        return self._written(self.wire.login(self.me))

    def say(self, text):
        return self._written(self.wire.say(self.me, text))

    def whisper(self, target, text):
        return self._written(self.wire.whisper(self.me, target, text))

    def ping(self):
        return self._written(self.wire.probe())

    def who(self):
        return self._written(self.wire.list_users())

    def leave(self):
        """The bytes to send before closing, so that the server does not keep this client's session."""
        return b""


def listed(names):
    return [Heard("USER", "", name) for name in names] + [Heard("PONG", "", "")]
