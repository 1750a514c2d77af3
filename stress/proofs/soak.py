"""Thousands of logins and quits: the memory of no process grows with them."""
import contextlib
import os
import tempfile
import time

from parley.conformance.targets import launch
from stress.proofs import demand
from stress.proofs.clients import Client
from stress.proofs.processes import children, descriptors, journal_of, resident, wait_until

ALLOWED = 4096  # bytes in 1 000 cycles: one page, the grain of the measurement


def prove(say, cycles=20000, samples=20):
    """Connect, log in, say something, quit; every second one by a reset.

    What is said goes to the disk: without one the parent keeps it, up to a bound that is far away here. The process
    that writes it is left out, as the database has a cache of 2 MB that fills.
    """
    with contextlib.ExitStack() as stack:
        directory = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")), "storage")
        server = stack.enter_context(launch(2, {"idle_timeout": 0, "storage": {
            "directory": directory, "sync": "system"}}))
        observer = stack.enter_context(Client(server.address(), "observer"))
        processes = {"parent": server.pid}
        processes.update(("process %d" % place, pid) for place, pid in enumerate(
            pid for pid in children(server.pid) if pid != journal_of(server)))
        base = {pid: descriptors(pid) for pid in processes.values()}
        began = time.monotonic()
        memory = {name: [] for name in processes}
        for sample in range(samples):
            for number in range(cycles // samples):
                _cycle(server.address(), observer, "u%d" % (sample * samples + number), reset=number % 2)
            for name, pid in processes.items():
                memory[name].append(resident(pid))
        seconds = time.monotonic() - began
        say("%d cycles in %.1f s (%.2f ms each)" % (cycles, seconds, seconds / cycles * 1000))
        for pid in processes.values():
            wait_until(lambda: descriptors(pid) == base[pid])
        say("descriptors are back to %s" % ", ".join("%d (%s)" % (base[pid], name) for name, pid in processes.items()))
        for name, sizes in memory.items():
            _judge(say, name, sizes[samples // 4:], cycles / samples / 1000)


def _cycle(address, observer, name, reset):
    client = Client(address, name)
    client.say("MSG hello")
    observer.expect("MSG %s hello" % name)
    if reset:
        client.reset()
    else:
        client.close()
    observer.expect("INFO %s disconnected" % name)


def _judge(say, name, sizes, thousands):
    """`sizes` were taken every so many thousand cycles; the first quarter, in which caches fill, is left out."""
    growth = slope(sizes) / thousands
    say("%s: %d KiB of its own at the end, slope %+.0f bytes in 1 000 cycles" % (name, sizes[-1] // 1024, growth))
    demand(growth <= ALLOWED, "the memory of %s grows by %.0f bytes in 1 000 cycles", name, growth)


def slope(values):
    """Least squares: how much each value is above the one before."""
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    distances = [position - middle for position in range(len(values))]
    return sum(d * (v - mean) for d, v in zip(distances, values)) / sum(d * d for d in distances)
