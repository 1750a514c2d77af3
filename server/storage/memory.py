"""The store of a server that keeps nothing: all of it in memory, and within bounds."""
import binascii
import bisect
import collections
import heapq
import itertools
import time
from typing import Callable, Deque, Dict, Generator, Iterator, List, MutableMapping, Optional, Tuple

from parley.server.chat.accounts import Box, kept_size
from parley.server.chat.room import LOBBY
from parley.server.chat.sessions import BY_TIME, Stored
from parley.server.chat.sizes import BYTES, DICT, INT, ITEM, LIST, OBJECT, ORDERED_SLOT, SLOT, tuple_of
from parley.server.ipc.messages import Listed, Marker, Missed
from parley.server.ipc.queues import CONTROL, HEAD, place, placed, record, said, talk, without_extra
from parley.server.protocols.events import REDACTED, Reason
from parley.server.storage.backup import Result
from parley.server.storage.pages import MOST_BYTES, MOST_MESSAGES, Pages, page

# Bytes of memory. The lobby's oldest talk is forgotten first, and that of the room which has most of it, so that nobody
# talks that of others away. Of conversations, the address that has most of them loses the one that was silent longest.
MOST_OF_LOBBY = 6 << 20
MOST_OF_ROOMS = 6 << 20  # beside the lobby
MOST_OF_CONVERSATIONS = 6 << 20
MOST_OF_ONE = 2 * MOST_BYTES  # conversation
# Of read markers the owner loses its own that has not moved any for the longest time.
MOST_OF_MARKERS = 4 << 20
MOST_MARKERS = 200  # of one owner

EXTRA_SIZE = SLOT + tuple_of(3) + 2 * INT + 2 * BYTES + DICT // 4  # beside the sender's name and the extra
TALK_SIZE = tuple_of(3) + 2 * INT + BYTES + ITEM  # beside the frame
ROOM_SIZE = SLOT + OBJECT + ITEM + 3 * INT + 640  # beside its talk; most of it is for an empty deque
SAID_SIZE = tuple_of(4) + 2 * INT + BYTES + ITEM  # beside the text; the sender's name is the conversation's
CONVERSATION_SIZE = SLOT + ORDERED_SLOT + tuple_of(2) + 2 * BYTES + OBJECT + 2 * ITEM + INT + LIST  # beside the names
MARKER_SIZE = tuple_of(2) + 2 * INT + BYTES + SLOT + 32  # with a partner's name
OWNER_SIZE = SLOT + ORDERED_SLOT + DICT + 2 * BYTES + 64  # beside its markers; a session's key is its name
SOURCE_SIZE = SLOT + OBJECT + INT + 2 * BYTES + 320  # of an address with conversations

Told = Tuple[bytes, bytes, int]  # sender, text, time
Pair = Tuple[bytes, bytes]  # two names, sorted
# Name, has it a password?, messages kept, bytes of their texts, when it was made, when it was last used; see `listed`.
Row = Tuple[bytes, bool, int, int, Optional[int], Optional[int]]
_Kept = Tuple[int, bytes, bytes, int, str]  # id, sender, text, time, source
_Said = Tuple[int, int, bytes, bytes, int]  # place, number, sender, text, time


