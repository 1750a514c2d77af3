#!/usr/bin/env bash
# A library for the PROXY protocol takes what HAProxy adds to its header for the client's first words.
#
# A header of version 2 may have more behind the addresses than the receiver knows (TLVs), and the specification (2.2)
# has the receiver skip as many bytes as the header's length says. proxy-protocol-js checks the length and then goes by
# the size of the addresses: its `data` begins with the TLVs, and as the length is not told, nobody can cut them off.
# Without TLVs all is right. Twisted skips them.
# Seen with HAProxy 2.6.12 (Debian package haproxy), the npm package proxy-protocol-js 4.0.6 and the PyPI package
# Twisted 26.10.0.
# Servers in Node behind a proxy on which somebody turns on `proxy-v2-options`, for an id in the logs or a checksum: from
# then on no client's first line is understood.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
for tool in haproxy npm; do
    command -v "$tool" >/dev/null || {
        timeout 300 apt-get -qq update
        timeout 300 apt-get -qq install -y --no-install-recommends haproxy nodejs npm >/dev/null; break; }
done
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts proxy-protocol-js@4.0.6 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check twisted==26.10.0
haproxy -v | sed -n 1p
echo "proxy-protocol-js 4.0.6, Node $(node --version); Twisted 26.10.0, $(python3 --version)"

cat >"$tmp/read.js" <<'JAVASCRIPT'
const { V2ProxyProtocol } = require("proxy-protocol-js");

const sent = Buffer.from(process.argv[2], "hex");
const header = V2ProxyProtocol.parse(sent);
const from = header.proxyAddress.sourceAddress.address.join(".");
console.log(from + " " + Buffer.from(header.data).toString("hex"));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys, time

from twisted.protocols.haproxy import _v2parser

FOLDER = sys.argv[1]
WORDS = b"hello\n"
CONFIGURATION = """
defaults
    mode tcp
    timeout connect 9s
    timeout client 9s
    timeout server 9s
listen plain
    bind 127.0.0.1:%d
    server chat 127.0.0.1:%d send-proxy-v2
listen more
    bind 127.0.0.1:%d
    unique-id-format visit-%%rt
    server chat 127.0.0.1:%d send-proxy-v2 proxy-v2-options unique-id
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def through(port, chat):
    """All that a server behind HAProxy hears of a client that says these words and ends."""
    for _ in range(100):
        try:
            client = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    client.sendall(WORDS)
    client.shutdown(socket.SHUT_WR)
    connection, _ = chat.accept()
    connection.settimeout(20)
    heard = b""
    while not heard.endswith(WORDS):
        heard += connection.recv(4096)
    connection.close()
    client.close()
    return heard


def by_javascript(heard):
    told = subprocess.run(["node", "read.js", heard.hex()], cwd=FOLDER, stdout=subprocess.PIPE, check=True, timeout=20)
    address, data = told.stdout.decode().split()
    return address, bytes.fromhex(data)


def by_twisted(heard):
    header, data = _v2parser.V2Parser().feed(heard)
    return header.source.host, data


chat = socket.create_server(("127.0.0.1", 0))
chat.settimeout(20)
to, plain, more = chat.getsockname()[1], free_port(), free_port()
with open(FOLDER + "/haproxy.cfg", "w") as file:
    file.write(CONFIGURATION % (plain, to, more, to))
haproxy = subprocess.Popen(["haproxy", "-db", "-f", FOLDER + "/haproxy.cfg"])
different = []
try:
    for what, port in (("addresses only", plain), ("and a unique id", more)):
        heard = through(port, chat)
        print("  %s: header of %d bytes" % (what, len(heard) - len(WORDS)))
        for reader in (by_javascript, by_twisted):
            address, data = reader(heard)
            print("    %-13s from %s, first words %r" % (reader.__name__[3:], address, data))
            is_right = data == WORDS
            if address != "127.0.0.1" or is_right == (reader is by_javascript and port == more):
                different.append("%s, %s" % (what, reader.__name__[3:]))
finally:
    haproxy.kill()
    haproxy.wait()
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: what HAProxy adds becomes the client's first words."
