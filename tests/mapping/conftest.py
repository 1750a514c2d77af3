"""A real server, and one client of each protocol in its room."""
import contextlib

import pytest
from real import ACCOUNTS, ACTORS, PASSWORD, PATIENCE, Actor

from parley.conformance import targets


@pytest.fixture(scope="session")
def server():
    """With two workers, of which every other actor is on the other one."""
    users = dict.fromkeys([ACTORS["dollar"], ACTORS["dollar-json"]] + ACCOUNTS, PASSWORD)
    config = {"limits": {"messages_per_second": 0}, "idle_timeout": 0}  # a test may take long
    protocols = (*targets.PROTOCOLS, targets.WEB, targets.IRC)
    with targets.launch(2, config, protocols=protocols, users=users, seconds=PATIENCE) as server:
        yield server
        assert (server.stop(PATIENCE), "Traceback" in server.stderr_text()) == (0, False), server.stderr_text()


@pytest.fixture(scope="session")
def everybody(server):
    """{form: Actor}, all in the room."""
    with contextlib.ExitStack() as stack:
        actors = {}
        for number, (form, name) in enumerate(ACTORS.items()):
            actors[form] = stack.enter_context(Actor(server, form, name, worker=number % 2))
            actors[form].enter(PASSWORD)
        yield actors


@pytest.fixture
def actors(everybody):
    """Everybody, having heard nothing yet."""
    settle(everybody)
    return everybody


def settle(actors):
    """Until everybody has heard all there was to hear.

    The others may have heard what one has said before that one has heard that it was taken. Of what is said next it
    hears only behind that answer.
    """
    for form, actor in actors.items():
        actor.say(("everybody? said %s" % form).encode())
    for form, actor in actors.items():
        for other in actors:
            if other != form:
                actor.wait_for(lambda event: event.text == "everybody? said %s" % other)
    actors["line"].say(b"then listen")  # to line, nothing is answered
    for form, actor in actors.items():
        if form != "line":
            actor.wait_for(lambda event: event.text == "then listen")
    for actor in actors.values():
        actor.forget()
