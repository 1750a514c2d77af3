"""Every text, from every protocol to every other, through the codecs: what is heard is what was promised.

The server's decoder for one protocol and its encoder for another, with a strict reader behind them that knows neither.
A message that follows each text shows that nothing of it is left over.
"""
import itertools
import time

import payloads
import promise
import pytest
import reference
from cases import for_each
from reference import heard

from parley.server.protocols import PROTOCOLS, events

# The codec of `irc` needs a conversation; what it does is seen through a server.
FORMS = [form for form in promise.FORMS if form != promise.IRC]
WHISPERERS = [form for form in promise.WHISPERERS if form != promise.IRC]
LIMITS = {"text_bytes": promise.TEXT_LIMIT, "line_bytes": promise.LINE_LIMIT}
WHEN = 1500000000
SENDER, ME = "ann", "bob"
NEXT = "the next one"

WAYS = [(sender, False) for sender in FORMS] + [(sender, True) for sender in WHISPERERS]

# What only one protocol can write: the bytes of one command, and the text that is meant.
OWN_SPELLINGS = [
    ("delimited", reference.delimited_frame(2, b"ann", b"lobby", item), text) for item, text in [
        (b"\\u00e9\\u20ac\\ud83d\\ude00", "\u00e9\u20ac\U0001f600"),
        (b"\\u0041\\u00E9\\ud83d x\\ude00", "\\u0041\\u00E9\\ud83d x\\ude00"),
        (b"\\u007c\\u007c\\u007c", "|||"),
        (b"\\u005cu00e9", "\\u00e9"),
        (b"\\u001b[2J\\u0085\\u2028\\u007f", "\u241b[2J\u2424\u2424\u2421"),
        (b"\\u0000\\u0080\\u009b", "\u2400\ufffd\ufffd"),
        (b"\\u000a\\u0009", "\\u000a\\u0009"),
        (b"\x1b[2J\x07", "\u241b[2J\u2407"),
        (b"a\nb\\u000dc", "a\nb\u240dc"),
    ]
] + [
    ("dollar", reference.dollar_packet(b"{'purpose':'send_message','from_user':'ann','to_user':'lobby','message':%b}"
                                       % literal), text) for literal, text in [
        (b"'\\x1b[2J\\u0085'", "\u241b[2J\u2424"),
        (b"'\\U0001f600\\ud83d\\ude00'", "\U0001f600\U0001f600"),
        (b"'\\ud83d'", None), (b"'\\udc00\\ud800'", None), (b"'\\U00110000'", None),
        (b"'a' 'b'", None), (b"'''a'''", None), (b"b'a'", None), (b"u'a'", None), (b"f'a'", None), (b"1", None),
        (b"None", None), (b"['a']", None), (b"'a'+'b'", None), (b"'\\N{BULLET}'", None), (b"'a\nb'", None),
        (b"'\\0'", None), (b"''", None),
        (b'"\\u007b\\"\\/\\b\\f"', "{\"/\u2408\u240c"),
    ]
] + [
    ("line", b"MSG " + text + b"\r\n", said) for text, said in [
        (b"a\xff\xf4b", "ab"), (b"\xff\xff", "\ufffd"), (b"a\xff", "a\ufffd"), (b"\xef\xbb\xbfa", "\ufeffa")]
] + [
    ("padded", reference.padded_frame(body), said) for body, said in [
        (b"no prefix: hi", "no prefix: hi"), (b"[13:55 AM] ann: hi", "[13:55 AM] ann: hi"),
        ("[\u0660\u0665:\u0665\u0665 AM] ann: hi".encode(), "[\u0660\u0665:\u0665\u0665 AM] ann: hi"),
        (b"[05:55 AM] ann: bob: hi", "bob: hi"), (b"[05:55 AM] ann: [05:56 AM] bob: hi", "[05:56 AM] bob: hi"),
    ]
] + [
    ("web", reference.web.encode({"frame": "text", "content": b'{"do":"say","text":%b}' % literal}), text)
    for literal, text in [
        (b'"\\u00e9\\ud83d\\ude00"', "\u00e9\U0001f600"), (b'"\xc3\xa9"', "\u00e9"),
        (b'"\\u001b[2J\\u0000\\u0085\\u2028\\b\\f\\r"', "\u241b[2J\u2400\u2424\u2424\u2408\u240c\u240d"),
        (b'"a\\r\\nb\\n\\t"', "a\nb\n\t"), (b'"\\ud83d \\ude00\\ud83d"', "\ufffd \ufffd\ufffd"),
        (b'"\\/\\"\\\\"', "/\"\\"), (b"'a'", None), (b"1", None), (b"null", None), (b'["a"]', None),
        (b'{"a":1}', None), (b'"a" "b"', None), (b'"a\nb"', None), (b'"\\x41"', None), (b'""', None),
    ]
]


def decoded(sender, data):
    """The canonical text of the one command in `data`; None if it is refused."""
    command, = PROTOCOLS[sender.split("-")[0]].Decoder(LIMITS).feed(data)
    if isinstance(command, (events.Malformed, events.Broken)):
        return None
    assert isinstance(command, (events.Say, events.Whisper, events.Post)), command
    return None if promise.is_blank(command.text.decode()) else command.text  # which the session sees to


