r"""The `line` protocol (document 003): UTF-8 text, one command per line, each ended by "\n".

    client                    server, to the client          server, to others
    LOGIN <username> [<password>]
                              OK, then INFO <n> messages while you were away, if any | ERR <why>
    MSG <text>                                               MSG <sender> <text>
    WHO                       USER <name> for each member
    DM <username> <text>      nothing | ERR <why>            DM <sender> <text>, to one
    PING                      PONG
    HISTORY [<count>]         HIST <number> <time> <username> <text> for each of the latest messages in the room, then
                              END HISTORY <last number> complete
    HISTORY SINCE <number>    HIST for each message after that number, then the same, or, if there are more,
                              END HISTORY <last number> more
    REGISTER <username> <password>
                              OK | ERR <why>
    PASSWD <old> <new>        OK | ERR <why>
    UNREAD                    UNREAD <time> <username> <text> for each message that was kept, then END UNREAD
    HELP                      HELP <usage> for each command, END HELP
    QUIT                      OK, and the end of the connection
    JOIN <room> [<key>]       OK | ERR <why>                 <room> INFO <name> joined
    PART <room>               OK | ERR <why>                 <room> INFO <name> left
    ROOMS [<pattern>]         ROOM <room> <members> [<topic>] for each of those that match, or one is in, END ROOMS
    <room> MSG <text>         nothing | ERR <why>            <room> MSG <sender> <text>
    <room> WHO                <room> USER <name> for each member, <room> END WHO
    <room> HISTORY ...        <room> HIST <place> ... as above, <room> END HISTORY ...; places are those in the room
    <room> TOPIC              <room> TOPIC [<topic>]
    <room> TOPIC <text>       OK | ERR <why>                 <room> INFO <name> set the topic: <text>
    <room> <ACT> ...          OK | ERR <why>                 <room> INFO <what was done>
    (end of connection)                                      INFO <name> disconnected
    (a rename, in another protocol)                          INFO <old> is now <new>

Rooms begin with "#". The acts are INVITE, KICK, BAN, UNBAN, MUTE, UNMUTE, VOICE, DEVOICE, OP and DEOP, each with a name
and perhaps a reason behind it; SET with a setting and its value; DROP; and TOPIC, where "-" takes the topic away.

Rooms, REGISTER, PASSWD, HISTORY, UNREAD, HELP, QUIT, the notice of messages that were kept, and the password of LOGIN
are our extensions. Commands are upper case. What people and their programs add to a line is handled as follows:

    at both ends      blanks, CR, NUL and EOT (Ctrl+D in telnet) are dropped; an empty line asks for nothing
    between words     several blanks count as one, except before a text (after MSG, and after the username of DM)
    the end           LF, or CR NUL, which telnet may send instead; so CR LF, CR CR LF and LF CR end one line each
    BS, DEL           erase the character before them in the line
    U+FEFF            is skipped in front of the first line
    telnet            commands and negotiation are skipped wherever they stand. IAC DO TIMING-MARK is answered with IAC
                      WONT TIMING-MARK, because clients show no output until it is answered. No other option is
                      answered: all are off and stay off

A line is at most `line_bytes` long as it was sent: erased bytes count, its end and telnet's bytes do not.
"""
import re
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from parley.server.protocols import events
from parley.server.protocols.contract import Encoders, Frames, Limits
from parley.server.protocols.events import Reason
from parley.server.protocols.happenings import sentence
from parley.server.protocols.text import FOREIGN_LINE, LF, NUL, PLAIN, canonical, is_blank, name_and_password, pieces
from parley.server.protocols.traits import Traits

NAME = "line"
PORT = 4000
IDLE_TIMEOUT = 60
TRAITS = Traits(
    open_to_strangers=(events.Help, events.Quit), shared_answers=(events.Present, events.Recalled), typed=True)
LONGEST_TEXT = 8192  # bytes in a line to a client; longer texts, which come from other protocols, take several
USUAL_HISTORY, LONGEST_HISTORY = 100, 1000  # messages

