"""Replies to one client of `irc`: lines, batches of them, and answers with a label."""
from typing import Any, Callable, List, Optional, Sequence, Tuple

from parley.server.protocols import events
from parley.server.protocols.contract import Frames, Limits
from parley.server.protocols.irc_client import Client
from parley.server.protocols.irc_words import (
    NUMERICS,
    OTHERWISE,
    is_in_batch,
    middle,
    next_time,
    sentence,
    stamp,
    with_tag,
)
from parley.server.protocols.seldom import Seldom

_NOTHING: List[bytes] = []  # never changed

Commands = Sequence[Any]


class Replies(Client):
    """What one client is told. Methods that tell it something add lines to `_out`, between `_begin` and `_told`."""

    __slots__ = ("_out",)

    _batches = Seldom(0)
    _label = Seldom(b"")  # of the command that is being answered
    _collected: "Seldom[Frames]" = Seldom(())  # the lines of its answer so far

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._out: List[bytes] = _NOTHING

    def _begin(self, name: Optional[bytes]) -> None:
        self._out = []
        self.name = name if self.made is None else None

    def _told(self) -> Frames:
        """The lines that it was told since `_begin`."""
        frames, self._out = tuple(self._out), _NOTHING
        return frames

    def frames_of(self, tell: Callable[[], Any]) -> Frames:
        """What `tell` tells, as the frames of a `Turn`; none if the answer is collected for a label."""
        self._out = []
        tell()
        if not self._label:
            return self._told()
        self.collect(self._told())
        return ()

    def frames_for(self, name: Optional[bytes], tell: Callable[[], Any]) -> Frames:
        """What `tell` tells the client, which has this name now; never collected for a label."""
        self._begin(name)
        tell()
        return self._told()

    # ---- lines

    def _front(self, at: int = 0) -> bytes:
        return b"@time=%b " % stamp(next_time(at)) if b"server-time" in self.caps else b""

    def line(self, *words: bytes, text: Optional[bytes] = None, bare: bool = False) -> None:
        """Tell it a line.

        words: source, command and parameters. text: the last parameter, if it may contain blanks. bare: is there no
        source?
        """
        line = b"%b%b%b" % (self._front(), b"" if bare else b":", b" ".join(words))
        self._out.append(b"%b\r\n" % line if text is None else b"%b :%b\r\n" % (line, text))

    def numeric(self, code: bytes, *params: bytes, text: Optional[bytes] = None) -> Optional[Commands]:
        """Tell it a numeric, with its nick in front of the parameters. Returns None: no commands for the session."""
        self.line(self.server, code, self.me, *params, text=text)
        return None

    def alone(self, code: bytes, *params: bytes, text: Optional[bytes] = None) -> Frames:
        """A numeric, as the frames of a `Turn`: see `frames_of`."""
        return self.frames_of(lambda: self.numeric(code, *params, text=text))

    def refuse(self, reason: str, *params: bytes, code: bytes = b"") -> None:
        """Tell it the numeric of a refusal. code: that, if it is not the one in `irc_words.NUMERICS`."""
        self.numeric(code or NUMERICS.get(reason, OTHERWISE), *params, text=sentence(reason))

    def fail(self, command: bytes, code: bytes, *params: bytes, text: bytes, kind: bytes = b"FAIL") -> None:
        """Tell it a standard reply: FAIL, WARN or NOTE."""
        self.line(self.server, kind, command or b"*", code, *params, text=text)

    def too_many_targets(self, targets: bytes) -> None:
        """Tell it that nothing was done, as there are too many of these."""
        self.numeric(b"407", middle(targets), text=b"Too many targets")

    def too_many(self, what: bytes, first: bytes) -> None:
        """Tell it that from this one on nothing was done. what: they are, such as rooms."""
        self.numeric(b"407", middle(first), text=b"There are too many %b from this one on" % what)

    def join(self, room: bytes) -> None:
        """Tell it that it has entered a room."""
        assert self.name is not None
        self._out.append(b"%b%b\r\n" % (self._front(), self._form.join(self.known, self.name, room)))

    def talk(self, sender: bytes, target: bytes, text: bytes, extra: bytes, number: int, at: int) -> None:
        """Tell it a message of somebody, in one line or several."""
        self._out += self._form.talk(self.known, sender, target, text, extra, number, at)

    def past(self, target: bytes, messages: Sequence[Any], lines: List[bytes]) -> None:
        """Add messages of the past to `lines`, in the form of this client.

        target: the room, or the nick of the partner. messages: (number, sender, text, milliseconds since the epoch) of
        each; if there is an extra, text is text NUL extra.
        """
        is_alone = target[:1] != b"#"
        for number, sender, text, at in messages:
            text, _, extra = text.partition(b"\0")
            if not text and extra and b"draft/event-playback" not in self.caps:
                continue
            note = events.of_note(extra)
            if note is not None:
                lines += self._form.noted(self.known, sender, target, note, number, at)
                continue
            to = target if not is_alone or sender == self.name else self.me
            lines += self._form.talk(self.known, sender, to, text, extra, number, at, False)

    def redacted(self, by: bytes, target: bytes, number: bytes, why: bytes) -> None:
        """Tell it that somebody has removed a message, if it has the capability for that."""
        if b"draft/message-redaction" in self.caps:
            self.line(self.source(by), b"REDACT", target, number, text=why or None)

    # ---- batches

    def batch(self, kind: bytes, params: Sequence[bytes], lines: Sequence[bytes]) -> List[bytes]:
        """The lines as a batch."""
        self._batches += 1
        name, front = b"b%d" % self._batches, self._front()
        return [b"%b:%b BATCH +%b\r\n" % (front, self.server, b" ".join([name, kind, *params])),
                *[line if is_in_batch(line) else with_tag(line, b"batch=" + name) for line in lines],
                b"%b:%b BATCH -%b\r\n" % (front, self.server, name)]

    def tell_batch(self, kind: bytes, params: Sequence[bytes], lines: Sequence[bytes]) -> None:
        """Tell it these lines, as a batch if it has that capability."""
        self._out += self.batch(kind, params, lines) if b"batch" in self.caps else lines

    def tell_as_batch(self, kind: bytes, params: Sequence[bytes], tell: Callable[[], Any]) -> None:
        """The same with the lines that `tell` tells."""
        before, self._out = self._out, []
        tell()
        lines, self._out = self._out, before
        self.tell_batch(kind, params, lines)

    # ---- answers with a label

    @property
    def collects(self) -> bool:
        """Has the command a label, so that its answer is collected until it is complete?"""
        return bool(self._label)

    def take_label(self) -> bytes:
        """Take the label from this line, to give it to a later one (`give_label`)."""
        label, self._label = self._label, b""
        return label

    def give_label(self, label: bytes) -> None:
        """The answer to this line gets the label, if it is not empty."""
        if label:
            self._label, self._collected = label, ()

    def collect(self, frames: Frames) -> None:
        """Add these lines to the answer of the labelled command."""
        self._collected = (*self._collected, *frames)

    def _answered(self, name: Optional[bytes]) -> Tuple[Frames, Commands]:
        """The labelled command is done: its answer, as one line, as a batch, or as ACK if there is none."""
        self._begin(name)
        label, lines = b"label=" + self._label, self._collected
        self._label, self._collected = b"", ()
        if not lines:
            self.line(self.server, b"ACK")
            lines = self._told()
        elif len(lines) > 1 and not _is_batch(lines) and b"batch" in self.caps:
            lines = tuple(self.batch(b"labeled-response", (), lines))
        return (with_tag(lines[0], label), *lines[1:]), ()


def _is_batch(lines: Sequence[bytes]) -> bool:
    """Are these lines one batch?"""
    return b" BATCH +" in lines[0] and b" BATCH -" in lines[-1]
