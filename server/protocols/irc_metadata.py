"""Metadata in IRC: draft/metadata-3. See `irc_rooms`; `parley.server.chat.metadata` decides who may do what.

A value is told by 761, that there is none by 766. The answer to one command is one batch.
"""
import re
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from parley.server.protocols import events
from parley.server.protocols.acts import is_room
from parley.server.protocols.events import LONGEST_KEY, LONGEST_VALUE, MOST_FOLLOWED, MOST_KEYS, Labelled, Reason
from parley.server.protocols.irc_words import middle, nick, sentence
from parley.server.protocols.text import canonical

Commands = Optional[Sequence[Any]]

CAPABILITY = b"draft/metadata-3"
VALUE = b"before-connect,max-subs=%d,max-keys=%d,max-value-bytes=%d" % (MOST_FOLLOWED, MOST_KEYS, LONGEST_VALUE)

_KEY = re.compile(rb"[a-z0-9_./-]{1,%d}" % LONGEST_KEY)
_KEYS_A_LINE = 10
_MOST_IN_A_LINE = 100  # of a client: each is answered, and a line may have thousands
_NONE: Mapping[bytes, bytes] = {}
# The codes of FAIL that are about the target, and those that are about the key.
_OF_TARGETS = {Reason.NOBODY: b"INVALID_TARGET", Reason.NO_ROOM: b"INVALID_TARGET"}
_OF_KEYS = {Reason.NOT_ALLOWED: b"KEY_NO_PERMISSION", Reason.NOT_INSIDE: b"KEY_NO_PERMISSION",
            Reason.LIST_FULL: b"LIMIT_REACHED"}


def metadata(client: Any, params: List[bytes]) -> Commands:
    """METADATA."""
    if CAPABILITY not in client.caps:
        client.numeric(b"421", b"METADATA", text=b"Ask for the capability %b first" % CAPABILITY)
        return None
    asked = params[1].upper()
    do = _DO.get(asked)
    if do is None:
        _fail(client, b"SUBCOMMAND_INVALID", middle(params[1]), text=b"There is no such subcommand")
        return None
    if asked in _WITH_KEYS and len(params) < 3:
        client.numeric(b"461", b"METADATA", text=b"Not enough parameters")
        return None
    target = client.me if params[0] == b"*" else params[0]
    if client.name is None and not _is_early(client, asked, target):
        client.numeric(b"451", text=b"You have not registered")
        return None
    commands: Commands = do(client, target, params[2:])
    return commands


def _is_early(client: Any, asked: bytes, target: bytes) -> bool:
    """Is this allowed before the client is registered?"""
    return asked in (b"SUB", b"UNSUB", b"SUBS") or asked in (b"SET", b"GET", b"LIST", b"CLEAR") and target == client.me


def _fail(client: Any, code: bytes, *params: bytes, text: bytes) -> None:
    client.fail(b"METADATA", code, *params, text=text)


def _are_keys(client: Any, keys: Sequence[bytes]) -> bool:
    if len(keys) > _MOST_IN_A_LINE:
        _fail(client, b"LIMIT_REACHED", b"*", text=b"At most %d keys can be named in one line" % _MOST_IN_A_LINE)
        return False
    for key in keys:
        if not _KEY.fullmatch(key):
            _fail(client, b"INVALID_KEY", middle(key), text=b"A key is of a-z, 0-9 and _./-")
            return False
    return True


def _about(target: bytes, client: Any) -> Tuple[bytes, bytes]:
    """(room, b"") or (HOME, name), as in `events.ReadMetadata`."""
    if is_room(target):
        return target, b""
    return events.HOME, client.name if target == client.me else client.name_of(target)


def _shown(target: bytes) -> bytes:
    return target if is_room(target) or target == b"*" else nick(target)


def _refused(client: Any, target: bytes, key: bytes, reason: str) -> None:
    if reason in _OF_TARGETS:
        _fail(client, _OF_TARGETS[reason], middle(target), text=sentence(reason))
    elif reason in _OF_KEYS:
        _fail(client, _OF_KEYS[reason], middle(target), key, text=sentence(reason))
    else:
        _fail(client, b"INVALID_VALUE", key, text=sentence(reason))


