#!/usr/bin/env bash
# What Python logs to rsyslog over TCP is there only when the program has ended, and as a single record.
#
# Over TCP a record of syslog ends with a line feed, or begins with its length (RFC 6587, 3.4). SysLogHandler with
# SOCK_STREAM puts a NUL at its end, as over UDP, and rsyslog waits for a line feed: nothing is in the log while the
# connection lasts, and afterwards a single line with `#000` and `<11>` in it, filed with the severity of the first
# record, here an error as information. The documentation of logging tells of TCP and of the NUL, and not that they do
# not go together. Logbook, rfc5424-logging-handler and logger write what rsyslog reads; the second one begins each
# text with U+FEFF, as RFC 5424 has it, and rsyslog leaves that in the text.
# Seen with Python 3.11, the PyPI packages Logbook 1.10.1 and rfc5424-logging-handler 1.4.3, rsyslog 8.2302.0 and
# logger of util-linux 2.38.1 (Debian packages rsyslog and bsdutils).
# Servers that log over TCP so that nothing gets lost: `handler.append_nul = False`, and a format with "\n" at its end.
set -euo pipefail
tmp=$(mktemp -d)
rsyslog=
trap '[[ -z $rsyslog ]] || kill "$rsyslog" 2>/dev/null || true; wait || true; rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
command -v rsyslogd >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends rsyslog >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check logbook==1.10.1 rfc5424-logging-handler==1.4.3
echo "$(python3 --version), Logbook 1.10.1, rfc5424-logging-handler 1.4.3, $(logger --version)"
dpkg-query -W -f '${Package} ${Version}\n' rsyslog

port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
cat >"$tmp/rsyslog.conf" <<CONF
global(workDirectory="$tmp")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="$port")
template(name="short" type="string" string="%syslogseverity-text%:%msg%\n")
action(type="omfile" file="$tmp/written" template="short")
CONF
timeout 200 rsyslogd -n -f "$tmp/rsyslog.conf" -i "$tmp/pid" >"$tmp/log" 2>&1 &
rsyslog=$!

cat >"$tmp/try.py" <<'PYTHON'
import logging, logging.handlers, os, socket, subprocess, sys, time

import logbook
from rfc5424logging import Rfc5424SysLogHandler

FOLDER, PORT = sys.argv[1], int(sys.argv[2])
RECORDS = [("info", "chat: ann enters"), ("err", "chat: cannot write")]


def by_logging(handler):
    logger = logging.Logger("chat")
    logger.addHandler(handler)
    logger.info(RECORDS[0][1])
    logger.error(RECORDS[1][1])
    return handler.close


def python():
    return by_logging(logging.handlers.SysLogHandler(("127.0.0.1", PORT), socktype=socket.SOCK_STREAM))


def rfc5424():
    return by_logging(Rfc5424SysLogHandler(("127.0.0.1", PORT), socktype=socket.SOCK_STREAM))


def by_logbook():
    handler = logbook.SyslogHandler("chat", address=("127.0.0.1", PORT), socktype=socket.SOCK_STREAM, level="INFO")
    with handler.applicationbound():
        logger = logbook.Logger("chat")
        logger.info(RECORDS[0][1])
        logger.error(RECORDS[1][1])
    return handler.close


def logger():
    for severity, text in RECORDS:
        command = ["logger", "--tcp", "--server", "127.0.0.1", "--port", str(PORT), "--priority", "user." + severity]
        subprocess.run(command + [text], check=True, timeout=30)
    return lambda: None


def written():
    try:
        with open(os.path.join(FOLDER, "written"), encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def until(number):
    for _ in range(100):
        if len(written()) >= number:
            break
        time.sleep(0.1)


for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", PORT)).close()
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
RIGHT = (2, ["info:chat: ann enters", "err:chat: cannot write"])
CASES = [
    ("logger", logger, RIGHT),
    ("Logbook", by_logbook, (2, ["info:chat: chat: ann enters", "err:chat: chat: cannot write"])),
    ("rfc5424", rfc5424, (2, ["info:\ufeffchat: ann enters", "err:\ufeffchat: cannot write"])),
    ("SysLogHandler", python, (0, ["info: ann enters#000<11>chat: cannot write"])),
]
different = []
for name, log, expected in CASES:
    before = len(written())
    end = log()
    time.sleep(3)
    at_once = len(written()) - before
    end()
    until(before + 1)
    time.sleep(1)
    seen = at_once, written()[before:]
    print("  %-14s %d lines while connected, afterwards %a" % ((name,) + seen))
    if seen != expected:
        different.append("%s, expected %a" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 150 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp" "$port"
echo "As told: of two records of one handler there is none, and then one."
