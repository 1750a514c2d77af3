#!/usr/bin/env bash
# After `MODE #room -lo bob` bob is still an operator for bots with irc and irc3, and after `-l+o bob` not yet one.
#
# Which modes have a parameter the server says in CHANMODES: those of its third group, as `l`, the limit of members,
# have one when they are set, and none when they are taken away (modern.ircdocs.horse, "CHANMODES parameter"). ngIRCd
# hands on both lines as they were typed. irc gives "bob" to the `l`, so that the `o` is nobody's: the bot's list of
# operators has None in it. irc3 looks into CHANMODES, but for the fourth group only: its plugin `userlist` ends in an
# IndexError, and the list stays as it was. IRC::Utils for Perl reads them right.
# Seen with ngIRCd 26.1 and libirc-utils-perl 0.12 (Debian packages), and the PyPI packages irc 20.5.0 and irc3 1.1.12.
# Bots that do what operators ask for: who is one no more is still obeyed.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
{ command -v ngircd && perl -MIRC::Utils -e 1; } >/dev/null 2>&1 || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ngircd libirc-utils-perl >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check irc==20.5.0 irc3==1.1.12 setuptools==80.9.0
echo "irc 20.5.0, irc3 1.1.12, $(python3 --version)"
echo "$(dpkg-query -W -f '${Package} ${Version} ' ngircd libirc-utils-perl)"
port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
cat >"$tmp/ngircd.conf" <<CONF
[Global]
Name = irc.example.net
Info = test
Listen = 127.0.0.1
Ports = $port
AdminInfo1 = a
AdminInfo2 = a
AdminEMail = a@example.net
MotdPhrase = hi
[Options]
DNS = no
Ident = no
PAM = no
CONF
ngircd -n -f "$tmp/ngircd.conf" >"$tmp/out" 2>&1 &

cat >"$tmp/try.py" <<'PYTHON'
import json, socket, subprocess, sys, time

import irc.bot
import irc3.testing

PORT = int(sys.argv[1])


class Watcher(irc.bot.SingleServerIRCBot):
    """A bot with irc in #room."""

    def on_welcome(self, connection, event):
        connection.join("#room")

    def wait_for(self, done):
        deadline = time.monotonic() + 30
        while not done():
            if time.monotonic() > deadline:
                sys.exit("DIFFERENT: the bot with irc hears nothing")
            self.reactor.process_once(0.1)

    def operators(self):
        return sorted(map(str, self.channels["#room"].opers()))


class Typing:
    """A person whose lines go to the server as they are."""

    def __init__(self, nick):
        for _ in range(100):
            try:
                self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=30)
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.ask("NICK %s\r\nUSER %s 0 * :%s" % (nick, nick, nick), " 376 ")
        self.ask("JOIN #room", " 366 ")

    def ask(self, line, end):
        self.socket.sendall((line + "\r\n").encode())
        return next(answer.rstrip("\r\n") for answer in self.lines if end in answer)


def by_irc_utils(modes, *words):
    program = ("use IRC::Utils 'parse_mode_line'; use JSON::PP; my $read = parse_mode_line(@ARGV);"
               " print encode_json([$read->{modes}, $read->{args}])")
    told = subprocess.run(["perl", "-e", program, "--", modes, *words], stdout=subprocess.PIPE, check=True, timeout=30)
    return json.loads(told.stdout)


ann, bob = Typing("ann"), Typing("bob")
watcher = Watcher([("127.0.0.1", PORT)], "watch", "watch")
watcher._connect()
watcher.wait_for(lambda: "#room" in watcher.channels and watcher.channels["#room"].has_user("ann"))
other = irc3.testing.IrcBot(nick="watch", includes=["irc3.plugins.userlist"])
other.dispatch(":irc.example.net 353 watch = #room :@ann bob watch")

different = []
for modes, right, by_irc, by_irc3 in (
    ("+lo 5 bob", ["ann", "bob"], ["ann", "bob"], ["ann", "bob"]),
    ("-lo bob", ["ann"], ["ann", "bob"], "IndexError, ['ann', 'bob']"),
    ("+l 5", ["ann"], ["ann", "bob"], ["ann", "bob"]),
    ("+o bob", ["ann", "bob"], ["ann", "bob"], ["ann", "bob"]),
    ("-o bob", ["ann"], ["ann"], ["ann"]),
    ("-l+o bob", ["ann", "bob"], ["None", "ann"], "IndexError, ['ann']"),
):
    line = ann.ask("MODE #room " + modes, " MODE #room")
    if not line.endswith(" MODE #room " + modes):
        # What changes nothing is not handed on: the two lists below would be about something else.
        different.append("ngIRCd hands on %s" % line)
    ann.ask("PRIVMSG watch :read\r\nPING x", "PONG")
    heard = []
    watcher.on_privmsg = lambda connection, event: heard.append(event)
    watcher.wait_for(lambda: heard)
    seen = [watcher.operators(), None]
    try:
        other.dispatch(line)
        error = ""
    except IndexError:
        error = "IndexError, "
    operators = sorted(map(str, other.channels["#room"].modes["@"]))
    seen[1] = error + str(operators) if error else operators
    shown = bob.ask("NAMES #room", " 353 ").split(" :")[1]
    now = sorted(name[1:] for name in shown.split() if name[0] == "@")
    print("  %-10s operators by the server %s, by irc %s, by irc3 %s" % (modes, now, seen[0], seen[1]))
    if [now] + seen != [right, by_irc, by_irc3]:
        different.append("%s, expected %s, %s and %s" % (modes, right, by_irc, by_irc3))
if by_irc_utils("-lo", "bob") != [["-l", "-o"], ["bob"]]:
    different.append("IRC::Utils")
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
(cd "$tmp" && timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$port")
echo "As told: two of three give the parameter to the wrong mode."
