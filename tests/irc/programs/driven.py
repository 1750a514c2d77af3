"""What the bots have in common: they are told on stdin what to do, and say on stdout what they have heard.

Each is run as `PYTHON bot.py HOST PORT NICK ROOM`. A line of stdin is one of

    say TEXT        whisper NICK TEXT        rename NICK        leave        enter        quit

and a line of stdout one of

    inside                       it is in the room, and has got the list of who else is
    said NICK TEXT               in the room
    whispered NICK TEXT          to it alone
    entered NICK, left NICK      the room, also by the end of a connection
    renamed OLD NEW
    kicked NICK BY
    topic TEXT

The clients for people tell it as their logs have it: `kicked-by BY NICK`, `renamed me NEW`, and `shown LINE` for all
else.
"""
import queue
import sys
import threading


def arguments():
    """(host, port, nick, room) of the command line."""
    host, port, nick, room = sys.argv[1:]
    return host, int(port), nick, room


def tell(*words):
    """Say what was heard."""
    sys.stdout.buffer.write((" ".join(map(str, words)) + "\n").encode())
    sys.stdout.buffer.flush()


def commands():
    """What to do, as (verb, rest) each; then ("quit", "")."""
    for line in iter(sys.stdin.buffer.raw.readline, b""):  # without a lock that a daemon thread may hold at the end
        verb, _, rest = line.decode().rstrip("\n").partition(" ")
        yield verb, rest
    yield "quit", ""


def obey_from_thread(do):
    """Call `do(verb, rest)` for each command in a thread of its own, for libraries that allow it."""

    def run():
        for verb, rest in commands():
            do(verb, rest)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()


def queued():
    """A function that gives the next command, or None if there is none yet."""
    waiting = queue.Queue()
    obey_from_thread(lambda verb, rest: waiting.put((verb, rest)))

    def take():
        try:
            return waiting.get_nowait()
        except queue.Empty:
            return None

    return take


def obey_from_loop(loop, do):
    """Call `do(verb, rest)` in the loop of asyncio for each command."""
    obey_from_thread(lambda verb, rest: loop.call_soon_threadsafe(do, verb, rest))
