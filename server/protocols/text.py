"""The one form in which a text lives in the chat, whatever protocol it came through.

A canonical text is UTF-8 without surrogates in which nothing can act on a terminal:

    received                              kept as
    invalid UTF-8                         U+FFFD, as Python's "replace" does
    CR LF                                 LF
    TAB, LF                               themselves
    other C0 controls (ESC, NUL, CR ...)  their pictures, U+2400 + code
    DEL                                   U+2421
    NEL, U+2028, U+2029                   U+2424, the picture of a line end
    other C1 controls                     U+FFFD
    bidi embeddings and isolates          themselves, closed at the end of the text

A text in which nothing can be seen (`is_blank`) is none: what is said so is treated as if it were empty.
"""
import re

_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"}
_PICTURES.update({code: 0xFFFD for code in range(0x80, 0xA0)})
_PICTURES.update({0x7F: 0x2421, 0x85: 0x2424, 0x2028: 0x2424, 0x2029: 0x2424})

_PICTURED = re.compile("[%s]" % "".join(map(re.escape, map(chr, sorted(_PICTURES)))))

_POP_EMBEDDING, _POP_ISOLATE = "\u202c", "\u2069"
_BIDI_CLOSERS = {opener: _POP_EMBEDDING for opener in "\u202a\u202b\u202d\u202e"}
_BIDI_CLOSERS.update({opener: _POP_ISOLATE for opener in "\u2066\u2067\u2068"})
_BIDI = re.compile("[%s]" % "".join([*_BIDI_CLOSERS, _POP_EMBEDDING, _POP_ISOLATE]))

# What draws nothing: Unicode's White_Space, its Default_Ignorable_Code_Points (joiners, direction marks, variation
# selectors, tags ...), the empty cell of Braille, an empty notehead, and the filler of Khitan.
_BLANK = re.compile(
    "[\t\n \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u2800\U0001d159\U00016fe4]*")


def canonical(raw):
    """The canonical form of a received text, bytes to bytes."""
    try:
        text = raw.decode()
        if text.isprintable():
            return raw
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
    text = text.replace("\r\n", "\n")
    if _PICTURED.search(text):
        text = text.translate(_PICTURES)
    return (text + _unclosed(text)).encode()


def is_blank(text):
    """Is there nothing in a canonical text (bytes) that anybody could see?"""
    return not b" " < text[:1] < b"\x7f" and _BLANK.fullmatch(text.decode()) is not None


def canonical_within(raw, most):
    """The canonical form, or None if the text is longer than `most` bytes in either form.

    Pictures are longer than what they stand for, and long texts are costly to look at: hence both.
    """
    text = canonical(raw) if len(raw) <= most else raw
    return text if len(text) <= most else None


def _unclosed(text):
    """The characters that end what bidirectional formatting `text` leaves open, innermost first."""
    expected, isolates = [], 0
    for character in _BIDI.findall(text):
        closer = _BIDI_CLOSERS.get(character)
        if closer is not None:
            expected.append(closer)
            isolates += closer == _POP_ISOLATE
        elif character == _POP_ISOLATE:
            if isolates:
                while expected.pop() != _POP_ISOLATE:
                    pass  # an isolate's end closes the embeddings inside it too
                isolates -= 1
        elif expected and expected[-1] == _POP_EMBEDDING:
            expected.pop()
    return "".join(reversed(expected))


def pieces(text, most):
    """`text` (UTF-8 bytes) in pieces of at most `most` bytes, none of which ends inside a character."""
    start = 0
    while len(text) - start > most:
        end = start + most
        while text[end] & 0xC0 == 0x80:  # a continuation byte: the character began before
            end -= 1
        yield text[start:end]
        start = end
    yield text[start:]


def name_and_password(raw):
    """What stands before the first blank of `raw`, and what behind it; all of it and None if there is nothing behind.

    No password begins or ends with a blank where it is given so.
    """
    name, _, password = raw.partition(b" ")
    password = password.strip(b" ")
    return (name, password) if password else (raw, None)
