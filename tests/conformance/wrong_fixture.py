"""What the tests of the suite play a scenario with, on a server that is wrong on purpose."""
import contextlib

from parley.conformance.fixture import REPLY_SECONDS, ServerFixture

BRIEF = 1.0  # seconds; nobody has to be patient with a wrong server


@contextlib.contextmanager
def fixture_around(server, target, codec, bugs):
    """A fixture that speaks to `target`: the server, or what stands for it. At the end the server is stopped."""
    try:
        fixture = ServerFixture(target, codec, reply_seconds=BRIEF if bugs else REPLY_SECONDS)
        try:
            yield fixture
        finally:
            fixture.close()
    finally:
        server.stop()
