"""An owner can log in while one address sends 100 wrong passwords a second, and two send right ones without end.

Other clients talk undisturbed. The storms are processes of their own and come from 127.0.0.2 and 127.0.0.4, so it needs
Linux, where all of 127.0.0.0/8 is the machine itself.
"""
import collections
import contextlib
import multiprocessing
import selectors
import statistics
import sys
import time

from parley.conformance.targets import launch
from stress.proofs import demand
from stress.proofs.clients import Client

GUESSER, OWNER = "127.0.0.2", "127.0.0.3"
HOARDERS = ("127.0.0.2", "127.0.0.4")
USERS = {"Alice": "the right one", "hoarder": "right too"}
CONFIG = {"limits": {"messages_per_second": 0}, "idle_timeout": 0}
ALLOWED = 0.020  # seconds that the slowest percent may take longer
TIMES = 3  # tries, of which one has to succeed: a delay by the server shows in all of them, one by the machine need not
HOARDED = 40  # sessions of each of two addresses
ITS_TURN = 20.0  # seconds: behind one password of each of two addresses, each of which takes 0.3 s of a free processor
MOST_OPEN = 200  # connections of the storm; with more, the oldest are given up

_fork = multiprocessing.get_context("fork")


def prove(say, seconds=10.0, per_second=100):
    """Measure how long messages take without and with the storms."""
    ours = [sys.executable, "-m", "server"]  # at the real cost of passwords
    with launch(workers=2, config=CONFIG, command=ours, users=USERS) as server, contextlib.ExitStack() as stack:
        speaker, hearer = (
            stack.enter_context(Client(server.worker_address(slot), name)) for slot, name in enumerate(("ann", "bob")))
        for _ in range(TIMES):
            calm = talk(speaker, hearer, seconds)
            with storm(server.address(), per_second) as answers:
                stormy = talk(speaker, hearer, seconds)
                needed = log_in(server.address())
            demand(answers["OK"] == 0, "somebody guessed the password")
            if p99(stormy) <= p99(calm) + ALLOWED:
                break
        with hoard(server.address()) as hoarded:
            crowded = talk(speaker, hearer, seconds)
            waited = [log_in(server.address()) for _ in range(3)]
    say("a message took %s, in the storm %s" % (shown(calm), shown(stormy)))
    say("the right password from elsewhere got in after %.0f ms" % (1000 * needed))
    say("the storm heard: %s" % ", ".join("%d x %s" % (count, word) for word, count in answers.most_common()))
    say("while two addresses with %d sessions each sent the right one again and again, a message took %s" % (
        HOARDED, shown(crowded)))
    say("the owner got in from a third one after %s s" % ", ".join("%.1f" % seconds for seconds in waited))
    say("the two heard: %s" % ", ".join("%d x %s" % (count, word) for word, count in hoarded.most_common()))
    demand(hoarded["OK"] > 0, "nobody there got in")
    demand(max(waited) < ITS_TURN, "the owner had to wait for all of them")
    demand(p99(stormy) <= p99(calm) + ALLOWED, "the storm is felt by others")


def talk(speaker, hearer, seconds, every=0.01, padding=""):
    """Say something every `every` seconds. Returns how long each text took to be heard."""
    latencies = []
    began = due = time.monotonic()
    while due < began + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        said = time.monotonic()
        speaker.say("MSG %f%s" % (due, padding))
        heard = hearer.line()
        while heard.startswith(b"INFO "):
            heard = hearer.line()
        demand(heard == b"MSG %s %f%s" % (speaker.name.encode(), due, padding.encode()), "heard %r", heard[:100])
        latencies.append(time.monotonic() - said)
        due += every
    return latencies


def p99(latencies):
    """The 99th percentile."""
    return sorted(latencies)[int(len(latencies) * 0.99)]


def shown(latencies):
    """Latencies in seconds as a text, in milliseconds."""
    return "%.2f ms (median), %.1f ms (p99)" % (1000 * statistics.median(latencies), 1000 * p99(latencies))


def log_in(address):
    """Seconds that the owner of the account needs to log in, from another address."""
    began = time.monotonic()
    with Client(address, source=OWNER) as owner:
        owner.expect("OK", after="LOGIN Alice " + USERS["Alice"])
    return time.monotonic() - began


def storm(address, per_second):
    """Send wrong passwords during the block; gives a Counter, which has the answers after it."""
    return _meanwhile(_guess, address, per_second)


def hoard(address):
    """Likewise right ones, from two addresses: each client that gets an answer disconnects, and tries again."""
    return _meanwhile(_hoard, address)


@contextlib.contextmanager
def _meanwhile(run, *arguments):
    answers = collections.Counter()
    over, report = _fork.Pipe()
    process = _fork.Process(target=run, args=(*arguments, report))
    process.start()
    report.close()
    try:
        yield answers
    finally:
        over.send(None)
        answers.update(over.recv())
        process.join()


def _guess(address, per_second, report):
    answers = collections.Counter()
    guesses = collections.deque()
    due = time.monotonic()
    while not report.poll(max(0.0, due - time.monotonic())):
        client = Client(address, source=GUESSER)
        client.say("LOGIN Alice wrong-%d" % len(guesses))
        guesses.append(client)
        if len(guesses) > MOST_OPEN:
            answers.update([_answer(guesses.popleft())])
        due += 1 / per_second
    answers.update(map(_answer, guesses))
    report.send(answers)


def _hoard(address, report):
    answers = collections.Counter()

    def knock(source):
        client = Client(address, source=source)
        client.say("LOGIN hoarder " + USERS["hoarder"])
        selector.register(client, selectors.EVENT_READ, source)

    with selectors.DefaultSelector() as selector:
        for source in HOARDED * HOARDERS:
            knock(source)
        while not report.poll():
            for key, _ in selector.select(0.1):
                selector.unregister(key.fileobj)
                answers.update([_answer(key.fileobj)])
                knock(key.data)
    report.send(answers)


def _answer(client):
    with client:
        try:
            return client.line(0.01).decode()
        except AssertionError:
            return "(nothing yet)"
