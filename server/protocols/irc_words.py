"""What lines of IRC are made of: nicks and sources, tags, times, texts, extras, numerics for refusals, and 005."""
import functools
import re
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from parley.server.protocols.aliases import digest
from parley.server.protocols.events import Reason
from parley.server.protocols.person import unpacked
from parley.server.protocols.reasons import SENTENCES
from parley.server.protocols.text import canonical, is_blank, one_line, pieces

Frames = Tuple[bytes, ...]
Part = Tuple[bool, bytes]  # of a text: does it continue the line of the part before it?, and the part

HOST = b"parley"  # the host of everybody, as addresses are not shown
LOBBY = b"#lobby"
MOST_LINES = 100  # of one text, as it is sent or told: each would be a line of IRC
LONGEST_LINE = 512  # bytes with CR LF and without tags: RFC 1459, 2.3
LONGEST_NICK = 32  # characters
LONGEST_USER = 10
LONGEST_REAL_NAME, LONGEST_AWAY = 150, 390  # bytes
_LONGEST_MIDDLE = 200  # bytes
LIST_BYTES = 400  # of a list of words in one line
_LONGEST_MASK = 512  # bytes; a longer mask matches nothing, as no name or room needs one

_SHORT_DIGEST, _LONG_DIGEST = 4, 12  # characters behind the "|" of an alias
_LITTLE = 2  # changed characters of a name; the first character counts twice, as fewer are allowed there
_MOST_ALIASES = 4096
_MOST_SOURCES = 512  # in the cache; each takes a third of a KiB
# The characters of a nick. No name has a "|", so a nick with one is an alias.
_A_NICK = rb"[^\x00-\x20!#$%&*+,\-.:?@|~\x7f0-9][^\x00-\x20!*,.:?@|\x7f]*"
_NICK, _NICKS = re.compile(_A_NICK), re.compile(rb"%b(?:\x00%b)*" % (_A_NICK, _A_NICK))
_BAD_FIRST = re.compile(r"[!#$%&*+,\-.:?@~0-9]")
_BAD = re.compile(r"[ !*,.:?@]")
# mIRC's colours, hexadecimal colours, and the other control characters for formatting.
_FORMATTING = re.compile(rb"\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?|"
                         rb"[\x02\x0f\x11\x16\x1d\x1e\x1f]")
_ACTION = re.compile(rb"\x01ACTION ([^\x01]*)\x01?")
_CTCP = b"\x01"


# ---- names

# Alias -> name, of the aliases that this worker has shown lately: also those of people who have left.
_aliases: Dict[bytes, bytes] = {}


def nick(name: bytes) -> bytes:
    """The name as IRC shows it: itself if it is a valid nick, else an alias."""
    return name if _NICK.fullmatch(name) else _alias(name)


def nicks(names: Sequence[bytes]) -> Sequence[bytes]:
    """`nick` of each; quick if all are valid nicks."""
    return names if _NICKS.fullmatch(b"\0".join(names)) else list(map(nick, names))


@functools.lru_cache(maxsize=_MOST_ALIASES)
def _alias(name: bytes) -> bytes:
    text = name.decode()
    shown_as = _BAD_FIRST.sub("_", text[:1]) + _BAD.sub("_", text[1:])
    # A short digest is enough if little of the name is lost, as few names have an alias that looks like this one. For
    # other names somebody would find two with the same short digest within a second, and speak by the nick of another.
    lost = sum(map(str.__ne__, text, shown_as)) + (text[0] != shown_as[0])
    size = _SHORT_DIGEST if lost <= _LITTLE and len(text) < LONGEST_NICK - _SHORT_DIGEST else _LONG_DIGEST
    beginning = shown_as[:LONGEST_NICK - size - 1]
    alias = b"%b|%b" % (beginning.encode(), digest(name, size))
    if len(_aliases) >= _MOST_ALIASES:
        _aliases.clear()
        _alias.cache_clear()
    _aliases[alias] = name
    return alias


def is_nick(raw: bytes) -> bool:
    """Can this be a nick?"""
    return _NICK.fullmatch(raw) is not None


def name_of(raw: bytes, known: Any) -> bytes:
    """The name that a nick stands for. known: what the worker knows of people, see `source`."""
    if b"|" not in raw:
        return raw
    name: bytes = _aliases.get(raw) or known.roll.with_alias(raw, nick) or raw
    return name


def shown(room: bytes) -> bytes:
    """The name of a room as IRC shows it; in events the lobby has an empty name."""
    return room or LOBBY


