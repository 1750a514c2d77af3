"""The state with which a client of `web` resumes its session after the connection is lost."""
import collections
from typing import Any, Deque, Dict, List, Optional, Set

from parley.client.events import Request
from parley.client.protocol import LOBBY_ROOM

ALONE = "me"  # among rooms: what was said to oneself alone
_IN_FLIGHT = 32  # messages without an answer; the server remembers the tags of twice as many
_MOST_MARKS = 100  # that the server takes


class Post:
    """An own message that the server has not answered.

    tag: by which the server knows it, if it is sent again. session: the one in which it was sent; None: it was not.
    was_missed: was it among what was missed, so that it has arrived?
    """

    __slots__ = ("tag", "request", "session", "was_missed")

    def __init__(self, tag: str, request: Request) -> None:
        self.tag, self.request = tag, request
        self.session: Optional[str] = None
        self.was_missed = False


class Resumption:
    """The session, the last number seen in each room, and own messages without an answer. It outlives a connection.

    session: what the server gave to come back with, or None. name, password: with which one is in it.
    run: whose numbers these are. marks: {room, or ALONE: everything up to this number was heard there}.
    has_kept: has the server kept messages that were not asked for yet? seals: `client.seal.talk.Seals`, or None.
    """

    seals: Any = None

    def __init__(self) -> None:
        self.name: Optional[str] = None
        self.password: Optional[str] = None
        self.session: Optional[str] = None
        self.has_kept = False
        self._posts: Dict[str, Post] = collections.OrderedDict()  # by tag
        self._waiting: Deque[Post] = collections.deque()  # those of them that are to be sent
        self.marks: Dict[str, int] = {}
        self._restart("")

    def _restart(self, run: str) -> None:
        """Start over: the numbers are those of another run, of which nothing was received."""
        self.run = run
        self.marks = dict.fromkeys(self.marks, 0)
        self.top = 0  # the greatest number heard of
        self.base = 0  # a room that is entered was not heard up to here
        self._own: Dict[str, Set[int]] = {}  # {room: numbers of own messages behind the mark}

    # ---- the session

    def begin(self, name: str, password: Optional[str], is_new: bool) -> Optional[str]:
        """A login as `name` begins: the session to come back to, or None. is_new: is the account to be made?"""
        if name != self.name:  # what is known of somebody else is of no use
            self.__init__()  # type: ignore[misc]
            self.name = name
        if is_new or password not in (None, self.password):
            self.session = None
        return self.session

    def resume(self) -> Dict[str, object]:
        """From where to go on, as the server wants to know it."""
        marks = [(room, number) for room, number in self.marks.items() if room != ALONE or not self.has_kept]
        return {"run": self.run, **dict(marks[:_MOST_MARKS - 1])} if self.run else {}

    def greeted(self, run: str) -> None:
        """The server has named the run of its numbers."""
        if run != self.run:
            self._restart(run)

    def welcomed(self, session: str, number: int) -> bool:
        """The session has begun, or goes on; number: everything up to it is past.

        Of messages that were sent in another session the server knows no tags any more: are there such? Whether they
        have arrived is told by what was missed; see `settle`.
        """
        self.session = session
        self.base = max(self.base, number)
        for room in (LOBBY_ROOM, ALONE):
            self.marks.setdefault(room, number)
        self._waiting = collections.deque(
            post for post in self._posts.values() if post.session in (None, session))
        return len(self._waiting) < len(self._posts)

    # ---- how far

    def heard(self, room: str, number: int) -> bool:
        """Message `number` of a room has come, in its order; had it not come before? 0: it has none."""
        self.top = max(self.top, number)
        if not number:
            return True
        if number <= self.marks.get(room, 0):
            return False
        self._set_mark(room, number)
        return True

    def heard_all(self, number: int) -> None:
        """Everything up to this number has been received."""
        self.base = max(self.base, number)
        for room, mark in self.marks.items():
            if mark < number:
                self._set_mark(room, number)

    def _set_mark(self, room: str, number: int) -> None:
        self.marks[room] = number
        own = self._own.get(room)
        if own:
            self._own[room] = {one for one in own if one > number}

    def forget(self, room: str) -> List[str]:
        """You are in this room no more. The server answers all the same what is on its way there."""
        self.marks.pop(room, None)
        self._own.pop(room, None)
        return []

    def rename(self, room: str, name: str) -> None:
        """The room is called `name` now."""
        for held in (self.marks, self._own):
            if room in held:
                held[name] = held.pop(room)  # type: ignore[attr-defined]

    # ---- own messages

    def post(self, post: Post) -> None:
        """Queue a message."""
        self._posts[post.tag] = post
        self._waiting.append(post)

    def take(self) -> List[Post]:
        """The messages to send now: few enough without an answer that the server remembers all their tags."""
        free = _IN_FLIGHT - (len(self._posts) - len(self._waiting))
        taken = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
        for post in taken:
            post.session = self.session
        return taken

    def stored(self, tag: str, number: int) -> None:
        """The server has a message, and this is its number."""
        _, about, _ = request = self._posts.pop(tag).request
        self.top = max(self.top, number)
        room = ALONE if request.kind == "whisper" else about or LOBBY_ROOM
        if number > self.marks.get(room, 0):
            self._own.setdefault(room, set()).add(number)

    def drop(self, tag: str) -> None:
        """A message is refused, or not sent again."""
        self._posts.pop(tag, None)

    def is_own(self, room: str, number: int, request: Request) -> bool:
        """Is this message, which was missed, one that this client knows that it has said? request: as it would be."""
        if number in self._own.get(room, ()):
            return True
        for post in self._posts.values():
            if post.request == request and post.session and not post.was_missed:
                post.was_missed = True
                return True
        return False

    def settle(self) -> List[Post]:
        """All that was missed has come: the messages that were sent in earlier sessions, which are dropped."""
        old = [post for post in self._posts.values() if post.session not in (None, self.session)]
        for post in old:
            self.drop(post.tag)
        return old

    @property
    def unanswered(self) -> int:
        """How many own messages have no answer."""
        return len(self._posts)

    def give_up(self) -> List[Request]:
        """Own messages without an answer are not sent again: their requests."""
        posts, self._posts = self._posts, collections.OrderedDict()
        self._waiting.clear()
        return [post.request for post in posts.values()]
