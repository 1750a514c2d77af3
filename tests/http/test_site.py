"""Which request is answered with what."""
import base64
import gzip
import ipaddress

import pytest

from parley.server.http.bundle import joined
from parley.server.http.head import Answer, Request
from parley.server.http.site import Pending, Site, Upgrade, read_page

KEY = base64.b64encode(b"the sample nonce")
SAMPLE_KEY, SAMPLE_ACCEPT = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
PEER, PROXY = "192.0.2.7", "198.51.100.1"
PROXIES = [ipaddress.ip_network("198.51.100.0/24"), ipaddress.ip_network("2001:db8::/32")]
SOURCE = b"// " + b"x" * 500
SCRIPT = joined({"app.js": SOURCE.decode()}, "app.js").encode()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_bytes(
        b'<script src="static/app.js"></script>static/<a href="static/a.css">' + b" " * 99)
    (folder / "app.js").write_bytes(SOURCE)
    (folder / "a.css").write_bytes(b"a{}")
    (folder / "notes.txt").write_bytes(b"not a part of it")
    return read_page(str(folder))


@pytest.fixture(scope="module")
def site(files):
    return Site(files, proxies=PROXIES, origins=[b"https://friends.example"])


def request(path=b"/", method=b"GET", version=b"1.1", **headers):
    found = [(b"host", b"h:8000")] if "host" not in headers else []
    for name, value in headers.items():
        for one in value if isinstance(value, list) else [value]:
            found.append((name.replace("_", "-").encode(), one))
    return Request(method, path, [(name, value) for name, value in found if value is not None], version)


def upgrade(path=b"/chat", **headers):
    headers = dict({"connection": b"keep-alive, Upgrade", "upgrade": b"WebSocket", "sec_websocket_version": b"13",
                    "sec_websocket_key": KEY}, **headers)
    return request(path, **headers)


def header(answer, name):
    values = [value for key, value in answer.headers if key.lower() == name.lower()]
    return values[0] if len(values) == 1 else values or None


def script(files):
    return next(path for path in files if path.endswith(b"app.js"))


def test_the_page_names_its_files_by_the_hash_of_all(site, files):
    page = site.answer(request(), PEER)
    assert (page.status, header(page, b"Content-Type"), header(page, b"Cache-Control")) == (
        200, b"text/html; charset=utf-8", b"no-cache")
    assert b'<script src="%b"></script>static/' % script(files)[1:] in page.body
    assert sorted(path.rpartition(b"/")[2] for path in files) == [b"", b"a.css", b"app.js"]
    answer = site.answer(request(script(files)), PEER)
    assert (answer.status, answer.body, header(answer, b"Content-Type")) == (
        200, SCRIPT, b"text/javascript; charset=utf-8")
    assert header(answer, b"Cache-Control") == b"public, max-age=31536000, immutable"


@pytest.mark.parametrize("codings, zipped", [
    (b"gzip, deflate, br", True), (b"br;q=1, GZIP;q=0.5", True), (b"*", True), (b"gzip;q=0", False),
    (b"gzip; q=0.0", False), (b"identity", False), (None, False)])
def test_who_takes_gzip_gets_gzip(site, files, codings, zipped):
    answer = site.answer(request(script(files), accept_encoding=codings), PEER)
    assert header(answer, b"Content-Encoding") == (b"gzip" if zipped else None)
    assert (gzip.decompress(answer.body) if zipped else answer.body) == SCRIPT
    assert header(answer, b"Vary") == b"Accept-Encoding"


def test_what_would_not_be_smaller_is_not_zipped(site, files):
    css = next(path for path in files if path.endswith(b".css"))
    assert header(site.answer(request(css, accept_encoding=b"gzip"), PEER), b"Content-Encoding") is None


