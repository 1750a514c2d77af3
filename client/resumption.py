"""The state with which a client of `web` resumes its session after the connection is lost."""
import collections
from typing import Any, Deque, Dict, List, Optional, Set

from parley.client.events import Request
from parley.client.protocol import LOBBY_ROOM

ALONE = "me"  # stands for direct messages, in the place of a room
_IN_FLIGHT = 32  # own messages without an answer at a time; the server remembers the tags of twice as many
_MOST_MARKS = 100  # keys of `resume`, as the server allows


class Post:
    """An own message without an answer.

    tag: by which the server recognizes it if it is sent again. session: in which it was sent; None if it was not yet.
    was_missed: has it come back among the missed messages, so that it has arrived?
    """

    __slots__ = ("tag", "request", "session", "was_missed")

    def __init__(self, tag: str, request: Request) -> None:
        self.tag, self.request = tag, request
        self.session: Optional[str] = None
        self.was_missed = False


class Resumption:
    """The session, the last number seen in each room, and own messages without an answer. It outlives a connection.

    session: the token with which to resume the session, or None. name, password: of its login.
    run: the server's text that identifies the sequence of numbers. marks: {room or ALONE: everything up to this number
    has been received}. has_kept: has the server kept messages that have not been requested yet?
    seals: `client.seal.talk.Seals`, or None.
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
        """Start over: there is another sequence of numbers, of which nothing has been received."""
        self.run = run
        self.marks = dict.fromkeys(self.marks, 0)
        self.top = 0  # the greatest number received in any room
        self.base = 0  # everything up to this number has been received, in all rooms
        self._own: Dict[str, Set[int]] = {}  # {room: numbers above its mark of own messages}

    # ---- the session

    def begin(self, name: str, password: Optional[str], is_new: bool) -> Optional[str]:
        """A login as `name` begins. Returns the session to resume, or None. is_new: is it that of a new account?"""
        if name != self.name:  # this state is that of another user
            self.__init__()  # type: ignore[misc]
            self.name = name
        if is_new or password not in (None, self.password):
            self.session = None
        return self.session

    def resume(self) -> Dict[str, object]:
        """The value of `resume` in `hello`; empty if nothing is known."""
        marks = [(room, number) for room, number in self.marks.items() if room != ALONE or not self.has_kept]
        return {"run": self.run, **dict(marks[:_MOST_MARKS - 1])} if self.run else {}

    def greeted(self, run: str) -> None:
        """The server has told its run."""
        if run != self.run:
            self._restart(run)

    def welcomed(self, session: str, number: int) -> bool:
        """The session has begun, or goes on. number: as `me` in the welcome.

        Returns whether there are own messages without an answer that were sent in another session. The server does not
        know their tags any more; the missed messages will show whether they have arrived (`settle`).
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
        """A message of a room has come. Returns whether it is new. number: its number, or 0 if it has none."""
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
        """The user has left this room. Returns no texts: messages on their way there are answered all the same."""
        self.marks.pop(room, None)
        self._own.pop(room, None)
        return []

    def rename(self, room: str, name: str) -> None:
        """The room has got another name."""
        for held in (self.marks, self._own):
            if room in held:
                held[name] = held.pop(room)  # type: ignore[attr-defined]

    # ---- own messages

    def post(self, post: Post) -> None:
        """Queue a message."""
        self._posts[post.tag] = post
        self._waiting.append(post)

    def take(self) -> List[Post]:
        """The messages to send now: at most so many that the server remembers all tags without an answer."""
        free = _IN_FLIGHT - (len(self._posts) - len(self._waiting))
        taken = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
        for post in taken:
            post.session = self.session
        return taken

    def stored(self, tag: str, number: int) -> None:
        """A message has been stored, with this number."""
        _, about, _ = request = self._posts.pop(tag).request
        self.top = max(self.top, number)
        room = ALONE if request.kind == "whisper" else about or LOBBY_ROOM
        if number > self.marks.get(room, 0):
            self._own.setdefault(room, set()).add(number)

    def drop(self, tag: str) -> None:
        """A message has been refused, or is not sent again."""
        self._posts.pop(tag, None)

    def is_own(self, room: str, number: int, request: Request) -> bool:
        """Is a missed message one of this client? request: the one with which it would have been said."""
        if number in self._own.get(room, ()):
            return True
        for post in self._posts.values():
            if post.request == request and post.session and not post.was_missed:
                post.was_missed = True
                return True
        return False

    def settle(self) -> List[Post]:
        """All missed messages have come: drop the own ones that were sent in earlier sessions, and return them."""
        old = [post for post in self._posts.values() if post.session not in (None, self.session)]
        for post in old:
            self.drop(post.tag)
        return old

    @property
    def unanswered(self) -> int:
        """The number of own messages without an answer."""
        return len(self._posts)

    def give_up(self) -> List[Request]:
        """Drop all own messages without an answer, and return their requests."""
        posts, self._posts = self._posts, collections.OrderedDict()
        self._waiting.clear()
        return [post.request for post in posts.values()]
