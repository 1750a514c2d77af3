"""Accounts in IRC: SASL, REGISTER and VERIFY, and NickServ, which is all that many bots know. See `irc_rooms`.

The accounts are those of all protocols: names with passwords.
"""
import base64
import binascii
import re
from typing import Any, List, Optional, Sequence, Tuple

from parley.server.protocols import events
from parley.server.protocols.events import Labelled, Reason
from parley.server.protocols.irc_words import HOST, middle, nick, sentence

Commands = Optional[Sequence[Any]]

PLAIN, SCRAM = b"PLAIN", b"SCRAM-SHA-256"
_CHUNK = 400  # characters of a full line of AUTHENTICATE
_MOST_SASL = 8192  # characters in all
_NICKSERV = b"NickServ!NickServ@" + HOST
# The client's messages of RFC 5802, section 7: client-first-message without channel binding, client-final-message.
_SCRAM_FIRST = re.compile(rb"([ny],(?:a=([^,]*))?,)(n=([^,]+),r=([!-+\--~]+)(?:,.*)?)")
_SCRAM_LAST = re.compile(rb"(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)")


# ---- SASL

class Exchange:
    """One authentication by SASL.

    mechanism: PLAIN or SCRAM. sent: what has come of the client's present message, in base64.
    scram: once the first message has been answered: (account, beginning of the AuthMessage of RFC 5802, GS2 header of
        the first message, nonces of client and server together). is_proven: has the client's proof been verified?
    """

    __slots__ = ("mechanism", "sent", "scram", "is_proven")

    def __init__(self, mechanism: bytes) -> None:
        self.mechanism = mechanism
        self.sent = b""
        self.scram: Optional[Tuple[bytes, bytes, bytes, bytes]] = None
        self.is_proven = False


def mechanisms(client: Any) -> bytes:
    """The names of the mechanisms that are offered, joined by ","."""
    return PLAIN + b"," + SCRAM if client.has_scram else PLAIN


def authenticate(client: Any, params: List[bytes]) -> Commands:
    """AUTHENTICATE."""
    if b"sasl" not in client.caps:
        return _failed(client, b"Ask for the capability sasl first")
    given, exchange = params[0], client.sasl
    if exchange is None:
        _begin(client, given)
        return None
    if given == b"*":
        client.sasl = None
        client.numeric(b"906", text=b"Authentication is aborted")
        return None
    if len(given) > _CHUNK:
        client.sasl = None
        client.numeric(b"905", text=b"A line of a message has at most 400 characters")
        return None
    if len(exchange.sent) + len(given) > _MOST_SASL:
        return _failed(client, b"The message is too long")
    exchange.sent += b"" if given == b"+" else given
    if len(given) == _CHUNK:
        return None
    try:
        message, exchange.sent = base64.b64decode(exchange.sent, validate=True), b""
    except (binascii.Error, ValueError):
        return _failed(client, b"This is not base64")
    if exchange.mechanism == PLAIN:
        return _plainly(client, message)
    if exchange.scram is None:
        return _scram_first(client, message)
    return _scram_done(client) if exchange.is_proven else _scram_last(client, message)


def _begin(client: Any, mechanism: bytes) -> None:
    if mechanism == b"*":
        client.numeric(b"906", text=b"There is nothing to abort")
    elif mechanism.upper() not in mechanisms(client).split(b","):
        client.numeric(b"908", mechanisms(client), text=b"are the mechanisms")
        client.numeric(b"904", text=b"There is no such mechanism")
    else:
        client.sasl = Exchange(mechanism.upper())
        client.line(b"AUTHENTICATE +", bare=True)


def _challenge(client: Any, message: bytes) -> None:
    """Tell it a message of the exchange, in lines of _CHUNK characters; the last one is shorter."""
    encoded = base64.b64encode(message)
    for start in range(0, len(encoded) + 1, _CHUNK):
        client.line(b"AUTHENTICATE " + (encoded[start:start + _CHUNK] or b"+"), bare=True)


def _failed(client: Any, text: bytes) -> Commands:
    client.sasl = None
    client.numeric(b"904", text=text)
    return None


def _succeeded(client: Any, account: bytes) -> None:
    client.sasl = None
    logged_in(client, account)
    client.numeric(b"903", text=b"Authentication successful")


def _plainly(client: Any, message: bytes) -> Commands:
    fields = message.split(b"\0")
    if len(fields) != 3 or not fields[1] or fields[0] not in (b"", fields[1]):
        return _failed(client, b"This is not as PLAIN has to be")
    account = fields[1]

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Done):
            _succeeded(client, account)
        else:
            _failed(client, sentence(answer.reason))

    return [Labelled(told, events.Identify(account, fields[2]))]


# ---- SCRAM: RFC 5802 and 7677

