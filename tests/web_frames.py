"""WebSocket frames as a client sends them, written for the tests alone."""
import json
import struct

MASK = b"\x12\x34\xab\xfe"
TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


def frame(content, opcode=TEXT, last=True, mask=MASK):
    """One frame."""
    size = len(content)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + struct.pack("!H", size)
    else:
        length = b"\xff" + struct.pack("!Q", size)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(content))
    return bytes([opcode | (0x80 if last else 0)]) + length + mask + masked


def said(**fields):
    """The frame of a JSON object."""
    return frame(json.dumps(fields).encode())


def contents(data):
    """(opcode, content) of each of a server's frames, which have to be whole."""
    found = []
    while data:
        size, start = data[1], 2
        assert size < 128, "a server's frames are not masked"
        if size == 126:
            (size,), start = struct.unpack_from("!H", data, 2), 4
        elif size == 127:
            (size,), start = struct.unpack_from("!Q", data, 2), 10
        assert data[0] & 0x80 and len(data) >= start + size
        found.append((data[0] & 0x0f, data[start:start + size]))
        data = data[start + size:]
    return found


def objects(data):
    """The JSON objects in a server's text frames."""
    return [json.loads(content.decode()) for opcode, content in contents(data) if opcode == TEXT]
