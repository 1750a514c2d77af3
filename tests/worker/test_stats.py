"""What workers count, and that nothing of it is lost with them."""
import pytest
from web_frames import said

from parley.server.worker.loop import SWEEP
from parley.server.worker.visitor import MOST_SCRAPERS


def totals(house):
    house.wait(2 * SWEEP)
    return house.hub.status()["totals"]


def counted(counters, prefix=()):
    """{names: number} of counters of any depth."""
    found = {}
    for name, value in counters.items():
        found.update(counted(value, (*prefix, name)) if isinstance(value, dict) else {(*prefix, name): value})
    return found


def test_what_is_said_is_counted_by_protocol_and_kind(house):
    ann, bob = house.member(b"ann"), house.member(b"bob", 2)
    ann.send(b"MSG hi\nMSG ho\nDM bob psst\nDM nobody psst\nWHO\nWHAT\nMSG \n")
    house.settle()
    assert bob.heard() == b"MSG ann hi\nMSG ann ho\nDM ann psst\n"
    told = totals(house)
    # LOGIN twice, WHO, WHAT, and what is no message.
    assert told["messages"]["line"] == {"room": 2, "direct": 2, "command": 5}
    assert told["refused"] == {"nobody": 1, "unknown-command": 2}
    assert told["deliveries"]["line"] == 2
    assert told["accepted"] == {"line": 2}
    report = house.hub.status()["workers"][1]["report"]
    assert (report["messages"], report["deliveries"]) == (8, 0)


def test_no_counter_falls_with_a_worker(house):
    ann, bob = house.member(b"ann"), house.member(b"bob", 2)
    web = house.connect(2, protocol="web", http=True)
    web.send(b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n")
    ann.send(b"MSG hi\nQUIT\n")
    bob.send(b"MSG ho\nQUIT\n")
    before = counted(totals(house))
    assert before["ended", "line", "quit"] == 2
    assert before["requests", "other", "404"] == 1
    for index in (0, 1):
        house.kill(index)
        after = counted(totals(house))
        assert [name for name, count in before.items() if after.get(name, 0) < count] == []
    house.member(b"cid", 2)
    assert counted(totals(house))["accepted", "line"] == before["accepted", "line"] + 1


def test_requests_are_counted_by_few_paths(house):
    house.hub.workers_wanted = 2
    for path in (b"/livez", b"/readyz", b"/nothing", b"/secret?of=ann", b"/chat"):
        peer = house.connect(protocol="web", http=True)
        peer.send(b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % path)
        house.settle()
    peer.send(b"nonsense\r\n\r\n")
    assert totals(house)["requests"] == {
        "/livez": {"200": 1}, "/readyz": {"200": 1}, "/chat": {"426": 1}, "other": {"404": 2, "400": 1}}
    assert house.worker._report()["visitors"] == 4


def test_those_with_tls_are_counted_until_they_go(open_house, monkeypatch):
    house = open_house()
    admission = house.worker.admission
    ann = house.connect()
    monkeypatch.setattr("parley.server.worker.admission.TLS", type(ann.counted))
    bob = house.connect()
    report = house.worker._report()
    assert (report["connections"], report["encrypted"]) == ({"line": 2}, {"line": 1})
    bob.close()
    house.settle()
    report = house.worker._report()
    assert (report["connections"], report["encrypted"]) == ({"line": 1}, {"line": 0})
    assert not admission._encrypted


def test_a_long_turn_is_counted_as_one(house):
    before = house.worker.stats.turns.plain()["counts"]
    house.worker.now = house.clock.now
    house.clock.now += 0.3
    house.worker._speak()
    after = house.worker.stats.turns.plain()["counts"]
    assert {bound for bound in after if after[bound] != before[bound]} == {"0.5"}


# ---- who asks for the metrics

def scrape(house):
    pytest.importorskip("prometheus_client")
    peer = house.connect(2, protocol="metrics", http=True)
    peer.send(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
    house.settle()
    return peer


def test_any_worker_answers_for_all(house):
    house.member(b"ann", 1)
    totals(house)
    text = scrape(house).heard()
    assert b"\nparley_users 1.0\n" in text
    assert b'\nparley_connections_accepted_total{protocol="line"} ' not in text  # as no port is open here
    assert b"ann" not in text


def test_where_clients_are_too_many_the_metrics_are_still_told(open_house):
    house = open_house(workers=2, connections=2)  # one for each
    for _ in range(3):
        house.connect(2)
    assert scrape(house).heard().startswith(b"HTTP/1.1 200")
    web = house.connect(2, protocol="web", http=True)
    house.settle()
    assert web.heard().startswith(b"HTTP/1.1 503")


def test_scrapers_that_do_nothing_or_read_nothing_do_not_keep_others_out(house):
    """Those that do nothing for the longest time are ended, unless they wait for the answer of the hub."""
    silent = [house.connect(2, protocol="metrics", http=True) for _ in range(MOST_SCRAPERS // 2)]
    slow = [house.connect(2, 4096, "metrics", http=True) for _ in range(MOST_SCRAPERS // 2)]
    for peer in slow:
        peer.send(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
    house.settle()
    served = [scrape(house) for _ in range(MOST_SCRAPERS)]
    assert all(peer.heard().startswith(b"HTTP/1.1 200") for peer in served)
    assert all(peer.heard() == b"" and peer.ended for peer in silent)
    scrapers = house.driven[1].worker.admission.scrapers
    assert len(scrapers) == MOST_SCRAPERS and len(scrapers._until) == MOST_SCRAPERS
    asking = [house.connect(2, protocol="metrics", http=True) for _ in range(MOST_SCRAPERS)]
    for peer in asking:
        peer.send(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
    house.tick()
    assert scrape(house).heard().startswith(b"HTTP/1.1 503"), "who waits for the hub is not ended for another"
    assert all(peer.heard().startswith(b"HTTP/1.1 200") for peer in asking)


def test_what_is_said_over_websocket_is_counted_too(house):
    web = house.connect(protocol="web")
    web.send(said(do="login", name="ann") + said(do="say", text="hi") + said(do="whisper", to="ann", text="hi"))
    house.settle()
    assert totals(house)["messages"]["web"] == {"room": 1, "direct": 1, "command": 1}
