"""Limits: each holds in every protocol, is said in its words, counted by its reason, and logged once."""
import errno
import logging

import pytest
from web_frames import frame, said

from parley.server.ipc.messages import ToWorker
from parley.server.protocols import PROTOCOLS
from parley.server.worker.strangers import MINUTE, MOST_LINES

HEADERS = {  # the beginning of a frame that is never completed
    "line": b"MSG he",
    "binary": b"\x01\x00",
    "padded": b"12   ",
    "delimited": b"\x00\x02\x00",
    "dollar": b"$12  ",
    "web": frame(b'{"do":"ping"}')[:4],
    "irc": b"NICK a",
}
ENDLESS = {  # the beginning of a frame of 100 bytes or more of text, as far as it has to be heard to be refused
    "line": b"MSG " + b"x" * 100,
    "binary": b"\x01\x00\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00\x64" + bytes(14),
    "padded": b"%-64d" % 1000,
    "delimited": b"\x00\x02" + (5000).to_bytes(40, "big"),
    "dollar": b"$%-10d" % 50000,
    "web": frame(b"x" * 65537)[:14],
    "irc": b"NICK " + b"x" * 65537,
}
ASKS = {  # what is answered in some way
    "line": b"PING\n",
    "binary": b"\x01\x00\x00\x00\xd3" + bytes(22),
    "padded": b"%-64d" % 0,
    "delimited": b"\x00\x01" + bytes(40),
    "dollar": b"$16        {'purpose': 'x'}$",
    "web": said(do="ping"),
    "irc": b"PING x\r\n",
}
REFUSED = {  # what is refused for this reason, by a stranger
    "line": (b"WHO\n", "must-login"),
    "binary": (b"\x01\x00\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00\x01" + bytes(14) + b"x", "must-login"),
    "padded": (b"%-64d\xff" % 1, "not-utf8"),
    "delimited": (b"\x00\x03" + bytes(40), "must-login"),
    "dollar": (b"$19        {'purpose': 'poll'}$", "must-login"),
    "web": (said(do="who"), "must-login"),
    "irc": (b"NICK server\r\nUSER a b c :d\r\n", "invalid-name"),
}
WORDS = {
    "too-slow": {"line": b"ERR line-timeout\n", "binary": b"not arrive in time", "padded": b"not arrive in time",
                 "delimited": b"took too long", "dollar": b"", "web": b"\x0f\xa2too-slow",
                 "irc": b"not arrive in time"},
    "too-long": {"line": b"ERR line-too-long\n", "binary": b"too long", "padded": b"too long",
                 "delimited": b"too long", "dollar": b"", "web": b"\x03\xf1too-long"},
    "idle": {"line": b"INFO idle-timeout\n", "binary": b"silent for too long", "delimited": b"silent for too long",
             "dollar": b"", "web": b"\x0f\xa2idle", "irc": b"silent for too long"},
    "too-many-connections": {
        "line": b"ERR too-many-connections\n", "binary": b"too many connections", "padded": b"too many connections",
        "delimited": b"too many connections", "dollar": b"", "web": b"\x03\xf0too-many-connections",
        "irc": b"too many connections"},
}

every_protocol = pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
# Lines of IRC that are too long are skipped.
whoever_is_ended = pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"irc"}))


@pytest.fixture
def ended(caplog):
    """What was logged of connections that ended: (level, fields) of each."""
    caplog.set_level(logging.DEBUG, "parley.server")
    return lambda: [(record.levelname, record.args) for record in caplog.records if record.msg == "connection ended"]


def assert_ended(house, peer, ended, protocol, reason):
    """It was told so, hears nothing more, and is accounted for."""
    words = WORDS[reason][protocol]
    heard = peer.heard()
    assert words in heard if words else heard == b""
    assert peer.ended
    (level, fields), = ended()
    assert level == "INFO"
    assert (fields["protocol"], fields["reason"], fields["name"]) == (protocol, reason, None)
    assert (fields["host"], fields["port"]) == ("192.0.2.1", 4711)
    assert house.worker._report()["ended"] == {reason: 1}
    assert house.worker._report()["connections"] == {protocol: 0}


