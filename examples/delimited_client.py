"""A small client of the `delimited` protocol: python examples/delimited_client.py NAME [HOST [PORT]]. ASCII only.

Without a checkout it needs talk.py in its directory: `parley example talk.py > talk.py`.
"""
from talk import talk

CREATE, SEND = 0, 2


def frame(command, *items):
    data = "|||".join(items).encode("ascii")
    return bytes([0, command]) + len(data).to_bytes(40, "big") + data


def heard(read):
    header = read(42)
    size = int.from_bytes(header[2:], "big")
    return "%d %s" % (header[1], read(size).decode("ascii") if size else "")


talk(9000, lambda name: frame(CREATE, name), lambda name, text: frame(SEND, name, "lobby", text), heard)
