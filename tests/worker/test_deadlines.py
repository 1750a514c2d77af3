"""How long a client may take over things, by an invented clock."""
import pytest

from parley.server.protocols.events import Reason
from parley.server.worker.deadlines import HARD_LIMIT, LINGER, Deadlines

SOFT = 1000  # bytes
LIMITS = {"first_command_seconds": 60, "frame_seconds": 10, "stall_seconds": 20, "outbox_bytes": SOFT}


class Somebody:
    """A connection; `unfinished` says whether a command has begun, `transport` is None once it is closed.

    size: of its outbox.
    """

    def __init__(self, unfinished=False, size=10, is_typed=False, host="192.0.2.1"):
        self.unfinished = unfinished
        self.is_typed = is_typed
        self.transport = object()
        self.outbox = self
        self.size = size
        self._host = host

    def address(self):
        return self._host, 4711


@pytest.fixture
def deadlines():
    one = Deadlines()
    one.limits = LIMITS
    return one


@pytest.fixture
def ann():
    return Somebody()


def test_a_first_command_must_come(deadlines, ann):
    deadlines.arrived(ann, 1000)
    assert deadlines.overdue(1059) == []
    assert deadlines.overdue(1060) == [(ann, Reason.IDLE)]


def test_a_first_command_may_take_for_ever_without_a_limit(deadlines, ann):
    deadlines.limits = dict(LIMITS, first_command_seconds=0)
    deadlines.arrived(ann, 1000)
    assert deadlines.overdue(10 ** 9) == []


def test_who_has_said_something_is_not_awaited_any_more(deadlines, ann):
    deadlines.arrived(ann, 1000)
    deadlines.completed(ann)
    deadlines.completed(ann)
    assert deadlines.overdue(10 ** 9) == []


def test_a_command_that_has_begun_must_end(deadlines):
    ann = Somebody(unfinished=True)
    deadlines.began(ann, 1000)
    assert deadlines.overdue(1009) == []
    assert deadlines.overdue(1010) == [(ann, Reason.TOO_SLOW)]


def test_more_of_the_same_command_wins_no_time(deadlines):
    ann = Somebody(unfinished=True)
    for second in range(10):
        deadlines.began(ann, 1000 + second)
    assert deadlines.overdue(1010) == [(ann, Reason.TOO_SLOW)]


def test_who_types_has_time_for_each_character_and_for_the_whole_line(deadlines):
    ann = Somebody(unfinished=1, is_typed=True)
    for second in range(0, 60, 9):
        deadlines.began(ann, 1000 + second, 60)
        assert deadlines.overdue(1000 + second) == []
    assert deadlines.overdue(1059) == []
    assert deadlines.overdue(1060) == [(ann, Reason.TOO_SLOW)]


def test_who_types_no_further_is_too_slow_all_the_same(deadlines):
    ann = Somebody(unfinished=1, is_typed=True)
    deadlines.began(ann, 1000, 60)
    deadlines.began(ann, 1005, 60)
    assert deadlines.overdue(1014) == []
    assert deadlines.overdue(1015) == [(ann, Reason.TOO_SLOW)]


def test_the_next_line_has_time_of_its_own(deadlines):
    ann = Somebody(unfinished=1, is_typed=True)
    deadlines.began(ann, 1000, 60)
    deadlines.completed(ann)
    deadlines.began(ann, 1059, 60)
    assert deadlines.overdue(1068) == []


def test_unfinished_lines_are_bounded_for_each_address_and_the_longest_end_first(deadlines):
    long = [Somebody(unfinished=SOFT // 2, is_typed=True) for _ in range(3)]
    short = [Somebody(unfinished=10, is_typed=True) for _ in range(10)]
    others = [Somebody(unfinished=SOFT // 2, is_typed=True, host="192.0.2.2") for _ in range(2)]
    framed = [Somebody(unfinished=SOFT) for _ in range(3)]
    for somebody in (*short, *long, *others, *framed):
        deadlines.began(somebody, 1000, 60 if somebody.is_typed else None)
    assert deadlines.overdue(1001) == [(long[0], Reason.TOO_SLOW), (long[1], Reason.TOO_SLOW)]


def test_a_first_command_that_has_begun_must_end_as_soon_as_any(deadlines):
    ann = Somebody(unfinished=True)
    deadlines.arrived(ann, 1000)
    deadlines.began(ann, 1020)
    assert deadlines.overdue(1030) == [(ann, Reason.TOO_SLOW)]


def test_a_first_command_that_begins_late_wins_no_time(deadlines):
    ann = Somebody(unfinished=True)
    deadlines.arrived(ann, 1000)
    deadlines.began(ann, 1055)
    assert deadlines.overdue(1060) == [(ann, Reason.TOO_SLOW)]


def test_who_is_behind_must_take_something(deadlines, ann):
    deadlines.behind(ann, 1000)
    deadlines.behind(ann, 1015)
    assert deadlines.overdue(1019) == []
    assert deadlines.overdue(1020) == [(ann, Reason.SLOW_READER)]


def test_who_takes_some_has_time_again(deadlines, ann):
    deadlines.behind(ann, 1000)
    deadlines.took_some(ann, 1, 1015)
    assert deadlines.overdue(1034) == []
    assert deadlines.overdue(1035) == [(ann, Reason.SLOW_READER)]


def test_who_is_over_the_soft_limit_must_take_as_much_as_that(deadlines):
    ann = Somebody(size=SOFT + 1)
    deadlines.behind(ann, 1000)
    deadlines.took_some(ann, SOFT - 1, 1015)
    assert deadlines.overdue(1020) == [(ann, Reason.SLOW_READER)]
    deadlines.took_some(ann, 1, 1019)
    assert deadlines.overdue(1038) == []
    assert deadlines.overdue(1039) == [(ann, Reason.SLOW_READER)]


def test_who_comes_below_the_soft_limit_has_time_again(deadlines):
    ann = Somebody(size=SOFT + 1)
    deadlines.behind(ann, 1000)
    ann.size = SOFT
    deadlines.took_some(ann, 1, 1015)
    assert deadlines.overdue(1034) == []


def test_only_the_hard_limit_is_one_that_ends_at_once(deadlines):
    assert not deadlines.behind(Somebody(size=HARD_LIMIT * SOFT), 1000)
    assert deadlines.behind(Somebody(size=HARD_LIMIT * SOFT + 1), 1000)


def test_who_has_caught_up_is_not_awaited(deadlines, ann):
    deadlines.behind(ann, 1000)
    deadlines.caught_up(ann)
    deadlines.took_some(ann, 1, 1001)
    assert deadlines.overdue(10 ** 9) == []


def test_who_has_parted_is_only_awaited_to_go(deadlines, ann):
    deadlines.arrived(ann, 1000)
    deadlines.behind(ann, 1000)
    deadlines.parted(ann, 1000)
    assert deadlines.parting == 1
    assert deadlines.overdue(10 ** 9) == []
    assert deadlines.lingering(1000 + LINGER - 0.1) == []
    assert deadlines.lingering(1000 + LINGER) == [ann]


def test_the_closed_are_forgotten(deadlines, ann):
    deadlines.arrived(ann, 1000)
    deadlines.behind(ann, 1000)
    deadlines.closed(ann)
    assert deadlines.overdue(10 ** 9) == []
    deadlines.parted(ann, 1000)
    deadlines.closed(ann)
    assert deadlines.parting == 0
    assert deadlines.lingering(10 ** 9) == []


def test_who_was_lost_before_it_parted_is_not_awaited(deadlines, ann):
    ann.transport = None
    deadlines.parted(ann, 1000)
    assert deadlines.parting == 0
