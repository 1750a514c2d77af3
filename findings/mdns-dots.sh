#!/usr/bin/env bash
# A chat that is announced on the local network as "St. John" is written by two mDNS libraries as "St" and " John".
#
# The name of a service is one label, which may contain dots and spaces (RFC 6763, 4.1.1 and 4.3). zeroconf and
# dns-packet, which bonjour-service and multicast-dns are made of, hold all names as texts with dots, and write each
# part as a label of its own: the name of another service, below a domain that nobody asked for. What others announce
# correctly they read as the same text, and ask for the wrong name when they want its port. Among themselves all is
# well: both directions are wrong in the same way. dnspython writes a backslash before such a dot.
# Seen with the PyPI packages zeroconf 0.154.0 and dnspython 2.9.2, and dns-packet 5.6.1 (npm).
# Whoever announces "chat v1.2" or "Dr. Ann's room": leave dots out of such names.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts dns-packet@5.6.1 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check zeroconf==0.154.0 dnspython==2.9.2
echo "zeroconf 0.154.0, dnspython 2.9.2, $(python3 --version); dns-packet 5.6.1, Node $(node --version)"

cat >"$tmp/packet.cjs" <<'JAVASCRIPT'
// announce NAME: writes an announcement; ask: reads one from its input, and writes the question for that service.
const packet = require("dns-packet");
const [, , what, name] = process.argv;
if (what === "announce") {
  const answers = [{ type: "PTR", name: "_chat._tcp.local", data: `${name}._chat._tcp.local` }];
  process.stdout.write(packet.encode({ type: "response", answers }));
} else {
  const [answer] = packet.decode(require("fs").readFileSync(0)).answers;
  process.stdout.write(packet.encode({ type: "query", questions: [{ type: "SRV", name: answer.data }] }));
}
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import os, subprocess, sys

import dns.message
import dns.name
import dns.rrset
import zeroconf

FOLDER = sys.argv[1]
TYPE = "_chat._tcp.local."
RIGHT, CUT = ["St. John"], ["St", " John"]


def zeroconf_announces(name):
    service = zeroconf.ServiceInfo(TYPE, "%s.%s" % (name, TYPE), port=4000, server="host.local.")
    packet = zeroconf.DNSOutgoing(zeroconf.const._FLAGS_QR_RESPONSE)
    packet.add_answer_at_time(service.dns_pointer(), 0)
    return packet.packets()[0]


def zeroconf_asks(announcement):
    answer = zeroconf.DNSIncoming(announcement).answers()[0]
    packet = zeroconf.DNSOutgoing(zeroconf.const._FLAGS_QR_QUERY)
    packet.add_question(zeroconf.DNSQuestion(answer.alias, zeroconf.const._TYPE_SRV, zeroconf.const._CLASS_IN))
    return packet.packets()[0]


def dns_packet(*arguments, data=b""):
    return subprocess.run(["node", os.path.join(FOLDER, "packet.cjs"), *arguments], input=data,
                          stdout=subprocess.PIPE, check=True, timeout=30).stdout


def dnspython_announces(name):
    target = dns.name.Name([name.encode()] + [label.encode() for label in TYPE.split(".")])
    message = dns.message.Message()
    message.answer.append(dns.rrset.from_text(TYPE, 120, "IN", "PTR", target.to_text()))
    return message.to_wire()


def labels(packet):
    """The labels before those of the type, of what is announced or asked for."""
    message = dns.message.from_wire(packet)
    name = message.answer[0][0].target if message.answer else message.question[0].name
    return [label.decode() for label in name.labels[:-4]]


right = dnspython_announces("St. John")
different = []
for what, packet, expected in (
    ("dnspython announces", right, RIGHT),
    ("zeroconf announces", zeroconf_announces("St. John"), CUT),
    ("zeroconf asks for the right one", zeroconf_asks(right), CUT),
    ("dns-packet announces", dns_packet("announce", "St. John"), CUT),
    ("dns-packet asks for the right one", dns_packet("ask", data=right), CUT),
    ("zeroconf asks for its own", zeroconf_asks(zeroconf_announces("St. John")), CUT),
    ("zeroconf announces, without a dot", zeroconf_announces("St John"), ["St John"]),
):
    seen = labels(packet)
    print("  %-36s %s" % (what, " + ".join(map(repr, seen))))
    if seen != expected:
        different.append("%s, expected %s" % (what, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: a dot makes two labels of one, in both."
