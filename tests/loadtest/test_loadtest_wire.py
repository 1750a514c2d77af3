"""The load test's own codec for `line`, and its judgement of an idle timeout."""
import pytest

from loadtest import _wire
from loadtest._idle import fault_of_end
from loadtest._wire import Line

STREAM = (
    "OK\nMSG ann two  words\nDM bob gr\u00fc\u00dfe\nUSER ann\nPONG\nINFO bob disconnected\nERR user-not-found\n"
).encode("utf-8")
LINES = [
    Line("OK", "", ""),
    Line("MSG", "ann", "two  words"),
    Line("DM", "bob", "gr\u00fc\u00dfe"),
    Line("USER", "", "ann"),
    Line("PONG", "", ""),
    Line("INFO", "", "bob disconnected"),
    Line("ERR", "", "user-not-found"),
]


@pytest.mark.parametrize("cut", range(len(STREAM)))
def test_a_stream_cut_anywhere_gives_the_same_lines(cut):
    decoder = _wire.Decoder()
    assert decoder.feed(STREAM[:cut]) + decoder.feed(STREAM[cut:]) == LINES


def test_a_stream_read_byte_by_byte_gives_the_same_lines():
    decoder = _wire.Decoder()
    assert [line for byte in STREAM for line in decoder.feed(bytes([byte]))] == LINES


def test_commands_are_lines():
    assert _wire.login("ann") == b"LOGIN ann\n"
    assert _wire.say("a  b") == b"MSG a  b\n"
    assert _wire.whisper("bob", "\u00fc") == b"DM bob \xc3\xbc\n"
    assert _wire.ping() == b"PING\n"
    assert _wire.who() == b"WHO\nPING\n"


@pytest.mark.parametrize(
    "silence, told, closed, fault",
    [
        (60.0, True, True, None),
        (70.4, True, True, None),
        (59.9, True, True, "closed before the limit"),
        (70.6, True, True, "told of the idle timeout, but not closed in time"),
        (70.6, True, False, "told of the idle timeout, but not closed in time"),
        (70.6, False, False, "not closed in time"),
        (65.0, False, True, "closed without INFO idle-timeout"),
    ],
)
def test_an_idle_client_is_told_and_closed_between_the_limit_and_ten_seconds_more(silence, told, closed, fault):
    assert fault_of_end(60, silence, told, closed) == fault
