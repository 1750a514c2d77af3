"""IRC's commands that say something: PRIVMSG, NOTICE, TAGMSG, BATCH. See `irc_rooms`."""
import functools
from typing import Any, List, Optional, Sequence

from parley.server.protocols import events, irc_multiline, irc_services
from parley.server.protocols.acts import is_room
from parley.server.protocols.events import Labelled, Reason
from parley.server.protocols.irc_caps import OPS
from parley.server.protocols.irc_words import heard, middle, packed_extra, shown
from parley.server.protocols.text import BLANK, COMMA

Commands = Optional[Sequence[Any]]

_new: Any = tuple.__new__  # takes a third of the time of a NamedTuple's own

MOST_TARGETS = 4
MOST_OF_STATUS = 50  # members whom one line to @#room or +#room reaches


def listed(param: bytes) -> List[bytes]:
    """The parts of a list, each once."""
    return list(dict.fromkeys(filter(None, param.split(b","))))


def plain_talk(rest: bytes) -> Any:
    """The `Say` of a PRIVMSG to one room without control characters, which most of them are; None for all others.

    rest: the line behind the command and the blank. It is for one room alone, if it begins with "#" (see `_TALK` in
    `parley.server.protocols.irc`).
    """
    target, colon, text = rest.partition(b" :")
    if not colon or not text or BLANK in target or COMMA in target:
        return None
    try:
        if not rest.decode().isprintable():
            return None
    except UnicodeDecodeError:
        return None
    return _new(events.Say, (text, None, None, target, b"", b""))


def talked(client: Any, answer: Any) -> None:
    """The answer to talk in a room that is not `Labelled`."""
    _said(answer.asked.room, b"PRIVMSG", client, answer)


def privmsg(client: Any, params: List[bytes]) -> Commands:
    """PRIVMSG."""
    return _say(client, b"PRIVMSG", params)


def notice(client: Any, params: List[bytes]) -> Commands:
    """NOTICE, which is never answered by an error."""
    return _say(client, b"NOTICE", params)


def tagmsg(client: Any, params: List[bytes]) -> Commands:
    """TAGMSG."""
    if b"message-tags" not in client.caps:
        client.numeric(b"421", b"TAGMSG", text=b"Unknown command")
        return None
    if not params or not params[0]:
        client.numeric(b"461", b"TAGMSG", text=b"Not enough parameters")
        return None
    targets = listed(params[0])
    if len(targets) > MOST_TARGETS:
        client.too_many_targets(params[0])
        return None
    tags = _client_tags(client)
    typing = [tag for tag in tags if tag.startswith((b"+typing=", b"+draft/typing="))]
    commands: List[Any] = []
    for target in targets:
        if typing and len(typing) == len(tags):
            if typing[0].endswith(b"=active"):
                commands.append(events.Typing(target, b"") if is_room(target) else events.Typing(
                    events.HOME, client.name_of(target)))
        elif tags:
            commands.append(_to(client, target, b"TAGMSG", b"", packed_extra(b"TAGMSG", tags, b"")))
    return commands


def _client_tags(client: Any) -> List[bytes]:
    """The client-only tags of the line (+key=value), which are passed on to others."""
    if b"message-tags" not in client.caps:
        return []
    return [b"%b=%b" % (key, value) if value else key for key, value in client.tags.items() if key[:1] == b"+"]


def _to(client: Any, target: bytes, command: bytes, text: bytes, extra: bytes) -> Any:
    """The command that says something to one target."""
    told = functools.partial(_said, target, command)
    if is_room(target):
        client.said_to = target
        return Labelled(told, events.Say(text, None, None, target, extra=extra))
    return Labelled(told, events.Whisper(client.name_of(target), text, None, None, extra=extra))


def _say(client: Any, command: bytes, params: List[bytes]) -> Commands:
    if b"batch" in client.tags and irc_multiline.KIND in client.caps:
        irc_multiline.add(client, command, params)
        return None
    if not params or not params[0]:
        client.numeric(b"411", text=b"No recipient given (%b)" % command)
        return None
    if len(params) < 2 or not params[1]:
        client.numeric(b"412", text=b"No text to send")
        return None
    targets = listed(params[0])
    if len(targets) > MOST_TARGETS:
        client.too_many_targets(params[0])
        return None
    text, whole = heard(params[1], client.me)
    extra = packed_extra(command, _client_tags(client), whole)
    commands: List[Any] = []
    for target in targets:
        if target.lower() == b"nickserv":
            commands += irc_services.nickserv(client, params[1].split())
        elif target[:1] in b"@+" and is_room(target[1:]):
            commands += _to_status(client, target, command, params[1])
        elif text is None and is_room(target):
            commands += _to_programs(client, target, command, extra)
        else:
            commands.append(_to(client, target, command, text or b"", extra))
    return commands


