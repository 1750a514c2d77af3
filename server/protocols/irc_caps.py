"""IRC's capabilities, and the encoders of events for many receivers: a form for each set of capabilities.

A form is the set of those capabilities of a client that change how such an event is written (SHARED). Its name is the
names of these capabilities, sorted and joined by ",". A program always asks for the same ones, so there are about as
many forms as programs.
"""
import functools
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Sequence, Tuple

from parley.server.protocols import events
from parley.server.protocols.irc_multiline import CONCAT, KIND, LIMITS
from parley.server.protocols.irc_words import (
    HOST,
    LOBBY,
    LONGEST_LINE,
    Part,
    account_of,
    farewell,
    next_time,
    nick,
    parts_of,
    real_name_of,
    shown,
    source,
    source_of,
    stamp,
    unpacked_extra,
    unpacked_parts,
    user_of,
    with_tag,
)
from parley.server.protocols.text import LF, NUL
from parley.server.protocols.traits import Traits

Frames = Tuple[bytes, ...]
Record = Tuple[int, bytes, bytes, int, int]

# All capabilities, with their values in `CAP LS 302`.
CAPABILITIES: Dict[bytes, bytes] = {
    b"account-notify": b"",
    b"account-tag": b"",
    b"away-notify": b"",
    b"batch": b"",
    b"cap-notify": b"",
    b"chghost": b"",
    b"draft/account-registration": b"",
    b"draft/channel-rename": b"",
    b"draft/chathistory": b"",
    b"draft/event-playback": b"",
    b"draft/message-redaction": b"",
    b"draft/metadata-3": b"",  # see `irc_metadata`
    KIND: LIMITS,
    b"draft/read-marker": b"",
    b"echo-message": b"",
    b"extended-join": b"",
    b"extended-monitor": b"",
    b"invite-notify": b"",
    b"labeled-response": b"",
    b"message-tags": b"",
    b"multi-prefix": b"",
    b"sasl": b"",  # see `irc_services.mechanisms`
    b"server-time": b"",
    b"setname": b"",
    b"standard-replies": b"",
    b"userhost-in-names": b"",
}
# Those that change how an event for many receivers is written, and so are part of a form.
SHARED = frozenset([
    KIND, b"account-notify", b"account-tag", b"away-notify", b"draft/message-redaction", b"echo-message",
    b"extended-join", b"invite-notify",
    b"message-tags", b"server-time", b"setname"])

OPS = (b"op", b"owner", b"operator")  # the roles that IRC shows as @; it shows a voice as +
_MODES = {"op": b"+o", "deop": b"-o", "voice": b"+v", "devoice": b"-v", "ban": b"+b", "unban": b"-b",
          "bar": b"+b", "except": b"+e", "unexcept": b"-e", "invex": b"+I", "uninvex": b"-I"}
# Field of a person -> the capability by which clients are told that it has changed.
FIELDS = {"away": b"away-notify", "account": b"account-notify", "real_name": b"setname"}
# Setting of a room -> letter of its mode.
FLAGS = {b"noctcp": b"C", b"sealed": b"E", b"private": b"s", b"invite": b"i", b"moderated": b"m"}
OPEN = {b"open_topic": b"t", b"open_talk": b"n"}  # here the letter means that the setting is off
_COUNTS = {b"limit": b"l"}


def form_of(caps: FrozenSet[bytes]) -> str:
    """The name of the form for clients with these capabilities."""
    return b",".join(sorted(caps & SHARED if b"batch" in caps else caps & SHARED - {KIND})).decode()


def prefix_of(role: bytes) -> bytes:
    """What stands in front of the nick of a member with this role."""
    return b"@" if role in OPS else b"+" if role == b"voice" else b""


def mask(pattern: bytes) -> bytes:
    """The pattern of a ban as an IRC mask."""
    if b"!" in pattern or pattern.startswith((b"$a:", b"account:")):
        return pattern
    has_wildcards = b"*" in pattern or b"?" in pattern
    return (pattern if has_wildcards else nick(pattern)) + b"!*@*"


def exception(pattern: bytes) -> bytes:
    """The pattern of an exception as an IRC mask, with `m:` in front if it is one from mutes."""
    return b"m:" + mask(pattern[len(b"mute:"):]) if pattern.startswith(b"mute:") else mask(pattern)


