"""The store of a server without a database: in memory, within bounds. `Store` is also the interface of every store."""
import binascii
import bisect
import collections
import heapq
import time
from typing import Callable, Dict, Generator, List, Optional, Tuple

from parley.server.chat.accounts import Box, kept_size
from parley.server.chat.room import LOBBY
from parley.server.chat.sessions import BY_TIME, Stored
from parley.server.chat.sizes import BYTES, DICT, INT, ITEM, OBJECT, ORDERED_SLOT, SLOT, tuple_of
from parley.server.ipc.messages import Listed, Marker, Missed
from parley.server.ipc.queues import HEAD, place
from parley.server.storage.backup import Result
from parley.server.storage.conversations import Conversation, Source
from parley.server.storage.pages import (
    BEHIND_ALL,
    MOST_MARKERS,
    MOST_MESSAGES,
    Pages,
    Pair,
    Row,
    Told,
    latest_between,
    page,
    whole,
    with_kept,
)
from parley.server.storage.talk import Talk

# Bounds, in bytes of memory. They make sure that nobody can displace what others have said by talking much.
MOST_OF_LOBBY = 6 << 20  # then its oldest talk is forgotten
MOST_OF_ROOMS = 6 << 20  # without the lobby; then the room that has most of it forgets its oldest talk
MOST_OF_CONVERSATIONS = 6 << 20  # then the address with most of them loses the one that was silent longest
MOST_OF_MARKERS = 4 << 20  # then the owner who has not moved any for the longest time loses all of them

ROOM_SIZE = SLOT + OBJECT + ITEM + 3 * INT + 640  # beside its talk; most of it is for an empty deque
MARKER_SIZE = tuple_of(2) + 2 * INT + BYTES + SLOT + 32  # with a partner's name
OWNER_SIZE = SLOT + ORDERED_SLOT + DICT + 2 * BYTES + 64  # beside its markers; a session's key is its name

_Kept = Tuple[int, bytes, bytes, int, str]  # id, sender, text, seconds since the epoch, source


