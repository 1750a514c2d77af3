#!/usr/bin/env bash
# A bot called [bot] is deaf to its name with irc3, and is mentioned with POE in each text that has a b, an o or a t.
#
# Brackets and bars are letters of nicknames (RFC 2812, 2.3.1), and bots like them. irc3 puts the name as it is into the
# regular expression of what is said to the bot, and POE::Component::IRC's BotAddressed into that of what mentions it:
# `[bot]` is one of three letters there, `bot|away` one of two words. irc3 does not hear "[bot]: hello", and takes
# "b: hello" for its own; nor does it answer CTCP. For POE, `irc_bot_mentioned` comes with almost all that is said.
# A bot called bot hears and is mentioned as it should be. Bot::BasicBot and Limnoria quote the name.
# Seen with the PyPI packages irc3 1.1.12 and limnoria 2026.10.4, and POE::Component::IRC 6.93 and Bot::BasicBot 0.93
# (Debian packages libpoe-component-irc-perl and libbot-basicbot-perl).
# Whoever names a bot, or has it change its name when it is taken, to `bot|2` or `bot^`.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

perl -MBot::BasicBot -MPOE::Component::IRC -e 1 2>/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends \
        libbot-basicbot-perl libpoe-component-irc-perl >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    irc3==1.1.12 limnoria==2026.10.4 setuptools==80.9.0
dpkg-query -W -f '${Package} ${Version}\n' libpoe-component-irc-perl libbot-basicbot-perl
echo "irc3 1.1.12, limnoria 2026.10.4, $(python3 --version)"

# Each of these is the bot, and writes what it believes to have been told; POE's one also what mentions it.
cat >"$tmp/basicbot.pl" <<'PERL'
package Ear;
use parent 'Bot::BasicBot';
$| = 1;
sub said {
    my ($self, $message) = @_;
    print "$message->{body}\n" if $message->{address};
    return;
}
package main;
Ear->new(server => '127.0.0.1', port => $ARGV[0], nick => $ARGV[1], channels => ['#room'])->run;
PERL
cat >"$tmp/poe.pl" <<'PERL'
use POE qw(Component::IRC Component::IRC::Plugin::BotAddressed);
$| = 1;
my $irc = POE::Component::IRC->spawn(nick => $ARGV[1], server => '127.0.0.1', port => $ARGV[0]);
$irc->plugin_add(BotAddressed => POE::Component::IRC::Plugin::BotAddressed->new);
POE::Session->create(inline_states => {
    _start => sub { $irc->yield(register => 'all'); $irc->yield('connect') },
    _default => sub { },
    irc_001 => sub { $irc->yield(join => '#room') },
    irc_bot_addressed => sub { print "$_[ARG2]\n" },
    irc_bot_mentioned => sub { print "mentioned: $_[ARG2]\n" },
});
POE::Kernel->run;
PERL
cat >"$tmp/by_irc3.py" <<'PYTHON'
import sys

import irc3


@irc3.plugin
class Ear:
    def __init__(self, bot):
        pass

    @irc3.event(irc3.rfc.MY_PRIVMSG)
    def told(self, data=None, **rest):
        print(data, flush=True)


irc3.IrcBot(nick=sys.argv[2], host="127.0.0.1", port=int(sys.argv[1]), autojoins=["#room"], level=50,
            includes=["irc3.plugins.core", "irc3.plugins.autojoins", __name__]).run()
PYTHON
cat >"$tmp/by_limnoria.py" <<'PYTHON'
import contextlib, io, sys

with contextlib.redirect_stdout(io.StringIO()):
    from supybot import callbacks, ircmsgs


class Irc:
    nick, network = sys.argv[1], "net"


for text in sys.argv[2:]:
    message = ircmsgs.IrcMsg(":eve!eve@host PRIVMSG #room :" + text)
    message.channel = "#room"
    heard = callbacks.addressed(Irc, message)
    print(heard, end="\n" if heard else "")
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys, time

FOLDER = sys.argv[1]
TEXTS = ["%s: hello", "b: hi", "what a bore", "I am here"]


def in_room(nickname, *command):
    """What a bot says that it was told, in a room of a server that is only as much of one as the bot needs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        command += (str(listener.getsockname()[1]), nickname)
        bot = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            connection, _ = listener.accept()
            connection.settimeout(60)
            lines = connection.makefile("rwb", buffering=0)
            name = nickname.encode()
            for line in lines:
                if line.startswith(b"USER"):
                    lines.write(b":server 001 %s :Welcome\r\n:server 376 %s :End\r\n" % (name, name))
                elif line.startswith(b"JOIN"):
                    lines.write(b":%s!bot@host JOIN #room\r\n:server 353 %s = #room :%s eve\r\n"
                                b":server 366 %s #room :End\r\n" % (name, name, name, name))
                    for text in TEXTS:
                        text = text.replace("%s", nickname)
                        lines.write(b":eve!eve@host PRIVMSG #room :%s\r\n" % text.encode())
                    lines.write(b"PING :end\r\n")
                elif line.startswith(b"PONG"):
                    time.sleep(1)  # for what it still has to write
                    break
        finally:
            bot.terminate()
        return bot.communicate(timeout=60)[0].decode().splitlines()


def by_limnoria(nickname):
    command = [sys.executable, "by_limnoria.py", nickname] + [text.replace("%s", nickname) for text in TEXTS]
    told = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    return told.decode().splitlines()


BOTS = [
    ("irc3", lambda name: in_room(name, sys.executable, "by_irc3.py"), ["hello"], ["hi"]),
    ("POE", lambda name: in_room(name, "perl", "poe.pl"), ["hello"],
     ["hello", "mentioned: b: hi", "mentioned: what a bore"]),
    ("Bot::BasicBot", lambda name: in_room(name, "perl", "basicbot.pl"), ["hello"], ["hello"]),
    ("Limnoria", by_limnoria, ["hello"], ["hello"]),
]
different = []
print("  said: %s" % [text.replace("%s", "NAME") for text in TEXTS])
for library, heard, *expected in BOTS:
    for name, right in zip(("bot", "[bot]"), expected):
        seen = heard(name)
        print("  %-14s as %-6s hears %s" % (library, name, seen))
        if seen != right:
            different.append("%s as %s, expected %s" % (library, name, right))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 200 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: with brackets one is deaf, and one is mentioned too often."
