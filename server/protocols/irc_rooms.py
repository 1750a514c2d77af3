"""IRC's commands about rooms.

Each command of this and the other `irc_*` modules is a function of the client's decoder
(`parley.server.protocols.irc.Decoder`) and the parameters of the line. It answers what can be answered at once by
methods of the decoder, and returns the commands for the session (`parley.server.protocols.events`), or None. A command
with an answer is `Labelled` with a function, which gets the decoder and the answer.
"""
import functools
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from parley.server.protocols import events, irc_history, irc_metadata
from parley.server.protocols.acts import is_room
from parley.server.protocols.events import Labelled, Reason
from parley.server.protocols.irc_caps import FLAGS, OPEN, exception, mask, prefix_of
from parley.server.protocols.irc_talk import MOST_TARGETS, listed, tell_away
from parley.server.protocols.irc_words import (
    LOBBY,
    LONGEST_AWAY,
    mask_matcher,
    middle,
    nick,
    nicks,
    plain_of,
    sentence,
    shown,
)
from parley.server.protocols.text import canonical, folded, pieces

Commands = Optional[Sequence[Any]]

_NAMES_BYTES = 400  # in a line
# Of a line, which may have thousands: each is answered.
_MOST_ROOMS = 500
_MOST_MODES = 50
_MOST_CONDITIONS = 8  # of a LIST; all rooms are compared with each
# Letter of a room's mode -> setting. A letter of _OPEN means that the setting is off.
_FLAGS, _OPEN = [{letter: setting for setting, letter in letters.items()} for letters in (FLAGS, OPEN)]
# Letter of a list -> the kind of its masks, the acts that add and remove one, the numerics of an item and of the end.
_MASKS = {
    b"b": ("ban", "bar", "unban", b"367", b"368"),
    b"e": ("except", "except", "unexcept", b"348", b"349"),
    b"I": ("invex", "invex", "uninvex", b"346", b"347"),
}
_NO_RENAME = {Reason.NAME_TAKEN: b"CHANNEL_NAME_IN_USE", Reason.INVALID_ROOM: b"CANNOT_RENAME",
              Reason.IS_LOBBY: b"CANNOT_RENAME"}
# Taking off a list what is not on it changes nothing, and is no error.
_NOT_ON_THE_LIST = (Reason.NOBODY, Reason.NOT_BANNED, Reason.NOT_MUTED)
_SETTINGS = {b"k": b"key", b"l": b"limit"}
_ROLES = {b"o": ("op", "deop"), b"v": ("voice", "devoice")}  # letter -> the acts that give the role and take it


def then(commands: Callable[[], Sequence[Any]]) -> events.Turn:
    """The commands that `commands` returns once those before this one have been answered."""
    return events.Turn(lambda name: ((), commands()))


# ---- coming and going

def join(client: Any, params: List[bytes]) -> Commands:
    """JOIN."""
    if params[0] == b"0":
        return leave_all(client)
    keys = dict(zip(filter(None, params[0].split(b",")), params[1].split(b","))) if len(params) > 1 else {}
    commands: List[Any] = []
    for room in _rooms_of(client, params[0]):
        if not is_room(room):
            client.numeric(b"403", middle(room), text=b"No such channel")
            continue
        key = keys.get(room) or None
        commands += [
            Labelled(functools.partial(_joined, room), events.Enter(room, key)),
            then(functools.partial(_look_around, client))]
    return commands


def _rooms_of(client: Any, param: bytes) -> Sequence[bytes]:
    """The first rooms of a list, each once; the client is told if there are more than may be."""
    rooms = listed(param)
    if len(rooms) > _MOST_ROOMS:
        client.too_many(b"rooms", rooms[_MOST_ROOMS])
    return rooms[:_MOST_ROOMS]


def leave_all(client: Any) -> Commands:
    """JOIN 0: leave all rooms."""

    def told(client: Any, answer: Any) -> None:
        client.found = [room for room, _, _, _ in answer.rooms] if isinstance(answer, events.RoomList) else []

    return [Labelled(told, events.Rooms(None)),
            then(lambda: [Labelled(functools.partial(_parted, room, b""), events.Exit(room)) for room in client.found])]


def _joined(room: bytes, client: Any, answer: Any) -> None:
    client.fresh = b""
    if isinstance(answer, events.Inside):
        client.fresh = answer.room or LOBBY
        client.join(client.fresh)
        if not _asks_itself(client):
            client.label(_looked_around)  # the list may be pushed, before `_look_around` asks for it
    elif isinstance(answer, events.Refused):
        code = b"403" if answer.reason == Reason.INVALID_ROOM else b""
        client.refuse(answer.reason, middle(room), code=code)


