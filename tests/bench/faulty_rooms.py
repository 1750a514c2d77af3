"""The prototype with rooms and a fault: `python tests/bench/faulty_rooms.py PORT FAULT`."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from bench.rivals import prototype

FAULTY = 30  # which of all sends is wrong


def to_a_stranger(client, data):
    """What it hears, somebody hears too who is not in the room."""
    line, room, _ = _first(data)
    next(one for one in Wrong.everybody if one.name and room not in one.rooms).send(line)
    return data


def to_its_author(client, data):
    """What it hears, whoever said it hears too."""
    line, _, author = _first(data)
    next(one for one in Wrong.everybody if one.name == author).send(line)
    return data


def under_another_name(client, data):
    """It hears it as if it came from another of its rooms."""
    _, room, _ = _first(data)
    return data.replace(room, next(other for other in client.rooms if other != room))


def _first(data):
    line = data[:data.index(b"\n") + 1]
    room, _, author, _ = line.split(b" ", 3)
    return line, room, author


FAULTS = {
    "lost": lambda client, data: b"",
    "doubled": lambda client, data: data + data,
    "altered": lambda client, data: data.replace(b"x\n", b"y\n"),
    "stray": to_a_stranger,
    "own": to_its_author,
    "renamed": under_another_name,
}


class Wrong(prototype.Client):
    """Hears wrong once."""

    everybody = []
    heard = 0

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.everybody.append(self)

    def send(self, data):
        if data.startswith(b"#"):
            Wrong.heard += 1
            if Wrong.heard == FAULTY:
                data = FAULTS[sys.argv[2]](self, data)
        super().send(data)


if __name__ == "__main__":
    prototype.Client = Wrong
    prototype.serve(int(sys.argv[1]), 1)
