"""The tables of conversations, in rooms and between two users, and the places of messages in them.

The places in a conversation are 1, 2, 3 in the order of its messages' numbers. Only places are indexed.
"""
import logging
import sqlite3
from typing import Dict, List, Optional, Tuple

from parley.server.chat.room import LOBBY
from parley.server.storage.tables.file import DatabaseFile

_MOST_PAIRS = 10000  # conversations whose ids are cached

log = logging.getLogger(__name__)


class Conversations(DatabaseFile):
    """A conversation has a pair, by which it is found, and an id, which another may get once it has been deleted.

    The pair of two users are their names, sorted; for a room see `room_pair`. That of the lobby has the id LOBBY.
    """

    def _load(self) -> None:
        super()._load()
        self._conversations: Dict[Tuple[str, str], int] = {}  # ids, by pair
        self._places: Dict[int, int] = {}  # id of a conversation -> the place of its latest message

    # ---- rooms

    def keep_room(self, room: int, room_name: bytes, state: str) -> bool:
        self._connection.execute("INSERT OR REPLACE INTO rooms VALUES (?, ?, ?)", (room, room_name.decode(), state))
        self._note_room(room)
        return True

    def close_room(self, room: int) -> bool:
        self._connection.execute("DELETE FROM rooms WHERE number = ?", (room,))
        self._forget("one = ? AND other = ?", *room_pair(room))
        return True

    def rooms(self) -> Tuple[List[Tuple[int, bytes, str]], int]:
        """See `Store.rooms`. No transaction may have begun."""
        try:
            with self.transaction():
                self._forget("one = '' AND other > '' AND other NOT IN (SELECT '#' || number FROM rooms)")
        except sqlite3.Error as error:  # the next start tries again; no other room gets the number
            log.error("messages of closed rooms could not be deleted: %s", error)
        kept = self._rows("SELECT number, name, state FROM rooms ORDER BY number")
        return [(number, name, state.decode()) for number, name, state in kept], self._fact("room")

    def _note_room(self, room: int) -> None:
        self._connection.execute("UPDATE facts SET value = max(value, ?) WHERE key = 'room'", (room,))

    # ---- ids

    def _talk_of(self, room: int) -> int:
        """The id of a room's conversation, which is created if there is none."""
        if room == LOBBY:
            return LOBBY  # its conversation has the same number
        pair = room_pair(room)
        if pair not in self._conversations:
            self._note_room(room)
        return self._id(pair)

    def _conversation(self, one: bytes, other: bytes) -> int:
        return self._id(pair_of(one, other))

    def _id(self, pair: Tuple[str, str]) -> int:
        if pair not in self._conversations:
            if len(self._conversations) == _MOST_PAIRS:
                self._conversations.clear()
            self._connection.execute("INSERT OR IGNORE INTO conversations (one, other) VALUES (?, ?)", pair)
            self._conversations[pair] = self._row("SELECT id FROM conversations WHERE one = ? AND other = ?", *pair)[0]
        return self._conversations[pair]

    def _known(self, pair: Tuple[str, str]) -> Optional[int]:
        """The id of a conversation, if there is one."""
        known: Tuple[Optional[int]] = (
            self._row("SELECT id FROM conversations WHERE one = ? AND other = ?", *pair) or (None,))
        return known[0]

    def _forget(self, condition: str, *values: str) -> None:
        """Make these conversations impossible to find. `prune` deletes their messages, a few at a time."""
        self._connection.execute("UPDATE conversations SET one = NULL, other = NULL WHERE " + condition, values)
        self._let_go_of_ids()

    def _let_go_of_ids(self) -> None:
        """Empty the caches: conversations have been deleted, and others may get their ids."""
        self._conversations.clear()
        self._places.clear()

    # ---- places

    def _place(self, conversation: int) -> int:
        """`_last_place`, cached."""
        if conversation not in self._places:
            if len(self._places) == _MOST_PAIRS:
                self._places.clear()
            self._places[conversation] = self._last_place(conversation)
        return self._places[conversation]

    def _last_place(self, conversation: int) -> int:
        """The place of the latest message that a conversation ever had."""
        last: int = self._row(
            "SELECT max(last_place, coalesce((SELECT max(place) FROM messages WHERE conversation = id), 0))"
            " FROM conversations WHERE id = ?", conversation)[0]
        return last

    def _place_of(self, conversation: int, number: int) -> int:
        """A place such that all messages up to this number are at or before it, and all others behind it.

        Found by binary search, as only places are indexed. It is at most the number itself, its value if all earlier
        messages were in this conversation. It is at least the last place less the count of later numbers, its value if
        all later messages were.
        """
        if number <= 0:
            return 0
        last = self._last_place(conversation)
        newest: int = self._row("SELECT coalesce(max(number), 0) FROM messages")[0]
        low, high = max(0, last - max(0, newest - number)), min(last, number)
        while low < high:
            middle = (low + high + 1) // 2
            found = self._row("SELECT place, number FROM messages WHERE conversation = ? AND place <= ?"
                              " ORDER BY place DESC LIMIT 1", conversation, middle)
            if found and found[1] > number:
                high = found[0] - 1
            else:
                low = middle
        return low


def pair_of(one: bytes, other: bytes) -> Tuple[str, str]:
    first, second = sorted([one.decode(), other.decode()])
    return first, second


def room_pair(room: int) -> Tuple[str, str]:
    """The pair of a room other than the lobby; no two users can have it."""
    return "", "#%d" % room
