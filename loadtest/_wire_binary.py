"""The `binary` protocol as a client speaks it: a header of 27 bytes, big-endian, then content."""
import re
import struct
import time

from loadtest._wire import Codec, Heard, listed

_HEADER = struct.Struct(">BIII10sI")
_TALK, _ERROR, _JOIN, _USERS, _PING = 100, 102, 200, 203, 211
_JOINED, _NOT_JOINED, _PONG, _USERS_ARE = 207, 209, 212, 303
_NOTICES = (300, 301, 302)
_MARK = "[direct] "
_STRING = re.compile(r"'[^'\\]*'")


class Binary(Codec):
    name = "binary"
    port = 12000
    acknowledges = False

    def _end(self, held, at):
        if len(held) < at + _HEADER.size:
            return 0
        end = at + _HEADER.size + _HEADER.unpack_from(held, at)[3]
        return end if len(held) >= end else 0

    def _parse(self, message):
        _, code, name_size, _, name, _ = _HEADER.unpack_from(message)
        sender = name[:name_size].decode("utf-8", "replace")
        text = message[_HEADER.size:].decode("utf-8", "replace")
        if code == _TALK:
            direct = text.startswith(_MARK)
            return [Heard("DM" if direct else "MSG", sender, text[len(_MARK):] if direct else text)]
        if code == _USERS_ARE:
            return listed(name[1:-1] for name in _STRING.findall(text))
        if code in _NOTICES:
            return []
        kinds = {_JOINED: "OK", _NOT_JOINED: "ERR", _ERROR: "ERR", _PONG: "PONG"}
        return [Heard(kinds.get(code, str(code)), "", text or str(code))]

    def login(self):
        return self._frame(_JOIN, self.me)

    def say(self, text):
        return self._frame(_TALK, text)

    def ping(self):
        return self._frame(_PING, "%.6f" % time.time())

    def who(self):
        return self._frame(_USERS, "")

    def _frame(self, code, text):
        me, content = self.me.encode(), text.encode("utf-8")
        return _HEADER.pack(1, code, len(me), len(content), me, int(time.time())) + content
