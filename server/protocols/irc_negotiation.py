"""The negotiation of capabilities in IRC: CAP. See `irc_rooms`; what each capability changes is in `irc_caps`."""
from typing import Any, List, Optional, Sequence, Tuple

from parley.server.protocols import events, irc_metadata, irc_services
from parley.server.protocols.contract import Frames
from parley.server.protocols.events import Labelled
from parley.server.protocols.irc_caps import CAPABILITIES
from parley.server.protocols.irc_words import lines_of_words, middle
from parley.server.protocols.text import pieces

Commands = Optional[Sequence[Any]]

_ECHO = b"echo-message"
_LINE_BYTES = 280  # of capabilities in a line
_WITH_VALUES = 302  # the version of CAP LS from which on capabilities have values, and cap-notify is implied


def cap(client: Any, params: List[bytes]) -> Commands:
    """CAP."""
    asked = params[0].upper()
    rest = params[1] if len(params) > 1 else b""
    if asked in (b"LS", b"REQ") and client.name is None:
        client.is_negotiating = True
    if asked == b"LS":
        if rest.isdigit() and int(rest[:6]) >= _WITH_VALUES:
            client.shows_values = True
            client.have(client.caps | {b"cap-notify"})
        _tell_caps(client, asked, _offered(client))
    elif asked == b"LIST":
        _tell_caps(client, asked, sorted(client.caps))
    elif asked == b"REQ":
        return _request(client, rest.split())
    elif asked != b"END":
        client.numeric(b"410", middle(params[0]), text=b"There is no such subcommand of CAP")
    elif client.name is None and client.is_negotiating:
        client.is_negotiating = False
        commands: Commands = client.come()
        return commands
    return None


def _offered(client: Any) -> List[bytes]:
    """All capabilities, with their values if the client has asked for those."""
    values = {**CAPABILITIES, b"sasl": irc_services.mechanisms(client),
              irc_metadata.CAPABILITY: irc_metadata.VALUE,
              b"draft/account-registration": b"before-connect" if client.needs_account else b""}
    return [b"%b=%b" % (name, value) if value and client.shows_values else name
            for name, value in sorted(values.items())]


def _tell_caps(client: Any, what: bytes, caps: Sequence[bytes]) -> None:
    most = _LINE_BYTES if client.shows_values else sum(map(len, caps)) + len(caps)
    *lines, last = lines_of_words(caps, b" ", most) or [b""]
    for line in lines:
        client.line(client.server, b"CAP", client.me, what, b"*", text=line)
    client.line(client.server, b"CAP", client.me, what, text=last)


def _request(client: Any, asked: Sequence[bytes]) -> Commands:
    """CAP REQ; asked: capabilities to add, or with a "-" in front to remove. All of them are granted, or none."""
    caps = {*client.caps}
    for one in asked:
        if one.lstrip(b"-") not in CAPABILITIES:
            client.line(client.server, b"CAP", client.me, b"NAK", text=next(pieces(b" ".join(asked), _LINE_BYTES)))
            return None
        if one[:1] == b"-":
            caps.discard(one[1:])
        else:
            caps.add(one)

    def acknowledge() -> None:
        client.have(caps)
        for line in lines_of_words(list(dict.fromkeys(asked)), b" ", _LINE_BYTES) or [b""]:
            client.line(client.server, b"CAP", client.me, b"ACK", text=line)

    if client.name is None or (_ECHO in caps) == (_ECHO in client.caps):
        acknowledge()
        return None

    def when_heard(name: Optional[bytes]) -> Tuple[Frames, Sequence[Any]]:
        return client.frames_of(acknowledge), ()

    # What it has said until now gets no echo: that has to be heard first.
    return [Labelled(lambda client, answer: None, events.Count()), events.Turn(when_heard)]
