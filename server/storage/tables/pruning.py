"""What is not kept any longer is deleted bit by bit, so that nobody waits long behind it."""
from typing import Iterable

from parley.server.chat.sessions import RESUMED_FOR
from parley.server.storage.tables.messages import Messages

_PRUNED_AT_ONCE = 500  # messages


class Pruning(Messages):
    """Deletes conversations that nobody finds any more, what is too much in a room or in all, and what is too old."""

    _keep_messages: int  # how many, and for how long; 0 is no limit
    _keep_days: int
    _keep_room_messages: int  # of each room but the lobby; 0 is no limit
    _looked_at = ""  # the latest room that `prune` has looked at, as its conversation is named

    def prune(self) -> bool:
        """Delete some of the messages that are not to be kept any longer; true if there may be more of them."""
        forgotten = self._row("SELECT id FROM conversations WHERE one IS NULL LIMIT 1")
        if forgotten:
            if not self._delete(_PRUNED_AT_ONCE, "conversation = ? ORDER BY place", *forgotten):
                self._connection.execute("DELETE FROM extras WHERE conversation = ?", forgotten)
                self._connection.execute("DELETE FROM conversations WHERE id = ?", forgotten)
            return True
        if self._keep_room_messages and self._prune_rooms():
            return True
        if self._prune_tags():
            return True
        first = self._first_of(self._keep_messages) if self._keep_messages else 0
        if self._keep_days:
            first = max(first, self._first_since(self._today() - self._keep_days))
        if self._delete(_PRUNED_AT_ONCE, "number < ? ORDER BY number", first):
            return True
        self._connection.execute(
            "DELETE FROM days WHERE first < (SELECT max(first) FROM days WHERE first <= ?)", (first,))
        self._connection.execute("DELETE FROM gaps WHERE first <= ?", (first,))
        self._prune_extras(first)
        for _ in range(_PRUNED_AT_ONCE):  # pages, one at a time: Python 3.11 takes but one step of each statement
            self._pragma("incremental_vacuum(1)")
        return False

    def _prune_rooms(self) -> bool:
        """Look at some of the rooms, in turn, and delete what is too much; true if there are more to look at."""
        rooms = self._rows(
            "SELECT other, id, (SELECT max(place) FROM messages WHERE conversation = id) FROM conversations"
            " WHERE one = '' AND other > ? ORDER BY other LIMIT ?", self._looked_at, _PRUNED_AT_ONCE)
        left = _PRUNED_AT_ONCE
        for name, conversation, last in rooms:
            if last is not None:
                left -= self._delete(
                    left, "conversation = ? AND place <= ? ORDER BY place", conversation,
                    last - self._keep_room_messages)
            if not left:
                return True  # perhaps there is more to delete in this one
            self._looked_at = name.decode()
        if len(rooms) == _PRUNED_AT_ONCE:
            return True
        self._looked_at = ""
        return False

    def _prune_tags(self) -> bool:
        """Forget some of the tags that are too old, or of a time that is still to come; true if there may be more."""
        now = self._now()
        gone = self._connection.execute(
            "DELETE FROM tags WHERE number IN (SELECT number FROM tags WHERE time < ? OR time > ? LIMIT ?)",
            ((now - RESUMED_FOR) * 1000, (now + RESUMED_FOR) * 1000, _PRUNED_AT_ONCE))
        return gone.rowcount == _PRUNED_AT_ONCE

    def _prune_extras(self, first: int) -> None:
        """Forget what goes along with messages before this number, and conversations in which there is nothing then."""
        alone = self._rows("SELECT DISTINCT conversation FROM extras WHERE number < ?", first)
        self._connection.execute("DELETE FROM extras WHERE number < ?", (first,))
        self._drop_empty([conversation for (conversation,) in alone])

    def _drop_empty(self, conversations: Iterable[int]) -> None:
        """Delete those that are not of rooms, and of which nothing is left: the next that is made may get the id."""
        gone = self._connection.executemany(
            "DELETE FROM conversations WHERE id = ?1 AND one IS NOT ''"
            " AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM extras WHERE conversation = ?1)", [(one,) for one in conversations])
        if gone.rowcount > 0:
            self._let_go_of_ids()

    def _delete(self, most: int, which: str, *values: int) -> int:
        """Delete at most so many of these messages, and conversations that have none then; how many were there?

        The rows of rooms stay, as the next message there needs to know its place.
        """
        query = "SELECT number, conversation, place FROM messages WHERE %s LIMIT ?" % which
        rows = self._rows(query, *values, most)
        self._connection.executemany("DELETE FROM messages WHERE number = ?", [(number,) for number, _, _ in rows])
        latest = {conversation: number for number, conversation, _ in rows}  # they come in order
        self._connection.executemany(
            "DELETE FROM extras WHERE conversation = ? AND number <= ?", list(latest.items()))
        last = {conversation: place for _, conversation, place in rows}
        self._connection.executemany(
            "UPDATE conversations SET last_place = ? WHERE id = ? AND one = ''",
            [(place, conversation) for conversation, place in last.items()])
        self._drop_empty(last)
        return len(rows)

    def _first_of(self, most: int) -> int:
        """The number of the first of the latest `most` messages. Numbers in gaps, never stored, do not count."""
        last = self._number
        for before, after in self._rows("SELECT last, first FROM gaps ORDER BY last DESC"):
            if last - after + 1 >= most:
                break
            most -= last - after + 1
            last = before
        return max(0, last + 1 - most)

    def _first_since(self, oldest_day: int) -> int:
        """The number of the first message of this day or a later one.

        A day that is still to come was noted under a clock that was ahead. What was said then was said no later than
        what follows it, so it is as old as that; and if nothing does, it may be of today.
        """
        today, first = self._today(), self._number + 1
        latest = self._row("SELECT day FROM days ORDER BY first DESC, day LIMIT 1")
        if latest and latest[0] > today:
            self._note_day(first)  # so that it gets older, even if nobody says anything any more
        day = today
        for start, noted in self._rows("SELECT first, day FROM days ORDER BY first DESC, day DESC"):
            if noted <= today:
                day = noted
            if day >= oldest_day:
                first = start
        return first