def _to_programs(client: Any, target: bytes, command: bytes, extra: bytes) -> List[Any]:
    """The commands that say CTCP in a room, unless it has the setting `noctcp`. Other protocols do not hear it."""
    unwanted: List[bytes] = []

    def looked(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Looked) and dict(answer.settings).get(b"noctcp"):
            unwanted.append(shown(answer.room))

    def go_on(name: Optional[bytes]) -> Any:
        if not unwanted:
            return (), [_to(client, target, command, b"", extra)]
        return () if command == b"NOTICE" else client.alone(
            b"404", unwanted[0], text=b"Messages for programs are not wanted here"), ()

    return [Labelled(looked, events.Look(target)), events.Turn(go_on)]


def _to_status(client: Any, target: bytes, command: bytes, raw: bytes) -> List[Any]:
    """The commands that say something to the ops of a room, by a direct message to each.

    target: "@" and the room; or "+" and the room, for members with a voice too. IRC clients are told the target, users
    of other protocols see it in front of the text.
    """
    receivers: List[bytes] = []
    echoes: List[events.Stored] = []
    text, whole = heard(raw, client.me)
    extra = packed_extra(command, _client_tags(client), whole or text or raw, middle(target))

    def looked(client: Any, answer: Any) -> None:
        if not isinstance(answer, events.Looked) or not answer.inside:
            refused(client, Reason.NOT_INSIDE)
        elif text is None:
            refused(client, Reason.BAD_FORM)
        else:
            wanted = OPS if target[:1] == b"@" else (*OPS, b"voice")
            receivers.extend([name for name, role in answer.members if role in wanted and name != client.name])
            if not receivers and command != b"NOTICE":
                client.numeric(b"401", middle(target), text=b"Nobody else there has that role")
        if len(receivers) > MOST_OF_STATUS:
            del receivers[:]
            client.numeric(b"407", middle(target), text=b"Too many members have that role")

    def refused(client: Any, reason: str) -> None:
        if command != b"NOTICE":
            refuse_talk(client, middle(target), reason)

    def said(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Stored) and not echoes:
            echoes.append(answer)
            client.talk(client.name, middle(target), text, extra, answer.number, answer.at)

    def say(name: Optional[bytes]) -> Any:
        plain = b"[%b] %b" % (middle(target), text or b"")
        return (), [Labelled(said, events.Whisper(one, plain, None, None, extra=extra)) for one in receivers]

    return [Labelled(looked, events.Look(target[1:])), events.Turn(say)]


def batch(client: Any, params: List[bytes]) -> Commands:
    """BATCH, which clients use for texts of several lines only."""
    if irc_multiline.KIND not in client.caps:
        client.numeric(b"421", b"BATCH", text=b"Unknown command")
        return None
    drafted = irc_multiline.batch(client, params, _client_tags(client))
    return [_to(client, *drafted)] if drafted is not None else None


def _said(target: bytes, command: bytes, client: Any, answer: Any) -> None:
    if isinstance(answer, events.Stored):
        asked = answer.asked
        client.talk(client.name, middle(target), asked.text, asked.extra, answer.number, answer.at)
    elif isinstance(answer, events.Refused) and command != b"NOTICE":
        refuse_talk(client, target, answer.reason)
    if command == b"PRIVMSG" and not isinstance(answer, events.Refused) and not is_room(target):
        tell_away(client, target)


def tell_away(client: Any, target: bytes) -> None:
    """301, if the receiver of a message or an invitation is away."""
    person = client.known.people.get(client.name_of(target))
    if person is not None and person.away is not None:
        client.numeric(b"301", middle(target), text=person.away)


def refuse_talk(client: Any, target: bytes, reason: str) -> None:
    """Tell why a message was refused."""
    if reason == Reason.BAD_FORM:
        client.numeric(b"412", text=b"No text to send")
    elif reason in (Reason.NOT_INSIDE, Reason.NO_ROOM):
        client.refuse(reason, middle(target), code=b"404")
    else:
        client.refuse(reason, middle(target))


def not_said(client: Any, refused: events.Refused) -> None:
    """Plain talk was refused. The refusal does not say which message; it is told for the room spoken in last."""
    refuse_talk(client, client.said_to, refused.reason)

