"""Pulls a client's cable: suddenly nothing goes in or out any more, and no packet says that the connection has ended.

Run in a network namespace of its own. The client's address is taken away there, so that the kernel has no way to it.
"""
import socket
import subprocess
import sys

from parley.conformance.targets import PROTOCOLS, launch
from stress.proofs import voices
from stress.proofs.clients import Client

ADDRESS = "10.9.8.7"
# The login of carl, who has an account without a password.
HELLOS = {
    "line": b"LOGIN carl\n",
    "binary": b"\1\0\0\0\xc8\0\0\0\0\0\0\0\4" + bytes(14) + b"carl",
    "padded": b"%-64d[05:55 AM] carl: hi!" % 20,
    "delimited": b"\0\5" + (4).to_bytes(40, "big") + b"carl",
    "dollar": b"$%-10d%b$" % (54, b"{'purpose': 'login','username': 'carl','password': ''}"),
}


def main():
    _ip("link", "set", "lo", "up")
    with launch(2, {"idle_timeout": 2}, protocols=PROTOCOLS) as server:
        with Client(server.address(), "lina") as lina:
            lina.heard()
            with voices.Delimited(server.address("delimited"), b"carl") as founder:
                assert founder.create()
            lina.until("INFO carl disconnected")
            for protocol in PROTOCOLS:
                _pull(server, protocol, lina)
        assert server.stop() == 0
        assert "Traceback" not in server.stderr_text(), server.stderr_text()


def _pull(server, protocol, lina):
    """The others are told that carl has left; the name is free, and direct messages to it are kept."""
    _ip("addr", "add", ADDRESS + "/32", "dev", "lo")
    sock = socket.create_connection(server.address(protocol), 10, (ADDRESS, 0))
    sock.sendall(HELLOS[protocol])
    assert sock.recv(4096)
    _ip("addr", "del", ADDRESS + "/32", "dev", "lo")
    lina.say("MSG are you there?")
    heard = []
    while heard[-1:] != [b"INFO carl disconnected"]:
        lina.say("PING")
        heard.append(lina.line(20))
    lina.say("DM carl kept for you")
    lina.heard()
    with voices.Delimited(server.address("delimited"), b"carl") as owner:
        owner.enter()
        assert owner.deliver() == [b"kept for you"]
    lina.until("INFO carl disconnected")
    sock.close()


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
