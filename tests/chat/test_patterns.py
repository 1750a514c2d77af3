"""Shell patterns over names: what they match, and that none of them takes long."""
import fnmatch
import re
import time
import warnings

import pytest
from cases import for_each
from hypothesis import example, given, reject
from hypothesis import strategies as st

from parley.server.chat import patterns
from parley.server.chat.names import LONGEST
from parley.server.chat.patterns import matcher

# pattern: names it matches, names it does not
MATCHES = [
    ("ann", ["ann"], ["an", "anna", "Ann", "", "xann"]),
    ("", [""], ["a"]),
    ("*", ["", "a", "ann", "\U0001f600"], []),
    ("**", ["", "a", "ann"], []),
    ("?", ["a", "\u65e5", "?"], ["", "ab"]),
    ("a*", ["a", "ann"], ["ba", "A"]),
    ("*a", ["a", "anna"], ["ab"]),
    ("a*b", ["ab", "aab", "axb", "abb"], ["a", "b", "aba"]),
    ("a*b*c", ["abc", "abbc", "axbxc", "abcc"], ["acb", "ab", "bc"]),
    ("*an*na*", ["anna", "xanxnax", "annna"], ["ana", "nnaan"]),
    ("a?*", ["ab", "abc"], ["a", "ba"]),
    ("*?", ["a", "ab"], [""]),
    ("*a?b*", ["acb", "xaabx", "aaab"], ["ab"], ),
    ("[abc]", ["a", "b", "c"], ["d", "", "ab", "[abc]"]),
    ("[a-c]x", ["ax", "bx", "cx"], ["dx", "-x"]),
    ("[!a-c]", ["d", "-", "!"], ["a", "b", "c", ""]),
    ("[a-]", ["a", "-"], ["b"]),
    ("[-a]", ["a", "-"], ["b"]),
    ("[]]", ["]"], ["[", ""]),
    ("[]a]", ["]", "a"], ["b"]),
    ("[!]a]", ["b", "["], ["]", "a"]),
    ("[a!]", ["a", "!"], ["b"]),
    ("[[]", ["["], ["]"]),
    ("[?]", ["?"], ["a"]),
    ("[*]", ["*"], ["a", "", "[*]", "[x]"]),
    ("a[*b]c", ["a*c", "abc"], ["ac", "axc", "a[b]c", "a[xb]c"]),
    ("[\\]", ["\\"], ["a", "]"]),
    ("[\\w]", ["\\", "w"], ["a"]),
    ("[a&&b]", ["a", "&", "b"], ["c"]),
    ("[a||b]", ["a", "|"], ["c"]),
    ("[a~~b]", ["a", "~"], ["c"]),
    ("*[0-9]", ["ann1", "7"], ["ann", "1a"]),
    ("guest-[0-9]*", ["guest-1", "guest-10"], ["guest-", "guest-a"]),
    ("[\u00e4-\u00f6]", ["\u00e4", "\u00f6"], ["a", "\u00fc"]),
]

# Not closed, so that each is what it looks like.
UNCLOSED = ["[", "[]", "[!]", "[a", "[!", "[]a", "a[", "a[b", "[[", "[a-", "]", "a]", "[!a"]

# In the wrong order, so that nothing is between them.
EMPTY_RANGES = ["[c-a]", "[z-a]x*", "*[a--]", "[a-\\]", "[\U0001f600-a]", "[b-ac-a]"]

LITERAL = ["a.c", "a+", "(a)", "a|b", "^a$", "\\d", "{1}", "a\\", "%s", "#x", "a b", "a\nb", "(?i)a", "$"]

