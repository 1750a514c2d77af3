"""User metadata beside the name: account, real name, away status, flags.

Of most users nothing of this is known. Decided in the order of the requests, and told to all workers.
"""
import collections
from typing import Callable, Deque, Dict, List, Optional, Tuple, Union

from parley.server.chat.accounts import Accounts
from parley.server.chat.contract import Post, changes_nothing
from parley.server.chat.gate import Gate
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.room import LOBBY, LOBBY_NAME
from parley.server.chat.rooms import ROLES, VOICE, Rooms
from parley.server.ipc.messages import ToWorker
from parley.server.order.numbers import Numbers
from parley.server.protocols import events
from parley.server.protocols.events import Reason
from parley.server.protocols.person import packed, unpacked
from parley.server.protocols.text import folded

MOST_GONE = 1000  # names that were given up, of whose users something is remembered
OPERATOR_FLAG, WALLOPS_FLAG, HIDDEN_FLAG = b"o", b"w", b"i"
# A bot; not to be found by patterns; hears what operators tell operators.
FLAGS = frozenset([b"B", HIDDEN_FLAG, WALLOPS_FLAG])

# Name, account, real name, seconds since the epoch when it left, user name; what is not known is empty.
Gone = Tuple[bytes, bytes, bytes, int, bytes]
_NOTHING = packed(events.Person())


