"""Dictionaries as text: what is one, what is not, and what it costs to say so."""
import ast
import json
import time

import pytest
from cases import for_each
from hypothesis import given
from hypothesis import strategies as st

from parley.server.protocols.literal import MOST_VALUES, NotALiteral, parse


def nested(depth, brackets="[]"):
    """A dictionary in which brackets are `depth` deep, its own included."""
    return "{'a': %s1%s}" % (brackets[0] * (depth - 1), brackets[1] * (depth - 1))


def with_keys(count):
    return {"key %d" % number: number for number in range(count)}


READ = [
    ("{}", {}),
    (" \t\r\n{ \t\r\n} \t\r\n", {}),
    ("{'a': 1}", {"a": 1}),
    ('{"a": 1}', {"a": 1}),
    ("{'a':1,\"b\":'2'}", {"a": 1, "b": "2"}),
    ("{'': ''}", {"": ""}),
    ("{'a': []}", {"a": []}),
    ("{'a': [1, [2], {'b': []}, '3']}", {"a": [1, [2], {"b": []}, "3"]}),
    ("{'a': True, 'b': False, 'c': None}", {"a": True, "b": False, "c": None}),
    ('{"a": true, "b": false, "c": null}', {"a": True, "b": False, "c": None}),
    ("{'a': 0, 'b': -0, 'c': -12}", {"a": 0, "b": 0, "c": -12}),
    ("{'a': 999999999999999999}", {"a": 10 ** 18 - 1}),
    ("{'a': -999999999999999999}", {"a": 1 - 10 ** 18}),
    ("{'a': 0.5, 'b': -12.25}", {"a": 0.5, "b": -12.25}),
    ("{'a': \"it's\", 'b': 'say \"hi\"'}", {"a": "it's", "b": 'say "hi"'}),
    (r"""{'a': '\\ \' \" \/ \b \f \n \r \t'}""", {"a": "\\ ' \" / \b \f \n \r \t"}),
    (r"""{"a": "\\ \' \" \/ \b \f \n \r \t"}""", {"a": "\\ ' \" / \b \f \n \r \t"}),
    (r"{'a': '\x00\xe9\xFF'}", {"a": "\x00\xe9\xff"}),
    (r"{'a': '\u00e9\u20AC'}", {"a": "\u00e9\u20ac"}),
    (r"{'a': '\U0001f600\U0010FFFF'}", {"a": "\U0001f600\U0010ffff"}),
    (r"{'a': '\ud83d\ude00'}", {"a": "\U0001f600"}),
    (r'{"a": "x\u00e9\uD83D\uDE00\ud83d\ude01"}', {"a": "x\u00e9\U0001f600\U0001f601"}),
    (r"{'a': '\\u00e9 \\\u00e9'}", {"a": "\\u00e9 \\\u00e9"}),
    (r"{'\u0061': 1}", {"a": 1}),
    ("{'a': 'b\u00f6b \U0001f600 \u2028 \x7f \x85 \t'}", {"a": "b\u00f6b \U0001f600 \u2028 \x7f \x85 \t"}),
    ("{'a': '{[(#,:'}", {"a": "{[(#,:"}),
    (nested(8), {"a": [[[[[[[1]]]]]]]}),
    (repr(with_keys(32)), with_keys(32)),
    (json.dumps(with_keys(32)), with_keys(32)),
]

NO_DICTIONARIES = ["", " ", "1", "'a'", "[1]", "[]", "None", "true", "a", "}", "{", "$", "\ufeff{}", "\x0c{}", "\xa0{}"]

