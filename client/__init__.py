"""A client of all five protocols, for programs and for people.

    from client import Said, connect

    with connect("line://localhost:4000", "echo") as chat:
        for event in chat:
            if isinstance(event, Said):
                chat.say(event.text)

Requests are methods of `client.chat.Chat`; what a client hears is in `client.events`; docs/client.md shows both.
`python -m client` is the terminal client.
"""
from client.address import Address, parse
from client.chat import Chat, connect
from client.conversation import Impossible
from client.events import (
    Connected,
    Described,
    Disconnected,
    Done,
    Joined,
    Kept,
    Left,
    Listed,
    Notice,
    Pong,
    Progress,
    Recalled,
    Refused,
    Renamed,
    Request,
    Said,
    Unsure,
    Users,
    Welcomed,
    Whispered,
)
from client.opening import Failed

__all__ = [
    "Address", "Chat", "Connected", "Described", "Disconnected", "Done", "Failed", "Impossible", "Joined", "Kept",
    "Left", "Listed", "Notice", "Pong", "Progress", "Recalled", "Refused", "Renamed", "Request", "Said", "Unsure",
    "Users", "Welcomed", "Whispered", "connect", "parse",
]
