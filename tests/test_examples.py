"""The small reference clients and somebody with `nc`, in one room; and bots that are cut off."""
import contextlib
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest
from doorway import Doorway

from parley.conformance.targets import launch

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLIENTS = {"binary": "bea", "padded": "pat", "delimited": "dan", "dollar": "Alice"}
PROTOCOLS = ("line", "binary", "padded", "delimited", "web", "dollar")
SECONDS = 60


class Client:
    """A reference client in a process of its own, and what it prints."""

    def __init__(self, protocol, address):
        host, port = address
        self.process = subprocess.Popen(
            [sys.executable, "-u", os.path.join(ROOT, "examples", protocol + "_client.py"), CLIENTS[protocol], host,
             str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def hears(self, text):
        while text not in self.lines.get(timeout=SECONDS):
            pass

    def leave(self):
        self.process.stdin.close()
        return self.process.wait(SECONDS)


@pytest.fixture
def server():
    with launch(workers=2, protocols=PROTOCOLS, users={"Alice": "123"}) as server:
        yield server


def test_the_reference_clients_and_a_line_talk_in_one_room(server):
    with socket.create_connection(server.address("line"), SECONDS) as line:
        lines = line.makefile("rw", encoding="utf-8", newline="\n")
        lines.write("LOGIN lea\n")
        lines.flush()
        assert lines.readline() == "OK\n"
        clients = {protocol: Client(protocol, server.address(protocol)) for protocol in CLIENTS}
        try:
            for protocol, name in CLIENTS.items():
                clients[protocol].say("I am " + name)
                while lines.readline() != "MSG %s I am %s\n" % (name, name):
                    pass
            lines.write("MSG welcome, all of you\n")
            lines.flush()
            for client in clients.values():
                client.hears("welcome, all of you")
            assert [client.leave() for client in clients.values()] == [0, 0, 0, 0]
        finally:
            for client in clients.values():
                client.process.kill()
                client.process.wait()


def test_a_reference_client_is_told_how_it_is_called_and_leaves_at_an_interrupt(server):
    script = os.path.join(ROOT, "examples", "padded_client.py")
    told = subprocess.run([sys.executable, script], stderr=subprocess.PIPE, universal_newlines=True, timeout=SECONDS)
    assert (told.returncode, told.stderr) == (1, "usage: python %s NAME [HOST [PORT]]\n" % script)
    client = Client("padded", server.address("padded"))
    try:
        client.say("hello")
        client.hears("Msg received")
        client.process.send_signal(signal.SIGINT)
        assert client.process.wait(SECONDS) == 0
        client.reader.join(SECONDS)
        assert client.lines.empty()
    finally:
        client.process.kill()
        client.process.wait()


# ---- bots that come back


def web_bot_in_python(address):
    return [sys.executable, os.path.join(ROOT, "examples", "web_bot.py"), "web://%s:%d" % address]


def web_bot_in_javascript(address):
    """Skips where there is no Node, or one that has no WebSocket."""
    if not shutil.which("node"):
        pytest.skip("no bot in JavaScript: node is not installed")
    for options in ([], ["--experimental-websocket"]):
        asked = ["node", *options, "-e", "globalThis.WebSocket || require('ws')"]
        if subprocess.call(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            return ["node", *options, os.path.join(ROOT, "examples", "web_bot.mjs"), "ws://%s:%d/chat" % address]
    return pytest.skip("no bot in JavaScript: this node has neither WebSocket nor the package ws")


@pytest.mark.parametrize("command", [web_bot_in_python, web_bot_in_javascript])
def test_a_bot_comes_back_to_its_session_and_misses_nothing(server, command):
    doorway = Doorway()
    with contextlib.ExitStack() as stack:
        stack.callback(doorway.close)
        doorway.lead_to(server.address("web"))
        line = stack.enter_context(socket.create_connection(server.address("line"), SECONDS))
        lines = stack.enter_context(line.makefile("rw", encoding="utf-8", newline="\n"))

        def say(*words):
            for word in words:
                lines.write(word + "\n")
            lines.flush()

        def told():
            """What the bot says next."""
            while True:
                room, word, sender, text = (lines.readline().rstrip("\n").split(" ", 3) + [""] * 3)[:4]
                assert room, "the connection has ended"
                if (room, word, sender) == ("#coffee", "MSG", "barista"):
                    return text

        say("LOGIN lea", "JOIN #coffee")
        bot = stack.enter_context(subprocess.Popen(command(doorway.address), env=dict(os.environ, PYTHONPATH=ROOT)))
        stack.callback(bot.kill)
        while lines.readline() != "#coffee INFO barista joined\n":
            pass
        say("#coffee MSG !tally", "#coffee MSG !coffee", "#coffee MSG !tally")
        assert [told(), told()] == ["No coffee yet.", "lea: 1"]
        doorway.shut()
        say("#coffee MSG !coffee", "#coffee MSG !coffee", "#coffee MSG !tally")
        doorway.lead_to(server.address("web"))
        assert told() == "lea: 3"
        say("#coffee MSG !tally")
        assert told() == "lea: 3"