def test_who_has_it_already_is_told_so(site):
    tags = {header(site.answer(request(accept_encoding=coding), PEER), b"ETag") for coding in (b"gzip", None)}
    assert len(tags) == 2
    for tag in [*tags, b"W/" + min(tags), b'"other", ' + min(tags), b"*"]:
        answer = site.answer(request(if_none_match=tag), PEER)
        assert (answer.status, answer.body) == (304, b"")
        assert header(answer, b"ETag")
    assert site.answer(request(if_none_match=b'"other"'), PEER).status == 200


@pytest.mark.parametrize("path, method, status", [
    (b"/x", b"GET", 404), (b"/static/app.js", b"GET", 404), (b"/../etc/passwd", b"GET", 404), (b"*", b"OPTIONS", 421),
    (b"/", b"HEAD", 200), (b"/?a=b", b"GET", 200), (b"/", b"PUT", 405), (b"/", b"FROB", 501), (b"/chat", b"GET", 426),
    (b"http://h:8000/", b"GET", 200), (b"http://other/", b"GET", 421), (b"/livez/x", b"GET", 404)])
def test_each_path_and_method_has_its_answer(site, path, method, status):
    answer = site.answer(request(path, method), PEER)
    assert answer.status == status
    if status >= 400:
        assert answer.body.count(b"\n") == 1
        assert header(answer, b"Cache-Control") == b"no-store"
    if status == 405:
        assert header(answer, b"Allow") == b"GET, HEAD"


def test_all_answers_have_the_headers_that_keep_a_page_to_itself(site):
    for answer in (site.answer(request(), PEER), site.answer(request(b"/x"), PEER), site.text(503, "x")):
        policy = header(answer, b"Content-Security-Policy")
        assert b"default-src 'none'" in policy and b"'unsafe" not in policy and b"frame-ancestors 'none'" in policy
        assert header(answer, b"X-Content-Type-Options") == b"nosniff"
        assert header(answer, b"Referrer-Policy") == b"no-referrer"
        assert header(answer, b"Cross-Origin-Opener-Policy") == b"same-origin"
        assert header(answer, b"Strict-Transport-Security") is None


def test_where_all_is_tls_browsers_are_told_so(files):
    answer = Site(files, only_tls=True).answer(request(), PEER)
    assert header(answer, b"Strict-Transport-Security") == b"max-age=31536000"


def test_health_is_asked_for(site):
    for path, troubles, status, body in [
            (b"/livez", ["trouble"], 200, b"ok\n"), (b"/readyz", [], 200, b"ok\n"),
            (b"/readyz", ["one", "two"], 503, b"one; two\n")]:
        answer = site.answer(request(path), PEER).then(troubles)
        assert (answer.status, answer.body) == (status, body)


def test_a_prefix_stands_before_all_paths(files):
    site = Site(files, b"/parley")
    assert site.answer(request(b"/parley/"), PEER).status == 200
    assert site.answer(request(b"/parley" + script(files)), PEER).status == 200
    assert isinstance(site.answer(upgrade(b"/parley/chat"), PEER), Upgrade)
    assert site.answer(upgrade(b"/chat"), PEER).status == 404
    for path in (b"/readyz", b"/parley/readyz"):
        assert isinstance(site.answer(request(path), PEER), Pending)
    for path in (b"/", b"/parley"):
        answer = site.answer(request(path), PEER)
        assert (answer.status, header(answer, b"Location")) == (308, b"/parley/")
    assert site.answer(request(b"/parleyx"), PEER).status == 404


def test_without_a_page_there_is_nothing_but_the_rest(tmp_path):
    site = Site(read_page(str(tmp_path / "none")))
    assert site.answer(request(), PEER).status == 404
    assert isinstance(site.answer(upgrade(), PEER), Upgrade)


# ---- WebSocket

def test_a_handshake_is_answered_with_its_key(site):
    answer, address = site.answer(upgrade(sec_websocket_key=SAMPLE_KEY, sec_websocket_protocol=b"a, parley.1"), PEER)
    assert (answer.status, answer.body, address) == (101, b"", None)
    assert header(answer, b"Sec-WebSocket-Accept") == SAMPLE_ACCEPT
    assert header(answer, b"Sec-WebSocket-Protocol") == b"parley.1"
    assert header(answer, b"Sec-WebSocket-Extensions") is None


