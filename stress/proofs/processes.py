"""What the kernel says about the processes of a server. Needs Linux's /proc."""
import contextlib
import os
import time

LISTENING = "0A"  # in /proc/net/tcp


def wait_until(condition, seconds=30.0, every=0.01):
    """The first true value of `condition()`; AssertionError if there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("not within %g s" % seconds)
        time.sleep(every)


def is_running(pid):
    """Whether there is such a process, zombies not counted."""
    with contextlib.suppress(OSError):
        return _stat(pid)[0] not in "ZX"
    return False


def children(pid):
    """The pids of its living children, in order of age."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):  # it has just gone
            if entry.isdigit() and int(_stat(entry)[1]) == pid and is_running(entry):
                found.append(int(entry))
    return sorted(found)


def group(pid):
    """The pids of the living processes in the process group `pid`."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and int(_stat(entry)[2]) == pid and is_running(entry):
                found.append(int(entry))
    return found


def _stat(pid):
    """The fields of /proc/PID/stat behind the name: state, parent, group, ..."""
    with open("/proc/%s/stat" % pid) as file:
        return file.read().rpartition(")")[2].split()


def descriptors(pid):
    """How many file descriptors a process has open."""
    return len(os.listdir("/proc/%d/fd" % pid))


def written(pid):
    """Bytes that it has written to files, those for pipes and the terminal included; not to sockets."""
    with open("/proc/%d/io" % pid) as file:
        return int(dict(line.split(": ") for line in file)["wchar"])


def resident(pid):
    """Bytes of memory of its own that are in use, files left out.

    Counted page by page: the numbers in statm and status come from counters of each CPU that may lag by hundreds of
    KiB (Linux 6.2 and later), in which a small leak would not show.
    """
    with open("/proc/%d/smaps_rollup" % pid) as file:
        for line in file:
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) * 1024
    raise LookupError("no memory is accounted for %d" % pid)


def worker_of(server, slot):
    """The pid of the worker that fills `slot`: the one child that holds its private listening socket.

    A successor has it from the moment it is forked.
    """
    inode = _listening_inode(server.worker_address(slot)[1])
    return wait_until(lambda: _sole(pid for pid in children(server.pid) if inode in _opened(pid)))


def journal_of(server, seconds=30.0):
    """The pid of the one child that has a database open."""
    return _holder(server, "/parley.db", seconds)


def keeper_of(server, seconds=30.0):
    """The pid of the one child that has the index of files open."""
    return _holder(server, "/files/index.db", seconds)


def _holder(server, name, seconds):
    return wait_until(lambda: _sole(pid for pid in children(server.pid) if any(
        target.split(" ")[0].endswith(name) for target in _opened(pid))), seconds)


def workers_of(server):
    """The pids of all its workers, in their order.

    Their descriptors can be counted from the start; a process that verifies passwords may still be closing what it has
    inherited when the workers serve.
    """
    return [worker_of(server, slot) for slot in range(server.workers)]


def _sole(found):
    found = list(found)
    return found[0] if len(found) == 1 else None  # a worker that has just been forked holds every socket for a moment


def _listening_inode(port):
    with open("/proc/net/tcp") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                return "socket:[%s]" % fields[9]
    raise LookupError("nobody listens on port %d" % port)


def connected_ports(pid):
    """The ports of 127.0.0.1 and elsewhere to which it has connections over IPv4."""
    with open("/proc/net/tcp") as file:
        fields = [line.split() for line in file.readlines()[1:]]
    opened = _opened(pid)
    return {int(one[2].rpartition(":")[2], 16) for one in fields if "socket:[%s]" % one[9] in opened}


def _opened(pid):
    """What its descriptors refer to."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in os.listdir("/proc/%d/fd" % pid):
            with contextlib.suppress(OSError):
                found.add(os.readlink("/proc/%d/fd/%s" % (pid, entry)))
    return found
