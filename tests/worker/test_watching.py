import socket

import pytest

from parley.server.worker import watching
from parley.server.worker.watching import READ, WRITE, watch

KINDS = [watching.Elsewhere, *([watching.Epoll] if watching.Selector is watching.Epoll else [])]


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_ready_is_told_itself(kind):
    selector, (ours, theirs) = kind(), socket.socketpair()
    with ours, theirs:
        watch(selector, ours, "ann", READ)
        assert selector.select(0) == []
        theirs.send(b"hi")
        assert selector.select(1) == [("ann", READ)]
        watch(selector, ours, "ann", READ | WRITE)
        assert selector.select(1) == [("ann", READ | WRITE)]
        watch(selector, ours, "ann", WRITE)
        assert selector.select(1) == [("ann", WRITE)]
        theirs.close()  # which is an end to be read, and an error for who writes
        assert selector.select(1) == [("ann", WRITE)]
        watch(selector, ours, "ann", READ)
        assert selector.select(1) == [("ann", READ)]
        watch(selector, ours, "ann", 0)
        assert selector.select(0) == []
        watch(selector, ours, "bob", READ)  # the descriptor is somebody else's now
        assert selector.select(1) == [("bob", READ)]
    selector.close()