HOSTILE = {
    "stars": "*" * 30000,
    "stars and letters": "*a" * 15000,
    "as many stars as names have letters": "*a" * LONGEST,
    "stars and sets": "*[ab]" * LONGEST,
    "questions": "?" * 30000,
    "stars and questions": "*?" * LONGEST + "b",
    "brackets": "[" * 30000,
    "brackets that are not closed": "[a" * 15000,
    "negated brackets": "[!" * 15000,
    "closing brackets": "[]" * 15000,
    "brackets behind a star": "*[" * 15000,
    "a set of everything": "[" + "a" * 30000 + "]",
    "sets of everything": ("[" + "ab" * 400 + "]") * 30,
    "ranges": "[" + "a-b" * 10000 + "]",
    "letters": "a" * 30000,
}
MOST_SECONDS = 0.1  # of a processor, for one pattern and a hundred names: what is quadratic takes many times that

SHELL = st.text(st.sampled_from("ab-]*?[!"), max_size=12)
NAMES = st.text(st.sampled_from("ab-]*[!"), max_size=10)


@for_each("pattern, matching, others", MATCHES)
def test_a_pattern_matches_as_in_a_shell(pattern, matching, others):
    matches = matcher(pattern)
    assert [name for name in matching if not matches(name)] == []
    assert [name for name in others if matches(name)] == []


@pytest.mark.parametrize("pattern", UNCLOSED)
def test_a_set_that_is_not_closed_is_the_characters_that_one_sees(pattern):
    matches = matcher(pattern)
    assert matches(pattern)
    assert not matches(pattern[:-1]) and not matches("a" + pattern)


@pytest.mark.parametrize("pattern", EMPTY_RANGES, ids=ascii)
def test_a_range_from_high_to_low_holds_nothing(pattern):
    matches = matcher(pattern)
    assert not any(map(matches, ["a", "b", "c", "-", "\\", "zx", "", pattern]))


def test_what_is_not_in_an_empty_range_is_everything():
    assert matcher("[!c-a]")("x")
    assert not matcher("[!c-a]")("")


@pytest.mark.parametrize("pattern", LITERAL)
def test_what_means_something_in_a_regular_expression_means_nothing_here(pattern):
    matches = matcher(pattern)
    assert matches(pattern)
    assert not any(map(matches, ["a", "abc", "aa", "b", "1", "A", ""]))


@given(SHELL, NAMES)
@example("a*b", "aab")
@example("*a*a*b", "aaab")
@example("[*]", "*")
def test_the_standard_library_finds_the_same(pattern, name):
    assert bool(matcher(pattern)(name)) == by_the_standard_library(pattern, name)


def by_the_standard_library(pattern, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return fnmatch.fnmatchcase(name, pattern)
        except re.error:  # a range from high to low, in older Pythons
            reject()


@given(st.text(max_size=60), st.text(max_size=LONGEST))
def test_any_text_is_a_pattern(pattern, name):
    assert matcher("*" + pattern)(name) or not matcher(pattern)(name)


@given(st.text(st.sampled_from("ab-]*?[!^\\&|~"), max_size=40))
def test_no_pattern_makes_the_regular_expressions_complain(pattern):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert matcher("*" + pattern)("a") or not matcher(pattern)("a")


def test_nothing_that_was_found_is_sought_again(monkeypatch):
    """One way to repeat for each star, each but the last held by a lookahead: so there is no way back."""
    compiled = []
    real = patterns.re.compile
    monkeypatch.setattr(patterns.re, "compile", lambda text, *flags: compiled.append(text) or real(text, *flags))
    matcher("*a*b?*c*")
    (regex,) = compiled
    assert regex.count("*") == 4
    assert regex.count("(?=(?P<") == regex.count(".*?") == regex.count("(?P=") == 3


# The one question that cannot be counted: a regular expression does its work out of sight.
@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_no_pattern_takes_long(kind):
    names = ["a" * LONGEST, "ab" * (LONGEST // 2), "a" * (LONGEST - 1) + "b", "[" * LONGEST] * 25
    assert min(cpu_time(HOSTILE[kind], names) for _ in range(3)) < MOST_SECONDS


def cpu_time(pattern, names):
    re.purge()
    start = time.process_time()
    matches = matcher(pattern)
    for name in names:
        matches(name)
    return time.process_time() - start
