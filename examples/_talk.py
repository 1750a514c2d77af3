"""What the small reference clients share: a socket, a thread that prints what is heard, and a loop that says lines."""
import socket
import sys
import threading


def talk(default_port, hello, say, heard):
    """Run a client: `NAME [HOST [PORT]]` from the command line, lines to say from stdin.

    hello(name) and say(name, text) give the bytes to send; heard(read) prints one message, for which read(n) gives
    exactly n bytes, or what is there if n is None; it raises EOFError when the server has closed.
    """
    if len(sys.argv) < 2:
        sys.exit("usage: python %s NAME [HOST [PORT]]" % sys.argv[0])
    name, host, port = (sys.argv[1:] + ["127.0.0.1", default_port][len(sys.argv) - 2:])[:3]
    with socket.create_connection((host, int(port))) as sock:
        listener = threading.Thread(target=_listen, args=(sock, heard))
        listener.start()
        sock.sendall(hello(name))
        try:
            for line in sys.stdin:
                sock.sendall(say(name, line.rstrip("\n")))
        except KeyboardInterrupt:  # the other way to leave
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
