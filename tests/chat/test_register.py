"""Who holds which name, and who may; what is kept, stored and told; and what leaves in which order."""
import itertools

import pytest
from registered import Registered

from parley.server.chat import accounts as accounts_module
from parley.server.chat import enrollment as enrollment_module
from parley.server.chat.accounts import Accounts
from parley.server.chat.aliases import Aliases
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.names import Occupied, claims
from parley.server.chat.room import LOBBY
from parley.server.ipc.messages import ToWorker
from parley.server.ipc.queues import placed, record, talk
from parley.server.protocols import LONGEST_FOR_ALL
from parley.server.protocols.aliases import candidates
from parley.server.protocols.events import Reason

NOW = 1600000000.75  # the clock of these tests
SECOND = 1600000000

TAKEN = ("worker", 2, "refused", 7, Reason.NAME_TAKEN)
LOOK_ALIKES = [
    (b"ann", b"ann"), (b"ann", b"ANN"), (b"Bill", b"BiII"), (b"ian", b"IAN"), (b"lan", b"IAN"), (b"bob", b"b0b"),
]  # fmt: skip
NOT_ALIKE = [(b"ian", b"lan"), (b"ann", b"anne")]
COMMANDS = ["Login", "SignIn", "Create", "SignUp", "Post"]
LONG = b"Bartholomew"  # has an alias
TWINS = b"student-0105", b"student-1501"  # the first candidate for an alias is the same, "stude|5syb"
HOST, OTHER_HOST = "192.0.2.1", "192.0.2.2"
ADDRESS = (HOST, 4711)

# Of whom a name is: nobody's, an account's, one's with a password. How it is claimed, and why it is refused.
TROUBLES = [
    (None, "Login", None, None),
    (None, "Login", b"", None),
    (None, "Login", b"pw", Reason.NO_PASSWORD),
    (None, "SignIn", None, Reason.NO_ACCOUNT),
    (None, "SignIn", b"pw", Reason.NO_ACCOUNT),
    (None, "Create", None, None),
    (None, "SignUp", b"pw", "hashed"),
    (None, "Post", None, None),
    ("plain", "Login", None, None),
    ("plain", "Login", b"pw", Reason.NO_PASSWORD),
    ("plain", "SignIn", None, None),
    ("plain", "SignIn", b"", None),
    ("plain", "SignIn", b"pw", Reason.NO_PASSWORD),
    ("plain", "Create", None, Reason.NAME_TAKEN),
    ("plain", "SignUp", b"pw", Reason.NAME_TAKEN),
    ("plain", "Post", None, None),
    ("protected", "Login", None, Reason.PASSWORD_REQUIRED),
    ("protected", "Login", b"pw", "verified"),
    ("protected", "SignIn", None, Reason.PASSWORD_REQUIRED),
    ("protected", "SignIn", b"", "verified"),
    ("protected", "SignIn", b"pw", "verified"),
    ("protected", "Create", None, Reason.NAME_TAKEN),
    ("protected", "SignUp", b"pw", Reason.NAME_TAKEN),
    ("protected", "Post", None, Reason.PASSWORD_REQUIRED),
]

# What can be nobody's name, but may be asked for.
NO_NAMES = [b"", b"a b", b"\xff", b"\x80", b"\x80" * 11, b"x" * 9 + b"\x80" * 30, "\u0301".encode() * 20, b"|" * 40]


class Door:
    """Jobs that are done when the test says so."""

    def __init__(self):
        self.jobs = []  # (password, secret or None, holder, host)
        self.reported = []
        self._thens = []

    def verify(self, holder, host, name, account, password, then):
        self.jobs.append((password, account.secret, holder, host))
        self._thens.append(then)

    def hash(self, holder, host, password, then):
        self.jobs.append((password, None, holder, host))
        self._thens.append(then)

    def finish(self, right=True, secret=None, trouble=Reason.WRONG_PASSWORD):
        """The oldest job is done."""
        self.jobs.pop(0)
        self._thens.pop(0)(None if right else trouble, secret)

    def leave(self, holder):
        self._thens = [(lambda trouble, secret: None) if job[2] == holder else then
                       for job, then in zip(self.jobs, self._thens)]

    def holders(self):
        return [job[2] for job in self.jobs]

    def report(self, *refusal):
        self.reported.append(refusal)


@pytest.fixture
def memory(store):
    return Accounts(store)


@pytest.fixture
def door():
    return Door()


@pytest.fixture

def throttle():
    return LoginThrottle(3, 2, lambda: 0.0)


@pytest.fixture
def register(post, memory, door, throttle, store):
    return Registered(post, memory, door, throttle, store, lambda: NOW)


@pytest.fixture
def ann_and_bob(register, post):
    """Session 5 of worker 1 is ann, session 7 of worker 2 is bob."""
    claim(register, 1, 5, b"ann")
    claim(register, 2, 7, b"bob")
    post.drain()


def claim(register, worker, number, name, command="Login", password=None, host=HOST):
    if command in ("Create", "SignUp"):
        register.create(worker, number, name, tuple(claims(name)), password, host)
    elif password is None:
        register.claim_unproven(worker, number, name, tuple(claims(name)), command)
    else:
        register.claim(worker, number, name, tuple(claims(name)), command, password, host)


def rename(register, worker, number, name):
    register.rename(worker, number, name, tuple(claims(name)))


def open_account(memory, name, secret=None):
    memory.begin_with(name, tuple(claims(name)), secret)


def alias_of(name, choice=0):
    return next(itertools.islice(candidates(name, LONGEST_FOR_ALL), choice, None))


def whisper(register, worker, number, sender, to, text=b"hi", time=9, host=HOST):
    register.whisper(worker, number, sender, to, text, time, host)


# ---- names


def test_a_free_name_is_given_and_everyone_is_told(register, post):
    claim(register, 1, 5, b"ann")
    assert post.drain() == [("everyone", "joined", 1, 5, b"ann")]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("held, wanted", LOOK_ALIKES + [(b, a) for a, b in LOOK_ALIKES])
def test_a_taken_name_and_its_look_alikes_are_refused(register, post, held, wanted, command):
    claim(register, 1, 5, held)
    post.drain()
    claim(register, 2, 7, wanted, command)
    no_account = ("worker", 2, "refused", 7, Reason.NO_ACCOUNT)
    assert post.drain() == [no_account if command == "SignIn" else TAKEN]


@pytest.mark.parametrize("held, wanted", NOT_ALIKE)
def test_another_name_is_given_too(register, post, held, wanted):
    claim(register, 1, 5, held)
    post.drain()
    claim(register, 2, 7, wanted)
    assert post.drain() == [("everyone", "joined", 2, 7, wanted)]


@pytest.mark.parametrize("held, wanted", LOOK_ALIKES)
def test_a_released_name_is_free_with_all_its_look_alikes(register, post, held, wanted):
    claim(register, 1, 5, held)
    register.release(1, 5)
    post.drain()
    claim(register, 2, 7, wanted)
    assert post.drain() == [("everyone", "joined", 2, 7, wanted)]


def test_a_refused_claim_takes_nothing(register, post):
    claim(register, 1, 1, b"lan")
    claim(register, 1, 2, b"IAN")  # would take "ian" too
    post.drain()
    claim(register, 1, 3, b"ian")
    assert post.drain() == [("everyone", "joined", 1, 3, b"ian")]




def test_everyone_is_told_once_that_a_member_has_left(register, post):
    claim(register, 1, 5, b"ann")
    post.drain()
    register.release(1, 5)
    register.release(1, 5)
    assert post.drain() == [("everyone", "left", b"ann")]


def test_who_held_no_name_leaves_without_a_word(register, post):
    claim(register, 1, 5, b"ann")
    claim(register, 2, 7, b"ann")
    post.drain()
    register.release(2, 7)
    register.release(2, 5)  # another worker's session of the same number
    assert post.drain() == []
    whisper(register, 2, 9, b"bob", b"ann")
    assert post.drain()[0][0:3] == ("worker", 1, "whispered")


# ---- aliases


@pytest.mark.parametrize("first, second", [TWINS, TWINS[::-1]])
def test_names_with_the_same_best_alias_are_here_together_each_with_one_of_its_own(register, post, first, second):
    claim(register, 1, 5, first)
    claim(register, 2, 7, second)
    assert post.drain() == [
        ("everyone", "joined", 1, 5, first, alias_of(first)), ("everyone", "joined", 2, 7, second, alias_of(second, 1))]
    register.admit(3)
    assert post.drain() == [
        ("worker", 3, "known", [], [first, second], {first: alias_of(first), second: alias_of(second, 1)})]


def test_an_alias_is_free_with_its_name(register, post):
    claim(register, 1, 5, TWINS[0])
    register.release(1, 5)
    post.drain()
    claim(register, 2, 7, TWINS[1])
    assert post.drain() == [("everyone", "joined", 2, 7, TWINS[1], alias_of(TWINS[1]))]


def test_a_member_who_is_renamed_is_shown_by_another_alias(register, post):
    claim(register, 1, 5, TWINS[0])
    claim(register, 2, 7, b"bob")
    post.drain()
    rename(register, 2, 7, TWINS[1])
    rename(register, 1, 5, b"ann")
    rename(register, 2, 7, LONG)
    claim(register, 3, 1, TWINS[1])
    assert post.drain() == [
        ("everyone", "renamed", 2, 7, b"bob", TWINS[1], alias_of(TWINS[1], 1)),
        ("everyone", "renamed", 1, 5, TWINS[0], b"ann"),
        ("everyone", "renamed", 2, 7, TWINS[1], LONG, alias_of(LONG)),
        ("everyone", "joined", 3, 1, TWINS[1], alias_of(TWINS[1]))]


