#!/usr/bin/env bash
# In irc-framework who leaves a channel without a word has said the channel's name.
#
# The reason of a PART is its second parameter, and may be missing; InspIRCd then writes `PART :#room`. irc-framework
# takes the last parameter for the reason, whichever it is, so that the event "part" has "#room" as its message. Of a
# KICK without a comment it takes the name of whoever was kicked. ngIRCd writes an empty reason, `PART #room :`, and
# hides it. matrix-org-irc is right with both.
# Seen with the npm packages irc-framework 4.14.0 (which The Lounge and Kiwi IRC use) and matrix-org-irc 3.0.0, InspIRCd
# 3.15.0 and ngIRCd 26.1 (Debian packages).
# Clients that show reasons show, and bots that log them or answer to them get, one that nobody wrote. A server that
# always writes a reason, if only an empty one, is safe from it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

for tool in inspircd ngircd npm; do
    command -v "$tool" >/dev/null || {
        timeout 300 apt-get -qq update
        timeout 300 apt-get -qq install -y --no-install-recommends inspircd ngircd nodejs npm >/dev/null
        break; }
done
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    irc-framework@4.14.0 matrix-org-irc@3.0.0 >/dev/null
dpkg-query -W -f '${Package} ${Version}, ' inspircd ngircd; echo "Node $(node --version)"
read -r first second < <(python3 -c '
import socket
some = [socket.socket() for _ in range(2)]
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

cat >"$tmp/try.js" <<'JAVASCRIPT'
// The bot waits in #room until a guest has come and gone.
const net = require("net");
const [port, library] = process.argv.slice(2);
// Names of their own, as those of the last run may not be free yet.
const [bot, guest] = library === "irc-framework" ? ["bot", "ann"] : ["rob", "eve"];
let wire;

function visit() {
  const visitor = net.connect(Number(port), "127.0.0.1");
  let seen = "";
  visitor.on("data", (data) => {
    const welcomed = / (376|422) /;
    if (!welcomed.test(seen) && welcomed.test(seen + data)) visitor.write("JOIN #room\r\nPART #room\r\n");
    seen += data;
    wire = (seen.match(/PART .*/) || [])[0];
  });
  visitor.write(`NICK ${guest}\r\nUSER ${guest} 0 * :${guest}\r\n`);
}

function tell(reason) {
  setTimeout(() => {
    console.log(`${wire.trim()} -> ${JSON.stringify(reason)}`);
    process.exit(0);
  }, 500);
}

function start() {
  if (library === "irc-framework") {
    const client = new (require(library).Client)();
    client.on("registered", () => client.join("#room"));
    client.on("userlist", visit);
    client.on("part", (event) => tell(event.message));
    client.connect({ host: "127.0.0.1", port: Number(port), nick: bot });
  } else {
    const client = new (require(library).Client)("127.0.0.1", bot, { port: Number(port), channels: ["#room"] });
    client.on("names", visit);
    client.on("part", (channel, nick, reason) => tell(reason || ""));
  }
}

(function untilItListens() {
  const probe = net.connect(Number(port), "127.0.0.1");
  probe.on("error", () => setTimeout(untilItListens, 100));
  probe.on("connect", () => (probe.destroy(), start()));
})();
JAVASCRIPT

different=
expect() {  # library, server, port, what is heard
    local heard
    heard=$(cd "$tmp" && timeout 25 node try.js "$3" "$1" 2>&1) || true
    printf '  %-15s %-9s %s\n' "$1" "$2" "$heard"
    [ "$heard" = "$4" ] || different="$different; $1 with $2, expected: $4"
}
expect irc-framework InspIRCd "$first" 'PART :#room -> "#room"'
expect matrix-org-irc InspIRCd "$first" 'PART :#room -> ""'
expect irc-framework ngIRCd "$second" 'PART #room : -> ""'
expect matrix-org-irc ngIRCd "$second" 'PART #room : -> ""'
if [ -n "$different" ]; then
    echo "DIFFERENT${different/;/:}"
    exit 1
fi
echo "As told: irc-framework takes the channel's name for the reason."
