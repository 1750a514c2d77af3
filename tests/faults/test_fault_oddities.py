"""Resets, urgent data, strangers who speak something else, and bugs of our own."""
import os
import socket

import pytest

from stress.proofs.clients import Client
from stress.proofs.processes import children, worker_of

BANNERS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP POST": b"POST /x HTTP/1.0\r\nContent-Length: 14\r\n\r\nLOGIN mallory\n",
    "TLS": bytes.fromhex("160301020001000100") + os.urandom(64),
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "SMTP": b"EHLO example.org\r\n",
    "RDP": bytes.fromhex("0300002b26e00000000000"),
}

BUGS = """
import os
try:
    from parley.server.chat import session
    from parley.server.protocols import events
    from parley.server.worker import connection, fanout
except ImportError:
    pass
else:
    def strike(*args):
        raise RuntimeError("injected")

    def unless_asked(original, asked):
        return lambda self, *args, **named: strike() if asked(self, *args) else original(self, *args, **named)

    place = os.environ["BUG_IN"]
    member = session.HANDLERS[session.MEMBER]
    if place == "say":
        member[events.Say] = unless_asked(member[events.Say], lambda self, say: say.text == b"boom")
    elif place == "read":
        connection.Connection._take = unless_asked(connection.Connection._take, lambda self, data: b"boom" in data)
    elif place == "answer":
        session.Session._go_on = unless_asked(
            session.Session._go_on, lambda self, *answers: self.client.name == b"victim")
    elif place == "welcome":
        fanout.Audience.enter = unless_asked(
            fanout.Audience.enter, lambda self, session, room: session.name == b"boomer")
"""


@pytest.mark.parametrize("moment", ["at once", "half a line", "login in flight", "logged in", "talking", "asking"])
def test_a_reset_at_any_moment_ends_one_client_only(start, join, moment):
    server = start(workers=2)
    observer = join(server.worker_address(0), "observer")
    said = {"at once": b"", "half a line": b"LOGIN an", "login in flight": b"LOGIN ann\n", "logged in": b"",
            "talking": b"MSG hi\n" * 50, "asking": b"WHO\nDM observer x\n" * 50}[moment]
    for _ in range(30):
        name = "ann" if moment in ("logged in", "talking", "asking") else None
        client = Client(server.worker_address(1), name)
        client.send(said)
        client.reset()
        if name:
            heard = observer.until("INFO ann disconnected")
            assert set(heard) <= {b"MSG ann hi", b"DM ann x"}
    assert set(observer.heard()) <= {b"INFO ann disconnected"}
    join(server.worker_address(1), "later")


def test_urgent_data_is_no_text_and_does_no_harm(start, join):
    server = start(workers=1)
    ann, bob = join(server.address(), "ann"), join(server.address(), "bob")
    ann.send(b"MSG he")
    ann.sock.send(b"!", socket.MSG_OOB)
    ann.send(b"llo\n")
    bob.expect("MSG ann hello")


@pytest.mark.parametrize("way", ["whole", "byte by byte"])
def test_a_client_of_another_protocol_is_closed_and_never_a_user(start, join, way):
    server = start(workers=1)
    observer = join(server.address(), "observer")
    for what, banner in BANNERS.items():
        foreign = join(server.address())
        try:
            for piece in [banner] if way == "whole" else [banner[i:i + 1] for i in range(len(banner))]:
                foreign.send(piece)
        except OSError:
            pass  # it is closed already
        assert foreign.rest() == [b"ERR unknown-protocol"], what
        observer.say("WHO")
        assert observer.heard() == [b"USER observer"], what


@pytest.mark.parametrize("place, name, provoke", [
    ("say", "victim", "MSG boom"), ("read", "victim", "DM boom x"), ("answer", "victim", None),
    ("welcome", "boomer", None)])
def test_a_bug_costs_one_connection_and_is_logged(start, join, tmp_path, place, name, provoke):
    (tmp_path / "sitecustomize.py").write_text(BUGS)
    where = os.pathsep.join([str(tmp_path), os.getcwd()])
    server = start(workers=1, trouble=True, environment={"PYTHONPATH": where, "BUG_IN": place})
    worker = worker_of(server, 0)
    observer = join(server.address(), "observer")
    victim = join(server.address(), name if provoke else None)
    victim.say(provoke or "LOGIN " + name)
    assert victim.rest()[-1] == b"ERR internal-error"
    assert "RuntimeError: injected" in server.stderr_text()
    assert worker in children(server.pid)
    assert observer.heard() == [b"INFO %s disconnected" % name.encode()]
