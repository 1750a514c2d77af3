#!/usr/bin/env bash
# With SASL a password of 60 letters is wrong for irc3, and one of 500 too long for four of seven IRC libraries.
#
# Name and password go in base64, in lines of 400 characters: a longer text in several, and what ends just at a line's
# end is followed by `AUTHENTICATE +` (IRCv3 SASL 3.1). irc3 has the line feeds of base64.encodebytes() in it, one after
# 76 characters, and makes blanks of them: the server sees the first 57 bytes, so with the name "ann" a password of 49
# letters is right and a longer one wrong. matrix-org-irc, miniirc, Net::Async::IRC and go-ircevent put everything into
# one line: a long password, such as a token, is refused (905), or client and server wait for each other. irc-framework
# and pydle do as they should.
# Seen with the PyPI packages irc3 1.1.12, miniirc 1.10.0 and pydle 1.2.0 (pure-sasl 0.6.2), the npm packages
# matrix-org-irc 3.0.0 and irc-framework 4.14.0, Net::Async::IRC 0.12 and go-ircevent 0.2 (Debian packages
# libnet-async-irc-perl and golang-github-thoj-go-ircevent-dev).
# Bots with generated passwords: the server says that the password is wrong, and it is not.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
perl -MNet::Async::IRC -e 1 2>/dev/null || missing+=(libnet-async-irc-perl)
command -v go >/dev/null || missing+=(golang-go)
[[ -d /usr/share/gocode/src/github.com/thoj/go-ircevent ]] || missing+=(golang-github-thoj-go-ircevent-dev)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 500 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    matrix-org-irc@3.0.0 irc-framework@4.14.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    irc3==1.1.12 miniirc==1.10.0 pydle==1.2.0 pure-sasl==0.6.2
dpkg-query -W -f '${Package} ${Version}\n' libnet-async-irc-perl golang-github-thoj-go-ircevent-dev
echo "irc3 1.1.12, miniirc 1.10.0, pydle 1.2.0, $(python3 --version)"
echo "matrix-org-irc 3.0.0, irc-framework 4.14.0, Node $(node --version), $(go version)"

# Each of these connects to the port as ann, with the password.
cat >"$tmp/matrix.cjs" <<'JAVASCRIPT'
const { Client } = require("matrix-org-irc");
const [port, password] = process.argv.slice(2);
const options = { port: Number(port), sasl: true, userName: "ann", password, retryCount: 0, autoConnect: false };
const client = new Client("127.0.0.1", "ann", options);
client.on("error", () => {});
client.connect();
JAVASCRIPT
cat >"$tmp/framework.cjs" <<'JAVASCRIPT'
const { Client } = require("irc-framework");
const [port, password] = process.argv.slice(2);
const account = { account: "ann", password };
new Client().connect({ host: "127.0.0.1", port: Number(port), nick: "ann", account, auto_reconnect: false });
JAVASCRIPT
cat >"$tmp/async.pl" <<'PERL'
use IO::Async::Loop;
use Net::Async::IRC;
my ($port, $password) = @ARGV;
my $loop = IO::Async::Loop->new;
my $irc = Net::Async::IRC->new(use_caps => ['sasl']);
$loop->add($irc);
my $login = $irc->login(host => '127.0.0.1', service => $port, nick => 'ann', user => 'ann', realname => 'Ann',
                        pass => $password);
$loop->run;
PERL
cat >"$tmp/event.go" <<'GO'
package main

import (
	"io/ioutil"
	"log"
	"os"

	irc "github.com/thoj/go-ircevent"
)

func main() {
	connection := irc.IRC("ann", "ann")
	connection.Log = log.New(ioutil.Discard, "", 0)
	connection.UseSASL, connection.SASLMech = true, "PLAIN"
	connection.SASLLogin, connection.SASLPassword = "ann", os.Args[2]
	if connection.Connect("127.0.0.1:"+os.Args[1]) == nil {
		connection.Loop()
	}
}
GO
cat >"$tmp/client.py" <<'PYTHON'
import sys

library, port, password = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if library == "irc3":
    import irc3

    irc3.IrcBot(nick="ann", host="127.0.0.1", port=port, sasl_username="ann", sasl_password=password, level=50,
                includes=["irc3.plugins.core", "irc3.plugins.sasl"]).run()
elif library == "miniirc":
    import time

    import miniirc

    miniirc.IRC("127.0.0.1", port, "ann", ns_identity=("ann", password), persist=False)
    time.sleep(60)
else:
    import pydle

    client = pydle.Client("ann", sasl_username="ann", sasl_password=password, sasl_identity="")
    client.run("127.0.0.1", port=port, tls=False)
PYTHON
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$tmp/cache
(cd "$tmp" && timeout 400 go build -o event event.go)

cat >"$tmp/try.py" <<'PYTHON'
import base64, binascii, os, socket, subprocess, sys

FOLDER = sys.argv[1]
PASSWORDS = ["p" * length for length in (49, 60, 500)]
RIGHT = ["right"] * 3
ONE_LINE = ["right", "right", "too long"]
LIBRARIES = [
    ("irc3", (sys.executable, "client.py", "irc3"), ["right", "wrong", "wrong"]),
    ("matrix-org-irc", ("node", "matrix.cjs"), ONE_LINE),
    ("miniirc", (sys.executable, "client.py", "miniirc"), ONE_LINE),
    ("Net::Async::IRC", ("perl", "async.pl"), ONE_LINE),
    ("go-ircevent", ("./event",), ONE_LINE),
    ("irc-framework", ("node", "framework.cjs"), RIGHT),
    ("pydle", (sys.executable, "client.py", "pydle"), RIGHT),
]


def judged(command, password):
    """What a server finds of the password of a client: "right", "wrong" or "too long"."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        command += (str(listener.getsockname()[1]), password)
        client = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            connection, _ = listener.accept()
            connection.settimeout(30)
            return heard(connection, password)
        finally:
            client.kill()
            client.wait()


def heard(connection, password):
    lines = connection.makefile("rwb", buffering=0)
    told, mechanism = "", False
    try:
        for line in lines:
            words = line.decode().split()
            if words[:2] == ["CAP", "LS"]:
                lines.write(b":server CAP * LS :sasl\r\n")
            elif words[:2] == ["CAP", "REQ"]:
                lines.write(b":server CAP * ACK :sasl\r\n")
            elif words[:1] == ["AUTHENTICATE"] and not mechanism:
                mechanism = True
                lines.write(b"AUTHENTICATE +\r\n")
            elif words[:1] == ["AUTHENTICATE"]:
                if len(words[1]) > 400:
                    return "too long"
                told += words[1].replace("+", "", 1) if words[1] == "+" else words[1]
                if len(words[1]) < 400:
                    return "right" if told_password(told) == password else "wrong"
    except socket.timeout:
        return "no SASL"
    return "no SASL"


def told_password(text):
    try:
        return base64.b64decode(text, validate=True).decode().split("\0")[-1]
    except (binascii.Error, ValueError):
        return None


print("  %-16s %s" % ("letters", "".join("%-10d" % len(password) for password in PASSWORDS)))
different = []
for name, command, expected in LIBRARIES:
    seen = [judged(command, password) for password in PASSWORDS]
    print("  %-16s %s" % (name, "".join("%-10s" % one for one in seen)))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 300 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: one has wrong passwords, four have too long ones, and two have neither."
