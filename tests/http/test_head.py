"""Requests, whole and cut anywhere, and what is none."""
import pytest
from cases import for_each

from parley.server.http.head import MOST, Answer, Reader, Refused, Request, rendered

GET = b"GET /a?b HTTP/1.1\r\nHost: h\r\nAccept: x\r\nX-A: 1, 2\r\nx-a: 3\r\n\r\n"
PARSED = Request(b"GET", b"/a?b", [(b"host", b"h"), (b"accept", b"x"), (b"x-a", b"1, 2"), (b"x-a", b"3")], b"1.1")

REFUSED = [
    (b"LOGIN ann\n\n", 400), (b"GET /\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\0\x01", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: h\r\nA\0: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 413),
    (b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
    (b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: zip\r\n\r\n", 501),
    (b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n" % (b"a" * MOST), 431), (b"GET /" + b"a" * (MOST + 1), 431),
]


@for_each("cut", range(1, len(GET) + 1))
def test_a_request_is_the_same_however_it_is_cut(cut):
    reader = Reader()
    first = reader.feed(GET[:cut])
    assert reader.has_begun == (cut < len(GET))
    assert (first or reader.feed(GET[cut:])) == PARSED
    assert not reader.has_begun
    assert PARSED.path == b"/a"


def test_a_request_comes_byte_by_byte_and_another_behind_it():
    reader = Reader()
    for _ in range(2):
        found = [reader.feed(GET[at:at + 1]) for at in range(len(GET))]
        assert found == [None] * (len(GET) - 1) + [PARSED]


def test_what_comes_behind_a_request_is_kept():
    reader = Reader()
    assert reader.feed(GET + b"\x81\x80abcd") == PARSED
    assert reader.rest == b"\x81\x80abcd"


@pytest.mark.parametrize("data, status", REFUSED, ids=lambda value: repr(value)[:40])
def test_what_is_no_request_is_refused(data, status):
    for step in (len(data), 1000):
        reader = Reader()
        with pytest.raises(Refused) as refused:
            for start in range(0, len(data), step):
                reader.feed(data[start:start + step])
        assert refused.value.status == status
        assert str(refused.value)


@pytest.mark.parametrize("head, stays", [
    (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", True), (b"GET / HTTP/1.0\r\n\r\n", False),
    (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: foo, Close\r\n\r\n", False)])
def test_a_connection_is_kept_where_the_client_wants_it(head, stays):
    assert Reader().feed(head).keeps_alive is stays


def test_a_list_is_all_lines_in_order():
    assert PARSED.all(b"x-a") == [b"1", b"2", b"3"]
    assert (PARSED.one(b"x-a"), PARSED.one(b"accept"), PARSED.one(b"x-b")) == (None, b"x", None)
    assert PARSED.has(b"x-a", b"2") and not PARSED.has(b"x-a", b"4")


def test_an_answer_says_how_long_it_is_and_head_gets_only_that():
    answer = Answer(200, [(b"A", b"b")], b"text")
    head = b"HTTP/1.1 200 OK\r\nDate: now\r\nA: b\r\nContent-Length: 4\r\n\r\n"
    assert rendered(answer, "now", False) == [head, b"text"]
    assert rendered(answer, "now", True) == [head]
    assert rendered(Answer(101, [], b""), "now", True) == [b"HTTP/1.1 101 Switching Protocols\r\nDate: now\r\n\r\n"]
    assert b"Connection: close\r\n" in rendered(answer._replace(closes=True), "now", False)[0]
    assert rendered(Answer(421, [], b""), "now", True)[0].startswith(b"HTTP/1.1 421 Misdirected Request\r\n")


@for_each("data", [data for data, _ in REFUSED])
def test_why_it_is_refused_is_not_told_in_the_words_of_python(data):
    with pytest.raises(Refused) as refused:
        Reader().feed(data)
    assert str(refused.value) and "bytearray" not in str(refused.value)
