"""One client's socket in a worker: what arrives, what is held back, and how it ends."""
import logging
import types

import pytest

from parley.server.chat.session.states import HANDLERS, MEMBER, STRANGER
from parley.server.protocols.events import Ping
from parley.server.worker import connection
from parley.server.worker.deadlines import LINGER
from parley.server.worker.strangers import MINUTE, MOST_LINES


def test_a_conversation_across_two_workers(house):
    ann, bob = house.member(b"ann", worker=1), house.member(b"bob", worker=2)
    ann.send(b"MSG hi\nWHO\nDM bob psst\nPING\n")
    house.settle()
    assert bob.heard() == b"MSG ann hi\nDM ann psst\n"
    assert ann.heard() == b"USER ann\nUSER bob\nPONG\n"


def test_everything_in_one_breath_is_done_in_order(house):
    bob, ann = house.member(b"bob"), house.connect()
    ann.send(b"PING\nLOGIN bob\nLOGIN ann\nMSG hi\nWHO\nDM nobody hi\nDM ann me\nWHAT\nPING\n")
    house.settle(12)
    assert ann.heard() == (
        b"ERR must-login-first\nERR username-taken\nOK\nUSER bob\nUSER ann\nERR user-not-found\nDM ann me\n"
        b"ERR unknown-command\nPONG\n")
    assert bob.heard() == b"MSG ann hi\n"


# ---- reading


def test_nothing_is_read_while_a_question_is_open(house):
    ann = house.member(b"ann")
    ann.send(b"WHO\n")
    house.tick()
    before = ann.counted.recvs
    for _ in range(5):
        ann.send(b"PING\n")
        house.tick()
    assert ann.counted.recvs == before
    assert ann.heard() == b""
    house.settle()
    assert ann.heard() == b"USER ann\n" + b"PONG\n" * 5


def test_an_open_question_does_not_keep_the_loop_awake(house):
    ann = house.member(b"ann")
    ann.send(b"WHO\n")
    house.tick()
    ann.send(b"PING\n")
    house.tick()
    house.tick()
    assert house.driven[0].found == []


def test_who_only_hung_up_its_sending_side_still_gets_its_answers(house):
    bob, ann = house.member(b"bob"), house.connect()
    ann.send(b"LOGIN ann\nMSG hi\nWHO\n")
    ann.hang_up()
    house.settle(10)
    assert ann.heard() == b"OK\nUSER bob\nUSER ann\n"
    assert ann.ended
    assert bob.heard() == b"MSG ann hi\nINFO ann disconnected\n"


def test_a_line_that_never_ended_is_not_said(house):
    bob, ann = house.member(b"bob"), house.member(b"ann")
    ann.send(b"MSG whole\nMSG par")
    ann.hang_up()
    house.settle()
    assert bob.heard() == b"MSG ann whole\nINFO ann disconnected\n"


def test_a_flood_is_delayed_and_nothing_of_it_is_dropped(open_house):
    house = open_house(messages_per_second=10)
    bob, ann = house.member(b"bob"), house.member(b"ann")
    for number in range(300):
        ann.send(b"MSG %d\n" % number)
        house.settle(2)
    house.settle()
    at_once = bob.heard()
    assert 90 <= at_once.count(b"\n") <= 110
    house.wait(31)
    assert at_once + bob.heard() == b"".join(b"MSG ann %d\n" % number for number in range(300))


def test_who_comes_back_after_a_flood_has_the_rate_and_no_burst(open_house):
    house = open_house(messages_per_second=10)
    bob, ann = house.member(b"bob"), house.member(b"ann")
    ann.send(b"MSG much\n" * 95)
    house.settle()
    ann.close()
    house.settle()
    assert bob.heard().count(b"much") == 95
    again = house.connect()
    again.send(b"LOGIN ann\n" + b"MSG more\n" * 95)
    house.settle()
    assert bob.heard().count(b"more") < 20
    house.wait(11)
    assert bob.heard().count(b"more") > 70


