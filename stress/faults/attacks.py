"""Attacks on a server while bystanders talk: floods, and requests that are expensive to answer.

Each attack runs in a process of its own with a low priority, as the CPU time of the attackers is not what is measured.
Each checks that it had the effect that it should have: otherwise the test would show nothing.
"""
import collections
import contextlib
import itertools
import multiprocessing
import os
import selectors
import socket
import ssl
import struct
import time

from parley.conformance.targets import PROTOCOLS
from stress import framed
from stress.proofs import Violation, demand

SECONDS = 60.0  # the timeout of each wait
CHUNK = 1 << 18
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
POLL_EVERY = 0.1  # seconds
READ_EVERY = 0.01
READ_AT_ONCE = (4 << 20) // 100  # which makes 4 MiB a second
GIVES_WAY = 19  # nice
LASTS = 8.0  # seconds; a shorter attack is repeated until then, so that many pings are measured
FRAME = struct.Struct("!BIII10sI")  # the header of one in `binary`
PATTERN = b"*[a-m]*[n-z]*[0-9]*?"
POLL = b"$%-10d%b$" % (19, b'{"purpose": "poll"}')
MALFORMED = [b"[" * 4090 + b"\n", b'{"request": "passwd", "name": "by0", "secret": 3}\n', b"\xff" * 5000,
             b'{"request": ["status"]}\n', b"3\n"]

Target = collections.namedtuple("Target", "server tls control")
Target.__doc__ = """tls: the address of `line` over TLS. control: the path of the control socket."""

_fork = multiprocessing.get_context("fork")


@contextlib.contextmanager
def under_way(attack, target):
    """Run the attack during the block, and wait for its end; gives a list, which then has why it failed, or ""."""
    ours, theirs = _fork.Pipe()
    process = _fork.Process(target=_run, args=(theirs, attack, target))
    process.start()
    theirs.close()
    result = []
    try:
        yield result
        result.append(ours.recv())
    finally:
        if not result:
            process.terminate()
        process.join()


def _run(report, attack, target):
    os.setsid()  # with automatic groups (autogroup), Linux shares out CPU time among sessions
    os.nice(GIVES_WAY)
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as file:
        file.write(str(GIVES_WAY))
    until = time.monotonic() + LASTS
    try:
        attack(target)
        while time.monotonic() < until:
            attack(target)
    except (Violation, OSError) as error:
        report.send("the attack failed: %s" % error)
    else:
        report.send("")


# ---- sockets


