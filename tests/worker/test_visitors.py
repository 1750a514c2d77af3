"""Those who come by HTTP: answered, kept for a while, or made clients that speak WebSocket."""
import collections
import json
import logging

import pytest
from web_frames import CLOSE, MORE, PING, PONG, contents, frame, objects, said

from parley.server import config
from parley.server.http import site as site_module
from parley.server.ipc.messages import ToWorker
from parley.server.supervisor import hub
from parley.server.worker import loop, visitor

GET = b"GET %b HTTP/1.1\r\nHost: h\r\n%b\r\n"
UPGRADE = GET % (b"/chat", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b")
PAGE = b"<p>" + b"x" * 3000000


@pytest.fixture(autouse=True)
def page(monkeypatch):
    """A page that no kernel takes at once."""
    files = {b"/": site_module._file("index.html", PAGE, b"no-cache")}
    monkeypatch.setattr("parley.server.worker.admission.read_page", lambda: files)


def get(path, headers=b""):
    return GET % (path, headers)


def heard(house, peer):
    """(status, headers, body) of each answer that has come."""
    house.settle()
    data, answers = peer.heard(), []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines)
        size = int(headers.get(b"Content-Length", 0))
        answers.append((int(status.split()[1]), headers, data[:size]))
        data = data[size:]
    return answers


def statuses(house, peer):
    return [status for status, _, _ in heard(house, peer)]


def open_web(house, worker=1, headers=b"", behind=b""):
    """A client that speaks WebSocket."""
    peer = house.connect(worker, protocol="web", http=True)
    peer.send(UPGRADE % headers + behind)
    house.settle()
    head, _, rest = peer.heard().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    peer.rest = rest
    return peer


def told(house, peer):
    house.settle()
    return objects(peer.heard())


def member(house, name, worker=1):
    peer = open_web(house, worker)
    peer.send(said(do="login", name=name))
    (welcome,) = told(house, peer)
    assert (welcome["on"], welcome["name"], welcome["account"], len(welcome["session"])) == (
        "welcome", name, False, 32)
    return peer


# ---- pages

def test_requests_are_answered_one_after_the_other(house):
    peer = house.connect(protocol="web", http=True)
    for _ in range(3):
        peer.send(get(b"/x"))
        assert statuses(house, peer) == [404]
    peer.send(get(b"/x") * 5)
    assert statuses(house, peer) == [404] * 5
    assert not peer.ended
    assert house.worker._report()["connections"] == {}


def test_an_answer_waits_for_a_client_that_takes_it_slowly(house):
    peer = house.connect(protocol="web", http=True, buffer=4096)
    peer.send(get(b"/") + get(b"/x"))
    data = b""
    for _ in range(3000):
        house.settle(1)
        data += peer.heard()
        if data.endswith(b"nothing here\n"):
            break
    assert PAGE in data


@pytest.mark.parametrize("data, status", [
    (b"LOGIN ann\n\n", 400), (get(b"/x", b"Connection: close\r\n"), 404), (b"HEAD /x HTTP/1.0\r\n\r\n", 404),
    (b"\x16\x03\x01\x00\x05hello", 400), (get(b"/" + b"x" * 8200), 431)])
def test_after_its_last_answer_a_client_hears_the_end(house, data, status):
    peer = house.connect(protocol="web", http=True)
    peer.send(data)
    peer.send(b"what is not read any more")
    (answer,) = heard(house, peer)
    assert answer[0] == status
    assert answer[1][b"Connection"] == b"close"
    assert peer.ended
    assert len(house.worker.admission.visitors) == 0
    house.wait(visitor.LINGER + loop.SWEEP)
    assert house.worker.admission.visitors._until == {}


def test_who_has_asked_and_sends_no_more_is_answered(house):
    peer = house.connect(protocol="web", http=True)
    peer.send(get(b"/x"))
    peer.hang_up()
    assert statuses(house, peer) == [404]
    assert peer.ended


@pytest.mark.parametrize("data, answer", [(b"", []), (b"GET /x HTT", [408])])
def test_a_head_has_to_come_in_time(house, data, answer):
    peer = house.connect(protocol="web", http=True)
    peer.send(data) if data else None
    house.settle()
    house.wait(visitor.HEAD_SECONDS - 1)
    assert not peer.heard() and not peer.ended
    house.wait(2 + loop.SWEEP)
    assert statuses(house, peer) == answer
    assert peer.ended


def test_bytes_of_a_head_win_no_time(house):
    peer = house.connect(protocol="web", http=True)
    for byte in b"GET /xxxxxxxxxxxxxx":
        if not peer.ended:
            peer.send(bytes([byte]))
            house.wait(1)
            peer.heard()
    assert peer.ended


