"""Apply random entries to a register: `python apply_entries.py SEED COUNT` tells what it came to.

Whatever a register says and remembers is in the digests, twenty of them along the way. Two processes that get
the same entries have the same, although each has an order of its own for whatever is in a set.
"""
import collections
import hashlib
import json
import os
import random
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.dirname(TESTS)]

from registered import Door, Registered  # noqa: E402

from parley.server.chat import contract  # noqa: E402
from parley.server.chat.accounts import Accounts  # noqa: E402
from parley.server.chat.login_throttle import LoginThrottle  # noqa: E402
from parley.server.chat.members import holder_of, split  # noqa: E402
from parley.server.chat.names import claims  # noqa: E402
from parley.server.chat.rooms import OP, Room  # noqa: E402
from parley.server.ipc.messages import ToWorker, name_of  # noqa: E402
from parley.server.ipc.queues import AWAITED, BETWEEN, TALK, record, talk  # noqa: E402
from parley.server.protocols.events import ACTS, MORE_ACTS  # noqa: E402
from parley.server.storage.journal import InProcess  # noqa: E402
from parley.server.storage.memory import Store  # noqa: E402

NAMES = [b"ann", b"ANN", b"anne", b"Bill", b"BiII", b"bob", b"b0b", b"torn", b"tom", b"Bartholomew", b"student-0105",
         b"student-1501", b"zoe", b"z0e", *(b"a%d" % number for number in range(20))]
HOSTS = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
ACTIONS = ["say"] * 6 + ["operate"] + 2 * [
    "rename", "leave", "delete", "deliver", "read", "password", "account", "answer"] + [
        "enter"] * 12 + ["once"] * 6 + ["exit"] * 2 + ["manage"] * 40 + ["talk"] * 6 + ["look"] * 3 + ["person"] * 6 + [
            "tell"] * 6 + ["more"] * 8
ROOMS = [b"#dev", b"#DEV", b"#ops", b"#lobby", b"#torn", b"#tom", *(b"#r%d" % number for number in range(4))]
BANS = [b"a*", b"?ob", b"[a-f]*", b"tom", b"B0B"]
MASKS = [*BANS, b"$a:a*", b"b*!*@192.0.2.*"]
VALUES = {b"private": [b"on", b"off"], b"invite": [b"on", b"off"], b"moderated": [b"on", b"off", b"maybe"],
          b"key": [b"word", b"off"], b"limit": [b"3", b"off"], b"slow": [b"60", b"off"],
          b"open_talk": [b"on", b"off"], b"sealed": [b"on", b"on", b"off"], b"colour": [b"red"]}
OPERATORS = [b"ann", b"a7"]
TAGS = [b"1", b"2", b"3"]
LIMITS = {"most": 7, "owned": 2, "joined": 3, "joins_per_second": 5, "topic_bytes": 30, "bans": 3, "empty_room_days": 1,
          "keep_messages": 0}
NOT_ORDERED = ("occupied", "_bans", "_space")  # a set's order, functions, and what follows from the rest
WORKERS, SESSIONS, KEEP_DAYS = range(1, 5), 12, 3


