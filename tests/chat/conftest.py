"""A chat without sockets and without bytes: whoever is spoken to only remembers it."""
import pytest
from hypothesis import HealthCheck, settings

from server.chat.session import Session
from server.protocols.events import Login

# A busy machine is not a failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


class Record:
    """Remembers every call as (method, argument, ...)."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, method):
        return lambda *arguments: self.calls.append((method,) + arguments)

    def drain(self):
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


class Audience(Record):
    """Remembers what is told, without saying to whom: a test has one client per audience."""

    def tell(self, session, happening):
        self.calls.append(happening)

    def enter(self, session):
        self.calls.append("enter")


class Client(Session):
    """A session whose end is remembered among what its client hears."""

    def part(self, reason):
        self.audience.calls.append(("part", reason))


@pytest.fixture
def hub():
    """What sessions ask of it."""
    return Record()


@pytest.fixture
def post():
    """What the register sends."""
    return Record()


@pytest.fixture
def make_client(hub):
    """Makes strangers, numbered from 1; `client.audience.drain()` is what one has heard."""
    numbers = iter(range(1, 1000))
    return lambda: Client(next(numbers), hub, Audience())


@pytest.fixture
def stranger(make_client):
    """A client that has just come."""
    return make_client()


@pytest.fixture
def member(stranger, hub):
    """A client called ann, who has heard her welcome."""
    stranger.hear([Login(b"ann")])
    stranger.welcome(b"ann")
    hub.drain()
    stranger.audience.drain()
    return stranger
