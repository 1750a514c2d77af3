"""Files."""
from typing import NamedTuple

from parley.server.protocols.events.registry import answer, command

# ---- what a client asks

@command
class Offer(NamedTuple):
    """I want to send a file of this name. `size`: in bytes. `sha256`: its hash in hexadecimal digits, or empty."""

    name: bytes
    size: int
    sha256: str


@command
class Share(NamedTuple):
    """Say in a room, or (if `to` is not empty) to one user alone, that there is a file that I have offered and sent.

    `file`, `token`: those of `Offered`. `tag`: as in `Say`. `text`: the sealed message that announces it; if it is
    empty, the server words the announcement.
    """

    file: str
    token: str
    room: bytes
    to: bytes
    tag: bytes
    text: bytes


# ---- what answers it

@answer
class Offered(NamedTuple):
    """The answer to `Offer`: the file's id, and a token by which its owner is known.

    `text`: the announcement that others will get.
    """

    file: str
    token: str
    text: bytes
