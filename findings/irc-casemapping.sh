#!/usr/bin/env bash
# ngIRCd lets [bob] and {bob} into one channel as two people; the Python library irc counts one.
#
# RFC 1459 takes [ ] \ ~ for the capitals of { } | ^, and servers say in numeric 005 which rule is theirs.
# ngIRCd says CASEMAPPING=ascii. The library reads 005 but always folds by RFC 1459, so that its list of
# a channel's users has one entry for two nicknames, and when one leaves both are gone.
# Seen with ngIRCd 26.1 (Debian package ngircd) and the PyPI package irc 20.5.0.
# A chat server's choice of CASEMAPPING is not heard by all clients: names that only differ this way
# are best refused.
set -euo pipefail
tmp=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
if ! command -v ngircd >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ngircd >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check irc==20.5.0
timeout 10 ngircd --version | sed -n 1p
echo "irc 20.5.0, $(python3 --version)"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$tmp/ngircd.conf" <<CONF
[Global]
Name = irc.test.invalid
Info = A test
Listen = 127.0.0.1
Ports = $port
[Options]
DNS = no
Ident = no
PAM = no
CONF
timeout 60 ngircd -n -f "$tmp/ngircd.conf" >"$tmp/log" 2>&1 &
server=$!

cat >"$tmp/try.py" <<'PYTHON'
import socket, sys, time

import irc.bot

port = int(sys.argv[1])
last = time.monotonic() + 40


def connect():
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except ConnectionRefusedError:
            if time.monotonic() > last:
                sys.exit("DIFFERENT: ngircd does not start")
            time.sleep(0.1)


def enter(nickname):
    """Someone of that nickname in #room; returns the connection and what the server said."""
    person = connect()
    person.sendall(b"NICK %s\r\nUSER someone 0 * :Someone\r\nJOIN #room\r\n" % nickname)
    said = b""
    while b" 366 " not in said:
        more = person.recv(4096)
        if not more:
            sys.exit("DIFFERENT: ngircd let %r not in: %r" % (nickname, said[-200:]))
        said += more
    return person, said


class Watcher(irc.bot.SingleServerIRCBot):
    def __init__(self):
        super().__init__([("127.0.0.1", port)], "watcher", "Watcher")
        self._connect()

    def on_welcome(self, connection, event):
        connection.join("#room")

    def wait(self, condition, what):
        while not condition():
            if time.monotonic() > last:
                sys.exit("DIFFERENT: waited in vain for " + what)
            self.reactor.process_once(0.1)

    def users(self):
        room = self.channels.get("#room")
        return sorted(room.users()) if room else []


people = [enter(b"[bob]"), enter(b"{bob}")]
names = [line for line in people[1][1].decode().split("\r\n") if " 353 " in line][0].split(":")[-1].split()
print("005 says", *[word for word in people[0][1].decode().split() if word.startswith("CASEMAPPING")])
print("ngIRCd's list of names:", sorted(names))
if sorted(name.lstrip("@") for name in names) != ["[bob]", "{bob}"]:
    sys.exit("DIFFERENT: ngIRCd has not both")
watcher = Watcher()
watcher.wait(lambda: len(watcher.users()) >= 2, "the list of users")
print("the library has read:   CASEMAPPING=%s" % watcher.connection.features.casemapping)
print("the library's list:    ", watcher.users())
bobs = [name for name in watcher.users() if "bob" in name]
if len(bobs) != 1:
    sys.exit("DIFFERENT: the library has %d of them" % len(bobs))
people[0][0].sendall(b"PART #room\r\n")
watcher.wait(lambda: not [name for name in watcher.users() if "bob" in name], "the one to leave")
print("after [bob] has left:  ", watcher.users())
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$port"
echo "As told: two people for the server, one for the client."