def _look_around(client: Any) -> Sequence[Any]:
    """What is asked for a client that has entered a room: read marker, topic and members, metadata."""
    if not client.fresh:
        return ()
    mark = [irc_history.read_mark(client, client.fresh, None)] if b"draft/read-marker" in client.caps else []
    return [*mark, Labelled(_looked_around, events.Look(client.fresh)), *irc_metadata.entered(client, client.fresh)]


def _asks_itself(client: Any) -> bool:
    """Is the list of members asked for by `_look_around`, between read marker and metadata? Else it may be pushed."""
    return bool(b"draft/read-marker" in client.caps or client.followed)


def _looked_around(client: Any, looked: Any) -> None:
    client.fresh = b""
    if isinstance(looked, events.Looked):
        if looked.topic:
            _tell_topic(client, looked.room, looked.topic, looked.by, looked.time)
        tell_names(client, looked)
        client.numeric(b"366", shown(looked.room), text=b"End of /NAMES list")


def part(client: Any, params: List[bytes]) -> Commands:
    """PART. Some bots put no colon before a reason of several words."""
    why = next(pieces(plain_of([b" ".join(params[1:])], 0), LONGEST_AWAY))  # as the others are told it
    return [Labelled(functools.partial(_parted, room, why), events.Exit(room, why))
            for room in _rooms_of(client, params[0])]


def _parted(room: bytes, why: bytes, client: Any, answer: Any) -> None:
    if isinstance(answer, events.Done):
        client.line(client.source(client.name), b"PART", middle(room), text=why)  # also if empty: see `Form._gone`
    elif isinstance(answer, events.Refused):
        client.refuse(answer.reason, middle(room))


# ---- looking

def topic(client: Any, params: List[bytes]) -> Commands:
    """TOPIC."""
    room = params[0]
    if len(params) < 2:
        return [Labelled(functools.partial(_topic_told, room), events.Topic(room))]
    command = events.Manage(room, "topic", b"", plain_of(params, 1))
    return [Labelled(functools.partial(_managed, room), command)]


def _topic_told(room: bytes, client: Any, answer: Any) -> None:
    if isinstance(answer, events.Refused):
        client.refuse(answer.reason, middle(room))
    elif answer.text:
        _tell_topic(client, answer.room, answer.text, answer.by, answer.time)
    else:
        client.numeric(b"331", shown(answer.room), text=b"No topic is set")


def _tell_topic(client: Any, room: bytes, text: bytes, by: bytes, time: int) -> None:
    client.numeric(b"332", shown(room), text=text)
    if by:
        client.numeric(b"333", shown(room), nick(by), b"%d" % time)


def names(client: Any, params: List[bytes]) -> Commands:
    """NAMES."""
    if not params:
        client.numeric(b"366", b"*", text=b"End of /NAMES list")
        return None
    def end(name: Optional[bytes]) -> Tuple[Tuple[bytes, ...], Sequence[Any]]:
        return client.alone(b"366", middle(params[0]), text=b"End of /NAMES list"), ()

    return [*[Labelled(_names_told, events.Look(room)) for room in _rooms_of(client, params[0])], events.Turn(end)]


def _names_told(client: Any, answer: Any) -> None:
    if isinstance(answer, events.Looked):
        tell_names(client, answer)


def tell_names(client: Any, looked: events.Looked) -> None:
    """353."""
    room, names = shown(looked.room), [name for name, _ in looked.members]
    secret = b"@" if dict(looked.settings).get(b"private") else b"="
    shown_as = map(client.source, names) if b"userhost-in-names" in client.caps else nicks(names)
    prefix = prefixes_of(client, looked)
    text = b" ".join([prefix(*member) + one if member[1] else one for one, member in zip(shown_as, looked.members)])
    while len(text) > _NAMES_BYTES:
        end = text.rfind(b" ", 0, _NAMES_BYTES + 1)
        end = text.find(b" ") if end < 0 else end
        if end < 0:
            break
        client.numeric(b"353", secret, room, text=text[:end])
        text = text[end + 1:]
    if text:
        client.numeric(b"353", secret, room, text=text)


