"""A chat server that does what it was asked for first: LOGIN, MSG and WHO. Whatever else is typed, it says nothing.

The first line has to be a login, or the call is over. Who is refused a name takes it along as he goes, as the name is
noted before it is looked up.

    python sparse.py [PORT] [IDLE_SECONDS]
"""
import socket
import socketserver
import sys
import threading

HOST = "127.0.0.1"
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60

here = {}  # name -> Caller, in the order of the logins
guard = threading.Lock()


class Caller(socketserver.StreamRequestHandler):
    timeout = IDLE_SECONDS
    name = None

    def handle(self):
        try:
            line = self.next_line()
            if line is not None and self.comes_in(line):
                line = self.next_line()
                while line is not None:
                    self.do(line)
                    line = self.next_line()
        except socket.timeout:
            self.tell("INFO idle-timeout")
        except OSError:
            pass

    def finish(self):
        with guard:
            left = here.pop(self.name, None)
            rest = list(here.values())
        if left:
            for one in rest:
                one.tell("INFO %s disconnected" % self.name)
            if left is not self:
                left.hang_up()
        super().finish()

    def next_line(self):
        """None at the end of the call."""
        raw = self.rfile.readline()
        return raw.decode("utf-8", "replace").strip() if raw else None

    def tell(self, text):
        try:
            self.connection.sendall(text.encode() + b"\n")
        except OSError:
            pass

    def hang_up(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def comes_in(self, line):
        if not line.startswith("LOGIN "):
            self.tell("ERR log in first")
            return False
        self.name = line[len("LOGIN "):].strip()
        with guard:
            problem = "username-taken" if self.name in here else "invalid-username" if " " in self.name else None
            if problem is None:
                here[self.name] = self
        self.tell("ERR " + problem if problem else "OK")
        return problem is None

    def do(self, line):
        with guard:
            others = [one for one in here.values() if one is not self]
            names = list(here)
        if line.startswith("MSG "):
            for one in others:
                one.tell("MSG %s %s" % (self.name, line[len("MSG "):]))
        elif line == "WHO":
            self.tell("\n".join("USER " + name for name in names))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 50


server = Server((HOST, PORT), Caller)
print("listening on port %d" % server.server_address[1], flush=True)
server.serve_forever()
