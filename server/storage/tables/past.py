"""Reading messages from the database: by numbers (`Pages`), by places, and by conversations."""
import contextlib
import heapq
from typing import Generator, Iterable, Iterator, List, Optional, Tuple

from parley.server.chat.room import LOBBY
from parley.server.ipc.messages import Listed, Missed
from parley.server.storage.pages import BEHIND_ALL, MOST_MESSAGES, Pages, Pair, Told, latest_between, page
from parley.server.storage.tables.checksums import sound, sound_exactly
from parley.server.storage.tables.conversations import Conversations, pair_of, room_pair

_LAST_NUMBER = (1 << 63) - 1  # the greatest integer of SQLite, for numbers and places
# The id, pair and latest message of conversations of a user (?1), by the number of that message, between ?2 and ?3, in
# an order; at most ?4. However many there are, only those are looked at that are found.
_TALKS = " UNION ALL ".join(
    "SELECT * FROM (SELECT id, one, other, latest FROM conversations WHERE %s AND latest > ?2 AND latest < ?3"
    " ORDER BY latest {0} LIMIT ?4)" % whose for whose in ("one = ?1", "other = ?1 AND one > '' AND one <> ?1")
) + " ORDER BY latest {0} LIMIT ?4"


class Past(Conversations, Pages):
    """The messages of rooms, and those of two users since the account of the one that asks was made."""

    _keep_room_messages: int  # how many messages of each room but the lobby may be read; 0 is no limit

    def lobby(self, since: Optional[int], most: int) -> Tuple[List[Listed], int, bool]:
        if since is None:
            found, more = self._latest("number", LOBBY, 0, most), False
        else:
            found, more = self._page("number", "ASC", LOBBY, self._place_of(LOBBY, since), most)
        return found, found[-1][0] if found else self._number, more

    def room(self, room: int, since: Optional[int], most: int, after: int) -> Tuple[List[Listed], int, bool]:
        talk = LOBBY if room == LOBBY else self._known(room_pair(room))
        if talk is None:
            return [], 0, False
        last, start = self._last_place(talk), self._place_of(talk, after)
        if self._keep_room_messages and room != LOBBY:
            start = max(start, last - self._keep_room_messages)
        if since is None:
            found, more = self._latest("place", talk, start, most), False
        else:
            found, more = self._page("place", "ASC", talk, max(start, min(since, _LAST_NUMBER)), most)
        return found, found[-1][0] if found else last, more

    def conversation(self, one: bytes, other: bytes) -> List[Told]:
        known = self._known(pair_of(one, other))
        if known is None:
            return []
        found = self._latest("number", known, self._place_of(known, self._since(one)), MOST_MESSAGES)
        return [message[1:] for message in found]

    def conversations(self) -> Iterator[Tuple[Pair, List[Told]]]:
        """((one, other), messages) for each conversation of two: (sender, text, seconds) of each message."""
        for conversation, one, other in self._rows(
                "SELECT id, one, other FROM conversations WHERE one > '' ORDER BY id"):
            messages = sound(self._rows(
                "SELECT number, sender, text, time, checksum FROM messages WHERE conversation = ? ORDER BY place",
                conversation))
            yield (one, other), [message[1:] for message in messages]

    def partners(self, name: bytes, rooms: List[int], after_time: int, before_time: int, most: int) -> List[
            Tuple[int, bytes, int]]:
        found = []
        for room in rooms:
            talk = LOBBY if room == LOBBY else self._known(room_pair(room))
            latest = None if talk is None else self._row(
                "SELECT time FROM messages WHERE conversation = ? ORDER BY place DESC LIMIT 1", talk)
            if latest:
                found.append((room, b"", latest[0]))
        after = max(self._since(name), self._number_at(LOBBY, b"", after_time + 1) - 1)
        for _, one, other, latest in self._rows(
                _TALKS.format("ASC"), name.decode(), after, self._number_at(LOBBY, b"", before_time),
                max(0, min(most, MOST_MESSAGES))) if name else ():
            when = self._row("SELECT time FROM messages WHERE number = ?", latest)
            if when:
                found.append((0, other if name == one else one, when[0]))
        return latest_between(found, after_time, before_time, most)

    # ---- pages, see `Pages`

    def _look(self, room: int, after: int, before: int, latest: bool) -> Generator[Listed, None, None]:
        talk = LOBBY if room == LOBBY else self._known(room_pair(room))
        if talk is None:
            return
        start = 0
        if self._keep_room_messages and room != LOBBY:
            start = self._last_place(talk) - self._keep_room_messages
        yield from self._look_in(talk, start, after, before, latest)

    def _look_in(self, conversation: int, start: int, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        """The messages with places above `start` and numbers between two others: see `Look`."""
        start, stop = max(start, self._place_of(conversation, after)), self._place_of(conversation, before - 1)
        with self._cursor(
                "SELECT number, sender, text, time, checksum FROM messages WHERE conversation = ? AND place > ?"
                " AND place <= ? ORDER BY place %s" % ("DESC" if latest else "ASC"), conversation, start, stop) as rows:
            yield from sound(rows)

    def _look_between(self, one: bytes, other: bytes, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        known = self._known(pair_of(one, other))
        if known is not None:
            yield from self._look_in(known, 0, max(after, self._since(one)), before, latest)

    def _latest_alone(self, name: bytes, after: int, before: int) -> Generator[Missed, None, None]:
        after = max(after, self._since(name))
        conversations = self._rows(_TALKS.format("DESC"), name.decode(), after, _LAST_NUMBER, MOST_MESSAGES + 1)
        with contextlib.ExitStack() as stack:
            found = []
            for conversation, one, other, _ in conversations:
                messages = stack.enter_context(contextlib.closing(
                    self._look_in(conversation, 0, after, before, True)))
                found.append(_with_receiver(messages, one, other))
            yield from heapq.merge(*found, reverse=True)

    def _look_exactly(self, room: int, name: bytes, partner: bytes, after: int, before: int, latest: bool) -> Generator[
            Listed, None, None]:
        start = 0
        if partner:
            talk, after = self._known(pair_of(name, partner)), max(after, self._since(name))
        else:
            talk = LOBBY if room == LOBBY else self._known(room_pair(room))
            if talk is not None and self._keep_room_messages and room != LOBBY:
                start = self._last_place(talk) - self._keep_room_messages
        if talk is None:
            return
        before = min(before, _LAST_NUMBER)
        order = "DESC" if latest else "ASC"
        start, stop = max(start, self._place_of(talk, after)), self._place_of(talk, before - 1)
        with self._cursor(
                "SELECT messages.number, messages.sender, text, messages.time, messages.checksum, extra FROM messages"
                " LEFT JOIN extras ON extras.number = messages.number WHERE messages.conversation = ?"
                " AND place > ? AND place <= ? ORDER BY place " + order, talk, start, stop) as texts, self._cursor(
                "SELECT number, sender, '', time, checksum, extra FROM extras WHERE conversation = ? AND number > ?"
                " AND number < ? AND NOT EXISTS (SELECT 1 FROM messages WHERE number = extras.number)"
                " ORDER BY number " + order, talk, after, before) as others:
            yield from heapq.merge(sound_exactly(texts), sound_exactly(others), reverse=latest)

    def _number_at(self, room: int, partner: bytes, time: int) -> int:
        """By binary search: times grow with numbers, unless the clock was set back."""
        low, high = 0, self._number + 1
        while low < high:
            middle = (low + high) // 2
            found = self._row("SELECT number, time FROM messages WHERE number >= ? ORDER BY number LIMIT 1", middle)
            if found and found[1] < time:
                low = found[0] + 1
            else:
                high = middle
        return low

    def _number_from(self, room: int, partner: bytes, time: int) -> int:
        found = self._row("SELECT min(number) FROM messages WHERE number >= ?", self._number_at(room, partner, time))
        return BEHIND_ALL if found is None or found[0] is None else int(found[0])

    # ---- by places

    def _latest(self, key: str, conversation: int, start: int, most: int) -> List[Listed]:
        return self._page(key, "DESC", conversation, start, most)[0][::-1]

    def _page(self, key: str, order: str, conversation: int, start: int, most: int) -> Tuple[List[Listed], bool]:
        """(messages, more): see `parley.server.storage.pages.page`; only messages with places above `start`.

        messages: (number or place, sender, text, time) of each. key: "number" or "place". order: "ASC" or "DESC".
        """
        with self._cursor(
                "SELECT %s, sender, text, time, checksum FROM messages WHERE conversation = ? AND place > ?"
                " ORDER BY place %s" % (key, order), conversation, start) as rows:  # there may be millions
            return page(sound(rows, key), most)

    def _since(self, name: bytes) -> int:
        """See the method of `parley.server.storage.memory.Store`."""
        since: Tuple[int] = self._row("SELECT since FROM accounts WHERE name = ?", name.decode()) or (0,)
        return since[0]


def _with_receiver(messages: Iterable[Listed], one: bytes, other: bytes) -> Iterator[Missed]:
    for number, sender, text, when in messages:
        yield number, sender, one if sender == other else other, text, when
