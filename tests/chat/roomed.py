"""A register with rooms, people who are known by their names, and a clock that a test moves."""
from plain import plain
from registered import Door, Registered

from parley.server.chat import contract
from parley.server.chat.accounts import Accounts
from parley.server.chat.gate import LIMITS
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.members import holder_of
from parley.server.chat.names import claims
from parley.server.ipc.messages import ReadStore, ToStore, ToWorker
from parley.server.ipc.queues import HEAD, record, said, talk

BEGIN = 1600000000  # seconds since the epoch
DONE = "done"
HOST = "192.0.2.1"


def space_of(rooms):
    """(total, {address: bytes}) of what the lists of rooms take, by adding it up."""
    sizes = {}
    for room in rooms.by_number.values():
        if room.source and room.size:
            sizes[room.source] = sizes.get(room.source, 0) + room.size
    return sum(room.size for room in rooms.by_number.values()), sizes


class Post(contract.Post):
    """Remembers what is told, and to which workers. Whoever is looked after is there.

    told: (workers, name of the message, field, ...); of what all workers are told, `workers` is None.
    spoken: (workers, session, sender, text) of what has its number already.
    answers: (worker, session, DONE or why not). audited: (who, holder, act, room, about, text) of each act.
    """

    def __init__(self):
        self.register = None
        self.told, self.answers, self.audited, self.spoken = [], [], [], []

    def everyone(self, message):
        self.told.append((None, *plain(message)))

    def some(self, workers, message):
        workers = sorted(workers)
        if workers:
            self.told.append((workers, *plain(message)))

    def worker(self, worker, message):
        if type(message) is ToWorker.Probe:
            self.register.probed(worker, message.asker, message.session)
        elif type(message) is ToWorker.Refused:
            self.answers.append((worker, message.session, message.reason))
        elif type(message) is ToWorker.Confirmed:
            self.answers.append((worker, message.session, DONE))
        else:
            self.told.append(([worker], *plain(message)))

    def change(self):
        """Nothing is torn here."""

    def audit(self, *act):
        self.audited.append(act)

    def announce(self, frame, then):
        self.told.append((None, "said", list(said(frame))))
        then(True)

    def spread(self, frame, workers):
        self.spoken += [(sorted(workers), session, sender, text) for session, sender, text, *_ in said(frame)]

    def guarded(self, worker, asker, then):
        return then


class Store:
    """Stores everything, or nothing if it is `broken`; at once, or if it is `late` only by `catch_up`.

    rooms: {number: (name, state)} of those that are kept. closed: the numbers of those that were. read: what was asked
    for. past: what is found, see `ReadStore.Room`. noted: acts, as they are kept.
    """

    last_number, reserved = 0, 1 << 40

    def __init__(self):
        self.rooms, self.closed, self.read, self.noted = {}, [], [], []
        self.broken = self.late = False
        self._behind = []
        self.past = [], 0, False

    def talk(self, frame, then):
        self.noted.append(frame)
        then(None if self.broken else True)

    def ask(self, then, request):
        if self.late:
            self._behind.append((then, request))
        elif self.broken:
            then(None)
        elif type(request) is ReadStore.Room:
            self.read.append(request)
            then(self.past)
        else:
            self._keep(request)
            then(True)


    def catch_up(self):
        self.late, behind, self._behind = False, self._behind, []
        for then, request in behind:
            self.ask(then, request)

    def _keep(self, request):
        if type(request) is ToStore.KeepRoom:
            self.rooms[request.room] = request.room_name, request.state
        elif type(request) is ToStore.CloseRoom:
            self.closed.append(request.room)
            self.rooms.pop(request.room, None)


