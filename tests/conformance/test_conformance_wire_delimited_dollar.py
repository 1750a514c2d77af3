r"""The suite's own codecs of `delimited` and `dollar`, pinned by bytes written by hand from documents 002 and 004."""
import json

import pytest
from cases import for_each

from parley.conformance.message import Message
from parley.conformance.wire import delimited, dollar

ZEROS = "00 " * 39

# (bytes as hex, the message)
DELIMITED = [
    ("00 00" + ZEROS + "05 41 6C 69 63 65", {"CREATE": ["Alice"]}),
    ("00 01" + ZEROS + "00", {"LIST": []}),
    ("00 01" + ZEROS + "02 42 2A", {"LIST": ["B*"]}),
    ("00 02" + ZEROS + "10 41 6C 69 63 65 7C 7C 7C 42 6F 62 7C 7C 7C 68 69",
     {"SEND": ["Alice", "Bob", "hi"]}),
    ("00 03" + ZEROS + "00", {"DELIVER": []}),
    ("00 04" + ZEROS + "00", {"DELETE": []}),
    ("00 05" + ZEROS + "03 42 6F 62", {"LOGIN": ["Bob"]}),
    ("00 06" + ZEROS + "00", {"RESPONSE": []}),
    ("00 06" + ZEROS + "02 6E 6F", {"RESPONSE": ["no"]}),
    ("00 07" + ZEROS + "05 41 7C 7C 7C 42", {"LISTRESPONSE": ["A", "B"]}),
    # big-endian, so 258 is 01 02; one bar or two are no delimiter
    ("00 06" + "00 " * 38 + "01 02" + "61" * 258, {"RESPONSE": ["a" * 258]}),
    ("00 02" + ZEROS + "0D 61 7C 7C 7C 62 7C 7C 7C 63 7C 64 7C 7C", None),
]

# What no server may send, and what is said of it.
DELIMITED_BROKEN = [
    ("01 06" + ZEROS + "00", "version 1"),
    ("00 0D" + ZEROS + "00", "unknown command"),
    ("00 06" + ZEROS + "02 C3 A9", "not ASCII"),
    ("00 06" + "00 " * 36 + "01 00 00 01", "length 16777217"),
    ("00 06 80" + "00 " * 39, "length %d" % (1 << 319)),
]

PYTHON_LOGIN = "7B 27 70 75 72 70 6F 73 65 27 3A 20 27 6C 6F 67 69 6E 27 7D"  # {'purpose': 'login'}
JSON_LOGIN = "7B 22 70 75 72 70 6F 73 65 22 3A 20 22 6C 6F 67 69 6E 22 7D"  # {"purpose": "login"}
SPACES = "20 " * 8

DOLLAR = [
    ("24 32 30" + SPACES + PYTHON_LOGIN + "24", {"purpose": "login"}),
    ("24 32 30" + SPACES + JSON_LOGIN + "24", {"purpose": "login", "form": "json"}),
    ("24 32 30" + PYTHON_LOGIN + "24", {"purpose": "login", "form": "bare"}),
    ("24 32 30" + JSON_LOGIN + "24", {"purpose": "login", "form": "json bare"}),
    # {'m': '$'} and {'é': 1}, in which the length counts bytes
    ("24 31 30" + SPACES + "7B 27 6D 27 3A 20 27 24 27 7D 24", {"m": "$"}),
    ("24 39 20" + SPACES + "7B 27 C3 A9 27 3A 20 31 7D 24", {"\u00e9": 1}),
]

DOLLAR_BROKEN = [
    ("21", "no dollar sign before the length"),
    ("24 2D 35", "no length"),
    ("24 20 32 30" + "20 " * 7, "no length"),
    ("24" + "39 " * 10, "length 9999999999"),
    ("24 31" + "20 " * 9 + "7B 7D 24", "no dollar sign after the data"),
    ("24 32" + "20 " * 9 + "5B 5D 24", "not a dictionary: []"),
    ("24 32" + "20 " * 9 + "C3 28 24", "not UTF-8: \\xc3("),
]


def fed_in_all_ways(codec, data):
    """What the decoder makes of the data whole, cut once at each place, and byte by byte; all must agree."""
    ways = [[data]] + [[data[:cut], data[cut:]] for cut in range(1, min(len(data), 90))]
    ways.append([data[index:index + 1] for index in range(len(data))])
    found = []
    for way in ways:
        decoder = codec.Decoder()
        messages = [message for piece in way for message in decoder.feed(piece)]
        found.append(([message.fields for message in messages], decoder.unfinished))
    assert all(one == found[0] for one in found)
    return found[0]


