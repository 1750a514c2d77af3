"""All clients of one test run: their connections, the ledger they share, and what is reported to Locust.

A guest (a connection) outlives its Locust user. Users are stopped without warning, but what they sent last has to reach
all others, so the connections stay open until the run has been judged.
"""
import json
import logging
import os
import time
import uuid
from urllib.parse import urlsplit

import gevent
from gevent.event import Event

from loadtest._connection import Connection, NoAnswer, Refused
from loadtest._ledger import LOBBY, Ledger, brief, by_kind

logger = logging.getLogger("loadtest")

DEFAULT_HOST = "tcp://127.0.0.1:4000"
DEFAULT_USERS_FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples", "users.json")

# For names: no two of these look alike, and two runs hardly ever share a beginning of five. With a hyphen and four more
# a name has ten characters, which is all that some protocols can show.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
LETTERS = 23  # of its beginning: a nick in `irc` does not begin with a digit
BEGINNING = 5

# How long the end of a run waits for what is under way. Far more than a healthy server needs.
DRAIN_TIMEOUT = 30
# Seconds to wait for duplicates after the last expected message; no event shows that none comes.
LATE_DOUBLE = 0.3
# The log shows this many findings of each kind; Locust's report counts all.
FINDINGS_SHOWN = 3
# Unexpected lines of one kind that the report tells apart: it has a row for each.
LINES_SHOWN = 3
# The text of a first message, in protocols in which that is the login.
GREETING = "hello"
# {kind of what is heard: the ledger's name for it}
_SAID = {"MSG": "MSG", "DM": "DM", "SENT": None}


class Broken(Exception):
    """The server broke a promise; equal texts are counted together in Locust's report."""


class Unusable(Exception):
    """The command line cannot be used; the text is a sentence that says why."""