def carried(receiver, *happenings):
    """What a client of `receiver` hears of these happenings."""
    name, _, form = receiver.partition("-")
    module = PROTOCOLS[name]
    encode = module.FORMS[form] if form else next(iter(module.FORMS.values()))
    reader = reference.READERS[receiver](ME)
    for happening in happenings:
        for frame in encode(happening, ME.encode()):
            reader.feed(frame)
    assert not reader.rest or receiver == "padded"
    return reader.heard


def promised_events(receiver, texts, direct, sender=SENDER):
    kind = "whispered" if direct else "said"
    if receiver == "delimited":
        kind = "sent"
    shown = {"binary": WHEN, "web": WHEN, "padded": time.strftime("%I:%M %p", time.localtime(WHEN))}.get(receiver)
    return [heard(kind, sender, text, shown) for text in texts]


def difference(sender, receiver, direct, payload):
    """What was heard and what was promised, of one payload; None where these agree."""
    happens = events.Whispered if direct else events.Said
    follows = happens(SENDER.encode(), NEXT.encode(), WHEN)
    for said in promise.uttered(sender, payload):
        if direct:
            data = reference.whispers(sender, SENDER.encode(), ME.encode(), said)
        else:
            data = reference.says(sender, SENDER.encode(), said)
        text = decoded(sender, data)
        happenings = [] if text is None else [happens(SENDER.encode(), text, WHEN)]
        found = carried(receiver, *(happenings + [follows]))
        texts = promise.promised(sender, receiver, said, direct)
        wanted = promised_events(receiver, texts + [NEXT], direct)
        if found != wanted:
            return found, wanted
    return None


@pytest.mark.parametrize("receiver", FORMS)
@for_each("sender, direct", WAYS)
def test_what_is_heard_is_what_was_promised(sender, receiver, direct):
    differences = {what: difference(sender, receiver, direct, payload) for what, payload in payloads.TEXTS.items()}
    assert {what: found for what, found in differences.items() if found} == {}


def test_the_matrix_is_as_large_as_it_has_to_be():
    assert len(payloads.TEXTS) >= 40
    assert len(WAYS) * len(FORMS) * len(payloads.TEXTS) >= 2000


@pytest.mark.parametrize("receiver", FORMS)
def test_what_only_one_protocol_can_write_is_heard_as_promised_too(receiver):
    for sender, data, text in OWN_SPELLINGS:
        said = decoded(sender, data)
        assert (said and said.decode()) == text, data
        if text is not None:
            found = carried(receiver, events.Said(SENDER.encode(), said, WHEN),
                            events.Said(SENDER.encode(), NEXT.encode(), WHEN))
            assert found == promised_events(receiver, promise.heard(receiver, text) + [NEXT], False), data


@pytest.mark.parametrize("sender", FORMS)
def test_a_canonical_text_stays_what_it_is(sender):
    for payload in payloads.TEXTS.values():
        for said in promise.uttered(sender, payload):
            text = promise.accepted(sender, said)
            if text is not None and "\n" not in text:
                assert promise.accepted(sender, text.encode()) == text


@pytest.mark.parametrize("receiver", ["delimited", "dollar", "dollar-json", "web"])
def test_where_the_target_allows_it_the_text_comes_back_as_it_was(receiver):
    """What one client hears and says again is, to the letter, what was said first."""
    for payload in payloads.TEXTS.values():
        text = promise.accepted("dollar", payload)
        if text is not None:
            again, = carried(receiver, events.Said(SENDER.encode(), text.encode(), WHEN))
            data = reference.says(receiver, SENDER.encode(), again.text.encode())
            assert decoded(receiver, data) == text.encode()


# ---- long texts

@pytest.mark.parametrize("receiver", FORMS)
@for_each("direct", [False, True])
@for_each("character", payloads.CODE_POINTS)
def test_the_longest_text_of_one_character_arrives_whole(character, receiver, direct):
    text = "." + character * (promise.TEXT_LIMIT // len(character.encode()) - 1)
    assert_joins(receiver, promise.canonical(text.encode()), direct)


@pytest.mark.parametrize("receiver", FORMS)
@for_each("cut, direct", itertools.product(payloads.CUTS, [False, True]))
def test_a_cut_never_goes_through_a_character(cut, receiver, direct):
    for offset in range(-5, 6):
        assert_joins(receiver, "x" * (cut + offset) + "\U0001f600" * 3 + "y", direct)
    for offset in range(4):
        assert_joins(receiver, "x" * offset + "\U0001f600" * ((2 * cut) // 4 + 2), direct)
        assert_joins(receiver, "x" * offset + "\u20ac" * ((2 * cut) // 3 + 2), direct)


def assert_joins(receiver, text, direct):
    happens = events.Whispered if direct else events.Said
    found = carried(receiver, happens(SENDER.encode(), text.encode(), WHEN))
    assert found == promised_events(receiver, promise.heard(receiver, text, direct), direct)
    assert "".join(one.text for one in found) == text


@pytest.mark.parametrize("sender", FORMS)
def test_the_longest_text_is_accepted_and_one_byte_more_is_not(sender):
    longest = promise.LINE_LIMIT - len("MSG ") if sender == "line" else promise.TEXT_LIMIT
    assert decoded(sender, reference.says(sender, SENDER.encode(), b"x" * longest)) == b"x" * longest
    assert decoded(sender, reference.says(sender, SENDER.encode(), b"x" * (longest + 1))) is None