class People:
    """What is known of people. The methods handle messages: see `parley.server.ipc.messages`.

    strangers: {holder: Person, as bytes} of those who have no name yet, and of whom something is known; `Members` has
        the same of members.
    gone: those who have left, the latest last.
    on_account: functions called with a member who has another account now, or none.
    watchers: {name: {holder: True}} of those who watch it. For watchers to whom the case of letters does not matter,
        the key is the `folded` name, a str.
    """

    def __init__(self, post: Post, members: Members, accounts: Accounts, rooms: Rooms, gate: Gate,
                 numbers: Numbers) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts
        self._rooms = rooms
        self._gate = gate
        self._numbers = numbers
        self.strangers: Dict[int, bytes] = {}
        self.gone: Deque[Gone] = collections.deque()
        self.watchers: Dict[Union[bytes, str], Dict[int, bool]] = {}  # that of `Presence`
        self.on_account: List[Callable[[int], None]] = []
        self._timing: Dict[int, int] = {}  # holder that asks about somebody -> that one's holder

    # ---- what people say of themselves

    def real_name(self, worker: int, session: int, real_name: bytes, user: bytes = b"") -> None:
        """The real name and the user name of a session, which has no name yet; or the change is told to nobody."""
        self._set(holder_of(worker, session), "", real_name=real_name, user=user)

    def set_name(self, worker: int, session: int, real_name: bytes) -> None:
        """The member has another real name."""
        holder = holder_of(worker, session)
        if holder in self._members:
            self._set(holder, "real_name", real_name=real_name)
            self._post.confirm(holder, True)

    def set_flag(self, worker: int, session: int, flag: bytes, on: bool) -> None:
        """The member has one of FLAGS from now on, or not."""
        holder = holder_of(worker, session)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        if flag not in FLAGS:
            self._post.refuse(holder, Reason.INVALID_SETTING)
            return
        others = self.person(holder).flags.replace(flag, b"")
        self._set(holder, "flags", flags=b"".join(sorted([*_each(others), flag])) if on else others)
        self._post.confirm(holder, True)

    def set_away(self, holder: int, text: Optional[bytes]) -> None:
        """The member is away for this reason, which may be empty; None: it is here again."""
        self._set(holder, "away", away=text)

    def is_away(self, holder: int) -> bool:
        """Has the member said that it is away?"""
        return self.person(holder).away is not None

    def person(self, holder: int) -> events.Person:
        """What is known of the holder."""
        return unpacked(self._members.described(holder) or self.strangers.get(holder, _NOTHING))

    def is_known(self, holder: int) -> bool:
        """Is anything known of the holder, or was it?"""
        return holder in self.strangers or self._members.described(holder) is not None

    def identified(self, worker: int, session: int, name: bytes, serial: int, renewed: Optional[str],
                   as_operator: bool, signature: bytes = b"") -> None:
        """The session has given the right password for an account: that is its own, or lets it act as an operator."""
        holder = holder_of(worker, session)
        if self._accounts.with_serial(name, serial) is None:
            self._post.refuse(holder, Reason.NO_ACCOUNT)  # it was deleted meanwhile
            return
        if as_operator and name not in self._gate.operators:
            self._post.refuse(holder, Reason.NOT_ALLOWED)
            return
        self._post.change()
        if renewed:
            self._accounts.protect(name, renewed)
        if as_operator:
            self._gate.opered[holder] = name
        else:
            self._members.identities[holder] = name
            for room in self._rooms.joined(holder):
                role = self._gate.first_role(room, name)
                if room.members[holder] == VOICE < role:
                    room.voiced.add(holder)
                room.members[holder] = max(room.members[holder], role)
        self._set(holder, "flags" if as_operator else "account")
        self._note_account(holder)
        if signature:
            self._post.answer(worker, [session], events.ScramProven(signature))
        else:
            self._post.confirm(holder, True)

    def _set(self, holder: int, field: str, **differences: object) -> None:
        """Note what has changed, and tell the workers. field: the change of which clients are told."""
        before = self.person(holder)
        person = self._completed(holder, before._replace(**differences))  # type: ignore[arg-type]
        if person == before:
            return
        self._post.change()
        if holder in self._members:
            self._members.describe(holder, packed(person))
            self._tell(holder, field)
        else:
            self.strangers[holder] = packed(person)

    def _completed(self, holder: int, person: events.Person) -> events.Person:
        """With what follows from elsewhere: the account, and whether it is an operator."""
        flags = person.flags.replace(OPERATOR_FLAG, b"")
        if self._gate.is_operator_here(holder):
            flags = b"".join(sorted([*_each(flags), OPERATOR_FLAG]))
        return person._replace(account=self._gate.account_of(holder) or b"", flags=flags)

    def _tell(self, holder: int, field: str) -> None:
        name = self._members.names[holder]
        rooms = [room.number for room in self._rooms.joined(holder)] if field else []
        if field and self._gate.is_in_lobby(holder):
            rooms.append(LOBBY)
        alone = [split(watcher) for watcher in self.watchers_of(name)] if field else []
        worker, session = split(holder)
        self._post.everyone(ToWorker.Person(worker, session, name, *self.person(holder), field, rooms, alone))

    def watchers_of(self, name: bytes) -> List[int]:
        """Who watches this name, each once."""
        if not self.watchers:
            return []
        exact, any_case = self.watchers.get(name, {}), self.watchers.get(folded(name), {})
        return [*exact, *(holder for holder in any_case if holder not in exact)]

    def wallops(self, worker: int, session: int, text: bytes) -> None:
        """Tell all operators who are online, and all who have the flag for it."""
        holder = holder_of(worker, session)
        if not self._gate.is_operator_here(holder):
            self._post.refuse(holder, Reason.NOT_ALLOWED)
            return
        for one in self._members.names:
            flags = self.person(one).flags
            if WALLOPS_FLAG in flags or OPERATOR_FLAG in flags:
                self._post.tell(one, events.Wallopped(self._members.names[holder], text))
        self._post.confirm(holder, True)

    # ---- who comes, and goes

    def came(self, holder: int) -> None:
        """A member has its first name: tell the workers what is known of it."""
        self._members.introduce(holder, self._numbers.last)
        self._members.describe(holder, packed(self._completed(holder, self.person(holder))))
        self.strangers.pop(holder, None)
        self._tell(holder, "")

    def note_gone(self, holder: int, name: bytes) -> None:
        """The member gives up this name."""
        person, account = self.person(holder), self._accounts.accounts.get(name)
        own = b"" if account is None or account.secret is None else name
        self.gone.append((
            name, person.account or own, person.real_name, self._accounts.order.now // 1000, person.user))
        if len(self.gone) > MOST_GONE:
            self.gone.popleft()

    def renamed(self, holder: int) -> None:
        """The member, of whom something is known, has another name, and so perhaps another account."""
        person = self._completed(holder, self.person(holder))
        if person != self.person(holder):
            self._members.describe(holder, packed(person))
            self._tell(holder, "")

    def account_opened(self, name: bytes) -> None:
        """There is a new account: a member of its name has it."""
        holder = self._members.called(name)
        if holder is not None and self._gate.is_protected(name):
            self._set(holder, "account")
            self._note_account(holder)

    def account_closed(self, name: bytes) -> None:
        """The account is gone: no member has it any more, or acts by it as an operator."""
        for held, field in ((self._members.identities, "account"), (self._gate.opered, "flags")):
            for holder in [holder for holder, account in held.items() if account == name]:
                del held[holder]
                self._set(holder, field)
                self._note_account(holder)

    def _note_account(self, holder: int) -> None:
        for follow in self.on_account if holder in self._members else ():
            follow(holder)

    def forget(self, holder: int) -> None:
        """The session is gone."""
        self.strangers.pop(holder, None)
        self._timing.pop(holder, None)

    def lose(self, worker: int) -> None:
        """A worker died: forget what is known of its sessions without a name, and questions about its members."""
        for held in (self.strangers, self._members.identities, self._gate.opered):
            for holder in [one for one in held if split(one)[0] == worker and one not in self._members]:
                del held[holder]  # type: ignore[attr-defined]
        for asker in [asker for asker, whom in self._timing.items() if split(whom)[0] == worker]:
            self._time_nobody(asker)

    # ---- looking somebody up

    def whois(self, worker: int, session: int, name: bytes) -> None:
        """Who is this? Only its worker knows how long it is here, and is asked."""
        whom, asker = self._members.meant(name), holder_of(worker, session)
        if whom is None:
            self._post.refuse(asker, Reason.NOBODY)
        else:
            self._timing[asker] = whom
            there, its_session = split(whom)
            self._post.worker(there, ToWorker.Time(its_session, asker))

    def timed(self, worker: int, asker: int, session: int, seconds: int, idle: int, host: str, port: int) -> None:
        """The worker's answer, for the asker. A member who has left meanwhile has no name any more."""
        whom = self._timing.pop(asker, None)
        if whom is None or whom != holder_of(worker, session):
            return
        if whom not in self._members:
            self._post.refuse(asker, Reason.NOBODY)
            return
        there, its_session = split(asker)
        if asker != whom and not self._gate.is_operator_here(asker):
            host, port = "", 0
        self._post.answer(there, [its_session], events.WhoisTold(
            self._members.names[whom], self._seen_rooms(whom, asker),
            self._accounts.order.now // 1000 - seconds, idle, self._gate.is_operator_here(whom), host, port))

    def _seen_rooms(self, whom: int, asker: int) -> List[Tuple[bytes, bytes]]:
        """(room, role) of the rooms that somebody is in, and that the asker may know of.

        Of somebody with the flag "i" these are only the rooms in which both are, unless an operator or itself asks.
        """
        is_found = (asker == whom or HIDDEN_FLAG not in self.person(whom).flags
                    or self._gate.is_operator_here(asker))
        rooms = [(room.name, ROLES.get(room.members[whom], b"")) for room in self._rooms.joined(whom)
                 if self._gate.knows(room, asker) and (is_found or asker in room.members)]
        is_in_lobby = self._gate.is_in_lobby(whom) and (is_found or self._gate.is_in_lobby(asker))
        return [(LOBBY_NAME, b""), *rooms] if is_in_lobby else rooms

    def _time_nobody(self, asker: int) -> None:
        if self._timing.pop(asker, None) is not None:
            self._post.refuse(asker, Reason.NOBODY)

    @changes_nothing
    def who_was(self, worker: int, session: int, name: bytes, most: int) -> None:
        """Who had this name lately, in any case of letters? The latest first; at most `most`, and 0 is all."""
        wanted = name.lower()
        found = [gone for gone in reversed(self.gone) if gone[0].lower() == wanted]
        if found:
            self._post.answer(worker, [session], events.WhoWasTold(found[:most or None]))
        else:
            self._post.refuse(holder_of(worker, session), Reason.NOBODY)


def _each(flags: bytes) -> List[bytes]:
    return [flags[index:index + 1] for index in range(len(flags))]