def mode_of(managed: events.Managed) -> Optional[bytes]:
    """What was done to a room as modes with their parameter, such as b"+o ann"; None if no mode says it."""
    mode = _MODES.get(managed.act)
    if mode is not None:
        shown_as = nick if mode[1:] in (b"o", b"v") else exception if mode[1:] == b"e" else mask
        return b"%b %b" % (mode, shown_as(managed.about))
    if managed.act == "mute" or managed.act == "unmute":
        return b"%bb m:%b" % (b"+" if managed.act == "mute" else b"-", mask(managed.about))
    if managed.act != "set":
        return None
    if b"," in managed.about:
        return _modes_of(managed)
    if managed.about in OPEN:
        return (b"-" if managed.text == b"on" else b"+") + OPEN[managed.about]
    if managed.about in FLAGS:
        return (b"+" if managed.text == b"on" else b"-") + FLAGS[managed.about]
    if managed.about in _COUNTS:
        return b"-" + _COUNTS[managed.about] if managed.text == b"off" else b"+%b %b" % (
            _COUNTS[managed.about], managed.text)
    if managed.about == b"key":
        return b"-k *" if managed.text == b"off" else b"+k *"
    return None


def _modes_of(managed: events.Managed) -> bytes:
    """`mode_of` for several settings that were changed together; none of these modes has a parameter."""
    modes, sign = b"", b""
    for about, text in zip(managed.about.split(b","), managed.text.split(b",")):
        mode = mode_of(managed._replace(about=about, text=text)) or b""
        modes += mode[1:] if mode[:1] == sign else mode
        sign = mode[:1]
    return modes


def lines_about(known: Any, managed: events.Managed) -> List[bytes]:
    """The lines that tell what was done to a room, without tags and without CR LF."""
    by, room = source(known, managed.by), shown(managed.room)
    if managed.act == "topic":
        return [b":%b TOPIC %b :%b" % (by, room, managed.text)]
    if managed.act == "kick":
        return [b":%b KICK %b %b :%b" % (by, room, nick(managed.about), managed.text or nick(managed.by))]
    mode = mode_of(managed)
    return [b":%b MODE %b %b" % (by, room, mode)] if mode is not None else []


def _renamed(known: Any, renamed: events.Renamed) -> List[bytes]:
    who = source(known, renamed.old)
    if renamed.old not in known.people and renamed.new in known.people:
        who = b"%b!%b@%b" % (nick(renamed.old), user_of(known, renamed.new), HOST)
    return [b":%b NICK %b" % (who, nick(renamed.new))]


def change_of(known: Any, changed: events.Changed) -> bytes:
    """The line that tells how a person has changed, without tags and without CR LF."""
    who, person = source(known, changed.name), changed.person
    if changed.field == "away":
        return b":%b AWAY" % who if person.away is None else b":%b AWAY :%b" % (who, person.away)
    if changed.field == "account":
        return b":%b ACCOUNT %b" % (who, nick(person.account) if person.account else b"*")
    return b":%b SETNAME :%b" % (who, person.real_name)


def _by_name(happening: Any) -> bytes:
    name: bytes = happening.name
    return name


# Whose account and bot flag the tags of an event tell, where that is not its `name`.
_DOER: Dict[type, Callable[[Any], bytes]] = {
    events.Renamed: lambda renamed: renamed.new,
    events.Managed: lambda managed: managed.by,
}


_NOT_KEPT = events.Managed(b"", "", b"", b"", b"")


