"""Locust load test of a chat server that speaks `line`, and other protocols in the same room.

    locust -f loadtest/ --headless -u 20 -r 20 -t 30s --host tcp://127.0.0.1:4000 [--protocols line,binary]

Users log in, talk, whisper, ask who is there and ping, as far as their protocol lets them; silent users of `line` and
`web` check the idle timeout. Every delivery is checked, whatever the protocols of the two, and anything lost, doubled,
reordered or otherwise wrong is a failure in the report and ends Locust with 1.
"""
import logging
import os
import random
import sys

from gevent import GreenletExit, get_hub
from locust import User, between, events, task
from locust.exception import StopUser
from locust.runners import STATE_RUNNING, STATE_SPAWNING, LocalRunner, MasterRunner

# Locust has only this file's own directory on the path, and only while it loads this file.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from loadtest._codecs import CODECS
from loadtest._connection import NoAnswer, Refused
from loadtest._gathering import DEFAULT_HOST, Broken, Gathering, Guest, SilentGuest, Unusable, accounts, parse_host
from loadtest._idle import fault_of_end, latest_end

logger = logging.getLogger("loadtest")

# Inner spaces and letters of more than one byte have to arrive as they were sent.
WORDS = ("hello everybody", "two  spaces", "gr\u00fc\u00dfe aus k\u00f6ln", "\u4f60\u597d", "\U0001f44b", "x" * 300)


@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument(
        "--idle-limit",
        type=float,
        default=60,
        env_var="LOCUST_IDLE_LIMIT",
        help="The idle timeout of line in seconds (default 60)",
    )
    parser.add_argument(
        "--web-idle-limit",
        type=float,
        default=75,
        env_var="LOCUST_WEB_IDLE_LIMIT",
        help="Seconds after which a client of web that answers no pings is disconnected (default 75)",
    )
    parser.add_argument(
        "--protocols",
        default="line",
        env_var="LOCUST_PROTOCOLS",
        help="Which protocols have users, with commas between, or all (default line)",
    )
    for codec in CODECS.values():
        if codec.wire.NAME != "line":
            option = codec.port_option or codec.wire.NAME
            parser.add_argument(
                "--%s-port" % option,
                type=int,
                default=codec.port,
                env_var="LOCUST_%s_PORT" % option.upper(),
                help="Port of %s, at the same host as line (default %d)" % (codec.wire.NAME, codec.port),
            )
    parser.add_argument(
        "--users-file",
        env_var="LOCUST_USERS_FILE",
        help="The accounts that dollar's users have, as the server's --users (default examples/users.json)",
    )


@events.init.add_listener
def choose_users(environment, **kwargs):
    """Only those of the protocols that were asked for, unless user classes are named on the command line."""
    options = environment.parsed_options
    if options.user_classes:
        chosen = list(environment.user_classes)
    else:
        names = list(CODECS) if options.protocols == "all" else options.protocols.split(",")
        unknown = set(names) - set(CODECS)
        if unknown:
            sys.exit("locust: --protocols: no such protocol: %s; there are %s"
                     % (", ".join(sorted(unknown)), ", ".join(CODECS)))
        chosen = [user for user in environment.user_classes if user.codec.wire.NAME in names]
        environment.user_classes = chosen
    try:
        parse_host(environment.host or DEFAULT_HOST)  # here, or the run begins without it
        if DollarUser in chosen:
            DollarUser.fixed_count = len(accounts(options))
    except Unusable as unusable:
        sys.exit("locust: %s" % unusable)


@events.init.add_listener
def wind_the_clock(environment, **kwargs):
    """Update gevent's clock: it counts timers from when its loop last ran, so a slow start would shorten the run."""
    get_hub().loop.update_now()


@events.test_start.add_listener
def open_gathering(environment, **kwargs):
    environment.gathering = Gathering(environment)


@events.test_stop.add_listener
def judge(environment, **kwargs):
    """All users are stopped by now, their connections are not."""
    if not isinstance(environment.runner, MasterRunner):
        environment.gathering.finish()


