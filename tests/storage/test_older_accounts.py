"""Accounts from before it was known how much their names look alike: they are there, log in, and are here together."""
import contextlib
import hashlib
import os
import sqlite3

import pytest
from plain import plain
from registered import Registered

from parley.conformance.targets import launch
from parley.server.chat import contract
from parley.server.chat.accounts import Accounts
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.names import claims
from parley.server.cli.stored import load_accounts
from parley.server.ipc.messages import ToWorker
from parley.server.protocols.events import Reason
from parley.server.storage.database import Database
from stress.proofs.clients import Client

SQL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "older_accounts.sql")
NOTHING = "ann\U0001d159"  # drawn as "ann"
PASSWORDS = {"tom": "tom-1", "torn": "torn-1"}  # everywhere; the others where there is scrypt
if hasattr(hashlib, "scrypt"):
    PASSWORDS.update({
        "aIice": "aIice-1", "ann": "ann-1", NOTHING: "nothing-1", "drn": "drn-1", "student-0105": "student-1"})
NAMES = [b"tom", b"torn", b"aIice", b"ann", NOTHING.encode(), b"drn", b"student-0105", b"wendy", b"vvendy"]
HOST = "192.0.2.1"


@pytest.fixture
def directory(tmp_path):
    """What such a server has left."""
    os.chmod(str(tmp_path), 0o700)
    with open(SQL, encoding="utf-8") as file:
        database = sqlite3.connect(str(tmp_path / "parley.db"))
        database.executescript(file.read())
        database.close()
    return str(tmp_path)


class Post(contract.Post):
    """What the register sends to the workers."""

    def __init__(self):
        self.sent = []

    def everyone(self, message):
        self.sent.append(plain(message))

    def worker(self, worker, message):
        if type(message) is ToWorker.Probe:  # everybody is really there
            self.register.probed(worker, message.asker, message.session)
        else:
            self.sent.append(plain(message))

    def change(self):
        """Nothing can be torn here."""

    def guarded(self, worker, asker, then):
        return then

    def drain(self):
        sent, self.sent = self.sent, []
        return sent


class Door:
    """Whatever password is given is the right one."""

    def verify(self, holder, host, name, account, password, then):
        then(None, None)

    def leave(self, holder):
        pass


class Store:
    """Everything is stored at once."""

    last_number, reserved = 0, 1 << 30

    def ask(self, then, request):
        then(True)


@pytest.fixture
def post():
    return Post()


@pytest.fixture
def memory(directory):
    database = Database(os.path.join(directory, "parley.db"))
    rows, boxes = database.accounts(), database.boxes()
    database.close()
    return load_accounts(None, rows, boxes, Accounts(Store()))


@pytest.fixture
def register(memory, post):
    return Registered(post, memory, Door(), LoginThrottle(3, 100, lambda: 0.0), Store(), lambda: 7.0)


def claim(register, number, name, command="Login"):
    account = register.all_accounts.accounts.get(name)
    if account and account.secret:
        register.claim(1, number, name, tuple(claims(name)), command, b"pw", HOST)
    else:
        register.claim_unproven(1, number, name, tuple(claims(name)), command)


def test_all_are_there(memory):
    assert list(memory.accounts) == NAMES
    assert memory.accounts[b"vvendy"].kept == 1
    assert memory.owners(claims(b"Torn")) == {b"tom", b"torn"}


@pytest.mark.parametrize("order", [NAMES, NAMES[::-1]], ids=["as-made", "last-first"])
def test_all_may_be_here_together_and_come_again(register, post, order):
    for _ in range(2):
        for number, name in enumerate(order):
            claim(register, number, name)
        assert [entry[:4] for entry in post.drain()] == [
            ("joined", 1, number, name) for number, name in enumerate(order)]
        for name in order:
            claim(register, 100, name, "SignIn")
            assert post.drain() == [("refused", 100, Reason.NAME_TAKEN)]
        for number in range(len(order)):
            register.release(1, number)
        assert [entry[0] for entry in post.drain()] == ["left"] * len(order)


@pytest.mark.parametrize("here", [(), (b"tom",), (b"torn",), (b"tom", b"torn")], ids=repr)
@pytest.mark.parametrize("name", [b"TOM", b"Torn", b"t0m"], ids=repr)
def test_nobody_new_gets_in_beside_them(register, post, here, name):
    for number, account in enumerate(here):
        claim(register, number, account)
    claim(register, 50, b"somebody")
    post.drain()
    claim(register, 60, name)
    claim(register, 60, name, "Post")
    register.create(1, 60, name, tuple(claims(name)), None, HOST)
    register.rename(1, 50, name, tuple(claims(name)))
    assert post.drain() == [("refused", 60, Reason.NAME_TAKEN)] * 3 + [("refused", 50, Reason.NAME_TAKEN)]


def test_each_is_found_by_its_own_name(register, post):
    claim(register, 1, b"tom")
    claim(register, 2, b"torn")
    post.drain()
    register.whisper(1, 9, b"somebody", b"torn", b"hi", 7, HOST)
    assert post.drain()[0] == ("whispered", 2, b"somebody", b"hi", 7, 1, 7000)
    register.release(1, 2)
    post.drain()
    register.describe(1, 9, b"tom")
    register.describe(1, 9, b"torn")
    assert [entry[:2] for entry in post.drain()] == [("locate", 1), ("refused", 9)]


def test_one_may_be_renamed_to_the_other_and_back(register, post):
    claim(register, 1, b"wendy")
    register.rename(1, 1, b"vvendy", tuple(claims(b"vvendy")))
    claim(register, 2, b"wendy")
    register.rename(1, 1, b"ann-2", (b"ann-2",))
    register.rename(1, 1, b"vvendy", tuple(claims(b"vvendy")))
    assert [entry[0] for entry in post.drain()] == ["joined", "renamed", "joined", "renamed", "renamed"]


@pytest.mark.parametrize("gone, left", [(b"wendy", b"vvendy"), (b"vvendy", b"wendy")])
def test_one_that_is_deleted_frees_nothing_of_the_other(register, post, memory, gone, left):
    claim(register, 1, gone)
    register.delete(1, 1, gone)
    post.drain()
    for name in gone, b"Wendy":
        claim(register, 2, name)
        assert post.drain() == [("refused", 2, Reason.NAME_TAKEN)]
    claim(register, 3, left)
    assert [entry[:4] for entry in post.drain()] == [("joined", 1, 3, left)]
    register.delete(1, 3, left)
    post.drain()
    claim(register, 2, b"Wendy")
    assert post.drain() == [("joined", 1, 2, b"Wendy")]


@pytest.mark.slow
def test_their_passwords_are_verified_by_a_real_server(directory):
    with launch(workers=2, args=["--storage", directory]) as server, contextlib.ExitStack() as stack:
        for name, password in PASSWORDS.items():
            client = stack.enter_context(Client(server.address()))
            client.say("LOGIN %s %s" % (name, password))
            client.expect("OK")
        client.say("WHO")
        for name in PASSWORDS:
            client.expect("USER " + name)
