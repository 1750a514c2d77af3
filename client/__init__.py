"""A client for all protocols but IRC: a library for programs, and user interfaces.

    from parley import Said, connect

    with connect("line://localhost:4000", "echo") as chat:
        for event in chat:
            if isinstance(event, Said):
                chat.say(event.text)

Requests are methods of `parley.client.chat.Chat`; their results and all else are the events in `parley.client.events`;
docs/client.md shows both. `parley-client` is the terminal client, `python -m client` in a checkout.
"""
from parley.client.address import Address, parse
from parley.client.chat import Chat, connect
from parley.client.events import (
    Connected,
    Described,
    Disconnected,
    Done,
    Invited,
    Joined,
    Kept,
    Left,
    Listed,
    Moved,
    Notice,
    Pong,
    Presence,
    Progress,
    Recalled,
    Refused,
    Renamed,
    Request,
    RoomNotice,
    RoomRenamed,
    Rooms,
    Said,
    Saved,
    Topic,
    Typing,
    Unsure,
    Users,
    Welcomed,
    Whispered,
)
from parley.client.opening import Failed
from parley.client.protocol import Impossible

__all__ = [
    "Address", "Chat", "Connected", "Described", "Disconnected", "Done", "Failed", "Impossible", "Invited", "Joined",
    "Kept", "Left", "Listed", "Moved", "Notice", "Pong", "Presence", "Progress", "Recalled", "Refused", "Renamed",
    "Request", "RoomNotice", "RoomRenamed", "Rooms", "Said", "Saved", "Topic", "Typing", "Unsure", "Users", "Welcomed",
    "Whispered", "connect", "parse",
]
