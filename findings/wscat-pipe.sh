#!/usr/bin/env bash
# `printf 'one\ntwo\n' | wscat -c URL` sends nothing and exits with 0; `python -m websockets` hears no answer.
#
# wscat ends as soon as its input does, and input from a pipe has ended long before the connection stands: the lines are
# read and thrown away, without a word. So it does with `-x TEXT`, "execute command after connecting", where the input
# is /dev/null as in cron or CI. The command of websockets sends all lines, and hangs up at the end of the input: the
# answers are on their way. wsdump of websocket-client sends them all as well, and waits with `--eof-wait` for what
# comes.
# Seen with wscat 6.1.0 (npm), and the PyPI packages websockets 17.4 and websocket-client 1.9.2.
# Scripts that tell a room "deployed" from a pipeline, and tests in a shell: look for the answer, not for the exit
# status; wscat needs an input that stays open, as `sleep 3 | wscat -c URL -x TEXT`.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts wscat@6.1.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check websockets==17.4 websocket-client==1.9.2
echo "wscat 6.1.0, Node $(node --version), websockets 17.4, websocket-client 1.9.2, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import asyncio, contextlib, os, sys

import websockets.asyncio.server
import websockets.exceptions

FOLDER = sys.argv[1]
TEXTS = ["one", "two"]
CLIENTS = [
    ("wscat", ["node", FOLDER + "/node_modules/wscat/bin/wscat", "-c", "URL"], ([], [], 0)),
    ("wscat -x one", ["node", FOLDER + "/node_modules/wscat/bin/wscat", "-c", "URL", "-x", "one"], ([], [], 0)),
    ("python -m websockets", [FOLDER + "/venv/bin/python", "-m", "websockets", "URL"], (TEXTS, [], 0)),
    ("wsdump --eof-wait 1", [FOLDER + "/venv/bin/wsdump", "--eof-wait", "1", "URL"], (TEXTS, TEXTS, 0)),
]


async def main():
    said, answering = [], []

    async def answer(connection):
        """Answers what it hears, after the time that a network takes."""
        answering.append(asyncio.current_task())
        with contextlib.suppress(websockets.exceptions.ConnectionClosedError):
            async for text in connection:
                said.append(text)
                await asyncio.sleep(0.1)
                with contextlib.suppress(websockets.exceptions.ConnectionClosed):
                    await connection.send("answer to " + text)

    different = []
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    async with websockets.asyncio.server.serve(answer, "127.0.0.1", 0) as server:
        url = "ws://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        print("  %-22s %-16s %-16s %s" % ("", "sent", "answers heard", "exit status"))
        for name, command, expected in CLIENTS:
            said.clear()
            client = await asyncio.create_subprocess_exec(
                *[url if one == "URL" else one for one in command], stdin=asyncio.subprocess.PIPE, env=environment,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
            output = (await asyncio.wait_for(client.communicate(b"one\ntwo\n"), 30))[0].decode()
            if answering:
                await asyncio.wait(answering, timeout=20)
            seen = (list(said), [text for text in TEXTS if "answer to " + text in output], client.returncode)
            print("  %-22s %-16s %-16s %d" % (name, " ".join(seen[0]), " ".join(seen[1]), seen[2]))
            if seen != expected:
                different.append("%s, expected %s" % (name, expected))
    if different:
        sys.exit("DIFFERENT: " + "; ".join(different))


asyncio.run(main())
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: the one sends nothing, and the other hears nothing."
