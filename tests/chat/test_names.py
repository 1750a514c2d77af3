"""Valid names, and names too alike to be here together."""
import hashlib
import string
import unicodedata

import pytest
from cases import for_each
from hypothesis import given
from hypothesis import strategies as st

from parley.server.chat.lookalikes import LOOKS_LIKE, NOT_DRAWN, PAIRS, UNICODE
from parley.server.chat.names import LONGEST, InvalidName, Occupied, canonical_name, claims, spelled

VALID = [
    "a", "ann", "Ann", "x" * 32, "\u00fc" * 32, "\U0001f600" * 32, "O'Brien", "a.b-c_d", "<ann>", "100%",
    "\u65e5\u672c\u8a9e", "\u0e01\u0e34\u0e48",
    "ann/bob", "serverless", "lobby1st", "USERS", "user", "a\u0301" * 16, "-", "$", "%s",
    "drn", "clm", "rnsg", "vvho",  # like reserved words only if two letters are read as one
]  # fmt: skip

INVALID = [
    b"", b" ", b"a b", b" ann", b"ann ", b"a\tb", b"a\x00b", b"\x1b[31m", b"a\x7f", b"a\rb", b"a|b", b"|",
    b"/quit", b"/",
    b"x" * 33, b"\xff", b"\xc3", b"\xed\xa0\x80", b"ann\xff",
]  # fmt: skip

INVALID_CHARACTERS = [
    "\u00a0", "\u2003", "\u3000", "\u2028", "\u2029", "\u0085", "\u009b",  # white space and C1
    "\u200b", "\u200d", "\u200e", "\u202e", "\u2066", "\ufeff", "\u00ad",  # format characters
    "\ue000", "\uffff", "\U000e0041",  # private, not a character, a tag
]  # fmt: skip

LEADING_MARKS = ["\u0301a", "\u20dda", "\ufe0fa"]

# Letters and marks by their category, of which nothing can be seen.
INVISIBLE = [
    "\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u2800", "\u3164", "\ufe00", "\ufe0f", "\uffa0", "\U0001d159",
    "\U00016fe4", "\U00013441", "\U00013442", "\U00011d45", "\U00011d97", "\U000e0100", "\U000e01ef",
]  # fmt: skip

RESERVED = [
    "server", "SERVER", "Server", "s\u0435rver", "ser\u1d20er", "lobby", "l0bby", "1obby", "Iobby",
    "\uff53erver", "LOGIN", "login",
    "OK", "ok", "0K", "ERR", "MSG", "WHO", "DM", "PING", "P1NG", "PONG", "INFO", "1nfo", "lNFO",
    "disconnected", "idle-timeout",
]  # fmt: skip

TOO_ALIKE = [
    ("ann", "ann"),
    ("ann", "Ann"),
    ("Bill", "BiII"),
    ("Bill", "BILL"),
    ("Bill", "Bi11"),
    ("ian", "IAN"),
    ("lan", "IAN"),
    ("ian", "Ian"),
    ("lan", "1an"),
    ("bob", "b0b"),
    ("paul", "p\u0430ul"),
    ("ann", "\uff41\uff4e\uff4e"),
    ("PETER", "\u03a1\u0415\u03a4\u0395R"),
    ("\u00e4nn", "\u00c4NN"),
    ("strasse", "stra\u00dfe"),
    ("fine", "\ufb01ne"),
    ("\u03c3\u03c9\u03c2", "\u03a3\u03a9\u03a3"),
    ("tom", "torn"),
    ("TOM", "Torn"),
    ("tomorrow", "tornorrow"),
    ("wendy", "vvendy"),
    ("Dave", "cIave"),
    ("madam", "rnaclarn"),
    ("tom", "to\U0001d426"),
    ("torn", "to\U0001d426"),
    ("\u01cen", "\u0103n"),  # caron and breve
    ("\u043d\u0430\u0442", "\u041d\u0410\u0422"),
    ("HAT", "\u041d\u0410\u0422"),
    ("S\u00f8ren", "So\u0338ren"),
]

