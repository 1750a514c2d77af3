"""Errors in a scenario file have a location and suggest the most similar word, and all are reported at once."""
import re

import pytest
from cases import for_each
from shipped import scenarios_of

from parley.conformance import loader, matching, requirements
from parley.conformance.matching import Literal
from parley.conformance.model import Concurrent, Repeat, Unordered, requirement_ids
from parley.conformance.yamlnodes import FileErrors

KNOWN = {"LINE-DM-1": None, "LINE-DM-2": None}
HEAD = 'scenario: "x"\nprotocol: line\nactors:\n  alice: {name: "Alice"}\nsteps:\n'


def load(text):
    return loader.parse(text, "x.scenario.yaml", lambda protocol: KNOWN)


def errors(steps, head=HEAD):
    with pytest.raises(FileErrors) as caught:
        load(head + steps)
    return caught.value.errors


# (steps, line, column, part of the message)
INVALID_STEPS = [
    ("  - alice: {expct: \"OK\"}", 6, 13, "unknown verb 'expct'; did you mean 'expect'?"),
    ("  - alice: {send: \"a\", send: \"b\"}", 6, 24, "key 'send' given twice"),
    ("  - alice: {send: hello}", 6, 19, "wire text of 'send' must be quoted"),
    ("  - alice: {expect: no}", 6, 21, "wire text of 'expect' must be quoted"),
    ("  - alice: {raw: 12:30}", 6, 18, "wire text of 'raw' must be quoted"),
    ("  - alcie: {send: \"a\"}", 6, 5, "unknown actor 'alcie'; did you mean 'alice'?"),
    ("  - alice: {send: \"a\", req: [LINE-DM-11]}", 6, 30, "unknown requirement 'LINE-DM-11'; did you mean 'LINE-"),
    ("  - alice: {expect: {re: \"(\"}}", 6, 26, "not a regular expression"),
    ("  - alice: {expect: {es: \"a\"}}", 6, 22, "unknown key in expect 'es'"),
    ("  - alice: {expect: {one_of: [{is: \"a\", grade: fine}]}}", 6, 48, "unknown grade 'fine'"),
    ("  - alice: {hex: \"41 4\"}", 6, 18, "not hex: '4'"),
    ("  - alice: {expect_close: maybe}", 6, 27, "unknown expect_close 'maybe'"),
    ("  - alice: {within: -1}", 6, 21, "within must be a positive number"),
    ("  - alice: {connect: yes}", 6, 22, "connect can only be true"),
    ("  - alice: {expect_close: fin, disconnect: half}", 6, 5, "make two steps of it"),
    ("  - alice: {send: {text: \"a\", fil: \"b\", length: 3}}", 6, 31, "unknown key in send 'fil'; did you mean"),
    ("  - alice: {send: {text: \"a\", fill: \"\", length: 3}}", 6, 19, "a long text needs 'fill' and 'length'"),
    ("  - wait: {for: something, seconds: 1}", 6, 5, "wait needs for, seconds and why"),
    ("  - repeat: 3\n    stpes: []", 7, 5, "unknown key in a group 'stpes'; did you mean 'steps'?"),
    ("  - alice: &anchor {send: \"a\"}", 6, 12, "anchors and aliases are not part of the language"),
    ("  - alice: {send: \"a\"", 7, 1, "not YAML"),
    ("  - alice: {send: \"a\"}\n    bob: {send: \"b\"}", 7, 5, "a step belongs to one actor"),
]


FRAMED = 'scenario: "x"\nprotocol: mixed\nactors:\n  ann: {protocol: binary}\nsteps:\n'

