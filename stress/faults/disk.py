"""Disks that fail, directories and databases that are not fit for use, and what is deleted while people talk."""
import contextlib
import errno
import os
import sqlite3
import time

import pytest

from parley.conformance.targets import ROOT
from stress.proofs import voices
from stress.proofs.clients import Client
from stress.proofs.processes import journal_of, wait_until
from stress.proofs.start import fill

STORED = ("line", "padded", "delimited")
NOBODY = 65534  # a user that is not this one
STORED_BEFORE = 200000  # messages
KEPT = 1000
SOON = """
try:
    from parley.server.storage import scribe
except ImportError:
    pass
else:
    scribe.PRUNE_EVERY = 1.0
"""


@pytest.mark.parametrize("broken", ["write", "sync"])
def test_what_a_broken_disk_does_not_take_is_not_acknowledged(start, orders, tmp_path, broken):
    """The process that has seen the error leaves; nothing that it could not write is tried again.

    Of what it was about to flush just then nobody can say whether it is on the disk: it is refused, and may be there.
    """
    server = start(workers=2, args=("--storage", str(tmp_path / "storage")), environment=orders.variables,
                   protocols=STORED, trouble=True)
    with contextlib.ExitStack() as stack:
        pad = stack.enter_context(voices.Padded(server.address("padded"), b"pad"))
        deli = stack.enter_context(voices.Delimited(server.address("delimited"), b"deli"))
        assert deli.create()
        acknowledged, number, processes = [], 0, {journal_of(server)}

        def speak():
            nonlocal number
            results = []
            for voice in (pad, deli):
                number += 1
                results.append(voice.say(None, b"%d" % number))
                if results[-1]:
                    acknowledged.append(b"%d" % number)
            return results

        assert speak() == [True, True]
        orders.fail(**{broken: errno.EIO})
        in_the_making = b"%d" % (number + 1)
        for _ in range(5):
            assert speak() == [False, False]
        with Client(server.address(), "lina") as lina:
            lina.say("MSG they talk on")
            assert set(lina.heard()) <= {b"ERR storage-failed"}
            assert pad.refusal == b"[ERROR] The server could not store this."
        orders.fail()
        wait_until(lambda: speak() == [True, True], 40)
        assert journal_of(server) not in processes
        with voices.Line(server.address(), b"reader") as reader:
            reader.enter()
            told = [text for _, _, text in reader.recall(0)[0]]
        assert [text for text in told if text in acknowledged] == acknowledged
        assert len(set(told)) == len(told)
        assert set(told) - set(acknowledged) <= {in_the_making, b"they talk on"}, "refused, and stored all the same"


@pytest.mark.parametrize("broken", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_an_account_that_cannot_be_deleted_on_the_disk_is_not_said_to_be(start, orders, tmp_path, broken):
    """The name stays its owner's, and nobody else is delivered what is kept for her."""
    server = start(workers=2, args=("--storage", str(tmp_path / "storage")), environment=orders.variables,
                   protocols=STORED, trouble=True)
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        friend, owner, other = (enter(voices.Delimited(server.address("delimited"), name))
                                for name in (b"friend", b"owner", b"owner"))
        assert friend.create() and owner.create()
        with voices.Delimited(server.address("delimited"), b"away") as away:
            assert away.create()
        owner.close()
        wait_until(lambda: not _is_here(server, b"owner"))
        assert friend.say(b"owner", b"for the owner")
        owner = enter(voices.Delimited(server.address("delimited"), b"owner"))
        owner.enter()
        orders.fail(write=broken)
        assert not owner.delete()
        assert owner.refusal == b"the server could not store this"
        assert not other.create()
        orders.fail()
        wait_until(lambda: friend.say(b"away", b"is there room again?"), 40)
        assert not other.create()
        assert other.refusal == b"username already exists"
        assert owner.deliver() == [b"for the owner"]
        assert friend.say(b"owner", b"for the owner again")
        assert owner.delete()
        assert other.create()
        assert other.deliver() == []


def _is_here(server, name):
    with Client(server.address(), "looker") as looker:
        looker.say("WHO")
        return b"USER " + name in looker.heard()


def test_a_database_of_a_newer_server_is_refused_in_one_line(start, run, tmp_path):
    storage = tmp_path / "storage"
    start(workers=1, args=("--storage", str(storage))).stop()
    with contextlib.closing(sqlite3.connect(str(storage / "parley.db"))) as database:
        database.execute("PRAGMA user_version = 99")
    assert refusal(run, storage) == 78


@pytest.mark.parametrize("what, code", [("open to all", 77), ("a link", 73), ("a file", 73), ("somebody else's", 77)])
def test_a_directory_that_is_not_fit_for_use_is_refused_in_one_line(run, tmp_path, what, code):
    storage = tmp_path / "storage"
    if what == "a link":
        (tmp_path / "real").mkdir(mode=0o700)
        storage.symlink_to(tmp_path / "real")
    elif what == "a file":
        storage.write_text("")
    else:
        storage.mkdir(mode=0o700)
    if what == "open to all":
        storage.chmod(0o777)
    if what == "somebody else's":
        if os.geteuid() != 0:
            pytest.skip("only root can give a directory away")
        os.chown(str(storage), NOBODY, NOBODY)
    assert refusal(run, storage) == code


def refusal(run, storage):
    """The exit code of a server that says in one line what is wrong."""
    server = run("0", "--host", "127.0.0.1", "--storage", str(storage))
    wait_until(lambda: server.exit_code is not None)
    assert server.stderr_text().startswith("parley: ") and server.stderr_text().count("\n") == 1
    assert str(storage) in server.stderr_text()
    return server.exit_code


def test_while_much_that_is_old_is_deleted_nobody_waits(start, join, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SOON)
    storage = tmp_path / "storage"
    storage.mkdir(mode=0o700)
    fill(str(storage / "parley.db"), STORED_BEFORE, 100)
    server = start(workers=2, protocols=STORED, environment={"PYTHONPATH": os.pathsep.join([str(tmp_path), ROOT])},
                   config={"storage": {"directory": str(storage), "keep_messages": KEPT},
                           "limits": {"messages_per_second": 0}})
    with contextlib.ExitStack() as stack:
        pad = stack.enter_context(voices.Padded(server.address("padded"), b"pad"))
        ann, bob = join(server.worker_address(0), "ann"), join(server.worker_address(1), "bob")
        said, longest, began = 0, [0.0, 0.0], time.monotonic()
        while _stored(storage) > 2 * KEPT:
            assert time.monotonic() - began < 60, "%d are still there" % _stored(storage)
            for which, say in enumerate((lambda: _talk(ann, bob, said), lambda: pad.say(None, b"padded %d" % said))):
                asked = time.monotonic()
                say()
                longest[which] = max(longest[which], time.monotonic() - asked)
            ann.heard()
            bob.heard()
            said += 1
        assert said > 50, "it was to be done while they talk"
        assert longest[0] < 0.5, "talk had to wait"
        assert longest[1] < 2, "acknowledgements had to wait"


def _talk(ann, bob, number):
    ann.say("MSG %d" % number)
    bob.expect("MSG ann %d" % number)


def _stored(storage):
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % (storage / "parley.db"), uri=True)) as database:
        return database.execute("SELECT count(*) FROM messages").fetchone()[0]