DIFFERENT = [
    ("ann", "anne"),
    ("ann", "\u00e4nn"),
    ("ian", "lan"),
    ("Bill", "Biil"),
    ("Bill", "Bell"),
    ("a-b", "a_b"),
    ("tom", "ton"),
    ("tom", "tonn"),
    ("toni", "tom"),
    ("will", "vill"),
    ("claude", "daudel"),
    ("\u0441\u0435\u0440\u0433\u0435\u0439", "\u0441\u0435\u0440\u0433\u0435\u0438"),
    ("\u65e5", "\u672c"),
]


@for_each("name", VALID)
def test_a_valid_name_is_its_normal_form(name):
    assert canonical_name(name.encode()) == unicodedata.normalize("NFC", name).encode()


@for_each("raw", INVALID)
def test_an_invalid_name_is_refused(raw):
    with pytest.raises(InvalidName):
        canonical_name(raw)


@for_each("character", INVALID_CHARACTERS)
@for_each("form", ["{}", "a{}b", "a{}", "{}a"])
def test_white_space_controls_and_format_characters_are_refused(form, character):
    with pytest.raises(InvalidName):
        canonical_name(form.format(character).encode())


@pytest.mark.parametrize("name", LEADING_MARKS, ids=ascii)
def test_a_name_does_not_begin_with_a_mark(name):
    with pytest.raises(InvalidName):
        canonical_name(name.encode())


@for_each("character", INVISIBLE)
def test_an_invisible_name_is_refused(character):
    with pytest.raises(InvalidName):
        canonical_name(character.encode())


@for_each("character", INVISIBLE)
def test_an_invisible_character_makes_no_other_name(character):
    with_it = "a" + character + "nn"
    assert is_refused(with_it) or too_alike("ann", with_it)


@for_each("name", RESERVED)
def test_reserved_words_and_their_look_alikes_are_refused(name):
    with pytest.raises(InvalidName):
        canonical_name(name.encode())


@for_each("one, other", TOO_ALIKE)
def test_look_alikes_claim_the_same_skeleton(one, other):
    assert too_alike(one, other)
    assert too_alike(other, one)


@pytest.mark.parametrize("one, other", DIFFERENT, ids=ascii)
def test_names_that_look_different_claim_nothing_in_common(one, other):
    assert not too_alike(one, other)


def claimed(text):
    return claims(text.encode())


def test_every_character_is_taken_for_what_unicode_says_it_looks_like():
    assert UNICODE == "17.0.0"
    rows = [line.rpartition("\t") for line in LOOKS_LIKE.split("\n")[:-1]]
    apart = [(prototype, copy) for prototype, _, copies in rows for copy in copies
             if claimed("x" + prototype + "x").isdisjoint(claimed("x" + copy + "x"))]
    assert apart == []
    assert len(rows) > 1000 and sum(len(copies) for _, _, copies in rows) > 5000


def test_nothing_that_is_drawn_as_nothing_makes_another_name():
    for first, last in NOT_DRAWN:
        for code in range(first, last + 1):
            assert claimed("a" + chr(code) + "nn") == claimed("ann"), hex(code)


@pytest.mark.parametrize("one, two", sorted(PAIRS.items()))
def test_two_letters_that_look_like_one_are_the_same_wherever_they_stand(one, two):
    assert two[0] not in PAIRS and two[1] not in PAIRS, "so that what it becomes does not depend on the order"
    for form in ("{}", "x{}", "{}x", "x{}x{}", "{}{}"):
        assert claimed(form.format(one, one)) == claimed(form.format(two, two))
        assert claimed(form.format(one, one)) == claimed(form.format(two, one))


# What is claimed by each character of scripts that are in Unicode since 3.2, two letters beside it.
CLAIMED_BY_ALL = "e136bb4583036f48bf67b7982cb680658d16aea29a9e4085a4c0b31b2482d68a"


