"""Sealed (end-to-end encrypted) texts in a client; `client.seal.talk`, if available, decrypts and encrypts them."""
from parley.client import events
from parley.server.files.shown import MARK, size_of
from parley.server.protocols import sealed

NOTE = sealed.NOTE.decode()
_WITH_TEXT = (events.Said, events.Whispered, events.Recalled)


class Envelope(str):
    """A sealed message as it was heard, or (with the text that it is for, or None for a key) as it is to be sent.

    by, place: who has said it, and where: the room, or to whom. number: the message's, or None.
    """

    __slots__ = ("by", "place", "number", "plain")


class Opened(str):
    """A text that was sealed: no other can look like it."""

    __slots__ = ()


class SealedFile(Opened):
    """What a sealed message tells of a file; as a text it is a line that says so, without an address.

    file: its id at the server. key, hash: bytes, see `client.seal.files`. size: in bytes. token: by which its sender
    may say it; empty for all others.
    """

    __slots__ = ("file", "key", "hash", "size", "name", "token")
    file: str
    key: bytes
    hash: bytes  # noqa: A003
    size: int
    name: str
    token: str

    @classmethod
    def of(cls, file: str, key: bytes, digest: bytes, size: int, name: str, token: str = "") -> "SealedFile":
        """One with these fields."""
        made = cls("%s%s, %s" % (MARK, name, size_of(size)))
        made.file, made.key, made.hash, made.size, made.name, made.token = file, key, digest, size, name, token
        return made


def opened(text):
    """A text, or a `SealedFile`, that was sealed, as it is told."""
    return text if isinstance(text, Opened) else Opened(text)


def meant(request):
    """An own request as it was made before its text was sealed; None if it is to say nothing but a key."""
    text = request.text
    if not isinstance(text, Envelope):
        return request
    return None if text.plain is None else request._replace(text=opened(text.plain))


def heard(fields, place, number=None):
    """The text of a message; an `Envelope` if it is one. fields: as the server tells it. place: where it was said."""
    text = fields["text"]
    if not sealed.is_envelope(text.encode("utf-8", "surrogatepass")):
        return text
    envelope = Envelope(text)
    envelope.by, envelope.place, envelope.number = fields["by"], place, number
    return envelope


def is_to_open(event):
    """Does this event contain a text to be decrypted?"""
    return isinstance(event, _WITH_TEXT) and isinstance(event.text, Envelope)


def unopened(found):
    """The events as they are shown if nothing can be decrypted."""
    return [event._replace(text=NOTE) if is_to_open(event) else event for event in found]