@pytest.mark.parametrize("data, message", DELIMITED)
def test_a_frame_is_read_as_the_document_says(data, message):
    data = bytes.fromhex(data.replace(" ", ""))
    message = message or {"SEND": ["a", "b", "c|d||"]}
    assert fed_in_all_ways(delimited, data) == ([message], b"")
    assert fed_in_all_ways(delimited, data + data) == ([message, message], b"")


@pytest.mark.parametrize("data, message", DELIMITED)
def test_a_frame_is_written_as_the_document_says(data, message):
    if message:
        assert delimited.encode(message) == bytes.fromhex(data.replace(" ", ""))


@pytest.mark.parametrize("data, why", DELIMITED_BROKEN)
def test_a_frame_that_no_server_may_send_is_told_apart(data, why):
    messages, _ = fed_in_all_ways(delimited, bytes.fromhex(data.replace(" ", "")))
    assert [message["broken"] for message in messages] == [why]


def test_an_unfinished_frame_is_kept():
    decoder = delimited.Decoder()
    data = delimited.encode({"LOGIN": ["Bob"]})
    assert decoder.feed(data[:-1]) == []
    assert decoder.unfinished == data[:-1]


def test_commands_that_do_not_exist_can_be_written():
    assert delimited.encode({"command": 9, "data": "x"}) == b"\x00\x09" + bytes(39) + b"\x01x"


@pytest.mark.parametrize("data, message", DOLLAR)
def test_a_packet_is_read_as_the_document_says(data, message):
    data = bytes.fromhex(data.replace(" ", ""))
    assert fed_in_all_ways(dollar, data) == ([message], b"")
    assert fed_in_all_ways(dollar, data + data) == ([message, message], b"")


@pytest.mark.parametrize("data, message", DOLLAR[:4])
def test_a_packet_is_written_as_the_document_says(data, message):
    assert dollar.encode(message) == bytes.fromhex(data.replace(" ", ""))


@pytest.mark.parametrize("data, why", DOLLAR_BROKEN)
def test_a_packet_that_no_server_may_send_is_told_apart(data, why):
    messages, _ = fed_in_all_ways(dollar, bytes.fromhex(data.replace(" ", "")))
    assert [message["broken"].startswith(why) for message in messages] == [True]


def test_an_unfinished_packet_is_kept():
    decoder = dollar.Decoder()
    assert decoder.feed(b"$2         {") == []
    assert decoder.unfinished == b"$2         {"


PLAIN = [
    {}, {"a": 1}, {"result": True}, {"result": False}, {"a": -12, "b": "x"}, {"users": []},
    {"users": [{"username": "lobby", "status": "online"}, {"username": "Zo\u00eb", "status": "offline"}]},
    {"m": "it's"}, {"m": '"'}, {"m": "'\""}, {"m": "\\"}, {"m": "\n\t\r"}, {"m": "{}[],:$"}, {"m": "\u2028\ufeff"},
    {"m": "\U0001f600"}, {"m": "__import__('os')"}, {"m": "\\u00e9"}, {"m": "\x00\x1b\x9b"}, {"n": None}, {"n": 1.5},
]


@for_each("fields", PLAIN)
def test_what_python_and_json_write_is_read_as_the_same(fields):
    assert dollar.read_dictionary(json.dumps(fields)) == (fields, "json")
    assert dollar.read_dictionary(json.dumps(fields, ensure_ascii=False)) == (fields, "json")
    assert dollar.read_dictionary(repr(fields))[0] == fields
    assert dollar.read_dictionary(repr(dict(fields, purpose="x"))) == (dict(fields, purpose="x"), "")


NO_DICTIONARIES = [
    "", "{", "}", "{'a'}", "{'a': }", "{'a': 1,}", "{'a': 1 'b': 2}", "{'a': 1}}", "{'a': 1} x", "[1]", "'x'", "1",
    "{1: 2}", "{a: 1}", "{'a': b}", "{'a': 1+1}", "{'a': print()}", "{'a': (1, 2)}", "{'a': b'x'}", "{'a': u'x'}",
    "{'a': 'b' 'c'}", "{'a': 1, 'a': 2}", '{"a": 1, "a": 2}', "{'a': NaN}", '{"a": NaN}', '{"a": Infinity}',
    "{'a': true}", "{'a': 0x1}", "{'a': 1_0}", "{'a': 1e5}", "{'a': %s}" % ("9" * 30), "{'a': '\\ud800'}",
    '{"a": "\\ud800"}', "{'a': '\\N{BULLET}'}", "{'a': '\\U00110000'}", "{'a': '\\101'}", "{'a': '\n'}",
    "{'a': " + "[" * 50 + "]" * 50 + "}", "{'a': " + "[" * 100000, '{"a": ' + "[" * 100000,
    "{'a': 1} # comment", "{'a': '''x'''}",
]


