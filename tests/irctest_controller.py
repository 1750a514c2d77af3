"""A controller for irctest (https://github.com/progval/irctest), which judges servers of IRC.

`tools/irctest.sh` runs it. PARLEY_PYTHON names the Python that runs the server; the default is the one that runs
irctest.
"""
import collections
import json
import os
import signal
import subprocess
import sys
import time

from irctest import patma
from irctest.basecontrollers import BaseServerController, DirectoryBasedController, NotImplementedByController
from irctest.specifications import Capabilities, OptionalBehaviors

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OPERATOR, PASSWORD = "operuser", "operpassword"
LONGEST_PASSWORD = 128  # bytes
OTHERS = ("line", "binary", "padded", "delimited", "dollar", "web")


def _wants_clients_that_stay(change):
    """Does a test configure Ergo so? change: a function of the whole configuration, or None."""
    config = collections.defaultdict(lambda: collections.defaultdict(dict))
    if change is not None:
        change(config)
    return "always-on" in config["accounts"]["multiclient"]


class ParleyController(BaseServerController, DirectoryBasedController):
    """Starts a server for each test, with the settings that the test wants."""

    software_name = "Parley"
    _port_wait_interval = 0.02
    supported_sasl_mechanisms = {"PLAIN", "SCRAM-SHA-256"}
    supports_sts = False
    extban_mute_char = "m"
    capabilities = frozenset([
        Capabilities.ACCOUNT_NOTIFY, Capabilities.ACCOUNT_TAG, Capabilities.AWAY_NOTIFY, Capabilities.BATCH,
        Capabilities.ECHO_MESSAGE, Capabilities.EXTENDED_JOIN, Capabilities.EXTENDED_MONITOR,
        Capabilities.LABELED_RESPONSE, Capabilities.MESSAGE_TAGS, Capabilities.MULTI_PREFIX,
        Capabilities.READ_MARKER, Capabilities.SERVER_TIME, Capabilities.SETNAME])
    optional_behaviors = frozenset([
        OptionalBehaviors.BAN_EXCEPTION_MODE, OptionalBehaviors.CAP_REQ_MINUS, OptionalBehaviors.ELIST_U,
        OptionalBehaviors.INVITE_EXCEPTION_MODE, OptionalBehaviors.INVITE_LIST, OptionalBehaviors.MULTI_JOIN,
        OptionalBehaviors.MULTI_KICK, OptionalBehaviors.MULTI_PRIVMSG, OptionalBehaviors.NO_CTCP,
        OptionalBehaviors.SASL_AFTER_REGISTRATION, OptionalBehaviors.SASL_REAUTHENTICATION])
    isupport = {
        "ACCOUNTEXTBAN": patma.ANYSTR,
        "BOT": "B",
        "CASEMAPPING": "ascii",
        "ELIST": patma.StrRe(".*U.*"),
        "INVEX": None,
        "MONITOR": patma.ANYSTR,
        "MSGREFTYPES": "msgid,timestamp",
        "PREFIX": "(ov)@+",
        "STATUSMSG": "@+",
        "TARGMAX": patma.ANYSTR,
        "UTF8ONLY": None,
        "WHOX": None,
    }

    def run(self, hostname, port, *, password, ssl, run_services, faketime, websocket_hostname=None,
            websocket_port=None, config=None):
        """Start the server."""
        if self.test_config.account_registration_requires_email:
            raise NotImplementedByController("accounts by mail")
        if _wants_clients_that_stay(self.test_config.ergo_config):
            raise NotImplementedByController("clients that stay when they have gone, and several of one name")
        if password is not None:
            raise NotImplementedByController("a password of the server")
        if websocket_port is not None:
            raise NotImplementedByController("IRC over WebSocket")
        self.create_config()
        self.port, self.hostname = port, hostname
        users = [{"username": OPERATOR, "password": PASSWORD}]
        settings = {
            "workers": 1, "host": "127.0.0.1", "pacing_ms": 0, "operators": [OPERATOR],
            "listen": dict(dict.fromkeys(OTHERS, False), irc=False if ssl else port),
            "irc": {"name": "My.Little.Server", "scram": True},
            "accounts": {"users_file": str(self.directory / "users.json"), "failed_logins_per_minute": 0,
                         "guests": not self.test_config.account_registration_before_connect},
            "limits": {"messages_per_second": 0},
            "storage": {"directory": str(self.directory / "storage"), "sync": "system"},
        }
        if ssl:
            self.gen_ssl()
            settings["tls"] = {
                "certificate": str(self.pem_path), "key": str(self.key_path), "listen": {"irc": port}}
        for name, content in [("users.json", {"users": users}), ("config.yaml", settings)]:
            with self.open_file(name, "w") as file:
                json.dump(content, file)
        self._start()

    def _start(self):
        self.proc = self.execute([*self._program(), "--config", str(self.directory / "config.yaml")], cwd=ROOT)

    @staticmethod
    def _program():
        return [os.environ.get("PARLEY_PYTHON", sys.executable), "-m", "parley.conformance.cheap_server"]

    def kill_proc(self):
        """End the server at once: it would wait for the clients of the test, which never hang up."""
        os.killpg(self.proc.pid, signal.SIGKILL)
        self.proc.wait()
        self.proc = None

    def restart(self):
        """Stop the server, and start it again with what it has stored."""
        super().kill_proc()
        self.port_open = False
        self._start()
        self.wait_for_port()

    def wait_for_services(self):
        """Accounts are the server's own."""

    def registerUser(self, case, username, password=None):
        """Make an account; if the password is longer than clients may choose, as an operator."""
        self.wait_for_port()
        if len(password.encode()) > LONGEST_PASSWORD:
            subprocess.run(
                [*self._program(), "passwd", username, "--config", str(self.directory / "config.yaml")],
                input=(password + "\n").encode(), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            return
        client = case.addClient(show_io=False)
        case.sendLine(client, "NICK " + username)
        case.sendLine(client, "USER r e g :user")
        while case.getRegistrationMessage(client).command != "001":
            pass
        case.getMessages(client)
        case.sendLine(client, "PRIVMSG NickServ :REGISTER " + password)
        deadline = time.monotonic() + 30
        texts = []
        while not texts:
            assert time.monotonic() < deadline, "NickServ does not answer"
            texts = [message.params[-1] for message in case.getMessages(client) if message.command == "NOTICE"]
        assert texts == ["Account created"], texts
        case.sendLine(client, "QUIT")
        case.assertDisconnected(client)


def get_irctest_controller_class():
    """What irctest asks for."""
    return ParleyController