# The same for an actor whose messages have fields.
INVALID_FIELDS = [
    ('  - ann: {send: "a"}', 6, 17, "a message of 'binary' has fields: {field: value}"),
    ('  - ann: {send: {tpye: 1}}', 6, 18, "unknown field 'tpye'; did you mean 'type'?"),
    ('  - ann: {send: {type: 1, content: hello}}', 6, 36, "text in 'content' must be quoted"),
    ('  - ann: {send: {type: {re: "1"}}}', 6, 24, "'re' is for 'expect' only"),
    ('  - ann: {expect: "a"}', 6, 19, "a message of 'binary' has fields: {fields: ...}"),
    ('  - ann: {expect: {is: "a"}}', 6, 20, "unknown key in expect 'is'"),
    ('  - ann: {expect: {fields: {user: {re: "("}}}}', 6, 40, "not a regular expression"),
    ('  - ann: {expect: {fields: {time: {between: [1]}}}}', 6, 35, "'between' takes two limits"),
    ('  - ann: {send: {type: !!bool maybe}}', 6, 24, "'type' must be text, numbers, true, false, null"),
    ('  - ann: {send: {type: !!timestamp x}}', 6, 24, "'type' must be text, numbers, true, false, null"),
    ('  - ann: {send: {type: .nan}}', 6, 24, "'type' must be text, numbers, true, false, null"),
    ('  - ann: {send: {type: {[a]: 1}}}', 6, 25, "a key must be a word"),
    ('  - ann: {cut: -1}', 6, 16, "cut must be a positive integer"),
    ('  - concurrent: {ann: {send: {type: 1}}}\n    tally: [{times: 1}]', 7, 13, "a tally needs 'expect' and 'times'"),
]


@pytest.mark.parametrize("steps, line, column, message", INVALID_FIELDS)
def test_an_error_in_fields_has_its_location(steps, line, column, message):
    found = errors(steps + "\n", FRAMED)
    assert found[0].startswith("x.scenario.yaml:%d:%d: " % (line, column))
    assert message in found[0]


def test_an_actor_of_a_mixed_scenario_needs_a_protocol():
    found = errors("  - ann: {connect: true}\n", FRAMED.replace("{protocol: binary}", "{}"))
    assert "in a mixed scenario each actor needs a protocol" in found[0]


def test_fields_become_values():
    scenario = load(FRAMED + '  - ann: {send: {type: 1, content: {hex: "FF"}, user: {text: "a", fill: "b", length: 3}},'
                    ' expect: {fields: {time: {between: [1, "${now}"]}, content: "x"}, no_more: true}, '
                    'cut: "${round}"}\n')
    step = scenario.steps[0]
    assert scenario.protocols == ("binary",)
    assert step.sends[0].content == {"type": 1, "content": b"\xff", "user": "abb"}
    assert step.expects[0] == matching.Fields((("time", matching.Between(1, "${now}")), ("content", "x")), True)
    assert step.cut == "${round}"


@for_each("steps, line, column, message", INVALID_STEPS)
def test_an_error_has_its_location(steps, line, column, message):
    found = errors(steps + "\n")
    assert found[0].startswith("x.scenario.yaml:%d:%d: " % (line, column))
    assert message in found[0]


def test_an_error_shows_the_source_line():
    assert errors("  - alice: {expct: \"OK\"}\n")[0].endswith('    - alice: {expct: "OK"}')


def test_all_errors_of_a_file_are_reported_at_once():
    found = errors("  - alice: {expct: \"OK\"}\n  - bob: {send: \"a\"}\n  - alice: {send: plain}\n")
    assert [one.split(":")[1] for one in found] == ["6", "7", "8"]


@pytest.mark.parametrize("text, message", [
    ("", "the file is empty"),
    ("steps: []\n", "missing: scenario, protocol, actors"),
    ("scenraio: \"x\"\n", "did you mean 'scenario'?"),
    (HEAD.replace("protocol: line", "protocol: lime") + "  - alice: {send: \"a\"}\n", "did you mean 'line'?"),
    ("needs: {config: {a: !!bool maybe}}\n" + HEAD + "  - alice: {send: \"a\"}\n", "config must be text, numbers"),
    ("needs: {config: {a: 2020-01-01}}\n" + HEAD + "  - alice: {send: \"a\"}\n", "config must be text, numbers"),
    (HEAD + "  - alice: " + "[" * 20000, "not YAML"),
    (HEAD.replace("alice:", "repeat:") + "  - repeat: {send: \"a\"}\n", "an actor cannot be called 'repeat'"),
])
def test_errors_of_the_whole_file(text, message):
    with pytest.raises(FileErrors) as caught:
        load(text)
    assert message in str(caught.value)


