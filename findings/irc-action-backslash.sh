#!/usr/bin/env bash
# From a "/me waves \o/" four IRC libraries take the arm, and three of them give their own a third one.
#
# A `/me` is a PRIVMSG with `ACTION waves \o/` between two ^A, and a backslash in it is a backslash: so clients write
# it, and so says the description of CTCP that is in use (modern.ircdocs.horse/ctcp). The first one, of 1994, quoted
# with backslashes. POE::Component::IRC, AnyEvent::IRC, Twisted and net-irc still take that off from what they hear:
# `\o/` is `o/`, `C:\new` is `C:new`, and `\a` a ^A in the middle of a text. AnyEvent::IRC, Twisted and net-irc also
# write it, so everybody else sees `\\o/`. POE does not, so that two bots with POE lose it between them. In what is said
# without `/me` all is well. Limnoria and irc do neither.
# Seen with POE::Component::IRC 6.93, AnyEvent::IRC 0.97 and net-irc 0.0.9 (Debian packages libpoe-component-irc-perl,
# libanyevent-irc-perl and ruby-net-irc), and the PyPI packages twisted 26.10.0, limnoria 2026.10.4 and irc 20.5.0.
# Bridges and loggers: shrugs and paths in a `/me` are not what was said.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
perl -MPOE::Component::IRC -e 1 2>/dev/null || missing+=(libpoe-component-irc-perl)
perl -MAnyEvent::IRC::Util -e 1 2>/dev/null || missing+=(libanyevent-irc-perl)
ruby -e 'require "net/irc"' 2>/dev/null || missing+=(ruby ruby-net-irc)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    twisted==26.10.0 limnoria==2026.10.4 irc==20.5.0
dpkg-query -W -f '${Package} ${Version}\n' libpoe-component-irc-perl libanyevent-irc-perl ruby-net-irc
echo "twisted 26.10.0, limnoria 2026.10.4, irc 20.5.0, $(python3 --version)"

# Each of these writes the CTCP message that it sends for the text, and the text that it hears in another's message.
cat >"$tmp/poe.pl" <<'PERL'
use POE::Filter::IRC;
use POE::Filter::IRC::Compat;
my $text = $ARGV[0];
my $sent = POE::Filter::IRC::Compat->new->put(["ACTION $text"]);
my $heard = POE::Filter::IRC->new->get([":eve!eve\@host PRIVMSG #room :\001ACTION $text\001"]);
print "$sent->[0]\n$heard->[0]{args}[2]\n";
PERL
cat >"$tmp/anyevent.pl" <<'PERL'
use AnyEvent::IRC::Util qw(decode_ctcp encode_ctcp);
my $text = $ARGV[0];
my (undef, $heard) = decode_ctcp("\001ACTION $text\001");
print encode_ctcp([ACTION => $text]), "\n$heard->[0][1]\n";
PERL
cat >"$tmp/netirc.rb" <<'RUBY'
require "net/irc"
text = ARGV[0]
heard = Net::IRC::Message.parse(":eve!eve@host PRIVMSG #room :\x01ACTION #{text}\x01\r\n").ctcps[0]
include Net::IRC
puts ctcp_encode("ACTION #{text}"), heard.delete_prefix("ACTION ")
RUBY
cat >"$tmp/try.py" <<'PYTHON'
import contextlib, io, os, subprocess, sys

import irc.client, irc.ctcp
from twisted.internet.testing import StringTransport
from twisted.words.protocols.irc import IRCClient

with contextlib.redirect_stdout(io.StringIO()):
    from supybot import ircmsgs

FOLDER = sys.argv[1]
TEXTS = [r"waves \o/", r"opens C:\new\a.txt"]


def own(text):
    return "\x01ACTION %s\x01" % text


def by(*command):
    def both(text):
        told = subprocess.run(command + (text,), cwd=FOLDER, stdout=subprocess.PIPE, check=True, timeout=60)
        return told.stdout.decode().splitlines()
    return both


def twisted(text):
    heard = []
    client = IRCClient()
    client.action = lambda user, channel, data: heard.append(data)
    transport = StringTransport()
    client.makeConnection(transport)
    transport.clear()
    client.describe("#room", text)
    client.dataReceived(":eve!eve@host PRIVMSG #room :%s\r\n".encode() % own(text).encode())
    return [transport.value().decode().strip("\r\n").split(" :", 1)[1], heard[0]]


def limnoria(text):
    heard = ircmsgs.IrcMsg(":eve!eve@host PRIVMSG #room :" + own(text))
    return [ircmsgs.action("#room", text).args[1], ircmsgs.unAction(heard)]


def irc_library(text):
    sent = []
    connection = irc.client.ServerConnection(irc.client.Reactor())
    connection.send_raw = sent.append
    connection.action("#room", text)
    return [sent[0].split(" :", 1)[1], irc.ctcp.dequote(own(text))[0][1]]


def doubled(text):
    return text.replace("\\", "\\\\")


def undone(text):
    return text.replace("\\a", "\x01").replace("\\", "")


def same(text):
    return text


LIBRARIES = [
    ("POE", by("perl", "poe.pl"), same, undone),
    ("AnyEvent::IRC", by("perl", "anyevent.pl"), doubled, undone),
    ("net-irc", by("ruby", "netirc.rb"), doubled, undone),
    ("Twisted", twisted, doubled, undone),
    ("Limnoria", limnoria, same, same),
    ("irc", irc_library, same, same),
]
different = []
for text in TEXTS:
    print("  %s" % text)
    for name, both, sends, hears in LIBRARIES:
        seen = both(text)
        print("    %-14s sends %-32s hears %a" % (name, seen[0].replace("\x01", "^A"), seen[1]))
        if seen != [own(sends(text)), hears(text)]:
            different.append("%s with %r, expected %a" % (name, text, [own(sends(text)), hears(text)]))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 120 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: four take the backslash off, and three of them write another one."
