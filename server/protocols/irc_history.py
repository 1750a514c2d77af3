"""Stored messages in IRC: CHATHISTORY, MARKREAD and REDACT. See `irc_rooms`."""
import calendar
import re
from typing import Any, List, Optional, Sequence, Tuple

from parley.server.protocols import events
from parley.server.protocols.acts import is_room
from parley.server.protocols.events import Labelled, Reason
from parley.server.protocols.irc_words import middle, nick, plain_of, sentence, stamp

Commands = Optional[Sequence[Any]]

MOST = 1000  # messages in one answer
_TIMESTAMP = re.compile(rb"timestamp=(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,3})\d*)?Z")
_NUMBER = re.compile(rb"msgid=(\d{1,18})")
_REFERENCES = {b"LATEST": 1, b"BEFORE": 1, b"AFTER": 1, b"AROUND": 1, b"BETWEEN": 2}

Reference = Tuple[Optional[int], Optional[int]]  # (message number, milliseconds since the epoch), one of them None


def _reference(raw: bytes) -> Optional[Reference]:
    """What `msgid=` or `timestamp=` refers to; None if it is neither."""
    number, time = _NUMBER.fullmatch(raw), _TIMESTAMP.fullmatch(raw)
    if number:
        return int(number.group(1)), None
    if time is None:
        return None
    *parts, fraction = time.groups()
    try:
        seconds = calendar.timegm((*map(int, parts), 0, 0, 0))
    except ValueError:  # there is no such month or year
        return None
    return None, seconds * 1000 + int((fraction or b"0").ljust(3, b"0"))


def _browse(client: Any, target: bytes, most: int, before: Optional[Reference], after: Optional[Reference],
            latest: bool = False) -> events.Browse:
    room, partner = (target, None) if is_room(target) else (None, client.name_of(target))
    before_number, before_time = before or (None, None)
    after_number, after_time = after or (None, None)
    return events.Browse(room, partner, before_number, after_number, most, True, before_time, after_time, latest)


# ---- CHATHISTORY

def chathistory(client: Any, params: List[bytes]) -> Commands:
    """CHATHISTORY."""
    what = params[0].upper()
    if what == b"TARGETS":
        return _targets(client, params)
    wanted = _REFERENCES.get(what)
    if wanted is None:
        client.fail(b"CHATHISTORY", b"INVALID_PARAMS", middle(params[0]), text=b"There is no such subcommand")
        return None
    if len(params) < 3 + wanted:
        client.fail(b"CHATHISTORY", b"NEED_MORE_PARAMS", what, text=b"There are parameters missing")
        return None
    target, most = params[1], params[2 + wanted]
    found = [_reference(raw) for raw in params[2:2 + wanted]]
    is_latest = what == b"LATEST" and params[2] == b"*"
    if not most.isdigit() or None in found and not is_latest:
        client.fail(b"CHATHISTORY", b"INVALID_PARAMS", what, middle(target), text=b"A parameter is of a wrong form")
        return None
    requests = _requests(client, what, target, min(int(most[:9]), MOST), found)
    lines: List[bytes] = []
    refused: List[str] = []

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Browsed):
            client.past(middle(target) if answer.partner is None else nick(answer.partner), answer.messages, lines)
        elif isinstance(answer, events.Refused):
            refused.append(answer.reason)

    def tell() -> None:
        if refused:
            client.fail(b"CHATHISTORY", b"INVALID_TARGET", what, middle(target), text=sentence(refused[0]))
        else:
            client.tell_batch(b"chathistory", (middle(target),), lines)

    def all_told(name: Optional[bytes]) -> Tuple[Tuple[bytes, ...], Sequence[Any]]:
        return client.frames_of(tell), ()

    return [*[Labelled(told, request) for request in requests if request.most], events.Turn(all_told)]