def test_the_verbs_become_values():
    scenario = load(HEAD + '''
  - alice: {connect: true, send: ["a", "b"], raw: "c\\n", hex: "FF 'ab' 0A # end", chunks: ["d", {hex: "C3"}]}
  - alice: {expect: ["a", {re: "b(?P<x>.)"}, {optional: "c"}], within: 0.5, req: [LINE-DM-1]}
  - unordered: [{alice: {expect: "d", req: [LINE-DM-2]}}]
  - concurrent: {alice: {send: "x"}}
    tally: {"OK": 1}
  - repeat: 3
    steps: [{alice: {expect_nothing: true}}]
''')
    first, second = scenario.steps[:2]
    assert [tuple(one) for one in first.sends] == [
        ("message", "a"), ("message", "b"), ("bytes", "c\n"), ("bytes", b"\xffab\n"), ("chunks", ("d", b"\xc3"))]
    assert second.expects == (
        matching.Literal("a"), matching.Pattern("b(?P<x>.)"), matching.Maybe(matching.Literal("c")))
    assert second.within == 0.5
    assert [type(step) for step in scenario.steps[2:]] == [Unordered, Concurrent, Repeat]
    assert requirement_ids(scenario) == ["LINE-DM-1", "LINE-DM-2"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    path = tmp_path / "x.scenario.yaml"
    for message in ("No such file", "not UTF-8"):
        with pytest.raises(FileErrors, match=message):
            loader.load(str(path), requirements.available_to)
        path.write_bytes(b"\xff")


@pytest.mark.parametrize("written, text", [
    ('{text: "MSG ", fill: "a", length: 8}', "MSG aaaa"),
    ('{text: "MSG ", fill: "é", length: 9}', "MSG éé."),
    ('{fill: "\\n", length: 3, end: "x"}', "\n\n\nx"),
])
def test_a_long_text_is_as_long_as_it_says(written, text):
    scenario = load(HEAD + "  - alice: {raw: %s}\n" % written)
    assert scenario.steps[0].sends[0].content == text


def test_a_requirement_needs_its_parts():
    with pytest.raises(FileErrors) as caught:
        requirements.parse('LINE-X-1: {level: mussed, says: "a", in: "b", from: [S1]}\n'
                           'LINE-X-2: {level: must}\n', "r.yaml")
    assert caught.value.errors[0].startswith("r.yaml:1:19: unknown level 'mussed'; did you mean 'must'?")
    assert "LINE-X-2 lacks says, in, from" in caught.value.errors[1]


# A good-bye, or a nick without a text.
GOODBYE = re.compile(r"(?i)(^|\] \w+: )(!disconnect|!exit|!dc|disconnect)$|: $")


def talks(step):
    """Whether the others of `padded` are told what this step sends."""
    return Literal("Msg received") in getattr(step, "expects", ()) and any(
        send.kind == "message" and not GOODBYE.search(send.content) for send in step.sends)


@for_each("name, scenario", scenarios_of("padded").items())
def test_who_hears_at_once_is_there_before_anybody_talks(name, scenario):
    """A newcomer may come to a worker that has yet to tell what others have heard already, and then hears it too."""
    speaks = dict(zip(scenario.actors, scenario.actor_protocols))
    talked = False
    late = []
    for step in scenario.steps:
        if talked and getattr(step, "connect", False) and speaks[step.actor] == "padded":
            late.append(str(step.location))
        talked = talked or talks(step)
    assert late == []
