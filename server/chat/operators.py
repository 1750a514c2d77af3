"""Operators' commands, to a running server or on the database of a stopped one."""
import heapq
import itertools
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from parley.server.chat.accounts import Accounts
from parley.server.chat.members import split
from parley.server.chat.moderation import SERVER
from parley.server.chat.register import Register
from parley.server.chat.room import LOBBY_NAME
from parley.server.chat.rooms import COUNTS, OWNER, SETTINGS, Room
from parley.server.ipc.asked import AskedStore
from parley.server.ipc.messages import Listed, Message, Operated, ReadStore, ToStore, entry
from parley.server.order.at_hand import Order
from parley.server.protocols.events import Reason
from parley.server.protocols.text import canonical, is_blank, one_line

Reply = Callable[[Dict[str, Any]], object]
Then = Callable[[Optional[str]], object]  # called with what is wrong, or None once it is done

MOST_OF_LOG = 1000  # messages in one answer
PAGE = 100  # accounts or messages in one answer: nobody has to wait for it, and a socket takes it at once
ACTS = ("kick", "ban", "unban", "mute", "unmute", "drop")  # what operators do to rooms by their requests
_MOST_TOLD = 20  # bans in an error

# What is wrong, by Reason; some of these texts name somebody or a room.
_WORDS = {
    Reason.NO_ROOM: "there is no room %(room)s; `rooms` lists those there are",
    Reason.NOBODY: "nobody called %(about)s is here; `who` lists everybody",
    Reason.NOT_THERE: "%(about)s is not in %(room)s; `who` tells who is where",
    Reason.OUTRANKED: "%(about)s is an operator; take the name out of `operators` in the configuration first",
    Reason.LIST_FULL: "the list of %(room)s is full; take something out of it, or raise `rooms.bans`",
    Reason.TEXT_TOO_LONG: "the reason is longer than `rooms.topic_bytes` allows; say it shorter",
    Reason.NOT_STORED: "it could not be stored; the log of the server says why",
}
_WORDS_OF_LOBBY = "the lobby cannot be dropped"
_WORDS_OF_PORT = "%s has a port of its own; take that out of the configuration first"


