"""Redis or Valkey to test with: a master, a replica and Sentinels, processes of this machine on free ports."""
import contextlib
import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from parley.conformance.targets import end_with_us

# What the process is called decides what it is. Debian's redis-tools has the same program under another name than
# redis-server, and starts no service.
_KNOWN = {"redis-server": ("redis-server", "redis-check-rdb"), "valkey-server": ("valkey-server", "valkey-check-rdb")}
PROGRAMS = {name: found for name, paths in _KNOWN.items() for found in map(shutil.which, reversed(paths)) if found}
MISSING = "there is no redis-server or valkey-server (Debian: apt install redis-tools)"

HOST = "127.0.0.1"
NOWHERE = 1  # a port at which nobody listens
# Of silence, and Sentinel takes a server for dead. It comes back to a server that it has lost once a second, and looks
# around every 100 ms: with less than this it may find the successor dead that it has just put in a dead master's place,
# and let that one come back, with what it had.
DOWN_AFTER_MS = 1200
FAILOVER_TIMEOUT_MS = 2000  # Sentinel begins no second failover within twice this time
SECONDS = 60.0  # a bound against hanging, for all that is waited for
_PORTS = range(20000, 32000)  # below those that Linux gives to whoever wants any, and all of five digits
_ATTEMPTS = 5
_PAUSE = 0.05  # seconds until it is asked again

# Everything that is acknowledged is in the file, and a replica is let in at once.
_SERVER = ("appendonly yes", "appendfsync everysec", 'save ""', "repl-diskless-sync-delay 0",
           "repl-ping-replica-period 1", "stop-writes-on-bgsave-error no")


class EngineError(Exception):
    """An engine did not start, or answers with an error."""


class PortTaken(EngineError):
    """A port that was free has been taken before the engine had it."""


class Connection:
    """A connection to a server or a Sentinel: `connection("PING")` gives the answer, texts as bytes.

    EngineError for an error that it answers, OSError if there is no answer within `seconds`.
    """

    def __init__(self, port, seconds=5.0):
        self._sock = socket.create_connection((HOST, port), seconds)
        self._file = self._sock.makefile("rb")

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(words)] + [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
        self._sock.sendall(b"".join(parts))
        return self._answer()

    def _answer(self):
        kind, rest = self._read_line()
        if kind == b"-":
            raise EngineError(rest.decode())
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return self._file.read(int(rest) + 2)[:-2]

    def _read_line(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the engine has ended the connection")
        return line[:1], line[1:-2]

    def close(self):
        self._file.close()
        self._sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class Server:
    """One process, a server or a Sentinel. It is started again on its port and with its files."""

    def __init__(self, program, directory, name, port, lines, mode=()):
        self.name = name
        self.port = port
        self.is_frozen = False
        folder = os.path.join(directory, name)
        self._command = [program, os.path.join(folder, "conf"), *mode]
        self._log = os.path.join(folder, "log")
        self._process = None
        os.mkdir(folder)
        with open(self._command[1], "w") as file:
            file.write("\n".join(("port %d" % port, "bind " + HOST, "dir " + folder, *lines, "")))
        self.start()

    def start(self, *options):
        """Start it, without waiting."""
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *options], executable=PROGRAMS[self._command[0]], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, preexec_fn=end_with_us)
        self.is_frozen = False

    def wait_until_ready(self):
        """Until it answers; EngineError, or PortTaken, if it has ended."""
        wait_until(lambda: not self.is_alive or self.answers(), "%s does not answer" % self.name)
        if not self.is_alive:
            kind = PortTaken if "in use" in self.log() else EngineError
            raise kind("%s does not start: %s" % (self.name, self.log()[-2000:]))

    def answers(self):
        """Is it there, with its data read?"""
        try:
            return self.ask("PING") == b"PONG"
        except (OSError, EngineError):
            return False

    @property
    def pid(self):
        return self._process.pid

    @property
    def is_alive(self):
        return self._process is not None and self._process.poll() is None

    def ask(self, *words):
        """One command on a connection of its own."""
        with Connection(self.port) as connection:
            return connection(*words)

    def replication(self):
        """{field: value} of INFO replication."""
        lines = self.ask("INFO", "replication").decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def log(self):
        with open(self._log, errors="replace") as file:
            return file.read()

    # ---- what can be done to it

    def kill(self):
        """kill -9."""
        if self.is_alive:
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait()
        self.is_frozen = False

    def freeze(self):
        """SIGSTOP: its connections stay open, and nothing comes."""
        os.kill(self.pid, signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self):
        if self.is_frozen and self.is_alive:
            os.kill(self.pid, signal.SIGCONT)
        self.is_frozen = False


