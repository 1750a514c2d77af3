"""The servers that the desktop client is tested with: ours, and one of document 004."""
import ast
import collections
import contextlib
import itertools
import selectors
import socket
import threading
import time

from parley.client import connect
from parley.conformance.targets import launch

USERS = {"Alice": "123", "Bob": "456", "Charlie": "789"}
SECONDS = 60  # before it is thought to hang


def wait_until(is_so, work=None):
    """Work until it is so; fail if it is not within `SECONDS`."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that in %d s" % SECONDS
        if work:
            work()
        time.sleep(0.005)


def login_elsewhere(addresses, protocol, name):
    """A `Chat` of an account, in another protocol than `dollar`."""
    chat = connect("%s://%s:%d" % ((protocol,) + addresses[protocol]), name, USERS[name], timeout=SECONDS)
    chat.say("it is me")  # without which `padded` takes no name
    assert chat.finish(SECONDS)
    return chat


class Port:
    """A port of 127.0.0.1 that is given to nobody else while a server is away: bound, by somebody who does not listen.

    The server has to bind it with SO_REUSEADDR, as then two may on Linux.
    """

    def __init__(self):
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind(("127.0.0.1", 0))
        self.address = self._holder.getsockname()

    def close(self):
        self._holder.close()


class Server004:
    """A server that has only what document 004 has: no room, no `poll`, no answer to a purpose it does not know.

    It pushes its list, keeps a conversation for every two accounts, answers a history in pieces of ten, and one in
    which nothing was said with nothing at all. It serves in a thread until `stop`; started again, it has the same port
    and conversations.

    bare: is the length written without its padding? users: {name: password}. marks: does its list tell how many
    messages of each were said while one was away, until one asks for that conversation?
    """

    has_room = False

    def __init__(self, users, bare=False, marks=False):
        self.users, self.bare, self.marks = users, bare, marks
        self.unread = collections.Counter()  # (to, sender)
        self.conversations = {frozenset(two): [] for two in itertools.combinations(users, 2)}
        self.heard = []  # the purposes of all requests
        self._port = Port()
        self.address = self._port.address
        self._is_running = False

    def start(self):
        self._is_running = True
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self.address)
        self._listener.listen(16)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._end, self._ended = socket.socketpair()
        self._selector.register(self._ended, selectors.EVENT_READ)
        self._held, self.names = {}, {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        """End all connections without a word."""
        if not self._is_running:
            return
        self._is_running = False
        self._end.send(b"\0")
        self._thread.join(10)
        for end in [self._listener, self._end, self._ended, *self._held]:
            end.close()
        self._selector.close()
        self.names = {}

    def close(self):
        """Stop for good."""
        self.stop()
        self._port.close()

    def say(self, sender, to, text):
        """What somebody who is not here says, as if it came over a connection."""
        self.conversations[frozenset((sender, to))].append({"user": sender, "text": text, "timestamp": time.time()})
        if to not in self.names.values():
            self.unread[to, sender] += 1
        for sock, name in self.names.items():
            if name == to:
                self._send(sock, purpose="receive_message", from_user=sender, message=text)

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._ended:
                    return
                if key.fileobj is self._listener:
                    sock, _ = self._listener.accept()
                    self._held[sock] = b""
                    self._selector.register(sock, selectors.EVENT_READ)
                else:
                    self._read(key.fileobj)

    def _read(self, sock):
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._forget(sock)
            return
        self._held[sock] += data
        while sock in self._held and len(self._held[sock]) > 11:
            held = self._held[sock]
            end = 11 + int(held[1:11])
            if len(held) <= end:
                return
            assert held[:1] == held[end:end + 1] == b"$"
            self._held[sock] = held[end + 1:]
            fields = ast.literal_eval(held[11:end].decode())  # noqa: TID251  only what our own client writes
            self.heard.append(fields["purpose"])
            getattr(self, "_" + fields["purpose"], lambda sock, fields: None)(sock, fields)

    def _forget(self, sock):
        self._selector.unregister(sock)
        del self._held[sock]
        sock.close()
        if self.names.pop(sock, None):
            self._push_list()

    def _send(self, sock, **fields):
        data = str(fields).encode()
        with contextlib.suppress(OSError):
            sock.sendall((b"$%d" if self.bare else b"$%-10d") % len(data) + data + b"$")

    def _push_list(self):
        users = [{"username": name, "status": "online" if name in self.names.values() else "offline"}
                 for name in self.users]
        for sock, me in list(self.names.items()):
            self._send(sock, purpose="reload_user_list", users=[self._marked(user, me) for user in users])

    def _marked(self, user, me):
        count = self.unread[me, user["username"]]
        return dict(user, unread=count) if self.marks and count else user

    def _login(self, sock, fields):
        name = fields["username"]
        right = self.users.get(name) == fields["password"] and name not in self.names.values()
        self._send(sock, purpose="login", result=right)
        if right:
            self.names[sock] = name
            self._push_list()

    def _send_message(self, sock, fields):
        two = frozenset((fields["from_user"], fields["to_user"]))
        if two in self.conversations:
            self.say(fields["from_user"], fields["to_user"], fields["message"])
        self._send(sock, purpose="send_message", result=two in self.conversations)

    def _start_reload_message_list(self, sock, fields):
        said = self.conversations.get(frozenset((self.names[sock], fields["target_user"])))
        if said is None:
            self._send(sock, purpose="start_reload_message_list", message_list=[])
            return
        if self.unread.pop((self.names[sock], fields["target_user"]), 0):
            self._push_list()
        for start in range(0, len(said), 10):
            self._send(sock, purpose="continue_reload_message_list" if start else "start_reload_message_list",
                       message_list=said[start:start + 10])

    def _exit(self, sock, fields):
        self._send(sock, purpose="exit", result=True)
        self._forget(sock)


class Ours:
    """Our server, with a directory, so that it knows after a restart what was said."""

    has_room = True

    def __init__(self, directory):
        self._directory, self._port, self._running = str(directory), Port(), None
        self.address = self._port.address

    def start(self):
        self._running = launch(
            workers=2, users=USERS, protocols=("dollar",), args=("--listen", "dollar=%d" % self.address[1]),
            config={"storage": {"directory": self._directory}})
        self._running.__enter__()

    def stop(self):
        running, self._running = self._running, None
        if running:
            running.__exit__(None, None, None)

    def close(self):
        """Stop for good."""
        self.stop()
        self._port.close()


SERVERS = {"ours": lambda directory: Ours(directory), "document-004": lambda directory: Server004(USERS),
           "document-004-bare": lambda directory: Server004(USERS, bare=True)}
