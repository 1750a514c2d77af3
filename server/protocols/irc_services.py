"""Accounts in IRC: SASL, REGISTER, and NickServ, which half of all bots know. See `irc_rooms`.

An account is one of the house's: a name with a password.
"""
import base64
import binascii
from typing import Any, List, Optional, Sequence, Tuple

from parley.server.protocols import events
from parley.server.protocols.events import Labelled, Reason
from parley.server.protocols.irc_words import HOST, middle, name_of, nick, sentence

Commands = Optional[Sequence[Any]]

MECHANISMS = b"PLAIN"
_CHUNK = 400  # characters of a full line of AUTHENTICATE
_MOST_SASL = 8192  # characters in all
_NICKSERV = b"NickServ!NickServ@" + HOST


# ---- SASL

def authenticate(client: Any, params: List[bytes]) -> Commands:
    """AUTHENTICATE."""
    if b"sasl" not in client.caps:
        client.numeric(b"904", text=b"Ask for the capability sasl first")
        return None
    given = params[0]
    if client.sasl is None:
        if given == b"*":
            client.numeric(b"906", text=b"There is nothing to abort")
        elif given.upper() not in MECHANISMS.split(b","):
            client.numeric(b"908", MECHANISMS, text=b"are the mechanisms")
            client.numeric(b"904", text=b"There is no such mechanism")
        elif client.account:
            client.numeric(b"907", text=b"You have authenticated already")
        else:
            client.sasl = b""
            client.line(b"AUTHENTICATE +", bare=True)
        return None
    if given == b"*":
        client.sasl = None
        client.numeric(b"906", text=b"Authentication is aborted")
        return None
    if len(given) > _CHUNK or len(client.sasl) + len(given) > _MOST_SASL:
        client.sasl = None
        client.numeric(b"905", text=b"The message is too long")
        return None
    client.sasl += b"" if given == b"+" else given
    if len(given) == _CHUNK:
        return None
    whole, client.sasl = client.sasl, None
    found = _plain(whole)
    if found is None:
        client.numeric(b"904", text=b"This is not as PLAIN has to be")
        return None
    account, password = found

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Done):
            logged_in(client, account)
            client.numeric(b"903", text=b"Authentication successful")
        else:
            client.numeric(b"904", text=sentence(answer.reason))

    return [Labelled(told, events.Identify(account, password))]


def _plain(whole: bytes) -> Optional[Tuple[bytes, bytes]]:
    """The account and the password of a message of PLAIN."""
    try:
        fields = base64.b64decode(whole, validate=True).split(b"\0")
    except (binascii.Error, ValueError):
        return None
    if len(fields) != 3 or not fields[1] or fields[0] not in (b"", fields[1]):
        return None
    return fields[1], fields[2]


def logged_in(client: Any, account: bytes) -> None:
    """900: it is logged in to the account."""
    client.account = account
    client.numeric(b"900", client.own_source(), nick(account), text=b"You are now logged in as " + nick(account))


# ---- NickServ

def command(client: Any, params: List[bytes]) -> Commands:
    """NICKSERV and NS."""
    return nickserv(client, params)


def nickserv(client: Any, words: Sequence[bytes]) -> Sequence[Any]:
    """What is asked of NickServ."""
    asked, rest = (words[0].upper(), list(words[1:])) if words else (b"", [])
    if asked == b"REGISTER" and rest:
        return [Labelled(_registered, events.SignUp(client.name, rest[0]))]
    if asked == b"IDENTIFY" and rest:
        account = name_of(rest[0]) if len(rest) > 1 else client.name

        def told(client: Any, answer: Any) -> None:
            if isinstance(answer, events.Done):
                logged_in(client, account)
                _notice(client, b"You are now identified for " + nick(account))
            else:
                _notice(client, sentence(answer.reason))

        return [Labelled(told, events.Identify(account, rest[-1]))]
    _notice(client, b"REGISTER <password> makes your nickname an account, IDENTIFY [<account>] <password> logs in")
    return ()


def _registered(client: Any, answer: Any) -> None:
    if isinstance(answer, (events.Done, events.Welcome)):
        _notice(client, b"Account created")
        logged_in(client, client.name)
    else:
        _notice(client, sentence(answer.reason))


def _notice(client: Any, text: bytes) -> None:
    client.line(_NICKSERV, b"NOTICE", client.me, text=text)


# ---- REGISTER

_CODES = {
    Reason.INVALID_PASSWORD: b"UNACCEPTABLE_PASSWORD", Reason.NAME_TAKEN: b"ACCOUNT_EXISTS",
    Reason.INVALID_NAME: b"BAD_ACCOUNT_NAME", Reason.NOT_YOU: b"ACCOUNT_NAME_MUST_BE_NICK",
    Reason.TRY_LATER: b"TEMPORARILY_UNAVAILABLE", Reason.NOT_STORED: b"TEMPORARILY_UNAVAILABLE"}


def register(client: Any, params: List[bytes]) -> Commands:
    """REGISTER."""
    account, _, password = params[:3]
    if client.name is None:
        client.fail(b"REGISTER", b"COMPLETE_CONNECTION_REQUIRED", middle(account), text=b"Finish to connect first")
        return None
    if client.account:
        client.fail(b"REGISTER", b"ALREADY_AUTHENTICATED", nick(client.account), text=b"You are logged in already")
        return None
    wanted = client.name if account == b"*" else name_of(account)
    if wanted != client.name:
        client.fail(b"REGISTER", b"ACCOUNT_NAME_MUST_BE_NICK", middle(account), text=b"It has to be your nickname")
        return None

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, (events.Done, events.Welcome)):
            client.line(client.server, b"REGISTER", b"SUCCESS", nick(wanted), text=b"The account is made")
            logged_in(client, wanted)
        else:
            code = _CODES.get(answer.reason, b"UNACCEPTABLE_ACCOUNT_NAME")
            client.fail(b"REGISTER", code, nick(wanted), text=sentence(answer.reason))

    return [Labelled(told, events.SignUp(wanted, password))]


def verify(client: Any, params: List[bytes]) -> Commands:
    """VERIFY, which no account needs here."""
    client.fail(b"VERIFY", b"INVALID_CODE", middle(params[0]), text=b"There is nothing to verify")
    return None