_SINCE = re.compile(rb"SINCE ([0-9]{1,18})")
_COUNT = re.compile(rb"[1-9][0-9]{0,8}")
_FOREIGN_BYTES = (b"\x16\x03", b"\x03\x00")  # the beginning of a TLS or RDP handshake
# Telnet commands: an escaped byte 255; the timing mark; an option (WILL, WONT, DO, DONT); a short sub-negotiation; any
# other command; an incomplete one. None extends beyond the end of a line.
_TELNET = re.compile(
    rb"\xff(?:(\xff)|\xfd(\x06)|[\xfb-\xfe][^\n]|%(sub)b\xff\xf0|[\xec-\xf9]|((?:[\xfb-\xfe]|%(sub)b\xff?)?\Z))"
    % {b"sub": rb"\xfa(?:[^\xff\n]|\xff\xff){0,512}"}, re.DOTALL)
_IAC, _WONT_TIMING_MARK = b"\xff", b"\xff\xfc\x06"

_BYTE_ORDER_MARK = "\ufeff".encode()
_BS, _DEL = b"\x08", b"\x7f"
_EDGES = b" \t\r\0\x04"
_IN_FRONT = _EDGES + b"\xff\xf2"  # telnet's SYNCH is these two; the one sent as urgent data is not in the stream

# Bytes that are simply part of a line: not telnet's, not erasing ones, nor those that are dropped at its ends.
_USUAL = bytes(set(range(256)) - set(b"\0\x04\x08\x7f\xff"))

_FRONT = re.compile(rb"#[^ \0-\x1f\x7f]+ ")  # of a command in a room

_NOTHING, _TIMING_MARK = events.Nothing(), events.TimingMark()
_UNKNOWN = events.Malformed(Reason.UNKNOWN_COMMAND, None)
_TOO_LONG, _FOREIGN = events.Broken(Reason.TOO_LONG), events.Broken(Reason.FOREIGN)