@every_protocol
def test_a_frame_that_is_not_completed_in_time(open_house, ended, protocol):
    house = open_house(frame_seconds=3, first_command_seconds=0)
    peer = house.connect(protocol=protocol)
    peer.send(HEADERS[protocol])
    house.settle()
    house.wait(2.5)
    assert ended() == []
    house.wait(2)
    assert_ended(house, peer, ended, protocol, "too-slow")


@whoever_is_ended
def test_a_text_that_is_too_long(open_house, ended, protocol):
    house = open_house(line_bytes=50, text_bytes={name: 50 for name in PROTOCOLS})
    peer = house.connect(protocol=protocol)
    peer.send(ENDLESS[protocol])
    house.settle()
    assert_ended(house, peer, ended, protocol, "too-long")


@whoever_is_ended
def test_the_length_of_texts_is_a_limit_of_each_protocol(open_house, ended, protocol):
    texts = {name: 50 if name == protocol else 100000 for name in PROTOCOLS}
    house = open_house(line_bytes=texts["line"], text_bytes=texts)
    peers = {name: house.connect(protocol=name) for name in PROTOCOLS}
    for name, peer in peers.items():
        peer.send(ENDLESS[name])
    house.settle()
    assert [fields["protocol"] for _, fields in ended()] == [protocol]


@pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"padded"}))
def test_a_client_that_asks_nothing(open_house, ended, protocol):
    house = open_house(first_command_seconds=3)
    peer = house.connect(protocol=protocol)
    house.wait(2.5)
    assert ended() == []
    house.wait(2)
    assert_ended(house, peer, ended, protocol, "idle")


@pytest.mark.parametrize("protocol", ["binary", "delimited", "dollar"])
def test_a_client_that_asks_its_user_for_a_name_has_time(open_house, ended, protocol):
    house = open_house()
    house.connect(protocol=protocol)
    for _ in range(10):
        house.clock.now += 120
        house.settle()
    assert ended() == []


def test_who_may_only_listen_need_not_ask(open_house, ended):
    house = open_house(first_command_seconds=3)
    house.connect(protocol="padded")
    house.wait(10)
    assert ended() == []


@every_protocol
def test_a_client_that_says_too_much_is_held(open_house, protocol):
    house = open_house(messages_per_second=1)
    peer, calm = house.connect(protocol=protocol), house.connect(protocol=protocol)
    peer.send(ASKS[protocol] * 15)
    calm.send(ASKS[protocol] * 5)
    house.settle(40)
    assert house.worker._report()["held"] == 1
    assert house.worker._report()["messages"] in (15, 16)  # the burst; some tests let a moment pass
    answers = calm.heard()
    calm.send(ASKS[protocol])
    house.settle()
    assert calm.heard() and len(answers) < len(peer.heard())
    house.wait(6)
    assert house.worker._report()["held"] == 0
    assert house.worker._report()["messages"] == 21


@pytest.mark.slow
@every_protocol
def test_a_reader_too_far_behind(open_house, ended, protocol):
    house = open_house(outbox_bytes=20000, messages_per_second=0, first_command_seconds=0)
    peer = house.connect(protocol=protocol, buffer=4096)
    bob = house.member(b"bob")
    if protocol == "delimited":  # a stranger hears nothing but answers, which it is to read one after the other
        peer.send(b"\0\0" + (3).to_bytes(40, "big") + b"eva")
    for _ in range(4000):
        if protocol == "delimited":
            bob.send(b"MSG hello, everybody\n" * 10)
        else:
            peer.send(ASKS[protocol] * 10)
        house.settle(2)
        if ended():
            break
    (_, fields), = ended()
    assert (fields["protocol"], fields["reason"]) == (protocol, "slow-reader")
    assert house.worker._report()["ended"] == {"slow-reader": 1}


@every_protocol
def test_a_refused_command_is_counted_and_logged(house, caplog, protocol):
    caplog.set_level(logging.DEBUG, "parley.server")
    command, reason = REFUSED[protocol]
    house.connect(protocol=protocol).send(command)
    house.settle()
    assert house.worker._report()["refused"] == {reason: 1}
    refusal, = [record.args for record in caplog.records if record.msg == "command refused"]
    assert (refusal["protocol"], refusal["reason"]) == (protocol, reason)


def test_what_the_hub_refuses_is_counted_too(house):
    house.member(b"ann")
    house.connect().send(b"LOGIN ann\n")
    house.settle()
    assert house.worker._report()["refused"] == {"name-taken": 1}