def test_between_requests_there_is_a_minute(house):
    peer = house.connect(protocol="web", http=True)
    peer.send(get(b"/x"))
    assert statuses(house, peer) == [404]
    house.wait(visitor.KEEP_ALIVE_SECONDS - 1)
    peer.heard()
    assert not peer.ended
    house.wait(1 + 2 * loop.SWEEP)
    assert peer.heard() == b"" and peer.ended


def answers(house, count, headers=b""):
    """How so many requests are answered, each on a connection of its own: {status: how often}."""
    found = collections.Counter()
    for _ in range(count):
        peer = house.connect(protocol="web", http=True)
        peer.send(b"GET /x HTTP/1.1\r\nHost: h\r\n%b\r\n" % headers)
        found.update(statuses(house, peer))
        peer.close()
    return dict(found)


def test_too_many_requests_of_one_address_are_refused(open_house, monkeypatch):
    monkeypatch.setattr(visitor, "REQUESTS_AT_ONCE", 60)
    house = open_house(messages_per_second=2)
    peer = house.connect(protocol="web", http=True)
    peer.send(get(b"/x") * 30)
    assert [status for _ in range(30) for status in statuses(house, peer)] == [404] * 30
    assert answers(house, 40) == {404: 30, 429: 10}
    peer.send(get(b"/x"))
    assert statuses(house, peer) == [429] and peer.ended
    house.wait(10)
    assert answers(house, 21) == {404: 20, 429: 1}


def test_a_class_behind_one_address_opens_the_page_and_comes_in_though_somebody_there_floods(open_house):
    house = open_house(messages_per_second=5)
    flooder = house.member(b"flooder")
    flooder.send(b"MSG flood\n" * 100)
    house.settle()
    pupils = [house.connect(protocol="web", http=True) for _ in range(40)]
    for number, peer in enumerate(pupils):
        peer.send(get(b"/x") * 4)
        assert [status for _ in range(4) for status in statuses(house, peer)] == [404] * 4
        peer.send(UPGRADE % b"" + said(do="login", name="pupil-%d" % number))
    house.wait(1)
    for peer in pupils:
        head, _, rest = peer.heard().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ") and objects(rest)[0]["on"] == "welcome"


def test_behind_a_proxy_each_client_has_its_own_rate(open_house, monkeypatch):
    monkeypatch.setattr(visitor, "REQUESTS_AT_ONCE", 20)
    web = config.defaults().web._replace(trusted_proxies=["192.0.2.1"])
    house = open_house(messages_per_second=1, web=web)
    assert answers(house, 21, b"X-Forwarded-For: 198.51.100.1\r\n") == {404: 20, 429: 1}
    assert answers(house, 1, b"X-Forwarded-For: 198.51.100.2\r\n") == {404: 1}


def test_a_visitor_counts_as_a_connection(open_house):
    house = open_house(connections=2)
    visitors = [house.connect(protocol="web", http=True) for _ in range(3)]
    assert [statuses(house, peer) for peer in visitors] == [[], [], [503]]
    assert visitors[2].ended
    visitors[0].send(UPGRADE % b"")
    assert statuses(house, visitors[0]) == [101]


def test_one_address_has_so_many_visitors(open_house):
    house = open_house(connections_per_address=2)
    peers = [house.connect(protocol="web", http=True) for _ in range(3)]
    assert [statuses(house, peer) for peer in peers] == [[], [], [503]]
    peers[0].close()
    house.settle()
    assert statuses(house, house.connect(protocol="web", http=True)) == []


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
def test_a_visitor_counts_until_it_has_its_last_answer(open_house, limit):
    house = open_house(**{limit: 2})
    peers = [house.connect(protocol="web", http=True) for _ in range(2)]
    for peer in peers:
        peer.send(get(b"/", b"Connection: close\r\n"))
    house.settle()
    late = house.connect(protocol="web", http=True)
    assert statuses(house, late) == [503]
    late.close()
    for peer in peers:
        while not peer.ended:
            peer.heard()
            house.settle()
    assert statuses(house, house.connect(protocol="web", http=True)) == []


def test_visitors_who_lag_behind_share_the_page(open_house):
    house = open_house()
    peers = [house.connect(protocol="web", http=True) for _ in range(2)]
    for peer in peers:
        peer.send(get(b"/"))
    house.settle()
    kept = [piece for one in house.worker.admission.visitors._until for piece in one._outbox]
    assert len(kept) == 2 and all(memoryview(piece).obj is house.worker.admission.visitors.site._files[b"/"].content
                                  for piece in kept)


