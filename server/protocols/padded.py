"""The `padded` protocol (document 001): a length as text, then a text; to clients, texts with nothing around them.

    from a client
    offset  size  field  meaning
    0       64    count  ASCII digits, filled up with spaces on either side; at most `text_bytes` and 512 more
    64      n     body   UTF-8: "[05:55 AM] ann: hi there", or just a text

    client                      server, to the client     server, to others
    [<time>] <nick>: <text>     Msg received              [<time>] <nick>: <text>
    <text>                      Msg received              [<time>] guest-1: <text>
    [<time>] <nick> <password>: <text>
                                Msg received              [<time>] <nick>: <text>
    !DISCONNECT                 Msg received, and the end of the connection
    (nothing, a count of 0)     Msg received
    (what is refused)           [ERROR] <why>
    (other protocols' direct messages)                    [<time>] <sender> (direct): <text>, to one
    (the end)                   [ERROR] <why> | [SERVER] <why>

A nick is what stands before the first ": ", up to the first blank; what stands behind that is its password. <time> is
the local wall clock, "hh:mm AM" or "hh:mm PM". A nick without a text is only acknowledged.

Programs of this family say good-bye with a message: !DISCONNECT, !DISCONNECT!, DISCONNECT!, disconnect, !DC, !EXIT or
!QUIT, in any case, with a prefix or without. That is said to nobody, unless `goodbye` is off: then it is a text.

Nothing marks where a message to a client ends, so each is a send of its own, with time to read it before the next,
unless it is one of a flood (see `server.worker.audience.OneByOne` and `server.worker.paced`), and a text must not look
like the beginning of another message even where two are read at once. What becomes of what others say:

    carried   all other characters of a text, in one message however long it is, and the minute of its time
    escaped   a line end is U+2424; "[hh:mm AM] ", "[ERROR] " and "[SERVER] " have U+FF3B for their bracket, whatever
              digits stand there; "Msg received" has U+00A0 for its space. This holds for all that follows the time,
              the sender's name included.
    lost      the day and the seconds; who comes, goes or is renamed; all lists
"""
import re
import time

from server.protocols import events
from server.protocols.events import Reason
from server.protocols.framing import FramedDecoder
from server.protocols.text import canonical_within, name_and_password
from server.protocols.traits import traits

NAME = "padded"
PORT = 5050
IDLE_TIMEOUT = 0
TRAITS = traits(coalesces=False, hears_at_once=True, acknowledges=True, open_to_strangers=(events.Quit,),
                if_missed=events.Deliver())
HEADER_BYTES = 64

now = time.time

_PREFIX_BYTES = 512  # more than a prefix with the longest name has
_MOST_DIGITS = 7  # which is far above any limit, and far below what takes time to read as a number
_BEGINNING = re.compile(rb" *[0-9]* *")  # of a header
_PREFIX = re.compile(rb"(\[(0[1-9]|1[0-2]):([0-5][0-9]) ([AP])M\] )(.+?): ", re.DOTALL)
_GOODBYE = re.compile(rb"(?i)\s*(?:!?disconnect!?|!dc|!exit|!quit)\s*")

_BRACKET = re.compile(rb"\[(?=[0-9]{2}:[0-9]{2} [AP]M\] |ERROR\] |SERVER\] )")
_NO_BRACKET = "\uff3b".encode()
_LINE_END = "\u2424".encode()
_DIRECT = b"%b (direct): %b"
_RECEIVED, _NOT_RECEIVED = b"Msg received", "Msg\u00a0received".encode()


_NOT_UTF8 = events.Malformed(Reason.NOT_UTF8, events.Post)
_TEXT_TOO_LONG = events.Malformed(Reason.TEXT_TOO_LONG, events.Post)
_QUIT = events.Quit()


class Decoder(FramedDecoder):
    """Bytes in, commands out. Keeps at most one unfinished frame."""

    __slots__ = ("_goodbye",)
    form = "text"

    def __init__(self, limits):
        super().__init__(limits)
        self._goodbye = limits.get("goodbye", True)

    def _next(self):
        """The next command, or None if it is not all here."""
        held = self._held
        header = bytes(held[:HEADER_BYTES])
        if not _BEGINNING.fullmatch(header):
            return self._break(Reason.BROKEN)
        if len(header) < HEADER_BYTES:
            return None
        if header.isspace():
            return self._break(Reason.BROKEN)
        digits = header.strip(b" ").lstrip(b"0") or b"0"
        if len(digits) > _MOST_DIGITS or int(digits) > self._text_limit + _PREFIX_BYTES:
            return self._break(Reason.TOO_LONG)
        end = HEADER_BYTES + int(digits)
        if len(held) < end:
            return None
        return self._parse(self._take(HEADER_BYTES, end, end))

    def _parse(self, body):
        try:
            body.decode()
        except UnicodeDecodeError:
            return _NOT_UTF8
        nick, password, text, claimed_time = _taken_apart(body)
        if self._goodbye and _GOODBYE.fullmatch(text):
            return _QUIT
        text = canonical_within(text, self._text_limit)
        return _TEXT_TOO_LONG if text is None else events.Post(nick, password, text, claimed_time)