class Gathering:
    """One run of the test against one server."""

    def __init__(self, environment):
        self._environment = environment
        self._options = environment.parsed_options
        self._address = parse_host(environment.host or DEFAULT_HOST)
        self._accounts = None  # the accounts that are not in use, once one is needed
        # Marks this run's names and messages, so that several Locust processes can share a server.
        first, *others = uuid.uuid4().bytes[:BEGINNING]
        self._run = ALPHABET[first % LETTERS] + "".join(ALPHABET[byte % len(ALPHABET)] for byte in others)
        self.ledger = Ledger(self._run)
        self.failures = 0
        self.finished = False
        self._unexpected = {}  # kind -> what the report shows of it
        self._guests = []
        self._logins = 0

    def invite(self, guest_class, codec_class):
        """A new guest of this class, logged in, or None: then the reason has been reported."""
        who = self._account() if codec_class.needs_account else (self._new_name(), "")
        if who is None:
            return None
        guest = guest_class(self, codec_class, *who)
        try:
            guest.enter()
        except (OSError, NoAnswer, Refused):
            return None
        self._guests.append(guest)
        return guest

    def _new_name(self):
        self._logins += 1
        return "%s-%s" % (self._run, _spelled(self._logins))

    def _account(self):
        """The next account that is not in use, as (name, password); None if there are no more."""
        if self._accounts is None:
            self._accounts = accounts(self._options)
        if not self._accounts:
            logger.warning("one user stays out, as there is no account left for it")
            return None
        return self._accounts.pop(0)

    def address(self, codec):
        """Where this protocol is served: `line` at --host, the others at the same host and a port of their own."""
        host, port = self._address
        option = codec.port_option or codec.wire.NAME
        return host, port if option == "line" else int(getattr(self._options, option + "_port"))

    def partners(self, guest):
        """The names of all others who talk, without silent guests, which the server may disconnect at any moment."""
        return [other.name for other in self._guests if other.talks and other.here and other is not guest]

    def report(self, protocol, name, seconds=None, error=None):
        """One line of Locust's statistics: a time, or a failure, or both."""
        if error is not None:
            self.failures += 1
        self._environment.events.request.fire(
            request_type=protocol,
            name=name,
            response_time=None if seconds is None else seconds * 1000,
            response_length=0,
            exception=error,
            context={},
        )

    def timed(self, protocol, name, action, *arguments):
        """Call an action, report how long it took or how it failed, and return its result; raises what it raises."""
        start = time.monotonic()
        try:
            result = action(*arguments)
        except (OSError, NoAnswer, Refused, Broken) as error:
            self.report(protocol, name, time.monotonic() - start, error)
            raise
        self.report(protocol, name, time.monotonic() - start)
        return result

    def unexpected(self, heard):
        """The text for an unsolicited line: the first few of a kind get their own, all others a common one."""
        text = "%s %s" % (heard.kind, brief(heard.text))
        seen = self._unexpected.setdefault(heard.kind, set())
        if len(seen) < LINES_SHOWN:
            seen.add(text)
        return text if text in seen else "%s and some other text" % heard.kind

    def finish(self):
        """All users have stopped sending: wait for what is under way, judge the run and close the connections."""
        if not self.finished:
            self.finished = True
            self._drain()
            self._judge()
            for guest in self._guests:
                guest.close()

    def _drain(self):
        """Wait, at most DRAIN_TIMEOUT, until all guests have heard what they are owed; then a moment for duplicates."""
        start = asked = time.monotonic()
        self._ping_everybody()
        while not self.ledger.complete() and time.monotonic() < start + DRAIN_TIMEOUT:
            gevent.sleep(0.1)
            if time.monotonic() > asked + 1:  # or a short idle timeout would disconnect guests that wait
                asked = time.monotonic()
                self._ping_everybody()
        gevent.sleep(LATE_DOUBLE)
        self._ping_everybody()

    def _ping_everybody(self):
        """Ping from all guests: after the answers, the server has read all that was sent."""
        gevent.joinall([gevent.spawn(guest.flush) for guest in self._guests if guest.here])

    def _judge(self):
        findings = self.ledger.verdict()
        for kind, found in by_kind(findings).items():
            for finding in found[:FINDINGS_SHOWN]:
                logger.error("%s: %s", kind, finding.text)
            if len(found) > FINDINGS_SHOWN:
                logger.error("%s: %d more", kind, len(found) - FINDINGS_SHOWN)
        examples = {}  # {(row, kind): the first finding}: Locust counts errors with the same text together
        spoken = {guest.name: guest.protocol for guest in self._guests}
        for finding in findings:
            where = _where(finding.message, spoken)
            example = examples.setdefault((where, finding.kind), finding)
            self.report(*where, error=Broken("%s, as here: %s" % (finding.kind, example.text)))
        if not self.ledger.deliveries:
            self.report("line", "MSG delivery", error=Broken("no message was delivered, so nothing was checked"))
        logger.info("checked %d deliveries: %d findings", self.ledger.deliveries, len(findings))



def _where(message, spoken):
    """The (protocol, name) of the requests that a message belongs to; `spoken` has each one's protocol."""
    if message is None:  # it belongs to no message
        return "line", "MSG delivery"
    return spoken.get(message.sender, "line"), "MSG delivery" if message.target is LOBBY else "DM delivery"


