"""What the steps of a run send: in which segments it goes out, with the names and values of the run."""
from typing import NamedTuple, Optional

from parley.conformance import matching
from parley.conformance.actor import Actor
from parley.conformance.message import as_text


class Pending(NamedTuple):
    """Messages of one actor that are not sent yet, to be joined with the next ones in one segment."""

    actor: Optional[Actor] = None
    data: bytes = b""
    shown: tuple = ()  # the messages as the transcript shows them


class Sender:
    """Sends for all actors of a run; in the variant `joined` messages wait until another actor sends, or `flush`.

    renaming: a `variants.Renaming`. values: {name: value} of what `${name}` stands for, shared with the run. `pause`
    is called with the actor between two chunks, until the server has read the first.
    """

    def __init__(self, variant, renaming, values, pause):
        self._segmentation = variant.segmentation
        self._renaming = renaming
        self._values = values
        self._pause = pause
        self._pending = Pending()

    def send(self, actor, send):
        """Send a `model.Send`."""
        if send.kind == "chunks":
            self.flush()
            self._send_chunks(actor, self._substituted(actor, send.content))
            return
        data, shown = self.encoded(actor, send)
        if self._segmentation == "joined":
            self.flush_others(actor)
            self._pending = Pending(actor, self._pending.data + data, self._pending.shown + (shown,))
        else:
            actor.send_bytes(self.pieces(data), shown)

    def send_cut(self, actor, step):
        """Send all that the step sends in two writes, split at `cut`; a cut beyond the end splits nothing."""
        self.flush()
        data = b"".join(self.encoded(actor, send)[0] for send in step.sends)
        cut = int(matching.substitute(str(step.cut), self._values))
        self._send_chunks(actor, [part for part in (data[:cut], data[cut:]) if part])

    def encoded(self, actor, send):
        """(bytes, their form in the transcript) of a `model.Send`."""
        if send.kind == "message":
            message = matching.substitute_all(self._renaming.value(send.content), self._values)
            return actor.codec.encode(message, actor.name), as_text(message)
        data = self._substituted(actor, [send.content])[0]
        return data, data.decode("utf-8", "backslashreplace")

    def _substituted(self, actor, parts):
        """The parts (texts or bytes) as bytes, with the names and values of this run."""
        parts = [part if isinstance(part, bytes) else matching.substitute(part, self._values).encode("utf-8")
                  for part in parts]
        return parts if actor.codec.FRAMED else self._renaming.chunks(parts)

    def pieces(self, data):
        """The segments in which these bytes are sent: one, or each byte by itself."""
        return [data[i:i + 1] for i in range(len(data))] if self._segmentation == "bytes" else [data]

    def _send_chunks(self, actor, chunks):
        for chunk in chunks:
            actor.send_bytes([chunk], chunk.decode("utf-8", "backslashreplace"))
            if chunk is not chunks[-1]:
                self._pause(actor)

    def flush_others(self, actor):
        """Send what is pending for any other actor."""
        if self._pending.actor is not actor:
            self.flush()

    def flush(self):
        """Send what is pending."""
        pending, self._pending = self._pending, Pending()
        if pending.actor is not None and pending.actor.connected:
            pending.actor.send_bytes([pending.data], " + ".join(pending.shown))
