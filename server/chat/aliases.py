"""The aliases under which protocols with a short name field show longer names. Part of the hub."""
from typing import Any, Dict, Iterable, List, Optional

from parley.server.protocols import LONGEST_FOR_ALL
from parley.server.protocols.aliases import candidates


class Aliases:
    """Gives an alias to each name that is too long for one of the protocols, as long as somebody holds the name.

    A name may be held twice: by a member, and by an account. Short names have no alias.
    """

    def __init__(self) -> None:
        self._held: Dict[bytes, List[Any]] = {}  # name -> [alias, how often it is held]
        self._names: Dict[bytes, bytes] = {}  # alias -> name

    def hold(self, name: bytes) -> Optional[bytes]:
        """The alias of `name`, which keeps it until `free` has been called as often; None if it needs none."""
        if len(name) <= LONGEST_FOR_ALL:
            return None
        held = self._held.get(name)
        if held is None:
            alias = next(alias for alias in candidates(name, LONGEST_FOR_ALL) if alias not in self._names)
            held = self._held[name] = [alias, 0]
            self._names[alias] = name
        held[1] += 1
        own: bytes = held[0]
        return own

    def free(self, name: bytes) -> None:
        """Undo one `hold`."""
        held = self._held.get(name)
        if held is None:
            return
        held[1] -= 1
        if not held[1]:
            del self._held[name], self._names[held[0]]

    def alias(self, name: bytes) -> Optional[bytes]:
        """The alias of a name that is held; None if it has none."""
        return self._held[name][0] if name in self._held else None

    def of(self, names: Iterable[bytes]) -> Dict[bytes, bytes]:
        """{name: alias} of those of `names` that have one."""
        return {name: self._held[name][0] for name in names if name in self._held}

    def name(self, alias: bytes) -> Optional[bytes]:
        """The name that has the alias, or None."""
        return self._names.get(alias)
