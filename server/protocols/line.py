r"""The `line` protocol (document 003): UTF-8 text, one command a line, ended by "\n".

    client                    server, to the client          server, to others
    LOGIN <username> [<password>]
                              OK | ERR <why>
    MSG <text>                                               MSG <sender> <text>
    WHO                       USER <name> for each member
    DM <username> <text>      nothing | ERR <why>            DM <sender> <text>, to one
    PING                      PONG
    HISTORY [<count>]         HIST <number> <time> <username> <text> for each message in the room, lately, then
                              END HISTORY <last number> complete
    HISTORY SINCE <number>    likewise for what follows that number, then the same, or, if there is more to ask for,
                              END HISTORY <last number> more
    REGISTER <username> <password>
                              OK | ERR <why>
    PASSWD <old> <new>        OK | ERR <why>
    HELP                      HELP <usage> for each of our extensions, END HELP
    (end of connection)                                      INFO <name> disconnected
    (a rename, which other protocols have)                   INFO <old> is now <new>

Commands are upper case. One "\r" before the "\n" is dropped, blank lines ask for nothing, a line is at most
`line_bytes` long without its end. Telnet negotiation is skipped. REGISTER, PASSWD, HELP and the password behind LOGIN
are our extensions.
"""
import re

from server.protocols import events
from server.protocols.events import Reason
from server.protocols.text import canonical, pieces
from server.protocols.traits import traits

NAME = "line"
PORT = 4000
IDLE_TIMEOUT = 60
TRAITS = traits(typed=True, shared_answers=(events.Present, events.Recalled))
LONGEST_TEXT = 8192  # bytes in a line to a client; a longer text, which only others can say, takes several
USUAL_HISTORY, LONGEST_HISTORY = 100, 1000  # messages

_SINCE = re.compile(rb"SINCE ([0-9]{1,18})")
_COUNT = re.compile(rb"[1-9][0-9]{0,8}")
# What other protocols' clients begin with: a TLS or RDP handshake; an HTTP request line, SSH, SMTP.
_FOREIGN_BYTES = (b"\x16\x03", b"\x03\x00")
_FOREIGN_LINE = re.compile(rb"[A-Z]+ \S+ HTTP/\d|SSH-\d|EHLO |HELO ")
# The byte 255 itself; an option (WILL, WONT, DO, DONT); a sub-negotiation; a plain telnet command.
_TELNET = re.compile(rb"\xff(?:\xff|[\xfb-\xfe].|\xfa(?:[^\xff]|\xff\xff)*\xff\xf0|[\xf1-\xf9])", re.DOTALL)


class Decoder:
    """Bytes in, commands out. Keeps at most one unfinished line."""

    __slots__ = ("_held", "_begun", "_line_limit")
    form = "text"

    def __init__(self, limits):
        self._held = b""
        self._begun = False
        self._line_limit = limits["line_bytes"]

    @property
    def unfinished(self):
        """How many bytes have come of a line that has not ended?"""
        return len(self._held)

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
        return parse(rest, space) if parse else events.Malformed(Reason.UNKNOWN_COMMAND, None)


def _login(rest, space):
    name, _, password = rest.partition(b" ")
    return events.Login(name, password) if password else events.Login(rest, None)


def _register(rest, space):
    name, _, password = rest.partition(b" ")
    return events.SignUp(name, password) if b" " not in password else _bad_password(events.SignUp)


def _passwd(rest, space):
    words = rest.split(b" ")
    return events.ChangePassword(*words) if len(words) == 2 else _bad_password(events.ChangePassword)


def _bad_password(asked):
    return events.Malformed(Reason.INVALID_PASSWORD, asked)


def _msg(rest, space):
    return events.Say(canonical(rest), None, None) if rest else events.Malformed(Reason.UNKNOWN_COMMAND, events.Say)


def _dm(rest, space):
    to, _, text = rest.partition(b" ")
    if not to or not text:
        return events.Malformed(Reason.BAD_FORM, events.Whisper)
    return events.Whisper(to, canonical(text), None, None)


def _history(rest, space):
    if not space:
        return events.Recall(None, USUAL_HISTORY)
    since, count = _SINCE.fullmatch(rest), _COUNT.fullmatch(rest)
    if since:
        return events.Recall(int(since.group(1)), LONGEST_HISTORY)
    if count:
        return events.Recall(None, min(int(rest), LONGEST_HISTORY))
    return events.Malformed(Reason.BAD_FORM, events.Recall)


def _bare(command):
    return lambda rest, space: events.Malformed(Reason.UNKNOWN_COMMAND, type(command)) if space else command


_COMMANDS = {
    b"LOGIN": _login,
    b"MSG": _msg,
    b"DM": _dm,
    b"HISTORY": _history,
    b"WHO": _bare(events.Who()),
    b"PING": _bare(events.Ping(b"")),
    b"REGISTER": _register,
    b"PASSWD": _passwd,
    b"HELP": _bare(events.Help()),
}

