"""2000 connections that send a byte now and then and five that never read do not disturb a hundred that talk.

The slow senders are in a process of their own. When the server ends one, it connects again, so their number stays.
"""
import contextlib
import itertools
import multiprocessing
import selectors
import socket

from parley.conformance.targets import launch
from stress.proofs import demand
from stress.proofs.clients import Client
from stress.proofs.logins import p99, shown, talk
from stress.proofs.processes import children, resident

TALKERS, STOPPED = 100, 5
LIMITS = {"messages_per_second": 0, "frame_seconds": 10, "stall_seconds": 10}
LONG = 4000  # bytes of a text, so that those who do not read fall behind soon
ALLOWED, SLACK = 1.5, 0.002  # times, and seconds, that the slowest percent may take longer
MOST_GROWTH = STOPPED * (1 << 20) + 2000 * 4096 + (16 << 20)  # bytes

_fork = multiprocessing.get_context("fork")


def prove(say, dribblers=2000, seconds=25.0):
    """Measure how long messages take without and with the slow connections, and the memory that these need."""
    config = {"limits": LIMITS, "idle_timeout": 0}
    with launch(workers=2, config=config) as server, contextlib.ExitStack() as stack:
        talkers = [stack.enter_context(Client(server.worker_address(number % 2), "talker-%d" % number))
                   for number in range(TALKERS)]
        crowd = stack.enter_context(_hearing(talkers[2:]))
        calm = _round(talkers, seconds)
        before = _memory(server)
        for number in range(STOPPED):
            stack.enter_context(Client(server.worker_address(number % 2), "stopped-%d" % number, receive_buffer=4096))
        with dribbling(server.address(), dribblers) as report:
            slow = _round(talkers, seconds)
            growth = _memory(server) - before
        alive = crowd.is_alive()
        log = server.stderr_text()
    say("a message took %s, beside the slow ones %s" % (shown(calm), shown(slow)))
    say("%d dribblers were ended %d times; all processes grew by %.1f MB" % (dribblers, report[0], growth / 1e6))
    demand(alive, "the hundred were disturbed")
    demand(report[0] >= dribblers, "only %d dribblers were ended", report[0])
    demand(log.count("reason=slow-reader") == STOPPED, "those who do not read were not ended: %s", log[-300:])
    demand(p99(slow) <= ALLOWED * p99(calm) + SLACK, "the slow connections delay others")
    demand(growth <= MOST_GROWTH, "the slow ones cost %.1f MB", growth / 1e6)


def _round(talkers, seconds):
    return talk(talkers[0], talkers[1], seconds, every=0.02, padding="x" * LONG)


def _memory(server):
    return sum(resident(pid) for pid in [server.pid, *children(server.pid)])


@contextlib.contextmanager
def _hearing(clients):
    """The clients read during the block, in a process of their own."""
    process = _fork.Process(target=_hear, args=(clients,))
    process.start()
    try:
        yield process
    finally:
        process.terminate()
        process.join()


def _hear(clients):
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.sock.setblocking(False)
            selector.register(client.sock, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if not key.fileobj.recv(1 << 16):
                    return  # `prove` sees that the process has ended


@contextlib.contextmanager
def dribbling(address, connections):
    """Keep so many slow connections open during the block; gives a list, which has the number of ends after it."""
    report = []
    over, here = _fork.Pipe()
    process = _fork.Process(target=_dribble, args=(address, connections, here))
    process.start()
    here.close()
    over.recv()  # all are connected
    try:
        yield report
    finally:
        over.send(None)
        report.append(over.recv())
        process.join()


def _dribble(address, connections, over):
    slow = [_begun(address) for _ in range(connections)]
    over.send(None)
    ended = 0
    for place in itertools.cycle(range(connections)):  # each sends a byte every five seconds
        if over.poll(5.0 / connections):
            break
        try:
            slow[place].send(b"x")
            slow[place].recv(1)
        except BlockingIOError:
            continue
        except OSError:
            pass
        ended += 1
        slow[place].close()
        slow[place] = _begun(address)
    over.send(ended)


def _begun(address):
    sock = socket.create_connection(address)
    sock.setblocking(False)
    sock.send(b"M")
    return sock
