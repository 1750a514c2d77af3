"""What clients are told only in protocols that make use of numbers, sessions and people: one of each type."""
from parley.server.protocols import events

ONLY_FOR_NUMBERED = [
    events.Greeted(b"run"),
    events.CaughtUp(events.HOME, [(7, b"ann", b"bob", b"hi", 5)], True),
    events.Stored(events.Say(b"hi", None, None), 7, 5),
    events.IsTyping(b"ann", b"#dev"),
    events.Presence(b"ann", "away"),
    events.Browsed(b"#dev", None, [(7, b"ann", b"hi", 5)], False),
    events.Counted(1, 1, 0),
    events.Looked(b"#dev", True, [(b"ann", b"op")]),
    events.WhoisTold(b"ann", [], 5, 7, False),
    events.WhoWasTold([(b"ann", b"", b"", 5, b"")]),
    events.MetadataTold(b"ann", [(b"ann", b"url", b"x")]),
    events.MetadataChanged(b"ann", b"url", None),
    events.Changed(b"ann", "real_name", events.Person()),
    events.MasksTold(b"#dev", "ban", [(b"eve", b"ann", 5)]),
    events.Wallopped(b"ann", b"hi"),
    events.DevicesTold(b"ann", b"list"),
    events.DevicesChanged(b"ann", 7),
    events.PartnersTold([(b"bob", 5000)]),
    events.Offered("f", "t", b"[file] a.txt"),
    events.ReadTold(events.HOME, b"bob", 5000),
    events.Redacted(b"ann", b"7", b""),
    events.ScramTold(b"salt", 4096, b"nonce"),
    events.ScramProven(b"signature"),
]
