"""The `line` protocol's encoder."""
import pytest

from server.protocols import PROTOCOLS, events, line
from server.protocols.events import (
    HAPPENINGS,
    Farewell,
    Joined,
    Left,
    Pong,
    Present,
    Reason,
    Refused,
    Said,
    Welcome,
    Whispered,
)

REASONS = [value for name, value in sorted(vars(Reason).items()) if name.isupper()]

ANSWERS = [
    (Welcome(), b"OK\n"),
    (Said(b"bob", b"two  words "), b"MSG bob two  words \n"),
    (Said("b\u00f6b".encode(), "gr\u00fc\u00dfe".encode()), "MSG b\u00f6b gr\u00fc\u00dfe\n".encode()),
    (Said(b"bob", b"100 %s %b"), b"MSG bob 100 %s %b\n"),
    (Whispered(b"bob", b"hi"), b"DM bob hi\n"),
    (Joined(b"bob"), b""),
    (Left(b"bob"), b"INFO bob disconnected\n"),
    (Present([b"ann", b"bob"]), b"USER ann\nUSER bob\n"),
    (Present([]), b""),
    (Pong(), b"PONG\n"),
    (Refused(Reason.MUST_LOGIN), b"ERR must-login-first\n"),
    (Refused(Reason.INVALID_NAME), b"ERR invalid-username\n"),
    (Refused(Reason.NAME_TAKEN), b"ERR username-taken\n"),
    (Refused(Reason.NO_SUCH_MEMBER), b"ERR user-not-found\n"),
    (Refused(Reason.BAD_WHISPER), b"ERR invalid-dm-format\n"),
    (Refused(Reason.UNKNOWN_COMMAND), b"ERR unknown-command\n"),
    (Farewell(Reason.TOO_LONG), b"ERR line-too-long\n"),
    (Farewell(Reason.IDLE), b"INFO idle-timeout\n"),
]


@pytest.mark.parametrize("happening, data", ANSWERS, ids=repr)
def test_a_happening_is_told_in_the_words_of_the_document(happening, data):
    assert line.encode(happening) == data


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_every_kind_of_happening_can_be_told(protocol):
    assert set(PROTOCOLS[protocol].ENCODERS) == set(HAPPENINGS)


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("happening", [Refused, Farewell])
def test_every_reason_has_one_line_of_words(happening, reason):
    data = line.encode(happening(reason))
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    assert data.split(b" ")[0] in (b"ERR", b"INFO")


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_a_protocol_has_the_form_that_the_server_expects(protocol):
    module = PROTOCOLS[protocol]
    assert module.NAME == protocol
    assert 0 < module.PORT < 65536
    assert module.IDLE_TIMEOUT >= 0
    assert module.Decoder({"line_bytes": 10, "frame_bytes": 10}).feed(b"") == []
    assert module.encode(events.Pong()) is not None
