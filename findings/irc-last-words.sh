#!/usr/bin/env bash
# InspIRCd 3.15 does not notice that a client has ended its connection if the end comes in one segment with its last
# words. The words are passed on, and then their sender stays in the channel and in WHO until the ping timeout, minutes
# later. If a moment lies between the two, QUIT comes at once.
# Surprising as that is what a client does that says its last words and closes (the kernel joins them where it can), as
# `printf ... | nc -N` does, and as the end of the stream is there to be read.
# Who should care: writers of bots, who should send QUIT and wait for ERROR; writers of servers that read once for each
# edge of epoll; whoever counts who is in a channel.
set -euo pipefail
for tool in inspircd python3; do
    command -v "$tool" >/dev/null || {
        apt-get update -qq && apt-get install -y -qq inspircd python3 >/dev/null; break; }
done
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$folder/inspircd.conf" <<CONF
<server name="irc.example.net" description="test" network="Example">
<admin name="a" nick="a" email="a@example.net">
<bind address="127.0.0.1" port="$port" type="clients">
<connect name="all" allow="*" timeout="60" pingfreq="120" localmax="100" globalmax="100" useident="no"
         resolvehostnames="no">
<log method="file" type="*" level="default" target="$folder/log">
<pid file="$folder/pid">
<path datadir="$folder" logdir="$folder" runtimedir="$folder">
CONF
inspircd --version 2>/dev/null | head -1
inspircd --nofork --runasroot --config "$folder/inspircd.conf" >"$folder/out" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 - "$port" <<'PY'
import socket
import sys
import time

ADDRESS = ("127.0.0.1", int(sys.argv[1]))
SECONDS = 8


def until(client, word, seconds):
    """Has the word come in time?"""
    heard, deadline = b"", time.monotonic() + seconds
    while word not in heard and time.monotonic() < deadline:
        client.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            heard += client.recv(65536)
        except socket.timeout:
            break
    return word in heard


def member(nick):
    for _ in range(100):
        try:
            client = socket.create_connection(ADDRESS)
            break
        except OSError:
            time.sleep(0.1)
    client.sendall(b"NICK %s\r\nUSER x 0 * :x\r\n" % nick)
    assert until(client, b" 422 ", 20)
    client.sendall(b"JOIN #c\r\n")
    assert until(client, b" 366 ", 20)
    return client


def gone(number, words, pause):
    """Is the end of a client seen, who says these words and ends?"""
    ear, speaker = member(b"ear%d" % number), member(b"who%d" % number)
    assert until(ear, b" JOIN ", 20)
    speaker.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, not pause)  # one segment with the end in it
    speaker.sendall(words)
    time.sleep(pause)
    speaker.shutdown(socket.SHUT_WR)
    seen = until(ear, b" QUIT ", SECONDS)
    ear.close()
    speaker.close()
    return seen


last = b"PRIVMSG #c :bye\r\n"
together = [gone(number, last, 0) for number in range(3)]
apart = gone(10, last, 0.5)
print("QUIT within %d s if the end comes with the last words: %s" % (SECONDS, together))
print("QUIT if half a second lies between: %s" % apart)
if any(together) or not apart:
    print("DIFFERENT: the end of the connection is noticed")
    sys.exit(1)
PY
