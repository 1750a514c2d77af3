"""People with programs of others share a room with clients of the other protocols, and all hear the same.

Whatever is installed takes part: clients from Debian (irssi, WeeChat, ii), and libraries for bots, of Python and of
Node. `tools/irc_programs.sh` installs them, in the versions that were tried. HexChat, whose window is driven by blind
keys on a screen of its own, joins them in `./dev long`.
"""
import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from parley.client import Joined, Left, Renamed, Said, Whispered, connect
from parley.conformance.targets import launch

SECONDS = 60  # until what is expected has come, on a machine that does much else
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
CACHE = os.path.expanduser("~/.cache/parley-irc")
LIBRARIES = os.path.join(CACHE, "python")
ROOM = "#dev"
CLIENTS = {"irssi": ["irssi"], "ii": ["ii"], "weechat": ["weechat-headless"],
           "hexchat": ["hexchat", "Xvfb", "xdotool"]}
WINDOW = "hexchat"
BOTS = {"irc": "irc", "irc3": "irc3", "pydle": "pydle", "sopel": "sopel", "limnoria": "supybot",
        "miniirc": "miniirc.py"}
WORDS = {Said: "said", Whispered: "whispered", Joined: "entered", Left: "left", Renamed: "renamed"}
ACCOUNTS = {"dolla": "secret of dollar", "ann": "secret of ann"}
OTHERS = ("line", "binary", "delimited", "dollar", "web")


def installed(window=False):
    """{name of a program: its command} of what can take part. window: also what has one."""
    commands = {name: [sys.executable, os.path.join(HERE, "client_{}.py".format(name))]
                for name, needed in CLIENTS.items()
                if all(map(shutil.which, needed)) and (window or name != WINDOW)}
    if sys.version_info < (3, 10):
        return commands  # the libraries need that
    commands.update((name, [sys.executable, os.path.join(HERE, "bot_{}.py".format(name))])
                    for name, module in BOTS.items() if os.path.exists(os.path.join(LIBRARIES, module)))
    if shutil.which("node") and os.path.isdir(os.path.join(CACHE, "node_modules", "irc-framework")):
        commands["framework"] = ["node", os.path.join(HERE, "bot_framework.js")]
    return commands


class Heard:
    """What somebody has heard, in order: tuples of words."""

    def __init__(self, who):
        self.who = who
        self.lines = []
        self._news = threading.Condition()

    def note(self, *words):
        """It has heard this."""
        with self._news:
            self.lines.append(words)
            self._news.notify_all()

    def wait(self, *words):
        """Wait until it has heard this."""
        with self._news:
            assert self._news.wait_for(lambda: words in self.lines, SECONDS), \
                "{} has not heard {} but {}".format(self.who, words, self.lines)

    def said(self):
        """What was said in the room, in order."""
        with self._news:
            return [line[1:] for line in self.lines if line[0] == "said"]


