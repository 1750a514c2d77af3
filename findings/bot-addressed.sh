#!/usr/bin/env bash
# Three bots called ann answer to "anna: are you there?", and hear "a: are you there?".
#
# A bot that is spoken to finds its name at the beginning of a text and takes it off. Bot::BasicBot, POE::Component::IRC
# (the plugin BotAddressed) and hubot do not look at what follows the name: of "anna: are you there?" they take "ann"
# off, of "announce it, please" as well, and the bot acts on the rest, said to somebody else or to nobody. All of them
# promise what the bot is addressed with. Limnoria and irc3 hear only what is said to ann.
# Seen with Bot::BasicBot 0.93 and POE::Component::IRC 6.93 (Debian packages libbot-basicbot-perl and
# libpoe-component-irc-perl), the npm package hubot 14.1.0, and the PyPI packages limnoria 2026.10.4 and irc3 1.1.12.
# Who names a bot: a short name is a part of others'. The text alone does not tell; look whether the name is all of it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
perl -MBot::BasicBot -e 1 2>/dev/null || missing+=(libbot-basicbot-perl libpoe-component-irc-perl)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts hubot@14.1.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check limnoria==2026.10.4 irc3==1.1.12
echo "$(dpkg-query -W -f '${Package} ${Version} ' libbot-basicbot-perl libpoe-component-irc-perl)"
echo "hubot 14.1.0, Node $(node --version); limnoria 2026.10.4, irc3 1.1.12, $(python3 --version)"

cat >"$tmp/basicbot.pl" <<'PERL'
# Writes what it believes to have been told in the room, until it is told "ann: end".
package Ann;
use parent 'Bot::BasicBot';
$| = 1;
sub said {
    my ($self, $message) = @_;
    print "$message->{body}\n" if $message->{address};
    exit if $message->{body} eq 'end';
    return;
}
package main;
Ann->new(server => '127.0.0.1', port => $ARGV[0], nick => 'ann', channels => ['#room'])->run;
PERL
cat >"$tmp/poe.pl" <<'PERL'
use POE qw(Component::IRC Component::IRC::Plugin::BotAddressed);
$| = 1;
my $irc = POE::Component::IRC->spawn(nick => 'ann', server => '127.0.0.1', port => $ARGV[0]);
$irc->plugin_add(BotAddressed => POE::Component::IRC::Plugin::BotAddressed->new);
POE::Session->create(inline_states => {
    _start => sub { $irc->yield(register => 'all'); $irc->yield('connect') },
    _default => sub { },
    irc_001 => sub { $irc->yield(join => '#room') },
    irc_bot_addressed => sub { print "$_[ARG2]\n"; exit if $_[ARG2] eq 'end' },
});
POE::Kernel->run;
PERL
cat >"$tmp/hubot.mjs" <<'JAVASCRIPT'
import { Adapter, Robot, TextMessage, User } from "hubot";

class Room extends Adapter {
  run() {}
}
const robot = new Robot({ name: "Room", use: (robot) => new Room(robot) }, false, "ann");
await robot.loadAdapter();
robot.respond(/(.+)/, (response) => console.log(response.match[1]));
for (const text of process.argv.slice(2)) {
  await robot.receive(new TextMessage(new User("eve", { room: "#room" }), text));
}
process.exit(0);
JAVASCRIPT
cat >"$tmp/limnoria.py" <<'PYTHON'
import contextlib, io, re, sys

import irc3.rfc

with contextlib.redirect_stdout(io.StringIO()):
    from supybot import callbacks, ircmsgs


class Irc:
    nick, network = "ann", "net"


library, *texts = sys.argv[1:]
for text in texts:
    line = ":eve!eve@host PRIVMSG #room :" + text
    if library == "irc3":
        match = re.match(irc3.rfc.MY_PRIVMSG.re.format(nick="ann"), line)
        print(match.group("data") if match else "", end="\n" if match else "")
    else:
        message = ircmsgs.IrcMsg(line)
        message.channel = "#room"
        heard = callbacks.addressed(Irc, message)
        print(heard, end="\n" if heard else "")
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import os, socket, subprocess, sys

FOLDER = sys.argv[1]
TEXTS = ["ann: hello", "anna: are you there?", "announce it, please"]
FIRST, ALL = ["hello"], ["hello", "a: are you there?", "ounce it, please"]


def in_room(script):
    """What a bot says that it was told, in a room of a server that is only as much of one as the bot needs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        command = ["perl", os.path.join(FOLDER, script), str(listener.getsockname()[1])]
        bot = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            connection, _ = listener.accept()
            connection.settimeout(30)
            lines = connection.makefile("rwb", buffering=0)
            for line in lines:
                if line.startswith(b"USER"):
                    lines.write(b":server 001 ann :Welcome\r\n:server 376 ann :End\r\n")
                elif line.startswith(b"JOIN"):
                    lines.write(b":ann!ann@host JOIN #room\r\n:server 353 ann = #room :ann eve\r\n"
                                b":server 366 ann #room :End\r\n")
                    for text in TEXTS + ["ann: end"]:
                        lines.write(b":eve!eve@host PRIVMSG #room :%s\r\n" % text.encode())
                    break
            told = bot.communicate(timeout=30)[0].decode().splitlines()
        finally:
            bot.kill()
            bot.wait()
    return told[:-1] if told[-1:] == ["end"] else None


def by(*command):
    told = subprocess.run(command + tuple(TEXTS), cwd=FOLDER, stdout=subprocess.PIPE, check=True, timeout=60)
    return told.stdout.decode().splitlines()


BOTS = [
    ("Bot::BasicBot", lambda: in_room("basicbot.pl"), ALL),
    ("POE::Component::IRC", lambda: in_room("poe.pl"), ALL),
    ("hubot", lambda: by("node", "hubot.mjs"), ALL),
    ("Limnoria", lambda: by(sys.executable, "limnoria.py", "limnoria"), FIRST),
    ("irc3", lambda: by(sys.executable, "limnoria.py", "irc3"), FIRST),
]
print("  %-20s %s" % ("said in the room", TEXTS))
different = []
for name, heard, expected in BOTS:
    seen = heard()
    print("  %-20s %s" % (name, seen))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 200 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: three of five take a part of another's name for their own."
