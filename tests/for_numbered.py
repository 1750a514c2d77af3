"""What clients are told only in protocols that make use of numbers, sessions and people: one of each type."""
from parley.server.protocols.events import (
    HOME,
    Browsed,
    CaughtUp,
    Changed,
    Greeted,
    IsTyping,
    MasksTold,
    PartnersTold,
    Person,
    Presence,
    Say,
    Stored,
    Wallopped,
    WhoisTold,
    WhoWasTold,
)

ONLY_FOR_NUMBERED = [
    Greeted(b"run"),
    CaughtUp(HOME, [(7, b"ann", b"bob", b"hi", 5)], True),
    Stored(Say(b"hi", None, None), 7, 5),
    IsTyping(b"ann", b"#dev"),
    Presence(b"ann", "away"),
    Browsed(b"#dev", None, [(7, b"ann", b"hi", 5)], False),
    WhoisTold(b"ann", [], 5, 7, False),
    WhoWasTold([(b"ann", b"", b"", 5, b"")]),
    Changed(b"ann", "real_name", Person()),
    MasksTold(b"#dev", "ban", [(b"eve", b"ann", 5)]),
    Wallopped(b"ann", b"hi"),
    PartnersTold([(b"bob", 5000)]),
]
