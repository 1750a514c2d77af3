#!/usr/bin/env bash
# Two WebSocket servers say goodbye with a Close frame that no client may accept.
#
# The first two bytes of a Close frame are its code (RFC 6455, 5.5.1). gevent-websocket takes a code in
# `close(4001, b"bye")` and does not send it: the frame has the text alone, and that as Python writes it, so that "b'"
# is the code, 25127. A client's goodbye is answered likewise, with "bytearray(b'bye')". ws4py answers a Close frame
# without a code, which `close()` sends in a browser, with 1005, a code that 7.4.1 forbids on the wire. Clients end both
# as protocol errors.
# Seen with the PyPI packages gevent-websocket 0.10.1 and ws4py 0.6.0, and the npm package ws 8.23.0.
# Clients that come back after an error and stay away after a goodbye come back at once, and logs count errors where
# everybody had left in peace.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    gevent==26.9.0 gevent-websocket==0.10.1 ws4py==0.6.0 setuptools==80.9.0
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts ws@8.23.0 >/dev/null
echo "$(python3 --version), Node $(node --version)"

cat >"$tmp/on_gevent.py" <<'PYTHON'
import gevent.pywsgi
import geventwebsocket.handler


def talk(environ, start_response):
    connection = environ["wsgi.websocket"]
    if connection.receive() == "code":
        connection.close(4001)
    elif not connection.closed:
        connection.close(4001, b"bye")
    return []


server = gevent.pywsgi.WSGIServer(
    ("127.0.0.1", 0), talk, handler_class=geventwebsocket.handler.WebSocketHandler, log=None)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
cat >"$tmp/on_ws4py.py" <<'PYTHON'
import logging
import wsgiref.simple_server

import ws4py.server.wsgirefserver
import ws4py.server.wsgiutils
import ws4py.websocket

logging.disable(logging.CRITICAL)
server = wsgiref.simple_server.make_server(
    "127.0.0.1", 0, app=ws4py.server.wsgiutils.WebSocketWSGIApplication(handler_cls=ws4py.websocket.EchoWebSocket),
    server_class=ws4py.server.wsgirefserver.WSGIServer,
    handler_class=ws4py.server.wsgirefserver.WebSocketWSGIRequestHandler)
server.initialize_websockets_manager()
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
cat >"$tmp/client.js" <<'JAVASCRIPT'
const [port, what, ...goodbye] = process.argv.slice(2);
const client = new (require("ws"))(`ws://127.0.0.1:${port}/`);
client.on("open", () =>
  what === "close" ? client.close(...goodbye.map((one, at) => (at ? one : Number(one)))) : client.send(what)
);
client.on("error", (error) => console.log(error.message));
client.on("close", (code) => console.log(`code ${code}`));
JAVASCRIPT

for server in gevent ws4py; do
    "$tmp/venv/bin/python" "$tmp/on_$server.py" >"$tmp/port-$server" 2>"$tmp/log-$server" &
done
for server in gevent ws4py; do
    for _ in $(seq 100); do [ -s "$tmp/port-$server" ] && break; sleep 0.2; done
done

different=
expect() {  # server, what the client does, what it hears
    local heard
    heard=$(cd "$tmp" && timeout 20 node client.js "$(cat "port-$1")" $2 2>&1 | paste -sd , -) || true
    printf '  %-7s %-15s %s\n' "$1" "$2" "$heard"
    [ "$heard" = "$3" ] || different="$different; $1, $2, expected: $3"
}
expect gevent "code" "code 1005"
expect gevent "reason" "Invalid WebSocket frame: invalid status code 25127,code 1006"
expect gevent "close 4000 bye" "Invalid WebSocket frame: invalid status code 25209,code 1006"
expect ws4py "close" "Invalid WebSocket frame: invalid status code 1005,code 1006"
expect ws4py "close 1000" "code 1000"
if [ -n "$different" ]; then
    echo "DIFFERENT${different/;/:}"
    exit 1
fi
echo "As told: 4001 is 1005 without a reason and 25127 with one; what a client says is 25209; no code is 1005."
