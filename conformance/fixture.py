"""A running server with the suite's witnesses: one client on each worker, logged in as long as the server runs."""
import contextlib
import time

from parley.conformance.actor import Actor, Selector
from parley.conformance.barrier import PROBES, QUIET, QUIET_SECONDS, RELAY, ROOM, SELF, Barrier, BarrierFailed
from parley.conformance.names import in_case, random_name, random_word
from parley.conformance.patience import Patience
from parley.conformance.probes import PROBES as MANNERS
from parley.conformance.targets import Foreign

REPLY_SECONDS = 10.0  # the default timeout for a reply; a busy machine may stall for some seconds
_EMPTY_SECONDS = 20.0
_REST_SECONDS = 0.05  # of silence, after which a list is complete
_LISTED_SECONDS = 3.0  # for which a list is good
_SERVES_SECONDS = 5.0  # in which a newcomer gets a message

_SUFFIX_MARK = "zz"  # at the beginning of the suffix of names on a foreign server
_FEWEST_LETTERS, _MOST_LETTERS = 3, 6  # of such a suffix
_LETTERS_BEHIND = 2
_SUFFIXES_TRIED = 100


class NotUsable(Exception):
    """The suite's own witness cannot log in to the server."""


def new_suffix(names=(), longest=0, used=()):
    """A random suffix for the names of one run on a foreign server, where a name has at most `longest` characters.

    A shorter one if the names would be too long with it; a letter or two may stand behind it. None of those `used`, as
    far as there are others: a server may keep the names of who has left.
    """
    found = (_random_suffix(names, longest) for _ in range(_SUFFIXES_TRIED))
    return next((one for one in found if one not in used), None) or _random_suffix(names, longest)


def _random_suffix(names, longest):
    room = longest - max(map(len, names), default=0)
    if longest and _FEWEST_LETTERS <= room < _MOST_LETTERS + _LETTERS_BEHIND:
        letters = max(_FEWEST_LETTERS, room - _LETTERS_BEHIND)
        return _SUFFIX_MARK[0] + random_word(min(letters, _MOST_LETTERS) - 1)
    return _SUFFIX_MARK + random_word(_MOST_LETTERS - len(_SUFFIX_MARK))


def no_record(actor, direction, text):
    """Stands in for `Transcript.add` where nothing is recorded."""


