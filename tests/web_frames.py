"""WebSocket frames as a client sends them, by the suite's codec, which shares nothing with the server."""
import json

from parley.conformance.wire import web as wire

MASK = b"\x12\x34\xab\xfe"
TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


def frame(content, opcode=TEXT, last=True, mask=MASK):
    """One frame."""
    return wire.frame(opcode, content, last, mask)


def said(**fields):
    """The frame of a JSON object."""
    return frame(json.dumps(fields).encode())


def contents(data):
    """(opcode, content) of each of a server's frames, which have to be whole."""
    found = []
    while data:
        opcode, is_last, is_masked, content, size = wire.first_frame(data)
        assert is_last and not is_masked
        found.append((opcode, content))
        data = data[size:]
    return found


def objects(data):
    """The JSON objects in a server's text frames."""
    return [json.loads(content.decode()) for opcode, content in contents(data) if opcode == TEXT]
