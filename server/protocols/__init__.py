"""The wire protocols: bytes to commands, happenings to bytes. No socket, no clock, no knowledge of the chat.

A protocol is a module with NAME, PORT (its default), IDLE_TIMEOUT (seconds, 0 for never), a class `Decoder` and a
function `encode`; `server.protocols.line` shows the form.
"""
from server.protocols import line

PROTOCOLS = {protocol.NAME: protocol for protocol in (line,)}
