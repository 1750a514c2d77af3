"""What the small clients beside it share: a socket, a thread that prints messages, a loop that sends typed lines."""
import socket
import sys
import threading


def talk(default_port, hello, say, heard):
    """Run a client with `NAME [HOST [PORT]]` from the command line, until stdin ends.

    hello(name) returns the bytes that log in, say(name, text) those of a message. heard(read) reads one message and
    returns what to print: read(n) returns exactly n bytes, or, for None, whatever has come; it raises EOFError after
    the server has closed the connection.
    """
    if len(sys.argv) < 2:
        sys.exit("usage: python %s NAME [HOST [PORT]]" % sys.argv[0])
    name, host, port = (sys.argv[1:] + ["127.0.0.1", default_port][len(sys.argv) - 2:])[:3]
    login = hello(name)
    with socket.create_connection((host, int(port))) as sock:
        listener = threading.Thread(target=_listen, args=(sock, heard))
        listener.start()
        sock.sendall(login)
        try:
            for line in sys.stdin:
                sock.sendall(say(name, line.rstrip("\n")))
        except KeyboardInterrupt:  # leaves like the end of stdin
            pass
        sock.shutdown(socket.SHUT_WR)
        listener.join()


def _listen(sock, heard):
    def read(size):
        data = sock.recv(65536 if size is None else size)
        while data and size is not None and len(data) < size:
            more = sock.recv(size - len(data))
            if not more:
                break
            data += more
        if not data:
            raise EOFError
        return data

    try:
        while True:
            print(heard(read), flush=True)
    except EOFError:
        pass
