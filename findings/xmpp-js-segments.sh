#!/usr/bin/env bash
# A letter that the network cuts in two comes out of xmpp.js as two U+FFFD.
#
# XMPP is a stream of UTF-8 (RFC 6120, 11.6), and where TCP cuts it has no meaning. @xmpp/connection, on which all of
# xmpp.js stands, makes text of each piece for itself: of an `ü` whose first byte is the last one of a piece both
# bytes become U+FFFD, in the text, and in a name or an address as well, and no error is raised. In short stanzas that
# is rare; of a history that a server sends in one go any letter may be the one. slixmpp puts the pieces together.
# Seen with the npm packages @xmpp/client and @xmpp/connection 0.14.0, and the PyPI package slixmpp 1.17.0.
# Bots and gateways with xmpp.js for people who do not write ASCII: the more is said at once, the more is wrong.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    @xmpp/client@0.14.0 @xmpp/connection@0.14.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check slixmpp==1.17.0
echo "@xmpp/client 0.14.0, Node $(node --version); slixmpp 1.17.0, $(python3 --version)"

cat >"$tmp/xmpp.mjs" <<'JAVASCRIPT'
// Is a client of the server at the port; prints each text that it hears as JSON, up to "end".
import { client } from "@xmpp/client";
const xmpp = client({ service: `xmpp://127.0.0.1:${process.argv[2]}`, domain: "localhost" });
xmpp.on("stanza", (stanza) => {
  if (!stanza.is("message")) return;
  console.log(JSON.stringify(stanza.getChildText("body")));
  if (stanza.getChildText("body") === "end") process.exit(0);
});
xmpp.on("error", console.error);
xmpp.start();
JAVASCRIPT
cat >"$tmp/slix.py" <<'PYTHON'
import asyncio, json, os, sys

import slixmpp


def heard(message):
    print(json.dumps(message["body"]), flush=True)
    if message["body"] == "end":
        os._exit(0)


async def main():
    client = slixmpp.ClientXMPP("localhost", "")
    client.enable_direct_tls = client.enable_starttls = False
    client.enable_plaintext = True
    client.add_event_handler("message", heard)
    client.connect("127.0.0.1", int(sys.argv[1]))
    await asyncio.sleep(30)


asyncio.run(main())
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import json, re, socket, subprocess, sys, time

FOLDER = sys.argv[1]
STREAM = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
          "from='localhost' id='%d' version='1.0'><stream:features>%s</stream:features>")
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>%s</bind>"
MECHANISMS = "<mechanisms xmlns='%s'><mechanism>ANONYMOUS</mechanism></mechanisms>" % SASL
MESSAGE = "<message type='chat' from='ann@localhost/a' to='bot@localhost/b'><body>%s</body></message>"
TEXT = "Grüße"


def received(connection, end):
    data = ""
    while not re.search(end, data):
        more = connection.recv(4096).decode()
        if not more:
            sys.exit("DIFFERENT: no client")
        data += more
    return data


def let_in(connection):
    """The dialogue of RFC 6120, 9.1, without TLS and with SASL ANONYMOUS."""
    received(connection, "<stream:stream [^>]*>")
    connection.sendall((STREAM % (1, MECHANISMS)).encode())
    received(connection, "</auth>|<auth [^>]*/>")
    connection.sendall(("<success xmlns='%s'/>" % SASL).encode())
    received(connection, "<stream:stream [^>]*>")
    connection.sendall((STREAM % (2, BIND % "")).encode())
    asked = re.search("""<iq [^>]*id=['"]([^'"]*)""", received(connection, "</iq>")).group(1)
    result = "<iq type='result' id='%s'>%s</iq>" % (asked, BIND % "<jid>bot@localhost/b</jid>")
    connection.sendall(result.encode())


def heard(*command):
    """What a client hears of a text in one piece, of the same text cut within its `ü`, and of "end"."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        command += (str(listener.getsockname()[1]),)
        with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(30)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                let_in(connection)
                message = (MESSAGE % TEXT).encode()
                cut = message.index("ü".encode()) + 1
                for piece in (message, message[:cut], message[cut:], (MESSAGE % "end").encode()):
                    time.sleep(1)  # so that the pieces are not put together before they are read
                    connection.sendall(piece)
                told = client.communicate(timeout=30)[0]
    return [json.loads(line) for line in told.splitlines()]


different = []
for name, command, expected in (
    ("slixmpp", (sys.executable, "slix.py"), TEXT),
    ("xmpp.js", ("node", "xmpp.mjs"), "Gr\ufffd\ufffdße"),
):
    seen = heard(*command)
    print("  %-8s hears %s" % (name, seen))
    if seen != [TEXT, expected, "end"]:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
PYTHONIOENCODING=utf-8 timeout 90 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: what is cut in two is two U+FFFD for one of them."
