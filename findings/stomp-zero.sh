#!/usr/bin/env bash
# Who says "0" over STOMP from Perl says nothing.
#
# For Net::Stomp and POE::Filter::Stomp a body that is false is no body, and the string "0" is false for Perl: the text
# arrives empty, without a word; "00", "0.0" and " 0" arrive. With `bytes_message => 1` Net::Stomp also counts the
# letter that it does not send: the frame says `content-length:1`, and its reader takes the frame's end for the text and
# looks for an end in the next frame (STOMP 1.2, "Body"). What says "0" to Net::Stomp is heard, so a test in which it
# only listens finds nothing. stomp.py and ruby-stomp send it.
# Seen with Net::Stomp 0.61, POE::Filter::Stomp 0.04 and ruby-stomp 1.4.10 (Debian packages libnet-stomp-perl,
# libpoe-filter-stomp-perl and ruby-stomp), and the PyPI package stomp.py 9.0.0.
# Answers to "how many?", votes and exit codes: the one answer that is lost is the one that often matters.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
perl -MNet::Stomp -e 1 2>/dev/null || missing+=(libnet-stomp-perl)
perl -MPOE::Filter::Stomp -e 1 2>/dev/null || missing+=(libpoe-filter-stomp-perl)
ruby -e 'require "stomp"' 2>/dev/null || missing+=(ruby ruby-stomp)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check stomp.py==9.0.0
dpkg-query -W -f '${Package} ${Version}\n' libnet-stomp-perl libpoe-filter-stomp-perl ruby-stomp
echo "stomp.py 9.0.0, $(python3 --version), $(perl -e 'print "Perl $^V"')"

# Each of these says the texts, and with another word before the texts, counts them.
cat >"$tmp/stomp.pl" <<'PERL'
use Net::Stomp;
my ($port, $counted, @texts) = @ARGV;
my $stomp = Net::Stomp->new({hostname => '127.0.0.1', port => $port});
$stomp->connect({});
for my $text (@texts) {
    $stomp->send({destination => '/room', body => $text, $counted ? (bytes_message => 1) : ()});
}
$stomp->disconnect;
PERL
cat >"$tmp/poe.pl" <<'PERL'
use IO::Socket::INET;
use Net::Stomp::Frame;
use POE::Filter::Stomp;
my ($port, $counted, @texts) = @ARGV;
my $socket = IO::Socket::INET->new("127.0.0.1:$port");
for my $text (@texts) {
    my $frame = Net::Stomp::Frame->new({command => 'SEND', headers => {destination => '/room'}, body => $text});
    print $socket @{POE::Filter::Stomp->new->put([$frame])};
}
PERL
cat >"$tmp/stomp.rb" <<'RUBY'
require "stomp"
port, counted, *texts = ARGV
connection = Stomp::Connection.new("", "", "127.0.0.1", port.to_i)
texts.each { |text| connection.publish("/room", text, { "suppress-content-length" => "yes" }) }
connection.disconnect
RUBY
cat >"$tmp/stomp_py.py" <<'PYTHON'
import sys

import stomp

port, counted, *texts = sys.argv[1:]
connection = stomp.Connection([("127.0.0.1", int(port))], auto_content_length=False)
connection.connect(wait=True)
for text in texts:
    connection.send("/room", text)
connection.disconnect()
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import os, re, socket, subprocess, sys

FOLDER = sys.argv[1]
TEXTS = ["1", "0", "00", "0.0", " 0"]
LOST = ["1", "", "00", "0.0", " 0"]


def sent(counted, texts, *command):
    """What a client sends to a broker that says yes to everything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        command += (str(listener.getsockname()[1]), counted) + tuple(texts)
        with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
            connection, _ = listener.accept()
            data = b""
            with connection:
                connection.settimeout(30)
                while True:
                    more = connection.recv(65536)
                    data += more
                    if not more:
                        break
                    if more.startswith((b"CONNECT\n", b"STOMP\n")):
                        connection.sendall(b"CONNECTED\nversion:1.1\nheart-beat:0,0\n\n\0")
                    receipt = re.search(rb"^receipt:(.*)$", more, re.MULTILINE)
                    if receipt:
                        connection.sendall(b"RECEIPT\nreceipt-id:" + receipt.group(1) + b"\n\n\0")
            client.wait(timeout=30)
    return data


def texts_of(data):
    frames = [frame for frame in data.split(b"\0") if frame.lstrip(b"\r\n").startswith(b"SEND")]
    return [frame.split(b"\n\n", 1)[1].decode() for frame in frames]


different = []
print("  %-20s %s" % ("said", TEXTS))
for name, command, expected in (
    ("Net::Stomp", ("perl", "stomp.pl"), LOST),
    ("POE::Filter::Stomp", ("perl", "poe.pl"), LOST),
    ("ruby-stomp", ("ruby", "stomp.rb"), TEXTS),
    ("stomp.py", (sys.executable, "stomp_py.py"), TEXTS),
):
    seen = texts_of(sent("", TEXTS, *command))
    print("  %-20s %s" % (name, seen))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
frame = re.search(rb"SEND\n.*?\0", sent("counted", ["0"], "perl", "stomp.pl"), re.DOTALL).group()
print("  with bytes_message  %a" % frame.decode())
if b"content-length:1\n" not in frame or not frame.endswith(b"\n\n\0"):
    different.append("with bytes_message, expected a length of 1 and no body")
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 120 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: for two of four a 0 is nothing."
