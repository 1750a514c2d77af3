#!/usr/bin/env bash
# What path a request through a proxy has depends on whether httptools is installed beside uvicorn.
#
# A client that speaks to a proxy sends `GET http://chat.example/room HTTP/1.1`, and a server must accept that form too
# (RFC 9112, 3.2.2). A reverse proxy that passes bytes on, or the server itself under that name, gets it. uvicorn with
# httptools tells the application `/room`, and with h11, which it takes when httptools is missing,
# `http://chat.example/room`, a path that ASGI does not know. Hypercorn and Daphne always tell the latter, and gunicorn
# and waitress `/room`. So one installation of the same application says 200, the other 404.
# Seen with the PyPI packages uvicorn 0.54.0 with h11 0.16.0 and httptools 0.9.0, hypercorn 0.18.0, daphne 4.2.3,
# gunicorn 27.0.1 and waitress 3.0.2, and curl 7.88.1 (Debian package curl).
# Whoever tests with `pip install uvicorn` and serves with `uvicorn[standard]`, or the other way round.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v curl >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends curl >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check uvicorn==0.54.0 h11==0.16.0 httptools==0.9.0 \
    hypercorn==0.18.0 daphne==4.2.3 gunicorn==27.0.1 waitress==3.0.2
echo "uvicorn 0.54.0, h11 0.16.0, httptools 0.9.0, hypercorn 0.18.0, daphne 4.2.3, gunicorn 27.0.1, waitress 3.0.2"
echo "$(python3 --version), $(curl --version | head -n 1 | cut -d ' ' -f 1-2)"

cat >"$tmp/app.py" <<'PYTHON'
async def over_asgi(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    body = scope["path"].encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def over_wsgi(environ, start):
    body = environ["PATH_INFO"].encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import contextlib, os, socket, subprocess, sys, threading

FOLDER = sys.argv[1]
WHOLE, PATH = "http://chat.example/room", "/room"
SERVERS = [
    ("uvicorn, httptools", "uvicorn --http httptools --host 127.0.0.1 --port PORT app:over_asgi", PATH),
    ("uvicorn, h11", "uvicorn --http h11 --host 127.0.0.1 --port PORT app:over_asgi", WHOLE),
    ("hypercorn", "hypercorn -b 127.0.0.1:PORT app:over_asgi", WHOLE),
    ("daphne", "daphne -b 127.0.0.1 -p PORT app:over_asgi", WHOLE),
    ("gunicorn", "gunicorn -b 127.0.0.1:PORT --no-control-socket app:over_wsgi", PATH),
    ("waitress", "waitress-serve --listen 127.0.0.1:PORT app:over_wsgi", PATH),
]


def path_of(port, *options):
    """The path that the server told its application of curl's request."""
    return subprocess.run(["curl", "-sS", "--max-time", "20", *options], stdout=subprocess.PIPE, check=True,
                          env=dict(os.environ, no_proxy="", NO_PROXY="")).stdout.decode()


different = []
print("  %-20s %-10s %s" % ("", "direct", "as a proxy"))
for name, command, expected in SERVERS:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        port = some.getsockname()[1]
    program, *rest = command.replace("PORT", str(port)).split()
    server = subprocess.Popen([os.path.join(FOLDER, "venv", "bin", program), *rest], cwd=FOLDER,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            threading.Event().wait(0.1)
        seen = (path_of(port, "--noproxy", "*", "http://127.0.0.1:%d/room" % port),
                path_of(port, "--proxy", "http://127.0.0.1:%d" % port, "http://chat.example/room"))
    finally:
        server.terminate()
        server.wait(timeout=20)
    print("  %-20s %-10s %s" % ((name,) + seen))
    if seen != (PATH, expected):
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 200 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: with one parser the path is a URL, with the other a path."