NOT_VALUES = [
    "__import__('os').system('id')", "lambda: 0", "(lambda: 0)()", "f'a'", "f'{1}'", "b'a'", "r'a'", "u'a'", "rb'a'",
    "(1, 2)", "()", "(1)", "{1, 2}", "{1}", "set()", "[x for x in 'a']", "1+1", "1 + 1", "-True", "--1", "- 1",
    "+1", "1j",
    "1_0", "0x1", "0b1", "0o7", "01", "00", "-01", "1e999", "1e5", "1E5", "1.", ".5", "1.e5", "1.5e5", "0.",
    "1.0_0", "01.5",
    "nan", "NaN", "inf", "Infinity", "-Infinity", "1000000000000000000", "9" * 4300, "-" + "9" * 19, "0." + "1" * 19,
    "\u0663", "\xb2", "\uff11",
    "TRUE", "none", "Null", "nulls", "Truex", "True1", "truefalse", "undefined", "x", "os", "...", "a.b",
    "'a'.upper()", "'a'[0]",
    "'a' 'b'", "'a''b'", "'''a'''", '"""a"""', "'a' # b", "'a' + 'b'", "'a' % 1", "'a", "a'", "'a\"", "'a\nb'",
    "'a\rb'",
    "'a\x00b'", "'a\x1bb'", "'a\\\nb'", "'\\'", "'a'b",
    r"'\ud800'", r"'\ude00'", r"'\ude00\ud83d'", r"'\ud800x'", r"'\ud83d\u0061'", r"'\ud83d\ud83d\ude00'",
    r"'\U0000d800'",
    r"'\ud83d\U0000de00'", r"'\U00110000'", r"'\Uffffffff'", r"'\N{BULLET}'", r"'\a'", r"'\v'", r"'\0'",
    r"'\101'", r"'\x1'",
    r"'\xg1'", r"'\u12'", r"'\u123g'", r"'\U0001f60'", r"'\q'", r"'\X41'", "'\ud800'",
    "[1,]", "[,]", "[,1]", "[1 2]", "[1", "1]", "[1}", "[1,,2]", "{'b': 1,}", "{,}", "{'b'}", "{'b' 1}",
    "{'b'::1}", "{'b':}",
    "{'b': 1 'c': 2}", "{'b': 1]", "{1: 2}", "{b: 1}", "{None: 1}", "{('b'): 1}", "{b'b': 1}", "{f(): 1}",
    "{'b': 1, 'b': 2}",
    r"{'b': 1, '\u0062': 2}", "{**{}}", "[*[]]", "", "1, 2", "1}, {'b': 2", "1} # a", "1} 1", "1}}", "1};", "1}\x00",
]  # fmt: skip

REFUSED = NO_DICTIONARIES + ["{'a': %s}" % value for value in NOT_VALUES] + [
    nested(9), nested(100), nested(10000), nested(1000000), "[" * 1000000, '{"a":' * 100000, "{'a': " + "[" * 100000,
    "{'a': {'a': {'a': {'a': {'a': {'a': {'a': {'a': {}}}}}}}}}",
    repr(with_keys(33)), repr(with_keys(100000)), repr({"a": with_keys(33)}), repr({"a": [with_keys(33)]}),
    "{'a': %s}" % ("9" * 1000000), "{'a': -%s}" % ("9" * 1000000), "{'a': 0.%s}" % ("9" * 1000000),
]  # fmt: skip

# Values as clients have them; floats that both notations write plainly.
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(1 - 10 ** 18, 10 ** 18 - 1),
        st.integers(-10 ** 6, 10 ** 6).map(lambda number: number / 8),
        st.text(), st.text(alphabet="'\"\\/\n\r\t\x00\x1b\x7f\x85\u2028\U0001f600{}[]:,#$ua", max_size=12),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=8,
)  # fmt: skip


def values_in(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(values_in, inside))


DICTIONARIES = st.dictionaries(st.text(max_size=8), VALUES, max_size=6).filter(
    lambda found: values_in(found) - 1 <= MOST_VALUES)

# Nothing in these means one thing to Python and another to us, so what is read must be what Python reads.
PYTHON_PARTS = st.sampled_from([
    "{", "}", "[", "]", ",", ":", "'", '"', "'a'", '"b"', "'c': ", "{'a': ", "}}", "1", "-", "0", ".", "5",
    "e", "_", " ", "\n", "#",
    "True", "None", "b", "(", ")", "+", "\\n", "\\\\", "\\'", "\\x41", "\\u00e9", "\\U0001f600", "x", "\u00e9",
    "\u2028", "\t",
])  # fmt: skip