def connected(address):
    sock = socket.create_connection(address, SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def reset(socks):
    """Close sockets with a TCP reset."""
    for sock in socks:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def exchange(unsent, seconds, is_enough=lambda sock, data: False, again=None):
    """Send what each socket has to send, and read; gives {socket: bytes read}.

    unsent: {socket: bytes}. again: likewise, what is sent every POLL_EVERY seconds. It ends after so many seconds,
    or when each socket has sent everything and `is_enough(sock, data)` was true of something that it received.
    """
    heard, satisfied, until = dict.fromkeys(unsent, 0), set(), time.monotonic() + seconds
    next_time = time.monotonic() if again else until
    with selectors.DefaultSelector() as selector:
        for sock, data in unsent.items():
            sock.setblocking(False)
            selector.register(sock, READ | WRITE, memoryview(data))
        while selector.get_map() and time.monotonic() < until:
            if next_time <= time.monotonic():
                next_time += POLL_EVERY
                _send(again)
            for key, mask in selector.select(max(0.0, min(until, next_time) - time.monotonic())):
                sock, left = key.fileobj, key.data
                try:
                    if mask & WRITE and left:
                        left = left[sock.send(left[:CHUNK]):]
                    data = sock.recv(CHUNK) if mask & READ else None
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                heard[sock] += len(data or b"")
                if data and is_enough(sock, data):
                    satisfied.add(sock)
                if data == b"" or sock in satisfied and not left:
                    selector.unregister(sock)
                else:
                    selector.modify(sock, READ | (WRITE if left else 0), left)
    return heard


def _send(messages):
    for sock, data in messages.items():
        with contextlib.suppress(OSError):  # on a busy machine it may have been disconnected as a slow reader
            sock.send(data)


def members(server, prefix, count):
    """The sockets of so many members of `line`, distributed over all workers."""
    socks = []
    for number in range(count):
        socks.append(connected(server.worker_address(number % server.workers)))
        socks[-1].sendall(b"LOGIN %b%d\n" % (prefix, number))
    for sock in socks:
        demand(sock.recv(3) == b"OK\n", "a member was not let in")
    return socks


class Counting:
    """An `is_enough` for `exchange`: has a socket received `mark` as often as it should? due: {socket: times}."""

    def __init__(self, mark, due):
        self.left = dict(due)
        self._mark = mark
        self._tails = dict.fromkeys(due, b"")

    def __call__(self, sock, data):
        data = self._tails[sock] + data
        self.left[sock] -= data.count(self._mark)
        self._tails[sock] = data[1 - len(self._mark):]
        return self.left[sock] <= 0


# ---- floods


def floods_that_are_reset(target, rounds=6):
    """Twelve connections say 30 000 empty commands each at once, read nothing and are reset within a second."""
    for _ in range(rounds):
        flooders = [connected(target.server.address()) for _ in range(12)]
        for sock in flooders:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.send(b"x\n" * 30000)
        time.sleep(0.7)  # it is the time that is tested
        reset(flooders)


def arrivals_that_are_reset(target, seconds=LASTS):
    """As many connections as possible to the ports of all protocols, each reset at once."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        reset([connected(target.server.address(protocol)) for protocol in PROTOCOLS for _ in range(10)])
        count += 10 * len(PROTOCOLS)
    demand(count > 100, "only %d came", count)


def commands_by_the_thousand(target, rounds=3, seconds=3.0):
    """Forty connections with 64 KiB of commands, and ninety with a packet that is a list of 32 000 numbers."""
    literal = b"[%b]" % b",".join([b"1"] * 32000)
    packet = b"$%-10d%b$" % (len(literal), literal)
    for _ in range(rounds):
        lines = [connected(target.server.address()) for _ in range(40)]
        lists = [connected(target.server.address("dollar")) for _ in range(90)]
        unsent = dict.fromkeys(lines, b"x\n" * 32768)
        unsent.update(dict.fromkeys(lists, packet))
        heard = exchange(unsent, seconds)
        reset(lines + lists)
        demand(all(heard.values()), "somebody had no answer at all")


def long_frames(target, seconds=10.0):
    """A member says a thousand frames of 16 KiB; eight others read as much as 4 MiB a second, and are not ended."""
    server = target.server
    speaker = connected(server.address("binary"))
    speaker.sendall(FRAME.pack(1, 200, 4, 4, b"loud", 0) + b"loud")
    readers = [framed.enter(server, "binary", "reader%d" % number, number % server.workers).sock for number in range(8)]
    unsent = memoryview(1000 * (FRAME.pack(1, 100, 4, 16384, b"loud", 0) + b"x" * 16384))
    for sock in [speaker] + readers:
        sock.setblocking(False)
    heard, due, until = dict.fromkeys(readers, 0), time.monotonic(), time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(BlockingIOError):
            unsent = unsent[speaker.send(unsent[:CHUNK]):]
        for sock in [speaker] + readers:
            with contextlib.suppress(BlockingIOError):
                data = sock.recv(READ_AT_ONCE)
                demand(data, "a reader was ended")
                heard[sock] = heard.get(sock, 0) + len(data)
        due += READ_EVERY
        time.sleep(max(0.0, due - time.monotonic()))  # this is how fast they read
    reset([speaker] + readers)
    demand(min(heard[sock] for sock in readers) > 500000, "they have not heard much")


def whispers_between_new_pairs(target, words=24000, count=220):
    """A direct message of one byte from one member to another, for so many pairs."""
    socks = members(target.server, b"pair", count)
    unsent, due = dict.fromkeys(socks, b""), dict.fromkeys(socks, 0)
    for one, other in itertools.islice(itertools.combinations(range(count), 2), words):
        unsent[socks[one]] += b"DM pair%d x\n" % other
        due[socks[other]] += 1
    counting = Counting(b"DM pair", due)
    exchange(unsent, SECONDS, counting)
    reset(socks)
    demand(max(counting.left.values()) <= 0, "not all were heard")


def messages_at_once(target, rounds=20, seconds=0.4):
    """Twenty connections, one after the other, with 10 900 messages in one send."""
    for number in range(rounds):
        sock = connected(target.server.address())
        exchange({sock: b"LOGIN loud%d\n" % number + b"MSG a\n" * 10900}, seconds)
        reset([sock])


def byte_by_byte(target, seconds=8.0):
    """The same, each byte in a record of its own, over TLS; and then it goes on until the time is over."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    until = time.monotonic() + seconds
    with context.wrap_socket(connected(target.tls)) as sock:
        sock.settimeout(seconds)
        with contextlib.suppress(socket.timeout, ssl.SSLWantWriteError):
            for byte in itertools.chain(b"LOGIN slow\n", itertools.cycle(b"MSG a\n")):
                sock.send(bytes([byte]))
                if time.monotonic() > until:
                    break
        reset([sock])


# ---- requests that are expensive to answer


def everybody_comes_back(target, rounds=4):
    """320 members log in at once, and each asks for the whole history, which is full."""
    for _ in range(rounds):
        socks = members(target.server, b"back", 320)
        counting = Counting(b"END HISTORY ", dict.fromkeys(socks, 1))
        exchange(dict.fromkeys(socks, b"HISTORY 1000\n"), SECONDS, counting)
        reset(socks)
        demand(max(counting.left.values()) <= 0, "somebody got no history")


def a_hostile_operator(target, requests=10000):
    """Malformed requests at the control socket."""
    for number in range(requests):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(SECONDS)
            sock.connect(target.control)
            sock.sendall(MALFORMED[number % len(MALFORMED)])
            demand(b'"error"' in sock.makefile("rb").readline(), "request %d was not refused", number)


def lists_and_polls(target, seconds=12.0):
    """Thirty strangers ask for a list by a pattern 500 times each; 115 members poll every 100 ms."""
    server = target.server
    strangers = [connected(server.address("delimited")) for _ in range(30)]
    unsent = dict.fromkeys(strangers, 500 * (b"\0\1" + len(PATTERN).to_bytes(40, "big") + PATTERN))
    pollers = [_poller(server, b"poll%d" % number) for number in range(115)]
    unsent.update(dict.fromkeys(pollers, b""))
    heard = exchange(unsent, seconds, again=dict.fromkeys(pollers, POLL))
    reset(strangers + pollers)
    demand(all(heard.values()), "somebody had no answer at all")


def _poller(server, name):
    """The socket of a member of `dollar`; its account may exist already."""
    with contextlib.closing(connected(server.address("delimited"))) as founder:
        founder.sendall(b"\0\0" + len(name).to_bytes(40, "big") + name)
        demand(founder.recv(42), "there is no account")
    sock, heard = connected(server.address("dollar")), b""
    while b'"result": true' not in heard:
        login = b'{"purpose": "login", "username": "%b", "password": ""}' % name
        sock.sendall(b"$%-10d%b$" % (len(login), login))
        heard = sock.recv(CHUNK)
        demand(heard, "it was not let in")
    return sock