def _requests(client: Any, what: bytes, target: bytes, most: int, found: Sequence[Optional[Reference]]
              ) -> List[events.Browse]:
    first = found[0]
    if what == b"LATEST":
        return [_browse(client, target, most, None, first, True)]
    if what == b"BEFORE":
        return [_browse(client, target, most, first, None)]
    if what == b"AFTER":
        return [_browse(client, target, most, None, first)]
    if what == b"BETWEEN":
        second = found[1]
        is_backwards = first is not None and second is not None and (first[0] or 0, first[1] or 0) > (
            second[0] or 0, second[1] or 0)
        return [_browse(client, target, most, first, second, True) if is_backwards else
                _browse(client, target, most, second, first)]
    assert first is not None
    number, time = first
    behind = (number + 1 if number is not None else None, time + 1 if time is not None else None)
    half = (most + 1) // 2
    return [_browse(client, target, half, behind, None),
            _browse(client, target, most - half, None, (number, None) if number is not None else (None, time))]


def _targets(client: Any, params: List[bytes]) -> Commands:
    found = [_reference(raw) for raw in params[1:3]]
    times = [one[1] for one in found if one is not None and one[1] is not None]
    if len(times) != 2 or len(params) < 4 or not params[3].isdigit():
        client.fail(b"CHATHISTORY", b"INVALID_PARAMS", b"TARGETS", text=b"It takes two times and a limit")
        return None

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.PartnersTold):
            lines = [b":%b CHATHISTORY TARGETS %b %b\r\n" % (
                client.server, name if is_room(name) else nick(name), stamp(time)) for name, time in answer.partners]
            client.tell_batch(b"draft/chathistory-targets", (), lines)

    return [Labelled(told, events.Partners(min(times), max(times), min(int(params[3][:9]), MOST)))]


# ---- MARKREAD

def markread(client: Any, params: List[bytes]) -> Commands:
    """MARKREAD."""
    if not params or not params[0]:
        client.fail(b"MARKREAD", b"NEED_MORE_PARAMS", text=b"There is no target")
        return None
    time = None
    if len(params) > 1:
        found = _reference(params[1])
        if found is None or found[1] is None:
            client.fail(b"MARKREAD", b"INVALID_PARAMS", middle(params[1]), text=b"That is not a timestamp")
            return None
        time = found[1]
    return [read_mark(client, params[0], time)]


def read_mark(client: Any, target: bytes, time: Optional[int]) -> Any:
    """The command that sets the client's read marker for a target, or with None asks for it.

    time: milliseconds since the epoch.
    """

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.ReadTold):
            client.line(client.server, b"MARKREAD", middle(target),
                        b"timestamp=" + stamp(answer.time) if answer.time else b"*")
        elif time is None and answer.reason in (Reason.NO_ROOM, Reason.NOT_INSIDE, Reason.NOBODY):
            client.line(client.server, b"MARKREAD", middle(target), b"*")  # nothing was read there
        else:
            client.fail(b"MARKREAD", b"INVALID_PARAMS", middle(target), text=sentence(answer.reason))

    return Labelled(told, events.ReadMark(target, b"", time) if is_room(target) else events.ReadMark(
        events.HOME, client.name_of(target), time))


# ---- REDACT

def redact(client: Any, params: List[bytes]) -> Commands:
    """REDACT."""
    target, number = params[:2]
    if number.isdigit():
        number = number.lstrip(b"0") or b"0"  # as others know the message
    why = plain_of(params, 2)

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Refused):
            code = b"REDACT_FORBIDDEN" if answer.reason in (Reason.NOT_ALLOWED, Reason.OUTRANKED) else \
                b"UNKNOWN_MSGID" if answer.reason in (Reason.NO_SUCH_NUMBER, Reason.INVALID_SETTING) else \
                b"INVALID_TARGET"
            more = () if code == b"INVALID_TARGET" else (middle(number),)
            client.fail(b"REDACT", code, middle(target), *more, text=sentence(answer.reason))

    def told_alone(client: Any, answer: Any) -> None:
        told(client, answer)
        if isinstance(answer, events.Done):
            client.redacted(client.name, nick(client.name_of(target)), number, why)

    if not is_room(target):
        return [Labelled(told_alone, events.Redact(client.name_of(target), number, why))]
    return [Labelled(told, events.Manage(target, "redact", number, why))]
