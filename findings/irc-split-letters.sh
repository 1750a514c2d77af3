#!/usr/bin/env bash
# A long text with umlauts arrives from goirc with a broken letter and dots, and from Bot::BasicBot without a quarter.
#
# A line has 512 bytes at most (RFC 2812, 2.3), and an ü two of them. goirc splits what is "longer than SplitLen
# characters", as it says, and means bytes: where no blank is, a line ends within a letter, and three dots follow that
# nobody said. Bot::BasicBot splits after 300 letters, and POE::Component::IRC below it drops what is beyond some 450
# bytes of a line, without a word. Both put dots between the parts. With ASCII nothing else is wrong. matrix-org-irc,
# irc-framework and AnyEvent::IRC split between letters and add nothing.
# Seen with goirc 1.1.1, Bot::BasicBot 0.93 and AnyEvent::IRC 0.97 (Debian packages golang-github-fluffle-goirc-dev,
# libbot-basicbot-perl and libanyevent-irc-perl), the npm packages matrix-org-irc 3.0.0 and irc-framework 4.14.0, and
# ngIRCd 26.1 (Debian package ngircd).
# Bridges and bots for people who do not write English, or who paste what has no blanks.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

missing=()
command -v ngircd >/dev/null || missing+=(ngircd)
command -v go >/dev/null || missing+=(golang-go)
[[ -d /usr/share/gocode/src/github.com/fluffle/goirc ]] || missing+=(golang-github-fluffle-goirc-dev)
perl -MBot::BasicBot -e 1 2>/dev/null || missing+=(libbot-basicbot-perl)
perl -MAnyEvent::IRC::Client -e 1 2>/dev/null || missing+=(libanyevent-irc-perl)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 500 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    matrix-org-irc@3.0.0 irc-framework@4.14.0 >/dev/null
packages=(golang-github-fluffle-goirc-dev libbot-basicbot-perl libanyevent-irc-perl ngircd)
dpkg-query -W -f '${Package} ${Version}\n' "${packages[@]}"
echo "matrix-org-irc 3.0.0, irc-framework 4.14.0, Node $(node --version), $(go version)"
port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
cat >"$tmp/ngircd.conf" <<CONF
[Global]
Name = irc.example.net
Info = test
Listen = 127.0.0.1
Ports = $port
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
CONF
timeout 500 ngircd -n -f "$tmp/ngircd.conf" >"$tmp/out" 2>&1 &

# Each of these enters #room as bot, and says the text and "end".
cat >"$tmp/bot.cjs" <<'JAVASCRIPT'
const [library, port, text] = process.argv.slice(2);
if (library === "irc-framework") {
  const { Client } = require("irc-framework");
  const bot = new Client();
  bot.on("registered", () => bot.join("#room"));
  bot.on("join", (event) => {
    if (event.nick === "bot") for (const one of [text, "end"]) bot.say("#room", one);
  });
  bot.connect({ host: "127.0.0.1", port: Number(port), nick: "bot", auto_reconnect: false });
} else {
  const { Client } = require("matrix-org-irc");
  const bot = new Client("127.0.0.1", "bot", { port: Number(port), channels: ["#room"], autoConnect: false });
  bot.on("join", async (room, nickname) => {
    if (nickname === "bot") for (const one of [text, "end"]) await bot.say("#room", one);
  });
  bot.on("error", () => {});
  bot.connect();
}
JAVASCRIPT
cat >"$tmp/basicbot.pl" <<'PERL'
use utf8;
use Encode;
package Bot;
use parent 'Bot::BasicBot';
sub chanjoin {
    my ($self, $message) = @_;
    return if $message->{who} ne 'bot';
    $self->say(channel => '#room', body => $_) for Encode::decode('UTF-8', $ARGV[1]), 'end';
    return;
}
package main;
Bot->new(server => '127.0.0.1', port => $ARGV[0], nick => 'bot', channels => ['#room'], flood => 1)->run;
PERL
cat >"$tmp/anyevent.pl" <<'PERL'
use AnyEvent;
use AnyEvent::IRC::Client;
use Encode;
my $bot = AnyEvent::IRC::Client->new;
$bot->reg_cb(registered => sub { $bot->send_srv(JOIN => '#room') }, join => sub {
    my ($self, $nickname, $room, $is_myself) = @_;
    return if !$is_myself;
    $bot->send_long_message('utf-8', 0, PRIVMSG => '#room', $_) for decode('UTF-8', $ARGV[1]), 'end';
});
$bot->connect('127.0.0.1', $ARGV[0], {nick => 'bot'});
AnyEvent->condvar->recv;
PERL
cat >"$tmp/bot.go" <<'GO'
package main

