#!/usr/bin/env bash
# Who comes to HAProxy over a Unix socket is answered 400 by gunicorn, and nothing by Twisted.
#
# For such a connection HAProxy has no address to tell, and its PROXY header of version 1 is `PROXY UNKNOWN`. The
# specification (2.1) has it for "any other, unsupported, or unknown protocols" and lets the line end there; a receiver
# takes the real address of the connection. gunicorn reads `PROXY TCP4` and `TCP6` only. Twisted's endpoint `haproxy:`
# hangs up on the short form and takes the long one, `PROXY UNKNOWN ffff::1 ffff::2 1 2`. proxy-protocol-js says of the
# short one that it is no PROXY line. nginx and findhit-proxywrap take both.
# Seen with gunicorn 27.0.1 and Twisted 26.10.0 (PyPI), proxy-protocol-js 4.0.6 and findhit-proxywrap 0.3.13 (npm), and
# HAProxy 2.6.12 and nginx 1.22.1 (Debian packages haproxy and nginx-light).
# A hidden service or a program on the same machine that takes the socket is the one visitor that is turned away. With
# `send-proxy-v2` HAProxy says LOCAL, which both understand.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v haproxy >/dev/null || missing+=(haproxy)
command -v nginx >/dev/null || missing+=(nginx-light)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    proxy-protocol-js@4.0.6 findhit-proxywrap@0.3.13 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check gunicorn==27.0.1 twisted==26.10.0
haproxy -v | head -n 1
nginx -v 2>&1
echo "gunicorn 27.0.1, Twisted 26.10.0, $(python3 --version)"
echo "proxy-protocol-js 4.0.6, findhit-proxywrap 0.3.13, Node $(node --version)"

cat >"$tmp/hello.py" <<'PYTHON'
def hello(environ, start):
    start("200 OK", [("Content-Length", "5")])
    return [b"hello"]
PYTHON
cat >"$tmp/by_twisted.py" <<'PYTHON'
import sys

from twisted.internet import endpoints, reactor
from twisted.web.server import Site
from twisted.web.static import Data

endpoint = endpoints.serverFromString(reactor, "haproxy:tcp:%s:interface=127.0.0.1" % sys.argv[1])
page = Data(b"hello", "text/plain")
page.putChild(b"", page)
endpoint.listen(Site(page))
reactor.run()
PYTHON
cat >"$tmp/by_wrap.cjs" <<'JAVASCRIPT'
const http = require("findhit-proxywrap").proxy(require("http"));
http.createServer((request, answer) => answer.end("hello")).listen(Number(process.argv[2]), "127.0.0.1");
JAVASCRIPT
cat >"$tmp/by_js.cjs" <<'JAVASCRIPT'
// A server that has its first bytes read by proxy-protocol-js, as one segment, and answers with what that says.
const net = require("net");
const { V1ProxyProtocol } = require("proxy-protocol-js");
net.createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", (data) => {
    let status = "200 OK";
    try {
      V1ProxyProtocol.parse(data.toString());
    } catch (error) {
      status = "400 " + error.message;
    }
    socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import contextlib, os, socket, subprocess, sys, threading

FOLDER = sys.argv[1]
BIN = os.path.join(FOLDER, "venv", "bin")
NGINX = """
daemon off;
pid %(folder)s/nginx.pid;
error_log stderr crit;
events {}
http {
    access_log off;
    client_body_temp_path %(folder)s/a; proxy_temp_path %(folder)s/b; fastcgi_temp_path %(folder)s/c;
    uwsgi_temp_path %(folder)s/d; scgi_temp_path %(folder)s/e;
    server { listen 127.0.0.1:%(port)d proxy_protocol; location / { return 200 hello; } }
}
"""
HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 20s
    timeout server 20s
listen it
    bind 127.0.0.1:%d
    bind %s
    server it 127.0.0.1:%d send-proxy
"""
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
OK = "HTTP/1.1 200 OK"
SERVERS = [
    ("nginx", ["nginx", "-e", "stderr", "-c", "FOLDER/nginx.conf"], [OK, OK, OK]),
    ("findhit-proxywrap", ["node", "FOLDER/by_wrap.cjs", "PORT"], [OK, OK, OK]),
    ("gunicorn", [BIN + "/gunicorn", "-b", "127.0.0.1:PORT", "--proxy-protocol", "auto", "--log-level", "critical",
                  "--no-control-socket", "hello:hello"], [OK, "HTTP/1.1 400 Bad Request", "HTTP/1.1 400 Bad Request"]),
    ("Twisted", [BIN + "/python", "FOLDER/by_twisted.py", "PORT"], [OK, "", OK]),
    ("proxy-protocol-js", ["node", "FOLDER/by_js.cjs", "PORT"],
     [OK, "HTTP/1.1 400 given data isn't suitable for V1 PROXY protocols definition", OK]),
]


def port():
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


def until_open(number):
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", number)).close()
            return
        threading.Event().wait(0.1)
    sys.exit("nobody listens")


@contextlib.contextmanager
def running(command, number):
    it = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_open(number)
        yield
    finally:
        it.terminate()
        it.wait(timeout=20)


def ask(family, address, first=b""):
    """The first line of the answer to a request, or of the bytes before it."""
    with socket.socket(family) as connection:
        connection.settimeout(20)
        connection.connect(address)
        connection.sendall(first + REQUEST)
        data = b""
        with contextlib.suppress(ConnectionResetError):
            for more in iter(lambda: connection.recv(4096), b""):
                data += more
    return data.split(b"\r\n")[0].decode()


@contextlib.contextmanager
def haproxy(behind):
    near = port()
    with open(os.path.join(FOLDER, "haproxy.cfg"), "w") as file:
        file.write(HAPROXY % (near, os.path.join(FOLDER, "unix"), behind))
    with running(["haproxy", "-q", "-db", "-f", "haproxy.cfg"], near):
        yield near


different = []
with socket.create_server(("127.0.0.1", 0)) as listener, haproxy(listener.getsockname()[1]):
    with socket.socket(socket.AF_UNIX) as client:
        listener.settimeout(20)
        listener.accept()[0].close()  # the connection that found HAProxy listening
        client.connect(os.path.join(FOLDER, "unix"))
        client.sendall(REQUEST)
        with listener.accept()[0] as connection:
            header = connection.recv(4096).split(b"\r\n")[0]
print("  HAProxy says of a Unix socket: %s" % header.decode())
if header != b"PROXY UNKNOWN":
    different.append("HAProxy, expected PROXY UNKNOWN")
print("  %-18s %-16s %-26s %s" % ("over", "TCP", "a Unix socket", "the long form"))
for name, command, expected in SERVERS:
    number = port()
    with open(os.path.join(FOLDER, "nginx.conf"), "w") as file:
        file.write(NGINX % {"folder": FOLDER, "port": number})
    command = [one.replace("FOLDER", FOLDER).replace("PORT", str(number)) for one in command]
    with running(command, number), haproxy(number) as near:
        seen = [ask(socket.AF_INET, ("127.0.0.1", near)), ask(socket.AF_UNIX, os.path.join(FOLDER, "unix")),
                ask(socket.AF_INET, ("127.0.0.1", number), b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n")]
    print("  %-18s %-16s %-26s %s" % (name, *(one[9:35] or "no answer" for one in seen)))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 200 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: three of five do not take the line that HAProxy sends."
