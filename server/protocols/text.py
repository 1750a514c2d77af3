"""The canonical form of texts, the only one inside the server, whatever protocol they came through.

A canonical text is UTF-8 without surrogates, and contains nothing that a terminal would obey:

    received                              kept as
    invalid UTF-8                         U+FFFD, as Python's "replace" does
    CR LF                                 LF
    TAB, LF                               themselves
    other C0 controls (ESC, NUL, CR ...)  their pictures, U+2400 + code
    DEL                                   U+2421
    NEL, U+2028, U+2029                   U+2424, the picture of a line end
    other C1 controls                     U+FFFD
    bidi embeddings and isolates          themselves, closed at the end of the text

A text in which nothing is visible (`is_blank`) counts as empty.
"""
import re
import unicodedata
from typing import Iterator, List, Optional, Tuple

PLAIN = bytes(range(0x20, 0x7F))  # these bytes are the same in a canonical text, whatever is around them

# To look for a number in bytes takes a tenth of the time that it takes to look for a byte.
NUL, TAB, LF, BLANK, QUOTE, COMMA, BACKSLASH = b'\0\t\n ",\\'

# The first line of a client that speaks HTTP, SSH or SMTP. A web page can let a browser send lines of its own behind
# that of HTTP.
FOREIGN_LINE = re.compile(rb"[A-Z]+ \S+ HTTP/\d|SSH-\d|EHLO |HELO ")

_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"}
_PICTURES.update({code: 0xFFFD for code in range(0x80, 0xA0)})
_PICTURES.update({0x7F: 0x2421, 0x85: 0x2424, 0x2028: 0x2424, 0x2029: 0x2424})

_LINE_END = "\u2424".encode()

_PICTURED = re.compile("[%s]" % "".join(map(re.escape, map(chr, sorted(_PICTURES)))))

_POP_EMBEDDING, _POP_ISOLATE = "\u202c", "\u2069"
_BIDI_CLOSERS = {opener: _POP_EMBEDDING for opener in "\u202a\u202b\u202d\u202e"}
_BIDI_CLOSERS.update({opener: _POP_ISOLATE for opener in "\u2066\u2067\u2068"})
_BIDI = re.compile("[%s]" % "".join([*_BIDI_CLOSERS, _POP_EMBEDDING, _POP_ISOLATE]))

# Characters that draw nothing: Unicode's White_Space and Default_Ignorable_Code_Points (joiners, direction marks,
# variation selectors, tags ...), the blank Braille pattern, the null notehead, and the Khitan filler.
_BLANK = re.compile(
    "[\t\n \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u2800\U0001d159\U00016fe4]*")


def canonical(raw: bytes) -> bytes:
    """The canonical form of a received text."""
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


def is_utf8(raw: bytes) -> bool:
    """Is it UTF-8, without surrogates?"""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def folded(name: bytes) -> str:
    """A form that names have in common if they differ only in case or NFKC form. It never changes, as `claims` may."""
    return unicodedata.normalize("NFKC", name.decode(errors="replace")).casefold()


def one_line(text: bytes) -> bytes:
    """A canonical text with pictures of line ends for line ends, so that it is one line everywhere."""
    return text.replace(b"\n", _LINE_END)


def is_blank(text: bytes) -> bool:
    """Is nothing visible in a canonical text?"""
    return not b" " < text[:1] < b"\x7f" and _BLANK.fullmatch(text.decode()) is not None


def canonical_within(raw: bytes, most: int) -> Optional[bytes]:
    """The canonical form, or None if the text is longer than `most` bytes before or after the conversion.

    Before, as converting long texts is expensive; after, as pictures are longer than the characters they replace.
    """
    text = canonical(raw) if len(raw) <= most else raw
    return text if len(text) <= most else None


def _unclosed(text: str) -> str:
    """The characters that close the bidirectional formatting that `text` leaves open, innermost first."""
    expected: List[str] = []
    isolates = 0
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


def pieces(text: bytes, most: int) -> Iterator[bytes]:
    """`text` (UTF-8) in pieces of at most `most` bytes, cut only between characters."""
    start = 0
    while len(text) - start > most:
        end = start + most
        while text[end] & 0xC0 == 0x80:  # a continuation byte: the character began before
            end -= 1
        yield text[start:end]
        start = end
    yield text[start:]


def name_and_password(raw: bytes) -> Tuple[bytes, Optional[bytes]]:
    """`raw` split at its first blank; all of it and None if nothing follows the blank.

    Blanks around the password are dropped.
    """
    name, _, password = raw.partition(b" ")
    password = password.strip(b" ")
    return (name, password) if password else (raw, None)