# ---- connections


@every_protocol
def test_one_connection_too_many_of_a_worker(open_house, ended, protocol):
    house = open_house(connections=2)
    others = [house.connect(protocol="line") for _ in range(2)]
    peer = house.connect(protocol=protocol)
    house.settle()
    assert WORDS["too-many-connections"][protocol] in peer.heard() and peer.ended
    (level, fields), = ended()
    assert (level, fields["protocol"], fields["reason"]) == ("INFO", protocol, "too-many-connections")
    others.pop().close()
    house.settle()
    house.connect(protocol=protocol)
    house.settle()
    assert house.worker._report()["ended"] == {"too-many-connections": 1, "hangup": 1}
    assert house.worker._report()["accepted"] == 4


@every_protocol
def test_one_connection_too_many_of_an_address(open_house, ended, protocol):
    house = open_house(workers=2, connections_per_address=2)
    first, _ = house.connect(1, protocol=protocol), house.connect(2, protocol=protocol)
    house.settle()
    peer = house.connect(1, protocol=protocol)
    house.settle()
    assert WORDS["too-many-connections"][protocol] in peer.heard() and peer.ended
    (_, fields), = ended()
    assert fields["reason"] == "too-many-connections"
    first.close()
    house.settle()
    house.connect(2, protocol=protocol)
    house.settle()
    assert house.driven[1].worker._report()["ended"] == {}


def test_who_is_one_too_many_says_nothing(open_house):
    house = open_house(connections_per_address=1)
    ann = house.member(b"ann")
    house.connect().send(b"LOGIN bob\nMSG hi\n")
    house.settle(12)
    assert b"hi" not in ann.heard()
    ann.send(b"WHO\n")
    house.settle()
    assert ann.heard() == b"USER ann\n"


def test_without_a_limit_the_hub_is_not_asked(house):
    house.connect()
    house.tick()
    assert not house.worker.uplink._frames and not house.worker.admission._counted
    assert not house.hub.census._crowds


def configure(house, **limits):
    settings = house.settings._replace(limits=dict(house.settings.limits, **limits))
    house.hub.census.most = settings.limits["connections_per_address"]
    house.hub.everyone(ToWorker.Configure(settings.of_workers()))
    house.settle()


def test_a_limit_per_address_may_come_and_go(open_house):
    house = open_house()
    house.member(b"before")
    configure(house, connections_per_address=1)
    counted = house.member(b"counted")
    assert house.connect() and house.settle() is None
    configure(house, connections_per_address=0)
    house.member(b"meanwhile")
    counted.close()
    house.settle()
    configure(house, connections_per_address=1)
    house.member(b"after")
    assert house.worker._report()["ended"] == {"too-many-connections": 1, "hangup": 1}


def test_the_limit_of_texts_changes_for_those_who_come(open_house):
    house = open_house()
    configure(house, line_bytes=10)
    ann = house.connect()
    ann.send(b"x" * 12)
    house.settle()
    assert ann.heard() == b"ERR line-too-long\n"


# ---- how connections end


ENDS = {  # by reason
    "hangup": lambda house, peer: peer.close(),
    "quit": lambda house, peer: peer.send(b"\x01\x00\x00\x00\xcd" + bytes(22)),
    "shutdown": lambda house, peer: house.hub.everyone(ToWorker.End()),
}


@pytest.mark.parametrize("reason", sorted(ENDS))
def test_the_end_of_a_member_is_told_with_name_and_time(house, ended, reason):
    peer = house.connect(protocol="binary")
    peer.send(b"\x01\x00\x00\x00\xc8\x00\x00\x00\x00\x00\x00\x00\x03" + bytes(14) + b"ann")
    house.settle()
    assert peer.heard()
    house.clock.now += 7.25
    ENDS[reason](house, peer)
    house.settle()
    (level, fields), = ended()
    assert level == "INFO"
    assert fields == {"protocol": "binary", "host": "192.0.2.1", "port": 4711, "name": "ann", "seconds": 7.25,
                      "reason": reason}


