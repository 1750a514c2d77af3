r"""The `irc` protocol: lines of a command and its parameters, as all IRC clients speak it.

    [@<tag>[=<value>];... ] [:<source> ] <command> <parameter> ... [:<last parameter, with blanks>] CR LF

A line may end with LF alone, and commands are in any case. In a line from a client the tags may have
LONGEST_CLIENT_TAGS bytes, and the rest the `line_bytes` of the configuration; 417 answers a longer line. A line from
the server has at most 512 bytes without its tags; only the source of a message may come on top of that
(`irc_words.lines_of`).

A client is registered once it has sent NICK and USER, in either order, and, if it negotiates capabilities, CAP END
(`irc_registration`, `irc_negotiation`). It is in no room before it JOINs one. Its channels are the rooms of all
protocols, "#lobby" among them; owners and ops are shown as @, members with a voice as +. Names that IRC cannot carry
are shown as aliases (`irc_words.nick`). The other commands are in `irc_rooms`, `irc_talk`, `irc_people`,
`irc_services`, `irc_history` and `irc_metadata`.

`irc_client` has what is known of one client, and `irc_replies` writes what it alone is told; the decoder is derived
from both. `irc_caps` writes events for many receivers, for each according to its capabilities.
"""
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from parley.server.protocols import (
    events,
    irc_history,
    irc_metadata,
    irc_negotiation,
    irc_people,
    irc_registration,
    irc_rooms,
    irc_services,
    irc_talk,
)
from parley.server.protocols.contract import Frames, Limits
from parley.server.protocols.events import Reason
from parley.server.protocols.irc_caps import Forms
from parley.server.protocols.irc_caps import traits_of as _traits_of
from parley.server.protocols.irc_replies import Commands, Replies
from parley.server.protocols.irc_words import (
    LONGEST_LINE,
    lines_of,
    middle,
    plain_of,
    sentence,
    stamp,
    tags_of,
    with_tag,
)
from parley.server.protocols.text import FOREIGN_LINE, PLAIN, canonical, is_utf8, pieces
from parley.server.protocols.traits import Traits

NAME = "irc"
PORT = 6667
IDLE_TIMEOUT = 0  # silence is no reason; a client that does not answer PING is gone
TRAITS = Traits(
    open_to_strangers=(events.Quit, None), extras=True, in_lobby=False, converses=True, optional=True,
    people=True, heartbeat=b"PING :parley\r\n", if_missed=events.Deliver())

LONGEST_TAGS = 8191  # bytes of all tags, with the "@" and the blank behind them: IRCv3, Message Tags
LONGEST_LABEL = 64
LONGEST_CLIENT_TAGS = 4094  # bytes of tags that a client sends, without "@" and blank: the same document
_LONGEST_REPEATED = LONGEST_LINE - 112  # bytes of what a client has sent, in a line that may have two names beside it
_SPARE = 512  # bytes of an unfinished line beyond these limits, for line ends and blanks that do not count
_TALK = (b"PRIVMSG #", b"privmsg #")

_ANSWERS_TALK = events.Stored, events.Refused

Teller = Callable[["Decoder", Any], Any]


def traits_of(name: str) -> Traits:
    """The traits of a form."""
    return _traits_of(TRAITS, name)


class Command(NamedTuple):
    """A row of COMMANDS.

    take: take(decoder, parameters) answers what can be answered at once, and returns the commands for the session, or
        None.
    least: with fewer parameters the answer is 461.
    early: is it allowed before the client is registered?
    """

    take: Callable[[Any, List[bytes]], Optional[Commands]]
    least: int = 0
    early: bool = False


