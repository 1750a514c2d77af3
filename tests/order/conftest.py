"""A Redis of the tests' own."""
import pytest
from redis_servers import RedisServer


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A server that answers."""
    pytest.importorskip("redis", reason="the package redis is not installed (pip install redis)")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        yield server.start()
    finally:
        server.kill()
