"""Who is online under which name, and which names are reserved: the state on which decisions about names are based."""
import functools
import sys
from typing import Any, Collection, Dict, List, Optional, Tuple

from parley.server.chat.accounts import Accounts
from parley.server.chat.names import Occupied, claims

MOST_FORMER = 16  # former names of a member that are remembered: reconnecting gets rid of them anyway


@functools.lru_cache(maxsize=256)
def holder_of(worker: int, session: int) -> int:
    """One number for a session of any worker: the worker's << 32 | that of the session. See `split`.

    The numbers are cached, so that all tables share one object for each.
    """
    return worker << 32 | session


def split(holder: int) -> Tuple[int, int]:
    """The numbers of the worker and of its session."""
    return holder >> 32, holder & 0xFFFFFFFF


class Members:
    """Names and their holders.

    A name occupies its look-alikes too (`server.chat.names.claims`): none of these may be online at the same time, or
    have an account, unless both are accounts from before they were known to look alike.

    names: {holder: name} of the members, in the order of their logins.
    former: {holder: the last names that it had before}, of the members that have had others.
    last_words: {holder: why} of members that are leaving, for others: see `parley.server.protocols.events.Left`.
    identities: {holder: account} of those who have given the password of an account, under whatever name, or none yet.
    """

    def __init__(self, accounts: Accounts) -> None:
        self.names: Dict[int, bytes] = {}
        self.former: Dict[int, Tuple[bytes, ...]] = {}
        self.identities: Dict[int, bytes] = {}
        self.last_words: Dict[int, bytes] = {}
        self._accounts = accounts
        self._aliases = accounts.aliases
        # Name of a member, or reserved -> (holder, address, `since`, `described`, what it occupies, ...), as one tuple.
        self._held: Dict[bytes, Tuple[Any, ...]] = {}
        self._occupied = Occupied()  # by those names
        self._reserved: Dict[int, bytes] = {}  # holder whose account is being stored -> name

    def __contains__(self, holder: int) -> bool:
        return holder in self.names

    def enter(self, holder: int, name: bytes, occupied: Collection[bytes], host: str = "") -> None:
        """The holder, who comes from this address, is a member of this name from now on."""
        self.names[holder] = name
        self._hold(holder, name, occupied, host)

    def reserve(self, holder: int, name: bytes, occupied: Collection[bytes], host: str) -> None:
        """Keep the name for the holder while its new account is being stored."""
        self._reserved[holder] = name
        self._hold(holder, name, occupied, host)

    def give_back(self, holder: int) -> Optional[str]:
        """Undo `reserve`. Returns the address of the holder, or None if nothing was reserved for it."""
        name = self._reserved.pop(holder, None)
        return None if name is None else self._vacate(name)

    def introduce(self, holder: int, number: int) -> None:
        """The member has introduced itself: see `since`."""
        name = self.names[holder]
        _, host, _, fields, *occupied = self._held[name]
        self._held[name] = (holder, host, number, fields, *occupied)

    def describe(self, holder: int, fields: bytes) -> None:
        """This is known of the member from now on, packed (see `parley.server.protocols.person`)."""
        name = self.names[holder]
        _, host, number, _, *occupied = self._held[name]
        self._held[name] = (holder, host, number, fields, *occupied)

    def leave(self, holder: int) -> Optional[bytes]:
        """The holder is no member any more. Returns the name that it had, or None."""
        self.last_words.pop(holder, None)
        self.former.pop(holder, None)
        self.identities.pop(holder, None)
        name = self.names.pop(holder, None)
        if name is not None:
            self._vacate(name)
        return name

    def rename(self, holder: int, name: bytes, occupied: Collection[bytes]) -> bytes:
        """Give the member another name, at its place in the order of logins. Returns the name that it had."""
        old = self.names[holder]
        if old != name:
            others = [other for other in self.former.get(holder, ()) if other not in (old, name)]
            self.former[holder] = (*others, old)[-MOST_FORMER:]
        number, fields = self.since(holder), self.described(holder)
        host = self._vacate(old)
        self.names[holder] = name
        self._hold(holder, name, occupied, host, number, fields)
        return old

    def _hold(self, holder: int, name: bytes, occupied: Collection[bytes], host: str, number: Optional[int] = None,
              fields: Optional[bytes] = None) -> None:
        self._held[name] = (holder, sys.intern(host), number, fields, *occupied)  # many are from the same address
        self._occupied.add(name, occupied)
        self._aliases.hold(name)

    def _vacate(self, name: bytes) -> str:
        """Free the name. Returns the address of its former holder."""
        _, host, _, _, *occupied = self._held.pop(name)
        self._occupied.remove(name, occupied)
        self._aliases.free(name)
        return str(host)

    # ---- looking

    def host(self, holder: int) -> str:
        """The address of a member, or of a holder for whom a name is reserved; empty where it is not known."""
        name = self.names.get(holder) or self._reserved.get(holder)
        return "" if name is None else str(self._held[name][1])

    def since(self, holder: int) -> Optional[int]:
        """The member has said only messages with greater numbers; None if it has not introduced itself."""
        name = self.names.get(holder)
        number: Optional[int] = None if name is None else self._held[name][2]
        return number

    def described(self, holder: int) -> Optional[bytes]:
        """What is known of the member, packed; None if there is nothing to tell."""
        name = self.names.get(holder)
        fields: Optional[bytes] = None if name is None else self._held[name][3]
        return fields

    def names_of(self, holder: int) -> Tuple[bytes, ...]:
        """The name of a member, and the last ones that it had before."""
        return (self.names[holder], *self.former.get(holder, ()))

    def called(self, name: bytes) -> Optional[int]:
        """The member of exactly this name, or None."""
        holder = self._holder(name)
        return holder if holder in self.names else None

    def described_as(self, name: bytes) -> Optional[int]:
        """The member of this name or alias, or None."""
        return self.called(self._aliases.name(name) or name)

    def meant(self, name: bytes) -> Optional[int]:
        """The member whose name or alias this is, or else whose name looks like it; or None."""
        holder = self.described_as(name)
        if holder is None and name:
            alike = map(self.called, sorted(self._occupied.names(claims(name))))
            holder = next((one for one in alike if one is not None), None)
        return holder

    def rival(self, holder: int, name: bytes, occupied: Collection[bytes]) -> Optional[int]:
        """Another holder who has the name, or one that looks alike, as a member or by `reserve`; or None."""
        rival = self._holder(name)
        if rival is not None and rival != holder:
            return rival
        own = self.names.get(holder)
        for other in sorted(self._occupied.names(occupied)):
            if other != own and self._may_not_stand_beside(name, other):
                return self._holder(other)
        return None

    def _holder(self, name: bytes) -> Optional[int]:
        """Who has exactly this name, as a member or by `reserve`; or None."""
        holder: Optional[int] = self._held.get(name, (None,))[0]
        return holder

    def is_like_an_account(self, name: bytes, occupied: Collection[bytes]) -> bool:
        """Does the name look like that of an account, so that both may not exist?"""
        for owner in self._accounts.owners(occupied):
            if self._may_not_stand_beside(name, owner):
                return True
        return False

    def _may_not_stand_beside(self, name: bytes, other: bytes) -> bool:
        """Do these two look-alikes exclude each other? Not if they are the same, or if both have accounts."""
        return other != name and not (name in self._accounts.accounts and other in self._accounts.accounts)

    def introduction(self, name: bytes) -> Tuple[bytes, Optional[bytes], int]:
        """A member's name; its alias, or None; how many messages are kept for it: as the workers are told."""
        account = self._accounts.accounts.get(name)
        return name, self._aliases.alias(name), account.kept if account else 0

    def of_worker(self, worker: int) -> List[int]:
        """Its members, and those of its holders for whom a name is reserved."""
        return [holder for holder in (*self.names, *self._reserved) if split(holder)[0] == worker]

    def known(self) -> Tuple[List[bytes], List[bytes], Dict[bytes, bytes]]:
        """The accounts, the members and {name: alias} of these, for a new worker."""
        present = list(self.names.values())
        return list(self._accounts.accounts), present, self._aliases.of(present)
