"""The state that a chat derives from events: who is online, its rooms, and how to log in again."""
import collections
import time
from typing import Any, Callable, Deque, Dict, Iterable, List, Optional, Set, Union

from parley.client import events
from parley.client.address import Address
from parley.client.events import Event
from parley.client.files import Files
from parley.client.protocol import NOT_INSIDE
from parley.client.requests import LOGINS, Requests
from parley.client.sealed import SealedFile, meant

LOGIN_ATTEMPTS = 5  # after a reconnect, while the server still considers the name in use

OWN_REQUESTS = ("fence", "mark", "kept")  # that the chat makes for itself; their replies are not reported
FILE_REQUESTS = ("offer", "share")  # which are asked again
_WITH_PASSWORD = ("change_password", "protect")  # after which one logs in with another password


class Following(Requests):
    """What a `Chat` does with each event of its connection before it reports it: see `_REACTIONS`."""

    _position: Any  # in the log: see `parley.client.position`
    _files: Files

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.names: Set[str] = set()  # of the users known to be online
        self.inside: Dict[str, Optional[str]] = {}  # {room that you are in, beside the lobby: its key or None}
        self._listed: Set[str] = set()  # of these the rooms that the last list of users had, where it has any
        self._events: Deque[Event] = collections.deque()
        self._login: Any = None  # (method, arguments) by which to log in again
        self._first: Any = None  # the last login that was requested; its password is for its name only
        self._granted = False  # has a login succeeded?
        self._was_logged_in = False  # at any time before?
        self._failures = self._refusals = 0

    def _lost(self, why: Optional[str]) -> None:
        """The connection is lost, or could not be made; `why` is a sentence."""
        raise NotImplementedError

    def _handle(self, found: Iterable[Event]) -> None:
        for event in found:
            protocol = self._protocol
            self._events.extend(self._REACTIONS.get(type(event), Following._pass_on)(self, event))
            if self._protocol is not protocol:
                return
        if self._protocol:
            self._protocol.renew_marks()
            self._flush()

    def _pass_on(self, event: Event) -> List[Event]:
        return [event]

    def _on_disconnected(self, event: events.Disconnected) -> List[Event]:
        """Somebody has logged in under the name elsewhere: do not reconnect, as that would end their connection."""
        self._login, self._granted = None, False
        self._lost(event.why)
        return []

    # ---- logins

    def _on_welcomed(self, event: events.Welcomed) -> List[Event]:
        if self._granted and self._failures == 0:  # a rename
            self._login = self._login_as(event.name)
            return [event]
        self._granted, self._failures, self._refusals = True, 0, 0
        self.names.add(event.name)
        notice = None
        if self._was_logged_in:
            notice = self._protocol.catch_up()
        else:
            self._protocol.arrive()
        self._was_logged_in, self._listed = True, set()
        for room, key in self.inside.items():
            self._protocol.join_room(room, key)
        return [event, *([events.Notice(notice)] if notice else []), *self._files.come_back()]

    def _login_as(self, name: str) -> Any:
        """(method, arguments) to log in again as `name`, which may be the result of a rename."""
        return self._first if name == self._first[1][0] else ("join", (name,))

    # ---- answers

    def _on_done(self, event: events.Done) -> List[Event]:
        kind, room = event.request.kind, event.request.about or ""
        if kind in FILE_REQUESTS:
            return self._files.done(event.request)
        if isinstance(event.request.text, SealedFile):
            return self._files.told(event.request.text)
        if kind == "ping":
            return [events.Pong(time.perf_counter() - self._ping_times.popleft()), event]
        if kind == "create":  # it exists now, so log in next time
            method = "login" if self._login[1][1:] != (None,) else "join"
            self._login = method, self._login[1] if method == "login" else self._login[1][:1]
        if kind in _WITH_PASSWORD:
            self._login = self._first = "login", (self.me, self._new_passwords.popleft())
        if kind == "join_room":
            self.inside[room] = self._keys.pop(room, None) or self.inside.get(room)
            self._protocol.catch_up_in(room)
        if kind == "say" and room:  # in some protocols that enters it
            self.inside.setdefault(room, None)
        if kind == "leave_room":
            self._put_out(room)
        if kind == "delete":
            self._login, self._granted, self._was_logged_in = None, False, False
            self._protocol.me = None
        return [] if kind in OWN_REQUESTS else [event]

    def _on_refused(self, event: events.Refused) -> List[Event]:
        kind = event.request.kind
        if kind in FILE_REQUESTS:
            return self._files.refused(event)
        if isinstance(event.request.text, SealedFile):
            return self._files.told(event.request.text, event.why)
        if kind == "ping":
            self._ping_times.popleft()
        if kind in _WITH_PASSWORD:
            self._new_passwords.popleft()
        if kind in LOGINS:
            self._refusals += 1
            if self._granted and self._refusals <= LOGIN_ATTEMPTS:
                self._lost(event.why)
                return []
            self._login, self._granted, self._refusals = None, False, 0
            self._report_unconfirmed()
        elif kind == "join_room":
            self._put_out(event.request.about or "")
        elif kind == "say" and self.me is None:  # the name was not valid after all
            self._login, self._granted = None, False
        elif event.why == NOT_INSIDE and event.request.about in self.inside:  # put out in words that do not name us
            self._put_out(event.request.about or "")
        return [] if kind in OWN_REQUESTS else [event]

    def _on_offered(self, event: events.Offered) -> List[Event]:
        return self._files.offered(event)

    def _on_unsure(self, event: events.Unsure) -> List[Event]:
        if isinstance(event.request.text, SealedFile):
            return self._files.told(event.request.text, "The message that tells of it may not have arrived.")
        return [event]

    def _report_unconfirmed(self) -> None:
        """Report unconfirmed texts as `Unsure`, as there will be no log to tell."""
        for unsure in map(events.Unsure, filter(None, map(meant, self._position.give_up()))):
            self._events.extend(self._on_unsure(unsure))

    # ---- people and rooms

    def _on_talk(self, event: Union[events.Said, events.Whispered]) -> List[Event]:
        self.names.add(event.sender)
        if isinstance(event, events.Said) and event.room:
            self.inside.setdefault(event.room, None)
        return [event if event.time is not None else event._replace(time=int(time.time()))]

    def _on_joined(self, event: events.Joined) -> List[Event]:
        self.names.add(event.name)
        return [event]

    def _on_left(self, event: events.Left) -> List[Event]:
        if event.room is None:
            self.names.discard(event.name)
        elif event.name == self.me:
            self._put_out(event.room)
        return [event]

    def _put_out(self, room: str) -> None:
        """We are no longer in this room."""
        self.inside.pop(room, None)
        for text in self._position.forget(room):
            self._events.append(events.Unsure(events.Request("say", room, text)))

    def _on_room_renamed(self, event: events.RoomRenamed) -> List[Event]:
        if event.room in self.inside:
            self.inside[event.name] = self.inside.pop(event.room)
        self._position.rename(event.room, event.name)
        return [event]

    def _on_listed(self, event: events.Listed) -> List[Event]:
        """Messages of a room that was left may still come, but the list of users no longer contains it."""
        for room in self._listed.difference(event.rooms):
            self._put_out(room)
        self._listed = set(event.rooms)
        for room in event.rooms:
            self.inside.setdefault(room, None)
        return [event]

    def _on_renamed(self, event: events.Renamed) -> List[Event]:
        self.names.discard(event.old)
        self.names.add(event.new)
        return [event]

    def _on_users(self, event: events.Users) -> List[Event]:
        self.names.update(name for name, _ in event.users)
        return [event]

    _REACTIONS: Dict[type, Callable[["Following", Any], List[Event]]] = {
        events.Disconnected: _on_disconnected,
        events.Said: _on_talk,
        events.Whispered: _on_talk,
        events.Joined: _on_joined,
        events.Left: _on_left,
        events.Listed: _on_listed,
        events.Renamed: _on_renamed,
        events.RoomRenamed: _on_room_renamed,
        events.Users: _on_users,
        events.Welcomed: _on_welcomed,
        events.Offered: _on_offered,
        events.Done: _on_done,
        events.Refused: _on_refused,
        events.Unsure: _on_unsure,
    }