def test_an_accounts_alias_is_nobody_elses_while_its_owner_is_away(register, post, memory):
    open_account(memory, TWINS[0])
    claim(register, 1, 5, TWINS[1])
    claim(register, 2, 7, TWINS[0])
    assert post.drain() == [
        ("everyone", "joined", 1, 5, TWINS[1], alias_of(TWINS[1], 1)),
        ("everyone", "joined", 2, 7, TWINS[0], alias_of(TWINS[0]))]


def test_accounts_with_the_same_best_alias_may_be_made(register, post, memory):
    for number, name in enumerate(TWINS, 5):
        claim(register, 1, number, name, "Create")
    assert list(memory.accounts) == list(TWINS)
    assert [entry[1] for entry in post.drain()] == ["account_opened", "joined"] * 2


def state_of(register):
    """All that the parts of a register remember."""
    parts = ("members", "claims", "enrollment", "direct", "questions", "prover")
    return {"%s.%s" % (part, name): repr(value) for part in parts
            for name, value in vars(getattr(register.whole, part)).items()}


def test_nothing_is_remembered_of_the_names_of_those_who_have_gone(register, memory, throttle, door):
    before = state_of(register)
    for _ in range(3):
        for number, name in enumerate([*TWINS, LONG, b"ann", b"lan", b"guest"]):
            claim(register, 1, number, name, "Create" if number % 2 else "Login")
        register.claim_guest(1, 99)
        rename(register, 1, 0, b"Bartimaeus-the-second")
        rename(register, 1, 2, b"bob")
        rename(register, 1, 99, TWINS[0])
        register.delete(1, 1, TWINS[1])
        register.delete(1, 3, b"ann")
        register.release(1, 4)
        register.delete(1, 5, b"guest")
        register.lose(1)
    after = state_of(register)
    assert after.pop("claims._guests") != before.pop("claims._guests")
    assert after == before
    assert vars(register.members._occupied) == vars(memory._occupied) == vars(Occupied())
    assert vars(memory.aliases) == vars(Aliases())


def test_all_aliases_are_free_once_nobody_has_the_names(register, post, memory, store):
    for number, name in enumerate(TWINS, 5):
        claim(register, 1, number, name, "Create")
    store.late = True
    claim(register, 1, 7, LONG, "Create")
    register.release(1, 7)  # before it is stored
    store.answer(False)
    store.late = False
    register.delete(1, 5, TWINS[0])
    register.lose(1)
    register.remove(TWINS[1], lambda stored: None)
    post.drain()
    for number, name in enumerate((*TWINS[::-1], LONG)):
        claim(register, 3, number, name)
    assert [entry[-1] for entry in post.drain()] == [alias_of(TWINS[1]), alias_of(TWINS[0], 1), alias_of(LONG)]


# ---- accounts


@pytest.mark.parametrize("kind, command, password, reason", TROUBLES)
def test_a_name_is_given_to_whom_it_belongs(register, post, memory, door, kind, command, password, reason):
    if kind:
        open_account(memory, b"ann", "secret" if kind == "protected" else None)
    claim(register, 2, 7, b"ann", command, password)
    if reason in ("verified", "hashed"):
        assert post.drain() == []
        assert [job[:2] for job in door.jobs] == [(password, "secret" if kind else None)]
        door.finish(secret=None if kind else "new")
    assert door.jobs == []
    told = post.drain()
    if reason in (None, "verified", "hashed"):
        assert told[-1] == ("everyone", "joined", 2, 7, b"ann")
        assert told[:-1] == ([("everyone", "account_opened", b"ann")] if command in ("Create", "SignUp") else [])
        assert (b"ann" in memory.accounts) == bool(kind or command in ("Create", "SignUp"))
        if kind != "plain" and b"ann" in memory.accounts:
            assert memory.accounts[b"ann"].secret == {"SignUp": "new", "Create": None}.get(command, "secret")
    else:
        assert told == [("worker", 2, "refused", 7, reason)]


def test_a_wrong_password_is_refused_and_takes_nothing(register, post, memory, door):
    open_account(memory, b"ann", "secret")
    claim(register, 2, 7, b"ann", "SignIn", b"no")
    door.finish(False)
    assert post.drain() == [("worker", 2, "refused", 7, Reason.WRONG_PASSWORD)]
    claim(register, 2, 7, b"ann", "SignIn", b"yes")
    door.finish(True)
    assert post.drain() == [("everyone", "joined", 2, 7, b"ann")]


@pytest.mark.parametrize("secret", [None, "secret"])
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("held, wanted", [pair for pair in LOOK_ALIKES if pair[0] != pair[1]])
def test_a_look_alike_of_an_account_is_refused_although_nobody_uses_it(
        register, post, memory, door, held, wanted, command, secret):
    open_account(memory, held, secret)
    claim(register, 2, 7, wanted, command)
    reason = Reason.NO_ACCOUNT if command == "SignIn" else Reason.NAME_TAKEN
    assert post.drain() == [("worker", 2, "refused", 7, reason)]


def test_an_account_outlives_its_owners_visit_and_has_one_visitor_at_a_time(register, post):
    claim(register, 1, 5, b"ann", "Create")
    claim(register, 2, 7, b"ann", "SignIn")
    register.release(1, 5)
    claim(register, 2, 7, b"ann", "Create")
    claim(register, 2, 7, b"ann", "SignIn")
    assert post.drain() == [
        ("everyone", "account_opened", b"ann"), ("everyone", "joined", 1, 5, b"ann"), TAKEN,
        ("everyone", "left", b"ann"), TAKEN, ("everyone", "joined", 2, 7, b"ann")]


def test_a_verification_after_its_asker_has_left_is_nobodys(register, post, memory, door):
    open_account(memory, b"ann", "secret")
    claim(register, 2, 7, b"ann", "Login", b"pw")
    register.release(2, 7)
    door.finish()
    assert post.drain() == []
    claim(register, 1, 5, b"ann", "Login", b"pw")
    door.finish()
    assert post.drain() == [("everyone", "joined", 1, 5, b"ann")]


def test_a_verification_after_its_askers_worker_has_died_is_nobodys(register, post, memory, door):
    open_account(memory, b"ann", "secret")
    claim(register, 2, 7, b"ann", "Login", b"pw")
    claim(register, 1, 5, b"ann", "Login", b"pw")
    register.lose(2)
    door.finish()
    door.finish()
    assert post.drain() == [("everyone", "joined", 1, 5, b"ann")]


@pytest.mark.parametrize("command", ["Login", "Post"])
def test_the_right_password_takes_the_name_over(register, post, memory, door, command):
    open_account(memory, b"ann", "secret")
    claim(register, 1, 5, b"ann", "SignIn", b"pw")
    door.finish()
    post.drain()
    claim(register, 2, 7, b"ann", command, b"pw")
    assert post.drain() == []
    door.finish()
    assert post.drain() == [
        ("worker", 1, "evict", 5, Reason.REPLACED), ("everyone", "left", b"ann", True, b"logged-in-elsewhere"),
        ("everyone", "joined", 2, 7, b"ann")]
    register.release(1, 5)  # as its worker says once it has ended it
    assert post.drain() == []


def test_where_the_protocol_knows_no_takeover_a_name_that_is_here_is_taken(register, post, memory, door):
    open_account(memory, b"ann", "secret")
    claim(register, 1, 5, b"ann", "Login", b"pw")
    door.finish()
    post.drain()
    claim(register, 2, 7, b"ann", "SignIn", b"pw")
    door.finish()
    assert post.drain() == [TAKEN]
    assert post.probed == [(1, 5)]


@pytest.mark.parametrize("password, trouble", [(b"wrong", Reason.WRONG_PASSWORD), (None, Reason.NAME_TAKEN)])
def test_without_the_right_password_nobody_is_ended(register, post, memory, door, password, trouble):
    open_account(memory, b"ann", "secret")
    claim(register, 1, 5, b"ann", "Login", b"pw")
    door.finish()
    post.drain()
    claim(register, 2, 7, b"ann", "Login", password)
    if password:
        door.finish(False)
    assert post.drain() == [("worker", 2, "refused", 7, trouble)]


def test_what_one_asks_whose_name_was_taken_over_meanwhile_is_in_vain(register, post, memory, door):
    open_account(memory, b"ann", "secret")
    claim(register, 1, 5, b"ann", "Login", b"pw")
    door.finish()
    claim(register, 2, 7, b"ann", "Login", b"pw")
    door.finish()
    post.drain()
    rename(register, 1, 5, b"zoe")
    assert post.drain() == []
    claim(register, 1, 8, b"zoe")
    assert post.drain() == [("everyone", "joined", 1, 8, b"zoe")]


# ---- who has just gone


@pytest.mark.parametrize("command, password", [("Login", None), ("Post", None), ("Create", None), ("SignUp", b"pw")])
@pytest.mark.parametrize("name", [b"ann", b"ANN"])
def test_the_name_of_one_who_has_just_gone_is_free_although_nobody_has_noticed(
        register, post, ann_and_bob, door, command, password, name):
    post.gone.add((1, 5))
    claim(register, 2, 8, name, command, password)
    if password:
        door.finish()
    assert ("everyone", "left", b"ann") in post.calls
    assert ("everyone", "joined", 2, 8, name) in post.calls
    assert post.probed == [(1, 5)]


