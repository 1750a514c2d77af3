#!/usr/bin/env bash
# A long /me is an action for one of five IRC libraries, and text with a control character for the others.
#
# A /me is a text between two ^A. Servers put the sender in front of the line and cut what is then beyond 512 bytes, the
# second ^A first, so software must take it without (draft-oakley-irc-ctcp, and modern.ircdocs.horse/ctcp). Of a full
# line from ngIRCd irc, Sopel, Limnoria and pydle make a plain message that begins with ^A; Twisted is right. irc3 even
# sends such: `action()` of a long text cuts it after the ^A were put around it, so that the first half has no end and
# the second no beginning.
# Seen with the PyPI packages irc 20.5.0, sopel 8.0.4, limnoria 2026.10.4, pydle 1.2.0, twisted 26.10.0 and irc3 1.1.12,
# ngIRCd 26.1 (Debian package).
# Bots and bridges that take commands or quotes from texts: "waves" works, and what somebody describes at length is
# shown as "ACTION waves". A server that cuts can put the ^A back.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

command -v ngircd >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ngircd >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    irc==20.5.0 irc3==1.1.12 sopel==8.0.4 limnoria==2026.10.4 pydle==1.2.0 twisted==26.10.0 setuptools==80.9.0
echo "$(python3 --version), ngIRCd $(dpkg-query -W -f '${Version}' ngircd)"
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
import contextlib, io, socket, sys, time

PORT = int(sys.argv[1])


class Person:
    def __init__(self, name):
        for _ in range(100):
            try:
                self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=20)
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.say("NICK %s" % name, "USER %s 0 * :%s" % (name, name))
        self.hear(" 376 ")
        self.say("JOIN #room")
        self.hear(" 366 ")

    def say(self, *lines):
        self.socket.sendall("".join(line + "\r\n" for line in lines).encode())

    def hear(self, part):
        return next(line.rstrip("\r\n") for line in self.lines if part in line)


def passed_on(*said):
    """What ngIRCd makes of lines, when it passes them on."""
    ann.say(*said)
    return [bob.hear("PRIVMSG") for _ in said]


def irc(line, text):
    import irc.ctcp

    return not isinstance(irc.ctcp.dequote(text)[0], str)


def sopel(line, text):
    from sopel.tools.identifiers import Identifier
    from sopel.trigger import PreTrigger

    return PreTrigger(Identifier("bot"), line).ctcp == "ACTION"


def limnoria(line, text):
    with contextlib.redirect_stdout(io.StringIO()):
        from supybot import ircmsgs
    return ircmsgs.isAction(ircmsgs.IrcMsg(line))


def pydle(line, text):
    import pydle.features.ctcp

    return pydle.features.ctcp.is_ctcp(text)


def twisted(line, text):
    from twisted.words.protocols import irc

    return [tag for tag, _ in irc.ctcpExtract(text)["extended"]] == ["ACTION"]


def by_irc3(text):
    """What irc3 sends for an action."""
    from irc3.testing import IrcBot

    bot = IrcBot(nick="bot")
    bot.action("#room", text)
    return list(bot.sent)


ann, bob = Person("ann"), Person("bob")
START, END = "PRIVMSG #room :\1ACTION ", "\1"
short, full = START + "waves" + END, START + "waves ".ljust(510 - len(START + END), "x") + END
assert len(full) == 510
different = []
for name, said, whole in (("of 5 letters", short, True), ("of a full line", full, False)):
    (heard,) = passed_on(said)
    text = heard.split(" :", 1)[1]
    print("  a /me %s comes as %r...%r" % (name, text[:14], text[-9:]))
    if text.endswith(END) != whole:
        different.append("ngIRCd cuts otherwise")
    for library in (irc, sopel, limnoria, pydle, twisted):
        action = bool(library(heard, text))
        print("    %-8s %s" % (library.__name__, "action" if action else "text with a control character"))
        if action != (whole or library is twisted):
            different.append("%s, %s" % (library.__name__, name))
parts = by_irc3("waves " + "and waves " * 60)
print("  irc3 sends " + ", ".join("%r...%r" % (part[15:29], part[-6:]) for part in parts))
if [(part.startswith(START), part.endswith(END)) for part in parts] != [(True, False), (False, True)]:
    different.append("what irc3 sends")
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
(cd "$tmp" && timeout 50 "$tmp/venv/bin/python" "$tmp/try.py" "$port")
echo "As told: without its end only one of five takes an action for one, and irc3 sends such."
