"""A server with the page, and a line to it that can be cut."""
import contextlib
import socket
import threading

from parley.conformance.targets import launch

PROTOCOLS = ("line", "binary", "padded", "delimited", "dollar", "web", "irc")
USERS = {"root": "secret", "<u>d</u>": "word"}


class Site:
    """url: of the page. server: a `Launched`."""

    def __init__(self, server):
        self.server = server
        self.url = "http://%s:%d/" % server.address("web")

    def address(self, protocol):
        return self.server.address(protocol)


@contextlib.contextmanager
def site(users=USERS, **config):
    """A running server with two workers. users: {name: password} of the accounts. config: further settings.

    Nobody is idle for too long, however slow the browser is: axe takes more than a minute on a busy machine.
    """
    config = dict({"idle_timeout": 0}, operators=["root"], **config)
    with launch(workers=2, config=config, users=users, protocols=PROTOCOLS) as server:
        yield Site(server)


class Line:
    """Somebody at `nc`, with the protocol `line`."""

    def __init__(self, address, name):
        self._socket = socket.create_connection(address, 60)
        self._socket.settimeout(60)
        self._file = self._socket.makefile("rb")
        self.name = name
        self.send("LOGIN " + name)
        assert self.read() == "OK"

    def send(self, line):
        self._socket.sendall(line.encode("utf-8") + b"\n")

    def read(self):
        return self._file.readline().decode("utf-8").rstrip("\n")

    def until(self, line):
        """Read on to this line; what was read, with it."""
        read = [self.read()]
        while read[-1] != line:
            assert read[-1], "the connection ended before %r" % line
            read.append(self.read())
        return read

    def until_file(self):
        """Read on to the next line that tells of a file; it."""
        while True:
            line = self.read()
            assert line, "the connection ended before a file"
            if "[file] " in line:
                return line

    def close(self):
        self._file.close()
        self._socket.close()


class Cable:
    """Passes on what comes to a port of its own, until it is cut."""

    def __init__(self, address):
        self._address = address
        self._ends = set()
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(50)
        self.url = "http://127.0.0.1:%d/" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._address)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._ends.update((near, far))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source, target):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            self._end(end)

    def _end(self, end):
        with self._lock:
            self._ends.discard(end)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()

    def lead_to(self, address):
        """From now on it leads there."""
        self._address = address

    def cut(self):
        """End all connections, in the middle of whatever they carry."""
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
        self.cut()
