"""A server together with the suite's own people in it: one witness on every worker, logged in for the server's life."""
import contextlib
import random
import re
import string
import time

from parley.conformance.actor import Actor, Ears
from parley.conformance.barrier import QUIET, RELAY, SELF, Barrier, Broken
from parley.conformance.targets import Foreign

PATIENCE = 10.0  # seconds: a machine that does other things, too, may stand still for some
_EMPTY_SECONDS = 20.0


class NotUsable(Exception):
    """The server does not even let the suite's witness in."""


# What the suite adds to names on a foreign server, and how it knows the people of another process of the suite.
_MARK = "zz"
_ANOTHER_PROCESS = re.compile(r"wtn[a-z0-9]{6}|.*zz[a-z0-9]{4}.*")


def random_word(length):
    return "".join(random.choice(string.ascii_lowercase + string.digits) for _ in range(length))


def random_name():
    """Of somebody of the suite's own; short enough for every protocol."""
    return "wtn" + random_word(6)


def new_suffix():
    return _MARK + random_word(4)


def no_record(actor, direction, text):
    pass


class House:
    """One server, the suite's ears, and its witnesses.

    `codec` is the witnesses' own. `crowd` are the names whose messages are nobody's answer: the witnesses, and on a
    foreign server whoever is there. `patience` is how many seconds an answer may take that has no limit of its own.
    """

    def __init__(self, target, codec, time_scale=1.0, patience=PATIENCE):
        self.target = target
        self.codec = codec
        self.time_scale = time_scale
        self.patience = patience * time_scale
        self.ears = Ears()
        self.crowd = set()
        self.echoes = False
        self.witnesses = []
        self.barrier = Barrier(self)
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._send_in_witnesses()
            if self.is_foreign:
                self._learn_habits()
            undo.pop_all()

    @property
    def is_foreign(self):
        return isinstance(self.target, Foreign)

    def is_crowd(self, name):
        return name in self.crowd

    def is_crowd_for(self, suffix):
        """The same for the actors of one run; on a foreign server other processes of the suite may be about."""
        def is_crowd(name):
            if name in self.crowd or not suffix:
                return name in self.crowd
            return bool(name and suffix not in name and _ANOTHER_PROCESS.fullmatch(name))
        return is_crowd

    def address(self, protocol, worker):
        if worker is None:
            return self.target.address(protocol)
        return self.target.worker_address(worker, protocol)

    def soon(self):
        """The moment by which an answer must have come (monotonic clock)."""
        return time.monotonic() + self.patience

    def _send_in_witnesses(self):
        if self.codec.login("") is None:
            return  # the protocol lets nobody in who has no account: then everyone asks for himself
        alone = 1 if self.codec.CAN_WHISPER else 2  # who can talk to the room only does not hear himself
        for index in range(self.target.workers or alone):
            witness = Actor("witness%d" % index, self.codec, self.ears, no_record, self.is_crowd)
            self.witnesses.append(witness)
            self._log_in(witness, index if self.target.workers else None)

    def _log_in(self, witness, worker):
        name = random_name()
        self.crowd.add(name)
        witness.connect(self.address(self.codec.NAME, worker), self.patience)
        witness.ask(self.codec.login(name))
        self.ears.hear_until(lambda: witness.name or witness.closed_by_peer, self.soon())
        if not witness.name:
            raise NotUsable("the suite's witness could not log in as %s; it got %s" % (name, list(witness.inbox)))
        witness.inbox.clear()

    def refresh_witnesses(self):
        """Replace witnesses whose connection the server has closed (an idle limit does that)."""
        self.ears.hear_until(lambda: True, self.soon())
        for index, witness in enumerate(self.witnesses):
            witness.markers.clear()
            if witness.closed_by_peer:
                self._log_in(witness, index if self.target.workers else None)

    def _learn_habits(self):
        """On a foreign server: which proof works, whether speakers hear themselves, who is there already."""
        if not self.witnesses:
            self.barrier.kind = SELF
            return
        witness = self.witnesses[0]
        self.barrier.kind = self._best_proof(witness)
        witness.inbox.clear()
        witness.ask(self.codec.say(witness.name, "~probe"))
        self.barrier.prove([witness], [witness], self.soon())
        self.echoes = any(witness.conversation.is_echo(message) for message in witness.inbox) or witness.echoed

    def _best_proof(self, witness):
        for kind in (RELAY, SELF):
            self.barrier.kind = kind
            witness.inbox.clear()
            try:
                self.barrier.prove([witness], [witness], self.soon())
            except Broken:
                continue
            if not witness.inbox:
                return kind
        return QUIET

    def meet_bystanders(self):
        """Learn who is on a foreign server, so that their lines are nobody's answer."""
        self.crowd.update(self._listed())

    def _listed(self):
        """The names on the server's list, without those already known."""
        if not self.witnesses or self.codec.list_everyone() is None:
            return set()
        witness = self.witnesses[0]
        self.refresh_witnesses()
        witness.inbox.clear()
        wanted = witness.answers + 1
        witness.ask(self.codec.list_everyone())
        witness.ask(self.codec.still_there())
        self.ears.hear_until(lambda: witness.answers >= wanted or witness.closed_by_peer, self.soon())
        names = {name for message in witness.inbox for name in self.codec.listed_in(message)}
        witness.inbox.clear()
        return names - self.crowd

    def wait_until_empty(self):
        """Ask for the list until only witnesses are on it; the names still there when the time is over, if any."""
        deadline = time.monotonic() + _EMPTY_SECONDS * self.time_scale
        names = self._listed()
        while names and time.monotonic() < deadline:
            names = self._listed()
        return names

    def delete_accounts(self, codec, spared):
        """Delete all other accounts, as everyone may who speaks this protocol; the names that are still there."""
        cleaner = Actor("cleaner", codec, self.ears, no_record, self.is_crowd)
        cleaner.connect(self.address(codec.NAME, None), self.patience)
        try:
            for name in self._accounts(cleaner) - spared:
                for message in codec.deletion(name):
                    cleaner.ask(message)
            return self._accounts(cleaner) - spared
        finally:
            cleaner.leave()

    def _accounts(self, cleaner):
        wanted = cleaner.answers + 1
        cleaner.send_bytes([cleaner.codec.encode(cleaner.codec.list_everyone())], "the list")
        cleaner.ask(cleaner.codec.still_there())
        self.ears.hear_until(lambda: cleaner.answers >= wanted or cleaner.closed_by_peer, self.soon())
        names = {name for message in cleaner.inbox for name in cleaner.codec.listed_in(message)}
        cleaner.inbox.clear()
        return names

    def still_serves(self):
        """Whether a newcomer can log in and be reached: what any server must still do after bad input."""
        if not self.witnesses:
            return True  # nobody to ask
        try:
            newcomer = Actor("newcomer", self.codec, self.ears, no_record, self.is_crowd)
            try:
                self._log_in(newcomer, None)
                self.barrier.prove([newcomer], [newcomer], self.soon())
            finally:
                newcomer.leave()
            return True
        except (NotUsable, Broken, OSError):
            return False

    def withdraw_witnesses(self):
        for witness in self.witnesses:
            witness.leave()

    def close(self):
        self.withdraw_witnesses()
        self.ears.close()
