#!/usr/bin/env bash
# A bot of the Python library irc that leaves a room with "good bye all" stays there, on two of three servers.
#
# A text with blanks needs a colon before it. `kick()`, `quit()` and `topic()` write one, `part()` does not: the line is
# `PART #room good bye all`. InspIRCd puts the words together again. ngIRCd answers 461, too many parameters, and
# irc.server, which comes with the library for tests, 403, as it knows no room called "#room good bye all". The bot is
# in the room and goes on hearing it. A reason of one word works on both real servers.
# Seen with the PyPI package irc 20.5.0, InspIRCd 3.15.0 and ngIRCd 26.1 (Debian packages).
# Whoever writes a bot gives the reason as ":good bye all"; whoever writes a server may take all that follows the room
# for the reason, as it cannot be anything else.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

for tool in inspircd ngircd; do
    command -v "$tool" >/dev/null || {
        timeout 300 apt-get -qq update
        timeout 300 apt-get -qq install -y --no-install-recommends inspircd ngircd >/dev/null
        break; }
done
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check irc==20.5.0
echo "$(python3 --version), $(dpkg-query -W -f '${Package} ${Version} ' inspircd ngircd)"
read -r first second third < <(python3 -c '
import socket
some = [socket.socket() for _ in range(3)]
for one in some:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in some))')
cat >"$tmp/inspircd.conf" <<CONF
<server name="irc.example.net" description="test" network="Example">
<admin name="a" nick="a" email="a@example.net">
<bind address="127.0.0.1" port="$first" type="clients">
<connect name="all" allow="*" timeout="60" pingfreq="120" useident="no" resolvehostnames="no">
<log method="file" type="*" level="default" target="$tmp/log">
<pid file="$tmp/pid">
<path datadir="$tmp" logdir="$tmp" runtimedir="$tmp">
CONF
cat >"$tmp/ngircd.conf" <<CONF
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
inspircd --nofork --runasroot --config "$tmp/inspircd.conf" >"$tmp/out" 2>&1 &
ngircd -n -f "$tmp/ngircd.conf" >"$tmp/out2" 2>&1 &
"$tmp/venv/bin/python" -m irc.server -a 127.0.0.1 -p "$third" >"$tmp/out3" 2>&1 &

cat >"$tmp/try.py" <<'PYTHON'
import sys, time

import irc.client


def answer(port, nick, reason):
    """What a bot hears when it leaves a room with this reason: (the kind of the event, its arguments)."""
    reactor = irc.client.Reactor()
    connection = reactor.server()
    for _ in range(100):
        try:
            connection.connect("127.0.0.1", port, nick)
            break
        except irc.client.ServerConnectionError:
            time.sleep(0.1)
    heard = []
    connection.add_global_handler("endofmotd", lambda *_: connection.join("#room"))
    connection.add_global_handler("nomotd", lambda *_: connection.join("#room"))
    connection.add_global_handler("endofnames", lambda *_: connection.part("#room", reason))
    for kind in ("part", "needmoreparams", "nosuchchannel"):
        connection.add_global_handler(kind, lambda _, event: heard.append((event.type, event.arguments)))
    end = time.monotonic() + 15
    while not heard and time.monotonic() < end:
        reactor.process_once(0.2)
    connection.close()
    return heard[0] if heard else "nothing"


INSPIRCD, NGIRCD, OWN = map(int, sys.argv[1:])
EXPECTED = {
    ("InspIRCd", INSPIRCD, "bye"): ("part", ["bye"]),
    ("InspIRCd", INSPIRCD, "good bye all"): ("part", ["good bye all"]),
    ("ngIRCd", NGIRCD, "bye"): ("part", ["bye"]),
    ("ngIRCd", NGIRCD, "good bye all"): ("needmoreparams", ["PART", "Syntax error"]),
    ("irc.server", OWN, ""): ("part", []),
    ("irc.server", OWN, "good bye all"): ("nosuchchannel", ["good", "bye", "all", "#room good bye all"]),
}
different = []
for at, ((name, port, reason), expected) in enumerate(EXPECTED.items()):
    heard = answer(port, "bot%d" % at, reason)  # a name of its own, as the last one may not be free yet
    print("  %-10s part(\"#room\", %-15r) -> %s" % (name, reason, heard))
    if heard[0] != expected[0] or heard[1][-1:] != expected[1][-1:]:
        different.append("%s, %r, expected %s" % (name, reason, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 58 "$tmp/venv/bin/python" "$tmp/try.py" "$first" "$second" "$third"
echo "As told: with a reason of several words the bot stays in the room, on ngIRCd and on the library's own server."
