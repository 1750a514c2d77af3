"""Texts of several lines that a client of IRC sends as one: draft/multiline.

    BATCH +<reference> draft/multiline <target>
    @batch=<reference> PRIVMSG <target> :<a line>
    @batch=<reference>;draft/multiline-concat PRIVMSG <target> :<what goes on in the same line>
    BATCH -<reference>

For all other protocols it is one message, with one number. How it was divided is in its extra, for IRC clients: those
with the capability get it as a batch as well, the others as several lines, the first of which has the number.
"""
from typing import Any, List, NamedTuple, Optional

from parley.server.protocols.irc_words import MOST_LINES, Part, heard, middle, packed_extra, packed_parts

KIND, CONCAT = b"draft/multiline", b"draft/multiline-concat"
MOST_BYTES = 4096
LIMITS = b"max-bytes=%d,max-lines=%d" % (MOST_BYTES, MOST_LINES)


class Draft:
    """A text whose lines have not all come yet.

    reference: of the batch. command: PRIVMSG or NOTICE; empty before the first line. tags: the client-only tags of the
    line BATCH. label: the client's label for the batch. parts: the text for IRC clients, as it was divided. size: bytes
    so far, with a line end for each part. is_refused: the client has been told so, and the rest is ignored.
    """

    __slots__ = ("reference", "target", "tags", "label", "command", "parts", "lines", "size", "is_refused")

    def __init__(self, reference: bytes, target: bytes, tags: List[bytes], label: bytes) -> None:
        self.reference = reference
        self.target = target
        self.tags = tags
        self.label = label
        self.command = b""
        self.parts: List[Part] = []
        self.lines: List[bytes] = []  # of the text for other protocols
        self.size = 0
        self.is_refused = False


class Drafted(NamedTuple):
    """A complete text. target and command: see `Draft`; text and extra: see `parley.server.protocols.events.Say`."""

    target: bytes
    command: bytes
    text: bytes
    extra: bytes


def batch(client: Any, params: List[bytes], tags: List[bytes]) -> Optional[Drafted]:
    """BATCH. Returns the text if this line completes one. tags: the client-only tags of the line."""
    sign, reference = params[0][:1], params[0][1:]
    draft = client.draft
    if sign == b"+" and reference:
        if draft is not None:
            _refuse(client, draft, b"MULTILINE_INVALID", text=b"Another one is not complete")
        if len(params) < 3 or params[1] != KIND:
            client.fail(b"BATCH", b"INVALID_TYPE", middle(params[1]) if len(params) > 1 else b"*",
                        text=b"Clients send draft/multiline alone")
            return None
        client.draft = Draft(reference, params[2], tags, client.take_label())
        return None
    if sign != b"-" or draft is None or draft.reference != reference:
        client.fail(b"BATCH", b"INVALID_REFTAG", middle(params[0]), text=b"There is no such batch")
        return None
    client.draft = None
    client.give_label(draft.label)
    if draft.is_refused:
        return None
    text = b"\n".join(draft.lines).strip(b"\n")
    if not text:
        _refuse(client, draft, b"MULTILINE_INVALID", text=b"There is no text")
        return None
    return Drafted(draft.target, draft.command, text,
                   packed_extra(draft.command, draft.tags, packed_parts(draft.parts)))


def add(client: Any, command: bytes, params: List[bytes]) -> None:
    """A PRIVMSG or NOTICE with the tag `batch`: one more line of the text."""
    draft = client.draft
    if draft is None or draft.reference != client.tags[b"batch"]:
        client.fail(b"BATCH", b"MULTILINE_INVALID", text=b"There is no such batch")
        return
    if draft.is_refused:
        return
    text = params[1] if len(params) > 1 else b""
    part, goes_on = heard(text, b""), CONCAT in client.tags
    if not params or params[0] != draft.target:
        _refuse(client, draft, b"MULTILINE_INVALID_TARGET", middle(draft.target), middle(params[0]) if params else b"*",
                text=b"All lines have the target of the batch")
    elif draft.command not in (b"", command) or goes_on and not text or text[:1] == b"\x01" or part.plain is None:
        _refuse(client, draft, b"MULTILINE_INVALID", text=b"This cannot be a line of it")
    elif len(draft.parts) >= MOST_LINES:
        _refuse(client, draft, b"MULTILINE_MAX_LINES", b"%d" % MOST_LINES, text=b"There are too many lines")
    elif draft.size + len(text) + 1 > MOST_BYTES:
        _refuse(client, draft, b"MULTILINE_MAX_BYTES", b"%d" % MOST_BYTES, text=b"It is too long")
    else:
        draft.command = command
        draft.size += len(text) + 1
        draft.parts.append((goes_on, part.whole or part.plain))
        if goes_on and draft.lines:
            draft.lines[-1] += part.plain
        else:
            draft.lines.append(part.plain)


def _refuse(client: Any, draft: Draft, code: bytes, *params: bytes, text: bytes) -> None:
    draft.is_refused = True
    client.fail(b"BATCH", code, *params, text=text)