class Decoder:
    """Bytes in, commands out. Holds at most one unfinished line."""

    __slots__ = ("_held", "_erased", "_end", "_telnet", "_begun", "_is_plain", "_line_limit")
    form = "text"
    rest = b""

    def __init__(self, limits: Limits) -> None:
        self._held = b""  # the unfinished line, without what was erased
        self._erased = 0  # bytes of it that were erased, and the bytes that erased them
        self._end = b""  # a CR that may be half of the line's end
        self._telnet = b""  # an incomplete telnet command
        self._begun = False  # is the first line complete?
        self._is_plain = False  # and is `_held` all that matters for what comes next?
        self._line_limit: int = limits["line_bytes"]

    @property
    def unfinished(self) -> int:
        """How many bytes of an unfinished line are held, not counting leading blanks."""
        held = self._held
        if not held:
            return 0
        if not self._begun and held.startswith(_BYTE_ORDER_MARK):
            held = held[len(_BYTE_ORDER_MARK):]
        return len(held.lstrip(_IN_FRONT))

    def feed(self, data: bytes) -> List[events.Command]:
        """The commands that `data` completes. After a `Broken`, feed nothing more."""
        if self._is_plain and data[-1:] != b"\r" and not data.translate(None, _USUAL):  # the usual case, kept fast
            lines = (self._held + data).split(b"\n")
            held = self._held = lines.pop()
            commands = len(lines) > 1 and self._talk(lines) or [self._parse(line) for line in lines]
            if len(held) > self._line_limit:
                commands.append(_TOO_LONG)
            return commands
        commands = self._without_telnet(data)
        self._is_plain = self._begun and not (self._telnet or self._end or self._erased)
        return commands

    def _talk(self, lines: List[bytes]) -> Optional[List[events.Command]]:
        """What `_parse` makes of these lines, if all of them are plain talk in one room; else None."""
        front, word, _ = lines[0].partition(b"MSG ")
        start = front + word
        size = len(start)
        if not word or front and not _FRONT.fullmatch(front) or {line[:size] for line in lines} != {start}:
            return None
        texts = [line[size:].rstrip(_EDGES) for line in lines]
        if not all(texts) or b"".join(texts).translate(None, PLAIN) or max(map(len, lines)) > self._line_limit:
            return None
        others = None, None, front[:-1] or events.HOME, b"", b""
        return [tuple.__new__(events.Say, (text, *others)) for text in texts]

    def _without_telnet(self, data: bytes) -> List[events.Command]:
        """The commands in bytes that may contain telnet's."""
        if not self._telnet and _IAC not in data:
            return self._lines(data)
        # Texts, and between any two of them the three groups of the pattern.
        parts = _TELNET.split(self._telnet + data)
        begun = parts.pop(-2) if len(parts) > 1 else None
        self._telnet = b"" if begun is None else _IAC + begun
        commands: List[events.Command] = []
        start = 0
        for mark in range(2, len(parts), 4):
            if parts[mark]:
                commands += self._lines(_joined(parts[start:mark]))
                commands.append(_TIMING_MARK)
                start = mark + 1
        return commands + self._lines(_joined(parts[start:]))

    def _lines(self, data: bytes) -> List[events.Command]:
        """The commands in the lines that `data` completes; telnet's bytes have been removed."""
        if not data:
            return []
        data = self._end + data
        self._end = data[-1:] if data.endswith(b"\r") else b""
        if self._end:
            data = data[:-1]
        if NUL in data:
            data = data.replace(b"\r\0", b"\r\n")
        *lines, held = (self._held + data).split(b"\n")
        commands: List[events.Command] = []
        if not self._begun:
            if not self._erased and (lines[0] if lines else held).lstrip(_EDGES).startswith(_FOREIGN_BYTES):
                return [_FOREIGN]
            if lines:
                self._begun = True
                commands.append(self._parse_first(lines.pop(0)))
        if self._erased or _BS in data or _DEL in data:
            commands += map(self._parse_typed, lines)
            held = self._erase(held)
        else:
            commands += [self._parse(line) if line else _NOTHING for line in lines]
        self._held = held
        if len(held) + self._erased > self._line_limit:
            commands.append(_TOO_LONG)
        return commands

    def _parse_first(self, line: bytes) -> events.Command:
        """The first line, which may begin with a byte order mark or be of another protocol."""
        if line.startswith(_BYTE_ORDER_MARK):
            line = line[len(_BYTE_ORDER_MARK):]
            self._erased += len(_BYTE_ORDER_MARK)
        line = self._erase(line)
        command = self._parse_typed(line)
        return _FOREIGN if command is _UNKNOWN and FOREIGN_LINE.match(line.lstrip(_EDGES)) else command

    def _parse_typed(self, line: bytes) -> events.Command:
        """A line in which something may have been erased."""
        line = self._erase(line)
        erased, self._erased = self._erased, 0
        return _TOO_LONG if len(line) + erased - line.endswith(b"\r") > self._line_limit else self._parse(line)

    def _erase(self, line: bytes) -> bytes:
        """`line` after each BS and DEL in it has erased the character before it, if any."""
        kept = _without_erased(line) if _BS in line or _DEL in line else line
        self._erased += len(line) - len(kept)
        return kept

    def _parse(self, line: bytes) -> events.Command:
        if len(line) > self._line_limit and len(line) - line.endswith(b"\r") > self._line_limit:
            return _TOO_LONG
        word, _, rest = line.partition(b" ")
        parse = _COMMANDS.get(word)
        if parse:
            return parse(rest.rstrip(_EDGES))
        if word[:1] == b"#":
            return _in_room(word, rest.strip(_EDGES))
        bare = line.lstrip(_IN_FRONT).rstrip(_EDGES)
        if not bare:
            return _NOTHING
        return _UNKNOWN if bare == line else self._parse(bare)


def _joined(parts: Iterable[Optional[bytes]]) -> bytes:
    return b"".join(filter(None, parts))


def _without_erased(line: bytes) -> bytes:
    first, *rest = line.replace(_DEL, _BS).split(_BS)
    kept = bytearray(first)
    for part in rest:
        while kept and kept.pop() & 0xC0 == 0x80:
            pass  # a continuation byte: the character began before
        kept += part
    return bytes(kept)


def _words(rest: bytes) -> List[bytes]:
    return [word for word in rest.split(b" ") if word]


def _login(rest: bytes) -> events.Command:
    return events.Login(*name_and_password(rest.lstrip(b" ")))


