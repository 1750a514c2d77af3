"""Files."""
from typing import NamedTuple

from parley.server.protocols.events.registry import answer, command

# ---- what a client asks

@command
class Offer(NamedTuple):
    """I want to send a file that is called so. `size`: in bytes. `sha256`: its hash in hexadecimal digits, or empty."""

    name: bytes
    size: int
    sha256: str


@command
class Share(NamedTuple):
    """Say in a room, or (if `to` is not empty) to one user alone, that there is a file that I have offered and sent.

    `file`, `token`: as `Offered` has told them. `tag`: as of `Say`. `text`: the sealed message that tells of it, or
    empty: then the server's own words do.
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
    """The answer to `Offer`: by this id the file is known, and by this token who has offered it.

    `text`: how others will be told of it.
    """

    file: str
    token: str
    text: bytes