def _taken_apart(body):
    """The nick, its password, the text and the time in a body; without a prefix all of it is text."""
    prefix = _PREFIX.match(body)
    if not prefix:
        return None, None, body, None
    clock, hour, minute, half, nick = prefix.groups()
    time_of_day = _claimed_time(clock, int(hour) % 12 + 12 * (half == b"P"), int(minute))
    return (*name_and_password(nick), body[prefix.end():], time_of_day)


def _claimed_time(clock, hour, minute):
    """Seconds since the epoch when today's local clock shows this; None if it does not, where summer time begins."""
    today = time.localtime(now())
    seconds = int(time.mktime((today.tm_year, today.tm_mon, today.tm_mday, hour, minute, 0, 0, 0, -1)))
    return seconds if written_clock(seconds) == clock else None


def written_clock(seconds):
    """The local time as existing clients write it, which strftime would do only in some locales."""
    local = time.localtime(seconds)
    return b"[%02d:%02d %bM] " % (local.tm_hour % 12 or 12, local.tm_min, b"P" if local.tm_hour >= 12 else b"A")


_WORDS = {
    Reason.UNKNOWN_COMMAND: b"There is no such command.",
    Reason.BAD_FORM: b"The message is not of the right form.",
    Reason.NOT_UTF8: b"The message is not valid UTF-8.",
    Reason.TEXT_TOO_LONG: b"The message is too long.",
    Reason.MUST_LOGIN: b"You need a nickname first.",
    Reason.ALREADY_IN: b"You have a nickname already.",
    Reason.NOT_YOU: b"You are somebody else.",
    Reason.INVALID_NAME: b"This cannot be a nickname.",
    Reason.NAME_TAKEN: b"The nickname is taken.",
    Reason.NO_ACCOUNT: b"There is no such account.",
    Reason.TOO_MANY_ACCOUNTS: b"There are too many accounts.",
    Reason.REGISTRATION_CLOSED: b"New accounts cannot be made here.",
    Reason.ACCOUNT_REQUIRED: b"Only nicknames that have an account can be used here.",
    Reason.PASSWORD_REQUIRED: b"The nickname needs its password behind it.",
    Reason.WRONG_PASSWORD: b"The password is wrong.",
    Reason.NO_PASSWORD: b"The nickname has no password.",
    Reason.INVALID_PASSWORD: b"This cannot be a password.",
    Reason.UNVERIFIABLE: b"The password cannot be verified here.",
    Reason.TRY_LATER: b"Try again later.",
    Reason.NOBODY: b"Nobody here has that nickname.",
    Reason.YOURSELF: b"That is you.",
    Reason.BOX_FULL: b"The mailbox is full.",
    Reason.NOT_STORED: b"The server could not store this.",
    Reason.NO_SUCH_NUMBER: b"There is no such message.",
    Reason.BROKEN: b"The server does not understand this client.",
    Reason.TOO_LONG: b"The message is too long.",
    Reason.TOO_SLOW: b"The message did not arrive in time.",
    Reason.FOREIGN: b"This is another protocol.",
    Reason.IDLE: b"You were silent for too long.",
    Reason.SLOW_READER: b"You read too slowly.",
    Reason.TOO_MANY_CONNECTIONS: b"There are too many connections.",
    Reason.REPLACED: b"You have logged in elsewhere.",
    Reason.ACCOUNT_DELETED: b"Your account was deleted by an operator.",
    Reason.SHUTDOWN: b"The server is shutting down.",
    Reason.BUG: b"The server made a mistake.",
}


def _talk(talk, form):
    told = form % (talk.sender, talk.text)
    return (written_clock(talk.time) + _harmless(told),)


def _harmless(told):
    """`told` without anything that reads like the beginning of a message."""
    told = _BRACKET.sub(_NO_BRACKET, told.replace(b"\n", _LINE_END))
    return told.replace(_RECEIVED, _NOT_RECEIVED)


def _farewell(farewell):
    word = b"SERVER" if farewell.reason == Reason.SHUTDOWN else b"ERROR"
    return (b"[%b] %b" % (word, _WORDS[farewell.reason]),)


def _silence(happening):
    return ()


ENCODERS = dict.fromkeys(events.HAPPENINGS, _silence)
ENCODERS.update({
    # A post may have become two commands, a name and then its text.
    events.Done: lambda done: (_RECEIVED,) if isinstance(done.asked, (events.Post, events.Say, events.Quit)) else (),
    events.Refused: lambda refused: (b"[ERROR] %b" % _WORDS[refused.reason],),
    events.Said: lambda said: _talk(said, b"%b: %b"),
    events.Whispered: lambda whispered: _talk(whispered, _DIRECT),
    events.Missed: lambda missed: tuple([
        message for heard in missed.messages for message in _talk(events.Whispered(*heard), _DIRECT)]),
    events.Farewell: _farewell,
})


def encode(happening, me):
    """The messages that tell a client of `happening`; none if this protocol does not speak of it."""
    return ENCODERS[type(happening)](happening)


FORMS = {"text": encode}
