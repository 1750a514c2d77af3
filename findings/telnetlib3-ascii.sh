#!/usr/bin/env bash
# telnetlib3's client sends "?" for every letter that is not ASCII, also with encoding="utf8".
#
# Unless the server negotiates BINARY (or the caller says force_binary=True, or encoding=False and bytes)
# the encoding asked for is not used: what is written is encoded as US-ASCII with "?" for the rest, what
# is read is decoded with a U+FFFD for each byte. No error, no warning. And open_connection() takes two
# seconds with a server that does not negotiate, unless connect_minwait=0 is given.
# Seen with telnetlib3 2.0.4.
# A bot written with it spoils all umlauts at a plain UTF-8 line server, which did nothing wrong.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check telnetlib3==2.0.4
echo "telnetlib3 2.0.4, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import asyncio, sys, time

import telnetlib3

WORD = "gr\u00fc\u00dfe"


async def exchange(**options):
    """What a plain server gets, what the client reads, and how long the client took to connect."""
    line = asyncio.get_running_loop().create_future()

    async def serve(reader, writer):
        writer.write(WORD.encode() + b"\r\n")
        line.set_result(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    start = time.monotonic()
    reader, writer = await telnetlib3.open_connection(*server.sockets[0].getsockname()[:2], **options)
    took = time.monotonic() - start
    writer.write(WORD + "\n")
    got = await asyncio.wait_for(line, 10)
    read = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    server.close()
    return got, read, took


def check(what, seen, expected):
    print("  %-18s %a" % (what, seen))
    if seen != expected:
        sys.exit("DIFFERENT: expected %a" % (expected,))


async def main():
    print('encoding="utf8"')
    got, read, took = await exchange(encoding="utf8")
    check("the server gets", got, b"gr??e\n")
    check("the client reads", read, "gr\ufffd\ufffd\ufffd\ufffde\r\n")
    check("takes over 1.9 s", took > 1.9, True)
    print('encoding="utf8", force_binary=True, connect_minwait=0')
    got, read, took = await exchange(encoding="utf8", force_binary=True, connect_minwait=0)
    check("the server gets", got, WORD.encode() + b"\n")
    check("the client reads", read, WORD + "\r\n")
    check("takes over 1.9 s", took > 1.9, False)


asyncio.run(asyncio.wait_for(main(), 50))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: the encoding asked for is not used."
