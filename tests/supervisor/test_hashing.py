"""Passwords: how they are kept, and the process that verifies them, in a thread or by hand."""
import hashlib
import select
import threading

import pytest

from server.supervisor import hashing
from server.supervisor.hashing import Verifier, hashed, matches
from server.worker.queues import PIECE, called, control

PATIENCE = 20  # seconds that an answer may really take
PASSWORDS = [b"", b"123", "p\u00e4ss w\u00f6rd".encode(), b"$a$b$", b"\xff\x00\n", b"x" * 100000]

needs_scrypt = pytest.mark.skipif(not hasattr(hashlib, "scrypt"), reason="no scrypt here")


@pytest.fixture(params=[pytest.param("scrypt", marks=needs_scrypt), "pbkdf2"])
def method(request, monkeypatch):
    """Hashing with one method, at a cost for tests."""
    monkeypatch.setattr(hashing, "_ROUNDS", 10)
    if request.param == "pbkdf2":
        monkeypatch.delattr(hashlib, "scrypt", raising=False)
    else:
        monkeypatch.setattr(hashing, "_SCRYPT", {"n": 4, "r": 8, "p": 1})
    return request.param


@pytest.mark.parametrize("password", PASSWORDS, ids=lambda password: repr(password)[:20])
def test_only_the_password_itself_matches(method, password):
    secret = hashed(password)
    assert matches(password, secret)
    for wrong in (password + b" ", password[:-1] + b"?", b"other", b" " + password):
        assert not matches(wrong, secret)


def test_a_secret_names_its_method_and_is_never_twice_the_same(method):
    one, other = hashed(b"correct-horse"), hashed(b"correct-horse")
    assert one.split("$")[0] == method
    assert one != other
    assert len(one.split("$")) == 3
    assert "correct-horse" not in one


@needs_scrypt
def test_the_real_cost_is_worth_its_name():
    secret = hashed(b"123")
    assert secret.startswith("scrypt$")
    assert matches(b"123", secret) and not matches(b"124", secret)
    assert 128 * hashing._SCRYPT["n"] * hashing._SCRYPT["r"] >= 16 << 20  # bytes of memory


def test_without_scrypt_many_rounds_are_made():
    assert hashing._ROUNDS >= 600000


@needs_scrypt
def test_a_secret_stays_good_whatever_method_new_ones_get(method, monkeypatch):
    secret = hashed(b"123")
    monkeypatch.undo()
    monkeypatch.setattr(hashing, "_ROUNDS", 10)
    monkeypatch.setattr(hashing, "_SCRYPT", {"n": 4, "r": 8, "p": 1})
    assert matches(b"123", secret)


# ---- the process


@pytest.fixture
def served(method, both_ways):
    """The hub's ends of the queues to a process that serves."""
    down, up, to_process, from_process = both_ways
    process = threading.Thread(target=Verifier().process, args=(to_process, from_process), daemon=True)
    process.start()
    yield down, up
    down.close()
    process.join(PATIENCE)
    assert not process.is_alive(), "it outlives the hub"


def answers(up, count):
    """As many results of the process, by their token."""
    found = {}
    while len(found) < count:
        assert select.select([up], [], [], PATIENCE)[0], "no answer"
        for frame in up.get():
            entry, (token, right) = called(frame)
            assert entry == "verified" and token not in found
            found[token] = right
    return found


def test_jobs_are_done_one_after_the_other(served):
    down, up = served
    secret = hashed(b"123")
    for token in range(20):
        down.put(control("verify", token, b"123" if token % 3 else b"124", secret))
    assert answers(up, 20) == {token: token % 3 > 0 for token in range(20)}


def test_it_ends_when_the_hub_is_gone(served):
    pass  # which its fixture looks at


def test_it_ends_when_nobody_hears_its_answers(method, both_ways):
    down, up, to_process, from_process = both_ways
    process = threading.Thread(target=Verifier().process, args=(to_process, from_process), daemon=True)
    process.start()
    up.close()
    down.put(control("verify", 1, b"123", hashed(b"123")))
    process.join(PATIENCE)
    assert not process.is_alive()


def test_a_job_that_fills_a_piece_does_not_wait_for_the_next_one(method, both_ways):
    down, up, to_process, from_process = both_ways
    secret = hashed(b"123")
    job = control("verify", 1, b"x" * (PIECE - len(control("verify", 1, b"", secret))), secret)
    assert len(job) == PIECE
    down.put(job)
    process = threading.Thread(target=Verifier().process, args=(to_process, from_process), daemon=True)
    process.start()
    ready = select.select([up], [], [], 3)[0]
    down.close()  # so that it ends in any case
    process.join(PATIENCE)
    assert ready, "the job is not done until another one comes"
    assert answers(up, 1) == {1: False}


# ---- the hub's end of it


@pytest.fixture
def verifier():
    return Verifier()


@pytest.fixture
def process(both_ways):
    """By hand: `process.jobs()` and `process.finish(token, right)`."""
    down, up, to_process, from_process = both_ways

    class Process:
        ends = down, up

        @staticmethod
        def jobs():
            return [called(frame)[1] for frame in to_process.get()]

        @staticmethod
        def finish(token, right):
            from_process.put(control("verified", token, right))

        @staticmethod
        def die():
            to_process.close()
            from_process.close()

    return Process


def test_a_result_is_told_to_the_one_who_asked(verifier, process):
    told = []
    verifier.attach(*process.ends)
    for name in ("ann", "bob"):
        verifier.verify(name.encode(), "secret", lambda right, name=name: told.append((name, right)))
    (one, other) = process.jobs()
    assert (one[1:], other[1:]) == ((b"ann", "secret"), (b"bob", "secret"))
    process.finish(other[0], True)
    process.finish(one[0], False)
    verifier.hear()
    assert told == [("bob", True), ("ann", False)]


def test_without_a_process_jobs_wait_for_one(verifier, process):
    verifier.verify(b"pw", "secret", None)
    assert verifier.detach() == []
    verifier.attach(*process.ends)
    assert [job[1:] for job in process.jobs()] == [(b"pw", "secret")]


def test_the_successor_is_asked_what_was_not_answered(verifier, process):
    told = []
    (down, up), first = process.ends, Process()
    verifier.attach(first, first)
    for number in range(3):
        verifier.verify(b"%d" % number, "secret", lambda right, number=number: told.append(number))
    first.finished = [first.jobs[1]]
    verifier.hear()
    assert verifier.detach() == [first, first]
    verifier.attach(down, up)
    jobs = process.jobs()
    assert [password for _, password, _ in jobs] == [b"0", b"2"]
    for token, _, _ in jobs:
        process.finish(token, True)
    verifier.hear()
    assert told == [1, 0, 2]


class Process:
    """A process before another: both queues in one."""

    def __init__(self):
        self.jobs = []
        self.finished = []

    def put(self, frame):
        self.jobs.append(called(frame)[1][0])

    def get(self):
        return [control("verified", token, True) for token in self.finished]


def test_a_dead_process_is_noticed_and_its_jobs_are_not_lost(verifier, process):
    verifier.attach(*process.ends)
    process.die()
    verifier.verify(b"pw", "secret", None)
    with pytest.raises(EOFError):
        verifier.hear()
    assert verifier.detach() == list(process.ends)
    successor = Process()
    verifier.attach(successor, successor)
    assert len(successor.jobs) == 1
