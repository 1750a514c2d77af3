"""A server of `delimited` in which all is a RESPONSE: what was done is answered by an empty one, and nobody is checked.

Who sends is whoever the message says, logged in or not; a login takes an account over.

    python ledger.py [PORT]
"""
import socket
import sys
import threading

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
CREATE, LIST, SEND, DELIVER, DELETE, LOGIN, RESPONSE, LISTRESPONSE = range(8)
HEADER = 42

accounts = {}  # name -> [(sender, text)] that wait
online = {}  # name -> socket
lock = threading.RLock()


def send(sock, command, *items):
    data = "|||".join(items).encode("ascii")
    try:
        sock.sendall(bytes([0, command]) + len(data).to_bytes(HEADER - 2, "big") + data)
    except OSError:
        pass


def exactly(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(min(65536, count - len(data)))
        if not part:
            raise EOFError
        data += part
    return data


def matches(name, pattern):
    first, *others = pattern.split("*")
    if not others:
        return name == pattern
    if not name.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return name.endswith(others[-1]) and len(name) >= at + len(others[-1])


class Client(threading.Thread):
    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock = sock
        self.me = None

    def answer(self, *error):
        send(self.sock, RESPONSE, *error)

    def enter(self, name):
        self.me = name
        online[name] = self.sock
        self.answer()

    def run(self):
        try:
            while True:
                head = exactly(self.sock, HEADER)
                if head[0] != 0:
                    break
                data = exactly(self.sock, int.from_bytes(head[2:], "big")).decode("ascii")
                with lock:
                    self.handle(head[1], data.split("|||") if data else [])
        except (OSError, EOFError, IndexError, KeyError, OverflowError, UnicodeDecodeError):
            pass
        with lock:
            if self.me and online.get(self.me) is self.sock:
                del online[self.me]
        self.sock.close()

    def handle(self, command, items):
        if command == CREATE:
            if items[0] in accounts:
                self.answer("User already exists")
            else:
                accounts[items[0]] = []
                self.enter(items[0])
        elif command == LOGIN:
            if items[0] in accounts:
                self.enter(items[0])
            else:
                self.answer("No such user")
        elif command == LIST:
            send(self.sock, LISTRESPONSE, *[one for one in accounts if matches(one, items[0] if items else "*")])
        elif command == SEND:
            self.send_on(items[0], items[1], "|||".join(items[2:]))
        elif command in (DELIVER, DELETE):
            if not self.me:
                self.answer("Not logged in")
            elif command == DELIVER:
                self.deliver()
            else:
                del accounts[self.me]
                online.pop(self.me, None)
                self.me = None
                self.answer()

    def send_on(self, sender, to, text):
        if to not in accounts:
            self.answer("No such user")
            return
        if to in online:
            send(online[to], SEND, sender, to, text)
        else:
            accounts[to].append((sender, text))
        self.answer()

    def deliver(self):
        waiting, accounts[self.me] = accounts[self.me], []
        for sender, text in waiting:
            send(self.sock, SEND, sender, self.me, text)
        if not waiting:
            self.answer()


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(20)
    print("ledger on port %d" % listener.getsockname()[1], flush=True)
    while True:
        Client(listener.accept()[0]).start()


if __name__ == "__main__":
    main()
