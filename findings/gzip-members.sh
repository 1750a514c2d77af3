#!/usr/bin/env bash
# Of a log in two gzip members, as `cat monday.gz tuesday.gz` makes, five of nine HTTP clients give the first day.
#
# A gzip file consists of members, and what they hold is one text (RFC 1952, 2.2); the content coding `gzip` is that
# format (RFC 9110, 8.4.1.3). `gzip -d` and Python's gzip module read all of them, and so do requests, aiohttp, Tornado
# and Node's fetch. httpx, wget, LWP and Ruby's Net::HTTP stop after the first member, and say no word of the rest:
# status 200, exit status 0, and the length of what came over the wire is right. curl writes the first one too, and then
# ends with 23, "Failed writing received data to disk/application".
# Seen with the PyPI packages requests 2.34.2 with urllib3 2.8.0, httpx 0.28.1, aiohttp 3.14.5 and tornado 6.6.1, and
# curl 7.88.1, wget 1.21.3, libwww-perl 6.68 and Ruby 3.1.2 (Debian packages curl, wget, libwww-perl and ruby).
# Servers that append to compressed logs, and give them as they are: the past of a room ends at the first midnight, with
# some clients. What is compressed by chunks has to be one stream with flushes (`Z_SYNC_FLUSH`).
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
for tool in curl wget ruby; do command -v $tool >/dev/null || missing+=($tool); done
command -v node >/dev/null || missing+=(nodejs)
perl -MLWP::UserAgent -e 1 2>/dev/null || missing+=(libwww-perl)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check requests==2.34.2 urllib3==2.8.0 httpx==0.28.1 \
    aiohttp==3.14.5 tornado==6.6.1
dpkg-query -W -f '${Package} ${Version}\n' curl wget libwww-perl ruby
echo "requests 2.34.2, urllib3 2.8.0, httpx 0.28.1, aiohttp 3.14.5, tornado 6.6.1, $(python3 --version)"
echo "$(perl -e 'print "Perl $^V"'), Node $(node --version), $(ruby --version)"

printf 'monday\n' | gzip >"$tmp/monday.gz"
printf 'tuesday\n' | gzip >"$tmp/tuesday.gz"
cat "$tmp/monday.gz" "$tmp/tuesday.gz" >"$tmp/log.gz"
gzip -dc "$tmp/log.gz" | tr '\n' ' ' | sed 's/^/  gzip -d           /'
echo
cat >"$tmp/try.py" <<'PYTHON'
import asyncio, gzip, http.server, os, subprocess, sys, threading

import aiohttp
import httpx
import requests
import tornado.httpclient

with open(sys.argv[1] + "/log.gz", "rb") as file:
    LOG = file.read()
BOTH, FIRST = "monday tuesday", "monday"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(LOG)))
        self.end_headers()
        self.wfile.write(LOG)

    def log_message(self, *args):
        pass


def by_aiohttp(url):
    async def get():
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as answer:
                return await answer.text()
    return asyncio.run(get())


def by_tornado(url):
    async def get():
        return (await tornado.httpclient.AsyncHTTPClient().fetch(url)).body.decode()
    return asyncio.run(get())


def by_command(*command):
    def get(url):
        ran = subprocess.run(command + (url,), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30)
        return ran.stdout.decode() + (" exit %d" % ran.returncode if ran.returncode else "")
    return get


CLIENTS = [
    ("requests", lambda url: requests.get(url, timeout=20).text, BOTH),
    ("aiohttp", by_aiohttp, BOTH),
    ("Tornado", by_tornado, BOTH),
    ("fetch", by_command("node", "-e", "fetch(process.argv[1]).then(async (it) => console.log(await it.text()))"),
     BOTH),
    ("httpx", lambda url: httpx.get(url, timeout=20).raise_for_status().text, FIRST),
    ("curl", by_command("curl", "-s", "--fail", "--compressed"), FIRST + " exit 23"),
    ("wget", by_command("wget", "-q", "-O-", "--compression=auto"), FIRST),
    ("LWP", by_command("perl", "-MLWP::UserAgent", "-e", "my $it = LWP::UserAgent->new->get($ARGV[0]);"
                       "die unless $it->is_success; print $it->decoded_content"), FIRST),
    ("Net::HTTP", by_command("ruby", "-rnet/http", "-e", "print Net::HTTP.get(URI(ARGV[0]))"), FIRST),
]
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
different = []
if gzip.decompress(LOG) != b"monday\ntuesday\n":
    different.append("Python's gzip")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.handle_error = lambda *args: None  # some clients hang up when they have enough
threading.Thread(target=server.serve_forever, daemon=True).start()
for name, client, expected in CLIENTS:
    seen = " ".join(client("http://127.0.0.1:%d/log" % server.server_address[1]).split())
    print("  %-17s %s" % (name, seen))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 200 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: five of nine clients take the first member for all."
