"""A chat server with a doorman: he asks for the name again behind each error, three times, and then shows the door.

Who has asked in vain for somebody's name and goes is told to the others as that somebody. Who is cut off is told in
words of its own.

    python doorman.py [PORT] [IDLE_SECONDS]
"""
import socket
import sys
import threading

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60
TRIES = 3

users = {}  # name -> socket
lock = threading.RLock()


def send(sock, text):
    try:
        sock.sendall((text + "\n").encode("utf-8"))
    except OSError:
        pass


def broadcast(text, leave_out=None):
    with lock:
        for name, sock in users.items():
            if name != leave_out:
                send(sock, text)


class Client(threading.Thread):
    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock = sock
        self.buffer = b""
        self.username = None
        self.inside = False
        self.farewell = "INFO %s disconnected"

    def lines(self):
        """The lines that are not empty, until the end of the connection."""
        while True:
            while b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                text = line.decode("utf-8", "replace").rstrip()
                if text:
                    yield text
            try:
                data = self.sock.recv(4096)
            except socket.timeout:
                send(self.sock, "INFO idle-timeout")
                return
            except OSError:
                self.farewell = "INFO %s disconnected unexpectedly"
                return
            if not data:
                return
            self.buffer += data

    def run(self):
        lines = self.lines()
        if self.may_enter(lines):
            for line in lines:
                self.handle(*line.partition(" ")[::2])
        with lock:
            if self.inside:
                del users[self.username]
            if self.username:
                broadcast(self.farewell % self.username)
        self.sock.close()

    def may_enter(self, lines):
        for _ in range(TRIES):
            send(self.sock, "Please log in: LOGIN <username>")
            line = next(lines, None)
            if line is None:
                return False
            command, _, rest = line.partition(" ")
            if command == "LOGIN":
                self.login(rest.strip())
            else:
                send(self.sock, "ERR must-login-first")
            if self.inside:
                return True
        send(self.sock, "ERR too-many-tries")
        return False

    def login(self, name):
        if not name or " " in name:
            send(self.sock, "ERR invalid-username")
            return
        self.username = name
        with lock:
            if name in users:
                send(self.sock, "ERR username-taken")
            else:
                users[name] = self.sock
                self.inside = True
                send(self.sock, "OK")

    def handle(self, command, rest):
        if command == "MSG":
            broadcast("MSG %s %s" % (self.username, rest), leave_out=self.username)
        elif command == "DM":
            self.direct_message(*rest.partition(" ")[::2])
        elif command == "WHO":
            with lock:
                for user in users:
                    send(self.sock, "USER " + user)
        elif command == "PING":
            send(self.sock, "PONG")
        else:
            send(self.sock, "ERR unknown-command")

    def direct_message(self, target, text):
        if not target or not text:
            send(self.sock, "ERR invalid-dm-format")
            return
        with lock:
            if target in users:
                send(users[target], "DM %s %s" % (self.username, text))
            else:
                send(self.sock, "ERR user-not-found")


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(10)
    print("doorman on port %d" % listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.settimeout(IDLE_SECONDS)
        Client(sock).start()


if __name__ == "__main__":
    main()
