"""A thread for each client. `python -m bench.rivals.threads PORT`"""
import socket
import socketserver
import sys
import threading

members = {}  # name -> socket
lock = threading.Lock()


class Client(socketserver.StreamRequestHandler):
    """LOGIN name; MSG text."""

    disable_nagle_algorithm = True

    def handle(self):
        name = None
        try:
            for line in self.rfile:
                word, _, rest = line.rstrip(b"\n").partition(b" ")
                if word == b"LOGIN" and name is None and rest not in members:
                    name = rest
                    with lock:
                        members[name] = self.connection
                        self.connection.sendall(b"OK\n")
                elif word == b"MSG" and name is not None:
                    self.say(name, b"MSG %b %b\n" % (name, rest))
        except ConnectionError:
            pass
        with lock:
            members.pop(name, None)

    def say(self, name, message):
        """To all but the one who says it; under the lock, so that all hear the same order."""
        with lock:
            for other, sock in members.items():
                if other != name:
                    try:
                        sock.sendall(message)
                    except OSError:
                        pass  # its own thread notices


class Server(socketserver.ThreadingTCPServer):
    """Many may knock at once."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = socket.SOMAXCONN


if __name__ == "__main__":
    threading.stack_size(256 * 1024)
    with Server(("127.0.0.1", int(sys.argv[1])), Client) as server:
        server.serve_forever()