@for_each("text", NO_DICTIONARIES)
def test_what_only_some_read_is_not_read(text):
    with pytest.raises(dollar.NotReadable):
        dollar.read_dictionary(text)


def ask(state, message, own=False):
    state.sent(delimited.encode(message), own)


def test_a_delimited_client_state_knows_who_is_logged_in():
    state = delimited.ClientState()
    for message in ({"SEND": ["A", "B", "early"]}, {"LIST": []}, {"CREATE": ["A"]}, {"DELETE": []}, {"CREATE": ["B"]}):
        ask(state, message)
    state.received(Message({"RESPONSE": ["not logged in"]}))
    state.received(Message({"SEND": ["C", "A", "from somebody else"]}))
    state.received(Message({"LISTRESPONSE": []}))
    assert state.name is None
    state.received(Message({"RESPONSE": []}))
    assert state.name is None  # created, and deleted without an answer
    state.received(Message({"RESPONSE": []}))
    assert state.name == "B"
    ask(state, {"DELETE": []})
    assert state.name is None


def test_a_list_belongs_to_who_asked_first():
    state = delimited.ClientState()
    ask(state, {"LIST": []})
    ask(state, delimited.probe(), own=True)
    ask(state, {"LIST": []})
    assert [state.received(Message({"LISTRESPONSE": []})) for _ in range(4)] == [False, True, False, False]


def test_a_dollar_client_state_knows_who_is_logged_in():
    state = dollar.ClientState()
    for name in ("Alice", "Bob"):
        state.sent(dollar.encode({"purpose": "login", "username": name, "password": "x"}))
    state.received(Message({"purpose": "login", "result": False}))
    assert state.name is None
    state.received(Message({"purpose": "login", "result": True}))
    assert state.name == "Bob"


def test_the_answer_to_the_suites_own_message_is_its_own():
    state = dollar.ClientState()
    state.sent(dollar.encode(dollar.whisper("A", "B", "hi")))
    state.sent(dollar.encode(dollar.whisper("A", "B", "~sync1")), own=True)
    answer = Message({"purpose": "send_message", "result": True})
    assert [state.received(answer) for _ in range(3)] == [False, True, False]
    assert state.received(Message(dict(dollar.probe(), result=False)))


@pytest.mark.parametrize("codec", [delimited, dollar])
def test_nothing_can_be_asked_in_the_middle_of_a_message(codec):
    state = codec.ClientState()
    data = codec.encode(codec.probe())
    state.sent(data[:15])
    assert not state.at_message_boundary
    state.sent(data[15:])
    assert state.at_message_boundary


MARKERS = [
    (delimited, {"SEND": ["w", "A", "~sync7"]}, ("w", "~sync7")),
    (delimited, {"SEND": ["w", "A", "~sync7 and more"]}, None),
    (delimited, {"RESPONSE": ["~sync7"]}, None),
    (dollar, {"purpose": "receive_message", "from_user": "w", "message": "~sync7"}, ("w", "~sync7")),
    (dollar, {"purpose": "receive_message", "from_user": "lobby", "message": "w: ~sync7"}, ("w", "~sync7")),
    (dollar, {"purpose": "receive_message", "from_user": "w", "message": "w: ~sync7"}, None),
    (dollar, {"purpose": "receive_message", "from_user": ["w"], "message": ["~sync7"]}, None),
]


@pytest.mark.parametrize("codec, fields, marker", MARKERS)
def test_a_marker_is_a_text_that_is_a_nonce(codec, fields, marker):
    assert codec.marker_in(Message(fields)) == marker


def test_ignored_names_are_removed_from_lists():
    def is_ignored(name):
        return name == "w"

    names = Message({"LISTRESPONSE": ["A", "w", "B"]})
    assert delimited.without_names(names, is_ignored).fields == {"LISTRESPONSE": ["A", "B"]}
    users = Message({"users": [{"username": "w", "status": "online"}, {"username": "A", "status": "online"}]})
    assert dollar.without_names(users, is_ignored).fields == {"users": [{"username": "A", "status": "online"}]}
    odd = Message({"users": 3})
    assert dollar.without_names(odd, is_ignored) == odd
