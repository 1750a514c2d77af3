"""Many rooms as plainly as several processes can have them. `python -m bench.rivals.prototype PORT WORKERS`

A hub puts what is said into one order; workers hold the clients. A worker looks at its clients and at the hub at most
once in a tick, so that a wake-up serves many, and sends each client what it hears in the tick at once.

What a server needs beside that is left out: names that are unique, limits, notices, an order of joins and texts.
"""
import collections
import os
import select
import socket
import sys
import time

TICK = 0.002  # seconds
QUEUE = 1 << 20  # bytes between hub and worker
READ, WRITE = select.EPOLLIN, select.EPOLLOUT


class Lines:
    """The whole lines of a stream."""

    def __init__(self):
        self._held = b""

    def of(self, data):
        """Those that `data` completes, without their ends."""
        lines = (self._held + data).split(b"\n")
        self._held = lines.pop()
        return lines


class Outlet:
    """What a socket is sent, now or when the kernel takes it."""

    def __init__(self, sock, poll):
        sock.setblocking(False)
        self.sock = sock
        self.unsent = b""
        self._poll = poll
        poll.register(sock, READ)

    def send(self, data):
        """Before it, what has waited."""
        if self.unsent:
            self.unsent += data
            return
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the next read tells that it is gone
        if sent < len(data):
            self.unsent = data[sent:]
            self._poll.modify(self.sock, READ | WRITE)

    def go_on(self):
        """The kernel takes more."""
        waited, self.unsent = self.unsent, b""
        self._poll.modify(self.sock, READ)
        self.send(waited)


class Hub:
    """Gets `AUTHOR #room MSG name text` from the workers, and `#room` when one has its first member there."""

    def __init__(self, queues):
        self._poll = select.epoll()
        self._outlets = {queue.fileno(): Outlet(queue, self._poll) for queue in queues}
        self._lines = {queue.fileno(): Lines() for queue in queues}
        self._interested = collections.defaultdict(list)  # room -> descriptors

    def run(self):
        """Until a worker is gone."""
        while True:
            batches = collections.defaultdict(list)
            for descriptor, mask in self._poll.poll():
                outlet = self._outlets[descriptor]
                if mask & WRITE:
                    outlet.go_on()
                if mask & ~WRITE:
                    data = outlet.sock.recv(QUEUE)
                    if not data:
                        return
                    self._sort(descriptor, self._lines[descriptor].of(data), batches)
            for descriptor, lines in batches.items():
                self._outlets[descriptor].send(b"\n".join(lines) + b"\n")

    def _sort(self, descriptor, lines, batches):
        for line in lines:
            if line.startswith(b"#"):
                self._interested[line].append(descriptor)
            else:
                for other in self._interested[line.split(b" ", 2)[1]]:
                    batches[other].append(line)


class Client(Outlet):
    """mark: what the hub knows it by."""

    def __init__(self, sock, poll, mark):
        super().__init__(sock, poll)
        self.lines = Lines()
        self.mark = mark
        self.name = None
        self.rooms = set()


class Worker:
    """LOGIN name; JOIN #room; #room MSG text."""

    def __init__(self, number, listener, queue):
        self._number = number
        self._listener = listener
        self._poll = select.epoll()
        self._poll.register(listener, READ)
        self._poll.register(queue, READ)
        self._queue = queue
        self._from_hub = Lines()
        self._to_hub = []
        self._clients = {}  # descriptor -> client
        self._rooms = {}  # name -> clients
        self._texts = collections.defaultdict(list)  # room -> (mark of the author, text) of this tick

    def run(self):
        """Until the hub is gone."""
        tick = 0
        while True:
            self._poll.poll()
            time.sleep(max(0, tick - time.monotonic()))
            for descriptor, mask in self._poll.poll(0):
                if descriptor == self._queue.fileno():
                    self._listen_to_hub()
                elif descriptor == self._listener.fileno():
                    self._accept()
                else:
                    client = self._clients[descriptor]
                    if mask & WRITE:
                        client.go_on()
                    if mask & ~WRITE:
                        self._read(client)
            if self._to_hub:
                self._queue.sendall(b"\n".join(self._to_hub) + b"\n")  # the hub never waits for us
                self._to_hub.clear()
            self._deliver()
            tick = time.monotonic() + TICK

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            mark = b"%d.%d" % (self._number, sock.fileno())
            self._clients[sock.fileno()] = Client(sock, self._poll, mark)

    def _read(self, client):
        try:
            data = client.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            for room in client.rooms:
                self._rooms[room].remove(client)
            del self._clients[client.sock.fileno()]
            client.sock.close()
        for line in client.lines.of(data):
            self._obey(client, line)

    def _obey(self, client, line):
        word, _, rest = line.partition(b" ")
        if word in client.rooms and rest.startswith(b"MSG "):
            self._to_hub.append(b"%b %b MSG %b %b" % (client.mark, word, client.name, rest[4:]))
        elif word == b"JOIN" and client.name is not None:
            if rest not in self._rooms:
                self._rooms[rest] = set()
                self._to_hub.append(rest)
            self._rooms[rest].add(client)
            client.rooms.add(rest)
            client.send(b"OK\n")
        elif word == b"LOGIN" and client.name is None:
            client.name = rest
            client.send(b"OK\n")

    def _listen_to_hub(self):
        data = self._queue.recv(QUEUE)
        if not data:
            sys.exit()
        for line in self._from_hub.of(data):
            mark, room, text = line.split(b" ", 2)
            self._texts[room].append((mark, b"%b %b\n" % (room, text)))

    def _deliver(self):
        """To each client what it hears of this tick; nobody hears itself."""
        heard = {}
        for room, texts in self._texts.items():
            everything = b"".join([text for _, text in texts])
            authors = {mark for mark, _ in texts}
            for client in self._rooms[room]:
                piece = everything
                if client.mark in authors:
                    piece = b"".join([text for mark, text in texts if mark != client.mark])
                heard[client] = heard[client] + piece if client in heard else piece
        self._texts.clear()
        for client, data in heard.items():
            if data:
                client.send(data)


def _bound(port):
    """One of several sockets of this port; the kernel chooses one for each client."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port))
    sock.setblocking(False)
    return sock


def serve(port, workers):
    """Until a signal comes. Nobody is let in before all workers are there, so that each gets its share."""
    listeners, queues = [_bound(port) for _ in range(workers)], []
    for number, listener in enumerate(listeners):
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, QUEUE)
        if os.fork() == 0:
            for end in (ours, *queues, *(other for other in listeners if other is not listener)):
                end.close()  # or what ends elsewhere would not end here
            theirs.recv(1)
            Worker(number, listener, theirs).run()
        theirs.close()
        queues.append(ours)
    for listener, queue in zip(listeners, queues):
        listener.listen(socket.SOMAXCONN)
        listener.close()
        queue.send(b"!")
    Hub(queues).run()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
