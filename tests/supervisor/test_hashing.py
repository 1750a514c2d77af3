"""Passwords: how they are kept, and the process that verifies them, in a thread or by hand."""
import hashlib
import hmac
import logging
import select
import threading

import pytest

from parley.server.ipc.aide import POLITENESS
from parley.server.ipc.queues import PIECE, called, control
from parley.server.protocols.events import Reason
from parley.server.supervisor import passwords
from parley.server.supervisor.hashing import MOST_DEATHS, Verifier
from parley.server.supervisor.passwords import COSTS, Unverifiable, hashed, is_outdated, matches

PATIENCE = 60  # seconds that an answer may really take
PASSWORDS = [b"", b"123", "p\u00e4ss w\u00f6rd".encode(), b"$a$b$", b"\xff\x00\n", b"x" * 100000]

CHEAP = {"scrypt": (4, 8, 1), "pbkdf2": (10,)}
DEARER = {"scrypt": [(8, 8, 1), (4, 9, 1), (4, 8, 2)], "pbkdf2": [(11,)]}

# What can be nobody's secret, wherever it comes from.
NO_SECRETS = [
    "", "secret", "scrypt$YWJj$YWJj", "scrypt$4$YWJj$YWJj", "pbkdf2$4:8:1$YWJj$YWJj", "pbkdf2$10$YWJj",
    "md5$10$YWJj$YWJj", "pbkdf2$0$YWJj$YWJj", "pbkdf2$-1$YWJj$YWJj", "pbkdf2$99999999$YWJj$YWJj", "pbkdf2$10$YWJ$YWJj",
    "pbkdf2$10$YWJj$Y", "pbkdf2$10$$", "pbkdf2$10$YWJj$YWJj\n", "pbkdf2$\u0661\u0660$YWJj$YWJj", "pbkdf2$10$YWJj$YWJj$",
]  # fmt: skip
NO_SCRYPT_SECRETS = ["scrypt$3:8:1$YWJj$YWJj", "scrypt$8388608:99:1$YWJj$YWJj", "scrypt$0:0:0$YWJj$YWJj"]

needs_scrypt = pytest.mark.skipif(not hasattr(hashlib, "scrypt"), reason="no scrypt here")


@pytest.fixture(params=[pytest.param("scrypt", marks=needs_scrypt), "pbkdf2"])
def method(request, monkeypatch):
    """Hashing with one method, at a cost for tests."""
    monkeypatch.setattr(passwords, "COSTS", CHEAP)
    if request.param == "pbkdf2":
        monkeypatch.delattr(hashlib, "scrypt", raising=False)
    return request.param


@pytest.mark.parametrize("password", PASSWORDS, ids=lambda password: repr(password)[:20])
def test_only_the_password_itself_matches(method, password):
    secret = hashed(password)
    assert matches(password, secret)
    for wrong in (password + b" ", password[:-1] + b"?", b"other", b" " + password):
        assert not matches(wrong, secret)


def test_a_secret_names_its_method_and_cost_and_is_never_twice_the_same(method):
    one, other = hashed(b"correct-horse"), hashed(b"correct-horse")
    assert one.split("$")[:2] == [method, ":".join(map(str, CHEAP[method]))]
    assert one != other
    assert len(one.split("$")) == 4
    assert "correct-horse" not in one


@pytest.mark.slow
def test_the_real_cost_is_worth_its_name():
    secret = hashed(b"123")
    assert secret.startswith("scrypt$16384:8:5$" if hasattr(hashlib, "scrypt") else "pbkdf2$600000$")
    assert matches(b"123", secret) and not matches(b"124", secret)
    assert not is_outdated(secret)
    n, r, p = COSTS["scrypt"]
    assert 128 * n * r == 16 << 20  # bytes of memory
    assert p >= 5  # with which OWASP takes it for as good as n = 2^17 and p = 1
    assert COSTS["pbkdf2"] >= (600000,)


@needs_scrypt
@pytest.mark.parametrize("cost, outdated", [
    ("16384:8:1", True), ("16384:8:4", True), ("16384:4:10", True), ("8192:8:10", True), ("1024:8:99", True),
    ("16384:8:5", False), ("131072:8:1", False), ("65536:8:2", False), ("16384:16:5", False),
])  # fmt: skip
def test_a_secret_is_outdated_if_it_costs_a_guesser_less_memory_or_less_work(cost, outdated):
    assert is_outdated("scrypt$%s$YWJj$YWJj" % cost) is outdated


@pytest.mark.parametrize("rounds, outdated", [(599999, True), (600000, False), (999999, False)])
def test_a_secret_of_pbkdf2_is_outdated_if_it_has_fewer_rounds(rounds, outdated, monkeypatch):
    monkeypatch.delattr(hashlib, "scrypt", raising=False)
    assert is_outdated("pbkdf2$%d$YWJj$YWJj" % rounds) is outdated


