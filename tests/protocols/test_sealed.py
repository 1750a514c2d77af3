"""What a server knows of sealed messages."""
from parley.server.protocols import events
from parley.server.protocols.sealed import NOTE, is_envelope, read_list, records_shown, shown

ENVELOPE = b"parley:sealed:1:" + b"A-_9" * 57


def test_an_envelope_is_known_by_its_form():
    for text in (ENVELOPE, ENVELOPE.replace(b":1:", b":12:"), ENVELOPE + b"A" * 10000):
        assert is_envelope(text)
    for text in (ENVELOPE[:-1], ENVELOPE + b"=", ENVELOPE + b"\n", b" " + ENVELOPE, ENVELOPE.replace(b":1:", b":0:"),
                 ENVELOPE.upper(), b"parley:sealed:1:", ENVELOPE[:-1] + b"+", b"see " + ENVELOPE):
        assert not is_envelope(text)
        assert shown(events.Whispered(b"ann", text, 5)).text == text


def test_in_whatever_it_stands_there_is_a_note_in_its_place_and_all_else_is_as_it_was():
    for made in (
            lambda text: events.Said(b"ann", text, 5, 7, b"#dev", 5000),
            lambda text: events.Whispered(b"ann", text, 5, 7, 5000, b"extra"),
            lambda text: events.Past([(b"ann", b"hi", 5), (b"ann", text, 5)]),
            lambda text: events.Missed([(b"ann", text, 5)]),
            lambda text: events.Recalled([(7, b"ann", text, 5)], 7, False),
            lambda text: events.Browsed(None, b"ann", [(7, b"ann", text, 5), (8, b"ann", text + b"\0more", 5)], True),
            lambda text: events.CaughtUp(b"#dev", [(7, b"ann", b"", text, 5)], False)):
        assert shown(made(ENVELOPE)) == made(NOTE)
        plain = made(b"hi")
        assert shown(plain) is plain
    assert shown(events.Notice(ENVELOPE)) == events.Notice(ENVELOPE)  # nobody says that
    talk = [(1, b"ann", b"hi", 5, 1), (2, b"bob", b"ho\0" + b"hum", 6, 2)]
    assert records_shown(talk) is talk
    sealed = [(1, b"ann", one, 7, count) for one, count in (
        (ENVELOPE, 1), (ENVELOPE + b"\0more", 1), (b"hi\0" + ENVELOPE, 2), (ENVELOPE + b"\0" + ENVELOPE, 2))]
    assert records_shown([*talk, *sealed]) == [*talk, *[(1, b"ann", one, 7, count) for one, count in (
        (NOTE, 1), (NOTE + b"\0more", 1), (b"hi\0" + NOTE, 2), (NOTE + b"\0" + NOTE, 2))]]


def test_a_list_of_devices_has_its_form_and_its_size():
    data = b"\1" + bytes([0, 0, 1, 2, 3]) + b"ann" + bytes([0, 2]) + bytes(2 * 130 + 64)
    assert read_list(data) == (b"ann", 258)
    for wrong in (b"", data[:-1], data + b"\0", b"\2" + data[1:], data[:10] + b"\3" + data[11:], bytes(72),
                  b"\1" + bytes(6) + bytes([0]) + bytes(64), b"\1" + bytes(4) + b"\xff" + bytes(66)):
        try:
            read_list(wrong)
        except (ValueError, IndexError):
            continue
        raise AssertionError(wrong)