class Engine:
    """Servers `one` and, with `replica`, `two`, its replica at the start; so many Sentinels, who know each other.

    `ask` and `master` work as long as somebody serves.
    """

    master_name = "parley"

    def __init__(self, directory, replica=False, sentinels=0, program=None):
        program = program or next(iter(PROGRAMS), None)
        if program is None:
            raise EngineError(MISSING)
        self._start = functools.partial(Server, program, directory)
        self.servers, self.sentinels = [], []
        try:
            self.servers.append(self._start("one", free_port(), _SERVER))
            if replica:
                self.servers.append(self._start("two", free_port(), (*_SERVER, "replicaof " + self._address_of(0))))
            for one in self.servers:
                one.wait_until_ready()
            self._start_sentinels(sentinels)
            self.wait_until_whole()
        except BaseException:
            self.stop()
            raise

    def _address_of(self, number):
        return "%s %d" % (HOST, self.servers[number].port)

    def _start_sentinels(self, count):
        """Start the Sentinels, and tell them of each other, as discovery takes seconds."""
        ports = [free_port() for _ in range(count)]
        about = [("monitor", "%s %d" % (self._address_of(0), count // 2 + 1)),
                 ("down-after-milliseconds", DOWN_AFTER_MS), ("failover-timeout", FAILOVER_TIMEOUT_MS),
                 *[("known-replica", self._address_of(number)) for number in range(1, len(self.servers))]]
        for number, port in enumerate(ports):
            others = [("known-sentinel", "%s %d %040x" % (HOST, other, place + 1))
                      for place, other in enumerate(ports) if place != number]
            lines = ["sentinel %s %s %s" % (word, self.master_name, value) for word, value in about + others]
            self.sentinels.append(self._start("sentinel%d" % number, port, (
                "sentinel myid %040x" % (number + 1), *lines), ("--sentinel",)))
        for one in self.sentinels:
            one.wait_until_ready()

    def stop(self):
        """End all, by their pids."""
        for server in self.sentinels + self.servers:
            server.kill()

    @property
    def url(self):
        """Of the server that was the master at the start."""
        return "redis://%s:%d/0" % (HOST, self.servers[0].port)

    @property
    def sentinel_addresses(self):
        return ["%s:%d" % (HOST, one.port) for one in self.sentinels]

    # ---- who is what

    def master(self):
        """The server that the Sentinels take for the master, or that is it; None if nobody knows."""
        for sentinel in self.sentinels:
            with contextlib.suppress(OSError, EngineError):
                port = int(sentinel.ask("SENTINEL", "get-master-addr-by-name", self.master_name)[1])
                return next(one for one in self.servers if one.port == port)
        return next((one for one in self.servers if self._role(one) == "master"), None)

    def replica(self):
        """The server that is not the master; None if there is one server."""
        master = self.master()
        return next((one for one in self.servers if one is not master), None)

    @staticmethod
    def _role(server):
        try:
            return server.replication()["role"]
        except (OSError, EngineError, KeyError):
            return None

    def is_whole(self):
        """Does the replica replicate from the master, and do all Sentinels know it?"""
        master = self.master()
        try:
            if master is None or master.replication()["role"] != "master":
                return False
            replicas = [one.replication() for one in self.servers if one is not master]
            return (all(one.get("master_link_status") == "up" and int(one["master_port"]) == master.port
                        for one in replicas)
                    and all(self._is_content(sentinel, master, len(replicas)) for sentinel in self.sentinels))
        except (OSError, EngineError, KeyError):
            return False

    def _is_content(self, sentinel, master, replicas):
        fields = _pairs(sentinel.ask("SENTINEL", "MASTER", self.master_name))
        followers = [_pairs(one) for one in sentinel.ask("SENTINEL", "REPLICAS", self.master_name)]
        return (int(fields["port"]) == master.port and fields["flags"] == "master"
                and int(fields["num-other-sentinels"]) == len(self.sentinels) - 1
                and [one["flags"] for one in followers] == ["slave"] * replicas)

    def wait_until_whole(self):
        wait_until(self.is_whole, "the engine is not whole", every=4 * _PAUSE)

    # ---- what can be done to it

    def cut_replication(self):
        """Make the replica stop replicating, without telling the master. Sentinel repairs this within seconds."""
        self.replica().ask("REPLICAOF", HOST, NOWHERE)

    def mend(self):
        """Restart or resume all dead or frozen servers, as replicas if another one is the master now; waits for that.

        Sentinel would make a replica of it too, but after up to 20 s.
        """
        for sentinel in self.sentinels:
            sentinel.thaw()
        for server in self.servers:
            server.thaw()
        master = self.master() if any(one.is_alive for one in self.servers) else self.servers[0]
        for server in self.servers:
            follows = () if server is master else (HOST, str(master.port))
            if not server.is_alive:
                server.start(*(("--replicaof", *follows) if follows else ()))
                server.wait_until_ready()
            elif follows:
                server.ask("REPLICAOF", *follows)
        self.wait_until_whole()

    def failover(self):
        """A planned one, by Sentinel; waits for it. Sentinel gives up one that takes too long, and is asked again."""
        before = self.master()
        for _ in range(_ATTEMPTS):
            wait_until(lambda: self.master() is not before or self._begins_failover(), "no failover begins")
            with contextlib.suppress(EngineError):
                wait_until(lambda: self.master() is not before, "no failover ends", SECONDS / _ATTEMPTS)
                return
        raise EngineError("no failover ends, of %d" % _ATTEMPTS)

    def _begins_failover(self):
        try:
            return self.sentinels[0].ask("SENTINEL", "FAILOVER", self.master_name) == b"OK"
        except EngineError:  # one is going on, or the replica is not seen as a good one yet
            return False


@contextlib.contextmanager
def started(**options):
    """An `Engine`, in a folder of its own that is removed with it."""
    with tempfile.TemporaryDirectory(prefix="engine-") as directory:
        engine = _started_in(directory, options)
        try:
            yield engine
        finally:
            engine.stop()


def _started_in(directory, options):
    for attempt in range(_ATTEMPTS):
        folder = os.path.join(directory, str(attempt))
        os.mkdir(folder)
        with contextlib.suppress(PortTaken):
            return Engine(folder, **options)
    raise EngineError("of %d times there was no free port" % _ATTEMPTS)


def free_port():
    """A port that is free at the moment, and that the system gives to nobody who asks for any."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind((HOST, port))
            return port
    raise EngineError("no port is free")


def wait_until(condition, trouble, seconds=SECONDS, every=_PAUSE):
    """The first true value of `condition()`; EngineError with `trouble` if there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise EngineError("%s, within %g s" % (trouble, seconds))
        time.sleep(every)


def _pairs(words):
    words = [word.decode() for word in words]
    return dict(zip(words[::2], words[1::2]))
