"""A client of `irc` that sees every line, without code of the server."""
import time

from stress.proofs.clients import SECONDS, Client

END_OF_WELCOME = ("376", "422")


def command_of(line):
    """The command, or the numeric, of a line (bytes)."""
    words = line.decode().split(" ")[line.startswith(b"@"):]
    return words[1 if words[0].startswith(":") else 0]


class IrcClient(Client):
    """One connection. It answers PING.

    name: registers under it at once; None: does not register. receive_buffer, source: as of `Client`.
    """

    def __init__(self, address, name=None, receive_buffer=None, source=None):
        super().__init__(address, None, receive_buffer, source)
        if name is not None:
            self.register(name)

    def register(self, name):
        """Register under this name; returns the last numeric of the welcome, or the one that refuses the name."""
        self.say("NICK " + name, "USER x 0 * :x")
        told = self.told(*END_OF_WELCOME, "433")
        if command_of(told) in END_OF_WELCOME:
            self.name = name
        return command_of(told)

    def say(self, *lines):
        """Send lines (text), all in one segment."""
        self.send("".join(line + "\r\n" for line in lines).encode())

    def line(self, seconds=SECONDS):
        """The next line that is not a PING. Closed at the end of the stream, Silence after `seconds`."""
        while True:
            line = super().line(seconds).rstrip(b"\r")
            if command_of(line) != "PING":
                return line
            self.say("PONG :" + line.decode().split(" ")[-1].lstrip(":"))

    def told(self, *commands, seconds=SECONDS):
        """The next line with one of these commands; those before it are dropped."""
        deadline = time.monotonic() + seconds
        while True:
            line = self.line(max(0.0, deadline - time.monotonic()))
            if command_of(line) in commands:
                return line
