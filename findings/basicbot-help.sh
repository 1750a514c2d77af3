#!/usr/bin/env bash
# Whoever tells a Bot::BasicBot "helpdesk: open a ticket" is told that there is no help, and the bot hears nothing.
#
# help() is "the text that the bot will respond to if someone simply says help to it" (its documentation). It is the
# answer to each text that begins with these four letters, in a room behind the bot's name and in private without it,
# as "Helpful, thanks" and "help me with the server" do. Such a text does not come to said(), so that no command can be
# called so. What is said in a room to nobody is heard.
# Seen with Bot::BasicBot 0.93 (Debian package libbot-basicbot-perl).
# Bots with commands: name none of them so, or override help() and look at the text there.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

perl -MBot::BasicBot -e 1 2>/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends libbot-basicbot-perl >/dev/null; }
dpkg-query -W -f '${Package} ${Version}\n' libbot-basicbot-perl
perl -e 'print "Perl $^V\n"'

cat >"$tmp/bot.pl" <<'PERL'
# Repeats what it hears, with "heard" before it.
package Ann;
use parent 'Bot::BasicBot';
sub said { return "heard $_[1]{body}" }
package main;
Ann->new(server => '127.0.0.1', port => $ARGV[0], nick => 'ann', channels => ['#room'], flood => 1)->run;
PERL
cat >"$tmp/try.py" <<'PYTHON'
import os, socket, subprocess, sys

FOLDER = sys.argv[1]
NONE = "Sorry, this bot has no interactive help."
CASES = [
    ("#room", "ann: hello", "eve: heard hello"),
    ("#room", "ann: help", "eve: " + NONE),
    ("#room", "ann: helpdesk: open a ticket", "eve: " + NONE),
    ("#room", "ann: Helpful, thanks", "eve: " + NONE),
    ("#room", "helpdesk: open a ticket", "heard helpdesk: open a ticket"),
    ("ann", "help me with the server", NONE),
    ("ann", "please help me", "heard please help me"),
]
with socket.create_server(("127.0.0.1", 0)) as listener:
    listener.settimeout(60)
    command = ["perl", os.path.join(FOLDER, "bot.pl"), str(listener.getsockname()[1])]
    bot = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        connection, _ = listener.accept()
        connection.settimeout(60)
        lines = connection.makefile("rwb", buffering=0)
        answers = []
        for line in lines:
            if line.startswith(b"USER"):
                lines.write(b":server 001 ann :Welcome\r\n:server 376 ann :End\r\n")
            elif line.startswith(b"JOIN"):
                lines.write(b":ann!ann@host JOIN #room\r\n:server 353 ann = #room :ann eve\r\n"
                            b":server 366 ann #room :End\r\n")
            elif line.startswith(b"PRIVMSG"):
                answers.append(line.decode().rstrip("\r\n").split(" :", 1)[1])
            if line.startswith((b"JOIN", b"PRIVMSG")):
                if len(answers) == len(CASES):
                    break
                target, text, _ = CASES[len(answers)]
                lines.write(b":eve!eve@host PRIVMSG %s :%s\r\n" % (target.encode(), text.encode()))
    finally:
        bot.kill()
        bot.wait()
different = []
for (target, text, expected), seen in zip(CASES, answers):
    print("  %-6s %-32s -> %s" % (target, text, seen))
    if seen != expected:
        different.append("%s, expected %s" % (text, expected))
if different or len(answers) != len(CASES):
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 python3 "$tmp/try.py" "$tmp"
echo "As told: what begins with help is not heard."