def test_a_bug_costs_one_visitor(house, monkeypatch, caplog):
    monkeypatch.setattr(site_module.Site, "_file", lambda self, file, request: 1 / 0)
    broken, other = (house.connect(protocol="web", http=True) for _ in range(2))
    broken.send(get(b"/"))
    other.send(get(b"/x"))
    assert heard(house, broken) == [] and broken.ended
    assert statuses(house, other) == [404]
    assert [record.levelno for record in caplog.records if "a bug" in record.msg] == [logging.ERROR]


# ---- health

def test_the_hub_says_how_the_server_is(house):
    peer = house.connect(protocol="web", http=True)
    house.hub.workers_wanted = 2
    for path in (b"/livez", b"/readyz"):
        peer.send(get(path))
        (status, _, body), = heard(house, peer)
        assert (status, body) == (200, b"ok\n")
    house.hub.workers_wanted = 3
    peer.send(get(b"/livez") + get(b"/readyz"))
    (live, _, _), (ready, _, body) = heard(house, peer)
    assert (live, ready, body) == (200, 503, b"2 of 3 workers serve\n")
    house.hub.workers_wanted = 2
    house.hub.streams[2].missed = hub.MISSED_IF_WELL + 1
    peer.send(get(b"/readyz"))
    (ready, _, body), = heard(house, peer)
    assert (ready, body) == (503, b"1 of 2 workers serve\n")


def test_a_journal_that_does_not_commit_is_no_journal(house, monkeypatch):
    peer = house.connect(protocol="web", http=True)
    monkeypatch.setattr(house.hub.store, "status", lambda: {"waiting": 1, "seconds": 9.0, "failing": False})
    peer.send(get(b"/readyz"))
    (status, _, body), = heard(house, peer)
    assert (status, body) == (503, b"the journal does not commit\n")


def test_a_full_disk_is_told_of(house, monkeypatch):
    peer = house.connect(protocol="web", http=True)
    monkeypatch.setattr(house.hub.store, "status", lambda: {"waiting": 0, "seconds": 0.0, "failing": True})
    peer.send(get(b"/livez") + get(b"/readyz"))
    assert [(status, body) for status, _, body in heard(house, peer)] == [
        (200, b"ok\n"), (503, b"the journal does not commit\n")]


def test_without_the_hub_nothing_lives(house):
    asking = [house.connect(protocol="web", http=True) for _ in range(2)]
    for peer in asking:
        peer.send(get(b"/livez"))
    for _ in range(10):
        house.tick()
    house.clock.now += visitor.HUB_SECONDS + loop.SWEEP
    for _ in range(3):
        house.tick()
    assert [peer.heard().split(b" ")[1] for peer in asking] == [b"503"] * 2
    house.settle()
    peer = house.connect(protocol="web", http=True)
    peer.send(get(b"/livez"))
    assert statuses(house, peer) == [200]


# ---- clients

def test_two_of_different_workers_and_protocols_talk(house):
    ann, bob = member(house, "ann"), house.member(b"bob", 2)
    assert told(house, ann) == [{"on": "joined", "room": "#lobby", "name": "bob"}]
    ann.send(said(do="say", text="hi", id="7"))
    (done,) = told(house, ann)
    assert (done["id"], done["on"], done["n"]) == ("7", "done", 1)
    assert bob.heard() == b"MSG ann hi\n"
    bob.send(b"MSG ho\nDM ann psst\n")
    public, private = told(house, ann)
    assert (public["on"], public["by"], public["text"], public["room"]) == ("said", "bob", "ho", "#lobby")
    assert (private["on"], private["by"], private["to"], private["text"]) == ("whispered", "bob", "ann", "psst")
    assert private["n"] == public["n"] + 1


def test_what_comes_along_with_the_handshake_is_heard(house):
    peer = open_web(house, behind=said(do="login", name="ann", id="1") + said(do="who", id="2"))
    welcome, who = objects(peer.rest)
    assert (welcome["id"], welcome["on"], welcome["name"]) == ("1", "welcome", "ann")
    assert who == {"id": "2", "on": "who", "room": "#lobby", "names": ["ann"]}


def test_answers_bear_the_ids_of_what_they_answer(house):
    ann = member(house, "ann")
    ann.send(said(do="who", id="a") + said(do="rooms") + said(do="nix", id="b") + said(do="ping", id="c"))
    assert [(one["on"], one.get("id")) for one in told(house, ann)] == [
        ("who", "a"), ("rooms", None), ("no", "b"), ("pong", "c")]


