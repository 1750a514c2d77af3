"""Uploads and downloads over plain sockets, which can be cut off at any byte."""
import hashlib
import http.client
import socket
import struct

from stress.proofs.clients import SECONDS
from stress.proofs.processes import wait_until

PIECE = 64 << 10  # bytes


class Sent:
    """A file that is sent; it is offered by a client of `web` that has logged in. data: its bytes.

    name, size, sha256: for the offer. refusal: why the offer was refused, or None.
    """

    def __init__(self, client, data, name="a.bin", size=None, sha256=None):
        self.client = client
        self.data = data
        digest = hashlib.sha256(data).hexdigest() if sha256 is None else sha256
        told = client.answer("offer", name=name, size=len(data) if size is None else size, sha256=digest or None)
        self.refusal = told.get("why")
        self.file, self.token = told.get("file"), told.get("token")

    def ask(self, address, method, body=None, **headers):
        """(status, {header: value}, body) of a request about the file."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(address, method, "/files/" + self.file, body,
                   dict({"Authorization": "Bearer " + self.token}, **headers))

    def at(self, address):
        """How many bytes of it the server has; None if it does not know the file."""
        status, headers, _ = self.ask(address, "HEAD")
        return int(headers["upload-offset"]) if status == 200 else None

    def put(self, address, first=0, end=None):
        """Upload the bytes from `first` to `end`; returns as `ask` does."""
        end = len(self.data) if end is None else end
        return self.ask(address, "PUT", self.data[first:end],
                        Content_Range="bytes %d-%d/%d" % (first, end - 1, len(self.data)))

    def put_and_cut(self, address, first, sent, orderly=True):
        """Send the rest from `first` on, but end the connection after `sent` bytes; if not `orderly`, by a reset."""
        with socket.create_connection(address, SECONDS) as sock:
            sock.sendall(b"PUT /files/%b HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n"
                         b"Content-Range: bytes %d-%d/%d\r\n\r\n" % (
                             self.file.encode(), self.token.encode(), len(self.data) - first, first,
                             len(self.data) - 1, len(self.data)))
            sock.sendall(self.data[first:first + sent])
            if not orderly:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def put_whatever_happens(self, address):
        """Upload all of it, in as many requests as that takes; returns the last answer."""

        def done():
            try:
                at = self.at(address)
                status, headers, body = self.put(address, at) if at < len(self.data) else self.ask(
                    address, "PUT", b"", Content_Range="bytes */%d" % at)
                return status in (200, 201) and (status, headers, body)
            except (OSError, http.client.HTTPException, TypeError):
                return False

        return wait_until(done, SECONDS)

    def share(self, **where):
        """Announce the file in a room or to a user; returns the answer."""
        return self.client.answer("share", file=self.file, token=self.token, **where)


def ask(address, method, path, body=None, headers=()):
    """(status, {header: value}, body) of one request on a connection of its own."""
    connection = http.client.HTTPConnection(*address, timeout=SECONDS)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def path_in(text):
    """The path of the file that a message tells of."""
    return "/files/" + text.rpartition("/files/")[2]