def test_a_secret_stays_good_whatever_new_ones_cost_and_is_outdated_if_they_cost_more(method, monkeypatch):
    secret = hashed(b"123")
    assert not is_outdated(secret)
    for cost in DEARER[method]:
        monkeypatch.setattr(passwords, "COSTS", dict(CHEAP, **{method: cost}))
        assert matches(b"123", secret) and not matches(b"124", secret)
        assert is_outdated(secret)
        dear = hashed(b"123")
        monkeypatch.setattr(passwords, "COSTS", CHEAP)
        assert matches(b"123", dear)
        assert not is_outdated(dear)


@needs_scrypt
def test_a_secret_made_without_scrypt_is_outdated_where_there_is_one(monkeypatch):
    monkeypatch.setattr(passwords, "COSTS", CHEAP)
    with monkeypatch.context() as without:
        without.delattr(hashlib, "scrypt")
        secret = hashed(b"123")
    assert matches(b"123", secret)
    assert is_outdated(secret)


def test_a_secret_that_needs_scrypt_is_unverifiable_without_it(monkeypatch):
    monkeypatch.delattr(hashlib, "scrypt", raising=False)
    for use in (lambda: matches(b"123", "scrypt$4:8:1$YWJj$YWJj"), lambda: is_outdated("scrypt$4:8:1$YWJj$YWJj")):
        with pytest.raises(Unverifiable, match="scrypt, which this Python lacks"):
            use()


@pytest.mark.parametrize("secret", NO_SECRETS + [pytest.param(one, marks=needs_scrypt) for one in NO_SCRYPT_SECRETS])
def test_what_is_no_secret_of_ours_is_unverifiable(secret):
    with pytest.raises(Unverifiable):
        matches(b"abc", secret)


def test_digests_are_compared_in_constant_time(method, monkeypatch):
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda *digests: compared.append(digests) or True)
    assert matches(b"wrong", hashed(b"right"))
    assert len(compared) == 1 and compared[0][0] != compared[0][1]


# ---- the process


@pytest.fixture(autouse=True)
def politeness(monkeypatch):
    """What the process has become nicer by; it is a thread of ours."""
    steps = []
    monkeypatch.setattr("os.nice", steps.append)
    return steps


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
            entry, (token, trouble, secret) = called(frame)
            assert entry == "done" and token not in found
            found[token] = trouble, secret
    return found


def test_jobs_are_done_one_after_the_other(served):
    down, up = served
    secret = hashed(b"123")
    for token in range(20):
        down.put(control("verify", token, b"123" if token % 3 else b"124", secret))
    assert answers(up, 20) == {token: (None if token % 3 else Reason.WRONG_PASSWORD, None) for token in range(20)}


def test_it_gives_way_to_those_that_talk(served, politeness):
    down, up = served
    down.put(control("hash", 1, b"123"))
    assert set(answers(up, 1)) == {1} and politeness == [POLITENESS]


def test_a_new_password_is_hashed(served):
    down, up = served
    down.put(control("hash", 7, b"123"))
    trouble, secret = answers(up, 1)[7]
    assert trouble is None
    assert matches(b"123", secret)


def test_a_right_password_gets_a_new_secret_if_its_own_is_out_of_date(served, method, monkeypatch):
    down, up = served
    secret = hashed(b"123")
    monkeypatch.setattr(passwords, "COSTS", {name: costs[0] for name, costs in DEARER.items()})
    down.put(control("verify", 1, b"123", secret) + control("verify", 2, b"124", secret))
    found = answers(up, 2)
    assert found[2] == (Reason.WRONG_PASSWORD, None)
    trouble, renewed = found[1]
    assert trouble is None
    assert matches(b"123", renewed) and not is_outdated(renewed)


def test_a_secret_of_no_use_is_said_to_be_so_and_the_process_goes_on(served, caplog):
    down, up = served
    for token, secret in enumerate(NO_SECRETS):
        down.put(control("verify", token, b"123", secret))
    down.put(control("verify", 99, b"123", hashed(b"123")))
    found = answers(up, len(NO_SECRETS) + 1)
    assert found.pop(99) == (None, None)
    assert set(found.values()) == {(Reason.UNVERIFIABLE, None)}
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert "YWJj" not in caplog.text


# What no hub should ask, and what comes of it.
POISON = [
    ("verify", b"123", 1), ("verify", b"123", None), ("verify", b"123", [1]), ("verify", b"123", b"x"),
    ("verify", "123", ""), ("verify", None, "pbkdf2$1$YWJj$YWJj"), ("verify", b"123"), ("verify",),
    ("hash", "1"), ("hash", None), ("hash",), ("dance", b"123"), (None,),
]  # fmt: skip