def test_who_offers_no_subprotocol_is_told_none(site):
    answer, _ = site.answer(upgrade(sec_websocket_extensions=b"permessage-deflate"), PEER)
    assert (answer.status, header(answer, b"Sec-WebSocket-Protocol")) == (101, None)
    assert header(answer, b"Sec-WebSocket-Extensions") is None


@pytest.mark.parametrize("changes, status", [
    ({"connection": b"keep-alive"}, 426), ({"upgrade": b"h2c"}, 426), ({"method": b"HEAD"}, 426),
    ({"version": b"1.0"}, 426), ({"sec_websocket_version": b"8"}, 426), ({"sec_websocket_version": None}, 426),
    ({"sec_websocket_key": None}, 400), ({"sec_websocket_key": b"c2hvcnQ="}, 400),
    ({"sec_websocket_key": b"*" + KEY[1:]}, 400), ({"sec_websocket_key": [KEY, KEY]}, 400),
    ({"sec_websocket_protocol": b"chat, superchat"}, 400), ({"origin": b"http://evil.example"}, 403)])
def test_what_is_no_handshake_is_refused(site, changes, status):
    answer = site.answer(upgrade(**changes), PEER)
    assert isinstance(answer, Answer) and answer.status == status
    if status == 426:
        assert header(answer, b"Upgrade") == b"websocket"


@pytest.mark.parametrize("origin, host, permitted", [
    (b"http://h:8000", b"h:8000", True), (b"https://h:8000", b"h:8000", True), (b"http://H", b"h", True),
    (b"https://h", b"h:443", True), (b"http://h:80", b"h", True), (b"http://[::1]:8000", b"[::1]:8000", True),
    (b"https://friends.example", b"h", True), (b"http://friends.example", b"h", False), (b"http://h", b"h:8000", False),
    (b"http://h:8000.evil", b"h:8000", False), (b"http://evil/h:8000", b"h:8000", False), (b"null", b"h", False),
    (b"", b"h", False), (b"http://", b"", False), ([b"http://h", b"http://h"], b"h", False)])
def test_only_a_page_of_the_same_host_may_open_a_websocket(site, origin, host, permitted):
    assert isinstance(site.answer(upgrade(origin=origin, host=host), PEER), Upgrade) is permitted


def test_what_a_proxy_says_of_the_host_counts_and_of_nobody_else(site):
    asked = upgrade(origin=b"https://chat.example", x_forwarded_host=[b"evil.example", b"chat.example"])
    assert isinstance(site.answer(asked, PROXY), Upgrade)
    assert site.answer(asked, PEER).status == 403
    assert site.answer(upgrade(origin=b"http://h:8000", x_forwarded_host=b"chat.example"), PROXY).status == 403


@pytest.mark.parametrize("forwarded, address", [
    (None, None), ([b"203.0.113.5"], "203.0.113.5"), ([b"1.2.3.4, 203.0.113.5"], "203.0.113.5"),
    ([b"1.2.3.4", b"203.0.113.5, 198.51.100.9"], "203.0.113.5"), ([b"198.51.100.8, 198.51.100.9"], "198.51.100.8"),
    ([b"203.0.113.5:4711"], "203.0.113.5"), ([b"[2001:db9::1]:80"], "2001:db9::1"), ([b"2001:DB9::1"], "2001:db9::1"),
    ([b"::ffff:203.0.113.5"], "203.0.113.5"), ([b"1.2.3.4, unknown"], None), ([b"x, 198.51.100.9"], "198.51.100.9"),
    ([b"\xff"], None)])
def test_a_proxy_says_for_whom_it_speaks(site, forwarded, address):
    asked = upgrade(x_forwarded_for=forwarded or [])
    assert site.answer(asked, PROXY).address == address
    assert site.answer(asked, "::ffff:198.51.100.1").address == address
    assert site.answer(asked, PEER).address is None
