"""Disks that are full, read-only or full of nonsense, and a journal that hangs: who is told what, and what goes on."""
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from parley.conformance import targets
from stress.files import Sent, ask
from stress.proofs import voices
from stress.proofs.clients import Client
from stress.proofs.processes import children, journal_of, wait_until
from stress.web import WebClient

PROTOCOLS = ("line", "padded", "delimited", "dollar")
CONFIG = {"limits": {"messages_per_second": 0}, "idle_timeout": 0}
IN_A_MOUNT_OF_ITS_OWN = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
MOUNT = 'mount -t tmpfs -o size=4m,mode=700 storage "$0" && '
REFUSALS = {"padded": b"[ERROR] The server could not store this.", "delimited": b"the server could not store this",
            "dollar": b"result: False"}


@pytest.fixture
def disk(tmp_path):
    """An empty directory that a small disk can be mounted on, in a mount namespace."""
    where = tmp_path / "disk"
    where.mkdir(mode=0o700)
    tried = subprocess.run(IN_A_MOUNT_OF_ITS_OWN + ["sh", "-c", MOUNT + "true", str(where)],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if tried.returncode:
        pytest.skip("this user may not mount a small disk: %s" % tried.stdout.decode().strip())
    return str(where)


@pytest.fixture
def storing():
    """storing(storage, prefix of the command) gives a server on that directory, examined and ended after the test."""
    with contextlib.ExitStack() as stack:
        servers = []

        def start(storage, prefix=()):
            servers.append(stack.enter_context(targets.launch(
                2, CONFIG, ("--storage", storage), command=[*prefix, sys.executable, "-m", "server"],
                protocols=PROTOCOLS)))
            return servers[-1]

        yield start
        for server in servers:
            assert server.stop() == 0
            assert "Traceback" not in server.stderr_text(), server.stderr_text()


class SmallDisk:
    """The disk as the server sees it."""

    def __init__(self, server, where):
        self._filler = "/proc/%d/root%s/filler" % (server.pid, where)
        self._where = os.path.dirname(self._filler)

    def fill(self, but=0):
        """Leave `but` bytes."""
        with open(self._filler, "wb", 0) as file:
            left = self._room() - but
            while left > 0:
                left -= file.write(bytes(min(left, 65536)))

    def make_room(self):
        os.remove(self._filler)

    def _room(self):
        status = os.statvfs(self._where)
        return status.f_bavail * status.f_frsize


class Company:
    """A speaker of each protocol, an account whose owner is away, and a witness."""

    def __init__(self, server, enter):
        self._server = server
        self._number = 0
        self.witness = enter(Client(server.address(), "witness"))
        for name in ("away", "dora"):
            with voices.Delimited(server.address("delimited"), name.encode()) as founder:
                assert founder.create()
            self.witness.until("INFO %s disconnected" % name)
        self.pad = enter(voices.Padded(server.address("padded"), b"pad"))
        self.del_ = enter(voices.Delimited(server.address("delimited"), b"del"))
        assert self.del_.create()
        self.dora = enter(voices.Dollar(server.address("dollar"), b"dora"))
        self.dora.enter()
        self.line = enter(Client(server.address(), "line"))
        self.lobby, self.direct = [], []  # what was acknowledged

    def speak(self):
        """Everybody says something; {protocol: what was refused}, and the witness hears all of it in any case."""
        refused, heard = {}, []
        for protocol, voice, to in (("padded", self.pad, None), ("delimited", self.del_, None),
                                    ("delimited", self.del_, b"away"), ("dollar", self.dora, None),
                                    ("dollar", self.dora, b"away")):
            self._number += 1
            text = b"%d %b" % (self._number, b"x" * 1000)
            if not to:
                heard.append("MSG %s %s" % (voice.name.decode(), text.decode()))
            if voice.say(to, text):
                if to:
                    self.direct.append((voice.name, text))
                else:
                    self.lobby.append(text)
            else:
                refused[protocol] = voice.refusal
        for line in heard:
            assert all(other.startswith(b"INFO ") for other in self.witness.until(line))
        return refused

    def talk(self):
        """Somebody says something in a protocol without acknowledgements; was there a complaint?"""
        self.line.say("MSG anything", "HISTORY 1")
        self.witness.until("MSG line anything")
        heard = [self.line.line()]
        while not heard[-1].startswith(b"END HISTORY "):
            heard.append(self.line.line())
        return b"ERR storage-failed" in heard

    def create(self):
        """A new account; why not, if not."""
        self._number += 1
        with voices.Delimited(self._server.address("delimited"), b"new%d" % self._number) as founder:
            return founder.create() or founder.refusal

    def history(self):
        """Texts of the lobby that called for an acknowledgement, as the server tells them to somebody new."""
        with contextlib.closing(voices.Line(self._server.address(), b"reader")) as reader:
            reader.enter()
            told = reader.recall(0)
            return [text for _, sender, text in told[0] if sender != b"line"] if told else reader.refusal


def test_on_a_full_disk_everybody_is_told_so_and_the_chat_goes_on(disk, storing):
    server = storing(os.path.join(disk, "storage"), [*IN_A_MOUNT_OF_ITS_OWN, "sh", "-c", MOUNT + 'exec "$@"', disk])
    small = SmallDisk(server, disk)
    with contextlib.ExitStack() as stack:
        company = Company(server, stack.enter_context)
        processes = children(server.pid)
        for but in (0, 20000, 60000):
            assert company.speak() == {}
            small.fill(but)
            assert REFUSALS in (company.speak() for _ in range(50)), "the disk was to be full"
            assert REFUSALS["delimited"] in (company.create() for _ in range(50))
            assert True in (company.talk() for _ in range(50))
            assert company.history() == company.lobby
            small.make_room()
            assert company.speak() == {}, "without a word from anybody, as soon as there is room"
            assert company.create() is True
            assert company.history() == company.lobby
        assert company.dora.history(b"away") == [said for said in company.direct if said[0] == b"dora"]
        with voices.Delimited(server.address("delimited"), b"away") as away:
            away.enter()
            assert away.deliver() == [text for _, text in company.direct]
        assert children(server.pid) == processes


def test_on_a_full_disk_no_account_is_said_to_be_deleted_that_is_still_stored(disk, storing):
    """And nobody who takes the name then gets what was kept for the owner before, before and after a restart."""
    arguments = os.path.join(disk, "storage"), [*IN_A_MOUNT_OF_ITS_OWN, "sh", "-c", MOUNT + 'exec "$@"', disk]
    server = storing(*arguments)
    small, names = SmallDisk(server, disk), [b"owner%d" % number for number in range(50)]
    address = server.address("delimited")
    with voices.Delimited(address, b"friend") as friend, Client(server.address(), "witness") as witness:
        assert friend.create()
        for name in names:
            with voices.Delimited(address, name) as owner:
                assert owner.create()
            witness.until("INFO %s disconnected" % name.decode())
        for name in names:
            assert friend.say(name, b"for the old " + name + b" x" * 500)
        small.fill()
        deleted = {name: _delete(address, name) for name in names}
        assert REFUSALS["delimited"] in deleted.values(), "the disk was to be full"
        small.make_room()
        left = {name for name in names if deleted[name] is not True}
        assert set(friend.accounts()) == {b"friend", b"witness", *left}
        for name in names:
            with voices.Delimited(address, name) as next_one:
                if deleted[name] is True:
                    assert next_one.create()
                    assert next_one.deliver() == []
                else:
                    assert not next_one.create()
                    assert next_one.refusal == b"username already exists"
                    next_one.enter()
                    assert [text.split(b" x")[0] for text in next_one.deliver()] == [b"for the old " + name]


def _delete(address, name):
    """Did the owner of an account delete it? Or what was it told?"""
    with voices.Delimited(address, name) as owner:
        owner.enter()
        return owner.delete() or owner.refusal


def test_a_journal_that_dies_while_the_disk_is_full_is_back_once_there_is_room(disk, storing):
    server = storing(os.path.join(disk, "storage"), [*IN_A_MOUNT_OF_ITS_OWN, "sh", "-c", MOUNT + 'exec "$@"', disk])
    small = SmallDisk(server, disk)
    with contextlib.ExitStack() as stack:
        company = Company(server, stack.enter_context)
        assert company.speak() == {}
        small.fill()
        os.kill(journal_of(server), signal.SIGKILL)
        assert set(company.speak()) == set(REFUSALS)
        small.make_room()
        wait_until(lambda: company.speak() == {})
        assert company.history() == company.lobby


def test_on_a_full_disk_no_file_is_taken_and_one_that_has_begun_goes_on_once_there_is_room(disk):
    command = [*IN_A_MOUNT_OF_ITS_OWN, "sh", "-c", MOUNT + 'exec "$@"', disk, sys.executable, "-m", "server"]
    config = dict(CONFIG, files={"disk_reserve_percent": 25})
    with targets.launch(1, config, ("--storage", os.path.join(disk, "storage")), command=command,
                        protocols=("line", targets.WEB)) as server:
        address, small = server.address(targets.WEB), SmallDisk(server, disk)
        with WebClient(address, "ann") as ann, Client(server.address(), "lina") as lina:
            sent = Sent(ann, os.urandom(2 << 20))
            assert sent.refusal is None
            small.fill(1 << 20)
            assert Sent(ann, b"x").refusal == "disk-full"
            for _ in range(2):
                status, headers, _ = sent.put(address, sent.at(address))
                assert (status, int(headers["upload-offset"])) == (507, sent.at(address))
            assert 0 < sent.at(address) < len(sent.data)
            lina.say("MSG all is well")
            assert ann.until(lambda told: told["on"] == "said")["text"] == "all is well"
            small.make_room()
            assert sent.put(address, sent.at(address))[0] == 201
            assert sent.share()["on"] == "done"
            assert ask(address, "GET", "/files/%s/x" % sent.file)[2] == sent.data
        assert server.stop() == 0
        assert "Traceback" not in server.stderr_text()


def test_a_read_only_disk_is_refused_in_one_line(disk, tmp_path):
    command = [*IN_A_MOUNT_OF_ITS_OWN, "sh", "-c", MOUNT + 'mount -o remount,ro "$0" && exec "$@"', disk,
               sys.executable, "-m", "server", "0", "--host", "127.0.0.1", "--storage", os.path.join(disk, "storage")]
    server = targets.Launched(command, 1, str(tmp_path))
    try:
        wait_until(lambda: server.exit_code is not None)
    finally:
        server.stop()
    assert server.exit_code in (73, 77)
    assert re.fullmatch(r"parley: [^\n]*Read-only file system[^\n]*\n", server.stderr_text())


@pytest.mark.parametrize("content", [b"nonsense" * 1000, os.urandom(20000), b"SQLite format 3\0" + b"\xff" * 5000],
                         ids=["text", "noise", "noise with a head"])
def test_a_database_that_is_none_is_refused_and_left_as_it_is(tmp_path, run, content):
    storage = tmp_path / "storage"
    storage.mkdir(mode=0o700)
    (storage / "parley.db").write_bytes(content)
    server = run("0", "--host", "127.0.0.1", "--storage", str(storage))
    wait_until(lambda: server.exit_code is not None)
    assert server.exit_code == 65
    assert re.fullmatch(r"parley: [^\n]*parley\.db: [^\n]*restore it from a copy[^\n]*\n", server.stderr_text())
    assert (storage / "parley.db").read_bytes() == content


def test_a_hung_journal_is_replaced_and_acknowledgements_come_late_but_come(tmp_path, storing):
    server = storing(str(tmp_path / "storage"))
    with contextlib.ExitStack() as stack:
        pad = stack.enter_context(voices.Padded(server.address("padded"), b"pad"))
        ann, bob = (stack.enter_context(Client(server.address(), name)) for name in ("ann", "bob"))
        assert pad.say(None, b"before")
        assert bob.line() == b"MSG pad before"
        hung, began = journal_of(server), time.monotonic()
        os.kill(hung, signal.SIGSTOP)
        late = stack.enter_context(ThreadPoolExecutor(1)).submit(pad.say, None, b"meanwhile")
        assert bob.line() == b"MSG pad meanwhile"
        said = 0
        while not wait([late], 0.1).done:
            ann.say("MSG %d" % said)
            asked = time.monotonic()
            bob.expect("MSG ann %d" % said)
            assert time.monotonic() - asked < 4, "the others had to wait"
            said += 1
        assert late.result() is True
        assert time.monotonic() - began < 12 + 10  # a busy machine's
        assert journal_of(server) != hung
        with voices.Line(server.address(), b"reader") as reader:
            reader.enter()
            told = [text for _, _, text in reader.recall(0)[0]]
        assert told == [b"before", b"meanwhile"] + [b"%d" % number for number in range(said)]


def test_what_was_heard_and_never_stored_keeps_its_number_although_everything_is_killed(tmp_path, start):
    """The journal hangs, so what is said meanwhile is not on the disk when all processes are killed."""
    args = ("--storage", str(tmp_path / "storage"))
    server = start(args=args, trouble=True)
    with Client(server.address(), "ann") as ann, Client(server.address(), "bob") as bob:
        ann.say("MSG stored")
        bob.until("MSG ann stored")
        before = _last_number(bob)
        os.kill(journal_of(server), signal.SIGSTOP)
        ann.say(*["MSG heard %d" % number for number in range(5)])
        bob.until("MSG ann heard 4")
        os.killpg(server.pid, signal.SIGKILL)
    with Client(start(args=args).address(), "ann") as ann:
        ann.say("MSG another")
        assert _last_number(ann) > before + 5


def _last_number(client):
    """The number of the latest message that is stored."""
    client.say("HISTORY 1")
    line = client.line()
    while not line.startswith(b"END HISTORY "):
        line = client.line()
    return int(line.split()[2])


def test_a_room_that_lasts_is_on_the_disk_before_its_maker_is_answered(tmp_path, start):
    """Everything is killed as soon as it is answered; while the journal hangs, it is not."""
    args = ("--storage", str(tmp_path / "storage"))
    server = start(args=args, trouble=True)
    with Client(server.address(), "ann") as ann, Client(server.address(), "bob") as bob:
        ann.say("REGISTER ann secret")
        ann.until("OK")
        journal = journal_of(server)
        os.kill(journal, signal.SIGSTOP)
        ann.say("JOIN #dev", "PING")
        wait_until(lambda: _is_listed(bob, b"#dev"))
        bob.say("DM ann made")
        assert ann.line() == b"DM bob made"
        os.kill(journal, signal.SIGCONT)
        assert [ann.line(), ann.line()] == [b"OK", b"PONG"]
        os.killpg(server.pid, signal.SIGKILL)
    with Client(start(args=args).address(), "ann secret") as ann:
        assert _is_listed(ann, b"#dev")
        ann.say("JOIN #dev", "#dev TOPIC mine")
        ann.until("#dev INFO ann set the topic: mine")


def _is_listed(client, room):
    client.say("ROOMS #*")
    lines = [client.line()]
    while lines[-1] != b"END ROOMS":
        lines.append(client.line())
    return any(line.split()[1] == room for line in lines[:-1])