class Post(contract.Post):
    """Puts all that it is given into the digest, and remembers what workers are to answer."""

    def __init__(self, digest):
        self._digest = digest
        self.said = collections.Counter()
        self.probes, self.marks, self.kept, self.times = [], [], [], []

    def everyone(self, message):
        self._note(0, message)

    def some(self, workers, message):
        self._note(list(workers), message)

    def worker(self, worker, message):
        self._note(worker, message)
        if type(message) is ToWorker.Probe:
            self.probes.append((worker, message.asker, message.session))
        elif type(message) is ToWorker.Time:
            self.times.append((worker, message.asker, message.session))
        elif type(message) is ToWorker.Mark:
            self.marks.append((worker, message.session, message.mark))
        elif type(message) is ToWorker.Kept and message.messages:
            self.kept.append((worker, message.sessions[0], message.name, message.messages[-1][0]))

    def prove(self, holder, trouble):
        self._note(holder, (trouble,))

    def report(self, *refusal):
        self._note(0, refusal)

    def _note(self, whom, message):
        name = name_of(message) if type(message) in vars(ToWorker).values() else "other"
        self.said[message.event if type(message) in (ToWorker.Answer, ToWorker.Tell) else name] += 1
        if type(message) is ToWorker.Managed:
            self.said[message.act] += 1
        self._digest.update(repr((whom, name, tuple(message))).encode())

    def announce(self, frame, then):
        self.said["announced"] += 1
        self._digest.update(repr(frame).encode())
        then(True)

    def spread(self, frame, workers):
        self.said["spread"] += 1
        self._digest.update(repr((frame, workers and list(workers))).encode())

    def audit(self, *act):
        """Nobody looks at it here."""

    def change(self):
        """Nothing is torn here."""

    def guarded(self, worker, session, then):
        return then