def _tell(client: Any, row: Any) -> None:
    target, key, value = row
    if value is None:
        client.numeric(b"766", _shown(target), key, text=b"no value is set")
    else:
        client.numeric(b"761", _shown(target), key, b"*", text=value)


def _tell_all(client: Any, target: bytes, rows: Sequence[Any]) -> None:
    """Tell these rows (target, key, value or None) as one batch."""

    def tell() -> None:
        for row in rows:
            _tell(client, row)

    client.tell_as_batch(b"metadata", (_shown(target),), tell)


# ---- one's own, and rooms'

def _set(client: Any, target: bytes, rest: Sequence[bytes]) -> Commands:
    key, value = rest[0], rest[1] if len(rest) > 1 and rest[1] else None
    if not _are_keys(client, [key]):
        return None
    if value is not None and len(canonical(value)) > LONGEST_VALUE:
        _fail(client, b"INVALID_VALUE", key, text=b"A value has at most %d bytes" % LONGEST_VALUE)
        return None
    if client.name is None:
        _set_early(client, key, value)
        return None

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Refused):
            _refused(client, target, key, answer.reason)
        elif not answer.rows:
            _fail(client, b"KEY_NOT_SET", middle(target), key, text=b"No value is set")
        for row in getattr(answer, "rows", ()):
            _tell(client, row)

    return [Labelled(told, events.SetMetadata(*_about(target, client), key, value))]


def _set_early(client: Any, key: bytes, value: Optional[bytes]) -> None:
    """SET before the client is registered: the value is set when it is (`come`)."""
    early = client.early
    if value is None and key not in early:
        _fail(client, b"KEY_NOT_SET", b"*", key, text=b"No value is set")
    elif value is not None and key not in early and len(early) >= MOST_KEYS:
        _fail(client, b"LIMIT_REACHED", b"*", text=b"There are too many keys")
    else:
        client.early = {**early, key: canonical(value)} if value is not None else {
            one: early[one] for one in early if one != key}
        _tell(client, (client.me, key, value))


def come(client: Any) -> Sequence[Any]:
    """The commands for a client that has just been registered: for what it set and followed before."""
    early, client.early = client.early, _NONE
    commands: List[Any] = [events.Follow(client.followed)] if client.followed else []
    for key, value in early.items():
        commands.append(Labelled(_ignored, events.SetMetadata(events.HOME, client.name, key, value)))
    if CAPABILITY in client.caps and (early or client.account):
        commands.append(Labelled(_told, events.ReadMetadata(events.HOME, client.name, None)))
    return commands


def _ignored(client: Any, answer: Any) -> None:
    """Nothing to tell: the ReadMetadata behind it tells all values in one batch."""


def _clear(client: Any, target: bytes, rest: Sequence[bytes]) -> Commands:
    if client.name is None:
        rows = [(client.me, key, None) for key in client.early]
        client.early = _NONE
        _tell_all(client, client.me, rows)
        return None

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Refused):
            _refused(client, target, b"*", answer.reason)
        else:
            _tell_all(client, answer.target, answer.rows)

    return [Labelled(told, events.SetMetadata(*_about(target, client), b"", None))]


# ---- asking

def _told(client: Any, answer: Any) -> None:
    if isinstance(answer, events.MetadataTold):
        _tell_all(client, answer.target, answer.rows)
        if answer.more:
            client.fail(b"METADATA", b"INCOMPLETE", _shown(answer.target), kind=b"WARN",
                        text=b"There are too many values; only the first %d are told" % len(answer.rows))


def _get(client: Any, target: bytes, rest: Sequence[bytes]) -> Commands:
    keys = tuple(dict.fromkeys(rest))
    if not _are_keys(client, keys):
        return None
    if client.name is None:
        _tell_all(client, client.me, [(client.me, key, client.early.get(key)) for key in keys])
        return None

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Refused):
            _refused(client, target, keys[0], answer.reason)
        else:
            values = {key: value for _, key, value in answer.rows}
            _tell_all(client, answer.target, [(answer.target, key, values.get(key)) for key in keys])

    return [Labelled(told, events.ReadMetadata(*_about(target, client), keys))]