def prefixes_of(client: Any, looked: events.Looked) -> Callable[[bytes, bytes], bytes]:
    """prefix(name, role): what stands in front of a member's nick: the highest prefix, or all with `multi-prefix`."""
    both = frozenset(looked.voiced if b"multi-prefix" in client.caps else ())
    return lambda name, role: prefix_of(role) + b"+" if name in both else prefix_of(role)


def list_rooms(client: Any, params: List[bytes]) -> Commands:
    """LIST."""
    wanted = listed(params[0]) if params else []
    exact = {folded(one) for one in wanted if is_room(one) and b"*" not in one and b"?" not in one}
    given = [one for one in wanted if not is_room(one) or b"*" in one or b"?" in one]
    if len(given) > _MOST_CONDITIONS:
        client.numeric(b"407", middle(params[0]), text=b"Too many conditions")
        return None
    conditions = list(map(_condition, given))

    def told(client: Any, answer: Any) -> None:
        if not isinstance(answer, events.RoomList):
            return
        client.numeric(b"321", b"Channel", text=b"Users  Name")
        for room, members, text, _ in answer.rooms:
            if (not exact or folded(room) in exact) and all(fits(room, members) for fits in conditions):
                client.numeric(b"322", room, b"%d" % members, text=text)
        client.numeric(b"323", text=b"End of /LIST")

    return [Labelled(told, events.Rooms(b"*"))]


def _condition(given: bytes) -> Callable[[bytes, int], object]:
    """A function (room, number of members): does the room meet a condition of LIST, such as >3 or a mask?"""
    if given[:1] in b"<>" and given[1:].isdigit():
        many = int(given[1:9])
        return (lambda room, members: members < many) if given[:1] == b"<" else (lambda room, members: members > many)
    if given[:1] == b"!":
        unwanted = mask_matcher(given[1:])
        return lambda room, members: not unwanted(room)
    wanted = mask_matcher(given)
    return lambda room, members: wanted(room)


# ---- keeping order

def _managed(room: bytes, client: Any, answer: Any) -> None:
    if isinstance(answer, events.Refused):
        client.refuse(answer.reason, middle(room))


def invite(client: Any, params: List[bytes]) -> Commands:
    """INVITE; without parameters it lists the rooms to which the client is invited."""
    if not params:
        return [Labelled(_invitations_told, events.Rooms(None, True, True))]
    if len(params) < 2:
        client.numeric(b"461", b"INVITE", text=b"Not enough parameters")
        return None
    whom, room = params[:2]
    there: List[bytes] = []

    def looked(client: Any, answer: Any) -> None:
        wanted = client.name_of(whom).lower()
        there.extend([name for name, _ in answer.members if name.lower() == wanted] if isinstance(
            answer, events.Looked) else [])

    def go_on() -> Sequence[Any]:
        if not there:
            return [Labelled(told, events.Manage(room, "invite", client.name_of(whom), b""))]
        return [events.Turn(lambda name: (client.alone(b"443", nick(there[0]), middle(room),
                                                       text=b"is in the room already"), ()))]

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Done):
            client.numeric(b"341", middle(whom), middle(room))
            tell_away(client, whom)
        elif answer.reason in (Reason.NOBODY, Reason.NOT_THERE):
            client.refuse(Reason.NOBODY, middle(whom))
        else:
            client.refuse(answer.reason, middle(room))

    return [Labelled(looked, events.Look(room)), then(go_on)]


def _invitations_told(client: Any, answer: Any) -> None:
    for room, _, _, _ in answer.rooms if isinstance(answer, events.RoomList) else ():
        client.numeric(b"336", room)
    client.numeric(b"337", text=b"End of invitations")


def rename(client: Any, params: List[bytes]) -> Commands:
    """RENAME."""
    old, new = params[:2]
    why = plain_of(params, 2)

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Refused):
            code = _NO_RENAME.get(answer.reason)
            if code is None:
                client.refuse(answer.reason, middle(old))
            else:
                client.fail(b"RENAME", code, middle(old), middle(new), text=sentence(answer.reason))

    return [Labelled(told, events.Manage(old, "rename", new, why))]


def renamed(client: Any, managed: events.Managed) -> None:
    """Tell a member that the room has another name; without the capability, by a PART and a JOIN."""
    if b"draft/channel-rename" in client.caps:
        client.line(client.source(managed.by), b"RENAME", managed.room, managed.about, text=managed.text)
    else:
        client.line(client.source(client.name), b"PART", managed.room,
                    text=managed.text or b"The room is now " + managed.about)
        client.join(managed.about)