def test_an_account_in_whose_connection_nobody_is_any_more_is_free_for_a_sign_in(register, post, memory, door):
    open_account(memory, b"ann", "secret")
    claim(register, 1, 5, b"ann", "SignIn", b"pw")
    door.finish()
    post.gone.add((1, 5))
    post.drain()
    claim(register, 2, 7, b"ann", "SignIn", b"pw")
    door.finish()
    assert post.drain() == [("everyone", "left", b"ann"), ("everyone", "joined", 2, 7, b"ann")]


def test_a_member_may_take_the_name_of_one_who_has_just_gone(register, post, ann_and_bob):
    post.gone.add((1, 5))
    rename(register, 2, 7, b"ann")
    assert post.drain() == [("everyone", "left", b"ann"), ("everyone", "renamed", 2, 7, b"bob", b"ann")]


def test_who_is_refused_is_refused_by_somebody_who_was_looked_after(register, post, ann_and_bob):
    """Whoever has got the name while its holder was looked after may be gone by then as well."""
    first = post.worker

    def worker(number, message):
        if type(message) is ToWorker.Probe and message.session == 5:
            register.release(1, 5)
            post.worker = first
            claim(register, 3, 1, b"ann")
            post.gone.add((3, 1))
        first(number, message)

    post.worker = worker
    claim(register, 2, 8, b"ann")
    assert post.probed == [(1, 5), (3, 1)]
    assert post.drain()[-2:] == [("everyone", "left", b"ann"), ("everyone", "joined", 2, 8, b"ann")]


class Unanswered:
    """Workers whose answers are late."""

    def __init__(self, post):
        self.questions = []
        self._worker = post.worker
        post.worker = self.worker

    def worker(self, worker, message):
        if type(message) is ToWorker.Probe:
            self.questions.append((worker, *message))
        else:
            self._worker(worker, message)


def test_who_hangs_up_while_the_holder_is_looked_after_gets_nothing(register, post, ann_and_bob):
    late = Unanswered(post)
    claim(register, 2, 8, b"ann")
    register.release(2, 8)
    (question,) = late.questions
    register.release(1, 5)
    worker, number, asker = question
    register.probed(worker, asker, number)
    assert post.drain() == [("everyone", "left", b"ann")]


def test_an_account_is_in_use_when_its_name_is_by_a_login_or_by_another_name(register, memory, store):
    for name in (b"cid", b"dan"):
        open_account(memory, name)
    store.late = True
    claim(register, 1, 5, b"cid")
    assert store.asked() == ["use"]
    register.rename(1, 5, b"dan", tuple(claims(b"dan")))
    assert store.asked() == ["use", "use"]


def test_only_the_answer_about_the_present_holder_decides(register, post, ann_and_bob):
    late = Unanswered(post)
    claim(register, 2, 8, b"ann")
    (worker, number, asker), = late.questions
    register.probed(worker, asker, number + 1)
    assert post.drain() == []
    register.probed(worker, asker, number)
    assert post.drain() == [("worker", 2, "refused", 8, Reason.NAME_TAKEN)]


def test_the_name_of_one_on_a_worker_that_dies_while_it_is_asked_is_free(register, post, ann_and_bob):
    Unanswered(post)
    claim(register, 2, 8, b"ann")
    register.lose(1)
    assert post.drain() == [("everyone", "left", b"ann"), ("everyone", "joined", 2, 8, b"ann")]


def test_who_asks_on_a_worker_that_dies_gets_nothing(register, post, ann_and_bob):
    late = Unanswered(post)
    claim(register, 2, 8, b"ann")
    register.lose(2)
    worker, number, asker = late.questions[0]
    register.probed(worker, asker, number)
    assert post.drain() == [("everyone", "left", b"bob")]


def test_a_name_is_free_while_a_password_is_verified_and_then_as_good_as_taken(register, post, memory, door):
    open_account(memory, b"ann", "secret")
    claim(register, 1, 5, b"ann", "Login", b"wrong")
    claim(register, 2, 7, b"ann", "Login", b"right")
    door.finish(False)
    door.finish(True)
    assert post.drain() == [
        ("worker", 1, "refused", 5, Reason.WRONG_PASSWORD), ("everyone", "joined", 2, 7, b"ann")]


def test_a_deleted_account_is_nobodys_even_if_its_password_was_being_verified(register, post, memory, door):
    open_account(memory, b"ann", "secret")
    claim(register, 2, 7, b"ann", "Login", b"pw")
    memory.close(b"ann")
    assert post.drain() == [("everyone", "account_closed", b"ann")]
    door.finish()
    assert post.drain() == [("worker", 2, "refused", 7, Reason.NO_ACCOUNT)]


@pytest.mark.parametrize("renewed", [None, "newer"])
def test_a_secret_that_is_out_of_date_is_replaced_at_a_login(register, post, memory, door, renewed):
    open_account(memory, b"ann", "secret")
    claim(register, 2, 7, b"ann", "Login", b"pw")
    door.finish(True, renewed)
    assert post.drain() == [("everyone", "joined", 2, 7, b"ann")]
    assert memory.accounts[b"ann"].secret == (renewed or "secret")


@pytest.mark.parametrize("trouble", [Reason.TRY_LATER, Reason.UNVERIFIABLE])
@pytest.mark.parametrize("command", ["Login", "SignIn", "SignUp"])
def test_what_the_door_says_is_told(register, post, memory, door, command, trouble):
    if command != "SignUp":
        open_account(memory, b"ann", "secret")
    claim(register, 2, 7, b"ann", command, b"pw")
    door.finish(False, trouble=trouble)
    assert post.drain() == [("worker", 2, "refused", 7, trouble)]
    assert (b"ann" in memory.accounts) == (command != "SignUp")


def test_the_door_knows_who_asks_and_from_where(register, post, memory, door):
    open_account(memory, b"ann", "secret")
    claim(register, 2, 7, b"ann", "Login", b"pw", OTHER_HOST)
    claim(register, 2, 8, b"bob", "SignUp", b"pw", HOST)
    assert door.jobs == [(b"pw", "secret", 2 << 32 | 7, OTHER_HOST), (b"pw", None, 2 << 32 | 8, HOST)]


# ---- passwords of one's own


def test_a_name_that_was_taken_while_its_password_was_hashed_is_refused(register, post, memory, door):
    claim(register, 1, 5, b"ann", "SignUp", b"pw")
    claim(register, 2, 7, b"ANN")
    door.finish(secret="new")
    assert post.drain() == [("everyone", "joined", 2, 7, b"ANN"), ("worker", 1, "refused", 5, Reason.NAME_TAKEN)]
    assert memory.accounts == {}


def test_of_two_who_register_one_name_the_first_has_it(register, post, memory, door):
    claim(register, 1, 5, b"ann", "SignUp", b"one")
    claim(register, 2, 7, b"ann", "SignUp", b"two")
    door.finish(secret="secret of one")
    door.finish(secret="secret of two")
    assert post.drain() == [("everyone", "account_opened", b"ann"), ("everyone", "joined", 1, 5, b"ann"), TAKEN]
    assert memory.accounts[b"ann"].secret == "secret of one"


def test_a_member_protects_the_name_it_has(register, post, memory, door, ann_and_bob):
    claim(register, 1, 5, b"ann", "SignUp", b"pw")
    assert post.drain() == []
    door.finish(secret="new")
    assert post.drain() == [
        ("everyone", "account_opened", b"ann"),
        ("everyone", "person", 1, 5, b"ann", b"ann", b"", None, b"", b"", "account", [LOBBY], []),
        ("worker", 1, "confirmed", 5)]
    assert memory.accounts[b"ann"].secret == "new"
    claim(register, 1, 5, b"ann", "SignUp", b"pw")
    assert post.drain() == [("worker", 1, "refused", 5, Reason.NAME_TAKEN)]
    register.release(1, 5)
    post.drain()
    claim(register, 2, 8, b"ann")
    assert post.drain() == [("worker", 2, "refused", 8, Reason.PASSWORD_REQUIRED)]


def test_who_has_left_while_its_password_was_hashed_has_no_account(register, post, memory, door, ann_and_bob):
    claim(register, 1, 5, b"ann", "SignUp", b"pw")
    register.release(1, 5)
    post.drain()
    door.finish(secret="new")
    assert post.drain() == []
    assert memory.accounts == {}


def change(register, old=b"old", new=b"new"):
    register.change_password(1, 5, b"ann", old, new, HOST)


@pytest.fixture
def protected_ann(register, post, memory, door):
    """Session 5 of worker 1 is ann, who has a password."""
    open_account(memory, b"ann", "secret")
    claim(register, 1, 5, b"ann", "Login", b"old")
    door.finish()
    post.drain()


def test_a_password_is_changed_by_whoever_knows_it(register, post, memory, door, protected_ann):
    change(register)
    assert door.jobs == [(b"old", "secret", 1 << 32 | 5, HOST)]
    door.finish(True, "renewed")
    assert door.jobs == [(b"new", None, 1 << 32 | 5, HOST)]
    assert post.drain() == []
    door.finish(secret="changed")
    assert post.drain() == [("worker", 1, "confirmed", 5)]
    assert memory.accounts[b"ann"].secret == "changed"


