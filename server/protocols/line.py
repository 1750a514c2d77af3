r"""The `line` protocol (document 003): UTF-8 text, one command a line, ended by "\n".

    client                    server, to the client          server, to others
    LOGIN <username>          OK | ERR <why>
    MSG <text>                                               MSG <sender> <text>
    WHO                       USER <name> for each member
    DM <username> <text>      nothing | ERR <why>            DM <sender> <text>, to one
    PING                      PONG
    (end of connection)                                      INFO <name> disconnected

Commands are upper case. One "\r" before the "\n" is dropped, blank lines ask for nothing, a line is at most
LINE_LIMIT bytes without its end. Telnet negotiation is skipped.
"""
import re

from server.protocols import events
from server.protocols.events import Reason
from server.protocols.text import canonical

NAME = "line"
PORT = 4000
IDLE_TIMEOUT = 60
LINE_LIMIT = 8192

# What other protocols' clients begin with: a TLS or RDP handshake; an HTTP request line, SSH, SMTP.
_FOREIGN_BYTES = (b"\x16\x03", b"\x03\x00")
_FOREIGN_LINE = re.compile(rb"[A-Z]+ \S+ HTTP/\d|SSH-\d|EHLO |HELO ")
# The byte 255 itself; an option (WILL, WONT, DO, DONT); a sub-negotiation; a plain telnet command.
_TELNET = re.compile(rb"\xff(?:\xff|[\xfb-\xfe].|\xfa(?:[^\xff]|\xff\xff)*\xff\xf0|[\xf1-\xf9])", re.DOTALL)


class Decoder:
    """Bytes in, commands out. Keeps at most one unfinished line."""

    __slots__ = ("_held", "_begun", "_line_limit")

    def __init__(self, limits):
        self._held = b""
        self._begun = False
        self._line_limit = limits["line_bytes"]

    @property
    def unfinished(self):
        """Has a line begun that has not ended?"""
        return bool(self._held)

    def feed(self, data):
        """The commands that `data` completes; after a `Broken` nothing more may be fed."""
        lines = (self._held + data).split(b"\n")
        self._held = lines.pop()
        if not self._begun and self._is_foreign((lines[0] if lines else self._held)[:self._line_limit]):
            return [events.Broken(Reason.FOREIGN)]
        self._begun = self._begun or bool(lines)
        commands = [self._parse(line) for line in lines]
        if len(self._held) - self._held.endswith(b"\r") > self._line_limit:  # that may be half of the line's end
            commands.append(events.Broken(Reason.TOO_LONG))
        return commands

    @staticmethod
    def _is_foreign(first_line):
        return first_line.startswith(_FOREIGN_BYTES) or _FOREIGN_LINE.match(first_line)

    def _parse(self, line):
        if line[-1:] == b"\r":
            line = line[:-1]
        if len(line) > self._line_limit:
            return events.Broken(Reason.TOO_LONG)
        if b"\xff" in line:
            line = _TELNET.sub(lambda found: b"\xff" if found.group() == b"\xff\xff" else b"", line)
        if not line:
            return events.Nothing()
        word, space, rest = line.partition(b" ")
        parse = _COMMANDS.get(word)
        return parse(rest, space) if parse else events.Malformed(Reason.UNKNOWN_COMMAND)


def _login(rest, space):
    return events.Login(rest)


def _msg(rest, space):
    return events.Say(canonical(rest)) if rest else events.Malformed(Reason.UNKNOWN_COMMAND)


def _dm(rest, space):
    to, _, text = rest.partition(b" ")
    return events.Whisper(to, canonical(text)) if to and text else events.Malformed(Reason.BAD_WHISPER)


def _bare(command):
    return lambda rest, space: events.Malformed(Reason.UNKNOWN_COMMAND) if space else command


_COMMANDS = {
    b"LOGIN": _login,
    b"MSG": _msg,
    b"DM": _dm,
    b"WHO": _bare(events.Who()),
    b"PING": _bare(events.Ping()),
}

_WORDS = {
    Reason.MUST_LOGIN: b"ERR must-login-first\n",
    Reason.INVALID_NAME: b"ERR invalid-username\n",
    Reason.NAME_TAKEN: b"ERR username-taken\n",
    Reason.NO_SUCH_MEMBER: b"ERR user-not-found\n",
    Reason.BAD_WHISPER: b"ERR invalid-dm-format\n",
    Reason.UNKNOWN_COMMAND: b"ERR unknown-command\n",
    Reason.TOO_LONG: b"ERR line-too-long\n",
    Reason.TOO_SLOW: b"ERR line-timeout\n",
    Reason.FOREIGN: b"ERR unknown-protocol\n",
    Reason.BUG: b"ERR internal-error\n",
    Reason.IDLE: b"INFO idle-timeout\n",
    Reason.SLOW_READER: b"INFO slow-reader\n",
    Reason.SHUTDOWN: b"INFO server-shutdown\n",
}


def _words(happening):
    return _WORDS[happening.reason]


def _silence(happening):
    return b""


ENCODERS = {
    events.Welcome: lambda welcome: b"OK\n",
    events.Refused: _words,
    events.Said: lambda said: b"MSG %b %b\n" % said,
    events.Whispered: lambda whispered: b"DM %b %b\n" % whispered,
    events.Joined: _silence,  # document 003 announces no logins
    events.Left: lambda left: b"INFO %b disconnected\n" % left,
    events.Present: lambda present: b"".join([b"USER %b\n" % name for name in present.names]),
    events.Pong: lambda pong: b"PONG\n",
    events.Farewell: _words,
}


def encode(happening):
    """The bytes that tell a client of `happening`; empty if this protocol does not speak of it."""
    return ENCODERS[type(happening)](happening)