def test_a_held_client_is_not_blamed_for_the_line_that_is_not_read(open_house):
    house = open_house(messages_per_second=10, frame_seconds=10)
    ann = house.member(b"ann")
    ann.send(b"PING\n" * 400 + b"PI")  # 40 seconds' worth
    house.wait(12)
    ann.send(b"NG\n")
    house.wait(30)
    assert ann.heard() == b"PONG\n" * 401
    assert not ann.ended


def test_a_held_client_that_sends_is_not_idle(open_house):
    house = open_house(messages_per_second=10, idle_timeout={"line": 60})
    ann = house.member(b"ann")
    ann.send(b"PING\n" * 900)  # 90 seconds' worth
    heard = b""
    for _ in range(20):
        ann.send(b"PING\n")
        house.wait(4)
        heard += ann.heard()
        assert not ann.ended, heard[-20:]
    house.wait(12)
    assert heard + ann.heard() == b"PONG\n" * 920


# ---- writing


def test_a_slow_reader_gets_everything_in_order(house):
    bob, ann = house.member(b"bob", buffer=4096), house.member(b"ann")
    said = [b"%d " % number + b"x" * 700 for number in range(80)]
    for text in said:
        ann.send(b"MSG %b\n" % text)
        house.settle(2)
    heard = b""
    for _ in range(100):
        heard += bob.heard()
        house.settle(1)
    assert heard == b"".join(b"MSG ann %b\n" % text for text in said)


def test_a_slow_reader_that_falls_too_far_behind_is_ended_between_two_messages(open_house):
    house = open_house(outbox_bytes=20000)
    bob, ann = house.member(b"bob", buffer=4096), house.member(b"ann")
    for _ in range(200):
        ann.send(b"MSG %b\n" % (b"x" * 990))
        house.settle(2)
    assert ann.heard() == b"INFO bob disconnected\n"
    heard = b""
    for _ in range(20):
        heard += bob.heard()
        house.settle(1)
    lines = heard.split(b"\n")
    assert bob.ended
    assert lines[-2:] == [b"INFO slow-reader", b""]
    assert set(lines[:-2]) == {b"MSG ann " + b"x" * 990}


def test_a_slow_reader_hears_why_even_if_one_tick_was_too_much(open_house):
    house = open_house(outbox_bytes=20000)
    bob, ann = house.member(b"bob", buffer=4096), house.member(b"ann")
    ann.send((b"MSG %b\n" % (b"x" * 990)) * 180)
    house.settle()
    assert ann.heard() == b"INFO bob disconnected\n"
    heard = b""
    for _ in range(60):
        heard += bob.heard()
        house.settle(1)
    assert heard[-17:] == b"INFO slow-reader\n"


def test_a_slow_reader_that_takes_nothing_is_ended_after_a_while(open_house):
    house = open_house(stall_seconds=10)
    house.member(b"bob", buffer=4096)
    ann = house.member(b"ann")
    for _ in range(40):
        ann.send(b"MSG %b\n" % (b"x" * 990))
        house.settle(2)
    house.wait(8)
    assert ann.heard() == b""
    house.wait(4)
    assert ann.heard() == b"INFO bob disconnected\n"


def test_a_slow_reader_that_takes_something_is_let_be(open_house):
    house = open_house(stall_seconds=10)
    bob, ann = house.member(b"bob", buffer=4096), house.member(b"ann")
    for _ in range(200):
        ann.send(b"MSG %b\n" % (b"x" * 990))
        house.settle(2)
    for _ in range(4):
        assert bob.heard()
        house.wait(8)
    assert ann.heard() == b""


def test_many_answers_in_one_tick_are_sent_although_they_are_many_slices(house):
    bob, ann = house.member(b"bob"), house.member(b"ann")
    bob.send(b"MSG bob\n" * 900)
    ann.send(b"MSG ann\n" * 900)
    house.settle()
    assert bob.heard() == b"MSG ann ann\n" * 900
    assert ann.heard() == b"MSG bob bob\n" * 900


