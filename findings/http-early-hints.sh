#!/usr/bin/env bash
# Behind a HAProxy that sends early hints, a program with requests gets the status 103 and an empty body.
#
# A client must be able to read any number of 1xx responses before the final one, even if it does not expect any (RFC
# 9110, 15.2). HAProxy sends `103 Early Hints` with one line of configuration (`http-request early-hint`), for browsers.
# http.client of Python 3.11 passes over `100 Continue` only: for requests and urllib3 the answer is 103 with an empty
# body, for which `raise_for_status()` raises nothing; urllib.request raises HTTPError 103. LWP of Perl has 103 as well.
# With httpx, aiohttp, Tornado, curl, HTTP::Tiny and Node's fetch the answer is the answer.
# Seen with the PyPI packages requests 2.34.2, urllib3 2.8.0, httpx 0.28.1, aiohttp 3.14.5 and tornado 6.6.1 on Python
# 3.11, and HAProxy 2.6.12, curl 7.88.1 and libwww-perl 6.68 (Debian packages haproxy, curl and libwww-perl).
# Whoever turns hints on for the web page of a chat loses the bots that speak to the same address.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
for tool in haproxy curl; do command -v $tool >/dev/null || missing+=($tool); done
command -v node >/dev/null || missing+=(nodejs)
perl -MLWP::UserAgent -e 1 2>/dev/null || missing+=(libwww-perl)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check requests==2.34.2 urllib3==2.8.0 httpx==0.28.1 \
    aiohttp==3.14.5 tornado==6.6.1
dpkg-query -W -f '${Package} ${Version}\n' haproxy curl libwww-perl
echo "requests 2.34.2, urllib3 2.8.0, httpx 0.28.1, aiohttp 3.14.5, tornado 6.6.1, $(python3 --version)"
echo "$(perl -e 'print "Perl $^V"'), Node $(node --version)"

cat >"$tmp/try.py" <<'PYTHON'
import asyncio, http.server, os, socket, subprocess, sys, threading, urllib.error, urllib.request

import aiohttp
import httpx
import requests
import tornado.httpclient
import urllib3

FOLDER = sys.argv[1]
CONFIG = """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
listen chat
    bind 127.0.0.1:%d
    http-request early-hint Link "</chat.css>; rel=preload; as=style" if { path /hints }
    server it 127.0.0.1:%d
"""
RIGHT, LOST = "200 hello", "103 "


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *args):
        pass


def by_urllib(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return "%d %s" % (answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        return "%d %s" % (error.code, error.read().decode())


def by_urllib3(url):
    answer = urllib3.PoolManager().request("GET", url, timeout=20, retries=False)
    return "%d %s" % (answer.status, answer.data.decode())


def by_requests(url):
    answer = requests.get(url, timeout=20)
    answer.raise_for_status()
    return "%d %s" % (answer.status_code, answer.text)


def by_httpx(url):
    answer = httpx.get(url, timeout=20)
    return "%d %s" % (answer.status_code, answer.text)


def by_aiohttp(url):
    async def get():
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as answer:
                return "%d %s" % (answer.status, await answer.text())
    return asyncio.run(get())


def by_tornado(url):
    async def get():
        answer = await tornado.httpclient.AsyncHTTPClient().fetch(url)
        return "%d %s" % (answer.code, answer.body.decode())
    return asyncio.run(get())


def by_command(*command):
    def get(url):
        ran = subprocess.run(command + (url,), stdout=subprocess.PIPE, timeout=30)
        return ran.stdout.decode().rstrip("\n")
    return get


CLIENTS = [
    ("requests", by_requests, LOST),
    ("urllib3", by_urllib3, LOST),
    ("urllib.request", by_urllib, LOST),
    ("LWP::UserAgent", by_command("perl", "-MLWP::UserAgent", "-e", "my $it = LWP::UserAgent->new->get($ARGV[0]);"
                                  "print $it->code, ' ', $it->content"), LOST),
    ("HTTP::Tiny", by_command("perl", "-MHTTP::Tiny", "-e", "my $it = HTTP::Tiny->new->get($ARGV[0]);"
                              "print $it->{status}, ' ', $it->{content}"), RIGHT),
    ("httpx", by_httpx, RIGHT),
    ("aiohttp", by_aiohttp, RIGHT),
    ("Tornado", by_tornado, RIGHT),
    ("curl", by_command("curl", "-s", "-w", " %{http_code}"), "hello 200"),
    ("fetch", by_command("node", "-e", "fetch(process.argv[1]).then(async (it) => console.log(it.status, "
                         "await it.text()))"), RIGHT),
]
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.handle_error = lambda *args: None  # HAProxy closes its idle connections with a reset
threading.Thread(target=server.serve_forever, daemon=True).start()
with socket.socket() as some:
    some.bind(("127.0.0.1", 0))
    port = some.getsockname()[1]
with open(os.path.join(FOLDER, "haproxy.cfg"), "w") as file:
    file.write(CONFIG % (port, server.server_address[1]))
haproxy = subprocess.Popen(["haproxy", "-q", "-db", "-f", os.path.join(FOLDER, "haproxy.cfg")])
different = []
try:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            haproxy.poll() is None or sys.exit("haproxy has ended")
            threading.Event().wait(0.1)
    print("  %-16s %-16s %s" % ("", "without hints", "with a hint"))
    for name, client, expected in CLIENTS:
        seen = [client("http://127.0.0.1:%d/%s" % (port, path)) for path in ("plain", "hints")]
        print("  %-16s %-16s %s" % (name, *seen))
        if seen != [expected if expected != LOST else RIGHT, expected]:
            different.append("%s, expected %r" % (name, expected))
finally:
    haproxy.kill()
    haproxy.wait()
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 200 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: for four of ten clients the hint is the answer."