def _scram_first(client: Any, message: bytes) -> Commands:
    found = _SCRAM_FIRST.fullmatch(message)
    if found is None:
        return _failed(client, b"This is not as the first message of SCRAM has to be")
    header, for_whom, bare, name, nonce = found.groups()
    account = name.replace(b"=2C", b",").replace(b"=3D", b"=")
    if for_whom not in (None, b"", name):
        return _failed(client, b"One can log in for oneself only")

    def told(client: Any, answer: Any) -> None:
        if not isinstance(answer, events.ScramTold):
            _failed(client, sentence(answer.reason))
        elif client.sasl is not None:
            both = nonce + answer.nonce
            first = b"r=%b,s=%b,i=%d" % (both, base64.b64encode(answer.salt), answer.rounds)
            client.sasl.scram = account, bare + b"," + first, header, both
            _challenge(client, first)

    return [Labelled(told, events.ScramBegin(account))]


def _scram_last(client: Any, message: bytes) -> Commands:
    account, start, header, nonce = client.sasl.scram
    found = _SCRAM_LAST.fullmatch(message)
    if found is None or found.group(2) != base64.b64encode(header) or found.group(3) != nonce:
        return _failed(client, b"This is not as the last message of SCRAM has to be")
    try:
        proof = base64.b64decode(found.group(4), validate=True)
    except (binascii.Error, ValueError):
        return _failed(client, b"The proof is not base64")

    def told(client: Any, answer: Any) -> None:
        if not isinstance(answer, events.ScramProven):
            _failed(client, sentence(answer.reason))
        elif client.sasl is not None:
            client.sasl.is_proven = True
            _challenge(client, b"v=" + base64.b64encode(answer.signature))

    return [Labelled(told, events.ScramFinish(account, start + b"," + found.group(1), proof))]


def _scram_done(client: Any) -> Commands:
    """The client's last message, behind the server's signature: it is logged in."""
    _succeeded(client, client.sasl.scram[0])
    return None


def logged_in(client: Any, account: bytes) -> None:
    """900: it is logged in to the account."""
    client.account = account
    client.numeric(b"900", client.own_source(), nick(account), text=b"You are now logged in as " + nick(account))


# ---- NickServ

def command(client: Any, params: List[bytes]) -> Commands:
    """NICKSERV and NS."""
    return nickserv(client, params)


def nickserv(client: Any, words: Sequence[bytes]) -> Sequence[Any]:
    """The commands for a message to NickServ, given as words."""
    asked, rest = (words[0].upper(), list(words[1:])) if words else (b"", [])
    if asked == b"REGISTER" and rest:
        return [Labelled(_registered, events.SignUp(client.name, rest[0]))]
    if asked == b"IDENTIFY" and rest:
        account = client.name_of(rest[0]) if len(rest) > 1 else client.name

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
    **dict.fromkeys([Reason.REGISTRATION_CLOSED, Reason.TRY_LATER, Reason.NOT_STORED], b"TEMPORARILY_UNAVAILABLE")}


def register(client: Any, params: List[bytes]) -> Commands:
    """REGISTER."""
    account, _, password = params[:3]
    if client.name is None and not client.needs_account:
        client.fail(b"REGISTER", b"COMPLETE_CONNECTION_REQUIRED", middle(account), text=b"Finish to connect first")
        return None
    if client.account:
        client.fail(b"REGISTER", b"ALREADY_AUTHENTICATED", nick(client.account), text=b"You are logged in already")
        return None
    own = client.name or client.me
    if own == b"*":
        client.fail(b"REGISTER", b"NEED_NICK", middle(account), text=b"Send NICK first")
        return None
    wanted = own if account == b"*" else client.name_of(account)
    if wanted != own:
        client.fail(b"REGISTER", b"ACCOUNT_NAME_MUST_BE_NICK", middle(account), text=b"It has to be your nickname")
        return None

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, (events.Done, events.Welcome)):
            if is_early:
                client.made, client.name = client.name, None
            client.line(client.server, b"REGISTER", b"SUCCESS", nick(wanted), text=b"The account is made")
            logged_in(client, wanted)
        else:
            code = _CODES.get(answer.reason, b"UNACCEPTABLE_ACCOUNT_NAME")
            client.fail(b"REGISTER", code, nick(wanted), text=sentence(answer.reason))

    is_early = client.name is None
    return [Labelled(told, events.SignUp(wanted, password)), events.Turn(
        lambda name: ((), client.come() or () if client.made is not None else ()))]


def verify(client: Any, params: List[bytes]) -> Commands:
    """VERIFY, which no account needs here."""
    client.fail(b"VERIFY", b"INVALID_CODE", middle(params[0]), text=b"There is nothing to verify")
    return None