class Decoder(Replies):
    """One client: decodes the lines that it sends, and encodes what it alone is told."""

    __slots__ = ("_held", "_asked")

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._held: Optional[bytes] = b""  # the unfinished line; None while the rest of one that is too long is skipped
        self._asked: Optional[Teller] = None  # gets the next answer, see `label`

    # ---- lines in

    @property
    def unfinished(self) -> int:
        """How many bytes of an unfinished line are held."""
        return len(self._held or b"")

    def feed(self, data: bytes) -> List[events.Command]:
        """A `Turn` for each line that `data` completes."""
        lines = data.split(b"\n")
        if self._held is not None:
            lines[0] = self._held + lines[0]
        elif len(lines) > 1:
            del lines[0]
        else:
            return []
        self._held = lines.pop()
        commands = self._lines(lines) if len(lines) > 1 else [self._line(line) for line in lines]
        if len(self._held) > LONGEST_TAGS + self._limits["line_bytes"] + _SPARE:
            self._held = None
            commands.append(events.Turn(lambda name: self._too_long(name)))
        return commands

    def _lines(self, lines: List[bytes]) -> List[events.Command]:
        """The commands of several lines. If all of them are plain talk in one room, only the first is parsed."""
        first = self._line(lines[0])
        if type(first) is events.Say:
            said, *others = first
            size = len(lines[0].rstrip(b"\r")) - len(said)
            texts = [line[size:].rstrip(b"\r") for line in lines]
            if ({line[:size] for line in lines} == {lines[0][:size]} and all(texts) and texts[0] == said
                    and not b"".join(texts).translate(None, PLAIN)
                    and max(map(len, lines)) <= self._limits["line_bytes"]):
                return [tuple.__new__(events.Say, (text, *others)) for text in texts]
        return [first, *map(self._line, lines[1:])]

    def _line(self, line: bytes) -> events.Command:
        line = line.replace(b"\0", b"").rstrip(b"\r").lstrip(b" ")
        if line[:9] in _TALK and self.name is not None:
            talk: Optional[events.Say] = irc_talk.plain_talk(line[8:])
            if talk is not None and len(line) <= self._limits["line_bytes"]:
                self.said_to = talk.room
                return talk
        return events.Turn(lambda name: self._take(line, name)) if line.strip() else events.Nothing()

    def _too_long(self, name: Optional[bytes]) -> Tuple[Frames, Commands]:
        return self.frames_for(name, lambda: self.numeric(b"417", text=b"The line is too long")), ()

    def _take(self, line: bytes, name: Optional[bytes]) -> Tuple[Frames, Commands]:
        """Handle a line when all before it have been handled: the answer that needs nobody else, and the commands."""
        self._begin(name)
        raw = b""
        tags: Dict[bytes, bytes] = {}
        if line[:1] == b"@":
            raw, _, line = line.partition(b" ")
            tags = tags_of(raw[1:])
            line = line.lstrip(b" ")
        self.tags = tags
        label = tags.get(b"label", b"") if b"labeled-response" in self.caps else b""
        if len(label) <= LONGEST_LABEL:
            self.give_label(label)
        if len(raw) - 1 > LONGEST_CLIENT_TAGS:
            commands = self.numeric(b"417", text=b"The tags are too long")
        else:
            commands = self._do(line, is_utf8(raw) and is_utf8(line))
        if not self._label:
            return self._told(), commands or ()
        self.collect(self._told())
        return (), [*(commands or ()), events.Turn(self._answered)]

    def _do(self, line: bytes, is_utf8: bool) -> Optional[Commands]:
        if len(line) > self._limits["line_bytes"]:
            return self.numeric(b"417", text=b"The line is too long")
        if line[:1] == b":":
            line = line.partition(b" ")[2].lstrip(b" ")
        head, colon, last = line.partition(b" :")
        word, *params = list(filter(None, head.split(b" "))) or [b""]
        if colon:
            params.append(last)
        command = COMMANDS.get(word.upper())
        if not is_utf8:
            self.fail(middle(word.upper()), b"INVALID_UTF8", text=b"The line is not valid UTF-8")
            return None
        if command is None and self.name is None and FOREIGN_LINE.match(line):
            return [events.Broken(Reason.FOREIGN)]
        if command is None:
            return self.numeric(b"421", middle(word), text=b"Unknown command") if word else None
        if self.name is None and not command.early:
            return self.numeric(b"451", text=b"You have not registered")
        if len(params) < command.least:
            return self.numeric(b"461", word.upper(), text=b"Not enough parameters")
        return command.take(self, params)

    # ---- what it is told

    def label(self, label: Teller) -> None:
        """The next answer is for `label`, which is called with the decoder and the answer."""
        self._asked = label

    def tell(self, happening: Any, me: Optional[bytes]) -> Frames:
        """The lines for what only this client is told."""
        self._begin(me)
        kind = type(happening)
        alone = _ALONE.get(kind)
        if alone is not None:
            alone(self, happening)
        elif kind is events.Refused and happening.asked is events.Say:
            irc_talk.not_said(self, happening)
        else:
            asked, self._asked = self._asked, None
            if kind in _ANSWERS_TALK and type(happening.asked) is events.Say and not happening.asked.extra:
                asked = irc_talk.talked  # plain talk is not `Labelled`, as most of it is never answered
            if asked is not None:
                asked(self, happening)
                if self._label:
                    self.collect(self._told())
        return self._told()

    def _renamed(self, managed: events.Managed) -> None:
        irc_rooms.renamed(self, managed)
        if self._label and managed.by == self.name:
            self.collect(self._told())

    def after_rename(self, managed: events.Managed) -> Sequence[Any]:
        """The commands for the session after it was told that one of its rooms has another name."""
        return irc_rooms.after_rename(self, managed)

    def _whispered(self, whispered: events.Whispered) -> None:
        self.talk(whispered.sender, self.me, whispered.text, whispered.extra, whispered.number or 0, whispered.at)

    def _typing(self, typing: events.IsTyping) -> None:
        if b"message-tags" in self.caps:
            front = self._front()
            tag = b"+typing=active"
            self._out.append(with_tag(b"%b:%b TAGMSG %b\r\n" % (front, self.source(typing.name), self.me), tag))

    def _missed(self, missed: events.Missed) -> None:
        for sender, text, time in missed.messages:
            front = b"@time=%b " % stamp(time * 1000) if b"server-time" in self.caps else b""
            self._out += lines_of(front, b":%b PRIVMSG %b :" % (self.source(sender), self.me), text)

    def _farewell(self, farewell: events.Farewell) -> None:
        self._out.append(b"%bERROR :Closing link: %b\r\n" % (self._front(), sentence(farewell.reason)))

    def _exited(self, exited: events.Exited) -> None:
        self.line(self.source(exited.name), b"PART", exited.room, text=b"The room was closed")

    def _invited(self, invited: events.Invited) -> None:
        front = self._form.front(self.known, invited.by, 0, 0)
        self._out.append(b"%b:%b INVITE %b %b\r\n" % (front, self.source(invited.by), self.me, invited.room))

    # ---- registration, and what needs nobody else

    def come(self) -> Optional[Commands]:
        """See `irc_registration.come`."""
        return irc_registration.come(self)

    def take_ping(self, params: List[bytes]) -> Optional[Commands]:
        """PING. The answer goes through the hub, so it comes after all events that precede it in the order."""
        if not params or not params[0]:
            return self.numeric(b"409", text=b"No origin specified")
        token = next(pieces(canonical(params[0]), _LONGEST_REPEATED))

        def pong(client: "Decoder", answer: Any) -> None:
            client.line(client.server, b"PONG", client.server, text=token)

        if self.name is None:
            pong(self, None)
            return None
        return [events.Labelled(pong, events.Count())]

    def take_quit(self, params: List[bytes]) -> Optional[Commands]:
        """QUIT."""
        given = plain_of(params, 0)
        return self.quit(next(pieces(b"Quit: " + given, _LONGEST_REPEATED)) if given else b"")

    def quit(self, why: bytes) -> Commands:  # noqa: A003 - the protocol's word
        """The commands by which it leaves. why: in words, or empty."""

        def gone(client: "Decoder", answer: Any) -> None:
            label, line = client.take_label(), b"%bERROR :Closing link: %b\r\n" % (client._front(), why or b"Quit")
            client._out += [*client._collected, with_tag(line, b"label=" + label) if label else line]

        return [events.Labelled(gone, events.Quit(why))]

    def nothing(self, params: List[bytes]) -> Optional[Commands]:
        """PONG and ERROR, which need no answer."""
        return None


