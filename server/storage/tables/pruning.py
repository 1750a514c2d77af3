"""Deleting what is not kept any longer, a little at a time, so that no request waits long for it."""
from typing import Iterable

from parley.server.chat.sessions import RESUMED_FOR
from parley.server.storage.tables.messages import Messages

_PRUNED_AT_ONCE = 500  # messages, and as many extras
_FORGOTTEN_AT_ONCE = 100  # conversations


class Pruning(Messages):
    """Deletes forgotten conversations, messages that are too many (in one room or in all) or too old, and old tags."""

    _keep_messages: int  # see `Database`
    _keep_days: int
    _keep_room_messages: int
    _looked_at = ""  # the last room that `prune` has looked at: the second name of its pair

    def prune(self) -> bool:
        """Delete some of what is not kept any longer. Returns whether there may be more."""
        if self._prune_forgotten():
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
        if self._prune_extras(first):
            return True
        for _ in range(_PRUNED_AT_ONCE):  # pages, one at a time, as Python 3.11 takes only one step of each statement
            self._pragma("incremental_vacuum(1)")
        return False

    def _prune_forgotten(self) -> bool:
        """Delete some of the forgotten conversations. Returns whether there may be more."""
        forgotten = self._rows("SELECT id FROM conversations WHERE one IS NULL LIMIT ?", _FORGOTTEN_AT_ONCE)
        left = _PRUNED_AT_ONCE
        for (conversation,) in forgotten:
            left -= self._delete(left, "conversation = ? ORDER BY place", conversation)
            left -= self._delete_extras(left, "conversation = ?", conversation)
            if left <= 0:
                break  # perhaps there is more of this one
            self._connection.execute("DELETE FROM conversations WHERE id = ?", (conversation,))
        return bool(forgotten)

    def _prune_rooms(self) -> bool:
        """Look at the next rooms in turn, and delete what is too much. Returns whether there are more to look at."""
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
        """Delete some of the tags that are too old, or of a time in the future. Returns whether there may be more."""
        now = self._now()
        gone = self._connection.execute(
            "DELETE FROM tags WHERE number IN (SELECT number FROM tags WHERE time < ? OR time > ? LIMIT ?)",
            ((now - RESUMED_FOR) * 1000, (now + RESUMED_FOR) * 1000, _PRUNED_AT_ONCE))
        return gone.rowcount == _PRUNED_AT_ONCE

    def _prune_extras(self, first: int) -> bool:
        """Delete some extras of messages before this number, and conversations that are empty then.

        Returns whether there may be more.
        """
        alone = self._rows("SELECT number, conversation FROM extras WHERE number < ? ORDER BY number LIMIT ?",
                           first, _PRUNED_AT_ONCE)
        self._connection.executemany("DELETE FROM extras WHERE number = ?", [(number,) for number, _ in alone])
        self._drop_empty({conversation for _, conversation in alone})
        return len(alone) == _PRUNED_AT_ONCE

    def _delete_extras(self, most: int, which: str, *values: int) -> int:
        """Delete at most `most` extras. which: an SQL condition, with `values`. Returns how many."""
        return self._connection.execute(
            "DELETE FROM extras WHERE number IN (SELECT number FROM extras WHERE %s ORDER BY number LIMIT ?)" % which,
            (*values, max(0, most))).rowcount

    def _drop_empty(self, conversations: Iterable[int]) -> None:
        """Delete those of these conversations that are empty and not a room's. Their ids may be given again."""
        gone = self._connection.executemany(
            "DELETE FROM conversations WHERE id = ?1 AND one IS NOT ''"
            " AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM extras WHERE conversation = ?1)", [(one,) for one in conversations])
        if gone.rowcount > 0:
            self._let_go_of_ids()

    def _delete(self, most: int, which: str, *values: int) -> int:
        """Delete at most `most` messages, and conversations that are empty then. Returns how many messages.

        If there are `most` extras before these, only they are deleted, and the result is `most`.

        which: an SQL condition and order, with `values`. The conversations of rooms stay, with their `last_place`.
        """
        query = "SELECT number, conversation, place FROM messages WHERE %s LIMIT ?" % which
        rows = self._rows(query, *values, most)
        latest = {conversation: number for number, conversation, _ in rows}  # they come in order
        left = most
        for item in latest.items():
            left -= self._delete_extras(left, "conversation = ? AND number <= ?", *item)
            if not left:
                return most
        self._connection.executemany("DELETE FROM messages WHERE number = ?", [(number,) for number, _, _ in rows])
        last = {conversation: place for _, conversation, place in rows}
        self._connection.executemany(
            "UPDATE conversations SET last_place = ? WHERE id = ? AND one = ''",
            [(place, conversation) for conversation, place in last.items()])
        self._connection.executemany(
            "UPDATE conversations SET latest = 0 WHERE id = ? AND latest <= ? AND latest > 0", list(latest.items()))
        self._drop_empty(last)
        return len(rows)

    def _first_of(self, most: int) -> int:
        """The number of the first of the latest `most` messages; numbers in gaps do not count."""
        last = self._number
        for before, after in self._rows("SELECT last, first FROM gaps ORDER BY last DESC"):
            if last - after + 1 >= most:
                break
            most -= last - after + 1
            last = before
        return max(0, last + 1 - most)

    def _first_since(self, oldest_day: int) -> int:
        """The number of the first message of this day or a later one.

        A day in the future was noted while the clock was ahead. Its messages count as no newer than those that follow;
        if none do, they count as of today.
        """
        today, first = self._today(), self._number + 1
        latest = self._row("SELECT day FROM days ORDER BY first DESC, day LIMIT 1")
        if latest and latest[0] > today:
            self._note_day(first)  # so that they get older, even if nobody says anything any more
        day = today
        for start, noted in self._rows("SELECT first, day FROM days ORDER BY first DESC, day DESC"):
            if noted <= today:
                day = noted
            if day >= oldest_day:
                first = start
        return first
