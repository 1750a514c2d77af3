#!/usr/bin/env bash
# Who enters a room of Prosody as Ann² is Ann2 there, without a word, and for @xmpp/jid somebody else.
#
# Prosody prepares nicknames by stringprep (RFC 3920, Resourceprep), which makes Ann2 of Ann² and fiona of ﬁona; today's
# rules would leave them (RFC 7622, 3.4). A service that rewrites a nickname has to add status 210 (XEP-0045, 7.2);
# Prosody tells 110 alone. slixmpp prepares its own address alike. @xmpp/jid does not, so that a client's own words come
# from an address that is not equal to its own: a bot that passes over itself answers itself.
# A nickname with a character from after 2002, as ₿it, both Prosody and slixmpp refuse as malformed.
# Seen with Prosody 0.12.3 (Debian package prosody), the PyPI package slixmpp 1.17.0 and the npm package
# @xmpp/jid 0.14.0.
# Clients of rooms: know yourself by status 110 and not by the name that you asked for.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v prosody >/dev/null || missing+=(prosody)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts @xmpp/jid@0.14.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check slixmpp==1.17.0
echo "$(dpkg-query -W -f 'Prosody ${Version}' prosody); slixmpp 1.17.0, $(python3 --version)"
echo "@xmpp/jid 0.14.0, Node $(node --version)"

cat >"$tmp/equal.mjs" <<'JAVASCRIPT'
// Whether two addresses are equal, and what a library makes of the first one's resource.
import { jid } from "@xmpp/jid";

const [one, other] = process.argv.slice(2).map((text) => jid(text));
console.log(JSON.stringify([one.equals(other), one.resource]));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, os, re, socket, subprocess, sys, time

import slixmpp

FOLDER = sys.argv[1]
CONFIGURATION = """
run_as_root = true
daemonize = false
pidfile = "%(folder)s/pid"
data_path = "%(folder)s"
modules_enabled = { "disco", "saslauth" }
modules_disabled = { "s2s", "offline", "posix" }
interfaces = { "127.0.0.1" }
c2s_ports = { %(port)d }
http_ports = {}
https_ports = {}
c2s_require_encryption = false
authentication = "anonymous"
log = { warn = "*console" }
VirtualHost "localhost"
Component "rooms.localhost" "muc"
    muc_room_locking = false
"""
OPEN = ("<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>")
ROOM = "chat@rooms.localhost/"
CASES = [  # the nickname asked for, the one in the room, the codes, whether both are equal for slixmpp, for @xmpp/jid
    ("Ann", "Ann", {"110", "201"}, True, True),
    ("Ann²", "Ann2", {"110"}, True, False),
    ("ﬁona", "fiona", {"110"}, True, False),
    ("₿it", "jid-malformed", set(), None, None),
]


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Client:
    """As much of an XMPP client as enters a room."""

    def __init__(self, port):
        for _ in range(100):
            try:
                self.sock = socket.create_connection(("127.0.0.1", port))
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        self.sock.settimeout(20)
        self.ask(OPEN, "ANONYMOUS")
        self.ask("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>", "<success")
        self.ask(OPEN, "<bind")
        self.ask("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "<jid>")

    def ask(self, text, until):
        """All that the server says up to that text, or a presence of type error."""
        self.sock.sendall(text.encode())
        heard = b""
        while not re.search("%s|<error" % until, heard.decode("utf-8", "ignore")):
            part = self.sock.recv(4096)
            if not part:
                sys.exit("DIFFERENT: Prosody ends the stream after %a" % heard)
            heard += part
        return heard.decode("utf-8", "ignore")

    def enter(self, nickname):
        return self.ask("<presence to='%s%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>" % (ROOM, nickname),
                        "<subject")  # which comes last


def by_slixmpp(asked, given):
    try:
        return slixmpp.JID(ROOM + asked) == slixmpp.JID(ROOM + given)
    except slixmpp.InvalidJID:
        return None


def by_node(asked, given):
    command = ["node", "equal.mjs", ROOM + asked, ROOM + given]
    told = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, check=True, timeout=20)
    return json.loads(told.stdout.decode())[0]


port = free_port()
with open(os.path.join(FOLDER, "prosody.cfg.lua"), "w") as file:
    file.write(CONFIGURATION % {"folder": FOLDER, "port": port})
with open(os.path.join(FOLDER, "log"), "wb") as log:
    prosody = subprocess.Popen(["prosody", "--config", file.name, "-F"], stdout=log, stderr=log)
clients, different = [], []
try:
    for nickname, *expected in CASES:
        clients.append(Client(port))
        heard = clients[-1].enter(nickname)
        refused = re.search("<error.*?<([a-z-]+)", heard)
        given = refused.group(1) if refused else re.findall("from='%s([^']*)'" % ROOM, heard)[-1]
        codes = set(re.findall("<status code='([0-9]+)'", heard))
        equal = by_slixmpp(nickname, given), None if refused else by_node(nickname, given)
        print("  %s is %s, status %s, equal for slixmpp: %s, for @xmpp/jid: %s" % (
            (nickname, given, " ".join(sorted(codes)) or "-") + equal))
        if [given, codes, *equal] != expected:
            different.append("%s, expected %s" % (nickname, expected))
finally:
    prosody.terminate()
    prosody.wait()
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
PYTHONIOENCODING=utf-8 timeout 90 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: the nickname is another one, and nobody says so."
