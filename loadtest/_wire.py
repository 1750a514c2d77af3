"""What the codecs of the load test have in common: what is heard, and what a codec is.

Bytes are written and read by the codecs of the conformance suite, which share nothing with the server: a mistake made
on both sides would go unseen.
"""
from collections import namedtuple

# kind: MSG, DM   somebody said it, to all or to one
#       SENT      somebody said it, and the protocol does not tell to whom
#       OK, ERR   what was asked was done, or why it was not
#       USER      one line of a list, which ends with PONG
#       PONG      the answer to a ping
#       INFO      the server's own words
#       OPEN      the connection is one to talk over
#       ALIVE?    it wants to know whether one is there; the text goes into the answer
#       broken    what no server may send
# The sender is empty for all but the first three.
Heard = namedtuple("Heard", "kind sender text")


class Codec:
    """One client's side of a protocol: commands to bytes, and bytes to what is heard. No socket.

    wire: the suite's codec. port: of the protocol. port_option: what the option for another one is called, if it is not
    like the protocol. acknowledges: is everything that is said answered with OK or ERR, so
    that all answers come in the order of the commands? enters_by_talking: is there no login but the first thing said?
    needs_account: does only an account with a password get in? nobody: the ERR for a receiver who is not here.
    """

    wire = port = port_option = None
    acknowledges = True
    enters_by_talking = False
    needs_account = False
    nobody = None

    def __init__(self, me, password="", is_whole=None):
        """`is_whole(text)` tells whether this is all of a text, for a protocol that does not say where texts end."""
        self.me = me
        self.password = password
        self.is_whole = is_whole
        self._decoder = self.wire.Decoder()

    def opening(self, address):
        """What has to be asked and answered with OPEN before all else, at (host, port); b"" for nothing."""
        return b""

    def alive(self, text):
        """The answer to ALIVE?"""
        raise NotImplementedError

    def feed(self, data):
        """What these bytes complete, in order. Keeps at most one unfinished message."""
        return [heard for message in self._decoder.feed(data) for heard in self._parse(message)]

    def _parse(self, message):
        """What one message says, as a list; what this test has no use for is left out."""
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
        """What to send before the connection is closed, so that the server need not remember this client."""
        return b""


def listed(names):
    return [Heard("USER", "", name) for name in names] + [Heard("PONG", "", "")]