# ---- the end


def test_the_last_words_arrive_although_unread_input_is_pending(house):
    ann = house.member(b"ann")
    ann.send(b"x" * 9000)
    house.tick()
    ann.send(b"MSG more\n" * 10000)
    house.settle()
    assert ann.heard() == b"ERR line-too-long\n"
    assert ann.ended
    ann.close()
    house.settle()
    assert house.worker.deadlines.parting == 0
    assert ann.counted.fileno() == -1


def test_what_comes_after_the_end_is_not_said(house):
    bob, ann = house.member(b"bob"), house.member(b"ann")
    ann.send(b"x" * 9000 + b"\nMSG more\n")
    house.tick()
    ann.send(b"MSG still more\n")
    house.settle()
    assert bob.heard() == b"INFO ann disconnected\n"


def test_who_does_not_go_after_its_end_is_closed(house):
    ann = house.member(b"ann")
    ann.send(b"x" * 9000)
    house.wait(LINGER + 2)
    assert house.worker.deadlines.parting == 0
    assert ann.counted.fileno() == -1


def test_a_reset_frees_the_name_and_the_others_are_told_once(house):
    bob, ann = house.member(b"bob", worker=2), house.member(b"ann")
    bob.send(b"MSG unread\n")
    house.settle()
    ann.close()
    house.settle()
    assert bob.heard() == b"INFO ann disconnected\n"
    house.member(b"ann")


def test_a_client_lost_while_it_is_told_something_leaves_nothing_behind(house):
    bob, ann = house.member(b"bob"), house.member(b"ann")
    bob.send(b"MSG one\n")
    house.settle()
    bob.send(b"MSG two\n")
    house.tick()
    house.hub.turn(0)  # "two" is on its way down
    ann.close()
    house.settle()
    assert bob.heard() == b"INFO ann disconnected\n"
    house.wait(LINGER + 2)
    assert house.worker.deadlines.parting == 0


def test_a_loss_that_shows_only_in_a_send_frees_the_name_too(house):
    bob, ann = house.member(b"bob"), house.member(b"ann")
    ann.send(b"WHO\n")
    house.tick()
    ann.send(b"PING\n")
    house.tick()  # a question is open, so ann is not read
    ann.close()
    bob.send(b"MSG hi\n")
    house.settle()
    assert bob.heard() == b"INFO ann disconnected\n"
    house.wait(LINGER + 2)
    assert house.worker.deadlines.parting == 0


def test_a_bug_in_a_handler_costs_one_connection_only(house, monkeypatch, caplog):
    def break_down(session, command):
        raise ZeroDivisionError("of all things")

    bob, ann = house.member(b"bob"), house.member(b"ann")
    monkeypatch.setitem(HANDLERS[MEMBER], Ping, break_down)
    ann.send(b"MSG before\nPING\nMSG after\n")
    house.settle()
    assert ann.heard() == b"ERR internal-error\n"
    assert ann.ended
    bob.send(b"WHO\n")
    house.settle()
    assert bob.heard() == b"MSG ann before\nINFO ann disconnected\nUSER bob\n"
    assert "ZeroDivisionError: of all things" in caplog.text
    assert "Traceback" in caplog.text


def test_a_bug_that_shows_again_and_again_cannot_fill_the_log(house, monkeypatch, caplog):
    def break_down(session, command):
        raise ZeroDivisionError("of all things")

    caplog.set_level(logging.INFO)
    monkeypatch.setitem(HANDLERS[STRANGER], Ping, break_down)
    for _ in range(MOST_LINES + 40):
        house.connect().send(b"PING\n")
        house.settle(1)
    bugs = [record for record in caplog.records if record.exc_info]
    assert [record.levelname for record in bugs] == ["ERROR"] * MOST_LINES
    assert {record.args["host"] for record in bugs} == {"192.0.2.1"}
    caplog.clear()
    house.wait(MINUTE + 1)
    assert "a bug: 40 more like it" in [record.getMessage() for record in caplog.records]
    house.connect().send(b"PING\n")
    house.settle()
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


