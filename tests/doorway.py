"""An address that stays while what is behind it comes and goes."""
import contextlib
import socket
import threading


class Doorway:
    """An address that stays, whatever server is behind it, and refuses while there is none.

    Its port is held by a socket that does not listen, so nobody else gets it meanwhile.
    """

    def __init__(self):
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._holder.bind(("127.0.0.1", 0))
        self.address = self._holder.getsockname()
        self._listener, self._outside, self._inside = None, [], []
        self._is_deaf = False
        self._turning = threading.Lock()  # nobody comes in while it is shut

    def lead_to(self, address):
        """From now on, to a server at `address`."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._listener.bind(self.address)
        self._listener.listen(16)
        threading.Thread(target=self._accept, args=(self._listener, address), daemon=True).start()

    def deafen(self):
        """From now on nothing that clients say gets in."""
        self._is_deaf = True

    def shut(self, keep_inside=False):
        """Nobody comes in, and whoever is in has to leave; keep_inside: without the server's noticing."""
        with self._turning:
            ended, self._outside = ([self._listener] if self._listener else []) + self._outside, []
            self._listener = None
        end(ended)
        self._is_deaf = False
        if not keep_inside:
            self.forget()

    def forget(self):
        """The server notices that those who had to leave are gone."""
        end(self._inside)
        self._inside = []

    def close(self):
        self.shut()
        self._holder.close()

    def _accept(self, listener, address):
        with contextlib.suppress(OSError):
            while True:
                outside = listener.accept()[0]
                with self._turning:
                    if self._listener is not listener:  # it was shut behind this one
                        end([outside])
                        return
                    self._outside.append(outside)
                inside = socket.create_connection(address)
                self._inside.append(inside)
                threading.Thread(target=self._carry_in, args=(outside, inside), daemon=True).start()
                threading.Thread(target=self._carry_out, args=(inside, outside), daemon=True).start()

    def _carry_in(self, outside, inside):
        with contextlib.suppress(OSError):
            for data in iter(lambda: outside.recv(65536), b""):
                if not self._is_deaf:
                    inside.sendall(data)
            if outside in self._outside:  # the client's end, and not the doorway's
                inside.shutdown(socket.SHUT_WR)

    def _carry_out(self, inside, outside):
        with contextlib.suppress(OSError):
            for data in iter(lambda: inside.recv(65536), b""):
                outside.sendall(data)
            outside.shutdown(socket.SHUT_RDWR)


def end(socks):
    """Close the connections, whatever has become of them."""
    for sock in socks:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()
