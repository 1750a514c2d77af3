"""A chat server that knows LOGIN and MSG, and is mute about the rest: who begins with anything else is hung up on.

    python mute.py [PORT] [IDLE_SECONDS]
"""
import socket
import socketserver
import sys
import threading

HOST = "127.0.0.1"
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60

here = {}  # name -> Caller
guard = threading.Lock()


class Caller(socketserver.StreamRequestHandler):
    timeout = IDLE_SECONDS
    name = None

    def handle(self):
        try:
            for raw in self.rfile:
                line = raw.decode("utf-8", "replace").strip()
                if self.name is not None:
                    self.do(line)
                elif line.split(" ")[0] == "LOGIN":
                    self.come_in(line[len("LOGIN"):].strip())
                else:
                    return
        except socket.timeout:
            self.tell("INFO idle-timeout")
        except OSError:
            pass

    def finish(self):
        with guard:
            if self.name is not None:
                del here[self.name]
                self.tell_others("INFO %s disconnected" % self.name)
        super().finish()

    def tell(self, text):
        try:
            self.connection.sendall(text.encode() + b"\n")
        except OSError:
            pass

    def tell_others(self, text):
        for one in here.values():
            if one is not self:
                one.tell(text)

    def come_in(self, name):
        with guard:
            problem = "username-taken" if name in here else "invalid-username" if not name or " " in name else None
            if problem is None:
                self.name = name
                here[name] = self
        self.tell("ERR " + problem if problem else "OK")

    def do(self, line):
        if line.startswith("MSG "):
            with guard:
                self.tell_others("MSG %s %s" % (self.name, line[len("MSG "):]))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 50


server = Server((HOST, PORT), Caller)
print("listening on port %d" % server.server_address[1], flush=True)
server.serve_forever()
