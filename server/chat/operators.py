"""What operators ask about accounts and boxes, of a running server or of a database that no server works with."""
from parley.server.ipc.messages import ReadStore

PAGE = 100  # accounts or messages in one answer: nobody has to wait for it, and a socket takes it at once


class Operators:
    """Answers by reply(answer), now or later: plain values, of which "error" says why something was not done.

    names: `in` it are those of all accounts. store: see `server.storage.journal.Journal`.
    delete(name, then), empty(name, then): delete an account, and empty its box; then(true) once that is stored.
    """

    def __init__(self, names, store, delete, empty):
        self._names = names
        self._store = store
        self._delete = delete
        self._empty = empty

    def requests(self):
        """{name of a request: what answers it}; arguments that do not fit are a TypeError or answered with an error."""
        return {"accounts": self.accounts, "box": self.box, "empty": self.empty, "delete": self.delete}

    def accounts(self, reply, after=""):
        """A page of the accounts whose names follow `after`: see `server.storage.memory.Store.listed`."""
        after = _encoded(after)
        if after is None:
            reply({"error": "`after` has to be text"})
        else:
            self._page(reply, "accounts", lambda row: [row[0].decode(), *row[1:]],
                       ReadStore.Listed(after, PAGE))

    def box(self, reply, name, after=0):
        """A page of what is kept for an account, behind the id `after`: see `server.storage.memory.Store.outside`."""
        if type(after) is not int or not 0 <= after < 1 << 63:
            reply({"error": "`after` has to be the id of a message"})
        elif self._is_there(name, reply):
            self._page(reply, "messages", lambda row: [row[0], row[1].decode(), *row[2:]],
                       ReadStore.Outside(name.encode(), after, PAGE))

    def empty(self, reply, name):
        """Throw away what is kept for an account."""
        if self._is_there(name, reply):
            self._empty(name.encode(), lambda stored: reply(_done(stored)))

    def delete(self, reply, name):
        """Delete an account; whoever is here under its name is sent away."""
        if self._is_there(name, reply):
            self._delete(name.encode(), lambda stored: reply(_done(stored)))

    def _is_there(self, name, reply):
        known = _encoded(name) in self._names
        if not known:
            reply({"error": "there is no account %r" % (name,)})
        return known

    def _page(self, reply, key, shown, request):
        def tell(rows):
            if rows is None:
                reply({"error": "it could not be read"})
            else:
                reply({key: list(map(shown, rows)), "more": len(rows) == PAGE})

        self._store.ask(tell, request)


def _encoded(text):
    """None of what is no text, or none in UTF-8."""
    try:
        return text.encode()
    except (AttributeError, UnicodeEncodeError):
        return None


def _done(stored):
    return {"done": True} if stored else {"error": "it could not be stored"}
