#!/usr/bin/env bash
# InspIRCd 3.15 answers a NOTICE to a nick that nobody has with 401; ngIRCd 26.1 answers nothing.
# Surprising as RFC 1459 (4.4.2), RFC 2812 (3.3.2) and modern.ircdocs.horse all say that servers must not send any error
# back on receipt of a NOTICE: it is what programs answer with so that two of them never answer each other for ever.
# Who should care: writers of bots that answer numerics, or that take a 401 for the answer to something else.
set -euo pipefail
for tool in inspircd ngircd python3; do
    command -v "$tool" >/dev/null || {
        apt-get update -qq && apt-get install -y -qq inspircd ngircd python3 >/dev/null; break; }
done
folder=$(mktemp -d)
read -r first second < <(python3 -c '
import socket
some = [socket.socket() for _ in range(2)]
for one in some:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in some))')
cat >"$folder/inspircd.conf" <<CONF
<server name="irc.example.net" description="test" network="Example">
<admin name="a" nick="a" email="a@example.net">
<bind address="127.0.0.1" port="$first" type="clients">
<connect name="all" allow="*" timeout="60" pingfreq="120" useident="no" resolvehostnames="no">
<log method="file" type="*" level="default" target="$folder/log">
<pid file="$folder/pid">
<path datadir="$folder" logdir="$folder" runtimedir="$folder">
CONF
cat >"$folder/ngircd.conf" <<CONF
[Global]
Name = irc.example.net
Info = test
Listen = 127.0.0.1
Ports = $second
AdminInfo1 = a
AdminInfo2 = a
AdminEMail = a@example.net
MotdPhrase = hi
[Options]
DNS = no
Ident = no
PAM = no
CONF
inspircd --nofork --runasroot --config "$folder/inspircd.conf" >"$folder/out" 2>&1 &
inspircd=$!
ngircd -n -f "$folder/ngircd.conf" >"$folder/out2" 2>&1 &
ngircd=$!
trap 'kill $inspircd $ngircd 2>/dev/null || true; wait || true; rm -rf "$folder"' EXIT
python3 - "$first" "$second" <<'PY'
import socket
import sys
import time


def answer(port):
    """(the version, what comes before the PONG behind a NOTICE to nobody)."""
    for _ in range(100):
        try:
            client = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.1)
    lines = client.makefile("r", encoding="utf-8", errors="replace")
    client.settimeout(30)
    client.sendall(b"NICK ann\r\nUSER x 0 * :x\r\n")
    version = ""
    for line in lines:
        if " 004 " in line:
            version = line.split(" ")[4]
        if " 376 " in line or " 422 " in line:
            break
    client.sendall(b"NOTICE nobody :hi\r\nPING x\r\n")
    found = []
    for line in lines:
        if " PONG " in line:
            return version, found
        found.append(line.strip())


told = [answer(int(port)) for port in sys.argv[1:]]
for version, lines in told:
    print("%s: %s" % (version, lines or "nothing"))
if [bool(lines) for _, lines in told] != [True, False] or " 401 " not in told[0][1][0]:
    print("DIFFERENT: a NOTICE to nobody is answered otherwise")
    sys.exit(1)
PY
