#!/usr/bin/env bash
# Through six of seven TCP relays, who has said all and waits for the answer gets none.
#
# A client that ends its side after its request (`printf 'WHO\n' | nc -N`) can still hear: "CLOSE" means "I have no more
# data to send", and receiving goes on until the other side closes too (RFC 9293, 3.6). HAProxy passes the end on and
# goes on carrying the answer. redir, rinetd, simpleproxy, sslh and xinetd's `redirect` close both connections at the
# first end, and so does nginx's `stream` unless `proxy_half_close on` is set: the server gets the request, and when it
# answers half a second later there is nobody. The client sees a proper end, and no error.
# Seen with redir 3.3, rinetd 0.73, simpleproxy 3.5, sslh 1.20, xinetd 2.3.15.3, nginx 1.22.1 and HAProxy 2.6.12
# (Debian packages of these names, nginx-light and libnginx-mod-stream).
# Scripts that ask a server of lines something: that works until one of these is put in front of it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
module=/usr/lib/nginx/modules/ngx_stream_module.so
for tool in redir rinetd simpleproxy sslh xinetd nginx haproxy "$module"; do
    command -v "$tool" >/dev/null || [[ -e $tool ]] || {
        timeout 300 apt-get -qq update
        timeout 300 apt-get -qq install -y --no-install-recommends redir rinetd simpleproxy sslh xinetd nginx-light \
            libnginx-mod-stream haproxy >/dev/null 2>&1
        break; }
done
dpkg-query -W -f '${Package} ${Version}\n' redir rinetd simpleproxy sslh xinetd nginx-light haproxy

cat >"$tmp/try.py" <<'PYTHON'
import os, socket, subprocess, sys, threading, time

FOLDER, MODULE = sys.argv[1:]
HALF = "server { listen 127.0.0.1:%d; proxy_pass 127.0.0.1:%d; %s }"
NGINX = """load_module %s; daemon off; master_process off; pid %s/nginx.pid; error_log stderr; events {}
stream { access_log off; %s }"""
HAPROXY = """defaults
    mode tcp
    timeout connect 9s
    timeout client 9s
    timeout server 9s
listen relay
    bind 127.0.0.1:%d
    server chat 127.0.0.1:%d
"""
XINETD = """service relay
{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    wait = no
    user = root
    bind = 127.0.0.1
    port = %d
    redirect = 127.0.0.1 %d
}
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def written(text):
    path = os.path.join(FOLDER, "configuration")
    with open(path, "w") as file:
        file.write(text)
    return path


def nginx(more):
    def command(port, chat):
        return ["nginx", "-e", "stderr", "-c", written(NGINX % (MODULE, FOLDER, HALF % (port, chat, more)))]

    return command


PLACE = "127.0.0.1:%d"
RELAYS = [  # the command for (its port, the server's), and whether the answer comes through
    ("redir", lambda port, chat: ["redir", "-n", PLACE % port, PLACE % chat], False),
    ("rinetd", lambda port, chat: ["rinetd", "-f", "-c", written("127.0.0.1 %d 127.0.0.1 %d\n" % (port, chat))], False),
    ("simpleproxy", lambda port, chat: ["simpleproxy", "-L", PLACE % port, "-R", PLACE % chat], False),
    ("sslh", lambda port, chat: ["sslh", "-f", "-n", "-u", "root", "-P", FOLDER + "/sslh.pid", "--listen", PLACE % port,
                                 "--anyprot", PLACE % chat], False),
    ("xinetd", lambda port, chat: ["xinetd", "-dontfork", "-pidfile", FOLDER + "/xinetd.pid", "-f",
                                   written(XINETD % (port, chat))], False),
    ("nginx", nginx(""), False),
    ("nginx, proxy_half_close", nginx("proxy_half_close on;"), True),
    ("haproxy", lambda port, chat: ["haproxy", "-db", "-f", written(HAPROXY % (port, chat))], True),
]
asked = []


def answer(client):
    """What a server does for each client: read until its end, think, answer."""
    question = b""
    try:
        for part in iter(lambda: client.recv(4096), b""):
            question += part
        if question:
            asked.append(question)
            time.sleep(0.5)
            client.sendall(b"ann\nbob\n")
        client.close()
    except OSError:
        pass


def serve(listener):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=answer, args=(client,), daemon=True).start()


def heard_through(port):
    for _ in range(100):
        try:
            client = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    client.settimeout(8)
    client.sendall(b"WHO\n")
    time.sleep(0.3)
    client.shutdown(socket.SHUT_WR)
    return b"".join(iter(lambda: client.recv(4096), b""))


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
chat = listener.getsockname()[1]
print("  %-24s asked %-10r answered %r" % ("directly", b"WHO\n", heard_through(chat)))
different = []
for name, command, expected in RELAYS:
    del asked[:]
    port = free_port()
    with open(os.path.join(FOLDER, "log"), "wb") as log:
        relay = subprocess.Popen(command(port, chat), stdout=log, stderr=log)
    try:
        heard = heard_through(port)
        for _ in range(50):  # the server may be later than the client's end
            if asked:
                break
            time.sleep(0.1)
    finally:
        relay.terminate()
        relay.wait()
    print("  %-24s asked %-10r answered %r" % (name, b"".join(asked), heard))
    if asked != [b"WHO\n"] or heard != (b"ann\nbob\n" if expected else b""):
        different.append(name)
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 python3 "$tmp/try.py" "$tmp" "$module"
echo "As told: six relays end the answer together with the question."
