"""Accounts: names that exist whether or not somebody is online under them, and the messages kept for them.

The messages kept for an account are its box. Messages from one address may take at most half of what other addresses
leave free, in a box and in all boxes, whatever names or accounts they come from. Sizes are those in memory
(`server.chat.sizes`).
"""
import functools
import itertools
from typing import Any, Callable, Collection, Dict, List, Optional, Set, Tuple

from parley.server.chat.aliases import Aliases
from parley.server.chat.names import Occupied
from parley.server.chat.sizes import BYTES, DICT, INT, LIST, OBJECT, SLOT, tuple_of
from parley.server.ipc.asked import AskedStore, ignore
from parley.server.ipc.messages import Message, ReadStore, Settled, ToStore, entry
from parley.server.order.at_hand import Order
from parley.server.protocols.sealed import read_list

MOST_OF_BOX = 256 << 10  # bytes of one box: what is sent at once should fit into an outbox
MOST_OF_BOXES = 6 << 20  # bytes of all boxes, if they are in the memory of the hub
MOST_OF_STORED_BOXES = 32 << 20  # likewise, if they are in a database and only counted in the hub
MOST_ACCOUNTS = 10000  # with more, clients may make no others: a worker that lists all of them is busy with that
DAY = 86400  # seconds
TIDY_EVERY = 60  # seconds
TIDIED_AT_ONCE = 100  # boxes, so that nobody has to wait for it
TIDY_ON_AFTER = 1  # seconds until the next ones, if there may be more
LAST_ID = (1 << 63) - 1  # of kept messages

# Memory of a message beside its text and its sender's name, in the store or, for a while, in the register.
KEPT_SIZE = tuple_of(5) + SLOT + 2 * INT + 4 * BYTES
# The first message from an address takes more: for its share, its place among all addresses, and at worst a box.
SHARE_SIZE = (SLOT + OBJECT + 4 * INT + 2 * BYTES) + (SLOT + INT + 2 * BYTES) + (2 * SLOT + DICT + LIST + 4 * BYTES)

# A message for which space is reserved: receiver, serial of its account, source, sender, text, time in milliseconds.
Held = Tuple[bytes, int, str, bytes, bytes, int]

# What is kept for an account: (source, messages, bytes of memory) of each, and the earliest time in seconds.
Box = Tuple[List[Tuple[str, int, int]], Optional[int]]


def kept_size(sender: bytes, text: bytes) -> int:
    """What a kept message takes in memory, in bytes."""
    return KEPT_SIZE + len(sender) + len(text)


class Account:
    """One account.

    serial: a number that no other account has or had.
    occupied: what its name occupies (`server.chat.names.claims`).
    secret: the hashed password; None if it has none.
    kept, size: how many messages are kept for it, and the bytes of memory that they take.
    shares: {source: _Share} of these; None if there are none.
    oldest: seconds since the epoch; no kept message is older. None if there are none.
    closing: how many requests to delete it the store has not answered yet.
    devices: the list of its devices, as clients sign it (docs/sealing.md), or empty.
    list_number: of the latest list that somebody wanted to be stored, or 0.
    used_on: the day since the epoch on which the store was last told that it is in use, or None.
    """

    __slots__ = ("serial", "occupied", "secret", "kept", "size", "shares", "oldest", "closing", "used_on",
                 "devices", "list_number")

    def __init__(self, occupied: Collection[bytes], secret: Optional[str]) -> None:
        self.serial = 0
        self.occupied = occupied
        self.secret = secret
        self.kept = self.size = self.closing = 0
        self.shares: Optional[Dict[str, _Share]] = None
        self.oldest: Optional[int] = None
        self.used_on: Optional[int] = None
        self.devices, self.list_number = b"", 0


class _Share:
    """What one address has in one box: messages, their size, and how much of that is not stored yet."""

    __slots__ = ("messages", "size", "pending_messages", "pending_size")

    def __init__(self) -> None:
        self.messages = self.size = self.pending_messages = self.pending_size = 0