class Store(Pages):
    """The interface of every store, and its implementation in memory, for as long as the server runs.

    Names and texts are canonical bytes. Messages come with numbers, each greater than the last, and with times in
    milliseconds since the epoch. Methods that read give times in whole seconds since the epoch, unless they say
    otherwise; those of accounts are seconds, too. A write returns True.

    clock: gives seconds since the epoch.
    keep_room_messages: how many messages of each room but the lobby are kept; 0 is no limit.
    """

    def __init__(self, clock: Callable[[], float] = time.time, keep_room_messages: int = 0) -> None:
        self._clock = clock
        self._keep_room_messages = keep_room_messages
        self._number = 0  # of the latest message
        self._accounts: Dict[bytes, _Account] = {}  # by name, in the order of creation
        self._kept: Dict[bytes, List[_Kept]] = {}  # by name
        self._last_kept = 0  # the latest id
        self._conversations: Dict[Pair, Conversation] = {}
        self._sources: Dict[str, Source] = {}  # address -> the conversations whose latest message came from there
        self._size = 0  # of all conversations, in memory
        self._lobby = Talk()
        self._latest: Optional[List[Listed]] = None  # the latest messages of the lobby, cached until the next one
        self._rooms: Dict[int, Talk] = {}  # by number, without the lobby
        self._rooms_size = 0  # in memory
        # {owner: {(room, partner): number}} of read markers, ordered by the owners' latest changes.
        self._markers: Dict[bytes, Dict[Tuple[int, bytes], int]] = collections.OrderedDict()
        self._markers_size = 0  # in memory

    def _now(self) -> int:
        return whole(self._clock())

    # ---- writing

    def talk(self, frame: bytes) -> bool:
        """Store the messages of a talk frame (`parley.server.ipc.queues`), which were said in its room."""
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
            talk = self._rooms[room] = Talk()
            self._rooms_size += ROOM_SIZE
        before = talk.size
        talk.add(kind, frame, first, count)
        if self._keep_room_messages:
            talk.forget_all_but(self._keep_room_messages)
        self._rooms_size += talk.size - before
        if self._rooms_size > MOST_OF_ROOMS:
            self._make_room()

    def _make_room(self) -> None:
        """The rooms with the most talk lose their oldest: a sixteenth more than needed, as finding them is slow."""
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
        """Numbers up to this one may be given from now on. After a crash, numbering goes on behind it."""
        return True

    def release(self, last: int) -> bool:
        """Numbers above this one have not been given: an orderly stop."""
        return True

    def say_once(self, key: bytes, tag: bytes, frame: bytes) -> bool:
        """Store the message of a talk frame, with its tag in the session of this key: see `sessions`."""
        return self.talk(frame)

    def keep_session(self, key: bytes, name: bytes, account: bool, since: int, source: str = "") -> bool:
        """Store a session, or its present name.

        account: is the name an account? since: messages up to this number are not part of a guest's own past.
        source: the address from which it is used (see `Gate.origin_of`).
        """
        return True

    def keep_metadata(self, name: bytes, state: str) -> bool:
        """Store the metadata of an account, if there still is one. state: see `parley.server.chat.metadata`."""
        return True

    def drop_sessions(self, keys: List[bytes]) -> bool:
        """These sessions have ended: forget them and their read markers."""
        for key in keys:
            self._forget_markers(binascii.hexlify(key))
        return True

    def mark_read(self, owner: bytes, room: int, partner: bytes, number: int) -> bool:
        """Move a read marker to a number, never back.

        owner: a name or the key of a session. partner: if not empty, the marker is that of the conversation with this
        partner, and not of a room. If an owner has too many, those with the smallest numbers are forgotten.
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
        """Store a direct message.

        time: milliseconds. keep: is it also kept in the box of `to`, until it is delivered?
        source: the address from which it came, as of `parley.server.chat.origins.network`.
        key, tag: as in `say_once`, or empty. extra: see `parley.server.protocols.events.Say`.
        """
        self._number = number
        if keep:
            self.keep(time, sender, to, text, source)
        pair = _pair(sender, to)
        conversation = self._conversations.get(pair)
        if conversation is None:
            conversation = self._conversations[pair] = Conversation(pair)
        else:
            self._take_out(conversation)
        conversation.add(number, sender, text, time, extra)
        self._put_in(conversation, source)
        while self._size > MOST_OF_CONVERSATIONS:
            largest = max(self._sources.values(), key=lambda source: source.size)
            self._forget(next(iter(largest.conversations.values())))
        return True

    def _put_in(self, conversation: Conversation, key: str) -> None:
        source = self._sources.get(key)
        if source is None:
            source = self._sources[key] = Source(key)
            self._size += source.size
        source.conversations[conversation.names] = conversation
        source.size += conversation.size
        self._size += conversation.size
        conversation.source = source

    def _take_out(self, conversation: Conversation) -> None:
        source = conversation.source
        del source.conversations[conversation.names]
        source.size -= conversation.size
        self._size -= conversation.size
        if not source.conversations:
            del self._sources[source.key]
            self._size -= source.size

    def _forget(self, conversation: Conversation) -> None:
        self._take_out(conversation)
        del self._conversations[conversation.names]

    def keep(self, time: int, sender: bytes, to: bytes, text: bytes, source: str = "") -> bool:
        """Keep a direct message that has been stored before in the box of `to`. time, source: as in `whisper`."""
        self._last_kept += 1
        self._kept.setdefault(to, []).append((self._last_kept, sender, text, time // 1000, source))
        return True

    def taken(self, name: bytes, last: int, sender: Optional[bytes] = None) -> bool:
        """Remove from the box of `name` what has an id up to `last`, from one sender or (None) from all."""
        self._keep_only(name, lambda message: message[0] > last or sender not in (None, message[1]))
        return True

    def expire(self, name: bytes, before: int) -> bool:
        """Remove from the box of `name` what is older than a time, seconds since the epoch.

        A message with a time in the future was kept while the clock was ahead. It is as old as messages with greater
        ids, so it is removed if one of these is older than that time.
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
        """Store a new account, with an empty box. What was said to its name before is not its owner's.

        secret: a hashed password, or None.
        """
        self._accounts[name] = _Account(secret, self._number, self._now())
        self._kept.pop(name, None)
        return True

    def protect(self, name: bytes, secret: str) -> bool:
        """Store another secret of an account, if there still is one."""
        if name in self._accounts:
            self._accounts[name].secret = secret
        return True

    def keep_devices(self, name: bytes, data: bytes) -> bool:
        """Store the list of devices of an account, if there still is one. The hub has it as well."""
        return True

    def use(self, name: bytes) -> bool:
        """Note that an account, if it exists, is used now."""
        if name in self._accounts:
            self._accounts[name].used = self._now()
        return True

    def close_account(self, name: bytes) -> bool:
        """Delete an account, with its box, its markers, and all its conversations."""
        self._accounts.pop(name, None)
        self._kept.pop(name, None)
        self._forget_markers(name)
        self._forget_markers(name + BY_TIME)
        for pair in self._pairs_of(name):
            self._forget(self._conversations[pair])
        return True

    def keep_room(self, room: int, room_name: bytes, state: str) -> bool:
        """Store a room that outlives its last member. state: see `parley.server.chat.rooms`."""
        return True

    def redact(self, room: int, number: int, names: List[bytes], since: int, text: bytes) -> Result:
        """Replace a message in a room by this text, with the extra REDACTED. Returns True, False if there is no such
        message, or the `Reason` why it may not be removed.

        names: the sender has to be one of these; any if there are none. since: its number has to be greater.
        """
        talk = self._talk_of(room)
        if talk is None:
            return False
        before = talk.size
        done = talk.redact(number, names, since, text)
        self._latest = None
        if room != LOBBY:
            self._rooms_size += talk.size - before
        return done

    def redact_alone(self, number: int, sender: bytes, to: bytes, since: int, text: bytes) -> bool:
        """The same for a direct message."""
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
        """Replace the text in the receiver's box, too."""
        _, _, old, when = removed
        if to in self._kept:
            self._kept[to] = [(kept[0], sender, text, *kept[3:]) if kept[1:4] == (sender, old, when // 1000) else kept
                              for kept in self._kept[to]]

    def close_room(self, room: int) -> bool:
        """Delete a room with its messages. Its number is not given to another one."""
        talk = self._rooms.pop(room, None)
        if talk is not None:
            self._rooms_size -= ROOM_SIZE + talk.size
        return True

    def backup(self, path: str) -> Result:
        """Copy the store into a new file: see `parley.server.storage.backup.copied`."""
        return "the server keeps nothing on a disk; start it with a storage"

    # ---- reading

    def rooms(self) -> Tuple[List[Tuple[int, bytes, str]], int]:
        """(rooms, last), for the start of a server: (number, name, state) of each stored room, and a number.

        last: no room with a greater number has anything in the store. What was said in rooms that were not stored is
        forgotten, as they ended with the server before. This store ends with its server, and has none.
        """
        return [], 0

    def sessions(self) -> List[Stored]:
        """The stored sessions, for the start of a server. This store ends with its server."""
        return []

    def metadata(self) -> List[Tuple[bytes, str]]:
        """(name, state) of all stored metadata, for the start of a server. This store ends with its server."""
        return []

    def markers(self, owner: bytes) -> List[Marker]:
        """(room, partner, number) of each read marker of an owner."""
        return [(*place, number) for place, number in self._markers.get(owner, {}).items()]

    def accounts(self) -> List[Tuple[bytes, Optional[str], int, int]]:
        """(name, secret, messages in the box, bytes of their texts) of all accounts, in the order of their creation."""
        return [(name, account.secret, *self._counted(name)) for name, account in self._accounts.items()]

    def device_lists(self) -> Dict[bytes, bytes]:
        """{name: list of devices} of the accounts that have one, for the start of a server. This store ends with it."""
        return {}

    def _counted(self, name: bytes) -> Tuple[int, int]:
        kept = self._kept.get(name, ())
        return len(kept), sum(len(message[2]) for message in kept)

    def listed(self, after: bytes, most: int) -> List[Row]:
        """At most `most` accounts with names greater than `after`, in the order of the names' bytes.

        (name, has it a password?, messages in the box, bytes of their texts, creation, last use) of each; the times are
        None where they are not known.
        """
        names = heapq.nsmallest(most, (name for name in self._accounts if name > after))
        return [(name, account.secret is not None, *self._counted(name), account.made, account.used)
                for name, account in ((name, self._accounts[name]) for name in names)]

    def kept(self, name: bytes) -> List[Listed]:
        """(id, sender, text, time) of each message in the box of `name`, oldest first."""
        return [message[:4] for message in self._kept.get(name, ())]

    def outside(self, name: bytes, after: int, most: int) -> List[Tuple[int, bytes, str, int, int]]:
        """(id, sender, source, time, bytes of the text) of messages in the box of `name`.

        At most `most`, those with the smallest ids greater than `after`, in the order of their ids.
        """
        return [(number, sender, source, when, len(text))
                for number, sender, text, when, source in self._kept.get(name, ()) if number > after][:most]

    def box(self, name: bytes) -> Box:
        """What is in the box of `name`: ([(source, messages, bytes of memory)], the earliest time or None).

        Memory is counted as by `parley.server.chat.accounts.kept_size`, in every store.
        """
        shares: Dict[str, Tuple[int, int]] = {}
        kept = self._kept.get(name, ())
        for _, sender, text, _, source in kept:
            messages, size = shares.get(source, (0, 0))
            shares[source] = messages + 1, size + kept_size(sender, text)
        oldest = min([message[3] for message in kept], default=None)
        return [(source, *share) for source, share in shares.items()], oldest

    def unread(self, name: bytes) -> List[Tuple[bytes, int]]:
        """(sender, messages) of each sender of messages in the box of `name`."""
        return list(collections.Counter(message[1] for message in self._kept.get(name, ())).items())

    def conversation(self, one: bytes, other: bytes) -> List[Told]:
        """(sender, text, time) of the latest messages of a conversation, since the account `one` was made."""
        conversation = self._conversations.get(_pair(one, other))
        if conversation is None:
            return []
        since = self._since(one)
        found, _ = page((message for message in reversed(conversation.messages) if message[0] > since), MOST_MESSAGES)
        return [(sender, text, when // 1000) for _, sender, text, when in reversed(found)]

    def _since(self, name: bytes) -> int:
        """The number of the latest message when the account was made; 0 if there is no such account."""
        return self._accounts[name].since if name in self._accounts else 0

    def _look(self, room: int, after: int, before: int, latest: bool) -> Generator[Listed, None, None]:
        talk = self._talk_of(room)
        if talk is not None:
            if self._keep_room_messages and room != LOBBY:
                after = max(after, talk.number_at(talk.last - self._keep_room_messages))
            yield from (message[1:] for message in talk.between(after, before, latest))

    def _look_between(self, one: bytes, other: bytes, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        conversation = self._conversations.get(_pair(one, other))
        if conversation is not None:
            yield from conversation.between(max(after, self._since(one)), before, latest)

    def _look_exactly(self, room: int, name: bytes, partner: bytes, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        if not partner:
            talk = self._talk_of(room)
            if talk is not None:
                if self._keep_room_messages and room != LOBBY:
                    after = max(after, talk.number_at(talk.last - self._keep_room_messages))
                yield from talk.exactly(after, before, latest)
            return
        conversation = self._conversations.get(_pair(name, partner))
        if conversation is not None:
            yield from conversation.exactly(max(after, self._since(name)), before, latest)

    def _talk_of(self, room: int) -> Optional[Talk]:
        return self._lobby if room == LOBBY else self._rooms.get(room)

    def _number_at(self, room: int, partner: bytes, time: int) -> int:
        talk = None if partner else self._talk_of(room)
        return 0 if talk is None else talk.number_behind(time)

    def _number_from(self, room: int, partner: bytes, time: int) -> int:
        talk = None if partner else self._talk_of(room)
        number = None if talk is None else talk.number_from(time)
        return BEHIND_ALL if number is None else number

    def partners(self, name: bytes, rooms: List[int], after_time: int, before_time: int, most: int) -> List[
            Tuple[int, bytes, int]]:
        """Rooms and conversations whose latest message lies between two times: (room, partner, milliseconds) of each.

        The earliest comes first, and at most `most`. rooms: the numbers of those that count. name: whose conversations
        count, since its account was made; partner is then not empty. All times are milliseconds.
        """
        found = []
        for room in rooms:
            talk = self._talk_of(room)
            if talk is not None and talk.frames:
                found.append((room, b"", place(talk.frames[-1][2])[1]))
        since = self._since(name)
        for one, other in self._pairs_of(name) if name else ():
            latest = self._conversations[one, other].messages[-1:]
            if latest and latest[0][0] > since:
                found.append((0, other if name == one else one, latest[0][3]))
        return latest_between(found, after_time, before_time, most)

    def _pairs_of(self, name: bytes) -> List[Pair]:
        """The partners with whom a user has a conversation."""
        return [pair for pair in self._conversations if name in pair]

    def _latest_alone(self, name: bytes, after: int, before: int) -> Generator[Missed, None, None]:
        after = max(after, self._since(name))
        # (-number, position, conversation) of the latest message of each that has not been taken; the latest is first.
        left = []
        for pair in self._pairs_of(name):
            messages = self._conversations[pair].messages
            if messages and messages[-1][0] > after:
                end = len(messages) if messages[-1][0] < before else bisect.bisect_left(messages, (before,))
                if end:
                    left.append((-messages[end - 1][0], end - 1, pair))
        heapq.heapify(left)
        while left and -left[0][0] > after:
            _, position, pair = left[0]
            messages = self._conversations[pair].messages
            number, sender, text, when = messages[position]
            yield number, sender, pair[sender == pair[0]], text, when // 1000
            if position:
                heapq.heapreplace(left, (-messages[position - 1][0], position - 1, pair))
            else:
                heapq.heappop(left)

    def past(self, name: bytes, partner: bytes) -> Tuple[List[Told], int]:
        """(messages, last): a conversation, with what is in the box of `name` from the partner, in order.

        messages: (sender, text, time) of each. last: the latest id in the box, or 0.
        """
        return with_kept(self.conversation(name, partner), partner, self.kept(name))

    def lobby(self, since: Optional[int], most: int) -> Tuple[List[Listed], int, bool]:
        """(messages, last, more): at most `most` messages of the lobby, and no more than `pages` allows at once.

        since: messages that follow this number; None: the latest ones.
        messages: (number, sender, text, time) of each, in order.
        last: the number of the last of them; if there are none, that of the latest message of all.
        more: are there more that follow `since`? Always False if `since` is None.
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
        """(messages, last, more): messages of a room, as of `lobby`, but with places in the room instead of numbers.

        since: messages that follow this place; None: the latest ones. after: only messages with greater numbers.
        messages: (place, sender, text, time) of each, in order.
        last: the place of the last of them; if there are none, that of the latest message in the room, or 0.
        """
        talk = self._talk_of(room)
        if talk is None:
            return [], 0, False
        start = talk.last - self._keep_room_messages if self._keep_room_messages and room != LOBBY else 0
        if since is None:
            found, more = talk.latest(most, start, after), False
        else:
            found, more = talk.following(max(since, start), after, most)
        listed = [(place_, sender, text, when) for place_, _, sender, text, when in found]
        return listed, found[-1][0] if found else talk.last, more


def _pair(one: bytes, other: bytes) -> Pair:
    return (one, other) if one <= other else (other, one)


class _Account:
    """secret: a hashed password, or None. since: number of the latest message when it was made. made, used: seconds."""

    __slots__ = ("secret", "since", "made", "used")

    def __init__(self, secret: Optional[str], since: int, made: int) -> None:
        self.secret = secret
        self.since = since
        self.made = made
        self.used: Optional[int] = None
