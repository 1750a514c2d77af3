"""What the processes of a server use, as the kernel counts it. Needs Linux's /proc."""
import contextlib
import time

from stress.proofs.processes import children


def family(pid):
    """A process and all that descend from it."""
    return [pid, *(descendant for child in children(pid) for descendant in family(child))]


def cpu_seconds(pids):
    """User and system time of all their threads, those that have ended too.

    It is the sum of utime and stime in /proc/PID/stat, but in nanoseconds, not hundredths of a second: each process has
    a clock of it, whose number is made of its pid (clock_getcpuclockid in C).
    """
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def memory(pids):
    """Bytes of memory in use (PSS: what several processes share is shared out among them)."""
    return sum(_pss(pid) for pid in pids)


def _pss(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))


def busy_seconds():
    """CPU time that everything on this machine has used."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / 100


@contextlib.contextmanager
def spent(pids):
    """A list that at the end of the block has the CPU seconds which the processes have used in it."""
    result, before = [], cpu_seconds(pids)
    yield result
    result.append(cpu_seconds(pids) - before)
