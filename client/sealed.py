"""Texts that are sealed, as they go through a client; `client.seal.talk`, if it is there, opens and seals them."""
from parley.client import events
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


def heard(fields, place, number=None):
    """The text of a message; an `Envelope` if it is one. fields: as the server tells it. place: where it was said."""
    text = fields["text"]
    if not sealed.is_envelope(text.encode("utf-8", "surrogatepass")):
        return text
    envelope = Envelope(text)
    envelope.by, envelope.place, envelope.number = fields["by"], place, number
    return envelope


def is_to_open(event):
    """Has this event a text that is to be opened?"""
    return isinstance(event, _WITH_TEXT) and isinstance(event.text, Envelope)


def unopened(found):
    """The events where nothing can be opened."""
    return [event._replace(text=NOTE) if is_to_open(event) else event for event in found]