def test_a_job_that_raises_is_answered_and_the_process_goes_on(served, caplog):
    down, up = served
    for token, (job, *arguments) in enumerate(POISON):
        down.put(control(job, token, *arguments))
    down.put(control("verify", 99, b"123", hashed(b"123")))
    found = answers(up, len(POISON) + 1)
    assert found.pop(99) == (None, None)
    assert set(found.values()) == {(Reason.UNVERIFIABLE, None)}
    assert "123" not in [record.getMessage() for record in caplog.records]
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


def test_it_ends_when_the_hub_is_gone(method, both_ways):
    down, _, to_process, from_process = both_ways
    process = threading.Thread(target=Verifier().process, args=(to_process, from_process), daemon=True)
    process.start()
    down.close()
    process.join(PATIENCE)
    assert not process.is_alive()


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
    ready = select.select([up], [], [], PATIENCE)[0]
    down.close()  # so that it ends in any case
    process.join(PATIENCE)
    assert ready, "the job is not done until another one comes"
    assert answers(up, 1) == {1: (Reason.WRONG_PASSWORD, None)}


# ---- the hub's end of it


@pytest.fixture
def verifier():
    return Verifier()


@pytest.fixture
def process(both_ways):
    """By hand: `process.jobs()` and `process.finish(token, trouble, secret)`."""
    down, up, to_process, from_process = both_ways

    class Process:
        ends = down, up

        @staticmethod
        def jobs():
            return [called(frame)[1] for frame in to_process.get()]

        @staticmethod
        def finish(token, trouble=None, secret=None):
            from_process.put(control("done", token, trouble, secret))

        @staticmethod
        def die():
            to_process.close()
            from_process.close()

    return Process


def test_a_result_is_told_to_the_one_who_asked(verifier, process):
    told = []
    verifier.attach(*process.ends)
    for name in ("ann", "bob"):
        verifier.verify(name.encode(), "secret", lambda *result, name=name: told.append((name, *result)))
    verifier.hash(b"cid", lambda *result: told.append(("cid", *result)))
    (one, other, third) = process.jobs()
    assert (one[1:], other[1:], third[1:]) == ((b"ann", "secret"), (b"bob", "secret"), (b"cid",))
    process.finish(other[0])
    process.finish(one[0], Reason.WRONG_PASSWORD)
    process.finish(third[0], None, "new")
    verifier.hear()
    assert told == [("bob", None, None), ("ann", Reason.WRONG_PASSWORD, None), ("cid", None, "new")]


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
        verifier.verify(b"%d" % number, "secret", lambda trouble, secret, number=number: told.append(number))
    first.finished = [first.jobs[1]]
    verifier.hear()
    assert verifier.detach() == [first, first]
    verifier.attach(down, up)
    jobs = process.jobs()
    assert [password for _, password, _ in jobs] == [b"0", b"2"]
    for token, _, _ in jobs:
        process.finish(token)
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
        return [control("done", token, None, None) for token in self.finished]


def test_a_job_with_which_one_process_after_the_other_dies_is_given_up_and_the_others_are_not(verifier, caplog):
    told = []
    for number in range(3):
        verifier.verify(b"%d" % number, "secret", lambda trouble, secret, number=number: told.append((number, trouble)))
    asked = []
    for _ in range(MOST_DEATHS + 1):
        process = Process()
        verifier.attach(process, process)
        asked.append(list(process.jobs))
        verifier.detach()
    first, second, third = asked[0]
    assert asked == [[first, second, third]] * MOST_DEATHS + [[second, third]]
    assert told == [(0, Reason.UNVERIFIABLE)]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_processes_that_die_now_and_then_cost_nobody_an_answer(verifier):
    told = []
    for number in range(3 * MOST_DEATHS):
        verifier.verify(b"%d" % number, "secret", lambda trouble, secret: told.append(trouble))
        for _ in range(MOST_DEATHS - 1):
            process = Process()
            verifier.attach(process, process)
            verifier.detach()
        process = Process()
        verifier.attach(process, process)
        process.finished = process.jobs[:1]
        verifier.hear()
        verifier.detach()
    assert told == [None] * 3 * MOST_DEATHS


def test_who_asks_when_a_job_is_given_up_is_asked_of_the_successor_once(verifier):
    again = []
    verifier.verify(b"pw", "secret", lambda trouble, secret: verifier.hash(b"pw", again.append))
    for _ in range(MOST_DEATHS):
        process = Process()
        verifier.attach(process, process)
        verifier.detach()
    process = Process()
    verifier.attach(process, process)
    assert len(process.jobs) == 1


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
