#!/usr/bin/env bash
# WeeChat and the library of Limnoria log in with SCRAM only if the password has nothing that SASLprep changes.
#
# RFC 5802, 2.2 and 3 let both sides prepare the password with SASLprep (RFC 4013), and that makes some characters
# others: the micro sign becomes a Greek mu, a raised 2 a plain one. WeeChat and pyxmpp2-scram compute with the
# password as it was typed. A server that keeps to the RFC answers that it is wrong; over PLAIN, where the server
# prepares it, the same password is right.
# Seen with WeeChat 3.8 (Debian package weechat-headless), and the PyPI packages pyxmpp2-scram 2.0.2 (which Limnoria
# uses) and, as server and as the client that is right, scramp 1.5.0 (which Sopel uses).
# Keyboards in Germany have keys for µ, ² and ³. Who has one of these in a password is better off with PLAIN over TLS,
# and who runs a server should know why "wrong password" is said to somebody who has typed it right.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v weechat-headless >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends weechat-headless weechat-plugins >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check scramp==1.5.0 pyxmpp2-scram==2.0.2
echo "WeeChat $(weechat-headless --version), pyxmpp2-scram 2.0.2, scramp 1.5.0, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import base64, os, socket, subprocess, sys

import pyxmpp2_scram
import scramp

MECHANISM = "SCRAM-SHA-256"


class Server:
    """One login, as RFC 5802 has it: what scramp makes of the password is what is kept."""

    def __init__(self, password):
        mechanism = scramp.ScramMechanism(MECHANISM)
        kept = mechanism.make_auth_info(password)
        self._login = mechanism.make_server(lambda name: kept)

    def hear(self, message):
        """The answer to the client's first or second message; None if the password is wrong."""
        if message.startswith(("n,", "y,")):
            self._login.set_client_first(message)
            return self._login.get_server_first()
        try:
            self._login.set_client_final(message)
        except scramp.ScramException:
            return None
        return self._login.get_server_final()


def with_scramp(server, password):
    client = scramp.ScramClient([MECHANISM], "ann", password)
    client.set_server_first(server.hear(client.get_client_first()))
    return server.hear(client.get_client_final()) is not None


def with_pyxmpp2(server, password):
    client = pyxmpp2_scram.SCRAMClientAuthenticator("SHA-256", False)
    first = client.start({"username": "ann", "password": password}).decode()
    return server.hear(client.challenge(server.hear(first).encode()).decode()) is not None


def with_weechat(server, password):
    """What WeeChat gets for an answer from an IRC server with SASL."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    name = "irc.server.test."
    settings = {"addresses": "127.0.0.1/%d" % listener.getsockname()[1], "sasl_mechanism": "scram-sha-256",
                "sasl_username": "ann", "sasl_password": password}
    command = ["weechat-headless", "--temp-dir", "-r", "/server add test 127.0.0.1 -notls -nossl"]
    for key, value in settings.items():
        command += ["-r", '/set %s%s "%s"' % (name, key, value)]
    weechat = subprocess.Popen(command + ["-r", "/connect test"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=dict(os.environ, LC_ALL="C.UTF-8"))
    try:
        client, _ = listener.accept()
        client.settimeout(20)

        def say(line):
            client.sendall(line.encode() + b"\r\n")

        for line in client.makefile("r", encoding="utf-8", newline="\n"):
            words = line.split()
            if words[:2] == ["CAP", "LS"]:
                say(":irc.test.invalid CAP * LS :sasl=" + MECHANISM)
            elif words[:2] == ["CAP", "REQ"]:
                say(":irc.test.invalid CAP * ACK :sasl")
            elif words == ["AUTHENTICATE", MECHANISM]:
                say("AUTHENTICATE +")
            elif words[0] == "AUTHENTICATE":
                message = base64.b64decode(words[1]).decode()
                answer = server.hear(message)
                if not message.startswith("n,"):
                    return answer is not None
                say("AUTHENTICATE " + base64.b64encode(answer.encode()).decode())
        sys.exit("DIFFERENT: WeeChat did not log in with " + MECHANISM)
    finally:
        weechat.kill()
        weechat.wait()


EXPECTED = {with_scramp: (True, True), with_pyxmpp2: (True, False), with_weechat: (True, False)}
different = []
for client, expected in EXPECTED.items():
    seen = tuple(client(Server(password), password) for password in ("fünf", "5 \N{MICRO SIGN}F"))
    print("  %-13s 'fünf' %s, '5 \N{MICRO SIGN}F' %s"
          % ((client.__name__[5:],) + tuple("is right" if right else "is wrong" for right in seen)))
    if seen != expected:
        different.append(client.__name__[5:])
if different:
    sys.exit("DIFFERENT: expected another answer for " + ", ".join(different))
PYTHON
PYTHONIOENCODING=utf-8 timeout 100 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: the right password with a micro sign is wrong for two of three."
