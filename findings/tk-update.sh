#!/usr/bin/env bash
# In Tk update() also runs what its own callbacks plan for "now", and update_idletasks() likewise.
#
# Neither call does one round of what is due: both go on until nothing is. A callback that plans itself
# again with after(0, ...) keeps a single update() busy, one that does so with after_idle(...) keeps
# a single update_idletasks() busy: for ever, if it always does.
# Seen with Tk 8.6.13 and Python 3.11 (Debian package python3-tk; needs xvfb).
# A chat window that polls its socket in such a callback does not come back from update().
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v xvfb-run >/dev/null || ! /usr/bin/python3 -c 'import tkinter' 2>/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends python3-tk xvfb xauth >/dev/null
fi

cat >"$tmp/try.py" <<'PYTHON'
import sys, tkinter

TIMES = 1000
root = tkinter.Tk()
print("Python", sys.version.split()[0], "- Tk", root.tk.call("info", "patchlevel"))


def calls_in_one(run, plan):
    """How often a callback that plans itself again, at most TIMES, is called within one run()."""
    calls = []

    def callback():
        calls.append(None)
        if len(calls) < TIMES:
            plan(callback)

    root.update()
    plan(callback)
    run()
    return len(calls)


def check(what, seen, expected):
    print("%-48s %d of %d calls" % (what, seen, TIMES))
    if seen != expected:
        sys.exit("DIFFERENT: expected %d" % expected)


check("update() and after(0, ...):", calls_in_one(root.update, lambda again: root.after(0, again)), TIMES)
check("update_idletasks() and after(0, ...):",
      calls_in_one(root.update_idletasks, lambda again: root.after(0, again)), 0)
root.update()
check("update_idletasks() and after_idle(...):", calls_in_one(root.update_idletasks, root.after_idle), TIMES)
PYTHON
timeout 60 xvfb-run -a /usr/bin/python3 "$tmp/try.py"
echo "As told: one call of update() made all thousand calls."