def user(raw: bytes) -> bytes:
    """The user name (as in nick!user@host) of a client that has sent this one."""
    fit = re.sub(rb"[^A-Za-z0-9_.-]", b"", raw)[:LONGEST_USER]
    return fit.lstrip(b".-") or b"user"


@functools.lru_cache(maxsize=_MOST_SOURCES)
def source_of(name: bytes, fields: Optional[bytes]) -> bytes:
    """nick!user@host. fields: what is known of the person, packed (see `parley.server.protocols.person`), or None."""
    shown_as = nick(name)
    user_name = unpacked(fields).user if fields is not None else b""
    return b"%b!%b@%b" % (shown_as, user_name or shown_as, HOST)


def source(known: Any, name: bytes) -> bytes:
    """nick!user@host, the source of what somebody does.

    known: what the worker knows of people: `people`, `accounts` and `roll` of `parley.server.chat.room.Rooms`.
    """
    return source_of(name, known.people.fields(name))


def user_of(known: Any, name: bytes) -> bytes:
    """Somebody's user name, as in nick!user@host."""
    person = known.people.get(name)
    return person is not None and person.user or nick(name)


def account_of(known: Any, name: bytes) -> bytes:
    """The account to which somebody is logged in; empty if none."""
    if name in known.accounts:
        return name
    person = known.people.get(name)
    return person.account if person is not None else b""


def real_name_of(known: Any, name: bytes) -> bytes:
    """Somebody's real name; the nick if there is none."""
    person = known.people.get(name)
    return person is not None and person.real_name or nick(name)


def middle(raw: bytes) -> bytes:
    """A parameter that a client has sent, so that it can be repeated as any parameter but the last; never empty.

    It is cut where it is longer than any name of a room, as the line that repeats it has at most LONGEST_LINE bytes.
    """
    word = canonical(raw[:2 * _LONGEST_MIDDLE]).lstrip(b":").split(b" ", 1)[0]
    return next(pieces(word, _LONGEST_MIDDLE)) or b"*"


# ---- masks

def mask_matcher(mask: bytes) -> Callable[[bytes], object]:
    """A function whose result is true if a text matches a mask with the wildcards * and ?, ignoring case.

    What stands between two stars is searched from the left and then fixed (by a lookahead and a reference to what it
    has found), so nothing is tried twice, and no mask takes long.
    """
    if len(mask) > _LONGEST_MASK:
        return lambda text: False
    first, *others = [re.escape(piece).replace("\\?", ".") for piece in mask.decode(errors="replace").split("*")]
    if others:
        held = "".join(["(?=(?P<g%d>.*?%s))(?P=g%d)" % (number, piece, number)
                        for number, piece in enumerate(others[:-1]) if piece])
        first = "%s%s.*%s" % (first, held, others[-1])
    fits = re.compile("(?is:%s)\\Z" % first).match
    return lambda text: fits(text.decode(errors="replace"))


# ---- tags

def tags_of(raw: bytes) -> Dict[bytes, bytes]:
    """Key -> value of tags, which are given without "@"; values stay escaped.

    Tags with a control character or white space are left out: for many clients a CR alone ends a line, and programs in
    Python may split it at whatever str.split() takes for a blank.
    """
    tags = {}
    for tag in raw.split(b";"):
        key, _, value = tag.partition(b"=")
        if key and len(tag.decode(errors="replace").split()) == 1 and canonical(tag) == tag:
            tags[key] = value
    return tags


def with_tag(line: bytes, tag: bytes) -> bytes:
    """The line with one more tag, in front of the others."""
    return b"@%b;%b" % (tag, line[1:]) if line[:1] == b"@" else b"@%b %b" % (tag, line)


def is_in_batch(line: bytes) -> bool:
    """Is the line in a batch, or the end of one? `with_tag` puts the tag `batch` in front of all others."""
    return line.startswith(b"@batch=") or line.startswith(b":") and line.split(b" ", 2)[1] == b"BATCH"


# ---- times

class _Stamps:
    """Times of lines that never decrease, as clients sort by them; unless the clock was set back by more than _SET."""

    _SET = 10000  # milliseconds

    def __init__(self) -> None:
        self._latest = 0

    def next(self, at: int) -> int:
        """The time of a line, milliseconds since the epoch; at: the time of its event, or 0 for now."""
        at = at or int(time.time() * 1000)
        if at < self._latest < at + self._SET:
            return self._latest
        self._latest = at
        return at


next_time = _Stamps().next


