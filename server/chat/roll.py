"""The roster: who is online, and which accounts there are. Each worker has a replica."""
from parley.server.chat.patterns import matcher
from parley.server.protocols.text import folded

MOST_REMOVED = 64  # removed names that may still be in the text; one more for each 64 of its bytes


class Names:
    """Names in the order in which they were added.

    They are kept as one text, a line for each, as no name has a line end in it: every worker has every name, and as
    objects they would take ten times the memory. A removed name stays in the text until the names are read or many are
    removed, so that a removal costs the same however many names there are.
    """

    def __init__(self):
        self._lines = bytearray()
        self._removed = set()
        self._spellings = None  # {folded name: the name}, once a name in another case of letters was looked for
        self._has_twins = False  # do two names have the same folded form?

    def __len__(self):
        return self._lines.count(b"\n") - len(self._removed)

    def __iter__(self):
        if self._removed:
            self._keep([name for name in self._all() if name not in self._removed])
        return iter(self._all())

    def add(self, name):
        """Put `name`, which is not among them, at the end."""
        if name in self._removed:
            self._keep(list(self))
        self._lines += name + b"\n"
        self._note(name)

    def has(self, name):
        """Is `name` among them?"""
        line = name + b"\n"
        return name not in self._removed and (self._lines.startswith(line) or b"\n" + line in self._lines)

    def replace(self, old, new):
        """Put `new` in the place of `old`."""
        self._keep([new if name == old else name for name in self])
        self._unnote(old)
        self._note(new)

    def remove(self, name):
        """Take `name` out."""
        self._removed.add(name)
        self._unnote(name)
        if len(self._removed) > MOST_REMOVED + len(self._lines) // MOST_REMOVED:
            self._keep(list(self))

    def in_any_case(self, name):
        """One of them that differs from `name` in case only; None if there is none."""
        if self._spellings is None:
            self._spellings, self._has_twins = {}, False
            for one in self:
                self._note(one)
        return self._spellings.get(folded(name))

    def _note(self, name):
        if self._spellings is not None and self._spellings.setdefault(folded(name), name) != name:
            self._has_twins = True

    def _unnote(self, name):
        if self._has_twins:
            self._spellings = None
        elif self._spellings is not None:
            self._spellings.pop(folded(name), None)

    def _all(self):
        return bytes(self._lines).split(b"\n")[:-1]

    def _keep(self, names):
        self._removed.clear()
        self._lines = bytearray(b"".join([name + b"\n" for name in names]))


class Roll:
    """Names, in order.

    version: another with each change.
    changed: has it changed since somebody last looked at `users` and cleared this?
    """

    def __init__(self):
        self.version = 0
        self.changed = False
        self._texts = None  # {name: the same as str} of everybody known, until something changes
        self._away = None  # {account: False}, until the accounts change
        self._present = Names()  # by login
        self._accounts = Names()  # by creation
        # {alias: name} of those whose names IRC cannot carry, and the function that gives the alias of a name, or the
        # name itself; both once an alias was looked for.
        self._by_alias = None
        self._alias_of = None

    def __len__(self):
        return len(self._present) + len(self._accounts)

    def meant(self, name):
        """The name of a member, or else of an account, that differs from this in case only.

        If this is such a name itself, or if there is none, the result is the name as given.
        """
        if self._present.has(name) or self._accounts.has(name):
            return name
        return self._present.in_any_case(name) or self._accounts.in_any_case(name) or name

    def with_alias(self, alias, alias_of):
        """The name of a member or an account that has this alias; None if there is none.

        alias_of: the function that gives the alias of a name, or the name itself if it needs none; always the same one.
        """
        if self._by_alias is None:
            self._by_alias, self._alias_of = {}, alias_of
            for name in self._everybody():
                self._note(name)
        return self._by_alias.get(alias)

    def _note(self, name):
        if self._by_alias is not None:
            alias = self._alias_of(name)
            if alias != name:
                self._by_alias[alias] = name

    def _unnote(self, name):
        if self._by_alias and not self._present.has(name) and not self._accounts.has(name):
            alias = self._alias_of(name)
            if self._by_alias.get(alias) == name:
                del self._by_alias[alias]

    def enter(self, name):
        """`name` is here."""
        self._present.add(name)
        self._note(name)
        self._change()

    def leave(self, name):
        """`name` is not here any more."""
        self._present.remove(name)
        self._unnote(name)
        self._change()

    def rename(self, old, new):
        """`old` is called `new`, and keeps its place."""
        self._present.replace(old, new)
        self._unnote(old)
        self._note(new)
        self._change()

    def open(self, name):
        """There is an account `name` now."""
        self._accounts.add(name)
        self._note(name)
        self._change_accounts()

    def close(self, name):
        """The account `name` is deleted."""
        self._accounts.remove(name)
        self._unnote(name)
        self._change_accounts()

    def _change(self):
        self.version += 1
        self.changed = True
        self._texts = None

    def _change_accounts(self):
        self._away = None
        self._change()

    def present(self):
        """The names of all members in the order of their logins."""
        return list(self._present)

    def known(self, pattern=None):
        """Accounts in the order of their creation, then the members without one; those that match, if given bytes."""
        if pattern is None:
            return list(self._everybody())
        if self._texts is None:
            self._texts = {name: name.decode() for name in self._everybody()}
        matches = matcher(pattern.decode(errors="replace"))
        return [name for name, text in self._texts.items() if matches(text)]

    def _everybody(self):
        return dict.fromkeys([*self._accounts, *self._present])

    def users(self):
        """(name, is it here?) of everybody known."""
        if self._away is None:
            self._away = dict.fromkeys(self._accounts, False)
        users = dict(self._away)
        users.update(dict.fromkeys(self._present, True))
        return list(users.items())