@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("trouble", [Reason.WRONG_PASSWORD, Reason.TRY_LATER])
def test_a_password_that_cannot_be_changed_stays(register, post, memory, door, protected_ann, trouble, steps):
    change(register)
    for _ in range(steps):
        door.finish()
    door.finish(False, trouble=trouble)
    assert post.drain() == [("worker", 1, "refused", 5, trouble)]
    assert memory.accounts[b"ann"].secret == "secret"


@pytest.mark.parametrize("steps", [0, 1])
def test_of_an_account_that_is_deleted_meanwhile_no_password_is_changed(
        register, post, memory, door, protected_ann, steps):
    change(register)
    for _ in range(steps):
        door.finish()
    memory.close(b"ann")
    assert post.drain() == [("everyone", "account_closed", b"ann")]
    while door.jobs:
        door.finish(secret="changed")
    assert post.drain() == [("worker", 1, "refused", 5, Reason.NO_ACCOUNT)]
    assert memory.accounts == {}


@pytest.mark.parametrize("has_account", [False, True])
def test_there_is_no_password_to_change_where_there_is_none(register, post, memory, door, ann_and_bob, has_account):
    if has_account:
        open_account(memory, b"ann")
    change(register)
    assert post.drain() == [("worker", 1, "refused", 5, Reason.NO_PASSWORD)]
    assert door.jobs == []


@pytest.mark.parametrize("command, password", [("Create", None), ("SignUp", b"pw")])
def test_one_address_makes_only_so_many_accounts(register, post, memory, door, command, password):
    def make(number, host):
        claim(register, 2, 7 + number, b"u%d" % number, command, password, host)
        if door.jobs:
            door.finish(secret="new")
        return post.drain()[-1][1] == "joined"

    assert [make(number, HOST) for number in range(4)] == [True, True, False, False]
    assert make(4, OTHER_HOST)
    assert post.reported == [(HOST, b"u2", Reason.TOO_MANY_ACCOUNTS), (HOST, b"u3", Reason.TOO_MANY_ACCOUNTS)]
    register.delete(2, 7, b"u0")
    post.drain()
    assert [make(number, HOST) for number in (5, 6)] == [True, False]


# ---- guests


def test_guests_are_numbered(register, post):
    register.claim_guest(1, 5)
    register.claim_guest(2, 7)
    assert post.drain() == [
        ("everyone", "joined", 1, 5, b"guest-1"), ("everyone", "joined", 2, 7, b"guest-2")]


def test_no_guest_gets_anybodys_name_or_one_too_much_like_it(register, post, memory):
    claim(register, 1, 1, b"guest-l")  # looks like guest-1
    open_account(memory, b"guest-2")
    open_account(memory, b"GUEST-3", "secret")
    post.drain()
    register.claim_guest(2, 7)
    assert post.drain() == [("everyone", "joined", 2, 7, b"guest-4")]
    claim(register, 1, 2, b"guest-4")
    assert post.drain() == [("worker", 1, "refused", 2, Reason.NAME_TAKEN)]


# ---- renames


def test_a_rename_is_one_entry_for_everybody_and_frees_the_old_name(register, post, ann_and_bob):
    rename(register, 1, 5, b"bea")
    assert post.drain() == [("everyone", "renamed", 1, 5, b"ann", b"bea")]
    claim(register, 2, 8, b"Bea")
    claim(register, 2, 9, b"ANN")
    whisper(register, 2, 7, b"bob", b"bea")
    assert post.drain() == [
        ("worker", 2, "refused", 8, Reason.NAME_TAKEN), ("everyone", "joined", 2, 9, b"ANN"),
        ("worker", 1, "whispered", 5, b"bob", b"hi", 9, 1, int(NOW * 1000)), ("worker", 2, "confirmed", 7)]


@pytest.mark.parametrize("old, new", [pair for pair in LOOK_ALIKES if pair[0] != pair[1]] + [(LONG, LONG.upper())])
def test_a_member_may_take_a_look_alike_of_its_own_name(register, post, old, new):
    claim(register, 1, 5, old)
    post.drain()
    rename(register, 1, 5, new)
    assert [entry[:6] for entry in post.drain()] == [("everyone", "renamed", 1, 5, old, new)]
    register.release(1, 5)
    claim(register, 2, 7, old)
    assert post.drain()[-1][:5] == ("everyone", "joined", 2, 7, old)


@pytest.mark.parametrize("wanted", [b"bob", b"BOB", b"b0b"])
def test_a_rename_to_anothers_name_changes_nothing(register, post, ann_and_bob, wanted):
    rename(register, 1, 5, wanted)
    assert post.drain() == [("worker", 1, "refused", 5, Reason.NAME_TAKEN)]
    whisper(register, 2, 7, b"bob", b"ann")
    assert post.drain()[0][:4] == ("worker", 1, "whispered", 5)
    claim(register, 2, 8, b"Ann")
    assert post.drain() == [("worker", 2, "refused", 8, Reason.NAME_TAKEN)]


@pytest.mark.parametrize("secret, wanted, reason", [
    ("secret", b"cid", Reason.PASSWORD_REQUIRED), ("secret", b"CID", Reason.NAME_TAKEN),
    (None, b"CID", Reason.NAME_TAKEN),
])  # fmt: skip
def test_a_rename_gets_nobody_a_protected_name_nor_one_like_an_accounts(
        register, post, memory, ann_and_bob, secret, wanted, reason):
    open_account(memory, b"cid", secret)
    rename(register, 1, 5, wanted)
    assert post.drain() == [("worker", 1, "refused", 5, reason)]
    rename(register, 1, 5, b"ann")
    assert post.drain() == [("everyone", "renamed", 1, 5, b"ann", b"ann")]


def test_an_account_without_a_password_is_as_open_to_a_rename_as_to_a_login(register, post, memory, ann_and_bob):
    open_account(memory, b"cid")
    rename(register, 1, 5, b"cid")
    assert post.drain() == [("everyone", "renamed", 1, 5, b"ann", b"cid")]


# How a name is claimed where those without an account are not used (`guests`), or no accounts are made.
SWITCHED_OFF = [
    ("guests", "Login", None, Reason.ACCOUNT_REQUIRED),
    ("guests", "Login", b"pw", Reason.ACCOUNT_REQUIRED),
    ("guests", "Post", None, Reason.ACCOUNT_REQUIRED),
    ("guests", "SignIn", b"pw", Reason.NO_ACCOUNT),
    ("guests", "Create", None, None),
    ("register", "Login", None, None),
    ("register", "Post", None, None),
    ("register", "Create", None, Reason.REGISTRATION_CLOSED),
    ("register", "SignUp", b"pw", Reason.REGISTRATION_CLOSED),
]


@pytest.mark.parametrize("switch, command, password, reason", SWITCHED_OFF)
def test_what_is_switched_off_is_refused_and_nothing_else(
        register, post, memory, door, switch, command, password, reason):
    setattr(memory, switch, False)
    claim(register, 1, 5, b"ann", command, password)
    assert (post.drain()[-1][1:] == ("joined", 1, 5, b"ann") if reason is None
            else post.drain() == [("worker", 1, "refused", 5, reason)])
    assert door.jobs == []
    assert register.count()["accounts"] == (reason is None and command == "Create")


def test_without_guests_nobody_becomes_one_by_another_way(register, post, memory, ann_and_bob):
    memory.guests = False
    open_account(memory, b"cid")
    register.claim_guest(1, 6)
    rename(register, 1, 5, b"anna")
    rename(register, 2, 7, b"cid")
    assert post.drain() == [
        ("worker", 1, "refused", 6, Reason.ACCOUNT_REQUIRED), ("worker", 1, "refused", 5, Reason.ACCOUNT_REQUIRED),
        ("everyone", "renamed", 2, 7, b"bob", b"cid")]


def test_an_account_whose_owner_is_deleted_is_no_account_any_more(register, post, memory):
    memory.guests = False
    claim(register, 1, 5, b"ann", "Create")
    register.delete(1, 5, b"ann")
    post.drain()
    claim(register, 1, 6, b"ann")
    assert post.drain() == [("worker", 1, "refused", 6, Reason.ACCOUNT_REQUIRED)]


def test_there_is_an_end_to_new_accounts(register, post, memory, monkeypatch):
    monkeypatch.setattr(enrollment_module, "MOST_ACCOUNTS", 1)
    open_account(memory, b"cid")
    claim(register, 1, 5, b"ann", "Create")
    assert post.drain() == [("worker", 1, "refused", 5, Reason.TOO_MANY_ACCOUNTS)]
    claim(register, 1, 5, b"ann")
    assert post.drain() == [("everyone", "joined", 1, 5, b"ann")]


def test_an_account_stays_when_its_owner_is_renamed(register, post, memory, ann_and_bob):
    claim(register, 1, 6, b"cid", "Create")
    rename(register, 1, 6, b"dan")
    post.drain()
    claim(register, 2, 8, b"CID")
    claim(register, 2, 8, b"cid", "SignIn")
    assert post.drain() == [("worker", 2, "refused", 8, Reason.NAME_TAKEN), ("everyone", "joined", 2, 8, b"cid")]


# ---- whispers


