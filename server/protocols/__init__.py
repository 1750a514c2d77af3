"""The wire protocols: bytes to commands, happenings to bytes. No sockets, no timers, no knowledge of the chat.

A protocol is a module with

    NAME, PORT        its name in the configuration, and its default port
    IDLE_TIMEOUT      seconds, 0 for never
    TRAITS            how it differs from the others (`server.protocols.traits`)
    Decoder(limits)   feed(bytes) -> commands; `unfinished`: how many bytes of an incomplete command are held;
                      `form`: the key of FORMS in which to answer; `rest`: bytes that took too long to be read at
                      once, most often none: take them out, and feed them in another turn
    FORMS             {form: encode}; encode(happening, me) -> frames, a tuple of bytes, which is empty if the protocol
                      has no message for that happening. `me` is the receiver's name, None for a stranger; for what
                      many hear it is None, unless TRAITS.personal. With TRAITS.longest_name it is
                      encode(happening, me, aliases), where aliases is {name: alias} of the members.

    TALK              optional: {form: encode_talk}, a faster way to encode talk, for forms in which it is the same for
                      all members of a room: encode_talk(room, records, first, at) -> a frame for each message, or None
                      if a message takes more than one frame. If frames are sent together (TRAITS.coalesces), the first
                      frame of a record may have all its messages, and its others be empty. room: its name, or HOME.
                      records: (any number, sender, text, time, count) of each; the text has `count` messages, a NUL
                      between any two. first: the number of the first message. at: when it got that, milliseconds since
                      the epoch. With TRAITS.extras, the text of a single message may be followed by NUL and an extra

The types are in `server.protocols.contract`; `server.protocols.line` is an example.
"""
from typing import Any, Dict

from parley.server.protocols import binary, delimited, dollar, irc, line, padded, web

PROTOCOLS: Dict[str, Any] = {protocol.NAME: protocol for protocol in (
    line, binary, padded, delimited, dollar, web, irc)}

# Names of up to this many bytes are shown unchanged by all protocols.
LONGEST_FOR_ALL: int = min(
    protocol.TRAITS.longest_name for protocol in PROTOCOLS.values() if protocol.TRAITS.longest_name)
