#!/usr/bin/env bash
# With unbuffered output argparse exits with 0 and says nothing when --help or --version cannot be written.
#
# With `python -u` (or PYTHONUNBUFFERED, which container images often set) `prog --version > /dev/full` has
# no output, no error and status 0, while print() to the same place ends with OSError and status 1:
# ArgumentParser drops every OSError of that write. With buffered output Python finds out at exit: 120.
# Seen with Python 3.11.7, 3.12.1 and 3.13.0; 3.6 to 3.11.2 raise OSError, and this script says "DIFFERENT".
# An installer that asks a server `--version > file` on a full disk takes the empty file for an answer.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 --version
cat >"$tmp/prog.py" <<'PYTHON'
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--version", action="version", version="prog 1.0")
parser.parse_args()
PYTHON
unset PYTHONUNBUFFERED

expect() {
    local status=0
    timeout 20 python3 "${@:3}" >/dev/full 2>"$tmp/said" || status=$?
    echo "$1 status $status; stderr: $(tail -n 1 "$tmp/said")"
    ((status == $2)) || { echo "DIFFERENT: expected status $2"; exit 1; }
}
silent() {
    [[ ! -s $tmp/said ]] || { echo "DIFFERENT: an error is told"; exit 1; }
}
expect "python -u, print():  " 1 -uc 'print("prog 1.0")'
expect "python -u, --version:" 0 -u "$tmp/prog.py" --version
silent
expect "python -u, --help:   " 0 -u "$tmp/prog.py" --help
silent
expect "python, --version:   " 120 "$tmp/prog.py" --version
echo "As told: nothing was written, and nobody was told."
