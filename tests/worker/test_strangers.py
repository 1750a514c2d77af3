"""How much the log says of strangers."""
import logging

import pytest

from parley.server.worker import strangers as strangers_module
from parley.server.worker.strangers import MINUTE, MOST_ADDRESSES, MOST_LINES, Strangers

INFO, DEBUG, WARNING = logging.INFO, logging.DEBUG, logging.WARNING


@pytest.fixture
def strangers(caplog):
    caplog.set_level(DEBUG, logger=strangers_module.__name__)
    return Strangers()


@pytest.fixture
def summed_up(caplog):
    """What the summaries since the last time say: (level, kind, more, addresses) of each."""
    def told():
        found = [(record.levelno, record.args["kind"], record.args["more"], record.args["addresses"])
                 for record in caplog.records]
        caplog.clear()
        return found

    return told


def levels(strangers, count, now, kind="ended", host="192.0.2.1", **more):
    return [strangers.level(kind, host, now, **more) for _ in range(count)]


def test_a_minute_has_so_many_lines_whatever_they_come_from(strangers):
    assert levels(strangers, MOST_LINES - 1, 7.0) == [INFO] * (MOST_LINES - 1)
    assert levels(strangers, 9, 30.0, host="192.0.2.2") == [INFO] + [DEBUG] * 8


def test_the_next_minute_has_as_many_and_the_rest_of_the_last_is_summed_up(strangers, summed_up):
    levels(strangers, MOST_LINES, 7.0)
    for host in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "::ffff:192.0.2.2"):
        levels(strangers, 100, 8.0, host=host)
    strangers.look_at_clock(7.0 + MINUTE - 0.001)
    assert summed_up() == []
    strangers.look_at_clock(7.0 + MINUTE)
    assert summed_up() == [(INFO, "ended", 600, 3)]
    assert levels(strangers, MOST_LINES + 1, 90.0) == [INFO] * MOST_LINES + [DEBUG]
    strangers.look_at_clock(1000.0)
    strangers.look_at_clock(2000.0)
    assert summed_up() == [(INFO, "ended", 1, 1)]


def test_the_minute_ends_with_the_next_event_too(strangers, summed_up):
    levels(strangers, MOST_LINES + 5, 7.0)
    assert levels(strangers, 1, 7.0 + MINUTE) == [INFO]
    assert summed_up() == [(INFO, "ended", 5, 1)]


def test_what_had_its_line_is_not_summed_up(strangers, summed_up):
    levels(strangers, MOST_LINES, 7.0)
    strangers.close()
    assert summed_up() == []


def test_kinds_are_counted_each_for_itself_and_have_a_level_of_their_own(strangers, summed_up):
    assert levels(strangers, MOST_LINES + 1, 1.0) == [INFO] * MOST_LINES + [DEBUG]
    assert levels(strangers, MOST_LINES + 2, 2.0, kind="not accepting", host="", usual=WARNING) == (
        [WARNING] * MOST_LINES + [DEBUG] * 2)
    strangers.close()
    assert sorted(summed_up()) == [(INFO, "ended", 1, 1), (INFO, "not accepting", 2, 1)]
    strangers.close()
    assert summed_up() == []


def test_a_crowd_of_addresses_is_counted_up_to_a_bound(strangers, summed_up):
    levels(strangers, MOST_LINES, 1.0)
    for number in range(2 * MOST_ADDRESSES):
        strangers.level("ended", "10.0.%d.%d" % divmod(number, 256), 2.0)
    assert len(strangers._minutes["ended"].origins) == MOST_ADDRESSES
    strangers.close()
    assert summed_up() == [(INFO, "ended", 2 * MOST_ADDRESSES, MOST_ADDRESSES)]
