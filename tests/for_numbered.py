"""What clients are told only in protocols that make use of numbers, sessions and presence: one of each type."""
from parley.server.protocols.events import HOME, Browsed, CaughtUp, Greeted, IsTyping, Presence, Say, Stored

ONLY_FOR_NUMBERED = [
    Greeted(b"run"),
    CaughtUp(HOME, [(7, b"ann", b"bob", b"hi", 5)], True),
    Stored(Say(b"hi", None, None), 7, 5),
    IsTyping(b"ann", b"#dev"),
    Presence(b"ann", "away"),
    Browsed(b"#dev", None, [(7, b"ann", b"hi", 5)], False),
]