def test_names_claim_the_same_on_every_python():
    digest = hashlib.sha256()
    for code in [*range(0x21, 0x3400), *range(0xA000, 0xAC80), *range(0xF900, 0x10000), *range(0x1D000, 0x1D800)]:
        if unicodedata.ucd_3_2_0.category(chr(code))[0] != "C":
            digest.update(b"".join(sorted(claimed("x" + chr(code) + "y"))) + b"\n")
    assert digest.hexdigest() == CLAIMED_BY_ALL


@given(st.binary(max_size=40))
def test_any_bytes_are_a_name_or_refused(raw):
    try:
        name = canonical_name(raw)
    except InvalidName:
        return
    assert canonical_name(name) == name
    assert 1 <= len(name.decode()) <= LONGEST


@given(st.text(min_size=1, max_size=32))
def test_the_same_name_in_any_normal_form_is_the_same(text):
    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
    names = {name_or_none(form) for form in forms if len(form) <= LONGEST}
    assert len(names) <= 1


@given(st.text(string.ascii_letters + string.digits, min_size=1, max_size=32))
def test_capitals_make_no_other_name(text):
    if not is_refused(text):
        assert too_alike(text, text.swapcase())


# ---- who occupies what


def test_several_names_may_occupy_the_same():
    occupied = Occupied()
    for name in b"tom", b"torn", b"IAN":
        occupied.add(name, claims(name))
    assert occupied.names(claims(b"Tom")) == {b"tom", b"torn"}
    assert occupied.names(claims(b"ian") | claims(b"tom")) == {b"tom", b"torn", b"IAN"}
    occupied.remove(b"tom", claims(b"tom"))
    assert occupied.names(claims(b"tom")) == {b"torn"}
    occupied.remove(b"torn", claims(b"torn"))
    occupied.remove(b"IAN", claims(b"IAN"))
    assert vars(occupied) == vars(Occupied())


# ---- how a name is looked for


@given(st.text(max_size=40))
def test_what_is_a_name_is_found_as_it_is_kept(text):
    for form in ("NFC", "NFD"):
        raw = unicodedata.normalize(form, text).encode("utf-8", "replace")
        if name_or_none(raw.decode()) is not None:
            assert spelled(raw) == canonical_name(raw)


@given(st.binary(max_size=40))
def test_any_bytes_can_be_looked_for(raw):
    claims(spelled(raw))
    assert is_refused_raw(spelled(raw)) or spelled(raw) == canonical_name(raw)


@pytest.mark.parametrize("raw", [b"\xff", b"\x80" * 11, b"a" * 10 + b"\xff" * 40, b"", b"\xc3" * 600], ids=repr)
def test_what_can_be_nobodys_name_can_be_looked_for_too(raw):
    assert is_refused_raw(spelled(raw))
    claims(spelled(raw))


@pytest.mark.parametrize("raw", [b"\0", b"a\rb", b"a\n", b"a\x7f", "a\u0085b".encode(), "a\u009fb".encode()], ids=repr)
def test_what_has_controls_can_be_nobodys_name_and_is_not_told_again(raw):
    assert spelled(raw) == b""


@pytest.mark.parametrize("raw", [b"x" * 600, "\u0301\u0327".encode() * 20000], ids=lambda raw: repr(raw)[:20])
def test_nobody_looks_long_for_what_is_too_long_to_be_a_name(raw):
    assert len(spelled(raw)) <= 512


def name_or_none(text):
    try:
        return canonical_name(text.encode("utf-8", "replace"))
    except InvalidName:
        return None


def is_refused(text):
    return name_or_none(text) is None


def is_refused_raw(raw):
    try:
        canonical_name(raw)
    except InvalidName:
        return True
    return False


def too_alike(one, other):
    return not claims(canonical_name(one.encode())).isdisjoint(claims(canonical_name(other.encode())))
