#!/usr/bin/env bash
# telnet-client sends the first letter of the server's text back to the server, if a keep-alive stands before it.
#
# IAC NOP has no answer (RFC 854); servers send it to see whether a connection is still there. Where a segment begins
# with IAC, telnet-client takes the first three bytes for a negotiation, turns DO into WONT and WILL into DO, and sends
# them back: to `IAC NOP hello` it answers `IAC NOP h`, and the server reads an `h` that nobody typed, before the next
# command. What it gives to its user has the commands still in it, in 7-bit ASCII: `\x7fq` before the text.
# telnet-stream takes the NOP out and answers nothing.
# Seen with the npm packages telnet-client 2.2.14 and telnet-stream 1.1.0.
# Who scripts routers and chat servers with it: a command after a pause is not the one that was sent.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    telnet-client@2.2.14 telnet-stream@1.1.0 >/dev/null
echo "telnet-client 2.2.14, telnet-stream 1.1.0, Node $(node --version)"

cat >"$tmp/client.js" <<'JAVASCRIPT'
const net = require("net");

function told(text) {
  console.log(Buffer.from(text).toString("hex"));
  setTimeout(process.exit, 300); // what it sends in answer may be on its way
}

async function withClient(port) {
  const { Telnet } = require("telnet-client");
  const client = new Telnet();
  await client.connect({ host: "127.0.0.1", port, negotiationMandatory: false, timeout: 9000 });
  told(await client.send("who", { waitFor: "\n", timeout: 9000 }));
}

async function withStream(port) {
  const { TelnetSocket } = await import("telnet-stream").then((all) => all.default || all);
  const client = new TelnetSocket(net.createConnection(port, "127.0.0.1"));
  let text = "";
  client.on("data", (data) => {
    text += data;
    if (text.endsWith("\n")) told(text);
  });
  client.write("who\n");
}

const [library, port] = process.argv.slice(2);
(library === "telnet-client" ? withClient : withStream)(Number(port));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys

NOP = b"\xff\xf1"
EXPECTED = {  # what the client's user is told, and all that the server reads after the command
    "telnet-client": {b"hello\r\n": (b"hello\r\n", b""), NOP + b"hello\r\n": (b"\x7fqhello\r\n", NOP + b"h")},
    "telnet-stream": {b"hello\r\n": (b"hello\r\n", b""), NOP + b"hello\r\n": (b"hello\r\n", b"")},
}


def talk(library, answer):
    """Answers one command of a client, and gives what the client told and what else it sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        command = ["node", "client.js", library, str(listener.getsockname()[1])]
        client = subprocess.Popen(command, cwd=sys.argv[1], stdout=subprocess.PIPE)
        try:
            connection, _ = listener.accept()
            connection.settimeout(20)
            heard = b""
            while not heard.endswith(b"who\n"):
                heard += connection.recv(4096)
            connection.sendall(answer)
            told, _ = client.communicate(timeout=20)
            more = b"".join(iter(lambda: connection.recv(4096), b""))
            connection.close()
        finally:
            client.kill()
    return bytes.fromhex(told.decode()), more


different = []
for library, answers in EXPECTED.items():
    for answer, expected in answers.items():
        seen = talk(library, answer)
        print("  %-14s hears %-22r tells %-18r sends %r" % (library, answer, *seen))
        if seen != expected:
            different.append("%s, expected %r and %r" % (library, *expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 python3 "$tmp/try.py" "$tmp"
echo "As told: a letter of the server's text comes back to it."
