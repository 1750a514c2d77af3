"""The sockets of the servers that are wrong on purpose: one thread and one selector, so all happens in one order."""
import contextlib
import selectors
import socket
import threading


class Client:
    """held: bytes not acted on yet. form: of what it last wrote, where there are several. gone: has it left?

    said_goodbye: has it said that it was about to?
    """

    def __init__(self, sock, address, protocol):
        self.sock = sock
        self.address = address
        self.protocol = protocol
        self.name = None
        self.held = b""
        self.form = ""
        self.gone = self.said_goodbye = False

    def send(self, data):
        with contextlib.suppress(OSError):
            self.sock.sendall(data)


class OneThreadServer:
    """A server in a thread of this process. A subclass acts on what is `held`, in `_feed_<protocol>(client)`."""

    def __init__(self, protocols):
        self.clients = []
        self.leaving = []  # clients that have left, whose last words are on their way
        self.selector = selectors.DefaultSelector()
        self.listeners = {protocol: _listener() for protocol in protocols}
        for protocol, listener in self.listeners.items():
            self.selector.register(listener, selectors.EVENT_READ, protocol)
        self.ending, self.end = socket.socketpair()
        self.selector.register(self.ending, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def address(self, protocol="line"):
        return self.listeners[protocol].getsockname()

    def stop(self):
        self.end.close()
        self.thread.join()
        for one in list(self.listeners.values()) + [
                client.sock for client in self.clients + self.leaving] + [self.ending]:
            one.close()
        self.selector.close()

    def _serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    return
                if isinstance(key.data, str):
                    sock, address = key.fileobj.accept()
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.clients.append(Client(sock, address, key.data))
                    self.selector.register(sock, selectors.EVENT_READ, self.clients[-1])
                else:
                    self._read(key.data)

    def _read(self, client):
        try:
            data = client.sock.recv(65536)
        except OSError:
            data = b""
        if data and not client.gone:
            client.held += data
            getattr(self, "_feed_" + client.protocol)(client)
        elif not data:
            self._say_no_more(client)

    def _say_no_more(self, client):
        """It says that it sends no more."""
        self._leave(client)
        self._close(client)

    def _leave(self, client):
        """No more is said to it; what it still says is dropped, as closing at once could cost it its last words."""
        if client.gone:
            return
        client.gone = True
        self.clients.remove(client)
        self.leaving.append(client)
        with contextlib.suppress(OSError):
            client.sock.shutdown(socket.SHUT_WR)
        self._part(client)

    def _close(self, client):
        self.leaving.remove(client)
        self.selector.unregister(client.sock)
        client.sock.close()

    def _part(self, client):
        """It has left."""


def _listener():
    """A listening socket on a free port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener
