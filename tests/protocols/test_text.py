"""The canonical form of a text."""
import unicodedata

import pytest
from cases import for_each
from hypothesis import example, given
from hypothesis import strategies as st

from parley.server.protocols.text import canonical, is_blank, name_and_password

KEPT = [
    "", "plain", "two  words", "tab\there", "line\nend", "gr\u00fc\u00dfe", "\u65e5\u672c\u8a9e", "\U0001f600",
    "non\u00a0breaking", "\ufeff",
    "zero\u200dwidth joiner", "soft\u00adhyphen", "closed \u202eembedding\u202c", "closed \u2066isolate\u2069",
    "stray \u202c closers \u2069",
]  # fmt: skip

CHANGED = [
    (b"\x00\x01\x1f", "\u2400\u2401\u241f"),
    (b"\x1b[2J\x07\x08", "\u241b[2J\u2407\u2408"),
    (b"\x7f", "\u2421"),
    (b"a\r\nb", "a\nb"),
    (b"a\rb", "a\u240db"),
    (b"a\r\r\nb", "a\u240d\nb"),
    ("a\u0085b".encode(), "a\u2424b"),
    ("a\u2028b\u2029c".encode(), "a\u2424b\u2424c"),
    ("\u0080\u009b\u009f".encode(), "\ufffd\ufffd\ufffd"),
    (b"\xff", "\ufffd"),
    (b"\xc3", "\ufffd"),
    (b"a\xc3(b", "a\ufffd(b"),
    (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),  # a surrogate
    (b"\xc0\x8a", "\ufffd\ufffd"),  # an overlong line feed
    (b"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),  # beyond Unicode
    ("\u202aab".encode(), "\u202aab\u202c"),
    ("\u202bab".encode(), "\u202bab\u202c"),
    ("\u202d\u202eab".encode(), "\u202d\u202eab\u202c\u202c"),
    ("\u2066\u2067\u2068ab".encode(), "\u2066\u2067\u2068ab\u2069\u2069\u2069"),
    ("\u202a\u2066ab".encode(), "\u202a\u2066ab\u2069\u202c"),
    ("\u2066\u202aab\u2069".encode(), "\u2066\u202aab\u2069"),  # the isolate's end closes the embedding in it
    ("\u202a\u2066ab\u202c".encode(), "\u202a\u2066ab\u202c\u2069\u202c"),  # no embedding ends inside another isolate
    ("\u202ea\u202c\u202eb".encode(), "\u202ea\u202c\u202eb\u202c"),
    ("\u202aab\u2069".encode(), "\u202aab\u2069\u202c"),
]

BLANK = [
    "", " ", "\t", "\n", " \t\n ", "\u00a0", "\u1680", "\u2003\u202f\u205f\u3000", "\u200b",
    "\u200c\u200d\u2060\ufeff", "\u00ad", "\u200e\u200f\u061c", "\u202e\u202c", "\u2066\u2069",
    "\u034f\u115f\u1160\u3164\uffa0\u17b4", "\u180b\u180e\ufe0f\U000e0100", "\U000e0041\U000e007f", "\u2800",
    "\U0001d159\U00016fe4\U0001bca0\U0001d173", " \n" * 5000, "\u200b" * 5000,
]
SEEN = [
    "a", " a", "a ", "\n.\n", "\u00a0a", "\u200b\u0301", "\u2400", "\u2424", "\ufffd", "\u0600", "\u06dd", "\u2801",
    "\u3000\u3001", "\u200b" * 5000 + "\U0001f600", "-", "\u00e9", "\U0001d158", "\x7e",
]
IN_TWO = [
    (b"ann", (b"ann", None)),
    (b"ann secret", (b"ann", b"secret")),
    (b"ann two  words", (b"ann", b"two  words")),
    (b"ann   secret  ", (b"ann", b"secret")),
    (b"ann ", (b"ann ", None)),
    (b"ann   ", (b"ann   ", None)),
    (b" ann", (b"", b"ann")),
    (b"ann\xc2\xa0x", (b"ann\xc2\xa0x", None)),
    (b"", (b"", None)),
]

ANY_BYTES = st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
BIDI_TEXTS = st.text("\u202a\u202b\u202d\u202e\u202c\u2066\u2067\u2068\u2069a", max_size=20)


@pytest.mark.parametrize("text", KEPT, ids=ascii)
def test_a_harmless_text_is_kept(text):
    assert canonical(text.encode()) == text.encode()


@for_each("raw, text", CHANGED)
def test_what_acts_on_a_terminal_is_replaced(raw, text):
    assert canonical(raw).decode() == text


@for_each("text", BLANK)
def test_a_text_in_which_nothing_is_drawn_is_blank(text):
    assert is_blank(text.encode()) and is_blank(canonical(text.encode()))


@for_each("text", SEEN)
def test_a_text_in_which_anything_is_drawn_is_none_of_these(text):
    assert not is_blank(text.encode())


@given(st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=1))
def test_whatever_python_calls_white_space_is_blank(character):
    if character.isspace() and character not in "\u2028\u2029":  # which are pictures by then
        assert is_blank(character.encode())


@pytest.mark.parametrize("raw, in_two", IN_TWO, ids=ascii)
def test_the_first_blank_ends_a_name(raw, in_two):
    assert name_and_password(raw) == in_two


@given(ANY_BYTES)
@example(b"\r\r\n")
def test_any_bytes_become_a_text_in_which_nothing_acts(raw):
    text = canonical(raw).decode()
    assert not {character for character in text if unicodedata.category(character) in ("Cc", "Zl", "Zp")} - set("\t\n")


@given(st.one_of(ANY_BYTES, BIDI_TEXTS.map(str.encode)))
def test_the_canonical_form_of_a_canonical_text_is_itself(raw):
    text = canonical(raw)
    assert canonical(text) == text


@given(BIDI_TEXTS)
def test_formatting_that_a_text_opens_ends_with_it(text):
    told = canonical(text.encode()).decode()
    assert told.startswith(text)
    assert left_open(told) == []


def left_open(text):
    """Opened and not closed, by the rules X1 to X7 of UAX 9 without its limit of depth."""
    stack = []
    for character in text:
        if character in "\u202a\u202b\u202d\u202e":
            stack.append("embedding")
        elif character in "\u2066\u2067\u2068":
            stack.append("isolate")
        elif character == "\u2069" and "isolate" in stack:
            del stack[len(stack) - 1 - stack[::-1].index("isolate"):]
        elif character == "\u202c" and stack[-1:] == ["embedding"]:
            stack.pop()
    return stack
