"""What the clients for people have in common: what they show is read from their logs."""
import glob
import os
import re
import threading
import time

from driven import tell

PATIENCE = 0.05  # seconds between two looks at a file


def follow(path, patterns):
    """Tell, in a thread, what the lines that are appended to the file say. It may not be there yet.

    patterns: (regular expression with groups in the order of the words, first word) of each kind; the first that
        matches counts. What matches none is told as `shown`, for whoever looks why a test fails.
    """
    compiled = [(re.compile(pattern), word) for pattern, word in patterns]

    def run():
        while not os.path.exists(path):
            time.sleep(PATIENCE)
        with open(path, encoding="utf-8", errors="replace", newline="\n") as lines:
            held = ""
            while True:
                held += lines.readline()
                if not held.endswith("\n"):
                    time.sleep(PATIENCE)
                    continue
                for pattern, word in compiled:
                    found = pattern.search(held.rstrip("\n"))
                    if found:
                        tell(word, *found.groups())
                        break
                else:
                    tell("shown", held.rstrip("\n"))
                held = ""

    threading.Thread(target=run, daemon=True).start()


def follow_all(pattern, patterns):
    """The same for all files whose paths match."""

    def run():
        known = set()
        while True:
            for path in set(glob.glob(pattern)) - known:
                known.add(path)
                follow(path, patterns)
            time.sleep(PATIENCE)

    threading.Thread(target=run, daemon=True).start()


def typed(verb, rest, room):
    """What a person types for this, after a slash; or the text to say in the room."""
    to, _, text = rest.partition(" ")
    return {"say": rest, "whisper": "/msg {} {}".format(to, text), "rename": "/nick " + rest, "leave": "/part " + room,
            "enter": "/join " + room, "quit": "/quit bye"}[verb]
