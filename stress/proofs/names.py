"""The same name, claimed at the same moment on two workers: exactly one gets it, every time.

Then the winner leaves, an observer hears so once, and the name is up again.
"""
import time

from parley.conformance.targets import launch
from stress.proofs import demand
from stress.proofs.clients import Client

OBSERVED = 500  # rounds after which the observer asks whether there is more


def prove(say, rounds=10000):
    """Run the rounds on a server of its own."""
    with launch(workers=2) as server:
        began = time.monotonic()
        won = duel(server, rounds)
        seconds = time.monotonic() - began
        say("%d rounds in %.1f s (%.2f ms each), exactly one OK in each" % (rounds, seconds, seconds / rounds * 1000))
        say("worker 0 won %d, worker 1 won %d" % tuple(won))


def duel(server, rounds):
    """How many rounds were won on each of two workers."""
    won = [0, 0]
    with Client(server.worker_address(0), "observer") as observer:
        for number in range(rounds):
            rivals = [Client(server.worker_address(slot)) for slot in (0, 1)]
            for rival in rivals[::-1 if number % 2 else 1]:
                rival.say("LOGIN duke")
            answers = [rival.line() for rival in rivals]
            demand(sorted(answers) == [b"ERR username-taken", b"OK"], "round %d: the answers were %r", number, answers)
            won[answers.index(b"OK")] += 1
            for rival in rivals:
                rival.close()
            observer.expect("INFO duke disconnected")
            _stay(observer, number)
        demand(not observer.heard(), "somebody left twice")
    return won


def relay(server, rounds):
    """A name goes from hand to hand between two workers: freed by a close, taken again as soon as it is free.

    The seconds that each hand-over took.
    """
    took = []
    with Client(server.worker_address(0), "observer") as observer:
        holder = Client(server.worker_address(0), "baton")
        for number in range(rounds):
            successor = Client(server.worker_address((number + 1) % 2))
            began = time.monotonic()
            holder.close()
            take(successor, "baton")
            took.append(time.monotonic() - began)
            holder = successor
            observer.expect("INFO baton disconnected")
            _stay(observer, number)
        demand(not observer.heard(), "somebody left twice")
        holder.close()
    return took


def _stay(observer, number):
    """Say something now and then, or be idle: on a busy machine the rounds take longer than silence may."""
    if number % OBSERVED == 0:
        demand(not observer.heard(), "somebody left twice")


def take(stranger, name, seconds=30.0):
    """Claim `name` again and again until it is free."""
    deadline = time.monotonic() + seconds
    while True:
        stranger.say("LOGIN " + name)
        answer = stranger.line()
        if answer == b"OK":
            stranger.name = name
            return
        demand(answer == b"ERR username-taken", "the answer to LOGIN was %r", answer)
        demand(time.monotonic() < deadline, "%r is not free after %g s", name, seconds)
