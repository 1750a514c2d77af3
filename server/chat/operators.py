"""What operators ask about accounts and boxes, of a running server or of a database that no server works with."""
from typing import Any, Callable, Container, Dict, List, Optional

from parley.server.ipc.asked import AskedStore, Then
from parley.server.ipc.messages import Message, ReadStore

Reply = Callable[[Dict[str, Any]], object]
Deed = Callable[[bytes, Then], object]  # something that is done to the account of a name

PAGE = 100  # accounts or messages in one answer: nobody has to wait for it, and a socket takes it at once


class Operators:
    """Calls `reply(answer)`, now or later. An answer is of JSON's types; its "error" says why something was not done.

    The arguments of a request come from outside and may be of any type.

    names: of all accounts.
    delete, empty: delete an account, and empty its box; `then(True)` is called once that is stored, `then(None)` if it
        could not be.
    """

    def __init__(self, names: Container[Optional[bytes]], store: AskedStore, delete: Deed, empty: Deed) -> None:
        self._names = names
        self._store = store
        self._delete = delete
        self._empty = empty

    def requests(self) -> Dict[str, Callable[..., None]]:
        """{name of a request: the method that answers it}.

        Arguments that the method does not have are a TypeError; values that do not fit are answered with an error.
        """
        return {"accounts": self.accounts, "box": self.box, "empty": self.empty, "delete": self.delete}

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
        """Throw away what is kept for an account."""
        if self._is_there(name, reply):
            self._empty(name.encode(), lambda stored: reply(_done(stored)))

    def delete(self, reply: Reply, name: Any) -> None:
        """Delete an account; whoever is here under its name is sent away."""
        if self._is_there(name, reply):
            self._delete(name.encode(), lambda stored: reply(_done(stored)))

    def _is_there(self, name: Any, reply: Reply) -> bool:
        known = _encoded(name) in self._names
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


def _encoded(text: Any) -> Optional[bytes]:
    """None of what is no text, or none in UTF-8."""
    try:
        encoded: bytes = text.encode()
    except (AttributeError, UnicodeEncodeError):
        return None
    return encoded


def _done(stored: Optional[bool]) -> Dict[str, Any]:
    return {"done": True} if stored else {"error": "it could not be stored"}
