"""Login throttling: how many wrong passwords and new accounts are allowed for one address, and for one account."""
import collections
from typing import Callable, Counter, Dict, MutableMapping, NamedTuple, Optional

from parley.server.chat.origins import Origin, origin

MINUTE = 60.0
OF_AN_ADDRESS = 10  # as many times as for one account: a whole class that mistypes may share one address
LONGEST_WAIT = 60.0  # seconds; a try that would have to wait longer is refused
MEMORY = 600.0  # seconds for which a failure counts against its address
MOST_REMEMBERED = 4096  # addresses, and as many accounts; those without failures for longest are forgotten first


class _Failures(NamedTuple):
    """The failures from an address, or for an account.

    until: the time by which they would all have come at the tolerated rate; seconds of the clock.
    at: when the latest came; likewise.
    name: the account that all failures of an address were for; None if they were for several.
    """

    until: float
    at: float
    name: Optional[bytes]


class LoginThrottle:
    """Allows `failed_logins_per_minute` for an account, ten times as many for an address; further tries are delayed.

    A guesser must not keep the owner of an account out. So a try from an address without failures in the last ten
    minutes is never delayed. Somebody with many addresses gets one such try for each of them.

    host: the address of a client, as it is connected. name: of an account.
    failed_logins_per_minute: 0 is no limit.
    accounts_per_address: how many that were made since the server started may exist; 0 is no limit.
    clock: gives seconds. It may go back, as that of several machines does if Redis's does; then what was before is
        forgotten.
    """

    def __init__(
            self, failed_logins_per_minute: float, accounts_per_address: int, clock: Callable[[], float]) -> None:
        self._failed_logins_per_minute = failed_logins_per_minute
        self._every = MINUTE / failed_logins_per_minute if failed_logins_per_minute else 0.0
        self._accounts_per_address = accounts_per_address
        self._clock = clock
        self._addresses: MutableMapping[Origin, _Failures] = _Bounded()
        self._accounts: MutableMapping[Origin, _Failures] = _Bounded()  # by name
        self._opened: Counter[Origin] = collections.Counter()  # accounts of each address
        self._openers: Dict[bytes, Origin] = {}  # name of an account -> address

    def for_others(self, clock: Callable[[], float]) -> "LoginThrottle":
        """A `LoginThrottle` with the same limit for failures of another kind."""
        return LoginThrottle(self._failed_logins_per_minute, self._accounts_per_address, clock)

    def wait(self, host: str, name: bytes) -> float:
        """Seconds until a password for the account `name` may be tried from `host`."""
        now = self._clock()
        failures = self._addresses.get(origin(host))
        if failures is None or not 0 <= now - failures.at < MEMORY:
            return 0.0
        latest = failures.until + self._every / OF_AN_ADDRESS
        of_account = self._accounts.get(name)
        if of_account is not None and of_account.at <= now:
            latest = max(latest, of_account.until + self._every)
        return max(0.0, latest - now - MINUTE)

    def failed(self, host: str, name: bytes) -> None:
        """A try has failed."""
        for table, key, every in ((self._addresses, origin(host), self._every / OF_AN_ADDRESS),
                                  (self._accounts, name, self._every)):
            table[key] = self._one_more(table.get(key), name, every)

    def _one_more(self, failures: Optional[_Failures], name: bytes, every: float) -> _Failures:
        now = self._clock()
        if failures is None or not 0 <= now - failures.at < MEMORY:
            return _Failures(now + every, now, name)
        until = min(max(failures.until, now) + every, now + MINUTE + LONGEST_WAIT)
        return _Failures(until, now, name if name == failures.name else None)

    def succeeded(self, host: str, name: bytes) -> None:
        """A password was right: forget the failures of the address, if all of them were for this account.

        If others were forgotten as well, the owner of one account could guess at all others.
        """
        failures = self._addresses.get(origin(host))
        if failures is not None and failures.name == name:
            del self._addresses[origin(host)]
            self._accounts.pop(name, None)

    def may_open(self, host: str) -> bool:
        """May one more account be made from there?"""
        return not self._accounts_per_address or self._opened[origin(host)] < self._accounts_per_address

    def opened(self, host: str, name: bytes) -> None:
        """The account `name` was made from there."""
        self._openers[name] = origin(host)
        self._opened[origin(host)] += 1

    def closed(self, name: bytes) -> None:
        """The account is gone, wherever it was made."""
        opener = self._openers.pop(name, None)
        if opener is not None:
            self._opened[opener] -= 1
            if not self._opened[opener]:
                del self._opened[opener]


class _Bounded(collections.OrderedDict):  # type: ignore[type-arg]  # there are none in Python 3.6
    """Forgets what was set longest ago."""

    def __setitem__(self, key: Origin, value: _Failures) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > MOST_REMEMBERED:
            del self[next(iter(self))]
