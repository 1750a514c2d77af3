"""What only clients are told whose protocol has numbers of messages: one happening of each type."""
from parley.server.protocols.events import HOME, Browsed, CaughtUp, Greeted, Say, Stored

ONLY_FOR_NUMBERED = [
    Greeted(b"run"),
    CaughtUp(HOME, [(7, b"ann", b"bob", b"hi", 5)], True),
    Stored(Say(b"hi", None, None), 7, 5),
    Browsed(b"#dev", None, [(7, b"ann", b"hi", 5)], False),
]