def after_rename(client: Any, managed: events.Managed) -> Sequence[Any]:
    """What is asked then: behind a JOIN, clients expect the list of members."""
    return [] if b"draft/channel-rename" in client.caps else [Labelled(_looked_around, events.Look(managed.about))]


def kick(client: Any, params: List[bytes]) -> Commands:
    """KICK."""
    rooms, people = ([one for one in param.split(b",") if one] for param in params[:2])
    why = plain_of(params, 2)
    if len(rooms) != 1 and len(rooms) != len(people):
        client.numeric(b"461", b"KICK", text=b"There have to be as many rooms as people, or one")
        return None
    pairs = list(zip(rooms if len(rooms) > 1 else rooms * len(people), people))
    if len(pairs) > MOST_TARGETS:
        client.too_many(b"people", pairs[MOST_TARGETS][1])
    return [Labelled(functools.partial(_kicked, room, one), events.Manage(room, "kick", client.name_of(one), why))
            for room, one in pairs[:MOST_TARGETS]]


def _kicked(room: bytes, whom: bytes, client: Any, answer: Any) -> None:
    if isinstance(answer, events.Refused):
        if answer.reason == Reason.NOBODY:
            client.refuse(answer.reason, middle(whom))
        elif answer.reason == Reason.NOT_THERE:
            client.refuse(answer.reason, middle(whom), middle(room))
        else:
            client.refuse(answer.reason, middle(room))


def mode(client: Any, params: List[bytes]) -> Commands:
    """MODE."""
    target = params[0]
    if not is_room(target):
        return _mode_of_oneself(client, params)
    if len(params) == 1:
        return [Labelled(functools.partial(_modes_told, target), events.Look(target))]
    commands: List[Any] = []
    sign, rest = b"+", params[2:]
    switched: Dict[bytes, bytes] = {}  # settings that are changed by one command, and told in one line
    listed_already: Set[bytes] = set()
    changes = 0
    for letter in map(str.encode, params[1].decode()):
        if letter in b"+-":
            sign = letter
            continue
        changes += letter not in _MASKS or bool(rest)
        if changes > _MOST_MODES:
            client.too_many(b"changes", sign + letter)
            break
        if letter in _MASKS and not rest:
            if letter not in listed_already:
                commands += _lists(target, letter)
            listed_already.add(letter)
        elif letter in _FLAGS:
            switched[_FLAGS[letter]] = b"on" if sign == b"+" else b"off"
        elif letter in _OPEN:
            switched[_OPEN[letter]] = b"off" if sign == b"+" else b"on"
        else:
            command, rest = _change(client, target, sign == b"+", letter, rest)
            commands += [command] if command else []
    if switched:
        commands.insert(0, _setting(target, b",".join(switched), b",".join(switched.values())))
    return commands


def _change(client: Any, room: bytes, is_on: bool, letter: bytes, rest: List[bytes]) -> Tuple[Any, List[bytes]]:
    """One letter of MODE that may have a parameter: the command for it, or None; and the parameters that are left."""
    if letter in _SETTINGS and not is_on:
        return _setting(room, _SETTINGS[letter], b"off"), rest[1:] if letter == b"k" else rest
    if letter not in {**_SETTINGS, **_MASKS, **_ROLES}:
        client.numeric(b"472", middle(letter), text=b"is unknown mode char to me")
        return None, rest
    if not rest:
        client.numeric(b"461", b"MODE", text=b"Not enough parameters")
        return None, rest
    if letter in _SETTINGS:
        return _setting(room, _SETTINGS[letter], canonical(rest[0])), rest[1:]
    if letter in _MASKS:
        return _change_mask(client, room, is_on, letter, rest[0]), rest[1:]
    told = functools.partial(_kicked, room, rest[0])
    return Labelled(told, events.Manage(room, _ROLES[letter][not is_on], client.name_of(rest[0]), b"")), rest[1:]


def _change_mask(client: Any, room: bytes, is_on: bool, letter: bytes, given: bytes) -> Any:
    """The command that adds a mask to a list, or removes it. `m:` in front makes a ban a mute."""
    _, add, remove, _, _ = _MASKS[letter]
    act, pattern = add if is_on else remove, _pattern_of(client, given)
    if given[:2] == b"m:" and letter == b"b":
        act, pattern = "mute" if is_on else "unmute", _pattern_of(client, given[2:])
    elif given[:2] == b"m:" and letter == b"e":
        pattern = b"mute:" + _pattern_of(client, given[2:])
    return Labelled(functools.partial(_banned, room), events.Manage(room, act, pattern, b""))


