"""Rooms against a simple model of them, which is written from docs/rooms.md: random steps, compared after each.

Compared are who is in which room and with which role, which workers have members there, what each worker is told, and
whether something is refused, for one of the reasons that there are.
"""
import fnmatch

import pytest
from roomed import DONE, Roomed, space_of

from parley.server.chat.members import holder_of
from parley.server.chat.rooms import MEMBER, NOBODY, OP, OPERATOR, OWNER, ROLES, VOICE
from parley.server.protocols.events import Reason

STEPS = 10000
WORKERS = [1, 2, 3]
GUESTS = [b"gus", b"gwen", b"gil", b"greg", b"gina"]
OWNERS = [b"pat", b"pam", b"phil"]  # have accounts with passwords
BOSS = b"boss"  # an operator
ROOMS = [b"#ada", b"#ADA", b"#bcpl", b"#c", b"#lisp"]
BANS = [*GUESTS, *OWNERS, b"GUS", b"PAT", b"g*", b"p?t", b"*"]
SETTINGS = [(b"private", b"on"), (b"private", b"off"), (b"invite", b"on"), (b"invite", b"off"), (b"moderated", b"on"),
            (b"moderated", b"off"), (b"key", b"word"), (b"key", b"off"), (b"limit", b"3"), (b"limit", b"off"),
            (b"slow", b"60"), (b"slow", b"off"), (b"limit", b"many"), (b"colour", b"red")]
MOST, OWNED, JOINED, MOST_BANS, TOPIC_BYTES, DAYS = 3, 2, 2, 3, 20, 1
HOUR, DAY = 3600, 86400
OF_ROOMS = ("entered", "exited", "renamed_in", "managed", "Invited")

ROLE_OF = {"voice": VOICE, "devoice": MEMBER, "op": OP, "deop": MEMBER}
ABOUT_MEMBERS = {"kick", "voice", "devoice", "op", "deop"}
OVER_OTHERS = ABOUT_MEMBERS | {"ban", "mute"}
ACTS = ["topic", "invite", "kick", "ban", "unban", "mute", "unmute", "voice", "devoice", "op", "deop", "set", "set",
        "set", "ban", "mute", "unban", "unmute"]


class ModelRoom:
    """What there is to know of a room. Members are known by (worker, session)."""

    def __init__(self, number, name, lasts):
        self.number, self.name, self.lasts = number, name, lasts
        self.members, self.roles, self.invited, self.spoke = {}, {}, {}, {}
        self.banned, self.muted, self.voiced = set(), set(), set()
        self.settings = dict.fromkeys((b"private", b"invite", b"moderated"), False)
        self.settings.update({b"key": None, b"limit": 0, b"slow": 0})
        self.topic = b""
        self.left_at = None

    def __getitem__(self, setting):
        return self.settings[setting]

    @property
    def is_open(self):
        return not (self[b"private"] or self[b"invite"] or self[b"key"])

    def bans(self, name):
        return any(fnmatch.fnmatchcase(name.decode().lower(), ban.decode().lower()) for ban in self.banned)

    def workers(self):
        return sorted({worker for worker, _ in self.members})