def _register(rest: bytes) -> events.Command:
    words = _words(rest)
    return events.SignUp(*(words + [b"", b""])[:2]) if len(words) <= 2 else _bad_password(events.SignUp)


def _passwd(rest: bytes) -> events.Command:
    words = _words(rest)
    return events.ChangePassword(*words) if len(words) == 2 else _bad_password(events.ChangePassword)


def _bad_password(asked: type) -> events.Command:
    return events.Malformed(Reason.INVALID_PASSWORD, asked)


def _msg(rest: bytes) -> events.Command:
    return events.Say(canonical(rest), None, None) if rest else _WITHOUT_TEXT


def _dm(rest: bytes) -> events.Command:
    to, _, text = rest.partition(b" ")
    return events.Whisper(to, canonical(text), None, None) if to and text else _BAD_WHISPER


def _history(rest: bytes) -> events.Command:
    if not rest:
        return events.Recall(None, USUAL_HISTORY)
    rest = b" ".join(_words(rest))
    since, count = _SINCE.fullmatch(rest), _COUNT.fullmatch(rest)
    if since:
        return events.Recall(int(since.group(1)), LONGEST_HISTORY)
    if count:
        return events.Recall(None, min(int(rest), LONGEST_HISTORY))
    return _BAD_RECALL


def _join(rest: bytes) -> events.Command:
    words = _words(rest)
    return events.Enter(words[0], words[1] if len(words) == 2 else None) if 1 <= len(words) <= 2 else _BAD_ENTER


def _part(rest: bytes) -> events.Command:
    words = _words(rest)
    return events.Exit(*words) if len(words) == 1 else _BAD_EXIT


def _rooms(rest: bytes) -> events.Command:
    return events.Rooms(rest.lstrip(b" ") or None)


def _in_room(room: bytes, rest: bytes) -> events.Command:
    """A command with a room in front."""
    word, _, rest = rest.partition(b" ")
    if word == b"MSG":
        return events.Say(canonical(rest), None, None, room) if rest else _WITHOUT_TEXT
    rest = rest.lstrip(b" ")
    if word == b"WHO" and not rest:
        return events.Who(room)
    if word == b"HISTORY":
        command = _history(rest)
        return command._replace(room=room) if isinstance(command, events.Recall) else command
    if word == b"TOPIC":
        return events.Manage(room, "topic", b"", b"" if rest == b"-" else canonical(rest)) if rest \
            else events.Topic(room)
    if word in (b"JOIN", b"PART"):
        return _COMMANDS[word](room + b" " + rest)
    act = _ACTS.get(word)
    if act is None:
        return _UNKNOWN
    about, _, text = rest.partition(b" ")
    text = text.lstrip(b" ")
    if bool(about) == (act == "drop") or act == "set" and not text:
        return _BAD_MANAGE
    return events.Manage(room, act, about, canonical(text))


def _bare(command: events.Command) -> Callable[[bytes], events.Command]:
    unknown = events.Malformed(Reason.UNKNOWN_COMMAND, type(command))
    return lambda rest: unknown if rest else command


_WITHOUT_TEXT = events.Malformed(Reason.UNKNOWN_COMMAND, events.Say)
_BAD_WHISPER = events.Malformed(Reason.BAD_FORM, events.Whisper)
_BAD_ENTER = events.Malformed(Reason.INVALID_ROOM, events.Enter)
_BAD_EXIT = events.Malformed(Reason.INVALID_ROOM, events.Exit)
_BAD_MANAGE = events.Malformed(Reason.UNKNOWN_COMMAND, events.Manage)
_BAD_RECALL = events.Malformed(Reason.BAD_FORM, events.Recall)

