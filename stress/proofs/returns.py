"""A client that disconnects and reconnects at once gets its name again, every time, in quiet and in busy rooms.

It connects, logs in, reads the answer and closes, and does so again at once under the same name. Nothing tells a client
when its name is free, so it has to be free before anybody can ask for it, on any worker. No limit of the server
interferes: by default the connections of an address are not limited.
"""
import contextlib
import itertools
import multiprocessing
import socket
import struct
import time

from parley.conformance.targets import IRC, WEB, launch
from stress.proofs import demand
from stress.proofs.clients import CHUNK, SECONDS, Client, clients
from stress.web import UPGRADE, asked

WORKERS = (2, 4)
TALKERS = 20
PAUSE = 0.01  # seconds between two words of the load, in turn by its talkers
LOOK_EVERY = 100  # returns after which the observer reads what it has received

# The request for the name; the part of an answer that grants it, and the part of one that refuses it.
_OK_IN_BINARY, _NO_IN_BINARY = struct.pack("!I", 207), struct.pack("!I", 209)
_CONFIRMED = b"\0\6" + bytes(40)
_TEXT = b"[05:55 AM] rapid: hi!"
_LOGIN = b"{'purpose': 'login', 'username': 'rapid', 'password': ''}"
_CREATE = b"\0\0" + (5).to_bytes(40, "big") + b"rapid"
HELLOS = {
    "line": (b"LOGIN rapid\n", b"OK\n", b"ERR "),
    "binary": (struct.pack("!BIII10sI", 1, 200, 5, 5, b"rapid", 0) + b"rapid", _OK_IN_BINARY, _NO_IN_BINARY),
    "padded": (b"%-64d%b" % (len(_TEXT), _TEXT), b"Msg received", b"[ERROR] "),
    "delimited": (b"\0\5" + (5).to_bytes(40, "big") + b"rapid", _CONFIRMED, b"user"),
    "dollar": (b"$%-10d%b$" % (len(_LOGIN), _LOGIN), b"'result': True", b"'result': False"),
    WEB: (UPGRADE + asked("login", name="rapid"), b'"welcome"', b'"no"'),
    IRC: (b"NICK rapid\r\nUSER x 0 * :x\r\nJOIN #lobby\r\n", b" 366 ", b" 433 "),
}
NEED_AN_ACCOUNT = ("delimited", "dollar")

_fork = multiprocessing.get_context("fork")


def prove(say, returns=10000, framed=500):
    """Return `returns` times in `line`, and `framed` times in each other protocol; all with and without load."""
    for workers, busy in itertools.product(WORKERS, (False, True)):
        for protocol in HELLOS:
            count = returns if protocol == "line" else framed
            with launch(workers, protocols=tuple(HELLOS)) as server, contextlib.ExitStack() as stack:
                if busy:
                    stack.enter_context(load(server))
                seconds = come_back(server, protocol, count)
            say("%s, %d workers, %s: %d returns, 0 refused, %.2f ms each" % (
                protocol, workers, "busy" if busy else "quiet", count, 1000 * seconds / count))


def come_back(server, protocol, count):
    """Return `count` times; each must be granted, and each end announced once. Returns the seconds that it took."""
    address, ends = server.address(protocol), 0
    with Client(server.address(), "observer") as observer:
        if protocol in NEED_AN_ACCOUNT:
            with socket.create_connection(server.address("delimited"), SECONDS) as founder:
                founder.sendall(_CREATE)
                ends -= _granted(founder, _CONFIRMED, b"user")  # or there is one already
        began = time.monotonic()
        for number in range(count):
            demand(_return(address, *HELLOS[protocol]), "%s: return %d was refused", protocol, number)
            if number % LOOK_EVERY == 0:
                ends += observer.heard().count(b"INFO rapid disconnected")
        seconds = time.monotonic() - began
        while ends < count:
            ends += observer.until("INFO rapid disconnected").count(b"INFO rapid disconnected") + 1
        demand(observer.heard().count(b"INFO rapid disconnected") == 0, "somebody left twice")
    return seconds


def _return(address, hello, granted, refused):
    """Connect, ask for the name, read the answer, close; returns whether the name was granted."""
    with socket.create_connection(address, SECONDS) as sock:
        sock.sendall(hello)
        return _granted(sock, granted, refused)


def _granted(sock, granted, refused):
    """Whether the name is granted; False if it is refused, or the connection ends."""
    heard = b""
    while granted not in heard:
        data = sock.recv(CHUNK)
        heard += data
        if not data or refused in heard:
            return False
    return True


@contextlib.contextmanager
def load(server):
    """Other clients talk during the block, in a process of their own."""
    over, ours = _fork.Pipe()
    process = _fork.Process(target=_talk, args=(server, ours))
    process.start()
    ours.close()
    try:
        over.recv()
        yield
    finally:
        over.send(None)
        process.join()


def _talk(server, over):
    names = ["talker-%d" % number for number in range(TALKERS)]
    addresses = [server.worker_address(slot) for slot in range(server.workers)]
    with clients(addresses, names) as talkers:
        over.send(None)
        for number in itertools.count():
            if over.poll(PAUSE):
                return
            talker = talkers[number % TALKERS]
            talker.say("MSG %d" % number)
            talker.heard()
