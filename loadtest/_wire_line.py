"""The `line` protocol as a client speaks it: UTF-8 text, one command or answer a line, each ended by a newline."""
from loadtest._wire import Codec, Heard


class Line(Codec):
    name = "line"
    port = 4000
    acknowledges = False
    nobody = "user-not-found"

    def _end(self, held, at):
        return held.find(b"\n", at) + 1

    def _parse(self, message):
        """What is not UTF-8 becomes U+FFFD and so differs from what was sent."""
        kind, _, rest = message[:-1].decode("utf-8", "replace").partition(" ")
        if kind in ("MSG", "DM"):
            sender, _, text = rest.partition(" ")
            return [Heard(kind, sender, text)]
        return [Heard(kind, "", rest)]

    def login(self):
        return _line("LOGIN", self.me)

    def say(self, text):
        return _line("MSG", text)

    def whisper(self, target, text):
        return _line("DM", target, text)

    def ping(self):
        return _line("PING")

    def who(self):
        """WHO and a PING in one piece: the list of users has no end of its own, so it ends at the PONG."""
        return _line("WHO") + self.ping()


def _line(*words):
    return " ".join(words).encode("utf-8") + b"\n"