class Store(Pages):
    """What the server knows of the past. The interface of every store, and this one for as long as the server runs.

    Names and texts are canonical bytes. Messages come with their places in the order: numbers, each greater than the
    last, and times of the server's clock in milliseconds since the epoch. All times that are read, and those of
    accounts, are whole seconds since the epoch. A write returns True.

    clock: gives seconds since the epoch.
    keep_room_messages: how many of each room but the lobby; 0 is no limit.
    """

    def __init__(self, clock: Callable[[], float] = time.time, keep_room_messages: int = 0) -> None:
        self._clock = clock
        self._keep_room_messages = keep_room_messages
        self._number = 0  # of the latest message
        self._accounts: Dict[bytes, _Account] = {}  # by name, in the order of creation
        self._kept: Dict[bytes, List[_Kept]] = {}  # by name
        self._last_kept = 0  # the latest id
        self._conversations: Dict[Pair, _Conversation] = {}
        self._sources: Dict[str, _Source] = {}  # address -> the conversations in which it has said the latest
        self._size = 0  # of all that, in memory
        self._lobby = _Talk()
        self._latest: Optional[List[Listed]] = None  # what was last told of the lobby, as long as it is all there is
        self._rooms: Dict[int, _Talk] = {}  # by number, without the lobby
        self._rooms_size = 0  # in memory
        # Read markers by owner, the one that changed first in front: {(room, partner): number}.
        self._markers: Dict[bytes, Dict[Tuple[int, bytes], int]] = collections.OrderedDict()
        self._markers_size = 0  # in memory

    def _now(self) -> int:
        return whole(self._clock())

    # ---- writing

    def talk(self, frame: bytes) -> bool:
        """The messages of a talk frame (`server.ipc.queues`) were said in its room."""
        kind, room, _, _, count, first, _ = HEAD.unpack_from(frame)
        self._number = first + count - 1
        if room != LOBBY:
            self._talk_in(room, kind, frame, first, count)
            return True
        self._lobby.add(kind, frame, first, count)
        self._latest = None
        while self._lobby.size > MOST_OF_LOBBY:
            self._lobby.forget()
        return True

    def _talk_in(self, room: int, kind: int, frame: bytes, first: int, count: int) -> None:
        talk = self._rooms.get(room)
        if talk is None:
            talk = self._rooms[room] = _Talk()
            self._rooms_size += ROOM_SIZE
        before = talk.size
        talk.add(kind, frame, first, count)
        if self._keep_room_messages:
            talk.forget_all_but(self._keep_room_messages)
        self._rooms_size += talk.size - before
        if self._rooms_size > MOST_OF_ROOMS:
            self._make_room()

    def _make_room(self) -> None:
        """The rooms that have most of it lose their oldest talk: somewhat more than must be, as they are gone through.
        """
        largest = [(-talk.size, number) for number, talk in self._rooms.items() if talk]
        heapq.heapify(largest)
        while largest and self._rooms_size > MOST_OF_ROOMS - MOST_OF_ROOMS // 16:
            _, number = heapq.heappop(largest)
            talk = self._rooms[number]
            self._rooms_size -= talk.size
            talk.forget()
            self._rooms_size += talk.size
            if talk:
                heapq.heappush(largest, (-talk.size, number))

    def reserve(self, through: int) -> bool:
        """Numbers up to this one may be given from now on. After a crash none of them may be given."""
        return True

    def release(self, last: int) -> bool:
        """Numbers behind this one have not been given after all."""
        return True

    def say_once(self, key: bytes, tag: bytes, frame: bytes) -> bool:
        """The message of a talk frame was said by a tag in the session of this key: see `sessions`."""
        return self.talk(frame)

    def keep_session(self, key: bytes, name: bytes, account: bool, since: int) -> bool:
        """There is a session of this key, with the name that it has now: see `sessions`."""
        return True

    def keep_metadata(self, name: bytes, state: str) -> bool:
        """What the account tells, if there still is one, is as `state` has it: see `parley.server.chat.metadata`."""
        return True

    def drop_sessions(self, keys: List[bytes]) -> bool:
        """The sessions of these keys are over, and so are the read markers that they own."""
        for key in keys:
            self._forget_markers(binascii.hexlify(key))
        return True

    def mark_read(self, owner: bytes, room: int, partner: bytes, number: int) -> bool:
        """The owner has read up to this number: in a room, or (if not empty) of what a partner and it have said.

        It never counts back. An owner's markers with the smallest numbers are forgotten if there are too many.
        """
        markers = self._markers.pop(owner, None)
        if markers is None:
            markers = {}
            self._markers_size += OWNER_SIZE
        self._markers[owner] = markers  # the last, as it was changed last
        place = room, partner
        if place not in markers:
            self._markers_size += MARKER_SIZE
        markers[place] = max(number, markers.get(place, 0))
        if len(markers) > MOST_MARKERS:
            del markers[min(markers, key=lambda place: (markers[place], place))]
            self._markers_size -= MARKER_SIZE
        while self._markers_size > MOST_OF_MARKERS:
            self._forget_markers(next(iter(self._markers)))
        return True

    def _forget_markers(self, owner: bytes) -> None:
        markers = self._markers.pop(owner, None)
        if markers is not None:
            self._markers_size -= OWNER_SIZE + MARKER_SIZE * len(markers)

    def whisper(self, number: int, time: int, sender: bytes, to: bytes, text: bytes, keep: bool, source: str = "",
                key: bytes = b"", tag: bytes = b"", extra: bytes = b"") -> bool:
        """Said by one to another.

        keep: is it to be kept, besides, until `to` has taken it?
        source: the address that it came from, as `server.chat.origins.network` has it.
        key, tag: as in `say_once`, or empty. extra: `parley.server.protocols.events.Say`.
        """
        self._number = number
        if keep:
            self.keep(time, sender, to, text, source)
        pair = _pair(sender, to)
        conversation = self._conversations.get(pair)
        if conversation is None:
            conversation = self._conversations[pair] = _Conversation(pair)
        else:
            self._take_out(conversation)
        conversation.add(number, sender, text, time, extra)
        self._put_in(conversation, source)
        while self._size > MOST_OF_CONVERSATIONS:
            largest = max(self._sources.values(), key=lambda source: source.size)
            self._forget(next(iter(largest.conversations.values())))
        return True

    def _put_in(self, conversation: "_Conversation", key: str) -> None:
        source = self._sources.get(key)
        if source is None:
            source = self._sources[key] = _Source(key)
            self._size += source.size
        source.conversations[conversation.names] = conversation
        source.size += conversation.size
        self._size += conversation.size
        conversation.source = source

    def _take_out(self, conversation: "_Conversation") -> None:
        source = conversation.source
        del source.conversations[conversation.names]
        source.size -= conversation.size
        self._size -= conversation.size
        if not source.conversations:
            del self._sources[source.key]
            self._size -= source.size

    def _forget(self, conversation: "_Conversation") -> None:
        self._take_out(conversation)
        del self._conversations[conversation.names]

    def keep(self, time: int, sender: bytes, to: bytes, text: bytes, source: str = "") -> bool:
        """Keep what was said by one to another earlier until `to` has taken it. `source`: as in `whisper`."""
        self._last_kept += 1
        self._kept.setdefault(to, []).append((self._last_kept, sender, text, time // 1000, source))
        return True

    def taken(self, name: bytes, last: int, sender: Optional[bytes] = None) -> bool:
        """What was kept for `name` up to the id `last`, of one sender or (None) of all, has reached it."""
        self._keep_only(name, lambda message: message[0] > last or sender not in (None, message[1]))
        return True

    def expire(self, name: bytes, before: int) -> bool:
        """Forget what was kept for `name` before a time, seconds since the epoch.

        That is what has an earlier time. It is also what was kept under a clock that was ahead: what has a time that is
        still to come, and a smaller id than a message with such an earlier time.
        """
        latest = max([message[0] for message in self._kept.get(name, ()) if message[3] < before], default=0)
        now = self._now()
        self._keep_only(name, lambda message: message[3] >= before and (message[3] <= now or message[0] > latest))
        return True

    def _keep_only(self, name: bytes, is_wanted: Callable[[_Kept], bool]) -> None:
        left = list(filter(is_wanted, self._kept.pop(name, ())))
        if left:
            self._kept[name] = left

    def open_account(self, name: bytes, secret: Optional[str]) -> bool:
        """There is a new account; the secret is a hashed password, or None. What was said before is not its owner's."""
        self._accounts[name] = _Account(secret, self._number, self._now())
        self._kept.pop(name, None)
        return True

    def protect(self, name: bytes, secret: str) -> bool:
        """An account, if there still is one, has another secret."""
        if name in self._accounts:
            self._accounts[name].secret = secret
        return True

    def keep_devices(self, name: bytes, data: bytes) -> bool:
        """An account, if there still is one, has this list of devices, which the hub has as well."""
        return True

    def use(self, name: bytes) -> bool:
        """An account, if there is one, is in use now."""
        if name in self._accounts:
            self._accounts[name].used = self._now()
        return True

    def close_account(self, name: bytes) -> bool:
        """An account is gone with all that was said to it or by it: the next owner of the name is somebody else."""
        self._accounts.pop(name, None)
        self._kept.pop(name, None)
        self._forget_markers(name)
        self._forget_markers(name + BY_TIME)
        for pair in [pair for pair in self._conversations if name in pair]:
            self._forget(self._conversations[pair])
        return True

    def keep_room(self, room: int, room_name: bytes, state: str) -> bool:
        """A room that outlives its last member is as `state` has it: see `rooms`."""
        return True

    def redact(self, room: int, number: int, names: List[bytes], since: int, text: bytes) -> Result:
        """Of a message in a room only this text is left, and REDACTED; false if there is none, or why not.

        names: only if it is by one of these; any, if there are none. since: only if its number is greater.
        """
        talk = self._lobby if room == LOBBY else self._rooms.get(room)
        if talk is None:
            return False
        before = talk.size
        done = talk.redact(number, names, since, text)
        self._latest = None
        if room != LOBBY:
            self._rooms_size += talk.size - before
        return done

    def redact_alone(self, number: int, sender: bytes, to: bytes, since: int, text: bytes) -> bool:
        """Likewise of a message that one has said to another alone."""
        conversation = self._conversations.get(_pair(sender, to))
        if conversation is None or number <= since:
            return False
        self._take_out(conversation)
        removed = conversation.redact(number, sender, text)
        self._put_in(conversation, conversation.source.key)
        if removed and removed[2]:
            self._redact_kept(sender, to, removed, text)
        return removed is not None

    def _redact_kept(self, sender: bytes, to: bytes, removed: Listed, text: bytes) -> None:
        """What was said is not kept any more for who has not taken it yet."""
        _, _, old, when = removed
        if to in self._kept:
            self._kept[to] = [(kept[0], sender, text, *kept[3:]) if kept[1:4] == (sender, old, when // 1000) else kept
                              for kept in self._kept[to]]

    def close_room(self, room: int) -> bool:
        """A room is gone, with all that was said in it. No other gets its number."""
        talk = self._rooms.pop(room, None)
        if talk is not None:
            self._rooms_size -= ROOM_SIZE + talk.size
        return True

    def backup(self, path: str) -> Result:
        """Copy all of it into a file, where nothing may be yet: `server.storage.backup.copied`."""
        return "the server keeps nothing on a disk; start it with a storage"

    # ---- reading

    def rooms(self) -> Tuple[List[Tuple[int, bytes, str]], int]:
        """(rooms, last), for a server that starts: (number, name, state) of those that are kept, and a number.

        No room that has a greater number than `last` is in the store. What was said in rooms that are not kept is
        forgotten, as they have ended with the server before. This store ends with its server, and keeps none.
        """
        return [], 0

    def sessions(self) -> List[Stored]:
        """The sessions that one may come back to, for a server that starts. This store ends with its server."""
        return []

    def metadata(self) -> List[Tuple[bytes, str]]:
        """(name, state) of the accounts that tell metadata, for a server that starts. This store ends with its server.
        """
        return []

    def markers(self, owner: bytes) -> List[Marker]:
        """(room, partner, number) of each read marker of an owner."""
        return [(*place, number) for place, number in self._markers.get(owner, {}).items()]

    def accounts(self) -> List[Tuple[bytes, Optional[str], int, int]]:
        """(name, secret, messages kept, bytes of their texts) of all, in the order of their creation."""
        return [(name, account.secret, *self._counted(name)) for name, account in self._accounts.items()]

    def device_lists(self) -> Dict[bytes, bytes]:
        """{name: list of devices} of the accounts that have one, for a server that starts. This store ends with it."""
        return {}

    def _counted(self, name: bytes) -> Tuple[int, int]:
        kept = self._kept.get(name, ())
        return len(kept), sum(len(message[2]) for message in kept)

    def listed(self, after: bytes, most: int) -> List[Row]:
        """The accounts whose names follow `after`, in the order of the names' bytes, at most `most`.

        (name, has it a password?, messages kept, bytes of their texts, when it was made, when it was last used) of
        each; the times are None where they are not known.
        """
        names = heapq.nsmallest(most, (name for name in self._accounts if name > after))
        return [(name, account.secret is not None, *self._counted(name), account.made, account.used)
                for name, account in ((name, self._accounts[name]) for name in names)]

    def kept(self, name: bytes) -> List[Listed]:
        """(id, sender, text, time) of what is kept for `name`, oldest first."""
        return [message[:4] for message in self._kept.get(name, ())]

    def outside(self, name: bytes, after: int, most: int) -> List[Tuple[int, bytes, str, int, int]]:
        """(id, sender, source, time, bytes of the text) of what is kept for `name`.

        In the order of the ids, of the first `most` that follow `after`.
        """
        return [(number, sender, source, when, len(text))
                for number, sender, text, when, source in self._kept.get(name, ()) if number > after][:most]

    def box(self, name: bytes) -> Box:
        """(source, messages, bytes of memory) of what is kept for `name`, by source; and the earliest time, or None.

        Memory is counted as by `server.chat.accounts.kept_size`, whichever store keeps it.
        """
        shares: Dict[str, Tuple[int, int]] = {}
        kept = self._kept.get(name, ())
        for _, sender, text, _, source in kept:
            messages, size = shares.get(source, (0, 0))
            shares[source] = messages + 1, size + kept_size(sender, text)
        oldest = min([message[3] for message in kept], default=None)
        return [(source, *share) for source, share in shares.items()], oldest

    def unread(self, name: bytes) -> List[Tuple[bytes, int]]:
        """(sender, messages) of what is kept for `name`, by sender."""
        return list(collections.Counter(message[1] for message in self._kept.get(name, ())).items())

    def conversation(self, one: bytes, other: bytes) -> List[Told]:
        """(sender, text, time) of the latest that two have said to each other since `one` has its account."""
        conversation = self._conversations.get(_pair(one, other))
        if conversation is None:
            return []
        since = self._since(one)
        found, _ = page((message for message in reversed(conversation.messages) if message[0] > since), MOST_MESSAGES)
        return [(sender, text, when // 1000) for _, sender, text, when in reversed(found)]

    def _since(self, name: bytes) -> int:
        """The number of the latest message when the account was made; 0 if it is none."""
        return self._accounts[name].since if name in self._accounts else 0

    def _look(self, room: int, after: int, before: int, latest: bool) -> Generator[Listed, None, None]:
        talk = self._lobby if room == LOBBY else self._rooms.get(room)
        if talk is not None:
            if self._keep_room_messages and room != LOBBY:
                after = max(after, talk.number_at(talk.last - self._keep_room_messages))
            yield from (message[1:] for message in talk.between(after, before, latest))

    def _look_between(self, one: bytes, other: bytes, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        conversation = self._conversations.get(_pair(one, other))
        if conversation is not None:
            yield from _in_seconds(_between(conversation.messages, max(after, self._since(one)), before, latest))

    def _look_exactly(self, room: int, name: bytes, partner: bytes, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        if not partner:
            talk = self._lobby if room == LOBBY else self._rooms.get(room)
            if talk is not None:
                if self._keep_room_messages and room != LOBBY:
                    after = max(after, talk.number_at(talk.last - self._keep_room_messages))
                yield from talk.exactly(after, before, latest)
            return
        conversation = self._conversations.get(_pair(name, partner))
        if conversation is not None:
            yield from conversation.exactly(max(after, self._since(name)), before, latest)

    def partners(self, name: bytes, rooms: List[int], after_time: int, before_time: int, most: int) -> List[
            Tuple[int, bytes, int]]:
        """(room, partner, milliseconds) of each where the latest was said between these times, the earliest first.

        In one of the rooms, or (if not empty) by the partner and `name`, since that has its account.
        """
        found = []
        for room in rooms:
            talk = self._lobby if room == LOBBY else self._rooms.get(room)
            if talk is not None and talk.frames:
                found.append((room, b"", place(talk.frames[-1][2])[1]))
        for (one, other), conversation in self._conversations.items():
            latest = conversation.messages[-1:] if name and name in (one, other) else []
            if latest and latest[0][0] > self._since(name):
                found.append((0, other if name == one else one, latest[0][3]))
        return latest_between(found, after_time, before_time, most)

    def _look_alone(self, name: bytes, after: int, before: int, latest: bool) -> Generator[Missed, None, None]:
        after = max(after, self._since(name))
        found: List[Missed] = []
        for (one, other), conversation in self._conversations.items():
            if name in (one, other):
                found += [(number, sender, one if sender == other else other, text, when)
                          for number, sender, text, when in _in_seconds(
                              _between(conversation.messages, after, before, False))]
        yield from sorted(found, reverse=latest)

    def past(self, name: bytes, partner: bytes) -> Tuple[List[Told], int]:
        """(messages, last): their conversation with what is kept for `name` from the partner, in order.

        messages: (sender, text, time) of each. last: the latest id of what is kept, or 0.
        """
        return with_kept(self.conversation(name, partner), partner, self.kept(name))

    def lobby(self, since: Optional[int], most: int) -> Tuple[List[Listed], int, bool]:
        """(messages, last, more): what was said in the lobby, at most `most` and what may be told at once.

        since: the number of a message, for those that follow it; None for the latest ones.
        messages: (number, sender, text, time) of each, in order.
        last: the number of the last of them; if there are none, that of the latest message of all.
        more: are there more of those that were asked for? Always False if `since` is None.
        """
        if since is None:
            if self._latest is None:
                self._latest = [message[1:] for message in self._lobby.latest(MOST_MESSAGES)]
            found, more = self._latest[-most:], False
        else:
            later, more = self._lobby.following(0, since, most)
            found = [message[1:] for message in later]
        return found, found[-1][0] if found else self._number, more

    def room(self, room: int, since: Optional[int], most: int, after: int) -> Tuple[List[Listed], int, bool]:
        """(messages, last, more): what was said in a room, as `lobby` tells it, but with places in it for numbers.

        since: the place of a message, for those that follow it; None for the latest ones.
        after: a number: of the messages up to this one none is told.
        messages: (place, sender, text, time) of each, in order.
        last: the place of the last of them; if there are none, that of the latest message in the room, or 0.
        """
        talk = self._lobby if room == LOBBY else self._rooms.get(room)
        if talk is None:
            return [], 0, False
        start = talk.last - self._keep_room_messages if self._keep_room_messages and room != LOBBY else 0
        if since is None:
            found, more = talk.latest(most, start, after), False
        else:
            found, more = talk.following(max(since, start), after, most)
        listed = [(place_, sender, text, when) for place_, _, sender, text, when in found]
        return listed, found[-1][0] if found else talk.last, more


def with_kept(messages: List[Told], sender: bytes, kept: List[Listed]) -> Tuple[List[Told], int]:
    """(messages, last): those of a conversation, with what is kept from the sender and no longer in it, by time.

    last: the latest id of what is kept from the sender, or 0.
    """
    kept = [message for message in kept if message[1] == sender]
    told = {text for name, text, _ in messages if name == sender}
    forgotten = [message[1:] for message in kept if message[2] not in told]
    return sorted(messages + forgotten, key=lambda message: message[2]), kept[-1][0] if kept else 0


def whole(clock: float) -> int:
    """A time in whole seconds since the epoch, and never before it."""
    return max(0, int(clock))


def _between(messages: List[Listed], after: int, before: int, latest: bool) -> List[Listed]:
    found = [message for message in messages if after < message[0] < before]
    return found[::-1] if latest else found


def _in_seconds(messages: List[Listed]) -> Iterator[Listed]:
    for number, sender, text, when in messages:
        yield number, sender, text, when // 1000


def _whole(text: bytes, extra: Optional[bytes]) -> bytes:
    """The text, and NUL and the extra if there is one."""
    return text if extra is None else b"%b\0%b" % (text, extra)


def latest_between(found: List[Tuple[int, bytes, int]], after_time: int, before_time: int, most: int) -> List[
        Tuple[int, bytes, int]]:
    """Those of which the last item is between two times, at most `most`, ordered by that."""
    fit = [one for one in found if after_time < one[2] < before_time]
    return sorted(fit, key=lambda one: (one[2], one))[:max(0, min(most, MOST_MESSAGES))]


def _pair(one: bytes, other: bytes) -> Pair:
    return (one, other) if one <= other else (other, one)


class _Talk:
    """What was said in a room.

    frames: (number of the first message, its place, talk frame) of each, oldest first.
    last: the place of the latest message. size: of all that, in memory.
    extras: {number: (milliseconds, sender, extra)} of messages that have one, oldest first. Time and sender are 0 and
        empty but of those without a text, of which there is nothing else. None if there are none.
    """

    __slots__ = ("frames", "last", "size", "extras")

    def __init__(self) -> None:
        self.frames: Deque[Tuple[int, int, bytes]] = collections.deque()
        self.last = self.size = 0
        self.extras: Optional[Dict[int, Tuple[int, bytes, bytes]]] = None

    def __bool__(self) -> bool:
        return bool(self.frames or self.extras)

    def add(self, kind: int, frame: bytes, first: int, count: int) -> None:
        """More is said: so many messages, the first of which has this number."""
        if kind > CONTROL:
            frame, count = self._add_extra(frame, first)
            if not count:
                return
        self.frames.append((first, self.last + 1, frame))
        self.last += count
        self.size += TALK_SIZE + len(frame)

    def _add_extra(self, frame: bytes, number: int) -> Tuple[bytes, int]:
        """What is left of the frame then, and how many messages that are."""
        ((_, sender, _, _),) = said(frame)
        frame, extra = without_extra(frame)
        count: int = HEAD.unpack_from(frame)[4]
        if self.extras is None:
            self.extras = {}
        self.extras[number] = when, sender, _ = (0, b"", extra) if count else (place(frame)[1], sender, extra)
        self.size += EXTRA_SIZE + len(sender) + len(extra)
        return frame, count

    def redact(self, number: int, names: List[bytes], since: int, text: bytes) -> Result:
        """See `Store.redact`."""
        extras = self.extras = {} if self.extras is None else self.extras
        when, sender, extra = extras.get(number, (0, b"", b""))
        if sender:
            return self._drop_extra(number) if _may_remove(number, sender, names, since) else Reason.NOT_ALLOWED
        for index, (first, place_, frame) in enumerate(self.frames):
            messages = said(frame)
            if first <= number < first + len(messages):
                session, sender, old, when = messages[number - first]
                if not _may_remove(number, sender, names, since):
                    return Reason.NOT_ALLOWED
                messages[number - first] = session, sender, text, when
                kind, room, worker = HEAD.unpack_from(frame)[:3]
                records = [record(*message) for message in messages]
                self.frames[index] = first, place_, placed(talk(room, worker, records, kind), *place(frame))
                self.size += len(text) - len(old)
                if number in extras:
                    self._drop_extra(number)
                extras[number] = 0, b"", REDACTED
                self.extras = dict(sorted(extras.items()))
                self.size += EXTRA_SIZE + len(REDACTED)
                return True
        return False

    def _drop_extra(self, number: int) -> bool:
        _, sender, extra = (self.extras or {}).pop(number)
        self.size -= EXTRA_SIZE + len(sender) + len(extra)
        return True

    def forget(self) -> None:
        """The oldest frame is gone, or the oldest extra if that is older."""
        if self.extras and (not self.frames or next(iter(self.extras)) < self.frames[0][0]):
            _, sender, extra = self.extras.pop(next(iter(self.extras)))
            self.size -= EXTRA_SIZE + len(sender) + len(extra)
        else:
            self.size -= TALK_SIZE + len(self.frames.popleft()[2])

    def forget_all_but(self, most: int) -> None:
        """Frames that have none of the latest `most` messages are gone."""
        while len(self.frames) > 1 and self.frames[1][1] <= self.last - most + 1:
            self.forget()

    def latest(self, most: int, start: int = 0, after: int = 0) -> List[_Said]:
        """At most `most` of the messages behind the place `start` and the number `after`: the latest, in order."""
        wanted = itertools.takewhile(lambda message: message[0] > start and message[1] > after, self._backwards())
        return page(wanted, most)[0][::-1]

    def following(self, start: int, after: int, most: int) -> Tuple[List[_Said], bool]:
        """(messages, more): at most `most` of those behind the place `start` and the number `after`: the first."""
        skipped = max(bisect.bisect([place_ for _, place_, _ in self.frames], start),
                      bisect.bisect([number for number, _, _ in self.frames], after)) - 1
        frames = itertools.islice(self.frames, max(skipped, 0), None)
        messages = itertools.chain.from_iterable(map(_told, frames))
        return page((message for message in messages if message[0] > start and message[1] > after), most)

    def number_at(self, place: int) -> int:
        """The number of the message at a place, or a smaller one if that is forgotten."""
        for first, first_place, _ in reversed(self.frames):
            if first_place <= place:
                return first + place - first_place
        return 0

    def between(self, after: int, before: int, latest: bool) -> Iterator[_Said]:
        """The messages that have numbers between two others, from the first on or from the latest."""
        if latest:
            messages = itertools.dropwhile(lambda message: message[1] >= before, self._backwards())
            return itertools.takewhile(lambda message: message[1] > after, messages)
        skipped = max(0, bisect.bisect([number for number, _, _ in self.frames], after) - 1)
        later = itertools.chain.from_iterable(map(_told, itertools.islice(self.frames, skipped, None)))
        return itertools.takewhile(lambda message: message[1] < before,
                                   itertools.dropwhile(lambda message: message[1] <= after, later))

    def exactly(self, after: int, before: int, latest: bool) -> Iterator[Listed]:
        """What `between` gives, with extras, also of messages without a text, and with times in milliseconds."""
        extras = self.extras or {}
        without_text = _without_text(extras, after, before)
        return heapq.merge(self._with_text(after, before, latest, extras),
                           reversed(without_text) if latest else iter(without_text), reverse=latest)

    def _with_text(self, after: int, before: int, latest: bool,
                   extras: Dict[int, Tuple[int, bytes, bytes]]) -> Iterator[Listed]:
        for first, _, frame in reversed(self.frames) if latest else self.frames:
            if first >= before or first + HEAD.unpack_from(frame)[4] - 1 <= after:
                if (first >= before) != latest:
                    return  # what is behind is further away
                continue
            _, when = place(frame)
            found = [(number, sender, _whole(text, extras[number][2] if number in extras else None), when)
                     for number, (_, sender, text, _) in enumerate(said(frame), first) if after < number < before]
            yield from reversed(found) if latest else found

    def _backwards(self) -> Iterator[_Said]:
        for frame in reversed(self.frames):
            yield from reversed(_told(frame))


def _without_text(extras: Dict[int, Tuple[int, bytes, bytes]], after: int, before: int) -> List[Listed]:
    """What there is but an extra of, with numbers between two others."""
    return [(number, sender, b"\0" + extra, when) for number, (when, sender, extra) in extras.items()
            if sender and after < number < before]


def _told(talk: Tuple[int, int, bytes]) -> List[_Said]:
    """The messages of a talk frame that comes with the number and the place of the first one."""
    number, first, frame = talk
    _, now = place(frame)
    return [(first + index, number + index, sender, text, now // 1000)
            for index, (_, sender, text, _) in enumerate(said(frame))]


class _Account:
    """secret: a hashed password, or None. since: number of the latest message when it was made. made, used: times."""

    __slots__ = ("secret", "since", "made", "used")

    def __init__(self, secret: Optional[str], since: int, made: int) -> None:
        self.secret = secret
        self.since = since
        self.made = made
        self.used: Optional[int] = None


def _may_remove(number: int, sender: bytes, names: List[bytes], since: int) -> bool:
    return number > since and (not names or sender in names)


class _Source:
    """The conversations of one address, the one that was silent longest first, and their size in memory."""

    __slots__ = ("key", "size", "conversations")

    def __init__(self, key: str) -> None:
        self.key = key
        self.size = SOURCE_SIZE
        self.conversations: MutableMapping[Pair, _Conversation] = collections.OrderedDict()


class _Conversation:
    """The latest messages between two, of a bounded number and size in memory. Times are in milliseconds.

    source: of the latest one. extras: as those of `_Talk`.
    """

    __slots__ = ("names", "size", "messages", "source", "extras")

    source: _Source

    def __init__(self, names: Pair) -> None:
        self.names = names
        self.size = CONVERSATION_SIZE + sum(map(len, names))
        self.messages: List[Listed] = []
        self.extras: Optional[Dict[int, Tuple[int, bytes, bytes]]] = None

    def add(self, number: int, sender: bytes, text: bytes, when: int, extra: bytes = b"") -> None:
        """One more, and perhaps fewer of the oldest."""
        own_copy = self.names[sender == self.names[1]]  # of the name, of which one is enough
        if extra:
            self.extras = self.extras or {}
            self.extras[number] = (0, b"", extra) if text else (when, own_copy, extra)
            self.size += EXTRA_SIZE + len(extra)
            self._forget_extras()
        if not text:
            return
        self.messages.append((number, own_copy, text, when))
        self.size += SAID_SIZE + len(text)
        forgotten = 0
        while len(self.messages) - forgotten > MOST_MESSAGES or (
                self.size > MOST_OF_ONE and len(self.messages) - forgotten > 1):
            self.size -= SAID_SIZE + len(self.messages[forgotten][2])
            if self.extras and self.messages[forgotten][0] in self.extras:
                self.size -= EXTRA_SIZE + len(self.extras.pop(self.messages[forgotten][0])[2])
            forgotten += 1
        del self.messages[:forgotten]

    def _forget_extras(self) -> None:
        """The oldest extras are gone, if there are too many."""
        extras = self.extras or {}
        while len(extras) > MOST_MESSAGES or self.size > MOST_OF_ONE and len(extras) > 1:
            self.size -= EXTRA_SIZE + len(extras.pop(next(iter(extras)))[2])

    def redact(self, number: int, sender: bytes, text: bytes) -> Optional[Listed]:
        """Of a message by this sender only this text is left, and REDACTED. Gives what it was; None if there is none.

        What had no text is gone; nothing of what it was is given then but who said it.
        """
        extras = self.extras or {}
        _, by, extra = extras.get(number, (0, b"", b""))
        if by:
            if by != sender:
                return None
            del extras[number]
            self.size -= EXTRA_SIZE + len(extra)
            return number, sender, b"", 0
        for index, message in enumerate(self.messages):
            _, said_by, old, when = message
            if message[0] == number and said_by == sender:
                self.messages[index] = number, said_by, text, when
                self.extras = {**extras, number: (0, b"", REDACTED)}
                self.size += len(text) - len(old) + len(REDACTED) - len(extra) + (0 if number in extras else EXTRA_SIZE)
                return message
        return None

    def exactly(self, after: int, before: int, latest: bool) -> Iterator[Listed]:
        """See `_Talk.exactly`."""
        extras = self.extras or {}
        with_text = [(number, sender, _whole(text, extras[number][2] if number in extras else None), when)
                     for number, sender, text, when in _between(self.messages, after, before, False)]
        return iter(sorted(with_text + _without_text(extras, after, before), reverse=latest))