def test_a_bug_behind_a_question_costs_one_connection_only(house, monkeypatch):
    def break_down(session, command):
        raise ZeroDivisionError("of all things")

    ann = house.member(b"ann")
    monkeypatch.setitem(HANDLERS[MEMBER], Ping, break_down)
    ann.send(b"WHO\nPING\n")
    house.settle()
    assert ann.heard() == b"USER ann\nERR internal-error\n"
    house.member(b"ann")


# ---- the clock

# Settings, what the client sends at 0 s, until when it is let be, when it is ended, and the last line it hears.
LIMITS = [
    ({}, b"", 59, 62, b"INFO idle-timeout\n"),
    ({"first_command_seconds": 0, "idle_timeout": {"line": 0}}, b"", 500, None, b""),
    ({"first_command_seconds": 0}, b"", 59, 70, b"INFO idle-timeout\n"),
    ({}, b"LOGIN", 9, 12, b"ERR line-timeout\n"),
    ({}, b"LOGIN ann\nMS", 9, 12, b"ERR line-timeout\n"),
    ({}, b"LOGIN ann\n", 59, 70, b"INFO idle-timeout\n"),
    ({"idle_timeout": {"line": 5}}, b"LOGIN ann\n", 4.5, 7, b"INFO idle-timeout\n"),
    ({"idle_timeout": {"line": 0}}, b"LOGIN ann\n", 500, None, b""),
]


@pytest.mark.parametrize("settings, sent, lives, ends, farewell", LIMITS)
def test_who_takes_too_long_is_told_so_and_ended(open_house, settings, sent, lives, ends, farewell):
    house = open_house(**settings)
    ann = house.connect()
    ann.sock.send(sent)
    house.wait(lives)
    ann.heard()
    assert not ann.ended
    if ends:
        house.wait(ends - lives)
        assert ann.heard() == farewell
        assert ann.ended


def test_whoever_sends_is_not_idle(house):
    ann = house.member(b"ann")
    for _ in range(4):
        house.wait(50)
        ann.send(b"PING\n")
    house.wait(50)
    assert ann.heard() == b"PONG\n" * 4
    assert not ann.ended


def test_whoever_waits_for_an_answer_is_not_idle_and_counts_as_silent_from_that_answer_on(house, store):
    ann = house.member(b"ann")
    store.late = True
    ann.send(b"HISTORY 1\n")
    house.wait(70)
    assert ann.heard() == b"" and not ann.ended
    store.answer()
    house.wait(50)
    assert ann.heard().startswith(b"END HISTORY ") and not ann.ended
    house.wait(20)
    assert ann.heard() == b"INFO idle-timeout\n" and ann.ended


def test_the_idle_are_missed_by_the_others(house):
    bob = house.member(b"bob", worker=2)
    house.member(b"ann")
    house.wait(40)
    bob.send(b"PING\n")
    house.wait(26)
    assert bob.heard() == b"PONG\nINFO ann disconnected\n"


@pytest.mark.parametrize("host, size", [("192.0.2.1", 4), ("2001:db8::7:1", 16), ("fe80::1%eth0", 12), ("", 0)])
def test_whence_a_client_comes_is_kept_in_as_many_bytes_as_the_kernel_needs(host, size):
    transport = types.SimpleNamespace(getpeername=lambda: (host, 4711))
    kept = types.SimpleNamespace(_origin=connection._origin(transport, 12.5))
    assert connection.Connection.address(kept) == (host, 4711)
    assert (len(kept._origin), connection.Connection._came_at(kept)) == (11 + size, 12.5)