def _list(client: Any, target: bytes, rest: Sequence[bytes]) -> Commands:
    if client.name is None:
        _tell_all(client, client.me, [(client.me, key, value) for key, value in sorted(client.early.items())])
        return None
    return _read(client, target, None, False)


def _read(client: Any, target: bytes, keys: Optional[Tuple[bytes, ...]], everybody: bool) -> Sequence[Any]:

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Refused):
            _refused(client, target, b"*", answer.reason)
        _told(client, answer)

    return [Labelled(told, events.ReadMetadata(*_about(target, client), keys, everybody))]


def whois(client: Any, wanted: bytes) -> Sequence[Any]:
    """The commands that WHOIS has in addition."""

    def told(client: Any, answer: Any) -> None:
        for _, key, value in getattr(answer, "rows", ()):
            client.numeric(b"760", nick(answer.target), key, b"*", text=value)

    return [Labelled(told, events.ReadMetadata(events.HOME, wanted, None))] if CAPABILITY in client.caps else []


# ---- following

def _sub(client: Any, target: bytes, rest: Sequence[bytes]) -> Commands:
    if not _are_keys(client, rest):
        return None
    keys = tuple(dict.fromkeys([*client.followed, *rest]))
    if len(keys) > MOST_FOLLOWED:
        _fail(client, b"TOO_MANY_SUBS", middle(rest[0]), text=b"At most %d keys can be followed" % MOST_FOLLOWED)
        return None
    new = [key for key in keys if key not in client.followed]
    client.followed = keys
    _list_keys(client, b"770", list(dict.fromkeys(rest)))
    if client.name is None:
        return None
    rooms: List[bytes] = []

    def told(client: Any, answer: Any) -> None:
        rooms.extend([room for room, _, _, _ in answer.rooms] if isinstance(answer, events.RoomList) else [])

    return [events.Follow(keys), Labelled(told, events.Rooms(None)), events.Turn(
        lambda name: ((), [Labelled(_told_if_any, _synced(room, new)) for room in rooms]))]


def _unsub(client: Any, target: bytes, rest: Sequence[bytes]) -> Commands:
    if not _are_keys(client, rest):
        return None
    client.followed = tuple([key for key in client.followed if key not in rest])
    _list_keys(client, b"771", rest)
    return [events.Follow(client.followed)] if client.name is not None else None


def _subs(client: Any, target: bytes, rest: Sequence[bytes]) -> Commands:
    if client.followed:
        _list_keys(client, b"772", client.followed)
    return None


def _list_keys(client: Any, code: bytes, keys: Sequence[bytes]) -> None:
    for start in range(0, len(keys), _KEYS_A_LINE):
        client.numeric(code, *keys[start:start + _KEYS_A_LINE])


def _sync(client: Any, target: bytes, rest: Sequence[bytes]) -> Commands:
    return _read(client, target, client.followed, is_room(target))


def _synced(room: bytes, keys: Sequence[bytes]) -> Any:
    return events.ReadMetadata(room, b"", tuple(keys), True)


def _told_if_any(client: Any, answer: Any) -> None:
    if getattr(answer, "rows", ()):
        _told(client, answer)


def entered(client: Any, room: bytes) -> Sequence[Any]:
    """The commands for a client that has entered a room: the values of the keys that it follows."""
    return [Labelled(_told_if_any, _synced(room, client.followed))] if client.followed else []


def changed(client: Any, told: events.MetadataChanged) -> None:
    """Tell that a value has changed whose key the client follows."""
    if CAPABILITY in client.caps:
        _tell(client, told)


_DO = {b"SET": _set, b"CLEAR": _clear, b"GET": _get, b"LIST": _list, b"SUB": _sub, b"UNSUB": _unsub, b"SUBS": _subs,
       b"SYNC": _sync}
_WITH_KEYS = (b"SET", b"GET", b"SUB", b"UNSUB")