_IN_A_ROOM = (
    b"#<room> MSG <text>",
    b"#<room> WHO",
    b"#<room> HISTORY [<count>]",
    b"#<room> HISTORY SINCE <place>",
    b"#<room> TOPIC [<text>]",
    b"#<room> INVITE|KICK|BAN|UNBAN|MUTE|UNMUTE|VOICE|DEVOICE|OP|DEOP <username> [<why>]",
    b"#<room> SET private|invite|moderated on|off",
    b"#<room> SET open_topic|open_talk|noctcp on|off",
    b"#<room> SET key|limit|slow <value>|off",
    b"#<room> DROP",
)
# How each command reads what stands behind its word, and the usages by which HELP tells of it.
_TABLE: Dict[bytes, Tuple[Callable[[bytes], events.Command], Sequence[bytes]]] = {
    b"LOGIN": (_login, (b"LOGIN <username> [<password>]",)),
    b"MSG": (_msg, (b"MSG <text>",)),
    b"WHO": (_bare(events.Who()), (b"WHO",)),
    b"DM": (_dm, (b"DM <username> <text>",)),
    b"PING": (_bare(events.Ping(b"")), (b"PING",)),
    b"HISTORY": (_history, (b"HISTORY [<count>]", b"HISTORY SINCE <number>")),
    b"REGISTER": (_register, (b"REGISTER <username> <password>",)),
    b"PASSWD": (_passwd, (b"PASSWD <old password> <new password>",)),
    b"UNREAD": (_bare(events.Deliver()), (b"UNREAD",)),
    b"JOIN": (_join, (b"JOIN #<room> [<key>]",)),
    b"PART": (_part, (b"PART #<room>",)),
    b"ROOMS": (_rooms, (b"ROOMS [<pattern>]", *_IN_A_ROOM)),
    b"HELP": (_bare(events.Help()), (b"HELP",)),
    b"QUIT": (_bare(events.Quit()), (b"QUIT",)),
}
_COMMANDS = {word: read for word, (read, _) in _TABLE.items()}
_HELP = b"".join([b"HELP %b\n" % usage for _, usages in _TABLE.values() for usage in usages]) + b"END HELP\n"

_ACTS = {act.upper().encode(): act for act in events.ACTS if act != "topic"}

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
    **{reason: b"ERR %b\n" % reason.encode() for reason in events.ROOM_REASONS},
}

# Where the word depends on the request.
_ERRORS_FOR = {
    (events.Say, Reason.BAD_FORM): b"ERR unknown-command\n",
    (events.ChangePassword, Reason.NO_PASSWORD): b"ERR no-password\n",
    (events.Recall, Reason.BAD_FORM): b"ERR invalid-history-format\n",
}

# Requests that are done without an answer are not listed.
_DONE: Dict[type, Frames] = {
    events.SignUp: (b"OK\n",),
    events.ChangePassword: (b"OK\n",),
    events.Help: (_HELP,),
    events.Quit: (b"OK\n",),
    events.Enter: (b"OK\n",),
    events.Exit: (b"OK\n",),
    events.Manage: (b"OK\n",),
    events.TimingMark: (_WONT_TIMING_MARK,),
}

_FAREWELLS = {
    Reason.IDLE: b"INFO idle-timeout\n",
    Reason.SHUTDOWN: b"INFO server-shutdown\n",
    Reason.SLOW_READER: b"INFO slow-reader\n",
    Reason.REPLACED: b"INFO logged-in-elsewhere\n",
    Reason.TOO_MANY_CONNECTIONS: b"ERR too-many-connections\n",
    Reason.ACCOUNT_DELETED: b"INFO account-deleted\n",
    Reason.KICKED: b"INFO kicked\n",
    Reason.BANNED: b"INFO banned\n",
    Reason.TOO_LONG: b"ERR line-too-long\n",
    Reason.TOO_SLOW: b"ERR line-timeout\n",
    Reason.FOREIGN: b"ERR unknown-protocol\n",
    Reason.BUG: b"ERR internal-error\n",
}


def _said(word: bytes, sender: bytes, text: bytes) -> Frames:
    """One line for each line of the text that is not blank; long ones are split into several, between characters."""
    if len(text) <= LONGEST_TEXT and b"\n" not in text:
        return (b"%b %b %b\n" % (word, sender, text),)
    return tuple(b"%b %b %b\n" % (word, sender, piece)
                 for line in text.split(b"\n") if not is_blank(line) for piece in pieces(line, LONGEST_TEXT))


def _front(room: bytes) -> bytes:
    """The beginning of a line about a room: the room and a blank, or nothing for the lobby."""
    return room and room + b" "


