"""The `padded` protocol as a client speaks it: 64 bytes with a length, then text; from the server text alone."""
import re
import time

from loadtest._wire import Codec, Heard

_HEADER_BYTES = 64
_BEGINNING = re.compile(rb"\[[0-9]{2}:[0-9]{2} [AP]M\] |\[ERROR\] |\[SERVER\] |Msg received")
_TALK = re.compile(r"\[.{8}\] (\S+)( \(direct\))?: (.*)", re.DOTALL)
_RECEIVED = "Msg received"


class Padded(Codec):
    name = "padded"
    port = 5050
    enters_by_talking = True

    def _end(self, held, at):
        """A message ends where the next one begins; the last one, where it is all that it has to be."""
        following = _BEGINNING.search(held, at + 1)
        if following:
            return following.start()
        return len(held) if self._is_all(held[at:]) else 0

    def _is_all(self, held):
        try:
            text = held.decode("utf-8")
        except UnicodeDecodeError:
            return False
        talk = _TALK.fullmatch(text)
        if talk:
            return self.is_whole(talk.group(3))
        return text == _RECEIVED or text.startswith(("[ERROR] ", "[SERVER] ")) and text.endswith(".")

    def _parse(self, message):
        text = message.decode("utf-8", "replace")
        talk = _TALK.fullmatch(text)
        if talk:
            sender, direct, said = talk.groups()
            return [Heard("DM" if direct else "MSG", sender, said)]
        if text == _RECEIVED:
            return [Heard("OK", "", "")]
        kind, _, words = text.partition(" ")
        return [Heard({"[ERROR]": "ERR", "[SERVER]": "INFO"}.get(kind, kind), "", words)]

    def say(self, text):
        return _frame("%s %s: %s" % (time.strftime("[%I:%M %p]"), self.me, text))

    def ping(self):
        """An empty text is acknowledged, and nothing else."""
        return _frame("")


def _frame(text):
    body = text.encode("utf-8")
    return str(len(body)).ljust(_HEADER_BYTES).encode() + body
