"""The `padded` protocol (document 001): from clients, a length in digits and then a text; to clients, the bare text.

    from a client
    offset  size  field  meaning
    0       64    count  ASCII digits, padded with spaces on either side; at most `text_bytes` + 512
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
    (the server's own notices)  [SERVER] <text>

The part before the first ": " is the nick, or a nick, a blank and its password. <time> is the local wall clock,
"hh:mm AM" or "hh:mm PM". A nick without a text is only acknowledged.

Programs of this family say good-bye with a message: !DISCONNECT, !DISCONNECT!, DISCONNECT!, disconnect, !DC, !EXIT or
!QUIT, in upper or lower case, with or without a prefix. Nobody else sees it. If `goodbye` is off it is a text like any
other.

Messages to a client have no end mark, so each is a send of its own, with time to read it before the next, except in a
flood (see `audience_kinds.OneByOne` and `paced` in `server.worker`). A text must not look like the beginning of
another message either, as two may be read at once. What becomes of the texts of others:

    carried   all other characters of a text, in one message however long it is, and its time in hours and minutes
    escaped   a line end is U+2424; "[hh:mm AM] ", "[ERROR] " and "[SERVER] " have U+FF3B for their bracket, with any
              digits for hh and mm; "Msg received" has U+00A0 for its space. This applies to everything after the time,
              including the sender's name.
    lost      the day and the seconds; who comes, goes or is renamed; all lists; what is said and done in rooms
"""
import re
import time
from typing import Any, Optional, Tuple

from parley.server.protocols import events
from parley.server.protocols.contract import Encoders, Frames, Limits
from parley.server.protocols.events import HOME, Reason
from parley.server.protocols.framing import FramedDecoder
from parley.server.protocols.reasons import with_full_stops
from parley.server.protocols.text import canonical_within, is_utf8, name_and_password
from parley.server.protocols.traits import Traits

NAME = "padded"
PORT = 5050
IDLE_TIMEOUT = 0
TRAITS = Traits(coalesces=False, hears_at_once=True, acknowledges=True, open_to_strangers=(events.Quit,),
                if_missed=events.Deliver())
HEADER_BYTES = 64

now = time.time

_PREFIX_BYTES = 512  # more than the longest prefix needs
_MOST_DIGITS = 7  # far above any limit, and few enough to convert quickly
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
    """Bytes in, commands out. Holds at most one unfinished frame."""

    __slots__ = ("_goodbye",)
    form = "text"

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._goodbye: bool = limits.get("goodbye", True)

    def _next(self) -> Optional[events.Command]:
        """The next command, or None if its frame is incomplete."""
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

    def _parse(self, body: bytes) -> events.Command:
        if not is_utf8(body):
            return _NOT_UTF8
        nick, password, raw, claimed_time = _taken_apart(body)
        if self._goodbye and _GOODBYE.fullmatch(raw):
            return _QUIT
        text = canonical_within(raw, self._text_limit)
        return _TEXT_TOO_LONG if text is None else events.Post(nick, password, text, claimed_time)


def _taken_apart(body: bytes) -> Tuple[Optional[bytes], Optional[bytes], bytes, Optional[int]]:
    """The nick, password, text and time in a body. Without a prefix all of it is text."""
    prefix = _PREFIX.match(body)
    if not prefix:
        return None, None, body, None
    clock, hour, minute, half, nick = prefix.groups()
    time_of_day = _claimed_time(clock, int(hour) % 12 + 12 * (half == b"P"), int(minute))
    name, password = name_and_password(nick)
    return name, password, body[prefix.end():], time_of_day


def _claimed_time(clock: bytes, hour: int, minute: int) -> Optional[int]:
    """The time, in seconds since the epoch, at which the local clock shows this today.

    None if it never does, in the hour that is skipped when summer time begins.
    """
    today = time.localtime(now())
    seconds = int(time.mktime((today.tm_year, today.tm_mon, today.tm_mday, hour, minute, 0, 0, 0, -1)))
    return seconds if written_clock(seconds) == clock else None


def written_clock(seconds: float) -> bytes:
    """The local time as existing clients write it. `strftime` would do so in some locales only."""
    local = time.localtime(seconds)
    return b"[%02d:%02d %bM] " % (local.tm_hour % 12 or 12, local.tm_min, b"P" if local.tm_hour >= 12 else b"A")


_WORDS = {
    **with_full_stops(),
    Reason.MUST_LOGIN: b"You need a nickname first.",
    Reason.ALREADY_IN: b"You have a nickname already.",
    Reason.INVALID_NAME: b"This cannot be a nickname.",
    Reason.NAME_TAKEN: b"The nickname is taken.",
    Reason.ACCOUNT_REQUIRED: b"Only nicknames that have an account can be used here.",
    Reason.PASSWORD_REQUIRED: b"The nickname needs its password behind it.",
    Reason.NO_PASSWORD: b"The nickname has no password.",
    Reason.NOBODY: b"Nobody here has that nickname.",
}


def _talk(talk: Any, form: bytes) -> Frames:
    told = form % (talk.sender, talk.text)
    return (written_clock(talk.time) + _harmless(told),)


def _harmless(told: bytes) -> bytes:
    """`told` without anything that looks like the beginning of a message."""
    told = _BRACKET.sub(_NO_BRACKET, told.replace(b"\n", _LINE_END))
    return told.replace(_RECEIVED, _NOT_RECEIVED)


def _farewell(farewell: events.Farewell) -> Frames:
    word = b"SERVER" if farewell.reason == Reason.SHUTDOWN else b"ERROR"
    return (b"[%b] %b" % (word, _WORDS[farewell.reason]),)


def _silence(happening: events.Happening) -> Frames:
    return ()


ENCODERS: Encoders = {
    **dict.fromkeys(events.HAPPENINGS, _silence),
    # A Post may have become two commands, one for the name and a Say.
    events.Done: lambda done: (_RECEIVED,) if isinstance(done.asked, (events.Post, events.Say, events.Quit)) else (),
    events.Refused: lambda refused: (b"[ERROR] %b" % _WORDS[refused.reason],),
    events.Said: lambda said: _talk(said, b"%b: %b") if said.room == HOME else (),
    events.Whispered: lambda whispered: _talk(whispered, _DIRECT),
    events.Missed: lambda missed: tuple([
        message for heard in missed.messages for message in _talk(events.Whispered(*heard), _DIRECT)]),
    events.Notice: lambda notice: (b"[SERVER] %b" % _harmless(notice.text),),
    events.Farewell: _farewell,
}


def encode(happening: events.Happening, me: Optional[bytes]) -> Frames:
    """The messages for `happening`; none if this protocol has no message for it."""
    return ENCODERS[type(happening)](happening)


FORMS = {"text": encode}
