#!/usr/bin/env bash
# supervisord counts letters where it says that it counts bytes, so the rest of "Grüße" is the next event.
#
# An event listener is sent a line of headers, and then as many bytes as `len` says in it (Supervisor's documentation,
# "Events": "the number of bytes in the event payload"). Since version 4 it is the number of letters. A listener that
# reads bytes, as one in Perl, C or Go does, has a part of a text with umlauts, and the last bytes of it before the next
# line of headers. Supervisor's own childutils reads letters, if the locale is one of UTF-8. If a piece of the output
# ends within a letter, the event has no text but a Python expression, "Undecodable: b'…'", for everybody.
# Seen with the PyPI package supervisor 4.3.0 and Perl 5.36.
# Listeners to what chat programs write; in tests with ASCII all is well.
set -euo pipefail
tmp=$(mktemp -d)
supervisord=
trap '[[ -z $supervisord ]] || kill "$supervisord" 2>/dev/null || true; wait || true; rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check supervisor==4.3.0 setuptools==80.9.0
echo "supervisor 4.3.0, $(python3 --version), $(perl -e 'print "Perl $^V"')"

# Writes whether what it reads is a line of headers, and the text in as many bytes behind it as are named there.
cat >"$tmp/bytes.pl" <<'PERL'
$| = 1;
binmode STDIN;
open my $log, '>', $ARGV[0];
$log->autoflush(1);
print "READY\n";
while (defined(my $headers = <STDIN>)) {
    my ($length) = $headers =~ /\blen:(\d+)/;
    my $payload = '';
    read STDIN, $payload, $length || 0;
    $payload =~ s/.*\n//;
    my $told = 'headers: ' . ($headers =~ /^ver:/ ? 'right' : substr($headers, 0, 10)) . " text: $payload";
    print $log $told =~ s/([^ -~])/sprintf '\x%02x', ord $1/ger, "\n";
    print "RESULT 2\nOKREADY\n";
}
PERL
cat >"$tmp/letters.py" <<'PYTHON'
import sys

from supervisor.childutils import listener

with open(sys.argv[1], "w", buffering=1, encoding="utf-8") as log:
    while True:
        headers, payload = listener.wait()
        print("headers: right text:", payload.split("\n", 1)[1], file=log)
        listener.ok()
PYTHON
cat >"$tmp/chat.py" <<'PYTHON'
import os, time

for text in (b"hello", "Grüße".encode(), b"one", "ü".encode()[:1], b"two"):
    os.write(1, text)
    time.sleep(2)
time.sleep(60)
PYTHON
cat >"$tmp/supervisord.conf" <<CONF
[supervisord]
nodaemon = true
logfile = $tmp/log
pidfile = $tmp/pid
childlogdir = $tmp
[program:chat]
command = $tmp/venv/bin/python $tmp/chat.py
priority = 2
startsecs = 0
stdout_events_enabled = true
[eventlistener:bytes]
command = perl $tmp/bytes.pl $tmp/by_bytes
events = PROCESS_LOG_STDOUT
priority = 1
[eventlistener:letters]
command = $tmp/venv/bin/python $tmp/letters.py $tmp/by_letters
environment = PYTHONUTF8="1"
events = PROCESS_LOG_STDOUT
priority = 1
CONF
timeout 100 "$tmp/venv/bin/supervisord" -c "$tmp/supervisord.conf" >/dev/null 2>&1 &
supervisord=$!

expected_letters='headers: right text: hello
headers: right text: Grüße
headers: right text: one
headers: right text: Undecodable: b'"'\\xc3'"'
headers: right text: two'
for _ in $(seq 300); do
    [[ -f $tmp/by_letters && $(wc -l <"$tmp/by_letters") == 5 ]] && break
    sleep 0.2
done
sleep 1
expected_bytes='headers: right text: hello
headers: right text: Gr\xc3\xbc\xc3
headers: \x9fever:3.0  text: one
headers: right text: Undecodable: b'"'\\xc3'"'
headers: right text: two'
check() {
    echo "$1:"
    sed 's/^/  /' "$tmp/by_$1"
    [[ $(cat "$tmp/by_$1") == "$2" ]] || { echo "DIFFERENT: expected $2"; exit 1; }
}
check letters "$expected_letters"
check bytes "$expected_bytes"
echo "As told: with bytes only a part of the word is there, and the rest is the next event."