# Texts of any length: if the time for eight times as much is far above eight times the time, somebody looks twice.
COSTLY = {
    "integers": lambda size: "{'a': [%s1]}" % ("1," * (size // 2)),
    "lists": lambda size: "{'a': [%s1]}" % ("[]," * (size // 3)),
    "dictionaries": lambda size: "{'a': [%s1]}" % ("{'':1}," * (size // 7)),
    "brackets": lambda size: "{'a': %s" % ("[" * size),
    "a long string": lambda size: "{'a': '%s'}" % ("x" * size),
    "a string without end": lambda size: "{'a': '%s" % ("x" * size),
    "quotes": lambda size: "{'a': %s" % ("'" * size),
    "escapes": lambda size: "{'a': '%s'}" % ("\\n" * (size // 2)),
    "escapes without end": lambda size: "{'a': '%s" % ("\\n" * (size // 2)),
    "escapes with a bad one": lambda size: "{'a': '%s\\q'}" % ("\\n" * (size // 2)),
    "UTF-16": lambda size: "{'a': '%s'}" % ("\\u00e9" * (size // 6)),
    "UTF-16 in pieces": lambda size: "{'a': '%s'}" % ("\\u00e9x" * (size // 7)),
    "UTF-16 with half a pair": lambda size: "{'a': '%s\\ud800'}" % ("\\u00e9" * (size // 6)),
    "digits": lambda size: "{'a': %s}" % ("9" * size),
    "white space": lambda size: "{%s'a'%s:1" % (" " * (size // 2), " " * (size // 2)),
}


def short(value):
    return repr(value)[:60]


@for_each("text, value", READ)
def test_what_both_notations_write_is_read(text, value):
    assert parse(text) == value
    assert repr(parse(text)) == repr(value)  # True is not 1 here


@for_each("text", REFUSED)
def test_anything_else_is_refused(text):
    with pytest.raises(NotALiteral):
        parse(text)


@pytest.mark.parametrize("item, size", [("1", 2), ("''", 3), ("[]", 3), ("{}", 3), ("True", 5), ("-0.5", 5)])
def test_what_is_more_than_the_most_values_is_not_looked_at(item, size):
    items = ",".join([item] * (MOST_VALUES - 1))
    assert len(parse("{'a': [%s]}" % items)["a"]) == MOST_VALUES - 1
    for more in (",1]}", ",(", "," + ",".join([item] * 20000)):
        with pytest.raises(NotALiteral) as refused:
            parse("{'a': [%s%s" % (items, more))
        assert refused.value.args == (len("{'a': [") + size * (MOST_VALUES - 1),)


def test_values_are_counted_wherever_they_are():
    inner = "[[1, 2], {'b': 3, 'c': [4]}, '5']"  # nine values with itself
    rest = ["'%d': 0" % number for number in range(MOST_VALUES - 54 - 1)]
    full = "{%s}" % ", ".join(["'a': [%s]" % ", ".join([inner] * 6), *rest])
    assert values_in(parse(full)) == MOST_VALUES + 1  # the dictionary itself is none of them
    with pytest.raises(NotALiteral):
        parse(full[:-1] + ", 'z': 0}")


@pytest.mark.slow
@given(DICTIONARIES)
def test_a_dictionary_is_read_however_it_was_written(value):
    for text in (repr(value), json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(value, indent=1)):
        assert repr(parse(text)) == repr(value)


@given(st.one_of(st.text(), st.text(alphabet=st.characters()), st.lists(PYTHON_PARTS).map("".join)))
def test_any_text_is_a_dictionary_or_not_a_literal(text):
    for candidate in (text, "{'a': " + text, "{'a': " + text + "}", "{" + text + "}"):
        assert isinstance(parsed(candidate), (dict, type(None)))


@given(st.lists(PYTHON_PARTS, max_size=12).map("".join))
def test_what_is_read_is_what_python_reads(inside):
    for text in ("{'a': " + inside + "}", "{" + inside + "}"):
        value = parsed(text)
        if value is not None:
            assert repr(value) == repr(ast.literal_eval(text))  # noqa: TID251


def parsed(text):
    try:
        return parse(text)
    except NotALiteral:
        return None


@pytest.mark.parametrize("kind", sorted(COSTLY))
def test_the_time_is_in_proportion_to_the_length(kind):
    assert cost(COSTLY[kind](1 << 16)) < 40 * max(cost(COSTLY[kind](1 << 13)), 1e-3)


def cost(text):
    return min(cpu_time(text) for _ in range(3))


def cpu_time(text):
    start = time.process_time()
    parsed(text)
    return time.process_time() - start
