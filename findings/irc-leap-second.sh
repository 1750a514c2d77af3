#!/usr/bin/env bash
# The time that IRCv3 gives as an example makes Limnoria drop the message, and Sopel say that it was written just now.
#
# The tag `time` tells when something was said, in UTC, and the specification (server-time) has an example within a leap
# second: 2012-06-30T23:59:60.419Z, "notice the :60". Limnoria takes such a line for malformed: who was away finds the
# history without what was said in that second. Sopel puts the present time there, so that in history it comes last.
# irc-framework leaves the time out; its documentation does not say that there may be none. WeeChat has the message
# at 00:00:00 of the next day, as POSIX counts.
# Seen with the PyPI packages limnoria 2026.10.4 and sopel 8.0.4, the npm package irc-framework 4.14.0 and WeeChat 3.8
# (Debian package weechat-headless).
# Whoever parses times: Python's strptime() takes a 60 for valid, and datetime raises ValueError on it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v weechat-headless >/dev/null || missing+=(weechat-headless weechat-plugins)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts irc-framework@4.14.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check limnoria==2026.10.4 sopel==8.0.4
echo "WeeChat $(weechat-headless --version); irc-framework 4.14.0, Node $(node --version)"
echo "limnoria 2026.10.4, sopel 8.0.4, $(python3 --version)"

cat >"$tmp/framework.cjs" <<'JAVASCRIPT'
// Connects to the port and prints the time of each message that it hears, up to "end".
const { Client } = require("irc-framework");
const client = new Client();
client.on("message", (event) => {
  console.log(event.time === undefined ? "none" : new Date(event.time).toISOString());
  if (event.message === "end") process.exit(0);
});
client.connect({ host: "127.0.0.1", port: Number(process.argv[2]), nick: "bot", auto_reconnect: false });
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import contextlib, datetime, io, os, socket, subprocess, sys, time

from sopel.tools.identifiers import Identifier
from sopel.trigger import PreTrigger

with contextlib.redirect_stdout(io.StringIO()):
    from supybot import ircmsgs

FOLDER = sys.argv[1]
TIMES = ["2012-06-30T23:59:59.419Z", "2012-06-30T23:59:60.419Z", "2012-07-01T00:00:01.419Z"]
LINES = ["@time=%s :ann!ann@host PRIVMSG bot :%s" % (when, text) for when, text in zip(TIMES, ("one", "two", "end"))]
BEFORE, AFTER = TIMES[0][:19], TIMES[2][:19]


def limnoria():
    for line in LINES:
        try:
            when = ircmsgs.IrcMsg(line).time
        except ircmsgs.MalformedIrcMsg:
            yield "malformed"
        else:
            yield datetime.datetime.fromtimestamp(when, datetime.timezone.utc).isoformat()[:19]


def sopel():
    for line in LINES:
        when = PreTrigger(Identifier("bot"), line).time
        now = abs(datetime.datetime.now(datetime.timezone.utc) - when) < datetime.timedelta(minutes=1)
        yield "now" if now else when.isoformat()[:19]


def serve(listener):
    """Welcomes a client and says the lines to it; returns the connection."""
    connection, _ = listener.accept()
    connection.settimeout(30)
    lines = connection.makefile("rwb", buffering=0)
    for line in lines:
        if line.startswith(b"CAP LS"):
            lines.write(b":server CAP * LS :message-tags server-time\r\n")
        elif line.startswith(b"CAP REQ"):
            lines.write(b":server CAP * ACK " + line.split(b" ", 2)[2])
        elif line.startswith(b"CAP END"):
            lines.write(b":server 001 bot :Welcome\r\n:server 376 bot :End\r\n")
            lines.write("".join(line + "\r\n" for line in LINES).encode())
            return connection


def framework(listener):
    command = ["node", "framework.cjs", str(listener.getsockname()[1])]
    with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE) as client:
        with serve(listener):
            told = client.communicate(timeout=30)[0].decode().splitlines()
    return [one[:19] for one in told]


def weechat(listener):
    address = "127.0.0.1/%d" % listener.getsockname()[1]
    commands = ("/set logger.file.auto_log on;/set logger.file.flush_delay 0;/set logger.level.irc 9;"
                "/server add net %s -nicks=bot -notls -nossl;/connect net" % address)
    home = os.path.join(FOLDER, "weechat")
    log = os.path.join(home, "logs", "irc.net.ann.weechatlog")
    command = ["weechat-headless", "-d", home, "-r", commands]
    client = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=dict(os.environ, TZ="UTC"))
    try:
        with serve(listener):
            seen = []
            for _ in range(300):
                if os.path.exists(log):
                    with open(log) as file:
                        seen = [line.rstrip().split("\t") for line in file]
                    seen = [one for one in seen if one[-1] in ("one", "two", "end")]
                    if len(seen) == len(LINES):
                        break
                time.sleep(0.1)
    finally:
        client.kill()
        client.wait()
    return [one[0].replace(" ", "T") for one in seen]


different = []
print("  %-14s %s" % ("said at", "  ".join(when[:19] for when in TIMES)))
with socket.create_server(("127.0.0.1", 0)) as listener:
    listener.settimeout(30)
    for name, seen, expected in (
        ("Limnoria", list(limnoria()), "malformed"),
        ("Sopel", list(sopel()), "now"),
        ("irc-framework", framework(listener), "none"),
        ("WeeChat", weechat(listener), "2012-07-01T00:00:00"),
    ):
        print("  %-14s %s" % (name, "  ".join("%-19s" % one for one in seen)))
        if seen != [BEFORE, expected, AFTER]:
            different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 120 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: one drops the message, one says now, one nothing, and one has the time."