@pytest.mark.parametrize("name, level", [(b"ann", "INFO"), (None, "DEBUG")])
def test_a_reset_is_told_from_a_hangup(house, ended, name, level):
    peer = house.member(name) if name else house.connect()

    def recv(*arguments):
        raise ConnectionResetError

    peer.counted.recv = recv
    peer.send(b"x")
    house.settle()
    (logged, fields), = ended()
    assert (logged, fields["reason"], fields["host"]) == (level, "reset", "192.0.2.1")
    assert house.worker._report()["ended"] == {"reset": 1}


def test_strangers_cannot_fill_the_log_and_members_have_their_lines(house, ended, caplog):
    ann = house.member(b"ann")
    for _ in range(MOST_LINES + 40):
        house.connect(protocol="binary").send(b"x" * 27)
        house.settle(1)
    house.settle()
    ann.close()
    house.settle()
    told = ended()
    assert [level for level, fields in told if fields["name"] is None] == ["INFO"] * MOST_LINES + ["DEBUG"] * 40
    assert [level for level, fields in told if fields["name"] == "ann"] == ["INFO"]
    house.wait(MINUTE + 1)
    assert [(record.levelname, record.getMessage(), record.args["addresses"])
            for record in caplog.records if "more like it" in record.msg] == [
        ("INFO", "connection ended: 40 more like it", 1)]


def test_a_worker_without_descriptors_says_so_within_bounds(house, caplog):
    caplog.set_level(logging.WARNING)
    for _ in range(MOST_LINES + 40):
        house.worker.admission.stop_accepting(OSError(errno.EMFILE, "Too many open files"))
    assert [record.getMessage() for record in caplog.records] == [
        "not accepting for a moment: Too many open files"] * MOST_LINES


def test_a_stranger_who_only_came_and_left_is_for_debugging(house, ended):
    house.connect().close()
    house.settle()
    (level, fields), = ended()
    assert (level, fields["reason"], fields["name"]) == ("DEBUG", "hangup", None)


def test_above_info_an_end_costs_no_line(house, caplog, monkeypatch):
    caplog.set_level(logging.WARNING, "parley.server")
    peer = house.member(b"ann")
    monkeypatch.setattr(type(house.worker.admission.connections[1]), "described", None)
    peer.close()
    house.settle()
    assert house.worker._report()["ended"] == {"hangup": 1}


def test_a_text_and_a_password_are_never_logged(open_house, caplog):
    caplog.set_level(logging.DEBUG, "parley.server")
    house = open_house()
    ann = house.connect()
    ann.send(b"LOGIN ann hidden\nLOGIN ann\nMSG hidden\nDM bob hidden\nWHAT hidden\nDM ann hidden\n")
    house.settle(12)
    ann.close()
    house.settle()
    assert caplog.records
    assert "hidden" not in "".join(record.getMessage() + str(record.args) for record in caplog.records)


# ---- what a worker reports


def test_a_report_counts_what_was_said_and_heard(house):
    ann, bob, ben = house.member(b"ann"), house.member(b"bob"), house.connect(protocol="binary")
    before = house.worker._report()
    ann.send(b"MSG one\nMSG two\nPING\n")
    house.settle()
    after = house.worker._report()
    assert after["connections"] == {"line": 2, "binary": 1}
    assert after["messages"] - before["messages"] == 3
    assert after["deliveries"] - before["deliveries"] == 2  # to bob; what is not said is known later
    assert after["pid"] and after["behind"] == after["held"] == 0
    assert bob.heard() == b"MSG ann one\nMSG ann two\n" and ben.heard() == b""


def test_a_reader_that_is_behind_is_in_the_report(house):
    slow = house.member(b"slow", buffer=4096)
    ann = house.member(b"ann")
    ann.send(b"MSG %b\n" % (b"x" * 8000) * 5)
    house.settle()
    assert house.worker._report()["behind"] == 1
    while slow.heard():
        house.settle()
    assert house.worker._report()["behind"] == 0


def test_the_hub_knows_the_latest_report_of_each_worker(house):
    house.member(b"ann", worker=2)
    house.wait(3)
    status = house.hub.status()
    assert (status["names"], status["accounts"]) == (1, 0)
    one, two = status["workers"][1], status["workers"][2]
    assert one["report"]["connections"] == {} and two["report"]["connections"] == {"line": 1}
    assert one["queued_bytes"] == 0 and one["ready"] and one["missed_signs_of_life"] <= 1