class Run:
    """One register, and the entries that it is given."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.keys = [b"nobody's"]
        self.digest = hashlib.sha256()
        self.now = 1600000000.0
        self.post = Post(self.digest)
        store = InProcess(Store(lambda: self.now))
        store.reserved = 1 << 40
        self.accounts = Accounts(store, keep_days=KEEP_DAYS)
        throttle = LoginThrottle(0, 40, lambda: 0.0)
        self.register = Registered(self.post, self.accounts, Door(), throttle, store, lambda: self.now)
        self.register.whole.gate.operators, self.register.whole.gate.limits = frozenset(OPERATORS), LIMITS
        self.rooms = self.register.whole.rooms

    def step(self):
        """Give it one entry more."""
        choose = self.random.choice
        self.now += choose([0, 0.25, 1, 3600])
        worker, session, name, host = choose(WORKERS), self.random.randrange(SESSIONS), choose(NAMES), choose(HOSTS)
        members = self.register.members
        if members.names and self.random.random() < 0.6:
            worker, session = split(choose(list(members.names)))
        holder = holder_of(worker, session)
        if holder in members:
            self._as_member(worker, session, members.names[holder], name, host)
        elif not self.post.probes or self.random.random() < 0.7:
            self._as_stranger(worker, session, name, host)
        else:
            self._as_worker()

    def hold_court(self):
        """What chance seldom leads to: each act once, by somebody who may."""
        room, whole = b"#court", self.register
        for session, name in ((SESSIONS, b"judge"), (SESSIONS + 1, b"clerk")):
            whole.real_name(1, session, name)
            whole.claim_unproven(1, session, name, tuple(claims(name)), "Login")
            whole.enter(1, session, room, tuple(claims(room)), None)
        for act, about in (("voice", b"clerk"), ("devoice", b"clerk"), ("mute", b"clerk"), ("unmute", b"clerk"),
                           ("ban", b"a*"), ("unban", b"a*"), ("set", b"slow"), ("topic", b""), ("invite", b"clerk"),
                           ("op", b"clerk"), ("deop", b"judge")):
            whole.manage(1, SESSIONS, room, act, about, b"9")
        for act, about in (("bar", b"x*"), ("except", b"mute:x*"), ("unexcept", b"mute:x*"), ("invex", b"x*"),
                           ("uninvex", b"x*"), ("unban", b"x*")):
            whole.manage(1, SESSIONS + 1, room, act, about, b"")
        whole.say_once(1, SESSIONS, self.rooms.by_name.get(room, self.rooms.lobby).number, b"text", b"")
        whole.manage(1, SESSIONS + 1, room, "redact", b"%d" % self.register.numbers.last, b"")
        whole.whisper(1, SESSIONS, b"judge", b"clerk", b"a slip", None, HOSTS[0])
        whole.redact(1, SESSIONS, b"clerk", b"%d" % self.register.numbers.last, b"")
        whole.manage(1, SESSIONS + 1, room, "rename", b"#assizes", b"")
        room = b"#assizes"
        whole.within(1, [SESSIONS], room)
        whole.reread(1, [SESSIONS], room, None, 9)
        whole.within(1, [SESSIONS], room)
        for act in ("kick", "drop"):
            whole.manage(1, SESSIONS + 1, room, act, b"judge", b"")
        for session in (SESSIONS, SESSIONS + 1):
            whole.release(1, session)
        whole.claim_unproven(1, SESSIONS, b"judge", tuple(claims(b"judge")), "Login")
        whole.set_password(b"judge", "chosen", self._answer)  # which sends the judge away
        whole.remove(b"judge", self._answer)

    def _as_member(self, worker, session, own, name, host):
        choose = self.random.choice
        action = choose(ACTIONS)
        if action == "say":
            self.register.whisper(worker, session, own, name, b"x" * choose([1, 50, 9000]), None, host)
        elif action == "rename":
            self.register.rename(worker, session, name, tuple(claims(name)))
        elif action == "leave":
            self.register.release(worker, session)
        elif action == "delete":
            self.register.delete(worker, session, own)
        elif action == "deliver":
            self.register.deliver(worker, [session], own, choose([True, False]))
        elif action == "read":
            self.register.read(worker, session, own, name, choose([1, 50, 5000]))
        elif action == "password" and own in self.accounts.accounts:
            serial = self.accounts.accounts[own].serial + choose([0, 0, 0, 1])
            self.register.replace_password(worker, session, own, serial, "secret%d" % self.random.randrange(9))
        elif action == "account":
            self.register.open_account(worker, session, own, tuple(claims(own)), choose([None, "s"]), False, host)
        elif action == "operate":
            self._as_operator(name)
        elif action == "once":
            self.register.say_once(worker, session, choose([0, *self.rooms.by_number]), b"text", choose(TAGS))
        elif action == "enter":
            room = choose(ROOMS)
            self.register.enter(worker, session, room, tuple(claims(room)), choose([None, None, b"word"]), False,
                                choose([False, True]))
        elif action == "exit":
            self.register.exit(worker, session, choose(ROOMS))
        elif action == "manage":
            self._manage(worker, session)
        elif action == "talk":
            self._talk(worker)
        elif action == "look":
            self._look(worker, session)
        elif action == "person":
            self._be_somebody(worker, session, name)
        elif action == "tell":
            self._tell(worker, session)
        elif action == "more":
            self._do_more(worker, session, name)
        else:
            self._as_worker()

    def _be_somebody(self, worker, session, name):
        choose, account = self.random.choice, self.accounts.accounts.get(name)
        what = choose(["real_name", "set_name", "set_flag", "away", "identified", "whois", "timed", "who_was", "watch"])
        if what == "set_flag":
            self.register.set_flag(worker, session, choose([b"B", b"i", b"x"]), choose([True, False]))
        elif what == "away":
            self.register.away(worker, session, choose([True, False]), choose([b"", b"lunch"]))
        elif what == "identified":
            serial = account.serial if account else 0
            self.register.identified(worker, session, name, serial, None, choose([True, False, False]))
        elif what == "timed":
            for worker, asker, session in self.post.times:
                self.register.timed(worker, asker, session, 9, 7, "", 0)
            self.post.times = []
        elif what == "who_was":
            self.register.who_was(worker, session, name, choose([0, 1, 9]))
        elif what == "watch":
            self.register.watch(worker, session, [name])
        else:
            getattr(self.register, what)(worker, session, name)

    def _tell(self, worker, session):
        choose, key = self.random.choice, self.random.choice([b"url", b"bot", b""])
        where = choose([(choose(ROOMS), b""), (b"", self.register.members.names.get(holder_of(worker, session), b"a"))])
        if not self.random.randrange(3):
            self.register.follow(worker, session, choose([[], [b"url"], [b"url", b"bot"]]))
        elif not self.random.randrange(4):
            self.register.say_outside(worker, session, where[0], b"hi")
        elif not self.random.randrange(3):
            self.register.read_metadata(worker, session, *where, choose([None, [key]]), choose([True, False]))
        else:
            self.register.set_metadata(worker, session, *where, key, choose([b"x", b"y", None]) if key else None)

    def _do_more(self, worker, session, name):
        """What few do."""
        choose, asked = self.random.choice, self.register
        room = choose([*self.rooms.by_number])
        latest = self.register.numbers.last - self.random.randrange(4)
        what, arguments = choose([
            ("publish_devices", (self.random.randrange(9), b"a list")), ("devices_of", (name,)),
            ("redact", (name, b"%d" % latest, b"a slip")), ("mark_read", (room, choose([b"", name]), latest)),
            ("read_mark", (*choose([(choose(ROOMS), b""), (b"", name)]), choose([None, 7, 8]))), ("wallops", (b"hi",)),
            ("typing", (room, choose([b"", name]))), ("tally", ()), ("masks", (choose(ROOMS), "ban")), ("log_out", ())])
        getattr(asked, what)(worker, session, *arguments)
        if what == "log_out":
            asked.release(worker, session)

    def _marks(self):
        rooms = [b"", b"#no,room", *ROOMS]
        return tuple((self.random.choice(rooms), self.random.randrange(99)) for _ in range(self.random.randrange(4)))

    def _manage(self, worker, session):
        choose = self.random.choice
        names, room = self.register.members.names, choose(ROOMS)
        ops = [(holder, known) for known in self.rooms.by_number.values() for holder, role in known.members.items()
               if role >= OP]
        whom = names
        if ops and self.random.random() < 0.8:  # rather where it may succeed
            holder, known = choose(ops)
            (worker, session), room, whom = split(holder), known.name, known.members
        act, text = choose([*ACTS, *MORE_ACTS, "set", "set"]), b""
        about = names[choose([*(whom if choose([1, 1, 0]) else names)])]
        if act == "set":
            about = choose(sorted(VALUES))
            text = choose(VALUES[about])
        elif act == "topic":
            about, text = b"", choose([b"", b"news", b"x" * 31])
        elif act in ("ban", "unban") and room != b"#lobby":
            about = choose(BANS if act == "ban" or room not in self.rooms.by_name else [
                *self.rooms.by_name[room].banned, about])
        elif act in ("bar", "except", "unexcept", "invex", "uninvex"):
            about = choose([b"", b"mute:"] if "exc" in act else [b""]) + choose(MASKS)
        elif act == "rename":
            about = choose(ROOMS)
        elif act == "redact":
            about = b"%d" % (self.register.numbers.last - self.random.randrange(3))
        elif act == "unmute" and room in self.rooms.by_name:
            about = choose([*self.rooms.by_name[room].muted, about])
        elif act == "drop" and choose([True, True, False]):
            act = "invite"
        self.register.manage(worker, session, room, act, about, text)

    def _talk(self, worker):
        """As the hub does, which asks in the order whether it may be said."""
        number, choose = self.random.choice([*self.rooms.by_number, 1]), self.random.choice
        here = [split(holder)[1] for holder in self.register.members.names if split(holder)[0] == worker]
        records = [record(choose(here), b"somebody", BETWEEN.join([b"text"] * count), 7, 0, count)
                   for count in choose([(1,), (1, 2, 1)])]
        self.register.order.now = int(self.now * 1000)
        frame, workers = self.register.whole.moderation.heard(
            worker, number, talk(number, worker, records, choose([TALK, AWAITED]), len(records) + (len(records) > 1)))
        self.post.said["heard" if frame else "unheard"] += 1
        self.digest.update(repr((frame, workers and list(workers))).encode())

    def _look(self, worker, session):
        choose, room = self.random.choice, self.random.choice(ROOMS)
        question, *fields = choose([
            ("within", [session], room), ("look", [session], room), ("reread", [session], room, None, 9),
            ("list_rooms", [session], choose([None, b"#*", b"#r?"])), ("list_rooms", [session], None, False, True),
            ("topic", session, room), ("roles", session, room), ("masks", session, room, "ban"),
            ("devices_of", session, b"ann")])
        before = self.remembered() if self.random.random() < 0.2 else None
        self.register.at_once[question](worker, *fields)
        assert before is None or before == self.remembered(), question  # it is no entry

    def _as_stranger(self, worker, session, name, host):
        choose, occupied, account = self.random.choice, tuple(claims(name)), self.accounts.accounts.get(name)
        action = choose(["claim"] * 6 + ["guest", "create", "proven", "proven", "resume", "resume"])
        if choose([True, False]):
            self.keys.append(b"%d" % len(self.keys))
            self.register.bring(worker, session, self.keys[-1], self._marks())
        if action == "resume":
            self.register.resume(worker, session, choose(self.keys[-20:]), self._marks(), host)
        elif action == "guest":
            self.register.claim_guest(worker, session)
        elif action == "create":
            self.register.open_account(
                worker, session, name, occupied, choose([None, "s"]), choose([False, False, True]), host)
        elif action == "proven" and account is not None and account.secret:
            self.register.claim_name(worker, session, name, choose(["Login", "SignIn"]),
                                     account.serial - choose([0, 0, 0, 1]), choose([None, None, "renewed"]))
        else:
            self.register.claim_unproven(worker, session, name, occupied, choose(["Login", "SignIn", "Post"]),
                                         choose([False, False, True]))

    def _as_worker(self):
        if self.post.probes:
            worker, asker, session = self.post.probes.pop(0)
            if self.random.random() < 0.5:
                self.register.release(worker, session)
            self.register.probed(worker, asker, session)
        elif self.post.marks:
            self.register.told(*self.post.marks.pop(self.random.randrange(len(self.post.marks))))
        elif self.post.kept:
            self.register.taken(*self.post.kept.pop(0))
        elif self.random.random() < 0.1:
            self.register.lose(self.random.choice(WORKERS))
        else:
            self.register.tidied(0)

    def _as_operator(self, name):
        action = self.random.choice(["set", "remove", "empty", "say", "manage"])
        if action == "set":
            self.register.set_password(name, "chosen", self._answer)
        elif action == "remove":
            self.register.remove(name, self._answer)
        elif action == "say":
            self.register.operators.say(self._answer, "hi")
        elif action == "manage":
            room, act = self.random.choice(ROOMS).decode(), self.random.choice(["mute", "ban", "drop"])
            self.register.operators.manage(self._answer, room, act, "zoe", "why")
        elif name in self.accounts.accounts:
            self.register.empty(name, self._answer)

    def _answer(self, answer):
        self.digest.update(repr(answer).encode())

    def remembered(self):
        """All that counts of what it knows."""
        members = self.register.members
        return [
            [(split(holder), name.decode()) for holder, name in members.names.items()],
            [(name.decode(), account.serial, account.secret, account.kept, account.size, account.oldest)
             for name, account in self.accounts.accounts.items()],
            self.register.numbers.last, self.rooms.last, [
                repr((session.key, session.name, session.serial, session.since, session.holder,
                      sorted(session.rooms), session.since_in_rooms, [
                          (tag, known.number, known.time, known.stored)
                          for tag, known in (session.tags or {}).items()]))
                for session in self.register.whole.sessions._sessions.values()], [
                repr((name, room.state(), [getattr(room, slot) for slot in Room.__slots__ if slot not in NOT_ORDERED]))
                for name, room in self.rooms.by_name.items()],
            [(split(holder), [room.number for room in rooms]) for holder, (_, rooms) in self.rooms._joined.items()]]


def main(seed, count):
    run, digests = Run(seed), []
    for number in range(count):
        run.step()
        if number % 200 == 0:
            run.hold_court()
        if number % (count // 20) == 0:
            run.digest.update(json.dumps(run.remembered()).encode())
            digests.append(run.digest.hexdigest())
    json.dump({"digests": digests, "said": run.post.said, "remembered": run.remembered()}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