# What document 003 does not have.
_EXTENSIONS = (
    b"LOGIN <username> <password>",
    b"REGISTER <username> <password>",
    b"PASSWD <old password> <new password>",
    b"HISTORY [<count>]",
    b"HISTORY SINCE <number>",
    b"HELP",
)
_HELP = b"".join([b"HELP %b\n" % usage for usage in _EXTENSIONS]) + b"END HELP\n"

_ERRORS = {
    Reason.MUST_LOGIN: b"ERR must-login-first\n",
    Reason.ALREADY_IN: b"ERR unknown-command\n",
    Reason.INVALID_NAME: b"ERR invalid-username\n",
    Reason.NO_PASSWORD: b"ERR invalid-username\n",
    Reason.NAME_TAKEN: b"ERR username-taken\n",
    Reason.PASSWORD_REQUIRED: b"ERR password-required\n",
    Reason.WRONG_PASSWORD: b"ERR wrong-password\n",
    Reason.INVALID_PASSWORD: b"ERR invalid-password\n",
    Reason.UNVERIFIABLE: b"ERR unverifiable-password\n",
    Reason.TRY_LATER: b"ERR try-again-later\n",
    Reason.TOO_MANY_ACCOUNTS: b"ERR too-many-accounts\n",
    Reason.REGISTRATION_CLOSED: b"ERR registration-closed\n",
    Reason.ACCOUNT_REQUIRED: b"ERR account-required\n",
    Reason.NOT_YOU: b"ERR not-your-name\n",
    Reason.NOBODY: b"ERR user-not-found\n",
    Reason.BAD_FORM: b"ERR invalid-dm-format\n",
    Reason.BOX_FULL: b"ERR mailbox-full\n",
    Reason.NOT_STORED: b"ERR storage-failed\n",
    Reason.NO_SUCH_NUMBER: b"ERR no-such-number\n",
    Reason.UNKNOWN_COMMAND: b"ERR unknown-command\n",
}

# Where the word depends on what was asked.
_ERRORS_FOR = {
    (events.ChangePassword, Reason.NO_PASSWORD): b"ERR no-password\n",
    (events.Recall, Reason.BAD_FORM): b"ERR invalid-history-format\n",
}

# What is done without a word is not here.
_DONE = {events.SignUp: (b"OK\n",), events.ChangePassword: (b"OK\n",), events.Help: (_HELP,)}

_FAREWELLS = {
    Reason.IDLE: b"INFO idle-timeout\n",
    Reason.SHUTDOWN: b"INFO server-shutdown\n",
    Reason.SLOW_READER: b"INFO slow-reader\n",
    Reason.REPLACED: b"INFO logged-in-elsewhere\n",
    Reason.TOO_MANY_CONNECTIONS: b"ERR too-many-connections\n",
    Reason.ACCOUNT_DELETED: b"INFO account-deleted\n",
    Reason.TOO_LONG: b"ERR line-too-long\n",
    Reason.TOO_SLOW: b"ERR line-timeout\n",
    Reason.FOREIGN: b"ERR unknown-protocol\n",
    Reason.BUG: b"ERR internal-error\n",
}


def _said(word, sender, text):
    """One line, or as many as the text has; a long one is cut into several, each at a character."""
    if len(text) <= LONGEST_TEXT and b"\n" not in text:
        return (b"%b %b %b\n" % (word, sender, text),)
    return tuple(b"%b %b %b\n" % (word, sender, piece)
                 for line in text.split(b"\n") if line for piece in pieces(line, LONGEST_TEXT))


def _recalled(recalled):
    """One send: what was said, each of its lines with the number of the message, and how far that goes."""
    lines = [line for number, sender, text, time in recalled.messages
             for line in _said(b"HIST %d %d" % (number, time), sender, text)]
    return (b"".join([*lines, b"END HISTORY %d %b\n" % (recalled.last, b"more" if recalled.more else b"complete")]),)


def _refused(refused):
    error = _ERRORS_FOR.get((events.kind_of(refused.asked), refused.reason))
    return (error or _ERRORS.get(refused.reason, b"ERR unknown-command\n"),)


def _silence(happening):
    return ()


ENCODERS = dict.fromkeys(events.HAPPENINGS, _silence)
ENCODERS.update({
    events.Welcome: lambda welcome: (b"OK\n",),
    events.Done: lambda done: _DONE.get(events.kind_of(done.asked), ()),
    events.Refused: _refused,
    events.Said: lambda said: _said(b"MSG", said.sender, said.text),
    events.Whispered: lambda whispered: _said(b"DM", whispered.sender, whispered.text),
    events.Left: lambda left: (b"INFO %b disconnected\n" % left,),
    events.Renamed: lambda renamed: (b"INFO %b is now %b\n" % renamed,),
    events.Present: lambda present: (b"".join([b"USER %b\n" % name for name in present.names]),),
    events.Recalled: _recalled,
    events.Pong: lambda pong: (b"PONG\n",),
    events.Farewell: lambda farewell: (_FAREWELLS.get(farewell.reason, b"ERR unknown-protocol\n"),),
})


def encode(happening, me):
    """The lines that tell a client of `happening`; none if this protocol does not speak of it."""
    return ENCODERS[type(happening)](happening)


FORMS = {"text": encode}
