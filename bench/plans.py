"""The loads of many rooms: who is in which room, and who talks there.

Rooms are as people have them: a few large ones and many small ones, and everybody is in several.
"""
import collections
import itertools
import random

SEED = 7  # a message of load w reaches about as many members as with most seeds
PACED, SATURATED = "pace", "saturate"

Load = collections.namedtuple("Load", "name users rooms each skew speakers phases")
Load.__doc__ = """each: rooms of a user, on average. speakers: of a saturated phase.

skew: by the law of Zipf and Mandelbrot, a room's weight is 1 / (rank + skew). 0: all rooms are of the same size.
"""
Phase = collections.namedtuple("Phase", "how measure")
Phase.__doc__ = """`measure`: how many messages a second; or, if SATURATED, how many of each speaker are in flight."""

LOADS = [
    Load("a", 10, 1, 1, 0, 10, [Phase(PACED, 4000), Phase(SATURATED, 10)]),
    Load("w", 1000, 100, 8, 2, 100, [Phase(PACED, 500), Phase(PACED, 2000), Phase(SATURATED, 1)]),
    Load("m", 2000, 200, 1, 0, 200, [Phase(PACED, 4000), Phase(SATURATED, 10)]),
    Load("l", 5000, 500, 4, 2, 100, [Phase(PACED, 1000)]),
]

Plan = collections.namedtuple("Plan", "rooms voices turns")
Plan.__doc__ = """The same for every server.

rooms: those of each user. voices: (user, room) of all who ever talk. turns: for each phase the numbers of its voices,
one for each message of a paced phase and one for each speaker of a saturated one.
"""


def plan(load, seconds, seed=SEED):
    """A Plan of phases of that many seconds."""
    chance = random.Random(seed)
    weights = _weights(load.rooms, load.skew)
    rooms = [_rooms_of(user, load, weights, chance) for user in range(load.users)]
    talk = _Talk(load, _members(rooms, load.rooms), chance)
    voices = {}
    turns = []
    for phase in load.phases:
        saying = talk.speakers(load.speakers) if phase.how == SATURATED else (
            talk.one() for _ in range(int(phase.measure * seconds)))
        turns.append([voices.setdefault(voice, len(voices)) for voice in saying])
    return Plan(rooms, list(voices), turns)


def _weights(count, skew):
    """The cumulated weights of `count` rooms or users."""
    return list(itertools.accumulate(1 / (rank + skew) if skew else 1 for rank in range(count)))


def _rooms_of(user, load, weights, chance):
    """The rooms of a user: their number is load.each plus or minus half of it; without a skew exactly load.each."""
    if not load.skew:
        return [(user * load.each + number) % load.rooms for number in range(load.each)]
    count = load.each + chance.randint(-(load.each // 2), load.each // 2)
    found = {}  # in their order
    while len(found) < min(count, load.rooms):
        found[chance.choices(range(load.rooms), cum_weights=weights)[0]] = None
    return list(found)


def _members(rooms, count):
    """The users in each room."""
    members = [[] for _ in range(count)]
    for user, those in enumerate(rooms):
        for room in those:
            members[room].append(user)
    return members


class _Talk:
    """Chooses who says something where.

    How much is said in a room follows the same law as the sizes of rooms, but does not depend on its size. In a room
    one user says most, the next one half as much, the next a third.
    """

    def __init__(self, load, members, chance):
        self._chance = chance
        self._members = members
        self._talkative = _weights(load.users, 1)
        ranks = chance.sample(range(load.rooms), load.rooms)
        lone = [len(those) < 2 for those in members]
        self._liveliness = list(itertools.accumulate(
            0 if alone else 1 / (rank + load.skew) if load.skew else 1 for rank, alone in zip(ranks, lone)))
        self._first = [chance.randrange(len(those)) if those else 0 for those in members]
        self._in_turn = not load.skew

    def one(self):
        """(user, room) of a message."""
        room, = self._chance.choices(range(len(self._members)), cum_weights=self._liveliness)
        return self._in(room), room

    def speakers(self, count):
        """(user, room) of so many different users."""
        found = {}
        for number in range(count):
            while len(found) == number:
                room = number % len(self._members)
                user, room = (self._chance.choice(self._members[room]), room) if self._in_turn else self.one()
                found.setdefault(user, room)
        return list(found.items())

    def _in(self, room):
        members = self._members[room]
        rank, = self._chance.choices(range(len(members)), cum_weights=self._talkative[:len(members)])
        return members[(rank + self._first[room]) % len(members)]
