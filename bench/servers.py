"""The servers that are measured: ours, some as anybody might write them, and well-known ones if they are installed."""
import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from parley.conformance.targets import IRC, PROTOCOLS, ROOT, WEB, launch
from stress.usage import family

START_SECONDS = 15
STOP_SECONDS = 5
WORKERS = 2

# No limits that only a load would meet.
_OURS = {
    "idle_timeout": {"line": 0},
    "limits": {"messages_per_second": 0, "first_command_seconds": 0},
    "accounts": {"accounts_per_address": 0},
    "rooms": {"most": 0},
}

_NGIRCD = """
[Global]
Name = irc.bench.test
Listen = 127.0.0.1
Ports = %(port)d
MotdPhrase = hello
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
"""
_INSPIRCD = """
<server name="irc.bench.test" description="bench" network="bench" id="1AB">
<admin name="a" description="a" email="a@bench.test">
<bind address="127.0.0.1" port="%(port)d" type="clients">
<connect name="all" allow="*" timeout="120" pingfreq="3600" localmax="30000" globalmax="30000" limit="30000"
 hardsendq="268435456" softsendq="268435456" recvq="1048576" threshold="1000000" commandrate="1000000000"
 fakelag="no" resolvehostnames="no" useident="no" useconnectban="no" maxconnwarn="no">
<performance netbuffersize="65536" somaxconn="4096" softlimit="30000" clonesonconnect="no">
<options defaultmodes="n">
<log method="file" type="*" level="default" target="%(directory)s/inspircd.log">
<pid file="%(directory)s/inspircd.pid">
"""
_MOSQUITTO = """
listener %(port)d 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_queued_messages 0
sys_interval 0
"""
_NATS = """
host: 127.0.0.1
port: %(port)d
max_connections: 30000
max_pending: 268435456
write_deadline: "30s"
ping_interval: "1h"
"""
_REDIS = """
bind 127.0.0.1
port %(port)d
save ""
appendonly no
maxclients 20000
client-output-buffer-limit pubsub 0 0 0
tcp-backlog 4096
"""


class Running:
    """A server that has started. pids: of all its processes. address(protocol): (host, port)."""

    def __init__(self, pid, address):
        self.pids = family(pid)
        self.address = address


class Ours:
    """This project's server. stores: with a storage directory? checkout: where the server is, if not here.

    wire: the protocol of the members. heard_in: that of the members that only listen, if it is another one. protocols:
    those that the server serves.
    """

    is_installed = True

    def __init__(self, name="parley", workers=WORKERS, stores=False, checkout=None, wire="line", heard_in=None,
                 at_once=32, protocols=PROTOCOLS):
        self.name = name
        self.at_once = at_once
        self.wires = (wire,)
        self.heard_in = heard_in
        self._workers = workers
        self._stores = stores
        self._protocols = protocols
        self._command = (
            ["env", "--chdir=%s" % checkout, sys.executable, "-m", "parley.server"] if checkout else None)

    @contextlib.contextmanager
    def running(self):
        """Start it; it is stopped at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            options = ("--storage", os.path.join(directory, "storage")) if self._stores else ()
            with launch(self._workers, config=_OURS, args=options, command=self._command,
                        protocols=self._protocols) as server:
                yield Running(server.pid, server.address)


class Other:
    """A server that is not ours.

    command: with %(port)d, %(directory)s and %(config)s, which is a file with the text `config`.
    at_once: how many clients should log in at the same time. library: the module that it is made with.
    """

    heard_in = None

    def __init__(self, name, wire, command, config="", at_once=32, library=None):
        self.name = name
        self.wires = (wire,)
        self.at_once = at_once
        self._library = library
        self._config = config
        # Debian installs servers in directories that only root has in PATH.
        self._program = shutil.which(command[0], path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
        self._command = command

    @property
    def is_installed(self):
        """Whether it can be started here."""
        return self._program is not None and (not self._library or importlib.util.find_spec(self._library) is not None)

    @contextlib.contextmanager
    def running(self):
        """Start it; it is stopped at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            words = {"port": _free_port(), "directory": directory, "config": os.path.join(directory, "config")}
            with open(words["config"], "w") as file:
                file.write(self._config % words)
            with open(os.path.join(directory, "output"), "w+b") as output:
                process = subprocess.Popen(
                    [self._program, *(argument % words for argument in self._command[1:])],
                    cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
                try:
                    address = "127.0.0.1", words["port"]
                    _wait_for(process, address, output)
                    yield Running(process.pid, lambda wire: address)
                finally:
                    _end(process)


def _free_port():
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _wait_for(process, address, output):
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(address, 1).close()
            return
        except OSError:
            time.sleep(0.05)
    output.seek(0)
    raise OSError("did not start: %s" % output.read()[-300:].decode("utf-8", "replace").strip())


def _end(process):
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


PARLEY = Ours()
JOURNAL = Ours("parley-journal", stores=True)
# Members of `web` are told of each who comes; of those who come at once in one send.
_WITH_WEB = (*PROTOCOLS, WEB)
WEB_MEMBERS = Ours("parley-web", wire="web", at_once=100, protocols=_WITH_WEB)
WEB_LISTENERS = Ours("parley-to-web", heard_in="web", at_once=100, protocols=_WITH_WEB)
WEB_UNUSED = Ours("parley-web-unused", protocols=_WITH_WEB)
_WITH_IRC = (*PROTOCOLS, IRC)
IRC_MEMBERS = Ours("parley-irc", wire="irc", at_once=100, protocols=_WITH_IRC)
IRC_UNUSED = Ours("parley-irc-unused", protocols=_WITH_IRC)
OURS = [PARLEY, Ours("parley-1", workers=1), Ours("parley-4", workers=4), JOURNAL, WEB_LISTENERS, WEB_MEMBERS,
        IRC_MEMBERS]
OTHERS = [
    Other("threads", "line", [sys.executable, "-m", "bench.rivals.threads", "%(port)d"]),
    Other("asyncio", "line", [sys.executable, "-m", "bench.rivals.streams", "%(port)d"]),
    Other("websockets", "web", [sys.executable, "-m", "bench.rivals.by_websockets", "%(port)d"], library="websockets"),
    Other("aiohttp", "web", [sys.executable, "-m", "bench.rivals.by_aiohttp", "%(port)d"], library="aiohttp"),
    Other("ngircd", "irc", ["ngircd", "-n", "-f", "%(config)s"], _NGIRCD, at_once=8),
    # It lets people in once a second, but as many as there are.
    Other("inspircd", "irc", ["inspircd", "--nofork", "--runasroot", "--config", "%(config)s"], _INSPIRCD,
          at_once=1000),
    Other("mosquitto", "mqtt", ["mosquitto", "-c", "%(config)s"], _MOSQUITTO),
    Other("nats", "nats", ["nats-server", "-c", "%(config)s"], _NATS),
    Other("redis", "redis", ["redis-server", "%(config)s"], _REDIS),
]
KNOWN = OURS + OTHERS
IN_PAIRS = [*KNOWN, WEB_UNUSED, IRC_UNUSED]
