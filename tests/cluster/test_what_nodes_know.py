"""What is changed at one node is heard, kept and answered at another, at one that comes late, and at one left alone."""
import base64
import contextlib

import pytest

from parley.conformance import engine, targets
from parley.server.ipc.codec import dumps
from parley.server.ipc.messages import Shared, entry
from parley.server.order import scripts
from parley.server.supervisor.control import ask
from stress import files
from stress.irc import IrcClient
from stress.proofs.processes import wait_until
from stress.web import WebClient

LOG = "known"
CONFIG = {"accounts": {"guests": False, "accounts_per_address": 0}, "limits": {"messages_per_second": 0},
          "files": {"file_bytes": 1000}}
CAPABILITIES = ("batch draft/account-registration draft/channel-rename draft/chathistory draft/message-redaction"
                " draft/metadata-3 draft/multiline echo-message message-tags multi-prefix")
FOR_A_SNAPSHOT = 5200  # packets, and a quarter of the least `log_bytes` of them
SECONDS = 20.0  # a bound against hanging
SEALED = "parley:sealed:1:" + "A" * 300

pytestmark = pytest.mark.slow


class Nodes:
    """Nodes of one log, and who talks to them; ended with the stack."""

    def __init__(self, one, directory, stack):
        self.server, self._url, self._directory, self._stack = one.servers[0], one.url, directory, stack
        self.launched = {}

    def start(self, name):
        redis = {"url": self._url, "name": LOG, "node": name, "log_bytes": 1 << 20}
        self.launched[name] = self._stack.enter_context(targets.launch(
            1, dict(CONFIG, storage={"redis": redis}), ("--socket", str(self._directory / name)),
            protocols=("line", "irc", "web")))

    def status(self, name):
        return ask(str(self._directory / name), "status")["cluster"]

    def chatter(self, node, name):
        """Somebody of IRC with a new account, which is made before the welcome."""
        client = self._stack.enter_context(IrcClient(self.launched[node].address("irc")))
        client.say("CAP REQ :" + CAPABILITIES, "NICK " + name, "REGISTER * * secret")
        assert b"SUCCESS" in client.told("REGISTER", "FAIL")
        client.say("USER %s 0 * :x" % name, "CAP END")
        client.told("422", "376")
        return client

    def owner(self, node, name):
        """Who has made an account comes to a node by its password; another connection of its is ended."""
        client = self._stack.enter_context(IrcClient(self.launched[node].address("irc")))
        client.say("CAP REQ :sasl " + CAPABILITIES, "NICK " + name, "USER %s 0 * :x" % name, "AUTHENTICATE PLAIN")
        client.told("AUTHENTICATE")
        client.say("AUTHENTICATE " + base64.b64encode(("\0%s\0secret" % name).encode()).decode())
        client.told("903")
        client.say("CAP END")
        client.told("422", "376")
        return client

    def browser(self, node, **login):
        client = self._stack.enter_context(WebClient(self.launched[node].address("web")))
        if login:
            client.welcomed(client.answer(**login))
        return client

    def fill(self):
        """Let as much come into the log as makes a snapshot due, of a node that is not there; wait for the snapshot."""
        keys = ["{parley:%s}:%s" % (LOG, part) for part in ("log", "st")]
        packet = dumps([(0, entry(Shared.RightPassword("192.0.2.1", b"x" * 40)))])
        with engine.Connection(self.server.port) as connection:
            number = connection("EVAL", scripts.JOIN, 2, *keys, "ghost", scripts.OLDEST, scripts.VERSION, "token")[1]
            script = connection("SCRIPT", "LOAD", scripts.SUBMIT)
            for count in range(FOR_A_SNAPSHOT):
                connection("EVALSHA", script, 2, *keys,
                           *scripts.submitted(number, "ghost", "token", count + 1, packet))
            connection("EVAL", scripts.BURY, 2, *keys, number, "token")
        wait_until(lambda: self.status("a")["snapshot"], SECONDS)


@pytest.fixture
def nodes(start_engine, tmp_path):
    pytest.importorskip("redis")
    with contextlib.ExitStack() as stack:
        yield Nodes(start_engine(), tmp_path, stack)


def tag(line, name=b"msgid"):
    """The value of a tag of a line, as text."""
    return dict(one.split(b"=", 1) for one in line[1:].split(b" ")[0].split(b";") if b"=" in one)[name].decode()


def devices(name):
    """A list of the devices of an account whose name has four letters."""
    return base64.urlsafe_b64encode(
        b"\1\0\0\0\2\4" + name.encode() + b"\0\1" + bytes(194)).decode().rstrip("=")


