"""A worker's voice to the hub."""
import pytest

from parley.server.chat.room import LOBBY
from parley.server.chat.session.states import GONE, MEMBER
from parley.server.ipc.messages import ToHub
from parley.server.ipc.queues import AWAITED, CONTROL, HEAD, TALK, called, said
from parley.server.worker.uplink import Uplink

NOW = 1600000000
HOST = "192.0.2.1"


class HubQueue:
    """Remembers what is put."""

    def __init__(self):
        self.puts = []
        self.backlog_size = 0
        self.broken = False

    def put(self, data=b""):
        if self.broken:
            raise BrokenPipeError
        self.puts.append(data)


@pytest.fixture
def queue():
    return HubQueue()


@pytest.fixture
def uplink(queue):
    return Uplink(queue, 9, lambda: NOW)


def contents(data):
    """Each frame of what was put: a call, or a list of records."""
    found = []
    while data:
        size = HEAD.size + HEAD.unpack_from(data)[3]
        frame, data = data[:size], data[size:]
        found.append(called(frame) if HEAD.unpack_from(frame)[0] == CONTROL else list(said(frame)))
    return found


def test_a_tick_is_one_put_in_order_and_talk_in_a_row_one_frame(uplink, queue):
    uplink.say(LOBBY, 1, b"ann", b"one", 5, False)
    uplink.say(LOBBY, 2, b"bob", b"two", None, False)
    uplink.ask(ToHub.Who([1]))
    uplink.say(LOBBY, 1, b"ann", b"three", 0, False)
    uplink.ask(ToHub.Release(1))
    uplink.flush()
    (data,) = queue.puts
    assert contents(data) == [
        [(1, b"ann", b"one", 5), (2, b"bob", b"two", NOW)], ("who", ([1],)), [(1, b"ann", b"three", 0)],
        ("release", (1, b""))]


def test_a_question_goes_up_as_it_is_asked(uplink, queue):
    uplink.ask(ToHub.Claim(1, b"ann", (b"ann",), "Login", b"pw", HOST))
    uplink.ask(ToHub.Whisper(1, b"ann", b"bob", b"hi", 5, HOST))
    uplink.flush()
    assert contents(queue.puts[0]) == [
        ("claim", (1, b"ann", (b"ann",), "Login", b"pw", HOST)),
        ("whisper", (1, b"ann", b"bob", b"hi", 5, HOST, b"", b""))]


def test_talk_carries_the_workers_number(uplink, queue):
    uplink.say(LOBBY, 1, b"ann", b"hi", None, False)
    uplink.flush()
    assert HEAD.unpack_from(queue.puts[0])[2] == 9


@pytest.mark.parametrize("awaited, kind", [
    ([False], TALK), ([True], AWAITED), ([False, True, False], AWAITED), ([False, False], TALK)])
def test_talk_says_whether_anybody_wants_to_know_that_it_is_stored(uplink, queue, awaited, kind):
    for number, wanted in enumerate(awaited):
        uplink.say(LOBBY, number, b"ann", b"hi", None, wanted)
    uplink.flush()
    uplink.say(LOBBY, 1, b"ann", b"next", None, False)
    uplink.flush()
    first, second = queue.puts
    assert (HEAD.unpack_from(first)[0], HEAD.unpack_from(first)[4]) == (kind, len(awaited))
    assert HEAD.unpack_from(second)[0] == TALK


def test_what_is_said_behind_a_question_is_awaited_for_itself(uplink, queue):
    uplink.say(LOBBY, 1, b"ann", b"one", None, True)
    uplink.ask(ToHub.Who([1]))
    uplink.say(LOBBY, 2, b"bob", b"two", None, False)
    uplink.flush()
    (data,) = queue.puts
    kinds = []
    while data:
        kind, _, _, size, _, _, _ = HEAD.unpack_from(data)
        kinds.append(kind)
        data = data[HEAD.size + size:]
    assert kinds == [AWAITED, CONTROL, TALK]


