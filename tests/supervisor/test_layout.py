"""What goes into the log of several machines, and into a snapshot, has the layout of its version.

A node of another version must be refused, or write as the older one does: so whoever changes the layout raises VERSION
in server/order/scripts.py (and OLDEST, if the older layout is not written any more), unless no release has had the one
before; and then lets `python tests/supervisor/test_layout.py` write layout.txt anew.
"""
import os

from parley.server.chat.accounts import Accounts
from parley.server.ipc import queues
from parley.server.ipc.messages import Noticed, Operated, Proven, Shared, ToHub, messages
from parley.server.order import scripts
from parley.server.order.place import Place
from parley.server.storage.journal import InProcess
from parley.server.storage.memory import Store
from parley.server.supervisor import snapshot
from parley.server.supervisor.cluster import ClusterHub

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "layout.txt")


def layout():
    """A line for each kind of thing that is written."""
    hub = _hub()
    yield "version %d, of the snapshot %d" % (scripts.VERSION, snapshot.VERSION)
    formats = [str(one.format, "ascii") if isinstance(one.format, bytes) else one.format  # as Python 3.6 has it
               for one in (queues.HEAD, queues.RECORD)]
    yield "talk %s %s %r" % (*formats, queues.BETWEEN)
    for direction in (ToHub, Proven, Operated, Noticed, Shared):
        for name, kind in messages(direction).items():
            if direction is Shared or name in hub._in_order:
                yield " ".join(("%s.%s" % (direction.__name__, kind.__name__), *kind._fields))
    for name, (_, stored, anew) in snapshot.KINDS.items():
        yield " ".join((name.rpartition(".")[2], *stored, *anew))
    for part, names in hub._parts:
        yield " ".join((type(part).__name__, *names))


def _hub():
    store = InProcess(Store(lambda: 0))
    accounts = Accounts(store)
    return ClusterHub(Place("redis://h:1/0", (), "", "none", None, "parley", "a", 6, 1 << 20), {}, (), {"served": 0},
                      0, accounts, store, 0, 0)


def test_the_layout_is_that_of_the_version():
    with open(FILE, encoding="ascii") as file:
        assert file.read().splitlines() == list(layout()), __doc__


if __name__ == "__main__":
    with open(FILE, "w", encoding="ascii") as file:
        file.write("".join(line + "\n" for line in layout()))
