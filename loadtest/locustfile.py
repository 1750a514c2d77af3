"""Locust load test of a chat server that speaks `line`.

    locust -f loadtest/ --headless -u 20 -r 20 -t 30s --host tcp://127.0.0.1:4000

Talkers log in, talk, whisper, ask who is there and ping; one silent user checks the idle timeout. Every delivery is
checked, and anything lost, doubled, reordered or otherwise wrong is a failure in the report and ends Locust with 1.
"""
import logging
import os
import random
import sys

from gevent import GreenletExit
from locust import User, between, events, task
from locust.exception import StopUser
from locust.runners import STATE_RUNNING, STATE_SPAWNING, LocalRunner, MasterRunner

# Locust has only this file's own directory on the path, and only while it loads this file.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from loadtest._connection import NoAnswer
from loadtest._gathering import DEFAULT_HOST, Broken, Gathering, Guest, SilentGuest
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
        help="The server's idle timeout in seconds (default 60)",
    )


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

    host = DEFAULT_HOST
    wait_time = between(0.1, 0.5)
    guest = None

    def on_start(self):
        self.guest = self.environment.gathering.invite(Guest)
        if self.guest is None:
            raise StopUser

    def on_stop(self):
        """At the end of the run the guest stays, to hear what is under way; before that, it leaves with its user."""
        if self.guest is not None and is_running(self.environment):
            self.guest.leave()

    @task(10)
    def say(self):
        self._guest().say(random.choice(WORDS))

    @task(4)
    def whisper(self):
        partners = self.environment.gathering.partners(self._guest())
        if partners:
            self.guest.whisper(random.choice(partners), random.choice(WORDS))

    @task(2)
    def who(self):
        self._ask(self._guest().who)

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
        except (NoAnswer, Broken):
            pass  # Reported already.


class SilentUser(User):
    """One of all users: logs in, says nothing, and has to be sent away when the idle limit is over. Then once more."""

    host = DEFAULT_HOST
    fixed_count = 1
    wait_time = between(0.1, 0.5)
    checked = False

    @task
    def stay_silent(self):
        guest = self.environment.gathering.invite(SilentGuest)
        if guest is None:
            raise StopUser
        limit = float(self.environment.parsed_options.idle_limit)
        try:
            guest.ended.wait(latest_end(limit) - guest.silence())
        except GreenletExit:
            if not self.checked:
                text = "idle-timeout check skipped: the run ended %.1f s into a limit of %g s"
                logger.info(text, guest.silence(), limit)
            raise
        self.checked = True
        fault = fault_of_end(limit, guest.silence(), guest.told, guest.closed is not None)
        self.environment.gathering.report("idle-timeout", guest.silence(), fault and Broken(fault))
        guest.leave()