class Model:
    """Each method gives (the reasons why not, what is told), and does it if there is no reason."""

    def __init__(self):
        self.names = {}  # who -> name
        self.former = {}  # who -> the names that it had before
        self.rooms = {}
        self.last = 0
        self.now = None
        self.told = []

    def tell(self, workers, *what):
        if workers:
            self.told.append((list(workers), *what))

    def who(self, name):
        return next((who for who, other in self.names.items() if other == name), None)

    def role(self, room, who):
        return OPERATOR if self.names[who] == BOSS else room.members.get(who, NOBODY)

    def all_names(self, who):
        return [self.names[who], *self.former.get(who, ())]

    def joined(self, who):
        return [room for room in self.rooms.values() if who in room.members]

    # ---- coming and going

    def enter(self, who, name, key):
        room, owner = self.rooms.get(name), self.names[who]
        if room and who in room.members:
            return set(), DONE
        troubles = set()
        if room is None:
            if any(other.lower() == name.lower() for other in self.rooms):
                troubles.add(Reason.INVALID_ROOM)
            if len(self.rooms) >= MOST:
                troubles.add(Reason.TOO_MANY_ROOMS)
            if owner in OWNERS + [BOSS] and sum(
                    one.roles.get(owner) == OWNER for one in self.rooms.values()) >= OWNED:
                troubles.add(Reason.TOO_MANY_OWNED)
        elif owner != BOSS and room.roles.get(owner, MEMBER) < OP:
            invited = room.invited.get(owner, -1) >= self.now
            if any(map(room.bans, self.all_names(who))):
                troubles.add(Reason.BANNED)
            if room[b"invite"] and not invited:
                troubles.add(Reason.INVITE_ONLY)
            if room[b"key"] and key != room[b"key"] and not invited:
                troubles.add(Reason.WRONG_KEY)
            if room[b"limit"] and len(room.members) >= room[b"limit"]:
                troubles.add(Reason.ROOM_FULL)
            if troubles and room[b"private"]:
                troubles = {Reason.INVITE_ONLY}
        if len(self.joined(who)) >= JOINED:
            troubles.add(Reason.TOO_MANY_JOINED)
        if troubles:
            return troubles, None
        if room is None:
            self.last += 1
            room = self.rooms[name] = ModelRoom(self.last, name, owner in OWNERS + [BOSS])
            role = OWNER if room.lasts else OP
            if room.lasts:
                room.roles[owner] = OWNER
        else:
            role = room.roles.get(owner, MEMBER)
        room.invited.pop(owner, None)
        room.members[who] = role
        self.tell(room.workers(), "entered", room.number, name, room.topic, *who, owner)
        return set(), None

    def exit(self, who, name):
        room = self.rooms.get(name)
        if room is None or who not in room.members:
            return {Reason.NOT_INSIDE}, None
        self.tell(room.workers(), "exited", room.number, who[0], [who[1]], [self.names[who]])
        self._take_out(room, who)
        return set(), DONE

    def _take_out(self, room, who):
        del room.members[who]
        room.voiced.discard(who)
        if not room.members:
            room.left_at = self.now
            if not room.lasts:
                del self.rooms[room.name]

    def go(self, whos, *why):
        """All at once, of one worker."""
        for room in list(self.rooms.values()):
            gone = [who for who in room.members if who in whos]
            for who in gone:
                self._take_out(room, who)
            if gone:
                self.tell(room.workers(), "exited", room.number, gone[0][0], [session for _, session in gone],
                          [self.names[who] for who in gone], True, *why)
        for who in whos:
            del self.names[who]
            self.former.pop(who, None)

    def rename(self, who, new):
        old, holder = self.names[who], self.who(new)
        troubles = {Reason.NAME_TAKEN} if holder not in (None, who) else set()
        if any(room.bans(new) and (old in room.roles or room.members[who] < OP) for room in self.joined(who)):
            troubles.add(Reason.BANNED)
        if troubles:
            return troubles, None
        self.names[who] = new
        if new != old:
            self.former[who] = [old] + [name for name in self.former.get(who, ()) if name not in (old, new)]
        for room in self.joined(who):
            if old in room.roles:
                room.members[who] = MEMBER
                room.voiced.discard(who)
            self.tell(room.workers(), "renamed_in", room.number, *who, old, new, None)
        return set(), None

    def tidy(self):
        for room in list(self.rooms.values()):
            if not room.members and self.now - room.left_at > DAYS * DAY:
                del self.rooms[room.name]

    # ---- speaking, and keeping order

    def say(self, who, name):
        room = self.rooms.get(name)
        if room is None:
            return {Reason.NO_ROOM}, []
        if who not in room.members:
            return {Reason.NOT_INSIDE}, []
        troubles = set()
        if room.members[who] < VOICE and self.names[who] != BOSS:
            if not room.muted.isdisjoint(self.all_names(who)):
                troubles.add(Reason.MUTED)
            if any(map(room.bans, self.all_names(who))):
                troubles.add(Reason.BANNED)
            if room[b"moderated"]:
                troubles.add(Reason.MODERATED)
            if room[b"slow"] and self.now - room.spoke.get(who, float("-inf")) < room[b"slow"]:
                troubles.add(Reason.SLOW_MODE)
            if room[b"slow"] and not troubles:
                room.spoke[who] = self.now
        return troubles, [] if troubles else room.workers()

    def manage(self, who, name, act, about, text):
        room = self.rooms.get(name)
        if room and act in ("unban", "unmute") and self.who(about):  # a former name will do
            entries = room.banned if act == "unban" else room.muted
            known = [one for one in self.all_names(self.who(about)) if one in entries]
            about = about if about in entries else known[0] if known else about
        troubles = {Reason.NO_ROOM} if room is None else self.why_not_manage(room, who, act, about, text)
        if troubles:
            return troubles, None
        workers, whom, out = room.workers(), self.who(about), []
        if act == "topic":
            room.topic = text
        elif act == "invite":
            room.invited[about] = self.now + HOUR
            self.tell([whom[0]], "Invited", whom[1], name, self.names[who])
        elif act == "kick":
            out = [whom]
        elif act == "ban":
            room.banned.add(about)
            out = [one for one in room.members
                   if self.role(room, one) < OP and any(map(room.bans, self.all_names(one)))]
        elif act == "unban":
            room.banned.remove(about)
        elif act == "mute":
            room.muted.add(about)
        elif act == "unmute":
            room.muted.remove(about)
        elif act in ABOUT_MEMBERS:
            best, has_voice = room.members[whom], whom in room.voiced or room.members[whom] == VOICE
            has_voice = {"voice": True, "devoice": False}.get(act, has_voice)
            best = OP if act == "op" else 0 if act == "deop" or best < OP else best
            room.members[whom] = best or (VOICE if has_voice else MEMBER)
            (room.voiced.add if best and has_voice else room.voiced.discard)(whom)
            if about in OWNERS + [BOSS]:
                room.roles.pop(about, None)
                if room.members[whom] > MEMBER:
                    room.roles[about] = room.members[whom]
        elif act == "set":
            room.settings[about] = (
                {b"on": True, b"off": False}[text] if about in (b"private", b"invite", b"moderated") else
                text if about == b"key" and text != b"off" else 0 if text == b"off" else int(text))
            if about == b"slow":
                room.spoke.clear()
        else:
            room.lasts, out = False, list(room.members)
            if not out:
                del self.rooms[name]
        told = b"" if act == "set" and about == b"key" else text
        if act in ROLE_OF:
            role = room.members[whom]
            told = b"" if role == ROLE_OF[act] else ROLES[role]
        self.tell(workers, "managed", room.number, act, self.names[who], about, told, out)
        for one in out:
            self._take_out(room, one)
        return set(), DONE

    def why_not_manage(self, room, who, act, about, text):
        role, whom = self.role(room, who), self.who(about)
        if role == NOBODY:
            return {Reason.NO_ROOM if room[b"private"] else Reason.NOT_INSIDE}
        needed = OP
        if act == "invite" and room.is_open:
            needed = MEMBER
        if act == "drop" and room.lasts:
            needed = OWNER
        troubles = {Reason.NOT_ALLOWED} if role < needed else set()
        if act in ABOUT_MEMBERS | {"invite"} and whom is None:
            troubles.add(Reason.NOBODY)
        if act in ABOUT_MEMBERS and whom is not None and whom not in room.members:
            troubles.add(Reason.NOT_THERE)
        its = self.role(room, whom) if whom in room.members else OPERATOR if about == BOSS else (
            room.roles.get(about, MEMBER))
        if act in OVER_OTHERS and whom != who and (its > role or its == role >= OWNER):
            troubles.add(Reason.OUTRANKED)
        if act in ("op", "deop") and whom == who and role == OWNER:
            troubles.add(Reason.OUTRANKED)
        if act == "topic" and len(text) > TOPIC_BYTES:
            troubles.add(Reason.TEXT_TOO_LONG)
        if act in ("ban", "mute") and len(room.banned if act == "ban" else room.muted) >= MOST_BANS:
            troubles.add(Reason.LIST_FULL)
        if act in ("unban", "unmute") and about not in (room.banned if act == "unban" else room.muted):
            troubles.add(Reason.NOT_BANNED if act == "unban" else Reason.NOT_MUTED)
        if act == "set" and (about, text) in SETTINGS[-2:]:
            troubles.add(Reason.INVALID_SETTING)
        return troubles