def _recalled(recalled: events.Recalled) -> Frames:
    """All messages in one frame. Each line of a message has its number; the last line tells how far the answer goes."""
    front = _front(recalled.room)
    lines = [line for number, sender, text, time in recalled.messages
             for line in _said(b"%bHIST %d %d" % (front, number, time), sender, text)]
    lines.append(b"%bEND HISTORY %d %b\n" % (front, recalled.last, b"more" if recalled.more else b"complete"))
    return (b"".join(lines),)


def _present(present: events.Present) -> Frames:
    front = _front(present.room)
    lines = [b"%bUSER %b\n" % (front, name) for name in present.names]
    return (b"".join([*lines, front + b"END WHO\n"] if front else lines),)


def _room_list(listed: events.RoomList) -> Frames:
    lines = [b" ".join([b"ROOM", name, b"%d" % members, *filter(None, [topic])]) + b"\n"
             for name, members, topic, _ in listed.rooms]
    return (b"".join([*lines, b"END ROOMS\n"]),)


def _info(happening: Any) -> Frames:
    """A sentence about what has happened in a room."""
    return (b"%bINFO %b\n" % (_front(happening.room), sentence(happening)),)


def _missed(missed: events.Missed) -> Frames:
    """The messages that were kept, in one frame."""
    lines = [line for sender, text, time in missed.messages for line in _said(b"UNREAD %d" % time, sender, text)]
    return (b"".join([*lines, b"END UNREAD\n"]),)


def _refused(refused: events.Refused) -> Frames:
    error = _ERRORS_FOR.get((events.kind_of(refused.asked), refused.reason))
    return (error or _ERRORS.get(refused.reason, b"ERR unknown-command\n"),)


def _silence(happening: events.Happening) -> Frames:
    return ()


ENCODERS: Encoders = {
    **dict.fromkeys(events.HAPPENINGS, _silence),
    events.Welcome: lambda welcome: (b"OK\n",),
    events.Waiting: lambda waiting: (b"INFO %d messages while you were away\n" % waiting,),
    events.Done: lambda done: _DONE.get(events.kind_of(done.asked), ()),
    events.Refused: _refused,
    events.Said: lambda said: _said(said.room + b" MSG" if said.room else b"MSG", said.sender, said.text),
    events.Whispered: lambda whispered: _said(b"DM", whispered.sender, whispered.text),
    events.Left: lambda left: (b"INFO %b disconnected\n" % left.name,),
    events.Renamed: _info,
    events.Entered: _info,
    events.Exited: _info,
    events.Managed: _info,
    events.Invited: lambda invited: (b"INFO %b\n" % sentence(invited),),
    events.Notice: lambda notice: tuple(b"INFO %b\n" % line for line in notice.text.split(b"\n") if line),
    events.Inside: lambda inside: (b"OK\n",),
    events.RoomList: _room_list,
    events.TopicTold: lambda told: (b"%b TOPIC %b\n" % (told.room or b"#lobby", told.text),),
    events.Present: _present,
    events.Recalled: _recalled,
    events.Missed: _missed,
    events.Pong: lambda pong: (b"PONG\n",),
    events.Farewell: lambda farewell: (_FAREWELLS.get(farewell.reason, b"ERR unknown-protocol\n"),),
}


def encode(happening: events.Happening, me: Optional[bytes]) -> Frames:
    """The lines for `happening`; none if this protocol has no message for it."""
    return ENCODERS[type(happening)](happening)


def encode_talk(
        room: bytes, records: Sequence[Tuple[int, bytes, bytes, int, int]], first: int, at: int = 0
) -> Optional[List[bytes]]:
    """The lines of each record: see TALK in `parley.server.protocols`. None if a text takes several lines."""
    word = room + b" MSG " if room else b"MSG "
    frames = []
    for _, sender, text, _, count in records:
        if LF in text or len(text) > LONGEST_TEXT:
            return None
        if count == 1:
            frames.append(b"%b%b %b\n" % (word, sender, text))
        else:
            start = b"%b%b " % (word, sender)
            frames.append(b"%b%b\n" % (start, text.replace(b"\0", b"\n" + start)))
            frames += [b""] * (count - 1)
    return frames


FORMS = {"text": encode}
TALK = {"text": encode_talk}
