#!/usr/bin/env bash
# Go's x/net/websocket makes four messages of one in four fragments, and answers no Close frame.
#
# Fragments are one message, and where it is cut has no meaning (RFC 6455, 5.4); who receives a Close frame sends one in
# response (5.5.1). `websocket.Message.Receive`, by which its documentation receives messages, gives each frame for
# itself: a letter in two halves where a fragment ends within one, and "" for the empty last one. After the client's
# Close frame the connection just ends: for the client that is 1006, a broken line. The documentation says that some
# features are lacking, not which. gorilla/websocket does both right on the same bytes.
# Seen with golang.org/x/net 0.7.0 and gorilla/websocket 1.5.0 (Debian packages golang-go, golang-golang-x-net-dev and
# golang-github-gorilla-websocket-dev), and the PyPI package websockets 17.4.
# Servers in Go whose clients send in fragments, as websockets does for iterables and browsers may for large messages.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

code=/usr/share/gocode/src
if ! { command -v go && ls $code/golang.org/x/net/websocket $code/github.com/gorilla/websocket; } >/dev/null 2>&1; then
    timeout 300 apt-get -qq update
    timeout 500 apt-get -qq install -y --no-install-recommends golang-go golang-golang-x-net-dev \
        golang-github-gorilla-websocket-dev >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check websockets==17.4
go version
dpkg-query -W -f '${Package} ${Version}\n' golang-golang-x-net-dev golang-github-gorilla-websocket-dev
echo "websockets 17.4, $(python3 --version)"

cat >"$tmp/serve.go" <<'GO'
// Serves /x and /gorilla, writes its port, and sends back in hexadecimal each text that it receives.
package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
	x "golang.org/x/net/websocket"
)

func byX(connection *x.Conn) {
	for {
		var text string
		if x.Message.Receive(connection, &text) != nil {
			return
		}
		x.Message.Send(connection, hex.EncodeToString([]byte(text)))
	}
}

func byGorilla(answer http.ResponseWriter, request *http.Request) {
	connection, err := (&websocket.Upgrader{}).Upgrade(answer, request, nil)
	if err != nil {
		return
	}
	defer connection.Close()
	for {
		_, text, err := connection.ReadMessage()
		if err != nil {
			return
		}
		connection.WriteMessage(websocket.TextMessage, []byte(hex.EncodeToString(text)))
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.Handle("/x", x.Handler(byX))
	http.HandleFunc("/gorilla", byGorilla)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, nil)
}
GO
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$tmp/cache
(cd "$tmp" && timeout 400 go build -o serve serve.go)

cat >"$tmp/try.py" <<'PYTHON'
import asyncio, subprocess, sys

import websockets.asyncio.client
import websockets.exceptions

PARTS = ["one ".encode(), "Gr\u00fc".encode()[:3], "\u00fcße".encode()[1:]]  # the second ends within the ü
EXPECTED = {
    "gorilla": ([b"".join(PARTS), b"last"], 1000),
    "x": (PARTS + [b"", b"last"], 1006),  # websockets ends such a message with an empty fragment
}


async def talk(address, origin):
    """What the server heard of one message in fragments and a second one, and how the connection ends."""
    heard = []
    async with websockets.asyncio.client.connect(address, origin=origin, compression=None, proxy=None) as connection:
        await connection.send(PARTS, text=True)
        await connection.send("last")
        while b"last" not in heard:
            heard.append(bytes.fromhex(await asyncio.wait_for(connection.recv(), 10)))
        await connection.close()
        return heard, connection.close_code


server = subprocess.Popen([sys.argv[1] + "/serve"], stdout=subprocess.PIPE)
different = []
try:
    place = "127.0.0.1:%d" % int(server.stdout.readline())
    for library, expected in EXPECTED.items():
        seen = asyncio.run(talk("ws://%s/%s" % (place, library), "http://" + place))
        print("  %-8s hears %a, and its client is told %d" % ((library,) + seen))
        if seen != expected:
            different.append("%s, expected %a" % (library, expected))
finally:
    server.kill()
    server.wait()
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: fragments are messages, and the goodbye has no answer."