class Asked:
    """Submits operators' requests to the order, and passes their results back."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tokens = itertools.count(1)
        self._waiting: Dict[int, Then] = {}  # by token

    def count_from(self, first: int) -> None:
        """Give tokens from this number on; no other node gives the same."""
        self._tokens = itertools.count(first)

    def submit(self, kind: Callable[..., Message], fields: Iterable[Any], then: Then) -> None:
        """Submit a message of `Operated`. fields: those that follow the token."""
        token = next(self._tokens)
        self._waiting[token] = then
        self._order.submit(0, entry(kind(0, token, *fields)))

    def reply(self, token: int, error: Optional[str]) -> None:
        """See `parley.server.chat.contract.Post.reply`."""
        self._waiting.pop(token)(error)


class Operators:
    """Calls `reply(answer)`, now or later. An answer is of JSON's types; its "error" says why something was not done.

    The arguments of a request come from outside and may be of any type.

    submit: see `Asked.submit`.
    """

    def __init__(self, register: Register, accounts: Accounts, store: AskedStore,
                 submit: Callable[[Any, Iterable[Any], Then], None]) -> None:
        self._register = register
        self._accounts = accounts
        self._store = store
        self._submit = submit

    def requests(self) -> Dict[str, Callable[..., None]]:
        """{name of a request: the method that answers it}.

        Arguments that the method does not have are a TypeError; values that do not fit are answered with an error.
        """
        return {"accounts": self.accounts, "box": self.box, "empty": self.empty, "delete": self.delete,
                "passwd": self.passwd, "who": self.who, "rooms": self.rooms, "manage": self.manage, "log": self.log,
                "say": self.say, "backup": self.backup}

    # ---- accounts

    def accounts(self, reply: Reply, after: Any = "") -> None:
        """Answer {"accounts": the first PAGE whose names follow `after`, "more": may there be others?}.

        Each is a list of what `server.storage.memory.Store.listed` gives.
        """
        after = _encoded(after)
        if after is None:
            reply({"error": "`after` has to be text"})
        else:
            self._page(reply, "accounts", lambda row: [row[0].decode(), *row[1:]],
                       ReadStore.Listed(after, PAGE))

    def box(self, reply: Reply, name: Any, after: Any = 0) -> None:
        """Answer {"messages": the first PAGE kept for the account behind the id `after`, "more": may there be others?}.

        Each is a list of what `server.storage.memory.Store.outside` gives.
        """
        if type(after) is not int or not 0 <= after < 1 << 63:
            reply({"error": "`after` has to be the id of a message"})
        elif self._is_there(name, reply):
            self._page(reply, "messages", lambda row: [row[0], row[1].decode(), *row[2:]],
                       ReadStore.Outside(name.encode(), after, PAGE))

    def empty(self, reply: Reply, name: Any) -> None:
        """Delete what is kept for an account."""
        if self._is_there(name, reply):
            self._change("empty", name, Operated.EmptyBox, (name.encode(),), reply)

    def delete(self, reply: Reply, name: Any) -> None:
        """Delete an account, and end the session of a member with its name."""
        if self._is_there(name, reply):
            self._change("delete", name, Operated.RemoveAccount, (name.encode(),), reply)

    def passwd(self, reply: Reply, name: str, secret: str) -> None:
        """Give an account, which may be a new one, another secret."""
        self._change("passwd", name, Operated.SetPassword, (name.encode(), secret), reply)

    def _change(self, act: str, name: str, kind: Any, fields: Iterable[Any], reply: Reply) -> None:
        def done(error: Optional[str]) -> None:
            if error is None:
                self._audit(act, name.encode())
            reply({"error": error} if error else {"done": True})

        self._submit(kind, fields, done)

    def _is_there(self, name: Any, reply: Reply) -> bool:
        known = _encoded(name) in self._accounts.accounts
        if not known:
            reply({"error": "there is no account %r" % (name,)})
        return known

    def _page(self, reply: Reply, key: str, shown: Callable[[Any], List[Any]], request: Message) -> None:
        def tell(rows: Optional[List[Any]]) -> None:
            if rows is None:
                reply({"error": "it could not be read"})
            else:
                reply({key: list(map(shown, rows)), "more": len(rows) == PAGE})

        self._store.ask(tell, request)

    # ---- who is here, and in which rooms

    def who(self, reply: Reply, after: Any = "") -> None:
        """Answer {"who": the first PAGE whose names follow `after`, "more": may there be others?}.

        Each is a list: name, number of the worker, address or "", names of the rooms.
        """
        members, rooms = self._register.members, self._register.rooms
        found = self._first_after(after, ((name, holder) for holder, name in members.names.items()), reply)
        if found is not None:
            reply({"who": [
                [name.decode(), split(holder)[0], members.host(holder),
                 [LOBBY_NAME.decode()] * self._register.gate.is_in_lobby(holder)
                 + [room.name.decode() for room in rooms.joined(holder)]]
                for name, holder in found], "more": len(found) == PAGE})

    def rooms(self, reply: Reply, after: Any = "") -> None:
        """Answer {"rooms": the first PAGE whose names follow `after`, "more": may there be others?}.

        Each is a list: name, members, owners, bans, mutes, settings as texts, topic.
        """
        found = self._first_after(after, self._register.rooms.by_name.items(), reply)
        if found is not None:
            reply({"rooms": [self._described(room) for _, room in found], "more": len(found) == PAGE})

    def _described(self, room: Room) -> List[Any]:
        members = len(room.members)
        if room is self._register.rooms.lobby:
            members = sum(map(self._register.gate.is_in_lobby, self._register.members.names))
        owners = [name.decode() for name, role in room.roles.items() if role == OWNER]
        settings = [name if name not in COUNTS else "%s=%d" % (name, getattr(room, name))
                    for name in SETTINGS if getattr(room, name)]
        return [room.name.decode(), members, owners, len(room.banned), len(room.muted), settings,
                room.topic[0].decode()]

    @staticmethod
    def _first_after(after: Any, named: Iterable[Any], reply: Reply) -> Optional[List[Any]]:
        start = _encoded(after)
        if start is None:
            reply({"error": "`after` has to be text"})
            return None
        return heapq.nsmallest(PAGE, (one for one in named if one[0] > start), key=lambda one: one[0])

    def log(self, reply: Reply, after: int) -> None:
        """Answer {"log": what was said in the lobby behind the number `after`, "more": is there more of it?}.

        Each is a list: number, sender, text, seconds since the epoch.
        """

        def tell(found: Optional[Tuple[List[Listed], int, bool]]) -> None:
            if found is None:
                reply({"error": "it could not be read"})
            else:
                reply({"log": [[number, sender.decode(), text.decode(), when]
                               for number, sender, text, when in found[0]],
                       "more": found[2]})

        self._store.ask(tell, ReadStore.Lobby(after, MOST_OF_LOG))

    # ---- keeping order

    def manage(self, reply: Reply, room: str, act: str, about: str, text: str) -> None:
        """Do one of ACTS to a room, as an operator."""

        def done(error: Optional[str]) -> None:
            reply({"error": self._why(error, room, act, about)} if error else {"done": True})

        self._submit(Operated.ManageRoom, (room.encode(), act, _line(about), _line(text)), done)

    def _why(self, reason: str, room: str, act: str, about: str) -> str:
        if reason == Reason.IS_LOBBY:
            return _WORDS_OF_LOBBY if room.encode() == LOBBY_NAME else _WORDS_OF_PORT % room
        if reason in (Reason.NOT_BANNED, Reason.NOT_MUTED):
            there = self._register.rooms.by_name[room.encode()]
            entries = [name.decode() for name in (there.banned if act == "unban" else there.muted)]
            return "%s is not %s in %s; these are: %s" % (
                about, {"unban": "banned", "unmute": "muted"}[act], room,
                ", ".join(entries[:_MOST_TOLD]) + ", ..." * (len(entries) > _MOST_TOLD) or "none")
        return _WORDS.get(reason, reason) % {"room": room, "about": about}

    def say(self, reply: Reply, text: str) -> None:
        """Say something in the lobby."""
        said = canonical(text.encode())

        def done(error: Optional[str]) -> None:
            if error is None:
                self._audit("say", b"", said, LOBBY_NAME)
            reply({"error": _WORDS.get(error, error)} if error else {"done": True})

        if is_blank(said):
            reply({"error": "there is nothing to say: the text is empty"})
        else:
            self._submit(Operated.Announce, (said,), done)

    def backup(self, reply: Reply, file: str) -> None:
        """Copy all that is stored into a file."""

        def done(result: Any) -> None:
            if result is True:
                self._audit("backup", file.encode())
                reply({"done": True})
            else:
                reply({"error": result or "nothing can be stored; the log of the server says why"})

        self._store.ask(done, ToStore.Backup(file))

    def _audit(self, act: str, about: bytes, text: bytes = b"", room: bytes = b"") -> None:
        self._register.post.audit(SERVER, 0, act, room, about, text)


def _encoded(text: Any) -> Optional[bytes]:
    """The text in UTF-8; None if it is no text, or not one that UTF-8 can have."""
    try:
        encoded: bytes = text.encode()
    except (AttributeError, UnicodeEncodeError):
        return None
    return encoded


def _line(text: str) -> bytes:
    return one_line(canonical(text.encode()))