@pytest.mark.parametrize("time, told", [(9, 9), (0, 0), (None, int(NOW))])
def test_a_whisper_reaches_its_member_before_its_sender_is_answered(register, post, ann_and_bob, time, told):
    whisper(register, 2, 7, b"bob", b"ann", b"hi", time)
    (whispered, confirmed) = post.drain()
    assert whispered == ("worker", 1, "whispered", 5, b"bob", b"hi", told, 1, int(NOW * 1000))
    assert type(whispered[-3]) is int
    assert confirmed == ("worker", 2, "confirmed", 7)


def kept(memory, store, name):
    """How many messages are kept, as the hub counts them and as the store has them."""
    return memory.accounts[name].kept, len(store.store.kept(name))


@pytest.mark.parametrize("told, missed", [((), 2), ((1,), 1), ((1, 2), 0)])
def test_what_was_said_to_an_account_and_not_sent_before_its_end_is_kept(
        register, post, memory, store, told, missed):
    claim(register, 1, 5, b"ann", "Create")
    claim(register, 2, 7, b"bob")
    for _ in range(2):
        whisper(register, 2, 7, b"bob", b"ann")
    assert [arguments for _, _, entry, *arguments in post.drain() if entry == "mark"] == [[5, 1], [5, 2]]
    assert kept(memory, store, b"ann") == (2, 0)  # there is room for them
    for mark in told:
        register.told(1, 5, mark)
        register.told(1, 5, mark)  # which nobody says twice
    assert kept(memory, store, b"ann") == (missed, 0)
    register.lose(1)
    assert kept(memory, store, b"ann") == (missed, missed)
    assert register.direct._untold == {}


def test_what_has_no_text_such_as_that_somebody_is_typing_is_not_kept(register, post, memory, store):
    claim(register, 1, 5, b"ann", "Create")
    claim(register, 2, 7, b"bob")
    register.whisper(2, 7, b"bob", b"ann", b"", None, HOST, b"", b"typing")
    assert "mark" not in [call[2] for call in post.drain()]
    register.lose(1)
    assert kept(memory, store, b"ann") == (0, 0)


def test_what_a_deleted_account_was_not_sent_is_not_kept_for_its_successor(register, memory, store):
    claim(register, 1, 5, b"ann", "Create")
    claim(register, 2, 7, b"bob")
    whisper(register, 2, 7, b"bob", b"ann")
    register.delete(1, 5, b"ann")
    claim(register, 1, 5, b"ann", "Create")
    register.told(1, 5, 1)
    register.release(1, 5)
    assert kept(memory, store, b"ann") == (0, 0)


def test_what_was_said_to_who_is_called_otherwise_meanwhile_is_not_kept_for_a_later_account(
        register, memory, store):
    claim(register, 1, 5, b"ann", "Create")
    claim(register, 2, 7, b"bob")
    whisper(register, 2, 7, b"bob", b"ann")
    rename(register, 1, 5, b"bea")
    claim(register, 1, 6, b"ann", "SignIn")
    register.delete(1, 6, b"ann")
    claim(register, 1, 6, b"ann", "Create")
    register.release(1, 5)
    assert kept(memory, store, b"ann") == (0, 0)


