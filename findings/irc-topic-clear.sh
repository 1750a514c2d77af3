#!/usr/bin/env bash
# With three of five IRC libraries a bot that clears a topic asks for it instead.
#
# `TOPIC #room :`, with an empty text, clears the topic; `TOPIC #room` asks what it is (RFC 2812, 3.2.4). irc and irc3
# take `topic("#room", "")` for a call without a topic, and AnyEvent::IRC leaves an empty last parameter out of every
# line: the server answers 332, and the old topic stays. Twisted and irctokens write the colon.
# Seen with the PyPI packages irc 20.5.0, irc3 1.1.12, twisted 26.10.0 and irctokens 2.0.2, and ngIRCd 26.1 and
# libanyevent-irc-perl 0.97 (Debian packages).
# Bots and bridges that bring a topic from elsewhere, where somebody has removed it: in IRC it stays for ever, and no
# error is seen. The raw line helps.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

{ command -v ngircd && perl -MAnyEvent::IRC::Util -e 1; } >/dev/null 2>&1 || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ngircd libanyevent-irc-perl >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    irc==20.5.0 irc3==1.1.12 twisted==26.10.0 irctokens==2.0.2 setuptools==80.9.0
echo "$(python3 --version), $(dpkg-query -W -f '${Package} ${Version} ' ngircd libanyevent-irc-perl)"
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
import socket, subprocess, sys, time

PORT = int(sys.argv[1])


def by_irc():
    import irc.client

    lines = []
    connection = irc.client.Reactor().server()
    connection.send_raw = lines.append
    connection.topic("#room", "")
    return lines[0]


def by_irc3():
    import irc3.testing

    bot = irc3.testing.IrcBot(nick="ann")
    bot.topic("#room", "")
    return bot.sent[0]


def by_anyevent():
    program = 'print AnyEvent::IRC::Util::mk_msg(undef, "TOPIC", "#room", "")'
    return subprocess.check_output(["perl", "-MAnyEvent::IRC::Util", "-e", program], text=True)


def by_twisted():
    from twisted.words.protocols import irc

    lines = []
    client = irc.IRCClient()
    client.sendLine = lines.append
    client.topic("#room", "")
    return lines[0]


def by_irctokens():
    import irctokens

    return irctokens.build("TOPIC", ["#room", ""]).format()


for _ in range(100):
    try:
        ann = socket.create_connection(("127.0.0.1", PORT), timeout=20)
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
lines = ann.makefile("r", encoding="utf-8")


def ask(line, end):
    """ngIRCd's first answer that has one of these words."""
    ann.sendall((line + "\r\n").encode())
    return next(answer for answer in lines if any(word in answer for word in end))


ask("NICK ann\r\nUSER ann 0 * :ann", [" 376 "])
ask("JOIN #room", [" 366 "])
EXPECTED = {by_irc: "old", by_irc3: "old", by_anyevent: "old", by_twisted: "", by_irctokens: ""}
different = []
for library, expected in EXPECTED.items():
    ask("TOPIC #room :old", ["TOPIC #room"])
    line = library().rstrip("\r\n")
    ask(line, [" TOPIC #room ", " 332 "])
    answer = ask("TOPIC #room", [" 331 ", " 332 "])
    topic = "" if " 331 " in answer else answer.rstrip("\r\n").split(" :")[1]
    print("  %-10s %-15r then the topic is %r" % (library.__name__[3:], line, topic))
    if topic != expected:
        different.append("%s, expected %r" % (library.__name__[3:], expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
(cd "$tmp" && timeout 55 "$tmp/venv/bin/python" "$tmp/try.py" "$port")
echo "As told: three of five ask for the topic that they were to clear."