def test_pings_are_answered_before_a_login_too(house):
    peer = open_web(house)
    peer.send(frame(b"x", PING))
    house.settle()
    assert contents(peer.heard()) == [(PONG, b"x")]


def test_a_close_is_answered_and_the_connection_ended_by_us(house):
    ann, bob = member(house, "ann"), member(house, "bob", 2)
    told(house, ann)
    ann.send(frame(b"\x03\xe9", CLOSE))
    house.settle()
    assert contents(ann.heard()) == [(CLOSE, b"\x03\xe8")]
    assert ann.ended
    assert told(house, bob) == [{"on": "left", "room": "#lobby", "name": "ann"}]


def test_who_breaks_the_rules_is_told_and_ended(house):
    ann = member(house, "ann")
    ann.send(frame(b"\xff"))
    house.settle()
    (_, bye), closing = contents(ann.heard())
    assert json.loads(bye.decode())["why"] == "not-utf8"
    assert closing == (CLOSE, b"\x03\xefnot-utf8")
    assert ann.ended


def test_parts_of_a_message_win_it_no_time_and_messages_do(house):
    ann, ben = member(house, "ann"), member(house, "ben", 2)
    ann.send(frame(b"{", last=False))
    ben.send(frame(b"{", last=False))
    for seconds in (6, 6):
        house.wait(seconds)
        ben.send(frame(b'"do":"ping"}', MORE) + frame(b"{", last=False))
        ann.send(frame(b"", MORE, last=False) + frame(b"", PONG))
        house.settle()
    house.wait(1)
    assert contents(ann.heard())[-1] == (CLOSE, b"\x0f\xa2too-slow")
    assert [one["on"] for one in objects(ben.heard())] == ["pong", "left", "pong"]
    assert ann.ended and not ben.ended


def test_the_end_of_the_server_is_told_and_nobody_is_let_in_any_more(house):
    ann, late = member(house, "ann"), house.connect(protocol="web", http=True)
    house.hub.everyone(ToWorker.Stop())
    house.settle()
    late.send(UPGRADE % b"")
    (status, headers, _), = heard(house, late)
    assert (status, headers[b"Connection"]) == (503, b"close")
    house.hub.everyone(ToWorker.End())
    house.settle()
    (_, bye), (_, closing) = contents(ann.heard())
    assert json.loads(bye.decode()) == {"on": "bye", "why": "shutdown", "text": "the server is shutting down",
                                        "retry": 2}
    assert closing == b"\x03\xe9shutdown"
    assert late.ended


def test_the_silent_are_sent_pings_and_ended_if_they_do_not_answer(house, caplog):
    caplog.set_level(logging.INFO, "parley.server")
    ann, bob = member(house, "ann"), open_web(house)
    for _ in range(4):
        house.wait(loop.HEARTBEAT)
        assert contents(bob.heard()) == [(PING, b"")]
        bob.send(frame(b"", PONG))
        house.settle()
    frames = contents(ann.heard())
    assert frames[:-2] == [(PING, b""), (PING, b"")]
    assert json.loads(frames[-2][1].decode())["why"] == "idle"
    assert frames[-1] == (CLOSE, b"\x0f\xa2idle")
    assert ann.ended and not bob.ended


def test_who_speaks_is_sent_no_ping(house):
    ann = member(house, "ann")
    for _ in range(10):
        house.wait(loop.HEARTBEAT / 2)
        ann.send(said(do="ping"))
        assert told(house, ann) == [{"on": "pong"}]


def test_after_a_standstill_nobody_is_taken_for_gone(house):
    ann = member(house, "ann")
    house.clock.now += 1000
    house.wait(loop.HEARTBEAT - 2)
    assert contents(ann.heard()) == [(PING, b"")]
    ann.send(frame(b"", PONG))
    house.wait(loop.HEARTBEAT - 2)
    assert contents(ann.heard()) == []
    assert not ann.ended


# ---- proxies

def test_whoever_a_trusted_proxy_speaks_for_has_that_address(open_house):
    house = open_house(web=config.Web(("192.0.2.1/32",), (), b""))
    peer = open_web(house, headers=b"X-Forwarded-For: 1.2.3.4, 203.0.113.5\r\n")
    connection, = house.worker.admission.connections.values()
    assert connection.address() == ("203.0.113.5", 0)
    peer.send(said(do="ping"))
    assert told(house, peer) == [{"on": "pong"}]


def test_nobody_else_says_where_it_comes_from(house):
    open_web(house, headers=b"X-Forwarded-For: 203.0.113.5\r\n")
    connection, = house.worker.admission.connections.values()
    assert connection.address() == ("192.0.2.1", 4711)