class Form:
    """Encodes events for all clients with these capabilities: see FORMS and TALK in `parley.server.protocols`."""

    def __init__(self, caps: FrozenSet[bytes]) -> None:
        self._accounts = b"account-tag" in caps
        self._extended = b"extended-join" in caps
        self._changes = frozenset([field for field, cap in FIELDS.items() if cap in caps])
        self._has_time = b"server-time" in caps
        self._has_tags = b"message-tags" in caps
        self._redacts = b"draft/message-redaction" in caps
        self._invites = b"invite-notify" in caps
        self._batches = KIND in caps
        self._is_plain = not (self._has_time or self._has_tags or self._accounts)
        self._encoders: Dict[type, Callable[[Any, Any], List[bytes]]] = {
            events.Joined: self._came,
            events.Entered: self._came,
            events.Left: self._gone,
            events.Exited: self._gone,
            events.Renamed: _renamed,
            events.Changed: self._changed,
            events.Managed: self._managed,
            events.IsTyping: self._typing,
        }

    def encode(self, known: Any, happening: events.Happening, me: Optional[bytes]) -> Frames:
        """The lines for an event. known: see `irc_words.source`."""
        kind = type(happening)
        if kind is events.Said:
            said: Any = happening
            return tuple(self.talk(
                known, said.sender, shown(said.room), said.text, said.extra, said.number or 0, said.at))
        encode = self._encoders.get(kind)
        lines = encode(known, happening) if encode else ()
        if not lines:
            return ()
        managed: Any = happening if kind is events.Managed else _NOT_KEPT
        front = self.front(known, _DOER.get(kind, _by_name)(happening), managed.number, managed.at)
        if kind is events.IsTyping:
            front = with_tag(front or b"", b"+typing=active")
        return tuple([b"%b%b\r\n" % (front, line) for line in lines])

    def join(self, known: Any, name: bytes, room: bytes) -> bytes:
        """The line that tells that somebody has entered a room, without tags and without CR LF."""
        line = b":%b JOIN %b" % (source(known, name), room)
        if not self._extended:
            return line
        account = account_of(known, name)
        return b"%b %b :%b" % (line, nick(account) if account else b"*", real_name_of(known, name))

    def _came(self, known: Any, came: Any) -> List[bytes]:
        room = shown(getattr(came, "room", events.HOME))
        lines = [self.join(known, came.name, room)]
        mode = prefix_of(getattr(came, "role", b""))
        if mode:
            lines.append(b":parley MODE %b +%b %b" % (room, b"o" if mode == b"@" else b"v", nick(came.name)))
        person = known.people.get(came.name)
        if "away" in self._changes and person is not None and person.away is not None:
            lines.append(b":%b AWAY :%b" % (source(known, came.name), person.away))
        return lines

    def _changed(self, known: Any, changed: events.Changed) -> List[bytes]:
        if changed.field not in self._changes:
            return []
        return [change_of(known, changed)]

    @staticmethod
    def _gone(known: Any, gone: Any) -> List[bytes]:
        if gone.gone:
            return [b":%b QUIT :%b" % (source(known, gone.name), farewell(gone.why) or b"Connection closed")]
        # An empty reason is told as one: without it irc-framework takes the room's name, as the last parameter, for it.
        return [b":%b PART %b :%b" % (source(known, gone.name), shown(getattr(gone, "room", events.HOME)), gone.why)]

    def _managed(self, known: Any, managed: events.Managed) -> List[bytes]:
        if managed.act == "invite":
            return [b":%b INVITE %b %b" % (source(known, managed.by), nick(managed.about), shown(managed.room))] \
                if self._invites else []
        if managed.act == "redact":
            line = b":%b REDACT %b %b" % (source(known, managed.by), shown(managed.room), managed.about)
            return [] if not self._redacts else [b"%b :%b" % (line, managed.text) if managed.text else line]
        return lines_about(known, managed)

    def _typing(self, known: Any, typing: events.IsTyping) -> List[bytes]:
        return [b":%b TAGMSG %b" % (source(known, typing.name), shown(typing.room))] if self._has_tags else []

    def front(self, known: Any, sender: bytes, number: int, at: int, is_live: bool = True) -> bytes:
        """The tags of a message, with "@" and the blank behind them; empty if there are none.

        number: of the message, or 0. at: milliseconds since the epoch, or 0 for now. is_live: is it told as it
        happens? Then its time is never before that of an earlier line (`irc_words.next_time`).
        """
        first, last = self._tags(known, sender, at, is_live)
        number_tag = [b"msgid=%d" % number] if self._has_tags and number else []
        tags = [*first, *number_tag, *last]
        return b"@%b " % b";".join(tags) if tags else b""

    def _tags(self, known: Any, sender: bytes, at: int, is_live: bool = True) -> Tuple[List[bytes], List[bytes]]:
        """The tags of a message that stand before its `msgid`, and those that stand behind it."""
        first, last = [], []
        if self._has_time:
            first.append(b"time=" + stamp(next_time(at) if is_live else at))
        if self._accounts:
            account = account_of(known, sender)
            if account:
                last.append(b"account=" + nick(account))
        if self._has_tags:
            person = known.people.get(sender)
            if person is not None and b"B" in person.flags:
                last.append(b"bot")
        return first, last

    def noted(self, known: Any, sender: bytes, room: bytes, note: Tuple[str, bytes, bytes], number: int, at: int
              ) -> List[bytes]:
        """The lines that tell, as part of the past, what somebody did to a room. note: (act, about, text)."""
        act, about, text = note
        front = self.front(known, sender, number, at, False)
        return [b"%b%b\r\n" % (front, line)
                for line in lines_about(known, events.Managed(room, act, sender, about, text))]

    def talk(self, known: Any, sender: bytes, target: bytes, text: bytes, extra: bytes, number: int, at: int,
             is_live: bool = True) -> List[bytes]:
        """The lines of a message, to a room or to one person.

        target: the room or nick. extra: see `irc_words.packed_extra`. number, at, is_live: see `front`.
        """
        command, tags, whole, meant = unpacked_extra(extra) if extra else (b"PRIVMSG", b"", b"", b"")
        if not command or command == b"TAGMSG" and not self._has_tags:
            return []
        front = b"" if self._is_plain else self.front(known, sender, number, at, is_live)
        if tags and self._has_tags:
            front = with_tag(front, tags)
        start = b":%b %b %b" % (source(known, sender), command, meant or target)
        if command == b"TAGMSG":
            return [b"%b%b\r\n" % (front, start)]
        start += b" :"
        parts = [(goes_on or position > 0, piece) for goes_on, part in unpacked_parts(whole)
                 for position, (_, piece) in enumerate(parts_of(start, part) or [(False, part)])]
        parts = parts or parts_of(start, whole or text)
        if len(parts) < 2:
            return [b"%b%b%b\r\n" % (front, start, part) for _, part in parts]
        if self._batches:
            return _batched(front, start, target, number, parts)
        later = _without(b"msgid=%d" % number, front) if self._has_tags else front
        lines = [part for _, part in parts if part]
        return [b"%b%b%b\r\n" % (later if position else front, start, part) for position, part in enumerate(lines)]

    def encode_talk(self, known: Any, room: bytes, records: Sequence[Record], first: int, at: int = 0
                    ) -> Optional[List[bytes]]:
        """The lines of each message, see TALK in `parley.server.protocols`; None if a text takes several lines."""
        frames: List[bytes] = []
        target, fields = room or LOBBY, known.people.fields
        most = LONGEST_LINE - len(target) - 12
        for _, sender, text, _, count in records:
            if LF in text:
                return None
            start = b":%b PRIVMSG %b :" % (source_of(sender, fields(sender)), target)
            if count == 1:
                if len(text) > most or NUL in text:
                    return None
                if self._is_plain:
                    frames.append(b"%b%b\r\n" % (start, text))
                    continue
                texts = [text]
            else:
                texts = text.split(b"\0")
                if len(text) > most and max(map(len, texts)) > most:
                    return None
            if self._has_tags:
                first_tags, last_tags = self._tags(known, sender, at)
                before = b"@" + b"".join([tag + b";" for tag in first_tags])
                start = b"".join([b";" + tag for tag in last_tags]) + b" " + start
                frames += [b"%bmsgid=%d%b%b\r\n" % (before, number, start, one)
                           for number, one in enumerate(texts, first + len(frames))]
            else:
                if not self._is_plain:
                    start = self.front(known, sender, 0, at) + start
                frames.append(b"%b%b\r\n" % (start, text if count == 1 else (b"\r\n" + start).join(texts)))
                if count > 1:
                    frames += [b""] * (count - 1)
        return frames


