"""Uploads reach 100 MB/s or the speed of the disk, in bounded memory of a worker, and hardly delay messages.

The clients that send them are on the same machine, and need as much CPU time as the server does. So talk is also timed
while they send the same to a program that discards it.
"""
import contextlib
import functools
import hashlib
import multiprocessing
import os
import socket
import tempfile
import threading
import time

from parley.conformance.targets import WEB, launch
from parley.server.ipc.aide import POLITENESS
from parley.server.supervisor import control
from stress.files import Sent, ask
from stress.proofs import demand
from stress.proofs.clients import SECONDS, Client
from stress.proofs.processes import keeper_of, resident, worker_of, written
from stress.usage import cpu_seconds
from stress.web import WebClient

SIZE = 25 << 20  # bytes of each of many files
WORDS = 400  # messages that are timed in each measurement
PAUSE = 0.01  # seconds between two messages
MOST_TIMES, MOST_MORE = 2.0, 0.020  # the 99th percentile may be so many times as high, and so many seconds higher
LEAST_SPEED = 100.0  # MB/s of all uploads together, where the disk takes as much
MOST_MEMORY = 64 << 20  # bytes that a worker may grow by
CONFIG = {"limits": {"messages_per_second": 0}, "idle_timeout": 0,
          "files": {"file_bytes": 1 << 32, "guest_bytes": 1 << 40, "all_bytes": 1 << 40, "offers_per_minute": 0,
                    "disk_reserve_percent": 0}}


def prove(say, megabytes=200, uploads=20):
    """Time one large upload; then talk by itself, beside many uploads, and while these go to another program."""
    with tempfile.TemporaryDirectory(prefix="files-") as folder:
        disk, hashing = speeds(folder, megabytes)
        say("the disk takes %.0f MB/s and keeps them; a SHA-256 of as much takes %.0f MB/s" % (disk, hashing))
        config = dict(CONFIG, storage={"directory": os.path.join(folder, "storage")})
        with launch(1, config, protocols=("line", WEB)) as server, WebClient(server.address(WEB), "ann") as ann:
            pids = worker_of(server, 0), keeper_of(server)
            used = [cpu_seconds([pid]) for pid in pids]
            took = alone(server.address(WEB), ann, megabytes << 20)
            used = [(cpu_seconds([pid]) - before) * 1000 / megabytes for pid, before in zip(pids, used)]
            say("one upload of %d MiB: %.0f MB/s; a MiB costs the worker %.2f ms of CPU, the process that keeps files"
                " %.2f ms" % (megabytes, megabytes * 1.048576 / took, *used))
            demand(megabytes * 1.048576 / took > min(LEAST_SPEED, disk), "one upload is slower than that")
            together(server, ann, uploads, say, os.path.join(folder, "storage", "control.sock"), disk)


def speeds(folder, megabytes):
    """(speed of the disk with a flush, speed of SHA-256) in MB/s."""
    block, path = os.urandom(1 << 20), os.path.join(folder, "speed")
    began = time.monotonic()
    with open(path, "wb", 0) as file:
        for _ in range(megabytes):
            file.write(block)
        os.fsync(file.fileno())
    written = time.monotonic() - began
    os.unlink(path)
    began, digest = time.monotonic(), hashlib.sha256()
    for _ in range(megabytes):
        digest.update(block)
    return megabytes * 1.048576 / written, megabytes * 1.048576 / (time.monotonic() - began)


def alone(address, client, size):
    """Seconds from the first byte of an upload until the server has stored all of it."""
    block = os.urandom(1 << 20)
    sent = Sent(client, b"", size=size, sha256="")
    began = time.monotonic()
    status = put(address, sent.file, sent.token, block, size)
    took = time.monotonic() - began
    demand(status == b"201", "an upload was answered %r", status)
    demand(sent.ask(address, "DELETE")[0] == 200, "it could not be deleted")
    return took


def put(address, file, token, block, size):
    """Upload `size` bytes; returns the status of the answer."""
    with socket.create_connection(address, SECONDS) as sock:
        sock.sendall(b"PUT /files/%b HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %b\r\n"
                     b"Content-Length: %d\r\n\r\n" % (file.encode(), token.encode(), size))
        left = size
        while left:
            part = block[:left]
            sock.sendall(part)
            left -= len(part)
        return sock.recv(4096).split(b" ")[1]