@functools.lru_cache(maxsize=256)
def _second(seconds: int) -> bytes:
    return b"%04d-%02d-%02dT%02d:%02d:%02d" % time.gmtime(seconds)[:6]


def stamp(at: int) -> bytes:
    """The value of the tag `time`; at: milliseconds since the epoch."""
    seconds, milliseconds = divmod(at, 1000)
    return b"%b.%03dZ" % (_second(seconds), milliseconds)


def clock() -> int:
    """Seconds since the epoch, now."""
    return int(time.time())


def date(seconds: int) -> bytes:
    """A time for people, in UTC; seconds: since the epoch."""
    return _second(seconds).replace(b"T", b" ") + b" UTC"


# ---- texts

class Heard(NamedTuple):
    """What the text of an IRC client means.

    plain: the text for users of other protocols, without formatting; None if it is CTCP other than ACTION.
    whole: the text for IRC clients, if it is not the same; else empty.
    """

    plain: Optional[bytes]
    whole: bytes


def heard(raw: bytes, who: bytes) -> Heard:
    """What a text means. who: the sender, as users of other protocols read it in front of an ACTION."""
    if raw[:1] == _CTCP:
        whole = _CTCP.join(map(_without_controls, raw.split(_CTCP)))
        action = _ACTION.fullmatch(raw)
        if action is None:
            return Heard(None, whole)
        return Heard(b"* %b %b" % (who, canonical(_FORMATTING.sub(b"", action.group(1)))), whole)
    plain = canonical(_FORMATTING.sub(b"", raw))
    return Heard(plain, raw if plain != raw and _is_safe(raw) else b"")


def plain_of(params: Sequence[bytes], position: int) -> bytes:
    """A parameter that is no message, as users of other protocols read it; empty if there is none."""
    return canonical(_FORMATTING.sub(b"", params[position])) if position < len(params) else b""


def _is_safe(raw: bytes) -> bool:
    """Is it a canonical text, except for the formatting?"""
    bare = _FORMATTING.sub(b"", raw)
    return canonical(bare) == bare


def _without_controls(raw: bytes) -> bytes:
    """A part of CTCP for other clients, without CR, which alone ends a line in many of them."""
    return raw if _is_safe(raw) else canonical(_FORMATTING.sub(b"", raw))


def lines_of(front: bytes, start: bytes, text: bytes) -> List[bytes]:
    """The lines of a text. front: their tags, with the blank. start: source, command and target, with " :".

    A text of one line that fits into LONGEST_LINE without the source, as its sender wrote it, stays one line. Longer
    ones are cut into lines of at most LONGEST_LINE bytes with the source.
    """
    return [b"%b%b%b\r\n" % (front, start, part) for _, part in parts_of(start, text)]


def parts_of(start: bytes, text: bytes) -> List[Part]:
    """The parts of a text from which `lines_of` makes lines.

    If the text has more than MOST_LINES lines, it is told as one, with visible signs in the place of line ends.
    """
    most_sent = LONGEST_LINE - 1 - len(start.partition(b" ")[2])  # without the source, and perhaps without the colon
    if len(text) <= most_sent and b"\n" not in text:
        return [(False, text)]
    most = max(LONGEST_LINE - 2 - len(start), 64)
    if text.count(b"\n") >= MOST_LINES:
        text = one_line(text)
    return [(number > 0, piece)
            for line in text.split(b"\n") if not is_blank(line)
            for number, piece in enumerate((line,) if len(line) <= most_sent else pieces(line, most))]


def lines_of_words(words: Sequence[bytes], between: bytes = b",", most: int = LIST_BYTES) -> List[bytes]:
    """The words, joined to lines of at most so many bytes; a longer word is a line of its own."""
    lines: List[bytes] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) < most:
            lines[-1] += between + word
        else:
            lines.append(word)
    return lines


# ---- extras: what goes along with a text, for IRC clients only

_COMMANDS = (b"PRIVMSG", b"NOTICE", b"TAGMSG")


def packed_extra(command: bytes, tags: Sequence[bytes], whole: bytes, target: bytes = b"") -> bytes:
    """The extra of a message; empty if its text says it all.

    command: PRIVMSG, NOTICE or TAGMSG. tags: client-only tags, as they were sent. whole: see `Heard`.
    target: the target that the client has sent, if it is neither a room nor a nick (such as @#room).
    """
    if command == b"PRIVMSG" and not tags and not whole:
        return b""
    return b" ".join([command, b";".join(tags), *filter(None, [target])]) + b"\n" + whole