class Program:
    """Somebody with a program of others: see `programs/driven.py`."""

    def __init__(self, name, command, host, port, directory):
        self.name = name
        self.heard = Heard(name)
        os.mkdir(directory)
        self._errors = open(os.path.join(directory, "stderr"), "w+b")
        self._process = subprocess.Popen(
            [*command, host, str(port), name, ROOM], cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, start_new_session=True,
            env=dict(os.environ, HOME=directory, PYTHONPATH=LIBRARIES,
                     NODE_PATH=os.path.join(CACHE, "node_modules")))
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self):
        for line in self._process.stdout:
            verb, *rest = line.decode().rstrip("\n").split(" ", 2)
            if verb in ("topic", "shown"):
                rest = [" ".join(rest)]
            elif verb == "kicked-by":
                verb, rest = "kicked", rest[::-1]
            elif verb == "renamed" and rest[0] == "me":
                rest = [self.name, rest[1]]
            self.heard.note(verb, *rest)

    def do(self, *words):
        """Let it do something."""
        self._process.stdin.write((" ".join(words) + "\n").encode())
        self._process.stdin.flush()

    def close(self):
        """End it, and whatever it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
        self._thread.join(SECONDS)  # it reads to the end
        self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()


class Ours:
    """Somebody with our client, in another protocol."""

    def __init__(self, name, protocol, host, port):
        self.name = name
        self.heard = Heard(name)
        self.chat = connect("{}://{}:{}".format(protocol, host, port), name, ACCOUNTS.get(name))
        if self.chat.can("join_room"):
            self.chat.join_room(ROOM)
        self.chat.finish()
        self._done = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self):
        while not self._done:
            with self._lock:
                events = self.chat.poll(0.02)
            for event in events:
                word = WORDS.get(type(event))
                if word and getattr(event, "room", ROOM) in (ROOM, None):
                    self.heard.note(word, *[part for part in event[:2] if part != ROOM])
            time.sleep(0.001)  # somebody else may want the lock

    def ask(self, request, *arguments):
        """Make a request of the client."""
        with self._lock:
            getattr(self.chat, request)(*arguments)

    def close(self):
        """End it."""
        self._done = True
        self._thread.join()
        self.chat.close(0)


@contextlib.contextmanager
def room(programs):
    """({name: Program}, {name: Ours}, start a program again) of those who are in the room; `ann` may do all there."""
    listen = dict.fromkeys(("irc", "padded", *OTHERS), 0)
    with launch(config={"listen": dict(listen, padded=False), "operators": ["ann"]},
                args=["--listen", "padded=0:" + ROOM], protocols=tuple(listen), users=ACCOUNTS) as server, \
            tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as people:

        def enter(person):
            people.callback(person.close)
            return person

        ours = {"ann": enter(Ours("ann", "line", *server.address("line")))}
        for protocol in (*OTHERS[1:], "padded"):
            name = protocol[:5]  # all of which fits into a name of `binary`
            address = _port_of_room(server) if protocol == "padded" else server.address(protocol)
            ours[name] = enter(Ours(name, protocol, *address))
        places = (os.path.join(directory, str(number)) for number in itertools.count())

        def come(name):
            return enter(Program(name, programs[name], *server.address("irc"), next(places)))

        def come_back(name):
            person = come(name)
            person.heard.wait("inside")
            return person

        theirs = {name: come(name) for name in sorted(programs)}
        for person in theirs.values():
            person.heard.wait("inside")
        yield theirs, ours, come_back


def _port_of_room(server):
    """(host, port) at which one is in the room by `padded`."""
    found = re.search(r"Serving padded for {} on (\S+):(\d+)".format(ROOM), "\n".join(server.stdout))
    return found.group(1), int(found.group(2))


@pytest.mark.skipif(not installed(), reason="no program for IRC is installed")
@pytest.mark.parametrize("window", [False, pytest.param(True, marks=pytest.mark.long)], ids=["without", "with-hexchat"])
def test_programs_of_others_share_a_room_with_all_protocols(window):
    with room(installed(window)) as (theirs, ours, come_back):
        _talk(theirs, ours)
        _whisper(theirs, ours["ann"])
        ours["ann"].ask("topic", ROOM, "of this and that")
        for person in theirs.values():
            person.heard.wait("topic", "of this and that")
        for name, person in theirs.items():
            person.close()
            ours["ann"].heard.wait("left", name)
            theirs[name] = come_back(name)
        _rename(theirs)
        for person in theirs.values():
            person.do("leave")
            ours["ann"].heard.wait("left", person.name + "2")
            person.do("enter")
            ours["ann"].heard.wait("entered", person.name + "2")
        first, *others = theirs.values()
        ours["ann"].ask("kick", ROOM, first.name + "2", "enough")
        for person in others:
            person.heard.wait("kicked", first.name + "2", "ann")


def _talk(theirs, ours):
    everybody = [*theirs.values(), *ours.values()]
    ann = ours["ann"]
    for person in theirs.values():
        person.do("say", "hello from " + person.name)
    for person in ours.values():
        person.ask("say", "hello from " + person.name, *[] if person.name == "padde" else [ROOM])
    for hearer in everybody:
        for speaker in everybody:
            if speaker is not hearer:
                hearer.heard.wait("said", speaker.name, "hello from " + speaker.name)
    ann.ask("say", "gr\u00fc\u00df dich,  zwei Leerzeichen: :)", ROOM)
    for hearer in everybody:
        if hearer is not ann:
            hearer.heard.wait("said", "ann", "gr\u00fc\u00df dich,  zwei Leerzeichen: :)")
    _is_one_order(everybody)


def _whisper(theirs, ann):
    for person in theirs.values():
        person.do("whisper", "ann", "psst from " + person.name)
        ann.heard.wait("whispered", person.name, "psst from " + person.name)
        ann.ask("whisper", person.name, "yes " + person.name + "?")
        person.heard.wait("whispered", "ann", "yes " + person.name + "?")
    for person in theirs.values():
        assert [line for line in person.heard.lines if line[0] == "whispered" and line[1] != person.name] == [
            ("whispered", "ann", "yes " + person.name + "?")]


def _rename(theirs):
    for person in theirs.values():
        person.do("rename", person.name + "2")
        for hearer in theirs.values():
            if hearer is not person:
                hearer.heard.wait("renamed", person.name, person.name + "2")


def _is_one_order(everybody):
    """What two of them have heard in common they have heard in the same order, and nothing twice.

    But for their own words, which a program may show when they are sent.
    """
    orders = [(person.name, [said for said in person.heard.said() if said[0] != person.name]) for person in everybody]
    for one, order in orders:
        assert len(set(order)) == len(order), order
        for other, theirs in orders:
            assert [said for said in order if said[0] != other] == [said for said in theirs if said[0] != one]
