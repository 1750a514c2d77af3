"""A small client of the `binary` protocol: python examples/binary_client.py NAME [HOST [PORT]].

Without a checkout it needs talk.py in its directory: `parley example talk.py > talk.py`.
"""
import struct
import time

from talk import talk

HEADER = struct.Struct("!BIII10sI")  # version, type, name's length, content's length, name, time
TALK, JOIN = 100, 200


def frame(kind, name, content):
    name, content = name.encode(), content.encode()
    return HEADER.pack(1, kind, len(name), len(content), name, int(time.time())) + content


def heard(read):
    _, kind, name_size, size, name, _ = HEADER.unpack(read(HEADER.size))
    return "%d %s: %s" % (kind, name[:name_size].decode(), read(size).decode() if size else "")


talk(12000, lambda name: frame(JOIN, name, name), lambda name, text: frame(TALK, name, text), heard)
