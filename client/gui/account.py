"""What the login form asks for: the address of a server, and accounts that do not exist yet."""
from parley.client import address, events
from parley.client.chat import Chat
from parley.client.protocol import Impossible

ACCOUNTS = "line"  # `dollar` cannot make accounts; they are made in this protocol, at its usual port


def address_of(typed):
    """The `Address` for what was typed; raises ValueError, with a sentence, if this client cannot use it."""
    typed = typed.strip()
    if not typed:
        raise ValueError("Which server? Type its host, such as localhost or chat.example:8080.")
    found = address.parse(typed, "dollar")
    if found.protocol not in ("dollar", "web"):
        raise ValueError("This window speaks only `dollar` and `web`; for %s there is the terminal client." % typed)
    return found


class NewAccount:
    """Makes an account. For a server of `dollar`, which cannot do that, it is done by `line` on the same host."""

    def __init__(self, server, name, password, trust=None, port=None):
        """Begin. Raises ValueError, with a sentence, if what was typed cannot be used.

        server: as typed. trust: as in `client.connect`. port: of `line`; None: the usual one.
        """
        found = address_of(server)
        if not name.strip() or not password:
            raise ValueError("Which name and which password shall the account have? Type them above.")
        self.is_made, self.why_not = False, ""
        self._where = ""
        if found.protocol == "dollar":
            host = found.host_port.rpartition(":")[0]
            found = "%s%s://%s%s" % (ACCOUNTS, "+tls" * found.tls, host, ":%d" % port if port else "")
            self._where = " (Accounts are made in `%s`, there.)" % ACCOUNTS
        self._chat = Chat(str(found), trust)
        try:
            self._chat.create(name.strip(), password)
        except Impossible as impossible:
            self.why_not = str(impossible)

    def tick(self):
        """Process what has been received: afterwards it `is_made`, or `why_not` is a sentence, or neither yet."""
        for event in self._chat.poll():
            if type(event) is events.Disconnected and not self.why_not:
                self.why_not = event.why + self._where
            elif type(event) is events.Refused:
                self.why_not = event.why
            elif type(event) is events.Done and event.request.kind == "create":
                self.is_made = True

    def close(self, timeout=1):
        """Log out, so that the name is free again."""
        self._chat.close(timeout)
