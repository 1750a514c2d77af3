"""What is known of one client of `irc`: its name, its capabilities, and what it has sent before its registration."""
import functools
from typing import AbstractSet, Any, Dict, FrozenSet, Mapping, NamedTuple, Optional, Sequence, Tuple

from parley.server.protocols import irc_multiline, irc_services
from parley.server.protocols.contract import Limits
from parley.server.protocols.irc_caps import Form, form, form_of
from parley.server.protocols.irc_words import HOST, middle, name_of, nick, source, supported
from parley.server.protocols.seldom import NONE, Seldom


class Wanted(NamedTuple):
    """The capabilities of a client, and the name and the functions of its form (see `irc_caps`)."""

    caps: FrozenSet[bytes]
    name: str
    form: Form


@functools.lru_cache(maxsize=256)
def _wanted(caps: FrozenSet[bytes]) -> Wanted:
    """All clients with the same capabilities share one object."""
    name = form_of(caps)
    return Wanted(caps, name, form(name))


class Client:
    """What is known of one client.

    name: its name in all protocols; None until it is registered. tags: those of the line that is being handled, by
    key, with values as they were sent. seldom: see `Seldom`.
    """

    __slots__ = ("name", "said_to", "seldom", "_limits", "_wants")
    rest = b""

    tags: "Seldom[Mapping[bytes, bytes]]" = Seldom({})
    account = Seldom(b"")  # to which it is logged in
    sasl: "Seldom[Optional[irc_services.Exchange]]" = Seldom(None)  # while it authenticates itself
    followed: "Seldom[Tuple[bytes, ...]]" = Seldom(())  # keys of metadata
    early: "Seldom[Mapping[bytes, bytes]]" = Seldom({})  # metadata that it has set before it was registered
    made: "Seldom[Optional[bytes]]" = Seldom(None)  # the account that it made before its registration was complete
    draft: "Seldom[Optional[irc_multiline.Draft]]" = Seldom(None)  # a text of several lines that is not complete
    fresh = Seldom(b"")  # the room that it has just entered
    found: "Seldom[Sequence[bytes]]" = Seldom(())  # rooms, for a command that has to ask for them first
    # MONITOR: folded name -> (name, the presence that it was told last, "" at first).
    watched: "Seldom[Optional[Dict[str, Tuple[bytes, str]]]]" = Seldom(None)
    # Before its registration is complete: the parameters of NICK, USER and PASS; and is CAP END still to come?
    wanted_nick, wanted_user, wanted_real_name = Seldom(b""), Seldom(b""), Seldom(b"")
    password: "Seldom[Optional[bytes]]" = Seldom(None)
    is_negotiating = Seldom(False)
    shows_values = Seldom(False)  # is it told the values of capabilities?

    def __init__(self, limits: Limits) -> None:
        self.name: Optional[bytes] = None
        self.said_to = b"*"  # the room in which it has spoken last
        self.seldom = NONE
        self._limits = limits
        self._wants = _wanted(frozenset())

    # ---- its names, and those of others

    @property
    def me(self) -> bytes:
        """Its nick, or "*"."""
        name = self.made if self.name is None else self.name
        return nick(name) if name is not None else middle(self.wanted_nick)

    def source(self, name: bytes) -> bytes:
        """nick!user@host of somebody."""
        return source(self.known, name)

    def own_source(self) -> bytes:
        """Its own source; before it is registered, from what it has sent so far."""
        return source(self.known, self.name) if self.name is not None else b"%b!%b@%b" % (
            self.me, self.wanted_user or b"*", HOST)

    def name_of(self, raw: bytes) -> bytes:
        """The name that a nick stands for."""
        return name_of(raw, self.known)

    @property
    def known(self) -> Any:
        """What the worker knows of people: see `irc_words.source`."""
        return self._limits["known"]

    # ---- what it has asked for

    @property
    def caps(self) -> FrozenSet[bytes]:
        """The capabilities that it has."""
        return self._wants.caps

    def have(self, caps: AbstractSet[bytes]) -> None:
        """It has these capabilities from now on."""
        self._wants = _wanted(frozenset(caps))

    @property
    def form(self) -> str:
        """The name of the form in which events are encoded for it."""
        return self._wants.name

    @property
    def _form(self) -> Form:
        return self._wants.form

    # ---- how the server is set

    @property
    def server(self) -> bytes:
        """The name of the server."""
        name: bytes = self._limits["irc"]["name"]
        return name

    @property
    def network(self) -> bytes:
        """The name of the network."""
        name: bytes = self._limits["irc"]["network"]
        return name

    @property
    def supported(self) -> Sequence[bytes]:
        """The tokens of 005."""
        return supported(self.network, self._limits["irc"]["topic_bytes"])

    @property
    def has_scram(self) -> bool:
        """Is SCRAM-SHA-256 offered?"""
        has_scram: bool = self._limits["irc"]["scram"]
        return has_scram

    @property
    def needs_account(self) -> bool:
        """Does every name need an account? Then one may be made before registration."""
        return not self._limits["irc"]["guests"]