class Run:
    """The register and the model, which are given the same."""

    def __init__(self, chance):
        self.choose, self.random = chance.choice, chance.random
        self.model = Model()
        self.roomed = Roomed([BOSS], most=MOST, owned=OWNED, joined=JOINED, bans=MOST_BANS, topic_bytes=TOPIC_BYTES,
                             empty_room_days=DAYS)
        self.roomed.is_watched = False
        for name in [*OWNERS, BOSS]:
            self.roomed.account(name)
        self.done = {}  # what was done, and how often it was refused and not

    def step(self):
        """One step; gives what it was."""
        self.roomed.wait(self.choose([0, 0, 0, 1, 29, 31]))
        self.model.now = self.roomed.now
        self.model.told = []
        here = list(self.model.names)
        if len(here) < 5 or self.random() < 0.03:
            return self._come()
        who, room = self.choose(here), self.choose(ROOMS)
        name = self.model.names[who]
        chance = self.random()
        if chance < 0.3:
            key = self.choose([None, None, b"word", b"wrong"])
            return ("enter", name, room, key), self.model.enter(who, room, key), self.roomed.enter(name, room, key)
        if chance < 0.37:
            return ("exit", name, room), self.model.exit(who, room), self.roomed.exit(name, room)
        if chance < 0.75:
            return self._manage(who, name, room)
        if chance < 0.9:
            reasons, workers = self.model.say(who, room)
            answer, heard = self.roomed.say(name, room=room)
            assert heard == workers
            return ("say", name, room), (reasons, DONE), answer
        if chance < 0.94:
            new = self.choose(GUESTS)
            return ("rename", name, new), self.model.rename(who, new), self.roomed.rename(name, new)
        if chance < 0.96:
            self.roomed.go(name)
            self.model.go([who])
            return ("go", name), (set(), None), None
        if chance < 0.963:
            self._lose(who[0])
            return ("lose", who[0]), (set(), None), None
        if chance < 0.966:
            self.roomed.wait(DAY + 1)
            self.model.now = self.roomed.now
            self.roomed.tidy()
            self.model.tidy()
            return ("tidy",), (set(), None), None
        self.roomed.wait(HOUR)
        return ("wait",), (set(), None), None

    def _come(self):
        name, worker = self.choose([*GUESTS, *OWNERS, BOSS]), self.choose(WORKERS)
        before = self.model.who(name)
        answer = self.roomed.come(name, worker, host="")
        if before is None or name not in GUESTS:  # who gives the right password takes the place of whoever is there
            if before is not None:
                self.model.go([before], Reason.REPLACED.encode())
            self.model.names[self.roomed.people[name]] = name
            return ("come", name, worker), (set(), None), answer
        return ("come", name, worker), ({Reason.NAME_TAKEN}, None), answer

    def _manage(self, who, name, room):
        places = [(one, one_who) for one in self.model.rooms.values() for one_who, role in one.members.items()
                  if role >= OP or self.random() < 0.1]
        if places and self.random() < 0.8:  # rather where it may succeed
            place, who = self.choose(places)
            name, room = self.model.names[who], place.name
        act, about, text = self.choose(ACTS), self.choose(list(self.model.names.values()) + GUESTS[:2]), b""
        known = self.model.rooms.get(room)
        if act == "topic":
            about, text = b"", self.choose([b"", b"news", b"x" * TOPIC_BYTES, b"x" * TOPIC_BYTES + b"x"])
        elif act in ("ban", "unban") and self.random() < 0.9:
            about = self.choose(BANS if act == "ban" or not known else sorted(known.banned) or [b"nobody"])
        elif act == "unmute" and known:
            about = self.choose(sorted(known.muted) or [b"nobody"])
        elif act == "set":
            about, text = self.choose(SETTINGS)
        elif known and known.members and self.random() < 0.8:
            about = self.model.names[self.choose(list(known.members))]
        if self.random() < 0.03:
            act, about, text = "drop", b"", b""
        return (act, name, room, about, text), self.model.manage(who, room, act, about, text), self.roomed.do(
            name, act, about, text, room)

    def _lose(self, worker):
        self.roomed.register.lose(worker)
        self.model.go([who for who in self.model.names if who[0] == worker])
        for name in [name for name, who in self.roomed.people.items() if who[0] == worker]:
            del self.roomed.people[name]

    def compare(self, what, expected, answer):
        """Does the register agree with the model?"""
        reasons, done = expected
        assert answer in reasons if reasons else answer == done, what
        told = [one for one in self.roomed.drain() if one[1] in OF_ROOMS]
        assert sorted(told, key=repr) == sorted(self.model.told, key=repr), what
        rooms = self.roomed.rooms
        assert [room_of(room) for room in rooms.by_number.values() if room is not rooms.lobby] == [
            model_of(room) for room in self.model.rooms.values()], what
        for room in rooms.by_number.values():
            homes = [holder >> 32 for holder in room.members]
            assert room.interest == {worker: homes.count(worker) for worker in homes}, what
        for who in self.model.names:
            assert sorted(room.name for room in rooms.joined(holder_of(*who))) == sorted(
                room.name for room in self.model.joined(who)), what
        assert (rooms.space.total, rooms.space.of_sources) == space_of(rooms), what
        assert len(rooms._joined) == sum(bool(self.model.joined(who)) for who in self.model.names), what
        outcome = self.done.setdefault(what[0], [0, 0])
        outcome[bool(reasons)] += 1


def room_of(room):
    return (room.number, room.name, room.lasts, list(room.members.items()), room.roles, set(room.banned),
            set(room.muted), set(room.voiced), room.topic[0], room.private, room.invite, room.moderated,
            room.key or None, room.limit, room.slow)


def model_of(room):
    return (room.number, room.name, room.lasts, [(holder_of(*who), role) for who, role in room.members.items()],
            room.roles, room.banned, room.muted, {holder_of(*who) for who in room.voiced}, room.topic, room[b"private"],
            room[b"invite"], room[b"moderated"], room[b"key"] or None, room[b"limit"], room[b"slow"])


@pytest.mark.slow
def test_rooms_are_as_a_simple_model_has_them(chance):
    run = Run(chance)
    for _ in range(STEPS):
        run.compare(*run.step())
    seldom = {what: times for what, times in run.done.items() if not times[0]}
    assert not seldom, "what was never done: %r" % run.done
    assert {*ACTS, "drop", "enter", "exit", "say", "rename", "come", "go", "lose", "tidy"} <= set(run.done)