_ALONE: Dict[type, Callable[[Decoder, Any], None]] = {
    events.Whispered: Decoder._whispered,
    events.Missed: Decoder._missed,
    events.Farewell: Decoder._farewell,
    events.Exited: Decoder._exited,
    events.Invited: Decoder._invited,
    events.Managed: Decoder._renamed,
    events.Redacted: lambda client, told: client.redacted(told.by, client.me, told.number, told.text),
    events.Wallopped: lambda client, told: client.line(client.source(told.by), b"WALLOPS", text=told.text),
    events.Changed: irc_people.changed,
    events.Waiting: lambda client, waiting: None,
    events.IsTyping: Decoder._typing,
    events.Presence: irc_people.presence,
    events.MetadataChanged: irc_metadata.changed,
}

COMMANDS: Dict[bytes, Command] = {
    b"NICK": Command(irc_registration.take_nick, 0, True),
    b"USER": Command(irc_registration.take_user, 4, True),
    b"PASS": Command(irc_registration.take_pass, 1, True),
    b"CAP": Command(irc_negotiation.cap, 1, True),
    b"PING": Command(Decoder.take_ping, 0, True),
    b"PONG": Command(Decoder.nothing, 0, True),
    b"QUIT": Command(Decoder.take_quit, 0, True),
    b"ERROR": Command(Decoder.nothing, 0, True),
    b"JOIN": Command(irc_rooms.join, 1),
    b"PART": Command(irc_rooms.part, 1),
    b"TOPIC": Command(irc_rooms.topic, 1),
    b"NAMES": Command(irc_rooms.names),
    b"LIST": Command(irc_rooms.list_rooms),
    b"INVITE": Command(irc_rooms.invite),
    b"KICK": Command(irc_rooms.kick, 2),
    b"MODE": Command(irc_rooms.mode, 1),
    b"PRIVMSG": Command(irc_talk.privmsg),
    b"NOTICE": Command(irc_talk.notice),
    b"TAGMSG": Command(irc_talk.tagmsg),
    b"BATCH": Command(irc_talk.batch, 1),
    b"AWAY": Command(irc_people.away),
    b"MONITOR": Command(irc_people.monitor, 1),
    b"AUTHENTICATE": Command(irc_services.authenticate, 1, True),
    b"REGISTER": Command(irc_services.register, 3, True),
    b"VERIFY": Command(irc_services.verify, 1, True),
    b"SETNAME": Command(irc_people.setname, 1),
    b"OPER": Command(irc_people.oper, 2),
    b"CHATHISTORY": Command(irc_history.chathistory, 1),
    b"MARKREAD": Command(irc_history.markread),
    b"RENAME": Command(irc_rooms.rename, 2),
    b"REDACT": Command(irc_history.redact, 2),
    b"METADATA": Command(irc_metadata.metadata, 2, True),
    b"WALLOPS": Command(irc_people.wallops, 1),
    b"KILL": Command(irc_people.kill, 1),
    b"NICKSERV": Command(irc_services.command),
    b"NS": Command(irc_services.command),
    b"WHO": Command(irc_people.who),
    b"WHOIS": Command(irc_people.whois, 1),
    b"WHOWAS": Command(irc_people.whowas, 1),
    b"USERHOST": Command(irc_people.userhost, 1),
    b"ISON": Command(irc_people.ison, 1),
    b"LUSERS": Command(irc_people.lusers),
    b"MOTD": Command(irc_people.motd),
    b"VERSION": Command(irc_people.version),
    b"TIME": Command(irc_people.time),
    b"INFO": Command(irc_people.info),
    b"ADMIN": Command(irc_people.admin),
    b"HELP": Command(irc_people.help_),
    b"HELPOP": Command(irc_people.help_),
    b"LINKS": Command(irc_people.links),
}

FORMS = Forms("encode")
TALK = Forms("encode_talk")