class ServerFixture:
    """One server, the selector of all connections to it, and its witnesses.

    target: a `targets.Launched` or `targets.Foreign`. codec: the codec of the witnesses. time_scale: a factor for all
    timeouts. reply_seconds: the timeout for a reply where the scenario has none, before scaling. profiles: {protocol:
    `Profile`} of a foreign one. patience: a `Patience` with a foreign one, which may be that of an earlier fixture.

    `ignored_names` are users whose messages no scenario expects: the witnesses and, on a foreign server, whoever was
    there before. Raises NotUsable if a witness cannot log in, and OSError if there is no connection.
    """

    def __init__(self, target, codec, time_scale=1.0, reply_seconds=REPLY_SECONDS, profiles=None, patience=None):
        self.target = target
        self.codec = codec
        self.time_scale = time_scale
        self.reply_seconds = reply_seconds * time_scale
        self.profiles = {} if profiles is None else profiles
        self.selector = Selector()
        self.ignored_names = set()
        self.echoes = False
        self._listed_until = 0.0  # monotonic seconds until which the list of users is recent enough
        self.patience = patience or Patience()
        self.witnesses = []
        self.barrier = Barrier(self)
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._log_in_witnesses()
            if self.is_foreign:
                self._probe_foreign_server()
            undo.pop_all()

    @property
    def is_foreign(self):
        return isinstance(self.target, Foreign)

    @property
    def path(self):
        """The path of a foreign WebSocket, or the usual one."""
        paths = [getattr(address, "path", None) for address in getattr(self.target, "addresses", {}).values()]
        return next(filter(None, paths), "/chat")

    def is_ignored(self, name):
        return name in self.ignored_names

    def ignore_filter(self, suffix, text, users=()):
        """`is_ignored` for the actors of one run, who have this suffix; `text` has what they say without it.

        On a foreign server it also ignores everybody else: other runs, which have other suffixes, and people. A run
        that needs `users` of the server has no suffix.
        """
        def is_ignored(name):
            if not self.is_foreign or not name or name in text:
                return name in self.ignored_names
            is_of_the_run = suffix in name if suffix else not users or name in users
            return name in self.ignored_names or not is_of_the_run
        return is_ignored

    def address(self, protocol, worker):
        """(host, port) of one worker; of the shared listener if `worker` is None."""
        if worker is None:
            return self.target.address(protocol)
        return self.target.worker_address(worker, protocol)

    def reply_deadline(self):
        """When a reply to what is sent now times out (monotonic seconds)."""
        return time.monotonic() + self.reply_seconds

    def _log_in_witnesses(self):
        if self.codec.login("") is None:
            return  # this protocol requires an account, so there are no witnesses and each actor probes for itself
        # Without direct messages the marker goes to the room, and its sender does not get it back: use two witnesses.
        known = self.profile_of(self.codec)
        whispers = self.codec.CAN_WHISPER and not (known and known.proof == ROOM)
        count = self.target.workers or (1 if whispers else 2)
        for index in range(count):
            witness = self.own_actor("witness%d" % index, self.codec)
            self.witnesses.append(witness)
            self._log_in(witness, index if self.target.workers else None)

    def profile_of(self, codec):
        return self.profiles.get(codec.NAME)

    def own_actor(self, ident, codec):
        return Actor(ident, codec, self.selector, no_record, self.is_ignored, profile=self.profile_of(codec),
                     manner=MANNERS[codec.NAME].Manner)

    def _log_in(self, witness, worker):
        known = self.profile_of(self.codec)
        name = in_case(random_name(), known.names_case if known else "")
        self.ignored_names.add(name)
        witness.connect(self.address(self.codec.NAME, worker), self.reply_seconds)
        witness.send_own(self.codec.login(name))
        self.selector.read_until(lambda: witness.name or witness.closed_by_peer, self.reply_deadline())
        if not witness.name:
            raise NotUsable("the suite's witness could not log in as %s; the server replied %s" % (
                name, [str(message) for message in witness.inbox]))
        witness.inbox.clear()

    def refresh_witnesses(self):
        """Log in again each witness that the server has disconnected, for instance for being idle."""
        self.selector.read_until(lambda: True, self.reply_deadline())
        for index, witness in enumerate(self.witnesses):
            witness.markers.clear()
            if witness.closed_by_peer:
                self._log_in(witness, index if self.target.workers else None)

    def _probe_foreign_server(self):
        """Find out which barrier works, and whether the server sends speakers their own messages."""
        if not self.witnesses:
            self.barrier.kind = SELF
            return
        witness = self.witnesses[0]
        if self.profile_of(self.codec) and self.profile_of(self.codec).proof:
            self.barrier.kind = self.profile_of(self.codec).proof
            self.echoes = self.profile_of(self.codec).echoes
            return
        self.barrier.kind = self._strongest_barrier(witness)
        witness.inbox.clear()
        witness.send_own(self.codec.say(witness.name, "~probe"))
        self.barrier.wait([witness], [witness], self.reply_deadline())
        self.echoes = any(witness.state.is_echo(message) for message in witness.inbox) or witness.echoed

    def _strongest_barrier(self, witness):
        for kind in (RELAY, SELF):
            self.barrier.kind = kind
            witness.inbox.clear()
            try:
                self.barrier.wait([witness], [witness], self.reply_deadline())
            except BarrierFailed:
                continue
            if not witness.inbox:
                return kind
        return QUIET

    def ignore_bystanders(self):
        """Ignore the users who are on a foreign server now; where it takes silence to know, who was there lately."""
        if time.monotonic() > self._listed_until:
            self.ignored_names.update(self._listed_names())
            if self._is_end_of_list_unseen():
                self._listed_until = time.monotonic() + _LISTED_SECONDS

    def _is_end_of_list_unseen(self):
        """Whether nothing of the suite's is answered behind a list of users."""
        known = self.witnesses and self.witnesses[0].profile
        return self.barrier.kind == QUIET or self.barrier.kind != ROOM and known and PROBES in known.unanswered

    def _listed_names(self):
        """The names on the server's user list that are not ignored; empty if the protocol has no such list."""
        if not self.witnesses or self.codec.list_users() is None:
            return set()
        witness = self.witnesses[0]
        if witness.profile and "USER" in witness.profile.unanswered:
            return set()  # the server lists nobody
        self.refresh_witnesses()
        witness.inbox.clear()
        expected = witness.replies + 1
        witness.send_own(self.codec.list_users())
        if self.barrier.kind == ROOM:
            self.barrier.wait([witness], [witness], self.reply_deadline())
        elif self._is_end_of_list_unseen():
            self._await_list(witness)
        else:
            witness.send_own(self.codec.probe())
            self.selector.read_until(
                lambda: witness.replies >= expected or witness.closed_by_peer, self.reply_deadline())
        names = {name for message in witness.inbox for name in self.codec.names_in(message)}
        witness.inbox.clear()
        return names - self.ignored_names

    def _await_list(self, witness):
        """Read a list that no answer follows: until it begins, which shows the witness, and then until it stops."""
        came = witness.heard
        found = self.selector.read_until(lambda: witness.heard > came, time.monotonic() + QUIET_SECONDS)
        self.barrier.wait_quietly(_REST_SECONDS if found else 0)

    def wait_until_empty(self):
        """Poll the user list until only ignored names are on it; returns the names that remain at the timeout."""
        deadline = time.monotonic() + _EMPTY_SECONDS * self.time_scale
        names = self._listed_names()
        while names and time.monotonic() < deadline:
            names = self._listed_names()
        return names

    def delete_accounts(self, codec, kept):
        """Delete all accounts except `kept`, in a protocol that lets anybody do so; returns the names that remain."""
        cleaner = self.own_actor("cleaner", codec)
        cleaner.connect(self.address(codec.NAME, None), self.reply_seconds)
        try:
            for name in self._accounts(cleaner) - kept:
                for message in codec.delete_account(name):
                    cleaner.send_own(message)
            return self._accounts(cleaner) - kept
        finally:
            cleaner.disconnect()

    def _accounts(self, cleaner):
        expected = cleaner.replies + 1
        # As if the actor had asked: the reply to an own request would be kept out of the inbox.
        cleaner.send_bytes([cleaner.codec.encode(cleaner.codec.list_users())], "the list")
        cleaner.send_own(cleaner.codec.probe())
        self.selector.read_until(lambda: cleaner.replies >= expected or cleaner.closed_by_peer, self.reply_deadline())
        names = {name for message in cleaner.inbox for name in cleaner.codec.names_in(message)}
        cleaner.inbox.clear()
        return names

    def still_serves(self):
        """Whether a new client can log in and receive messages. Every server must still do this after bad input."""
        if not self.witnesses:
            return True  # there is no way to find out
        try:
            if self._serves_newcomer():
                return True
            self._replace_witnesses()
            return self._serves_newcomer()
        except (NotUsable, OSError):
            return False

    def _serves_newcomer(self):
        newcomer = self.own_actor("newcomer", self.codec)
        try:
            self._log_in(newcomer, None)
            seconds = min(self.reply_seconds, _SERVES_SECONDS * self.time_scale)
            self.barrier.wait([newcomer], [newcomer], time.monotonic() + seconds)
        except BarrierFailed:
            return False
        finally:
            newcomer.disconnect()
        return True

    def _replace_witnesses(self):
        """Log in others, in case a server that serves newcomers is deaf to the witnesses."""
        self.disconnect_witnesses()
        self.witnesses.clear()
        self._log_in_witnesses()

    def disconnect_witnesses(self):
        for witness in self.witnesses:
            witness.disconnect()

    def close(self):
        self.disconnect_witnesses()
        self.selector.close()
