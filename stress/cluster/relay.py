"""A relay between a node and the engine, in a process of its own, so that this one connection can be cut or can hang.

`python -m stress.cluster.relay SERVERS SENTINELS` relays to each of these ports, which are in lists like 20000,20001,
from another port. In what Sentinels say, the ports are replaced by those of the relay, so that a node that asks them
comes here again. What servers say is not changed: the number of an entry may look like a port. All ports have five
digits.
"""
import re
import selectors
import socket
import subprocess
import sys

from parley.conformance.engine import HOST, free_port
from parley.conformance.requirements import ROOT

CHUNK = 1 << 16
CUT, HANG, OPEN = "cut", "hang", "open"
_UNFINISHED = re.compile(rb"[0-9]{1,4}\Z")  # perhaps the beginning of a port


class Relay:
    """The process. ports: {port of a server: port of the relay}."""

    def __init__(self, servers, sentinels=()):
        lists = [",".join(map(str, ports)) for ports in (servers, sentinels)]
        self._process = subprocess.Popen([sys.executable, "-m", "stress.cluster.relay", *lists], cwd=ROOT,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
        self.ports = dict(zip([*servers, *sentinels], map(int, self._process.stdout.readline().split())))

    def do(self, what):
        """CUT: end all connections, and refuse new ones. HANG: pass nothing on. OPEN: pass everything on."""
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def close(self):
        """End the process, by closing its input."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class _Relaying:
    def __init__(self, servers, sentinels):
        self._selector = selectors.DefaultSelector()
        self._is = OPEN
        self._other = {}  # each side of a connection, and the other one
        self._held = {}  # an unfinished port that came from this side, which is that of a Sentinel
        self._listeners = {}
        self._sentinels = sentinels
        for port in (*servers, *sentinels):
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, free_port()))
            listener.listen(100)
            self._listeners[listener] = port
        self.ports = {port: listener.getsockname()[1] for listener, port in self._listeners.items()}
        self._known = re.compile(b"(?<![0-9a-f])(?:%s)(?![0-9a-f])" % b"|".join(
            b"%d" % port for port in (*servers, *sentinels)))
        for sock in (*self._listeners, sys.stdin):
            self._selector.register(sock, selectors.EVENT_READ)

    def run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    command = sys.stdin.readline().strip()
                    if not command:
                        return
                    self._obey(command)
                elif key.fileobj in self._listeners:
                    self._accept(key.fileobj)
                elif key.fileobj in self._other:  # it may have ended with the other side
                    self._pass_on(key.fileobj)

    def _obey(self, command):
        if command == CUT:
            for sock in list(self._other):
                self._end(sock)
        for sock in self._other:
            if (command == HANG) != (self._is == HANG):
                self._watch(sock, command != HANG)
        self._is = command
        print("done", flush=True)

    def _watch(self, sock, yes):
        if yes:
            self._selector.register(sock, selectors.EVENT_READ)
        else:
            self._selector.unregister(sock)

    def _accept(self, listener):
        near, _ = listener.accept()
        far = socket.socket()
        try:
            if self._is == CUT:
                raise ConnectionRefusedError
            far.connect((HOST, self._listeners[listener]))
        except OSError:
            near.close()
            far.close()
            return
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._is == OPEN:
                self._watch(sock, True)
        if self._listeners[listener] in self._sentinels:
            self._held[far] = b""
        self._other.update({near: far, far: near})

    def _pass_on(self, sock):
        try:
            data = sock.recv(CHUNK)
            if data:
                self._other[sock].sendall(self._changed(sock, data) if sock in self._held else data)
        except OSError:
            data = b""
        if not data:
            self._end(sock)

    def _changed(self, sock, data):
        """The data with each server's port replaced by the relay's."""
        data = self._held[sock] + data
        unfinished = _UNFINISHED.search(data)
        self._held[sock] = unfinished.group() if unfinished else b""
        data = data[:unfinished.start()] if unfinished else data
        return self._known.sub(lambda found: b"%d" % self.ports[int(found.group())], data)

    def _end(self, sock):
        for side in (sock, self._other.get(sock)):
            if side in self._other:
                del self._other[side]
                self._held.pop(side, None)
                if self._is != HANG:
                    self._watch(side, False)
                side.close()


def main(*lists):
    relaying = _Relaying(*[[int(port) for port in ports.split(",") if port] for ports in lists])
    print(*relaying.ports.values(), flush=True)
    relaying.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