class Guest:
    """One logged-in connection: sends for its user, tells the ledger and Locust what it hears."""

    talks = True

    def __init__(self, gathering, codec_class, name, password=""):
        self.name = name
        self.here = False
        self._gathering = gathering
        self._ledger = gathering.ledger
        self._codec = codec_class(name, password, self._ledger.knows)
        self._connection = None

    @property
    def protocol(self):
        return self._codec.wire.NAME

    def enter(self):
        """Connect and log in; each is a request of its own, so that a refused connect shows as one."""
        self._ledger.arriving(self.name)  # in some protocols, clients listen before they have a name
        self._connection = self._timed("CONNECT", self._connect)
        try:
            self._timed("LOGIN", self._connection.login, self._login())
        except (NoAnswer, Refused):
            self._connection.close()
            raise
        self._ledger.arrived(self.name)
        self.here = True

    def say(self, words):
        self._connection.tell(self._codec.say(self._write(LOBBY, words)))

    def whisper(self, target, words):
        self._connection.tell(self._codec.whisper(target, self._write(target, words)))

    def ping(self):
        self._timed("PING", self._connection.ping)

    def who(self):
        self._timed("WHO", self._check_who)

    def flush(self):
        """Wait until the server has read all that this guest sent; a server that does not answer is reported."""
        try:
            self.ping()
        except (NoAnswer, Refused):
            pass  # Reported, and the ledger finds what is missing.

    def leave(self):
        """Leave before the end of the run."""
        self._end()
        self.close()

    def close(self):
        self.here = False
        self._connection.close()

    def on_info(self, text, now):
        """A notice of the server; only the announcement of a disconnection is a failure."""
        if text == "idle-timeout":
            self._report("CONNECT", error=Broken("idle-timeout for a user who was not idle"))

    def on_close(self):
        """The server closed the connection, which it never should while a guest talks."""
        self._report("CONNECT", error=Broken("the server closed the connection"))

    def _connect(self):
        return Connection(
            self._gathering.address(self._codec), self._codec, self._on_heard, self._on_end, shows_life=self.talks)

    def _login(self):
        """The bytes of the login; in some protocols that is the first text, which the others hear."""
        return self._codec.say(self._write(LOBBY, GREETING)) if self._codec.enters_by_talking else self._codec.login()

    def _report(self, *arguments, **error):
        self._gathering.report(self.protocol, *arguments, **error)

    def _timed(self, *arguments):
        return self._gathering.timed(self.protocol, *arguments)

    def _write(self, target, words):
        return self._ledger.write(self.name, target, words, time.monotonic()).body

    def _check_who(self):
        names = self._connection.who()
        if self.name not in names:
            raise Broken("WHO does not list the user who asks")
        if len(names) != len(set(names)):
            raise Broken("WHO lists a user twice")

    def _on_heard(self, heard, now):
        if heard.kind in _SAID:
            message = self._ledger.hear(self.name, _SAID[heard.kind], heard.sender, heard.text)
            if message is not None:
                name = "MSG delivery" if message.target is LOBBY else "DM delivery"
                self._report(name, now - message.sent)
        elif heard.kind == "INFO":
            self.on_info(heard.text, now)
        elif not self._is_excusable(heard):
            self._report("unexpected line", error=Broken(self._gathering.unexpected(heard)))

    def _is_excusable(self, heard):
        """Whether this is the refusal of a direct message to a user who has just left."""
        return self._ledger.departures and (heard.kind, heard.text) == ("ERR", self._codec.nobody)

    def _on_end(self):
        self._end()
        self.on_close()

    def _end(self):
        if self.here:
            self.here = False
            self._ledger.left(self.name)


class SilentGuest(Guest):
    """Logs in and sends nothing, not even answers to pings: the server has to end it when the idle limit is over."""

    talks = False

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.silent_since = None
        self.told = False
        self.closed = None
        self.ended = Event()

    def enter(self):
        self.silent_since = time.monotonic()
        super().enter()

    def silence(self):
        """Seconds since the guest connected, until the server closed or until now."""
        return (self.closed or time.monotonic()) - self.silent_since

    def flush(self):
        """Nothing was sent, and a PING would end the silence."""

    def on_info(self, text, now):
        if text == "idle-timeout":
            self.told = True

    def on_close(self):
        self.closed = time.monotonic()
        self.ended.set()


def parse_host(host):
    """`tcp://127.0.0.1:4000`, `[::1]:4000` or a bare name as an address for `socket`; the default port is 4000.

    Unusable if it is none of these.
    """
    try:
        parts = urlsplit(host if "://" in host else "tcp://" + host)
        name, port = parts.hostname, parts.port
    except ValueError:
        name = port = None
    if not name or port == 0:
        raise Unusable("--host %s: this is no address such as %s" % (host, DEFAULT_HOST))
    return name, port or 4000


def accounts(options):
    """The (name, password) pairs of the users file; Unusable if it has none."""
    path = options.users_file or DEFAULT_USERS_FILE
    try:
        with open(path, encoding="utf-8") as file:
            return [(user["username"], user["password"]) for user in json.load(file)["users"]]
    except OSError as error:
        raise Unusable("--users-file %s: %s" % (path, error.strerror)) from None
    except (ValueError, LookupError, TypeError):
        raise Unusable("--users-file %s: this is no users file such as examples/users.json" % path) from None


def _spelled(number):
    """A number in letters that cannot be mistaken for each other."""
    digits = ""
    while number:
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
