#!/usr/bin/env bash
# Of four texts in an event stream sseclient gives one as it was sent, and three others lose a part of one.
#
# An event stream is always UTF-8, its lines end with CR LF, LF or CR and nothing else, and of a field's value one
# leading space is taken off (HTML Standard, 9.2.5 and 9.2.6). sseclient reads ISO-8859-1 unless the server names a
# charset, as requests does for `text/...`: "Grüße" has seven letters; and as 0x85 is a line end for it, of "Åse" the
# rest is gone. aiosseclient loses what follows a U+2028; aiohttp-sse-client and requests-sse take off all leading
# spaces. Of a stream with CR aiosseclient and aiohttp-sse-client hear nothing. httpx-sse reads all of it.
# Seen with the PyPI packages sseclient 0.0.27, aiosseclient 0.1.8, aiohttp-sse-client 0.2.1, httpx-sse 0.4.3 (httpx
# 0.28.1) and requests-sse 0.5.3.
# Servers that stream chat to scripts: name `charset=utf-8` though it says nothing new, and send JSON in ASCII.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check sseclient==0.0.27 aiosseclient==0.1.8 \
    aiohttp-sse-client==0.2.1 httpx-sse==0.4.3 httpx==0.28.1 requests-sse==0.5.3
echo "sseclient 0.0.27, aiosseclient 0.1.8, aiohttp-sse-client 0.2.1, httpx-sse 0.4.3, requests-sse 0.5.3"
python3 --version

cat >"$tmp/client.py" <<'PYTHON'
"""Writes as JSON what a library hears at a URL up to the event whose text is "end"."""
import asyncio, json, sys

library, url = sys.argv[1:]


def by_sseclient():
    import sseclient

    yield from (event.data for event in sseclient.SSEClient(url, timeout=20))


def by_httpx_sse():
    import httpx, httpx_sse

    with httpx.Client(trust_env=False) as client, httpx_sse.connect_sse(client, "GET", url) as source:
        yield from (event.data for event in source.iter_sse())


def by_requests_sse():
    import requests_sse

    with requests_sse.EventSource(url, timeout=20) as source:
        yield from (event.data for event in source)


async def by_aiosseclient():
    import aiosseclient

    async for event in aiosseclient.aiosseclient(url):
        yield event.data


async def by_aiohttp_sse_client():
    from aiohttp_sse_client import client

    async with client.EventSource(url, max_connect_retry=0) as source:
        async for event in source:
            yield event.data


async def gathered(events):
    return [data async for data in until_end(events)]


async def until_end(events):
    async for data in events:
        if data == "end":
            return
        yield data


events = globals()["by_" + library]()
if hasattr(events, "__aiter__"):
    heard = asyncio.run(gathered(events))
else:
    heard = []
    for data in events:
        if data == "end":
            break
        heard.append(data)
print(json.dumps(heard))
sys.stdout.flush()
PYTHON

cat >"$tmp/try.py" <<'PYTHON'
import http.server, json, os, subprocess, sys, threading

FOLDER = os.path.dirname(os.path.abspath(sys.argv[0]))
TEXTS = ["Grüße", "Åse", "one\u2028two", "  indented"]
STREAMS = {"/%d" % number: "data: %s\n\ndata: end\n\n" % text for number, text in enumerate(TEXTS)}
STREAMS["/cr"] = "data: hi\r\rdata: end\r\r"
WHOLE = [[text] for text in TEXTS] + [["hi"]]
EXPECTED = {
    "httpx_sse": WHOLE,
    "requests_sse": WHOLE[:3] + [["indented"], ["hi"]],
    "sseclient": [["Gr\xc3\xbc\xc3\x9fe"], ["\xc3"], ["one\xe2\x80\xa8two"], ["  indented"], ["hi"]],
    "aiosseclient": WHOLE[:2] + [["one"], ["  indented"], []],
    "aiohttp_sse_client": WHOLE[:3] + [["indented"], []],
}


class Stream(http.server.BaseHTTPRequestHandler):
    served = set()

    def do_GET(self):
        """The stream of this address, once for each client; who comes back is told to stay away."""
        library = self.path.split("?")[-1]
        again, path = (library, self.path) in self.served, self.path.split("?")[0]
        self.served.add((library, self.path))
        self.send_response(204 if again else 200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if not again:
            self.wfile.write(STREAMS[path].encode())

    def log_message(self, *_):
        pass


def heard(library, url):
    command = [sys.executable, "client.py", library, url]
    client = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        told, _ = client.communicate(timeout=15)
        return json.loads(told.decode() or "[]")
    except subprocess.TimeoutExpired:
        return []
    finally:
        client.kill()
        client.wait()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stream)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("  %-20s %s" % ("sent", ascii(TEXTS + ["hi, with CR"])))
different = []
for library, expected in EXPECTED.items():
    seen = [heard(library, "http://127.0.0.1:%d%s?%s" % (server.server_port, path, library)) for path in STREAMS]
    print("  %-20s %s" % (library, ascii([one[0] if one else None for one in seen])))
    if seen != expected:
        different.append("%s, expected %a" % (library, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 150 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: four of five clients change or lose texts."