def _lists(room: bytes, letter: bytes) -> List[Any]:
    """The commands that ask for the lists of a letter."""
    kinds = [_MASKS[letter][0], "mute"] if letter == b"b" else [_MASKS[letter][0]]
    return [Labelled(functools.partial(_masks_told, room, letter, kind == kinds[-1]), events.Masks(room, kind))
            for kind in kinds]


def _setting(room: bytes, name: bytes, value: bytes) -> Any:
    return Labelled(functools.partial(_set, room, b"k" if name == b"key" else b"l"),
                events.Manage(room, "set", name, value or b" "))


def _set(room: bytes, letter: bytes, client: Any, answer: Any) -> None:
    if isinstance(answer, events.Refused) and answer.reason == Reason.INVALID_SETTING:
        client.refuse(answer.reason, middle(room), letter, b"*")
    else:
        _managed(room, client, answer)


def _banned(room: bytes, client: Any, answer: Any) -> None:
    if isinstance(answer, events.Refused) and answer.reason not in _NOT_ON_THE_LIST:
        client.refuse(answer.reason, middle(room))


def _pattern_of(client: Any, given: bytes) -> bytes:
    """The pattern of names that a mask means; for the extban `a:`, the pattern of accounts."""
    if given[:2] == b"a:":
        return b"account:" + given[2:]
    name, _, rest = given.partition(b"!")
    return client.name_of(name) if rest in (b"", b"*@*", b"*") else given


def _masks_told(room: bytes, letter: bytes, is_last: bool, client: Any, answer: Any) -> None:
    """Tell the masks of one kind. The letter b lists two kinds: only the last is told with the end, or the refusal."""
    _, _, _, one, end = _MASKS[letter]
    if isinstance(answer, events.Refused):
        if is_last:
            client.refuse(answer.reason, middle(room))
        return
    for pattern, by, since in answer.masks:
        shown_as = exception(pattern) if answer.kind == "except" else mask(pattern)
        shown_as = b"m:" + shown_as if answer.kind == "mute" else shown_as
        client.numeric(one, shown(answer.room), shown_as, nick(by), b"%d" % since)
    if is_last:
        client.numeric(end, shown(answer.room), text=b"End of list")


def _modes_told(room: bytes, client: Any, answer: Any) -> None:
    if not isinstance(answer, events.Looked):
        client.refuse(getattr(answer, "reason", Reason.NO_ROOM), middle(room))
        return
    if not answer.members and not answer.since:
        client.refuse(Reason.NO_ROOM, middle(room))
        return
    settings = dict(answer.settings)
    letters = b"".join([letter for letter, name in sorted(_FLAGS.items()) if settings.get(name)])
    letters += b"" if settings.get(b"open_talk") else b"n"
    letters += b"" if settings.get(b"open_topic") else b"t"
    params = []
    if b"key" in settings:
        letters += b"k"
        params.append(b"*")
    if settings.get(b"limit"):
        letters += b"l"
        params.append(b"%d" % settings[b"limit"])
    client.numeric(b"324", shown(answer.room), b"+" + letters, *params)
    if answer.since:
        client.numeric(b"329", shown(answer.room), b"%d" % answer.since)


def _mode_of_oneself(client: Any, params: List[bytes]) -> Commands:
    if params[0].lower() != client.me.lower():
        client.numeric(b"502", text=b"Cannot change the mode of others")
        return None
    if len(params) == 1:
        person = client.known.people.get(client.name)
        client.numeric(b"221", b"+" + (person.flags if person is not None else b""))
        return None
    flags: Dict[bytes, bytes] = {}  # letter -> the last sign in front of it
    sign = b"+"
    for letter in map(str.encode, params[1].decode()):
        if letter in b"+-":
            sign = letter
        else:
            flags[letter] = sign
    if not flags.keys() <= {b"i", b"w", b"B", b"o"}:
        client.numeric(b"501", text=b"Unknown MODE flag")
    return [Labelled(functools.partial(_flag_set, flags[letter], letter), events.SetFlag(letter, flags[letter] == b"+"))
            for letter in flags if letter in b"iwB"]


def _flag_set(sign: bytes, letter: bytes, client: Any, answer: Any) -> None:
    if isinstance(answer, events.Done):
        client.line(client.own_source(), b"MODE", client.me, sign + letter)