@events.quitting.add_listener
def set_exit_code(environment, **kwargs):
    """Any failure ends Locust with 1, whatever this version's --exit-code-on-error does."""
    # Interrupted runs come here first and would be judged only after the exit code has been chosen.
    if isinstance(environment.runner, LocalRunner):
        environment.runner.stop()
    gathering = getattr(environment, "gathering", None)
    if environment.stats.total.num_failures or (gathering and gathering.failures):
        environment.process_exit_code = 1


def is_running(environment):
    return environment.runner.state in (STATE_SPAWNING, STATE_RUNNING)


class Talker(User):
    """Talks a few times a second, far below the rate at which a server may slow a client down."""

    abstract = True
    host = DEFAULT_HOST
    wait_time = between(0.1, 0.5)
    codec = None
    guest = None

    def on_start(self):
        self.guest = self.environment.gathering.invite(Guest, self.codec)
        if self.guest is None:
            raise StopUser

    def on_stop(self):
        """At the end of the run the guest stays, to hear what is under way; before that, it leaves with its user."""
        if self.guest is not None and is_running(self.environment):
            self.guest.leave()

    @task(10)
    def say(self):
        self._guest().say(random.choice(WORDS))

    @task(2)
    def ping(self):
        self._ask(self._guest().ping)

    def _guest(self):
        """The guest, as long as the server has not closed its connection; without it this user has nothing to do."""
        if not self.guest.here:
            raise StopUser
        return self.guest

    def _ask(self, question):
        try:
            question()
        except (NoAnswer, Refused, Broken):
            pass  # Reported already.


class Asker(Talker):
    """Also asks who is here."""

    abstract = True

    @task(2)
    def who(self):
        self._ask(self._guest().who)


class Whisperer(Asker):
    """Also sends direct messages."""

    abstract = True

    @task(4)
    def whisper(self):
        partners = self.environment.gathering.partners(self._guest())
        if partners:
            self.guest.whisper(random.choice(partners), random.choice(WORDS))


class LineUser(Whisperer):
    codec = CODECS["line"]


class BinaryUser(Asker):
    codec = CODECS["binary"]


class PaddedUser(Talker):
    codec = CODECS["padded"]


class DelimitedUser(Whisperer):
    codec = CODECS["delimited"]


class DollarUser(Whisperer):
    """As many users as there are accounts."""

    codec = CODECS["dollar"]


class WebUser(Whisperer):
    codec = CODECS["web"]


class IrcUser(Whisperer):
    codec = CODECS["irc"]


class Silent(User):
    """Logs in and says nothing, and must be disconnected after the idle limit; again and again. One of all users."""

    abstract = True
    host = DEFAULT_HOST
    codec = None
    fixed_count = 1
    wait_time = between(0.1, 0.5)
    checked = False

    def limit(self):
        """Seconds of silence."""
        raise NotImplementedError

    @task
    def stay_silent(self):
        guest = self.environment.gathering.invite(SilentGuest, self.codec)
        if guest is None:
            raise StopUser
        limit = float(self.limit())
        try:
            guest.ended.wait(latest_end(limit) - guest.silence())
        except GreenletExit:
            if not self.checked:
                text = "idle-timeout check skipped in %s: the run ended %.1f s into a limit of %g s"
                logger.info(text, guest.protocol, guest.silence(), limit)
            raise
        self.checked = True
        fault = fault_of_end(limit, guest.silence(), guest.told, guest.closed is not None)
        self.environment.gathering.report(guest.protocol, "idle-timeout", guest.silence(), fault and Broken(fault))
        guest.leave()


class SilentUser(Silent):
    codec = CODECS["line"]

    def limit(self):
        return self.environment.parsed_options.idle_limit


class SilentWebUser(Silent):
    """It does not answer pings either."""

    codec = CODECS["web"]

    def limit(self):
        return self.environment.parsed_options.web_idle_limit
