#!/usr/bin/env bash
# Three programs for IRC do not hear a message of one word if it comes without a colon.
#
# The colon before the last parameter is needed only for one that has blanks, is empty or begins with a colon; whether
# it is there says nothing (RFC 2812, 2.3.1, note 3), and Ergo, for one, leaves it out where it can unless its
# `force-trailing` is on. Of `PRIVMSG #room hello` ii and sic show an empty line, sic in a room called "#room hello";
# `TOPIC #room hello` is an empty topic for ii; irc3 calls no handler at all. Of `:hello` all three hear what the
# libraries irctokens and pydle hear of both.
# Seen with ii 1.8 and sic 1.1 (Debian packages), and the PyPI packages irc3 1.1.12, irctokens 2.0.2 and pydle 1.2.0.
# Short answers are lost, "yes" but never "yes please", so that nobody thinks of the server. Write the colon always.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for tool in ii sic; do
    command -v "$tool" >/dev/null || {
        timeout 300 apt-get -qq update
        timeout 300 apt-get -qq install -y --no-install-recommends ii sic >/dev/null
        break; }
done
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    irc3==1.1.12 irctokens==2.0.2 pydle==1.2.0 setuptools==80.9.0
echo "$(python3 --version), $(dpkg-query -W -f '${Package} ${Version} ' ii sic)"

cat >"$tmp/try.py" <<'PYTHON'
import pathlib, re, socket, subprocess, sys, tempfile, time

import irc3
import irc3.testing
import irctokens
import pydle.features.rfc1459.parsing

WITH, WITHOUT = ":ann!a@host.example %s #room :hello", ":ann!a@host.example %s #room hello"
END = ":ann!a@host.example PRIVMSG #room :the end"


def lines_shown(program, shown, lines):
    """What `program` shows of the lines of a server, told by shown(), when it has shown the last."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = str(listener.getsockname()[1])
    with tempfile.TemporaryFile("w+") as output:
        client = subprocess.Popen(program + ["-p", port, "-n", "bob"], stdin=subprocess.PIPE, stdout=output)
        try:
            connection, _ = listener.accept()
            welcome = [":irc.example.net 001 bob :Welcome", ":bob!b@host.example JOIN #room"]
            connection.sendall("".join(line + "\r\n" for line in welcome + lines + [END]).encode())
            for _ in range(200):
                output.seek(0)
                text = shown(output.read())
                if "the end" in text:
                    return [line for line in text.splitlines() if "ann" in line][:-1]
                time.sleep(0.1)
            return ["no end"]
        finally:
            client.kill()
            client.wait()


def by_sic(lines):
    told = lines_shown(["sic", "-h", "127.0.0.1"], str, lines)
    return [re.sub(r" *: [0-9/]+ [0-9:]+", "", line) for line in told]


def by_ii(lines):
    folder = pathlib.Path(tempfile.mkdtemp(dir=sys.argv[1]))

    def shown(_):
        return "".join(out.read_text() for out in folder.glob("127.0.0.1/#room/out"))

    told = lines_shown(["ii", "-s", "127.0.0.1", "-i", str(folder)], shown, lines)
    return [re.sub(r"^\d+ ", "", line) for line in told]


def by_irc3(lines):
    heard = []
    bot = irc3.testing.IrcBot(nick="bob")
    bot.attach_events(irc3.event(irc3.rfc.PRIVMSG, lambda **found: heard.append(found["data"])))
    for line in lines:
        bot.dispatch(line)
    return heard


def by_irctokens(lines):
    return [irctokens.tokenise(line).params[-1] for line in lines]


def by_pydle(lines):
    parse = pydle.features.rfc1459.parsing.RFC1459Message.parse
    return [parse(line.encode() + b"\r\n").params[-1] for line in lines]


EXPECTED = [
    (by_ii, "PRIVMSG", ["<ann> hello"], ["<ann> "]),
    (by_ii, "TOPIC", ['-!- ann changed topic to "hello"'], ['-!- ann changed topic to ""']),
    (by_sic, "PRIVMSG", ["#room <ann> hello"], ["#room hello <ann> "]),
    (by_irc3, "PRIVMSG", ["hello"], []),
    (by_irctokens, "PRIVMSG", ["hello"], ["hello"]),
    (by_pydle, "PRIVMSG", ["hello"], ["hello"]),
]
different = []
for hear, command, *expected in EXPECTED:
    heard = [hear([form % command]) for form in (WITH, WITHOUT)]
    print("  %-9s %-8s with a colon %r, without %r" % (hear.__name__[3:], command, *heard))
    if heard != expected:
        different.append("%s of %s, expected %r" % (hear.__name__[3:], command, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 55 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: ii and sic show nothing of the word, irc3 has no event, the others hear it either way."