def together(server, client, uploads, say, path, disk):
    """Time talk alone, beside `uploads` uploads at once (four from each address), and beside as many downloads.

    path: of the control socket. disk: its speed in MB/s.
    """
    address, worker = server.address(WEB), worker_of(server, 0)
    with Client(server.address(), "lina") as lina:
        quiet = talk(client, lina, WORDS)
        with sink() as elsewhere:
            aside, came, seconds = beside(client, lina, elsewhere, [("", "")] * (uploads * 200), uploads)
        say("talk alone: p50 %.1f ms, p99 %.1f ms; while %d send %.0f MB/s to a program that discards it: p50 %.1f"
            " ms, p99 %.1f ms" % (*quiet, uploads, came * SIZE / seconds / 1e6, *aside))
        before = resident(worker), resident(keeper_of(server))
        senders = [WebClient(address, "sender%d" % number, source="127.0.0.%d" % (2 + number // 4))
                   for number in range(uploads)]
        keys = [(sent.file, sent.token) for sent in (
            Sent(sender, b"", size=SIZE, sha256="") for sender in senders for _ in range(20))]
        demand(None not in [file for file, _ in keys], "an offer was refused")
        most, watching = [0, 0], threading.Event()
        watcher = threading.Thread(target=watch, args=((worker, keeper_of(server)), most, watching))
        watcher.start()
        earlier = taken(path)
        before_that = written(keeper_of(server))
        busy, came, seconds = beside(client, lina, address, keys, uploads, lambda: written(keeper_of(server)))
        speed = (came - before_that) / 1e6 / seconds
        slow = [slower(*both) for both in zip(earlier, taken(path))]
        watching.set()
        watcher.join()
        for sender in senders:
            sender.close()
        file = Sent(client, os.urandom(SIZE))
        demand(file.put(address)[0] == 201, "a file did not come")
        fetched, whole, lasted = beside(client, lina, address, file.file, uploads, work=fetch_all)
    say("while %d upload files of 25 MiB, at %.0f MB/s: p50 %.1f ms, p99 %.1f ms" % (uploads, speed, *busy))
    say("while %d download one, at %.0f MB/s: p50 %.1f ms, p99 %.1f ms" % (
        uploads, whole * SIZE / lasted / 1e6, *fetched))
    say("with uploads storing took more than 5 ms in %.1f %% of all times, a turn of the worker in %.2f %%" % (*slow,))
    grown = [high - low for high, low in zip(most, before)]
    say("the worker grew by %.1f MB, the process that keeps files by %.1f MB" % tuple(one / 1e6 for one in grown))
    demand(speed > min(LEAST_SPEED, disk), "only %.0f MB/s came", speed)
    demand(grown[0] < MOST_MEMORY, "the worker grew by %d bytes", grown[0])
    demand(busy[1] <= min(quiet[1] * MOST_TIMES, quiet[1] + MOST_MORE * 1000), "others waited for %.1f ms", busy[1])


def beside(speaker, hearer, address, keys, at_once, count=None, work=None):
    """(result of `talk`, count() at its end or the number of files, seconds) beside `at_once` uploads, or `work`."""
    over, done = multiprocessing.Event(), multiprocessing.Value("i", 0)
    crowd = multiprocessing.get_context("fork").Process(
        target=work or send_all, args=(address, keys, at_once, over, done))
    crowd.start()
    began = time.monotonic()
    figures = talk(speaker, hearer, WORDS)
    seconds, came = time.monotonic() - began, count() if count else done.value
    over.set()
    crowd.join()
    return figures, came, seconds


@contextlib.contextmanager
def sink():
    """The address of a process that receives uploads and discards them."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(100)
    process = multiprocessing.get_context("fork").Process(target=discard, args=(listener,), daemon=True)
    process.start()
    try:
        yield listener.getsockname()
    finally:
        process.terminate()
        process.join()
        listener.close()


def discard(listener):
    """Receive uploads and discard them; runs in a process of its own, with the priority of the keeper."""
    os.setsid()  # as servers are started: it is what Linux shares its processors out to
    os.nice(POLITENESS)

    def serve(sock):
        with sock:
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(1 << 12)
            left = SIZE - len(head.partition(b"\r\n\r\n")[2])
            while left:
                data = sock.recv(min(left, 1 << 18))
                if not data:
                    return
                left -= len(data)
            sock.sendall(b"HTTP/1.1 201 Created\r\n\r\n")

    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def taken(path):
    """How long commits of the journal and ticks of the workers took: counts as of `counts.Durations`."""
    status = control.ask(path, "status")
    return status["journal"]["commits"]["counts"], status["totals"]["turns"]["counts"]


def slower(earlier, later):
    """The percentage of new entries in these counts that took more than 5 ms."""
    new = {bound: later[bound] - earlier[bound] for bound in later}
    return 100 * sum(count for bound, count in new.items() if float(bound) > 0.005) / max(1, sum(new.values()))


def talk(speaker, hearer, words):
    """(median, 99th percentile) of the milliseconds from a message to a receiver on the same worker."""
    took = []
    for number in range(words):
        began = time.monotonic()
        speaker.ask("say", text="word %d." % number)
        hearer.until("MSG ann word %d." % number)
        took.append((time.monotonic() - began) * 1000)
        time.sleep(PAUSE)
    took.sort()
    return took[len(took) // 2], took[len(took) * 99 // 100]


def send_all(address, keys, at_once, over, done):
    """Upload one file after the other in `at_once` threads, until `over` is set; runs in a process of its own.

    It gives way to the server and to talk, as such clients would be on other machines.
    """
    os.nice(10)
    block = os.urandom(1 << 20)

    def work(own):
        for file, token in own:
            if over.is_set():
                return
            if put(address, file, token, block, SIZE) == b"201":
                with done.get_lock():
                    done.value += 1
                if file:  # it went to the server, not to `sink`
                    ask(address, "DELETE", "/files/" + file, headers={"Authorization": "Bearer " + token})

    per = len(keys) // at_once
    together_in_threads([functools.partial(work, keys[n * per:(n + 1) * per]) for n in range(at_once)])


def fetch_all(address, file, at_once, over, done):
    """Likewise: download a file again and again in `at_once` threads."""
    os.nice(10)

    def work():
        while not over.is_set():
            status, _, body = ask(address, "GET", "/files/%s/a" % file)
            demand(status == 200 and len(body) == SIZE, "a download was answered %d", status)
            with done.get_lock():
                done.value += 1

    together_in_threads([work] * at_once)


def together_in_threads(functions):
    """Call each function in a thread of its own, and wait for all."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def watch(pids, most, over):
    """Note the most memory that each process has, until `over` is set."""
    while not over.wait(0.05):
        for number, pid in enumerate(pids):
            most[number] = max(most[number], resident(pid))
