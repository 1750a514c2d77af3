"""The load test's own codecs, and its judgement of an idle timeout."""
import json
import struct

import pytest

from loadtest._codecs import CODECS
from loadtest._idle import fault_of_end
from loadtest._wire import Heard

TEXTS = ("run:0:5 two  words", "run:1:5 gr\u00fc\u00dfe \U0001f44b")


def binary(code, name, text):
    name, text = name.encode(), text.encode("utf-8")
    return struct.pack(">BIII10sI", 1, code, len(name), len(text), name, 0) + text


def delimited(command, data):
    return bytes([0, command]) + len(data).to_bytes(40, "big") + data


def dollar(data):
    return b"$%-10d%b$" % (len(data.encode("utf-8")), data.encode("utf-8"))


def web(**fields):
    content = json.dumps(fields).encode()
    return b"\x81" + (bytes([len(content)]) if len(content) < 126 else struct.pack(">BH", 126, len(content))) + content


# What a server sends, and what is heard of it.
STREAMS = {
    "line": (
        "OK\nMSG ann %s\nDM bob %s\nUSER ann\nPONG\nINFO bob disconnected\nERR user-not-found\n" % TEXTS,
        [
            Heard("OK", "", ""),
            Heard("MSG", "ann", TEXTS[0]),
            Heard("DM", "bob", TEXTS[1]),
            Heard("USER", "", "ann"),
            Heard("PONG", "", ""),
            Heard("INFO", "", "bob disconnected"),
            Heard("ERR", "", "user-not-found"),
        ],
    ),
    "binary": (
        binary(207, "server", "") + binary(300, "server", "bob joined!") + binary(100, "ann", TEXTS[0])
        + binary(100, "bob", "[direct] " + TEXTS[1]) + binary(303, "server", "['ann', 'me']")
        + binary(212, "server", "1.5") + binary(102, "server", "The name is taken.") + binary(209, "server", ""),
        [
            Heard("OK", "", "207"),
            Heard("MSG", "ann", TEXTS[0]),
            Heard("DM", "bob", TEXTS[1]),
            Heard("USER", "", "ann"),
            Heard("USER", "", "me"),
            Heard("PONG", "", ""),
            Heard("PONG", "", "1.5"),
            Heard("ERR", "", "The name is taken."),
            Heard("ERR", "", "209"),
        ],
    ),
    "padded": (
        "[05:55 AM] ann: %sMsg received[05:55 AM] bob (direct): %sMsg receivedMsg received[ERROR] No.[SERVER] Bye."
        % TEXTS,
        [
            Heard("MSG", "ann", TEXTS[0]),
            Heard("OK", "", ""),
            Heard("DM", "bob", TEXTS[1]),
            Heard("OK", "", ""),
            Heard("OK", "", ""),
            Heard("ERR", "", "No."),
            Heard("INFO", "", "Bye."),
        ],
    ),
    "delimited": (
        delimited(6, b"") + delimited(2, b"ann|||me|||" + TEXTS[0].encode())
        + delimited(2, b"bob|||me|||run:1:5 gr\\u00fc\\u00dfe \\ud83d\\udc4b") + delimited(2, b"me|||lobby|||hi")
        + delimited(7, b"ann|||me") + delimited(7, b"") + delimited(6, b"recipient does not exist"),
        [
            Heard("OK", "", ""),
            Heard("SENT", "ann", TEXTS[0]),
            Heard("SENT", "bob", TEXTS[1]),
            Heard("OK", "", ""),
            Heard("USER", "", "ann"),
            Heard("USER", "", "me"),
            Heard("PONG", "", ""),
            Heard("PONG", "", ""),
            Heard("ERR", "", "recipient does not exist"),
        ],
    ),
    "dollar": (
        dollar('{"purpose": "login", "result": true}') + dollar('{"purpose": "reload_user_list", "users": []}')
        + dollar('{"purpose": "receive_message", "from_user": "lobby", "message": "ann: %s"}' % TEXTS[0])
        + dollar('{"purpose": "receive_message", "from_user": "bob", "message": "%s"}' % TEXTS[1])
        + dollar('{"purpose": "poll", "result": true, "messages": [], "users": [{"username": "me", "status": "online"},'
                 ' {"username": "eve", "status": "offline"}]}')
        + dollar('{"purpose": "ping", "result": false}') + dollar('{"purpose": "send_message", "result": false}'),
        [
            Heard("OK", "", "login"),
            Heard("MSG", "ann", TEXTS[0]),
            Heard("DM", "bob", TEXTS[1]),
            Heard("USER", "", "me"),
            Heard("PONG", "", ""),
            Heard("PONG", "", ""),
            Heard("ERR", "", "send_message"),
        ],
    ),
    "web": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
        + web(on="welcome", name="me", account=False, session="0f", me=3) + web(on="joined", room="#lobby", name="bob")
        + web(on="said", n=4, room="#lobby", by="ann", at=1, text=TEXTS[0]) + b"\x89\x01x"
        + web(on="whispered", n=5, by="bob", to="me", at=1, text=TEXTS[1]) + web(on="done", n=6, at=1)
        + web(on="who", room="#lobby", names=["ann", "me"]) + web(on="pong") + web(on="no", why="nobody", text="no.")
        + web(on="said", n=7, room="#dev", by="ann", at=1, text="x") + web(on="bye", why="idle", text="idle.")
        + b"\x88\x02\x0f\xa2",
        [
            Heard("OPEN", "", ""),
            Heard("OK", "", ""),
            Heard("MSG", "ann", TEXTS[0]),
            Heard("ALIVE?", "", "x"),
            Heard("DM", "bob", TEXTS[1]),
            Heard("OK", "", ""),
            Heard("USER", "", "ann"),
            Heard("USER", "", "me"),
            Heard("PONG", "", ""),
            Heard("PONG", "", ""),
            Heard("ERR", "", "nobody"),
            Heard("broken", "", str({"on": "said", "n": 7, "room": "#dev", "by": "ann", "at": 1, "text": "x"})),
            Heard("INFO", "", "idle-timeout"),
        ],
    ),
}
STREAMS["irc"] = (
    ":s 001 me :Welcome\r\n:s 422 me :No MOTD\r\n:me!m@h JOIN #lobby\r\n:s 353 me = #lobby :me\r\n"
    ":s 366 me #lobby :End\r\n:ann!a@h PRIVMSG #lobby :%s\r\n:bob!b@h PRIVMSG me :%s\r\nPING tok\r\n"
    ":bob!b@h QUIT :gone\r\n:s 353 me = #lobby :ann me\r\n:s 366 me #lobby :End\r\n:s PONG s :~own\r\n"
    ":s 401 me bob :No such nick\r\n:bob!b@h TOPIC #lobby :x\r\nERROR :bye\r\n" % (TEXTS[0], TEXTS[1]),
    [
        Heard("OK", "", ""),
        Heard("MSG", "ann", TEXTS[0]),
        Heard("DM", "bob", TEXTS[1]),
        Heard("ALIVE?", "", "tok"),
        Heard("USER", "", "ann"),
        Heard("USER", "", "me"),
        Heard("PONG", "", ""),
        Heard("PONG", "", ""),
        Heard("ERR", "", "401"),
        Heard("broken", "", "is=TOPIC by=bob mask='b@h' args=['#lobby', 'x'] to='#lobby' text=x"),
        Heard("INFO", "", "bye"),
    ],
)
NAMES = sorted(STREAMS)


