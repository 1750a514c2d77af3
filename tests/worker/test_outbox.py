"""What the kernel would not take yet."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.server.worker.outbox import Outbox


class Kernel:
    """Takes as many bytes in each call as it is told, then none."""

    def __init__(self, takes):
        self.taken = b""
        self.most_pieces = 0
        self._takes = list(takes)

    def write(self, pieces):
        if not self._takes:
            return 0
        self.most_pieces = max(self.most_pieces, len(pieces))
        taken = b"".join(pieces)[:self._takes.pop(0)]
        self.taken += taken
        return len(taken)


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=200), st.lists(st.integers(1, 300), max_size=40))
def test_what_is_kept_goes_out_in_order_whatever_the_kernel_takes(pieces, takes):
    outbox, kernel, text = Outbox(), Kernel(takes), b"".join(pieces)
    for piece in pieces:
        outbox.append(piece)
    assert outbox.size == len(text)
    assert outbox.send(kernel) == len(kernel.taken)
    assert text.startswith(kernel.taken)
    assert outbox.size == len(text) - len(kernel.taken)
    outbox.append(b"more")
    rest = Kernel([1 << 20] * 10)
    outbox.send(rest)
    assert kernel.taken + rest.taken == text + b"more"
    assert outbox.size == 0


def test_one_call_takes_no_more_pieces_than_the_system_allows():
    outbox, kernel = Outbox(), Kernel([1 << 20] * 100)
    for _ in range(5000):
        outbox.append(b"x")
    outbox.send(kernel)
    assert kernel.taken == b"x" * 5000
    assert kernel.most_pieces <= 1024


def test_it_stops_when_the_kernel_takes_only_a_part():
    outbox, kernel = Outbox(), Kernel([3, 100])
    outbox.append(b"abcdef")
    assert outbox.send(kernel) == 3


def test_shared_bytes_are_kept_as_a_reference():
    shared, outbox = b"x" * 1000, Outbox()
    outbox.append(shared)
    outbox.send(Kernel([10]))
    assert outbox._pieces[0].obj is shared


def test_all_but_a_message_begun_can_be_forgotten():
    outbox, kernel = Outbox(), Kernel([3])
    for piece in (b"MSG ann hi\n", b"MSG ann more\n", b"MSG ann most\n"):
        outbox.append(piece)
    outbox.send(kernel)
    outbox.keep_first()
    outbox.append(b"INFO slow-reader\n")
    assert outbox.size == len(b" ann hi\nINFO slow-reader\n")
    rest = Kernel([100])
    outbox.send(rest)
    assert rest.taken == b" ann hi\nINFO slow-reader\n"


def test_pieces_of_which_nothing_is_to_be_sent_end_like_any_others():
    outbox, kernel = Outbox(), Kernel([100] * 20)
    for piece in (b"", b"one", b"", b"two", b""):
        outbox.append(piece)
    outbox.send(kernel)
    outbox.send(kernel)
    assert kernel.taken == b"onetwo"
    assert len(kernel._takes) >= 15  # calls that it did not need


def test_a_lost_connection_is_an_error():
    class Lost:
        def write(self, pieces):
            raise ConnectionResetError

    outbox = Outbox()
    outbox.append(b"x")
    with pytest.raises(OSError):
        outbox.send(Lost())
