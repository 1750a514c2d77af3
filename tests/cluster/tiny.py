"""A tiny chat server over a log of Redis, and no code of Parley: `python tiny.py naive|right NAME SENTINEL_PORT...`.

It speaks a little of the `line` protocol, and answers OK to MSG once it has heard what was said from the log. Names are
entries of the log: who comes first has one. It prints its port when it has caught up. The two kinds of log are in
`naive.py` and `right.py`; what one is caught with, the other has to pass.
"""
import json
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import naive  # noqa: E402
import right  # noqa: E402

LOGS = {"naive": naive.Log, "right": right.Log}


class Hub:
    """All that is known, as the entries of the log say it; one at a time."""

    def __init__(self):
        self.lock = threading.RLock()
        self.names = {}  # name -> (node, number of its connection)
        self.clients = {}  # number of a connection -> Client, of this node
        self.history = []  # (number, name, text)
        self.me = None  # which node this is

    def apply(self, number, entry):
        """What an entry leads to, on every node."""
        with self.lock:
            who, name, kind = (entry["node"], entry["connection"]), entry["name"], entry["kind"]
            client = self.clients.get(who[1]) if who[0] == self.me else None
            if kind == "up":
                self.names = {name: holder for name, holder in self.names.items() if holder[0] != who[0]}
            elif kind == "claim":
                granted = self.names.setdefault(name, who) == who
                if client:
                    client.name = name if granted else None
                    client.tell("OK" if granted else "ERR username-taken")
            elif self.names.get(name) != who:
                if client and kind == "say":
                    client.tell("ERR must-login-first")
            elif kind == "free":
                del self.names[name]
            else:
                self.history.append((number, name, entry["text"]))
                for other in self.clients.values():
                    if other.name and other is not client:
                        other.tell("MSG %s %s" % (name, entry["text"]))
                if client:
                    client.tell("OK")


class Client:
    """One connection, in a thread of its own."""

    def __init__(self, hub, log, sock, number):
        self.name = None
        self._hub = hub
        self._log = log
        self._sock = sock
        self._number = number

    def tell(self, *lines):
        try:
            self._sock.sendall("".join(line + "\n" for line in lines).encode())
        except OSError:
            pass  # it has gone, which is seen on reading

    def serve(self):
        claimed = None
        try:
            for line in self._sock.makefile("r", encoding="utf-8", newline="\n"):
                word, _, rest = line.rstrip("\n").partition(" ")
                if word == "LOGIN":
                    claimed = rest
                    self._submit("claim", rest)
                elif word == "MSG":
                    self._submit("say", claimed, rest)
                else:
                    self._look_up(word, rest)
        except OSError:
            pass
        with self._hub.lock:
            del self._hub.clients[self._number]
        if claimed:
            self._submit("free", claimed)
        self._sock.close()

    def _submit(self, kind, name, text=""):
        self._log.submit({"kind": kind, "node": self._hub.me, "connection": self._number, "name": name, "text": text})

    def _look_up(self, word, rest):
        with self._hub.lock:
            if word == "PING":
                self.tell("PONG")
            elif word == "WHO":
                self.tell(*["USER " + name for name in sorted(self._hub.names)])
            else:
                since = int(rest.split(" ")[1])
                told = [entry for entry in self._hub.history if entry[0] > since]
                self.tell(*["HIST %d 0 %s %s" % entry for entry in told],
                          "END HISTORY %d end" % max([since] + [entry[0] for entry in told]))


def main(kind, name, *sentinels):
    hub = Hub()
    log = LOGS[kind](name, [int(port) for port in sentinels], lambda number, text: hub.apply(number, json.loads(text)))
    hub.me = log.node
    log.start()
    log.submit({"kind": "up", "node": hub.me, "connection": 0, "name": "", "text": ""})
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        print(listener.getsockname()[1], flush=True)
        number = 0
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number += 1
            client = Client(hub, log, sock, number)
            with hub.lock:
                hub.clients[number] = client
            threading.Thread(target=client.serve, daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
