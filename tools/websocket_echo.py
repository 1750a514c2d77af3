"""An echo server made of Parley's WebSocket decoder and encoder, for the Autobahn testsuite: one client at a time.

The testsuite (`autobahntestsuite` on PyPI) needs Python 2.7, so it is no part of the tests. To run it:

    python tools/websocket_echo.py 9001 &
    python2.7 -m pip install --user autobahntestsuite
    python2.7 -m autobahntestsuite.wstest -m fuzzingclient -s tools/autobahn.json

The report is in `autobahn-report/`. Left out are the cases 12 and 13, about compression, which is never agreed on. The
testsuite sends binary messages, too, which Parley refuses; here they are echoed.
"""
import os
import socket
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from parley.server.http.head import Reader, rendered  # noqa: E402
from parley.server.http.site import Site, Upgrade  # noqa: E402
from parley.server.protocols import websocket  # noqa: E402

MOST = 64 << 20  # bytes of a message; the cases 9 send 16 MiB
NOT_GIVEN = 1005


class Echo(websocket.Decoder):
    """Echoes binary messages, too."""

    __slots__ = ("_binary",)

    def __init__(self):
        super().__init__(MOST)
        self._binary = []

    def _message(self, opcode, content, frame_ends, message_ends):
        if opcode != 2:
            return super()._message(opcode, content, frame_ends, message_ends)
        self._binary.append(bytes(content))
        if not (frame_ends and message_ends):
            self._parts = self._parts or []  # so that control frames in between find a message begun
            return None
        whole, self._binary, self._parts = b"".join(self._binary), [], None
        self._sizes.begun = self._sizes.message = 0
        return whole


def answer(message):
    """(bytes to send, is it the end?)"""
    if isinstance(message, bytes):
        frame = websocket.text_frame(message)
        return b"\x82" + frame[1:], False
    if isinstance(message, str):
        return websocket.text_frame(message.encode()), False
    if isinstance(message, websocket.Pinged):
        return websocket.pong_frame(message.content), False
    if isinstance(message, websocket.Closed):
        return websocket.close_frame(websocket.NORMAL if message.code == NOT_GIVEN else message.code), True
    if isinstance(message, websocket.Failed):
        return websocket.close_frame(message.code), True
    return b"", False


def serve(sock):
    """One client, to its end."""
    reader, request = Reader(), None
    while request is None:
        request = reader.feed(sock.recv(65536))
    upgrade = Site({}).answer(request._replace(target=b"/chat"), "127.0.0.1")
    assert isinstance(upgrade, Upgrade), upgrade
    sock.sendall(rendered(upgrade.answer, "", False))
    decoder, data = Echo(), reader.rest
    while True:
        for message in decoder.receive(data) if data else ():
            frames, ends = answer(message)
            sock.sendall(frames)
            if ends:
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(1)
                while sock.recv(65536):
                    pass
                return
        data = sock.recv(65536)
        if not data:
            return


def main(port):
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(5)
        while True:
            sock, _ = listening.accept()
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    serve(sock)
                except OSError as error:
                    print("the client is gone:", error)


if __name__ == "__main__":
    main(int(sys.argv[1]))
