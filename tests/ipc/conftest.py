"""A queue in one process."""
import pytest
from queue_ends import two_ends


@pytest.fixture
def ends():
    """Both ends of a queue: writing, reading."""
    writing, reading = two_ends()
    yield writing, reading
    writing.close()
    reading.close()