def stream(name):
    data, heard = STREAMS[name]
    return data if isinstance(data, bytes) else data.encode("utf-8"), heard


def codec(name):
    return CODECS[name]("me", "secret", TEXTS.__contains__)


def test_every_codec_is_tried():
    assert NAMES == sorted(CODECS)


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_cut_anywhere_gives_the_same(name):
    data, heard = stream(name)
    for cut in range(len(data)):
        decoder = codec(name)
        assert decoder.feed(data[:cut]) + decoder.feed(data[cut:]) == heard, cut


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_read_byte_by_byte_gives_the_same(name):
    data, heard = stream(name)
    decoder = codec(name)
    assert [one for byte in data for one in decoder.feed(bytes([byte]))] == heard


@pytest.mark.parametrize(
    "name, command, data",
    [
        ("line", codec("line").login(), b"LOGIN me\n"),
        ("line", codec("line").say("a  b"), b"MSG a  b\n"),
        ("line", codec("line").whisper("bob", "\u00fc"), b"DM bob \xc3\xbc\n"),
        ("line", codec("line").ping(), b"PING\n"),
        ("line", codec("line").who(), b"WHO\nPING\n"),
        ("irc", codec("irc").login(), b"NICK me\r\nUSER me 0 * :me\r\nJOIN #lobby\r\n"),
        ("irc", codec("irc").say("a  b"), b"PRIVMSG #lobby :a  b\r\n"),
        ("irc", codec("irc").whisper("bob", "\u00fc"), b"PRIVMSG bob :\xc3\xbc\r\n"),
        ("irc", codec("irc").who(), b"NAMES #lobby\r\n"),
        ("irc", codec("irc").alive("x"), b"PONG :x\r\n"),
        ("padded", codec("padded").ping(), b"0" + b" " * 63),
        ("delimited", codec("delimited").login(), delimited(0, b"me")),
        ("delimited", codec("delimited").say("a \u00fc"), delimited(2, b"me|||lobby|||a \\u00fc")),
        ("delimited", codec("delimited").whisper("bob", "\U0001f44b"), delimited(2, b"me|||bob|||\\ud83d\\udc4b")),
        ("delimited", codec("delimited").who(), delimited(1, b"")),
        ("delimited", codec("delimited").leave(), delimited(4, b"")),
    ],
)
def test_commands_are_what_the_documents_say(name, command, data):
    assert command == data


def test_commands_that_carry_a_time_or_a_dictionary():
    talk = codec("binary").say("\u00fc")
    assert (talk[:23], talk[27:]) == (binary(100, "me", "\u00fc")[:23], b"\xc3\xbc")
    assert codec("binary").login()[27:] == b"me"
    body = codec("padded").say("\u00fc")
    assert int(body[:64]) == len(body) - 64 == len("[05:55 AM] me: \u00fc") + 1
    assert body.endswith(b"M] me: \xc3\xbc")
    assert b'"password": "secret"' in codec("dollar").login()
    assert int(codec("dollar").say("hi")[1:11]) == len(codec("dollar").say("hi")) - 12
    for frame in (codec("web").login(), codec("web").say("a"), codec("web").whisper("bob", "a"), codec("web").who()):
        assert frame[0] == 0x81 and frame[1] == 0x80 + len(frame) - 6
    assert codec("web").alive("x")[:2] == b"\x8a\x81"
    assert codec("web").opening(("127.0.0.1", 8000)).startswith(b"GET /chat HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n")


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