def test_what_was_not_sent_is_kept_only_if_there_is_room(register, post, memory, store):
    """Who is here hears it in any case."""
    long = b"x" * (accounts_module.MOST_OF_BOX // 3)
    claim(register, 1, 5, b"ann", "Create")
    claim(register, 2, 7, b"bob")
    post.drain()
    for _ in range(3):
        whisper(register, 2, 7, b"bob", b"ann", long)
    whisper(register, 2, 7, b"bob", b"ann", long, host=OTHER_HOST)
    assert [call[2] for call in post.drain()] == ["whispered", "mark", "confirmed"] + ["whispered", "confirmed"] * 3
    register.release(1, 5)
    assert kept(memory, store, b"ann") == (1, 1)


def test_a_whisper_to_oneself_arrives(register, post, ann_and_bob):
    whisper(register, 1, 5, b"ann", b"ann")
    assert post.drain() == [("worker", 1, "whispered", 5, b"ann", b"hi", 9, 1, int(NOW * 1000)),
                            ("worker", 1, "confirmed", 5)]


@pytest.mark.parametrize("to", [b"cid", b"Ann", b"ANN", b"an", b"guest-1", *NO_NAMES], ids=repr)
def test_a_whisper_finds_only_who_is_called_exactly_so(register, post, ann_and_bob, to):
    whisper(register, 1, 5, b"ann", to)
    assert post.drain() == [("worker", 1, "refused", 5, Reason.NOBODY)]


def test_a_whisper_does_not_find_anybody_by_an_alias(register, post):
    claim(register, 1, 5, LONG)
    post.drain()
    whisper(register, 1, 6, b"bob", alias_of(LONG))
    assert post.drain() == [("worker", 1, "refused", 6, Reason.NOBODY)]


def test_who_has_left_is_not_found(register, post, ann_and_bob):
    register.release(1, 5)
    post.drain()
    whisper(register, 1, 6, b"bob", b"ann")
    assert post.drain() == [("worker", 1, "refused", 6, Reason.NOBODY)]


def test_what_is_said_to_an_account_whose_owner_is_away_is_kept_until_it_is_asked_for(
        register, post, memory, ann_and_bob):
    open_account(memory, b"cid")
    for text in (b"one", b"two"):
        whisper(register, 2, 7, b"bob", b"cid", text)
        assert post.drain() == [("worker", 2, "confirmed", 7)]
    claim(register, 1, 6, b"cid", "SignIn")
    assert post.drain() == [("everyone", "joined", 1, 6, b"cid", None, 2)]  # a login tells, and hands over nothing
    register.deliver(1, [6], b"cid", False)
    register.deliver(1, [6], b"cid", False)
    assert post.drain() == [
        ("worker", 1, "kept", [6], b"cid", [(1, b"bob", b"one", SECOND), (2, b"bob", b"two", SECOND)], False),
        ("worker", 1, "kept", [6], b"cid", [], False)]


def test_what_is_said_to_somebody_who_is_here_is_not_kept(register, post):
    claim(register, 1, 6, b"cid", "Create")
    claim(register, 2, 7, b"bob")
    whisper(register, 2, 7, b"bob", b"cid")
    post.drain()
    register.deliver(1, [6], b"cid", False)
    assert post.drain() == [("worker", 1, "kept", [6], b"cid", [], False)]


def test_who_has_no_account_has_nothing_kept(register, post, ann_and_bob):
    register.deliver(1, [5], b"ann", False)
    assert post.drain() == [("worker", 1, "kept", [5], b"ann", [], False)]


def test_a_full_box_takes_no_more_and_loses_nothing(register, post, memory, ann_and_bob):
    open_account(memory, b"cid")
    long = b"x" * (accounts_module.MOST_OF_BOX // 7)
    for number in range(5):
        whisper(register, 2, 7, b"bob", b"cid", b"%d" % number + long)
    assert post.drain() == [("worker", 2, "confirmed", 7)] * 3 + [("worker", 2, "refused", 7, Reason.BOX_FULL)] * 2
    whisper(register, 1, 5, b"ann", b"cid", host=OTHER_HOST)  # who is somewhere else has room
    register.history(2, [7], b"bob", b"cid")
    register.deliver(1, [6], b"cid", False)
    said = [(b"bob", b"%d" % number + long, SECOND) for number in range(3)]
    kept = [(number, *message) for number, message in enumerate([*said, (b"ann", b"hi", SECOND)], 1)]
    assert post.drain() == [
        ("worker", 1, "confirmed", 5), ("worker", 2, "past", [7], b"bob", b"cid", said, 0),
        ("worker", 1, "kept", [6], b"cid", kept, False)]
    whisper(register, 2, 7, b"bob", b"cid", long)
    register.taken(1, 6, b"cid", 4)
    whisper(register, 2, 7, b"bob", b"cid", long)
    assert post.drain() == [("worker", 2, "refused", 7, Reason.BOX_FULL), ("worker", 2, "confirmed", 7)]


def test_who_fills_boxes_under_ever_other_names_leaves_room_for_others(register, post, memory, store):
    for number in range(300):
        open_account(memory, b"box%d" % number)
    long, refused = b"x" * 16384, 0
    for number in range(6000):  # twenty for each box
        whisper(register, 2, number, b"guest-%d" % number, b"box%d" % (number % 300), long)
        refused += post.drain() == [("worker", 2, "refused", number, Reason.BOX_FULL)]
    assert refused > 5000
    for number in range(300):
        whisper(register, 2, 9, b"friend", b"box%d" % number, b"hi", host=OTHER_HOST)
        assert post.drain() == [("worker", 2, "confirmed", 9)]


def test_what_has_waited_for_too_long_is_not_delivered(post, door, throttle, store):
    memory = Accounts(store, keep_days=10)
    register = Registered(post, memory, door, throttle, store, lambda: NOW)
    open_account(memory, b"cid")
    store.store.keep(b"bob", b"cid", b"one")
    memory.accounts[b"cid"].oldest = SECOND - 10 * 86400 - 1
    store.store._kept[b"cid"] = [(1, b"bob", b"one", SECOND - 10 * 86400 - 1, ""), (2, b"bob", b"two", SECOND, "")]
    register.deliver(1, [6], b"cid", False)
    assert post.drain() == [("worker", 1, "kept", [6], b"cid", [(2, b"bob", b"two", SECOND)], False)]
    memory.accounts[b"cid"].oldest = 0
    store.store._kept[b"cid"] = [(1, b"bob", b"one", 0, "")]
    whisper(register, 2, 7, b"bob", b"cid", b"three")
    assert [text for _, _, text, _ in store.store.kept(b"cid")] == [b"three"]


@pytest.mark.parametrize("secret", [None, "secret"])
def test_who_reads_a_conversation_has_read_what_was_kept_of_it(register, post, memory, ann_and_bob, secret):
    open_account(memory, b"cid", secret)
    for sender, text in ((b"bob", b"one"), (b"ann", b"hello"), (b"bob", b"two")):
        whisper(register, 2, 7, sender, b"cid", text)
    assert post.drain() == [("worker", 2, "confirmed", 7)] * 3
    register.unread(1, [6], b"cid")
    register.history(1, [6], b"cid", b"bob")
    assert post.drain() == [
        ("worker", 1, "unread", [6], [(b"bob", 2), (b"ann", 1)]),
        ("worker", 1, "past", [6], b"cid", b"bob", [(b"bob", b"one", SECOND), (b"bob", b"two", SECOND)], 3)]
    register.read(1, 6, b"cid", b"bob", 3)
    assert memory.accounts[b"cid"].kept == 1
    register.unread(1, [6], b"cid")
    register.deliver(1, [6], b"cid", False)
    assert post.drain() == [
        ("worker", 1, "unread", [6], [(b"ann", 1)]),
        ("worker", 1, "kept", [6], b"cid", [(2, b"ann", b"hello", SECOND)], False)]


def test_who_changes_to_a_name_is_told_what_waits_for_it(register, post, memory, ann_and_bob):
    open_account(memory, b"cid")
    whisper(register, 2, 7, b"bob", b"cid")
    post.drain()
    rename(register, 1, 5, b"cid")
    assert post.drain() == [("everyone", "renamed", 1, 5, b"ann", b"cid", None, 1)]


# ---- what waits for the store


WAITING_FOR_AN_ACCOUNT = [
    (b"ann", "Login", Reason.NAME_TAKEN), (b"ann", "Create", Reason.NAME_TAKEN), (b"ANN", "Login", Reason.NAME_TAKEN),
    (b"ann", "SignIn", Reason.NAME_TAKEN), (b"ANN", "SignIn", Reason.NO_ACCOUNT),
]  # fmt: skip


def test_whoever_creates_an_account_has_it_once_it_is_stored(register, post, store):
    store.late = True
    claim(register, 1, 5, b"ann", "Create")
    assert post.drain() == []
    store.answer()
    assert post.drain() == [("everyone", "account_opened", b"ann"), ("everyone", "joined", 1, 5, b"ann")]


@pytest.mark.parametrize("name, command, reason", WAITING_FOR_AN_ACCOUNT)
def test_a_name_is_reserved_while_its_account_is_being_stored(register, post, store, name, command, reason):
    store.late = True
    claim(register, 1, 5, b"ann", "Create")
    claim(register, 2, 7, name, command)
    assert post.drain() == [("worker", 2, "refused", 7, reason)]
    store.answer()
    assert post.drain() == [("everyone", "account_opened", b"ann"), ("everyone", "joined", 1, 5, b"ann")]


def test_an_account_that_cannot_be_stored_is_refused_and_its_name_is_free(register, post, memory, store):
    store.late = True
    claim(register, 1, 5, b"ann", "Create")
    store.answer(stored=False)
    assert post.drain() == [("worker", 1, "refused", 5, Reason.NOT_STORED)]
    assert (memory.accounts, memory.owners(claims(b"ANN"))) == ({}, set())
    claim(register, 2, 7, b"ANN")
    assert post.drain() == [("everyone", "joined", 2, 7, b"ANN")]


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("go", [lambda register: register.release(1, 5), lambda register: register.lose(1)])
def test_who_goes_while_its_account_is_being_stored_frees_the_name(register, post, memory, store, go, stored):
    store.late = True
    claim(register, 1, 5, b"ann", "Create")
    go(register)
    store.answer(stored)
    assert post.drain() == ([("everyone", "account_opened", b"ann")] if stored else [])
    assert list(memory.accounts) == ([b"ann"] if stored else [])
    register.release(1, 5)
    claim(register, 2, 7, b"ann")
    assert post.drain() == [("everyone", "joined", 2, 7, b"ann")]


def test_what_is_said_to_an_account_that_is_being_stored_is_kept_behind_it(register, post, memory, store, ann_and_bob):
    store.late = True
    claim(register, 1, 6, b"cid", "Create")
    whisper(register, 2, 7, b"bob", b"cid")
    assert store.asked() == ["open_account", "whisper"]
    store.answer()
    assert post.drain()[-1] == ("worker", 2, "confirmed", 7)
    assert store.store.accounts() == [(b"cid", None, 1, 2)]


@pytest.mark.parametrize("stored, answer", [(True, ("confirmed", 7)), (False, ("refused", 7, Reason.NOT_STORED))])
@pytest.mark.parametrize("to, at_once", [
    (b"ann", [("worker", 1, "whispered", 5, b"bob", b"hi", 9, 1, int(NOW * 1000))]), (b"cid", []), (b"dan", [])])
def test_whoever_says_something_to_one_is_answered_once_it_is_stored(
        register, post, memory, store, ann_and_bob, to, at_once, stored, answer):
    open_account(memory, b"cid")
    open_account(memory, b"dan", "secret")
    store.late = True
    whisper(register, 2, 7, b"bob", to)
    assert post.drain() == at_once  # who is here hears it at once
    store.answer(stored)
    assert post.drain() == [("worker", 2, *answer)]
    kept = [b"hi"] if stored and to != b"ann" else []
    assert [text for _, _, text, _ in store.store.kept(to)] == kept
    assert len(store.store.conversation(to, b"bob")) == stored


def test_what_is_not_stored_takes_no_room(register, post, memory, store, ann_and_bob):
    open_account(memory, b"cid")
    long, store.late = b"x" * (accounts_module.MOST_OF_BOX // 3), True
    whisper(register, 2, 7, b"bob", b"cid", long)
    whisper(register, 2, 8, b"bea", b"cid", long)  # there is room for one, which is not stored yet
    assert post.drain() == [("worker", 2, "refused", 8, Reason.BOX_FULL)]
    store.answer(stored=False)
    whisper(register, 2, 8, b"bea", b"cid", long)
    store.answer()
    assert post.drain() == [("worker", 2, "refused", 7, Reason.NOT_STORED), ("worker", 2, "confirmed", 8)]


PAST = ("past", [5], b"ann", b"bob", [(b"bob", b"hi", SECOND)], 0)


@pytest.mark.parametrize("stored, answer", [(True, PAST), (False, ("refused", 5, Reason.NOT_STORED))])
def test_what_was_said_is_told_once_it_is_read(register, post, store, ann_and_bob, stored, answer):
    whisper(register, 2, 7, b"bob", b"ann")
    post.drain()
    store.late = True
    register.history(1, [5], b"ann", b"bob")
    register.who(1, [6])
    assert post.drain() == [("worker", 1, "who", [6])]  # others do not wait for that
    store.answer(stored)
    assert post.drain() == [("worker", 1, *answer)]


# ---- what was said in the lobby, by number


@pytest.fixture
def said_in_lobby(register, store):
    """Three messages."""
    place = register.numbers.take(3), int(NOW * 1000)
    frame = talk(0, 1, [record(5, b"ann", text, 9) for text in (b"one", b"two", b"three")])
    store.talk(placed(frame, *place), lambda stored: None)


NUMBERED = [(1, b"ann", b"one", SECOND), (2, b"ann", b"two", SECOND), (3, b"ann", b"three", SECOND)]


@pytest.mark.parametrize("since, most, answer", [
    (None, 2, ("Recalled", [5], NUMBERED[1:], 3, False)),
    (0, 2, ("Recalled", [5], NUMBERED[:2], 2, True)),
    (2, 2, ("Recalled", [5], NUMBERED[2:], 3, False)),
    (3, 2, ("Recalled", [5], [], 3, False)),
    (4, 2, ("refused", 5, Reason.NO_SUCH_NUMBER)),
    (10 ** 18 - 1, 2, ("refused", 5, Reason.NO_SUCH_NUMBER)),
])
def test_what_was_said_after_a_number_is_told(register, post, ann_and_bob, said_in_lobby, since, most, answer):
    register.recall(1, [5], since, most)
    assert post.drain() == [("worker", 1, *answer)]


def test_where_nothing_was_said_nothing_is_told(register, post, ann_and_bob):
    register.recall(1, [5], None, 9)
    register.recall(1, [5], 0, 9)
    assert post.drain() == [("worker", 1, "Recalled", [5], [], 0, False)] * 2


def test_what_cannot_be_read_is_said_to_be_so(register, post, store, ann_and_bob, said_in_lobby):
    store.late = True
    register.recall(1, [5], None, 9)
    store.answer(stored=False)
    assert post.drain() == [("worker", 1, "refused", 5, Reason.NOT_STORED)]


# ---- the operator's word


def test_a_name_gets_a_password_and_is_protected_from_then_on(register, post, memory, store, door):
    told, store.late = [], True
    register.set_password(b"ann", "hashed", told.append)
    assert told == []
    store.answer()
    assert told == [{"done": True}]
    assert post.drain() == [("everyone", "account_opened", b"ann")]
    claim(register, 2, 7, b"ann")
    assert post.drain() == [("worker", 2, "refused", 7, Reason.PASSWORD_REQUIRED)]
    register.set_password(b"ann", "another", told.append)
    store.answer()
    claim(register, 2, 7, b"ann", "Login", b"pw")
    assert (told[1:], [job[1] for job in door.jobs]) == ([{"done": True}], ["another"])


def test_a_password_that_cannot_be_set_is_said_to_be_so(register, post, memory, store):
    told = []
    open_account(memory, b"ann")
    register.set_password(b"ANN", "hashed", told.append)
    store.late = True
    register.set_password(b"bob", "hashed", told.append)
    store.answer(stored=False)
    assert ["error" in answer for answer in told] == [True, True]
    assert list(memory.accounts) == [b"ann"]


# ---- what is kept, while the store takes its time


@pytest.fixture
def box(register, post, memory, store, ann_and_bob):
    """Two messages are kept for cid, who is session 6 of worker 1; from now on the store is late."""
    open_account(memory, b"cid")
    for text in (b"one", b"two"):
        whisper(register, 2, 7, b"bob", b"cid", text)
    claim(register, 1, 6, b"cid", "SignIn")
    post.drain()
    store.late = True


BOX = [(1, b"bob", b"one", SECOND), (2, b"bob", b"two", SECOND)]


def test_what_is_kept_is_handed_over_once_although_it_is_asked_for_again_before_it_is_taken(
        register, post, memory, store, box):
    register.deliver(1, [6], b"cid", False)
    store.answer()
    register.deliver(1, [6], b"cid", False)  # in the same segment: asked before the first answer has been sent
    register.taken(1, 6, b"cid", 2)
    store.answer()
    assert post.drain() == [
        ("worker", 1, "kept", [6], b"cid", BOX, False), ("worker", 1, "kept", [6], b"cid", [], False)]
    assert (memory.accounts[b"cid"].kept, store.store.kept(b"cid")) == (0, [])


def test_what_is_kept_is_handed_over_again_if_it_was_not_taken(register, post, store, box):
    register.deliver(1, [6], b"cid", False)
    store.answer()
    register.lose(1)
    claim(register, 3, 1, b"cid", "SignIn")
    register.deliver(3, [1], b"cid", False)
    store.answer()
    assert [call for call in post.drain() if call[2] == "kept"] == [
        ("worker", 1, "kept", [6], b"cid", BOX, False), ("worker", 3, "kept", [1], b"cid", BOX, False)]


def test_what_is_kept_meanwhile_is_handed_over_the_next_time(register, post, memory, store, box):
    register.deliver(1, [6], b"cid", False)
    store.answer()
    store.store.whisper(b"bob", b"cid", b"three", True)
    register.deliver(1, [6], b"cid", False)
    register.taken(1, 6, b"cid", 2)
    store.answer()
    assert post.drain()[-1] == ("worker", 1, "kept", [6], b"cid", [(3, b"bob", b"three", SECOND)], False)


def test_what_was_handed_over_last_is_not_handed_over_again_once_what_came_before_is_taken(register, post, store, box):
    register.deliver(1, [6], b"cid", False)
    store.answer()
    store.store.whisper(b"bob", b"cid", b"three", True)
    register.deliver(1, [6], b"cid", False)
    store.answer()
    register.taken(1, 6, b"cid", 2)
    register.deliver(1, [6], b"cid", False)
    store.answer()
    assert [call[5] for call in post.drain() if call[2] == "kept"] == [
        BOX, [(3, b"bob", b"three", SECOND)], []]


def test_what_cannot_be_read_is_not_handed_over_and_kept_on(register, post, store, box):
    register.deliver(1, [6], b"cid", False)
    store.answer(stored=False)
    assert post.drain() == [("worker", 1, "refused", 6, Reason.NOT_STORED)]
    register.deliver(1, [6], b"cid", False)
    store.answer()
    assert post.drain() == [("worker", 1, "kept", [6], b"cid", BOX, False)]


def test_who_takes_a_frame_at_a_time_is_handed_a_portion_at_a_time(register, post, memory, store, box):
    for text in (b"3", b"4", b"5", b"x" * 9000, b"7"):
        store.store.whisper(b"bob", b"cid", text, True)
    portions = []
    for _ in range(5):
        register.deliver(1, [6], b"cid", True)
        store.answer()
        (_, _, _, _, _, messages, more), = post.drain()
        portions.append(([number for number, *_ in messages], more))
    assert portions == [([1, 2, 3, 4], True), ([5], True), ([6], True), ([7], False), ([], False)]


def test_who_changes_its_name_is_handed_what_is_kept_for_that(register, post, memory, store, box):
    store.late = False
    open_account(memory, b"dan")
    store.store.keep(b"bob", b"dan", b"for dan")
    store.store._kept[b"dan"] = [(1, b"bob", b"for dan", SECOND, "")]
    register.deliver(1, [6], b"cid", False)
    rename(register, 1, 6, b"dan")
    register.deliver(1, [6], b"dan", False)
    assert post.drain()[-1] == ("worker", 1, "kept", [6], b"dan", [(1, b"bob", b"for dan", SECOND)], False)


def test_who_leaves_before_it_has_been_sent_what_was_handed_over_leaves_nothing_behind(register, store, box):
    register.deliver(1, [6], b"cid", False)
    store.answer()
    assert register.direct._handed
    register.release(1, 6)
    assert (register.direct._handed, store.store.kept(b"cid")) == ({}, BOX)


def test_who_has_left_before_it_was_answered_has_been_handed_nothing(register, post, store, box):
    register.deliver(1, [6], b"cid", False)
    register.release(1, 6)
    store.answer()
    assert register.direct._handed == {}
    assert store.store.kept(b"cid") == BOX


# ---- histories


def test_two_have_one_history_in_the_order_in_which_it_was_said(register, post, ann_and_bob):
    whisper(register, 2, 7, b"bob", b"ann", b"one", 20)
    whisper(register, 1, 5, b"ann", b"bob", b"two", 10)
    post.drain()
    register.history(1, [5], b"ann", b"bob")
    register.history(2, [7], b"bob", b"ann")
    said = [(b"bob", b"one", SECOND), (b"ann", b"two", SECOND)]  # by our clock, not by theirs
    assert post.drain() == [
        ("worker", 1, "past", [5], b"ann", b"bob", said, 0), ("worker", 2, "past", [7], b"bob", b"ann", said, 0)]


def test_nobody_reads_what_others_have_said(register, post, ann_and_bob):
    whisper(register, 2, 7, b"bob", b"ann")
    post.drain()
    for partner in (b"ann", b"bob", b"cid", b"", b"\xff"):
        register.history(1, [6], b"cid", partner)
        assert post.drain() == [("worker", 1, "past", [6], b"cid", partner, [], 0)]


def test_what_was_refused_is_in_no_history(register, post, ann_and_bob):
    whisper(register, 2, 7, b"bob", b"nobody")
    post.drain()
    register.history(2, [7], b"bob", b"nobody")
    assert post.drain() == [("worker", 2, "past", [7], b"bob", b"nobody", [], 0)]


# ---- deleted accounts


def test_a_deleted_account_is_gone_and_its_owner_a_stranger(register, post):
    claim(register, 1, 5, b"ann", "Create")
    post.drain()
    register.delete(1, 5, b"ann")
    assert post.drain() == [
        ("everyone", "account_closed", b"ann"), ("worker", 1, "deleted", 5), ("everyone", "left", b"ann")]
    claim(register, 2, 7, b"ann", "SignIn")
    claim(register, 2, 7, b"ANN", "Create")
    assert post.drain() == [
        ("worker", 2, "refused", 7, Reason.NO_ACCOUNT), ("everyone", "account_opened", b"ANN"),
        ("everyone", "joined", 2, 7, b"ANN")]


def test_the_next_owner_of_a_name_gets_nothing_of_the_one_before(register, post, memory, ann_and_bob):
    claim(register, 1, 6, b"cid", "Create")
    whisper(register, 1, 6, b"cid", b"bob", b"old")
    register.release(1, 6)
    whisper(register, 2, 7, b"bob", b"cid", b"kept")
    claim(register, 1, 8, b"cid", "SignIn")
    register.delete(1, 8, b"cid")
    claim(register, 1, 8, b"cid", "Create")
    post.drain()
    register.deliver(1, [8], b"cid", False)
    register.history(1, [8], b"cid", b"bob")
    register.history(2, [7], b"bob", b"cid")
    assert post.drain() == [
        ("worker", 1, "kept", [8], b"cid", [], False), ("worker", 1, "past", [8], b"cid", b"bob", [], 0),
        ("worker", 2, "past", [7], b"bob", b"cid", [], 0)]


def test_who_has_no_account_only_leaves(register, post, ann_and_bob):
    register.delete(1, 5, b"ann")
    assert post.drain() == [("worker", 1, "deleted", 5), ("everyone", "left", b"ann")]


def test_who_has_deleted_its_account_leaves_no_second_time(register, post):
    claim(register, 1, 5, b"ann", "Create")
    register.delete(1, 5, b"ann")
    post.drain()
    register.release(1, 5)
    assert post.drain() == []


@pytest.fixture
def deleting(register, post, store, ann_and_bob):
    """Session 6 of worker 1, the owner of the account cid, has asked to delete it; the store has not answered."""
    claim(register, 1, 6, b"cid", "Create")
    post.drain()
    store.late = True
    register.delete(1, 6, b"cid")
    assert post.drain() == []


def test_whoever_deletes_an_account_is_told_once_that_is_stored(register, post, memory, store, deleting):
    store.answer()
    assert post.drain() == [
        ("everyone", "account_closed", b"cid"), ("worker", 1, "deleted", 6), ("everyone", "left", b"cid")]
    assert memory.accounts == {}


def test_an_account_whose_end_cannot_be_stored_stays_its_owners(register, post, memory, store, deleting):
    store.answer(stored=False)
    assert post.drain() == [("worker", 1, "refused", 6, Reason.NOT_STORED)]
    store.late = False
    claim(register, 2, 8, b"cid", "Create")
    whisper(register, 2, 7, b"bob", b"cid")
    assert [call[:3] for call in post.drain()] == [
        ("worker", 2, "refused"), ("worker", 1, "whispered"), ("worker", 1, "mark"), ("worker", 2, "confirmed")]
    register.told(1, 6, 1)
    register.delete(1, 6, b"cid")
    assert post.drain()[0] == ("everyone", "account_closed", b"cid")


@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize("name", [b"cid", b"CID"])
@pytest.mark.parametrize("command", ["Login", "SignIn", "Create", "SignUp", "Post"])
def test_nobody_gets_the_name_of_an_account_that_is_being_deleted(
        register, post, door, store, deleting, name, command, stays):
    if not stays:
        register.release(1, 6)
        post.drain()
    claim(register, 2, 8, name, command)
    reason = Reason.NO_ACCOUNT if (command, name) == ("SignIn", b"CID") else Reason.NAME_TAKEN
    assert post.drain() == [("worker", 2, "refused", 8, reason)]
    rename(register, 2, 7, name)
    assert post.drain() == [("worker", 2, "refused", 7, Reason.NAME_TAKEN)]
    store.answer()
    post.drain()
    claim(register, 2, 8, name)
    assert post.drain() == [("everyone", "joined", 2, 8, name)]


@pytest.mark.parametrize("stored", [True, False])
def test_who_leaves_while_its_account_is_being_deleted_is_told_nothing(register, post, memory, store, deleting, stored):
    register.release(1, 6)
    assert post.drain() == [("everyone", "left", b"cid")]
    store.answer(stored)
    assert post.drain() == ([("everyone", "account_closed", b"cid")] if stored else [])
    assert list(memory.accounts) == ([] if stored else [b"cid"])


def test_what_is_said_to_an_account_that_is_being_deleted_is_heard_but_kept_for_nobody(
        register, post, memory, store, deleting):
    whisper(register, 2, 7, b"bob", b"cid", b"while she is here")
    assert [call[2] for call in post.drain()] == ["whispered"]
    register.release(1, 6)
    whisper(register, 2, 7, b"bob", b"cid", b"while she is not")
    assert post.drain() == [("everyone", "left", b"cid"), ("worker", 2, "refused", 7, Reason.NOBODY)]
    store.answer()
    store.late = False
    claim(register, 1, 9, b"cid", "Create")
    post.drain()
    register.deliver(1, [9], b"cid", False)
    register.history(1, [9], b"cid", b"bob")
    register.history(2, [7], b"bob", b"cid")
    kept, hers, his = post.drain()
    assert (kept[-2], hers[-2:], [message[1] for message in his[-2]]) == ([], ([], 0), [b"while she is here"])


def test_no_password_is_set_for_an_account_that_is_being_deleted(register, store, deleting):
    told = []
    register.set_password(b"cid", "hashed", told.append)
    assert "error" in told[0]


# ---- where somebody comes from


def test_the_worker_that_has_the_member_is_asked_where_it_comes_from(register, post, ann_and_bob):
    register.describe(2, 9, b"ann")
    ((_, worker, entry, number, asker),) = post.drain()
    assert (worker, entry, number) == (1, "locate", 5)
    register.located(1, asker, b"ann", *ADDRESS)
    assert post.drain() == [("worker", 2, "Described", [9], b"ann", *ADDRESS)]


def test_a_member_is_described_by_its_alias_too(register, post):
    claim(register, 1, 5, LONG)
    post.drain()
    register.describe(2, 9, alias_of(LONG))
    assert post.drain()[0][:4] == ("worker", 1, "locate", 5)
    claim(register, 2, 8, TWINS[0])
    claim(register, 2, 9, TWINS[1])
    post.drain()
    register.describe(1, 5, alias_of(TWINS[1], 1))
    assert post.drain()[0][:4] == ("worker", 2, "locate", 9)


def test_nobody_is_described_by_the_alias_of_somebody_who_is_away(register, post, memory):
    open_account(memory, LONG)
    claim(register, 1, 5, TWINS[0])
    register.release(1, 5)
    post.drain()
    for name in LONG, TWINS[0]:
        register.describe(2, 9, alias_of(name))
        assert post.drain() == [("worker", 2, "refused", 9, Reason.NOBODY)]


@pytest.mark.parametrize("name", [b"cid", b"ANN", b"guest-1", *NO_NAMES], ids=repr)
def test_nobody_else_is_described(register, post, ann_and_bob, name):
    register.describe(2, 9, name)
    assert post.drain() == [("worker", 2, "refused", 9, Reason.NOBODY)]


def test_a_skeleton_is_not_an_alias(register, post):
    claim(register, 1, 5, b"ANN")
    post.drain()
    register.describe(2, 9, b"ann")
    assert post.drain() == [("worker", 2, "refused", 9, Reason.NOBODY)]


def test_who_has_left_before_it_was_located_is_nobody(register, post, ann_and_bob):
    register.describe(2, 9, b"ann")
    asker = post.drain()[0][-1]
    register.located(1, asker, None, "", 0)
    register.located(1, asker, None, "", 0)
    assert post.drain() == [("worker", 2, "refused", 9, Reason.NOBODY)]


def test_who_was_asked_for_on_a_worker_that_dies_is_nobody(register, post, ann_and_bob):
    claim(register, 3, 1, b"cid")
    register.describe(2, 9, b"ann")
    register.describe(2, 8, b"cid")
    asker = post.drain()[0][-1]
    register.lose(1)
    assert post.drain() == [("everyone", "left", b"ann"), ("worker", 2, "refused", 9, Reason.NOBODY)]
    register.located(1, asker, b"ann", *ADDRESS)  # what a dead worker has still said
    assert post.drain() == []


@pytest.mark.parametrize("number", [7, 9])
def test_an_asker_that_has_left_is_told_nothing(register, post, ann_and_bob, number):
    register.describe(2, number, b"ann")
    asker = post.drain()[0][-1]
    register.release(2, number)
    post.drain()
    register.located(1, asker, b"ann", *ADDRESS)
    assert post.drain() == []


def test_an_asker_may_ask_again_after_its_answer(register, post, ann_and_bob):
    for _ in range(2):
        register.describe(2, 9, b"ann")
        asker = post.drain()[0][-1]
        register.located(1, asker, b"ann", *ADDRESS)
        assert post.drain() == [("worker", 2, "Described", [9], b"ann", *ADDRESS)]


# ---- who is here, and order


@pytest.mark.parametrize("question, entry", [
    (lambda register: register.who(2, [7]), ("who", [7])),
    (lambda register: register.accounts(2, [7], b"a*"), ("accounts", [7], b"a*")),
    (lambda register: register.accounts(2, [7], None), ("accounts", [7], None)),
    (lambda register: register.news(2, [7]), ("news", [7])),
])  # fmt: skip
def test_what_every_worker_knows_is_answered_where_it_is_asked(register, post, question, entry):
    question(register)
    assert post.drain() == [("worker", 2) + entry]


def test_a_new_worker_is_told_which_accounts_there_are_and_who_is_here_in_order(register, post, memory):
    open_account(memory, b"yan", "secret")
    for number, name in enumerate([b"zoe", b"ann", b"bob"]):
        claim(register, 1, number, name, "Create" if name == b"bob" else "Login")
    register.release(1, 1)
    claim(register, 2, 0, b"ann")
    rename(register, 1, 0, b"zed")
    post.drain()
    register.admit(3)
    assert post.drain() == [("worker", 3, "known", [b"yan", b"bob"], [b"zed", b"bob", b"ann"], {})]


def test_a_lost_worker_takes_its_members_and_no_others(register, post):
    for worker, number, name in [(1, 1, b"ann"), (2, 1, b"bob"), (1, 2, b"cid"), (2, 2, b"dan")]:
        claim(register, worker, number, name)
    post.drain()
    register.lose(1)
    assert post.drain() == [("everyone", "left", b"ann"), ("everyone", "left", b"cid")]
    register.lose(1)
    assert post.drain() == []
    claim(register, 3, 1, b"ann")
    assert post.drain() == [("everyone", "joined", 3, 1, b"ann")]


def test_a_lost_workers_accounts_stay(register, post, memory):
    claim(register, 1, 1, b"ann", "Create")
    register.lose(1)
    assert list(memory.accounts) == [b"ann"]


def test_answers_leave_in_the_order_of_the_requests(register, post):
    claim(register, 1, 1, b"ann")
    register.who(1, [1])
    claim(register, 1, 2, b"ann")
    register.release(1, 1)
    claim(register, 1, 2, b"ann")
    assert [call[1:] if call[0] == "everyone" else call[2:] for call in post.drain()] == [
        ("joined", 1, 1, b"ann"), ("who", [1]), ("refused", 2, Reason.NAME_TAKEN), ("left", b"ann"),
        ("joined", 1, 2, b"ann")]
