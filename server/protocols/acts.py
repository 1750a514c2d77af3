"""Acts on rooms, and questions about them, in protocols that have one request for all of these."""
from typing import Dict, NamedTuple, Optional

from parley.server.protocols import events
from parley.server.protocols.events import Malformed, Reason
from parley.server.protocols.text import canonical, canonical_within

NO_TOPIC = b"-"  # as a topic: none


class _Takes(NamedTuple):
    """The parameters of an act. None: it may be left out."""

    about: Optional[bool]
    text: Optional[bool]


_ACTS: Dict[bytes, _Takes] = {
    b"who": _Takes(False, False),
    b"topic": _Takes(False, None),
    b"drop": _Takes(False, False),
    b"set": _Takes(True, True),
    **dict.fromkeys([b"kick", b"ban", b"mute"], _Takes(True, None)),
    **dict.fromkeys(
        [b"invite", b"unban", b"unmute", b"voice", b"devoice", b"op", b"deop"], _Takes(True, False)),
}
_BAD_FORM = Malformed(Reason.BAD_FORM, events.Manage)
_UNKNOWN = Malformed(Reason.UNKNOWN_COMMAND, events.Manage)
_TOO_LONG = Malformed(Reason.TEXT_TOO_LONG, events.Manage)


def is_room(raw: bytes) -> bool:
    """Is this meant to be the name of a room, even if none can have it?"""
    return raw[:1] == b"#"


def is_about_somebody(act: bytes) -> bool:
    """Is what follows the act a name, or a setting, and then perhaps a text?"""
    takes = _ACTS.get(act)
    return takes is not None and takes.about is True


def request(room: bytes, act: bytes, about: Optional[bytes], text: Optional[bytes],
            most: Optional[int] = None) -> events.Command:
    """The command for `act`; None for what the client has not given.

    text: as received. most: how long it may be in bytes, as received and as kept.
    """
    takes = _ACTS.get(act)
    if not is_room(room):
        return _BAD_FORM
    if takes is None:
        return _UNKNOWN
    if not _fits(about, takes.about) or not _fits(text, takes.text) or about == b"":
        return _BAD_FORM
    if act == b"who":
        return events.Who(room)
    if act == b"topic" and text is None:
        return events.Topic(room)
    kept = canonical(text or b"") if most is None else canonical_within(text or b"", most)
    if kept is None:
        return _TOO_LONG
    if act == b"topic" and kept == NO_TOPIC:
        kept = b""
    return events.Manage(room, act.decode(), about or b"", kept)


def _fits(given: Optional[bytes], taken: Optional[bool]) -> bool:
    return taken is None or taken == (given is not None)
