"""The wire protocols: bytes to commands, happenings to bytes. No socket, no timers, no knowledge of the chat.

A protocol is a module with

    NAME, PORT        its name in the configuration, and its default port
    IDLE_TIMEOUT      seconds, 0 for never
    TRAITS            how it differs from the others (`server.protocols.traits`)
    Decoder(limits)   feed(bytes) -> commands; `unfinished`: bytes of a command begun; `form`: of FORMS, to answer in
    FORMS             {form: encode}, where encode(happening, me) -> frames, a tuple of bytes, empty if the protocol
                      does not speak of it; `me` is the receiver's name if TRAITS.personal, else None. With
                      TRAITS.longest_name it is encode(happening, me, aliases): {name: alias} of those who are here

`server.protocols.line` shows the form.
"""
from server.protocols import binary, delimited, dollar, line, padded

PROTOCOLS = {protocol.NAME: protocol for protocol in (line, binary, padded, delimited, dollar)}

# Bytes: a name that is no longer is shown as it is by all of them.
LONGEST_FOR_ALL = min(protocol.TRAITS.longest_name for protocol in PROTOCOLS.values() if protocol.TRAITS.longest_name)
