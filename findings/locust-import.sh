#!/usr/bin/env bash
# `import locust` turns the threads of the program that imports it into coroutines, at once.
#
# The import alone patches the standard library with gevent: socket.socket and threading.Thread are other
# classes, select.epoll is gone, and every new thread runs in the one OS thread. While one of them
# computes without a pause nothing else runs: below, Thread.start() comes back when the new thread has done
# its second of work. LOCUST_SKIP_MONKEY_PATCH=1 turns it off. What was imported before with
# `from socket import socket` stays the real one, so the order of imports counts.
# Seen with locust 2.32.4 and Python 3.11.
# A chat server's load test that imports a client with a thread of its own gets other threads.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 400 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check locust==2.32.4 gevent==24.11.1

cat >"$tmp/try.py" <<'PYTHON'
import os, select, socket, sys, threading, time
from socket import socket as imported_before

thread_before = threading.Thread

import locust

patched = "LOCUST_SKIP_MONKEY_PATCH" not in os.environ
print("locust", locust.__version__, "- Python", sys.version.split()[0], "- patched" if patched else "- not patched")


def check(what, seen, expected):
    print("  %-45s %s" % (what, seen))
    if seen != expected:
        sys.exit("DIFFERENT: expected %s" % expected)


check("socket.socket is another class", socket.socket is not imported_before, patched)
check("threading.Thread is another class", threading.Thread is not thread_before, patched)
check("select.epoll is gone", not hasattr(select, "epoll"), patched)

ids = []
thread = threading.Thread(target=lambda: ids.append(threading.get_native_id()))
thread.start()
thread.join()
check("a new thread has the main thread's OS thread", ids[0] == threading.get_native_id(), patched)


def compute():
    end = time.monotonic() + 1
    while time.monotonic() < end:
        pass


thread = threading.Thread(target=compute)
begin = time.monotonic()
thread.start()
took = time.monotonic() - begin
thread.join()
check("Thread.start() lasts as long as its work", took > 0.9, patched)
sys.stdout.flush()
os._exit(0)  # gevent would complain about the interpreter's end
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
LOCUST_SKIP_MONKEY_PATCH=1 timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: the import alone changes the program's threads and sockets."