import (
	"os"

	irc "github.com/fluffle/goirc/client"
)

func main() {
	configuration := irc.NewConfig("bot")
	configuration.Server = "127.0.0.1:" + os.Args[1]
	configuration.Flood = true
	bot := irc.Client(configuration)
	end := make(chan bool)
	bot.HandleFunc(irc.CONNECTED, func(bot *irc.Conn, line *irc.Line) { bot.Join("#room") })
	bot.HandleFunc(irc.JOIN, func(bot *irc.Conn, line *irc.Line) {
		if line.Nick == "bot" {
			bot.Privmsg("#room", os.Args[2])
			bot.Privmsg("#room", "end")
		}
	})
	bot.HandleFunc(irc.DISCONNECTED, func(bot *irc.Conn, line *irc.Line) { end <- true })
	if bot.Connect() == nil {
		<-end
	}
}
GO
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$tmp/cache
(cd "$tmp" && timeout 400 go build -o bot bot.go)

cat >"$tmp/try.py" <<'PYTHON'
import socket, subprocess, sys, time

FOLDER, PORT = sys.argv[1], int(sys.argv[2])
TEXTS = ["x" * 600, "ü" * 600]


def entered():
    for _ in range(100):
        try:
            ear = socket.create_connection(("127.0.0.1", PORT), timeout=60)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    lines = ear.makefile("rwb", buffering=0)
    lines.write(b"NICK ear\r\nUSER ear 0 * ear\r\n")
    for line in lines:
        if line.split()[1] in (b"376", b"422"):
            lines.write(b"JOIN #room\r\n")
        if line.split()[1] == b"366":
            return lines


def heard(lines, text, *command):
    """How many letters of the text another one in the room hears, how many broken ones, and how many dots."""
    command += (str(PORT), text)
    bot = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    told = [""]
    try:
        while told[-1] != "end":
            line = lines.readline().rstrip(b"\r\n")
            if line.startswith(b"PING"):
                lines.write(b"PONG" + line[4:] + b"\r\n")
            if b" QUIT " in line:
                sys.exit("DIFFERENT: thrown out")
            if b" PRIVMSG " in line:
                told.append(line.split(b" :", 1)[1].decode("utf-8", "replace"))
    finally:
        bot.kill()
        bot.wait()
    while b" QUIT " not in lines.readline():
        pass
    letters = "".join(told[:-1])
    return letters.count(text[0]), letters.count("\ufffd"), letters.count(".")


WHOLE = [(600, 0, 0), (600, 0, 0)]
BOTS = [
    ("goirc", ("./bot",), [(600, 0, 3), (599, 2, 6)]),
    ("Bot::BasicBot", ("perl", "basicbot.pl"), [(600, 0, 4), (435, 0, 4)]),
    ("matrix-org-irc", ("node", "bot.cjs", "matrix-org-irc"), WHOLE),
    ("irc-framework", ("node", "bot.cjs", "irc-framework"), WHOLE),
    ("AnyEvent::IRC", ("perl", "anyevent.pl"), WHOLE),
]
different = []
lines = entered()
for name, command, expected in BOTS:
    seen = [heard(lines, text, *command) for text in TEXTS]
    for text, (whole, broken, dots) in zip(TEXTS, seen):
        print("  %-16s of 600 %s: %d, %d broken letters, %d dots" % (name, text[0], whole, broken, dots), flush=True)
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
PYTHONIOENCODING=utf-8 timeout 300 python3 "$tmp/try.py" "$tmp" "$port"
echo "As told: one of five breaks a letter, and one loses a quarter of the text."
