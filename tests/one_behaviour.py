"""A server that does the same with each connection, for tests of what a client or the suite makes of that."""
import contextlib
import socket
import threading


@contextlib.contextmanager
def listening(behave):
    """The address, host and port, of a server that does behave(sock) with each connection, one after the other."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)

    def serve():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                behave(sock)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
