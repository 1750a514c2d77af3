#!/usr/bin/env bash
# A bot with Ruby's net-irc never enters a server that asks for a PONG first.
#
# A PONG has the text of its PING (modern.ircdocs.horse, PONG), and servers ask so for something that only a client that
# hears them can know, before they let it in: InspIRCd with its module conn_waitpong, others always. net-irc answers
# each PING with the bot's nickname, and before the welcome, when it does not know it from the server yet, with nothing.
# It stays at the door without an error on its side. ngIRCd does not ask. tcllib's irc, circuits, AnyEvent::IRC and irc
# answer what was asked, and enter both.
# Seen with net-irc 0.0.9, tcllib 1.21 and AnyEvent::IRC 0.97 (Debian packages ruby-net-irc, tcllib and
# libanyevent-irc-perl), the PyPI packages circuits 3.2.5 and irc 20.5.0, and InspIRCd 3.15.0 and ngIRCd 26.1.
# Bots in Ruby: an on_ping(m) of their own with `post PONG, m[0]` helps.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
missing=()
command -v ngircd >/dev/null || missing+=(ngircd)
command -v inspircd >/dev/null || missing+=(inspircd)
ruby -e 'require "net/irc"' 2>/dev/null || missing+=(ruby ruby-net-irc)
perl -MAnyEvent::IRC::Client -e 1 2>/dev/null || missing+=(libanyevent-irc-perl)
echo 'package require irc' | tclsh >/dev/null 2>&1 || missing+=(tcl tcllib)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check circuits==3.2.5 irc==20.5.0
dpkg-query -W -f '${Package} ${Version}\n' ruby-net-irc tcllib libanyevent-irc-perl inspircd ngircd
echo "circuits 3.2.5, irc 20.5.0, $(python3 --version)"
read -r first second < <(python3 -c '
import socket
both = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in both))')
cat >"$tmp/ngircd.conf" <<CONF
[Global]
Name = irc.example.net
Info = test
Listen = 127.0.0.1
Ports = $first
[Options]
DNS = no
Ident = no
PAM = no
CONF
cat >"$tmp/inspircd.conf" <<CONF
<module name="conn_waitpong">
<waitpong sendsnotice="no" killonbadreply="yes">
<server name="irc.example.net" description="test" network="Example">
<admin name="a" nick="a" email="a@example.net">
<bind address="127.0.0.1" port="$second" type="clients">
<connect name="all" allow="*" timeout="60" pingfreq="120" useident="no" resolvehostnames="no">
<log method="file" type="*" level="default" target="$tmp/log">
<pid file="$tmp/pid">
<path datadir="$tmp" logdir="$tmp" runtimedir="$tmp">
CONF
ngircd -n -f "$tmp/ngircd.conf" >"$tmp/out" 2>&1 &
timeout 300 inspircd --nofork --runasroot --config "$tmp/inspircd.conf" >"$tmp/out2" 2>&1 &

# Each of these enters #room as bot.
cat >"$tmp/bot.rb" <<'RUBY'
require "net/irc"

class Bot < Net::IRC::Client
  def on_rpl_welcome(message)
    super
    post JOIN, "#room".dup
  end
end

class Mended < Bot
  def on_ping(message)
    post PONG, message[0]
  end
end
log = Logger.new(File::NULL)
kind = { "Bot" => Bot, "Mended" => Mended }.fetch(ARGV[0])
kind.new("127.0.0.1", ARGV[1].to_i, nick: "bot".dup, user: "bot".dup, real: "Bot".dup, logger: log).start
RUBY
cat >"$tmp/bot.tcl" <<'TCL'
package require irc
set bot [irc::connection]
$bot registerevent 001 [list $bot join #room]
$bot registerevent EOF exit
$bot connect 127.0.0.1 [lindex $argv 0]
$bot user bot 127.0.0.1 Bot
$bot nick bot
vwait forever
TCL
cat >"$tmp/bot.pl" <<'PERL'
use AnyEvent;
use AnyEvent::IRC::Client;
my $bot = AnyEvent::IRC::Client->new;
$bot->reg_cb(registered => sub { $bot->send_srv(JOIN => '#room') });
$bot->connect('127.0.0.1', $ARGV[0], {nick => 'bot', user => 'bot', real => 'Bot'});
AnyEvent->condvar->recv;
PERL
cat >"$tmp/by_circuits.py" <<'PYTHON'
import sys

from circuits import Component
from circuits.net.events import connect
from circuits.net.sockets import TCPClient
from circuits.protocols.irc import IRC, JOIN, NICK, USER


class Bot(Component):
    channel = "bot"

    def init(self):
        TCPClient(channel=self.channel).register(self)
        IRC(channel=self.channel).register(self)

    def ready(self, component):
        self.fire(connect("127.0.0.1", int(sys.argv[1])))

    def connected(self, host, port):
        self.fire(NICK("bot"))
        self.fire(USER("bot", "0", "*", "Bot"))

    def numeric(self, source, numeric, *args):
        if numeric == 1:
            self.fire(JOIN("#room"))


Bot().run()
PYTHON
cat >"$tmp/by_irc.py" <<'PYTHON'
import sys

import irc.client

reactor = irc.client.Reactor()
connection = reactor.server().connect("127.0.0.1", int(sys.argv[1]), "bot")
connection.add_global_handler("welcome", lambda connection, event: connection.join("#room"))
reactor.process_forever()
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys, time

FOLDER, *PORTS = sys.argv[1:]


def entered(port):
    for _ in range(100):
        try:
            ear = socket.create_connection(("127.0.0.1", port), timeout=60)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    lines = ear.makefile("rwb", buffering=0)
    lines.write(b"NICK ear\r\nUSER ear 0 * ear\r\n")
    for line in lines:
        if line.startswith(b"PING"):
            lines.write(b"PONG" + line[4:])
        elif line.split()[1] == b"001":
            lines.write(b"JOIN #room\r\n")
        elif line.split()[1] == b"366":
            return ear, lines


def enters(ear, lines, port, *command):
    """Whether the bot comes into the room in 15 seconds."""
    bot = subprocess.Popen(command + (port,), cwd=FOLDER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ear.settimeout(15)
    try:
        while True:
            line = lines.readline()
            if b" JOIN " in line:
                break
    except socket.timeout:
        return False
    finally:
        bot.kill()
        bot.wait()
    ear.settimeout(60)
    while b" QUIT " not in lines.readline():
        pass
    return True


BOTS = [
    ("net-irc", ("ruby", "bot.rb", "Bot"), [True, False]),
    ("net-irc, mended", ("ruby", "bot.rb", "Mended"), [True, True]),
    ("tcllib irc", ("tclsh", "bot.tcl"), [True, True]),
    ("circuits", (sys.executable, "by_circuits.py"), [True, True]),
    ("AnyEvent::IRC", ("perl", "bot.pl"), [True, True]),
    ("irc", (sys.executable, "by_irc.py"), [True, True]),
]
different = []
print("  %-16s %-8s %s" % ("", "ngIRCd", "InspIRCd with conn_waitpong"))
for name, command, expected in BOTS:
    seen = []
    for port in PORTS:
        ear, lines = entered(int(port))
        with ear:
            seen.append(enters(ear, lines, port, *command))
    print("  %-16s %-8s %s" % (name, *("enters" if one else "not" for one in seen)), flush=True)
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 300 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp" "$first" "$second"
echo "As told: one of five never enters."