def _without(tag: bytes, front: bytes) -> bytes:
    """The same tags (as `Form.front` returns them) without this one."""
    left = [one for one in front[1:-1].split(b";") if one != tag]
    return b"@%b " % b";".join(left) if left else b""


def _batched(front: bytes, start: bytes, target: bytes, number: int, parts: Sequence[Part]) -> List[bytes]:
    """A text of several parts as one batch (draft/multiline), whose first line has the tags."""
    name, who = b"m%d" % number, start.partition(b" ")[0]
    concat = b"@batch=%b;%b " % (name, CONCAT)
    return [b"%b%b BATCH +%b %b %b\r\n" % (front, who, name, KIND, target),
            *[b"%b%b%b\r\n" % (concat if goes_on else b"@batch=%b " % name, start, part) for goes_on, part in parts],
            b"%b BATCH -%b\r\n" % (who, name)]


@functools.lru_cache(maxsize=256)
def form(name: str) -> Form:
    """The form of this name."""
    return Form(frozenset(filter(None, name.encode().split(b","))))


class Forms(Dict[str, Any]):
    """Name of a form -> one of its methods, for every form there may be."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, name: str) -> Any:
        return getattr(form(name), self._function)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


def traits_of(traits: Traits, name: str) -> Traits:
    """The traits of a form. Clients with `echo-message` are told when a message is stored, by its echo."""
    echoes = b"echo-message" in name.encode().split(b",")
    return traits._replace(acknowledges=True, numbered=True) if echoes else traits