class Accounts:
    """All accounts, in the order of their creation. Changes are sent to the store.

    The store's answer comes back as an entry of the order, a `Settled`. Only then does the change take effect, by the
    methods `settle_...`, which take the fields of these.

    order: has to be set before any request; it is the only clock.
    register: may clients make accounts?
    guests: may names without an account be used?
    most_of_boxes: bytes of memory.
    keep_days: how long a message is kept for somebody who is away; 0 is for ever.
    accounts: {name: Account}, in the order of their creation.
    aliases: of the accounts' names, held so that nobody else gets them while the owner is away.
    asker: the holder that waits for the answer, or 0. token: that of the operator's request that waits for it, or 0.
    """

    order: Order

    def __init__(self, store: AskedStore, register: bool = True, guests: bool = True,
                 most_of_boxes: int = MOST_OF_BOXES, keep_days: int = 0) -> None:
        self.register = register
        self.guests = guests
        self.accounts: Dict[bytes, Account] = {}
        self.aliases = Aliases()
        self._store = store
        self._most_of_boxes = most_of_boxes
        self._keep_days = keep_days
        self._last_serial = 0
        self._occupied = Occupied()
        self._size = 0  # of all boxes
        self._of_sources: Dict[str, int] = {}  # address -> the size of all its shares
        self._next_tidy = 0.0  # seconds since the epoch

    @property
    def seconds(self) -> int:
        """The time of the entry that is being decided, in whole seconds; `order.now` has its milliseconds."""
        return self.order.now // 1000

    def _ask(self, request: Message, settled: Callable[..., Message], *fields: Any) -> None:
        """Send the store a request; its answer becomes the last field of an entry in the order."""
        self._store.ask(functools.partial(self._settle, settled, fields), request)

    def _settle(self, settled: Callable[..., Message], fields: Message, answer: Any) -> None:
        self.order.submit(0, entry(settled(*fields, answer)))

    def know(self, name: bytes, account: Account) -> None:
        """Add an account that is in the store already, even if its name looks like that of another one."""
        self._last_serial += 1
        account.serial = self._last_serial
        self.accounts[name] = account
        self.aliases.hold(name)
        self._occupied.add(name, account.occupied)

    def begin_with(self, name: bytes, occupied: Collection[bytes], secret: Optional[str] = None) -> None:
        """Make an account before there is an order. If it cannot be stored it is removed again."""
        self.know(name, Account(occupied, secret))
        self._store.ask(functools.partial(self.settle_opened, name), ToStore.OpenAccount(name, secret))

    def open(self, name: bytes, occupied: Collection[bytes], secret: Optional[str] = None,
             asker: int = 0, token: int = 0) -> None:
        """Make an account. Leads to a `Settled.Opened`."""
        self.know(name, Account(occupied, secret))
        self._ask(ToStore.OpenAccount(name, secret), Settled.Opened, asker, token, name)

    def settle_opened(self, name: bytes, stored: Optional[bool]) -> None:
        """If the account could not be stored it is removed again."""
        if not stored:
            self._forget(name)

    def protect(self, name: bytes, secret: str, asker: int = 0, token: int = 0) -> None:
        """Give the account another secret, once that is stored. Leads to a `Settled.Protected`."""
        serial = self.accounts[name].serial
        self._ask(ToStore.Protect(name, secret), Settled.Protected, asker, token, name, serial, secret)

    def settle_protected(self, name: bytes, serial: int, secret: str, stored: Optional[bool]) -> None:
        """From here on the account has another secret, if that is stored and the account still exists."""
        if stored and self._is_still(name, serial):
            self.accounts[name].secret = secret

    def know_devices(self, name: bytes, data: bytes) -> None:
        """Add a list of devices that the store has already."""
        self.accounts[name].devices, self.accounts[name].list_number = data, read_list(data)[1]

    def publish(self, name: bytes, number: int, data: bytes, asker: int) -> None:
        """Give the account another list of devices, once that is stored. Leads to a `Settled.Published`."""
        account = self.accounts[name]
        account.list_number = number
        self._ask(ToStore.KeepDevices(name, data), Settled.Published, asker, name, account.serial, number, data)

    def settle_published(self, name: bytes, serial: int, number: int, data: bytes, stored: Optional[bool]) -> bool:
        """From here on the account has another list of devices, if that is stored. Returns whether it has."""
        account = self.with_serial(name, serial)
        if account is None:
            return False
        if stored:
            account.devices = data
        elif account.list_number == number:  # so it can be published once more
            account.list_number = read_list(account.devices)[1] if account.devices else 0
        return bool(stored)

    def use(self, name: bytes) -> None:
        """Somebody logs in with this name. If it is an account's, note its use in the store, once a day."""
        account, today = self.accounts.get(name), self.seconds // DAY
        if account is not None and account.used_on != today:
            account.used_on = today
            self._store.ask(ignore, ToStore.Use(name))

    def close(self, name: bytes, asker: int = 0, token: int = 0) -> None:
        """Delete the account, its box and its conversations, which the next owner of the name must not read.

        Until that is stored nobody else gets the name, and nothing is kept for it. Leads to a `Settled.Closed`.
        """
        account = self.accounts[name]
        account.closing += 1
        self._ask(ToStore.CloseAccount(name), Settled.Closed, asker, token, name, account.serial)

    def settle_closed(self, name: bytes, serial: int, stored: Optional[bool]) -> bool:
        """Delete the account if that is stored. False if it is not stored, or was deleted by another request before."""
        if not self._is_still(name, serial):
            return False
        self.accounts[name].closing -= 1
        if stored:
            self._forget(name)
        return bool(stored)

    def is_closing(self, name: bytes) -> bool:
        """Is this the name of an account that is being deleted?"""
        return name in self.accounts and self.accounts[name].closing > 0

    def _forget(self, name: bytes) -> None:
        account = self.accounts.pop(name)
        for source, share in list((account.shares or {}).items()):
            self._count(account, source, -share.messages, -share.size)
        self.aliases.free(name)
        self._occupied.remove(name, account.occupied)

    def _is_still(self, name: bytes, serial: int) -> bool:
        """Does this account still exist, neither deleted nor created again?"""
        return name in self.accounts and self.accounts[name].serial == serial

    def with_serial(self, name: bytes, serial: int) -> Optional[Account]:
        """The account, or None if the one of this serial is deleted."""
        return self.accounts[name] if self._is_still(name, serial) else None

    def owners(self, occupied: Collection[bytes]) -> Set[bytes]:
        """The names of accounts that occupy any of `occupied`."""
        return self._occupied.names(occupied)

    # ---- boxes. source: the address that a message comes from, in the form of `server.chat.origins.network`

    def know_box(self, name: bytes, shares: List[Tuple[str, int, int]], oldest: Optional[int]) -> None:
        """Add what the store keeps for an account already: see `Box`."""
        account = self.accounts[name]
        for source, messages, size in shares:
            self._count(account, source, messages, size)
        account.oldest = oldest

    def has_room(self, name: bytes, sender: bytes, text: bytes, source: str) -> bool:
        """May this be kept for the account?"""
        account = self.accounts[name]
        share = (account.shares or {}).get(source)
        size = kept_size(sender, text) + (0 if share else SHARE_SIZE)
        of_box = size + (share.size + SHARE_SIZE if share else 0)
        of_all = size + self._of_sources.get(source, 0)
        return (not account.closing
                and of_box <= MOST_OF_BOX - account.size - size and of_all <= self._most_of_boxes - self._size - size)

    def keep(self, name: bytes, sender: bytes, text: bytes, source: str, number: int, asker: int = 0, key: bytes = b"",
             tag: bytes = b"", extra: bytes = b"") -> None:
        """Keep the message of this number until the account's owner has taken it. Leads to a `Settled.Kept`.

        key, tag, extra: as in `ToStore.Whisper`.
        """
        serial = self._hold(name, sender, text, source)
        self._ask(ToStore.Whisper(number, self.order.now, sender, name, text, True, source, key, tag, extra),
                  Settled.Kept, asker, name, serial, source, kept_size(sender, text), number, self.seconds,
                  key, tag)

    def reserve(self, name: bytes, sender: bytes, text: bytes, source: str) -> Optional[Held]:
        """Reserve space for a message that may have to be kept. None if there is no space.

        The result is for `keep_missed` or `forgo`, one of which has to be called in the end.
        """
        if not self.has_room(name, sender, text, source):
            return None
        return name, self._hold(name, sender, text, source), source, sender, text, self.order.now

    def keep_missed(self, held: Held) -> None:
        """The owner has left before the message was sent: keep it, unless the account is gone."""
        name, serial, source, sender, text, time = held
        account = self.with_serial(name, serial)
        if account is None or account.closing:
            self.forgo(held)
        else:
            self._ask(ToStore.Keep(time, sender, name, text, source),
                      Settled.Kept, 0, name, serial, source, kept_size(sender, text), 0, 0, b"", b"")

    def forgo(self, held: Held) -> None:
        """Release what `reserve` has reserved: the message need not be kept."""
        name, serial, source, sender, text, _ = held
        self.settle_kept(name, serial, source, kept_size(sender, text), False)

    def _hold(self, name: bytes, sender: bytes, text: bytes, source: str) -> int:
        """Count a message that the store does not have yet. Returns the serial of the account."""
        account, size = self.accounts[name], kept_size(sender, text)
        self._count(account, source, 1, size)
        share = (account.shares or {})[source]
        share.pending_messages += 1
        share.pending_size += size
        if account.oldest is None:
            account.oldest = self.seconds
        return account.serial

    def settle_kept(self, name: bytes, serial: int, source: str, size: int, stored: Optional[bool]) -> None:
        """A message for which `size` bytes were reserved is stored, or (`stored` is None) is not kept."""
        account = self.with_serial(name, serial)
        if account is None:
            return
        share = (account.shares or {})[source]
        share.pending_messages -= 1
        share.pending_size -= size
        if not stored:
            self._count(account, source, -1, -size)

    def _count(self, account: Account, source: str, messages: int, size: int) -> None:
        """Add to an address's share of a box; negative values subtract."""
        if account.shares is None:
            account.shares = {}
        share = account.shares.get(source)
        if share is None:
            share = account.shares[source] = _Share()
            size_with_share = size + SHARE_SIZE
        else:
            size_with_share = size
        share.messages += messages
        share.size += size
        if not share.messages:
            del account.shares[source]
            size_with_share -= SHARE_SIZE
        account.kept += messages
        account.size += size_with_share
        self._size += size_with_share
        of_source = self._of_sources.pop(source, 0) + size_with_share
        if of_source:
            self._of_sources[source] = of_source
        if not account.shares:
            account.shares = None
            account.oldest = None

    def taken(self, name: bytes, last: int, sender: Optional[bytes] = None) -> None:
        """The owner has got the kept messages up to the id `last`, from one sender or (None) from all."""
        self._store.ask(ignore, ToStore.Taken(name, last, sender))
        self._look_into(name)

    def empty(self, name: bytes, token: int) -> None:
        """Delete all messages that are kept for the account. Leads to a `Settled.Emptied`."""
        self._ask(ToStore.Taken(name, LAST_ID), Settled.Emptied, 0, token)
        self._look_into(name)

    def tidy(self, name: Optional[bytes] = None) -> None:
        """Delete what has been kept for too long: for the account `name`, and once a minute for others too."""
        if not self._keep_days:
            return
        now = self.order.now / 1000
        before = int(now) - self._keep_days * DAY
        if name in self.accounts:
            self._expire(name, before)
        if not 0 <= self._next_tidy - now <= TIDY_EVERY:  # a clock may be set back
            old = list(itertools.islice(filter(lambda name: self._is_old(name, before), self.accounts), TIDIED_AT_ONCE))
            for other in old:
                self._expire(other, before)
            self._next_tidy = now + (TIDY_ON_AFTER if len(old) == TIDIED_AT_ONCE else TIDY_EVERY)

    def _is_old(self, name: bytes, before: int) -> bool:
        oldest = self.accounts[name].oldest
        return oldest is not None and oldest < before

    def _expire(self, name: bytes, before: int) -> None:
        if self._is_old(name, before):
            self._store.ask(ignore, ToStore.Expire(name, before))
            self._look_into(name)

    def _look_into(self, name: bytes) -> None:
        """Ask the store what is left in a box after the requests before."""
        account = self.accounts.get(name)
        if account is not None:
            self._ask(ReadStore.Box(name), Settled.Boxed, 0, name, account.serial)

    def settle_boxed(self, name: bytes, serial: int, found: Optional[Box]) -> None:
        """Correct the count of the box by what the store has found in it; None if it could not be read."""
        account = self.with_serial(name, serial)
        if found is None or account is None:
            return
        shares, oldest = found
        stored = {source: (messages, size) for source, messages, size in shares}
        for source in dict.fromkeys([*stored, *(account.shares or ())]):
            share = (account.shares or {}).get(source, _NOTHING)
            messages, size = stored.get(source, (0, 0))
            messages += share.pending_messages - share.messages
            size += share.pending_size - share.size
            if messages or size:
                self._count(account, source, messages, size)
        if account.shares:
            account.oldest = self.seconds if oldest is None else oldest


_NOTHING = _Share()