class Roomed:
    """The register, spoken to by name. What is asked gives DONE, or the reason why not.

    Whatever is refused must leave all as it was, and be told to nobody else: that is looked at each time, unless a test
    that looks at everything itself says that it is not `is_watched`.

    failures: wrong keys of a room that are borne in a minute; 0 is no limit.
    people: {name under which somebody came: (worker, session)}. told: what was told since the last look (see `Post`).
    """

    def __init__(self, operators=(), failures=0, **limits):
        self.now = BEGIN
        self.store, self.post = Store(), Post()
        self.accounts = Accounts(self.store)
        self.register = Registered(
            self.post, self.accounts, Door(), LoginThrottle(failures, 1000, lambda: 0.0), self.store, lambda: self.now)
        whole = self.register.whole
        self.rooms, self.gate, self.members = whole.rooms, whole.gate, whole.members
        self.entering, self.room_questions, self.moderation = whole.entering, whole.room_questions, whole.moderation
        self.gate.limits = dict(LIMITS, **dict({"joins_per_second": 0}, **limits))
        self.gate.operators = frozenset(operators)
        self.people = {}
        self.is_watched = True
        self._last_session = 0

    # ---- people

    def account(self, name, secret="secret"):
        """There is an account, with a password unless `secret` is None."""
        self.accounts.begin_with(name, tuple(claims(name)), secret)

    def come(self, name, worker=1, host=HOST):
        """Somebody of this name logs in from there; with the right password, if there is one."""
        self._last_session += 1
        session, account = self._last_session, self.accounts.accounts.get(name)
        serial = account.serial if account and account.secret else None
        if serial is None:
            self.register.claim_unproven(worker, session, name, tuple(claims(name)), "Login", False, host)
        else:
            self.register.claim_name(worker, session, name, "Login", serial, None, host)
        if self.members.names.get(holder_of(worker, session)) == name:
            self.people[name] = worker, session
        return self._answer(worker, session)

    def owner(self, name, worker=1):
        """Somebody with an account that has a password."""
        if name not in self.accounts.accounts:
            self.account(name)
        self.come(name, worker)

    def holder(self, name):
        """The number of the session of who came under this name."""
        return holder_of(*self.people[name])

    def go(self, name):
        """The connection ends."""
        self.register.release(*self.people.pop(name))

    def rename(self, name, new):
        """The same person has another name; here it is called by that, too."""
        who = self.people[name]
        answer = self._ask("rename", who, new, tuple(claims(new)))
        if self.members.names.get(holder_of(*who)) == new:
            del self.people[name]
            self.people[new] = who
        return answer

    # ---- rooms

    def enter(self, name, room=b"#dev", key=None):
        """Somebody enters a room."""
        return self._ask("enter", self.people[name], room, tuple(claims(room)), key)

    def exit(self, name, room=b"#dev"):
        """Somebody leaves it."""
        return self._ask("exit", self.people[name], room)

    def do(self, name, act, about=b"", text=b"", room=b"#dev"):
        """Somebody does something to the room."""
        return self._ask("manage", self.people[name], room, act, about, text)

    def make(self, *names, room=b"#dev"):
        """These enter one after the other, all on worker 1 if they have not come yet; the first makes the room."""
        for name in names:
            if name not in self.people:
                self.come(name)
            assert self.enter(name, room) in (DONE, None)
        self.drain()
        return self.rooms.by_name[room]

    def say(self, name, text=b"hi", room=b"#dev"):
        """Somebody speaks: (DONE or why not, the workers that hear it; None if all do)."""
        worker, session = self.people[name]
        number = self.rooms.by_name[room].number if room in self.rooms.by_name else 999
        frame = talk(number, worker, [record(session, name, text, 7)])
        self.register.order.now = int(self.now * 1000)
        passed, workers = self.moderation.heard(worker, number, frame)
        assert passed in (frame, None)
        unsaid = [told for told in self.drain() if told[1] == "unsaid"]
        assert bool(unsaid) == (passed is None)
        if unsaid:
            assert unsaid == [([worker], "unsaid", [(session, 0)], unsaid[0][3])]
            return unsaid[0][3], []
        return DONE, None if workers is None else sorted(workers)

    def tell(self, name, question, *fields):
        """What somebody is told who asks a question of the hub: a message, or why not."""
        worker, session = self.people[name]
        whom = session if question in ("topic", "roles") else [session]
        getattr(self.register, question)(worker, whom, *fields)
        answer = self._answer(worker, session)
        if answer is not None:
            return answer
        ((workers, _, numbers, *told),) = self.drain()
        assert (workers, numbers) == ([worker], [session])
        return tuple(told)

    def spread(self):
        """What was said by `say_outside` since the last time."""
        spoken, self.post.spoken = self.post.spoken, []
        return spoken

    def drain(self):
        """What was told since the last time."""
        told, self.post.told = self.post.told, []
        return told

    def wait(self, seconds):
        """Let time pass."""
        self.now += seconds

    def tidy(self):
        """It is time to look for what has been kept for too long."""
        self.register.tidied(0)

    # ---- what is remembered

    def state(self):
        """All that is known of rooms and of who is in them, and all that is stored of them, each part as a text."""
        rooms = [[getattr(room, slot) for slot in room.__slots__ if slot not in ("_bans", "occupied")]
                 for room in self.rooms.by_number.values()]
        return list(map(repr, [
            rooms, self.rooms.last, list(self.rooms.by_name), [
                (holder, [room.number for room in joined]) for holder, (_, joined) in self.rooms._joined.items()],
            self.rooms.since_of_guests, self.gate._paid_until, self.store.rooms, self.store.closed]))

    def _ask(self, question, who, *fields):
        before, told = self.state() if self.is_watched else None, len(self.post.told)
        getattr(self.register, question)(*who, *fields)
        answer = self._answer(*who)
        if self.is_watched and answer not in (None, DONE) and not self.store.broken:
            assert self.state() == before, "%s was refused, and has changed something" % question
            assert len(self.post.told) == told, "%s was refused, and somebody was told" % question
        return answer

    def _answer(self, worker, session):
        answers, self.post.answers = self.post.answers, []
        if not answers:
            return None
        ((of_worker, of_session, answer),) = answers
        assert (of_worker, of_session) == (worker, session)
        return answer


def texts(frame):
    """The texts of a talk frame, and how many it says it has."""
    return [text for _, _, text, _ in said(frame)], HEAD.unpack_from(frame)[4]
