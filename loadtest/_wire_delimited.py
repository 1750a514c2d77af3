r"""The `delimited` protocol as a client speaks it: version, command, 40 bytes of length, ASCII items joined by "|||".

What is not ASCII is written \u00e9 or \ud83d\ude00. This test's texts have neither bars nor backslashes, so nothing
else needs an escape, and whatever looks like one is one.
"""
import re

from loadtest._wire import Codec, Heard, listed

_CREATE, _LIST, _SEND, _DELETE, _RESPONSE, _LISTRESPONSE = 0, 1, 2, 4, 6, 7
_HEADER_BYTES = 42
_LOBBY = "lobby"
_ESCAPES = re.compile(r"(?:\\u[0-9a-f]{4})+")


class Delimited(Codec):
    name = "delimited"
    port = 9000
    nobody = "recipient does not exist"

    def _end(self, held, at):
        content = at + _HEADER_BYTES
        if len(held) < content:
            return 0
        end = content + int.from_bytes(held[at + 2:content], "big")
        return end if len(held) >= end else 0

    def _parse(self, message):
        command, data = message[1], message[_HEADER_BYTES:].decode("ascii", "replace")
        items = [_read(item) for item in data.split("|||")] if data else []
        if command == _SEND and len(items) == 3:
            sender, _, text = items
            return [Heard("OK", "", "") if sender == self.me else Heard("SENT", sender, text)]
        if command == _RESPONSE:
            return [Heard("ERR", "", items[0]) if items else Heard("OK", "", "")]
        if command == _LISTRESPONSE:
            return listed(items)
        return [Heard(str(command), "", data)]

    def login(self):
        return _frame(_CREATE, self.me)

    def say(self, text):
        return self.whisper(_LOBBY, text)

    def whisper(self, target, text):
        return _frame(_SEND, self.me, target, text)

    def ping(self):
        """There is none; a list that has at most oneself in it is the shortest answer."""
        return _frame(_LIST, self.me)

    def who(self):
        return _frame(_LIST)

    def leave(self):
        """The account would stay."""
        return _frame(_DELETE)


def _frame(command, *items):
    data = "|||".join(map(_write, items)).encode("ascii")
    return bytes([0, command]) + len(data).to_bytes(_HEADER_BYTES - 2, "big") + data


def _write(text):
    return "".join(character if " " <= character <= "~" else _escaped(character) for character in text)


def _escaped(character):
    units = character.encode("utf-16-be")
    return "".join("\\u%02x%02x" % pair for pair in zip(units[::2], units[1::2]))


def _read(item):
    return _ESCAPES.sub(lambda run: bytes.fromhex(run.group().replace("\\u", "")).decode("utf-16-be", "replace"), item)