def unpacked_extra(extra: bytes) -> Tuple[bytes, bytes, bytes, bytes]:
    """(command, tags joined by ";", whole text or empty, target or empty) of an extra.

    The command is empty if the message has been removed.
    """
    head, _, whole = extra.partition(b"\n")
    command, tags, target = (*head.split(b" "), b"", b"")[:3]
    return command if command in _COMMANDS else b"", tags, whole, target


def packed_parts(parts: Sequence[Part]) -> bytes:
    """The parts of a text as the `whole` of an extra. It begins with a line end, which no other `whole` does."""
    return b"".join([b"\n%b%b" % (b"+" if goes_on else b"-", part) for goes_on, part in parts])


def unpacked_parts(whole: bytes) -> List[Part]:
    """The parts that `packed_parts` has packed; none if `whole` is one line."""
    return [(part[:1] == b"+", part[1:]) for part in whole[1:].split(b"\n")] if whole[:1] == b"\n" else []


# ---- refusals

# The numerics for reasons; for all others it is OTHERWISE, or depends on the command.
NUMERICS = {
    Reason.UNKNOWN_COMMAND: b"421",
    Reason.BAD_FORM: b"461",
    Reason.TEXT_TOO_LONG: b"417",
    Reason.MUST_LOGIN: b"451",
    Reason.ALREADY_IN: b"462",
    Reason.INVALID_NAME: b"432",
    Reason.NAME_TAKEN: b"433",
    Reason.NOBODY: b"401",
    Reason.INVALID_ROOM: b"476",
    Reason.NO_ROOM: b"403",
    Reason.NOT_INSIDE: b"442",
    Reason.NOT_THERE: b"441",
    Reason.BANNED: b"474",
    Reason.INVALID_SETTING: b"696",
    Reason.INVITE_ONLY: b"473",
    Reason.WRONG_KEY: b"475",
    Reason.ROOM_FULL: b"471",
    Reason.TOO_MANY_JOINED: b"405",
    Reason.TOO_MANY_ROOMS: b"405",
    Reason.TOO_MANY_OWNED: b"405",
    Reason.MUTED: b"404",
    Reason.MODERATED: b"404",
    Reason.SLOW_MODE: b"404",
    Reason.NOT_ALLOWED: b"482",
    Reason.OUTRANKED: b"482",
    Reason.IS_LOBBY: b"482",
    Reason.LIST_FULL: b"478",
    Reason.SEALED_ROOM: b"489",  # ERR_SECUREONLYCHAN, of several servers
    Reason.NOT_SEALED: b"404",
}
OTHERWISE = b"400"


def sentence(reason: str) -> bytes:
    """The reason in words, as the last parameter of a line."""
    words = SENTENCES.get(reason, reason)
    return (words[:1].upper() + words[1:]).encode()


def farewell(why: bytes) -> bytes:
    """Why somebody has left, in words. why: the leaver's own words, or a `Reason`."""
    known = SENTENCES.get(why.decode(errors="replace"))
    return known.encode() if known else why


# ---- 005

def supported(network: bytes, topic_bytes: int) -> Sequence[bytes]:
    """The tokens of 005. topic_bytes: of a topic and of why somebody is kicked; 0 means no limit."""
    limited = (b"TOPICLEN=%d" % topic_bytes, b"KICKLEN=%d" % topic_bytes) if topic_bytes else ()
    return (
        b"CASEMAPPING=ascii", b"CHANTYPES=#", b"PREFIX=(ov)@+", b"STATUSMSG=@+", b"CHANMODES=beI,k,l,CEimnst",
        b"MODES=6", b"NICKLEN=%d" % LONGEST_NICK, b"CHANNELLEN=33", *limited,
        b"AWAYLEN=%d" % LONGEST_AWAY, b"USERLEN=%d" % LONGEST_USER, b"NAMELEN=%d" % LONGEST_REAL_NAME,
        b"MONITOR=100", b"WHOX", b"BOT=B", b"ELIST=MNU", b"EXCEPTS", b"INVEX", b"EXTBAN=,am",
        b"ACCOUNTEXTBAN=account,a", b"MAXLIST=beI:100",
        b"TARGMAX=PRIVMSG:4,NOTICE:4,TAGMSG:4,KICK:4,JOIN:,PART:,NAMES:,LIST:,WHOIS:1", b"UTF8ONLY", b"LINELEN=8192",
        b"CHATHISTORY=1000", b"MSGREFTYPES=msgid,timestamp",
        b"NETWORK=" + network)
