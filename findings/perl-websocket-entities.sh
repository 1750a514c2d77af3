#!/usr/bin/env bash
# A bot in Perl that says "Gr&uuml;&szlig;e" from a web page ends the WebSocket of its hearers, unless a € is in it.
#
# A text message is UTF-8, and whoever receives another one has to hang up (RFC 6455, 8.1). Protocol::WebSocket says
# that a frame "automatically" detects whether it is made of a text or of bytes. It goes by Perl's UTF-8 flag, which
# tells how a string is stored and not what it is: HTML::Entities, and chr(), give a text without it as long as all of
# its letters are below 256. So "Gr&uuml;&szlig;e" is sent as Latin-1, and its reader says 1007; with "&euro;" in the
# same text all of it is UTF-8. A literal under `use utf8` and what JSON::PP has read have the flag.
# Seen with Protocol::WebSocket 0.26 and HTML::Entities of HTML::Parser 3.81 (Debian packages libprotocol-websocket-perl
# and libhtml-parser-perl), and the PyPI package websockets 17.4.
# Bots that tell the titles of web pages: utf8::upgrade() each text, or encode it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

perl -MProtocol::WebSocket -MHTML::Entities -e 1 2>/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends \
        libprotocol-websocket-perl libhtml-parser-perl >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check websockets==17.4
dpkg-query -W -f '${Package} ${Version}\n' libprotocol-websocket-perl libhtml-parser-perl
echo "$(perl -e 'print "Perl $^V"'), websockets 17.4, $(python3 --version)"

cat >"$tmp/serve.pl" <<'PERL'
# Writes its port, and says to each client the next of the texts; the word before a text tells how it is made.
use HTML::Entities qw(decode_entities);
use IO::Socket::INET;
use JSON::PP;
use Protocol::WebSocket;
$| = 1;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die;
print $listener->sockport, "\n";
for my $text (@ARGV) {
    my ($how, $what) = split / /, $text, 2;
    my $client = $listener->accept;
    my $handshake = Protocol::WebSocket::Handshake::Server->new;
    until ($handshake->is_done) {
        $client->sysread(my $data, 4096) or die;
        $handshake->parse($data) or die $handshake->error;
    }
    $client->syswrite($handshake->to_string);
    my $said = $how eq 'html' ? decode_entities($what) : JSON::PP->new->decode($what)->[0];
    utf8::upgrade($said) if $how eq 'html' && $what =~ /upgraded/;
    $client->syswrite(Protocol::WebSocket::Frame->new($said)->to_bytes);
    1 while $client->sysread(my $data, 4096) && ord($data) != 0x88;
    $client->close;
}
PERL
cat >"$tmp/try.py" <<'PYTHON'
import asyncio, os, subprocess, sys

import websockets.asyncio.client
import websockets.exceptions

CASES = [
    ("html hello", "hello"),
    ("html Gr&uuml;&szlig;e", "1007"),
    ("html Gr&uuml;&szlig;e f&uuml;r 5 &euro;", "Grüße für 5 €"),
    ("html Gr&uuml;&szlig;e, upgraded", "Grüße, upgraded"),
    ('json ["Gr\\u00fc\\u00dfe"]', "Grüße"),
]


async def heard(port):
    """The text that a client hears, or the code with which it hangs up."""
    async with websockets.asyncio.client.connect(
            "ws://127.0.0.1:%d" % port, proxy=None, compression=None, close_timeout=1) as client:
        try:
            return await asyncio.wait_for(client.recv(), 20)
        except websockets.exceptions.ConnectionClosed as error:
            return str(error.sent.code)


command = ["perl", os.path.join(sys.argv[1], "serve.pl")] + [text for text, _ in CASES]
server = subprocess.Popen(command, stdout=subprocess.PIPE)
different = []
try:
    port = int(server.stdout.readline())
    for text, expected in CASES:
        seen = asyncio.run(heard(port))
        print("  %-40s %s" % (text, seen))
        if seen != expected:
            different.append("%s, expected %s" % (text, expected))
finally:
    server.kill()
    server.wait()
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
PYTHONIOENCODING=utf-8 timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: umlauts from a web page end the connection, and a € among them mends it."