def change(nodes, at, other, mark):
    """Change a bit of everything at one node, while those at another one hear it. Gives the web session there."""
    own, gus = nodes.chatter(at, "own" + mark), nodes.chatter(other, "gus" + mark)
    room, new = "#old" + mark, "#new" + mark
    gus.say("METADATA * SUB url")
    gus.told("770")
    own.say("JOIN " + room)
    own.told("366")
    gus.say("JOIN " + room)
    own.told("JOIN")
    own.say("MODE %s +v own%s" % (room, mark), "MODE %s +b m:gus*!*@*" % room, "MODE %s +e m:gus%s!*@*" % (room, mark))
    assert [gus.told("MODE").split(b" ", 3)[3] for _ in range(3)] == [
        text.encode() for text in ("+v own" + mark, "+b m:gus*!*@*", "+e m:gus%s!*@*" % mark)]
    gus.say("PRIVMSG %s :excepted" % room)
    assert b"excepted" in own.told("PRIVMSG")
    own.say("METADATA %s SET url :of %s" % (room, mark), "METADATA * SET url :own " + mark)
    assert gus.told("761").endswith(b":of " + mark.encode()) and gus.told("761").endswith(b":own " + mark.encode())
    own.say("BATCH +1 draft/multiline " + room, "@batch=1 PRIVMSG %s :one" % room, "@batch=1 PRIVMSG %s :two" % room,
            "BATCH -1")
    assert tag(gus.told("BATCH"))
    assert [gus.told("PRIVMSG")[-4:] for _ in range(2)] == [b":one", b":two"]
    own.say("PRIVMSG gus%s :a slip" % mark)
    slip = tag(gus.told("PRIVMSG"))
    own.say("REDACT gus%s %s" % (mark, slip))
    assert slip.encode() in gus.told("REDACT")
    own.say("RENAME %s %s" % (room, new))
    assert gus.told("RENAME").split(b" ")[2:4] == [room.encode(), new.encode()]
    wes = nodes.browser(at, do="register", name="wes" + mark, password="secret")
    una = nodes.browser(other, do="register", name="una" + mark, password="secret")
    assert wes.answer("keys", publish=devices("wes" + mark))["on"] == "done"
    una.until(lambda told: told["on"] == "keys" and told["name"] == "wes" + mark)
    wes.ask("whisper", to="una" + mark, text=SEALED)
    assert una.until(lambda told: told["on"] == "whispered")["text"] == SEALED
    return una.session


def check(nodes, node, marks, reader, sessions):
    """All of that is known at a node; reader: the name of somebody new."""
    new = nodes.chatter(node, reader)
    for mark in marks:
        room = "#new" + mark
        new.say("JOIN " + room)
        names = new.told("353").rpartition(b" :")[2].split(b" ")
        assert {"rita": b"@+own" + mark.encode(), "sina": b"@own" + mark.encode(), "tina": b"tina"}[reader] in names
        own = nodes.owner(node, "own" + mark)
        own.say("JOIN " + room)
        assert b"@own" + mark.encode() in own.told("353")
        own.say("MODE %s e" % room, "MODE %s b" % room)
        assert b" m:gus%b!*@* " % mark.encode() in own.told("348", "349")
        assert b" m:gus*!*@* " in own.told("367", "368")
        new.say("METADATA %s GET url" % room)
        assert new.told("761", "766").endswith(b":of " + mark.encode())
        new.say("CHATHISTORY LATEST %s * 1" % room)
        assert any(b" chathistory " in new.told("BATCH") for _ in range(2))  # the end of metadata is one, too
        assert b" draft/multiline " in new.told("BATCH")
        assert [new.told("PRIVMSG")[-4:] for _ in range(2)] == [b":one", b":two"]
    for mark in marks:
        web = nodes.browser(node)
        web.come_back(sessions[mark])
        assert web.name == "una" + mark
        assert web.answer("keys", of="wes" + mark)["devices"].rstrip("=") == devices("wes" + mark)
        told = web.answer("history", **{"with": "wes" + mark})
        assert [message["text"] for message in told["messages"]] == [SEALED]


def test_what_is_new_at_one_node_is_known_at_all(nodes):
    nodes.start("a")
    nodes.start("b")
    sessions = {"1": change(nodes, "a", "b", "1")}
    nodes.fill()
    sessions["2"] = change(nodes, "b", "a", "2")
    check(nodes, "b", ["1", "2"], "rita", sessions)
    nodes.start("c")
    assert nodes.status("c")["snapshot"]
    check(nodes, "c", ["1", "2"], "sina", sessions)
    offered = files.Sent(nodes.browser("c", do="register", name="pat", password="secret"), b"data")
    assert offered.refusal == "files-off"
    assert "nobody can send files" in nodes.launched["c"].stderr_text()
    for server in nodes.launched.values():
        assert server.stop() == 0
    nodes.start("a")
    check(nodes, "a", ["1", "2"], "tina", sessions)