class Told:
    """A session: `state`, and whether it has been sent all that it was told."""

    def __init__(self, state=MEMBER, is_behind=False):
        self.state = state
        self.is_behind = is_behind


def test_what_is_to_be_asked_once_a_session_has_been_sent_everything_waits_for_that(uplink, queue):
    behind, gone = Told(is_behind=True), Told(GONE)
    uplink.ask_once_told(behind, ToHub.Taken(1, b"ann", 7))
    uplink.ask_once_told(gone, ToHub.Taken(2, b"bob", 7))
    for _ in range(2):
        uplink.told()
        uplink.flush()
    assert queue.puts == []
    behind.is_behind = False
    uplink.told()
    uplink.told()
    uplink.flush()
    assert contents(queue.puts.pop()) == [("taken", (1, b"ann", 7))]


def test_who_goes_before_it_has_been_sent_everything_has_taken_nothing(uplink, queue):
    behind = Told(is_behind=True)
    uplink.ask_once_told(behind, ToHub.Taken(1, b"ann", 7))
    uplink.told()
    behind.state, behind.is_behind = GONE, False
    uplink.told()
    uplink.flush()
    assert queue.puts == []


def test_what_is_to_be_asked_once_told_waits_until_it_has_been_told(uplink, queue):
    uplink.ask_once_told(Told(), ToHub.Taken(1, b"ann", 7))
    uplink.ask_once_told(Told(), ToHub.Taken(2, b"bob", 8))
    uplink.ask(ToHub.Who([1]))
    uplink.flush()
    assert contents(queue.puts.pop()) == [("who", ([1],))]
    uplink.told()
    uplink.told()
    uplink.flush()
    uplink.flush()
    assert contents(queue.puts.pop()) == [("taken", (1, b"ann", 7)), ("taken", (2, b"bob", 8))]
    assert queue.puts == []


def test_a_tick_in_which_nothing_was_asked_puts_nothing(uplink, queue):
    uplink.flush()
    uplink.say(LOBBY, 1, b"ann", b"hi", None, False)
    uplink.flush()
    uplink.flush()
    assert len(queue.puts) == 1


def test_it_is_full_while_the_hub_does_not_take_everything(uplink, queue):
    assert not uplink.full
    queue.backlog_size = 1
    assert uplink.full
    uplink.retry()
    assert queue.puts == [b""]


def test_without_a_hub_everything_is_asked_in_vain(uplink, queue):
    queue.broken, queue.backlog_size = True, 1
    uplink.ask(ToHub.Who([1]))
    uplink.flush()
    assert not uplink.full
    queue.broken = False
    uplink.ask(ToHub.Done())
    uplink.flush()
    uplink.retry()
    assert queue.puts == []


def test_any_request_can_be_asked(uplink, queue):
    uplink.ask(ToHub.Ready())
    uplink.flush()
    assert contents(queue.puts[-1]) == [("ready", ())]


def test_talk_in_a_row_in_one_room_is_one_frame_and_in_another_room_another(uplink, queue):
    for room, text in ((LOBBY, b"1"), (5, b"2"), (5, b"3"), (6, b"4"), (LOBBY, b"5"), (LOBBY, b"6"), (5, b"7")):
        uplink.say(room, 1, b"ann", text, 7, False)
    uplink.ask(ToHub.Exit(1, b"#dev"))
    uplink.say(5, 1, b"ann", b"8", 7, True)
    uplink.say(6, 1, b"ann", b"9", 7, False)
    uplink.flush()
    (data,) = queue.puts
    found = []
    while data:
        kind, room, worker, size, count, _, _ = HEAD.unpack_from(data)
        found.append((kind, room, count) if kind != CONTROL else called(data[:HEAD.size + size])[0])
        data = data[HEAD.size + size:]
    assert found == [(TALK, LOBBY, 1), (TALK, 5, 2), (TALK, 6, 1), (TALK, LOBBY, 2), (TALK, 5, 1), "exit",
                     (AWAITED, 5, 1), (TALK, 6, 1)]
