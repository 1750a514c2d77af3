"""Registration in IRC: NICK, USER and PASS, and the greeting of a client that has its name. See `irc_rooms`."""
import functools
from typing import Any, List, Optional, Sequence, Tuple

from parley import __version__
from parley.server.protocols import events, irc_metadata, irc_people
from parley.server.protocols.contract import Frames
from parley.server.protocols.events import Labelled, Reason
from parley.server.protocols.irc_words import LONGEST_REAL_NAME, is_nick, middle, nick, sentence, user
from parley.server.protocols.text import canonical, pieces

Commands = Optional[Sequence[Any]]


def take_nick(client: Any, params: List[bytes]) -> Commands:
    """NICK."""
    wanted = params[0] if params else b""
    if not wanted:
        client.numeric(b"431", text=b"No nickname given")
    elif not is_nick(wanted):
        client.numeric(b"432", middle(wanted), text=b"This cannot be a nickname")
    elif client.made is not None and wanted != client.made:
        client.numeric(b"433", middle(wanted), text=b"Your account has another name")
    elif client.name is None:
        client.wanted_nick = wanted
        return come(client)
    elif wanted != client.name:
        return [_rename(client, wanted)]
    return None


def _rename(client: Any, wanted: bytes) -> Any:
    before = client.own_source()

    def renamed(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Welcome):
            client.line(before, b"NICK", nick(answer.name))
        elif isinstance(answer, events.Refused):
            _not_named(client, wanted, answer.reason)

    return Labelled(renamed, events.Rename(wanted))


def _not_named(client: Any, wanted: bytes, reason: str) -> None:
    """It cannot have the name."""
    client.numeric(b"432" if reason == Reason.INVALID_NAME else b"433", middle(wanted), text=sentence(reason))


def take_user(client: Any, params: List[bytes]) -> Commands:
    """USER."""
    if client.name is not None:
        client.numeric(b"462", text=b"You have registered already")
        return None
    if not params[0] or not params[3]:
        client.numeric(b"461", b"USER", text=b"Not enough parameters")
        return None
    client.wanted_user = user(params[0])
    client.wanted_real_name = next(pieces(canonical(params[3]), LONGEST_REAL_NAME))
    return come(client)


def take_pass(client: Any, params: List[bytes]) -> Commands:
    """PASS: the password of the account that has the nick's name."""
    if client.name is not None:
        client.numeric(b"462", text=b"You have registered already")
    else:
        client.password = params[0]
    return None


def come(client: Any) -> Commands:
    """Log in, if NICK and USER have been sent and no negotiation of capabilities is under way; else None."""
    if not client.wanted_nick or not client.wanted_user or client.is_negotiating:
        return None
    if client.made is None:
        return _log_in(client, client.wanted_nick, client.password)

    def has_account(name: Optional[bytes]) -> Tuple[Frames, Sequence[Any]]:
        client.made = None
        return client.frames_for(name, functools.partial(_greet, client)), _after_greeting(client)

    return [events.Introduce(client.wanted_real_name, client.wanted_user), events.Turn(has_account)]


def _log_in(client: Any, wanted: bytes, password: Optional[bytes]) -> Sequence[Any]:
    refused: List[str] = []

    def answered(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Welcome):
            _greet(client)
        elif isinstance(answer, events.Refused):
            refused.append(answer.reason)
            if answer.reason == Reason.WRONG_PASSWORD:
                client.numeric(b"464", text=sentence(answer.reason))
            elif answer.reason != Reason.NO_PASSWORD:
                client.wanted_nick = b""
                _not_named(client, wanted, answer.reason)

    def go_on(name: Optional[bytes]) -> Tuple[Frames, Sequence[Any]]:
        if name is not None:
            return (), _after_greeting(client)
        # With 433 many programs would take another nick, and their users would not notice that they are somebody else.
        if refused == [Reason.WRONG_PASSWORD]:
            return (), client.quit(sentence(Reason.WRONG_PASSWORD))
        # Many programs send a password to every server, whether or not the name has one.
        return (), _log_in(client, wanted, None) if refused == [Reason.NO_PASSWORD] else ()

    return [events.Introduce(client.wanted_real_name, client.wanted_user),
            Labelled(answered, events.Login(wanted, password)), events.Turn(go_on)]


def _greet(client: Any) -> None:
    """Tell a client that has its name 001 to 005."""
    version = b"parley-" + __version__.encode()
    if client.name in client.known.accounts:
        client.account = client.name
    client.wanted_nick = client.wanted_user = client.wanted_real_name = b""
    client.password = None
    client.numeric(b"001", text=b"Welcome to %b, %b" % (client.network, client.source(client.name)))
    client.numeric(b"002", text=b"Your host is %b, running %b" % (client.server, version))
    client.numeric(b"003", text=b"All its rooms are those of six other protocols")
    client.numeric(b"004", client.server, version, b"Biow", b"CEbeiklmnostv", b"beIklov")
    irc_people.tell_supported(client)


def _after_greeting(client: Any) -> Sequence[Any]:
    """What is asked for a client that has been greeted: LUSERS and MOTD, and metadata."""
    return [*irc_metadata.come(client), Labelled(irc_people.counted, events.Count()),
            Labelled(irc_people.motd_told, events.ReadMotd())]
