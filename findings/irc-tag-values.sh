#!/usr/bin/env bash
# Two Python libraries for IRC read a message tag wrong that four others read right.
#
# In a tag's value `\:` means a semicolon, `\s` a blank and `\\` a backslash (IRCv3 message tags). Sopel hands
# the value over as it came. pydle replaces one escape after the other in the whole value, so that the
# second half of an escaped backslash and the `s` behind it become a blank: `C:\system` is `C: ystem`.
# Limnoria, miniirc, irctokens and irc are right.
# Seen with the PyPI packages sopel 8.0.4, pydle 1.2.0, limnoria 2026.10.4, miniirc 1.10.0, irctokens 2.0.2
# and irc 20.5.0.
# Tags whose values people write, such as those of reactions or of bridged nicknames, are the ones to test.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    sopel==8.0.4 pydle==1.2.0 limnoria==2026.10.4 miniirc==1.10.0 \
    irctokens==2.0.2 irc==20.5.0
python3 --version

cat >"$tmp/try.py" <<'PYTHON'
import contextlib, io, sys

VALUE = r"C:\system; ok"  # what is meant
SENT = r"C:\\system\:\sok"
LINE = "@+x=%s :ann!ann@host PRIVMSG #room :hello" % SENT


def sopel():
    from sopel.tools.identifiers import Identifier
    from sopel.trigger import PreTrigger

    return PreTrigger(Identifier("bot"), LINE).tags["+x"]


def pydle():
    from pydle.features.ircv3.tags import TaggedMessage

    return TaggedMessage.parse(LINE.encode() + b"\r\n").tags["+x"]


def limnoria():
    with contextlib.redirect_stdout(io.StringIO()):
        from supybot import ircmsgs
    return ircmsgs.IrcMsg(LINE).server_tags["+x"]


def miniirc():
    import miniirc

    return miniirc.ircv3_message_parser(LINE)[2]["+x"]


def irctokens():
    import irctokens

    return irctokens.tokenise(LINE).tags["+x"]


def irc():
    from irc.message import Tag

    return Tag.from_group(LINE[1:].split(" ")[0])[0]["value"]


EXPECTED = {
    sopel: SENT,
    pydle: "C: ystem; ok",
    limnoria: VALUE,
    miniirc: VALUE,
    irctokens: VALUE,
    irc: VALUE,
}
print("  sent      %s\n  meant     %r" % (SENT, VALUE))
different = []
for library, expected in EXPECTED.items():
    value = library()
    print("  %-9s %r" % (library.__name__, value))
    if value != expected:
        different.append("%s, expected %r" % (library.__name__, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
(cd "$tmp" && timeout 60 "$tmp/venv/bin/python" "$tmp/try.py")
echo "As told: two of six read the value wrong."
